/* stages.c: the table of stages, their bounds and their memory.
 *
 * A stage changes logits or drops candidates; it leaves at least one.  What
 * each does is in stages_filter.c (drops), stages_edit.c (changes logits of
 * single tokens) and stages_learn.c (scales logits).  All memory of a stage is
 * taken when it is created. */
#include "sample/stages.h"

#include "base/bytes.h"

#include <math.h> /* INFINITY only */

struct stage_bound {
    const char *name; /* NULL: not used */
    double low, high;
};

enum {
    TAKES_ALL = 1, /* knows a pool that is no list yet */
    IS_LAST = 2,
    HAS_RING = 4,
    HAS_MARKS = 8,
    HAS_ODDS = 16
};

/* ORDER moe_stage_kind.  Penalties and temperatures beyond 1000 leave nothing
 * of any model's logits; a window of 2^24 is longer than any context. */
static const struct stage_kind {
    const char *name;
    moe__stage_fn *apply;
    void (*accept)(struct moe__stage *, moe_token);
    uint32_t flags;
    struct stage_bound count;
    struct stage_bound count2;
    struct stage_bound values[3]; /* value, value2, value3 */
} stage_kinds[] = {
    [MOE_STAGE_PENALTIES] = {.name = "penalties",
                             .apply = moe__stage_penalties,
                             .accept = moe__stage_count,
                             .flags = TAKES_ALL | HAS_RING | HAS_MARKS,
                             .count = {"window", 0, 0x1p24},
                             .values = {{"repeat", 0, 1000},
                                        {"frequency", -1000, 1000},
                                        {"presence", -1000, 1000}}},
    [MOE_STAGE_TOP_K] = {.name = "top-k",
                         .apply = moe__stage_top_k,
                         .flags = TAKES_ALL,
                         .count = {"k", 0, 0x1p31}},
    [MOE_STAGE_TOP_P] = {.name = "top-p",
                         .apply = moe__stage_top_p,
                         .values = {{"p", 0, 1}}},
    [MOE_STAGE_MIN_P] = {.name = "min-p",
                         .apply = moe__stage_min_p,
                         .flags = TAKES_ALL,
                         .values = {{"p", 0, 1}}},
    [MOE_STAGE_TYPICAL] = {.name = "typical",
                           .apply = moe__stage_typical,
                           .values = {{"p", 0, 1}}},
    [MOE_STAGE_TEMPERATURE] = {.name = "temperature",
                               .apply = moe__stage_temperature,
                               .flags = TAKES_ALL,
                               .values = {{"t", -1000, 1000},
                                          {"range", 0, 1000},
                                          {"exponent", 0, 1000}}},
    [MOE_STAGE_TOP_N_SIGMA] = {.name = "top-n-sigma",
                               .apply = moe__stage_top_n_sigma,
                               .values = {{"n", 0, 1000}}},
    [MOE_STAGE_XTC] = {.name = "xtc",
                       .apply = moe__stage_xtc,
                       .values = {{"probability", 0, 1}, {"threshold", 0, 1}}},
    [MOE_STAGE_DRY] = {.name = "dry",
                       .apply = moe__stage_dry,
                       .accept = moe__stage_follow,
                       .flags = TAKES_ALL | HAS_RING | HAS_MARKS,
                       .count = {"window", 0, 0x1p24},
                       .count2 = {"allowed length", 0, 0x1p24},
                       .values = {{"multiplier", 0, 1000}, {"base", 1, 1000}}},
    [MOE_STAGE_MIROSTAT_1] = {.name = "mirostat 1",
                              .apply = moe__stage_mirostat_1,
                              .accept = moe__stage_adjust,
                              .flags = IS_LAST | HAS_ODDS,
                              .count = {"m", 0, 0x1p31},
                              .values = {{"tau", 0, 1000}, {"eta", 0, 1000}}},
    [MOE_STAGE_MIROSTAT_2] = {.name = "mirostat 2",
                              .apply = moe__stage_mirostat_2,
                              .accept = moe__stage_adjust,
                              .flags = IS_LAST | HAS_ODDS,
                              .values = {{"tau", 0, 1000}, {"eta", 0, 1000}}},
    [MOE_STAGE_ADAPTIVE_P] = {.name = "adaptive-p",
                              .apply = moe__stage_adaptive_p,
                              .accept = moe__stage_adjust,
                              .flags = IS_LAST | HAS_ODDS,
                              .values = {{"target", 0, 1}, {"decay", 0, 0.99}}},
    [MOE_STAGE_BIAS] = {.name = "bias",
                        .apply = moe__stage_bias,
                        .flags = TAKES_ALL | HAS_ODDS},
    [MOE_STAGE_CUSTOM] = {.name = "custom",
                          .apply = moe__stage_custom,
                          .flags = HAS_MARKS},
};

static const struct stage_kind *kind_of(const struct moe__stage *stage)
{
    return &stage_kinds[stage->set.kind];
}

