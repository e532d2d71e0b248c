/* Matrix products: overlays equal scalar bit for bit, and scalar equals exact
 * arithmetic within bounds that follow from its definition. */
#include "kern_test.h"

static struct moe__kern kerns[MAX_KERNS];
static int32_t n_kerns;

/* The functions that are compared: scalar first, then each backend's for few
 * and for many tokens. */
static struct family {
    const char *name;
    moe__matmul_fn *const *multiply; /* by type; NULL: none */
    bool is_panel;
} families[2 * MAX_KERNS];
static int32_t n_families;

static void find_families(void)
{
    n_kerns = available_kerns(kerns);
    for (int32_t k = 0; k < n_kerns; k++) {
        families[n_families++] =
            (struct family){kerns[k].name, kerns[k].matmul, false};
        families[n_families++] =
            (struct family){kerns[k].name, kerns[k].panel, true};
    }
}

/* Memory that products may use, to the byte: aligned, with a forbidden page
 * behind it. */
static void *matmul_scratch(void)
{
    static struct guarded scratch;
    if (scratch.map == NULL)
        scratch = guard_alloc(MOE__MATMUL_SCRATCH, GUARD_AFTER, 0);
    memset(scratch.data, 0x5a, scratch.n_bytes);
    return scratch.data;
}

/* What a block's bytes are filled with. */
enum block_fill { BLOCK_SANE, BLOCK_ONES, BLOCK_ZERO, BLOCK_ANY, N_BLOCKS };

/* Places of the f16 (or, for MXFP4, e8m0) scales of a block: -1 none.  By the
 * format's layouts. */
static void scale_places(int32_t type, int32_t place[2])
{
    static const struct {
        int32_t type, d, dmin;
    } places[] = {
        {MOE__Q2_K, 80, 82},  {MOE__Q3_K, 108, -1}, {MOE__Q4_K, 0, 2},
        {MOE__Q5_K, 0, 2},    {MOE__Q6_K, 208, -1}, {MOE__Q4_1, 0, 2},
        {MOE__Q5_1, 0, 2},    {MOE__TQ1_0, 52, -1}, {MOE__TQ2_0, 64, -1},
        {MOE__IQ1_M, -1, -1}, {MOE__MXFP4, -1, -1},
    };
    place[0] = 0;
    place[1] = -1;
    for (size_t i = 0; i < MOE__COUNT(places); i++)
        if (places[i].type == type) {
            place[0] = places[i].d;
            place[1] = places[i].dmin;
        }
}

static void store_number(uint8_t *to, int32_t type, float x)
{
    if (type == MOE__F32)
        memcpy(to, &x, sizeof x);
    else
        moe__store_u16(to, type == MOE__F16 ? moe__f32_to_f16(x)
                                            : moe__f32_to_bf16(x));
}

static void fill_weights(uint8_t *w, size_t n_bytes, int32_t type,
                         enum block_fill fill, struct dice *dice)
{
    const struct moe__type_info *info = moe__type_info(type);
    size_t block_bytes = (size_t)info->block_bytes;
    int32_t place[2];
    scale_places(type, place);
    for (size_t i = 0; i < n_bytes; i++)
        w[i] = fill == BLOCK_ONES   ? 0xff
               : fill == BLOCK_ZERO ? 0
                                    : (uint8_t)dice_roll(dice);
    if (fill == BLOCK_ANY)
        return;
    if (info->operand == MOE__OPERAND_F32) {
        for (size_t i = 0; fill == BLOCK_SANE && i < n_bytes; i += block_bytes)
            store_number(w + i, type, dice_float(dice));
        return;
    }
    for (size_t i = 0; i < n_bytes; i += block_bytes) {
        for (int32_t j = 0; j < 2; j++)
            if (place[j] >= 0) /* 2^-14 .. 2: finite, so sums can be */
                moe__store_u16(w + i + place[j],
                               (uint16_t)(0x400 + (dice_roll(dice) & 0x3bff)));
        if (type == MOE__MXFP4)
            w[i] = (uint8_t)(120 + dice_below(dice, 16));
    }
}

/* One product, as data. */
struct product {
    int32_t type;
    int32_t n_rows;
    int32_t n_cols;
    int32_t n_tokens;
    int32_t row_begin;
    enum block_fill weights;
    enum fill fill;
    enum guard_side side;
    size_t shift; /* of the weights from the forbidden page */
    bool has_src;
};

