/* hello.c: completes a text.   usage: hello MODEL.gguf "Once upon a time" */
#include <moe.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    moe_error why = {0};
    moe_model *model = NULL;
    moe_context *ctx = NULL;
    moe_token_info piece = {.struct_size = sizeof piece};
    if (argc < 3) {
        fprintf(stderr, "usage: %s MODEL.gguf TEXT\n", argv[0]);
        return 2;
    }
    if (moe_model_open(argv[1], NULL, &model, &why) ||
        moe_context_create(model, NULL, &ctx, &why) ||
        moe_context_prompt(ctx, argv[2], -1, MOE_TEXT_SPECIALS)) {
        fprintf(stderr, "%s\n", ctx ? moe_context_error(ctx) : why.message);
        return 1;
    }
    printf("%s", argv[2]);
    while (!moe_context_generate(ctx, NULL, NULL, &piece) && !piece.is_end)
        fwrite(piece.bytes, 1, piece.n_bytes, stdout);
    printf("\n%s", moe_context_error(ctx));
    moe_context_destroy(ctx);
    moe_model_close(model);
    return piece.is_end ? 0 : 1;
}
