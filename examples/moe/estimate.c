/* estimate.c: `moe estimate`: memory before anything is allocated. */
#include "cli.h"

static void estimate_line(const char *name, uint64_t bytes, const char *note)
{
    printf("%-16s %12s  %s\n", name, show_bytes(bytes), note);
}

static void estimate_text(const moe_plan *plan, uint64_t total, uint64_t limit,
                          bool is_given)
{
    printf("context %d positions, %d tokens a step, %d threads\n\n",
           plan->n_ctx, plan->n_batch, plan->n_threads);
    estimate_line("weights, mapped", plan->weights_mapped_bytes,
                  "shared with other programs, given back under pressure");
    if (plan->weights_copied_bytes > 0)
        estimate_line("weights, copied", plan->weights_copied_bytes, "");
    estimate_line("KV cache", plan->kv_bytes, "");
    estimate_line("scratch", plan->scratch_bytes, "");
    estimate_line("total", total, "");
    if (limit > 0)
        printf("\n%s in %s of %s\n", total <= limit ? "fits" : "does not fit",
               show_bytes(limit), is_given ? "--memory" : "this machine");
}

static void estimate_json(const moe_plan *plan, uint64_t total, uint64_t limit)
{
    printf("{\"n_ctx\": %d, \"n_batch\": %d, \"n_threads\": %d, "
           "\"weights_mapped_bytes\": %llu, \"weights_copied_bytes\": %llu, "
           "\"kv_bytes\": %llu, \"scratch_bytes\": %llu, "
           "\"anonymous_bytes\": %llu, \"total_bytes\": %llu, "
           "\"memory_bytes\": %llu, \"fits\": %s}\n",
           plan->n_ctx, plan->n_batch, plan->n_threads,
           (unsigned long long)plan->weights_mapped_bytes,
           (unsigned long long)plan->weights_copied_bytes,
           (unsigned long long)plan->kv_bytes,
           (unsigned long long)plan->scratch_bytes,
           (unsigned long long)plan->anonymous_bytes, (unsigned long long)total,
           (unsigned long long)limit, total <= limit ? "true" : "false");
}

int estimate_run(struct options *options)
{
    moe_model_params params = model_params(options);
    moe_plan plan = {.struct_size = sizeof plan};
    moe_error why = {0};
    moe_status status = moe_model_plan(model_path(options), &params,
                                       &options->context, &plan, &why);
    if (status != MOE_OK)
        return fail_status(status, why.message);
    uint64_t total = plan.weights_mapped_bytes + plan.anonymous_bytes;
    bool is_given = option_is_given(options, "memory");
    uint64_t limit = is_given ? options->memory_bytes : machine_memory_bytes();
    if (options->is_json)
        estimate_json(&plan, total, limit);
    else
        estimate_text(&plan, total, limit, is_given);
    return is_given && total > limit ? CODE_NO_ROOM : CODE_DONE;
}
