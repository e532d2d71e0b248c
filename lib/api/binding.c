/* binding.c: a sampler's place in the text of a grammar: which tokens may
 * follow, which must. */
#include "api/api.h"

#include "chat/calls_grammar.h"

/* So many tokens before the place are looked at when the tokenizer is asked how
 * it would go on. */
#define BINDING_TAIL 32

struct moe__binding {
    struct moe__mem *mem;
    moe_grammar *grammar; /* held */
    struct moe__constraint *constraint;
    uint64_t *allowed;            /* [(n_vocab + 63) / 64] */
    moe_token tail[BINDING_TAIL]; /* [n_tail] the last tokens of the text */
    int32_t n_tail;
    bool is_ended; /* by a token that ends generation */
    bool is_paused;
};

static size_t binding_words(const struct moe__binding *binding)
{
    return ((size_t)binding->grammar->lexicon->n_vocab + 63) / 64;
}

void moe__binding_destroy(struct moe__binding *binding)
{
    if (binding == NULL)
        return;
    struct moe__mem *mem = binding->mem;
    moe__constraint_destroy(binding->constraint);
    moe__mem_free(mem, binding->allowed,
                  binding_words(binding) * sizeof *binding->allowed);
    moe_grammar_destroy(binding->grammar);
    moe__mem_free(mem, binding, sizeof *binding);
}

/* All but the constraint. */
static struct moe__binding *binding_alloc(struct moe__mem *mem,
                                          moe_grammar *grammar)
{
    struct moe__binding *binding = moe__mem_calloc(mem, 1, sizeof *binding);
    if (binding == NULL)
        return NULL;
    binding->mem = mem;
    binding->grammar = grammar;
    moe__grammar_hold(grammar);
    binding->allowed =
        moe__mem_calloc(mem, binding_words(binding), sizeof *binding->allowed);
    if (binding->allowed != NULL)
        return binding;
    moe__binding_destroy(binding);
    return NULL;
}

static moe_status binding_done(struct moe__binding *binding, moe_status status,
                               struct moe__binding **out)
{
    *out = status == MOE_OK ? binding : NULL;
    if (status != MOE_OK)
        moe__binding_destroy(binding);
    return status;
}

