/* bench_mask.c: what a grammar costs per token, one thread.
 *
 *     bench_mask VOCABULARY...
 *
 * VOCABULARY is a GGUF, tokenizer.model, tokenizer.json or tekken.json.  Under
 * each grammar a text is written token by token, always the longest that fits;
 * a token costs a mask and an accept.  Each round begins with nothing cached;
 * a token's time is its fastest of all rounds, for other programs run as well.
 * Milliseconds: of the text's first token, the median and the worst. */
#include "os/system.h"
#include "sample/grammar.h"
#include "token/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_ROUNDS = 7, MAX_STEPS = 4000, N_CHOICES = 1000 };

#define JSON_PARTS                                                         \
    "value ::= object | array | string | number | \"true\" | \"false\" |"  \
    " \"null\"\n"                                                          \
    "object ::= \"{\" ws (string \":\" ws value ws (\",\" ws string \":\"" \
    " ws value ws)*)? \"}\"\n"                                             \
    "array ::= \"[\" ws (value ws (\",\" ws value ws)*)? \"]\"\n"          \
    "string ::= \"\\\"\" char* \"\\\"\"\n"                                 \
    "char ::= [^\"\\\\\\x00-\\x1f] | \"\\\\\" ([\"\\\\/bfnrt] | \"u\" "    \
    "[0-9a-fA-F]{4})\n"                                                    \
    "number ::= \"-\"? (\"0\" | [1-9] [0-9]*) (\".\" [0-9]+)?"             \
    " ([eE] [-+]? [0-9]+)?\n"                                              \
    "ws ::= [ \\n]{0,20}\n"

static const struct {
    const char *name, *gbnf, *text;
} cases[] = {
    {"JSON", "root ::= object\n" JSON_PARTS,
     "{\"name\": \"Ada Lovelace\", \"born\": 1815, \"notes\": [\"wrote the "
     "first program for a machine\",\n \"of which only parts were ever "
     "built\", \"caf\xc3\xa9 \xe4\xb8\xad\xe6\x96\x87 \\u00e9 \\\" quoted "
     "\\\"\"],\n  \"score\": -12.5e+3, \"tags\": [true, false, null, [], {}, "
     "[[1, 2], [3, {\"deep\": {\"deeper\": [\"a\", \"b\"]}}]]],\n"
     "  \"address\": {\"street\": \"St James's Square 12\", \"zip\": "
     "\"SW1Y 4LE\"}, \"empty\": \"\"}"},
    {"fixed keys",
     "root ::= \"{\\\"name\\\": \" string \", \\\"age\\\": \" [0-9]{1,3} \", "
     "\\\"is_member\\\": \" (\"true\" | \"false\") \", \\\"level\\\": \" "
     "(\"\\\"low\\\"\" | \"\\\"middle\\\"\" | \"\\\"high\\\"\") \", "
     "\\\"tags\\\": [\" string (\", \" string){0,9} \"]}\"\n"
     "string ::= \"\\\"\" char{0,200} \"\\\"\"\n"
     "char ::= [^\"\\\\\\x00-\\x1f] | \"\\\\\" [\"\\\\/bfnrt]\n",
     "{\"name\": \"Grace Hopper\", \"age\": 85, \"is_member\": true, "
     "\"level\": \"high\", \"tags\": [\"navy\", \"compilers\", \"a wonderful "
     "teacher who handed out nanoseconds of wire\"]}"},
    {"dates",
     "root ::= date (\", \" date)*\n"
     "date ::= [12] [0-9]{3} \"-\" (\"0\" [1-9] | \"1\" [0-2]) \"-\" "
     "(\"0\" [1-9] | [12] [0-9] | \"3\" [01]) (\"T\" [0-2] [0-9] \":\" [0-5] "
     "[0-9])?\n",
     "1969-07-20T20:17, 1989-11-09, 2024-02-29T08:30, 1815-12-10"},
    {"deep brackets", "root ::= \"[\" (root (\",\" root)*)? \"]\" | [0-9]+\n",
     "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1],1],2]],4],5]],7],8]],10],"
     "11]],13],14]],16],17]],19],0]],2],3]],5],6]],8],9]],11],12]],14],15]"
     "],17],18]]"},
    {"string, prose", "root ::= string\n" JSON_PARTS,
     "\"It was the best of times, it was the worst of times, it was the age of "
     "wisdom, it was the age of foolishness, it was the epoch of belief, it "
     "was the epoch of incredulity, it was the season of light.\\nIl \xc3\xa9"
     "tait une fois; \xd0\xbc\xd0\xb8\xd1\x80 \xd0\xb8 \xe4\xb8\x96\xe7\x95"
     "\x8c \xf0\x9f\x8c\x8d.\""},
    {"60 letters", "root ::= [^\\x00]{40,60}\n",
     "Here each count of letters is near one of both bounds. Done"},
    {"1,000 letters", "root ::= [^\\x00]{0,1000}\n",
     "Call me Ishmael. Some years ago, never mind how long precisely, having "
     "little or no money in my purse, and nothing particular to interest me "
     "on shore, I thought I would sail about a little."},
};

