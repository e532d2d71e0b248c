/* dialect_turns.h: formats that write one turn after the other, as rows. */
#ifndef MOE_CHAT_DIALECT_TURNS_H
#define MOE_CHAT_DIALECT_TURNS_H

#include "chat/dialect.h"

/* Around something; texts of a form, NULL: nothing. */
struct moe__around {
    const char *before;
    const char *after;
};

enum moe__declare_place {
    MOE__DECLARE_FIRST,  /* a turn before all others */
    MOE__DECLARE_SYSTEM, /* at the end of the system's words */
    MOE__DECLARE_USER    /* before the first words of the user */
};

/* How a format speaks of tools. */
struct moe__tool_form {
    enum moe__declare_place place;
    const char *system_note; /* at the start of the system's turn */
    struct moe__around declare;
    struct moe__around declared; /* each */
    const char *declare_gap;     /* between two */
    int32_t indent;              /* of the JSON, -1: on one line */
    struct moe__around calls;
    struct moe__around call; /* each: before its name, after its arguments */
    const char *call_middle; /* between name and arguments */
    const char *call_gap;    /* between two, or between text and the first */
    bool has_gap_after_text;
    struct moe__around results;
    struct moe__around result; /* each */
    bool has_json_results;     /* a result is written as a JSON string */
};

struct moe__turns {
    const char *begin;
    struct moe__around system;
    struct moe__around user;
    struct moe__around assistant;
    bool has_system_inside;     /* within the first turn of the user */
    const char *facts;          /* before the first words of the system */
    const char *default_system; /* words if the conversation has none */
    const char *between;        /* behind a turn of the assistant, not last */
    const char *ask;            /* where an answer is to begin */
    const char *close;          /* the end if none is asked for */
    uint8_t trims;              /* set of roles without space around */
    bool keeps_left; /* but not before the first words behind the system's */
    bool is_open_after_tool; /* nothing before what follows a result */
    bool has_think_block;    /* reasoning since the last user's turn is kept */
    const char *no_think;    /* behind ask if enable_thinking is false */
    const struct moe__tool_form *tools;        /* or NULL */
    moe_status (*write)(struct moe__job *job); /* instead of the row, or NULL */
};

extern const struct moe__turns moe__turns_chatml, moe__turns_qwen2,
    moe__turns_qwen3, moe__turns_llama2, moe__turns_llama3, moe__turns_llama31,
    moe__turns_zephyr, moe__turns_openchat, moe__turns_vicuna, moe__turns_gemma,
    moe__turns_phi3, moe__turns_deepseek2, moe__turns_deepseek3,
    moe__turns_harmony, moe__turns_olmoe, moe__turns_granite3;

#endif
