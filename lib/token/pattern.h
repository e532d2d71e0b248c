/* pattern.h: the regular expressions of pre-tokenizers, as state machines.
 *
 * A pattern is compiled once into a deterministic automaton over classes of
 * characters, so that matching is one table look-up per character whatever the
 * text is.  Alternatives and repeats have the meaning of Perl: the leftmost
 * alternative wins, repeats are greedy.
 *
 * Syntax: characters; . [abc] [^a-z] with ranges; \p{..} of L Lu Ll Lt Lm Lo M
 * N Nd P S; \s \S \d \r \n \t \uHHHH \UHHHHHHHH and \ before punctuation; ( )
 * (?: ) (?i: ) |; ? * + {m} {m,n}; $ for the end of the text; one character of
 * look-ahead as (?=set) and (?!set); (*SKIP)(*F) at the end of an alternative:
 * what it matches is passed over and is no match; (*THREES) at the start of the
 * pattern: a note for the caller, see cuts_threes. */
#ifndef MOE_TOKEN_PATTERN_H
#define MOE_TOKEN_PATTERN_H

#include "base/alloc.h"
#include "base/bytes.h"

struct moe__pattern {
    uint8_t ascii[128]; /* code point -> class */
    int32_t n_classes;
    /* A match is not a piece by itself; the text is cut before each of its
     * characters from which a multiple of three go to its end. */
    bool cuts_threes;
    const uint16_t *pages;  /* [MOE__PATTERN_PAGES] code point >> 8 -> page */
    const uint8_t *classes; /* [n_pages, 256] */
    const uint32_t *next;   /* [n_states, n_classes + 1]; last: end of text */
};

enum { MOE__PATTERN_PAGES = 0x110000 >> 8 };

/* MOE_ERR_UNSUPPORTED if the pattern is not of this syntax or too large. */
moe_status moe__pattern_compile(struct moe__arena *arena, const char *regex,
                                struct moe__pattern *out, struct moe__err *err);

/* The first match at or after *at, which is set to its start; returns its end.
 * Both are text.n if there is none; empty ones do not count.  Bytes that are
 * not UTF-8 count as U+FFFD each. */
size_t moe__pattern_find(const struct moe__pattern *pattern,
                         struct moe__slice text, size_t *at);

#endif
