/* Tool calls in what a model writes, however the bytes are cut. */
#include "chat/calls.h"

#include "test.h"

static struct moe__mem mem;

/* Writes events as "text", "<name#id(", arguments, ")#id>" and "!name{raw}";
 * where one of these ends and an equal one begins cannot be seen. */
static void write_event(struct moe__text *out,
                        const struct moe__call_event *event)
{
    static const char *const before[] = {"", "<", "", ")", "!"};
    const bool is_named =
        event->kind == MOE__CALL_BEGIN || event->kind == MOE__CALL_MALFORMED;
    moe__text_puts(out, before[event->kind]);
    if (is_named)
        moe__text_add(out, event->name);
    if ((is_named || event->kind == MOE__CALL_END) && event->id.n > 0) {
        moe__text_byte(out, '#');
        moe__text_add(out, event->id);
    }
    if (event->kind == MOE__CALL_BEGIN)
        moe__text_byte(out, '(');
    if (event->kind == MOE__CALL_MALFORMED)
        moe__text_byte(out, '{');
    moe__text_add(out, event->text);
    if (event->kind == MOE__CALL_END)
        moe__text_byte(out, '>');
    if (event->kind == MOE__CALL_MALFORMED)
        moe__text_byte(out, '}');
}

static void take_events(struct moe__calls *calls, struct moe__text *out)
{
    struct moe__call_event event;
    while (moe__calls_next(calls, &event))
        write_event(out, &event);
}

/* What comes out of bytes: first `first` of them, then pieces of `piece`. */
static const char *parse(const char *format, const char *bytes, size_t n,
                         size_t first, size_t piece)
{
    static char kept[4096];
    struct moe__calls *calls = NULL;
    struct moe__text out;
    moe__mem_init(&mem, NULL);
    moe__text_init(&out, &mem, sizeof kept - 1);
    if (moe__calls_create(&mem, moe__call_format_find(moe__slice_str(format)),
                          &calls, NULL) != MOE_OK)
        return "no parser";
    for (size_t at = 0; at < n;) {
        const size_t most = at == 0 ? first : piece;
        const size_t step = n - at < most ? n - at : most;
        moe__calls_put(calls, moe__slice_of(bytes + at, step));
        take_events(calls, &out);
        at += step;
    }
    moe__calls_end(calls);
    take_events(calls, &out);
    memcpy(kept, out.n > 0 ? out.data : "", out.n);
    kept[out.n] = 0;
    moe__text_free(&out);
    moe__calls_destroy(calls);
    return atomic_load(&mem.live_bytes) == 0 ? kept : "leak";
}

struct sample {
    const char *bytes, *want;
};

/* Every length of pieces, and every cut in two. */
static void check_samples(const char *format, const struct sample *samples,
                          size_t n_samples)
{
    for (size_t i = 0; i < n_samples; i++) {
        const char *bytes = samples[i].bytes, *want = samples[i].want;
        const size_t n = strlen(bytes);
        for (size_t cut = 1; cut <= n; cut++) {
            const char *pieces = parse(format, bytes, n, cut, cut);
            REQUIRE(strcmp(pieces, want) == 0, "'%s' by %zu: '%s'", bytes, cut,
                    pieces);
            const char *halves = parse(format, bytes, n, cut, n);
            REQUIRE(strcmp(halves, want) == 0, "'%s' cut at %zu: '%s'", bytes,
                    cut, halves);
        }
    }
}

#define CHECK_SAMPLES(format, samples) \
    check_samples(format, samples, sizeof(samples) / sizeof *(samples))

static void lists_of_mistral(void)
{
    static const struct sample samples[] = {
        {"no call", "no call"},
        {"[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {\"a\": [1, \"]\"]}, "
         "\"id\": \"abcdefghi\"}]",
         "<f({\"a\": [1, \"]\"]})#abcdefghi>"},
        {"see [TOOL_CALLS] [{\"name\":\"f\",\"arguments\":{}},\n"
         "{\"arguments\":{\"x\":{}},\"id\":\"1\",\"name\":\"g-2\"}] \n",
         "see <f({})><g-2#1({\"x\":{}})#1> \n"},
        {"[TOOL_CALLS][{\"name\": \"f\"}]", "<f({})>"},
        {"[TOOL_CALLS]{\"name\":\"f\",\"arguments\":{}} [TOOL_CALLS]"
         "{\"name\":\"g\",\"arguments\":{}}",
         "<f({})><g({})>"},
        {"[TOOL_CALL] [TOOL_CALLS", "[TOOL_CALL] [TOOL_CALLS"},
    };
    CHECK_SAMPLES("mistral-v3", samples);
}

