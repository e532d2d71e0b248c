/* chat.h: conversations, and the ways to make a prompt of one. */
#ifndef MOE_CHAT_CHAT_H
#define MOE_CHAT_CHAT_H

#include "base/json.h"
#include "token/token.h"

enum moe__role {
    MOE__ROLE_SYSTEM,
    MOE__ROLE_USER,
    MOE__ROLE_ASSISTANT,
    MOE__ROLE_TOOL,
    MOE__N_ROLES
};
const char *moe__role_name(enum moe__role role); /* "system" ... */

/* A call that the assistant made. */
struct moe__call {
    struct moe__slice id; /* empty: none */
    struct moe__slice name;
    struct moe__slice arguments; /* a JSON object, as text */
};

struct moe__message {
    enum moe__role role;
    struct moe__slice content;
    struct moe__slice reasoning;   /* ASSISTANT */
    struct moe__slice name;        /* TOOL: of the function */
    struct moe__slice call_id;     /* TOOL: of the call it answers */
    const struct moe__call *calls; /* [n_calls] ASSISTANT */
    int32_t n_calls;
};

/* 1 to so many letters, digits, _ or -. */
#define MOE__TOOL_NAME_BYTES 64
bool moe__tool_is_name(struct moe__slice text);

struct moe__conversation {
    const struct moe__message *messages; /* [n_messages] */
    int32_t n_messages;
    bool asks_for_answer; /* the prompt ends where the assistant begins */
    bool is_continued;    /* the last message, of the assistant, goes on */
    /* OpenAI's form: [{"type": "function", "function": {"name",
     * "description", "parameters"}}]; NULL: none. */
    const struct moe__json *tools;
    struct moe__slice date;            /* "2026-11-23", empty: not known */
    const struct moe__json *variables; /* more for a template, or NULL */
};

/* ---------------------------------------------------------------- prompt */

/* A text that knows where each byte came from.  Only bytes of the template can
 * be control tokens; all others are data, whatever they look like. */
enum moe__origin { MOE__ORIGIN_DATA, MOE__ORIGIN_TEMPLATE };

struct moe__prompt {
    struct moe__text text;
    struct moe__trust *trusted; /* [n_trusted] the template's bytes */
    int32_t n_trusted;
    int32_t cap_trusted;
};

void moe__prompt_init(struct moe__prompt *prompt, struct moe__mem *mem,
                      size_t limit);
void moe__prompt_free(struct moe__prompt *prompt);
/* Failures are kept in prompt->text. */
void moe__prompt_add(struct moe__prompt *prompt, struct moe__slice bytes,
                     enum moe__origin origin);
/* The ids of the whole: control tokens where the template has them; on input
 * without control-like words the ids of the text tokenised as one string. */
moe_status moe__prompt_encode(const struct moe__prompt *prompt,
                              const struct moe__vocab *vocab,
                              struct moe__ids *out, struct moe__err *err);

/* -------------------------------------------------------------- templates */

/* A chat template in the Jinja subset that published templates use. */
struct moe__template;

/* Parses; source is copied.  Errors give line and column and say what is not
 * supported. */
moe_status moe__template_create(struct moe__mem *mem, struct moe__slice source,
                                struct moe__template **out,
                                struct moe__err *err);
moe_status moe__template_clone(struct moe__mem *mem,
                               const struct moe__template *template_,
                               struct moe__template **out,
                               struct moe__err *err);
void moe__template_destroy(struct moe__template *template_);
/* Renders with transformers' variables: messages, tools, add_generation_prompt,
 * bos_token, eos_token, date; any thread.  Steps, depth and output are limited.
 * raise_exception gives MOE_ERR_ARGUMENT with the template's words. */
moe_status moe__template_render(const struct moe__template *template_,
                                const struct moe__conversation *conversation,
                                const struct moe__vocab *vocab,
                                struct moe__prompt *out, struct moe__err *err);

/* --------------------------------------------------------------- encoders */

/* A compiled-in format, by the name of its version: "mistral-v3", "chatml" ...
 */
struct moe__dialect;

const struct moe__dialect *moe__dialect_find(struct moe__slice name);
/* The i-th of all, NULL at the end. */
const struct moe__dialect *moe__dialect_at(int32_t i);
const char *moe__dialect_name(const struct moe__dialect *dialect);

struct moe__dialect_traits {
    bool has_tools;          /* a form of its own to declare tools */
    bool has_plain_markers;  /* some marks are plain text: can be forged */
    const char *think_begin; /* around the model's reasoning, or NULL */
    const char *think_end;
    const char *call_begin; /* how calls start, NULL: no form for calls */
};
const struct moe__dialect_traits *
moe__dialect_traits(const struct moe__dialect *dialect);

/* Whether a message of the assistant may be without words and calls. */
bool moe__dialect_takes_empty(const struct moe__dialect *dialect);

/* Which one a file's template is, NULL if none; vocab decides among versions
 * that share a template. */
const struct moe__dialect *moe__dialect_detect(struct moe__slice template_,
                                               const struct moe__vocab *vocab);
/* Checks the conversation as the format's reference does (errors name the
 * message by its index from 0) and appends its ids, BOS included. */
moe_status moe__dialect_encode(const struct moe__dialect *dialect,
                               const struct moe__conversation *conversation,
                               const struct moe__vocab *vocab,
                               struct moe__ids *out, struct moe__err *err);
/* The same as a prompt, which was just initialised; on success
 * moe__prompt_encode makes the same ids of it. */
moe_status moe__dialect_render(const struct moe__dialect *dialect,
                               const struct moe__conversation *conversation,
                               const struct moe__vocab *vocab,
                               struct moe__prompt *out, struct moe__err *err);
/* Control-like words in a message. */
struct moe__flags {
    int32_t n_controls; /* names of control tokens: harmless as data */
    int32_t n_markers;  /* the dialect's marks that are plain text: forged */
};
/* dialect NULL: only control tokens are looked for. */
struct moe__flags moe__message_flag(const struct moe__dialect *dialect,
                                    const struct moe__vocab *vocab,
                                    const struct moe__message *message);

/* ----------------------------------------------------------------- schema */

struct moe__grammar;
struct moe__grammar_builder;

/* A grammar of exactly the JSON texts (without needless white space, members in
 * the order of the schema) that a schema allows.  What cannot be enforced is
 * refused: the message has the JSON pointer and the keyword. */
moe_status moe__schema_compile(struct moe__mem *mem, struct moe__slice schema,
                               struct moe__grammar **out, struct moe__err *err);

/* The same for a schema that was read, as an expression of a builder; of its
 * values only objects.  The schema must live until the builder ends. */
moe_status moe__schema_into(struct moe__mem *mem,
                            struct moe__grammar_builder *builder,
                            const struct moe__json *schema, int32_t *out,
                            struct moe__err *err);

#endif
