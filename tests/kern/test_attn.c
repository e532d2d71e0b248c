/* Attention: overlays equal scalar bit for bit, scalar equals double within
 * its bounds, and positions that are not visible take no part. */
#include "kern_test.h"

static struct moe__kern kerns[MAX_KERNS];
static int32_t n_kerns;

#define N_TILES (MOE__SPAN / MOE__TILE)
#define MAX_SPANS 3
#define MAX_TOKENS 17
#define MAX_HEAD 1032
#define MAX_ACC (272 * 128) /* floats, so that the test takes seconds */

static const struct {
    int32_t type; /* whose layout a row has */
    int32_t multiple;
} kv_layouts[MOE__N_KVS] = {
    [MOE__KV_F32] = {MOE__F32, 1},
    [MOE__KV_F16] = {MOE__F16, 1},
    [MOE__KV_Q8_0] = {MOE__Q8_0, 32},
};

/* Keys or values of some spans: each tile ends at a forbidden page, the last
 * one behind the last position. */
struct store {
    enum moe__kv kv;
    int32_t d_head;
    size_t row_bytes;
    int32_t n_tiles;
    struct guarded memory[MAX_SPANS * N_TILES];
    const void *tiles[MAX_SPANS * N_TILES];
};

/* Positions [begin, end) and the others of their tiles, but none behind the
 * end.  All hold bytes 0xff: NaN in every type's floats and scales. */
static void store_open_part(struct store *store, enum moe__kv kv,
                            int32_t d_head, int32_t begin, int32_t end)
{
    uint64_t row_bytes;
    moe__row_bytes(kv_layouts[kv].type, (uint64_t)d_head, &row_bytes);
    memset(store, 0, sizeof *store);
    store->kv = kv;
    store->d_head = d_head;
    store->row_bytes = (size_t)row_bytes;
    store->n_tiles = moe__ceil_div(end, MOE__TILE);
    for (int32_t t = begin / MOE__TILE; t < store->n_tiles; t++) {
        int32_t n = moe__min_i32(end - t * MOE__TILE, MOE__TILE);
        size_t bytes = (size_t)n * store->row_bytes;
        store->memory[t] = guard_alloc(bytes, GUARD_AFTER, 0);
        store->tiles[t] = store->memory[t].data;
        memset(store->memory[t].data, 0xff, bytes);
    }
}

static void store_open(struct store *store, enum moe__kv kv, int32_t d_head,
                       int32_t n_tiles)
{
    store_open_part(store, kv, d_head, 0, n_tiles * MOE__TILE);
}

static void store_close(struct store *store)
{
    for (int32_t t = 0; t < store->n_tiles; t++)
        if (store->memory[t].map != NULL)
            guard_free(&store->memory[t]);
}

static uint8_t *store_row(const struct store *store, int32_t pos)
{
    return store->memory[pos / MOE__TILE].data +
           (size_t)(pos % MOE__TILE) * store->row_bytes;
}

static void store_put(const struct store *store, int32_t pos, const float *x)
{
    kerns[0].kv_put[store->kv](store_row(store, pos), x, store->d_head);
}

static void store_fill(const struct store *store, int32_t begin, int32_t end,
                       enum fill fill, struct dice *dice)
{
    float x[MAX_HEAD];
    for (int32_t pos = begin; pos < end; pos++) {
        fill_floats(x, store->d_head, fill, dice);
        store_put(store, pos, x);
    }
}

static void store_get(const struct store *store, int32_t pos, float *x)
{
    moe__decode(kv_layouts[store->kv].type, x, store_row(store, pos),
                (size_t)store->d_head);
}

/* One span, as data. */
struct span {
    enum moe__kv kv;
    int32_t d_head;
    int32_t n_tokens;
    int32_t n_q;
    int32_t begin;
    int32_t end;
    int32_t begin_step;
    float softcap;
    enum fill q;
    enum fill kv_fill;
};

/* A window for each token that is not empty: begins behind 0 or before it, of
 * any width up to 150, ends before or behind the span's end. */