static void parts_of_mistral(void)
{
    static const struct sample samples[] = {
        {"[TOOL_CALLS]f[CALL_ID]abcdefghi[ARGS]{\"a\": -1.5e3}",
         "<f#abcdefghi({\"a\": -1.5e3})#abcdefghi>"},
        {"ok[TOOL_CALLS]f[ARGS]{}[TOOL_CALLS]g [ARGS] {\"b\":\"\\u00e9\\\"\"}",
         "ok<f({})><g({\"b\":\"\\u00e9\\\"\"})>"},
        {"[TOOL_CALLS]f[ARGS]{}then", "<f({})>then"},
    };
    CHECK_SAMPLES("mistral-v11", samples);
    CHECK_SAMPLES("mistral-v13", samples);
}

static void tags_of_hermes(void)
{
    static const struct sample samples[] = {
        {"<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n"
         "</tool_call>",
         "<f({\"a\": 1})>"},
        {"Both.\n<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>\n"
         "<tool_call>{\"name\":\"g\",\"arguments\":{\"s\":\"</tool_call>\"}}"
         "</tool_call>\ndone",
         "Both.\n<f({})><g({\"s\":\"</tool_call>\"})>\ndone"},
        {"a <tool> b <tool_cal", "a <tool> b <tool_cal"},
        /* without the marks, at the beginning only */
        {"```json\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n```",
         "<f({\"a\": 1})>"},
        {" {\"name\": \"f\", \"arguments\": {}}", "<f({})>"},
        {"```json\n{\"name\": \"Bob\"}\n```",
         "```json\n{\"name\": \"Bob\"}\n```"},
        {"```c\nint a;\n```", "```c\nint a;\n```"},
        {"See {\"name\": \"f\", \"arguments\": {}}",
         "See {\"name\": \"f\", \"arguments\": {}}"},
    };
    CHECK_SAMPLES("qwen3", samples);
}

static void answers_of_llama(void)
{
    static const struct sample samples[] = {
        {"{\"name\": \"f\", \"parameters\": {\"a\": \"b\"}}",
         "<f({\"a\": \"b\"})>"},
        {"\n{\"type\": \"function\", \"name\": \"f\", \"parameters\": {}}; "
         "{\"name\": \"g\", \"parameters\": {}}",
         "<f({})><g({})>"},
        {"<|python_tag|>{\"name\": \"f\", \"parameters\": {}}", "<f({})>"},
        {"<|python_tag|>print(1)", "!{<|python_tag|>print(1)}"},
        {"plain {\"name\": \"f\", \"parameters\": {}}",
         "plain {\"name\": \"f\", \"parameters\": {}}"},
        {" {\"title\": \"an answer\"}", " {\"title\": \"an answer\"}"},
        {"{\"name\": \"Bob\"}", "{\"name\": \"Bob\"}"},
        {"[1, 2]", "[1, 2]"},
        {"{\"name\": \"f\", \"parameters\": 7}",
         "{\"name\": \"f\", \"parameters\": 7}"},
    };
    CHECK_SAMPLES("llama-3.1", samples);
}

#define BAR "\xef\xbd\x9c"
#define LOW "\xe2\x96\x81"
#define MARK(words) "<" BAR "tool" LOW words BAR ">"

static void marks_of_deepseek(void)
{
    static const struct sample samples[] = {
        {"x" MARK("calls" LOW "begin") MARK("call" LOW "begin") "function" MARK(
             "sep") "f\n```json\n{\"a\": 1}\n```" MARK("call" LOW "end") "\n" //
         MARK("call" LOW
              "begin") "function" MARK("sep") "g\n```json\n{}\n```" //
         MARK("call" LOW "end") MARK("calls" LOW "end"),
         "x<f({\"a\": 1})><g({})>"},
        {MARK("calls" LOW "begin") MARK("call" LOW "begin") "functions_of" MARK(
             "sep") "{}" MARK("call" LOW "end") MARK("calls" LOW "end"),
         "<functions_of({})>"},
        {"<" BAR "tool" LOW, "<" BAR "tool" LOW},
        {MARK("calls" LOW "begin") "words",
         "!{" MARK("calls" LOW "begin") "words}"},
    };
    CHECK_SAMPLES("deepseek-v3", samples);
}

