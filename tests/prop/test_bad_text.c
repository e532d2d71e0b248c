/* Bad text, through the public API: each gives a status and a sentence that
 * says where, in bounded work, and the chat goes on afterwards.  How long each
 * takes is measured by hand; a machine under load decides nothing here. */
#include "prop.h"

#include <stdbool.h>

static moe_error why;

static moe_chat *open_chat(const moe_chat_params *params)
{
    moe_model *model = NULL;
    moe_chat *chat = NULL;
    why = (moe_error){0};
    if (moe_model_open(TINY_Q8, NULL, &model, &why) == MOE_OK)
        moe_chat_create(model, params, &chat, &why);
    moe_model_close(model);
    return chat;
}

static moe_status answer(moe_chat *chat)
{
    moe_event event = {.struct_size = sizeof event};
    moe_status status = MOE_OK;
    while (status == MOE_OK && event.kind != MOE_EVENT_DONE)
        status = moe_chat_next(chat, &event);
    return status;
}

static void forget(moe_chat *chat)
{
    moe_chat_info info = {.struct_size = sizeof info};
    CHECK(moe_chat_describe(chat, &info) == MOE_OK);
    CHECK(info.n_messages == 0 || moe_chat_rewind(chat, 0) == MOE_OK, "%s",
          moe_chat_error(chat));
}

/* A normal turn. */
static void check_usable(moe_chat *chat, const char *after)
{
    forget(chat);
    CHECK(moe_chat_say(chat, MOE_ROLE_USER, "Hello!", -1) == MOE_OK, "%.60s",
          after);
    CHECK(answer(chat) == MOE_OK, "%.60s: %s", after, moe_chat_error(chat));
}

/* The answer fails like this, and the next does not. */
static void check_refused(moe_chat *chat, moe_status expected,
                          const char *sentence, const char *what)
{
    const moe_status status = answer(chat);
    CHECK(status == expected, "%.60s: %s, %s", what, moe_status_name(status),
          moe_chat_error(chat));
    CHECK(strstr(moe_chat_error(chat), sentence) != NULL, "%.60s: '%s'", what,
          moe_chat_error(chat));
    check_usable(chat, what);
}

/* ---------------------------------------------------------------- templates */

static void templates_that_do_not_end_are_stopped(void)
{
    static const char *const rows[] = {
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}"
        "{% endfor %}",
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}"
        "{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% macro f(n) %}{{ g(n + 1) }}{% endmacro %}"
        "{% macro g(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}",
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}"
        "{% endmacro %}{{ f(60) }}",
        "{% macro f() %}{% call f() %}{{ caller() }}{% endcall %}"
        "{% endmacro %}{% call f() %}x{% endcall %}",
        "{{ 'x' * 9223372036854775807 }}",
        "{{ 'x' * 1000000000 }}",
        "{{ [0] * 1000000000 }}",
        "{{ ('x' * 1000000) * 1000000 }}",
        "{{ range(1000000000) | list }}",
        "{{ range(-9223372036854775807, 9223372036854775807) | sum }}",
        "{% set s = namespace(x='ab') %}{% for i in range(99) %}"
        "{% set s.x = s.x ~ s.x %}{% endfor %}",
        "{% set s = namespace(x='ab') %}{% for i in range(99) %}"
        "{% set s.x = s.x.replace('a', s.x) %}{% endfor %}",
        "{% set s = namespace(x=['ab']) %}{% for i in range(99) %}"
        "{% set s.x = [s.x, s.x] %}{% endfor %}{{ s.x }}",
        "{% set s = namespace(x=['ab']) %}{% for i in range(99) %}"
        "{% set s.x = [s.x, s.x] %}{% endfor %}{{ s.x | tojson }}",
        "{% set s = namespace(x=[1], y=[1]) %}{% for i in range(80) %}"
        "{% set s.x = [s.x, s.x] %}{% set s.y = [s.y, s.y] %}{% endfor %}"
        "{{ s.x == s.y }}",
        "{% set s = namespace(x=[1], y=[1]) %}{% for i in range(80) %}"
        "{% set s.x = [s.x, s.x] %}{% set s.y = [s.y, s.y] %}{% endfor %}"
        "{{ [s.x, s.y] | sort }}",
        "{% set s = namespace(x=[1]) %}{% for i in range(99) %}"
        "{% set s.x = s.x + s.x %}{% endfor %}",
        "{% for a in range(99999) %}{{ 'x' * 9999 }}{% endfor %}",
        "{{ '%999999999999s' | format('x') }}",
        "{{ 'x' | indent(999999999999, true) }}",
        "{% set a = 'a' * 999999 %}{{ (a ~ 'b') in (a ~ a) }}",
        "{{ (('a,' * 500000).split(',') | unique | join).split('') }}",
        "{% set l = range(99999) | list %}{% for i in l %}"
        "{% if i in l | reverse %}{% endif %}{% endfor %}",
        "{% set l = range(99999) | list %}{% for i in l %}"
        "{% set m = l | sort(reverse=true) %}{% endfor %}",
    };
    static char source[2048];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(source, sizeof source,
                 "{{ bos_token }}{%% if messages[0].content == 'bad' %%}\n%s"
                 "{%% endif %%}{%% for m in messages %%}[INST] {{ m.content }} "
                 "[/INST]{%% endfor %%}",
                 rows[i]);
        const moe_chat_params params = {.struct_size = sizeof params,
                                        .max_tokens = 2,
                                        .chat_template = source};
        moe_chat *chat = open_chat(&params);
        REQUIRE(chat != NULL, "%s: %s", rows[i], why.message);
        moe_chat_say(chat, MOE_ROLE_USER, "bad", -1);
        const moe_status status = answer(chat);
        CHECK(status == MOE_ERR_UNSUPPORTED || status == MOE_ERR_FORMAT,
              "%.70s: %s, %s", rows[i], moe_status_name(status),
              moe_chat_error(chat));
        CHECK(strstr(moe_chat_error(chat), "chat template: line 2, column ") !=
                  NULL,
              "%.70s: '%s'", rows[i], moe_chat_error(chat));
        check_usable(chat, rows[i]);
        moe_chat_destroy(chat);
    }
}