static void roll_window(struct span *span, struct dice *dice)
{
    int32_t last = span->n_tokens - 1;
    int32_t width = 1 + dice_below(dice, dice_below(dice, 2) ? 150 : 8);
    span->begin_step = dice_below(dice, 2);
    span->begin =
        dice_below(dice, MOE__SPAN - last * span->begin_step + 20) - 20;
    span->end = moe__max_i32(span->begin + width, 1);
    span->end = moe__min_i32(span->end, MOE__SPAN);
}

/* Rows of q are further apart than they need be. */
static int32_t span_q_stride(const struct span *span)
{
    return span->n_q * span->d_head + 3;
}

static int32_t span_q_floats(const struct span *span)
{
    return (span->n_tokens - 1) * span_q_stride(span) +
           span->n_q * span->d_head;
}

static size_t span_acc_floats(const struct span *span)
{
    return (size_t)span->n_tokens * (size_t)(span->n_q * span->d_head);
}

/* The visible positions of all tokens together. */
static int32_t span_first(const struct span *span)
{
    return moe__max_i32(span->begin, 0);
}

static int32_t span_end(const struct span *span)
{
    return moe__min_i32(span->end + span->n_tokens - 1, MOE__SPAN);
}

static struct moe__attn span_job(const struct span *span, const float *q,
                                 const struct store *k, const struct store *v,
                                 float *result)
{
    size_t n = (size_t)(span->n_tokens * span->n_q);
    return (struct moe__attn){
        .q = q,
        .k = k->tiles,
        .v = v->tiles,
        .q_stride = span_q_stride(span),
        .n_tokens = span->n_tokens,
        .n_q = span->n_q,
        .d_head = span->d_head,
        .begin = span->begin,
        .end = span->end,
        .begin_step = span->begin_step,
        .scale = 1 / sqrtf((float)span->d_head),
        .softcap = span->softcap,
        .max = result,
        .sum = result + n,
        .acc = result + 2 * n,
    };
}

/* max, sum [n_tokens, n_q], acc [n_tokens, n_q, d_head], behind each other. */
static struct guarded attend_by(const struct moe__kern *kern,
                                const struct span *span, const float *q,
                                const struct store *k, const struct store *v)
{
    size_t n = (size_t)(span->n_tokens * span->n_q);
    struct guarded out =
        guard_alloc(4 * (2 * n + span_acc_floats(span)), GUARD_AFTER, 0);
    struct moe__attn job = span_job(span, q, k, v, (void *)out.data);
    kern->attend[span->kv](&job);
    return out;
}

/* The same, token by token. */
static struct guarded attend_singly(const struct moe__kern *kern,
                                    const struct span *span, const float *q,
                                    const struct store *k,
                                    const struct store *v)
{
    size_t n = (size_t)(span->n_tokens * span->n_q);
    struct guarded out =
        guard_alloc(4 * (2 * n + span_acc_floats(span)), GUARD_AFTER, 0);
    for (int32_t t = 0; t < span->n_tokens; t++) {
        struct moe__attn job = span_job(span, q, k, v, (void *)out.data);
        job.q += t * job.q_stride;
        job.n_tokens = 1;
        job.begin += t * span->begin_step;
        job.end += t;
        job.max += t * span->n_q;
        job.sum += t * span->n_q;
        job.acc += t * span->n_q * span->d_head;
        kern->attend[span->kv](&job);
    }
    return out;
}

