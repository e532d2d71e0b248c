/* JSON Schema: large and hostile schemas end soon. */
#include "chat/chat.h"
#include "sample/grammar.h"
#include "test.h"

#include <time.h>

static struct moe__mem mem;
static struct moe__err why;

static struct moe__constraint *compile(const char *schema,
                                       struct moe__grammar **grammar)
{
    struct moe__constraint *constraint = NULL;
    why = (struct moe__err){MOE_OK, ""};
    moe__mem_init(&mem, NULL);
    if (moe__schema_compile(&mem, moe__slice_str(schema), grammar, &why) ==
        MOE_OK)
        moe__constraint_create(&mem, *grammar, NULL, &constraint, &why);
    return constraint;
}

static void discard(struct moe__constraint *constraint,
                    struct moe__grammar *grammar)
{
    moe__constraint_destroy(constraint);
    moe__grammar_destroy(grammar);
    CHECK(mem.live_bytes == 0);
}

/* A growing schema; text is cut when it is full, which no case does. */
static size_t append(char *text, size_t cap, size_t n, const char *format,
                     int i)
{
    const int more = snprintf(text + n, cap - n, format, i);
    return n + (size_t)more;
}

static double seconds(void)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* prefix, n times unit (with %d: its number), suffix: refused or compiled
 * within a second. */
static void hostile_schemas_end_soon(void)
{
    static const struct {
        const char *prefix, *unit, *suffix;
        int n;
        const char *sentence; /* NULL: it compiles */
    } cases[] = {
        {"{\"$ref\":\"#\"}", "", "", 0, "contains itself"},
        {"{\"anyOf\":[{\"$ref\":\"#\"},{\"type\":\"null\"}]}", "", "", 0,
         "contains itself"},
        {"{\"allOf\":[{\"$ref\":\"#/$defs/a\"}],\"$defs\":{\"a\":{\"oneOf\":[{"
         "\"$ref\":\"#\"}]}}}",
         "", "", 0, "contains itself"},
        {"", "{\"items\":", "", 100000, "schema: "},
        {"{\"maxLength\":1000000000}", "", "", 0, "\"maxLength\" is more than"},
        {"{\"minItems\":99999999999999999999}", "", "", 0, "\"minItems\""},
        {"{\"enum\":[", "%d,", "0]}", 100000, NULL},
        {"{\"$defs\":{", "\"%d\":{\"anyOf\":[{},{},{},{},{},{},{},{}]},",
         "\"x\":{}},\"allOf\":[{\"$ref\":\"#/$defs/0\"},{\"$ref\":\"#/$defs/1\""
         "},{\"$ref\":\"#/$defs/2\"},{\"$ref\":\"#/$defs/3\"},{\"$ref\":"
         "\"#/$defs/4\"},{\"$ref\":\"#/$defs/5\"},{\"$ref\":\"#/$defs/6\"},{"
         "\"$ref\":\"#/$defs/7\"}]}",
         8, "steps to compile"},
        {"{\"oneOf\":[", "{\"properties\":{\"p%d\":{\"type\":\"null\"}}},",
         "true]}", 60, "steps to compile"},
        {"{\"allOf\":[",
         "{\"if\":{\"required\":[\"a%d\"]},\"then\":{"
         "\"minProperties\":1}},",
         "true]}", 40, "steps to compile"},
        {"", "{\"not\":", "true", 100000, "schema: "},
        {"{\"not\":{\"enum\":[", "\"%d\",", "0]}}", 200000, "steps to compile"},
        {"{\"const\":{", "\"%d\":0,", "\"x\":0}}", 100000, "steps to compile"},
        {"{\"not\":{\"const\":{", "\"%d\":0,", "\"x\":0}}}", 100000,
         "steps to compile"},
        {"{\"not\":{\"maxProperties\":1,\"required\":[", "\"%d\",", "\"x\"]}}",
         100000, "steps to compile"},
        {"{\"not\":{\"enum\":[", "\"s%d\",", "0]}}", 5000, NULL},
        {"{\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"$ref\":"
         "\"#/$defs/a\"}},\"$ref\":\"#/$defs/a\"}",
         "", "", 0, "contains itself"},
        {"{\"anyOf\":[", "{\"required\":[\"%d\"]},", "true],\"oneOf\":[{}]}",
         2000, NULL},
        {"{\"properties\":{", "\"p%d\":{},", "\"q\":{}}}", 5000,
         "more than 4096 members"},
        {"{\"items\":{\"required\":[", "\"a\",", "1]}}", 1,
         "at #/items: \"required\" must be a list of strings"},
        {"{\"minimum\":0.", "0", "1}", 401, "\"minimum\" has too many digits"},
        {"{\"minimum\":1e999999999}", "", "", 0, "schema"},
    };
    enum { CAP = 4 << 20 };
    char *text = malloc(CAP);
    REQUIRE(text != NULL);
    for (size_t i = 0; i < MOE__COUNT(cases); i++) {
        struct moe__grammar *grammar = NULL;
        size_t n = append(text, CAP, 0, cases[i].prefix, 0);
        for (int k = 0; k < cases[i].n; k++)
            n = append(text, CAP, n, cases[i].unit, k);
        append(text, CAP, n, cases[i].suffix, 0);
        const double from = seconds();
        struct moe__constraint *constraint = compile(text, &grammar);
        CHECK(seconds() - from < 10, "case %zu", i); /* 1, sanitised */
        if (cases[i].sentence == NULL)
            CHECK(constraint != NULL, "case %zu: %s", i, why.message);
        else
            CHECK(constraint == NULL &&
                      strstr(why.message, cases[i].sentence) != NULL,
                  "case %zu: %s", i, why.message);
        discard(constraint, grammar);
    }
    free(text);
}

