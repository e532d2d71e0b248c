/* border.c: structures, errors and log lines that cross into the host. */
#include "api/api.h"

/* No structure of any version is larger: a size above it is garbage. */
#define MAX_STRUCT_BYTES 4096

moe_status moe__struct_copy(void *dst, size_t dst_bytes, const void *src,
                            const char *name, struct moe__err *err)
{
    memset(dst, 0, dst_bytes);
    if (src != NULL) {
        size_t src_bytes;
        memcpy(&src_bytes, src, sizeof src_bytes);
        if (src_bytes < sizeof src_bytes || src_bytes > MAX_STRUCT_BYTES)
            return moe__fail(err, MOE_ERR_ARGUMENT,
                             "%s.struct_size: expected sizeof(%s), %zu, found "
                             "%zu",
                             name, name, dst_bytes, src_bytes);
        const uint8_t *bytes = src;
        for (size_t i = dst_bytes; i < src_bytes; i++)
            if (bytes[i] != 0)
                return moe__fail(err, MOE_ERR_PARAMS_TOO_NEW,
                                 "%s: a field at byte %zu is set, this "
                                 "version of the library knows %zu bytes",
                                 name, i, dst_bytes);
        memcpy(dst, src, src_bytes < dst_bytes ? src_bytes : dst_bytes);
    }
    memcpy(dst, &dst_bytes, sizeof dst_bytes);
    return MOE_OK;
}

moe_status moe__info_fill(void *dst, const void *src, size_t src_bytes)
{
    size_t dst_bytes;
    if (dst == NULL)
        return MOE_ERR_ARGUMENT;
    memcpy(&dst_bytes, dst, sizeof dst_bytes);
    if (dst_bytes < sizeof dst_bytes || dst_bytes > MAX_STRUCT_BYTES)
        return MOE_ERR_ARGUMENT;
    memset(dst, 0, dst_bytes);
    memcpy(dst, src, dst_bytes < src_bytes ? dst_bytes : src_bytes);
    memcpy(dst, &dst_bytes, sizeof dst_bytes);
    return MOE_OK;
}

moe_status moe__error_out(moe_error *out, const struct moe__err *err,
                          moe_status status)
{
    if (out == NULL || status >= 0)
        return status;
    out->status = status;
    moe__format(out->message, sizeof out->message, "%s", err->message);
    return status;
}

void moe__host_log(moe_log_fn fn, void *user, moe_log_level level,
                   const char *text)
{
    if (fn != NULL)
        fn(user, level, text);
}
