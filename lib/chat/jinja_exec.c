/* jinja_exec.c: statements: output, assignments, loops, macros.
 *
 * Scopes are as in Jinja2: a loop's body, a macro and a block whose output is
 * captured have their own, `if` has none; what is assigned inside is gone at
 * the end.  A macro sees the names where it was written. */
#include "chat/jinja.h"

typedef moe_status exec_fn(struct moe__render *render,
                           const struct moe__node *node);

static moe_status exec_node(struct moe__render *render,
                            const struct moe__node *node);

/* ---------------------------------------------------------------- scopes */

static moe_status scope_push(struct moe__render *render,
                             struct moe__scope *parent)
{
    struct moe__scope *scope = moe__render_alloc(render, 1, sizeof *scope);
    if (scope == NULL)
        return moe__render_full(render);
    scope->parent = parent;
    render->scope = scope;
    return MOE_OK;
}

static moe_status scope_set(struct moe__render *render, struct moe__slice name,
                            const struct moe__value *value)
{
    struct moe__dict *names = &render->scope->names;
    struct moe__value *found = moe__dict_find(names, name), key;
    if (found != NULL) {
        *found = *value;
        return MOE_OK;
    }
    MOE__TRY(moe__value_string(render, name, MOE__ORIGIN_TEMPLATE, &key));
    return moe__dict_push(render, names, &key, value);
}

static moe_status assign_field(struct moe__render *render,
                               const struct moe__node *target,
                               const struct moe__value *value)
{
    struct moe__value object, key;
    MOE__TRY(moe__eval(render, target->kid[0], &object));
    render->at = target;
    if (object.kind != MOE__VALUE_NAMESPACE || target->kid[1] != NULL)
        return moe__fail(render->err, MOE_ERR_FORMAT,
                         "only fields of a namespace can be set, not of a %s",
                         moe__value_type(&object));
    MOE__TRY(
        moe__value_string(render, target->name, MOE__ORIGIN_TEMPLATE, &key));
    return moe__dict_set(render, object.as.dict, &key, value);
}

static moe_status assign_target(struct moe__render *render,
                                const struct moe__node *target,
                                const struct moe__value *value)
{
    if (target->kind == MOE__NODE_NAME)
        return scope_set(render, target->name, value);
    if (target->kind != MOE__NODE_TUPLE)
        return assign_field(render, target, value);
    struct moe__list items;
    render->at = target;
    MOE__TRY(moe__value_need(render, value));
    MOE__TRY(moe__value_iterate(render, value, &items));
    if (items.n != target->n)
        return moe__fail(render->err, MOE_ERR_FORMAT, "%d names for %d values",
                         target->n, items.n);
    int32_t i = 0;
    MOE__TRY(moe__render_enter(render));
    for (const struct moe__node *n = target->list; n != NULL; n = n->next)
        MOE__TRY(assign_target(render, n, &items.items[i++]));
    render->depth--;
    return MOE_OK;
}

/* Runs a body in a scope of its own and gives what it prints. */
static moe_status exec_captured(struct moe__render *render,
                                const struct moe__node *body,
                                struct moe__scope *parent,
                                struct moe__value *out)
{
    struct moe__builder builder, *outer = render->out;
    struct moe__scope *scope = render->scope;
    moe__builder_init(&builder, render);
    MOE__TRY(scope_push(render, parent));
    render->out = &builder;
    MOE__TRY(exec_node(render, body));
    render->out = outer;
    render->scope = scope;
    return moe__builder_finish(&builder, out);
}

/* ---------------------------------------------------------------- macros */

/* Every name must be that of a parameter that has no value yet. */
static moe_status macro_check_name(struct moe__render *render,
                                   const struct moe__macro *macro,
                                   const struct moe__args *args,
                                   const struct moe__value *name)
{
    const struct moe__slice text = moe__value_text(name);
    int32_t i = 0;
    if (moe__slice_is(text, "caller"))
        return MOE_OK;
    for (const struct moe__node *n = macro->node->list; n != NULL;
         n = n->next, i++)
        if (i >= args->n && moe__slice_equal(n->name, text))
            return MOE_OK;
    return moe__fail(render->err, MOE_ERR_FORMAT,
                     "macro %.*s: argument '%.*s' is unknown or given twice",
                     (int)macro->node->name.n,
                     (const char *)macro->node->name.data, (int)text.n,
                     (const char *)text.data);
}

