/* jinja_print.c: values as text, as Python's str(), repr() and json.dumps()
 * write them, each byte with its origin. */
#include "base/json.h"
#include "chat/jinja.h"
#include "token/unicode.h"

static enum moe__origin value_origin(const struct moe__value *value)
{
    return value->is_data ? MOE__ORIGIN_DATA : MOE__ORIGIN_TEMPLATE;
}

static void print_fail(struct moe__builder *builder, const char *what,
                       const struct moe__value *value)
{
    if (builder->status == MOE_OK)
        builder->status = moe__fail(builder->render->err, MOE_ERR_FORMAT,
                                    "a value of type %s cannot be %s",
                                    moe__value_type(value), what);
}

/* Shortest decimal; Python and JSON differ in the words for infinity. */
static void print_float(struct moe__builder *builder,
                        const struct moe__value *value, bool is_json)
{
    const double x = value->as.number;
    const enum moe__origin origin = value_origin(value);
    if (x != x) {
        moe__builder_puts(builder, is_json ? "NaN" : "nan", origin);
    } else if (x - x != 0) {
        moe__builder_puts(builder, x < 0 ? "-" : "", origin);
        moe__builder_puts(builder, is_json ? "Infinity" : "inf", origin);
    } else {
        struct moe__text text;
        moe__text_init(&text, builder->render->arena.mem, 0);
        moe__json_write_number(&text, x);
        if (text.status != MOE_OK)
            builder->status = text.status;
        moe__builder_add(builder, moe__text_slice(&text), origin);
        moe__text_free(&text);
    }
}

/* None, booleans and numbers; false: something else. */
static bool print_scalar(struct moe__builder *builder,
                         const struct moe__value *value, bool is_json)
{
    const enum moe__origin origin = value_origin(value);
    char text[32];
    if (value->kind == MOE__VALUE_NONE) {
        moe__builder_puts(builder, is_json ? "null" : "None", origin);
    } else if (value->kind == MOE__VALUE_BOOL) {
        moe__builder_puts(builder,
                          value->as.boolean ? is_json ? "true" : "True"
                          : is_json         ? "false"
                                            : "False",
                          origin);
    } else if (value->kind == MOE__VALUE_INT) {
        moe__format(text, sizeof text, "%lld", (long long)value->as.integer);
        moe__builder_puts(builder, text, origin);
    } else if (value->kind == MOE__VALUE_FLOAT) {
        print_float(builder, value, is_json);
    } else {
        return false;
    }
    return true;
}

/* \xNN, \uNNNN or \UNNNNNNNN. */
static void print_code(struct moe__builder *builder, char letter, int digits,
                       uint32_t code, enum moe__origin origin)
{
    static const char hex[] = "0123456789abcdef";
    char text[11] = {'\\', letter};
    for (int i = 0; i < digits; i++)
        text[2 + i] = hex[code >> 4 * (digits - 1 - i) & 15];
    moe__builder_puts(builder, text, origin);
}

/* Writes a character that cannot stand for itself; false: it can. */
typedef bool print_escape_fn(struct moe__builder *builder, uint32_t code,
                             enum moe__origin origin, int variant);

/* A string in quotes, which are of the origin of what they enclose. */
static void print_quoted(struct moe__builder *builder,
                         const struct moe__value *value, const char *quote,
                         print_escape_fn *escape, int variant)
{
    const struct moe__string *string = value->as.string;
    const enum moe__origin origin =
        string->n > 0 ? moe__string_origin(string, 0) : string->origin;
    moe__builder_puts(builder, quote, origin);
    for (size_t pos = 0, next; pos < string->n; pos = next) {
        next = pos + moe__string_step(string, pos);
        if (builder->status != MOE_OK)
            return;
        if (!escape(builder, moe__string_code(string, pos),
                    moe__string_origin(string, pos), variant))
            moe__builder_part(builder, string, pos, next);
    }
    moe__builder_puts(builder, quote, origin);
}

/* ------------------------------------------------------------------ repr */

static bool print_escape_repr(struct moe__builder *builder, uint32_t code,
                              enum moe__origin origin, int quote)
{
    static const char names[] = "\\nrt", codes[] = "\\\n\r\t";
    const char *found =
        code > 0 && code < 128 ? strchr(codes, (int)code) : NULL;
    const enum moe__category category = moe__unicode_category(code);
    if (found != NULL || code == (uint32_t)quote) {
        const char text[3] = {'\\', found != NULL ? names[found - codes]
                                                  : (char)quote};
        moe__builder_puts(builder, text, origin);
        return true;
    }
    if (code == ' ' ||
        (category != MOE__CATEGORY_OTHER && category != MOE__CATEGORY_SPACE))
        return false;
    if (code < 0x100)
        print_code(builder, 'x', 2, code, origin);
    else if (code < 0x10000)
        print_code(builder, 'u', 4, code, origin);
    else
        print_code(builder, 'U', 8, code, origin);
    return true;
}

