/* file_win.c: model files on Windows.  What file_posix.c says holds here too.
 *
 * Files are opened without FILE_SHARE_WRITE, so nobody can shorten one while
 * it is mapped. */
#include "os/file.h"

#if defined(_WIN32)

#define WIN32_LEAN_AND_MEAN
#if !defined(_WIN32_WINNT) || _WIN32_WINNT < 0x0602
#undef _WIN32_WINNT
#define _WIN32_WINNT 0x0602 /* Windows 8: PrefetchVirtualMemory */
#endif
#include <windows.h>

#define WIN_PATH_UNITS 4096 /* UTF-16 units of a path with its NUL */

/* Says why the system refused to open or map `path`. */
static moe_status win_file_fail(struct moe__err *err, DWORD reason,
                                const char *path)
{
    switch (reason) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_NAME:
    case ERROR_BAD_NETPATH:
        return moe__fail(err, MOE_ERR_NOT_FOUND, "no such file: %s", path);
    case ERROR_ACCESS_DENIED:
        return moe__fail(err, MOE_ERR_IO, "no permission to read: %s", path);
    case ERROR_SHARING_VIOLATION:
        return moe__fail(err, MOE_ERR_IO,
                         "another program is writing to the file: %s", path);
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_COMMITMENT_LIMIT:
        return moe__fail(err, MOE_ERR_NO_MEMORY,
                         "no address space or memory to map: %s", path);
    default:
        return moe__fail(err, MOE_ERR_IO, "cannot open (error %u): %s",
                         (unsigned)reason, path);
    }
}

static moe_status win_file_check(HANDLE file, const char *path, uint64_t *bytes,
                                 struct moe__err *err)
{
    LARGE_INTEGER size;
    if (GetFileType(file) != FILE_TYPE_DISK)
        return moe__fail(err, MOE_ERR_IO,
                         "expected a file, found a device or pipe: %s", path);
    if (!GetFileSizeEx(file, &size))
        return win_file_fail(err, GetLastError(), path);
    if (size.QuadPart <= 0)
        return moe__fail(err, MOE_ERR_TRUNCATED, "the file is empty: %s", path);
    if ((uint64_t)size.QuadPart > SIZE_MAX)
        return moe__fail(err, MOE_ERR_NO_MEMORY,
                         "%llu bytes do not fit in the address space: %s",
                         (unsigned long long)size.QuadPart, path);
    *bytes = (uint64_t)size.QuadPart;
    return MOE_OK;
}

static moe_status win_file_open(const char *path, HANDLE *file, uint64_t *bytes,
                                struct moe__err *err)
{
    WCHAR wide[WIN_PATH_UNITS];
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide,
                            WIN_PATH_UNITS) == 0)
        return moe__fail(err, MOE_ERR_NOT_FOUND,
                         "the path is not UTF-8 or above %d characters: %s",
                         WIN_PATH_UNITS - 1, path);
    const DWORD attributes = GetFileAttributesW(wide);
    if (attributes != INVALID_FILE_ATTRIBUTES &&
        (attributes & FILE_ATTRIBUTE_DIRECTORY))
        return moe__fail(err, MOE_ERR_IO,
                         "expected a file, found a directory: %s", path);
    HANDLE opened =
        CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE,
                    NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    if (opened == INVALID_HANDLE_VALUE)
        return win_file_fail(err, GetLastError(), path);
    const moe_status status = win_file_check(opened, path, bytes, err);
    if (status != MOE_OK) {
        CloseHandle(opened);
        return status;
    }
    *file = opened;
    return MOE_OK;
}

moe_status moe__map_open(struct moe__map *map, const char *path,
                         struct moe__err *err)
{
    HANDLE file;
    uint64_t bytes;
    map->data = NULL;
    map->bytes = 0;
    MOE__TRY(win_file_open(path, &file, &bytes, err));
    HANDLE mapping = CreateFileMappingW(file, NULL, PAGE_READONLY, 0, 0, NULL);
    const void *data =
        mapping ? MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0) : NULL;
    const DWORD reason = GetLastError();
    if (mapping)
        CloseHandle(mapping); /* the view holds the file open */
    CloseHandle(file);
    if (data == NULL)
        return win_file_fail(err, reason, path);
    map->data = data;
    map->bytes = bytes;
    return MOE_OK;
}

void moe__map_close(struct moe__map *map)
{
    if (map->data)
        UnmapViewOfFile(map->data);
    map->data = NULL;
    map->bytes = 0;
}

void moe__map_prefetch(const struct moe__map *map, uint64_t offset,
                       uint64_t bytes)
{
    if (offset >= map->bytes)
        return;
    if (bytes > map->bytes - offset)
        bytes = map->bytes - offset;
    WIN32_MEMORY_RANGE_ENTRY range = {(void *)(uintptr_t)(map->data + offset),
                                      (SIZE_T)bytes};
    PrefetchVirtualMemory(GetCurrentProcess(), 1, &range, 0);
}

/* ---------------------------------------------------------------- source */

struct win_file_source {
    struct moe__mem *mem;
    HANDLE file;
};

/* The offset is an argument of each read, so threads do not disturb each
 * other. */
static int32_t win_file_source_read(void *user, uint64_t offset, void *dst,
                                    size_t bytes)
{
    const struct win_file_source *source = user;
    const size_t most = (size_t)1 << 30; /* the length is a DWORD */
    uint8_t *to = dst;
    while (bytes > 0) {
        const DWORD ask = (DWORD)(bytes < most ? bytes : most);
        DWORD got = 0;
        OVERLAPPED at = {0};
        at.Offset = (DWORD)(offset & 0xffffffffu);
        at.OffsetHigh = (DWORD)(offset >> 32);
        if (!ReadFile(source->file, to, ask, &got, &at) || got == 0)
            return -1;
        to += got;
        offset += got;
        bytes -= got;
    }
    return 0;
}

static void win_file_source_close(void *user)
{
    struct win_file_source *source = user;
    CloseHandle(source->file);
    moe__mem_free(source->mem, source, sizeof *source);
}

moe_status moe__source_open(struct moe__mem *mem, const char *path,
                            moe_source *out, struct moe__err *err)
{
    HANDLE file;
    uint64_t bytes;
    MOE__TRY(win_file_open(path, &file, &bytes, err));
    struct win_file_source *source = moe__mem_alloc(mem, sizeof *source);
    if (source == NULL) {
        CloseHandle(file);
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory to open: %s", path);
    }
    source->mem = mem;
    source->file = file;
    const moe_source opened = {.struct_size = sizeof opened,
                               .user = source,
                               .size_bytes = bytes,
                               .read_at = win_file_source_read,
                               .close = win_file_source_close};
    *out = opened;
    return MOE_OK;
}

#endif