static void channels_of_harmony(void)
{
    static const struct sample samples[] = {
        {"<|channel|>commentary to=functions.f "
         "<|constrain|>json<|message|>{\"a\":1}<|call|>",
         "<f({\"a\":1})>"},
        {"<|channel|>commentary<|message|>I look.<|end|><|start|>assistant"
         "<|channel|>commentary to=functions.f<|constrain|>json<|message|>{}",
         "I look.<f({})>"},
        {" to=functions.f<|channel|>commentary json<|message|>{}<|call|>",
         "<f({})>"},
        {"<|start|>assistant to=functions.f<|channel|>commentary<|message|>{}"
         "<|end|><|start|>assistant<|channel|>final<|message|>Done.",
         "<f({})>Done."},
        {"<|channel|>final<|message|>A < b.<|end|>", "A < b."},
        {"<|channel|>commentary to=functions.f<|message|>no JSON<|end|>"
         "<|start|>assistant<|channel|>final<|message|>Sorry.",
         "!f{<|channel|>commentary to=functions.f<|message|>no JSON<|end|>}"
         "Sorry."},
    };
    CHECK_SAMPLES("gpt-oss", samples);
}

static void lists_of_granite(void)
{
    static const struct sample samples[] = {
        {"<|tool_call|>[{\"name\": \"f\", \"arguments\": {\"a\": null}}, "
         "{\"name\": \"g\", \"arguments\": {}}]",
         "<f({\"a\": null})><g({})>"},
        {"<|tool_call|>[]", "!{<|tool_call|>[]}"},
    };
    CHECK_SAMPLES("granite-3", samples);
}

static void emulated_answers(void)
{
    static const struct sample samples[] = {
        {"{\"name\": \"f\", \"arguments\": {\"a\": 1}}", "<f({\"a\": 1})>"},
        {"```json\n[{\"name\": \"f\", \"arguments\": {}},"
         "{\"name\": \"g\", \"arguments\": {}}]\n```",
         "<f({})><g({})>"},
        {"```json\n{\"a\": 1}\n```", "```json\n{\"a\": 1}\n```"},
        {"```c\nint i;\n```", "```c\nint i;\n```"},
        {"It is 5 {degrees}.", "It is 5 {degrees}."},
        {"", ""},
        {"  ", "  "},
        {"[]", "[]"},
    };
    CHECK_SAMPLES("emulated", samples);
    const struct moe__call_format *format =
        moe__call_format_find(moe__slice_str("emulated"));
    REQUIRE(format != NULL);
    CHECK(moe__call_format_is_emulated(format));
}

static void malformed_calls_come_as_written(void)
{
    static const struct sample samples[] = {
        /* one bracket too few, and the next call is read */
        {"<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}</tool_call>"
         "<tool_call>{\"name\": \"g\", \"arguments\": {}}</tool_call>",
         "<f({\"a\": 1}!f{<tool_call>{\"name\": \"f\", \"arguments\": "
         "{\"a\": 1}</tool_call>}<g({})>"},
        {"<tool_call>f(1)</tool_call> x", "!{<tool_call>f(1)</tool_call>} x"},
        {"<tool_call>{\"name\": 5}", "!{<tool_call>{\"name\": 5}}"},
        {"<tool_call>{\"name\": \"a b\", \"arguments\": {}}</tool_call>",
         "!{<tool_call>{\"name\": \"a b\", \"arguments\": {}}</tool_call>}"},
        {"<tool_call>{\"arguments\": {}}", "!{<tool_call>{\"arguments\": {}}}"},
        {"<tool_call>{\"name\":\"f\",\"name\":\"g\",\"arguments\":{}}",
         "!f{<tool_call>{\"name\":\"f\",\"name\":\"g\",\"arguments\":{}}}"},
        {"<tool_call>{\"name\":\"f\",\"arguments\":[1]}",
         "!f{<tool_call>{\"name\":\"f\",\"arguments\":[1]}}"},
        {"<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":01}}</tool_call>",
         "<f({\"a\":0!f{<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":01}}"
         "</tool_call>}"},
        {"<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":\"\\ud800\"}}",
         "<f({\"a\":\"\\ud800\"}!f{<tool_call>{\"name\":\"f\",\"arguments\":"
         "{\"a\":\"\\ud800\"}}}"},
        {"<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":\"cut",
         "<f({\"a\":\"cut!f{<tool_call>{\"name\":\"f\",\"arguments\":"
         "{\"a\":\"cut}"},
        {"<tool_call>{\"name\":\"f\",\"arguments\":{}}", "<f({})>"},
    };
    CHECK_SAMPLES("hermes", samples);
    static const struct sample parts[] = {
        {"[TOOL_CALLS]not a name[ARGS]{}[TOOL_CALLS]f[ARGS]{}",
         "!{[TOOL_CALLS]not a name[ARGS]{}}<f({})>"},
        {"[TOOL_CALLS]f[ARGS][1]", "!f{[TOOL_CALLS]f[ARGS][1]}"},
        {"[TOOL_CALLS]f", "!{[TOOL_CALLS]f}"},
        {"[TOOL_CALLS]", "!{[TOOL_CALLS]}"},
    };
    CHECK_SAMPLES("mistral-parts", parts);
    static const struct sample lists[] = {
        {"[TOOL_CALLS][{\"name\":\"f\",\"arguments\":{}}, 7]",
         "<f({})>!{, 7]}"},
    };
    CHECK_SAMPLES("mistral-list", lists);
}

