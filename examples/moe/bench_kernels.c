/* bench_kernels.c: `moe bench --kernels`: single products of weights.
 *
 * The only file of the command that looks inside the library: it calls the
 * kernels by their table, for few tokens and by panels, and marks the one that
 * the library would take.  Weights of one token lie in more memory than a
 * cache holds, those of several tokens in little. */
#include "bench.h"
#include "machine.h"

#include "kern/kern.h"
#include "os/system.h"

#include <stdlib.h>
#include <string.h>

enum { max_tokens = 512 };
static const double slow_seconds = 1;
static const size_t cold_bytes = (size_t)256 << 20;
static const size_t warm_bytes = (size_t)1 << 20;
static const double cell_seconds = 0.12;

struct shape {
    int32_t n_rows;
    int32_t n_cols;
};

static const struct shape all_shapes[] = {
    {4096, 4096}, {1024, 4096}, {14336, 4096}, {4096, 14336},
    {768, 2048},  {2048, 768},  {1024, 2048},
};
static const int32_t all_tokens[] = {1, 2, 4, 8, 16, 32, 128, 512};
static const char *const usual_types[] = {"Q4_K", "Q5_K", "Q6_K",  "Q8_0",
                                          "Q4_0", "Q2_K", "Q3_K",  "IQ4_XS",
                                          "F16",  "BF16", "MXFP4", "F32"};

/* One product and where it is measured. */
struct cell {
    const struct moe__kern *kern;
    int32_t type;
    struct shape shape;
    int32_t n_tokens;
    bool is_panel;
    uint8_t *weights; /* [n_copies] matrices one behind the other */
    int32_t n_copies;
    struct moe__act act; /* [max_tokens, n_cols] */
    float *y;
    void *scratch;
};

/* Bytes that make sane weights of every type: scales as f16 between 2^-8 and
 * 2^-4 wherever they lie. */
static void fill_sane(uint8_t *data, size_t bytes)
{
    uint64_t seed = 1;
    for (size_t i = 0; i < bytes; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        data[i] = (uint8_t)(0x1c + (seed >> 61));
    }
}

static struct moe__act make_act(enum moe__operand operand, int32_t n_cols)
{
    const int32_t stride = ((n_cols + 255) / 256 | 1) * 256;
    const size_t n = (size_t)stride * max_tokens;
    struct moe__act act = {.stride = stride, .operand = operand};
    if (operand == MOE__OPERAND_F32) {
        act.x = must_alloc(n, sizeof *act.x);
        for (size_t i = 0; i < n; i++)
            act.x[i] = (float)(i % 7) - 3;
        return act;
    }
    act.q = must_alloc(n, 1);
    act.sum = must_alloc(n / 16, sizeof *act.sum);
    act.scale = must_alloc(n / 32, sizeof *act.scale);
    for (size_t i = 0; i < n; i++) {
        act.q[i] = (int8_t)((int32_t)(i * 37 % 255) - 127);
        act.scale[i / 32] = 0.01f;
        act.sum[i / 16] = (int16_t)(act.sum[i / 16] + act.q[i]);
    }
    return act;
}

static void free_act(struct moe__act *act)
{
    free(act->x);
    free(act->q);
    free(act->sum);
    free(act->scale);
}

/* The product as the library runs it: pieces of tokens, 64 rows at once. */
static void run_cell(const struct cell *cell, int32_t copy)
{
    const struct moe__type_info *info = moe__type_info(cell->type);
    uint64_t row_bytes = 0;
    moe__row_bytes(cell->type, (uint64_t)cell->shape.n_cols, &row_bytes);
    const struct moe__mat mat = {
        .data = cell->weights +
                row_bytes * (uint64_t)cell->shape.n_rows * (uint64_t)copy,
        .row_bytes = row_bytes,
        .type = cell->type,
        .n_rows = cell->shape.n_rows,
        .n_cols = cell->shape.n_cols};
    const int32_t piece = cell->kern->piece_tokens;
    for (int32_t t = 0; t < cell->n_tokens; t += piece) {
        const size_t at = (size_t)t * (size_t)cell->act.stride;
        struct moe__act act = cell->act;
        if (act.operand == MOE__OPERAND_F32) {
            act.x += at;
        } else {
            act.q += at;
            act.sum += at / 16;
            act.scale += at / (act.operand == MOE__OPERAND_A32 ? 32 : 256);
        }
        struct moe__matmul job = {.w = &mat,
                                  .x = &act,
                                  .y = cell->y + (size_t)t * (size_t)mat.n_rows,
                                  .scratch = cell->scratch,
                                  .y_stride = mat.n_rows,
                                  .n_tokens = cell->n_tokens - t < piece
                                                  ? cell->n_tokens - t
                                                  : piece};
        for (; job.row_begin < mat.n_rows; job.row_begin = job.row_end) {
            job.row_end = job.row_begin + 64 < mat.n_rows ? job.row_begin + 64
                                                          : mat.n_rows;
            (cell->is_panel
                 ? cell->kern->panel
                 : cell->kern->matmul)[info == NULL ? 0 : cell->type](&job);
        }
    }
}

