/* Grammars drawn at random against their meaning: for each expression the set
 * of all texts of up to LENGTH letters, and of all beginnings of texts, worked
 * out as sets. */
#include "base/rng.h"
#include "prop.h"
#include "sample/grammar.h"

#include <stdbool.h>

enum { LENGTH = 7, N_TEXTS = 1 << (LENGTH + 1), MAX_NODES = 24, MAX_PARTS = 4 };

/* A text of n letters a and b is 1 << n plus its letters as bits, first
 * letters higher; so the empty one is 1. */
struct texts {
    uint8_t has[N_TEXTS];
};

enum kind { BYTES, JOIN, EITHER, REPEAT, RULE };

struct node {
    enum kind kind;
    int n;
    int parts[MAX_PARTS]; /* [n]; of RULE: the body */
    int text;             /* of BYTES */
    int least, most;
    moe__expr expr;
    bool is_productive;
    struct texts all, begins;
};

struct drawn {
    struct moe__mem *mem;
    struct node nodes[MAX_NODES];
    int n;
    uint64_t seed, at;
};

static int draw(struct drawn *d, int n)
{
    return (int)(moe__rng_u64(d->seed, d->at++) % (uint64_t)n);
}

static int text_length(int text)
{
    int n = -1;
    for (; text > 0; text /= 2)
        n++;
    return n;
}

/* How the text reads. */
static struct moe__slice text_bytes(int text, char *out)
{
    const int n = text_length(text);
    for (int i = 0; i < n; i++)
        out[i] = (char)('a' + (text >> (n - 1 - i) & 1));
    return moe__slice_of(out, (size_t)n);
}

/* ---------------------------------------------------------------- meaning */

static bool add_all(struct texts *to, const struct texts *from)
{
    bool is_new = false;
    for (int i = 1; i < N_TEXTS; i++) {
        is_new |= from->has[i] && !to->has[i];
        to->has[i] |= from->has[i];
    }
    return is_new;
}

/* a then b, as far as it is not too long. */
static struct texts joined(const struct texts *a, const struct texts *b)
{
    struct texts out = {{0}};
    for (int i = 1; i < N_TEXTS; i++)
        for (int n = 0; a->has[i] && n <= LENGTH - text_length(i); n++)
            for (int k = 0; k < 1 << n; k++)
                out.has[i << n | k] |= b->has[1 << n | k];
    return out;
}

static bool is_empty(const struct texts *texts)
{
    static const struct texts none;
    return memcmp(texts, &none, sizeof none) == 0;
}

/* One more round of the meaning of a node; whether something was new. */
static bool mean_repeat(struct node *node, const struct node *part)
{
    struct texts power = {{0}};
    bool is_new = false;
    power.has[1] = 1;
    node->is_productive = node->least == 0 || part->is_productive;
    /* After so many more rounds all texts are too long, or nothing is new. */
    const int last = node->least + LENGTH + 1;
    for (int k = 0; k <= last && (node->most < 0 || k <= node->most); k++) {
        if (k >= node->least)
            is_new |= add_all(&node->all, &power);
        if (k < node->most || node->most < 0) {
            const struct texts begin = joined(&power, &part->begins);
            is_new |= add_all(&node->begins, &begin);
        }
        power = joined(&power, &part->all);
        if (is_empty(&power))
            break;
    }
    return is_new;
}

static bool mean_join(struct drawn *d, struct node *node)
{
    struct texts all = {{0}};
    bool is_new = false;
    int n_productive = 0;
    all.has[1] = 1;
    for (int i = 0; i < node->n; i++)
        n_productive += d->nodes[node->parts[i]].is_productive;
    node->is_productive = n_productive == node->n;
    for (int i = 0; i < node->n; i++) {
        const struct node *part = &d->nodes[node->parts[i]];
        const struct texts begin = joined(&all, &part->begins);
        if (node->is_productive)
            is_new |= add_all(&node->begins, &begin);
        all = joined(&all, &part->all);
    }
    return add_all(&node->all, &all) || is_new;
}

