/* test_token_hostile.c: vocabularies that are wrong, odd or built to harm.
 *
 * Each is refused with a sentence that names the key, or works in the way that
 * the test says. */
#define _POSIX_C_SOURCE 200809L
#include "encodes.h"

#include "token/index.h"

#include <math.h>

#define KEY(name) "tokenizer.ggml." name
#define N_SMALL 7

/* A small SentencePiece vocabulary; what a test leaves out is NULL. */
struct small_vocab {
    const char *texts[N_SMALL];
    const int32_t *kinds;
    const float *scores;
    int n;
};

static const int32_t small_kinds[N_SMALL] = {
    MOE_TOKEN_UNKNOWN, MOE_TOKEN_CONTROL, MOE_TOKEN_CONTROL, MOE_TOKEN_NORMAL,
    MOE_TOKEN_NORMAL,  MOE_TOKEN_NORMAL,  MOE_TOKEN_NORMAL};

static struct small_vocab small_vocab(void)
{
    return (struct small_vocab){
        .texts = {"<unk>", "<s>", "</s>", "\xe2\x96\x81", "a", "b", "ab"},
        .kinds = small_kinds,
        .n = N_SMALL};
}

static void build_small(struct gguf_builder *b, const char *model,
                        const struct small_vocab *v)
{
    build_begin(b, 3);
    build_string(b, KEY("model"), model);
    build_strings(b, KEY("tokens"), v->texts, (uint64_t)v->n);
    if (v->kinds)
        build_array(b, KEY("token_type"), MOE_META_I32, v->kinds,
                    (uint64_t)v->n);
    if (v->scores)
        build_array(b, KEY("scores"), MOE_META_F32, v->scores, (uint64_t)v->n);
}

/* Frees both; the vocabulary was refused with `status` and a sentence that has
 * `part`, or was accepted if part is NULL. */
static void finish(struct vocab_case *c, struct gguf_builder *b,
                   const char *what, moe_status status, const char *part)
{
    CHECK(c->status == status, "%s: %d: %s", what, (int)c->status,
          c->err.message);
    if (part)
        CHECK(c->err.status == status && strstr(c->err.message, part), "%s: %s",
              what, c->err.message);
    CHECK((c->vocab != NULL) == (c->status == MOE_OK), "%s", what);
    const char *wrong = vocab_case_free(c);
    CHECK(wrong == NULL, "%s: %s", what, wrong ? wrong : "");
    build_free(b);
}

static void expect(struct gguf_builder *b, const char *what, moe_status status,
                   const char *part)
{
    struct vocab_case c;
    (void)vocab_case_built(&c, b);
    if (c.vocab) {
        const char *wrong = check_encoding(
            c.vocab, &c.file.mem, moe__slice_str("ab <s>\xff"), 0, true);
        CHECK(wrong == NULL, "%s: %s", what, wrong ? wrong : "");
    }
    finish(&c, b, what, status, part);
}

/* ---------------------------------------------------------------- arrays */

