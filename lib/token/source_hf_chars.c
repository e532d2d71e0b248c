/* source_hf_chars.c: a tokenizer.json whose tokens are characters, not bytes.
 *
 * Such a vocabulary is SentencePiece's, with scores made of the merges. */
#include "token/source.h"

/* ---------------------------------------------------------------- scores */

/* The merges of a vocabulary of characters, while its scores are made. */
struct hf_scoring {
    struct moe__text_index by_text;
    struct moe__pair_index merges;
};

static uint32_t hf_order(const void *user, struct moe__slice left,
                         struct moe__slice right)
{
    const struct hf_scoring *scoring = user;
    const moe_token a = moe__text_index_find(&scoring->by_text, left);
    const moe_token b = moe__text_index_find(&scoring->by_text, right);
    if (a == MOE_TOKEN_NONE || b == MOE_TOKEN_NONE)
        return UINT32_MAX;
    const struct moe__pair *pair =
        moe__pair_index_find(&scoring->merges, (uint32_t)a, (uint32_t)b);
    return pair ? pair->value : UINT32_MAX;
}

static moe_status hf_index(const struct moe__hf_file *f,
                           struct moe__arena *scratch,
                           struct hf_scoring *scoring)
{
    const struct moe__vocab_source *source = f->source;
    if (!moe__text_index_init(&scoring->by_text, scratch, f->texts,
                              (size_t)source->n_tokens) ||
        !moe__pair_index_init(&scoring->merges, scratch, source->n_merges))
        return moe__fail(f->err, MOE_ERR_NO_MEMORY, "no memory for %u merges",
                         (unsigned)source->n_merges);
    for (moe_token id = 0; id < source->n_tokens; id++)
        if (!moe__text_index_add(&scoring->by_text, id))
            return moe__fail(f->err, MOE_ERR_FORMAT,
                             "%s: too many hash collisions, at token %d",
                             source->tokens, (int)id);
    for (uint32_t i = 0; i < source->n_merges; i++) {
        struct moe__vocab_merge merge;
        MOE__TRY(moe__hf_merge(f, i, &merge));
        const moe_token a = moe__text_index_find(&scoring->by_text, merge.left);
        const moe_token b =
            moe__text_index_find(&scoring->by_text, merge.right);
        const moe_token joined = moe__text_index_find_joined(
            &scoring->by_text, merge.left, merge.right);
        if (a == MOE_TOKEN_NONE || b == MOE_TOKEN_NONE ||
            joined == MOE_TOKEN_NONE)
            continue;
        struct moe__pair *pair =
            moe__pair_index_add(&scoring->merges, (uint32_t)a, (uint32_t)b);
        if (pair == NULL)
            return moe__fail(f->err, MOE_ERR_FORMAT,
                             "%s: too many hash collisions, at merge %u",
                             source->merges, (unsigned)i);
        if (pair->value == UINT32_MAX) /* of equal ones the first counts */
            pair->value = i;
    }
    return MOE_OK;
}

/* A token is only ever joined from the two parts that moe__join_parts finds,
 * so the rank of their merge is a score of the token, as SentencePiece has it;
 * what no merges lead to is not used. */
static moe_status hf_score(const struct moe__hf_file *f,
                           const struct hf_scoring *scoring)
{
    struct moe__vocab_source *source = f->source;
    source->scores = moe__source_alloc(f->arena, (size_t)source->n_tokens,
                                       sizeof *source->scores, f->err);
    if (source->scores == NULL)
        return MOE_ERR_NO_MEMORY;
    for (moe_token id = 0; id < source->n_tokens; id++) {
        struct moe__vocab_merge parts;
        if (source->kinds[id] != MOE_TOKEN_NORMAL)
            continue;
        const enum moe__join join =
            moe__join_parts(f->texts[id], hf_order, scoring, &parts);
        if (join == MOE__JOIN_LONG)
            return moe__fail(f->err, MOE_ERR_UNSUPPORTED,
                             "model.vocab: expected at most %d characters, "
                             "found token %d of %zu bytes",
                             MOE__JOIN_MAX, (int)id, f->texts[id].n);
        if (join == MOE__JOIN_TWO)
            source->scores[id] =
                -(float)hf_order(scoring, parts.left, parts.right);
        if (join == MOE__JOIN_NEVER)
            source->kinds[id] = MOE_TOKEN_UNUSED;
    }
    return MOE_OK;
}

