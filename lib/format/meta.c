/* meta.c: finding entries and reading them as a type.
 *
 * A value is reached only by naming the type and the range that is expected:
 * files store the same key as different integers, but never a float for one. */
#include "format/meta.h"

#include "format/order.h"

/* Numbers are little-endian and two's complement. */
struct meta_type {
    const char *name;
    uint8_t bytes;
    bool is_integer;
    bool is_signed;
};

static const struct meta_type meta_types[] = {
    [MOE_META_U8] = {"u8", 1, true, false},
    [MOE_META_I8] = {"i8", 1, true, true},
    [MOE_META_U16] = {"u16", 2, true, false},
    [MOE_META_I16] = {"i16", 2, true, true},
    [MOE_META_U32] = {"u32", 4, true, false},
    [MOE_META_I32] = {"i32", 4, true, true},
    [MOE_META_F32] = {"f32", 4, false, false},
    [MOE_META_BOOL] = {"bool", 1, false, false},
    [MOE_META_STRING] = {"string", 0, false, false},
    [MOE_META_ARRAY] = {"array", 0, false, false},
    [MOE_META_U64] = {"u64", 8, true, false},
    [MOE_META_I64] = {"i64", 8, true, true},
    [MOE_META_F64] = {"f64", 8, false, false},
};

const char *moe__meta_type_name(moe_meta_type type)
{
    const bool is_known = type >= 0 && type <= MOE_META_F64;
    return is_known ? meta_types[type].name : "?";
}

uint32_t moe__meta_type_bytes(moe_meta_type type)
{
    const bool is_known = type >= 0 && type <= MOE_META_F64;
    return is_known ? meta_types[type].bytes : 0;
}

/* ----------------------------------------------------------------- index */

static int meta_by_key(const void *items, uint32_t a, uint32_t b)
{
    const struct moe__meta *meta = items;
    return strcmp(meta[a].key, meta[b].key);
}

moe_status moe__meta_index(struct moe__gguf *gguf, struct moe__arena *arena,
                           struct moe__err *err)
{
    const uint64_t n = gguf->n_meta;
    gguf->meta_order =
        moe__order_make(arena, gguf->meta, (uint32_t)n, meta_by_key);
    if (gguf->meta_order == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY,
                         "no memory for an index of %llu entries",
                         (unsigned long long)n);
    for (uint64_t i = 1; i < n; i++) {
        const struct moe__meta *meta = &gguf->meta[gguf->meta_order[i]];
        const struct moe__meta *last = &gguf->meta[gguf->meta_order[i - 1]];
        if (strcmp(meta->key, last->key) == 0)
            return moe__fail(err, MOE_ERR_FORMAT, "two entries are named '%s'",
                             meta->key);
    }
    return MOE_OK;
}

/* As strcmp(key, prefix + "." + rest). */
static int meta_compare_dotted(const char *key, const char *prefix,
                               const char *rest)
{
    const size_t n = strlen(prefix);
    const int side = strncmp(key, prefix, n);
    if (side != 0)
        return side;
    if (key[n] != '.')
        return (unsigned char)key[n] < '.' ? -1 : 1;
    return strcmp(key + n + 1, rest);
}

