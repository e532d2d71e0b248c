/* JSON Schema's own test suite, draft 2020-12: every schema is refused by name,
 * or the grammar agrees with the suite about every instance.
 *
 * A grammar has one spelling for each value, so an instance is spelled that way
 * first: without white space, numbers as plain decimals, escapes as the library
 * writes them.  Objects list their members in any order, a grammar in that of
 * the schema: an instance is accepted if some order of its members is, and a
 * bad one must be rejected in all orders. */
#include "chat/chat.h"

#include "chat/schema.h"
#include "test.h"

#define MAX_ORDERS 20000

/* What is supported today, in groups of the suite; more is welcome. */
#define FLOOR_REQUIRED 264
#define FLOOR_OPTIONAL 33

static struct moe__mem mem;
static struct moe__arena arena;

struct tally {
    int n_groups, n_supported, n_tests, n_refused_keywords;
    struct {
        char word[48];
        int n;
    } keywords[64]; /* [n_refused_keywords] */
};

/* Writes a value with its members in the *order-th order and divides *order by
 * the number of orders. */
static void write_in_order(struct moe__text *out, const struct moe__json *value,
                           long *order)
{
    struct moe__schema_digits number;
    if (value->kind == MOE__JSON_NUMBER &&
        moe__schema_digits_read(value->text, &number)) {
        if (number.is_negative)
            moe__text_puts(out, "-");
        for (int32_t i = 0; i < number.n_whole; i++)
            moe__text_byte(out, (uint8_t)('0' + number.whole[i]));
        if (number.n_fraction > 0)
            moe__text_puts(out, ".");
        for (int32_t i = 0; i < number.n_fraction; i++)
            moe__text_byte(out, (uint8_t)('0' + number.fraction[i]));
        return;
    }
    if (value->kind != MOE__JSON_ARRAY && value->kind != MOE__JSON_OBJECT) {
        moe__json_write(out, value, &moe__json_compact);
        return;
    }
    const bool is_object = value->kind == MOE__JSON_OBJECT;
    bool is_used[64] = {false};
    moe__text_puts(out, is_object ? "{" : "[");
    for (int32_t i = 0; i < value->n; i++) {
        int32_t at = i;
        if (is_object) { /* the k-th of those that are left */
            long k = *order % (value->n - i);
            *order /= value->n - i;
            for (at = 0; is_used[at] || k-- > 0; at++) {
            }
            is_used[at] = true;
        }
        if (i > 0)
            moe__text_puts(out, ",");
        if (is_object) {
            moe__json_write_string(out, value->keys[at], false);
            moe__text_puts(out, ":");
        }
        write_in_order(out, &value->items[at], order);
    }
    moe__text_puts(out, is_object ? "}" : "]");
}

static bool accepts(struct moe__constraint *constraint,
                    const struct moe__json *value, long order, long *left)
{
    struct moe__text text;
    moe__text_init(&text, &mem, 0);
    *left = order;
    write_in_order(&text, value, left);
    moe__constraint_reset(constraint);
    const bool is_accepted =
        moe__constraint_accept(constraint, moe__text_slice(&text)) == MOE_OK &&
        moe__constraint_can_end(constraint);
    moe__text_free(&text);
    return is_accepted;
}

static bool accepts_in_some_order(struct moe__constraint *constraint,
                                  const struct moe__json *value)
{
    long left = 0;
    for (long order = 0; order < MAX_ORDERS && left == 0; order++)
        if (accepts(constraint, value, order, &left) && left == 0)
            return true;
    return false;
}

static void tally_refusal(struct tally *tally, const char *sentence)
{
    char word[48] = "(no value fits)";
    const char *from = strchr(sentence, '"');
    const char *to = from ? strchr(from + 1, '"') : NULL;
    if (to != NULL)
        snprintf(word, sizeof word, "%.*s", (int)(to - from - 1), from + 1);
    int i = 0;
    while (i < tally->n_refused_keywords &&
           strcmp(tally->keywords[i].word, word) != 0)
        i++;
    if (i == (int)MOE__COUNT(tally->keywords))
        return;
    if (i == tally->n_refused_keywords) {
        snprintf(tally->keywords[i].word, sizeof word, "%s", word);
        tally->n_refused_keywords++;
    }
    tally->keywords[i].n++;
}