/* ------------------------------------------------------------------ bounds */

static moe_status check_bound(const char *stage, struct stage_bound bound,
                              double value, struct moe__err *err)
{
    if (bound.name == NULL || (value >= bound.low && value <= bound.high))
        return MOE_OK;
    return moe__fail(err, MOE_ERR_ARGUMENT,
                     "sampler stage %s: %s must be %g to %g, is %g", stage,
                     bound.name, bound.low, bound.high, value);
}

static moe_status check_values(const moe_stage *set, struct moe__err *err)
{
    if (set->kind < 1 || set->kind >= (int32_t)MOE__COUNT(stage_kinds))
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "sampler stage: kind must be 1 to %d, is %d",
                         (int)MOE__COUNT(stage_kinds) - 1, set->kind);
    const struct stage_kind *kind = &stage_kinds[set->kind];
    const double values[] = {(double)set->value, (double)set->value2,
                             (double)set->value3};
    for (int32_t i = 0; i < 3; i++)
        MOE__TRY(check_bound(kind->name, kind->values[i], values[i], err));
    MOE__TRY(check_bound(kind->name, kind->count, set->count, err));
    MOE__TRY(check_bound(kind->name, kind->count2, set->count2, err));
    const struct stage_bound keep = {"min_keep", 0, 0x1p31};
    return check_bound(kind->name, keep, set->min_keep, err);
}

/* An array is there if and only if its stage uses it. */
static moe_status check_arrays(const moe_stage *set, struct moe__err *err)
{
    const struct {
        moe_stage_kind kind;
        const char *name;
        const void *array;
        size_t n;
    } arrays[] = {
        {MOE_STAGE_BIAS, "biases", set->biases, set->n_biases},
        {MOE_STAGE_DRY, "breakers", set->breakers, set->n_breakers},
    };
    const char *name = stage_kinds[set->kind].name;
    for (size_t i = 0; i < MOE__COUNT(arrays); i++) {
        if (arrays[i].n == 0)
            continue;
        if (arrays[i].kind != set->kind)
            return moe__fail(err, MOE_ERR_ARGUMENT,
                             "sampler stage %s: has no %s, %zu are given", name,
                             arrays[i].name, arrays[i].n);
        if (arrays[i].array == NULL || arrays[i].n > (size_t)1 << 24)
            return moe__fail(err, MOE_ERR_ARGUMENT,
                             "sampler stage %s: expected an array of at most "
                             "2^24 %s, found %s with %zu",
                             name, arrays[i].name,
                             arrays[i].array == NULL ? "NULL" : "one",
                             arrays[i].n);
    }
    if ((set->fn != NULL) == (set->kind == MOE_STAGE_CUSTOM))
        return MOE_OK;
    return moe__fail(err, MOE_ERR_ARGUMENT,
                     "sampler stage %s: fn must %sbe NULL", name,
                     set->fn == NULL ? "not " : "");
}

/* ------------------------------------------------------------------ arrays */

/* odds becomes the bias of each token. */
static moe_status take_biases(struct moe__stage *stage, struct moe__err *err)
{
    for (size_t i = 0; i < stage->set.n_biases; i++) {
        const moe_bias bias = stage->set.biases[i];
        if (bias.token < 0 || bias.token >= stage->n_vocab)
            return moe__fail(err, MOE_ERR_ARGUMENT,
                             "sampler stage bias: biases[%zu].token must be 0 "
                             "to %d, is %d",
                             i, stage->n_vocab - 1, bias.token);
        if (!(bias.bias < INFINITY))
            return moe__fail(err, MOE_ERR_ARGUMENT,
                             "sampler stage bias: biases[%zu].bias must be "
                             "below infinity, is %g",
                             i, (double)bias.bias);
        if (stage->odds[bias.token] != 0)
            return moe__fail(err, MOE_ERR_ARGUMENT,
                             "sampler stage bias: token %d is listed twice",
                             bias.token);
        stage->odds[bias.token] = bias.bias;
    }
    return MOE_OK;
}

/* Sequences are put into the lists of the tokens that they begin with. */
static moe_status take_breakers(struct moe__stage *stage, struct moe__err *err)
{
    const moe_token *list = stage->set.breakers;
    moe_token before = MOE_TOKEN_NONE;
    for (size_t i = 0; i < stage->set.n_breakers; i++) {
        if (list[i] < MOE_TOKEN_NONE || list[i] >= stage->n_vocab)
            return moe__fail(err, MOE_ERR_ARGUMENT,
                             "sampler stage dry: breakers[%zu] must be -1 to "
                             "%d, is %d",
                             i, stage->n_vocab - 1, list[i]);
        if (before < 0 && list[i] >= 0) {
            stage->links[i] = stage->heads[list[i]];
            stage->heads[list[i]] = (int32_t)i + 1;
        }
        before = list[i];
    }
    return MOE_OK;
}

