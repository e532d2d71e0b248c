/* test_template.c: the template interpreter: limits, places of errors, where
 * each byte comes from, and what a conversation looks like to a template.
 * What jinja2 renders is compared in golden/test_jinja. */
#include "chat/jinja.h"
#include "test.h"

#include <time.h>

static struct moe__mem template_mem;
static struct moe__err template_err;
static char template_text[1 << 16];
static char template_origins[1 << 16]; /* 't' template, '.' data */
static moe_status template_status;

/* Keeps what a prompt says, and where from. */
static void keep_prompt(const struct moe__prompt *prompt)
{
    const size_t n = prompt->text.n < sizeof template_text
                         ? prompt->text.n
                         : sizeof template_text - 1;
    if (n > 0)
        memcpy(template_text, prompt->text.data, n);
    template_text[n] = 0;
    memset(template_origins, '.', n);
    template_origins[n] = 0;
    for (int32_t i = 0; i < prompt->n_trusted; i++)
        for (size_t k = prompt->trusted[i].begin;
             k < prompt->trusted[i].end && k < n; k++)
            template_origins[k] = 't';
}

static void render_source(const char *source,
                          const struct moe__conversation *conversation,
                          const char *variables)
{
    struct moe__template *template_ = NULL;
    struct moe__arena arena;
    struct moe__prompt prompt;
    const struct moe__json *json = NULL;
    moe__mem_init(&template_mem, NULL);
    moe__arena_init(&arena, &template_mem);
    moe__prompt_init(&prompt, &template_mem, 0);
    template_err.message[0] = 0;
    template_text[0] = 0;
    template_status = moe__template_create(
        &template_mem, moe__slice_str(source), &template_, &template_err);
    if (template_status == MOE_OK && conversation != NULL) {
        template_status = moe__template_render(template_, conversation, NULL,
                                               &prompt, &template_err);
    } else if (template_status == MOE_OK) {
        template_status = moe__json_read(&arena, moe__slice_str(variables),
                                         &json, &template_err);
        if (template_status == MOE_OK)
            template_status = moe__template_render_json(
                template_, json, moe__slice_str(""), &prompt, &template_err);
    }
    if (template_status == MOE_OK)
        keep_prompt(&prompt);
    moe__template_destroy(template_);
    moe__prompt_free(&prompt);
    moe__arena_free(&arena);
    CHECK(template_mem.live_bytes == 0, "leak in %s", source);
}

static void render_json(const char *source, const char *variables)
{
    render_source(source, NULL, variables);
}

static void errors_have_a_place_and_a_name(void)
{
    static const struct {
        const char *source;
        moe_status status;
        const char *sentence;
    } rows[] = {
        {"a\n  {{ x.y.z }}", MOE_ERR_FORMAT,
         "line 2, column 9: 'y' is not in this dict"},
        {"{{ 'é' + 1 }}", MOE_ERR_FORMAT,
         "line 1, column 8: str + int is not possible"},
        {"{{ q() }}", MOE_ERR_FORMAT, "line 1, column 5: 'q' is undefined"},
        {"{{ x|sparkle }}", MOE_ERR_UNSUPPORTED,
         "line 1, column 6: the filter 'sparkle' is not supported"},
        {"{{ x is sparkling }}", MOE_ERR_UNSUPPORTED,
         "line 1, column 9: the test 'sparkling' is not supported"},
        {"\n{% include 'a' %}", MOE_ERR_UNSUPPORTED,
         "line 2, column 4: the tag 'include' is not supported"},
        {"{% for i in x recursive %}{% endfor %}", MOE_ERR_UNSUPPORTED,
         "line 1, column 15: loops that call themselves"},
        {"{% if x %}", MOE_ERR_FORMAT,
         "line 1, column 11: expected endif, found the end"},
        {"{{ x ", MOE_ERR_FORMAT, "the template ends inside a tag"},
        {"{{ (x] }}", MOE_ERR_FORMAT, "line 1, column 6: a bracket"},
        {"{% break %}", MOE_ERR_FORMAT, "outside a loop"},
        {"{{ raise_exception('no ' ~ 1) }}", MOE_ERR_ARGUMENT,
         "line 1, column 19: no 1"},
        {"{{ [1].append(2) }}", MOE_ERR_UNSUPPORTED,
         "method append: a template must not change a list"},
        {"{{ 'a'.zfill(2) }}", MOE_ERR_UNSUPPORTED, "method zfill: not"},
        {"{{ strftime_now('%Y') }}", MOE_ERR_FORMAT,
         "'strftime_now' is undefined"},
        {"{{ 9223372036854775807 + 1 }}", MOE_ERR_UNSUPPORTED,
         "more than 64 bits"},
        {"{{ 99999999999999999999 }}", MOE_ERR_UNSUPPORTED,
         "line 1, column 4: integer of more than 64 bits"},
        {"{{ 1 // 0 }}", MOE_ERR_FORMAT, "division by zero"},
        {"{{ x|tojson(1, 2, 3, 4, 5) }}", MOE_ERR_FORMAT,
         "filter tojson: 5 arguments, it takes at most 4"},
        {"{{ x.__class__ }}", MOE_ERR_UNSUPPORTED, "'__class__'"},
    };
    for (size_t i = 0; i < MOE__COUNT(rows); i++) {
        render_json(rows[i].source, "{\"x\": {\"a\": 1}}");
        CHECK(template_status == rows[i].status &&
                  strstr(template_err.message, rows[i].sentence) != NULL,
              "%s: %d %s", rows[i].source, (int)template_status,
              template_err.message);
    }
}

