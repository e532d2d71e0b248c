/* json.c: writing JSON strings, and reading JSON with a cursor.
 *
 * The reader takes what RFC 8259 allows, at most 64 levels deep; it copies only
 * strings.  After any failure the cursor stays bad. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

size_t utf8_length(const char *text, size_t n, bool *is_cut)
{
    const unsigned char *s = (const unsigned char *)text;
    /* RFC 3629: bounds of the second byte for the leads that narrow them */
    unsigned low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
    unsigned high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
    size_t length = s[0] < 0x80                    ? 1
                    : s[0] >= 0xc2 && s[0] <= 0xdf ? 2
                    : s[0] >= 0xe0 && s[0] <= 0xef ? 3
                    : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                                   : 0;
    *is_cut = false;
    for (size_t i = 1; i < length; i++) {
        if (i == n) {
            *is_cut = true;
            return 0;
        }
        if (s[i] < low || s[i] > high)
            return 0;
        low = 0x80;
        high = 0xbf;
    }
    return length;
}

/* One character below 0x20, a quote or a backslash. */
static void json_escape(FILE *to, char c)
{
    static const char shorts[] = "\"\"\\\\\nn\rr\tt\bb\ff";
    for (size_t i = 0; i + 1 < sizeof shorts; i += 2) {
        if (shorts[i] == c) {
            fprintf(to, "\\%c", shorts[i + 1]);
            return;
        }
    }
    fprintf(to, "\\u%04x", (unsigned)c);
}

void json_text(FILE *to, const char *text, size_t n)
{
    putc('"', to);
    for (size_t i = 0; i < n;) {
        bool is_cut;
        size_t length = utf8_length(text + i, n - i, &is_cut);
        unsigned char c = (unsigned char)text[i];
        if (length == 0)
            fprintf(to, "<0x%02X>", (unsigned)c);
        else if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f)
            json_escape(to, text[i]);
        else
            fwrite(text + i, 1, length, to);
        i += length > 0 ? length : 1;
    }
    putc('"', to);
}

void json_string(FILE *to, const char *text)
{
    json_text(to, text, strlen(text));
}

void json_ids(FILE *to, const moe_token *ids, size_t n)
{
    putc('[', to);
    for (size_t i = 0; i < n; i++)
        fprintf(to, i == 0 ? "%d" : ", %d", (int)ids[i]);
    putc(']', to);
}

struct json json_open(const char *text, size_t n)
{
    return (struct json){text, text + n, false};
}

static bool json_fail(struct json *json)
{
    json->is_bad = true;
    return false;
}

char json_peek(struct json *json)
{
    while (json->at < json->end && strchr(" \t\r\n", *json->at) != NULL &&
           *json->at != 0)
        json->at++;
    return json->at < json->end && !json->is_bad ? *json->at : 0;
}

static bool json_take(struct json *json, char c)
{
    if (json_peek(json) != c)
        return json_fail(json);
    json->at++;
    return true;
}

bool json_enter(struct json *json, char bracket)
{
    return json_take(json, bracket);
}

bool json_next(struct json *json, char bracket)
{
    char close = bracket == '[' ? ']' : '}';
    if (json->is_bad)
        return false;
    bool is_start = json->at[-1] == bracket;
    if (json_peek(json) == close) {
        json->at++;
        return false;
    }
    return is_start || json_take(json, ',');
}

bool json_key(struct json *json, struct buffer *key)
{
    return json_get_text(json, key) && json_take(json, ':');
}

/* Four hexadecimal digits, or -1. */
static int32_t json_hex(struct json *json)
{
    int32_t code = 0;
    if (json->end - json->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        char c = *json->at++;
        const char *found = c == 0 ? NULL : strchr(digits, c);
        if (found == NULL)
            return -1;
        code = code * 16 + (int32_t)((found - digits) % 16);
    }
    return code;
}

/* After \u: a code point, also from two surrogates, as UTF-8. */
static bool json_code_point(struct json *json, struct buffer *out)
{
    int32_t code = json_hex(json);
    if (code >= 0xd800 && code < 0xdc00 && json->end - json->at >= 6 &&
        json->at[0] == '\\' && json->at[1] == 'u') {
        json->at += 2;
        int32_t low = json_hex(json);
        if (low < 0xdc00 || low > 0xdfff)
            return json_fail(json);
        code = 0x10000 + (code - 0xd800) * 0x400 + (low - 0xdc00);
    }
    if (code < 0 || (code >= 0xd800 && code <= 0xdfff))
        return json_fail(json);
    int n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const int leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    char utf8[4];
    for (int i = n; i-- > 1; code >>= 6)
        utf8[i] = (char)(0x80 | (code & 0x3f));
    utf8[0] = (char)(leads[n] | code);
    buffer_put(out, utf8, (size_t)n);
    return true;
}

bool json_get_text(struct json *json, struct buffer *out)
{
    static const char shorts[] = "\"\"\\\\//n\nr\rt\tb\bf\f";
    out->n = 0;
    buffer_put(out, "", 0);
    if (!json_take(json, '"'))
        return false;
    while (json->at < json->end) {
        char c = *json->at++;
        if (c == '"')
            return true;
        if ((unsigned char)c < 0x20)
            break;
        if (c != '\\') {
            buffer_put(out, &c, 1);
            continue;
        }
        c = json->at < json->end ? *json->at++ : 0;
        if (c == 'u') {
            if (!json_code_point(json, out))
                return false;
            continue;
        }
        size_t i = 0;
        while (i + 1 < sizeof shorts && shorts[i] != c)
            i += 2;
        if (i + 1 >= sizeof shorts)
            break;
        buffer_put(out, &shorts[i + 1], 1);
    }
    return json_fail(json);
}

bool json_get_number(struct json *json, double *out)
{
    char text[64];
    size_t n = 0;
    json_peek(json);
    while (n + 1 < sizeof text && json->at + n < json->end &&
           json->at[n] != 0 && strchr("+-.0123456789eE", json->at[n]) != NULL) {
        text[n] = json->at[n];
        n++;
    }
    text[n] = 0;
    char *after;
    *out = strtod(text, &after);
    if (n == 0 || *after != 0)
        return json_fail(json);
    json->at += n;
    return true;
}

static bool json_skip_deep(struct json *json, int depth)
{
    struct buffer text = {0};
    double number;
    char c = json_peek(json);
    if (depth > 64 || json->is_bad)
        return json_fail(json);
    if (c == '[' || c == '{') {
        json_enter(json, c);
        while (json_next(json, c)) {
            if (c == '{')
                json_key(json, &text);
            json_skip_deep(json, depth + 1);
        }
    } else if (c == '"') {
        json_get_text(json, &text);
    } else if (c != 0 && strchr("tfn", c) != NULL) {
        static const char *const words[] = {"true", "false", "null"};
        size_t i = 0;
        while (i < 3 && ((size_t)(json->end - json->at) < strlen(words[i]) ||
                         memcmp(json->at, words[i], strlen(words[i])) != 0))
            i++;
        if (i == 3)
            json_fail(json);
        else
            json->at += strlen(words[i]);
    } else {
        json_get_number(json, &number);
    }
    buffer_free(&text);
    return !json->is_bad;
}

bool json_skip(struct json *json)
{
    return json_skip_deep(json, 0);
}
