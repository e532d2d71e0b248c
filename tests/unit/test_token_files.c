/* test_token_files.c: tokenizer.model, tekken.json and tokenizer.json, small,
 * sound, wrong and hostile. */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include "encodes.h"

#define SPACE "\xe2\x96\x81" /* U+2581 */

/* ------------------------------------------------------------------ files */

/* A vocabulary read from bytes, or why there is none. */
struct file_case {
    struct check_heap heap;
    struct moe__mem mem;
    struct moe__arena arena;
    struct moe__vocab *vocab;
    struct moe__err err;
    moe_status status;
};

/* From a copy that sanitizers watch, gone when this returns. */
static moe_status file_read(struct file_case *c, const void *bytes, size_t n)
{
    void *copy = malloc(n + !n);
    memcpy(copy, bytes, n);
    memset(&c->err, 0, sizeof c->err);
    check_heap_init(&c->heap, &c->mem);
    moe__arena_init(&c->arena, &c->mem);
    c->status =
        moe__vocab_read(&c->arena, moe__slice_of(copy, n), &c->vocab, &c->err);
    free(copy);
    return c->status;
}

static void file_free(struct file_case *c)
{
    moe__arena_free(&c->arena);
    CHECK(c->heap.live_bytes == 0, "%llu bytes",
          (unsigned long long)c->heap.live_bytes);
}

static void expect(const void *bytes, size_t n, const char *what,
                   moe_status status, const char *part)
{
    struct file_case c;
    (void)file_read(&c, bytes, n);
    CHECK(c.status == status, "%s: %d: %s", what, (int)c.status, c.err.message);
    CHECK((c.vocab != NULL) == (c.status == MOE_OK), "%s", what);
    CHECK(c.status == MOE_OK || c.err.status == c.status, "%s", what);
    CHECK(part == NULL || strstr(c.err.message, part), "%s: %s", what,
          c.err.message);
    if (c.vocab) {
        const char *wrong = check_encoding(
            c.vocab, &c.mem, moe__slice_str("ab <s>\xff\n"), 0, true);
        CHECK(wrong == NULL, "%s: %s", what, wrong ? wrong : "");
    }
    file_free(&c);
}

/* Every shorter file is refused with a sentence. */
static void expect_no_part_to_do(const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct file_case c;
        CHECK(file_read(&c, bytes, i) != MOE_OK, "%zu of %zu bytes", i, n);
        CHECK(c.err.message[0] != 0 && c.vocab == NULL, "%zu", i);
        file_free(&c);
    }
}

/* Every byte wrong in some ways: read or refused. */
static void expect_no_byte_to_harm(const void *bytes, size_t n)
{
    static const uint8_t flips[] = {0x01, 0x08, 0x80, 0xff};
    uint8_t *copy = malloc(n);
    memcpy(copy, bytes, n);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < sizeof flips; k++) {
            struct file_case c;
            copy[i] ^= flips[k];
            const moe_status status = file_read(&c, copy, n);
            CHECK((status == MOE_OK) == (c.vocab != NULL), "byte %zu", i);
            CHECK(status == MOE_OK || c.err.message[0] != 0, "byte %zu", i);
            file_free(&c);
            copy[i] ^= flips[k];
        }
    free(copy);
}

/* Memory that ends at any allocation. */
static void expect_no_shortage_to_harm(const void *bytes, size_t n)
{
    struct file_case c;
    REQUIRE(file_read(&c, bytes, n) == MOE_OK, "%s", c.err.message);
    const int64_t n_calls = c.heap.n_calls;
    file_free(&c);
    for (int64_t i = 0; i < n_calls; i++) {
        check_heap_init(&c.heap, &c.mem);
        c.heap.n_allowed = i;
        moe__arena_init(&c.arena, &c.mem);
        c.status = moe__vocab_read(&c.arena, moe__slice_of(bytes, n), &c.vocab,
                                   &c.err);
        CHECK(c.status == MOE_ERR_NO_MEMORY && c.vocab == NULL, "%d: %d: %s",
              (int)i, (int)c.status, c.err.message);
        file_free(&c);
    }
}

/* -------------------------------------------------------- tokenizer.model */

/* A message of protobuf. */
struct proto {
    uint8_t bytes[2048];
    size_t n;
};

static void proto_varint(struct proto *p, uint64_t value)
{
    for (; value > 127; value >>= 7)
        p->bytes[p->n++] = (uint8_t)(value | 128);
    p->bytes[p->n++] = (uint8_t)value;
}

static void proto_number(struct proto *p, uint32_t field, uint64_t value)
{
    proto_varint(p, field << 3);
    proto_varint(p, value);
}