static moe_status hf_make_scores(const struct moe__hf_file *f)
{
    struct moe__arena scratch;
    struct hf_scoring scoring;
    moe__arena_init(&scratch, f->arena->mem);
    moe_status status = hf_index(f, &scratch, &scoring);
    if (status == MOE_OK)
        status = hf_score(f, &scoring);
    moe__arena_free(&scratch);
    return status;
}

/* ------------------------------------------------------------- characters */

/* Tokens that are bytes, and whether what has no token can be written. */
static moe_status hf_find_bytes(const struct moe__hf_file *f,
                                const struct moe__json *model)
{
    const struct moe__vocab_source *source = f->source;
    bool has_fallback = false;
    bool is_fused = false;
    int32_t n_bytes = 0;
    MOE__TRY(moe__source_flag(model, "model.", "byte_fallback", &has_fallback,
                              f->err));
    MOE__TRY(moe__source_flag(model, "model.", "fuse_unk", &is_fused, f->err));
    for (moe_token id = 0; has_fallback && id < source->n_tokens; id++)
        if (source->kinds[id] == MOE_TOKEN_NORMAL &&
            moe__piece_byte(f->texts[id]) >= 0) {
            source->kinds[id] = MOE_TOKEN_BYTE;
            n_bytes++;
        }
    if (n_bytes == 256 || is_fused ||
        source->special[MOE_SPECIAL_UNK] == MOE_TOKEN_NONE)
        return MOE_OK;
    return moe__fail(f->err, MOE_ERR_UNSUPPORTED,
                     "model.fuse_unk: expected true, as only %d bytes are "
                     "tokens",
                     (int)n_bytes);
}

/* Words that are cut before each space are joined as they would be without, if
 * no token has a space elsewhere. */
static moe_status hf_check_cuts(const struct moe__hf_file *f)
{
    const uint8_t *space = (const uint8_t *)"\xe2\x96\x81"; /* U+2581 */
    for (moe_token id = 0; f->cuts_words && id < f->source->n_tokens; id++) {
        const struct moe__slice text = f->texts[id];
        for (size_t i = 1; i + 3 <= text.n; i++)
            if (f->source->kinds[id] == MOE_TOKEN_NORMAL &&
                memcmp(text.data + i, space, 3) == 0)
                return moe__fail(f->err, MOE_ERR_UNSUPPORTED,
                                 "pre_tokenizer.split is not supported with a "
                                 "space inside a token, as in token %d",
                                 (int)id);
    }
    return MOE_OK;
}

moe_status moe__hf_characters(const struct moe__hf_file *f,
                              const struct moe__json *model)
{
    bool is_whole = false;
    MOE__TRY(
        moe__source_flag(model, "model.", "ignore_merges", &is_whole, f->err));
    if (is_whole)
        return moe__fail(f->err, MOE_ERR_UNSUPPORTED,
                         "model.ignore_merges: expected ByteLevel with it");
    /* Ranks are exact as floats. */
    if (f->source->n_merges > 1u << 24)
        return moe__fail(f->err, MOE_ERR_UNSUPPORTED,
                         "model.merges: expected at most %d, found %u", 1 << 24,
                         (unsigned)f->source->n_merges);
    MOE__TRY(hf_find_bytes(f, model));
    MOE__TRY(hf_check_cuts(f));
    return hf_make_scores(f);
}
