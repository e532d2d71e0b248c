/* unicode.c: look-up in the table of categories. */
#include "token/unicode.h"

enum moe__category moe__unicode_category(uint32_t code)
{
    if (code > 0x10ffff)
        return MOE__CATEGORY_OTHER;
    /* The last run that does not start after code: in [low, high). */
    int32_t low = 0;
    int32_t high = moe__n_unicode_runs;
    while (high - low > 1) {
        const int32_t middle = low + (high - low) / 2;
        if (moe__unicode_runs[middle] >> 4 <= code)
            low = middle;
        else
            high = middle;
    }
    return (enum moe__category)(moe__unicode_runs[low] & 15);
}
