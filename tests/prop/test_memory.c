/* Memory: planned before, given back after, and none taken in between. */
#include "prop.h"

/* Opens and creates through a counting allocator. */
static moe_context *counted_context(struct counter *c, moe_model **model)
{
    static const int32_t n_ctx = 256;
    moe_error why = {0};
    moe_context *ctx = NULL;
    moe_allocator hook = counter_hook(c);
    moe_model_params mp = {.struct_size = sizeof mp, .allocator = &hook};
    moe_context_params cp = {.struct_size = sizeof cp,
                             .allocator = &hook,
                             .n_ctx = n_ctx,
                             .n_threads = 2};
    *model = NULL;
    if (moe_model_open(TINY_Q8, &mp, model, &why) != MOE_OK ||
        moe_context_create(*model, &cp, &ctx, &why) != MOE_OK)
        CHECK(0, "%s", why.message);
    return ctx;
}

static void eval_allocates_nothing(void)
{
    struct counter c = {0};
    moe_model *model;
    moe_sampler *sampler = NULL;
    moe_token ids[100];
    moe_allocator hook = counter_hook(&c);
    moe_sampler_params sp = {.struct_size = sizeof sp,
                             .allocator = &hook,
                             .temperature = 0.8f,
                             .top_k = 40,
                             .top_p = 0.9f,
                             .min_p = 0.05f,
                             .typical_p = 0.9f,
                             .repeat_penalty = 1.1f};
    moe_context *ctx = counted_context(&c, &model);
    REQUIRE(ctx != NULL);
    REQUIRE(moe_sampler_create(prop_n_vocab(model), &sp, &sampler, NULL) == 0);
    prop_ids(ids, 100, prop_n_vocab(model), 1);
    long before = c.n_alloc;
    CHECK(moe_context_eval(ctx, ids, 100, NULL) == MOE_OK);
    for (int i = 0; i < 20; i++)
        CHECK(moe_context_generate(ctx, sampler, NULL, NULL) == MOE_OK);
    CHECK(moe_context_rewind(ctx, 10) == MOE_OK);
    CHECK(moe_context_eval(ctx, ids, 1, NULL) == MOE_OK);
    CHECK(c.n_alloc == before, "%ld allocations", c.n_alloc - before);
    moe_sampler_destroy(sampler);
    moe_context_destroy(ctx);
    moe_model_close(model);
    CHECK(c.n_live == 0 && c.live == 0, "%ld blocks", c.n_live);
}

/* Within a page: the handle itself is not in the plan. */
static void plan_is_what_is_taken(void)
{
    struct counter c = {0};
    moe_error why = {0};
    moe_model *model = NULL;
    moe_context *ctx = NULL;
    moe_plan plan = {.struct_size = sizeof plan};
    moe_plan early = {.struct_size = sizeof early};
    moe_allocator hook = counter_hook(&c);
    REQUIRE(moe_model_open(TINY_Q8, NULL, &model, &why) == MOE_OK);
    static const int32_t contexts[] = {1, 100, 512, 5000};
    for (size_t i = 0; i < sizeof contexts / sizeof *contexts; i++) {
        moe_context_params cp = {.struct_size = sizeof cp,
                                 .allocator = &hook,
                                 .n_ctx = contexts[i],
                                 .n_threads = 1 + (int32_t)i};
        CHECK(moe_context_plan(model, &cp, &plan, &why) == MOE_OK);
        CHECK(moe_model_plan(TINY_Q8, NULL, &cp, &early, &why) == MOE_OK, "%s",
              why.message);
        CHECK(memcmp(&plan, &early, sizeof plan) == 0);
        CHECK(moe_context_create(model, &cp, &ctx, &why) == MOE_OK);
        CHECK(c.live >= plan.kv_bytes + plan.scratch_bytes &&
                  c.live <= plan.kv_bytes + plan.scratch_bytes + 4096,
              "n_ctx %d: planned %llu, took %zu", contexts[i],
              (unsigned long long)(plan.kv_bytes + plan.scratch_bytes), c.live);
        moe_context_destroy(ctx);
        CHECK(c.live == 0);
    }
    CHECK(plan.weights_mapped_bytes > 8000000 &&
          plan.weights_copied_bytes == 0);
    moe_model_close(model);
}

