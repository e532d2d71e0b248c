/* status.h: status codes with a sentence, and how functions pass them on.
 *
 * Inside the library a struct moe__err collects one sentence.  It is optional
 * everywhere: NULL means that nobody listens. */
#ifndef MOE_BASE_STATUS_H
#define MOE_BASE_STATUS_H

#include <moe.h>

#include "base/compiler.h"

struct moe__err {
    moe_status status;
    char message[244];
};

/* Writes the sentence and returns `status`.  Conversions (no others): %s %.*s
 * %d %u %x %c %% %zu %lld %llu %g (6 digits).  Never allocates; a text that is
 * too long ends in "...", never inside a character.  %s, %.*s and %c pass
 * printable ASCII and UTF-8 and write every other byte as \xNN, so a string
 * may come from a file.  err->message may be an argument: a caller can put its
 * own words around a sentence. */
moe_status moe__fail(struct moe__err *err, moe_status status,
                     const char *format, ...) MOE__FORMAT(3, 4);

/* The same formatting into a buffer [cap]; always NUL-terminated; returns the
 * length written. */
size_t moe__format(char *buf, size_t cap, const char *format, ...)
    MOE__FORMAT(3, 4);

#define MOE__TRY(expr)                       \
    do {                                     \
        moe_status moe__try_status = (expr); \
        if (moe__try_status != MOE_OK)       \
            return moe__try_status;          \
    } while (0)

#endif
