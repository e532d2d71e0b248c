/* chat_json.c: a conversation as JSON, in the shape of OpenAI's messages. */
#include "api/chat.h"

/* ------------------------------------------------------------------- load */

/* One message on its way into the history. */
struct loading {
    moe_chat *chat;
    struct moe__arena arena;
    char where[64]; /* messages[3].tool_calls[0].function */
};

static moe_status load_fail(struct loading *l, const char *member,
                            const char *expected, const struct moe__json *found)
{
    return moe__fail(&l->chat->err, MOE_ERR_ARGUMENT,
                     "%s%s: expected %s, found %s", l->where, member, expected,
                     moe__json_kind_name(found));
}

/* A string, or nothing: absent or null. */
static moe_status load_string(struct loading *l, const struct moe__json *object,
                              const char *key, struct moe__slice *out)
{
    char member[40];
    const struct moe__json *value = moe__json_get(object, key);
    *out = moe__slice_of("", 0);
    if (value == NULL || value->kind == MOE__JSON_NULL)
        return MOE_OK;
    if (value->kind == MOE__JSON_STRING) {
        *out = value->text;
        return MOE_OK;
    }
    moe__format(member, sizeof member, ".%s", key);
    return load_fail(l, member, "a string", value);
}

static moe_status load_role(struct loading *l, const struct moe__json *object,
                            enum moe__role *out)
{
    struct moe__slice role;
    MOE__TRY(load_string(l, object, "role", &role));
    for (int32_t i = 0; i < MOE__N_ROLES; i++)
        if (moe__slice_is(role, moe__role_name((enum moe__role)i))) {
            *out = (enum moe__role)i;
            return MOE_OK;
        }
    *out = MOE__ROLE_SYSTEM;
    if (moe__slice_is(role, "developer"))
        return MOE_OK;
    return moe__fail(&l->chat->err, MOE_ERR_ARGUMENT,
                     "%s.role: expected system, developer, user, assistant or "
                     "tool, found '%.*s'",
                     l->where, (int)(role.n < 40 ? role.n : 40),
                     (const char *)role.data);
}

/* A string, or parts that are texts. */
static moe_status load_content(struct loading *l,
                               const struct moe__json *object,
                               struct moe__slice *out)
{
    const struct moe__json *content = moe__json_get(object, "content");
    if (content == NULL || content->kind != MOE__JSON_ARRAY)
        return load_string(l, object, "content", out);
    struct moe__text text;
    moe__text_init(&text, l->arena.mem, 0);
    bool is_text = true;
    int32_t i = 0;
    for (; i < content->n && is_text; i++) {
        const struct moe__json *part =
            moe__json_get(&content->items[i], "text");
        is_text = part != NULL && part->kind == MOE__JSON_STRING;
        if (is_text)
            moe__text_add(&text, part->text);
    }
    const char *kept = moe__arena_string(&l->arena, text.data, text.n);
    *out = moe__slice_of(kept, text.n);
    const bool is_whole = text.status == MOE_OK && kept != NULL;
    moe__text_free(&text);
    if (!is_text)
        return moe__fail(&l->chat->err, MOE_ERR_ARGUMENT,
                         "%s.content[%d]: expected {\"type\": \"text\", "
                         "\"text\": ...}",
                         l->where, i - 1);
    return is_whole ? MOE_OK
                    : moe__fail(&l->chat->err, MOE_ERR_NO_MEMORY,
                                "no memory for a message");
}

/* Arguments are a text that is JSON, or that JSON itself. */
static moe_status load_arguments(struct loading *l,
                                 const struct moe__json *function,
                                 struct moe__slice *out)
{
    struct moe__text text;
    const struct moe__json *value = moe__json_get(function, "arguments");
    if (value == NULL || value->kind != MOE__JSON_OBJECT)
        return load_string(l, function, "arguments", out);
    moe__text_init(&text, l->arena.mem, 0);
    moe__json_write(&text, value, &moe__json_spaced);
    const char *kept = moe__arena_string(&l->arena, text.data, text.n);
    *out = moe__slice_of(kept, text.n);
    const bool is_whole = text.status == MOE_OK && kept != NULL;
    moe__text_free(&text);
    return is_whole ? MOE_OK
                    : moe__fail(&l->chat->err, MOE_ERR_NO_MEMORY,
                                "no memory for a message");
}

