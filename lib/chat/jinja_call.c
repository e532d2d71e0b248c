/* jinja_call.c: calls of builtins, and the global functions. */
#include "chat/jinja.h"

/* jinja2's sandbox has the same limit. */
#define RANGE_ITEMS 100000

const struct moe__builtin *moe__builtin_find(const struct moe__builtin *table,
                                             struct moe__slice name)
{
    for (; table->name != NULL; table++)
        if (moe__slice_is(name, table->name))
            return table;
    return NULL;
}

/* The place of a name among "a b c", or -1. */
static int32_t parameter_place(const char *parameters, struct moe__slice name)
{
    for (int32_t place = 0; parameters != NULL && *parameters != 0; place++) {
        const char *end = strchr(parameters, ' ');
        const size_t n =
            end != NULL ? (size_t)(end - parameters) : strlen(parameters);
        if (moe__slice_equal(moe__slice_of(parameters, n), name))
            return place;
        parameters += n + (end != NULL);
    }
    return -1;
}

/* Brings arguments into the places of the parameters. */
static moe_status bind_arguments(struct moe__render *render,
                                 const struct moe__builtin *builtin,
                                 struct moe__args *args)
{
    if (args->n > builtin->n_max)
        return moe__fail(render->err, MOE_ERR_FORMAT,
                         "%d arguments, it takes at most %d", args->n,
                         builtin->n_max);
    struct moe__value *list =
        moe__render_alloc(render, (size_t)builtin->n_max, sizeof *list);
    if (list == NULL)
        return moe__render_full(render);
    for (int32_t i = 0; i < args->n; i++)
        list[i] = args->list[i];
    for (int32_t k = 0; k < args->n_named; k++) {
        const struct moe__slice name = moe__value_text(&args->names[k]);
        const int32_t place = parameter_place(builtin->parameters, name);
        if (place < 0 || list[place].kind != MOE__VALUE_ABSENT)
            return moe__fail(render->err, MOE_ERR_FORMAT,
                             "argument '%.*s' is unknown or given twice",
                             (int)(name.n > 60 ? 60 : name.n),
                             (const char *)name.data);
        list[place] = args->named[k];
    }
    args->list = list;
    args->n = builtin->n_max;
    args->n_named = 0;
    return MOE_OK;
}

static moe_status builtin_run(struct moe__render *render,
                              const struct moe__builtin *builtin,
                              struct moe__args args, struct moe__value *out)
{
    if (builtin->run == NULL)
        return moe__fail(render->err, MOE_ERR_UNSUPPORTED, "not supported");
    if (builtin->n_max >= 0)
        MOE__TRY(bind_arguments(render, builtin, &args));
    if (args.n < builtin->n_min ||
        (builtin->n_min > 0 &&
         args.list[builtin->n_min - 1].kind == MOE__VALUE_ABSENT))
        return moe__fail(render->err, MOE_ERR_FORMAT,
                         "it takes at least %d arguments", builtin->n_min);
    return builtin->run(render, &args, out);
}

moe_status moe__builtin_call(struct moe__render *render, const char *what,
                             const struct moe__builtin *builtin,
                             const struct moe__args *args,
                             struct moe__value *out)
{
    struct moe__value result = {0};
    MOE__TRY(moe__render_enter(render));
    const moe_status status = builtin_run(render, builtin, *args, &result);
    if (status != MOE_OK && status != MOE_ERR_ARGUMENT)
        return moe__fail(render->err, status, "%s %s: %s", what, builtin->name,
                         render->err->message);
    *out = result;
    render->depth--;
    return status;
}

moe_status moe__value_call(struct moe__render *render,
                           const struct moe__value *callee,
                           const struct moe__args *args, struct moe__value *out)
{
    if (callee->kind == MOE__VALUE_METHOD) {
        struct moe__args with_self = *args;
        with_self.self = callee->as.method->self;
        return moe__builtin_call(render, "method", callee->as.method->builtin,
                                 &with_self, out);
    }
    if (callee->kind == MOE__VALUE_FUNCTION)
        return moe__builtin_call(render, "function", callee->as.function, args,
                                 out);
    if (callee->kind == MOE__VALUE_MACRO)
        return moe__macro_call(render, callee->as.macro, args, out);
    MOE__TRY(moe__value_need(render, callee));
    return moe__fail(render->err, MOE_ERR_FORMAT, "%s cannot be called",
                     moe__value_type(callee));
}