/* y of a product by one backend, all [n_tokens, n_rows + 1] with 0x5a where
 * nothing is written. */
static void run_product(const struct product *p, const struct family *family,
                        const struct moe__mat *w, const struct moe__act *x,
                        float *y)
{
    int32_t src[MOE__MATMUL_TOKENS];
    for (int32_t i = 0; i < p->n_tokens; i++)
        src[i] = (i * 5 + 1) % p->n_tokens;
    struct moe__matmul job = {
        .w = w,
        .x = x,
        .src = p->has_src ? src : NULL,
        .y = y,
        .scratch = matmul_scratch(),
        .y_stride = p->n_rows + 1,
        .n_tokens = p->n_tokens,
        .row_begin = p->row_begin,
        .row_end = p->n_rows,
    };
    memset(y, 0x5a, (size_t)(p->n_tokens * (p->n_rows + 1)) * sizeof *y);
    family->multiply[p->type](&job);
}

static bool product_agrees(const struct product *p, struct dice *dice)
{
    const struct moe__type_info *info = moe__type_info(p->type);
    uint64_t row_bytes;
    bool agrees = true;
    moe__row_bytes(p->type, (uint64_t)p->n_cols, &row_bytes);
    size_t n_bytes = (size_t)row_bytes * (size_t)p->n_rows;
    size_t n_y = (size_t)(p->n_tokens * (p->n_rows + 1));
    struct guarded w = guard_alloc(n_bytes, p->side, p->shift);
    struct guarded want = guard_alloc(4 * n_y, p->side, 0);
    struct guarded got = guard_alloc(4 * n_y, p->side, 0);
    struct test_act x = act_alloc(info->operand, p->n_tokens, p->n_cols);
    float *row = calloc((size_t)p->n_cols, sizeof *row);
    struct moe__mat mat = {.data = w.data,
                           .row_bytes = row_bytes,
                           .type = p->type,
                           .n_rows = p->n_rows,
                           .n_cols = p->n_cols};
    fill_weights(w.data, n_bytes, p->type, p->weights, dice);
    for (int32_t i = 0; i < p->n_tokens; i++) {
        fill_floats(row, p->n_cols, p->fill, dice);
        act_put(&x.act, &kerns[0], i, row, p->n_cols);
    }
    run_product(p, &families[0], &mat, &x.act, (void *)want.data);
    for (int32_t f = 1; f < n_families && agrees; f++) {
        const struct family *family = &families[f];
        if (family->multiply[p->type] == NULL)
            continue;
        run_product(p, family, &mat, &x.act, (void *)got.data);
        agrees = same_bits(want.data, got.data, 4 * n_y, info->name);
        CHECK(agrees, "%s%s %s: %d x %d from row %d, %d tokens, fills %d %d",
              family->name, family->is_panel ? " panels" : "", info->name,
              (int)p->n_rows, (int)p->n_cols, (int)p->row_begin,
              (int)p->n_tokens, (int)p->weights, (int)p->fill);
    }
    free(row);
    act_free(&x);
    guard_free(&got);
    guard_free(&want);
    guard_free(&w);
    return agrees;
}

/* Widths to test, of a type. */
static int32_t width_at(const struct moe__type_info *info, int32_t i)
{
    static const int32_t floats[] = {1, 3, 7, 8, 9, 31, 64, 257};
    static const int32_t blocks[] = {1, 2, 3, 5, 8, 9, 13, 16};
    if (info->operand == MOE__OPERAND_F32)
        return floats[i % 8];
    int32_t n = blocks[i % (info->operand == MOE__OPERAND_A256 ? 4 : 8)];
    return n * info->block_elems;
}

static bool has_overlay(int32_t type)
{
    for (int32_t k = 1; k < n_kerns; k++)
        if (kerns[k].matmul[type] != kerns[0].matmul[type] ||
            kerns[k].panel[type] != NULL)
            return true;
    return false;
}