/* Refused when it is read, or else when it runs. */
static void check_deep(const moe_chat_params *params, const char *what)
{
    moe_chat *chat = open_chat(params);
    moe_status status = why.status;
    if (chat != NULL) {
        moe_chat_say(chat, MOE_ROLE_USER, "x", -1);
        status = answer(chat);
        snprintf(why.message, sizeof why.message, "%s", moe_chat_error(chat));
    }
    CHECK(status == MOE_ERR_UNSUPPORTED || status == MOE_ERR_FORMAT, "%s: %s",
          what, moe_status_name(status));
    CHECK(strstr(why.message, "line 1, column ") != NULL, "%s: %s", what,
          why.message);
    moe_chat_destroy(chat);
}

/* Sources of a megabyte: one thing again and again. */
static void templates_that_are_too_deep_are_refused(void)
{
    static const struct {
        const char *begin, *middle, *end;
    } rows[] = {
        {"{{ ", "(", ""},
        {"{{ ", "[", ""},
        {"{{ ", "{'a':", ""},
        {"{{ ", "f(", ""},
        {"{{ x", "[x", ""},
        {"{{ ", "-", "1 }}"},
        {"{{ ", "not ", "1 }}"},
        {"{{ 1", "+1", " }}"},
        {"{{ 1", "~1", " }}"},
        {"{{ 1", " < 1", ""},
        {"{{ 1", " and 1", " }}"},
        {"{{ 1", " if 1 else 1", " }}"},
        {"{{ 1", "|abs", " }}"},
        {"{{ x", ".x", " }}"},
        {"", "{% if 1 %}", ""},
        {"", "{% for i in [1] %}", ""},
        {"", "{% macro f() %}", ""},
        {"{% if 0 %}", "{% elif 0 %}", ""},
        {"{{ ", "'a'", ""},
        {"{% raw %}", "{% raw %}", ""},
        {"", "{#", ""},
        {"", "{{ '", "\n"},
    };
    enum { SOURCE_BYTES = 1000000 };
    const moe_chat_params normal = {.struct_size = sizeof normal,
                                    .max_tokens = 2};
    moe_chat_params params = normal;
    char *source = malloc(SOURCE_BYTES + 64);
    REQUIRE(source != NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *middle = rows[i].middle;
        size_t n = (size_t)snprintf(source, 64, "%s", rows[i].begin);
        for (; n + strlen(middle) <= SOURCE_BYTES; n += strlen(middle))
            memcpy(source + n, middle, strlen(middle));
        snprintf(source + n, 64, "%s", rows[i].end);
        params.chat_template = source;
        check_deep(&params, middle);
    }
    free(source);
    moe_chat *chat = open_chat(&normal);
    REQUIRE(chat != NULL, "%s", why.message);
    check_usable(chat, "refused templates");
    moe_chat_destroy(chat);
}

/* ------------------------------------------------------------ conversations */

