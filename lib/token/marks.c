/* marks.c: the trie by which tokens are found in a text as they stand. */
#include "token/unicode.h"
#include "token/vocab.h"

#include "base/utf8.h"

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

/* The longest token that starts at `at` and ends at `limit` or before;
 * a control or unknown one also at control_limit or before. */
static struct moe__mark mark_longest(const struct moe__mark_finder *finder,
                                     size_t at, size_t limit,
                                     size_t control_limit)
{
    const struct moe__vocab *vocab = finder->vocab;
    struct moe__mark mark = {at, 0, MOE_TOKEN_NONE};
    uint32_t node = 0;
    for (size_t i = at; i < limit; i++) {
        const struct moe__pair *edge =
            moe__pair_index_find(&vocab->marks, node, finder->text.data[i]);
        if (edge == NULL)
            break;
        if (edge->id != MOE_TOKEN_NONE &&
            (i < control_limit ||
             vocab->kinds[edge->id] == MOE_TOKEN_USER_DEFINED)) {
            mark.n = i + 1 - at;
            mark.id = edge->id;
        }
        node = edge->value;
    }
    return mark;
}

/* Where the first control token that lies in a trusted part starts, if that is
 * in [at, end); otherwise end. */
static size_t mark_first_control(const struct moe__mark_finder *finder,
                                 size_t at, size_t end)
{
    for (int32_t i = 0; i < finder->n_trusted; i++) {
        const struct moe__trust part = finder->trusted[i];
        for (size_t k = at < part.begin ? part.begin : at;
             k < part.end && k < end; k++) {
            const struct moe__mark mark =
                mark_longest(finder, k, part.end, part.end);
            if (mark.n > 0 &&
                finder->vocab->kinds[mark.id] != MOE_TOKEN_USER_DEFINED)
                return k;
        }
        if (part.end >= end)
            break;
    }
    return end;
}

/* The token at `at`.  One that is neither inside a trusted part nor outside of
 * all, and would take bytes from a control token there, is not wanted: text
 * beside a trusted part has no say in it. */
static struct moe__mark mark_at(const struct moe__mark_finder *finder,
                                size_t at)
{
    struct moe__trust part = {finder->text.n, finder->text.n};
    if (finder->n_trusted > 0)
        part = finder->trusted[0];
    const bool is_inside = part.begin <= at;
    const struct moe__mark mark =
        mark_longest(finder, at, finder->text.n, is_inside ? part.end : 0);
    const size_t end = at + mark.n;
    if (end <= (is_inside ? part.end : part.begin))
        return mark;
    const size_t limit = mark_first_control(finder, at, end);
    if (limit == at)
        return mark_longest(finder, at, part.end, part.end);
    return mark_longest(finder, at, limit, 0);
}

/* The length of the white space at `at`, one character; 0 if there is none. */
static size_t mark_space(struct moe__slice text, size_t at)
{
    uint32_t code;
    if (at >= text.n)
        return 0;
    const int32_t n =
        moe__utf8_decode(moe__slice_of(text.data + at, text.n - at), &code);
    return n > 0 && moe__unicode_category(code) == MOE__CATEGORY_SPACE
               ? (size_t)n
               : 0;
}

/* The token with the white space that it takes, as far back as `from`. */
static struct moe__mark mark_strip(const struct moe__mark_finder *finder,
                                   size_t from, struct moe__mark mark)
{
    const struct moe__vocab *vocab = finder->vocab;
    const struct moe__slice text = finder->text;
    if (!vocab->strips || vocab->kinds[mark.id] != MOE_TOKEN_CONTROL)
        return mark;
    if (vocab->strips[mark.id] & MOE__STRIP_AFTER)
        for (size_t n; (n = mark_space(text, mark.start + mark.n)) > 0;)
            mark.n += n;
    if (vocab->strips[mark.id] & MOE__STRIP_BEFORE)
        for (size_t n = 1; n <= 4 && n <= mark.start - from; n++)
            if (mark_space(text, mark.start - n) == n) {
                mark.start -= n;
                mark.n += n;
                n = 0;
            }
    return mark;
}

struct moe__mark moe__mark_next(struct moe__mark_finder *finder, size_t at)
{
    const struct moe__slice text = finder->text;
    for (const size_t from = at; at < text.n; at++) {
        if (!finder->vocab->is_mark_start[text.data[at]])
            continue;
        for (; finder->n_trusted > 0 && finder->trusted->end <= at;
             finder->n_trusted--)
            finder->trusted++;
        const struct moe__mark mark = mark_at(finder, at);
        if (mark.n > 0)
            return mark_strip(finder, from, mark);
    }
    return (struct moe__mark){text.n, 0, MOE_TOKEN_NONE};
}

int32_t moe__vocab_count_controls(const struct moe__vocab *vocab,
                                  struct moe__slice text)
{
    const struct moe__trust all = {0, text.n};
    struct moe__mark_finder finder = {vocab, text, &all, 1};
    struct moe__mark mark;
    int32_t count = 0;
    for (size_t at = 0; at < text.n && count < INT32_MAX;
         at = mark.start + mark.n) {
        mark = moe__mark_next(&finder, at);
        if (mark.n == 0)
            break;
        count += vocab->kinds[mark.id] == MOE_TOKEN_CONTROL;
    }
    return count;
}
