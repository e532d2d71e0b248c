/* chat_messages.c: what was said, by whom. */
#include "api/chat.h"

/* Whether it may be said; *flags: what of the format is in it. */
static moe_status check_message(moe_chat *chat,
                                const struct moe__message *message,
                                struct moe__flags *flags)
{
    if (message->n_calls > 0 && message->role != MOE__ROLE_ASSISTANT)
        return moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                         "message %d: expected calls in messages of the "
                         "assistant only",
                         chat->history.n);
    *flags = moe__message_flag(chat->form.dialect, chat->model->vocab, message);
    if (flags->n_markers > 0 && chat->injection == MOE_INJECTION_REJECT)
        return moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                         "message %d has %d marks of the format %s",
                         chat->history.n, flags->n_markers, chat->form.name);
    return MOE_OK;
}

moe_status moe__chat_append(moe_chat *chat, const struct moe__message *message)
{
    struct moe__flags flags = {0};
    MOE__TRY(check_message(chat, message, &flags));
    MOE__TRY(moe__history_add(&chat->history, message, &chat->err));
    chat->n_marks += flags.n_markers;
    chat->n_controls += flags.n_controls;
    return MOE_OK;
}

static moe_status check_role_of(moe_chat *chat, moe_role role)
{
    return role >= MOE_ROLE_SYSTEM && role <= MOE_ROLE_TOOL
               ? MOE_OK
               : moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                           "role: expected 1 to 4, found %d", role);
}

static moe_status text_of(moe_chat *chat, const char *text, int64_t text_bytes,
                          struct moe__slice *out)
{
    if (text == NULL || text_bytes < -1)
        return moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                         "text must not be NULL, and text_bytes -1 or more");
    *out = text_bytes < 0 ? moe__slice_str(text)
                          : moe__slice_of(text, (size_t)text_bytes);
    return MOE_OK;
}

static moe_status chat_say(moe_chat *chat, moe_role role, const char *text,
                           int64_t text_bytes)
{
    MOE__TRY(check_role_of(chat, role));
    struct moe__message message = {
        .role = (enum moe__role)(role - MOE_ROLE_SYSTEM)};
    MOE__TRY(text_of(chat, text, text_bytes, &message.content));
    MOE__TRY(moe__chat_idle(chat));
    return moe__chat_append(chat, &message);
}

moe_status moe_chat_say(moe_chat *chat, moe_role role, const char *text,
                        int64_t text_bytes)
{
    MOE__TRY(moe__chat_enter(chat));
    return moe__chat_leave(chat, chat_say(chat, role, text, text_bytes));
}

/* -------------------------------------------------------------------- add */

static struct moe__slice slice_or_none(const char *text)
{
    return moe__slice_str(text == NULL ? "" : text);
}

moe_status moe__chat_check_call(moe_chat *chat, const struct moe__call *call,
                                const char *where)
{
    struct moe__arena arena;
    struct moe__err why = {0};
    const struct moe__json *json = NULL;
    if (call->name.n == 0)
        return moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                         "%s.name: expected the name of a tool, found none",
                         where);
    if (call->arguments.n == 0)
        return MOE_OK;
    moe__arena_init(&arena, &chat->mem);
    const moe_status status =
        moe__json_read(&arena, call->arguments, &json, &why);
    const bool is_object = status == MOE_OK && json->kind == MOE__JSON_OBJECT;
    moe__arena_free(&arena);
    if (is_object || status == MOE_ERR_NO_MEMORY)
        return is_object ? MOE_OK
                         : moe__fail(&chat->err, status, "%s", why.message);
    return moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                     "%s.arguments: expected a JSON object%s%s", where,
                     status == MOE_OK ? "" : ": ",
                     status == MOE_OK ? "" : why.message);
}