struct bench {
    struct moe__mem mem;
    struct moe__arena arena;
    struct moe__gguf gguf;
    struct moe__map file;
    struct moe__vocab *vocab;
    struct moe__trie *trie;
    struct moe__slice *pieces; /* [n_vocab] */
    int32_t n_vocab;
};

static moe_status bench_open(struct bench *b, const char *path,
                             struct moe__err *err)
{
    const struct moe__gguf_options options = {.is_header_only = true};
    moe__mem_init(&b->mem, NULL);
    moe__arena_init(&b->arena, &b->mem);
    MOE__TRY(moe__map_open(&b->file, path, err));
    const struct moe__slice file =
        moe__slice_of(b->file.data, (size_t)b->file.bytes);
    if (moe__vocab_is_file(file)) {
        MOE__TRY(moe__vocab_read(&b->arena, file, &b->vocab, err));
    } else {
        MOE__TRY(moe__gguf_open(&b->gguf, &b->mem, path, &options, err));
        MOE__TRY(moe__vocab_create(&b->arena, &b->gguf, &b->vocab, err));
    }
    b->n_vocab = moe__vocab_size(b->vocab);
    b->pieces =
        moe__arena_alloc(&b->arena, (size_t)b->n_vocab, sizeof *b->pieces);
    for (int32_t i = 0; b->pieces != NULL && i < b->n_vocab; i++)
        b->pieces[i] = moe__vocab_piece(b->vocab, i);
    return moe__trie_create(&b->mem, b->pieces, b->n_vocab, &b->trie, err);
}

static void bench_close(struct bench *b)
{
    moe__trie_destroy(b->trie);
    moe__gguf_close(&b->gguf);
    moe__map_close(&b->file);
    moe__arena_free(&b->arena);
}

/* The longest allowed token that the rest of the text begins with. */
static struct moe__slice longest(const struct bench *b, const uint64_t *mask,
                                 struct moe__slice rest)
{
    struct moe__slice best = {NULL, 0};
    for (int32_t i = 0; mask != NULL && i < b->n_vocab; i++) {
        const struct moe__slice piece = b->pieces[i];
        if (piece.n > best.n && piece.n <= rest.n &&
            (mask[i / 64] >> (i % 64) & 1) != 0 &&
            memcmp(piece.data, rest.data, piece.n) == 0)
            best = piece;
    }
    return best;
}

/* One round; ms [MAX_STEPS] keeps the fastest.  How many tokens; 0: the text
 * does not fit. */
