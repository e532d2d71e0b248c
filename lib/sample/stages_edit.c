/* stages_edit.c: stages that change logits of single tokens.
 *
 * penalties  for a token used c > 0 times in the window:
 *            l = l <= 0 ? l * repeat : l / repeat;  l -= c * freq + presence
 *            (Keskar et al. 2019; frequency and presence as OpenAI's API)
 * dry        for a token that would continue a repetition: the newest n tokens
 *            stood already somewhere in the window, and it came after them:
 *            l -= multiplier * base ^ (n - allowed)      for the longest such n
 *            unless n < allowed; n does not reach over a breaker ("don't
 *            repeat yourself", p-e-w 2024)
 * bias       l += bias
 * custom     the host's function */
#include "sample/stages.h"

#include "base/bytes.h"
#include "base/math.h"

#include <math.h> /* INFINITY and NAN only */

/* Changes the logits of the tokens in the ring.  A token that is there twice
 * is changed once: the logits from before are read first. */
static void edit_recent(struct moe__stage *stage, struct moe__candidates *pool,
                        float (*edit)(const struct moe__stage *, moe_token,
                                      float))
{
    if (pool->is_list) {
        for (int32_t i = 0; i < pool->n; i++) {
            struct moe__candidate *item = &pool->items[i];
            if (stage->marks[item->id] != 0)
                item->logit = edit(stage, item->id, item->logit);
        }
        pool->n_sorted = 0;
        return;
    }
    for (int32_t i = 0; i < stage->n_ring; i++)
        stage->before[i] = pool->logits[stage->ring[i]];
    for (int32_t i = 0; i < stage->n_ring; i++) {
        const moe_token id = stage->ring[i];
        if (stage->marks[id] != 0)
            pool->logits[id] = edit(stage, id, stage->before[i]);
    }
}

/* --------------------------------------------------------------- penalties */

static float penalised(const struct moe__stage *stage, moe_token id,
                       float logit)
{
    const moe_stage *set = &stage->set;
    const float repeat = set->value == 0 ? 1 : set->value;
    const float uses = (float)stage->marks[id];
    logit = logit <= 0 ? logit * repeat : logit / repeat;
    return logit - (uses * set->value2 + set->value3);
}

/* marks: how often each token is in the ring. */
void moe__stage_penalties(struct moe__stage *stage,
                          struct moe__candidates *pool)
{
    if (stage->n_ring > 0)
        edit_recent(stage, pool, penalised);
}

void moe__stage_count(struct moe__stage *stage, moe_token token)
{
    if (stage->set.count == 0)
        return;
    if (stage->n_ring == stage->set.count)
        stage->marks[stage->ring[stage->next]]--;
    stage->marks[token]++;
    moe__stage_follow(stage, token);
}

void moe__stage_follow(struct moe__stage *stage, moe_token token)
{
    if (stage->set.count == 0)
        return;
    stage->n_ring += stage->n_ring < stage->set.count;
    stage->ring[stage->next] = token;
    stage->next = (stage->next + 1) % stage->set.count;
}

/* --------------------------------------------------------------------- dry */

/* Token number `age` of the ring; 0 is the newest. */
static moe_token ring_token(const struct moe__stage *stage, int32_t age)
{
    const int32_t slot = stage->next - 1 - age;
    return stage->ring[slot < 0 ? slot + stage->set.count : slot];
}

/* Length of the longest breaker that begins at `age`; 0: none does. */
static int32_t breaker_length(const struct moe__stage *stage, int32_t age)
{
    const moe_token *list = stage->set.breakers;
    int32_t longest = 0;
    for (int32_t at = stage->heads[ring_token(stage, age)]; at > 0;
         at = stage->links[at - 1]) {
        const moe_token *breaker = list + (at - 1);
        int32_t n = 1;
        while (breaker[n] >= 0 && n <= age &&
               breaker[n] == ring_token(stage, age - n))
            n++;
        if (breaker[n] < 0 && n > longest)
            longest = n;
    }
    return longest;
}

/* How many of the newest tokens come after the last breaker. */
static int32_t dry_reach(const struct moe__stage *stage)
{
    for (int32_t age = 0; stage->heads != NULL && age < stage->n_ring; age++) {
        const int32_t n = breaker_length(stage, age);
        if (n > 0)
            return age - (n - 1);
    }
    return stage->n_ring;
}

