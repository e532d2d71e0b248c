/* No text of a user, a model or a tool becomes a control token: hostile
 * conversations have the control tokens of harmless ones, each stands where the
 * format wrote it, and behind as many of the conversation's texts.  Holds for
 * the compiled-in formats and for chat templates, whatever these do to a text.
 */
#define _POSIX_C_SOURCE 200809L

#include "base/rng.h"
#include "chat_check.h"
#include "test.h"

enum {
    N_CONVERSATIONS = 5000,
    MOST_MESSAGES = 16,
    TEXT_BYTES = 160,
    MOST_CONTROLS = 512
};

/* What hostile texts are made of, besides the control tokens' names. */
static const char *const hostile_pieces[] = {"<|im_",
                                             "start|>",
                                             "<|",
                                             "|>",
                                             "<|im_start",
                                             "[/IN",
                                             "ST]",
                                             "<s",
                                             ">",
                                             "</",
                                             "s>",
                                             "<|IM_START|>",
                                             "<|im@_start|>",
                                             "@|im_end|>",
                                             "<|end_of_@",
                                             "system\n",
                                             "assistant\n",
                                             "\n\n",
                                             " ",
                                             "<<SYS>>",
                                             "<</SYS>>",
                                             "GPT4 Correct User:",
                                             "USER:",
                                             "ASSISTANT:",
                                             "\n\nUser: ",
                                             "<0x3C>",
                                             "1",
                                             "32000",
                                             "\xef\xbc\x9c",
                                             "\xef\xbd\x9c",
                                             "\xe2\x96\x81",
                                             "\x80",
                                             "\xff",
                                             "\xed\xa0\x80",
                                             "\xef\xb7\x90",
                                             "\xee\x80\x80",
                                             "\t",
                                             "{{ bos_token }}",
                                             "{{ '<s>' }}",
                                             "{% raw %}",
                                             "{%- endfor %}",
                                             "{# ",
                                             "%s",
                                             "{0}",
                                             "<tool_call>",
                                             "</tool_response>",
                                             "<think>",
                                             "</think>",
                                             "\\u003c",
                                             "&lt;s&gt;",
                                             "" /* stands for a zero byte */};
/* A control token that is split across messages, or between a message and the
 * template: one ends with the one part, another begins with the other. */
static const char *const hostile_ends[] = {"",     "<|im_", "[/IN", "<s",
                                           "<|en", "<",     "</",   "["};
static const char *const hostile_begins[] = {
    "", "start|>", "ST]", ">", "d|>", "s>", "/s>", "INST]", "_end|>"};
/* Some formats want nine characters. */
static const char *const hostile_ids[] = {"</s><s>xy", "<s>[INST]", "[/INST]ab",
                                          "<|end|>{{", "<|call|>1"};

/* A text that a conversation brings ends with this mark (and a part of a
 * control token); nothing else contains it. */
#define END_MARK '~'

/* ------------------------------------------------------------------ forms */

/* A dialect, or a template. */
struct form {
    const char *name;
    const struct moe__dialect *dialect;
    const struct moe__template *template_;
    bool has_system;
    bool has_calls;
};

/* Chat templates: of the shared vectors by name, or written here in the form of
 * a family; the last does to texts whatever a template can do. */
