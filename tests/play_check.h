/* play_check.h: conversations in which a stage of the sampler writes what a
 * model that knows of tools would write; the tiny model knows of none. */
#ifndef MOE_PLAY_CHECK_H
#define MOE_PLAY_CHECK_H

#include <moe.h>
#include <stdarg.h>
#include <stdbool.h>

#include "test.h"

#define TINY "examples/models/tiny-mixtral-q8_0.gguf"

static moe_error why;

/* Weather by city, and the time. */
static const char tools[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"get_weather\", "
    "\"description\": \"The weather.\", \"parameters\": {\"type\": \"object\", "
    "\"properties\": {\"city\": {\"type\": \"string\", \"maxLength\": 9}, "
    "\"days\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 9}}, "
    "\"required\": [\"city\", \"days\"], \"additionalProperties\": false}}}, "
    "{\"type\": \"function\", \"function\": {\"name\": \"now\"}}]";

/* Formats whose marks are plain text to the tiny model, as templates. */
#define TURNS                                                            \
    "{% if tools %}{{ tools | tojson }}{% endif %}"                      \
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}"               \
    "{% for c in m.tool_calls %}{{ c.function | tojson }}{% endfor %}\n" \
    "{% endfor %}"
#define HERMES TURNS "{# <tool_call> #}"
#define MISTRAL TURNS "{# [TOOL_CALLS] #}"
#define LLAMA TURNS "{# <|python_tag|> #}"

/* ----------------------------------------------------------------- script */

/* What the model would write.  Tokens that a grammar put there already, or does
 * not allow, are passed over. */
struct script {
    moe_token ids[512]; /* [n] */
    size_t n;
    size_t at;
    moe_token ends[4]; /* what it writes when all is passed, best first */
};

static inline void script_stage(void *user, const moe_token *tokens,
                                float *logits, int32_t n)
{
    struct script *script = user;
    int32_t best = -1;
    for (size_t at = script->at; at < script->n && best < 0; at++) {
        for (int32_t i = 0; i < n && best < 0; i++)
            best = tokens[i] == script->ids[at] ? i : -1;
        if (best >= 0)
            script->at = at + 1;
    }
    for (int32_t i = 0; i < n; i++) {
        logits[i] = i == best ? 99 : -(float)tokens[i];
        for (int32_t k = 0; k < 4; k++)
            if (i != best && tokens[i] == script->ends[k])
                logits[i] = 9 - (float)k;
    }
}

struct play {
    moe_model *model;
    moe_chat *chat;
    struct script script;
    char told[8192]; /* all events, as text */
    moe_event last;
    int n_arguments; /* events */
    bool is_early;   /* results are given while the answer is written */
};

/* What params leave open is as in open_play. */
static inline bool open_play_of(struct play *play, const moe_chat_params *given)
{
    static const moe_sampler_params empty = {.struct_size = sizeof empty,
                                             .is_empty = 1};
    static const moe_context_params context = {.struct_size = sizeof context,
                                               .n_ctx = 1024};
    moe_chat_params params = *given;
    const moe_stage stages[] = {{.struct_size = sizeof(moe_stage),
                                 .kind = MOE_STAGE_CUSTOM,
                                 .fn = script_stage,
                                 .user = &play->script},
                                {.struct_size = sizeof(moe_stage),
                                 .kind = MOE_STAGE_TOP_K,
                                 .count = 1}};
    params.struct_size = sizeof params;
    params.sampler = &empty;
    params.context = given->context != NULL ? given->context : &context;
    params.max_tokens = given->max_tokens > 0 ? given->max_tokens : 400;
    why = (moe_error){0};
    memset(play, 0, sizeof *play);
    bool is_open =
        moe_model_open(TINY, NULL, &play->model, &why) == MOE_OK &&
        moe_chat_create(play->model, &params, &play->chat, &why) == MOE_OK;
    for (size_t i = 0; i < 2 && is_open; i++)
        is_open = moe_sampler_add(moe_chat_sampler(play->chat), &stages[i],
                                  &why) == MOE_OK;
    return is_open;
}

static inline bool open_play(struct play *play, const char *chat_template)
{
    const moe_chat_params params = {.chat_template = chat_template};
    return open_play_of(play, &params);
}

static inline void close_play(struct play *play)
{
    moe_chat_destroy(play->chat);
    moe_model_close(play->model);
}

static inline void tell(struct play *play, const char *format, ...)
{
    va_list args;
    const size_t n = strlen(play->told);
    va_start(args, format);
    vsnprintf(play->told + n, sizeof play->told - n, format, args);
    va_end(args);
}

static inline void tell_event(struct play *play)
{
    const moe_event *event = &play->last;
    const int n = (int)event->text_bytes;
    if (event->kind == MOE_EVENT_TEXT)
        tell(play, "%.*s", n, event->text);
    else if (event->kind == MOE_EVENT_CALL)
        tell(play, "<%d:%s ", event->call_index, event->call_name);
    else if (event->kind == MOE_EVENT_ARGUMENTS)
        tell(play, "%.*s", n, event->text);
    else if (event->kind == MOE_EVENT_CALL_END)
        tell(play, " = %.*s as %s>", n, event->text, event->call_id);
    else if (event->kind == MOE_EVENT_MALFORMED)
        tell(play, "!%.*s!", n, event->text);
    else if (event->kind == MOE_EVENT_DONE)
        tell(play, "#%d", event->reason);
    play->n_arguments += event->kind == MOE_EVENT_ARGUMENTS;
}

/* What a host does that answers at once. */
static inline void result_early(struct play *play)
{
    const moe_event *event = &play->last;
    CHECK(strlen(event->text) == event->text_bytes);
    CHECK(moe_chat_result(play->chat, "call77777", "x", -1) ==
          MOE_ERR_NOT_FOUND);
    CHECK(moe_chat_result(play->chat, event->call_id, "early", -1) == MOE_OK);
    CHECK(moe_chat_result(play->chat, NULL, "x", -1) == MOE_ERR_NOT_FOUND);
}

/* The model is going to write `words`. */
static inline bool give_words(struct play *play, const char *words)
{
    struct script *script = &play->script;
    size_t n;
    script->at = 0;
    script->ends[0] = moe_token_special(play->model, MOE_SPECIAL_EOS);
    for (int i = 1; i < 4; i++) /* each is one token */
        moe_text_encode(play->model, &"}\"]"[i - 1], 1, MOE_TEXT_CONTINUE,
                        &script->ends[i], 1, &n, NULL);
    return moe_text_encode(play->model, words, -1, MOE_TEXT_CONTINUE,
                           script->ids, 511, &script->n, &why) == MOE_OK;
}

/* Lets the model answer with `words`; all events as one text. */
static inline const char *answer(struct play *play, const char *words)
{
    moe_status status = MOE_OK;
    play->told[0] = 0;
    play->last = (moe_event){.struct_size = sizeof play->last};
    if (!give_words(play, words))
        return why.message;
    while (status == MOE_OK && play->last.kind != MOE_EVENT_DONE) {
        status = moe_chat_next(play->chat, &play->last);
        if (status == MOE_OK)
            tell_event(play);
        if (play->is_early && play->last.kind == MOE_EVENT_CALL_END)
            result_early(play);
    }
    return status == MOE_OK ? play->told : moe_chat_error(play->chat);
}

static inline void check_text(int line, const char *found, const char *expected)
{
    CHECK(strcmp(found, expected) == 0, "line %d: '%s'", line, found);
}

#define CHECK_TEXT(found, expected) check_text(__LINE__, found, expected)

#endif
