/* library.c: the public area "library": versions, statuses, backends. */
#include "api/api.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define VERSION             \
    TEXT(MOE_VERSION_MAJOR) \
    "." TEXT(MOE_VERSION_MINOR) "." TEXT(MOE_VERSION_PATCH)

const char *moe_version(void)
{
    return VERSION;
}

int32_t moe_abi_version(void)
{
    return MOE_ABI_VERSION;
}

const char *moe_build_info(void)
{
    return "{\"version\":\"" VERSION "\",\"abi\":" TEXT(
        MOE_ABI_VERSION) ",\"compiler\":\"" MOE__COMPILER
                         "\",\"architecture\":\"" MOE__ARCHITECTURE "\"}";
}

const char *moe_status_name(moe_status status)
{
    static const struct {
        moe_status status;
        const char *name;
    } names[] = {
        {MOE_OK, "MOE_OK"},
        {MOE_MORE, "MOE_MORE"},
        {MOE_ERR_ARGUMENT, "MOE_ERR_ARGUMENT"},
        {MOE_ERR_STATE, "MOE_ERR_STATE"},
        {MOE_ERR_BUFFER, "MOE_ERR_BUFFER"},
        {MOE_ERR_PARAMS_TOO_NEW, "MOE_ERR_PARAMS_TOO_NEW"},
        {MOE_ERR_BUSY, "MOE_ERR_BUSY"},
        {MOE_ERR_NOT_FOUND, "MOE_ERR_NOT_FOUND"},
        {MOE_ERR_NO_MEMORY, "MOE_ERR_NO_MEMORY"},
        {MOE_ERR_IO, "MOE_ERR_IO"},
        {MOE_ERR_THREAD, "MOE_ERR_THREAD"},
        {MOE_ERR_FORMAT, "MOE_ERR_FORMAT"},
        {MOE_ERR_TRUNCATED, "MOE_ERR_TRUNCATED"},
        {MOE_ERR_UNSUPPORTED, "MOE_ERR_UNSUPPORTED"},
        {MOE_ERR_TENSOR, "MOE_ERR_TENSOR"},
        {MOE_ERR_CONTEXT_FULL, "MOE_ERR_CONTEXT_FULL"},
        {MOE_ERR_CANCELLED, "MOE_ERR_CANCELLED"},
        {MOE_ERR_INTERNAL, "MOE_ERR_INTERNAL"},
    };
    for (size_t i = 0; i < MOE__COUNT(names); i++)
        if (names[i].status == status)
            return names[i].name;
    return "MOE_STATUS_?";
}

moe_status moe_backend_at(int32_t index, moe_backend_info *info)
{
    moe_backend_info found;
    if (info == NULL || index < 0)
        return MOE_ERR_ARGUMENT;
    memset(&found, 0, sizeof found);
    if (!moe__kern_backend(index, &found))
        return MOE_ERR_NOT_FOUND;
    return moe__info_fill(info, &found, sizeof found);
}
