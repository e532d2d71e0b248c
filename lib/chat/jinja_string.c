/* jinja_string.c: strings whose bytes know their origin.
 *
 * A string of one origin has no list of origins; parts share the bytes of the
 * whole.  Characters are code points, as in Python; a byte that is no UTF-8 is
 * a character of its own. */
#include "base/utf8.h"
#include "chat/jinja.h"
#include "token/unicode.h"

struct moe__slice moe__string_slice(const struct moe__string *string)
{
    return moe__slice_of(string->data, string->n);
}

struct moe__slice moe__value_text(const struct moe__value *value)
{
    return value->kind == MOE__VALUE_STRING
               ? moe__string_slice(value->as.string)
               : moe__slice_str("");
}

moe_status moe__value_string(struct moe__render *render, struct moe__slice text,
                             enum moe__origin origin, struct moe__value *out)
{
    struct moe__string *string = moe__render_alloc(render, 1, sizeof *string);
    if (string == NULL)
        return moe__render_full(render);
    string->data = text.data;
    string->n = text.n;
    string->origin = origin;
    *out = (struct moe__value){.kind = MOE__VALUE_STRING, .as.string = string};
    return MOE_OK;
}

moe_status moe__string_part(struct moe__render *render,
                            const struct moe__string *string, size_t begin,
                            size_t end, struct moe__value *out)
{
    struct moe__string *part = moe__render_alloc(render, 1, sizeof *part);
    if (part == NULL)
        return moe__render_full(render);
    part->data = begin < end ? string->data + begin : string->data;
    part->origins = string->origins == NULL ? NULL : string->origins + begin;
    part->n = end - begin;
    part->origin = string->origin;
    part->is_safe = string->is_safe;
    *out = (struct moe__value){.kind = MOE__VALUE_STRING, .as.string = part};
    return MOE_OK;
}

size_t moe__string_step(const struct moe__string *string, size_t pos)
{
    uint32_t code;
    if (string->data[pos] < 0x80)
        return 1;
    const int32_t n = moe__utf8_decode(
        moe__slice_of(string->data + pos, string->n - pos), &code);
    return n > 0 ? (size_t)n : 1;
}

uint32_t moe__string_code(const struct moe__string *string, size_t pos)
{
    uint32_t code;
    (void)moe__utf8_decode(moe__slice_of(string->data + pos, string->n - pos),
                           &code);
    return code;
}

size_t moe__string_length(const struct moe__string *string)
{
    size_t n = 0;
    for (size_t pos = 0; pos < string->n; n++)
        pos += moe__string_step(string, pos);
    return n;
}

size_t moe__string_offset(const struct moe__string *string, size_t i)
{
    size_t pos = 0;
    while (i-- > 0)
        pos += moe__string_step(string, pos);
    return pos;
}

/* Long needles are compared block by block, each a step: a needle and a text of
 * one letter would else take their product. */
#define FIND_BLOCK ((size_t)64)

static bool needle_is_at(struct moe__render *render, const uint8_t *text,
                         struct moe__slice needle)
{
    for (size_t i = 0; i < needle.n; i += FIND_BLOCK) {
        const size_t n = needle.n - i < FIND_BLOCK ? needle.n - i : FIND_BLOCK;
        if (memcmp(text + i, needle.data + i, n) != 0)
            return false;
        if (render->fuel == 0)
            return false;
        render->fuel -= i > 0;
    }
    return true;
}

size_t moe__string_find(struct moe__render *render,
                        const struct moe__string *string,
                        struct moe__slice needle, size_t from, size_t end)
{
    if (needle.n == 0)
        return from <= end ? from : SIZE_MAX;
    while (from < end && needle.n <= end - from) {
        const uint8_t *found = memchr(string->data + from, needle.data[0],
                                      end - from - needle.n + 1);
        if (found == NULL)
            break;
        if (needle_is_at(render, found, needle))
            return (size_t)(found - string->data);
        from = (size_t)(found - string->data) + 1;
    }
    return SIZE_MAX;
}

