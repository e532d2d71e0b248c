/* grammar_places.c: places as numbers.
 *
 * A place is a sorted list of items that is never changed; a table of hashes
 * makes equal ones one number.  Those that are no longer needed are freed from
 * time to time. */
#include "sample/grammar_state.h"

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

static int32_t place_item_compare(const struct moe__place_item *a,
                                  const struct moe__place_item *b)
{
    if (a->state != b->state)
        return a->state < b->state ? -1 : 1;
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    return (a->back > b->back) - (a->back < b->back);
}

static void place_items_sort(struct moe__place_item *items, int32_t n)
{
    for (int32_t gap = n / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11)
        for (int32_t i = gap; i < n; i++) {
            const struct moe__place_item item = items[i];
            int32_t at = i;
            for (; at >= gap && place_item_compare(&items[at - gap], &item) > 0;
                 at -= gap)
                items[at] = items[at - gap];
            items[at] = item;
        }
}

void moe__place_list_tidy(struct moe__place_list *list)
{
    int32_t n = 0;
    place_items_sort(list->data, list->n);
    for (int32_t i = 0; i < list->n; i++)
        if (n == 0 ||
            place_item_compare(&list->data[n - 1], &list->data[i]) != 0)
            list->data[n++] = list->data[i];
    list->n = n;
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

/* Slots for n places, and as many to spare. */
static moe_status slots_reserve(struct moe__places *p, int32_t n)
{
    int32_t cap = moe__max_i32(p->cap_slots, 256);
    while (n >= cap / 2 && cap <= INT32_MAX / 4)
        cap *= 2;
    if (n >= cap / 2)
        return MOE_ERR_UNSUPPORTED;
    if (cap == p->cap_slots)
        return MOE_OK;
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
    MOE__TRY(slots_reserve(p, p->n_places));
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
    if (!is_normal) {
        moe__place_list_tidy(&p->plain);
        MOE__TRY(place_intern_as(p, p->plain.data, p->plain.n, -1, &normal));
    }
    return place_intern_as(p, items, n, normal, out);
}

moe_status moe__places_of(struct moe__places *p, struct moe__place_list *list,
                          int32_t *out)
{
    moe__place_list_tidy(list);
    return moe__places_intern(p, list->data, list->n, out);
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

/* Puts what is marked together in `to`, which has room for it and may be
 * `from`; numbers [n_places] become the new ones. */
static void tidy_move(struct moe__places *to, const struct moe__places *from,
                      int32_t *numbers)
{
    const int32_t n_before = from->n_places;
    int32_t n_places = 0, n_items = 0;
    for (int32_t i = 0; i < n_before; i++) {
        struct moe__place place = from->places[i];
        if (numbers[i] == 0)
            continue;
        numbers[i] = n_places;
        for (int32_t k = 0; k < place.n; k++) {
            struct moe__place_item item = from->items.data[place.first + k];
            item.back = numbers[item.back];
            to->items.data[n_items + k] = item;
        }
        place.first = n_items;
        place.hash = items_hash(to->items.data + n_items, place.n);
        place.normal = numbers[place.normal];
        place.seen = 0;
        place.nexts = place.one[0] = -1;
        to->places[n_places++] = place;
        n_items += place.n;
    }
    to->n_places = n_places;
    to->items.n = n_items;
    to->n_nexts = 0;
    to->closure = 0;
    slots_fill(to);
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
    tidy_move(p, p, numbers);
    for (int32_t i = 0; i < n; i++)
        roots[i] = numbers[roots[i]];
    moe__mem_free(p->mem, numbers, bytes);
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

static moe_status copy_marked(struct moe__places *to,
                              const struct moe__places *from, int32_t *numbers)
{
    int32_t n_places = 0, n_items = 0;
    for (int32_t i = 0; i < from->n_places; i++)
        if (numbers[i] != 0) {
            n_places++;
            n_items += from->places[i].n;
        }
    if (!MOE__GRAMMAR_ROOM(to->mem, to->places, to->cap_places, n_places) ||
        !MOE__GRAMMAR_ROOM(to->mem, to->items.data, to->items.cap, n_items))
        return MOE_ERR_NO_MEMORY;
    MOE__TRY(slots_reserve(to, n_places));
    tidy_move(to, from, numbers);
    return MOE_OK;
}

moe_status moe__places_copy(struct moe__mem *mem,
                            const struct moe__places *places, int32_t *roots,
                            int32_t n, struct moe__places **out)
{
    const size_t bytes = (size_t)places->n_places * sizeof(int32_t);
    int32_t *numbers = moe__mem_alloc(mem, bytes);
    moe_status status =
        moe__places_begin(mem, places->grammar, places->reach, out);
    if (numbers == NULL)
        status = MOE_ERR_NO_MEMORY;
    if (status == MOE_OK) {
        tidy_mark(places, roots, n, numbers);
        status = copy_marked(*out, places, numbers);
    }
    for (int32_t i = 0; i < n && status == MOE_OK; i++)
        roots[i] = numbers[roots[i]];
    moe__mem_free(mem, numbers, bytes);
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
    list_free(mem, &p->plain);
    moe__mem_free(mem, p, sizeof *p);
}
