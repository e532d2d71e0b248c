/* The grammar builder: what compiles, what is refused, and that hostile
 * grammars end quickly. */
#include "prop/prop.h"
#include "sample/grammar.h"

struct fixture {
    struct moe__mem mem;
    struct moe__grammar_builder *builder;
    struct moe__grammar *grammar;
    struct moe__err why;
};

static void setup(struct fixture *f)
{
    *f = (struct fixture){.why = {MOE_OK, ""}};
    moe__mem_init(&f->mem, NULL);
    CHECK(moe__grammar_begin(&f->mem, &f->builder, NULL) == MOE_OK);
}

static moe_status finish(struct fixture *f, moe__expr start)
{
    return moe__grammar_finish(f->builder, start, &f->grammar, &f->why);
}

static void teardown(struct fixture *f)
{
    moe__grammar_destroy(f->grammar);
    CHECK(f->mem.live_bytes == 0, "%d bytes", (int)f->mem.live_bytes);
}

static moe__expr bytes(struct fixture *f, const char *text)
{
    return moe__grammar_bytes(f->builder, moe__slice_str(text));
}

static moe__expr join(struct fixture *f, moe__expr a, moe__expr b)
{
    const moe__expr parts[] = {a, b};
    return moe__grammar_join(f->builder, parts, 2);
}

static moe__expr either(struct fixture *f, moe__expr a, moe__expr b)
{
    const moe__expr parts[] = {a, b};
    return moe__grammar_either(f->builder, parts, 2);
}

/* Whether `n` times `text` and then `tail` is a text of the grammar. */
static bool is_text(struct fixture *f, const char *text, int n,
                    const char *tail)
{
    struct moe__constraint *c = NULL;
    CHECK(moe__constraint_create(&f->mem, f->grammar, NULL, &c, &f->why) ==
              MOE_OK,
          "%s", f->why.message);
    bool is_one = c != NULL;
    for (int i = 0; i < n && is_one; i++)
        is_one = moe__constraint_accept(c, moe__slice_str(text)) == MOE_OK;
    is_one = is_one &&
             moe__constraint_accept(c, moe__slice_str(tail)) == MOE_OK &&
             moe__constraint_can_end(c);
    moe__constraint_destroy(c);
    return is_one;
}

/* --------------------------------------------------------------- matching */

static void shared_parts_are_written_once(void)
{
    struct fixture f;
    setup(&f);
    moe__expr whole = bytes(&f, "ab");
    for (int i = 0; i < 14; i++) /* 2^14 times "ab", or 2^13, ... */
        whole = either(&f, whole, join(&f, whole, whole));
    REQUIRE(finish(&f, whole) == MOE_OK, "%s", f.why.message);
    CHECK(f.mem.live_bytes < 100000, "%d bytes", (int)f.mem.live_bytes);
    CHECK(is_text(&f, "ab", 3, "") && is_text(&f, "ab", 300, ""));
    CHECK(!is_text(&f, "ab", 3, "b") && !is_text(&f, "ab", 0, ""));
    teardown(&f);
}

static void a_rules_body_may_be_shared(void)
{
    struct fixture f;
    moe__expr rules[2000];
    setup(&f);
    moe__expr body = bytes(&f, "this is the body of two thousand rules");
    for (int i = 0; i < 2000; i++) {
        rules[i] = moe__grammar_rule(f.builder);
        moe__grammar_define(f.builder, rules[i], body);
    }
    CHECK(finish(&f, moe__grammar_either(f.builder, rules, 2000)) == MOE_OK,
          "%s", f.why.message);
    CHECK(is_text(&f, "", 0, "this is the body of two thousand rules"));
    CHECK(f.mem.live_bytes < 2000000, "%d bytes", (int)f.mem.live_bytes);
    teardown(&f);
}

static void nothing_is_left_out(void)
{
    struct fixture f;
    setup(&f);
    const moe__expr nothing = moe__grammar_either(f.builder, NULL, 0);
    const moe__expr a = bytes(&f, "a");
    const moe__expr dead = join(&f, a, nothing);
    const moe__expr way = either(&f, dead, bytes(&f, "b"));
    const moe__expr many = moe__grammar_repeat(f.builder, dead, 0, 9);
    const moe__expr codes = moe__grammar_codes(f.builder, NULL, 0, false);
    REQUIRE(finish(&f, join(&f, way, either(&f, many, codes))) == MOE_OK);
    CHECK(is_text(&f, "", 0, "b") && !is_text(&f, "", 0, "a") &&
          !is_text(&f, "", 0, "ba"));
    teardown(&f);
}