/* Runs dry or is refused, within a second. */
static void check_bounded(const char *source)
{
    const clock_t begin = clock();
    render_json(source, "{\"n\": [0,1,2,3,4,5,6,7,8,9]}");
    const double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    CHECK(template_status == MOE_ERR_UNSUPPORTED, "%.60s: %d %s", source,
          (int)template_status, template_err.message);
    CHECK(seconds < 5, "%.60s: %g s, with sanitizers", source, seconds);
}

static void hostile_templates_end(void)
{
    check_bounded("{% for a in range(99999) %}{% for b in range(99999) %}"
                  "{% endfor %}{% endfor %}");
    check_bounded("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}");
    check_bounded("{% set s = namespace(x='ab') %}{% for i in range(99) %}"
                  "{% set s.x = s.x ~ s.x %}{% endfor %}");
    check_bounded("{% for a in range(99999) %}{{ 'x' * 9999 }}{% endfor %}");
    check_bounded("{{ 'x' * 9223372036854775807 }}");
    check_bounded("{{ '' * 9223372036854775807 }}");
    check_bounded("{{ [] * 9223372036854775807 }}");
    check_bounded("{{ [1] * 2147483648 }}");
    check_bounded("{{ range(1000000) }}");
    check_bounded("{% set s = namespace(x=[]) %}{% for i in range(9999) %}"
                  "{% set s.x = [s.x] %}{% endfor %}{{ s.x == s.x }}");
    check_bounded("{% set s = namespace(x='ab') %}{% for i in range(99999) %}"
                  "{% set s.x = s.x.replace('', 'abc') %}{% endfor %}");
    check_bounded("{% set a = 'a' * 999999 %}{{ (a ~ 'b') in (a ~ a) }}");
    check_bounded("{{ 'a'|indent(9223372036854775807, true) }}");
}

static void deep_templates_are_refused(void)
{
    static char source[400000];
    static const char *const openings[] = {"(",          "[",  "-",  "not ",
                                           "{% if x %}", "x[", "f(", "{'a':"};
    for (size_t k = 0; k < MOE__COUNT(openings); k++) {
        size_t n = 0;
        const size_t length = strlen(openings[k]);
        if (openings[k][0] != '{' || openings[k][1] != '%')
            n = (size_t)snprintf(source, sizeof source, "{{ ");
        for (int i = 0; i < 20000; i++, n += length)
            memcpy(source + n, openings[k], length);
        source[n] = 0;
        render_json(source, "{}");
        CHECK(template_status != MOE_OK, "%s", openings[k]);
    }
    /* Operators side by side make a deep tree, too. */
    size_t n = (size_t)snprintf(source, sizeof source, "{{ 1");
    for (int i = 0; i < 20000; i++)
        n += (size_t)snprintf(source + n, sizeof source - n, "+1");
    snprintf(source + n, sizeof source - n, " }}");
    render_json(source, "{}");
    CHECK(template_status == MOE_ERR_UNSUPPORTED, "%s", template_err.message);
}

