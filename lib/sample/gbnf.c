/* gbnf.c: grammars as llama.cpp writes them.
 *
 *     root ::= "yes" | "no" [.!]{0,3} (" because " reason)?   # a comment
 *
 * What is open is a stack of groups, so nesting costs no recursion.  Refused
 * with line and column: what is no such grammar, rules that are not defined or
 * are defined twice, and references to tokens (<think>, !<[7]>): a grammar here
 * is about bytes, whatever tokens they come in. */
#include "sample/grammar_state.h"

struct gbnf_rule {
    struct moe__slice name;
    moe__expr expr;
    size_t used_at; /* where it is first named */
    bool is_defined;
    int32_t chain; /* the next rule of its hash slot, or -1 */
};

/* A group, or the right side of a rule. */
struct gbnf_group {
    int32_t first_part; /* of the sequence that is being read */
    int32_t first_way;
    size_t at;
};

struct gbnf {
    struct moe__mem *mem;
    struct moe__grammar_builder *builder;
    struct moe__slice text;
    size_t at;
    moe__expr *parts;               /* [n_parts] of all open groups */
    moe__expr *ways;                /* [n_ways] */
    struct gbnf_group *groups;      /* [n_groups] */
    struct gbnf_rule *rules;        /* [n_rules] */
    struct moe__code_range *ranges; /* [n_ranges] of one class */
    int32_t *slots;                 /* [cap_slots] rules by hash, or -1 */
    int32_t n_parts, cap_parts;
    int32_t n_ways, cap_ways;
    int32_t n_groups, cap_groups;
    int32_t n_rules, cap_rules;
    int32_t n_ranges, cap_ranges;
    int32_t cap_slots; /* a power of two */
    struct moe__text literal;
    struct moe__err *err;
};

static moe_status gbnf_fail(const struct gbnf *gbnf, size_t at,
                            const char *what)
{
    int32_t line = 1, column = 1;
    for (size_t i = 0; i < at; i++) {
        if (gbnf->text.data[i] == '\n') {
            line++;
            column = 1;
        } else { /* in characters */
            column += (gbnf->text.data[i] & 0xc0) != 0x80;
        }
    }
    return moe__fail(gbnf->err, MOE_ERR_ARGUMENT,
                     "gbnf: line %d, column %d: %s", line, column, what);
}

static moe_status gbnf_rule_fail(const struct gbnf *gbnf,
                                 const struct gbnf_rule *rule, size_t at,
                                 const char *what)
{
    char text[128];
    moe__format(text, sizeof text, "rule \"%.*s\" %s",
                (int)(rule->name.n < 64 ? rule->name.n : 64),
                (const char *)rule->name.data, what);
    return gbnf_fail(gbnf, at, text);
}

static moe_status gbnf_no_memory(const struct gbnf *gbnf)
{
    return moe__fail(gbnf->err, MOE_ERR_NO_MEMORY, "gbnf: no memory");
}

/* The byte `ahead` of here; 0 past the end, which is no byte of a grammar. */
static uint8_t gbnf_peek(const struct gbnf *gbnf, size_t ahead)
{
    return gbnf->text.n - gbnf->at > ahead ? gbnf->text.data[gbnf->at + ahead]
                                           : 0;
}

static bool gbnf_take(struct gbnf *gbnf, char byte)
{
    if (gbnf_peek(gbnf, 0) != (uint8_t)byte)
        return false;
    gbnf->at++;
    return true;
}

/* A rule ends with its line; inside a group it goes on. */
static void gbnf_space(struct gbnf *gbnf, bool is_newline_space)
{
    for (;; gbnf->at++) {
        uint8_t byte = gbnf_peek(gbnf, 0);
        if (byte == '#')
            while (gbnf->at < gbnf->text.n && byte != '\n' && byte != '\r') {
                gbnf->at++;
                byte = gbnf_peek(gbnf, 0);
            }
        if (byte != ' ' && byte != '\t' &&
            !(is_newline_space && (byte == '\n' || byte == '\r')))
            return;
    }
}

/* ------------------------------------------------------------------ names */

static bool is_name_byte(uint8_t byte)
{
    const uint8_t lower = byte | 32;
    return (lower >= 'a' && lower <= 'z') || (byte >= '0' && byte <= '9') ||
           byte == '-';
}

static uint32_t name_hash(struct moe__slice name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < name.n; i++)
        hash = (hash ^ name.data[i]) * 16777619u;
    return hash ^ hash >> 15;
}