static bool span_agrees(const struct span *span, struct dice *dice)
{
    struct store k, v;
    int32_t n = span_q_floats(span);
    int32_t begin = span_first(span), end = span_end(span);
    struct guarded q = guard_alloc(4 * (size_t)n, GUARD_AFTER, 0);
    store_open_part(&k, span->kv, span->d_head, begin, end);
    store_open_part(&v, span->kv, span->d_head, begin, end);
    store_fill(&k, begin, end, span->kv_fill, dice);
    store_fill(&v, begin, end,
               span->kv_fill == FILL_SPIKE ? FILL_ANY_BITS : FILL_RANDOM, dice);
    fill_floats((void *)q.data, n, span->q, dice);
    struct guarded want = attend_by(&kerns[0], span, (void *)q.data, &k, &v);
    struct guarded each =
        attend_singly(&kerns[0], span, (void *)q.data, &k, &v);
    bool agrees = same_bits(want.data, each.data, want.n_bytes, "one by one");
    guard_free(&each);
    for (int32_t i = 1; i < n_kerns; i++) {
        struct guarded got = attend_by(&kerns[i], span, (void *)q.data, &k, &v);
        each = attend_singly(&kerns[i], span, (void *)q.data, &k, &v);
        agrees =
            same_bits(want.data, got.data, got.n_bytes, "attend") && agrees;
        agrees = same_bits(want.data, each.data, got.n_bytes, "one by one") &&
                 agrees;
        guard_free(&each);
        guard_free(&got);
    }
    CHECK(agrees,
          "kv %d, d_head %d, %d tokens, n_q %d, %d .. %d, step %d, fills %d %d",
          (int)span->kv, (int)span->d_head, (int)span->n_tokens, (int)span->n_q,
          (int)span->begin, (int)span->end, (int)span->begin_step, (int)span->q,
          (int)span->kv_fill);
    guard_free(&want);
    store_close(&v);
    store_close(&k);
    guard_free(&q);
    return agrees;
}

/* Also: a job of several tokens is as many jobs of one token. */
static void overlays_equal_scalar_in_all_shapes(void)
{
    static const int32_t heads[] = {8,   16,  24, 32,  40,  64, 80,
                                    100, 128, 7,  256, 512, 96, MAX_HEAD};
    static const int32_t queries[] = {1, 2, 3, 4, 5, 7, 8, 16};
    const int32_t n_heads = MOE__COUNT(heads), n_queries = MOE__COUNT(queries);
    struct dice dice = {1};
    for (int32_t i = 0; i < n_queries * MAX_TOKENS * MOE__N_KVS; i++) {
        struct span span = {
            .kv = (enum moe__kv)(i % MOE__N_KVS),
            .n_q = queries[i / MOE__N_KVS % n_queries],
            .n_tokens = 1 + i / MOE__N_KVS / n_queries % MAX_TOKENS,
            .softcap = i % 5 == 0 ? 20 : 0,
        };
        do
            span.d_head = heads[dice_below(&dice, n_heads)];
        while (span.d_head % kv_layouts[span.kv].multiple != 0 ||
               span_acc_floats(&span) > MAX_ACC);
        roll_window(&span, &dice);
        REQUIRE(span_agrees(&span, &dice), "case %d", (int)i);
    }
}

static void overlays_equal_scalar_at_all_window_edges(void)
{
    struct dice dice = {2};
    for (int32_t i = 0; i < 64 * MOE__N_KVS; i++) {
        struct span span = {
            .kv = (enum moe__kv)(i % MOE__N_KVS),
            .d_head = 32,
            .n_q = 1 + i % 4,
            .n_tokens = 1 + i % 9,
            .begin = 64 + i / MOE__N_KVS,
            .begin_step = i % 2,
        };
        span.end = span.begin + 1 + i * 7 % 70;
        REQUIRE(span_agrees(&span, &dice), "case %d", (int)i);
        span.end = 128 + i / MOE__N_KVS;
        REQUIRE(span_agrees(&span, &dice), "case %d", (int)i);
    }
}

static void overlays_equal_scalar_with_all_fills(void)
{
    struct dice dice = {3};
    for (int32_t i = 0; i < 2 * N_FILLS * N_FILLS * MOE__N_KVS; i++) {
        struct span span = {
            .kv = (enum moe__kv)(i % MOE__N_KVS),
            .d_head = 32,
            .n_q = 1 + i % 5,
            .n_tokens = i % 7 < 2 ? 1 : i % 7,
            .begin = 10,
            .begin_step = i / 2 % 2,
            .end = 141,
            .softcap = i % 2 == 0 ? 0 : 50,
            .q = (enum fill)(i / MOE__N_KVS % N_FILLS),
            .kv_fill = (enum fill)(i / MOE__N_KVS / N_FILLS % N_FILLS),
        };
        REQUIRE(span_agrees(&span, &dice), "case %d", (int)i);
    }
}

