/* history.h: the messages of a conversation, kept. */
#ifndef MOE_CHAT_HISTORY_H
#define MOE_CHAT_HISTORY_H

#include "chat/chat.h"

struct moe__history {
    struct moe__mem *mem;
    struct moe__message *messages; /* [n] with texts of their own */
    size_t *bytes;                 /* [n] of the block behind each */
    int32_t n;
    int32_t cap;
};

void moe__history_init(struct moe__history *history, struct moe__mem *mem);
void moe__history_free(struct moe__history *history);
/* Appends a copy; unchanged on failure. */
moe_status moe__history_add(struct moe__history *history,
                            const struct moe__message *message,
                            struct moe__err *err);
/* Forgets messages [from, from + n). */
void moe__history_remove(struct moe__history *history, int32_t from, int32_t n);

#endif
