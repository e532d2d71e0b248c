/* jinja_parse.c: lexemes -> statements.
 *
 * One row per tag.  Tags of Jinja2 that load other templates or that chat
 * templates have no use for are refused by name. */
#include "chat/jinja.h"

typedef moe_status parse_tag_fn(struct moe__parser *parser,
                                struct moe__node **out);

/* Statements up to a tag named `end` or, if not NULL, `other`, on whose name
 * the parser stands then; end NULL: up to the end of the template. */
static moe_status parse_block(struct moe__parser *parser, const char *end,
                              const char *other, struct moe__node **out);

/* %} and a body up to {% end %}, which is stepped over. */
static moe_status parse_body(struct moe__parser *parser, const char *end,
                             struct moe__node **out)
{
    bool has_colon;
    MOE__TRY(moe__parser_skip(parser, MOE__LEXEME_SIGN, ":", &has_colon));
    MOE__TRY(moe__parser_need(parser, MOE__LEXEME_BLOCK_END, NULL));
    MOE__TRY(parse_block(parser, end, NULL, out));
    MOE__TRY(moe__parser_step(parser));
    return moe__parser_need(parser, MOE__LEXEME_BLOCK_END, NULL);
}

/* After `if` or `elif`; an elif becomes the `otherwise` of the one before. */
static moe_status parse_if_tag(struct moe__parser *parser,
                               struct moe__node **out)
{
    struct moe__node **place = out;
    for (bool is_elif = true; is_elif;) {
        struct moe__node *node;
        MOE__TRY(moe__parser_node(parser, MOE__NODE_IF, &node));
        *place = node;
        place = &node->kid[2];
        MOE__TRY(
            moe__parse_tuple(parser, MOE__TUPLE_NO_TERNARY, &node->kid[0]));
        MOE__TRY(moe__parser_need(parser, MOE__LEXEME_BLOCK_END, NULL));
        MOE__TRY(parse_block(parser, "endif", "else", &node->kid[1]));
        MOE__TRY(moe__parser_skip(parser, MOE__LEXEME_NAME, "elif", &is_elif));
    }
    bool is_else;
    MOE__TRY(moe__parser_skip(parser, MOE__LEXEME_NAME, "else", &is_else));
    if (is_else)
        return parse_body(parser, "endif", place);
    MOE__TRY(moe__parser_step(parser));
    return moe__parser_need(parser, MOE__LEXEME_BLOCK_END, NULL);
}

static moe_status parse_for_tag(struct moe__parser *parser,
                                struct moe__node **out)
{
    struct moe__node *node;
    bool is_there;
    MOE__TRY(moe__parser_node(parser, MOE__NODE_FOR, &node));
    *out = node;
    MOE__TRY(moe__parse_target(parser, &node->kid[0]));
    MOE__TRY(moe__parser_need(parser, MOE__LEXEME_NAME, "in"));
    MOE__TRY(moe__parse_tuple(parser, MOE__TUPLE_NO_TERNARY, &node->kid[1]));
    MOE__TRY(moe__parser_skip(parser, MOE__LEXEME_NAME, "if", &is_there));
    if (is_there)
        MOE__TRY(moe__parse_expression(parser, &node->kid[4]));
    if (moe__parser_is(parser, MOE__LEXEME_NAME, "recursive"))
        return moe__parser_fail(parser, MOE_ERR_UNSUPPORTED,
                                "loops that call themselves are not supported");
    MOE__TRY(moe__parser_need(parser, MOE__LEXEME_BLOCK_END, NULL));
    parser->n_loops++;
    MOE__TRY(parse_block(parser, "endfor", "else", &node->kid[2]));
    parser->n_loops--;
    MOE__TRY(moe__parser_skip(parser, MOE__LEXEME_NAME, "else", &is_there));
    if (is_there)
        return parse_body(parser, "endfor", &node->kid[3]);
    MOE__TRY(moe__parser_step(parser));
    return moe__parser_need(parser, MOE__LEXEME_BLOCK_END, NULL);
}

