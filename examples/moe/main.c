/* main.c: the `moe` command: finds the subcommand and runs it.  The contract of
 * names, flags, outputs and exit codes is what `moe --help` prints. */
#include "cli.h"

#include <string.h>

/* ORDER COMMAND: the bits of enum command_bit in option_table.c. */
const struct command commands[] = {
    {"run", "MODEL [PROMPT]", "complete a text",
     "moe run tiny \"Once upon a time\"\n"
     "moe run model.gguf -n 64 --temp 0 < prompt.txt\n"
     "moe run model.gguf \"The capital of France is\" --stop . --json\n",
     "Streams the completion to stdout. The prompt is PROMPT, or -f FILE, or\n"
     "stdin. Without any, on a terminal, a story is begun. --temp 0 always\n"
     "takes the likeliest token; -s makes a draw repeatable. Generation ends\n"
     "where the model ends it, at a --stop text, after -n tokens, or when the\n"
     "context is full (an error, code 5, if -n asked for more).\n",
     1, 2, run_run},
    {"chat", "MODEL", "talk with a model",
     "moe chat tiny\n"
     "moe chat model.gguf --system \"Answer in one sentence.\"\n"
     "moe chat model.gguf -p \"Why is the sky blue?\"\n"
     "moe chat model.gguf --messages history.json --jsonl\n",
     "A conversation in the form that the file's chat template has; --encoder\n"
     "names another. /help lists what can be typed inside. ^C stops an answer\n"
     "and keeps what was said; ^C again leaves. Without a terminal each line "
     "of\n"
     "stdin is a question. --messages takes a JSON array of {\"role\",\n"
     "\"content\"} that ends with a question. With --tools the model may call\n"
     "functions: the next line is the result. Your text can not become a\n"
     "control token.\n",
     1, 1, chat_run},
    {"tokenize", "MODEL", "text to token ids and back",
     "printf 'Once upon a time' | moe tokenize tiny\n"
     "printf 'Once upon a time' | moe tokenize tiny --pieces\n"
     "echo '[1, 403, 407]' | moe tokenize tiny --decode\n",
     "Reads stdin and prints the ids as a JSON array. Every byte counts, a\n"
     "newline at the end too. --decode takes a JSON array and prints bytes.\n"
     "MODEL may also be a tokenizer.model, tokenizer.json or tekken.json.\n",
     1, 1, tokenize_run},
    {"logits", "MODEL", "write the logits of given ids",
     "moe logits tiny --ids 1,403,407 -o out.f32\n"
     "moe logits tiny --ids 1,403,407 --sha256\n"
     "moe logits tiny --ids 1,403,407 --last --kv f32 -o - | xxd | head\n",
     "Writes float32 [n_ids, n_vocab], little-endian, one row for each id. "
     "The\n"
     "ids are evaluated in one go, or with --batch N in pieces of N: the bits\n"
     "are the same, and so they are for every backend and number of threads.\n",
     1, 1, logits_run},
    {"bench", "[MODEL]", "measure speed beside the machine's limits",
     "moe bench model.gguf\n"
     "moe bench model.gguf -p 128,512 -n 32 -d 0,4096 -t 1,2 -r 5 -o md\n"
     "moe bench model.gguf --compare old.json\n"
     "moe bench --machine\n",
     "ppN evaluates N tokens at once, tgN generates N tokens one by one; @ "
     "dD:\n"
     "with D tokens in the context before. The share of a tg row is: bytes of\n"
     "weights and context read for a token, times tokens a second, as part of\n"
     "what a loop that only reads the same file reaches. The share of a pp "
     "row\n"
     "is: multiply-adds of the weight matrices, as part of what a loop that\n"
     "only multiplies and adds 8-bit numbers reaches.\n",
     0, 1, bench_run},
    {"inspect", "MODEL", "what is in a file",
     "moe inspect tiny\n"
     "moe inspect model.gguf --tensors\n"
     "moe inspect model.gguf --json\n",
     "Metadata, tensors by type, tokenizer, chat template, control tokens and\n"
     "experts. Nothing is evaluated, weights are not read.\n",
     1, 1, inspect_run},
    {"estimate", "MODEL", "the memory that a context needs",
     "moe estimate model.gguf -c 8192\n"
     "moe estimate model.gguf -c 32768 --kv q8_0 --memory 6GiB\n",
     "Bytes for weights, KV cache and scratch before anything is allocated.\n"
     "With --memory the exit code is 4 if their sum does not fit.\n",
     1, 1, estimate_run},
    {"doctor", "[MODEL]", "what this machine can do, and whether it works",
     "moe doctor\n"
     "moe doctor model.gguf --json\n",
     "Backends, the one that is chosen and why others are not, memory, "
     "limits,\n"
     "and a self-test: every backend has to compute the same bits (exit code "
     "7\n"
     "if not). Uses the model `tiny` unless one is given.\n",
     0, 1, doctor_run},
    {"score", "MODEL", "how likely texts continue texts",
     "echo '{\"context\": \"2 + 2 =\", \"continuation\": \" 4\"}' | moe score "
     "tiny\n"
     "moe score model.gguf < questions.jsonl\n",
     "Reads JSON lines {\"context\", \"continuation\"} and prints for each\n"
     "{\"logprob\", \"n\", \"greedy\"}: the natural logarithm of the\n"
     "continuation's probability, its tokens, and whether each of them was "
     "the\n"
     "likeliest.\n",
     1, 1, score_run},
    {"embed", "MODEL", "texts as vectors",
     "echo 'A story about a dog' | moe embed tiny\n"
     "moe embed model.gguf --pooling last < lines.txt > vectors.jsonl\n",
     "Each line of stdin becomes a JSON array: the last layer's states of its\n"
     "tokens, pooled, and scaled to length 1 unless --no-normalize is given.\n",
     1, 1, embed_run},
    {"render", "MODEL", "the prompt that a conversation becomes",
     "moe render model.gguf --messages history.json\n"
     "moe render model.gguf --messages history.json --ids\n"
     "moe render tokenizer.json --encoder chatml --parts < history.json\n",
     "Prints what `moe chat` would let the model read: the text, with --ids "
     "its\n"
     "token ids, with --parts each part with its origin: control tokens come "
     "of\n"
     "the template only, never of a message. MODEL may also be a\n"
     "tokenizer.model, tokenizer.json or tekken.json, with --encoder or\n"
     "--template. -v says which form was chosen, and why.\n",
     1, 1, render_run},
    {"completion", "SHELL", "completions for bash, zsh or fish",
     "source <(moe completion bash)\n"
     "moe completion zsh > ~/.zfunc/_moe\n"
     "moe completion fish > ~/.config/fish/completions/moe.fish\n",
     "Made from the same table as --help.\n", 1, 1, completion_run},
    {"help", "[COMMAND]", "the full help of a command",
     "moe help\n"
     "moe help run\n",
     "The same as moe COMMAND --help.\n", 0, 1, help_run},
};
const int32_t n_commands = (int32_t)COUNT_OF(commands);

