/* jinja_value.c: values, how they compare, and what a rendering may spend.
 *
 * Steps and bytes come from one account, the fuel: a loop without end and a
 * text that doubles both run dry. */
#include "chat/jinja.h"

/* Bytes of memory for one step. */
#define BYTES_PER_STEP 4
/* Nesting of values that are compared or printed, and of evaluation. */
#define RENDER_DEPTH 200

moe_status moe__render_spend(struct moe__render *render, uint64_t steps)
{
    if (steps <= render->fuel) {
        render->fuel -= steps;
        return MOE_OK;
    }
    render->fuel = 0;
    return moe__fail(render->err, MOE_ERR_UNSUPPORTED,
                     "the template takes too many steps or too much memory");
}

moe_status moe__render_enter(struct moe__render *render)
{
    if (render->depth >= RENDER_DEPTH)
        return moe__fail(render->err, MOE_ERR_UNSUPPORTED,
                         "calls or values nested too deeply");
    render->depth++;
    return moe__render_spend(render, 1);
}

void *moe__render_alloc(struct moe__render *render, size_t n, size_t size)
{
    size_t bytes;
    if (!moe__mul_size(n, size, &bytes) ||
        moe__render_spend(render, 1 + bytes / BYTES_PER_STEP) != MOE_OK)
        return NULL;
    return moe__arena_alloc(&render->arena, n, size);
}

moe_status moe__render_full(struct moe__render *render)
{
    if (render->fuel == 0)
        return moe__render_spend(render, 1);
    return moe__fail(render->err, MOE_ERR_NO_MEMORY, "out of memory");
}

/* ----------------------------------------------------------------- kinds */

/* ORDER moe__value_kind: as Python calls them. */
static const char *const kind_names[MOE__N_VALUE_KINDS] = {
    "nothing",    "undefined", "None",        "bool",      "int",
    "float",      "str",       "list",        "tuple",     "range",
    "dict_items", "dict_keys", "dict_values", "generator", "dict",
    "namespace",  "loop",      "method",      "function",  "macro",
};

const char *moe__value_type(const struct moe__value *value)
{
    return kind_names[value->kind];
}

bool moe__value_is_sequence(const struct moe__value *value)
{
    return value->kind >= MOE__VALUE_LIST && value->kind <= MOE__VALUE_RANGE;
}

bool moe__value_is_key(const struct moe__value *value)
{
    return value->kind <= MOE__VALUE_STRING || value->kind == MOE__VALUE_TUPLE;
}

static bool value_has_list(const struct moe__value *value)
{
    return value->kind >= MOE__VALUE_LIST &&
           value->kind <= MOE__VALUE_GENERATOR;
}

bool moe__value_truth(const struct moe__value *value)
{
    switch (value->kind) {
    case MOE__VALUE_ABSENT:
    case MOE__VALUE_UNDEFINED:
    case MOE__VALUE_NONE:
        return false;
    case MOE__VALUE_BOOL:
        return value->as.boolean;
    case MOE__VALUE_INT:
        return value->as.integer != 0;
    case MOE__VALUE_FLOAT:
        return value->as.number != 0;
    case MOE__VALUE_STRING:
        return value->as.string->n > 0;
    case MOE__VALUE_DICT:
        return value->as.dict->n > 0;
    case MOE__VALUE_GENERATOR:
        return true;
    default:
        return !value_has_list(value) || value->as.list->n > 0;
    }
}

struct moe__value moe__value_none(void)
{
    return (struct moe__value){.kind = MOE__VALUE_NONE};
}

struct moe__value moe__value_bool(bool boolean)
{
    return (struct moe__value){.kind = MOE__VALUE_BOOL, .as.boolean = boolean};
}

struct moe__value moe__value_int(int64_t integer, bool is_data)
{
    return (struct moe__value){
        .kind = MOE__VALUE_INT, .is_data = is_data, .as.integer = integer};
}

struct moe__value moe__value_float(double number, bool is_data)
{
    return (struct moe__value){
        .kind = MOE__VALUE_FLOAT, .is_data = is_data, .as.number = number};
}

