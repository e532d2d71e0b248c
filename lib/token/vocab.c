/* vocab.c: a vocabulary from a file's tokenizer.ggml.* entries.
 *
 * Assumes nothing about the entries but what format/gguf.h checks: types,
 * lengths and ids are checked here.  Of tokens with the same text the lowest
 * id is the one that encoding gives; all decode.  Refuses tokenizers that are
 * neither SentencePiece BPE ("llama") nor byte-level BPE ("gpt2"). */
#include "token/vocab.h"

#include <math.h>

void *moe__vocab_alloc(const struct moe__vocab_loader *loader, size_t n,
                       size_t size)
{
    void *memory = moe__arena_alloc(loader->arena, n, size);
    if (memory == NULL)
        (void)moe__fail(loader->err, MOE_ERR_NO_MEMORY,
                        "no memory for a vocabulary of %d tokens",
                        (int)loader->vocab->n_tokens);
    return memory;
}

/* ------------------------------------------------------------------ read */

static moe_status vocab_read_model(const struct moe__vocab_loader *loader)
{
    static const char key[] = "tokenizer.ggml.model";
    const struct moe__meta *meta = moe__meta_find(loader->gguf, key);
    struct moe__slice name;
    if (meta == NULL)
        return moe__fail(loader->err, MOE_ERR_UNSUPPORTED,
                         "%s: missing, the file has no vocabulary", key);
    MOE__TRY(moe__meta_string(meta, 0, &name, loader->err));
    loader->vocab->is_bpe = moe__slice_is(name, "gpt2");
    if (loader->vocab->is_bpe || moe__slice_is(name, "llama"))
        return MOE_OK;
    return moe__fail(loader->err, MOE_ERR_UNSUPPORTED,
                     "%s: expected \"llama\" or \"gpt2\", found \"%.*s\"", key,
                     moe__token_shown(name), (const char *)name.data);
}

/* An array of one value a token; *out NULL if the file has none. */
static moe_status vocab_array(const struct moe__vocab_loader *loader,
                              const char *key, const struct moe__meta **out)
{
    const struct moe__meta *meta = moe__meta_find(loader->gguf, key);
    const uint64_t n_tokens = (uint64_t)loader->vocab->n_tokens;
    if (meta && (meta->type != MOE_META_ARRAY || meta->n != n_tokens))
        return moe__fail(loader->err, MOE_ERR_FORMAT,
                         "%s: expected an array of %llu values, one a token, "
                         "found %s of %llu",
                         key, (unsigned long long)n_tokens,
                         moe__meta_type_name(meta->type),
                         (unsigned long long)meta->n);
    *out = meta;
    return MOE_OK;
}

/* An array of strings. */
static moe_status vocab_strings(const struct moe__vocab_loader *loader,
                                const char *key, const struct moe__meta **out)
{
    const struct moe__meta *meta = moe__meta_find(loader->gguf, key);
    *out = meta;
    if (meta == NULL)
        return moe__fail(loader->err, MOE_ERR_FORMAT,
                         "%s: expected an array of strings, found nothing",
                         key);
    if (meta->type != MOE_META_ARRAY ||
        (meta->element_type != MOE_META_STRING && meta->n > 0))
        return moe__fail(loader->err, MOE_ERR_FORMAT,
                         "%s: expected an array of strings, found %s of %s",
                         key, moe__meta_type_name(meta->type),
                         moe__meta_type_name(meta->element_type));
    return MOE_OK;
}

static moe_status vocab_read_texts(const struct moe__vocab_loader *loader)
{
    static const char key[] = "tokenizer.ggml.tokens";
    struct moe__vocab *vocab = loader->vocab;
    const struct moe__meta *meta;
    MOE__TRY(vocab_strings(loader, key, &meta));
    if (meta->n < 1 || meta->n >= INT32_MAX)
        return moe__fail(loader->err, MOE_ERR_FORMAT,
                         "%s: expected 1 to %d tokens, found %llu", key,
                         INT32_MAX - 1, (unsigned long long)meta->n);
    const size_t n = (size_t)meta->n;
    vocab->n_tokens = (int32_t)n;
    vocab->texts = meta->strings;
    vocab->kinds = moe__vocab_alloc(loader, n, sizeof *vocab->kinds);
    vocab->is_end = moe__vocab_alloc(loader, n, sizeof *vocab->is_end);
    vocab->scores = moe__vocab_alloc(loader, n, sizeof *vocab->scores);
    if (!vocab->kinds || !vocab->is_end || !vocab->scores)
        return MOE_ERR_NO_MEMORY;
    if (!moe__text_index_init(&vocab->by_text, loader->arena, vocab->texts, n))
        return moe__fail(loader->err, MOE_ERR_NO_MEMORY,
                         "no memory for %zu tokens", n);
    for (size_t i = 0; i < n; i++)
        if (!moe__text_index_add(&vocab->by_text, (moe_token)i))
            return moe__fail(loader->err, MOE_ERR_FORMAT,
                             "%s: too many hash collisions, at token %zu", key,
                             i);
    return MOE_OK;
}

