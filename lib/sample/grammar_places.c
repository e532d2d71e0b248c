/* grammar_places.c: places as numbers.
 *
 * A place is a sorted list of items that is never changed; a table of hashes
 * makes equal ones one number.  Those that are no longer needed are freed from
 * time to time. */
#include "sample/grammar_state.h"

/* Places that the unions of one step may make, and how deep in the stacks they
 * may go. */
#define UNION_MAX_DEPTH 256
/* Bytes of places before those that are no longer needed are freed; at least,
 * and in relation to what was needed the last time. */
#define TIDY_MIN_BYTES ((size_t)8 << 20)
#define TIDY_FACTOR 3

moe_status moe__places_add(struct moe__places *p, struct moe__place_list *list,
                           struct moe__place_item item)
{
    if (!MOE__GRAMMAR_ROOM(p->mem, list->data, list->cap, list->n + 1))
        return MOE_ERR_NO_MEMORY;
    list->data[list->n++] = item;
    return MOE_OK;
}

int32_t moe__place_item_compare(const struct moe__place_item *a,
                                const struct moe__place_item *b)
{
    if (a->state != b->state)
        return a->state < b->state ? -1 : 1;
    return (a->count > b->count) - (a->count < b->count);
}

void moe__place_items_sort(struct moe__place_item *items, int32_t n)
{
    for (int32_t gap = n / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11)
        for (int32_t i = gap; i < n; i++) {
            const struct moe__place_item item = items[i];
            int32_t at = i;
            for (; at >= gap &&
                   moe__place_item_compare(&items[at - gap], &item) > 0;
                 at -= gap)
                items[at] = items[at - gap];
            items[at] = item;
        }
}

const struct moe__place_item *moe__place_items(const struct moe__places *p,
                                               int32_t place)
{
    return p->items.data + p->places[place].first;
}

/* --------------------------------------------------------------- interning */

static uint32_t items_hash(const struct moe__place_item *items, int32_t n)
{
    uint32_t hash = 2166136261u; /* FNV-1a, by words */
    for (int32_t i = 0; i < n; i++) {
        hash = (hash ^ (uint32_t)items[i].state) * 16777619u;
        hash = (hash ^ (uint32_t)items[i].count) * 16777619u;
        hash = (hash ^ (uint32_t)items[i].back) * 16777619u;
    }
    return hash ^ hash >> 15;
}

/* The slot of a place with these items, or the free one where it belongs. */
static int32_t *place_slot(const struct moe__places *p,
                           const struct moe__place_item *items, int32_t n,
                           uint32_t hash)
{
    const uint32_t mask = (uint32_t)p->cap_slots - 1;
    for (uint32_t at = hash & mask;; at = (at + 1) & mask) {
        const int32_t place = p->slots[at];
        if (place < 0 ||
            (p->places[place].hash == hash && p->places[place].n == n &&
             (n == 0 || memcmp(moe__place_items(p, place), items,
                               (size_t)n * sizeof *items) == 0)))
            return &p->slots[at];
    }
}

static void slots_fill(struct moe__places *p)
{
    for (int32_t i = 0; i < p->cap_slots; i++)
        p->slots[i] = -1;
    for (int32_t i = 0; i < p->n_places; i++)
        *place_slot(p, moe__place_items(p, i), p->places[i].n,
                    p->places[i].hash) = i;
}

/* At most half full. */
static moe_status slots_reserve(struct moe__places *p)
{
    if (p->n_places < p->cap_slots / 2)
        return MOE_OK;
    if (p->cap_slots > INT32_MAX / 4)
        return MOE_ERR_UNSUPPORTED;
    const int32_t cap = moe__max_i32(2 * p->cap_slots, 256);
    int32_t *slots = moe__mem_alloc(p->mem, (size_t)cap * sizeof *slots);
    if (slots == NULL)
        return MOE_ERR_NO_MEMORY;
    moe__mem_free(p->mem, p->slots, (size_t)p->cap_slots * sizeof *p->slots);
    p->slots = slots;
    p->cap_slots = cap;
    slots_fill(p);
    return MOE_OK;
}