static bool mean_once(struct drawn *d, struct node *node)
{
    const bool was_productive = node->is_productive;
    bool is_new = false;
    switch (node->kind) {
    case BYTES:
        node->is_productive = true;
        is_new = !node->all.has[node->text];
        node->all.has[node->text] = 1;
        for (int text = node->text; text > 0; text /= 2)
            node->begins.has[text] = 1;
        break;
    case JOIN:
        is_new = mean_join(d, node);
        break;
    case EITHER:
    case RULE:
        for (int i = 0; i < node->n; i++) {
            const struct node *part = &d->nodes[node->parts[i]];
            node->is_productive |= part->is_productive;
            is_new |= add_all(&node->all, &part->all);
            is_new |= add_all(&node->begins, &part->begins);
        }
        break;
    case REPEAT:
        is_new = mean_repeat(node, &d->nodes[node->parts[0]]);
        break;
    }
    if (node->is_productive)
        node->begins.has[1] = 1;
    return is_new || node->is_productive != was_productive;
}

static void mean_all(struct drawn *d)
{
    for (bool is_new = true; is_new;) {
        is_new = false;
        for (int i = 0; i < d->n; i++)
            is_new |= mean_once(d, &d->nodes[i]);
    }
}

/* ---------------------------------------------------------------- drawing */

static void draw_node(struct drawn *d, struct moe__grammar_builder *builder,
                      int n_rules)
{
    static const int lengths[] = {0, 1, 1, 1, 2, 3};
    struct node *node = &d->nodes[d->n];
    moe__expr parts[MAX_PARTS];
    char bytes[LENGTH];
    *node = (struct node){
        .kind = d->n < n_rules
                    ? RULE
                    : (enum kind)draw(d, d->n < n_rules + 3 ? 1 : RULE)};
    switch (node->kind) {
    case RULE:
        node->n = 1;
        node->expr = moe__grammar_rule(builder);
        break;
    case BYTES: {
        const int length = lengths[draw(d, 6)];
        node->text = 1 << length | draw(d, 1 << length);
        node->expr = moe__grammar_bytes(builder, text_bytes(node->text, bytes));
        break;
    }
    case REPEAT:
        node->parts[node->n++] = draw(d, d->n);
        node->least = draw(d, 3) > 0 ? draw(d, 3) : draw(d, 40);
        node->most = draw(d, 3) > 0 ? node->least + draw(d, 4) : -1;
        if (draw(d, 4) == 0)
            node->most = node->least + draw(d, 400);
        node->expr = moe__grammar_repeat(builder, d->nodes[node->parts[0]].expr,
                                         node->least, node->most);
        break;
    case JOIN:
    case EITHER:
        for (node->n = draw(d, 9) == 0 ? 0 : 1 + draw(d, MAX_PARTS);
             node->n < MAX_PARTS && draw(d, 3) > 0; node->n++) {
        }
        for (int i = 0; i < node->n; i++) {
            node->parts[i] = draw(d, d->n);
            parts[i] = d->nodes[node->parts[i]].expr;
        }
        node->expr =
            (node->kind == JOIN ? moe__grammar_join
                                : moe__grammar_either)(builder, parts, node->n);
        break;
    }
    d->n++;
}

/* A grammar and what it means; the start is the first rule. */
static moe_status draw_grammar(struct drawn *d, uint64_t seed,
                               struct moe__mem *mem, struct moe__grammar **out,
                               struct moe__err *why)
{
    struct moe__grammar_builder *builder;
    *d = (struct drawn){.mem = mem, .seed = seed};
    const int n_rules = 1 + draw(d, 4);
    const int n = n_rules + 4 + draw(d, MAX_NODES - n_rules - 4);
    MOE__TRY(moe__grammar_begin(mem, &builder, why));
    while (d->n < n)
        draw_node(d, builder, n_rules);
    for (int i = 0; i < n_rules; i++) {
        d->nodes[i].parts[0] =
            i == 0 ? n - 1 - draw(d, 3) : n_rules + draw(d, n - n_rules);
        moe__grammar_define(builder, d->nodes[i].expr,
                            d->nodes[d->nodes[i].parts[0]].expr);
    }
    mean_all(d);
    return moe__grammar_finish(builder, d->nodes[0].expr, out, why);
}

/* ------------------------------------------------------------ recursion */