static void a_vocabulary_needs_a_known_model_and_tokens(void)
{
    const struct small_vocab v = small_vocab();
    struct gguf_builder b;
    build_begin(&b, 3);
    expect(&b, "nothing", MOE_ERR_UNSUPPORTED, KEY("model"));
    build_small(&b, "bert", &v);
    expect(&b, "bert", MOE_ERR_UNSUPPORTED, "\"bert\"");
    build_begin(&b, 3);
    build_u32(&b, KEY("model"), 1);
    expect(&b, "number", MOE_ERR_FORMAT, KEY("model"));
    build_begin(&b, 3);
    build_string(&b, KEY("model"), "llama");
    expect(&b, "no tokens", MOE_ERR_FORMAT, KEY("tokens"));
    build_begin(&b, 3);
    build_string(&b, KEY("model"), "llama");
    build_strings(&b, KEY("tokens"), NULL, 0);
    expect(&b, "0 tokens", MOE_ERR_FORMAT, KEY("tokens"));
    build_begin(&b, 3);
    build_string(&b, KEY("model"), "llama");
    build_string(&b, KEY("tokens"), "a");
    expect(&b, "a string", MOE_ERR_FORMAT, KEY("tokens"));
    build_begin(&b, 3);
    build_string(&b, KEY("model"), "llama");
    build_array(&b, KEY("tokens"), MOE_META_U64, NULL, 3);
    expect(&b, "numbers", MOE_ERR_FORMAT, KEY("tokens"));
    build_small(&b, "gpt2", &v);
    expect(&b, "no merges", MOE_ERR_FORMAT, KEY("merges"));
    build_small(&b, "gpt2", &v);
    build_array(&b, KEY("merges"), MOE_META_I32, NULL, 3);
    expect(&b, "merges", MOE_ERR_FORMAT, KEY("merges"));
    build_small(&b, "gpt2", &v);
    build_strings(&b, KEY("merges"), NULL, 0);
    build_string(&b, KEY("pre"), "no-such");
    expect(&b, "pre", MOE_ERR_UNSUPPORTED, "\"no-such\"");
    build_small(&b, "gpt2", &v);
    build_strings(&b, KEY("merges"), NULL, 0);
    build_string(&b, KEY("pre"), "");
    expect(&b, "pre", MOE_ERR_UNSUPPORTED, KEY("pre"));
    build_small(&b, "llama", &v);
    expect(&b, "sound", MOE_OK, NULL);
}

/* Scores and types of every element type and of lengths that are not the
 * tokens'. */
static void arrays_of_other_types_and_lengths_are_refused_or_read(void)
{
    static const char *const keys[] = {KEY("scores"), KEY("token_type")};
    struct small_vocab v = small_vocab();
    v.kinds = NULL;
    for (int k = 0; k < 2; k++)
        for (moe_meta_type type = 0; type <= MOE_META_F64; type++)
            for (int n = 0; n <= N_SMALL + 1; n++) {
                if (type == MOE_META_STRING || type == MOE_META_ARRAY)
                    continue;
                const bool is_number = type != MOE_META_BOOL;
                const bool is_integer =
                    is_number && type != MOE_META_F32 && type != MOE_META_F64;
                const bool is_fit =
                    n == N_SMALL && (k == 0 ? is_number : is_integer);
                struct gguf_builder b;
                build_small(&b, "llama", &v);
                build_array(&b, keys[k], type, NULL, (uint64_t)n);
                expect(&b, keys[k], is_fit ? MOE_OK : MOE_ERR_FORMAT,
                       is_fit ? NULL : keys[k]);
            }
    for (int k = 0; k < 2; k++) {
        struct gguf_builder b;
        build_small(&b, "llama", &v);
        build_u32(&b, keys[k], N_SMALL);
        expect(&b, "no array", MOE_ERR_FORMAT, keys[k]);
        build_small(&b, "llama", &v);
        build_strings(&b, keys[k], v.texts, N_SMALL);
        expect(&b, "strings", MOE_ERR_FORMAT, keys[k]);
    }
}

static void types_out_of_range_are_refused(void)
{
    static const int32_t values[] = {-1, 7, INT32_MAX, INT32_MIN};
    struct small_vocab v = small_vocab();
    for (size_t i = 0; i < MOE__COUNT(values); i++) {
        int32_t kinds[N_SMALL];
        struct gguf_builder b;
        memcpy(kinds, small_kinds, sizeof kinds);
        kinds[4] = values[i];
        v.kinds = kinds;
        build_small(&b, "llama", &v);
        expect(&b, "type", MOE_ERR_FORMAT, KEY("token_type"));
    }
}

