/* gguf.h: a GGUF file (v1, v2, v3, little-endian; one file or shards) as
 * read-only views.
 *
 * Owns the tables of entries and tensors (in an arena), a copy of the header,
 * and what holds the tensors' bytes: a map, or a source and a copy.  Assumes
 * nothing about the bytes: every count, length, offset and type is checked
 * before use, and nothing is allocated in proportion to a claimed count that
 * the bytes at hand do not back.  Refuses by name what it does not know. */
#ifndef MOE_FORMAT_GGUF_H
#define MOE_FORMAT_GGUF_H

#include "base/alloc.h"
#include "base/bytes.h"
#include "os/file.h"
#include "quant/quant.h"

struct moe__meta {
    const char *key; /* NUL-terminated copy */
    moe_meta_type type;
    moe_meta_type element_type;       /* of an array */
    uint64_t n;                       /* elements of an array */
    struct moe__slice value;          /* raw bytes; of a string: its text */
    const struct moe__slice *strings; /* [n] of an array of strings */
};

struct moe__tensor {
    const char *name; /* NUL-terminated copy */
    int32_t type;
    int32_t n_dims;
    int32_t shard;
    uint64_t dims[4]; /* unused ones are 1 */
    uint64_t offset;  /* from the start of its shard's file */
    uint64_t bytes;
    const uint8_t *data; /* [bytes]; NULL until loaded (vocabulary, plan).
                            Aligned as its numbers are, 8 at most. */
};

/* One shard's bytes and tensors. */
struct moe__shard {
    struct moe__map map; /* mapped; or */
    moe_source source;   /* read through this */
    uint64_t file_bytes;
    uint8_t *header;       /* [header_bytes], what precedes the data, copied: */
    uint64_t header_bytes; /* a file may change after it has been checked */
    uint64_t data_offset;  /* of the data section in the file */
    uint8_t *copy;         /* [copy_bytes] of the file, if copied */
    uint64_t copy_offset;  /* of its first byte in the file */
    uint64_t copy_bytes;
    struct moe__tensor *tensors; /* [n_tensors] */
    uint64_t n_tensors;
};

struct moe__gguf {
    struct moe__mem *mem;
    struct moe__arena arena;
    uint32_t version;
    struct moe__shard *shards; /* [n_shards] */
    int32_t n_shards;
    struct moe__meta *meta; /* [n_meta], of shard 0, overrides applied */
    uint64_t n_meta;
    struct moe__tensor *tensors; /* [n_tensors] of all shards, file order */
    uint64_t n_tensors;
    uint32_t *meta_order;   /* [n_meta] numbers of the entries by key */
    uint32_t *tensor_order; /* [n_tensors] of the tensors by name */
};

struct moe__gguf_options {
    const char *const *overrides; /* [n_overrides] "KEY=VALUE" */
    size_t n_overrides;
    moe_load load;
    bool is_header_only;      /* leave the tensors' data NULL */
    moe_progress_fn progress; /* of copying */
    void *progress_user;
};

/* Opens `path` and, if split.count says so, its sibling shards (found by the
 * name pattern PREFIX-00001-of-00003.gguf; the first must be given).  On
 * failure everything is closed and *gguf is empty. */
moe_status moe__gguf_open(struct moe__gguf *gguf, struct moe__mem *mem,
                          const char *path,
                          const struct moe__gguf_options *options,
                          struct moe__err *err);
/* The same from sources [n]; each is closed exactly once, also on failure. */
moe_status moe__gguf_open_sources(struct moe__gguf *gguf, struct moe__mem *mem,
                                  const moe_source *sources, size_t n,
                                  const struct moe__gguf_options *options,
                                  struct moe__err *err);
void moe__gguf_close(struct moe__gguf *gguf);

/* Bytes [offset, offset + n) of a shard's file, which has them, wherever they
 * come from.  dst [n].  Fails with MOE_ERR_IO only. */
moe_status moe__shard_read(const struct moe__shard *shard, uint64_t offset,
                           void *dst, size_t n, struct moe__err *err);

/* NULL if there is none.  The second form puts a prefix and a dot before the
 * key: ("llama", "block_count"). */
const struct moe__meta *moe__meta_find(const struct moe__gguf *gguf,
                                       const char *key);
const struct moe__meta *moe__meta_find_in(const struct moe__gguf *gguf,
                                          const char *prefix, const char *key);
const struct moe__tensor *moe__tensor_find(const struct moe__gguf *gguf,
                                           const char *name);

/* Typed reads.  Any integer type is taken where it holds the value; a float
 * does not pass for an integer.  They fail with MOE_ERR_FORMAT and a sentence
 * "KEY: expected ..., found ...". `i` is the element of an array, 0 otherwise.
 */
moe_status moe__meta_i64(const struct moe__meta *meta, uint64_t i, int64_t min,
                         int64_t max, int64_t *out, struct moe__err *err);
moe_status moe__meta_f64(const struct moe__meta *meta, uint64_t i, double *out,
                         struct moe__err *err);
moe_status moe__meta_bool(const struct moe__meta *meta, bool *out,
                          struct moe__err *err);
moe_status moe__meta_string(const struct moe__meta *meta, uint64_t i,
                            struct moe__slice *out, struct moe__err *err);
const char *moe__meta_type_name(moe_meta_type type);

#endif
