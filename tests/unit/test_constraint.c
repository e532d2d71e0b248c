/* Constraints over a vocabulary like those of models: masks against each
 * token's bytes, ends, and what is done with a place. */
#include "base/rng.h"
#include "sample/grammar.h"
#include "test.h"

enum { N_VOCAB = 700, MAX_PIECE = 64 };

struct fixture {
    struct moe__mem mem;
    struct moe__grammar *grammar;
    struct moe__trie *trie;
    struct moe__constraint *constraint;
    char bytes[N_VOCAB][MAX_PIECE];
    struct moe__slice pieces[N_VOCAB];
};

static int draw(uint64_t *at, int n)
{
    return (int)(moe__rng_u64(11, (*at)++) % (uint64_t)n);
}

/* All single bytes, an empty token; then runs of letters, of what JSON and
 * dates are made of, of whole characters, cut somewhere; some are equal. */
static void draw_pieces(struct fixture *f)
{
    static const char *const parts[] = {"e",    "t",        "a",
                                        "th",   "er",       "E",
                                        " ",    "\n",       "\"",
                                        "\"",   "\\",       "\\n",
                                        "\\u0", "{",        "}",
                                        "[",    "]",        ",",
                                        ":",    "0",        "19",
                                        "-",    "-1",       "T",
                                        ".5",   "\xc3\xa9", "\xe4\xb8\x96",
                                        "f",    "z",        "true",
                                        "\x7f", "\x01",     "\xf0\x9f\x8c\x8d"};
    uint64_t at = 0;
    for (int i = 0; i < N_VOCAB; i++) {
        char *bytes = f->bytes[i];
        size_t n = i < 256;
        bytes[0] = (char)i;
        if (i > 256) {
            const size_t most = 1 + (size_t)draw(&at, i % 8 == 0 ? 50 : 9);
            const int n_kinds = draw(&at, 3) == 0 ? 6 : (int)MOE__COUNT(parts);
            while (n < most) {
                const char *part = parts[draw(&at, n_kinds)];
                memcpy(bytes + n, part, strlen(part));
                n += strlen(part);
            }
            n = draw(&at, 3) == 0 ? most : n;
        }
        f->pieces[i] = moe__slice_of(bytes, n);
    }
}

static bool setup(struct fixture *f, const char *gbnf)
{
    struct moe__err why = {MOE_OK, ""};
    memset(f, 0, sizeof *f);
    moe__mem_init(&f->mem, NULL);
    draw_pieces(f);
    CHECK(moe__grammar_from_gbnf(&f->mem, moe__slice_str(gbnf), &f->grammar,
                                 &why) == MOE_OK &&
              moe__trie_create(&f->mem, f->pieces, N_VOCAB, &f->trie, &why) ==
                  MOE_OK &&
              moe__constraint_create(&f->mem, f->grammar, f->trie,
                                     &f->constraint, &why) == MOE_OK,
          "%s: %s", gbnf, why.message);
    return f->constraint != NULL;
}

static void teardown(struct fixture *f)
{
    moe__constraint_destroy(f->constraint);
    moe__trie_destroy(f->trie);
    moe__grammar_destroy(f->grammar);
    CHECK(f->mem.live_bytes == 0, "%d bytes", (int)f->mem.live_bytes);
}

static bool accepts(struct moe__constraint *constraint, const char *text)
{
    return moe__constraint_accept(constraint, moe__slice_str(text)) == MOE_OK;
}

static const char json[] =
    "root ::= value\n"
    "value ::= object | array | string | number | \"true\" | \"null\"\n"
    "object ::= \"{\" ws (string \":\" ws value ws (\",\" ws string \":\" ws "
    "value ws)*)? \"}\"\n"
    "array ::= \"[\" ws (value ws (\",\" ws value ws)*)? \"]\"\n"
    "string ::= \"\\\"\" char* \"\\\"\"\n"
    "char ::= [^\"\\\\\\x00-\\x1f] | \"\\\\\" ([nt\"\\\\] | \"u\" "
    "[0-9a-f]{4})\n"
    "number ::= \"-\"? (\"0\" | [1-9] [0-9]*) (\".\" [0-9]+)?\n"
    "ws ::= [ \\n]{0,3}\n";

static const char *const grammars[] = {
    json,
    "root ::= \"\\\"\" [^\"\\\\\\x00-\\x1f]{3,90} \"\\\"\"\n",
    "root ::= .{0,70}\n",
    "root ::= ([^\"\\\\\\x00-\\x1f]{2,9} \"\\\"\"){4,}\n",
    "root ::= ([a-zA-Z ]{5} | [a-z]{1,7} | [0-9e-t]{6,30} \".\"){2,}\n",
    "root ::= [^\\x00]{40,} \"{\"\n",
    "root ::= [^e]* | [a-z ]*\n",
    "root ::= ([a-zA-Z]{1,9} [ ,]){0,50} [a-z]+\n",
    "root ::= (\"<\" [\\u4e00-\\u9fff\\u00e9]* \">\")*\n",
    "root ::= [12] [0-9]{3} \"-\" [01] [0-9] (\"T\" [0-9]+)? | \"{\" root "
    "\"}\"\n",
};

