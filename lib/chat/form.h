/* form.h: how the conversations of one model become token ids. */
#ifndef MOE_CHAT_FORM_H
#define MOE_CHAT_FORM_H

#include "chat/calls.h"
#include "chat/chat.h"

/* A compiled-in dialect or a template; both where the dialect cannot declare
 * tools and the file's template can: then that is for conversations with tools.
 */
struct moe__form {
    const struct moe__dialect *dialect; /* NULL: the template */
    struct moe__template *template_;
    const char *name;   /* the dialect's, or "template" */
    const char *reason; /* why this one, for people */
    bool has_tools;     /* else they are emulated: emulate.h */
    const struct moe__call_format *calls; /* how the model writes calls */
};

/* name: a dialect's, "template", or empty: whichever fits best.  source: a chat
 * template, or empty.  MOE_ERR_NOT_FOUND for an unknown name;
 * MOE_ERR_UNSUPPORTED if nothing is known about the model's form. */
moe_status moe__form_open(struct moe__form *form, struct moe__mem *mem,
                          struct moe__slice name, struct moe__slice source,
                          const struct moe__vocab *vocab, struct moe__err *err);
moe_status moe__form_copy(struct moe__form *to, struct moe__mem *mem,
                          const struct moe__form *from, struct moe__err *err);
void moe__form_close(struct moe__form *form);
/* The prompt of a conversation, for moe__prompt_encode; `out` was just
 * initialised. */
moe_status moe__form_render(const struct moe__form *form,
                            const struct moe__conversation *conversation,
                            const struct moe__vocab *vocab,
                            struct moe__prompt *out, struct moe__err *err);

/* A prompt is at most so long: more than any context holds. */
#define MOE__FORM_PROMPT_BYTES ((size_t)64 << 20)

#endif
