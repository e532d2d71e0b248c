/* test_token.c: ids against those of other tokenizers, round trips, flags.
 *
 * Vocabularies and expected ids of other projects are in the shared test data;
 * the small ones in tests/data are always there. */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include "token_check.h"

#define VOCAB(name) "vectors/vocab/ggml-vocab-" name ".gguf"

/* A vocabulary from a file; the bytes are kept in *bytes. */
static moe_status open_path(struct vocab_case *c, const char *path,
                            void **bytes)
{
    size_t n = 0;
    *bytes = test_read(path, &n);
    return vocab_case_bytes(c, *bytes, n, NULL);
}

static void close_path(struct vocab_case *c, void *bytes)
{
    const char *wrong = vocab_case_free(c);
    CHECK(wrong == NULL, "%s", wrong ? wrong : "");
    free(bytes);
}

/* The ids as " 1 2 3", malloc'ed. */
static char *ids_text(const struct moe__ids *ids)
{
    char *out = malloc(ids->n * 12 + 1);
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; i < ids->n; i++)
        at += (size_t)sprintf(out + at, " %d", (int)ids->ids[i]);
    return out;
}

static void check_ids(struct vocab_case *c, const char *what,
                      struct moe__slice text, moe_text_flags flags,
                      const char *expected)
{
    struct moe__ids ids;
    struct moe__err err = {0};
    moe__ids_init(&ids, &c->file.mem);
    moe_status status = moe__vocab_encode(c->vocab, text, flags, &ids, &err);
    char *found = ids_text(&ids);
    CHECK(status == MOE_OK, "%s: %s", what, err.message);
    CHECK(strcmp(found, expected) == 0, "%s: \"%.*s\": expected%s, found%s",
          what, (int)text.n, (const char *)text.data, expected, found);
    free(found);
    moe__ids_free(&ids);
}

/* ---------------------------------------------------------- expected ids */

/* FILE.inp: cases, each followed by a line; FILE.out: a line of ids a case. */
static void check_vectors(const char *path)
{
    static const char end[] = "\n__ggml_vocab_test__\n";
    char name[256];
    size_t n;
    int n_cases = 0;
    if (test_shared(path) == NULL)
        SKIP("%s is not there", path);
    snprintf(name, sizeof name, "%s.inp", path);
    char *inputs = test_read(test_shared(name), &n);
    snprintf(name, sizeof name, "%s.out", path);
    char *outputs = test_read(test_shared(name), &n);
    struct vocab_case c;
    void *bytes;
    REQUIRE(open_path(&c, test_shared(path), &bytes) == MOE_OK, "%s",
            c.err.message);
    REQUIRE(inputs && outputs);
    char *line = outputs;
    for (char *input = inputs, *stop; (stop = strstr(input, end)) != NULL;
         input = stop + strlen(end), n_cases++) {
        char *rest = strchr(line, '\n');
        REQUIRE(rest != NULL);
        *rest = 0;
        check_ids(&c, path, moe__slice_of(input, (size_t)(stop - input)), 0,
                  line);
        line = rest + 1;
    }
    CHECK(n_cases == 46, "found %d", n_cases);
    close_path(&c, bytes);
    free(inputs);
    free(outputs);
}

static void llama_spm_gives_the_ids_of_transformers(void)
{
    check_vectors(VOCAB("llama-spm"));
}

static void phi_3_gives_the_ids_of_transformers(void)
{
    check_vectors(VOCAB("phi-3"));
}

static void gpt_2_gives_the_ids_of_transformers(void)
{
    check_vectors(VOCAB("gpt-2"));
}

static void deepseek_coder_gives_the_ids_of_transformers(void)
{
    check_vectors(VOCAB("deepseek-coder"));
}

/* Undoes the escapes of tests/data/tokens in place; returns the length. */
static size_t unescape(char *text)
{
    static const char names[] = "nrt\\", values[] = "\n\r\t\\";
    char *out = text;
    for (const char *in = text; *in; in++) {
        const char *name = *in == '\\' ? strchr(names, in[1]) : NULL;
        if (*in != '\\')
            *out++ = *in;
        else if (name) {
            *out++ = values[name - names];
            in++;
        } else {
            char hex[3] = {in[2], in[3], 0};
            *out++ = (char)strtol(hex, NULL, 16);
            in += 3;
        }
    }
    return (size_t)(out - text);
}

