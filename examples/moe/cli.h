/* cli.h: what the files of the `moe` command share.
 *
 * The command is one program: main.c finds the subcommand, options.c fills a
 * struct options from one table, and each subcommand is a function from those
 * to an exit code.  It uses moe.h, libc and POSIX only, except
 * bench_kernels.c, which measures what is inside the library. */
#ifndef MOE_CLI_H
#define MOE_CLI_H

#include <moe.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    CODE_DONE = 0,
    CODE_FAILED = 1,
    CODE_USAGE = 2,
    CODE_BAD_FILE = 3,
    CODE_NO_ROOM = 4,
    CODE_CONTEXT_FULL = 5,
    CODE_TEMPLATE = 6,
    CODE_CHECK = 7,
    CODE_INTERRUPTED = 130
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* --------------------------------------------------------------- options.c */

/* What an option that may be repeated was given. */
struct text_list {
    const char *items[64]; /* [n] */
    size_t n;
};

enum { MOST_OPTIONS = 128 }; /* rows of the option table */

struct options {
    const char *program; /* how it was called */
    const struct command *command;
    const char *args[3]; /* [n_args] MODEL and what may follow it */
    int32_t n_args;
    bool given[MOST_OPTIONS]; /* row i of the option table was used */
    moe_context_params context;
    moe_sampler_params sampler;
    struct text_list meta;
    struct text_list stops;
    struct text_list biases;   /* "ID=X" */
    struct text_list breakers; /* of repetitions, for DRY */
    uint64_t memory_bytes;     /* 0: no limit */
    int32_t n_predict;
    int32_t n_repeats;
    const char *colour;
    const char *file;
    const char *output;
    const char *format;
    const char *ids;
    const char *prompt;
    const char *system;
    const char *messages;
    const char *tools;
    const char *encoder;
    const char *chat_template;
    const char *schema;
    const char *grammar;
    const char *prompt_sizes;
    const char *answer_sizes;
    const char *depths;
    const char *thread_counts;
    const char *compare;
    bool wants_help;
    bool wants_short_help;
    bool wants_version;
    bool is_quiet;
    bool is_verbose;
    bool is_json;
    bool is_jsonl;
    bool has_no_bos;
    bool parses_control;
    bool wants_pieces;
    bool wants_count;
    bool is_decode;
    bool wants_ids;
    bool wants_parts;
    bool is_last;
    bool ignores_end;
    bool wants_sha256;
    bool wants_tensors;
    bool wants_machine;
    bool wants_kernels;
    bool is_all;
    bool keeps_length;
    int32_t pooling;
    const char *pooling_name;
    const char *types;
    const char *token_counts;
    const char *shapes;
};

struct option {
    uint32_t commands; /* bit set: which commands have it */
    char letter;       /* 0: none */
    const char *name;
    const char *value; /* what follows it, a|b|c if only these; NULL: nothing */
    int32_t kind;
    size_t offset;     /* in struct options */
    const char *field; /* of a params structure, for moe_params_set */
    const char *help;
};

struct command {
    const char *name;
    const char *arguments;
    const char *summary;
    const char *examples;
    const char *details;
    int32_t min_args, max_args;
    int (*run)(struct options *options);
};

extern const struct command commands[];
extern const int32_t n_commands;
extern const struct option option_table[];
extern const int32_t n_options;

const struct command *command_find(const char *name);
bool option_belongs(const struct option *option, const struct command *command);
bool option_is_common(const struct option *option); /* most commands have it */
bool option_is_given(const struct options *options, const char *name);
/* Fills *out from the words after `moe`; CODE_DONE, or the sentence is out. */
int options_parse(int argc, char **argv, struct options *out);
int unknown_command(const char *word);
/* Whole numbers separated by commas, also in [ ]; returns how many, or -1. */
int32_t parse_numbers(const char *text, int32_t *out, int32_t cap);
/* The nearest of n words, NULL if none is near. */
const char *nearest_word(const char *word, const char *const *words, size_t n);

/* ------------------------------------------------------------------ help.c */

