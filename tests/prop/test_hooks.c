/* The host's hooks: log, progress, threads, sources; structures of other
 * versions; and sentences for callers. */
#define _GNU_SOURCE
#include <pthread.h>

#include <stdbool.h>

#include "prop.h"

struct log_lines {
    int n[4];
    char last[512];
};

static void keep_line(void *user, moe_log_level level, const char *text)
{
    struct log_lines *lines = user;
    lines->n[level & 3]++;
    snprintf(lines->last, sizeof lines->last, "%s", text);
}

static void log_tells_what_was_opened_and_created(void)
{
    struct log_lines lines = {0};
    moe_model *model = NULL;
    moe_context *ctx = NULL;
    moe_model_params mp = {
        .struct_size = sizeof mp, .log = keep_line, .log_user = &lines};
    moe_context_params cp = {.struct_size = sizeof cp,
                             .log = keep_line,
                             .log_user = &lines,
                             .n_threads = 2,
                             .backend = MOE_BACKEND_SCALAR};
    REQUIRE(moe_model_open(TINY_Q8, &mp, &model, NULL) == MOE_OK);
    CHECK(lines.n[MOE_LOG_INFO] == 1 && lines.n[MOE_LOG_WARNING] == 0);
    CHECK(strstr(lines.last, "4 layers of 256, 2 of 8 experts") != NULL, "%s",
          lines.last);
    REQUIRE(moe_context_create(model, &cp, &ctx, NULL) == MOE_OK);
    CHECK(strstr(lines.last, "context of 512 positions, steps of 512, 2 "
                             "threads, backend scalar, KV f16") != NULL,
          "%s", lines.last);
    moe_context_destroy(ctx);
    moe_model_close(model);
}

struct threads {
    int n_created, n_joined, fail_at;
    pthread_t id[8];
    struct {
        void (*run)(void *);
        void *arg;
    } start[8];
};

static void *enter(void *arg)
{
    void (**start)(void *) = arg;
    (*start)(((void **)arg)[1]);
    return NULL;
}

static int32_t create_thread(void *user, void **thread, void (*run)(void *),
                             void *arg)
{
    struct threads *t = user;
    int i = t->n_created;
    if (i + 1 == t->fail_at)
        return -1;
    t->n_created++;
    t->start[i].run = run;
    t->start[i].arg = arg;
    *thread = &t->id[i];
    return pthread_create(&t->id[i], NULL, enter, &t->start[i]);
}

static void join_thread(void *user, void *thread)
{
    struct threads *t = user;
    t->n_joined++;
    pthread_join(*(pthread_t *)thread, NULL);
}

static void threads_come_from_the_host(void)
{
    for (int fail_at = 0; fail_at <= 3; fail_at++) {
        struct threads t = {.fail_at = fail_at};
        moe_error why = {0};
        moe_context *ctx = NULL;
        moe_token ids[5] = {1, 2, 3, 4, 5};
        moe_thread_hooks hooks = {sizeof hooks, &t, create_thread, join_thread};
        moe_context_params cp = {
            .struct_size = sizeof cp, .n_threads = 4, .threads = &hooks};
        moe_model *model = prop_open(TINY_Q8);
        moe_status status = moe_context_create(model, &cp, &ctx, &why);
        CHECK(status == (fail_at ? MOE_ERR_THREAD : MOE_OK), "%d: %s", fail_at,
              why.message);
        if (ctx != NULL)
            CHECK(moe_context_eval(ctx, ids, 5, NULL) == MOE_OK);
        moe_context_destroy(ctx);
        CHECK(t.n_created == (fail_at ? fail_at - 1 : 3) &&
                  t.n_joined == t.n_created,
              "%d: %d %d", fail_at, t.n_created, t.n_joined);
        moe_model_close(model);
    }
}

/* A file in memory as a source. */
struct memory_file {
    const char *data;
    size_t n;
    int n_reads, n_closed, fail_at;
};

static int32_t read_memory(void *user, uint64_t offset, void *dst, size_t n)
{
    struct memory_file *f = user;
    if (++f->n_reads == f->fail_at || offset > f->n || n > f->n - offset)
        return -1;
    memcpy(dst, f->data + offset, n);
    return 0;
}

static void close_memory(void *user)
{
    ((struct memory_file *)user)->n_closed++;
}

static float last_logit(moe_model *model)
{
    moe_context *ctx = NULL;
    moe_token ids[8];
    float logit = 0;
    prop_ids(ids, 8, prop_n_vocab(model), 2);
    if (moe_context_create(model, NULL, &ctx, NULL) == MOE_OK &&
        moe_context_eval(ctx, ids, 8, NULL) == MOE_OK)
        logit = moe_context_logits(ctx, -1)[9];
    moe_context_destroy(ctx);
    return logit;
}

