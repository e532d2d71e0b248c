/* bind.c: walks a family's table, finds each tensor, checks its shape, and
 * fills the net.  A tensor of the file that no rule takes is an error: what is
 * not computed must not be ignored. */
#include "arch/arch.h"

#define NAME_CAP 96

struct binder {
    struct moe__net *net;
    const struct moe__gguf *gguf;
    struct moe__arena *arena;
    struct moe__err *err;
    uint64_t n_taken; /* tensors bound so far */
};

static int64_t dim_size(const struct moe__net *net, enum moe__dim dim)
{
    const int64_t sizes[MOE__N_DIMS] = {
        [MOE__DIM_NONE] = 1,
        [MOE__DIM_MODEL] = net->d_model,
        [MOE__DIM_Q] = net->q_width,
        [MOE__DIM_KV] = net->kv_width,
        [MOE__DIM_HEAD] = net->d_head,
        [MOE__DIM_FF] = net->d_ff,
        [MOE__DIM_EXPERTS] = net->n_experts,
        [MOE__DIM_VOCAB] = net->n_vocab,
        [MOE__DIM_HALF_ROT] = net->n_rot / 2,
    };
    return sizes[dim];
}

static moe_status check_shape(const struct binder *b,
                              const struct moe__tensor *tensor,
                              const struct moe__rule *rule, int64_t depth)
{
    int64_t cols = dim_size(b->net, rule->cols);
    int64_t rows = dim_size(b->net, rule->rows);
    if (tensor->dims[0] == (uint64_t)cols &&
        tensor->dims[1] == (uint64_t)rows &&
        tensor->dims[2] == (uint64_t)depth && tensor->dims[3] == 1)
        return MOE_OK;
    return moe__fail(b->err, MOE_ERR_TENSOR,
                     "%s: expected [%lld, %lld, %lld], the file has [%llu, "
                     "%llu, %llu, %llu]",
                     tensor->name, (long long)cols, (long long)rows,
                     (long long)depth, (unsigned long long)tensor->dims[0],
                     (unsigned long long)tensor->dims[1],
                     (unsigned long long)tensor->dims[2],
                     (unsigned long long)tensor->dims[3]);
}

/* Matrix number `index` of the tensor's third dimension. */
static moe_status make_mat(const struct binder *b, struct moe__mat *mat,
                           const struct moe__tensor *tensor, int64_t index)
{
    const struct moe__type_info *type = moe__type_info(tensor->type);
    if (type->operand == MOE__OPERAND_NONE)
        return moe__fail(b->err, MOE_ERR_UNSUPPORTED,
                         "%s: weights of type %s can be read but not "
                         "multiplied",
                         tensor->name, type->name);
    mat->type = tensor->type;
    mat->n_cols = (int32_t)tensor->dims[0];
    mat->n_rows = (int32_t)tensor->dims[1];
    if (!moe__row_bytes(tensor->type, tensor->dims[0], &mat->row_bytes))
        return moe__fail(b->err, MOE_ERR_TENSOR,
                         "%s: rows of %d are not whole blocks of %s",
                         tensor->name, mat->n_cols, type->name);
    if (tensor->data != NULL)
        mat->data = tensor->data +
                    (uint64_t)index * mat->row_bytes * (uint64_t)mat->n_rows;
    return MOE_OK;
}

/* Vectors are small: decoded once, so that kernels see aligned floats. */
static moe_status make_vector(const struct binder *b, float **out,
                              const struct moe__tensor *tensor)
{
    size_t n = (size_t)tensor->dims[0];
    if (tensor->type != MOE__F32 && tensor->type != MOE__F16 &&
        tensor->type != MOE__BF16)
        return moe__fail(b->err, MOE_ERR_TENSOR,
                         "%s: expected F32, F16 or BF16, found %s",
                         tensor->name, moe__type_info(tensor->type)->name);
    *out = moe__arena_alloc(b->arena, n, sizeof **out);
    if (*out == NULL)
        return moe__fail(b->err, MOE_ERR_NO_MEMORY,
                         "%s: no memory for %zu "
                         "floats",
                         tensor->name, n);
    if (tensor->data != NULL)
        moe__decode(tensor->type, *out, tensor->data, n);
    return MOE_OK;
}