static void proto_bytes(struct proto *p, uint32_t field, const void *bytes,
                        size_t n)
{
    proto_varint(p, field << 3 | 2);
    proto_varint(p, n);
    memcpy(p->bytes + p->n, bytes, n);
    p->n += n;
}

static void proto_piece(struct proto *p, const char *text, float score,
                        uint64_t kind)
{
    struct proto piece = {.n = 0};
    proto_bytes(&piece, 1, text, strlen(text));
    proto_varint(&piece, 2 << 3 | 5);
    memcpy(piece.bytes + piece.n, &score, sizeof score);
    piece.n += sizeof score;
    proto_number(&piece, 3, kind);
    proto_bytes(p, 1, piece.bytes, piece.n);
}

/* A setting of TrainerSpec (2) or NormalizerSpec (3). */
struct setting {
    uint32_t message;
    uint32_t field;
    uint64_t value;
};

/* The pieces, and a BPE model of them; `other` replaces or adds a setting. */
static void model_end(struct proto *p, const struct setting *other)
{
    static const struct setting settings[] = {
        {2, 3, 2},           {2, 40, 0}, {2, 41, 1}, {2, 42, 2},
        {2, 43, UINT64_MAX}, {3, 3, 1},  {3, 4, 0}};
    for (uint32_t message = 2; message <= 3; message++) {
        struct proto part = {.n = 0};
        for (size_t i = 0; i < MOE__COUNT(settings); i++)
            if (settings[i].message == message)
                proto_number(&part, settings[i].field, settings[i].value);
        if (other && other->message == message) /* the last one counts */
            proto_number(&part, other->field, other->value);
        proto_bytes(p, message, part.bytes, part.n);
    }
}

static void model_pieces(struct proto *p)
{
    proto_piece(p, "<unk>", 0, MOE_TOKEN_UNKNOWN);
    proto_piece(p, "<s>", 0, MOE_TOKEN_CONTROL);
    proto_piece(p, "</s>", 0, MOE_TOKEN_CONTROL);
    proto_piece(p, SPACE, -1, MOE_TOKEN_NORMAL);
    proto_piece(p, "a", -2, MOE_TOKEN_NORMAL);
    proto_piece(p, "b", -3, MOE_TOKEN_NORMAL);
    proto_piece(p, "ab", -4, MOE_TOKEN_NORMAL);
}

static void a_sentencepiece_model_is_read(void)
{
    struct proto p = {.n = 0};
    struct file_case c;
    model_pieces(&p);
    proto_piece(&p, "<mask>", 0, MOE_TOKEN_USER_DEFINED);
    model_end(&p, NULL);
    REQUIRE(file_read(&c, p.bytes, p.n) == MOE_OK, "%s", c.err.message);
    CHECK(moe__vocab_size(c.vocab) == 8);
    CHECK(strcmp(moe__vocab_model(c.vocab), "spm") == 0);
    CHECK(moe__vocab_special(c.vocab, MOE_SPECIAL_BOS) == 1);
    CHECK(moe__vocab_special(c.vocab, MOE_SPECIAL_EOS) == 2);
    CHECK(moe__vocab_special(c.vocab, MOE_SPECIAL_PAD) == MOE_TOKEN_NONE);
    CHECK(moe__vocab_is_end(c.vocab, 2) && !moe__vocab_is_end(c.vocab, 1));
    CHECK(moe__vocab_score(c.vocab, 6) == -4);
    ENCODES(&c, "ab", MOE_TEXT_SPECIALS, 1, 3, 6);
    ENCODES(&c, "a<mask>b</s>", 0, 3, 4, 7, 5, 0);
    ENCODES(&c, "</s>b", MOE_TEXT_PARSE_CONTROL, 2, 3, 5);
    file_free(&c);
}

