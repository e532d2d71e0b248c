/* output.c: sentences on stderr, bytes in buffers and files, the clock. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *failing_command = "";
static int output_errno; /* of the first write to stdout that failed */

void fail_names(const char *command)
{
    failing_command = command;
}

int fail(int code, const char *format, ...)
{
    va_list args;
    output_flush();
    fprintf(stderr, "%smoe%s%s:%s ", style_error(), *failing_command ? " " : "",
            failing_command, style_end());
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    putc('\n', stderr);
    return code;
}

int fail_status(moe_status status, const char *message)
{
    static const struct {
        moe_status status;
        int code;
    } codes[] = {
        {MOE_ERR_ARGUMENT, CODE_USAGE},
        {MOE_ERR_NO_MEMORY, CODE_NO_ROOM},
        {MOE_ERR_FORMAT, CODE_BAD_FILE},
        {MOE_ERR_TRUNCATED, CODE_BAD_FILE},
        {MOE_ERR_UNSUPPORTED, CODE_BAD_FILE},
        {MOE_ERR_TENSOR, CODE_BAD_FILE},
        {MOE_ERR_CONTEXT_FULL, CODE_CONTEXT_FULL},
        {MOE_ERR_CANCELLED, CODE_INTERRUPTED},
    };
    int code = CODE_FAILED;
    for (size_t i = 0; i < COUNT_OF(codes); i++)
        if (codes[i].status == status)
            code = codes[i].code;
    if (code == CODE_INTERRUPTED) /* who pressed ^C needs no sentence */
        return code;
    return fail(code, "%s", *message ? message : moe_status_name(status));
}

bool output_is_broken(void)
{
    return ferror(stdout) != 0;
}

void output_flush(void)
{
    if (fflush(stdout) != 0 && output_errno == 0)
        output_errno = errno;
}

int finish_output(int code)
{
    output_flush();
    if (!ferror(stdout) || pipe_is_broken())
        return code;
    return fail(CODE_FAILED, "writing to stdout: %s",
                strerror(output_errno != 0 ? output_errno : EIO));
}

double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

const char *show_bytes(uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    static char texts[8][32];
    static unsigned next;
    char *text = texts[next++ % 8];
    size_t unit = 0;
    double value = (double)bytes;
    for (; value >= 1024 && unit + 1 < COUNT_OF(units); unit++)
        value /= 1024;
    snprintf(text, sizeof texts[0], unit == 0 ? "%.0f %s" : "%.1f %s", value,
             units[unit]);
    return text;
}

static void *must_have(void *memory)
{
    if (memory == NULL)
        exit(fail(CODE_NO_ROOM, "no memory left"));
    return memory;
}

void *must_alloc(size_t n, size_t size)
{
    return must_have(calloc(n > 0 ? n : 1, size));
}

void buffer_put(struct buffer *buffer, const void *data, size_t n)
{
    if (n >= buffer->cap - buffer->n) { /* one more byte for the NUL */
        size_t cap = (buffer->n + n) * 2 + 64;
        buffer->data = must_have(realloc(buffer->data, cap));
        buffer->cap = cap;
    }
    memcpy(buffer->data + buffer->n, data, n);
    buffer->n += n;
    buffer->data[buffer->n] = 0;
}

bool buffer_read(struct buffer *buffer, FILE *from)
{
    char chunk[1 << 14];
    buffer_put(buffer, "", 0);
    errno = 0;
    while (!interrupt_seen()) {
        size_t n = fread(chunk, 1, sizeof chunk, from);
        buffer_put(buffer, chunk, n);
        if (n < sizeof chunk)
            break;
    }
    return !ferror(from);
}

bool buffer_load(struct buffer *buffer, const char *path)
{
    if (strcmp(path, "-") == 0)
        return buffer_read(buffer, stdin);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    bool is_whole = buffer_read(buffer, file);
    int why = errno;
    fclose(file);
    errno = why;
    return is_whole;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}
