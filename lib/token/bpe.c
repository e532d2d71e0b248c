/* bpe.c: text -> ids with a byte-level BPE model.
 *
 * The pre-tokenizer's patterns cut the text into pieces; each is merged on its
 * own, from single bytes. */
#include "token/vocab.h"

#include "base/utf8.h"

static moe_status bpe_piece(struct moe__encoder *e, struct moe__slice text)
{
    const struct moe__vocab *vocab = e->vocab;
    if (vocab->pretok->flags & MOE__PRETOK_IGNORE_MERGES) {
        const moe_token whole = moe__text_index_find(&vocab->by_piece, text);
        if (whole != MOE_TOKEN_NONE)
            return moe__ids_push(e->out, whole);
    }
    MOE__TRY(moe__merge_begin(e, text.n));
    for (size_t i = 0; i < text.n; i++)
        moe__merge_add(e, 1, vocab->byte_ids[text.data[i]]);
    MOE__TRY(moe__merge_run(e, text));
    for (size_t i = 0; i < e->n_symbols; i++) {
        const struct moe__symbol *symbol = &e->symbols[i];
        if (symbol->n == 0)
            continue;
        if (symbol->id != MOE_TOKEN_NONE)
            MOE__TRY(moe__ids_push(e->out, symbol->id));
        else
            MOE__TRY(moe__encode_bytes(
                e, moe__slice_of(text.data + symbol->start, symbol->n)));
    }
    return MOE_OK;
}

/* Cuts text by the patterns from `stage` on. */
static moe_status bpe_cut(struct moe__encoder *e, int32_t stage,
                          struct moe__slice text)
{
    if (stage == e->vocab->n_stages)
        return bpe_piece(e, text);
    const struct moe__pattern *pattern = &e->vocab->patterns[stage];
    size_t from = 0; /* of the text since the last match */
    for (size_t at = 0; at < text.n;) {
        bool is_skip;
        const size_t end = moe__pattern_match(pattern, text, at, &is_skip);
        if (end == at || is_skip) {
            uint32_t code;
            const int32_t n = moe__utf8_decode(
                moe__slice_of(text.data + at, text.n - at), &code);
            at = end > at ? end : at + (n > 0 ? (size_t)n : 1);
            continue;
        }
        if (at > from)
            MOE__TRY(bpe_cut(e, stage + 1,
                             moe__slice_of(text.data + from, at - from)));
        MOE__TRY(
            bpe_cut(e, stage + 1, moe__slice_of(text.data + at, end - at)));
        at = from = end;
    }
    if (text.n == from)
        return MOE_OK;
    return bpe_cut(e, stage + 1,
                   moe__slice_of(text.data + from, text.n - from));
}

moe_status moe__bpe_encode(struct moe__encoder *e, struct moe__slice text)
{
    return bpe_cut(e, 0, text);
}