/* repeats[age]: how many tokens up to `age` equal the newest ones: the Z
 * algorithm (Gusfield 1997) from the newest token backwards.  [left, right) is
 * the match seen so far that goes back furthest, so each token is compared
 * twice at most. */
static void dry_match(struct moe__stage *stage)
{
    const int32_t n = stage->n_ring;
    int32_t left = 0;
    int32_t right = 0;
    for (int32_t age = 1; age < n; age++) {
        int32_t length = 0;
        if (age < right)
            length = moe__min_i32(stage->repeats[age - left], right - age);
        while (age + length < n &&
               ring_token(stage, length) == ring_token(stage, age + length))
            length++;
        if (age + length > right) {
            left = age;
            right = age + length;
        }
        stage->repeats[age] = length;
    }
}

/* A token that is a breaker by itself. */
static bool dry_is_breaker(const struct moe__stage *stage, moe_token id)
{
    int32_t at = stage->heads == NULL ? 0 : stage->heads[id];
    while (at > 0 && stage->set.breakers[at] >= 0)
        at = stage->links[at - 1];
    return at > 0;
}

static float dried(const struct moe__stage *stage, moe_token id, float logit)
{
    const double base = (double)stage->set.value2;
    int32_t excess = stage->marks[id] - 1 - stage->set.count2;
    /* base ^ excess is to stay a float: ln FLT_MAX = 88.72 */
    if (base > 1.000001)
        excess = moe__min_i32(excess, (int32_t)(88.7228391 / moe__log(base)));
    const double penalty = (double)stage->set.value * moe__pow(base, excess);
    return logit -
           (float)(penalty < (double)FLT_MAX ? penalty : (double)FLT_MAX);
}

/* marks: 1 + the length of the repetition that a token would continue; all 0
 * between the calls. */
void moe__stage_dry(struct moe__stage *stage, struct moe__candidates *pool)
{
    const int32_t allowed = stage->set.count2;
    if (stage->set.value == 0 || stage->n_ring <= allowed)
        return;
    const int32_t reach = dry_reach(stage);
    if (reach < allowed)
        return;
    dry_match(stage);
    for (int32_t age = 1; age < stage->n_ring; age++) {
        const moe_token id = ring_token(stage, age - 1);
        const int32_t length = moe__min_i32(stage->repeats[age], reach);
        if (length >= allowed && !dry_is_breaker(stage, id))
            stage->marks[id] = moe__max_i32(stage->marks[id], length + 1);
    }
    edit_recent(stage, pool, dried);
    for (int32_t i = 0; i < stage->n_ring; i++)
        stage->marks[stage->ring[i]] = 0;
}

/* ---------------------------------------------------------- bias and custom */

/* Infinities of both signs give the lower one: what is banned stays so. */
static float biased(float logit, float bias)
{
    const float sum = logit + bias;
    return sum != sum && logit == logit ? -INFINITY : sum;
}

/* odds: the biases by id. */
void moe__stage_bias(struct moe__stage *stage, struct moe__candidates *pool)
{
    const moe_stage *set = &stage->set;
    if (!pool->is_list) {
        for (size_t i = 0; i < set->n_biases; i++) {
            float *logit = &pool->logits[set->biases[i].token];
            *logit = biased(*logit, set->biases[i].bias);
        }
        return;
    }
    for (int32_t i = 0; i < pool->n; i++) {
        struct moe__candidate *item = &pool->items[i];
        item->logit = biased(item->logit, stage->odds[item->id]);
    }
    pool->n_sorted = 0;
}

/* The host sees copies, and only logits are read back: whatever it does, the
 * candidates are some of those that were.  marks: their ids. */
void moe__stage_custom(struct moe__stage *stage, struct moe__candidates *pool)
{
    float *logits = pool->logits; /* free for use: the pool is a list */
    for (int32_t i = 0; i < pool->n; i++) {
        stage->marks[i] = pool->items[i].id;
        logits[i] = pool->items[i].logit;
    }
    stage->set.fn(stage->set.user, stage->marks, logits, pool->n);
    int32_t n_left = 0;
    for (int32_t i = 0; i < pool->n; i++)
        n_left += logits[i] == logits[i];
    if (n_left == 0) {
        moe__candidates_keep(pool, 1);
        return;
    }
    n_left = 0;
    for (int32_t i = 0; i < pool->n; i++) {
        pool->items[n_left].id = pool->items[i].id;
        pool->items[n_left].logit = logits[i];
        n_left += logits[i] == logits[i];
    }
    pool->n = n_left;
    pool->n_sorted = 0;
}
