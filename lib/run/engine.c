/* engine.c: the sizes and the memory of a forward pass.
 *
 * One function, engine_carve, lays out all scratch memory; it runs once without
 * memory to learn the size, so that a plan and the truth cannot differ. */
#include "run/run.h"

/* Hands out 64-byte aligned pieces of one block; base NULL only counts. */
struct carver {
    uint8_t *base;
    size_t used;
    bool is_too_large;
};

static void *carve(struct carver *c, size_t n, size_t size)
{
    size_t bytes, end;
    if (!moe__mul_size(n, size, &bytes) ||
        bytes > SIZE_MAX - c->used - MOE__ALIGN) {
        c->is_too_large = true;
        return NULL;
    }
    void *at = c->base == NULL ? NULL : c->base + c->used;
    end = moe__align_size(c->used + bytes, MOE__ALIGN);
    c->used = end;
    return at;
}

/* Activations of n rows of `width`, in the forms of the mask.  An odd stride
 * spreads the rows over all sets of a cache; with a power of two, rows of the
 * same columns would drive each other out. */
static void carve_acts(struct carver *c, struct moe__acts *acts, size_t n,
                       int32_t width)
{
    size_t stride = (moe__align_size((size_t)width, 256) / 256 | 1) * 256;
    for (int32_t o = MOE__OPERAND_F32; o <= MOE__OPERAND_A256; o++) {
        struct moe__act *act = &acts->by[o];
        act->operand = (enum moe__operand)o;
        act->stride = (int32_t)stride;
        if (!(acts->mask & 1u << o))
            continue;
        if (o == MOE__OPERAND_F32) {
            act->x = carve(c, n * stride, sizeof *act->x);
            continue;
        }
        size_t block = o == MOE__OPERAND_A32 ? 32 : 256;
        act->q = carve(c, n * stride, sizeof *act->q);
        act->scale = carve(c, n * stride / block, sizeof *act->scale);
        act->sum = carve(c, n * stride / 16, sizeof *act->sum);
    }
}

static uint32_t operand_bit(const struct moe__mat *mat)
{
    return mat->n_rows == 0 ? 0 : 1u << moe__type_info(mat->type)->operand;
}

/* Which forms of activations the weights of this net read. */
static void find_operands(struct moe__engine *e)
{
    const struct moe__net *net = e->net;
    e->in.mask = operand_bit(&net->output);
    for (int32_t i = 0; i < net->n_layers; i++) {
        const struct moe__layer *l = &net->layers[i];
        e->in.mask |= operand_bit(&l->q) | operand_bit(&l->k) |
                      operand_bit(&l->v) | operand_bit(&l->router);
        e->mid.mask |= operand_bit(&l->o);
        int32_t n = l->experts != NULL ? net->n_experts : 1;
        const struct moe__ffn *ffn = l->experts != NULL ? l->experts : &l->ffn;
        for (int32_t f = 0; f < n; f++) {
            e->in.mask |= operand_bit(&ffn[f].gate) | operand_bit(&ffn[f].up);
            e->hidden.mask |= operand_bit(&ffn[f].down);
        }
    }
}

/* What a thread may take for the results of spans. */
#define ATTN_BYTES ((size_t)2 << 20)

/* Results of attention, d_head + 2 floats for each span and query, before they
 * are merged: of MOE__ATTN_ROWS queries of each thread, of fewer if all spans
 * together would take more than ATTN_BYTES, and at least of one token's. */
static void carve_attn(struct moe__engine *e, struct carver *c)
{
    const struct moe__net *net = e->net;
    size_t n_spans = (size_t)moe__ceil_div(e->params.n_ctx, MOE__SPAN);
    size_t n_q = (size_t)(net->n_heads / net->n_kv_heads);
    size_t row_bytes;
    if (!moe__mul_size(n_spans, (size_t)(net->d_head + 2) * sizeof *e->attn,
                       &row_bytes)) {
        c->is_too_large = true;
        return;
    }
    size_t n_rows = ATTN_BYTES / row_bytes;
    n_rows = n_rows < MOE__ATTN_ROWS ? n_rows : MOE__ATTN_ROWS;
    n_rows = n_rows > n_q ? n_rows : n_q;
    e->attn_floats = n_rows * (row_bytes / sizeof *e->attn);
    e->attn = carve(c, (size_t)e->params.n_threads * n_rows, row_bytes);
}

