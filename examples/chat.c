/* chat.c: one answer, streamed.   usage: chat MODEL.gguf "Hello!" */
#include <moe.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    moe_error why = {.message = "usage: chat MODEL.gguf TEXT"};
    moe_model *model = NULL;
    moe_chat *chat = NULL;
    moe_event ev = {.struct_size = sizeof ev};
    if (argc < 3 || moe_model_open(argv[1], NULL, &model, &why) ||
        moe_chat_create(model, NULL, &chat, &why))
        return fprintf(stderr, "%s\n", why.message), 1;
    moe_chat_say(chat, MOE_ROLE_USER, argv[2], -1);
    while (!moe_chat_next(chat, &ev) && ev.kind != MOE_EVENT_DONE)
        if (ev.kind == MOE_EVENT_TEXT)
            fwrite(ev.text, 1, ev.text_bytes, stdout);
    printf("\n%s", moe_chat_error(chat));
    moe_chat_destroy(chat);
    moe_model_close(model);
    return ev.kind != MOE_EVENT_DONE;
}
