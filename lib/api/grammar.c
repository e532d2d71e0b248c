/* grammar.c: the public area "grammar": rules compiled for a vocabulary.
 *
 * What a model's tokens are as bytes is worked out once, by the first grammar,
 * and kept with the model. */
#include "api/api.h"

#include "chat/calls_grammar.h"

/* ---------------------------------------------------------------- lexicon */

void moe__lexicon_destroy(struct moe__lexicon *lexicon)
{
    struct moe__mem mem;
    if (lexicon == NULL)
        return;
    moe__mem_init(&mem, &lexicon->mem.hook);
    moe__trie_destroy(lexicon->trie);
    moe__arena_free(&lexicon->arena);
    moe__mem_free(&mem, lexicon, sizeof *lexicon);
}

static bool has_byte(struct moe__slice bytes, uint8_t byte)
{
    return bytes.n > 0 && memchr(bytes.data, byte, bytes.n) != NULL;
}

/* A control token as grammars write it; n = 0 without memory. */
static struct moe__slice marked_piece(struct moe__arena *arena,
                                      struct moe__slice name)
{
    uint8_t *bytes = moe__arena_alloc(arena, name.n + 1, 1);
    if (bytes == NULL)
        return moe__slice_of("", 0);
    bytes[0] = MOE__GRAMMAR_MARK;
    if (name.n > 0)
        memcpy(bytes + 1, name.data, name.n);
    return moe__slice_of(bytes, name.n + 1);
}

/* A control token is not its name, and nothing else looks like one. */
static moe_status lexicon_piece(struct moe__lexicon *lexicon,
                                const struct moe__vocab *vocab, moe_token token,
                                struct moe__slice *out)
{
    const struct moe__slice piece = moe__vocab_piece(vocab, token);
    const moe_token_kind kind = moe__vocab_kind(vocab, token);
    if (moe__vocab_is_end(vocab, token)) {
        lexicon->ends[token / 64] |= (uint64_t)1 << (token % 64);
    } else if (kind == MOE_TOKEN_CONTROL) {
        *out = marked_piece(&lexicon->arena, piece);
        return out->n > 0 ? MOE_OK : MOE_ERR_NO_MEMORY;
    } else if (kind != MOE_TOKEN_UNKNOWN && kind != MOE_TOKEN_UNUSED &&
               !has_byte(piece, MOE__GRAMMAR_MARK)) {
        *out = piece;
    }
    return MOE_OK;
}

static moe_status lexicon_fill(struct moe__lexicon *lexicon,
                               const struct moe__vocab *vocab,
                               struct moe__err *err)
{
    const int32_t n_words = (lexicon->n_vocab + 63) / 64;
    const int32_t n = moe__min_i32(lexicon->n_vocab, moe__vocab_size(vocab));
    moe_status status = MOE_OK;
    struct moe__slice *pieces = moe__arena_alloc(
        &lexicon->arena, (size_t)lexicon->n_vocab, sizeof *pieces);
    lexicon->pieces = pieces;
    lexicon->ends = moe__arena_alloc(&lexicon->arena, (size_t)n_words,
                                     sizeof *lexicon->ends);
    if (pieces == NULL || lexicon->ends == NULL)
        status = MOE_ERR_NO_MEMORY;
    for (int32_t t = 0; t < n && status == MOE_OK; t++)
        status = lexicon_piece(lexicon, vocab, t, &pieces[t]);
    return status == MOE_OK
               ? moe__trie_create(&lexicon->mem, pieces, lexicon->n_vocab,
                                  &lexicon->trie, err)
               : moe__fail(err, status, "no memory for a grammar");
}