static void settings_of_a_model_that_change_text_are_refused(void)
{
    static const struct {
        struct setting setting;
        moe_status status;
        const char *part;
    } cases[] = {
        {{2, 3, 1}, MOE_ERR_UNSUPPORTED, "model_type"},
        {{2, 3, 3}, MOE_ERR_UNSUPPORTED, "(word)"},
        {{2, 3, 77}, MOE_ERR_UNSUPPORTED, "(unknown)"},
        {{2, 24, 1}, MOE_ERR_UNSUPPORTED, "treat_whitespace_as_suffix"},
        {{2, 35, 1}, MOE_ERR_FORMAT, "expected 256 of type byte"},
        {{3, 4, 1}, MOE_ERR_UNSUPPORTED, "remove_extra_whitespaces"},
        {{3, 5, 0}, MOE_ERR_UNSUPPORTED, "escape_whitespaces"},
        {{3, 3, 0}, MOE_OK, NULL},
        {{2, 41, 6}, MOE_OK, NULL}, /* no control token: none */
        {{2, 42, 1 << 30}, MOE_OK, NULL},
        {{2, 99, 5}, MOE_OK, NULL},
    };
    for (size_t i = 0; i < MOE__COUNT(cases); i++) {
        struct proto p = {.n = 0};
        model_pieces(&p);
        model_end(&p, &cases[i].setting);
        expect(p.bytes, p.n, cases[i].part ? cases[i].part : "sound",
               cases[i].status, cases[i].part);
    }
    struct proto p = {.n = 0};
    struct proto normalizer = {.n = 0};
    model_pieces(&p);
    model_end(&p, NULL);
    proto_bytes(&normalizer, 2, "xx", 2);
    proto_bytes(&p, 3, normalizer.bytes, normalizer.n);
    expect(p.bytes, p.n, "charsmap", MOE_ERR_UNSUPPORTED,
           "precompiled_charsmap");
}

static void wrong_pieces_are_refused(void)
{
    static const struct {
        const char *text;
        float score;
        uint64_t kind;
        moe_status status;
        const char *part;
    } cases[] = {
        {"ab", 0, 1, MOE_ERR_FORMAT, "\"ab\" is token 6 and token 7"},
        {"", 0, 1, MOE_ERR_FORMAT, "piece 7 is empty"},
        {"c", 0.0f / 0.0f, 1, MOE_ERR_FORMAT, "score of piece 7"},
        {"c", 0, 5, MOE_ERR_UNSUPPORTED, "piece 7 has the type 5"},
        {"c", 0, 0, MOE_ERR_UNSUPPORTED, "type 0"},
        {"c", 0, UINT64_MAX, MOE_ERR_UNSUPPORTED, "type 1844674407370955161"},
        {"<0x00>", 0, 6, MOE_ERR_FORMAT, "expected 0 of type byte"},
        {"<unk2>", 0, 2, MOE_ERR_FORMAT, "one of type unknown, found 2"},
        {"c", -1.0f / 0.0f, 1, MOE_OK, NULL},
    };
    for (size_t i = 0; i < MOE__COUNT(cases); i++) {
        struct proto p = {.n = 0};
        model_pieces(&p);
        proto_piece(&p, cases[i].text, cases[i].score, cases[i].kind);
        model_end(&p, NULL);
        expect(p.bytes, p.n, cases[i].text, cases[i].status, cases[i].part);
    }
    struct proto p = {.n = 0};
    proto_piece(&p, "a", 0, MOE_TOKEN_NORMAL);
    model_end(&p, NULL);
    expect(p.bytes, p.n, "no unknown", MOE_ERR_FORMAT, "found 0");
}

static void hostile_models_are_refused(void)
{
    struct proto p = {.n = 0};
    model_pieces(&p);
    model_end(&p, NULL);
    expect_no_part_to_do(p.bytes, p.n);
    expect_no_byte_to_harm(p.bytes, p.n);
    expect_no_shortage_to_harm(p.bytes, p.n);
    static const struct {
        const char *bytes;
        size_t n;
    } starts[] = {
        {"\x0a", 1},                                          /* no length */
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, /* 2^64 - 1 */
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11}, /* more */
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12}, /* longer */
        {"\x0a\x00\x00\x00", 4},                                  /* field 0 */
        {"\x0a\x00\x0b", 3},                                      /* a group */
        {"\x0a\x00\x08\x01", 4}, /* a piece that is a number */
    };
    for (size_t i = 0; i < MOE__COUNT(starts); i++)
        expect(starts[i].bytes, starts[i].n, "start", MOE_ERR_FORMAT,
               "tokenizer.model: a field is cut short");
    p.n = 0;
    proto_bytes(&p, 1, "\x0a\x02x", 3); /* longer than the piece */
    model_end(&p, NULL);
    expect(p.bytes, p.n, "long text", MOE_ERR_FORMAT, "a piece is cut short");
    expect("\x0a\x00", 2, "empty piece", MOE_ERR_UNSUPPORTED, "model_type");
    expect("\x12\x00", 2, "other start", MOE_ERR_FORMAT, "tokenizer.json");
    expect("", 0, "nothing", MOE_ERR_FORMAT, "tokenizer.json");
}

/* ------------------------------------------------------------ JSON, edited */

/* `text` with the first `from` replaced, malloc'ed; a failure if it is not
 * there. */
