/* jinja.h: the template interpreter, inside.
 *
 *   jinja_lex.c, jinja_expr.c, jinja_parse.c   source -> nodes
 *   jinja_value.c, jinja_string.c, jinja_print.c   values and their texts
 *   jinja_eval.c, jinja_operate.c, jinja_exec.c, jinja_call.c   nodes -> output
 *   jinja_filters.c, jinja_lists.c, jinja_tests.c    builtins
 *   jinja_methods.c, jinja_dict.c, jinja_format.c
 *
 * The dialect is Jinja2 3.1 as transformers sets it up: immutable sandbox,
 * trim_blocks, lstrip_blocks, break and continue.  What Python would do
 * decides every question; what is not here is refused by name. */
#ifndef MOE_CHAT_JINJA_H
#define MOE_CHAT_JINJA_H

#include "chat/chat.h"

/* ---------------------------------------------------------------- values */

/* Characters that know where they came from. */
struct moe__string {
    const uint8_t *data;    /* [n] UTF-8, if the input was */
    const uint8_t *origins; /* [n] enum moe__origin; NULL: all `origin` */
    size_t n;
    enum moe__origin origin;
    bool is_safe; /* Python's Markup: + escapes what is put beside it */
};

enum moe__value_kind {
    MOE__VALUE_ABSENT, /* an argument that was not given */
    MOE__VALUE_UNDEFINED,
    MOE__VALUE_NONE,
    MOE__VALUE_BOOL,
    MOE__VALUE_INT,
    MOE__VALUE_FLOAT,
    MOE__VALUE_STRING,
    MOE__VALUE_LIST,
    MOE__VALUE_TUPLE,
    MOE__VALUE_RANGE,
    MOE__VALUE_ITEMS, /* views of a dict: items(), keys(), values() */
    MOE__VALUE_KEYS,
    MOE__VALUE_VALUES,
    MOE__VALUE_GENERATOR, /* can be walked once, has no length */
    MOE__VALUE_DICT,
    MOE__VALUE_NAMESPACE,
    MOE__VALUE_LOOP,
    MOE__VALUE_METHOD,
    MOE__VALUE_FUNCTION,
    MOE__VALUE_MACRO,
    MOE__N_VALUE_KINDS
};

struct moe__value {
    enum moe__value_kind kind;
    bool is_data; /* made by the conversation; of a string see its origins */
    union {
        bool boolean;
        int64_t integer;
        double number;
        const struct moe__string *string; /* UNDEFINED: what it should be */
        struct moe__list *list;           /* LIST .. GENERATOR */
        struct moe__dict *dict;           /* DICT, NAMESPACE */
        struct moe__loop *loop;
        const struct moe__method *method;
        const struct moe__builtin *function;
        const struct moe__macro *macro;
    } as;
};

struct moe__list {
    struct moe__value *items; /* [n] */
    int32_t n;
    bool is_spent; /* a generator that was walked */
};

/* In the order of insertion. */
struct moe__dict {
    struct moe__value *keys;   /* [n] */
    struct moe__value *values; /* [n] */
    int32_t n;
    int32_t cap;
};

/* ----------------------------------------------------------------- nodes */

