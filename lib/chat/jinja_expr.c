/* jinja_expr.c: lexemes -> expressions.
 *
 * Owns the parser's steps and the grammar of expressions.  Operators bind as
 * in Jinja2: or, and, not, comparisons (in chains), + -, ~, * / // %, **
 * (to the left, unlike Python), signs. */
#include "base/decimal.h"
#include "base/math.h"
#include "chat/jinja.h"

/* ----------------------------------------------------------------- steps */

moe_status moe__parser_fail(struct moe__parser *parser, moe_status status,
                            const char *words)
{
    return moe__fail(parser->err, status, "line %d, column %d: %s",
                     parser->now.line, parser->now.column, words);
}

moe_status moe__parser_expected(struct moe__parser *parser, const char *what)
{
    const struct moe__lexeme *now = &parser->now;
    const bool is_end = now->kind == MOE__LEXEME_END;
    return moe__fail(parser->err, MOE_ERR_FORMAT,
                     "line %d, column %d: expected %s, found %s%.*s%s",
                     now->line, now->column, what, is_end ? "the end" : "'",
                     (int)(now->text.n > 40 ? 40 : now->text.n),
                     (const char *)now->text.data, is_end ? "" : "'");
}

moe_status moe__parser_step(struct moe__parser *parser)
{
    parser->now = parser->then;
    return moe__lexer_next(&parser->lexer, &parser->then, parser->err);
}

static bool lexeme_is(const struct moe__lexeme *lexeme,
                      enum moe__lexeme_kind kind, const char *text)
{
    return lexeme->kind == kind &&
           (text == NULL || moe__slice_is(lexeme->text, text));
}

bool moe__parser_is(const struct moe__parser *parser,
                    enum moe__lexeme_kind kind, const char *text)
{
    return lexeme_is(&parser->now, kind, text);
}

moe_status moe__parser_skip(struct moe__parser *parser,
                            enum moe__lexeme_kind kind, const char *text,
                            bool *was_there)
{
    *was_there = moe__parser_is(parser, kind, text);
    return *was_there ? moe__parser_step(parser) : MOE_OK;
}

moe_status moe__parser_need(struct moe__parser *parser,
                            enum moe__lexeme_kind kind, const char *text)
{
    if (moe__parser_is(parser, kind, text))
        return moe__parser_step(parser);
    return moe__parser_expected(parser, text != NULL                    ? text
                                        : kind == MOE__LEXEME_BLOCK_END ? "%}"
                                        : kind == MOE__LEXEME_PRINT_END
                                            ? "}}"
                                            : "a name");
}

moe_status moe__parser_node(struct moe__parser *parser,
                            enum moe__node_kind kind, struct moe__node **out)
{
    struct moe__node *node = moe__arena_alloc(&parser->template_->arena, 1,
                                              sizeof(struct moe__node));
    if (node == NULL)
        return moe__parser_fail(parser, MOE_ERR_NO_MEMORY, "out of memory");
    node->kind = kind;
    node->line = parser->now.line;
    node->column = parser->now.column;
    *out = node;
    return MOE_OK;
}

void moe__node_append(struct moe__node *parent, struct moe__node **last,
                      struct moe__node *node)
{
    if (*last == NULL)
        parent->list = node;
    else
        (*last)->next = node;
    *last = node;
    parent->n++;
}

/* One level deeper; the caller takes it back. */
static moe_status parser_descend(struct moe__parser *parser)
{
    if (++parser->depth > MOE__PARSER_DEPTH)
        return moe__parser_fail(parser, MOE_ERR_UNSUPPORTED,
                                "expressions nested too deeply");
    return MOE_OK;
}

/* -------------------------------------------------------------- literals */

