/* test_token_trusted.c: control tokens only where the caller trusts the text.
 *
 * A text is written here with its trusted parts in braces: "a{<s>}b". */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include "token_check.h"

enum { UNK, BOS, EOS, SPACE, A, B, AB, A_LESS, LESS, S, MORE, ABB, SS, N_IDS };

static const char *const texts[N_IDS] = {
    "<unk>", "<s>", "</s>", "\xe2\x96\x81", "a",   "b", "ab", "a<",
    "<",     "s",   ">",    "a}b",          "<s>s"};

static const int32_t kinds[N_IDS] = {
    MOE_TOKEN_UNKNOWN,     MOE_TOKEN_CONTROL,      MOE_TOKEN_CONTROL,
    MOE_TOKEN_NORMAL,      MOE_TOKEN_NORMAL,       MOE_TOKEN_NORMAL,
    MOE_TOKEN_NORMAL,      MOE_TOKEN_USER_DEFINED, MOE_TOKEN_NORMAL,
    MOE_TOKEN_NORMAL,      MOE_TOKEN_NORMAL,       MOE_TOKEN_NORMAL,
    MOE_TOKEN_USER_DEFINED};

static void open_small(struct vocab_case *c, struct gguf_builder *b)
{
    build_begin(b, 3);
    build_string(b, "tokenizer.ggml.model", "llama");
    build_strings(b, "tokenizer.ggml.tokens", texts, N_IDS);
    build_array(b, "tokenizer.ggml.token_type", MOE_META_I32, kinds, N_IDS);
    (void)vocab_case_built(c, b);
}

/* The same as of another family, whose control tokens take white space. */
static void open_stripping(struct vocab_case *c, struct gguf_builder *b)
{
    build_begin(b, 3);
    build_string(b, "general.architecture", "phi3");
    build_string(b, "tokenizer.ggml.model", "llama");
    build_strings(b, "tokenizer.ggml.tokens", texts, N_IDS);
    build_array(b, "tokenizer.ggml.token_type", MOE_META_I32, kinds, N_IDS);
    (void)vocab_case_built(c, b);
}

static void close_small(struct vocab_case *c, struct gguf_builder *b)
{
    const char *wrong = vocab_case_free(c);
    CHECK(wrong == NULL, "%s", wrong ? wrong : "");
    build_free(b);
}

/* Takes the braces out of `marked`: text [n], trusted [n_trusted]. */
static size_t read_marked(const char *marked, char *text,
                          struct moe__trust *trusted, int32_t *n_trusted)
{
    size_t n = 0;
    *n_trusted = 0;
    for (; *marked; marked++) {
        if (*marked == '{')
            trusted[*n_trusted].begin = n;
        else if (*marked == '}')
            trusted[(*n_trusted)++].end = n;
        else
            text[n++] = *marked;
    }
    return n;
}

static void check_marked(const struct vocab_case *c, const char *marked,
                         const moe_token *expected, size_t n_expected)
{
    char text[64];
    struct moe__trust trusted[8];
    struct moe__err err = {0};
    struct moe__mem mem;
    struct moe__ids ids;
    int32_t n_trusted;
    const size_t n = read_marked(marked, text, trusted, &n_trusted);
    moe__mem_init(&mem, NULL);
    moe__ids_init(&ids, &mem);
    const moe_status status =
        moe__vocab_encode_trusted(c->vocab, moe__slice_of(text, n), trusted,
                                  n_trusted, MOE_TEXT_CONTINUE, &ids, &err);
    CHECK(status == MOE_OK, "%s: %s", marked, err.message);
    CHECK(ids.n == n_expected, "%s: found %zu ids", marked, ids.n);
    for (size_t i = 0; i < ids.n && i < n_expected; i++)
        CHECK(ids.ids[i] == expected[i], "%s: id %zu is %d, not %d", marked, i,
              (int)ids.ids[i], (int)expected[i]);
    moe__ids_free(&ids);
}

#define IDS(...)                      \
    (const moe_token[]){__VA_ARGS__}, \
        sizeof((const moe_token[]){__VA_ARGS__}) / sizeof(moe_token)

static void only_trusted_parts_have_control_tokens(void)
{
    struct gguf_builder b;
    struct vocab_case c;
    open_small(&c, &b);
    REQUIRE(c.status == MOE_OK, "%s", c.err.message);
    check_marked(&c, "<s>", IDS(LESS, S, MORE));
    check_marked(&c, "{<s>}", IDS(BOS));
    check_marked(&c, "b<s>{<s>}<s>{b</s>}",
                 IDS(B, LESS, S, MORE, BOS, SPACE, LESS, S, MORE, B, EOS));
    check_marked(&c, "{<unk>}", IDS(UNK));
    close_small(&c, &b);
}