/* Items of no list that can grow meanwhile but `items`; normal -1: its own. */
static moe_status place_intern_as(struct moe__places *p,
                                  const struct moe__place_item *items,
                                  int32_t n, int32_t normal, int32_t *out)
{
    const uint32_t hash = items_hash(items, n);
    MOE__TRY(slots_reserve(p));
    int32_t *slot = place_slot(p, items, n, hash);
    if (*slot < 0) {
        if (n > INT32_MAX / 2 - p->items.n)
            return MOE_ERR_UNSUPPORTED;
        if (!MOE__GRAMMAR_ROOM(p->mem, p->places, p->cap_places,
                               p->n_places + 1) ||
            !MOE__GRAMMAR_ROOM(p->mem, p->items.data, p->items.cap,
                               p->items.n + n))
            return MOE_ERR_NO_MEMORY;
        if (n > 0)
            memcpy(p->items.data + p->items.n, items,
                   (size_t)n * sizeof *items);
        *slot = p->n_places++;
        p->places[*slot] = (struct moe__place){
            .first = p->items.n,
            .n = n,
            .hash = hash,
            .normal = normal < 0 ? *slot : normal,
            .nexts = -1,
            .one = {-1, MOE__PLACE_NONE},
        };
        p->items.n += n;
    }
    *out = *slot;
    return MOE_OK;
}

/* A count that allows the same texts of up to `reach` bytes: each call reads a
 * byte, so one that is farther from both bounds cannot come to them. */
static int32_t normal_count(const struct moe__places *p,
                            const struct moe__place_item *item)
{
    const struct moe__grammar_state *state = &p->grammar->states[item->state];
    const int32_t least = state->least, most = state->most;
    if (!state->is_loop)
        return item->count;
    if (item->count < least)
        return least - item->count > p->reach ? 0 : item->count;
    return most < 0 || most - item->count > p->reach ? least : item->count;
}

moe_status moe__places_intern(struct moe__places *p,
                              const struct moe__place_item *items, int32_t n,
                              int32_t *out)
{
    int32_t normal = -1;
    bool is_normal = true;
    p->plain.n = 0;
    for (int32_t i = 0; p->reach > 0 && i < n; i++) {
        const struct moe__place_item plain = {items[i].state,
                                              normal_count(p, &items[i]),
                                              p->places[items[i].back].normal};
        is_normal &=
            plain.count == items[i].count && plain.back == items[i].back;
        MOE__TRY(moe__places_add(p, &p->plain, plain));
    }
    /* Two items made alike would need a union: then the place is left alone. */
    for (int32_t i = 1; i < p->plain.n && !is_normal; i++)
        is_normal = moe__place_item_compare(&p->plain.data[i - 1],
                                            &p->plain.data[i]) >= 0;
    if (!is_normal)
        MOE__TRY(place_intern_as(p, p->plain.data, n, -1, &normal));
    return place_intern_as(p, items, n, normal, out);
}

/* ------------------------------------------------------------------ unions */

/* Appends an item to `merged` from `base` on, or unites it with the last. */
static moe_status merged_add(struct moe__places *p, int32_t base,
                             struct moe__place_item item, int32_t depth)
{
    struct moe__place_list *merged = &p->merged;
    if (merged->n == base ||
        moe__place_item_compare(&merged->data[merged->n - 1], &item) != 0)
        return moe__places_add(p, merged, item);
    int32_t back = merged->data[merged->n - 1].back;
    MOE__TRY(moe__places_unite(p, back, item.back, depth + 1, &back));
    merged->data[merged->n - 1].back = back;
    return MOE_OK;
}

/* Takes what is above `base` from the stack and interns it. */
static moe_status merged_take(struct moe__places *p, int32_t base, int32_t *out)
{
    const moe_status status =
        moe__places_intern(p, p->merged.data + base, p->merged.n - base, out);
    p->merged.n = base;
    return status;
}

static moe_status unite_items(struct moe__places *p, int32_t a, int32_t b,
                              int32_t depth)
{
    const int32_t base = p->merged.n;
    int32_t i = 0, k = 0;
    while (i < p->places[a].n || k < p->places[b].n) {
        const bool is_b =
            i == p->places[a].n ||
            (k < p->places[b].n &&
             moe__place_item_compare(&moe__place_items(p, a)[i],
                                     &moe__place_items(p, b)[k]) > 0);
        const struct moe__place_item item =
            is_b ? moe__place_items(p, b)[k++] : moe__place_items(p, a)[i++];
        MOE__TRY(merged_add(p, base, item, depth));
    }
    return MOE_OK;
}

