/* calls_grammar.c: from the shape of a format and the schemas of tools to a
 * grammar. */
#include "chat/calls_grammar.h"

#include "chat/calls_parser.h"

#define CALLS_MOST 32 /* in one answer */

struct moe__call_trigger
moe__call_format_trigger(const struct moe__call_format *format)
{
    const struct moe__call_shape *shape = &format->shape;
    const bool is_first = shape->trigger[0] == 0;
    return (struct moe__call_trigger){
        .text = moe__slice_str(is_first ? shape->open : shape->trigger),
        .is_first = is_first,
    };
}

/* ------------------------------------------------------------------ marks */

/* The control token that `text` begins with: its bytes, or 0. */
static size_t shape_mark(const struct moe__vocab *vocab, struct moe__slice text)
{
    const uint8_t end = text.data[0] == '<' ? '>' : ']';
    size_t n = 1;
    if (text.data[0] != '<' && text.data[0] != '[')
        return 0;
    while (n < text.n && text.data[n - 1] != end)
        n++;
    const moe_token id = moe__vocab_find(vocab, moe__slice_of(text.data, n));
    return id != MOE_TOKEN_NONE &&
                   moe__vocab_kind(vocab, id) == MOE_TOKEN_CONTROL
               ? n
               : 0;
}

/* The text with its control tokens. */
static moe__expr shape_text(struct moe__grammar_builder *builder,
                            const struct moe__vocab *vocab, const char *words)
{
    static const uint8_t mark = MOE__GRAMMAR_MARK;
    const struct moe__slice text = moe__slice_str(words);
    moe__expr whole = moe__grammar_bytes(builder, moe__slice_of("", 0));
    size_t from = 0; /* what is not in `whole` yet */
    for (size_t at = 0; at <= text.n;) {
        const size_t n =
            at == text.n
                ? 0
                : shape_mark(vocab, moe__slice_of(text.data + at, text.n - at));
        if (n == 0 && at < text.n) {
            at++;
            continue;
        }
        const moe__expr parts[] = {
            whole,
            moe__grammar_bytes(builder,
                               moe__slice_of(text.data + from, at - from)),
            moe__grammar_bytes(builder, moe__slice_of(&mark, n > 0 ? 1 : 0)),
            moe__grammar_bytes(builder, moe__slice_of(text.data + at, n)),
        };
        whole = moe__grammar_join(builder, parts, (int32_t)MOE__COUNT(parts));
        from = at += n;
        if (n == 0)
            break;
    }
    return whole;
}

/* ------------------------------------------------------------------ calls */

/* Whether a schema can be enforced. */
static moe_status schema_probe(struct moe__mem *mem,
                               const struct moe__json *schema,
                               struct moe__err *err)
{
    struct moe__grammar_builder *builder;
    moe__expr value;
    MOE__TRY(moe__grammar_begin(mem, &builder, err));
    const moe_status status =
        moe__schema_into(mem, builder, schema, &value, err);
    moe__grammar_discard(builder);
    return status;
}

/* A tool's schema; of one that takes nothing, if it tells of no arguments. */
static moe_status schema_of_tool(struct moe__mem *mem,
                                 const struct moe__call_request *request,
                                 const struct moe__json *function,
                                 const struct moe__json **out,
                                 struct moe__err *err)
{
    static const struct moe__slice keys[] = {
        {(const uint8_t *)"additionalProperties", 20}};
    static const struct moe__json values[] = {{.kind = MOE__JSON_FALSE}};
    static const struct moe__json none = {
        .kind = MOE__JSON_OBJECT, .n = 1, .items = values, .keys = keys};
    static const struct moe__json any = {.kind = MOE__JSON_OBJECT};
    const struct moe__json *schema = moe__json_get(function, "parameters");
    moe_status status = MOE_OK;
    *out = schema != NULL ? schema : &none;
    if (request->n_loose != NULL)
        status = schema_probe(mem, *out, err);
    if (status != MOE_ERR_ARGUMENT)
        return status;
    *out = &any;
    ++*request->n_loose;
    return MOE_OK;
}

