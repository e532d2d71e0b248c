/* merge.c: joining neighbours, best pair first, as byte-pair encoding does.
 *
 * SentencePiece and byte-level BPE differ only in which pairs may be joined
 * and in what order.  A heap holds the candidates: n symbols take O(n log n),
 * whatever they are.  Entries are never removed when a symbol they name was
 * joined elsewhere: such an entry is seen by its length, as symbols only ever
 * grow by whole neighbours. */
#include "token/vocab.h"

#define MERGE_NO_SYMBOL UINT32_MAX

/* Larger scores come first.  The bits of a float are in the order of its value
 * once those of negative ones are inverted; + 0 makes -0 equal to 0. */
static uint32_t merge_score_order(float score)
{
    const uint32_t bits = moe__f32_to_bits(score + 0.0f);
    const uint32_t sign = 0x80000000u;
    return ~(bits & sign ? ~bits : bits | sign);
}

/* SentencePiece joins what gives a piece, by its score; BPE what is in the
 * list of merges, by its place in it. */
static bool merge_find(const struct moe__encoder *e, struct moe__slice text,
                       uint32_t left, struct moe__bid *bid)
{
    const struct moe__vocab *vocab = e->vocab;
    const struct moe__symbol *a = &e->symbols[left];
    const struct moe__symbol *b = &e->symbols[a->next];
    uint32_t order;
    bid->n = a->n + b->n;
    if (vocab->is_bpe) {
        if (a->id == MOE_TOKEN_NONE || b->id == MOE_TOKEN_NONE)
            return false;
        const struct moe__pair *pair = moe__pair_index_find(
            &vocab->merges, (uint32_t)a->id, (uint32_t)b->id);
        if (pair == NULL)
            return false;
        bid->id = pair->id;
        order = pair->value;
    } else {
        if (bid->n > vocab->max_piece_bytes)
            return false;
        bid->id = moe__text_index_find(
            &vocab->by_piece, moe__slice_of(text.data + a->start, bid->n));
        if (bid->id == MOE_TOKEN_NONE)
            return false;
        order = merge_score_order(vocab->scores[bid->id]);
    }
    bid->key = (uint64_t)order << 32 | left;
    return true;
}

/* ------------------------------------------------------------------ heap */

static moe_status merge_push(struct moe__encoder *e, struct moe__slice text,
                             uint32_t left)
{
    struct moe__bid bid;
    if (left == MERGE_NO_SYMBOL || e->symbols[left].next == MERGE_NO_SYMBOL ||
        !merge_find(e, text, left, &bid))
        return MOE_OK;
    if (e->n_heap == e->cap_heap) {
        struct moe__bid *grown = moe__token_grow(
            e->out->mem, e->heap, &e->cap_heap, e->n_heap + 1, sizeof *grown);
        if (grown == NULL)
            return MOE_ERR_NO_MEMORY;
        e->heap = grown;
    }
    size_t at = e->n_heap++;
    for (; at > 0 && e->heap[(at - 1) / 2].key > bid.key; at = (at - 1) / 2)
        e->heap[at] = e->heap[(at - 1) / 2];
    e->heap[at] = bid;
    return MOE_OK;
}

static struct moe__bid merge_pop(struct moe__encoder *e)
{
    struct moe__bid *heap = e->heap;
    const struct moe__bid best = heap[0];
    const struct moe__bid last = heap[--e->n_heap];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < e->n_heap; at = child) {
        child += child + 1 < e->n_heap && heap[child + 1].key < heap[child].key;
        if (heap[child].key >= last.key)
            break;
        heap[at] = heap[child];
    }
    heap[at] = last;
    return best;
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
    const uint32_t at = (uint32_t)e->n_symbols++;
    struct moe__symbol *symbol = &e->symbols[at];
    *symbol = (struct moe__symbol){0, (uint32_t)n, MERGE_NO_SYMBOL,
                                   MERGE_NO_SYMBOL, id};
    if (at > 0) {
        symbol->start = symbol[-1].start + symbol[-1].n;
        symbol->prev = at - 1;
        symbol[-1].next = at;
    }
}

moe_status moe__merge_run(struct moe__encoder *e, struct moe__slice text)
{
    struct moe__symbol *symbols = e->symbols;
    e->n_heap = 0;
    for (uint32_t i = 0; i + 1 < e->n_symbols; i++)
        MOE__TRY(merge_push(e, text, i));
    while (e->n_heap > 0) {
        const struct moe__bid bid = merge_pop(e);
        struct moe__symbol *left = &symbols[(uint32_t)bid.key];
        if (left->n == 0 || left->next == MERGE_NO_SYMBOL ||
            left->n + symbols[left->next].n != bid.n)
            continue;
        struct moe__symbol *right = &symbols[left->next];
        left->n = bid.n;
        left->id = bid.id;
        left->next = right->next;
        right->n = 0;
        if (left->next != MERGE_NO_SYMBOL)
            symbols[left->next].prev = (uint32_t)bid.key;
        MOE__TRY(merge_push(e, text, left->prev));
        MOE__TRY(merge_push(e, text, (uint32_t)bid.key));
    }
    return MOE_OK;
}
