/* pattern.c: operations -> deterministic automaton, and matching with it.
 *
 * Owns the alphabet and the subset construction.
 *
 * The automaton keeps Perl's order of preference: a state is a list of
 * operations in the order in which a backtracking matcher would try them, and
 * a match cuts off all that follow it in the list (Cox, "Regular Expression
 * Matching: the Virtual Machine Approach").  Whether a list matches is decided
 * by the character after it, so that looking ahead costs nothing. */
#include "token/pattern.h"

#include "base/utf8.h"
#include "token/pattern_build.h"

/* One entry of `next`: where the state's row starts << 2, and what ends before
 * the character. */
#define PATTERN_STEP_MATCH 1u
#define PATTERN_STEP_SKIP 2u

/* -------------------------------------------------------------- alphabet */

/* Code points that are in the same sets are one class.  Membership depends on
 * the category and on the interval between two ends of ranges. */
static bool pattern_class_of(struct moe__pattern_builder *b, uint32_t code,
                             enum moe__category category, uint8_t *out)
{
    uint64_t signature = 0;
    for (int32_t s = 0; s < b->n_sets; s++) {
        const struct moe__pattern_set *set = &b->sets[s];
        bool is_in = (set->categories >> category & 1) != 0;
        for (int32_t i = set->first; i < set->first + set->n; i++)
            is_in = is_in ||
                    (code >= b->ranges[i].low && code <= b->ranges[i].high);
        signature |= (uint64_t)(is_in != set->is_negated) << s;
    }
    int32_t c = 0;
    while (c < b->n_classes && b->signatures[c] != signature)
        c++;
    if (c == PATTERN_MAX_CLASSES)
        return false;
    b->signatures[c] = signature;
    b->n_classes += c == b->n_classes;
    *out = (uint8_t)c;
    return true;
}

static void pattern_add_start(struct moe__pattern_builder *b, uint32_t code)
{
    int32_t i = b->n_intervals;
    while (i > 0 && b->starts[i - 1] > code)
        i--;
    if (code < 128 || (i > 0 && b->starts[i - 1] == code))
        return;
    memmove(&b->starts[i + 1], &b->starts[i],
            (size_t)(b->n_intervals - i) * sizeof b->starts[0]);
    b->starts[i] = code;
    b->n_intervals++;
}

static bool pattern_alphabet(struct moe__pattern_builder *b, uint8_t ascii[128])
{
    pattern_add_start(b, 128);
    for (int32_t i = 0; i < b->n_ranges; i++) {
        pattern_add_start(b, b->ranges[i].low);
        pattern_add_start(b, b->ranges[i].high + 1);
    }
    for (uint32_t code = 0; code < 128; code++)
        if (!pattern_class_of(b, code, moe__unicode_category(code),
                              &ascii[code]))
            return false;
    for (int32_t i = 0; i < b->n_intervals * MOE__N_CATEGORIES; i++)
        if (!pattern_class_of(b, b->starts[i / MOE__N_CATEGORIES],
                              (enum moe__category)(i % MOE__N_CATEGORIES),
                              &b->classes[i]))
            return false;
    b->signatures[b->n_classes] = 0; /* the end of the text: in no set */
    return true;
}

/* ---------------------------------------------------------------- states */

#define PATTERN_ANY_CLASS (-1)

static bool pattern_holds(const struct moe__pattern_builder *b,
                          const struct moe__pattern_op *look, int32_t c)
{
    return (b->signatures[c] >> look->set & 1) != look->x;
}

/* Appends to the list, in order of preference, the operations that are reached
 * from op without taking a character.  Looks at the next character stay in the
 * list while its class c is not known.  Only the first branch of a split
 * recurs: as deep as groups are nested, at worst PATTERN_MAX_OPS (small). */
static void pattern_follow(struct moe__pattern_builder *b, uint32_t op,
                           int32_t c)
{
    while (b->marks[op] != b->stamp) {
        b->marks[op] = b->stamp;
        const struct moe__pattern_op *at = &b->ops[op];
        if (at->kind == PATTERN_JUMP) {
            op = at->x;
        } else if (at->kind == PATTERN_SPLIT) {
            pattern_follow(b, at->x, c);
            op = at->y;
        } else if (at->kind == PATTERN_LOOK && c != PATTERN_ANY_CLASS) {
            if (!pattern_holds(b, at, c))
                return;
            op++;
        } else {
            if (at->kind != PATTERN_FAIL)
                b->list[b->n_list++] = (uint16_t)op;
            return;
        }
    }
}

/* The number of the state that b->list is; a new one if need be. */
static bool pattern_state_of(struct moe__pattern_builder *b, uint32_t *out)
{
    const size_t bytes = b->n_list * sizeof b->list[0];
    int32_t s = 0;
    while (s < b->n_states &&
           (b->states[s].n != b->n_list ||
            memcmp(b->listed + b->states[s].first, b->list, bytes) != 0))
        s++;
    *out = (uint32_t)s;
    if (s < b->n_states)
        return true;
    if (s == PATTERN_MAX_STATES || PATTERN_MAX_LISTED - b->n_listed < b->n_list)
        return false;
    memcpy(b->listed + b->n_listed, b->list, bytes);
    b->states[b->n_states++] =
        (struct moe__pattern_state){b->n_listed, b->n_list};
    b->n_listed += b->n_list;
    return true;
}

