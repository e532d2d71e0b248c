/* tensors.c: where tensors lie, and finding them by name.
 *
 * Refuses a tensor that leaves its file, lies across another one, cannot be
 * read where it is, or has the name of another.  Gaps are tolerated. */
#include "format/tensors.h"

#include "format/order.h"

/* Bytes of the whole tensor: rows of dims[0], in blocks. */
static moe_status tensor_size(struct moe__tensor *tensor,
                              const struct moe__type_info *type,
                              struct moe__err *err)
{
    const uint64_t *const dims = tensor->dims;
    for (int i = 0; i < tensor->n_dims; i++)
        if (dims[i] == 0)
            return moe__fail(err, MOE_ERR_FORMAT, "tensor '%s': dim %d is 0",
                             tensor->name, i);
    if (dims[0] % (uint64_t)type->block_elems != 0)
        return moe__fail(err, MOE_ERR_FORMAT,
                         "tensor '%s': rows of %llu elements, but %s comes in "
                         "blocks of %d",
                         tensor->name, (unsigned long long)dims[0], type->name,
                         (int)type->block_elems);
    uint64_t bytes = dims[0] / (uint64_t)type->block_elems;
    if (!moe__mul_u64(bytes, (uint64_t)type->block_bytes, &bytes) ||
        !moe__mul_u64(bytes, dims[1], &bytes) ||
        !moe__mul_u64(bytes, dims[2], &bytes) ||
        !moe__mul_u64(bytes, dims[3], &bytes))
        return moe__fail(err, MOE_ERR_FORMAT,
                         "tensor '%s': %llu x %llu x %llu x %llu elements are "
                         "too many",
                         tensor->name, (unsigned long long)dims[0],
                         (unsigned long long)dims[1],
                         (unsigned long long)dims[2],
                         (unsigned long long)dims[3]);
    tensor->bytes = bytes;
    return MOE_OK;
}

/* What the numbers in a block need to be read in place: the largest power of
 * two in the block's size, 8 for f64.  Any alignment from 8 up gives it. */
static uint64_t tensor_unit(const struct moe__type_info *type)
{
    const uint64_t bytes = (uint64_t)type->block_bytes;
    const uint64_t power = bytes & (~bytes + 1);
    return power < 8 ? power : 8;
}

moe_status moe__tensor_place(struct moe__tensor *tensor,
                             const struct moe__shard *shard, uint64_t alignment,
                             struct moe__err *err)
{
    const struct moe__type_info *type = moe__type_info(tensor->type);
    MOE__TRY(tensor_size(tensor, type, err));
    const uint64_t relative = tensor->offset;
    if (relative % alignment != 0)
        return moe__fail(err, MOE_ERR_FORMAT,
                         "tensor '%s': offset %llu is not a multiple of the "
                         "alignment %llu",
                         tensor->name, (unsigned long long)relative,
                         (unsigned long long)alignment);
    uint64_t start;
    uint64_t end;
    if (!moe__add_u64(shard->data_offset, relative, &start) ||
        !moe__add_u64(start, tensor->bytes, &end))
        return moe__fail(err, MOE_ERR_FORMAT,
                         "tensor '%s': %llu bytes at offset %llu", tensor->name,
                         (unsigned long long)tensor->bytes,
                         (unsigned long long)relative);
    if (end > shard->file_bytes)
        return moe__fail(err, MOE_ERR_TRUNCATED,
                         "tensor '%s' ends at byte %llu, but the file has %llu",
                         tensor->name, (unsigned long long)end,
                         (unsigned long long)shard->file_bytes);
    if (start % tensor_unit(type) != 0)
        return moe__fail(err, MOE_ERR_UNSUPPORTED,
                         "tensor '%s': %s numbers at byte %llu, expected a "
                         "multiple of %llu",
                         tensor->name, type->name, (unsigned long long)start,
                         (unsigned long long)tensor_unit(type));
    tensor->offset = start;
    return MOE_OK;
}

