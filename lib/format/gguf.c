/* gguf.c: the container: header, entries, tensor list.
 *
 * The layout is that of ggml's GGUF, versions 1 to 3 (docs/gguf.md in
 * ggml-org/ggml).  A header is read twice with the same functions: first to
 * see that all that it claims is there, then, when the counts are backed by
 * bytes, to fill tables of exactly that size. */
#include "format/gguf_reader.h"
#include "format/meta.h"
#include "format/tensors.h"

#define TENSOR_NAME_MAX 255 /* ggml writes 63 at most */
/* Of entries, and of tensors in a file.  The largest models have 100,000
 * tensors; a million names still sort in about a second. */
#define RECORDS_MAX ((uint64_t)1 << 20)
#define ALIGNMENT_DEFAULT 32
#define ALIGNMENT_MAX 65536 /* the largest page in use */

struct gguf_counts {
    uint64_t n_tensors;
    uint64_t n_entries;
};

struct gguf_entry {
    moe_meta_type type;
    moe_meta_type element_type;
    uint64_t n;
    struct moe__gguf_span value;
};

struct gguf_info {
    uint32_t n_dims;
    uint32_t type;
    uint64_t dims[4];
    uint64_t offset;
};

/* ---------------------------------------------------------------- header */

static moe_status gguf_read_magic(struct moe__gguf_reader *reader)
{
    struct moe__gguf_span span;
    MOE__TRY(moe__gguf_take(reader, "magic", 4, 1, &span));
    const struct moe__slice magic = moe__gguf_bytes(reader, span);
    if (!moe__slice_is(magic, "GGUF"))
        return moe__fail(reader->err, MOE_ERR_FORMAT,
                         "not a GGUF file: it begins with '%.*s'", 4,
                         (const char *)magic.data);
    uint32_t version;
    MOE__TRY(moe__gguf_u32(reader, "version", &version));
    /* A big-endian file holds the version's small number at the other end. */
    if (version != 0 && (version & 0xffff) == 0)
        return moe__fail(reader->err, MOE_ERR_UNSUPPORTED,
                         "a big-endian GGUF file (version reads as %u); "
                         "only little-endian ones can be used",
                         (unsigned)version);
    if (version < 1 || version > 3)
        return moe__fail(reader->err, MOE_ERR_UNSUPPORTED,
                         "GGUF version %u, expected 1 to 3", (unsigned)version);
    reader->version = version;
    return MOE_OK;
}

/* The number of records of at least `smallest` bytes that follow. */
static moe_status gguf_read_total(struct moe__gguf_reader *reader,
                                  const char *records, uint64_t smallest,
                                  uint64_t *out)
{
    MOE__TRY(moe__gguf_count(reader, records, out));
    if (*out > RECORDS_MAX)
        return moe__fail(reader->err, MOE_ERR_FORMAT,
                         "%s: %llu %s, expected %llu at most",
                         moe__gguf_where(reader).text, (unsigned long long)*out,
                         records, (unsigned long long)RECORDS_MAX);
    const moe_status status = moe__gguf_room(reader, *out, smallest);
    if (status == MOE_OK)
        return MOE_OK;
    return moe__fail(reader->err, status,
                     "%s: %llu %s of %llu bytes or more in a file of %llu",
                     moe__gguf_where(reader).text, (unsigned long long)*out,
                     records, (unsigned long long)smallest,
                     (unsigned long long)reader->shard->file_bytes);
}

static moe_status gguf_read_counts(struct moe__gguf_reader *reader,
                                   struct gguf_counts *counts)
{
    /* A tensor is a name of a byte, the number of its dims (none), its type
     * and its offset; an entry a key of a byte, its type, and a byte. */
    const uint64_t length = reader->version == 1 ? 4 : 8;
    MOE__TRY(gguf_read_total(reader, "tensors", length + 1 + 4 + 4 + 8,
                             &counts->n_tensors));
    return gguf_read_total(reader, "entries", length + 1 + 4 + 1,
                           &counts->n_entries);
}

/* --------------------------------------------------------------- entries */

