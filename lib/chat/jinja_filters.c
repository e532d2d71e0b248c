/* jinja_filters.c: filters of single values: text, numbers, JSON. */
#include "chat/jinja.h"

#include "base/math.h"

#include <math.h>

/* The value as text, and the string of it. */
static moe_status filter_text(struct moe__render *render,
                              const struct moe__args *args,
                              const struct moe__string **out)
{
    struct moe__value text;
    MOE__TRY(moe__value_str(render, &args->self, &text));
    *out = text.as.string;
    return MOE_OK;
}

static moe_status filter_string(struct moe__render *render,
                                const struct moe__args *args,
                                struct moe__value *out)
{
    return moe__value_str(render, &args->self, out);
}

static moe_status filter_trim(struct moe__render *render,
                              const struct moe__args *args,
                              struct moe__value *out)
{
    const struct moe__string *string;
    MOE__TRY(filter_text(render, args, &string));
    return moe__string_strip(render, string, &args->list[0],
                             MOE__SIDE_LEFT | MOE__SIDE_RIGHT, out);
}

static moe_status filter_lower(struct moe__render *render,
                               const struct moe__args *args,
                               struct moe__value *out)
{
    const struct moe__string *string;
    MOE__TRY(filter_text(render, args, &string));
    return moe__string_case(render, string, MOE__CASE_LOWER, out);
}

static moe_status filter_upper(struct moe__render *render,
                               const struct moe__args *args,
                               struct moe__value *out)
{
    const struct moe__string *string;
    MOE__TRY(filter_text(render, args, &string));
    return moe__string_case(render, string, MOE__CASE_UPPER, out);
}

static moe_status filter_capitalize(struct moe__render *render,
                                    const struct moe__args *args,
                                    struct moe__value *out)
{
    const struct moe__string *string;
    MOE__TRY(filter_text(render, args, &string));
    return moe__string_case(render, string, MOE__CASE_CAPITAL, out);
}

static moe_status filter_title(struct moe__render *render,
                               const struct moe__args *args,
                               struct moe__value *out)
{
    const struct moe__string *string;
    MOE__TRY(filter_text(render, args, &string));
    return moe__string_case(render, string, MOE__CASE_WORDS, out);
}

/* Unlike the method, it takes anything as text. */
static moe_status filter_replace(struct moe__render *render,
                                 const struct moe__args *args,
                                 struct moe__value *out)
{
    const struct moe__string *string;
    struct moe__value texts[3] = {args->list[0], args->list[1], args->list[2]};
    MOE__TRY(filter_text(render, args, &string));
    MOE__TRY(moe__value_str(render, &args->list[0], &texts[0]));
    MOE__TRY(moe__value_str(render, &args->list[1], &texts[1]));
    return moe__string_replace(render, string, texts, out);
}

static moe_status filter_format(struct moe__render *render,
                                const struct moe__args *args,
                                struct moe__value *out)
{
    const struct moe__string *string;
    struct moe__value values;
    MOE__TRY(filter_text(render, args, &string));
    if (args->n_named > 0) {
        if (args->n > 0)
            return moe__fail(render->err, MOE_ERR_FORMAT,
                             "values with and without names");
        MOE__TRY(moe__value_dict(render, args->n_named, false, &values));
        for (int32_t k = 0; k < args->n_named; k++)
            MOE__TRY(moe__dict_set(render, values.as.dict, &args->names[k],
                                   &args->named[k]));
    } else {
        MOE__TRY(
            moe__value_list(render, MOE__VALUE_TUPLE, args->n, false, &values));
        for (int32_t i = 0; i < args->n; i++)
            values.as.list->items[i] = args->list[i];
    }
    return moe__format_percent(render, string, &values, out);
}

static moe_status filter_escape(struct moe__render *render,
                                const struct moe__args *args,
                                struct moe__value *out)
{
    const struct moe__string *string;
    MOE__TRY(filter_text(render, args, &string));
    return moe__string_escape(render, string, out);
}