static moe_status macro_bind(struct moe__render *render,
                             const struct moe__macro *macro,
                             const struct moe__args *args)
{
    if (args->n > macro->node->n)
        return moe__fail(
            render->err, MOE_ERR_FORMAT,
            "macro %.*s: %d arguments, it takes %d", (int)macro->node->name.n,
            (const char *)macro->node->name.data, args->n, macro->node->n);
    for (int32_t k = 0; k < args->n_named; k++) {
        MOE__TRY(macro_check_name(render, macro, args, &args->names[k]));
        MOE__TRY(scope_set(render, moe__value_text(&args->names[k]),
                           &args->named[k]));
    }
    int32_t i = 0;
    for (const struct moe__node *n = macro->node->list; n != NULL;
         n = n->next, i++) {
        struct moe__value value;
        if (moe__dict_find(&render->scope->names, n->name) != NULL)
            continue;
        if (i < args->n)
            value = args->list[i];
        else if (n->kid[0] != NULL)
            MOE__TRY(moe__eval(render, n->kid[0], &value));
        else
            MOE__TRY(
                moe__value_undefined(render, "was not given", n->name, &value));
        MOE__TRY(scope_set(render, n->name, &value));
    }
    return MOE_OK;
}

moe_status moe__macro_call(struct moe__render *render,
                           const struct moe__macro *macro,
                           const struct moe__args *args, struct moe__value *out)
{
    struct moe__scope *scope = render->scope;
    MOE__TRY(moe__render_enter(render));
    MOE__TRY(scope_push(render, macro->scope));
    MOE__TRY(macro_bind(render, macro, args));
    MOE__TRY(exec_captured(render, macro->node->kid[0], render->scope, out));
    render->scope = scope;
    render->depth--;
    return MOE_OK;
}

static moe_status macro_value(struct moe__render *render,
                              const struct moe__node *node,
                              struct moe__value *out)
{
    struct moe__macro *macro = moe__render_alloc(render, 1, sizeof *macro);
    if (macro == NULL)
        return moe__render_full(render);
    macro->node = node;
    macro->scope = render->scope;
    *out = (struct moe__value){.kind = MOE__VALUE_MACRO, .as.macro = macro};
    return MOE_OK;
}

static moe_status exec_macro(struct moe__render *render,
                             const struct moe__node *node)
{
    struct moe__value value;
    MOE__TRY(macro_value(render, node, &value));
    return scope_set(render, node->name, &value);
}

/* The call's own arguments, and the block as `caller`. */
static moe_status exec_call_block(struct moe__render *render,
                                  const struct moe__node *node)
{
    const struct moe__node *call = node->kid[0];
    struct moe__value callee, caller, name, result;
    struct moe__args args = {0};
    struct moe__dict named = {0};
    MOE__TRY(moe__eval(render, call->kid[0], &callee));
    MOE__TRY(moe__eval_args(render, call, &args));
    for (int32_t k = 0; k < args.n_named; k++)
        MOE__TRY(
            moe__dict_push(render, &named, &args.names[k], &args.named[k]));
    MOE__TRY(macro_value(render, node->kid[1], &caller));
    MOE__TRY(moe__value_string(render, node->kid[1]->name, MOE__ORIGIN_TEMPLATE,
                               &name));
    MOE__TRY(moe__dict_push(render, &named, &name, &caller));
    args.names = named.keys;
    args.named = named.values;
    args.n_named = named.n;
    MOE__TRY(moe__value_call(render, &callee, &args, &result));
    moe__print_str(render->out, &result);
    return render->out->status;
}

/* ----------------------------------------------------------------- loops */

/* A loop on its way.  With a condition, items are tested only when somebody
 * asks for them: the body may change what the condition sees. */
struct moe__loop {
    const struct moe__node *node;
    struct moe__scope *outer;
    struct moe__list source;
    int32_t n_tested;          /* of source */
    struct moe__value *passed; /* [n_passed] with a condition */
    int32_t n_passed;
    int32_t index;             /* of the item at hand, from 0 */
    struct moe__value changed; /* what changed() saw last */
};

/* Does the i-th item exist?  Items are asked for in ascending order. */
static moe_status loop_fetch(struct moe__render *render, struct moe__loop *loop,
                             int32_t i, bool *is_there)
{
    const struct moe__node *test = loop->node->kid[4];
    if (test == NULL)
        loop->n_passed = loop->source.n;
    while (test != NULL && loop->n_passed <= i &&
           loop->n_tested < loop->source.n) {
        const struct moe__value *item = &loop->source.items[loop->n_tested++];
        struct moe__scope *scope = render->scope;
        struct moe__value truth;
        MOE__TRY(scope_push(render, loop->outer));
        MOE__TRY(assign_target(render, loop->node->kid[0], item));
        MOE__TRY(moe__eval(render, test, &truth));
        render->scope = scope;
        if (moe__value_truth(&truth))
            loop->passed[loop->n_passed++] = *item;
    }
    *is_there = i < loop->n_passed;
    return MOE_OK;
}

