/* gguf_open.c: files and sources, shards, and getting the tensors' bytes.
 *
 * Owns the maps, sources and copies until moe__gguf_close.  Assumes that shards
 * lie side by side under one name pattern.  Refuses a set that is not complete,
 * in order and of one mind about its size. */
#include "format/gguf_reader.h"
#include "format/meta.h"
#include "format/tensors.h"

/* The largest public models have some hundred shards.  The bound keeps the
 * table small whatever a file claims. */
#define SHARDS_MAX 1024

/* Between two calls of the progress hook, which may cancel: 40 ms of a disk
 * that gives 100 MB/s. */
#define COPY_PIECE_BYTES ((size_t)4 << 20)

/* ---------------------------------------------------------------- shards */

/* An integer that may be missing. */
static moe_status split_value(const struct moe__gguf *part, const char *key,
                              int64_t absent, int64_t *out,
                              struct moe__err *err)
{
    const struct moe__meta *meta = moe__meta_find(part, key);
    *out = absent;
    return meta ? moe__meta_i64(meta, 0, 0, INT32_MAX, out, err) : MOE_OK;
}

/* Whether `part` calls itself shard i (from 0) of n. */
static moe_status split_check(const struct moe__gguf *part, int32_t i,
                              int64_t n, struct moe__err *err)
{
    int64_t number;
    int64_t count;
    MOE__TRY(split_value(part, "split.no", 0, &number, err));
    MOE__TRY(split_value(part, "split.count", 1, &count, err));
    count += count == 0; /* written by tools that merge shards */
    if (number == i && count == n)
        return MOE_OK;
    return moe__fail(err, i == 0 ? MOE_ERR_ARGUMENT : MOE_ERR_FORMAT,
                     "expected shard %d of %lld, found shard %lld of %lld",
                     (int)i + 1, (long long)n, (long long)number + 1,
                     (long long)count);
}

/* Reads the header of shard i, whose bytes are open.  Messages say which shard
 * they are about, except of the first. */
static moe_status shard_read_header(struct moe__gguf *gguf, int32_t i,
                                    struct moe__err *err)
{
    struct moe__gguf part = {0};
    struct moe__shard *shard = &gguf->shards[i];
    moe_status status = moe__gguf_read(&part, &gguf->arena, shard, err);
    if (i == 0) {
        gguf->version = part.version;
        gguf->meta = part.meta;
        gguf->n_meta = part.n_meta;
        gguf->meta_order = part.meta_order;
        return status;
    }
    if (status == MOE_OK)
        status = split_check(&part, i, gguf->n_shards, err);
    /* The texts of its tensors are in the arena, its entries not needed. */
    moe__mem_free(gguf->mem, shard->header, (size_t)shard->header_bytes);
    shard->header = NULL;
    shard->header_bytes = 0;
    if (status != MOE_OK && err) {
        const struct moe__err inner = *err;
        moe__fail(err, status, "shard %d of %d: %s", (int)i + 1,
                  (int)gguf->n_shards, inner.message);
    }
    return status;
}

/* ----------------------------------------------------------------- files */

#define SUFFIX_CHARS 20 /* of a name like "mixtral-00002-of-00003.gguf" */

static void split_suffix(char out[SUFFIX_CHARS], int32_t number, int32_t n)
{
    memcpy(out, "-00000-of-00000.gguf", SUFFIX_CHARS);
    for (int i = 5; i > 0; i--, number /= 10, n /= 10) {
        out[i] = (char)('0' + number % 10);
        out[9 + i] = (char)('0' + n % 10);
    }
}

static moe_status shard_open_file(struct moe__gguf *gguf, int32_t i,
                                  const char *path, moe_load load,
                                  struct moe__err *err)
{
    struct moe__shard *shard = &gguf->shards[i];
    if (load == MOE_LOAD_COPY) {
        MOE__TRY(moe__source_open(gguf->mem, path, &shard->source, err));
        shard->file_bytes = shard->source.size_bytes;
    } else {
        MOE__TRY(moe__map_open(&shard->map, path, err));
        shard->file_bytes = shard->map.bytes;
    }
    return shard_read_header(gguf, i, err);
}

/* Shards 2 .. n, where `path` is the first. */
static moe_status files_open_siblings(struct moe__gguf *gguf, int32_t n,
                                      const char *path, moe_load load,
                                      struct moe__err *err)
{
    char suffix[SUFFIX_CHARS];
    split_suffix(suffix, 1, n);
    const size_t n_path = strlen(path);
    if (n_path < SUFFIX_CHARS ||
        memcmp(path + n_path - SUFFIX_CHARS, suffix, SUFFIX_CHARS) != 0)
        return moe__fail(err, MOE_ERR_NOT_FOUND,
                         "'%s' is the first of %d shards, but its name does "
                         "not end in '%.*s'",
                         path, (int)n, SUFFIX_CHARS, suffix);
    char *name = moe__arena_string(&gguf->arena, path, n_path);
    struct moe__shard *shards =
        moe__arena_alloc(&gguf->arena, (size_t)n, sizeof *shards);
    if (name == NULL || shards == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for %d shards",
                         (int)n);
    shards[0] = gguf->shards[0];
    gguf->shards = shards;
    gguf->n_shards = n;
    for (int32_t i = 1; i < n; i++) {
        split_suffix(name + n_path - SUFFIX_CHARS, i + 1, n);
        MOE__TRY(shard_open_file(gguf, i, name, load, err));
    }
    return MOE_OK;
}

