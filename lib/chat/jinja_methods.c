/* jinja_methods.c: methods of str.
 *
 * Each keeps the origin of the bytes that it passes on.  Those of Python's that
 * are not here are known by name and refused. */
#include "chat/jinja.h"
#include "token/unicode.h"

moe_status moe__need_string(struct moe__render *render,
                            const struct moe__value *value,
                            const struct moe__string **out)
{
    if (value->kind == MOE__VALUE_ABSENT)
        return MOE_OK;
    MOE__TRY(moe__value_need(render, value));
    if (value->kind != MOE__VALUE_STRING)
        return moe__fail(render->err, MOE_ERR_FORMAT,
                         "expected a str, found %s", moe__value_type(value));
    *out = value->as.string;
    return MOE_OK;
}

moe_status moe__need_int(struct moe__render *render,
                         const struct moe__value *value, int64_t *out)
{
    if (value->kind == MOE__VALUE_ABSENT)
        return MOE_OK;
    MOE__TRY(moe__value_need(render, value));
    if (value->kind != MOE__VALUE_INT)
        return moe__fail(render->err, MOE_ERR_FORMAT,
                         "expected an int, found %s", moe__value_type(value));
    *out = value->as.integer;
    return MOE_OK;
}

/* ----------------------------------------------------------------- strip */

/* Is the character at pos one of `set` (NULL: white space)? */
static bool strip_takes(const struct moe__string *string, size_t pos,
                        size_t next, const struct moe__string *set)
{
    if (set == NULL)
        return moe__jinja_is_space(moe__string_code(string, pos));
    for (size_t i = 0, end; i < set->n; i = end) {
        end = i + moe__string_step(set, i);
        if (end - i == next - pos &&
            memcmp(set->data + i, string->data + pos, end - i) == 0)
            return true;
    }
    return false;
}

moe_status moe__string_strip(struct moe__render *render,
                             const struct moe__string *string,
                             const struct moe__value *characters,
                             unsigned sides, struct moe__value *out)
{
    const struct moe__string *set = NULL;
    size_t begin = 0, end = string->n;
    if (characters->kind != MOE__VALUE_NONE)
        MOE__TRY(moe__need_string(render, characters, &set));
    MOE__TRY(moe__render_spend(render, string->n / 16 *
                                           (set == NULL ? 1 : 1 + set->n)));
    while ((sides & MOE__SIDE_LEFT) != 0 && begin < end) {
        const size_t next = begin + moe__string_step(string, begin);
        if (!strip_takes(string, begin, next, set))
            break;
        begin = next;
    }
    while ((sides & MOE__SIDE_RIGHT) != 0 && end > begin) {
        size_t pos = end - 1;
        while (pos > begin && (string->data[pos] & 0xc0) == 0x80)
            pos--;
        if (pos + moe__string_step(string, pos) != end)
            pos = end - 1; /* not UTF-8 */
        if (!strip_takes(string, pos, end, set))
            break;
        end = pos;
    }
    return moe__string_part(render, string, begin, end, out);
}

static moe_status method_strip(struct moe__render *render,
                               const struct moe__args *args,
                               struct moe__value *out)
{
    return moe__string_strip(render, args->self.as.string, &args->list[0],
                             MOE__SIDE_LEFT | MOE__SIDE_RIGHT, out);
}

static moe_status method_lstrip(struct moe__render *render,
                                const struct moe__args *args,
                                struct moe__value *out)
{
    return moe__string_strip(render, args->self.as.string, &args->list[0],
                             MOE__SIDE_LEFT, out);
}

static moe_status method_rstrip(struct moe__render *render,
                                const struct moe__args *args,
                                struct moe__value *out)
{
    return moe__string_strip(render, args->self.as.string, &args->list[0],
                             MOE__SIDE_RIGHT, out);
}

/* ------------------------------------------------------------------ case */

static bool code_is_letter(uint32_t code)
{
    const enum moe__category category = moe__unicode_category(code);
    return category >= MOE__CATEGORY_LU && category <= MOE__CATEGORY_LT;
}

/* What begins a word for Jinja's filter `title`. */
static bool code_ends_word(uint32_t code)
{
    return moe__jinja_is_space(code) ||
           (code > 0 && code < 128 && strchr("-({[<", (int)code) != NULL);
}

