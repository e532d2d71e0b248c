/* Regular expressions: what they match, in a text and in a JSON string, and
 * what is refused where. */
#include "sample/regex.h"

#include "test.h"

static struct moe__mem mem;

/* 1: it matches; 0: it does not; -1: the grammar was refused. */
static int text_matches(const struct moe__grammar *grammar, const char *text)
{
    struct moe__constraint *constraint = NULL;
    if (grammar == NULL || moe__constraint_create(&mem, grammar, NULL,
                                                  &constraint, NULL) != MOE_OK)
        return -1;
    const bool is_match =
        moe__constraint_accept(constraint, moe__slice_str(text)) == MOE_OK &&
        moe__constraint_can_end(constraint);
    moe__constraint_destroy(constraint);
    return is_match;
}

static int whole_match(const char *pattern, const char *text)
{
    struct moe__grammar *grammar = NULL;
    moe__grammar_from_regex(&mem, moe__slice_str(pattern), &grammar, NULL);
    const int result = text_matches(grammar, text);
    moe__grammar_destroy(grammar);
    return result;
}

/* Found somewhere in the text, both as the inside of a JSON string. */
static int json_match(const char *pattern, const char *text)
{
    struct moe__grammar_builder *builder = NULL;
    struct moe__grammar *grammar = NULL;
    struct moe__regex regex = {-1, 0, 0};
    if (moe__grammar_begin(&mem, &builder, NULL) != MOE_OK)
        return -1;
    if (moe__grammar_json_regex(builder, moe__slice_str(pattern), 0, -1, &regex,
                                NULL) != MOE_OK) {
        moe__grammar_discard(builder);
        return -1;
    }
    moe__grammar_finish(builder, regex.expr, &grammar, NULL);
    const int result = text_matches(grammar, text);
    moe__grammar_destroy(grammar);
    return result;
}

struct match_case {
    const char *pattern;
    const char *yes[4]; /* up to NULL */
    const char *no[4];
};

static void check_cases(const struct match_case *cases, size_t n,
                        int (*match)(const char *, const char *))
{
    moe__mem_init(&mem, NULL);
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < 4; k++) {
            if (cases[i].yes[k] != NULL)
                CHECK(match(cases[i].pattern, cases[i].yes[k]) == 1, "%s: %s",
                      cases[i].pattern, cases[i].yes[k]);
            if (cases[i].no[k] != NULL)
                CHECK(match(cases[i].pattern, cases[i].no[k]) == 0, "%s: %s",
                      cases[i].pattern, cases[i].no[k]);
        }
    CHECK(mem.live_bytes == 0);
}

static void syntax_means_what_ecma_262_says(void)
{
    static const struct match_case cases[] = {
        {"abc", {"abc"}, {"", "ab", "abcd", "xabc"}},
        {"", {""}, {"a"}},
        {"a|bc|", {"a", "bc", ""}, {"ab", "b"}},
        {"a*b+c?", {"b", "aabbc", "bc"}, {"", "a", "bcc", "ac"}},
        {"a{2}", {"aa"}, {"a", "aaa"}},
        {"a{2,}", {"aa", "aaaaa"}, {"a"}},
        {"a{1,3}", {"a", "aaa"}, {"", "aaaa"}},
        {"a{0}b", {"b"}, {"ab"}},
        {"(ab){2}", {"abab"}, {"ab", "ababab"}},
        {"a*?b+?c??d{1,2}?", {"bd", "aabbcdd"}, {"d"}},
        {"(?:ab)+|(?<name>x)", {"abab", "x"}, {"xx"}},
        {"((a|b)(c|d))*", {"", "acbd"}, {"ab"}},
        {"^abc$", {"abc"}, {"^abc$"}},
        {".", {"a", "\xc3\xa9", "\xf0\x9f\x98\x80"}, {"\n", "\r", "", "aa"}},
        {"[^]", {"\n", "a"}, {""}},
        {"a-b]}", {"a-b]}"}, {"a"}},
        {"\xc3\xa9+", {"\xc3\xa9\xc3\xa9"}, {"\xc3"}},
    };
    check_cases(cases, MOE__COUNT(cases), whole_match);
}

static void classes_mean_what_ecma_262_says(void)
{
    static const struct match_case cases[] = {
        {"[a-cx]", {"a", "b", "c", "x"}, {"d", "-", "", "ax"}},
        {"[^a-cx]", {"d", "\n", "\xe2\x82\xac"}, {"a", "x", "de"}},
        {"[-a]", {"-", "a"}, {"b"}},
        {"[a-]", {"-", "a"}, {"b"}},
        {"[\\]\\\\^]", {"]", "\\", "^"}, {"a"}},
        {"[^^]", {"a"}, {"^"}},
        {"[\\d_a-]", {"7", "_", "a", "-"}, {"b"}},
        {"[^\\d\\s]", {"a"}, {"7", " ", "\xc2\xa0"}},
        {"[\\D]", {"a"}, {"5"}},
        {"[\\b]", {"\b"}, {"b"}},
        {"\\d\\D",
         {"1a"},
         {"11", "aa",
          "\xe0\xa7\xaa"
          "a"}},
        {"\\w\\W", {"_-", "Z\xc3\xa9"}, {"--", "aa"}},
        {"\\s\\S", {" a", "\xe3\x80\x80x", "\xef\xbb\xbf."}, {"aa", "  "}},
        {"[z-z]", {"z"}, {"y"}},
        {"[\\x41-\\u{43}]", {"A", "B", "C"}, {"D"}},
        {"[c-fa-da]", {"a", "c", "e", "f"}, {"g"}},
    };
    check_cases(cases, MOE__COUNT(cases), whole_match);
}