enum moe__node_kind {
    /* Statements.  BLOCK: list; TEXT: value; PRINT: kid[0]. */
    MOE__NODE_BLOCK,
    MOE__NODE_TEXT,
    MOE__NODE_PRINT,
    MOE__NODE_IF,  /* kid: test, then, otherwise (an IF or BLOCK) or NULL */
    MOE__NODE_FOR, /* kid: target, iterable, body, otherwise, test */
    MOE__NODE_BREAK,
    MOE__NODE_CONTINUE,
    MOE__NODE_SET,          /* kid: target, value */
    MOE__NODE_SET_BLOCK,    /* kid: target, body, filters of CAPTURED or NULL */
    MOE__NODE_WITH,         /* list: SETs; kid: body */
    MOE__NODE_MACRO,        /* name, list: PARAMETERs; kid: body */
    MOE__NODE_CALL_BLOCK,   /* kid: CALL, MACRO that is its caller */
    MOE__NODE_FILTER_BLOCK, /* kid: body, filters of CAPTURED */
    /* Expressions. */
    MOE__NODE_CONSTANT,  /* value */
    MOE__NODE_NAME,      /* name */
    MOE__NODE_TUPLE,     /* list; also as a target */
    MOE__NODE_LIST,      /* list */
    MOE__NODE_DICT,      /* list: key, value, key, value ... */
    MOE__NODE_ATTRIBUTE, /* kid[0].name; also as a target */
    MOE__NODE_ITEM,      /* kid[0][kid[1]] */
    MOE__NODE_SLICE,     /* kid[0][kid[1]:kid[2]:kid[3]], each may be NULL */
    MOE__NODE_CALL,      /* kid[0](list) */
    MOE__NODE_FILTER,    /* kid[0] | builtin(list) */
    MOE__NODE_TEST,      /* kid[0] is builtin(list) */
    MOE__NODE_NOT,
    MOE__NODE_NEGATIVE,
    MOE__NODE_POSITIVE,
    MOE__NODE_AND,
    MOE__NODE_OR,
    MOE__NODE_BINARY,   /* kid[0] operator kid[1] */
    MOE__NODE_COMPARE,  /* kid[0], list: OPERANDs */
    MOE__NODE_TERNARY,  /* kid: value, test, otherwise or NULL */
    MOE__NODE_CAPTURED, /* what the block printed */
    /* Parts of lists. */
    MOE__NODE_OPERAND,   /* operator kid[0] */
    MOE__NODE_KEYWORD,   /* name = kid[0] */
    MOE__NODE_STAR,      /* *kid[0] */
    MOE__NODE_STAR_STAR, /* **kid[0] */
    MOE__NODE_PARAMETER  /* name, kid: default or NULL */
};

/* ORDER OPERATOR: jinja_expr.c has their signs, jinja_operate.c what they do.
 */
enum moe__operator {
    MOE__OPERATOR_OR,
    MOE__OPERATOR_AND,
    MOE__OPERATOR_EQ,
    MOE__OPERATOR_NE,
    MOE__OPERATOR_LT,
    MOE__OPERATOR_LE,
    MOE__OPERATOR_GT,
    MOE__OPERATOR_GE,
    MOE__OPERATOR_IN,
    MOE__OPERATOR_NOT_IN,
    MOE__OPERATOR_ADD,
    MOE__OPERATOR_SUB,
    MOE__OPERATOR_CONCAT,
    MOE__OPERATOR_MUL,
    MOE__OPERATOR_DIV,
    MOE__OPERATOR_FLOOR_DIV,
    MOE__OPERATOR_MOD,
    MOE__OPERATOR_POW
};

#define MOE__NODE_KIDS 5

struct moe__node {
    enum moe__node_kind kind;
    enum moe__operator operator_;
    int32_t line; /* from 1, as the column, which counts characters */
    int32_t column;
    struct moe__slice name;
    struct moe__node *kid[MOE__NODE_KIDS];
    struct moe__node *list; /* the first of n */
    struct moe__node *next; /* in the list that this one is part of */
    int32_t n;
    struct moe__value value;
    const struct moe__builtin *builtin;
};

struct moe__template {
    struct moe__mem *mem;
    struct moe__arena arena;  /* of all below and of this */
    struct moe__slice source; /* newlines are \n */
    struct moe__node *body;
};

/* template.c: the same as moe__template_render with any variables, an object;
 * all of it is data but bos_token and eos_token.  date may be empty. */
moe_status moe__template_render_json(const struct moe__template *template_,
                                     const struct moe__json *variables,
                                     struct moe__slice date,
                                     struct moe__prompt *out,
                                     struct moe__err *err);

/* jinja_parse.c */
moe_status moe__jinja_parse(struct moe__template *template_,
                            struct moe__err *err);

/* ---------------------------------------------------------------- lexing */

enum moe__lexeme_kind {
    MOE__LEXEME_END,
    MOE__LEXEME_TEXT,
    MOE__LEXEME_BLOCK_BEGIN,
    MOE__LEXEME_BLOCK_END,
    MOE__LEXEME_PRINT_BEGIN,
    MOE__LEXEME_PRINT_END,
    MOE__LEXEME_NAME,
    MOE__LEXEME_STRING, /* text is between the quotes, escapes as written */
    MOE__LEXEME_INTEGER,
    MOE__LEXEME_FLOAT,
    MOE__LEXEME_SIGN /* operators, brackets, punctuation */
};

