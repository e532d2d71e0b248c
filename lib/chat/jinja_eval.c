/* jinja_eval.c: expressions -> values. */
#include "chat/jinja.h"

typedef moe_status eval_fn(struct moe__render *render,
                           const struct moe__node *node,
                           struct moe__value *out);

static moe_status eval_kid(struct moe__render *render,
                           const struct moe__node *node, int32_t i,
                           struct moe__value *out)
{
    MOE__TRY(moe__eval(render, node->kid[i], out));
    render->at = node;
    return MOE_OK;
}

static moe_status eval_constant(struct moe__render *render,
                                const struct moe__node *node,
                                struct moe__value *out)
{
    (void)render;
    *out = node->value;
    return MOE_OK;
}

static moe_status eval_captured(struct moe__render *render,
                                const struct moe__node *node,
                                struct moe__value *out)
{
    (void)node;
    *out = render->captured;
    return MOE_OK;
}

/* Names in the scopes, inner ones first, then functions. */
static moe_status eval_name(struct moe__render *render,
                            const struct moe__node *node,
                            struct moe__value *out)
{
    for (const struct moe__scope *scope = render->scope; scope != NULL;
         scope = scope->parent) {
        const struct moe__value *found =
            moe__dict_find(&scope->names, node->name);
        if (found != NULL) {
            *out = *found;
            return MOE_OK;
        }
        MOE__TRY(moe__render_spend(render, (uint64_t)scope->names.n / 8));
    }
    const struct moe__builtin *function =
        moe__builtin_find(moe__jinja_functions, node->name);
    const bool is_clock = moe__slice_is(node->name, "strftime_now");
    if (function == NULL || (is_clock && render->date.n == 0))
        return moe__value_undefined(render, "is undefined", node->name, out);
    *out = (struct moe__value){.kind = MOE__VALUE_FUNCTION,
                               .as.function = function};
    return MOE_OK;
}

static moe_status eval_items(struct moe__render *render,
                             const struct moe__node *node,
                             struct moe__value *out)
{
    struct moe__value list;
    MOE__TRY(moe__value_list(render,
                             node->kind == MOE__NODE_TUPLE ? MOE__VALUE_TUPLE
                                                           : MOE__VALUE_LIST,
                             node->n, false, &list));
    int32_t i = 0;
    for (const struct moe__node *n = node->list; n != NULL; n = n->next)
        MOE__TRY(moe__eval(render, n, &list.as.list->items[i++]));
    *out = list;
    return MOE_OK;
}

static moe_status eval_dict(struct moe__render *render,
                            const struct moe__node *node,
                            struct moe__value *out)
{
    struct moe__value dict, key, value;
    MOE__TRY(moe__value_dict(render, node->n / 2, false, &dict));
    for (const struct moe__node *n = node->list; n != NULL; n = n->next->next) {
        MOE__TRY(moe__eval(render, n, &key));
        MOE__TRY(moe__eval(render, n->next, &value));
        MOE__TRY(moe__dict_set(render, dict.as.dict, &key, &value));
    }
    *out = dict;
    return MOE_OK;
}

/* --------------------------------------------------------- parts of values */

static const struct moe__builtin *value_method(const struct moe__value *object,
                                               struct moe__slice name)
{
    switch (object->kind) {
    case MOE__VALUE_STRING:
        return moe__builtin_find(moe__jinja_string_methods, name);
    case MOE__VALUE_DICT:
        return moe__builtin_find(moe__jinja_dict_methods, name);
    case MOE__VALUE_LIST:
        return moe__builtin_find(moe__jinja_list_methods, name);
    case MOE__VALUE_TUPLE:
        return moe__builtin_find(moe__jinja_tuple_methods, name);
    case MOE__VALUE_LOOP:
        return moe__builtin_find(moe__jinja_loop_methods, name);
    default:
        return NULL;
    }
}