/* Each allocation in turn fails: a status, a sentence, no leak, and then the
 * same process works. */
static void fail_each_allocation(int fails_on)
{
    long n = 1;
    for (; n < 2000; n++) {
        struct counter c = {.fail_at = n, .fails_on = fails_on};
        moe_error why = {0};
        moe_model *model = NULL;
        moe_context *ctx = NULL;
        moe_sampler *sampler = NULL, *clone = NULL;
        moe_allocator hook = counter_hook(&c);
        moe_model_params mp = {.struct_size = sizeof mp, .allocator = &hook};
        moe_context_params cp = {.struct_size = sizeof cp,
                                 .n_ctx = 64,
                                 .allocator = &hook,
                                 .n_threads = 2};
        moe_sampler_params sp = {.struct_size = sizeof sp,
                                 .allocator = &hook,
                                 .repeat_penalty = 1.1f};
        moe_status status = moe_model_open(TINY_Q8, &mp, &model, &why);
        if (status == MOE_OK)
            status = moe_context_create(model, &cp, &ctx, &why);
        if (status == MOE_OK)
            status = moe_sampler_create(2048, &sp, &sampler, &why);
        if (status == MOE_OK)
            status = moe_sampler_clone(sampler, &clone, &why);
        if (status == MOE_OK &&
            (status = moe_context_prompt(ctx, "Once upon", -1, 0)) != MOE_OK)
            snprintf(why.message, sizeof why.message, "%s",
                     moe_context_error(ctx));
        int is_done = c.n_alloc < n;
        CHECK(is_done ? status == MOE_OK : status == MOE_ERR_NO_MEMORY,
              "allocation %ld: %s", n, moe_status_name(status));
        CHECK(is_done || strlen(why.message) > 10, "allocation %ld: '%s'", n,
              why.message);
        if (status == MOE_ERR_NO_MEMORY && ctx != NULL && sampler != NULL)
            CHECK(moe_context_position(ctx) == 0);
        moe_sampler_destroy(clone);
        moe_sampler_destroy(sampler);
        moe_context_destroy(ctx);
        moe_model_close(model);
        CHECK(c.n_live == 0 && c.live == 0, "allocation %ld: %ld blocks left",
              n, c.n_live);
        if (is_done)
            break;
    }
    CHECK(n > 10 && n < 2000, "%ld", n);
}

static void one_failing_allocation_is_survived(void)
{
    fail_each_allocation(0);
}

static void memory_that_stays_away_is_survived(void)
{
    fail_each_allocation(1);
}

/* Asks for an answer of a few tokens. */
static const char tool[] =
    "[{\"function\": {\"name\": \"go\", \"parameters\": {\"properties\": "
    "{\"to\": {\"enum\": [1, 2]}}, \"required\": [\"to\"]}}}]";

/* What a chat with a call can do. */
static moe_status chat_go_on(moe_chat *chat, moe_error *why)
{
    static char json[4096];
    moe_part part = {.struct_size = sizeof part};
    moe_message message = {.struct_size = sizeof message};
    moe_chat *copy = NULL;
    size_t n = 0;
    moe_status status = moe_chat_message(chat, 2, &message);
    const int has_calls = status == MOE_OK && message.n_calls > 0;
    if (status == MOE_OK)
        status = moe_chat_save(chat, json, sizeof json, &n);
    if (status == MOE_OK)
        status = moe_chat_fork(chat, &copy, why);
    moe_chat_destroy(copy);
    if (status == MOE_OK)
        status = moe_chat_rewind(chat, 0);
    if (status == MOE_OK)
        status = moe_chat_load(chat, json, (int64_t)n);
    if (status == MOE_OK)
        status = has_calls ? moe_chat_result(chat, NULL, "there", -1)
                           : moe_chat_say(chat, MOE_ROLE_USER, "Go!", -1);
    return status == MOE_OK ? moe_chat_part(chat, 0, &part) : status;
}

