/* token.h: text <-> token ids.
 *
 * A vocabulary is built once, from a GGUF's tokenizer.* metadata or from a
 * tokenizer's own file, and is then immutable; all calls are thread-safe.
 * Encoding is linear (n log n) in the text and takes its working memory from
 * `mem`. */
#ifndef MOE_TOKEN_TOKEN_H
#define MOE_TOKEN_TOKEN_H

#include "base/alloc.h"
#include "base/bytes.h"
#include "format/gguf.h"

struct moe__vocab;

/* A growing list of ids. */
struct moe__ids {
    struct moe__mem *mem;
    moe_token *ids;
    size_t n;
    size_t cap;
    const _Atomic int32_t *stop; /* not 0: encoding ends; NULL: never */
};

void moe__ids_init(struct moe__ids *ids, struct moe__mem *mem);
/* MOE_ERR_NO_MEMORY, or MOE_ERR_CANCELLED if it is to stop. */
moe_status moe__ids_push(struct moe__ids *ids, moe_token id);
bool moe__ids_is_stopped(const struct moe__ids *ids);
void moe__ids_free(struct moe__ids *ids);

/* Memory comes from arena; MOE_ERR_FORMAT or _UNSUPPORTED names the key.  The
 * vocabulary borrows strings from gguf, which must live longer.  What serves
 * as a control token is of that kind here, whatever the file says. */
moe_status moe__vocab_create(struct moe__arena *arena,
                             const struct moe__gguf *gguf,
                             struct moe__vocab **out, struct moe__err *err);

/* The same from a tokenizer's own file, found by its content: tokenizer.model
 * (SentencePiece), tokenizer.json (Hugging Face) or tekken.json (Mistral).
 * Borrows nothing from `file`.  MOE_ERR_UNSUPPORTED names what it asks for and
 * the library does not have. */
moe_status moe__vocab_read(struct moe__arena *arena, struct moe__slice file,
                           struct moe__vocab **out, struct moe__err *err);
/* True if a file that starts like this may be one for moe__vocab_read. */
bool moe__vocab_is_file(struct moe__slice head);

int32_t moe__vocab_size(const struct moe__vocab *vocab);
/* "spm" or "bpe", and the pre-tokenizer's name. */
const char *moe__vocab_model(const struct moe__vocab *vocab);
const char *moe__vocab_pre(const struct moe__vocab *vocab);

/* Appends the ids of text to out, which is as before on failure.  flags:
 * moe_text_flags.  Any bytes come back when decoded, those of a user never as
 * control tokens; but for white space that a parsed control token takes (Phi-3)
 * or the pre-tokenizer leaves out ("whitespace").  MOE_ERR_UNSUPPORTED names a
 * byte for which the vocabulary has no token and no unknown token;
 * MOE_ERR_ARGUMENT: 2^31 - 1 bytes or more. Of tokens with the same text the
 * lowest id is given. */
moe_status moe__vocab_encode(const struct moe__vocab *vocab,
                             struct moe__slice text, moe_text_flags flags,
                             struct moe__ids *out, struct moe__err *err);

/* Bytes [begin, end) of a text. */
struct moe__trust {
    size_t begin;
    size_t end;
};
/* The same, but control tokens are found exactly where they lie inside one of
 * the n trusted parts (ascending, apart); ids are otherwise those of the text
 * as one string.  flags without MOE_TEXT_PARSE_CONTROL. */
moe_status moe__vocab_encode_trusted(const struct moe__vocab *vocab,
                                     struct moe__slice text,
                                     const struct moe__trust *trusted,
                                     int32_t n_trusted, moe_text_flags flags,
                                     struct moe__ids *out,
                                     struct moe__err *err);

/* What an id decodes to: the bytes of its piece (U+2581 already a space, byte
 * tokens one byte, byte-level BPE undone); for a control token, its name.
 * id in range. */
struct moe__slice moe__vocab_piece(const struct moe__vocab *vocab,
                                   moe_token id);
moe_token_kind moe__vocab_kind(const struct moe__vocab *vocab, moe_token id);
float moe__vocab_score(const struct moe__vocab *vocab, moe_token id);
bool moe__vocab_is_end(const struct moe__vocab *vocab, moe_token id);
/* True if encoding puts a space before the text (dummy prefix). */
bool moe__vocab_has_space_prefix(const struct moe__vocab *vocab);
/* The id whose raw text in the file is this, MOE_TOKEN_NONE if none. */
moe_token moe__vocab_find(const struct moe__vocab *vocab,
                          struct moe__slice text);
/* Names of control tokens in a text, found as if it were trusted. */
int32_t moe__vocab_count_controls(const struct moe__vocab *vocab,
                                  struct moe__slice text);
moe_token moe__vocab_special(const struct moe__vocab *vocab, moe_special which);

#endif