moe_status moe__string_case(struct moe__render *render,
                            const struct moe__string *string,
                            enum moe__case mode, struct moe__value *out)
{
    struct moe__builder builder;
    bool is_begin = true;
    moe__builder_init(&builder, render);
    moe__builder_reserve(&builder, string->n);
    MOE__TRY(moe__render_spend(render, string->n / 4));
    for (size_t pos = 0, next; pos < string->n; pos = next) {
        const uint32_t code = moe__string_code(string, pos);
        const bool to_upper =
            mode == MOE__CASE_UPPER || (mode >= MOE__CASE_CAPITAL && is_begin);
        uint32_t mapped;
        next = pos + moe__string_step(string, pos);
        if (!moe__case_map(code, to_upper, &mapped))
            return moe__fail(render->err, MOE_ERR_UNSUPPORTED,
                             "the other case of U+%x is not known", code);
        if (mapped == code)
            moe__builder_part(&builder, string, pos, next);
        else
            moe__builder_code(&builder, mapped,
                              moe__string_origin(string, pos));
        is_begin = mode == MOE__CASE_TITLE   ? !code_is_letter(code)
                   : mode == MOE__CASE_WORDS ? code_ends_word(code)
                                             : false;
    }
    MOE__TRY(moe__builder_finish(&builder, out));
    return string->is_safe ? moe__string_mark(render, out->as.string, true, out)
                           : MOE_OK;
}

static moe_status method_lower(struct moe__render *render,
                               const struct moe__args *args,
                               struct moe__value *out)
{
    return moe__string_case(render, args->self.as.string, MOE__CASE_LOWER, out);
}

static moe_status method_upper(struct moe__render *render,
                               const struct moe__args *args,
                               struct moe__value *out)
{
    return moe__string_case(render, args->self.as.string, MOE__CASE_UPPER, out);
}

static moe_status method_title(struct moe__render *render,
                               const struct moe__args *args,
                               struct moe__value *out)
{
    return moe__string_case(render, args->self.as.string, MOE__CASE_TITLE, out);
}

static moe_status method_capitalize(struct moe__render *render,
                                    const struct moe__args *args,
                                    struct moe__value *out)
{
    return moe__string_case(render, args->self.as.string, MOE__CASE_CAPITAL,
                            out);
}

/* --------------------------------------------------------------- replace */

moe_status moe__string_replace(struct moe__render *render,
                               const struct moe__string *string,
                               const struct moe__value *arguments,
                               struct moe__value *out)
{
    const struct moe__string *old = NULL, *new_ = NULL;
    struct moe__builder builder;
    int64_t count = -1;
    MOE__TRY(moe__need_plain(render, string));
    MOE__TRY(moe__need_string(render, &arguments[0], &old));
    MOE__TRY(moe__need_string(render, &arguments[1], &new_));
    if (arguments[2].kind != MOE__VALUE_NONE)
        MOE__TRY(moe__need_int(render, &arguments[2], &count));
    moe__builder_init(&builder, render);
    MOE__TRY(moe__render_spend(render, string->n / 4));
    size_t pos = 0;
    for (; count != 0 && builder.status == MOE_OK; count--) {
        const size_t found = moe__string_find(
            render, string, moe__string_slice(old), pos, string->n);
        if (found == SIZE_MAX)
            break;
        moe__builder_part(&builder, string, pos, found);
        moe__builder_string(&builder, new_);
        pos = found + old->n;
        if (old->n > 0)
            continue;
        if (pos == string->n) /* "" is found before each character */
            break;
        const size_t next = pos + moe__string_step(string, pos);
        moe__builder_part(&builder, string, pos, next);
        pos = next;
    }
    moe__builder_part(&builder, string, pos, string->n);
    return moe__builder_finish(&builder, out);
}

static moe_status method_replace(struct moe__render *render,
                                 const struct moe__args *args,
                                 struct moe__value *out)
{
    return moe__string_replace(render, args->self.as.string, args->list, out);
}

/* ----------------------------------------------------------------- split */

/* Parts between white space; the rest as it is after `most` splits. */
static moe_status split_words(struct moe__render *render,
                              const struct moe__string *string, int64_t most,
                              struct moe__dict *parts)
{
    struct moe__value part;
    for (size_t pos = 0;;) {
        while (pos < string->n &&
               moe__jinja_is_space(moe__string_code(string, pos)))
            pos += moe__string_step(string, pos);
        if (pos == string->n)
            return MOE_OK;
        size_t end = pos;
        while (end < string->n &&
               !moe__jinja_is_space(moe__string_code(string, end)))
            end += moe__string_step(string, end);
        const bool is_rest = most >= 0 && parts->n >= most;
        MOE__TRY(moe__string_part(render, string, pos,
                                  is_rest ? string->n : end, &part));
        MOE__TRY(moe__collect(render, parts, &part));
        if (is_rest)
            return MOE_OK;
        pos = end;
    }
}