static void every_byte_knows_its_origin(void)
{
    static const struct {
        const char *source;
        const char *text;
        const char *origins;
    } rows[] = {
        {"<{{ d }}>", "<data>", "t....t"},
        {"{{ '<' + d + '>' }}", "<data>", "t....t"},
        {"{{ '<' ~ d ~ 1 }}", "<data1", "t....t"},
        {"{{ ('<' + d + '>')[1:5] }}", "data", "...."},
        {"{{ ('<' + d + '>')[::-1] }}", ">atad<", "t....t"},
        {"{{ ('<' + d)|upper }}", "<DATA", "t...."},
        {"{{ d|capitalize }}", "Data", "...."},
        {"{{ ('<' + d).replace('a', '--') }}", "<d--t--", "t.tt.tt"},
        {"{{ 'a-b'.replace('-', d) }}", "adatab", "t....t"},
        {"{{ [d, d]|join('|') }}", "data|data", "....t...."},
        {"{{ '|'.join(['x', d]) }}", "x|data", "tt...."},
        {"{{ (d ~ ',' ~ 'x').split(',')[1] }}", "x", "t"},
        {"{{ ('  ' ~ d ~ ' ')|trim }}", "data", "...."},
        {"{{ '%s!'|format(d) }}", "data!", "....t"},
        {"{{ '{}!'.format(d) }}", "data!", "....t"},
        {"{{ d|tojson }}", "\"data\"", "......"},
        {"{{ {'k': d}|tojson }}", "{\"k\": \"data\"}", "tttttt......t"},
        {"{{ o|tojson }}", "{\"k\": 1}", "........"},
        {"{{ o }}", "{'k': 1}", "........"},
        {"{{ o.k }}{{ 1 }}{{ o.k + 1 }}", "112", ".t."},
        {"{{ d|length }}", "4", "t"},
        {"{% for c in d %}{{ c }},{% endfor %}", "d,a,t,a,", ".t.t.t.t"},
        {"{% set x %}<{{ d }}>{% endset %}{{ x }}", "<data>", "t....t"},
        {"{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(d) }}", "<data>",
         "t....t"},
        {"{% filter upper %}a{{ d }}{% endfilter %}", "ADATA", "t...."},
        {"{{ bos_token }}{{ d }}", "<s>data", "ttt...."},
        {"{{ ('a\\n' ~ d)|indent(1) }}", "a\n data", "t.t...."},
        {"{{ d|e }}{{ '<'|e }}", "data&lt;", "....tttt"},
        {"{{ d|title }}{{ d|first }}{{ d|last }}", "Datada", "......"},
        {"{{ d|default('x') }}{{ u|default('x') }}", "datax", "....t"},
        {"{{ d if d else 'x' }}", "data", "...."},
    };
    for (size_t i = 0; i < MOE__COUNT(rows); i++) {
        render_json(rows[i].source,
                    "{\"d\": \"data\", \"o\": {\"k\": 1}, \"bos_token\": "
                    "\"<s>\"}");
        CHECK(template_status == MOE_OK &&
                  strcmp(template_text, rows[i].text) == 0 &&
                  strcmp(template_origins, rows[i].origins) == 0,
              "%s: '%s' '%s' %s", rows[i].source, template_text,
              template_origins, template_err.message);
    }
}

static struct moe__slice slice(const char *text)
{
    return moe__slice_str(text);
}

static void conversations_look_as_in_transformers(void)
{
    const struct moe__call calls[] = {
        {slice("id1"), slice("get"), slice("{\"a\": [1, 2.0]}")}};
    const struct moe__message messages[] = {
        {.role = MOE__ROLE_USER, .content = slice("hi")},
        {.role = MOE__ROLE_ASSISTANT,
         .content = slice(""),
         .reasoning = slice("hm"),
         .calls = calls,
         .n_calls = 1},
        {.role = MOE__ROLE_TOOL,
         .content = slice("42"),
         .name = slice("get"),
         .call_id = slice("id1")},
    };
    struct moe__conversation conversation = {
        .messages = messages,
        .n_messages = 3,
        .asks_for_answer = true,
        .date = slice("2026-11-23"),
    };
    render_source("{{ messages|tojson }}{{ tools }}{{ add_generation_prompt }}"
                  "{{ strftime_now('%d %b %Y') }}{{ bos_token }}",
                  &conversation, NULL);
    CHECK(strcmp(template_text,
                 "[{\"role\": \"user\", \"content\": \"hi\"}, {\"role\": "
                 "\"assistant\", \"content\": \"\", \"reasoning_content\": "
                 "\"hm\", \"tool_calls\": [{\"id\": \"id1\", \"type\": "
                 "\"function\", \"function\": {\"name\": \"get\", "
                 "\"arguments\": {\"a\": [1, 2.0]}}}]}, {\"role\": \"tool\", "
                 "\"content\": \"42\", \"name\": \"get\", \"tool_call_id\": "
                 "\"id1\"}]NoneTrue23 Nov 2026") == 0,
          "%s %s", template_text, template_err.message);
    /* Roles are words of ours: templates make control tokens of them. */
    render_source("{% for m in messages %}<{{ m.role }}>{{ m.content }}"
                  "{% endfor %}",
                  &conversation, NULL);
    CHECK(strcmp(template_origins, "tttttt..ttttttttttttttttt..") == 0, "%s %s",
          template_text, template_origins);
}