/* One tensor for each expert: blk.0.ffn_gate.7.weight. */
static moe_status bind_split_experts(struct binder *b,
                                     const struct moe__rule *rule,
                                     int32_t layer, struct moe__ffn *experts)
{
    for (int32_t e = 0; e < b->net->n_experts; e++) {
        char name[NAME_CAP];
        moe__format(name, sizeof name, "blk.%d.%s.%d.weight", layer,
                    rule->split, e);
        const struct moe__tensor *tensor = moe__tensor_find(b->gguf, name);
        if (tensor == NULL)
            return moe__fail(b->err, MOE_ERR_TENSOR,
                             "the file has neither "
                             "tensor 'blk.%d.%s' nor '%s'",
                             layer, rule->name, name);
        MOE__TRY(check_shape(b, tensor, rule, 1));
        void *slot = (char *)&experts[e] + rule->offset;
        MOE__TRY(make_mat(b, slot, tensor, 0));
        b->n_taken++;
    }
    return MOE_OK;
}

static moe_status bind_experts(struct binder *b, const struct moe__rule *rule,
                               const struct moe__tensor *tensor, int32_t layer)
{
    struct moe__layer *to = &b->net->layers[layer];
    int32_t n = b->net->n_experts;
    if (tensor != NULL)
        MOE__TRY(check_shape(b, tensor, rule, n));
    if (to->experts == NULL)
        to->experts =
            moe__arena_alloc(b->arena, (size_t)n, sizeof *to->experts);
    if (to->experts == NULL)
        return moe__fail(b->err, MOE_ERR_NO_MEMORY,
                         "no memory for the table of %d experts", n);
    if (tensor == NULL)
        return bind_split_experts(b, rule, layer, to->experts);
    for (int32_t e = 0; e < n; e++) {
        void *slot = (char *)&to->experts[e] + rule->offset;
        MOE__TRY(make_mat(b, slot, tensor, e));
    }
    b->n_taken++;
    return MOE_OK;
}

/* layer -1: a tensor of the whole net. */
static moe_status bind_rule(struct binder *b, const struct moe__rule *rule,
                            int32_t layer)
{
    bool is_moe = b->net->n_experts > 0;
    if ((rule->flags & MOE__RULE_DENSE && is_moe) ||
        (rule->flags & MOE__RULE_MOE && !is_moe))
        return MOE_OK;
    char name[NAME_CAP];
    if (layer < 0)
        moe__format(name, sizeof name, "%s", rule->name);
    else
        moe__format(name, sizeof name, "blk.%d.%s", layer, rule->name);
    const struct moe__tensor *tensor = moe__tensor_find(b->gguf, name);
    if (rule->kind == MOE__RULE_EXPERTS)
        return bind_experts(b, rule, tensor, layer);
    if (tensor == NULL && rule->flags & MOE__RULE_OPTIONAL)
        return MOE_OK;
    if (tensor == NULL)
        return moe__fail(b->err, MOE_ERR_TENSOR, "the file has no tensor '%s'",
                         name);
    MOE__TRY(check_shape(b, tensor, rule, 1));
    b->n_taken++;
    void *base = layer < 0 ? (void *)b->net : &b->net->layers[layer];
    void *slot = (char *)base + rule->offset;
    return rule->kind == MOE__RULE_VECTOR ? make_vector(b, slot, tensor)
                                          : make_mat(b, slot, tensor, 0);
}

static moe_status bind_parts(struct binder *b)
{
    const struct moe__family *family = b->net->family;
    for (int32_t p = 0; p < MOE__MAX_PARTS && family->parts[p] != NULL; p++) {
        const struct moe__part *part = family->parts[p];
        int32_t first = part->is_per_layer ? 0 : -1;
        int32_t end = part->is_per_layer ? b->net->n_layers : 0;
        for (int32_t layer = first; layer < end; layer++)
            for (int32_t i = 0; i < part->n_rules; i++)
                MOE__TRY(bind_rule(b, &part->rules[i], layer));
    }
    return MOE_OK;
}