/* Says a message for each letter. */
static void say_all(moe_chat *chat, const char *roles)
{
    static const char letters[] = "suat";
    static const moe_role names[] = {MOE_ROLE_SYSTEM, MOE_ROLE_USER,
                                     MOE_ROLE_ASSISTANT, MOE_ROLE_TOOL};
    for (const char *role = roles; *role != 0; role++)
        CHECK(moe_chat_say(chat, names[strchr(letters, *role) - letters],
                           "Good day.", -1) == MOE_OK,
              "%s: %s", roles, moe_chat_error(chat));
}

/* One letter for each message: system, user, assistant, tool.  Mistral's format
 * joins what follows of the same role, as its reference does. */
static void orders_that_a_format_does_not_know_are_refused(void)
{
    static const struct {
        const char *format, *roles, *sentence;
        bool is_foreign; /* this vocabulary does not have the format's tokens */
    } rows[] = {
        {"mistral-v1", "ua", "message 1: ", false},
        {"mistral-v1", "t", "message 0: ", false},
        {"mistral-v1", "ut", "message 1: ", false},
        {"mistral-v1", "uatu", "message 2: ", false},
        {"mistral-v1", "uauat", "message 4: ", false},
        {"mistral-v3", "t", "message 0: ", true},
        {"mistral-v3", "ut", "message 1: ", true},
        {"mistral-v3", "uatu", "message 2: expected a call", true},
        {"mistral-v7", "uauat", "message 4: expected a call", true},
        {"mistral-v13", "ut", "message 1: ", true},
        {"chatml", "uatu", "message 2: expected a call", true},
        {"llama-2", "uu", "message 1: ", false},
        {"llama-2", "au", "message 0: ", false},
        {"llama-2", "uaau", "message 2: ", false},
        {"llama-2", "usau", "message 1: ", false},
        {"llama-2", "uaus", "message 3: ", false},
        {"llama-2", "ssu", "message 1: ", false},
        {"llama-2", "ut", "message 1: ", false},
        {"gemma", "uu", "message 1: ", true},
        {"gemma", "uaau", "message 2: ", true},
        {"vicuna", "usau", "message 1: ", false},
        {"zephyr", "sut", "message 2: ", false},
    };
    moe_chat_params params = {.struct_size = sizeof params, .max_tokens = 2};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char what[64];
        snprintf(what, sizeof what, "%s %s", rows[i].format, rows[i].roles);
        params.format = rows[i].format;
        moe_chat *chat = open_chat(&params);
        REQUIRE(chat != NULL, "%s: %s", what, why.message);
        say_all(chat, rows[i].roles);
        const moe_status status = answer(chat);
        CHECK(status == MOE_ERR_ARGUMENT || status == MOE_ERR_UNSUPPORTED,
              "%s: %s", what, moe_status_name(status));
        CHECK(strstr(moe_chat_error(chat), rows[i].sentence) != NULL, "%s: %s",
              what, moe_chat_error(chat));
        if (!rows[i].is_foreign)
            check_usable(chat, what);
        moe_chat_destroy(chat);
    }
}

static void orders_that_a_format_joins_are_answered(void)
{
    static const char *const rows[] = {"u", "uu", "au", "uaau", "usau", "ssu"};
    const moe_chat_params params = {.struct_size = sizeof params,
                                    .max_tokens = 2};
    moe_chat *chat = open_chat(&params);
    REQUIRE(chat != NULL, "%s", why.message);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        forget(chat);
        say_all(chat, rows[i]);
        CHECK(answer(chat) == MOE_OK, "%s: %s", rows[i], moe_chat_error(chat));
    }
    moe_chat_destroy(chat);
}

static void words_of_a_template_are_the_sentence(void)
{
    const moe_chat_params params = {
        .struct_size = sizeof params,
        .max_tokens = 2,
        .chat_template =
            "{% for m in messages %}\n"
            "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}\n"
            "{{ raise_exception('roles must alternate, not ' ~ m.content) }}\n"
            "{% endif %}{{ m.content }}{% endfor %}"};
    moe_chat *chat = open_chat(&params);
    REQUIRE(chat != NULL, "%s", why.message);
    say_all(chat, "uu");
    check_refused(chat, MOE_ERR_ARGUMENT,
                  "line 3, column 19: roles must alternate, not Good day.",
                  "raise_exception");
    moe_chat_destroy(chat);
}

