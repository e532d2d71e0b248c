/* text.c: a growing string. */
#include "base/text.h"

#include "base/utf8.h"

void moe__text_init(struct moe__text *text, struct moe__mem *mem, size_t limit)
{
    *text = (struct moe__text){.mem = mem,
                               .limit = limit > 0 ? limit : SIZE_MAX / 4};
}

void moe__text_free(struct moe__text *text)
{
    moe__mem_free(text->mem, text->data, text->cap);
    text->data = NULL;
    text->n = text->cap = 0;
}

/* Room for n bytes more; doubling keeps a long text linear. */
static bool text_grow(struct moe__text *text, size_t n)
{
    if (text->status != MOE_OK)
        return false;
    if (n > text->limit - text->n) {
        text->status = MOE_ERR_UNSUPPORTED;
        return false;
    }
    if (n <= text->cap - text->n)
        return true;
    size_t cap = 2 * text->cap > text->n + n ? 2 * text->cap : text->n + n;
    cap = cap < 64 ? 64 : cap;
    char *data = moe__mem_alloc(text->mem, cap);
    if (data == NULL) {
        text->status = MOE_ERR_NO_MEMORY;
        return false;
    }
    if (text->n > 0)
        memcpy(data, text->data, text->n);
    moe__mem_free(text->mem, text->data, text->cap);
    text->data = data;
    text->cap = cap;
    return true;
}

void moe__text_add(struct moe__text *text, struct moe__slice bytes)
{
    if (bytes.n == 0 || !text_grow(text, bytes.n))
        return;
    memcpy(text->data + text->n, bytes.data, bytes.n);
    text->n += bytes.n;
}

void moe__text_puts(struct moe__text *text, const char *words)
{
    moe__text_add(text, moe__slice_str(words));
}

void moe__text_byte(struct moe__text *text, uint8_t byte)
{
    moe__text_add(text, moe__slice_of(&byte, 1));
}

void moe__text_code(struct moe__text *text, uint32_t code)
{
    uint8_t bytes[4];
    const int32_t n = moe__utf8_encode(code, bytes);
    moe__text_add(text, moe__slice_of(bytes, (size_t)n));
}

void moe__text_cut(struct moe__text *text, size_t n)
{
    text->n = n;
}

void moe__text_reset(struct moe__text *text)
{
    text->n = 0;
    text->status = MOE_OK;
}

struct moe__slice moe__text_slice(const struct moe__text *text)
{
    return moe__slice_of(text->data, text->n);
}

moe_status moe__text_status(const struct moe__text *text, const char *what,
                            struct moe__err *err)
{
    if (text->status == MOE_ERR_NO_MEMORY)
        return moe__fail(err, text->status, "%s: no memory", what);
    if (text->status != MOE_OK)
        return moe__fail(err, text->status,
                         "%s is longer than the limit of %zu bytes", what,
                         text->limit);
    return MOE_OK;
}
