/* jinja_format.c: texts from patterns: %, str.format, strftime.
 *
 * Refuses widths, precisions and alignments. */
#include "chat/jinja.h"

/* ------------------------------------------------------------- percent */

/* Where the values of a % come from. */
struct percent_source {
    const struct moe__value *items; /* [n] */
    int32_t n;
    int32_t used;
    const struct moe__dict *names; /* for %(name)s, or NULL */
};

static moe_status percent_next(struct moe__render *render,
                               struct percent_source *source,
                               struct moe__slice name,
                               const struct moe__value **out)
{
    if (name.data != NULL && source->names != NULL) {
        source->used = source->n;
        *out = moe__dict_find(source->names, name);
        if (*out == NULL)
            return moe__fail(render->err, MOE_ERR_FORMAT,
                             "no value for %%(%.*s)", (int)name.n,
                             (const char *)name.data);
        return MOE_OK;
    }
    if (source->used >= source->n || name.data != NULL)
        return moe__fail(render->err, MOE_ERR_FORMAT,
                         "too few values for the format");
    *out = &source->items[source->used++];
    return MOE_OK;
}

/* What follows a %, at *pos, which is moved behind it. */
static moe_status percent_field(struct moe__builder *builder,
                                struct percent_source *source,
                                const struct moe__string *format, size_t *pos)
{
    struct moe__render *render = builder->render;
    struct moe__slice name = {NULL, 0};
    if (*pos < format->n && format->data[*pos] == '(') {
        const size_t end = moe__string_find(render, format, moe__slice_str(")"),
                                            *pos, format->n);
        if (end != SIZE_MAX) {
            name = moe__slice_of(format->data + *pos + 1, end - *pos - 1);
            *pos = end + 1;
        }
    }
    const int letter = *pos < format->n ? format->data[*pos] : 0;
    (*pos)++;
    if (letter == '%') {
        moe__builder_part(builder, format, *pos - 1, *pos);
        return builder->status;
    }
    const struct moe__value *value;
    if (letter == 0 || strchr("srdi", letter) == NULL)
        return moe__fail(render->err, MOE_ERR_UNSUPPORTED,
                         "%%%c in a format is not supported",
                         letter > 0x20 && letter < 0x7f ? letter : '?');
    MOE__TRY(percent_next(render, source, name, &value));
    const bool is_text = letter == 's' || letter == 'r';
    if (!is_text && value->kind != MOE__VALUE_INT)
        return moe__fail(render->err, MOE_ERR_FORMAT, "%%%c of a %s", letter,
                         moe__value_type(value));
    if (letter == 'r')
        moe__print_repr(builder, value);
    else
        moe__print_str(builder, value);
    return builder->status;
}

moe_status moe__format_percent(struct moe__render *render,
                               const struct moe__string *format,
                               const struct moe__value *arguments,
                               struct moe__value *out)
{
    struct percent_source source = {.items = arguments, .n = 1};
    struct moe__builder builder;
    MOE__TRY(moe__need_plain(render, format));
    if (arguments->kind == MOE__VALUE_TUPLE) {
        source.items = arguments->as.list->items;
        source.n = arguments->as.list->n;
    } else if (arguments->kind == MOE__VALUE_DICT) {
        source.names = arguments->as.dict;
    }
    moe__builder_init(&builder, render);
    for (size_t pos = 0; pos < format->n && builder.status == MOE_OK;) {
        size_t end = moe__string_find(render, format, moe__slice_str("%"), pos,
                                      format->n);
        moe__builder_part(&builder, format, pos,
                          end == SIZE_MAX ? format->n : end);
        if (end == SIZE_MAX)
            break;
        pos = end + 1;
        MOE__TRY(percent_field(&builder, &source, format, &pos));
    }
    if (source.used < source.n && source.names == NULL)
        return moe__fail(render->err, MOE_ERR_FORMAT,
                         "too many values for the format");
    return moe__builder_finish(&builder, out);
}

/* -------------------------------------------------------------- braces */

/* The value that {name}, {0} or {} asks for. */
static moe_status braces_value(struct moe__render *render,
                               const struct moe__args *args,
                               struct moe__slice name, int32_t *next,
                               const struct moe__value **out)
{
    int32_t place = name.n == 0 ? (*next)++ : 0;
    bool is_number = name.n < 6;
    for (size_t i = 0; i < name.n && is_number; i++) {
        is_number = name.data[i] >= '0' && name.data[i] <= '9';
        place = place * 10 + (name.data[i] - '0');
    }
    for (int32_t k = 0; k < args->n_named && !is_number; k++)
        if (moe__slice_equal(moe__value_text(&args->names[k]), name)) {
            *out = &args->named[k];
            return MOE_OK;
        }
    if (!is_number || place >= args->n)
        return moe__fail(
            render->err, MOE_ERR_UNSUPPORTED, "no value for {%.*s}",
            (int)(name.n > 60 ? 60 : name.n), (const char *)name.data);
    *out = &args->list[place];
    return MOE_OK;
}

moe_status moe__format_braces(struct moe__render *render,
                              const struct moe__args *args,
                              struct moe__value *out)
{
    const struct moe__string *format = args->self.as.string;
    struct moe__builder builder;
    int32_t next = 0;
    MOE__TRY(moe__need_plain(render, format));
    moe__builder_init(&builder, render);
    for (size_t pos = 0; pos < format->n && builder.status == MOE_OK; pos++) {
        const int byte = format->data[pos];
        if (byte != '{' && byte != '}') {
            moe__builder_part(&builder, format, pos, pos + 1);
        } else if (pos + 1 < format->n && format->data[pos + 1] == byte) {
            moe__builder_part(&builder, format, pos, pos + 1);
            pos++;
        } else {
            const size_t end = moe__string_find(
                render, format, moe__slice_str("}"), pos, format->n);
            const struct moe__value *value = NULL;
            if (byte == '}' || end == SIZE_MAX)
                return moe__fail(render->err, MOE_ERR_FORMAT,
                                 "a brace without its other");
            MOE__TRY(braces_value(
                render, args,
                moe__slice_of(format->data + pos + 1, end - pos - 1), &next,
                &value));
            moe__print_str(&builder, value);
            pos = end;
        }
    }
    return moe__builder_finish(&builder, out);
}

