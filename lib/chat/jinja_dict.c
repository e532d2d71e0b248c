/* jinja_dict.c: methods of dict, list and tuple.
 *
 * What would change a value is refused, as in jinja2's immutable sandbox. */
#include "chat/jinja.h"

static moe_status method_get(struct moe__render *render,
                             const struct moe__args *args,
                             struct moe__value *out)
{
    const struct moe__value *found;
    MOE__TRY(moe__dict_get(render, args->self.as.dict, &args->list[0], &found));
    *out = found != NULL                             ? *found
           : args->list[1].kind == MOE__VALUE_ABSENT ? moe__value_none()
                                                     : args->list[1];
    return MOE_OK;
}

static moe_status dict_view(struct moe__render *render,
                            const struct moe__value *self,
                            enum moe__value_kind kind, struct moe__value *out)
{
    const struct moe__dict *dict = self->as.dict;
    MOE__TRY(moe__value_list(render, kind, dict->n, self->is_data, out));
    for (int32_t i = 0; i < dict->n; i++) {
        struct moe__value *item = &out->as.list->items[i];
        if (kind != MOE__VALUE_ITEMS) {
            *item = kind == MOE__VALUE_KEYS ? dict->keys[i] : dict->values[i];
            continue;
        }
        MOE__TRY(
            moe__value_list(render, MOE__VALUE_TUPLE, 2, self->is_data, item));
        item->as.list->items[0] = dict->keys[i];
        item->as.list->items[1] = dict->values[i];
    }
    return MOE_OK;
}

static moe_status method_items(struct moe__render *render,
                               const struct moe__args *args,
                               struct moe__value *out)
{
    return dict_view(render, &args->self, MOE__VALUE_ITEMS, out);
}

static moe_status method_keys(struct moe__render *render,
                              const struct moe__args *args,
                              struct moe__value *out)
{
    return dict_view(render, &args->self, MOE__VALUE_KEYS, out);
}

static moe_status method_values(struct moe__render *render,
                                const struct moe__args *args,
                                struct moe__value *out)
{
    return dict_view(render, &args->self, MOE__VALUE_VALUES, out);
}

/* Values do not change, so a copy is the value. */
static moe_status method_copy(struct moe__render *render,
                              const struct moe__args *args,
                              struct moe__value *out)
{
    (void)render;
    *out = args->self;
    return MOE_OK;
}

/* list.count and list.index */
static moe_status list_search(struct moe__render *render,
                              const struct moe__args *args, int64_t *first,
                              int64_t *count)
{
    const struct moe__list *list = args->self.as.list;
    *first = -1;
    *count = 0;
    for (int32_t i = 0; i < list->n; i++) {
        bool is_equal;
        MOE__TRY(moe__value_equal(render, &list->items[i], &args->list[0],
                                  &is_equal));
        *first = is_equal && *first < 0 ? i : *first;
        *count += is_equal;
    }
    return MOE_OK;
}

static moe_status method_list_count(struct moe__render *render,
                                    const struct moe__args *args,
                                    struct moe__value *out)
{
    int64_t first, count;
    MOE__TRY(list_search(render, args, &first, &count));
    *out = moe__value_int(count, false);
    return MOE_OK;
}

static moe_status method_list_index(struct moe__render *render,
                                    const struct moe__args *args,
                                    struct moe__value *out)
{
    int64_t first, count;
    MOE__TRY(list_search(render, args, &first, &count));
    *out = moe__value_int(first, false);
    return first >= 0 ? MOE_OK
                      : moe__fail(render->err, MOE_ERR_FORMAT, "not found");
}

static moe_status method_changes(struct moe__render *render,
                                 const struct moe__args *args,
                                 struct moe__value *out)
{
    (void)out;
    return moe__fail(render->err, MOE_ERR_UNSUPPORTED,
                     "a template must not change a %s",
                     moe__value_type(&args->self));
}

const struct moe__builtin moe__jinja_dict_methods[] = {
    {"copy", method_copy, 0, 0, NULL},
    {"get", method_get, 1, 2, NULL},
    {"items", method_items, 0, 0, NULL},
    {"keys", method_keys, 0, 0, NULL},
    {"values", method_values, 0, 0, NULL},
    {"clear", method_changes, 0, -1, NULL},
    {"fromkeys", NULL, 0, -1, NULL},
    {"pop", method_changes, 0, -1, NULL},
    {"popitem", method_changes, 0, -1, NULL},
    {"setdefault", method_changes, 0, -1, NULL},
    {"update", method_changes, 0, -1, NULL},
    {NULL, NULL, 0, 0, NULL},
};

const struct moe__builtin moe__jinja_list_methods[] = {
    {"copy", method_copy, 0, 0, NULL},
    {"count", method_list_count, 1, 1, NULL},
    {"index", method_list_index, 1, 1, NULL},
    {"append", method_changes, 0, -1, NULL},
    {"clear", method_changes, 0, -1, NULL},
    {"extend", method_changes, 0, -1, NULL},
    {"insert", method_changes, 0, -1, NULL},
    {"pop", method_changes, 0, -1, NULL},
    {"remove", method_changes, 0, -1, NULL},
    {"reverse", method_changes, 0, -1, NULL},
    {"sort", method_changes, 0, -1, NULL},
    {NULL, NULL, 0, 0, NULL},
};

const struct moe__builtin moe__jinja_tuple_methods[] = {
    {"count", method_list_count, 1, 1, NULL},
    {"index", method_list_index, 1, 1, NULL},
    {NULL, NULL, 0, 0, NULL},
};
