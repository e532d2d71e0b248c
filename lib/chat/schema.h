/* schema.h: the parts of the JSON Schema compiler, and what they share.
 *
 * A place in a document has to satisfy several schemas at once (allOf, $ref
 * with siblings, properties of merged objects), so the unit of compiling is a
 * list of schemas, all of which hold:
 *     list -> frame: the list with $ref and allOf followed
 *          -> one frame for each choice of branches of anyOf and oneOf
 *          -> for each JSON type an expression of what all entries allow.
 * Each list becomes one rule, found again by its list: recursion ends. */
#ifndef MOE_CHAT_SCHEMA_H
#define MOE_CHAT_SCHEMA_H

#include "base/json.h"
#include "sample/grammar.h"

#define MOE__SCHEMA_MAX_ENTRIES 256 /* that hold at one place */
#define MOE__SCHEMA_MAX_CHOICES 64  /* anyOf and oneOf at one place */
#define MOE__SCHEMA_MAX_MEMBERS 4096
#define MOE__SCHEMA_MAX_REPEAT 65535 /* of items, members, characters */

/* ORDER SCHEMA_TYPE */
enum moe__schema_type {
    MOE__SCHEMA_NULL = 1,
    MOE__SCHEMA_BOOLEAN = 2,
    MOE__SCHEMA_INTEGER = 4,
    MOE__SCHEMA_FRACTION = 8, /* numbers that are no integers */
    MOE__SCHEMA_STRING = 16,
    MOE__SCHEMA_ARRAY = 32,
    MOE__SCHEMA_OBJECT = 64,
    MOE__SCHEMA_ALL = 127
};

/* Schemas that all hold; borrowed. */
struct moe__schema_list {
    const struct moe__json *const *nodes; /* [n] */
    int32_t n;
};

struct moe__schema_task; /* a list and its rule */

struct moe__schema {
    struct moe__mem *mem;
    struct moe__arena arena; /* all that lives while compiling */
    struct moe__grammar_builder *builder;
    const struct moe__json *root;
    struct moe__err *err;

    struct moe__schema_task *tasks; /* [n_tasks] each compiled once */
    int32_t n_tasks;
    int32_t cap_tasks;
    int32_t *slots; /* [n_slots] hash table: index of a task + 1, or 0 */
    int32_t n_slots;
    int32_t n_steps; /* work done: limited */

    moe__expr any_value;
    moe__expr any_character; /* of a string */
    moe__expr any_text;      /* characters of a string */
    moe__expr digit;
    moe__expr colon; /* and comma: with one space or none */
    moe__expr comma;
};

/* A growing list in the arena. */
struct moe__schema_ways {
    moe__expr *items; /* [n] */
    int32_t n;
    int32_t cap;
};

struct moe__schema_frame {
    struct moe__schema *schema;
    const struct moe__json *entries[MOE__SCHEMA_MAX_ENTRIES]; /* [n] */
    int16_t parents[MOE__SCHEMA_MAX_ENTRIES]; /* [n] who led there, or -1 */
    struct {
        const struct moe__json *branches; /* an array */
        int16_t entry;
        bool is_one_of;
    } choices[MOE__SCHEMA_MAX_CHOICES]; /* [n_choices] */
    int32_t n;
    int32_t n_followed; /* entries whose $ref and so on were looked at */
    int32_t n_choices;
    int32_t n_chosen;
    bool is_false;
};

/* schema.c */
moe_status moe__schema_no_memory(struct moe__schema *schema);
/* A refusal: the node's JSON pointer, the keyword (NULL: none) and why. */
moe_status moe__schema_refuse(struct moe__schema *schema,
                              const struct moe__json *node, const char *keyword,
                              const char *why);
/* Counts work; fails beyond the limit. */
moe_status moe__schema_step(struct moe__schema *schema, int32_t n);
moe_status moe__schema_way(struct moe__schema *schema,
                           struct moe__schema_ways *ways, moe__expr expr);
/* The rule of a list; a list that is always true is any_value. */
moe_status moe__schema_rule(struct moe__schema *schema,
                            const struct moe__schema_list *list,
                            moe__expr *out);
/* The bits of a type's name; 0: it is none. */
uint32_t moe__schema_type_bits(struct moe__slice name);
/* The bits that `type` names in all entries. */
uint32_t moe__schema_types(const struct moe__schema_frame *frame);
/* Entries and choices of a list, without the choices made; the frame is
 * cleared first. */
moe_status moe__schema_follow(struct moe__schema *schema,
                              const struct moe__schema_list *list,
                              struct moe__schema_frame *frame);
/* More of it. */
moe_status moe__schema_add(struct moe__schema_frame *frame,
                           const struct moe__json *node, int32_t parent);
