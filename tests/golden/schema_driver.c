/* schema_driver.c: texts that random logits make under schemas, and whether
 * schemas accept texts.
 *
 * The input is {"pieces": [hexadecimal, ...], "requests": [...]}.  A request
 * {"schema", "seed", "n"} gives n lines: the bytes of a text in hexadecimal, or
 * a word and a space before them if something went wrong.  A request {"schema",
 * "texts"} gives one line: 1 or 0 for each text, or the refusal. */
#include "base/rng.h"
#include "chat/chat.h"
#include "sample/grammar.h"
#include "test.h"

#define MAX_TOKENS 4000
/* After each so many tokens closing marks are a unit of logit more likely and
 * opening ones less, up to a limit that leaves a chance to all. */
#define PATIENCE 25.0f
#define MAX_LEANING 3.0f

struct driver {
    struct moe__mem mem;
    struct moe__arena arena;
    struct moe__slice *pieces; /* [n_pieces] */
    float *leanings;           /* [n_pieces] 1: it closes; -1: it opens */
    int32_t n_pieces;
    struct moe__trie *trie;
    uint64_t seed;
    uint64_t n_drawn;
};

static int hex_value(uint8_t letter)
{
    return letter <= '9' ? letter - '0' : letter - 'a' + 10;
}

static void write_hex(struct moe__slice bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        printf("%02x", bytes.data[i]);
    printf("\n");
}

/* What closes is a piece of its own, what opens begins one. */
static float leaning_of(struct moe__slice piece)
{
    const uint8_t c = piece.n > 0 ? piece.data[0] : 0;
    return c == '{' || c == '['                                 ? -1.0f
           : piece.n == 1 && (c == '"' || c == '}' || c == ']') ? 1.0f
                                                                : 0.0f;
}

static bool read_pieces(struct driver *d, const struct moe__json *list)
{
    const size_t n = (size_t)list->n;
    d->n_pieces = list->n;
    d->pieces = moe__arena_alloc(&d->arena, n, sizeof *d->pieces);
    d->leanings = moe__arena_alloc(&d->arena, n, sizeof *d->leanings);
    for (size_t i = 0; i < n; i++) {
        const struct moe__slice hex = list->items[i].text;
        uint8_t *bytes = moe__arena_alloc(&d->arena, hex.n / 2, 1);
        for (size_t k = 0; k < hex.n / 2; k++)
            bytes[k] = (uint8_t)(hex_value(hex.data[2 * k]) * 16 +
                                 hex_value(hex.data[2 * k + 1]));
        d->pieces[i] = moe__slice_of(bytes, hex.n / 2);
        d->leanings[i] = leaning_of(d->pieces[i]);
    }
    return moe__trie_create(&d->mem, d->pieces, d->n_pieces, &d->trie, NULL) ==
           MOE_OK;
}

static float random_unit(struct driver *d)
{
    return (float)moe__rng_f64(d->seed, d->n_drawn++);
}

/* The token with the largest logit among those of the mask, or -1. */
static int32_t pick(struct driver *d, const uint64_t *mask, int32_t n_before)
{
    const float patience = (float)n_before / PATIENCE;
    const float leaning = patience < MAX_LEANING ? patience : MAX_LEANING;
    int32_t best = -1;
    float best_logit = 0;
    for (int32_t i = 0; i < d->n_pieces; i++) {
        if (!(mask[i / 64] >> (i % 64) & 1))
            continue;
        const float logit = 4 * random_unit(d) + leaning * d->leanings[i];
        if (best < 0 || logit > best_logit) {
            best = i;
            best_logit = logit;
        }
    }
    return best;
}

/* NULL, or what went wrong. */
static const char *sample(struct driver *d, struct moe__constraint *constraint,
                          struct moe__text *out)
{
    moe__constraint_reset(constraint);
    for (int32_t n = 0; n < MAX_TOKENS; n++) {
        if (moe__constraint_must_end(constraint))
            return moe__constraint_can_end(constraint) ? NULL : "stuck";
        if (moe__constraint_can_end(constraint) && random_unit(d) < 0.5f)
            return NULL;
        const uint64_t *mask = moe__constraint_mask(constraint);
        if (mask == NULL)
            return "no-memory";
        const int32_t token = pick(d, mask, n);
        if (token < 0)
            return "nothing-allowed";
        if (moe__constraint_accept(constraint, d->pieces[token]) != MOE_OK)
            return "refused";
        moe__text_add(out, d->pieces[token]);
    }
    return "endless";
}

static void write_samples(struct driver *d, struct moe__constraint *constraint,
                          const struct moe__json *request, const char *refusal)
{
    const int64_t n = moe__json_get(request, "n")->integer;
    d->seed = (uint64_t)moe__json_get(request, "seed")->integer;
    for (int64_t i = 0; i < n; i++) {
        struct moe__text text;
        moe__text_init(&text, &d->mem, 0);
        const char *complaint =
            constraint ? sample(d, constraint, &text) : "not-compiled";
        if (constraint == NULL)
            moe__text_puts(&text, refusal);
        if (complaint != NULL)
            printf("%s ", complaint);
        write_hex(moe__text_slice(&text));
        moe__text_free(&text);
    }
}

static void write_verdicts(struct moe__constraint *constraint,
                           const struct moe__json *texts, const char *refusal)
{
    for (int32_t i = 0; i < texts->n && constraint != NULL; i++) {
        moe__constraint_reset(constraint);
        const bool is_accepted =
            moe__constraint_accept(constraint, texts->items[i].text) ==
                MOE_OK &&
            moe__constraint_can_end(constraint);
        printf("%d", is_accepted);
    }
    printf("%s\n", constraint ? "" : refusal);
}

static void answer(struct driver *d, const struct moe__json *request)
{
    struct moe__grammar *grammar = NULL;
    struct moe__constraint *constraint = NULL;
    struct moe__err why = {MOE_OK, ""};
    struct moe__text schema;
    const struct moe__json *texts = moe__json_get(request, "texts");
    moe__text_init(&schema, &d->mem, 0);
    moe__json_write(&schema, moe__json_get(request, "schema"),
                    &moe__json_compact);
    if (moe__schema_compile(&d->mem, moe__text_slice(&schema), &grammar,
                            &why) == MOE_OK)
        moe__constraint_create(&d->mem, grammar, d->trie, &constraint, &why);
    if (texts != NULL)
        write_verdicts(constraint, texts, why.message);
    else
        write_samples(d, constraint, request, why.message);
    moe__constraint_destroy(constraint);
    moe__grammar_destroy(grammar);
    moe__text_free(&schema);
}

int main(int argc, char **argv)
{
    struct driver d = {.n_pieces = 0};
    const struct moe__json *input = NULL;
    size_t bytes = 0;
    uint8_t *text = argc == 2 ? test_read(argv[1], &bytes) : NULL;
    if (text == NULL)
        return 2;
    moe__mem_init(&d.mem, NULL);
    moe__arena_init(&d.arena, &d.mem);
    if (moe__json_read(&d.arena, moe__slice_of(text, bytes), &input, NULL) !=
            MOE_OK ||
        !read_pieces(&d, moe__json_get(input, "pieces")))
        return 2;
    const struct moe__json *requests = moe__json_get(input, "requests");
    for (int32_t i = 0; i < requests->n; i++)
        answer(&d, &requests->items[i]);
    moe__trie_destroy(d.trie);
    moe__arena_free(&d.arena);
    free(text);
    return d.mem.live_bytes != 0;
}
