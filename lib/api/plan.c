/* plan.c: how much memory a model and a context will need. */
#include "api/api.h"

/* Bytes of all tensors, and how they are held. */
static void plan_weights(const moe_model *model, moe_plan *plan)
{
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < model->gguf.n_tensors; i++)
        bytes += model->gguf.tensors[i].bytes;
    bool is_copied = model->load == MOE_LOAD_COPY ||
                     model->gguf.shards[0].source.read_at != NULL;
    plan->weights_mapped_bytes = is_copied ? 0 : bytes;
    plan->weights_copied_bytes = is_copied ? bytes : 0;
}

static moe_status plan_context(const moe_model *model,
                               const moe_context_params *params, moe_plan *plan,
                               struct moe__err *err)
{
    struct moe__run_params run;
    moe_plan found = {0};
    MOE__TRY(moe__context_settle(model, params, &run, err));
    MOE__TRY(moe__engine_plan(&model->net, &run, &found.scratch_bytes,
                              &found.kv_bytes, err));
    plan_weights(model, &found);
    found.anonymous_bytes =
        found.weights_copied_bytes + found.kv_bytes + found.scratch_bytes;
    found.n_ctx = run.n_ctx;
    found.n_batch = run.n_batch;
    found.n_threads = run.n_threads_prompt;
    if (moe__info_fill(plan, &found, sizeof found) != MOE_OK)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "plan must not be NULL, and "
                         "plan->struct_size must be set");
    return MOE_OK;
}

moe_status moe_model_plan(const char *path,
                          const moe_model_params *model_params,
                          const moe_context_params *context_params,
                          moe_plan *plan, moe_error *err)
{
    struct moe__err why = {0};
    moe_model_params copy;
    moe_model *model = NULL;
    moe_status status =
        moe__params_copy(MOE_PARAMS_MODEL, &copy, model_params, &why);
    if (status == MOE_OK && path == NULL)
        status = moe__fail(&why, MOE_ERR_ARGUMENT,
                           "moe_model_plan: path must not be NULL");
    if (status == MOE_OK)
        status = moe__model_open_header(path, &copy, &model, &why);
    if (status == MOE_OK)
        status = plan_context(model, context_params, plan, &why);
    moe_model_close(model);
    return moe__error_out(err, &why, status);
}

moe_status moe_context_plan(const moe_model *model,
                            const moe_context_params *params, moe_plan *plan,
                            moe_error *err)
{
    struct moe__err why = {0};
    moe_status status =
        model == NULL ? moe__fail(&why, MOE_ERR_ARGUMENT,
                                  "moe_context_plan: model must not be NULL")
                      : plan_context(model, params, plan, &why);
    return moe__error_out(err, &why, status);
}