/* getattr(): a method, or a field of a namespace or loop; ABSENT if none. */
static moe_status value_attribute(struct moe__render *render,
                                  const struct moe__value *object,
                                  struct moe__slice name,
                                  struct moe__value *out)
{
    *out = (struct moe__value){0};
    const struct moe__builtin *builtin = value_method(object, name);
    if (builtin != NULL) {
        struct moe__method *method =
            moe__render_alloc(render, 1, sizeof *method);
        if (method == NULL)
            return moe__render_full(render);
        method->self = *object;
        method->builtin = builtin;
        out->kind = MOE__VALUE_METHOD;
        out->as.method = method;
    } else if (object->kind == MOE__VALUE_NAMESPACE) {
        const struct moe__value *found = moe__dict_find(object->as.dict, name);
        if (found != NULL)
            *out = *found;
    } else if (object->kind == MOE__VALUE_LOOP) {
        return moe__loop_attribute(render, object->as.loop, name, out);
    }
    return MOE_OK;
}

static moe_status value_no_part(struct moe__render *render,
                                const struct moe__value *object,
                                struct moe__slice name, struct moe__value *out)
{
    char words[64];
    if (object->kind >= MOE__VALUE_METHOD ||
        (name.n > 1 && name.data[0] == '_' && name.data[1] == '_'))
        return moe__fail(render->err, MOE_ERR_UNSUPPORTED,
                         "attribute '%.*s' of a %s is not supported",
                         (int)(name.n > 60 ? 60 : name.n),
                         (const char *)name.data, moe__value_type(object));
    moe__format(words, sizeof words, "is not in this %s",
                moe__value_type(object));
    return moe__value_undefined(render, words, name, out);
}

/* The place of an index in n items; negative ones count from the end. */
static bool index_place(const struct moe__value *key, size_t n, size_t *place)
{
    int64_t i =
        key->kind == MOE__VALUE_BOOL ? key->as.boolean : key->as.integer;
    if (i < 0)
        i += (int64_t)n;
    *place = (size_t)i;
    return i >= 0 && (uint64_t)i < n;
}

/* object[key] without attributes; ABSENT if there is none. */
static moe_status value_element(struct moe__render *render,
                                const struct moe__value *object,
                                const struct moe__value *key,
                                struct moe__value *out)
{
    const bool is_index =
        key->kind == MOE__VALUE_INT || key->kind == MOE__VALUE_BOOL;
    size_t place;
    *out = (struct moe__value){0};
    if (object->kind == MOE__VALUE_DICT && moe__value_is_key(key)) {
        const struct moe__value *found;
        MOE__TRY(moe__dict_get(render, object->as.dict, key, &found));
        if (found != NULL)
            *out = *found;
    } else if (moe__value_is_sequence(object) && is_index) {
        const struct moe__list *list = object->as.list;
        if (index_place(key, (size_t)list->n, &place))
            *out = list->items[place];
    } else if (object->kind == MOE__VALUE_STRING && is_index) {
        const struct moe__string *string = object->as.string;
        MOE__TRY(moe__render_spend(render, string->n / 8));
        if (!index_place(key, moe__string_length(string), &place))
            return MOE_OK;
        const size_t pos = moe__string_offset(string, place);
        return moe__string_part(render, string, pos,
                                pos + moe__string_step(string, pos), out);
    }
    return MOE_OK;
}

moe_status moe__value_item(struct moe__render *render,
                           const struct moe__value *object,
                           const struct moe__value *key, struct moe__value *out)
{
    MOE__TRY(moe__value_need(render, object));
    MOE__TRY(value_element(render, object, key, out));
    if (out->kind == MOE__VALUE_ABSENT && key->kind == MOE__VALUE_STRING)
        MOE__TRY(value_attribute(render, object, moe__value_text(key), out));
    if (out->kind != MOE__VALUE_ABSENT)
        return MOE_OK;
    struct moe__value name;
    MOE__TRY(moe__value_str(render, key, &name));
    return value_no_part(render, object, moe__value_text(&name), out);
}

static moe_status eval_item(struct moe__render *render,
                            const struct moe__node *node,
                            struct moe__value *out)
{
    struct moe__value object, key;
    MOE__TRY(eval_kid(render, node, 0, &object));
    MOE__TRY(eval_kid(render, node, 1, &key));
    return moe__value_item(render, &object, &key, out);
}

