/* test.h: the whole test harness.
 *
 * A test program is a list of functions; each prints one TAP line (Test
 * Anything Protocol).  Programs run in the source tree's root, and the tests'
 * runner adds up the lines of all of them. */
#ifndef MOE_TEST_H
#define MOE_TEST_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test {
    const char *name;
    void (*run)(void);
};

static int test_failures; /* of the running test */
static char test_skip_reason[160];

/* Records a failure and goes on. */
#define CHECK(cond, ...)                                       \
    do {                                                       \
        if (!(cond)) {                                         \
            printf("# %s:%d: %s:", __FILE__, __LINE__, #cond); \
            printf(" " __VA_ARGS__);                           \
            printf("\n");                                      \
            test_failures++;                                   \
        }                                                      \
    } while (0)

/* Records a failure and leaves the test. */
#define REQUIRE(cond, ...)            \
    do {                              \
        int before_ = test_failures;  \
        CHECK(cond, __VA_ARGS__);     \
        if (test_failures != before_) \
            return;                   \
    } while (0)

#define SKIP(...)                                                         \
    do {                                                                  \
        snprintf(test_skip_reason, sizeof test_skip_reason, __VA_ARGS__); \
        return;                                                           \
    } while (0)

/* PATH in tests/data, or in the shared test data beside the project (absent in
 * a plain clone: then NULL, and the test says SKIP).  Valid until the fourth
 * next call. */
static inline const char *test_path(const char *variable, const char *fallback,
                                    const char *path)
{
    static char buf[4][1024];
    static int next;
    char *out = buf[next++ & 3];
    const char *root = getenv(variable);
    snprintf(out, sizeof buf[0], "%s/%s", root ? root : fallback, path);
    FILE *f = fopen(out, "rb");
    if (f == NULL)
        return NULL;
    fclose(f);
    return out;
}

static inline const char *test_data(const char *path)
{
    return test_path("MOE_TEST_DATA", "tests/data", path);
}

static inline const char *test_shared(const char *path)
{
    return test_path("MOE_SHARED", "../shared", path);
}

/* A whole file, malloc'ed, with a NUL after it; NULL if it cannot be read. */
static inline void *test_read(const char *path, size_t *bytes)
{
    FILE *f = path ? fopen(path, "rb") : NULL;
    char *data = NULL;
    *bytes = 0;
    if (f == NULL)
        return NULL;
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    if (n >= 0 && (data = malloc((size_t)n + 1)) != NULL) {
        *bytes = fread(data, 1, (size_t)n, f);
        data[*bytes] = 0;
    }
    fclose(f);
    return data;
}

/* Runs the tests whose name contains argv[1], or all; 0 if none failed. */
static inline int test_main(const struct test *tests, int n, int argc,
                            char **argv)
{
    int failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("1..%d\n", n);
    for (int i = 0; i < n; i++) {
        test_failures = 0;
        test_skip_reason[0] = 0;
        if (argc > 1 && strstr(tests[i].name, argv[1]) == NULL)
            snprintf(test_skip_reason, sizeof test_skip_reason, "not asked");
        else
            tests[i].run();
        failed += test_failures > 0;
        printf("%sok %d - %s%s%s\n", test_failures ? "not " : "", i + 1,
               tests[i].name, test_skip_reason[0] ? " # SKIP " : "",
               test_skip_reason);
    }
    return failed > 0;
}

#define TEST_MAIN(tests)                                                      \
    int main(int argc, char **argv)                                           \
    {                                                                         \
        return test_main(tests, (int)(sizeof(tests) / sizeof *(tests)), argc, \
                         argv);                                               \
    }

#endif