static const struct template_row {
    const char *name;
    const char *source; /* NULL: of the vectors */
    bool has_system;
    bool has_calls;
} template_rows[] = {
    {"cognitivecomputations/dolphin-2.5-mixtral-8x7b", NULL, true, true},
    {"meta-llama/Llama-3.1-8B-Instruct", NULL, true, true},
    {"mistralai/Mistral-7B-Instruct-v0.3 (JSON Schema)", NULL, true, true},
    {"deepseek-ai/DeepSeek-R1", NULL, true, false},
    {"Qwen/Qwen3-0.6B", NULL, true, true},
    {"HuggingFaceH4/zephyr-7b-beta (add_generation_prompt=true)", NULL, true,
     false},
    {"zai-org/GLM-5.1", NULL, true, true},
    {"openbmb/MiniCPM3-4B", NULL, true, true},
    {"in the form of Gemma",
     "{{ bos_token }}{% for m in messages %}"
     "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
     "{{ raise_exception('roles must alternate') }}{% endif %}"
     "<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
     "{{ m['content'] | trim }}<end_of_turn>\n{% endfor %}"
     "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}",
     false, false},
    {"in the form of Phi-3",
     "{% for m in messages %}{{ '<|' + m['role'] + '|>' + '\n' + m['content'] +"
     " '<|end|>' + '\n' }}{% endfor %}"
     "{{ '<|assistant|>' if add_generation_prompt else eos_token }}",
     true, false},
    {"in the form of Granite",
     "{% macro part(role, text) %}<|start_of_role|>{{ role }}<|end_of_role|>"
     "{{ text }}<|end_of_text|>\n{% endmacro %}"
     "{% if tools %}{{ part('tools', tools | tojson(indent=4)) }}{% endif %}"
     "{% for m in messages %}{% if m.tool_calls %}"
     "{{ part(m.role, '<|tool_call|>' ~ m.tool_calls | tojson) }}{% else %}"
     "{{ part(m.role, m.content ~ (m.name or '') ~ (m.tool_call_id or '')) }}"
     "{% endif %}{% endfor %}<|start_of_role|>assistant<|end_of_role|>",
     true, true},
    {"all that can be done to a text",
     "{% macro wash(t) %}{% set u = t | trim | replace('@', '') %}"
     "{{ t | upper | lower }}{{ u[::-1] | reverse }}{{ t[:3] + t[3:] }}"
     "{{ t | list | join }}{{ '<' ~ t.replace('@', '<') ~ '>' }}"
     "{{ t.split('@') | join('<s>') if false else t | string }}"
     "{{ '%s' | format(t) }}{{ '{}'.format(t) }}{{ t | tojson }}"
     "{{ [t, {t: t}] }}{{ [t] | tojson(indent=1) }}{{ t | indent(2) }}"
     "{{ t | title | lower }}{{ t | escape }}{{ u | safe | string }}"
     "{{ t.partition('|')[0] ~ t.partition('|')[1] ~ t.partition('|')[2] }}"
     "{{ t.removeprefix('@').strip('x').lstrip().rstrip() }}"
     "{% filter replace('@', '') %}{{ t }}{% endfilter %}{% endmacro %}"
     "{% for m in messages %}{% set w %}{{ wash(m.content) }}{% endset %}"
     "<|im_start|>{{ w }}{{ (m.name or '') | lower }}{% for c in m.tool_calls "
     "%}{{ c }}{{ c.function.arguments | tojson | replace('\\\\', '') }}"
     "{% for k, v in c.function.arguments | dictsort %}<s>{{ k ~ v }}</s>"
     "{% endfor %}{% endfor %}<|im_end|>{% endfor %}{{ tools }}",
     true, true},
};

/* ----------------------------------------------------------- conversation */

struct chat {
    uint64_t seed;
    uint64_t n_drawn;
    bool is_hostile;
    char texts[6 * MOST_MESSAGES][TEXT_BYTES];
    int n_texts;
    struct moe__message messages[MOST_MESSAGES];
    struct moe__call calls[MOST_MESSAGES];
    char tools[1024];
    struct moe__conversation conversation;
};

static uint32_t chat_pick(struct chat *chat, uint32_t n)
{
    return (uint32_t)(moe__rng_u64(chat->seed, chat->n_drawn++) >> 33) % n;
}

static void text_add(struct moe__slice *text, char *buf, const char *words)
{
    /* No piece is empty but the one that is a zero byte. */
    const size_t n = words[0] == 0 ? 1 : strlen(words);
    if (text->n + n + 24 >= TEXT_BYTES)
        return;
    memcpy(buf + text->n, words, n);
    text->n += n;
}

/* A text without space around it, like no other.  The same random numbers are
 * drawn for a hostile and for a harmless one; is_plain: that fits into a JSON
 * string. */
