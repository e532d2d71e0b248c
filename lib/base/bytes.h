/* bytes.h: slices of bytes, bounds-checked little-endian readers, checked
 * sizes.  The one home of arithmetic on sizes that a file or a caller names. */
#ifndef MOE_BASE_BYTES_H
#define MOE_BASE_BYTES_H

#include "base/compiler.h"

#include <string.h>

/* n bytes that somebody else owns. */
struct moe__slice {
    const uint8_t *data;
    size_t n;
};

MOE__INLINE struct moe__slice moe__slice_of(const void *data, size_t n)
{
    struct moe__slice s = {(const uint8_t *)data, n};
    return s;
}

MOE__INLINE struct moe__slice moe__slice_str(const char *text)
{
    return moe__slice_of(text, strlen(text));
}

MOE__INLINE bool moe__slice_equal(struct moe__slice a, struct moe__slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.data, b.data, a.n) == 0);
}

MOE__INLINE bool moe__slice_is(struct moe__slice a, const char *text)
{
    return moe__slice_equal(a, moe__slice_str(text));
}

/* Where `part` begins in `text`, or text.n; an empty part is nowhere. */
MOE__INLINE size_t moe__slice_find(struct moe__slice text,
                                   struct moe__slice part)
{
    for (size_t i = 0; part.n > 0 && i + part.n <= text.n; i++)
        if (memcmp(text.data + i, part.data, part.n) == 0)
            return i;
    return text.n;
}

MOE__INLINE bool moe__slice_has(struct moe__slice text, struct moe__slice part)
{
    return moe__slice_find(text, part) < text.n;
}

/* *out = a op b; false (and *out untouched) if it does not fit. */
MOE__INLINE bool moe__mul_size(size_t a, size_t b, size_t *out)
{
    if (b != 0 && a > SIZE_MAX / b)
        return false;
    *out = a * b;
    return true;
}

MOE__INLINE bool moe__add_size(size_t a, size_t b, size_t *out)
{
    if (a > SIZE_MAX - b)
        return false;
    *out = a + b;
    return true;
}

MOE__INLINE bool moe__mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (b != 0 && a > UINT64_MAX / b)
        return false;
    *out = a * b;
    return true;
}

MOE__INLINE bool moe__add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (a > UINT64_MAX - b)
        return false;
    *out = a + b;
    return true;
}

/* Rounds up to a multiple of align, a power of two. */
MOE__INLINE bool moe__align_u64(uint64_t a, uint64_t align, uint64_t *out)
{
    uint64_t sum;
    if (!moe__add_u64(a, align - 1, &sum))
        return false;
    *out = sum & ~(align - 1);
    return true;
}

/* The same for sizes that the library itself chose and that cannot wrap. */
MOE__INLINE size_t moe__align_size(size_t a, size_t align)
{
    return (a + align - 1) & ~(align - 1);
}

MOE__INLINE int32_t moe__ceil_div(int32_t a, int32_t b)
{
    return a / b + (a % b != 0);
}

MOE__INLINE int32_t moe__min_i32(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

MOE__INLINE int32_t moe__max_i32(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* Unaligned little-endian loads and stores; the caller checked the bounds. */
MOE__INLINE uint16_t moe__load_u16(const void *p)
{
    const uint8_t *b = (const uint8_t *)p;
    return (uint16_t)(b[0] | (unsigned)b[1] << 8);
}

MOE__INLINE uint32_t moe__load_u32(const void *p)
{
    const uint8_t *b = (const uint8_t *)p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
           (uint32_t)b[3] << 24;
}

MOE__INLINE uint64_t moe__load_u64(const void *p)
{
    const uint8_t *b = (const uint8_t *)p;
    return (uint64_t)moe__load_u32(b) | (uint64_t)moe__load_u32(b + 4) << 32;
}

MOE__INLINE void moe__store_u16(void *p, uint16_t v)
{
    uint8_t *b = (uint8_t *)p;
    b[0] = (uint8_t)(v & 255);
    b[1] = (uint8_t)(v >> 8);
}

MOE__INLINE float moe__bits_to_f32(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

MOE__INLINE uint32_t moe__f32_to_bits(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

MOE__INLINE double moe__bits_to_f64(uint64_t bits)
{
    double f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

MOE__INLINE uint64_t moe__f64_to_bits(double f)
{
    uint64_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

MOE__INLINE float moe__load_f32(const void *p)
{
    return moe__bits_to_f32(moe__load_u32(p));
}

#endif
