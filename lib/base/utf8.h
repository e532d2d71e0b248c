/* utf8.h: one code point at a time, from bytes that may be anything. */
#ifndef MOE_BASE_UTF8_H
#define MOE_BASE_UTF8_H

#include "base/bytes.h"

/* Decodes the code point at s[0]; s.n >= 1.  *code gets the value and the
 * result is its length 1..4; for a byte that starts no valid sequence (RFC
 * 3629: overlong, surrogate, above U+10FFFF, cut short) *code is
 * 0xfffd and the result is -1 (take the one byte). */
int32_t moe__utf8_decode(struct moe__slice s, uint32_t *code);

/* Writes 1..4 bytes and returns how many; code <= 0x10ffff. */
int32_t moe__utf8_encode(uint32_t code, uint8_t out[4]);

#endif
