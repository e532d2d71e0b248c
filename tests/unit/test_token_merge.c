/* test_token_merge.c: pairs are joined as the definition says, one by one, the
 * best first and of equal ones the leftmost, however long a word is.
 *
 * Vocabularies are random, over two letters, so that most pairs may be joined
 * and new pairs come before old ones; SentencePiece's scores have ties. */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include "base/rng.h"
#include "token_check.h"

#define MAX_TOKENS 64
#define MAX_MERGES 96
#define MAX_TEXT 1600
#define TOKEN_BYTES 9

struct model {
    char texts[MAX_TOKENS][TOKEN_BYTES + 1];
    const char *pointers[MAX_TOKENS];
    float scores[MAX_TOKENS];
    char merges[MAX_MERGES][2 * TOKEN_BYTES + 2];
    const char *merge_pointers[MAX_MERGES];
    int32_t lefts[MAX_MERGES];
    int32_t rights[MAX_MERGES];
    int32_t n_tokens;
    int32_t n_merges;
    bool is_bpe;
};

static uint32_t draw(uint64_t *state, uint32_t n)
{
    return (uint32_t)(moe__rng_mix(++*state) >> 32) % n;
}

static int32_t find_text(const struct model *m, const char *text, size_t n)
{
    for (int32_t i = 0; i < m->n_tokens; i++)
        if (strlen(m->texts[i]) == n && memcmp(m->texts[i], text, n) == 0)
            return i;
    return -1;
}

/* Tokens are joined from earlier ones. */
static void make_model(struct model *m, bool is_bpe, uint64_t *state)
{
    memset(m, 0, sizeof *m);
    m->is_bpe = is_bpe;
    m->n_tokens = 2;
    strcpy(m->texts[0], "a");
    strcpy(m->texts[1], "b");
    for (int tries = 0;
         tries < 200 && m->n_tokens < MAX_TOKENS && m->n_merges < MAX_MERGES;
         tries++) {
        char both[2 * TOKEN_BYTES + 1];
        const int32_t left = (int32_t)draw(state, (uint32_t)m->n_tokens);
        const int32_t right = (int32_t)draw(state, (uint32_t)m->n_tokens);
        strcpy(both, m->texts[left]);
        strcat(both, m->texts[right]);
        if (strlen(both) > TOKEN_BYTES)
            continue;
        if (find_text(m, both, strlen(both)) < 0)
            strcpy(m->texts[m->n_tokens++], both);
        m->lefts[m->n_merges] = left;
        m->rights[m->n_merges] = right;
        m->n_merges++;
    }
    for (int32_t i = 0; i < m->n_tokens; i++) {
        m->pointers[i] = m->texts[i];
        m->scores[i] = -(float)draw(state, 12);
    }
    for (int32_t i = m->n_merges - 1; i > 0; i--) { /* in random order */
        const int32_t k = (int32_t)draw(state, (uint32_t)i + 1);
        const int32_t left = m->lefts[i], right = m->rights[i];
        m->lefts[i] = m->lefts[k];
        m->rights[i] = m->rights[k];
        m->lefts[k] = left;
        m->rights[k] = right;
    }
    for (int32_t i = 0; i < m->n_merges; i++) {
        char merge[2 * TOKEN_BYTES + 2];
        strcpy(merge, m->texts[m->lefts[i]]);
        strcat(merge, " ");
        strcat(merge, m->texts[m->rights[i]]);
        memcpy(m->merges[i], merge, sizeof merge);
        m->merge_pointers[i] = m->merges[i];
    }
}

static void build_model(struct gguf_builder *b, const struct model *m)
{
    build_begin(b, 3);
    build_string(b, "tokenizer.ggml.model", m->is_bpe ? "gpt2" : "llama");
    build_string(b, "tokenizer.ggml.pre", "gpt-2");
    build_strings(b, "tokenizer.ggml.tokens", m->pointers,
                  (uint64_t)m->n_tokens);
    build_array(b, "tokenizer.ggml.scores", MOE_META_F32, m->scores,
                (uint64_t)m->n_tokens);
    build_strings(b, "tokenizer.ggml.merges", m->merge_pointers,
                  (uint64_t)m->n_merges);
    build_u32(b, "tokenizer.ggml.unknown_token_id", UINT32_MAX);
    build_u32(b, "tokenizer.ggml.bos_token_id", UINT32_MAX);
    build_u32(b, "tokenizer.ggml.eos_token_id", UINT32_MAX);
}