static void print_repr_string(struct moe__builder *builder,
                              const struct moe__value *value)
{
    const struct moe__slice text = moe__value_text(value);
    const bool has_single = text.n > 0 && memchr(text.data, '\'', text.n);
    const bool has_double = text.n > 0 && memchr(text.data, '"', text.n);
    if (has_single && !has_double)
        print_quoted(builder, value, "\"", print_escape_repr, '"');
    else
        print_quoted(builder, value, "'", print_escape_repr, '\'');
}

static void print_repr_list(struct moe__builder *builder,
                            const struct moe__value *value)
{
    /* ORDER moe__value_kind, from LIST on. */
    static const char *const brackets[][2] = {{"[", "]"},
                                              {"(", ")"},
                                              {NULL, NULL},
                                              {"dict_items([", "])"},
                                              {"dict_keys([", "])"},
                                              {"dict_values([", "])"}};
    const char *const *pair = brackets[value->kind - MOE__VALUE_LIST];
    const enum moe__origin origin = value_origin(value);
    const struct moe__list *list = value->as.list;
    if (pair[0] == NULL) {
        print_fail(builder, "printed", value);
        return;
    }
    moe__builder_puts(builder, pair[0], origin);
    for (int32_t i = 0; i < list->n && builder->status == MOE_OK; i++) {
        moe__builder_puts(builder, i > 0 ? ", " : "", origin);
        moe__print_repr(builder, &list->items[i]);
    }
    if (value->kind == MOE__VALUE_TUPLE && list->n == 1)
        moe__builder_puts(builder, ",", origin);
    moe__builder_puts(builder, pair[1], origin);
}

static void print_repr_dict(struct moe__builder *builder,
                            const struct moe__value *value)
{
    const enum moe__origin origin = value_origin(value);
    const struct moe__dict *dict = value->as.dict;
    moe__builder_puts(builder, "{", origin);
    for (int32_t i = 0; i < dict->n && builder->status == MOE_OK; i++) {
        moe__builder_puts(builder, i > 0 ? ", " : "", origin);
        moe__print_repr(builder, &dict->keys[i]);
        moe__builder_puts(builder, ": ", origin);
        moe__print_repr(builder, &dict->values[i]);
    }
    moe__builder_puts(builder, "}", origin);
}

void moe__print_repr(struct moe__builder *builder,
                     const struct moe__value *value)
{
    if (builder->status == MOE_OK)
        builder->status = moe__render_enter(builder->render);
    if (builder->status != MOE_OK || print_scalar(builder, value, false))
        ;
    else if (value->kind == MOE__VALUE_STRING)
        print_repr_string(builder, value);
    else if (value->kind == MOE__VALUE_UNDEFINED)
        moe__builder_puts(builder, "Undefined", MOE__ORIGIN_TEMPLATE);
    else if (value->kind >= MOE__VALUE_LIST && value->kind <= MOE__VALUE_VALUES)
        print_repr_list(builder, value);
    else if (value->kind == MOE__VALUE_DICT)
        print_repr_dict(builder, value);
    else
        print_fail(builder, "printed", value);
    builder->render->depth--;
}

void moe__print_str(struct moe__builder *builder,
                    const struct moe__value *value)
{
    if (value->kind == MOE__VALUE_STRING)
        moe__builder_string(builder, value->as.string);
    else if (value->kind != MOE__VALUE_UNDEFINED)
        moe__print_repr(builder, value);
}

moe_status moe__value_str(struct moe__render *render,
                          const struct moe__value *value,
                          struct moe__value *out)
{
    if (value->kind == MOE__VALUE_STRING) {
        *out = *value;
        return MOE_OK;
    }
    struct moe__builder builder;
    moe__builder_init(&builder, render);
    moe__print_str(&builder, value);
    return moe__builder_finish(&builder, out);
}

/* ------------------------------------------------------------------ JSON */

