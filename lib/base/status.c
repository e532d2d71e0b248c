/* status.c: sentences for people, made without stdio.
 *
 * Owns the formatter behind every message and name.  It never allocates and
 * never reads a locale.  What a file or a caller named can hold anything, so
 * strings are written in units (a character of UTF-8, or one escaped byte) and
 * a unit is written whole or not at all. */
#include "base/status.h"

#include "base/utf8.h"

#include <float.h>
#include <stdarg.h>

struct message_sink {
    char *buf; /* [cap] */
    size_t cap;
    size_t n;      /* written, without the NUL */
    size_t n_clip; /* of these, whole units that leave room for "..." */
    bool is_full;
};

static void message_unit(struct message_sink *sink, const void *unit, size_t n)
{
    sink->is_full = sink->is_full || n >= sink->cap - sink->n;
    if (sink->is_full)
        return;
    memcpy(sink->buf + sink->n, unit, n);
    sink->n += n;
    if (sink->cap - sink->n > 3)
        sink->n_clip = sink->n;
}

static void message_char(struct message_sink *sink, char c)
{
    message_unit(sink, &c, 1);
}

static void message_escaped(struct message_sink *sink, uint8_t byte)
{
    static const char hex[] = "0123456789abcdef";
    const char unit[4] = {'\\', 'x', hex[byte >> 4], hex[byte & 15]};
    message_unit(sink, unit, sizeof unit);
}

/* Control characters (also U+0080 .. U+009F) could drive a terminal. */
static void message_text(struct message_sink *sink, struct moe__slice text)
{
    for (size_t i = 0; i < text.n && !sink->is_full;) {
        uint32_t code;
        struct moe__slice rest = moe__slice_of(text.data + i, text.n - i);
        int32_t n = moe__utf8_decode(rest, &code);
        if (n > 0 && code >= 0x20 && (code < 0x7f || code > 0x9f)) {
            message_unit(sink, rest.data, (size_t)n);
            i += (size_t)n;
        } else {
            message_escaped(sink, rest.data[0]);
            i++;
        }
    }
}

static void message_unsigned(struct message_sink *sink, uint64_t v,
                             uint64_t base)
{
    char digits[20]; /* 2^64 has 20 decimal digits */
    size_t at = sizeof digits;
    do
        digits[--at] = "0123456789abcdef"[v % base];
    while ((v /= base) != 0);
    message_unit(sink, digits + at, sizeof digits - at);
}

static void message_signed(struct message_sink *sink, int64_t v)
{
    if (v < 0)
        message_char(sink, '-');
    message_unsigned(sink, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10);
}

/* v = 0.d0 d1 .. d5 * 10^(point), trailing zeros dropped, laid out like %g. */
static void message_digits(struct message_sink *sink, uint32_t digits,
                           int32_t point)
{
    char d[6];
    int32_t n = 6;
    for (int32_t i = 6; i-- > 0; digits /= 10)
        d[i] = (char)('0' + digits % 10);
    while (n > 1 && d[n - 1] == '0')
        n--;
    bool has_exponent = point < -3 || point > 6;
    int32_t whole = has_exponent ? 1 : point; /* digits before the point */
    if (whole <= 0)
        message_unit(sink, "0.", 2);
    for (int32_t i = whole; i < 0; i++)
        message_char(sink, '0');
    for (int32_t i = 0; i < n || i < whole; i++) {
        if (i > 0 && i == whole)
            message_char(sink, '.');
        message_char(sink, i < n ? d[i] : '0');
    }
    if (has_exponent) {
        int32_t e = point - 1;
        message_unit(sink, e < 0 ? "e-" : "e+", 2);
        e = e < 0 ? -e : e;
        if (e < 10)
            message_char(sink, '0');
        message_unsigned(sink, (uint64_t)e, 10);
    }
}

/* Six significant digits.  Scaling by tens loses under 400 * 2^-53 of v, far
 * below the sixth digit. */
