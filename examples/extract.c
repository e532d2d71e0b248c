/* extract.c: what a text says, as JSON of a given form.
 * usage: extract MODEL.gguf "Ann Lee is 34 and lives in Oslo." */
#include <moe.h>
#include <stdio.h>

static const char schema[] =
    "{\"type\": \"object\", \"properties\": {"
    "\"name\": {\"type\": \"string\", \"maxLength\": 40},"
    "\"age\": {\"type\": \"integer\", \"minimum\": 0, \"maximum\": 150}},"
    "\"required\": [\"name\", \"age\"], \"additionalProperties\": false}";

int main(int argc, char **argv)
{
    char json[1024];
    moe_error why = {.message = "usage: extract MODEL.gguf TEXT"};
    moe_model *model = NULL;
    moe_complete_params params = {.struct_size = sizeof params};
    if (argc < 3 || moe_model_open(argv[1], NULL, &model, &why) ||
        moe_grammar_create(model, MOE_GRAMMAR_SCHEMA, schema, -1,
                           &params.grammar, &why) ||
        moe_complete(model, argv[2], &params, json, sizeof json, &why))
        return fprintf(stderr, "%s\n", why.message), 1;
    puts(json);
    moe_grammar_destroy(params.grammar);
    moe_model_close(model);
}
