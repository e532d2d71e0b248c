/* kern_test.h: what the tests of kernels share: buffers between forbidden
 * pages, fills with numbers that break things, and the list of backends. */
#ifndef MOE_TESTS_KERN_TEST_H
#define MOE_TESTS_KERN_TEST_H

#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include "kern/kern.h"
#include "test.h"

#include <float.h>
#include <math.h>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <unistd.h>
#define HAS_GUARD_PAGES 1
#else
#define HAS_GUARD_PAGES 0
#endif

/* ---------------------------------------------------------------- memory */

/* Bytes that end, or begin, at a page that must not be touched. */
struct guarded {
    uint8_t *map;
    size_t map_bytes;
    uint8_t *data;
    size_t n_bytes;
};

enum guard_side { GUARD_AFTER, GUARD_BEFORE };

static inline size_t guard_page(void)
{
#if HAS_GUARD_PAGES
    return (size_t)sysconf(_SC_PAGESIZE);
#else
    return 4096;
#endif
}

/* n bytes, `shift` bytes away from the forbidden page. */
static inline struct guarded guard_alloc(size_t n, enum guard_side side,
                                         size_t shift)
{
    size_t page = guard_page();
    size_t inner = (n + shift + page - 1) / page * page + (n == 0) * page;
    struct guarded g = {.map_bytes = inner + 2 * page, .n_bytes = n};
#if HAS_GUARD_PAGES
    void *map = mmap(NULL, g.map_bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(map, page, PROT_NONE) != 0 ||
        mprotect((uint8_t *)map + page + inner, page, PROT_NONE) != 0)
        abort();
    g.map = map;
#else
    g.map = calloc(1, g.map_bytes);
    if (g.map == NULL)
        abort();
#endif
    g.data = side == GUARD_AFTER ? g.map + page + inner - n - shift
                                 : g.map + page + shift;
    return g;
}

static inline void guard_free(struct guarded *g)
{
#if HAS_GUARD_PAGES
    munmap(g->map, g->map_bytes);
#else
    free(g->map);
#endif
    memset(g, 0, sizeof *g);
}

/* ---------------------------------------------------------------- numbers */

struct dice {
    uint64_t state;
};

