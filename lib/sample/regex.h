/* regex.h: regular expressions and code points, as JSON writes them. */
#ifndef MOE_SAMPLE_REGEX_H
#define MOE_SAMPLE_REGEX_H

#include "sample/grammar.h"

/* moe__grammar_codes in a JSON string: " and \ and controls are escaped, each
 * in one way (\b \f \n \r \t, else \u00xx); all else is itself. */
moe__expr moe__grammar_json_codes(struct moe__grammar_builder *builder,
                                  const struct moe__code_range *ranges,
                                  int32_t n, bool is_negated);
/* A part of a regular expression, and how many characters it matches. */
struct moe__regex {
    moe__expr expr;
    int32_t least;
    int32_t most; /* -1: any number */
};
/* The strings in which `pattern` is found, without their quotes, as JSON; only
 * those of least .. most (-1: any number) characters, if that can be said: see
 * the lengths in *out.  A refusal is not kept in the builder. */
moe_status moe__grammar_json_regex(struct moe__grammar_builder *builder,
                                   struct moe__slice pattern, int32_t least,
                                   int32_t most, struct moe__regex *out,
                                   struct moe__err *err);

#endif