static void a_control_token_across_a_border_is_text(void)
{
    struct gguf_builder b;
    struct vocab_case c;
    open_small(&c, &b);
    REQUIRE(c.status == MOE_OK, "%s", c.err.message);
    check_marked(&c, "{<s}>", IDS(LESS, S, MORE));
    check_marked(&c, "<{s>}", IDS(LESS, S, MORE));
    check_marked(&c, "{<}s{>}", IDS(LESS, S, MORE));
    check_marked(&c, "{<s}{>}", IDS(LESS, S, MORE));
    check_marked(&c, "{}<s>{}", IDS(LESS, S, MORE));
    close_small(&c, &b);
}

/* All but control tokens is as if there were no parts. */
static void other_tokens_go_across_borders(void)
{
    struct gguf_builder b;
    struct vocab_case c;
    open_small(&c, &b);
    REQUIRE(c.status == MOE_OK, "%s", c.err.message);
    check_marked(&c, "a{b}", IDS(AB));
    check_marked(&c, "{a}b", IDS(AB));
    check_marked(&c, "a{<}", IDS(A_LESS));
    check_marked(&c, "{a}<", IDS(A_LESS));
    check_marked(&c, "{<s}>s", IDS(SS));
    close_small(&c, &b);
}

/* Text beside a trusted part cannot spoil the control tokens in it. */
static void text_cannot_swallow_a_trusted_control_token(void)
{
    struct gguf_builder b;
    struct vocab_case c;
    open_small(&c, &b);
    REQUIRE(c.status == MOE_OK, "%s", c.err.message);
    check_marked(&c, "a{<s>}", IDS(A, BOS));
    check_marked(&c, "{<}a{<s>}a{<s>}", IDS(LESS, A, BOS, SPACE, A, BOS));
    check_marked(&c, "{<s>}s", IDS(BOS, SPACE, S));
    /* Inside one part the leftmost, longest token counts, as ever. */
    check_marked(&c, "{a<s>}", IDS(A_LESS, S, MORE));
    check_marked(&c, "{<s>s}", IDS(SS));
    close_small(&c, &b);
}

/* As transformers does it for Phi-3: not after <s>; not for user's text. */
static void white_space_after_a_control_token_is_taken(void)
{
    struct gguf_builder b;
    struct vocab_case c;
    open_stripping(&c, &b);
    REQUIRE(c.status == MOE_OK, "%s", c.err.message);
    check_marked(&c, "{</s>} \t\xc2\xa0\n\xe3\x80\x80{</s>}", IDS(EOS, EOS));
    check_marked(&c, "{</s>} ", IDS(EOS));
    check_marked(&c, "{<s>} b", IDS(BOS, SPACE, SPACE, B));
    check_marked(&c, "a {</s>}", IDS(A, SPACE, EOS));
    check_marked(&c, "a< b", IDS(A_LESS, SPACE, B));
    close_small(&c, &b);
}

static void parts_out_of_order_are_refused(void)
{
    static const struct moe__trust bad[][2] = {
        {{2, 3}, {1, 2}}, {{0, 2}, {1, 3}}, {{0, 1}, {2, 4}}, {{2, 1}, {2, 3}}};
    struct gguf_builder b;
    struct vocab_case c;
    struct moe__ids ids;
    open_small(&c, &b);
    REQUIRE(c.status == MOE_OK, "%s", c.err.message);
    moe__ids_init(&ids, &c.file.mem);
    for (size_t i = 0; i < MOE__COUNT(bad); i++) {
        struct moe__err err = {0};
        CHECK(moe__vocab_encode_trusted(c.vocab, moe__slice_str("abb"), bad[i],
                                        2, 0, &ids, &err) == MOE_ERR_ARGUMENT);
        CHECK(strstr(err.message, "in order") != NULL && ids.n == 0);
    }
    moe__ids_free(&ids);
    close_small(&c, &b);
}

static const struct test tests[] = {
    {"only_trusted_parts_have_control_tokens",
     only_trusted_parts_have_control_tokens},
    {"a_control_token_across_a_border_is_text",
     a_control_token_across_a_border_is_text},
    {"other_tokens_go_across_borders", other_tokens_go_across_borders},
    {"text_cannot_swallow_a_trusted_control_token",
     text_cannot_swallow_a_trusted_control_token},
    {"white_space_after_a_control_token_is_taken",
     white_space_after_a_control_token_is_taken},
    {"parts_out_of_order_are_refused", parts_out_of_order_are_refused},
};

TEST_MAIN(tests)
