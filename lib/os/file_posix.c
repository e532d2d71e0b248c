/* file_posix.c: model files on systems with mmap.
 *
 * Assumes that files do not shrink while they are mapped (moe.h says what
 * happens then).  Refuses everything that is not a regular file with something
 * in it. */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64 /* files above 2 GiB on 32-bit systems */

#include "os/file.h"

#if !defined(_WIN32)

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Says why the system refused to open or map `path`. */
static moe_status file_fail(struct moe__err *err, int reason, const char *path)
{
    switch (reason) {
    case ENOENT:
    case ENOTDIR:
        return moe__fail(err, MOE_ERR_NOT_FOUND, "no such file: %s", path);
    case EACCES:
    case EPERM:
        return moe__fail(err, MOE_ERR_IO, "no permission to read: %s", path);
    case ENOMEM:
        return moe__fail(err, MOE_ERR_NO_MEMORY,
                         "no address space or memory to map: %s", path);
    default:
        return moe__fail(err, MOE_ERR_IO, "cannot open (errno %d): %s", reason,
                         path);
    }
}

static moe_status file_check(const struct stat *st, const char *path,
                             struct moe__err *err)
{
    if (S_ISDIR(st->st_mode))
        return moe__fail(err, MOE_ERR_IO,
                         "expected a file, found a directory: %s", path);
    if (!S_ISREG(st->st_mode))
        return moe__fail(err, MOE_ERR_IO,
                         "expected a file, found a device or pipe: %s", path);
    if (st->st_size <= 0)
        return moe__fail(err, MOE_ERR_TRUNCATED, "the file is empty: %s", path);
    if ((uint64_t)st->st_size > SIZE_MAX)
        return moe__fail(err, MOE_ERR_NO_MEMORY,
                         "%llu bytes do not fit in the address space: %s",
                         (unsigned long long)st->st_size, path);
    return MOE_OK;
}

/* Opens a regular file for reading.  O_NONBLOCK: a pipe that nobody writes
 * would block the caller before it could be refused. */
static moe_status file_open(const char *path, int *fd, uint64_t *bytes,
                            struct moe__err *err)
{
    const int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (opened < 0)
        return file_fail(err, errno, path);
    const moe_status status = fstat(opened, &st) == 0
                                  ? file_check(&st, path, err)
                                  : file_fail(err, errno, path);
    if (status != MOE_OK) {
        close(opened);
        return status;
    }
    *fd = opened;
    *bytes = (uint64_t)st.st_size;
    return MOE_OK;
}

moe_status moe__map_open(struct moe__map *map, const char *path,
                         struct moe__err *err)
{
    int fd;
    uint64_t bytes;
    map->data = NULL;
    map->bytes = 0;
    MOE__TRY(file_open(path, &fd, &bytes, err));
    void *data = mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, fd, 0);
    const int reason = errno;
    close(fd); /* the mapping stays */
    if (data == MAP_FAILED)
        return file_fail(err, reason, path);
    map->data = data;
    map->bytes = bytes;
    return MOE_OK;
}

void moe__map_close(struct moe__map *map)
{
    if (map->data)
        munmap((void *)(uintptr_t)map->data, (size_t)map->bytes);
    map->data = NULL;
    map->bytes = 0;
}

void moe__map_prefetch(const struct moe__map *map, uint64_t offset,
                       uint64_t bytes)
{
    const long page = sysconf(_SC_PAGESIZE);
    if (page <= 0 || offset >= map->bytes)
        return;
    if (bytes > map->bytes - offset)
        bytes = map->bytes - offset;
    const uint64_t before = offset % (uint64_t)page;
    uint8_t *start = (uint8_t *)(uintptr_t)map->data + (offset - before);
    posix_madvise(start, (size_t)(bytes + before), POSIX_MADV_WILLNEED);
}

/* ---------------------------------------------------------------- source */

struct file_source {
    struct moe__mem *mem;
    int fd;
};

static int32_t file_source_read(void *user, uint64_t offset, void *dst,
                                size_t bytes)
{
    const struct file_source *source = user;
    const size_t most = (size_t)1
                        << 30; /* more at once fails on some systems */
    uint8_t *to = dst;
    while (bytes > 0) {
        const size_t ask = bytes < most ? bytes : most;
        const ssize_t got = pread(source->fd, to, ask, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) /* an error, or the file has become shorter */
            return -1;
        to += got;
        offset += (uint64_t)got;
        bytes -= (size_t)got;
    }
    return 0;
}

static void file_source_close(void *user)
{
    struct file_source *source = user;
    close(source->fd);
    moe__mem_free(source->mem, source, sizeof *source);
}

moe_status moe__source_open(struct moe__mem *mem, const char *path,
                            moe_source *out, struct moe__err *err)
{
    int fd;
    uint64_t bytes;
    MOE__TRY(file_open(path, &fd, &bytes, err));
    struct file_source *source = moe__mem_alloc(mem, sizeof *source);
    if (source == NULL) {
        close(fd);
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory to open: %s", path);
    }
    source->mem = mem;
    source->fd = fd;
    const moe_source opened = {.struct_size = sizeof opened,
                               .user = source,
                               .size_bytes = bytes,
                               .read_at = file_source_read,
                               .close = file_source_close};
    *out = opened;
    return MOE_OK;
}

#endif
