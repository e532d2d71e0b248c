/* template.c: chat templates: their sources, and the variables that they see.
 *
 * Owns who may write control tokens: the template's own words, the names of
 * roles, and the vocabulary's BOS and EOS; everything else that a conversation
 * brings is data.  Assumes nothing about the template, which came with a
 * download. */
#include "chat/jinja.h"

#define TEMPLATE_BYTES ((size_t)1 << 20)
/* Fuel: most templates take some hundred steps a message.  A step is worth
 * four bytes of memory, so that the second part lets each byte of the input be
 * copied some ten times. */
#define STEPS ((uint64_t)1 << 24)
#define STEPS_PER_BYTE 16

/* Newlines become \n, and the last one goes, as in Jinja2. */
static struct moe__slice source_copy(struct moe__arena *arena,
                                     struct moe__slice source)
{
    uint8_t *copy = moe__arena_alloc(arena, source.n, 1);
    size_t n = 0;
    for (size_t i = 0; copy != NULL && i < source.n; i++) {
        const bool is_return = source.data[i] == '\r';
        copy[n++] = is_return ? '\n' : source.data[i];
        if (is_return && i + 1 < source.n && source.data[i + 1] == '\n')
            i++;
    }
    if (n > 0 && copy[n - 1] == '\n')
        n--;
    return moe__slice_of(copy, n);
}

moe_status moe__template_create(struct moe__mem *mem, struct moe__slice source,
                                struct moe__template **out,
                                struct moe__err *err)
{
    *out = NULL;
    if (source.n > TEMPLATE_BYTES)
        return moe__fail(err, MOE_ERR_UNSUPPORTED,
                         "template: %zu bytes, expected at most %zu", source.n,
                         TEMPLATE_BYTES);
    struct moe__template *made = moe__mem_calloc(mem, 1, sizeof *made);
    if (made == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "template: out of memory");
    made->mem = mem;
    moe__arena_init(&made->arena, mem);
    made->source = source_copy(&made->arena, source);
    moe_status status = made->source.data == NULL ? MOE_ERR_NO_MEMORY
                                                  : moe__jinja_parse(made, err);
    if (made->source.data == NULL)
        moe__fail(err, status, "template: out of memory");
    if (status == MOE_OK)
        *out = made;
    else
        moe__template_destroy(made);
    return status;
}

moe_status moe__template_clone(struct moe__mem *mem,
                               const struct moe__template *template_,
                               struct moe__template **out, struct moe__err *err)
{
    return moe__template_create(mem, template_->source, out, err);
}

void moe__template_destroy(struct moe__template *template_)
{
    if (template_ == NULL)
        return;
    moe__arena_free(&template_->arena);
    moe__mem_free(template_->mem, template_, sizeof *template_);
}

/* ------------------------------------------------------------ variables */

/* A member of a dict that is being built; key is a literal. */
static moe_status member_set(struct moe__render *render,
                             struct moe__value *dict, const char *key,
                             const struct moe__value *value)
{
    struct moe__value name;
    MOE__TRY(moe__value_string(render, moe__slice_str(key), MOE__ORIGIN_DATA,
                               &name));
    return moe__dict_set(render, dict->as.dict, &name, value);
}

static moe_status member_text(struct moe__render *render,
                              struct moe__value *dict, const char *key,
                              struct moe__slice text, enum moe__origin origin)
{
    struct moe__value value;
    MOE__TRY(moe__value_string(render, text, origin, &value));
    return member_set(render, dict, key, &value);
}

/* {"id", "type": "function", "function": {"name", "arguments": {...}}}, or with
 * the arguments as text. */
