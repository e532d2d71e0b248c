/* calls.c: the engine that runs the automata of dialect_calls.c.
 *
 *     bytes:  | told | held ......... | not read |
 *                    ^ from           ^ from + at
 *
 * All of a call is held until its end, so that one that turns out to be none
 * can be handed out as it was written. */
#include "chat/calls_parser.h"

/* ---------------------------------------------------------------- formats */

const struct moe__call_format *moe__call_format_at(int32_t i)
{
    return i >= 0 && i < moe__n_call_formats ? &moe__call_formats[i] : NULL;
}

const struct moe__call_format *moe__call_format_find(struct moe__slice name)
{
    for (int32_t i = 0; i < moe__n_call_formats; i++) {
        const struct moe__call_format *format = &moe__call_formats[i];
        if (moe__slice_is(name, format->name))
            return format;
        for (size_t k = 0;
             k < MOE__COUNT(format->dialects) && format->dialects[k] != NULL;
             k++)
            if (moe__slice_is(name, format->dialects[k]))
                return format;
    }
    return NULL;
}

const char *moe__call_format_name(const struct moe__call_format *format)
{
    return format->name;
}

bool moe__call_format_is_emulated(const struct moe__call_format *format)
{
    return format->is_emulated;
}

/* The last one counts: of Mistral's two forms the younger has both signs. */
const struct moe__call_format *moe__call_format_guess(struct moe__slice source)
{
    const bool has_tools = moe__slice_has(source, moe__slice_str("tools"));
    for (int32_t i = moe__n_call_formats; has_tools && i-- > 0;) {
        const char *sign = moe__call_formats[i].sign;
        if (sign != NULL && moe__slice_has(source, moe__slice_str(sign)))
            return &moe__call_formats[i];
    }
    return moe__call_format_find(moe__slice_str("emulated"));
}

bool moe__call_format_has_mark(const struct moe__call_format *format,
                               struct moe__slice text)
{
    for (int32_t i = 0; text.n > 0 && i < format->n_states; i++) {
        const struct moe__call_edge *edges = format->states[i].edges;
        for (size_t k = 0; k < MOE__CALL_EDGES && edges[k].mark != NULL; k++)
            if (moe__slice_has(moe__slice_str(edges[k].mark), text))
                return true;
    }
    return false;
}

/* ------------------------------------------------------- create, destroy */

moe_status moe__calls_create(struct moe__mem *mem,
                             const struct moe__call_format *format,
                             struct moe__calls **out, struct moe__err *err)
{
    struct moe__calls *calls = moe__mem_calloc(mem, 1, sizeof *calls);
    *out = NULL;
    if (calls == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY,
                         "no memory for a parser of calls");
    calls->mem = mem;
    calls->format = format;
    moe__text_init(&calls->bytes, mem, MOE__CALL_LIMIT);
    moe__text_init(&calls->name, mem, 0);
    moe__text_init(&calls->id, mem, 0);
    moe__calls_reset(calls);
    *out = calls;
    return MOE_OK;
}

void moe__calls_destroy(struct moe__calls *calls)
{
    if (calls == NULL)
        return;
    moe__text_free(&calls->bytes);
    moe__text_free(&calls->name);
    moe__text_free(&calls->id);
    moe__mem_free(calls->mem, calls, sizeof *calls);
}

void moe__calls_reset(struct moe__calls *calls)
{
    moe__text_reset(&calls->bytes);
    moe__text_reset(&calls->name);
    moe__text_reset(&calls->id);
    calls->from = calls->at = 0;
    calls->state = calls->format->start;
    calls->is_ended = false;
    calls->call = (struct moe__call_parts){.has_name = false};
}

moe_status moe__calls_put(struct moe__calls *calls, struct moe__slice bytes)
{
    struct moe__text *text = &calls->bytes;
    if (calls->from > 0) {
        memmove(text->data, text->data + calls->from, text->n - calls->from);
        moe__text_cut(text, text->n - calls->from);
        calls->from = 0;
    }
    moe__text_add(text, bytes);
    return text->status;
}

moe_status moe__calls_end(struct moe__calls *calls)
{
    calls->is_ended = true;
    return calls->bytes.status;
}

moe_status moe__calls_status(const struct moe__calls *calls,
                             struct moe__err *err)
{
    MOE__TRY(moe__text_status(&calls->bytes, "a tool call", err));
    MOE__TRY(moe__text_status(&calls->name, "the name of a call", err));
    return moe__text_status(&calls->id, "the id of a call", err);
}

/* ------------------------------------------------------------------ marks */

/* The longest mark that `rest` begins with, NULL: none; *is_open if the end of
 * what was put may be the beginning of a longer one. */
