/* source_json.c: what tokenizers in JSON have in common: which is which,
 * members with a sentence about them, and how a token is joined from parts. */
#include "token/source.h"

#include "base/utf8.h"

moe_status moe__source_json(struct moe__arena *arena, struct moe__slice file,
                            struct moe__vocab **out, struct moe__err *err)
{
    struct moe__arena scratch;
    const struct moe__json *root;
    moe__arena_init(&scratch, arena->mem);
    moe_status status = moe__json_read(&scratch, file, &root, err);
    if (status == MOE_OK) {
        if (moe__json_get(root, "model"))
            status = moe__source_hf(arena, root, out, err);
        else if (moe__json_get(root, "config"))
            status = moe__source_tekken(arena, root, out, err);
        else
            status = moe__fail(err, MOE_ERR_FORMAT,
                               "expected \"model\" of a tokenizer.json or "
                               "\"config\" of a tekken.json, found neither");
    }
    moe__arena_free(&scratch);
    return status;
}

/* --------------------------------------------------------------- members */

/* ORDER moe__json_kind */
static const char *const source_kinds[] = {
    "null", "false", "true", "a number", "a string", "an array", "an object"};

moe_status moe__source_member(const struct moe__json *object, const char *where,
                              const char *key, enum moe__json_kind kind,
                              const struct moe__json **out,
                              struct moe__err *err)
{
    *out = moe__json_get(object, key);
    if (*out && (*out)->kind == kind)
        return MOE_OK;
    return moe__fail(err, MOE_ERR_FORMAT, "%s%s: expected %s, found %s", where,
                     key, source_kinds[kind],
                     *out ? source_kinds[(*out)->kind] : "nothing");
}

moe_status moe__source_integer(const struct moe__json *object,
                               const char *where, const char *key,
                               const int64_t bounds[2], int64_t *out,
                               struct moe__err *err)
{
    const struct moe__json *number;
    MOE__TRY(
        moe__source_member(object, where, key, MOE__JSON_NUMBER, &number, err));
    if (number->is_integer && number->integer >= bounds[0] &&
        number->integer <= bounds[1]) {
        *out = number->integer;
        return MOE_OK;
    }
    return moe__fail(err, MOE_ERR_FORMAT,
                     "%s%s: expected an integer from %lld to %lld, found %g",
                     where, key, (long long)bounds[0], (long long)bounds[1],
                     number->number);
}

moe_status moe__source_flag(const struct moe__json *object, const char *where,
                            const char *key, bool *flag, struct moe__err *err)
{
    const struct moe__json *value = moe__json_get(object, key);
    if (value == NULL || value->kind == MOE__JSON_NULL)
        return MOE_OK;
    if (value->kind != MOE__JSON_TRUE && value->kind != MOE__JSON_FALSE)
        return moe__fail(err, MOE_ERR_FORMAT,
                         "%s%s: expected true or false, found %s", where, key,
                         source_kinds[value->kind]);
    *flag = value->kind == MOE__JSON_TRUE;
    return MOE_OK;
}

moe_status moe__source_regex(struct moe__arena *arena, const char *where,
                             struct moe__slice regex, const char **out,
                             struct moe__err *err)
{
    if (regex.n > 0 && memchr(regex.data, 0, regex.n))
        return moe__fail(err, MOE_ERR_UNSUPPORTED,
                         "%s: a pattern with a NUL character", where);
    *out = moe__arena_string(arena, (const char *)regex.data, regex.n);
    return *out ? MOE_OK
                : moe__fail(err, MOE_ERR_NO_MEMORY,
                            "no memory for a vocabulary");
}

/* ----------------------------------------------------------------- parts */

/* A text in parts: part i is [starts[i], starts[i + 1]). */
struct join_state {
    struct moe__slice text;
    moe__join_order *order;
    const void *user;
    size_t starts[MOE__JOIN_MAX + 1];
    uint32_t orders[MOE__JOIN_MAX]; /* of part i and the next */
    uint32_t n;
};

static struct moe__slice join_part(const struct join_state *s, uint32_t i)
{
    return moe__slice_of(s->text.data + s->starts[i],
                         s->starts[i + 1] - s->starts[i]);
}

static void join_set_order(struct join_state *s, uint32_t i)
{
    if (i + 1 < s->n)
        s->orders[i] = s->order(s->user, join_part(s, i), join_part(s, i + 1));
}

/* Cuts the text into characters; false if there are too many. */
static bool join_begin(struct join_state *s)
{
    for (size_t at = 0; at < s->text.n; s->n++) {
        uint32_t code;
        const int32_t bytes = moe__utf8_decode(
            moe__slice_of(s->text.data + at, s->text.n - at), &code);
        if (s->n == MOE__JOIN_MAX)
            return false;
        s->starts[s->n] = at;
        at += bytes > 0 ? (size_t)bytes : 1;
    }
    s->starts[s->n] = s->text.n;
    for (uint32_t i = 0; i + 1 < s->n; i++)
        join_set_order(s, i);
    return true;
}

/* Joins parts `best` and best + 1. */
static void join_once(struct join_state *s, uint32_t best)
{
    for (uint32_t i = best + 1; i < s->n; i++) {
        s->starts[i] = s->starts[i + 1];
        s->orders[i - 1] = s->orders[i];
    }
    s->n--;
    join_set_order(s, best);
    if (best > 0)
        join_set_order(s, best - 1);
}

enum moe__join moe__join_parts(struct moe__slice text, moe__join_order *order,
                               const void *user, struct moe__vocab_merge *out)
{
    struct join_state s = {.text = text, .order = order, .user = user};
    if (!join_begin(&s))
        return MOE__JOIN_LONG;
    if (s.n < 2)
        return MOE__JOIN_ONE;
    while (s.n > 2) {
        uint32_t best = 0;
        for (uint32_t i = 1; i + 1 < s.n; i++)
            if (s.orders[i] < s.orders[best])
                best = i;
        if (s.orders[best] == UINT32_MAX)
            return MOE__JOIN_NEVER;
        join_once(&s, best);
    }
    out->left = join_part(&s, 0);
    out->right = join_part(&s, 1);
    return s.orders[0] == UINT32_MAX ? MOE__JOIN_NEVER : MOE__JOIN_TWO;
}