/* The item `distance` from the one at hand, or undefined. */
static moe_status loop_neighbour(struct moe__render *render,
                                 struct moe__loop *loop, int32_t distance,
                                 struct moe__value *out)
{
    const int32_t i = loop->index + distance;
    bool is_there = i >= 0;
    if (is_there)
        MOE__TRY(loop_fetch(render, loop, i, &is_there));
    if (!is_there)
        return moe__value_undefined(render, "is not there, at a loop's border",
                                    moe__slice_str("item"), out);
    *out = loop->passed[i];
    return MOE_OK;
}

moe_status moe__loop_attribute(struct moe__render *render,
                               struct moe__loop *loop, struct moe__slice name,
                               struct moe__value *out)
{
    bool is_there = false;
    const int32_t i = loop->index;
    if (moe__slice_is(name, "previtem"))
        return loop_neighbour(render, loop, -1, out);
    if (moe__slice_is(name, "nextitem"))
        return loop_neighbour(render, loop, 1, out);
    if (moe__slice_is(name, "last")) {
        MOE__TRY(loop_fetch(render, loop, i + 1, &is_there));
        *out = moe__value_bool(!is_there);
    } else if (moe__slice_is(name, "first")) {
        *out = moe__value_bool(i == 0);
    } else if (moe__slice_is(name, "index")) {
        *out = moe__value_int(i + 1, false);
    } else if (moe__slice_is(name, "index0")) {
        *out = moe__value_int(i, false);
    } else if (moe__slice_is(name, "depth")) {
        *out = moe__value_int(1, false); /* counts recursive loops only */
    } else if (moe__slice_is(name, "depth0")) {
        *out = moe__value_int(0, false);
    } else if (moe__slice_is(name, "length") ||
               moe__slice_is(name, "revindex") ||
               moe__slice_is(name, "revindex0")) {
        MOE__TRY(loop_fetch(render, loop, INT32_MAX, &is_there));
        const int32_t n = loop->n_passed;
        *out = moe__value_int(name.n == 6   ? n
                              : name.n == 8 ? n - i
                                            : n - i - 1,
                              false);
    }
    return MOE_OK;
}

/* loop.cycle(a, b ...) */
static moe_status loop_cycle(struct moe__render *render,
                             const struct moe__args *args,
                             struct moe__value *out)
{
    (void)render;
    *out = args->list[args->self.as.loop->index % args->n];
    return MOE_OK;
}

/* loop.changed(value): is it another one than at the last call? */
static moe_status loop_changed(struct moe__render *render,
                               const struct moe__args *args,
                               struct moe__value *out)
{
    bool is_equal = false;
    struct moe__loop *loop = args->self.as.loop;
    MOE__TRY(
        moe__value_equal(render, &loop->changed, &args->list[0], &is_equal));
    loop->changed = args->list[0];
    *out = moe__value_bool(!is_equal);
    return MOE_OK;
}

const struct moe__builtin moe__jinja_loop_methods[] = {
    {"cycle", loop_cycle, 1, -1, NULL},
    {"changed", loop_changed, 1, 1, NULL},
    {NULL, NULL, 0, 0, NULL},
};

static moe_status loop_run(struct moe__render *render, struct moe__loop *loop)
{
    const struct moe__value self = {.kind = MOE__VALUE_LOOP, .as.loop = loop};
    for (;; loop->index++) {
        bool is_there;
        MOE__TRY(loop_fetch(render, loop, loop->index, &is_there));
        if (!is_there)
            return MOE_OK;
        MOE__TRY(moe__render_spend(render, 1));
        MOE__TRY(scope_push(render, loop->outer));
        MOE__TRY(assign_target(render, loop->node->kid[0],
                               &loop->passed[loop->index]));
        MOE__TRY(scope_set(render, moe__slice_str("loop"), &self));
        MOE__TRY(exec_node(render, loop->node->kid[2]));
        const enum moe__flow flow = render->flow;
        render->flow = MOE__FLOW_ON;
        if (flow == MOE__FLOW_BREAK)
            return MOE_OK;
    }
}

static moe_status exec_for(struct moe__render *render,
                           const struct moe__node *node)
{
    struct moe__value iterable;
    struct moe__loop *loop = moe__render_alloc(render, 1, sizeof *loop);
    if (loop == NULL)
        return moe__render_full(render);
    MOE__TRY(moe__eval(render, node->kid[1], &iterable));
    render->at = node;
    MOE__TRY(moe__value_iterate(render, &iterable, &loop->source));
    loop->node = node;
    loop->outer = render->scope;
    loop->passed = loop->source.items;
    if (node->kid[4] != NULL) {
        loop->passed = moe__render_alloc(render, (size_t)loop->source.n,
                                         sizeof *loop->passed);
        if (loop->passed == NULL)
            return moe__render_full(render);
    }
    MOE__TRY(loop_run(render, loop));
    render->scope = loop->outer;
    if (loop->n_passed > 0 || node->kid[3] == NULL)
        return MOE_OK;
    MOE__TRY(scope_push(render, loop->outer));
    MOE__TRY(exec_node(render, node->kid[3]));
    render->scope = loop->outer;
    return MOE_OK;
}

