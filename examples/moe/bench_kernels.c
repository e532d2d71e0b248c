/* bench_kernels.c: `moe bench --kernels`: single products of weights.
 *
 * The only file of the command that looks inside the library: it calls the
 * kernels by their table, those for few tokens and those that expand panels,
 * and says which of the two the library would take.
 *
 * A product is measured in pieces of rows.  Pieces take turns with the bare
 * loops, a fraction of a millisecond each, and of each the fifth quantile
 * counts: so a share compares neighbours in time, and what else the machine
 * does is mostly left out.  Weights for one token come from more memory than a
 * cache holds, those for several tokens stay in the cache. */
#define _POSIX_C_SOURCE 200809L
#include "bench.h"

#include "kern/kern.h"
#include "os/system.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { max_shapes = 16, max_tokens = 512, max_side = 1 << 15 };
enum { max_pieces = 512, least_pieces = 3 };
static const double cell_seconds = 0.12;
static const size_t cold_bytes = (size_t)256 << 20;
static const size_t warm_bytes = (size_t)1 << 20;
/* A piece has about so many bytes for one token, multiply-adds for more. */
static const uint64_t piece_bytes = (uint64_t)2 << 20;
static const uint64_t piece_macs = (uint64_t)16 << 20;

struct shape {
    int32_t n_rows;
    int32_t n_cols;
};

/* Attention, experts and their like in models that people run. */
static const struct shape all_shapes[] = {
    {4096, 4096}, {1024, 4096}, {14336, 4096}, {4096, 14336},
    {768, 2048},  {2048, 768},  {1024, 2048},
};
static const char all_tokens[] = "1,2,4,8,16,32,128,512";
static const int32_t usual_types[] = {
    MOE__Q4_K, MOE__Q5_K, MOE__Q6_K,   MOE__Q8_0, MOE__Q4_0,  MOE__Q2_K,
    MOE__Q3_K, MOE__F16,  MOE__IQ4_XS, MOE__BF16, MOE__MXFP4, MOE__F32,
};

struct kernel_plan {
    const char *format;
    bool types[MOE__N_TYPES];
    struct bench_list tokens;
    struct shape shapes[max_shapes]; /* [n_shapes] */
    int32_t n_shapes;
};

/* What the cells of a run share. */
struct kernel_bench {
    struct moe__kern kern;
    uint8_t *weights; /* [cold_bytes] */
    const struct read_loop *reader;
    const struct mac_loop *mac_loop;
};

/* One product, and how it is measured. */
struct cell {
    const struct kernel_bench *bench;
    struct moe__mat mat;
    struct moe__matmul job; /* all tokens of mat */
    moe__matmul_fn *multiply;
    int32_t piece_rows;
    int32_t chunk_rows; /* of one call */
    bool is_cold;
};

/* ORDER CLOCK: what is timed in turns. */
enum { CLOCK_PRODUCT, CLOCK_READ, CLOCK_MACS, CLOCK_CHAIN, n_clocks };

struct timing {
    double seconds[n_clocks];  /* of a piece, of a loop */
    uint64_t counts[n_clocks]; /* bytes, multiply-adds, cycles of a loop */
};

/* Any bytes are weights; these are sane ones of every type, because a scale in
 * any float format that they make is neither tiny nor huge. */
static void fill_weights(uint8_t *data, size_t bytes)
{
    uint64_t seed = 1;
    for (size_t i = 0; i < bytes; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        data[i] = (uint8_t)(0x20 + (seed >> 59));
    }
}

static uint64_t bytes_of_row(int32_t type, int32_t n_cols)
{
    uint64_t bytes = 0;
    moe__row_bytes(type, (uint64_t)n_cols, &bytes);
    return bytes;
}

/* Rows are an odd multiple of 256 apart, as the library lays them. */
static int32_t act_stride(int32_t n_cols)
{
    return ((n_cols + 255) / 256 | 1) * 256;
}

static size_t act_elems(int32_t n_cols)
{
    return (size_t)act_stride(n_cols) * max_tokens;
}