/* object.name: methods come before the keys of a dict. */
static moe_status eval_attribute(struct moe__render *render,
                                 const struct moe__node *node,
                                 struct moe__value *out)
{
    struct moe__value object;
    MOE__TRY(eval_kid(render, node, 0, &object));
    MOE__TRY(moe__value_need(render, &object));
    MOE__TRY(value_attribute(render, &object, node->name, out));
    if (out->kind == MOE__VALUE_ABSENT && object.kind == MOE__VALUE_DICT) {
        const struct moe__value *found =
            moe__dict_find(object.as.dict, node->name);
        MOE__TRY(moe__render_spend(render, (uint64_t)object.as.dict->n / 8));
        if (found != NULL)
            *out = *found;
    }
    return out->kind != MOE__VALUE_ABSENT
               ? MOE_OK
               : value_no_part(render, &object, node->name, out);
}

/* ---------------------------------------------------------------- slices */

/* A bound of a slice, or `missing` if it was left out. */
static moe_status eval_bound(struct moe__render *render,
                             const struct moe__node *node, int32_t i,
                             int64_t missing, int64_t *out)
{
    struct moe__value value = moe__value_none();
    if (node->kid[i] != NULL)
        MOE__TRY(eval_kid(render, node, i, &value));
    if (value.kind == MOE__VALUE_NONE)
        *out = missing;
    else if (value.kind == MOE__VALUE_INT)
        *out = value.as.integer;
    else
        return moe__fail(render->err, MOE_ERR_FORMAT,
                         "the bound of a slice is of type %s",
                         moe__value_type(&value));
    return MOE_OK;
}

/* Counts a bound from the end and keeps it in [low, high]. */
static int64_t bound_clamp(int64_t bound, int64_t n, int64_t low, int64_t high)
{
    if (bound < 0)
        bound = bound < -n ? low : bound + n;
    return bound < low ? low : bound > high ? high : bound;
}

static moe_status slice_sequence(struct moe__render *render,
                                 const struct moe__value *object,
                                 const int64_t bounds[3], int32_t n,
                                 struct moe__value *out)
{
    struct moe__value list;
    const bool is_string = object->kind == MOE__VALUE_STRING;
    struct moe__list items;
    MOE__TRY(moe__value_iterate(render, object, &items));
    MOE__TRY(moe__value_list(render, is_string ? MOE__VALUE_LIST : object->kind,
                             n, object->is_data, &list));
    for (int32_t i = 0; i < n; i++)
        list.as.list->items[i] = items.items[bounds[0] + i * bounds[2]];
    *out = list;
    if (!is_string)
        return MOE_OK;
    struct moe__builder builder;
    moe__builder_init(&builder, render);
    for (int32_t i = 0; i < n; i++)
        moe__builder_string(&builder, list.as.list->items[i].as.string);
    return moe__builder_finish(&builder, out);
}

static moe_status eval_slice(struct moe__render *render,
                             const struct moe__node *node,
                             struct moe__value *out)
{
    struct moe__value object;
    int64_t bounds[3]; /* from, to, step */
    MOE__TRY(eval_kid(render, node, 0, &object));
    MOE__TRY(moe__value_need(render, &object));
    const bool is_string = object.kind == MOE__VALUE_STRING;
    if (!is_string && !moe__value_is_sequence(&object))
        return moe__fail(render->err, MOE_ERR_FORMAT, "%s cannot be sliced",
                         moe__value_type(&object));
    if (is_string)
        MOE__TRY(moe__render_spend(render, object.as.string->n / 8));
    const int64_t n = is_string ? (int64_t)moe__string_length(object.as.string)
                                : object.as.list->n;
    MOE__TRY(eval_bound(render, node, 3, 1, &bounds[2]));
    if (bounds[2] == 0 || bounds[2] < -INT32_MAX || bounds[2] > INT32_MAX)
        return moe__fail(render->err, MOE_ERR_FORMAT, "step %lld of a slice",
                         (long long)bounds[2]);
    const bool is_down = bounds[2] < 0;
    const int64_t low = is_down ? -1 : 0, high = is_down ? n - 1 : n;
    MOE__TRY(eval_bound(render, node, 1, is_down ? n : 0, &bounds[0]));
    MOE__TRY(eval_bound(render, node, 2, is_down ? INT64_MIN : n, &bounds[1]));
    bounds[0] = bound_clamp(bounds[0], n, low, high);
    bounds[1] = bound_clamp(bounds[1], n, low, high);
    if (is_string && bounds[2] == 1) {
        const size_t from =
            moe__string_offset(object.as.string, (size_t)bounds[0]);
        const size_t to =
            moe__string_offset(object.as.string, (size_t)bounds[1]);
        return moe__string_part(render, object.as.string, from,
                                to > from ? to : from, out);
    }
    const int64_t distance =
        is_down ? bounds[0] - bounds[1] : bounds[1] - bounds[0];
    const int64_t step = is_down ? -bounds[2] : bounds[2];
    const int64_t count = distance > 0 ? (distance + step - 1) / step : 0;
    return slice_sequence(render, &object, bounds, (int32_t)count, out);
}

