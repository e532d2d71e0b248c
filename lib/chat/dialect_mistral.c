/* dialect_mistral.c: the formats of Mistral's models, by the version of their
 * tokenizer.
 *
 * They are facts of mistral-common, which defines them as code and not as
 * templates: messages of one role are joined, then each turn is written with
 * control tokens around it.  Version 1 has no such tokens: its marks are plain
 * text, and between a question and its answer stands only the space that
 * SentencePiece puts before each text. */
#include "chat/dialect_mistral.h"
#include "chat/dialect.h"

static const char mistral_gap[] = "\n\n"; /* between joined texts */

/* Messages [begin, end), which are written as one. */
struct mistral_turn {
    enum moe__role role;
    int32_t begin;
    int32_t end;
};

struct mistral_turns {
    struct mistral_turn *items; /* [n] */
    int32_t n;
    int32_t first_user;
    int32_t last_user; /* -1: none */
};

/* ------------------------------------------------------------- normalise */

/* Consecutive messages of the user or of the assistant are one turn; those of
 * the system are turns only where the version has a place for them. */
static bool mistral_joins(const struct moe__mistral *version,
                          enum moe__role role)
{
    return role == MOE__ROLE_USER || role == MOE__ROLE_ASSISTANT ||
           (role == MOE__ROLE_TOOL &&
            version->results == MOE__MISTRAL_RESULTS_LIST);
}

static void mistral_add_turn(struct mistral_turns *turns, enum moe__role role,
                             int32_t begin, int32_t end)
{
    if (role == MOE__ROLE_USER)
        turns->last_user = turns->n;
    if (role == MOE__ROLE_USER && turns->first_user < 0)
        turns->first_user = turns->n;
    turns->items[turns->n++] = (struct mistral_turn){role, begin, end};
}

static moe_status mistral_normalise(struct moe__job *job,
                                    struct mistral_turns *turns)
{
    const struct moe__mistral *version = job->dialect->mistral;
    const struct moe__message *messages = job->conversation->messages;
    const int32_t n = job->conversation->n_messages;
    const bool has_system = version->system == MOE__MISTRAL_SYSTEM_OWN;
    int32_t first = 0;
    *turns = (struct mistral_turns){.first_user = -1, .last_user = -1};
    turns->items =
        moe__arena_alloc(&job->arena, (size_t)n + 1, sizeof *turns->items);
    if (turns->items == NULL)
        return moe__fail(job->err, MOE_ERR_NO_MEMORY,
                         "no memory for a conversation of %d messages", (int)n);
    while (!has_system && first < n && messages[first].role == MOE__ROLE_SYSTEM)
        first++;
    /* Where the system's words need a user's turn there is one. */
    if (!has_system && (first == n || messages[first].role != MOE__ROLE_USER))
        mistral_add_turn(turns, MOE__ROLE_USER, 0, 0);
    for (int32_t i = first; i < n;) {
        const enum moe__role role = messages[i].role;
        int32_t end = i + 1;
        while (mistral_joins(version, role) && end < n &&
               messages[end].role == role)
            end++;
        if (has_system || role != MOE__ROLE_SYSTEM)
            mistral_add_turn(turns, role, i, end);
        i = end;
    }
    return MOE_OK;
}

/* The place of a result among the calls that it answers. */
static int32_t mistral_call_at(const struct moe__job *job,
                               const struct mistral_turn *caller,
                               const struct mistral_turn *result)
{
    const struct moe__message *messages = job->conversation->messages;
    const struct moe__message *last = &messages[caller->end - 1];
    for (int32_t i = 0; i < last->n_calls; i++)
        if (moe__slice_equal(last->calls[i].id,
                             messages[result->begin].call_id))
            return i;
    return last->n_calls;
}

/* Results in the order of their calls (which are few: insertion). */
static void mistral_sort_results(const struct moe__job *job,
                                 const struct mistral_turns *turns)
{
    struct mistral_turn *items = turns->items;
    int32_t caller = -1;
    for (int32_t i = 0; i < turns->n; i++) {
        if (items[i].role == MOE__ROLE_ASSISTANT)
            caller = i;
        if (items[i].role != MOE__ROLE_TOOL)
            continue;
        const struct mistral_turn turn = items[i];
        const int32_t place = mistral_call_at(job, &items[caller], &turn);
        int32_t to = i;
        for (; to > caller + 1; to--) {
            if (mistral_call_at(job, &items[caller], &items[to - 1]) <= place)
                break;
            items[to] = items[to - 1];
        }
        items[to] = turn;
    }
}

/* ----------------------------------------------------------------- pieces */

/* A text that is JSON as JSON in the reference's spelling, any other one as a
 * string; an empty one as {}. */