static void a_source_gives_the_same_model(void)
{
    size_t n;
    char *data = test_read(TINY_Q8, &n);
    moe_model *mapped = prop_open(TINY_Q8), *copied = NULL;
    moe_model_params copy = {.struct_size = sizeof copy, .load = MOE_LOAD_COPY};
    REQUIRE(data != NULL && mapped != NULL);
    float want = last_logit(mapped);
    CHECK(moe_model_open(TINY_Q8, &copy, &copied, NULL) == MOE_OK);
    CHECK(last_logit(copied) == want);
    moe_model_close(copied);
    moe_model_close(mapped);
    for (int fail_at = 0; fail_at < 6; fail_at++) {
        struct memory_file f = {data, n, 0, 0, fail_at};
        moe_source source = {sizeof source, &f, n, read_memory, close_memory};
        moe_error why = {0};
        moe_model *model = NULL;
        moe_status status =
            moe_model_open_source(&source, 1, NULL, &model, &why);
        bool has_failed = fail_at > 0 && f.n_reads >= fail_at;
        CHECK(status == (has_failed ? MOE_ERR_IO : MOE_OK), "%d: %s", fail_at,
              why.message);
        if (model != NULL)
            CHECK(last_logit(model) == want && f.n_closed == 0);
        moe_model_close(model);
        CHECK(f.n_closed == 1, "%d", f.n_closed);
    }
    free(data);
}

static int32_t stop_at_half(void *user, float fraction)
{
    *(float *)user = fraction;
    return fraction >= 0.5f;
}

static void progress_is_told_and_may_stop(void)
{
    float seen = -1;
    moe_error why = {0};
    moe_model *model = NULL;
    moe_model_params params = {.struct_size = sizeof params,
                               .load = MOE_LOAD_COPY,
                               .progress = stop_at_half,
                               .progress_user = &seen};
    CHECK(moe_model_open(TINY_Q8, &params, &model, &why) == MOE_ERR_CANCELLED &&
          model == NULL);
    CHECK(seen >= 0.5f && strcmp(why.message, "loading was cancelled") == 0,
          "%g %s", (double)seen, why.message);
}

/* Parameters as an older and as a newer program would pass them. */
static void structures_of_other_versions(void)
{
    moe_model *model = prop_open(TINY_Q8);
    moe_error why = {0};
    moe_context *ctx = NULL;
    struct {
        moe_context_params known;
        uint64_t unknown[2];
    } newer = {.known = {.struct_size = sizeof newer, .n_ctx = 64}};
    struct {
        size_t struct_size;
        const moe_allocator *allocator;
    } older = {.struct_size = sizeof older};
    CHECK(moe_context_create(model, &newer.known, &ctx, &why) == MOE_OK, "%s",
          why.message);
    moe_context_destroy(ctx);
    newer.unknown[1] = 1;
    CHECK(moe_context_create(model, &newer.known, &ctx, &why) ==
              MOE_ERR_PARAMS_TOO_NEW &&
          ctx == NULL);
    CHECK(strncmp(why.message, "moe_context_params: a field at byte", 35) == 0,
          "%s", why.message);
    CHECK(moe_context_create(model, (moe_context_params *)(void *)&older, &ctx,
                             &why) == MOE_OK,
          "%s", why.message);
    moe_context_destroy(ctx);
    moe_context_params unset = {0};
    CHECK(moe_context_create(model, &unset, &ctx, &why) == MOE_ERR_ARGUMENT);
    CHECK(strncmp(why.message,
                  "moe_context_params.struct_size: expected "
                  "sizeof(moe_context_params)",
                  66) == 0,
          "%s", why.message);
    /* Info structures are filled as far as they go. */
    struct {
        size_t struct_size;
        const char *family;
        char guard[8];
    } info = {.struct_size = offsetof(moe_model_info, name),
              .guard = "guarded"};
    CHECK(moe_model_describe(model, (moe_model_info *)(void *)&info) ==
              MOE_OK &&
          strcmp(info.family, "llama") == 0 &&
          strcmp(info.guard, "guarded") == 0);
    moe_model_close(model);
}

