/* session.c: from the options to an opened model and a context on it. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TINY "tiny-mixtral-q8_0.gguf"

void ids_put(struct ids *ids, moe_token id)
{
    if (ids->n == ids->cap) {
        size_t cap = ids->cap * 2 + 64;
        moe_token *grown = must_alloc(cap, sizeof *grown);
        if (ids->n > 0)
            memcpy(grown, ids->data, ids->n * sizeof *grown);
        free(ids->data);
        ids->data = grown;
        ids->cap = cap;
    }
    ids->data[ids->n++] = id;
}

void ids_free(struct ids *ids)
{
    free(ids->data);
    *ids = (struct ids){0};
}

/* Beside the program, in ../share/moe, or in the source tree: the program is
 * in BUILD/examples there. */
static const char *tiny_path(const char *name)
{
    static char path[4400];
    char program[4096];
    static const char *const places[] = {"/", "/../share/moe/",
                                         "/../../examples/models/",
                                         "/../examples/models/"};
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n > 0)
        program[n] = 0;
    else
        snprintf(program, sizeof program, "%s", name);
    char *slash = strrchr(program, '/');
    for (size_t i = 0; slash != NULL && i < COUNT_OF(places); i++) {
        snprintf(path, sizeof path, "%.*s%s" TINY, (int)(slash - program),
                 program, places[i]);
        if (access(path, R_OK) == 0)
            return path;
    }
#ifdef MOE_SOURCE_MODELS
    if (access(MOE_SOURCE_MODELS "/" TINY, R_OK) == 0)
        return MOE_SOURCE_MODELS "/" TINY;
#endif
    return access("examples/models/" TINY, R_OK) == 0 ? "examples/models/" TINY
                                                      : NULL;
}

const char *model_path(const struct options *options)
{
    const char *name = options->n_args > 0 ? options->args[0] : "tiny";
    if (strcmp(name, "tiny") != 0)
        return name;
    const char *path = tiny_path(options->program);
    return path != NULL ? path : TINY;
}

static void print_log(void *user, moe_log_level level, const char *text)
{
    const struct options *options = user;
    if (level == MOE_LOG_WARNING ? !options->is_quiet : options->is_verbose)
        fprintf(stderr, "%s%s%s\n", style_dim(), text, style_end());
}

moe_model_params model_params(const struct options *options)
{
    return (moe_model_params){
        .struct_size = sizeof(moe_model_params),
        .log = print_log,
        .log_user = (void *)(uintptr_t)options,
        .meta = options->meta.items,
        .n_meta = options->meta.n,
    };
}

int session_open(struct session *session, const struct options *options,
                 bool is_vocab_only)
{
    struct progress progress = progress_start("opening");
    moe_error why = {0};
    moe_model_params params = model_params(options);
    params.progress = progress_step;
    params.progress_user = &progress;
    params.is_vocab_only = is_vocab_only;
    *session = (struct session){.options = options};
    moe_status status =
        moe_model_open(model_path(options), &params, &session->model, &why);
    progress_end(&progress);
    if (status != MOE_OK)
        return fail_status(status, why.message);
    session->info.struct_size = sizeof session->info;
    moe_model_describe(session->model, &session->info);
    session->load_seconds = seconds_now() - progress.start;
    return CODE_DONE;
}

static int check_memory(const struct session *session,
                        const moe_context_params *params)
{
    moe_plan plan = {.struct_size = sizeof plan};
    moe_error why = {0};
    uint64_t limit = session->options->memory_bytes;
    if (limit == 0)
        return CODE_DONE;
    moe_status status = moe_context_plan(session->model, params, &plan, &why);
    if (status != MOE_OK)
        return fail_status(status, why.message);
    uint64_t needed = plan.weights_mapped_bytes + plan.anonymous_bytes;
    if (needed <= limit)
        return CODE_DONE;
    return fail(
        CODE_NO_ROOM,
        "needs %s (weights %s, KV cache %s, scratch %s), but --memory "
        "is %s",
        show_bytes(needed),
        show_bytes(plan.weights_mapped_bytes + plan.weights_copied_bytes),
        show_bytes(plan.kv_bytes), show_bytes(plan.scratch_bytes),
        show_bytes(limit));
}

/* --backend: what is there, if what was asked for is not. */
static int check_backend_available(moe_backend wanted)
{
    moe_backend_info info = {.struct_size = sizeof info};
    char names[128] = "";
    const char *reason = "it is not part of this build";
    for (int32_t i = 0; moe_backend_at(i, &info) == MOE_OK; i++) {
        if (info.backend == wanted && !info.is_available)
            reason = info.reason;
        if (!info.is_available)
            continue;
        if (info.backend == wanted)
            return CODE_DONE;
        size_t n = strlen(names);
        snprintf(names + n, sizeof names - n, "%s%s", n > 0 ? ", " : "",
                 info.name);
    }
    return wanted == MOE_BACKEND_AUTO
               ? CODE_DONE
               : fail(CODE_FAILED, "--backend: %s; there is: %s", reason,
                      names);
}

