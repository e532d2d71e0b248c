/* generate.c: how to choose, as the options say, and the loop of `run`. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How many bytes at the end may be the start of a stop string or are the start
 * of a character: they wait. */
static size_t bytes_to_hold(const struct text_stream *stream)
{
    const struct buffer *held = &stream->held;
    bool is_cut = false;
    size_t most = 0;
    for (size_t back = 1; back <= 3 && back <= held->n; back++) {
        utf8_length(held->data + held->n - back, back, &is_cut);
        if (is_cut)
            most = back;
    }
    for (size_t i = 0; stream->stops != NULL && i < stream->stops->n; i++) {
        const char *stop = stream->stops->items[i];
        size_t n = strlen(stop);
        for (size_t part = n < held->n ? n : held->n; part > most; part--)
            if (memcmp(held->data + held->n - part, stop, part) == 0)
                most = part;
    }
    return most;
}

/* Where the first stop string begins, NULL if there is none. */
static const char *find_stop(const struct text_stream *stream)
{
    const char *first = NULL;
    for (size_t i = 0; stream->stops != NULL && i < stream->stops->n; i++) {
        const char *stop = stream->stops->items[i];
        size_t n = strlen(stop);
        const char *text = stream->held.data;
        const char *end = text + stream->held.n;
        for (; n > 0 && (size_t)(end - text) >= n; text++) {
            if (memcmp(text, stop, n) == 0 && (first == NULL || text < first))
                first = text;
        }
    }
    return first;
}

bool text_stream_put(struct text_stream *stream, const char *text, size_t n)
{
    struct buffer *held = &stream->held;
    buffer_put(held, text, n);
    const char *stop = find_stop(stream);
    size_t ready = stop != NULL ? (size_t)(stop - held->data)
                                : held->n - bytes_to_hold(stream);
    if (ready > 0)
        stream->sink(stream->user, held->data, ready);
    held->n = stop != NULL ? 0 : held->n - ready;
    memmove(held->data, held->data + ready, held->n);
    return stop != NULL;
}

void text_stream_end(struct text_stream *stream)
{
    if (stream->held.n > 0)
        stream->sink(stream->user, stream->held.data, stream->held.n);
    stream->held.n = 0;
}

static uint64_t clock_seed(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t mixed = ((uint64_t)now.tv_sec * 1000000007 +
                      (uint64_t)now.tv_nsec + (uint64_t)getpid()) *
                     0x9e3779b97f4a7c15u;
    return mixed >> 32; /* short enough to be typed again */
}

/* The words of --logit-bias as numbers [list->n]. */
static int read_biases(const struct text_list *list, moe_bias *out)
{
    for (size_t i = 0; i < list->n; i++) {
        const char *word = list->items[i];
        char *after_id, *after_bias;
        const long id = strtol(word, &after_id, 10);
        const char *number = after_id + (*after_id == '=');
        const float bias = strtof(number, &after_bias);
        if (after_id == word || number == after_id || after_bias == number ||
            *after_bias != 0 || id < 0 || id > INT32_MAX)
            return fail(CODE_USAGE,
                        "--logit-bias %s: expected ID=X, such as 13=-5 or "
                        "2=-inf",
                        word);
        out[i] = (moe_bias){(moe_token)id, bias};
    }
    return CODE_DONE;
}

/* Bans what would end a text.  Returns how many that are. */
static size_t ban_ends(const moe_model *model, int32_t n_vocab, moe_bias *out,
                       size_t cap)
{
    size_t n = 0;
    moe_token_info info = {.struct_size = sizeof info};
    for (moe_token t = 0; t < n_vocab && n < cap; t++)
        if (moe_token_describe(model, t, &info) == MOE_OK && info.is_end)
            out[n++] = (moe_bias){t, -INFINITY};
    return n;
}