/* A word of a group or test, for messages. */
static const char *description_of(const struct moe__json *object)
{
    static char text[2][200];
    static int next;
    const struct moe__json *words = moe__json_get(object, "description");
    char *out = text[next++ & 1];
    snprintf(out, sizeof text[0], "%.*s", words ? (int)words->text.n : 0,
             words ? (const char *)words->text.data : "");
    return out;
}

/* A leap second told in a time zone away from UTC: the one kind of valid time
 * that the grammar leaves out (docs/structured-output.md). */
static bool is_far_leap_second(const struct moe__json *test, bool is_valid)
{
    const char *words = description_of(test);
    return is_valid && strstr(words, "leap second") != NULL &&
           (strstr(words, "positive") != NULL ||
            strstr(words, "negative") != NULL ||
            strstr(words, "minus offset") != NULL);
}

static void check_group(const char *file, const struct moe__json *group,
                        struct moe__slice schema, bool has_strings_only,
                        struct tally *tally)
{
    struct moe__grammar *grammar = NULL;
    struct moe__constraint *constraint = NULL;
    struct moe__err why = {MOE_OK, ""};
    tally->n_groups++;
    if (moe__schema_compile(&mem, schema, &grammar, &why) != MOE_OK) {
        CHECK(strncmp(why.message, "schema", 6) == 0, "%s: %s", file,
              why.message);
        if (getenv("MOE_SCHEMA_VERBOSE"))
            printf("# %s: %s: %s\n", file, description_of(group), why.message);
        tally_refusal(tally, why.message);
        return;
    }
    tally->n_supported++;
    REQUIRE(moe__constraint_create(&mem, grammar, NULL, &constraint, &why) ==
            MOE_OK);
    const struct moe__json *tests = moe__json_get(group, "tests");
    for (int32_t i = 0; i < tests->n; i++) {
        const struct moe__json *test = &tests->items[i];
        const struct moe__json *data = moe__json_get(test, "data");
        const bool is_valid =
            moe__json_get(test, "valid")->kind == MOE__JSON_TRUE;
        if (has_strings_only && (data->kind != MOE__JSON_STRING ||
                                 is_far_leap_second(test, is_valid)))
            continue;
        tally->n_tests++;
        CHECK(accepts_in_some_order(constraint, data) == is_valid,
              "%s: %s: %s: expected %s", file, description_of(group),
              description_of(test), is_valid ? "valid" : "invalid");
    }
    moe__constraint_destroy(constraint);
    moe__grammar_destroy(grammar);
}

/* All groups of a file; `schema` instead of each group's, if it is not NULL. */
static void check_file(const char *file, const char *schema,
                       struct tally *tally)
{
    char path[200];
    size_t bytes = 0;
    const struct moe__json *groups = NULL;
    struct moe__err why = {MOE_OK, ""};
    snprintf(path, sizeof path, "vectors/json-schema/draft2020-12/%s.json",
             file);
    void *text = test_read(test_shared(path), &bytes);
    REQUIRE(text != NULL, "%s", path);
    REQUIRE(moe__json_read(&arena, moe__slice_of(text, bytes), &groups, &why) ==
                MOE_OK,
            "%s: %s", path, why.message);
    for (int32_t i = 0; i < groups->n; i++) {
        struct moe__text out;
        moe__text_init(&out, &mem, 0);
        if (schema != NULL)
            moe__text_puts(&out, schema);
        else
            moe__json_write(&out, moe__json_get(&groups->items[i], "schema"),
                            &moe__json_compact);
        check_group(file, &groups->items[i], moe__text_slice(&out),
                    schema != NULL, tally);
        moe__text_free(&out);
    }
    free(text);
}

static void report(const char *what, const struct tally *tally)
{
    printf("# %s: %d of %d schemas supported (%.1f %%), %d instances agree\n",
           what, tally->n_supported, tally->n_groups,
           100.0 * tally->n_supported / tally->n_groups, tally->n_tests);
    printf("# refused:");
    for (int i = 0; i < tally->n_refused_keywords; i++)
        printf(" %s %d", tally->keywords[i].word, tally->keywords[i].n);
    printf("\n");
}