static void escapes_are_characters(void)
{
    static const struct match_case cases[] = {
        {"\\n\\t\\r\\f\\v", {"\n\t\r\f\v"}, {"n"}},
        {"\\x41\\u00e9\\u{1F600}", {"A\xc3\xa9\xf0\x9f\x98\x80"}, {"A"}},
        {"\\ud83d\\ude00", {"\xf0\x9f\x98\x80"}, {""}},
        {"\\cA\\cz", {"\x01\x1a"}, {"A"}},
        {"\\.\\*\\(\\)\\[\\{\\|\\/\\-\\$\\^", {".*()[{|/-$^"}, {"a"}},
    };
    check_cases(cases, MOE__COUNT(cases), whole_match);
}

static void a_search_ends_at_anchors_only(void)
{
    static const struct match_case cases[] = {
        {"b+", {"b", "abbc", "\\\"b"}, {"", "a", "\""}},
        {"^b", {"b", "bc"}, {"ab"}},
        {"b$", {"b", "ab"}, {"bc"}},
        {"^b$", {"b"}, {"ab", "bc", ""}},
        {"^a|b$", {"a", "ax", "xb", "b"}, {"xa", "bx"}},
        {"^$", {""}, {"a"}},
        {"", {"", "x"}, {"\n"}},
    };
    check_cases(cases, MOE__COUNT(cases), json_match);
}

static void json_has_one_spelling_for_a_character(void)
{
    static const struct match_case cases[] = {
        {"^.$", {"a", "\\\"", "\\\\", "\\t"}, {"\\n", "\"", "\\", "\\u000a"}},
        {"^\\n$", {"\\n"}, {"\n", "\\u000a", "n"}},
        {"^[\\0-\\x1f]$",
         {"\\b", "\\u0000", "\\u001f", "\\u000b"},
         {"\\u0008", "\\u0020", "\\u001F", "\x01"}},
        {"^[^a]$", {"\\\\", "/", "\x7f", "\xc3\xa9"}, {"a", "\\/", "\\u00e9"}},
        {"^\"\\\\$", {"\\\"\\\\"}, {"\"\\"}},
        {"^[!-#]$", {"!", "\\\"", "#"}, {"\"", "$"}},
        {"^[\\[-\\]]$", {"[", "\\\\", "]"}, {"\\"}},
    };
    check_cases(cases, MOE__COUNT(cases), json_match);
}

static void what_is_refused_has_its_column(void)
{
    static const struct {
        const char *pattern;
        const char *sentence;
    } cases[] = {
        {"ab(?=c)", "column 3: look-around and flags cannot be enforced"},
        {"(?<!a)b", "column 1: look-around and flags cannot be enforced"},
        {"(?i:a)", "column 1: look-around and flags cannot be enforced"},
        {"(a)\\1", "column 4: back-references cannot be enforced"},
        {"a\\b", "column 2: \\b and \\B cannot be enforced"},
        {"\\p{L}", "column 1: properties of characters are not supported"},
        {"a^", "column 2: ^ and $ are supported at the ends only"},
        {"a$b", "column 3: ^ and $ are supported at the ends only"},
        {"(^a)", "column 2: ^ and $ are supported at the ends only"},
        {"*a", "column 1: there is nothing to repeat"},
        {"a**", "column 3: there is nothing to repeat"},
        {"a{2", "column 2: this is no {m}, {m,} or {m,n}"},
        {"a{3,2}", "column 2: this is no {m}, {m,} or {m,n}"},
        {"a{x}", "column 3: expected a number of repeats"},
        {"a{99999999999}", "column 3: the repeat is too large"},
        {"(a", "column 1: the group is not closed"},
        {"a)", "column 2: no group is open"},
        {"[a", "column 3: it ends too early"},
        {"[b-a]", "column 2: the range is upside down"},
        {"[\\d-z]", "column 4: a class cannot begin a range"},
        {"a\\", "column 3: it ends too early"},
        {"\\y", "column 1: this escape does not exist"},
        {"\\xg0", "column 3: expected hexadecimal digits"},
        {"\\u{110000}", "column 4: expected hexadecimal digits"},
        {"\\ud800", "column 3: a surrogate alone is no character"},
        {"a\xff", "column 2: this is not UTF-8"},
    };
    moe__mem_init(&mem, NULL);
    for (size_t i = 0; i < MOE__COUNT(cases); i++) {
        struct moe__grammar *grammar = NULL;
        struct moe__err why = {MOE_OK, ""};
        const moe_status status = moe__grammar_from_regex(
            &mem, moe__slice_str(cases[i].pattern), &grammar, &why);
        CHECK(status == MOE_ERR_ARGUMENT && grammar == NULL &&
                  strstr(why.message, cases[i].sentence) != NULL,
              "%s: %d, %s", cases[i].pattern, status, why.message);
    }
    CHECK(mem.live_bytes == 0);
}