static moe_status split_at(struct moe__render *render,
                           const struct moe__string *string,
                           struct moe__slice separator, int64_t most,
                           struct moe__dict *parts)
{
    struct moe__value part;
    for (size_t pos = 0;;) {
        size_t end =
            most >= 0 && parts->n >= most
                ? SIZE_MAX
                : moe__string_find(render, string, separator, pos, string->n);
        const bool is_last = end == SIZE_MAX;
        MOE__TRY(moe__string_part(render, string, pos,
                                  is_last ? string->n : end, &part));
        MOE__TRY(moe__collect(render, parts, &part));
        if (is_last)
            return MOE_OK;
        pos = end + separator.n;
    }
}

static moe_status method_split(struct moe__render *render,
                               const struct moe__args *args,
                               struct moe__value *out)
{
    const struct moe__string *string = args->self.as.string, *separator = NULL;
    struct moe__dict parts = {0};
    int64_t most = -1;
    if (args->list[0].kind != MOE__VALUE_NONE)
        MOE__TRY(moe__need_string(render, &args->list[0], &separator));
    MOE__TRY(moe__need_int(render, &args->list[1], &most));
    MOE__TRY(moe__render_spend(render, string->n / 4));
    if (separator == NULL)
        MOE__TRY(split_words(render, string, most, &parts));
    else if (separator->n > 0)
        MOE__TRY(split_at(render, string, moe__string_slice(separator), most,
                          &parts));
    else
        return moe__fail(render->err, MOE_ERR_FORMAT, "empty separator");
    return moe__collect_finish(render, &parts, MOE__VALUE_LIST, false, out);
}

/* From the right, which matters only if the number of splits is bounded. */
static moe_status method_rsplit(struct moe__render *render,
                                const struct moe__args *args,
                                struct moe__value *out)
{
    const struct moe__string *string = args->self.as.string, *separator = NULL;
    struct moe__dict parts = {0};
    struct moe__value part;
    int64_t most = -1;
    MOE__TRY(moe__need_int(render, &args->list[1], &most));
    if (most < 0)
        return method_split(render, args, out);
    if (args->list[0].kind != MOE__VALUE_NONE)
        MOE__TRY(moe__need_string(render, &args->list[0], &separator));
    if (separator == NULL || separator->n == 0)
        return moe__fail(render->err, MOE_ERR_UNSUPPORTED,
                         "a bound without a separator");
    MOE__TRY(moe__render_spend(render, string->n * (1 + separator->n / 16)));
    size_t end = string->n;
    for (;;) {
        const size_t found =
            parts.n >= most
                ? SIZE_MAX
                : moe__string_find_last(render, string,
                                        moe__string_slice(separator), end);
        const size_t begin = found == SIZE_MAX ? 0 : found + separator->n;
        MOE__TRY(moe__string_part(render, string, begin, end, &part));
        MOE__TRY(moe__collect(render, &parts, &part));
        if (found == SIZE_MAX)
            break;
        end = found;
    }
    for (int32_t i = 0; i < parts.n / 2; i++) {
        part = parts.values[i];
        parts.values[i] = parts.values[parts.n - 1 - i];
        parts.values[parts.n - 1 - i] = part;
    }
    return moe__collect_finish(render, &parts, MOE__VALUE_LIST, false, out);
}

static bool code_ends_line(uint32_t code)
{
    return (code >= 10 && code <= 13) || (code >= 0x1c && code <= 0x1e) ||
           code == 0x85 || code == 0x2028 || code == 0x2029;
}

