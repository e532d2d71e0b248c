/* vocab.c: a vocabulary, made of what a source says.
 *
 * Of tokens with the same text the lowest id is the one that encoding gives;
 * all decode. */
#include "token/source.h"

void *moe__source_alloc(struct moe__arena *arena, size_t n, size_t size,
                        struct moe__err *err)
{
    void *memory = moe__arena_alloc(arena, n, size);
    if (memory == NULL)
        (void)moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for a vocabulary");
    return memory;
}

void moe__source_init(struct moe__vocab_source *source)
{
    *source = (struct moe__vocab_source){.has_bos = true, .pre = "default"};
    source->space_prefix = MOE__PREFIX_SPM;
    source->end_of_message = MOE_TOKEN_NONE;
    for (size_t i = 0; i < MOE__N_SPECIALS; i++)
        source->special[i] = MOE_TOKEN_NONE;
}

void *moe__vocab_alloc(const struct moe__vocab_loader *loader, size_t n,
                       size_t size)
{
    void *memory = moe__arena_alloc(loader->arena, n, size);
    if (memory == NULL)
        (void)moe__fail(loader->err, MOE_ERR_NO_MEMORY,
                        "no memory for a vocabulary of %d tokens",
                        (int)loader->source->n_tokens);
    return memory;
}

/* ------------------------------------------------------------------ make */

static moe_status vocab_check_unique(const struct moe__vocab_loader *loader,
                                     moe_token id)
{
    const struct moe__slice text = loader->vocab->texts[id];
    const moe_token first = moe__text_index_find(&loader->vocab->by_text, text);
    if (first == id || text.n == 0)
        return MOE_OK;
    return moe__fail(loader->err, MOE_ERR_FORMAT,
                     "%s: \"%.*s\" is token %d and token %d",
                     loader->source->tokens, moe__token_shown(text),
                     (const char *)text.data, (int)first, (int)id);
}

static moe_status vocab_make_tokens(const struct moe__vocab_loader *loader)
{
    const struct moe__vocab_source *source = loader->source;
    struct moe__vocab *vocab = loader->vocab;
    const size_t n = (size_t)source->n_tokens;
    vocab->n_tokens = source->n_tokens;
    vocab->texts = source->texts;
    vocab->kinds = source->kinds;
    vocab->scores = source->scores;
    vocab->strips = source->strips;
    vocab->is_end = moe__vocab_alloc(loader, n, sizeof *vocab->is_end);
    if (vocab->kinds == NULL) {
        vocab->kinds = moe__vocab_alloc(loader, n, sizeof *vocab->kinds);
        if (vocab->kinds)
            memset(vocab->kinds, MOE_TOKEN_NORMAL, n);
    }
    if (vocab->scores == NULL)
        vocab->scores = moe__vocab_alloc(loader, n, sizeof *vocab->scores);
    if (!vocab->kinds || !vocab->is_end || !vocab->scores)
        return MOE_ERR_NO_MEMORY;
    if (!moe__text_index_init(&vocab->by_text, loader->arena, vocab->texts, n))
        return moe__fail(loader->err, MOE_ERR_NO_MEMORY,
                         "no memory for %zu tokens", n);
    for (size_t i = 0; i < n; i++) {
        if (!moe__text_index_add(&vocab->by_text, (moe_token)i))
            return moe__fail(loader->err, MOE_ERR_FORMAT,
                             "%s: too many hash collisions, at token %zu",
                             source->tokens, i);
        if (source->has_unique_texts)
            MOE__TRY(vocab_check_unique(loader, (moe_token)i));
    }
    return MOE_OK;
}

static moe_status vocab_check_bytes(const struct moe__vocab_loader *loader)
{
    const struct moe__vocab *vocab = loader->vocab;
    for (moe_token id = 0; id < vocab->n_tokens; id++)
        if (vocab->kinds[id] == MOE_TOKEN_BYTE &&
            moe__piece_byte(vocab->texts[id]) < 0)
            return moe__fail(
                loader->err, MOE_ERR_FORMAT,
                "%s: expected \"<0x00>\" to \"<0xFF>\" as token %d, a byte, "
                "found \"%.*s\"",
                loader->source->tokens, (int)id,
                moe__token_shown(vocab->texts[id]),
                (const char *)vocab->texts[id].data);
    return MOE_OK;
}

static moe_status vocab_make_patterns(const struct moe__vocab_loader *loader)
{
    struct moe__vocab *vocab = loader->vocab;
    vocab->pretok = loader->source->pretok;
    for (; vocab->pretok->stages[vocab->n_stages]; vocab->n_stages++)
        MOE__TRY(moe__pattern_compile(
            loader->arena, vocab->pretok->stages[vocab->n_stages],
            &vocab->patterns[vocab->n_stages], loader->err));
    return MOE_OK;
}

/* A merge of what the vocabulary does not have is passed over, and so is one
 * that would make a control token out of text. */
