/* calls_parser.h: the insides of the parser of tool calls, shared by calls*.c
 * and dialect_calls.c, which has the table.
 *
 * A format is an automaton, a row for each state; the engine knows the kinds of
 * states and nothing of formats. */
#ifndef MOE_CHAT_CALLS_PARSER_H
#define MOE_CHAT_CALLS_PARSER_H

#include "chat/calls.h"
#include "chat/calls_scan.h"

/* ---------------------------------------------------------------- formats */

enum moe__call_kind {
    MOE__CALL_IS_TEXT,      /* up to a mark */
    MOE__CALL_IS_GAP,       /* white space up to a mark; else `other` */
    MOE__CALL_IS_BROKEN,    /* bytes of no call up to a mark */
    MOE__CALL_IS_PASSED,    /* bytes of a call without meaning, up to a mark */
    MOE__CALL_IS_NAME,      /* up to a mark */
    MOE__CALL_IS_ID,        /* up to a mark */
    MOE__CALL_IS_ARGUMENTS, /* a JSON object; then AFTER */
    MOE__CALL_IS_OBJECTS    /* {"name": ..., "arguments": {...}}, or a list of
                               such, in JSON; then AFTER; else `other` */
};

/* The same in each format. */
enum {
    MOE__CALL_STATE_TEXT,
    MOE__CALL_STATE_AFTER,  /* a call: a gap, the next call or text */
    MOE__CALL_STATE_BROKEN, /* a mark that leads to itself is not part of it */
    MOE__CALL_N_FIXED
};

#define MOE__CALL_EDGES 7

struct moe__call_edge {
    const char *mark; /* the longest at the earliest place counts */
    int32_t next;
};

struct moe__call_state {
    enum moe__call_kind kind;
    int32_t other; /* what starts it cannot go on here: read it so */
    struct moe__call_edge edges[MOE__CALL_EDGES]; /* mark NULL: no more */
};

/* How calls are to be written: trigger begin CALL (between CALL)* end, and the
 * same after `again`, where a CALL is open NAME middle ARGUMENTS close. */
struct moe__call_shape {
    const char *trigger; /* "": an answer begins with `open` */
    const char *begin;
    const char *open;
    const char *middle;
    const char *close;
    const char *between; /* NULL: one call */
    const char *end;
    const char *again; /* NULL: never */
};

struct moe__call_format {
    const char *name;
    const char *sign;        /* tells it in chat templates; NULL: none has it */
    const char *dialects[4]; /* that write calls so; NULL: no more */
    bool is_emulated;
    int32_t start;
    const struct moe__call_state *states; /* [n_states] */
    int32_t n_states;
    struct moe__call_shape shape;
};

/* dialect_calls.c: [moe__n_call_formats] */
extern const struct moe__call_format moe__call_formats[];
extern const int32_t moe__n_call_formats;

/* ----------------------------------------------------------------- parser */

enum moe__call_key {
    MOE__CALL_KEY_OTHER,
    MOE__CALL_KEY_NAME,
    MOE__CALL_KEY_ID,
    MOE__CALL_KEY_ARGUMENTS,
    MOE__CALL_KEY_TYPE
};

/* What is known of the call; places are counted from moe__calls.from. */
struct moe__call_parts {
    bool has_name;
    bool has_id;
    bool has_arguments; /* they have begun */
    bool has_begun;     /* it was told */
    bool is_complete;
    bool is_bad;               /* its JSON cannot go on at `at` */
    size_t object;             /* where its JSON begins */
    size_t n_sent;             /* up to here arguments were told */
    size_t n_known;            /* up to here they are known */
    enum moe__call_key member; /* that is being read */
    size_t value;              /* where its key, value, name or id begins */
};

/* Enough is known to tell that it begins. */
MOE__INLINE bool moe__call_is_news(const struct moe__call_parts *call)
{
    return call->has_name && !call->has_begun &&
           (call->has_arguments || call->is_complete);
}

struct moe__calls {
    struct moe__mem *mem;
    const struct moe__call_format *format;
    struct moe__text bytes; /* that were put */
    size_t from;            /* before it all was told */
    size_t at;              /* bytes behind `from` that were read */
    int32_t state;
    bool is_ended;
    struct moe__text name;
    struct moe__text id;
    struct moe__call_parts call;
    struct moe__scan scan;
    bool is_list;   /* OBJECTS: '[' came first */
    int32_t n_read; /* OBJECTS: calls so far */
};

/* calls_json.c: reads bytes from `at` on until there is a call to tell, it is
 * complete or all are read.  False: it is no JSON, or none of a call. */
bool moe__calls_read_arguments(struct moe__calls *calls);
bool moe__calls_read_objects(struct moe__calls *calls);
/* Of a name or an id: a letter, a digit, one of _ - . : / or not ASCII. */
bool moe__calls_is_word(uint8_t byte);
/* Keeps a name or an id, without white space around it; false if it is none. */
bool moe__calls_keep(struct moe__text *kept, struct moe__slice text);

MOE__INLINE struct moe__slice moe__calls_held(const struct moe__calls *calls)
{
    const struct moe__slice all = moe__text_slice(&calls->bytes);
    return moe__slice_of(all.n > 0 ? all.data + calls->from : NULL,
                         all.n - calls->from);
}

#endif