/* The rows of the embedding are the vocabulary that logits are about. */
static moe_status count_vocab(struct binder *b)
{
    const struct moe__tensor *tensor =
        moe__tensor_find(b->gguf, "token_embd.weight");
    if (tensor == NULL)
        return moe__fail(b->err, MOE_ERR_TENSOR,
                         "the file has no tensor 'token_embd.weight'");
    if (tensor->dims[1] > 1 << 24)
        return moe__fail(b->err, MOE_ERR_TENSOR,
                         "token_embd.weight: expected at most 2^24 rows, the "
                         "file has %llu",
                         (unsigned long long)tensor->dims[1]);
    b->net->n_vocab = (int32_t)tensor->dims[1];
    return MOE_OK;
}

/* Which layers see a window, which rotate, and with which table. */
static void choose_layers(struct moe__net *net)
{
    const struct moe__family *family = net->family;
    for (int32_t i = 0; i < net->n_layers; i++) {
        struct moe__layer *layer = &net->layers[i];
        bool sees_all = net->window_period > 0 &&
                        i % net->window_period == net->window_period - 1;
        layer->window = sees_all ? 0 : net->window;
        layer->rope = layer->window > 0 && family->local_rope_base > 0
                          ? MOE__ROPE_LOCAL
                          : MOE__ROPE_GLOBAL;
        if (family->no_rope_period > 0 &&
            i % family->no_rope_period == family->no_rope_period - 1)
            layer->rope = MOE__ROPE_NONE;
    }
}

/* Names the first tensor that no rule took. */
static moe_status check_all_taken(const struct binder *b)
{
    if (b->n_taken == b->gguf->n_tensors)
        return MOE_OK;
    for (uint64_t t = 0; t < b->gguf->n_tensors; t++) {
        const char *name = b->gguf->tensors[t].name;
        bool is_known = false;
        const struct moe__family *family = b->net->family;
        for (int32_t p = 0; p < MOE__MAX_PARTS && family->parts[p]; p++)
            for (int32_t i = 0; i < family->parts[p]->n_rules; i++) {
                const struct moe__rule *rule = &family->parts[p]->rules[i];
                size_t n = strlen(name), m = strlen(rule->name);
                is_known |= n >= m && strcmp(name + n - m, rule->name) == 0;
            }
        if (!is_known)
            return moe__fail(b->err, MOE_ERR_UNSUPPORTED,
                             "tensor '%s' is no part of family '%s' as "
                             "libmoe knows it",
                             name, family->name);
    }
    return moe__fail(b->err, MOE_ERR_TENSOR,
                     "the file has %llu tensors, a model of family '%s' with "
                     "its sizes has %llu",
                     (unsigned long long)b->gguf->n_tensors,
                     b->net->family->name, (unsigned long long)b->n_taken);
}

moe_status moe__net_bind(struct moe__net *net, const struct moe__gguf *gguf,
                         struct moe__arena *arena, struct moe__err *err)
{
    MOE__TRY(moe__net_sizes(net, gguf, err));
    struct binder b = {net, gguf, arena, err, 0};
    MOE__TRY(count_vocab(&b));
    /* Each layer has tensors of its own, so a claimed number of layers is
     * backed by the file before memory is asked for. */
    if ((uint64_t)net->n_layers > gguf->n_tensors)
        return moe__fail(err, MOE_ERR_TENSOR,
                         "%s.block_count is %d, the file has %llu tensors",
                         net->family->name, net->n_layers,
                         (unsigned long long)gguf->n_tensors);
    net->layers =
        moe__arena_alloc(arena, (size_t)net->n_layers, sizeof *net->layers);
    if (net->layers == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for %d layers",
                         net->n_layers);
    MOE__TRY(bind_parts(&b));
    MOE__TRY(check_all_taken(&b));
    if (net->output.n_rows == 0)
        net->output = net->embed;
    choose_layers(net);
    return MOE_OK;
}
