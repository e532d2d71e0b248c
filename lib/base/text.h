/* text.h: a growing string.
 *
 * It fails once and for all: after the first failure (no memory, or longer than
 * the limit) nothing is appended and moe__text_status says why.  So a writer
 * appends freely and asks at the end. */
#ifndef MOE_BASE_TEXT_H
#define MOE_BASE_TEXT_H

#include "base/alloc.h"
#include "base/bytes.h"

struct moe__text {
    struct moe__mem *mem;
    char *data; /* [n], not NUL-terminated; NULL if n is 0 */
    size_t n;
    size_t cap;
    size_t limit; /* most bytes */
    moe_status status;
};

/* limit 0: none. */
void moe__text_init(struct moe__text *text, struct moe__mem *mem, size_t limit);
void moe__text_free(struct moe__text *text);
void moe__text_add(struct moe__text *text, struct moe__slice bytes);
void moe__text_puts(struct moe__text *text, const char *words);
void moe__text_byte(struct moe__text *text, uint8_t byte);
/* A code point as UTF-8. */
void moe__text_code(struct moe__text *text, uint32_t code);
/* Shortens to n bytes; n <= text->n. */
void moe__text_cut(struct moe__text *text, size_t n);
/* Empties, and forgets a failure. */
void moe__text_reset(struct moe__text *text);
struct moe__slice moe__text_slice(const struct moe__text *text);
/* MOE_OK, or the failure with a sentence about `what`. */
moe_status moe__text_status(const struct moe__text *text, const char *what,
                            struct moe__err *err);

#endif