/* ------------------------------------------------------------------ masks */

/* Tokens that the mask wrongly allows or forbids; *next: one that is allowed,
 * or -1. */
static int n_wrong(struct fixture *f, uint64_t *at, int *next)
{
    int n = 0, n_allowed = 0;
    const uint64_t *mask = moe__constraint_mask(f->constraint);
    *next = -1;
    for (int i = 0; i < N_VOCAB; i++) {
        struct moe__constraint *copy = NULL;
        const struct moe__slice piece = f->pieces[i];
        const bool is_allowed = (mask[i / 64] >> (i % 64) & 1) != 0;
        bool is_right = piece.n > 0;
        is_right = is_right &&
                   moe__constraint_clone(&f->mem, f->constraint, &copy, NULL) ==
                       MOE_OK &&
                   moe__constraint_accept(copy, piece) == MOE_OK;
        moe__constraint_destroy(copy);
        n += is_right != is_allowed;
        if (is_allowed && draw(at, ++n_allowed) == 0)
            *next = i;
    }
    return n;
}

static void masks_are_what_brute_force_finds(void)
{
    static struct fixture f;
    for (size_t g = 0; g < MOE__COUNT(grammars); g++) {
        uint64_t at = g << 32;
        if (!setup(&f, grammars[g]))
            continue;
        for (int step = 0; step < 40 && test_failures == 0; step++) {
            int next;
            const int n = n_wrong(&f, &at, &next);
            CHECK(n == 0, "%s: %d tokens in step %d", grammars[g], n, step);
            CHECK(next >= 0 || moe__constraint_can_end(f.constraint),
                  "%s: a dead end", grammars[g]);
            if (next < 0)
                moe__constraint_reset(f.constraint);
            else
                CHECK(moe__constraint_accept(f.constraint, f.pieces[next]) ==
                      MOE_OK);
        }
        teardown(&f);
    }
}

/* With all single bytes in the vocabulary, from wherever a walk has led, the
 * text ends if bytes that end things are preferred. */
static void every_walk_can_be_ended(void)
{
    static struct fixture f;
    static const char closing[] = "\"}]0>1e,: {-n";
    for (size_t g = 0; g < MOE__COUNT(grammars); g++) {
        uint64_t at = 1 + (g << 32);
        if (!setup(&f, grammars[g]))
            continue;
        for (int walk = 0; walk < 10; walk++) {
            moe__constraint_reset(f.constraint);
            for (int step = 0; step < 400; step++) {
                const uint64_t *mask = moe__constraint_mask(f.constraint);
                int best = -1, n_allowed = 0;
                if (step >= 20 && moe__constraint_can_end(f.constraint))
                    break;
                for (int i = 0; i < 256; i++) {
                    const bool is_allowed = (mask[i / 64] >> (i % 64) & 1) != 0;
                    if (is_allowed && draw(&at, ++n_allowed) == 0)
                        best = i;
                }
                for (int i = 0; i < 30 && step >= 20; i++) {
                    const int byte = closing[draw(&at, sizeof closing - 1)];
                    if ((mask[byte / 64] >> (byte % 64) & 1) != 0)
                        best = byte;
                }
                if (best < 0)
                    break;
                CHECK(moe__constraint_accept(f.constraint, f.pieces[best]) ==
                      MOE_OK);
            }
            CHECK(moe__constraint_can_end(f.constraint), "%s: walk %d",
                  grammars[g], walk);
        }
        teardown(&f);
    }
}

/* ----------------------------------------------------------------- places */

static void a_refused_text_changes_nothing(void)
{
    static struct fixture f;
    REQUIRE(setup(&f, json));
    CHECK(accepts(f.constraint, "[1, \"a"));
    CHECK(moe__constraint_accept(f.constraint, moe__slice_str("b\", x")) ==
          MOE_ERR_ARGUMENT);
    CHECK(accepts(f.constraint, ""));
    CHECK(accepts(f.constraint, "\xe4\xb8"));
    CHECK(!accepts(f.constraint, "\""));
    CHECK(accepts(f.constraint, "\x96\"]"));
    CHECK(moe__constraint_must_end(f.constraint));
    teardown(&f);
}