static struct moe__slice chat_write(struct chat *chat, bool is_plain)
{
    char *buf = chat->texts[chat->n_texts++];
    struct moe__slice text = moe__slice_of(buf, 0);
    const char *begin =
        hostile_begins[chat_pick(chat, (uint32_t)MOE__COUNT(hostile_begins))];
    const char *end =
        hostile_ends[chat_pick(chat, (uint32_t)MOE__COUNT(hostile_ends))];
    const uint32_t n_pieces = 1 + chat_pick(chat, 4);
    text.n = (size_t)snprintf(buf, TEXT_BYTES, "%sx%d",
                              chat->is_hostile ? begin : "", chat->n_texts);
    for (uint32_t i = 0; i < n_pieces; i++) {
        const uint32_t control = chat_pick(chat, CHAT_N_CONTROLS);
        const uint32_t piece =
            chat_pick(chat, (uint32_t)MOE__COUNT(hostile_pieces));
        const bool is_control = is_plain || chat_pick(chat, 2) == 0;
        if (chat->is_hostile)
            text_add(&text, buf,
                     is_control ? chat_controls[control]
                                : hostile_pieces[piece]);
    }
    text.n += (size_t)snprintf(buf + text.n, TEXT_BYTES - text.n, "x%c%s",
                               END_MARK, chat->is_hostile ? end : "");
    return text;
}

static struct moe__message *chat_add(struct chat *chat, enum moe__role role)
{
    struct moe__message *message =
        &chat->messages[chat->conversation.n_messages++];
    *message = (struct moe__message){.role = role};
    message->content = chat_write(chat, false);
    return message;
}

/* {"a": TEXT} */
static struct moe__slice chat_arguments(struct chat *chat)
{
    const struct moe__slice text = chat_write(chat, true);
    char *buf = chat->texts[chat->n_texts++];
    const int n = snprintf(buf, TEXT_BYTES, "{\"a\": \"%.*s\"}", (int)text.n,
                           (const char *)text.data);
    return moe__slice_of(buf, (size_t)n);
}

/* A call with a result.  The dialects' references check names and ids. */
static void chat_add_call(struct chat *chat, const struct form *form)
{
    struct moe__call *call = &chat->calls[chat->conversation.n_messages];
    struct moe__message *message = chat_add(chat, MOE__ROLE_ASSISTANT);
    const char *id =
        hostile_ids[chat_pick(chat, (uint32_t)MOE__COUNT(hostile_ids))];
    const bool is_free = form->template_ != NULL;
    message->content.n = 0;
    call->id = moe__slice_str(is_free && chat->is_hostile ? id : "abcdefgh1");
    call->name = is_free ? chat_write(chat, false) : moe__slice_str("f");
    call->arguments = chat_arguments(chat);
    message->calls = call;
    message->n_calls = 1;
    message = chat_add(chat, MOE__ROLE_TOOL);
    message->call_id = call->id;
    message->name = call->name;
}

/* A declared tool; its texts are data, too. */
static const struct moe__json *chat_tools(struct chat *chat,
                                          struct moe__arena *arena)
{
    const struct moe__json *tools = NULL;
    struct moe__slice texts[4];
    for (size_t i = 0; i < MOE__COUNT(texts); i++)
        texts[i] = chat_write(chat, true);
    const int n = snprintf(
        chat->tools, sizeof chat->tools,
        "[{\"type\": \"function\", \"function\": {\"name\": \"%.*s\", "
        "\"description\": \"%.*s\", \"parameters\": {\"type\": \"object\", "
        "\"properties\": {\"%.*s\": {\"type\": \"string\", \"description\": "
        "\"%.*s\"}}, \"required\": []}}}]",
        (int)texts[0].n, (const char *)texts[0].data, (int)texts[1].n,
        (const char *)texts[1].data, (int)texts[2].n,
        (const char *)texts[2].data, (int)texts[3].n,
        (const char *)texts[3].data);
    const struct moe__slice json = moe__slice_of(chat->tools, (size_t)n);
    CHECK(moe__json_read(arena, json, &tools, NULL) == MOE_OK, "%s",
          chat->tools);
    return tools;
}

