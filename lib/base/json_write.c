/* json_write.c: values -> JSON text. */
#include "base/decimal.h"
#include "base/json.h"
#include "base/utf8.h"

#include <math.h>

const struct moe__json_style moe__json_compact = {-1, ",", ":", false, false};
const struct moe__json_style moe__json_spaced = {-1, ", ", ": ", false, false};

static void json_write_unit(struct moe__text *out, uint32_t unit)
{
    char text[8];
    const size_t n = moe__format(text, sizeof text, "\\u%x%x%x%x", unit >> 12,
                                 unit >> 8 & 15, unit >> 4 & 15, unit & 15);
    moe__text_add(out, moe__slice_of(text, n));
}

static void json_write_code(struct moe__text *out, uint32_t code, bool is_ascii)
{
    static const char names[] = "\"\\bfnrt", codes[] = "\"\\\b\f\n\r\t";
    const char *found =
        code > 0 && code < 128 ? strchr(codes, (int)code) : NULL;
    if (found != NULL) {
        moe__text_byte(out, '\\');
        moe__text_byte(out, (uint8_t)names[found - codes]);
    } else if (code < 0x20 || (is_ascii && code >= 0x7f && code < 0x10000)) {
        json_write_unit(out, code);
    } else if (is_ascii && code >= 0x10000) {
        json_write_unit(out, 0xd800 + ((code - 0x10000) >> 10));
        json_write_unit(out, 0xdc00 + ((code - 0x10000) & 0x3ff));
    } else {
        moe__text_code(out, code);
    }
}

void moe__json_write_string(struct moe__text *out, struct moe__slice text,
                            bool is_ascii)
{
    moe__text_byte(out, '"');
    for (size_t i = 0; i < text.n;) {
        uint32_t code;
        const int32_t n =
            moe__utf8_decode(moe__slice_of(text.data + i, text.n - i), &code);
        json_write_code(out, code, is_ascii);
        i += n > 0 ? (size_t)n : 1;
    }
    moe__text_byte(out, '"');
}

void moe__json_write_number(struct moe__text *out, double number)
{
    char digits[MOE__DECIMAL_DIGITS], text[48];
    int32_t point; /* 0.d1 d2 ... * 10^point */
    size_t length;
    if (number != number || number - number != 0) {
        moe__text_puts(out, "null"); /* JSON has no infinity */
        return;
    }
    if (moe__f64_to_bits(number) >> 63)
        moe__text_byte(out, '-');
    if (number == 0) {
        moe__text_puts(out, "0.0");
        return;
    }
    const int32_t n = moe__decimal_shortest(fabs(number), digits, &point);
    if (point < -3 || point > 16) {
        const int32_t e = point < 1 ? 1 - point : point - 1;
        length = moe__format(text, sizeof text, "%c%s%.*se%c%s%d", digits[0],
                             n > 1 ? "." : "", n - 1, digits + 1,
                             point < 1 ? '-' : '+', e < 10 ? "0" : "", e);
    } else if (point <= 0) {
        length = moe__format(text, sizeof text, "0.%.*s%.*s", -point, "000", n,
                             digits);
    } else if (n > point) {
        length = moe__format(text, sizeof text, "%.*s.%.*s", point, digits,
                             n - point, digits + point);
    } else {
        length = moe__format(text, sizeof text, "%.*s%.*s.0", n, digits,
                             point - n, "0000000000000000");
    }
    moe__text_add(out, moe__slice_of(text, length));
}

/* By code point, which is the order of the bytes. */
static bool json_key_is_after(struct moe__slice a, struct moe__slice b)
{
    const size_t n = a.n < b.n ? a.n : b.n;
    const int order = n == 0 ? 0 : memcmp(a.data, b.data, n);
    return order > 0 || (order == 0 && a.n > b.n);
}

/* Sinks order[at] in a heap of n places, the last key on top. */
static void json_sink(int32_t *order, const struct moe__slice *keys, int32_t at,
                      int32_t n)
{
    for (int32_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n &&
            json_key_is_after(keys[order[child + 1]], keys[order[child]]))
            child++;
        if (!json_key_is_after(keys[order[child]], keys[order[at]]))
            return;
        const int32_t held = order[at];
        order[at] = order[child];
        order[child] = held;
    }
}

/* Fills order [n] with the places of the keys, ascending. */
static void json_sort(int32_t *order, const struct moe__slice *keys, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        order[i] = i;
    for (int32_t i = n / 2 - 1; i >= 0; i--)
        json_sink(order, keys, i, n);
    for (int32_t i = n - 1; i > 0; i--) {
        const int32_t last = order[0];
        order[0] = order[i];
        order[i] = last;
        json_sink(order, keys, 0, i);
    }
}

static void json_break_line(struct moe__text *out,
                            const struct moe__json_style *style, int32_t depth)
{
    if (style->indent < 0)
        return;
    moe__text_byte(out, '\n');
    for (int32_t i = 0; i < style->indent * depth; i++)
        moe__text_byte(out, ' ');
}

static void json_write_value(struct moe__text *out,
                             const struct moe__json *value,
                             const struct moe__json_style *style,
                             int32_t depth);

static void json_write_members(struct moe__text *out,
                               const struct moe__json *value,
                               const struct moe__json_style *style,
                               int32_t depth)
{
    const bool is_object = value->kind == MOE__JSON_OBJECT;
    const size_t n = (size_t)value->n;
    int32_t *order = NULL;
    if (is_object && style->has_sorted_keys && n > 0) {
        order = moe__mem_calloc(out->mem, n, sizeof *order);
        if (order == NULL) {
            out->status = MOE_ERR_NO_MEMORY;
            return;
        }
        json_sort(order, value->keys, value->n);
    }
    for (int32_t i = 0; i < value->n; i++) {
        const int32_t at = order == NULL ? i : order[i];
        if (i > 0)
            moe__text_puts(out, style->indent < 0 ? style->comma : ",");
        json_break_line(out, style, depth + 1);
        if (is_object) {
            moe__json_write_string(out, value->keys[at], style->is_ascii);
            moe__text_puts(out, style->colon);
        }
        json_write_value(out, &value->items[at], style, depth + 1);
    }
    moe__mem_free(out->mem, order, n * sizeof *order);
    if (n > 0)
        json_break_line(out, style, depth);
}

static void json_write_value(struct moe__text *out,
                             const struct moe__json *value,
                             const struct moe__json_style *style, int32_t depth)
{
    static const char *const words[] = {"null", "false", "true"};
    switch (value->kind) {
    case MOE__JSON_NUMBER:
        if (value->text.n > 0)
            moe__text_add(out, value->text);
        else
            moe__json_write_number(out, value->number);
        return;
    case MOE__JSON_STRING:
        moe__json_write_string(out, value->text, style->is_ascii);
        return;
    case MOE__JSON_ARRAY:
    case MOE__JSON_OBJECT:
        moe__text_puts(out, value->kind == MOE__JSON_ARRAY ? "[" : "{");
        json_write_members(out, value, style, depth);
        moe__text_puts(out, value->kind == MOE__JSON_ARRAY ? "]" : "}");
        return;
    default:
        moe__text_puts(out, words[value->kind]);
    }
}

void moe__json_write(struct moe__text *out, const struct moe__json *value,
                     const struct moe__json_style *style)
{
    json_write_value(out, value, style, 0);
}
