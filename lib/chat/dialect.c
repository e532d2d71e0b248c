/* dialect.c: compiled-in formats: finding them, and from a conversation to a
 * prompt.  What a format looks like is in dialect_tables.c; who writes it is
 * dialect_mistral.c or dialect_turns.c. */
#include "chat/dialect.h"

const struct moe__dialect *moe__dialect_find(struct moe__slice name)
{
    for (int32_t i = 0; i < moe__n_dialects; i++)
        if (moe__slice_is(name, moe__dialects[i].name))
            return &moe__dialects[i];
    return NULL;
}

const struct moe__dialect *moe__dialect_at(int32_t i)
{
    return i >= 0 && i < moe__n_dialects ? &moe__dialects[i] : NULL;
}

const char *moe__dialect_name(const struct moe__dialect *dialect)
{
    return dialect->name;
}

const struct moe__dialect_traits *
moe__dialect_traits(const struct moe__dialect *dialect)
{
    return &dialect->traits;
}

/* ------------------------------------------------------------------- job */

static void job_special(struct moe__job *job, moe_special which)
{
    const moe_token id = moe__vocab_special(job->vocab, which);
    if (id != MOE_TOKEN_NONE)
        moe__prompt_add(job->prompt, moe__vocab_piece(job->vocab, id),
                        MOE__ORIGIN_TEMPLATE);
}

static void job_wanted_bos(struct moe__job *job)
{
    struct moe__ids ids;
    moe__ids_init(&ids, job->prompt->text.mem);
    const moe_token bos = moe__vocab_special(job->vocab, MOE_SPECIAL_BOS);
    const moe_status status = moe__vocab_encode(
        job->vocab, moe__slice_of(NULL, 0), MOE_TEXT_SPECIALS, &ids, NULL);
    if (status != MOE_OK)
        job->prompt->text.status = status;
    else if (ids.n > 0 && ids.ids[0] == bos)
        job_special(job, MOE_SPECIAL_BOS);
    moe__ids_free(&ids);
}

/* "2026-11-23" -> "23 Nov 2026"; without a date the one that Llama 3.1's
 * template has. */
static void job_date(struct moe__job *job)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const struct moe__slice date = job->conversation->date;
    char text[16] = "26 Jul 2024";
    size_t n = strlen(text);
    const uint32_t month =
        date.n == 10 ? (date.data[5] - 48u) * 10 + (date.data[6] - 48u) : 0;
    if (month >= 1 && month <= 12)
        n = moe__format(text, sizeof text, "%.*s %.*s %.*s", 2,
                        (const char *)date.data + 8, 3,
                        months + 3 * (month - 1), 4, (const char *)date.data);
    moe__prompt_add(job->prompt, moe__slice_of(text, n), MOE__ORIGIN_DATA);
}

void moe__job_form(struct moe__job *job, const char *form)
{
    static const char places[] =
        MOE__FORM_BOS MOE__FORM_EOS MOE__FORM_WANTED_BOS MOE__FORM_DATE;
    while (form != NULL && *form != 0) {
        const size_t n = strcspn(form, places);
        moe__prompt_add(job->prompt, moe__slice_of(form, n),
                        MOE__ORIGIN_TEMPLATE);
        form += n;
        if (*form == *MOE__FORM_BOS)
            job_special(job, MOE_SPECIAL_BOS);
        else if (*form == *MOE__FORM_EOS)
            job_special(job, MOE_SPECIAL_EOS);
        else if (*form == *MOE__FORM_WANTED_BOS)
            job_wanted_bos(job);
        else if (*form == *MOE__FORM_DATE)
            job_date(job);
        form += *form != 0;
    }
}

void moe__job_data(struct moe__job *job, struct moe__slice bytes)
{
    moe__prompt_add(job->prompt, bytes, MOE__ORIGIN_DATA);
}

void moe__job_scratch(struct moe__job *job)
{
    moe__job_data(job, moe__text_slice(&job->scratch));
    moe__text_cut(&job->scratch, 0);
}

void moe__job_json(struct moe__job *job, const struct moe__json *value,
                   const struct moe__json_style *style)
{
    moe__json_write(&job->scratch, value, style);
    moe__job_scratch(job);
}

moe_status moe__job_arguments(struct moe__job *job,
                              const struct moe__call *call)
{
    const struct moe__json *value = NULL;
    if (call->arguments.n == 0) {
        moe__job_data(job, moe__slice_str("{}"));
        return MOE_OK;
    }
    MOE__TRY(moe__json_read(&job->arena, call->arguments, &value, job->err));
    moe__job_json(job, value, &moe__json_spaced);
    return MOE_OK;
}

bool moe__dialect_has_control(const struct moe__vocab *vocab, const char *name)
{
    const moe_token id = moe__vocab_find(vocab, moe__slice_str(name));
    return id != MOE_TOKEN_NONE &&
           moe__vocab_kind(vocab, id) == MOE_TOKEN_CONTROL;
}

moe_status moe__job_control(struct moe__job *job, const char *name)
{
    if (!moe__dialect_has_control(job->vocab, name))
        return moe__fail(job->err, MOE_ERR_UNSUPPORTED,
                         "%s: expected the vocabulary to have the control "
                         "token %s, found none",
                         job->dialect->name, name);
    moe__prompt_add(job->prompt, moe__slice_str(name), MOE__ORIGIN_TEMPLATE);
    return MOE_OK;
}

/* ---------------------------------------------------------------- render */

static moe_status dialect_check_vocab(const struct moe__dialect *dialect,
                                      const struct moe__vocab *vocab,
                                      struct moe__err *err)
{
    for (size_t i = 0; dialect->controls[i] != NULL; i++)
        if (!moe__dialect_has_control(vocab, dialect->controls[i]))
            return moe__fail(err, MOE_ERR_UNSUPPORTED,
                             "%s: expected the vocabulary to have the control "
                             "token %s, found none",
                             dialect->name, dialect->controls[i]);
    return MOE_OK;
}

moe_status moe__dialect_render(const struct moe__dialect *dialect,
                               const struct moe__conversation *conversation,
                               const struct moe__vocab *vocab,
                               struct moe__prompt *out, struct moe__err *err)
{
    struct moe__mem *mem = out->text.mem;
    MOE__TRY(moe__chat_check(dialect, mem, conversation, err));
    MOE__TRY(dialect_check_vocab(dialect, vocab, err));
    struct moe__job job = {.dialect = dialect,
                           .conversation = conversation,
                           .vocab = vocab,
                           .prompt = out,
                           .err = err};
    moe__arena_init(&job.arena, mem);
    moe__text_init(&job.scratch, mem, 0);
    moe_status status = dialect->mistral != NULL ? moe__mistral_write(&job)
                                                 : moe__turns_write(&job);
    if (status == MOE_OK)
        status = moe__text_status(&job.scratch, "prompt", err);
    if (status == MOE_OK)
        status = moe__text_status(&out->text, "prompt", err);
    moe__text_free(&job.scratch);
    moe__arena_free(&job.arena);
    return status;
}

moe_status moe__dialect_encode(const struct moe__dialect *dialect,
                               const struct moe__conversation *conversation,
                               const struct moe__vocab *vocab,
                               struct moe__ids *out, struct moe__err *err)
{
    struct moe__prompt prompt;
    moe__prompt_init(&prompt, out->mem, 0);
    moe_status status =
        moe__dialect_render(dialect, conversation, vocab, &prompt, err);
    if (status == MOE_OK)
        status = moe__prompt_encode(&prompt, vocab, out, err);
    moe__prompt_free(&prompt);
    return status;
}
