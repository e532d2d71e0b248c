/* encode.c: the outer procedure: tokens that stand in the text, the text
 * between them, begin and end; and the list of ids.
 *
 * A text is cut at user-defined tokens (and at control tokens in the parts
 * that the caller trusts), leftmost first and the longest at each place.  What
 * is between goes to spm.c or bpe.c.  SentencePiece's space is put before the
 * text and after a control token, not after a user-defined one: that would not
 * decode to the same text. */
#include "token/vocab.h"

void moe__ids_init(struct moe__ids *ids, struct moe__mem *mem)
{
    *ids = (struct moe__ids){.mem = mem};
}

void moe__ids_free(struct moe__ids *ids)
{
    moe__mem_free(ids->mem, ids->ids, ids->cap * sizeof *ids->ids);
    moe__ids_init(ids, ids->mem);
}

void *moe__token_grow(struct moe__mem *mem, void *block, size_t *cap, size_t n,
                      size_t size)
{
    if (n <= *cap)
        return block;
    size_t new_cap, bytes;
    if (!moe__add_size(n, *cap, &new_cap) ||
        !moe__add_size(new_cap, 32, &new_cap) ||
        !moe__mul_size(new_cap, size, &bytes))
        return NULL;
    void *grown = moe__mem_alloc(mem, bytes);
    if (grown == NULL)
        return NULL;
    if (block)
        memcpy(grown, block, *cap * size);
    moe__mem_free(mem, block, *cap * size);
    *cap = new_cap;
    return grown;
}

bool moe__ids_is_stopped(const struct moe__ids *ids)
{
    return ids->stop != NULL &&
           atomic_load_explicit(ids->stop, memory_order_relaxed) != 0;
}

moe_status moe__ids_push(struct moe__ids *ids, moe_token id)
{
    if (moe__ids_is_stopped(ids))
        return MOE_ERR_CANCELLED;
    if (ids->n == ids->cap) {
        moe_token *grown = moe__token_grow(ids->mem, ids->ids, &ids->cap,
                                           ids->n + 1, sizeof *grown);
        if (grown == NULL)
            return MOE_ERR_NO_MEMORY;
        ids->ids = grown;
    }
    ids->ids[ids->n++] = id;
    return MOE_OK;
}

moe_status moe__encode_bytes(struct moe__encoder *e, struct moe__slice bytes)
{
    const struct moe__vocab *vocab = e->vocab;
    const moe_token unknown = vocab->special[MOE_SPECIAL_UNK];
    size_t n_known = 0;
    while (n_known < bytes.n &&
           vocab->byte_ids[bytes.data[n_known]] != MOE_TOKEN_NONE)
        n_known++;
    if (n_known == bytes.n) {
        for (size_t i = 0; i < bytes.n; i++)
            MOE__TRY(moe__ids_push(e->out, vocab->byte_ids[bytes.data[i]]));
        return MOE_OK;
    }
    if (unknown == MOE_TOKEN_NONE)
        return moe__fail(e->err, MOE_ERR_UNSUPPORTED,
                         "the vocabulary has no token for byte 0x%x of the "
                         "text and no unknown token",
                         (unsigned)bytes.data[n_known]);
    e->has_unknown = true;
    /* One for a run of them, as SentencePiece does. */
    const struct moe__ids *out = e->out;
    if (out->n > e->first && out->ids[out->n - 1] == unknown)
        return MOE_OK;
    return moe__ids_push(e->out, unknown);
}

/* A fragment without tokens that stand in it. */
static moe_status encode_fragment(struct moe__encoder *e,
                                  struct moe__slice text, bool has_space)
{
    e->first = e->out->n;
    if (e->vocab->is_bpe)
        return moe__bpe_encode(e, text);
    return moe__spm_encode(e, text, has_space);
}

