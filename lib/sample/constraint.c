/* constraint.c: where a text stands, and which tokens may follow.
 *
 * A mask is a walk through the trie with one place per depth: what is below a
 * forbidden byte is passed over.  Masks are kept by the normal place, which
 * many places share; only tokens that are longer than places of one normal
 * agree on are judged anew.  So a constraint costs a walk for each new place of
 * a grammar, and a copy for one that was there. */
#include "sample/grammar_state.h"

/* Masks that are kept: so many bytes, at least and at most so many masks. */
#define CACHE_BYTES ((size_t)4 << 20)
#define CACHE_MIN_MASKS 16
#define CACHE_MAX_MASKS 1024

struct cached_mask {
    uint64_t *words; /* [n_words] */
    uint64_t used;   /* the time of its last use */
};

/* What tidying must keep is one array: the place to start, the place now, one
 * for each depth of the trie and for each cached mask. */
enum { ROOT_START, ROOT_NOW, ROOT_BEFORE, ROOT_WALK };

struct moe__constraint {
    struct moe__mem *mem;
    const struct moe__grammar *grammar;
    const struct moe__trie *trie; /* may be NULL */
    struct moe__places *places;
    int32_t *roots; /* [n_roots] */
    int32_t n_roots;
    int32_t n_depths;          /* of the walk, with the root */
    struct cached_mask *cache; /* [cap_cache], places in roots */
    int32_t n_cache, cap_cache;
    uint64_t *mask; /* [n_words] where the text stands */
    uint64_t clock;
};

/* ------------------------------------------------------- begin and end */

static moe_status constraint_begin(struct moe__mem *mem,
                                   const struct moe__grammar *grammar,
                                   const struct moe__trie *trie,
                                   struct moe__constraint **out)
{
    struct moe__constraint *c = moe__mem_calloc(mem, 1, sizeof *c);
    *out = c;
    if (c == NULL)
        return MOE_ERR_NO_MEMORY;
    c->mem = mem;
    c->grammar = grammar;
    c->trie = trie;
    if (trie != NULL) {
        const size_t fit =
            CACHE_BYTES / sizeof(uint64_t) / ((size_t)trie->n_words + 1);
        c->n_depths = trie->max_depth + 1;
        c->cap_cache = fit > CACHE_MAX_MASKS   ? CACHE_MAX_MASKS
                       : fit < CACHE_MIN_MASKS ? CACHE_MIN_MASKS
                                               : (int32_t)fit;
        c->cache = moe__mem_calloc(mem, (size_t)c->cap_cache, sizeof *c->cache);
        c->mask =
            moe__mem_calloc(mem, (size_t)trie->n_words + 1, sizeof *c->mask);
        if (c->cache == NULL || c->mask == NULL)
            return MOE_ERR_NO_MEMORY;
    }
    c->n_roots = ROOT_WALK + c->n_depths + c->cap_cache;
    c->roots = moe__mem_calloc(mem, (size_t)c->n_roots, sizeof *c->roots);
    return c->roots != NULL ? MOE_OK : MOE_ERR_NO_MEMORY;
}

static moe_status constraint_end(struct moe__constraint **out,
                                 moe_status status, struct moe__err *err)
{
    if (status == MOE_OK)
        return MOE_OK;
    moe__constraint_destroy(*out);
    *out = NULL;
    return moe__fail(err, status, "constraint: %s",
                     status == MOE_ERR_NO_MEMORY ? "no memory"
                                                 : "the grammar begins in too "
                                                   "many ways");
}

moe_status moe__constraint_create(struct moe__mem *mem,
                                  const struct moe__grammar *grammar,
                                  const struct moe__trie *trie,
                                  struct moe__constraint **out,
                                  struct moe__err *err)
{
    int32_t start = MOE__PLACE_NONE;
    moe_status status = constraint_begin(mem, grammar, trie, out);
    if (status == MOE_OK)
        status =
            moe__places_create(mem, grammar, trie != NULL ? MOE__TRIE_SHORT : 0,
                               &(*out)->places, &start);
    if (status == MOE_OK)
        (*out)->roots[ROOT_START] = (*out)->roots[ROOT_NOW] = start;
    return constraint_end(out, status, err);
}