struct moe__lexeme {
    enum moe__lexeme_kind kind;
    struct moe__slice text;
    int32_t line;
    int32_t column;
};

/* Brackets inside one tag. */
#define MOE__LEXER_BRACKETS 100

struct moe__lexer {
    struct moe__slice source;
    size_t pos;
    enum moe__lexeme_kind inside; /* TEXT, BLOCK_BEGIN or PRINT_BEGIN */
    bool is_line_start;           /* nothing before pos on its line */
    bool has_pending;
    struct moe__lexeme pending;         /* begins after a text */
    char brackets[MOE__LEXER_BRACKETS]; /* [n_brackets] open ones */
    int32_t n_brackets;
    size_t counted; /* bytes of source before line and column */
    int32_t line;
    int32_t column;
};

/* jinja_lex.c */
void moe__lexer_init(struct moe__lexer *lexer, struct moe__slice source);
moe_status moe__lexer_next(struct moe__lexer *lexer, struct moe__lexeme *out,
                           struct moe__err *err);

/* --------------------------------------------------------------- parsing */

#define MOE__PARSER_DEPTH 100

struct moe__parser {
    struct moe__template *template_;
    struct moe__lexer lexer;
    struct moe__lexeme now;
    struct moe__lexeme then; /* the one after */
    int32_t depth;
    int32_t n_loops; /* around this place, inside the macro */
    struct moe__err *err;
};

/* Jinja's "tuple": expressions between commas, or just one. */
enum moe__tuple_flags {
    MOE__TUPLE_NO_TERNARY = 1,
    MOE__TUPLE_IN_BRACKETS = 2, /* may be empty */
    MOE__TUPLE_TARGET = 4       /* what can be assigned to, ends before `in` */
};

/* jinja_expr.c */
moe_status moe__parser_fail(struct moe__parser *parser, moe_status status,
                            const char *words);
moe_status moe__parser_expected(struct moe__parser *parser, const char *what);
moe_status moe__parser_step(struct moe__parser *parser);
bool moe__parser_is(const struct moe__parser *parser,
                    enum moe__lexeme_kind kind, const char *text);
/* Steps over it if it is there. */
moe_status moe__parser_skip(struct moe__parser *parser,
                            enum moe__lexeme_kind kind, const char *text,
                            bool *was_there);
moe_status moe__parser_need(struct moe__parser *parser,
                            enum moe__lexeme_kind kind, const char *text);
moe_status moe__parser_node(struct moe__parser *parser,
                            enum moe__node_kind kind, struct moe__node **out);
moe_status moe__parse_expression(struct moe__parser *parser,
                                 struct moe__node **out);
moe_status moe__parse_tuple(struct moe__parser *parser, unsigned flags,
                            struct moe__node **out);
moe_status moe__parse_target(struct moe__parser *parser,
                             struct moe__node **out);
/* `input` or NULL, then one or more filters, the first without its |. */
moe_status moe__parse_filters(struct moe__parser *parser,
                              struct moe__node *input, struct moe__node **out);
/* Appends to the list of `parent`; *last is its end or NULL. */
void moe__node_append(struct moe__node *parent, struct moe__node **last,
                      struct moe__node *node);

/* ------------------------------------------------------------- rendering */

struct moe__scope {
    struct moe__scope *parent;
    struct moe__dict names;
};

struct moe__macro {
    const struct moe__node *node; /* MACRO */
    struct moe__scope *scope;     /* where it was defined */
};

/* Text being made. */
struct moe__builder {
    struct moe__render *render;
    uint8_t *data;    /* [n] */
    uint8_t *origins; /* [n] */
    size_t n;
    size_t cap;
    moe_status status; /* fails once and for all */
};

enum moe__flow { MOE__FLOW_ON, MOE__FLOW_BREAK, MOE__FLOW_CONTINUE };

/* One rendering.  All memory is the arena's; nothing is freed before the end,
 * so fuel bounds both time and memory. */
