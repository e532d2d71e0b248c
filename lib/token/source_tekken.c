/* source_tekken.c: a vocabulary from Mistral's tekken.json.
 *
 * Tokens are bytes, in the order of their ranks; any two neighbours that make a
 * token may be joined, lowest rank first, as tiktoken does.  Ids are ranks,
 * after those of the special tokens.  What user text spells is never one of
 * these: they are all control tokens. */
#include "token/source.h"

#include "base/utf8.h"

/* Today's files have 1000.  The names of those that a file does not list are
 * made here, which bounds what that takes. */
#define TEKKEN_SPECIALS_MAX 65536
#define TEKKEN_FILLER_BYTES 24 /* "<SPECIAL_65535>" */

/* What versions up to 7 mean, whose files have no list; their ids. */
static const char *const tekken_specials[] = {
    "<unk>",
    "<s>",
    "</s>",
    "[INST]",
    "[/INST]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "[TOOL_CALLS]",
    "[IMG]",
    "<pad>",
    "[IMG_BREAK]",
    "[IMG_END]",
    "[PREFIX]",
    "[MIDDLE]",
    "[SUFFIX]",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "[TOOL_CONTENT]",
};

struct tekken_file {
    struct moe__arena *arena;
    struct moe__vocab_source *source;
    struct moe__err *err;
    const struct moe__json *vocab;    /* an array */
    const struct moe__json *specials; /* an array, or NULL */
    int32_t n_specials;
    struct moe__slice *texts; /* [n_tokens] */
};

/* ---------------------------------------------------------------- tokens */

/* 0 .. 63, or -1. */
static int32_t base64_value(uint8_t c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* The character that stands for a byte, see pieces.c. */
static uint32_t tekken_character(uint8_t byte)
{
    return byte <= 0x20                   ? 0x100u + byte
           : byte >= 0x7f && byte <= 0xa0 ? 0x100u + 0x21 + (byte - 0x7fu)
           : byte == 0xad                 ? 0x100u + 0x43
                                          : byte;
}

/* Writes the characters of n bytes, big-endian in `bits`. */
static uint8_t *tekken_write(uint32_t bits, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++)
        out += moe__utf8_encode(
            tekken_character((uint8_t)(bits >> (16 - 8 * i))), out);
    return out;
}

/* Writes base64 (RFC 4648) as characters to out [2 * (text.n / 4 * 3)]; returns
 * its end, NULL if it is not well formed. */
static uint8_t *tekken_decode(struct moe__slice text, uint8_t *out)
{
    if (text.n == 0 || text.n % 4 != 0)
        return NULL;
    for (size_t at = 0; at < text.n; at += 4) {
        const uint8_t *four = text.data + at;
        const bool is_last = at + 4 == text.n;
        const size_t n_pad =
            is_last
                ? (four[3] == '=') + (size_t)(four[3] == '=' && four[2] == '=')
                : 0;
        uint32_t bits = 0;
        for (size_t i = 0; i < 4; i++) {
            const int32_t value = i < 4 - n_pad ? base64_value(four[i]) : 0;
            if (value < 0)
                return NULL;
            bits = bits << 6 | (uint32_t)value;
        }
        if (bits & (n_pad == 2 ? 0xffffu : n_pad == 1 ? 0xffu : 0u))
            return NULL;
        out = tekken_write(bits, 3 - n_pad, out);
    }
    return out;
}

/* Entry i of an array of objects; its rank must be i. */
static moe_status tekken_entry(const struct tekken_file *f, const char *list,
                               const struct moe__json *array, int32_t i,
                               const char *key, struct moe__slice *text)
{
    const struct moe__json *entry = &array->items[i];
    const struct moe__json *string;
    char where[48];
    int64_t rank;
    moe__format(where, sizeof where, "%s[%d].", list, (int)i);
    MOE__TRY(moe__source_integer(entry, where, "rank", (const int64_t[]){i, i},
                                 &rank, f->err));
    MOE__TRY(moe__source_member(entry, where, key, MOE__JSON_STRING, &string,
                                f->err));
    *text = string->text;
    return MOE_OK;
}

