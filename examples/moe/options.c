/* options.c: the words of the command line, read by the option table. */
#include "options.h"

#include <stdlib.h>
#include <string.h>

const struct command *command_find(const char *name)
{
    for (int32_t i = 0; i < n_commands; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

bool option_belongs(const struct option *option, const struct command *command)
{
    if (command == NULL)
        return option->commands == UINT32_MAX;
    return (option->commands >> (command - commands) & 1) != 0;
}

bool option_is_given(const struct options *options, const char *name)
{
    for (int32_t i = 0; i < n_options; i++)
        if (strcmp(option_table[i].name, name) == 0 && options->given[i])
            return true;
    return false;
}

/* Levenshtein's distance, for words of up to 31 letters. */
static size_t word_distance(const char *a, const char *b)
{
    size_t row[32];
    size_t n = strlen(b);
    if (n > 31 || strlen(a) > 31)
        return 99;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != 0; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            size_t best = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            best = row[j + 1] + 1 < best ? row[j + 1] + 1 : best;
            row[j + 1] = row[j] + 1 < best ? row[j] + 1 : best;
        }
    }
    return row[n];
}

const char *nearest_word(const char *word, const char *const *words, size_t n)
{
    const char *nearest = NULL;
    size_t least = strlen(word) / 3 + 2; /* more slips are another word */
    for (size_t i = 0; i < n; i++) {
        size_t distance = word_distance(word, words[i]);
        bool is_begun =
            strlen(word) >= 3 && strncmp(words[i], word, strlen(word)) == 0;
        if (is_begun)
            distance = 1;
        if (distance < least) {
            least = distance;
            nearest = words[i];
        }
    }
    return nearest;
}

static int unknown_option(const struct command *command, const char *word)
{
    const char *names[MOST_OPTIONS];
    size_t n = 0;
    for (int32_t i = 0; i < n_options; i++)
        if (option_belongs(&option_table[i], command))
            names[n++] = option_table[i].name;
    const char *near = nearest_word(word + strspn(word, "-"), names, n);
    const char *name = command ? command->name : "";
    return fail(CODE_USAGE, "unknown option %s%s%s%s (moe %s%s-h lists them)",
                word, near ? ", did you mean --" : "", near ? near : "",
                near ? "?" : "", name, *name ? " " : "");
}

int unknown_command(const char *word)
{
    const char *names[32];
    for (int32_t i = 0; i < n_commands; i++)
        names[i] = commands[i].name;
    const char *near = nearest_word(word, names, (size_t)n_commands);
    return fail(CODE_USAGE, "unknown command '%s'%s%s%s (moe -h lists them)",
                word, near ? ", did you mean '" : "", near ? near : "",
                near ? "'?" : "");
}

/* True if `value` is one of the words of a list like "a|b|c". */
static bool is_choice(const char *choices, const char *value)
{
    size_t n = strlen(value);
    for (const char *at = choices; at != NULL; at = strchr(at, '|')) {
        at += *at == '|';
        size_t length = strcspn(at, "|");
        if (n > 0 && length == n && memcmp(at, value, n) == 0)
            return true;
    }
    return false;
}

/* "6GiB", "512M", "1e9" are sizes; units are powers of 1024, with B of 1000 if
 * there is no i: 1GB is 10^9. */
static bool parse_bytes(const char *text, uint64_t *out)
{
    char *unit;
    double value = strtod(text, &unit);
    if (unit == text || !(value >= 0))
        return false;
    unit += *unit == ' ';
    const char *letters = "KMGT";
    const char *found = *unit ? strchr(letters, *unit & ~32) : NULL;
    if (found != NULL) {
        unit++;
        double step = *unit == 'B' ? 1000 : 1024;
        for (const char *at = letters; at <= found; at++)
            value *= step;
        unit += *unit == 'i';
    }
    unit += *unit == 'B' || *unit == 'b';
    if (*unit != 0 || value >= 0x1p63)
        return false;
    *out = (uint64_t)value;
    return true;
}

static bool parse_count(const char *text, int32_t *out)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (end == text || *end != 0 || value < 0 || value > INT32_MAX)
        return false;
    *out = (int32_t)value;
    return true;
}

int32_t parse_numbers(const char *text, int32_t *out, int32_t cap)
{
    int32_t n = 0;
    text += strspn(text, " \t\r\n");
    bool has_bracket = *text == '[';
    text += has_bracket ? 1 + strspn(text + 1, " \t\r\n") : 0;
    while (*text != 0 && *text != ']') {
        char *end;
        long value = strtol(text, &end, 10);
        if (end == text || value < INT32_MIN || value > INT32_MAX)
            return -1;
        if (n < cap)
            out[n] = (int32_t)value;
        n++;
        text = end + strspn(end, " \t\r\n");
        if (*text == ',')
            text += 1 + strspn(text + 1, " \t\r\n");
        else if (*text != 0 && *text != ']')
            return -1;
    }
    if (has_bracket != (*text == ']'))
        return -1;
    text += has_bracket;
    text += strspn(text, " \t\r\n");
    return *text == 0 ? n : -1;
}

