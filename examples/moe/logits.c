/* logits.c: `moe logits`: the bits that everything else is checked against. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct logits_output {
    FILE *file; /* NULL: only the digest is wanted */
    const char *path;
    struct sha256 hash;
    uint8_t *bytes; /* [4 * n_vocab] one row, little-endian */
    uint64_t n_bytes;
};

/* False if the disk is full. */
static bool put_row(struct logits_output *output, const float *row,
                    int32_t n_vocab)
{
    for (int32_t i = 0; i < n_vocab; i++) {
        uint32_t bits;
        memcpy(&bits, &row[i], sizeof bits);
        for (int32_t j = 0; j < 4; j++)
            output->bytes[4 * i + j] = (uint8_t)(bits >> (8 * j));
    }
    size_t n = 4 * (size_t)n_vocab;
    sha256_put(&output->hash, output->bytes, n);
    output->n_bytes += n;
    return output->file == NULL ||
           fwrite(output->bytes, 1, n, output->file) == n;
}

/* Evaluates step by step and writes the rows of each step. */
static int write_rows(struct session *session, const moe_token *ids, int32_t n,
                      struct logits_output *output)
{
    struct progress progress = progress_start("evaluating");
    moe_status status = MOE_MORE;
    bool is_last = session->options->is_last;
    bool is_written = true;
    int32_t done = 0;
    while (status == MOE_MORE && is_written) {
        int32_t before = done;
        status = moe_context_eval(session->ctx, ids + done, n - done, &done);
        if (status < 0)
            break;
        int32_t row = is_last ? done - before - 1 : 0;
        if (is_last && status == MOE_MORE)
            continue;
        for (; row < done - before && is_written; row++) {
            const float *logits =
                moe_context_logits(session->ctx, is_last ? -1 : row);
            is_written = put_row(output, logits, session->info.n_vocab);
        }
        progress_step(&progress, (float)done / (float)n);
    }
    progress_end(&progress);
    if (status < 0)
        return fail_status(status, moe_context_error(session->ctx));
    return is_written
               ? CODE_DONE
               : fail(CODE_FAILED, "%s: %s", output->path, strerror(errno));
}

static void logits_report(const struct session *session, int32_t n_ids,
                          struct logits_output *output)
{
    const struct options *options = session->options;
    char hex[65];
    sha256_end(&output->hash, hex);
    if (options->is_json)
        printf("{\"n_ids\": %d, \"rows\": %d, \"n_vocab\": %d, "
               "\"bytes\": %llu, \"sha256\": \"%s\"}\n",
               n_ids, options->is_last ? 1 : n_ids, session->info.n_vocab,
               (unsigned long long)output->n_bytes, hex);
    else if (options->wants_sha256)
        printf("%s\n", hex);
}

static int logits_evaluate(struct session *session, const moe_token *ids,
                           int32_t n)
{
    const struct options *options = session->options;
    moe_context_params params = options->context;
    struct logits_output output = {.path = options->output};
    params.logits = options->is_last ? MOE_LOGITS_LAST : MOE_LOGITS_ALL;
    if (params.n_ctx == 0)
        params.n_ctx = n;
    if (params.n_batch == 0) /* in one go, but steps that ^C can stop */
        params.n_batch = n < 4096 ? n : 4096;
    int code = session_context(session, &params);
    if (code != CODE_DONE)
        return code;
    if (output.path != NULL) {
        output.file =
            strcmp(output.path, "-") == 0 ? stdout : fopen(output.path, "wb");
        if (output.file == NULL)
            return fail(CODE_FAILED, "%s: %s", output.path, strerror(errno));
    }
    output.bytes = must_alloc((size_t)session->info.n_vocab, 4);
    sha256_start(&output.hash);
    code = write_rows(session, ids, n, &output);
    if (output.file != NULL && output.file != stdout &&
        fclose(output.file) != 0 && code == CODE_DONE)
        code = fail(CODE_FAILED, "%s: %s", output.path, strerror(errno));
    if (code == CODE_DONE)
        logits_report(session, n, &output);
    free(output.bytes);
    return code;
}

int logits_run(struct options *options)
{
    struct session session = {0};
    if (options->ids == NULL)
        return fail(CODE_USAGE, "--ids N,N,... is missing");
    if (options->output == NULL && !options->wants_sha256 && !options->is_json)
        return fail(CODE_USAGE, "nothing to do: give -o FILE or --sha256");
    if (options->output != NULL && strcmp(options->output, "-") == 0 &&
        (options->wants_sha256 || options->is_json))
        return fail(CODE_USAGE, "-o - and --sha256 both write to stdout");
    int32_t n = parse_numbers(options->ids, NULL, 0);
    if (n < 1)
        return fail(CODE_USAGE, "--ids: expected N,N,..., found '%s'",
                    options->ids);
    moe_token *ids = must_alloc((size_t)n, sizeof *ids);
    parse_numbers(options->ids, ids, n);
    int code = session_open(&session, options, false);
    if (code == CODE_DONE)
        code = logits_evaluate(&session, ids, n);
    free(ids);
    session_close(&session);
    return code;
}