/* closure [i][k]: i can lead to k by one or more steps. */
static void close_over(bool (*closure)[MAX_NODES], int n)
{
    for (int via = 0; via < n; via++)
        for (int i = 0; i < n; i++)
            for (int k = 0; k < n; k++)
                closure[i][k] |= closure[i][via] && closure[via][k];
}

/* Whether a rule that the start uses can begin with itself. */
static bool is_left_recursive(const struct drawn *d)
{
    static bool uses[MAX_NODES][MAX_NODES], begins[MAX_NODES][MAX_NODES];
    memset(uses, 0, sizeof uses);
    memset(begins, 0, sizeof begins);
    for (int i = 0; i < d->n; i++) {
        const struct node *node = &d->nodes[i];
        bool is_first = true;
        for (int k = 0; k < node->n && node->is_productive; k++) {
            const struct node *part = &d->nodes[node->parts[k]];
            if (!part->is_productive ||
                (node->kind == REPEAT && node->most == 0))
                continue;
            uses[i][node->parts[k]] = true;
            begins[i][node->parts[k]] |= is_first;
            is_first &= node->kind != JOIN || part->all.has[1];
        }
    }
    close_over(uses, d->n);
    close_over(begins, d->n);
    for (int i = 0; i < d->n; i++)
        if (begins[i][i] && (i == 0 || uses[0][i]))
            return true;
    return false;
}

static void refusals_are_right(const struct drawn *d, moe_status status,
                               const struct moe__err *why)
{
    const bool is_left = is_left_recursive(d);
    const bool is_productive = d->nodes[0].is_productive;
    CHECK((status == MOE_OK) == (is_productive && !is_left),
          "seed %d: status %d, '%s'", (int)d->seed, status, why->message);
    if (status != MOE_OK)
        CHECK(status == MOE_ERR_ARGUMENT &&
                  strstr(why->message,
                         is_productive ? "left recursion" : "no text") != NULL,
              "seed %d: %s", (int)d->seed, why->message);
}

/* ------------------------------------------------------------------ texts */

static void texts_are_those(const struct drawn *d,
                            struct moe__constraint *constraint)
{
    const struct node *start = &d->nodes[0];
    char bytes[LENGTH];
    for (int text = 1; text < N_TEXTS; text++) {
        moe__constraint_reset(constraint);
        const moe_status status =
            moe__constraint_accept(constraint, text_bytes(text, bytes));
        CHECK(status == (start->begins.has[text] ? MOE_OK : MOE_ERR_ARGUMENT),
              "seed %d, '%.*s': %d", (int)d->seed, text_length(text), bytes,
              status);
        if (status != MOE_OK)
            continue;
        CHECK(moe__constraint_can_end(constraint) == start->all.has[text],
              "seed %d, '%.*s'", (int)d->seed, text_length(text), bytes);
        if (2 * text + 1 < N_TEXTS)
            CHECK(moe__constraint_must_end(constraint) ==
                      !(start->begins.has[2 * text] ||
                        start->begins.has[2 * text + 1]),
                  "seed %d, '%.*s'", (int)d->seed, text_length(text), bytes);
    }
    moe__constraint_reset(constraint);
}

/* ------------------------------------------------------------------ masks */

enum { N_VOCAB = 150, MAX_TOKEN = 24, N_STEPS = 24 };

struct vocabulary {
    char bytes[N_VOCAB][MAX_TOKEN];
    struct moe__slice pieces[N_VOCAB];
};

/* Also empty, equal, long and impossible tokens. */
static void draw_vocabulary(struct drawn *d, struct vocabulary *vocabulary)
{
    for (int i = 0; i < N_VOCAB; i++) {
        const int n = i < 2 ? 1 : draw(d, i % 10 == 0 ? MAX_TOKEN : 6);
        const int kind = draw(d, 4);
        for (int k = 0; k < n; k++)
            vocabulary->bytes[i][k] =
                (char)(i < 2 ? 'a' + i
                             : (kind == 0 ? vocabulary->bytes[i / 2][k]
                                          : 'a' + draw(d, 2 + (kind == 1))));
        vocabulary->pieces[i] = moe__slice_of(vocabulary->bytes[i], (size_t)n);
    }
}

