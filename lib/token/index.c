/* index.c: the hash tables of a vocabulary. */
#include "token/index.h"

/* With two thirds of the slots in use, honest contents need some dozens of
 * probes at worst. */
#define INDEX_PROBES 1024u

/* A power of two that leaves a third free; 0 if n is too large. */
static size_t index_slots(size_t n)
{
    size_t slots = 16;
    if (n > UINT32_MAX / 4)
        return 0;
    while (slots < n + n / 2)
        slots *= 2;
    return slots;
}

/* ------------------------------------------------------------------ text */

/* FNV-1a, continued over both parts (Fowler, Noll, Vo). */
static uint64_t text_hash(struct moe__slice head, struct moe__slice tail)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < head.n; i++)
        hash = (hash ^ head.data[i]) * 0x100000001b3u;
    for (size_t i = 0; i < tail.n; i++)
        hash = (hash ^ tail.data[i]) * 0x100000001b3u;
    return (hash ^ hash >> 32) * 0x9e3779b97f4a7c15u;
}

static bool text_is_joined(struct moe__slice text, struct moe__slice head,
                           struct moe__slice tail)
{
    return text.n == head.n + tail.n &&
           memcmp(text.data, head.data, head.n) == 0 &&
           (tail.n == 0 || memcmp(text.data + head.n, tail.data, tail.n) == 0);
}

bool moe__text_index_init(struct moe__text_index *index,
                          struct moe__arena *arena,
                          const struct moe__slice *texts, size_t n)
{
    const size_t slots = index_slots(n);
    index->texts = texts;
    index->mask = (uint32_t)slots - 1;
    index->slots = slots == 0
                       ? NULL
                       : moe__arena_alloc(arena, slots, sizeof *index->slots);
    return index->slots != NULL;
}

/* The slot of the text, or the empty one where the search for it ends; NULL
 * after too many probes. */
static uint64_t *text_slot(const struct moe__text_index *index,
                           struct moe__slice head, struct moe__slice tail,
                           uint64_t hash)
{
    uint32_t at = (uint32_t)(hash >> 32);
    for (uint32_t i = 0; i < INDEX_PROBES; i++, at++) {
        uint64_t *slot = &index->slots[at & index->mask];
        if (*slot == 0)
            return slot;
        const uint32_t id = (uint32_t)*slot - 1;
        if (*slot >> 32 == (uint32_t)hash &&
            text_is_joined(index->texts[id], head, tail))
            return slot;
    }
    return NULL;
}

bool moe__text_index_add(struct moe__text_index *index, moe_token id)
{
    const struct moe__slice none = {NULL, 0};
    const struct moe__slice text = index->texts[id];
    if (text.n == 0)
        return true;
    const uint64_t hash = text_hash(text, none);
    uint64_t *slot = text_slot(index, text, none, hash);
    if (slot && *slot == 0)
        *slot = hash << 32 | ((uint32_t)id + 1);
    return slot != NULL;
}

moe_token moe__text_index_find_joined(const struct moe__text_index *index,
                                      struct moe__slice head,
                                      struct moe__slice tail)
{
    if (head.n == 0)
        return MOE_TOKEN_NONE;
    const uint64_t *slot = text_slot(index, head, tail, text_hash(head, tail));
    return slot && *slot ? (moe_token)((uint32_t)*slot - 1) : MOE_TOKEN_NONE;
}

moe_token moe__text_index_find(const struct moe__text_index *index,
                               struct moe__slice text)
{
    const struct moe__slice none = {NULL, 0};
    return moe__text_index_find_joined(index, text, none);
}

/* ----------------------------------------------------------------- pairs */

bool moe__pair_index_init(struct moe__pair_index *index,
                          struct moe__arena *arena, size_t n)
{
    const size_t slots = index_slots(n);
    index->mask = (uint32_t)slots - 1;
    index->slots = slots == 0
                       ? NULL
                       : moe__arena_alloc(arena, slots, sizeof *index->slots);
    if (index->slots)
        memset(index->slots, 0xff, slots * sizeof *index->slots);
    return index->slots != NULL;
}

static struct moe__pair *pair_slot(const struct moe__pair_index *index,
                                   uint32_t left, uint32_t right)
{
    /* The upper half of a product depends on all bits of the key. */
    const uint64_t key = (uint64_t)left << 32 | right;
    uint32_t at = (uint32_t)(key * 0x9e3779b97f4a7c15u >> 32);
    for (uint32_t i = 0; i < INDEX_PROBES; i++, at++) {
        struct moe__pair *slot = &index->slots[at & index->mask];
        if (slot->left == UINT32_MAX ||
            (slot->left == left && slot->right == right))
            return slot;
    }
    return NULL;
}

struct moe__pair *moe__pair_index_add(struct moe__pair_index *index,
                                      uint32_t left, uint32_t right)
{
    struct moe__pair *slot = pair_slot(index, left, right);
    if (slot) {
        slot->left = left;
        slot->right = right;
    }
    return slot;
}

const struct moe__pair *
moe__pair_index_find(const struct moe__pair_index *index, uint32_t left,
                     uint32_t right)
{
    const struct moe__pair *slot = pair_slot(index, left, right);
    return slot && slot->left == left ? slot : NULL;
}
