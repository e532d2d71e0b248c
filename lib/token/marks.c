/* marks.c: the trie by which tokens are found in a text as they stand. */
#include "token/vocab.h"

static bool mark_is_wanted(const struct moe__vocab *vocab, moe_token id)
{
    const uint8_t kind = vocab->kinds[id];
    return (kind == MOE_TOKEN_USER_DEFINED || kind == MOE_TOKEN_CONTROL ||
            kind == MOE_TOKEN_UNKNOWN) &&
           vocab->pieces[id].n > 0 && vocab->pieces[id].n <= MOE__MARK_BYTES;
}

static bool mark_enter(struct moe__vocab *vocab, moe_token id,
                       uint32_t *n_nodes)
{
    const struct moe__slice text = vocab->pieces[id];
    struct moe__pair *edge = NULL;
    uint32_t node = 0;
    for (size_t i = 0; i < text.n; i++) {
        edge = moe__pair_index_add(&vocab->marks, node, text.data[i]);
        if (edge == NULL)
            return false;
        if (edge->value == UINT32_MAX)
            edge->value = ++*n_nodes;
        node = edge->value;
    }
    if (edge->id == MOE_TOKEN_NONE)
        edge->id = id;
    vocab->is_mark_start[text.data[0]] = true;
    return true;
}

moe_status moe__marks_make(const struct moe__vocab_loader *loader)
{
    struct moe__vocab *vocab = loader->vocab;
    size_t n_edges = 0;
    uint32_t n_nodes = 0;
    for (moe_token id = 0; id < vocab->n_tokens; id++)
        if (mark_is_wanted(vocab, id))
            n_edges += vocab->pieces[id].n;
    if (!moe__pair_index_init(&vocab->marks, loader->arena, n_edges))
        return moe__fail(loader->err, MOE_ERR_NO_MEMORY,
                         "no memory for %zu bytes of special tokens", n_edges);
    for (moe_token id = 0; id < vocab->n_tokens; id++)
        if (mark_is_wanted(vocab, id) && !mark_enter(vocab, id, &n_nodes))
            return moe__fail(loader->err, MOE_ERR_FORMAT,
                             "tokenizer.ggml.tokens: too many hash "
                             "collisions, at token %d",
                             (int)id);
    return MOE_OK;
}

/* The longest token at text[at]. */
static struct moe__mark mark_longest(const struct moe__vocab *vocab,
                                     struct moe__slice text, size_t at,
                                     bool has_control)
{
    struct moe__mark mark = {at, 0, MOE_TOKEN_NONE};
    uint32_t node = 0;
    for (size_t i = at; i < text.n; i++) {
        const struct moe__pair *edge =
            moe__pair_index_find(&vocab->marks, node, text.data[i]);
        if (edge == NULL)
            break;
        if (edge->id != MOE_TOKEN_NONE &&
            (has_control || vocab->kinds[edge->id] == MOE_TOKEN_USER_DEFINED)) {
            mark.n = i + 1 - at;
            mark.id = edge->id;
        }
        node = edge->value;
    }
    return mark;
}

struct moe__mark moe__mark_next(const struct moe__vocab *vocab,
                                struct moe__slice text, size_t at,
                                moe_text_flags flags)
{
    const bool has_control = (flags & MOE_TEXT_PARSE_CONTROL) != 0;
    for (; at < text.n; at++) {
        if (!vocab->is_mark_start[text.data[at]])
            continue;
        const struct moe__mark mark =
            mark_longest(vocab, text, at, has_control);
        if (mark.n > 0)
            return mark;
    }
    return (struct moe__mark){text.n, 0, MOE_TOKEN_NONE};
}
