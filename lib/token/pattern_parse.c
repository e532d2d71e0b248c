/* pattern_parse.c: regular expression -> operations.
 *
 * Owns the syntax that pattern.h describes.  Assumes nothing about the pattern;
 * sizes are limited and a pattern beyond them is refused. */
#include "token/pattern_build.h"

#include "base/utf8.h"

static bool pattern_accept(struct moe__pattern_builder *b, const char *token)
{
    const size_t n = strlen(token);
    if (b->regex.n - b->at < n || memcmp(b->regex.data + b->at, token, n) != 0)
        return false;
    b->at += n;
    return true;
}

static bool pattern_is_at(const struct moe__pattern_builder *b, char c)
{
    return b->at < b->regex.n && b->regex.data[b->at] == (uint8_t)c;
}

static bool pattern_code(struct moe__pattern_builder *b, uint32_t *code)
{
    if (b->at == b->regex.n)
        return false;
    const struct moe__slice rest =
        moe__slice_of(b->regex.data + b->at, b->regex.n - b->at);
    const int32_t n = moe__utf8_decode(rest, code);
    b->at += n > 0 ? (size_t)n : 0;
    return n > 0;
}

/* A decimal number, at most the largest count of repeats. */
static bool pattern_number(struct moe__pattern_builder *b, int32_t *out)
{
    const size_t from = b->at;
    int32_t v = 0;
    while (b->at < b->regex.n && b->regex.data[b->at] - '0' + 0u < 10 &&
           v < PATTERN_UNBOUNDED)
        v = v * 10 + b->regex.data[b->at++] - '0';
    *out = v;
    return b->at > from && v < PATTERN_UNBOUNDED;
}

static bool pattern_hex(struct moe__pattern_builder *b, int32_t n_digits,
                        uint32_t *code)
{
    *code = 0;
    for (; n_digits > 0 && b->at < b->regex.n; n_digits--) {
        const uint32_t c = b->regex.data[b->at++];
        const uint32_t letter = (c | 32) - 'a';
        if (c - '0' >= 10 && letter >= 6)
            return false;
        *code = *code << 4 | (c - '0' < 10 ? c - '0' : letter + 10);
    }
    return n_digits == 0;
}

static bool pattern_add_range(struct moe__pattern_builder *b, uint32_t low,
                              uint32_t high)
{
    if (b->n_ranges == PATTERN_MAX_RANGES || high < low)
        return false;
    b->ranges[b->n_ranges++] = (struct moe__pattern_range){low, high};
    b->sets[b->n_sets].n++;
    return true;
}

/* A character; without regard to case also its other cases, among which are
 * two beyond ASCII: long s and the Kelvin sign (CaseFolding.txt). */
static bool pattern_add_code(struct moe__pattern_builder *b, uint32_t code)
{
    const uint32_t lower = code | 32;
    if (!b->is_caseless || lower - 'a' >= 26)
        return pattern_add_range(b, code, code);
    return pattern_add_range(b, lower, lower) &&
           pattern_add_range(b, lower - 32, lower - 32) &&
           (lower != 's' || pattern_add_range(b, 0x17f, 0x17f)) &&
           (lower != 'k' || pattern_add_range(b, 0x212a, 0x212a));
}

#define PATTERN_BIT(name) (1u << MOE__CATEGORY_##name)
#define PATTERN_ALL_BITS ((1u << MOE__N_CATEGORIES) - 1)

static const struct {
    const char *escape;
    uint32_t categories;
} pattern_classes[] = {
    {"s", PATTERN_BIT(SPACE)},
    {"S", PATTERN_ALL_BITS & ~PATTERN_BIT(SPACE)},
    {"d", PATTERN_BIT(ND)},
    {"p{L}", PATTERN_BIT(LU) | PATTERN_BIT(LL) | PATTERN_BIT(LT) |
                 PATTERN_BIT(LM) | PATTERN_BIT(LO)},
    {"p{Lu}", PATTERN_BIT(LU)},
    {"p{Ll}", PATTERN_BIT(LL)},
    {"p{Lt}", PATTERN_BIT(LT)},
    {"p{Lm}", PATTERN_BIT(LM)},
    {"p{Lo}", PATTERN_BIT(LO)},
    {"p{M}", PATTERN_BIT(M)},
    {"p{N}", PATTERN_BIT(ND) | PATTERN_BIT(N)},
    {"p{Nd}", PATTERN_BIT(ND)},
    {"p{P}", PATTERN_BIT(P)},
    {"p{S}", PATTERN_BIT(S)},
};