static void overlays_equal_scalar_in_all_shapes(void)
{
    static const int32_t tokens[] = {1, 2, 3, 7, 16};
    struct dice dice = {1};
    if (n_kerns < 2)
        SKIP("only the scalar backend runs here");
    for (int32_t type = 0; type < MOE__N_TYPES; type++) {
        if (!has_overlay(type))
            continue;
        for (int32_t n = 0; n < 17 * 8; n++) {
            struct product p = {
                .type = type,
                .n_rows = 1 + n % 17,
                .n_cols = width_at(moe__type_info(type), n / 17),
                .n_tokens = tokens[n % 5],
                .row_begin = n % 3 == 2 ? dice_below(&dice, 1 + n % 17) : 0,
                .weights = (enum block_fill)(n / 3 % N_BLOCKS),
                .fill = (enum fill)(n % N_FILLS),
                .side = n & 1 ? GUARD_BEFORE : GUARD_AFTER,
                .has_src = n % 4 == 3,
            };
            REQUIRE(product_agrees(&p, &dice), "case %d", (int)n);
        }
    }
}

static void overlays_equal_scalar_with_all_fills(void)
{
    struct dice dice = {2};
    if (n_kerns < 2)
        SKIP("only the scalar backend runs here");
    for (int32_t type = 0; type < MOE__N_TYPES; type++)
        for (int32_t n = 0;
             has_overlay(type) && n < (int32_t)N_FILLS * N_BLOCKS; n++) {
            struct product p = {
                .type = type,
                .n_rows = 6,
                .n_cols = width_at(moe__type_info(type), 2) * 2,
                .n_tokens = 3,
                .weights = (enum block_fill)(n % N_BLOCKS),
                .fill = (enum fill)(n / N_BLOCKS),
            };
            REQUIRE(product_agrees(&p, &dice), "case %d", (int)n);
        }
}

/* More rows, columns and tokens than one panel, part or tile holds. */
static void panels_equal_scalar_beyond_their_sizes(void)
{
    static const struct {
        int32_t n_rows, n_cols, n_tokens;
    } sizes[] = {{75, 1280, 5},
                 {17, 2304, 13},
                 {9, 256, MOE__MATMUL_TOKENS},
                 {131, 1056, 7},
                 {3, 3104, 3}};
    struct dice dice = {7};
    if (n_kerns < 2)
        SKIP("only the scalar backend runs here");
    for (int32_t type = 0; type < MOE__N_TYPES; type++)
        for (int32_t n = 0; has_overlay(type) && n < 5; n++) {
            int32_t block = moe__type_info(type)->block_elems;
            struct product p = {
                .type = type,
                .n_rows = sizes[n].n_rows,
                .n_cols = moe__ceil_div(sizes[n].n_cols, block) * block,
                .n_tokens = sizes[n].n_tokens,
                .row_begin = n == 0 ? 7 : 0,
                .side = n & 1 ? GUARD_BEFORE : GUARD_AFTER,
                .has_src = n % 2 == 0,
            };
            REQUIRE(product_agrees(&p, &dice), "size %d", (int)n);
        }
}

static void overlays_equal_scalar_at_all_alignments(void)
{
    struct dice dice = {3};
    if (n_kerns < 2)
        SKIP("only the scalar backend runs here");
    for (int32_t type = 0; type < MOE__N_TYPES; type++)
        for (int32_t n = 0; has_overlay(type) && n < 64; n++) {
            struct product p = {
                .type = type,
                .n_rows = 5,
                .n_cols = width_at(moe__type_info(type), n % 2 * 4),
                .n_tokens = 1,
                .shift = (size_t)n,
                .side = n & 2 ? GUARD_BEFORE : GUARD_AFTER,
            };
            REQUIRE(product_agrees(&p, &dice), "shift %d", (int)n);
        }
}

/* Activations of +-127 with their sums and a scale of 1: what no quantised row
 * quite reaches. */
static void put_extreme(const struct moe__act *act, int32_t n, int32_t pattern,
                        struct dice *dice)
{
    for (int32_t i = 0; i < n; i++) {
        int32_t sign = pattern == 0   ? 1
                       : pattern == 1 ? -1
                       : pattern == 2 ? 1 - 2 * (i & 1)
                                      : 1 - 2 * (int32_t)(dice_roll(dice) & 1);
        act->q[i] = (int8_t)(127 * sign);
        act->sum[i / 16] =
            (int16_t)(i % 16 == 0 ? act->q[i] : act->sum[i / 16] + act->q[i]);
    }
    for (int32_t i = 0; i < n / (act->operand == MOE__OPERAND_A32 ? 32 : 256);
         i++)
        act->scale[i] = 1;
}