/* From state s by a character of class c. */
static bool pattern_step(struct moe__pattern_builder *b, int32_t s, int32_t c,
                         uint32_t *out)
{
    const struct moe__pattern_state *state = &b->states[s];
    b->stamp++;
    b->n_list = 0;
    for (uint32_t i = 0; i < state->n; i++)
        pattern_follow(b, b->listed[state->first + i], c);
    uint16_t resolved[PATTERN_MAX_OPS];
    const uint32_t n = b->n_list;
    memcpy(resolved, b->list, n * sizeof resolved[0]);

    uint32_t end = 0;
    b->stamp++;
    b->n_list = 0;
    for (uint32_t i = 0; i < n && end == 0; i++) {
        const struct moe__pattern_op *op = &b->ops[resolved[i]];
        if (op->kind == PATTERN_MATCH)
            end = PATTERN_STEP_MATCH;
        else if (op->kind == PATTERN_SKIP)
            end = PATTERN_STEP_MATCH | PATTERN_STEP_SKIP;
        else if (b->signatures[c] >> op->set & 1)
            pattern_follow(b, resolved[i] + 1u, PATTERN_ANY_CLASS);
    }
    uint32_t next;
    if (!pattern_state_of(b, &next))
        return false;
    *out = next * (uint32_t)(b->n_classes + 1) << 2 | end;
    return true;
}

/* State 0 is the empty list, state 1 the start; next is [PATTERN_MAX_STATES,
 * width]. */
static bool pattern_states(struct moe__pattern_builder *b, uint32_t *next)
{
    uint32_t state;
    (void)pattern_state_of(b, &state);
    b->stamp++;
    pattern_follow(b, 0, PATTERN_ANY_CLASS);
    if (!pattern_state_of(b, &state) || state != 1)
        return false;
    const int32_t width = b->n_classes + 1;
    for (int32_t s = 0; s < b->n_states; s++)
        for (int32_t c = 0; c < width; c++)
            if (!pattern_step(b, s, c, next++))
                return false;
    return true;
}

/* ----------------------------------------------------------------- pages */

/* A walk through the code points, upwards. */
struct pattern_walk {
    const struct moe__pattern_builder *b;
    int32_t run;      /* of moe__unicode_runs, that has the code point */
    int32_t interval; /* of b->starts */
};

static uint8_t pattern_walk_to(struct pattern_walk *walk, uint32_t code)
{
    const struct moe__pattern_builder *b = walk->b;
    while (walk->run + 1 < moe__n_unicode_runs &&
           moe__unicode_runs[walk->run + 1] >> 4 <= code)
        walk->run++;
    while (walk->interval + 1 < b->n_intervals &&
           b->starts[walk->interval + 1] <= code)
        walk->interval++;
    return b->classes[walk->interval * MOE__N_CATEGORIES +
                      (int32_t)(moe__unicode_runs[walk->run] & 15)];
}

/* True if the code points up to `last` are of one class for sure. */
static bool pattern_walk_is_even(const struct pattern_walk *walk, uint32_t last)
{
    const struct moe__pattern_builder *b = walk->b;
    return (walk->run + 1 >= moe__n_unicode_runs ||
            moe__unicode_runs[walk->run + 1] >> 4 > last) &&
           (walk->interval + 1 >= b->n_intervals ||
            b->starts[walk->interval + 1] > last);
}

/* Fills pages and, if classes is not NULL, classes; returns how many pages
 * there are.  Pages of one class come first, in the order of the classes.  The
 * classes of ASCII are elsewhere. */
static size_t pattern_fill(const struct moe__pattern_builder *b,
                           uint16_t *pages, uint8_t *classes)
{
    struct pattern_walk walk = {b, 0, 0};
    size_t n_pages = (size_t)b->n_classes;
    for (size_t c = 0; classes && c < n_pages; c++)
        memset(classes + c * 256, (int)c, 256);
    for (uint32_t page = 0; page < MOE__PATTERN_PAGES; page++) {
        const uint32_t first = page << 8;
        const uint8_t class = pattern_walk_to(&walk, first);
        pages[page] = class;
        if (pattern_walk_is_even(&walk, first + 255))
            continue;
        pages[page] = (uint16_t)n_pages;
        for (uint32_t i = 0; classes && i < 256; i++)
            classes[n_pages * 256 + i] = pattern_walk_to(&walk, first + i);
        n_pages++;
    }
    return n_pages;
}

/* --------------------------------------------------------------- compile */

