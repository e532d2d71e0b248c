/* stages_learn.c: stages that scale logits by the state of the text: how sure
 * the model is of the next token, and how likely the ones before were.
 *
 * With p = softmax(logits), H = -sum(p ln p), n candidates, w the probability
 * that the accepted token had:
 *
 * temperature  l = l / t;  t <= 0: keeps the best.  With range > 0
 *              t = low + (high - low) (H / ln n)^exponent,
 *              low = max(0, t - range), high = t + range (Wu and others 2024)
 * mirostat_1   with b = ln(p[i] / p[i + 1]), t = ln((i + 2) / (i + 1)) of the
 *              best 100, s = sum(t b) / sum(t^2), e = s - 1: keeps the best
 *              k = ((e 2^mu) / (1 - n_vocab^-e))^(1 / s)
 * mirostat_2   keeps -log2 p <= mu
 *              both: mu = 2 tau at first, then mu -= eta (-log2 w - tau)
 *              (Basu et al. 2020)
 * adaptive_p   a = clamp(2 target - sum / weight, 0, 1), d = |p - a| / 0.3:
 *              l = 5 - 10 d^2 / (1 + d);  at first sum = target / (1 - decay),
 *              weight = 1 / (1 - decay), then sum = w + decay sum,
 *              weight = 1 + decay weight (llama.cpp 2025) */
#include "sample/stages.h"

#include "base/bytes.h"
#include "base/math.h"

#include <math.h> /* INFINITY only */

#define LN2 0x1.62e42fefa39efp-1

/* Below this, float logits of ordinary size that differ at all are a factor of
 * more than e apart: the draw would be greedy, and quotients could overflow. */
#define COLDEST 1e-6

/* H of the candidates: with w = exp(l - max), sum(w) = total,
 * -ln p = ln total - (l - max). */
static double candidates_entropy(struct moe__candidates *pool)
{
    const float max = moe__candidates_top(pool);
    const double total = moe__candidates_weigh(pool);
    double sum = 0; /* of p (l - max) */
    for (int32_t i = 0; i < pool->n; i++) {
        const struct moe__candidate *item = &pool->items[i];
        if (item->p > 0)
            sum += (double)item->p * moe__candidates_gap(item->logit, max);
    }
    return moe__log(total) - sum / total;
}

static double entropy_temperature(const moe_stage *set,
                                  struct moe__candidates *pool)
{
    const double t = (double)set->value;
    const double range = (double)set->value2;
    const double low = t > range ? t - range : 0;
    const double exponent = set->value3 == 0 ? 1 : (double)set->value3;
    double share = candidates_entropy(pool) / moe__log(pool->n);
    share = share < 0 ? 0 : share < 1 ? share : 1; /* it was rounded */
    return low + (t + range - low) * moe__pow(share, exponent);
}

void moe__stage_temperature(struct moe__stage *stage,
                            struct moe__candidates *pool)
{
    const moe_stage *set = &stage->set;
    double t = (double)set->value;
    if (set->value2 > 0) {
        moe__candidates_list(pool);
        if (pool->n < 2)
            return;
        t = entropy_temperature(set, pool);
    }
    if (t < COLDEST) {
        moe__candidates_keep(pool, 1);
        return;
    }
    moe__candidates_list(pool);
    const float divisor = (float)t;
    for (int32_t i = 0; i < pool->n; i++)
        pool->items[i].logit /= divisor;
    pool->n_sorted = 0; /* two quotients may round to a tie */
}

/* Notes the probability of each candidate until a token is accepted. */
static void learn_odds(struct moe__stage *stage, struct moe__candidates *pool)
{
    const double total = moe__candidates_weigh(pool);
    memset(stage->odds, 0, (size_t)stage->n_vocab * sizeof *stage->odds);
    for (int32_t i = 0; i < pool->n; i++)
        stage->odds[pool->items[i].id] =
            (float)((double)pool->items[i].p / total);
    stage->has_odds = true;
}

/* ---------------------------------------------------------------- mirostat */

