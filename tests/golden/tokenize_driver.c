/* tokenize_driver.c: the tokenizer as a filter, for scripts that compare it
 * with other implementations.
 *
 *     tokenize_driver MODEL FLAGS < records > ids
 *
 * MODEL is a GGUF, tokenizer.model, tokenizer.json or tekken.json.
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

/* What the vocabulary is made of, and where it lives. */
struct model {
    struct moe__mem mem;
    struct moe__arena arena;
    struct moe__gguf gguf;
    struct moe__map map;
    struct moe__vocab *vocab;
};

static moe_status model_read(struct model *m, const char *path,
                             struct moe__err *err)
{
    const struct moe__gguf_options options = {.is_header_only = true};
    moe__mem_init(&m->mem, NULL);
    moe__arena_init(&m->arena, &m->mem);
    MOE__TRY(moe__map_open(&m->map, path, err));
    const struct moe__slice file =
        moe__slice_of(m->map.data, (size_t)m->map.bytes);
    if (moe__vocab_is_file(file))
        return moe__vocab_read(&m->arena, file, &m->vocab, err);
    MOE__TRY(moe__gguf_open(&m->gguf, &m->mem, path, &options, err));
    return moe__vocab_create(&m->arena, &m->gguf, &m->vocab, err);
}

int main(int argc, char **argv)
{
    struct model m = {.vocab = NULL};
    struct moe__err err;
    if (argc != 3)
        return 2;
    if (model_read(&m, argv[1], &err) != MOE_OK) {
        fprintf(stderr, "%s: %s\n", argv[1], err.message);
        return 1;
    }
    const int status = encode_records(
        m.vocab, &m.mem, (moe_text_flags)strtoul(argv[2], NULL, 10));
    moe__arena_free(&m.arena);
    moe__gguf_close(&m.gguf);
    moe__map_close(&m.map);
    return status;
}
