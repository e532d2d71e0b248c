/* emulate.h: tools for models that were never told how to call any.
 *
 * The tools and the form of a call (calls.h, "emulated") are described to the
 * model in a message of the system; its calls are texts of its own, their
 * results messages of the user. */
#ifndef MOE_CHAT_EMULATE_H
#define MOE_CHAT_EMULATE_H

#include "chat/chat.h"

/* The conversation has tools, calls or results. */
bool moe__emulation_is_due(const struct moe__conversation *conversation);
/* The same conversation without them.  Texts are in the arena or borrowed from
 * `conversation`. */
moe_status moe__emulate(struct moe__arena *arena,
                        const struct moe__conversation *conversation,
                        struct moe__conversation *out, struct moe__err *err);

#endif