moe_status moe__places_unite(struct moe__places *p, int32_t a, int32_t b,
                             int32_t depth, int32_t *out)
{
    struct moe__place_union *known =
        &p->unions[((uint32_t)a * 31u + (uint32_t)b) % MOE__PLACE_UNIONS];
    const int32_t base = p->merged.n;
    if (a == b) {
        *out = a;
        return MOE_OK;
    }
    if (known->a == a && known->b == b) {
        *out = known->both;
        return MOE_OK;
    }
    if (depth > UNION_MAX_DEPTH || --p->union_left < 0)
        return MOE_ERR_UNSUPPORTED;
    MOE__TRY(unite_items(p, a, b, depth));
    MOE__TRY(merged_take(p, base, out));
    *known = (struct moe__place_union){a, b, *out};
    return MOE_OK;
}

moe_status moe__places_of(struct moe__places *p, struct moe__place_list *list,
                          int32_t *out)
{
    const int32_t base = p->merged.n;
    moe__place_items_sort(list->data, list->n);
    for (int32_t i = 0; i < list->n; i++)
        MOE__TRY(merged_add(p, base, list->data[i], 0));
    return merged_take(p, base, out);
}

/* ------------------------------------------------------------------ memory */

static size_t places_bytes(const struct moe__places *p)
{
    return (size_t)p->n_places * (sizeof *p->places + 2 * sizeof *p->slots) +
           (size_t)p->items.n * sizeof *p->items.data +
           (size_t)p->n_nexts * sizeof *p->nexts;
}

/* Marks what the roots need: what a place refers to has a lower number. */
static void tidy_mark(const struct moe__places *p, const int32_t *roots,
                      int32_t n, int32_t *numbers)
{
    enum { NEEDED = 1 };
    memset(numbers, 0, (size_t)p->n_places * sizeof *numbers);
    numbers[MOE__PLACE_NONE] = NEEDED;
    for (int32_t i = 0; i < n; i++)
        numbers[roots[i]] = NEEDED;
    for (int32_t i = p->n_places; i-- > 0;) {
        if (numbers[i] != NEEDED)
            continue;
        numbers[p->places[i].normal] = NEEDED;
        for (int32_t k = 0; k < p->places[i].n; k++)
            numbers[moe__place_items(p, i)[k].back] = NEEDED;
    }
}

/* Moves what is needed together; numbers [n_places] become the new ones. */
static void tidy_move(struct moe__places *p, int32_t *numbers)
{
    int32_t n_places = 0, n_items = 0;
    for (int32_t i = 0; i < p->n_places; i++) {
        struct moe__place place = p->places[i];
        if (numbers[i] == 0)
            continue;
        numbers[i] = n_places;
        for (int32_t k = 0; k < place.n; k++) {
            struct moe__place_item item = p->items.data[place.first + k];
            item.back = numbers[item.back];
            p->items.data[n_items + k] = item;
        }
        place.first = n_items;
        place.hash = items_hash(p->items.data + n_items, place.n);
        place.normal = numbers[place.normal];
        place.seen = 0;
        place.nexts = place.one[0] = -1;
        p->places[n_places++] = place;
        n_items += place.n;
    }
    p->n_places = n_places;
    p->items.n = n_items;
}

bool moe__places_tidy(struct moe__places *places, int32_t *roots, int32_t n)
{
    struct moe__places *p = places;
    if (places_bytes(p) < p->tidy_bytes)
        return false;
    const size_t bytes = (size_t)p->n_places * sizeof(int32_t);
    int32_t *numbers = moe__mem_alloc(p->mem, bytes);
    if (numbers == NULL)
        return false; /* the next step may find memory or fail */
    tidy_mark(p, roots, n, numbers);
    tidy_move(p, numbers);
    for (int32_t i = 0; i < n; i++)
        roots[i] = numbers[roots[i]];
    moe__mem_free(p->mem, numbers, bytes);
    p->n_nexts = 0;
    p->closure = 0;
    memset(p->unions, 0, sizeof p->unions);
    slots_fill(p);
    p->tidy_bytes = places_bytes(p) * TIDY_FACTOR;
    if (p->tidy_bytes < TIDY_MIN_BYTES)
        p->tidy_bytes = TIDY_MIN_BYTES;
    return true;
}

