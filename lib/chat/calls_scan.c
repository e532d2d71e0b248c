/* calls_scan.c: JSON as an automaton over bytes. */
#include "chat/calls_scan.h"

void moe__scan_begin(struct moe__scan *scan)
{
    *scan = (struct moe__scan){.mode = MOE__SCAN_VALUE};
}

static bool scan_is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static enum moe__scan_result scan_open(struct moe__scan *scan, bool is_object)
{
    if (scan->depth == MOE__JSON_DEPTH)
        return MOE__SCAN_BAD;
    scan->is_object[scan->depth++] = is_object;
    scan->mode = is_object ? MOE__SCAN_FIRST_KEY : MOE__SCAN_ITEM;
    return MOE__SCAN_MORE;
}

static enum moe__scan_result scan_close(struct moe__scan *scan, bool is_object)
{
    if (scan->is_object[scan->depth - 1] != is_object)
        return MOE__SCAN_BAD;
    scan->mode = MOE__SCAN_AFTER;
    return --scan->depth == 0 ? MOE__SCAN_DONE : MOE__SCAN_MORE;
}

static enum moe__scan_result scan_to(struct moe__scan *scan,
                                     enum moe__scan_mode mode)
{
    scan->mode = mode;
    return MOE__SCAN_MORE;
}

static enum moe__scan_result scan_quote(struct moe__scan *scan, bool is_key)
{
    scan->is_key = is_key;
    return scan_to(scan, MOE__SCAN_STRING);
}

/* The first byte of a value. */
static enum moe__scan_result scan_value(struct moe__scan *scan, uint8_t byte)
{
    static const char *const words[] = {"true", "false", "null"};
    if (byte == '{' || byte == '[')
        return scan_open(scan, byte == '{');
    if (scan->depth == 0)
        return MOE__SCAN_BAD;
    if (byte == '"')
        return scan_quote(scan, false);
    if (byte == '-' || byte == '0')
        return scan_to(scan, byte == '-' ? MOE__SCAN_MINUS : MOE__SCAN_ZERO);
    if (byte >= '1' && byte <= '9')
        return scan_to(scan, MOE__SCAN_WHOLE);
    for (size_t i = 0; i < MOE__COUNT(words); i++) {
        if (byte != (uint8_t)words[i][0])
            continue;
        scan->word = words[i] + 1;
        return scan_to(scan, MOE__SCAN_WORD);
    }
    return MOE__SCAN_BAD;
}

static enum moe__scan_result scan_after(struct moe__scan *scan, uint8_t byte)
{
    if (byte == '}' || byte == ']')
        return scan_close(scan, byte == '}');
    if (byte != ',')
        return MOE__SCAN_BAD;
    return scan_to(scan, scan->is_object[scan->depth - 1] ? MOE__SCAN_KEY
                                                          : MOE__SCAN_VALUE);
}

/* The mode after one more byte of a number, AFTER if the number has ended
 * before it; a mode that needs more stays. */
static enum moe__scan_mode scan_number(enum moe__scan_mode mode, uint8_t byte)
{
    const bool is_digit = byte >= '0' && byte <= '9';
    const bool is_whole = mode == MOE__SCAN_WHOLE || mode == MOE__SCAN_ZERO;
    if (is_digit && mode == MOE__SCAN_MINUS)
        return byte == '0' ? MOE__SCAN_ZERO : MOE__SCAN_WHOLE;
    if (is_digit && mode == MOE__SCAN_POINT)
        return MOE__SCAN_FRACTION;
    if (is_digit && (mode == MOE__SCAN_E || mode == MOE__SCAN_SIGN))
        return MOE__SCAN_EXPONENT;
    if (is_digit && mode != MOE__SCAN_ZERO)
        return mode;
    if (byte == '.' && is_whole)
        return MOE__SCAN_POINT;
    if ((byte | 32) == 'e' && (is_whole || mode == MOE__SCAN_FRACTION))
        return MOE__SCAN_E;
    if ((byte == '+' || byte == '-') && mode == MOE__SCAN_E)
        return MOE__SCAN_SIGN;
    return MOE__SCAN_AFTER;
}

/* Whether a number may end in this mode. */
static bool scan_is_whole_number(enum moe__scan_mode mode)
{
    return mode == MOE__SCAN_ZERO || mode == MOE__SCAN_WHOLE ||
           mode == MOE__SCAN_FRACTION || mode == MOE__SCAN_EXPONENT;
}

/* A byte of a string, an escape or a word. */
static enum moe__scan_result scan_letter(struct moe__scan *scan, uint8_t byte)
{
    const uint8_t small = byte | 32;
    const enum moe__scan_mode closed =
        scan->is_key ? MOE__SCAN_COLON : MOE__SCAN_AFTER;
    switch (scan->mode) {
    case MOE__SCAN_STRING:
        if (byte < 0x20)
            return MOE__SCAN_BAD;
        if (byte == '"')
            return scan_to(scan, closed);
        return scan_to(scan,
                       byte == '\\' ? MOE__SCAN_ESCAPE : MOE__SCAN_STRING);
    case MOE__SCAN_ESCAPE:
        if (byte == 0 || strchr("\"\\/bfnrtu", byte) == NULL)
            return MOE__SCAN_BAD;
        scan->n_hex = 4;
        return scan_to(scan, byte == 'u' ? MOE__SCAN_HEX : MOE__SCAN_STRING);
    case MOE__SCAN_HEX:
        if (!(byte >= '0' && byte <= '9') && !(small >= 'a' && small <= 'f'))
            return MOE__SCAN_BAD;
        return scan_to(scan,
                       --scan->n_hex > 0 ? MOE__SCAN_HEX : MOE__SCAN_STRING);
    default: /* WORD */
        if (byte != (uint8_t)*scan->word)
            return MOE__SCAN_BAD;
        return scan_to(scan,
                       *++scan->word != 0 ? MOE__SCAN_WORD : MOE__SCAN_AFTER);
    }
}

/* Between values, where white space may stand. */
static enum moe__scan_result scan_sign(struct moe__scan *scan, uint8_t byte)
{
    if (scan_is_space(byte))
        return MOE__SCAN_MORE;
    switch (scan->mode) {
    case MOE__SCAN_ITEM:
        return byte == ']' ? scan_close(scan, false) : scan_value(scan, byte);
    case MOE__SCAN_VALUE:
        return scan_value(scan, byte);
    case MOE__SCAN_FIRST_KEY:
        if (byte == '}')
            return scan_close(scan, true);
        return byte == '"' ? scan_quote(scan, true) : MOE__SCAN_BAD;
    case MOE__SCAN_KEY:
        return byte == '"' ? scan_quote(scan, true) : MOE__SCAN_BAD;
    case MOE__SCAN_COLON:
        return byte == ':' ? scan_to(scan, MOE__SCAN_VALUE) : MOE__SCAN_BAD;
    default: /* AFTER */
        return scan_after(scan, byte);
    }
}

enum moe__scan_result moe__scan_byte(struct moe__scan *scan, uint8_t byte)
{
    if (scan->mode >= MOE__SCAN_MINUS) {
        const enum moe__scan_mode next = scan_number(scan->mode, byte);
        if (next == MOE__SCAN_AFTER && !scan_is_whole_number(scan->mode))
            return MOE__SCAN_BAD;
        scan->mode = next;
        if (next != MOE__SCAN_AFTER)
            return MOE__SCAN_MORE;
    }
    return scan->mode >= MOE__SCAN_STRING ? scan_letter(scan, byte)
                                          : scan_sign(scan, byte);
}
