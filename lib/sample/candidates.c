/* candidates.c: order and weight of candidates.
 *
 * Selection and sorting are one heap: its root is the last of the best k seen
 * so far, so a scan over a large vocabulary costs one comparison a candidate,
 * and no more is sorted than somebody looks at. */
#include "sample/stages.h"

#include "base/bytes.h"
#include "base/math.h"

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

static void candidate_swap(struct moe__candidate *a, struct moe__candidate *b)
{
    struct moe__candidate kept = *a;
    *a = *b;
    *b = kept;
}

void moe__candidates_sort(struct moe__candidates *pool, int32_t k)
{
    struct moe__candidate *items = pool->items;
    k = moe__min_i32(k, pool->n);
    if (k <= pool->n_sorted)
        return;
    for (int32_t i = k / 2; i-- > 0;)
        candidate_heap_sink(items, k, i);
    for (int32_t i = k; i < pool->n; i++) {
        if (candidate_precedes(&items[i], &items[0])) {
            candidate_swap(&items[i], &items[0]);
            candidate_heap_sink(items, k, 0);
        }
    }
    for (int32_t end = k; end-- > 1;) {
        candidate_swap(&items[0], &items[end]);
        candidate_heap_sink(items, end, 0);
    }
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