int sampler_settle(struct options *options, const struct session *session,
                   struct sampler_setup *setup)
{
    struct text_list *words = &options->biases;
    if (!option_is_given(options, "seed"))
        options->sampler.seed = clock_seed();
    const int code = read_biases(words, setup->biases);
    if (code != CODE_DONE)
        return code;
    size_t n = words->n;
    if (options->ignores_end)
        n += ban_ends(session->model, session->info.n_vocab, setup->biases + n,
                      COUNT_OF(setup->biases) - n);
    setup->params = options->sampler;
    setup->params.biases = setup->biases;
    setup->params.n_biases = n;
    setup->params.model = session->model;
    setup->params.dry_breakers = options->breakers.items;
    setup->params.n_dry_breakers = options->breakers.n;
    return CODE_DONE;
}

/* --schema or --grammar, as a grammar; NULL if neither was given. */
int grammar_open(const struct options *options, moe_model *model,
                 moe_grammar **out)
{
    const char *path = options->schema ? options->schema : options->grammar;
    struct buffer text = {0};
    moe_error why = {0};
    *out = NULL;
    if (path == NULL)
        return CODE_DONE;
    if (options->schema != NULL && options->grammar != NULL)
        return fail(CODE_USAGE, "both --schema and --grammar were given");
    if (!buffer_load(&text, path)) {
        buffer_free(&text);
        return fail(CODE_FAILED, "%s: %s", path, strerror(errno));
    }
    const moe_status status = moe_grammar_create(
        model, options->schema ? MOE_GRAMMAR_SCHEMA : MOE_GRAMMAR_GBNF,
        text.data, (int64_t)text.n, out, &why);
    buffer_free(&text);
    return status == MOE_OK ? CODE_DONE
                            : fail(CODE_TEMPLATE, "%s: %s", path, why.message);
}

int generation_open(struct generation *generation, struct options *options,
                    const struct session *session)
{
    moe_error why = {0};
    struct sampler_setup setup;
    moe_grammar *grammar = NULL;
    *generation = (struct generation){.stream = {.stops = &options->stops},
                                      .limit = options->n_predict,
                                      .finish_reason = "stop"};
    int code = sampler_settle(options, session, &setup);
    if (code == CODE_DONE)
        code = grammar_open(options, session->model, &grammar);
    if (code != CODE_DONE)
        return code;
    generation->grammar = grammar;
    moe_status status = moe_sampler_create(session->info.n_vocab, &setup.params,
                                           &generation->sampler, &why);
    return status == MOE_OK ? CODE_DONE : fail_status(status, why.message);
}

void generation_close(struct generation *generation)
{
    moe_sampler_destroy(generation->sampler);
    moe_grammar_destroy(generation->grammar);
    buffer_free(&generation->stream.held);
    ids_free(&generation->ids);
}

/* Chooses a token and passes its text on; true if generation ends here. */
static bool generate_token(struct generation *generation,
                           const struct session *session)
{
    moe_token token = MOE_TOKEN_NONE;
    moe_token_info info = {.struct_size = sizeof info};
    if (moe_sampler_pick(generation->sampler,
                         moe_context_logits(session->ctx, -1),
                         session->info.n_vocab, &token) != MOE_OK)
        return true; /* nothing may follow */
    moe_token_describe(session->model, token, &info);
    if (generation->ids.n == 0)
        generation->timings.first_token_seconds =
            seconds_now() - generation->start;
    if (info.is_end)
        return true;
    moe_sampler_accept(generation->sampler, token);
    ids_put(&generation->ids, token);
    if (info.kind == MOE_TOKEN_CONTROL || info.kind == MOE_TOKEN_UNUSED)
        return false;
    return text_stream_put(&generation->stream, info.bytes, info.n_bytes);
}