/* ------------------------------------------------------------- operators */

static moe_status eval_not(struct moe__render *render,
                           const struct moe__node *node, struct moe__value *out)
{
    MOE__TRY(eval_kid(render, node, 0, out));
    *out = moe__value_bool(!moe__value_truth(out));
    return MOE_OK;
}

/* The value that decides, not a boolean. */
static moe_status eval_logic(struct moe__render *render,
                             const struct moe__node *node,
                             struct moe__value *out)
{
    MOE__TRY(eval_kid(render, node, 0, out));
    if (moe__value_truth(out) == (node->kind == MOE__NODE_OR))
        return MOE_OK;
    return eval_kid(render, node, 1, out);
}

static moe_status eval_ternary(struct moe__render *render,
                               const struct moe__node *node,
                               struct moe__value *out)
{
    MOE__TRY(eval_kid(render, node, 1, out));
    if (moe__value_truth(out))
        return eval_kid(render, node, 0, out);
    if (node->kid[2] != NULL)
        return eval_kid(render, node, 2, out);
    return moe__value_undefined(render, "is false and there is no else",
                                moe__slice_str("if"), out);
}

static moe_status compare_values(struct moe__render *render,
                                 enum moe__operator operator_,
                                 const struct moe__value *a,
                                 const struct moe__value *b, bool *out)
{
    const bool is_turned =
        operator_ == MOE__OPERATOR_GT || operator_ == MOE__OPERATOR_LE;
    switch (operator_) {
    case MOE__OPERATOR_EQ:
    case MOE__OPERATOR_NE:
        MOE__TRY(moe__value_equal(render, a, b, out));
        *out = *out == (operator_ == MOE__OPERATOR_EQ);
        return MOE_OK;
    case MOE__OPERATOR_IN:
    case MOE__OPERATOR_NOT_IN:
        MOE__TRY(moe__value_contains(render, b, a, out));
        *out = *out == (operator_ == MOE__OPERATOR_IN);
        return MOE_OK;
    default: /* a > b is b < a; a <= b is not b < a, but for NaN */
        MOE__TRY(
            moe__value_less(render, is_turned ? b : a, is_turned ? a : b, out));
        if (operator_ == MOE__OPERATOR_LE || operator_ == MOE__OPERATOR_GE) {
            const bool has_nan =
                (a->kind == MOE__VALUE_FLOAT && a->as.number != a->as.number) ||
                (b->kind == MOE__VALUE_FLOAT && b->as.number != b->as.number);
            *out = !*out && !has_nan;
        }
        return MOE_OK;
    }
}

static moe_status eval_compare(struct moe__render *render,
                               const struct moe__node *node,
                               struct moe__value *out)
{
    struct moe__value left, right;
    bool is_true = true;
    MOE__TRY(eval_kid(render, node, 0, &left));
    for (const struct moe__node *n = node->list; n != NULL && is_true;
         n = n->next) {
        MOE__TRY(moe__eval(render, n->kid[0], &right));
        render->at = n;
        MOE__TRY(compare_values(render, n->operator_, &left, &right, &is_true));
        left = right;
    }
    *out = moe__value_bool(is_true);
    return MOE_OK;
}

static moe_status eval_sign(struct moe__render *render,
                            const struct moe__node *node,
                            struct moe__value *out)
{
    struct moe__value value;
    MOE__TRY(eval_kid(render, node, 0, &value));
    return moe__operate_sign(render, node->kind == MOE__NODE_NEGATIVE, &value,
                             out);
}

static moe_status eval_binary(struct moe__render *render,
                              const struct moe__node *node,
                              struct moe__value *out)
{
    struct moe__value a, b;
    MOE__TRY(eval_kid(render, node, 0, &a));
    MOE__TRY(eval_kid(render, node, 1, &b));
    return moe__operate(render, node->operator_, &a, &b, out);
}