moe_status moe__constraint_clone(struct moe__mem *mem,
                                 const struct moe__constraint *constraint,
                                 struct moe__constraint **out,
                                 struct moe__err *err)
{
    moe_status status =
        constraint_begin(mem, constraint->grammar, constraint->trie, out);
    if (status == MOE_OK) {
        memcpy((*out)->roots, constraint->roots,
               ROOT_BEFORE * sizeof *constraint->roots);
        status = moe__places_copy(mem, constraint->places, (*out)->roots,
                                  ROOT_BEFORE, &(*out)->places);
    }
    return constraint_end(out, status, err);
}

void moe__constraint_destroy(struct moe__constraint *constraint)
{
    struct moe__constraint *c = constraint;
    if (c == NULL)
        return;
    struct moe__mem *mem = c->mem;
    moe__places_destroy(c->places);
    if (c->trie != NULL) {
        const size_t n_words = (size_t)c->trie->n_words + 1;
        for (int32_t i = 0; i < c->n_cache; i++)
            moe__mem_free(mem, c->cache[i].words,
                          n_words * sizeof *c->cache[i].words);
        moe__mem_free(mem, c->mask, n_words * sizeof *c->mask);
    }
    moe__mem_free(mem, c->cache, (size_t)c->cap_cache * sizeof *c->cache);
    moe__mem_free(mem, c->roots, (size_t)c->n_roots * sizeof *c->roots);
    moe__mem_free(mem, c, sizeof *c);
}

void moe__constraint_reset(struct moe__constraint *constraint)
{
    constraint->roots[ROOT_NOW] = constraint->roots[ROOT_START];
}

/* ----------------------------------------------------------------- places */

moe_status moe__constraint_accept(struct moe__constraint *constraint,
                                  struct moe__slice bytes)
{
    struct moe__constraint *c = constraint;
    moe_status status = MOE_OK;
    c->roots[ROOT_BEFORE] = c->roots[ROOT_NOW];
    for (size_t i = 0; i < bytes.n && status == MOE_OK; i++) {
        moe__places_tidy(c->places, c->roots, c->n_roots);
        status =
            moe__places_step(c->places, bytes.data[i], &c->roots[ROOT_NOW]);
        if (status == MOE_OK && c->roots[ROOT_NOW] == MOE__PLACE_NONE)
            status = MOE_ERR_ARGUMENT;
    }
    if (status != MOE_OK)
        c->roots[ROOT_NOW] = c->roots[ROOT_BEFORE];
    c->roots[ROOT_BEFORE] = MOE__PLACE_NONE;
    return status;
}

bool moe__constraint_can_end(const struct moe__constraint *constraint)
{
    return moe__places_can_end(constraint->places, constraint->roots[ROOT_NOW]);
}

bool moe__constraint_must_end(const struct moe__constraint *constraint)
{
    uint8_t first;
    return moe__places_bytes(constraint->places, constraint->roots[ROOT_NOW],
                             &first) == 0;
}

void moe__constraint_forced(struct moe__constraint *constraint,
                            struct moe__text *out)
{
    struct moe__constraint *c = constraint;
    uint8_t byte;
    c->roots[ROOT_BEFORE] = c->roots[ROOT_NOW];
    while (out->status == MOE_OK && !moe__constraint_can_end(c) &&
           moe__places_bytes(c->places, c->roots[ROOT_NOW], &byte) == 1) {
        moe__places_tidy(c->places, c->roots, c->n_roots);
        if (moe__places_step(c->places, byte, &c->roots[ROOT_NOW]) != MOE_OK)
            break;
        moe__text_byte(out, byte);
    }
    c->roots[ROOT_NOW] = c->roots[ROOT_BEFORE];
    c->roots[ROOT_BEFORE] = MOE__PLACE_NONE;
}

/* ------------------------------------------------------------------ masks */

/* Steps on in a walk; false without memory.  What is beyond the limits is
 * forbidden. */
static bool walk_step(struct moe__constraint *c, uint8_t byte, int32_t from,
                      int32_t to)
{
    int32_t *walk = c->roots + ROOT_WALK; /* [n_depths] */
    int32_t place = moe__places_known(c->places, walk[from], byte);
    if (place == MOE__PLACE_UNKNOWN) {
        place = walk[from];
        const moe_status status = moe__places_step(c->places, byte, &place);
        if (status == MOE_ERR_NO_MEMORY)
            return false;
        walk[to] = status == MOE_OK ? place : MOE__PLACE_NONE;
        moe__places_tidy(c->places, c->roots, c->n_roots);
    } else {
        walk[to] = place;
    }
    return true;
}