/* Seconds of one product: the fastest fifth of many runs, so that what else the
 * machine does is mostly left out. */
static double time_cell(const struct cell *cell)
{
    enum { most = 4096 };
    static double seconds[most];
    int32_t n = 0;
    const double start = seconds_now();
    while (n < most && (n < 3 || seconds_now() - start < cell_seconds) &&
           !interrupt_seen()) {
        const double begin = seconds_now();
        run_cell(cell, n % cell->n_copies);
        seconds[n++] = seconds_now() - begin;
        if (seconds_now() - start > slow_seconds)
            break;
    }
    double best = seconds[0];
    for (int32_t pass = 0; pass <= n / 5; pass++) { /* selection */
        int32_t at = pass;
        for (int32_t i = pass; i < n; i++)
            if (seconds[i] < seconds[at])
                at = i;
        best = seconds[at];
        seconds[at] = seconds[pass];
        seconds[pass] = best;
    }
    return best;
}

/* Limits of one thread, and the clock. */
struct kernel_limits {
    double read_rate;
    double mac_rate;
    double hertz;
};

static void print_cell(const struct cell *cell, const char *format,
                       const struct kernel_limits *limits, double seconds)
{
    const bool is_chosen =
        cell->is_panel ==
        (cell->kern->panel[cell->type] != NULL &&
         cell->n_tokens >= cell->kern->panel_from[cell->type]);
    uint64_t row_bytes = 0;
    moe__row_bytes(cell->type, (uint64_t)cell->shape.n_cols, &row_bytes);
    const double rows = cell->shape.n_rows;
    const double read = rows * (double)row_bytes / seconds;
    const double macs =
        rows * cell->shape.n_cols * (double)cell->n_tokens / seconds;
    const char *form =
        strcmp(format, "json") == 0
            ? "{\"type\": \"%s\", \"backend\": \"%s\", \"family\": \"%c\", "
              "\"rows\": %d, \"cols\": %d, \"tokens\": %d, \"chosen\": %d, "
              "\"read_gb_per_second\": %.2f, \"share_of_reader\": %.3f, "
              "\"macs_per_cycle\": %.2f, \"share_of_loop\": %.3f}\n"
        : strcmp(format, "csv") == 0
            ? "%s,%s,%c,%d,%d,%d,%d,%.2f,%.3f,%.2f,%.3f\n"
            : "| %s | %s | %c | %d x %d | %d | %d | %.2f | %.3f | %.2f | %.3f "
              "|\n";
    printf(form, moe__type_info(cell->type)->name, cell->kern->name,
           cell->is_panel ? 'C' : 'A', (int)cell->shape.n_rows,
           (int)cell->shape.n_cols, (int)cell->n_tokens, (int)is_chosen,
           read / 1e9, read / limits->read_rate, macs / limits->hertz,
           macs / limits->mac_rate);
    fflush(stdout);
}

static void bench_shape(struct cell *cell, const struct bench_list *tokens,
                        const char *format, const struct kernel_limits *limits)
{
    for (int32_t i = 0; i < tokens->n && !interrupt_seen(); i++)
        for (int32_t family = 0; family < 2; family++) {
            cell->n_tokens = tokens->items[i];
            cell->is_panel = family == 1;
            if (cell->is_panel && cell->kern->panel[cell->type] == NULL)
                continue;
            uint64_t row_bytes = 0;
            moe__row_bytes(cell->type, (uint64_t)cell->shape.n_cols,
                           &row_bytes);
            const size_t bytes = (size_t)row_bytes * (size_t)cell->shape.n_rows;
            const size_t room = cell->n_tokens == 1 ? cold_bytes : warm_bytes;
            cell->n_copies = bytes < room ? (int32_t)(room / bytes) : 1;
            print_cell(cell, format, limits, time_cell(cell));
        }
}

