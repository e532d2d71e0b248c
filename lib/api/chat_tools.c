/* chat_tools.c: tools, and which grammar an answer is bound to.
 *
 *     a call is required       the whole answer is one: from its first token on
 *     the host has a grammar   the same, after reasoning
 *     tools, if the model      free, until what a call begins with was written
 *     likes                    (the trigger); then up to the call's end */
#include "api/chat.h"

#include "chat/calls_grammar.h"

#define TOOLS_MOST 1024

/* ------------------------------------------------------------------ check */

static struct moe__slice name_of_tool(const struct moe__json *list, int32_t i)
{
    const struct moe__json *name =
        moe__json_get(moe__json_get(&list->items[i], "function"), "name");
    return name != NULL && name->kind == MOE__JSON_STRING
               ? name->text
               : moe__slice_of("", 0);
}

static int32_t find_tool(const struct moe__json *list, struct moe__slice name)
{
    for (int32_t i = 0; list != NULL && i < list->n; i++)
        if (moe__slice_equal(name_of_tool(list, i), name))
            return i;
    return -1;
}

static moe_status check_tools_json(const struct moe__json *list,
                                   struct moe__err *err)
{
    if (list->kind != MOE__JSON_ARRAY || list->n > TOOLS_MOST)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "tools: expected an array of at most %d tools",
                         TOOLS_MOST);
    for (int32_t i = 0; i < list->n; i++) {
        const struct moe__slice name = name_of_tool(list, i);
        const struct moe__json *schema = moe__json_get(
            moe__json_get(&list->items[i], "function"), "parameters");
        if (!moe__tool_is_name(name))
            return moe__fail(err, MOE_ERR_ARGUMENT,
                             "tools[%d].function.name: expected 1 to %d "
                             "letters, digits, _ or -, found '%.*s'",
                             i, MOE__TOOL_NAME_BYTES,
                             (int)(name.n < 40 ? name.n : 40),
                             (const char *)name.data);
        if (find_tool(list, name) != i)
            return moe__fail(err, MOE_ERR_ARGUMENT,
                             "tools[%d].function.name: expected a name of its "
                             "own, found '%.*s' twice",
                             i, (int)name.n, (const char *)name.data);
        if (schema != NULL && schema->kind != MOE__JSON_OBJECT)
            return moe__fail(err, MOE_ERR_ARGUMENT,
                             "tools[%d].function.parameters: expected a JSON "
                             "schema, an object",
                             i);
    }
    return MOE_OK;
}

/* -------------------------------------------------------------------- set */

static void tools_clear(struct moe__tools *tools)
{
    moe__calls_destroy(tools->parser);
    moe_grammar_destroy(tools->whole);
    moe_grammar_destroy(tools->rest);
    moe__arena_free(&tools->arena);
    tools->parser = NULL;
    tools->whole = tools->rest = NULL;
    tools->list = NULL;
}

void moe__tools_free(moe_chat *chat)
{
    tools_clear(&chat->tools);
}

static moe_status tools_choose(struct moe__tools *tools,
                               struct moe__slice choice, struct moe__err *err)
{
    tools->only = -1;
    tools->choice = MOE__TOOLS_AUTO;
    if (choice.n == 0 || moe__slice_is(choice, "auto"))
        return MOE_OK;
    tools->choice =
        moe__slice_is(choice, "none") ? MOE__TOOLS_NONE : MOE__TOOLS_REQUIRED;
    if (tools->choice == MOE__TOOLS_NONE)
        return MOE_OK;
    if (tools->list == NULL)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "choice: there are no tools to call");
    if (moe__slice_is(choice, "required"))
        return MOE_OK;
    tools->only = find_tool(tools->list, choice);
    return tools->only >= 0
               ? MOE_OK
               : moe__fail(err, MOE_ERR_ARGUMENT,
                           "choice: expected auto, none, required or the name "
                           "of a tool, found '%.*s'",
                           (int)(choice.n < 40 ? choice.n : 40),
                           (const char *)choice.data);
}

static moe_status tools_grammar(moe_chat *chat, struct moe__tools *tools,
                                enum moe__call_scope scope, moe_grammar **out)
{
    const struct moe__call_request request = {
        .format = chat->form.calls,
        .vocab = chat->model->vocab,
        .tools = tools->list,
        .only = tools->only,
        .scope = scope,
        .n_loose = scope == MOE__CALL_REST ? &tools->n_loose : NULL,
    };
    MOE__TRY(moe__grammar_open(chat->model, out, &chat->err));
    return moe__calls_grammar(&(*out)->mem, &request, &(*out)->rules,
                              &chat->err);
}