moe_status moe__string_lines(struct moe__render *render,
                             const struct moe__string *string,
                             struct moe__value *out)
{
    struct moe__dict lines = {0};
    struct moe__value line;
    size_t begin = 0;
    MOE__TRY(moe__render_spend(render, string->n / 4));
    for (size_t pos = 0, next; pos < string->n; pos = next) {
        const uint32_t code = moe__string_code(string, pos);
        next = pos + moe__string_step(string, pos);
        if (!code_ends_line(code))
            continue;
        if (code == '\r' && next < string->n && string->data[next] == '\n')
            next++;
        MOE__TRY(moe__string_part(render, string, begin, pos, &line));
        MOE__TRY(moe__collect(render, &lines, &line));
        begin = next;
    }
    if (begin < string->n) {
        MOE__TRY(moe__string_part(render, string, begin, string->n, &line));
        MOE__TRY(moe__collect(render, &lines, &line));
    }
    return moe__collect_finish(render, &lines, MOE__VALUE_LIST, false, out);
}

static moe_status method_splitlines(struct moe__render *render,
                                    const struct moe__args *args,
                                    struct moe__value *out)
{
    return moe__string_lines(render, args->self.as.string, out);
}

/* Before, the separator, after; found at `found`, or not at all. */
static moe_status partition_at(struct moe__render *render,
                               const struct moe__string *string, size_t found,
                               size_t end, struct moe__value *out)
{
    MOE__TRY(moe__value_list(render, MOE__VALUE_TUPLE, 3, false, out));
    struct moe__value *items = out->as.list->items;
    MOE__TRY(moe__string_part(render, string, 0, found, &items[0]));
    MOE__TRY(moe__string_part(render, string, found, end, &items[1]));
    return moe__string_part(render, string, end, string->n, &items[2]);
}

static moe_status method_partition(struct moe__render *render,
                                   const struct moe__args *args,
                                   struct moe__value *out)
{
    const struct moe__string *string = args->self.as.string, *separator = NULL;
    MOE__TRY(moe__need_string(render, &args->list[0], &separator));
    MOE__TRY(moe__render_spend(render, string->n / 16));
    const size_t found = moe__string_find(
        render, string, moe__string_slice(separator), 0, string->n);
    if (found == SIZE_MAX)
        return partition_at(render, string, string->n, string->n, out);
    return partition_at(render, string, found, found + separator->n, out);
}

static moe_status method_rpartition(struct moe__render *render,
                                    const struct moe__args *args,
                                    struct moe__value *out)
{
    const struct moe__string *string = args->self.as.string, *separator = NULL;
    MOE__TRY(moe__need_string(render, &args->list[0], &separator));
    MOE__TRY(moe__render_spend(render, string->n));
    const size_t found = moe__string_find_last(
        render, string, moe__string_slice(separator), string->n);
    if (found == SIZE_MAX)
        return partition_at(render, string, 0, 0, out);
    return partition_at(render, string, found, found + separator->n, out);
}

/* ---------------------------------------------------------------- search */

/* Is the affix at the string's begin or end? */
static bool string_has_affix(const struct moe__string *string,
                             struct moe__slice affix, unsigned side)
{
    return affix.n <= string->n &&
           (affix.n == 0 ||
            memcmp(string->data +
                       (side == MOE__SIDE_LEFT ? 0 : string->n - affix.n),
                   affix.data, affix.n) == 0);
}

/* The affix is a str or a tuple of them. */
static moe_status method_affix(struct moe__render *render,
                               const struct moe__args *args, unsigned side,
                               struct moe__value *out)
{
    const struct moe__value *affix = &args->list[0];
    const struct moe__value *items = affix;
    int32_t n = 1;
    bool is_true = false;
    if (affix->kind == MOE__VALUE_TUPLE) {
        items = affix->as.list->items;
        n = affix->as.list->n;
    }
    for (int32_t i = 0; i < n && !is_true; i++) {
        const struct moe__string *text = NULL;
        MOE__TRY(moe__need_string(render, &items[i], &text));
        MOE__TRY(moe__render_spend(render, 1 + text->n / 64));
        is_true = string_has_affix(args->self.as.string,
                                   moe__string_slice(text), side);
    }
    *out = moe__value_bool(is_true);
    return MOE_OK;
}

static moe_status method_startswith(struct moe__render *render,
                                    const struct moe__args *args,
                                    struct moe__value *out)
{
    return method_affix(render, args, MOE__SIDE_LEFT, out);
}

static moe_status method_endswith(struct moe__render *render,
                                  const struct moe__args *args,
                                  struct moe__value *out)
{
    return method_affix(render, args, MOE__SIDE_RIGHT, out);
}

