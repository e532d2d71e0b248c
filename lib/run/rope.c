/* rope.c: rotary frequencies and angles (Su et al. 2021, 2104.09864), with the
 * scalings of position interpolation (Chen et al. 2023, 2306.15595), YaRN (Peng
 * et al. 2023, 2309.00071), LongRoPE (Ding et al. 2024, 2402.13753), and the
 * divisors by frequency that Llama 3.1 files carry.
 *
 * In double precision and without libm, so that every machine gets the same
 * bits; the tables of a step are rounded to float once. */
#include "run/run.h"

#include "base/math.h"

/* Pair index at which a wave turns `turns` times over n_ctx positions: solve
 * n_ctx * base^(-2i/n) = 2 pi turns for i. */
static double rope_pair_of_turns(double turns, double n_ctx, double base,
                                 double n_rot)
{
    const double two_pi = 6.283185307179586;
    return n_rot * moe__log(n_ctx / (turns * two_pi)) / (2 * moe__log(base));
}

static double rope_clamp(double x, double lo, double hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* YaRN's share of extrapolation for pair i: 1 for fast waves, which keep their
 * frequency, 0 for slow ones, which are interpolated. */
static double yarn_share(const struct moe__rope_params *p, int32_t n_rot,
                         int32_t i)
{
    double lo =
        rope_pair_of_turns(p->beta_fast, p->original_ctx, p->base, n_rot);
    double hi =
        rope_pair_of_turns(p->beta_slow, p->original_ctx, p->base, n_rot);
    lo = rope_clamp(lo, 0, n_rot - 1);
    hi = rope_clamp(hi, 0, n_rot - 1);
    lo = (double)(int64_t)lo;                                /* floor */
    hi = (double)((int64_t)hi + ((double)(int64_t)hi < hi)); /* ceiling */
    double width = hi - lo > 0.001 ? hi - lo : 0.001;
    return 1 - rope_clamp((i - lo) / width, 0, 1);
}

/* LongRoPE: which divisors apply, by the length that the context allows. */
static const float *rope_divisors(const struct moe__net *net,
                                  const struct moe__rope_params *p,
                                  int32_t n_ctx)
{
    const float *longer =
        n_ctx > p->original_ctx ? net->rope_long : net->rope_short;
    return longer != NULL ? longer : p->divisor;
}

void moe__rope_init(struct moe__rope *rope, const struct moe__net *net,
                    enum moe__rope_kind kind, int32_t n_ctx)
{
    const struct moe__rope_params *p = &net->rope[kind];
    const float *divisor = rope_divisors(net, p, n_ctx);
    rope->scale = p->attn_factor;
    if (p->scaling == MOE__SCALING_YARN && p->factor > 1)
        rope->scale *= 1 + 0.1 * moe__log(p->factor);
    for (int32_t i = 0; i < net->n_rot / 2; i++) {
        double omega = moe__pow(p->base, -2.0 * i / net->n_rot);
        if (divisor != NULL)
            omega /= (double)divisor[i];
        if (p->scaling == MOE__SCALING_LINEAR)
            omega /= p->factor;
        if (p->scaling == MOE__SCALING_YARN) {
            double share = yarn_share(p, net->n_rot, i);
            omega = omega / p->factor * (1 - share) + omega * share;
        }
        rope->omega[i] = omega;
    }
}

void moe__rope_angles(const struct moe__rope *rope, int32_t n_rot, int32_t pos,
                      float *cosine, float *sine)
{
    for (int32_t i = 0; i < n_rot / 2; i++) {
        double s, c;
        moe__sincos(pos * rope->omega[i], &s, &c);
        cosine[i] = (float)(c * rope->scale);
        sine[i] = (float)(s * rope->scale);
    }
}