static void codes_leave_out_surrogates(void)
{
    static const struct moe__code_range ranges[] = {
        {0xe000, 0xe000}, {0xd000, 0xdfff}, {0x10fffe, 0xffffffff}, {9, 8}};
    struct fixture f;
    for (int is_negated = 0; is_negated < 2; is_negated++) {
        setup(&f);
        REQUIRE(finish(&f, moe__grammar_codes(f.builder, ranges, 4,
                                              is_negated)) == MOE_OK);
        CHECK(is_text(&f, "", 0, "\xed\x9f\xbf") == !is_negated);
        CHECK(is_text(&f, "", 0, "\xee\x80\x80") == !is_negated);
        CHECK(is_text(&f, "", 0, "\xf4\x8f\xbf\xbf") == !is_negated);
        CHECK(is_text(&f, "", 0, "\xf4\x8f\xbf\xbd") == is_negated);
        CHECK(is_text(&f, "", 0, "\t") == is_negated);
        CHECK(!is_text(&f, "", 0, "\xed\xa0\x80"));
        CHECK(!is_text(&f, "", 0, "\xed\xbf\xbf"));
        CHECK(!is_text(&f, "", 0, "\xf4\x90\x80\x80"));
        teardown(&f);
    }
}

static void repeats_are_counted(void)
{
    static const int bounds[][2] = {{0, 65535}, {65535, 65535}, {40, 100},
                                    {100, -1},  {0, 33},        {33, 34}};
    struct fixture f;
    for (size_t i = 0; i < MOE__COUNT(bounds); i++) {
        const int least = bounds[i][0], most = bounds[i][1];
        setup(&f);
        REQUIRE(finish(&f, moe__grammar_repeat(f.builder, bytes(&f, "abc"),
                                               least, most)) == MOE_OK);
        CHECK(f.mem.live_bytes < 20000, "%d bytes", (int)f.mem.live_bytes);
        CHECK(is_text(&f, "abc", least, ""));
        CHECK(least == 0 || !is_text(&f, "abc", least - 1, ""));
        CHECK(is_text(&f, "abc", most < 0 ? 5000 : most, ""));
        CHECK(most < 0 || !is_text(&f, "abc", most + 1, ""));
        teardown(&f);
    }
}

static void repeats_of_what_may_be_empty_are_counted(void)
{
    struct fixture f;
    setup(&f);
    const moe__expr part = either(&f, bytes(&f, ""), bytes(&f, "a"));
    REQUIRE(finish(&f, moe__grammar_repeat(f.builder, part, 500, 1000)) ==
            MOE_OK);
    CHECK(is_text(&f, "a", 0, "") && is_text(&f, "a", 1000, "") &&
          !is_text(&f, "a", 1001, ""));
    teardown(&f);
}

static void a_hundred_thousand_choices_compile(void)
{
    enum { N = 100000 };
    struct fixture f;
    static char texts[N][12];
    static struct moe__slice choices[N];
    setup(&f);
    moe__grammar_discard(f.builder);
    for (int i = 0; i < N; i++) {
        const uint32_t mixed = (uint32_t)i * 2654435761u;
        for (int k = 0; k < 4; k++)
            texts[i][k] = (char)(mixed >> 8 * k);
        memcpy(texts[i] + 4, "!end", 4);
        choices[i] = moe__slice_of(texts[i], 8);
    }
    REQUIRE(moe__grammar_from_choices(&f.mem, choices, N, &f.grammar, &f.why) ==
                MOE_OK,
            "%s", f.why.message);
    struct moe__constraint *c = NULL;
    CHECK(moe__constraint_create(&f.mem, f.grammar, NULL, &c, NULL) == MOE_OK);
    for (int i = 0; i < N; i += 997) {
        moe__constraint_reset(c);
        CHECK(moe__constraint_accept(c, choices[i]) == MOE_OK &&
              moe__constraint_must_end(c));
        moe__constraint_reset(c);
        CHECK(moe__constraint_accept(c, moe__slice_of(choices[i].data, 5)) ==
                  MOE_OK &&
              moe__constraint_accept(c, moe__slice_str("x")) ==
                  MOE_ERR_ARGUMENT);
    }
    moe__constraint_destroy(c);
    teardown(&f);
}