static moe_status parse_jump_tag(struct moe__parser *parser,
                                 enum moe__node_kind kind,
                                 struct moe__node **out)
{
    if (parser->n_loops == 0)
        return moe__parser_fail(parser, MOE_ERR_FORMAT,
                                "break or continue outside a loop");
    MOE__TRY(moe__parser_node(parser, kind, out));
    return moe__parser_need(parser, MOE__LEXEME_BLOCK_END, NULL);
}

static moe_status parse_break_tag(struct moe__parser *parser,
                                  struct moe__node **out)
{
    return parse_jump_tag(parser, MOE__NODE_BREAK, out);
}

static moe_status parse_continue_tag(struct moe__parser *parser,
                                     struct moe__node **out)
{
    return parse_jump_tag(parser, MOE__NODE_CONTINUE, out);
}

/* Filters of what a block prints. */
static moe_status parse_captured_filters(struct moe__parser *parser,
                                         struct moe__node **out)
{
    struct moe__node *captured;
    MOE__TRY(moe__parser_node(parser, MOE__NODE_CAPTURED, &captured));
    return moe__parse_filters(parser, captured, out);
}

/* set target = value, or set target | filters and a body. */
static moe_status parse_set_tag(struct moe__parser *parser,
                                struct moe__node **out)
{
    struct moe__node *node;
    bool is_there;
    MOE__TRY(moe__parser_node(parser, MOE__NODE_SET, &node));
    *out = node;
    MOE__TRY(moe__parse_target(parser, &node->kid[0]));
    MOE__TRY(moe__parser_skip(parser, MOE__LEXEME_SIGN, "=", &is_there));
    if (is_there) {
        MOE__TRY(moe__parse_tuple(parser, 0, &node->kid[1]));
        return moe__parser_need(parser, MOE__LEXEME_BLOCK_END, NULL);
    }
    node->kind = MOE__NODE_SET_BLOCK;
    MOE__TRY(moe__parser_skip(parser, MOE__LEXEME_SIGN, "|", &is_there));
    if (is_there)
        MOE__TRY(parse_captured_filters(parser, &node->kid[2]));
    return parse_body(parser, "endset", &node->kid[1]);
}

static moe_status parse_with_tag(struct moe__parser *parser,
                                 struct moe__node **out)
{
    struct moe__node *node, *last = NULL, *set;
    MOE__TRY(moe__parser_node(parser, MOE__NODE_WITH, &node));
    *out = node;
    while (parser->now.kind != MOE__LEXEME_BLOCK_END) {
        if (node->n > 0)
            MOE__TRY(moe__parser_need(parser, MOE__LEXEME_SIGN, ","));
        MOE__TRY(moe__parser_node(parser, MOE__NODE_SET, &set));
        MOE__TRY(moe__parse_target(parser, &set->kid[0]));
        MOE__TRY(moe__parser_need(parser, MOE__LEXEME_SIGN, "="));
        MOE__TRY(moe__parse_expression(parser, &set->kid[1]));
        moe__node_append(node, &last, set);
    }
    return parse_body(parser, "endwith", &node->kid[0]);
}

/* Parameters between brackets. */
static moe_status parse_parameters(struct moe__parser *parser,
                                   struct moe__node *node)
{
    struct moe__node *last = NULL, *parameter;
    MOE__TRY(moe__parser_need(parser, MOE__LEXEME_SIGN, "("));
    while (!moe__parser_is(parser, MOE__LEXEME_SIGN, ")")) {
        bool has_default;
        if (node->n > 0)
            MOE__TRY(moe__parser_need(parser, MOE__LEXEME_SIGN, ","));
        MOE__TRY(moe__parser_node(parser, MOE__NODE_PARAMETER, &parameter));
        parameter->name = parser->now.text;
        MOE__TRY(moe__parser_need(parser, MOE__LEXEME_NAME, NULL));
        MOE__TRY(moe__parser_skip(parser, MOE__LEXEME_SIGN, "=", &has_default));
        if (has_default)
            MOE__TRY(moe__parse_expression(parser, &parameter->kid[0]));
        else if (last != NULL && last->kid[0] != NULL)
            return moe__parser_expected(parser, "a default");
        moe__node_append(node, &last, parameter);
    }
    return moe__parser_step(parser);
}

