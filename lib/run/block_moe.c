/* block_moe.c: x += sum over the chosen experts of w_e * FFN_e(norm(x)), the
 * sparse mixture of experts (Shazeer et al. 2017, 1701.06538; Jiang et al.
 * 2024, 2401.04088).
 *
 * Phases: norm and route each token | group tokens by expert | the experts'
 * feed-forward over groups (block_ffn.c) | weighted sum, in the order of the
 * router's ranking. */
#include "run/run.h"

#define ROUTE_TOKENS 16 /* that share the router's weights */

/* Norm, router and choice for a block of tokens. */
static void route_block(void *arg, int32_t block, int32_t thread)
{
    const struct moe__step *step = arg;
    const struct moe__engine *e = step->engine;
    const struct moe__net *net = e->net;
    const int32_t first = block * ROUTE_TOKENS;
    const int32_t end = moe__min_i32(step->n, first + ROUTE_TOKENS);
    const size_t n_experts = (size_t)net->n_experts;

    for (int32_t t = first; t < end; t++)
        moe__acts_norm(e, thread, t, t, step->layer->ffn_norm);
    struct moe__matmul job =
        moe__run_job(&step->layer->router, &e->in,
                     e->route_p + (size_t)first * n_experts, end - first);
    struct moe__act x = moe__act_from(job.x, first);
    job.x = &x;
    moe__step_multiply(step, &job, thread);
    for (int32_t t = first; t < end; t++) {
        size_t choice = (size_t)t * (size_t)net->n_active;
        moe__route_token(e, e->route_p + (size_t)t * n_experts,
                         e->route_id + choice, e->route_w + choice);
    }
}

static void combine_token(void *arg, int32_t token, int32_t thread)
{
    const struct moe__step *step = arg;
    const struct moe__engine *e = step->engine;
    const struct moe__net *net = e->net;
    size_t d_model = (size_t)net->d_model;
    float *sum = e->lanes[thread].row;
    memset(sum, 0, d_model * sizeof *sum);
    for (int32_t i = 0; i < net->n_active; i++) {
        size_t choice = (size_t)token * (size_t)net->n_active + (size_t)i;
        const float *y = e->out + (size_t)e->route_row[choice] * d_model;
        e->kern.axpy(sum, e->route_w[choice], y, net->d_model);
    }
    if (step->layer->post_ffn_norm != NULL)
        e->kern.rms_norm(sum, sum, step->layer->post_ffn_norm, net->d_model,
                         net->eps);
    e->kern.add(e->x + (size_t)token * d_model, sum, net->d_model);
}

static void count_experts(const struct moe__step *step)
{
    const struct moe__engine *e = step->engine;
    uint64_t *count =
        e->expert_count + (size_t)step->i_layer * (size_t)e->net->n_experts;
    for (int32_t g = 0; g < e->n_groups; g++)
        count[g] += (uint64_t)e->groups[g].n;
}

void moe__block_moe(const struct moe__step *step)
{
    struct moe__engine *e = step->engine;
    void *arg = (void *)(uintptr_t)step;
    moe__step_run(step, route_block, arg, moe__ceil_div(step->n, ROUTE_TOKENS));
    if (moe__step_is_stopped(step))
        return; /* skipped tokens have no route */
    moe__route_group(e, step->layer, step->n);
    count_experts(step);
    moe__ffn_groups(step, e->group_src);
    moe__step_run(step, combine_token, arg, step->n);
}