/* CVE of 2026: a sign inside "<0x..>" gave an index of -1. */
static void malformed_byte_tokens_are_refused(void)
{
    static const char *const texts[] = {
        "<0x-1>", "<0x+1>", "<0x 1>", "<0xZZ>", "<0x1>", "<0x001>",
        "",       "0x41",   "<0X41>", "<0x41",  "a",     "<0xF\xff>"};
    struct small_vocab v = small_vocab();
    int32_t kinds[N_SMALL];
    memcpy(kinds, small_kinds, sizeof kinds);
    kinds[5] = MOE_TOKEN_BYTE;
    v.kinds = kinds;
    for (size_t i = 0; i < MOE__COUNT(texts); i++) {
        struct gguf_builder b;
        v.texts[5] = texts[i];
        build_small(&b, "llama", &v);
        expect(&b, texts[i], MOE_ERR_FORMAT, "token 5");
    }
    v.texts[5] = "<0xfF>";
    struct gguf_builder b;
    struct vocab_case c;
    build_small(&b, "llama", &v);
    REQUIRE(vocab_case_built(&c, &b) == MOE_OK, "%s", c.err.message);
    ENCODES(&c, "\xff\xff", MOE_TEXT_CONTINUE, 5, 5);
    finish(&c, &b, "lower case", MOE_OK, NULL);
}

/* ---------------------------------------------------------------- tokens */

static void duplicate_and_empty_tokens_are_harmless(void)
{
    struct small_vocab v = small_vocab();
    struct gguf_builder b;
    struct vocab_case c;
    v.texts[5] = "a";
    v.texts[6] = "";
    v.texts[2] = "";
    build_small(&b, "llama", &v);
    REQUIRE(vocab_case_built(&c, &b) == MOE_OK, "%s", c.err.message);
    ENCODES(&c, "aa", MOE_TEXT_CONTINUE, 4, 4);
    CHECK(moe__slice_is(moe__vocab_piece(c.vocab, 5), "a"));
    CHECK(moe__vocab_piece(c.vocab, 6).n == 0);
    CHECK(moe__vocab_find(c.vocab, moe__slice_str("a")) == 4);
    CHECK(moe__vocab_find(c.vocab, moe__slice_str("")) == MOE_TOKEN_NONE);
    finish(&c, &b, "duplicates", MOE_OK, NULL);
}

static void one_token_is_a_vocabulary(void)
{
    static const char *const models[] = {"llama", "gpt2"};
    for (int m = 0; m < 2; m++)
        for (int32_t kind = 0; kind <= 5; kind++) {
            struct small_vocab v = {.texts = {"a"}, .kinds = &kind, .n = 1};
            struct gguf_builder b;
            struct vocab_case c;
            build_small(&b, models[m], &v);
            if (m == 1)
                build_strings(&b, KEY("merges"), NULL, 0);
            REQUIRE(vocab_case_built(&c, &b) == MOE_OK, "%s", c.err.message);
            CHECK(moe__vocab_special(c.vocab, MOE_SPECIAL_BOS) ==
                  MOE_TOKEN_NONE);
            CHECK(moe__vocab_special(c.vocab, MOE_SPECIAL_EOS) ==
                  MOE_TOKEN_NONE);
            CHECK(!moe__vocab_is_end(c.vocab, 0));
            const char *wrong = check_encoding(
                c.vocab, &c.file.mem, moe__slice_str("a\xff\n"), 0, true);
            CHECK(wrong == NULL, "%s", wrong ? wrong : "");
            finish(&c, &b, models[m], MOE_OK, NULL);
        }
}

/* Without a token for it a character becomes the unknown one, and without
 * that the text is refused. */
static void what_cannot_be_spelled_is_unknown_or_an_error(void)
{
    struct small_vocab v = small_vocab();
    struct gguf_builder b;
    struct vocab_case c;
    build_small(&b, "llama", &v);
    REQUIRE(vocab_case_built(&c, &b) == MOE_OK, "%s", c.err.message);
    ENCODES(&c, "axxyb", MOE_TEXT_CONTINUE, 4, 0, 5);
    finish(&c, &b, "unknown", MOE_OK, NULL);
    build_small(&b, "llama", &v);
    build_u32(&b, KEY("unknown_token_id"), UINT32_MAX);
    REQUIRE(vocab_case_built(&c, &b) == MOE_OK, "%s", c.err.message);
    struct moe__ids ids;
    struct moe__err err = {0};
    moe__ids_init(&ids, &c.file.mem);
    CHECK(moe__vocab_encode(c.vocab, moe__slice_str("ax"), 0, &ids, &err) ==
          MOE_ERR_UNSUPPORTED);
    CHECK(strstr(err.message, "0x78") != NULL, "%s", err.message);
    moe__ids_free(&ids);
    finish(&c, &b, "no unknown", MOE_OK, NULL);
}

