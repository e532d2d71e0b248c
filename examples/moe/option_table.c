/* option_table.c: every option once: parsing, --help and completion read it. */
#include "options.h"

/* ORDER COMMAND: the bits are the places in main.c's table. */
#define RUN (UINT32_C(1) << 0)
#define CHAT (UINT32_C(1) << 1)
#define TOKENIZE (UINT32_C(1) << 2)
#define LOGITS (UINT32_C(1) << 3)
#define BENCH (UINT32_C(1) << 4)
#define INSPECT (UINT32_C(1) << 5)
#define ESTIMATE (UINT32_C(1) << 6)
#define DOCTOR (UINT32_C(1) << 7)
#define SCORE (UINT32_C(1) << 8)
#define EMBED (UINT32_C(1) << 9)
#define RENDER (UINT32_C(1) << 10)
#define TALKS (RUN | CHAT)
#define TURNS (CHAT | RENDER)
#define OPENS                                                                  \
    (TALKS | TOKENIZE | LOGITS | BENCH | INSPECT | ESTIMATE | DOCTOR | SCORE | \
     EMBED | RENDER)
#define ANY UINT32_MAX

#define AT(field) offsetof(struct options, field), NULL
#define CONTEXT(field) OPTION_CONTEXT, 0, #field
#define SAMPLER(field) OPTION_SAMPLER, 0, #field