static moe_status gguf_check_bools(const struct moe__gguf_reader *reader,
                                   struct moe__gguf_span values)
{
    const struct moe__slice bytes = moe__gguf_bytes(reader, values);
    for (size_t i = 0; i < bytes.n; i++)
        if (bytes.data[i] > 1)
            return moe__fail(reader->err, MOE_ERR_FORMAT,
                             "%s: bool of value %u, expected 0 or 1",
                             moe__gguf_where(reader).text,
                             (unsigned)bytes.data[i]);
    return MOE_OK;
}

/* n values of one type that is not an array; their span is *value. */
static moe_status gguf_read_values(struct moe__gguf_reader *reader,
                                   moe_meta_type type, uint64_t n,
                                   struct moe__gguf_span *value)
{
    const uint64_t start = reader->pos;
    if (type == MOE_META_STRING) {
        struct moe__gguf_span text;
        for (uint64_t i = 0; i < n; i++)
            MOE__TRY(moe__gguf_text(reader, &text));
        *value = (struct moe__gguf_span){start, reader->pos - start};
        return MOE_OK;
    }
    MOE__TRY(moe__gguf_take(reader, moe__meta_type_name(type), n,
                            moe__meta_type_bytes(type), value));
    return type == MOE_META_BOOL ? gguf_check_bools(reader, *value) : MOE_OK;
}

static moe_status gguf_read_type(struct moe__gguf_reader *reader,
                                 moe_meta_type *out)
{
    uint32_t type;
    MOE__TRY(moe__gguf_u32(reader, "value type", &type));
    if (type > MOE_META_F64)
        return moe__fail(
            reader->err, MOE_ERR_FORMAT, "%s: value type %u, expected 0 to %d",
            moe__gguf_where(reader).text, (unsigned)type, MOE_META_F64);
    *out = (moe_meta_type)type;
    return MOE_OK;
}

static moe_status gguf_read_array(struct moe__gguf_reader *reader,
                                  struct gguf_entry *entry)
{
    MOE__TRY(gguf_read_type(reader, &entry->element_type));
    if (entry->element_type == MOE_META_ARRAY)
        return moe__fail(reader->err, MOE_ERR_UNSUPPORTED,
                         "%s: an array of arrays",
                         moe__gguf_where(reader).text);
    MOE__TRY(moe__gguf_count(reader, "array length", &entry->n));
    /* A string is its length and its text: */
    const uint64_t length = reader->version == 1 ? 4 : 8;
    const uint64_t number = moe__meta_type_bytes(entry->element_type);
    const moe_status status =
        moe__gguf_room(reader, entry->n, number > 0 ? number : length);
    if (status != MOE_OK)
        return moe__fail(reader->err, status,
                         "%s: array of %llu %s values in a file of %llu bytes",
                         moe__gguf_where(reader).text,
                         (unsigned long long)entry->n,
                         moe__meta_type_name(entry->element_type),
                         (unsigned long long)reader->shard->file_bytes);
    return gguf_read_values(reader, entry->element_type, entry->n,
                            &entry->value);
}

/* One record: key, type, value.  A string's span is its text. */
static moe_status gguf_read_entry(struct moe__gguf_reader *reader,
                                  struct gguf_entry *entry)
{
    *entry = (struct gguf_entry){0};
    MOE__TRY(moe__gguf_name(reader, MOE__KEY_MAX));
    MOE__TRY(gguf_read_type(reader, &entry->type));
    if (entry->type == MOE_META_ARRAY)
        return gguf_read_array(reader, entry);
    if (entry->type == MOE_META_STRING)
        return moe__gguf_text(reader, &entry->value);
    return gguf_read_values(reader, entry->type, 1, &entry->value);
}

