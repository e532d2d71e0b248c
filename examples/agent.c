/* agent.c: a model that calls a function of this program until it can answer.
 * usage: agent MODEL.gguf "How much is 17 and 25?" */
#include <moe.h>
#include <stdio.h>

static const char tools[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"add\", "
    "\"description\": \"Adds two numbers.\", \"parameters\": {"
    "\"type\": \"object\", \"additionalProperties\": false, \"properties\": {"
    "\"a\": {\"type\": \"integer\", \"minimum\": 0, \"maximum\": 9999},"
    "\"b\": {\"type\": \"integer\", \"minimum\": 0, \"maximum\": 9999}},"
    "\"required\": [\"a\", \"b\"]}}}]";

/* The arguments are of the schema by construction. */
static const char *add(const char *arguments, char *sum, size_t cap)
{
    int a = 0, b = 0;
    sscanf(arguments, "{ \"a\" : %d , \"b\" : %d }", &a, &b);
    snprintf(sum, cap, "%d", a + b);
    return printf("add %s = %s\n", arguments, sum), sum;
}

int main(int argc, char **argv)
{
    static const char *const choices[] = {"required", "auto", "none"};
    char sum[16];
    moe_error why = {.message = "usage: agent MODEL.gguf QUESTION"};
    moe_model *model = NULL;
    moe_chat *chat = NULL;
    moe_chat_params params = {.struct_size = sizeof params, .max_tokens = 300};
    moe_event ev = {.struct_size = sizeof ev, .reason = MOE_DONE_CALLS};
    if (argc < 3 || moe_model_open(argv[1], NULL, &model, &why) ||
        moe_chat_create(model, &params, &chat, &why))
        return fprintf(stderr, "%s\n", why.message), 1;
    moe_chat_say(chat, MOE_ROLE_USER, argv[2], -1);
    for (int i = 0; i < 3 && ev.reason == MOE_DONE_CALLS; i++) {
        if (moe_chat_tools(chat, tools, -1, choices[i]))
            break;
        while (!moe_chat_next(chat, &ev) && ev.kind != MOE_EVENT_DONE)
            if (ev.kind == MOE_EVENT_TEXT)
                fwrite(ev.text, 1, ev.text_bytes, stdout);
            else if (ev.kind == MOE_EVENT_CALL_END)
                moe_chat_result(chat, ev.call_id, add(ev.text, sum, sizeof sum),
                                -1);
    }
    printf("\n%s", moe_chat_error(chat));
    moe_chat_destroy(chat);
    moe_model_close(model);
    return ev.kind != MOE_EVENT_DONE;
}