static moe_status method_removeprefix(struct moe__render *render,
                                      const struct moe__args *args,
                                      struct moe__value *out)
{
    const struct moe__string *string = args->self.as.string, *affix = NULL;
    MOE__TRY(moe__need_string(render, &args->list[0], &affix));
    const bool is_there =
        string_has_affix(string, moe__string_slice(affix), MOE__SIDE_LEFT);
    return moe__string_part(render, string, is_there ? affix->n : 0, string->n,
                            out);
}

static moe_status method_removesuffix(struct moe__render *render,
                                      const struct moe__args *args,
                                      struct moe__value *out)
{
    const struct moe__string *string = args->self.as.string, *affix = NULL;
    MOE__TRY(moe__need_string(render, &args->list[0], &affix));
    const bool is_there =
        string_has_affix(string, moe__string_slice(affix), MOE__SIDE_RIGHT);
    return moe__string_part(render, string, 0,
                            string->n - (is_there ? affix->n : 0), out);
}

/* A place in bytes as one in characters; -1: none. */
static moe_status place_value(struct moe__render *render,
                              const struct moe__string *string, size_t found,
                              struct moe__value *out)
{
    int64_t n = -1;
    if (found != SIZE_MAX) {
        struct moe__value before;
        MOE__TRY(moe__string_part(render, string, 0, found, &before));
        n = (int64_t)moe__string_length(before.as.string);
    }
    *out = moe__value_int(n, false);
    return MOE_OK;
}

static moe_status method_find(struct moe__render *render,
                              const struct moe__args *args,
                              struct moe__value *out)
{
    const struct moe__string *string = args->self.as.string, *needle = NULL;
    MOE__TRY(moe__need_string(render, &args->list[0], &needle));
    MOE__TRY(moe__render_spend(render, string->n / 8));
    return place_value(render, string,
                       moe__string_find(render, string,
                                        moe__string_slice(needle), 0,
                                        string->n),
                       out);
}

static moe_status method_rfind(struct moe__render *render,
                               const struct moe__args *args,
                               struct moe__value *out)
{
    const struct moe__string *string = args->self.as.string, *needle = NULL;
    MOE__TRY(moe__need_string(render, &args->list[0], &needle));
    MOE__TRY(moe__render_spend(render, string->n));
    return place_value(render, string,
                       moe__string_find_last(render, string,
                                             moe__string_slice(needle),
                                             string->n),
                       out);
}

static moe_status method_index(struct moe__render *render,
                               const struct moe__args *args,
                               struct moe__value *out)
{
    MOE__TRY(method_find(render, args, out));
    if (out->as.integer < 0)
        return moe__fail(render->err, MOE_ERR_FORMAT, "not found");
    return MOE_OK;
}

static moe_status method_count(struct moe__render *render,
                               const struct moe__args *args,
                               struct moe__value *out)
{
    const struct moe__string *string = args->self.as.string, *needle = NULL;
    int64_t n = 0;
    MOE__TRY(moe__need_string(render, &args->list[0], &needle));
    MOE__TRY(moe__render_spend(render, string->n / 4));
    if (needle->n == 0) {
        *out = moe__value_int((int64_t)moe__string_length(string) + 1, false);
        return MOE_OK;
    }
    for (size_t pos = 0;
         (pos = moe__string_find(render, string, moe__string_slice(needle), pos,
                                 string->n)) != SIZE_MAX;
         pos += needle->n)
        n++;
    *out = moe__value_int(n, false);
    return MOE_OK;
}

/* Are all characters, of which there are some, of these categories? */
static moe_status method_is(struct moe__render *render,
                            const struct moe__args *args, unsigned categories,
                            struct moe__value *out)
{
    const struct moe__string *string = args->self.as.string;
    bool is_true = string->n > 0;
    MOE__TRY(moe__render_spend(render, string->n / 4));
    for (size_t pos = 0; pos < string->n && is_true;
         pos += moe__string_step(string, pos)) {
        const uint32_t code = moe__string_code(string, pos);
        is_true = (categories & 1U << moe__unicode_category(code)) != 0 ||
                  ((categories & 1U << MOE__CATEGORY_SPACE) != 0 &&
                   moe__jinja_is_space(code));
    }
    *out = moe__value_bool(is_true);
    return MOE_OK;
}

#define LETTERS                                        \
    (1U << MOE__CATEGORY_LU | 1U << MOE__CATEGORY_LL | \
     1U << MOE__CATEGORY_LT | 1U << MOE__CATEGORY_LM | 1U << MOE__CATEGORY_LO)