/* name, middle, arguments */
static moe_status call_of_tool(struct moe__mem *mem,
                               struct moe__grammar_builder *builder,
                               const struct moe__call_request *request,
                               int32_t index, moe__expr *out,
                               struct moe__err *err)
{
    struct moe__err why = {0};
    const struct moe__json *schema;
    const struct moe__json *function =
        moe__json_get(&request->tools->items[index], "function");
    const struct moe__slice name = moe__json_get(function, "name")->text;
    moe__expr arguments = -1;
    moe_status status = schema_of_tool(mem, request, function, &schema, &why);
    if (status == MOE_OK)
        status = moe__schema_into(mem, builder, schema, &arguments, &why);
    if (status != MOE_OK)
        return moe__fail(err, status, "tool '%.*s': %s",
                         (int)(name.n < 64 ? name.n : 64),
                         (const char *)name.data, why.message);
    const moe__expr parts[] = {
        moe__grammar_bytes(builder, name),
        shape_text(builder, request->vocab, request->format->shape.middle),
        arguments,
    };
    *out = moe__grammar_join(builder, parts, (int32_t)MOE__COUNT(parts));
    return MOE_OK;
}

/* item (between item)*; between NULL: one item. */
static moe__expr list_of(struct moe__grammar_builder *builder,
                         const struct moe__vocab *vocab, moe__expr item,
                         const char *between)
{
    if (between == NULL)
        return item;
    const moe__expr more[] = {shape_text(builder, vocab, between), item};
    const moe__expr parts[] = {
        item, moe__grammar_repeat(builder, moe__grammar_join(builder, more, 2),
                                  0, CALLS_MOST - 1)};
    return moe__grammar_join(builder, parts, 2);
}

/* From a call of any of the tools to what the scope asks for. */
static moe__expr calls_in_scope(struct moe__grammar_builder *builder,
                                const struct moe__call_request *request,
                                moe__expr call)
{
    const struct moe__vocab *vocab = request->vocab;
    const struct moe__call_shape *shape = &request->format->shape;
    const bool is_rest = request->scope == MOE__CALL_REST;
    const bool is_open =
        is_rest && moe__call_format_trigger(request->format).is_first;
    const moe__expr close = shape_text(builder, vocab, shape->close);
    const moe__expr item[] = {shape_text(builder, vocab, shape->open), call,
                              close};
    const moe__expr list[] = {shape_text(builder, vocab, shape->begin),
                              list_of(builder, vocab,
                                      moe__grammar_join(builder, item, 3),
                                      shape->between),
                              shape_text(builder, vocab, shape->end)};
    if (is_open) /* the opening was the trigger */
        return moe__grammar_join(builder, item + 1, 2);
    const moe__expr rest = moe__grammar_join(builder, list, 3);
    if (is_rest)
        return rest;
    const moe__expr one[] = {shape_text(builder, vocab, shape->trigger), rest};
    return list_of(builder, vocab, moe__grammar_join(builder, one, 2),
                   shape->again);
}

static moe_status calls_build(struct moe__mem *mem,
                              struct moe__grammar_builder *builder,
                              const struct moe__call_request *request,
                              moe__expr *start, struct moe__err *err)
{
    const int32_t n = request->tools->n;
    moe__expr *calls = moe__mem_calloc(mem, (size_t)n, sizeof *calls);
    int32_t n_calls = 0;
    moe_status status = MOE_OK;
    if (calls == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for %d tools", n);
    for (int32_t i = 0; i < n && status == MOE_OK; i++)
        if (request->only < 0 || request->only == i)
            status =
                call_of_tool(mem, builder, request, i, &calls[n_calls++], err);
    if (status == MOE_OK)
        *start = calls_in_scope(builder, request,
                                moe__grammar_either(builder, calls, n_calls));
    moe__mem_free(mem, calls, (size_t)n * sizeof *calls);
    return status;
}

moe_status moe__calls_grammar(struct moe__mem *mem,
                              const struct moe__call_request *request,
                              struct moe__grammar **out, struct moe__err *err)
{
    struct moe__grammar_builder *builder;
    moe__expr start = -1;
    *out = NULL;
    MOE__TRY(moe__grammar_begin(mem, &builder, err));
    const moe_status status = calls_build(mem, builder, request, &start, err);
    if (status == MOE_OK)
        return moe__grammar_finish(builder, start, out, err);
    moe__grammar_discard(builder);
    return status;
}