/* What was asked for can be had; messages go to stderr. */
static int settle_context(const struct session *session,
                          moe_context_params *params)
{
    params->log = print_log;
    params->log_user = (void *)(uintptr_t)session->options;
    const int code = check_backend_available(params->backend);
    return code == CODE_DONE ? check_memory(session, params) : code;
}

int session_context(struct session *session, const moe_context_params *params)
{
    moe_context_params settled =
        params != NULL ? *params : session->options->context;
    moe_error why = {0};
    const int code = settle_context(session, &settled);
    if (code != CODE_DONE)
        return code;
    double start = seconds_now();
    moe_status status =
        moe_context_create(session->model, &settled, &session->ctx, &why);
    session->load_seconds += seconds_now() - start;
    if (status != MOE_OK)
        return fail_status(status, why.message);
    interrupt_target(session->ctx);
    return interrupt_seen() ? CODE_INTERRUPTED : CODE_DONE;
}

/* ------------------------------------------------------------------- chat */

/* A file that an option names; "" if the option was not given. */
static int load_text(const char *path, struct buffer *out)
{
    buffer_put(out, "", 0);
    return path == NULL || buffer_load(out, path)
               ? CODE_DONE
               : fail(CODE_FAILED, "%s: %s", path, strerror(errno));
}

static int chat_create(const struct session *session, struct options *options,
                       const char *chat_template, moe_chat **out)
{
    struct sampler_setup setup;
    moe_error why = {0};
    moe_context_params context = options->context;
    int code = sampler_settle(options, session, &setup);
    if (code == CODE_DONE && session->info.n_layers > 0)
        code = settle_context(session, &context);
    if (code != CODE_DONE)
        return code;
    const moe_chat_params params = {
        .struct_size = sizeof params,
        .context = &context,
        .sampler = &setup.params,
        .system = options->system,
        .format = options->encoder,
        .chat_template = options->chat_template ? chat_template : NULL,
        .stops = options->stops.items,
        .n_stops = options->stops.n,
        .max_tokens = options->n_predict > 0 ? options->n_predict : 0,
    };
    const moe_status status =
        moe_chat_create(session->model, &params, out, &why);
    if (status == MOE_ERR_NOT_FOUND)
        return fail(CODE_USAGE, "--encoder: %s", why.message);
    return status == MOE_OK ? CODE_DONE
           : status == MOE_ERR_NO_MEMORY || status == MOE_ERR_ARGUMENT
               ? fail_status(status, why.message)
               : fail(CODE_TEMPLATE, "%s", why.message);
}

static int chat_equip(moe_chat *chat, const struct session *session,
                      const struct options *options, const struct buffer *tools)
{
    moe_grammar *grammar;
    if (options->tools != NULL &&
        moe_chat_tools(chat, tools->data, (int64_t)tools->n, NULL) != MOE_OK)
        return fail(CODE_TEMPLATE, "%s: %s", options->tools,
                    moe_chat_error(chat));
    const int code = grammar_open(options, session->model, &grammar);
    if (grammar != NULL)
        moe_chat_constrain(chat, grammar);
    moe_grammar_destroy(grammar);
    return code;
}

int session_chat(const struct session *session, struct options *options,
                 moe_chat **out)
{
    struct buffer source = {0}, tools = {0};
    if (options->encoder != NULL && options->chat_template != NULL)
        return fail(CODE_USAGE, "both --encoder and --template were given");
    int code = load_text(options->chat_template, &source);
    if (code == CODE_DONE)
        code = load_text(options->tools, &tools);
    if (code == CODE_DONE)
        code = chat_create(session, options, source.data, out);
    if (code == CODE_DONE)
        code = chat_equip(*out, session, options, &tools);
    buffer_free(&source);
    buffer_free(&tools);
    return code;
}

void session_close(struct session *session)
{
    interrupt_target(NULL);
    moe_context_destroy(session->ctx);
    moe_model_close(session->model);
    session->ctx = NULL;
    session->model = NULL;
}

int session_encode(const struct session *session, const char *text, size_t n,
                   moe_text_flags flags, struct ids *out)
{
    size_t count = 0;
    moe_error why = {0};
    moe_status status = moe_text_encode(session->model, text, (int64_t)n, flags,
                                        NULL, 0, &count, &why);
    if (status == MOE_OK || status == MOE_ERR_BUFFER) {
        moe_token *ids = must_alloc(count, sizeof *ids);
        status = moe_text_encode(session->model, text, (int64_t)n, flags, ids,
                                 count, &count, &why);
        for (size_t i = 0; status == MOE_OK && i < count; i++)
            ids_put(out, ids[i]);
        free(ids);
    }
    return status == MOE_OK ? CODE_DONE : fail_status(status, why.message);
}

moe_status session_eval(struct session *session, const struct ids *ids)
{
    struct progress progress = progress_start("reading");
    moe_status status = MOE_MORE;
    int32_t done = 0;
    if (ids->n > INT32_MAX)
        return MOE_ERR_CONTEXT_FULL;
    while (status == MOE_MORE) {
        status = moe_context_eval(session->ctx, ids->data + done,
                                  (int32_t)ids->n - done, &done);
        progress_step(&progress, (float)done / (float)ids->n);
    }
    progress_end(&progress);
    return status;
}
