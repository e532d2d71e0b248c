/* jinja_lists.c: filters of what can be walked.
 *
 * Those that are generators in Jinja2 give a value that can be walked once,
 * though their work is done at once. */
#include "chat/jinja.h"

/* ------------------------------------------------------------- attributes */

/* value.a.0.b for "a.0.b" or an int; NONE as a path: the value itself. */
static moe_status value_path(struct moe__render *render,
                             const struct moe__value *value,
                             const struct moe__value *path,
                             struct moe__value *out)
{
    struct moe__value key = *path;
    *out = *value;
    if (path->kind == MOE__VALUE_ABSENT || path->kind == MOE__VALUE_NONE)
        return MOE_OK;
    if (path->kind == MOE__VALUE_INT)
        return moe__value_item(render, value, path, out);
    const struct moe__string *string = NULL;
    MOE__TRY(moe__need_string(render, path, &string));
    for (size_t pos = 0; pos <= string->n;) {
        size_t end = moe__string_find(render, string, moe__slice_str("."), pos,
                                      string->n);
        end = end == SIZE_MAX ? string->n : end;
        int64_t index = 0;
        bool is_index = end > pos && end - pos < 10;
        for (size_t i = pos; i < end && is_index; i++) {
            is_index = string->data[i] >= '0' && string->data[i] <= '9';
            index = index * 10 + (string->data[i] - '0');
        }
        if (is_index)
            key = moe__value_int(index, false);
        else
            MOE__TRY(moe__string_part(render, string, pos, end, &key));
        const struct moe__value object = *out;
        MOE__TRY(moe__value_item(render, &object, &key, out));
        pos = end + 1;
    }
    return MOE_OK;
}

/* What a value is sorted or compared by: text without regard to case, unless
 * it is asked for. */
static moe_status value_sort_key(struct moe__render *render,
                                 const struct moe__value *value,
                                 const struct moe__value *path,
                                 bool is_case_sensitive, struct moe__value *out)
{
    MOE__TRY(value_path(render, value, path, out));
    if (out->kind != MOE__VALUE_STRING || is_case_sensitive)
        return MOE_OK;
    return moe__string_case(render, out->as.string, MOE__CASE_LOWER, out);
}

/* ---------------------------------------------------------------- sorting */

/* Does the right one of two come first? */
static moe_status sort_is_turned(struct moe__render *render,
                                 const struct moe__value *left,
                                 const struct moe__value *right,
                                 bool is_reversed, bool *out)
{
    MOE__TRY(moe__value_equal(render, left, right, out));
    if (*out) {
        *out = false;
        return MOE_OK;
    }
    return moe__value_less(render, is_reversed ? left : right,
                           is_reversed ? right : left, out);
}

/* Merges two runs of `from`, each sorted, of `width` and at most `width`. */
static moe_status sort_merge(struct moe__render *render,
                             const struct moe__value *keys, bool is_reversed,
                             const int32_t *from /* [n] */,
                             int32_t *to /* [n] */, const int32_t sizes[2])
{
    const int32_t n = sizes[0] + sizes[1];
    int32_t left = 0, right = sizes[0];
    for (int32_t i = 0; i < n; i++) {
        bool takes_right = left == sizes[0];
        if (!takes_right && right < n)
            MOE__TRY(sort_is_turned(render, &keys[from[left]],
                                    &keys[from[right]], is_reversed,
                                    &takes_right));
        to[i] = takes_right ? from[right++] : from[left++];
    }
    return MOE_OK;
}