/* Sets the bits of the tokens of nodes [first, end) that may follow the place
 * at ROOT_WALK, but for nodes whose tokens are all of the sorts `known`; false
 * without memory. */
static bool mask_walk(struct moe__constraint *c, uint32_t first, uint32_t end,
                      uint32_t known, uint64_t *words)
{
    const struct moe__trie *trie = c->trie;
    for (uint32_t i = first; i < end;) {
        const struct moe__trie_node *node = &trie->nodes[i];
        if ((node->sorts & ~known) == 0) {
            i = node->end;
            continue;
        }
        if (!walk_step(c, node->byte, node->depth - 1, node->depth))
            return false;
        if (c->roots[ROOT_WALK + node->depth] == MOE__PLACE_NONE) {
            i = node->end;
            continue;
        }
        for (uint32_t k = node->first; node->has_token && k < node[1].first;
             k++)
            words[trie->tokens[k] / 64] |= (uint64_t)1
                                           << (trie->tokens[k] % 64);
        i++;
    }
    return true;
}

/* ------------------------------------------------------------------ sorts */

/* In long texts a place is a loop: a string goes on with any letter.  Tokens
 * whose characters are all of sorts that lead back to it are allowed by a few
 * operations on whole masks; only the others are walked.  Where letters are
 * counted and few are left, places are a ladder: short tokens of these sorts
 * are allowed if they have no more characters than it has rungs. */
struct loop_sorts {
    uint32_t exact;  /* bits of sorts that lead to the same place */
    uint32_t normal; /* to one of the same normal: enough for short tokens */
    int32_t n_rungs; /* SHORT: no end in sight */
};

#define LOOP_MAX_PLACES 8

/* The well-formed characters of several bytes (RFC 3629, table 3-7 of Unicode):
 * ranges of each byte; 0: no more. */
static const uint8_t loop_chars[][4][2] = {
    {{0xc2, 0xdf}, {0x80, 0xbf}},
    {{0xe0, 0xe0}, {0xa0, 0xbf}, {0x80, 0xbf}},
    {{0xe1, 0xec}, {0x80, 0xbf}, {0x80, 0xbf}},
    {{0xed, 0xed}, {0x80, 0x9f}, {0x80, 0xbf}},
    {{0xee, 0xef}, {0x80, 0xbf}, {0x80, 0xbf}},
    {{0xf0, 0xf0}, {0x90, 0xbf}, {0x80, 0xbf}, {0x80, 0xbf}},
    {{0xf1, 0xf3}, {0x80, 0xbf}, {0x80, 0xbf}, {0x80, 0xbf}},
    {{0xf4, 0xf4}, {0x80, 0x8f}, {0x80, 0xbf}, {0x80, 0xbf}},
};

/* What texts of a sort do: byte i is in ranges[i]. */
struct loop_texts {
    const uint8_t (*ranges)[2]; /* [n] */
    int32_t n;
    uint32_t bits; /* of the sort */
};

/* The places after all texts of a sort: how many, 0 if one is forbidden or if
 * they are too many.  Of neighbours in one class, one is tried. */
static int32_t loop_places(struct moe__constraint *c, struct loop_texts texts,
                           int32_t from, int32_t out[LOOP_MAX_PLACES])
{
    const uint8_t *class_of = c->grammar->class_of;
    int32_t n_out = 1;
    out[0] = from;
    for (int32_t i = 0; i < texts.n; i++) {
        int32_t before[LOOP_MAX_PLACES];
        const int32_t n_before = n_out;
        const int32_t first = texts.ranges[i][0], last = texts.ranges[i][1];
        memcpy(before, out, sizeof before);
        n_out = 0;
        const int32_t n_bytes = last + 1 - first;
        for (int32_t k = 0; k < n_before * n_bytes; k++) {
            const int32_t byte = first + k % n_bytes;
            int32_t place = before[k / n_bytes], at = 0;
            if (byte > first && class_of[byte] == class_of[byte - 1])
                continue;
            if (moe__places_step(c->places, (uint8_t)byte, &place) != MOE_OK ||
                place == MOE__PLACE_NONE)
                return 0;
            while (at < n_out && out[at] != place)
                at++;
            if (at == LOOP_MAX_PLACES)
                return 0;
            out[at] = place;
            n_out = moe__max_i32(n_out, at + 1);
        }
    }
    return n_out;
}