const struct option option_table[] = {
    /* what to say */
    {RUN, 'f', "file", "FILE", OPTION_TEXT, AT(file),
     "take the prompt from FILE (- is stdin)"},
    {CHAT, 'p', "prompt", "TEXT", OPTION_TEXT, AT(prompt),
     "ask this one question and leave"},
    {TURNS, 0, "system", "TEXT", OPTION_TEXT, AT(system),
     "what the model is told before the conversation"},
    {TURNS, 0, "messages", "FILE", OPTION_TEXT, AT(messages),
     "a history as JSON: [{\"role\", \"content\"}, ...]"},
    {TURNS, 0, "tools", "FILE", OPTION_TEXT, AT(tools),
     "functions that may be called, as JSON"},
    {TURNS, 0, "encoder", "NAME", OPTION_TEXT, AT(encoder),
     "the form of a conversation: mistral-v3, chatml, ..."},
    {TURNS, 0, "template", "FILE", OPTION_TEXT, AT(chat_template),
     "a Jinja chat template in place of the file's"},
    {TALKS, 0, "schema", "FILE", OPTION_TEXT, AT(schema),
     "write JSON of this schema, and nothing else"},
    {TALKS, 0, "grammar", "FILE", OPTION_TEXT, AT(grammar),
     "write a text of this GBNF grammar"},
    {CHAT, 0, "jsonl", NULL, OPTION_SWITCH, AT(is_jsonl),
     "one JSON object for each event"},
    {TALKS, 'n', "n-predict", "N", OPTION_COUNT, AT(n_predict),
     "generate at most N tokens"},
    {TALKS, 0, "stop", "TEXT", OPTION_LIST, AT(stops),
     "end before this text (repeatable)"},
    {TALKS, 0, "ignore-eos", NULL, OPTION_SWITCH, AT(ignores_end),
     "go on where the model would end"},
    {RUN | TOKENIZE, 0, "specials", NULL, OPTION_SWITCH, AT(parses_control),
     "control tokens in the text become tokens"},
    /* how to choose */
    {TALKS, 0, "temp", "T", SAMPLER(temperature),
     "randomness; 0 takes the likeliest token (0.7)"},
    {TALKS, 0, "top-k", "K", SAMPLER(top_k),
     "only the K likeliest tokens; 0: off (40)"},
    {TALKS, 0, "top-p", "P", SAMPLER(top_p),
     "only the likeliest that sum to P; 1: off (0.95)"},
    {TALKS, 0, "min-p", "P", SAMPLER(min_p),
     "only those above P times the best; 0: off (0.05)"},
    {TALKS, 0, "typical", "P", SAMPLER(typical_p),
     "only the most typical that sum to P; 1: off (1)"},
    {TALKS, 0, "repeat-penalty", "X", SAMPLER(repeat_penalty),
     "divide the logits of recent tokens by X (1)"},
    {TALKS, 0, "frequency-penalty", "X", SAMPLER(frequency_penalty),
     "subtract X for each recent use (0)"},
    {TALKS, 0, "presence-penalty", "X", SAMPLER(presence_penalty),
     "subtract X if used recently (0)"},
    {TALKS, 0, "penalty-window", "N", SAMPLER(penalty_window),
     "tokens that count as recent (64)"},
    {TALKS, 0, "logit-bias", "ID=X", OPTION_LIST, AT(biases),
     "add X to token ID's logit; -inf bans (repeatable)"},
    {TALKS, 0, "top-n-sigma", "N", SAMPLER(top_n_sigma),
     "only within N deviations of the best; 0: off (0)"},
    {TALKS, 0, "xtc-probability", "P", SAMPLER(xtc_probability),
     "how often all top choices but one are dropped (0)"},
    {TALKS, 0, "xtc-threshold", "P", SAMPLER(xtc_threshold),
     "what makes a token a top choice (0.1)"},
    {TALKS, 0, "dynatemp-range", "T", SAMPLER(dynatemp_range),
     "temperature from --temp - T to + T, by entropy (0)"},
    {TALKS, 0, "dynatemp-exponent", "X", SAMPLER(dynatemp_exponent),
     "how entropy becomes temperature (1)"},
    {TALKS, 0, "dry-multiplier", "X", SAMPLER(dry_multiplier),
     "penalty on what continues a repetition; 0: off (0)"},
    {TALKS, 0, "dry-base", "X", SAMPLER(dry_base),
     "growth of it for each repeated token (1.75)"},
    {TALKS, 0, "dry-allowed-length", "N", SAMPLER(dry_allowed_length),
     "repeated tokens from which it counts (2)"},
    {TALKS, 0, "dry-window", "N", SAMPLER(dry_window),
     "tokens that are searched for repetitions (1024)"},
    {TALKS, 0, "dry-sequence-breaker", "TEXT", OPTION_LIST, AT(breakers),
     "ends a repetition; '' is none (newline : \" *)"},
    {TALKS, 0, "mirostat", "0|1|2", SAMPLER(mirostat),
     "steer the surprise, in place of the filters (0)"},
    {TALKS, 0, "mirostat-tau", "BITS", SAMPLER(mirostat_tau),
     "the wanted surprise (5)"},
    {TALKS, 0, "mirostat-eta", "X", SAMPLER(mirostat_eta),
     "how fast it is steered (0.1)"},
    /* tokenize */
    {TOKENIZE, 0, "no-bos", NULL, OPTION_SWITCH, AT(has_no_bos),
     "no begin-of-text token"},
    {TOKENIZE, 0, "pieces", NULL, OPTION_SWITCH, AT(wants_pieces),
     "print the text of each token"},
    {TOKENIZE, 0, "count", NULL, OPTION_SWITCH, AT(wants_count),
     "print only how many tokens"},
    {TOKENIZE, 0, "decode", NULL, OPTION_SWITCH, AT(is_decode),
     "ids to text (--specials: also control tokens)"},
    /* render */
    {RENDER, 0, "ids", NULL, OPTION_SWITCH, AT(wants_ids),
     "print the token ids as a JSON array"},
    {RENDER, 0, "parts", NULL, OPTION_SWITCH, AT(wants_parts),
     "print each part with its origin, a JSON line each"},
    /* logits */
    {LOGITS, 0, "ids", "N,N,...", OPTION_TEXT, AT(ids), "the token ids"},
    {LOGITS, 'o', "output", "FILE", OPTION_TEXT, AT(output),
     "where the floats go (- is stdout)"},
    {LOGITS, 0, "last", NULL, OPTION_SWITCH, AT(is_last),
     "only the row of the last id"},
    {LOGITS, 0, "sha256", NULL, OPTION_SWITCH, AT(wants_sha256),
     "print the digest of the bytes"},
    {LOGITS | ESTIMATE | TALKS | SCORE | EMBED, 0, "batch", "N",
     CONTEXT(n_batch), "evaluate at most N tokens at once (512)"},
    /* bench */
    {BENCH, 'p', "prompt-sizes", "N,...", OPTION_TEXT, AT(prompt_sizes),
     "tokens evaluated at once (512)"},
    {BENCH, 'n', "answer-sizes", "N,...", OPTION_TEXT, AT(answer_sizes),
     "tokens generated one by one (128)"},
    {BENCH, 'd', "depths", "N,...", OPTION_TEXT, AT(depths),
     "tokens in the context before (0)"},
    {BENCH, 't', "threads", "N,...", OPTION_TEXT, AT(thread_counts),
     "numbers of threads (all cores)"},
    {BENCH, 'r', "repeats", "N", OPTION_COUNT, AT(n_repeats),
     "measure each row N times (5)"},
    {BENCH, 'o', "output", "md|csv|json", OPTION_TEXT, AT(format),
     "form of the table (md)"},
    {BENCH, 0, "machine", NULL, OPTION_SWITCH, AT(wants_machine),
     "only the machine's limits"},
    {BENCH, 0, "kernels", NULL, OPTION_SWITCH, AT(wants_kernels),
     "only single products, one thread"},
    {BENCH, 0, "type", "TYPE,...", OPTION_TEXT, AT(types),
     "of --kernels: types of weights (a dozen)"},
    {BENCH, 0, "tokens", "N,...", OPTION_TEXT, AT(token_counts),
     "of --kernels: tokens (1,2,4,8,16,32,128,512)"},
    {BENCH, 0, "shape", "ROWSxCOLS,...", OPTION_TEXT, AT(shapes),
     "of --kernels: shapes of weights (4096x4096)"},
    {BENCH, 0, "all", NULL, OPTION_SWITCH, AT(is_all),
     "of --kernels: every type and shape"},
    {BENCH, 0, "compare", "FILE", OPTION_TEXT, AT(compare),
     "set beside the JSON of an earlier run"},
    /* inspect */
    {INSPECT, 0, "tensors", NULL, OPTION_SWITCH, AT(wants_tensors),
     "list every tensor"},
    /* embed */
    {EMBED, 0, "pooling", "auto|mean|first|last", OPTION_TEXT, AT(pooling_name),
     "how states become one vector (the file's)"},
    {EMBED, 0, "no-normalize", NULL, OPTION_SWITCH, AT(keeps_length),
     "do not scale to length 1"},
    /* common */
    {OPENS & ~BENCH, 't', "threads", "N", CONTEXT(n_threads),
     "number of threads (all cores)"},
    {OPENS, 0, "backend", "auto|scalar|avx2|avx512|neon|neon_dotprod|neon_i8mm",
     CONTEXT(backend), "instructions to use (auto)"},
    {OPENS, 'c', "context", "N", CONTEXT(n_ctx),
     "positions (the model's, at most 4096)"},
    {OPENS, 0, "kv", "f16|q8_0|f32", CONTEXT(kv), "type of the KV cache (f16)"},
    {OPENS, 0, "meta", "KEY=VALUE", OPTION_LIST, AT(meta),
     "set metadata before it is read (repeatable)"},
    {TALKS | ESTIMATE | LOGITS | SCORE, 0, "rings", "0|1", CONTEXT(has_rings),
     "layers with a window keep only what they see (0)"},
    {OPENS, 0, "memory", "BYTES", OPTION_BYTES, AT(memory_bytes),
     "refuse what needs more, such as 6GiB"},
    {OPENS, 's', "seed", "N", SAMPLER(seed), "make the draws repeatable"},
    {OPENS, 0, "json", NULL, OPTION_SWITCH, AT(is_json),
     "print one JSON object"},
    {ANY, 'q', "quiet", NULL, OPTION_SWITCH, AT(is_quiet), "say less"},
    {ANY, 'v', "verbose", NULL, OPTION_SWITCH, AT(is_verbose), "say more"},
    {ANY, 0, "color", "auto|always|never", OPTION_TEXT, AT(colour),
     "colour in messages (auto)"},
    {ANY, 'h', "help", NULL, OPTION_SWITCH, AT(wants_help),
     "this help; -h is short"},
    {ANY, 0, "version", NULL, OPTION_SWITCH, AT(wants_version),
     "print the version"},
};
const int32_t n_options = (int32_t)COUNT_OF(option_table);
_Static_assert(COUNT_OF(option_table) <= MOST_OPTIONS,
               "struct options.given has a place for each");

bool option_is_common(const struct option *option)
{
    return (option->commands & (INSPECT | ESTIMATE)) == (INSPECT | ESTIMATE);
}
