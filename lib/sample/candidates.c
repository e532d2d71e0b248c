/* candidates.c: order and weight of candidates.
 *
 * Selection and sorting are one heap: its root is the last of the best k seen
 * so far, so a scan over a large vocabulary costs one comparison a candidate,
 * and no more is sorted than somebody looks at. */
#include "sample/stages.h"

#include "base/bytes.h"
#include "base/math.h"

#include <math.h> /* INFINITY and NAN only */

/* Logits that are compared at once: a constant, so that compilers make it a
 * few wide instructions. */
#define SCAN_WIDTH 32

static bool candidate_precedes(const struct moe__candidate *a,
                               const struct moe__candidate *b)
{
    return a->logit > b->logit || (a->logit == b->logit && a->id < b->id);
}

/* Sinks items[at] until no child comes after its parent in order. */
static void candidate_heap_sink(struct moe__candidate *items, int32_t n,
                                int32_t at)
{
    struct moe__candidate moving = items[at];
    while (at < n / 2) {
        int32_t child = 2 * at + 1;
        if (child + 1 < n &&
            candidate_precedes(&items[child], &items[child + 1]))
            child++;
        if (!candidate_precedes(&moving, &items[child]))
            break;
        items[at] = items[child];
        at = child;
    }
    items[at] = moving;
}

static void candidate_heap_make(struct moe__candidate *items, int32_t n)
{
    for (int32_t i = n / 2; i-- > 0;)
        candidate_heap_sink(items, n, i);
}

static void candidate_swap(struct moe__candidate *a, struct moe__candidate *b)
{
    struct moe__candidate kept = *a;
    *a = *b;
    *b = kept;
}

/* A heap becomes a list in order. */
static void candidate_heap_sort(struct moe__candidate *items, int32_t n)
{
    for (int32_t end = n; end-- > 1;) {
        candidate_swap(&items[0], &items[end]);
        candidate_heap_sink(items, end, 0);
    }
}

/* --------------------------------------------------------- all, then a list */

/* A loop over a table needs no shifts by a variable number of bits, which the
 * oldest vector units lack. */
static const uint32_t mask_bits[32] = {
    1u << 0,  1u << 1,  1u << 2,  1u << 3,  1u << 4,  1u << 5,  1u << 6,
    1u << 7,  1u << 8,  1u << 9,  1u << 10, 1u << 11, 1u << 12, 1u << 13,
    1u << 14, 1u << 15, 1u << 16, 1u << 17, 1u << 18, 1u << 19, 1u << 20,
    1u << 21, 1u << 22, 1u << 23, 1u << 24, 1u << 25, 1u << 26, 1u << 27,
    1u << 28, 1u << 29, 1u << 30, 1u << 31,
};

/* Hides those of logits [32] whose bit is not set: all bits set is a NaN. */
static void hide_masked(float *logits, uint32_t half)
{
    for (int32_t i = 0; i < 32; i++) {
        const uint32_t hidden = (half & mask_bits[i]) == 0 ? UINT32_MAX : 0;
        logits[i] = moe__bits_to_f32(moe__f32_to_bits(logits[i]) | hidden);
    }
}

void moe__candidates_load(struct moe__candidates *pool, const float *logits)
{
    const uint64_t *mask = pool->mask;
    int32_t id = 0;
    pool->is_list = false;
    pool->n_sorted = 0;
    pool->n = pool->n_vocab;
    memcpy(pool->logits, logits, (size_t)pool->n_vocab * sizeof *logits);
    for (; mask != NULL && id + 32 <= pool->n_vocab; id += 32)
        hide_masked(pool->logits + id,
                    (uint32_t)(mask[id / 64] >> id % 64 & UINT32_MAX));
    for (; mask != NULL && id < pool->n_vocab; id++)
        if ((mask[id / 64] >> id % 64 & 1) == 0)
            pool->logits[id] = NAN;
}

/* What is left when no logit is a number. */
static void list_fallback(struct moe__candidates *pool)
{
    int32_t id = 0;
    while (pool->mask != NULL && id < pool->n_vocab - 1 &&
           (pool->mask[id / 64] >> id % 64 & 1) == 0)
        id++;
    pool->items[0] = (struct moe__candidate){.id = id};
    pool->n = 1;
}

/* True if one of logits [SCAN_WIDTH] is above the bar; NaN never is. */
static bool scan_is_above(const float *logits, float bar)
{
    int32_t n = 0;
    for (int32_t i = 0; i < SCAN_WIDTH; i++)
        n += logits[i] > bar;
    return n > 0;
}

/* Appends those of ids [first, end) whose logit is a number to a list of n. */
static int32_t list_ids(const struct moe__candidates *pool, int32_t first,
                        int32_t end, int32_t n)
{
    for (int32_t id = first; id < end; id++) {
        pool->items[n].id = id;
        pool->items[n].logit = pool->logits[id];
        n += pool->logits[id] == pool->logits[id]; /* NaN is unlike itself */
    }
    return n;
}

void moe__candidates_list(struct moe__candidates *pool)
{
    if (pool->is_list)
        return;
    pool->is_list = true;
    pool->n = list_ids(pool, 0, pool->n_vocab, 0);
    if (pool->n == 0)
        list_fallback(pool);
}

/* items [n] is a heap of the best of ids [0, first): the rest may enter.  Later
 * ids have to be better: equals come after those that are in. */
