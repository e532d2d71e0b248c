/* gguf_builder.h: GGUF files for tests, made in memory.
 *
 *     struct gguf_builder b;
 *     build_begin(&b, 3);
 *     build_string(&b, "general.architecture", "llama");
 *     build_u32(&b, "llama.block_count", 1);
 *     build_tensor(&b, "output.weight", 0, 2, dims, data, n_bytes);
 *     size_t n;
 *     const uint8_t *file = build_finish(&b, &n);   valid until build_free
 *     build_free(&b);
 *
 * Apart from the library on purpose: it writes the format as the format says,
 * and checks nothing, so that it can also write nonsense.  The place of each
 * header field is kept for patches: build_field(&b, "array_length", 1).  The
 * kinds of fields: n_tensors n_entries, key_length value_type element_type
 * array_length string_length value (scalars; one for all numbers of an array),
 * name_length n_dims dim tensor_type tensor_offset. */
#ifndef MOE_GGUF_BUILDER_H
#define MOE_GGUF_BUILDER_H

#include "moe.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct build_bytes {
    uint8_t *data; /* [n] */
    size_t n;
    size_t cap;
};

struct build_field {
    const char *kind;
    size_t at;    /* in its part, after build_finish in the file */
    size_t bytes; /* of the field */
    int part;
};

enum { BUILD_HEAD, BUILD_ENTRIES, BUILD_INFOS, BUILD_DATA, BUILD_N_PARTS };

struct gguf_builder {
    uint32_t version;
    uint32_t alignment; /* of the data; build_u32 of the key is separate */
    uint64_t n_entries;
    uint64_t n_tensors;
    struct build_bytes parts[BUILD_N_PARTS];
    struct build_bytes file;
    struct build_field *fields; /* [n_fields] */
    size_t n_fields;
};

static inline void build_append(struct build_bytes *bytes, const void *data,
                                size_t n)
{
    if (n > bytes->cap - bytes->n) {
        bytes->cap = 2 * (bytes->n + n) + 256;
        bytes->data = (uint8_t *)realloc(bytes->data, bytes->cap);
        if (bytes->data == NULL)
            abort();
    }
    if (n > 0 && data)
        memcpy(bytes->data + bytes->n, data, n);
    else if (n > 0)
        memset(bytes->data + bytes->n, 0, n);
    bytes->n += n;
}

/* A little-endian number of 1 .. 8 bytes. */
static inline void patch_number(uint8_t *at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * i & 255);
}

/* Bytes of a field that starts here, remembered as `kind`. */
static inline void build_raw(struct gguf_builder *b, int part, const char *kind,
                             const void *data, size_t n)
{
    const size_t capacity = b->n_fields;
    if ((capacity & (capacity - 1)) == 0) { /* 0, or full at a power of two */
        const size_t room = capacity ? 2 * capacity : 1;
        b->fields =
            (struct build_field *)realloc(b->fields, room * sizeof *b->fields);
        if (b->fields == NULL)
            abort();
    }
    b->fields[b->n_fields++] =
        (struct build_field){kind, b->parts[part].n, n, part};
    build_append(&b->parts[part], data, n);
}

static inline void build_number(struct gguf_builder *b, int part,
                                const char *kind, uint64_t value, size_t bytes)
{
    uint8_t raw[8];
    patch_number(raw, value, bytes);
    build_raw(b, part, kind, raw, bytes);
}

/* A count, length or dim: 4 bytes in version 1. */
static inline void build_count(struct gguf_builder *b, int part,
                               const char *kind, uint64_t value)
{
    build_number(b, part, kind, value, b->version == 1 ? 4 : 8);
}

static inline void build_text(struct gguf_builder *b, int part,
                              const char *kind, const void *text, size_t n)
{
    build_count(b, part, kind, n);
    build_append(&b->parts[part], text, n);
}

static inline void build_begin(struct gguf_builder *b, uint32_t version)
{
    memset(b, 0, sizeof *b);
    b->version = version;
    b->alignment = 32;
}

/* --------------------------------------------------------------- entries */

static inline size_t build_type_bytes(moe_meta_type type)
{
    static const uint8_t bytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return bytes[type];
}

/* Key and type; the value is up to the caller. */
static inline void build_key(struct gguf_builder *b, const char *key,
                             moe_meta_type type)
{
    build_text(b, BUILD_ENTRIES, "key_length", key, strlen(key));
    build_number(b, BUILD_ENTRIES, "value_type", (uint64_t)type, 4);
    b->n_entries++;
}

/* Any integer or bool, or the bits of a float. */
static inline void build_bits(struct gguf_builder *b, const char *key,
                              moe_meta_type type, uint64_t bits)
{
    build_key(b, key, type);
    build_number(b, BUILD_ENTRIES, "value", bits, build_type_bytes(type));
}

