/* params.c: one table for each params structure.
 *
 * It drives the copy of older and newer structures, the bounds and their
 * messages, and setting by name.  A field that is not in a table is a pointer:
 * it is copied and not checked here. */
#include "api/api.h"

#include "base/math.h"

#include <float.h>

enum field_type { FIELD_I32, FIELD_U64, FIELD_F32, FIELD_ENUM };

struct field {
    const char *name;
    size_t offset;
    enum field_type type;
    double min;
    double max;
    const char *cases; /* of an enum: "auto f32 f16", value = place */
};

#define CTX(f) #f, offsetof(moe_context_params, f)
#define MODEL(f) #f, offsetof(moe_model_params, f)
#define SAMPLER(f) #f, offsetof(moe_sampler_params, f)
#define MAX_I32 2147483647.0

static const struct field model_fields[] = {
    {MODEL(load), FIELD_ENUM, 0, 2, "auto map copy"},
    {MODEL(is_vocab_only), FIELD_I32, 0, 1, NULL},
};

static const struct field context_fields[] = {
    {CTX(n_ctx), FIELD_I32, 0, 1 << 24, NULL},
    {CTX(n_batch), FIELD_I32, 0, 1 << 16, NULL},
    {CTX(n_threads), FIELD_I32, 0, MOE__MAX_THREADS, NULL},
    {CTX(kv), FIELD_ENUM, 0, 3, "auto f32 f16 q8_0"},
    {CTX(backend), FIELD_ENUM, 0, 6,
     "auto scalar avx2 avx512 neon neon_dotprod neon_i8mm"},
    {CTX(logits), FIELD_ENUM, 0, 1, "last all"},
    {CTX(n_threads_decode), FIELD_I32, 0, MOE__MAX_THREADS, NULL},
    {CTX(has_rings), FIELD_I32, 0, 1, NULL},
};

static const struct field sampler_fields[] = {
    {SAMPLER(seed), FIELD_U64, 0, 0, NULL},
    {SAMPLER(temperature), FIELD_F32, 0, 100, NULL},
    {SAMPLER(top_k), FIELD_I32, 0, MAX_I32, NULL},
    {SAMPLER(top_p), FIELD_F32, 0, 1, NULL},
    {SAMPLER(min_p), FIELD_F32, 0, 1, NULL},
    {SAMPLER(typical_p), FIELD_F32, 0, 1, NULL},
    {SAMPLER(repeat_penalty), FIELD_F32, 0, 1000, NULL},
    {SAMPLER(frequency_penalty), FIELD_F32, -1000, 1000, NULL},
    {SAMPLER(presence_penalty), FIELD_F32, -1000, 1000, NULL},
    {SAMPLER(penalty_window), FIELD_I32, 0, 1 << 20, NULL},
    {SAMPLER(is_empty), FIELD_I32, 0, 1, NULL},
    {SAMPLER(top_n_sigma), FIELD_F32, 0, 1000, NULL},
    {SAMPLER(xtc_probability), FIELD_F32, 0, 1, NULL},
    {SAMPLER(xtc_threshold), FIELD_F32, 0, 1, NULL},
    {SAMPLER(dynatemp_range), FIELD_F32, 0, 100, NULL},
    {SAMPLER(dynatemp_exponent), FIELD_F32, 0, 100, NULL},
    {SAMPLER(dry_multiplier), FIELD_F32, 0, 1000, NULL},
    {SAMPLER(dry_base), FIELD_F32, 0, 1000, NULL},
    {SAMPLER(dry_allowed_length), FIELD_I32, 0, 1 << 20, NULL},
    {SAMPLER(dry_window), FIELD_I32, 0, 1 << 20, NULL},
    {SAMPLER(mirostat), FIELD_I32, 0, 2, NULL},
    {SAMPLER(mirostat_tau), FIELD_F32, 0, 1000, NULL},
    {SAMPLER(mirostat_eta), FIELD_F32, 0, 1000, NULL},
};

/* ORDER PARAMS: as the values of moe_params_kind, from 1. */
static const struct params_table {
    const char *name;
    size_t bytes;
    const struct field *fields;
    size_t n_fields;
} params_tables[] = {
    {"moe_model_params", sizeof(moe_model_params), model_fields,
     MOE__COUNT(model_fields)},
    {"moe_context_params", sizeof(moe_context_params), context_fields,
     MOE__COUNT(context_fields)},
    {"moe_sampler_params", sizeof(moe_sampler_params), sampler_fields,
     MOE__COUNT(sampler_fields)},
};

