/* json.h: JSON (RFC 8259): text -> values in an arena -> text.
 *
 * Reading is strict: exactly one value, UTF-8 valid, no lone surrogate, no
 * comment, nesting up to MOE__JSON_DEPTH.  Errors give line and column. */
#ifndef MOE_BASE_JSON_H
#define MOE_BASE_JSON_H

#include "base/text.h"

#define MOE__JSON_DEPTH 128

enum moe__json_kind {
    MOE__JSON_NULL,
    MOE__JSON_FALSE,
    MOE__JSON_TRUE,
    MOE__JSON_NUMBER,
    MOE__JSON_STRING,
    MOE__JSON_ARRAY,
    MOE__JSON_OBJECT
};

struct moe__json {
    enum moe__json_kind kind;
    int32_t n;                     /* elements or members */
    bool is_integer;               /* NUMBER: `integer` is the exact value */
    double number;                 /* NUMBER: nearest, ties to even */
    int64_t integer;               /* 1.0 and 1e2 are integers, too */
    struct moe__slice text;        /* STRING: its bytes; NUMBER: as written, or
                                      empty: write `number` */
    const struct moe__json *items; /* [n] elements, or values of members */
    const struct moe__slice *keys; /* [n] OBJECT, in the order of the text */
};

/* Values live in arena; they borrow nothing from `text`. */
moe_status moe__json_read(struct moe__arena *arena, struct moe__slice text,
                          const struct moe__json **out, struct moe__err *err);
/* "a number", "an object": for sentences; "nothing" for NULL. */
const char *moe__json_kind_name(const struct moe__json *value);
/* The value of a key, the last one of equal keys; NULL if there is none or
 * `object` is NULL or no object. */
const struct moe__json *moe__json_get(const struct moe__json *object,
                                      const char *key);
/* Equal as JSON Schema says: 1 is 1.0, members in any order. */
bool moe__json_equal(const struct moe__json *a, const struct moe__json *b);

/* How a value is written. */
struct moe__json_style {
    int32_t indent;       /* spaces for each level; -1: on one line */
    const char *comma;    /* ", " or "," (on one line) */
    const char *colon;    /* ": " or ":" */
    bool is_ascii;        /* \u00e9 for all that is not ASCII */
    bool has_sorted_keys; /* by code point */
};
extern const struct moe__json_style moe__json_compact; /* {"a":1} */
extern const struct moe__json_style moe__json_spaced;  /* {"a": 1} */

void moe__json_write(struct moe__text *out, const struct moe__json *value,
                     const struct moe__json_style *style);
/* "..." with its quotes; bytes that are not UTF-8 become U+FFFD. */
void moe__json_write_string(struct moe__text *out, struct moe__slice text,
                            bool is_ascii);
/* The shortest decimal that reads back as the same double, as Python's repr
 * writes it (1e+16, 0.0001, 1e-05, 1.0). */
void moe__json_write_number(struct moe__text *out, double number);

#endif