static void there_is_nothing_to_say_to_an_empty_conversation(void)
{
    moe_chat_params params = {.struct_size = sizeof params, .max_tokens = 2};
    moe_token ids[64];
    size_t n = 0;
    moe_chat *chat = open_chat(&params);
    REQUIRE(chat != NULL, "%s", why.message);
    check_refused(chat, MOE_ERR_STATE, "", "no message");
    forget(chat);
    CHECK(moe_chat_render(chat, ids, 64, &n) != MOE_OK &&
              moe_chat_error(chat)[0] != 0,
          "'%s'", moe_chat_error(chat));
    moe_chat_destroy(chat);
    params.format = "llama-2";
    chat = open_chat(&params);
    REQUIRE(chat != NULL, "%s", why.message);
    say_all(chat, "s");
    CHECK(answer(chat) == MOE_ERR_ARGUMENT && moe_chat_error(chat)[0] != 0,
          "'%s'", moe_chat_error(chat));
    check_usable(chat, "system's words only");
    moe_chat_destroy(chat);
}

static void roles_that_do_not_exist_are_refused(void)
{
    static const moe_role roles[] = {0, 5, -1, 7, INT32_MAX, INT32_MIN};
    char found[32];
    moe_chat *chat = open_chat(NULL);
    REQUIRE(chat != NULL, "%s", why.message);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        snprintf(found, sizeof found, "found %d", roles[i]);
        CHECK(moe_chat_say(chat, roles[i], "x", -1) == MOE_ERR_ARGUMENT);
        CHECK(strstr(moe_chat_error(chat), found) != NULL, "%s",
              moe_chat_error(chat));
    }
    CHECK(moe_chat_say(chat, MOE_ROLE_USER, NULL, 1) == MOE_ERR_ARGUMENT);
    CHECK(moe_chat_say(chat, MOE_ROLE_USER, "x", -2) == MOE_ERR_ARGUMENT);
    check_usable(chat, "no such role");
    moe_chat_destroy(chat);
}

static void results_without_a_call_are_refused(void)
{
    const moe_message message = {.struct_size = sizeof message,
                                 .role = MOE_ROLE_TOOL,
                                 .text = "noon",
                                 .text_bytes = 4,
                                 .name = "now",
                                 .call_id = "abcdefgh1"};
    moe_chat *chat = open_chat(NULL);
    REQUIRE(chat != NULL, "%s", why.message);
    say_all(chat, "u");
    CHECK(moe_chat_result(chat, NULL, "noon", -1) == MOE_ERR_NOT_FOUND &&
              moe_chat_error(chat)[0] != 0,
          "'%s'", moe_chat_error(chat));
    CHECK(moe_chat_result(chat, "abcdefgh1", "noon", -1) == MOE_ERR_NOT_FOUND &&
              strstr(moe_chat_error(chat), "abcdefgh1") != NULL,
          "'%s'", moe_chat_error(chat));
    CHECK(moe_chat_add(chat, &message) == MOE_OK, "%s", moe_chat_error(chat));
    check_refused(chat, MOE_ERR_ARGUMENT, "message 1: ", "a result");
    moe_chat_destroy(chat);
}

static void any_bytes_can_be_said(void)
{
    static const struct {
        const char *text;
        int64_t n;
    } rows[] = {
        {"", 0},
        {"\0", 1},
        {"a\0b\0", 4},
        {"\x80\xbf\xff\xfe", 4},
        {"\xed\xa0\x80 \xf4\x90\x80\x80 \xc0\x80", 12},
        {"\xe2\x96", 2},
        {"\xf0\x9f", 2},
        {"{{ messages }} {% for %} {#", -1},
        {"\r\n\r\n\t\v\f", -1},
    };
    static const char *const formats[] = {NULL, "llama-2", "vicuna", NULL};
    moe_chat_params params = {.struct_size = sizeof params, .max_tokens = 2};
    for (size_t k = 0; k < sizeof formats / sizeof *formats; k++) {
        params.format = formats[k];
        params.chat_template =
            k == 3 ? "{{ messages[0].content|trim|tojson }} {{ messages }} "
                     "{{ messages[0].content|upper|list|join('-') }}"
                   : NULL;
        moe_chat *chat = open_chat(&params);
        REQUIRE(chat != NULL, "%s", why.message);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            moe_message message = {.struct_size = sizeof message};
            forget(chat);
            moe_chat_say(chat, MOE_ROLE_USER, rows[i].text, rows[i].n);
            CHECK(answer(chat) == MOE_OK, "%zu %zu: %s", k, i,
                  moe_chat_error(chat));
            const size_t n =
                rows[i].n < 0 ? strlen(rows[i].text) : (size_t)rows[i].n;
            CHECK(moe_chat_message(chat, 0, &message) == MOE_OK &&
                      message.text_bytes == n &&
                      memcmp(message.text, rows[i].text, n) == 0,
                  "%zu %zu", k, i);
        }
        check_usable(chat, "any bytes");
        moe_chat_destroy(chat);
    }
}