/* Whatever bytes of marks and JSON are put in a row: cuts do not matter, and
 * the parser ends. */
static void cuts_do_not_matter(void)
{
    static const char *const words[] = {
        "<tool_call>",
        "</tool_call>",
        "{",
        "}",
        "[",
        "]",
        "\"name\"",
        ":",
        "\"f\"",
        ",",
        "\"arguments\"",
        "{\"a\":1}",
        " ",
        "\n",
        "x",
        "[TOOL_CALLS]",
        "[ARGS]",
        "```json",
        "```",
        ";",
        "<|channel|>",
        "<|message|>",
        "{}",
        "<|call|>",
        "{\"name\":\"f\",\"arguments\":",
        "\"",
        "\\",
        "<|tool_call|>",
        "to=functions.",
        "<|start|>assistant",
        "<|",
        "\xef\xbd\x9c",
        "commentary",
        "function",
        "\"id\":\"7\"",
    };
    uint64_t seed = 88172645463325252u;
    for (int round = 0; round < 4000; round++) {
        char bytes[400] = "", whole[4096];
        for (int i = 0; i < 14; i++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            strcat(bytes, words[seed % (sizeof words / sizeof *words)]);
        }
        const size_t n = strlen(bytes);
        const char *format = moe__call_format_name(
            moe__call_format_at((int32_t)(seed >> 32) & 7));
        strcpy(whole, parse(format, bytes, n, n, n));
        for (size_t piece = 1; piece < 4; piece++)
            REQUIRE(strcmp(parse(format, bytes, n, piece, piece), whole) == 0,
                    "%s, '%s' by %zu: '%s', not '%s'", format, bytes, piece,
                    parse(format, bytes, n, piece, piece), whole);
    }
}

/* Arguments are told while they are written, not at their end. */
static void arguments_stream(void)
{
    struct moe__calls *calls = NULL;
    struct moe__call_event event;
    moe__mem_init(&mem, NULL);
    REQUIRE(moe__calls_create(&mem,
                              moe__call_format_find(moe__slice_str("qwen3")),
                              &calls, NULL) == MOE_OK);
    struct moe__text out;
    moe__text_init(&out, &mem, 0);
    moe__calls_put(calls, moe__slice_str("<tool_call>{\"name\":\"f\","
                                         "\"arguments\":{\"a\":\"bc"));
    take_events(calls, &out);
    CHECK(moe__slice_is(moe__text_slice(&out), "<f({\"a\":\"bc"));
    moe__text_free(&out);
    moe__calls_put(calls, moe__slice_str("d"));
    REQUIRE(moe__calls_next(calls, &event));
    CHECK(event.kind == MOE__CALL_ARGUMENTS && moe__slice_is(event.text, "d") &&
          moe__slice_is(event.name, "f"));
    CHECK(!moe__calls_next(calls, &event));
    moe__calls_reset(calls);
    moe__calls_put(calls, moe__slice_str("new"));
    REQUIRE(moe__calls_next(calls, &event));
    CHECK(event.kind == MOE__CALL_TEXT && moe__slice_is(event.text, "new"));
    moe__calls_destroy(calls);
    CHECK(atomic_load(&mem.live_bytes) == 0);
}

