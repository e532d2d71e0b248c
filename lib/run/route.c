/* route.c: which experts see which token.
 *
 * Scores are softmax over all experts, then the n_active largest (ties to the
 * lower index), renormalised to sum 1 (Jiang et al. 2024, 2401.04088: equal to
 * softmax over the chosen logits).  Tokens are then grouped by expert with a
 * counting sort, so that each expert's weights are read once a step. */
#include "run/run.h"

/* Keeps the division finite when all chosen scores vanish: 2^-14, the smallest
 * normal half, as the peers have it. */
#define MIN_WEIGHT_SUM 0x1p-14f

void moe__route_token(const struct moe__engine *engine, float *p, int32_t *id,
                      float *w)
{
    const struct moe__net *net = engine->net;
    engine->kern.softmax(p, net->n_experts);
    moe__top_k(id, net->n_active, p, net->n_experts);
    float sum = 0;
    for (int32_t i = 0; i < net->n_active; i++)
        sum += p[id[i]];
    if (sum < MIN_WEIGHT_SUM)
        sum = MIN_WEIGHT_SUM;
    for (int32_t i = 0; i < net->n_active; i++)
        w[i] = p[id[i]] / sum * net->expert_scale;
}

void moe__route_group(struct moe__engine *engine,
                      const struct moe__layer *layer, int32_t n)
{
    const struct moe__net *net = engine->net;
    int32_t n_choices = n * net->n_active;
    for (int32_t e = 0; e < net->n_experts; e++)
        engine->groups[e] = (struct moe__group){&layer->experts[e], 0, 0};
    for (int32_t i = 0; i < n_choices; i++)
        engine->groups[engine->route_id[i]].n++;
    int32_t row = 0;
    for (int32_t e = 0; e < net->n_experts; e++) {
        engine->groups[e].first = row;
        row += engine->groups[e].n;
        engine->groups[e].n = 0; /* counts up again below */
    }
    for (int32_t i = 0; i < n_choices; i++) {
        struct moe__group *group = &engine->groups[engine->route_id[i]];
        int32_t to = group->first + group->n++;
        engine->group_src[to] = i / net->n_active;
        engine->route_row[i] = to;
    }
    engine->n_groups = net->n_experts;
}