/* The mask against each token's bytes; the number of allowed ones. */
static int mask_is_right(const struct drawn *d,
                         const struct vocabulary *vocabulary,
                         struct moe__constraint *constraint, int *allowed)
{
    struct moe__constraint *probe = NULL;
    int n = 0;
    const uint64_t *mask = moe__constraint_mask(constraint);
    CHECK(mask != NULL &&
          moe__constraint_clone(d->mem, constraint, &probe, NULL) == MOE_OK);
    for (int i = 0; mask != NULL && probe != NULL && i < N_VOCAB; i++) {
        const struct moe__slice piece = vocabulary->pieces[i];
        const bool is_allowed = (mask[i / 64] >> (i % 64) & 1) != 0;
        const moe_status status = moe__constraint_accept(probe, piece);
        CHECK(is_allowed == (status == MOE_OK && piece.n > 0),
              "seed %d: token '%.*s', mask %d", (int)d->seed, (int)piece.n,
              (const char *)piece.data, is_allowed);
        if (is_allowed)
            allowed[n++] = i;
        if (status == MOE_OK && piece.n > 0) { /* back to where it was */
            moe__constraint_destroy(probe);
            probe = NULL;
            CHECK(moe__constraint_clone(d->mem, constraint, &probe, NULL) ==
                  MOE_OK);
        }
    }
    moe__constraint_destroy(probe);
    return n;
}

static void masks_are_those(struct drawn *d, struct vocabulary *vocabulary,
                            struct moe__constraint *constraint)
{
    int allowed[N_VOCAB];
    for (int step = 0; step < N_STEPS; step++) {
        const int n = mask_is_right(d, vocabulary, constraint, allowed);
        CHECK(n > 0 || moe__constraint_can_end(constraint),
              "seed %d: a dead end", (int)d->seed);
        if (n == 0 || draw(d, 12) == 0) {
            moe__constraint_reset(constraint);
            continue;
        }
        CHECK(moe__constraint_accept(constraint,
                                     vocabulary->pieces[allowed[draw(d, n)]]) ==
              MOE_OK);
    }
}

/* ------------------------------------------------------------------ tests */

static void run_seeds(int first, int n, bool has_masks)
{
    static struct drawn d;
    static struct vocabulary vocabulary;
    struct moe__mem mem;
    int n_good = 0;
    moe__mem_init(&mem, NULL);
    for (int i = first; i < first + n && test_failures < 20; i++) {
        struct moe__grammar *grammar = NULL;
        struct moe__trie *trie = NULL;
        struct moe__constraint *constraint = NULL;
        struct moe__err why = {MOE_OK, ""};
        const moe_status status =
            draw_grammar(&d, (uint64_t)i, &mem, &grammar, &why);
        refusals_are_right(&d, status, &why);
        if (status != MOE_OK)
            continue;
        n_good++;
        draw_vocabulary(&d, &vocabulary);
        CHECK(moe__trie_create(&mem, vocabulary.pieces, N_VOCAB, &trie, &why) ==
                  MOE_OK &&
              moe__constraint_create(&mem, grammar, trie, &constraint, &why) ==
                  MOE_OK);
        if (constraint != NULL && !has_masks)
            texts_are_those(&d, constraint);
        else if (constraint != NULL)
            masks_are_those(&d, &vocabulary, constraint);
        moe__constraint_destroy(constraint);
        moe__trie_destroy(trie);
        moe__grammar_destroy(grammar);
    }
    CHECK(n_good > n / 4, "%d of %d", n_good, n);
    CHECK(mem.live_bytes == 0, "%d bytes are left", (int)mem.live_bytes);
}

static void accepted_texts_are_those_of_the_grammar(void)
{
    run_seeds(0, 1500, false);
}

static void masks_are_what_brute_force_finds(void)
{
    run_seeds(5000, 300, true);
}

static const struct test tests[] = {
    {"accepted_texts_are_those_of_the_grammar",
     accepted_texts_are_those_of_the_grammar},
    {"masks_are_what_brute_force_finds", masks_are_what_brute_force_finds},
};

TEST_MAIN(tests)