static moe_status lexicon_create(const moe_model *model,
                                 struct moe__lexicon **out,
                                 struct moe__err *err)
{
    struct moe__mem mem;
    moe__mem_init(&mem, &model->mem.hook);
    struct moe__lexicon *lexicon = moe__mem_calloc(&mem, 1, sizeof *lexicon);
    *out = NULL;
    if (lexicon == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for a grammar");
    moe__mem_init(&lexicon->mem, &model->mem.hook);
    moe__arena_init(&lexicon->arena, &lexicon->mem);
    lexicon->n_vocab =
        model->has_net ? model->net.n_vocab : moe__vocab_size(model->vocab);
    const moe_status status = lexicon_fill(lexicon, model->vocab, err);
    if (status == MOE_OK)
        *out = lexicon;
    else
        moe__lexicon_destroy(lexicon);
    return status;
}

/* Of two threads that need it first, one makes it in vain. */
static moe_status model_lexicon(moe_model *model,
                                const struct moe__lexicon **out,
                                struct moe__err *err)
{
    struct moe__lexicon *made;
    struct moe__lexicon *found = atomic_load(&model->lexicon);
    if (found == NULL) {
        MOE__TRY(lexicon_create(model, &made, err));
        if (atomic_compare_exchange_strong(&model->lexicon, &found, made))
            found = made;
        else
            moe__lexicon_destroy(made);
    }
    *out = found;
    return MOE_OK;
}

/* ---------------------------------------------------------------- grammar */

/* A JSON array of strings. */
static moe_status choices_compile(struct moe__mem *mem, struct moe__slice text,
                                  struct moe__grammar **out,
                                  struct moe__err *err)
{
    struct moe__arena arena;
    struct moe__slice *choices = NULL;
    const struct moe__json *json;
    moe__arena_init(&arena, mem);
    moe_status status = moe__json_read(&arena, text, &json, err);
    if (status == MOE_OK && (json->kind != MOE__JSON_ARRAY || json->n == 0))
        status = moe__fail(err, MOE_ERR_ARGUMENT,
                           "choices: expected a JSON array of strings");
    if (status == MOE_OK) {
        choices = moe__arena_alloc(&arena, (size_t)json->n, sizeof *choices);
        if (choices == NULL)
            status = moe__fail(err, MOE_ERR_NO_MEMORY,
                               "no memory for %d choices", json->n);
    }
    for (int32_t i = 0; status == MOE_OK && i < json->n; i++) {
        choices[i] = json->items[i].text;
        if (json->items[i].kind != MOE__JSON_STRING)
            status = moe__fail(err, MOE_ERR_ARGUMENT,
                               "choice %d: expected a string", i);
    }
    if (status == MOE_OK)
        status = moe__grammar_from_choices(mem, choices, json->n, out, err);
    moe__arena_free(&arena);
    return status;
}

typedef moe_status compile_fn(struct moe__mem *mem, struct moe__slice text,
                              struct moe__grammar **out, struct moe__err *err);

static compile_fn *const compilers[] = {
    [MOE_GRAMMAR_SCHEMA] = moe__schema_compile,
    [MOE_GRAMMAR_REGEX] = moe__grammar_from_regex,
    [MOE_GRAMMAR_GBNF] = moe__grammar_from_gbnf,
    [MOE_GRAMMAR_CHOICES] = choices_compile,
};

void moe_grammar_destroy(moe_grammar *grammar)
{
    struct moe__mem mem;
    if (grammar == NULL || atomic_fetch_sub(&grammar->n_holders, 1) != 1)
        return;
    moe__mem_init(&mem, &grammar->mem.hook);
    moe__grammar_destroy(grammar->rules);
    moe_model_close(grammar->model);
    moe__mem_free(&mem, grammar, sizeof *grammar);
}

void moe__grammar_hold(moe_grammar *grammar)
{
    if (grammar != NULL)
        atomic_fetch_add(&grammar->n_holders, 1);
}

moe_status moe__grammar_open(moe_model *model, moe_grammar **out,
                             struct moe__err *err)
{
    struct moe__mem mem;
    const struct moe__lexicon *lexicon;
    *out = NULL;
    if (model->vocab == NULL)
        return moe__fail(err, MOE_ERR_UNSUPPORTED,
                         "the model has no usable vocabulary");
    MOE__TRY(model_lexicon(model, &lexicon, err));
    moe__mem_init(&mem, &model->mem.hook);
    moe_grammar *grammar = moe__mem_calloc(&mem, 1, sizeof *grammar);
    if (grammar == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for a grammar");
    moe__mem_init(&grammar->mem, &model->mem.hook);
    atomic_store(&grammar->n_holders, 1);
    moe__model_hold(model);
    grammar->model = model;
    grammar->lexicon = lexicon;
    *out = grammar;
    return MOE_OK;
}

static moe_status grammar_create(moe_model *model, moe_grammar_kind kind,
                                 struct moe__slice text, moe_grammar **out,
                                 struct moe__err *err)
{
    moe_grammar *grammar;
    MOE__TRY(moe__grammar_open(model, &grammar, err));
    const moe_status status =
        compilers[kind](&grammar->mem, text, &grammar->rules, err);
    if (status == MOE_OK)
        *out = grammar;
    else
        moe_grammar_destroy(grammar);
    return status;
}

moe_status moe_grammar_create(moe_model *model, moe_grammar_kind kind,
                              const char *text, int64_t text_bytes,
                              moe_grammar **out, moe_error *err)
{
    struct moe__err why = {0};
    moe_status status;
    if (out != NULL)
        *out = NULL;
    if (model == NULL || text == NULL || text_bytes < -1 || out == NULL)
        status = moe__fail(&why, MOE_ERR_ARGUMENT,
                           "moe_grammar_create: model, text and out must not "
                           "be NULL, and text_bytes -1 or more");
    else if (kind < MOE_GRAMMAR_SCHEMA || kind > MOE_GRAMMAR_CHOICES)
        status = moe__fail(&why, MOE_ERR_ARGUMENT,
                           "kind: expected %d to %d, found %d",
                           MOE_GRAMMAR_SCHEMA, MOE_GRAMMAR_CHOICES, kind);
    else
        status = grammar_create(model, kind,
                                text_bytes < 0
                                    ? moe__slice_str(text)
                                    : moe__slice_of(text, (size_t)text_bytes),
                                out, &why);
    return moe__error_out(err, &why, status);
}