static moe_status call_value(struct moe__render *render,
                             const struct moe__call *call,
                             struct moe__value *out)
{
    struct moe__value function, arguments;
    const struct moe__json *json;
    struct moe__err err = {0};
    MOE__TRY(moe__value_dict(render, 3, true, out));
    if (call->id.n > 0)
        MOE__TRY(member_text(render, out, "id", call->id, MOE__ORIGIN_DATA));
    MOE__TRY(member_text(render, out, "type", moe__slice_str("function"),
                         MOE__ORIGIN_DATA));
    const struct moe__slice text =
        call->arguments.n > 0 ? call->arguments : moe__slice_str("{}");
    const moe_status status = moe__json_read(&render->arena, text, &json, &err);
    if (status != MOE_OK || json->kind != MOE__JSON_OBJECT)
        return moe__fail(render->err,
                         status == MOE_ERR_NO_MEMORY ? status
                                                     : MOE_ERR_ARGUMENT,
                         "arguments of '%.*s' are no JSON object%s%s",
                         (int)(call->name.n > 60 ? 60 : call->name.n),
                         (const char *)call->name.data,
                         status != MOE_OK ? ": " : "", err.message);
    MOE__TRY(render->has_text_arguments
                 ? moe__value_string(render, text, MOE__ORIGIN_DATA, &arguments)
                 : moe__value_of_json(render, json, &arguments));
    MOE__TRY(moe__value_dict(render, 2, true, &function));
    MOE__TRY(
        member_text(render, &function, "name", call->name, MOE__ORIGIN_DATA));
    MOE__TRY(member_set(render, &function, "arguments", &arguments));
    return member_set(render, out, "function", &function);
}

static moe_status message_value(struct moe__render *render,
                                const struct moe__message *message,
                                struct moe__value *out)
{
    MOE__TRY(moe__value_dict(render, 6, true, out));
    /* Templates build control tokens of this word. */
    MOE__TRY(member_text(render, out, "role",
                         moe__slice_str(moe__role_name(message->role)),
                         MOE__ORIGIN_TEMPLATE));
    MOE__TRY(member_text(render, out, "content", message->content,
                         MOE__ORIGIN_DATA));
    if (message->reasoning.n > 0)
        MOE__TRY(member_text(render, out, "reasoning_content",
                             message->reasoning, MOE__ORIGIN_DATA));
    if (message->name.n > 0)
        MOE__TRY(
            member_text(render, out, "name", message->name, MOE__ORIGIN_DATA));
    if (message->call_id.n > 0)
        MOE__TRY(member_text(render, out, "tool_call_id", message->call_id,
                             MOE__ORIGIN_DATA));
    if (message->n_calls == 0)
        return MOE_OK;
    struct moe__value calls;
    MOE__TRY(moe__value_list(render, MOE__VALUE_LIST, message->n_calls, true,
                             &calls));
    for (int32_t i = 0; i < message->n_calls; i++)
        MOE__TRY(
            call_value(render, &message->calls[i], &calls.as.list->items[i]));
    return member_set(render, out, "tool_calls", &calls);
}

static moe_status messages_value(struct moe__render *render,
                                 const struct moe__conversation *conversation,
                                 struct moe__value *out)
{
    const int32_t n = conversation->n_messages;
    MOE__TRY(moe__value_list(render, MOE__VALUE_LIST, n, true, out));
    for (int32_t i = 0; i < n; i++) {
        const moe_status status = message_value(
            render, &conversation->messages[i], &out->as.list->items[i]);
        if (status != MOE_OK)
            return moe__fail(render->err, status, "message %d: %s", i,
                             render->err->message);
    }
    return MOE_OK;
}

static moe_status token_variable(struct moe__render *render,
                                 struct moe__value *variables,
                                 const struct moe__vocab *vocab,
                                 moe_special which, const char *name)
{
    const moe_token id = moe__vocab_special(vocab, which);
    if (id == MOE_TOKEN_NONE)
        return MOE_OK;
    return member_text(render, variables, name, moe__vocab_piece(vocab, id),
                       MOE__ORIGIN_TEMPLATE);
}

