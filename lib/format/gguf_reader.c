/* gguf_reader.c: the cursor, and the growing copy behind it. */
#include "format/gguf_reader.h"

#include <assert.h>

/* Enough for a header without a vocabulary; then it doubles. */
#define HEADER_FIRST_BYTES ((uint64_t)65536)

moe_status moe__shard_read(const struct moe__shard *shard, uint64_t offset,
                           void *dst, size_t n, struct moe__err *err)
{
    assert(offset <= shard->file_bytes && n <= shard->file_bytes - offset);
    if (n == 0)
        return MOE_OK;
    if (shard->map.data) {
        memcpy(dst, shard->map.data + offset, n);
        return MOE_OK;
    }
    if (shard->source.read_at(shard->source.user, offset, dst, n) == 0)
        return MOE_OK;
    return moe__fail(err, MOE_ERR_IO,
                     "reading %zu bytes at byte %llu failed in the source", n,
                     (unsigned long long)offset);
}

struct moe__gguf_place moe__gguf_where(const struct moe__gguf_reader *reader)
{
    struct moe__gguf_place place;
    char number[24] = "";
    if (reader->number > 0)
        moe__format(number, sizeof number, " %llu",
                    (unsigned long long)reader->number);
    const struct moe__slice name = moe__gguf_bytes(reader, reader->name);
    const int shown = name.n < 48 ? (int)name.n : 48;
    const char *const quote = shown > 0 ? "'" : "";
    moe__format(place.text, sizeof place.text, "%s%s%s%s%.*s%s%s at byte %llu",
                reader->item, number, shown > 0 ? " (" : "", quote, shown,
                (const char *)name.data, quote, shown > 0 ? ")" : "",
                (unsigned long long)reader->pos);
    return place;
}

struct moe__slice moe__gguf_bytes(const struct moe__gguf_reader *reader,
                                  struct moe__gguf_span span)
{
    if (span.n == 0)
        return moe__slice_of("", 0);
    return moe__slice_of(reader->shard->header + span.at, (size_t)span.n);
}

moe_status moe__gguf_room(const struct moe__gguf_reader *reader, uint64_t n,
                          uint64_t unit)
{
    if (n > (MOE__HEADER_MAX - reader->pos) / unit)
        return MOE_ERR_FORMAT;
    if (n > (reader->shard->file_bytes - reader->pos) / unit)
        return MOE_ERR_TRUNCATED;
    return MOE_OK;
}

/* Makes the copy reach `end` at least, which the file and the bound allow. */
static moe_status header_grow(struct moe__gguf_reader *reader, uint64_t end)
{
    struct moe__shard *shard = reader->shard;
    uint64_t bytes = 2 * shard->header_bytes;
    if (bytes < HEADER_FIRST_BYTES)
        bytes = HEADER_FIRST_BYTES;
    if (bytes < end)
        bytes = end;
    if (bytes > shard->file_bytes)
        bytes = shard->file_bytes;
    const size_t n_old = (size_t)shard->header_bytes;
    uint8_t *header = moe__mem_alloc(reader->mem, (size_t)bytes);
    if (header == NULL)
        return moe__fail(reader->err, MOE_ERR_NO_MEMORY,
                         "no memory for a header of %llu bytes",
                         (unsigned long long)bytes);
    if (n_old > 0)
        memcpy(header, shard->header, n_old);
    moe__mem_free(reader->mem, shard->header, n_old);
    shard->header = header;
    shard->header_bytes = bytes;
    return moe__shard_read(shard, n_old, header + n_old, (size_t)bytes - n_old,
                           reader->err);
}

moe_status moe__gguf_take(struct moe__gguf_reader *reader, const char *thing,
                          uint64_t n, uint64_t unit, struct moe__gguf_span *out)
{
    const moe_status status = moe__gguf_room(reader, n, unit);
    if (status != MOE_OK) {
        char times[24] = "";
        if (unit > 1)
            moe__format(times, sizeof times, " x %llu",
                        (unsigned long long)unit);
        return moe__fail(
            reader->err, status, "%s: %s of %llu%s bytes in a file of %llu",
            moe__gguf_where(reader).text, thing, (unsigned long long)n, times,
            (unsigned long long)reader->shard->file_bytes);
    }
    const uint64_t end = reader->pos + n * unit; /* <= MOE__HEADER_MAX */
    if (end > reader->shard->header_bytes)
        MOE__TRY(header_grow(reader, end));
    *out = (struct moe__gguf_span){reader->pos, n * unit};
    reader->pos = end;
    return MOE_OK;
}

moe_status moe__gguf_u32(struct moe__gguf_reader *reader, const char *thing,
                         uint32_t *out)
{
    struct moe__gguf_span span;
    MOE__TRY(moe__gguf_take(reader, thing, 4, 1, &span));
    *out = moe__load_u32(moe__gguf_bytes(reader, span).data);
    return MOE_OK;
}

moe_status moe__gguf_u64(struct moe__gguf_reader *reader, const char *thing,
                         uint64_t *out)
{
    struct moe__gguf_span span;
    MOE__TRY(moe__gguf_take(reader, thing, 8, 1, &span));
    *out = moe__load_u64(moe__gguf_bytes(reader, span).data);
    return MOE_OK;
}

moe_status moe__gguf_count(struct moe__gguf_reader *reader, const char *thing,
                           uint64_t *out)
{
    if (reader->version > 1)
        return moe__gguf_u64(reader, thing, out);
    uint32_t narrow;
    MOE__TRY(moe__gguf_u32(reader, thing, &narrow));
    *out = narrow;
    return MOE_OK;
}

moe_status moe__gguf_text(struct moe__gguf_reader *reader,
                          struct moe__gguf_span *out)
{
    uint64_t n;
    MOE__TRY(moe__gguf_count(reader, "string length", &n));
    return moe__gguf_take(reader, "string", n, 1, out);
}

moe_status moe__gguf_name(struct moe__gguf_reader *reader, uint64_t max)
{
    struct moe__gguf_span name;
    MOE__TRY(moe__gguf_text(reader, &name));
    if (name.n == 0 || name.n > max)
        return moe__fail(reader->err, MOE_ERR_FORMAT,
                         "%s: name of %llu bytes, expected 1 to %llu",
                         moe__gguf_where(reader).text,
                         (unsigned long long)name.n, (unsigned long long)max);
    if (memchr(moe__gguf_bytes(reader, name).data, 0, (size_t)name.n))
        return moe__fail(reader->err, MOE_ERR_FORMAT,
                         "%s: name of %llu bytes with a zero byte in it",
                         moe__gguf_where(reader).text,
                         (unsigned long long)name.n);
    reader->name = name;
    return MOE_OK;
}