moe_status moe__value_undefined(struct moe__render *render, const char *words,
                                struct moe__slice name, struct moe__value *out)
{
    char text[160];
    const size_t n = moe__format(text, sizeof text, "'%.*s' %s",
                                 (int)(name.n > 60 ? 60 : name.n),
                                 (const char *)name.data, words);
    char *copy = moe__render_alloc(render, n + 1, 1);
    if (copy == NULL)
        return moe__render_full(render);
    memcpy(copy, text, n);
    MOE__TRY(moe__value_string(render, moe__slice_of(copy, n), MOE__ORIGIN_DATA,
                               out));
    out->kind = MOE__VALUE_UNDEFINED;
    return MOE_OK;
}

moe_status moe__value_need(struct moe__render *render,
                           const struct moe__value *value)
{
    if (value->kind != MOE__VALUE_UNDEFINED)
        return MOE_OK;
    const struct moe__string *words = value->as.string;
    return moe__fail(render->err, MOE_ERR_FORMAT, "%.*s", (int)words->n,
                     (const char *)words->data);
}

/* ------------------------------------------------------------ comparison */

static bool value_is_number(const struct moe__value *value)
{
    return value->kind >= MOE__VALUE_BOOL && value->kind <= MOE__VALUE_FLOAT;
}

static int64_t value_integer(const struct moe__value *value)
{
    return value->kind == MOE__VALUE_BOOL ? value->as.boolean
                                          : value->as.integer;
}

/* a - b as -1, 0 or 1, exactly; 2: one is NaN. */
static int number_order(const struct moe__value *a, const struct moe__value *b)
{
    const bool a_is_float = a->kind == MOE__VALUE_FLOAT;
    const bool b_is_float = b->kind == MOE__VALUE_FLOAT;
    if (!a_is_float && !b_is_float) {
        const int64_t x = value_integer(a), y = value_integer(b);
        return (x > y) - (x < y);
    }
    if (a_is_float && b_is_float) {
        const double x = a->as.number, y = b->as.number;
        return x != x || y != y ? 2 : (x > y) - (x < y);
    }
    if (a_is_float) {
        const int order = number_order(b, a);
        return order == 2 ? 2 : -order;
    }
    const double y = b->as.number;
    if (y != y)
        return 2;
    if (y >= 0x1p63)
        return -1;
    if (y < -0x1p63)
        return 1;
    const int64_t x = value_integer(a), whole = (int64_t)y;
    if (x != whole)
        return x > whole ? 1 : -1;
    return (y < (double)whole) - (y > (double)whole);
}

static moe_status list_equal(struct moe__render *render,
                             const struct moe__list *a,
                             const struct moe__list *b, bool *out)
{
    *out = a->n == b->n;
    for (int32_t i = 0; i < a->n && *out; i++)
        MOE__TRY(moe__value_equal(render, &a->items[i], &b->items[i], out));
    return MOE_OK;
}

static moe_status dict_equal(struct moe__render *render,
                             const struct moe__dict *a,
                             const struct moe__dict *b, bool *out)
{
    *out = a->n == b->n;
    for (int32_t i = 0; i < a->n && *out; i++) {
        const struct moe__value *other;
        MOE__TRY(moe__dict_get(render, b, &a->keys[i], &other));
        *out = other != NULL;
        if (*out)
            MOE__TRY(moe__value_equal(render, &a->values[i], other, out));
    }
    return MOE_OK;
}

static moe_status value_equal_inside(struct moe__render *render,
                                     const struct moe__value *a,
                                     const struct moe__value *b, bool *out)
{
    if (value_is_number(a) && value_is_number(b)) {
        *out = number_order(a, b) == 0;
        return MOE_OK;
    }
    *out = a->kind == b->kind;
    if (!*out || a->kind == MOE__VALUE_NONE || a->kind == MOE__VALUE_UNDEFINED)
        return MOE_OK;
    if (a->kind == MOE__VALUE_STRING) {
        MOE__TRY(moe__render_spend(render, a->as.string->n / 64));
        *out = moe__slice_equal(moe__value_text(a), moe__value_text(b));
        return MOE_OK;
    }
    if (moe__value_is_sequence(a))
        return list_equal(render, a->as.list, b->as.list, out);
    if (a->kind == MOE__VALUE_DICT)
        return dict_equal(render, a->as.dict, b->as.dict, out);
    *out = a->as.list == b->as.list; /* the same thing */
    return MOE_OK;
}