/* ---------------------------------------------------------------- orders */

static int tensor_by_name(const void *items, uint32_t a, uint32_t b)
{
    const struct moe__tensor *tensors = items;
    return strcmp(tensors[a].name, tensors[b].name);
}

static int tensor_by_offset(const void *items, uint32_t a, uint32_t b)
{
    const struct moe__tensor *x = &((const struct moe__tensor *)items)[a];
    const struct moe__tensor *y = &((const struct moe__tensor *)items)[b];
    if (x->shard != y->shard)
        return x->shard < y->shard ? -1 : 1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Two neighbours of the order by name. */
static moe_status tensor_check_names(const struct moe__tensor *a,
                                     const struct moe__tensor *b,
                                     struct moe__err *err)
{
    if (strcmp(a->name, b->name) != 0)
        return MOE_OK;
    return moe__fail(err, MOE_ERR_FORMAT, "two tensors are named '%s'",
                     a->name);
}

/* Two neighbours of the order by offset. */
static moe_status tensor_check_bytes(const struct moe__tensor *a,
                                     const struct moe__tensor *b,
                                     struct moe__err *err)
{
    if (a->shard != b->shard || b->offset - a->offset >= a->bytes)
        return MOE_OK;
    return moe__fail(err, MOE_ERR_FORMAT,
                     "tensor '%s' at byte %llu lies inside tensor '%s' (%llu "
                     "bytes at %llu)",
                     b->name, (unsigned long long)b->offset, a->name,
                     (unsigned long long)a->bytes,
                     (unsigned long long)a->offset);
}

typedef moe_status tensor_check_fn(const struct moe__tensor *a,
                                   const struct moe__tensor *b,
                                   struct moe__err *err);

static moe_status tensors_sort(struct moe__gguf *gguf, moe__order_fn *compare,
                               tensor_check_fn *check, struct moe__err *err)
{
    const struct moe__tensor *tensors = gguf->tensors;
    uint32_t *order = moe__order_make(&gguf->arena, tensors,
                                      (uint32_t)gguf->n_tensors, compare);
    if (order == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for %llu tensors",
                         (unsigned long long)gguf->n_tensors);
    gguf->tensor_order = order;
    for (uint64_t i = 1; i < gguf->n_tensors; i++)
        MOE__TRY(check(&tensors[order[i - 1]], &tensors[order[i]], err));
    return MOE_OK;
}

moe_status moe__tensors_join(struct moe__gguf *gguf, struct moe__err *err)
{
    uint64_t n = 0;
    for (int32_t s = 0; s < gguf->n_shards; s++)
        n += gguf->shards[s].n_tensors;
    if (n <= UINT32_MAX)
        gguf->tensors =
            moe__arena_alloc(&gguf->arena, (size_t)n, sizeof *gguf->tensors);
    if (gguf->tensors == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for %llu tensors",
                         (unsigned long long)n);
    for (int32_t s = 0; s < gguf->n_shards; s++) {
        struct moe__shard *shard = &gguf->shards[s];
        struct moe__tensor *joined = gguf->tensors + gguf->n_tensors;
        for (uint64_t i = 0; i < shard->n_tensors; i++) {
            joined[i] = shard->tensors[i];
            joined[i].shard = s;
        }
        shard->tensors = joined;
        gguf->n_tensors += shard->n_tensors;
    }
    MOE__TRY(tensors_sort(gguf, tensor_by_offset, tensor_check_bytes, err));
    return tensors_sort(gguf, tensor_by_name, tensor_check_names, err);
}

const struct moe__tensor *moe__tensor_find(const struct moe__gguf *gguf,
                                           const char *name)
{
    uint64_t low = 0;
    uint64_t high = gguf->n_tensors;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        const struct moe__tensor *tensor =
            &gguf->tensors[gguf->tensor_order[middle]];
        const int side = strcmp(name, tensor->name);
        if (side == 0)
            return tensor;
        if (side < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
