/* bench.c: `moe bench`: tokens a second, and how near the limits they are. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

/* What was asked for: each row is one of each list. */
struct bench_plan {
    struct bench_list prompts, answers, depths, threads;
};

int bench_numbers(const char *name, const char *text, int32_t least,
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

/* Finds the name of what --backend asks for: AUTO takes the last available. */
static int bench_backend(struct bench *bench, moe_backend wanted)
{
    moe_backend_info info = {.struct_size = sizeof info};
    const char *reason = "not part of this build";
    bench->backend = NULL;
    for (int32_t i = 0; moe_backend_at(i, &info) == MOE_OK; i++) {
        if (wanted != MOE_BACKEND_AUTO && wanted != info.backend)
            continue;
        if (info.is_available)
            bench->backend = info.name;
        else
            reason = info.reason;
    }
    return bench->backend != NULL ? CODE_DONE
                                  : fail(CODE_USAGE, "--backend: %s", reason);
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

/* ORDER SAMPLE: what a repetition measures. */
enum { SAMPLE_RATE, SAMPLE_FIRST, SAMPLE_CPU, n_samples };

/* One repetition: tokens a second, the seconds of its first step, and seconds
 * of all processors for a token. */
static moe_status bench_once(moe_context *ctx, const struct bench_row *row,
                             const moe_token *ids, double sample[n_samples])
{
    moe_status status = moe_context_rewind(ctx, row->depth);
    int32_t step = row->is_prompt ? row->n : 1;
    double cpu = machine_cpu_seconds();
    double start = seconds_now();
    double middle = start;
    for (int32_t i = 0; i < row->n && status == MOE_OK; i += step) {
        status = moe_context_eval(ctx, ids + i, step, NULL);
        if (i == 0)
            middle = seconds_now();
    }
    sample[SAMPLE_RATE] = row->n / (seconds_now() - start);
    sample[SAMPLE_FIRST] = middle - start;
    sample[SAMPLE_CPU] = (machine_cpu_seconds() - cpu) / row->n;
    return interrupt_seen() ? MOE_ERR_CANCELLED : status;
}

/* Sorts; returns the median. */
static double take_median(double *values, int32_t count)
{
    size_t n = (size_t)count;
    qsort(values, n, sizeof *values, compare_doubles);
    return (values[n / 2] + values[(n - 1) / 2]) / 2;
}

static moe_status bench_repeat(const struct bench *bench, moe_context *ctx,
                               struct bench_row *row, moe_token *ids)
{
    int32_t n_vocab = bench->session->info.n_vocab;
    int32_t n = bench->options->n_repeats;
    double *samples = must_alloc((size_t)n * n_samples, sizeof *samples);
    moe_status status = moe_context_rewind(ctx, 0);
    random_ids(ids, row->depth, n_vocab, 1);
    if (row->depth > 0)
        status = moe_context_eval(ctx, ids, row->depth, NULL);
    for (int32_t i = -1; i < n && status == MOE_OK; i++) {
        double sample[n_samples];
        random_ids(ids, row->n, n_vocab, (uint64_t)(i + 3));
        status = bench_once(ctx, row, ids, sample);
        for (int32_t k = 0; k < n_samples && i >= 0; k++) /* -1: warm up */
            samples[k * n + i] = sample[k];
    }
    if (status == MOE_OK) {
        double *rates = samples + SAMPLE_RATE * n;
        row->median = take_median(rates, n);
        row->least = rates[0];
        row->most = rates[n - 1];
        row->first_seconds = take_median(samples + SAMPLE_FIRST * n, n);
        row->cpu_seconds = take_median(samples + SAMPLE_CPU * n, n);
        row->peak_bytes = machine_peak_bytes();
    }
    free(samples);
    return status;
}

static void bench_share(const struct bench *bench, struct bench_row *row,
                        const moe_context_stats *stats)
{
    const struct bench_limit *limit = limit_of(bench, row->n_threads);
    struct bench_cost cost = bench_cost(bench->session, stats->kv);
    if (limit == NULL)
        return;
    if (row->is_prompt) { /* its last token goes to the end */
        double macs = cost.layer_macs - cost.end_macs +
                      (cost.end_macs + cost.output_macs) / row->n;
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
    bench->session = &session;
    bench->load_seconds = session.load_seconds;
    if (code == CODE_DONE)
        code = bench_limits(bench, threads);
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

/* What was asked for and does not go together, as a sentence; or NULL. */
static const char *bench_stray(const struct options *options)
{
    bool is_part = options->types != NULL || options->token_counts != NULL ||
                   options->shapes != NULL || options->is_all;
    if (options->wants_kernels && options->wants_machine)
        return "--kernels and --machine: one at a time";
    if (options->wants_kernels && options->n_args > 0)
        return "--kernels takes no MODEL: its weights are made up";
    if (options->wants_kernels && options->prompt_sizes != NULL)
        return "--kernels takes --tokens, not --prompt-sizes";
    if (is_part && !options->wants_kernels)
        return "--type, --tokens, --shape and --all go with --kernels";
    return NULL;
}

int bench_run(struct options *options)
{
    struct bench bench = {.options = options};
    struct bench_plan plan;
    const char *stray = bench_stray(options);
    if (stray != NULL)
        return fail(CODE_USAGE, "%s", stray);
    if (options->wants_kernels)
        return bench_kernels(options);
    if (!options->wants_machine && options->n_args == 0)
        return fail(CODE_USAGE, "MODEL is missing: moe bench MODEL, moe "
                                "bench --machine or moe bench --kernels");
    if (options->n_repeats < 1)
        return fail(CODE_USAGE, "--repeats: expected 1 or more, found 0");
    int code = bench_backend(&bench, options->context.backend);
    if (code == CODE_DONE)
        code = bench_plan(options, &plan);
    if (code != CODE_DONE)
        return code;
    if (!options->wants_machine)
        return bench_model(&bench, &plan);
    code = bench_limits(&bench, &plan.threads);
    if (code == CODE_DONE)
        code = bench_loops(&bench);
    if (code == CODE_DONE)
        bench_print(&bench);
    return code;
}