static int write_text(const struct bench *b, struct moe__constraint *c,
                      struct moe__slice rest, double *ms)
{
    int n = 0;
    while (rest.n > 0 && n < MAX_STEPS) {
        const uint64_t start = moe__clock_ns();
        const uint64_t *mask = moe__constraint_mask(c);
        const uint64_t middle = moe__clock_ns();
        const struct moe__slice piece = longest(b, mask, rest);
        const uint64_t begin = moe__clock_ns();
        if (piece.n == 0 || moe__constraint_accept(c, piece) != MOE_OK)
            return 0;
        const double time =
            (double)(middle - start + moe__clock_ns() - begin) * 1e-6;
        if (ms[n] == 0 || time < ms[n])
            ms[n] = time;
        n++;
        rest.data += piece.n;
        rest.n -= piece.n;
    }
    return moe__constraint_can_end(c) ? n : 0;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static moe_status run_case(struct bench *b, const char *name,
                           const struct moe__grammar *grammar, const char *text,
                           struct moe__err *err)
{
    double ms[MAX_STEPS] = {0};
    int n = 0;
    for (int round = 0; round < N_ROUNDS; round++) {
        struct moe__constraint *c = NULL;
        MOE__TRY(moe__constraint_create(&b->mem, grammar, b->trie, &c, err));
        n = write_text(b, c, moe__slice_str(text), ms);
        moe__constraint_destroy(c);
        if (n == 0)
            return moe__fail(err, MOE_ERR_ARGUMENT, "%s: the text does not fit",
                             name);
    }
    const double first = ms[0];
    qsort(ms, (size_t)n, sizeof *ms, by_value);
    printf("| %-13s | %7d | %6d | %6.3f | %6.3f | %6.3f |\n", name, b->n_vocab,
           n, first, ms[n / 2], ms[n - 1]);
    return MOE_OK;
}

/* Names of streets, which begin and end alike. */
static moe_status run_choices(struct bench *b, struct moe__err *err)
{
    static const char *const names[] = {"Ash", "Beech", "Birch", "Cedar",
                                        "Elm", "Hazel", "Maple", "North",
                                        "Oak", "River"};
    static char lines[N_CHOICES][48];
    struct moe__slice choices[N_CHOICES];
    struct moe__grammar *grammar;
    for (int i = 0; i < N_CHOICES; i++) {
        snprintf(lines[i], sizeof lines[i], "%d %s%s Street", i / 100 + 1,
                 names[i / 10 % 10], names[i % 10]);
        choices[i] = moe__slice_str(lines[i]);
    }
    MOE__TRY(
        moe__grammar_from_choices(&b->mem, choices, N_CHOICES, &grammar, err));
    const moe_status status =
        run_case(b, "1,000 choices", grammar, lines[777], err);
    moe__grammar_destroy(grammar);
    return status;
}

static moe_status run_all(struct bench *b, const char *path,
                          struct moe__err *err)
{
    MOE__TRY(bench_open(b, path, err));
    for (size_t i = 0; i < MOE__COUNT(cases); i++) {
        struct moe__grammar *grammar;
        MOE__TRY(moe__grammar_from_gbnf(&b->mem, moe__slice_str(cases[i].gbnf),
                                        &grammar, err));
        const moe_status status =
            run_case(b, cases[i].name, grammar, cases[i].text, err);
        moe__grammar_destroy(grammar);
        MOE__TRY(status);
    }
    return run_choices(b, err);
}

int main(int argc, char **argv)
{
    printf("| %-13s | %7s | %6s | %6s | %6s | %6s |\n"
           "|---|--:|--:|--:|--:|--:|\n",
           "grammar", "vocab", "tokens", "first", "median", "worst");
    for (int i = 1; i < argc; i++) {
        struct bench b = {0};
        struct moe__err err = {MOE_OK, ""};
        if (run_all(&b, argv[i], &err) != MOE_OK) {
            fprintf(stderr, "bench_mask: %s\n", err.message);
            return 1;
        }
        bench_close(&b);
    }
    return argc < 2;
}