static int32_t *name_slot(const struct gbnf *gbnf, struct moe__slice name)
{
    return &gbnf->slots[name_hash(name) & (uint32_t)(gbnf->cap_slots - 1)];
}

/* At least as many slots as rules. */
static moe_status names_reserve(struct gbnf *gbnf)
{
    if (gbnf->n_rules < gbnf->cap_slots)
        return MOE_OK;
    const int32_t cap = moe__max_i32(64, 2 * gbnf->cap_slots);
    int32_t *slots = moe__mem_alloc(gbnf->mem, (size_t)cap * sizeof *slots);
    if (slots == NULL)
        return gbnf_no_memory(gbnf);
    moe__mem_free(gbnf->mem, gbnf->slots,
                  (size_t)gbnf->cap_slots * sizeof *gbnf->slots);
    gbnf->slots = slots;
    gbnf->cap_slots = cap;
    for (int32_t i = 0; i < cap; i++)
        slots[i] = -1;
    for (int32_t i = 0; i < gbnf->n_rules; i++) {
        int32_t *slot = name_slot(gbnf, gbnf->rules[i].name);
        gbnf->rules[i].chain = *slot;
        *slot = i;
    }
    return MOE_OK;
}

/* The rule of that name, which may be new. */
static moe_status gbnf_rule(struct gbnf *gbnf, struct moe__slice name,
                            size_t used_at, struct gbnf_rule **out)
{
    MOE__TRY(names_reserve(gbnf));
    int32_t *slot = name_slot(gbnf, name);
    for (int32_t i = *slot; i >= 0; i = gbnf->rules[i].chain)
        if (moe__slice_equal(gbnf->rules[i].name, name)) {
            *out = &gbnf->rules[i];
            return MOE_OK;
        }
    if (!MOE__GRAMMAR_ROOM(gbnf->mem, gbnf->rules, gbnf->cap_rules,
                           gbnf->n_rules + 1))
        return gbnf_no_memory(gbnf);
    *out = &gbnf->rules[gbnf->n_rules];
    **out = (struct gbnf_rule){.name = name,
                               .expr = moe__grammar_rule(gbnf->builder),
                               .used_at = used_at,
                               .chain = *slot};
    moe__grammar_name(gbnf->builder, (*out)->expr, name);
    *slot = gbnf->n_rules++;
    return MOE_OK;
}

static moe_status gbnf_name(struct gbnf *gbnf, struct gbnf_rule **out)
{
    const size_t first = gbnf->at;
    while (is_name_byte(gbnf_peek(gbnf, 0)))
        gbnf->at++;
    if (gbnf->at == first)
        return gbnf_fail(gbnf, first, "expected the name of a rule");
    return gbnf_rule(gbnf,
                     moe__slice_of(gbnf->text.data + first, gbnf->at - first),
                     first, out);
}

/* ------------------------------------------------------------- characters */

static moe_status gbnf_hex(struct gbnf *gbnf, int32_t n_digits, uint32_t *code)
{
    const size_t first = gbnf->at;
    *code = 0;
    for (int32_t i = 0; i < n_digits; i++, gbnf->at++) {
        const uint8_t byte = gbnf_peek(gbnf, 0);
        const uint8_t lower = byte | 32;
        const bool is_letter = lower >= 'a' && lower <= 'f';
        if (!is_letter && (byte < '0' || byte > '9'))
            return gbnf_fail(gbnf, gbnf->at, "expected a hexadecimal digit");
        *code =
            *code << 4 | (uint32_t)(is_letter ? lower - 'a' + 10 : byte - '0');
    }
    if (*code > 0x10ffff)
        return gbnf_fail(gbnf, first, "this is no character");
    return MOE_OK;
}

static moe_status gbnf_escape(struct gbnf *gbnf, uint32_t *code)
{
    static const struct {
        char letter;
        uint8_t n_digits;
        uint8_t code;
    } escapes[] = {
        {'x', 2, 0},    {'u', 4, 0},    {'U', 8, 0},     {'n', 0, '\n'},
        {'r', 0, '\r'}, {'t', 0, '\t'}, {'\\', 0, '\\'}, {'"', 0, '"'},
        {'[', 0, '['},  {']', 0, ']'},  {'-', 0, '-'},
    };
    for (size_t i = 0; i < MOE__COUNT(escapes); i++) {
        if (!gbnf_take(gbnf, escapes[i].letter))
            continue;
        *code = escapes[i].code;
        return escapes[i].n_digits > 0
                   ? gbnf_hex(gbnf, escapes[i].n_digits, code)
                   : MOE_OK;
    }
    return gbnf_fail(gbnf, gbnf->at - 1, "this escape does not exist");
}