static moe_status mistral_put_json(struct moe__job *job,
                                   struct moe__slice content)
{
    const struct moe__json *value = NULL;
    if (content.n == 0)
        content = moe__slice_str("{}");
    const moe_status status =
        moe__json_read(&job->arena, content, &value, NULL);
    if (status == MOE_ERR_NO_MEMORY)
        return moe__fail(job->err, status, "no memory for %zu bytes of JSON",
                         content.n);
    if (status == MOE_OK)
        moe__json_write(&job->scratch, value, &moe__json_spaced);
    else
        moe__json_write_string(&job->scratch, content, false);
    return MOE_OK;
}

static void mistral_put_string(struct moe__job *job, const char *before,
                               struct moe__slice text)
{
    moe__text_puts(&job->scratch, before);
    moe__json_write_string(&job->scratch, text, false);
}

/* The texts of a turn's messages, joined. */
static void mistral_put_contents(struct moe__job *job,
                                 const struct mistral_turn *turn)
{
    struct moe__text *scratch = &job->scratch;
    const size_t begin = scratch->n;
    for (int32_t i = turn->begin; i < turn->end; i++) {
        const struct moe__message *message = &job->conversation->messages[i];
        if (message->content.n > 0 && scratch->n > begin)
            moe__text_puts(scratch, mistral_gap);
        moe__text_add(scratch, message->content);
    }
}

/* All of the system's messages, and a gap behind them. */
static void mistral_put_system(struct moe__job *job)
{
    struct moe__text *scratch = &job->scratch;
    for (int32_t i = 0; i < job->conversation->n_messages; i++) {
        const struct moe__message *message = &job->conversation->messages[i];
        if (message->role != MOE__ROLE_SYSTEM || message->content.n == 0)
            continue;
        moe__text_add(scratch, message->content);
        moe__text_puts(scratch, mistral_gap);
    }
}

/* ------------------------------------------------------------------ tools */

/* The reference's members of a tool, in its order; others are left out. */
static void mistral_put_tool(struct moe__job *job, const struct moe__json *tool)
{
    const struct moe__json *function = moe__json_get(tool, "function");
    const struct moe__json *description =
        moe__json_get(function, "description");
    const struct moe__json *parameters = moe__json_get(function, "parameters");
    const bool is_described =
        description != NULL && description->kind == MOE__JSON_STRING;
    mistral_put_string(job,
                       "{\"type\": \"function\", \"function\": {\"name\": ",
                       moe__json_get(function, "name")->text);
    mistral_put_string(job, ", \"description\": ",
                       is_described ? description->text
                                    : moe__slice_of(NULL, 0));
    moe__text_puts(&job->scratch, ", \"parameters\": ");
    if (parameters != NULL && parameters->kind == MOE__JSON_OBJECT)
        moe__json_write(&job->scratch, parameters, &moe__json_spaced);
    else
        moe__text_puts(&job->scratch, "{}");
    moe__text_puts(&job->scratch, "}}");
}

static moe_status mistral_write_tools(struct moe__job *job)
{
    const struct moe__json *tools = job->conversation->tools;
    MOE__TRY(moe__job_control(job, "[AVAILABLE_TOOLS]"));
    for (int32_t i = 0; i < tools->n; i++) {
        moe__text_puts(&job->scratch, i == 0 ? "[" : ", ");
        mistral_put_tool(job, &tools->items[i]);
    }
    moe__text_puts(&job->scratch, "]");
    moe__job_scratch(job);
    return moe__job_control(job, "[/AVAILABLE_TOOLS]");
}

/* [{"name": ..., "arguments": {...}, "id": ...}, ...] */
static moe_status mistral_write_call_list(struct moe__job *job,
                                          const struct mistral_turn *turn)
{
    const bool has_ids = job->dialect->rules->has_short_ids;
    const char *before = "[{\"name\": ";
    MOE__TRY(moe__job_control(job, "[TOOL_CALLS]"));
    for (int32_t i = turn->begin; i < turn->end; i++) {
        const struct moe__message *message = &job->conversation->messages[i];
        for (int32_t k = 0; k < message->n_calls; k++) {
            const struct moe__call *call = &message->calls[k];
            mistral_put_string(job, before, call->name);
            moe__text_puts(&job->scratch, ", \"arguments\": ");
            MOE__TRY(mistral_put_json(job, call->arguments));
            if (has_ids)
                mistral_put_string(job, ", \"id\": ", call->id);
            before = "}, {\"name\": ";
        }
    }
    moe__text_puts(&job->scratch, "}]");
    moe__job_scratch(job);
    return MOE_OK;
}

