/* merge.c: joining neighbours, best pair first, as byte-pair encoding does.
 *
 * SentencePiece and byte-level BPE differ only in which pairs may be joined
 * and in what order.  Few symbols are searched for the best pair each time.  Of
 * many, all pairs of the best order are joined in one round as long as that is
 * a good part of them: text that repeats itself, as long words do, takes O(n).
 * Then there is a queue: n symbols take O(n log n), whatever they are. */
#include "token/vocab.h"

#define MERGE_NONE UINT32_MAX /* no symbol, no bid, no order */

enum {
    MERGE_FEW = 32, /* symbols that are searched */
    /* A round that joins fewer than one in this many symbols is a bad one. */
    MERGE_ROUND_PART = 16,
    MERGE_BAD_ROUNDS = 4,
    MERGE_TAIL_BITS = 10, /* of a hash: runs that can be found again */
    MERGE_TAILS = 1 << MERGE_TAIL_BITS
};

/* Larger scores come first.  The bits of a float are in the order of its value
 * once those of negative ones are inverted; + 0 makes -0 equal to 0. */
static uint32_t merge_score_order(float score)
{
    const uint32_t bits = moe__f32_to_bits(score + 0.0f);
    const uint32_t sign = 0x80000000u;
    return ~(bits & sign ? ~bits : bits | sign);
}

/* How symbol a and b, its right neighbour, are joined: id, NONE for never, and
 * value, smallest first.  SentencePiece joins what gives a piece, by its score;
 * BPE what is in the list of merges, by its place in it. */
static struct moe__pair merge_find(const struct moe__vocab *vocab,
                                   struct moe__slice text,
                                   const struct moe__symbol *a,
                                   const struct moe__symbol *b)
{
    struct moe__pair found = {(uint32_t)a->id, (uint32_t)b->id, MERGE_NONE,
                              MOE_TOKEN_NONE};
    const size_t n = (size_t)a->n + b->n;
    if (vocab->is_bpe) {
        if (a->id == MOE_TOKEN_NONE || b->id == MOE_TOKEN_NONE)
            return found;
        const struct moe__pair *pair =
            moe__pair_index_find(&vocab->merges, found.left, found.right);
        return pair ? *pair : found;
    }
    if (n <= vocab->max_piece_bytes)
        found.id = moe__text_index_find(&vocab->by_piece,
                                        moe__slice_of(text.data + a->start, n));
    if (found.id != MOE_TOKEN_NONE)
        found.value = merge_score_order(vocab->scores[found.id]);
    return found;
}

/* The same; pairs that were seen before are remembered. */
static struct moe__pair merge_pair(const struct moe__encoder *e,
                                   struct moe__slice text,
                                   const struct moe__symbol *a,
                                   const struct moe__symbol *b)
{
    if (e->n_seen == 0 || a->id == MOE_TOKEN_NONE || b->id == MOE_TOKEN_NONE)
        return merge_find(e->vocab, text, a, b);
    const uint64_t key = (uint64_t)a->id << 32 | (uint32_t)b->id;
    struct moe__pair *seen =
        &e->pairs[key * 0x9e3779b97f4a7c15u >> 32 & (e->n_seen - 1)];
    if (seen->left != (uint32_t)a->id || seen->right != (uint32_t)b->id)
        *seen = merge_find(e->vocab, text, a, b);
    return *seen;
}

/* ----------------------------------------------------- search and rounds */

/* Here symbols stay side by side, and a symbol's bid is to be joined with the
 * next one: bid_order, NONE for never, and bid_id. */
static void merge_bid(const struct moe__encoder *e, struct moe__slice text,
                      struct moe__symbol *a, const struct moe__symbol *b)
{
    const struct moe__pair pair = merge_pair(e, text, a, b);
    a->bid_order = pair.value;
    a->bid_id = pair.id;
}

/* Joins b to a; next, the symbol after b, is NULL if there is none. */
static void merge_join(const struct moe__encoder *e, struct moe__slice text,
                       struct moe__symbol *a, const struct moe__symbol *b,
                       const struct moe__symbol *next)
{
    a->n += b->n;
    a->id = a->bid_id;
    a->bid_order = MERGE_NONE;
    if (next)
        merge_bid(e, text, a, next);
    if (a > e->symbols)
        merge_bid(e, text, a - 1, a);
}