moe_status moe__values_order(struct moe__render *render,
                             const struct moe__value *keys, int32_t n,
                             bool is_reversed, int32_t **out)
{
    int32_t *order = moe__render_alloc(render, (size_t)n, sizeof *order);
    int32_t *other = moe__render_alloc(render, (size_t)n, sizeof *other);
    if (order == NULL || other == NULL)
        return moe__render_full(render);
    for (int32_t i = 0; i < n; i++)
        order[i] = i;
    for (int32_t width = 1; width<n; width = width> n / 2 ? n : 2 * width) {
        for (int32_t i = 0; i < n;) {
            const int32_t first = moe__min_i32(width, n - i);
            const int32_t sizes[2] = {first,
                                      moe__min_i32(width, n - i - first)};
            MOE__TRY(sort_merge(render, keys, is_reversed, order + i, other + i,
                                sizes));
            i += sizes[0] + sizes[1];
        }
        int32_t *merged = other;
        other = order;
        order = merged;
    }
    *out = order;
    return MOE_OK;
}

/* The items in the order of the keys [items->n]. */
static moe_status sorted_items(struct moe__render *render,
                               const struct moe__list *items,
                               const struct moe__value *keys, bool is_reversed,
                               struct moe__value *out)
{
    int32_t *order;
    MOE__TRY(moe__values_order(render, keys, items->n, is_reversed, &order));
    for (int32_t i = 0; i < items->n; i++)
        out->as.list->items[i] = items->items[order[i]];
    return MOE_OK;
}

/* The sort keys of all items. */
static moe_status items_keys(struct moe__render *render,
                             const struct moe__list *items,
                             const struct moe__value *path,
                             bool is_case_sensitive, struct moe__value **out)
{
    struct moe__value *keys =
        moe__render_alloc(render, (size_t)items->n, sizeof *keys);
    if (keys == NULL)
        return moe__render_full(render);
    for (int32_t i = 0; i < items->n; i++)
        MOE__TRY(value_sort_key(render, &items->items[i], path,
                                is_case_sensitive, &keys[i]));
    *out = keys;
    return MOE_OK;
}

/* sort(reverse=False, case_sensitive=False, attribute=None) */
static moe_status filter_sort(struct moe__render *render,
                              const struct moe__args *args,
                              struct moe__value *out)
{
    struct moe__list items;
    struct moe__value *keys;
    MOE__TRY(moe__value_iterate(render, &args->self, &items));
    MOE__TRY(items_keys(render, &items, &args->list[2],
                        moe__value_truth(&args->list[1]), &keys));
    MOE__TRY(moe__value_list(render, MOE__VALUE_LIST, items.n,
                             args->self.is_data, out));
    return sorted_items(render, &items, keys, moe__value_truth(&args->list[0]),
                        out);
}

/* The pairs of a dict, as `kind`. */
static moe_status dict_pairs(struct moe__render *render,
                             const struct moe__value *self,
                             enum moe__value_kind kind, struct moe__value *out)
{
    struct moe__args args = {.self = *self};
    MOE__TRY(moe__value_need(render, self));
    if (self->kind != MOE__VALUE_DICT)
        return moe__fail(render->err, MOE_ERR_FORMAT,
                         "expected a dict, found %s", moe__value_type(self));
    MOE__TRY(moe__builtin_call(
        render, "method",
        moe__builtin_find(moe__jinja_dict_methods, moe__slice_str("items")),
        &args, out));
    out->kind = kind;
    return MOE_OK;
}

/* dictsort(case_sensitive=False, by='key', reverse=False) */
static moe_status filter_dictsort(struct moe__render *render,
                                  const struct moe__args *args,
                                  struct moe__value *out)
{
    struct moe__value pairs, *keys;
    const struct moe__string *by = NULL;
    MOE__TRY(dict_pairs(render, &args->self, MOE__VALUE_LIST, &pairs));
    MOE__TRY(moe__need_string(render, &args->list[1], &by));
    const bool is_by_value =
        by != NULL && moe__slice_is(moe__string_slice(by), "value");
    if (by != NULL && !is_by_value &&
        !moe__slice_is(moe__string_slice(by), "key"))
        return moe__fail(render->err, MOE_ERR_FORMAT,
                         "by must be 'key' or 'value'");
    const struct moe__value place = moe__value_int(is_by_value, false);
    const struct moe__list items = *pairs.as.list;
    MOE__TRY(items_keys(render, &items, &place,
                        moe__value_truth(&args->list[0]), &keys));
    MOE__TRY(moe__value_list(render, MOE__VALUE_LIST, items.n,
                             args->self.is_data, out));
    return sorted_items(render, &items, keys, moe__value_truth(&args->list[2]),
                        out);
}