static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    CHECK(at != NULL, "%s", from);
    if (at == NULL)
        at = text + strlen(text);
    const size_t n = strlen(text) + strlen(to) + 1;
    char *out = malloc(n);
    snprintf(out, n, "%.*s%s%s", (int)(at - text), text, to,
             *at ? at + strlen(from) : "");
    return out;
}

struct edit {
    const char *from;
    const char *to;
    moe_status status;
    const char *part;
};

static void expect_text(const char *text, const char *part)
{
    expect(text, strlen(text), text, MOE_ERR_FORMAT, part);
}

static void expect_edits(const char *text, const struct edit *edits, size_t n)
{
    expect(text, strlen(text), "sound", MOE_OK, NULL);
    for (size_t i = 0; i < n; i++) {
        char *edited = replaced(text, edits[i].from, edits[i].to);
        expect(edited, strlen(edited), edits[i].to, edits[i].status,
               edits[i].part);
        free(edited);
    }
}

/* ------------------------------------------------------------- tekken.json */

/* All bytes, then "ab", "abc" and "bc"; malloc'ed. */
static char *tekken_text(void)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
                                 "qrstuvwxyz0123456789+/";
    const size_t cap = 16384;
    char *out = malloc(cap);
    size_t n = (size_t)snprintf(
        out, cap,
        "{\"config\": {\"pattern\": \"\\\\S+|\\\\s+\", \"version\": \"v3\", "
        "\"default_vocab_size\": 289, \"default_num_special_tokens\": 30}, "
        "\"vocab\": [");
    for (unsigned i = 0; i < 256; i++)
        n += (size_t)snprintf(out + n, cap - n,
                              "{\"rank\": %u, \"token_bytes\": \"%c%c==\"}, ",
                              i, digits[i >> 2], digits[(i & 3) << 4]);
    snprintf(out + n, cap - n,
             "{\"rank\": 256, \"token_bytes\": \"YWI=\"}, "
             "{\"rank\": 257, \"token_bytes\": \"YWJj\"}, "
             "{\"rank\": 258, \"token_bytes\": \"YmM=\"}]}");
    return out;
}

static void a_tekken_vocabulary_is_read(void)
{
    char *text = tekken_text();
    struct file_case c;
    (void)file_read(&c, text, strlen(text));
    free(text);
    REQUIRE(c.status == MOE_OK, "%s", c.err.message);
    CHECK(moe__vocab_size(c.vocab) == 289);
    CHECK(strcmp(moe__vocab_model(c.vocab), "bpe") == 0);
    CHECK(moe__vocab_special(c.vocab, MOE_SPECIAL_BOS) == 1);
    CHECK(moe__vocab_special(c.vocab, MOE_SPECIAL_EOS) == 2);
    CHECK(moe__vocab_is_end(c.vocab, 2));
    CHECK(moe__vocab_find(c.vocab, moe__slice_str("[TOOL_CALLS]")) == 9);
    CHECK(moe__vocab_find(c.vocab, moe__slice_str("<SPECIAL_29>")) == 29);
    CHECK(moe__vocab_kind(c.vocab, 25) == MOE_TOKEN_CONTROL);
    ENCODES(&c, "abc", MOE_TEXT_SPECIALS, 1, 30 + 257);
    ENCODES(&c, "bcab ", 0, 30 + 258, 30 + 256, 30 + ' ');
    ENCODES(&c, "xabcx", 0, 30 + 'x', 30 + 257, 30 + 'x');
    ENCODES(&c, "[INST]", MOE_TEXT_PARSE_CONTROL, 3);
    ENCODES(&c, "\xff", 0, 30 + 255);
    file_free(&c);
}

