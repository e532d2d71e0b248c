/* iq_tables.h: value tables and code books of the IQ and 4-bit float formats.
 *
 * A book's entry holds the elements of one index of a block, the first element
 * in the lowest bits: 8 elements of 2 bits (IQ1, IQ2) or 4 elements of 3 bits
 * (IQ3), each an index into the book's values. */
#ifndef MOE_QUANT_IQ_TABLES_H
#define MOE_QUANT_IQ_TABLES_H

#include "base/compiler.h"

/* 8 * v - 1 and 8 * v + 1 for v = -1, 0, 1: IQ1 shifts its values by 1/8. */
extern const int8_t moe__quant_iq1_down_values[8];
extern const int8_t moe__quant_iq1_up_values[8];
extern const int8_t moe__quant_iq2_values[8];
extern const int8_t moe__quant_iq3_xxs_values[8];
extern const int8_t moe__quant_iq3_s_values[8];
extern const int8_t moe__quant_iq4_values[16]; /* IQ4_NL, IQ4_XS */
extern const int8_t moe__quant_fp4_values[16]; /* E2M1 times 2 */

extern const uint16_t moe__quant_iq1_book[2048];
extern const uint16_t moe__quant_iq2_xxs_book[256];
extern const uint16_t moe__quant_iq2_xs_book[512];
extern const uint16_t moe__quant_iq2_s_book[1024];
extern const uint16_t moe__quant_iq3_xxs_book[256];
extern const uint16_t moe__quant_iq3_s_book[512];

#endif
