/* source.h: what a vocabulary is made from, whatever file it comes in.
 *
 * A source_*.c for each kind of file checks what the file says and fills a
 * struct moe__vocab_source; vocab.c makes the vocabulary of it. */
#ifndef MOE_TOKEN_SOURCE_H
#define MOE_TOKEN_SOURCE_H

#include "base/json.h"
#include "token/vocab.h"

/* Two texts that are joined to one. */
struct moe__vocab_merge {
    struct moe__slice left;
    struct moe__slice right;
};

struct moe__vocab_source {
    const char *tokens; /* what the file calls them, for sentences */
    const char *merges;
    bool is_bpe;
    bool has_unique_texts; /* two tokens with one text are refused */
    bool has_bos;
    bool has_eos;
    enum moe__space_prefix space_prefix;
    /* Arrays [n_tokens] live as long as the vocabulary.  Texts that are empty
     * are never found.  Normal tokens of a byte-level vocabulary are written
     * in the characters that pieces.c knows. */
    int32_t n_tokens;
    const struct moe__slice *texts;
    uint8_t *kinds;        /* NULL: the ids and texts tell */
    float *scores;         /* NULL: all 0 */
    const uint8_t *strips; /* enum moe__strip; NULL: none */
    /* ORDER MOE_SPECIAL; out of range: none.  That of a newline is not read. */
    int64_t special[MOE__N_SPECIALS];
    int64_t end_of_message;
    /* Of a byte-level vocabulary: merge i, best first; both texts empty: there
     * is none.  Called in order, when all tokens are known. */
    uint32_t n_merges;
    moe_status (*merge)(const struct moe__vocab_loader *loader, uint32_t i,
                        struct moe__vocab_merge *out);
    const void *file; /* what the reader needs for that */
    const char *pre;  /* the pre-tokenizer's name; lives like the arrays */
    const struct moe__pretok *pretok;
};

/* Of SentencePiece, with no tokens and no special ids. */
void moe__source_init(struct moe__vocab_source *source);

moe_status moe__vocab_make(struct moe__arena *arena,
                           const struct moe__vocab_source *source,
                           struct moe__vocab **out, struct moe__err *err);

/* n * size bytes of the arena, cleared; NULL and the sentence if there is no
 * memory. */
void *moe__source_alloc(struct moe__arena *arena, size_t n, size_t size,
                        struct moe__err *err);

/* tokenizer.model: a ModelProto of SentencePiece. */
moe_status moe__source_spm(struct moe__arena *arena, struct moe__slice file,
                           struct moe__vocab **out, struct moe__err *err);
/* tokenizer.json and tekken.json. */
moe_status moe__source_json(struct moe__arena *arena, struct moe__slice file,
                            struct moe__vocab **out, struct moe__err *err);
moe_status moe__source_hf(struct moe__arena *arena,
                          const struct moe__json *root, struct moe__vocab **out,
                          struct moe__err *err);
moe_status moe__source_tekken(struct moe__arena *arena,
                              const struct moe__json *root,
                              struct moe__vocab **out, struct moe__err *err);

/* --------------------------------------------------------- tokenizer.json */

/* A tokenizer.json while it is read. */
struct moe__hf_file {
    struct moe__arena *arena; /* the vocabulary's */
    struct moe__vocab_source *source;
    struct moe__err *err;
    const struct moe__json *root;
    const struct moe__json *merges; /* an array */
    struct moe__slice *texts;       /* [n_tokens] */
    struct moe__pretok *pretok;
    bool cuts_words; /* before each space */
};

/* source_hf_steps.c: what happens to text before it is made to tokens: sets
 * source->is_bpe, pretok and space_prefix, and cuts_words. */
moe_status moe__hf_steps(struct moe__hf_file *f);
/* source_hf_chars.c: bytes as tokens, and scores.  All else of source is
 * filled. */
moe_status moe__hf_characters(const struct moe__hf_file *f,
                              const struct moe__json *model);
/* Merge i: "left right" or ["left", "right"]. */
moe_status moe__hf_merge(const struct moe__hf_file *f, uint32_t i,
                         struct moe__vocab_merge *out);
/* What is put before and after: bos, eos. */
moe_status moe__hf_ends(struct moe__hf_file *f);

/* ---------------------------------------------------------------- helpers */

/* Member `key` of `object`, of the kind; `where` is what the sentence calls the
 * object, "config." for one. */
moe_status moe__source_member(const struct moe__json *object, const char *where,
                              const char *key, enum moe__json_kind kind,
                              const struct moe__json **out,
                              struct moe__err *err);
/* The same for an integer from min to max. */
moe_status moe__source_integer(const struct moe__json *object,
                               const char *where, const char *key,
                               const int64_t bounds[2], int64_t *out,
                               struct moe__err *err);

/* Stays as it is if the member is missing or null. */
moe_status moe__source_flag(const struct moe__json *object, const char *where,
                            const char *key, bool *flag, struct moe__err *err);

/* A copy of the regular expression called `where`, for moe__pattern_compile. */
moe_status moe__source_regex(struct moe__arena *arena, const char *where,
                             struct moe__slice regex, const char **out,
                             struct moe__err *err);

/* The place of a pair of neighbours in the order of joining, UINT32_MAX if it
 * is not joined.  Both are parts of one text, side by side. */
typedef uint32_t moe__join_order(const void *user, struct moe__slice left,
                                 struct moe__slice right);
/* How a text comes about when it stands alone and begins as characters. */
enum moe__join {
    MOE__JOIN_ONE,   /* it is a single character, or empty */
    MOE__JOIN_TWO,   /* from two parts */
    MOE__JOIN_NEVER, /* no joins lead to it */
    MOE__JOIN_LONG   /* more than MOE__JOIN_MAX characters */
};
enum { MOE__JOIN_MAX = 256 };
/* MOE__JOIN_TWO sets *out.  What is between two cuts is joined in the same way
 * whatever is around it, as long as the cuts last: so a text is only ever made
 * of these two parts. */
enum moe__join moe__join_parts(struct moe__slice text, moe__join_order *order,
                               const void *user, struct moe__vocab_merge *out);

#endif