static void chat_make(struct chat *chat, const struct form *form,
                      struct moe__arena *arena)
{
    chat->n_texts = 0;
    chat->conversation = (struct moe__conversation){.messages = chat->messages,
                                                    .asks_for_answer = true};
    if (form->has_system && chat_pick(chat, 2) == 0)
        chat_add(chat, MOE__ROLE_SYSTEM);
    for (uint32_t n = chat_pick(chat, 3); n > 0; n--) {
        chat_add(chat, MOE__ROLE_USER);
        if (form->has_calls && chat_pick(chat, 2) == 0)
            chat_add_call(chat, form);
        struct moe__message *answer = chat_add(chat, MOE__ROLE_ASSISTANT);
        if (chat_pick(chat, 2) == 0)
            answer->reasoning = chat_write(chat, false);
    }
    chat_add(chat, MOE__ROLE_USER);
    if (chat_pick(chat, 4) == 0)
        chat->conversation.date = chat_write(chat, false);
    if (form->template_ != NULL && form->has_calls && chat_pick(chat, 4) == 0)
        chat->conversation.tools = chat_tools(chat, arena);
}

/* --------------------------------------------------------- control tokens */

/* The control tokens of a conversation. */
struct found {
    moe_token ids[MOST_CONTROLS];
    int32_t places[MOST_CONTROLS]; /* end marks of texts before each */
    int n;
    bool is_foreign; /* one lies outside the template's bytes */
    struct moe__err err;
};

static bool trust_covers(const struct moe__prompt *prompt, size_t begin,
                         size_t end)
{
    for (int32_t i = 0; i < prompt->n_trusted; i++)
        if (prompt->trusted[i].begin <= begin && end <= prompt->trusted[i].end)
            return true;
    return false;
}

static moe_status form_render(const struct form *form, const struct chat *chat,
                              const struct moe__vocab *vocab,
                              struct moe__prompt *prompt, struct moe__err *err)
{
    return form->dialect != NULL
               ? moe__dialect_render(form->dialect, &chat->conversation, vocab,
                                     prompt, err)
               : moe__template_render(form->template_, &chat->conversation,
                                      vocab, prompt, err);
}

static void find_controls(const struct chat *chat, const struct form *form,
                          const struct moe__vocab *vocab, struct moe__mem *mem,
                          struct found *found)
{
    struct moe__prompt prompt;
    struct moe__ids ids;
    size_t at = 0;
    int32_t n_ends = 0;
    *found = (struct found){0};
    moe__prompt_init(&prompt, mem, 0);
    moe__ids_init(&ids, mem);
    if (form_render(form, chat, vocab, &prompt, &found->err) != MOE_OK ||
        moe__prompt_encode(&prompt, vocab, &ids, &found->err) != MOE_OK)
        found->n = -1;
    for (size_t i = 0; i < ids.n && found->n >= 0; i++) {
        const moe_token id = ids.ids[i];
        const struct moe__slice piece = moe__vocab_piece(vocab, id);
        if (moe__vocab_kind(vocab, id) == MOE_TOKEN_CONTROL &&
            found->n < MOST_CONTROLS) {
            found->places[found->n] = n_ends;
            found->ids[found->n++] = id;
            found->is_foreign =
                found->is_foreign || !trust_covers(&prompt, at, at + piece.n);
        }
        n_ends += piece.n == 1 && piece.data[0] == END_MARK;
        at += piece.n;
    }
    /* One token for each byte of data: the ids are those of the text. */
    found->is_foreign = found->is_foreign || at != prompt.text.n;
    moe__ids_free(&ids);
    moe__prompt_free(&prompt);
}