static moe_status load_call(struct loading *l, const struct moe__json *object,
                            struct moe__call *call)
{
    const size_t n_where = strlen(l->where);
    const struct moe__json *function = moe__json_get(object, "function");
    if (function == NULL || function->kind != MOE__JSON_OBJECT)
        return load_fail(l, ".function", "an object", function);
    MOE__TRY(load_string(l, object, "id", &call->id));
    moe__format(l->where + n_where, sizeof l->where - n_where, ".function");
    MOE__TRY(load_string(l, function, "name", &call->name));
    MOE__TRY(load_arguments(l, function, &call->arguments));
    return moe__chat_check_call(l->chat, call, l->where);
}

static moe_status load_calls(struct loading *l, const struct moe__json *object,
                             struct moe__message *message)
{
    const struct moe__json *list = moe__json_get(object, "tool_calls");
    if (list == NULL || list->kind == MOE__JSON_NULL)
        return MOE_OK;
    if (list->kind != MOE__JSON_ARRAY)
        return load_fail(l, ".tool_calls", "an array", list);
    struct moe__call *calls =
        moe__arena_alloc(&l->arena, (size_t)list->n, sizeof *calls);
    if (calls == NULL)
        return moe__fail(&l->chat->err, MOE_ERR_NO_MEMORY,
                         "no memory for %d calls", list->n);
    const size_t n_where = strlen(l->where);
    for (int32_t i = 0; i < list->n; i++) {
        moe__format(l->where + n_where, sizeof l->where - n_where,
                    ".tool_calls[%d]", i);
        MOE__TRY(load_call(l, &list->items[i], &calls[i]));
    }
    message->calls = calls;
    message->n_calls = list->n;
    return MOE_OK;
}

static moe_status load_message(struct loading *l,
                               const struct moe__json *object)
{
    struct moe__message message = {0};
    if (object->kind != MOE__JSON_OBJECT)
        return load_fail(l, "", "an object", object);
    MOE__TRY(load_role(l, object, &message.role));
    MOE__TRY(load_content(l, object, &message.content));
    MOE__TRY(load_string(l, object, "reasoning_content", &message.reasoning));
    MOE__TRY(load_string(l, object, "name", &message.name));
    MOE__TRY(load_string(l, object, "tool_call_id", &message.call_id));
    MOE__TRY(load_calls(l, object, &message));
    return moe__chat_append(l->chat, &message);
}

/* An array of messages, or {"messages": [...], "tools": [...]}. */
static moe_status load_json(struct loading *l, struct moe__slice text)
{
    const struct moe__json *json;
    MOE__TRY(moe__json_read(&l->arena, text, &json, &l->chat->err));
    const struct moe__json *messages =
        json->kind == MOE__JSON_OBJECT ? moe__json_get(json, "messages") : json;
    const struct moe__json *tools = moe__json_get(json, "tools");
    if (messages == NULL || messages->kind != MOE__JSON_ARRAY)
        return moe__fail(&l->chat->err, MOE_ERR_ARGUMENT,
                         "messages: expected an array, found %s",
                         moe__json_kind_name(messages));
    for (int32_t i = 0; i < messages->n; i++) {
        moe__format(l->where, sizeof l->where, "messages[%d]", i);
        MOE__TRY(load_message(l, &messages->items[i]));
    }
    return tools == NULL || tools->kind == MOE__JSON_NULL
               ? MOE_OK
               : moe__tools_set(l->chat, tools, moe__slice_of("", 0));
}

