/* source_gguf.c: a vocabulary from the tokenizer.ggml.* entries of a GGUF.
 *
 * Assumes nothing about the entries but what format/gguf.h checks: types,
 * lengths and ids are checked here.  Refuses tokenizers that are neither
 * SentencePiece BPE ("llama") nor BPE with merges ("gpt2", "gemma4"). */
#include "token/source.h"

#include <math.h>

#define GGUF_TOKENS "tokenizer.ggml.tokens"
#define GGUF_MERGES "tokenizer.ggml.merges"

/* The file, and what is made of it. */
struct gguf_vocab {
    struct moe__arena *arena;
    const struct moe__gguf *gguf;
    struct moe__vocab_source *source;
    struct moe__err *err;
};

static moe_status gguf_model(const struct gguf_vocab *g)
{
    static const char key[] = "tokenizer.ggml.model";
    const struct moe__meta *meta = moe__meta_find(g->gguf, key);
    struct moe__slice name;
    if (meta == NULL)
        return moe__fail(g->err, MOE_ERR_UNSUPPORTED,
                         "%s: missing, the file has no vocabulary", key);
    MOE__TRY(moe__meta_string(meta, 0, &name, g->err));
    if (moe__slice_is(name, "gemma4"))
        g->source->pre = "gemma4"; /* whatever the file says */
    g->source->is_bpe =
        moe__slice_is(name, "gpt2") || moe__slice_is(name, "gemma4");
    if (g->source->is_bpe || moe__slice_is(name, "llama"))
        return MOE_OK;
    return moe__fail(g->err, MOE_ERR_UNSUPPORTED,
                     "%s: expected \"llama\", \"gpt2\" or \"gemma4\", found "
                     "\"%.*s\"",
                     key, moe__token_shown(name), (const char *)name.data);
}

/* ---------------------------------------------------------------- arrays */

/* An array of one value a token; *out NULL if the file has none. */
static moe_status gguf_array(const struct gguf_vocab *g, const char *key,
                             const struct moe__meta **out)
{
    const struct moe__meta *meta = moe__meta_find(g->gguf, key);
    const uint64_t n_tokens = (uint64_t)g->source->n_tokens;
    if (meta && (meta->type != MOE_META_ARRAY || meta->n != n_tokens))
        return moe__fail(g->err, MOE_ERR_FORMAT,
                         "%s: expected an array of %llu values, one a token, "
                         "found %s of %llu",
                         key, (unsigned long long)n_tokens,
                         moe__meta_type_name(meta->type),
                         (unsigned long long)meta->n);
    *out = meta;
    return MOE_OK;
}

static moe_status gguf_strings(const struct gguf_vocab *g, const char *key,
                               const struct moe__meta **out)
{
    const struct moe__meta *meta = moe__meta_find(g->gguf, key);
    *out = meta;
    if (meta == NULL)
        return moe__fail(g->err, MOE_ERR_FORMAT,
                         "%s: expected an array of strings, found nothing",
                         key);
    if (meta->type != MOE_META_ARRAY ||
        (meta->element_type != MOE_META_STRING && meta->n > 0))
        return moe__fail(g->err, MOE_ERR_FORMAT,
                         "%s: expected an array of strings, found %s of %s",
                         key, moe__meta_type_name(meta->type),
                         moe__meta_type_name(meta->element_type));
    return MOE_OK;
}

static moe_status gguf_texts(const struct gguf_vocab *g)
{
    const struct moe__meta *meta;
    MOE__TRY(gguf_strings(g, GGUF_TOKENS, &meta));
    if (meta->n < 1 || meta->n >= INT32_MAX)
        return moe__fail(g->err, MOE_ERR_FORMAT,
                         "%s: expected 1 to %d tokens, found %llu", GGUF_TOKENS,
                         INT32_MAX - 1, (unsigned long long)meta->n);
    g->source->n_tokens = (int32_t)meta->n;
    g->source->texts = meta->strings;
    return MOE_OK;
}

