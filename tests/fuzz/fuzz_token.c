/* fuzz_token.c: any bytes as text for small vocabularies of both kinds.
 *
 *     clang -fsanitize=fuzzer,address,undefined ... fuzz_token.c lib/...
 *     ./fuzz_token -max_len=512
 *
 * User text must give ids in range, no control token, and come back; with
 * control tokens parsed it must not fail.  The first byte chooses the
 * vocabulary and the flags. */
#define _POSIX_C_SOURCE 200809L
#include "token_check.h"

#define KEY(name) "tokenizer.ggml." name
#define N_TOKENS 272

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* After 256 bytes; the last four are an end, a user-defined token and two
 * control tokens. */
static const char *const words[N_TOKENS - 256] = {
    "a",  "b",    "ab",   "\xe2\x96\x81", "\xe2\x96\x81\x61",
    "ba", "aba",  "\n",   "\xe4\xb8\xad", "\xe2\x96\x81\xe2\x96\x81",
    "'s", "<ab>", "</s>", "<|ab|>",       "ab\xe2\x96\x81",
    "'"};

static void build_kinds(int32_t kinds[N_TOKENS], bool is_bpe)
{
    for (int i = 0; i < N_TOKENS; i++)
        kinds[i] = i >= 256 ? MOE_TOKEN_NORMAL
                   : is_bpe ? MOE_TOKEN_NORMAL
                            : MOE_TOKEN_BYTE;
    kinds[256 + 11] = MOE_TOKEN_USER_DEFINED;
    kinds[256 + 12] = MOE_TOKEN_CONTROL;
    kinds[256 + 13] = MOE_TOKEN_CONTROL;
    if (!is_bpe)
        kinds[256 + 14] = MOE_TOKEN_USER_DEFINED;
}

/* GPT-2's character for a byte, see lib/token/pieces.c. */
static uint32_t byte_character(int byte)
{
    uint32_t others = 256;
    for (int i = 0; i <= byte; i++) {
        const bool is_itself = (i > 32 && i < 127) || (i > 160 && i != 173);
        if (i == byte)
            return is_itself ? (uint32_t)i : others;
        others += !is_itself;
    }
    return 0;
}

static void build_texts(const char *texts[N_TOKENS], char names[256][8],
                        bool is_bpe)
{
    for (int i = 0; i < 256; i++) {
        const uint32_t code = byte_character(i);
        if (!is_bpe)
            snprintf(names[i], sizeof names[i], "<0x%02X>", (unsigned)i);
        else if (code < 128)
            snprintf(names[i], sizeof names[i], "%c", (int)code);
        else
            snprintf(names[i], sizeof names[i], "%c%c", (int)(0xc0 | code >> 6),
                     (int)(0x80 | (code & 63)));
        texts[i] = names[i];
    }
    for (int i = 256; i < N_TOKENS; i++)
        texts[i] = words[i - 256];
}

static void build_vocabulary(struct gguf_builder *b, int which)
{
    static const char *const pres[] = {"gpt-2", "llama-bpe", "deepseek-llm",
                                       "gpt-4o"};
    static const char *const merges[] = {"b a", "a b", "a ba", "' s"};
    const bool is_bpe = which > 0;
    const char *texts[N_TOKENS];
    char names[256][8];
    int32_t kinds[N_TOKENS];
    build_kinds(kinds, is_bpe);
    build_texts(texts, names, is_bpe);
    build_begin(b, 3);
    build_string(b, KEY("model"), is_bpe ? "gpt2" : "llama");
    build_strings(b, KEY("tokens"), texts, N_TOKENS);
    build_array(b, KEY("token_type"), MOE_META_I32, kinds, N_TOKENS);
    build_u32(b, KEY("bos_token_id"), UINT32_MAX);
    build_u32(b, KEY("eos_token_id"), 256 + 12);
    build_u32(b, KEY("unknown_token_id"), UINT32_MAX);
    if (is_bpe) {
        build_string(b, KEY("pre"), pres[which - 1]);
        build_strings(b, KEY("merges"), merges, 4);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct gguf_builder builders[5];
    static struct vocab_case cases[5];
    if (n == 0)
        return 0;
    const int which = data[0] % 5;
    struct vocab_case *c = &cases[which];
    if (c->vocab == NULL) {
        build_vocabulary(&builders[which], which);
        if (vocab_case_built(c, &builders[which]) != MOE_OK) {
            fprintf(stderr, "%s\n", c->err.message);
            abort();
        }
    }
    const moe_text_flags flags = data[0] & 128 ? MOE_TEXT_CONTINUE : 0;
    const struct moe__slice text = moe__slice_of(data + 1, n - 1);
    const char *wrong =
        check_encoding(c->vocab, &c->file.mem, text, flags, false);
    if (wrong) {
        fprintf(stderr, "%s\n", wrong);
        abort();
    }
    struct moe__ids ids;
    moe__ids_init(&ids, &c->file.mem);
    if (moe__vocab_encode(c->vocab, text, flags | MOE_TEXT_PARSE_CONTROL, &ids,
                          NULL) != MOE_OK)
        abort();
    moe__ids_free(&ids);
    return 0;
}
