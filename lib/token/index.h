/* index.h: hash tables from text and from pairs of numbers, filled once.
 *
 * Open addressing with linear probing.  The contents come from a file: what
 * was built to collide is refused when it is added, so that a search is always
 * short. */
#ifndef MOE_TOKEN_INDEX_H
#define MOE_TOKEN_INDEX_H

#include "base/alloc.h"
#include "base/bytes.h"

/* Text -> the lowest id that has it. */
struct moe__text_index {
    const struct moe__slice *texts; /* [n_tokens] */
    uint64_t *slots;                /* [mask + 1] 0, or hash << 32 | id + 1 */
    uint32_t mask;
};

/* Room for n texts; false if there is no memory. */
bool moe__text_index_init(struct moe__text_index *index,
                          struct moe__arena *arena,
                          const struct moe__slice *texts, size_t n);
/* Ids in ascending order; empty texts are left out.  False on collisions. */
bool moe__text_index_add(struct moe__text_index *index, moe_token id);
/* The id of the text, MOE_TOKEN_NONE if there is none. */
moe_token moe__text_index_find(const struct moe__text_index *index,
                               struct moe__slice text);
/* The same for a text that is head and tail joined. */
moe_token moe__text_index_find_joined(const struct moe__text_index *index,
                                      struct moe__slice head,
                                      struct moe__slice tail);

/* (left, right) -> (value, id). */
struct moe__pair {
    uint32_t left; /* UINT32_MAX: an empty slot */
    uint32_t right;
    uint32_t value;
    moe_token id;
};

struct moe__pair_index {
    struct moe__pair *slots; /* [mask + 1] */
    uint32_t mask;
};

bool moe__pair_index_init(struct moe__pair_index *index,
                          struct moe__arena *arena, size_t n);
/* The entry of (left, right), perhaps a new one with id MOE_TOKEN_NONE and
 * value UINT32_MAX; NULL on collisions. */
struct moe__pair *moe__pair_index_add(struct moe__pair_index *index,
                                      uint32_t left, uint32_t right);
/* NULL if there is none. */
const struct moe__pair *
moe__pair_index_find(const struct moe__pair_index *index, uint32_t left,
                     uint32_t right);

#endif