/* The body of a macro: loops around the macro are not its own. */
static moe_status parse_macro_body(struct moe__parser *parser, const char *end,
                                   struct moe__node *node)
{
    const int32_t n_loops = parser->n_loops;
    parser->n_loops = 0;
    MOE__TRY(parse_body(parser, end, &node->kid[0]));
    parser->n_loops = n_loops;
    return MOE_OK;
}

static moe_status parse_macro_tag(struct moe__parser *parser,
                                  struct moe__node **out)
{
    MOE__TRY(moe__parser_node(parser, MOE__NODE_MACRO, out));
    (*out)->name = parser->now.text;
    MOE__TRY(moe__parser_need(parser, MOE__LEXEME_NAME, NULL));
    MOE__TRY(parse_parameters(parser, *out));
    return parse_macro_body(parser, "endmacro", *out);
}

/* call(parameters) macro(arguments): the body is the macro's caller(). */
static moe_status parse_call_tag(struct moe__parser *parser,
                                 struct moe__node **out)
{
    struct moe__node *node, *caller;
    MOE__TRY(moe__parser_node(parser, MOE__NODE_CALL_BLOCK, &node));
    MOE__TRY(moe__parser_node(parser, MOE__NODE_MACRO, &caller));
    *out = node;
    node->kid[1] = caller;
    caller->name = moe__slice_str("caller");
    if (moe__parser_is(parser, MOE__LEXEME_SIGN, "("))
        MOE__TRY(parse_parameters(parser, caller));
    MOE__TRY(moe__parse_expression(parser, &node->kid[0]));
    if (node->kid[0]->kind != MOE__NODE_CALL)
        return moe__parser_expected(parser, "a call");
    return parse_macro_body(parser, "endcall", caller);
}

static moe_status parse_filter_tag(struct moe__parser *parser,
                                   struct moe__node **out)
{
    MOE__TRY(moe__parser_node(parser, MOE__NODE_FILTER_BLOCK, out));
    MOE__TRY(parse_captured_filters(parser, &(*out)->kid[1]));
    return parse_body(parser, "endfilter", &(*out)->kid[0]);
}

/* transformers marks with it what a model is trained on: only a scope. */
static moe_status parse_generation_tag(struct moe__parser *parser,
                                       struct moe__node **out)
{
    MOE__TRY(moe__parser_node(parser, MOE__NODE_WITH, out));
    return parse_body(parser, "endgeneration", &(*out)->kid[0]);
}

static const struct tag_row {
    const char *name;
    parse_tag_fn *parse; /* NULL: of Jinja2, but not here */
} tag_rows[] = {
    {"if", parse_if_tag},
    {"for", parse_for_tag},
    {"set", parse_set_tag},
    {"macro", parse_macro_tag},
    {"call", parse_call_tag},
    {"filter", parse_filter_tag},
    {"with", parse_with_tag},
    {"generation", parse_generation_tag},
    {"break", parse_break_tag},
    {"continue", parse_continue_tag},
    {"autoescape", NULL},
    {"block", NULL},
    {"debug", NULL},
    {"do", NULL},
    {"extends", NULL},
    {"from", NULL},
    {"import", NULL},
    {"include", NULL},
    {"print", NULL},
    {"trans", NULL},
};