/* Lines of an escaped text, a tab, ids. */
static void check_cases(const char *model, const char *cases)
{
    struct vocab_case c;
    void *bytes;
    size_t n;
    int n_cases = 0;
    char *lines = test_read(test_data(cases), &n);
    REQUIRE(lines != NULL, "%s", cases);
    REQUIRE(open_path(&c, test_data(model), &bytes) == MOE_OK, "%s",
            c.err.message);
    for (char *line = lines, *next; *line; line = next, n_cases++) {
        char *tab = strchr(line, '\t');
        next = strchr(line, '\n');
        REQUIRE(tab && next);
        *next++ = 0;
        *tab = 0;
        char expected[1024];
        snprintf(expected, sizeof expected, "%s%s", tab[1] ? " " : "", tab + 1);
        check_ids(&c, cases, moe__slice_of(line, unescape(line)), 0, expected);
    }
    CHECK(n_cases == 61, "found %d", n_cases);
    close_path(&c, bytes);
    free(lines);
}

static void small_vocabularies_give_the_ids_of_their_makers(void)
{
    check_cases("tiny-mixtral-q4_k_m.gguf", "tokens/tiny_mixtral.txt");
    check_cases("families/mixtral/model.gguf", "tokens/mixtral.txt");
    check_cases("families/gemma3/model.gguf", "tokens/gemma3.txt");
    check_cases("families/qwen2/model.gguf", "tokens/qwen2.txt");
    check_cases("families/smollm3/model.gguf", "tokens/smollm3.txt");
}

static void a_version_2_file_without_pre_loads(void)
{
    const char *path = test_shared(VOCAB("falcon-gguf-v2"));
    struct vocab_case c;
    void *bytes;
    if (path == NULL)
        SKIP("the falcon vocabulary is not there");
    REQUIRE(open_path(&c, path, &bytes) == MOE_OK, "%s", c.err.message);
    CHECK(moe__vocab_size(c.vocab) == 65024);
    CHECK(strcmp(moe__vocab_model(c.vocab), "bpe") == 0);
    CHECK(strcmp(moe__vocab_pre(c.vocab), "default") == 0);
    CHECK(moe__vocab_special(c.vocab, MOE_SPECIAL_BOS) == MOE_TOKEN_NONE);
    CHECK(moe__vocab_is_end(c.vocab, 11));
    CHECK(moe__vocab_kind(c.vocab, 11) == MOE_TOKEN_CONTROL);
    close_path(&c, bytes);
}

/* ------------------------------------------------------------ round trip */

static void check_lines(struct vocab_case *c, const char *corpus)
{
    size_t n;
    char *text = test_read(test_shared(corpus), &n);
    REQUIRE(text != NULL, "%s", corpus);
    for (size_t at = 0, end; at < n; at = end) {
        const char *newline = memchr(text + at, '\n', n - at);
        end = newline ? (size_t)(newline - text) + 1 : n;
        const char *wrong =
            check_encoding(c->vocab, &c->file.mem,
                           moe__slice_of(text + at, end - at), 0, false);
        REQUIRE(wrong == NULL, "%s at %zu: %s", corpus, at, wrong);
    }
    free(text);
}

