/* dialect_harmony.c: the format of gpt-oss, whose messages have channels.
 *
 * The system's words are the "developer" message; the model's own system
 * message says the date and how hard to think.  Reasoning is the analysis
 * channel: it is left out as soon as a later answer stands, kept between the
 * calls of one that is still to come. */
#include "chat/dialect_turns.h"

static void harmony_system(struct moe__job *job)
{
    const struct moe__conversation *conversation = job->conversation;
    const struct moe__json *effort =
        moe__json_get(conversation->variables, "reasoning_effort");
    moe__job_form(job, "<|start|>system<|message|>You are ChatGPT, a large "
                       "language model trained by OpenAI.\n"
                       "Knowledge cutoff: 2024-06\n");
    if (conversation->date.n > 0) {
        moe__job_form(job, "Current date: ");
        moe__job_data(job, conversation->date);
        moe__job_form(job, "\n");
    }
    moe__job_form(job, "\nReasoning: ");
    if (effort != NULL && effort->kind == MOE__JSON_STRING)
        moe__job_data(job, effort->text);
    else
        moe__job_form(job, "medium");
    moe__job_form(job, "\n\n# Valid channels: analysis, commentary, final. "
                       "Channel must be included for every message.<|end|>");
}

static void harmony_analysis(struct moe__job *job, struct moe__slice words)
{
    if (words.n == 0)
        return;
    moe__job_form(job, "<|start|>assistant<|channel|>analysis<|message|>");
    moe__job_data(job, words);
    moe__job_form(job, "<|end|>");
}

/* The last answer without calls, -1: none. */
static int32_t harmony_last_answer(const struct moe__conversation *conversation)
{
    int32_t at = conversation->n_messages - 1;
    while (at >= 0 && (conversation->messages[at].role != MOE__ROLE_ASSISTANT ||
                       conversation->messages[at].n_calls > 0))
        at--;
    return at;
}

static moe_status harmony_call(struct moe__job *job, int32_t at,
                               bool is_answered)
{
    const struct moe__message *message = &job->conversation->messages[at];
    if (!is_answered) {
        harmony_analysis(job, message->reasoning);
        harmony_analysis(job, message->content);
    }
    moe__job_form(job, "<|start|>assistant to=functions.");
    moe__job_data(job, message->calls[0].name);
    moe__job_form(job, "<|channel|>commentary json<|message|>");
    MOE__TRY(moe__job_arguments(job, &message->calls[0]));
    moe__job_form(job, "<|call|>");
    return MOE_OK;
}

static void harmony_answer(struct moe__job *job, int32_t at)
{
    const struct moe__conversation *conversation = job->conversation;
    const struct moe__message *message = &conversation->messages[at];
    const bool is_last = at == conversation->n_messages - 1;
    if (is_last)
        harmony_analysis(job, message->reasoning);
    moe__job_form(job, "<|start|>assistant<|channel|>final<|message|>");
    moe__job_data(job, message->content);
    if (!is_last)
        moe__job_form(job, "<|end|>");
    else if (!conversation->is_continued)
        moe__job_form(job, "<|return|>");
}

/* A result; its name is that of the latest call if it has none. */
static void harmony_result(struct moe__job *job, int32_t at)
{
    const struct moe__message *message = &job->conversation->messages[at];
    struct moe__slice name = message->name;
    for (int32_t i = at - 1; i >= 0 && name.n == 0; i--)
        if (job->conversation->messages[i].n_calls > 0)
            name = job->conversation->messages[i].calls[0].name;
    moe__job_form(job, "<|start|>functions.");
    moe__job_data(job, name);
    moe__job_form(job, " to=assistant<|channel|>commentary<|message|>");
    moe__job_data(job, message->content);
    moe__job_form(job, "<|end|>");
}

static moe_status harmony_message(struct moe__job *job, int32_t at,
                                  bool is_answered)
{
    const struct moe__message *message = &job->conversation->messages[at];
    switch (message->role) {
    case MOE__ROLE_ASSISTANT:
        if (message->n_calls > 0)
            return harmony_call(job, at, is_answered);
        harmony_answer(job, at);
        break;
    case MOE__ROLE_TOOL:
        harmony_result(job, at);
        break;
    default:
        moe__job_form(job,
                      message->role == MOE__ROLE_SYSTEM
                          ? "<|start|>developer<|message|># Instructions\n\n"
                          : "<|start|>user<|message|>");
        moe__job_data(job, message->content);
        moe__job_form(job, "<|end|>");
    }
    return MOE_OK;
}

moe_status moe__harmony_write(struct moe__job *job)
{
    const struct moe__conversation *conversation = job->conversation;
    const int32_t last_answer = harmony_last_answer(conversation);
    harmony_system(job);
    for (int32_t i = 0; i < conversation->n_messages; i++)
        MOE__TRY(harmony_message(job, i, i < last_answer));
    if (conversation->asks_for_answer && !conversation->is_continued)
        moe__job_form(job, "<|start|>assistant");
    return MOE_OK;
}