static void ends_are_told(void)
{
    static struct fixture f;
    REQUIRE(setup(&f, "root ::= \"a\" \"b\"{0,2}\n"));
    CHECK(!moe__constraint_can_end(f.constraint));
    CHECK(!moe__constraint_must_end(f.constraint));
    CHECK(accepts(f.constraint, "a"));
    CHECK(moe__constraint_can_end(f.constraint));
    CHECK(!moe__constraint_must_end(f.constraint));
    CHECK(accepts(f.constraint, "bb"));
    CHECK(moe__constraint_can_end(f.constraint));
    CHECK(moe__constraint_must_end(f.constraint));
    const uint64_t *mask = moe__constraint_mask(f.constraint);
    for (int i = 0; i < (N_VOCAB + 63) / 64; i++)
        CHECK(mask[i] == 0);
    moe__constraint_reset(f.constraint);
    CHECK(!moe__constraint_can_end(f.constraint));
    CHECK(accepts(f.constraint, "ab"));
    teardown(&f);
}

static void copies_are_independent(void)
{
    static struct fixture f;
    struct moe__constraint *copy = NULL;
    REQUIRE(setup(&f, json));
    CHECK(accepts(f.constraint, "{\"a\":"));
    CHECK(moe__constraint_clone(&f.mem, f.constraint, &copy, NULL) == MOE_OK);
    CHECK(accepts(copy, " [1"));
    CHECK(accepts(f.constraint, "true}"));
    CHECK(!accepts(copy, "}"));
    moe__constraint_destroy(f.constraint);
    f.constraint = copy;
    CHECK(accepts(copy, "]}") && moe__constraint_must_end(copy));
    moe__constraint_reset(copy);
    CHECK(accepts(copy, "null"));
    teardown(&f);
}

static void forced_bytes_are_those_of_all_texts(void)
{
    static const struct {
        const char *gbnf, *before, *forced;
    } cases[] = {
        {"root ::= \"abc\" [de] \"f\"", "", "abc"},
        {"root ::= \"abc\" [de] \"f\"", "abcd", "f"},
        {"root ::= \"abc\" \"d\"? \"e\"", "a", "bc"},
        {"root ::= \"ab\" \"c\"?", "", "ab"},
        {"root ::= \"xay\" | \"xaz\" | \"xab\"", "", "xa"},
        {"root ::= [\\u4e16\\u4e17]", "", "\xe4\xb8"},
        {"root ::= \"ab\"{3} \"c\"", "a", "bababc"},
        {"root ::= \"a\"?", "", ""},
    };
    static struct fixture f;
    for (size_t i = 0; i < MOE__COUNT(cases); i++) {
        struct moe__text text;
        if (!setup(&f, cases[i].gbnf))
            continue;
        moe__text_init(&text, &f.mem, 0);
        CHECK(accepts(f.constraint, cases[i].before));
        moe__constraint_forced(f.constraint, &text);
        CHECK(moe__slice_is(moe__text_slice(&text), cases[i].forced),
              "%s: '%.*s'", cases[i].gbnf, (int)text.n, text.data);
        CHECK(accepts(f.constraint, cases[i].forced));
        moe__text_free(&text);
        teardown(&f);
    }
}

/* A text of a megabyte in which the place is never the same. */
static void long_texts_take_bounded_memory(void)
{
    static const char *const texts[][2] = {
        {json, "[1, \"a\\n\", {\"b\": [true, -2.5]}],"},
        {"root ::= \"[\" ([^\\n]{1,9} \"\\n\"){0,65535}\n", "abc\ny-y\n"},
    };
    static struct fixture f;
    for (size_t i = 0; i < MOE__COUNT(texts); i++) {
        uint64_t peak = 0;
        if (!setup(&f, texts[i][0]))
            continue;
        CHECK(accepts(f.constraint, "["));
        for (size_t n = 0; n < 200000; n += strlen(texts[i][1])) {
            CHECK(accepts(f.constraint, texts[i][1]));
            if (n % 64 == 0)
                CHECK(moe__constraint_mask(f.constraint) != NULL);
            peak = f.mem.live_bytes > peak ? f.mem.live_bytes : peak;
        }
        CHECK(peak < (uint64_t)40 << 20, "%d bytes", (int)peak);
        teardown(&f);
    }
}

static const struct test tests[] = {
    {"masks_are_what_brute_force_finds", masks_are_what_brute_force_finds},
    {"every_walk_can_be_ended", every_walk_can_be_ended},
    {"a_refused_text_changes_nothing", a_refused_text_changes_nothing},
    {"ends_are_told", ends_are_told},
    {"copies_are_independent", copies_are_independent},
    {"forced_bytes_are_those_of_all_texts",
     forced_bytes_are_those_of_all_texts},
    {"long_texts_take_bounded_memory", long_texts_take_bounded_memory},
};

TEST_MAIN(tests)
