/* bench_sample.c: microseconds to choose a token, one thread.
 *
 *     bench_sample [N_VOCAB]                                  152,000 if absent
 *
 * Logits are drawn anew for each pick, as a model's product leaves them: near
 * 0 with a spread of 3.  The median of the picks counts, and the fastest. */
#include "base/rng.h"
#include "os/system.h"
#include "sample/sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_ROWS = 8, N_PICKS = 200, MOST_STAGES = 6 };

static const moe_stage usual_front[] = {
    {.kind = MOE_STAGE_PENALTIES, .count = 64, .value = 1.1f},
    {.kind = MOE_STAGE_TOP_K, .count = 40},
    {.kind = MOE_STAGE_TOP_P, .value = 0.95f},
    {.kind = MOE_STAGE_MIN_P, .value = 0.05f},
    {.kind = MOE_STAGE_TEMPERATURE, .value = 0.8f},
};

static const struct bench {
    const char *name;
    uint64_t mask; /* each word of it; 0: none */
    moe_stage stages[MOST_STAGES];
} benches[] = {
    {"penalties, top-k 40, top-p, min-p, temperature", 0, {{0}}},
    {"the same, one token of 64 allowed", 1, {{0}}},
    {"the same, 63 tokens of 64 allowed", UINT64_MAX - 1, {{0}}},
    {"greedy", 0, {{.kind = MOE_STAGE_TEMPERATURE}}},
    {"dry, top-k 40, temperature",
     0,
     {{.kind = MOE_STAGE_DRY,
       .count = 1024,
       .value = 0.8f,
       .value2 = 1.75f,
       .count2 = 2},
      {.kind = MOE_STAGE_TOP_K, .count = 40},
      {.kind = MOE_STAGE_TEMPERATURE, .value = 0.8f}}},
    {"min-p, temperature",
     0,
     {{.kind = MOE_STAGE_MIN_P, .value = 0.05f},
      {.kind = MOE_STAGE_TEMPERATURE, .value = 0.8f}}},
    {"top-n-sigma, temperature",
     0,
     {{.kind = MOE_STAGE_TOP_N_SIGMA, .value = 1},
      {.kind = MOE_STAGE_TEMPERATURE, .value = 0.8f}}},
    {"top-p alone", 0, {{.kind = MOE_STAGE_TOP_P, .value = 0.95f}}},
    {"mirostat 2",
     0,
     {{.kind = MOE_STAGE_MIROSTAT_2, .value = 5, .value2 = 0.1f}}},
};

/* About normal: the sum of four uniform numbers. */
static void fill_rows(float *rows, int32_t n_vocab)
{
    for (int32_t i = 0; i < N_ROWS * n_vocab; i++) {
        double sum = 0;
        for (uint64_t part = 0; part < 4; part++)
            sum += moe__rng_f64(part, (uint64_t)i);
        rows[i] = (float)((sum - 2) * 3 / 0.577);
    }
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct moe__chain *chain_for(struct moe__mem *mem,
                                    const struct bench *bench, int32_t n_vocab)
{
    struct moe__chain *chain = NULL;
    const bool is_usual = bench->stages[0].kind == 0;
    const moe_stage *stages = is_usual ? usual_front : bench->stages;
    if (moe__chain_create(mem, n_vocab, 1, &chain, NULL) != MOE_OK)
        return NULL;
    for (int32_t i = 0; i < (is_usual ? 5 : MOST_STAGES); i++)
        if (stages[i].kind != 0 &&
            moe__chain_add(chain, &stages[i], NULL) != MOE_OK)
            return NULL;
    return chain;
}

static void run_bench(const struct bench *bench, const float *rows,
                      int32_t n_vocab)
{
    static double us[N_PICKS];
    struct moe__mem mem;
    moe__mem_init(&mem, NULL);
    struct moe__chain *chain = chain_for(&mem, bench, n_vocab);
    uint64_t *mask = malloc((size_t)n_vocab / 8 + 8);
    if (chain == NULL || mask == NULL) {
        fprintf(stderr, "bench_sample: %s: no memory\n", bench->name);
        exit(1);
    }
    for (int32_t i = 0; i < (n_vocab + 63) / 64; i++)
        mask[i] = bench->mask;
    moe__chain_set_mask(chain, bench->mask != 0 ? mask : NULL);
    for (int32_t i = 0; i < N_PICKS; i++) {
        const float *row = rows + (size_t)(i % N_ROWS) * (size_t)n_vocab;
        const uint64_t start = moe__clock_ns();
        const moe_token token = moe__chain_pick(chain, row);
        us[i] = (double)(moe__clock_ns() - start) / 1000;
        moe__chain_accept(chain, token);
    }
    qsort(us, N_PICKS, sizeof *us, by_value);
    printf("| %-48s | %8.1f | %8.1f |\n", bench->name, us[N_PICKS / 2], us[0]);
    moe__chain_destroy(chain);
    free(mask);
}

int main(int argc, char **argv)
{
    const int32_t n_vocab = argc > 1 ? atoi(argv[1]) : 152000;
    if (n_vocab < 1 || n_vocab > 1 << 24) {
        fprintf(stderr, "bench_sample: N_VOCAB must be 1 to 2^24\n");
        return 2;
    }
    float *rows = malloc((size_t)N_ROWS * (size_t)n_vocab * sizeof *rows);
    if (rows == NULL) {
        fprintf(stderr, "bench_sample: no memory\n");
        return 1;
    }
    fill_rows(rows, n_vocab);
    printf("| %-48s | %8s | %8s |\n|---|--:|--:|\n", "chain", "us", "fastest");
    for (size_t i = 0; i < sizeof benches / sizeof *benches; i++)
        run_bench(&benches[i], rows, n_vocab);
    free(rows);
    return 0;
}