moe_status moe__value_equal(struct moe__render *render,
                            const struct moe__value *a,
                            const struct moe__value *b, bool *out)
{
    MOE__TRY(moe__render_enter(render));
    MOE__TRY(value_equal_inside(render, a, b, out));
    render->depth--;
    return MOE_OK;
}

/* The first items that differ decide. */
static moe_status list_less(struct moe__render *render,
                            const struct moe__list *a,
                            const struct moe__list *b, bool *out)
{
    for (int32_t i = 0; i < a->n && i < b->n; i++) {
        bool is_equal;
        MOE__TRY(
            moe__value_equal(render, &a->items[i], &b->items[i], &is_equal));
        if (is_equal)
            continue;
        MOE__TRY(moe__render_enter(render));
        MOE__TRY(moe__value_less(render, &a->items[i], &b->items[i], out));
        render->depth--;
        return MOE_OK;
    }
    *out = a->n < b->n;
    return MOE_OK;
}

moe_status moe__value_less(struct moe__render *render,
                           const struct moe__value *a,
                           const struct moe__value *b, bool *out)
{
    MOE__TRY(moe__value_need(render, a));
    MOE__TRY(moe__value_need(render, b));
    if (value_is_number(a) && value_is_number(b)) {
        *out = number_order(a, b) == -1;
        return MOE_OK;
    }
    if (a->kind == b->kind && a->kind == MOE__VALUE_STRING) {
        /* UTF-8 sorts as its code points do. */
        const struct moe__slice x = moe__value_text(a), y = moe__value_text(b);
        const size_t n = x.n < y.n ? x.n : y.n;
        MOE__TRY(moe__render_spend(render, 1 + n / 64));
        const int order = n > 0 ? memcmp(x.data, y.data, n) : 0;
        *out = order < 0 || (order == 0 && x.n < y.n);
        return MOE_OK;
    }
    if (a->kind == b->kind &&
        (a->kind == MOE__VALUE_LIST || a->kind == MOE__VALUE_TUPLE))
        return list_less(render, a->as.list, b->as.list, out);
    return moe__fail(render->err, MOE_ERR_FORMAT, "%s and %s have no order",
                     moe__value_type(a), moe__value_type(b));
}

moe_status moe__value_contains(struct moe__render *render,
                               const struct moe__value *container,
                               const struct moe__value *item, bool *out)
{
    if (container->kind == MOE__VALUE_STRING) {
        if (item->kind != MOE__VALUE_STRING)
            return moe__fail(render->err, MOE_ERR_FORMAT,
                             "in: a str holds no %s", moe__value_type(item));
        const struct moe__string *text = container->as.string;
        MOE__TRY(moe__render_spend(render, 1 + text->n / 16));
        *out = moe__string_find(render, text, moe__value_text(item), 0,
                                text->n) != SIZE_MAX;
        return MOE_OK;
    }
    if (container->kind == MOE__VALUE_DICT) {
        const struct moe__value *found;
        MOE__TRY(moe__dict_get(render, container->as.dict, item, &found));
        *out = found != NULL;
        return MOE_OK;
    }
    struct moe__list list;
    *out = false;
    MOE__TRY(moe__value_iterate(render, container, &list));
    for (int32_t i = 0; i < list.n && !*out; i++)
        MOE__TRY(moe__value_equal(render, &list.items[i], item, out));
    return MOE_OK;
}

/* ----------------------------------------------------------- collections */

static moe_status string_characters(struct moe__render *render,
                                    const struct moe__string *string,
                                    struct moe__list *out)
{
    out->n = 0;
    out->items = moe__render_alloc(render, moe__string_length(string),
                                   sizeof *out->items);
    if (out->items == NULL)
        return moe__render_full(render);
    for (size_t pos = 0; pos < string->n;) {
        const size_t next = pos + moe__string_step(string, pos);
        MOE__TRY(
            moe__string_part(render, string, pos, next, &out->items[out->n++]));
        pos = next;
    }
    return MOE_OK;
}