/* tools->list is in tools->arena. */
static moe_status tools_make(moe_chat *chat, struct moe__tools *tools,
                             struct moe__slice choice)
{
    if (tools->list != NULL) {
        MOE__TRY(check_tools_json(tools->list, &chat->err));
        if (tools->list->n == 0)
            tools->list = NULL;
    }
    MOE__TRY(tools_choose(tools, choice, &chat->err));
    if (tools->list == NULL || tools->choice == MOE__TOOLS_NONE)
        return MOE_OK;
    MOE__TRY(moe__calls_create(&chat->mem, chat->form.calls, &tools->parser,
                               &chat->err));
    return tools->choice == MOE__TOOLS_REQUIRED
               ? tools_grammar(chat, tools, MOE__CALL_WHOLE, &tools->whole)
               : tools_grammar(chat, tools, MOE__CALL_REST, &tools->rest);
}

/* Takes what was made in place of what was there. */
static moe_status tools_take(moe_chat *chat, struct moe__tools *made,
                             moe_status status)
{
    if (status != MOE_OK) {
        tools_clear(made);
        return status;
    }
    if (chat->bound != NULL && chat->bound != chat->grammar) {
        moe_sampler_constrain(chat->w.sampler, NULL, NULL);
        chat->bound = NULL;
    }
    tools_clear(&chat->tools);
    chat->tools = *made;
    return MOE_OK;
}

static moe_status chat_tools(moe_chat *chat, const char *text,
                             int64_t text_bytes, const char *choice)
{
    struct moe__tools made = {.only = -1};
    moe_status status = MOE_OK;
    MOE__TRY(moe__chat_idle(chat));
    if (text_bytes < -1)
        return moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                         "tools_bytes: expected -1 or more");
    moe__arena_init(&made.arena, &chat->mem);
    if (text != NULL)
        status = moe__json_read(&made.arena,
                                text_bytes < 0
                                    ? moe__slice_str(text)
                                    : moe__slice_of(text, (size_t)text_bytes),
                                &made.list, &chat->err);
    if (status == MOE_OK)
        status = tools_make(chat, &made,
                            moe__slice_str(choice == NULL ? "" : choice));
    return tools_take(chat, &made, status);
}

moe_status moe_chat_tools(moe_chat *chat, const char *tools,
                          int64_t tools_bytes, const char *choice)
{
    MOE__TRY(moe__chat_enter(chat));
    return moe__chat_leave(chat, chat_tools(chat, tools, tools_bytes, choice));
}

/* JSON of another arena, in this one. */
static moe_status json_copy(struct moe__arena *arena,
                            const struct moe__json *from,
                            const struct moe__json **to, struct moe__err *err)
{
    struct moe__text text;
    moe__text_init(&text, arena->mem, 0);
    moe__json_write(&text, from, &moe__json_compact);
    moe_status status = moe__text_status(&text, "tools", err);
    if (status == MOE_OK)
        status = moe__json_read(arena, moe__text_slice(&text), to, err);
    moe__text_free(&text);
    return status;
}

moe_status moe__tools_set(moe_chat *chat, const struct moe__json *list,
                          struct moe__slice choice)
{
    struct moe__tools made = {.only = -1};
    moe__arena_init(&made.arena, &chat->mem);
    moe_status status = json_copy(&made.arena, list, &made.list, &chat->err);
    if (status == MOE_OK)
        status = tools_make(chat, &made, choice);
    return tools_take(chat, &made, status);
}

moe_status moe__tools_copy(moe_chat *to, const moe_chat *from)
{
    const struct moe__tools *tools = &from->tools;
    moe__grammar_hold(from->grammar);
    to->grammar = from->grammar;
    moe__grammar_hold(tools->whole);
    to->tools.whole = tools->whole;
    moe__grammar_hold(tools->rest);
    to->tools.rest = tools->rest;
    to->tools.choice = tools->choice;
    to->tools.only = tools->only;
    to->tools.n_loose = tools->n_loose;
    to->bound = from->bound;
    if (tools->parser != NULL)
        MOE__TRY(moe__calls_create(&to->mem, to->form.calls, &to->tools.parser,
                                   &to->err));
    return tools->list == NULL ? MOE_OK
                               : json_copy(&to->tools.arena, tools->list,
                                           &to->tools.list, &to->err);
}