static moe_status filter_items(struct moe__render *render,
                               const struct moe__args *args,
                               struct moe__value *out)
{
    if (args->self.kind == MOE__VALUE_UNDEFINED)
        return moe__value_list(render, MOE__VALUE_GENERATOR, 0, false, out);
    return dict_pairs(render, &args->self, MOE__VALUE_GENERATOR, out);
}

/* min and max(case_sensitive=False, attribute=None): the first of equals. */
static moe_status filter_extreme(struct moe__render *render,
                                 const struct moe__args *args, bool wants_max,
                                 struct moe__value *out)
{
    struct moe__list items;
    struct moe__value *keys;
    int32_t best = 0;
    MOE__TRY(moe__value_iterate(render, &args->self, &items));
    if (items.n == 0)
        return moe__value_undefined(render, "of nothing",
                                    moe__slice_str(wants_max ? "max" : "min"),
                                    out);
    MOE__TRY(items_keys(render, &items, &args->list[1],
                        moe__value_truth(&args->list[0]), &keys));
    for (int32_t i = 1; i < items.n; i++) {
        bool is_better;
        MOE__TRY(moe__value_less(render, &keys[wants_max ? best : i],
                                 &keys[wants_max ? i : best], &is_better));
        best = is_better ? i : best;
    }
    *out = items.items[best];
    return MOE_OK;
}

static moe_status filter_min(struct moe__render *render,
                             const struct moe__args *args,
                             struct moe__value *out)
{
    return filter_extreme(render, args, false, out);
}

static moe_status filter_max(struct moe__render *render,
                             const struct moe__args *args,
                             struct moe__value *out)
{
    return filter_extreme(render, args, true, out);
}

/* unique(case_sensitive=False, attribute=None) */
static moe_status filter_unique(struct moe__render *render,
                                const struct moe__args *args,
                                struct moe__value *out)
{
    struct moe__list items;
    struct moe__value *keys;
    struct moe__dict seen = {0}, collected = {0};
    MOE__TRY(moe__value_iterate(render, &args->self, &items));
    MOE__TRY(items_keys(render, &items, &args->list[1],
                        moe__value_truth(&args->list[0]), &keys));
    for (int32_t i = 0; i < items.n; i++) {
        const struct moe__value *found;
        MOE__TRY(moe__dict_get(render, &seen, &keys[i], &found));
        if (found != NULL)
            continue;
        MOE__TRY(moe__dict_push(render, &seen, &keys[i], &keys[i]));
        MOE__TRY(moe__collect(render, &collected, &items.items[i]));
    }
    return moe__collect_finish(render, &collected, MOE__VALUE_GENERATOR,
                               args->self.is_data, out);
}

/* -------------------------------------------------------- parts and wholes */

static moe_status filter_length(struct moe__render *render,
                                const struct moe__args *args,
                                struct moe__value *out)
{
    const struct moe__value *self = &args->self;
    int64_t n = 0;
    if (self->kind == MOE__VALUE_STRING)
        n = (int64_t)moe__string_length(self->as.string);
    else if (self->kind == MOE__VALUE_DICT)
        n = self->as.dict->n;
    else if (self->kind >= MOE__VALUE_LIST && self->kind <= MOE__VALUE_VALUES)
        n = self->as.list->n;
    else if (self->kind != MOE__VALUE_UNDEFINED)
        return moe__fail(render->err, MOE_ERR_FORMAT, "%s has no length",
                         moe__value_type(self));
    if (self->kind == MOE__VALUE_STRING)
        MOE__TRY(moe__render_spend(render, self->as.string->n / 8));
    *out = moe__value_int(n, false);
    return MOE_OK;
}