moe_status moe__value_iterate(struct moe__render *render,
                              const struct moe__value *value,
                              struct moe__list *out)
{
    *out = (struct moe__list){0};
    if (value->kind == MOE__VALUE_UNDEFINED)
        return MOE_OK;
    if (value->kind == MOE__VALUE_STRING)
        return string_characters(render, value->as.string, out);
    if (value->kind == MOE__VALUE_DICT) {
        out->items = value->as.dict->keys;
        out->n = value->as.dict->n;
        return MOE_OK;
    }
    if (!value_has_list(value))
        return moe__fail(render->err, MOE_ERR_FORMAT, "%s is not iterable",
                         moe__value_type(value));
    if (value->kind != MOE__VALUE_GENERATOR || !value->as.list->is_spent)
        *out = *value->as.list;
    value->as.list->is_spent = value->kind == MOE__VALUE_GENERATOR;
    return MOE_OK;
}

moe_status moe__value_list(struct moe__render *render,
                           enum moe__value_kind kind, int32_t n, bool is_data,
                           struct moe__value *out)
{
    struct moe__list *list = moe__render_alloc(render, 1, sizeof *list);
    struct moe__value *items =
        moe__render_alloc(render, (size_t)n, sizeof *items);
    if (list == NULL || items == NULL)
        return moe__render_full(render);
    list->items = items;
    list->n = n;
    out->kind = kind;
    out->is_data = is_data;
    out->as.list = list;
    return MOE_OK;
}

moe_status moe__value_dict(struct moe__render *render, int32_t cap,
                           bool is_data, struct moe__value *out)
{
    struct moe__dict *dict = moe__render_alloc(render, 1, sizeof *dict);
    if (dict == NULL)
        return moe__render_full(render);
    dict->keys = moe__render_alloc(render, (size_t)cap, sizeof *dict->keys);
    dict->values = moe__render_alloc(render, (size_t)cap, sizeof *dict->values);
    if (dict->keys == NULL || dict->values == NULL)
        return moe__render_full(render);
    dict->cap = cap;
    out->kind = MOE__VALUE_DICT;
    out->is_data = is_data;
    out->as.dict = dict;
    return MOE_OK;
}

struct moe__value *moe__dict_find(const struct moe__dict *dict,
                                  struct moe__slice key)
{
    for (int32_t i = 0; i < dict->n; i++)
        if (dict->keys[i].kind == MOE__VALUE_STRING &&
            moe__slice_equal(moe__value_text(&dict->keys[i]), key))
            return &dict->values[i];
    return NULL;
}

moe_status moe__dict_get(struct moe__render *render,
                         const struct moe__dict *dict,
                         const struct moe__value *key,
                         const struct moe__value **out)
{
    *out = NULL;
    MOE__TRY(moe__render_spend(render, 1 + (uint64_t)dict->n / 8));
    if (key->kind == MOE__VALUE_STRING) {
        *out = moe__dict_find(dict, moe__value_text(key));
        return MOE_OK;
    }
    if (!moe__value_is_key(key))
        return moe__fail(render->err, MOE_ERR_FORMAT,
                         "a key of a dict cannot be of type %s",
                         moe__value_type(key));
    for (int32_t i = 0; i < dict->n && *out == NULL; i++) {
        bool is_equal;
        MOE__TRY(moe__value_equal(render, &dict->keys[i], key, &is_equal));
        if (is_equal)
            *out = &dict->values[i];
    }
    return MOE_OK;
}

static moe_status dict_grow(struct moe__render *render, struct moe__dict *dict)
{
    if (dict->n < dict->cap)
        return MOE_OK;
    if (dict->cap > INT32_MAX / 2)
        return moe__fail(render->err, MOE_ERR_UNSUPPORTED, "dict too large");
    const int32_t cap = dict->cap < 4 ? 8 : 2 * dict->cap;
    const size_t bytes = (size_t)dict->n * sizeof *dict->keys;
    struct moe__value *keys =
        moe__render_alloc(render, (size_t)cap, sizeof *keys);
    struct moe__value *values =
        moe__render_alloc(render, (size_t)cap, sizeof *values);
    if (keys == NULL || values == NULL)
        return moe__render_full(render);
    if (bytes > 0) {
        memcpy(keys, dict->keys, bytes);
        memcpy(values, dict->values, bytes);
    }
    dict->keys = keys;
    dict->values = values;
    dict->cap = cap;
    return MOE_OK;
}

