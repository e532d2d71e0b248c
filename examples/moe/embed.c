/* embed.c: `moe embed`: each line of stdin as a vector. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <stdlib.h>
#include <string.h>

/* [0.25, ...]: nine digits read back as the same float. */
static void print_vector(const float *vector, int32_t n_dims)
{
    for (int32_t i = 0; i < n_dims; i++)
        printf("%s%.9g", i == 0 ? "[" : ", ", (double)vector[i]);
    puts("]");
}

static int embed_line(struct session *session, const char *line, size_t n,
                      float *vector)
{
    const struct options *options = session->options;
    const moe_embed_params params = {
        .struct_size = sizeof params,
        .pooling = (moe_pooling)options->pooling,
        .keeps_length = options->keeps_length,
    };
    if (n == 0)
        return fail(CODE_USAGE, "stdin: an empty line has no vector");
    const moe_status status = moe_context_embed(
        session->ctx, line, (int64_t)n, &params, vector, session->info.d_model);
    if (status != MOE_OK)
        return fail_status(status, moe_context_error(session->ctx));
    print_vector(vector, session->info.d_model);
    return CODE_DONE;
}

int embed_run(struct options *options)
{
    static const char *const names[] = {"auto", "mean", "first", "last"};
    struct session session = {0};
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    for (int32_t i = 0; i < (int32_t)COUNT_OF(names); i++)
        if (options->pooling_name != NULL &&
            strcmp(options->pooling_name, names[i]) == 0)
            options->pooling = i;
    int code = session_open(&session, options, false);
    if (code == CODE_DONE)
        code = session_context(&session, NULL);
    float *vector =
        must_alloc((size_t)session.info.d_model + 1, sizeof *vector);
    while (code == CODE_DONE && (n = getline(&line, &cap, stdin)) >= 0) {
        n -= n > 0 && line[n - 1] == '\n';
        code = embed_line(&session, line, (size_t)n, vector);
    }
    if (interrupt_seen())
        code = CODE_INTERRUPTED;
    free(vector);
    free(line);
    session_close(&session);
    return code;
}
