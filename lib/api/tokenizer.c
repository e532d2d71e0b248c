/* tokenizer.c: a model that is a tokenizer's own file: text, and no network.
 *
 * The file is read, not mapped: it is small, and all of it is needed once. */
#include "api/api.h"

/* The largest public tokenizers have 40 MB. */
#define FILE_MAX ((uint64_t)1 << 28)

static moe_status tokenizer_read_at(const moe_source *source, void *dst,
                                    size_t n, struct moe__err *err)
{
    if (source->read_at(source->user, 0, dst, n) == 0)
        return MOE_OK;
    return moe__fail(err, MOE_ERR_IO, "cannot read %zu bytes at 0", n);
}

/* Whether the source's first bytes are those of such a file. */
static moe_status tokenizer_is_source(const moe_source *source, bool *is_vocab,
                                      struct moe__err *err)
{
    uint8_t head[64];
    const size_t n = source->size_bytes < sizeof head
                         ? (size_t)source->size_bytes
                         : sizeof head;
    *is_vocab = false;
    if (n > 0)
        MOE__TRY(tokenizer_read_at(source, head, n, err));
    *is_vocab = moe__vocab_is_file(moe__slice_of(head, n));
    return MOE_OK;
}

static moe_status tokenizer_read_source(moe_model *model,
                                        const moe_source *source,
                                        struct moe__err *err)
{
    if (source->size_bytes > FILE_MAX)
        return moe__fail(err, MOE_ERR_UNSUPPORTED,
                         "a tokenizer of %llu bytes: expected at most %llu",
                         (unsigned long long)source->size_bytes,
                         (unsigned long long)FILE_MAX);
    const size_t n = (size_t)source->size_bytes;
    uint8_t *bytes = moe__mem_alloc(&model->mem, n);
    if (bytes == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY,
                         "no memory for a tokenizer of %zu bytes", n);
    moe_status status = tokenizer_read_at(source, bytes, n, err);
    if (status == MOE_OK)
        status = moe__vocab_read(&model->arena, moe__slice_of(bytes, n),
                                 &model->vocab, err);
    moe__mem_free(&model->mem, bytes, n);
    return status;
}

moe_status moe__model_read_vocab(moe_model *model, const moe_source *source,
                                 struct moe__err *err)
{
    bool is_vocab;
    MOE__TRY(tokenizer_is_source(source, &is_vocab, err));
    return is_vocab ? tokenizer_read_source(model, source, err) : MOE_OK;
}
