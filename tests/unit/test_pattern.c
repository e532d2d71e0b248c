/* test_pattern.c: the pre-tokenizers' regular expressions, one by one, and
 * the table of names; categories of characters. */
#include "test.h"

#include "token/pattern.h"
#include "token/pretok.h"
#include "token/unicode.h"

struct compiled {
    struct moe__mem mem;
    struct moe__arena arena;
    struct moe__pattern pattern;
    struct moe__err err;
    moe_status status;
};

static moe_status compile(struct compiled *c, const char *regex)
{
    c->err = (struct moe__err){0};
    moe__mem_init(&c->mem, NULL);
    moe__arena_init(&c->arena, &c->mem);
    c->status = moe__pattern_compile(&c->arena, regex, &c->pattern, &c->err);
    return c->status;
}

static void release(struct compiled *c)
{
    moe__arena_free(&c->arena);
    CHECK(c->mem.live_bytes == 0, "a leak");
}

/* The match at the start has n bytes. */
static void check_match(const char *regex, const char *text, size_t n)
{
    struct compiled c;
    size_t at = 0;
    REQUIRE(compile(&c, regex) == MOE_OK, "%s", c.err.message);
    size_t end = moe__pattern_find(&c.pattern, moe__slice_str(text), &at);
    end = at == 0 ? end : 0;
    CHECK(end == n, "%s on \"%s\": expected %zu, found %zu", regex, text, n,
          end);
    release(&c);
}

static void characters_classes_and_sets_match(void)
{
    check_match("abc", "abcd", 3);
    check_match("abc", "abd", 0);
    check_match("[abc]", "b", 1);
    check_match("[a-c]", "d", 0);
    check_match("[^a-c]", "d", 1);
    check_match("[^a-c]", "", 0);
    check_match("[a-]", "-", 1);
    check_match("[-a]", "-", 1);
    check_match("[\\s-a]", "-", 1);
    check_match("[\\]\\[]", "]", 1);
    check_match("\\s", "\xe3\x80\x80", 3); /* U+3000 */
    check_match("\\s", "\xc2\x85", 2);     /* U+0085 */
    check_match("\\s", "\x1c", 0);
    check_match("\\S", " ", 0);
    check_match("\\d", "\xd9\xa3", 2); /* Arabic-Indic three */
    check_match("\\d", "\xc2\xbd", 0); /* one half: N, but not Nd */
    check_match("\\p{N}", "\xc2\xbd", 2);
    check_match("\\p{L}", "\xe4\xb8\xad", 3);
    check_match("\\p{Lu}", "\xc3\x89", 2);
    check_match("\\p{Ll}", "\xc3\x89", 0);
    check_match("\\p{Lt}", "\xc7\x85", 2); /* U+01C5 */
    check_match("\\p{M}", "\xcc\x81", 2);
    check_match("[\\p{P}\\p{S}]+",
                "!$\xe2\x82\xac"
                "a",
                5);
    check_match("\\u4E00", "\xe4\xb8\x80", 3);
    check_match("[\\U00010400-\\U0001044F]", "\xf0\x90\x90\x80", 4);
    check_match("[^\\s]", "\xff", 1); /* one bad byte is one U+FFFD */
    check_match("[^\\s]+", "\xff\xe4\xb8", 3);
}

static void repeats_are_greedy(void)
{
    check_match("a*", "aaab", 3);
    check_match("a+", "aaab", 3);
    check_match("a+", "b", 0);
    check_match("a?b", "ab", 2);
    check_match("a?b", "b", 1);
    check_match("a{2}", "aaa", 2);
    check_match("a{2,4}", "aaaaa", 4);
    check_match("a{2,4}", "a", 0);
    check_match("a{0}b", "b", 1);
    check_match("(ab){1,2}c", "ababc", 5);
    check_match("(a|b)*c", "abbac", 5);
    check_match("(?:a*)*b", "aab", 3);
    check_match("a*ab", "aaab", 4); /* gives one back */
    check_match("(a*)", "b", 0);    /* an empty match does not count */
}

static void the_first_alternative_wins(void)
{
    check_match("a|ab", "ab", 1);
    check_match("ab|a", "ab", 2);
    check_match("ab|a", "ac", 1);
    check_match("abc|ab|a", "abd", 2);
    check_match("(a|ab)(c|bcd)", "abcd", 4);
    check_match("x|\\s+(?!\\S)|\\s+", "   y", 2);
}