static void a_call_has_a_longest_length(void)
{
    static char piece[1 << 20];
    struct moe__calls *calls = NULL;
    struct moe__call_event event;
    struct moe__err err = {0};
    memset(piece, 'x', sizeof piece);
    moe__mem_init(&mem, NULL);
    REQUIRE(moe__calls_create(&mem,
                              moe__call_format_find(moe__slice_str("qwen3")),
                              &calls, NULL) == MOE_OK);
    moe_status status =
        moe__calls_put(calls, moe__slice_str("<tool_call>{\"name\":\""));
    for (int i = 0; i < 16; i++) {
        CHECK(status == MOE_OK);
        status = moe__calls_put(calls, moe__slice_of(piece, sizeof piece));
        CHECK(!moe__calls_next(calls, &event));
    }
    CHECK(status != MOE_OK && moe__calls_status(calls, &err) == status);
    CHECK(strstr(err.message, "a tool call is longer than") != NULL, "%s",
          err.message);
    moe__calls_destroy(calls);
}

static void *alloc_or_fail(void *user, size_t bytes, size_t align)
{
    int *n_left = user;
    const size_t rounded = (bytes + align - 1) / align * align;
    return (*n_left)-- > 0 ? aligned_alloc(align, rounded) : NULL;
}

static void free_memory(void *user, void *memory, size_t bytes)
{
    (void)user;
    (void)bytes;
    free(memory);
}

/* With memory for n blocks, for every n until that is enough. */
static void every_allocation_can_fail(void)
{
    const struct moe__slice bytes = moe__slice_str(
        "[TOOL_CALLS][{\"id\":\"7\",\"name\":\"f\",\"arguments\":{}}]");
    moe_status status = MOE_ERR_NO_MEMORY;
    int n = 0;
    for (; status == MOE_ERR_NO_MEMORY; n++) {
        int n_left = n;
        bool has_end = false;
        const moe_allocator hook = {sizeof hook, &n_left, alloc_or_fail,
                                    free_memory};
        struct moe__calls *calls = NULL;
        struct moe__call_event event;
        moe__mem_init(&mem, &hook);
        status = moe__calls_create(
            &mem, moe__call_format_find(moe__slice_str("mistral-list")), &calls,
            NULL);
        if (status == MOE_OK) {
            moe__calls_put(calls, bytes);
            moe__calls_end(calls);
            while (moe__calls_next(calls, &event))
                has_end |= event.kind == MOE__CALL_END;
            status = moe__calls_status(calls, NULL);
        }
        CHECK(has_end == (status == MOE_OK), "%d blocks", n);
        moe__calls_destroy(calls);
        CHECK(atomic_load(&mem.live_bytes) == 0);
    }
    CHECK(status == MOE_OK && n > 5, "%d blocks", n);
}

static void formats_are_found_by_dialect(void)
{
    const struct moe__call_format *format =
        moe__call_format_find(moe__slice_str("gpt-oss"));
    REQUIRE(format != NULL);
    CHECK(strcmp(moe__call_format_name(format), "harmony") == 0);
    CHECK(moe__call_format_has_mark(format, moe__slice_str("<|channel|>")));
    CHECK(!moe__call_format_has_mark(format, moe__slice_str("<|endoftext|>")));
    CHECK(moe__call_format_find(moe__slice_str("mistral-v1")) == NULL);
    CHECK(moe__call_format_at(-1) == NULL && moe__call_format_at(8) == NULL);
}

static const struct test tests[] = {
    {"lists_of_mistral", lists_of_mistral},
    {"parts_of_mistral", parts_of_mistral},
    {"tags_of_hermes", tags_of_hermes},
    {"answers_of_llama", answers_of_llama},
    {"marks_of_deepseek", marks_of_deepseek},
    {"channels_of_harmony", channels_of_harmony},
    {"lists_of_granite", lists_of_granite},
    {"emulated_answers", emulated_answers},
    {"malformed_calls_come_as_written", malformed_calls_come_as_written},
    {"cuts_do_not_matter", cuts_do_not_matter},
    {"arguments_stream", arguments_stream},
    {"a_call_has_a_longest_length", a_call_has_a_longest_length},
    {"every_allocation_can_fail", every_allocation_can_fail},
    {"formats_are_found_by_dialect", formats_are_found_by_dialect},
};

TEST_MAIN(tests)