static void merge_few(struct moe__encoder *e, struct moe__slice text)
{
    struct moe__symbol *symbols = e->symbols;
    for (;;) {
        size_t best = 0;
        for (size_t i = 1; i < e->n_symbols; i++)
            if (symbols[i].bid_order < symbols[best].bid_order)
                best = i;
        if (symbols[best].bid_order == MERGE_NONE)
            break;
        const bool is_last = best + 2 == e->n_symbols;
        merge_join(e, text, &symbols[best], &symbols[best + 1],
                   is_last ? NULL : &symbols[best + 2]);
        e->n_symbols--;
        for (size_t i = best + 1; i < e->n_symbols; i++)
            symbols[i] = symbols[i + 1];
    }
}

/* Joins from left to right all pairs of the best order, and at once the pairs
 * that come before the rest of these when they arise: the same as one by one.
 * Returns false if there were none. */
static bool merge_round(struct moe__encoder *e, struct moe__slice text)
{
    struct moe__symbol *symbols = e->symbols;
    struct moe__symbol *out = symbols; /* [symbols, out) is done */
    const struct moe__symbol *in = symbols;
    const struct moe__symbol *end = symbols + e->n_symbols;
    uint32_t best = MERGE_NONE;
    for (const struct moe__symbol *symbol = symbols; symbol < end; symbol++)
        if (symbol->bid_order < best)
            best = symbol->bid_order;
    if (best == MERGE_NONE)
        return false;
    for (; in < end; out++) {
        *out = *in++;
        for (;;) {
            const struct moe__symbol *next = in;
            if (out > symbols && out[-1].bid_order <= best &&
                out[-1].bid_order <= out->bid_order)
                next = out--;
            else if (out->bid_order <= best)
                in++;
            else
                break;
            merge_join(e, text, out, next, in < end ? in : NULL);
        }
    }
    e->n_symbols = (size_t)(out - symbols);
    return true;
}

/* ----------------------------------------------------------------- queue */

/* Bids of one order come mostly from left to right, so the queue is a heap not
 * of bids but of runs of them, lists that ascend.  Bids are never removed when
 * a symbol they name was joined elsewhere: such a bid is seen by its length, as
 * symbols only ever grow by whole neighbours. */

static uint32_t merge_tail_slot(uint32_t order)
{
    return order * 0x9e3779b9u >> (32 - MERGE_TAIL_BITS);
}

/* A bid that is not in use, MERGE_NONE if there is no memory. */
static uint32_t merge_new_bid(struct moe__encoder *e)
{
    const uint32_t at = e->free_bid;
    if (at != MERGE_NONE) {
        e->free_bid = e->bids[at].next;
        return at;
    }
    struct moe__bid *grown = moe__token_grow(e->out->mem, e->bids, &e->cap_bids,
                                             e->n_bids + 1, sizeof *grown);
    if (grown == NULL)
        return MERGE_NONE;
    e->bids = grown;
    return (uint32_t)e->n_bids++;
}

static moe_status merge_new_run(struct moe__encoder *e, uint64_t key,
                                uint32_t head)
{
    struct moe__bid_run *grown = moe__token_grow(
        e->out->mem, e->runs, &e->cap_runs, e->n_runs + 1, sizeof *grown);
    if (grown == NULL)
        return MOE_ERR_NO_MEMORY;
    e->runs = grown;
    size_t at = e->n_runs++;
    for (; at > 0 && grown[(at - 1) / 2].key > key; at = (at - 1) / 2)
        grown[at] = grown[(at - 1) / 2];
    grown[at] = (struct moe__bid_run){key, head};
    return MOE_OK;
}

/* Enters the bid of symbol `left` and its right neighbour, if there is one. */
static moe_status merge_push(struct moe__encoder *e, struct moe__slice text,
                             uint32_t left)
{
    if (left == MERGE_NONE || e->symbols[left].next == MERGE_NONE)
        return MOE_OK;
    const struct moe__symbol *a = &e->symbols[left];
    const struct moe__symbol *b = &e->symbols[a->next];
    const struct moe__pair pair = merge_pair(e, text, a, b);
    if (pair.value == MERGE_NONE)
        return MOE_OK;
    const uint64_t key = (uint64_t)pair.value << 32 | left;
    const uint32_t at = merge_new_bid(e);
    if (at == MERGE_NONE)
        return MOE_ERR_NO_MEMORY;
    e->bids[at] = (struct moe__bid){key, a->n + b->n, pair.id, MERGE_NONE};
    uint32_t *tail = &e->tails[merge_tail_slot(pair.value)];
    struct moe__bid *last = *tail == MERGE_NONE ? NULL : &e->bids[*tail];
    *tail = at;
    /* It may have left the queue since, or even come back in another run. */
    if (last && last->n > 0 && last->next == MERGE_NONE &&
        last->key >> 32 == pair.value && last->key < key) {
        last->next = at;
        return MOE_OK;
    }
    return merge_new_run(e, key, at);
}

