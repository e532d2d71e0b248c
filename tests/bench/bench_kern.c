/* bench_kern.c: how fast weights are read by one-token products, one thread.
 *
 *     bench_kern [TYPE ...]
 *
 * For each type: GB/s of weights over data that no cache holds, next to two
 * readers that only add up what they load: a plain one, and the fastest one,
 * which is what counts: the ratio is to it.  Pieces of all three take turns and
 * are timed one by one, and a quantile near the fastest is taken: so other work
 * on the machine is mostly left out.  Then the same for data that stays in the
 * cache: what arithmetic alone would allow. */
#include "kern/kern.h"
#include "os/system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA_BYTES ((size_t)256 << 20)
#define PIECE_BYTES ((size_t)4 << 20)
#define CHUNK_BYTES ((size_t)64 << 10) /* as run/ cuts products */
#define CHUNK_ROWS 16                  /* of a multiple of which */
#define N_COLS 4096
#define N_ROUNDS 2 /* over the data */
#define MAX_PIECES ((int32_t)(N_ROUNDS * DATA_BYTES / PIECE_BYTES))
#define CACHED_ROWS 8

static const char *const default_types[] = {
    "Q4_K",  "Q5_K",   "Q6_K",    "Q2_K",    "Q3_K",  "Q8_0",   "Q4_0",
    "Q4_1",  "Q5_0",   "Q5_1",    "IQ4_NL",  "MXFP4", "IQ4_XS", "IQ3_S",
    "IQ2_S", "IQ2_XS", "IQ2_XXS", "IQ3_XXS", "IQ1_S", "IQ1_M",  "TQ1_0",
    "TQ2_0", "F16",    "BF16",    "F32",
};

/* Any bytes would do but for scales: these make f16 between 1/8 and 1. */
static uint8_t *data; /* [DATA_BYTES] */
static volatile uint64_t sink;

/* Seconds that fn takes. */
static double seconds(void (*fn)(void *), void *arg)
{
    uint64_t start = moe__clock_ns();
    fn(arg);
    return (double)(moe__clock_ns() - start) * 1e-9;
}

struct piece {
    const uint8_t *from;
    size_t n;
};

#if defined(__GNUC__)
typedef uint64_t word __attribute__((vector_size(16)));
#else
typedef uint64_t word;
#endif

static inline word load_word(const uint8_t *p)
{
    word v;
    memcpy(&v, p, sizeof v);
    return v;
}

static void keep(word sum)
{
    uint64_t first;
    memcpy(&first, &sum, sizeof first);
    sink += first;
}

/* From one end to the other. */
static void read_plain(void *arg)
{
    const struct piece *piece = arg;
    const uint8_t *p = piece->from, *end = p + piece->n / 64 * 64;
    word a = {0}, b = {0}, c = {0}, d = {0};
    for (; p < end; p += 4 * sizeof a) {
        a += load_word(p);
        b += load_word(p + sizeof a);
        c += load_word(p + 2 * sizeof a);
        d += load_word(p + 3 * sizeof a);
    }
    keep(a + b + c + d);
}

/* From four places at once, which most processors fetch faster than one.  Of
 * 1, 2, 4 and 8 places, with lines fetched 0 to 8 KiB ahead, this is the best
 * on Zen 3. */
static void read_best(void *arg)
{
    const struct piece *piece = arg;
    const size_t part = piece->n / 4 / 64 * 64;
    const uint8_t *p = piece->from, *end = p + part;
    word a = {0}, b = {0}, c = {0}, d = {0};
    for (; p < end; p += sizeof a) {
        a += load_word(p);
        b += load_word(p + part);
        c += load_word(p + 2 * part);
        d += load_word(p + 3 * part);
    }
    keep(a + b + c + d);
}

struct run {
    const struct moe__kern *kern;
    struct moe__matmul job;
};

static void multiply(void *arg)
{
    const struct run *run = arg;
    struct moe__matmul job = run->job;
    size_t rows = CHUNK_BYTES / job.w->row_bytes / CHUNK_ROWS * CHUNK_ROWS;
    int32_t step = rows < CHUNK_ROWS ? CHUNK_ROWS : (int32_t)rows;
    for (int32_t row = 0; row < run->job.row_end; row += step) {
        job.row_begin = row;
        job.row_end = moe__min_i32(row + step, run->job.row_end);
        run->kern->matmul[job.w->type](&job);
    }
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

/* The time that one of `of` is faster than. */
static double quantile(double *t, int32_t n, int32_t of)
{
    qsort(t, (size_t)n, sizeof *t, by_value);
    return t[n / of];
}

/* Times of the pieces, in seconds. */
struct times {
    double plain[MAX_PIECES];
    double best[MAX_PIECES];
    double product[MAX_PIECES];
    double cached[MAX_PIECES];
};

static void time_pieces(struct times *times, struct run *run,
                        struct moe__mat *w)
{
    struct piece piece = {.n = w->row_bytes * (size_t)w->n_rows};
    for (int32_t i = 0; i < MAX_PIECES; i++) {
        size_t at = (size_t)i * PIECE_BYTES;
        piece.from = data + at % DATA_BYTES;
        times->plain[i] = seconds(read_plain, &piece);
        piece.from = data + (at + DATA_BYTES / 4) % DATA_BYTES;
        times->best[i] = seconds(read_best, &piece);
        w->data = data + (at + DATA_BYTES / 2) % DATA_BYTES;
        run->job.row_end = w->n_rows;
        times->product[i] = seconds(multiply, run);
        run->job.row_end = CACHED_ROWS;
        seconds(multiply, run);
        times->cached[i] = seconds(multiply, run);
    }
}

static void bench_type(int32_t type, const struct moe__kern *kern)
{
    static struct times times;
    static alignas(64) uint8_t scratch[MOE__MATMUL_SCRATCH];
    const struct moe__type_info *info = moe__type_info(type);
    uint64_t row_bytes;
    moe__row_bytes(type, N_COLS, &row_bytes);
    int32_t n_rows = (int32_t)(PIECE_BYTES / row_bytes);
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
                       .scratch = scratch,
                       .y_stride = n_rows,
                       .n_tokens = 1,
                       .row_end = n_rows}};
    time_pieces(&times, &run, &w);
    double gb = (double)row_bytes * n_rows * 1e-9;
    double best = quantile(times.best, MAX_PIECES, 5);
    double product = quantile(times.product, MAX_PIECES, 5);
    printf("%-7s %-8s %6.2f GB/s, plain %6.2f, best %6.2f, ratio %.3f; "
           "in cache %6.2f ns per 256 weights\n",
           kern->name, info->name, gb / product,
           gb / quantile(times.plain, MAX_PIECES, 5), gb / best, best / product,
           quantile(times.cached, MAX_PIECES, 20) * 1e9 * 256 / N_COLS /
               CACHED_ROWS);
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