static void carve_lanes(struct moe__engine *e, struct carver *c)
{
    const struct moe__net *net = e->net;
    size_t width = (size_t)moe__max_i32(net->d_model, net->q_width);
    size_t part = (size_t)moe__min_i32(e->params.n_batch, MOE__MATMUL_TOKENS) *
                  MOE__FFN_ROWS;
    e->lanes = carve(c, (size_t)e->params.n_threads, sizeof *e->lanes);
    for (int32_t t = 0; t < e->params.n_threads; t++) {
        struct moe__lane lane = {
            .scratch = carve(c, MOE__MATMUL_SCRATCH, 1),
            .row = carve(c, width, sizeof(float)),
            .gate = carve(c, part, sizeof(float)),
            .up = carve(c, part, sizeof(float)),
        };
        if (c->base != NULL)
            e->lanes[t] = lane;
    }
}

static void carve_routes(struct moe__engine *e, struct carver *c)
{
    const struct moe__net *net = e->net;
    size_t n_batch = (size_t)e->params.n_batch;
    size_t n_experts = (size_t)net->n_experts;
    size_t n_choices = n_batch * (size_t)net->n_active;
    size_t n_groups = n_experts > 0 ? n_experts : 1;
    e->route_p = carve(c, n_batch * n_experts, sizeof *e->route_p);
    e->route_id = carve(c, n_choices, sizeof *e->route_id);
    e->route_w = carve(c, n_choices, sizeof *e->route_w);
    e->route_row = carve(c, n_choices, sizeof *e->route_row);
    e->group_src = carve(c, n_choices, sizeof *e->group_src);
    e->groups = carve(c, n_groups, sizeof *e->groups);
    e->group_chunk = carve(c, n_groups + 1, sizeof *e->group_chunk);
    e->expert_count =
        carve(c, (size_t)net->n_layers * n_experts, sizeof *e->expert_count);
}

/* What attention needs and what the feed-forward needs are never alive
 * together: q, k, v, mixed, mid and attn share memory with hidden. */
static void engine_carve(struct moe__engine *e, struct carver *c)
{
    const struct moe__net *net = e->net;
    size_t n_batch = (size_t)e->params.n_batch;
    size_t n_rows = n_batch * (size_t)moe__max_i32(1, net->n_active);
    size_t n_logits = e->params.wants_all_logits ? n_batch : 1;
    size_t half_rot = (size_t)net->n_rot / 2;
    size_t d_model = (size_t)net->d_model;

    for (int32_t r = 0; r < MOE__N_ROPES; r++) {
        e->rope[r].omega = carve(c, half_rot, sizeof *e->rope[r].omega);
        e->cosine[r] = carve(c, n_batch * half_rot, sizeof(float));
        e->sine[r] = carve(c, n_batch * half_rot, sizeof(float));
    }
    e->x = carve(c, n_batch * d_model, sizeof *e->x);
    e->out = carve(c, n_rows * d_model, sizeof *e->out);
    e->hidden_x =
        carve(c, (size_t)moe__max_i32(1, net->n_active) * (size_t)net->d_ff,
              sizeof *e->hidden_x);
    e->logits = carve(c, n_logits * (size_t)net->n_vocab, sizeof *e->logits);
    carve_acts(c, &e->in, n_batch, net->d_model);
    carve_routes(e, c);
    carve_lanes(e, c);

    size_t shared = c->used;
    e->q = carve(c, n_batch * (size_t)net->q_width, sizeof *e->q);
    e->k = carve(c, n_batch * (size_t)net->kv_width, sizeof *e->k);
    e->v = carve(c, n_batch * (size_t)net->kv_width, sizeof *e->v);
    e->mixed = carve(c, n_batch * (size_t)net->q_width, sizeof *e->mixed);
    carve_acts(c, &e->mid, n_batch, net->q_width);
    carve_attn(e, c);
    size_t attn_end = c->used;
    c->used = shared;
    carve_acts(c, &e->hidden, n_rows, net->d_ff);
    if (c->used < attn_end)
        c->used = attn_end;
}

