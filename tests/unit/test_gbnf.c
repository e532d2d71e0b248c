/* GBNF: what texts a grammar has, and what is told of mistakes. */
#include "sample/grammar.h"
#include "test.h"

enum { MAX_TEXTS = 8 };

/* Whether a text is one of the grammar's. */
static bool is_text(struct moe__mem *mem, const struct moe__grammar *grammar,
                    struct moe__slice text)
{
    struct moe__constraint *constraint = NULL;
    if (moe__constraint_create(mem, grammar, NULL, &constraint, NULL) != MOE_OK)
        return false;
    const bool is_one = moe__constraint_accept(constraint, text) == MOE_OK &&
                        moe__constraint_can_end(constraint);
    moe__constraint_destroy(constraint);
    return is_one;
}

static const struct {
    const char *gbnf;
    const char *texts[MAX_TEXTS];
    const char *others[MAX_TEXTS];
} grammars[] = {
    {"root ::= \"a\" | \"bc\"", {"a", "bc"}, {"", "b", "abc", "aa"}},
    {"# first\n\nroot::=x y # second\nx ::= \"1\"\r\ny ::=\n  \"2\"?\n# last",
     {"1", "12"},
     {"", "2", "122"}},
    {"root ::= \"\\n\\r\\t\\\\\\\"\\[\\]\\x41\\u00e9\\U0001F600\"",
     {"\n\r\t\\\"[]A\xc3\xa9\xf0\x9f\x98\x80"},
     {"n"}},
    {"root ::= [a-cx\\]\\-] [^a-c\\n] .",
     {"aex", "]--", "-\xc3\xa9\xe4\xb8\x96", "x\xe4\xb8\x96\n"},
     {"aax", "dex", "ae", "a\nx", "ae\xe4\xb8", "ae\xff"}},
    {"root ::= [a-] [-a] [+--]", {"a-+", "-a,", "---"}, {"b-+", "a-."}},
    {"root ::= \"\\x80\" [\\u0100-\\u01ff]",
     {"\xc2\x80\xc4\x80", "\xc2\x80\xc7\xbf"},
     {"\x80\xc4\x80", "\xc2\x80\xc8\x80"}},
    {"root ::= \"a\"* \"b\"+ \"c\"?",
     {"b", "aabbc", "bbb", "aaab"},
     {"", "a", "ac", "bcc"}},
    {"root ::= \"a\"{2} [bc]{1,2} ( \"d\" ){ 2 , }",
     {"aabdd", "aabcddd", "aaccdd"},
     {"abdd", "aabd", "aabbbdd", "aadd"}},
    {"root ::= \"a\"{0} \"b\"{0,0} \"c\"", {"c"}, {"ac", "bc"}},
    {"root ::= \"ab\"*? \"c\"", {"c", "abc", "ababc"}, {"aabc"}},
    {"root ::= (\n  \"a\" # way\n  | \"b\" |\n  \"c\"\n) \"d\" |\n \"e\"",
     {"ad", "bd", "cd", "e"},
     {"a", "ae", "d"}},
    {"root ::= \"a\" | ", {"a", ""}, {"b"}},
    {"root ::= () \"\" \"a\"", {"a"}, {""}},
    {"root ::= \"(\" root* \")\"", {"()", "(()(()))"}, {"", "(", "())"}},
    {"root ::= a-1 B2\na-1 ::= \"x\"\nB2 ::= \"y\"\nunused ::= unused \"z\"",
     {"xy"},
     {"x"}},
    {"root ::= [\\ud800-\\udfffa]", {"a"}, {"\xed\xa0\x80"}},
    {"root ::= [^\\x00-\\x7f]",
     {"\xc3\xa9"},
     {"a", "\xed\xa0\x80", "\xc0\x80"}},
};

static void grammars_have_their_texts(void)
{
    struct moe__mem mem;
    moe__mem_init(&mem, NULL);
    for (size_t i = 0; i < MOE__COUNT(grammars); i++) {
        struct moe__grammar *grammar = NULL;
        struct moe__err why = {MOE_OK, ""};
        CHECK(moe__grammar_from_gbnf(&mem, moe__slice_str(grammars[i].gbnf),
                                     &grammar, &why) == MOE_OK,
              "%s: %s", grammars[i].gbnf, why.message);
        for (int k = 0; k < MAX_TEXTS && grammar != NULL; k++) {
            const char *text = grammars[i].texts[k];
            const char *other = grammars[i].others[k];
            CHECK(text == NULL || is_text(&mem, grammar, moe__slice_str(text)),
                  "%s: '%s'", grammars[i].gbnf, text);
            CHECK(other == NULL ||
                      !is_text(&mem, grammar, moe__slice_str(other)),
                  "%s: '%s'", grammars[i].gbnf, other);
        }
        moe__grammar_destroy(grammar);
    }
    CHECK(mem.live_bytes == 0);
}

