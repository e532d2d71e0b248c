/* stages_filter.c: stages that drop candidates and change no logit.
 *
 * With p = softmax(logits) of the n candidates that are left, max =
 * max(logits):
 *
 * top_k        keeps the k best;                                k = 0: off
 * top_p        keeps the shortest front with sum(p) >= value;   1: off
 *              (Holtzman et al. 2019)
 * min_p        keeps p >= value * max(p), so logit >= max + ln(value);  0: off
 *              (Nguyen et al. 2024)
 * typical      keeps the nearest to the expected surprise:      1: off
 *              by |-ln p - H| = |l - sum(p * l)| ascending until the sum of
 *              their p exceeds value (Meister et al. 2022)
 * top_n_sigma  keeps logit >= max - value * sigma;              0: off
 *              sigma = sqrt(mean((logit - mean(logit))^2)) of finite logits
 *              (Tang et al. 2024)
 * xtc          with chance value: of the m > 1 candidates with p >= value2,
 *              drops the m - 1 best;             0, or value2 > 0.5: off
 *              ("exclude top choices", p-e-w 2024)
 *
 * min_keep raises the number that stays; xtc does nothing if fewer would. */
#include "sample/stages.h"

#include "base/bytes.h"
#include "base/math.h"

#include <math.h> /* sqrtf, which is exact, and INFINITY */

int32_t moe__stage_least(const struct moe__stage *stage, int32_t n)
{
    return moe__max_i32(n, moe__max_i32(stage->set.min_keep, 1));
}

void moe__stage_top_k(struct moe__stage *stage, struct moe__candidates *pool)
{
    const int32_t k = moe__stage_least(stage, stage->set.count);
    if (stage->set.count > 0 && k < pool->n)
        moe__candidates_keep(pool, k);
}

void moe__stage_top_p(struct moe__stage *stage, struct moe__candidates *pool)
{
    const double p = (double)stage->set.value;
    if (p >= 1)
        return;
    const double mass = p * MOE__REACHED * moe__candidates_weigh(pool);
    const int32_t front = moe__candidates_front(pool, mass);
    moe__candidates_keep(pool, moe__stage_least(stage, front));
}

void moe__stage_min_p(struct moe__stage *stage, struct moe__candidates *pool)
{
    const double p = (double)stage->set.value;
    if (p > 0)
        moe__candidates_near(pool, moe__log(p * MOE__REACHED),
                             moe__stage_least(stage, 1));
}

/* The logit waits in p while the distance, negated, is what is sorted. */
void moe__stage_typical(struct moe__stage *stage, struct moe__candidates *pool)
{
    if (stage->set.value >= 1)
        return;
    const float max = moe__candidates_top(pool);
    const double total = moe__candidates_weigh(pool);
    double mean = 0; /* of logit - max */
    for (int32_t i = 0; i < pool->n; i++) {
        const double p = (double)pool->items[i].p / total;
        if (p > 0)
            mean += p * moe__candidates_gap(pool->items[i].logit, max);
    }
    for (int32_t i = 0; i < pool->n; i++) {
        struct moe__candidate *item = &pool->items[i];
        const double above = moe__candidates_gap(item->logit, max) - mean;
        item->p = item->logit;
        item->logit = (float)(above > 0 ? -above : above);
    }
    pool->n_sorted = 0;
    const double mass = (double)stage->set.value * total;
    double sum = 0;
    int32_t n = 0;
    while (n < pool->n && (sum <= mass || n < stage->set.min_keep)) {
        const struct moe__candidate *item = moe__candidates_at(pool, n++);
        sum += moe__exp(moe__candidates_gap(item->p, max));
    }
    for (int32_t i = 0; i < n; i++)
        pool->items[i].logit = pool->items[i].p;
    pool->n = n;
    pool->n_sorted = 0;
}

void moe__stage_top_n_sigma(struct moe__stage *stage,
                            struct moe__candidates *pool)
{
    double mean = 0;
    double variance = 0;
    int32_t n = 0;
    for (int32_t i = 0; i < pool->n; i++) {
        const double logit = (double)pool->items[i].logit;
        const bool is_finite = logit > -INFINITY && logit < INFINITY;
        mean += is_finite ? logit : 0;
        n += is_finite;
    }
    if (stage->set.value <= 0 || n < 2)
        return;
    mean /= n;
    for (int32_t i = 0; i < pool->n; i++) {
        const double above = (double)pool->items[i].logit - mean;
        if (above > -INFINITY && above < INFINITY)
            variance += above * above / n;
    }
    const double sigma = (double)sqrtf((float)variance);
    moe__candidates_near(pool, -(double)stage->set.value * sigma,
                         moe__stage_least(stage, 1));
}

void moe__stage_xtc(struct moe__stage *stage, struct moe__candidates *pool)
{
    const moe_stage *set = &stage->set;
    if (stage->chance >= (double)set->value || (double)set->value2 > 0.5)
        return;
    const double total = moe__candidates_weigh(pool);
    const double bar = (double)set->value2 * MOE__REACHED * total;
    int32_t n_above = 0;
    for (int32_t i = 0; i < pool->n; i++)
        n_above += (double)pool->items[i].p >= bar;
    const int32_t n_dropped = n_above - 1;
    if (n_dropped < 1 || pool->n - n_dropped < moe__stage_least(stage, 1))
        return;
    moe__candidates_sort(pool, n_above);
    pool->n -= n_dropped;
    pool->n_sorted -= n_dropped;
    memmove(pool->items, pool->items + n_dropped,
            (size_t)pool->n * sizeof *pool->items);
}
