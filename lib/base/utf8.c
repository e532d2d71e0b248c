/* utf8.c: decoding and encoding one code point (RFC 3629).
 *
 * Accepts exactly table 3-7 of the Unicode standard; everything else (a stray
 * continuation byte, overlong forms, surrogates, values above U+10FFFF, a
 * sequence cut short) is one bad byte at a time. */
#include "base/utf8.h"

/* By n, the length of a sequence: the bits that its first byte must carry, and
 * the smallest code point that needs n bytes. */
static const uint8_t utf8_lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
static const uint32_t utf8_smallest[5] = {0, 0, 0x80, 0x800, 0x10000};

int32_t moe__utf8_decode(struct moe__slice s, uint32_t *code)
{
    const uint32_t lead = s.data[0];
    if (lead < 0x80) {
        *code = lead;
        return 1;
    }
    *code = 0xfffd;
    const size_t n = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc0 || lead > 0xf4 || s.n < n)
        return -1;
    uint32_t value = lead - utf8_lead[n];
    for (size_t i = 1; i < n; i++) {
        if ((s.data[i] & 0xc0) != 0x80)
            return -1;
        value = value << 6 | (s.data[i] & 0x3f);
    }
    if (value < utf8_smallest[n] || value > 0x10ffff ||
        (value >= 0xd800 && value <= 0xdfff))
        return -1;
    *code = value;
    return (int32_t)n;
}

int32_t moe__utf8_encode(uint32_t code, uint8_t out[4])
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    const int32_t n = code >= 0x10000 ? 4 : code >= 0x800 ? 3 : 2;
    for (int32_t i = n; --i > 0; code >>= 6)
        out[i] = (uint8_t)(0x80 | (code & 0x3f));
    out[0] = (uint8_t)(utf8_lead[n] | code);
    return n;
}
