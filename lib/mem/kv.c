/* kv.c: the key/value store. */
#include "mem/kv.h"

/* ORDER KV: as enum moe__kv. */
static const struct kv_type {
    const char *name;
    int32_t block; /* elements */
    int32_t bytes; /* of a block */
} kv_types[MOE__N_KVS] = {
    [MOE__KV_F32] = {"f32", 1, 4},
    [MOE__KV_F16] = {"f16", 1, 2},
    [MOE__KV_Q8_0] = {"q8_0", 32, 34},
};

const char *moe__kv_name(enum moe__kv type)
{
    return kv_types[type].name;
}

static size_t kv_row_size(const struct moe__kv_shape *shape)
{
    const struct kv_type *type = &kv_types[shape->type];
    return (size_t)(shape->d_head / type->block) * (size_t)type->bytes;
}

/* Tiles of a layer's ring, of keys or values of one head; without a ring all.
 * One more than are kept: a window need not begin at a tile. */
static int32_t kv_layer_tiles(const struct moe__kv_shape *shape, int32_t layer)
{
    const int32_t n_tiles = moe__ceil_div(shape->n_ctx, MOE__TILE);
    const int32_t keep =
        shape->keep == NULL
            ? shape->n_ctx
            : moe__min_i32(shape->keep(shape->user, layer), shape->n_ctx);
    return moe__min_i32(moe__ceil_div(keep, MOE__TILE) + 1, n_tiles);
}

/* All sizes of a store, checked. */
static bool kv_sizes(const struct moe__kv_shape *shape, size_t *data_bytes,
                     size_t *tiles_bytes)
{
    const size_t n_tiles = (size_t)moe__ceil_div(shape->n_ctx, MOE__TILE);
    const size_t n_heads = 2 * (size_t)shape->n_kv_heads; /* keys, values */
    size_t n_layer_tiles = 0, n;
    for (int32_t i = 0; i < shape->n_layers; i++)
        if (!moe__add_size(n_layer_tiles, (size_t)kv_layer_tiles(shape, i),
                           &n_layer_tiles))
            return false;
    return moe__mul_size((size_t)shape->n_layers, n_heads * n_tiles, &n) &&
           moe__mul_size(n, sizeof(void *), tiles_bytes) &&
           moe__mul_size(n_layer_tiles, n_heads, &n) &&
           moe__mul_size(n, kv_row_size(shape) * MOE__TILE, data_bytes);
}

/* Points the tables at the tiles. */
static void kv_lay_out(struct moe__kv_store *kv)
{
    const size_t tile_bytes = kv->row_bytes * MOE__TILE;
    const int32_t n_heads = 2 * kv->shape.n_kv_heads;
    const void **table = kv->tiles;
    uint8_t *data = kv->data;
    for (int32_t layer = 0; layer < kv->shape.n_layers; layer++) {
        const int32_t n_ring = kv_layer_tiles(&kv->shape, layer);
        for (int32_t head = 0; head < n_heads; head++) {
            for (int32_t i = 0; i < kv->n_tiles; i++)
                *table++ = data + (size_t)(i % n_ring) * tile_bytes;
            data += (size_t)n_ring * tile_bytes;
        }
    }
}

moe_status moe__kv_plan(const struct moe__kv_shape *shape, uint64_t *bytes,
                        struct moe__err *err)
{
    const struct kv_type *type = &kv_types[shape->type];
    size_t data_bytes, tiles_bytes, sum;
    if (shape->d_head % type->block != 0)
        return moe__fail(err, MOE_ERR_UNSUPPORTED,
                         "kv type %s needs a head size that is a multiple of "
                         "%d, this model's is %d",
                         type->name, type->block, shape->d_head);
    if (!kv_sizes(shape, &data_bytes, &tiles_bytes) ||
        !moe__add_size(data_bytes, tiles_bytes, &sum))
        return moe__fail(err, MOE_ERR_NO_MEMORY,
                         "keys and values of %d positions do not fit in the "
                         "address space",
                         shape->n_ctx);
    *bytes = sum;
    return MOE_OK;
}

moe_status moe__kv_create(struct moe__kv_store *kv, struct moe__mem *mem,
                          const struct moe__kv_shape *shape,
                          struct moe__err *err)
{
    uint64_t bytes;
    memset(kv, 0, sizeof *kv);
    MOE__TRY(moe__kv_plan(shape, &bytes, err));
    kv->shape = *shape;
    kv->mem = mem;
    kv->row_bytes = kv_row_size(shape);
    kv->n_tiles = moe__ceil_div(shape->n_ctx, MOE__TILE);
    kv_sizes(shape, &kv->data_bytes, &kv->tiles_bytes);
    kv->data = moe__mem_alloc(mem, kv->data_bytes);
    kv->tiles = moe__mem_alloc(mem, kv->tiles_bytes);
    if (kv->data == NULL || kv->tiles == NULL) {
        moe__kv_free(kv);
        return moe__fail(err, MOE_ERR_NO_MEMORY,
                         "no memory for the keys and values of %d positions: "
                         "%llu bytes",
                         shape->n_ctx, (unsigned long long)bytes);
    }
    kv_lay_out(kv);
    kv->shape.keep = NULL;
    return MOE_OK;
}

void moe__kv_free(struct moe__kv_store *kv)
{
    if (kv->mem == NULL)
        return;
    moe__mem_free(kv->mem, kv->data, kv->data_bytes);
    moe__mem_free(kv->mem, kv->tiles, kv->tiles_bytes);
    memset(kv, 0, sizeof *kv);
}

void moe__kv_copy(struct moe__kv_store *to, const struct moe__kv_store *from,
                  int32_t n)
{
    const size_t n_tables = from->tiles_bytes / sizeof *from->tiles /
                            (size_t)moe__max_i32(from->n_tiles, 1);
    for (size_t i = 0; i < n_tables; i++) {
        const void *const *read = from->tiles + i * (size_t)from->n_tiles;
        const void *const *write = to->tiles + i * (size_t)to->n_tiles;
        for (int32_t pos = 0; pos < n; pos += MOE__TILE) /* of a ring again */
            memcpy(moe__kv_row(to, write, pos), read[pos / MOE__TILE],
                   (size_t)moe__min_i32(MOE__TILE, n - pos) * from->row_bytes);
    }
}

const void *const *moe__kv_keys(const struct moe__kv_store *kv, int32_t layer,
                                int32_t head)
{
    size_t row = (size_t)layer * (size_t)kv->shape.n_kv_heads + (size_t)head;
    return kv->tiles + row * 2 * (size_t)kv->n_tiles;
}

const void *const *moe__kv_values(const struct moe__kv_store *kv, int32_t layer,
                                  int32_t head)
{
    return moe__kv_keys(kv, layer, head) + kv->n_tiles;
}

void *moe__kv_row(const struct moe__kv_store *kv, const void *const *tiles,
                  int32_t pos)
{
    uint8_t *tile = (uint8_t *)(uintptr_t)tiles[pos / MOE__TILE];
    return tile + (size_t)(pos % MOE__TILE) * kv->row_bytes;
}
