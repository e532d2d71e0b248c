/* machine_readers.c: loops that only read.
 *
 * A tile is cut into streams that are read side by side:
 *
 *     | stream 0 | stream 1 | stream 2 | stream 3 |
 *       128 bytes  128 bytes  128 bytes  128 bytes, then the next of each
 *
 * Prefetchers of the hardware follow each stream; software prefetches some
 * lines ahead fill the rest of the queue.  One stream alone leaves a quarter of
 * a Zen 3's bandwidth unused. */
#include "machine.h"

enum { line_bytes = 64, step_bytes = 128, tile_bytes = 1 << 20 };

/* Loads a line into registers, and does nothing with it. */
#if defined(__GNUC__) && defined(__x86_64__)
#define LOAD_LINE(at)                            \
    __asm__ volatile("movups (%0), %%xmm0\n\t"   \
                     "movups 16(%0), %%xmm1\n\t" \
                     "movups 32(%0), %%xmm2\n\t" \
                     "movups 48(%0), %%xmm3"     \
                     :                           \
                     : "r"(at)                   \
                     : "xmm0", "xmm1", "xmm2", "xmm3")
#elif defined(__GNUC__) && defined(__aarch64__)
#define LOAD_LINE(at)                        \
    __asm__ volatile("ldp q0, q1, [%0]\n\t"  \
                     "ldp q2, q3, [%0, #32]" \
                     :                       \
                     : "r"(at)               \
                     : "v0", "v1", "v2", "v3")
#else
#define LOAD_LINE(at)                                       \
    do {                                                    \
        const volatile uint64_t *word = (const void *)(at); \
        for (int k = 0; k < line_bytes / 8; k++)            \
            (void)word[k];                                  \
    } while (0)
#endif

#if defined(__GNUC__)
#define FETCH(address) __builtin_prefetch(address)
#define INLINE static inline __attribute__((always_inline))
#else
#define FETCH(address) ((void)(address))
#define INLINE static inline
#endif

/* Reads one tile; lines `ahead` bytes further on are asked for. */
INLINE void read_tile(const char *tile, size_t bytes, size_t n_streams,
                      size_t ahead)
{
    const size_t stream_bytes = bytes / n_streams;
    for (size_t at = 0; at < stream_bytes; at += step_bytes)
        for (size_t stream = 0; stream < n_streams; stream++) {
            const char *from = tile + stream * stream_bytes + at;
            for (size_t i = 0; i < step_bytes; i += line_bytes)
                FETCH(from + ahead + i);
            for (size_t i = 0; i < step_bytes; i += line_bytes)
                LOAD_LINE(from + i);
        }
}

INLINE void read_streams(const void *data, size_t bytes, size_t n_streams,
                         size_t ahead)
{
    const char *at = data;
    for (; bytes >= tile_bytes; bytes -= tile_bytes, at += tile_bytes)
        read_tile(at, tile_bytes, n_streams, ahead);
    read_tile(at, bytes, 1, ahead);
}

static void read_1(const void *data, size_t bytes)
{
    read_streams(data, bytes, 1, 2048);
}

static void read_2(const void *data, size_t bytes)
{
    read_streams(data, bytes, 2, 1024);
}

static void read_4_near(const void *data, size_t bytes)
{
    read_streams(data, bytes, 4, 512);
}

static void read_4(const void *data, size_t bytes)
{
    read_streams(data, bytes, 4, 1024);
}

const struct read_loop read_loops[] = {
    {"1 stream, 2048 ahead", read_1},
    {"2 streams, 1024 ahead", read_2},
    {"4 streams, 512 ahead", read_4_near},
    {"4 streams, 1024 ahead", read_4},
};
const int32_t n_read_loops = sizeof read_loops / sizeof *read_loops;
