/* tokenize_driver.c: the tokenizer as a filter, for scripts that compare it
 * with other implementations.
 *
 *     tokenize_driver MODEL.gguf FLAGS < records > ids
 *
 * FLAGS is a number, see moe_text_flags.  A record is the length of a text in
 * decimal, a newline, the text.  Each gives one line: its ids, or "!" and why
 * there are none. */
#include "token/token.h"

#include <stdio.h>
#include <stdlib.h>

static void encode_record(const struct moe__vocab *vocab, struct moe__mem *mem,
                          struct moe__slice text, moe_text_flags flags)
{
    struct moe__err err;
    struct moe__ids ids;
    moe__ids_init(&ids, mem);
    if (moe__vocab_encode(vocab, text, flags, &ids, &err) != MOE_OK)
        printf("! %s", err.message);
    for (size_t i = 0; i < ids.n; i++)
        printf("%d ", (int)ids.ids[i]);
    printf("\n");
    moe__ids_free(&ids);
}

static int encode_records(const struct moe__vocab *vocab, struct moe__mem *mem,
                          moe_text_flags flags)
{
    size_t n;
    while (scanf("%zu", &n) == 1) {
        char *text = malloc(n + 1);
        if (text == NULL || getchar() != '\n' || fread(text, 1, n, stdin) != n)
            return 1;
        encode_record(vocab, mem, moe__slice_of(text, n), flags);
        free(text);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct moe__mem mem;
    struct moe__arena arena;
    struct moe__gguf gguf;
    struct moe__vocab *vocab;
    struct moe__err err;
    const struct moe__gguf_options options = {.is_header_only = true};
    if (argc != 3)
        return 2;
    moe__mem_init(&mem, NULL);
    moe__arena_init(&arena, &mem);
    if (moe__gguf_open(&gguf, &mem, argv[1], &options, &err) ||
        moe__vocab_create(&arena, &gguf, &vocab, &err)) {
        fprintf(stderr, "%s: %s\n", argv[1], err.message);
        return 1;
    }
    const int status =
        encode_records(vocab, &mem, (moe_text_flags)strtoul(argv[2], NULL, 10));
    moe__arena_free(&arena);
    moe__gguf_close(&gguf);
    return status;
}
