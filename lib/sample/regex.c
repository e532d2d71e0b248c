/* regex.c: regular expressions -> builder.
 *
 * Owns the syntax: that of ECMA-262 with its u flag, as far as finite automata
 * reach.  Literals, . [classes] \d \w \s \D \W \S, \t \n \r \f \v \0 \cX \xHH
 * \uHHHH \u{H}, groups, | * + ? {m,n}; a lazy form matches what its greedy one
 * does.  ^ and $ stand at the ends of a whole alternative.  Refused, with the
 * column: back-references, look-around, \b, \p, other anchors, flags.  Assumes
 * nothing about the pattern. */
#include "sample/regex.h"

#include "base/utf8.h"

#define REGEX_MAX_BYTES ((size_t)1 << 16)
#define REGEX_MAX_DEPTH 64   /* of groups: the parser recurs */
#define REGEX_MAX_RANGES 256 /* of one class */
#define REGEX_MAX_REPEAT 65535
#define REGEX_FAN 32 /* parts that wait for their join */

struct regex_parser {
    struct moe__grammar_builder *builder;
    struct moe__slice pattern;
    size_t at;
    int32_t depth;
    int32_t least; /* characters that are asked for, if it can be said so */
    int32_t most;  /* -1: any number */
    bool is_json;
    bool is_anchored; /* ^ and $ mean what is so anyway */
    struct moe__err err;
};

/* Code points.  Normalised: sorted, with gaps between the ranges, of which a
 * complement has one more at most, and an escape adds three. */
struct regex_set {
    struct moe__code_range ranges[REGEX_MAX_RANGES + 12]; /* [n] */
    int32_t n;
};

/* ----------------------------------------------------------------- sets */

static void regex_set_normalise(struct regex_set *set)
{
    for (int32_t i = 1; i < set->n; i++) { /* by insertion: few and short */
        const struct moe__code_range range = set->ranges[i];
        int32_t at = i;
        for (; at > 0 && set->ranges[at - 1].first > range.first; at--)
            set->ranges[at] = set->ranges[at - 1];
        set->ranges[at] = range;
    }
    int32_t n = 0;
    for (int32_t i = 0; i < set->n; i++) {
        const struct moe__code_range range = set->ranges[i];
        if (n > 0 && range.first <= set->ranges[n - 1].last + 1) {
            if (range.last > set->ranges[n - 1].last)
                set->ranges[n - 1].last = range.last;
        } else {
            set->ranges[n++] = range;
        }
    }
    set->n = n;
}

/* The set is normalised. */
static void regex_set_negate(struct regex_set *set)
{
    uint32_t from = 0;
    int32_t n = 0;
    for (int32_t i = 0; i < set->n; i++) {
        const struct moe__code_range range = set->ranges[i];
        if (range.first > from) /* n <= i: behind what is still to be read */
            set->ranges[n++] = (struct moe__code_range){from, range.first - 1};
        from = range.last + 1;
    }
    if (from <= 0x10ffff)
        set->ranges[n++] = (struct moe__code_range){from, 0x10ffff};
    set->n = n;
}

static bool regex_set_has(const struct regex_set *set, uint32_t code)
{
    for (int32_t i = 0; i < set->n; i++)
        if (set->ranges[i].first <= code && code <= set->ranges[i].last)
            return true;
    return false;
}

/* The set without what JSON escapes. */
static void regex_set_unescaped(struct regex_set *set)
{
    /* x without y is not (not x or y); a class may be full, a copy is not. */
    static const struct moe__code_range escaped[] = {
        {0, 0x1f}, {'"', '"'}, {'\\', '\\'}};
    regex_set_negate(set);
    for (size_t i = 0; i < MOE__COUNT(escaped); i++)
        set->ranges[set->n++] = escaped[i];
    regex_set_normalise(set);
    regex_set_negate(set);
}

/* Those members of a set that are written as prefix and one of letters[16];
 * '-' for those that are not. */