/* ---------------------------------------------------------------- dates */

struct calendar_day {
    int32_t year;
    int32_t month;       /* from 1 */
    int32_t day;         /* from 1 */
    int32_t day_of_year; /* from 1 */
    int32_t weekday;     /* Sunday is 0 */
};

static bool is_leap_year(int32_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* "2026-11-23" */
static bool calendar_read(struct moe__slice text, struct calendar_day *out)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30,
                                  31, 31, 30, 31, 30, 31};
    if (text.n != 10 || text.data[4] != '-' || text.data[7] != '-')
        return false;
    int32_t number[10] = {0};
    for (int32_t i = 0; i < 10; i++) {
        number[i] = text.data[i] - '0';
        if (i != 4 && i != 7 && (number[i] < 0 || number[i] > 9))
            return false;
    }
    out->year = number[0] * 1000 + number[1] * 100 + number[2] * 10 + number[3];
    out->month = number[5] * 10 + number[6];
    out->day = number[8] * 10 + number[9];
    const int32_t leap = is_leap_year(out->year);
    if (out->year < 1 || out->month < 1 || out->month > 12 || out->day < 1 ||
        out->day > days[out->month - 1] + (out->month == 2 ? leap : 0))
        return false;
    out->day_of_year = out->day + (out->month > 2 ? leap : 0);
    for (int32_t i = 0; i < out->month - 1; i++)
        out->day_of_year += days[i];
    /* 0001-01-01 was a Monday in this calendar; a year moves on by 365 days,
     * which is 1 modulo 7, and by its leap day. */
    const int32_t past = out->year - 1;
    out->weekday =
        (past + past / 4 - past / 100 + past / 400 + out->day_of_year) % 7;
    return true;
}

/* One conversion as text; midnight is the time of day. */
static bool calendar_format(const struct calendar_day *date, int letter,
                            char text[24])
{
    static const char *const months[] = {
        "January", "February", "March",     "April",   "May",      "June",
        "July",    "August",   "September", "October", "November", "December"};
    static const char *const days[] = {"Sunday",    "Monday",   "Tuesday",
                                       "Wednesday", "Thursday", "Friday",
                                       "Saturday"};
    static const char digits[] = "ymdHIMSjYe";
    const int32_t numbers[] = {
        date->year % 100,  date->month, date->day, 0, 12, 0, 0,
        date->day_of_year, date->year,  date->day};
    static const int8_t widths[] = {2, 2, 2, 2, 2, 2, 2, 3, 4, 2};
    const char *found = letter != 0 ? strchr(digits, letter) : NULL;
    const char *name = (letter | 32) == 'b'   ? months[date->month - 1]
                       : (letter | 32) == 'a' ? days[date->weekday]
                       : letter == 'p'        ? "AM"
                       : letter == '%'        ? "%"
                                              : NULL;
    if (found != NULL) {
        const int32_t number = numbers[found - digits];
        int32_t power = 1;
        for (int32_t i = 1; i < widths[found - digits]; i++)
            power *= 10;
        size_t n = 0;
        for (; power > 1 && number < power; power /= 10)
            text[n++] = letter == 'e' ? ' ' : '0';
        moe__format(text + n, 24 - n, "%d", number);
        return true;
    }
    if (name != NULL)
        moe__format(text, 24, "%.*s",
                    letter == 'a' || letter == 'b' ? 3 : (int)strlen(name),
                    name);
    return name != NULL;
}

moe_status moe__format_date(struct moe__render *render,
                            const struct moe__args *args,
                            struct moe__value *out)
{
    struct calendar_day date;
    struct moe__builder builder;
    if (!calendar_read(render->date, &date))
        return moe__fail(render->err, MOE_ERR_FORMAT,
                         "the date '%.*s' is not YYYY-MM-DD",
                         (int)(render->date.n > 20 ? 20 : render->date.n),
                         (const char *)render->date.data);
    if (args->list[0].kind != MOE__VALUE_STRING)
        return moe__fail(render->err, MOE_ERR_FORMAT,
                         "expected a str, found %s",
                         moe__value_type(&args->list[0]));
    const struct moe__string *format = args->list[0].as.string;
    moe__builder_init(&builder, render);
    for (size_t pos = 0; pos < format->n; pos++) {
        char text[24];
        if (format->data[pos] != '%') {
            moe__builder_part(&builder, format, pos, pos + 1);
            continue;
        }
        /* %-d is %d without its zero, in the C library of most systems */
        const bool is_short =
            pos + 1 < format->n && format->data[pos + 1] == '-';
        pos += 1 + (size_t)is_short;
        const int letter = pos < format->n ? format->data[pos] : 0;
        if (!calendar_format(&date, letter, text))
            return moe__fail(render->err, MOE_ERR_UNSUPPORTED,
                             "%%%c is not supported",
                             letter > 0x20 && letter < 0x7f ? letter : '?');
        const char *begin = text;
        while (is_short && (*begin == '0' || *begin == ' ') && begin[1] != 0)
            begin++;
        moe__builder_puts(&builder, begin, moe__string_origin(format, pos));
    }
    return moe__builder_finish(&builder, out);
}