/* What transformers' apply_chat_template passes. */
static moe_status
conversation_variables(struct moe__render *render,
                       const struct moe__conversation *conversation,
                       const struct moe__vocab *vocab, struct moe__value *out)
{
    struct moe__value value = moe__value_none();
    MOE__TRY(moe__value_dict(render, 16, false, out));
    if (vocab != NULL) {
        MOE__TRY(
            token_variable(render, out, vocab, MOE_SPECIAL_BOS, "bos_token"));
        MOE__TRY(
            token_variable(render, out, vocab, MOE_SPECIAL_EOS, "eos_token"));
    }
    MOE__TRY(member_set(render, out, "documents", &value));
    if (conversation->tools != NULL)
        MOE__TRY(moe__value_of_json(render, conversation->tools, &value));
    MOE__TRY(member_set(render, out, "tools", &value));
    value = moe__value_bool(conversation->asks_for_answer);
    MOE__TRY(member_set(render, out, "add_generation_prompt", &value));
    const struct moe__json *more = conversation->variables;
    for (int32_t i = 0;
         more != NULL && more->kind == MOE__JSON_OBJECT && i < more->n; i++) {
        struct moe__value key;
        MOE__TRY(
            moe__value_string(render, more->keys[i], MOE__ORIGIN_DATA, &key));
        MOE__TRY(moe__value_of_json(render, &more->items[i], &value));
        MOE__TRY(moe__dict_set(render, out->as.dict, &key, &value));
    }
    MOE__TRY(messages_value(render, conversation, &value));
    return member_set(render, out, "messages", &value);
}

/* ------------------------------------------------------------- rendering */

static size_t json_bytes(const struct moe__json *json, int32_t depth)
{
    if (json == NULL || depth > MOE__JSON_DEPTH)
        return 0;
    size_t n = 64 + json->text.n;
    for (int32_t i = 0; i < json->n; i++) {
        n += json_bytes(&json->items[i], depth + 1);
        n += json->kind == MOE__JSON_OBJECT ? json->keys[i].n : 0;
    }
    return n;
}

static size_t conversation_bytes(const struct moe__conversation *conversation)
{
    size_t n = json_bytes(conversation->tools, 0) +
               json_bytes(conversation->variables, 0);
    for (int32_t i = 0; i < conversation->n_messages; i++) {
        const struct moe__message *message = &conversation->messages[i];
        n += 256 + message->content.n + message->reasoning.n + message->name.n;
        for (int32_t k = 0; k < message->n_calls; k++)
            n += 512 + 64 * message->calls[k].arguments.n +
                 message->calls[k].name.n;
    }
    return n;
}

/* Where the text ends that the model shall go on with: behind the last
 * message's content, as transformers finds it. */
static moe_status continued_end(struct moe__render *render,
                                const struct moe__builder *text,
                                struct moe__slice content, size_t *end)
{
    const struct moe__string whole = {.data = text->data, .n = text->n};
    const struct moe__string part = {.data = content.data, .n = content.n};
    const struct moe__value white = moe__value_none();
    struct moe__value left, both;
    MOE__TRY(moe__string_strip(render, &part, &white, MOE__SIDE_LEFT, &left));
    MOE__TRY(moe__string_strip(render, left.as.string, &white, MOE__SIDE_RIGHT,
                               &both));
    const struct moe__slice trimmed = moe__value_text(&both);
    const size_t n_left = moe__value_text(&left).n;
    const size_t at = moe__string_find_last(render, &whole, trimmed, whole.n);
    MOE__TRY(moe__render_spend(render, 1));
    if (at == SIZE_MAX || trimmed.n == 0)
        return moe__fail(render->err, MOE_ERR_ARGUMENT,
                         "the template does not show the last message, which "
                         "should be continued");
    const bool has_all =
        n_left <= whole.n - at &&
        memcmp(whole.data + at, moe__value_text(&left).data, n_left) == 0;
    *end = at + (has_all ? n_left : trimmed.n);
    return MOE_OK;
}

static void prompt_take(struct moe__prompt *out,
                        const struct moe__builder *text, size_t n)
{
    for (size_t begin = 0, end; begin < n; begin = end) {
        const uint8_t origin = text->origins[begin];
        for (end = begin + 1; end < n && text->origins[end] == origin;)
            end++;
        moe__prompt_add(out, moe__slice_of(text->data + begin, end - begin),
                        (enum moe__origin)origin);
    }
}

/* Runs a template whose variables are the scope's. */
static moe_status template_run(struct moe__render *render,
                               const struct moe__template *template_,
                               const struct moe__slice *continued,
                               struct moe__prompt *out)
{
    struct moe__builder text;
    moe__builder_init(&text, render);
    render->out = &text;
    render->at = NULL;
    MOE__TRY(moe__render_run(render, template_->body));
    render->at = NULL;
    size_t n = text.n;
    if (continued != NULL)
        MOE__TRY(continued_end(render, &text, *continued, &n));
    prompt_take(out, &text, n);
    return moe__text_status(&out->text, "prompt", render->err);
}

