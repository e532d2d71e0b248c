/* test_jinja.c: whole chat templates and small cases of other projects.
 *
 * The small cases follow an engine in JavaScript.  Where Python's jinja2 gives
 * something else, its answer stands here. */
#include "chat/jinja.h"
#include "test.h"

/* Cases that jinja2 3.1.6 renders differently. */
static const struct python_answer {
    const char *name;
    const char *text;
} python_answers[] = {
    {"BOOLEAN_LITERALS", "|True|False|True|False|"},
    {"LOGICAL_AND", "TrueFalseFalseFalse"},
    {"LOGICAL_OR", "TrueTrueTrueFalse"},
    {"LOGICAL_NOT", "FalseTrue"},
    {"LOGICAL_NOT_NOT", "TrueFalse"},
    {"LOGICAL_AND_OR", "TrueTrueTrueTrueFalse"},
    {"LOGICAL_AND_NOT", "FalseTrueFalseFalse"},
    {"LOGICAL_OR_NOT", "TrueTrueFalseTrue"},
    {"LOGICAL_COMBINED", "FalseTrue"},
    {"BINOP_EXPR", "1TrueFalseFalseTrueTrueTrue5"},
    {"BINOP_EXPR_1", "1+2=3 is True"},
    {"PROPERTIES_1", "|[['zero-zero-zero', 'zero-zero-one'], ['zero-one-zero', "
                     "'zero-one-one']]|['zero-one-zero', "
                     "'zero-one-one']|zero-one-one|mixed-indexing|"},
    {"MEMBERSHIP", "|True|True|True|True|True|False|"},
    {"MEMBERSHIP_NEGATION_1", "|False|False|False|False|False|True|"},
    {"MEMBERSHIP_NEGATION_2", "|False|False|False|False|False|True|"},
    {"MEMBERSHIP_UNDEFINED", "|False|False|False|False|False|False|"},
    {"UNARY_SIGN_EXPRESSIONS",
     "|yes|True|True|True|True|1|True|-1|1|2|-2|-1.5|-0.0|1|-1|0|"},
    {"SUBSTRING_INCLUSION", "|True|True|False|True|False|True|False|"},
    {"FILTER_OPERATOR_13",
     "[{'name': 'some_tool', 'arguments': {'some_name': 'string'}}]"},
    {"FILTER_OPERATOR_16", "|hello|False|hello|hello|"},
    {"SORT_BASIC_STRINGS", "['Apple', 'banana', 'cherry']"},
    {"SORT_CASE_SENSITIVE", "['Apple', 'banana', 'cherry']"},
    {"SORT_CASE_INSENSITIVE", "['Apple', 'banana', 'cherry']"},
    {"SORT_ATTRIBUTE_SIMPLE", "['Alice', 'Bob', 'Charlie']"},
    {"SORT_CHAINED", "['Bob', 'Alice', 'Charlie', 'David']"},
    {"SORT_STABLE", "['apple', 'banana', 'carrot', 'broccoli']"},
    {"SORT_POSITIONAL_REVERSE_CASE", "['Apple', 'banana', 'cherry']"},
    {"SORT_POSITIONAL_ALL", "['Alice', 'Bob', 'Charlie']"},
    {"SORT_NULL_VALUES", "[None, None]"},
    {"SORT_UNDEFINED_VALUES", "[Undefined, Undefined, Undefined]"},
    {"SORT_MIXED_BOOL_NUM", "[0, False, 0.5, True, 1]"},
    {"BOOLEAN_NUMERICAL", "|2|0|0|0|1|1|1|0|False|True|"},
    {"BOOLEAN_STRINGS", "|b||||a|a|a||False|True|"},
    {"BOOLEAN_MIXED", "|1|0|False|False|True|True|1|0|"},
    {"BOOLEAN_MIXED_2", "||a||a||True|False|a|"},
    {"IS_OPERATOR", "|False|True|True|False|"},
    {"IS_OPERATOR_2", "|True|False|False|True|True|False|"},
    {"IS_OPERATOR_3", "|True|False|False|True|True|False|True|False|"},
    {"IS_OPERATOR_5", "|True|False|False|True|"},
    {"IS_OPERATOR_6", "|False|False|False|True|"},
    {"SHORT_CIRCUIT", "False"},
    {"SHORT_CIRCUIT_1", "True"},
    {"NAMESPACE_1", "False"},
    {"NAMESPACE_2", "|False|2|"},
    {"OBJECT_OPERATORS", "|True|False|False|True|"},
    {"OBJECT_OPERATORS_1", "|True|True|True|"},
    {"SCOPE", "found=True"},
    {"SCOPE_1", "found=False"},
};