/* One character of a literal or class that began at `first`. */
static moe_status gbnf_char(struct gbnf *gbnf, size_t first, uint32_t *code)
{
    if (gbnf->at == gbnf->text.n)
        return gbnf_fail(gbnf, first, "it is not closed");
    if (gbnf_take(gbnf, '\\'))
        return gbnf_escape(gbnf, code);
    const int32_t n = moe__utf8_decode(
        moe__slice_of(gbnf->text.data + gbnf->at, gbnf->text.n - gbnf->at),
        code);
    if (n < 0)
        return gbnf_fail(gbnf, gbnf->at, "this is not UTF-8");
    gbnf->at += (size_t)n;
    return MOE_OK;
}

static moe_status gbnf_literal(struct gbnf *gbnf, moe__expr *out)
{
    const size_t first = gbnf->at++;
    moe__text_reset(&gbnf->literal);
    while (!gbnf_take(gbnf, '"')) {
        const size_t begin = gbnf->at;
        uint32_t code;
        MOE__TRY(gbnf_char(gbnf, first, &code));
        if (code >= 0xd800 && code <= 0xdfff)
            return gbnf_fail(gbnf, begin, "this is no character");
        moe__text_code(&gbnf->literal, code);
    }
    *out = moe__grammar_bytes(gbnf->builder, moe__text_slice(&gbnf->literal));
    return moe__text_status(&gbnf->literal, "gbnf", gbnf->err);
}

static moe_status gbnf_class(struct gbnf *gbnf, moe__expr *out)
{
    const size_t first = gbnf->at++;
    const bool is_negated = gbnf_take(gbnf, '^');
    gbnf->n_ranges = 0;
    while (!gbnf_take(gbnf, ']')) {
        struct moe__code_range range;
        const size_t begin = gbnf->at;
        MOE__TRY(gbnf_char(gbnf, first, &range.first));
        range.last = range.first;
        if (gbnf_peek(gbnf, 0) == '-' && gbnf_peek(gbnf, 1) != ']') {
            gbnf->at++;
            MOE__TRY(gbnf_char(gbnf, first, &range.last));
        }
        if (range.last < range.first)
            return gbnf_fail(gbnf, begin, "the range is upside down");
        if (!MOE__GRAMMAR_ROOM(gbnf->mem, gbnf->ranges, gbnf->cap_ranges,
                               gbnf->n_ranges + 1))
            return gbnf_no_memory(gbnf);
        gbnf->ranges[gbnf->n_ranges++] = range;
    }
    if (gbnf->n_ranges == 0)
        return gbnf_fail(gbnf, first, "the class is empty");
    *out = moe__grammar_codes(gbnf->builder, gbnf->ranges, gbnf->n_ranges,
                              is_negated);
    return MOE_OK;
}

/* ---------------------------------------------------------------- repeats */

static moe_status gbnf_number(struct gbnf *gbnf, int32_t *number)
{
    const size_t first = gbnf->at;
    *number = 0;
    for (uint8_t byte; byte = gbnf_peek(gbnf, 0), byte >= '0' && byte <= '9';
         gbnf->at++) {
        if (*number > (INT32_MAX - 9) / 10)
            return gbnf_fail(gbnf, first, "the number is too large");
        *number = *number * 10 + (byte - '0');
    }
    if (gbnf->at == first)
        return gbnf_fail(gbnf, first, "expected a number of repeats");
    return MOE_OK;
}

/* After the brace: m}, m,} or m,n}. */
static moe_status gbnf_bounds(struct gbnf *gbnf, size_t first, int32_t *least,
                              int32_t *most)
{
    const bool is_nested = gbnf->n_groups > 1;
    gbnf_space(gbnf, is_nested);
    MOE__TRY(gbnf_number(gbnf, least));
    gbnf_space(gbnf, is_nested);
    *most = *least;
    if (gbnf_take(gbnf, ',')) {
        gbnf_space(gbnf, is_nested);
        *most = -1;
        if (gbnf_peek(gbnf, 0) != '}')
            MOE__TRY(gbnf_number(gbnf, most));
        gbnf_space(gbnf, is_nested);
    }
    if (!gbnf_take(gbnf, '}'))
        return gbnf_fail(gbnf, gbnf->at, "expected }");
    if (*most >= 0 && *most < *least)
        return gbnf_fail(gbnf, first, "the bounds are upside down");
    return MOE_OK;
}

