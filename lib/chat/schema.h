/* schema.h: the parts of the JSON Schema compiler, and what they share.
 *
 * A place in a document has to satisfy several schemas at once (allOf, $ref
 * with siblings, properties of merged objects), so the unit of compiling is a
 * list of schemas, all of which hold:
 *     list -> frame: the list with $ref, allOf and not followed
 *          -> one frame for each choice of branches of anyOf, oneOf, if ...
 *          -> for each JSON type an expression of what all entries allow.
 * Each list becomes one rule, found again by its list: recursion ends.
 *
 * What has no expression of its own is said by other schemas, made in the
 * arena: `not` by what is allowed instead, `if` by a choice.  Schemas are told
 * apart by their `items`, which a copy shares. */
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

/* What stands for a keyword. */
struct moe__schema_made {
    const struct moe__json *place; /* the items of its schema, or its own */
    const char *keyword;
    const struct moe__json *node;
    struct moe__schema_made *next; /* with the same hash */
};

/* A schema that was made, and because of what. */
struct moe__schema_origin {
    const struct moe__json *items; /* of the one that was made */
    const struct moe__json *node;
    const char *keyword;
    struct moe__schema_origin *next;
};

#define MOE__SCHEMA_MADE_SLOTS 256

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
    int32_t n_steps;      /* work done: limited */
    bool has_unevaluated; /* somewhere */

    struct moe__schema_made *made[MOE__SCHEMA_MADE_SLOTS];
    struct moe__schema_origin *origins; /* of made schemas */

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
    bool is_silent[MOE__SCHEMA_MAX_ENTRIES];  /* [n] its parent does not count
                                                 what it evaluates */
    struct moe__schema_choice {
        const struct moe__json *branches; /* an array */
        int16_t entry;
        bool is_one_of;
        bool is_disjoint; /* the branches are, by the way they were made */
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
/* The same for n times m short comparisons. */
moe_status moe__schema_step_pairs(struct moe__schema *schema, int32_t n,
                                  int32_t m);
moe_status moe__schema_way(struct moe__schema *schema,
                           struct moe__schema_ways *ways, moe__expr expr);
/* The rule of a list; a list that is always true is any_value. */
moe_status moe__schema_rule(struct moe__schema *schema,
                            const struct moe__schema_list *list,
                            moe__expr *out);
/* The bits of a type's name; 0: it is none. */
uint32_t moe__schema_type_bits(struct moe__slice name);
/* The bits that the `type` of a schema names. */
uint32_t moe__schema_named_types(const struct moe__json *node);
/* The bits that `type` names in all entries. */
uint32_t moe__schema_types(const struct moe__schema_frame *frame);
/* Entries and choices of a list, without the choices made; the frame is
 * cleared first. */
moe_status moe__schema_follow(struct moe__schema *schema,
                              const struct moe__schema_list *list,
                              struct moe__schema_frame *frame);
/* More of it; is_silent: by way of a `not`. */
moe_status moe__schema_add(struct moe__schema_frame *frame,
                           const struct moe__json *node, int32_t parent,
                           bool is_silent);
moe_status moe__schema_flatten(struct moe__schema_frame *frame);
/* The member of an object by a key that may hold any bytes. */
const struct moe__json *moe__schema_member(const struct moe__json *object,
                                           struct moe__slice key);
/* Whether `unevaluated...` of one entry knows what another evaluates. */
bool moe__schema_sees(const struct moe__schema_frame *frame, int32_t entry,
                      int32_t other);
/* All choices are made: before that nobody knows what is unevaluated. */
bool moe__schema_is_decided(const struct moe__schema_frame *frame);
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
/* A keyword that allows every value. */
bool moe__schema_is_note(struct moe__slice keyword);

/* schema_negate.c: schemas that say what `not` says. */
extern const char moe__schema_fraction[]; /* a type: no integer */
extern const char moe__schema_differs[];  /* a keyword: none of these strings */
/* What allows all that `node` does not. */
moe_status moe__schema_negate(struct moe__schema *schema,
                              const struct moe__json *node,
                              const struct moe__json **out);
/* schema_make.c: lists of branches, one of which holds: for `if`, and for each
 * member of dependentRequired and dependentSchemas.  NULL at the end. */
moe_status moe__schema_branches(struct moe__schema *schema,
                                const struct moe__json *node, int32_t at,
                                const struct moe__json **out);

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
/* types: MOE__SCHEMA_INTEGER, MOE__SCHEMA_FRACTION, or both. */
moe_status moe__schema_number(const struct moe__schema_frame *frame,
                              uint32_t types, moe__expr *out);

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
/* The schemas of item `at`; -1: of those behind all prefixItems.  `container`
 * is the entry whose `contains` the item matches, or -1. */
moe_status moe__schema_item_list(const struct moe__schema_frame *frame,
                                 int32_t at, int32_t container,
                                 struct moe__schema_list *out);
moe_status moe__schema_array(const struct moe__schema_frame *frame,
                             moe__expr *out);

/* schema_object.c */
/* Texts in a JSON string that are none of keys [n]; `node` and `keyword` are
 * for a refusal. */
moe_status moe__schema_other_text(struct moe__schema *schema,
                                  const struct moe__slice *keys, int32_t n,
                                  const struct moe__json *node,
                                  const char *keyword, moe__expr *out);
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