/* --------------------------------------------------- scalar against double */

/* softmax(scale q k) v over [begin, end) in double, and how far off a sum in
 * single precision may be: a score's error is that of its products (a lane of
 * d / 8 and the tree), it enters every weight; the sums are as long as there
 * are positions; exp and the rescaling by tiles and spans take some more. */
static void exact_attention(double *y, double *bound, const float *q,
                            const struct store *k, const struct store *v,
                            int32_t begin, int32_t end)
{
    static double score[MAX_SPANS * MOE__SPAN];
    const int32_t d = k->d_head;
    const double scale = 1 / sqrtf((float)d), u = 0x1p-24;
    double max = -INFINITY, total = 0, size = 0, range = 0;
    float x[MAX_HEAD];
    for (int32_t pos = begin; pos < end; pos++) {
        double products = 0;
        score[pos] = 0;
        store_get(k, pos, x);
        for (int32_t i = 0; i < d; i++) {
            score[pos] += (double)q[i] * x[i] * scale;
            products += fabs((double)q[i] * x[i]) * scale;
        }
        max = score[pos] > max ? score[pos] : max;
        size = products > size ? products : size;
    }
    for (int32_t i = 0; i < d; i++)
        y[i] = bound[i] = 0;
    for (int32_t pos = begin; pos < end; pos++) {
        double p = exp(score[pos] - max);
        store_get(v, pos, x);
        total += p;
        range = max - score[pos] > range ? max - score[pos] : range;
        for (int32_t i = 0; i < d; i++) {
            y[i] += p * x[i];
            bound[i] += p * fabs(x[i]);
        }
    }
    double factor =
        2 * u * ((d / 8 + 6) * size + 2 * range + (end - begin) + 40);
    for (int32_t i = 0; i < d; i++) {
        y[i] /= total;
        bound[i] *= factor / total;
    }
}

/* All of [begin, end) by a backend: spans, then their merging. */
static void attend_all(const struct moe__kern *kern, float *y, const float *q,
                       const struct store *k, const struct store *v,
                       int32_t begin, int32_t end)
{
    float max[MAX_SPANS], sum[MAX_SPANS], acc[MAX_SPANS][MAX_HEAD];
    int32_t first = begin / MOE__SPAN, n_spans = 0;
    for (int32_t s = first; s * MOE__SPAN < end; s++) {
        struct moe__attn job = {
            .q = q,
            .k = k->tiles + s * N_TILES,
            .v = v->tiles + s * N_TILES,
            .n_tokens = 1,
            .n_q = 1,
            .d_head = k->d_head,
            .begin = moe__max_i32(begin - s * MOE__SPAN, 0),
            .end = moe__min_i32(end - s * MOE__SPAN, MOE__SPAN),
            .scale = 1 / sqrtf((float)k->d_head),
            .max = &max[n_spans],
            .sum = &sum[n_spans],
            .acc = acc[n_spans],
        };
        kern->attend[k->kv](&job);
        n_spans++;
    }
    kern->attend_merge(y, max, sum, 1, acc[0], MAX_HEAD, n_spans, k->d_head);
}

