/* trie.c: a vocabulary by its bytes.
 *
 * Tokens are sorted; then neighbours tell by their common beginning where the
 * trie branches, and its nodes come out in the order in which they are walked.
 * A mask for many places differs only in long tokens near a count's bound, so
 * these have a part of the trie for themselves. */
#include "sample/grammar_state.h"

#define TRIE_MAX_DEPTH 65535

/* Such that what grammars tell apart in long texts is told apart: the bytes
 * that end or escape strings, white space, letters, hexadecimal digits. */
const uint8_t moe__trie_sort_first[MOE__TRIE_CHARS + 1] = {
    0,    '\t', '\n', 0x0b, ' ', '!', '"', '#', '\'', '(',
    ',',  '-',  '.',  '/',  '0', ':', ';', 'A', 'G',  '[',
    '\\', ']',  '^',  '_',  '`', 'a', 'g', '{', '~',  128};

struct trie_work {
    const struct moe__slice *pieces;
    int32_t *tokens; /* [n] those with bytes; sorted */
    int32_t *spare;  /* [n] */
    int32_t n;
};

static int32_t piece_compare(struct moe__slice a, struct moe__slice b)
{
    const bool is_long = a.n > MOE__TRIE_SHORT;
    if (is_long != (b.n > MOE__TRIE_SHORT))
        return is_long ? 1 : -1;
    const int order = memcmp(a.data, b.data, a.n < b.n ? a.n : b.n);
    if (order != 0)
        return order;
    return (a.n > b.n) - (a.n < b.n);
}

/* Merges runs of doubling length: short pieces first, each part by its bytes,
 * equal pieces by token. */
static void trie_sort(struct trie_work *work)
{
    const struct moe__slice *pieces = work->pieces;
    for (int64_t run = 1; run < work->n; run *= 2) {
        for (int64_t first = 0; first < work->n; first += 2 * run) {
            const int64_t mid = first + run < work->n ? first + run : work->n;
            const int64_t end = mid + run < work->n ? mid + run : work->n;
            int64_t a = first, b = mid;
            for (int64_t i = first; i < end; i++) {
                const bool is_b =
                    a == mid ||
                    (b < end && piece_compare(pieces[work->tokens[a]],
                                              pieces[work->tokens[b]]) > 0);
                work->spare[i] = work->tokens[is_b ? b++ : a++];
            }
        }
        int32_t *sorted = work->spare;
        work->spare = work->tokens;
        work->tokens = sorted;
    }
}

/* How many bytes of the i-th token are those of the one before it. */
static size_t trie_shared(const struct trie_work *work, int32_t i)
{
    if (i == 0)
        return 0;
    const struct moe__slice a = work->pieces[work->tokens[i - 1]];
    const struct moe__slice b = work->pieces[work->tokens[i]];
    size_t n = 0;
    if ((a.n > MOE__TRIE_SHORT) != (b.n > MOE__TRIE_SHORT))
        return 0;
    while (n < a.n && n < b.n && a.data[n] == b.data[n])
        n++;
    return n;
}

static void trie_set(uint64_t *words, int32_t token)
{
    words[token / 64] |= (uint64_t)1 << (token % 64);
}

/* Puts a token in its rows; the sorts of its characters. */
static uint32_t trie_rows_set(struct moe__trie *trie, struct moe__slice piece,
                              int32_t token)
{
    const size_t n_words = (size_t)trie->n_words;
    uint32_t sorts = 0;
    for (size_t n_chars = 0; piece.n > 0; n_chars++) {
        uint32_t code;
        const int32_t n = moe__utf8_decode(piece, &code);
        size_t sort = n < 0 ? MOE__TRIE_REST : MOE__TRIE_CHARS;
        if (n == 1)
            for (sort = 0; moe__trie_sort_first[sort + 1] <= code;)
                sort++;
        sorts |= (uint32_t)1 << sort;
        trie_set(trie->rows + sort * n_words, token);
        if (n_chars < MOE__TRIE_SHORT)
            trie_set(trie->rows + (MOE__TRIE_ROW_LONGER + n_chars) * n_words,
                     token);
        piece.data += moe__max_i32(n, 1);
        piece.n -= (size_t)moe__max_i32(n, 1);
    }
    return sorts;
}

/* Nodes are the bytes that are not shared; `path` [max_depth] holds those that
 * are open. */
static void trie_fill(struct moe__trie *trie, const struct trie_work *work,
                      uint32_t *path)
{
    uint32_t n = 0;
    size_t depth = 0;
    for (int32_t i = 0; i < work->n; i++) {
        const int32_t token = work->tokens[i];
        const struct moe__slice piece = work->pieces[token];
        const size_t shared = trie_shared(work, i);
        const uint32_t sorts = trie_rows_set(trie, piece, token);
        while (depth > shared)
            trie->nodes[path[--depth]].end = n;
        if (piece.n > MOE__TRIE_SHORT)
            trie_set(trie->is_long, token);
        else
            trie->n_short_nodes = n + (uint32_t)(piece.n - shared);
        for (; depth < piece.n; depth++) {
            path[depth] = n;
            trie->nodes[n++] =
                (struct moe__trie_node){.first = (uint32_t)i,
                                        .byte = piece.data[depth],
                                        .has_token = depth + 1 == piece.n,
                                        .depth = (uint16_t)(depth + 1)};
        }
        for (size_t k = 0; k < depth; k++)
            trie->nodes[path[k]].sorts |= sorts;
        trie->tokens[i] = token;
    }
    while (depth > 0)
        trie->nodes[path[--depth]].end = n;
    trie->nodes[n].first = (uint32_t)work->n;
}

