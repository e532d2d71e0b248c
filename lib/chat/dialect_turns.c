/* dialect_turns.c: the interpreter of the rows in dialect_turns_tables.c.
 *
 * Assumes a conversation that the check has let pass: roles in an order that
 * the format allows, every result behind its call. */
#include "chat/dialect_turns.h"
#include "base/utf8.h"

/* ------------------------------------------------------------------ trim */

/* White space as Python's str.strip takes it. */
static bool turns_is_space(uint32_t code)
{
    return (code >= 9 && code <= 13) || (code >= 28 && code <= 32) ||
           code == 0x85 || code == 0xa0 || code == 0x1680 ||
           (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
           code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

static struct moe__slice turns_trim_left(struct moe__slice text)
{
    uint32_t code;
    while (text.n > 0) {
        const int32_t n = moe__utf8_decode(text, &code);
        if (n < 0 || !turns_is_space(code))
            break;
        text = moe__slice_of(text.data + n, text.n - (size_t)n);
    }
    return text;
}

static struct moe__slice turns_trim_right(struct moe__slice text)
{
    while (text.n > 0) {
        size_t n = 1; /* of the last character */
        while (n < text.n && n < 4 && (text.data[text.n - n] & 0xc0) == 0x80)
            n++;
        uint32_t code;
        const struct moe__slice last = moe__slice_of(text.data + text.n - n, n);
        if (moe__utf8_decode(last, &code) != (int32_t)n ||
            !turns_is_space(code))
            break;
        text.n -= n;
    }
    return text;
}

static struct moe__slice turns_trim_newlines(struct moe__slice text,
                                             bool is_left_only)
{
    while (text.n > 0 && text.data[0] == '\n')
        text = moe__slice_of(text.data + 1, text.n - 1);
    while (!is_left_only && text.n > 0 && text.data[text.n - 1] == '\n')
        text.n--;
    return text;
}

/* What a message says, as the row wants it. */
static struct moe__slice turns_content(const struct moe__turns *row,
                                       const struct moe__message *message)
{
    if ((row->trims >> message->role & 1) == 0)
        return message->content;
    return turns_trim_right(turns_trim_left(message->content));
}

/* ----------------------------------------------------------------- tools */

static bool turns_has_tools(const struct moe__job *job)
{
    const struct moe__json *tools = job->conversation->tools;
    return tools != NULL && tools->n > 0;
}

static bool turns_declares(const struct moe__job *job,
                           enum moe__declare_place place)
{
    const struct moe__tool_form *form = job->dialect->turns->tools;
    return turns_has_tools(job) && form->place == place;
}

static void turns_declare(struct moe__job *job)
{
    const struct moe__json *tools = job->conversation->tools;
    const struct moe__tool_form *form = job->dialect->turns->tools;
    const struct moe__json_style style = {.indent = form->indent,
                                          .comma =
                                              form->indent < 0 ? ", " : ",",
                                          .colon = ": "};
    moe__job_form(job, form->declare.before);
    for (int32_t i = 0; i < tools->n; i++) {
        moe__job_form(job, i == 0 ? NULL : form->declare_gap);
        moe__job_form(job, form->declared.before);
        moe__job_json(job, &tools->items[i], &style);
        moe__job_form(job, form->declared.after);
    }
    moe__job_form(job, form->declare.after);
}

static moe_status turns_calls(struct moe__job *job,
                              const struct moe__message *message)
{
    const struct moe__tool_form *form = job->dialect->turns->tools;
    if (message->n_calls == 0)
        return MOE_OK;
    if (form->has_gap_after_text && message->content.n > 0)
        moe__job_form(job, form->call_gap);
    moe__job_form(job, form->calls.before);
    for (int32_t i = 0; i < message->n_calls; i++) {
        const struct moe__call *call = &message->calls[i];
        moe__job_form(job, i == 0 ? NULL : form->call_gap);
        moe__job_form(job, form->call.before);
        moe__job_data(job, call->name);
        moe__job_form(job, form->call_middle);
        MOE__TRY(moe__job_arguments(job, call));
        moe__job_form(job, form->call.after);
    }
    moe__job_form(job, form->calls.after);
    return MOE_OK;
}

static bool turns_is_tool(const struct moe__conversation *conversation,
                          int32_t at)
{
    return at >= 0 && at < conversation->n_messages &&
           conversation->messages[at].role == MOE__ROLE_TOOL;
}

static void turns_result(struct moe__job *job, int32_t at)
{
    const struct moe__conversation *conversation = job->conversation;
    const struct moe__message *message = &conversation->messages[at];
    const struct moe__tool_form *form = job->dialect->turns->tools;
    if (!turns_is_tool(conversation, at - 1))
        moe__job_form(job, form->results.before);
    moe__job_form(job, form->result.before);
    if (form->has_json_results) {
        moe__json_write_string(&job->scratch, message->content, false);
        moe__job_scratch(job);
    } else {
        moe__job_data(job, message->content);
    }
    moe__job_form(job, form->result.after);
    if (!turns_is_tool(conversation, at + 1))
        moe__job_form(job, form->results.after);
}

/* ----------------------------------------------------------------- turns */

/* The words of the system at the start; NULL: none. */
static const struct moe__message *
turns_system(const struct moe__conversation *conversation)
{
    const struct moe__message *first = &conversation->messages[0];
    return first->role == MOE__ROLE_SYSTEM ? first : NULL;
}

/* The system's turn at the start, with the tools if they are declared there. */
static void turns_write_system(struct moe__job *job)
{
    const struct moe__turns *row = job->dialect->turns;
    const struct moe__message *system = turns_system(job->conversation);
    const bool has_tools = turns_declares(job, MOE__DECLARE_SYSTEM);
    bool has_words = row->default_system != NULL && *row->default_system != 0;
    if (system == NULL && row->default_system == NULL && !has_tools)
        return;
    moe__job_form(job, row->system.before);
    moe__job_form(job, turns_has_tools(job) ? row->tools->system_note : NULL);
    moe__job_form(job, row->facts);
    if (system != NULL) {
        const struct moe__slice words = turns_content(row, system);
        has_words = words.n > 0;
        moe__job_data(job, words);
    } else {
        moe__job_form(job, row->default_system);
    }
    if (has_tools) {
        moe__job_form(job, has_words ? "\n\n" : NULL);
        turns_declare(job);
    }
    moe__job_form(job, row->system.after);
}

static void turns_write_user(struct moe__job *job, int32_t at, bool is_first)
{
    const struct moe__turns *row = job->dialect->turns;
    const struct moe__message *message = &job->conversation->messages[at];
    const struct moe__message *system = is_first && row->has_system_inside
                                            ? turns_system(job->conversation)
                                            : NULL;
    struct moe__slice words = turns_content(row, message);
    moe__job_form(job, row->user.before);
    if (system != NULL) {
        moe__job_form(job, row->system.before);
        moe__job_data(job, turns_content(row, system));
        moe__job_form(job, row->system.after);
    }
    if (system != NULL && row->keeps_left)
        words = turns_trim_right(message->content);
    if (is_first && turns_declares(job, MOE__DECLARE_USER))
        turns_declare(job);
    moe__job_data(job, words);
    moe__job_form(job, row->user.after);
}

/* Reasoning since the last words of the user, and an empty block before the
 * last answer. */
static void turns_write_reasoning(struct moe__job *job, int32_t at)
{
    const struct moe__conversation *conversation = job->conversation;
    const struct moe__message *message = &conversation->messages[at];
    moe__job_form(job, "<think>\n");
    moe__job_data(job, turns_trim_newlines(message->reasoning, false));
    moe__job_form(job, "\n</think>\n\n");
    moe__job_data(job, turns_trim_newlines(message->content, true));
}

static moe_status turns_write_assistant(struct moe__job *job, int32_t at,
                                        bool is_after_user)
{
    const struct moe__turns *row = job->dialect->turns;
    const struct moe__conversation *conversation = job->conversation;
    const struct moe__message *message = &conversation->messages[at];
    const bool is_last = at == conversation->n_messages - 1;
    if (!row->is_open_after_tool || !turns_is_tool(conversation, at - 1))
        moe__job_form(job, row->assistant.before);
    if (row->has_think_block && is_after_user &&
        (is_last || message->reasoning.n > 0))
        turns_write_reasoning(job, at);
    else
        moe__job_data(job, turns_content(row, message));
    MOE__TRY(turns_calls(job, message));
    if (is_last && conversation->is_continued)
        return MOE_OK;
    moe__job_form(job, row->assistant.after);
    moe__job_form(job, is_last ? NULL : row->between);
    return MOE_OK;
}

/* {"enable_thinking": false} among the variables. */
static bool turns_has_no_thinking(const struct moe__conversation *conversation)
{
    const struct moe__json *value =
        moe__json_get(conversation->variables, "enable_thinking");
    return value != NULL && value->kind == MOE__JSON_FALSE;
}

static void turns_write_end(struct moe__job *job)
{
    const struct moe__turns *row = job->dialect->turns;
    const struct moe__conversation *conversation = job->conversation;
    if (conversation->is_continued)
        return;
    if (!conversation->asks_for_answer) {
        moe__job_form(job, row->close);
        return;
    }
    if (row->is_open_after_tool &&
        turns_is_tool(conversation, conversation->n_messages - 1))
        return;
    moe__job_form(job, row->ask);
    if (turns_has_no_thinking(conversation))
        moe__job_form(job, row->no_think);
}

moe_status moe__turns_write(struct moe__job *job)
{
    const struct moe__turns *row = job->dialect->turns;
    const struct moe__conversation *conversation = job->conversation;
    const int32_t n = conversation->n_messages;
    int32_t n_users = 0, last_user = -1;
    if (row->write != NULL)
        return row->write(job);
    for (int32_t i = 0; i < n; i++)
        if (conversation->messages[i].role == MOE__ROLE_USER)
            last_user = i;
    moe__job_form(job, row->begin);
    if (turns_declares(job, MOE__DECLARE_FIRST))
        turns_declare(job);
    if (!row->has_system_inside)
        turns_write_system(job);
    for (int32_t i = turns_system(conversation) != NULL; i < n; i++) {
        const struct moe__message *message = &conversation->messages[i];
        if (message->role == MOE__ROLE_USER) {
            turns_write_user(job, i, n_users++ == 0);
        } else if (message->role == MOE__ROLE_ASSISTANT) {
            MOE__TRY(turns_write_assistant(job, i, i > last_user));
        } else if (message->role == MOE__ROLE_TOOL) {
            turns_result(job, i);
        } else {
            moe__job_form(job, row->system.before);
            moe__job_data(job, turns_content(row, message));
            moe__job_form(job, row->system.after);
        }
    }
    turns_write_end(job);
    return MOE_OK;
}