static moe_status filter_first(struct moe__render *render,
                               const struct moe__args *args,
                               struct moe__value *out)
{
    struct moe__list items;
    MOE__TRY(moe__value_iterate(render, &args->self, &items));
    if (items.n == 0)
        return moe__value_undefined(render, "of nothing",
                                    moe__slice_str("first"), out);
    *out = items.items[0];
    return MOE_OK;
}

static moe_status filter_last(struct moe__render *render,
                              const struct moe__args *args,
                              struct moe__value *out)
{
    struct moe__list items;
    if (args->self.kind == MOE__VALUE_GENERATOR)
        return moe__fail(render->err, MOE_ERR_FORMAT,
                         "a generator has no last item");
    MOE__TRY(moe__value_iterate(render, &args->self, &items));
    if (items.n == 0)
        return moe__value_undefined(render, "of nothing",
                                    moe__slice_str("last"), out);
    *out = items.items[items.n - 1];
    return MOE_OK;
}

static moe_status filter_list(struct moe__render *render,
                              const struct moe__args *args,
                              struct moe__value *out)
{
    struct moe__list items;
    MOE__TRY(moe__value_iterate(render, &args->self, &items));
    MOE__TRY(
        moe__value_list(render, MOE__VALUE_LIST, 0, args->self.is_data, out));
    out->as.list->items = items.items;
    out->as.list->n = items.n;
    return MOE_OK;
}

/* A string backwards, or a generator. */
static moe_status filter_reverse(struct moe__render *render,
                                 const struct moe__args *args,
                                 struct moe__value *out)
{
    const struct moe__value *self = &args->self;
    struct moe__list items;
    MOE__TRY(moe__value_iterate(render, self, &items));
    if (self->kind == MOE__VALUE_STRING) {
        struct moe__builder builder;
        moe__builder_init(&builder, render);
        for (int32_t i = items.n; i-- > 0;)
            moe__builder_string(&builder, items.items[i].as.string);
        return moe__builder_finish(&builder, out);
    }
    MOE__TRY(moe__value_list(render, MOE__VALUE_GENERATOR, items.n,
                             self->is_data, out));
    for (int32_t i = 0; i < items.n; i++)
        out->as.list->items[i] = items.items[items.n - 1 - i];
    return MOE_OK;
}

/* join(d='', attribute=None) */
static moe_status filter_join(struct moe__render *render,
                              const struct moe__args *args,
                              struct moe__value *out)
{
    struct moe__list items;
    struct moe__builder builder;
    struct moe__value item;
    MOE__TRY(moe__value_iterate(render, &args->self, &items));
    moe__builder_init(&builder, render);
    for (int32_t i = 0; i < items.n && builder.status == MOE_OK; i++) {
        MOE__TRY(value_path(render, &items.items[i], &args->list[1], &item));
        MOE__TRY(moe__render_spend(render, 1));
        if (i > 0 && args->list[0].kind != MOE__VALUE_ABSENT)
            moe__print_str(&builder, &args->list[0]);
        moe__print_str(&builder, &item);
    }
    return moe__builder_finish(&builder, out);
}

/* sum(attribute=None, start=0) of numbers */
static moe_status filter_sum(struct moe__render *render,
                             const struct moe__args *args,
                             struct moe__value *out)
{
    struct moe__list items;
    struct moe__value item;
    int64_t total = 0;
    MOE__TRY(moe__need_int(render, &args->list[1], &total));
    MOE__TRY(moe__value_iterate(render, &args->self, &items));
    for (int32_t i = 0; i < items.n; i++) {
        int64_t number = 0;
        MOE__TRY(value_path(render, &items.items[i], &args->list[0], &item));
        MOE__TRY(moe__need_int(render, &item, &number));
        if (number > 0 ? total > INT64_MAX - number
                       : total < INT64_MIN - number)
            return moe__fail(render->err, MOE_ERR_UNSUPPORTED,
                             "an integer of more than 64 bits");
        total += number;
    }
    *out = moe__value_int(total, args->self.is_data);
    return MOE_OK;
}

