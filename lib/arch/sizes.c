/* sizes.c: the sizes of a network, read from a file's metadata.
 *
 * Every number is hostile: each has bounds, every divisor is proven not zero,
 * products are checked before they are used.  Keys are those of the GGUF
 * specification; {family}. stands before all of them. */
#include "arch/arch.h"

#include <math.h>

/* Far above any model, far below what could overflow an int32 product. */
#define MAX_WIDTH (1 << 20)
#define MAX_FF (1 << 22)
#define MAX_HEADS (1 << 14)
#define MAX_LAYERS (1 << 14)
#define MAX_EXPERTS (1 << 16)
#define MAX_POSITIONS (1 << 30)

/* One whole number of the metadata. */
struct size_key {
    const char *key;
    size_t offset; /* of an int32_t in struct moe__net */
    int32_t min;
    int32_t max;
    bool is_required;
};

#define SIZE(field) offsetof(struct moe__net, field)

static const struct size_key size_keys[] = {
    {"block_count", SIZE(n_layers), 1, MAX_LAYERS, true},
    {"embedding_length", SIZE(d_model), 1, MAX_WIDTH, true},
    {"feed_forward_length", SIZE(d_ff), 1, MAX_FF, true},
    {"context_length", SIZE(n_ctx_train), 1, MAX_POSITIONS, true},
    {"attention.head_count", SIZE(n_heads), 1, MAX_HEADS, true},
    {"attention.head_count_kv", SIZE(n_kv_heads), 1, MAX_HEADS, false},
    {"attention.key_length", SIZE(d_head), 1, MAX_WIDTH, false},
    {"rope.dimension_count", SIZE(n_rot), 2, MAX_WIDTH, false},
    {"expert_count", SIZE(n_experts), 0, MAX_EXPERTS, false},
    {"expert_used_count", SIZE(n_active), 0, MAX_EXPERTS, false},
    {"attention.sliding_window", SIZE(window), 0, MAX_POSITIONS, false},
    {"attention.sliding_window_pattern", SIZE(window_period), 0, MAX_LAYERS,
     false},
};

struct float_key {
    const char *key;
    size_t offset; /* of a float in struct moe__net */
    bool is_required;
};

static const struct float_key float_keys[] = {
    {"attention.layer_norm_rms_epsilon", SIZE(eps), true},
    {"attention.scale", SIZE(attn_scale), false},
    {"attn_logit_softcapping", SIZE(attn_softcap), false},
    {"final_logit_softcapping", SIZE(logit_softcap), false},
    {"expert_weights_scale", SIZE(expert_scale), false},
};

/* Context of all readers in this file. */
struct size_reader {
    const struct moe__gguf *gguf;
    const char *family;
    struct moe__err *err;
};

/* A number, or an array of one number a layer that are all the same. */
static moe_status read_size(const struct size_reader *r,
                            const struct size_key *k, int32_t *out)
{
    const struct moe__meta *meta =
        moe__meta_find_in(r->gguf, r->family, k->key);
    if (meta == NULL && k->is_required)
        return moe__fail(r->err, MOE_ERR_FORMAT, "the metadata has no %s.%s",
                         r->family, k->key);
    if (meta == NULL)
        return MOE_OK;
    int64_t first = 0;
    uint64_t n = meta->type == MOE_META_ARRAY ? meta->n : 1;
    if (n == 0)
        return moe__fail(r->err, MOE_ERR_FORMAT, "%s: an empty array",
                         meta->key);
    for (uint64_t i = 0; i < n; i++) {
        int64_t value;
        MOE__TRY(moe__meta_i64(meta, i, k->min, k->max, &value, r->err));
        if (i == 0)
            first = value;
        if (value != first)
            return moe__fail(r->err, MOE_ERR_UNSUPPORTED,
                             "%s: layers of different sizes (%lld and %lld) "
                             "are not supported",
                             meta->key, (long long)first, (long long)value);
    }
    *out = (int32_t)first;
    return MOE_OK;
}

static moe_status read_number(const struct size_reader *r, const char *key,
                              double *out)
{
    const struct moe__meta *meta = moe__meta_find_in(r->gguf, r->family, key);
    if (meta == NULL)
        return MOE_OK;
    double value;
    MOE__TRY(moe__meta_f64(meta, 0, &value, r->err));
    if (!(value >= 0 && value <= 1e30))
        return moe__fail(r->err, MOE_ERR_FORMAT,
                         "%s: expected a number from 0 to 1e30, found %g",
                         meta->key, value);
    *out = value;
    return MOE_OK;
}

