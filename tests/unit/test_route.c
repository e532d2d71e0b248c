/* Routing: whatever the router says, each token gets distinct experts that
 * exist, in a defined order; groups hold each choice exactly once. */
#include <math.h>

#include "run/run.h"

#include "test.h"

#define N_EXPERTS 8
#define N_ACTIVE 3

static void make_engine(struct moe__engine *engine, struct moe__net *net)
{
    memset(engine, 0, sizeof *engine);
    memset(net, 0, sizeof *net);
    net->n_experts = N_EXPERTS;
    net->n_active = N_ACTIVE;
    net->expert_scale = 1;
    engine->net = net;
    moe__kern_init(&engine->kern, MOE_BACKEND_AUTO, NULL);
}

static void experts_are_distinct_for_any_logits(void)
{
    static const float values[] = {0,        -0.0f,     1,    -1,
                                   INFINITY, -INFINITY, NAN,  1e-45f,
                                   3e38f,    -3e38f,    88.5f};
    struct moe__engine engine;
    struct moe__net net;
    uint32_t seed = 1;
    make_engine(&engine, &net);
    for (int round = 0; round < 20000; round++) {
        float p[N_EXPERTS], w[N_ACTIVE];
        int32_t id[N_ACTIVE];
        unsigned seen = 0;
        for (int e = 0; e < N_EXPERTS; e++) {
            seed = seed * 1664525u + 1013904223u;
            p[e] = values[(seed >> 16) % (sizeof values / sizeof *values)];
        }
        moe__route_token(&engine, p, id, w);
        for (int i = 0; i < N_ACTIVE; i++) {
            REQUIRE(id[i] >= 0 && id[i] < N_EXPERTS);
            REQUIRE(!(seen & 1u << id[i]));
            seen |= 1u << id[i];
            CHECK(w[i] != w[i] || (w[i] >= 0 && w[i] <= 1.0001f));
        }
    }
}

static void ties_go_to_the_lower_index(void)
{
    struct moe__engine engine;
    struct moe__net net;
    float p[N_EXPERTS] = {0, 2, 0, 2, 2, 0, 0, 0}, w[N_ACTIVE];
    int32_t id[N_ACTIVE];
    make_engine(&engine, &net);
    moe__route_token(&engine, p, id, w);
    CHECK(id[0] == 1 && id[1] == 3 && id[2] == 4);
    for (int i = 0; i < N_ACTIVE; i++)
        CHECK(fabsf(w[i] - 1.0f / 3) < 1e-6f, "%g", (double)w[i]);
}

static void nan_logits_give_nan_weights(void)
{
    struct moe__engine engine;
    struct moe__net net;
    float p[N_EXPERTS] = {0, NAN, 0, 2, 2, 0, 0, 0}, w[N_ACTIVE];
    int32_t id[N_ACTIVE];
    make_engine(&engine, &net);
    moe__route_token(&engine, p, id, w);
    CHECK(id[0] == 0 && id[1] == 1 && id[2] == 2);
    CHECK(w[0] != w[0]);
}

/* The counting sort: rows of a group are consecutive, in the tokens' order. */
static void groups_hold_each_choice_once(void)
{
    enum { N_TOKENS = 50 };
    struct moe__engine engine;
    struct moe__net net;
    struct moe__ffn experts[N_EXPERTS];
    struct moe__layer layer = {.experts = experts};
    struct moe__group groups[N_EXPERTS];
    int32_t id[N_TOKENS * N_ACTIVE], row[N_TOKENS * N_ACTIVE];
    int32_t src[N_TOKENS * N_ACTIVE];
    make_engine(&engine, &net);
    engine.groups = groups;
    engine.route_id = id;
    engine.route_row = row;
    engine.group_src = src;
    for (int i = 0; i < N_TOKENS * N_ACTIVE; i++)
        id[i] = i * i % 7; /* expert 7 stays unused */
    moe__route_group(&engine, &layer, N_TOKENS);
    CHECK(engine.n_groups == N_EXPERTS && groups[7].n == 0);
    int32_t next = 0;
    for (int e = 0; e < N_EXPERTS; e++) {
        CHECK(groups[e].first == next && groups[e].ffn == &experts[e]);
        next += groups[e].n;
        for (int r = 1; r < groups[e].n; r++)
            CHECK(src[groups[e].first + r - 1] <= src[groups[e].first + r]);
    }
    CHECK(next == N_TOKENS * N_ACTIVE);
    for (int i = 0; i < N_TOKENS * N_ACTIVE; i++) {
        const struct moe__group *g = &groups[id[i]];
        CHECK(src[row[i]] == i / N_ACTIVE);
        CHECK(row[i] >= g->first && row[i] < g->first + g->n);
    }
}

static const struct test tests[] = {
    {"experts_are_distinct_for_any_logits",
     experts_are_distinct_for_any_logits},
    {"ties_go_to_the_lower_index", ties_go_to_the_lower_index},
    {"nan_logits_give_nan_weights", nan_logits_give_nan_weights},
    {"groups_hold_each_choice_once", groups_hold_each_choice_once},
};

TEST_MAIN(tests)
