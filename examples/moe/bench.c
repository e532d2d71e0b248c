/* bench.c: `moe bench`: tokens a second, and how near the limits they are. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

/* The reader reads at most this much: more than any cache, soon done. */
static const size_t reader_bytes = (size_t)1 << 30;
static const size_t scratch_bytes = (size_t)512 << 20;

static int bench_numbers(const char *name, const char *text,
                         const char *standard, int32_t least,
                         int32_t out[max_sizes], int32_t *n)
{
    const char *from = text != NULL ? text : standard;
    *n = parse_numbers(from, out, max_sizes);
    bool is_good = *n >= 0 && *n <= max_sizes;
    for (int32_t i = 0; is_good && i < *n; i++)
        is_good = out[i] >= least;
    return is_good ? CODE_DONE
                   : fail(CODE_USAGE,
                          "--%s: expected up to %d numbers from %d, found "
                          "'%s'",
                          name, (int)max_sizes, least, from);
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
static int bench_limits(struct bench *bench, const int32_t *threads, int32_t n)
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
    for (int32_t i = 0; i < n && !interrupt_seen(); i++) {
        bench->limits[i] = (struct bench_limit){
            threads[i], machine_read_rate(data, used, threads[i]),
            machine_mac_rate(bench->backend, threads[i])};
        bench->n_limits = i + 1;
    }
    bench->source_bytes = used;
    machine_release(data, bytes);
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

static void plan_rows(struct bench *bench, bool is_prompt, const int32_t *sizes,
                      int32_t n_sizes, const int32_t *depths, int32_t n_depths,
                      int32_t n_threads)
{
    for (int32_t d = 0; d < n_depths; d++) {
        for (int32_t i = 0; i < n_sizes && bench->n_rows < max_rows; i++) {
            struct bench_row *row = &bench->rows[bench->n_rows++];
            *row = (struct bench_row){.is_prompt = is_prompt,
                                      .n = sizes[i],
                                      .depth = depths[d],
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

static int bench_model(struct bench *bench, const int32_t *threads, int32_t n)
{
    const struct options *options = bench->options;
    int32_t prompts[max_sizes], answers[max_sizes], depths[max_sizes];
    int32_t n_prompts, n_answers, n_depths;
    struct session session = {0};
    int code = bench_numbers("prompt-sizes", options->prompt_sizes, "512", 1,
                             prompts, &n_prompts);
    if (code == CODE_DONE)
        code = bench_numbers("answer-sizes", options->answer_sizes, "128", 1,
                             answers, &n_answers);
    if (code == CODE_DONE)
        code =
            bench_numbers("depths", options->depths, "0", 0, depths, &n_depths);
    if (code == CODE_DONE)
        code = session_open(&session, options, false);
    if (code == CODE_DONE)
        code = bench_limits(bench, threads, n);
    bench->session = &session;
    for (int32_t t = 0; t < n; t++) {
        plan_rows(bench, true, prompts, n_prompts, depths, n_depths,
                  threads[t]);
        plan_rows(bench, false, answers, n_answers, depths, n_depths,
                  threads[t]);
    }
    for (int32_t t = 0; t < n && code == CODE_DONE; t++)
        code = bench_rows(bench, &session, threads[t]);
    drop_empty_rows(bench);
    if (code == CODE_DONE && options->compare != NULL)
        code = bench_compare(bench, options->compare);
    if (code == CODE_DONE || bench->n_rows > 0)
        bench_print(bench);
    session_close(&session);
    return code;
}

int bench_run(struct options *options)
{
    struct bench bench = {.options = options};
    int32_t threads[max_sizes];
    int32_t n_threads;
    char standard[16];
    if (!options->wants_machine && options->n_args == 0)
        return fail(CODE_USAGE, "MODEL is missing: moe bench MODEL, or moe "
                                "bench --machine");
    if (options->n_repeats < 1)
        return fail(CODE_USAGE, "--repeats: expected 1 or more, found 0");
    bench.backend = backend_name(options->context.backend);
    snprintf(standard, sizeof standard, "%d", machine_cpus());
    int code = bench_numbers("threads", options->thread_counts, standard, 1,
                             threads, &n_threads);
    if (code != CODE_DONE)
        return code;
    if (options->wants_machine && options->thread_counts == NULL)
        for (n_threads = 0; n_threads < machine_cpus() && n_threads < max_sizes;
             n_threads++)
            threads[n_threads] = n_threads + 1;
    if (options->wants_machine) {
        code = bench_limits(&bench, threads, n_threads);
        if (code == CODE_DONE)
            bench_print(&bench);
        return code;
    }
    bench.rows = must_alloc(max_rows, sizeof *bench.rows);
    code = bench_model(&bench, threads, n_threads);
    free(bench.rows);
    return code;
}