/* The exponent of the power law p[i] ~ (i + 1)^-s that fits the best m. */
static double mirostat_slope(struct moe__candidates *pool, int32_t m)
{
    double sum_tb = 0;
    double sum_tt = 0;
    moe__candidates_sort(pool, m);
    for (int32_t i = 0; i < moe__min_i32(m, pool->n) - 1; i++) {
        const double t = moe__log((double)(i + 2) / (double)(i + 1));
        const double b =
            moe__candidates_gap(pool->items[i].logit, pool->items[i + 1].logit);
        if (b == INFINITY)
            break;
        sum_tb += t * b;
        sum_tt += t * t;
    }
    return sum_tt > 0 ? sum_tb / sum_tt : 0;
}

void moe__stage_mirostat_1(struct moe__stage *stage,
                           struct moe__candidates *pool)
{
    const int32_t m = stage->set.count == 0 ? 100 : stage->set.count;
    const double slope = mirostat_slope(pool, m);
    const double above = slope - 1;
    const double mass = moe__pow(2, stage->learnt[0]);
    const double tail = 1 - moe__pow(stage->n_vocab, -above);
    double k = INFINITY; /* all are equal, or there is one */
    if (slope > 0 && tail != 0)
        k = moe__pow(above * mass / tail, 1 / slope);
    else if (slope > 0 && stage->n_vocab > 1) /* the limit for above = 0 */
        k = moe__pow(mass / moe__log(stage->n_vocab), 1 / slope);
    const int32_t n = k < pool->n ? (int32_t)k : pool->n;
    moe__candidates_keep(pool, moe__stage_least(stage, n));
    learn_odds(stage, pool);
}

/* p = exp(l - max) / total >= 2^-mu. */
void moe__stage_mirostat_2(struct moe__stage *stage,
                           struct moe__candidates *pool)
{
    const double total = moe__candidates_weigh(pool);
    moe__candidates_near(pool, moe__log(total) - stage->learnt[0] * LN2,
                         moe__stage_least(stage, 1));
    learn_odds(stage, pool);
}

/* -------------------------------------------------------------- adaptive p */

/* Of float probabilities, which may be so small that they are 0. */
void moe__stage_adaptive_p(struct moe__stage *stage,
                           struct moe__candidates *pool)
{
    const double mean = stage->learnt[0] / stage->learnt[1];
    double aim = 2 * (double)stage->set.value - mean;
    aim = aim < 0 ? 0 : aim < 1 ? aim : 1;
    learn_odds(stage, pool);
    for (int32_t i = 0; i < pool->n; i++) {
        struct moe__candidate *item = &pool->items[i];
        const double p = (double)stage->odds[item->id];
        const double d = (p > aim ? p - aim : aim - p) / 0.3;
        item->logit = (float)(5 - 10 * d * d / (1 + d));
    }
    pool->n_sorted = 0;
}

/* --------------------------------------------------------------- feedback */

void moe__stage_settle(struct moe__stage *stage)
{
    const double value = (double)stage->set.value;
    const double decay = (double)stage->set.value2;
    stage->has_odds = false;
    if (stage->set.kind == MOE_STAGE_ADAPTIVE_P) {
        stage->learnt[0] = value / (1 - decay);
        stage->learnt[1] = 1 / (1 - decay);
    } else {
        stage->learnt[0] = 2 * value;
    }
}

/* A token that was no candidate, or that came without a pick, teaches
 * nothing. */
void moe__stage_adjust(struct moe__stage *stage, moe_token token)
{
    const double p = stage->has_odds ? (double)stage->odds[token] : 0;
    const double value = (double)stage->set.value;
    const double value2 = (double)stage->set.value2;
    stage->has_odds = false;
    if (p <= 0)
        return;
    if (stage->set.kind == MOE_STAGE_ADAPTIVE_P) {
        stage->learnt[0] = p + value2 * stage->learnt[0];
        stage->learnt[1] = 1 + value2 * stage->learnt[1];
    } else {
        stage->learnt[0] -= value2 * (-moe__log(p) / LN2 - value);
    }
}