/* batch(linecount, fill_with=None): lists of `linecount` items each. */
static moe_status filter_batch(struct moe__render *render,
                               const struct moe__args *args,
                               struct moe__value *out)
{
    struct moe__list items;
    struct moe__dict batches = {0};
    int64_t width = 0;
    const bool is_filled = args->list[1].kind > MOE__VALUE_NONE;
    MOE__TRY(moe__need_int(render, &args->list[0], &width));
    MOE__TRY(moe__value_iterate(render, &args->self, &items));
    if (width < 1 || width > 100000)
        return moe__fail(render->err, MOE_ERR_FORMAT, "%lld items in a batch",
                         (long long)width);
    for (int32_t i = 0; i < items.n; i += (int32_t)width) {
        struct moe__value batch;
        const int32_t n = moe__min_i32((int32_t)width, items.n - i);
        MOE__TRY(moe__value_list(render, MOE__VALUE_LIST,
                                 is_filled ? (int32_t)width : n,
                                 args->self.is_data, &batch));
        for (int32_t k = 0; k < batch.as.list->n; k++)
            batch.as.list->items[k] =
                k < n ? items.items[i + k] : args->list[1];
        MOE__TRY(moe__collect(render, &batches, &batch));
    }
    return moe__collect_finish(render, &batches, MOE__VALUE_GENERATOR,
                               args->self.is_data, out);
}

/* ---------------------------------------------------------- map and select */

static const struct moe__value *args_find(const struct moe__args *args,
                                          const char *name)
{
    for (int32_t k = 0; k < args->n_named; k++)
        if (moe__slice_is(moe__value_text(&args->names[k]), name))
            return &args->named[k];
    return NULL;
}

/* map(attribute='x', default=y): the values at a path. */
static moe_status map_attribute(struct moe__render *render,
                                const struct moe__args *args,
                                const struct moe__value *value,
                                struct moe__value *out)
{
    const struct moe__value *missing = args_find(args, "default");
    MOE__TRY(value_path(render, value, args_find(args, "attribute"), out));
    if (out->kind == MOE__VALUE_UNDEFINED && missing != NULL)
        *out = *missing;
    return MOE_OK;
}

/* The filter or test that the i-th argument names. */
static moe_status args_builtin(struct moe__render *render,
                               const struct moe__args *args, int32_t i,
                               bool is_test, const struct moe__builtin **out)
{
    const struct moe__string *name = NULL;
    MOE__TRY(moe__need_string(render, &args->list[i], &name));
    const struct moe__slice text = moe__string_slice(name);
    *out = moe__builtin_find(is_test ? moe__jinja_tests : moe__jinja_filters,
                             text);
    if (*out == NULL && !is_test)
        *out = moe__builtin_find(moe__jinja_list_filters, text);
    if (*out == NULL)
        return moe__fail(
            render->err, MOE_ERR_UNSUPPORTED, "the %s '%.*s' is not supported",
            is_test ? "test" : "filter", (int)(text.n > 60 ? 60 : text.n),
            (const char *)text.data);
    return MOE_OK;
}

/* map('filter', arguments ...) or map(attribute='x') */
static moe_status filter_map(struct moe__render *render,
                             const struct moe__args *args,
                             struct moe__value *out)
{
    const struct moe__builtin *builtin = NULL;
    struct moe__args inner = *args;
    struct moe__list items;
    if (args->n > 0) {
        MOE__TRY(args_builtin(render, args, 0, false, &builtin));
        inner.list++;
        inner.n--;
    } else if (args_find(args, "attribute") == NULL) {
        return moe__fail(render->err, MOE_ERR_FORMAT,
                         "needs a filter or attribute=");
    }
    MOE__TRY(moe__value_iterate(render, &args->self, &items));
    MOE__TRY(moe__value_list(render, MOE__VALUE_GENERATOR, items.n,
                             args->self.is_data, out));
    for (int32_t i = 0; i < items.n; i++) {
        inner.self = items.items[i];
        if (builtin == NULL)
            MOE__TRY(map_attribute(render, args, &inner.self,
                                   &out->as.list->items[i]));
        else
            MOE__TRY(moe__builtin_call(render, "filter", builtin, &inner,
                                       &out->as.list->items[i]));
    }
    return MOE_OK;
}

