/* calls_json.c: the JSON of calls, while it is being written. */
#include "chat/calls_parser.h"

enum {
    MOST_NAME = 256, /* bytes: several times what formats allow */
};

bool moe__calls_is_word(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') ||
           ((byte | 32) >= 'a' && (byte | 32) <= 'z') || byte >= 0x80 ||
           (byte > 0 && strchr("_-.:/", byte) != NULL);
}

bool moe__calls_keep(struct moe__text *kept, struct moe__slice text)
{
    while (text.n > 0 && text.data[0] <= ' ')
        text = moe__slice_of(text.data + 1, text.n - 1);
    while (text.n > 0 && text.data[text.n - 1] <= ' ')
        text.n--;
    if (text.n == 0 || text.n > MOST_NAME)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (!moe__calls_is_word(text.data[i]))
            return false;
    moe__text_reset(kept);
    moe__text_add(kept, text);
    return true;
}

/* Reads the held bytes [begin, end) as JSON.  A string is kept if `kept` is not
 * NULL.  False if it is not valid, or there is no memory: then that is kept in
 * calls->bytes. */
static bool calls_check(struct moe__calls *calls, size_t begin, size_t end,
                        struct moe__text *kept)
{
    const struct moe__json *value = NULL;
    struct moe__arena arena;
    moe__arena_init(&arena, calls->mem);
    const moe_status status = moe__json_read(
        &arena, moe__slice_of(moe__calls_held(calls).data + begin, end - begin),
        &value, NULL);
    const bool is_kept = status == MOE_OK &&
                         (kept == NULL || moe__calls_keep(kept, value->text));
    if (status == MOE_ERR_NO_MEMORY)
        calls->bytes.status = status;
    moe__arena_free(&arena);
    return is_kept;
}

bool moe__calls_read_arguments(struct moe__calls *calls)
{
    const struct moe__slice held = moe__calls_held(calls);
    struct moe__call_parts *call = &calls->call;
    while (calls->at < held.n && !call->is_complete) {
        const enum moe__scan_result result =
            moe__scan_byte(&calls->scan, held.data[calls->at]);
        if (result == MOE__SCAN_BAD ||
            (calls->scan.depth == 1 && !calls->scan.is_object[0]))
            return false;
        if (calls->scan.depth > 0 && !call->has_arguments) {
            call->has_arguments = true;
            call->object = call->n_sent = calls->at;
        }
        calls->at++;
        call->n_known = call->has_arguments ? calls->at : 0;
        if (result == MOE__SCAN_DONE &&
            !calls_check(calls, call->object, calls->at, NULL))
            return false;
        call->is_complete = result == MOE__SCAN_DONE;
    }
    return true;
}

/* ---------------------------------------------------------------- objects */

static enum moe__call_key call_key_of(struct moe__slice text)
{
    static const struct {
        const char *text;
        enum moe__call_key key;
    } keys[] = {
        {"name", MOE__CALL_KEY_NAME},
        {"id", MOE__CALL_KEY_ID},
        {"arguments", MOE__CALL_KEY_ARGUMENTS},
        {"parameters", MOE__CALL_KEY_ARGUMENTS},
        {"type", MOE__CALL_KEY_TYPE},
    };
    for (size_t i = 0; i < MOE__COUNT(keys); i++)
        if (moe__slice_is(text, keys[i].text))
            return keys[i].key;
    return MOE__CALL_KEY_OTHER;
}

/* Whether JSON here may as well be an answer that is no call. */
static bool calls_may_be_text(const struct moe__calls *calls)
{
    return calls->format->states[calls->state].other == MOE__CALL_STATE_TEXT;
}

/* A key ends at `at`. */
static bool calls_take_key(struct moe__calls *calls)
{
    struct moe__call_parts *call = &calls->call;
    call->member =
        call_key_of(moe__slice_of(moe__calls_held(calls).data + call->value + 1,
                                  calls->at - call->value - 1));
    switch (call->member) {
    case MOE__CALL_KEY_NAME:
        return !call->has_name;
    case MOE__CALL_KEY_ID:
        return !call->has_id;
    case MOE__CALL_KEY_ARGUMENTS:
        return !call->has_arguments;
    case MOE__CALL_KEY_TYPE:
        return true;
    default:
        return !calls_may_be_text(calls) ||
               (call->has_name && call->has_arguments);
    }
}

