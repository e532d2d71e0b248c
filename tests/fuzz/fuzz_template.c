/* fuzz_template.c: any bytes as a chat template and a conversation.
 *
 *     clang -fsanitize=fuzzer,address,undefined ... fuzz_template.c lib/...
 *     ./fuzz_template -max_len=16384 CORPUS
 *
 * The input is the template's source and then messages, each after a zero byte:
 * a role (its low bits) and the text; a text in braces is also the arguments of
 * a call.  The template is refused with a sentence, or its prompt's trusted
 * ranges ascend, lie inside and hold none of the conversation's bytes; rendered
 * again it is the same; nothing leaks. */
#include "chat/chat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_MESSAGES = 16,
    /* Begins every text of a message: where it is, a byte of a message is. */
    DATA_MARK = 2
};

struct fuzz_case {
    struct moe__slice source;
    uint8_t *texts; /* of all messages, each begun by DATA_MARK */
    struct moe__message messages[MOST_MESSAGES];
    struct moe__call calls[MOST_MESSAGES];
    struct moe__conversation conversation;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static size_t part_end(const uint8_t *data, size_t n, size_t begin)
{
    const uint8_t *zero = begin < n ? memchr(data + begin, 0, n - begin) : NULL;
    return zero != NULL ? (size_t)(zero - data) : n;
}

/* texts: room for n bytes. */
static void case_read(struct fuzz_case *c, const uint8_t *data, size_t n,
                      uint8_t *texts)
{
    size_t end = part_end(data, n, 0);
    struct moe__conversation *conversation = &c->conversation;
    c->source = moe__slice_of(data, end);
    conversation->messages = c->messages;
    while (end + 1 < n && conversation->n_messages < MOST_MESSAGES) {
        const int32_t i = conversation->n_messages++;
        struct moe__message *message = &c->messages[i];
        const size_t begin = end + 1;
        end = part_end(data, n, begin);
        /* The byte of the role gives its place to the mark. */
        message->role = (enum moe__role)(data[begin] % MOE__N_ROLES);
        message->content = moe__slice_of(texts, end - begin);
        memcpy(texts, data + begin, end - begin);
        if (end - begin > 2 && texts[1] == '{') {
            c->calls[i].name = moe__slice_str("\2f");
            c->calls[i].arguments = moe__slice_of(texts + 1, end - begin - 1);
            message->calls = &c->calls[i];
            message->n_calls = 1;
        }
        if (end > begin)
            texts[0] = DATA_MARK;
        message->name = message->reasoning = message->content;
        texts += end - begin;
    }
    conversation->asks_for_answer = n % 2 == 0;
    conversation->is_continued = n % 3 == 0;
    conversation->date = moe__slice_str(n % 5 != 0 ? "2026-11-23" : "");
}

/* NULL, or what is wrong with a prompt. */
static const char *prompt_wrong(const struct moe__prompt *prompt,
                                bool is_mark_data)
{
    size_t at = 0;
    for (int32_t i = 0; i < prompt->n_trusted; i++) {
        const struct moe__trust range = prompt->trusted[i];
        if (range.begin < at || range.end <= range.begin ||
            range.end > prompt->text.n)
            return "trusted ranges that overlap or lie outside";
        at = range.end;
        if (is_mark_data && memchr(prompt->text.data + range.begin, DATA_MARK,
                                   range.end - range.begin) != NULL)
            return "a byte of a message is trusted";
    }
    return NULL;
}

static const char *render_wrong(const struct fuzz_case *c,
                                const struct moe__template *template_,
                                struct moe__mem *mem)
{
    const char *wrong = NULL;
    struct moe__prompt prompts[2];
    moe_status status[2];
    /* A template can write the mark itself: plainly, or escaped. */
    const bool is_mark_data =
        c->source.n == 0 ||
        (memchr(c->source.data, DATA_MARK, c->source.n) == NULL &&
         memchr(c->source.data, '\\', c->source.n) == NULL);
    for (int i = 0; i < 2; i++) {
        struct moe__err err = {0};
        moe__prompt_init(&prompts[i], mem, 0);
        status[i] = moe__template_render(template_, &c->conversation, NULL,
                                         &prompts[i], &err);
        if (status[i] != MOE_OK && err.message[0] == 0)
            wrong = "a status without its sentence";
        else if (status[i] == MOE_OK && wrong == NULL)
            wrong = prompt_wrong(&prompts[i], is_mark_data);
    }
    if (wrong == NULL && (status[0] != status[1] ||
                          !moe__slice_equal(moe__text_slice(&prompts[0].text),
                                            moe__text_slice(&prompts[1].text))))
        wrong = "two prompts of one conversation";
    moe__prompt_free(&prompts[0]);
    moe__prompt_free(&prompts[1]);
    return wrong;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *wrong = NULL;
    struct fuzz_case c = {0};
    struct moe__mem mem;
    struct moe__err err = {0};
    struct moe__template *template_ = NULL;
    if ((c.texts = malloc(n + 1)) == NULL)
        return 0;
    moe__mem_init(&mem, NULL);
    case_read(&c, data, n, c.texts);
    if (moe__template_create(&mem, c.source, &template_, &err) != MOE_OK)
        wrong = err.message[0] ? NULL : "a status without its sentence";
    else
        wrong = render_wrong(&c, template_, &mem);
    moe__template_destroy(template_);
    if (wrong == NULL && mem.live_bytes != 0)
        wrong = "a leak";
    free(c.texts);
    if (wrong != NULL) {
        fprintf(stderr, "%s\n", wrong);
        abort();
    }
    return 0;
}