size_t moe__string_find_last(struct moe__render *render,
                             const struct moe__string *string,
                             struct moe__slice needle, size_t end)
{
    for (size_t pos = end + 1; pos-- > 0;)
        if (needle.n <= end - pos &&
            needle_is_at(render, string->data + pos, needle))
            return pos;
    return SIZE_MAX;
}

enum moe__origin moe__string_origin(const struct moe__string *string,
                                    size_t pos)
{
    return string->origins == NULL ? string->origin
                                   : (enum moe__origin)string->origins[pos];
}

/* --------------------------------------------------------------- builder */

void moe__builder_init(struct moe__builder *builder, struct moe__render *render)
{
    *builder = (struct moe__builder){.render = render};
}

void moe__builder_reserve(struct moe__builder *builder, size_t n)
{
    if (builder->status != MOE_OK || n <= builder->cap - builder->n)
        return;
    struct moe__render *render = builder->render;
    size_t cap = builder->n + n;
    cap = 2 * builder->cap > cap ? 2 * builder->cap : cap;
    uint8_t *data = moe__render_alloc(render, cap, 1);
    uint8_t *origins = moe__render_alloc(render, cap, 1);
    if (data == NULL || origins == NULL) {
        builder->status = moe__render_full(render);
        return;
    }
    if (builder->n > 0) {
        memcpy(data, builder->data, builder->n);
        memcpy(origins, builder->origins, builder->n);
    }
    builder->data = data;
    builder->origins = origins;
    builder->cap = cap;
}

void moe__builder_add(struct moe__builder *builder, struct moe__slice bytes,
                      enum moe__origin origin)
{
    moe__builder_reserve(builder, bytes.n);
    if (builder->status != MOE_OK || bytes.n == 0)
        return;
    memcpy(builder->data + builder->n, bytes.data, bytes.n);
    memset(builder->origins + builder->n, (int)origin, bytes.n);
    builder->n += bytes.n;
}

void moe__builder_puts(struct moe__builder *builder, const char *words,
                       enum moe__origin origin)
{
    moe__builder_add(builder, moe__slice_str(words), origin);
}

void moe__builder_code(struct moe__builder *builder, uint32_t code,
                       enum moe__origin origin)
{
    uint8_t bytes[4];
    const int32_t n = moe__utf8_encode(code, bytes);
    moe__builder_add(builder, moe__slice_of(bytes, (size_t)n), origin);
}

void moe__builder_part(struct moe__builder *builder,
                       const struct moe__string *string, size_t begin,
                       size_t end)
{
    if (begin >= end)
        return;
    const size_t to = builder->n;
    moe__builder_add(builder, moe__slice_of(string->data + begin, end - begin),
                     string->origin);
    if (builder->status == MOE_OK && string->origins != NULL)
        memcpy(builder->origins + to, string->origins + begin, end - begin);
}

void moe__builder_string(struct moe__builder *builder,
                         const struct moe__string *string)
{
    moe__builder_part(builder, string, 0, string->n);
}

moe_status moe__builder_finish(struct moe__builder *builder,
                               struct moe__value *out)
{
    MOE__TRY(builder->status);
    MOE__TRY(moe__value_string(builder->render,
                               moe__slice_of(builder->data, builder->n),
                               MOE__ORIGIN_TEMPLATE, out));
    struct moe__string *string =
        moe__render_alloc(builder->render, 1, sizeof *string);
    if (string == NULL)
        return moe__render_full(builder->render);
    *string = *out->as.string;
    string->origins = builder->origins;
    out->as.string = string;
    return MOE_OK;
}

/* ---------------------------------------------------------------- markup */

moe_status moe__string_mark(struct moe__render *render,
                            const struct moe__string *string, bool is_safe,
                            struct moe__value *out)
{
    struct moe__string *copy = moe__render_alloc(render, 1, sizeof *copy);
    if (copy == NULL)
        return moe__render_full(render);
    *copy = *string;
    copy->is_safe = is_safe;
    *out = (struct moe__value){.kind = MOE__VALUE_STRING, .as.string = copy};
    return MOE_OK;
}

