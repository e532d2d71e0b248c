/* bench.h: rows of a measurement and the limits they are set beside. */
#ifndef MOE_CLI_BENCH_H
#define MOE_CLI_BENCH_H

#include "cli.h"
#include "machine.h"

enum { max_sizes = 32, max_rows = 512 };

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
    double cpu_seconds; /* of all threads, for a token */
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
    double hertz; /* 0: not known, or not asked for */
    /* Multiply-adds a second for each of limits; 0: not here. */
    double loop_rates[max_loops][max_sizes]; /* [n_mac_loops, n_limits] */
    struct bench_row *rows;                  /* [n_rows] of max_rows */
    int32_t n_rows;
    const struct session *session; /* NULL: the machine alone */
    double load_seconds;           /* to open the model */
};

/* Work for one token, from the shapes of the tensors. */
struct bench_cost {
    double weight_bytes; /* read for one token */
    double layer_macs;   /* multiply-adds of the layers */
    double end_macs;     /* those for a token whose logits are wanted only */
    double output_macs;  /* and of the output matrix */
    double kv_bytes;     /* read for each position in the context */
};

/* One product of `bench --kernels`, by one thread. */
struct kernel_row {
    const char *type, *backend;
    char family; /* A: few tokens, C: panels of expanded rows */
    int32_t n_rows, n_cols, n_tokens;
    bool is_chosen;        /* what the library takes for as many tokens */
    double seconds;        /* of the whole product */
    double read_rate;      /* bytes of weights a second */
    double read_share;     /* of a bare reader; 0: weights were in the cache */
    double macs_per_cycle; /* 0: the clock is not known */
    double mac_share;      /* of a bare multiply-add loop */
};

/* The numbers of an option, each at least `least`: an exit code. */
int bench_numbers(const char *name, const char *text, int32_t least,
                  struct bench_list *list);
/* Fills the limits for each number of threads: over the model's file, or over
 * memory if there is none. */
int bench_limits(struct bench *bench, const struct bench_list *threads);
/* What each kind of instructions reaches, beside the limits. */
int bench_loops(struct bench *bench);
/* Why the instructions of a loop are not here; "" if they are. */
const char *mac_loop_reason(const struct mac_loop *loop);
int bench_kernels(const struct options *options);
/* "md", "csv" or "json". */
const char *bench_format(const struct options *options);

void kernel_print_start(const char *format);
void kernel_print_row(const char *format, const struct kernel_row *row);
void kernel_print_end(const char *format);

struct bench_cost bench_cost(const struct session *session, moe_kv_type kv);
void bench_print(const struct bench *bench);
/* Fills old_rate from the JSON of an earlier run. */
int bench_compare(struct bench *bench, const char *path);

#endif
