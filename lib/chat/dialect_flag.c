/* dialect_flag.c: words in a conversation that look like a format's marks.
 *
 * Names of control tokens do no harm there: data never become such tokens.
 * Marks that are plain text can be forged, and only be counted. */
#include "chat/dialect.h"

struct flag_scan {
    const struct moe__dialect *dialect; /* or NULL */
    const struct moe__vocab *vocab;
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

static void flag_text(struct flag_scan *scan, struct moe__slice text)
{
    scan->found.n_controls += moe__vocab_count_controls(scan->vocab, text);
    if (scan->dialect == NULL)
        return;
    const char *const *markers = scan->dialect->markers;
    for (size_t i = 0; markers[i] != NULL; i++)
        if (!moe__dialect_has_control(scan->vocab, markers[i]))
            scan->found.n_markers += flag_count(text, markers[i]);
}

struct moe__flags moe__message_flag(const struct moe__dialect *dialect,
                                    const struct moe__vocab *vocab,
                                    const struct moe__message *message)
{
    struct flag_scan scan = {.dialect = dialect, .vocab = vocab};
    flag_text(&scan, message->content);
    flag_text(&scan, message->reasoning);
    flag_text(&scan, message->name);
    flag_text(&scan, message->call_id);
    for (int32_t i = 0; i < message->n_calls; i++) {
        flag_text(&scan, message->calls[i].id);
        flag_text(&scan, message->calls[i].name);
        flag_text(&scan, message->calls[i].arguments);
    }
    return scan.found;
}