/* ------------------------------------------------------ other statements */

static moe_status exec_block(struct moe__render *render,
                             const struct moe__node *node)
{
    for (const struct moe__node *n = node->list;
         n != NULL && render->flow == MOE__FLOW_ON; n = n->next)
        MOE__TRY(exec_node(render, n));
    return MOE_OK;
}

static moe_status exec_text(struct moe__render *render,
                            const struct moe__node *node)
{
    moe__builder_string(render->out, node->value.as.string);
    return render->out->status;
}

static moe_status exec_print(struct moe__render *render,
                             const struct moe__node *node)
{
    struct moe__value value;
    MOE__TRY(moe__eval(render, node->kid[0], &value));
    moe__print_str(render->out, &value);
    return render->out->status;
}

static moe_status exec_if(struct moe__render *render,
                          const struct moe__node *node)
{
    for (; node != NULL && node->kind == MOE__NODE_IF; node = node->kid[2]) {
        struct moe__value truth;
        MOE__TRY(moe__eval(render, node->kid[0], &truth));
        if (moe__value_truth(&truth))
            return exec_node(render, node->kid[1]);
    }
    return node == NULL ? MOE_OK : exec_node(render, node);
}

static moe_status exec_jump(struct moe__render *render,
                            const struct moe__node *node)
{
    render->flow =
        node->kind == MOE__NODE_BREAK ? MOE__FLOW_BREAK : MOE__FLOW_CONTINUE;
    return MOE_OK;
}

static moe_status exec_set(struct moe__render *render,
                           const struct moe__node *node)
{
    struct moe__value value;
    MOE__TRY(moe__eval(render, node->kid[1], &value));
    return assign_target(render, node->kid[0], &value);
}

/* Runs the filters over what a body printed. */
static moe_status filter_captured(struct moe__render *render,
                                  const struct moe__node *filters,
                                  struct moe__value *value)
{
    const struct moe__value outer = render->captured;
    if (filters == NULL)
        return MOE_OK;
    render->captured = *value;
    MOE__TRY(moe__eval(render, filters, value));
    render->captured = outer;
    return MOE_OK;
}

static moe_status exec_set_block(struct moe__render *render,
                                 const struct moe__node *node)
{
    struct moe__value value;
    MOE__TRY(exec_captured(render, node->kid[1], render->scope, &value));
    if (render->flow != MOE__FLOW_ON)
        return MOE_OK;
    MOE__TRY(filter_captured(render, node->kid[2], &value));
    return assign_target(render, node->kid[0], &value);
}

static moe_status exec_filter_block(struct moe__render *render,
                                    const struct moe__node *node)
{
    struct moe__value value;
    MOE__TRY(exec_captured(render, node->kid[0], render->scope, &value));
    if (render->flow != MOE__FLOW_ON)
        return MOE_OK;
    MOE__TRY(filter_captured(render, node->kid[1], &value));
    moe__print_str(render->out, &value);
    return render->out->status;
}

/* All values are found outside, then all names are set inside. */
static moe_status exec_with(struct moe__render *render,
                            const struct moe__node *node)
{
    struct moe__value values;
    struct moe__scope *outer = render->scope;
    int32_t i = 0;
    MOE__TRY(moe__value_list(render, MOE__VALUE_LIST, node->n, false, &values));
    for (const struct moe__node *n = node->list; n != NULL; n = n->next)
        MOE__TRY(moe__eval(render, n->kid[1], &values.as.list->items[i++]));
    MOE__TRY(scope_push(render, outer));
    i = 0;
    for (const struct moe__node *n = node->list; n != NULL; n = n->next)
        MOE__TRY(assign_target(render, n->kid[0], &values.as.list->items[i++]));
    MOE__TRY(exec_node(render, node->kid[0]));
    render->scope = outer;
    return MOE_OK;
}

/* ORDER moe__node_kind, up to FILTER_BLOCK. */
static exec_fn *const exec_rows[] = {
    exec_block, exec_text,       exec_print,        exec_if,        exec_for,
    exec_jump,  exec_jump,       exec_set,          exec_set_block, exec_with,
    exec_macro, exec_call_block, exec_filter_block,
};

static moe_status exec_node(struct moe__render *render,
                            const struct moe__node *node)
{
    render->at = node;
    MOE__TRY(moe__render_enter(render));
    MOE__TRY(exec_rows[node->kind](render, node));
    render->depth--;
    return MOE_OK;
}

moe_status moe__render_run(struct moe__render *render,
                           const struct moe__node *body)
{
    return exec_node(render, body);
}
