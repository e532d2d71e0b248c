/* dialect_check.c: is this a conversation that the format can carry?
 *
 * Refuses what the format's reference refuses, before anything is written.
 * Sentences name the message by its index from 0, what was expected and what
 * was found. */
#include "chat/dialect.h"

#define CHECK_ID_BYTES 9
#define CHECK_MOST_CALLS 256 /* ids are compared pair by pair */

/* How many bytes of a caller's text a sentence shows. */
static int check_shown(struct moe__slice text)
{
    return text.n < 40 ? (int)text.n : 40;
}

static bool check_is_alnum(uint8_t byte)
{
    const uint8_t lower = byte | 32;
    return (byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'z');
}

/* Letters, digits and the bytes of `more`, from 1 to max_bytes of them. */
static bool check_is_word(struct moe__slice text, const char *more,
                          size_t max_bytes)
{
    for (size_t i = 0; i < text.n; i++)
        if (!check_is_alnum(text.data[i]) &&
            (text.data[i] == 0 || strchr(more, text.data[i]) == NULL))
            return false;
    return text.n > 0 && text.n <= max_bytes;
}

bool moe__tool_is_name(struct moe__slice text)
{
    return check_is_word(text, "_-", MOE__TOOL_NAME_BYTES);
}

static moe_status check_name(struct moe__slice name, const char *where,
                             int32_t at, struct moe__err *err)
{
    if (moe__tool_is_name(name))
        return MOE_OK;
    return moe__fail(err, MOE_ERR_ARGUMENT,
                     "%s %d: expected a function's name of 1 to %d letters, "
                     "digits, _ or -, found \"%.*s\" (%zu bytes)",
                     where, (int)at, MOE__TOOL_NAME_BYTES, check_shown(name),
                     (const char *)name.data, name.n);
}

static moe_status check_id(const struct moe__chat_rules *rules,
                           struct moe__slice id, int32_t at,
                           struct moe__err *err)
{
    if (!rules->has_short_ids ||
        (id.n == CHECK_ID_BYTES && check_is_word(id, "", CHECK_ID_BYTES)))
        return MOE_OK;
    return moe__fail(err, MOE_ERR_ARGUMENT,
                     "message %d: expected the id of a call, %d letters or "
                     "digits, found \"%.*s\" (%zu bytes)",
                     (int)at, CHECK_ID_BYTES, check_shown(id),
                     (const char *)id.data, id.n);
}

bool moe__dialect_takes_empty(const struct moe__dialect *dialect)
{
    return !dialect->rules->is_never_empty;
}

/* ----------------------------------------------------------------- roles */

/* "user or tool" */
static size_t check_list_roles(uint8_t set, char *out, size_t cap)
{
    size_t n = 0;
    int32_t n_left = 0;
    for (int32_t role = 0; role < MOE__N_ROLES; role++)
        n_left += set >> role & 1;
    for (int32_t role = 0; role < MOE__N_ROLES; role++) {
        if ((set >> role & 1) == 0)
            continue;
        n_left--;
        n += moe__format(out + n, cap - n, "%s%s",
                         moe__role_name((enum moe__role)role),
                         n_left > 1    ? ", "
                         : n_left == 1 ? " or "
                                       : "");
    }
    return n;
}

static moe_status check_role(const struct moe__dialect *dialect,
                             const struct moe__conversation *conversation,
                             int32_t at, struct moe__err *err)
{
    const struct moe__message *message = &conversation->messages[at];
    const struct moe__chat_rules *rules = dialect->rules;
    const uint8_t allowed =
        at == 0 ? rules->first : rules->follows[message[-1].role];
    char list[48];
    if (allowed >> message->role & 1)
        return MOE_OK;
    check_list_roles(allowed, list, sizeof list);
    if (message->role == MOE__ROLE_TOOL && !rules->has_calls)
        return moe__fail(err, MOE_ERR_UNSUPPORTED,
                         "message %d: %s has no form for the results of tools",
                         (int)at, dialect->name);
    if (at == 0)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "message 0: %s expects the role %s first, found %s",
                         dialect->name, list, moe__role_name(message->role));
    return moe__fail(err, MOE_ERR_ARGUMENT,
                     "message %d: after the role %s %s expects %s, found %s",
                     (int)at, moe__role_name(message[-1].role), dialect->name,
                     list, moe__role_name(message->role));
}

