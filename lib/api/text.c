/* text.c: the public area "text": between bytes and tokens. */
#include "api/api.h"

static moe_status need_vocab(const moe_model *model, struct moe__err *err)
{
    if (model == NULL)
        return moe__fail(err, MOE_ERR_ARGUMENT, "model must not be NULL");
    if (model->vocab == NULL)
        return moe__fail(err, MOE_ERR_UNSUPPORTED,
                         "the file has no vocabulary "
                         "(tokenizer.ggml.model is missing)");
    return MOE_OK;
}

static moe_status text_slice(const char *text, int64_t bytes,
                             struct moe__slice *out, struct moe__err *err)
{
    if (text == NULL && bytes != 0)
        return moe__fail(err, MOE_ERR_ARGUMENT, "text must not be NULL");
    if (bytes < -1 || (uint64_t)(bytes + 1) > PTRDIFF_MAX)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "text_bytes: expected -1 or a size, found %lld",
                         (long long)bytes);
    *out =
        bytes < 0 ? moe__slice_str(text) : moe__slice_of(text, (size_t)bytes);
    return MOE_OK;
}

moe_status moe__text_encode(const moe_model *model, const char *text,
                            int64_t text_bytes, moe_text_flags flags,
                            struct moe__ids *ids, struct moe__err *err)
{
    const moe_text_flags known = MOE_TEXT_SPECIALS | MOE_TEXT_PARSE_CONTROL |
                                 MOE_TEXT_CONTINUE | MOE_TEXT_SHOW_CONTROL;
    struct moe__slice slice;
    MOE__TRY(need_vocab(model, err));
    MOE__TRY(text_slice(text, text_bytes, &slice, err));
    if (flags & ~known)
        return moe__fail(err, MOE_ERR_ARGUMENT, "flags: unknown bits %x",
                         flags & ~known);
    return moe__vocab_encode(model->vocab, slice, flags, ids, err);
}

moe_status moe_text_encode(const moe_model *model, const char *text,
                           int64_t text_bytes, moe_text_flags flags,
                           moe_token *tokens, size_t cap, size_t *n,
                           moe_error *err)
{
    struct moe__err why = {0};
    struct moe__mem mem;
    struct moe__ids ids;
    if (model == NULL || n == NULL || (tokens == NULL && cap > 0))
        return moe__error_out(err, &why,
                              moe__fail(&why, MOE_ERR_ARGUMENT,
                                        "moe_text_encode: model, n, and "
                                        "tokens if cap > 0 must not be NULL"));
    moe__mem_init(&mem, &model->mem.hook);
    moe__ids_init(&ids, &mem);
    moe_status status =
        moe__text_encode(model, text, text_bytes, flags, &ids, &why);
    if (status == MOE_OK) {
        *n = ids.n;
        if (ids.n > cap)
            status = moe__fail(&why, MOE_ERR_BUFFER,
                               "%zu tokens do not fit in %zu", ids.n, cap);
        else if (ids.n > 0)
            memcpy(tokens, ids.ids, ids.n * sizeof *tokens);
    }
    moe__ids_free(&ids);
    return moe__error_out(err, &why, status);
}

/* Whether a token's bytes belong into decoded text. */
static bool shows_token(const struct moe__vocab *vocab, moe_token token,
                        moe_text_flags flags)
{
    moe_token_kind kind = moe__vocab_kind(vocab, token);
    return flags & MOE_TEXT_SHOW_CONTROL ||
           (kind != MOE_TOKEN_CONTROL && kind != MOE_TOKEN_UNUSED);
}

static moe_status decode_tokens(const moe_model *model, const moe_token *tokens,
                                size_t n, moe_text_flags flags,
                                struct moe__slice out, size_t *text_bytes,
                                struct moe__err *err)
{
    const struct moe__vocab *vocab = model->vocab;
    int32_t n_vocab = moe__vocab_size(vocab);
    bool drops_space =
        !(flags & MOE_TEXT_CONTINUE) && moe__vocab_has_space_prefix(vocab);
    uint8_t *to = (uint8_t *)(uintptr_t)out.data;
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        if (tokens[i] < 0 || tokens[i] >= n_vocab)
            return moe__fail(err, MOE_ERR_ARGUMENT,
                             "token %zu of %zu: id %d is outside the "
                             "vocabulary of %d",
                             i, n, tokens[i], n_vocab);
        if (!shows_token(vocab, tokens[i], flags))
            continue;
        struct moe__slice piece = moe__vocab_piece(vocab, tokens[i]);
        if (drops_space &&
            moe__vocab_kind(vocab, tokens[i]) != MOE_TOKEN_CONTROL) {
            if (piece.n > 0 && piece.data[0] == ' ')
                piece = moe__slice_of(piece.data + 1, piece.n - 1);
            drops_space = false;
        }
        if (piece.n <= out.n && total <= out.n - piece.n && piece.n > 0)
            memcpy(to + total, piece.data, piece.n);
        total += piece.n;
    }
    *text_bytes = total;
    if (total > out.n)
        return moe__fail(err, MOE_ERR_BUFFER, "%zu bytes do not fit in %zu",
                         total, out.n);
    return MOE_OK;
}

moe_status moe_text_decode(const moe_model *model, const moe_token *tokens,
                           size_t n, moe_text_flags flags, char *text,
                           size_t cap, size_t *text_bytes, moe_error *err)
{
    struct moe__err why = {0};
    moe_status status = need_vocab(model, &why);
    if (status == MOE_OK && ((tokens == NULL && n > 0) || text_bytes == NULL ||
                             (text == NULL && cap > 0)))
        status = moe__fail(&why, MOE_ERR_ARGUMENT,
                           "moe_text_decode: tokens, text_bytes, and text if "
                           "cap > 0 must not be NULL");
    if (status == MOE_OK)
        status = decode_tokens(model, tokens, n, flags,
                               moe__slice_of(text, cap), text_bytes, &why);
    return moe__error_out(err, &why, status);
}

moe_status moe_token_describe(const moe_model *model, moe_token token,
                              moe_token_info *info)
{
    if (model == NULL || model->vocab == NULL || token < 0 ||
        token >= moe__vocab_size(model->vocab))
        return MOE_ERR_ARGUMENT;
    struct moe__slice piece = moe__vocab_piece(model->vocab, token);
    const moe_token_info found = {
        .kind = moe__vocab_kind(model->vocab, token),
        .is_end = moe__vocab_is_end(model->vocab, token),
        .bytes = (const char *)piece.data,
        .n_bytes = piece.n,
        .score = moe__vocab_score(model->vocab, token),
    };
    return moe__info_fill(info, &found, sizeof found);
}

moe_token moe_token_find(const moe_model *model, const char *text,
                         int64_t text_bytes)
{
    struct moe__slice slice;
    if (model == NULL || model->vocab == NULL ||
        text_slice(text, text_bytes, &slice, NULL) != MOE_OK)
        return MOE_TOKEN_NONE;
    return moe__vocab_find(model->vocab, slice);
}

moe_token moe_token_special(const moe_model *model, moe_special which)
{
    if (model == NULL || model->vocab == NULL || which < MOE_SPECIAL_BOS ||
        which > MOE_SPECIAL_NEWLINE)
        return MOE_TOKEN_NONE;
    return moe__vocab_special(model->vocab, which);
}
