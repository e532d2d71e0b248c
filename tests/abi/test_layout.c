/* test_layout.c: where each field of each public structure lies.
 *
 * Programs that are compiled against one version run with the next, so no line
 * here ever changes, except a size that grows by a field at the end.  A new
 * field gets a line.  Pinned for systems with 64-bit pointers. */
#include "test.h"

#include <moe.h>

struct place {
    const char *name;
    size_t found;
    size_t pinned;
};

#define FIELD(type, field, at) {#type "." #field, offsetof(type, field), at}
#define SIZE(type, bytes) {"sizeof " #type, sizeof(type), bytes}

/* clang-format off */
static const struct place places[] = {
    FIELD(moe_error, status, 0),
    FIELD(moe_error, message, 4),
    SIZE(moe_error, 256),
    FIELD(moe_backend_info, struct_size, 0),
    FIELD(moe_backend_info, backend, 8),
    FIELD(moe_backend_info, is_available, 12),
    FIELD(moe_backend_info, name, 16),
    FIELD(moe_backend_info, reason, 24),
    SIZE(moe_backend_info, 32),
    FIELD(moe_allocator, struct_size, 0),
    FIELD(moe_allocator, user, 8),
    FIELD(moe_allocator, alloc, 16),
    FIELD(moe_allocator, free, 24),
    SIZE(moe_allocator, 32),
    FIELD(moe_thread_hooks, struct_size, 0),
    FIELD(moe_thread_hooks, user, 8),
    FIELD(moe_thread_hooks, create, 16),
    FIELD(moe_thread_hooks, join, 24),
    SIZE(moe_thread_hooks, 32),
    FIELD(moe_source, struct_size, 0),
    FIELD(moe_source, user, 8),
    FIELD(moe_source, size_bytes, 16),
    FIELD(moe_source, read_at, 24),
    FIELD(moe_source, close, 32),
    SIZE(moe_source, 40),
    FIELD(moe_model_params, struct_size, 0),
    FIELD(moe_model_params, allocator, 8),
    FIELD(moe_model_params, log, 16),
    FIELD(moe_model_params, log_user, 24),
    FIELD(moe_model_params, progress, 32),
    FIELD(moe_model_params, progress_user, 40),
    FIELD(moe_model_params, meta, 48),
    FIELD(moe_model_params, n_meta, 56),
    FIELD(moe_model_params, load, 64),
    FIELD(moe_model_params, is_vocab_only, 68),
    SIZE(moe_model_params, 72),
    FIELD(moe_model_info, struct_size, 0),
    FIELD(moe_model_info, family, 8),
    FIELD(moe_model_info, name, 16),
    FIELD(moe_model_info, weight_type, 24),
    FIELD(moe_model_info, n_layers, 32),
    FIELD(moe_model_info, d_model, 36),
    FIELD(moe_model_info, n_heads, 40),
    FIELD(moe_model_info, n_kv_heads, 44),
    FIELD(moe_model_info, d_head, 48),
    FIELD(moe_model_info, d_ff, 52),
    FIELD(moe_model_info, n_experts, 56),
    FIELD(moe_model_info, n_active, 60),
    FIELD(moe_model_info, n_vocab, 64),
    FIELD(moe_model_info, n_ctx_train, 68),
    FIELD(moe_model_info, window, 72),
    FIELD(moe_model_info, n_shards, 76),
    FIELD(moe_model_info, n_params, 80),
    FIELD(moe_model_info, file_bytes, 88),
    SIZE(moe_model_info, 96),
    FIELD(moe_meta, struct_size, 0),
    FIELD(moe_meta, key, 8),
    FIELD(moe_meta, type, 16),
    FIELD(moe_meta, element_type, 20),
    FIELD(moe_meta, n_elements, 24),
    FIELD(moe_meta, i64, 32),
    FIELD(moe_meta, f64, 40),
    FIELD(moe_meta, string, 48),
    FIELD(moe_meta, string_bytes, 56),
    SIZE(moe_meta, 64),
    FIELD(moe_tensor_info, struct_size, 0),
    FIELD(moe_tensor_info, name, 8),
    FIELD(moe_tensor_info, type, 16),
    FIELD(moe_tensor_info, n_dims, 24),
    FIELD(moe_tensor_info, shard, 28),
    FIELD(moe_tensor_info, dims, 32),
    FIELD(moe_tensor_info, offset, 64),
    FIELD(moe_tensor_info, bytes, 72),
    SIZE(moe_tensor_info, 80),
    FIELD(moe_token_info, struct_size, 0),
    FIELD(moe_token_info, kind, 8),
    FIELD(moe_token_info, is_end, 12),
    FIELD(moe_token_info, bytes, 16),
    FIELD(moe_token_info, n_bytes, 24),
    FIELD(moe_token_info, score, 32),
    FIELD(moe_token_info, padding, 36),
    SIZE(moe_token_info, 40),
    FIELD(moe_context_params, struct_size, 0),
    FIELD(moe_context_params, allocator, 8),
    FIELD(moe_context_params, log, 16),
    FIELD(moe_context_params, log_user, 24),
    FIELD(moe_context_params, threads, 32),
    FIELD(moe_context_params, n_ctx, 40),
    FIELD(moe_context_params, n_batch, 44),
    FIELD(moe_context_params, n_threads, 48),
    FIELD(moe_context_params, kv, 52),
    FIELD(moe_context_params, backend, 56),
    FIELD(moe_context_params, logits, 60),
    FIELD(moe_context_params, n_threads_decode, 64),
    FIELD(moe_context_params, padding, 68),
    SIZE(moe_context_params, 72),
    FIELD(moe_plan, struct_size, 0),
    FIELD(moe_plan, weights_mapped_bytes, 8),
    FIELD(moe_plan, weights_copied_bytes, 16),
    FIELD(moe_plan, kv_bytes, 24),
    FIELD(moe_plan, scratch_bytes, 32),
    FIELD(moe_plan, anonymous_bytes, 40),
    FIELD(moe_plan, n_ctx, 48),
    FIELD(moe_plan, n_batch, 52),
    FIELD(moe_plan, n_threads, 56),
    FIELD(moe_plan, padding, 60),
    SIZE(moe_plan, 64),
    FIELD(moe_context_stats, struct_size, 0),
    FIELD(moe_context_stats, n_steps, 8),
    FIELD(moe_context_stats, n_tokens, 16),
    FIELD(moe_context_stats, eval_ns, 24),
    FIELD(moe_context_stats, anonymous_bytes, 32),
    FIELD(moe_context_stats, backend, 40),
    FIELD(moe_context_stats, n_threads, 48),
    FIELD(moe_context_stats, n_ctx, 52),
    FIELD(moe_context_stats, n_batch, 56),
    FIELD(moe_context_stats, kv, 60),
    SIZE(moe_context_stats, 64),
    FIELD(moe_score, struct_size, 0),
    FIELD(moe_score, logprob, 8),
    FIELD(moe_score, n_tokens, 16),
    FIELD(moe_score, is_greedy, 20),
    SIZE(moe_score, 24),
    FIELD(moe_embed_params, struct_size, 0),
    FIELD(moe_embed_params, pooling, 8),
    FIELD(moe_embed_params, keeps_length, 12),
    SIZE(moe_embed_params, 16),
    FIELD(moe_stage, struct_size, 0),
    FIELD(moe_stage, kind, 8),
    FIELD(moe_stage, count, 12),
    FIELD(moe_stage, min_keep, 16),
    FIELD(moe_stage, value, 20),
    FIELD(moe_stage, value2, 24),
    FIELD(moe_stage, value3, 28),
    SIZE(moe_stage, 32),
    FIELD(moe_sampler_params, struct_size, 0),
    FIELD(moe_sampler_params, allocator, 8),
    FIELD(moe_sampler_params, seed, 16),
    FIELD(moe_sampler_params, temperature, 24),
    FIELD(moe_sampler_params, top_k, 28),
    FIELD(moe_sampler_params, top_p, 32),
    FIELD(moe_sampler_params, min_p, 36),
    FIELD(moe_sampler_params, typical_p, 40),
    FIELD(moe_sampler_params, repeat_penalty, 44),
    FIELD(moe_sampler_params, frequency_penalty, 48),
    FIELD(moe_sampler_params, presence_penalty, 52),
    FIELD(moe_sampler_params, penalty_window, 56),
    FIELD(moe_sampler_params, is_empty, 60),
    SIZE(moe_sampler_params, 64),
};
/* clang-format on */

static void public_structures_keep_their_layout(void)
{
    if (sizeof(void *) != 8)
        SKIP("pointers do not have 64 bits");
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        CHECK(places[i].found == places[i].pinned, "%s is %zu, was %zu",
              places[i].name, places[i].found, places[i].pinned);
}

static void handles_and_numbers_keep_their_size(void)
{
    CHECK(sizeof(moe_status) == 4, "%zu", sizeof(moe_status));
    CHECK(sizeof(moe_token) == 4, "%zu", sizeof(moe_token));
    CHECK(sizeof(moe_text_flags) == 4, "%zu", sizeof(moe_text_flags));
}

static const struct test tests[] = {
    {"public_structures_keep_their_layout",
     public_structures_keep_their_layout},
    {"handles_and_numbers_keep_their_size",
     handles_and_numbers_keep_their_size},
};

TEST_MAIN(tests)