/* ----------------------------------------------------------------- calls */

static moe_status args_named(struct moe__render *render,
                             struct moe__dict *named,
                             const struct moe__value *name,
                             const struct moe__value *value)
{
    const struct moe__slice text = moe__value_text(name);
    if (moe__dict_find(named, text) != NULL)
        return moe__fail(
            render->err, MOE_ERR_FORMAT, "argument '%.*s' is given twice",
            (int)(text.n > 60 ? 60 : text.n), (const char *)text.data);
    return moe__dict_push(render, named, name, value);
}

/* One argument as written, which *list or **dict makes many. */
static moe_status eval_argument(struct moe__render *render,
                                const struct moe__node *node,
                                struct moe__dict *positional,
                                struct moe__dict *named)
{
    struct moe__value value, name = moe__value_none();
    const bool is_marked =
        node->kind >= MOE__NODE_KEYWORD && node->kind <= MOE__NODE_STAR_STAR;
    MOE__TRY(moe__eval(render, is_marked ? node->kid[0] : node, &value));
    render->at = node;
    if (!is_marked)
        return moe__dict_push(render, positional, &name, &value);
    if (node->kind == MOE__NODE_KEYWORD) {
        MOE__TRY(
            moe__value_string(render, node->name, MOE__ORIGIN_TEMPLATE, &name));
        return args_named(render, named, &name, &value);
    }
    MOE__TRY(moe__value_need(render, &value));
    if (node->kind == MOE__NODE_STAR) {
        struct moe__list items;
        MOE__TRY(moe__value_iterate(render, &value, &items));
        for (int32_t i = 0; i < items.n; i++)
            MOE__TRY(
                moe__dict_push(render, positional, &name, &items.items[i]));
        return MOE_OK;
    }
    if (value.kind != MOE__VALUE_DICT)
        return moe__fail(render->err, MOE_ERR_FORMAT,
                         "** needs a dict, found %s", moe__value_type(&value));
    for (int32_t i = 0; i < value.as.dict->n; i++)
        MOE__TRY(args_named(render, named, &value.as.dict->keys[i],
                            &value.as.dict->values[i]));
    return MOE_OK;
}

moe_status moe__eval_args(struct moe__render *render,
                          const struct moe__node *node, struct moe__args *out)
{
    struct moe__dict positional = {0}, named = {0};
    for (const struct moe__node *n = node->list; n != NULL; n = n->next)
        MOE__TRY(eval_argument(render, n, &positional, &named));
    render->at = node;
    out->list = positional.values;
    out->n = positional.n;
    out->names = named.keys;
    out->named = named.values;
    out->n_named = named.n;
    return MOE_OK;
}

static moe_status eval_call(struct moe__render *render,
                            const struct moe__node *node,
                            struct moe__value *out)
{
    struct moe__value callee;
    struct moe__args args = {0};
    MOE__TRY(eval_kid(render, node, 0, &callee));
    MOE__TRY(moe__eval_args(render, node, &args));
    return moe__value_call(render, &callee, &args, out);
}

static moe_status eval_builtin(struct moe__render *render,
                               const struct moe__node *node,
                               struct moe__value *out)
{
    struct moe__args args = {0};
    MOE__TRY(eval_kid(render, node, 0, &args.self));
    MOE__TRY(moe__eval_args(render, node, &args));
    return moe__builtin_call(render,
                             node->kind == MOE__NODE_FILTER ? "filter" : "test",
                             node->builtin, &args, out);
}

/* -------------------------------------------------------------- dispatch */

/* ORDER moe__node_kind, from CONSTANT to CAPTURED. */
static eval_fn *const eval_rows[] = {
    eval_constant,  eval_name,   eval_items,   eval_items,   eval_dict,
    eval_attribute, eval_item,   eval_slice,   eval_call,    eval_builtin,
    eval_builtin,   eval_not,    eval_sign,    eval_sign,    eval_logic,
    eval_logic,     eval_binary, eval_compare, eval_ternary, eval_captured,
};

moe_status moe__eval(struct moe__render *render, const struct moe__node *node,
                     struct moe__value *out)
{
    render->at = node;
    MOE__TRY(moe__render_enter(render));
    MOE__TRY(eval_rows[node->kind - MOE__NODE_CONSTANT](render, node, out));
    render->depth--;
    return MOE_OK;
}
