/* gguf_check.h: opening any bytes as a GGUF file, and what must hold then.
 *
 * check_survive is the assertion that all tests with damaged files share: the
 * result is a status with a sentence or a working object, the source is closed
 * once, nothing leaks, and the heap stays within 16 times the bytes + 1 MiB.
 * The includer defines _POSIX_C_SOURCE 200809L or more before anything else.
 */
#ifndef MOE_GGUF_CHECK_H
#define MOE_GGUF_CHECK_H

#include "format/gguf.h"
#include "gguf_builder.h"

#include <stdlib.h>

/* ------------------------------------------------------------------ heap */

struct check_heap {
    uint64_t live_bytes;
    uint64_t peak_bytes;
    int64_t n_calls;
    int64_t n_allowed; /* calls that succeed; < 0: all */
};

static inline void *check_heap_alloc(void *user, size_t bytes, size_t align)
{
    struct check_heap *heap = (struct check_heap *)user;
    heap->n_calls++;
    if (heap->n_allowed >= 0 && heap->n_calls > heap->n_allowed)
        return NULL;
    void *memory; /* exactly as long as asked for: sanitizers see overruns */
    if (posix_memalign(&memory, align, bytes) != 0)
        return NULL;
    memset(memory, 0xa5, bytes);
    heap->live_bytes += bytes;
    if (heap->live_bytes > heap->peak_bytes)
        heap->peak_bytes = heap->live_bytes;
    return memory;
}

static inline void check_heap_free(void *user, void *memory, size_t bytes)
{
    struct check_heap *heap = (struct check_heap *)user;
    heap->live_bytes -= bytes;
    free(memory);
}

static inline void check_heap_init(struct check_heap *heap,
                                   struct moe__mem *mem)
{
    *heap = (struct check_heap){.n_allowed = -1};
    const moe_allocator hook = {.struct_size = sizeof hook,
                                .user = heap,
                                .alloc = check_heap_alloc,
                                .free = check_heap_free};
    moe__mem_init(mem, &hook);
}

/* ---------------------------------------------------------------- source */

struct check_file {
    const uint8_t *bytes; /* [n] */
    size_t n;
    int64_t n_reads;
    int64_t n_allowed; /* reads that succeed; < 0: all */
    int n_closed;
    bool is_overread; /* somebody asked for bytes past the end */
};

static inline int32_t check_file_read(void *user, uint64_t offset, void *dst,
                                      size_t bytes)
{
    struct check_file *file = (struct check_file *)user;
    if (offset > file->n || bytes > file->n - offset) {
        file->is_overread = true;
        return -1;
    }
    file->n_reads++;
    if (file->n_allowed >= 0 && file->n_reads > file->n_allowed)
        return -1;
    memcpy(dst, file->bytes + offset, bytes);
    return 0;
}

static inline void check_file_close(void *user)
{
    ((struct check_file *)user)->n_closed++;
}

static inline moe_source check_file_source(struct check_file *file,
                                           const void *bytes, size_t n)
{
    *file = (struct check_file){
        .bytes = (const uint8_t *)bytes, .n = n, .n_allowed = -1};
    return (moe_source){.struct_size = sizeof(moe_source),
                        .user = file,
                        .size_bytes = n,
                        .read_at = check_file_read,
                        .close = check_file_close};
}

/* ----------------------------------------------------------------- touch */

/* Reads the entry in every way there is, also past its end; NULL or what is
 * wrong.  *sum keeps the reads alive. */
static inline const char *check_touch_meta(const struct moe__gguf *gguf,
                                           const struct moe__meta *meta,
                                           uint64_t *sum)
{
    const uint64_t n = meta->type == MOE_META_ARRAY ? meta->n : 1;
    const uint64_t last = n > 0 ? n - 1 : 0;
    const uint64_t at[] = {0, last, n, UINT64_MAX};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        struct moe__err err = {0};
        int64_t integer = 0;
        double number = 0;
        struct moe__slice text = {0};
        const bool is_past = at[i] >= n;
        const moe_status as[3] = {
            moe__meta_i64(meta, at[i], INT64_MIN, INT64_MAX, &integer, &err),
            moe__meta_f64(meta, at[i], &number, &err),
            moe__meta_string(meta, at[i], &text, &err)};
        if (is_past && (as[0] == MOE_OK || as[1] == MOE_OK || as[2] == MOE_OK))
            return "an element past the end was read";
        if (as[2] == MOE_OK && (as[0] == MOE_OK || as[1] == MOE_OK))
            return "a value is text and a number";
        *sum += (uint64_t)integer + (number > 0);
        for (size_t c = 0; c < text.n; c++)
            *sum += text.data[c];
    }
    for (size_t c = 0; c < meta->value.n; c++)
        *sum += meta->value.data[c];
    bool flag = false;
    struct moe__err err = {0};
    if (moe__meta_bool(meta, &flag, &err) != MOE_OK && err.message[0] == 0)
        return "no sentence";
    if (moe__meta_find(gguf, meta->key) != meta)
        return "an entry is not found by its key";
    return NULL;
}