static const struct {
    const char *gbnf, *message;
} mistakes[] = {
    {"", "gbnf: there is no rule \"root\""},
    {"other ::= \"a\"", "gbnf: there is no rule \"root\""},
    {"root ::= \"a", "gbnf: line 1, column 10: it is not closed"},
    {"root ::= [a", "gbnf: line 1, column 10: it is not closed"},
    {"root ::= [a\\", "gbnf: line 1, column 12: this escape does not exist"},
    {"root ::= \"\\q\"", "gbnf: line 1, column 11: this escape does not exist"},
    {"root ::= \"\\x4\"",
     "gbnf: line 1, column 14: expected a hexadecimal digit"},
    {"root ::= \"\\ud800\"", "gbnf: line 1, column 11: this is no character"},
    {"root ::= \"\\U00110000\"",
     "gbnf: line 1, column 13: this is no character"},
    {"root ::= \"\xff\"", "gbnf: line 1, column 11: this is not UTF-8"},
    {"root ::= [z-a]", "gbnf: line 1, column 11: the range is upside down"},
    {"root ::= []", "gbnf: line 1, column 10: the class is empty"},
    {"root := \"a\"", "gbnf: line 1, column 7: expected ::="},
    {"\n\n  ::= \"a\"", "gbnf: line 3, column 3: expected the name of a rule"},
    {"root ::= ( \"a\"", "gbnf: line 1, column 10: the group is not closed"},
    {"root ::= \"a\" )", "gbnf: line 1, column 14: no group is open"},
    {"root ::= ( \"a\" & )",
     "gbnf: line 1, column 16: expected a part of a group or )"},
    {"root ::= \"a\" &",
     "gbnf: line 1, column 14: expected a part of a rule or "
     "the line's end"},
    {"root ::= *", "gbnf: line 1, column 10: there is nothing to repeat"},
    {"root ::= \"a\" | +", "gbnf: line 1, column 16: there is nothing to "
                           "repeat"},
    {"root ::= \"a\"{x}", "gbnf: line 1, column 14: expected a number of "
                          "repeats"},
    {"root ::= \"a\"{2", "gbnf: line 1, column 15: expected }"},
    {"root ::= \"a\"{3,2}", "gbnf: line 1, column 13: the bounds are upside "
                            "down"},
    {"root ::= \"a\"{99999999999}",
     "gbnf: line 1, column 14: the number is too "
     "large"},
    {"root ::= \"\xc3\xa9\" other",
     "gbnf: line 1, column 14: rule \"other\" is not defined"},
    {"root ::= \"a\"\nroot ::= \"b\"",
     "gbnf: line 2, column 1: rule \"root\" is defined twice"},
    {"root ::= <think>", "gbnf: line 1, column 10: references to tokens "
                         "(<...>) are not supported"},
    {"root ::= a\na ::= b | \"x\"\nb ::= \"y\"? a \"z\"",
     "grammar: rule \"b\" can begin with itself (left recursion)"},
    {"root ::= \"a\" root", "grammar: no text matches it"},
};

static void mistakes_are_told_with_their_place(void)
{
    struct moe__mem mem;
    moe__mem_init(&mem, NULL);
    for (size_t i = 0; i < MOE__COUNT(mistakes); i++) {
        struct moe__grammar *grammar = NULL;
        struct moe__err why = {MOE_OK, ""};
        CHECK(moe__grammar_from_gbnf(&mem, moe__slice_str(mistakes[i].gbnf),
                                     &grammar, &why) == MOE_ERR_ARGUMENT &&
                  grammar == NULL &&
                  strcmp(why.message, mistakes[i].message) == 0,
              "%s: '%s'", mistakes[i].gbnf, why.message);
        moe__grammar_destroy(grammar);
    }
    CHECK(mem.live_bytes == 0);
}

/* Every beginning of a grammar, and each with one byte changed: no crash, and
 * a sentence if it is refused. */
static void any_text_is_read_or_refused(void)
{
    static const char whole[] =
        "root ::= (\"a\\x41\" | [^b-\\u00e9]){1,3} x?\nx ::= \"(\" root \")\" "
        "# end\n";
    char text[sizeof whole];
    struct moe__mem mem;
    moe__mem_init(&mem, NULL);
    for (size_t n = 0; n < sizeof whole; n++)
        for (int byte = -1; byte < 256; byte += 3) {
            struct moe__grammar *grammar = NULL;
            struct moe__err why = {MOE_OK, ""};
            memcpy(text, whole, sizeof whole);
            if (byte >= 0 && n > 0)
                text[n - 1] = (char)byte;
            const size_t bytes = byte < 0 ? n : sizeof whole - 1;
            const moe_status status = moe__grammar_from_gbnf(
                &mem, moe__slice_of(text, bytes), &grammar, &why);
            CHECK((status == MOE_OK) == (grammar != NULL) &&
                      (status == MOE_OK) == (why.message[0] == 0),
                  "%.*s", (int)bytes, text);
            moe__grammar_destroy(grammar);
        }
    CHECK(mem.live_bytes == 0);
}

static const struct test tests[] = {
    {"grammars_have_their_texts", grammars_have_their_texts},
    {"mistakes_are_told_with_their_place", mistakes_are_told_with_their_place},
    {"any_text_is_read_or_refused", any_text_is_read_or_refused},
};

TEST_MAIN(tests)
