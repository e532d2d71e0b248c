/* test_status.c: sentences fit, end in "...", and carry no hostile byte. */
#include "base/status.h"

#include "test.h"

#include <float.h>
#include <limits.h>

static char text[512];

#define SAME(want, ...)                                                     \
    do {                                                                    \
        size_t n_ = moe__format(text, sizeof text, __VA_ARGS__);            \
        CHECK(strcmp(text, want) == 0, "found '%s', not '%s'", text, want); \
        CHECK(n_ == strlen(text), "length %zu", n_);                        \
    } while (0)

static void integers_of_every_width(void)
{
    SAME("0 -1 2147483647 -2147483648", "%d %d %d %d", 0, -1, INT_MAX, INT_MIN);
    SAME("0 4294967295 deadbeef 0", "%u %u %x %x", 0u, UINT_MAX, 0xdeadbeefu,
         0u);
    SAME("-9223372036854775808 9223372036854775807", "%lld %lld", LLONG_MIN,
         LLONG_MAX);
    SAME("18446744073709551615", "%llu", ULLONG_MAX);
    char want[32];
    snprintf(want, sizeof want, "%zu", SIZE_MAX);
    SAME(want, "%zu", SIZE_MAX);
    SAME("100%", "%d%%", 100);
}

static void strings_with_and_without_a_length(void)
{
    SAME("[abc] [] [ab] [abc] []", "[%s] [%s] [%.*s] [%.*s] [%.*s]", "abc", "",
         2, "abc", 9, "abc", 0, "abc");
    SAME("[abc]", "[%.*s]", -1, "abc");
    const char unterminated[2] = {'h', 'i'};
    SAME("hi", "%.*s", 2, unterminated);
    const char *volatile none = NULL;
    SAME("(null)", "%s", none);
    SAME("x", "%c", 'x');
}

static void hostile_bytes_are_escaped(void)
{
    SAME("a\\x00b", "a%cb", 0);
    SAME("a\\x0ab\\x1b[2J\\x7f", "%s", "a\nb\x1b[2J\x7f");
    SAME("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "%s",
         "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    SAME("\\xc3x", "%s", "\xc3x");                 /* cut short */
    SAME("\\xc3", "%.*s", 1, "\xc3\xa9");          /* cut by its length */
    SAME("\\xc0\\x80", "%s", "\xc0\x80");          /* overlong NUL */
    SAME("\\xed\\xa0\\x80", "%s", "\xed\xa0\x80"); /* surrogate */
    SAME("\\xc2\\x9b", "%s", "\xc2\x9b"); /* U+009B: a terminal's CSI */
    SAME("\\xff", "%c", 0xff);
}

static void doubles_look_like_printf(void)
{
    static const double values[] = {
        0.0,      1.0,       -1.5,     0.1,      1e5,       123456.0,
        999999.0, 1e6,       1234567,  1e-4,     1e-5,      0.00012345,
        9.999995, 9.9999949, 999999.5, 100000.5, 100001.5,  3.14159265,
        1e300,    1e-300,    DBL_MAX,  DBL_MIN,  0x1p-1074, 100.0,
        1e15,     1e-7,      0.5,      2.0 / 3,  1e10,      -4e-320};
    for (size_t i = 0; i < MOE__COUNT(values); i++) {
        char want[64];
        snprintf(want, sizeof want, "%g", values[i]);
        SAME(want, "%g", values[i]);
    }
    const volatile double zero = 0;
    SAME("inf -inf nan", "%g %g %g", 1 / zero, -1 / zero, zero / zero);
}

static void long_text_ends_in_dots(void)
{
    for (size_t cap = 1; cap < 40; cap++) {
        char buf[41];
        memset(buf, '#', sizeof buf);
        const size_t n = moe__format(buf, cap, "%s", "0123456789abcdefghij");
        CHECK(n == strlen(buf) && n < cap, "%zu of %zu", n, cap);
        CHECK(buf[cap] == '#', "wrote past %zu", cap);
        const bool fits = cap > 20;
        CHECK(n == (fits ? 20 : cap - 1), "%zu of %zu", n, cap);
        const size_t n_dots = n < 3 ? n : 3;
        CHECK(fits || memcmp(buf + n - n_dots, "...", n_dots) == 0, "%s", buf);
        CHECK(fits || memcmp(buf, "0123456789abcdefghij", n - n_dots) == 0,
              "%s", buf);
    }
    CHECK(moe__format(text, 0, "x") == 0, "no room at all");
}

static void clipping_keeps_characters_and_escapes_whole(void)
{
    char buf[16];
    for (size_t cap = 4; cap <= sizeof buf; cap++) {
        size_t n = moe__format(buf, cap, "%s",
                               "\xe2\x82\xac\xe2\x82\xac"
                               "\xe2\x82\xac\xe2\x82\xac"
                               "\xe2\x82\xac\xe2\x82\xac");
        CHECK((n - 3) % 3 == 0 && n + 3 >= cap - 1, "%zu of %zu", n, cap);
        n = moe__format(buf, cap, "%s", "\1\2\3\4\5");
        CHECK((n - 3) % 4 == 0 && n + 4 >= cap - 1, "%zu of %zu", n, cap);
    }
}

static void fail_keeps_status_and_sentence(void)
{
    struct moe__err err = {0, ""};
    CHECK(moe__fail(NULL, MOE_ERR_IO, "%s", "x") == MOE_ERR_IO, "no listener");
    moe_status status = moe__fail(&err, MOE_ERR_FORMAT, "key '%s': %d", "a", 7);
    CHECK(status == MOE_ERR_FORMAT && err.status == status, "%d", err.status);
    CHECK(strcmp(err.message, "key 'a': 7") == 0, "%s", err.message);
    moe__fail(&err, MOE_ERR_TENSOR, "shard 2: %s", err.message);
    CHECK(strcmp(err.message, "shard 2: key 'a': 7") == 0, "%s", err.message);
    char huge[5000];
    memset(huge, 'h', sizeof huge - 1);
    huge[sizeof huge - 1] = 0;
    moe__fail(&err, MOE_ERR_IO, "%s!", huge);
    CHECK(strlen(err.message) == sizeof err.message - 1, "%s", err.message);
    CHECK(strcmp(err.message + 238, "hh...") == 0, "%s", err.message + 238);
}

static moe_status try_twice(moe_status first, int *n_calls)
{
    MOE__TRY(first);
    ++*n_calls;
    return MOE_OK;
}

static void try_passes_errors_on(void)
{
    int n_calls = 0;
    CHECK(try_twice(MOE_ERR_IO, &n_calls) == MOE_ERR_IO && n_calls == 0, " ");
    CHECK(try_twice(MOE_OK, &n_calls) == MOE_OK && n_calls == 1, " ");
}

static const struct test tests[] = {
    {"integers_of_every_width", integers_of_every_width},
    {"strings_with_and_without_a_length", strings_with_and_without_a_length},
    {"hostile_bytes_are_escaped", hostile_bytes_are_escaped},
    {"doubles_look_like_printf", doubles_look_like_printf},
    {"long_text_ends_in_dots", long_text_ends_in_dots},
    {"clipping_keeps_characters_and_escapes_whole",
     clipping_keeps_characters_and_escapes_whole},
    {"fail_keeps_status_and_sentence", fail_keeps_status_and_sentence},
    {"try_passes_errors_on", try_passes_errors_on},
};

TEST_MAIN(tests)