/* Activations for max_tokens tokens, in memory of act_elems floats. */
static struct moe__act make_act(void *memory, enum moe__operand operand,
                                int32_t n_cols)
{
    const size_t n = act_elems(n_cols);
    struct moe__act act = {.stride = act_stride(n_cols), .operand = operand};
    if (operand == MOE__OPERAND_F32) {
        act.x = memory;
        for (size_t i = 0; i < n; i++)
            act.x[i] = (float)(i % 7) - 3;
        return act;
    }
    act.q = memory;
    act.sum = (void *)(act.q + n); /* n is a multiple of 64 * 16 */
    act.scale = (void *)(act.sum + n / 16);
    memset(act.sum, 0, n / 16 * sizeof *act.sum);
    for (size_t i = 0; i < n; i++) {
        act.q[i] = (int8_t)((int32_t)(i * 37 % 255) - 127);
        act.scale[i / 32] = 0.01f;
        act.sum[i / 16] = (int16_t)(act.sum[i / 16] + act.q[i]);
    }
    return act;
}

static struct moe__act act_from(const struct moe__act *act, int32_t token)
{
    struct moe__act from = *act;
    const size_t at = (size_t)token * (size_t)act->stride;
    if (act->operand == MOE__OPERAND_F32) {
        from.x += at;
        return from;
    }
    from.q += at;
    from.sum += at / 16;
    from.scale += at / (act->operand == MOE__OPERAND_A32 ? 32 : 256);
    return from;
}

/* Tokens of one call: equal parts, as moe__step_multiply cuts them. */
static int32_t tokens_of_call(const struct moe__kern *kern, int32_t n)
{
    const int32_t most = kern->piece_tokens;
    const int32_t n_calls = (n + most - 1) / most;
    const int32_t part = ((n + n_calls - 1) / n_calls + 3) / 4 * 4;
    const int32_t cap = n < most ? n : most;
    return part < cap ? part : cap;
}

/* The piece's rows in chunks, each for all tokens, as the library goes. */
static void run_piece(const struct cell *cell, uint64_t slot)
{
    struct moe__mat mat = cell->mat;
    const int32_t n = cell->job.n_tokens;
    const int32_t part = tokens_of_call(&cell->bench->kern, n);
    mat.data += slot * (uint64_t)cell->piece_rows * mat.row_bytes;
    for (int32_t row = 0; row < cell->piece_rows; row += cell->chunk_rows) {
        const int32_t end = row + cell->chunk_rows;
        for (int32_t t = 0; t < n; t += part) {
            const struct moe__act act = act_from(cell->job.x, t);
            struct moe__matmul job = cell->job;
            job.w = &mat;
            job.x = &act;
            job.y += (int64_t)t * job.y_stride;
            job.n_tokens = n - t < part ? n - t : part;
            job.row_begin = row;
            job.row_end = end < cell->piece_rows ? end : cell->piece_rows;
            cell->multiply(&job);
        }
    }
}

