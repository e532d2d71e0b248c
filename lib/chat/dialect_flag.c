/* dialect_flag.c: words in a conversation that look like a format's marks.
 *
 * Names of control tokens do no harm there: data never become such tokens.
 * Marks that are plain text can be forged, and only be counted. */
#include "chat/dialect.h"

struct flag_scan {
    const struct moe__dialect *dialect; /* or NULL */
    const struct moe__vocab *vocab;
    struct moe__ids ids;
    struct moe__err *err;
    struct moe__flags found;
};

static int32_t flag_count(struct moe__slice text, const char *marker)
{
    const size_t n = strlen(marker);
    int32_t count = 0;
    for (size_t i = 0; i + n <= text.n && count < INT32_MAX;) {
        const bool is_here = memcmp(text.data + i, marker, n) == 0;
        count += is_here;
        i += is_here ? n : 1;
    }
    return count;
}

static moe_status flag_text(struct flag_scan *scan, struct moe__slice text)
{
    if (text.n == 0)
        return MOE_OK;
    scan->ids.n = 0;
    MOE__TRY(moe__vocab_encode(scan->vocab, text, MOE_TEXT_PARSE_CONTROL,
                               &scan->ids, scan->err));
    for (size_t i = 0; i < scan->ids.n; i++)
        scan->found.n_controls +=
            moe__vocab_kind(scan->vocab, scan->ids.ids[i]) == MOE_TOKEN_CONTROL;
    if (scan->dialect == NULL)
        return MOE_OK;
    const char *const *markers = scan->dialect->markers;
    for (size_t i = 0; markers[i] != NULL; i++)
        if (!moe__dialect_has_control(scan->vocab, markers[i]))
            scan->found.n_markers += flag_count(text, markers[i]);
    return MOE_OK;
}

static moe_status flag_message(struct flag_scan *scan,
                               const struct moe__message *message)
{
    MOE__TRY(flag_text(scan, message->content));
    MOE__TRY(flag_text(scan, message->reasoning));
    MOE__TRY(flag_text(scan, message->name));
    MOE__TRY(flag_text(scan, message->call_id));
    for (int32_t i = 0; i < message->n_calls; i++) {
        MOE__TRY(flag_text(scan, message->calls[i].id));
        MOE__TRY(flag_text(scan, message->calls[i].name));
        MOE__TRY(flag_text(scan, message->calls[i].arguments));
    }
    return MOE_OK;
}

moe_status moe__message_flag(const struct moe__dialect *dialect,
                             const struct moe__vocab *vocab,
                             struct moe__mem *mem,
                             const struct moe__message *message,
                             struct moe__flags *out, struct moe__err *err)
{
    struct flag_scan scan = {.dialect = dialect, .vocab = vocab, .err = err};
    moe__ids_init(&scan.ids, mem);
    const moe_status status = flag_message(&scan, message);
    moe__ids_free(&scan.ids);
    if (status == MOE_OK)
        *out = scan.found;
    return status;
}
