/* bench.c: `moe bench`: tokens a second, and how near the limits they are. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

/* The reader reads at most this much: more than any cache, soon done. */
static const size_t reader_bytes = (size_t)1 << 30;
static const size_t scratch_bytes = (size_t)512 << 20;

/* What was asked for: each row is one of each list. */
struct bench_plan {
    struct bench_list prompts, answers, depths, threads;
};

static int bench_numbers(const char *name, const char *text, int32_t least,
                         struct bench_list *list)
{
    int32_t n = parse_numbers(text, list->items, max_sizes);
    bool is_good = n >= 0 && n <= max_sizes;
    for (int32_t i = 0; is_good && i < n; i++)
        is_good = list->items[i] >= least;
    list->n = is_good ? n : 0;
    return is_good ? CODE_DONE
                   : fail(CODE_USAGE,
                          "--%s: expected up to %d numbers from %d, found "
                          "'%s'",
                          name, (int)max_sizes, least, text);
}

static const char *text_or(const char *text, const char *standard)
{
    return text != NULL ? text : standard;
}

static int bench_plan(const struct options *options, struct bench_plan *plan)
{
    char cpus[16];
    snprintf(cpus, sizeof cpus, "%d", machine_cpus());
    int code =
        bench_numbers("prompt-sizes", text_or(options->prompt_sizes, "512"), 1,
                      &plan->prompts);
    if (code == CODE_DONE)
        code =
            bench_numbers("answer-sizes", text_or(options->answer_sizes, "128"),
                          1, &plan->answers);
    if (code == CODE_DONE)
        code = bench_numbers("depths", text_or(options->depths, "0"), 0,
                             &plan->depths);
    if (code == CODE_DONE)
        code = bench_numbers("threads", text_or(options->thread_counts, cpus),
                             1, &plan->threads);
    if (!options->wants_machine || options->thread_counts != NULL)
        return code;
    for (plan->threads.n = 0;
         plan->threads.n < machine_cpus() && plan->threads.n < max_sizes;
         plan->threads.n++)
        plan->threads.items[plan->threads.n] = plan->threads.n + 1;
    return code;
}

/* The name of what --backend asks for: AUTO takes the last one available. */
static const char *backend_name(moe_backend wanted)
{
    moe_backend_info info = {.struct_size = sizeof info};
    const char *name = "scalar";
    for (int32_t i = 0; moe_backend_at(i, &info) == MOE_OK; i++)
        if (info.is_available &&
            (wanted == MOE_BACKEND_AUTO || wanted == info.backend))
            name = info.name;
    return name;
}

/* Fills the limits for each number of threads: over the model's file, or over
 * memory if there is none. */
static int bench_limits(struct bench *bench, const struct bench_list *threads)
{
    size_t bytes = 0;
    const void *data = NULL;
    if (bench->options->n_args > 0)
        data = machine_map(model_path(bench->options), &bytes);
    bench->source = data != NULL ? "the model's file" : "memory";
    if (data == NULL) {
        uint64_t quarter = machine_memory_bytes() / 4;
        bytes = quarter > 0 && quarter < scratch_bytes ? (size_t)quarter
                                                       : scratch_bytes;
        data = machine_scratch(bytes);
    }
    if (data == NULL)
        return fail(CODE_NO_ROOM, "no memory for the reader: %s",
                    show_bytes(bytes));
    size_t used = bytes < reader_bytes ? bytes : reader_bytes;
    for (int32_t i = 0; i < threads->n && !interrupt_seen(); i++) {
        int32_t n = threads->items[i];
        bench->limits[i] =
            (struct bench_limit){n, machine_read_rate(data, used, n),
                                 machine_mac_rate(bench->backend, n)};
        bench->n_limits = i + 1;
    }
    bench->source_bytes = used;
    machine_release(data, bytes);
    return interrupt_seen() ? CODE_INTERRUPTED : CODE_DONE;
}

/* What each kind of multiply instructions reaches on one thread. */
static int bench_tiers(struct bench *bench)
{
    bench->hertz = machine_hertz();
    for (int32_t i = 0; i < n_mac_tiers && !interrupt_seen(); i++)
        bench->tier_rates[i] = mac_tiers[i].has() ? machine_tier_rate(i) : 0;
    return interrupt_seen() ? CODE_INTERRUPTED : CODE_DONE;
}

static const struct bench_limit *limit_of(const struct bench *bench,
                                          int32_t n_threads)
{
    for (int32_t i = 0; i < bench->n_limits; i++)
        if (bench->limits[i].n_threads == n_threads)
            return &bench->limits[i];
    return NULL;
}

