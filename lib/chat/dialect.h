/* dialect.h: the insides of compiled-in formats, shared by dialect*.c. */
#ifndef MOE_CHAT_DIALECT_H
#define MOE_CHAT_DIALECT_H

#include "chat/chat.h"

/* Which roles may come next, as a set of 1 << role. */
enum {
    MOE__SYSTEM_BIT = 1 << MOE__ROLE_SYSTEM,
    MOE__USER_BIT = 1 << MOE__ROLE_USER,
    MOE__ASSISTANT_BIT = 1 << MOE__ROLE_ASSISTANT,
    MOE__TOOL_BIT = 1 << MOE__ROLE_TOOL
};

/* What a conversation must be like. */
struct moe__chat_rules {
    uint8_t first;                 /* set of roles of message 0 */
    uint8_t follows[MOE__N_ROLES]; /* set of roles after one of that role */
    bool has_calls;                /* calls and their results */
    bool has_short_ids;            /* ids are 9 letters or digits */
    bool has_distinct_ids;         /* results are matched with calls by id */
    bool has_one_call;             /* at most one call in a message */
    bool is_call_alone;            /* no text beside calls */
    bool is_never_empty;           /* of the assistant: text or a call */
};

struct moe__mistral; /* dialect_mistral.c */
struct moe__turns;   /* dialect_turns.h */

/* Exactly one of mistral and turns is set. */
struct moe__dialect {
    const char *name;
    const struct moe__chat_rules *rules;
    const struct moe__mistral *mistral;
    const struct moe__turns *turns;
    struct moe__dialect_traits traits;
    /* Must be control tokens of the vocabulary; NULL at the end. */
    const char *controls[5];
    /* Marks of the form that are plain text; NULL at the end. */
    const char *markers[6];
};

/* One conversation on its way to a prompt. */
struct moe__job {
    const struct moe__dialect *dialect;
    const struct moe__conversation *conversation;
    const struct moe__vocab *vocab;
    struct moe__prompt *prompt;
    struct moe__arena arena;  /* lists and JSON values */
    struct moe__text scratch; /* a text that is put together first */
    struct moe__err *err;
};

/* In the text of a form: begin- and end-of-text of the vocabulary;
 * begin-of-text if the vocabulary wants it before a text; the date as in "26
 * Jul 2024". */
#define MOE__FORM_BOS "\1"
#define MOE__FORM_EOS "\2"
#define MOE__FORM_WANTED_BOS "\3"
#define MOE__FORM_DATE "\4"

/* The form's own text; NULL: none. */
void moe__job_form(struct moe__job *job, const char *form);
/* A value as JSON in the style of Python's json.dumps. */
void moe__job_json(struct moe__job *job, const struct moe__json *value,
                   const struct moe__json_style *style);
/* A call's arguments, which the check has seen to be an object or nothing. */
moe_status moe__job_arguments(struct moe__job *job,
                              const struct moe__call *call);
/* What somebody wrote. */
void moe__job_data(struct moe__job *job, struct moe__slice bytes);
/* The scratch text as data; it is empty then. */
void moe__job_scratch(struct moe__job *job);
/* A control token; MOE_ERR_UNSUPPORTED if the vocabulary has none. */
moe_status moe__job_control(struct moe__job *job, const char *name);

/* Is this the text of a control token? */
bool moe__dialect_has_control(const struct moe__vocab *vocab, const char *name);

/* dialect_check.c */
moe_status moe__chat_check(const struct moe__dialect *dialect,
                           struct moe__mem *mem,
                           const struct moe__conversation *conversation,
                           struct moe__err *err);

/* The conversation was checked. */
moe_status moe__mistral_write(struct moe__job *job);
moe_status moe__turns_write(struct moe__job *job);
moe_status moe__harmony_write(struct moe__job *job);

/* dialect_tables.c: [moe__n_dialects] */
extern const struct moe__dialect moe__dialects[];
extern const int32_t moe__n_dialects;

#endif