static int option_set_field(const struct option *option, struct options *out,
                            const char *value)
{
    bool is_context = option->kind == OPTION_CONTEXT;
    moe_error why = {0};
    if (moe_params_set(is_context ? MOE_PARAMS_CONTEXT : MOE_PARAMS_SAMPLER,
                       is_context ? (void *)&out->context
                                  : (void *)&out->sampler,
                       option->field, value, &why) == MOE_OK)
        return CODE_DONE;
    return fail(CODE_USAGE, "--%s %s: %s", option->name, value, why.message);
}

static int option_set(const struct option *option, struct options *out,
                      const char *value)
{
    void *at = (char *)out + option->offset;
    const char *expected = NULL;
    struct text_list *list = at;
    switch ((enum option_kind)option->kind) {
    case OPTION_SWITCH:
        *(bool *)at = true;
        break;
    case OPTION_TEXT:
        *(const char **)at = value;
        if (strchr(option->value, '|') && !is_choice(option->value, value))
            expected = option->value;
        break;
    case OPTION_LIST:
        if (list->n == COUNT_OF(list->items))
            expected = "at most 64 of them";
        else
            list->items[list->n++] = value;
        break;
    case OPTION_COUNT:
        if (!parse_count(value, at))
            expected = "a whole number, 0 or more";
        break;
    case OPTION_BYTES:
        if (!parse_bytes(value, at))
            expected = "a size such as 800MB or 6GiB";
        break;
    case OPTION_CONTEXT:
    case OPTION_SAMPLER:
        return option_set_field(option, out, value);
    }
    if (expected != NULL)
        return fail(CODE_USAGE, "--%s: expected %s, found '%s'", option->name,
                    expected, value);
    return CODE_DONE;
}

/* The option that a word names: "--name", "--name=value", "-x", "-xvalue",
 * "-x=value". */
static const struct option *option_find(const struct command *command,
                                        const char *word, const char **value)
{
    bool is_long = word[1] == '-';
    const char *name = word + 1 + is_long;
    size_t n = is_long ? strcspn(name, "=") : 1;
    *value = name[n] == 0 ? NULL : name + n + (name[n] == '=');
    for (int32_t i = 0; i < n_options; i++) {
        const struct option *option = &option_table[i];
        bool is_match = is_long ? strlen(option->name) == n &&
                                      memcmp(option->name, name, n) == 0
                                : option->letter == *name;
        if (is_match && option_belongs(option, command))
            return option;
    }
    return NULL;
}

/* Takes one option and, if it has one, its value; returns words used or 0. */
static int take_option(int argc, char **argv, struct options *out, int *code)
{
    const char *value;
    const struct option *option = option_find(out->command, argv[0], &value);
    if (option == NULL) {
        *code = unknown_option(out->command, argv[0]);
        return 0;
    }
    int used = 1;
    if (option->value == NULL && value != NULL) {
        *code = fail(CODE_USAGE, "--%s takes no value", option->name);
        return 0;
    }
    if (option->value != NULL && value == NULL) {
        if (argc < 2) {
            *code = fail(CODE_USAGE, "--%s needs a value: %s", option->name,
                         option->value);
            return 0;
        }
        value = argv[1];
        used = 2;
    }
    if (option->letter == 'h' && argv[0][1] == 'h')
        out->wants_short_help = true;
    out->given[option - option_table] = true;
    *code = option_set(option, out, value);
    return *code == CODE_DONE ? used : 0;
}

int options_parse(int argc, char **argv, struct options *out)
{
    *out = (struct options){
        .context = {.struct_size = sizeof out->context},
        .sampler = {.struct_size = sizeof out->sampler,
                    .temperature = 0.7f,
                    .top_k = 40,
                    .top_p = 0.95f,
                    .min_p = 0.05f},
        .n_predict = -1,
        .n_repeats = 5,
    };
    bool is_literal = false; /* after -- */
    for (int i = 0; i < argc;) {
        const char *word = argv[i];
        int code = CODE_DONE;
        if (!is_literal && strcmp(word, "--") == 0) {
            is_literal = true;
            i++;
        } else if (!is_literal && word[0] == '-' && word[1] != 0) {
            int used = take_option(argc - i, argv + i, out, &code);
            if (used == 0)
                return code;
            i += used;
        } else if (out->command == NULL) {
            out->command = command_find(word);
            if (out->command == NULL)
                return unknown_command(word);
            fail_names(out->command->name);
            i++;
        } else {
            if (out->n_args == (int32_t)COUNT_OF(out->args))
                return fail(CODE_USAGE, "too many arguments: '%s'", word);
            out->args[out->n_args++] = word;
            i++;
        }
    }
    return CODE_DONE;
}
