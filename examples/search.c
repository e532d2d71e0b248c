/* search.c: how near texts are to a query, 1 at most.
 * usage: search MODEL.gguf QUERY TEXT... */
#include <moe.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    enum { n_dims = 128 };
    moe_error why = {.message = "usage: search MODEL.gguf QUERY TEXT..."};
    moe_model *model = NULL;
    moe_context *ctx = NULL;
    float vectors[2][n_dims] = {{0}}; /* of the query, of a text */
    if (argc < 4 || moe_model_open(argv[1], NULL, &model, &why) ||
        moe_context_create(model, NULL, &ctx, &why))
        return fprintf(stderr, "%s\n", why.message), 1;
    for (int i = 2; i < argc; i++) {
        if (moe_context_embed(ctx, argv[i], -1, NULL, vectors[i > 2], n_dims))
            return fprintf(stderr, "%s\n", moe_context_error(ctx)), 1;
        float dot = 0;
        for (int k = 0; k < n_dims; k++)
            dot += vectors[0][k] * vectors[1][k];
        if (i > 2)
            printf("%.3f %s\n", (double)dot, argv[i]);
    }
    moe_context_destroy(ctx);
    moe_model_close(model);
}
