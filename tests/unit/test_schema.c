/* JSON Schema: what a grammar accepts, and what is refused by which name. */
#include "chat/chat.h"

#include "chat/schema.h"
#include "test.h"

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

static bool fits(struct moe__constraint *constraint, const char *text)
{
    moe__constraint_reset(constraint);
    return moe__constraint_accept(constraint, moe__slice_str(text)) == MOE_OK &&
           moe__constraint_can_end(constraint);
}

struct schema_case {
    const char *schema;
    const char *yes[8]; /* up to NULL */
    const char *no[8];
};

static void check_cases(const struct schema_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct moe__grammar *grammar = NULL;
        struct moe__constraint *constraint = compile(cases[i].schema, &grammar);
        CHECK(constraint != NULL, "%s: %s", cases[i].schema, why.message);
        for (int k = 0; k < 8 && constraint != NULL; k++) {
            if (cases[i].yes[k] != NULL)
                CHECK(fits(constraint, cases[i].yes[k]), "%s: %s",
                      cases[i].schema, cases[i].yes[k]);
            if (cases[i].no[k] != NULL)
                CHECK(!fits(constraint, cases[i].no[k]), "%s: %s",
                      cases[i].schema, cases[i].no[k]);
        }
        discard(constraint, grammar);
    }
}

static void types_are_what_json_calls_them(void)
{
    static const struct schema_case cases[] = {
        {"{\"type\":\"null\"}", {"null"}, {"true", "0", "\"null\"", ""}},
        {"{\"type\":\"boolean\"}", {"true", "false"}, {"null", "truefalse"}},
        {"{\"type\":\"integer\"}",
         {"0", "-1", "10", "123456789012345678901234567890"},
         {"-0", "01", "1.0", "1e2", "+1", "-", "", "0x1"}},
        {"{\"type\":\"number\"}",
         {"0", "-0.5", "1.50", "1e9", "-2.5E-10", "10.0e+3"},
         {".5", "1.", "01.5", "1e", "1e+", "Infinity", "NaN", "--1"}},
        {"{\"type\":\"string\"}",
         {"\"\"", "\"a b\"", "\"\\n\\\"\\\\\"", "\"\xc3\xa9\"", "\"\\u0001\""},
         {"\"", "a", "\"\n\"", "\"\\x\"", "\"\xff\"", "\"\xc3\"", "\"a\"b\"",
          "\"\xed\xa0\x80\""}},
        {"{\"type\":[\"string\",\"null\"],\"maxLength\":1}",
         {"null", "\"a\""},
         {"\"ab\"", "1"}},
        {"{\"type\":\"integer\",\"nullable\":true,\"minimum\":1}",
         {"null", "1"},
         {"0", "\"a\""}},
        {"{\"type\":\"integer\",\"nullable\":false}", {"1"}, {"null"}},
        {"true",
         {"[1, {\"a\":[]}]", "{}", "null", "{\"a\": {\"a\":1}, \"a\":2}"},
         {"[1,]", "{,}", "[ ]", "{\"a\"}", " 1", "1 ", "[1,  2]", "{a:1}"}},
        {"{}", {"1", "\"x\"", "[[]]"}, {"", "[[]"}},
    };
    check_cases(cases, MOE__COUNT(cases));
}

static void members_keep_the_order_of_the_schema(void)
{
    static const struct schema_case cases[] = {
        {"{\"type\":\"object\",\"properties\":{\"b\":{\"type\":\"integer\"},"
         "\"a\":{\"type\":\"null\"}},\"required\":[\"b\",\"a\"],"
         "\"additionalProperties\":false}",
         {"{\"b\":1,\"a\":null}", "{\"b\": 1, \"a\": null}"},
         {"{\"a\":null,\"b\":1}", "{\"b\":1}", "{}", "{\"b\":1,\"a\":null,}",
          "{\"b\":1,\"a\":null,\"c\":1}", "{ \"b\":1,\"a\":null}",
          "{\"b\":1 ,\"a\":null}", "{\"b\":  1,\"a\":null}"}},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"const\":1},\"b\":{"
         "\"const\":2},\"c\":{\"const\":3}},\"additionalProperties\":false}",
         {"{}", "{\"a\":1}", "{\"b\":2}", "{\"c\":3}", "{\"a\":1,\"c\":3}",
          "{\"a\":1,\"b\":2,\"c\":3}", "{\"b\":2,\"c\":3}"},
         {"{\"c\":3,\"a\":1}", "{,\"a\":1}", "{\"a\":1,}", "{\"a\":1\"b\":2}",
          "{\"a\":1,\"a\":1}", "{\"d\":1}"}},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"const\":1},\"b\":{"
         "\"const\":2}},\"required\":[\"b\"]}",
         {"{\"b\":2}", "{\"a\":1,\"b\":2}", "{\"b\":2,\"c\":[]}",
          "{\"b\":2,\"\":0}", "{\"b\":2,\"bb\":0,\"aa\":0}",
          "{\"b\":2,\"\\n\":0}"},
         {"{}", "{\"a\":1}", "{\"c\":0,\"b\":2}", "{\"b\":2,\"a\":3}",
          "{\"b\":2,\"b\":0}"}},
        {"{\"type\":\"object\",\"required\":[\"x\"]}",
         {"{\"x\":[]}", "{\"x\":1,\"y\":2}"},
         {"{}", "{\"y\":1}", "{\"x\":1,\"x\":1}"}},
        {"{\"type\":\"object\",\"properties\":{\"a\\\"\\n\":true},"
         "\"additionalProperties\":{\"type\":\"null\"}}",
         {"{\"a\\\"\\n\":1}", "{\"a\":null}", "{\"a\\\"\":null}",
          "{\"a\\\"\\nb\":null}"},
         {"{\"a\":1}", "{\"a\\\"\\nb\":1}"}},
        {"{\"type\":\"object\",\"additionalProperties\":false}",
         {"{}"},
         {"{\"a\":1}"}},
        {"{\"type\":\"object\",\"properties\":{\"a\":false,\"b\":true}}",
         {"{}", "{\"b\":1}", "{\"c\":1}"},
         {"{\"a\":1}", "{\"b\":1,\"a\":1}"}},
    };
    check_cases(cases, MOE__COUNT(cases));
}