/* Type 0, "undefined", is a normal token. */
static moe_status gguf_kinds(const struct gguf_vocab *g)
{
    const size_t n = (size_t)g->source->n_tokens;
    const struct moe__meta *meta;
    MOE__TRY(gguf_array(g, "tokenizer.ggml.token_type", &meta));
    if (meta == NULL)
        return MOE_OK;
    uint8_t *kinds = moe__source_alloc(g->arena, n, sizeof *kinds, g->err);
    if (kinds == NULL)
        return MOE_ERR_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        int64_t kind;
        MOE__TRY(moe__meta_i64(meta, i, 0, MOE_TOKEN_BYTE, &kind, g->err));
        kinds[i] = (uint8_t)(kind ? kind : MOE_TOKEN_NORMAL);
    }
    g->source->kinds = kinds;
    return MOE_OK;
}

/* NaN would have no place in an order: below all others. */
static moe_status gguf_scores(const struct gguf_vocab *g)
{
    const size_t n = (size_t)g->source->n_tokens;
    const struct moe__meta *meta;
    MOE__TRY(gguf_array(g, "tokenizer.ggml.scores", &meta));
    if (meta == NULL)
        return MOE_OK;
    float *scores = moe__source_alloc(g->arena, n, sizeof *scores, g->err);
    if (scores == NULL)
        return MOE_ERR_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        double score;
        MOE__TRY(moe__meta_f64(meta, i, &score, g->err));
        scores[i] = (float)(score == score ? score : -INFINITY);
    }
    g->source->scores = scores;
    return MOE_OK;
}

/* -------------------------------------------------------- byte-level BPE */

static moe_status gguf_pretok(const struct gguf_vocab *g)
{
    static const char key[] = "tokenizer.ggml.pre";
    const struct moe__meta *meta = moe__meta_find(g->gguf, key);
    struct moe__slice name = moe__slice_str(g->source->pre);
    if (meta && moe__slice_is(name, "default"))
        MOE__TRY(moe__meta_string(meta, 0, &name, g->err));
    g->source->pretok = moe__pretok_find(name);
    if (g->source->pretok == NULL)
        return moe__fail(g->err, MOE_ERR_UNSUPPORTED,
                         "%s: unknown pre-tokenizer \"%.*s\"", key,
                         moe__token_shown(name), (const char *)name.data);
    g->source->pre =
        moe__arena_string(g->arena, (const char *)name.data, name.n);
    return g->source->pre
               ? MOE_OK
               : moe__fail(g->err, MOE_ERR_NO_MEMORY, "no memory for %s", key);
}

/* "left right".  A space as the first byte is part of the left side. */
static moe_status gguf_merge(const struct moe__vocab_loader *loader, uint32_t i,
                             struct moe__vocab_merge *out)
{
    const struct moe__meta *meta = loader->source->file;
    const struct moe__slice merge = meta->strings[i];
    const uint8_t *blank =
        merge.n > 1 ? memchr(merge.data + 1, ' ', merge.n - 1) : NULL;
    if (blank == NULL)
        return moe__fail(loader->err, MOE_ERR_FORMAT,
                         "%s: expected two texts with a space between as "
                         "merge %u, found \"%.*s\"",
                         GGUF_MERGES, (unsigned)i, moe__token_shown(merge),
                         (const char *)merge.data);
    const size_t n_left = (size_t)(blank - merge.data);
    out->left = moe__slice_of(merge.data, n_left);
    out->right = moe__slice_of(blank + 1, merge.n - n_left - 1);
    return MOE_OK;
}

static moe_status gguf_merges(const struct gguf_vocab *g)
{
    const struct moe__meta *meta;
    MOE__TRY(gguf_strings(g, GGUF_MERGES, &meta));
    if (meta->n >= UINT32_MAX)
        return moe__fail(g->err, MOE_ERR_NO_MEMORY, "no memory for %llu merges",
                         (unsigned long long)meta->n);
    g->source->n_merges = (uint32_t)meta->n;
    g->source->merge = gguf_merge;
    g->source->file = meta;
    return MOE_OK;
}

/* ------------------------------------------------------- ids and choices */

/* Keys, and the ids that SentencePiece models have when the file does not
 * say. */
static const struct {
    const char *key;
    int32_t spm_default;
} gguf_specials[] = {
    /* ORDER MOE_SPECIAL */
    [MOE_SPECIAL_BOS] = {"tokenizer.ggml.bos_token_id", 1},
    [MOE_SPECIAL_EOS] = {"tokenizer.ggml.eos_token_id", 2},
    [MOE_SPECIAL_EOT] = {"tokenizer.ggml.eot_token_id", MOE_TOKEN_NONE},
    [MOE_SPECIAL_UNK] = {"tokenizer.ggml.unknown_token_id", 0},
    [MOE_SPECIAL_PAD] = {"tokenizer.ggml.padding_token_id", MOE_TOKEN_NONE},
};