static int check_arguments(const struct options *options)
{
    const struct command *command = options->command;
    if (options->n_args < command->min_args)
        return fail(CODE_USAGE, "%s is missing: moe %s %s",
                    strcmp(command->name, "completion") == 0 ? "SHELL"
                                                             : "MODEL",
                    command->name, command->arguments);
    if (options->n_args > command->max_args)
        return fail(CODE_USAGE,
                    "'%s' is one argument too many (a text with spaces needs "
                    "quotes): moe %s %s",
                    options->args[command->max_args], command->name,
                    command->arguments);
    return CODE_DONE;
}

int main(int argc, char **argv)
{
    struct options options;
    int code = options_parse(argc > 0 ? argc - 1 : 0, argv + 1, &options);
    if (code != CODE_DONE)
        return code;
    options.program = argc > 0 ? argv[0] : "";
    terminal_start(&options);
    interrupt_start();
    if (options.wants_version) {
        printf("moe %s\n%s\n", moe_version(), moe_build_info());
    } else if (options.wants_help || options.command == NULL) {
        bool is_lost = options.command == NULL && !options.wants_help;
        help_print(is_lost ? stderr : stdout, options.command,
                   options.wants_short_help || is_lost);
        code = is_lost ? CODE_USAGE : CODE_DONE;
    } else {
        code = check_arguments(&options);
        if (code == CODE_DONE)
            code = options.command->run(&options);
    }
    return finish_output(code);
}
