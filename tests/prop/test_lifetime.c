/* Handles: any order of ends, one caller at a time, cancel from anywhere. */
#define _GNU_SOURCE /* usleep */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "prop.h"

static void handles_end_in_any_order(void)
{
    for (int order = 0; order < 2; order++) {
        moe_model *model = prop_open(TINY_Q8);
        moe_context *a = NULL, *b = NULL;
        moe_token id = 5;
        REQUIRE(model != NULL && !moe_context_create(model, NULL, &a, NULL) &&
                !moe_context_create(model, NULL, &b, NULL));
        moe_model_close(model);
        CHECK(moe_context_eval(a, &id, 1, NULL) == MOE_OK);
        moe_context_destroy(order ? a : b);
        CHECK(moe_context_eval(order ? b : a, &id, 1, NULL) == MOE_OK);
        moe_context_destroy(order ? b : a);
    }
    moe_model_close(NULL);
    moe_context_destroy(NULL);
    moe_sampler_destroy(NULL);
    moe_context_cancel(NULL);
}

struct worker {
    moe_model *model;
    float sum;
    moe_status status;
};

static void *use_model(void *arg)
{
    struct worker *w = arg;
    moe_context *ctx = NULL;
    moe_token ids[30];
    moe_context_params params = {.struct_size = sizeof params, .n_threads = 2};
    prop_ids(ids, 30, 2048, 11);
    w->status = moe_context_create(w->model, &params, &ctx, NULL);
    if (w->status == MOE_OK)
        w->status = moe_context_eval(ctx, ids, 30, NULL);
    if (w->status == MOE_OK)
        w->sum = moe_context_logits(ctx, -1)[7];
    moe_context_destroy(ctx);
    return NULL;
}