static moe_status filter_safe(struct moe__render *render,
                              const struct moe__args *args,
                              struct moe__value *out)
{
    const struct moe__string *string;
    MOE__TRY(filter_text(render, args, &string));
    return moe__string_mark(render, string, true, out);
}

/* indent(width=4, first=False, blank=False): line ends become \n. */
static moe_status filter_indent(struct moe__render *render,
                                const struct moe__args *args,
                                struct moe__value *out)
{
    const struct moe__string *string, *margin = NULL;
    struct moe__builder builder;
    struct moe__value lines;
    int64_t width = 4;
    const bool has_first = moe__value_truth(&args->list[1]);
    const bool has_blank = moe__value_truth(&args->list[2]);
    MOE__TRY(filter_text(render, args, &string));
    if (args->list[0].kind == MOE__VALUE_STRING)
        MOE__TRY(moe__need_string(render, &args->list[0], &margin));
    else
        MOE__TRY(moe__need_int(render, &args->list[0], &width));
    MOE__TRY(moe__string_lines(render, string, &lines));
    moe__builder_init(&builder, render);
    const struct moe__list *list = lines.as.list;
    /* A newline at the end begins an empty line more. */
    const uint8_t last = string->n > 0 ? string->data[string->n - 1] : '\n';
    const int32_t n = list->n + (last == '\n' || last == '\r');
    for (int32_t i = 0; i < n && builder.status == MOE_OK; i++) {
        const struct moe__string *line =
            i < list->n ? list->items[i].as.string : NULL;
        const bool is_blank = line == NULL || line->n == 0;
        if (i > 0)
            moe__builder_puts(&builder, "\n",
                              moe__string_origin(string, string->n - 1));
        if (i == 0 ? has_first : has_blank || !is_blank) {
            if (margin != NULL)
                moe__builder_string(&builder, margin);
            for (int64_t k = 0;
                 margin == NULL && k < width && builder.status == MOE_OK; k++)
                moe__builder_puts(&builder, " ", MOE__ORIGIN_TEMPLATE);
        }
        if (!is_blank)
            moe__builder_string(&builder, line);
    }
    return moe__builder_finish(&builder, out);
}

/* ----------------------------------------------------------------- others */

/* default(value='', boolean=False) */
static moe_status filter_default(struct moe__render *render,
                                 const struct moe__args *args,
                                 struct moe__value *out)
{
    const bool is_missing =
        args->self.kind == MOE__VALUE_UNDEFINED ||
        (moe__value_truth(&args->list[1]) && !moe__value_truth(&args->self));
    *out = is_missing ? args->list[0] : args->self;
    if (out->kind != MOE__VALUE_ABSENT)
        return MOE_OK;
    return moe__value_string(render, moe__slice_str(""), MOE__ORIGIN_TEMPLATE,
                             out);
}

/* A number in a text, as Python's int() and float() read it; false: none. */
static bool text_number(const struct moe__string *string, bool wants_int,
                        struct moe__value *out)
{
    size_t begin = 0, end = string->n;
    while (begin < end && moe__jinja_is_space(string->data[begin]))
        begin++;
    while (end > begin && moe__jinja_is_space(string->data[end - 1]))
        end--;
    if (begin < end && string->data[begin] == '+')
        begin++;
    const char *text = (const char *)string->data + begin;
    int64_t integer;
    double number;
    const bool is_data =
        begin < end && moe__string_origin(string, begin) == MOE__ORIGIN_DATA;
    if (wants_int && moe__parse_i64(text, end - begin, &integer)) {
        *out = moe__value_int(integer, is_data);
        return true;
    }
    if (!moe__parse_f64(text, end - begin, &number))
        return false;
    *out = moe__value_float(number, is_data);
    return true;
}