static void case_is_ignored_where_asked(void)
{
    check_match("(?i:'s|'ll)", "'S", 2);
    check_match("(?i:'s|'ll)", "'Ll", 3);
    check_match("(?i:s)", "\xc5\xbf", 2);     /* long s */
    check_match("(?i:k)", "\xe2\x84\xaa", 3); /* Kelvin sign */
    check_match("(?i:a)b", "AB", 0);          /* not beyond the group */
    check_match("(?i:[ab])+", "aB", 2);
    check_match("(?i:')s", "'s", 2);
}

static void looking_ahead_takes_nothing(void)
{
    check_match("\\s+(?!\\S)", "   ", 3);
    check_match("\\s+(?!\\S)", "   x", 2);
    check_match("\\s+(?!\\S)", " x", 0);
    check_match("a(?=b)", "ab", 1);
    check_match("a(?=b)", "a", 0);
    check_match("a$", "a", 1);
    check_match("a$", "ab", 0);
    check_match("a+$|a", "aab", 1);
    check_match("a(?!b)c", "ac", 2);
}

static void check_find(const char *regex, const char *text, size_t start,
                       size_t end)
{
    struct compiled c;
    size_t at = 0;
    REQUIRE(compile(&c, regex) == MOE_OK, "%s", c.err.message);
    CHECK(moe__pattern_find(&c.pattern, moe__slice_str(text), &at) == end &&
              at == start,
          "%s on \"%s\"", regex, text);
    release(&c);
}

static void the_first_match_is_found(void)
{
    check_find("b+", "abbbab", 1, 4);
    check_find("b+", "aaa", 3, 3);
    check_find("b*", "aab", 2, 3);
    check_find("b", "", 0, 0);
    check_find("\\p{L}+", "\xff\xe3\x80\x80\xc3\xa9t", 4, 7);
    check_find("\\p{S}", "a\xc3", 1, 2); /* cut short, so U+FFFD */
}

static void what_is_skipped_is_no_match(void)
{
    check_find("a+$|a+(*SKIP)(*F)", "aaab", 4, 4);
    check_find("a+$|a+(*SKIP)(*F)", "aabaaa", 3, 6);
}

static void a_pattern_says_that_it_cuts_threes(void)
{
    struct compiled c;
    REQUIRE(compile(&c, "(*THREES)a+") == MOE_OK, "%s", c.err.message);
    CHECK(c.pattern.cuts_threes);
    release(&c);
    REQUIRE(compile(&c, "a+") == MOE_OK && !c.pattern.cuts_threes);
    release(&c);
    CHECK(compile(&c, "a(*THREES)") == MOE_ERR_UNSUPPORTED);
    release(&c);
}

static void what_is_no_pattern_is_refused(void)
{
    static const char *const regexes[] = {
        "(",
        ")",
        "a)",
        "(a",
        "[",
        "[a",
        "[]",
        "[b-a]",
        "*",
        "a**",
        "+",
        "?",
        "a{",
        "a{1",
        "a{2,1}",
        "a{99999}",
        "{1}",
        "\\",
        "\\q",
        "\\p",
        "\\p{X}",
        "\\u12",
        "\\uZZZZ",

        "[a-\\s]",
        "(?!ab)",
        "(?!",
        "(?<a>b)",
        ".",
        "^a",
        "\xff",
        "((((((((((((((((((a))))))))))))))))))",
        "((((((a{400}){400}){400}){400}){400}){400})"};
    for (size_t i = 0; i < MOE__COUNT(regexes); i++) {
        struct compiled c;
        CHECK(compile(&c, regexes[i]) == MOE_ERR_UNSUPPORTED, "%s", regexes[i]);
        CHECK(strstr(c.err.message, "pattern") != NULL, "%s", c.err.message);
        release(&c);
    }
}

static void every_pattern_of_the_table_compiles(void)
{
    static const char *const names[] = {
        "gpt-2",        "phi-2",          "granite-docling",
        "starcoder",    "smollm",         "mellum2",
        "falcon",       "default",        "llama3",
        "llama-bpe",    "jina-v5-nano",   "dbrx",
        "chatglm-bpe",  "qwen2",          "grok-2",
        "qwen35",       "minicpm5",       "jais-2",
        "deepseek-llm", "deepseek-coder", "deepseek-v3",
        "joyai-llm",    "tekken",         "gpt-4o",
        "llama4",       "youtu",          "bailingmoe",
        "seed-coder",   "exaone-moe",     "laguna",
        "bloom",        "poro-chat",      "viking",
        "chameleon",    "kimi-k2",        "tiny_aya",
        "afmoe",        "superbpe",       "granite-embed-multi-97m",
        "gemma4",       "sarvam-moe",     "whitespace"};
    for (size_t i = 0; i < MOE__COUNT(names); i++) {
        const struct moe__pretok *pretok =
            moe__pretok_find(moe__slice_str(names[i]));
        REQUIRE(pretok != NULL, "%s", names[i]);
        for (int s = 0; pretok->stages[s]; s++) {
            struct compiled c;
            CHECK(compile(&c, pretok->stages[s]) == MOE_OK, "%s: %s", names[i],
                  c.err.message);
            release(&c);
        }
    }
}

