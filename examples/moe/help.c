/* help.c: the help texts and the completions, from the two tables. */
#include "cli.h"

#include <string.h>

static void help_options(FILE *to, const struct command *command,
                         bool is_common, const char *title)
{
    bool has_title = false;
    for (int32_t i = 0; i < n_options; i++) {
        const struct option *option = &option_table[i];
        if (!option_belongs(option, command) ||
            option_is_common(option) != is_common)
            continue;
        if (!has_title)
            fprintf(to, "\n%s\n", title);
        has_title = true;
        char left[64];
        char letter[8] = "    ";
        if (option->letter != 0)
            snprintf(letter, sizeof letter, "-%c, ", option->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, option->name,
                 option->value ? " " : "", option->value ? option->value : "");
        if (strlen(left) > 25)
            fprintf(to, "  %s\n%29s%s\n", left, "", option->help);
        else
            fprintf(to, "  %-26s %s\n", left, option->help);
    }
}

static void help_indented(FILE *to, const char *lines)
{
    while (*lines != 0) {
        size_t n = strcspn(lines, "\n");
        fprintf(to, "  %.*s\n", (int)n, lines);
        lines += n + (lines[n] != 0);
    }
}

static void help_commands(FILE *to, bool is_short)
{
    if (!is_short) {
        fputs("Examples\n", to);
        help_indented(to, "moe run tiny \"Once upon a time\"\n"
                          "moe chat model.gguf\n"
                          "moe bench model.gguf\n");
        putc('\n', to);
    }
    fputs("moe runs language models on the CPU.\n"
          "usage: moe COMMAND MODEL [OPTIONS]\n\n"
          "MODEL is a GGUF file, the first shard of a split one, or the word\n"
          "`tiny`: the small model that comes with moe.\n\nCommands\n",
          to);
    for (int32_t i = 0; i < n_commands; i++)
        fprintf(to, "  %-12s %s\n", commands[i].name, commands[i].summary);
    if (is_short) {
        fputs("\nmoe COMMAND -h lists its options, moe --help says more.\n",
              to);
        return;
    }
    help_options(to, NULL, true, "Options of every command");
    fputs("\nExit codes\n"
          "    0  done\n"
          "    1  failure\n"
          "    2  wrong usage\n"
          "    3  bad or unsupported file\n"
          "    4  does not fit in memory\n"
          "    5  the context is full\n"
          "    6  no chat template that can be used\n"
          "    7  a check failed\n"
          "  130  interrupted\n\n"
          "Data goes to stdout, everything else to stderr.\n",
          to);
}

void help_print(FILE *to, const struct command *command, bool is_short)
{
    if (command == NULL) {
        help_commands(to, is_short);
        return;
    }
    if (!is_short) {
        fputs("Examples\n", to);
        help_indented(to, command->examples);
        putc('\n', to);
    }
    fprintf(to, "moe %s: %s\nusage: moe %s %s [OPTIONS]\n", command->name,
            command->summary, command->name, command->arguments);
    if (!is_short)
        fprintf(to, "\n%s", command->details);
    help_options(to, command, false, "Options");
    if (!is_short)
        help_options(to, command, true, "Common options");
    else
        fprintf(to, "\nmoe %s --help says more.\n", command->name);
}

int help_run(struct options *options)
{
    const struct command *command = NULL;
    if (options->n_args > 0) {
        command = command_find(options->args[0]);
        if (command == NULL)
            return unknown_command(options->args[0]);
    }
    help_print(stdout, command, false);
    return CODE_DONE;
}