/* `unit` n times, and `end`. */
static char *repeated(const char *unit, size_t n, const char *end)
{
    const size_t width = strlen(unit);
    char *text = malloc(n * width + strlen(end) + 1);
    for (size_t i = 0; text != NULL && i < n; i++)
        memcpy(text + i * width, unit, width);
    if (text != NULL)
        strcpy(text + n * width, end);
    return text;
}

static void hostile_patterns_are_refused(void)
{
    static const struct {
        const char *unit;
        size_t n;
        const char *end;
        const char *sentence;
    } cases[] = {
        {"(", 65, "", "column 65: groups are nested too deeply"},
        {"(", 60000, "", "column 65: groups are nested too deeply"},
        {"a", 65537, "", "column 65537: it is too long"},
        {"[\\s\\s\\s\\s\\s\\s\\s\\s\\s\\s\\s\\s\\s\\s\\s\\s\\s\\s\\s\\s\\s", 1,
         "\\s\\s\\s\\s\\s]", "the class is too long"},
    };
    moe__mem_init(&mem, NULL);
    for (size_t i = 0; i < MOE__COUNT(cases); i++) {
        char *pattern = repeated(cases[i].unit, cases[i].n, cases[i].end);
        struct moe__grammar *grammar = NULL;
        struct moe__err why = {MOE_OK, ""};
        REQUIRE(pattern != NULL);
        CHECK(moe__grammar_from_regex(&mem, moe__slice_str(pattern), &grammar,
                                      &why) == MOE_ERR_ARGUMENT &&
                  strstr(why.message, cases[i].sentence) != NULL,
              "%s", why.message);
        free(pattern);
    }
    CHECK(mem.live_bytes == 0);
}

static void long_patterns_keep_all_their_parts(void)
{
    char *same = repeated("ab", 100, "");
    char *words = repeated("x|yy|", 50, "z");
    moe__mem_init(&mem, NULL);
    REQUIRE(same != NULL && words != NULL);
    CHECK(whole_match(same, same) == 1);
    same[199] = 0;
    CHECK(whole_match("(ab){100}", same) == 0);
    CHECK(whole_match(words, "z") == 1 && whole_match(words, "yy") == 1 &&
          whole_match(words, "y") == 0);
    free(same);
    free(words);
}

static void lengths_are_counted_in_characters(void)
{
    static const struct {
        const char *pattern;
        int32_t least, most;
    } cases[] = {
        {"^abc$", 3, 3},       {"^a{2,5}\xc3\xa9$", 3, 6},
        {"^(a|bcd)?$", 0, 3},  {"^a+$", 1, -1},
        {"a", 1, -1},          {"^\\n[\\s\"]$", 2, 2},
        {"^(a{9}){0}$", 0, 0}, {"^(a{60000}){60000}$", -1, -1},
        {"^(a*){0}b$", 1, 1},
    };
    moe__mem_init(&mem, NULL);
    for (size_t i = 0; i < MOE__COUNT(cases); i++) {
        struct moe__grammar_builder *builder = NULL;
        struct moe__regex regex = {-1, 0, 0};
        REQUIRE(moe__grammar_begin(&mem, &builder, NULL) == MOE_OK);
        CHECK(moe__grammar_json_regex(builder, moe__slice_str(cases[i].pattern),
                                      0, -1, &regex, NULL) == MOE_OK);
        CHECK(regex.least == cases[i].least && regex.most == cases[i].most,
              "%s: %d %d", cases[i].pattern, regex.least, regex.most);
        moe__grammar_discard(builder);
    }
}

static const struct test tests[] = {
    {"syntax_means_what_ecma_262_says", syntax_means_what_ecma_262_says},
    {"classes_mean_what_ecma_262_says", classes_mean_what_ecma_262_says},
    {"escapes_are_characters", escapes_are_characters},
    {"a_search_ends_at_anchors_only", a_search_ends_at_anchors_only},
    {"json_has_one_spelling_for_a_character",
     json_has_one_spelling_for_a_character},
    {"what_is_refused_has_its_column", what_is_refused_has_its_column},
    {"hostile_patterns_are_refused", hostile_patterns_are_refused},
    {"long_patterns_keep_all_their_parts", long_patterns_keep_all_their_parts},
    {"lengths_are_counted_in_characters", lengths_are_counted_in_characters},
};

TEST_MAIN(tests)