static moe_status tekken_read_tokens(const struct tekken_file *f)
{
    const int32_t n = f->source->n_tokens - f->n_specials;
    struct moe__slice *texts = f->texts + f->n_specials; /* [n] */
    size_t n_bytes = 0;
    for (int32_t i = 0; i < n; i++) {
        MOE__TRY(
            tekken_entry(f, "vocab", f->vocab, i, "token_bytes", &texts[i]));
        n_bytes += texts[i].n / 4 * 3 * 2;
    }
    uint8_t *at = moe__source_alloc(f->arena, n_bytes, 1, f->err);
    if (at == NULL)
        return MOE_ERR_NO_MEMORY;
    for (int32_t i = 0; i < n; i++) {
        uint8_t *end = tekken_decode(texts[i], at);
        if (end == NULL)
            return moe__fail(f->err, MOE_ERR_FORMAT,
                             "vocab[%d].token_bytes: expected base64, found "
                             "\"%.*s\"",
                             (int)i, moe__token_shown(texts[i]),
                             (const char *)texts[i].data);
        texts[i] = moe__slice_of(at, (size_t)(end - at));
        f->source->kinds[f->n_specials + i] = MOE_TOKEN_NORMAL;
        at = end;
    }
    return MOE_OK;
}

/* The name of special token i, which the file may leave out. */
static moe_status tekken_special(const struct tekken_file *f, int32_t i,
                                 char filler[TEKKEN_FILLER_BYTES],
                                 struct moe__slice *text)
{
    if (f->specials && i < f->specials->n)
        return tekken_entry(f, "special_tokens", f->specials, i, "token_str",
                            text);
    if (f->specials == NULL && i < (int32_t)MOE__COUNT(tekken_specials)) {
        *text = moe__slice_str(tekken_specials[i]);
        return MOE_OK;
    }
    moe__format(filler, TEKKEN_FILLER_BYTES, "<SPECIAL_%d>", (int)i);
    *text = moe__slice_str(filler);
    return MOE_OK;
}

static moe_status tekken_read_specials(const struct tekken_file *f)
{
    static const struct {
        const char *name;
        moe_special which;
    } known[] = {{"<s>", MOE_SPECIAL_BOS},
                 {"</s>", MOE_SPECIAL_EOS},
                 {"<unk>", MOE_SPECIAL_UNK},
                 {"<pad>", MOE_SPECIAL_PAD}};
    struct moe__vocab_source *source = f->source;
    for (int32_t i = 0; i < f->n_specials; i++) {
        char filler[TEKKEN_FILLER_BYTES];
        struct moe__slice text;
        MOE__TRY(tekken_special(f, i, filler, &text));
        const char *copy =
            moe__arena_string(f->arena, (const char *)text.data, text.n);
        if (copy == NULL)
            return moe__fail(f->err, MOE_ERR_NO_MEMORY,
                             "no memory for %d special tokens",
                             (int)f->n_specials);
        f->texts[i] = moe__slice_of(copy, text.n);
        source->kinds[i] = MOE_TOKEN_CONTROL;
        for (size_t k = 0; k < MOE__COUNT(known); k++)
            if (moe__slice_is(text, known[k].name))
                source->special[known[k].which] = i;
    }
    if (source->special[MOE_SPECIAL_UNK] >= 0)
        source->kinds[source->special[MOE_SPECIAL_UNK]] = MOE_TOKEN_UNKNOWN;
    return MOE_OK;
}

/* ---------------------------------------------------------------- merges */

/* The rank of what both make together. */
static uint32_t tekken_order(const void *user, struct moe__slice left,
                             struct moe__slice right)
{
    const struct moe__vocab *vocab = user;
    const struct moe__slice both =
        moe__slice_of(left.data, left.n + right.n); /* side by side */
    const moe_token id = moe__text_index_find(&vocab->by_text, both);
    return id == MOE_TOKEN_NONE || vocab->kinds[id] != MOE_TOKEN_NORMAL
               ? UINT32_MAX
               : (uint32_t)id;
}