/* ------------------------------------------------------------------- bind */

static moe_status chat_constrain(moe_chat *chat, moe_grammar *grammar)
{
    MOE__TRY(moe__chat_idle(chat));
    if (chat->w.sampler == NULL)
        return moe__fail(&chat->err, MOE_ERR_UNSUPPORTED,
                         "the model is a vocabulary only: it cannot answer");
    if (grammar != NULL &&
        grammar->lexicon->n_vocab != chat->model->net.n_vocab)
        return moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                         "the grammar is for %d tokens, the model has %d",
                         grammar->lexicon->n_vocab, chat->model->net.n_vocab);
    if (chat->bound != NULL && chat->bound == chat->grammar) {
        moe_sampler_constrain(chat->w.sampler, NULL, NULL);
        chat->bound = NULL;
    }
    moe__grammar_hold(grammar);
    moe_grammar_destroy(chat->grammar);
    chat->grammar = grammar;
    return MOE_OK;
}

moe_status moe_chat_constrain(moe_chat *chat, moe_grammar *grammar)
{
    MOE__TRY(moe__chat_enter(chat));
    return moe__chat_leave(chat, chat_constrain(chat, grammar));
}

/* A sampler that stays bound keeps its masks. */
moe_status moe__chat_bind(moe_chat *chat)
{
    const struct moe__tools *tools = &chat->tools;
    moe_grammar *grammar = tools->whole != NULL    ? tools->whole
                           : chat->grammar != NULL ? chat->grammar
                                                   : tools->rest;
    if (grammar != chat->bound) {
        moe_error why = {0};
        const moe_status status =
            moe_sampler_constrain(chat->w.sampler, grammar, &why);
        if (status != MOE_OK)
            return moe__fail(&chat->err, status, "%s", why.message);
        chat->bound = grammar;
    }
    chat->is_waiting =
        grammar != NULL &&
        (grammar == tools->rest || moe__stream_is_reasoning(chat->stream));
    moe__sampler_pause(chat->w.sampler, chat->is_waiting);
    return MOE_OK;
}

void moe__chat_bind_text(moe_chat *chat)
{
    if (!chat->is_waiting || chat->bound == chat->tools.rest ||
        moe__stream_is_reasoning(chat->stream))
        return;
    chat->is_waiting = false;
    moe__sampler_pause(chat->w.sampler, false);
}

/* Where the trigger of a call ends in what was written, of which the last
 * n_new bytes are new; 0: nowhere. */
static size_t trigger_end(const moe_chat *chat, size_t n_new)
{
    const struct moe__call_trigger trigger =
        moe__call_format_trigger(chat->form.calls);
    const struct moe__slice written = moe__text_slice(&chat->answer.written);
    size_t from = 0;
    if (trigger.is_first)
        while (from < written.n && strchr(" \n", written.data[from]) != NULL)
            from++;
    else if (written.n > n_new + trigger.text.n)
        from = written.n - n_new - trigger.text.n;
    const size_t at = moe__slice_find(
        moe__slice_of(written.data + from, written.n - from), trigger.text);
    const size_t end = from + at + trigger.text.n;
    if (at + trigger.text.n > written.n - from || (trigger.is_first && at > 0))
        return 0;
    return end > written.n - n_new ? end : 0;
}

void moe__chat_rebind(moe_chat *chat, struct moe__slice written)
{
    struct moe__answer *answer = &chat->answer;
    if (chat->bound == NULL || chat->bound != chat->tools.rest)
        return;
    if (!chat->is_waiting) {
        chat->is_waiting =
            moe_sampler_text_end(chat->w.sampler) == MOE_TEXT_MUST_END;
        if (chat->is_waiting)
            moe__sampler_pause(chat->w.sampler, true);
        return;
    }
    if (moe__stream_is_reasoning(chat->stream))
        return;
    moe__text_add(&answer->written, written);
    const size_t end = trigger_end(chat, written.n);
    if (end == 0)
        return;
    const struct moe__slice all = moe__text_slice(&answer->written);
    chat->is_waiting = moe__sampler_begin(chat->w.sampler,
                                          moe__slice_of(all.data + end,
                                                        all.n - end)) != MOE_OK;
}
