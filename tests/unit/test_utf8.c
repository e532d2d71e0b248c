/* test_utf8.c: all code points, and every way to be wrong. */
#include "base/utf8.h"

#include "test.h"

static bool is_scalar_value(uint32_t code)
{
    return code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

/* The oracle: table 3-7 of the Unicode standard, by ranges of bytes. */
static int32_t oracle_length(const uint8_t *s, size_t n)
{
    static const struct {
        uint8_t first, last;       /* of the lead */
        uint8_t second, second_to; /* of the second byte */
        uint8_t n;
    } rows[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2},
        {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
        {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < MOE__COUNT(rows); i++) {
        if (s[0] < rows[i].first || s[0] > rows[i].last)
            continue;
        if (n < rows[i].n)
            return -1;
        if (rows[i].n > 1 &&
            (s[1] < rows[i].second || s[1] > rows[i].second_to))
            return -1;
        for (size_t k = 2; k < rows[i].n; k++)
            if (s[k] < 0x80 || s[k] > 0xbf)
                return -1;
        return rows[i].n;
    }
    return -1;
}

/* Decodes from memory of exactly n bytes, so that a sanitizer sees reads past
 * the end. */
static void check_bytes(const uint8_t *s, size_t n)
{
    uint8_t *exact = malloc(n);
    uint32_t code = 0;
    memcpy(exact, s, n);
    const int32_t found = moe__utf8_decode(moe__slice_of(exact, n), &code);
    const int32_t want = oracle_length(s, n);
    CHECK(found == want, "%02x %02x.. of %zu: %d, not %d", s[0],
          n > 1 ? s[1] : 0u, n, found, want);
    if (found < 0) {
        CHECK(code == 0xfffd, "%x", code);
    } else {
        uint8_t again[4];
        CHECK(is_scalar_value(code), "%x", code);
        CHECK(moe__utf8_encode(code, again) == found &&
                  memcmp(again, s, (size_t)found) == 0,
              "%x", code);
    }
    free(exact);
}

static void every_code_point_comes_back(void)
{
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        uint8_t s[4];
        uint32_t back = 0;
        const int32_t n = moe__utf8_encode(code, s);
        const int32_t want = code < 0x80      ? 1
                             : code < 0x800   ? 2
                             : code < 0x10000 ? 3
                                              : 4;
        CHECK(n == want, "%x: %d bytes", code, n);
        const int32_t decoded =
            moe__utf8_decode(moe__slice_of(s, (size_t)n), &back);
        if (is_scalar_value(code))
            CHECK(decoded == n && back == code, "%x", code);
        else
            CHECK(decoded == -1 && back == 0xfffd, "surrogate %x", code);
    }
}

static void all_sequences_of_one_and_two_bytes(void)
{
    for (unsigned a = 0; a < 256; a++) {
        const uint8_t one[1] = {(uint8_t)a};
        check_bytes(one, 1);
        for (unsigned b = 0; b < 256; b++) {
            const uint8_t two[2] = {(uint8_t)a, (uint8_t)b};
            check_bytes(two, 2);
        }
    }
}

/* All leads that start three or four bytes, with bytes around each edge. */
static void sequences_of_three_and_four_bytes(void)
{
    static const uint8_t edges[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f,
                                    0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xf4, 0xff};
    for (unsigned lead = 0xe0; lead < 256; lead++)
        for (unsigned second = 0; second < 256; second++)
            for (size_t i = 0; i < MOE__COUNT(edges); i++)
                for (size_t k = 0; k < MOE__COUNT(edges); k++) {
                    const uint8_t s[4] = {(uint8_t)lead, (uint8_t)second,
                                          edges[i], edges[k]};
                    check_bytes(s, 4);
                    if (k == 0)
                        check_bytes(s, 3);
                }
}

static void only_the_first_character_is_read(void)
{
    uint32_t code = 0;
    CHECK(moe__utf8_decode(moe__slice_str("a\xff"), &code) == 1, " ");
    CHECK(code == 'a', "%x", code);
    CHECK(moe__utf8_decode(moe__slice_str("\xc3\xa9\xff"), &code) == 2, " ");
    CHECK(code == 0xe9, "%x", code);
}

static const struct test tests[] = {
    {"every_code_point_comes_back", every_code_point_comes_back},
    {"all_sequences_of_one_and_two_bytes", all_sequences_of_one_and_two_bytes},
    {"sequences_of_three_and_four_bytes", sequences_of_three_and_four_bytes},
    {"only_the_first_character_is_read", only_the_first_character_is_read},
};

TEST_MAIN(tests)