static moe_status chat_once(moe_model *model, const moe_allocator *hook,
                            const char *choice, moe_error *why)
{
    const moe_context_params context = {
        .struct_size = sizeof context, .n_ctx = 400, .n_threads = 1};
    const moe_chat_params params = {.struct_size = sizeof params,
                                    .allocator = hook,
                                    .context = &context,
                                    .system = "You like foxes.",
                                    .max_tokens = choice != NULL ? 40 : 4};
    moe_event event = {.struct_size = sizeof event};
    moe_chat *chat = NULL;
    moe_status status = moe_chat_create(model, &params, &chat, why);
    if (status == MOE_OK && choice != NULL)
        status = moe_chat_tools(chat, tool, -1, choice);
    if (status == MOE_OK)
        status = moe_chat_say(chat, MOE_ROLE_USER, "Hello!", -1);
    while (status == MOE_OK && event.kind != MOE_EVENT_DONE)
        status = moe_chat_next(chat, &event);
    if (status == MOE_OK && choice != NULL)
        status = chat_go_on(chat, why);
    if (status != MOE_OK && chat != NULL) {
        if (why->message[0] == 0)
            snprintf(why->message, sizeof why->message, "%s",
                     moe_chat_error(chat));
        /* what was missing is there now: the chat is usable */
        CHECK(moe_chat_rewind(chat, 0) == MOE_OK);
        CHECK(moe_chat_say(chat, MOE_ROLE_USER, "Hello!", -1) == MOE_OK);
        event.kind = MOE_EVENT_PROMPT;
        while (event.kind != MOE_EVENT_DONE)
            if (moe_chat_next(chat, &event) != MOE_OK)
                break;
        CHECK(event.kind == MOE_EVENT_DONE && event.n_answer > 0, "%s",
              moe_chat_error(chat));
    }
    moe_chat_destroy(chat);
    return status;
}

static void check_allocations_of_a_chat(const char *choice)
{
    moe_model *model = NULL;
    moe_error why = {0};
    long n = 1;
    REQUIRE(moe_model_open(TINY_Q8, NULL, &model, &why) == MOE_OK);
    for (; n < 2000; n++) {
        struct counter c = {.fail_at = n};
        const moe_allocator hook = counter_hook(&c);
        why = (moe_error){0};
        const moe_status status = chat_once(model, &hook, choice, &why);
        CHECK(c.n_live == 0 && c.live == 0, "%ld: %ld blocks", n, c.n_live);
        if (c.n_alloc < n)
            break;
        /* a grammar does without what it would have kept for later */
        CHECK((status == MOE_ERR_NO_MEMORY && why.message[0] != 0) ||
                  (status == MOE_OK && choice != NULL),
              "%ld: status %d, '%s'", n, status, why.message);
    }
    CHECK(n > 20 && n < 2000, "%ld allocations", n);
    moe_model_close(model);
}

static void each_allocation_of_a_chat_can_fail(void)
{
    check_allocations_of_a_chat(NULL);
}

/* The grammars of tools are the model's memory, not the chat's. */
static void each_allocation_of_a_call_can_fail(void)
{
    check_allocations_of_a_chat("auto");
    check_allocations_of_a_chat("required");
}

static const struct test tests[] = {
    {"each_allocation_of_a_chat_can_fail", each_allocation_of_a_chat_can_fail},
    {"each_allocation_of_a_call_can_fail", each_allocation_of_a_call_can_fail},
    {"eval_allocates_nothing", eval_allocates_nothing},
    {"plan_is_what_is_taken", plan_is_what_is_taken},
    {"one_failing_allocation_is_survived", one_failing_allocation_is_survived},
    {"memory_that_stays_away_is_survived", memory_that_stays_away_is_survived},
};

TEST_MAIN(tests)