static moe_status encode_text(struct moe__encoder *e,
                              struct moe__mark_finder *finder, bool is_fresh)
{
    const struct moe__slice text = finder->text;
    const enum moe__space_prefix prefix = e->vocab->space_prefix;
    bool has_space = is_fresh && prefix != MOE__PREFIX_NONE;
    for (size_t at = 0; at < text.n;) {
        const struct moe__mark mark = moe__mark_next(finder, at);
        const bool is_user_defined =
            mark.n > 0 && e->vocab->kinds[mark.id] == MOE_TOKEN_USER_DEFINED;
        /* A user-defined token may come first: then the space of SentencePiece
         * stands alone. */
        if (mark.start > at ||
            (has_space && is_user_defined && prefix == MOE__PREFIX_SPM))
            MOE__TRY(encode_fragment(
                e, moe__slice_of(text.data + at, mark.start - at), has_space));
        if (mark.n > 0)
            MOE__TRY(moe__ids_push(e->out, mark.id));
        has_space = prefix == MOE__PREFIX_SPM && !is_user_defined;
        at = mark.start + mark.n;
    }
    return MOE_OK;
}

static moe_status encode_all(struct moe__encoder *e,
                             struct moe__mark_finder *finder,
                             moe_text_flags flags)
{
    const struct moe__vocab *vocab = e->vocab;
    const bool has_ends = (flags & MOE_TEXT_SPECIALS) != 0;
    const moe_token bos = vocab->special[MOE_SPECIAL_BOS];
    const moe_token eos = vocab->special[MOE_SPECIAL_EOS];
    if (has_ends && vocab->has_bos && bos != MOE_TOKEN_NONE)
        MOE__TRY(moe__ids_push(e->out, bos));
    MOE__TRY(moe__words_init(e, finder->text));
    MOE__TRY(encode_text(e, finder, (flags & MOE_TEXT_CONTINUE) == 0));
    if (has_ends && vocab->has_eos && eos != MOE_TOKEN_NONE)
        MOE__TRY(moe__ids_push(e->out, eos));
    return MOE_OK;
}

/* The parts are inside a text of n bytes, in order, apart. */
static bool encode_can_trust(const struct moe__trust *trusted,
                             int32_t n_trusted, size_t n)
{
    size_t end = 0;
    for (int32_t i = 0; i < n_trusted; i++) {
        if (trusted[i].begin < end || trusted[i].end < trusted[i].begin)
            return false;
        end = trusted[i].end;
    }
    return end <= n;
}

moe_status moe__vocab_encode_trusted(const struct moe__vocab *vocab,
                                     struct moe__slice text,
                                     const struct moe__trust *trusted,
                                     int32_t n_trusted, moe_text_flags flags,
                                     struct moe__ids *out, struct moe__err *err)
{
    /* Symbols have 32-bit offsets; one byte is for the space before. */
    if (text.n >= INT32_MAX)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "text: expected fewer than %d bytes, found %zu",
                         INT32_MAX, text.n);
    if (!encode_can_trust(trusted, n_trusted, text.n))
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "trusted parts: expected them in order, apart and "
                         "inside the %zu bytes of text",
                         text.n);
    const size_t n_before = out->n;
    struct moe__mem *mem = out->mem;
    struct moe__mark_finder finder = {vocab, text, trusted, n_trusted};
    struct moe__encoder e = {.vocab = vocab, .out = out, .err = err};
    const moe_status status = encode_all(&e, &finder, flags);
    moe__mem_free(mem, e.symbols, e.cap_symbols * sizeof *e.symbols);
    moe__mem_free(mem, e.bids, e.cap_bids * sizeof *e.bids);
    moe__mem_free(mem, e.runs, e.cap_runs * sizeof *e.runs);
    moe__words_free(&e);
    moe__mem_free(mem, e.text, e.cap_text);
    if (status != MOE_OK)
        out->n = n_before;
    if (status == MOE_ERR_NO_MEMORY)
        return moe__fail(err, status,
                         "no memory for the tokens of %zu bytes of text",
                         text.n);
    if (status == MOE_ERR_CANCELLED)
        return moe__fail(err, status, "cancelled in %zu bytes of text", text.n);
    return status;
}

moe_status moe__vocab_encode(const struct moe__vocab *vocab,
                             struct moe__slice text, moe_text_flags flags,
                             struct moe__ids *out, struct moe__err *err)
{
    const struct moe__trust all = {0, text.n};
    const int32_t n_trusted = (flags & MOE_TEXT_PARSE_CONTROL) != 0;
    return moe__vocab_encode_trusted(vocab, text, &all, n_trusted, flags, out,
                                     err);
}