/* The token that two give and when: smaller comes first.  -1: none. */
static int32_t join(const struct model *m, int32_t left, int32_t right,
                    float *order)
{
    char both[2 * TOKEN_BYTES + 1];
    strcpy(both, m->texts[left]);
    strcat(both, m->texts[right]);
    const int32_t id = find_text(m, both, strlen(both));
    if (!m->is_bpe) {
        *order = id < 0 ? 0 : -m->scores[id];
        return id;
    }
    for (int32_t i = 0; i < m->n_merges; i++)
        if (m->lefts[i] == left && m->rights[i] == right) {
            *order = (float)i;
            return id;
        }
    return -1;
}

/* The definition; returns how many ids there are. */
static size_t merge_plainly(const struct model *m, const char *text,
                            int32_t *ids)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        ids[i] = text[i] - 'a';
    for (;;) {
        size_t best = n;
        float best_order = 0;
        int32_t best_id = -1;
        for (size_t i = 0; i + 1 < n; i++) {
            float order;
            const int32_t id = join(m, ids[i], ids[i + 1], &order);
            if (id >= 0 && (best == n || order < best_order)) {
                best = i;
                best_order = order;
                best_id = id;
            }
        }
        if (best == n)
            return n;
        ids[best] = best_id;
        n--;
        memmove(&ids[best + 1], &ids[best + 2], (n - best - 1) * sizeof ids[0]);
    }
}

static void check_text(const struct vocab_case *c, const struct model *m,
                       const char *text)
{
    static int32_t expected[MAX_TEXT];
    struct moe__mem mem;
    struct moe__ids ids;
    struct moe__err err = {0};
    const size_t n = merge_plainly(m, text, expected);
    moe__mem_init(&mem, NULL);
    moe__ids_init(&ids, &mem);
    const moe_status status = moe__vocab_encode(c->vocab, moe__slice_str(text),
                                                MOE_TEXT_CONTINUE, &ids, &err);
    CHECK(status == MOE_OK, "%s", err.message);
    CHECK(ids.n == n, "%s: expected %zu ids, found %zu", text, n, ids.n);
    for (size_t i = 0; i < n && i < ids.n; i++)
        if (ids.ids[i] != expected[i]) {
            CHECK(false, "%s: id %zu is %d, not %d", text, i, (int)ids.ids[i],
                  (int)expected[i]);
            break;
        }
    moe__ids_free(&ids);
    CHECK(mem.live_bytes == 0, "a leak");
}

/* Random letters, or a few of them again and again. */
static void make_text(char *text, size_t n, uint64_t *state)
{
    const size_t period = draw(state, 2) ? n : 1 + draw(state, 12);
    for (size_t i = 0; i < n; i++)
        text[i] = i < period ? (char)('a' + draw(state, 2)) : text[i - period];
    text[n] = 0;
}

static void check_models(bool is_bpe)
{
    /* Around where merge.c changes its ways, and where seen pairs are kept. */
    static const uint32_t lengths[] = {1, 8, 34, 120, 400, MAX_TEXT - 1};
    uint64_t state = is_bpe;
    for (int i = 0; i < 60; i++) {
        static struct model m;
        struct gguf_builder b;
        struct vocab_case c;
        make_model(&m, is_bpe, &state);
        build_model(&b, &m);
        REQUIRE(vocab_case_built(&c, &b) == MOE_OK, "%s", c.err.message);
        for (size_t k = 0; k < MOE__COUNT(lengths); k++) {
            char text[MAX_TEXT + 1];
            /* The plain way takes the square of the length. */
            if (lengths[k] > 400 && i % 20 > 0)
                continue;
            make_text(text, 1 + draw(&state, lengths[k]), &state);
            check_text(&c, &m, text);
        }
        const char *wrong = vocab_case_free(&c);
        CHECK(wrong == NULL, "%s", wrong ? wrong : "");
        build_free(&b);
    }
}

static void words_of_sentencepiece_are_merged_one_by_one(void)
{
    check_models(false);
}

static void words_of_byte_level_bpe_are_merged_one_by_one(void)
{
    check_models(true);
}

static const struct test tests[] = {
    {"words_of_sentencepiece_are_merged_one_by_one",
     words_of_sentencepiece_are_merged_one_by_one},
    {"words_of_byte_level_bpe_are_merged_one_by_one",
     words_of_byte_level_bpe_are_merged_one_by_one},
};

TEST_MAIN(tests)