/* MOE_OK when an end was reached, and finish_reason says which. */
static moe_status generate_tokens(struct generation *generation,
                                  struct session *session)
{
    const struct ids *ids = &generation->ids;
    generation->finish_reason = "length";
    while (generation->limit < 0 || ids->n < (size_t)generation->limit) {
        if (interrupt_seen())
            return MOE_ERR_CANCELLED;
        if (moe_sampler_text_end(generation->sampler) == MOE_TEXT_MUST_END ||
            generate_token(generation, session)) {
            generation->finish_reason = "stop";
            return MOE_OK;
        }
        if (output_is_broken() || ids->n == (size_t)generation->limit)
            return MOE_OK;
        moe_status status =
            moe_context_eval(session->ctx, &ids->data[ids->n - 1], 1, NULL);
        if (status != MOE_OK)
            return status;
    }
    return MOE_OK;
}

moe_status generation_run(struct generation *generation,
                          struct session *session, const struct ids *prompt)
{
    generation->ids.n = 0;
    generation->timings.n_prompt = prompt->n;
    generation->start = seconds_now();
    moe_status status = session_eval(session, prompt);
    double middle = seconds_now();
    generation->timings.prompt_seconds = middle - generation->start;
    for (size_t i = 0; i < prompt->n; i++) /* what penalties look back at */
        moe_sampler_accept(generation->sampler, prompt->data[i]);
    if (status == MOE_OK && generation->grammar != NULL)
        status = moe_sampler_constrain(generation->sampler, generation->grammar,
                                       NULL);
    if (status == MOE_OK)
        status = generate_tokens(generation, session);
    text_stream_end(&generation->stream);
    generation->timings.seconds = seconds_now() - middle;
    generation->timings.n_tokens = generation->ids.n;
    if (status == MOE_ERR_CANCELLED)
        generation->finish_reason = "interrupted";
    return status;
}

/* A full context is an end like others, unless more was asked for. */
int generation_result(const struct generation *generation,
                      const struct session *session, moe_status status)
{
    moe_context_stats stats = {.struct_size = sizeof stats};
    size_t n = generation->ids.n;
    moe_context_describe(session->ctx, &stats);
    if (status == MOE_OK)
        return CODE_DONE;
    if (status != MOE_ERR_CONTEXT_FULL)
        return fail_status(status, moe_context_error(session->ctx));
    if (n == 0)
        return fail(CODE_CONTEXT_FULL,
                    "%zu more tokens do not fit: %d of the %d positions are "
                    "in use (-c N sets more)",
                    generation->timings.n_prompt,
                    moe_context_position(session->ctx), stats.n_ctx);
    if (generation->limit >= 0)
        return fail(CODE_CONTEXT_FULL,
                    "the context of %d positions was full after %zu of %d "
                    "tokens (-c N sets more)",
                    stats.n_ctx, n, generation->limit);
    if (!session->options->is_quiet)
        fprintf(stderr,
                "%s(the context of %d positions is full, -c N sets more)%s\n",
                style_dim(), stats.n_ctx, style_end());
    return CODE_DONE;
}

double rate_of(size_t n, double seconds)
{
    return seconds > 0 ? (double)n / seconds : 0;
}

void timings_json(const struct timings *timings, const struct session *session)
{
    printf("{\"load_seconds\": %.6f, \"prompt_tokens\": %zu, "
           "\"prompt_seconds\": %.6f, \"prompt_tokens_per_second\": %.2f, "
           "\"first_token_seconds\": %.6f, \"tokens\": %zu, "
           "\"seconds\": %.6f, \"tokens_per_second\": %.2f}",
           session->load_seconds, timings->n_prompt, timings->prompt_seconds,
           rate_of(timings->n_prompt, timings->prompt_seconds),
           timings->first_token_seconds, timings->n_tokens, timings->seconds,
           rate_of(timings->n_tokens, timings->seconds));
}

void timings_line(const struct timings *timings)
{
    fprintf(stderr,
            "%s%zu tokens read at %.1f/s, %zu written at %.1f/s, the first "
            "after %.3f s%s\n",
            style_dim(), timings->n_prompt,
            rate_of(timings->n_prompt, timings->prompt_seconds),
            timings->n_tokens, rate_of(timings->n_tokens, timings->seconds),
            timings->first_token_seconds, style_end());
}