static void fields_are_set_by_name_within_bounds(void)
{
    static const struct {
        moe_params_kind kind;
        const char *name, *value;
        moe_status status;
        const char *message;
    } cases[] = {
        {MOE_PARAMS_CONTEXT, "n_ctx", "4096", MOE_OK, ""},
        {MOE_PARAMS_CONTEXT, "kv", "q8_0", MOE_OK, ""},
        {MOE_PARAMS_CONTEXT, "backend", "scalar", MOE_OK, ""},
        {MOE_PARAMS_CONTEXT, "n_threads", "900", MOE_ERR_ARGUMENT,
         "n_threads: expected 0 to 256, found 900"},
        {MOE_PARAMS_CONTEXT, "kv", "q4_0", MOE_ERR_ARGUMENT,
         "kv: expected one of auto f32 f16 q8_0, found 'q4_0'"},
        {MOE_PARAMS_CONTEXT, "n_ctx", "many", MOE_ERR_ARGUMENT,
         "n_ctx: expected a number, found 'many'"},
        {MOE_PARAMS_CONTEXT, "nctx", "1", MOE_ERR_NOT_FOUND,
         "moe_context_params has no field 'nctx' that can be set"},
        {MOE_PARAMS_SAMPLER, "seed", "18446744073709551615", MOE_OK, ""},
        {MOE_PARAMS_SAMPLER, "top_p", "1.5", MOE_ERR_ARGUMENT,
         "top_p: expected 0 to 1, found 1.5"},
        {MOE_PARAMS_MODEL, "load", "copy", MOE_OK, ""},
        {9, "load", "copy", MOE_ERR_ARGUMENT,
         "moe_params_set: a kind, a structure, a name and a value are needed"},
    };
    moe_context_params cp = {.struct_size = sizeof cp};
    moe_sampler_params sp = {.struct_size = sizeof sp};
    moe_model_params mp = {.struct_size = sizeof mp};
    void *of_kind[] = {&mp, &mp, &cp, &sp};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        moe_error why = {0};
        CHECK(moe_params_set(cases[i].kind, of_kind[cases[i].kind & 3],
                             cases[i].name, cases[i].value,
                             &why) == cases[i].status,
              "%s", cases[i].name);
        CHECK(strcmp(why.message, cases[i].message) == 0, "%s", why.message);
    }
    CHECK(cp.n_ctx == 4096 && cp.kv == MOE_KV_Q8_0 &&
          cp.backend == MOE_BACKEND_SCALAR && cp.n_threads == 0);
    CHECK(sp.seed == UINT64_MAX && mp.load == MOE_LOAD_COPY);
}

/* Nothing that a caller can pass may do worse than a status. */
static void null_and_nonsense_are_refused(void)
{
    moe_error why = {0};
    moe_model *model = prop_open(TINY_Q8);
    moe_context *ctx = NULL;
    moe_token id = 1;
    size_t n = 0;
    char text[4];
    REQUIRE(model != NULL && !moe_context_create(model, NULL, &ctx, NULL));
    CHECK(moe_model_open(NULL, NULL, &model, &why) == MOE_ERR_ARGUMENT);
    CHECK(moe_model_open("x", NULL, NULL, NULL) == MOE_ERR_ARGUMENT);
    CHECK(moe_context_eval(NULL, &id, 1, NULL) == MOE_ERR_ARGUMENT);
    CHECK(moe_context_eval(ctx, NULL, 1, NULL) == MOE_ERR_ARGUMENT);
    CHECK(moe_context_eval(ctx, &id, 0, NULL) == MOE_ERR_ARGUMENT);
    id = 2048;
    CHECK(moe_context_eval(ctx, &id, 1, NULL) == MOE_ERR_ARGUMENT &&
          strcmp(moe_context_error(ctx), "token 0 of 1: id 2048 is outside "
                                         "the vocabulary of 2048") == 0);
    CHECK(moe_context_generate(ctx, NULL, NULL, NULL) == MOE_ERR_STATE);
    CHECK(moe_context_rewind(ctx, 1) == MOE_ERR_ARGUMENT);
    CHECK(moe_context_logits(ctx, 0) == NULL);
    CHECK(moe_text_encode(model, "x", -2, 0, NULL, 0, &n, &why) ==
          MOE_ERR_ARGUMENT);
    CHECK(moe_text_encode(model, "x", 1, 1u << 30, NULL, 0, &n, &why) ==
          MOE_ERR_ARGUMENT);
    CHECK(moe_text_encode(model, "hello", -1, 0, NULL, 0, &n, &why) ==
              MOE_ERR_BUFFER &&
          n > 0);
    CHECK(moe_text_decode(model, &id, 1, 0, text, 4, &n, &why) ==
          MOE_ERR_ARGUMENT);
    CHECK(moe_sampler_create(0, NULL, NULL, NULL) == MOE_ERR_ARGUMENT);
    moe_token many[513];
    for (int i = 0; i < 513; i++)
        many[i] = 3;
    CHECK(moe_context_eval(ctx, many, 513, NULL) == MOE_ERR_CONTEXT_FULL &&
              strcmp(moe_context_error(ctx), "513 tokens do not fit: 0 of 512 "
                                             "positions are in use") == 0,
          "%s", moe_context_error(ctx));
    moe_context_destroy(ctx);
    moe_model_close(model);
}

static const struct test tests[] = {
    {"log_tells_what_was_opened_and_created",
     log_tells_what_was_opened_and_created},
    {"threads_come_from_the_host", threads_come_from_the_host},
    {"a_source_gives_the_same_model", a_source_gives_the_same_model},
    {"progress_is_told_and_may_stop", progress_is_told_and_may_stop},
    {"structures_of_other_versions", structures_of_other_versions},
    {"fields_are_set_by_name_within_bounds",
     fields_are_set_by_name_within_bounds},
    {"null_and_nonsense_are_refused", null_and_nonsense_are_refused},
};

TEST_MAIN(tests)