static int compare_seconds(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A fifth of the n values are smaller. */
static double fifth_quantile(double *values, int32_t n)
{
    qsort(values, (size_t)n, sizeof *values, compare_seconds);
    return values[n / 5];
}

/* Reads the bytes of a piece half of the memory away from it. */
static uint64_t read_piece(const struct kernel_bench *bench, uint64_t bytes,
                           uint64_t slot)
{
    const uint64_t n_slots = cold_bytes / bytes;
    const uint64_t at = (slot + n_slots / 2) % n_slots * bytes;
    bytes = bytes / 256 * 256; /* what the loop takes */
    bench->reader->run(bench->weights + at / 64 * 64, (size_t)bytes);
    return bytes;
}

/* Times everything in turns. */
static struct timing time_cell(const struct cell *cell)
{
    double seconds[n_clocks][max_pieces];
    struct timing timing = {0};
    const uint64_t bytes = (uint64_t)cell->piece_rows * cell->mat.row_bytes;
    const uint64_t room = cell->is_cold ? cold_bytes : warm_bytes;
    const uint64_t n_slots = room / bytes > 0 ? room / bytes : 1;
    const double start = seconds_now();
    uint64_t *counts = timing.counts;
    int32_t n = 0;
    run_piece(cell, n_slots - 1); /* warm up */
    for (; n < max_pieces && !interrupt_seen(); n++) {
        if (n >= least_pieces && seconds_now() - start > cell_seconds)
            break;
        double times[n_clocks + 1] = {seconds_now()};
        run_piece(cell, (uint64_t)n % n_slots);
        times[1 + CLOCK_PRODUCT] = seconds_now();
        if (cell->is_cold)
            counts[CLOCK_READ] = read_piece(cell->bench, bytes, (uint64_t)n);
        times[1 + CLOCK_READ] = seconds_now();
        counts[CLOCK_MACS] = cell->bench->mac_loop->run(1 << 20);
        times[1 + CLOCK_MACS] = seconds_now();
        counts[CLOCK_CHAIN] = chain_loop(20000);
        times[1 + CLOCK_CHAIN] = seconds_now();
        for (int32_t k = 0; k < n_clocks; k++)
            seconds[k][n] = times[k + 1] - times[k];
    }
    for (int32_t k = 0; k < n_clocks && n > 0; k++)
        timing.seconds[k] = fifth_quantile(seconds[k], n);
    return timing;
}

static bool is_panel_chosen(const struct moe__kern *kern, int32_t type,
                            int32_t n_tokens)
{
    return kern->panel[type] != NULL && n_tokens >= kern->panel_from[type];
}

static struct kernel_row measure_cell(const struct cell *cell, bool is_panel)
{
    const struct moe__kern *kern = &cell->bench->kern;
    const struct moe__mat *mat = &cell->mat;
    const int32_t n = cell->job.n_tokens;
    const struct timing timing = time_cell(cell);
    double rates[n_clocks]; /* of the bare loops */
    for (int32_t k = CLOCK_READ; k < n_clocks; k++)
        rates[k] = (double)timing.counts[k] / timing.seconds[k];
    const double piece = timing.seconds[CLOCK_PRODUCT];
    const double read = (double)mat->row_bytes * cell->piece_rows / piece;
    const double macs = (double)mat->n_cols * cell->piece_rows * n / piece;
    return (struct kernel_row){
        .type = moe__type_info(mat->type)->name,
        .backend = kern->name,
        .family = is_panel ? 'C' : 'A',
        .n_rows = mat->n_rows,
        .n_cols = mat->n_cols,
        .n_tokens = n,
        .is_chosen = is_panel ==
                     is_panel_chosen(kern, mat->type, tokens_of_call(kern, n)),
        .seconds = piece / cell->piece_rows * mat->n_rows,
        .read_rate = read,
        .read_share =
            timing.counts[CLOCK_READ] > 0 ? read / rates[CLOCK_READ] : 0,
        .macs_per_cycle =
            timing.counts[CLOCK_CHAIN] > 0 ? macs / rates[CLOCK_CHAIN] : 0,
        .mac_share = macs / rates[CLOCK_MACS]};
}

/* Cuts the rows: chunks as chunk_rows in lib/run/acts.c, pieces of chunks. */
static void cut_cell(struct cell *cell)
{
    const uint64_t row_bytes = cell->mat.row_bytes;
    const uint64_t n = (uint64_t)cell->job.n_tokens;
    const uint64_t n_rows = (uint64_t)cell->mat.n_rows;
    uint64_t chunk = n >= 16 ? 64 : (256 << 10) / row_bytes / 16 * 16;
    if (chunk < 16)
        chunk = 16;
    uint64_t rows = cell->is_cold
                        ? piece_bytes / row_bytes
                        : piece_macs / ((uint64_t)cell->mat.n_cols * n);
    rows = (rows / chunk + 1) * chunk;
    cell->chunk_rows = (int32_t)(chunk < n_rows ? chunk : n_rows);
    cell->piece_rows = (int32_t)(rows < n_rows ? rows : n_rows);
}

static void bench_cells(struct cell *cell, const struct kernel_plan *plan)
{
    const struct moe__kern *kern = &cell->bench->kern;
    const int32_t type = cell->mat.type;
    moe__matmul_fn *const families[] = {kern->matmul[type], kern->panel[type]};
    for (int32_t i = 0; i < plan->tokens.n; i++) {
        cell->job.n_tokens = plan->tokens.items[i];
        cell->is_cold = cell->job.n_tokens == 1;
        cut_cell(cell);
        for (int32_t family = 0; family < 2; family++) {
            cell->multiply = families[family];
            if (cell->multiply == NULL)
                continue;
            const struct kernel_row row = measure_cell(cell, family == 1);
            if (interrupt_seen())
                return;
            kernel_print_row(plan->format, &row);
        }
    }
}

/* All cells of a type and a shape. */
static int bench_shape(const struct kernel_bench *bench, int32_t type,
                       const struct shape *shape,
                       const struct kernel_plan *plan)
{
    const size_t act_bytes = act_elems(shape->n_cols) * sizeof(float);
    const size_t bytes = act_bytes + MOE__MATMUL_SCRATCH;
    char *memory = machine_scratch(bytes);
    if (memory == NULL)
        return fail(CODE_NO_ROOM, "no memory for activations: %s",
                    show_bytes(bytes));
    const struct moe__act act =
        make_act(memory, moe__type_info(type)->operand, shape->n_cols);
    struct cell cell = {
        .bench = bench,
        .mat = {.data = bench->weights,
                .row_bytes = bytes_of_row(type, shape->n_cols),
                .type = type,
                .n_rows = shape->n_rows,
                .n_cols = shape->n_cols},
        .job = {.x = &act,
                .y = must_alloc((size_t)max_tokens * (size_t)shape->n_rows,
                                sizeof(float)),
                .scratch = memory + act_bytes,
                .y_stride = shape->n_rows}};
    bench_cells(&cell, plan);
    free(cell.job.y);
    machine_release(memory, bytes);
    return interrupt_seen() ? CODE_INTERRUPTED : CODE_DONE;
}

/* The reader that is best in pieces, on this memory. */
static const struct read_loop *find_reader(struct kernel_bench *bench)
{
    enum { n_turns = 60 };
    double seconds[max_loops][n_turns];
    int32_t best = 0;
    for (int32_t turn = 0; turn < n_turns; turn++)
        for (int32_t i = 0; i < n_read_loops; i++) {
            const double start = seconds_now();
            bench->reader = &read_loops[i];
            read_piece(bench, piece_bytes, (uint64_t)(turn * n_read_loops + i));
            seconds[i][turn] = seconds_now() - start;
        }
    for (int32_t i = 0; i < n_read_loops; i++)
        if (fifth_quantile(seconds[i], n_turns) < seconds[best][n_turns / 5])
            best = i;
    return &read_loops[best];
}

static int32_t find_type(const struct moe__kern *kern, const char *name)
{
    for (int32_t type = 0; type < MOE__N_TYPES; type++)
        if (kern->matmul[type] != NULL &&
            strcasecmp(moe__type_info(type)->name, name) == 0)
            return type;
    return -1;
}

static int unknown_type(const struct moe__kern *kern, const char *name)
{
    struct buffer names = {0};
    for (int32_t type = 0; type < MOE__N_TYPES; type++) {
        if (kern->matmul[type] == NULL)
            continue;
        buffer_put(&names, " ", 1);
        buffer_put(&names, moe__type_info(type)->name,
                   strlen(moe__type_info(type)->name));
    }
    const int code = fail(CODE_USAGE, "--type: expected some of%s, found '%s'",
                          names.data, name);
    buffer_free(&names);
    return code;
}

static int plan_types(struct kernel_plan *plan, const struct moe__kern *kern,
                      const struct options *options)
{
    for (int32_t type = 0; type < MOE__N_TYPES; type++)
        plan->types[type] = options->types == NULL && options->is_all &&
                            kern->matmul[type] != NULL;
    for (size_t i = 0; i < COUNT_OF(usual_types); i++)
        plan->types[usual_types[i]] |= options->types == NULL;
    for (const char *at = options->types; at != NULL;) {
        char name[32];
        const size_t n = strcspn(at, ",");
        snprintf(name, sizeof name, "%.*s", n < 32 ? (int)n : 31, at);
        const int32_t type = find_type(kern, name);
        if (type < 0)
            return unknown_type(kern, name);
        plan->types[type] = true;
        at = at[n] == ',' ? at + n + 1 : NULL;
    }
    return CODE_DONE;
}

/* "4096x1024,768x2048" */
static int plan_shapes(struct kernel_plan *plan, const struct options *options)
{
    if (options->shapes == NULL) {
        plan->n_shapes = options->is_all ? (int32_t)COUNT_OF(all_shapes) : 1;
        memcpy(plan->shapes, all_shapes, sizeof all_shapes);
    }
    for (const char *at = options->shapes; at != NULL;) {
        struct shape shape = {0};
        int n = 0;
        if (plan->n_shapes == max_shapes ||
            sscanf(at, "%5dx%5d%n", &shape.n_rows, &shape.n_cols, &n) != 2 ||
            shape.n_rows < 1 || shape.n_rows > max_side || shape.n_cols < 1 ||
            shape.n_cols > max_side || (at[n] != 0 && at[n] != ','))
            return fail(CODE_USAGE,
                        "--shape: expected up to %d of ROWSxCOLS, each 1 to "
                        "%d, found '%s'",
                        (int)max_shapes, (int)max_side, options->shapes);
        plan->shapes[plan->n_shapes++] = shape;
        at = at[n] == ',' ? at + n + 1 : NULL;
    }
    return CODE_DONE;
}

static int plan_tokens(struct kernel_plan *plan, const struct options *options)
{
    const char *text =
        options->token_counts != NULL ? options->token_counts : all_tokens;
    const int code = bench_numbers("tokens", text, 1, &plan->tokens);
    for (int32_t i = 0; i < plan->tokens.n && code == CODE_DONE; i++)
        if (plan->tokens.items[i] > max_tokens)
            return fail(CODE_USAGE, "--tokens: expected 1 to %d, found %d",
                        (int)max_tokens, plan->tokens.items[i]);
    return code;
}

/* What was asked for must be possible: a row is whole blocks. */
static int check_blocks(const struct kernel_plan *plan)
{
    for (int32_t type = 0; type < MOE__N_TYPES; type++)
        for (int32_t i = 0; plan->types[type] && i < plan->n_shapes; i++) {
            const struct moe__type_info *info = moe__type_info(type);
            if (plan->shapes[i].n_cols % info->block_elems != 0)
                return fail(CODE_USAGE,
                            "--shape: expected columns that are a multiple of "
                            "%d for %s, found %d",
                            info->block_elems, info->name,
                            plan->shapes[i].n_cols);
        }
    return CODE_DONE;
}

static int bench_all(struct kernel_bench *bench, const struct kernel_plan *plan)
{
    int code = CODE_DONE;
    bench->reader = find_reader(bench);
    bench->mac_loop = mac_loop_of(bench->kern.name);
    kernel_print_start(plan->format);
    const uint64_t state = moe__fpu_begin();
    for (int32_t type = 0; type < MOE__N_TYPES; type++)
        for (int32_t i = 0; plan->types[type] && i < plan->n_shapes; i++)
            if (code == CODE_DONE)
                code = bench_shape(bench, type, &plan->shapes[i], plan);
    moe__fpu_end(state);
    kernel_print_end(plan->format);
    return code;
}

int bench_kernels(const struct options *options)
{
    struct kernel_bench bench = {0};
    struct kernel_plan plan = {.format = bench_format(options)};
    struct moe__err why = {0};
    if (moe__kern_init(&bench.kern, options->context.backend, &why) != MOE_OK)
        return fail(CODE_USAGE, "--backend: %s", why.message);
    int code = plan_types(&plan, &bench.kern, options);
    if (code == CODE_DONE)
        code = plan_tokens(&plan, options);
    if (code == CODE_DONE)
        code = plan_shapes(&plan, options);
    if (code == CODE_DONE)
        code = check_blocks(&plan);
    if (code != CODE_DONE)
        return code;
    bench.weights = machine_scratch(cold_bytes);
    if (bench.weights == NULL)
        return fail(CODE_NO_ROOM, "no memory for weights: %s",
                    show_bytes(cold_bytes));
    fill_weights(bench.weights, cold_bytes);
    code = bench_all(&bench, &plan);
    machine_release(bench.weights, cold_bytes);
    return code;
}