static void wrong_arguments_of_calls_name_the_message(void)
{
    const struct moe__call calls[] = {{slice(""), slice("get"), slice("[1]")}};
    const struct moe__message messages[] = {
        {.role = MOE__ROLE_USER, .content = slice("hi")},
        {.role = MOE__ROLE_ASSISTANT, .calls = calls, .n_calls = 1},
    };
    const struct moe__conversation conversation = {.messages = messages,
                                                   .n_messages = 2};
    render_source("x", &conversation, NULL);
    CHECK(template_status == MOE_ERR_ARGUMENT &&
              strstr(template_err.message,
                     "message 1: arguments of 'get' are no JSON object"),
          "%s", template_err.message);
}

static void a_continued_message_ends_the_prompt(void)
{
    const struct moe__message messages[] = {
        {.role = MOE__ROLE_USER, .content = slice("say it")},
        {.role = MOE__ROLE_ASSISTANT, .content = slice("it is ")},
    };
    const struct moe__conversation conversation = {
        .messages = messages, .n_messages = 2, .is_continued = true};
    render_source("{% for m in messages %}<{{ m.content }}>{% endfor %}",
                  &conversation, NULL);
    CHECK(strcmp(template_text, "<say it><it is ") == 0, "%s", template_text);
    render_source("{% for m in messages %}<{{ m.content|trim }}>{% endfor %}",
                  &conversation, NULL);
    CHECK(strcmp(template_text, "<say it><it is") == 0, "%s", template_text);
    render_source("nothing", &conversation, NULL);
    CHECK(template_status == MOE_ERR_ARGUMENT, "%s", template_err.message);
}

static void a_long_prompt_is_no_attack(void)
{
    const size_t n = 10000000;
    char *text = malloc(n + 1);
    REQUIRE(text != NULL);
    for (size_t i = 0; i < n; i++)
        text[i] = i % 7 == 0 ? '\n' : 'a';
    text[n] = 0;
    const struct moe__message messages[] = {
        {.role = MOE__ROLE_USER, .content = slice(text)}};
    const struct moe__conversation conversation = {.messages = messages,
                                                   .n_messages = 1};
    render_source("{% for m in messages %}{{ '<' + m.content|trim + '>' }}"
                  "{{ m.content.split('>')[-1]|length }}{% endfor %}",
                  &conversation, NULL);
    CHECK(template_status == MOE_OK, "%s", template_err.message);
    free(text);
}

/* An allocator that gives out so many blocks. */
static int32_t blocks_left;

static void *few_blocks(void *user, size_t bytes, size_t align)
{
    (void)user;
    (void)align;
    return blocks_left-- > 0 ? aligned_alloc(64, (bytes + 63) / 64 * 64) : NULL;
}

static void few_free(void *user, void *memory, size_t bytes)
{
    (void)user;
    (void)bytes;
    free(memory);
}

static void no_memory_is_a_status(void)
{
    static const char source[] =
        "{% for m in messages %}{{ m.content|upper ~ m|tojson }}{% endfor %}";
    const struct moe__message messages[] = {
        {.role = MOE__ROLE_USER, .content = slice("hi")}};
    const struct moe__conversation conversation = {.messages = messages,
                                                   .n_messages = 1};
    const moe_allocator hook = {sizeof hook, NULL, few_blocks, few_free};
    moe_status status = MOE_ERR_NO_MEMORY;
    int32_t n = 0;
    for (; status != MOE_OK && n < 1000; n++) {
        struct moe__mem mem;
        struct moe__prompt prompt;
        struct moe__template *template_;
        struct moe__err err = {0};
        moe__mem_init(&mem, &hook);
        moe__prompt_init(&prompt, &mem, 0);
        blocks_left = n;
        status = moe__template_create(&mem, moe__slice_str(source), &template_,
                                      &err);
        if (status == MOE_OK)
            status = moe__template_render(template_, &conversation, NULL,
                                          &prompt, &err);
        CHECK(status == MOE_OK || status == MOE_ERR_NO_MEMORY, "%s",
              err.message);
        moe__template_destroy(template_);
        moe__prompt_free(&prompt);
        CHECK(mem.live_bytes == 0, "leak after %d blocks", (int)n);
    }
    CHECK(n > 3 && n < 1000, "%d blocks", (int)n);
}

static const struct test tests[] = {
    {"errors_have_a_place_and_a_name", errors_have_a_place_and_a_name},
    {"hostile_templates_end", hostile_templates_end},
    {"deep_templates_are_refused", deep_templates_are_refused},
    {"every_byte_knows_its_origin", every_byte_knows_its_origin},
    {"conversations_look_as_in_transformers",
     conversations_look_as_in_transformers},
    {"wrong_arguments_of_calls_name_the_message",
     wrong_arguments_of_calls_name_the_message},
    {"a_continued_message_ends_the_prompt",
     a_continued_message_ends_the_prompt},
    {"a_long_prompt_is_no_attack", a_long_prompt_is_no_attack},
    {"no_memory_is_a_status", no_memory_is_a_status},
};

TEST_MAIN(tests)