static void attention_keeps_its_bound(void)
{
    static const int32_t ranges[][2] = {
        {0, 1}, {0, 64}, {63, 65}, {0, 512}, {500, 530}, {100, 1536},
    };
    struct dice dice = {4};
    double want[64], bound[64];
    float q[64], y[64];
    for (int32_t kv = 0; kv < MOE__N_KVS; kv++)
        for (size_t r = 0; r < MOE__COUNT(ranges); r++) {
            int32_t begin = ranges[r][0], end = ranges[r][1];
            struct store k, v;
            store_open(&k, (enum moe__kv)kv, 64, MAX_SPANS * N_TILES);
            store_open(&v, (enum moe__kv)kv, 64, MAX_SPANS * N_TILES);
            store_fill(&k, begin, end, FILL_RANDOM, &dice);
            store_fill(&v, begin, end, FILL_RANDOM, &dice);
            fill_floats(q, 64, FILL_RANDOM, &dice);
            attend_all(&kerns[0], y, q, &k, &v, begin, end);
            exact_attention(want, bound, q, &k, &v, begin, end);
            for (int32_t i = 0; i < 64; i++)
                CHECK(fabs((double)y[i] - want[i]) <= bound[i],
                      "kv %d, %d .. %d: %g off, %g allowed", (int)kv,
                      (int)begin, (int)end, fabs((double)y[i] - want[i]),
                      bound[i]);
            store_close(&v);
            store_close(&k);
        }
}

/* What is outside the window may hold anything: here it is NaN, then numbers.
 */
static void invisible_positions_take_no_part(void)
{
    struct dice dice = {5};
    for (int32_t kv = 0; kv < MOE__N_KVS; kv++)
        for (int32_t i = 0; i < 40; i++) {
            int32_t begin = dice_below(&dice, 1000);
            int32_t end = begin + 1 + dice_below(&dice, 500);
            struct store k, v;
            float q[32], before[32], after[32];
            store_open(&k, (enum moe__kv)kv, 32, MAX_SPANS * N_TILES);
            store_open(&v, (enum moe__kv)kv, 32, MAX_SPANS * N_TILES);
            store_fill(&k, begin, end, FILL_RANDOM, &dice);
            store_fill(&v, begin, end, FILL_RANDOM, &dice);
            fill_floats(q, 32, FILL_RANDOM, &dice);
            const struct moe__kern *kern = &kerns[i % n_kerns];
            attend_all(kern, before, q, &k, &v, begin, end);
            store_fill(&k, 0, begin, FILL_LARGEST, &dice);
            store_fill(&v, end, MAX_SPANS * MOE__SPAN, FILL_LARGEST, &dice);
            attend_all(kern, after, q, &k, &v, begin, end);
            CHECK(before[3] == before[3], "NaN seen");
            REQUIRE(same_bits(before, after, sizeof after, kern->name),
                    "%d .. %d", (int)begin, (int)end);
            store_close(&v);
            store_close(&k);
        }
}

/* Scores of -infinity weigh nothing; if all are, nothing can be said. */
static void infinite_scores_are_weights_of_zero(void)
{
    for (int32_t n = 0; n < n_kerns; n++) {
        struct store k, v;
        const float low[8] = {-INFINITY}, high[8] = {1}, q[8] = {1};
        const float zeros[8] = {0}, ones[8] = {1, 1, 1, 1, 1, 1, 1, 1};
        float y[8];
        store_open(&k, MOE__KV_F32, 8, N_TILES);
        store_open(&v, MOE__KV_F32, 8, N_TILES);
        for (int32_t pos = 0; pos < 200; pos++) {
            store_put(&k, pos, pos < 150 ? low : high);
            store_put(&v, pos, pos < 150 ? zeros : ones);
        }
        attend_all(&kerns[n], y, q, &k, &v, 0, 200);
        CHECK(y[0] == 1 && y[7] == 1, "%s: %g", kerns[n].name, (double)y[0]);
        attend_all(&kerns[n], y, q, &k, &v, 0, 150);
        for (int32_t i = 0; i < 8; i++)
            CHECK(moe__f32_to_bits(y[i]) == 0x7fc00000u, "%s", kerns[n].name);
        store_close(&v);
        store_close(&k);
    }
}

