/* file.h: bytes of a model file, mapped or read through a moe_source. */
#ifndef MOE_OS_FILE_H
#define MOE_OS_FILE_H

#include "base/alloc.h"
#include "base/bytes.h"

/* A file mapped read-only and shared. */
struct moe__map {
    const uint8_t *data; /* [bytes]; NULL: nothing is mapped */
    uint64_t bytes;
};

/* path UTF-8.  An empty file, a directory or a device is refused with a
 * sentence that names the path.  On failure *map is empty; closing an empty map
 * does nothing. */
moe_status moe__map_open(struct moe__map *map, const char *path,
                         struct moe__err *err);
void moe__map_close(struct moe__map *map);
/* Hint: [offset, offset + bytes) will be needed soon.  Never fails. */
void moe__map_prefetch(const struct moe__map *map, uint64_t offset,
                       uint64_t bytes);

/* A source over a path, for loading by copy; the same files are refused.
 * moe_source.close ends it.  On failure *out is untouched. */
moe_status moe__source_open(struct moe__mem *mem, const char *path,
                            moe_source *out, struct moe__err *err);

#endif
