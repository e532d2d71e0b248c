/* dialect_mistral.h: in what the versions of Mistral's format differ. */
#ifndef MOE_CHAT_DIALECT_MISTRAL_H
#define MOE_CHAT_DIALECT_MISTRAL_H

#include "base/compiler.h"

/* Where the system's words go. */
enum moe__mistral_system {
    MOE__MISTRAL_SYSTEM_FIRST, /* before the text of the first user's turn */
    MOE__MISTRAL_SYSTEM_LAST,  /* of the last one */
    MOE__MISTRAL_SYSTEM_OWN    /* turns of their own */
};

enum moe__mistral_calls {
    MOE__MISTRAL_CALLS_LIST,    /* one JSON list */
    MOE__MISTRAL_CALLS_PARTS,   /* name and arguments of each */
    MOE__MISTRAL_CALLS_PARTS_ID /* name, id and arguments */
};

enum moe__mistral_results {
    MOE__MISTRAL_RESULTS_LIST,   /* [{"name", "content"}, ...] */
    MOE__MISTRAL_RESULTS_OBJECT, /* {"content", "call_id"} */
    MOE__MISTRAL_RESULTS_ID,     /* id and the content as it is */
    MOE__MISTRAL_RESULTS_PLAIN   /* the content as it is */
};

struct moe__mistral {
    enum moe__mistral_system system;
    enum moe__mistral_calls calls;
    enum moe__mistral_results results;
    bool has_plain_marks; /* version 1: [INST] is text */
    bool has_tools_first; /* tools at the first user's turn, not the last */
    bool drops_old_calls; /* of turns before the last user's */
};

#endif