static void names_are_whole_words(void)
{
    static const char *const names[] = {
        "", " ", "gpt", "gpt-2 phi-2", "lama3", "GPT-2", "llama3 "};
    for (size_t i = 0; i < MOE__COUNT(names); i++)
        CHECK(moe__pretok_find(moe__slice_str(names[i])) == NULL, "\"%s\"",
              names[i]);
    CHECK(moe__pretok_find(moe__slice_str("llama-bpe"))->flags ==
          (MOE__PRETOK_IGNORE_MERGES | MOE__PRETOK_ADD_BOS));
    CHECK(moe__pretok_find(moe__slice_str("dbrx"))->flags == 0);
}

static void categories_are_those_of_unicode(void)
{
    static const struct {
        uint32_t code;
        enum moe__category category;
    } known[] = {
        {0, MOE__CATEGORY_OTHER},         {'\t', MOE__CATEGORY_SPACE},
        {0x1c, MOE__CATEGORY_OTHER},      {' ', MOE__CATEGORY_SPACE},
        {'!', MOE__CATEGORY_P},           {'$', MOE__CATEGORY_S},
        {'0', MOE__CATEGORY_ND},          {'A', MOE__CATEGORY_LU},
        {'a', MOE__CATEGORY_LL},          {0x7f, MOE__CATEGORY_OTHER},
        {0x85, MOE__CATEGORY_SPACE},      {0xa0, MOE__CATEGORY_SPACE},
        {0xaa, MOE__CATEGORY_LO},         {0xb2, MOE__CATEGORY_N},
        {0x1c5, MOE__CATEGORY_LT},        {0x2b0, MOE__CATEGORY_LM},
        {0x301, MOE__CATEGORY_M},         {0x200b, MOE__CATEGORY_OTHER},
        {0x2028, MOE__CATEGORY_SPACE},    {0x2160, MOE__CATEGORY_N},
        {0x3000, MOE__CATEGORY_SPACE},    {0x4e2d, MOE__CATEGORY_LO},
        {0xd800, MOE__CATEGORY_OTHER},    {0xfffd, MOE__CATEGORY_S},
        {0x1f600, MOE__CATEGORY_S},       {0xe01ef, MOE__CATEGORY_M},
        {0x10ffff, MOE__CATEGORY_OTHER},  {0x110000, MOE__CATEGORY_OTHER},
        {UINT32_MAX, MOE__CATEGORY_OTHER}};
    for (size_t i = 0; i < MOE__COUNT(known); i++)
        CHECK(moe__unicode_category(known[i].code) == known[i].category,
              "U+%04X", (unsigned)known[i].code);
    CHECK(moe__unicode_runs[0] >> 4 == 0);
    for (int32_t i = 1; i < moe__n_unicode_runs; i++)
        CHECK(moe__unicode_runs[i] >> 4 > moe__unicode_runs[i - 1] >> 4 &&
              (moe__unicode_runs[i] & 15) < MOE__N_CATEGORIES);
}

static const struct test tests[] = {
    {"characters_classes_and_sets_match", characters_classes_and_sets_match},
    {"repeats_are_greedy", repeats_are_greedy},
    {"the_first_alternative_wins", the_first_alternative_wins},
    {"case_is_ignored_where_asked", case_is_ignored_where_asked},
    {"looking_ahead_takes_nothing", looking_ahead_takes_nothing},
    {"the_first_match_is_found", the_first_match_is_found},
    {"a_pattern_says_that_it_cuts_threes", a_pattern_says_that_it_cuts_threes},
    {"what_is_skipped_is_no_match", what_is_skipped_is_no_match},
    {"what_is_no_pattern_is_refused", what_is_no_pattern_is_refused},
    {"every_pattern_of_the_table_compiles",
     every_pattern_of_the_table_compiles},
    {"names_are_whole_words", names_are_whole_words},
    {"categories_are_those_of_unicode", categories_are_those_of_unicode},
};

TEST_MAIN(tests)
