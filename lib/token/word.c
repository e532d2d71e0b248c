/* word.c: the ids of a word, which do not depend on what is around it.
 *
 * Most words of a text were there before: where a word was seen last and where
 * its ids are is kept, by its hash, so that they can be copied. */
#include "token/vocab.h"

#include "base/utf8.h"

enum {
    WORD_MAX_KEPT = 64,       /* bytes of a word that is looked for */
    WORD_MIN_SLOTS = 64,      /* powers of two */
    WORD_MAX_SLOTS = 1 << 14, /* 640 KiB, which mostly stay in a cache */
    WORD_BYTES_PER_SLOT = 16  /* of text; a word has some five */
};

/* ------------------------------------------------------------ seen words */

moe_status moe__words_init(struct moe__encoder *e, struct moe__slice text)
{
    struct moe__mem *mem = e->out->mem;
    size_t n = WORD_MIN_SLOTS;
    e->base = text.data;
    if (text.n < n * WORD_BYTES_PER_SLOT)
        return MOE_OK;
    while (n < WORD_MAX_SLOTS && n < text.n / WORD_BYTES_PER_SLOT)
        n *= 2;
    e->n_seen = n;
    e->words = moe__mem_calloc(mem, n, sizeof *e->words);
    e->pairs = moe__mem_alloc(mem, n * sizeof *e->pairs);
    if (e->words == NULL || e->pairs == NULL)
        return MOE_ERR_NO_MEMORY;
    memset(e->pairs, 0xff, n * sizeof *e->pairs); /* of no token */
    return MOE_OK;
}

void moe__words_free(struct moe__encoder *e)
{
    moe__mem_free(e->out->mem, e->words, e->n_seen * sizeof *e->words);
    moe__mem_free(e->out->mem, e->pairs, e->n_seen * sizeof *e->pairs);
}

/* 8 bytes a step; the last ones overlap. */
static uint64_t word_hash(struct moe__slice word)
{
    uint64_t hash = word.n, part = 0;
    if (word.n < 8) {
        for (size_t i = 0; i < word.n; i++)
            part = part << 8 | word.data[i];
    } else {
        for (size_t at = 0; at + 8 < word.n; at += 8) {
            memcpy(&part, word.data + at, 8);
            hash = (hash ^ part) * 0x9e3779b97f4a7c15u;
            hash ^= hash >> 32;
        }
        memcpy(&part, word.data + word.n - 8, 8);
    }
    hash = (hash ^ part) * 0x9e3779b97f4a7c15u;
    return hash >> 32;
}

/* The slot of a word; NULL if it is not one that is kept: too long, or not a
 * part of the text. */
static struct moe__word *word_slot(const struct moe__encoder *e,
                                   struct moe__slice word)
{
    if (e->n_seen == 0 || word.n > WORD_MAX_KEPT || word.data == e->text)
        return NULL;
    return &e->words[word_hash(word) & (e->n_seen - 1)];
}

/* Appends the ids again, and remembers these ones: they stay in the caches. */
static moe_status word_repeat(struct moe__encoder *e, struct moe__word *seen,
                              struct moe__slice word)
{
    const size_t first_id = e->out->n;
    for (uint32_t i = 0; i < seen->n_ids; i++)
        MOE__TRY(moe__ids_push(e->out, e->out->ids[seen->first_id + i]));
    seen->start = (uint32_t)(word.data - e->base);
    seen->first_id = first_id;
    return MOE_OK;
}

/* ------------------------------------------------------------- new words */

/* Cuts a word into what is joined: bytes, or characters. */
static moe_status word_begin(struct moe__encoder *e, struct moe__slice word)
{
    const struct moe__vocab *vocab = e->vocab;
    MOE__TRY(moe__merge_begin(e, word.n));
    if (moe__vocab_is_byte_level(vocab)) {
        for (size_t i = 0; i < word.n; i++)
            moe__merge_add(e, 1, vocab->byte_ids[word.data[i]]);
        return MOE_OK;
    }
    for (size_t at = 0; at < word.n;) {
        uint32_t code;
        const int32_t bytes =
            moe__utf8_decode(moe__slice_of(word.data + at, word.n - at), &code);
        const size_t n = bytes > 0 ? (size_t)bytes : 1;
        const moe_token id = moe__text_index_find(
            &vocab->by_piece, moe__slice_of(word.data + at, n));
        moe__merge_add(e, n, id);
        at += n;
    }
    return MOE_OK;
}

static moe_status word_emit(struct moe__encoder *e, struct moe__slice word)
{
    for (size_t i = 0; i < e->n_symbols; i++) {
        const struct moe__symbol *symbol = &e->symbols[i];
        if (symbol->n == 0)
            continue;
        if (symbol->id != MOE_TOKEN_NONE)
            MOE__TRY(moe__ids_push(e->out, symbol->id));
        else
            MOE__TRY(moe__encode_bytes(
                e, moe__slice_of(word.data + symbol->start, symbol->n)));
    }
    return MOE_OK;
}

/* The token that a word is without merging, MOE_TOKEN_NONE if it is to be
 * merged. */
static moe_token word_whole(const struct moe__vocab *vocab,
                            struct moe__slice word)
{
    if (!vocab->is_bpe)
        return MOE_TOKEN_NONE;
    if (word.n == 1 && moe__vocab_is_byte_level(vocab))
        return vocab->byte_ids[word.data[0]];
    const uint32_t flags = vocab->pretok->flags;
    if (flags & MOE__PRETOK_IGNORE_MERGES ||
        (flags & MOE__PRETOK_WHOLE_LINES && word.data[0] == '\n'))
        return moe__text_index_find(&vocab->by_piece, word);
    return MOE_TOKEN_NONE;
}

static moe_status word_new(struct moe__encoder *e, struct moe__slice word)
{
    const moe_token whole = word_whole(e->vocab, word);
    if (whole != MOE_TOKEN_NONE)
        return moe__ids_push(e->out, whole);
    MOE__TRY(word_begin(e, word));
    MOE__TRY(moe__merge_run(e, word));
    return word_emit(e, word);
}

moe_status moe__word_encode(struct moe__encoder *e, struct moe__slice word)
{
    struct moe__word *slot = word_slot(e, word);
    if (slot && slot->n == word.n &&
        memcmp(e->base + slot->start, word.data, word.n) == 0)
        return word_repeat(e, slot, word);
    const size_t first_id = e->out->n;
    e->has_unknown = false;
    MOE__TRY(word_new(e, word));
    /* How many unknown tokens stand for a word depends on what is before. */
    if (slot && !e->has_unknown)
        *slot = (struct moe__word){(uint32_t)(word.data - e->base),
                                   (uint32_t)word.n, first_id,
                                   (uint32_t)(e->out->n - first_id)};
    return MOE_OK;
}
