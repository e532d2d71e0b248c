/* jinja_driver.c: renderings for a script that compares them with jinja2's.
 *
 * Each line of the input is {"template", "variables", "date"} and gives one
 * line {"text"} or {"error"}. */
#define _POSIX_C_SOURCE 200809L

#include "chat/jinja.h"
#include "test.h"

static void driver_answer(struct moe__mem *mem, const struct moe__json *request,
                          struct moe__text *out)
{
    struct moe__template *template_ = NULL;
    struct moe__prompt prompt;
    struct moe__err err = {0};
    const struct moe__json *source = moe__json_get(request, "template");
    const struct moe__json *variables = moe__json_get(request, "variables");
    const struct moe__json *date = moe__json_get(request, "date");
    moe__prompt_init(&prompt, mem, 0);
    moe_status status = MOE_ERR_ARGUMENT;
    if (source != NULL && variables != NULL)
        status = moe__template_create(mem, source->text, &template_, &err);
    if (status == MOE_OK)
        status = moe__template_render_json(
            template_, variables,
            date != NULL ? date->text : moe__slice_str(""), &prompt, &err);
    moe__text_puts(out, status == MOE_OK ? "{\"text\": " : "{\"error\": ");
    moe__json_write_string(out,
                           status == MOE_OK ? moe__text_slice(&prompt.text)
                                            : moe__slice_str(err.message),
                           false);
    moe__text_puts(out, "}\n");
    moe__template_destroy(template_);
    moe__prompt_free(&prompt);
}

int main(void)
{
    struct moe__mem mem;
    char *line = NULL;
    size_t cap = 0;
    moe__mem_init(&mem, NULL);
    for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
        const struct moe__json *request = NULL;
        struct moe__arena arena;
        struct moe__text out;
        moe__arena_init(&arena, &mem);
        moe__text_init(&out, &mem, 0);
        if (moe__json_read(&arena, moe__slice_of(line, (size_t)n), &request,
                           NULL) != MOE_OK)
            request = NULL;
        driver_answer(&mem, request, &out);
        fwrite(out.data, 1, out.n, stdout);
        moe__text_free(&out);
        moe__arena_free(&arena);
    }
    free(line);
    return mem.live_bytes != 0;
}