/* A score that underflows from below is -0, a maximum never is. */
static void no_maximum_is_minus_zero(void)
{
    float q[8], key[8], zeros[8] = {0}, result[2 + 8];
    for (int32_t i = 0; i < 8; i++) {
        q[i] = 1e-30f;
        key[i] = -1e-30f;
    }
    for (int32_t n = 0; n < n_kerns; n++) {
        const struct span span = {
            .kv = MOE__KV_F32, .d_head = 8, .n_tokens = 1, .n_q = 1, .end = 3};
        struct store k, v;
        store_open(&k, MOE__KV_F32, 8, 1);
        store_open(&v, MOE__KV_F32, 8, 1);
        for (int32_t pos = 0; pos < 3; pos++) {
            store_put(&k, pos, key);
            store_put(&v, pos, zeros);
        }
        struct moe__attn job = span_job(&span, q, &k, &v, result);
        kerns[n].attend[MOE__KV_F32](&job);
        CHECK(moe__f32_to_bits(result[0]) == 0, "%s", kerns[n].name);
        CHECK(result[1] == 3, "%s: %g", kerns[n].name, (double)result[1]);
        store_close(&v);
        store_close(&k);
    }
}

static void merging_overlays_equal_scalar(void)
{
    struct dice dice = {6};
    if (n_kerns < 2)
        SKIP("only the scalar backend runs here");
    for (int32_t i = 0; i < 40 * N_FILLS; i++) {
        int32_t d_head = 1 + i % 40, n_spans = 1 + i % 5, stride = 1 + i % 3;
        size_t n = (size_t)n_spans, d = (size_t)d_head;
        struct guarded stats =
            guard_alloc(8 * n * (size_t)stride, GUARD_AFTER, 0);
        struct guarded acc = guard_alloc(4 * n * d, GUARD_AFTER, 0);
        struct guarded want = guard_alloc(4 * d, GUARD_AFTER, 0);
        struct guarded got = guard_alloc(4 * d, GUARD_AFTER, 0);
        float *max = (void *)stats.data, *sum = max + n * (size_t)stride;
        fill_floats(max, n_spans * stride,
                    i % 4 == 0 ? FILL_INFINITE : FILL_RANDOM, &dice);
        fill_floats(sum, n_spans * stride, FILL_RANDOM, &dice);
        fill_floats((void *)acc.data, n_spans * d_head, (enum fill)(i / 40),
                    &dice);
        for (int32_t k = 0; k < n_kerns; k++) {
            const struct guarded *y = k == 0 ? &want : &got;
            kerns[k].attend_merge((void *)y->data, max, sum, stride,
                                  (void *)acc.data, d_head, n_spans, d_head);
            REQUIRE(same_bits(want.data, y->data, 4 * d, "merge"), "case %d",
                    (int)i);
        }
        guard_free(&got);
        guard_free(&want);
        guard_free(&acc);
        guard_free(&stats);
    }
}

static void a_single_span_is_divided_by_its_sum(void)
{
    const float max = 3, sum = 4, acc[3] = {1, -2, 0};
    float y[3];
    for (int32_t k = 0; k < n_kerns; k++) {
        kerns[k].attend_merge(y, &max, &sum, 1, acc, 3, 1, 3);
        CHECK(y[0] == 0.25f && y[1] == -0.5f && y[2] == 0, "%s", kerns[k].name);
    }
}

static const struct test tests[] = {
    {"overlays_equal_scalar_in_all_shapes",
     overlays_equal_scalar_in_all_shapes},
    {"overlays_equal_scalar_at_all_window_edges",
     overlays_equal_scalar_at_all_window_edges},
    {"overlays_equal_scalar_with_all_fills",
     overlays_equal_scalar_with_all_fills},
    {"attention_keeps_its_bound", attention_keeps_its_bound},
    {"invisible_positions_take_no_part", invisible_positions_take_no_part},
    {"infinite_scores_are_weights_of_zero",
     infinite_scores_are_weights_of_zero},
    {"no_maximum_is_minus_zero", no_maximum_is_minus_zero},
    {"merging_overlays_equal_scalar", merging_overlays_equal_scalar},
    {"a_single_span_is_divided_by_its_sum",
     a_single_span_is_divided_by_its_sum},
};

int main(int argc, char **argv)
{
    n_kerns = available_kerns(kerns);
    return test_main(tests, (int)MOE__COUNT(tests), argc, argv);
}
