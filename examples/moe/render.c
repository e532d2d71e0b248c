/* render.c: `moe render`: the prompt that a conversation becomes. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int render_fail(const moe_chat *chat)
{
    return fail(CODE_TEMPLATE, "%s", moe_chat_error(chat));
}

static int render_ids(moe_chat *chat)
{
    size_t n = 0;
    moe_status status = moe_chat_render(chat, NULL, 0, &n);
    if (status != MOE_OK && status != MOE_ERR_BUFFER)
        return render_fail(chat);
    moe_token *ids = must_alloc(n + 1, sizeof *ids);
    status = moe_chat_render(chat, ids, n, &n);
    if (status == MOE_OK) {
        json_ids(stdout, ids, n);
        putchar('\n');
    }
    free(ids);
    return status == MOE_OK ? CODE_DONE : render_fail(chat);
}

static int render_text(moe_chat *chat, bool wants_parts)
{
    moe_part part = {.struct_size = sizeof part};
    moe_status status = MOE_OK;
    for (int32_t i = 0; (status = moe_chat_part(chat, i, &part)) == MOE_OK;
         i++) {
        if (!wants_parts) {
            fwrite(part.text, 1, part.text_bytes, stdout);
            continue;
        }
        fputs("{\"text\": ", stdout);
        json_text(stdout, part.text, part.text_bytes);
        printf(", \"origin\": \"%s\"}\n",
               part.is_template ? "template" : "data");
    }
    return status == MOE_ERR_NOT_FOUND ? CODE_DONE : render_fail(chat);
}

static int render(moe_chat *chat, const struct options *options)
{
    struct buffer json = {0};
    const char *path = options->messages ? options->messages : "-";
    moe_chat_info info = {.struct_size = sizeof info};
    moe_chat_describe(chat, &info);
    if (options->is_verbose)
        fprintf(stderr, "%s%s: %s%s\n", style_dim(), info.format, info.reason,
                style_end());
    if (options->messages == NULL && is_terminal(stdin))
        return fail(CODE_USAGE, "--messages FILE is missing");
    if (!buffer_load(&json, path)) {
        buffer_free(&json);
        return fail(CODE_FAILED, "%s: %s", path, strerror(errno));
    }
    const moe_status status = moe_chat_load(chat, json.data, (int64_t)json.n);
    buffer_free(&json);
    if (status != MOE_OK)
        return fail(CODE_FAILED, "%s: %s", path, moe_chat_error(chat));
    return options->wants_ids ? render_ids(chat)
                              : render_text(chat, options->wants_parts);
}

int render_run(struct options *options)
{
    struct session session = {0};
    moe_chat *chat = NULL;
    int code = session_open(&session, options, true);
    if (code == CODE_DONE)
        code = session_chat(&session, options, &chat);
    if (code == CODE_DONE)
        code = render(chat, options);
    moe_chat_destroy(chat);
    session_close(&session);
    return code;
}
