/* schema_string.c: strings: lengths in code points, patterns, formats.
 *
 * At most one of these three can shape a string: what two of them allow
 * together has no expression here, and is refused. */
#include "chat/schema.h"

#include "sample/regex.h"

/* RFC 3339, section 5.6, with the days that a month has.  A leap second is
 * accepted where it can be told without arithmetic: at an offset of zero. */
#define FORMAT_MONTHS                           \
    "(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])" \
    "|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8])"
#define FORMAT_LEAP_YEARS                     \
    "[0-9]{2}(0[48]|[2468][048]|[13579][26])" \
    "|([02468][048]|[13579][26])00"
#define FORMAT_DATE \
    "([0-9]{4}-(" FORMAT_MONTHS ")|(" FORMAT_LEAP_YEARS ")-02-29)"
#define FORMAT_HOUR "([01][0-9]|2[0-3])"
#define FORMAT_TIME                                      \
    "(" FORMAT_HOUR ":[0-5][0-9]:[0-5][0-9](\\.[0-9]+)?" \
    "([Zz]|[+-]" FORMAT_HOUR ":[0-5][0-9])"              \
    "|23:59:60(\\.[0-9]+)?([Zz]|[+-]00:00))"
#define FORMAT_HEX "[0-9A-Fa-f]"

static const struct {
    const char *name;
    const char *pattern;
} string_formats[] = {
    {"date", "^" FORMAT_DATE "$"},
    {"time", "^" FORMAT_TIME "$"},
    {"date-time", "^" FORMAT_DATE "[Tt]" FORMAT_TIME "$"},
    {"uuid", "^" FORMAT_HEX "{8}(-" FORMAT_HEX "{4}){3}-" FORMAT_HEX "{12}$"},
};

/* What shapes the strings of a frame. */
struct string_shape {
    const struct moe__json *node; /* that has the pattern, or NULL */
    const char *keyword;
    struct moe__slice pattern;
    int32_t least;
    int32_t most; /* -1: any */
};

static moe_status string_take(const struct moe__schema_frame *frame,
                              const struct moe__json *node, const char *keyword,
                              struct moe__slice pattern,
                              struct string_shape *shape)
{
    if (shape->node != NULL && !moe__slice_equal(shape->pattern, pattern))
        return moe__schema_refuse(frame->schema, node, keyword,
                                  "cannot be enforced together with another "
                                  "pattern or format");
    shape->node = node;
    shape->keyword = keyword;
    shape->pattern = pattern;
    return MOE_OK;
}

static moe_status string_format(const struct moe__schema_frame *frame,
                                const struct moe__json *node, bool has_type,
                                struct string_shape *shape)
{
    const struct moe__json *format = moe__json_get(node, "format");
    if (format == NULL)
        return MOE_OK;
    /* The specification lets a format say nothing by default; only one that
     * was certainly meant for strings is taken at its word. */
    if (!has_type)
        return moe__schema_refuse(frame->schema, node, "format",
                                  "is enforced only beside \"type\"");
    for (size_t i = 0; i < MOE__COUNT(string_formats); i++)
        if (moe__slice_is(format->text, string_formats[i].name))
            return string_take(frame, node, "format",
                               moe__slice_str(string_formats[i].pattern),
                               shape);
    return moe__schema_refuse(frame->schema, node, "format",
                              "is none of date, time, date-time, uuid");
}

static moe_status string_shape_of(const struct moe__schema_frame *frame,
                                  bool has_type, struct string_shape *shape)
{
    *shape = (struct string_shape){.node = NULL};
    MOE__TRY(moe__schema_count(frame, "minLength", true, 0, &shape->least));
    MOE__TRY(moe__schema_count(frame, "maxLength", false, -1, &shape->most));
    for (int32_t i = 0; i < frame->n; i++) {
        const struct moe__json *node = frame->entries[i];
        const struct moe__json *pattern = moe__json_get(node, "pattern");
        if (pattern != NULL)
            MOE__TRY(string_take(frame, node, "pattern", pattern->text, shape));
        MOE__TRY(string_format(frame, node, has_type, shape));
    }
    return MOE_OK;
}

/* The texts of a pattern, if the lengths that are asked for follow from it. */
static moe_status string_pattern(struct moe__schema *schema,
                                 const struct string_shape *shape,
                                 moe__expr *out)
{
    struct moe__err why = {MOE_OK, ""};
    struct moe__regex regex;
    if (moe__grammar_json_regex(schema->builder, shape->pattern, shape->least,
                                shape->most, &regex, &why) != MOE_OK)
        return moe__schema_refuse(schema, shape->node, shape->keyword,
                                  why.message);
    *out = regex.expr;
    if ((shape->least > 0 && regex.least < shape->least) ||
        (shape->most >= 0 && (regex.most < 0 || regex.most > shape->most)))
        return moe__schema_refuse(schema, shape->node, shape->keyword,
                                  "matches strings that minLength or maxLength "
                                  "forbids: give it such lengths itself");
    return MOE_OK;
}

/* Texts that differ from those listed. */
static moe_status string_differs(const struct moe__schema_frame *frame,
                                 const struct string_shape *shape,
                                 moe__expr *out)
{
    struct moe__schema *schema = frame->schema;
    const struct moe__json *node = NULL;
    int32_t n = 0;
    for (int32_t i = 0; i < frame->n; i++) {
        const struct moe__json *listed =
            moe__json_get(frame->entries[i], moe__schema_differs);
        n += listed ? listed->n : 0;
        node = listed ? frame->entries[i] : node;
    }
    if (node == NULL)
        return MOE_OK;
    struct moe__slice *texts =
        moe__arena_alloc(&schema->arena, (size_t)n, sizeof *texts);
    if (texts == NULL)
        return moe__schema_no_memory(schema);
    if (shape->node != NULL || shape->least > 0 || shape->most >= 0)
        return moe__schema_refuse(schema, node, NULL,
                                  "strings cannot be excluded beside lengths, "
                                  "patterns or formats");
    n = 0;
    for (int32_t i = 0; i < frame->n; i++) {
        const struct moe__json *listed =
            moe__json_get(frame->entries[i], moe__schema_differs);
        for (int32_t k = 0; listed != NULL && k < listed->n; k++)
            texts[n++] = listed->items[k].text;
    }
    return moe__schema_other_text(schema, texts, n, node, NULL, out);
}

moe_status moe__schema_string(const struct moe__schema_frame *frame,
                              bool has_type, moe__expr *out)
{
    struct moe__schema *schema = frame->schema;
    struct string_shape shape;
    moe__expr text = schema->any_text;
    MOE__TRY(string_shape_of(frame, has_type, &shape));
    if (shape.node != NULL)
        MOE__TRY(string_pattern(schema, &shape, &text));
    else if (shape.most >= 0 && shape.most < shape.least)
        text = moe__grammar_either(schema->builder, NULL, 0);
    else if (shape.least > 0 || shape.most >= 0)
        text = moe__grammar_repeat(schema->builder, schema->any_character,
                                   shape.least, shape.most);
    MOE__TRY(string_differs(frame, &shape, &text));
    *out = moe__schema_quoted(schema, text);
    return moe__schema_step(schema, 10);
}
