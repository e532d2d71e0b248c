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
    if (status == MOE_OK)
        status = moe__places_copy(mem, constraint->places, &(*out)->places);
    if (status == MOE_OK) {
        (*out)->roots[ROOT_START] = constraint->roots[ROOT_START];
        (*out)->roots[ROOT_NOW] = constraint->roots[ROOT_NOW];
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

/* Sets the bits of the tokens of nodes [first, end) that may follow the place
 * at ROOT_WALK; false without memory. */
static bool mask_walk(struct moe__constraint *c, uint32_t first, uint32_t end,
                      uint64_t *words)
{
    const struct moe__trie *trie = c->trie;
    int32_t *walk = c->roots + ROOT_WALK; /* [n_depths] */
    for (uint32_t i = first; i < end;) {
        const struct moe__trie_node *node = &trie->nodes[i];
        int32_t place = walk[node->depth - 1];
        const moe_status status =
            moe__places_step(c->places, node->byte, &place);
        if (status == MOE_ERR_NO_MEMORY)
            return false;
        if (status != MOE_OK || place == MOE__PLACE_NONE) {
            i = node->end;
            continue;
        }
        walk[node->depth] = place;
        for (uint32_t k = node->first; node->has_token && k < node[1].first;
             k++)
            words[trie->tokens[k] / 64] |= (uint64_t)1
                                           << (trie->tokens[k] % 64);
        i++;
        moe__places_tidy(c->places, c->roots, c->n_roots);
    }
    return true;
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
    const size_t bytes = ((size_t)c->trie->n_words + 1) * sizeof(uint64_t);
    c->clock++;
    for (int32_t i = 0; i < c->n_cache; i++)
        if (cached[i] == c->roots[ROOT_WALK]) {
            c->cache[i].used = c->clock;
            return c->cache[i].words;
        }
    struct cached_mask *slot = cache_slot(c);
    if (slot == NULL)
        return NULL;
    memset(slot->words, 0, bytes);
    slot->used = 0;
    cached[slot - c->cache] = MOE__PLACE_NONE;
    if (!mask_walk(c, 0, c->trie->n_nodes, slot->words))
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
        words = mask_walk(c, trie->n_short_nodes, trie->n_nodes, c->mask)
                    ? c->mask
                    : NULL;
    }
    memset(walk, 0, (size_t)c->n_depths * sizeof *walk);
    return words;
}