moe_status moe__schema_flatten(struct moe__schema_frame *frame);
/* The member of an object by a key that may hold any bytes. */
const struct moe__json *moe__schema_member(const struct moe__json *object,
                                           struct moe__slice key);
/* A count >= 0 of any entry: the largest (or smallest) of those named so;
 * `otherwise` if there is none. */
moe_status moe__schema_count(const struct moe__schema_frame *frame,
                             const char *keyword, bool is_largest,
                             int32_t otherwise, int32_t *out);
moe__expr moe__schema_text(struct moe__schema *schema, const char *bytes);
moe__expr moe__schema_join(struct moe__schema *schema, moe__expr first,
                           moe__expr second);
moe__expr moe__schema_quoted(struct moe__schema *schema, moe__expr text);
moe__expr moe__schema_either(struct moe__schema *schema, moe__expr first,
                             moe__expr second);

/* schema_keywords.c: refuses what is not enforced, and wrong values. */
moe_status moe__schema_check(struct moe__schema *schema,
                             const struct moe__json *node);

/* schema_ref.c */
moe_status moe__schema_resolve(struct moe__schema *schema,
                               const struct moe__json *node,
                               struct moe__slice reference,
                               const struct moe__json **out);
/* Appends "#/..." of a value in the document. */
void moe__schema_pointer(const struct moe__json *root,
                         const struct moe__json *node, struct moe__text *out);

/* schema_number.c: bounds in exact decimals. */
#define MOE__SCHEMA_MAX_DIGITS 400 /* before the point, and after it */
struct moe__schema_digits {
    bool is_negative;
    int32_t n_whole;    /* digits, no leading zero but for 0 itself */
    int32_t n_fraction; /* no zero at the end */
    uint8_t whole[MOE__SCHEMA_MAX_DIGITS];    /* [n_whole] 0 .. 9 */
    uint8_t fraction[MOE__SCHEMA_MAX_DIGITS]; /* [n_fraction] 0 .. 9 */
};
struct moe__schema_bounds {
    bool has_low;
    bool has_high;
    bool is_low_open; /* the bound itself is out */
    bool is_high_open;
    struct moe__schema_digits low;
    struct moe__schema_digits high;
};
/* False if it has too many digits. */
bool moe__schema_digits_read(struct moe__slice number,
                             struct moe__schema_digits *out);
int32_t moe__schema_digits_compare(const struct moe__schema_digits *a,
                                   const struct moe__schema_digits *b);
moe_status moe__schema_bounds(const struct moe__schema_frame *frame,
                              struct moe__schema_bounds *out);
bool moe__schema_bounds_hold(const struct moe__schema_bounds *bounds,
                             const struct moe__schema_digits *value);
bool moe__schema_bounds_empty(const struct moe__schema_bounds *bounds);
moe_status moe__schema_number(const struct moe__schema_frame *frame,
                              bool is_integer, moe__expr *out);

/* schema_string.c: strings, with their quotes. */
moe_status moe__schema_string(const struct moe__schema_frame *frame,
                              bool has_type, moe__expr *out);

/* schema_value.c: what enum and const list, as far as all entries allow it;
 * *has_values tells whether there is such a keyword. */
moe_status moe__schema_values(const struct moe__schema_frame *frame,
                              struct moe__schema_ways *ways, bool *has_values);
/* Of a value the bits of its type. */
uint32_t moe__schema_type_of(const struct moe__json *value);

/* schema_array.c */
/* least .. most (-1: any number) items or members, with commas between them;
 * is_first: none precedes them. */
moe__expr moe__schema_rest(struct moe__schema *schema, moe__expr item,
                           int32_t least, int32_t most, bool is_first);
/* The schemas of item `at`; -1: of those behind all prefixItems. */
moe_status moe__schema_item_list(const struct moe__schema_frame *frame,
                                 int32_t at, struct moe__schema_list *out);
moe_status moe__schema_array(const struct moe__schema_frame *frame,
                             moe__expr *out);

/* schema_object.c */
struct moe__schema_members {
    struct moe__slice *keys; /* [n] that some entry names, in their order */
    bool *is_required;       /* [n] */
    int32_t n;
};
moe_status moe__schema_members(const struct moe__schema_frame *frame,
                               struct moe__schema_members *out);
/* The schemas of a member, or of the members that no entry names: key NULL.
 * The list is in the arena; without regard to patternProperties. */
moe_status moe__schema_member_list(const struct moe__schema_frame *frame,
                                   const struct moe__slice *key,
                                   struct moe__schema_list *out);
moe_status moe__schema_object(const struct moe__schema_frame *frame,
                              moe__expr *out);

/* schema_empty.c: whether no value fits a frame; false if in doubt. */
moe_status moe__schema_is_empty(const struct moe__schema_frame *frame,
                                int32_t depth, bool *out);

#endif
