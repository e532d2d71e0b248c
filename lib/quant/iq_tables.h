/* iq_tables.h: value tables and code books of the IQ and 4-bit float formats.
 *
 * A book's entry holds the values of one index of a block, a byte each, the
 * first in the lowest bits: eight for IQ1 and IQ2, four for IQ3.  Those of IQ1
 * are 8 v + 1 for v = -1, 0, 1, since the format moves v by 1/8, up or down. */
#ifndef MOE_QUANT_IQ_TABLES_H
#define MOE_QUANT_IQ_TABLES_H

#include "base/compiler.h"

extern const int8_t moe__quant_iq4_values[16]; /* IQ4_NL, IQ4_XS */
extern const int8_t moe__quant_fp4_values[16]; /* E2M1 times 2 */

extern const uint64_t moe__quant_iq1_book[2048];
extern const uint64_t moe__quant_iq2_xxs_book[256];
extern const uint64_t moe__quant_iq2_xs_book[512];
extern const uint64_t moe__quant_iq2_s_book[1024];
extern const uint32_t moe__quant_iq3_xxs_book[256];
extern const uint32_t moe__quant_iq3_s_book[512];

#endif
