/* order.c: a stable merge sort of numbers. */
#include "format/order.h"

#include "base/bytes.h"

struct order_sort {
    const void *items;
    moe__order_fn *compare;
    uint32_t *order;   /* [n] */
    uint32_t *scratch; /* [n] */
};

/* Joins the sorted runs [low, middle) and [middle, high). */
static void order_merge(const struct order_sort *sort, size_t low,
                        size_t middle, size_t high)
{
    uint32_t *const order = sort->order;
    uint32_t *const run = sort->scratch;
    const size_t n_left = middle - low;
    memcpy(run, order + low, n_left * sizeof *run);
    size_t left = 0;
    size_t right = middle;
    size_t out = low;
    while (left < n_left && right < high) {
        const bool is_left =
            sort->compare(sort->items, run[left], order[right]) <= 0;
        order[out++] = is_left ? run[left++] : order[right++];
    }
    while (left < n_left)
        order[out++] = run[left++];
}

/* Runs of `width` to runs of 2 * width.  Runs that follow each other stay:
 * names and offsets in a file often are in order already. */
static void order_pass(const struct order_sort *sort, size_t n, size_t width)
{
    for (size_t low = 0, high; n - low > width; low = high) {
        const size_t middle = low + width;
        high = n - middle > width ? middle + width : n;
        if (sort->compare(sort->items, sort->order[middle - 1],
                          sort->order[middle]) > 0)
            order_merge(sort, low, middle, high);
    }
}

uint32_t *moe__order_make(struct moe__arena *arena, const void *items,
                          uint32_t n, moe__order_fn *compare)
{
    uint32_t *order = moe__arena_alloc(arena, n, sizeof *order);
    if (order == NULL || n < 2) /* the arena's 0 is the only number */
        return order;
    uint32_t *scratch = moe__mem_calloc(arena->mem, n, sizeof *scratch);
    if (scratch == NULL)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    const struct order_sort sort = {items, compare, order, scratch};
    for (size_t width = 1; width < n; width *= 2)
        order_pass(&sort, n, width);
    moe__mem_free(arena->mem, scratch, n * sizeof *scratch);
    return order;
}