/* Takes the sort from the loops if one of its texts leads elsewhere. */
static void loop_try(struct moe__constraint *c, struct loop_texts texts,
                     int32_t from, int32_t to, struct loop_sorts *loops)
{
    int32_t places[LOOP_MAX_PLACES] = {0};
    if ((loops->normal & texts.bits) == 0)
        return;
    const int32_t n = loop_places(c, texts, from, places);
    for (int32_t k = 0; k < n; k++) {
        if (places[k] != to)
            loops->exact &= ~texts.bits;
        if (moe__places_normal(c->places, places[k]) !=
            moe__places_normal(c->places, to))
            loops->normal &= ~texts.bits;
    }
    if (n == 0)
        loops->normal &= ~texts.bits;
    loops->exact &= loops->normal;
}

static void loop_try_all(struct moe__constraint *c, int32_t from, int32_t to,
                         struct loop_sorts *loops)
{
    const uint32_t chars = (uint32_t)1 << MOE__TRIE_CHARS;
    for (int32_t i = 0; i < MOE__TRIE_CHARS; i++) {
        const uint8_t range[2] = {moe__trie_sort_first[i],
                                  (uint8_t)(moe__trie_sort_first[i + 1] - 1)};
        loop_try(c, (struct loop_texts){&range, 1, (uint32_t)1 << i}, from, to,
                 loops);
    }
    for (size_t i = 0; i < MOE__COUNT(loop_chars); i++) {
        int32_t n = 0;
        while (n < 4 && loop_chars[i][n][0] != 0)
            n++;
        if ((loops->normal & (chars - 1)) != 0) /* else nothing leads back */
            loop_try(c, (struct loop_texts){loop_chars[i], n, chars}, from, to,
                     loops);
    }
    if ((loops->normal & (chars - 1)) == 0)
        loops->exact = loops->normal = 0;
}

/* At a ladder's end: takes the sorts of which a text may follow. */
static void ladder_end(struct moe__constraint *c, int32_t place,
                       struct loop_sorts *loops)
{
    for (int32_t i = 0; i <= MOE__TRIE_CHARS; i++) {
        const bool is_ascii = i < MOE__TRIE_CHARS;
        const int32_t first = is_ascii ? moe__trie_sort_first[i] : 0xc2;
        const int32_t last = is_ascii ? moe__trie_sort_first[i + 1] - 1 : 0xf4;
        for (int32_t byte = first; byte <= last; byte++) {
            int32_t next = place;
            if (moe__places_step(c->places, (uint8_t)byte, &next) != MOE_OK ||
                next != MOE__PLACE_NONE)
                loops->normal &= ~((uint32_t)1 << i);
        }
    }
}

/* The place after a letter; NONE if it is forbidden. */
static int32_t loop_next(struct moe__constraint *c, int32_t place)
{
    return moe__places_step(c->places, 'g', &place) == MOE_OK ? place
                                                              : MOE__PLACE_NONE;
}

/* Of the place at ROOT_WALK: a loop; or the loop that a letter leads to, for a
 * string's first letter leads into its loop; or a ladder. */
static struct loop_sorts loop_find(struct moe__constraint *c)
{
    const uint32_t all = ((uint32_t)1 << MOE__TRIE_REST) - 1;
    const struct loop_sorts any = {all, all, MOE__TRIE_SHORT};
    int32_t place = c->roots[ROOT_WALK], next = loop_next(c, place);
    struct loop_sorts loops = any;
    loop_try_all(c, place, place, &loops);
    if (loops.normal != 0 || next == MOE__PLACE_NONE)
        return loops;
    loops = any;
    loop_try_all(c, place, next, &loops);
    const struct loop_sorts first = loops;
    loop_try_all(c, next, next, &loops);
    if (loops.normal != 0)
        return loops;
    loops = first;
    for (int32_t i = 1; i < MOE__TRIE_SHORT && loops.normal != 0; i++) {
        place = next;
        next = loop_next(c, place);
        if (next == MOE__PLACE_NONE) {
            ladder_end(c, place, &loops);
            loops.n_rungs = i;
            break;
        }
        loop_try_all(c, place, next, &loops);
    }
    loops.exact = 0;
    return loops;
}

