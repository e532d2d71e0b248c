/* chat.h: a conversation, shared by chat*.c.
 *
 *     IDLE --say--> IDLE --next--> READING --next...--> WRITING --next--> IDLE
 *                                  prompt tokens         answer, DONE
 *
 *     chat.c           life, what it is
 *     chat_messages.c  what was said
 *     chat_json.c      the same as JSON
 *     chat_tools.c     tools, and which grammar an answer is bound to
 *     chat_prompt.c    from messages to tokens; what of them is known
 *     chat_answer.c    from tokens to events
 *     chat_calls.c     the calls among them */
#ifndef MOE_API_CHAT_H
#define MOE_API_CHAT_H

#include "api/api.h"

#include "chat/form.h"
#include "chat/history.h"

enum moe__chat_state { MOE__CHAT_IDLE, MOE__CHAT_READING, MOE__CHAT_WRITING };

enum moe__tool_choice {
    MOE__TOOLS_AUTO,
    MOE__TOOLS_NONE,
    MOE__TOOLS_REQUIRED, /* chat->tools.only: this one, or -1: any */
};

/* What may be called. */
struct moe__tools {
    struct moe__arena arena;
    const struct moe__json *list; /* an array, or NULL */
    enum moe__tool_choice choice;
    int32_t only;
    int32_t n_loose; /* whose schemas are not enforced */
    struct moe__calls *parser;
    moe_grammar *whole; /* REQUIRED: what the answer must be */
    moe_grammar *rest;  /* AUTO: what follows the trigger; NULL: anything */
};

/* The answer that is being written. */
struct moe__answer {
    struct moe__text text;
    struct moe__text reasoning;
    struct moe__text written;   /* all of it, marks included, for triggers */
    struct moe__arena arena;    /* calls */
    struct moe__call *calls;    /* [n_calls] complete */
    struct moe__slice *results; /* [n_calls] that came early; data NULL: none */
    int32_t n_calls, cap_calls;
    struct moe__text name; /* of the call that is being read; with NUL */
    struct moe__text id;   /* the same */
    struct moe__text arguments;
    int32_t n_tokens;
    int32_t n_reused;
    bool is_text_ended; /* the parser of calls was told */
    moe_done done;      /* why it ended; 0: it has not */
};

struct moe_chat {
    struct moe__mem mem;
    moe_model *model;     /* held */
    struct moe__writer w; /* ctx NULL: a vocabulary has no answers */
    struct moe__form form;
    struct moe__slice think_begin; /* around reasoning, or empty */
    struct moe__slice think_end;
    struct moe__history history;
    struct moe__stream *stream;
    struct moe__ids known;     /* what the context holds */
    struct moe__prompt prompt; /* what it is to hold before the answer */
    struct moe__ids ids;       /* the prompt's */
    struct moe__tools tools;
    moe_grammar *grammar; /* that the host wants answers to be of, held */
    moe_grammar *bound;   /* that the chat bound its sampler to, not held */
    struct moe__answer answer;
    struct moe__arena shown; /* what moe_chat_message lends */
    char date[16];
    size_t n_date;
    struct moe__err err;
    _Atomic int32_t is_busy;
    enum moe__chat_state state;
    moe_overflow overflow;
    moe_injection injection;
    bool is_waiting; /* what the sampler is bound to has not begun */
    int32_t max_tokens;
    int32_t n_dropped;
    int32_t n_marks;
    int32_t n_controls;
};

/* chat.c: one caller at a time; leave returns status. */
moe_status moe__chat_enter(moe_chat *chat);
moe_status moe__chat_leave(moe_chat *chat, moe_status status);
/* MOE_ERR_STATE while an answer is being written. */
moe_status moe__chat_idle(moe_chat *chat);

/* chat_messages.c: looks for marks that are not the format's, and appends. */
moe_status moe__chat_append(moe_chat *chat, const struct moe__message *message);

/* It has a name, and arguments that are an object or nothing; where: it is, for
 * the sentence. */
moe_status moe__chat_check_call(moe_chat *chat, const struct moe__call *call,
                                const char *where);

/* chat_prompt.c: the prompt that fits, and its ids. */
moe_status moe__chat_make_prompt(moe_chat *chat);
/* Takes back what the prompt does not share with what is known. */
moe_status moe__chat_reuse(moe_chat *chat);

/* chat_calls.c: one of the parser's events as one of the chat's. */
moe_status moe__chat_tell_call(moe_chat *chat,
                               const struct moe__call_event *from,
                               moe_event *event);
/* Results that came while the answer was written, in the order of the calls. */
moe_status moe__chat_keep_results(moe_chat *chat);

/* chat_tools.c */
moe_status moe__tools_set(moe_chat *chat, const struct moe__json *list,
                          struct moe__slice choice);
moe_status moe__tools_copy(moe_chat *to, const moe_chat *from);
void moe__tools_free(moe_chat *chat);
/* The answer begins: binds the sampler to what it must be, if anything. */
moe_status moe__chat_bind(moe_chat *chat);
/* Before each step: the text has begun if the reasoning has ended. */
void moe__chat_bind_text(moe_chat *chat);
/* After each token: whether a call began or ended. */
void moe__chat_rebind(moe_chat *chat, struct moe__slice written);

#endif