/* Cases that jinja2 refuses, and a part of our sentence. */
static const struct refused_case {
    const char *name;
    const char *sentence;
} refused_cases[] = {
    {"FOR_LOOP_UNPACKING", "line 1, column 44: int + str is not possible"},
    {"FOR_LOOP_OBJECTS", "line 1, column 30: str + int is not possible"},
    {"REPLACE", "line 1, column 146: method replace: argument 'count' is "
                "unknown or given twice"},
    {"FILTER_OPERATOR_4",
     "line 1, column 32: filter length: generator has no length"},
    {"FILTER_OPERATOR_5",
     "line 1, column 57: filter length: generator has no length"},
    {"FILTER_OPERATOR_6", "line 1, column 37: generator cannot be sliced"},
    {"FILTER_OPERATOR_7", "line 1, column 90: filter tojson: a value of type "
                          "undefined cannot be written as JSON"},
    {"FILTER_OPERATOR_11",
     "line 1, column 32: filter length: generator has no length"},
    {"FILTER_OPERATOR_12",
     "line 1, column 57: filter length: generator has no length"},
    {"OBJECT_OPERATORS_2", "line 1, column 43: str + int is not possible"},
    {"MACROS_2", "line 1, column 33: int + str is not possible"},
};

static struct moe__mem jinja_mem;

/* Renders; *out is malloc'ed, NULL on failure. */
static char *jinja_text(const struct moe__json *source,
                        const struct moe__json *variables, struct moe__err *err)
{
    struct moe__template *template_;
    struct moe__prompt prompt;
    char *text = NULL;
    moe__prompt_init(&prompt, &jinja_mem, 0);
    if (moe__template_create(&jinja_mem, source->text, &template_, err) ==
        MOE_OK) {
        if (moe__template_render_json(template_, variables,
                                      moe__slice_str("2026-11-23"), &prompt,
                                      err) == MOE_OK &&
            (text = calloc(prompt.text.n + 1, 1)) != NULL && prompt.text.n > 0)
            memcpy(text, prompt.text.data, prompt.text.n);
        moe__template_destroy(template_);
    }
    moe__prompt_free(&prompt);
    return text;
}

/* The entries of a file of vectors; NULL: not here. */
static const struct moe__json *jinja_vectors(struct moe__arena *arena,
                                             const char *path)
{
    size_t bytes;
    const struct moe__json *all = NULL;
    char *file = test_read(test_shared(path), &bytes);
    if (file != NULL &&
        moe__json_read(arena, moe__slice_of(file, bytes), &all, NULL) != MOE_OK)
        all = NULL;
    free(file);
    return all;
}

static const char *answer_of_python(struct moe__slice name)
{
    for (size_t i = 0; i < MOE__COUNT(python_answers); i++)
        if (moe__slice_is(name, python_answers[i].name))
            return python_answers[i].text;
    return NULL;
}

static const char *sentence_of_refusal(struct moe__slice name)
{
    for (size_t i = 0; i < MOE__COUNT(refused_cases); i++)
        if (moe__slice_is(name, refused_cases[i].name))
            return refused_cases[i].sentence;
    return NULL;
}

static void check_case(const struct moe__json *entry, const char *variables)
{
    struct moe__err err = {0};
    const struct moe__slice name = moe__json_get(entry, "name")->text;
    const char *python = answer_of_python(name);
    const char *sentence = sentence_of_refusal(name);
    const struct moe__slice expected =
        python != NULL ? moe__slice_str(python)
                       : moe__json_get(entry, "expected")->text;
    char *text = jinja_text(moe__json_get(entry, "template"),
                            moe__json_get(entry, variables), &err);
    if (sentence != NULL)
        CHECK(text == NULL && strstr(err.message, sentence) != NULL, "%.*s: %s",
              (int)name.n, (const char *)name.data,
              text != NULL ? text : err.message);
    else
        CHECK(text != NULL && moe__slice_is(expected, text), "%.*s: %s",
              (int)name.n, (const char *)name.data,
              text != NULL ? text : err.message);
    free(text);
}

