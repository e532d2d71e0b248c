/* bench_kern.c: how fast weights are read by one-token products, one thread.
 *
 *     bench_kern [TYPE ...]
 *
 * For each type: GB/s of weights over data that no cache holds, next to a bare
 * reader that only adds up what it loads; the ratio is what counts.  Pieces of
 * both take turns and are timed one by one, and a quantile near the fastest is
 * taken: so other work on the machine is mostly left out.  Then the same for
 * data that stays in the cache: what arithmetic alone would allow. */
#include "kern/kern.h"
#include "os/system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA_BYTES ((size_t)256 << 20)
#define PIECE_BYTES ((size_t)4 << 20)
#define N_COLS 4096
#define MAX_PIECES 64
#define CACHED_ROWS 32

static const char *const default_types[] = {
    "Q4_K", "Q5_K", "Q6_K",   "Q2_K",  "Q3_K", "Q8_0", "Q4_0", "Q4_1",
    "Q5_0", "Q5_1", "IQ4_NL", "MXFP4", "F16",  "BF16", "F32",
};

/* Any bytes would do but for scales: these make f16 between 1/8 and 1. */
static uint8_t *data; /* [DATA_BYTES] */
static volatile uint64_t sink;

#if defined(__GNUC__)
typedef uint64_t wide __attribute__((vector_size(64)));
#endif

/* Seconds that fn takes. */
static double seconds(void (*fn)(void *), void *arg)
{
    uint64_t start = moe__clock_ns();
    fn(arg);
    return (double)(moe__clock_ns() - start) * 1e-9;
}

#if defined(__GNUC__)
typedef uint64_t wide __attribute__((vector_size(64)));
#endif

struct piece {
    const uint8_t *from;
    size_t n;
};

/* Adds up 64 bytes at a time, in four independent sums. */
static void read_bare(void *arg)
{
    const struct piece *piece = arg;
#if defined(__GNUC__)
    wide sum[4] = {{0}};
    for (size_t i = 0; i + 256 <= piece->n; i += 256)
        for (int32_t j = 0; j < 4; j++) {
            wide v;
            memcpy(&v, piece->from + i + 64 * j, sizeof v);
            sum[j] += v;
        }
    sum[0] += sum[1] + sum[2] + sum[3];
    sink += sum[0][0] + sum[0][7];
#else
    uint64_t sum = 0;
    for (size_t i = 0; i + 8 <= piece->n; i += 8)
        sum += moe__load_u64(piece->from + i);
    sink += sum;
#endif
}

struct run {
    const struct moe__kern *kern;
    struct moe__matmul job;
};

static void multiply(void *arg)
{
    const struct run *run = arg;
    run->kern->matmul[run->job.w->type](&run->job);
}

static int32_t type_of(const char *name)
{
    for (int32_t t = 0; t < MOE__N_TYPES; t++) {
        const struct moe__type_info *info = moe__type_info(t);
        if (info != NULL && strcmp(info->name, name) == 0)
            return t;
    }
    return -1;
}

static void *take(size_t n)
{
    void *p = calloc(1, n);
    if (p == NULL)
        exit(1);
    return p;
}

static struct moe__act make_act(enum moe__operand operand)
{
    const size_t n = N_COLS;
    struct moe__act x = {.stride = N_COLS, .operand = operand};
    x.x = take(n * sizeof *x.x);
    x.q = take(n);
    x.scale = take(n / 32 * sizeof *x.scale);
    x.sum = take(n / 16 * sizeof *x.sum);
    for (size_t i = 0; i < n; i++) {
        x.x[i] = (float)(i % 7) - 3;
        x.q[i] = (int8_t)(i * 37 % 255 - 127);
        x.scale[i / 32] = 0.01f;
        x.sum[i / 16] =
            (int16_t)(i % 16 == 0 ? x.q[i] : x.sum[i / 16] + x.q[i]);
    }
    return x;
}

static void free_act(struct moe__act *x)
{
    free(x->x);
    free(x->q);
    free(x->scale);
    free(x->sum);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A fifth of the pieces were faster. */
static double quantile(double *t, int32_t n)
{
    qsort(t, (size_t)n, sizeof *t, by_value);
    return t[n / 5];
}

static void bench_type(int32_t type, const struct moe__kern *kern)
{
    const struct moe__type_info *info = moe__type_info(type);
    double bare[MAX_PIECES], product[MAX_PIECES], cached[MAX_PIECES];
    uint64_t row_bytes;
    moe__row_bytes(type, N_COLS, &row_bytes);
    int32_t n_rows = (int32_t)(PIECE_BYTES / row_bytes), n_pieces = 0;
    struct moe__act x = make_act(info->operand);
    struct moe__mat w = {.row_bytes = row_bytes,
                         .type = type,
                         .n_rows = n_rows,
                         .n_cols = N_COLS};
    float *y = take((size_t)n_rows * sizeof *y);
    struct run run = {kern,
                      {.w = &w,
                       .x = &x,
                       .y = y,
                       .y_stride = n_rows,
                       .n_tokens = 1,
                       .row_end = n_rows}};
    struct piece piece = {.n = row_bytes * (size_t)n_rows};
    for (; n_pieces < MAX_PIECES; n_pieces++) {
        size_t at = (size_t)n_pieces * PIECE_BYTES;
        piece.from = data + at;
        w.data = data + (at + DATA_BYTES / 2) % DATA_BYTES;
        bare[n_pieces] = seconds(read_bare, &piece);
        product[n_pieces] = seconds(multiply, &run);
    }
    run.job.row_end = CACHED_ROWS;
    for (int32_t i = 0; i < n_pieces; i++)
        cached[i] = seconds(multiply, &run);
    double gb = (double)piece.n * 1e-9, t_bare = quantile(bare, n_pieces);
    double t_product = quantile(product, n_pieces);
    double gb_cached = CACHED_ROWS * (double)row_bytes * 1e-9;
    printf("%-8s %-8s %6.2f GB/s, bare %6.2f, ratio %.3f; in cache %6.2f\n",
           kern->name, info->name, gb / t_product, gb / t_bare,
           t_bare / t_product, gb_cached / quantile(cached, n_pieces));
    free(y);
    free_act(&x);
}

int main(int argc, char **argv)
{
    struct moe__kern kern;
    int32_t n = argc > 1 ? argc - 1 : (int32_t)MOE__COUNT(default_types);
    const char *const *names =
        argc > 1 ? (const char *const *)(argv + 1) : default_types;
    data = take(DATA_BYTES);
    for (size_t i = 0; i < DATA_BYTES; i++)
        data[i] = (uint8_t)(0x30 + (i * 2654435761u >> 13) % 12);
    if (moe__kern_init(&kern, MOE_BACKEND_AUTO, NULL) != MOE_OK)
        return 1;
    for (int32_t i = 0; i < n; i++) {
        int32_t type = type_of(names[i]);
        if (type < 0 || kern.matmul[type] == NULL)
            fprintf(stderr, "%s: no such type\n", names[i]);
        else
            bench_type(type, &kern);
    }
    free(data);
    return 0;
}