/* The first run has a new key or is to be replaced by the last. */
static void merge_sink(struct moe__encoder *e, struct moe__bid_run run)
{
    struct moe__bid_run *runs = e->runs;
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < e->n_runs; at = child) {
        child += child + 1 < e->n_runs && runs[child + 1].key < runs[child].key;
        if (runs[child].key >= run.key)
            break;
        runs[at] = runs[child];
    }
    runs[at] = run;
}

static struct moe__bid merge_pop(struct moe__encoder *e)
{
    const uint32_t head = e->runs[0].head;
    const struct moe__bid best = e->bids[head];
    e->bids[head].n = 0;
    e->bids[head].next = e->free_bid;
    e->free_bid = head;
    if (best.next != MERGE_NONE)
        merge_sink(e, (struct moe__bid_run){e->bids[best.next].key, best.next});
    else if (--e->n_runs > 0)
        merge_sink(e, e->runs[e->n_runs]);
    return best;
}

static moe_status merge_queue(struct moe__encoder *e, struct moe__slice text)
{
    struct moe__symbol *symbols = e->symbols;
    uint32_t tails[MERGE_TAILS];
    memset(tails, 0xff, sizeof tails); /* MERGE_NONE */
    e->tails = tails;
    e->n_runs = e->n_bids = 0;
    e->free_bid = MERGE_NONE;
    for (uint32_t i = 0; i < e->n_symbols; i++) {
        symbols[i].prev = i - 1; /* MERGE_NONE before the first */
        symbols[i].next = i + 1 < e->n_symbols ? i + 1 : MERGE_NONE;
    }
    for (uint32_t i = 0; i < e->n_symbols; i++)
        MOE__TRY(merge_push(e, text, i));
    while (e->n_runs > 0) {
        const struct moe__bid bid = merge_pop(e);
        if (moe__ids_is_stopped(e->out))
            return MOE_ERR_CANCELLED;
        struct moe__symbol *left = &symbols[(uint32_t)bid.key];
        if (left->n == 0 || left->next == MERGE_NONE ||
            left->n + symbols[left->next].n != bid.n)
            continue;
        struct moe__symbol *right = &symbols[left->next];
        left->n = bid.n;
        left->id = bid.id;
        left->next = right->next;
        right->n = 0;
        if (left->next != MERGE_NONE)
            symbols[left->next].prev = (uint32_t)bid.key;
        MOE__TRY(merge_push(e, text, left->prev));
        MOE__TRY(merge_push(e, text, (uint32_t)bid.key));
    }
    return MOE_OK;
}

/* ----------------------------------------------------------------- merge */

moe_status moe__merge_begin(struct moe__encoder *e, size_t max_symbols)
{
    struct moe__symbol *grown = moe__token_grow(
        e->out->mem, e->symbols, &e->cap_symbols, max_symbols, sizeof *grown);
    if (grown == NULL)
        return MOE_ERR_NO_MEMORY;
    e->symbols = grown;
    e->n_symbols = 0;
    return MOE_OK;
}

void moe__merge_add(struct moe__encoder *e, size_t n, moe_token id)
{
    struct moe__symbol *symbol = &e->symbols[e->n_symbols++];
    *symbol = (struct moe__symbol){.n = (uint32_t)n, .id = id};
    if (e->n_symbols > 1)
        symbol->start = symbol[-1].start + symbol[-1].n;
}

moe_status moe__merge_run(struct moe__encoder *e, struct moe__slice text)
{
    struct moe__symbol *symbols = e->symbols;
    const size_t n = e->n_symbols;
    for (size_t i = 0; i + 1 < n; i++)
        merge_bid(e, text, &symbols[i], &symbols[i + 1]);
    symbols[n - 1].bid_order = MERGE_NONE;
    for (int n_bad = 0; n_bad < MERGE_BAD_ROUNDS && e->n_symbols > MERGE_FEW;) {
        const size_t n_before = e->n_symbols;
        if (!merge_round(e, text))
            return MOE_OK;
        n_bad += e->n_symbols > n_before - n_before / MERGE_ROUND_PART;
    }
    if (e->n_symbols > MERGE_FEW)
        return merge_queue(e, text);
    merge_few(e, text);
    return MOE_OK;
}
