/* json.c: JSON text -> values.
 *
 * Elements of open arrays and objects wait on one growing stack; when a bracket
 * closes, its elements move to the arena.  So the work is linear and no count
 * is believed before its elements are there. */
#include "base/json.h"

#include "base/decimal.h"
#include "base/utf8.h"

struct json_member {
    struct moe__slice key; /* of an object */
    struct moe__json value;
};

struct json_reader {
    struct moe__arena *arena;
    struct moe__slice text;
    size_t at;
    struct json_member *stack; /* [n] */
    size_t n;
    size_t cap;
    struct moe__err *err;
};

/* --------------------------------------------------------------- failures */

/* "line 2, column 7: expected ..., found 'x'" */
static moe_status json_fail(const struct json_reader *reader,
                            const char *expected)
{
    const struct moe__slice text = reader->text;
    int32_t line = 1, column = 1;
    for (size_t i = 0; i < reader->at && i < text.n; i++) {
        const uint8_t c = text.data[i];
        column = c == '\n' ? 1 : column + ((c & 0xc0) != 0x80);
        line += c == '\n';
    }
    if (reader->at >= text.n)
        return moe__fail(reader->err, MOE_ERR_FORMAT,
                         "JSON: line %d, column %d: expected %s, found the end",
                         line, column, expected);
    uint32_t code;
    const struct moe__slice rest =
        moe__slice_of(text.data + reader->at, text.n - reader->at);
    const int32_t n = moe__utf8_decode(rest, &code);
    if (n < 0 || code < 0x20 || code == 0x7f)
        return moe__fail(reader->err, MOE_ERR_FORMAT,
                         "JSON: line %d, column %d: expected %s, found byte %d",
                         line, column, expected, rest.data[0]);
    return moe__fail(reader->err, MOE_ERR_FORMAT,
                     "JSON: line %d, column %d: expected %s, found '%.*s'",
                     line, column, expected, n, (const char *)rest.data);
}

static moe_status json_no_memory(const struct json_reader *reader)
{
    return moe__fail(reader->err, MOE_ERR_NO_MEMORY,
                     "JSON: no memory for %zu bytes of text", reader->text.n);
}

/* ----------------------------------------------------------------- reader */

/* The byte at the cursor, -1 at the end. */
static int32_t json_here(const struct json_reader *reader)
{
    return reader->at < reader->text.n ? reader->text.data[reader->at] : -1;
}

static void json_skip_space(struct json_reader *reader)
{
    for (;; reader->at++) {
        const int32_t c = json_here(reader);
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            return;
    }
}

static bool json_take(struct json_reader *reader, char wanted)
{
    if (json_here(reader) != wanted)
        return false;
    reader->at++;
    return true;
}

static moe_status json_word(struct json_reader *reader, const char *word)
{
    for (; *word != 0; word++)
        if (!json_take(reader, *word))
            return json_fail(reader, "true, false or null");
    return MOE_OK;
}

static bool json_is_digit(const struct json_reader *reader)
{
    return json_here(reader) >= '0' && json_here(reader) <= '9';
}

static moe_status json_digits(struct json_reader *reader)
{
    if (!json_is_digit(reader))
        return json_fail(reader, "a digit");
    while (json_is_digit(reader))
        reader->at++;
    return MOE_OK;
}

static struct moe__slice json_since(const struct json_reader *reader,
                                    size_t start)
{
    return moe__slice_of(reader->text.data + start, reader->at - start);
}

/* Copies text into the arena. */
static moe_status json_keep(const struct json_reader *reader,
                            struct moe__slice *text)
{
    const char *kept =
        moe__arena_string(reader->arena, (const char *)text->data, text->n);
    if (kept == NULL)
        return json_no_memory(reader);
    text->data = (const uint8_t *)kept;
    return MOE_OK;
}

static moe_status json_number(struct json_reader *reader, struct moe__json *out)
{
    const size_t start = reader->at;
    json_take(reader, '-');
    if (!json_take(reader, '0'))
        MOE__TRY(json_digits(reader));
    if (json_take(reader, '.'))
        MOE__TRY(json_digits(reader));
    if (json_take(reader, 'e') || json_take(reader, 'E')) {
        if (!json_take(reader, '-'))
            json_take(reader, '+');
        MOE__TRY(json_digits(reader));
    }
    out->kind = MOE__JSON_NUMBER;
    out->text = json_since(reader, start);
    if (!moe__decimal_read(out->text, &out->number)) {
        reader->at = start;
        return json_fail(reader, "a number that a double can hold");
    }
    out->is_integer = moe__decimal_integer(out->text, &out->integer);
    return json_keep(reader, &out->text);
}

/* Four hexadecimal digits, -1 if they are not there. */
static int32_t json_hex(struct json_reader *reader)
{
    int32_t code = 0;
    for (int32_t i = 0; i < 4; i++) {
        const int32_t c = json_here(reader), letter = c | 32;
        if (c >= '0' && c <= '9')
            code = code * 16 + c - '0';
        else if (letter >= 'a' && letter <= 'f')
            code = code * 16 + letter - 'a' + 10;
        else
            return -1;
        reader->at++;
    }
    return code;
}

