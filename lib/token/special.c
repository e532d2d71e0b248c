/* special.c: tokens with a meaning of their own.
 *
 * Owns the special ids and the set of tokens that end a generation.
 *
 * User text must never become a control token, so what serves as one is made
 * one here whatever type the file gives it: the texts of the table below, and
 * user-defined or normal tokens of the form <|name|>. */
#include "token/source.h"

/* ----------------------------------------------------------------- names */

enum {
    SPECIAL_END = 1, /* ends a generation */
    SPECIAL_TURN = 2 /* is the end of a turn if no key says which token is */
};

/* Control tokens known by their text, as there is no key for them or files
 * lack it; of the ends of a turn the first that is there counts. */
static const struct {
    const char *text;
    uint32_t flags;
    const char *unless; /* no end if this text is a token as well */
} special_names[] = {
    {"<|eot_id|>", SPECIAL_END | SPECIAL_TURN, NULL},
    {"<|im_end|>", SPECIAL_END | SPECIAL_TURN, NULL},
    /* gpt-oss: one message of several in a turn */
    {"<|end|>", SPECIAL_END | SPECIAL_TURN, "<|return|>"},
    {"<end_of_turn>", SPECIAL_END | SPECIAL_TURN, NULL},
    {"<turn|>", SPECIAL_END | SPECIAL_TURN, NULL},
    {"<end_of_utterance>", SPECIAL_END | SPECIAL_TURN, NULL},
    {"<EOT>", SPECIAL_END | SPECIAL_TURN, NULL},
    {"_<EOT>", SPECIAL_END | SPECIAL_TURN, NULL},
    {"[EOT]", SPECIAL_END | SPECIAL_TURN, NULL},
    {"<|EOT|>", SPECIAL_END | SPECIAL_TURN, NULL},
    /* <|end_of_sentence|> with full-width bars and U+2581 */
    {"<\xef\xbd\x9c"
     "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>",
     SPECIAL_END | SPECIAL_TURN, NULL},
    {"<|endoftext|>", SPECIAL_END | SPECIAL_TURN, NULL},
    {"<|end_of_text|>", SPECIAL_END, NULL},
    {"<|eom_id|>", SPECIAL_END, NULL},
    {"<|return|>", SPECIAL_END, NULL},
    {"<|call|>", SPECIAL_END, NULL},
    {"<|calls|>", SPECIAL_END, NULL},
    {"<|flush|>", SPECIAL_END, NULL},
    {"<|tool_response>", SPECIAL_END, NULL},
    {"</s>", SPECIAL_END, NULL},
    {"<eos>", SPECIAL_END, NULL},
    {"[EOS]", SPECIAL_END, NULL},
    {"[e~[", SPECIAL_END, NULL},
    {"<start_of_turn>", 0, NULL},
    {"<|turn>", 0, NULL},
    {"[INST]", 0, NULL},
    {"[/INST]", 0, NULL},
};

static bool special_is_plain(const struct moe__vocab *vocab, moe_token id)
{
    return vocab->kinds[id] == MOE_TOKEN_NORMAL ||
           vocab->kinds[id] == MOE_TOKEN_USER_DEFINED;
}

static void special_make_control(struct moe__vocab *vocab, moe_token id)
{
    if (id != MOE_TOKEN_NONE && special_is_plain(vocab, id))
        vocab->kinds[id] = MOE_TOKEN_CONTROL;
}

static void special_read_names(struct moe__vocab *vocab)
{
    for (size_t i = 0; i < MOE__COUNT(special_names); i++) {
        const char *unless = special_names[i].unless;
        const moe_token id =
            moe__vocab_find(vocab, moe__slice_str(special_names[i].text));
        if (id == MOE_TOKEN_NONE)
            continue;
        special_make_control(vocab, id);
        if (unless &&
            moe__vocab_find(vocab, moe__slice_str(unless)) != MOE_TOKEN_NONE)
            continue;
        if (special_names[i].flags & SPECIAL_END)
            vocab->is_end[id] = true;
        if (special_names[i].flags & SPECIAL_TURN &&
            vocab->special[MOE_SPECIAL_EOT] == MOE_TOKEN_NONE)
            vocab->special[MOE_SPECIAL_EOT] = id;
    }
}

/* <|name|>, or with the full-width bar U+FF5C as deepseek writes it; the name
 * starts with a letter (<|> is an operator of some languages). */
static bool special_has_bars(struct moe__slice text)
{
    static const char *const bars[] = {"|", "\xef\xbd\x9c"};
    for (size_t i = 0; i < MOE__COUNT(bars); i++) {
        const size_t n = strlen(bars[i]);
        if (text.n < 2 * n + 3 || text.data[0] != '<' ||
            text.data[text.n - 1] != '>' ||
            memcmp(text.data + 1, bars[i], n) != 0 ||
            memcmp(text.data + text.n - 1 - n, bars[i], n) != 0)
            continue;
        const uint32_t letter = (text.data[1 + n] | 32u) - 'a';
        return letter < 26;
    }
    return false;
}

/* ------------------------------------------------------------------ read */

/* A file without types: what the ids and the texts tell. */
static void special_guess_kinds(struct moe__vocab *vocab)
{
    const moe_token unknown = vocab->special[MOE_SPECIAL_UNK];
    special_make_control(vocab, vocab->special[MOE_SPECIAL_BOS]);
    special_make_control(vocab, vocab->special[MOE_SPECIAL_EOS]);
    if (unknown != MOE_TOKEN_NONE)
        vocab->kinds[unknown] = MOE_TOKEN_UNKNOWN;
    for (moe_token id = 0; id < vocab->n_tokens && !vocab->is_bpe; id++)
        if (moe__piece_byte(vocab->texts[id]) >= 0)
            vocab->kinds[id] = MOE_TOKEN_BYTE;
}

/* Files write -1 or 2^32 - 1 for "none": an id out of range is none. */
static moe_token special_id(const struct moe__vocab *vocab, int64_t id)
{
    return id >= 0 && id < vocab->n_tokens ? (moe_token)id : MOE_TOKEN_NONE;
}

void moe__specials_read(const struct moe__vocab_loader *loader)
{
    const struct moe__vocab_source *source = loader->source;
    struct moe__vocab *vocab = loader->vocab;
    for (size_t i = 0; i < MOE__N_SPECIALS; i++)
        vocab->special[i] = special_id(vocab, source->special[i]);
    vocab->special[MOE_SPECIAL_NEWLINE] = MOE_TOKEN_NONE; /* see pieces.c */
    if (source->kinds == NULL)
        special_guess_kinds(vocab);
    const moe_token by_key[] = {vocab->special[MOE_SPECIAL_BOS],
                                vocab->special[MOE_SPECIAL_EOS],
                                vocab->special[MOE_SPECIAL_EOT],
                                special_id(vocab, source->end_of_message)};
    for (size_t i = 0; i < MOE__COUNT(by_key); i++) {
        const moe_token id = by_key[i];
        if (id == MOE_TOKEN_NONE)
            continue;
        vocab->is_end[id] = vocab->is_end[id] || i > 0;
        if (vocab->kinds[id] == MOE_TOKEN_USER_DEFINED)
            vocab->kinds[id] = MOE_TOKEN_CONTROL;
    }
    for (moe_token id = 0; id < vocab->n_tokens; id++)
        if (special_has_bars(vocab->texts[id]))
            special_make_control(vocab, id);
    special_read_names(vocab);
}