static bool begin(void)
{
    moe__mem_init(&mem, NULL);
    moe__arena_init(&arena, &mem);
    return test_shared("vectors/json-schema/draft2020-12/type.json") != NULL;
}

static void end(void)
{
    moe__arena_free(&arena);
    CHECK(mem.live_bytes == 0);
}

static void every_required_schema_is_refused_or_agrees(void)
{
    static const char *const files[] = {
        "additionalProperties",
        "allOf",
        "anchor",
        "anyOf",
        "boolean_schema",
        "const",
        "contains",
        "content",
        "default",
        "defs",
        "dependentRequired",
        "dependentSchemas",
        "dynamicRef",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "if-then-else",
        "infinite-loop-detection",
        "items",
        "maxContains",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minContains",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "not",
        "oneOf",
        "pattern",
        "patternProperties",
        "prefixItems",
        "properties",
        "propertyNames",
        "ref",
        "refRemote",
        "required",
        "type",
        "unevaluatedItems",
        "unevaluatedProperties",
        "uniqueItems",
        "vocabulary",
    };
    struct tally tally = {.n_groups = 0};
    if (!begin())
        SKIP("no shared vectors");
    for (size_t i = 0; i < MOE__COUNT(files); i++)
        check_file(files[i], NULL, &tally);
    report("required", &tally);
    CHECK(tally.n_groups == 383, "%d", tally.n_groups);
    CHECK(tally.n_supported >= FLOOR_REQUIRED, "%d", tally.n_supported);
    end();
}

static void every_optional_schema_is_refused_or_agrees(void)
{
    static const char *const files[] = {
        "anchor",
        "bignum",
        "cross-draft",
        "dependencies-compatibility",
        "dynamicRef",
        "ecmascript-regex",
        "float-overflow",
        "format-assertion",
        "id",
        "no-schema",
        "non-bmp-regex",
        "refOfUnknownKeyword",
        "unknownKeyword",
        "format/date-time",
        "format/date",
        "format/duration",
        "format/ecmascript-regex",
        "format/email",
        "format/hostname",
        "format/idn-email",
        "format/idn-hostname",
        "format/ipv4",
        "format/ipv6",
        "format/iri-reference",
        "format/iri",
        "format/json-pointer",
        "format/regex",
        "format/relative-json-pointer",
        "format/time",
        "format/unknown",
        "format/uri-reference",
        "format/uri-template",
        "format/uri",
        "format/uuid",
    };
    struct tally tally = {.n_groups = 0};
    if (!begin())
        SKIP("no shared vectors");
    for (size_t i = 0; i < MOE__COUNT(files); i++) {
        char path[64];
        snprintf(path, sizeof path, "optional/%s", files[i]);
        check_file(path, NULL, &tally);
    }
    report("optional", &tally);
    CHECK(tally.n_groups == 78, "%d", tally.n_groups);
    CHECK(tally.n_supported >= FLOOR_OPTIONAL, "%d", tally.n_supported);
    end();
}

/* The suite's schemas have no type, and there a format is refused; with one
 * they are enforced. */
static void formats_of_strings_agree(void)
{
    static const char *const formats[] = {"date", "time", "date-time", "uuid"};
    struct tally tally = {.n_groups = 0};
    if (!begin())
        SKIP("no shared vectors");
    for (size_t i = 0; i < MOE__COUNT(formats); i++) {
        char file[64];
        char schema[64];
        snprintf(file, sizeof file, "optional/format/%s", formats[i]);
        snprintf(schema, sizeof schema,
                 "{\"type\":\"string\",\"format\":\"%s\"}", formats[i]);
        check_file(file, schema, &tally);
    }
    report("formats", &tally);
    CHECK(tally.n_supported == 4);
    CHECK(tally.n_tests == 160, "%d", tally.n_tests);
    end();
}

static const struct test tests[] = {
    {"every_required_schema_is_refused_or_agrees",
     every_required_schema_is_refused_or_agrees},
    {"every_optional_schema_is_refused_or_agrees",
     every_optional_schema_is_refused_or_agrees},
    {"formats_of_strings_agree", formats_of_strings_agree},
};

TEST_MAIN(tests)