/* Repeats the part before; false if there is no repeat here. */
static moe_status gbnf_repeat(struct gbnf *gbnf, bool *is_repeat)
{
    static const struct {
        char sign;
        int32_t least, most;
    } repeats[] = {{'*', 0, -1}, {'+', 1, -1}, {'?', 0, 1}, {'{', 0, 0}};
    const size_t first = gbnf->at;
    size_t kind = 0;
    while (kind < MOE__COUNT(repeats) && !gbnf_take(gbnf, repeats[kind].sign))
        kind++;
    *is_repeat = kind < MOE__COUNT(repeats);
    if (!*is_repeat)
        return MOE_OK;
    int32_t least = repeats[kind].least, most = repeats[kind].most;
    if (gbnf->n_parts == gbnf->groups[gbnf->n_groups - 1].first_part)
        return gbnf_fail(gbnf, first, "there is nothing to repeat");
    if (repeats[kind].sign == '{')
        MOE__TRY(gbnf_bounds(gbnf, first, &least, &most));
    moe__expr *part = &gbnf->parts[gbnf->n_parts - 1];
    *part = moe__grammar_repeat(gbnf->builder, *part, least, most);
    return MOE_OK;
}

/* ----------------------------------------------------------------- groups */

static moe_status group_open(struct gbnf *gbnf)
{
    if (!MOE__GRAMMAR_ROOM(gbnf->mem, gbnf->groups, gbnf->cap_groups,
                           gbnf->n_groups + 1))
        return gbnf_no_memory(gbnf);
    gbnf->groups[gbnf->n_groups++] =
        (struct gbnf_group){gbnf->n_parts, gbnf->n_ways, gbnf->at};
    return MOE_OK;
}

/* The sequence becomes one of the ways. */
static moe_status group_way(struct gbnf *gbnf)
{
    const int32_t first = gbnf->groups[gbnf->n_groups - 1].first_part;
    if (!MOE__GRAMMAR_ROOM(gbnf->mem, gbnf->ways, gbnf->cap_ways,
                           gbnf->n_ways + 1))
        return gbnf_no_memory(gbnf);
    const int32_t n = gbnf->n_parts - first;
    gbnf->ways[gbnf->n_ways++] =
        n == 1 ? gbnf->parts[first]
               : moe__grammar_join(gbnf->builder, gbnf->parts + first, n);
    gbnf->n_parts = first;
    return MOE_OK;
}

static moe_status group_close(struct gbnf *gbnf, moe__expr *out)
{
    MOE__TRY(group_way(gbnf));
    const int32_t first = gbnf->groups[--gbnf->n_groups].first_way;
    const int32_t n = gbnf->n_ways - first;
    *out = n == 1 ? gbnf->ways[first]
                  : moe__grammar_either(gbnf->builder, gbnf->ways + first, n);
    gbnf->n_ways = first;
    return MOE_OK;
}

/* ------------------------------------------------------------------ rules */

/* One part of a sequence; *is_part false: something else stands here. */
static moe_status gbnf_part(struct gbnf *gbnf, bool *is_part)
{
    const uint8_t byte = gbnf_peek(gbnf, 0);
    moe__expr part = -1;
    *is_part = true;
    if (byte == '"') {
        MOE__TRY(gbnf_literal(gbnf, &part));
    } else if (byte == '[') {
        MOE__TRY(gbnf_class(gbnf, &part));
    } else if (byte == '.') {
        gbnf->at++;
        part = moe__grammar_codes(gbnf->builder, NULL, 0, true);
    } else if (is_name_byte(byte)) {
        struct gbnf_rule *rule;
        MOE__TRY(gbnf_name(gbnf, &rule));
        part = rule->expr;
    } else if (byte == ')' && gbnf->n_groups > 1) {
        gbnf->at++;
        MOE__TRY(group_close(gbnf, &part));
    } else if (byte == '<' || byte == '!') {
        return gbnf_fail(gbnf, gbnf->at,
                         "references to tokens (<...>) are not supported");
    } else {
        *is_part = false;
        return MOE_OK;
    }
    if (!MOE__GRAMMAR_ROOM(gbnf->mem, gbnf->parts, gbnf->cap_parts,
                           gbnf->n_parts + 1))
        return gbnf_no_memory(gbnf);
    gbnf->parts[gbnf->n_parts++] = part;
    return MOE_OK;
}

