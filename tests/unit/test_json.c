/* JSON: values, errors, numbers exactly, and writing. */
#include "base/json.h"

#include <math.h>

#include "base/decimal.h"
#include "test.h"

static struct moe__mem mem;
static struct moe__arena arena;
static struct moe__err why;

static const struct moe__json *read_json(const char *text)
{
    const struct moe__json *value = NULL;
    moe__arena_free(&arena);
    moe__mem_init(&mem, NULL);
    moe__arena_init(&arena, &mem);
    why = (struct moe__err){0};
    moe__json_read(&arena, moe__slice_str(text), &value, &why);
    return value;
}

/* The text of a value, in a buffer that the next call uses again. */
static const char *written(const struct moe__json *value,
                           const struct moe__json_style *style)
{
    static char text[4096];
    struct moe__text out;
    moe__text_init(&out, &mem, sizeof text - 1);
    moe__json_write(&out, value, style);
    memcpy(text, out.data, out.n);
    text[out.n] = 0;
    moe__text_free(&out);
    return text;
}

static void values_keep_their_order_and_their_text(void)
{
    const char text[] = "{\"b\":[1,-2.50,true,false,null,\"x\"],\"a\":{}}";
    const struct moe__json *value = read_json(text);
    REQUIRE(value != NULL, "%s", why.message);
    CHECK(strcmp(written(value, &moe__json_compact), text) == 0, "%s",
          written(value, &moe__json_compact));
    const struct moe__json *list = moe__json_get(value, "b");
    REQUIRE(list != NULL && list->n == 6);
    CHECK(list->items[0].is_integer && list->items[0].integer == 1);
    CHECK(!list->items[1].is_integer && list->items[1].number == -2.5);
    CHECK(moe__slice_is(list->items[5].text, "x"));
    CHECK(moe__json_get(value, "c") == NULL &&
          moe__json_get(list, "b") == NULL);
}

static void the_last_of_equal_keys_counts(void)
{
    const struct moe__json *value = read_json("{\"a\":1,\"a\":2}");
    REQUIRE(value != NULL);
    CHECK(value->n == 2 && moe__json_get(value, "a")->integer == 2);
}

static void escapes_become_bytes(void)
{
    const struct moe__json *value = read_json(
        "\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\\n\\t\\\"\\\\\\/\\b\\f\\r\"");
    REQUIRE(value != NULL, "%s", why.message);
    CHECK(moe__slice_is(value->text, "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"
                                     "\n\t\"\\/\b\f\r"));
    value = read_json("\"\\u0000\"");
    REQUIRE(value != NULL);
    CHECK(value->text.n == 1 && value->text.data[0] == 0);
}