static moe_status check_last(const struct moe__conversation *conversation,
                             struct moe__err *err)
{
    const int32_t last = conversation->n_messages - 1;
    const enum moe__role role = conversation->messages[last].role;
    if (conversation->is_continued && role != MOE__ROLE_ASSISTANT)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "message %d: expected one of the assistant, which is "
                         "to be continued, found %s",
                         (int)last, moe__role_name(role));
    if (conversation->asks_for_answer && !conversation->is_continued &&
        role == MOE__ROLE_ASSISTANT)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "message %d: expected the last message to be the "
                         "user's or a tool's as an answer is asked for, found "
                         "assistant",
                         (int)last);
    return MOE_OK;
}

/* ----------------------------------------------------------------- calls */

static moe_status check_arguments(struct moe__mem *mem,
                                  struct moe__slice arguments, int32_t at,
                                  struct moe__err *err)
{
    if (arguments.n == 0)
        return MOE_OK; /* as {} */
    struct moe__arena arena;
    struct moe__err why = {0};
    const struct moe__json *value = NULL;
    moe__arena_init(&arena, mem);
    moe_status status = moe__json_read(&arena, arguments, &value, &why);
    if (status == MOE_ERR_NO_MEMORY)
        moe__fail(err, status, "message %d: no memory for the arguments",
                  (int)at);
    else if (status != MOE_OK)
        status = moe__fail(err, MOE_ERR_ARGUMENT,
                           "message %d: expected a call's arguments to be a "
                           "JSON object: %s",
                           (int)at, why.message);
    else if (value->kind != MOE__JSON_OBJECT)
        status = moe__fail(err, MOE_ERR_ARGUMENT,
                           "message %d: expected a call's arguments to be a "
                           "JSON object, found \"%.*s\"",
                           (int)at, check_shown(arguments),
                           (const char *)arguments.data);
    moe__arena_free(&arena);
    return status;
}

static moe_status check_calls(const struct moe__dialect *dialect,
                              struct moe__mem *mem,
                              const struct moe__message *message, int32_t at,
                              struct moe__err *err)
{
    const struct moe__chat_rules *rules = dialect->rules;
    if (message->n_calls > 0 && !rules->has_calls)
        return moe__fail(err, MOE_ERR_UNSUPPORTED,
                         "message %d: %s has no form for calls of tools",
                         (int)at, dialect->name);
    if (message->n_calls < 0 || message->n_calls > CHECK_MOST_CALLS)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "message %d: expected up to %d calls, found %d",
                         (int)at, CHECK_MOST_CALLS, (int)message->n_calls);
    if (message->n_calls > 1 && rules->has_one_call)
        return moe__fail(err, MOE_ERR_UNSUPPORTED,
                         "message %d: %s has one call in a message, found %d",
                         (int)at, dialect->name, (int)message->n_calls);
    if (message->n_calls > 0 && message->content.n > 0 && rules->is_call_alone)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "message %d: %s expects text or calls, found both",
                         (int)at, dialect->name);
    if (message->n_calls == 0 && message->content.n == 0 &&
        rules->is_never_empty &&
        (message->reasoning.n == 0 || dialect->traits.think_begin == NULL))
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "message %d: %s expects text or calls of the "
                         "assistant, found neither",
                         (int)at, dialect->name);
    for (int32_t i = 0; i < message->n_calls; i++) {
        const struct moe__call *call = &message->calls[i];
        MOE__TRY(check_name(call->name, "message", at, err));
        MOE__TRY(check_id(rules, call->id, at, err));
        MOE__TRY(check_arguments(mem, call->arguments, at, err));
        for (int32_t j = 0; j < i && rules->has_distinct_ids; j++)
            if (moe__slice_equal(call->id, message->calls[j].id))
                return moe__fail(err, MOE_ERR_ARGUMENT,
                                 "message %d: expected calls with ids of their "
                                 "own, found \"%.*s\" twice",
                                 (int)at, check_shown(call->id),
                                 (const char *)call->id.data);
    }
    return MOE_OK;
}

/* Calls that wait for their results. */
struct check_open {
    int32_t at;        /* the message that made them, -1: none */
    int32_t n_calls;   /* of it */
    int32_t n_results; /* found so far */
};

static moe_status check_closed(const struct check_open *open,
                               struct moe__err *err)
{
    if (open->n_results >= open->n_calls)
        return MOE_OK;
    return moe__fail(err, MOE_ERR_ARGUMENT,
                     "message %d: expected %d results of its calls, found %d",
                     (int)open->at, (int)open->n_calls, (int)open->n_results);
}

