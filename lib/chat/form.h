/* form.h: how the conversations of one model become token ids. */
#ifndef MOE_CHAT_FORM_H
#define MOE_CHAT_FORM_H

#include "chat/chat.h"

struct moe__form {
    const struct moe__dialect *dialect;
    const char *name;   /* the dialect's */
    const char *reason; /* why this one, for people */
};

/* name: a dialect's, or empty: the one that fits.  source: the model's chat
 * template, or empty.  MOE_ERR_NOT_FOUND for an unknown name;
 * MOE_ERR_UNSUPPORTED if no dialect fits. */
moe_status moe__form_open(struct moe__form *form, struct moe__slice name,
                          struct moe__slice source,
                          const struct moe__vocab *vocab, struct moe__err *err);

#endif