static void errors_say_where_and_what(void)
{
    const struct {
        const char *text, *sentence;
    } cases[] = {
        {"", "line 1, column 1: expected a value, found the end"},
        {"[1,\n  x]", "line 2, column 3: expected a value, found 'x'"},
        {"{\"\xc3\xa9\": }", "line 1, column 7: expected a value, found '}'"},
        {"{a}", "expected a key in quotes, found 'a'"},
        {"{\"a\" 1}", "expected ':', found '1'"},
        {"[1 2]", "expected ',' or ']', found '2'"},
        {"[1,]", "expected a value, found ']'"},
        {"nul", "expected true, false or null, found the end"},
        {"1 1", "column 3: expected the end, found '1'"},
        {"01", "expected the end, found '1'"},
        {"-", "expected a digit, found the end"},
        {"1e400", "column 1: expected a number that a double can hold"},
        {"\"\\ud800\"", "expected a pair of surrogates"},
        {"\"\\udc00\\ud800\"", "expected a pair of surrogates"},
        {"\"\\x\"", "after a backslash, found 'x'"},
        {"\"\\u12g4\"", "four hexadecimal digits, found 'g'"},
        {"\"\xff\"", "expected UTF-8, found byte 255"},
        {"\"a\nb\"", "a quote at the end of the string, found byte 10"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK(read_json(cases[i].text) == NULL, "%s", cases[i].text);
        CHECK(why.status == MOE_ERR_FORMAT &&
                  strstr(why.message, cases[i].sentence) != NULL,
              "%s: %s", cases[i].text, why.message);
    }
}

static void depth_is_bounded(void)
{
    static char text[200001];
    memset(text, '[', 100000);
    memset(text + 100000, ']', 100000);
    CHECK(read_json(text) == NULL);
    CHECK(strstr(why.message, "column 129: expected at most 128") != NULL, "%s",
          why.message);
    memset(text, '[', MOE__JSON_DEPTH);
    memset(text + MOE__JSON_DEPTH, ']', MOE__JSON_DEPTH);
    text[2 * MOE__JSON_DEPTH] = 0;
    CHECK(read_json(text) != NULL, "%s", why.message);
}

/* Halfway cases and borders; the hexadecimal floats are the definition. */
static void numbers_are_read_to_the_nearest_double(void)
{
    const struct {
        const char *text;
        double value;
    } cases[] = {
        {"9007199254740993", 0x1p53},
        {"9007199254740993.0000000000000000000000001", 0x1.0000000000001p53},
        {"9007199254740995", 0x1.0000000000002p53},
        {"0.1", 0x1.999999999999ap-4},
        {"1e23", 0x1.52d02c7e14af6p+76},
        {"8.5e22", 0x1.1ffdbf6b2b2ebp+76},
        {"2.4703282292062327e-324", 0.0},
        {"2.4703282292062328e-324", 0x1p-1074},
        {"2.2250738585072011e-308", 0x0.fffffffffffffp-1022},
        {"2.2250738585072014e-308", 0x1p-1022},
        {"1.7976931348623158e308", 0x1.fffffffffffffp1023},
        {"123456789012345678901234567890e-29", 0x1.3c0ca428c59fbp0},
        {"1e-400", 0.0},
        {"0e999999999999", 0.0},
        {"0.000000000000000000000000000000000000000000000001e48", 1.0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct moe__json *value = read_json(cases[i].text);
        REQUIRE(value != NULL, "%s", why.message);
        CHECK(value->number == cases[i].value, "%s: %a", cases[i].text,
              value->number);
    }
    const struct moe__json *zero = read_json("-0.0");
    REQUIRE(zero != NULL);
    CHECK(signbit(zero->number) && zero->is_integer && zero->integer == 0);
}

static void integers_are_told_from_other_numbers(void)
{
    const struct {
        const char *text;
        bool is_integer;
        int64_t integer;
    } cases[] = {
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"1.0", true, 1},
        {"1e2", true, 100},
        {"1.5", false, 0},
        {"1e-1", false, 0},
        {"1e300", false, 0},
        {"9007199254740993.0", true, 9007199254740993},
        {"1.00000000000000000000000000001", false, 0},
        {"-9223372036854775808000e-3", true, INT64_MIN},
        {"92233720368547758.08e2", false, 0},
        {"0.000e99999999999", true, 0},
        {"12000.00e-3", true, 12},
        {"100000000000000000000e-20", true, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct moe__json *value = read_json(cases[i].text);
        REQUIRE(value != NULL, "%s", why.message);
        CHECK(value->is_integer == cases[i].is_integer, "%s", cases[i].text);
        if (value->is_integer)
            CHECK(value->integer == cases[i].integer, "%s", cases[i].text);
    }
}

/* What Python's repr says. */
static void numbers_are_written_as_short_as_possible(void)
{
    const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0.0"},
        {-0.0, "-0.0"},
        {1, "1.0"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {0.0001, "0.0001"},
        {0.00001, "1e-05"},
        {1.5e-7, "1.5e-07"},
        {123456789012345680.0, "1.2345678901234568e+17"},
        {1e16, "1e+16"},
        {1e15, "1000000000000000.0"},
        {9007199254740993.0, "9007199254740992.0"},
        {1e22, "1e+22"},
        {1e23, "1e+23"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {-2.5, "-2.5"},
        {100, "100.0"},
        {299792.458, "299792.458"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct moe__json value = {.kind = MOE__JSON_NUMBER,
                                        .number = cases[i].value};
        moe__mem_init(&mem, NULL);
        CHECK(strcmp(written(&value, &moe__json_compact), cases[i].text) == 0,
              "%s, not %s", written(&value, &moe__json_compact), cases[i].text);
    }
}

static void every_written_number_reads_back(void)
{
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < 2000; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        const double value = moe__bits_to_f64(seed & INT64_MAX);
        char digits[MOE__DECIMAL_DIGITS];
        int32_t exponent;
        if (!(value > 0 && value < INFINITY))
            continue;
        const int32_t n = moe__decimal_shortest(value, digits, &exponent);
        char text[64];
        snprintf(text, sizeof text, "0.%.*se%d", n, digits, exponent);
        double again = 0;
        CHECK(moe__decimal_read(moe__slice_str(text), &again) && again == value,
              "%s, %a", text, value);
        CHECK(strtod(text, NULL) == value, "%s, %a", text, value);
    }
}

static void styles_are_those_of_python(void)
{
    const struct moe__json *value =
        read_json("{\"b\":[1,{}],\"a\":\"\\u00e9\\ud83d\\ude00\\u007f\"}");
    REQUIRE(value != NULL);
    CHECK(strcmp(written(value, &moe__json_spaced),
                 "{\"b\": [1, {}], \"a\": \"\xc3\xa9\xf0\x9f\x98\x80\x7f\"}") ==
          0);
    const struct moe__json_style style = {2, ", ", ": ", true, true};
    CHECK(strcmp(written(value, &style),
                 "{\n  \"a\": \"\\u00e9\\ud83d\\ude00\\u007f\",\n  \"b\": [\n"
                 "    1,\n    {}\n  ]\n}") == 0,
          "%s", written(value, &style));
}

static void equality_is_that_of_json_schema(void)
{
    const struct {
        const char *text;
        bool is_equal;
    } cases[] = {
        {"[1,1.0]", true},
        {"[1,true]", false},
        {"[{\"a\":1,\"b\":[2]},{\"b\":[2.0],\"a\":1}]", true},
        {"[[1,2],[2,1]]", false},
        {"[\"a\",\"a\"]", true},
        {"[{\"a\":1},{\"b\":1}]", false},
        {"[{\"a\":1,\"a\":1},{\"a\":1,\"b\":1}]", false},
        {"[{\"a\":1,\"b\":1},{\"a\":1,\"a\":1}]", false},
        {"[{\"a\":1,\"a\":2},{\"a\":2}]", true},
        {"[9007199254740993.0,9007199254740992]", false},
        {"[null,false]", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct moe__json *pair = read_json(cases[i].text);
        REQUIRE(pair != NULL, "%s", why.message);
        CHECK(moe__json_equal(&pair->items[0], &pair->items[1]) ==
                  cases[i].is_equal,
              "%s", cases[i].text);
    }
}

static const struct test tests[] = {
    {"values_keep_their_order_and_their_text",
     values_keep_their_order_and_their_text},
    {"the_last_of_equal_keys_counts", the_last_of_equal_keys_counts},
    {"escapes_become_bytes", escapes_become_bytes},
    {"errors_say_where_and_what", errors_say_where_and_what},
    {"depth_is_bounded", depth_is_bounded},
    {"numbers_are_read_to_the_nearest_double",
     numbers_are_read_to_the_nearest_double},
    {"integers_are_told_from_other_numbers",
     integers_are_told_from_other_numbers},
    {"numbers_are_written_as_short_as_possible",
     numbers_are_written_as_short_as_possible},
    {"every_written_number_reads_back", every_written_number_reads_back},
    {"styles_are_those_of_python", styles_are_those_of_python},
    {"equality_is_that_of_json_schema", equality_is_that_of_json_schema},
};

TEST_MAIN(tests)