struct moe__render {
    struct moe__arena arena;
    struct moe__err *err;       /* never NULL */
    const struct moe__node *at; /* for the message */
    uint64_t fuel;
    int32_t depth;
    enum moe__flow flow;
    struct moe__scope *scope;
    struct moe__builder *out;
    struct moe__value captured; /* of the filter or set block */
    struct moe__slice date;
    bool has_text_arguments; /* calls' arguments are their JSON text */
};

/* The interpreter's own arguments of a call. */
struct moe__args {
    struct moe__value self;        /* of a method, filter or test */
    const struct moe__value *list; /* [n] */
    int32_t n;
    const struct moe__value *names; /* [n_named] strings */
    const struct moe__value *named; /* [n_named] */
    int32_t n_named;
};

typedef moe_status moe__builtin_fn(struct moe__render *render,
                                   const struct moe__args *args,
                                   struct moe__value *out);

/* A filter, test, method or function. */
struct moe__builtin {
    const char *name;
    moe__builtin_fn *run; /* NULL: known to Python, not to us */
    int32_t n_min;
    int32_t n_max;          /* then list has n_max, ABSENT at the end; -1: any,
                               passed as they came */
    const char *parameters; /* "a b c": may be given by name; NULL: none */
};

struct moe__method {
    struct moe__value self;
    const struct moe__builtin *builtin;
};

extern const struct moe__builtin moe__jinja_filters[];
extern const struct moe__builtin moe__jinja_list_filters[];
extern const struct moe__builtin moe__jinja_tests[];
extern const struct moe__builtin moe__jinja_functions[];
extern const struct moe__builtin moe__jinja_string_methods[];
extern const struct moe__builtin moe__jinja_dict_methods[];
extern const struct moe__builtin moe__jinja_list_methods[];
extern const struct moe__builtin moe__jinja_tuple_methods[];
extern const struct moe__builtin moe__jinja_loop_methods[];

/* The row of a table that ends with name NULL. */
const struct moe__builtin *moe__builtin_find(const struct moe__builtin *table,
                                             struct moe__slice name);

/* jinja_exec.c */
moe_status moe__render_run(struct moe__render *render,
                           const struct moe__node *body);
moe_status moe__macro_call(struct moe__render *render,
                           const struct moe__macro *macro,
                           const struct moe__args *args,
                           struct moe__value *out);
moe_status moe__loop_attribute(struct moe__render *render,
                               struct moe__loop *loop, struct moe__slice name,
                               struct moe__value *out);

/* jinja_eval.c */
moe_status moe__eval(struct moe__render *render, const struct moe__node *node,
                     struct moe__value *out);
moe_status moe__eval_args(struct moe__render *render,
                          const struct moe__node *node, struct moe__args *out);
/* object[key] and object.name; what is not there is UNDEFINED. */
moe_status moe__value_item(struct moe__render *render,
                           const struct moe__value *object,
                           const struct moe__value *key,
                           struct moe__value *out);

/* jinja_operate.c: a operator b for all but logic and comparison; +a, -a. */
moe_status moe__operate(struct moe__render *render,
                        enum moe__operator operator_,
                        const struct moe__value *a, const struct moe__value *b,
                        struct moe__value *out);
moe_status moe__operate_sign(struct moe__render *render, bool is_minus,
                             const struct moe__value *value,
                             struct moe__value *out);

/* jinja_format.c: "%s" % arguments and "{}".format(arguments). */
moe_status moe__format_percent(struct moe__render *render,
                               const struct moe__string *format,
                               const struct moe__value *arguments,
                               struct moe__value *out);
moe_status moe__format_braces(struct moe__render *render,
                              const struct moe__args *args,
                              struct moe__value *out);
/* strftime on the rendering's date, at midnight. */
moe_status moe__format_date(struct moe__render *render,
                            const struct moe__args *args,
                            struct moe__value *out);

/* jinja_call.c */
moe_status moe__builtin_call(struct moe__render *render, const char *what,
                             const struct moe__builtin *builtin,
                             const struct moe__args *args,
                             struct moe__value *out);
moe_status moe__value_call(struct moe__render *render,
                           const struct moe__value *callee,
                           const struct moe__args *args,
                           struct moe__value *out);

