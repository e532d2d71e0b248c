/* machine.h: loops that do one thing as fast as this machine can. */
#ifndef MOE_CLI_MACHINE_H
#define MOE_CLI_MACHINE_H

#include <stddef.h>
#include <stdint.h>

enum { max_loops = 8 };

/* Ways to read `bytes` bytes, a multiple of 256: which one is best depends on
 * the machine. */
struct read_loop {
    const char *name;
    void (*run)(const void *data, size_t bytes);
};
extern const struct read_loop read_loops[]; /* [n_read_loops] */
extern const int32_t n_read_loops;

/* Kinds of instructions that multiply and add.  They do so about n times and
 * return how often. */
struct mac_loop {
    const char *name;
    const char *backend; /* of the library, that has these instructions */
    uint64_t (*run)(uint64_t n);
};
extern const struct mac_loop mac_loops[]; /* [n_mac_loops] */
extern const int32_t n_mac_loops;

/* The loop that is the limit of a backend's products. */
const struct mac_loop *mac_loop_of(const char *backend);

/* Adds to a register n times, each time to the last result: n cycles.  Returns
 * n, or 0 where it is not known how to do so. */
uint64_t chain_loop(uint64_t n);

#endif