static bool regex_set_escapes(const struct regex_parser *parser,
                              const struct regex_set *set, uint32_t base,
                              const char *letters, const char *prefix,
                              moe__expr *out)
{
    struct moe__code_range ranges[16];
    int32_t n = 0;
    for (uint32_t i = 0; i < 16; i++) {
        const uint32_t letter = (uint8_t)letters[i];
        if (letter != '-' && regex_set_has(set, base + i))
            ranges[n++] = (struct moe__code_range){letter, letter};
    }
    if (n == 0)
        return false;
    const moe__expr parts[] = {
        moe__grammar_bytes(parser->builder, moe__slice_str(prefix)),
        moe__grammar_codes(parser->builder, ranges, n, false)};
    *out = moe__grammar_join(parser->builder, parts, 2);
    return true;
}

/* The set is normalised, and used up. */
static moe__expr regex_set_expr(const struct regex_parser *parser,
                                struct regex_set *set)
{
    /* RFC 8259, section 7: 16 code points each, from base. */
    static const struct {
        uint32_t base;
        char letters[17];
        char prefix[6];
    } escapes[] = {
        {0x00, "--------btn-fr--", "\\"},
        {0x20, "--\"-------------", "\\"},
        {0x50, "------------\\---", "\\"},
        {0x00, "01234567---b--ef", "\\u000"},
        {0x10, "0123456789abcdef", "\\u001"},
    };
    moe__expr ways[1 + MOE__COUNT(escapes)];
    int32_t n = 1;
    for (size_t i = 0; parser->is_json && i < MOE__COUNT(escapes); i++)
        n += regex_set_escapes(parser, set, escapes[i].base, escapes[i].letters,
                               escapes[i].prefix, ways + n);
    if (parser->is_json)
        regex_set_unescaped(set);
    ways[0] = moe__grammar_codes(parser->builder, set->ranges, set->n, false);
    return n == 1 ? ways[0] : moe__grammar_either(parser->builder, ways, n);
}

/* -------------------------------------------------------------- reading */

static bool regex_refuse(struct regex_parser *parser, size_t at,
                         const char *why)
{
    if (parser->err.status == MOE_OK)
        moe__fail(&parser->err, MOE_ERR_ARGUMENT,
                  "regular expression, column %zu: %s", at + 1, why);
    return false;
}

static bool regex_is_at(const struct regex_parser *parser, const char *token)
{
    const size_t n = strlen(token);
    return parser->pattern.n - parser->at >= n &&
           memcmp(parser->pattern.data + parser->at, token, n) == 0;
}

static bool regex_accept(struct regex_parser *parser, const char *token)
{
    const bool is_there = regex_is_at(parser, token);
    parser->at += is_there ? strlen(token) : 0;
    return is_there;
}

static bool regex_code(struct regex_parser *parser, uint32_t *code)
{
    const struct moe__slice rest = moe__slice_of(
        parser->pattern.data + parser->at, parser->pattern.n - parser->at);
    if (rest.n == 0)
        return regex_refuse(parser, parser->at, "it ends too early");
    const int32_t n = moe__utf8_decode(rest, code);
    if (n < 0)
        return regex_refuse(parser, parser->at, "this is not UTF-8");
    parser->at += (size_t)n;
    return true;
}

/* n_digits hexadecimal digits; 0: up to a closing brace. */
static bool regex_hex(struct regex_parser *parser, int32_t n_digits,
                      uint32_t *code)
{
    const size_t from = parser->at;
    uint32_t value = 0;
    for (int32_t i = 0; n_digits == 0 || i < n_digits; i++) {
        if (n_digits == 0 && i > 0 && regex_accept(parser, "}"))
            break;
        const uint32_t c = parser->at < parser->pattern.n
                               ? parser->pattern.data[parser->at++]
                               : 0;
        const uint32_t letter = (c | 32) - 'a';
        value = value << 4 | (c - '0' < 10 ? c - '0' : letter + 10);
        if ((c - '0' >= 10 && letter >= 6) || value > 0x10ffff)
            return regex_refuse(parser, from, "expected hexadecimal digits");
    }
    *code = value;
    return true;
}