/* Pointers to the texts of an array of strings that has been read before. */
static moe_status gguf_slice_strings(struct moe__gguf_reader *reader,
                                     const struct gguf_entry *entry,
                                     struct moe__arena *arena,
                                     const struct moe__slice **out)
{
    struct moe__slice *strings =
        moe__arena_alloc(arena, (size_t)entry->n, sizeof *strings);
    if (strings == NULL)
        return moe__fail(
            reader->err, MOE_ERR_NO_MEMORY, "%s: no memory for %llu strings",
            moe__gguf_where(reader).text, (unsigned long long)entry->n);
    reader->pos = entry->value.at;
    for (uint64_t i = 0; i < entry->n; i++) {
        struct moe__gguf_span text;
        MOE__TRY(moe__gguf_text(reader, &text));
        strings[i] = moe__gguf_bytes(reader, text);
    }
    *out = strings;
    return MOE_OK;
}

static moe_status gguf_fill_meta(struct moe__gguf_reader *reader,
                                 struct moe__arena *arena,
                                 struct moe__meta *meta)
{
    struct gguf_entry entry;
    MOE__TRY(gguf_read_entry(reader, &entry));
    const struct moe__slice key = moe__gguf_bytes(reader, reader->name);
    meta->key = moe__arena_string(arena, (const char *)key.data, key.n);
    if (meta->key == NULL)
        return moe__fail(reader->err, MOE_ERR_NO_MEMORY,
                         "%s: no memory for the key",
                         moe__gguf_where(reader).text);
    meta->type = entry.type;
    meta->element_type = entry.element_type;
    meta->n = entry.n;
    meta->value = moe__gguf_bytes(reader, entry.value);
    if (entry.type == MOE_META_ARRAY && entry.element_type == MOE_META_STRING)
        return gguf_slice_strings(reader, &entry, arena, &meta->strings);
    return MOE_OK;
}

/* --------------------------------------------------------------- tensors */

static moe_status gguf_read_info(struct moe__gguf_reader *reader,
                                 struct gguf_info *info)
{
    *info = (struct gguf_info){.dims = {1, 1, 1, 1}};
    MOE__TRY(moe__gguf_name(reader, TENSOR_NAME_MAX));
    MOE__TRY(moe__gguf_u32(reader, "number of dims", &info->n_dims));
    if (info->n_dims > MOE__COUNT(info->dims))
        return moe__fail(reader->err, MOE_ERR_FORMAT,
                         "%s: %u dims, expected 4 at most",
                         moe__gguf_where(reader).text, (unsigned)info->n_dims);
    for (uint32_t i = 0; i < info->n_dims; i++)
        MOE__TRY(moe__gguf_count(reader, "dim", &info->dims[i]));
    MOE__TRY(moe__gguf_u32(reader, "tensor type", &info->type));
    return moe__gguf_u64(reader, "tensor offset", &info->offset);
}

static moe_status gguf_fill_tensor(struct moe__gguf_reader *reader,
                                   struct moe__arena *arena, uint64_t alignment,
                                   struct moe__tensor *tensor)
{
    struct gguf_info info;
    MOE__TRY(gguf_read_info(reader, &info));
    const struct moe__slice name = moe__gguf_bytes(reader, reader->name);
    tensor->name = moe__arena_string(arena, (const char *)name.data, name.n);
    if (tensor->name == NULL)
        return moe__fail(reader->err, MOE_ERR_NO_MEMORY,
                         "%s: no memory for the name",
                         moe__gguf_where(reader).text);
    if (moe__type_info(info.type) == NULL)
        return moe__fail(reader->err, MOE_ERR_UNSUPPORTED,
                         "tensor '%s': type %u is not a GGUF type libmoe knows",
                         tensor->name, (unsigned)info.type);
    tensor->type = (int32_t)info.type;
    tensor->n_dims = (int32_t)info.n_dims;
    memcpy(tensor->dims, info.dims, sizeof tensor->dims);
    tensor->offset = info.offset;
    return moe__tensor_place(tensor, reader->shard, alignment, reader->err);
}

