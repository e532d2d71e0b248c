/* bench_token.c: how fast text is encoded, one thread.
 *
 *     bench_token VOCABULARY TEXT
 *
 * VOCABULARY is a GGUF, tokenizer.model, tokenizer.json or tekken.json; TEXT a
 * file of prose.  MB/s (10^6 bytes) of the text, then milliseconds for 2 MiB of
 * it and for 1 MiB of what is hard for tokenizers, each the fastest of some
 * rounds: "ok" means that no such text takes longer than prose twice its size.
 * The same for `tokenizers` of Python: bench_token.py. */
#include "os/system.h"
#include "token/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_ROUNDS 5
#define MIB ((size_t)1 << 20)

struct bench {
    struct moe__mem mem;
    struct moe__arena arena;
    struct moe__gguf gguf;
    struct moe__map file;
    struct moe__vocab *vocab;
};

static moe_status bench_open(struct bench *b, const char *path,
                             struct moe__err *err)
{
    const struct moe__gguf_options options = {.is_header_only = true};
    moe__mem_init(&b->mem, NULL);
    moe__arena_init(&b->arena, &b->mem);
    MOE__TRY(moe__map_open(&b->file, path, err));
    const struct moe__slice file =
        moe__slice_of(b->file.data, (size_t)b->file.bytes);
    if (moe__vocab_is_file(file))
        return moe__vocab_read(&b->arena, file, &b->vocab, err);
    MOE__TRY(moe__gguf_open(&b->gguf, &b->mem, path, &options, err));
    return moe__vocab_create(&b->arena, &b->gguf, &b->vocab, err);
}

/* The fastest of some rounds, in seconds; < 0 after a failure. */
static double bench_encode(struct bench *b, struct moe__slice text, size_t *n)
{
    double best = -1;
    for (int round = 0; round < N_ROUNDS; round++) {
        struct moe__ids ids;
        struct moe__err err;
        moe__ids_init(&ids, &b->mem);
        const uint64_t start = moe__clock_ns();
        const moe_status status =
            moe__vocab_encode(b->vocab, text, 0, &ids, &err);
        const double time = (double)(moe__clock_ns() - start) * 1e-9;
        *n = ids.n;
        moe__ids_free(&ids);
        if (status != MOE_OK) {
            fprintf(stderr, "%s\n", err.message);
            return -1;
        }
        if (best < 0 || time < best)
            best = time;
    }
    return best;
}

static const struct {
    const char *name;
    const char *unit;
} hard_texts[] = {
    {"one letter", "a"},
    {"spaces", " "},
    {"newlines", "\n"},
    {"digits", "7"},
    {"emoji", "\xf0\x9f\x98\x80"},
    {"Chinese", "\xe4\xb8\xad\xe6\x96\x87"},
    {"marks", "\xcc\x81"},
    {"signs", "!?"},
    {"letters", "abracadabra"},
    {"not UTF-8", "\xff\xfe"},
};

static bool bench_hard(struct bench *b, double limit)
{
    bool is_ok = true;
    char *text = malloc(MIB + 16);
    for (size_t i = 0; text && i < sizeof hard_texts / sizeof *hard_texts;
         i++) {
        const size_t n_unit = strlen(hard_texts[i].unit);
        size_t n = 0;
        for (; n < MIB; n += n_unit)
            memcpy(text + n, hard_texts[i].unit, n_unit);
        size_t n_ids;
        const double time = bench_encode(b, moe__slice_of(text, n), &n_ids);
        const bool is_fast = time >= 0 && time <= limit;
        printf("%-12s %8.1f ms  %8zu ids  %s\n", hard_texts[i].name, time * 1e3,
               n_ids,
               is_fast    ? "ok"
               : time < 0 ? "FAILED"
                          : "TOO SLOW");
        is_ok = is_ok && is_fast;
    }
    free(text);
    return is_ok;
}

static bool bench_run(struct bench *b, struct moe__slice text)
{
    char *prose = malloc(2 * MIB);
    size_t n_ids;
    if (prose == NULL || text.n == 0)
        return false;
    const double whole = bench_encode(b, text, &n_ids);
    printf("%-12s %8.1f MB/s %8zu ids  %s\n", "prose",
           (double)text.n * 1e-6 / whole, n_ids,
           (double)text.n * 1e-6 / whole >= 5 ? "ok" : "TOO SLOW");
    for (size_t at = 0; at < 2 * MIB; at++)
        prose[at] = (char)text.data[at % text.n];
    const double limit = bench_encode(b, moe__slice_of(prose, 2 * MIB), &n_ids);
    printf("%-12s %8.1f ms  %8zu ids\n", "2 MiB prose", limit * 1e3, n_ids);
    free(prose);
    return limit >= 0 && bench_hard(b, limit);
}

int main(int argc, char **argv)
{
    struct bench b = {.vocab = NULL};
    struct moe__map text;
    struct moe__err err;
    if (argc != 3)
        return 2;
    if (bench_open(&b, argv[1], &err) || moe__map_open(&text, argv[2], &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    const bool is_ok =
        bench_run(&b, moe__slice_of(text.data, (size_t)text.bytes));
    moe__map_close(&text);
    moe__arena_free(&b.arena);
    moe__gguf_close(&b.gguf);
    moe__map_close(&b.file);
    return is_ok ? 0 : 1;
}