static moe_status vocab_add_merge(const struct moe__vocab_loader *loader,
                                  uint32_t rank,
                                  const struct moe__vocab_merge *merge)
{
    struct moe__vocab *vocab = loader->vocab;
    const moe_token a = moe__text_index_find(&vocab->by_text, merge->left);
    const moe_token b = moe__text_index_find(&vocab->by_text, merge->right);
    const moe_token joined =
        moe__text_index_find_joined(&vocab->by_text, merge->left, merge->right);
    if (a == MOE_TOKEN_NONE || b == MOE_TOKEN_NONE ||
        joined == MOE_TOKEN_NONE || vocab->kinds[joined] != MOE_TOKEN_NORMAL)
        return MOE_OK;
    struct moe__pair *pair =
        moe__pair_index_add(&vocab->merges, (uint32_t)a, (uint32_t)b);
    if (pair == NULL)
        return moe__fail(loader->err, MOE_ERR_FORMAT,
                         "%s: too many hash collisions, at merge %u",
                         loader->source->merges, (unsigned)rank);
    if (pair->id == MOE_TOKEN_NONE) { /* of equal ones the first counts */
        pair->value = rank;
        pair->id = joined;
    }
    return MOE_OK;
}

static moe_status vocab_make_merges(const struct moe__vocab_loader *loader)
{
    const struct moe__vocab_source *source = loader->source;
    if (!moe__pair_index_init(&loader->vocab->merges, loader->arena,
                              source->n_merges))
        return moe__fail(loader->err, MOE_ERR_NO_MEMORY,
                         "no memory for %u merges", (unsigned)source->n_merges);
    for (uint32_t i = 0; i < source->n_merges; i++) {
        struct moe__vocab_merge merge;
        MOE__TRY(source->merge(loader, i, &merge));
        MOE__TRY(vocab_add_merge(loader, i, &merge));
    }
    return MOE_OK;
}

static moe_status vocab_fill(const struct moe__vocab_loader *loader)
{
    const struct moe__vocab_source *source = loader->source;
    struct moe__vocab *vocab = loader->vocab;
    vocab->is_bpe = source->is_bpe;
    vocab->has_bos = source->has_bos;
    vocab->has_eos = source->has_eos;
    /* Byte-level text is never changed, whatever the file says. */
    vocab->space_prefix =
        source->is_bpe ? MOE__PREFIX_NONE : source->space_prefix;
    vocab->pre = source->pre;
    MOE__TRY(vocab_make_tokens(loader));
    MOE__TRY(vocab_check_bytes(loader));
    moe__specials_read(loader);
    if (vocab->is_bpe) {
        MOE__TRY(vocab_make_patterns(loader));
        MOE__TRY(vocab_make_merges(loader));
    }
    MOE__TRY(moe__pieces_make(loader));
    return moe__marks_make(loader);
}

moe_status moe__vocab_make(struct moe__arena *arena,
                           const struct moe__vocab_source *source,
                           struct moe__vocab **out, struct moe__err *err)
{
    struct moe__vocab *vocab = moe__source_alloc(arena, 1, sizeof *vocab, err);
    const struct moe__vocab_loader loader = {arena, source, vocab, err};
    *out = NULL;
    if (vocab == NULL)
        return MOE_ERR_NO_MEMORY;
    MOE__TRY(vocab_fill(&loader));
    *out = vocab;
    return MOE_OK;
}

/* ----------------------------------------------------------------- files */

/* The first byte that is no blank of JSON. */
static int32_t vocab_first_byte(struct moe__slice file)
{
    for (size_t i = 0; i < file.n; i++)
        if (memchr(" \t\r\n", file.data[i], 4) == NULL)
            return file.data[i];
    return -1;
}

bool moe__vocab_is_file(struct moe__slice head)
{
    /* A ModelProto starts with its first piece, field 1; a newline is the same
     * byte. */
    return vocab_first_byte(head) == '{' || (head.n > 0 && head.data[0] == 10);
}

moe_status moe__vocab_read(struct moe__arena *arena, struct moe__slice file,
                           struct moe__vocab **out, struct moe__err *err)
{
    *out = NULL;
    if (!moe__vocab_is_file(file))
        return moe__fail(err, MOE_ERR_FORMAT,
                         "expected a tokenizer.model, tokenizer.json or "
                         "tekken.json, found a file that starts with neither "
                         "a SentencePiece model nor {");
    return vocab_first_byte(file) == '{'
               ? moe__source_json(arena, file, out, err)
               : moe__source_spm(arena, file, out, err);
}

/* ------------------------------------------------------------- questions */

int32_t moe__vocab_size(const struct moe__vocab *vocab)
{
    return vocab->n_tokens;
}

const char *moe__vocab_model(const struct moe__vocab *vocab)
{
    return vocab->is_bpe ? "bpe" : "spm";
}

const char *moe__vocab_pre(const struct moe__vocab *vocab)
{
    return vocab->pre;
}

struct moe__slice moe__vocab_piece(const struct moe__vocab *vocab, moe_token id)
{
    return vocab->pieces[id];
}

moe_token_kind moe__vocab_kind(const struct moe__vocab *vocab, moe_token id)
{
    return vocab->kinds[id];
}

float moe__vocab_score(const struct moe__vocab *vocab, moe_token id)
{
    return vocab->scores[id];
}

bool moe__vocab_is_end(const struct moe__vocab *vocab, moe_token id)
{
    return vocab->is_end[id];
}

bool moe__vocab_has_space_prefix(const struct moe__vocab *vocab)
{
    return vocab->space_prefix != MOE__PREFIX_NONE;
}

moe_token moe__vocab_find(const struct moe__vocab *vocab,
                          struct moe__slice text)
{
    return moe__text_index_find(&vocab->by_text, text);
}

moe_token moe__vocab_special(const struct moe__vocab *vocab, moe_special which)
{
    const bool is_known = which >= 0 && which < MOE__N_SPECIALS;
    return is_known ? vocab->special[which] : MOE_TOKEN_NONE;
}