static void heap_scan(const struct moe__candidates *pool, int32_t n,
                      int32_t first)
{
    struct moe__candidate *items = pool->items;
    const float *logits = pool->logits;
    for (int32_t id = first; id < pool->n_vocab;) {
        const int32_t end = moe__min_i32(id + SCAN_WIDTH, pool->n_vocab);
        if (end - id == SCAN_WIDTH &&
            !scan_is_above(logits + id, items[0].logit))
            id = end;
        for (; id < end; id++) {
            if (logits[id] > items[0].logit) {
                items[0].id = id;
                items[0].logit = logits[id];
                candidate_heap_sink(items, n, 0);
            }
        }
    }
}

/* The best k of all logits. */
static void list_best(struct moe__candidates *pool, int32_t k)
{
    int32_t id = 0;
    int32_t n = 0;
    for (; n < k && id < pool->n_vocab; id++)
        n = list_ids(pool, id, id + 1, n);
    candidate_heap_make(pool->items, n);
    if (n > 0)
        heap_scan(pool, n, id);
    candidate_heap_sort(pool->items, n);
    pool->is_list = true;
    pool->n = n;
    if (n == 0)
        list_fallback(pool);
    pool->n_sorted = pool->n;
}

/* The largest of all logits, or the bar if none is above it. */
static float scan_top(const struct moe__candidates *pool, float bar)
{
    const float *logits = pool->logits;
    for (int32_t id = 0; id < pool->n_vocab;) {
        const int32_t end = moe__min_i32(id + SCAN_WIDTH, pool->n_vocab);
        if (end - id == SCAN_WIDTH && !scan_is_above(logits + id, bar))
            id = end;
        for (; id < end; id++)
            bar = logits[id] > bar ? logits[id] : bar;
    }
    return bar;
}

/* Makes a list of all logits that are not below the bar, and some below. */
static void list_above(struct moe__candidates *pool, float bar)
{
    int32_t n = 0;
    int32_t id = 0;
    for (; id + SCAN_WIDTH <= pool->n_vocab; id += SCAN_WIDTH)
        if (scan_is_above(pool->logits + id, bar))
            n = list_ids(pool, id, id + SCAN_WIDTH, n);
    pool->n = list_ids(pool, id, pool->n_vocab, n);
    pool->is_list = true;
}

/* Before the exact comparison of a list, blocks of logits are passed over that
 * are lower by a margin wider than any rounding.  Never with infinities. */
void moe__candidates_near(struct moe__candidates *pool, double gap,
                          int32_t least)
{
    if (!(gap <= 0)) { /* not even the best one is near */
        moe__candidates_keep(pool, least);
        return;
    }
    if (!pool->is_list && least == 1) {
        const double top = (double)scan_top(pool, -INFINITY);
        const double sum = top + gap;
        const double bar = sum - (sum < 0 ? -sum : sum) * 0x1p-20 - 0x1p-100;
        if (bar > -(double)FLT_MAX && top < INFINITY)
            list_above(pool, (float)bar);
    }
    moe__candidates_list(pool);
    const float max = moe__candidates_top(pool);
    int32_t n = 0;
    if (least > 1)
        moe__candidates_sort(pool, least);
    for (int32_t i = 0; i < pool->n; i++)
        if ((least > 1 && i < least) ||
            moe__candidates_gap(pool->items[i].logit, max) >= gap)
            pool->items[n++] = pool->items[i];
    pool->n = n;
    pool->n_sorted = moe__min_i32(pool->n_sorted, n);
}

void moe__candidates_keep(struct moe__candidates *pool, int32_t k)
{
    if (pool->is_list) {
        moe__candidates_sort(pool, k);
        pool->n = moe__min_i32(pool->n, k);
        pool->n_sorted = moe__min_i32(pool->n_sorted, pool->n);
    } else {
        list_best(pool, k);
    }
}

/* ------------------------------------------------------------------- lists */

void moe__candidates_sort(struct moe__candidates *pool, int32_t k)
{
    struct moe__candidate *items = pool->items;
    k = moe__min_i32(k, pool->n);
    if (k <= pool->n_sorted)
        return;
    candidate_heap_make(items, k);
    for (int32_t i = k; i < pool->n; i++) {
        if (candidate_precedes(&items[i], &items[0])) {
            candidate_swap(&items[i], &items[0]);
            candidate_heap_sink(items, k, 0);
        }
    }
    candidate_heap_sort(items, k);
    pool->n_sorted = k;
}

const struct moe__candidate *moe__candidates_at(struct moe__candidates *pool,
                                                int32_t i)
{
    if (i >= pool->n_sorted) /* most walks end early: 64, then 8 times more */
        moe__candidates_sort(pool, i < pool->n / 8 ? 8 * i + 64 : pool->n);
    return &pool->items[i];
}

double moe__candidates_gap(float logit, float max)
{
    return logit == max ? 0 : (double)logit - (double)max;
}

float moe__candidates_top(const struct moe__candidates *pool)
{
    float max = pool->items[0].logit;
    if (pool->n_sorted > 0)
        return max;
    for (int32_t i = 1; i < pool->n; i++)
        max = pool->items[i].logit > max ? pool->items[i].logit : max;
    return max;
}

double moe__candidates_weigh(struct moe__candidates *pool)
{
    float max = moe__candidates_top(pool);
    double total = 0;
    for (int32_t i = 0; i < pool->n; i++) {
        struct moe__candidate *item = &pool->items[i];
        item->p = (float)moe__exp(moe__candidates_gap(item->logit, max));
        total += (double)item->p;
    }
    return total;
}

int32_t moe__candidates_front(struct moe__candidates *pool, double mass)
{
    double sum = 0;
    for (int32_t i = 0; i < pool->n; i++) {
        const struct moe__candidate *item = moe__candidates_at(pool, i);
        if (item->p == 0) /* neither does any after it */
            return i;
        sum += (double)item->p;
        if (sum > mass)
            return i + 1;
    }
    return pool->n;
}