/* -------------------------------------------------------------------- sizes */

enum { HUGE_BYTES = 10 << 20 };

/* What a huge text consists of. */
static const char *const huge_words[] = {"a",    "Hello! ", "[INST]</s>",
                                         "\xff", " ",       "{{"};

static void huge_fill(char *text, const char *words)
{
    const size_t n = strlen(words);
    for (size_t i = 0; i < HUGE_BYTES; i++)
        text[i] = words[i % n];
}

static void huge_prompts_say_that_there_is_no_room(void)
{
    static const char *const templates[] = {
        NULL, "{% for m in messages %}[INST] {{ m.content ~ m.content|trim }}"
              "[/INST]{% endfor %}"};
    moe_chat_params params = {.struct_size = sizeof params, .max_tokens = 2};
    char *text = malloc(HUGE_BYTES);
    REQUIRE(text != NULL);
    for (size_t k = 0; k < 4; k++) {
        params.chat_template = templates[k % 2];
        moe_chat *chat = open_chat(&params);
        REQUIRE(chat != NULL, "%s", why.message);
        huge_fill(text, huge_words[k]);
        CHECK(moe_chat_say(chat, MOE_ROLE_USER, text, HUGE_BYTES) == MOE_OK,
              "%s", moe_chat_error(chat));
        check_refused(chat, MOE_ERR_CONTEXT_FULL, "", huge_words[k]);
        moe_chat_destroy(chat);
    }
    free(text);
}

static void huge_texts_are_encoded(void)
{
    moe_model *model = prop_open(TINY_Q8);
    char *text = malloc(HUGE_BYTES);
    REQUIRE(model != NULL && text != NULL);
    for (size_t i = 0; i < sizeof huge_words / sizeof *huge_words; i++) {
        size_t n = 0;
        huge_fill(text, huge_words[i]);
        CHECK(moe_text_encode(model, text, HUGE_BYTES, MOE_TEXT_SPECIALS, NULL,
                              0, &n, &why) == MOE_ERR_BUFFER &&
                  n > HUGE_BYTES / 64,
              "'%s': %zu, %s", huge_words[i], n, why.message);
    }
    free(text);
    moe_model_close(model);
}

static void thousands_of_messages_are_no_special_case(void)
{
    static const struct {
        moe_overflow overflow;
        int n_turns;
        moe_status status;
    } rows[] = {{MOE_OVERFLOW_ERROR, 2500, MOE_ERR_CONTEXT_FULL},
                {MOE_OVERFLOW_DROP, 500, MOE_OK}};
    static const char *const templates[] = {
        NULL, "{{ bos_token }}{% for m in messages %}{{ m.role }}: "
              "{{ m.content }}\n{% endfor %}"};
    moe_chat_params params = {.struct_size = sizeof params, .max_tokens = 2};
    for (size_t k = 0; k < 4; k++) {
        params.overflow = rows[k / 2].overflow;
        params.chat_template = templates[k % 2];
        moe_chat *chat = open_chat(&params);
        REQUIRE(chat != NULL, "%s", why.message);
        for (int i = 0; i < rows[k / 2].n_turns; i++)
            say_all(chat, i == 0 ? "u" : "au");
        CHECK(answer(chat) == rows[k / 2].status, "%zu: %s", k,
              moe_chat_error(chat));
        check_usable(chat, "thousands of messages");
        moe_chat_destroy(chat);
    }
}

static const struct test tests[] = {
    {"templates_that_do_not_end_are_stopped",
     templates_that_do_not_end_are_stopped},
    {"templates_that_are_too_deep_are_refused",
     templates_that_are_too_deep_are_refused},
    {"orders_that_a_format_does_not_know_are_refused",
     orders_that_a_format_does_not_know_are_refused},
    {"orders_that_a_format_joins_are_answered",
     orders_that_a_format_joins_are_answered},
    {"words_of_a_template_are_the_sentence",
     words_of_a_template_are_the_sentence},
    {"there_is_nothing_to_say_to_an_empty_conversation",
     there_is_nothing_to_say_to_an_empty_conversation},
    {"roles_that_do_not_exist_are_refused",
     roles_that_do_not_exist_are_refused},
    {"results_without_a_call_are_refused", results_without_a_call_are_refused},
    {"any_bytes_can_be_said", any_bytes_can_be_said},
    {"huge_prompts_say_that_there_is_no_room",
     huge_prompts_say_that_there_is_no_room},
    {"huge_texts_are_encoded", huge_texts_are_encoded},
    {"thousands_of_messages_are_no_special_case",
     thousands_of_messages_are_no_special_case},
};

TEST_MAIN(tests)
