/* calls_scan.h: where a JSON object or array ends, one byte at a time.
 *
 * As strict as json.h, except that it does not look whether strings are UTF-8,
 * surrogates are pairs and numbers fit a double. */
#ifndef MOE_CHAT_CALLS_SCAN_H
#define MOE_CHAT_CALLS_SCAN_H

#include "base/json.h"

/* What may come next. */
enum moe__scan_mode {
    MOE__SCAN_VALUE,     /* also white space */
    MOE__SCAN_ITEM,      /* the same, or ']' */
    MOE__SCAN_KEY,       /* its quote, or white space */
    MOE__SCAN_FIRST_KEY, /* the same, or '}' */
    MOE__SCAN_COLON,
    MOE__SCAN_AFTER, /* a value: ',' or a closing bracket */
    MOE__SCAN_STRING,
    MOE__SCAN_ESCAPE,
    MOE__SCAN_HEX,
    MOE__SCAN_WORD,
    MOE__SCAN_MINUS, /* from here on: a number after its minus, ... */
    MOE__SCAN_ZERO,
    MOE__SCAN_WHOLE,
    MOE__SCAN_POINT,
    MOE__SCAN_FRACTION,
    MOE__SCAN_E,
    MOE__SCAN_SIGN,
    MOE__SCAN_EXPONENT
};

struct moe__scan {
    enum moe__scan_mode mode;
    int32_t depth;                   /* open brackets */
    bool is_object[MOE__JSON_DEPTH]; /* [depth] */
    bool is_key;                     /* STRING: of a key */
    int32_t n_hex;                   /* HEX: digits to come */
    const char *word;                /* WORD: letters to come */
};

enum moe__scan_result { MOE__SCAN_BAD, MOE__SCAN_MORE, MOE__SCAN_DONE };

void moe__scan_begin(struct moe__scan *scan);
/* DONE: the byte was the last; BAD: it cannot stand here (the scan is as
 * before, but for a number that has ended). */
enum moe__scan_result moe__scan_byte(struct moe__scan *scan, uint8_t byte);

#endif
