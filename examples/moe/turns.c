/* turns.c: conversations as token ids, for the common forms of chat templates.
 *
 * Ids are built from parts: the form's own text may contain control tokens,
 * what people and models wrote never does.  Adjacent parts of one kind are
 * joined, and a space at the end of the form's text goes to the part behind it:
 * that is where tokenizers keep it. */
#include "cli.h"

#include <string.h>

/* The first mark that a template contains decides: more special ones first. */
static const struct turn_format turn_formats[] = {
    {.name = "ChatML",
     .mark = "<|im_start|>",
     .has_control = true,
     .system = {"<|im_start|>system\n", "<|im_end|>\n"},
     .user = {"<|im_start|>user\n", "<|im_end|>\n"},
     .answer = "<|im_start|>assistant\n",
     .answer_gap = "",
     .answer_end = "<|im_end|>\n"},
    {.name = "Llama 3",
     .mark = "<|start_header_id|>",
     .has_control = true,
     .system = {"<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"},
     .user = {"<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"},
     .answer = "<|start_header_id|>assistant<|end_header_id|>\n\n",
     .answer_gap = "",
     .answer_end = "<|eot_id|>"},
    {.name = "Gemma",
     .mark = "<start_of_turn>",
     .has_control = true,
     .is_system_inside = true,
     .system = {"", "\n\n"},
     .user = {"<start_of_turn>user\n", "<end_of_turn>\n"},
     .answer = "<start_of_turn>model\n",
     .answer_gap = "",
     .answer_end = "<end_of_turn>\n"},
    {.name = "Llama 2",
     .mark = "<<SYS>>",
     .is_system_inside = true,
     .system = {"<<SYS>>\n", "\n<</SYS>>\n\n"},
     .user = {"[INST] ", " [/INST]"},
     .answer = "",
     .answer_gap = " ",
     .answer_end = " </s><s>"},
    {.name = "Mistral with control tokens",
     .mark = "[INST]",
     .has_control = true,
     .is_system_inside = true,
     .system = {"", "\n\n"},
     .user = {"[INST] ", "[/INST]"},
     .answer = "",
     .answer_gap = " ",
     .answer_end = "</s>"},
    {.name = "Mistral",
     .mark = "[INST]",
     .is_system_inside = true,
     .system = {"", "\n\n"},
     .user = {"[INST] ", " [/INST]"},
     .answer = "",
     .answer_gap = " ",
     .answer_end = "</s>"},
};

static bool contains(const char *text, uint64_t n, const char *word)
{
    size_t length = strlen(word);
    for (uint64_t i = 0; i + length <= n; i++)
        if (memcmp(text + i, word, length) == 0)
            return true;
    return false;
}

static bool is_control(const struct session *session, const char *name)
{
    moe_token token = moe_token_find(session->model, name, -1);
    moe_token_info info = {.struct_size = sizeof info};
    return token != MOE_TOKEN_NONE &&
           moe_token_describe(session->model, token, &info) == MOE_OK &&
           info.kind != MOE_TOKEN_NORMAL;
}

int turns_detect(const struct session *session,
                 const struct turn_format **format)
{
    moe_meta meta = {.struct_size = sizeof meta};
    bool has_template =
        moe_model_meta_find(session->model, "tokenizer.chat_template", &meta) ==
            MOE_OK &&
        meta.type == MOE_META_STRING;
    for (size_t i = 0; has_template && i < COUNT_OF(turn_formats); i++) {
        const struct turn_format *found = &turn_formats[i];
        if (contains(meta.string, meta.string_bytes, found->mark) &&
            (!found->has_control || is_control(session, found->mark))) {
            *format = found;
            return CODE_DONE;
        }
    }
    return fail(CODE_TEMPLATE,
                "%s, so it is not known how to talk with it; supported are "
                "the forms of ChatML, Llama 2 and 3, Mistral and Gemma. "
                "`moe run` completes text without a template",
                has_template ? "the file's chat template has another form"
                             : "the file has no chat template");
}

struct turn_parts {
    struct {
        struct buffer text;
        bool is_form;
    } items[16]; /* [n] */
    size_t n;
};

static void parts_put(struct turn_parts *parts, bool is_form, const char *text)
{
    if (*text == 0)
        return;
    bool is_same =
        parts->n > 0 && parts->items[parts->n - 1].is_form == is_form;
    if (!is_same)
        parts->items[parts->n++].is_form = is_form;
    buffer_put(&parts->items[parts->n - 1].text, text, strlen(text));
}

static int parts_encode(const struct session *session, struct turn_parts *parts,
                        struct ids *out)
{
    int code = CODE_DONE;
    const char *carried = "";
    for (size_t i = 0; i < parts->n; i++) {
        struct buffer *text = &parts->items[i].text;
        struct buffer whole = {0};
        bool is_form = parts->items[i].is_form;
        moe_text_flags flags =
            (i == 0 ? 0 : (moe_text_flags)MOE_TEXT_CONTINUE) |
            (is_form ? (moe_text_flags)MOE_TEXT_PARSE_CONTROL : 0);
        buffer_put(&whole, carried, strlen(carried));
        bool ends_in_space = is_form && i + 1 < parts->n && text->n > 0 &&
                             text->data[text->n - 1] == ' ';
        carried = ends_in_space ? " " : "";
        buffer_put(&whole, text->data, text->n - ends_in_space);
        if (code == CODE_DONE && whole.n > 0)
            code = session_encode(session, whole.data, whole.n, flags, out);
        buffer_free(&whole);
        buffer_free(text);
    }
    return code;
}

/* Begin-of-text, if the model wants it; never an end-of-text. */
static int encode_begin(const struct session *session, struct ids *out)
{
    struct ids specials = {0};
    int code = session_encode(session, "", 0, MOE_TEXT_SPECIALS, &specials);
    moe_token bos = moe_token_special(session->model, MOE_SPECIAL_BOS);
    if (code == CODE_DONE && specials.n > 0 && specials.data[0] == bos)
        ids_put(out, bos);
    ids_free(&specials);
    return code;
}

int turns_encode(const struct session *session,
                 const struct turn_format *format, const struct turn *turn,
                 struct ids *out)
{
    struct turn_parts parts = {0};
    bool has_system = *turn->system != 0;
    if (has_system && format->is_system_inside)
        parts_put(&parts, true, format->user[0]);
    if (has_system) {
        parts_put(&parts, true, format->system[0]);
        parts_put(&parts, false, turn->system);
        parts_put(&parts, true, format->system[1]);
    }
    if (!has_system || !format->is_system_inside)
        parts_put(&parts, true, format->user[0]);
    parts_put(&parts, false, turn->user);
    parts_put(&parts, true, format->user[1]);
    parts_put(&parts, true, format->answer);
    if (turn->given != NULL) {
        parts_put(&parts, false, format->answer_gap);
        parts_put(&parts, false, turn->given);
    }
    int code =
        turn->is_first
            ? encode_begin(session, out)
            : session_encode(session, format->answer_end,
                             strlen(format->answer_end),
                             MOE_TEXT_PARSE_CONTROL | MOE_TEXT_CONTINUE, out);
    return code == CODE_DONE ? parts_encode(session, &parts, out) : code;
}