static const struct moe__call_edge *
calls_edge_at(const struct moe__calls *calls, struct moe__slice rest,
              bool *is_open)
{
    const struct moe__call_state *state = &calls->format->states[calls->state];
    const struct moe__call_edge *found = NULL;
    size_t n_found = 0;
    *is_open = false;
    for (size_t i = 0; i < MOE__CALL_EDGES && state->edges[i].mark != NULL;
         i++) {
        const struct moe__slice mark = moe__slice_str(state->edges[i].mark);
        const size_t n = mark.n < rest.n ? mark.n : rest.n;
        if (memcmp(rest.data, mark.data, n) != 0)
            continue;
        if (n < mark.n) {
            *is_open = !calls->is_ended;
        } else if (n > n_found) {
            found = &state->edges[i];
            n_found = n;
        }
    }
    return *is_open ? NULL : found;
}

/* How many held bytes come before the first mark, or what may become one; the
 * mark, or NULL.  Bytes before `at` are known to begin none. */
static size_t calls_find(const struct moe__calls *calls,
                         const struct moe__call_edge **edge)
{
    const struct moe__slice held = moe__calls_held(calls);
    for (size_t i = calls->at; i < held.n; i++) {
        bool is_open;
        *edge = calls_edge_at(calls, moe__slice_of(held.data + i, held.n - i),
                              &is_open);
        if (*edge != NULL || is_open)
            return i;
    }
    *edge = NULL;
    return held.n;
}

/* ----------------------------------------------------------------- states */

/* What a step leads to. */
enum calls_step { STEP_ON, STEP_WAITS, STEP_TELLS };

/* The first n held bytes are done with. */
static void calls_let_go(struct moe__calls *calls, size_t n)
{
    calls->from += n;
    calls->at = 0;
    calls->call = (struct moe__call_parts){.has_name = false};
}

static enum calls_step calls_enter(struct moe__calls *calls, int32_t state)
{
    calls->state = state;
    moe__scan_begin(&calls->scan);
    calls->is_list = false;
    calls->n_read = 0;
    calls->call.value = calls->at;
    if (state == MOE__CALL_STATE_TEXT || state == MOE__CALL_STATE_AFTER)
        calls_let_go(calls, calls->at);
    return STEP_ON;
}

/* The mark at held byte i. */
static enum calls_step calls_take(struct moe__calls *calls,
                                  const struct moe__call_edge *edge, size_t i)
{
    calls->at = i + strlen(edge->mark);
    return calls_enter(calls, edge->next);
}

/* What is held cannot be read in this state: it is what the state says. */
static enum calls_step calls_give_up(struct moe__calls *calls)
{
    const int32_t other = calls->format->states[calls->state].other;
    if (calls->call.has_begun || calls->n_read > 0)
        return calls_enter(calls, MOE__CALL_STATE_BROKEN);
    if (other == MOE__CALL_STATE_TEXT)
        calls->at = 0;
    return calls_enter(calls, other);
}

static enum calls_step step_text(struct moe__calls *calls,
                                 struct moe__call_event *event)
{
    const struct moe__call_edge *edge;
    const size_t n = calls_find(calls, &edge);
    if (n > 0) {
        *event = (struct moe__call_event){
            .kind = MOE__CALL_TEXT,
            .text = moe__slice_of(moe__calls_held(calls).data, n)};
        calls_let_go(calls, n);
        return STEP_TELLS;
    }
    return edge != NULL ? calls_take(calls, edge, n) : STEP_WAITS;
}

static enum calls_step step_gap(struct moe__calls *calls)
{
    const struct moe__slice held = moe__calls_held(calls);
    size_t i = calls->at;
    bool is_open = !calls->is_ended;
    while (i < held.n && (held.data[i] == ' ' || held.data[i] == '\n' ||
                          held.data[i] == '\t' || held.data[i] == '\r'))
        i++;
    calls->at = i;
    const struct moe__call_edge *edge = NULL;
    if (i < held.n)
        edge = calls_edge_at(calls, moe__slice_of(held.data + i, held.n - i),
                             &is_open);
    if (edge != NULL)
        return calls_take(calls, edge, i);
    return is_open ? STEP_WAITS : calls_give_up(calls);
}

static enum calls_step step_broken(struct moe__calls *calls,
                                   struct moe__call_event *event)
{
    const struct moe__call_edge *edge;
    size_t n = calls_find(calls, &edge);
    calls->at = n;
    if (edge == NULL && !calls->is_ended)
        return STEP_WAITS;
    if (edge != NULL && edge->next != MOE__CALL_STATE_BROKEN)
        n += strlen(edge->mark);
    const struct moe__call_parts *call = &calls->call;
    *event = (struct moe__call_event){
        .kind = MOE__CALL_MALFORMED,
        .text = moe__slice_of(moe__calls_held(calls).data, n)};
    if (call->has_name)
        event->name = moe__text_slice(&calls->name);
    if (call->has_id)
        event->id = moe__text_slice(&calls->id);
    calls->at = n;
    calls_enter(calls, MOE__CALL_STATE_AFTER);
    return n > 0 ? STEP_TELLS : STEP_ON;
}

