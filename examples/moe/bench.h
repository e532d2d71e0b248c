/* bench.h: rows of a measurement and the limits they are set beside. */
#ifndef MOE_CLI_BENCH_H
#define MOE_CLI_BENCH_H

#include "cli.h"
#include "machine.h"

enum { max_sizes = 32, max_rows = 512, max_shapes = 16 };

/* Whole numbers of an option. */
struct bench_list {
    int32_t items[max_sizes]; /* [n] */
    int32_t n;
};

/* What one number of threads can do at most; 0: not measured. */
struct bench_limit {
    int32_t n_threads;
    double read_rate; /* bytes a second */
    double mac_rate;  /* 8-bit multiply-adds a second */
};

struct bench_row {
    char name[40]; /* "pp512", "tg128 @ d4096" */
    bool is_prompt;
    int32_t n; /* tokens */
    int32_t depth;
    int32_t n_threads;
    double median, least, most; /* tokens a second */
    double first_seconds;
    uint64_t peak_bytes;
    double share;    /* of the limit: reading for tg, multiply-adds for pp */
    double old_rate; /* of --compare, 0: none */
};

struct bench {
    const struct options *options;
    const char *backend;
    const char *source; /* what the reader reads */
    size_t source_bytes;
    struct bench_limit limits[max_sizes]; /* [n_limits] */
    int32_t n_limits;
    double hertz;                 /* 0: not asked for */
    double tier_rates[max_tiers]; /* multiply-adds a second, 0: none */
    struct bench_row *rows;       /* [n_rows] of max_rows */
    int32_t n_rows;
    const struct session *session; /* NULL: the machine alone */
};

/* Work for one token, from the shapes of the tensors. */
struct bench_cost {
    double weight_bytes; /* read for one token */
    double layer_macs;   /* multiply-adds of the layers */
    double output_macs;  /* and of the output matrix */
    double kv_bytes;     /* read for each position in the context */
};

/* What `bench --kernels` measures. */
struct kernel_plan {
    const char *types; /* separated by commas; NULL: the usual ones */
    const char *format;
    bool is_all;
    struct bench_list tokens;
    int32_t rows[max_shapes]; /* [n_shapes] */
    int32_t cols[max_shapes];
    int32_t n_shapes;
};

/* Puts the usual tokens and shapes, or all of them, where none were given. */
void kernel_plan_fill(struct kernel_plan *plan);
int bench_kernels(moe_backend backend, const struct kernel_plan *plan);

struct bench_cost bench_cost(const struct session *session, moe_kv_type kv);
void bench_print(const struct bench *bench);
/* Fills old_rate from the JSON of an earlier run. */
int bench_compare(struct bench *bench, const char *path);

#endif