static inline uint64_t dice_roll(struct dice *dice) /* splitmix64 */
{
    uint64_t z = dice->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline int32_t dice_below(struct dice *dice, int32_t n)
{
    return (int32_t)(dice_roll(dice) % (uint64_t)n);
}

/* Uniform in [-1, 1). */
static inline float dice_float(struct dice *dice)
{
    return (float)((double)(dice_roll(dice) >> 11) * 0x1p-52 - 1.0);
}

enum fill {
    FILL_RANDOM,
    FILL_LARGEST,
    FILL_ZERO,
    FILL_SUBNORMAL,
    FILL_SPIKE,    /* one value far above the others */
    FILL_NAN,      /* one NaN with a payload */
    FILL_INFINITE, /* one infinity, of any sign */
    FILL_ANY_BITS,
    N_FILLS
};

static inline void fill_floats(float *x, int32_t n, enum fill fill,
                               struct dice *dice)
{
    for (int32_t i = 0; i < n; i++) {
        switch (fill) {
        case FILL_LARGEST:
            x[i] = dice_roll(dice) & 1 ? FLT_MAX : -FLT_MAX;
            break;
        case FILL_ZERO:
            x[i] = dice_roll(dice) & 1 ? 0.0f : -0.0f;
            break;
        case FILL_SUBNORMAL:
            x[i] = dice_float(dice) * 0x1p-127f;
            break;
        case FILL_ANY_BITS:
            x[i] = moe__bits_to_f32((uint32_t)dice_roll(dice));
            break;
        default:
            x[i] = dice_float(dice) * 4;
        }
    }
    if (n == 0)
        return;
    float *one = x + dice_below(dice, n);
    if (fill == FILL_SPIKE)
        *one = dice_roll(dice) & 1 ? 1e9f : -1e9f;
    if (fill == FILL_NAN)
        *one = moe__bits_to_f32(0xff800001u);
    if (fill == FILL_INFINITE)
        *one = dice_roll(dice) & 1 ? INFINITY : -INFINITY;
}

/* Distance in steps between a float and the true value: the step is that of
 * the float's binade, and of the subnormals below. */
static inline double ulps(float got, double want)
{
    if ((double)got == want || (got != got && want != want))
        return 0;
    if (isinf(got) && fabs(want) >= (double)FLT_MAX * (1 + 0x1p-25))
        return 0;
    int exponent;
    frexp(want, &exponent);
    exponent = exponent < -125 ? -125 : exponent;
    return fabs((double)got - want) / ldexp(1.0, exponent - 24);
}

/* Fails, and says where, if two arrays differ in a bit. */
static inline bool same_bits(const void *a, const void *b, size_t n,
                             const char *what)
{
    const uint8_t *p = a, *q = b;
    size_t at = 0;
    while (at < n && p[at] == q[at])
        at++;
    CHECK(at == n, "%s: byte %zu of %zu", what, at, n);
    return at == n;
}

/* ---------------------------------------------------------------- backends */

#define MAX_KERNS 8

/* The scalar backend first, then the others that this machine runs. */
static inline int32_t available_kerns(struct moe__kern kerns[MAX_KERNS])
{
    int32_t n = 0;
    moe_backend_info info;
    for (int32_t i = 0; n < MAX_KERNS && moe__kern_backend(i, &info); i++)
        if (info.is_available &&
            moe__kern_init(&kerns[n], info.backend, NULL) == MOE_OK)
            n++;
    return n;
}

/* Activations in any operand, with their memory. */
struct test_act {
    struct moe__act act;
    struct guarded memory[4];
};

/* [n_rows, stride] of an operand; the last bytes are at a forbidden page. */
static inline struct test_act act_alloc(enum moe__operand operand,
                                        int32_t n_rows, int32_t n_cols)
{
    int32_t stride = (n_cols + 255) / 256 * 256;
    int32_t unit = operand == MOE__OPERAND_A32 ? 32 : 256;
    size_t n = (size_t)n_rows * (size_t)stride;
    struct test_act a = {.act = {.stride = stride, .operand = operand}};
    if (operand == MOE__OPERAND_F32) {
        a.memory[0] = guard_alloc(4 * n, GUARD_AFTER, 0);
        a.act.x = (void *)a.memory[0].data;
        return a;
    }
    a.memory[1] = guard_alloc(n, GUARD_AFTER, 0);
    a.memory[2] = guard_alloc(4 * n / (size_t)unit, GUARD_AFTER, 0);
    a.memory[3] = guard_alloc(2 * n / 16, GUARD_AFTER, 0);
    a.act.q = (void *)a.memory[1].data;
    a.act.scale = (void *)a.memory[2].data;
    a.act.sum = (void *)a.memory[3].data;
    return a;
}

static inline void act_free(struct test_act *a)
{
    for (int32_t i = 0; i < 4; i++)
        if (a->memory[i].map != NULL)
            guard_free(&a->memory[i]);
}

/* Row `row` from floats, by a backend's quantiser. */
static inline void act_put(const struct moe__act *act,
                           const struct moe__kern *kern, int32_t row,
                           const float *x, int32_t n)
{
    size_t at = (size_t)row * (size_t)act->stride;
    if (act->operand == MOE__OPERAND_F32)
        memcpy(act->x + at, x, (size_t)n * sizeof *x);
    else if (act->operand == MOE__OPERAND_A32)
        kern->quantize_a32(act->q + at, act->scale + at / 32,
                           act->sum + at / 16, x, n);
    else
        kern->quantize_a256(act->q + at, act->scale + at / 256,
                            act->sum + at / 16, x, n);
}

#endif