static void members_are_counted(void)
{
    static const struct schema_case cases[] = {
        {"{\"type\":\"object\",\"minProperties\":1,\"maxProperties\":3}",
         {"{\"a\":1}", "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2,\"c\":3}"},
         {"{}", "{\"a\":1,\"b\":2,\"c\":3,\"d\":4}"}},
        {"{\"type\":\"object\",\"required\":[\"a\"],\"minProperties\":2}",
         {"{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2,\"c\":3}"},
         {"{}", "{\"a\":1}", "{\"b\":1,\"c\":2}"}},
        {"{\"type\":\"object\",\"properties\":{\"a\":true,\"b\":true,\"c\":"
         "true},\"additionalProperties\":false,\"minProperties\":2}",
         {"{\"a\":1,\"b\":1}", "{\"a\":1,\"c\":1}", "{\"b\":1,\"c\":1}",
          "{\"a\":1,\"b\":1,\"c\":1}"},
         {"{}", "{\"a\":1}", "{\"c\":1}"}},
        {"{\"type\":\"object\",\"properties\":{\"a\":true,\"b\":true},"
         "\"required\":[\"b\"],\"maxProperties\":2}",
         {"{\"b\":1}", "{\"a\":1,\"b\":1}", "{\"b\":1,\"c\":1}"},
         {"{\"a\":1}", "{\"a\":1,\"c\":1}", "{\"a\":1,\"b\":1,\"c\":1}"}},
        {"{\"type\":\"object\",\"maxProperties\":0}", {"{}"}, {"{\"a\":1}"}},
    };
    check_cases(cases, MOE__COUNT(cases));
}

static void keys_can_be_shaped(void)
{
    static const struct schema_case cases[] = {
        {"{\"type\":\"object\",\"propertyNames\":{\"pattern\":\"^x\"}}",
         {"{}", "{\"x\":1}", "{\"xy\":1,\"xz\":2}"},
         {"{\"y\":1}", "{\"x\":1,\"y\":2}"}},
        {"{\"type\":\"object\",\"propertyNames\":{\"enum\":[\"a\",1]}}",
         {"{}", "{\"a\":[]}"},
         {"{\"b\":1}", "{1:1}"}},
        {"{\"type\":\"object\",\"patternProperties\":{\"^[a-z]+$\":{\"type\":"
         "\"integer\"}},\"additionalProperties\":false}",
         {"{}", "{\"ab\":1,\"c\":2}"},
         {"{\"A\":1}", "{\"a\":null}"}},
    };
    check_cases(cases, MOE__COUNT(cases));
}

static void arrays_are_counted(void)
{
    static const struct schema_case cases[] = {
        {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":1,"
         "\"maxItems\":3}",
         {"[1]", "[1,2]", "[1, 2, 3]"},
         {"[]", "[1,2,3,4]", "[1,]", "[,1]", "[1 2]", "[null]", "[1,  2]"}},
        {"{\"type\":\"array\",\"prefixItems\":[{\"const\":\"a\"},{\"const\":1}]"
         ",\"items\":{\"type\":\"null\"}}",
         {"[]", "[\"a\"]", "[\"a\",1]", "[\"a\",1,null,null]"},
         {"[1]", "[\"a\",null]", "[null]", "[\"a\",1,1]"}},
        {"{\"type\":\"array\",\"prefixItems\":[true,{\"const\":1}],\"items\":"
         "false,\"minItems\":2}",
         {"[[],1]"},
         {"[]", "[1]", "[1,1,1]", "[1,2]"}},
        {"{\"type\":\"array\",\"prefixItems\":[true,true,true],\"maxItems\":1}",
         {"[]", "[5]"},
         {"[1,2]"}},
        {"{\"type\":\"array\",\"items\":false}", {"[]"}, {"[1]"}},
        {"{\"type\":\"array\",\"maxItems\":0}", {"[]"}, {"[1]"}},
    };
    check_cases(cases, MOE__COUNT(cases));
}