static void check_form(const struct form *form, struct chat_vocab *made)
{
    static struct chat chats[2]; /* harmless, hostile */
    static struct found found[2];
    struct moe__mem *mem = &made->file.file.mem;
    for (int i = 0; i < N_CONVERSATIONS; i++) {
        for (int k = 0; k < 2; k++) {
            struct moe__arena arena;
            moe__arena_init(&arena, mem);
            chats[k].seed = (uint64_t)i;
            chats[k].n_drawn = 0;
            chats[k].is_hostile = k == 1;
            chat_make(&chats[k], form, &arena);
            find_controls(&chats[k], form, made->file.vocab, mem, &found[k]);
            moe__arena_free(&arena);
            REQUIRE(found[k].n > 0, "%s %d: %s", form->name, i,
                    found[k].err.message);
        }
        const size_t n = (size_t)found[1].n;
        REQUIRE(!found[1].is_foreign, "%s %d", form->name, i);
        REQUIRE(found[0].n == found[1].n, "%s %d: %d control tokens, %d",
                form->name, i, found[1].n, found[0].n);
        REQUIRE(memcmp(found[0].ids, found[1].ids, n * sizeof *found[0].ids) ==
                    0,
                "%s %d: other control tokens", form->name, i);
        REQUIRE(memcmp(found[0].places, found[1].places,
                       n * sizeof *found[0].places) == 0,
                "%s %d: control tokens at other places", form->name, i);
    }
}

static void dialects_take_no_control_token_from_texts(void)
{
    static struct chat_vocab made;
    for (int32_t d = 0; moe__dialect_at(d) != NULL; d++) {
        const struct moe__dialect *dialect = moe__dialect_at(d);
        const struct form form = {.name = moe__dialect_name(dialect),
                                  .dialect = dialect,
                                  .has_system = true,
                                  .has_calls = dialect->rules->has_calls};
        REQUIRE(chat_vocab_make(&made, dialect) != NULL, "%s: %s", form.name,
                made.file.err.message);
        check_form(&form, &made);
        CHECK(chat_vocab_free(&made) == NULL, "%s", form.name);
    }
}

static void check_template(const struct template_row *row,
                           struct moe__slice source)
{
    static struct chat_vocab made;
    struct form form = {.name = row->name,
                        .has_system = row->has_system,
                        .has_calls = row->has_calls};
    struct moe__template *template_ = NULL;
    struct moe__err err = {0};
    REQUIRE(chat_vocab_make(&made, NULL) != NULL, "%s", made.file.err.message);
    CHECK(moe__template_create(&made.file.file.mem, source, &template_, &err) ==
              MOE_OK,
          "%s: %s", row->name, err.message);
    form.template_ = template_;
    if (template_ != NULL)
        check_form(&form, &made);
    moe__template_destroy(template_);
    CHECK(chat_vocab_free(&made) == NULL, "%s", row->name);
}

static void templates_take_no_control_token_from_texts(void)
{
    for (size_t i = 0; i < MOE__COUNT(template_rows); i++)
        if (template_rows[i].source != NULL)
            check_template(&template_rows[i],
                           moe__slice_str(template_rows[i].source));
}

/* The source of a named template in the vectors. */
static struct moe__slice published_source(const struct moe__json *all,
                                          const char *name)
{
    for (int32_t i = 0; i < all->n; i++)
        if (moe__slice_is(chat_text(&all->items[i], "name"), name))
            return chat_text(&all->items[i], "template");
    return moe__slice_of(NULL, 0);
}

static void published_templates_take_no_control_token_from_texts(void)
{
    const char *path =
        test_shared("vectors/jinja/hf_e2e_chat_templates_agreed.json");
    size_t bytes = 0;
    struct moe__mem mem;
    struct moe__arena arena;
    const struct moe__json *all = NULL;
    if (path == NULL)
        SKIP("vectors/jinja is not here");
    char *file = test_read(path, &bytes);
    moe__mem_init(&mem, NULL);
    moe__arena_init(&arena, &mem);
    moe__json_read(&arena, moe__slice_of(file, bytes), &all, NULL);
    CHECK(all != NULL, "%s", path);
    for (size_t i = 0; all != NULL && i < MOE__COUNT(template_rows); i++) {
        const struct template_row *row = &template_rows[i];
        if (row->source == NULL)
            check_template(row, published_source(all, row->name));
    }
    moe__arena_free(&arena);
    free(file);
}

static const struct test tests[] = {
    {"dialects_take_no_control_token_from_texts",
     dialects_take_no_control_token_from_texts},
    {"templates_take_no_control_token_from_texts",
     templates_take_no_control_token_from_texts},
    {"published_templates_take_no_control_token_from_texts",
     published_templates_take_no_control_token_from_texts},
};

TEST_MAIN(tests)