static moe_status chat_load(moe_chat *chat, const char *json,
                            int64_t json_bytes)
{
    struct loading l = {.chat = chat};
    const int32_t n = chat->history.n;
    const int32_t n_marks = chat->n_marks, n_controls = chat->n_controls;
    MOE__TRY(moe__chat_idle(chat));
    if (json == NULL || json_bytes < -1)
        return moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                         "json must not be NULL, and json_bytes -1 or more");
    moe__arena_init(&l.arena, &chat->mem);
    const moe_status status =
        load_json(&l, json_bytes < 0 ? moe__slice_str(json)
                                     : moe__slice_of(json, (size_t)json_bytes));
    moe__arena_free(&l.arena);
    if (status != MOE_OK) {
        moe__history_remove(&chat->history, n, chat->history.n - n);
        chat->n_marks = n_marks;
        chat->n_controls = n_controls;
    }
    return status;
}

moe_status moe_chat_load(moe_chat *chat, const char *json, int64_t json_bytes)
{
    MOE__TRY(moe__chat_enter(chat));
    return moe__chat_leave(chat, chat_load(chat, json, json_bytes));
}

/* ------------------------------------------------------------------- save */

static void save_member(struct moe__text *out, const char *key,
                        struct moe__slice value, bool is_needed)
{
    if (value.n == 0 && !is_needed)
        return;
    moe__text_puts(out, ", \"");
    moe__text_puts(out, key);
    moe__text_puts(out, "\": ");
    moe__json_write_string(out, value, false);
}

static void save_calls(struct moe__text *out,
                       const struct moe__message *message)
{
    if (message->n_calls == 0)
        return;
    moe__text_puts(out, ", \"tool_calls\": [");
    for (int32_t i = 0; i < message->n_calls; i++) {
        const struct moe__call *call = &message->calls[i];
        moe__text_puts(out, i > 0 ? ", {" : "{");
        moe__text_puts(out, "\"type\": \"function\"");
        save_member(out, "id", call->id, false);
        moe__text_puts(out, ", \"function\": {\"name\": ");
        moe__json_write_string(out, call->name, false);
        save_member(out, "arguments",
                    call->arguments.n > 0 ? call->arguments
                                          : moe__slice_str("{}"),
                    true);
        moe__text_puts(out, "}}");
    }
    moe__text_puts(out, "]");
}

static void save_message(struct moe__text *out,
                         const struct moe__message *message)
{
    moe__text_puts(out, "{\"role\": \"");
    moe__text_puts(out, moe__role_name(message->role));
    moe__text_puts(out, "\"");
    save_member(out, "content", message->content, true);
    save_member(out, "reasoning_content", message->reasoning, false);
    save_member(out, "name", message->name, false);
    save_member(out, "tool_call_id", message->call_id, false);
    save_calls(out, message);
    moe__text_puts(out, "}");
}

static moe_status chat_save(moe_chat *chat, char *json, size_t cap, size_t *n)
{
    struct moe__text out;
    if (n == NULL || (json == NULL && cap > 0))
        return moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                         "n must not be NULL, nor json if cap is not 0");
    moe__text_init(&out, &chat->mem, 0);
    moe__text_puts(&out, "[");
    for (int32_t i = 0; i < chat->history.n; i++) {
        moe__text_puts(&out, i > 0 ? ",\n " : "");
        save_message(&out, &chat->history.messages[i]);
    }
    moe__text_puts(&out, "]\n");
    moe_status status = moe__text_status(&out, "messages", &chat->err);
    *n = out.n;
    if (status == MOE_OK && out.n > cap)
        status = moe__fail(&chat->err, MOE_ERR_BUFFER,
                           "the messages are %zu bytes of JSON", out.n);
    else if (status == MOE_OK)
        memcpy(json, out.data, out.n);
    moe__text_free(&out);
    return status;
}

moe_status moe_chat_save(moe_chat *chat, char *json, size_t cap, size_t *n)
{
    MOE__TRY(moe__chat_enter(chat));
    return moe__chat_leave(chat, chat_save(chat, json, cap, n));
}