static void check_file(const char *path, const char *variables, int32_t n)
{
    struct moe__arena arena;
    moe__mem_init(&jinja_mem, NULL);
    moe__arena_init(&arena, &jinja_mem);
    const struct moe__json *all = jinja_vectors(&arena, path);
    if (all == NULL) {
        moe__arena_free(&arena);
        SKIP("%s is not here", path);
    }
    CHECK(all->n == n, "%d entries", (int)all->n);
    for (int32_t i = 0; i < all->n; i++)
        check_case(&all->items[i], variables);
    moe__arena_free(&arena);
    CHECK(jinja_mem.live_bytes == 0, "leak");
}

static void agreed_templates_render_as_published(void)
{
    check_file("vectors/jinja/hf_e2e_chat_templates_agreed.json", "data", 49);
}

static void cases_render_as_in_python_or_fail_with_a_place(void)
{
    check_file("vectors/jinja/hf_jinja_cases.json", "context", 157);
}

/* A text of pieces as plain text: U+2581 is a space, <0x0A> a newline. */
static void mistral_plain(char *text)
{
    char *to = text;
    for (const char *from = text; *from != 0;) {
        if (strncmp(from, "\xe2\x96\x81", 3) == 0) {
            *to++ = ' ';
            from += 3;
        } else if (strncmp(from, "<0x0A>", 6) == 0) {
            *to++ = '\n';
            from += 6;
        } else {
            *to++ = *from++;
        }
    }
    *to = 0;
}

#define MISTRAL "vectors/mistral/tests/data/"

static void check_mistral(const char *sample, const char *version)
{
    char path[160], *text;
    size_t bytes;
    struct moe__arena arena;
    struct moe__err err = {0};
    struct moe__json source = {.kind = MOE__JSON_STRING};
    const struct moe__json *parts;
    struct moe__json values[4];
    struct moe__slice keys[4];
    moe__mem_init(&jinja_mem, NULL);
    moe__arena_init(&arena, &jinja_mem);
    snprintf(path, sizeof path, MISTRAL "chat_templates/%s_spm.jinja", version);
    char *jinja = test_read(test_shared(path), &bytes);
    source.text = moe__slice_of(jinja, bytes);
    snprintf(path, sizeof path, MISTRAL "samples/%s/sample.json", sample);
    char *json = test_read(test_shared(path), &bytes);
    REQUIRE(jinja && json &&
            !moe__json_read(&arena, moe__slice_of(json, bytes), &parts, &err));
    const struct moe__json *tools = moe__json_get(parts, "tools");
    values[0] = *moe__json_get(parts, "messages");
    values[1] = tools && tools->n > 0 ? *tools : (struct moe__json){0};
    values[2] = values[3] = (struct moe__json){.kind = MOE__JSON_STRING};
    values[2].text = moe__slice_str("<s>");
    values[3].text = moe__slice_str("</s>");
    keys[0] = moe__slice_str("messages");
    keys[1] = moe__slice_str("tools");
    keys[2] = moe__slice_str("bos_token");
    keys[3] = moe__slice_str("eos_token");
    const struct moe__json variables = {
        .kind = MOE__JSON_OBJECT, .n = 4, .items = values, .keys = keys};
    snprintf(path, sizeof path, MISTRAL "samples/%s/text_%s.txt", sample,
             version);
    char *expected = test_read(test_shared(path), &bytes);
    REQUIRE(expected != NULL, "%s", path);
    mistral_plain(expected);
    text = jinja_text(&source, &variables, &err);
    CHECK(text && strcmp(text, expected) == 0, "%s %s: %s", sample, version,
          text ? text : err.message);
    free(text);
    free(expected);
    free(json);
    free(jinja);
    moe__arena_free(&arena);
}

static void templates_of_mistral_give_the_encoder_s_text(void)
{
    if (test_shared(MISTRAL "samples/no_tools/sample.json") == NULL)
        SKIP("vectors/mistral is not here");
    check_mistral("no_tools", "v1");
    check_mistral("no_tools", "v2");
    check_mistral("no_tools", "v3");
    check_mistral("several_calls", "v2");
    check_mistral("several_calls", "v3");
    check_mistral("parallel_calls", "v3");
}

static const struct test tests[] = {
    {"agreed_templates_render_as_published",
     agreed_templates_render_as_published},
    {"cases_render_as_in_python_or_fail_with_a_place",
     cases_render_as_in_python_or_fail_with_a_place},
    {"templates_of_mistral_give_the_encoder_s_text",
     templates_of_mistral_give_the_encoder_s_text},
};

TEST_MAIN(tests)