void help_print(FILE *to, const struct command *command, bool is_short);
int help_run(struct options *options);
int completion_run(struct options *options);

/* ---------------------------------------------------------------- output.c */

/* "moe run: ..." on stderr; returns `code`. */
int fail(int code, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;
/* The exit code that a status stands for, with its sentence. */
int fail_status(moe_status status, const char *message);
void fail_names(const char *command); /* what `fail` writes before the colon */
/* Flushes stdout: a reader that went away is no failure, a full disk is. */
int finish_output(int code);
void output_flush(void);
bool output_is_broken(void);
double seconds_now(void);
/* "8.2 MiB" into one of eight buffers. */
const char *show_bytes(uint64_t bytes);

struct buffer {
    char *data; /* [n], NUL-terminated */
    size_t n, cap;
};

/* Memory that a command cannot do without: ends the program if there is none */
void *must_alloc(size_t n, size_t size);
void buffer_put(struct buffer *buffer, const void *data, size_t n);
bool buffer_read(struct buffer *buffer, FILE *from);
/* Reads a whole file, "-" = stdin; false with errno set. */
bool buffer_load(struct buffer *buffer, const char *path);
void buffer_free(struct buffer *buffer);

/* ------------------------------------------------------------------ json.c */

/* Text in quotes; what is not UTF-8 becomes <0xNN>, as byte tokens are shown.
 */
void json_text(FILE *to, const char *text, size_t n);
void json_string(FILE *to, const char *text);
void json_ids(FILE *to, const moe_token *ids, size_t n);
/* Length of the UTF-8 character at text[0], 0 if it is none; *is_cut if only
 * the end is missing. */
size_t utf8_length(const char *text, size_t n, bool *is_cut);

/* A cursor over JSON text, which has to outlive it. */
struct json {
    const char *at, *end;
    bool is_bad; /* sticky: the text is not JSON where a call looked */
};

struct json json_open(const char *text, size_t n);
/* Enters [ or {; then json_next moves to each element, json_key reads the name
 * in an object and leaves the cursor at its value. */
bool json_enter(struct json *json, char bracket);
bool json_next(struct json *json, char bracket);
bool json_key(struct json *json, struct buffer *key);
bool json_get_text(struct json *json, struct buffer *out);
bool json_get_number(struct json *json, double *out);
bool json_skip(struct json *json);
char json_peek(struct json *json);

/* -------------------------------------------------------------- terminal.c */

void terminal_start(const struct options *options);
bool is_terminal(FILE *file);
const char *style_dim(void); /* for stderr; "" without colour */
const char *style_bold(void);
const char *style_error(void);
const char *style_end(void);

/* First ^C: cancels the target's step and is remembered; second one: exits. */
void interrupt_start(void);
void interrupt_target(moe_context *ctx);
void interrupt_chat(moe_chat *chat);
bool interrupt_seen(void);
void interrupt_forget(void);
bool pipe_is_broken(void); /* who read our output has gone */

/* A progress bar after one second, on a terminal only; a moe_progress_fn. */
struct progress {
    const char *label;
    double start;
    bool is_shown;
};
struct progress progress_start(const char *label);
int32_t progress_step(void *progress, float fraction);
void progress_end(struct progress *progress);

/* --------------------------------------------------------------- session.c */

struct ids {
    moe_token *data; /* [n] */
    size_t n, cap;
};

void ids_put(struct ids *ids, moe_token id);
void ids_free(struct ids *ids);

/* An opened model and, if asked for, a context on it. */
struct session {
    const struct options *options;
    moe_model *model;
    moe_context *ctx;
    moe_model_info info;
    double load_seconds;
};

/* MODEL as the library wants it: `tiny` is looked up. */
const char *model_path(const struct options *options);
moe_model_params model_params(const struct options *options);
int session_open(struct session *session, const struct options *options,
                 bool is_vocab_only);
/* params NULL: those of the options. */
int session_context(struct session *session, const moe_context_params *params);
/* A conversation as the options say, with --tools and --schema. */
int session_chat(const struct session *session, struct options *options,
                 moe_chat **out);
void session_close(struct session *session);
/* Appends the ids of a text; flags of moe_text_encode. */
int session_encode(const struct session *session, const char *text, size_t n,
                   moe_text_flags flags, struct ids *out);
/* Evaluates ids with a progress bar; the context has the sentence. */
moe_status session_eval(struct session *session, const struct ids *ids);

/* -------------------------------------------------------------- generate.c */

/* Text on its way out: whole UTF-8 characters, and nothing of a stop string. */
struct text_stream {
    const struct text_list *stops;
    void (*sink)(void *user, const char *text, size_t n);
    void *user;
    struct buffer held;
};

/* True if a stop string was met; what came before it was passed on. */
bool text_stream_put(struct text_stream *stream, const char *text, size_t n);
void text_stream_end(struct text_stream *stream);

/* A moe_sampler_params and what it points to. */
struct sampler_setup {
    moe_sampler_params params;
    moe_bias biases[128];
};

/* From the options: a seed from the clock unless one was given. */
int sampler_settle(struct options *options, const struct session *session,
                   struct sampler_setup *setup);
/* --schema or --grammar; *out NULL if neither was given. */
int grammar_open(const struct options *options, moe_model *model,
                 moe_grammar **out);

struct timings {
    size_t n_prompt, n_tokens;
    double prompt_seconds;
    double first_token_seconds;
    double seconds;
};

struct generation {
    struct text_stream stream;
    moe_sampler *sampler;
    moe_grammar *grammar; /* or NULL */
    int32_t limit;        /* tokens; -1: none */
    struct ids ids;
    const char *finish_reason; /* "stop", "length" or "interrupted" */
    double start;
    struct timings timings;
};

int generation_open(struct generation *generation, struct options *options,
                    const struct session *session);
/* Evaluates the prompt and generates until an end: finish_reason says which.
 * The context may lack the last token. */
moe_status generation_run(struct generation *generation,
                          struct session *session, const struct ids *prompt);
/* What that means: an exit code, with its sentence if it is not success. */
int generation_result(const struct generation *generation,
                      const struct session *session, moe_status status);
void generation_close(struct generation *generation);
/* Counts and rates as a JSON object, and as a line for people. */
void timings_json(const struct timings *timings, const struct session *session);
void timings_line(const struct timings *timings);
double rate_of(size_t n, double seconds);

/* ---------------------------------------------------------------- sha256.c */

struct sha256 {
    uint32_t state[8];
    uint8_t block[64];
    uint64_t n_bytes;
};

void sha256_start(struct sha256 *hash);
void sha256_put(struct sha256 *hash, const void *data, size_t n);
void sha256_end(struct sha256 *hash, char hex[65]);

/* --------------------------------------------------------------- machine.c */

/* Bytes a second of threads that only read `data`. */
double machine_read_rate(const void *data, size_t bytes, int32_t n_threads);
/* 8-bit multiply-adds a second of threads that do nothing else, with the
 * instructions of a backend ("avx2" ...). */
double machine_mac_rate(const char *backend, int32_t n_threads);
/* What a loop counts, a second, of threads that do nothing else. */
double machine_loop_rate(uint64_t (*loop)(uint64_t n), int32_t n_threads);
/* Cycles a second, from a chain of additions that wait for each other; 0: not
 * known. */
double machine_hertz(void);
/* A file mapped read-only, or NULL. */
const void *machine_map(const char *path, size_t *bytes);
void *machine_scratch(size_t bytes); /* filled memory, or NULL */
void machine_release(const void *data, size_t bytes);
uint64_t machine_memory_bytes(void);
uint64_t machine_peak_bytes(void); /* of this process */
double machine_cpu_seconds(void);  /* of all threads of this process */
int32_t machine_cpus(void);

/* ------------------------------------------------------- one a subcommand */

int run_run(struct options *options);
int chat_run(struct options *options);
int tokenize_run(struct options *options);
int logits_run(struct options *options);
int inspect_run(struct options *options);
int estimate_run(struct options *options);
int bench_run(struct options *options);
int doctor_run(struct options *options);
int score_run(struct options *options);
int embed_run(struct options *options);
int render_run(struct options *options);

#endif
