/* form.c: the choice between compiled-in dialects and the file's template. */
#include "chat/form.h"

#include "chat/emulate.h"

static moe_status form_use(struct moe__form *form,
                           const struct moe__dialect *dialect,
                           const char *reason)
{
    form->dialect = dialect;
    form->name = moe__dialect_name(dialect);
    form->reason = reason;
    form->calls = moe__call_format_find(moe__slice_str(form->name));
    form->has_tools =
        moe__dialect_traits(dialect)->has_tools && form->calls != NULL;
    if (!form->has_tools)
        form->calls = moe__call_format_find(moe__slice_str("emulated"));
    return MOE_OK;
}

static moe_status form_of_name(struct moe__form *form, struct moe__slice name,
                               struct moe__err *err)
{
    const struct moe__dialect *dialect = moe__dialect_find(name);
    if (dialect != NULL)
        return form_use(form, dialect, "it was asked for");
    char names[400];
    size_t n = 0;
    for (int32_t i = 0; moe__dialect_at(i) != NULL; i++)
        n += moe__format(names + n, sizeof names - n, ", %s",
                         moe__dialect_name(moe__dialect_at(i)));
    return moe__fail(err, MOE_ERR_NOT_FOUND,
                     "chat format: expected template%s, found '%.*s'", names,
                     (int)(name.n < 40 ? name.n : 40), (const char *)name.data);
}

/* The file's template, for tools, if it can be run. */
static moe_status form_add_tools(struct moe__form *form, struct moe__mem *mem,
                                 struct moe__slice source,
                                 const struct moe__call_format *calls,
                                 struct moe__err *err)
{
    if (moe__call_format_is_emulated(calls))
        return MOE_OK;
    const moe_status status =
        moe__template_create(mem, source, &form->template_, err);
    if (status == MOE_ERR_NO_MEMORY)
        return status;
    if (status == MOE_OK) {
        form->has_tools = true;
        form->calls = calls;
    }
    return MOE_OK;
}

moe_status moe__form_open(struct moe__form *form, struct moe__mem *mem,
                          struct moe__slice name, struct moe__slice source,
                          const struct moe__vocab *vocab, struct moe__err *err)
{
    const bool wants_template = moe__slice_is(name, "template");
    *form = (struct moe__form){.name = "template"};
    if (name.n > 0 && !wants_template)
        return form_of_name(form, name, err);
    const struct moe__dialect *dialect =
        wants_template ? NULL : moe__dialect_detect(source, vocab);
    if (dialect != NULL) {
        form_use(form, dialect, "the file's template is one of its own");
        return form->has_tools
                   ? MOE_OK
                   : form_add_tools(form, mem, source,
                                    moe__call_format_guess(source), err);
    }
    if (source.n == 0)
        return moe__fail(err, MOE_ERR_UNSUPPORTED,
                         "the model has no chat template: name a chat format");
    form->reason = wants_template
                       ? "it was asked for"
                       : "no compiled-in format has the file's template";
    form->calls = moe__call_format_guess(source);
    form->has_tools = !moe__call_format_is_emulated(form->calls);
    return moe__template_create(mem, source, &form->template_, err);
}

moe_status moe__form_copy(struct moe__form *to, struct moe__mem *mem,
                          const struct moe__form *from, struct moe__err *err)
{
    *to = *from;
    to->template_ = NULL;
    return from->template_ == NULL
               ? MOE_OK
               : moe__template_clone(mem, from->template_, &to->template_, err);
}

void moe__form_close(struct moe__form *form)
{
    moe__template_destroy(form->template_);
    *form = (struct moe__form){0};
}

static moe_status form_write(const struct moe__form *form,
                             const struct moe__conversation *conversation,
                             const struct moe__vocab *vocab,
                             struct moe__prompt *out, struct moe__err *err)
{
    const bool is_templates =
        form->dialect == NULL ||
        (form->template_ != NULL && moe__emulation_is_due(conversation));
    return !is_templates ? moe__dialect_render(form->dialect, conversation,
                                               vocab, out, err)
                         : moe__template_render(form->template_, conversation,
                                                vocab, out, err);
}

moe_status moe__form_render(const struct moe__form *form,
                            const struct moe__conversation *conversation,
                            const struct moe__vocab *vocab,
                            struct moe__prompt *out, struct moe__err *err)
{
    struct moe__arena arena;
    struct moe__conversation told;
    if (form->has_tools || !moe__emulation_is_due(conversation))
        return form_write(form, conversation, vocab, out, err);
    moe__arena_init(&arena, out->text.mem);
    moe_status status = moe__emulate(&arena, conversation, &told, err);
    if (status == MOE_OK)
        status = form_write(form, &told, vocab, out, err);
    moe__arena_free(&arena);
    return status;
}