/* Sizes of the trie from the sorted tokens. */
static moe_status trie_measure(struct moe__trie *trie,
                               const struct trie_work *work,
                               struct moe__err *err)
{
    uint64_t n_nodes = 0;
    for (int32_t i = 0; i < work->n; i++) {
        const struct moe__slice piece = work->pieces[work->tokens[i]];
        if (piece.n > TRIE_MAX_DEPTH)
            return moe__fail(err, MOE_ERR_UNSUPPORTED,
                             "vocabulary: token %d has %zu bytes, more than %d",
                             work->tokens[i], piece.n, TRIE_MAX_DEPTH);
        n_nodes += piece.n - trie_shared(work, i);
        trie->max_depth = moe__max_i32(trie->max_depth, (int32_t)piece.n);
    }
    if (n_nodes > INT32_MAX)
        return moe__fail(err, MOE_ERR_UNSUPPORTED,
                         "vocabulary: its tokens have more than 2^31 bytes");
    trie->n_nodes = (uint32_t)n_nodes;
    trie->n_tokens = work->n;
    return MOE_OK;
}

static size_t trie_row_words(const struct moe__trie *trie)
{
    return MOE__TRIE_N_ROWS * ((size_t)trie->n_words + 1);
}

static moe_status trie_build(struct moe__trie *trie,
                             const struct trie_work *work, struct moe__err *err)
{
    struct moe__mem *mem = trie->mem;
    MOE__TRY(trie_measure(trie, work, err));
    const size_t n_path = (size_t)trie->max_depth + 1;
    uint32_t *path = moe__mem_calloc(mem, n_path, sizeof *path);
    trie->nodes =
        moe__mem_calloc(mem, (size_t)trie->n_nodes + 1, sizeof *trie->nodes);
    trie->tokens =
        moe__mem_calloc(mem, (size_t)trie->n_tokens + 1, sizeof *trie->tokens);
    trie->is_long =
        moe__mem_calloc(mem, (size_t)trie->n_words + 1, sizeof *trie->is_long);
    trie->rows = moe__mem_calloc(mem, trie_row_words(trie), sizeof *trie->rows);
    const bool has_room =
        path && trie->nodes && trie->tokens && trie->is_long && trie->rows;
    if (has_room)
        trie_fill(trie, work, path);
    moe__mem_free(mem, path, n_path * sizeof *path);
    return has_room
               ? MOE_OK
               : moe__fail(err, MOE_ERR_NO_MEMORY, "vocabulary: no memory");
}

moe_status moe__trie_create(struct moe__mem *mem,
                            const struct moe__slice *pieces, int32_t n_vocab,
                            struct moe__trie **out, struct moe__err *err)
{
    struct moe__trie *trie = moe__mem_calloc(mem, 1, sizeof *trie);
    const size_t bytes = ((size_t)n_vocab + 1) * 2 * sizeof(int32_t);
    int32_t *lists = moe__mem_alloc(mem, bytes);
    moe_status status = MOE_ERR_NO_MEMORY;
    if (trie == NULL || lists == NULL) {
        moe__fail(err, status, "vocabulary: no memory");
    } else {
        struct trie_work work = {pieces, lists, lists + n_vocab + 1, 0};
        *trie = (struct moe__trie){.mem = mem, .n_vocab = n_vocab};
        trie->n_words = moe__ceil_div(n_vocab, 64);
        for (int32_t i = 0; i < n_vocab; i++)
            if (pieces[i].n > 0)
                work.tokens[work.n++] = i;
        trie_sort(&work);
        status = trie_build(trie, &work, err);
    }
    moe__mem_free(mem, lists, bytes);
    if (status == MOE_OK) {
        *out = trie;
        return MOE_OK;
    }
    if (trie != NULL)
        trie->mem = mem;
    moe__trie_destroy(trie);
    *out = NULL;
    return status;
}

void moe__trie_destroy(struct moe__trie *trie)
{
    if (trie == NULL)
        return;
    struct moe__mem *mem = trie->mem;
    moe__mem_free(mem, trie->nodes,
                  ((size_t)trie->n_nodes + 1) * sizeof *trie->nodes);
    moe__mem_free(mem, trie->tokens,
                  ((size_t)trie->n_tokens + 1) * sizeof *trie->tokens);
    moe__mem_free(mem, trie->is_long,
                  ((size_t)trie->n_words + 1) * sizeof *trie->is_long);
    moe__mem_free(mem, trie->rows, trie_row_words(trie) * sizeof *trie->rows);
    moe__mem_free(mem, trie, sizeof *trie);
}