moe_status moe__dict_push(struct moe__render *render, struct moe__dict *dict,
                          const struct moe__value *key,
                          const struct moe__value *value)
{
    MOE__TRY(dict_grow(render, dict));
    dict->keys[dict->n] = *key;
    dict->values[dict->n++] = *value;
    return MOE_OK;
}

moe_status moe__dict_set(struct moe__render *render, struct moe__dict *dict,
                         const struct moe__value *key,
                         const struct moe__value *value)
{
    const struct moe__value *found;
    MOE__TRY(moe__dict_get(render, dict, key, &found));
    if (found != NULL) {
        dict->values[found - dict->values] = *value;
        return MOE_OK;
    }
    return moe__dict_push(render, dict, key, value);
}

moe_status moe__collect(struct moe__render *render, struct moe__dict *collected,
                        const struct moe__value *value)
{
    const struct moe__value key = moe__value_none();
    return moe__dict_push(render, collected, &key, value);
}

moe_status moe__collect_finish(struct moe__render *render,
                               const struct moe__dict *collected,
                               enum moe__value_kind kind, bool is_data,
                               struct moe__value *out)
{
    MOE__TRY(moe__value_list(render, kind, 0, is_data, out));
    out->as.list->items = collected->values;
    out->as.list->n = collected->n;
    return MOE_OK;
}

/* ------------------------------------------------------------- from JSON */

static moe_status value_of_number(struct moe__render *render,
                                  const struct moe__json *json,
                                  struct moe__value *out)
{
    bool is_float = json->text.n == 0 && !json->is_integer;
    for (size_t i = 0; i < json->text.n; i++)
        is_float = is_float || strchr(".eE", json->text.data[i]) != NULL;
    if (!is_float && !json->is_integer)
        return moe__fail(render->err, MOE_ERR_UNSUPPORTED,
                         "integer of more than 64 bits in the input");
    *out = is_float ? moe__value_float(json->number, true)
                    : moe__value_int(json->integer, true);
    return MOE_OK;
}

static moe_status value_of_items(struct moe__render *render,
                                 const struct moe__json *json,
                                 struct moe__value *out)
{
    if (json->kind == MOE__JSON_ARRAY)
        MOE__TRY(moe__value_list(render, MOE__VALUE_LIST, json->n, true, out));
    else
        MOE__TRY(moe__value_dict(render, json->n, true, out));
    for (int32_t i = 0; i < json->n; i++) {
        struct moe__value value, key;
        MOE__TRY(moe__value_of_json(render, &json->items[i], &value));
        if (json->kind == MOE__JSON_ARRAY) {
            out->as.list->items[i] = value;
            continue;
        }
        MOE__TRY(
            moe__value_string(render, json->keys[i], MOE__ORIGIN_DATA, &key));
        MOE__TRY(moe__dict_set(render, out->as.dict, &key, &value));
    }
    return MOE_OK;
}

moe_status moe__value_of_json(struct moe__render *render,
                              const struct moe__json *json,
                              struct moe__value *out)
{
    MOE__TRY(moe__render_enter(render));
    switch (json->kind) {
    case MOE__JSON_NULL:
        *out = moe__value_none();
        break;
    case MOE__JSON_FALSE:
    case MOE__JSON_TRUE:
        *out = moe__value_bool(json->kind == MOE__JSON_TRUE);
        break;
    case MOE__JSON_NUMBER:
        MOE__TRY(value_of_number(render, json, out));
        break;
    case MOE__JSON_STRING:
        MOE__TRY(moe__value_string(render, json->text, MOE__ORIGIN_DATA, out));
        break;
    case MOE__JSON_ARRAY:
    case MOE__JSON_OBJECT:
        MOE__TRY(value_of_items(render, json, out));
        break;
    }
    out->is_data = true;
    render->depth--;
    return MOE_OK;
}
