/* kv.h: keys and values of one sequence.
 *
 * Positions are stored in tiles of MOE__TILE, aligned to absolute positions,
 * for each layer and KV head on its own: [MOE__TILE, d_head] of the KV type.
 * Readers reach tiles through tables of pointers: a layer that sees a window
 * only may have tiles in a ring, in which the tables go round, and no kernel
 * knows.  Rewinding is lowering the position: what lies behind it is never read
 * and gets overwritten. */
#ifndef MOE_MEM_KV_H
#define MOE_MEM_KV_H

#include "base/alloc.h"
#include "kern/kern.h"

/* Positions before the end of the last step that a layer must keep. */
typedef int32_t moe__kv_keep_fn(const void *user, int32_t layer);

struct moe__kv_shape {
    int32_t n_layers;
    int32_t n_kv_heads;
    int32_t d_head;
    int32_t n_ctx; /* positions */
    enum moe__kv type;
    moe__kv_keep_fn *keep; /* NULL: all of n_ctx */
    const void *user;      /* of keep; both are needed while creating only */
};

struct moe__kv_store {
    struct moe__kv_shape shape;
    struct moe__mem *mem;
    uint8_t *data;
    size_t data_bytes;
    const void **tiles; /* [n_layers, n_kv_heads, 2, n_tiles]: keys, values */
    size_t tiles_bytes;
    size_t row_bytes; /* of one position of one head */
    int32_t n_tiles;
};

/* "f32", "f16", "q8_0". */
const char *moe__kv_name(enum moe__kv type);

/* Bytes that moe__kv_create will take.  Fails if the type does not fit the
 * head size or the product overflows. */
moe_status moe__kv_plan(const struct moe__kv_shape *shape, uint64_t *bytes,
                        struct moe__err *err);
moe_status moe__kv_create(struct moe__kv_store *kv, struct moe__mem *mem,
                          const struct moe__kv_shape *shape,
                          struct moe__err *err);
void moe__kv_free(struct moe__kv_store *kv);
/* Copies positions [0, n) of a store of the same shape. */
void moe__kv_copy(struct moe__kv_store *to, const struct moe__kv_store *from,
                  int32_t n);

/* Tables of the tiles of one head: keys [n_tiles], values [n_tiles]. */
const void *const *moe__kv_keys(const struct moe__kv_store *kv, int32_t layer,
                                int32_t head);
const void *const *moe__kv_values(const struct moe__kv_store *kv, int32_t layer,
                                  int32_t head);
/* Where the row of a position is written: tiles as above. */
void *moe__kv_row(const struct moe__kv_store *kv, const void *const *tiles,
                  int32_t pos);

#endif