/* prefix NULL: the key alone. */
static const struct moe__meta *meta_search(const struct moe__gguf *gguf,
                                           const char *prefix, const char *key)
{
    uint64_t low = 0;
    uint64_t high = gguf->n_meta;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        const struct moe__meta *meta = &gguf->meta[gguf->meta_order[middle]];
        const int side = prefix ? meta_compare_dotted(meta->key, prefix, key)
                                : strcmp(meta->key, key);
        if (side == 0)
            return meta;
        if (side > 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct moe__meta *moe__meta_find(const struct moe__gguf *gguf,
                                       const char *key)
{
    return meta_search(gguf, NULL, key);
}

const struct moe__meta *moe__meta_find_in(const struct moe__gguf *gguf,
                                          const char *prefix, const char *key)
{
    return meta_search(gguf, prefix, key);
}

/* ----------------------------------------------------------------- reads */

/* The type of value number i; i counts from 0 in an array and is 0 otherwise.
 * Refuses an i past the end. */
static moe_status meta_type_at(const struct moe__meta *meta, uint64_t i,
                               moe_meta_type *type, struct moe__err *err)
{
    const bool is_array = meta->type == MOE_META_ARRAY;
    const uint64_t n = is_array ? meta->n : 1;
    if (i >= n)
        return moe__fail(err, MOE_ERR_FORMAT,
                         "%s: expected more than %llu values, found %llu",
                         meta->key, (unsigned long long)i,
                         (unsigned long long)n);
    *type = is_array ? meta->element_type : meta->type;
    return MOE_OK;
}

static moe_status meta_wrong_type(const struct moe__meta *meta,
                                  const char *expected, struct moe__err *err)
{
    const bool is_array = meta->type == MOE_META_ARRAY;
    return moe__fail(
        err, MOE_ERR_FORMAT, "%s: expected %s, found %s%s", meta->key, expected,
        is_array ? "array of " : "",
        moe__meta_type_name(is_array ? meta->element_type : meta->type));
}

/* The bits of number i; those of a negative integer are extended. */
static uint64_t meta_bits(const struct moe__meta *meta, uint64_t i,
                          moe_meta_type type)
{
    const uint32_t bytes = meta_types[type].bytes;
    const uint8_t *const at = meta->value.data + i * bytes;
    uint64_t bits = 0;
    for (uint32_t b = 0; b < bytes; b++)
        bits |= (uint64_t)at[b] << 8 * b;
    const uint64_t sign = (uint64_t)1 << (8 * bytes - 1);
    return meta_types[type].is_signed ? (bits ^ sign) - sign : bits;
}

moe_status moe__meta_i64(const struct moe__meta *meta, uint64_t i, int64_t min,
                         int64_t max, int64_t *out, struct moe__err *err)
{
    moe_meta_type type = MOE_META_ARRAY;
    MOE__TRY(meta_type_at(meta, i, &type, err));
    if (!meta_types[type].is_integer)
        return meta_wrong_type(meta, "an integer", err);
    const uint64_t bits = meta_bits(meta, i, type);
    const int64_t value = (int64_t)bits;
    /* A u64 of 2^63 and more is no i64. */
    const bool is_above = !meta_types[type].is_signed && value < 0;
    if (!is_above && value >= min && value <= max) {
        *out = value;
        return MOE_OK;
    }
    char found[24];
    if (is_above)
        moe__format(found, sizeof found, "%llu", (unsigned long long)bits);
    else
        moe__format(found, sizeof found, "%lld", (long long)value);
    return moe__fail(err, MOE_ERR_FORMAT, "%s: expected %lld to %lld, found %s",
                     meta->key, (long long)min, (long long)max, found);
}

moe_status moe__meta_f64(const struct moe__meta *meta, uint64_t i, double *out,
                         struct moe__err *err)
{
    moe_meta_type type = MOE_META_ARRAY;
    MOE__TRY(meta_type_at(meta, i, &type, err));
    const bool is_float = type == MOE_META_F32 || type == MOE_META_F64;
    if (!is_float && !meta_types[type].is_integer)
        return meta_wrong_type(meta, "a number", err);
    const uint64_t bits = meta_bits(meta, i, type);
    if (type == MOE_META_F32)
        *out = (double)moe__bits_to_f32((uint32_t)bits);
    else if (type == MOE_META_F64)
        *out = moe__bits_to_f64(bits);
    else
        *out =
            meta_types[type].is_signed ? (double)(int64_t)bits : (double)bits;
    return MOE_OK;
}

moe_status moe__meta_bool(const struct moe__meta *meta, bool *out,
                          struct moe__err *err)
{
    if (meta->type != MOE_META_BOOL)
        return meta_wrong_type(meta, "bool", err);
    *out = meta->value.data[0] != 0;
    return MOE_OK;
}

moe_status moe__meta_string(const struct moe__meta *meta, uint64_t i,
                            struct moe__slice *out, struct moe__err *err)
{
    moe_meta_type type = MOE_META_ARRAY;
    MOE__TRY(meta_type_at(meta, i, &type, err));
    if (type != MOE_META_STRING)
        return meta_wrong_type(meta, "string", err);
    *out = meta->type == MOE_META_ARRAY ? meta->strings[i] : meta->value;
    return MOE_OK;
}