static void scores_may_be_anything(void)
{
    const float odd[] = {NAN,   INFINITY, -INFINITY, -0.0f,
                         3e38f, -3e38f,   1e-45f};
    struct small_vocab v = small_vocab();
    v.texts[3] = "ba";
    for (size_t i = 0; i < MOE__COUNT(odd); i++)
        for (size_t j = 0; j < MOE__COUNT(odd); j++) {
            float scores[N_SMALL] = {0};
            struct gguf_builder b;
            struct vocab_case c;
            scores[3] = odd[i];
            scores[6] = odd[j];
            v.scores = scores;
            build_small(&b, "llama", &v);
            REQUIRE(vocab_case_built(&c, &b) == MOE_OK, "%s", c.err.message);
            /* NaN is the lowest of all; equal scores join the left pair. */
            const float ba = odd[i] == odd[i] ? odd[i] : -INFINITY;
            const float ab = odd[j] == odd[j] ? odd[j] : -INFINITY;
            CHECK(moe__vocab_score(c.vocab, 3) == ba);
            if (ba > ab)
                ENCODES(&c, "aba", MOE_TEXT_CONTINUE, 4, 3);
            else
                ENCODES(&c, "aba", MOE_TEXT_CONTINUE, 6, 4);
            finish(&c, &b, "scores", MOE_OK, NULL);
        }
}

static void long_tokens_are_whole(void)
{
    static const size_t sizes[] = {1, 255, 256, 65536, 1 << 20};
    for (size_t i = 0; i < MOE__COUNT(sizes); i++) {
        struct small_vocab v = small_vocab();
        struct gguf_builder b;
        struct vocab_case c;
        char *text = malloc(sizes[i] + 1);
        memset(text, 'a', sizes[i]);
        text[sizes[i]] = 0;
        int32_t kinds[N_SMALL];
        memcpy(kinds, small_kinds, sizeof kinds);
        kinds[6] = MOE_TOKEN_USER_DEFINED;
        v.texts[6] = text;
        v.texts[4] = "c";
        v.kinds = kinds;
        build_small(&b, "llama", &v);
        REQUIRE(vocab_case_built(&c, &b) == MOE_OK, "%s", c.err.message);
        const struct moe__slice piece = moe__vocab_piece(c.vocab, 6);
        CHECK(piece.n == sizes[i] && memcmp(piece.data, text, piece.n) == 0);
        CHECK(moe__vocab_find(c.vocab, moe__slice_str(text)) == 6);
        /* Names of more than 255 bytes are not looked for in text. */
        ENCODES(&c, text, MOE_TEXT_CONTINUE, sizes[i] <= 255 ? 6 : 0);
        finish(&c, &b, "long", MOE_OK, NULL);
        free(text);
    }
}

/* ---------------------------------------------------------------- merges */

/* Byte-level "a", "b", "c", "ab", "bc" and a control token. */
static void build_bpe(struct gguf_builder *b, const char *const *merges,
                      uint64_t n)
{
    static const int32_t kinds[N_SMALL] = {1, 1, 1, 1, 1, 3, 1};
    const struct small_vocab v = {
        .texts = {"a", "b", "c", "ab", "bc", "aa", "\xc4\xa0"},
        .kinds = kinds,
        .n = N_SMALL};
    build_small(b, "gpt2", &v);
    build_string(b, KEY("pre"), "gpt-2");
    build_strings(b, KEY("merges"), merges, n);
}

static void merges_apply_by_rank_then_from_the_left(void)
{
    static const char *const merges[] = {"b c", "a b", "b c"};
    struct gguf_builder b;
    struct vocab_case c;
    build_bpe(&b, merges, 3);
    REQUIRE(vocab_case_built(&c, &b) == MOE_OK, "%s", c.err.message);
    ENCODES(&c, "abc", 0, 0, 4);
    ENCODES(&c, "abab", 0, 3, 3);
    ENCODES(&c, "abbc ab", 0, 3, 4, 6, 3);
    finish(&c, &b, "merges", MOE_OK, NULL);
}