static void every_line_of_the_corpora_comes_back(void)
{
    static const char *const vocabs[] = {VOCAB("llama-spm"), VOCAB("gpt-2"),
                                         VOCAB("deepseek-coder")};
    static const char *const corpora[] = {
        "corpora/asp_en.txt", "corpora/asp_fr.txt",
        "corpora/lebannen_fr_a1.txt", "corpora/pb_en.txt",
        "corpora/classics_children_en.txt"};
    for (size_t v = 0; v < MOE__COUNT(vocabs); v++) {
        struct vocab_case c;
        void *bytes;
        if (!test_shared(vocabs[v]) || !test_shared(corpora[0]))
            SKIP("the corpora are not there");
        REQUIRE(open_path(&c, test_shared(vocabs[v]), &bytes) == MOE_OK);
        for (size_t i = 0; i < MOE__COUNT(corpora); i++)
            check_lines(&c, corpora[i]);
        close_path(&c, bytes);
    }
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Bytes of all values, or pieces of characters and of special names. */
static size_t random_text(uint8_t text[128], uint32_t *state)
{
    static const char *const parts[] = {" ",
                                        "  ",
                                        "\n",
                                        "a",
                                        "the",
                                        "\xe2\x96\x81",
                                        "\xe2\x96",
                                        "\x81",
                                        "<s>",
                                        "</s>",
                                        "<unk>",
                                        "<0x41>",
                                        "<|im_start|>",
                                        "<|endoftext|>",
                                        "\xf0\x9f\x98\x80",
                                        "\xf0\x9f",
                                        "\xc3\xa9",
                                        "'s",
                                        "123",
                                        "\0",
                                        "\xed\xa0\x80",
                                        "\xc0\x80",
                                        "[INST]",
                                        "\xe4\xb8\xad",
                                        "\r\n"};
    size_t n = 0;
    const size_t want = next_random(state) % 100;
    const bool is_raw = next_random(state) % 4 == 0;
    while (n < want) {
        const char *part = parts[next_random(state) % MOE__COUNT(parts)];
        const size_t bytes = part[0] ? strlen(part) : 1;
        if (is_raw) {
            text[n++] = (uint8_t)next_random(state);
        } else {
            memcpy(text + n, part, bytes);
            n += bytes;
        }
    }
    return n;
}

static void check_any_bytes(const char *path, bool is_partial)
{
    struct vocab_case c;
    void *bytes;
    uint32_t state = 1;
    REQUIRE(open_path(&c, path, &bytes) == MOE_OK, "%s", c.err.message);
    for (int i = 0; i < 4000; i++) {
        uint8_t text[128];
        const size_t n = random_text(text, &state);
        const char *wrong =
            check_encoding(c.vocab, &c.file.mem, moe__slice_of(text, n),
                           i & 1 ? MOE_TEXT_CONTINUE : 0, is_partial);
        REQUIRE(wrong == NULL, "%s, text %d: %s", path, i, wrong);
    }
    close_path(&c, bytes);
}

static void any_bytes_come_back_and_are_no_control_tokens(void)
{
    check_any_bytes(test_data("tiny-mixtral-q4_k_m.gguf"), false);
    check_any_bytes(test_data("families/mixtral/model.gguf"), false);
    check_any_bytes(test_data("families/gemma3/model.gguf"), false);
    check_any_bytes(test_data("families/qwen2/model.gguf"), false);
    if (test_shared(VOCAB("gpt-2")) == NULL)
        SKIP("the larger vocabularies are not there");
    check_any_bytes(test_shared(VOCAB("llama-spm")), false);
    check_any_bytes(test_shared(VOCAB("phi-3")), false);
    check_any_bytes(test_shared(VOCAB("gpt-2")), false);
    /* They lack tokens for bytes that are not UTF-8. */
    check_any_bytes(test_shared(VOCAB("deepseek-coder")), true);
    check_any_bytes(test_shared(VOCAB("falcon-gguf-v2")), true);
}

/* A byte that cannot be spelled is an error that names it, not a gap. */
static void a_byte_without_token_is_named(void)
{
    struct vocab_case c;
    void *bytes;
    if (test_shared(VOCAB("deepseek-coder")) == NULL)
        SKIP("the deepseek-coder vocabulary is not there");
    REQUIRE(open_path(&c, test_shared(VOCAB("deepseek-coder")), &bytes) ==
            MOE_OK);
    struct moe__ids ids;
    struct moe__err err = {0};
    moe__ids_init(&ids, &c.file.mem);
    REQUIRE(moe__ids_push(&ids, 7) == MOE_OK);
    const moe_status status =
        moe__vocab_encode(c.vocab, moe__slice_str("abc\xff"), 0, &ids, &err);
    CHECK(status == MOE_ERR_UNSUPPORTED && err.status == status);
    CHECK(strstr(err.message, "byte 0xff") != NULL, "%s", err.message);
    CHECK(ids.n == 1 && ids.ids[0] == 7, "what was there before stays");
    moe__ids_free(&ids);
    close_path(&c, bytes);
}

/* ----------------------------------------------------------------- flags */

static void flags_decide_about_control_tokens(void)
{
    struct vocab_case c;
    void *bytes;
    REQUIRE(open_path(&c, test_data("tiny-mixtral-q4_k_m.gguf"), &bytes) ==
            MOE_OK);
    const moe_token bos = moe__vocab_special(c.vocab, MOE_SPECIAL_BOS);
    const moe_token eos = moe__vocab_special(c.vocab, MOE_SPECIAL_EOS);
    CHECK(bos == 1 && eos == 2);
    CHECK(moe__vocab_special(c.vocab, MOE_SPECIAL_UNK) == 0);
    CHECK(moe__vocab_special(c.vocab, MOE_SPECIAL_EOT) == eos ||
          moe__vocab_special(c.vocab, MOE_SPECIAL_EOT) == MOE_TOKEN_NONE);
    CHECK(moe__vocab_is_end(c.vocab, eos) && !moe__vocab_is_end(c.vocab, bos));
    CHECK(moe__vocab_find(c.vocab, moe__slice_str("</s>")) == eos);
    CHECK(moe__slice_is(moe__vocab_piece(c.vocab, eos), "</s>"));

    const struct moe__slice text = moe__slice_str("<s></s><unk>");
    check_ids(&c, "parsed", text, MOE_TEXT_PARSE_CONTROL, " 1 2 0");
    check_ids(&c, "begin added", moe__slice_str("</s>"),
              MOE_TEXT_PARSE_CONTROL | MOE_TEXT_SPECIALS, " 1 2");
    check_ids(&c, "empty", moe__slice_str(""), 0, "");
    check_ids(&c, "empty", moe__slice_str(""), MOE_TEXT_SPECIALS, " 1");
    struct moe__ids ids;
    moe__ids_init(&ids, &c.file.mem);
    REQUIRE(moe__vocab_encode(c.vocab, text, 0, &ids, NULL) == MOE_OK);
    for (size_t i = 0; i < ids.n; i++)
        CHECK(ids.ids[i] > 2);
    moe__ids_free(&ids);
    close_path(&c, bytes);
}

/* The space before a text stands at its start and after a control token. */
static void continued_text_gets_no_space(void)
{
    struct vocab_case c;
    void *bytes;
    char spaced[64], plain[64], both[160];
    REQUIRE(open_path(&c, test_data("tiny-mixtral-q4_k_m.gguf"), &bytes) ==
            MOE_OK);
    CHECK(moe__vocab_has_space_prefix(c.vocab));
    const moe_token with =
        moe__vocab_find(c.vocab, moe__slice_str("\xe2\x96\x81"
                                                "a"));
    const moe_token without = moe__vocab_find(c.vocab, moe__slice_str("a"));
    REQUIRE(with > 0 && without > 0);
    snprintf(spaced, sizeof spaced, " %d", (int)with);
    snprintf(plain, sizeof plain, " %d", (int)without);
    snprintf(both, sizeof both, "%s 2%s", plain, spaced);
    check_ids(&c, "fresh", moe__slice_str("a"), 0, spaced);
    check_ids(&c, "continued", moe__slice_str("a"), MOE_TEXT_CONTINUE, plain);
    check_ids(&c, "after control", moe__slice_str("a</s>a"),
              MOE_TEXT_CONTINUE | MOE_TEXT_PARSE_CONTROL, both);
    close_path(&c, bytes);
}

static void bpe_adds_no_space(void)
{
    struct vocab_case c;
    void *bytes;
    REQUIRE(open_path(&c, test_data("families/qwen2/model.gguf"), &bytes) ==
            MOE_OK);
    CHECK(!moe__vocab_has_space_prefix(c.vocab));
    CHECK(strcmp(moe__vocab_pre(c.vocab), "gpt-2") == 0);
    CHECK(moe__slice_is(
        moe__vocab_piece(c.vocab,
                         moe__vocab_special(c.vocab, MOE_SPECIAL_NEWLINE)),
        "\n"));
    const moe_token blank =
        moe__vocab_find(c.vocab, moe__slice_str("\xc4\xa0")); /* U+0120 */
    REQUIRE(blank > 0);
    CHECK(moe__slice_is(moe__vocab_piece(c.vocab, blank), " "));
    close_path(&c, bytes);
}

/* ------------------------------------------------------------- long runs */

/* Encodes n bytes of one unit and an x: patterns that want a run to go on to
 * the end of the text fail. */
static void check_long_run(struct vocab_case *c, const char *unit, size_t n)
{
    char *text = malloc(n + 8);
    for (size_t at = 0; at < n; at += strlen(unit))
        memcpy(text + at, unit, strlen(unit));
    text[n - 1] = 'x';
    const char *wrong = check_encoding(c->vocab, &c->file.mem,
                                       moe__slice_of(text, n), 0, false);
    CHECK(wrong == NULL, "%s, \"%s\": %s", moe__vocab_pre(c->vocab), unit,
          wrong ? wrong : "");
    free(text);
}

/* Quadratic work would take hours for the first three, minutes for others. */
static void check_long_runs(const char *path)
{
    static const char *const units[] = {"a",
                                        " ",
                                        "\xf0\x9f\x98\x80",
                                        "\n",
                                        "0",
                                        "'",
                                        "-",
                                        "\xe4\xb8\xad",
                                        "\x80",
                                        "a ",
                                        "A",
                                        "\xe2\x96\x81",
                                        "<",
                                        "<|",
                                        "\r\n",
                                        "\xcc\x81"};
    struct vocab_case c;
    void *bytes;
    REQUIRE(open_path(&c, path, &bytes) == MOE_OK, "%s", c.err.message);
    for (size_t u = 0; u < MOE__COUNT(units); u++)
        check_long_run(&c, units[u], u < 3 ? 1 << 20 : 1 << 17);
    close_path(&c, bytes);
}

static void one_mebibyte_of_one_letter_takes_no_long_time(void)
{
    check_long_runs(test_data("tiny-mixtral-q4_k_m.gguf"));
    check_long_runs(test_data("families/qwen2/model.gguf"));
    if (test_shared(VOCAB("gpt-2")) == NULL)
        SKIP("the larger vocabularies are not there");
    check_long_runs(test_shared(VOCAB("llama-spm")));
    check_long_runs(test_shared(VOCAB("gpt-2")));
    check_long_runs(test_shared(VOCAB("deepseek-coder")));
}

static void long_runs_are_no_matter_to_any_pre_tokenizer(void)
{
    static const char *const names[] = {
        "starcoder",    "falcon",
        "default",      "llama-bpe",
        "qwen2",        "qwen35",
        "minicpm5",     "jais-2",
        "deepseek-llm", "deepseek-coder",
        "deepseek-v3",  "tekken",
        "gpt-4o",       "youtu",
        "bailingmoe",   "seed-coder",
        "exaone-moe",   "laguna",
        "bloom",        "viking",
        "chameleon",    "kimi-k2",
        "tiny_aya",     "afmoe",
        "superbpe",     "granite-embed-multi-97m"};
    static const char *const units[] = {
        "a", " ", "\n", "0", "'", "<", "A", "\xe4\xb8\xad", "\xcc\x81", "\x80"};
    size_t n_file = 0;
    void *bytes = test_read(test_data("families/qwen2/model.gguf"), &n_file);
    for (size_t i = 0; i < MOE__COUNT(names); i++) {
        char pre[64];
        struct vocab_case c;
        snprintf(pre, sizeof pre, "tokenizer.ggml.pre=%s", names[i]);
        REQUIRE(vocab_case_bytes(&c, bytes, n_file, pre) == MOE_OK, "%s",
                c.err.message);
        CHECK(strcmp(moe__vocab_pre(c.vocab), names[i]) == 0);
        for (size_t u = 0; u < MOE__COUNT(units); u++)
            check_long_run(&c, units[u], 1 << 17);
        const char *wrong = vocab_case_free(&c);
        CHECK(wrong == NULL, "%s", wrong ? wrong : "");
    }
    free(bytes);
}

static const struct test tests[] = {
    {"llama_spm_gives_the_ids_of_transformers",
     llama_spm_gives_the_ids_of_transformers},
    {"phi_3_gives_the_ids_of_transformers",
     phi_3_gives_the_ids_of_transformers},
    {"gpt_2_gives_the_ids_of_transformers",
     gpt_2_gives_the_ids_of_transformers},
    {"deepseek_coder_gives_the_ids_of_transformers",
     deepseek_coder_gives_the_ids_of_transformers},
    {"small_vocabularies_give_the_ids_of_their_makers",
     small_vocabularies_give_the_ids_of_their_makers},
    {"a_version_2_file_without_pre_loads", a_version_2_file_without_pre_loads},
    {"every_line_of_the_corpora_comes_back",
     every_line_of_the_corpora_comes_back},
    {"any_bytes_come_back_and_are_no_control_tokens",
     any_bytes_come_back_and_are_no_control_tokens},
    {"a_byte_without_token_is_named", a_byte_without_token_is_named},
    {"flags_decide_about_control_tokens", flags_decide_about_control_tokens},
    {"continued_text_gets_no_space", continued_text_gets_no_space},
    {"bpe_adds_no_space", bpe_adds_no_space},
    {"one_mebibyte_of_one_letter_takes_no_long_time",
     one_mebibyte_of_one_letter_takes_no_long_time},
    {"long_runs_are_no_matter_to_any_pre_tokenizer",
     long_runs_are_no_matter_to_any_pre_tokenizer},
};

TEST_MAIN(tests)