/* Ids as random as a text's, the same in every run. */
static void random_ids(moe_token *ids, int32_t n, int32_t n_vocab,
                       uint64_t seed)
{
    for (int32_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        ids[i] = (moe_token)((seed >> 33) % (uint64_t)n_vocab);
    }
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* One repetition: tokens a second, and the seconds of its first step. */
static moe_status bench_once(moe_context *ctx, const struct bench_row *row,
                             const moe_token *ids, double *rate, double *first)
{
    moe_status status = moe_context_rewind(ctx, row->depth);
    int32_t step = row->is_prompt ? row->n : 1;
    double start = seconds_now();
    double middle = start;
    for (int32_t i = 0; i < row->n && status == MOE_OK; i += step) {
        status = moe_context_eval(ctx, ids + i, step, NULL);
        if (i == 0)
            middle = seconds_now();
    }
    *rate = row->n / (seconds_now() - start);
    *first = middle - start;
    return interrupt_seen() ? MOE_ERR_CANCELLED : status;
}

static moe_status bench_repeat(const struct bench *bench, moe_context *ctx,
                               struct bench_row *row, moe_token *ids)
{
    int32_t n_vocab = bench->session->info.n_vocab;
    int32_t n_repeats = bench->options->n_repeats;
    double *rates = must_alloc((size_t)n_repeats, sizeof *rates);
    double *firsts = must_alloc((size_t)n_repeats, sizeof *firsts);
    moe_status status = moe_context_rewind(ctx, 0);
    random_ids(ids, row->depth, n_vocab, 1);
    if (row->depth > 0)
        status = moe_context_eval(ctx, ids, row->depth, NULL);
    for (int32_t i = -1; i < n_repeats && status == MOE_OK; i++) {
        double rate;
        double first;
        random_ids(ids, row->n, n_vocab, (uint64_t)(i + 3));
        status = bench_once(ctx, row, ids, &rate, &first);
        if (i < 0) /* warm up */
            continue;
        rates[i] = rate;
        firsts[i] = first;
    }
    if (status == MOE_OK) {
        size_t n = (size_t)n_repeats;
        qsort(rates, n, sizeof *rates, compare_doubles);
        qsort(firsts, n, sizeof *firsts, compare_doubles);
        row->median = (rates[n / 2] + rates[(n - 1) / 2]) / 2;
        row->least = rates[0];
        row->most = rates[n - 1];
        row->first_seconds = (firsts[n / 2] + firsts[(n - 1) / 2]) / 2;
        row->peak_bytes = machine_peak_bytes();
    }
    free(rates);
    free(firsts);
    return status;
}

static void bench_share(const struct bench *bench, struct bench_row *row,
                        const moe_context_stats *stats)
{
    const struct bench_limit *limit = limit_of(bench, row->n_threads);
    struct bench_cost cost = bench_cost(bench->session, stats->kv);
    if (limit == NULL)
        return;
    if (row->is_prompt) { /* one row of logits for each step */
        double n_steps = (row->n + stats->n_batch - 1) / stats->n_batch;
        double macs = cost.layer_macs + cost.output_macs * n_steps / row->n;
        row->share = macs * row->median / limit->mac_rate;
    } else { /* positions: those before, and half of those that it adds */
        double bytes =
            cost.weight_bytes + cost.kv_bytes * (row->depth + row->n / 2.0);
        row->share = bytes * row->median / limit->read_rate;
    }
}

static int bench_context(struct bench *bench, struct session *session,
                         int32_t n_threads)
{
    moe_context_params params = bench->options->context;
    int32_t longest = 0;
    for (int32_t i = 0; i < bench->n_rows; i++) {
        const struct bench_row *row = &bench->rows[i];
        if (row->depth + row->n > longest)
            longest = row->depth + row->n;
    }
    if (params.n_ctx == 0)
        params.n_ctx = longest;
    params.n_threads = n_threads;
    return session_context(session, &params);
}

/* All rows of one number of threads. */
static int bench_rows(struct bench *bench, struct session *session,
                      int32_t n_threads)
{
    moe_context_stats stats = {.struct_size = sizeof stats};
    int code = bench_context(bench, session, n_threads);
    if (code != CODE_DONE)
        return code;
    moe_context_describe(session->ctx, &stats);
    moe_status status = MOE_OK;
    moe_token *ids = must_alloc((size_t)stats.n_ctx, sizeof *ids);
    for (int32_t i = 0; i < bench->n_rows && status == MOE_OK; i++) {
        struct bench_row *row = &bench->rows[i];
        if (row->n_threads != n_threads)
            continue;
        if (row->n > stats.n_ctx - row->depth) {
            status = MOE_ERR_CONTEXT_FULL;
            code = fail(CODE_CONTEXT_FULL, "%s does not fit a context of %d",
                        row->name, stats.n_ctx);
            break;
        }
        status = bench_repeat(bench, session->ctx, row, ids);
        if (status == MOE_OK)
            bench_share(bench, row, &stats);
        else
            code = fail_status(status, moe_context_error(session->ctx));
    }
    free(ids);
    interrupt_target(NULL);
    moe_context_destroy(session->ctx);
    session->ctx = NULL;
    return code;
}

static void plan_rows(struct bench *bench, const struct bench_list *sizes,
                      const struct bench_list *depths, bool is_prompt,
                      int32_t n_threads)
{
    for (int32_t d = 0; d < depths->n; d++) {
        for (int32_t i = 0; i < sizes->n && bench->n_rows < max_rows; i++) {
            struct bench_row *row = &bench->rows[bench->n_rows++];
            *row = (struct bench_row){.is_prompt = is_prompt,
                                      .n = sizes->items[i],
                                      .depth = depths->items[d],
                                      .n_threads = n_threads};
            int n = snprintf(row->name, sizeof row->name, "%s%d",
                             is_prompt ? "pp" : "tg", row->n);
            if (row->depth > 0)
                snprintf(row->name + n, sizeof row->name - (size_t)n, " @ d%d",
                         row->depth);
        }
    }
}

/* Rows that were not reached are left out. */
static void drop_empty_rows(struct bench *bench)
{
    int32_t n = 0;
    for (int32_t i = 0; i < bench->n_rows; i++)
        if (bench->rows[i].median > 0)
            bench->rows[n++] = bench->rows[i];
    bench->n_rows = n;
}

static int bench_model(struct bench *bench, const struct bench_plan *plan)
{
    const struct options *options = bench->options;
    const struct bench_list *threads = &plan->threads;
    struct session session = {0};
    int code = session_open(&session, options, false);
    if (code == CODE_DONE)
        code = bench_limits(bench, threads);
    bench->session = &session;
    bench->rows = must_alloc(max_rows, sizeof *bench->rows);
    for (int32_t i = 0; i < threads->n; i++) {
        int32_t n = threads->items[i];
        plan_rows(bench, &plan->prompts, &plan->depths, true, n);
        plan_rows(bench, &plan->answers, &plan->depths, false, n);
    }
    for (int32_t i = 0; i < threads->n && code == CODE_DONE; i++)
        code = bench_rows(bench, &session, threads->items[i]);
    drop_empty_rows(bench);
    if (code == CODE_DONE && options->compare != NULL)
        code = bench_compare(bench, options->compare);
    if (code == CODE_DONE || bench->n_rows > 0)
        bench_print(bench);
    free(bench->rows);
    session_close(&session);
    return code;
}

/* "4096x1024,768x2048" */
static int bench_shapes(const char *text, struct kernel_plan *plan)
{
    for (const char *at = text; at != NULL && *at != '\0';) {
        int n_rows = 0, n_cols = 0, n_read = 0;
        if (sscanf(at, "%dx%d%n", &n_rows, &n_cols, &n_read) != 2 ||
            n_rows < 1 || n_rows > 1 << 15 || n_cols < 1 || n_cols > 1 << 15 ||
            (at[n_read] != '\0' && at[n_read] != ',') ||
            plan->n_shapes == max_shapes)
            return fail(CODE_USAGE,
                        "--shapes: expected up to %d of ROWSxCOLS, each 1 to "
                        "32768, separated by commas, found '%s'",
                        (int)max_shapes, text);
        plan->rows[plan->n_shapes] = n_rows;
        plan->cols[plan->n_shapes++] = n_cols;
        at += n_read + (at[n_read] == ',');
    }
    return CODE_DONE;
}

static int bench_run_kernels(const struct options *options)
{
    struct kernel_plan plan = {.types = options->types,
                               .is_all = options->is_all,
                               .format = text_or(options->format, "md")};
    int code = bench_shapes(options->shapes, &plan);
    if (code == CODE_DONE && options->prompt_sizes != NULL)
        code = bench_numbers("prompt-sizes", options->prompt_sizes, 1,
                             &plan.tokens);
    for (int32_t i = 0; i < plan.tokens.n && code == CODE_DONE; i++)
        if (plan.tokens.items[i] > 512)
            code = fail(CODE_USAGE,
                        "--prompt-sizes: expected 1 to 512 with "
                        "--kernels, found %d",
                        plan.tokens.items[i]);
    if (code != CODE_DONE)
        return code;
    kernel_plan_fill(&plan);
    return bench_kernels(options->context.backend, &plan);
}

int bench_run(struct options *options)
{
    struct bench bench = {.options = options};
    struct bench_plan plan;
    if (options->wants_kernels)
        return bench_run_kernels(options);
    if (!options->wants_machine && options->n_args == 0)
        return fail(CODE_USAGE, "MODEL is missing: moe bench MODEL, moe "
                                "bench --machine or moe bench --kernels");
    if (options->n_repeats < 1)
        return fail(CODE_USAGE, "--repeats: expected 1 or more, found 0");
    bench.backend = backend_name(options->context.backend);
    int code = bench_plan(options, &plan);
    if (code != CODE_DONE)
        return code;
    if (!options->wants_machine)
        return bench_model(&bench, &plan);
    code = bench_limits(&bench, &plan.threads);
    if (code == CODE_DONE)
        code = bench_tiers(&bench);
    if (code == CODE_DONE)
        bench_print(&bench);
    return code;
}
