/* tensors.h: where tensors lie, as the rest of this room sees it. */
#ifndef MOE_FORMAT_TENSORS_H
#define MOE_FORMAT_TENSORS_H

#include "format/gguf.h"

/* Checks a tensor's type, dims and offset, which is relative to the data
 * section so far; gives it its bytes and its offset in the file. */
moe_status moe__tensor_place(struct moe__tensor *tensor,
                             const struct moe__shard *shard, uint64_t alignment,
                             struct moe__err *err);

/* Joins the shards' tensors into gguf->tensors and builds its tensor_order;
 * refuses a name that comes twice and tensors that share bytes. */
moe_status moe__tensors_join(struct moe__gguf *gguf, struct moe__err *err);

#endif
