/* decimal.h: doubles and decimal numbers, exactly. */
#ifndef MOE_BASE_DECIMAL_H
#define MOE_BASE_DECIMAL_H

#include "base/bytes.h"

/* The double nearest to a number as JSON writes it, ties to even.  False if it
 * is none or too large. */
bool moe__decimal_read(struct moe__slice text, double *out);
/* The same number exactly; false if it is no integer of 64 bits. */
bool moe__decimal_integer(struct moe__slice text, int64_t *out);

/* The shortest digits that read back as the same finite positive double, the
 * nearest of these: 0.d1 d2 ... * 10^exponent.  Returns how many. */
#define MOE__DECIMAL_DIGITS 17
int32_t moe__decimal_shortest(double value, char digits[MOE__DECIMAL_DIGITS],
                              int32_t *exponent);

#endif