static void wrong_tekken_files_are_refused(void)
{
    static const struct edit edits[] = {
        {"\"YWI=\"", "\"YWJ=\"", MOE_ERR_FORMAT, "vocab[256].token_bytes"},
        {"\"YWI=\"", "\"YWI\"", MOE_ERR_FORMAT, "expected base64"},
        {"\"YWI=\"", "\"Y===\"", MOE_ERR_FORMAT, "expected base64"},
        {"\"YWI=\"", "\"Y I=\"", MOE_ERR_FORMAT, "expected base64"},
        {"\"YWI=\"", "\"YW==YWI=\"", MOE_ERR_FORMAT, "expected base64"},
        {"\"YWI=\"", "\"\"", MOE_ERR_FORMAT, "expected base64"},
        {"\"YWI=\"", "7", MOE_ERR_FORMAT, "expected a string, found a number"},
        {"\"YWI=\"", "\"YWJj\"", MOE_ERR_FORMAT, "is token 286 and token 287"},
        {"\"rank\": 256", "\"rank\": 255", MOE_ERR_FORMAT, "vocab[256].rank"},
        {"\"rank\": 256", "\"rank\": 1e99", MOE_ERR_FORMAT, "vocab[256].rank"},
        {"289", "290", MOE_ERR_FORMAT, "config.default_vocab_size"},
        {"289", "285", MOE_ERR_FORMAT, "config.default_vocab_size"},
        {"289", "288", MOE_OK, NULL},
        {"\": 30", "\": 19", MOE_ERR_FORMAT, "default_num_special_tokens"},
        {"\": 30", "\": 999999999", MOE_ERR_FORMAT, "from 20 to 65536"},
        {"\"config\"", "\"confit\"", MOE_ERR_FORMAT, "found neither"},
        {"\"pattern\"", "\"other\"", MOE_ERR_FORMAT, "config.pattern"},
        {"\\\\S+|", "(a)\\\\1|", MOE_ERR_UNSUPPORTED, NULL},
        {"\\\\S+|", "\\u0000|", MOE_ERR_UNSUPPORTED, "NUL"},
        {"\"vocab\": [", "\"special_tokens\": [{\"rank\": 0}], \"vocab\": [",
         MOE_ERR_FORMAT, "special_tokens[0].token_str"},
        {"\"vocab\": [", "\"special_tokens\": {}, \"vocab\": [", MOE_ERR_FORMAT,
         "special_tokens: expected an array"},
        {"\"vocab\": [",
         "\"special_tokens\": [{\"rank\": 0, \"token_str\": \"<x>\"}, "
         "{\"rank\": 1, \"token_str\": \"<x>\"}], \"vocab\": [",
         MOE_ERR_FORMAT, "\"<x>\" is token 0 and token 1"},
    };
    char *text = tekken_text();
    expect_edits(text, edits, MOE__COUNT(edits));
    expect_no_shortage_to_harm(text, strlen(text));
    free(text);
}

/* ----------------------------------------------------------- tokenizer.json */

/* Over characters, as Llama's. */
static const char llama_text[] =
    "{\"added_tokens\": [{\"id\": 0, \"content\": \"<unk>\", \"special\": true}"
    ", {\"id\": 1, \"content\": \"<s>\", \"special\": true}, {\"id\": 11, "
    "\"content\": \"<mask>\", \"special\": false, \"lstrip\": false}], "
    "\"normalizer\": null, \"pre_tokenizer\": {\"type\": \"Metaspace\", "
    "\"replacement\": \"" SPACE "\", \"prepend_scheme\": \"first\", \"split\": "
    "false}, \"post_processor\": {\"type\": \"TemplateProcessing\", \"single\":"
    " [{\"SpecialToken\": {\"id\": \"<s>\"}}, {\"Sequence\": {\"id\": \"A\"}}],"
    " \"special_tokens\": {\"<s>\": {\"ids\": [1]}}}, \"model\": {\"type\": "
    "\"BPE\", \"dropout\": null, \"unk_token\": \"<unk>\", \"fuse_unk\": true, "
    "\"vocab\": {\"<unk>\": 0, \"<s>\": 1, \"" SPACE "\": 2, \"a\": 3, \"b\": "
    "4, \"c\": 5, \"ab\": 6, \"bc\": 7, \"abc\": 8, \"" SPACE "a\": 9}, "
    "\"merges\": [\"b c\", [\"a\", \"b\"], \"a bc\", \"" SPACE " a\"]}}";

static void a_tokenizer_over_characters_is_read(void)
{
    struct file_case c;
    REQUIRE(file_read(&c, llama_text, sizeof llama_text - 1) == MOE_OK, "%s",
            c.err.message);
    CHECK(moe__vocab_size(c.vocab) == 12);
    CHECK(moe__vocab_special(c.vocab, MOE_SPECIAL_BOS) == 1);
    CHECK(moe__vocab_kind(c.vocab, 10) == MOE_TOKEN_UNUSED); /* no entry */
    CHECK(moe__vocab_kind(c.vocab, 11) == MOE_TOKEN_USER_DEFINED);
    ENCODES(&c, "abc", MOE_TEXT_SPECIALS, 1, 2, 8);
    ENCODES(&c, "abab c", 0, 2, 6, 6, 2, 5);
    ENCODES(&c, "b", MOE_TEXT_CONTINUE, 4);
    ENCODES(&c, "<mask>a\n", 0, 11, 3, 0);
    ENCODES(&c, "a<s>a", MOE_TEXT_PARSE_CONTROL, 9, 1, 3);
    file_free(&c);
}

