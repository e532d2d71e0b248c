/* pieces.c: what tokens decode to, and the way back.
 *
 * A file writes SentencePiece's spaces as U+2581, bytes as "<0x41>", and the
 * bytes of a byte-level vocabulary as printable characters.  All of that is
 * undone here once, so that text is encoded and decoded as it is. */
#include "token/vocab.h"

#include "base/utf8.h"

static int32_t piece_hex(uint8_t c)
{
    const int32_t letter = (c | 32) - 'a';
    return c >= '0' && c <= '9'         ? c - '0'
           : letter >= 0 && letter <= 5 ? letter + 10
                                        : -1;
}

int32_t moe__piece_byte(struct moe__slice text)
{
    if (text.n != 6 || memcmp(text.data, "<0x", 3) != 0 || text.data[5] != '>')
        return -1;
    const int32_t high = piece_hex(text.data[3]);
    const int32_t low = piece_hex(text.data[4]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* GPT-2 writes a byte that is a printable character of Latin-1 (0x21 .. 0x7e,
 * 0xa1 .. 0xac, 0xae .. 0xff) as that character and the 68 others, in
 * ascending order, as U+0100 .. U+0143: 0 .. 0x20, 0x7f .. 0xa0 and 0xad.
 * Returns the byte of a character, -1 if it stands for none. */
static int32_t piece_byte_level(uint32_t code)
{
    const bool is_itself = (code >= 0x21 && code <= 0x7e) ||
                           (code >= 0xa1 && code <= 0xff && code != 0xad);
    if (is_itself)
        return (int32_t)code;
    const uint32_t k = code - 0x100;
    return k <= 0x20   ? (int32_t)k
           : k <= 0x42 ? (int32_t)(k - 0x21 + 0x7f)
           : k == 0x43 ? 0xad
                       : -1;
}

/* Writes text to out [text.n] with U+2581 as a space; returns the length. */
static size_t piece_unspace(struct moe__slice text, uint8_t *out)
{
    size_t n = 0;
    for (size_t at = 0; at < text.n;) {
        const bool is_space =
            text.n - at >= 3 && memcmp(text.data + at, "\xe2\x96\x81", 3) == 0;
        out[n++] = is_space ? ' ' : text.data[at];
        at += is_space ? 3 : 1;
    }
    return n;
}

/* The same for byte-level text; other characters stay as they are. */
static size_t piece_unmap(struct moe__slice text, uint8_t *out)
{
    size_t n = 0;
    for (size_t at = 0; at < text.n;) {
        uint32_t code;
        const struct moe__slice rest =
            moe__slice_of(text.data + at, text.n - at);
        const int32_t bytes = moe__utf8_decode(rest, &code);
        const size_t step = bytes > 0 ? (size_t)bytes : 1;
        const int32_t byte = bytes > 0 ? piece_byte_level(code) : -1;
        if (byte >= 0)
            out[n++] = (uint8_t)byte;
        else
            for (size_t i = 0; i < step; i++)
                out[n++] = rest.data[i];
        at += step;
    }
    return n;
}

/* Writes the piece to out [text.n] and returns its length.  Control and unknown
 * tokens keep their names; user-defined ones of a byte-level vocabulary are
 * written in files as they stand in text. */
static size_t piece_decode(const struct moe__vocab *vocab, moe_token id,
                           uint8_t *out)
{
    const struct moe__slice text = vocab->texts[id];
    switch (vocab->kinds[id]) {
    case MOE_TOKEN_BYTE:
        out[0] = (uint8_t)moe__piece_byte(text);
        return 1;
    case MOE_TOKEN_NORMAL:
    case MOE_TOKEN_UNUSED:
        return moe__vocab_is_byte_level(vocab) ? piece_unmap(text, out)
                                               : piece_unspace(text, out);
    case MOE_TOKEN_USER_DEFINED:
        if (!moe__vocab_is_byte_level(vocab))
            return piece_unspace(text, out);
        break;
    default:
        break;
    }
    if (text.n > 0)
        memcpy(out, text.data, text.n);
    return text.n;
}

/* Whether encoding looks for pieces by their bytes. */
static bool piece_is_searched(const struct moe__vocab *vocab)
{
    return !moe__vocab_is_byte_level(vocab) ||
           (vocab->pretok->flags & MOE__PRETOK_IGNORE_MERGES) != 0;
}

/* Enters a token in the tables that encoding uses; false on collisions. */
static bool piece_enter(struct moe__vocab *vocab, moe_token id)
{
    const struct moe__slice piece = vocab->pieces[id];
    const bool is_normal = vocab->kinds[id] == MOE_TOKEN_NORMAL;
    if (vocab->kinds[id] == MOE_TOKEN_BYTE ||
        (moe__vocab_is_byte_level(vocab) && is_normal && piece.n == 1)) {
        moe_token *byte_id = &vocab->byte_ids[piece.data[0]];
        if (*byte_id == MOE_TOKEN_NONE)
            *byte_id = id;
    }
    if (!is_normal)
        return true;
    if (vocab->max_piece_bytes < piece.n)
        vocab->max_piece_bytes = piece.n;
    for (size_t i = 1; i < piece.n; i++)
        if (piece.data[i] == ' ')
            vocab->is_before_space[piece.data[i - 1]] = true;
    return !piece_is_searched(vocab) ||
           moe__text_index_add(&vocab->by_piece, id);
}

moe_status moe__pieces_make(const struct moe__vocab_loader *loader)
{
    struct moe__vocab *vocab = loader->vocab;
    const size_t n_tokens = (size_t)vocab->n_tokens;
    size_t n_bytes = 0; /* no piece is longer than its text */
    for (size_t i = 0; i < n_tokens; i++)
        n_bytes += vocab->texts[i].n;
    uint8_t *bytes = moe__vocab_alloc(loader, n_bytes, 1);
    struct moe__slice *pieces =
        moe__vocab_alloc(loader, n_tokens, sizeof *pieces);
    if (bytes == NULL || pieces == NULL)
        return MOE_ERR_NO_MEMORY;
    vocab->pieces = pieces;
    if (!moe__text_index_init(&vocab->by_piece, loader->arena, pieces,
                              piece_is_searched(vocab) ? n_tokens : 0))
        return moe__fail(loader->err, MOE_ERR_NO_MEMORY,
                         "no memory for %zu tokens", n_tokens);
    memset(vocab->byte_ids, 0xff, sizeof vocab->byte_ids); /* NONE = -1 */
    for (size_t i = 0; i < n_tokens; i++) {
        const size_t n = piece_decode(vocab, (moe_token)i, bytes);
        pieces[i] = moe__slice_of(bytes, n);
        bytes += n;
        if (!piece_enter(vocab, (moe_token)i))
            return moe__fail(loader->err, MOE_ERR_FORMAT,
                             "tokenizer.ggml.tokens: too many hash "
                             "collisions, at token %zu",
                             i);
    }
    const struct moe__slice newline = moe__slice_str("\n");
    moe_token *newline_id = &vocab->special[MOE_SPECIAL_NEWLINE];
    *newline_id = moe__text_index_find(&vocab->by_piece, newline);
    if (*newline_id == MOE_TOKEN_NONE)
        *newline_id = vocab->byte_ids['\n'];
    return MOE_OK;
}
