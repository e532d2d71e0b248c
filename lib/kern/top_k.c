/* top_k.c: the k largest of n values, in an order that is total. */
#include "kern/kern.h"

/* Larger values first, NaN after all numbers. */
static bool ranks_before(float a, float b)
{
    return a > b || (a == a && b != b);
}

/* Insertion into a sorted list of k: k is small (a router's choice).  Values
 * come by ascending index, so among equals the lower index stays in front. */
void moe__top_k(int32_t *ids, int32_t k, const float *x, int32_t n)
{
    for (int32_t i = 0, n_ids = 0; i < n; i++) {
        int32_t at = n_ids;
        while (at > 0 && ranks_before(x[i], x[ids[at - 1]]))
            at--;
        if (at == k)
            continue;
        n_ids += n_ids < k;
        for (int32_t j = n_ids - 1; j > at; j--)
            ids[j] = ids[j - 1];
        ids[at] = i;
    }
}
