/* pattern_build.h: what pattern_parse.c hands to pattern.c: a pattern as a list
 * of operations over sets of characters. */
#ifndef MOE_TOKEN_PATTERN_BUILD_H
#define MOE_TOKEN_PATTERN_BUILD_H

#include "token/pattern.h"
#include "token/unicode.h"

enum {
    PATTERN_MAX_OPS = 2048,
    PATTERN_MAX_SETS = 64, /* bits of a signature */
    PATTERN_MAX_RANGES = 256,
    PATTERN_MAX_INTERVALS = 2 * PATTERN_MAX_RANGES + 1,
    PATTERN_MAX_CLASSES = 255,
    PATTERN_MAX_STATES = 4096,
    PATTERN_MAX_LISTED = 1 << 16,
    PATTERN_MAX_DEPTH = 16, /* of groups */
    PATTERN_NO_OP = 0xffff,
    PATTERN_UNBOUNDED = PATTERN_MAX_OPS
};

enum moe__pattern_op_kind {
    PATTERN_SET,   /* one character of the set, then the next operation */
    PATTERN_SPLIT, /* x is tried before y */
    PATTERN_JUMP,  /* to x */
    PATTERN_LOOK, /* the next character is in the set; x = 1: is not, or the end
                   */
    PATTERN_MATCH,
    PATTERN_SKIP,
    PATTERN_FAIL
};

struct moe__pattern_op {
    uint8_t kind;
    uint8_t set;
    uint16_t x;
    uint16_t y;
};

/* Categories and ranges [n] from `first` on in the pool. */
struct moe__pattern_set {
    uint16_t categories; /* bits */
    uint16_t first;
    uint16_t n;
    bool is_negated;
};

struct moe__pattern_range {
    uint32_t low;
    uint32_t high;
};

struct moe__pattern_state {
    uint32_t first; /* in listed */
    uint32_t n;
};

struct moe__pattern_builder {
    struct moe__slice regex;
    size_t at;
    bool is_caseless;
    bool cuts_threes;
    int32_t depth;
    int32_t n_ops;
    int32_t n_sets;
    int32_t n_ranges;
    int32_t n_intervals;
    int32_t n_classes;
    int32_t n_states;
    uint32_t n_listed;
    uint32_t stamp; /* of the closure under way, see marks */
    struct moe__pattern_op ops[PATTERN_MAX_OPS];
    struct moe__pattern_set sets[PATTERN_MAX_SETS];
    struct moe__pattern_range ranges[PATTERN_MAX_RANGES];
    uint32_t starts[PATTERN_MAX_INTERVALS];
    uint8_t classes[PATTERN_MAX_INTERVALS * MOE__N_CATEGORIES];
    uint64_t
        signatures[PATTERN_MAX_CLASSES + 1]; /* class -> the sets it is in */
    struct moe__pattern_state states[PATTERN_MAX_STATES];
    uint16_t listed[PATTERN_MAX_LISTED];
    uint32_t marks[PATTERN_MAX_OPS];
    uint16_t list[PATTERN_MAX_OPS]; /* the list being made */
    uint32_t n_list;
};

/* Fills ops, sets and ranges of a cleared builder from b->regex.  False if it
 * is not of the syntax or too large; b->at is where. */
bool moe__pattern_parse(struct moe__pattern_builder *b);

#endif
