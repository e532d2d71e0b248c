/* Binding: every key and every tensor of a model left out, of another size or
 * of another type: a sentence that names it, and nothing else. */
#include "arch/arch.h"

#include "gguf_builder.h"
#include "test.h"

/* A dense model of one layer: 8 wide, 2 heads of 4, 16 hidden, 5 words. */
static const struct part {
    const char *name;
    uint32_t n_dims;
    uint64_t dims[3];
} parts[] = {
    {"token_embd.weight", 2, {8, 5, 1}},
    {"output_norm.weight", 1, {8, 1, 1}},
    {"output.weight", 2, {8, 5, 1}},
    {"blk.0.attn_norm.weight", 1, {8, 1, 1}},
    {"blk.0.attn_q.weight", 2, {8, 8, 1}},
    {"blk.0.attn_k.weight", 2, {8, 8, 1}},
    {"blk.0.attn_v.weight", 2, {8, 8, 1}},
    {"blk.0.attn_output.weight", 2, {8, 8, 1}},
    {"blk.0.ffn_norm.weight", 1, {8, 1, 1}},
    {"blk.0.ffn_gate.weight", 2, {8, 16, 1}},
    {"blk.0.ffn_up.weight", 2, {8, 16, 1}},
    {"blk.0.ffn_down.weight", 2, {16, 8, 1}},
};

#define N_PARTS ((int)(sizeof parts / sizeof *parts))

static const char *const required_keys[] = {
    "block_count",          "embedding_length",
    "feed_forward_length",  "context_length",
    "attention.head_count", "attention.layer_norm_rms_epsilon",
};

/* What is different from the sound model. */
struct change {
    const char *no_key;
    int no_part;    /* index + 1 */
    int wide_part;  /* index + 1: dims[0] one block more */
    int tall_part;  /* index + 1: one more dim of 2 */
    int typed_part; /* index + 1: of type `type` */
    uint32_t type;
    const char *extra_part;
    const uint32_t *lengths; /* feed_forward_length as an array */
    uint64_t n_lengths;
};

static void build_key_of_model(struct gguf_builder *b, const struct change *c,
                               const char *key, uint32_t value)
{
    char full[100];
    if (c->no_key != NULL && strcmp(c->no_key, key) == 0)
        return;
    snprintf(full, sizeof full, "llama.%s", key);
    if (strcmp(key, "feed_forward_length") == 0 && c->n_lengths > 0)
        build_array(b, full, MOE_META_U32, c->lengths, c->n_lengths);
    else if (strcmp(key, "attention.layer_norm_rms_epsilon") == 0)
        build_f32(b, full, 1e-5f);
    else
        build_u32(b, full, value);
}

static void build_model(struct gguf_builder *b, const struct change *c)
{
    build_begin(b, 3);
    build_string(b, "general.architecture", "llama");
    build_key_of_model(b, c, "block_count", 1);
    build_key_of_model(b, c, "embedding_length", 8);
    build_key_of_model(b, c, "feed_forward_length", 16);
    build_key_of_model(b, c, "context_length", 32);
    build_key_of_model(b, c, "attention.head_count", 2);
    build_key_of_model(b, c, "attention.layer_norm_rms_epsilon", 0);
    for (int i = 0; i < N_PARTS; i++) {
        uint64_t dims[3];
        uint32_t n_dims = parts[i].n_dims, type = MOE__F32;
        memcpy(dims, parts[i].dims, sizeof dims);
        if (c->no_part == i + 1)
            continue;
        dims[0] += c->wide_part == i + 1;
        if (c->tall_part == i + 1)
            dims[n_dims++] = 2;
        if (c->typed_part == i + 1) {
            type = c->type;
            dims[0] = 256;
        }
        build_tensor(b, parts[i].name, type, n_dims, dims, NULL,
                     (size_t)(dims[0] * dims[1] * dims[2]) * 4);
    }
    const uint64_t extra_dims[1] = {8};
    if (c->extra_part != NULL)
        build_tensor(b, c->extra_part, MOE__F32, 1, extra_dims, NULL, 32);
}

struct memory {
    const uint8_t *data;
    size_t n;
};

static int32_t read_memory(void *user, uint64_t offset, void *dst, size_t n)
{
    const struct memory *m = user;
    memcpy(dst, m->data + offset, n);
    return 0;
}

/* Binds the changed model; the sentence goes to `message` [252]. */
static moe_status bind_changed(struct change c, char *message)
{
    struct gguf_builder b;
    struct memory file;
    struct moe__mem mem;
    struct moe__gguf gguf;
    struct moe__arena arena;
    struct moe__net net;
    struct moe__err err = {0};
    const struct moe__gguf_options options = {0};
    build_model(&b, &c);
    file.data = build_finish(&b, &file.n);
    moe_source source = {sizeof source, &file, file.n, read_memory, NULL};
    moe__mem_init(&mem, NULL);
    moe__arena_init(&arena, &mem);
    moe_status status =
        moe__gguf_open_sources(&gguf, &mem, &source, 1, &options, &err);
    if (status == MOE_OK) {
        status = moe__net_bind(&net, &gguf, &arena, &err);
        moe__gguf_close(&gguf);
    }
    moe__arena_free(&arena);
    CHECK(atomic_load(&mem.live_bytes) == 0);
    build_free(&b);
    snprintf(message, 252, "%s", err.message);
    return status;
}