/* jinja_value.c */
moe_status moe__render_spend(struct moe__render *render, uint64_t steps);
/* One level deeper; the caller takes it off render->depth after success. */
moe_status moe__render_enter(struct moe__render *render);
/* NULL: out of memory or of fuel; then return moe__render_full. */
void *moe__render_alloc(struct moe__render *render, size_t n, size_t size);
moe_status moe__render_full(struct moe__render *render);
const char *moe__value_type(const struct moe__value *value);
bool moe__value_is_sequence(const struct moe__value *value);
/* Can it be a key of a dict? */
bool moe__value_is_key(const struct moe__value *value);
bool moe__value_truth(const struct moe__value *value);
struct moe__value moe__value_none(void);
struct moe__value moe__value_bool(bool boolean);
struct moe__value moe__value_int(int64_t integer, bool is_data);
struct moe__value moe__value_float(double number, bool is_data);
moe_status moe__value_undefined(struct moe__render *render, const char *words,
                                struct moe__slice name, struct moe__value *out);
/* An error if it is UNDEFINED. */
moe_status moe__value_need(struct moe__render *render,
                           const struct moe__value *value);
moe_status moe__value_equal(struct moe__render *render,
                            const struct moe__value *a,
                            const struct moe__value *b, bool *out);
/* a < b; an error if they have no order. */
moe_status moe__value_less(struct moe__render *render,
                           const struct moe__value *a,
                           const struct moe__value *b, bool *out);
moe_status moe__value_contains(struct moe__render *render,
                               const struct moe__value *container,
                               const struct moe__value *item, bool *out);
/* The items of anything iterable: characters, keys, elements ... */
moe_status moe__value_iterate(struct moe__render *render,
                              const struct moe__value *value,
                              struct moe__list *out);
moe_status moe__value_list(struct moe__render *render,
                           enum moe__value_kind kind, int32_t n, bool is_data,
                           struct moe__value *out);
moe_status moe__value_dict(struct moe__render *render, int32_t cap,
                           bool is_data, struct moe__value *out);
moe_status moe__dict_set(struct moe__render *render, struct moe__dict *dict,
                         const struct moe__value *key,
                         const struct moe__value *value);
/* Appends without a look at the keys that are there. */
moe_status moe__dict_push(struct moe__render *render, struct moe__dict *dict,
                          const struct moe__value *key,
                          const struct moe__value *value);
/* *out is NULL if the key is not there. */
moe_status moe__dict_get(struct moe__render *render,
                         const struct moe__dict *dict,
                         const struct moe__value *key,
                         const struct moe__value **out);
struct moe__value *moe__dict_find(const struct moe__dict *dict,
                                  struct moe__slice key);
moe_status moe__value_of_json(struct moe__render *render,
                              const struct moe__json *json,
                              struct moe__value *out);

/* jinja_string.c */
moe_status moe__value_string(struct moe__render *render, struct moe__slice text,
                             enum moe__origin origin, struct moe__value *out);
struct moe__slice moe__string_slice(const struct moe__string *string);
struct moe__slice moe__value_text(const struct moe__value *value);
/* Bytes [begin, end) of a string, sharing them. */
moe_status moe__string_part(struct moe__render *render,
                            const struct moe__string *string, size_t begin,
                            size_t end, struct moe__value *out);
/* Characters: their number, and the offset of the i-th (i <= number). */
size_t moe__string_length(const struct moe__string *string);
size_t moe__string_offset(const struct moe__string *string, size_t i);
/* Length in bytes of the character at `pos`. */
size_t moe__string_step(const struct moe__string *string, size_t pos);
uint32_t moe__string_code(const struct moe__string *string, size_t pos);
/* First place of needle in [from, end), last one in [0, end); SIZE_MAX: none,
 * or no fuel, which then fails the next step. */
size_t moe__string_find(struct moe__render *render,
                        const struct moe__string *string,
                        struct moe__slice needle, size_t from, size_t end);
size_t moe__string_find_last(struct moe__render *render,
                             const struct moe__string *string,
                             struct moe__slice needle, size_t end);
void moe__builder_init(struct moe__builder *builder,
                       struct moe__render *render);
void moe__builder_reserve(struct moe__builder *builder, size_t n);
void moe__builder_add(struct moe__builder *builder, struct moe__slice bytes,
                      enum moe__origin origin);