/* The items that pass a test, on themselves or on an attribute of theirs. */
static moe_status select_items(struct moe__render *render,
                               const struct moe__args *args, bool has_attribute,
                               bool wanted, struct moe__value *out)
{
    const struct moe__value whole = moe__value_none();
    const struct moe__value *path = has_attribute ? &args->list[0] : &whole;
    const struct moe__builtin *test = NULL;
    struct moe__args inner = *args;
    struct moe__dict selected = {0};
    struct moe__list items;
    if (args->n > has_attribute) {
        MOE__TRY(args_builtin(render, args, has_attribute, true, &test));
        inner.list += 1 + has_attribute;
        inner.n -= 1 + has_attribute;
    }
    MOE__TRY(moe__value_iterate(render, &args->self, &items));
    for (int32_t i = 0; i < items.n; i++) {
        struct moe__value verdict;
        MOE__TRY(value_path(render, &items.items[i], path, &inner.self));
        verdict = inner.self;
        if (test != NULL)
            MOE__TRY(moe__builtin_call(render, "test", test, &inner, &verdict));
        if (moe__value_truth(&verdict) == wanted)
            MOE__TRY(moe__collect(render, &selected, &items.items[i]));
    }
    return moe__collect_finish(render, &selected, MOE__VALUE_GENERATOR,
                               args->self.is_data, out);
}

static moe_status filter_select(struct moe__render *render,
                                const struct moe__args *args,
                                struct moe__value *out)
{
    return select_items(render, args, false, true, out);
}

static moe_status filter_reject(struct moe__render *render,
                                const struct moe__args *args,
                                struct moe__value *out)
{
    return select_items(render, args, false, false, out);
}

static moe_status filter_selectattr(struct moe__render *render,
                                    const struct moe__args *args,
                                    struct moe__value *out)
{
    return select_items(render, args, true, true, out);
}

static moe_status filter_rejectattr(struct moe__render *render,
                                    const struct moe__args *args,
                                    struct moe__value *out)
{
    return select_items(render, args, true, false, out);
}

const struct moe__builtin moe__jinja_list_filters[] = {
    {"batch", filter_batch, 1, 2, "linecount fill_with"},
    {"count", filter_length, 0, 0, NULL},
    {"dictsort", filter_dictsort, 0, 3, "case_sensitive by reverse"},
    {"first", filter_first, 0, 0, NULL},
    {"items", filter_items, 0, 0, NULL},
    {"join", filter_join, 0, 2, "d attribute"},
    {"last", filter_last, 0, 0, NULL},
    {"length", filter_length, 0, 0, NULL},
    {"list", filter_list, 0, 0, NULL},
    {"map", filter_map, 0, -1, NULL},
    {"max", filter_max, 0, 2, "case_sensitive attribute"},
    {"min", filter_min, 0, 2, "case_sensitive attribute"},
    {"reject", filter_reject, 0, -1, NULL},
    {"rejectattr", filter_rejectattr, 1, -1, NULL},
    {"reverse", filter_reverse, 0, 0, NULL},
    {"select", filter_select, 0, -1, NULL},
    {"selectattr", filter_selectattr, 1, -1, NULL},
    {"sort", filter_sort, 0, 3, "reverse case_sensitive attribute"},
    {"sum", filter_sum, 0, 2, "attribute start"},
    {"unique", filter_unique, 0, 2, "case_sensitive attribute"},
    {NULL, NULL, 0, 0, NULL},
};