/* \uHHHH, where two surrogates make one code point, or \u{H...}. */
static bool regex_unicode(struct regex_parser *parser, uint32_t *code)
{
    const size_t from = parser->at;
    if (regex_accept(parser, "{")) {
        if (!regex_hex(parser, 0, code))
            return false;
    } else if (!regex_hex(parser, 4, code)) {
        return false;
    }
    uint32_t low = 0;
    if (*code - 0xd800 < 0x400 && regex_accept(parser, "\\u")) {
        if (!regex_hex(parser, 4, &low))
            return false;
        if (low - 0xdc00 < 0x400)
            *code = 0x10000 + (*code - 0xd800) * 0x400 + (low - 0xdc00);
    }
    return *code - 0xd800 >= 0x800 ||
           regex_refuse(parser, from, "a surrogate alone is no character");
}

/* What the letter of a class escape stands for (ECMA-262: CharacterClassEscape,
 * WhiteSpace, LineTerminator).  A capital negates. */
static const struct {
    char letter;
    int8_t n;
    struct moe__code_range ranges[10];
} regex_classes[] = {
    {'d', 1, {{'0', '9'}}},
    {'w', 4, {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
    {'s',
     10,
     {{'\t', '\r'},
      {' ', ' '},
      {0xa0, 0xa0},
      {0x1680, 0x1680},
      {0x2000, 0x200a},
      {0x2028, 0x2029},
      {0x202f, 0x202f},
      {0x205f, 0x205f},
      {0x3000, 0x3000},
      {0xfeff, 0xfeff}}},
};

static bool regex_add(struct regex_parser *parser, struct regex_set *set,
                      uint32_t first, uint32_t last)
{
    if (set->n == REGEX_MAX_RANGES)
        return regex_refuse(parser, parser->at, "the class is too long");
    set->ranges[set->n++] = (struct moe__code_range){first, last};
    return true;
}

/* A class escape is added to the set: false if it is none, or too much. */
static bool regex_class_escape(struct regex_parser *parser,
                               struct regex_set *set)
{
    const uint32_t letter =
        parser->at + 1 < parser->pattern.n && regex_is_at(parser, "\\")
            ? parser->pattern.data[parser->at + 1]
            : 0;
    for (size_t i = 0; i < MOE__COUNT(regex_classes); i++) {
        const uint32_t small = (uint8_t)regex_classes[i].letter;
        if ((letter | 32) != small)
            continue;
        parser->at += 2;
        const bool is_negated = letter != small;
        uint32_t from = 0;
        for (int32_t k = 0; k < regex_classes[i].n; k++) {
            const struct moe__code_range range = regex_classes[i].ranges[k];
            const uint32_t first = is_negated ? from : range.first;
            const uint32_t last = is_negated ? range.first - 1 : range.last;
            if (!regex_add(parser, set, first, last))
                return false;
            from = range.last + 1;
        }
        return !is_negated || regex_add(parser, set, from, 0x10ffff);
    }
    return false;
}

/* One character of a pattern, perhaps escaped. */
static bool regex_character(struct regex_parser *parser, uint32_t *code)
{
    static const char letters[] = "tnrfv0";
    static const char meanings[] = {'\t', '\n', '\r', '\f', '\v', 0};
    const size_t from = parser->at;
    if (!regex_accept(parser, "\\"))
        return regex_code(parser, code);
    if (!regex_code(parser, code))
        return false;
    const uint32_t c = *code;
    const uint32_t next =
        parser->at < parser->pattern.n ? parser->pattern.data[parser->at] : 0;
    if (c == 'x')
        return regex_hex(parser, 2, code);
    if (c == 'u')
        return regex_unicode(parser, code);
    if (c == 'c' && (next | 32) - 'a' < 26) {
        parser->at++;
        *code = next & 31;
        return true;
    }
    if (c - '0' < 10 && (c != '0' || next - '0' < 10))
        return regex_refuse(parser, from, "back-references cannot be enforced");
    for (size_t i = 0; letters[i] != 0; i++)
        if (c == (uint8_t)letters[i]) {
            *code = (uint8_t)meanings[i];
            return true;
        }
    if (c == 'b' || c == 'B')
        return regex_refuse(parser, from, "\\b and \\B cannot be enforced");
    if (c == 'p' || c == 'P')
        return regex_refuse(parser, from,
                            "properties of characters are not supported");
    return (c < 128 && (c | 32) - 'a' >= 26) ||
           regex_refuse(parser, from, "this escape does not exist");
}

/* -------------------------------------------------------------- grammar */

static bool regex_class_member(struct regex_parser *parser, uint32_t *code)
{
    *code = '\b';
    return regex_accept(parser, "\\b") || regex_character(parser, code);
}

/* Behind the opening bracket. */
static bool regex_class(struct regex_parser *parser, struct moe__regex *out)
{
    struct regex_set set = {.n = 0};
    const bool is_negated = regex_accept(parser, "^");
    while (!regex_accept(parser, "]")) {
        const size_t from = parser->at;
        uint32_t first = 0;
        uint32_t last = 0;
        if (regex_class_escape(parser, &set)) {
            if (regex_is_at(parser, "-") && !regex_is_at(parser, "-]"))
                return regex_refuse(parser, parser->at,
                                    "a class cannot begin a range");
            continue;
        }
        if (parser->err.status != MOE_OK || !regex_class_member(parser, &first))
            return false;
        last = first;
        if (!regex_is_at(parser, "-]") && regex_accept(parser, "-") &&
            !regex_class_member(parser, &last))
            return false;
        if (last < first)
            return regex_refuse(parser, from, "the range is upside down");
        if (!regex_add(parser, &set, first, last))
            return false;
    }
    regex_set_normalise(&set);
    if (is_negated)
        regex_set_negate(&set);
    *out = (struct moe__regex){regex_set_expr(parser, &set), 1, 1};
    return true;
}

static bool regex_choice(struct regex_parser *parser, struct moe__regex *out);

/* Behind the opening parenthesis. */
static bool regex_group(struct regex_parser *parser, struct moe__regex *out)
{
    const size_t from = parser->at - 1;
    if (regex_accept(parser, "?") && !regex_accept(parser, ":")) {
        if (!regex_accept(parser, "<") || regex_is_at(parser, "=") ||
            regex_is_at(parser, "!"))
            return regex_refuse(parser, from,
                                "look-around and flags cannot be enforced");
        uint32_t code = 0;
        while (code != '>')
            if (!regex_code(parser, &code))
                return false;
    }
    if (++parser->depth > REGEX_MAX_DEPTH)
        return regex_refuse(parser, from, "groups are nested too deeply");
    if (!regex_choice(parser, out))
        return false;
    parser->depth--;
    return regex_accept(parser, ")") ||
           regex_refuse(parser, from, "the group is not closed");
}

static bool regex_atom(struct regex_parser *parser, struct moe__regex *out)
{
    static const struct moe__code_range line_ends[] = {
        {'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};
    struct regex_set set = {.n = 0};
    const size_t from = parser->at;
    if (regex_accept(parser, "("))
        return regex_group(parser, out);
    if (regex_accept(parser, "["))
        return regex_class(parser, out);
    if (regex_accept(parser, "^") || regex_accept(parser, "$"))
        return regex_refuse(parser, from,
                            "^ and $ are supported at the ends only");
    if (regex_is_at(parser, "*") || regex_is_at(parser, "+") ||
        regex_is_at(parser, "?") || regex_is_at(parser, "{"))
        return regex_refuse(parser, from, "there is nothing to repeat");
    if (regex_accept(parser, ".")) {
        for (size_t i = 0; i < MOE__COUNT(line_ends); i++)
            set.ranges[set.n++] = line_ends[i];
        regex_set_negate(&set);
    } else if (!regex_class_escape(parser, &set)) {
        uint32_t code = 0;
        if (!regex_character(parser, &code))
            return false;
        set.ranges[set.n++] = (struct moe__code_range){code, code};
    }
    *out = (struct moe__regex){regex_set_expr(parser, &set), 1, 1};
    return true;
}

static bool regex_number(struct regex_parser *parser, int32_t *out)
{
    const size_t from = parser->at;
    int32_t value = 0;
    for (; parser->at < parser->pattern.n; parser->at++) {
        const uint32_t digit = parser->pattern.data[parser->at] - (uint32_t)'0';
        if (digit >= 10)
            break;
        value = value * 10 + (int32_t)digit;
        if (value > REGEX_MAX_REPEAT)
            return regex_refuse(parser, from, "the repeat is too large");
    }
    *out = value;
    return parser->at > from ||
           regex_refuse(parser, from, "expected a number of repeats");
}

/* A number of characters, or -1: no limit, or beyond all that a caller could
 * ask for. */
static int32_t regex_length_of(int64_t n)
{
    return n >= 0 && n <= INT32_MAX / 2 ? (int32_t)n : -1;
}

static int32_t regex_length_times(int32_t length, int32_t count)
{
    if (length == 0 || count == 0)
        return 0;
    return length < 0 || count < 0 ? -1
                                   : regex_length_of((int64_t)length * count);
}

static int32_t regex_length_plus(int32_t a, int32_t b)
{
    return a < 0 || b < 0 ? -1 : regex_length_of((int64_t)a + b);
}

/* A part of a sequence: how often the unit is repeated. */
struct regex_part {
    struct moe__regex unit;
    int32_t least;
    int32_t most; /* -1: any number */
};

/* What stands behind the unit that was just read. */
static bool regex_quantifier(struct regex_parser *parser,
                             struct regex_part *part)
{
    const size_t from = parser->at;
    int32_t least = 0;
    int32_t most = -1;
    part->least = part->most = 1;
    if (regex_accept(parser, "+")) {
        least = 1;
    } else if (regex_accept(parser, "?")) {
        most = 1;
    } else if (regex_accept(parser, "{")) {
        if (!regex_number(parser, &least))
            return false;
        most = least;
        if (regex_accept(parser, ",")) {
            most = -1;
            if (!regex_is_at(parser, "}") && !regex_number(parser, &most))
                return false;
        }
        if (!regex_accept(parser, "}") || (most >= 0 && most < least))
            return regex_refuse(parser, from, "this is no {m}, {m,} or {m,n}");
    } else if (!regex_accept(parser, "*")) {
        return true;
    }
    regex_accept(parser, "?");
    part->least = least;
    part->most = most;
    return true;
}

/* Any text around a match. */
static struct regex_part regex_anything(const struct regex_parser *parser)
{
    struct regex_set all = {{{0, 0x10ffff}}, 1};
    return (struct regex_part){{regex_set_expr(parser, &all), 1, 1}, 0, -1};
}

/* Parts of a sequence, joined in portions, so that neither the list nor the
 * tree grows with the pattern.  If only one of them has no fixed length, how
 * often its unit is repeated follows from the length of the whole. */
struct regex_joint {
    moe__expr parts[REGEX_FAN]; /* [n] behind the loose part, if there is one */
    int32_t n;
    int32_t least; /* length of all but the loose part */
    int32_t most;
    moe__expr before; /* the loose part */
    struct regex_part loose;
    int32_t n_loose; /* that there were */
};

static void regex_append_expr(const struct regex_parser *parser,
                              struct regex_joint *joint, moe__expr expr)
{
    if (joint->n == REGEX_FAN) {
        joint->parts[0] =
            moe__grammar_join(parser->builder, joint->parts, joint->n);
        joint->n = 1;
    }
    joint->parts[joint->n++] = expr;
}

static moe__expr regex_part_expr(const struct regex_parser *parser,
                                 struct regex_joint *joint,
                                 const struct regex_part *part)
{
    const struct moe__regex unit = part->unit;
    joint->least = regex_length_plus(
        joint->least, regex_length_times(unit.least, part->least));
    joint->most = regex_length_plus(joint->most,
                                    regex_length_times(unit.most, part->most));
    return part->least == 1 && part->most == 1
               ? unit.expr
               : moe__grammar_repeat(parser->builder, unit.expr, part->least,
                                     part->most);
}

/* All parts become one. */
static void regex_settle(const struct regex_parser *parser,
                         struct regex_joint *joint)
{
    const moe__expr after =
        moe__grammar_join(parser->builder, joint->parts, joint->n);
    joint->n = 0;
    if (joint->n_loose == 1) {
        regex_append_expr(parser, joint, joint->before);
        regex_append_expr(parser, joint,
                          regex_part_expr(parser, joint, &joint->loose));
    }
    regex_append_expr(parser, joint, after);
}

static void regex_append(const struct regex_parser *parser,
                         struct regex_joint *joint,
                         const struct regex_part *part)
{
    const bool is_fixed =
        part->unit.least == part->unit.most && part->least == part->most;
    if (!is_fixed && joint->n_loose == 1) /* the second */
        regex_settle(parser, joint);
    if (!is_fixed && joint->n_loose++ == 0) {
        joint->before =
            moe__grammar_join(parser->builder, joint->parts, joint->n);
        joint->loose = *part;
        joint->n = 0;
    } else {
        regex_append_expr(parser, joint, regex_part_expr(parser, joint, part));
    }
}

/* Repeats of the loose part so that the whole has the length that is asked for;
 * the others are fixed.  False if it never has. */
static bool regex_fit(const struct regex_parser *parser,
                      struct regex_joint *joint)
{
    struct regex_part *part = &joint->loose;
    const int32_t unit = part->unit.least;
    const int32_t more = parser->least - joint->least;
    const int32_t room = parser->most - joint->least;
    if (joint->n_loose != 1 || joint->least != joint->most || unit <= 0 ||
        unit != part->unit.most)
        return true;
    if (more > 0)
        part->least = moe__max_i32(part->least, (more - 1) / unit + 1);
    if (parser->most >= 0 && room < 0)
        return false;
    if (parser->most >= 0 && (part->most < 0 || part->most > room / unit))
        part->most = room / unit;
    return part->most < 0 || part->least <= part->most;
}

static bool regex_sequence(struct regex_parser *parser, struct moe__regex *out)
{
    const bool is_whole = parser->depth == 0;
    const bool is_search = is_whole && !parser->is_anchored;
    const struct regex_part anything =
        is_search ? regex_anything(parser) : (struct regex_part){.least = 0};
    struct regex_joint joint = {.n = 0};
    const bool is_first = is_whole && regex_accept(parser, "^");
    bool is_last = false;
    if (is_search && !is_first)
        regex_append(parser, &joint, &anything);
    while (!is_last && parser->at < parser->pattern.n &&
           !regex_is_at(parser, "|") && !regex_is_at(parser, ")")) {
        struct regex_part part = {{-1, 0, 0}, 1, 1};
        is_last = is_whole && regex_accept(parser, "$");
        if (is_last)
            break;
        if (!regex_atom(parser, &part.unit) || !regex_quantifier(parser, &part))
            return false;
        regex_append(parser, &joint, &part);
    }
    if (is_search && !is_last)
        regex_append(parser, &joint, &anything);
    if (is_whole && !regex_fit(parser, &joint)) {
        *out =
            (struct moe__regex){moe__grammar_either(parser->builder, NULL, 0),
                                parser->least, parser->least};
        return true;
    }
    regex_settle(parser, &joint);
    *out = (struct moe__regex){
        moe__grammar_join(parser->builder, joint.parts, joint.n), joint.least,
        joint.most};
    return true;
}

static bool regex_choice(struct regex_parser *parser, struct moe__regex *out)
{
    moe__expr ways[REGEX_FAN];
    int32_t n = 0;
    struct moe__regex all = {-1, INT32_MAX, 0};
    do {
        struct moe__regex way = {-1, 0, 0};
        if (!regex_sequence(parser, &way))
            return false;
        if (n == REGEX_FAN) { /* as in a sequence */
            ways[0] = moe__grammar_either(parser->builder, ways, n);
            n = 1;
        }
        ways[n++] = way.expr;
        all.least = way.least < all.least ? way.least : all.least;
        all.most = way.most < 0 || all.most < 0
                       ? -1
                       : moe__max_i32(all.most, way.most);
    } while (regex_accept(parser, "|"));
    all.expr = n == 1 ? ways[0] : moe__grammar_either(parser->builder, ways, n);
    *out = all;
    return true;
}

static bool regex_parse(struct regex_parser *parser, struct moe__regex *out)
{
    if (parser->pattern.n > REGEX_MAX_BYTES)
        return regex_refuse(parser, REGEX_MAX_BYTES, "it is too long");
    return regex_choice(parser, out) &&
           (parser->at == parser->pattern.n ||
            regex_refuse(parser, parser->at,
                         regex_is_at(parser, ")")
                             ? "no group is open"
                             : "^ and $ are supported at the ends only"));
}

/* -------------------------------------------------------------- for use */

moe__expr moe__grammar_regex(struct moe__grammar_builder *builder,
                             struct moe__slice pattern, bool is_anchored)
{
    struct regex_parser parser = {.builder = builder,
                                  .pattern = pattern,
                                  .most = -1,
                                  .is_anchored = is_anchored};
    struct moe__regex whole = {-1, 0, 0};
    if (!regex_parse(&parser, &whole))
        moe__grammar_fail(builder, &parser.err);
    return whole.expr;
}

moe_status moe__grammar_json_regex(struct moe__grammar_builder *builder,
                                   struct moe__slice pattern, int32_t least,
                                   int32_t most, struct moe__regex *out,
                                   struct moe__err *err)
{
    struct regex_parser parser = {.builder = builder,
                                  .pattern = pattern,
                                  .least = least,
                                  .most = most,
                                  .is_json = true};
    if (!regex_parse(&parser, out))
        return moe__fail(err, parser.err.status, "%s", parser.err.message);
    return MOE_OK;
}

moe__expr moe__grammar_json_codes(struct moe__grammar_builder *builder,
                                  const struct moe__code_range *ranges,
                                  int32_t n, bool is_negated)
{
    const struct regex_parser parser = {.builder = builder, .is_json = true};
    struct regex_set set = {.n = n};
    assert(n <= REGEX_MAX_RANGES);
    for (int32_t i = 0; i < n; i++)
        set.ranges[i] = ranges[i];
    regex_set_normalise(&set);
    if (is_negated)
        regex_set_negate(&set);
    return regex_set_expr(&parser, &set);
}

moe_status moe__grammar_from_regex(struct moe__mem *mem,
                                   struct moe__slice pattern,
                                   struct moe__grammar **out,
                                   struct moe__err *err)
{
    struct moe__grammar_builder *builder = NULL;
    *out = NULL;
    MOE__TRY(moe__grammar_begin(mem, &builder, err));
    const moe__expr start = moe__grammar_regex(builder, pattern, true);
    return moe__grammar_finish(builder, start, out, err);
}