moe_status moe__binding_create(struct moe__mem *mem, moe_grammar *grammar,
                               struct moe__binding **out, struct moe__err *err)
{
    struct moe__binding *binding = binding_alloc(mem, grammar);
    if (binding == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for a grammar");
    return binding_done(binding,
                        moe__constraint_create(mem, grammar->rules,
                                               grammar->lexicon->trie,
                                               &binding->constraint, err),
                        out);
}

moe_status moe__binding_clone(struct moe__mem *mem,
                              const struct moe__binding *binding,
                              struct moe__binding **out, struct moe__err *err)
{
    struct moe__binding *copy = binding_alloc(mem, binding->grammar);
    if (copy == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for a grammar");
    memcpy(copy->tail, binding->tail, sizeof copy->tail);
    copy->n_tail = binding->n_tail;
    copy->is_ended = binding->is_ended;
    copy->is_paused = binding->is_paused;
    return binding_done(
        copy,
        moe__constraint_clone(mem, binding->constraint, &copy->constraint, err),
        out);
}

void moe__binding_reset(struct moe__binding *binding)
{
    moe__constraint_reset(binding->constraint);
    binding->n_tail = 0;
    binding->is_ended = false;
}

void moe__binding_pause(struct moe__binding *binding, bool is_paused)
{
    moe__binding_reset(binding);
    binding->is_paused = is_paused;
}

moe_text_end moe__binding_end(const struct moe__binding *binding)
{
    if (binding->is_paused)
        return MOE_TEXT_MAY_END;
    if (binding->is_ended || moe__constraint_must_end(binding->constraint))
        return MOE_TEXT_MUST_END;
    return moe__constraint_can_end(binding->constraint) ? MOE_TEXT_MAY_END
                                                        : MOE_TEXT_OPEN;
}

moe_status moe__binding_mask(struct moe__binding *binding,
                             const uint64_t **mask)
{
    const struct moe__lexicon *lexicon = binding->grammar->lexicon;
    const size_t n_words = binding_words(binding);
    uint64_t any = 0;
    *mask = NULL;
    if (binding->is_paused)
        return MOE_OK;
    const moe_text_end end = moe__binding_end(binding);
    const uint64_t *ends = end == MOE_TEXT_OPEN ? NULL : lexicon->ends;
    const uint64_t *follow = NULL;
    if (end != MOE_TEXT_MUST_END &&
        (follow = moe__constraint_mask(binding->constraint)) == NULL)
        return MOE_ERR_NO_MEMORY;
    for (size_t i = 0; i < n_words; i++) {
        binding->allowed[i] =
            (follow != NULL ? follow[i] : 0) | (ends != NULL ? ends[i] : 0);
        any |= binding->allowed[i];
    }
    *mask = binding->allowed;
    return any != 0 ? MOE_OK : MOE_ERR_STATE;
}

static bool token_has(const uint64_t *bits, moe_token token)
{
    return (bits[token / 64] >> (token % 64) & 1) != 0;
}

static void binding_keep(struct moe__binding *binding, moe_token token)
{
    if (binding->n_tail == BINDING_TAIL) {
        binding->n_tail--;
        memmove(binding->tail, binding->tail + 1,
                (BINDING_TAIL - 1) * sizeof *binding->tail);
    }
    binding->tail[binding->n_tail++] = token;
}

/* Bytes that were written before the place; forgotten by a pause. */
moe_status moe__binding_begin(struct moe__binding *binding,
                              struct moe__slice bytes)
{
    binding->n_tail = 0;
    return moe__constraint_accept(binding->constraint, bytes);
}

moe_status moe__binding_accept(struct moe__binding *binding, moe_token token)
{
    const struct moe__lexicon *lexicon = binding->grammar->lexicon;
    const struct moe__slice piece = lexicon->pieces[token];
    if (binding->is_paused)
        return MOE_OK;
    if (token_has(lexicon->ends, token)) {
        if (moe__binding_end(binding) == MOE_TEXT_OPEN)
            return MOE_ERR_ARGUMENT;
        binding->is_ended = true;
        return MOE_OK;
    }
    if (binding->is_ended || piece.n == 0)
        return MOE_ERR_ARGUMENT;
    MOE__TRY(moe__constraint_accept(binding->constraint, piece));
    if (piece.data[0] == MOE__GRAMMAR_MARK) /* text begins anew after it */
        binding->n_tail = 0;
    else
        binding_keep(binding, token);
    return MOE_OK;
}

/* ---------------------------------------------------------------- forced */

/* Forced texts are looked at so far. */
#define BINDING_FORCED_BYTES 1024

/* What follows the tail in `found`, if it begins with it: then the tokenizer
 * writes the text as it was written.  The last token may change with what comes
 * after it and is left out. */
static moe_status forced_take(const struct moe__binding *binding,
                              const struct moe__ids *found,
                              struct moe__ids *ids)
{
    const size_t n_tail = (size_t)binding->n_tail;
    if (found->n <= n_tail + 1 ||
        memcmp(found->ids, binding->tail, n_tail * sizeof *ids->ids) != 0)
        return MOE_OK;
    for (size_t i = n_tail; i + 1 < found->n; i++)
        MOE__TRY(moe__ids_push(ids, found->ids[i]));
    return MOE_OK;
}

moe_status moe__binding_forced(struct moe__binding *binding,
                               struct moe__ids *ids)
{
    struct moe__text text;
    struct moe__ids found;
    const struct moe__slice *pieces = binding->grammar->lexicon->pieces;
    size_t n_before = 0;
    if (binding->is_paused || binding->is_ended)
        return MOE_OK;
    for (int32_t i = 0; i < binding->n_tail; i++)
        n_before += pieces[binding->tail[i]].n;
    moe__text_init(&text, binding->mem, n_before + BINDING_FORCED_BYTES);
    moe__ids_init(&found, binding->mem);
    for (int32_t i = 0; i < binding->n_tail; i++)
        moe__text_add(&text, pieces[binding->tail[i]]);
    moe__constraint_forced(binding->constraint, &text);
    moe_status status =
        text.status == MOE_ERR_NO_MEMORY ? MOE_ERR_NO_MEMORY : MOE_OK;
    const char *mark =
        text.n > 0 ? memchr(text.data, MOE__GRAMMAR_MARK, text.n) : NULL;
    if (mark != NULL)
        moe__text_cut(&text, (size_t)(mark - text.data));
    if (status == MOE_OK && text.n > n_before + 1)
        status = moe__vocab_encode(binding->grammar->model->vocab,
                                   moe__text_slice(&text), MOE_TEXT_CONTINUE,
                                   &found, NULL);
    if (status == MOE_OK)
        status = forced_take(binding, &found, ids);
    moe__ids_free(&found);
    moe__text_free(&text);
    return status;
}
