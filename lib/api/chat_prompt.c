/* chat_prompt.c: from messages to tokens, and what of them is known. */
#include "api/chat.h"

/* ---------------------------------------------------------------- prompt */

static moe_status chat_encode(moe_chat *chat)
{
    const struct moe__conversation conversation = {
        .messages = chat->history.messages,
        .n_messages = chat->history.n,
        .asks_for_answer = true,
        .tools =
            chat->tools.choice == MOE__TOOLS_NONE ? NULL : chat->tools.list,
        .date = moe__slice_of(chat->date, chat->n_date),
    };
    chat->ids.n = 0;
    moe__prompt_free(&chat->prompt);
    moe__prompt_init(&chat->prompt, &chat->mem, MOE__FORM_PROMPT_BYTES);
    MOE__TRY(moe__form_render(&chat->form, &conversation, chat->model->vocab,
                              &chat->prompt, &chat->err));
    return moe__prompt_encode(&chat->prompt, chat->model->vocab, &chat->ids,
                              &chat->err);
}

static size_t message_bytes_of(const struct moe__message *message)
{
    size_t n = message->content.n + message->reasoning.n;
    for (int32_t i = 0; i < message->n_calls; i++)
        n += message->calls[i].name.n + message->calls[i].arguments.n;
    return n + 16; /* and what the form has around it */
}

/* Where the turn after the one at `from` begins; history->n: there is none. */
static int32_t next_turn(const struct moe__history *history, int32_t from)
{
    int32_t next = from + 1;
    while (next < history->n && history->messages[next].role != MOE__ROLE_USER)
        next++;
    return next;
}

/* Removes the oldest turns: from the first message that is not of the system up
 * to a later question, about so much of the text as is too much, but at least
 * one.  False if only the last one is left. */
static bool chat_drop_turns(moe_chat *chat, size_t n_ctx)
{
    const struct moe__history *history = &chat->history;
    size_t all = 0, dropped = 0;
    int32_t first = 0;
    while (first < history->n &&
           history->messages[first].role == MOE__ROLE_SYSTEM)
        first++;
    for (int32_t i = first; i < history->n; i++)
        all += message_bytes_of(&history->messages[i]);
    const double excess =
        (double)(chat->ids.n - n_ctx + 1) / (double)chat->ids.n;
    int32_t end = first;
    for (int32_t next = next_turn(history, first); next < history->n;
         next = next_turn(history, next)) {
        for (int32_t i = end; i < next; i++)
            dropped += message_bytes_of(&history->messages[i]);
        if (end > first && (double)dropped > 0.9 * excess * (double)all)
            break; /* the rest by looking again */
        end = next;
    }
    if (end == first)
        return false;
    chat->n_dropped += end - first;
    moe__history_remove(&chat->history, first, end - first);
    return true;
}

moe_status moe__chat_make_prompt(moe_chat *chat)
{
    const int32_t n_ctx = chat->w.ctx->engine.params.n_ctx;
    if (chat->history.n == 0)
        return moe__fail(&chat->err, MOE_ERR_STATE,
                         "there is no message to answer");
    MOE__TRY(chat_encode(chat));
    while (chat->ids.n >= (size_t)n_ctx) {
        if (chat->overflow != MOE_OVERFLOW_DROP ||
            !chat_drop_turns(chat, (size_t)n_ctx))
            return moe__fail(&chat->err, MOE_ERR_CONTEXT_FULL,
                             "the conversation needs %zu positions and one "
                             "for an answer, there are %d",
                             chat->ids.n, n_ctx);
        MOE__TRY(chat_encode(chat));
    }
    return chat->ids.n > 0 ? MOE_OK
                           : moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                                       "the conversation has no tokens");
}

/* The last token is evaluated in any case: its logits are needed. */
moe_status moe__chat_reuse(moe_chat *chat)
{
    size_t n = 0;
    while (n < chat->known.n && n + 1 < chat->ids.n &&
           chat->known.ids[n] == chat->ids.ids[n])
        n++;
    moe_status status = moe_context_rewind(chat->w.ctx, (int32_t)n);
    if (status == MOE_ERR_STATE) { /* the rings hold no more of it */
        n = 0;
        status = moe_context_rewind(chat->w.ctx, 0);
    }
    MOE__TRY(status);
    chat->known.n = n;
    chat->answer.n_reused = (int32_t)n;
    moe_sampler_reset(chat->w.sampler);
    moe__sampler_pause(chat->w.sampler, true);
    for (size_t i = 0; i < n; i++)
        moe_sampler_accept(chat->w.sampler, chat->ids.ids[i]);
    return MOE_OK;
}

/* ---------------------------------------------------------------- render */

/* ids [found->n] to a caller who has room for `cap`. */
static moe_status ids_out(moe_chat *chat, const struct moe__ids *found,
                          moe_token *ids, size_t cap, size_t *n)
{
    if (n == NULL || (ids == NULL && cap > 0))
        return moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                         "n must not be NULL, nor ids if cap is not 0");
    *n = found->n;
    if (found->n > cap)
        return moe__fail(&chat->err, MOE_ERR_BUFFER, "there are %zu ids",
                         found->n);
    if (found->n > 0)
        memcpy(ids, found->ids, found->n * sizeof *ids);
    return MOE_OK;
}

moe_status moe_chat_render(moe_chat *chat, moe_token *ids, size_t cap,
                           size_t *n)
{
    MOE__TRY(moe__chat_enter(chat));
    moe_status status = moe__chat_idle(chat);
    if (status == MOE_OK)
        status = chat_encode(chat);
    if (status == MOE_OK)
        status = ids_out(chat, &chat->ids, ids, cap, n);
    return moe__chat_leave(chat, status);
}

moe_status moe_chat_tokens(moe_chat *chat, moe_token *ids, size_t cap,
                           size_t *n)
{
    MOE__TRY(moe__chat_enter(chat));
    return moe__chat_leave(chat, ids_out(chat, &chat->known, ids, cap, n));
}

/* Parts are the trusted ones and the gaps between them, none empty. */
static moe_status prompt_part(const struct moe__prompt *prompt, int32_t index,
                              moe_part *part)
{
    size_t at = 0;
    for (int32_t i = 0; i <= prompt->n_trusted; i++) {
        const struct moe__trust rest = {prompt->text.n, prompt->text.n};
        const struct moe__trust trusted =
            i < prompt->n_trusted ? prompt->trusted[i] : rest;
        const struct moe__trust both[] = {{at, trusted.begin}, trusted};
        for (int32_t k = 0; k < 2; k++) {
            if (both[k].begin == both[k].end || index-- > 0)
                continue;
            part->text = prompt->text.data + both[k].begin;
            part->text_bytes = both[k].end - both[k].begin;
            part->is_template = k;
            return MOE_OK;
        }
        at = trusted.end;
    }
    return MOE_ERR_NOT_FOUND;
}

moe_status moe_chat_part(moe_chat *chat, int32_t index, moe_part *part)
{
    moe_part found = {.struct_size = sizeof found};
    MOE__TRY(moe__chat_enter(chat));
    moe_status status = moe__chat_idle(chat);
    if (status == MOE_OK && index < 0)
        status = moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                           "index: expected 0 or more, found %d", index);
    if (status == MOE_OK && index == 0)
        status = chat_encode(chat);
    if (status == MOE_OK)
        status = prompt_part(&chat->prompt, index, &found);
    if (status == MOE_OK)
        status = moe__info_fill(part, &found, sizeof found);
    return moe__chat_leave(chat, status);
}