/* What follows a backslash: *categories of a class, or 0 and a *code. */
static bool pattern_escape(struct moe__pattern_builder *b, uint32_t *categories,
                           uint32_t *code)
{
    static const char controls[][2] = {{'r', '\r'}, {'n', '\n'}, {'t', '\t'}};
    for (size_t i = 0; i < MOE__COUNT(pattern_classes); i++)
        if (pattern_accept(b, pattern_classes[i].escape)) {
            *categories = pattern_classes[i].categories;
            return true;
        }
    *categories = 0;
    if (pattern_accept(b, "u"))
        return pattern_hex(b, 4, code);
    if (pattern_accept(b, "U"))
        return pattern_hex(b, 8, code);
    if (!pattern_code(b, code))
        return false;
    for (size_t i = 0; i < MOE__COUNT(controls); i++)
        if (*code == (uint32_t)controls[i][0]) {
            *code = (uint32_t)controls[i][1];
            return true;
        }
    const enum moe__category kind = moe__unicode_category(*code);
    return kind == MOE__CATEGORY_P || kind == MOE__CATEGORY_S;
}

/* A class or a character, outside or inside of brackets. */
static bool pattern_member(struct moe__pattern_builder *b, uint32_t *categories,
                           uint32_t *code)
{
    *categories = 0;
    return pattern_accept(b, "\\") ? pattern_escape(b, categories, code)
                                   : pattern_code(b, code);
}

static bool pattern_bracket(struct moe__pattern_builder *b)
{
    struct moe__pattern_set *set = &b->sets[b->n_sets];
    set->is_negated = pattern_accept(b, "^");
    do {
        uint32_t categories, low, high, none;
        if (!pattern_member(b, &categories, &low))
            return false;
        set->categories |= (uint16_t)categories;
        if (categories != 0)
            continue;
        const size_t from = b->at;
        if (!pattern_accept(b, "-") || pattern_is_at(b, ']')) {
            b->at = from;
            if (!pattern_add_code(b, low))
                return false;
        } else if (!pattern_member(b, &none, &high) || none != 0 ||
                   !pattern_add_range(b, low, high)) {
            return false;
        }
    } while (!pattern_is_at(b, ']') && b->at < b->regex.n);
    return pattern_accept(b, "]");
}

static bool pattern_set_equal(const struct moe__pattern_builder *b,
                              const struct moe__pattern_set *p,
                              const struct moe__pattern_set *q)
{
    return p->categories == q->categories && p->is_negated == q->is_negated &&
           p->n == q->n &&
           memcmp(&b->ranges[p->first], &b->ranges[q->first],
                  p->n * sizeof b->ranges[0]) == 0;
}

/* Parses one character, class or bracket; *out is its set, shared with an
 * equal one if there is any. */
static bool pattern_set(struct moe__pattern_builder *b, uint8_t *out)
{
    if (b->n_sets == PATTERN_MAX_SETS ||
        (b->at < b->regex.n && strchr("?*+{}|)].^", b->regex.data[b->at])))
        return false;
    struct moe__pattern_set *set = &b->sets[b->n_sets];
    *set = (struct moe__pattern_set){.first = (uint16_t)b->n_ranges};
    if (pattern_accept(b, "[")) {
        if (!pattern_bracket(b))
            return false;
    } else {
        uint32_t categories, code;
        if (!pattern_member(b, &categories, &code) ||
            (categories == 0 && !pattern_add_code(b, code)))
            return false;
        set->categories = (uint16_t)categories;
    }
    int32_t i = 0;
    while (!pattern_set_equal(b, &b->sets[i], set))
        i++;
    if (i < b->n_sets)
        b->n_ranges = set->first;
    else
        b->n_sets++;
    *out = (uint8_t)i;
    return true;
}

static bool pattern_emit(struct moe__pattern_builder *b,
                         enum moe__pattern_op_kind kind, uint8_t set, int32_t x)
{
    if (b->n_ops == PATTERN_MAX_OPS)
        return false;
    b->ops[b->n_ops++] = (struct moe__pattern_op){(uint8_t)kind, set,
                                                  (uint16_t)x, PATTERN_NO_OP};
    return true;
}

static bool pattern_alternatives(struct moe__pattern_builder *b);

static bool pattern_look(struct moe__pattern_builder *b, bool is_negative)
{
    uint8_t set;
    return pattern_set(b, &set) && pattern_accept(b, ")") &&
           pattern_emit(b, PATTERN_LOOK, set, is_negative);
}