static bool print_escape_json(struct moe__builder *builder, uint32_t code,
                              enum moe__origin origin, int is_ascii)
{
    static const char names[] = "\"\\bfnrt", codes[] = "\"\\\b\f\n\r\t";
    const char *found =
        code > 0 && code < 128 ? strchr(codes, (int)code) : NULL;
    if (found != NULL) {
        const char text[3] = {'\\', names[found - codes]};
        moe__builder_puts(builder, text, origin);
    } else if (code < 0x20 || (is_ascii && code >= 0x7f && code < 0x10000)) {
        print_code(builder, 'u', 4, code, origin);
    } else if (is_ascii && code >= 0x10000) {
        print_code(builder, 'u', 4, 0xd800 + ((code - 0x10000) >> 10), origin);
        print_code(builder, 'u', 4, 0xdc00 + ((code - 0x10000) & 0x3ff),
                   origin);
    } else {
        return false;
    }
    return true;
}

/* One JSON text on its way. */
struct json_printer {
    struct moe__builder *builder;
    const struct moe__print_style *style;
    int32_t level;
};

static void json_print(struct json_printer *printer,
                       const struct moe__value *value);

static void json_print_break(struct json_printer *printer,
                             enum moe__origin origin)
{
    const struct moe__print_style *style = printer->style;
    if (!style->is_pretty)
        return;
    moe__builder_puts(printer->builder, "\n", origin);
    for (int32_t i = 0; i < printer->level; i++)
        moe__builder_add(printer->builder, style->indent, origin);
}

static void json_print_key(struct json_printer *printer,
                           const struct moe__value *key)
{
    if (key->kind == MOE__VALUE_STRING) {
        json_print(printer, key);
    } else if (key->kind <= MOE__VALUE_FLOAT) {
        moe__builder_puts(printer->builder, "\"", value_origin(key));
        json_print(printer, key);
        moe__builder_puts(printer->builder, "\"", value_origin(key));
    } else {
        print_fail(printer->builder, "a key of JSON", key);
    }
}

/* The order of the members, NULL: as they are. */
static int32_t *json_print_order(struct json_printer *printer,
                                 const struct moe__dict *dict)
{
    struct moe__builder *builder = printer->builder;
    if (!printer->style->has_sorted_keys || builder->status != MOE_OK)
        return NULL;
    int32_t *order = NULL;
    builder->status =
        moe__values_order(builder->render, dict->keys, dict->n, false, &order);
    return order;
}

static void json_print_members(struct json_printer *printer,
                               const struct moe__value *value)
{
    struct moe__builder *builder = printer->builder;
    const bool is_dict = value->kind == MOE__VALUE_DICT;
    const int32_t n = is_dict ? value->as.dict->n : value->as.list->n;
    const enum moe__origin origin = value_origin(value);
    const int32_t *order =
        is_dict ? json_print_order(printer, value->as.dict) : NULL;
    moe__builder_puts(builder, is_dict ? "{" : "[", origin);
    printer->level++;
    for (int32_t i = 0; i < n && builder->status == MOE_OK; i++) {
        const int32_t at = order != NULL ? order[i] : i;
        if (i > 0)
            moe__builder_add(builder, printer->style->comma, origin);
        json_print_break(printer, origin);
        if (is_dict) {
            json_print_key(printer, &value->as.dict->keys[at]);
            moe__builder_add(builder, printer->style->colon, origin);
        }
        json_print(printer, is_dict ? &value->as.dict->values[at]
                                    : &value->as.list->items[at]);
    }
    printer->level--;
    if (n > 0)
        json_print_break(printer, origin);
    moe__builder_puts(builder, is_dict ? "}" : "]", origin);
}

static void json_print(struct json_printer *printer,
                       const struct moe__value *value)
{
    struct moe__builder *builder = printer->builder;
    if (builder->status == MOE_OK)
        builder->status = moe__render_enter(builder->render);
    if (builder->status != MOE_OK || print_scalar(builder, value, true))
        ;
    else if (value->kind == MOE__VALUE_STRING)
        print_quoted(builder, value, "\"", print_escape_json,
                     printer->style->is_ascii);
    else if (value->kind == MOE__VALUE_DICT || value->kind == MOE__VALUE_LIST ||
             value->kind == MOE__VALUE_TUPLE)
        json_print_members(printer, value);
    else
        print_fail(builder, "written as JSON", value);
    builder->render->depth--;
}

void moe__print_json(struct moe__builder *builder,
                     const struct moe__value *value,
                     const struct moe__print_style *style)
{
    struct json_printer printer = {.builder = builder, .style = style};
    json_print(&printer, value);
}