/* Makes the float an int by cutting its fraction. */
static bool number_cut(struct moe__value *value)
{
    if (value->kind != MOE__VALUE_FLOAT)
        return true;
    const double x = value->as.number;
    if (!(x > -0x1p63 && x < 0x1p63))
        return false;
    *value = moe__value_int((int64_t)x, value->is_data);
    return true;
}

/* int(default=0) and float(default=0.0): text that is no number, and what is
 * neither text nor number, is the default. */
static moe_status filter_number(struct moe__render *render,
                                const struct moe__args *args, bool wants_int,
                                struct moe__value *out)
{
    const struct moe__value *self = &args->self;
    bool is_number = true;
    MOE__TRY(moe__value_need(render, self));
    if (wants_int && args->list[1].kind != MOE__VALUE_ABSENT)
        return moe__fail(render->err, MOE_ERR_UNSUPPORTED,
                         "a base is not supported");
    *out = *self;
    if (self->kind == MOE__VALUE_STRING)
        is_number = text_number(self->as.string, wants_int, out);
    else if (self->kind == MOE__VALUE_BOOL)
        *out = moe__value_int(self->as.boolean, self->is_data);
    else
        is_number =
            self->kind == MOE__VALUE_INT || self->kind == MOE__VALUE_FLOAT;
    if (is_number && wants_int)
        is_number = number_cut(out);
    if (is_number && !wants_int && out->kind == MOE__VALUE_INT)
        *out = moe__value_float((double)out->as.integer, out->is_data);
    if (is_number)
        return MOE_OK;
    *out = args->list[0];
    if (out->kind == MOE__VALUE_ABSENT)
        *out =
            wants_int ? moe__value_int(0, false) : moe__value_float(0, false);
    return MOE_OK;
}

static moe_status filter_int(struct moe__render *render,
                             const struct moe__args *args,
                             struct moe__value *out)
{
    return filter_number(render, args, true, out);
}

static moe_status filter_float(struct moe__render *render,
                               const struct moe__args *args,
                               struct moe__value *out)
{
    return filter_number(render, args, false, out);
}

static moe_status filter_abs(struct moe__render *render,
                             const struct moe__args *args,
                             struct moe__value *out)
{
    *out = args->self;
    MOE__TRY(moe__value_need(render, out));
    if (out->kind == MOE__VALUE_FLOAT)
        out->as.number = fabs(out->as.number);
    else if (out->kind == MOE__VALUE_INT && out->as.integer > INT64_MIN)
        out->as.integer =
            out->as.integer < 0 ? -out->as.integer : out->as.integer;
    else if (out->kind == MOE__VALUE_BOOL)
        *out = moe__value_int(out->as.boolean, out->is_data);
    else
        return moe__fail(render->err, MOE_ERR_FORMAT,
                         "expected a number, found %s", moe__value_type(out));
    return MOE_OK;
}

/* To a whole number, ties to even, as a float. */
static moe_status filter_round(struct moe__render *render,
                               const struct moe__args *args,
                               struct moe__value *out)
{
    int64_t digits = 0;
    MOE__TRY(moe__need_int(render, &args->list[0], &digits));
    if (digits != 0 || args->list[1].kind != MOE__VALUE_ABSENT)
        return moe__fail(render->err, MOE_ERR_UNSUPPORTED,
                         "digits and methods are not supported");
    *out = args->self;
    if (out->kind == MOE__VALUE_FLOAT)
        out->as.number = rint(out->as.number);
    else if (out->kind != MOE__VALUE_INT)
        return moe__fail(render->err, MOE_ERR_FORMAT,
                         "expected a number, found %s", moe__value_type(out));
    return MOE_OK;
}

static moe_status filter_attr(struct moe__render *render,
                              const struct moe__args *args,
                              struct moe__value *out)
{
    const struct moe__string *name = NULL;
    MOE__TRY(moe__need_string(render, &args->list[0], &name));
    if (args->self.kind != MOE__VALUE_NAMESPACE)
        return moe__fail(render->err, MOE_ERR_UNSUPPORTED, "of a %s",
                         moe__value_type(&args->self));
    return moe__value_item(render, &args->self, &args->list[0], out);
}