int32_t moe__engine_keeps(const struct moe__net *net,
                          const struct moe__run_params *params, int32_t layer)
{
    const int32_t window = net->layers[layer].window;
    return window > 0 && window < params->n_ctx - params->n_batch
               ? window + params->n_batch
               : params->n_ctx;
}

static int32_t engine_keep(const void *user, int32_t layer)
{
    const struct moe__engine *e = user;
    return moe__engine_keeps(e->net, &e->params, layer);
}

static struct moe__kv_shape engine_kv_shape(const struct moe__engine *e)
{
    return (struct moe__kv_shape){
        .n_layers = e->net->n_layers,
        .n_kv_heads = e->net->n_kv_heads,
        .d_head = e->net->d_head,
        .n_ctx = e->params.n_ctx,
        .type = e->params.kv,
        .keep = e->params.has_rings ? engine_keep : NULL,
        .user = e,
    };
}

/* Everything that is known without memory. */
static moe_status engine_measure(struct moe__engine *e,
                                 const struct moe__net *net,
                                 const struct moe__run_params *params,
                                 struct moe__err *err)
{
    struct carver c = {NULL, 0, false};
    memset(e, 0, sizeof *e);
    e->net = net;
    e->params = *params;
    find_operands(e);
    engine_carve(e, &c);
    if (c.is_too_large)
        return moe__fail(err, MOE_ERR_NO_MEMORY,
                         "scratch memory for %d positions in batches of %d "
                         "does not fit in the address space",
                         params->n_ctx, params->n_batch);
    e->memory_bytes = c.used;
    return MOE_OK;
}

moe_status moe__engine_plan(const struct moe__net *net,
                            const struct moe__run_params *params,
                            uint64_t *scratch_bytes, uint64_t *kv_bytes,
                            struct moe__err *err)
{
    struct moe__engine e;
    MOE__TRY(engine_measure(&e, net, params, err));
    struct moe__kv_shape shape = engine_kv_shape(&e);
    MOE__TRY(moe__kv_plan(&shape, kv_bytes, err));
    *scratch_bytes = e.memory_bytes + moe__pool_bytes(params->n_threads);
    return MOE_OK;
}

static moe_status engine_fill(struct moe__engine *e, struct moe__err *err)
{
    struct moe__kv_shape shape = engine_kv_shape(e);
    MOE__TRY(moe__kern_init(&e->kern, e->params.backend, err));
    MOE__TRY(moe__kv_create(&e->kv, e->mem, &shape, err));
    e->memory = moe__mem_alloc(e->mem, e->memory_bytes);
    if (e->memory == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY,
                         "no memory for %zu bytes of scratch", e->memory_bytes);
    struct carver c = {e->memory, 0, false};
    engine_carve(e, &c);
    memset(e->expert_count, 0,
           (size_t)e->net->n_layers * (size_t)e->net->n_experts *
               sizeof *e->expert_count);
    for (int32_t r = 0; r < MOE__N_ROPES; r++)
        moe__rope_init(&e->rope[r], e->net, (enum moe__rope_kind)r,
                       e->params.n_ctx);
    return moe__pool_create(e->mem, e->params.n_threads, e->params.threads,
                            &e->pool, err);
}

moe_status moe__engine_create(struct moe__engine *engine,
                              const struct moe__net *net, struct moe__mem *mem,
                              const struct moe__run_params *params,
                              struct moe__err *err)
{
    MOE__TRY(engine_measure(engine, net, params, err));
    engine->mem = mem;
    moe_status status = engine_fill(engine, err);
    if (status != MOE_OK)
        moe__engine_free(engine);
    return status;
}

void moe__engine_set_threads(struct moe__engine *engine, int32_t n)
{
    engine->params.n_threads_prompt = n;
    engine->params.n_threads_decode = n;
}

void moe__engine_free(struct moe__engine *engine)
{
    if (engine->mem == NULL)
        return;
    moe__pool_destroy(engine->pool);
    moe__kv_free(&engine->kv);
    moe__mem_free(engine->mem, engine->memory, engine->memory_bytes);
    engine->pool = NULL;
    engine->mem = NULL;
}