static void the_sound_model_binds(void)
{
    char message[252];
    CHECK(bind_changed((struct change){0}, message) == MOE_OK, "%s", message);
}

static void each_missing_key_is_named(void)
{
    char message[252];
    for (size_t i = 0; i < MOE__COUNT(required_keys); i++) {
        CHECK(bind_changed((struct change){.no_key = required_keys[i]},
                           message) == MOE_ERR_FORMAT);
        CHECK(strstr(message, required_keys[i]) != NULL, "%s", message);
    }
}

/* The output matrix may be missing: then the embedding is the head. */
static void each_missing_tensor_is_named(void)
{
    char message[252];
    for (int i = 0; i < N_PARTS; i++) {
        moe_status status =
            bind_changed((struct change){.no_part = i + 1}, message);
        if (strcmp(parts[i].name, "output.weight") == 0)
            CHECK(status == MOE_OK, "%s", message);
        else
            CHECK(status == MOE_ERR_TENSOR &&
                      strstr(message, parts[i].name) != NULL,
                  "%s: %s", parts[i].name, message);
    }
}

static void each_wrong_shape_is_named_with_both_shapes(void)
{
    char message[252];
    for (int i = 0; i < N_PARTS; i++) {
        const struct change changes[2] = {{.wide_part = i + 1},
                                          {.tall_part = i + 1}};
        for (int c = 0; c < 2; c++)
            CHECK(bind_changed(changes[c], message) == MOE_ERR_TENSOR &&
                      strstr(message, parts[i].name) != NULL &&
                      strstr(message, "expected [") != NULL,
                  "%s: %s", parts[i].name, message);
    }
}

/* Every type in the place of every tensor: nothing but a sentence. */
static void each_type_in_each_place(void)
{
    char message[252];
    for (int i = 0; i < N_PARTS; i++)
        for (uint32_t type = 0; type < 50; type++) {
            const struct change c = {.typed_part = i + 1, .type = type};
            CHECK(bind_changed(c, message) != MOE_OK && message[0] != 0,
                  "%s as %u", parts[i].name, type);
        }
}

static void an_unknown_tensor_is_not_ignored(void)
{
    char message[252];
    const struct change c = {.extra_part = "blk.0.attn_sinks.weight"};
    CHECK(bind_changed(c, message) == MOE_ERR_UNSUPPORTED);
    CHECK(strcmp(message, "tensor 'blk.0.attn_sinks.weight' is no part of "
                          "family 'llama' as libmoe knows it") == 0,
          "%s", message);
}

/* Numbers in names are never parsed: a name is the expected one or unknown. */
static void layer_numbers_at_their_edges(void)
{
    static const char *const names[] = {
        "blk.-0.attn_q.weight",
        "blk.+0.attn_q.weight",
        "blk.00.attn_q.weight",
        "blk.1.attn_q.weight",
        "blk.536870912.attn_q.weight",
        "blk.2147483648.attn_q.weight",
        "blk.4294967296.attn_q.weight",
        "blk.18446744073709551616.attn_q.weight",
        "blk..attn_q.weight",
    };
    char message[252];
    for (size_t i = 0; i < MOE__COUNT(names); i++) {
        const struct change c = {.extra_part = names[i]};
        CHECK(bind_changed(c, message) == MOE_ERR_TENSOR &&
                  strstr(message, "the file has 13 tensors") != NULL,
              "%s: %s", names[i], message);
    }
}

/* A size for each layer: equal ones are a size, others are refused. */
static void arrays_of_sizes_by_layer(void)
{
    static uint32_t lengths[10000];
    char message[252];
    for (size_t i = 0; i < MOE__COUNT(lengths); i++)
        lengths[i] = 16;
    struct change c = {.lengths = lengths, .n_lengths = 1};
    CHECK(bind_changed(c, message) == MOE_OK, "%s", message);
    c.n_lengths = MOE__COUNT(lengths);
    CHECK(bind_changed(c, message) == MOE_OK, "%s", message);
    lengths[9999] = 17;
    CHECK(bind_changed(c, message) == MOE_ERR_UNSUPPORTED &&
              strstr(message, "layers of different sizes") != NULL,
          "%s", message);
    lengths[9999] = 0;
    CHECK(bind_changed(c, message) == MOE_ERR_FORMAT, "%s", message);
}

static const struct test tests[] = {
    {"the_sound_model_binds", the_sound_model_binds},
    {"each_missing_key_is_named", each_missing_key_is_named},
    {"each_missing_tensor_is_named", each_missing_tensor_is_named},
    {"each_wrong_shape_is_named_with_both_shapes",
     each_wrong_shape_is_named_with_both_shapes},
    {"each_type_in_each_place", each_type_in_each_place},
    {"an_unknown_tensor_is_not_ignored", an_unknown_tensor_is_not_ignored},
    {"layer_numbers_at_their_edges", layer_numbers_at_their_edges},
    {"arrays_of_sizes_by_layer", arrays_of_sizes_by_layer},
};

TEST_MAIN(tests)