static moe_status chat_add(moe_chat *chat, const moe_message *m,
                           struct moe__arena *arena)
{
    MOE__TRY(check_role_of(chat, m->role));
    MOE__TRY(moe__chat_idle(chat));
    if ((m->text == NULL && m->text_bytes > 0) ||
        (m->reasoning == NULL && m->reasoning_bytes > 0) || m->n_calls < 0 ||
        (m->calls == NULL && m->n_calls > 0))
        return moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                         "text, reasoning and calls must not be NULL where "
                         "their sizes are not 0");
    struct moe__call *calls =
        moe__arena_alloc(arena, (size_t)m->n_calls, sizeof *calls);
    if (calls == NULL)
        return moe__fail(&chat->err, MOE_ERR_NO_MEMORY,
                         "no memory for %d calls", m->n_calls);
    for (int32_t i = 0; i < m->n_calls; i++) {
        char where[24];
        moe__format(where, sizeof where, "calls[%d]", i);
        calls[i] = (struct moe__call){.id = slice_or_none(m->calls[i].id),
                                      .name = slice_or_none(m->calls[i].name),
                                      .arguments =
                                          slice_or_none(m->calls[i].arguments)};
        MOE__TRY(moe__chat_check_call(chat, &calls[i], where));
    }
    const struct moe__message message = {
        .role = (enum moe__role)(m->role - MOE_ROLE_SYSTEM),
        .content = moe__slice_of(m->text, m->text_bytes),
        .reasoning = moe__slice_of(m->reasoning, m->reasoning_bytes),
        .name = slice_or_none(m->name),
        .call_id = slice_or_none(m->call_id),
        .calls = calls,
        .n_calls = m->n_calls,
    };
    return moe__chat_append(chat, &message);
}

moe_status moe_chat_add(moe_chat *chat, const moe_message *message)
{
    moe_message copy;
    struct moe__arena arena;
    MOE__TRY(moe__chat_enter(chat));
    moe_status status =
        message == NULL ? moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                                    "moe_chat_add: message must not be NULL")
                        : moe__struct_copy(&copy, sizeof copy, message,
                                           "moe_message", &chat->err);
    moe__arena_init(&arena, &chat->mem);
    if (status == MOE_OK)
        status = chat_add(chat, &copy, &arena);
    moe__arena_free(&arena);
    return moe__chat_leave(chat, status);
}

/* ---------------------------------------------------------------- results */

/* Whether one of the messages behind `caller` answers its call `i`: by the id
 * or, without ids, by its place. */
static bool call_is_answered(const moe_chat *chat, int32_t caller, int32_t i)
{
    const struct moe__call *call = &chat->history.messages[caller].calls[i];
    int32_t n_results = 0;
    for (int32_t k = caller + 1; k < chat->history.n; k++) {
        const struct moe__message *result = &chat->history.messages[k];
        if (result->role != MOE__ROLE_TOOL)
            continue;
        if (call->id.n > 0 && moe__slice_equal(result->call_id, call->id))
            return true;
        n_results++;
    }
    return call->id.n == 0 && n_results > i;
}

/* The call that waits; NULL if none does. */
static const struct moe__call *waiting_call(const moe_chat *chat,
                                            const char *id)
{
    int32_t caller = chat->history.n;
    while (caller-- > 0 &&
           chat->history.messages[caller].role == MOE__ROLE_TOOL)
        ;
    if (caller < 0)
        return NULL;
    const struct moe__message *message = &chat->history.messages[caller];
    for (int32_t i = 0; i < message->n_calls; i++)
        if ((id == NULL || moe__slice_is(message->calls[i].id, id)) &&
            !call_is_answered(chat, caller, i))
            return &message->calls[i];
    return NULL;
}

static moe_status no_call_waits(moe_chat *chat, const char *id)
{
    return id != NULL
               ? moe__fail(&chat->err, MOE_ERR_NOT_FOUND,
                           "no call with the id '%.*s' waits for a result", 40,
                           id)
               : moe__fail(&chat->err, MOE_ERR_NOT_FOUND,
                           "no call waits for a result");
}

/* Kept until the answer is complete. */
static moe_status chat_result_early(moe_chat *chat, const char *id,
                                    const struct moe__message *message)
{
    struct moe__answer *answer = &chat->answer;
    const struct moe__slice text = message->content;
    struct moe__flags flags = {0};
    int32_t i = 0;
    while (i < answer->n_calls &&
           (answer->results[i].data != NULL ||
            (id != NULL && !moe__slice_is(answer->calls[i].id, id))))
        i++;
    if (i == answer->n_calls)
        return no_call_waits(chat, id);
    MOE__TRY(check_message(chat, message, &flags));
    const char *kept =
        moe__arena_string(&answer->arena, (const char *)text.data, text.n);
    if (kept == NULL)
        return moe__fail(&chat->err, MOE_ERR_NO_MEMORY,
                         "no memory for a result of %zu bytes", text.n);
    answer->results[i] = moe__slice_of(kept, text.n);
    return MOE_OK;
}