/* The failure with the place in the template. */
static moe_status render_finish(struct moe__render *render, moe_status status,
                                struct moe__err *err)
{
    const struct moe__node *at = render->at;
    moe__arena_free(&render->arena);
    if (status == MOE_OK)
        return MOE_OK;
    if (at == NULL)
        return moe__fail(err, status, "chat template: %s",
                         render->err->message);
    return moe__fail(err, status, "chat template: line %d, column %d: %s",
                     at->line, at->column, render->err->message);
}

static bool has_calls(const struct moe__conversation *conversation)
{
    for (int32_t i = 0; i < conversation->n_messages; i++)
        if (conversation->messages[i].n_calls > 0)
            return true;
    return false;
}

static moe_status template_try(const struct moe__template *template_,
                               const struct moe__conversation *conversation,
                               const struct moe__vocab *vocab,
                               bool has_text_arguments, struct moe__prompt *out,
                               struct moe__err *err)
{
    struct moe__err inner = {0};
    struct moe__scope scope = {0};
    struct moe__value variables;
    struct moe__render render = {
        .err = &inner,
        .scope = &scope,
        .date = conversation->date,
        .has_text_arguments = has_text_arguments,
        .fuel = STEPS + STEPS_PER_BYTE * conversation_bytes(conversation)};
    const struct moe__slice *continued =
        conversation->is_continued && conversation->n_messages > 0
            ? &conversation->messages[conversation->n_messages - 1].content
            : NULL;
    moe__arena_init(&render.arena, template_->mem);
    moe_status status =
        conversation_variables(&render, conversation, vocab, &variables);
    if (status == MOE_OK) {
        scope.names = *variables.as.dict;
        status = template_run(&render, template_, continued, out);
    }
    return render_finish(&render, status, err);
}

/* Some templates take the arguments of a call as JSON's values, others as its
 * text: the first way in which the template can be run. */
moe_status moe__template_render(const struct moe__template *template_,
                                const struct moe__conversation *conversation,
                                const struct moe__vocab *vocab,
                                struct moe__prompt *out, struct moe__err *err)
{
    struct moe__mem *mem = out->text.mem;
    const size_t limit = out->text.limit;
    const moe_status status =
        template_try(template_, conversation, vocab, false, out, err);
    if (status == MOE_OK || status == MOE_ERR_NO_MEMORY ||
        !has_calls(conversation))
        return status;
    moe__prompt_free(out);
    moe__prompt_init(out, mem, limit);
    return template_try(template_, conversation, vocab, true, out, NULL) ==
                   MOE_OK
               ? MOE_OK
               : status;
}

moe_status moe__template_render_json(const struct moe__template *template_,
                                     const struct moe__json *variables,
                                     struct moe__slice date,
                                     struct moe__prompt *out,
                                     struct moe__err *err)
{
    static const char *const tokens[] = {"bos_token", "eos_token"};
    struct moe__err inner = {0};
    struct moe__scope scope = {0};
    struct moe__value value;
    struct moe__render render = {.err = &inner,
                                 .scope = &scope,
                                 .date = date,
                                 .fuel = STEPS + STEPS_PER_BYTE *
                                                     json_bytes(variables, 0)};
    moe__arena_init(&render.arena, template_->mem);
    moe_status status = moe__value_of_json(&render, variables, &value);
    if (status == MOE_OK && value.kind != MOE__VALUE_DICT)
        status = moe__fail(&inner, MOE_ERR_ARGUMENT, "variables: no object");
    for (size_t i = 0; i < MOE__COUNT(tokens) && status == MOE_OK; i++) {
        struct moe__value *token =
            moe__dict_find(value.as.dict, moe__slice_str(tokens[i]));
        if (token != NULL && token->kind == MOE__VALUE_STRING)
            status = moe__value_string(&render, moe__value_text(token),
                                       MOE__ORIGIN_TEMPLATE, token);
    }
    if (status == MOE_OK) {
        scope.names = *value.as.dict;
        status = template_run(&render, template_, NULL, out);
    }
    return render_finish(&render, status, err);
}