moe_status moe__string_escape(struct moe__render *render,
                              const struct moe__string *string,
                              struct moe__value *out)
{
    static const char marks[] = "&<>\"'";
    static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&#34;",
                                        "&#39;"};
    struct moe__builder builder;
    if (string->is_safe)
        return moe__string_mark(render, string, true, out);
    moe__builder_init(&builder, render);
    for (size_t pos = 0; pos < string->n && builder.status == MOE_OK; pos++) {
        const int byte = string->data[pos];
        const char *found = byte != 0 ? strchr(marks, byte) : NULL;
        if (found != NULL)
            moe__builder_puts(&builder, names[found - marks],
                              moe__string_origin(string, pos));
        else
            moe__builder_part(&builder, string, pos, pos + 1);
    }
    MOE__TRY(moe__builder_finish(&builder, out));
    return moe__string_mark(render, out->as.string, true, out);
}

moe_status moe__need_plain(struct moe__render *render,
                           const struct moe__string *string)
{
    return string->is_safe ? moe__fail(render->err, MOE_ERR_UNSUPPORTED,
                                       "of a safe string is not supported")
                           : MOE_OK;
}

/* ------------------------------------------------------------------ case */

/* What Python calls white space. */
bool moe__jinja_is_space(uint32_t code)
{
    if (code < 0x80)
        return code == ' ' || (code >= 9 && code <= 13) ||
               (code >= 0x1c && code <= 0x1f);
    return moe__unicode_category(code) == MOE__CATEGORY_SPACE;
}

/* Letters whose other case is found by a rule; others have none here. */
enum case_rule { CASE_ADD, CASE_EVEN, CASE_ODD };
static const struct case_range {
    uint16_t first; /* of the capitals, or of the pairs */
    uint16_t last;
    uint16_t rule;
    uint16_t distance; /* CASE_ADD: from a capital to its small letter */
} case_ranges[] = {
    {'A', 'Z', CASE_ADD, 32},       {0xc0, 0xd6, CASE_ADD, 32},
    {0xd8, 0xde, CASE_ADD, 32},     {0x100, 0x12f, CASE_EVEN, 0},
    {0x132, 0x137, CASE_EVEN, 0},   {0x139, 0x148, CASE_ODD, 0},
    {0x14a, 0x177, CASE_EVEN, 0},   {0x179, 0x17e, CASE_ODD, 0},
    {0x391, 0x3a1, CASE_ADD, 32},   {0x3a3, 0x3ab, CASE_ADD, 32},
    {0x400, 0x40f, CASE_ADD, 80},   {0x410, 0x42f, CASE_ADD, 32},
    {0x460, 0x481, CASE_EVEN, 0},   {0x48a, 0x4bf, CASE_EVEN, 0},
    {0x4d0, 0x52f, CASE_EVEN, 0},   {0x531, 0x556, CASE_ADD, 48},
    {0x1e00, 0x1e95, CASE_EVEN, 0}, {0x1ea0, 0x1eff, CASE_EVEN, 0},
};

static bool code_is_cased(uint32_t code)
{
    const enum moe__category category = moe__unicode_category(code);
    return category == MOE__CATEGORY_LU || category == MOE__CATEGORY_LL ||
           category == MOE__CATEGORY_LT;
}

bool moe__case_map(uint32_t code, bool to_upper, uint32_t *out)
{
    *out = code;
    for (size_t i = 0; i < MOE__COUNT(case_ranges); i++) {
        const struct case_range *range = &case_ranges[i];
        const uint32_t distance = range->distance;
        if (range->rule == CASE_ADD) {
            if (!to_upper && code >= range->first && code <= range->last)
                *out = code + distance;
            else if (to_upper && code >= range->first + distance &&
                     code <= range->last + distance)
                *out = code - distance;
            else if (code < range->first || code > range->last + distance)
                continue;
            if (*out != code)
                return true;
        } else if (code >= range->first && code <= range->last) {
            const bool is_small = (code & 1) == (range->rule == CASE_EVEN);
            *out = is_small && to_upper     ? code - 1
                   : !is_small && !to_upper ? code + 1
                                            : code;
            return true;
        }
    }
    /* Already so, or without a case, or not known. */
    return code < 0x80 || !code_is_cased(code) ||
           (moe__unicode_category(code) == MOE__CATEGORY_LU) == to_upper;
}