static double field_value(const struct field *f, const void *params)
{
    const char *at = (const char *)params + f->offset;
    if (f->type == FIELD_F32) {
        float value;
        memcpy(&value, at, sizeof value);
        return (double)value;
    }
    int32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static moe_status check_bounds(const struct field *f, double value,
                               struct moe__err *err)
{
    if (f->type == FIELD_U64 || (value >= f->min && value <= f->max))
        return MOE_OK;
    return moe__fail(err, MOE_ERR_ARGUMENT, "%s: expected %g to %g, found %g",
                     f->name, f->min, f->max, value);
}

moe_status moe__params_copy(moe_params_kind kind, void *dst, const void *src,
                            struct moe__err *err)
{
    const struct params_table *table = &params_tables[kind - 1];
    MOE__TRY(moe__struct_copy(dst, table->bytes, src, table->name, err));
    for (size_t i = 0; i < table->n_fields; i++)
        MOE__TRY(check_bounds(&table->fields[i],
                              field_value(&table->fields[i], dst), err));
    return MOE_OK;
}

/* Place of a word in a list of words, -1 if it is not there. */
static int32_t word_index(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (int32_t i = 0; n > 0; i++) {
        const char *end = strchr(list, ' ');
        size_t length = end != NULL ? (size_t)(end - list) : strlen(list);
        if (length == n && memcmp(list, word, n) == 0)
            return i;
        if (end == NULL)
            break;
        list = end + 1;
    }
    return -1;
}

/* A whole number from 0 to 2^64 - 1. */
static bool parse_u64(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    if (*text == 0)
        return false;
    for (; *text != 0; text++) {
        if (*text < '0' || *text > '9' || !moe__mul_u64(value, 10, &value) ||
            !moe__add_u64(value, (uint64_t)(*text - '0'), &value))
            return false;
    }
    *out = value;
    return true;
}

static moe_status set_field(const struct field *f, void *at, const char *text,
                            struct moe__err *err)
{
    double number = 0;
    int64_t whole = 0;
    uint64_t bits = 0;
    bool is_ok = false;
    if (f->cases != NULL && (whole = word_index(f->cases, text)) >= 0)
        is_ok = true;
    else if (f->type == FIELD_U64)
        is_ok = parse_u64(text, &bits);
    else if (f->type == FIELD_F32)
        is_ok = moe__parse_f64(text, strlen(text), &number);
    else if (f->type == FIELD_I32)
        is_ok = moe__parse_i64(text, strlen(text), &whole);
    if (!is_ok && f->cases != NULL)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "%s: expected one of %s, found '%s'", f->name,
                         f->cases, text);
    if (!is_ok)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "%s: expected a number, found '%s'", f->name, text);
    if (f->type == FIELD_U64) {
        memcpy(at, &bits, sizeof bits);
        return MOE_OK;
    }
    MOE__TRY(
        check_bounds(f, f->type == FIELD_F32 ? number : (double)whole, err));
    float real = (float)number;
    int32_t integer = (int32_t)whole;
    memcpy(at, f->type == FIELD_F32 ? (void *)&real : (void *)&integer, 4);
    return MOE_OK;
}

moe_status moe_params_set(moe_params_kind kind, void *params, const char *name,
                          const char *value, moe_error *err)
{
    struct moe__err why = {0};
    if (kind < 1 || kind > (int32_t)MOE__COUNT(params_tables) ||
        params == NULL || name == NULL || value == NULL)
        return moe__error_out(err, &why,
                              moe__fail(&why, MOE_ERR_ARGUMENT,
                                        "moe_params_set: a kind, a "
                                        "structure, a name and a "
                                        "value are needed"));
    const struct params_table *table = &params_tables[kind - 1];
    size_t struct_bytes;
    memcpy(&struct_bytes, params, sizeof struct_bytes);
    for (size_t i = 0; i < table->n_fields; i++) {
        const struct field *f = &table->fields[i];
        size_t width = f->type == FIELD_U64 ? 8 : 4;
        if (strcmp(f->name, name) != 0 || f->offset + width > struct_bytes)
            continue;
        return moe__error_out(
            err, &why, set_field(f, (char *)params + f->offset, value, &why));
    }
    return moe__error_out(err, &why,
                          moe__fail(&why, MOE_ERR_NOT_FOUND,
                                    "%s has no field '%s' that can be set",
                                    table->name, name));
}