static moe_status read_scaling(const struct size_reader *r,
                               struct moe__rope_params *rope)
{
    static const struct {
        const char *name;
        enum moe__rope_scaling scaling;
    } kinds[] = {
        {"none", MOE__SCALING_NONE},
        {"linear", MOE__SCALING_LINEAR},
        {"yarn", MOE__SCALING_YARN},
        {"longrope", MOE__SCALING_LONGROPE},
    };
    const struct moe__meta *meta =
        moe__meta_find_in(r->gguf, r->family, "rope.scaling.type");
    if (meta == NULL) {
        rope->scaling = MOE__SCALING_LINEAR;
        return MOE_OK;
    }
    struct moe__slice name;
    MOE__TRY(moe__meta_string(meta, 0, &name, r->err));
    for (size_t i = 0; i < MOE__COUNT(kinds); i++)
        if (moe__slice_is(name, kinds[i].name)) {
            rope->scaling = kinds[i].scaling;
            return MOE_OK;
        }
    return moe__fail(r->err, MOE_ERR_UNSUPPORTED,
                     "%s: expected none, linear, yarn or longrope, found "
                     "'%.*s'",
                     meta->key,
                     (int)moe__min_i32((int32_t)(name.n & 0xffff), 40),
                     (const char *)name.data);
}

static moe_status read_rope(const struct size_reader *r, struct moe__net *net)
{
    struct moe__rope_params *rope = &net->rope[MOE__ROPE_GLOBAL];
    const struct moe__family *family = net->family;
    *rope = (struct moe__rope_params){.base = 10000.0,
                                      .factor = 1,
                                      .original_ctx = net->n_ctx_train,
                                      .attn_factor = 1,
                                      .beta_fast = 32,
                                      .beta_slow = 1};
    double local_base = family->local_rope_base;
    MOE__TRY(read_number(r, "rope.freq_base", &rope->base));
    MOE__TRY(read_number(r, "rope.freq_base_swa", &local_base));
    MOE__TRY(read_number(r, "rope.scale_linear", &rope->factor));
    MOE__TRY(read_number(r, "rope.scaling.factor", &rope->factor));
    MOE__TRY(read_number(r, "rope.scaling.attn_factor", &rope->attn_factor));
    MOE__TRY(read_number(r, "rope.scaling.yarn_beta_fast", &rope->beta_fast));
    MOE__TRY(read_number(r, "rope.scaling.yarn_beta_slow", &rope->beta_slow));
    MOE__TRY(read_number(r, "rope.scaling.original_context_length",
                         &rope->original_ctx));
    MOE__TRY(read_scaling(r, rope));
    if (rope->factor == 0) /* written by converters for "no scaling" */
        rope->factor = 1;
    if (rope->base <= 1 || rope->original_ctx < 1 || rope->beta_slow <= 0 ||
        rope->beta_fast <= 0)
        return moe__fail(r->err, MOE_ERR_FORMAT,
                         "%s.rope: base %g, original context %g and beta %g "
                         "%g must be positive, the base above 1",
                         r->family, rope->base, rope->original_ctx,
                         rope->beta_fast, rope->beta_slow);
    net->rope[MOE__ROPE_LOCAL] =
        (struct moe__rope_params){.base = local_base,
                                  .scaling = MOE__SCALING_NONE,
                                  .factor = 1,
                                  .original_ctx = rope->original_ctx,
                                  .attn_factor = 1};
    return MOE_OK;
}

/* Relations between the numbers, and what follows from them. */
static moe_status check_heads(const struct size_reader *r, struct moe__net *net)
{
    if (net->n_kv_heads == 0)
        net->n_kv_heads = net->n_heads;
    if (net->n_heads % net->n_kv_heads != 0)
        return moe__fail(r->err, MOE_ERR_FORMAT,
                         "%s.attention: %d query heads cannot share %d "
                         "key/value heads evenly",
                         r->family, net->n_heads, net->n_kv_heads);
    if (net->d_head == 0 && net->d_model % net->n_heads != 0)
        return moe__fail(r->err, MOE_ERR_FORMAT,
                         "%s: embedding_length %d is not a multiple of "
                         "head_count %d",
                         r->family, net->d_model, net->n_heads);
    if (net->d_head == 0)
        net->d_head = net->d_model / net->n_heads;
    if (net->n_rot == 0)
        net->n_rot = net->d_head;
    if (net->n_rot > net->d_head || net->n_rot % 2 != 0)
        return moe__fail(r->err, MOE_ERR_FORMAT,
                         "%s.rope.dimension_count: expected an even number "
                         "up to the head size %d, found %d",
                         r->family, net->d_head, net->n_rot);
    int64_t width = (int64_t)net->n_heads * net->d_head;
    if (width > MAX_WIDTH)
        return moe__fail(r->err, MOE_ERR_FORMAT,
                         "%s: %d heads of %d are wider than %d", r->family,
                         net->n_heads, net->d_head, MAX_WIDTH);
    net->q_width = (int32_t)width;
    net->kv_width = net->n_kv_heads * net->d_head;
    return MOE_OK;
}