static moe_status parse_tag(struct moe__parser *parser, struct moe__node **out)
{
    const struct moe__lexeme tag = parser->now;
    const struct tag_row *row = NULL;
    for (size_t i = 0; i < MOE__COUNT(tag_rows); i++)
        if (moe__parser_is(parser, MOE__LEXEME_NAME, tag_rows[i].name))
            row = &tag_rows[i];
    if (row == NULL)
        return moe__parser_expected(parser, "a tag");
    if (row->parse == NULL)
        return moe__fail(parser->err, MOE_ERR_UNSUPPORTED,
                         "line %d, column %d: the tag '%s' is not supported",
                         tag.line, tag.column, row->name);
    MOE__TRY(moe__parser_step(parser));
    return row->parse(parser, out);
}

static moe_status parse_print(struct moe__parser *parser,
                              struct moe__node **out)
{
    MOE__TRY(moe__parser_node(parser, MOE__NODE_PRINT, out));
    MOE__TRY(moe__parse_tuple(parser, 0, &(*out)->kid[0]));
    return moe__parser_need(parser, MOE__LEXEME_PRINT_END, NULL);
}

static moe_status parse_text(struct moe__parser *parser, struct moe__node **out)
{
    struct moe__string *string =
        moe__arena_alloc(&parser->template_->arena, 1, sizeof *string);
    MOE__TRY(moe__parser_node(parser, MOE__NODE_TEXT, out));
    if (string == NULL)
        return moe__parser_fail(parser, MOE_ERR_NO_MEMORY, "out of memory");
    string->data = parser->now.text.data;
    string->n = parser->now.text.n;
    string->origin = MOE__ORIGIN_TEMPLATE;
    (*out)->value.kind = MOE__VALUE_STRING;
    (*out)->value.as.string = string;
    return moe__parser_step(parser);
}

/* At the name of a tag: does it end the block?  `else` goes with `elif`. */
static bool parser_at_block_end(const struct moe__parser *parser,
                                const char *end, const char *other)
{
    return (end != NULL && moe__parser_is(parser, MOE__LEXEME_NAME, end)) ||
           (other != NULL &&
            (moe__parser_is(parser, MOE__LEXEME_NAME, other) ||
             (strcmp(end, "endif") == 0 &&
              moe__parser_is(parser, MOE__LEXEME_NAME, "elif"))));
}

static moe_status parse_block(struct moe__parser *parser, const char *end,
                              const char *other, struct moe__node **out)
{
    struct moe__node *block, *last = NULL, *node;
    MOE__TRY(moe__parser_node(parser, MOE__NODE_BLOCK, &block));
    *out = block;
    if (++parser->depth > MOE__PARSER_DEPTH)
        return moe__parser_fail(parser, MOE_ERR_UNSUPPORTED,
                                "blocks nested too deeply");
    for (;; moe__node_append(block, &last, node)) {
        if (parser->now.kind == MOE__LEXEME_TEXT) {
            MOE__TRY(parse_text(parser, &node));
        } else if (parser->now.kind == MOE__LEXEME_PRINT_BEGIN) {
            MOE__TRY(moe__parser_step(parser));
            MOE__TRY(parse_print(parser, &node));
        } else if (parser->now.kind == MOE__LEXEME_BLOCK_BEGIN) {
            MOE__TRY(moe__parser_step(parser));
            if (parser_at_block_end(parser, end, other))
                break;
            MOE__TRY(parse_tag(parser, &node));
        } else if (end == NULL) {
            break;
        } else {
            return moe__parser_expected(parser, end);
        }
    }
    parser->depth--;
    return MOE_OK;
}

moe_status moe__jinja_parse(struct moe__template *template_,
                            struct moe__err *err)
{
    struct moe__parser parser = {.template_ = template_, .err = err};
    moe__lexer_init(&parser.lexer, template_->source);
    MOE__TRY(moe__parser_step(&parser)); /* fills `then` */
    MOE__TRY(moe__parser_step(&parser));
    return parse_block(&parser, NULL, NULL, &template_->body);
}
