/* bench_cost.c: bytes and multiply-adds that a token costs at least. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

/* True for a tensor of experts: all of a layer in one, or one tensor each. */
static bool is_expert_tensor(const char *name)
{
    if (strstr(name, "_exps.") != NULL)
        return true;
    const char *found = strstr(name, ".ffn_");
    const char *dot = found ? strchr(found + 1, '.') : NULL;
    return dot != NULL && dot[1] >= '0' && dot[1] <= '9';
}

/* True for weights of the last layer that only the tokens whose logits are
 * wanted meet: all but those of keys and values (with queries in one tensor,
 * that one too). */
static bool is_end_tensor(const char *name, int32_t n_layers)
{
    char *end;
    if (strncmp(name, "blk.", 4) != 0 ||
        strtol(name + 4, &end, 10) != n_layers - 1)
        return false;
    return strncmp(end, ".attn_k.", 8) != 0 &&
           strncmp(end, ".attn_v.", 8) != 0 &&
           strncmp(end, ".attn_qkv.", 10) != 0;
}

static bool has_tensor(const moe_model *model, const char *name)
{
    moe_tensor_info info = {.struct_size = sizeof info};
    for (uint64_t i = 0; moe_model_tensor_at(model, i, &info) == MOE_OK; i++)
        if (strcmp(info.name, name) == 0)
            return true;
    return false;
}

/* Experts count by the share that a token uses; of the embedding one row is
 * read, unless it is the output matrix too. */
struct bench_cost bench_cost(const struct session *session, moe_kv_type kv)
{
    static const double kv_width[] = {[MOE_KV_AUTO] = 2,
                                      [MOE_KV_F32] = 4,
                                      [MOE_KV_F16] = 2,
                                      [MOE_KV_Q8_0] = 34.0 / 32};
    const moe_model_info *info = &session->info;
    const char *output = has_tensor(session->model, "output.weight")
                             ? "output.weight"
                             : "token_embd.weight";
    struct bench_cost cost = {0};
    moe_tensor_info tensor = {.struct_size = sizeof tensor};
    for (uint64_t i = 0;
         moe_model_tensor_at(session->model, i, &tensor) == MOE_OK; i++) {
        double share = info->n_experts > 0 && is_expert_tensor(tensor.name)
                           ? (double)info->n_active / info->n_experts
                           : 1;
        double macs = share;
        for (int32_t j = 0; j < tensor.n_dims; j++)
            macs *= (double)tensor.dims[j];
        bool is_output = strcmp(tensor.name, output) == 0;
        if (!is_output && strcmp(tensor.name, "token_embd.weight") == 0)
            continue;
        cost.weight_bytes += share * (double)tensor.bytes;
        if (is_output)
            cost.output_macs += macs;
        if (is_output || tensor.n_dims == 1)
            continue;
        cost.layer_macs += macs;
        if (is_end_tensor(tensor.name, info->n_layers))
            cost.end_macs += macs;
    }
    cost.kv_bytes =
        2.0 * info->n_layers * info->n_kv_heads * info->d_head * kv_width[kv];
    return cost;
}
