/* dialect_driver.c: prompts for scripts that compare compiled-in formats.
 *
 *     driver VOCABULARY < requests
 *
 * VOCABULARY is a tokenizer's file, or - for a made one, in which what the
 * format marks with plain text is no control token.  Each line is a request
 * {"dialect", "messages", "tools", "date", "ask", "continue", "variables"} and
 * gives one line {"text", "ids"} or {"error"}. */
#define _POSIX_C_SOURCE 200809L

#include "chat_check.h"
#include "test.h"

struct driver {
    struct moe__mem mem;
    struct moe__arena arena;  /* of the vocabulary's file */
    struct moe__vocab *vocab; /* NULL: made ones */
};

static void driver_error(struct moe__text *out, const char *words)
{
    moe__text_cut(out, 0);
    moe__text_puts(out, "{\"error\": ");
    moe__json_write_string(out, moe__slice_str(words), false);
}

static void driver_ids(struct moe__text *out, const struct moe__ids *ids)
{
    char number[16];
    moe__text_puts(out, ", \"ids\": [");
    for (size_t i = 0; i < ids->n; i++) {
        snprintf(number, sizeof number, "%s%d", i ? ", " : "",
                 (int)ids->ids[i]);
        moe__text_puts(out, number);
    }
    moe__text_puts(out, "]");
}

static void driver_answer(struct driver *driver, struct moe__arena *arena,
                          const struct moe__json *request,
                          struct moe__text *out)
{
    struct moe__conversation conversation;
    struct moe__err err = {0};
    struct moe__prompt prompt;
    struct moe__ids ids;
    static struct chat_vocab made;
    const struct moe__dialect *dialect =
        moe__dialect_find(chat_text(request, "dialect"));
    if (dialect == NULL ||
        !chat_read(arena, moe__json_get(request, "messages"), &conversation)) {
        driver_error(out, "not a request");
        return;
    }
    const struct moe__json *ask = moe__json_get(request, "ask");
    const struct moe__json *goes_on = moe__json_get(request, "continue");
    if (ask != NULL)
        conversation.asks_for_answer = ask->kind == MOE__JSON_TRUE;
    conversation.is_continued =
        goes_on != NULL && goes_on->kind == MOE__JSON_TRUE;
    conversation.tools = moe__json_get(request, "tools");
    conversation.variables = moe__json_get(request, "variables");
    conversation.date = chat_text(request, "date");
    const struct moe__vocab *vocab =
        driver->vocab ? driver->vocab : chat_vocab_make(&made, dialect);
    moe__prompt_init(&prompt, &driver->mem, 0);
    moe__ids_init(&ids, &driver->mem);
    if (moe__dialect_render(dialect, &conversation, vocab, &prompt, &err) ||
        moe__prompt_encode(&prompt, vocab, &ids, &err)) {
        driver_error(out, err.message);
    } else {
        moe__text_puts(out, "{\"text\": ");
        moe__json_write_string(out, moe__text_slice(&prompt.text), false);
        driver_ids(out, &ids);
    }
    moe__ids_free(&ids);
    moe__prompt_free(&prompt);
    if (driver->vocab == NULL)
        chat_vocab_free(&made);
}

static void driver_line(struct driver *driver, const char *line, size_t n)
{
    struct moe__arena arena;
    struct moe__text out;
    struct moe__err err = {0};
    const struct moe__json *request = NULL;
    moe__arena_init(&arena, &driver->mem);
    moe__text_init(&out, &driver->mem, 0);
    if (moe__json_read(&arena, moe__slice_of(line, n), &request, &err))
        driver_error(&out, err.message);
    else
        driver_answer(driver, &arena, request, &out);
    printf("%.*s}\n", (int)out.n, out.data);
    moe__text_free(&out);
    moe__arena_free(&arena);
}

int main(int argc, char **argv)
{
    struct driver driver = {.vocab = NULL};
    struct moe__err err = {0};
    char *line = NULL;
    size_t cap = 0, bytes = 0;
    ssize_t n;
    moe__mem_init(&driver.mem, NULL);
    moe__arena_init(&driver.arena, &driver.mem);
    char *file = argc > 1 && strcmp(argv[1], "-") != 0
                     ? test_read(argv[1], &bytes)
                     : NULL;
    if (file != NULL &&
        moe__vocab_read(&driver.arena, moe__slice_of(file, bytes),
                        &driver.vocab, &err) != MOE_OK) {
        fprintf(stderr, "%s: %s\n", argv[1], err.message);
        return 1;
    }
    while ((n = getline(&line, &cap, stdin)) > 0)
        driver_line(&driver, line, (size_t)n);
    moe__arena_free(&driver.arena);
    free(line);
    free(file);
    return 0;
}
