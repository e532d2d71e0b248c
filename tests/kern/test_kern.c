/* The table of kernels: which backends there are, and that none has gaps. */
#include "kern_test.h"

static void scalar_is_first_and_always_available(void)
{
    moe_backend_info info = {0};
    REQUIRE(moe__kern_backend(0, &info), "no backend");
    CHECK(info.backend == MOE_BACKEND_SCALAR && info.is_available, "scalar");
    CHECK(strcmp(info.name, "scalar") == 0 && strcmp(info.reason, "") == 0,
          "%s %s", info.name, info.reason);
}

static void backends_end_and_have_reasons(void)
{
    moe_backend_info info = {0};
    int32_t n = 0;
    while (moe__kern_backend(n, &info)) {
        REQUIRE(++n < 100, "the list does not end");
        CHECK((info.reason[0] == 0) == info.is_available, "%s", info.name);
    }
    CHECK(!moe__kern_backend(-1, &info) && !moe__kern_backend(n + 1, &info),
          "outside");
}

static void auto_takes_the_last_available(void)
{
    moe_backend_info info = {0};
    struct moe__kern kern;
    const char *last = NULL;
    for (int32_t i = 0; moe__kern_backend(i, &info); i++)
        last = info.is_available ? info.name : last;
    CHECK(moe__kern_init(&kern, MOE_BACKEND_AUTO, NULL) == MOE_OK, "auto");
    CHECK(strcmp(kern.name, last) == 0, "%s, not %s", kern.name, last);
}

static void each_backend_can_be_forced_or_says_why_not(void)
{
    moe_backend_info info = {0};
    for (int32_t i = 0; moe__kern_backend(i, &info); i++) {
        struct moe__kern kern;
        struct moe__err err = {0};
        moe_status status = moe__kern_init(&kern, info.backend, &err);
        CHECK(status == (info.is_available ? MOE_OK : MOE_ERR_UNSUPPORTED),
              "%s", info.name);
        if (status != MOE_OK)
            CHECK(strstr(err.message, info.name) != NULL &&
                      strstr(err.message, info.reason) != NULL,
                  "%s", err.message);
        else
            CHECK(strcmp(kern.name, info.name) == 0, "%s", kern.name);
    }
}

static void an_unknown_backend_is_refused_by_number(void)
{
    struct moe__kern kern;
    struct moe__err err = {0};
    CHECK(moe__kern_init(&kern, 77, &err) == MOE_ERR_UNSUPPORTED, "77");
    CHECK(strcmp(err.message, "backend 77 is not part of this build") == 0,
          "%s", err.message);
}

static void no_backend_has_gaps(void)
{
    struct moe__kern kerns[MAX_KERNS];
    int32_t n = available_kerns(kerns);
    CHECK(n >= 1, "no backend");
    for (int32_t k = 0; k < n; k++) {
        const struct moe__kern *kern = &kerns[k];
        CHECK(kern->rms_norm && kern->quantize_a32 && kern->quantize_a256 &&
                  kern->rope && kern->add && kern->scale && kern->axpy &&
                  kern->softcap && kern->softmax && kern->attend_merge,
              "%s", kern->name);
        for (int32_t i = 0; i < MOE__N_GLUS; i++)
            CHECK(kern->glu[i] != NULL, "%s glu %d", kern->name, (int)i);
        for (int32_t i = 0; i < MOE__N_KVS; i++)
            CHECK(kern->kv_put[i] && kern->attend[i], "%s kv %d", kern->name,
                  (int)i);
        for (int32_t t = 0; t < MOE__N_TYPES; t++) {
            const struct moe__type_info *info = moe__type_info(t);
            bool is_runnable =
                info != NULL && info->operand != MOE__OPERAND_NONE;
            CHECK((kern->matmul[t] != NULL) == is_runnable, "%s type %d",
                  kern->name, (int)t);
        }
    }
}

/* Whether tests/kern have compared this backend here: skipped by name if not.
 */
static void backend_is_compared(moe_backend backend, const char *name)
{
    moe_backend_info info = {0};
    for (int32_t i = 0; moe__kern_backend(i, &info); i++) {
        if (info.backend != backend)
            continue;
        CHECK(strcmp(info.name, name) == 0, "%s", info.name);
        if (!info.is_available)
            SKIP("%s: %s", name, info.reason);
        return;
    }
    SKIP("%s: not for this processor family", name);
}

static void avx2_is_compared(void)
{
    backend_is_compared(MOE_BACKEND_AVX2, "avx2");
}

static void avx512_is_compared(void)
{
    backend_is_compared(MOE_BACKEND_AVX512, "avx512");
}

static void neon_is_compared(void)
{
    backend_is_compared(MOE_BACKEND_NEON, "neon");
}

static void neon_dotprod_is_compared(void)
{
    backend_is_compared(MOE_BACKEND_NEON_DOTPROD, "neon_dotprod");
}

static void neon_i8mm_is_compared(void)
{
    backend_is_compared(MOE_BACKEND_NEON_I8MM, "neon_i8mm");
}

static const struct test tests[] = {
    {"scalar_is_first_and_always_available",
     scalar_is_first_and_always_available},
    {"backends_end_and_have_reasons", backends_end_and_have_reasons},
    {"auto_takes_the_last_available", auto_takes_the_last_available},
    {"each_backend_can_be_forced_or_says_why_not",
     each_backend_can_be_forced_or_says_why_not},
    {"an_unknown_backend_is_refused_by_number",
     an_unknown_backend_is_refused_by_number},
    {"no_backend_has_gaps", no_backend_has_gaps},
    {"avx2_is_compared", avx2_is_compared},
    {"avx512_is_compared", avx512_is_compared},
    {"neon_is_compared", neon_is_compared},
    {"neon_dotprod_is_compared", neon_dotprod_is_compared},
    {"neon_i8mm_is_compared", neon_i8mm_is_compared},
};

TEST_MAIN(tests)