/* Of what is not in the vocabulary, and what would give a control token. */
static void merges_that_lead_nowhere_are_passed_over(void)
{
    static const char *const merges[] = {"x y", "a x", "c a", "a a",
                                         " ",   "a ",  " a",  "a b"};
    struct gguf_builder b;
    struct vocab_case c;
    build_bpe(&b, merges + 4, 1); /* a space is the left side, nothing right */
    expect(&b, "one space", MOE_ERR_FORMAT, "merge 0");
    build_bpe(&b, merges, 4);
    REQUIRE(vocab_case_built(&c, &b) == MOE_OK, "%s", c.err.message);
    ENCODES(&c, "aab", 0, 0, 0, 1);
    finish(&c, &b, "nowhere", MOE_OK, NULL);
}

static void merges_without_a_space_are_refused(void)
{
    static const char *const merges[] = {"", "a", "ab", " ab"};
    for (size_t i = 0; i < MOE__COUNT(merges); i++) {
        struct gguf_builder b;
        const char *const two[] = {"a b", merges[i]};
        build_bpe(&b, two, 2);
        expect(&b, merges[i], MOE_ERR_FORMAT, KEY("merges"));
    }
}

/* --------------------------------------------------------------- special */

static void special_ids_out_of_range_are_none(void)
{
    static const struct {
        const char *key;
        moe_special which;
    } keys[] = {{KEY("bos_token_id"), MOE_SPECIAL_BOS},
                {KEY("eos_token_id"), MOE_SPECIAL_EOS},
                {KEY("eot_token_id"), MOE_SPECIAL_EOT},
                {KEY("unknown_token_id"), MOE_SPECIAL_UNK},
                {KEY("padding_token_id"), MOE_SPECIAL_PAD},
                {KEY("eom_token_id"), -1}};
    static const int64_t values[] = {-1,        N_SMALL,    INT32_MAX,
                                     INT32_MIN, UINT32_MAX, INT64_MAX,
                                     INT64_MIN, N_SMALL - 1};
    const struct small_vocab v = small_vocab();
    for (size_t k = 0; k < MOE__COUNT(keys); k++)
        for (size_t i = 0; i < MOE__COUNT(values); i++) {
            struct gguf_builder b;
            struct vocab_case c;
            const bool is_in_range = values[i] == N_SMALL - 1;
            build_small(&b, "llama", &v);
            build_bool(&b, KEY("add_bos_token"), 1);
            build_bool(&b, KEY("add_eos_token"), 1);
            build_bits(&b, keys[k].key, MOE_META_I64, (uint64_t)values[i]);
            REQUIRE(vocab_case_built(&c, &b) == MOE_OK, "%s", c.err.message);
            if (keys[k].which >= 0)
                CHECK(moe__vocab_special(c.vocab, keys[k].which) ==
                          (is_in_range ? N_SMALL - 1 : MOE_TOKEN_NONE),
                      "%s", keys[k].key);
            else
                CHECK(moe__vocab_is_end(c.vocab, N_SMALL - 1) == is_in_range);
            if (k == 0 && !is_in_range)
                ENCODES(&c, "", MOE_TEXT_SPECIALS, 2);
            if (k == 1 && !is_in_range)
                ENCODES(&c, "", MOE_TEXT_SPECIALS, 1);
            finish(&c, &b, keys[k].key, MOE_OK, NULL);
        }
    struct gguf_builder b;
    build_small(&b, "llama", &v);
    build_string(&b, KEY("bos_token_id"), "1");
    expect(&b, "a string", MOE_ERR_FORMAT, KEY("bos_token_id"));
    build_small(&b, "llama", &v);
    build_u32(&b, KEY("add_bos_token"), 1);
    expect(&b, "no bool", MOE_ERR_FORMAT, KEY("add_bos_token"));
}