static moe_status files_open(struct moe__gguf *gguf, const char *path,
                             moe_load load, struct moe__err *err)
{
    gguf->shards = moe__arena_alloc(&gguf->arena, 1, sizeof *gguf->shards);
    if (gguf->shards == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for a file");
    gguf->n_shards = 1;
    MOE__TRY(shard_open_file(gguf, 0, path, load, err));
    int64_t n;
    MOE__TRY(split_value(gguf, "split.count", 1, &n, err));
    if (n > SHARDS_MAX)
        return moe__fail(err, MOE_ERR_UNSUPPORTED,
                         "split.count: expected 1 to %d, found %lld",
                         SHARDS_MAX, (long long)n);
    n += n == 0;
    MOE__TRY(split_check(gguf, 0, n, err));
    if (n == 1)
        return MOE_OK;
    return files_open_siblings(gguf, (int32_t)n, path, load, err);
}

/* --------------------------------------------------------------- sources */

/* Takes the sources over: from here on moe__gguf_close ends them. */
static moe_status sources_take(struct moe__gguf *gguf,
                               const moe_source *sources, size_t n,
                               struct moe__err *err)
{
    if (n <= SHARDS_MAX)
        gguf->shards = moe__arena_alloc(&gguf->arena, n, sizeof *gguf->shards);
    if (gguf->shards) {
        gguf->n_shards = (int32_t)n;
        for (size_t i = 0; i < n; i++) {
            gguf->shards[i].source = sources[i];
            gguf->shards[i].file_bytes = sources[i].size_bytes;
        }
        return MOE_OK;
    }
    for (size_t i = 0; i < n; i++)
        if (sources[i].close)
            sources[i].close(sources[i].user);
    if (n <= SHARDS_MAX)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for %zu sources",
                         n);
    return moe__fail(err, MOE_ERR_ARGUMENT,
                     "sources: expected 1 to %d, found %zu", SHARDS_MAX, n);
}

static moe_status sources_open(struct moe__gguf *gguf, moe_load load,
                               struct moe__err *err)
{
    if (gguf->n_shards == 0)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "sources: expected 1 to %d, found 0", SHARDS_MAX);
    if (load == MOE_LOAD_MAP)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "load: a source cannot be mapped, only copied");
    for (int32_t i = 0; i < gguf->n_shards; i++) {
        if (gguf->shards[i].source.read_at == NULL)
            return moe__fail(err, MOE_ERR_ARGUMENT, "source %d has no read_at",
                             (int)i + 1);
        MOE__TRY(shard_read_header(gguf, i, err));
        if (i == 0)
            MOE__TRY(split_check(gguf, 0, gguf->n_shards, err));
    }
    return MOE_OK;
}

/* ------------------------------------------------------------------ data */

struct gguf_copying {
    const struct moe__gguf_options *options;
    uint64_t done_bytes;
    uint64_t total_bytes;
};

static moe_status copying_report(const struct gguf_copying *copying,
                                 struct moe__err *err)
{
    const struct moe__gguf_options *options = copying->options;
    const float fraction =
        (float)((double)copying->done_bytes / (double)copying->total_bytes);
    if (options->progress &&
        options->progress(options->progress_user, fraction) != 0)
        return moe__fail(err, MOE_ERR_CANCELLED, "loading was cancelled");
    return MOE_OK;
}

/* From the data section's start to the last tensor's end.  The copy begins at
 * a multiple of its own alignment, so that tensors keep theirs. */
static void shard_measure_copy(struct moe__shard *shard)
{
    uint64_t end = 0;
    for (uint64_t i = 0; i < shard->n_tensors; i++) {
        const struct moe__tensor *tensor = &shard->tensors[i];
        if (tensor->offset + tensor->bytes > end)
            end = tensor->offset + tensor->bytes;
    }
    shard->copy_offset = shard->data_offset & ~(uint64_t)(MOE__ALIGN - 1);
    shard->copy_bytes = end > 0 ? end - shard->copy_offset : 0;
}