/* "ab" is joined first, so "abc" is made of "ab" and "c", which no merge
 * joins: the token is never used, whatever its own merge says. */
static void tokens_that_merges_never_reach_are_not_used(void)
{
    struct file_case c;
    char *text = replaced(llama_text, "\"b c\", [\"a\", \"b\"]",
                          "[\"a\", \"b\"], \"b c\"");
    (void)file_read(&c, text, strlen(text));
    free(text);
    REQUIRE(c.status == MOE_OK, "%s", c.err.message);
    CHECK(moe__vocab_kind(c.vocab, 8) == MOE_TOKEN_UNUSED);
    ENCODES(&c, "abc", MOE_TEXT_CONTINUE, 6, 5);
    ENCODES(&c, "cbc", MOE_TEXT_CONTINUE, 5, 7);
    file_free(&c);
}

static void wrong_tokenizers_over_characters_are_refused(void)
{
    static const struct edit edits[] = {
        {"\"BPE\"", "\"Unigram\"", MOE_ERR_UNSUPPORTED, "\"Unigram\""},
        {"\"BPE\"", "\"WordPiece\"", MOE_ERR_UNSUPPORTED, "model.type"},
        {"\"dropout\": null", "\"dropout\": 0.1", MOE_ERR_UNSUPPORTED,
         "model.dropout"},
        {"\"dropout\": null", "\"end_of_word_suffix\": \"</w>\"",
         MOE_ERR_UNSUPPORTED, "\"</w>\""},
        {"\"dropout\": null", "\"ignore_merges\": true", MOE_ERR_UNSUPPORTED,
         "ignore_merges"},
        {"\"fuse_unk\": true", "\"fuse_unk\": false", MOE_ERR_UNSUPPORTED,
         "model.fuse_unk"},
        {"\"fuse_unk\": true", "\"fuse_unk\": 1", MOE_ERR_FORMAT,
         "expected true or false"},
        {"\"lstrip\": false", "\"lstrip\": true", MOE_ERR_UNSUPPORTED,
         "added_tokens[2].lstrip of \"<mask>\""},
        {"\"id\": 11", "\"id\": 8", MOE_ERR_FORMAT, "token 8 is \"abc\" and"},
        {"\"id\": 11", "\"id\": -1", MOE_ERR_FORMAT, "added_tokens[2]"},
        {"\"id\": 11", "\"id\": 2000000000", MOE_ERR_FORMAT, "from 0 to 25"},
        {"\"<mask>\"", "\" x\"", MOE_ERR_UNSUPPORTED, "added_tokens[2]"},
        {"\"<mask>\"", "\"abc\"", MOE_ERR_FORMAT, "is token 8 and token 11"},
        {"\"abc\": 8", "\"abc\": 7", MOE_ERR_FORMAT, "token 7 is"},
        {"\"abc\": 8", "\"abc\": 8.5", MOE_ERR_FORMAT, "model.vocab"},
        {"\"abc\": 8", "\"ab\": 8", MOE_ERR_FORMAT, "is token 6 and token 8"},
        {"\"a bc\"", "\"abc\"", MOE_ERR_FORMAT, "model.merges[2]"},
        {"\"a bc\"", "[\"a\"]", MOE_ERR_FORMAT, "model.merges[2]"},
        {"\"a bc\"", "null", MOE_ERR_FORMAT, "model.merges[2]"},
        {"\"a bc\"", "\"x y\"", MOE_OK, NULL},
        {"\"merges\"", "\"more\"", MOE_ERR_FORMAT, "model.merges"},
        {"\"normalizer\": null", "\"normalizer\": {\"type\": \"NFKC\"}",
         MOE_ERR_UNSUPPORTED, "normalizer.type: \"NFKC\""},
        {"\"normalizer\": null",
         "\"normalizer\": {\"type\": \"Prepend\", \"prepend\": \"x\"}",
         MOE_ERR_UNSUPPORTED, "normalizer.prepend"},
        {"\"normalizer\": null",
         "\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"Regex\": "
         "\"x\"}, \"content\": \"\"}",
         MOE_ERR_UNSUPPORTED, "normalizer.pattern"},
        {"\"Metaspace\"", "\"Whitespace\"", MOE_ERR_UNSUPPORTED,
         "pre_tokenizer.type: \"Whitespace\""},
        {"\"first\"", "\"last\"", MOE_ERR_UNSUPPORTED, "prepend_scheme"},
        {"\"split\": false", "\"split\": true", MOE_OK, NULL},
        {"\"pre_tokenizer\": {", "\"pre_tokenizer\": null, \"other\": {",
         MOE_ERR_UNSUPPORTED, "found neither"},
        {"\"TemplateProcessing\"", "\"Other\"", MOE_ERR_UNSUPPORTED,
         "post_processor.type"},
        {"\"ids\": [1]", "\"ids\": [1, 2]", MOE_ERR_UNSUPPORTED,
         "one id of \"<s>\""},
        {"[{\"SpecialToken\": {\"id\": \"<s>\"}}",
         "[{\"SpecialToken\": {\"id\": \"<s>\"}}, "
         "{\"SpecialToken\": {\"id\": \"<s>\"}}",
         MOE_ERR_UNSUPPORTED, "more than one token"},
    };
    expect_edits(llama_text, edits, MOE__COUNT(edits));
}

