/* calls_grammar.h: how calls are written, as a grammar: for an answer that must
 * be a call, and for one that has begun. */
#ifndef MOE_CHAT_CALLS_GRAMMAR_H
#define MOE_CHAT_CALLS_GRAMMAR_H

#include "chat/calls.h"
#include "chat/chat.h"
#include "sample/grammar.h"

/* A control token inside a grammar is this byte, which is in no UTF-8 text, and
 * its name. */
#define MOE__GRAMMAR_MARK 0xff

enum moe__call_scope {
    MOE__CALL_WHOLE, /* an answer of one call or more */
    MOE__CALL_REST   /* what follows the trigger, to the end of the call */
};

struct moe__call_request {
    const struct moe__call_format *format;
    const struct moe__vocab *vocab;
    const struct moe__json *tools; /* as struct moe__conversation's */
    int32_t only;                  /* the index of one of them, or -1: any */
    enum moe__call_scope scope;
    int32_t *n_loose; /* counts tools whose schema cannot be enforced: their
                         arguments are any object; NULL: they are refused */
};

/* MOE_ERR_UNSUPPORTED names the tool, and the pointer and keyword of its schema
 * that cannot be enforced. */
moe_status moe__calls_grammar(struct moe__mem *mem,
                              const struct moe__call_request *request,
                              struct moe__grammar **out, struct moe__err *err);

/* What a call begins with: anywhere in an answer or, if is_first, where it
 * starts. */
struct moe__call_trigger {
    struct moe__slice text;
    bool is_first;
};
struct moe__call_trigger
moe__call_format_trigger(const struct moe__call_format *format);

#endif