/* The value of a member begins at `at`. */
static bool calls_begin_value(struct moe__calls *calls, uint8_t byte)
{
    struct moe__call_parts *call = &calls->call;
    call->value = calls->at;
    if (call->member == MOE__CALL_KEY_NAME)
        return byte == '"';
    if (call->member != MOE__CALL_KEY_ARGUMENTS)
        return true;
    call->has_arguments = byte == '{';
    call->n_sent = calls->at;
    return call->has_arguments;
}

/* A string that is the value of a member ends at `at`. */
static bool calls_take_string(struct moe__calls *calls)
{
    struct moe__call_parts *call = &calls->call;
    const bool is_name = call->member == MOE__CALL_KEY_NAME;
    const bool is_id = call->member == MOE__CALL_KEY_ID;
    if (!is_name && !is_id)
        return true;
    if (!calls_check(calls, call->value, calls->at + 1,
                     is_name ? &calls->name : &calls->id))
        return false;
    call->has_name |= is_name;
    call->has_id |= is_id;
    return true;
}

/* The object of a call ends at `at`. */
static bool calls_take_object(struct moe__calls *calls)
{
    struct moe__call_parts *call = &calls->call;
    if (!call->has_name || (!call->has_arguments && calls_may_be_text(calls)) ||
        !calls_check(calls, call->object, calls->at + 1, NULL))
        return false;
    call->is_complete = true;
    calls->n_read++;
    return true;
}

/* What a byte means that has taken the scan from `mode` and `depth` on. */
static bool calls_follow(struct moe__calls *calls, uint8_t byte,
                         enum moe__scan_mode mode, int32_t depth)
{
    const struct moe__scan *scan = &calls->scan;
    struct moe__call_parts *call = &calls->call;
    if (depth == 0 && scan->depth == 1)
        calls->is_list = !scan->is_object[0];
    const int32_t inside = calls->is_list ? 2 : 1;
    if (depth < inside && scan->depth == inside)
        call->object = calls->at;
    if (scan->depth == inside && !scan->is_object[inside - 1])
        return false;
    if (depth == inside && scan->depth == inside - 1)
        return calls_take_object(calls);
    if (call->member == MOE__CALL_KEY_ARGUMENTS &&
        (depth > inside || scan->depth > inside))
        call->n_known = calls->at + 1;
    if (scan->depth < inside) /* in the list: objects and what is between */
        return scan->mode < MOE__SCAN_STRING;
    const bool is_new = depth == inside && mode != scan->mode;
    if (is_new && scan->mode == MOE__SCAN_STRING && scan->is_key)
        call->value = calls->at;
    else if (is_new && scan->mode == MOE__SCAN_COLON)
        return calls_take_key(calls);
    else if (is_new && mode == MOE__SCAN_VALUE)
        return calls_begin_value(calls, byte);
    else if (is_new && mode == MOE__SCAN_STRING &&
             scan->mode == MOE__SCAN_AFTER)
        return calls_take_string(calls);
    return true;
}

bool moe__calls_read_objects(struct moe__calls *calls)
{
    const struct moe__slice held = moe__calls_held(calls);
    struct moe__call_parts *call = &calls->call;
    while (calls->at < held.n && !call->is_complete &&
           !moe__call_is_news(call)) {
        const enum moe__scan_mode mode = calls->scan.mode;
        const int32_t depth = calls->scan.depth;
        const uint8_t byte = held.data[calls->at];
        const enum moe__scan_result result = moe__scan_byte(&calls->scan, byte);
        if (result == MOE__SCAN_BAD || !calls_follow(calls, byte, mode, depth))
            return false;
        calls->at++;
        if (result == MOE__SCAN_DONE)
            return calls->n_read > 0;
    }
    return true;
}