static void listed_values_are_written_out(void)
{
    static const struct schema_case cases[] = {
        {"{\"enum\":[\"a\",1,1.5,null,true,[1,{\"k\":2}],1e2,-0.0]}",
         {"\"a\"", "1", "1.5", "null", "[1, {\"k\": 2}]", "100", "0",
          "[1,{\"k\":2}]"},
         {"a", "1.0", "2", "false", "1e2", "-0.0", "[1]"}},
        {"{\"const\":\"\\u00e9\\n\\u0001/\"}",
         {"\"\xc3\xa9\\n\\u0001/\""},
         {"\"\\u00e9\\n\\u0001/\""}},
        {"{\"type\":\"string\",\"enum\":[\"a\",1,\"bcd\"],\"maxLength\":2}",
         {"\"a\""},
         {"1", "\"bcd\""}},
        {"{\"enum\":[1,5,9.5,\"x\"],\"minimum\":5}",
         {"5", "9.5", "\"x\""},
         {"1"}},
        {"{\"enum\":[1,2],\"allOf\":[{\"enum\":[2,3]}]}", {"2"}, {"1", "3"}},
        {"{\"const\":{\"a\":1,\"b\":2,\"a\":3}}",
         {"{\"b\":2,\"a\":3}"},
         {"{\"a\":1,\"b\":2,\"a\":3}"}},
    };
    check_cases(cases, MOE__COUNT(cases));
}

static void strings_have_lengths_patterns_and_formats(void)
{
    static const struct schema_case cases[] = {
        {"{\"type\":\"string\",\"minLength\":1,\"maxLength\":2}",
         {"\"a\"", "\"\xf0\x9f\x98\x80\xc3\xa9\"", "\"\\n\\\"\"",
          "\"\\u0001b\""},
         {"\"\"", "\"abc\""}},
        {"{\"type\":\"string\",\"minLength\":3}", {"\"abcd\""}, {"\"ab\""}},
        {"{\"type\":\"string\",\"pattern\":\"^[A-Z]{3}$\",\"maxLength\":3}",
         {"\"ABC\""},
         {"\"AB\"", "\"ABCD\"", "\"abc\""}},
        {"{\"type\":\"string\",\"pattern\":\"^[a-z][a-z0-9]*(-x)$\","
         "\"minLength\":"
         "4,\"maxLength\":5}",
         {"\"ab-x\"", "\"abc-x\""},
         {"\"a-x\"", "\"abcd-x\"", "\"1b-x\"", "\"ab-\""}},
        {"{\"type\":\"string\",\"pattern\":\"^(ab)+$|^c\",\"minLength\":3,"
         "\"maxLength\":5}",
         {"\"abab\"", "\"cde\"", "\"ccccc\""},
         {"\"ab\"", "\"ababab\"", "\"cc\"", "\"cccccc\""}},
        {"{\"type\":[\"string\",\"null\"],\"pattern\":\"^abc+$\",\"maxLength\":"
         "2}",
         {"null"},
         {"\"abc\"", "\"ab\""}},
        {"{\"type\":\"string\",\"pattern\":\"b\"}",
         {"\"b\"", "\"a\\\"bc\""},
         {"\"a\"", "\"\\b\""}},
        {"{\"type\":[\"string\",\"null\"],\"format\":\"date\"}",
         {"\"2024-02-29\"", "null", "\"2000-02-29\""},
         {"\"2023-02-29\"", "\"1900-02-29\"", "\"2024-13-01\"", "\"x\""}},
        {"{\"type\":\"string\",\"format\":\"time\"}",
         {"\"23:59:59Z\"", "\"00:00:00.5+01:30\"", "\"23:59:60Z\""},
         {"\"24:00:00Z\"", "\"12:00:00\"", "\"12:00:60Z\""}},
        {"{\"type\":\"string\",\"format\":\"uuid\"}",
         {"\"123e4567-e89b-12d3-a456-426614174000\""},
         {"\"123e4567e89b12d3a456426614174000\""}},
    };
    check_cases(cases, MOE__COUNT(cases));
}

