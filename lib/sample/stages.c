/* stages.c: one function for each kind of stage, and the table of their bounds.
 *
 * A stage changes logits or drops candidates; it leaves at least one.  With
 * n candidates, logits l, p = softmax(l) and max = max(l):
 *
 * penalties    for a token used c > 0 times in the window:
 *              l = l <= 0 ? l * repeat : l / repeat;  l -= c * freq + presence
 * top_k        keeps the k best;                                k = 0: off
 * top_p        keeps the shortest front with sum(p) >= value;   1: off
 * min_p        keeps p >= value * max(p), so l >= max + ln(value);  0: off
 * typical      keeps the nearest to the expected surprise:      1: off
 *              by |-ln p - H| = |l - sum(p * l)| ascending until the sum of
 *              their p exceeds value
 * temperature  l = l / t;  t <= 0: keeps the best
 *
 * min_keep raises the number that top_p, min_p, typical and top_k keep. */
#include "sample/stages.h"

#include "base/bytes.h"
#include "base/math.h"

/* Weights are rounded to float and so is the value that a person typed: a sum
 * this close to the value has reached it (0.4 + 0.3 reaches 0.7). */
static const double reached = 1 - 0x1p-22;

/* Below this, float logits of ordinary size that differ at all are a factor of
 * more than e apart: the draw would be greedy, and quotients could overflow. */
static const float coldest = 1e-6f;

static void keep_front(struct moe__candidates *pool, int32_t n,
                       const struct moe__stage *stage)
{
    n = moe__max_i32(n, moe__max_i32(stage->set.min_keep, 1));
    if (n >= pool->n)
        return;
    moe__candidates_sort(pool, n);
    pool->n = pool->n_sorted = n;
}

static void penalise_used(const struct moe__stage *stage,
                          struct moe__candidates *pool)
{
    const moe_stage *set = &stage->set;
    float repeat = set->value == 0 ? 1 : set->value;
    if (stage->n_ring == 0)
        return;
    for (int32_t i = 0; i < pool->n; i++) {
        struct moe__candidate *item = &pool->items[i];
        int32_t uses = stage->uses[item->id];
        if (uses == 0)
            continue;
        float logit = item->logit;
        logit = logit <= 0 ? logit * repeat : logit / repeat;
        item->logit = logit - ((float)uses * set->value2 + set->value3);
    }
    pool->n_sorted = 0;
}

static void keep_top_k(const struct moe__stage *stage,
                       struct moe__candidates *pool)
{
    if (stage->set.count > 0)
        keep_front(pool, stage->set.count, stage);
}

static void keep_top_p(const struct moe__stage *stage,
                       struct moe__candidates *pool)
{
    double p = (double)stage->set.value;
    if (p < 1)
        keep_front(pool,
                   moe__candidates_front(pool, p * reached *
                                                   moe__candidates_weigh(pool)),
                   stage);
}

static void keep_min_p(const struct moe__stage *stage,
                       struct moe__candidates *pool)
{
    double p = (double)stage->set.value;
    if (p <= 0)
        return;
    double least = moe__log(p * reached);
    float max = moe__candidates_top(pool);
    int32_t n = 0;
    moe__candidates_sort(pool, stage->set.min_keep);
    for (int32_t i = 0; i < pool->n; i++) {
        if (i < stage->set.min_keep ||
            moe__candidates_gap(pool->items[i].logit, max) >= least)
            pool->items[n++] = pool->items[i];
    }
    pool->n = n;
    pool->n_sorted = moe__min_i32(pool->n_sorted, n);
}

/* The logit waits in p while the distance, negated, is what is sorted. */
static void keep_typical(const struct moe__stage *stage,
                         struct moe__candidates *pool)
{
    if (stage->set.value >= 1)
        return;
    float max = moe__candidates_top(pool);
    double total = moe__candidates_weigh(pool);
    double mean = 0; /* of logit - max */
    for (int32_t i = 0; i < pool->n; i++) {
        double p = (double)pool->items[i].p / total;
        if (p > 0)
            mean += p * moe__candidates_gap(pool->items[i].logit, max);
    }
    for (int32_t i = 0; i < pool->n; i++) {
        struct moe__candidate *item = &pool->items[i];
        double above = moe__candidates_gap(item->logit, max) - mean;
        item->p = item->logit;
        item->logit = (float)(above > 0 ? -above : above);
    }
    pool->n_sorted = 0;
    double mass = (double)stage->set.value * total;
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

static void scale_logits(const struct moe__stage *stage,
                         struct moe__candidates *pool)
{
    float t = stage->set.value;
    if (t < coldest) {
        moe__candidates_sort(pool, 1);
        pool->n = 1;
        return;
    }
    for (int32_t i = 0; i < pool->n; i++)
        pool->items[i].logit /= t;
    pool->n_sorted = 0; /* two quotients may round to a tie */
}

struct stage_bound {
    const char *name; /* NULL: not used */
    double low, high;
};

/* ORDER moe_stage_kind.  Penalties and temperatures beyond 1000 leave nothing
 * of any model's logits; a window of 2^24 is longer than any context. */
static const struct stage_kind {
    const char *name;
    void (*apply)(const struct moe__stage *, struct moe__candidates *);
    struct stage_bound count;
    struct stage_bound values[3]; /* value, value2, value3 */
} stage_kinds[] = {
    [MOE_STAGE_PENALTIES] = {"penalties",
                             penalise_used,
                             {"window", 0, 0x1p24},
                             {{"repeat", 0, 1000},
                              {"frequency", -1000, 1000},
                              {"presence", -1000, 1000}}},
    [MOE_STAGE_TOP_K] = {"top-k", keep_top_k, {"k", 0, 0x1p31}, {{0}}},
    [MOE_STAGE_TOP_P] = {"top-p", keep_top_p, {0}, {{"p", 0, 1}}},
    [MOE_STAGE_MIN_P] = {"min-p", keep_min_p, {0}, {{"p", 0, 1}}},
    [MOE_STAGE_TYPICAL] = {"typical", keep_typical, {0}, {{"p", 0, 1}}},
    [MOE_STAGE_TEMPERATURE] = {"temperature",
                               scale_logits,
                               {0},
                               {{"t", -1000, 1000}}},
};

static moe_status check_bound(const char *stage, struct stage_bound bound,
                              double value, struct moe__err *err)
{
    if (bound.name == NULL || (value >= bound.low && value <= bound.high))
        return MOE_OK;
    return moe__fail(err, MOE_ERR_ARGUMENT,
                     "sampler stage %s: %s must be %g to %g, is %g", stage,
                     bound.name, bound.low, bound.high, value);
}

moe_status moe__stage_check(const moe_stage *stage, struct moe__err *err)
{
    if (stage->kind < 1 || stage->kind >= (int32_t)MOE__COUNT(stage_kinds))
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "sampler stage: kind must be 1 to %d, is %d",
                         (int)MOE__COUNT(stage_kinds) - 1, stage->kind);
    const struct stage_kind *kind = &stage_kinds[stage->kind];
    const double values[] = {(double)stage->value, (double)stage->value2,
                             (double)stage->value3};
    for (int32_t i = 0; i < 3; i++)
        MOE__TRY(check_bound(kind->name, kind->values[i], values[i], err));
    MOE__TRY(check_bound(kind->name, kind->count, stage->count, err));
    struct stage_bound keep = {"min_keep", 0, 0x1p31};
    return check_bound(kind->name, keep, stage->min_keep, err);
}

void moe__stage_apply(const struct moe__stage *stage,
                      struct moe__candidates *pool)
{
    stage_kinds[stage->set.kind].apply(stage, pool);
}