static moe_status method_isalpha(struct moe__render *render,
                                 const struct moe__args *args,
                                 struct moe__value *out)
{
    return method_is(render, args, LETTERS, out);
}

static moe_status method_isdecimal(struct moe__render *render,
                                   const struct moe__args *args,
                                   struct moe__value *out)
{
    return method_is(render, args, 1U << MOE__CATEGORY_ND, out);
}

static moe_status method_isspace(struct moe__render *render,
                                 const struct moe__args *args,
                                 struct moe__value *out)
{
    return method_is(render, args, 1U << MOE__CATEGORY_SPACE, out);
}

/* separator.join(strings) */
static moe_status method_join(struct moe__render *render,
                              const struct moe__args *args,
                              struct moe__value *out)
{
    struct moe__list items;
    struct moe__builder builder;
    MOE__TRY(moe__need_plain(render, args->self.as.string));
    MOE__TRY(moe__value_iterate(render, &args->list[0], &items));
    moe__builder_init(&builder, render);
    for (int32_t i = 0; i < items.n; i++) {
        const struct moe__string *text = NULL;
        MOE__TRY(moe__need_string(render, &items.items[i], &text));
        MOE__TRY(moe__render_spend(render, 1));
        if (i > 0)
            moe__builder_string(&builder, args->self.as.string);
        moe__builder_string(&builder, text);
    }
    return moe__builder_finish(&builder, out);
}

/* ---------------------------------------------------------------- tables */

const struct moe__builtin moe__jinja_string_methods[] = {
    {"capitalize", method_capitalize, 0, 0, NULL},
    {"count", method_count, 1, 1, NULL},
    {"endswith", method_endswith, 1, 1, NULL},
    {"find", method_find, 1, 1, NULL},
    {"format", moe__format_braces, 0, -1, NULL},
    {"index", method_index, 1, 1, NULL},
    {"isalpha", method_isalpha, 0, 0, NULL},
    {"isdecimal", method_isdecimal, 0, 0, NULL},
    {"isspace", method_isspace, 0, 0, NULL},
    {"join", method_join, 1, 1, NULL},
    {"lower", method_lower, 0, 0, NULL},
    {"lstrip", method_lstrip, 0, 1, NULL},
    {"partition", method_partition, 1, 1, NULL},
    {"removeprefix", method_removeprefix, 1, 1, NULL},
    {"removesuffix", method_removesuffix, 1, 1, NULL},
    {"replace", method_replace, 2, 3, NULL},
    {"rfind", method_rfind, 1, 1, NULL},
    {"rpartition", method_rpartition, 1, 1, NULL},
    {"rsplit", method_rsplit, 0, 2, "sep maxsplit"},
    {"rstrip", method_rstrip, 0, 1, NULL},
    {"split", method_split, 0, 2, "sep maxsplit"},
    {"splitlines", method_splitlines, 0, 0, NULL},
    {"startswith", method_startswith, 1, 1, NULL},
    {"strip", method_strip, 0, 1, NULL},
    {"title", method_title, 0, 0, NULL},
    {"upper", method_upper, 0, 0, NULL},
    {"casefold", NULL, 0, -1, NULL},
    {"center", NULL, 0, -1, NULL},
    {"encode", NULL, 0, -1, NULL},
    {"expandtabs", NULL, 0, -1, NULL},
    {"format_map", NULL, 0, -1, NULL},
    {"isalnum", NULL, 0, -1, NULL},
    {"isascii", NULL, 0, -1, NULL},
    {"isdigit", NULL, 0, -1, NULL},
    {"isidentifier", NULL, 0, -1, NULL},
    {"islower", NULL, 0, -1, NULL},
    {"isnumeric", NULL, 0, -1, NULL},
    {"isprintable", NULL, 0, -1, NULL},
    {"istitle", NULL, 0, -1, NULL},
    {"isupper", NULL, 0, -1, NULL},
    {"ljust", NULL, 0, -1, NULL},
    {"maketrans", NULL, 0, -1, NULL},
    {"rindex", NULL, 0, -1, NULL},
    {"rjust", NULL, 0, -1, NULL},
    {"swapcase", NULL, 0, -1, NULL},
    {"translate", NULL, 0, -1, NULL},
    {"zfill", NULL, 0, -1, NULL},
    {NULL, NULL, 0, 0, NULL},
};
