/* token_check.h: vocabularies for tests, and what must hold of every encoding.
 *
 * The includer defines _POSIX_C_SOURCE 200809L before anything else. */
#ifndef MOE_TOKEN_CHECK_H
#define MOE_TOKEN_CHECK_H

#include "gguf_check.h"
#include "token/token.h"

#include <stdio.h>

struct vocab_case {
    struct opened file;
    struct moe__arena arena;
    struct moe__vocab *vocab; /* NULL if it was refused */
    struct moe__err err;
    moe_status status;
};

static inline moe_status vocab_case_make(struct vocab_case *c)
{
    c->err = c->file.err;
    c->status = c->file.status;
    c->vocab = NULL;
    moe__arena_init(&c->arena, &c->file.mem);
    if (c->status == MOE_OK)
        c->status =
            moe__vocab_create(&c->arena, &c->file.gguf, &c->vocab, &c->err);
    return c->status;
}

/* From a finished builder, which must live as long. */
static inline moe_status vocab_case_built(struct vocab_case *c,
                                          struct gguf_builder *b)
{
    (void)open_built(&c->file, b);
    return vocab_case_make(c);
}

/* From bytes [n] of a file, which must live as long; pre: another
 * pre-tokenizer as "tokenizer.ggml.pre=NAME", or NULL. */
static inline moe_status vocab_case_bytes(struct vocab_case *c,
                                          const void *bytes, size_t n,
                                          const char *pre)
{
    const struct moe__gguf_options options = {
        .overrides = &pre, .n_overrides = pre != NULL, .is_header_only = true};
    (void)open_with(&c->file, bytes, n, &options);
    return vocab_case_make(c);
}

/* NULL, or what is wrong after everything was freed. */
static inline const char *vocab_case_free(struct vocab_case *c)
{
    moe__arena_free(&c->arena);
    return close_wrong(&c->file);
}

/* The text of ids [n], malloc'ed, as moe_text_decode makes it. */
static inline char *check_decode(const struct moe__vocab *vocab,
                                 const moe_token *ids, size_t n,
                                 moe_text_flags flags, size_t *n_bytes)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += moe__vocab_piece(vocab, ids[i]).n;
    char *text = malloc(total + 1);
    size_t at = 0;
    for (size_t i = 0; text && i < n; i++) {
        struct moe__slice piece = moe__vocab_piece(vocab, ids[i]);
        if (i == 0 && piece.n > 0 && piece.data[0] == ' ' &&
            moe__vocab_has_space_prefix(vocab) && !(flags & MOE_TEXT_CONTINUE))
            piece = moe__slice_of(piece.data + 1, piece.n - 1);
        if (piece.n > 0)
            memcpy(text + at, piece.data, piece.n);
        at += piece.n;
    }
    *n_bytes = at;
    return text;
}

/* Encodes as user text; NULL, or what does not hold: ids are in range, none is
 * a control token, and they decode to the text.  An unknown token and a byte
 * that the vocabulary does not have are allowed if it is is_partial. */
static inline const char *check_encoding(const struct moe__vocab *vocab,
                                         struct moe__mem *mem,
                                         struct moe__slice text,
                                         moe_text_flags flags, bool is_partial)
{
    const char *wrong = NULL;
    struct moe__err err = {0};
    struct moe__ids ids;
    bool is_exact = true;
    moe__ids_init(&ids, mem);
    const moe_status status = moe__vocab_encode(vocab, text, flags, &ids, &err);
    if (status != MOE_OK) {
        is_exact = false;
        if (status != MOE_ERR_UNSUPPORTED || !is_partial)
            wrong = "text refused";
        else if (err.status != status || err.message[0] == 0 || ids.n != 0)
            wrong = "a status without its sentence, or with ids";
    }
    for (size_t i = 0; i < ids.n && !wrong; i++) {
        if (ids.ids[i] < 0 || ids.ids[i] >= moe__vocab_size(vocab)) {
            wrong = "an id out of range";
            break;
        }
        const moe_token_kind kind = moe__vocab_kind(vocab, ids.ids[i]);
        if (kind == MOE_TOKEN_UNKNOWN ||
            ids.ids[i] == moe__vocab_special(vocab, MOE_SPECIAL_UNK))
            is_exact = false;
        else if (kind == MOE_TOKEN_CONTROL)
            wrong = "a control token in user text";
        if (!is_exact && !is_partial)
            wrong = "an unknown token";
    }
    if (is_exact && !wrong) {
        size_t n;
        char *back = check_decode(vocab, ids.ids, ids.n, flags, &n);
        if (!moe__slice_equal(moe__slice_of(back, n), text))
            wrong = "it decodes to another text";
        free(back);
    }
    moe__ids_free(&ids);
    return wrong;
}

#endif
