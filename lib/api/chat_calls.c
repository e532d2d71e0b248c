/* chat_calls.c: the calls of an answer, and results that come early. */
#include "api/chat.h"

/* A text with a NUL behind it. */
static void text_keep(struct moe__text *kept, struct moe__slice text)
{
    moe__text_reset(kept);
    moe__text_add(kept, text);
    moe__text_byte(kept, 0);
}

static bool calls_grow(struct moe__answer *answer)
{
    const size_t n = (size_t)answer->n_calls;
    if (answer->n_calls < answer->cap_calls)
        return true;
    const int32_t cap = 2 * answer->cap_calls + 8;
    struct moe__call *calls =
        moe__arena_alloc(&answer->arena, (size_t)cap, sizeof *calls);
    struct moe__slice *results =
        moe__arena_alloc(&answer->arena, (size_t)cap, sizeof *results);
    if (calls == NULL || results == NULL)
        return false;
    if (n > 0) {
        memcpy(calls, answer->calls, n * sizeof *calls);
        memcpy(results, answer->results, n * sizeof *results);
    }
    answer->calls = calls;
    answer->results = results;
    answer->cap_calls = cap;
    return true;
}

static moe_status slice_keep(struct moe__answer *answer,
                             const struct moe__text *text,
                             struct moe__slice *out)
{
    const char *kept = moe__arena_string(&answer->arena, text->data, text->n);
    *out = moe__slice_of(kept, text->n);
    return kept != NULL && text->status == MOE_OK ? MOE_OK : MOE_ERR_NO_MEMORY;
}

static bool calls_have_id(const struct moe__call *calls, int32_t n,
                          struct moe__slice id)
{
    for (int32_t i = 0; i < n; i++)
        if (moe__slice_equal(calls[i].id, id))
            return true;
    return false;
}

static bool id_is_taken(const moe_chat *chat, struct moe__slice id)
{
    const struct moe__answer *answer = &chat->answer;
    bool is_taken = calls_have_id(answer->calls, answer->n_calls, id);
    for (int32_t i = 0; i < chat->history.n && !is_taken; i++)
        is_taken = calls_have_id(chat->history.messages[i].calls,
                                 chat->history.messages[i].n_calls, id);
    return is_taken;
}

/* An id for a call that has none, or one that another call has: of its own in
 * the conversation, and short enough for Mistral's. */
static void call_make_id(moe_chat *chat, struct moe__text *id)
{
    enum { N_DIGITS = 5 };
    int32_t number = chat->answer.n_calls;
    for (int32_t i = 0; i < chat->history.n; i++)
        number += chat->history.messages[i].n_calls;
    do {
        char digits[16];
        const size_t n = moe__format(digits, sizeof digits, "%d", number++);
        moe__text_reset(id);
        moe__text_puts(id, "call");
        for (size_t i = n; i < N_DIGITS; i++)
            moe__text_byte(id, '0');
        moe__text_puts(id, digits);
    } while (id->status == MOE_OK && id_is_taken(chat, moe__text_slice(id)));
}

static moe_status call_keep(moe_chat *chat, struct moe__slice id)
{
    struct moe__answer *answer = &chat->answer;
    struct moe__call *call;
    moe__text_reset(&answer->id);
    moe__text_add(&answer->id, id);
    if (id.n == 0 || id_is_taken(chat, id))
        call_make_id(chat, &answer->id);
    moe__text_cut(&answer->name, answer->name.n - 1); /* its NUL */
    if (!calls_grow(answer))
        return MOE_ERR_NO_MEMORY;
    call = &answer->calls[answer->n_calls];
    MOE__TRY(slice_keep(answer, &answer->id, &call->id));
    MOE__TRY(slice_keep(answer, &answer->name, &call->name));
    MOE__TRY(slice_keep(answer, &answer->arguments, &call->arguments));
    answer->n_calls++;
    moe__text_byte(&answer->name, 0);
    moe__text_byte(&answer->id, 0);
    return answer->name.status == MOE_OK ? answer->id.status
                                         : answer->name.status;
}

moe_status moe__chat_tell_call(moe_chat *chat,
                               const struct moe__call_event *from,
                               moe_event *event)
{
    static const moe_event_kind kinds[] = {
        [MOE__CALL_TEXT] = MOE_EVENT_TEXT,
        [MOE__CALL_BEGIN] = MOE_EVENT_CALL,
        [MOE__CALL_ARGUMENTS] = MOE_EVENT_ARGUMENTS,
        [MOE__CALL_END] = MOE_EVENT_CALL_END,
        [MOE__CALL_MALFORMED] = MOE_EVENT_MALFORMED,
    };
    struct moe__answer *answer = &chat->answer;
    struct moe__slice text = from->text;
    moe_status status = MOE_OK;
    event->kind = kinds[from->kind];
    event->call_index = answer->n_calls;
    if (from->kind == MOE__CALL_TEXT || from->kind == MOE__CALL_MALFORMED) {
        moe__text_add(&answer->text, text);
        status = answer->text.status;
    } else if (from->kind == MOE__CALL_BEGIN) {
        moe__text_reset(&answer->arguments);
        text_keep(&answer->name, from->name);
        status = answer->name.status;
    } else if (from->kind == MOE__CALL_ARGUMENTS) {
        moe__text_add(&answer->arguments, text);
        status = answer->arguments.status;
    } else {
        status = call_keep(chat, from->id);
        if (status == MOE_OK) /* an arena's text has a NUL */
            text = answer->calls[answer->n_calls - 1].arguments;
        event->call_id = answer->id.data;
    }
    if (from->kind != MOE__CALL_TEXT && from->kind != MOE__CALL_MALFORMED)
        event->call_name = answer->name.data;
    event->text =
        from->kind == MOE__CALL_BEGIN ? NULL : (const char *)text.data;
    event->text_bytes = from->kind == MOE__CALL_BEGIN ? 0 : text.n;
    return status == MOE_OK
               ? status
               : moe__fail(&chat->err, status, "no memory for the answer");
}

moe_status moe__chat_keep_results(moe_chat *chat)
{
    const struct moe__answer *answer = &chat->answer;
    for (int32_t i = 0; i < answer->n_calls; i++) {
        const struct moe__message result = {
            .role = MOE__ROLE_TOOL,
            .content = answer->results[i],
            .name = answer->calls[i].name,
            .call_id = answer->calls[i].id,
        };
        if (result.content.data != NULL)
            MOE__TRY(moe__chat_append(chat, &result));
    }
    return MOE_OK;
}
