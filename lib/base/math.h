/* math.h: transcendental functions in double, the same bits on any machine.
 *
 * Built from + - * / and exact scaling only: no libm, no contraction.  Used
 * for tables (RoPE) and by the sampler, never per weight.  Errors stay below
 * one ulp of double; arguments outside the stated range give the limit or
 * NaN. */
#ifndef MOE_BASE_MATH_H
#define MOE_BASE_MATH_H

#include "base/compiler.h"

double moe__exp(double x);
double moe__log(double x);           /* x <= 0: -inf at 0, NaN below */
double moe__pow(double x, double y); /* x > 0 */
/* sin and cos of an angle in radians, |angle| <= 2^30. */
void moe__sincos(double angle, double *sine, double *cosine);

/* Nearest double to a decimal number such as "-1.5e-3" (within an ulp beyond
 * 18 digits and for subnormals).  False, and *out untouched, if the text [n] is
 * anything else, also "inf" and "nan", or is too large for a double. */
bool moe__parse_f64(const char *text, size_t n, double *out);
/* A whole number with optional sign; false, and *out untouched, on anything
 * else or overflow. */
bool moe__parse_i64(const char *text, size_t n, int64_t *out);

#endif
