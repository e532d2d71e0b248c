/* doctor.c: `moe doctor`: this machine, and whether libmoe works on it. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { n_test_ids = 24, max_backends = 16 };

/* One backend and what the self-test made of it. */
struct checkup {
    moe_backend_info info;
    char digest[65]; /* "" if it was not run */
};

struct health {
    struct checkup backends[max_backends]; /* [n_backends] */
    int32_t n_backends;
    const char *chosen;
    const char *model; /* "" if the self-test was not run */
    bool is_sound;
};

/* Digest of the logits of all but one id in one step, then of one alone: both
 * the ways of many tokens and of one are taken. */
static moe_status digest_logits(struct session *session, struct sha256 *hash)
{
    static const int32_t steps[] = {n_test_ids - 1, 1};
    moe_token ids[n_test_ids];
    const moe_token *at = ids;
    for (int32_t i = 0; i < n_test_ids; i++)
        ids[i] = (i * 97 + 1) % session->info.n_vocab;
    for (size_t s = 0; s < COUNT_OF(steps); at += steps[s], s++) {
        moe_status status = moe_context_eval(session->ctx, at, steps[s], NULL);
        if (status != MOE_OK)
            return status;
        for (int32_t row = 0; row < steps[s]; row++)
            sha256_put(hash, moe_context_logits(session->ctx, row),
                       sizeof(float) * (size_t)session->info.n_vocab);
    }
    return MOE_OK;
}

static int check_backend(struct session *session, struct checkup *checkup)
{
    moe_context_params params = session->options->context;
    struct sha256 hash;
    params.n_ctx = n_test_ids;
    params.n_batch = n_test_ids;
    params.logits = MOE_LOGITS_ALL;
    params.backend = checkup->info.backend;
    int code = session_context(session, &params);
    sha256_start(&hash);
    if (code == CODE_DONE) {
        moe_status status = digest_logits(session, &hash);
        if (status != MOE_OK)
            code = fail_status(status, moe_context_error(session->ctx));
        else
            sha256_end(&hash, checkup->digest);
    }
    interrupt_target(NULL);
    moe_context_destroy(session->ctx);
    session->ctx = NULL;
    return code;
}

static void find_backends(struct health *health)
{
    moe_backend_info info = {.struct_size = sizeof info};
    health->chosen = "";
    for (int32_t i = 0; i < max_backends && moe_backend_at(i, &info) == MOE_OK;
         i++) {
        health->backends[health->n_backends++].info = info;
        if (info.is_available)
            health->chosen = info.name;
    }
}

static int self_test(const struct options *options, struct health *health)
{
    struct session session = {0};
    const char *path = model_path(options);
    const char *first = NULL;
    if (options->n_args == 0 && access(path, R_OK) != 0)
        return CODE_DONE; /* no model came along */
    int code = session_open(&session, options, false);
    for (int32_t i = 0; code == CODE_DONE && i < health->n_backends; i++) {
        struct checkup *checkup = &health->backends[i];
        if (!checkup->info.is_available)
            continue;
        code = check_backend(&session, checkup);
        if (first == NULL)
            first = checkup->digest;
        if (strcmp(first, checkup->digest) != 0)
            health->is_sound = false;
    }
    health->model = path;
    session_close(&session);
    return code;
}

/* ORDER LIMIT: names in text and in JSON. */
static const struct limit {
    const char *name;
    const char *key;
    int which;
} limits[] = {
    {"address space", "address_space_bytes", RLIMIT_AS},
    {"data", "data_bytes", RLIMIT_DATA},
    {"stack", "stack_bytes", RLIMIT_STACK},
    {"open files", "open_files", RLIMIT_NOFILE},
};

static void doctor_text(const struct health *health)
{
    printf("moe %s\n%s\n\nBackends\n", moe_version(), moe_build_info());
    for (int32_t i = 0; i < health->n_backends; i++) {
        const struct checkup *checkup = &health->backends[i];
        bool is_chosen = strcmp(checkup->info.name, health->chosen) == 0;
        printf("  %-8s %s%s%s\n", checkup->info.name,
               checkup->info.is_available ? "available" : "not available: ",
               checkup->info.is_available ? "" : checkup->info.reason,
               is_chosen ? ", chosen: the fastest of these" : "");
    }
    printf("\nMachine\n  CPUs           %d\n  memory         %s\n"
           "  page           %ld bytes\n",
           machine_cpus(), show_bytes(machine_memory_bytes()),
           sysconf(_SC_PAGESIZE));
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        struct rlimit limit;
        getrlimit(limits[i].which, &limit);
        if (limit.rlim_cur == RLIM_INFINITY)
            printf("  %-14s unlimited\n", limits[i].name);
        else if (limits[i].which == RLIMIT_NOFILE)
            printf("  %-14s %llu\n", limits[i].name,
                   (unsigned long long)limit.rlim_cur);
        else
            printf("  %-14s %s\n", limits[i].name,
                   show_bytes((uint64_t)limit.rlim_cur));
    }
    puts("\nSelf-test");
    if (*health->model == 0)
        puts("  not run: no model was given and `tiny` was not found");
    else
        printf("  %s\n  %d tokens, every available backend: %s\n",
               health->model, n_test_ids,
               health->is_sound ? "the same bits" : "DIFFERENT BITS");
}

static void doctor_json(const struct health *health)
{
    printf("{\"build\": %s, \"backend\": \"%s\", \"backends\": [",
           moe_build_info(), health->chosen);
    for (int32_t i = 0; i < health->n_backends; i++) {
        const struct checkup *checkup = &health->backends[i];
        printf("%s{\"name\": \"%s\", \"available\": %s, \"reason\": ",
               i > 0 ? ", " : "", checkup->info.name,
               checkup->info.is_available ? "true" : "false");
        json_string(stdout, checkup->info.reason);
        printf(", \"sha256\": \"%s\"}", checkup->digest);
    }
    printf("], \"cpus\": %d, \"memory_bytes\": %llu, \"page_bytes\": %ld, "
           "\"limits\": {",
           machine_cpus(), (unsigned long long)machine_memory_bytes(),
           sysconf(_SC_PAGESIZE));
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        struct rlimit limit;
        getrlimit(limits[i].which, &limit);
        printf("%s\"%s\": ", i > 0 ? ", " : "", limits[i].key);
        if (limit.rlim_cur == RLIM_INFINITY)
            fputs("null", stdout);
        else
            printf("%llu", (unsigned long long)limit.rlim_cur);
    }
    fputs("}, \"self_test\": {\"model\": ", stdout);
    json_string(stdout, health->model);
    printf(", \"run\": %s, \"passed\": %s}}\n",
           *health->model ? "true" : "false",
           health->is_sound ? "true" : "false");
}

int doctor_run(struct options *options)
{
    struct health health = {.model = "", .is_sound = true};
    find_backends(&health);
    int code = self_test(options, &health);
    if (code != CODE_DONE)
        return code;
    if (options->is_json)
        doctor_json(&health);
    else
        doctor_text(&health);
    return health.is_sound ? CODE_DONE
                           : fail(CODE_CHECK, "backends disagree: please "
                                              "report this");
}
