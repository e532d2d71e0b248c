/* schema_empty.c: schemas that exclude each other, for oneOf.
 *
 * Looks for a contradiction between all that holds at one place: in types,
 * listed values, bounds, lengths, and in the items and members that must be
 * there (such as a member whose const tells the branches apart).  It may miss
 * one, but claims none that is not there: what it does not look at could only
 * leave fewer values. */
#include "chat/schema.h"

#define EMPTY_MAX_DEPTH 4
#define EMPTY_MAX_ITEMS 8

static moe_status empty_list(struct moe__schema *schema,
                             const struct moe__schema_list *list, int32_t depth,
                             bool *out)
{
    struct moe__schema_frame frame;
    MOE__TRY(moe__schema_step(schema, 20));
    MOE__TRY(moe__schema_follow(schema, list, &frame));
    return moe__schema_is_empty(&frame, depth, out);
}

static moe_status empty_counts(const struct moe__schema_frame *frame,
                               const char *least_keyword,
                               const char *most_keyword, int32_t *least,
                               bool *out)
{
    int32_t most = -1;
    MOE__TRY(moe__schema_count(frame, least_keyword, true, 0, least));
    MOE__TRY(moe__schema_count(frame, most_keyword, false, -1, &most));
    *out = most >= 0 && *least > most;
    return MOE_OK;
}

static moe_status empty_array(const struct moe__schema_frame *frame,
                              int32_t depth, bool *out)
{
    int32_t least = 0;
    MOE__TRY(empty_counts(frame, "minItems", "maxItems", &least, out));
    for (int32_t i = 0; i < moe__min_i32(least, EMPTY_MAX_ITEMS) && !*out;
         i++) {
        struct moe__schema_list list;
        MOE__TRY(moe__schema_item_list(frame, i, -1, &list));
        MOE__TRY(empty_list(frame->schema, &list, depth + 1, out));
    }
    return MOE_OK;
}

static moe_status empty_object(const struct moe__schema_frame *frame,
                               int32_t depth, bool *out)
{
    struct moe__schema_members members;
    int32_t least = 0;
    MOE__TRY(
        empty_counts(frame, "minProperties", "maxProperties", &least, out));
    for (int32_t i = 0; i < frame->n; i++)
        if (moe__json_get(frame->entries[i], "patternProperties") != NULL)
            return MOE_OK; /* they might speak of any member */
    MOE__TRY(moe__schema_members(frame, &members));
    for (int32_t i = 0; i < members.n && !*out; i++) {
        struct moe__schema_list list;
        if (!members.is_required[i])
            continue;
        MOE__TRY(moe__schema_member_list(frame, &members.keys[i], &list));
        MOE__TRY(empty_list(frame->schema, &list, depth + 1, out));
    }
    return MOE_OK;
}

/* The values that enum and const leave: *is_known if there is such a keyword.
 * What cannot be judged is no failure here. */
static void empty_values(const struct moe__schema_frame *frame, bool *is_known,
                         bool *out)
{
    struct moe__schema_ways ways = {NULL, 0, 0};
    struct moe__err *err = frame->schema->err;
    frame->schema->err = NULL;
    const moe_status status = moe__schema_values(frame, &ways, is_known);
    frame->schema->err = err;
    *out = *is_known && status == MOE_OK && ways.n == 0;
}

moe_status moe__schema_is_empty(const struct moe__schema_frame *frame,
                                int32_t depth, bool *out)
{
    const uint32_t types = moe__schema_types(frame);
    struct moe__schema_bounds bounds;
    bool is_known = false;
    int32_t least = 0;
    *out = frame->is_false || types == 0;
    if (*out || depth > EMPTY_MAX_DEPTH)
        return MOE_OK;
    empty_values(frame, &is_known, out);
    if (is_known || (types & (MOE__SCHEMA_NULL | MOE__SCHEMA_BOOLEAN)))
        return MOE_OK;
    *out = true; /* unless one of the types is possible */
    if (types & (MOE__SCHEMA_INTEGER | MOE__SCHEMA_FRACTION)) {
        MOE__TRY(moe__schema_bounds(frame, &bounds));
        *out = moe__schema_bounds_empty(&bounds);
    }
    if (*out && (types & MOE__SCHEMA_STRING))
        MOE__TRY(empty_counts(frame, "minLength", "maxLength", &least, out));
    if (*out && (types & MOE__SCHEMA_ARRAY))
        MOE__TRY(empty_array(frame, depth, out));
    if (*out && (types & MOE__SCHEMA_OBJECT))
        MOE__TRY(empty_object(frame, depth, out));
    return MOE_OK;
}