static void branches_are_choices(void)
{
    static const struct schema_case cases[] = {
        {"{\"anyOf\":[{\"type\":\"integer\"},{\"const\":\"x\"}]}",
         {"1", "\"x\""},
         {"1.5", "\"y\""}},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},"
         "\"anyOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}",
         {"{\"a\":1}", "{\"b\":0}", "{\"a\":1,\"b\":0}"},
         {"{}", "{\"c\":1}", "{\"a\":null,\"b\":0}"}},
        {"{\"allOf\":[{\"anyOf\":[{\"minimum\":5},{\"maximum\":2}]},{\"type\":"
         "\"integer\"},{\"anyOf\":[{\"maximum\":8},{\"const\":99}]}]}",
         {"5", "8", "99", "2", "-7"},
         {"3", "4", "9", "98"}},
        {"{\"oneOf\":[{\"type\":\"object\",\"properties\":{\"kind\":{\"const\":"
         "\"a\"},\"x\":{\"type\":\"null\"}},\"required\":[\"kind\",\"x\"],"
         "\"additionalProperties\":false},{\"type\":\"object\",\"properties\":{"
         "\"kind\":{\"const\":\"b\"}},\"required\":[\"kind\"],"
         "\"additionalProperties\":false}]}",
         {"{\"kind\":\"a\",\"x\":null}", "{\"kind\":\"b\"}"},
         {"{\"kind\":\"a\"}", "{\"kind\":\"b\",\"x\":null}", "{}"}},
        {"{\"oneOf\":[{\"type\":\"integer\",\"maximum\":0},{\"type\":"
         "\"integer\",\"exclusiveMinimum\":0},{\"type\":\"string\"}]}",
         {"0", "1", "\"\""},
         {"null"}},
        {"{\"oneOf\":[{\"type\":\"array\",\"minItems\":3},{\"type\":\"array\","
         "\"maxItems\":1}]}",
         {"[]", "[1,2,3]"},
         {"[1,2]"}},
        {"{\"anyOf\":[false,{\"type\":\"null\"}]}", {"null"}, {"1"}},
    };
    check_cases(cases, MOE__COUNT(cases));
}

static void objects_are_merged(void)
{
    static const struct schema_case cases[] = {
        {"{\"$defs\":{\"base\":{\"properties\":{\"id\":{\"type\":\"integer\"}},"
         "\"required\":[\"id\"]}},\"allOf\":[{\"$ref\":\"#/$defs/base\"}],"
         "\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},"
         "\"id\":{\"maximum\":9}}}",
         {"{\"id\":5}", "{\"name\":\"x\",\"id\":5}"},
         {"{\"id\":10}", "{\"name\":\"x\"}", "{\"id\":\"x\"}"}},
        {"{\"type\":\"object\",\"properties\":{\"a\":true},"
         "\"additionalProperties\":{\"type\":\"integer\"},\"allOf\":[{"
         "\"properties\":{\"b\":{\"maximum\":3}}}]}",
         {"{\"b\":3}", "{\"a\":[],\"b\":1,\"c\":9}"},
         {"{\"b\":4}", "{\"b\":1.5}", "{\"c\":null}"}},
    };
    check_cases(cases, MOE__COUNT(cases));
}

static void negations_allow_the_rest(void)
{
    static const struct schema_case cases[] = {
        {"{\"not\":{\"type\":\"integer\"}}",
         {"1.5", "\"a\"", "null", "[1]", "-0.25"},
         {"1", "0", "-7", "1.0", "1e2"}},
        {"{\"not\":{\"type\":[\"integer\",\"boolean\"]}}",
         {"\"a\"", "{}"},
         {"1", "true", "false"}},
        {"{\"not\":{\"enum\":[\"a\",1,null,true,[1],{\"k\":1}]}}",
         {"\"b\"", "\"\"", "2", "1.5", "false", "[]", "[1,1]", "{\"k\":2}"},
         {"\"a\"", "1", "null", "true", "[1]", "{\"k\":1}", "[1"}},
        {"{\"type\":\"object\",\"properties\":{\"a\":true},"
         "\"additionalProperties\":false,\"not\":{\"required\":[\"a\"]}}",
         {"{}"},
         {"{\"a\":1}"}},
        {"{\"type\":\"object\",\"not\":{\"properties\":{\"a\":{\"type\":"
         "\"null\"}},\"required\":[\"a\"],\"additionalProperties\":false}}",
         {"{}", "{\"a\":1}", "{\"b\":1}", "{\"a\":null,\"b\":1}"},
         {"{\"a\":null}", "1"}},
        {"{\"type\":\"array\",\"not\":{\"items\":{\"type\":\"null\"}}}",
         {"[1]", "[null,1]", "[1,null]"},
         {"[]", "[null]", "[null,null]"}},
        {"{\"type\":\"integer\",\"not\":{\"allOf\":[{\"minimum\":3},{"
         "\"maximum\":5}]}}",
         {"2", "6"},
         {"3", "4", "5"}},
        {"{\"type\":\"string\",\"not\":{\"enum\":[\"ab\",\"ab\",\"\",\"\"]}}",
         {"\"a\"", "\"abc\""},
         {"\"ab\"", "\"\""}},
        {"{\"not\":{\"not\":{\"const\":1}}}", {"1"}, {"2", "null"}},
        {"{\"$defs\":{\"tree\":{\"type\":\"array\",\"items\":{\"$ref\":"
         "\"#/$defs/tree\"}}},\"type\":\"array\",\"not\":{\"$ref\":"
         "\"#/$defs/tree\"}}",
         {"[1]", "[[],[null]]"},
         {"[]", "[[],[[]]]"}},
    };
    check_cases(cases, MOE__COUNT(cases));
}

