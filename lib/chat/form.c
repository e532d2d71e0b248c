/* form.c: which dialect a model speaks. */
#include "chat/form.h"

static moe_status form_use(struct moe__form *form,
                           const struct moe__dialect *dialect,
                           const char *reason)
{
    form->dialect = dialect;
    form->name = moe__dialect_name(dialect);
    form->reason = reason;
    return MOE_OK;
}

static moe_status form_of_name(struct moe__form *form, struct moe__slice name,
                               struct moe__err *err)
{
    const struct moe__dialect *dialect = moe__dialect_find(name);
    if (dialect != NULL)
        return form_use(form, dialect, "it was asked for");
    char names[160];
    size_t n = 0;
    for (int32_t i = 0; moe__dialect_at(i) != NULL; i++)
        n += moe__format(names + n, sizeof names - n, "%s%s", i > 0 ? ", " : "",
                         moe__dialect_name(moe__dialect_at(i)));
    return moe__fail(err, MOE_ERR_NOT_FOUND,
                     "chat format: expected %s, found '%.*s'", names,
                     (int)(name.n < 40 ? name.n : 40), (const char *)name.data);
}

moe_status moe__form_open(struct moe__form *form, struct moe__slice name,
                          struct moe__slice source,
                          const struct moe__vocab *vocab, struct moe__err *err)
{
    *form = (struct moe__form){.name = ""};
    if (name.n > 0)
        return form_of_name(form, name, err);
    const struct moe__dialect *dialect = moe__dialect_detect(source, vocab);
    if (dialect != NULL)
        return form_use(form, dialect, "the file's template is its template");
    return moe__fail(err, MOE_ERR_UNSUPPORTED,
                     source.n == 0
                         ? "the model has no chat template: name a chat format"
                         : "the model's chat template is that of no known "
                           "chat format: name one");
}
