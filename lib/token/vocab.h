/* vocab.h: the vocabulary's insides, shared by the files of this room. */
#ifndef MOE_TOKEN_VOCAB_H
#define MOE_TOKEN_VOCAB_H

#include "token/index.h"
#include "token/pattern.h"
#include "token/pretok.h"
#include "token/token.h"

enum {
    MOE__N_SPECIALS = MOE_SPECIAL_NEWLINE + 1,
    /* Longer names of tokens are not looked for in a text, which bounds the
     * work at each of its bytes. */
    MOE__MARK_BYTES = 255
};

/* Where encoding puts a space that the text does not have. */
enum moe__space_prefix {
    MOE__PREFIX_NONE,
    MOE__PREFIX_FIRST, /* before a text that starts with no token */
    MOE__PREFIX_SPM    /* before any text, and after control tokens */
};

/* A control token takes all white space on this side of it, which decoding
 * does not bring back. */
enum moe__strip { MOE__STRIP_BEFORE = 1, MOE__STRIP_AFTER = 2 };

struct moe__vocab {
    bool is_bpe; /* BPE with merges; otherwise SentencePiece BPE */
    bool has_bos;
    bool has_eos;
    enum moe__space_prefix space_prefix;
    /* By byte: a normal token has it before a space.  Where no token has that,
     * the texts before and after are encoded apart. */
    bool is_before_space[256];
    int32_t n_tokens;
    size_t max_piece_bytes;          /* of a normal token */
    const struct moe__slice *texts;  /* [n_tokens] in the file; borrowed */
    const struct moe__slice *pieces; /* [n_tokens] what they decode to */
    uint8_t *kinds;                  /* [n_tokens] moe_token_kind */
    /* [n_tokens] or NULL: what a control token takes of the text around it,
     * see enum moe__strip. */
    const uint8_t *strips;
    bool *is_end;  /* [n_tokens] */
    float *scores; /* [n_tokens] */
    moe_token special[MOE__N_SPECIALS];
    moe_token byte_ids[256];
    struct moe__text_index by_text;  /* all tokens, texts as in the file */
    struct moe__text_index by_piece; /* normal tokens, if they are searched */
    /* BPE: ids (left, right) -> rank, merged id. */
    struct moe__pair_index merges;
    /* Tokens that are found in a text as they stand, as a trie: (node, byte)
     * -> child node, id of the token that ends there.  Node 0 is the root. */
    struct moe__pair_index marks;
    bool is_mark_start[256]; /* by first byte */
    const char *pre;         /* the pre-tokenizer's name */
    const struct moe__pretok *pretok;
    struct moe__pattern patterns[MOE__PRETOK_STAGES]; /* [n_stages] */
    int32_t n_stages;
};

/* What is needed while a vocabulary is made. */
struct moe__vocab_loader {
    struct moe__arena *arena;
    const struct moe__vocab_source *source;
    struct moe__vocab *vocab;
    struct moe__err *err;
};

/* How many bytes of a file's text a sentence shows. */
MOE__INLINE int moe__token_shown(struct moe__slice text)
{
    return text.n < 40 ? (int)text.n : 40;
}

/* n * size bytes of the arena, cleared; NULL and the sentence if there is no
 * memory. */
void *moe__vocab_alloc(const struct moe__vocab_loader *loader, size_t n,
                       size_t size);

/* special.c: special ids, the set of ends, kinds by name. */
void moe__specials_read(const struct moe__vocab_loader *loader);

/* marks.c: tokens that are found in a text as they stand. */
moe_status moe__marks_make(const struct moe__vocab_loader *loader);

/* A token found in a text: bytes [start, start + n), with the white space that
 * it takes. */
struct moe__mark {
    size_t start;
    size_t n;
    moe_token id;
};

/* One search through a text, forwards. */
struct moe__mark_finder {
    const struct moe__vocab *vocab;
    struct moe__slice text;
    const struct moe__trust *trusted; /* [n_trusted] those not passed yet */
    int32_t n_trusted;
};

/* The first token at or after `at`, the longest at its place.  User-defined
 * ones always count, control and unknown ones only if they lie inside a trusted
 * part; from those no token across the part's border takes bytes.
 * None: start = text.n, n = 0. */
