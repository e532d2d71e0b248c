/* history.c: messages with texts of their own.
 *
 * A message is one block: its calls, then all texts one after the other.  The
 * block starts at `calls`, so that a message owns what it points to. */
#include "chat/history.h"

void moe__history_init(struct moe__history *history, struct moe__mem *mem)
{
    *history = (struct moe__history){.mem = mem};
}

static void history_free_block(struct moe__history *history, int32_t i)
{
    void *block = (void *)(uintptr_t)history->messages[i].calls;
    moe__mem_free(history->mem, block, history->bytes[i]);
}

void moe__history_remove(struct moe__history *history, int32_t from, int32_t n)
{
    const size_t n_behind = (size_t)(history->n - from - n);
    if (n == 0) /* perhaps there is no array yet */
        return;
    for (int32_t i = from; i < from + n; i++)
        history_free_block(history, i);
    memmove(history->messages + from, history->messages + from + n,
            n_behind * sizeof *history->messages);
    memmove(history->bytes + from, history->bytes + from + n,
            n_behind * sizeof *history->bytes);
    history->n -= n;
}

void moe__history_free(struct moe__history *history)
{
    if (history->cap == 0)
        return;
    const size_t cap = (size_t)history->cap;
    moe__history_remove(history, 0, history->n);
    moe__mem_free(history->mem, history->messages,
                  cap * sizeof *history->messages);
    moe__mem_free(history->mem, history->bytes, cap * sizeof *history->bytes);
    moe__history_init(history, history->mem);
}

/* Room for one message more. */
static bool history_grow(struct moe__history *history)
{
    const size_t cap = (size_t)history->cap, wider = cap * 2 + 16;
    if (history->n < history->cap)
        return true;
    if (wider > INT32_MAX)
        return false;
    struct moe__message *messages =
        moe__mem_calloc(history->mem, wider, sizeof *messages);
    size_t *bytes = moe__mem_calloc(history->mem, wider, sizeof *bytes);
    if (messages == NULL || bytes == NULL) {
        moe__mem_free(history->mem, messages, wider * sizeof *messages);
        moe__mem_free(history->mem, bytes, wider * sizeof *bytes);
        return false;
    }
    if (cap > 0) {
        memcpy(messages, history->messages, cap * sizeof *messages);
        memcpy(bytes, history->bytes, cap * sizeof *bytes);
    }
    moe__mem_free(history->mem, history->messages, cap * sizeof *messages);
    moe__mem_free(history->mem, history->bytes, cap * sizeof *bytes);
    history->messages = messages;
    history->bytes = bytes;
    history->cap = (int32_t)wider;
    return true;
}

/* A slice of *at, which moves on. */
static struct moe__slice history_keep(uint8_t **at, struct moe__slice text)
{
    const struct moe__slice kept = moe__slice_of(*at, text.n);
    if (text.n > 0)
        memcpy(*at, text.data, text.n);
    *at += text.n;
    return kept;
}

/* False if the sum does not fit.  One byte more, so that no block is empty. */
static bool message_bytes(const struct moe__message *message, size_t *bytes)
{
    bool fits = moe__mul_size((size_t)message->n_calls, sizeof *message->calls,
                              bytes) &&
                moe__add_size(*bytes, 1, bytes) &&
                moe__add_size(*bytes, message->content.n, bytes) &&
                moe__add_size(*bytes, message->reasoning.n, bytes) &&
                moe__add_size(*bytes, message->name.n, bytes) &&
                moe__add_size(*bytes, message->call_id.n, bytes);
    for (int32_t i = 0; i < message->n_calls && fits; i++) {
        const struct moe__call *call = &message->calls[i];
        fits = moe__add_size(*bytes, call->id.n, bytes) &&
               moe__add_size(*bytes, call->name.n, bytes) &&
               moe__add_size(*bytes, call->arguments.n, bytes);
    }
    return fits;
}

moe_status moe__history_add(struct moe__history *history,
                            const struct moe__message *message,
                            struct moe__err *err)
{
    size_t bytes = 0;
    struct moe__call *calls = NULL;
    if (message_bytes(message, &bytes) && history_grow(history))
        calls = moe__mem_alloc(history->mem, bytes);
    if (calls == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY,
                         "message %d: no memory for %zu bytes", history->n,
                         bytes);
    uint8_t *at = (uint8_t *)(calls + message->n_calls);
    for (int32_t i = 0; i < message->n_calls; i++) {
        calls[i].id = history_keep(&at, message->calls[i].id);
        calls[i].name = history_keep(&at, message->calls[i].name);
        calls[i].arguments = history_keep(&at, message->calls[i].arguments);
    }
    history->bytes[history->n] = bytes;
    history->messages[history->n++] = (struct moe__message){
        .role = message->role,
        .content = history_keep(&at, message->content),
        .reasoning = history_keep(&at, message->reasoning),
        .name = history_keep(&at, message->name),
        .call_id = history_keep(&at, message->call_id),
        .calls = calls,
        .n_calls = message->n_calls,
    };
    return MOE_OK;
}