/* A schema of 20 kB, as applications write them, takes 50 ms at most. */
static void large_schemas_compile_fast(void)
{
    enum { CAP = 1 << 16 };
    char *text = malloc(CAP);
    struct moe__grammar *grammar = NULL;
    REQUIRE(text != NULL);
    size_t n = append(text, CAP, 0, "{\"$defs\":{", 0);
    for (int i = 0; i < 80; i++)
        n = append(
            text, CAP, n,
            "\"d%d\":{\"type\":\"object\",\"properties\":{\"id\":{\"type\":"
            "\"integer\",\"minimum\":0},\"name\":{\"type\":\"string\","
            "\"description\":\"what it is called\"},\"tags\":{\"type\":"
            "\"array\",\"items\":{\"enum\":[\"red\",\"green\"]}}},"
            "\"required\":[\"id\",\"name\"],\"additionalProperties\":false},",
            i);
    n = append(text, CAP, n, "\"e\":{}},\"anyOf\":[{\"type\":\"null\"}", 0);
    for (int i = 0; i < 80; i++)
        n = append(text, CAP, n, ",{\"$ref\":\"#/$defs/d%d\"}", i);
    n = append(text, CAP, n, "]}", 0);
    const double from = seconds();
    struct moe__constraint *constraint = compile(text, &grammar);
    printf("# %zu bytes of schema: %.1f ms\n", n, (seconds() - from) * 1e3);
    CHECK(constraint != NULL, "%s", why.message);
    CHECK(n >= 20000 && seconds() - from < 0.5); /* 50 ms, sanitised */
    discard(constraint, grammar);
    free(text);
}

/* A hook that gives out `n_left` allocations and then none. */
static int n_left;

static void *limited_alloc(void *user, size_t bytes, size_t align)
{
    (void)user;
    (void)align;
    return n_left-- > 0 ? aligned_alloc(64, (bytes + 63) / 64 * 64) : NULL;
}

static void limited_free(void *user, void *memory, size_t bytes)
{
    (void)user;
    (void)bytes;
    free(memory);
}

static void without_memory_nothing_is_left_behind(void)
{
    static const char schema[] =
        "{\"$defs\":{\"a\":{\"type\":\"object\",\"properties\":{\"k\":{"
        "\"enum\":[\"x\",[1,{\"y\":2}]]},\"n\":{\"minimum\":-2.5,\"not\":{"
        "\"enum\":[\"a\",1,{\"b\":[2]}]}}},\"required\":[\"k\"],\"if\":{"
        "\"required\":[\"n\"]},\"then\":{\"minProperties\":2}}},\"type\":"
        "\"array\",\"prefixItems\":[{\"type\":\"string\",\"pattern\":"
        "\"^a+(b|c)$\",\"maxLength\":9}],\"contains\":{\"$ref\":\"#/$defs/a\"},"
        "\"maxContains\":2,\"unevaluatedItems\":{\"oneOf\":[{\"type\":"
        "\"integer\"},{\"type\":[\"integer\",\"string\"]}]}}";
    const moe_allocator hook = {sizeof hook, NULL, limited_alloc, limited_free};
    moe_status status = MOE_ERR_NO_MEMORY;
    int n = 0;
    for (; status == MOE_ERR_NO_MEMORY; n++) {
        struct moe__grammar *grammar = NULL;
        why = (struct moe__err){MOE_OK, ""};
        moe__mem_init(&mem, &hook);
        n_left = n;
        status =
            moe__schema_compile(&mem, moe__slice_str(schema), &grammar, &why);
        CHECK(status == MOE_OK || strstr(why.message, "memory") != NULL, "%s",
              why.message);
        moe__grammar_destroy(grammar);
        CHECK(mem.live_bytes == 0, "%d", n);
    }
    CHECK(status == MOE_OK && n > 20, "%d: %s", n, why.message);
}

static const struct test tests[] = {
    {"without_memory_nothing_is_left_behind",
     without_memory_nothing_is_left_behind},
    {"hostile_schemas_end_soon", hostile_schemas_end_soon},
    {"large_schemas_compile_fast", large_schemas_compile_fast},
};

TEST_MAIN(tests)