/* ------------------------------------------------------------- functions */

static moe_status function_range(struct moe__render *render,
                                 const struct moe__args *args,
                                 struct moe__value *out)
{
    int64_t bounds[3] = {0, 0, 1}; /* from, to, step */
    for (int32_t i = 0; i < 3 && args->list[i].kind != MOE__VALUE_ABSENT; i++) {
        MOE__TRY(moe__value_need(render, &args->list[i]));
        if (args->list[i].kind != MOE__VALUE_INT)
            return moe__fail(render->err, MOE_ERR_FORMAT,
                             "expected an int, found %s",
                             moe__value_type(&args->list[i]));
        bounds[i] = args->list[i].as.integer;
    }
    if (args->list[1].kind == MOE__VALUE_ABSENT) {
        bounds[1] = bounds[0];
        bounds[0] = 0;
    }
    const int64_t step = bounds[2];
    if (step == 0)
        return moe__fail(render->err, MOE_ERR_FORMAT, "step 0");
    int64_t n = 0;
    for (int64_t i = bounds[0]; step > 0 ? i < bounds[1] : i > bounds[1];
         i += step) {
        if (++n > RANGE_ITEMS)
            return moe__fail(render->err, MOE_ERR_UNSUPPORTED,
                             "more than %d items", RANGE_ITEMS);
        if (step > 0 ? i > INT64_MAX - step : i < INT64_MIN - step)
            break;
    }
    MOE__TRY(moe__value_list(render, MOE__VALUE_RANGE, (int32_t)n, false, out));
    for (int64_t i = 0; i < n; i++)
        out->as.list->items[i] = moe__value_int(bounds[0] + i * step, false);
    return MOE_OK;
}

/* dict(mapping, name=value ...) */
static moe_status function_dict(struct moe__render *render,
                                const struct moe__args *args,
                                struct moe__value *out)
{
    MOE__TRY(moe__value_dict(render, args->n_named, false, out));
    struct moe__dict *dict = out->as.dict;
    for (int32_t i = 0; i < args->n; i++) {
        const struct moe__value *from = &args->list[i];
        MOE__TRY(moe__value_need(render, from));
        if (from->kind != MOE__VALUE_DICT || i > 0)
            return moe__fail(render->err, MOE_ERR_UNSUPPORTED,
                             "expected one dict, found %s",
                             moe__value_type(from));
        out->is_data = from->is_data;
        for (int32_t k = 0; k < from->as.dict->n; k++)
            MOE__TRY(moe__dict_set(render, dict, &from->as.dict->keys[k],
                                   &from->as.dict->values[k]));
    }
    for (int32_t k = 0; k < args->n_named; k++)
        MOE__TRY(moe__dict_set(render, dict, &args->names[k], &args->named[k]));
    return MOE_OK;
}

static moe_status function_namespace(struct moe__render *render,
                                     const struct moe__args *args,
                                     struct moe__value *out)
{
    MOE__TRY(function_dict(render, args, out));
    out->kind = MOE__VALUE_NAMESPACE;
    return MOE_OK;
}

static moe_status function_raise(struct moe__render *render,
                                 const struct moe__args *args,
                                 struct moe__value *out)
{
    MOE__TRY(moe__value_str(render, &args->list[0], out));
    const struct moe__slice words = moe__value_text(out);
    return moe__fail(render->err, MOE_ERR_ARGUMENT, "%.*s",
                     (int)(words.n > 1000 ? 1000 : words.n),
                     (const char *)words.data);
}

const struct moe__builtin moe__jinja_functions[] = {
    {"range", function_range, 1, 3, NULL},
    {"dict", function_dict, 0, -1, NULL},
    {"namespace", function_namespace, 0, -1, NULL},
    {"raise_exception", function_raise, 1, 1, "message"},
    {"strftime_now", moe__format_date, 1, 1, "format"},
    {"cycler", NULL, 0, -1, NULL},
    {"joiner", NULL, 0, -1, NULL},
    {"lipsum", NULL, 0, -1, NULL},
    {NULL, NULL, 0, 0, NULL},
};
