/* encodes.h: what ids a vocabulary makes of a text.
 *
 * The includer defines _POSIX_C_SOURCE 200809L before anything else. */
#ifndef MOE_ENCODES_H
#define MOE_ENCODES_H

#include "test.h"
#include "token_check.h"

/* The ids of a text. */
static inline void check_encodes(const struct moe__vocab *vocab,
                                 const char *text, moe_text_flags flags,
                                 const moe_token *expected, size_t n)
{
    struct moe__ids ids;
    struct moe__err err = {0};
    struct moe__mem mem;
    moe__mem_init(&mem, NULL);
    moe__ids_init(&ids, &mem);
    CHECK(moe__vocab_encode(vocab, moe__slice_str(text), flags, &ids, &err) ==
              MOE_OK,
          "%s", err.message);
    CHECK(ids.n == n, "\"%s\": expected %zu ids, found %zu", text, n, ids.n);
    for (size_t i = 0; i < n && i < ids.n; i++)
        CHECK(ids.ids[i] == expected[i], "\"%s\" %zu: expected %d, found %d",
              text, i, (int)expected[i], (int)ids.ids[i]);
    moe__ids_free(&ids);
}

#define ENCODES(c, text, flags, ...)                                         \
    check_encodes((c)->vocab, text, flags, (const moe_token[]){__VA_ARGS__}, \
                  sizeof((const moe_token[]){__VA_ARGS__}) /                 \
                      sizeof(moe_token))

#endif