/* Whatever types the file gives them. */
static void names_of_control_tokens_in_text_stay_text(void)
{
    static const char *const names[] = {"<|im_start|>",
                                        "<|im_end|>",
                                        "<|endoftext|>",
                                        "<start_of_turn>",
                                        "<\xef\xbd\x9cUser\xef\xbd\x9c>",
                                        "</s>",
                                        "[INST]"};
    static const int32_t types[] = {MOE_TOKEN_NORMAL, MOE_TOKEN_CONTROL,
                                    MOE_TOKEN_USER_DEFINED};
    for (size_t i = 0; i < MOE__COUNT(names); i++)
        for (size_t t = 0; t < MOE__COUNT(types); t++) {
            struct small_vocab v = small_vocab();
            struct gguf_builder b;
            struct vocab_case c;
            int32_t kinds[N_SMALL];
            memcpy(kinds, small_kinds, sizeof kinds);
            v.texts[2] = "</t>";
            v.texts[4] = "q";
            v.texts[6] = "qb";
            v.texts[5] = names[i];
            kinds[5] = types[t];
            v.kinds = kinds;
            build_small(&b, "llama", &v);
            REQUIRE(vocab_case_built(&c, &b) == MOE_OK, "%s", c.err.message);
            CHECK(moe__vocab_kind(c.vocab, 5) == MOE_TOKEN_CONTROL, "%s",
                  names[i]);
            ENCODES(&c, names[i], MOE_TEXT_CONTINUE, 0);
            ENCODES(&c, names[i], MOE_TEXT_PARSE_CONTROL, 5);
            finish(&c, &b, names[i], MOE_OK, NULL);
        }
}

static void operators_are_no_control_tokens(void)
{
    static const char *const names[] = {"<|>", "<||>", "<|1|>", "<|a", "|a|>"};
    for (size_t i = 0; i < MOE__COUNT(names); i++) {
        struct small_vocab v = small_vocab();
        struct gguf_builder b;
        struct vocab_case c;
        v.texts[5] = names[i];
        build_small(&b, "llama", &v);
        REQUIRE(vocab_case_built(&c, &b) == MOE_OK, "%s", c.err.message);
        CHECK(moe__vocab_kind(c.vocab, 5) == MOE_TOKEN_NORMAL, "%s", names[i]);
        finish(&c, &b, names[i], MOE_OK, NULL);
    }
}

/* A file of 2023 has no types: ids and texts tell them. */
static void kinds_are_guessed_where_there_are_none(void)
{
    struct small_vocab v = small_vocab();
    struct gguf_builder b;
    struct vocab_case c;
    v.kinds = NULL;
    v.texts[5] = "<0x0A>";
    build_small(&b, "llama", &v);
    REQUIRE(vocab_case_built(&c, &b) == MOE_OK, "%s", c.err.message);
    CHECK(moe__vocab_kind(c.vocab, 0) == MOE_TOKEN_UNKNOWN);
    CHECK(moe__vocab_kind(c.vocab, 1) == MOE_TOKEN_CONTROL);
    CHECK(moe__vocab_kind(c.vocab, 2) == MOE_TOKEN_CONTROL);
    CHECK(moe__vocab_kind(c.vocab, 5) == MOE_TOKEN_BYTE);
    CHECK(moe__vocab_special(c.vocab, MOE_SPECIAL_NEWLINE) == 5);
    CHECK(moe__vocab_is_end(c.vocab, 2) && !moe__vocab_is_end(c.vocab, 1));
    ENCODES(&c, "a\n<s>", MOE_TEXT_SPECIALS, 1, 3, 4, 5, 0);
    finish(&c, &b, "guessed", MOE_OK, NULL);
}

/* gpt-oss: <|end|> ends a message, not the turn. */
static void an_end_may_depend_on_another_token(void)
{
    for (int has_return = 0; has_return < 2; has_return++) {
        struct small_vocab v = small_vocab();
        struct gguf_builder b;
        struct vocab_case c;
        v.texts[4] = "<|end|>";
        v.texts[5] = has_return ? "<|return|>" : "x";
        build_small(&b, "llama", &v);
        REQUIRE(vocab_case_built(&c, &b) == MOE_OK, "%s", c.err.message);
        CHECK(moe__vocab_is_end(c.vocab, 4) == !has_return);
        CHECK(moe__vocab_is_end(c.vocab, 5) == has_return);
        CHECK(moe__vocab_kind(c.vocab, 4) == MOE_TOKEN_CONTROL);
        finish(&c, &b, "end", MOE_OK, NULL);
    }
}