static void hostile_tokenizers_are_refused(void)
{
    expect_no_part_to_do(llama_text, sizeof llama_text - 1);
    expect_no_byte_to_harm(llama_text, sizeof llama_text - 1);
    expect_no_shortage_to_harm(llama_text, sizeof llama_text - 1);
    expect_text("{}", "found neither");
    expect_text("\n {\"model\": 7}",
                "model: expected an object, found a number");
    expect_text("{\"model\": {\"vocab\": {}, \"merges\": []}, "
                "\"pre_tokenizer\": {\"type\": \"ByteLevel\", "
                "\"add_prefix_space\": false}}",
                "there are no tokens");
}

/* A token of 257 characters would take too long to be taken apart. */
static void long_tokens_are_refused_where_they_are_taken_apart(void)
{
    char letters[300];
    char entry[320];
    for (int n = 256; n <= 257; n++) {
        memset(letters, 'a', sizeof letters);
        snprintf(entry, sizeof entry, "\"%.*s\": 10, \"abc\": 8", n, letters);
        char *text = replaced(llama_text, "\"abc\": 8", entry);
        expect(text, strlen(text), "long",
               n == 256 ? MOE_OK : MOE_ERR_UNSUPPORTED,
               n == 256 ? NULL : "token 10 of 257 bytes");
        free(text);
    }
}

/* Byte-level. */
static const char bytes_text[] =
    "{\"added_tokens\": [{\"id\": 0, \"content\": \"<|endoftext|>\", "
    "\"special\": true}], \"normalizer\": {\"type\": \"NFC\"}, "
    "\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\":"
    " \"Split\", \"pattern\": {\"Regex\": \"\\\\s?\\\\p{L}+\"}, \"behavior\": "
    "\"Isolated\", \"invert\": false}, {\"type\": \"ByteLevel\", "
    "\"add_prefix_space\": false, \"use_regex\": false}]}, \"model\": "
    "{\"ignore_merges\": false, \"vocab\": {\"<|endoftext|>\": 0, "
    "\"\xc4\xa0\": 1, \"a\": 2, \"b\": 3, \"ab\": 4, \"\xc4\xa0"
    "a\": 5, "
    "\"bab\": 6, \"\xc4\x8a\": 7}, \"merges\": [\"a b\", \"\xc4\xa0 a\"]}}";

static void a_byte_level_tokenizer_is_read(void)
{
    struct file_case c;
    REQUIRE(file_read(&c, bytes_text, sizeof bytes_text - 1) == MOE_OK, "%s",
            c.err.message);
    CHECK(strcmp(moe__vocab_model(c.vocab), "bpe") == 0);
    CHECK(moe__vocab_is_end(c.vocab, 0));
    ENCODES(&c, "ab a", MOE_TEXT_SPECIALS, 4, 5);
    ENCODES(&c, "bab", 0, 3, 4);
    ENCODES(&c, "a\nb", 0, 2, 7, 3);
    ENCODES(&c, "<|endoftext|>a", MOE_TEXT_PARSE_CONTROL, 0, 2);
    file_free(&c);
    char *text = replaced(bytes_text, "\"ignore_merges\": false",
                          "\"ignore_merges\": "
                          "true");
    (void)file_read(&c, text, strlen(text));
    free(text);
    REQUIRE(c.status == MOE_OK, "%s", c.err.message);
    ENCODES(&c, "bab", 0, 6);
    file_free(&c);
}