/* list ::= "a" list | end, and a list whose end is a rule. */
static void right_recursion_does_not_grow(void)
{
    struct fixture f;
    struct moe__constraint *c = NULL;
    setup(&f);
    const moe__expr list = moe__grammar_rule(f.builder);
    moe__grammar_define(
        f.builder, list,
        either(&f, join(&f, bytes(&f, "a"), list), bytes(&f, "")));
    REQUIRE(finish(&f, join(&f, list, bytes(&f, "."))) == MOE_OK);
    CHECK(moe__constraint_create(&f.mem, f.grammar, NULL, &c, NULL) == MOE_OK);
    CHECK(moe__constraint_accept(c, moe__slice_str("aaaaaaaa")) == MOE_OK);
    const uint64_t before = f.mem.live_bytes;
    for (int i = 0; i < 10000; i++)
        CHECK(moe__constraint_accept(c, moe__slice_str("aaaaaaaa")) == MOE_OK);
    CHECK(f.mem.live_bytes == before);
    CHECK(moe__constraint_accept(c, moe__slice_str(".")) == MOE_OK &&
          moe__constraint_must_end(c));
    moe__constraint_destroy(c);
    teardown(&f);
}

static void nesting_is_followed(void)
{
    struct fixture f;
    setup(&f);
    const moe__expr nest = moe__grammar_rule(f.builder);
    moe__grammar_define(
        f.builder, nest,
        either(&f, bytes(&f, "x"),
               join(&f, join(&f, bytes(&f, "("), nest), bytes(&f, ")"))));
    REQUIRE(finish(&f, nest) == MOE_OK);
    char tail[1002] = "x";
    memset(tail + 1, ')', 1000);
    CHECK(is_text(&f, "(", 1000, tail));
    CHECK(!is_text(&f, "(", 999, tail) && !is_text(&f, "(", 1001, tail));
    teardown(&f);
}

/* --------------------------------------------------------------- refusals */

static void undefined_rules_are_named(void)
{
    struct fixture f;
    setup(&f);
    moe__expr rule = moe__grammar_rule(f.builder);
    CHECK(finish(&f, rule) == MOE_ERR_ARGUMENT && f.grammar == NULL);
    CHECK(strcmp(f.why.message, "grammar: rule 1 is not defined") == 0, "%s",
          f.why.message);
    setup(&f);
    rule = moe__grammar_rule(f.builder);
    moe__grammar_name(f.builder, rule, moe__slice_str("tea"));
    CHECK(finish(&f, rule) == MOE_ERR_ARGUMENT);
    CHECK(strcmp(f.why.message, "grammar: rule \"tea\" is not defined") == 0,
          "%s", f.why.message);
    setup(&f);
    rule = moe__grammar_rule(f.builder);
    moe__grammar_define(f.builder, rule, bytes(&f, "a"));
    moe__grammar_define(f.builder, rule, bytes(&f, "b"));
    CHECK(finish(&f, rule) == MOE_ERR_ARGUMENT);
    CHECK(strcmp(f.why.message, "grammar: rule 1 is defined twice") == 0, "%s",
          f.why.message);
    teardown(&f);
}

static void left_recursion_is_named(void)
{
    struct fixture f;
    for (int is_hidden = 0; is_hidden < 3; is_hidden++) {
        setup(&f);
        const moe__expr rule = moe__grammar_rule(f.builder);
        const moe__expr a = bytes(&f, "a");
        const moe__expr empty = moe__grammar_repeat(f.builder, a, 0, 200);
        const moe__expr self =
            is_hidden == 2 ? moe__grammar_repeat(f.builder, rule, 3, 900)
                           : rule;
        moe__grammar_name(f.builder, rule, moe__slice_str("loop"));
        moe__grammar_define(
            f.builder, rule,
            either(&f, a, join(&f, is_hidden ? empty : self, self)));
        CHECK(finish(&f, join(&f, a, rule)) == MOE_ERR_ARGUMENT);
        CHECK(strcmp(f.why.message, "grammar: rule \"loop\" can begin with "
                                    "itself (left recursion)") == 0,
              "%s", f.why.message);
        teardown(&f);
    }
}