/* Leftmost first, then the longest; the space before a text stays before a
 * token that starts it, and none is put after. */
static void user_defined_tokens_are_always_found(void)
{
    static const int32_t kinds[N_SMALL] = {
        MOE_TOKEN_UNKNOWN,     MOE_TOKEN_CONTROL, MOE_TOKEN_USER_DEFINED,
        MOE_TOKEN_NORMAL,      MOE_TOKEN_NORMAL,  MOE_TOKEN_USER_DEFINED,
        MOE_TOKEN_USER_DEFINED};
    const struct small_vocab v = {.texts = {"<unk>", "<s>", "bab",
                                            "\xe2\x96\x81", "a", "ab",
                                            "abc\xe2\x96\x81"},
                                  .kinds = kinds,
                                  .n = N_SMALL};
    struct gguf_builder b;
    struct vocab_case c;
    build_small(&b, "llama", &v);
    build_u32(&b, KEY("eos_token_id"), UINT32_MAX);
    REQUIRE(vocab_case_built(&c, &b) == MOE_OK, "%s", c.err.message);
    ENCODES(&c, "aab", 0, 3, 4, 5);
    ENCODES(&c, "abab", 0, 3, 5, 5);
    ENCODES(&c, "bab", 0, 3, 2);
    ENCODES(&c, "abc a", 0, 3, 6, 4);
    ENCODES(&c, "ab<s>ab", MOE_TEXT_PARSE_CONTROL, 3, 5, 1, 3, 5);
    finish(&c, &b, "user-defined", MOE_OK, NULL);
}

/* -------------------------------------------------------------- the rest */

/* Merges whose pairs all hash to one place would make loading quadratic. */
static void pairs_built_to_collide_are_refused(void)
{
    struct moe__mem mem;
    struct moe__arena arena;
    struct moe__pair_index index;
    int n_added = 0;
    moe__mem_init(&mem, NULL);
    moe__arena_init(&arena, &mem);
    REQUIRE(moe__pair_index_init(&index, &arena, 10000));
    const uint32_t mask = index.mask;
    bool is_refused = false;
    for (uint32_t right = 0; right < UINT32_MAX && !is_refused; right++) {
        if ((right * UINT64_C(0x9e3779b97f4a7c15) >> 32 & mask) != 7)
            continue;
        is_refused = moe__pair_index_add(&index, 0, right) == NULL;
        n_added += !is_refused;
    }
    CHECK(n_added == 1024, "found %d", n_added);
    CHECK(moe__pair_index_find(&index, 0, 1) == NULL);
    moe__arena_free(&arena);
}

static void text_of_two_gigabytes_is_refused_unread(void)
{
    const struct small_vocab v = small_vocab();
    struct gguf_builder b;
    struct vocab_case c;
    struct moe__ids ids;
    struct moe__err err = {0};
    build_small(&b, "llama", &v);
    REQUIRE(vocab_case_built(&c, &b) == MOE_OK, "%s", c.err.message);
    moe__ids_init(&ids, &c.file.mem);
    const struct moe__slice text = moe__slice_of("a", (size_t)INT32_MAX);
    CHECK(moe__vocab_encode(c.vocab, text, 0, &ids, &err) == MOE_ERR_ARGUMENT);
    CHECK(strstr(err.message, "2147483647") != NULL, "%s", err.message);
    moe__ids_free(&ids);
    finish(&c, &b, "huge", MOE_OK, NULL);
}