/* separators=(',', ':') */
static moe_status json_separators(struct moe__render *render,
                                  const struct moe__value *value,
                                  struct moe__print_style *style)
{
    const struct moe__string *comma = NULL, *colon = NULL;
    if (value->kind <= MOE__VALUE_NONE)
        return moe__value_need(render, value);
    if (!moe__value_is_sequence(value) || value->as.list->n != 2)
        return moe__fail(render->err, MOE_ERR_FORMAT,
                         "separators must be two strings");
    MOE__TRY(moe__need_string(render, &value->as.list->items[0], &comma));
    MOE__TRY(moe__need_string(render, &value->as.list->items[1], &colon));
    style->comma = moe__string_slice(comma);
    style->colon = moe__string_slice(colon);
    return MOE_OK;
}

/* indent=2 or indent='  ' */
static moe_status json_indent(struct moe__render *render,
                              const struct moe__value *value,
                              struct moe__print_style *style)
{
    static const char spaces[] = "                ";
    int64_t n = 0;
    if (value->kind <= MOE__VALUE_NONE)
        return moe__value_need(render, value);
    style->is_pretty = true;
    style->comma = moe__slice_str(",");
    if (value->kind == MOE__VALUE_STRING) {
        style->indent = moe__value_text(value);
        return MOE_OK;
    }
    MOE__TRY(moe__need_int(render, value, &n));
    if (n > (int64_t)sizeof spaces - 1)
        return moe__fail(render->err, MOE_ERR_UNSUPPORTED,
                         "indent of %lld spaces", (long long)n);
    style->indent = moe__slice_of(spaces, n > 0 ? (size_t)n : 0);
    return MOE_OK;
}

/* tojson(ensure_ascii=False, indent=None, separators=None, sort_keys=False) */
static moe_status filter_tojson(struct moe__render *render,
                                const struct moe__args *args,
                                struct moe__value *out)
{
    struct moe__print_style style = {.comma = moe__slice_str(", "),
                                     .colon = moe__slice_str(": ")};
    struct moe__builder builder;
    style.is_ascii = moe__value_truth(&args->list[0]);
    style.has_sorted_keys = moe__value_truth(&args->list[3]);
    MOE__TRY(json_indent(render, &args->list[1], &style));
    MOE__TRY(json_separators(render, &args->list[2], &style));
    moe__builder_init(&builder, render);
    moe__print_json(&builder, &args->self, &style);
    return moe__builder_finish(&builder, out);
}

const struct moe__builtin moe__jinja_filters[] = {
    {"abs", filter_abs, 0, 0, NULL},
    {"attr", filter_attr, 1, 1, "name"},
    {"capitalize", filter_capitalize, 0, 0, NULL},
    {"d", filter_default, 0, 2, "default_value boolean"},
    {"default", filter_default, 0, 2, "default_value boolean"},
    {"e", filter_escape, 0, 0, NULL},
    {"escape", filter_escape, 0, 0, NULL},
    {"float", filter_float, 0, 1, "default"},
    {"format", filter_format, 0, -1, NULL},
    {"indent", filter_indent, 0, 3, "width first blank"},
    {"int", filter_int, 0, 2, "default base"},
    {"lower", filter_lower, 0, 0, NULL},
    {"replace", filter_replace, 2, 3, "old new count"},
    {"round", filter_round, 0, 2, "precision method"},
    {"safe", filter_safe, 0, 0, NULL},
    {"string", filter_string, 0, 0, NULL},
    {"title", filter_title, 0, 0, NULL},
    {"tojson", filter_tojson, 0, 4, "ensure_ascii indent separators sort_keys"},
    {"trim", filter_trim, 0, 1, "chars"},
    {"upper", filter_upper, 0, 0, NULL},
    {NULL, NULL, 0, 0, NULL},
};