static void branches_that_overlap_exclude_each_other(void)
{
    static const struct schema_case cases[] = {
        {"{\"type\":\"string\",\"oneOf\":[{\"minLength\":2},{\"maxLength\":"
         "4}]}",
         {"\"\"", "\"a\"", "\"abcde\""},
         {"\"ab\"", "\"abcd\""}},
        {"{\"type\":\"object\",\"oneOf\":[{\"required\":[\"a\",\"b\"]},{"
         "\"required\":[\"a\",\"c\"]}]}",
         {"{\"a\":1,\"b\":1}", "{\"a\":1,\"c\":1}"},
         {"{\"a\":1}", "{\"a\":1,\"b\":1,\"c\":1}"}},
        {"{\"oneOf\":[{\"type\":\"integer\"},{\"enum\":[5,\"x\",0.5]}]}",
         {"1", "-3", "\"x\"", "0.5"},
         {"5", "1.5", "\"y\""}},
    };
    check_cases(cases, MOE__COUNT(cases));
}

static void branches_overlap_in_what_they_leave_open(void)
{
    static const struct schema_case cases[] = {
        {"{\"oneOf\":[{\"not\":{\"type\":\"integer\"}},{\"type\":\"number\"}]}",
         {"1", "\"a\""},
         {"1.5"}},
        {"{\"type\":\"object\",\"required\":[\"a\"],\"allOf\":[{\"oneOf\":[{"
         "\"maxProperties\":2},{\"required\":[\"a\"]}]},{\"anyOf\":[{"
         "\"properties\":{\"a\":true,\"b\":true,\"c\":true}}]}],"
         "\"unevaluatedProperties\":false}",
         {"{\"a\":1,\"b\":1,\"c\":1}"},
         {"{\"a\":1}", "{\"a\":1,\"b\":1}"}},
    };
    check_cases(cases, MOE__COUNT(cases));
}

static void conditions_choose(void)
{
    static const struct schema_case cases[] = {
        {"{\"type\":\"object\",\"properties\":{\"kind\":{\"enum\":[\"a\","
         "\"b\"]},\"x\":{\"type\":\"integer\"}},\"required\":[\"kind\"],"
         "\"additionalProperties\":false,\"if\":{\"properties\":{\"kind\":{"
         "\"const\":\"a\"}}},\"then\":{\"required\":[\"x\"]},\"else\":{"
         "\"properties\":{\"x\":false}}}",
         {"{\"kind\":\"a\",\"x\":1}", "{\"kind\":\"b\"}"},
         {"{\"kind\":\"a\"}", "{\"kind\":\"b\",\"x\":1}", "{}"}},
        {"{\"type\":\"integer\",\"if\":{\"minimum\":10},\"then\":{"
         "\"maximum\":20}}",
         {"-5", "9", "10", "20"},
         {"21", "100"}},
        {"{\"type\":\"object\",\"properties\":{\"a\":true,\"b\":true},"
         "\"additionalProperties\":false,\"dependentRequired\":{\"a\":[\"b\"]}"
         "}",
         {"{}", "{\"b\":1}", "{\"a\":1,\"b\":1}"},
         {"{\"a\":1}"}},
        {"{\"properties\":{\"a\":true,\"b\":true},\"additionalProperties\":"
         "false,\"dependentSchemas\":{\"a\":{\"properties\":{\"b\":{\"type\":"
         "\"null\"}}}}}",
         {"1", "{\"b\":1}", "{\"a\":1}", "{\"a\":1,\"b\":null}"},
         {"{\"a\":1,\"b\":1}"}},
    };
    check_cases(cases, MOE__COUNT(cases));
}

static void contained_items_are_counted(void)
{
    static const struct schema_case cases[] = {
        {"{\"type\":\"array\",\"contains\":{\"type\":\"null\"}}",
         {"[null]", "[1,null]", "[null, null,2]"},
         {"[]", "[1]", "[null,]"}},
        {"{\"type\":\"array\",\"contains\":{\"const\":1},\"minContains\":1,"
         "\"maxContains\":2,\"maxItems\":3}",
         {"[1]", "[1,1]", "[1,0,1]", "[0,0,1]"},
         {"[]", "[0]", "[1,1,1]", "[1,0,0,0]"}},
        {"{\"type\":[\"array\",\"null\"],\"contains\":{\"const\":1},"
         "\"minItems\":2,"
         "\"maxItems\":1}",
         {"null"},
         {"[1]", "[]", "[1,1]"}},
        {"{\"type\":\"array\",\"contains\":{\"const\":1},\"minContains\":0,"
         "\"maxContains\":0}",
         {"[]", "[2]", "[[1]]"},
         {"[1]", "[2,1]"}},
        {"{\"type\":\"array\",\"contains\":{\"const\":1},\"minContains\":2,"
         "\"minItems\":3,\"prefixItems\":[{\"type\":\"integer\"}],\"items\":{"
         "\"enum\":[1,\"a\"]}}",
         {"[1,1,1]", "[7,1,1]", "[1,\"a\",1]", "[1,\"a\",\"a\",1]"},
         {"[1,1]", "[7,1,\"a\"]", "[\"a\",1,1]"}},
    };
    check_cases(cases, MOE__COUNT(cases));
}