/* After \u: a code point, of two escapes if the first is a surrogate. */
static moe_status json_unicode(struct json_reader *reader, uint32_t *code)
{
    const size_t start = reader->at;
    int32_t high = json_hex(reader);
    if (high < 0)
        return json_fail(reader, "four hexadecimal digits");
    *code = (uint32_t)high;
    if (high < 0xd800 || high > 0xdfff)
        return MOE_OK;
    int32_t low = -1;
    if (high < 0xdc00 && json_take(reader, '\\') && json_take(reader, 'u'))
        low = json_hex(reader);
    if (low < 0xdc00 || low > 0xdfff) {
        reader->at = start;
        return json_fail(reader, "a pair of surrogates");
    }
    *code =
        0x10000 + (((uint32_t)high - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
    return MOE_OK;
}

/* After a backslash: writes 1 to 4 bytes. */
static moe_status json_escape(struct json_reader *reader, uint8_t **out)
{
    static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    const int32_t c = json_here(reader);
    uint32_t code = 0;
    if (c == 'u') {
        reader->at++;
        MOE__TRY(json_unicode(reader, &code));
        *out += moe__utf8_encode(code, *out);
        return MOE_OK;
    }
    for (size_t i = 0; names[i] != 0; i++) {
        if (c != names[i])
            continue;
        reader->at++;
        *(*out)++ = (uint8_t)bytes[i];
        return MOE_OK;
    }
    return json_fail(reader, "one of \" \\ / b f n r t u after a backslash");
}

/* Bytes up to the closing quote as they are written; escapes only get shorter.
 */
static moe_status json_raw_string(struct json_reader *reader, size_t *n)
{
    const size_t start = reader->at;
    while (json_here(reader) != '"') {
        uint32_t code;
        if (json_here(reader) < 0x20)
            return json_fail(reader, "a quote at the end of the string");
        const int32_t length =
            moe__utf8_decode(moe__slice_of(reader->text.data + reader->at,
                                           reader->text.n - reader->at),
                             &code);
        if (length < 0)
            return json_fail(reader, "UTF-8");
        reader->at += (size_t)length;
        if (code == '\\' && json_here(reader) >= 0x20)
            reader->at += json_here(reader) < 0x80;
    }
    *n = reader->at - start;
    reader->at = start;
    return MOE_OK;
}

/* After the opening quote. */
static moe_status json_string(struct json_reader *reader,
                              struct moe__slice *out)
{
    size_t n = 0;
    MOE__TRY(json_raw_string(reader, &n));
    uint8_t *bytes = moe__arena_alloc(reader->arena, n + 1, 1), *end = bytes;
    if (bytes == NULL)
        return json_no_memory(reader);
    while (!json_take(reader, '"')) {
        if (json_take(reader, '\\'))
            MOE__TRY(json_escape(reader, &end));
        else
            *end++ = reader->text.data[reader->at++];
    }
    *out = moe__slice_of(bytes, (size_t)(end - bytes));
    return MOE_OK;
}

/* ------------------------------------------------------- arrays, objects */

static bool json_push(struct json_reader *reader,
                      const struct json_member *member)
{
    if (reader->n == reader->cap) {
        struct moe__mem *mem = reader->arena->mem;
        const size_t size = sizeof *member, cap = 2 * reader->cap + 32;
        struct json_member *stack =
            cap > SIZE_MAX / size ? NULL : moe__mem_alloc(mem, cap * size);
        if (stack == NULL)
            return false;
        if (reader->n > 0)
            memcpy(stack, reader->stack, reader->n * size);
        moe__mem_free(mem, reader->stack, reader->cap * size);
        reader->stack = stack;
        reader->cap = cap;
    }
    reader->stack[reader->n++] = *member;
    return true;
}

/* Elements from `base` on leave the stack. */
static moe_status json_close(struct json_reader *reader, size_t base,
                             struct moe__json *out)
{
    const size_t n = reader->n - base;
    struct moe__json *items = moe__arena_alloc(reader->arena, n, sizeof *items);
    struct moe__slice *keys = NULL;
    if (out->kind == MOE__JSON_OBJECT)
        keys = moe__arena_alloc(reader->arena, n, sizeof *keys);
    if (n > INT32_MAX || items == NULL ||
        (keys == NULL && out->kind == MOE__JSON_OBJECT))
        return json_no_memory(reader);
    for (size_t i = 0; i < n; i++) {
        items[i] = reader->stack[base + i].value;
        if (keys != NULL)
            keys[i] = reader->stack[base + i].key;
    }
    reader->n = base;
    out->n = (int32_t)n;
    out->items = items;
    out->keys = keys;
    return MOE_OK;
}

static moe_status json_value(struct json_reader *reader, int32_t depth,
                             struct moe__json *out);

static moe_status json_member(struct json_reader *reader, int32_t depth,
                              bool is_object)
{
    struct json_member member = {.key = {NULL, 0}};
    json_skip_space(reader);
    if (is_object) {
        if (!json_take(reader, '"'))
            return json_fail(reader, "a key in quotes");
        MOE__TRY(json_string(reader, &member.key));
        json_skip_space(reader);
        if (!json_take(reader, ':'))
            return json_fail(reader, "':'");
    }
    MOE__TRY(json_value(reader, depth + 1, &member.value));
    return json_push(reader, &member) ? MOE_OK : json_no_memory(reader);
}

/* After the opening bracket. */
static moe_status json_bracket(struct json_reader *reader, int32_t depth,
                               bool is_object, struct moe__json *out)
{
    const char close = is_object ? '}' : ']';
    const size_t base = reader->n;
    out->kind = is_object ? MOE__JSON_OBJECT : MOE__JSON_ARRAY;
    if (depth >= MOE__JSON_DEPTH) {
        reader->at--;
        return json_fail(reader, "at most 128 levels");
    }
    json_skip_space(reader);
    if (json_take(reader, close))
        return json_close(reader, base, out);
    for (;;) {
        MOE__TRY(json_member(reader, depth, is_object));
        json_skip_space(reader);
        if (json_take(reader, close))
            return json_close(reader, base, out);
        if (!json_take(reader, ','))
            return json_fail(reader, is_object ? "',' or '}'" : "',' or ']'");
    }
}

static moe_status json_value(struct json_reader *reader, int32_t depth,
                             struct moe__json *out)
{
    json_skip_space(reader);
    *out = (struct moe__json){.kind = MOE__JSON_NULL};
    const int32_t c = json_here(reader);
    if (c == '-' || (c >= '0' && c <= '9'))
        return json_number(reader, out);
    switch (c) {
    case 'n':
        return json_word(reader, "null");
    case 't':
        out->kind = MOE__JSON_TRUE;
        return json_word(reader, "true");
    case 'f':
        out->kind = MOE__JSON_FALSE;
        return json_word(reader, "false");
    case '"':
        reader->at++;
        out->kind = MOE__JSON_STRING;
        return json_string(reader, &out->text);
    case '[':
    case '{':
        reader->at++;
        return json_bracket(reader, depth, c == '{', out);
    default:
        return json_fail(reader, "a value");
    }
}

moe_status moe__json_read(struct moe__arena *arena, struct moe__slice text,
                          const struct moe__json **out, struct moe__err *err)
{
    struct json_reader reader = {.arena = arena, .text = text, .err = err};
    struct moe__json *value = moe__arena_alloc(arena, 1, sizeof *value);
    moe_status status =
        value == NULL ? json_no_memory(&reader) : json_value(&reader, 0, value);
    json_skip_space(&reader);
    if (status == MOE_OK && reader.at != text.n)
        status = json_fail(&reader, "the end");
    moe__mem_free(arena->mem, reader.stack, reader.cap * sizeof *reader.stack);
    if (status == MOE_OK)
        *out = value;
    return status;
}

/* ---------------------------------------------------------------- values */

static const struct moe__json *json_find(const struct moe__json *object,
                                         struct moe__slice key)
{
    for (int32_t i = object->n - 1; i >= 0; i--)
        if (moe__slice_equal(object->keys[i], key))
            return &object->items[i];
    return NULL;
}

/* ORDER moe__json_kind */
static const char *const json_kind_names[] = {
    "null", "false", "true", "a number", "a string", "an array", "an object"};

const char *moe__json_kind_name(const struct moe__json *value)
{
    return value == NULL ? "nothing" : json_kind_names[value->kind];
}

const struct moe__json *moe__json_get(const struct moe__json *object,
                                      const char *key)
{
    if (object == NULL || object->kind != MOE__JSON_OBJECT)
        return NULL;
    return json_find(object, moe__slice_str(key));
}

/* Whether a has all keys of b. */
static bool json_has_keys(const struct moe__json *a, const struct moe__json *b)
{
    for (int32_t i = 0; i < b->n; i++)
        if (json_find(a, b->keys[i]) == NULL)
            return false;
    return true;
}

/* Whether b has all members of a, of equal keys the last. */
static bool json_has_equal(const struct moe__json *a, const struct moe__json *b)
{
    for (int32_t i = 0; i < a->n; i++) {
        const struct moe__json *other = json_find(b, a->keys[i]);
        if (json_find(a, a->keys[i]) != &a->items[i])
            continue;
        if (other == NULL || !moe__json_equal(&a->items[i], other))
            return false;
    }
    return true;
}

bool moe__json_equal(const struct moe__json *a, const struct moe__json *b)
{
    if (a->kind != b->kind ||
        (a->n != b->n && a->kind != MOE__JSON_OBJECT)) /* keys may recur */
        return false;
    if (a->kind == MOE__JSON_STRING)
        return moe__slice_equal(a->text, b->text);
    if (a->kind == MOE__JSON_NUMBER)
        return a->is_integer && b->is_integer ? a->integer == b->integer
                                              : a->number == b->number;
    if (a->kind == MOE__JSON_OBJECT)
        return json_has_keys(a, b) && json_has_equal(a, b);
    for (int32_t i = 0; i < a->n; i++)
        if (!moe__json_equal(&a->items[i], &b->items[i]))
            return false;
    return true;
}