static bool pattern_atom(struct moe__pattern_builder *b)
{
    if (pattern_accept(b, "(*SKIP)(*F)"))
        return pattern_emit(b, PATTERN_SKIP, 0, 0);
    if (pattern_accept(b, "(?!"))
        return pattern_look(b, true);
    if (pattern_accept(b, "(?="))
        return pattern_look(b, false);
    const bool was_caseless = b->is_caseless;
    if (pattern_accept(b, "(?i:"))
        b->is_caseless = true;
    else if (!pattern_accept(b, "(?:") && !pattern_accept(b, "(")) {
        uint8_t set;
        return pattern_set(b, &set) && pattern_emit(b, PATTERN_SET, set, 0);
    }
    if (!pattern_alternatives(b) || !pattern_accept(b, ")"))
        return false;
    b->is_caseless = was_caseless;
    return true;
}

/* The repeat after an atom, {1,1} if there is none. */
static bool pattern_repeat(struct moe__pattern_builder *b, int32_t *min,
                           int32_t *max)
{
    *min = pattern_is_at(b, '?') || pattern_is_at(b, '*') ? 0 : 1;
    *max =
        pattern_is_at(b, '*') || pattern_is_at(b, '+') ? PATTERN_UNBOUNDED : 1;
    if (pattern_accept(b, "?") || pattern_accept(b, "*") ||
        pattern_accept(b, "+") || !pattern_accept(b, "{"))
        return true;
    if (!pattern_number(b, min))
        return false;
    *max = *min;
    if (pattern_accept(b, ",") && !pattern_number(b, max))
        return false;
    return *max >= *min && pattern_accept(b, "}");
}

/* Repeats are made by parsing the atom again: x{2,4} is x x (x (x)?)?, and
 * x+ is x x*, where x* is a split over x and a jump back. */
static bool pattern_item(struct moe__pattern_builder *b)
{
    if (pattern_accept(b, "$")) /* no character follows */
        return pattern_emit(b, PATTERN_LOOK, 0, 1);
    const size_t from = b->at;
    const int32_t first_op = b->n_ops;
    int32_t min, max;
    if (!pattern_atom(b) || !pattern_repeat(b, &min, &max))
        return false;
    const size_t after = b->at;
    b->n_ops = first_op;
    int32_t splits = PATTERN_NO_OP; /* to go behind the item; linked by y */
    for (int32_t i = 0; i < (max == PATTERN_UNBOUNDED ? min + 1 : max); i++) {
        const int32_t split = b->n_ops;
        if (i >= min) {
            if (!pattern_emit(b, PATTERN_SPLIT, 0, split + 1))
                return false;
            b->ops[split].y = (uint16_t)splits;
            splits = split;
        }
        b->at = from;
        if (!pattern_atom(b))
            return false;
    }
    if (max == PATTERN_UNBOUNDED && !pattern_emit(b, PATTERN_JUMP, 0, splits))
        return false;
    for (int32_t next; splits != PATTERN_NO_OP; splits = next) {
        next = b->ops[splits].y;
        b->ops[splits].y = (uint16_t)b->n_ops;
    }
    b->at = after;
    return true;
}

/* split A1 (..) jump end A1: split A2 (..) jump end A2: fail end: */
static bool pattern_alternatives(struct moe__pattern_builder *b)
{
    if (b->depth == PATTERN_MAX_DEPTH)
        return false;
    b->depth++;
    int32_t jumps = PATTERN_NO_OP; /* to the end; linked by x */
    do {
        const int32_t split = b->n_ops;
        if (!pattern_emit(b, PATTERN_SPLIT, 0, split + 1))
            return false;
        while (b->at < b->regex.n && !pattern_is_at(b, '|') &&
               !pattern_is_at(b, ')'))
            if (!pattern_item(b))
                return false;
        if (!pattern_emit(b, PATTERN_JUMP, 0, jumps))
            return false;
        jumps = b->n_ops - 1;
        b->ops[split].y = (uint16_t)b->n_ops;
    } while (pattern_accept(b, "|"));
    if (!pattern_emit(b, PATTERN_FAIL, 0, 0))
        return false;
    for (int32_t next; jumps != PATTERN_NO_OP; jumps = next) {
        next = b->ops[jumps].x;
        b->ops[jumps].x = (uint16_t)b->n_ops;
    }
    b->depth--;
    return true;
}

bool moe__pattern_parse(struct moe__pattern_builder *b)
{
    b->cuts_threes = pattern_accept(b, "(*THREES)");
    b->sets[b->n_sets++].categories = PATTERN_ALL_BITS; /* set 0, for $ */
    return pattern_alternatives(b) && b->at == b->regex.n &&
           pattern_emit(b, PATTERN_MATCH, 0, 0);
}