static moe_status chat_result(moe_chat *chat, const char *call_id,
                              const char *text, int64_t text_bytes)
{
    struct moe__message message = {.role = MOE__ROLE_TOOL};
    MOE__TRY(text_of(chat, text, text_bytes, &message.content));
    if (chat->state == MOE__CHAT_WRITING)
        return chat_result_early(chat, call_id, &message);
    MOE__TRY(moe__chat_idle(chat));
    const struct moe__call *call = waiting_call(chat, call_id);
    if (call == NULL)
        return no_call_waits(chat, call_id);
    message.name = call->name;
    message.call_id = call->id;
    return moe__chat_append(chat, &message);
}

moe_status moe_chat_result(moe_chat *chat, const char *call_id,
                           const char *text, int64_t text_bytes)
{
    MOE__TRY(moe__chat_enter(chat));
    return moe__chat_leave(chat, chat_result(chat, call_id, text, text_bytes));
}

/* ------------------------------------------------------------------- read */

moe_status moe_chat_rewind(moe_chat *chat, int32_t n)
{
    MOE__TRY(moe__chat_enter(chat));
    if (n < 0 || n > chat->history.n)
        return moe__chat_leave(chat, moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                                               "n: expected 0 to %d, found %d",
                                               chat->history.n, n));
    moe__history_remove(&chat->history, n, chat->history.n - n);
    chat->state = MOE__CHAT_IDLE;
    return moe__chat_leave(chat, MOE_OK);
}

/* NULL without memory. */
static const char *shown_text(moe_chat *chat, struct moe__slice text)
{
    return moe__arena_string(&chat->shown, (const char *)text.data, text.n);
}

static moe_status message_show(moe_chat *chat, const struct moe__message *kept,
                               moe_message *out)
{
    moe_call *calls =
        moe__arena_alloc(&chat->shown, (size_t)kept->n_calls, sizeof *calls);
    bool is_whole = calls != NULL;
    for (int32_t i = 0; is_whole && i < kept->n_calls; i++) {
        calls[i].id = shown_text(chat, kept->calls[i].id);
        calls[i].name = shown_text(chat, kept->calls[i].name);
        calls[i].arguments = shown_text(chat, kept->calls[i].arguments.n > 0
                                                  ? kept->calls[i].arguments
                                                  : moe__slice_str("{}"));
        is_whole = calls[i].id && calls[i].name && calls[i].arguments;
    }
    *out = (moe_message){
        .role = (moe_role)kept->role + MOE_ROLE_SYSTEM,
        .n_calls = kept->n_calls,
        .text = (const char *)kept->content.data,
        .text_bytes = kept->content.n,
        .reasoning = (const char *)kept->reasoning.data,
        .reasoning_bytes = kept->reasoning.n,
        .calls = calls,
        .name = shown_text(chat, kept->name),
        .call_id = shown_text(chat, kept->call_id),
    };
    return is_whole && out->name != NULL && out->call_id != NULL
               ? MOE_OK
               : moe__fail(&chat->err, MOE_ERR_NO_MEMORY,
                           "no memory for the calls of a message");
}

moe_status moe_chat_message(moe_chat *chat, int32_t index, moe_message *message)
{
    moe_message found;
    MOE__TRY(moe__chat_enter(chat));
    moe_status status = MOE_OK;
    if (index < 0 || index >= chat->history.n)
        status = moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                           "index: expected 0 to %d, found %d",
                           chat->history.n - 1, index);
    moe__arena_free(&chat->shown);
    if (status == MOE_OK)
        status = message_show(chat, &chat->history.messages[index], &found);
    if (status == MOE_OK)
        status = moe__info_fill(message, &found, sizeof found);
    return moe__chat_leave(chat, status);
}