static void a_start_without_texts_is_refused(void)
{
    struct fixture f;
    setup(&f);
    const moe__expr rule = moe__grammar_rule(f.builder);
    moe__grammar_define(f.builder, rule, join(&f, bytes(&f, "a"), rule));
    CHECK(finish(&f, rule) == MOE_ERR_ARGUMENT);
    CHECK(strcmp(f.why.message, "grammar: no text matches it") == 0, "%s",
          f.why.message);
    teardown(&f);
}

static void the_first_failure_is_kept(void)
{
    struct fixture f;
    const struct moe__err why = {MOE_ERR_FORMAT, "first"};
    setup(&f);
    moe__grammar_fail(f.builder, &why);
    CHECK(bytes(&f, "a") < 0);
    CHECK(finish(&f, join(&f, 77, -1)) == MOE_ERR_FORMAT);
    CHECK(strcmp(f.why.message, "first") == 0);
    teardown(&f);
}

/* ---------------------------------------------------------------- hostile */

static void depth_costs_no_stack(void)
{
    struct fixture f;
    setup(&f);
    moe__expr whole = bytes(&f, "a"), rule = whole;
    for (int i = 0; i < 100000; i++) {
        whole = join(&f, bytes(&f, "b"),
                     moe__grammar_repeat(f.builder, whole, 0, 1));
        if (i % 20 == 0) { /* chains of rules that call rules */
            const moe__expr next = moe__grammar_rule(f.builder);
            moe__grammar_define(f.builder, next, rule);
            rule = next;
        }
    }
    REQUIRE(finish(&f, either(&f, whole, rule)) == MOE_OK, "%s", f.why.message);
    CHECK(is_text(&f, "b", 1000, "") && is_text(&f, "", 0, "a"));
    teardown(&f);
}

static void repeats_of_repeats_are_counted(void)
{
    struct fixture f;
    setup(&f);
    moe__expr whole = bytes(&f, "a");
    for (int i = 0; i < 50; i++)
        whole = join(&f, moe__grammar_repeat(f.builder, whole, 60000, 65535),
                     bytes(&f, "."));
    REQUIRE(finish(&f, whole) == MOE_OK, "%s", f.why.message);
    CHECK(f.mem.live_bytes < 100000, "%d bytes", (int)f.mem.live_bytes);
    CHECK(!is_text(&f, "a", 60000, "a.a.") && !is_text(&f, "a", 10, "."));
    teardown(&f);
}

/* (a|b)* a (a|b){n}: as one deterministic rule, 2^n states. */
static void exponential_rules_end_quickly(void)
{
    struct fixture f;
    for (int n = 5; n <= 2000; n *= 5) {
        setup(&f);
        const moe__expr letter = either(&f, bytes(&f, "a"), bytes(&f, "b"));
        moe__expr copies[2000];
        for (int i = 0; i < n; i++)
            copies[i] = letter;
        const moe__expr tail =
            n == 625 ? moe__grammar_repeat(f.builder, letter, n, n)
                     : moe__grammar_join(f.builder, copies, n);
        const moe__expr whole =
            join(&f, moe__grammar_repeat(f.builder, letter, 0, -1),
                 join(&f, bytes(&f, "a"), tail));
        const moe_status status = finish(&f, whole);
        CHECK(status == MOE_OK || (status == MOE_ERR_UNSUPPORTED &&
                                   strstr(f.why.message, "more than")),
              "%d: %s", status, f.why.message);
        if (status == MOE_OK) {
            char text[2002] = "a";
            memset(text + 1, 'b', (size_t)n);
            text[n + 1] = 0;
            CHECK(is_text(&f, "ab", 40, text));
            CHECK(!is_text(&f, "ab", 40, text + 1) ||
                  n < 80); /* the a before is too far, or is there one? */
        }
        teardown(&f);
    }
}

/* Twice itself, or nothing but letters: all ways to split a text. */
static void ambiguity_ends_quickly(void)
{
    struct fixture f;
    setup(&f);
    const moe__expr rule = moe__grammar_rule(f.builder);
    const moe__expr a = bytes(&f, "a");
    const moe__expr more = moe__grammar_repeat(f.builder, rule, 0, 5);
    moe__grammar_define(f.builder, rule,
                        either(&f, join(&f, a, join(&f, more, a)),
                               join(&f, a, join(&f, more, more))));
    REQUIRE(finish(&f, rule) == MOE_OK, "%s", f.why.message);
    CHECK(is_text(&f, "a", 80, ""));
    CHECK(!is_text(&f, "a", 80, "b"));
    teardown(&f);
}