/* An array of n; NULL, and *is_ok false, if there is no memory. */
static void *take_array(struct moe__stage *stage, size_t n, size_t size,
                        bool *is_ok)
{
    void *array = *is_ok ? moe__arena_alloc(&stage->arena, n, size) : NULL;
    *is_ok = array != NULL;
    return array;
}

static bool take_memory(struct moe__stage *stage)
{
    const moe_stage *set = &stage->set;
    const uint32_t flags = kind_of(stage)->flags;
    const size_t n_vocab = (size_t)stage->n_vocab;
    const size_t n_ring = (size_t)set->count;
    bool is_ok = true;
    if (flags & HAS_RING) {
        stage->ring = take_array(stage, n_ring, sizeof *stage->ring, &is_ok);
        stage->repeats =
            take_array(stage, n_ring, sizeof *stage->repeats, &is_ok);
        stage->before =
            take_array(stage, n_ring, sizeof *stage->before, &is_ok);
    }
    if (flags & HAS_MARKS)
        stage->marks = take_array(stage, n_vocab, sizeof *stage->marks, &is_ok);
    if (flags & HAS_ODDS)
        stage->odds = take_array(stage, n_vocab, sizeof *stage->odds, &is_ok);
    if (set->n_breakers > 0) {
        stage->heads = take_array(stage, n_vocab, sizeof *stage->heads, &is_ok);
        stage->links =
            take_array(stage, set->n_breakers, sizeof *stage->links, &is_ok);
    }
    return is_ok;
}

/* The caller's arrays become the stage's own.  That of breakers gets one more
 * element: an end for the last sequence. */
static bool own_arrays(struct moe__stage *stage)
{
    moe_stage *set = &stage->set;
    bool is_ok = true;
    moe_bias *biases = take_array(stage, set->n_biases, sizeof *biases, &is_ok);
    moe_token *breakers =
        take_array(stage, set->n_breakers + 1, sizeof *breakers, &is_ok);
    if (!is_ok)
        return false;
    for (size_t i = 0; i < set->n_biases; i++)
        biases[i] = set->biases[i];
    for (size_t i = 0; i < set->n_breakers; i++)
        breakers[i] = set->breakers[i];
    breakers[set->n_breakers] = MOE_TOKEN_NONE;
    set->biases = biases;
    set->breakers = breakers;
    return true;
}

/* -------------------------------------------------------------------- life */

moe_status moe__stage_create(struct moe__mem *mem, const moe_stage *set,
                             int32_t n_vocab, struct moe__stage *out,
                             struct moe__err *err)
{
    *out = (struct moe__stage){.set = *set, .n_vocab = n_vocab};
    moe__arena_init(&out->arena, mem);
    MOE__TRY(check_values(set, err));
    MOE__TRY(check_arrays(set, err));
    if (!take_memory(out) ||
        ((set->n_biases > 0 || set->n_breakers > 0) && !own_arrays(out)))
        return moe__fail(err, MOE_ERR_NO_MEMORY,
                         "sampler: no memory for stage %s", kind_of(out)->name);
    moe__stage_settle(out);
    MOE__TRY(take_biases(out, err));
    return take_breakers(out, err);
}

void moe__stage_destroy(struct moe__stage *stage)
{
    moe__arena_free(&stage->arena);
}

void moe__stage_copy(struct moe__stage *to, const struct moe__stage *from)
{
    const size_t n_vocab = (size_t)to->n_vocab;
    to->n_ring = from->n_ring;
    to->next = from->next;
    to->has_odds = from->has_odds;
    memcpy(to->learnt, from->learnt, sizeof to->learnt);
    if (to->ring != NULL)
        memcpy(to->ring, from->ring, (size_t)to->set.count * sizeof *to->ring);
    if (to->marks != NULL)
        memcpy(to->marks, from->marks, n_vocab * sizeof *to->marks);
    if (to->odds != NULL)
        memcpy(to->odds, from->odds, n_vocab * sizeof *to->odds);
}

void moe__stage_apply(struct moe__stage *stage, struct moe__candidates *pool)
{
    if ((kind_of(stage)->flags & TAKES_ALL) == 0)
        moe__candidates_list(pool);
    kind_of(stage)->apply(stage, pool);
}

void moe__stage_accept(struct moe__stage *stage, moe_token token)
{
    if (kind_of(stage)->accept != NULL)
        kind_of(stage)->accept(stage, token);
}

void moe__stage_reset(struct moe__stage *stage)
{
    stage->n_ring = 0;
    stage->next = 0;
    if (stage->marks != NULL)
        memset(stage->marks, 0, (size_t)stage->n_vocab * sizeof *stage->marks);
    moe__stage_settle(stage);
}

bool moe__stage_is_last(const struct moe__stage *stage)
{
    return (kind_of(stage)->flags & IS_LAST) != 0;
}
