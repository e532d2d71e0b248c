/* unicode.h: what kind of character a code point is, as far as the
 * pre-tokenizers' patterns can tell. */
#ifndef MOE_TOKEN_UNICODE_H
#define MOE_TOKEN_UNICODE_H

#include "base/compiler.h"

/* ORDER CATEGORY: general categories of Unicode, of which M N P S are one
 * each (Nd apart from the other N); the separators (Z) together with the
 * white ones among the control codes are \s; all else is OTHER. */
enum moe__category {
    MOE__CATEGORY_OTHER,
    MOE__CATEGORY_SPACE,
    MOE__CATEGORY_LU,
    MOE__CATEGORY_LL,
    MOE__CATEGORY_LT,
    MOE__CATEGORY_LM,
    MOE__CATEGORY_LO,
    MOE__CATEGORY_M,
    MOE__CATEGORY_ND,
    MOE__CATEGORY_N,
    MOE__CATEGORY_P,
    MOE__CATEGORY_S,
    MOE__N_CATEGORIES
};

/* Any number; those above U+10FFFF are OTHER. */
enum moe__category moe__unicode_category(uint32_t code);

/* unicode_tables.c: first code point << 4 | category, ascending from 0. */
extern const uint32_t moe__unicode_runs[]; /* [moe__n_unicode_runs] */
extern const int32_t moe__n_unicode_runs;

#endif