static void message_double(struct message_sink *sink, double v)
{
    if (v != v) {
        message_unit(sink, "nan", 3);
        return;
    }
    if (v < 0) {
        message_char(sink, '-');
        v = -v;
    }
    if (v == 0 || v > DBL_MAX) {
        message_unit(sink, v == 0 ? "0" : "inf", v == 0 ? 1 : 3);
        return;
    }
    int32_t point = 6; /* six digits before it */
    for (; v >= 1e6; point++)
        v /= 10;
    for (; v < 1e5; point--)
        v *= 10;
    uint32_t digits = (uint32_t)v;
    const double rest = v - digits;
    digits += rest > 0.5 || (rest == 0.5 && (digits & 1));
    const bool has_carried = digits > 999999; /* 999999.7 is now 1000000 */
    message_digits(sink, has_carried ? 100000 : digits, point + has_carried);
}

/* A string argument, at most `precision` bytes of it (negative: all). */
static void message_string(struct message_sink *sink, const char *text,
                           int precision)
{
    if (text == NULL)
        text = "(null)";
    size_t n = 0;
    while ((precision < 0 || n < (size_t)precision) && n < sink->cap &&
           text[n] != 0)
        n++; /* more than cap bytes cannot fit whatever they are */
    bool is_cut = n == sink->cap;
    message_text(sink, moe__slice_of(text, n));
    sink->is_full = sink->is_full || is_cut;
}

/* One conversion; format is just after the '%'.  Returns where it ends. */
static const char *message_convert(struct message_sink *sink,
                                   const char *format, va_list *args)
{
    int precision = -1;
    int n_long = 0;
    if (format[0] == '.' && format[1] == '*') {
        precision = va_arg(*args, int);
        format += 2;
    }
    bool is_size = *format == 'z';
    format += is_size;
    for (; *format == 'l'; format++)
        n_long++;
    assert(n_long == 0 || n_long == 2);
    switch (*format) {
    case 's':
        message_string(sink, va_arg(*args, const char *), precision);
        break;
    case 'd':
        message_signed(sink,
                       n_long ? va_arg(*args, long long) : va_arg(*args, int));
        break;
    case 'u':
        message_unsigned(sink,
                         n_long    ? va_arg(*args, unsigned long long)
                         : is_size ? va_arg(*args, size_t)
                                   : va_arg(*args, unsigned),
                         10);
        break;
    case 'x':
        message_unsigned(sink, va_arg(*args, unsigned), 16);
        break;
    case 'g':
        message_double(sink, va_arg(*args, double));
        break;
    case 'c': {
        const uint8_t c = (uint8_t)va_arg(*args, int);
        message_text(sink, moe__slice_of(&c, 1));
        break;
    }
    default:
        assert(*format == '%');
        message_char(sink, '%');
    }
    return *format ? format + 1 : format;
}

static size_t message_format(char *buf, size_t cap, const char *format,
                             va_list *args)
{
    if (cap == 0)
        return 0;
    struct message_sink sink = {buf, cap, 0, 0, false};
    while (*format && !sink.is_full) {
        char c = *format++;
        if (c == '%')
            format = message_convert(&sink, format, args);
        else
            message_char(&sink, c);
    }
    if (sink.is_full) {
        sink.n = sink.n_clip;
        while (sink.n < cap - 1 && sink.n < sink.n_clip + 3)
            buf[sink.n++] = '.';
    }
    buf[sink.n] = 0;
    return sink.n;
}

moe_status moe__fail(struct moe__err *err, moe_status status,
                     const char *format, ...)
{
    if (err == NULL)
        return status;
    char message[sizeof err->message]; /* err->message may be an argument */
    va_list args;
    va_start(args, format);
    size_t n = message_format(message, sizeof message, format, &args);
    va_end(args);
    err->status = status;
    memcpy(err->message, message, n + 1);
    return status;
}

size_t moe__format(char *buf, size_t cap, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t n = message_format(buf, cap, format, &args);
    va_end(args);
    return n;
}
