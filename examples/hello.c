/* hello.c: completes a text.   usage: hello MODEL.gguf "Once upon a time" */
#include <moe.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    char text[4096];
    moe_error why = {.message = "usage: hello MODEL.gguf TEXT"};
    moe_model *model = NULL;
    if (argc < 3 || moe_model_open(argv[1], NULL, &model, &why) ||
        moe_complete(model, argv[2], NULL, text, sizeof text, &why))
        return fprintf(stderr, "%s\n", why.message), 1;
    return printf("%s%s\n", argv[2], text), moe_model_close(model), 0;
}