static void contexts_share_a_model_across_threads(void)
{
    struct worker workers[4];
    pthread_t threads[4];
    moe_model *model = prop_open(TINY_Q8);
    REQUIRE(model != NULL);
    for (int i = 0; i < 4; i++) {
        workers[i] = (struct worker){.model = model};
        pthread_create(&threads[i], NULL, use_model, &workers[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        CHECK(workers[i].status == MOE_OK);
        CHECK(workers[i].sum == workers[0].sum);
    }
    moe_model_close(model);
}

/* A thread that works on one context until it is told to stop. */
struct runner {
    moe_context *ctx;
    _Atomic int phase; /* 1: about to evaluate, 2: done */
    moe_status status;
};

static void *run_long_prompt(void *arg)
{
    struct runner *r = arg;
    moe_token ids[400];
    prop_ids(ids, 400, 2048, 13);
    atomic_store(&r->phase, 1);
    r->status = moe_context_eval(r->ctx, ids, 400, NULL);
    atomic_store(&r->phase, 2);
    return NULL;
}

static moe_context *slow_context(int n_batch)
{
    moe_model *model = prop_open(TINY_Q8);
    moe_context *ctx = NULL;
    moe_context_params params = {.struct_size = sizeof params,
                                 .backend = MOE_BACKEND_SCALAR,
                                 .n_batch = n_batch,
                                 .n_threads = 2};
    if (model != NULL)
        moe_context_create(model, &params, &ctx, NULL);
    moe_model_close(model);
    return ctx;
}

static void cancel_stops_a_prompt_and_leaves_a_usable_context(void)
{
    struct runner r = {.ctx = slow_context(512)};
    pthread_t thread;
    moe_token ids[10];
    REQUIRE(r.ctx != NULL);
    prop_ids(ids, 10, 2048, 1);
    CHECK(moe_context_eval(r.ctx, ids, 10, NULL) == MOE_OK);
    pthread_create(&thread, NULL, run_long_prompt, &r);
    while (atomic_load(&r.phase) == 0)
        usleep(100);
    usleep(5000);
    moe_context_cancel(r.ctx);
    pthread_join(thread, NULL);
    CHECK(r.status == MOE_ERR_CANCELLED, "%d", r.status);
    CHECK(moe_context_position(r.ctx) == 10);
    CHECK(moe_context_logits(r.ctx, -1) == NULL);

    moe_context *fresh = slow_context(512);
    REQUIRE(fresh != NULL);
    CHECK(moe_context_eval(fresh, ids, 10, NULL) == MOE_OK);
    CHECK(moe_context_eval(fresh, ids, 10, NULL) == MOE_OK);
    CHECK(moe_context_eval(r.ctx, ids, 10, NULL) == MOE_OK);
    CHECK(memcmp(moe_context_logits(r.ctx, -1), moe_context_logits(fresh, -1),
                 2048 * sizeof(float)) == 0);
    moe_context_destroy(r.ctx);
    moe_context_destroy(fresh);
}

static void a_cancel_stops_exactly_one_call(void)
{
    moe_context *ctx = slow_context(4);
    moe_token ids[8];
    int32_t done = 0;
    REQUIRE(ctx != NULL);
    prop_ids(ids, 8, 2048, 1);
    moe_context_cancel(ctx);
    CHECK(moe_context_eval(ctx, ids, 8, NULL) == MOE_ERR_CANCELLED);
    CHECK(strcmp(moe_context_error(ctx), "cancelled at position 0") == 0);
    CHECK(moe_context_eval(ctx, ids, 8, &done) == MOE_MORE && done == 4);
    CHECK(moe_context_eval(ctx, ids + done, 8 - done, &done) == MOE_OK &&
          done == 8);
    moe_context_destroy(ctx);
}

static void a_second_caller_is_told_busy(void)
{
    struct runner r = {.ctx = slow_context(512)};
    pthread_t thread;
    moe_token id = 3;
    moe_status status = MOE_OK;
    REQUIRE(r.ctx != NULL);
    pthread_create(&thread, NULL, run_long_prompt, &r);
    while (atomic_load(&r.phase) == 0)
        usleep(100);
    while (atomic_load(&r.phase) == 1 && status == MOE_OK) {
        status = moe_context_rewind(r.ctx, 0);
        if (status == MOE_OK)
            usleep(500);
    }
    CHECK(status == MOE_ERR_BUSY, "%d", status);
    CHECK(moe_context_eval(r.ctx, &id, 1, NULL) == MOE_ERR_BUSY ||
          atomic_load(&r.phase) == 2);
    moe_context_cancel(r.ctx);
    pthread_join(thread, NULL);
    moe_context_destroy(r.ctx);
}

/* A text that no context holds: what ends is the tokenizer's work. */
static void a_cancel_stops_the_tokenizer(void)
{
    enum { n = 1 << 20 };
    static const char *const letters[] = {"a", "ab ", "\xf0\x9f\x98\x80"};
    moe_model *model = prop_open(TINY_Q8);
    moe_context *ctx = NULL;
    moe_chat *chat = NULL;
    moe_event event = {.struct_size = sizeof event};
    char *text = malloc(n);
    REQUIRE(text != NULL && model != NULL &&
            !moe_context_create(model, NULL, &ctx, NULL) &&
            !moe_chat_create(model, NULL, &chat, NULL));
    for (size_t i = 0; i < 3; i++) {
        const size_t n_letters = strlen(letters[i]);
        for (size_t at = 0; at < n; at++)
            text[at] = letters[i][at % n_letters];
        CHECK(moe_context_prompt(ctx, text, n, 0) == MOE_ERR_CONTEXT_FULL);
        moe_context_cancel(ctx);
        CHECK(moe_context_prompt(ctx, text, n, 0) == MOE_ERR_CANCELLED);
        CHECK(strcmp(moe_context_error(ctx),
                     "cancelled in 1048576 bytes of text") == 0,
              "%s", moe_context_error(ctx));
        CHECK(moe_context_prompt(ctx, "Hello", -1, 0) == MOE_OK);
        CHECK(moe_chat_rewind(chat, 0) == MOE_OK);
        CHECK(moe_chat_say(chat, MOE_ROLE_USER, text, n) == MOE_OK);
        moe_chat_cancel(chat);
        CHECK(moe_chat_next(chat, &event) == MOE_OK &&
              event.kind == MOE_EVENT_DONE &&
              event.reason == MOE_DONE_CANCELLED);
        CHECK(moe_chat_next(chat, &event) == MOE_ERR_CONTEXT_FULL);
    }
    free(text);
    moe_chat_destroy(chat);
    moe_context_destroy(ctx);
    moe_model_close(model);
}

/* The first grammar of a model sorts its vocabulary: whichever it is. */
static void *make_grammar(void *arg)
{
    struct worker *w = arg;
    moe_grammar *grammar = NULL;
    moe_sampler *sampler = NULL;
    static const float logits[2048];
    moe_token token = MOE_TOKEN_NONE;
    w->status = moe_grammar_create(w->model, MOE_GRAMMAR_REGEX, "[a-c]{3}", -1,
                                   &grammar, NULL);
    if (w->status == MOE_OK)
        w->status = moe_sampler_create(2048, NULL, &sampler, NULL);
    if (w->status == MOE_OK)
        w->status = moe_sampler_constrain(sampler, grammar, NULL);
    moe_grammar_destroy(grammar);
    if (w->status == MOE_OK)
        w->status = moe_sampler_pick(sampler, logits, 2048, &token);
    w->sum = (float)token;
    moe_sampler_destroy(sampler);
    return NULL;
}

static void grammars_are_made_by_many_threads(void)
{
    struct worker workers[4];
    pthread_t threads[4];
    moe_model *model = prop_open(TINY_Q8);
    REQUIRE(model != NULL && prop_n_vocab(model) == 2048);
    for (int i = 0; i < 4; i++) {
        workers[i] = (struct worker){.model = model};
        pthread_create(&threads[i], NULL, make_grammar, &workers[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        CHECK(workers[i].status == MOE_OK && workers[i].sum == workers[0].sum,
              "%d: %d", i, workers[i].status);
    }
    moe_model_close(model);
}

static const struct test tests[] = {
    {"handles_end_in_any_order", handles_end_in_any_order},
    {"contexts_share_a_model_across_threads",
     contexts_share_a_model_across_threads},
    {"cancel_stops_a_prompt_and_leaves_a_usable_context",
     cancel_stops_a_prompt_and_leaves_a_usable_context},
    {"a_cancel_stops_exactly_one_call", a_cancel_stops_exactly_one_call},
    {"a_cancel_stops_the_tokenizer", a_cancel_stops_the_tokenizer},
    {"grammars_are_made_by_many_threads", grammars_are_made_by_many_threads},
    {"a_second_caller_is_told_busy", a_second_caller_is_told_busy},
};

TEST_MAIN(tests)