static moe_status pattern_keep(struct moe__arena *arena,
                               const struct moe__pattern_builder *b,
                               const uint32_t *next, struct moe__pattern *out,
                               struct moe__err *err)
{
    const size_t n_next = (size_t)b->n_states * ((size_t)b->n_classes + 1);
    uint32_t *next_kept = moe__arena_alloc(arena, n_next, sizeof *next);
    uint16_t *pages =
        moe__arena_alloc(arena, MOE__PATTERN_PAGES, sizeof *pages);
    uint8_t *classes = NULL;
    if (pages)
        classes = moe__arena_alloc(arena, pattern_fill(b, pages, NULL), 256);
    if (!next_kept || !classes)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for a pattern");
    (void)pattern_fill(b, pages, classes);
    memcpy(next_kept, next, n_next * sizeof *next);
    out->n_classes = b->n_classes;
    out->cuts_threes = b->cuts_threes;
    out->pages = pages;
    out->classes = classes;
    out->next = next_kept;
    return MOE_OK;
}

static moe_status pattern_refuse(const struct moe__pattern_builder *b,
                                 const char *problem, struct moe__err *err)
{
    return moe__fail(err, MOE_ERR_UNSUPPORTED,
                     "pre-tokenizer pattern %s, at byte %zu of \"%.*s\"",
                     problem, b->at, (int)b->regex.n,
                     (const char *)b->regex.data);
}

static moe_status pattern_build(struct moe__arena *arena,
                                struct moe__pattern_builder *b,
                                struct moe__pattern *out, struct moe__err *err)
{
    if (!moe__pattern_parse(b))
        return pattern_refuse(b, "is not understood", err);
    if (!pattern_alphabet(b, out->ascii))
        return pattern_refuse(b, "has too many classes", err);
    const size_t bytes =
        PATTERN_MAX_STATES * ((size_t)b->n_classes + 1) * sizeof(uint32_t);
    uint32_t *next = moe__mem_alloc(arena->mem, bytes);
    if (next == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for a pattern");
    moe_status status = pattern_states(b, next)
                            ? pattern_keep(arena, b, next, out, err)
                            : pattern_refuse(b, "has too many states", err);
    moe__mem_free(arena->mem, next, bytes);
    return status;
}

moe_status moe__pattern_compile(struct moe__arena *arena, const char *regex,
                                struct moe__pattern *out, struct moe__err *err)
{
    struct moe__pattern_builder *b = moe__mem_calloc(arena->mem, 1, sizeof *b);
    if (b == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for a pattern");
    b->regex = moe__slice_str(regex);
    moe_status status = pattern_build(arena, b, out, err);
    moe__mem_free(arena->mem, b, sizeof *b);
    return status;
}

/* ----------------------------------------------------------------- match */

/* The class of the character at s[0] >= 0x80, and its length. */
static uint32_t pattern_wide_class(const struct moe__pattern *pattern,
                                   struct moe__slice s, size_t *n)
{
    uint32_t code;
    const int32_t bytes = moe__utf8_decode(s, &code);
    *n = bytes > 0 ? (size_t)bytes : 1;
    return pattern
        ->classes[(size_t)pattern->pages[code >> 8] << 8 | (code & 255)];
}

/* Where the match that starts exactly at `at` ends; at itself if there is
 * none.  *is_skip: it is one to be passed over. */
static size_t pattern_match(const struct moe__pattern *pattern,
                            struct moe__slice text, size_t at, bool *is_skip)
{
    const uint32_t end_class = (uint32_t)pattern->n_classes;
    uint32_t row = end_class + 1; /* of state 1 */
    uint32_t end_step = 0;
    size_t end = at;
    do {
        uint32_t class = end_class;
        size_t n = 1;
        if (at < text.n && text.data[at] < 128)
            class = pattern->ascii[text.data[at]];
        else if (at < text.n)
            class = pattern_wide_class(
                pattern, moe__slice_of(text.data + at, text.n - at), &n);
        const uint32_t step = pattern->next[row + class];
        if (step & PATTERN_STEP_MATCH) {
            end = at;
            end_step = step;
        }
        row = step >> 2;
        at += n;
    } while (row != 0); /* at the latest after the end */
    *is_skip = (end_step & PATTERN_STEP_SKIP) != 0;
    return end;
}

size_t moe__pattern_find(const struct moe__pattern *pattern,
                         struct moe__slice text, size_t *at)
{
    /* Most characters start no match in many patterns. */
    const uint32_t *start = pattern->next + pattern->n_classes + 1;
    while (*at < text.n) {
        if (text.data[*at] < 128 &&
            start[pattern->ascii[text.data[*at]]] == 0) {
            ++*at;
            continue;
        }
        bool is_skip;
        const size_t end = pattern_match(pattern, text, *at, &is_skip);
        if (end > *at && !is_skip)
            return end;
        uint32_t code;
        const int32_t n = moe__utf8_decode(
            moe__slice_of(text.data + *at, text.n - *at), &code);
        *at = end > *at ? end : *at + (n > 0 ? (size_t)n : 1);
    }
    return text.n;
}
