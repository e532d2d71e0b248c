/* order.h: sorting by number, so that names are unique and found quickly.
 *
 * A sorted list with binary search instead of a hash table: n log n whatever
 * the names are, and a file cannot choose names that collide. */
#ifndef MOE_FORMAT_ORDER_H
#define MOE_FORMAT_ORDER_H

#include "base/alloc.h"

/* < 0, 0 or > 0 as item a comes before, beside or after item b. */
typedef int moe__order_fn(const void *items, uint32_t a, uint32_t b);

/* The numbers 0 .. n - 1 in the order of `compare`, equal ones ascending; in
 * the arena.  NULL if there is no memory. */
uint32_t *moe__order_make(struct moe__arena *arena, const void *items,
                          uint32_t n, moe__order_fn *compare);

#endif
