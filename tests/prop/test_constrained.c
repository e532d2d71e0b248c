/* Texts of grammars: whatever the model wants, what it writes is one of them.
 * All through the public interface. */
#include "prop.h"

#include <stdbool.h>

#define MAX_TOKENS 400

static moe_grammar *grammar_of(moe_model *model, moe_grammar_kind kind,
                               const char *text)
{
    moe_error why = {0};
    moe_grammar *grammar = NULL;
    const moe_status status =
        moe_grammar_create(model, kind, text, -1, &grammar, &why);
    CHECK(status == MOE_OK && grammar != NULL, "%s: %s", text, why.message);
    return grammar;
}

/* ------------------------------------------------------------------ texts */

static bool is_date(const char *text)
{
    int y, m, d, n = 0;
    return sscanf(text, "%4d-%2d-%2d%n", &y, &m, &d, &n) == 3 && n == 10 &&
           text[n] == 0;
}

static bool is_choice(const char *text)
{
    return strcmp(text, "yes") == 0 || strcmp(text, "no") == 0 ||
           strcmp(text, "it \"depends\"") == 0;
}

/* "(" things ")" with as many of either. */
static bool is_nested(const char *text)
{
    int depth = 0;
    for (const char *c = text; *c != 0; c++) {
        depth += (*c == '(') - (*c == ')');
        if (depth < 0 || (depth == 0 && c[1] != 0) ||
            strchr("()ab", *c) == NULL)
            return false;
    }
    return depth == 0 && text[0] == '(';
}