static moe_status check_result_id(const struct moe__conversation *conversation,
                                  const struct check_open *open, int32_t at,
                                  struct moe__err *err)
{
    const struct moe__slice id = conversation->messages[at].call_id;
    const struct moe__message *caller = &conversation->messages[open->at];
    bool is_found = false;
    for (int32_t i = 0; i < caller->n_calls; i++)
        is_found = is_found || moe__slice_equal(id, caller->calls[i].id);
    if (!is_found)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "message %d: expected the id of a call of message "
                         "%d, found \"%.*s\"",
                         (int)at, (int)open->at, check_shown(id),
                         (const char *)id.data);
    for (int32_t i = open->at + 1; i < at; i++)
        if (conversation->messages[i].role == MOE__ROLE_TOOL &&
            moe__slice_equal(id, conversation->messages[i].call_id))
            return moe__fail(err, MOE_ERR_ARGUMENT,
                             "message %d: expected one result of the call "
                             "\"%.*s\", found another in message %d",
                             (int)at, check_shown(id), (const char *)id.data,
                             (int)i);
    return MOE_OK;
}

static moe_status check_result(const struct moe__dialect *dialect,
                               const struct moe__conversation *conversation,
                               struct check_open *open, int32_t at,
                               struct moe__err *err)
{
    const struct moe__message *message = &conversation->messages[at];
    if (open->n_results >= open->n_calls)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "message %d: expected a call before the result of a "
                         "tool, found %d calls and %d results before it",
                         (int)at, (int)open->n_calls, (int)open->n_results);
    if (message->name.n > 0)
        MOE__TRY(check_name(message->name, "message", at, err));
    MOE__TRY(check_id(dialect->rules, message->call_id, at, err));
    if (dialect->rules->has_distinct_ids)
        MOE__TRY(check_result_id(conversation, open, at, err));
    open->n_results++;
    return MOE_OK;
}

static moe_status check_tools(const struct moe__dialect *dialect,
                              const struct moe__json *tools,
                              struct moe__err *err)
{
    if (tools == NULL || (tools->kind == MOE__JSON_ARRAY && tools->n == 0))
        return MOE_OK;
    if (!dialect->traits.has_tools)
        return moe__fail(err, MOE_ERR_UNSUPPORTED,
                         "tools: %s has no form to declare tools",
                         dialect->name);
    if (tools->kind != MOE__JSON_ARRAY)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "tools: expected an array of tools");
    for (int32_t i = 0; i < tools->n; i++) {
        const struct moe__json *name =
            moe__json_get(moe__json_get(&tools->items[i], "function"), "name");
        if (name == NULL || name->kind != MOE__JSON_STRING)
            return moe__fail(err, MOE_ERR_ARGUMENT,
                             "tool %d: expected {\"type\": \"function\", "
                             "\"function\": {\"name\" ...}}",
                             (int)i);
        MOE__TRY(check_name(name->text, "tool", i, err));
    }
    return MOE_OK;
}

moe_status moe__chat_check(const struct moe__dialect *dialect,
                           struct moe__mem *mem,
                           const struct moe__conversation *conversation,
                           struct moe__err *err)
{
    struct check_open open = {.at = -1};
    if (conversation->n_messages <= 0)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "expected at least one message, found none");
    MOE__TRY(check_tools(dialect, conversation->tools, err));
    for (int32_t i = 0; i < conversation->n_messages; i++) {
        const struct moe__message *message = &conversation->messages[i];
        if ((uint32_t)message->role >= MOE__N_ROLES)
            return moe__fail(err, MOE_ERR_ARGUMENT,
                             "message %d: expected a role below %d, found %u",
                             (int)i, MOE__N_ROLES, (unsigned)message->role);
        MOE__TRY(check_role(dialect, conversation, i, err));
        if (message->role == MOE__ROLE_TOOL)
            MOE__TRY(check_result(dialect, conversation, &open, i, err));
        if (message->role != MOE__ROLE_ASSISTANT)
            continue;
        MOE__TRY(check_closed(&open, err));
        MOE__TRY(check_calls(dialect, mem, message, i, err));
        open = (struct check_open){i, message->n_calls, 0};
    }
    if (conversation->asks_for_answer && !conversation->is_continued)
        MOE__TRY(check_closed(&open, err));
    return check_last(conversation, err);
}