/* [TOOL_CALLS]name[CALL_ID]id[ARGS]{...}, once for each call */
static moe_status mistral_write_call_parts(struct moe__job *job,
                                           const struct mistral_turn *turn)
{
    const bool has_ids =
        job->dialect->mistral->calls == MOE__MISTRAL_CALLS_PARTS_ID;
    for (int32_t i = turn->begin; i < turn->end; i++) {
        const struct moe__message *message = &job->conversation->messages[i];
        for (int32_t k = 0; k < message->n_calls; k++) {
            const struct moe__call *call = &message->calls[k];
            MOE__TRY(moe__job_control(job, "[TOOL_CALLS]"));
            moe__job_data(job, call->name);
            if (has_ids) {
                MOE__TRY(moe__job_control(job, "[CALL_ID]"));
                moe__job_data(job, call->id);
            }
            MOE__TRY(moe__job_control(job, "[ARGS]"));
            MOE__TRY(mistral_put_json(job, call->arguments));
            moe__job_scratch(job);
        }
    }
    return MOE_OK;
}

/* {"name": ..., "content": ...}, a list of them, or with an id instead */
static moe_status mistral_put_results(struct moe__job *job,
                                      const struct mistral_turn *turn)
{
    const bool is_list =
        job->dialect->mistral->results == MOE__MISTRAL_RESULTS_LIST;
    for (int32_t i = turn->begin; i < turn->end; i++) {
        const struct moe__message *message = &job->conversation->messages[i];
        if (is_list) {
            moe__text_puts(&job->scratch, i == turn->begin ? "[" : ", ");
            moe__text_puts(&job->scratch, "{\"name\": ");
            if (message->name.n > 0)
                mistral_put_string(job, "", message->name);
            else
                moe__text_puts(&job->scratch, "null");
            moe__text_puts(&job->scratch, ", \"content\": ");
        } else {
            moe__text_puts(&job->scratch, "{\"content\": ");
        }
        MOE__TRY(mistral_put_json(job, message->content));
        if (!is_list)
            mistral_put_string(job, ", \"call_id\": ", message->call_id);
        moe__text_puts(&job->scratch, "}");
    }
    moe__text_puts(&job->scratch, is_list ? "]" : "");
    return MOE_OK;
}

static moe_status mistral_write_results(struct moe__job *job,
                                        const struct mistral_turn *turn)
{
    const enum moe__mistral_results form = job->dialect->mistral->results;
    const struct moe__message *message =
        &job->conversation->messages[turn->begin];
    MOE__TRY(moe__job_control(job, "[TOOL_RESULTS]"));
    if (form == MOE__MISTRAL_RESULTS_ID) {
        moe__job_data(job, message->call_id);
        MOE__TRY(moe__job_control(job, "[TOOL_CONTENT]"));
    }
    if (form == MOE__MISTRAL_RESULTS_LIST ||
        form == MOE__MISTRAL_RESULTS_OBJECT) {
        MOE__TRY(mistral_put_results(job, turn));
        moe__job_scratch(job);
    } else {
        moe__job_data(job, message->content);
    }
    return moe__job_control(job, "[/TOOL_RESULTS]");
}

/* ------------------------------------------------------------------ turns */

/* Version 1 behind a text: SentencePiece's space, as what follows is a text of
 * its own. */
static void mistral_part(struct moe__job *job)
{
    if (moe__vocab_has_space_prefix(job->vocab))
        moe__job_form(job, " ");
}

static moe_status mistral_write_user(struct moe__job *job,
                                     const struct mistral_turns *turns,
                                     int32_t at)
{
    const struct mistral_turn *turn = &turns->items[at];
    const bool is_first = at == turns->first_user;
    const bool is_last = at == turns->last_user;
    const struct moe__mistral *version = job->dialect->mistral;
    const struct moe__json *tools = job->conversation->tools;
    const bool has_marks = version->has_plain_marks;
    if (tools != NULL && tools->n > 0 &&
        (version->has_tools_first ? is_first : is_last))
        MOE__TRY(mistral_write_tools(job));
    if (has_marks && at > 0 && turn[-1].role == MOE__ROLE_USER)
        mistral_part(job);
    if (has_marks)
        moe__job_form(job, "[INST] ");
    else
        MOE__TRY(moe__job_control(job, "[INST]"));
    if ((version->system == MOE__MISTRAL_SYSTEM_FIRST && is_first) ||
        (version->system == MOE__MISTRAL_SYSTEM_LAST && is_last))
        mistral_put_system(job);
    moe__job_scratch(job);
    mistral_put_contents(job, turn);
    moe__job_scratch(job);
    if (!has_marks)
        return moe__job_control(job, "[/INST]");
    moe__job_form(job, " [/INST]");
    return MOE_OK;
}

