/* emulate.c: conversations with tools as conversations without. */
#include "chat/emulate.h"

struct emulation {
    struct moe__arena *arena;
    const struct moe__conversation *from;
    struct moe__message *messages; /* [n] */
    int32_t n;
    struct moe__text text; /* that is being put together */
    int32_t n_open;        /* calls without a result so far */
};

bool moe__emulation_is_due(const struct moe__conversation *conversation)
{
    bool is_due = conversation->tools != NULL;
    for (int32_t i = 0; i < conversation->n_messages; i++)
        is_due = is_due || conversation->messages[i].n_calls > 0 ||
                 conversation->messages[i].role == MOE__ROLE_TOOL;
    return is_due;
}

/* The text as the content of a message; it is empty then. */
static moe_status emulation_keep(struct emulation *e,
                                 struct moe__message *message,
                                 struct moe__err *err)
{
    MOE__TRY(moe__text_status(&e->text, "tools", err));
    const struct moe__slice made = moe__text_slice(&e->text);
    const char *kept =
        moe__arena_string(e->arena, (const char *)made.data, made.n);
    if (kept == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for tools");
    message->content = moe__slice_of(kept, made.n);
    moe__text_cut(&e->text, 0);
    return MOE_OK;
}

static void emulation_tools(struct emulation *e)
{
    const struct moe__json *tools = e->from->tools;
    moe__text_puts(&e->text,
                   "You can call these functions, given with the JSON schemas "
                   "of their arguments:\n");
    for (int32_t i = 0; i < tools->n; i++) {
        const struct moe__json *function =
            moe__json_get(&tools->items[i], "function");
        moe__json_write(&e->text, function, &moe__json_spaced);
        moe__text_byte(&e->text, '\n');
    }
    moe__text_puts(&e->text,
                   "To call one, answer with nothing but JSON of this form: "
                   "{\"name\": \"the function\", \"arguments\": {...}}\n"
                   "You will be told its result. Answer in words if no call "
                   "is needed.");
}

static void emulation_call(struct emulation *e, const struct moe__call *call)
{
    if (e->text.n > 0)
        moe__text_byte(&e->text, '\n');
    moe__text_puts(&e->text, "{\"name\": ");
    moe__json_write_string(&e->text, call->name, false);
    moe__text_puts(&e->text, ", \"arguments\": ");
    moe__text_add(&e->text, call->arguments.n > 0 ? call->arguments
                                                  : moe__slice_str("{}"));
    moe__text_byte(&e->text, '}');
}

/* What the model said and called, as it wrote it. */
static moe_status emulation_said(struct emulation *e,
                                 const struct moe__message *message,
                                 struct moe__err *err)
{
    struct moe__message *made = &e->messages[e->n++];
    *made = *message;
    e->n_open = message->n_calls;
    made->calls = NULL;
    made->n_calls = 0;
    if (message->n_calls == 0)
        return MOE_OK;
    moe__text_add(&e->text, message->content);
    for (int32_t i = 0; i < message->n_calls; i++)
        emulation_call(e, &message->calls[i]);
    return emulation_keep(e, made, err);
}

/* Results that follow one another are one message: roles alternate.  *i is the
 * first of them, then the last. */
static moe_status emulation_results(struct emulation *e, int32_t *i,
                                    struct moe__err *err)
{
    const struct moe__conversation *from = e->from;
    for (;; (*i)++) {
        const struct moe__message *result = &from->messages[*i];
        if (e->n_open-- == 0)
            return moe__fail(err, MOE_ERR_ARGUMENT,
                             "message %d: expected a call before the result of "
                             "a tool",
                             *i);
        moe__text_puts(&e->text, "Result");
        if (result->name.n > 0) {
            moe__text_puts(&e->text, " of ");
            moe__text_add(&e->text, result->name);
        }
        moe__text_puts(&e->text, ": ");
        moe__text_add(&e->text, result->content);
        if (*i + 1 == from->n_messages ||
            from->messages[*i + 1].role != MOE__ROLE_TOOL)
            break;
        moe__text_byte(&e->text, '\n');
    }
    struct moe__message *made = &e->messages[e->n++];
    *made = (struct moe__message){.role = MOE__ROLE_USER};
    return emulation_keep(e, made, err);
}

static moe_status emulation_write(struct emulation *e, struct moe__err *err)
{
    const struct moe__conversation *from = e->from;
    const bool has_system =
        from->n_messages > 0 && from->messages[0].role == MOE__ROLE_SYSTEM;
    if (from->tools != NULL) {
        struct moe__message *made = &e->messages[e->n++];
        *made = (struct moe__message){.role = MOE__ROLE_SYSTEM};
        emulation_tools(e);
        if (has_system) {
            moe__text_puts(&e->text, "\n\n");
            moe__text_add(&e->text, from->messages[0].content);
        }
        MOE__TRY(emulation_keep(e, made, err));
    }
    for (int32_t i = from->tools != NULL && has_system; i < from->n_messages;
         i++)
        MOE__TRY(from->messages[i].role == MOE__ROLE_TOOL
                     ? emulation_results(e, &i, err)
                     : emulation_said(e, &from->messages[i], err));
    return MOE_OK;
}

moe_status moe__emulate(struct moe__arena *arena,
                        const struct moe__conversation *conversation,
                        struct moe__conversation *out, struct moe__err *err)
{
    struct emulation e = {.arena = arena, .from = conversation};
    e.messages = moe__arena_alloc(arena, (size_t)conversation->n_messages + 1,
                                  sizeof *e.messages);
    if (e.messages == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for tools");
    moe__text_init(&e.text, arena->mem, 0);
    const moe_status status = emulation_write(&e, err);
    moe__text_free(&e.text);
    *out = *conversation;
    out->messages = e.messages;
    out->n_messages = e.n;
    out->tools = NULL;
    return status;
}