static inline const char *check_touch_tensor(const struct moe__gguf *gguf,
                                             const struct moe__tensor *tensor,
                                             uint64_t *sum)
{
    const struct moe__type_info *type = moe__type_info(tensor->type);
    if (type == NULL || moe__tensor_find(gguf, tensor->name) != tensor)
        return "a tensor is not found by its name";
    uint64_t elements = 1;
    for (int i = 0; i < 4; i++)
        elements *= tensor->dims[i];
    if (elements / (uint64_t)type->block_elems * (uint64_t)type->block_bytes !=
        tensor->bytes)
        return "a tensor's bytes are not those of its dims";
    if (tensor->data)
        for (uint64_t i = 0; i < tensor->bytes; i++)
            *sum += tensor->data[i];
    return NULL;
}

static inline const char *check_touch(const struct moe__gguf *gguf)
{
    uint64_t sum = 0;
    const char *wrong = NULL;
    for (uint64_t i = 0; i < gguf->n_meta && !wrong; i++)
        wrong = check_touch_meta(gguf, &gguf->meta[i], &sum);
    for (uint64_t i = 0; i < gguf->n_tensors && !wrong; i++)
        wrong = check_touch_tensor(gguf, &gguf->tensors[i], &sum);
    volatile uint64_t sink = sum;
    (void)sink;
    return wrong;
}

/* ---------------------------------------------------------------- opened */

/* A gguf over bytes in memory, with the fixtures that it needs. */
struct opened {
    struct check_heap heap;
    struct moe__mem mem;
    struct check_file file;
    struct moe__gguf gguf;
    struct moe__err err;
    moe_status status;
};

static inline moe_status open_with(struct opened *o, const void *bytes,
                                   size_t n,
                                   const struct moe__gguf_options *options)
{
    o->err = (struct moe__err){0};
    check_heap_init(&o->heap, &o->mem);
    const moe_source source = check_file_source(&o->file, bytes, n);
    o->status =
        moe__gguf_open_sources(&o->gguf, &o->mem, &source, 1, options, &o->err);
    return o->status;
}

static inline moe_status open_built(struct opened *o, struct gguf_builder *b)
{
    const struct moe__gguf_options options = {0};
    size_t n;
    const uint8_t *bytes = build_finish(b, &n);
    return open_with(o, bytes, n, &options);
}

/* What is wrong after closing, or NULL. */
static inline const char *close_wrong(struct opened *o)
{
    moe__gguf_close(&o->gguf);
    if (o->gguf.mem || o->gguf.shards || o->gguf.n_tensors)
        return "not empty after closing";
    if (o->mem.live_bytes != 0 || o->heap.live_bytes != 0)
        return "a leak";
    if (o->file.is_overread)
        return "a read past the end";
    return o->file.n_closed == 1 ? NULL : "source not closed once";
}

#define close_opened(o)                                    \
    do {                                                   \
        const char *wrong_ = close_wrong(o);               \
        CHECK(wrong_ == NULL, "%s", wrong_ ? wrong_ : ""); \
    } while (0)

/* --------------------------------------------------------------- survive */

/* Opens bytes [n] with data; *err says how it went.  NULL, or what does not
 * hold. */
static inline const char *check_survive(const void *bytes, size_t n,
                                        struct moe__err *err)
{
    const struct moe__gguf_options options = {0};
    const char *wrong = NULL;
    struct opened o;
    const moe_status status = open_with(&o, bytes, n, &options);
    *err = o.err;
    if (status == MOE_OK)
        wrong = check_touch(&o.gguf);
    else if (o.err.status != status || o.err.message[0] == 0)
        wrong = "a status without its sentence";
    else if (o.gguf.mem)
        wrong = "not empty after failing";
    const char *wrong_close = close_wrong(&o);
    if (o.heap.peak_bytes > 16 * (uint64_t)n + (1 << 20))
        wrong = "too much memory";
    return wrong ? wrong : wrong_close;
}

#endif
