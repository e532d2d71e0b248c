/* tokenize.c: `moe tokenize`: text on stdin to ids, and ids to text. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void print_pieces(const struct session *session, const struct ids *ids)
{
    putchar('[');
    for (size_t i = 0; i < ids->n; i++) {
        moe_token_info info = {.struct_size = sizeof info};
        moe_token_describe(session->model, ids->data[i], &info);
        if (i > 0)
            fputs(", ", stdout);
        json_text(stdout, info.bytes, info.n_bytes);
    }
    putchar(']');
}

static int encode_input(const struct options *options,
                        const struct session *session,
                        const struct buffer *input)
{
    struct ids ids = {0};
    moe_text_flags flags =
        (options->has_no_bos ? 0 : (moe_text_flags)MOE_TEXT_SPECIALS) |
        (options->parses_control ? (moe_text_flags)MOE_TEXT_PARSE_CONTROL : 0);
    int code = session_encode(session, input->data, input->n, flags, &ids);
    if (code == CODE_DONE && options->is_json) {
        printf("{\"count\": %zu, \"ids\": ", ids.n);
        json_ids(stdout, ids.data, ids.n);
        fputs(", \"pieces\": ", stdout);
        print_pieces(session, &ids);
        fputs("}\n", stdout);
    } else if (code == CODE_DONE) {
        if (options->wants_count)
            printf("%zu", ids.n);
        else if (options->wants_pieces)
            print_pieces(session, &ids);
        else
            json_ids(stdout, ids.data, ids.n);
        putchar('\n');
    }
    ids_free(&ids);
    return code;
}

static int print_decoded(const struct options *options,
                         const struct session *session, const moe_token *ids,
                         size_t n)
{
    moe_text_flags flags = options->parses_control ? MOE_TEXT_SHOW_CONTROL : 0;
    moe_error why = {0};
    size_t bytes = 0;
    moe_status status =
        moe_text_decode(session->model, ids, n, flags, NULL, 0, &bytes, &why);
    if (status != MOE_OK && status != MOE_ERR_BUFFER)
        return fail_status(status, why.message);
    char *text = must_alloc(bytes, 1);
    status = moe_text_decode(session->model, ids, n, flags, text, bytes, &bytes,
                             &why);
    if (status == MOE_OK && options->is_json) {
        fputs("{\"text\": ", stdout);
        json_text(stdout, text, bytes);
        fputs("}\n", stdout);
    } else if (status == MOE_OK) {
        fwrite(text, 1, bytes, stdout);
    }
    free(text);
    return status == MOE_OK ? CODE_DONE : fail_status(status, why.message);
}

static int decode_input(const struct options *options,
                        const struct session *session,
                        const struct buffer *input)
{
    int32_t n = strlen(input->data) == input->n
                    ? parse_numbers(input->data, NULL, 0)
                    : -1;
    if (n < 0)
        return fail(CODE_USAGE, "stdin: expected token ids as a JSON array");
    moe_token *ids = must_alloc((size_t)n, sizeof *ids);
    parse_numbers(input->data, ids, n);
    int code = print_decoded(options, session, ids, (size_t)n);
    free(ids);
    return code;
}

int tokenize_run(struct options *options)
{
    struct session session = {0};
    struct buffer input = {0};
    int code = session_open(&session, options, true);
    if (code == CODE_DONE && is_terminal(stdin) && !options->is_quiet)
        fprintf(stderr, "%stype text, then ^D%s\n", style_dim(), style_end());
    if (code == CODE_DONE && !buffer_read(&input, stdin))
        code = fail(CODE_FAILED, "stdin: %s", strerror(errno));
    if (interrupt_seen())
        code = CODE_INTERRUPTED;
    if (code == CODE_DONE)
        code = options->is_decode ? decode_input(options, &session, &input)
                                  : encode_input(options, &session, &input);
    buffer_free(&input);
    session_close(&session);
    return code;
}