static void wrong_byte_level_tokenizers_are_refused(void)
{
    static const struct edit edits[] = {
        {"\"Isolated\"", "\"MergedWithNext\"", MOE_ERR_UNSUPPORTED, "behavior"},
        {"\"Isolated\", \"invert\": false", "\"Removed\", \"invert\": true",
         MOE_OK, NULL},
        {"\\\\s?\\\\p{L}+", "(?<=a)b", MOE_ERR_UNSUPPORTED, NULL},
        {"{\"Regex\": \"\\\\s?\\\\p{L}+\"}", "{\"String\": \"a.[\"}", MOE_OK,
         NULL},
        {"{\"Regex\": \"\\\\s?\\\\p{L}+\"}", "{}", MOE_ERR_FORMAT, "Regex"},
        {"\"add_prefix_space\": false", "\"add_prefix_space\": true",
         MOE_ERR_UNSUPPORTED, "add_prefix_space"},
        {"\"use_regex\": false}",
         "\"use_regex\": false}, {\"type\": "
         "\"Digits\"}",
         MOE_ERR_UNSUPPORTED, "after ByteLevel"},
        {"\"NFC\"", "\"Prepend\", \"prepend\": \"" SPACE "\"",
         MOE_ERR_UNSUPPORTED, "found both"},
        {"\"ByteLevel\"", "\"Digits\"", MOE_ERR_UNSUPPORTED, "found neither"},
    };
    expect_edits(bytes_text, edits, MOE__COUNT(edits));
}

/* -------------------------------------------------------------- public use */

static void a_tokenizer_is_a_model_without_a_network(void)
{
    moe_error why;
    moe_model *model = NULL;
    moe_context *ctx = NULL;
    moe_model_info info = {.struct_size = sizeof info};
    moe_model_params params = {.struct_size = sizeof params};
    struct check_file file;
    moe_source source =
        check_file_source(&file, llama_text, sizeof llama_text - 1);
    REQUIRE(moe_model_open_source(&source, 1, &params, &model, &why) == MOE_OK,
            "%s", why.message);
    CHECK(file.n_closed == 1 && !file.is_overread);
    CHECK(moe_model_describe(model, &info) == MOE_OK && info.n_vocab == 12 &&
          info.n_params == 0 && info.n_shards == 0);
    CHECK(moe_context_create(model, NULL, &ctx, &why) == MOE_ERR_STATE &&
              ctx == NULL && strstr(why.message, "vocabulary only"),
          "%s", why.message);
    moe_model_close(model);

    static const char *const override = "a=b";
    params.meta = &override;
    params.n_meta = 1;
    source = check_file_source(&file, llama_text, sizeof llama_text - 1);
    CHECK(moe_model_open_source(&source, 1, &params, &model, &why) ==
                  MOE_ERR_UNSUPPORTED &&
              model == NULL && strstr(why.message, "meta"),
          "%s", why.message);
    CHECK(file.n_closed == 1);

    params.n_meta = 0;
    source = check_file_source(&file, llama_text, sizeof llama_text - 9);
    CHECK(moe_model_open_source(&source, 1, &params, &model, &why) ==
                  MOE_ERR_FORMAT &&
              model == NULL,
          "%s", why.message);
    CHECK(file.n_closed == 1);

    for (int64_t n = 0; n < 2; n++) {
        source = check_file_source(&file, llama_text, sizeof llama_text - 1);
        file.n_allowed = n;
        CHECK(moe_model_open_source(&source, 1, &params, &model, &why) ==
                  MOE_ERR_IO,
              "%s", why.message);
        CHECK(file.n_closed == 1);
    }
}

static const struct test tests[] = {
    {"a_sentencepiece_model_is_read", a_sentencepiece_model_is_read},
    {"settings_of_a_model_that_change_text_are_refused",
     settings_of_a_model_that_change_text_are_refused},
    {"wrong_pieces_are_refused", wrong_pieces_are_refused},
    {"hostile_models_are_refused", hostile_models_are_refused},
    {"a_tekken_vocabulary_is_read", a_tekken_vocabulary_is_read},
    {"wrong_tekken_files_are_refused", wrong_tekken_files_are_refused},
    {"a_tokenizer_over_characters_is_read",
     a_tokenizer_over_characters_is_read},
    {"tokens_that_merges_never_reach_are_not_used",
     tokens_that_merges_never_reach_are_not_used},
    {"wrong_tokenizers_over_characters_are_refused",
     wrong_tokenizers_over_characters_are_refused},
    {"hostile_tokenizers_are_refused", hostile_tokenizers_are_refused},
    {"long_tokens_are_refused_where_they_are_taken_apart",
     long_tokens_are_refused_where_they_are_taken_apart},
    {"a_byte_level_tokenizer_is_read", a_byte_level_tokenizer_is_read},
    {"wrong_byte_level_tokenizers_are_refused",
     wrong_byte_level_tokenizers_are_refused},
    {"a_tokenizer_is_a_model_without_a_network",
     a_tokenizer_is_a_model_without_a_network},
};

TEST_MAIN(tests)