static moe_status gguf_id(const struct gguf_vocab *g, const char *key,
                          int64_t *id)
{
    const struct moe__meta *meta = moe__meta_find(g->gguf, key);
    return meta ? moe__meta_i64(meta, 0, INT64_MIN, INT64_MAX, id, g->err)
                : MOE_OK;
}

static moe_status gguf_ids(const struct gguf_vocab *g)
{
    struct moe__vocab_source *source = g->source;
    for (size_t i = 0; i < MOE__COUNT(gguf_specials); i++) {
        if (!source->is_bpe)
            source->special[i] = gguf_specials[i].spm_default;
        MOE__TRY(gguf_id(g, gguf_specials[i].key, &source->special[i]));
    }
    return gguf_id(g, "tokenizer.ggml.eom_token_id", &source->end_of_message);
}

static moe_status gguf_flag(const struct gguf_vocab *g, const char *key,
                            bool *flag)
{
    const struct moe__meta *meta = moe__meta_find(g->gguf, key);
    return meta ? moe__meta_bool(meta, flag, g->err) : MOE_OK;
}

static moe_status gguf_flags(const struct gguf_vocab *g)
{
    struct moe__vocab_source *source = g->source;
    bool has_prefix = true;
    if (source->is_bpe)
        source->has_bos = (source->pretok->flags & MOE__PRETOK_ADD_BOS) != 0;
    MOE__TRY(gguf_flag(g, "tokenizer.ggml.add_bos_token", &source->has_bos));
    MOE__TRY(gguf_flag(g, "tokenizer.ggml.add_eos_token", &source->has_eos));
    MOE__TRY(gguf_flag(g, "tokenizer.ggml.add_space_prefix", &has_prefix));
    source->space_prefix = has_prefix ? MOE__PREFIX_SPM : MOE__PREFIX_NONE;
    return MOE_OK;
}

/* Tokens of Phi-3 take the white space after them; files do not say so. */
static moe_status gguf_strips(const struct gguf_vocab *g)
{
    static const char *const without[] = {"<unk>", "<s>", "<|endoftext|>"};
    const size_t n = (size_t)g->source->n_tokens;
    const struct moe__meta *meta =
        moe__meta_find(g->gguf, "general.architecture");
    struct moe__slice name;
    if (meta == NULL || g->source->is_bpe)
        return MOE_OK;
    MOE__TRY(moe__meta_string(meta, 0, &name, g->err));
    if (!moe__slice_is(name, "phi3"))
        return MOE_OK;
    uint8_t *strips = moe__source_alloc(g->arena, n, sizeof *strips, g->err);
    if (strips == NULL)
        return MOE_ERR_NO_MEMORY;
    memset(strips, MOE__STRIP_AFTER, n);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < MOE__COUNT(without); k++)
            if (moe__slice_is(g->source->texts[i], without[k]))
                strips[i] = 0;
    g->source->strips = strips;
    return MOE_OK;
}

static moe_status gguf_fill(const struct gguf_vocab *g)
{
    MOE__TRY(gguf_model(g));
    MOE__TRY(gguf_texts(g));
    MOE__TRY(gguf_kinds(g));
    MOE__TRY(gguf_scores(g));
    MOE__TRY(gguf_strips(g));
    MOE__TRY(gguf_ids(g));
    if (g->source->is_bpe) {
        MOE__TRY(gguf_pretok(g));
        MOE__TRY(gguf_merges(g));
    }
    return gguf_flags(g);
}

moe_status moe__vocab_create(struct moe__arena *arena,
                             const struct moe__gguf *gguf,
                             struct moe__vocab **out, struct moe__err *err)
{
    struct moe__vocab_source source;
    const struct gguf_vocab g = {arena, gguf, &source, err};
    *out = NULL;
    moe__source_init(&source);
    source.tokens = GGUF_TOKENS;
    source.merges = GGUF_MERGES;
    MOE__TRY(gguf_fill(&g));
    return moe__vocab_make(arena, &source, out, err);
}