static moe_status gguf_read_alignment(const struct moe__gguf *part,
                                      uint64_t *alignment, struct moe__err *err)
{
    *alignment = ALIGNMENT_DEFAULT;
    const struct moe__meta *meta = moe__meta_find(part, "general.alignment");
    if (meta == NULL)
        return MOE_OK;
    if (meta->type != MOE_META_U32)
        return moe__fail(err, MOE_ERR_FORMAT, "%s: expected u32, found %s",
                         meta->key, moe__meta_type_name(meta->type));
    const uint32_t value = moe__load_u32(meta->value.data);
    if (value == 0 || value > ALIGNMENT_MAX || (value & (value - 1)) != 0)
        return moe__fail(err, MOE_ERR_FORMAT,
                         "%s: expected a power of two from 1 to %d, found %u",
                         meta->key, ALIGNMENT_MAX, (unsigned)value);
    *alignment = value;
    return MOE_OK;
}

/* ----------------------------------------------------------------- tables */

/* Starts on record number i of a table. */
static void gguf_next_item(struct moe__gguf_reader *reader, const char *item,
                           uint64_t i)
{
    reader->item = item;
    reader->number = i + 1;
    reader->name = (struct moe__gguf_span){0, 0};
}

/* The whole header into memory; the cursor stays where it was. */
static moe_status gguf_walk(struct moe__gguf_reader *reader,
                            const struct gguf_counts *counts)
{
    const uint64_t start = reader->pos;
    for (uint64_t i = 0; i < counts->n_entries; i++) {
        struct gguf_entry entry;
        gguf_next_item(reader, "entry", i);
        MOE__TRY(gguf_read_entry(reader, &entry));
    }
    for (uint64_t i = 0; i < counts->n_tensors; i++) {
        struct gguf_info info;
        gguf_next_item(reader, "tensor", i);
        MOE__TRY(gguf_read_info(reader, &info));
    }
    reader->shard->data_offset = reader->pos;
    reader->pos = start;
    return MOE_OK;
}

static moe_status gguf_fill_entries(struct moe__gguf_reader *reader,
                                    struct moe__gguf *part,
                                    struct moe__arena *arena, uint64_t n)
{
    part->meta = moe__arena_alloc(arena, (size_t)n, sizeof *part->meta);
    if (part->meta == NULL)
        return moe__fail(reader->err, MOE_ERR_NO_MEMORY,
                         "no memory for %llu entries", (unsigned long long)n);
    part->n_meta = n;
    for (uint64_t i = 0; i < n; i++) {
        gguf_next_item(reader, "entry", i);
        MOE__TRY(gguf_fill_meta(reader, arena, &part->meta[i]));
    }
    return moe__meta_index(part, arena, reader->err);
}

static moe_status gguf_fill_tensors(struct moe__gguf_reader *reader,
                                    struct moe__arena *arena,
                                    uint64_t alignment, uint64_t n)
{
    struct moe__shard *shard = reader->shard;
    /* Maybe past the end: a vocabulary file ends with its last entry. */
    shard->data_offset =
        moe__align_size((size_t)shard->data_offset, (size_t)alignment);
    shard->tensors = moe__arena_alloc(arena, (size_t)n, sizeof *shard->tensors);
    if (shard->tensors == NULL)
        return moe__fail(reader->err, MOE_ERR_NO_MEMORY,
                         "no memory for %llu tensors", (unsigned long long)n);
    shard->n_tensors = n;
    for (uint64_t i = 0; i < n; i++) {
        gguf_next_item(reader, "tensor", i);
        MOE__TRY(
            gguf_fill_tensor(reader, arena, alignment, &shard->tensors[i]));
    }
    return MOE_OK;
}

moe_status moe__gguf_read(struct moe__gguf *part, struct moe__arena *arena,
                          struct moe__shard *shard, struct moe__err *err)
{
    struct moe__gguf_reader reader = {
        .mem = arena->mem, .shard = shard, .item = "header", .err = err};
    struct gguf_counts counts;
    MOE__TRY(gguf_read_magic(&reader));
    MOE__TRY(gguf_read_counts(&reader, &counts));
    MOE__TRY(gguf_walk(&reader, &counts));
    part->version = reader.version;
    MOE__TRY(gguf_fill_entries(&reader, part, arena, counts.n_entries));
    uint64_t alignment;
    MOE__TRY(gguf_read_alignment(part, &alignment, err));
    return gguf_fill_tensors(&reader, arena, alignment, counts.n_tensors);
}
