/* prompt.c: a text that knows which of its bytes the template wrote.
 *
 * Owns the list of the template's parts: ascending, apart, none empty; parts
 * that touch are one.  Assumes that whoever adds bytes tells their origin
 * truly: this list is all that stands between a user's text and a control
 * token. */
#include "chat/chat.h"

void moe__prompt_init(struct moe__prompt *prompt, struct moe__mem *mem,
                      size_t limit)
{
    *prompt = (struct moe__prompt){0};
    moe__text_init(&prompt->text, mem, limit);
}

void moe__prompt_free(struct moe__prompt *prompt)
{
    struct moe__mem *mem = prompt->text.mem;
    const size_t cap = (size_t)prompt->cap_trusted;
    moe__mem_free(mem, prompt->trusted, cap * sizeof *prompt->trusted);
    moe__text_free(&prompt->text);
    prompt->trusted = NULL;
    prompt->n_trusted = 0;
    prompt->cap_trusted = 0;
}

/* Room for one more part. */
static bool prompt_grow_trusted(struct moe__prompt *prompt)
{
    if (prompt->n_trusted < prompt->cap_trusted)
        return true;
    struct moe__mem *mem = prompt->text.mem;
    const size_t cap = (size_t)prompt->cap_trusted;
    const size_t new_cap = cap == 0 ? 16 : 2 * cap;
    size_t bytes;
    if (new_cap > INT32_MAX ||
        !moe__mul_size(new_cap, sizeof *prompt->trusted, &bytes))
        return false;
    struct moe__trust *grown = moe__mem_alloc(mem, bytes);
    if (grown == NULL)
        return false;
    if (cap > 0)
        memcpy(grown, prompt->trusted, cap * sizeof *grown);
    moe__mem_free(mem, prompt->trusted, cap * sizeof *grown);
    prompt->trusted = grown;
    prompt->cap_trusted = (int32_t)new_cap;
    return true;
}

static void prompt_trust(struct moe__prompt *prompt, size_t begin, size_t end)
{
    struct moe__trust *last =
        prompt->n_trusted > 0 ? &prompt->trusted[prompt->n_trusted - 1] : NULL;
    if (last != NULL && last->end == begin)
        last->end = end;
    else if (prompt_grow_trusted(prompt))
        prompt->trusted[prompt->n_trusted++] = (struct moe__trust){begin, end};
    else
        prompt->text.status = MOE_ERR_NO_MEMORY;
}

void moe__prompt_add(struct moe__prompt *prompt, struct moe__slice bytes,
                     enum moe__origin origin)
{
    const size_t begin = prompt->text.n;
    moe__text_add(&prompt->text, bytes);
    if (prompt->text.status == MOE_OK && origin == MOE__ORIGIN_TEMPLATE &&
        bytes.n > 0)
        prompt_trust(prompt, begin, prompt->text.n);
}

moe_status moe__prompt_encode(const struct moe__prompt *prompt,
                              const struct moe__vocab *vocab,
                              struct moe__ids *out, struct moe__err *err)
{
    MOE__TRY(moe__text_status(&prompt->text, "prompt", err));
    return moe__vocab_encode_trusted(vocab, moe__text_slice(&prompt->text),
                                     prompt->trusted, prompt->n_trusted, 0, out,
                                     err);
}