/* Every allocation fails once: a status with a sentence, and nothing leaks. */
static void check_out_of_memory(const char *path)
{
    struct vocab_case c;
    size_t n = 0;
    void *bytes = test_read(test_data(path), &n);
    REQUIRE(vocab_case_bytes(&c, bytes, n, NULL) == MOE_OK, "%s",
            c.err.message);
    struct check_heap *heap = &c.file.heap;
    const uint64_t n_live = heap->live_bytes;
    moe_status status = MOE_ERR_NO_MEMORY;
    for (int64_t k = 0; status != MOE_OK; k++) {
        struct moe__arena arena;
        struct moe__vocab *vocab;
        struct moe__err err = {0};
        heap->n_calls = 0;
        heap->n_allowed = k;
        moe__arena_init(&arena, &c.file.mem);
        status = moe__vocab_create(&arena, &c.file.gguf, &vocab, &err);
        CHECK(status == MOE_OK || (status == MOE_ERR_NO_MEMORY &&
                                   err.status == status && vocab == NULL));
        moe__arena_free(&arena);
        CHECK(heap->live_bytes == n_live);
        REQUIRE(k < 1000);
    }
    /* Enough to remember words, and one word for each way to merge. */
    static char text[1600] = "Once upon a time there was a \xf0\x9f\x98\x80.";
    uint32_t state = 1;
    for (size_t i = strlen(text); i + 1 < sizeof text; i++) {
        state = state * 1664525u + 1013904223u;
        text[i] = i < 600 && i % 7 == 0 ? ' ' : "etaoinsh"[state >> 29];
    }
    status = MOE_ERR_NO_MEMORY;
    for (int64_t k = 0; status != MOE_OK; k++) {
        struct moe__ids ids;
        struct moe__err err = {0};
        heap->n_calls = 0;
        heap->n_allowed = k;
        moe__ids_init(&ids, &c.file.mem);
        status =
            moe__vocab_encode(c.vocab, moe__slice_str(text), 0, &ids, &err);
        CHECK(status == MOE_OK || (status == MOE_ERR_NO_MEMORY &&
                                   err.status == status && ids.n == 0));
        moe__ids_free(&ids);
        CHECK(heap->live_bytes == n_live);
        REQUIRE(k < 1000);
    }
    heap->n_allowed = -1;
    const char *wrong = vocab_case_free(&c);
    CHECK(wrong == NULL, "%s", wrong ? wrong : "");
    free(bytes);
}

static void memory_may_run_out_anywhere(void)
{
    check_out_of_memory("families/mixtral/model.gguf");
    check_out_of_memory("families/qwen2/model.gguf");
}

static const struct test tests[] = {
    {"a_vocabulary_needs_a_known_model_and_tokens",
     a_vocabulary_needs_a_known_model_and_tokens},
    {"arrays_of_other_types_and_lengths_are_refused_or_read",
     arrays_of_other_types_and_lengths_are_refused_or_read},
    {"types_out_of_range_are_refused", types_out_of_range_are_refused},
    {"malformed_byte_tokens_are_refused", malformed_byte_tokens_are_refused},
    {"duplicate_and_empty_tokens_are_harmless",
     duplicate_and_empty_tokens_are_harmless},
    {"one_token_is_a_vocabulary", one_token_is_a_vocabulary},
    {"what_cannot_be_spelled_is_unknown_or_an_error",
     what_cannot_be_spelled_is_unknown_or_an_error},
    {"scores_may_be_anything", scores_may_be_anything},
    {"long_tokens_are_whole", long_tokens_are_whole},
    {"merges_apply_by_rank_then_from_the_left",
     merges_apply_by_rank_then_from_the_left},
    {"merges_that_lead_nowhere_are_passed_over",
     merges_that_lead_nowhere_are_passed_over},
    {"merges_without_a_space_are_refused", merges_without_a_space_are_refused},
    {"special_ids_out_of_range_are_none", special_ids_out_of_range_are_none},
    {"names_of_control_tokens_in_text_stay_text",
     names_of_control_tokens_in_text_stay_text},
    {"operators_are_no_control_tokens", operators_are_no_control_tokens},
    {"kinds_are_guessed_where_there_are_none",
     kinds_are_guessed_where_there_are_none},
    {"an_end_may_depend_on_another_token", an_end_may_depend_on_another_token},
    {"user_defined_tokens_are_always_found",
     user_defined_tokens_are_always_found},
    {"pairs_built_to_collide_are_refused", pairs_built_to_collide_are_refused},
    {"text_of_two_gigabytes_is_refused_unread",
     text_of_two_gigabytes_is_refused_unread},
    {"memory_may_run_out_anywhere", memory_may_run_out_anywhere},
};

TEST_MAIN(tests)