static enum calls_step step_passed(struct moe__calls *calls)
{
    const struct moe__call_edge *edge;
    const size_t n = calls_find(calls, &edge);
    calls->at = n;
    if (edge != NULL)
        return calls_take(calls, edge, n);
    return calls->is_ended ? calls_give_up(calls) : STEP_WAITS;
}

/* A name or an id, which begins at call.value. */
static enum calls_step step_word(struct moe__calls *calls, bool is_name)
{
    enum { MOST_WORD = 1024 }; /* bytes: more is neither */
    struct moe__call_parts *call = &calls->call;
    const struct moe__slice held = moe__calls_held(calls);
    const struct moe__call_edge *edge = NULL;
    bool is_open = false, is_word = true;
    size_t i = calls->at;
    for (; i < held.n; i++) {
        edge = calls_edge_at(calls, moe__slice_of(held.data + i, held.n - i),
                             &is_open);
        is_word = moe__calls_is_word(held.data[i]) || held.data[i] <= ' ';
        if (edge != NULL || is_open || !is_word)
            break;
    }
    const struct moe__slice word =
        moe__slice_of(held.data + call->value, i - call->value);
    calls->at = i;
    if (edge == NULL && (is_word || is_open) && !calls->is_ended &&
        word.n <= MOST_WORD)
        return STEP_WAITS;
    if (edge != NULL &&
        moe__calls_keep(is_name ? &calls->name : &calls->id, word)) {
        call->has_name |= is_name;
        call->has_id |= !is_name;
        return calls_take(calls, edge, i);
    }
    calls->at = call->value;
    return calls_give_up(calls);
}

/* JSON, which goes on when all that is known has been told. */
static enum calls_step step_json(struct moe__calls *calls, bool is_object)
{
    const size_t n = moe__calls_held(calls).n;
    const size_t n_before = calls->at;
    struct moe__call_parts *call = &calls->call;
    if (call->is_bad) /* and what was good has been told */
        return calls_give_up(calls);
    call->is_bad = is_object ? !moe__calls_read_arguments(calls)
                             : !moe__calls_read_objects(calls);
    if (call->is_bad || call->is_complete)
        return STEP_ON;
    if (calls->scan.depth == 0 && calls->n_read > 0) /* behind the list */
        return calls_enter(calls, MOE__CALL_STATE_AFTER);
    if (calls->at > n_before)
        return STEP_ON;
    return calls->is_ended && calls->at == n ? calls_give_up(calls)
                                             : STEP_WAITS;
}

static enum calls_step calls_step(struct moe__calls *calls,
                                  struct moe__call_event *event)
{
    switch (calls->format->states[calls->state].kind) {
    case MOE__CALL_IS_TEXT:
        return step_text(calls, event);
    case MOE__CALL_IS_GAP:
        return step_gap(calls);
    case MOE__CALL_IS_BROKEN:
        return step_broken(calls, event);
    case MOE__CALL_IS_PASSED:
        return step_passed(calls);
    case MOE__CALL_IS_NAME:
        return step_word(calls, true);
    case MOE__CALL_IS_ID:
        return step_word(calls, false);
    case MOE__CALL_IS_ARGUMENTS:
        return step_json(calls, true);
    default:
        return step_json(calls, false);
    }
}

/* ----------------------------------------------------------------- events */

/* A call is complete: what follows begins afresh. */
static void calls_close(struct moe__calls *calls)
{
    calls_let_go(calls, calls->at);
    if (calls->scan.depth == 0)
        calls_enter(calls, MOE__CALL_STATE_AFTER);
}

/* What is known of the call and was not told yet. */
static bool calls_tell(struct moe__calls *calls, struct moe__call_event *event)
{
    struct moe__call_parts *call = &calls->call;
    *event = (struct moe__call_event){.name = moe__text_slice(&calls->name)};
    if (moe__call_is_news(call)) {
        call->has_begun = true;
        event->kind = MOE__CALL_BEGIN;
    } else if (call->has_begun && !call->has_arguments) {
        call->has_arguments = true; /* there were none */
        event->kind = MOE__CALL_ARGUMENTS;
        event->text = moe__slice_str("{}");
    } else if (call->has_begun && call->n_sent < call->n_known) {
        event->kind = MOE__CALL_ARGUMENTS;
        event->text = moe__slice_of(moe__calls_held(calls).data + call->n_sent,
                                    call->n_known - call->n_sent);
        call->n_sent = call->n_known;
    } else if (call->is_complete) {
        event->kind = MOE__CALL_END;
    } else {
        return false;
    }
    if (call->has_id && event->kind != MOE__CALL_ARGUMENTS)
        event->id = moe__text_slice(&calls->id);
    if (event->kind == MOE__CALL_END)
        calls_close(calls);
    return true;
}

bool moe__calls_next(struct moe__calls *calls, struct moe__call_event *event)
{
    while (moe__calls_status(calls, NULL) == MOE_OK) {
        if (calls_tell(calls, event))
            return true;
        const enum calls_step step = calls_step(calls, event);
        if (step != STEP_ON)
            return step == STEP_TELLS;
    }
    return false;
}