static void what_is_left_unevaluated_is_known(void)
{
    static const struct schema_case cases[] = {
        {"{\"type\":\"object\",\"allOf\":[{\"properties\":{\"a\":true}}],"
         "\"properties\":{\"b\":true},\"unevaluatedProperties\":false}",
         {"{\"b\":1,\"a\":1}", "{}"},
         {"{\"c\":1}"}},
        {"{\"type\":\"object\",\"allOf\":[{\"properties\":{\"a\":true}},{"
         "\"unevaluatedProperties\":false}]}",
         {"{}"},
         {"{\"a\":1}"}},
        {"{\"type\":\"object\",\"anyOf\":[{\"properties\":{\"a\":{\"const\":1}"
         "},\"required\":[\"a\"]},{\"properties\":{\"b\":{\"const\":1}},"
         "\"required\":[\"b\"]}],\"unevaluatedProperties\":false}",
         {"{\"a\":1}", "{\"b\":1}", "{\"a\":1,\"b\":1}"},
         {"{}", "{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":1}"}},
        {"{\"type\":\"array\",\"contains\":{\"const\":1},"
         "\"unevaluatedItems\":{\"type\":\"null\"}}",
         {"[1]", "[null,1]", "[1,1,null]"},
         {"[]", "[null]", "[1,2]"}},
    };
    check_cases(cases, MOE__COUNT(cases));
}

static void references_may_recur(void)
{
    static const struct schema_case cases[] = {
        {"{\"$defs\":{\"n\":{\"type\":\"object\",\"properties\":{\"v\":{\"type"
         "\":\"integer\"},\"l\":{\"$ref\":\"#/$defs/n\"}},\"required\":[\"v\"],"
         "\"additionalProperties\":false}},\"$ref\":\"#/$defs/n\"}",
         {"{\"v\":1}", "{\"v\":1,\"l\":{\"v\":2,\"l\":{\"v\":3}}}"},
         {"{\"l\":{\"v\":1}}", "{\"v\":1,\"l\":{}}"}},
        {"{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}",
         {"[]", "[[],[[]]]"},
         {"[1]"}},
        {"{\"$ref\":\"#a\",\"$defs\":{\"x~/%\":{\"$anchor\":\"a\",\"type\":"
         "\"null\"}}}",
         {"null"},
         {"1"}},
        {"{\"$ref\":\"#/$defs/x~0~1%25\",\"$defs\":{\"x~/%\":{\"type\":\"null\""
         "}}}",
         {"null"},
         {"1"}},
        {"{\"$id\":\"http://a/b\",\"$ref\":\"http://a/b#/$defs/x\",\"$defs\":{"
         "\"x\":{\"type\":\"null\"}}}",
         {"null"},
         {"1"}},
        {"{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"array\",\"items\":{"
         "\"$ref\":\"#\"}}]}",
         {"null", "[null,[]]"},
         {"[1]"}},
    };
    check_cases(cases, MOE__COUNT(cases));
}

/* Every number on a grid around the bounds, against plain arithmetic. */
static void bounds_are_exact(void)
{
    static const struct {
        const char *low, *high; /* keywords with values, "" for none */
        double from, to;
        bool is_low_open, is_high_open;
    } cases[] = {
        {"\"minimum\":3,", "\"maximum\":12,", 3, 12, false, false},
        {"\"minimum\":-12,", "\"maximum\":-3,", -12, -3, false, false},
        {"\"minimum\":-1.25,", "\"maximum\":10.5,", -1.25, 10.5, false, false},
        {"\"exclusiveMinimum\":0,", "\"exclusiveMaximum\":1,", 0, 1, true,
         true},
        {"\"exclusiveMinimum\":9.75,", "\"exclusiveMaximum\":10.25,", 9.75,
         10.25, true, true},
        {"\"minimum\":9.25,", "\"maximum\":9.75,", 9.25, 9.75, false, false},
        {"\"minimum\":0,", "", 0, 1e9, false, false},
        {"\"exclusiveMinimum\":0,", "", 0, 1e9, true, false},
        {"", "\"exclusiveMaximum\":0,", -1e9, 0, false, true},
        {"", "\"maximum\":-1.5e0,", -1e9, -1.5, false, false},
        {"\"minimum\":99e-1,", "\"maximum\":0.0102e3,", 9.9, 10.2, false,
         false},
        {"\"minimum\":5,", "\"maximum\":5.0,", 5, 5, false, false},
    };
    for (size_t i = 0; i < MOE__COUNT(cases); i++)
        for (int is_integer = 0; is_integer < 2; is_integer++) {
            char schema[200];
            struct moe__grammar *grammar = NULL;
            snprintf(schema, sizeof schema, "{%s%s\"type\":\"%s\"}",
                     cases[i].low, cases[i].high,
                     is_integer ? "integer" : "number");
            struct moe__constraint *constraint = compile(schema, &grammar);
            if (constraint == NULL) { /* no integer between the two */
                CHECK(is_integer && cases[i].to - cases[i].from <= 1, "%s: %s",
                      schema, why.message);
                continue;
            }
            for (int k = -1300; k <= 1300; k++) { /* steps of 1/20 */
                const double value = k / 20.0;
                char text[2][32];
                snprintf(text[0], sizeof text[0], "%.2f", value);
                snprintf(text[1], sizeof text[1], "%g", value);
                const bool is_whole = k % 20 == 0;
                const bool is_in =
                    (cases[i].is_low_open ? value > cases[i].from
                                          : value >= cases[i].from) &&
                    (cases[i].is_high_open ? value < cases[i].to
                                           : value <= cases[i].to);
                CHECK(fits(constraint, text[0]) == (is_in && !is_integer),
                      "%s: %s", schema, text[0]);
                CHECK(fits(constraint, text[1]) ==
                          (is_in && (is_whole || !is_integer)),
                      "%s: %s", schema, text[1]);
            }
            discard(constraint, grammar);
        }
}

static void bounds_of_any_length_are_exact(void)
{
    static const struct schema_case cases[] = {
        {"{\"type\":\"integer\",\"maximum\":9223372036854775807}",
         {"9223372036854775807", "-99999999999999999999"},
         {"9223372036854775808", "10000000000000000000"}},
        {"{\"type\":\"number\",\"exclusiveMinimum\":0.1}",
         {"0.10000000000000000000001", "0.2"},
         {"0.1", "0.10000", "0.09999999999999999999999"}},
        {"{\"type\":\"integer\",\"minimum\":-1e20,\"maximum\":-1}",
         {"-100000000000000000000", "-1"},
         {"-100000000000000000001", "0", "-0"}},
        {"{\"type\":\"number\",\"multipleOf\":0.01}",
         {"0.05", "-12.5", "7", "3.10"},
         {"0.005", "1e2", "1.234"}},
        {"{\"type\":\"number\",\"multipleOf\":0.01,\"exclusiveMinimum\":0,"
         "\"maximum\":1.005}",
         {"0.01", "0.1", "1", "1.00", "0.99"},
         {"0", "0.00", "0.001", "1.01", "1.005", "0.0"}},
        {"{\"type\":\"number\",\"multipleOf\":1e-1,\"minimum\":-0.25,"
         "\"exclusiveMaximum\":9.95}",
         {"-0.2", "-0.1", "0", "9.9"},
         {"-0.25", "-0.3", "9.95", "10.0", "9.94"}},
        {"{\"type\":\"number\",\"multipleOf\":1,\"minimum\":2}",
         {"2", "30"},
         {"2.5", "1", "2.0"}},
    };
    check_cases(cases, MOE__COUNT(cases));
}

static void what_is_refused_has_its_pointer_and_keyword(void)
{
    static const struct {
        const char *schema;
        const char *sentence;
    } cases[] = {
        {"{\"properties\":{\"a~/\":{\"not\":{\"pattern\":\"x\"}}}}",
         "at #/properties/a~0~1/not: \"pattern\" cannot be negated"},
        {"{\"oneOf\":[{\"minLength\":3},{\"format\":\"date\"}]}",
         "at #/oneOf/1: \"format\" cannot be negated"},
        {"{\"not\":{\"additionalProperties\":false}}",
         "at #/not: \"additionalProperties\" cannot be negated unless"},
        {"{\"type\":\"string\",\"minLength\":1,\"not\":{\"const\":\"a\"}}",
         "at #/not: \"const\" strings cannot be excluded beside lengths"},
        {"{\"then\":true}", "at #: \"then\" means nothing without \"if\""},
        {"{\"maxContains\":1}",
         "at #: \"maxContains\" means nothing without \"contains\""},
        {"{\"type\":\"array\",\"uniqueItems\":true}", "\"uniqueItems\""},
        {"{\"type\":\"array\",\"contains\":{\"type\":\"null\"},\"allOf\":[{"
         "\"contains\":{\"const\":1}}]}",
         "at #/allOf/0: \"contains\" is enforced once at one place only"},
        {"{\"type\":\"array\",\"contains\":{},\"minContains\":60000}",
         "at #: \"contains\" has to count too far"},
        {"{\"dependentRequired\":{\"a\":1}}",
         "\"dependentRequired\" must be an object of lists of strings"},
        {"{\"dependencies\":{\"a\":1}}", "\"dependencies\" must be an object"},
        {"{\"type\":\"object\",\"minProperties\":2}",
         "at #: \"minProperties\" counts members that are not named"},
        {"{\"not\":{\"type\":\"integer\"},\"minimum\":1}",
         "\"type\" excludes integers"},
        {"{\"not\":true}", "no text matches"},
        {"{\"(differs)\":[\"a\"]}", "\"(differs)\" is not a known keyword"},
        {"{\"type\":\"(fraction)\"}", "\"type\" must be the name of a type"},
        {"{\"not\":{\"$ref\":\"#\"}}", "contains itself"},
        {"{\"type\":\"integer\",\"multipleOf\":3}", "\"multipleOf\" cannot"},
        {"{\"multipleOf\":0}", "\"multipleOf\" cannot be enforced unless"},
        {"{\"multipleOf\":0.11}", "\"multipleOf\" cannot be enforced unless"},
        {"{\"multipleOf\":-1}", "\"multipleOf\" cannot be enforced unless"},
        {"{\"items\":[{}]}",
         "\"items\" must be a schema (a list goes into prefixItems)"},
        {"{\"minimun\":1}", "\"minimun\" is not a known keyword"},
        {"{\"nullable\":true}", "\"nullable\" means nothing without \"type\""},
        {"{\"type\":\"strin\"}", "\"type\" must be the name of a type"},
        {"{\"type\":1}", "\"type\" must be the name of a type"},
        {"{\"minLength\":-1}", "\"minLength\" must be an integer from 0"},
        {"{\"anyOf\":[{\"pattern\":\"a(?=b)\"}]}",
         "at #/anyOf/0: \"pattern\" regular expression, column 2: look-around"},
        {"{\"type\":\"string\",\"pattern\":\"a\",\"allOf\":[{\"pattern\":\"b\"}"
         "]}",
         "at #/allOf/0: \"pattern\" cannot be enforced together"},
        {"{\"type\":\"string\",\"pattern\":\"^a+b*$\",\"maxLength\":5}",
         "\"pattern\" matches strings that minLength or maxLength forbids"},
        {"{\"format\":\"date\"}", "\"format\" is enforced only beside"},
        {"{\"type\":\"string\",\"format\":\"email\"}",
         "\"format\" is none of date, time, date-time, uuid"},
        {"{\"enum\":[\"a\"],\"pattern\":\"a\"}",
         "\"pattern\" cannot be enforced together with enum or const"},
        {"{\"patternProperties\":{\"a\":{}}}", "\"patternProperties\""},
        {"{\"properties\":{\"a\":{}},\"propertyNames\":{\"maxLength\":1}}",
         "\"propertyNames\" cannot be enforced beside named members"},
        {"{\"$ref\":\"http://example.com/x.json\"}",
         "\"$ref\" leads out of the document"},
        {"{\"$ref\":\"#/$defs/x\"}", "\"$ref\" leads to nothing"},
        {"{\"$ref\":\"#x\"}", "\"$ref\" leads to nothing"},
        {"{\"$dynamicRef\":\"#x\"}", "\"$dynamicRef\" cannot be enforced"},
        {"{\"properties\":{\"a\":{\"$id\":\"b\"}}}",
         "at #/properties/a: \"$id\" is supported at the root only"},
        {"{\"$schema\":\"http://example.com/own\"}", "remote meta-schema"},
        {"{\"properties\":{\"a\":1}}",
         "at #/properties/a: a schema must be an object or a boolean"},
        {"[]", "at #: a schema must be an object or a boolean"},
        {"{\"type\":}", "line 1, column 9"},
        {"false", "schema: "},
        {"{\"enum\":[]}", "schema: "},
        {"{\"type\":\"integer\",\"minimum\":2,\"maximum\":1}", "schema: "},
    };
    for (size_t i = 0; i < MOE__COUNT(cases); i++) {
        struct moe__grammar *grammar = NULL;
        CHECK(compile(cases[i].schema, &grammar) == NULL && grammar == NULL,
              "%s", cases[i].schema);
        CHECK(strstr(why.message, cases[i].sentence) != NULL, "%s: %s",
              cases[i].schema, why.message);
        CHECK(mem.live_bytes == 0);
    }
}

static void annotations_change_nothing(void)
{
    static const struct schema_case cases[] = {
        {"{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","
         "\"title\":\"T\",\"description\":\"D\",\"default\":1,\"examples\":[1],"
         "\"$comment\":\"c\",\"deprecated\":true,\"readOnly\":true,"
         "\"writeOnly\":false,\"x-own\":{\"not\":1},\"uniqueItems\":false,"
         "\"type\":\"null\"}",
         {"null"},
         {"1"}},
    };
    check_cases(cases, MOE__COUNT(cases));
}

static const struct test tests[] = {
    {"types_are_what_json_calls_them", types_are_what_json_calls_them},
    {"members_keep_the_order_of_the_schema",
     members_keep_the_order_of_the_schema},
    {"members_are_counted", members_are_counted},
    {"keys_can_be_shaped", keys_can_be_shaped},
    {"arrays_are_counted", arrays_are_counted},
    {"listed_values_are_written_out", listed_values_are_written_out},
    {"strings_have_lengths_patterns_and_formats",
     strings_have_lengths_patterns_and_formats},
    {"branches_are_choices", branches_are_choices},
    {"objects_are_merged", objects_are_merged},
    {"negations_allow_the_rest", negations_allow_the_rest},
    {"branches_that_overlap_exclude_each_other",
     branches_that_overlap_exclude_each_other},
    {"branches_overlap_in_what_they_leave_open",
     branches_overlap_in_what_they_leave_open},
    {"conditions_choose", conditions_choose},
    {"contained_items_are_counted", contained_items_are_counted},
    {"what_is_left_unevaluated_is_known", what_is_left_unevaluated_is_known},
    {"references_may_recur", references_may_recur},
    {"bounds_are_exact", bounds_are_exact},
    {"bounds_of_any_length_are_exact", bounds_of_any_length_are_exact},
    {"what_is_refused_has_its_pointer_and_keyword",
     what_is_refused_has_its_pointer_and_keyword},
    {"annotations_change_nothing", annotations_change_nothing},
};

TEST_MAIN(tests)