/* Type 0, "undefined", is a normal token. */
static moe_status vocab_read_kinds(const struct moe__vocab_loader *loader,
                                   bool *has_kinds)
{
    struct moe__vocab *vocab = loader->vocab;
    const struct moe__meta *meta;
    MOE__TRY(vocab_array(loader, "tokenizer.ggml.token_type", &meta));
    *has_kinds = meta != NULL;
    for (int32_t id = 0; id < vocab->n_tokens; id++) {
        int64_t kind = MOE_TOKEN_NORMAL;
        if (meta)
            MOE__TRY(moe__meta_i64(meta, (uint64_t)id, 0, MOE_TOKEN_BYTE, &kind,
                                   loader->err));
        vocab->kinds[id] = (uint8_t)(kind ? kind : MOE_TOKEN_NORMAL);
        if (kind == MOE_TOKEN_BYTE && moe__piece_byte(vocab->texts[id]) < 0)
            return moe__fail(
                loader->err, MOE_ERR_FORMAT,
                "tokenizer.ggml.tokens: expected \"<0x00>\" to \"<0xFF>\" as "
                "token %d, a byte, found \"%.*s\"",
                (int)id, moe__token_shown(vocab->texts[id]),
                (const char *)vocab->texts[id].data);
    }
    return MOE_OK;
}

/* Absent: all 0.  NaN would have no place in an order: below all others. */
static moe_status vocab_read_scores(const struct moe__vocab_loader *loader)
{
    struct moe__vocab *vocab = loader->vocab;
    const struct moe__meta *meta;
    MOE__TRY(vocab_array(loader, "tokenizer.ggml.scores", &meta));
    for (int32_t id = 0; meta && id < vocab->n_tokens; id++) {
        double score;
        MOE__TRY(moe__meta_f64(meta, (uint64_t)id, &score, loader->err));
        vocab->scores[id] = (float)(score == score ? score : -INFINITY);
    }
    return MOE_OK;
}

static moe_status vocab_read_pretok(const struct moe__vocab_loader *loader)
{
    static const char key[] = "tokenizer.ggml.pre";
    struct moe__vocab *vocab = loader->vocab;
    const struct moe__meta *meta = moe__meta_find(loader->gguf, key);
    struct moe__slice name = moe__slice_str("default");
    if (meta)
        MOE__TRY(moe__meta_string(meta, 0, &name, loader->err));
    vocab->pretok = moe__pretok_find(name);
    if (vocab->pretok == NULL)
        return moe__fail(loader->err, MOE_ERR_UNSUPPORTED,
                         "%s: unknown pre-tokenizer \"%.*s\"", key,
                         moe__token_shown(name), (const char *)name.data);
    char *pre = moe__vocab_alloc(loader, name.n + 1, 1);
    if (pre == NULL)
        return MOE_ERR_NO_MEMORY;
    memcpy(pre, name.data, name.n);
    vocab->pre = pre;
    for (; vocab->pretok->stages[vocab->n_stages]; vocab->n_stages++)
        MOE__TRY(moe__pattern_compile(
            loader->arena, vocab->pretok->stages[vocab->n_stages],
            &vocab->patterns[vocab->n_stages], loader->err));
    return MOE_OK;
}

/* "left right".  A merge of what the vocabulary does not have is passed over,
 * and so is one that would make a control token out of text. */
static moe_status vocab_add_merge(const struct moe__vocab_loader *loader,
                                  const char *key, uint32_t rank,
                                  struct moe__slice merge)
{
    struct moe__vocab *vocab = loader->vocab;
    /* A space as the first byte is part of the left side. */
    const uint8_t *blank =
        merge.n > 1 ? memchr(merge.data + 1, ' ', merge.n - 1) : NULL;
    if (blank == NULL)
        return moe__fail(loader->err, MOE_ERR_FORMAT,
                         "%s: expected two texts with a space between as "
                         "merge %u, found \"%.*s\"",
                         key, (unsigned)rank, moe__token_shown(merge),
                         (const char *)merge.data);
    const size_t n_left = (size_t)(blank - merge.data);
    const struct moe__slice left = moe__slice_of(merge.data, n_left);
    const struct moe__slice right =
        moe__slice_of(blank + 1, merge.n - n_left - 1);
    const moe_token a = moe__text_index_find(&vocab->by_text, left);
    const moe_token b = moe__text_index_find(&vocab->by_text, right);
    const moe_token joined =
        moe__text_index_find_joined(&vocab->by_text, left, right);
    if (a == MOE_TOKEN_NONE || b == MOE_TOKEN_NONE ||
        joined == MOE_TOKEN_NONE || vocab->kinds[joined] != MOE_TOKEN_NORMAL)
        return MOE_OK;
    struct moe__pair *pair =
        moe__pair_index_add(&vocab->merges, (uint32_t)a, (uint32_t)b);
    if (pair == NULL)
        return moe__fail(loader->err, MOE_ERR_FORMAT,
                         "%s: too many hash collisions, at merge %u", key,
                         (unsigned)rank);
    if (pair->id == MOE_TOKEN_NONE) { /* of equal ones the first counts */
        pair->value = rank;
        pair->id = joined;
    }
    return MOE_OK;
}

