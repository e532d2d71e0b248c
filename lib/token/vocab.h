/* vocab.h: the vocabulary's insides, shared by the files of this room. */
#ifndef MOE_TOKEN_VOCAB_H
#define MOE_TOKEN_VOCAB_H

#include "token/index.h"
#include "token/pattern.h"
#include "token/pretok.h"
#include "token/token.h"

enum {
    MOE__N_SPECIALS = MOE_SPECIAL_NEWLINE + 1,
    /* Longer names of tokens are not looked for in a text, which bounds the
     * work at each of its bytes. */
    MOE__MARK_BYTES = 255
};

struct moe__vocab {
    bool is_bpe; /* byte-level BPE; otherwise SentencePiece BPE */
    bool has_bos;
    bool has_eos;
    bool has_space_prefix;
    bool has_word_cuts; /* no piece has a space after another character */
    int32_t n_tokens;
    size_t max_piece_bytes;          /* of a normal token */
    const struct moe__slice *texts;  /* [n_tokens] in the file; borrowed */
    const struct moe__slice *pieces; /* [n_tokens] what they decode to */
    uint8_t *kinds;                  /* [n_tokens] moe_token_kind */
    bool *is_end;                    /* [n_tokens] */
    float *scores;                   /* [n_tokens] */
    moe_token special[MOE__N_SPECIALS];
    moe_token byte_ids[256];
    struct moe__text_index by_text;  /* all tokens, texts as in the file */
    struct moe__text_index by_piece; /* normal tokens, if they are searched */
    /* BPE: ids (left, right) -> rank, merged id. */
    struct moe__pair_index merges;
    /* Tokens that are found in a text as they stand, as a trie: (node, byte)
     * -> child node, id of the token that ends there.  Node 0 is the root. */
    struct moe__pair_index marks;
    bool is_mark_start[256]; /* by first byte */
    const char *pre;         /* the pre-tokenizer's name */
    const struct moe__pretok *pretok;
    struct moe__pattern patterns[MOE__PRETOK_STAGES]; /* [n_stages] */
    int32_t n_stages;
};

/* What is needed while a vocabulary is made. */
struct moe__vocab_loader {
    struct moe__arena *arena;
    const struct moe__gguf *gguf;
    struct moe__vocab *vocab;
    struct moe__err *err;
};

/* How many bytes of a file's text a sentence shows. */
MOE__INLINE int moe__token_shown(struct moe__slice text)
{
    return text.n < 40 ? (int)text.n : 40;
}

/* n * size bytes of the arena, cleared; NULL and the sentence if there is no
 * memory. */
void *moe__vocab_alloc(const struct moe__vocab_loader *loader, size_t n,
                       size_t size);

/* special.c: special ids, the set of ends, kinds by name.  has_kinds: the file
 * has types, and kinds holds them. */
moe_status moe__specials_read(const struct moe__vocab_loader *loader,
                              bool has_kinds);

/* marks.c: tokens that are found in a text as they stand. */
moe_status moe__marks_make(const struct moe__vocab_loader *loader);

/* A token found in a text: bytes [start, start + n). */
struct moe__mark {
    size_t start;
    size_t n;
    moe_token id;
};

/* One search through a text, forwards. */
struct moe__mark_finder {
    const struct moe__vocab *vocab;
    struct moe__slice text;
    const struct moe__trust *trusted; /* [n_trusted] those not passed yet */
    int32_t n_trusted;
};

/* The first token at or after `at`, the longest at its place.  User-defined
 * ones always count, control and unknown ones only if they lie inside a trusted
 * part; from those no token across the part's border takes bytes.
 * None: start = text.n, n = 0. */
struct moe__mark moe__mark_next(struct moe__mark_finder *finder, size_t at);

/* pieces.c: what tokens decode to, byte_ids and by_piece. */
moe_status moe__pieces_make(const struct moe__vocab_loader *loader);
/* The value of a text "<0x41>", -1 for any other text. */
int32_t moe__piece_byte(struct moe__slice text);

/* ---------------------------------------------------------------- encode */

/* A stretch of text that is to become one token. */
struct moe__symbol {
    uint32_t start;
    uint32_t n;    /* 0: joined to an earlier one */
    uint32_t prev; /* UINT32_MAX at the ends */
    uint32_t next;
    moe_token id; /* MOE_TOKEN_NONE: not known or none */
};

/* A pair of neighbours that may be joined: `key` is the order in which that
 * happens << 32 | the left symbol. */
struct moe__bid {
    uint64_t key;
    uint32_t n; /* bytes of both */
    moe_token id;
};

/* One call of moe__vocab_encode. */
struct moe__encoder {
    const struct moe__vocab *vocab;
    struct moe__ids *out;
    struct moe__err *err;
    size_t first;                /* where the fragment's ids start in out */
    struct moe__symbol *symbols; /* [cap_symbols] */
    size_t n_symbols;
    size_t cap_symbols;
    struct moe__bid *heap; /* [cap_heap] smallest key first */
    size_t n_heap;
    size_t cap_heap;
    uint8_t *text; /* [cap_text] a fragment with a space before it */
    size_t cap_text;
};

/* block, or a larger copy, with room for n elements of `size`; NULL (and block
 * untouched) if there is no memory. */
void *moe__token_grow(struct moe__mem *mem, void *block, size_t *cap, size_t n,
                      size_t size);
/* Appends the ids of bytes that no token of the vocabulary spells. */
moe_status moe__encode_bytes(struct moe__encoder *e, struct moe__slice bytes);

/* An empty list of symbols; then each in turn, by its length. */
moe_status moe__merge_begin(struct moe__encoder *e, size_t max_symbols);
void moe__merge_add(struct moe__encoder *e, size_t n, moe_token id);
/* Joins the symbols, which together are the text, best pair first. */
moe_status moe__merge_run(struct moe__encoder *e, struct moe__slice text);

moe_status moe__spm_encode(struct moe__encoder *e, struct moe__slice text,
                           bool has_space);
moe_status moe__bpe_encode(struct moe__encoder *e, struct moe__slice text);

#endif
