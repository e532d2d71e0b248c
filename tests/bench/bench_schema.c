/* bench_schema.c: milliseconds to compile JSON Schemas, one thread.
 *
 *     bench_schema [FILE ...]
 *
 * Of each file, and of made schemas of about 20 kB: the median of the runs, and
 * the fastest.  Compiled with its rooms:
 *
 *     cc -O2 -Iinclude -Ilib tests/bench/bench_schema.c lib/base/[a-z]*.c
 *         lib/os/[a-z]*.c lib/sample/[a-z]*.c lib/chat/schema*.c -lm -lpthread
 */
#include "chat/chat.h"
#include "os/system.h"
#include "sample/grammar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_RUNS = 51, CAP_BYTES = 16 << 20, MADE_BYTES = 20000 };

/* head, as many bodies (with their number) as fit, tail. */
static const struct made {
    const char *name;
    const char *head;
    const char *body;
    const char *tail;
} made[] = {
    {"members", "{\"type\":\"object\",\"properties\":{",
     "\"field%d\":{\"type\":\"string\",\"description\":\"what it is\"},",
     "\"end\":{}},\"additionalProperties\":false}"},
    {"recursion", "{\"type\":\"array\",\"prefixItems\":[",
     "{\"type\":\"object\",\"properties\":{\"id%d\":{\"type\":\"integer\","
     "\"minimum\":0},\"name\":{\"type\":\"string\",\"maxLength\":40},"
     "\"tags\":{\"type\":\"array\",\"items\":{\"enum\":[\"red\",\"green\"]}},"
     "\"next\":{\"$ref\":\"#\"}},\"required\":[\"name\"],"
     "\"additionalProperties\":false},",
     "true]}"},
    {"calls", "{\"oneOf\":[",
     "{\"type\":\"object\",\"properties\":{\"name\":{\"const\":\"tool%d\"},"
     "\"arguments\":{\"type\":\"object\",\"properties\":{\"path\":{\"type\":"
     "\"string\",\"pattern\":\"^/[a-z/]+$\"},\"limit\":{\"type\":\"number\","
     "\"minimum\":0,\"maximum\":1000}},\"required\":[\"path\"]}},\"required\":"
     "[\"name\",\"arguments\"],\"additionalProperties\":false},",
     "{\"type\":\"null\"}]}"},
    {"values", "{\"enum\":[", "\"a value with the number %d\",", "null]}"},
    {"conditions", "{\"type\":\"object\",\"properties\":{",
     "\"f%d\":{\"type\":[\"integer\",\"string\"],\"if\":{\"type\":\"integer\"},"
     "\"then\":{\"minimum\":-12.5,\"maximum\":99999},\"else\":{\"not\":{"
     "\"enum\":[\"a\",\"b\"]}}},",
     "\"end\":{}}}"},
};

static size_t make(const struct made *schema, char *out)
{
    size_t n = (size_t)sprintf(out, "%s", schema->head);
    for (int i = 0; n + strlen(schema->tail) < MADE_BYTES; i++)
        n += (size_t)sprintf(out + n, schema->body, i);
    return n + (size_t)sprintf(out + n, "%s", schema->tail);
}

static int compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const char *name, struct moe__slice text)
{
    double ms[N_RUNS];
    for (int i = 0; i < N_RUNS; i++) {
        struct moe__mem mem;
        struct moe__grammar *grammar = NULL;
        struct moe__err why = {MOE_OK, ""};
        moe__mem_init(&mem, NULL);
        const uint64_t from = moe__clock_ns();
        if (moe__schema_compile(&mem, text, &grammar, &why) != MOE_OK) {
            printf("%-16s %7zu bytes: %s\n", name, text.n, why.message);
            return;
        }
        ms[i] = (double)(moe__clock_ns() - from) * 1e-6;
        moe__grammar_destroy(grammar);
    }
    qsort(ms, N_RUNS, sizeof *ms, compare_numbers);
    printf("%-16s %7zu bytes %8.2f ms, fastest %.2f\n", name, text.n,
           ms[N_RUNS / 2], ms[0]);
}

int main(int argc, char **argv)
{
    char *text = malloc(CAP_BYTES);
    if (text == NULL)
        return 1;
    for (size_t i = 0; i < MOE__COUNT(made); i++)
        measure(made[i].name, moe__slice_of(text, make(&made[i], text)));
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (file == NULL) {
            fprintf(stderr, "%s cannot be opened\n", argv[i]);
            return 1;
        }
        measure(argv[i], moe__slice_of(text, fread(text, 1, CAP_BYTES, file)));
        fclose(file);
    }
    free(text);
    return 0;
}