static moe_status shard_copy(struct moe__mem *mem, struct moe__shard *shard,
                             struct gguf_copying *copying, struct moe__err *err)
{
    const uint64_t n = shard->copy_bytes;
    if (n == 0)
        return MOE_OK;
    if (n <= SIZE_MAX)
        shard->copy = moe__mem_alloc(mem, (size_t)n);
    if (shard->copy == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY,
                         "no memory for a copy of %llu bytes of weights",
                         (unsigned long long)n);
    for (size_t at = 0, piece; at < (size_t)n; at += piece) {
        piece = (size_t)n - at;
        if (piece > COPY_PIECE_BYTES)
            piece = COPY_PIECE_BYTES;
        MOE__TRY(moe__shard_read(shard, shard->copy_offset + at,
                                 shard->copy + at, piece, err));
        copying->done_bytes += piece;
        MOE__TRY(copying_report(copying, err));
    }
    return MOE_OK;
}

static moe_status gguf_load_data(struct moe__gguf *gguf,
                                 const struct moe__gguf_options *options,
                                 struct moe__err *err)
{
    struct gguf_copying copying = {.options = options};
    for (int32_t i = 0; i < gguf->n_shards; i++)
        if (gguf->shards[i].map.data == NULL) {
            shard_measure_copy(&gguf->shards[i]);
            copying.total_bytes += gguf->shards[i].copy_bytes;
        }
    if (copying.total_bytes > 0)
        MOE__TRY(copying_report(&copying, err));
    for (int32_t i = 0; i < gguf->n_shards; i++)
        MOE__TRY(shard_copy(gguf->mem, &gguf->shards[i], &copying, err));
    for (uint64_t i = 0; i < gguf->n_tensors; i++) {
        struct moe__tensor *tensor = &gguf->tensors[i];
        const struct moe__shard *shard = &gguf->shards[tensor->shard];
        tensor->data =
            shard->map.data
                ? shard->map.data + tensor->offset
                : shard->copy + (tensor->offset - shard->copy_offset);
    }
    return MOE_OK;
}

/* ----------------------------------------------------------- open, close */

/* What follows when all shards' headers have been read. */
static moe_status gguf_finish(struct moe__gguf *gguf,
                              const struct moe__gguf_options *options,
                              struct moe__err *err)
{
    MOE__TRY(moe__tensors_join(gguf, err));
    int64_t total;
    const int64_t n_tensors = (int64_t)gguf->n_tensors;
    MOE__TRY(split_value(gguf, "split.tensors.count", n_tensors, &total, err));
    if (gguf->n_shards > 1 && total != n_tensors)
        return moe__fail(err, MOE_ERR_FORMAT,
                         "split.tensors.count is %lld, but the %d shards have "
                         "%lld tensors",
                         (long long)total, (int)gguf->n_shards,
                         (long long)n_tensors);
    MOE__TRY(moe__meta_override(gguf, options->overrides, options->n_overrides,
                                err));
    return options->is_header_only ? MOE_OK
                                   : gguf_load_data(gguf, options, err);
}

static void gguf_begin(struct moe__gguf *gguf, struct moe__mem *mem)
{
    *gguf = (struct moe__gguf){.mem = mem};
    moe__arena_init(&gguf->arena, mem);
}

moe_status moe__gguf_open(struct moe__gguf *gguf, struct moe__mem *mem,
                          const char *path,
                          const struct moe__gguf_options *options,
                          struct moe__err *err)
{
    gguf_begin(gguf, mem);
    moe_status status = files_open(gguf, path, options->load, err);
    if (status == MOE_OK)
        status = gguf_finish(gguf, options, err);
    if (status != MOE_OK)
        moe__gguf_close(gguf);
    return status;
}

moe_status moe__gguf_open_sources(struct moe__gguf *gguf, struct moe__mem *mem,
                                  const moe_source *sources, size_t n,
                                  const struct moe__gguf_options *options,
                                  struct moe__err *err)
{
    gguf_begin(gguf, mem);
    moe_status status = sources_take(gguf, sources, n, err);
    if (status == MOE_OK)
        status = sources_open(gguf, options->load, err);
    if (status == MOE_OK)
        status = gguf_finish(gguf, options, err);
    if (status != MOE_OK)
        moe__gguf_close(gguf);
    return status;
}

void moe__gguf_close(struct moe__gguf *gguf)
{
    if (gguf == NULL || gguf->mem == NULL)
        return;
    for (int32_t i = 0; i < gguf->n_shards; i++) {
        struct moe__shard *shard = &gguf->shards[i];
        moe__mem_free(gguf->mem, shard->copy, (size_t)shard->copy_bytes);
        moe__mem_free(gguf->mem, shard->header, (size_t)shard->header_bytes);
        if (shard->map.data)
            moe__map_close(&shard->map);
        if (shard->source.close)
            shard->source.close(shard->source.user);
    }
    moe__arena_free(&gguf->arena);
    *gguf = (struct moe__gguf){0};
}