/* Reasoning and text of the turn's messages. */
static moe_status mistral_write_thoughts(struct moe__job *job,
                                         const struct mistral_turn *turn)
{
    bool has_text = false;
    for (int32_t i = turn->begin; i < turn->end; i++) {
        const struct moe__message *message = &job->conversation->messages[i];
        if (message->reasoning.n > 0) {
            MOE__TRY(moe__job_control(job, "[THINK]"));
            moe__job_data(job, message->reasoning);
            MOE__TRY(moe__job_control(job, "[/THINK]"));
            has_text = false;
        }
        if (has_text && message->content.n > 0)
            moe__job_data(job, moe__slice_str(mistral_gap));
        moe__job_data(job, message->content);
        has_text = has_text || message->content.n > 0;
    }
    return MOE_OK;
}

static moe_status mistral_write_text(struct moe__job *job,
                                     const struct mistral_turn *turn)
{
    const struct moe__mistral *version = job->dialect->mistral;
    struct moe__text *scratch = &job->scratch;
    bool has_reasoning = false;
    for (int32_t i = turn->begin; i < turn->end; i++)
        has_reasoning =
            has_reasoning || job->conversation->messages[i].reasoning.n > 0;
    if (has_reasoning && job->dialect->traits.think_begin != NULL)
        return mistral_write_thoughts(job, turn);
    mistral_put_contents(job, turn);
    if (version->has_plain_marks && scratch->n > 0)
        mistral_part(job);
    while (!version->has_plain_marks && scratch->n > 0 &&
           scratch->data[scratch->n - 1] == ' ')
        moe__text_cut(scratch, scratch->n - 1);
    moe__job_scratch(job);
    return MOE_OK;
}

static moe_status mistral_write_assistant(struct moe__job *job,
                                          const struct mistral_turn *turn,
                                          bool is_before_last_user,
                                          bool is_open)
{
    const struct moe__mistral *version = job->dialect->mistral;
    int32_t n_calls = 0;
    size_t n_text = 0;
    for (int32_t i = turn->begin; i < turn->end; i++) {
        n_calls += job->conversation->messages[i].n_calls;
        n_text += job->conversation->messages[i].content.n;
    }
    if (n_calls > 0 && n_text > 0 && job->dialect->rules->is_call_alone)
        return moe__fail(job->err, MOE_ERR_ARGUMENT,
                         "messages %d to %d: %s expects text or calls in what "
                         "the assistant says at once, found both",
                         (int)turn->begin, (int)turn->end - 1,
                         job->dialect->name);
    if (n_calls > 0 && version->drops_old_calls && is_before_last_user)
        return MOE_OK;
    MOE__TRY(mistral_write_text(job, turn));
    if (n_calls > 0 && version->calls == MOE__MISTRAL_CALLS_LIST)
        MOE__TRY(mistral_write_call_list(job, turn));
    else if (n_calls > 0)
        MOE__TRY(mistral_write_call_parts(job, turn));
    if (!is_open)
        moe__job_form(job, MOE__FORM_EOS);
    return MOE_OK;
}

static moe_status mistral_write_turn(struct moe__job *job,
                                     const struct mistral_turns *turns,
                                     int32_t at)
{
    const struct mistral_turn *turn = &turns->items[at];
    const bool is_old = at < turns->last_user;
    switch (turn->role) {
    case MOE__ROLE_USER:
        return mistral_write_user(job, turns, at);
    case MOE__ROLE_ASSISTANT:
        return mistral_write_assistant(job, turn, is_old,
                                       job->conversation->is_continued &&
                                           at == turns->n - 1);
    case MOE__ROLE_TOOL:
        if (is_old && job->dialect->mistral->drops_old_calls)
            return MOE_OK;
        return mistral_write_results(job, turn);
    default:
        MOE__TRY(moe__job_control(job, "[SYSTEM_PROMPT]"));
        moe__job_data(job, job->conversation->messages[turn->begin].content);
        return moe__job_control(job, "[/SYSTEM_PROMPT]");
    }
}

moe_status moe__mistral_write(struct moe__job *job)
{
    struct mistral_turns turns;
    if (job->conversation->n_messages == 1 &&
        job->conversation->messages[0].role == MOE__ROLE_ASSISTANT)
        return moe__fail(job->err, MOE_ERR_ARGUMENT,
                         "message 0: %s expects the role system or user, "
                         "found assistant",
                         job->dialect->name);
    MOE__TRY(mistral_normalise(job, &turns));
    if (job->dialect->rules->has_distinct_ids)
        mistral_sort_results(job, &turns);
    moe__job_form(job, MOE__FORM_BOS);
    for (int32_t i = 0; i < turns.n; i++)
        MOE__TRY(mistral_write_turn(job, &turns, i));
    return MOE_OK;
}
