/* gguf_reader.h: a cursor over the header of one GGUF file (for this room).
 *
 * Owns the copy of the header, which grows while it is read: what has been
 * read is named by its position, not by a pointer.  Refuses whatever passes the
 * end of the file, before memory is asked for. */
#ifndef MOE_FORMAT_GGUF_READER_H
#define MOE_FORMAT_GGUF_READER_H

#include "format/gguf.h"

/* A header is metadata and a list of tensors: the largest known ones take some
 * 20 MB.  The bound keeps every size in 32 bits. */
#define MOE__HEADER_MAX ((uint64_t)1 << 30)

struct moe__gguf_span {
    uint64_t at; /* in the header */
    uint64_t n;  /* bytes */
};

struct moe__gguf_reader {
    struct moe__mem *mem;
    struct moe__shard *shard;
    uint64_t pos; /* <= file size and <= MOE__HEADER_MAX */
    uint32_t version;
    /* What is being read, for messages: "entry 5 ('llama.block_count')". */
    const char *item;
    uint64_t number;
    struct moe__gguf_span name; /* empty until known */
    struct moe__err *err;
};

/* "ITEM NUMBER ('NAME') at byte POS" for the cursor's place. */
#define MOE__PLACE 176 /* 48 bytes of a name, if need be as \xNN twice */
struct moe__gguf_place {
    char text[MOE__PLACE];
};
struct moe__gguf_place moe__gguf_where(const struct moe__gguf_reader *reader);

/* Whether n things of `unit` bytes or more can follow: MOE_OK,
 * MOE_ERR_TRUNCATED if they pass the end of the file, MOE_ERR_FORMAT if no
 * header can be that long.  Without a sentence. */
moe_status moe__gguf_room(const struct moe__gguf_reader *reader, uint64_t n,
                          uint64_t unit);

/* Moves the cursor over n things of `unit` bytes; they are in the copy then. */
moe_status moe__gguf_take(struct moe__gguf_reader *reader, const char *thing,
                          uint64_t n, uint64_t unit,
                          struct moe__gguf_span *out);
moe_status moe__gguf_u32(struct moe__gguf_reader *reader, const char *thing,
                         uint32_t *out);
moe_status moe__gguf_u64(struct moe__gguf_reader *reader, const char *thing,
                         uint64_t *out);
/* A count, length or dimension: 32 bits in version 1, then 64. */
moe_status moe__gguf_count(struct moe__gguf_reader *reader, const char *thing,
                           uint64_t *out);
/* A length and that many bytes. */
moe_status moe__gguf_text(struct moe__gguf_reader *reader,
                          struct moe__gguf_span *out);
/* The text that names the item: 1 .. max bytes without NUL. */
moe_status moe__gguf_name(struct moe__gguf_reader *reader, uint64_t max);

/* The bytes of a span; valid until the next moe__gguf_take that grows the
 * copy, so for ever once the whole header has been read. */
struct moe__slice moe__gguf_bytes(const struct moe__gguf_reader *reader,
                                  struct moe__gguf_span span);

/* Header, entries and tensors of one file.  The entries go to part->meta, the
 * tensors to shard->tensors, both with their texts into `arena`. */
moe_status moe__gguf_read(struct moe__gguf *part, struct moe__arena *arena,
                          struct moe__shard *shard, struct moe__err *err);

#endif
