/* pretok.h: which patterns cut a text into the pieces that byte-pair merging
 * never crosses, by the names of tokenizer.ggml.pre. */
#ifndef MOE_TOKEN_PRETOK_H
#define MOE_TOKEN_PRETOK_H

#include "base/bytes.h"

enum {
    MOE__PRETOK_STAGES = 6,
    /* a piece that is a token by itself is not merged */
    MOE__PRETOK_IGNORE_MERGES = 1,
    /* the begin-of-text token is added if the file does not say */
    MOE__PRETOK_ADD_BOS = 2,
    /* tokens are characters, U+2581 for a space, and not mapped bytes */
    MOE__PRETOK_CHARACTERS = 4,
    /* MOE__PRETOK_IGNORE_MERGES for runs of newlines */
    MOE__PRETOK_WHOLE_LINES = 8,
    /* what the last pattern does not match is left out */
    MOE__PRETOK_DROP_GAPS = 16
};

struct moe__pretok {
    const char *names; /* with a blank between */
    uint32_t flags;
    /* Stage k cuts each piece that stage k - 1 left into the matches of the
       pattern and the text between them; NULL after the last. */
    const char *stages[MOE__PRETOK_STAGES + 1];
};

/* NULL if no row has the name. */
const struct moe__pretok *moe__pretok_find(struct moe__slice name);

#endif
