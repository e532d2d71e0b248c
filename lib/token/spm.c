/* spm.c: text -> ids with a SentencePiece BPE model.
 *
 * Works on the text as it is: the vocabulary's pieces have spaces where the
 * file has U+2581, so a U+2581 of the text is no piece and is spelled by its
 * bytes, as is all else that has no piece.  Nothing is normalised or lost. */
#include "token/vocab.h"

#include "base/utf8.h"

/* The ids of a text whose pieces do not depend on what is around it. */
static moe_status spm_word(struct moe__encoder *e, struct moe__slice text)
{
    MOE__TRY(moe__merge_begin(e, text.n));
    for (size_t at = 0; at < text.n;) {
        uint32_t code;
        const int32_t n =
            moe__utf8_decode(moe__slice_of(text.data + at, text.n - at), &code);
        moe__merge_add(e, n > 0 ? (size_t)n : 1, MOE_TOKEN_NONE);
        at += n > 0 ? (size_t)n : 1;
    }
    MOE__TRY(moe__merge_run(e, text));
    for (size_t i = 0; i < e->n_symbols; i++) {
        const struct moe__symbol *symbol = &e->symbols[i];
        const struct moe__slice bytes =
            moe__slice_of(text.data + symbol->start, symbol->n);
        moe_token id = symbol->id;
        if (symbol->n == 0)
            continue;
        if (id == MOE_TOKEN_NONE)
            id = moe__text_index_find(&e->vocab->by_piece, bytes);
        if (id == MOE_TOKEN_NONE)
            MOE__TRY(moe__encode_bytes(e, bytes));
        else
            MOE__TRY(moe__ids_push(e->out, id));
    }
    return MOE_OK;
}

/* A text with a space before it. */
static moe_status spm_prefix(struct moe__encoder *e, struct moe__slice *text)
{
    uint8_t *grown =
        moe__token_grow(e->out->mem, e->text, &e->cap_text, text->n + 1, 1);
    if (grown == NULL)
        return MOE_ERR_NO_MEMORY;
    e->text = grown;
    e->text[0] = ' ';
    if (text->n > 0)
        memcpy(e->text + 1, text->data, text->n);
    *text = moe__slice_of(e->text, text->n + 1);
    return MOE_OK;
}

/* If no piece has a space inside, no merge crosses from another character to
 * a space: the words are independent of each other, and merging them one by
 * one gives the same ids with a small heap. */
moe_status moe__spm_encode(struct moe__encoder *e, struct moe__slice text,
                           bool has_space)
{
    if (has_space)
        MOE__TRY(spm_prefix(e, &text));
    for (size_t from = 0, to; from < text.n; from = to) {
        to = e->vocab->has_word_cuts ? from + 1 : text.n;
        while (to < text.n &&
               (text.data[to] != ' ' || text.data[to - 1] == ' '))
            to++;
        MOE__TRY(spm_word(e, moe__slice_of(text.data + from, to - from)));
    }
    return MOE_OK;
}