static void bench_type(const struct moe__kern *kern, int32_t type,
                       const struct kernel_plan *plan, uint8_t *weights,
                       const struct kernel_limits *limits)
{
    const struct moe__type_info *info = moe__type_info(type);
    for (int32_t s = 0; s < plan->n_shapes && !interrupt_seen(); s++) {
        const struct shape shape = {plan->rows[s], plan->cols[s]};
        if (shape.n_cols % info->block_elems != 0)
            continue;
        struct cell cell = {
            .kern = kern,
            .type = type,
            .shape = shape,
            .weights = weights,
            .act = make_act(info->operand, shape.n_cols),
            .y = must_alloc((size_t)max_tokens * (size_t)shape.n_rows,
                            sizeof(float)),
            .scratch = aligned_alloc(64, MOE__MATMUL_SCRATCH)};
        if (cell.scratch != NULL)
            bench_shape(&cell, &plan->tokens, plan->format, limits);
        free(cell.scratch);
        free(cell.y);
        free_act(&cell.act);
    }
}

/* Whether `name` is in a list separated by commas, or the list is empty. */
static bool is_listed(const char *list, const char *name)
{
    if (list == NULL)
        return false;
    const size_t n = strlen(name);
    for (const char *at = list; *at != '\0';) {
        const size_t len = strcspn(at, ",");
        if (len == n && strncmp(at, name, n) == 0)
            return true;
        at += len + (at[len] == ',');
    }
    return false;
}

static bool is_wanted(const struct kernel_plan *plan, int32_t type)
{
    const char *name = moe__type_info(type)->name;
    if (plan->types != NULL)
        return is_listed(plan->types, name);
    if (plan->is_all)
        return true;
    for (size_t i = 0; i < sizeof usual_types / sizeof *usual_types; i++)
        if (strcmp(usual_types[i], name) == 0)
            return true;
    return false;
}

void kernel_plan_fill(struct kernel_plan *plan)
{
    const int32_t n_shapes =
        plan->is_all ? (int32_t)(sizeof all_shapes / sizeof *all_shapes) : 1;
    for (; plan->n_shapes < n_shapes; plan->n_shapes++) {
        plan->rows[plan->n_shapes] = all_shapes[plan->n_shapes].n_rows;
        plan->cols[plan->n_shapes] = all_shapes[plan->n_shapes].n_cols;
    }
    if (plan->tokens.n > 0)
        return;
    for (size_t i = 0; i < sizeof all_tokens / sizeof *all_tokens; i++)
        if (plan->is_all || all_tokens[i] == 1 || all_tokens[i] == 8 ||
            all_tokens[i] == 128)
            plan->tokens.items[plan->tokens.n++] = all_tokens[i];
}

int bench_kernels(moe_backend backend, const struct kernel_plan *plan)
{
    struct moe__kern kern;
    if (moe__kern_init(&kern, backend, NULL) != MOE_OK)
        return fail(CODE_USAGE, "--backend: not available here; `moe doctor` "
                                "lists what is");
    uint8_t *weights = machine_scratch(cold_bytes);
    if (weights == NULL)
        return fail(CODE_NO_ROOM, "no memory for weights");
    fill_sane(weights, cold_bytes);
    const struct kernel_limits limits = {
        machine_read_rate(weights, cold_bytes, 1),
        machine_mac_rate(kern.name, 1), machine_hertz()};
    if (strcmp(plan->format, "md") == 0)
        printf("One thread; reader %.1f GB/s, multiply loop %.1f MAC/cycle, "
               "%.2f GHz\n\n| type | backend | family | rows x cols | tokens | "
               "chosen | GB/s | of reader | MAC/cycle | of loop |\n"
               "|---|---|---|---|--:|--:|--:|--:|--:|--:|\n",
               limits.read_rate / 1e9, limits.mac_rate / limits.hertz,
               limits.hertz / 1e9);
    if (strcmp(plan->format, "csv") == 0)
        puts("type,backend,family,rows,cols,tokens,chosen,gb_per_second,"
             "share_of_reader,macs_per_cycle,share_of_loop");
    int32_t n = 0;
    const uint64_t state = moe__fpu_begin();
    for (int32_t type = 0; type < MOE__N_TYPES && !interrupt_seen(); type++)
        if (kern.matmul[type] != NULL && is_wanted(plan, type)) {
            bench_type(&kern, type, plan, weights, &limits);
            n++;
        }
    moe__fpu_end(state);
    machine_release(weights, cold_bytes);
    if (n == 0)
        return fail(CODE_USAGE, "--types: no such type: %s", plan->types);
    return interrupt_seen() ? CODE_INTERRUPTED : CODE_DONE;
}