struct moe__mark moe__mark_next(struct moe__mark_finder *finder, size_t at);

/* pieces.c: what tokens decode to, byte_ids and by_piece. */
moe_status moe__pieces_make(const struct moe__vocab_loader *loader);
/* The value of a text "<0x41>", -1 for any other text. */
int32_t moe__piece_byte(struct moe__slice text);

/* ---------------------------------------------------------------- encode */

/* True if tokens are made of bytes, false if of characters. */
MOE__INLINE bool moe__vocab_is_byte_level(const struct moe__vocab *vocab)
{
    return vocab->is_bpe && !(vocab->pretok->flags & MOE__PRETOK_CHARACTERS);
}

/* A stretch of text that is to become one token. */
struct moe__symbol {
    uint32_t start;
    uint32_t n;   /* 0: joined to an earlier one */
    moe_token id; /* MOE_TOKEN_NONE: not known or none */
    /* For merge.c, at one time these or those. */
    union {
        uint32_t bid_order;
        uint32_t prev;
    };
    union {
        moe_token bid_id;
        uint32_t next;
    };
};

/* A pair of neighbours that may be joined: `key` is the order in which that
 * happens << 32 | the left symbol. */
struct moe__bid {
    uint64_t key;
    uint32_t n; /* bytes of both; 0: not in use */
    moe_token id;
    uint32_t next; /* in its run, or of those not in use */
};

/* Bids in a list, smallest key first. */
struct moe__bid_run {
    uint64_t key; /* of the first */
    uint32_t head;
};

/* A word of the text that was seen, and its ids in the list. */
struct moe__word {
    uint32_t start; /* in base */
    uint32_t n;     /* bytes; 0: none */
    size_t first_id;
    uint32_t n_ids;
};

/* One call of moe__vocab_encode. */
struct moe__encoder {
    const struct moe__vocab *vocab;
    struct moe__ids *out;
    struct moe__err *err;
    size_t first;                /* where the fragment's ids start in out */
    const uint8_t *base;         /* the text */
    struct moe__word *words;     /* [n_seen] by hash */
    struct moe__pair *pairs;     /* [n_seen] by hash; id NONE: not joined */
    size_t n_seen;               /* 0 or a power of two */
    bool has_unknown;            /* the word at hand has what no token spells */
    struct moe__symbol *symbols; /* [cap_symbols] */
    size_t n_symbols;
    size_t cap_symbols;
    struct moe__bid *bids; /* [cap_bids] */
    size_t n_bids;
    size_t cap_bids;
    uint32_t free_bid;         /* the first one not in use */
    struct moe__bid_run *runs; /* [cap_runs] a heap, smallest key first */
    size_t n_runs;
    size_t cap_runs;
    uint32_t *tails; /* where runs of an order end, by its hash */
    uint8_t *text;   /* [cap_text] the first word with a space before it */
    size_t cap_text;
};

/* block, or a larger copy, with room for n elements of `size`; NULL (and block
 * untouched) if there is no memory. */
void *moe__token_grow(struct moe__mem *mem, void *block, size_t *cap, size_t n,
                      size_t size);
/* Appends the ids of bytes that no token of the vocabulary spells. */
moe_status moe__encode_bytes(struct moe__encoder *e, struct moe__slice bytes);

/* An empty list of symbols; then each in turn, by its length. */
moe_status moe__merge_begin(struct moe__encoder *e, size_t max_symbols);
void moe__merge_add(struct moe__encoder *e, size_t n, moe_token id);
/* Joins the symbols, which together are the text, best pair first. */
moe_status moe__merge_run(struct moe__encoder *e, struct moe__slice text);

/* Makes room for seen words and pairs, if the text is long enough to repeat
 * some. */
moe_status moe__words_init(struct moe__encoder *e, struct moe__slice text);
void moe__words_free(struct moe__encoder *e);
/* Appends the ids of a word: a part of the text, or e->text. */
moe_status moe__word_encode(struct moe__encoder *e, struct moe__slice word);

moe_status moe__spm_encode(struct moe__encoder *e, struct moe__slice text,
                           bool has_space);
moe_status moe__bpe_encode(struct moe__encoder *e, struct moe__slice text);

#endif
