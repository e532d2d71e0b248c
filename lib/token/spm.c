/* spm.c: text -> words of a SentencePiece BPE model.
 *
 * Works on the text as it is: the vocabulary's pieces have spaces where the
 * file has U+2581, so a U+2581 of the text is no piece and is spelled by its
 * bytes, as is all else that has no piece.  Nothing is normalised or lost. */
#include "token/vocab.h"

/* Where the word that starts at `from` ends.  Words are cut before a space if
 * no piece has that space after the same byte: no merge crosses there. */
static size_t spm_word_end(const struct moe__vocab *vocab,
                           struct moe__slice text, size_t from)
{
    size_t to = from + 1;
    while (to < text.n &&
           (text.data[to] != ' ' || vocab->is_before_space[text.data[to - 1]]))
        to++;
    return to;
}

/* The first word of a text with a space before it. */
static moe_status spm_first_word(struct moe__encoder *e, struct moe__slice word)
{
    uint8_t *grown =
        moe__token_grow(e->out->mem, e->text, &e->cap_text, word.n + 1, 1);
    if (grown == NULL)
        return MOE_ERR_NO_MEMORY;
    e->text = grown;
    e->text[0] = ' ';
    if (word.n > 0)
        memcpy(e->text + 1, word.data, word.n);
    return moe__word_encode(e, moe__slice_of(e->text, word.n + 1));
}

moe_status moe__spm_encode(struct moe__encoder *e, struct moe__slice text,
                           bool has_space)
{
    size_t from = 0;
    if (has_space) {
        /* It may be of one word with spaces at the start. */
        if (text.n > 0 &&
            (text.data[0] != ' ' || e->vocab->is_before_space[' ']))
            from = spm_word_end(e->vocab, text, 0);
        MOE__TRY(spm_first_word(e, moe__slice_of(text.data, from)));
    }
    for (size_t to; from < text.n; from = to) {
        to = spm_word_end(e->vocab, text, from);
        MOE__TRY(
            moe__word_encode(e, moe__slice_of(text.data + from, to - from)));
    }
    return MOE_OK;
}
