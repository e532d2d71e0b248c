/* override.c: entries that the caller sets, given as text "KEY=VALUE".
 *
 * Assumes that the file's entries are indexed.  Refuses text without a key; any
 * value is one, of the most telling type. */
#include "base/math.h"
#include "format/meta.h"

#include <float.h>

static const struct {
    moe_meta_type type;
    int64_t min;
    int64_t max; /* text gives a u64 below 2^63 only */
} override_integers[] = {
    {MOE_META_U8, 0, UINT8_MAX},   {MOE_META_I8, INT8_MIN, INT8_MAX},
    {MOE_META_U16, 0, UINT16_MAX}, {MOE_META_I16, INT16_MIN, INT16_MAX},
    {MOE_META_U32, 0, UINT32_MAX}, {MOE_META_I32, INT32_MIN, INT32_MAX},
    {MOE_META_U64, 0, INT64_MAX},  {MOE_META_I64, INT64_MIN, INT64_MAX},
};

/* Whether `text` is a value of `type`; its bits. */
static bool override_parse(moe_meta_type type, struct moe__slice text,
                           uint64_t *bits)
{
    const char *const chars = (const char *)text.data;
    int64_t integer;
    double number;
    if (type == MOE_META_BOOL) {
        *bits = moe__slice_is(text, "true");
        return *bits || moe__slice_is(text, "false");
    }
    if (type == MOE_META_F32 || type == MOE_META_F64) {
        if (!moe__parse_f64(chars, text.n, &number))
            return false;
        const bool is_narrow = type == MOE_META_F32;
        if (is_narrow && !(number >= -FLT_MAX && number <= FLT_MAX))
            return false;
        if (is_narrow)
            *bits = moe__f32_to_bits((float)number);
        else
            memcpy(bits, &number, sizeof *bits);
        return true;
    }
    for (size_t i = 0; i < MOE__COUNT(override_integers); i++)
        if (override_integers[i].type == type &&
            moe__parse_i64(chars, text.n, &integer) &&
            integer >= override_integers[i].min &&
            integer <= override_integers[i].max) {
            *bits = (uint64_t)integer;
            return true;
        }
    return false;
}

/* The first of `types` [n] that `text` is a value of; its bits. */
static moe_meta_type override_type(const moe_meta_type *types, size_t n,
                                   struct moe__slice text, uint64_t *bits)
{
    for (size_t i = 0; i < n; i++)
        if (types[i] == MOE_META_STRING || override_parse(types[i], text, bits))
            return types[i];
    return MOE_META_STRING;
}

static moe_status override_set(struct moe__meta *meta, struct moe__slice text,
                               struct moe__arena *arena, struct moe__err *err)
{
    const moe_meta_type types[] = {meta->type, MOE_META_I64, MOE_META_F64,
                                   MOE_META_BOOL};
    uint64_t bits = 0;
    const moe_meta_type type =
        override_type(types, MOE__COUNT(types), text, &bits);
    uint8_t number[8];
    for (uint32_t b = 0; b < sizeof number; b++)
        number[b] = (uint8_t)(bits >> 8 * b & 255);
    const struct moe__slice value =
        type == MOE_META_STRING
            ? text
            : moe__slice_of(number, moe__meta_type_bytes(type));
    const char *copy =
        moe__arena_string(arena, (const char *)value.data, value.n);
    if (copy == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY,
                         "no memory for the value of '%s'", meta->key);
    *meta = (struct moe__meta){
        .key = meta->key, .type = type, .value = moe__slice_of(copy, value.n)};
    return MOE_OK;
}

/* The entry of a key among those of the file and those appended so
 * far, or a new one at the end of the table, which has room for it. */
static moe_status override_entry(struct moe__gguf *gguf, uint64_t *n_meta,
                                 struct moe__slice key, struct moe__meta **out,
                                 struct moe__err *err)
{
    const char *name =
        moe__arena_string(&gguf->arena, (const char *)key.data, key.n);
    if (name == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for a key");
    const struct moe__meta *found = moe__meta_find(gguf, name);
    uint64_t i = found ? (uint64_t)(found - gguf->meta) : gguf->n_meta;
    while (found == NULL && i < *n_meta && strcmp(gguf->meta[i].key, name) != 0)
        i++;
    *out = &gguf->meta[i];
    if (i == *n_meta) {
        **out = (struct moe__meta){.key = name, .type = MOE_META_I64};
        ++*n_meta;
    }
    return MOE_OK;
}

static moe_status override_apply(struct moe__gguf *gguf, uint64_t *n_meta,
                                 const char *text, struct moe__err *err)
{
    const char *const equals = text ? strchr(text, '=') : NULL;
    const size_t n_key = equals ? (size_t)(equals - text) : 0;
    if (n_key == 0 || n_key > MOE__KEY_MAX)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "metadata override: expected 'KEY=VALUE', found '%s'",
                         text ? text : "NULL");
    struct moe__meta *meta = NULL;
    MOE__TRY(
        override_entry(gguf, n_meta, moe__slice_of(text, n_key), &meta, err));
    return override_set(meta, moe__slice_str(equals + 1), &gguf->arena, err);
}

moe_status moe__meta_override(struct moe__gguf *gguf,
                              const char *const *overrides, size_t n,
                              struct moe__err *err)
{
    if (n == 0)
        return MOE_OK;
    if (overrides == NULL)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "metadata overrides: %zu at no address", n);
    size_t n_room;
    struct moe__meta *table = NULL;
    if (moe__add_size((size_t)gguf->n_meta, n, &n_room) && n_room <= UINT32_MAX)
        table = moe__arena_alloc(&gguf->arena, n_room, sizeof *table);
    if (table == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY,
                         "no memory for %zu metadata overrides", n);
    uint64_t n_meta = gguf->n_meta;
    if (n_meta > 0)
        memcpy(table, gguf->meta, (size_t)n_meta * sizeof *table);
    gguf->meta = table;
    for (size_t i = 0; i < n; i++)
        MOE__TRY(override_apply(gguf, &n_meta, overrides[i], err));
    gguf->n_meta = n_meta;
    return moe__meta_index(gguf, &gguf->arena, err);
}