void moe__builder_puts(struct moe__builder *builder, const char *words,
                       enum moe__origin origin);
void moe__builder_code(struct moe__builder *builder, uint32_t code,
                       enum moe__origin origin);
void moe__builder_part(struct moe__builder *builder,
                       const struct moe__string *string, size_t begin,
                       size_t end);
void moe__builder_string(struct moe__builder *builder,
                         const struct moe__string *string);
moe_status moe__builder_finish(struct moe__builder *builder,
                               struct moe__value *out);
enum moe__origin moe__string_origin(const struct moe__string *string,
                                    size_t pos);

bool moe__jinja_is_space(uint32_t code);
/* False: the other case of this letter is not known. */
bool moe__case_map(uint32_t code, bool to_upper, uint32_t *out);

/* The places of keys in ascending (is_reversed: descending) order; equal ones
 * stay as they are. */
moe_status moe__values_order(struct moe__render *render,
                             const struct moe__value *keys, int32_t n,
                             bool is_reversed, int32_t **out);

/* json.dumps' arguments. */
struct moe__print_style {
    struct moe__slice indent; /* of one level, if is_pretty */
    struct moe__slice comma;
    struct moe__slice colon;
    bool is_pretty;
    bool is_ascii;
    bool has_sorted_keys;
};

/* jinja_print.c: as str(), repr() and json.dumps() of Python. */
void moe__print_str(struct moe__builder *builder,
                    const struct moe__value *value);
/* jinja_methods.c: what filters share with methods of str. */
enum moe__side { MOE__SIDE_LEFT = 1, MOE__SIDE_RIGHT = 2 };
/* characters: what is taken off, ABSENT or None: white space. */
moe_status moe__string_strip(struct moe__render *render,
                             const struct moe__string *string,
                             const struct moe__value *characters,
                             unsigned sides, struct moe__value *out);
enum moe__case {
    MOE__CASE_LOWER,
    MOE__CASE_UPPER,
    MOE__CASE_CAPITAL, /* the first character is large, all others small */
    MOE__CASE_TITLE,   /* so for each run of letters */
    MOE__CASE_WORDS    /* so for each word: Jinja's filter */
};
moe_status moe__string_case(struct moe__render *render,
                            const struct moe__string *string,
                            enum moe__case mode, struct moe__value *out);
/* The arguments of str.replace: old, new, count or ABSENT. */
moe_status moe__string_replace(struct moe__render *render,
                               const struct moe__string *string,
                               const struct moe__value *arguments,
                               struct moe__value *out);
/* Lines without their ends, as a list. */
moe_status moe__string_lines(struct moe__render *render,
                             const struct moe__string *string,
                             struct moe__value *out);
/* & < > " ' as HTML; a safe string stays as it is.  *out is safe. */
moe_status moe__string_escape(struct moe__render *render,
                              const struct moe__string *string,
                              struct moe__value *out);
/* The same bytes, marked as safe or not. */
moe_status moe__string_mark(struct moe__render *render,
                            const struct moe__string *string, bool is_safe,
                            struct moe__value *out);
/* Refuses a safe string where Python would escape arguments. */
moe_status moe__need_plain(struct moe__render *render,
                           const struct moe__string *string);
/* An argument that must be a str, or an int (*out is untouched if ABSENT). */
moe_status moe__need_string(struct moe__render *render,
                            const struct moe__value *value,
                            const struct moe__string **out);
moe_status moe__need_int(struct moe__render *render,
                         const struct moe__value *value, int64_t *out);
/* Appends to the values of `collected`, and makes a list of them. */
moe_status moe__collect(struct moe__render *render, struct moe__dict *collected,
                        const struct moe__value *value);
moe_status moe__collect_finish(struct moe__render *render,
                               const struct moe__dict *collected,
                               enum moe__value_kind kind, bool is_data,
                               struct moe__value *out);

/* str() as a value. */
moe_status moe__value_str(struct moe__render *render,
                          const struct moe__value *value,
                          struct moe__value *out);
void moe__print_repr(struct moe__builder *builder,
                     const struct moe__value *value);
void moe__print_json(struct moe__builder *builder,
                     const struct moe__value *value,
                     const struct moe__print_style *style);

#endif