static int hex_digit(int byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 32;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* \xHH, \uHHHH, \UHHHHHHHH and up to three octal digits; returns the bytes read
 * after the backslash, 0 if it is none. */
static size_t escape_code(struct moe__slice text, uint32_t *code)
{
    const int letter = text.data[0];
    size_t n = letter == 'x' ? 2 : letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
    *code = 0;
    if (n == 0) {
        while (n < 3 && n < text.n && text.data[n] >= '0' &&
               text.data[n] <= '7')
            *code = *code * 8 + (uint32_t)(text.data[n++] - '0');
        return n;
    }
    if (text.n < n + 1)
        return 0;
    for (size_t i = 1; i <= n; i++) {
        const int digit = hex_digit(text.data[i]);
        if (digit < 0 || *code > 0x10ffff)
            return 0;
        *code = *code * 16 + (uint32_t)digit;
    }
    return n + 1;
}

/* Undoes the escapes as Python does; an unknown one stays as it is. */
static moe_status parse_escapes(struct moe__parser *parser,
                                struct moe__slice text, struct moe__text *out)
{
    static const char letters[] = "\\'\"abfnrtv",
                      codes[] = "\\'\"\a\b\f\n\r\t\v";
    for (size_t i = 0; i < text.n; i++) {
        if (text.data[i] != '\\') {
            moe__text_byte(out, text.data[i]);
            continue;
        }
        const struct moe__slice rest =
            moe__slice_of(text.data + i + 1, text.n - i - 1);
        const char *found =
            rest.data[0] != 0 ? strchr(letters, rest.data[0]) : NULL;
        uint32_t code;
        const size_t n = escape_code(rest, &code);
        if (found != NULL) {
            moe__text_byte(out, (uint8_t)codes[found - letters]);
            i++;
        } else if (n > 0) {
            if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
                return moe__parser_fail(parser, MOE_ERR_UNSUPPORTED,
                                        "escape of no character");
            moe__text_code(out, code);
            i += n;
        } else if (strchr("xuUN", rest.data[0]) != NULL && rest.data[0] != 0) {
            return moe__parser_fail(parser, MOE_ERR_FORMAT,
                                    "escape that is not complete");
        } else if (rest.data[0] == '\n') {
            i++;
        } else {
            moe__text_byte(out, '\\');
        }
    }
    return MOE_OK;
}

/* A constant string in the template's arena. */
static moe_status parse_string_value(struct moe__parser *parser,
                                     const struct moe__text *text,
                                     struct moe__node *node)
{
    struct moe__arena *arena = &parser->template_->arena;
    struct moe__string *string = moe__arena_alloc(arena, 1, sizeof *string);
    char *copy = moe__arena_string(arena, text->data, text->n);
    if (string == NULL || copy == NULL || text->status == MOE_ERR_NO_MEMORY)
        return moe__parser_fail(parser, MOE_ERR_NO_MEMORY, "out of memory");
    string->data = (const uint8_t *)copy;
    string->n = text->n;
    string->origin = MOE__ORIGIN_TEMPLATE;
    node->value.kind = MOE__VALUE_STRING;
    node->value.as.string = string;
    return MOE_OK;
}

/* Strings side by side are one. */
static moe_status parse_strings(struct moe__parser *parser,
                                struct moe__node *node)
{
    struct moe__text text;
    moe_status status = MOE_OK;
    moe__text_init(&text, parser->template_->mem, 0);
    while (status == MOE_OK &&
           moe__parser_is(parser, MOE__LEXEME_STRING, NULL)) {
        status = parse_escapes(parser, parser->now.text, &text);
        if (status == MOE_OK)
            status = moe__parser_step(parser);
    }
    if (status == MOE_OK)
        status = parse_string_value(parser, &text, node);
    moe__text_free(&text);
    return status;
}

static moe_status parse_number(struct moe__parser *parser,
                               struct moe__node *node)
{
    const struct moe__slice text = parser->now.text;
    int64_t integer;
    double number;
    if (parser->now.kind == MOE__LEXEME_INTEGER) {
        if (!moe__parse_i64((const char *)text.data, text.n, &integer))
            return moe__parser_fail(parser, MOE_ERR_UNSUPPORTED,
                                    "integer of more than 64 bits");
        node->value = moe__value_int(integer, false);
    } else {
        if (!moe__decimal_read(text, &number))
            return moe__parser_fail(parser, MOE_ERR_UNSUPPORTED,
                                    "number out of range");
        node->value = moe__value_float(number, false);
    }
    return moe__parser_step(parser);
}

/* A name, or true, false and none, which are no names. */
static moe_status parse_name(struct moe__parser *parser, struct moe__node *node)
{
    const struct moe__slice text = parser->now.text;
    node->kind = MOE__NODE_CONSTANT;
    if (moe__slice_is(text, "true") || moe__slice_is(text, "True")) {
        node->value = moe__value_bool(true);
    } else if (moe__slice_is(text, "false") || moe__slice_is(text, "False")) {
        node->value = moe__value_bool(false);
    } else if (moe__slice_is(text, "none") || moe__slice_is(text, "None")) {
        node->value = moe__value_none();
    } else {
        node->kind = MOE__NODE_NAME;
        node->name = text;
    }
    return moe__parser_step(parser);
}

/* [a, b] and {k: v}, after the opening bracket. */
static moe_status parse_collection(struct moe__parser *parser,
                                   struct moe__node *node, const char *end)
{
    struct moe__node *last = NULL, *item;
    while (!moe__parser_is(parser, MOE__LEXEME_SIGN, end)) {
        if (node->n > 0)
            MOE__TRY(moe__parser_need(parser, MOE__LEXEME_SIGN, ","));
        if (moe__parser_is(parser, MOE__LEXEME_SIGN, end))
            break;
        MOE__TRY(moe__parse_expression(parser, &item));
        moe__node_append(node, &last, item);
        if (node->kind != MOE__NODE_DICT)
            continue;
        MOE__TRY(moe__parser_need(parser, MOE__LEXEME_SIGN, ":"));
        MOE__TRY(moe__parse_expression(parser, &item));
        moe__node_append(node, &last, item);
    }
    return moe__parser_step(parser);
}

static moe_status parse_primary(struct moe__parser *parser,
                                struct moe__node **out)
{
    struct moe__node *node;
    MOE__TRY(moe__parser_node(parser, MOE__NODE_CONSTANT, &node));
    *out = node;
    switch (parser->now.kind) {
    case MOE__LEXEME_NAME:
        return parse_name(parser, node);
    case MOE__LEXEME_STRING:
        return parse_strings(parser, node);
    case MOE__LEXEME_INTEGER:
    case MOE__LEXEME_FLOAT:
        return parse_number(parser, node);
    default:
        break;
    }
    if (moe__parser_is(parser, MOE__LEXEME_SIGN, "(")) {
        MOE__TRY(moe__parser_step(parser));
        MOE__TRY(moe__parse_tuple(parser, MOE__TUPLE_IN_BRACKETS, out));
        return moe__parser_need(parser, MOE__LEXEME_SIGN, ")");
    }
    if (moe__parser_is(parser, MOE__LEXEME_SIGN, "[")) {
        node->kind = MOE__NODE_LIST;
        MOE__TRY(moe__parser_step(parser));
        return parse_collection(parser, node, "]");
    }
    if (moe__parser_is(parser, MOE__LEXEME_SIGN, "{")) {
        node->kind = MOE__NODE_DICT;
        MOE__TRY(moe__parser_step(parser));
        return parse_collection(parser, node, "}");
    }
    return moe__parser_expected(parser, "an expression");
}

/* --------------------------------------------------------------- postfix */

/* Arguments of a call, after the (. */
static moe_status parse_arguments(struct moe__parser *parser,
                                  struct moe__node *node)
{
    struct moe__node *last = NULL, *argument;
    while (!moe__parser_is(parser, MOE__LEXEME_SIGN, ")")) {
        if (node->n > 0)
            MOE__TRY(moe__parser_need(parser, MOE__LEXEME_SIGN, ","));
        if (moe__parser_is(parser, MOE__LEXEME_SIGN, ")"))
            break;
        const bool is_star = moe__parser_is(parser, MOE__LEXEME_SIGN, "*");
        const bool is_pair = moe__parser_is(parser, MOE__LEXEME_SIGN, "**");
        const bool is_named = parser->now.kind == MOE__LEXEME_NAME &&
                              lexeme_is(&parser->then, MOE__LEXEME_SIGN, "=");
        if (is_star || is_pair || is_named) {
            MOE__TRY(moe__parser_node(parser,
                                      is_star   ? MOE__NODE_STAR
                                      : is_pair ? MOE__NODE_STAR_STAR
                                                : MOE__NODE_KEYWORD,
                                      &argument));
            argument->name = parser->now.text;
            MOE__TRY(moe__parser_step(parser));
            if (is_named)
                MOE__TRY(moe__parser_step(parser));
            MOE__TRY(moe__parse_expression(parser, &argument->kid[0]));
        } else {
            if (last != NULL && (last->kind == MOE__NODE_KEYWORD ||
                                 last->kind == MOE__NODE_STAR_STAR))
                return moe__parser_expected(parser, "an argument with a name");
            MOE__TRY(moe__parse_expression(parser, &argument));
        }
        moe__node_append(node, &last, argument);
    }
    return moe__parser_step(parser);
}

static moe_status parse_call(struct moe__parser *parser,
                             struct moe__node **node)
{
    struct moe__node *call = NULL;
    MOE__TRY(moe__parser_node(parser, MOE__NODE_CALL, &call));
    MOE__TRY(moe__parser_step(parser));
    call->kid[0] = *node;
    *node = call;
    return parse_arguments(parser, call);
}

/* [i] or [from:to:step], after the [. */
static moe_status parse_bracket(struct moe__parser *parser,
                                struct moe__node *node)
{
    for (int32_t i = 1; i <= 3; i++) {
        if (!moe__parser_is(parser, MOE__LEXEME_SIGN, ":") &&
            !moe__parser_is(parser, MOE__LEXEME_SIGN, "]"))
            MOE__TRY(moe__parse_expression(parser, &node->kid[i]));
        if (!moe__parser_is(parser, MOE__LEXEME_SIGN, ":") || i == 3)
            break;
        node->kind = MOE__NODE_SLICE;
        MOE__TRY(moe__parser_step(parser));
    }
    if (node->kind == MOE__NODE_ITEM && node->kid[1] == NULL)
        return moe__parser_expected(parser, "an index");
    return moe__parser_need(parser, MOE__LEXEME_SIGN, "]");
}

static moe_status parse_subscript(struct moe__parser *parser,
                                  struct moe__node **out)
{
    struct moe__node *node;
    const bool is_dot = moe__parser_is(parser, MOE__LEXEME_SIGN, ".");
    MOE__TRY(moe__parser_node(parser, MOE__NODE_ITEM, &node));
    MOE__TRY(moe__parser_step(parser));
    node->kid[0] = *out;
    *out = node;
    if (!is_dot)
        return parse_bracket(parser, node);
    if (parser->now.kind == MOE__LEXEME_INTEGER) {
        MOE__TRY(moe__parser_node(parser, MOE__NODE_CONSTANT, &node->kid[1]));
        return parse_number(parser, node->kid[1]);
    }
    node->kind = MOE__NODE_ATTRIBUTE;
    node->name = parser->now.text;
    return moe__parser_need(parser, MOE__LEXEME_NAME, NULL);
}

static moe_status parse_postfix(struct moe__parser *parser,
                                struct moe__node **node)
{
    for (;;) {
        if (moe__parser_is(parser, MOE__LEXEME_SIGN, ".") ||
            moe__parser_is(parser, MOE__LEXEME_SIGN, "["))
            MOE__TRY(parse_subscript(parser, node));
        else if (moe__parser_is(parser, MOE__LEXEME_SIGN, "("))
            MOE__TRY(parse_call(parser, node));
        else
            return MOE_OK;
    }
}

static moe_status parse_unknown(struct moe__parser *parser, const char *what)
{
    return moe__fail(parser->err, MOE_ERR_UNSUPPORTED,
                     "line %d, column %d: the %s '%.*s' is not supported",
                     parser->now.line, parser->now.column, what,
                     (int)(parser->now.text.n > 60 ? 60 : parser->now.text.n),
                     (const char *)parser->now.text.data);
}

moe_status moe__parse_filters(struct moe__parser *parser,
                              struct moe__node *input, struct moe__node **out)
{
    bool goes_on = true;
    *out = input;
    while (goes_on) {
        struct moe__node *node;
        MOE__TRY(moe__parser_node(parser, MOE__NODE_FILTER, &node));
        node->kid[0] = *out;
        *out = node;
        node->name = parser->now.text;
        node->builtin = moe__builtin_find(moe__jinja_filters, node->name);
        if (node->builtin == NULL)
            node->builtin =
                moe__builtin_find(moe__jinja_list_filters, node->name);
        if (parser->now.kind != MOE__LEXEME_NAME)
            return moe__parser_expected(parser, "the name of a filter");
        if (node->builtin == NULL)
            return parse_unknown(parser, "filter");
        MOE__TRY(moe__parser_step(parser));
        bool has_arguments;
        MOE__TRY(
            moe__parser_skip(parser, MOE__LEXEME_SIGN, "(", &has_arguments));
        if (has_arguments)
            MOE__TRY(parse_arguments(parser, node));
        MOE__TRY(moe__parser_skip(parser, MOE__LEXEME_SIGN, "|", &goes_on));
    }
    return MOE_OK;
}

/* A test may take one argument without brackets. */
static bool parser_at_test_argument(const struct moe__parser *parser)
{
    if (parser->now.kind == MOE__LEXEME_NAME)
        return !moe__slice_is(parser->now.text, "else") &&
               !moe__slice_is(parser->now.text, "or") &&
               !moe__slice_is(parser->now.text, "and");
    return parser->now.kind == MOE__LEXEME_STRING ||
           parser->now.kind == MOE__LEXEME_INTEGER ||
           parser->now.kind == MOE__LEXEME_FLOAT ||
           moe__parser_is(parser, MOE__LEXEME_SIGN, "[") ||
           moe__parser_is(parser, MOE__LEXEME_SIGN, "{");
}

/* x is [not] name argument, after `is`. */
static moe_status parse_test(struct moe__parser *parser, struct moe__node **out)
{
    struct moe__node *node, *negation = NULL, *last = NULL, *argument;
    if (moe__parser_is(parser, MOE__LEXEME_NAME, "not")) {
        MOE__TRY(moe__parser_node(parser, MOE__NODE_NOT, &negation));
        MOE__TRY(moe__parser_step(parser));
    }
    MOE__TRY(moe__parser_node(parser, MOE__NODE_TEST, &node));
    node->kid[0] = *out;
    node->name = parser->now.text;
    node->builtin = moe__builtin_find(moe__jinja_tests, node->name);
    if (parser->now.kind != MOE__LEXEME_NAME)
        return moe__parser_expected(parser, "the name of a test");
    if (node->builtin == NULL)
        return parse_unknown(parser, "test");
    MOE__TRY(moe__parser_step(parser));
    bool has_arguments;
    MOE__TRY(moe__parser_skip(parser, MOE__LEXEME_SIGN, "(", &has_arguments));
    if (has_arguments) {
        MOE__TRY(parse_arguments(parser, node));
    } else if (parser_at_test_argument(parser)) {
        if (moe__parser_is(parser, MOE__LEXEME_NAME, "is"))
            return moe__parser_fail(parser, MOE_ERR_FORMAT,
                                    "tests cannot be chained");
        MOE__TRY(parse_primary(parser, &argument));
        MOE__TRY(parse_postfix(parser, &argument));
        moe__node_append(node, &last, argument);
    }
    *out = node;
    if (negation != NULL) {
        negation->kid[0] = node;
        *out = negation;
    }
    return MOE_OK;
}

static moe_status parse_filters_and_tests(struct moe__parser *parser,
                                          struct moe__node **node)
{
    for (;;) {
        bool is_filter, is_test = false;
        MOE__TRY(moe__parser_skip(parser, MOE__LEXEME_SIGN, "|", &is_filter));
        if (!is_filter)
            MOE__TRY(
                moe__parser_skip(parser, MOE__LEXEME_NAME, "is", &is_test));
        if (is_filter)
            MOE__TRY(moe__parse_filters(parser, *node, node));
        else if (is_test)
            MOE__TRY(parse_test(parser, node));
        else if (moe__parser_is(parser, MOE__LEXEME_SIGN, "("))
            MOE__TRY(parse_call(parser, node));
        else
            return MOE_OK;
    }
}

/* ------------------------------------------------------------- operators */

/* A sign binds its operand without filters: -x|abs is (-x)|abs. */
static moe_status parse_signed(struct moe__parser *parser, bool has_filters,
                               struct moe__node **out)
{
    const bool is_minus = moe__parser_is(parser, MOE__LEXEME_SIGN, "-");
    MOE__TRY(parser_descend(parser));
    if (is_minus || moe__parser_is(parser, MOE__LEXEME_SIGN, "+")) {
        struct moe__node *node;
        MOE__TRY(moe__parser_node(
            parser, is_minus ? MOE__NODE_NEGATIVE : MOE__NODE_POSITIVE, &node));
        MOE__TRY(moe__parser_step(parser));
        MOE__TRY(parse_signed(parser, false, &node->kid[0]));
        *out = node;
    } else {
        MOE__TRY(parse_primary(parser, out));
    }
    MOE__TRY(parse_postfix(parser, out));
    if (has_filters)
        MOE__TRY(parse_filters_and_tests(parser, out));
    parser->depth--;
    return MOE_OK;
}

enum { LEVEL_OR, LEVEL_AND, LEVEL_NOT, LEVEL_COMPARE, LEVEL_ADD };

/* ORDER OPERATOR.  The higher the level, the closer it binds. */
static const struct operator_row {
    const char *sign;
    int32_t level;
} operator_rows[] = {
    {"or", LEVEL_OR},
    {"and", LEVEL_AND},
    {"==", LEVEL_COMPARE},
    {"!=", LEVEL_COMPARE},
    {"<", LEVEL_COMPARE},
    {"<=", LEVEL_COMPARE},
    {">", LEVEL_COMPARE},
    {">=", LEVEL_COMPARE},
    {"in", LEVEL_COMPARE},
    {"not", LEVEL_COMPARE},
    {"+", LEVEL_ADD},
    {"-", LEVEL_ADD},
    {"~", 5},
    {"*", 6},
    {"/", 6},
    {"//", 6},
    {"%", 6},
    {"**", 7},
};

static const struct operator_row *
parser_operator(const struct moe__parser *parser)
{
    const enum moe__lexeme_kind kind = parser->now.kind;
    for (size_t i = 0; i < MOE__COUNT(operator_rows); i++) {
        const char *sign = operator_rows[i].sign;
        const bool is_word = sign[0] >= 'a' && sign[0] <= 'z';
        if (kind != (is_word ? MOE__LEXEME_NAME : MOE__LEXEME_SIGN) ||
            !moe__slice_is(parser->now.text, sign))
            continue;
        if (i == MOE__OPERATOR_NOT_IN &&
            !lexeme_is(&parser->then, MOE__LEXEME_NAME, "in"))
            return NULL;
        return &operator_rows[i];
    }
    return NULL;
}

static moe_status parse_operators(struct moe__parser *parser, int32_t level,
                                  struct moe__node **out);

/* a < b <= c: each pair of neighbours is compared. */
static moe_status parse_comparison(struct moe__parser *parser,
                                   struct moe__node **out)
{
    struct moe__node *node, *last = NULL, *operand;
    MOE__TRY(moe__parser_node(parser, MOE__NODE_COMPARE, &node));
    node->kid[0] = *out;
    *out = node;
    for (const struct operator_row *row = parser_operator(parser);
         row != NULL && row->level == LEVEL_COMPARE;
         row = parser_operator(parser)) {
        MOE__TRY(moe__parser_node(parser, MOE__NODE_OPERAND, &operand));
        operand->operator_ = (enum moe__operator)(row - operator_rows);
        MOE__TRY(moe__parser_step(parser));
        if (operand->operator_ == MOE__OPERATOR_NOT_IN)
            MOE__TRY(moe__parser_step(parser));
        MOE__TRY(parse_operators(parser, LEVEL_ADD, &operand->kid[0]));
        moe__node_append(node, &last, operand);
    }
    return MOE_OK;
}

/* Operators of `level` and above, each to the left. */
static moe_status parse_operators(struct moe__parser *parser, int32_t level,
                                  struct moe__node **out)
{
    MOE__TRY(parser_descend(parser));
    if (level <= LEVEL_NOT && moe__parser_is(parser, MOE__LEXEME_NAME, "not")) {
        MOE__TRY(moe__parser_node(parser, MOE__NODE_NOT, out));
        MOE__TRY(moe__parser_step(parser));
        MOE__TRY(parse_operators(parser, LEVEL_NOT, &(*out)->kid[0]));
    } else {
        MOE__TRY(parse_signed(parser, true, out));
    }
    for (const struct operator_row *row = parser_operator(parser);
         row != NULL && row->level >= level; row = parser_operator(parser)) {
        if (row->level == LEVEL_COMPARE) {
            MOE__TRY(parse_comparison(parser, out));
            continue;
        }
        struct moe__node *node;
        MOE__TRY(moe__parser_node(parser, MOE__NODE_BINARY, &node));
        node->operator_ = (enum moe__operator)(row - operator_rows);
        if (row->level <= LEVEL_AND)
            node->kind = row->level == LEVEL_OR ? MOE__NODE_OR : MOE__NODE_AND;
        node->kid[0] = *out;
        *out = node;
        MOE__TRY(moe__parser_step(parser));
        MOE__TRY(parse_operators(parser, row->level + 1, &node->kid[1]));
    }
    parser->depth--;
    return MOE_OK;
}

moe_status moe__parse_expression(struct moe__parser *parser,
                                 struct moe__node **out)
{
    MOE__TRY(parser_descend(parser));
    MOE__TRY(parse_operators(parser, LEVEL_OR, out));
    while (moe__parser_is(parser, MOE__LEXEME_NAME, "if")) {
        struct moe__node *node;
        bool has_otherwise;
        MOE__TRY(moe__parser_node(parser, MOE__NODE_TERNARY, &node));
        node->kid[0] = *out;
        *out = node;
        MOE__TRY(moe__parser_step(parser));
        MOE__TRY(parse_operators(parser, LEVEL_OR, &node->kid[1]));
        MOE__TRY(
            moe__parser_skip(parser, MOE__LEXEME_NAME, "else", &has_otherwise));
        if (has_otherwise)
            MOE__TRY(moe__parse_expression(parser, &node->kid[2]));
    }
    parser->depth--;
    return MOE_OK;
}

/* The first name of a target can be any word. */
static bool parser_at_tuple_end(const struct moe__parser *parser,
                                unsigned flags, int32_t n)
{
    return parser->now.kind == MOE__LEXEME_BLOCK_END ||
           parser->now.kind == MOE__LEXEME_PRINT_END ||
           moe__parser_is(parser, MOE__LEXEME_SIGN, ")") ||
           ((flags & MOE__TUPLE_TARGET) != 0 && n > 0 &&
            (moe__parser_is(parser, MOE__LEXEME_NAME, "in") ||
             moe__parser_is(parser, MOE__LEXEME_SIGN, "=")));
}

static moe_status parse_tuple_item(struct moe__parser *parser, unsigned flags,
                                   struct moe__node **out)
{
    if (flags & MOE__TUPLE_TARGET)
        return parse_primary(parser, out);
    if (flags & MOE__TUPLE_NO_TERNARY)
        return parse_operators(parser, LEVEL_OR, out);
    return moe__parse_expression(parser, out);
}

moe_status moe__parse_tuple(struct moe__parser *parser, unsigned flags,
                            struct moe__node **out)
{
    struct moe__node *tuple, *last = NULL, *item;
    bool has_comma = false;
    MOE__TRY(moe__parser_node(parser, MOE__NODE_TUPLE, &tuple));
    *out = tuple;
    while (!parser_at_tuple_end(parser, flags, tuple->n)) {
        MOE__TRY(parse_tuple_item(parser, flags, &item));
        moe__node_append(tuple, &last, item);
        bool goes_on;
        MOE__TRY(moe__parser_skip(parser, MOE__LEXEME_SIGN, ",", &goes_on));
        has_comma = has_comma || goes_on;
        if (!goes_on)
            break;
    }
    if (tuple->n == 0 && (flags & MOE__TUPLE_IN_BRACKETS) == 0)
        return moe__parser_expected(parser, "an expression");
    if (tuple->n == 1 && !has_comma)
        *out = tuple->list;
    return MOE_OK;
}

/* ----------------------------------------------------------- assignments */

static bool node_is_target(const struct moe__node *node)
{
    if (node->kind == MOE__NODE_TUPLE) {
        for (const struct moe__node *n = node->list; n != NULL; n = n->next)
            if (!node_is_target(n))
                return false;
        return node->n > 0;
    }
    return node->kind == MOE__NODE_NAME;
}

/* a, b (also in brackets) or namespace.name */
moe_status moe__parse_target(struct moe__parser *parser, struct moe__node **out)
{
    if (parser->now.kind == MOE__LEXEME_NAME &&
        lexeme_is(&parser->then, MOE__LEXEME_SIGN, ".")) {
        MOE__TRY(moe__parser_node(parser, MOE__NODE_NAME, out));
        MOE__TRY(parse_name(parser, *out));
        return parse_subscript(parser, out);
    }
    MOE__TRY(moe__parse_tuple(parser, MOE__TUPLE_TARGET, out));
    if (!node_is_target(*out))
        return moe__parser_expected(parser, "a name to assign to");
    return MOE_OK;
}