static moe_status vocab_read_merges(const struct moe__vocab_loader *loader)
{
    static const char key[] = "tokenizer.ggml.merges";
    const struct moe__meta *meta;
    MOE__TRY(vocab_strings(loader, key, &meta));
    if (meta->n >= UINT32_MAX ||
        !moe__pair_index_init(&loader->vocab->merges, loader->arena,
                              (size_t)meta->n))
        return moe__fail(loader->err, MOE_ERR_NO_MEMORY,
                         "no memory for %llu merges",
                         (unsigned long long)meta->n);
    for (uint32_t i = 0; i < meta->n; i++)
        MOE__TRY(vocab_add_merge(loader, key, i, meta->strings[i]));
    return MOE_OK;
}

static moe_status vocab_read_flag(const struct moe__vocab_loader *loader,
                                  const char *key, bool *flag)
{
    const struct moe__meta *meta = moe__meta_find(loader->gguf, key);
    return meta ? moe__meta_bool(meta, flag, loader->err) : MOE_OK;
}

static moe_status vocab_read_flags(const struct moe__vocab_loader *loader)
{
    struct moe__vocab *vocab = loader->vocab;
    vocab->has_bos =
        !vocab->is_bpe || vocab->pretok->flags & MOE__PRETOK_ADD_BOS;
    vocab->has_space_prefix = !vocab->is_bpe;
    MOE__TRY(vocab_read_flag(loader, "tokenizer.ggml.add_bos_token",
                             &vocab->has_bos));
    MOE__TRY(vocab_read_flag(loader, "tokenizer.ggml.add_eos_token",
                             &vocab->has_eos));
    MOE__TRY(vocab_read_flag(loader, "tokenizer.ggml.add_space_prefix",
                             &vocab->has_space_prefix));
    /* Byte-level text is never changed, whatever the file says. */
    vocab->has_space_prefix = vocab->has_space_prefix && !vocab->is_bpe;
    return MOE_OK;
}

static moe_status vocab_read(const struct moe__vocab_loader *loader)
{
    bool has_kinds;
    MOE__TRY(vocab_read_model(loader));
    MOE__TRY(vocab_read_texts(loader));
    MOE__TRY(vocab_read_kinds(loader, &has_kinds));
    MOE__TRY(vocab_read_scores(loader));
    MOE__TRY(moe__specials_read(loader, has_kinds));
    if (loader->vocab->is_bpe) {
        MOE__TRY(vocab_read_pretok(loader));
        MOE__TRY(vocab_read_merges(loader));
    }
    MOE__TRY(vocab_read_flags(loader));
    MOE__TRY(moe__pieces_make(loader));
    return moe__marks_make(loader);
}

moe_status moe__vocab_create(struct moe__arena *arena,
                             const struct moe__gguf *gguf,
                             struct moe__vocab **out, struct moe__err *err)
{
    struct moe__vocab *vocab = moe__arena_alloc(arena, 1, sizeof *vocab);
    *out = NULL;
    if (vocab == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for a vocabulary");
    vocab->pre = "default";
    const struct moe__vocab_loader loader = {arena, gguf, vocab, err};
    MOE__TRY(vocab_read(&loader));
    *out = vocab;
    return MOE_OK;
}

/* ------------------------------------------------------------- questions */

int32_t moe__vocab_size(const struct moe__vocab *vocab)
{
    return vocab->n_tokens;
}

const char *moe__vocab_model(const struct moe__vocab *vocab)
{
    return vocab->is_bpe ? "bpe" : "spm";
}

const char *moe__vocab_pre(const struct moe__vocab *vocab)
{
    return vocab->pre;
}

struct moe__slice moe__vocab_piece(const struct moe__vocab *vocab, moe_token id)
{
    return vocab->pieces[id];
}

moe_token_kind moe__vocab_kind(const struct moe__vocab *vocab, moe_token id)
{
    return vocab->kinds[id];
}

float moe__vocab_score(const struct moe__vocab *vocab, moe_token id)
{
    return vocab->scores[id];
}

bool moe__vocab_is_end(const struct moe__vocab *vocab, moe_token id)
{
    return vocab->is_end[id];
}

bool moe__vocab_has_space_prefix(const struct moe__vocab *vocab)
{
    return vocab->has_space_prefix;
}

moe_token moe__vocab_find(const struct moe__vocab *vocab,
                          struct moe__slice text)
{
    return moe__text_index_find(&vocab->by_text, text);
}

moe_token moe__vocab_special(const struct moe__vocab *vocab, moe_special which)
{
    const bool is_known = which >= 0 && which < MOE__N_SPECIALS;
    return is_known ? vocab->special[which] : MOE_TOKEN_NONE;
}