static inline void build_u32(struct gguf_builder *b, const char *key,
                             uint32_t value)
{
    build_bits(b, key, MOE_META_U32, value);
}

static inline void build_f32(struct gguf_builder *b, const char *key,
                             float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    build_bits(b, key, MOE_META_F32, bits);
}

static inline void build_bool(struct gguf_builder *b, const char *key,
                              int value)
{
    build_bits(b, key, MOE_META_BOOL, (uint64_t)value);
}

static inline void build_string(struct gguf_builder *b, const char *key,
                                const char *text)
{
    build_key(b, key, MOE_META_STRING);
    build_text(b, BUILD_ENTRIES, "string_length", text, strlen(text));
}

static inline void build_array_head(struct gguf_builder *b, const char *key,
                                    moe_meta_type type, uint64_t n)
{
    build_key(b, key, MOE_META_ARRAY);
    build_number(b, BUILD_ENTRIES, "element_type", (uint64_t)type, 4);
    build_count(b, BUILD_ENTRIES, "array_length", n);
}

/* Numbers as they lie in memory (of a little-endian machine). */
static inline void build_array(struct gguf_builder *b, const char *key,
                               moe_meta_type type, const void *values,
                               uint64_t n)
{
    build_array_head(b, key, type, n);
    build_raw(b, BUILD_ENTRIES, "value", values,
              (size_t)n * build_type_bytes(type));
}

static inline void build_strings(struct gguf_builder *b, const char *key,
                                 const char *const *texts, uint64_t n)
{
    build_array_head(b, key, MOE_META_STRING, n);
    for (uint64_t i = 0; i < n; i++)
        build_text(b, BUILD_ENTRIES, "string_length", texts[i],
                   strlen(texts[i]));
}

/* --------------------------------------------------------------- tensors */

/* A record of the tensor list alone. */
static inline void build_info(struct gguf_builder *b, const char *name,
                              uint32_t type, uint32_t n_dims,
                              const uint64_t *dims, uint64_t offset)
{
    build_text(b, BUILD_INFOS, "name_length", name, strlen(name));
    build_number(b, BUILD_INFOS, "n_dims", n_dims, 4);
    for (uint32_t i = 0; i < n_dims; i++)
        build_count(b, BUILD_INFOS, "dim", dims[i]);
    build_number(b, BUILD_INFOS, "tensor_type", type, 4);
    build_number(b, BUILD_INFOS, "tensor_offset", offset, 8);
    b->n_tensors++;
}

static inline void build_align(struct build_bytes *bytes, size_t alignment)
{
    build_append(bytes, NULL, (alignment - bytes->n % alignment) % alignment);
}

/* A tensor and its data [n_bytes], NULL for zeros. */
static inline void build_tensor(struct gguf_builder *b, const char *name,
                                uint32_t type, uint32_t n_dims,
                                const uint64_t *dims, const void *data,
                                size_t n_bytes)
{
    build_align(&b->parts[BUILD_DATA], b->alignment);
    build_info(b, name, type, n_dims, dims, b->parts[BUILD_DATA].n);
    build_append(&b->parts[BUILD_DATA], data, n_bytes);
}

/* ---------------------------------------------------------------- result */

/* The file [*n]; it may be patched in place. */
static inline uint8_t *build_finish(struct gguf_builder *b, size_t *n)
{
    size_t starts[BUILD_N_PARTS];
    build_append(&b->parts[BUILD_HEAD], "GGUF", 4);
    build_number(b, BUILD_HEAD, "version", b->version, 4);
    build_count(b, BUILD_HEAD, "n_tensors", b->n_tensors);
    build_count(b, BUILD_HEAD, "n_entries", b->n_entries);
    for (int part = 0; part < BUILD_N_PARTS; part++) {
        if (part == BUILD_DATA && b->n_tensors > 0)
            build_align(&b->file, b->alignment);
        starts[part] = b->file.n;
        build_append(&b->file, b->parts[part].data, b->parts[part].n);
    }
    for (size_t i = 0; i < b->n_fields; i++)
        b->fields[i].at += starts[b->fields[i].part];
    *n = b->file.n;
    return b->file.data;
}

/* Field number i of a kind, in file order within a part; NULL past the last. */
static inline const struct build_field *
build_field(const struct gguf_builder *b, const char *kind, size_t i)
{
    for (size_t f = 0; f < b->n_fields; f++)
        if (strcmp(b->fields[f].kind, kind) == 0 && i-- == 0)
            return &b->fields[f];
    return NULL;
}

static inline void build_free(struct gguf_builder *b)
{
    for (int part = 0; part < BUILD_N_PARTS; part++)
        free(b->parts[part].data);
    free(b->file.data);
    free(b->fields);
    memset(b, 0, sizeof *b);
}

#endif
