/* bpe.c: text -> pieces that byte-pair merging never crosses.
 *
 * Each pattern of the pre-tokenizer cuts what the one before it has left into
 * its matches and the text between them; the pieces are words, see word.c. */
#include "token/vocab.h"

#include "base/utf8.h"

static moe_status bpe_cut(struct moe__encoder *e, int32_t stage,
                          struct moe__slice text);

/* Hands bytes [from, to) to the next stage. */
static moe_status bpe_part(struct moe__encoder *e, int32_t stage,
                           struct moe__slice text, size_t from, size_t to)
{
    if (from == to)
        return MOE_OK;
    return bpe_cut(e, stage + 1, moe__slice_of(text.data + from, to - from));
}

static size_t bpe_char_bytes(struct moe__slice text, size_t at)
{
    uint32_t code;
    const int32_t n =
        moe__utf8_decode(moe__slice_of(text.data + at, text.n - at), &code);
    return n > 0 ? (size_t)n : 1;
}

/* Cuts in bytes [at, end), a match, see cuts_threes; *from is where the last
 * piece ended. */
static moe_status bpe_cut_threes(struct moe__encoder *e, int32_t stage,
                                 struct moe__slice text, size_t at, size_t end,
                                 size_t *from)
{
    size_t n_chars = 0;
    for (size_t i = at; i < end; i += bpe_char_bytes(text, i))
        n_chars++;
    for (; at < end; at += bpe_char_bytes(text, at), n_chars--)
        if (n_chars % 3 == 0) {
            MOE__TRY(bpe_part(e, stage, text, *from, at));
            *from = at;
        }
    return MOE_OK;
}

/* Cuts text by the patterns from `stage` on. */
static moe_status bpe_cut(struct moe__encoder *e, int32_t stage,
                          struct moe__slice text)
{
    const struct moe__vocab *vocab = e->vocab;
    if (stage == vocab->n_stages)
        return moe__word_encode(e, text);
    const struct moe__pattern *pattern = &vocab->patterns[stage];
    const bool drops_gaps = stage + 1 == vocab->n_stages &&
                            vocab->pretok->flags & MOE__PRETOK_DROP_GAPS;
    size_t from = 0; /* of the text since the last piece */
    for (size_t at = 0, end; at < text.n; at = end) {
        end = moe__pattern_find(pattern, text, &at);
        if (pattern->cuts_threes) {
            MOE__TRY(bpe_cut_threes(e, stage, text, at, end, &from));
            continue;
        }
        if (!drops_gaps)
            MOE__TRY(bpe_part(e, stage, text, from, at));
        MOE__TRY(bpe_part(e, stage, text, at, end));
        from = end;
    }
    return bpe_part(e, stage, text, from, text.n);
}

moe_status moe__bpe_encode(struct moe__encoder *e, struct moe__slice text)
{
    return bpe_cut(e, 0, text);
}