void moe__places_clear(struct moe__places *p)
{
    const int32_t n_rules = p->grammar->n_rules;
    for (int32_t i = 0; i < n_rules; i++)
        p->heads[i] = -1;
    for (int32_t i = 0; i < moe__ceil_div(n_rules, 64); i++)
        p->pending[i] = 0;
    p->merged.n = 0;
}

moe_status moe__places_begin(struct moe__mem *mem,
                             const struct moe__grammar *grammar, int32_t reach,
                             struct moe__places **out)
{
    struct moe__places *p = moe__mem_calloc(mem, 1, sizeof *p);
    const size_t n_rules = (size_t)grammar->n_rules;
    *out = p;
    if (p == NULL)
        return MOE_ERR_NO_MEMORY;
    p->mem = mem;
    p->grammar = grammar;
    p->reach = reach;
    p->tidy_bytes = TIDY_MIN_BYTES;
    p->heads = moe__mem_alloc(mem, n_rules * sizeof *p->heads);
    p->pending = moe__mem_alloc(mem, (n_rules + 63) / 64 * sizeof *p->pending);
    if (p->heads == NULL || p->pending == NULL)
        return MOE_ERR_NO_MEMORY;
    moe__places_clear(p);
    return MOE_OK;
}

moe_status moe__places_copy(struct moe__mem *mem,
                            const struct moe__places *places,
                            struct moe__places **out)
{
    moe_status status =
        moe__places_begin(mem, places->grammar, places->reach, out);
    struct moe__places *p = *out;
    if (status == MOE_OK &&
        (!MOE__GRAMMAR_ROOM(mem, p->places, p->cap_places, places->n_places) ||
         !MOE__GRAMMAR_ROOM(mem, p->items.data, p->items.cap, places->items.n)))
        status = MOE_ERR_NO_MEMORY;
    if (status == MOE_OK) {
        memcpy(p->places, places->places,
               (size_t)places->n_places * sizeof *p->places);
        memcpy(p->items.data, places->items.data,
               (size_t)places->items.n * sizeof *p->items.data);
        p->n_places = places->n_places;
        p->items.n = places->items.n;
        for (int32_t i = 0; i < p->n_places; i++) {
            p->places[i].seen = 0;
            p->places[i].nexts = p->places[i].one[0] = -1;
        }
        while (status == MOE_OK && p->n_places >= p->cap_slots / 2)
            status = slots_reserve(p);
    }
    if (status != MOE_OK) {
        moe__places_destroy(p);
        *out = NULL;
    }
    return status;
}

static void list_free(struct moe__mem *mem, const struct moe__place_list *list)
{
    moe__mem_free(mem, list->data, (size_t)list->cap * sizeof *list->data);
}

void moe__places_destroy(struct moe__places *places)
{
    struct moe__places *p = places;
    if (p == NULL)
        return;
    struct moe__mem *mem = p->mem;
    const size_t n_rules = (size_t)p->grammar->n_rules;
    moe__mem_free(mem, p->places, (size_t)p->cap_places * sizeof *p->places);
    moe__mem_free(mem, p->slots, (size_t)p->cap_slots * sizeof *p->slots);
    moe__mem_free(mem, p->nexts, (size_t)p->cap_nexts * sizeof *p->nexts);
    moe__mem_free(mem, p->returns, (size_t)p->cap_returns * sizeof *p->returns);
    moe__mem_free(mem, p->heads, n_rules * sizeof *p->heads);
    moe__mem_free(mem, p->pending, (n_rules + 63) / 64 * sizeof *p->pending);
    list_free(mem, &p->items);
    list_free(mem, &p->arrived);
    list_free(mem, &p->result);
    list_free(mem, &p->set);
    list_free(mem, &p->merged);
    list_free(mem, &p->plain);
    moe__mem_free(mem, p, sizeof *p);
}
