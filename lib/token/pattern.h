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
 * what it matches is passed over and is no match. */
#ifndef MOE_TOKEN_PATTERN_H
#define MOE_TOKEN_PATTERN_H

#include "base/alloc.h"
#include "base/bytes.h"

struct moe__pattern {
    uint8_t ascii[128];  /* code point -> class */
    int32_t n_intervals; /* of the code points from 128 on */
    int32_t n_classes;
    const uint32_t *starts; /* [n_intervals] ascending, the first is 128 */
    const uint8_t *classes; /* [n_intervals, MOE__N_CATEGORIES] */
    const uint16_t *next;   /* [n_states, n_classes + 1]; last: end of text */
};

/* MOE_ERR_UNSUPPORTED if the pattern is not of this syntax or too large. */
moe_status moe__pattern_compile(struct moe__arena *arena, const char *regex,
                                struct moe__pattern *out, struct moe__err *err);

/* Where the match that starts exactly at `at` ends; at itself if there is none
 * (empty ones do not count).  *is_skip: passed over, see above.  Bytes that
 * are not UTF-8 count as U+FFFD each. */
size_t moe__pattern_match(const struct moe__pattern *pattern,
                          struct moe__slice text, size_t at, bool *is_skip);

#endif