/* One block in 64-bit integers. */
static void exact_sums(const struct moe__codes *codes,
                       const struct moe__act *act, int32_t n, int64_t *isum,
                       int64_t *msum)
{
    *isum = *msum = 0;
    for (int32_t i = 0; i < n; i++) {
        *isum += (int64_t)codes->scale[i / 16] * codes->q[i] * act->q[i];
        *msum += (int64_t)codes->min[i / 16] * act->q[i];
    }
}

static void check_extremes(int32_t type, int32_t n, struct dice *dice)
{
    const struct moe__type_info *info = moe__type_info(type);
    struct test_act x = act_alloc(info->operand, 1, info->block_elems);
    uint8_t block[256];
    struct moe__codes codes;
    int64_t isum, msum;
    fill_weights(block, (size_t)info->block_bytes, type,
                 (enum block_fill)(n % 3 + (n % 3 == 0)), dice);
    for (int32_t i = 0; n % 3 == 0 && i < info->block_bytes; i++)
        block[i] = n & 8 ? 0x80 : 0x7f; /* -128 in Q8_0, 127 */
    put_extreme(&x.act, info->block_elems, n % 4, dice);
    info->expand(&codes, block);
    exact_sums(&codes, &x.act, info->block_elems, &isum, &msum);
    CHECK(isum < 1 << 29 && isum > -(1 << 29), "%s", info->name);
    CHECK(msum < 1 << 29 && msum > -(1 << 29), "%s", info->name);
    float want = fmaf(codes.d, (float)isum, 0.0f);
    if (info->has_min)
        want = fmaf(-codes.dmin, (float)msum, want);
    for (int32_t f = 0; f < n_families; f++) {
        float y = 0;
        if (families[f].multiply[type] == NULL)
            continue;
        struct moe__mat w = {block, (uint64_t)info->block_bytes, type,
                             1,     info->block_elems,           0};
        struct moe__matmul job = {.w = &w,
                                  .x = &x.act,
                                  .y = &y,
                                  .scratch = matmul_scratch(),
                                  .y_stride = 1,
                                  .n_tokens = 1,
                                  .row_end = 1};
        families[f].multiply[type](&job);
        CHECK(y == want || (y != y && want != want), "%s %s: %g, not %g",
              families[f].name, info->name, (double)y, (double)want);
    }
    act_free(&x);
}

static void integers_are_exact_at_the_extremes(void)
{
    struct dice dice = {4};
    for (int32_t type = 0; type < MOE__N_TYPES; type++) {
        const struct moe__type_info *info = moe__type_info(type);
        if (info == NULL || info->expand == NULL)
            continue;
        for (int32_t n = 0; n < 48; n++)
            check_extremes(type, n, &dice);
    }
}

/* Any bytes as weights: sums stay below 2^29, scales and codes below 2^14. */
static void no_block_exceeds_the_integer_bound(void)
{
    struct dice dice = {5};
    for (int32_t type = 0; type < MOE__N_TYPES; type++) {
        const struct moe__type_info *info = moe__type_info(type);
        for (int32_t n = 0; info != NULL && info->expand && n < 2000; n++) {
            uint8_t block[256];
            struct moe__codes codes;
            fill_weights(block, (size_t)info->block_bytes, type,
                         n < 2 ? BLOCK_ONES : BLOCK_ANY, &dice);
            info->expand(&codes, block);
            for (int32_t i = 0; i < info->block_elems; i++)
                REQUIRE(abs(codes.scale[i / 16] * codes.q[i]) <= 1 << 14 &&
                            abs(codes.min[i / 16]) <= 64,
                        "%s", info->name);
        }
    }
}

/* sum of w x in double, and the sum of |w x| that errors are measured by. */
static double exact_product(const struct moe__type_info *info, int32_t type,
                            const uint8_t *w, const struct moe__act *x,
                            int32_t n, double *size)
{
    int32_t unit = x->operand == MOE__OPERAND_A32 ? 32 : 256;
    double sum = 0;
    *size = 0;
    for (int32_t at = 0; at < n; at += info->block_elems) {
        struct moe__codes codes;
        if (info->expand != NULL)
            info->expand(&codes, w);
        for (int32_t i = 0; i < info->block_elems; i++) {
            float plain = 0;
            double a, min = 0, weight;
            if (info->expand == NULL) {
                moe__decode(type, &plain, w, 1);
                weight = plain;
                a = x->x[at];
            } else {
                weight = (double)codes.d * codes.scale[i / 16] * codes.q[i];
                min = (double)codes.dmin * codes.min[i / 16];
                a = (double)x->scale[(at + i) / unit] * x->q[at + i];
            }
            sum += (weight - min) * a;
            *size += (fabs(weight) + fabs(min)) * fabs(a);
        }
        w += info->block_bytes;
    }
    return sum;
}

