/* breakers.c: texts that end a repetition, as the sequences of tokens that may
 * write them: a text may begin anywhere in a token. */
#include "api/api.h"

/* Longer texts are rarely written twice in the same tokens. */
#define MAX_BREAKER_BYTES 40

/* True if `piece` contains all of text, or, for n < text.n, ends with the first
 * n bytes of it. */
static bool piece_begins_breaker(struct moe__slice piece,
                                 struct moe__slice text, size_t n)
{
    if (piece.n < n)
        return false;
    size_t at = n == text.n ? 0 : piece.n - n;
    while (at + n < piece.n && memcmp(piece.data + at, text.data, n) != 0)
        at++;
    return memcmp(piece.data + at, text.data, n) == 0;
}

/* Appends "token, tail, MOE_TOKEN_NONE" for each token that ends with the first
 * n bytes of text; the tail is what the rest of it is encoded as. */
static moe_status add_breaker_heads(const struct moe__vocab *vocab,
                                    int32_t n_vocab, struct moe__slice text,
                                    size_t n, struct moe__ids *out,
                                    struct moe__err *err)
{
    struct moe__ids tail;
    moe__ids_init(&tail, out->mem);
    moe_status status = MOE_OK;
    if (n < text.n)
        status =
            moe__vocab_encode(vocab, moe__slice_of(text.data + n, text.n - n),
                              MOE_TEXT_CONTINUE, &tail, err);
    n_vocab = moe__min_i32(n_vocab, moe__vocab_size(vocab));
    for (moe_token id = 0; id < n_vocab && status == MOE_OK; id++) {
        const moe_token_kind kind = moe__vocab_kind(vocab, id);
        if (kind == MOE_TOKEN_CONTROL || kind == MOE_TOKEN_UNUSED ||
            !piece_begins_breaker(moe__vocab_piece(vocab, id), text, n))
            continue;
        status = moe__ids_push(out, id);
        for (size_t i = 0; i < tail.n && status == MOE_OK; i++)
            status = moe__ids_push(out, tail.ids[i]);
        if (status == MOE_OK)
            status = moe__ids_push(out, MOE_TOKEN_NONE);
    }
    moe__ids_free(&tail);
    return status == MOE_ERR_NO_MEMORY
               ? moe__fail(err, status, "no memory for dry_breakers")
               : status;
}

moe_status moe__breakers_encode(const moe_sampler_params *params,
                                int32_t n_vocab, struct moe__ids *out,
                                struct moe__err *err)
{
    static const char *const usual[] = {"\n", ":", "\"", "*"};
    const bool is_usual = params->n_dry_breakers == 0;
    const char *const *texts = is_usual ? usual : params->dry_breakers;
    const size_t n = is_usual ? MOE__COUNT(usual) : params->n_dry_breakers;
    const moe_model *model = params->model;
    if (is_usual && model == NULL)
        return MOE_OK;
    if (texts == NULL || model == NULL || model->vocab == NULL)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "dry_breakers: expected texts and a model with a "
                         "vocabulary, found %s",
                         texts == NULL   ? "no texts"
                         : model == NULL ? "no model"
                                         : "a model without one");
    for (size_t i = 0; i < n; i++) {
        if (texts[i] == NULL)
            return moe__fail(err, MOE_ERR_ARGUMENT,
                             "dry_breakers[%zu]: expected a text, found NULL",
                             i);
        if (strlen(texts[i]) > MAX_BREAKER_BYTES)
            return moe__fail(err, MOE_ERR_ARGUMENT,
                             "dry_breakers[%zu]: expected at most %d bytes, "
                             "found %zu",
                             i, MAX_BREAKER_BYTES, strlen(texts[i]));
        const struct moe__slice text = moe__slice_str(texts[i]);
        for (size_t part = text.n; part > 0; part--)
            MOE__TRY(
                add_breaker_heads(model->vocab, n_vocab, text, part, out, err));
    }
    return MOE_OK;
}
