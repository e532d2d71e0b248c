/* run.c: `moe run`: completes a text. */
#include "cli.h"

#include <errno.h>
#include <string.h>

#define FRIENDLY_PROMPT "Once upon a time"

/* PROMPT, a file, stdin, or a story's beginning for who typed nothing. */
static int take_prompt(const struct options *options, struct buffer *prompt)
{
    if (options->n_args > 1 && options->file != NULL)
        return fail(CODE_USAGE, "both a PROMPT and --file were given");
    if (options->n_args > 1) {
        buffer_put(prompt, options->args[1], strlen(options->args[1]));
        return CODE_DONE;
    }
    const char *path = options->file ? options->file : "-";
    if (strcmp(path, "-") == 0 && is_terminal(stdin) && options->file == NULL) {
        buffer_put(prompt, FRIENDLY_PROMPT, strlen(FRIENDLY_PROMPT));
        return CODE_DONE;
    }
    bool is_read = buffer_load(prompt, path);
    if (interrupt_seen())
        return CODE_INTERRUPTED;
    return is_read ? CODE_DONE
                   : fail(CODE_FAILED, "%s: %s", path, strerror(errno));
}

struct run_output {
    bool is_silent; /* --json prints it all at the end */
    struct buffer text;
};

static void run_write(void *user, const char *text, size_t n)
{
    struct run_output *output = user;
    buffer_put(&output->text, text, n);
    if (output->is_silent)
        return;
    fwrite(text, 1, n, stdout);
    output_flush();
}

static void run_json(const struct options *options,
                     const struct session *session,
                     const struct generation *generation,
                     const struct ids *prompt, const struct buffer *text)
{
    fputs("{\"model\": ", stdout);
    json_string(stdout, session->info.name);
    fputs(", \"text\": ", stdout);
    json_text(stdout, text->data, text->n);
    fputs(", \"ids\": ", stdout);
    json_ids(stdout, generation->ids.data, generation->ids.n);
    fputs(", \"prompt_ids\": ", stdout);
    json_ids(stdout, prompt->data, prompt->n);
    printf(", \"finish_reason\": \"%s\", \"seed\": %llu, \"timings\": ",
           generation->finish_reason,
           (unsigned long long)options->sampler.seed);
    timings_json(&generation->timings, session);
    fputs("}\n", stdout);
}

static int complete(struct options *options, struct session *session,
                    const struct ids *prompt)
{
    struct generation generation;
    struct run_output output = {.is_silent = options->is_json};
    int code = generation_open(&generation, options, session);
    if (code != CODE_DONE)
        return code;
    generation.stream.sink = run_write;
    generation.stream.user = &output;
    buffer_put(&output.text, "", 0);
    moe_status status = generation_run(&generation, session, prompt);
    if (options->is_json)
        run_json(options, session, &generation, prompt, &output.text);
    else if (generation.ids.n > 0)
        putchar('\n');
    output_flush();
    code = generation_result(&generation, session, status);
    if (options->is_verbose) {
        timings_line(&generation.timings);
        fprintf(stderr, "%sseed %llu, ended by: %s%s\n", style_dim(),
                (unsigned long long)options->sampler.seed,
                generation.finish_reason, style_end());
    }
    generation_close(&generation);
    buffer_free(&output.text);
    return code;
}

int run_run(struct options *options)
{
    struct session session = {0};
    struct buffer prompt = {0};
    struct ids ids = {0};
    moe_text_flags flags = MOE_TEXT_SPECIALS;
    if (options->parses_control)
        flags |= MOE_TEXT_PARSE_CONTROL;
    int code = take_prompt(options, &prompt);
    if (code == CODE_DONE)
        code = session_open(&session, options, false);
    if (code == CODE_DONE)
        code = session_context(&session, NULL);
    if (code == CODE_DONE)
        code = session_encode(&session, prompt.data, prompt.n, flags, &ids);
    if (code == CODE_DONE && ids.n == 0)
        code = fail(CODE_USAGE, "the prompt is empty");
    if (code == CODE_DONE && !options->is_json && is_terminal(stdout) &&
        is_terminal(stderr) && !options->is_quiet)
        fprintf(stderr, "%s%s%s", style_dim(), prompt.data, style_end());
    if (code == CODE_DONE)
        code = complete(options, &session, &ids);
    buffer_free(&prompt);
    ids_free(&ids);
    session_close(&session);
    return code;
}