static bool family_has_part(const struct moe__family *family,
                            const struct moe__part *part)
{
    for (int32_t i = 0; i < MOE__MAX_PARTS; i++)
        if (family->parts[i] == part)
            return true;
    return false;
}

static moe_status check_experts(const struct size_reader *r,
                                struct moe__net *net)
{
    if (net->n_experts == 0) {
        net->n_active = 0;
        return MOE_OK;
    }
    if (!family_has_part(net->family, &moe__part_experts))
        return moe__fail(r->err, MOE_ERR_UNSUPPORTED,
                         "%s.expert_count is %d, but this family has no "
                         "experts",
                         r->family, net->n_experts);
    if (net->n_active < 1 || net->n_active > net->n_experts)
        return moe__fail(r->err, MOE_ERR_FORMAT,
                         "%s.expert_used_count: expected 1 to %d "
                         "(expert_count), found %d",
                         r->family, net->n_experts, net->n_active);
    const struct size_key d_expert = {"expert_feed_forward_length", SIZE(d_ff),
                                      1, MAX_FF, false};
    return read_size(r, &d_expert, &net->d_ff);
}

/* value_length is not a field: the families at hand have it equal. */
static moe_status check_value_length(const struct size_reader *r,
                                     const struct moe__net *net)
{
    const struct size_key key = {"attention.value_length", 0, 1, MAX_WIDTH,
                                 false};
    int32_t d_value = net->d_head;
    MOE__TRY(read_size(r, &key, &d_value));
    if (d_value != net->d_head)
        return moe__fail(r->err, MOE_ERR_UNSUPPORTED,
                         "%s.attention.value_length %d differs from the key "
                         "length %d",
                         r->family, d_value, net->d_head);
    return MOE_OK;
}

static void choose_scales(struct moe__net *net)
{
    const struct moe__family *family = net->family;
    if (net->attn_scale == 0) {
        float width = net->n_layers == family->wide_scale_n_layers
                          ? (float)net->d_model / (float)net->n_heads
                          : (float)net->d_head;
        net->attn_scale = 1.0f / sqrtf(width);
    }
    net->embed_scale =
        family->is_embed_scaled ? sqrtf((float)net->d_model) : 1.0f;
    if (net->expert_scale == 0)
        net->expert_scale = 1.0f;
    if (family->window == MOE__WINDOW_NEVER)
        net->window = 0;
    if (family->window != MOE__WINDOW_PERIOD)
        net->window_period = 0;
    else if (net->window_period == 0)
        net->window_period = family->window_period;
}

static moe_status find_family(struct moe__net *net,
                              const struct moe__gguf *gguf,
                              struct moe__err *err)
{
    const struct moe__meta *meta = moe__meta_find(gguf, "general.architecture");
    struct moe__slice name;
    if (meta == NULL)
        return moe__fail(err, MOE_ERR_FORMAT,
                         "the metadata has no general.architecture");
    MOE__TRY(moe__meta_string(meta, 0, &name, err));
    net->family = moe__family_find(name);
    if (net->family == NULL)
        return moe__fail(err, MOE_ERR_UNSUPPORTED,
                         "model family '%.*s' is not supported (supported: "
                         "%s)",
                         name.n < 40 ? (int)name.n : 40,
                         (const char *)name.data, moe__family_names());
    return MOE_OK;
}

moe_status moe__net_sizes(struct moe__net *net, const struct moe__gguf *gguf,
                          struct moe__err *err)
{
    memset(net, 0, sizeof *net);
    MOE__TRY(find_family(net, gguf, err));
    const struct size_reader r = {gguf, net->family->name, err};
    for (size_t i = 0; i < MOE__COUNT(size_keys); i++)
        MOE__TRY(read_size(&r, &size_keys[i],
                           (int32_t *)((char *)net + size_keys[i].offset)));
    for (size_t i = 0; i < MOE__COUNT(float_keys); i++) {
        const struct float_key *k = &float_keys[i];
        double value = 0;
        if (k->is_required && !moe__meta_find_in(gguf, r.family, k->key))
            return moe__fail(err, MOE_ERR_FORMAT, "the metadata has no %s.%s",
                             r.family, k->key);
        MOE__TRY(read_number(&r, k->key, &value));
        *(float *)((char *)net + k->offset) = (float)value;
    }
    MOE__TRY(check_heads(&r, net));
    MOE__TRY(check_value_length(&r, net));
    MOE__TRY(check_experts(&r, net));
    MOE__TRY(read_rope(&r, net));
    choose_scales(net);
    return MOE_OK;
}
