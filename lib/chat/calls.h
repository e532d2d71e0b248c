/* calls.h: tool calls in what a model writes.
 *
 * Text goes in, as a stream (stream.h) lets it out, in any pieces; text and
 * calls come out as soon as they are certain, and do not depend on the pieces.
 * Nothing gets lost: what began like a call and is none comes out as written.
 */
#ifndef MOE_CHAT_CALLS_H
#define MOE_CHAT_CALLS_H

#include "base/text.h"

/* How a family of models writes calls. */
struct moe__call_format;

/* By the name of the format or of a dialect that uses it ("qwen3"); NULL: a
 * dialect without a form of its own, for which "emulated" is there. */
const struct moe__call_format *moe__call_format_find(struct moe__slice name);
/* The one whose marks a chat template has; "emulated" if it has no form for
 * tools. */
const struct moe__call_format *moe__call_format_guess(struct moe__slice source);
/* The i-th of all, NULL at the end. */
const struct moe__call_format *moe__call_format_at(int32_t i);
const char *moe__call_format_name(const struct moe__call_format *format);
/* The model was not trained on it but is told in the prompt. */
bool moe__call_format_is_emulated(const struct moe__call_format *format);
/* Whether a control token of this text is part of the format, so that its text
 * is to be put; those of other control tokens must not be. */
bool moe__call_format_has_mark(const struct moe__call_format *format,
                               struct moe__slice text);

enum moe__call_event_kind {
    MOE__CALL_TEXT,
    MOE__CALL_BEGIN,
    MOE__CALL_ARGUMENTS, /* all of one call together are a JSON object */
    MOE__CALL_END,       /* the call is complete and its JSON is valid */
    MOE__CALL_MALFORMED  /* no call, or the end of one that has begun */
};

/* Slices are lent until the next call on the parser. */
struct moe__call_event {
    enum moe__call_event_kind kind;
    struct moe__slice text; /* TEXT, ARGUMENTS: the next bytes; MALFORMED: all
                               that was written, with its marks */
    struct moe__slice name; /* not of TEXT; MALFORMED: empty if not known */
    struct moe__slice id;   /* of BEGIN, END, MALFORMED; empty: none; known at
                               the END at the latest */
};

struct moe__calls;

moe_status moe__calls_create(struct moe__mem *mem,
                             const struct moe__call_format *format,
                             struct moe__calls **out, struct moe__err *err);
void moe__calls_destroy(struct moe__calls *calls);
/* As new, for the next answer. */
void moe__calls_reset(struct moe__calls *calls);
moe_status moe__calls_put(struct moe__calls *calls, struct moe__slice bytes);
/* No more bytes will come: what was held is let go, and a call that is not
 * complete is malformed. */
moe_status moe__calls_end(struct moe__calls *calls);
/* The next event that is certain; false: there is none. */
bool moe__calls_next(struct moe__calls *calls, struct moe__call_event *event);
/* MOE_OK, or why nothing comes out any more: no memory, or a call longer than
 * MOE__CALL_LIMIT bytes. */
#define MOE__CALL_LIMIT ((size_t)1 << 24)
moe_status moe__calls_status(const struct moe__calls *calls,
                             struct moe__err *err);

#endif
