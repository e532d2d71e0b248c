/* meta.h: entries, as the rest of this room sees them. */
#ifndef MOE_FORMAT_META_H
#define MOE_FORMAT_META_H

#include "format/gguf.h"

#define MOE__KEY_MAX 65535 /* bytes, the format's own bound */

/* Bytes of a number or bool; 0 for strings, arrays and unknown types. */
uint32_t moe__meta_type_bytes(moe_meta_type type);

/* Builds gguf->meta_order in `arena`; refuses a key that comes twice. */
moe_status moe__meta_index(struct moe__gguf *gguf, struct moe__arena *arena,
                           struct moe__err *err);

/* Replaces or appends entries of an indexed gguf: overrides [n] "KEY=VALUE".
 * An entry keeps its type if VALUE is one of that type; otherwise, and for a
 * new key, it is an i64, an f64, a bool or else a string. */
moe_status moe__meta_override(struct moe__gguf *gguf,
                              const char *const *overrides, size_t n,
                              struct moe__err *err);

#endif
