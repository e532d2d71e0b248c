/* rng.h: a counter-based generator: the n-th number of a seed, no state. */
#ifndef MOE_BASE_RNG_H
#define MOE_BASE_RNG_H

#include "base/compiler.h"

/* 64 well-mixed bits for (seed, counter): SplitMix64's output function
 * (Steele, Lea, Flood 2014) applied twice, so that neither seeds nor counters
 * that differ by one give related streams. */
MOE__INLINE uint64_t moe__rng_mix(uint64_t z)
{
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

MOE__INLINE uint64_t moe__rng_u64(uint64_t seed, uint64_t counter)
{
    return moe__rng_mix(moe__rng_mix(seed) ^ counter);
}

/* Uniform in [0, 1), 53 bits. */
MOE__INLINE double moe__rng_f64(uint64_t seed, uint64_t counter)
{
    return (double)(moe__rng_u64(seed, counter) >> 11) * 0x1p-53;
}

#endif