/* ----------------------------------------------------------------- memory */

static moe_status use_once(const moe_allocator *hook)
{
    static const char gbnf[] =
        "root ::= \"[\" (item (\",\" item)*)? \"]\" | word{3,200}\n"
        "item ::= root | [0-9]+ | \"\\\"\" [^\"]{0,99} \"\\\"\"\n"
        "word ::= [a-z]+ \" \"\n";
    static const char *const texts[] = {"[[1,\"", "a", "\xc3\xa9", "\"],23",
                                        "]"};
    struct moe__mem mem;
    struct moe__grammar *grammar = NULL;
    struct moe__trie *trie = NULL;
    struct moe__constraint *c = NULL, *copy = NULL;
    struct moe__slice pieces[5];
    moe__mem_init(&mem, hook);
    for (int i = 0; i < 5; i++)
        pieces[i] = moe__slice_str(texts[i]);
    moe_status status =
        moe__grammar_from_gbnf(&mem, moe__slice_str(gbnf), &grammar, NULL);
    if (status == MOE_OK)
        status = moe__trie_create(&mem, pieces, 5, &trie, NULL);
    if (status == MOE_OK)
        status = moe__constraint_create(&mem, grammar, trie, &c, NULL);
    for (int i = 0; i < 5 && status == MOE_OK; i++) {
        const uint64_t *mask = moe__constraint_mask(c);
        status = mask == NULL            ? MOE_ERR_NO_MEMORY
                 : (*mask >> i & 1) == 0 ? MOE_ERR_INTERNAL
                                         : moe__constraint_accept(c, pieces[i]);
    }
    if (status == MOE_OK)
        status = moe__constraint_clone(&mem, c, &copy, NULL);
    if (status == MOE_OK && !moe__constraint_must_end(copy))
        status = MOE_ERR_INTERNAL;
    moe__constraint_destroy(copy);
    moe__constraint_destroy(c);
    moe__trie_destroy(trie);
    moe__grammar_destroy(grammar);
    return status;
}

static void each_allocation_can_fail(void)
{
    long n = 1;
    for (;; n++) {
        struct counter counter = {.fail_at = n};
        const moe_allocator hook = counter_hook(&counter);
        const moe_status status = use_once(&hook);
        REQUIRE(counter.n_live == 0, "%ld: %ld blocks", n, counter.n_live);
        if (counter.n_alloc < n) {
            CHECK(status == MOE_OK, "%d", status);
            break;
        }
        /* what a cache is refused is not missed */
        CHECK(status == MOE_ERR_NO_MEMORY || status == MOE_OK, "%ld: %d", n,
              status);
    }
    CHECK(n > 50, "%ld allocations", n);
}

static const struct test tests[] = {
    {"shared_parts_are_written_once", shared_parts_are_written_once},
    {"a_rules_body_may_be_shared", a_rules_body_may_be_shared},
    {"nothing_is_left_out", nothing_is_left_out},
    {"codes_leave_out_surrogates", codes_leave_out_surrogates},
    {"repeats_are_counted", repeats_are_counted},
    {"repeats_of_what_may_be_empty_are_counted",
     repeats_of_what_may_be_empty_are_counted},
    {"a_hundred_thousand_choices_compile", a_hundred_thousand_choices_compile},
    {"right_recursion_does_not_grow", right_recursion_does_not_grow},
    {"nesting_is_followed", nesting_is_followed},
    {"undefined_rules_are_named", undefined_rules_are_named},
    {"left_recursion_is_named", left_recursion_is_named},
    {"a_start_without_texts_is_refused", a_start_without_texts_is_refused},
    {"the_first_failure_is_kept", the_first_failure_is_kept},
    {"depth_costs_no_stack", depth_costs_no_stack},
    {"repeats_of_repeats_are_counted", repeats_of_repeats_are_counted},
    {"exponential_rules_end_quickly", exponential_rules_end_quickly},
    {"ambiguity_ends_quickly", ambiguity_ends_quickly},
    {"each_allocation_can_fail", each_allocation_can_fail},
};

TEST_MAIN(tests)