static const char person[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"full_name\":{\"type\":\"string\",\"maxLength\":12},"
    "\"is_member_of_the_club\":{\"type\":\"boolean\"},"
    "\"level\":{\"enum\":[\"low\",\"high\"]}},"
    "\"required\":[\"full_name\",\"is_member_of_the_club\",\"level\"],"
    "\"additionalProperties\":false}";

/* After a string, `next` must follow; returns what is behind it. */
static const char *after(const char *text, const char *next)
{
    const size_t n = strlen(next);
    return text != NULL && strncmp(text, next, n) == 0 ? text + n : NULL;
}

static bool is_person(const char *text)
{
    const char *at = after(text, "{\"full_name\":");
    at = at != NULL && *at == ' ' ? at + 1 : at;
    at = after(at, "\"");
    while (at != NULL && *at != '"' && *at != 0)
        at += *at == '\\' ? 2 : 1;
    return at != NULL && strstr(at, "\"is_member_of_the_club\":") != NULL &&
           (strstr(at, "true") || strstr(at, "false")) &&
           (strstr(at, "\"low\"}") || strstr(at, "\"high\"}"));
}

static const struct {
    moe_grammar_kind kind;
    const char *text;
    bool (*is_one)(const char *text);
} grammars[] = {
    {MOE_GRAMMAR_SCHEMA, person, is_person},
    {MOE_GRAMMAR_REGEX, "[0-9]{4}-[0-9]{2}-[0-9]{2}", is_date},
    {MOE_GRAMMAR_CHOICES, "[\"yes\", \"no\", \"it \\\"depends\\\"\"]",
     is_choice},
    {MOE_GRAMMAR_GBNF,
     "root ::= \"(\" part{0,3} \")\"\n"
     "part ::= root | [ab]",
     is_nested},
};

static void whatever_is_sampled_is_a_text_of_the_grammar(void)
{
    moe_model *model = prop_open(TINY_Q8);
    REQUIRE(model != NULL);
    const moe_context_params context = {.struct_size = sizeof context,
                                        .n_threads = 2};
    for (size_t i = 0; i < sizeof grammars / sizeof *grammars; i++) {
        moe_grammar *grammar =
            grammar_of(model, grammars[i].kind, grammars[i].text);
        for (uint64_t seed = 0; seed < 12 && grammar != NULL; seed++) {
            char text[4096];
            moe_error why = {0};
            const moe_sampler_params sampler = {.struct_size = sizeof sampler,
                                                .seed = seed,
                                                .temperature =
                                                    seed == 0 ? 0 : 1.5f};
            const moe_complete_params params = {.struct_size = sizeof params,
                                                .context = &context,
                                                .sampler = &sampler,
                                                .grammar = grammar,
                                                .max_tokens = MAX_TOKENS};
            const moe_status status = moe_complete(
                model, "Once upon a time", &params, text, sizeof text, &why);
            /* brackets may go on for ever: then it says so */
            CHECK(status == MOE_OK || (grammars[i].is_one == is_nested &&
                                       status == MOE_ERR_BUFFER),
                  "%s", why.message);
            CHECK(status != MOE_OK || grammars[i].is_one(text), "'%s'", text);
        }
        moe_grammar_destroy(grammar);
    }
    moe_model_close(model);
}

/* ---------------------------------------------------------------- sampler */

static moe_token token_of(moe_model *model, const char *text)
{
    moe_token ids[8];
    size_t n = 0;
    CHECK(moe_text_encode(model, text, -1, MOE_TEXT_CONTINUE, ids, 8, &n,
                          NULL) == MOE_OK &&
              n >= 1,
          "%s", text);
    return ids[0];
}

static moe_token best_of(moe_sampler *sampler, int n_vocab, const float *logits)
{
    moe_token token = MOE_TOKEN_NONE;
    CHECK(moe_sampler_pick(sampler, logits, n_vocab, &token) == MOE_OK);
    return token;
}

static void a_forbidden_token_changes_nothing(void)
{
    moe_model *model = prop_open(TINY_Q8);
    moe_sampler *sampler = NULL, *copy = NULL;
    REQUIRE(model != NULL);
    const int n_vocab = prop_n_vocab(model);
    float *logits = calloc((size_t)n_vocab, sizeof *logits);
    moe_grammar *grammar =
        grammar_of(model, MOE_GRAMMAR_CHOICES, "[\"abba\", \"abc\"]");
    REQUIRE(grammar != NULL &&
            moe_sampler_create(n_vocab, NULL, &sampler, NULL) == MOE_OK &&
            moe_sampler_constrain(sampler, grammar, NULL) == MOE_OK);
    moe_grammar_destroy(grammar); /* the sampler holds it */
    CHECK(moe_sampler_text_end(sampler) == MOE_TEXT_OPEN);
    const moe_token a = token_of(model, "a"), z = token_of(model, "z");
    CHECK(moe_sampler_accept(sampler, z) == MOE_ERR_ARGUMENT);
    CHECK(moe_sampler_accept(sampler,
                             moe_token_special(model, MOE_SPECIAL_EOS)) ==
          MOE_ERR_ARGUMENT);
    logits[z] = 9;
    logits[a] = 1;
    CHECK(best_of(sampler, n_vocab, logits) == a);
    CHECK(moe_sampler_accept(sampler, a) == MOE_OK);
    CHECK(moe_sampler_clone(sampler, &copy, NULL) == MOE_OK);
    CHECK(best_of(sampler, n_vocab, logits) == best_of(copy, n_vocab, logits));
    CHECK(moe_sampler_accept(copy, token_of(model, "bc")) == MOE_OK ||
          moe_sampler_accept(copy, token_of(model, "b")) == MOE_OK);
    CHECK(moe_sampler_accept(sampler, a) == MOE_ERR_ARGUMENT);
    moe_sampler_reset(sampler);
    CHECK(moe_sampler_accept(sampler, a) == MOE_OK);
    CHECK(moe_sampler_constrain(sampler, NULL, NULL) == MOE_OK);
    CHECK(best_of(sampler, n_vocab, logits) == z);
    moe_sampler_destroy(copy);
    moe_sampler_destroy(sampler);
    free(logits);
    moe_model_close(model);
}

/* A text that is complete ends with a token that ends, and only so. */
static void a_complete_text_ends(void)
{
    moe_model *model = prop_open(TINY_Q8);
    moe_sampler *sampler = NULL;
    REQUIRE(model != NULL);
    const int n_vocab = prop_n_vocab(model);
    float *logits = calloc((size_t)n_vocab, sizeof *logits);
    moe_grammar *grammar = grammar_of(model, MOE_GRAMMAR_REGEX, "a?");
    REQUIRE(grammar != NULL &&
            moe_sampler_create(n_vocab, NULL, &sampler, NULL) == MOE_OK &&
            moe_sampler_constrain(sampler, grammar, NULL) == MOE_OK);
    const moe_token a = token_of(model, "a");
    const moe_token eos = moe_token_special(model, MOE_SPECIAL_EOS);
    CHECK(moe_sampler_text_end(sampler) == MOE_TEXT_MAY_END);
    logits[eos] = 2;
    logits[a] = 1;
    CHECK(best_of(sampler, n_vocab, logits) == eos);
    CHECK(moe_sampler_accept(sampler, a) == MOE_OK);
    CHECK(moe_sampler_text_end(sampler) == MOE_TEXT_MUST_END);
    logits[a] = 9;
    CHECK(best_of(sampler, n_vocab, logits) == eos);
    CHECK(moe_sampler_accept(sampler, a) == MOE_ERR_ARGUMENT);
    CHECK(moe_sampler_accept(sampler, eos) == MOE_OK);
    CHECK(moe_sampler_text_end(sampler) == MOE_TEXT_MUST_END);
    CHECK(moe_sampler_accept(sampler, a) == MOE_ERR_ARGUMENT);
    moe_sampler_destroy(sampler);
    moe_grammar_destroy(grammar);
    free(logits);
    moe_model_close(model);
}

/* ----------------------------------------------------------------- forced */

/* Forced tokens are those that the tokenizer would write, and there are some:
 * fewer tokens are sampled than are written. */
static void forced_tokens_are_the_tokenizers(void)
{
    moe_model *model = prop_open(TINY_Q8);
    moe_sampler *sampler = NULL;
    size_t n_forced = 0, n_all = 0;
    moe_token all[MAX_TOKENS];
    REQUIRE(model != NULL);
    const int n_vocab = prop_n_vocab(model);
    float *logits = malloc((size_t)n_vocab * sizeof *logits);
    moe_grammar *grammar = grammar_of(model, MOE_GRAMMAR_SCHEMA, person);
    REQUIRE(grammar != NULL &&
            moe_sampler_create(n_vocab, NULL, &sampler, NULL) == MOE_OK &&
            moe_sampler_constrain(sampler, grammar, NULL) == MOE_OK);
    while (moe_sampler_text_end(sampler) == MOE_TEXT_OPEN &&
           n_all + 16 < MAX_TOKENS) {
        moe_token forced[16];
        size_t n = 0;
        CHECK(moe_sampler_forced(sampler, forced, 16, &n) == MOE_OK);
        for (size_t i = 0; i < n; i++) {
            CHECK(moe_sampler_accept(sampler, forced[i]) == MOE_OK);
            all[n_all++] = forced[i];
        }
        if (n > 0) {
            char text[2048];
            moe_token again[MAX_TOKENS];
            size_t n_text = 0, n_again = 0;
            n_forced += n;
            CHECK(moe_text_decode(model, all, n_all, MOE_TEXT_CONTINUE, text,
                                  sizeof text, &n_text, NULL) == MOE_OK);
            CHECK(moe_text_encode(model, text, (int64_t)n_text,
                                  MOE_TEXT_CONTINUE, again, MAX_TOKENS,
                                  &n_again, NULL) == MOE_OK);
            CHECK(n_again == n_all &&
                      memcmp(all, again, n_all * sizeof *all) == 0,
                  "%zu and %zu tokens of '%.*s'", n_all, n_again, (int)n_text,
                  text);
        }
        for (int t = 0; t < n_vocab; t++) /* likes early words, no bytes */
            logits[t] = -(float)t - (t < 300 ? 9999 : 0);
        all[n_all] = best_of(sampler, n_vocab, logits);
        CHECK(moe_sampler_accept(sampler, all[n_all]) == MOE_OK);
        n_all++;
    }
    CHECK(moe_sampler_text_end(sampler) != MOE_TEXT_OPEN);
    CHECK(n_forced > 5, "%zu of %zu tokens", n_forced, n_all);
    moe_sampler_destroy(sampler);
    moe_grammar_destroy(grammar);
    free(logits);
    moe_model_close(model);
}

/* ----------------------------------------------------------------- errors */

static void mistakes_are_told(void)
{
    static const struct {
        moe_grammar_kind kind;
        const char *text;
        moe_status status;
        const char *words;
    } cases[] = {
        {MOE_GRAMMAR_SCHEMA, "{\"type\": ", MOE_ERR_FORMAT, "line 1"},
        {MOE_GRAMMAR_SCHEMA, "{\"properties\":{\"a\":{\"type\":\"text\"}}}",
         MOE_ERR_ARGUMENT, "/properties/a"},
        {MOE_GRAMMAR_SCHEMA, "{\"$ref\":\"https://example.com/x\"}",
         MOE_ERR_ARGUMENT, "$ref"},
        {MOE_GRAMMAR_REGEX, "a(b", MOE_ERR_ARGUMENT, "column"},
        {MOE_GRAMMAR_REGEX, "(a)\\1", MOE_ERR_ARGUMENT, "column"},
        {MOE_GRAMMAR_GBNF, "root ::= (\"a\"", MOE_ERR_ARGUMENT, "line 1"},
        {MOE_GRAMMAR_GBNF, "root ::= other", MOE_ERR_ARGUMENT,
         "line 1, column 10"},
        {MOE_GRAMMAR_GBNF, "root ::= \"b\" | root \"a\"", MOE_ERR_ARGUMENT,
         "root"},
        {MOE_GRAMMAR_CHOICES, "\"yes\"", MOE_ERR_ARGUMENT, "array"},
        {MOE_GRAMMAR_CHOICES, "[\"yes\", 2]", MOE_ERR_ARGUMENT, "choice 1"},
        {0, "x", MOE_ERR_ARGUMENT, "kind"},
        {5, "x", MOE_ERR_ARGUMENT, "kind"},
    };
    moe_model *model = prop_open(TINY_Q8);
    REQUIRE(model != NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        moe_error why = {0};
        moe_grammar *grammar = NULL;
        const moe_status status = moe_grammar_create(
            model, cases[i].kind, cases[i].text, -1, &grammar, &why);
        CHECK(status == cases[i].status && grammar == NULL &&
                  strstr(why.message, cases[i].words) != NULL,
              "%s: status %d, '%s'", cases[i].text, status, why.message);
        moe_grammar_destroy(grammar);
    }
    CHECK(moe_grammar_create(NULL, MOE_GRAMMAR_REGEX, "a", -1, NULL, NULL) ==
          MOE_ERR_ARGUMENT);
    moe_grammar_destroy(NULL);
    moe_model_close(model);
}

static void another_vocabulary_is_refused(void)
{
    moe_model *model = prop_open(TINY_Q8);
    moe_sampler *sampler = NULL;
    moe_error why = {0};
    REQUIRE(model != NULL &&
            moe_sampler_create(77, NULL, &sampler, NULL) == MOE_OK);
    moe_grammar *grammar = grammar_of(model, MOE_GRAMMAR_REGEX, "a");
    CHECK(moe_sampler_constrain(sampler, grammar, &why) == MOE_ERR_ARGUMENT);
    CHECK(strstr(why.message, "77") != NULL, "%s", why.message);
    moe_sampler_destroy(sampler);
    moe_grammar_destroy(grammar);
    moe_model_close(model);
}

/* ----------------------------------------------------------------- memory */

static moe_status constrain_once(const moe_allocator *hook)
{
    const moe_model_params params = {
        .struct_size = sizeof params, .allocator = hook, .is_vocab_only = 1};
    const moe_sampler_params sampler_params = {
        .struct_size = sizeof sampler_params, .allocator = hook};
    static float logits[4096];
    moe_model *model = NULL;
    moe_grammar *grammar = NULL;
    moe_sampler *sampler = NULL, *copy = NULL;
    moe_token token = 0;
    moe_status status = moe_model_open(TINY_Q8, &params, &model, NULL);
    const int n_vocab = model != NULL ? prop_n_vocab(model) : 1;
    if (status == MOE_OK)
        status = moe_grammar_create(model, MOE_GRAMMAR_SCHEMA, person, -1,
                                    &grammar, NULL);
    if (status == MOE_OK)
        status = moe_sampler_create(n_vocab, &sampler_params, &sampler, NULL);
    if (status == MOE_OK)
        status = moe_sampler_constrain(sampler, grammar, NULL);
    for (int i = 0; status == MOE_OK && i < 3; i++) {
        status = moe_sampler_pick(sampler, logits, n_vocab, &token);
        if (status == MOE_OK)
            status = moe_sampler_accept(sampler, token);
    }
    if (status == MOE_OK)
        status = moe_sampler_clone(sampler, &copy, NULL);
    moe_model_close(model);
    moe_grammar_destroy(grammar);
    moe_sampler_destroy(sampler);
    moe_sampler_destroy(copy);
    return status;
}

static void each_allocation_of_a_grammar_can_fail(void)
{
    long n = 1;
    for (; n < 20000; n++) {
        struct counter c = {.fail_at = n};
        const moe_allocator hook = counter_hook(&c);
        const moe_status status = constrain_once(&hook);
        CHECK(c.n_live == 0 && c.live == 0, "%ld: %ld blocks", n, c.n_live);
        if (c.n_alloc < n)
            break;
        /* what a cache is refused is not missed */
        CHECK(status == MOE_ERR_NO_MEMORY || status == MOE_OK, "%ld: status %d",
              n, status);
    }
    CHECK(n > 30 && n < 20000, "%ld allocations", n);
}

static const struct test tests[] = {
    {"whatever_is_sampled_is_a_text_of_the_grammar",
     whatever_is_sampled_is_a_text_of_the_grammar},
    {"a_forbidden_token_changes_nothing", a_forbidden_token_changes_nothing},
    {"a_complete_text_ends", a_complete_text_ends},
    {"forced_tokens_are_the_tokenizers", forced_tokens_are_the_tokenizers},
    {"mistakes_are_told", mistakes_are_told},
    {"another_vocabulary_is_refused", another_vocabulary_is_refused},
    {"each_allocation_of_a_grammar_can_fail",
     each_allocation_of_a_grammar_can_fail},
};

TEST_MAIN(tests)
