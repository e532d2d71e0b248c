/* completion.c: what bash, zsh and fish need to complete a command line. */
#include "cli.h"

#include <string.h>

/* "a|b|c" with another separator; nothing for a free value. */
static void print_choices(const struct option *option, const char *separator)
{
    if (option->value == NULL || strchr(option->value, '|') == NULL)
        return;
    for (const char *at = option->value; *at != 0; at++) {
        if (*at == '|')
            fputs(separator, stdout);
        else
            putchar(*at);
    }
}

/* A text for a place in single quotes; brackets and colons are zsh's. */
static void print_quoted(const char *text, bool is_zsh)
{
    for (; *text != 0; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (is_zsh && strchr("[]:", *text) != NULL)
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static bool takes_file(const struct option *option)
{
    return option->value != NULL && strcmp(option->value, "FILE") == 0;
}

static void bash_command(const struct command *command)
{
    printf("    %s)\n        case $last in\n", command->name);
    for (int32_t i = 0; i < n_options; i++) {
        const struct option *option = &option_table[i];
        if (!option_belongs(option, command) || option->value == NULL)
            continue;
        if (option->letter != 0)
            printf("        -%c|", option->letter);
        else
            fputs("        ", stdout);
        printf("--%s) words='", option->name);
        print_choices(option, " ");
        printf("' files=%d ;;\n", takes_file(option));
    }
    fputs("        *) words='", stdout);
    for (int32_t i = 0; i < n_options; i++)
        if (option_belongs(&option_table[i], command))
            printf("--%s ", option_table[i].name);
    fputs(strcmp(command->name, "completion") == 0 ? "bash zsh fish" : "tiny",
          stdout);
    fputs("' ;;\n        esac ;;\n", stdout);
}

static void print_bash(void)
{
    fputs("_moe()\n{\n"
          "    local now=${COMP_WORDS[COMP_CWORD]}\n"
          "    local last=${COMP_WORDS[COMP_CWORD-1]} words= files=1\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        COMPREPLY=($(compgen -W '",
          stdout);
    for (int32_t i = 0; i < n_commands; i++)
        printf("%s ", commands[i].name);
    fputs("--help --version' -- \"$now\"))\n"
          "        return\n"
          "    fi\n"
          "    case ${COMP_WORDS[1]} in\n",
          stdout);
    for (int32_t i = 0; i < n_commands; i++)
        bash_command(&commands[i]);
    fputs("    esac\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"$now\"))\n"
          "    if [ \"$files\" -eq 1 ]; then\n"
          "        COMPREPLY+=($(compgen -f -- \"$now\"))\n"
          "    fi\n"
          "}\n"
          "complete -o filenames -F _moe moe\n",
          stdout);
}

static void zsh_option(const struct option *option)
{
    if (option->letter != 0)
        printf(" \\\n            '(-%c --%s)'{-%c,--%s}'[", option->letter,
               option->name, option->letter, option->name);
    else
        printf(" \\\n            '--%s[", option->name);
    print_quoted(option->help, true);
    putchar(']');
    if (option->value != NULL) {
        putchar(':');
        print_quoted(strchr(option->value, '|') ? "choice" : option->value,
                     true);
        putchar(':');
        if (takes_file(option))
            fputs("_files", stdout);
        if (strchr(option->value, '|') != NULL) {
            putchar('(');
            print_choices(option, " ");
            putchar(')');
        }
    }
    putchar('\'');
}

static void print_zsh(void)
{
    fputs("#compdef moe\n_moe()\n{\n"
          "    if (( CURRENT == 2 )); then\n"
          "        local -a names\n"
          "        names=(\n",
          stdout);
    for (int32_t i = 0; i < n_commands; i++) {
        printf("            '%s:", commands[i].name);
        print_quoted(commands[i].summary, false);
        fputs("'\n", stdout);
    }
    fputs("        )\n"
          "        _describe command names\n"
          "        return\n"
          "    fi\n"
          "    local name=$words[2]\n"
          "    shift words\n"
          "    (( CURRENT-- ))\n"
          "    case $name in\n",
          stdout);
    for (int32_t i = 0; i < n_commands; i++) {
        printf("    %s)\n        _arguments", commands[i].name);
        for (int32_t j = 0; j < n_options; j++)
            if (option_belongs(&option_table[j], &commands[i]))
                zsh_option(&option_table[j]);
        fputs(strcmp(commands[i].name, "completion") == 0
                  ? " \\\n            '1:shell:(bash zsh fish)' ;;\n"
                  : " \\\n            '*:file:_files' ;;\n",
              stdout);
    }
    fputs("    esac\n}\n_moe \"$@\"\n", stdout);
}

static void fish_option(const struct command *command,
                        const struct option *option)
{
    printf("complete -c moe -n '__fish_seen_subcommand_from %s' -l %s",
           command->name, option->name);
    if (option->letter != 0)
        printf(" -s %c", option->letter);
    if (option->value != NULL)
        fputs(takes_file(option) ? " -r -F" : " -x", stdout);
    if (option->value != NULL && strchr(option->value, '|') != NULL) {
        fputs(" -a '", stdout);
        print_choices(option, " ");
        putchar('\'');
    }
    fputs(" -d '", stdout);
    print_quoted(option->help, false);
    fputs("'\n", stdout);
}

static void print_fish(void)
{
    for (int32_t i = 0; i < n_commands; i++) {
        printf("complete -c moe -n __fish_use_subcommand -f -a %s -d '",
               commands[i].name);
        print_quoted(commands[i].summary, false);
        fputs("'\n", stdout);
    }
    for (int32_t i = 0; i < n_commands; i++)
        for (int32_t j = 0; j < n_options; j++)
            if (option_belongs(&option_table[j], &commands[i]))
                fish_option(&commands[i], &option_table[j]);
    fputs("complete -c moe -n '__fish_seen_subcommand_from completion' -f"
          " -a 'bash zsh fish'\n",
          stdout);
}

int completion_run(struct options *options)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } shells[] = {
        {"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
    for (size_t i = 0; i < COUNT_OF(shells); i++) {
        if (strcmp(shells[i].name, options->args[0]) == 0) {
            shells[i].print();
            return CODE_DONE;
        }
    }
    return fail(CODE_USAGE, "expected bash, zsh or fish, found '%s'",
                options->args[0]);
}