/* The right side of a rule, up to where its line ends. */
static moe_status gbnf_body(struct gbnf *gbnf, moe__expr *out)
{
    MOE__TRY(group_open(gbnf));
    for (bool is_more = true; is_more;) {
        const uint8_t byte = gbnf_peek(gbnf, 0);
        if (byte == '(' || byte == '|') {
            MOE__TRY(byte == '(' ? group_open(gbnf) : group_way(gbnf));
            gbnf->at++;
            gbnf_space(gbnf, true);
            continue;
        }
        MOE__TRY(gbnf_repeat(gbnf, &is_more));
        if (!is_more)
            MOE__TRY(gbnf_part(gbnf, &is_more));
        gbnf_space(gbnf, gbnf->n_groups > 1);
    }
    if (gbnf->n_groups > 1)
        return gbnf_fail(
            gbnf,
            gbnf->at == gbnf->text.n ? gbnf->groups[gbnf->n_groups - 1].at
                                     : gbnf->at,
            gbnf->at == gbnf->text.n ? "the group is not closed"
                                     : "expected a part of a group or )");
    if (gbnf->at < gbnf->text.n && gbnf_peek(gbnf, 0) != '\n' &&
        gbnf_peek(gbnf, 0) != '\r')
        return gbnf_fail(gbnf, gbnf->at,
                         gbnf_peek(gbnf, 0) == ')'
                             ? "no group is open"
                             : "expected a part of a rule or the line's end");
    return group_close(gbnf, out);
}

static moe_status gbnf_definition(struct gbnf *gbnf)
{
    struct gbnf_rule *rule;
    moe__expr body;
    const size_t first = gbnf->at;
    MOE__TRY(gbnf_name(gbnf, &rule));
    if (rule->is_defined)
        return gbnf_rule_fail(gbnf, rule, first, "is defined twice");
    rule->is_defined = true;
    const moe__expr expr = rule->expr; /* rules may move */
    gbnf_space(gbnf, false);
    if (!gbnf_take(gbnf, ':') || !gbnf_take(gbnf, ':') || !gbnf_take(gbnf, '='))
        return gbnf_fail(gbnf, gbnf->at, "expected ::=");
    gbnf_space(gbnf, true);
    MOE__TRY(gbnf_body(gbnf, &body));
    moe__grammar_define(gbnf->builder, expr, body);
    return MOE_OK;
}

static moe_status gbnf_read(struct gbnf *gbnf, moe__expr *start)
{
    struct gbnf_rule *root;
    for (gbnf_space(gbnf, true); gbnf->at < gbnf->text.n;
         gbnf_space(gbnf, true))
        MOE__TRY(gbnf_definition(gbnf));
    for (int32_t i = 0; i < gbnf->n_rules; i++)
        if (!gbnf->rules[i].is_defined)
            return gbnf_rule_fail(gbnf, &gbnf->rules[i], gbnf->rules[i].used_at,
                                  "is not defined");
    MOE__TRY(gbnf_rule(gbnf, moe__slice_str("root"), gbnf->at, &root));
    if (!root->is_defined)
        return moe__fail(gbnf->err, MOE_ERR_ARGUMENT,
                         "gbnf: there is no rule \"root\"");
    *start = root->expr;
    return MOE_OK;
}

static void gbnf_free(struct gbnf *gbnf)
{
    struct moe__mem *mem = gbnf->mem;
    moe__mem_free(mem, gbnf->parts,
                  (size_t)gbnf->cap_parts * sizeof *gbnf->parts);
    moe__mem_free(mem, gbnf->ways, (size_t)gbnf->cap_ways * sizeof *gbnf->ways);
    moe__mem_free(mem, gbnf->groups,
                  (size_t)gbnf->cap_groups * sizeof *gbnf->groups);
    moe__mem_free(mem, gbnf->rules,
                  (size_t)gbnf->cap_rules * sizeof *gbnf->rules);
    moe__mem_free(mem, gbnf->ranges,
                  (size_t)gbnf->cap_ranges * sizeof *gbnf->ranges);
    moe__mem_free(mem, gbnf->slots,
                  (size_t)gbnf->cap_slots * sizeof *gbnf->slots);
    moe__text_free(&gbnf->literal);
}

moe_status moe__grammar_from_gbnf(struct moe__mem *mem, struct moe__slice text,
                                  struct moe__grammar **out,
                                  struct moe__err *err)
{
    struct gbnf gbnf = {.mem = mem, .text = text, .err = err};
    moe__expr start = -1;
    *out = NULL;
    MOE__TRY(moe__grammar_begin(mem, &gbnf.builder, err));
    moe__text_init(&gbnf.literal, mem, 0);
    const moe_status status = gbnf_read(&gbnf, &start);
    gbnf_free(&gbnf);
    if (status == MOE_OK)
        return moe__grammar_finish(gbnf.builder, start, out, err);
    moe__grammar_discard(gbnf.builder);
    return status;
}