/* Each block adds two fma with two roundings in their factors; a lane of floats
 * has n / 8 and the tree three: gamma_k = k u / (1 - k u). */
static double product_bound(const struct moe__type_info *info, int32_t n,
                            double size)
{
    double u = 0x1p-24, k = info->expand == NULL ? n / 8 + 4 : n / 32 * 2 + 4;
    return k * u / (1 - k * u) * size + 1e-300;
}

static void scalar_keeps_its_error_bound(void)
{
    struct dice dice = {6};
    for (int32_t type = 0; type < MOE__N_TYPES; type++) {
        const struct moe__type_info *info = moe__type_info(type);
        if (info == NULL || info->operand == MOE__OPERAND_NONE)
            continue;
        int32_t n = info->expand == NULL ? 301 : 1024;
        uint64_t row_bytes;
        moe__row_bytes(type, (uint64_t)n, &row_bytes);
        uint8_t *w = malloc((size_t)row_bytes);
        struct test_act x = act_alloc(info->operand, 1, n);
        float row[1024], y;
        struct moe__mat mat = {w, row_bytes, type, 1, n, 0};
        struct moe__matmul job = {.w = &mat,
                                  .x = &x.act,
                                  .y = &y,
                                  .scratch = matmul_scratch(),
                                  .y_stride = 1,
                                  .n_tokens = 1,
                                  .row_end = 1};
        for (int32_t i = 0; i < 50; i++) {
            fill_weights(w, (size_t)row_bytes, type, BLOCK_SANE, &dice);
            fill_floats(row, n, i & 1 ? FILL_SPIKE : FILL_RANDOM, &dice);
            act_put(&x.act, &kerns[0], 0, row, n);
            kerns[0].matmul[type](&job);
            double size, want = exact_product(info, type, w, &x.act, n, &size);
            if (isfinite(want)) /* IQ1_M's scale is spread over the block */
                CHECK(fabs((double)y - want) <= product_bound(info, n, size),
                      "%s: %g, not %g", info->name, (double)y, want);
        }
        act_free(&x);
        free(w);
    }
}

static void a_row_with_nan_gives_the_canonical_nan(void)
{
    for (int32_t f = 0; f < n_families; f++) {
        if (families[f].multiply[MOE__Q8_0] == NULL)
            continue;
        float row[32] = {0}, y = 0;
        uint8_t w[34] = {0, 0x3c, 1};
        struct test_act x = act_alloc(MOE__OPERAND_A32, 1, 32);
        struct moe__mat mat = {w, 34, MOE__Q8_0, 1, 32, 0};
        struct moe__matmul job = {.w = &mat,
                                  .x = &x.act,
                                  .y = &y,
                                  .scratch = matmul_scratch(),
                                  .y_stride = 1,
                                  .n_tokens = 1,
                                  .row_end = 1};
        row[5] = -NAN;
        act_put(&x.act, &kerns[0], 0, row, 32);
        families[f].multiply[MOE__Q8_0](&job);
        CHECK(moe__f32_to_bits(y) == 0x7fc00000u, "%s", families[f].name);
        act_free(&x);
    }
}

static const struct test tests[] = {
    {"overlays_equal_scalar_in_all_shapes",
     overlays_equal_scalar_in_all_shapes},
    {"overlays_equal_scalar_with_all_fills",
     overlays_equal_scalar_with_all_fills},
    {"panels_equal_scalar_beyond_their_sizes",
     panels_equal_scalar_beyond_their_sizes},
    {"overlays_equal_scalar_at_all_alignments",
     overlays_equal_scalar_at_all_alignments},
    {"integers_are_exact_at_the_extremes", integers_are_exact_at_the_extremes},
    {"no_block_exceeds_the_integer_bound", no_block_exceeds_the_integer_bound},
    {"scalar_keeps_its_error_bound", scalar_keeps_its_error_bound},
    {"a_row_with_nan_gives_the_canonical_nan",
     a_row_with_nan_gives_the_canonical_nan},
};

int main(int argc, char **argv)
{
    find_families();
    return test_main(tests, (int)MOE__COUNT(tests), argc, argv);
}