static moe_status tekken_merge(const struct moe__vocab_loader *loader,
                               uint32_t i, struct moe__vocab_merge *out)
{
    const struct tekken_file *f = loader->source->file;
    const struct moe__slice none = {NULL, 0};
    const struct moe__slice text = f->texts[(uint32_t)f->n_specials + i];
    *out = (struct moe__vocab_merge){none, none};
    if (moe__join_parts(text, tekken_order, loader->vocab, out) !=
        MOE__JOIN_LONG)
        return MOE_OK;
    return moe__fail(loader->err, MOE_ERR_UNSUPPORTED,
                     "vocab[%u].token_bytes: expected at most %d bytes",
                     (unsigned)i, MOE__JOIN_MAX);
}

/* ------------------------------------------------------------------ file */

static moe_status tekken_pattern(const struct tekken_file *f,
                                 const struct moe__json *config)
{
    const struct moe__json *regex;
    MOE__TRY(moe__source_member(config, "config.", "pattern", MOE__JSON_STRING,
                                &regex, f->err));
    struct moe__pretok *pretok =
        moe__source_alloc(f->arena, 1, sizeof *pretok, f->err);
    if (pretok == NULL)
        return MOE_ERR_NO_MEMORY;
    pretok->names = "tekken";
    pretok->flags = MOE__PRETOK_IGNORE_MERGES;
    f->source->pre = pretok->names;
    f->source->pretok = pretok;
    return moe__source_regex(f->arena, "config.pattern", regex->text,
                             &pretok->stages[0], f->err);
}

static moe_status tekken_sizes(struct tekken_file *f,
                               const struct moe__json *config)
{
    int64_t n_specials, n_tokens;
    const int32_t n_listed =
        f->specials ? f->specials->n : (int32_t)MOE__COUNT(tekken_specials);
    MOE__TRY(moe__source_integer(
        config, "config.", "default_num_special_tokens",
        (const int64_t[]){n_listed, TEKKEN_SPECIALS_MAX}, &n_specials, f->err));
    /* All single bytes, and no more than there are. */
    MOE__TRY(moe__source_integer(
        config, "config.", "default_vocab_size",
        (const int64_t[]){n_specials + 256, n_specials + f->vocab->n},
        &n_tokens, f->err));
    if (n_tokens >= INT32_MAX)
        return moe__fail(f->err, MOE_ERR_FORMAT, "vocab: too many tokens");
    f->n_specials = (int32_t)n_specials;
    f->source->n_tokens = (int32_t)n_tokens;
    f->source->n_merges = (uint32_t)(n_tokens - n_specials);
    return MOE_OK;
}

static moe_status tekken_fill(struct tekken_file *f,
                              const struct moe__json *root)
{
    const struct moe__json *config;
    f->specials = moe__json_get(root, "special_tokens");
    if (f->specials && f->specials->kind == MOE__JSON_NULL)
        f->specials = NULL;
    if (f->specials)
        MOE__TRY(moe__source_member(root, "", "special_tokens", MOE__JSON_ARRAY,
                                    &f->specials, f->err));
    MOE__TRY(moe__source_member(root, "", "config", MOE__JSON_OBJECT, &config,
                                f->err));
    MOE__TRY(moe__source_member(root, "", "vocab", MOE__JSON_ARRAY, &f->vocab,
                                f->err));
    MOE__TRY(tekken_sizes(f, config));
    const size_t n = (size_t)f->source->n_tokens;
    f->texts = moe__source_alloc(f->arena, n, sizeof *f->texts, f->err);
    f->source->kinds = moe__source_alloc(f->arena, n, 1, f->err);
    if (!f->texts || !f->source->kinds)
        return MOE_ERR_NO_MEMORY;
    f->source->texts = f->texts;
    MOE__TRY(tekken_read_specials(f));
    MOE__TRY(tekken_read_tokens(f));
    return tekken_pattern(f, config);
}

moe_status moe__source_tekken(struct moe__arena *arena,
                              const struct moe__json *root,
                              struct moe__vocab **out, struct moe__err *err)
{
    struct moe__vocab_source source;
    struct tekken_file f = {.arena = arena, .source = &source, .err = err};
    moe__source_init(&source);
    source.tokens = "tekken.json, vocab";
    source.merges = source.tokens;
    source.is_bpe = true;
    source.has_unique_texts = true;
    source.merge = tekken_merge;
    source.file = &f;
    MOE__TRY(tekken_fill(&f, root));
    return moe__vocab_make(arena, &source, out, err);
}