/* The tokens that loops allow. */
static void loop_fill(const struct moe__trie *trie, struct loop_sorts loops,
                      uint64_t *words)
{
    const size_t n_words = (size_t)trie->n_words;
    if (loops.normal == 0) {
        memset(words, 0, n_words * sizeof *words);
        return;
    }
    memcpy(words, trie->rows + MOE__TRIE_ROW_LONGER * n_words,
           n_words * sizeof *words);
    if (loops.n_rungs < MOE__TRIE_SHORT) {
        const int32_t row = MOE__TRIE_ROW_LONGER + loops.n_rungs;
        for (size_t i = 0; i < n_words; i++)
            words[i] &= ~trie->rows[(size_t)row * n_words + i];
    }
    for (uint32_t sort = 0; sort < MOE__TRIE_SORTS; sort++) {
        const uint64_t *row = trie->rows + sort * n_words;
        if ((loops.normal >> sort & 1) == 0)
            for (size_t i = 0; i < n_words; i++)
                words[i] &= ~row[i];
        else if ((loops.exact >> sort & 1) == 0)
            for (size_t i = 0; i < n_words; i++)
                words[i] &= ~(row[i] & trie->is_long[i]);
    }
}

/* A slot of the cache: a new one or that which was not used for longest. */
static struct cached_mask *cache_slot(struct moe__constraint *c)
{
    const size_t n_words = (size_t)c->trie->n_words + 1;
    if (c->n_cache < c->cap_cache) {
        uint64_t *words = moe__mem_alloc(c->mem, n_words * sizeof *words);
        if (words != NULL) {
            c->cache[c->n_cache].words = words;
            return &c->cache[c->n_cache++];
        }
    }
    struct cached_mask *oldest = c->n_cache > 0 ? &c->cache[0] : NULL;
    for (int32_t i = 1; i < c->n_cache; i++)
        if (c->cache[i].used < oldest->used)
            oldest = &c->cache[i];
    return oldest;
}

/* The mask of the place at ROOT_WALK, which is its own normal. */
static const uint64_t *mask_cached(struct moe__constraint *c)
{
    int32_t *cached = c->roots + ROOT_WALK + c->n_depths; /* [n_cache] */
    c->clock++;
    for (int32_t i = 0; i < c->n_cache; i++)
        if (cached[i] == c->roots[ROOT_WALK]) {
            c->cache[i].used = c->clock;
            return c->cache[i].words;
        }
    struct cached_mask *slot = cache_slot(c);
    if (slot == NULL)
        return NULL;
    slot->used = 0;
    cached[slot - c->cache] = MOE__PLACE_NONE;
    const struct moe__trie *trie = c->trie;
    const struct loop_sorts loops = loop_find(c);
    loop_fill(trie, loops, slot->words);
    if (!mask_walk(c, 0, trie->n_short_nodes, loops.normal, slot->words) ||
        !mask_walk(c, trie->n_short_nodes, trie->n_nodes, loops.exact,
                   slot->words))
        return NULL;
    slot->used = c->clock;
    cached[slot - c->cache] = c->roots[ROOT_WALK];
    return slot->words;
}

const uint64_t *moe__constraint_mask(struct moe__constraint *constraint)
{
    struct moe__constraint *c = constraint;
    const struct moe__trie *trie = c->trie;
    if (trie == NULL)
        return NULL;
    int32_t *walk = c->roots + ROOT_WALK;
    const int32_t now = c->roots[ROOT_NOW];
    walk[0] = moe__places_normal(c->places, now);
    const bool is_normal = walk[0] == now;
    const uint64_t *words = mask_cached(c);
    if (words != NULL && !is_normal) {
        for (int32_t i = 0; i < trie->n_words; i++)
            c->mask[i] = words[i] & ~trie->is_long[i];
        walk[0] = c->roots[ROOT_NOW];
        words = mask_walk(c, trie->n_short_nodes, trie->n_nodes, 0, c->mask)
                    ? c->mask
                    : NULL;
    }
    memset(walk, 0, (size_t)c->n_depths * sizeof *walk);
    return words;
}
