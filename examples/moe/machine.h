/* machine.h: loops that do one thing as fast as this machine can. */
#ifndef MOE_CLI_MACHINE_H
#define MOE_CLI_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads `bytes` bytes, a multiple of 256, and returns something of them. */
uint64_t read_loop(const void *data, size_t bytes);
/* Adds a number to itself n times, each time to the last result: n cycles. */
uint64_t chain_loop(uint64_t n);

/* Kinds of instructions that multiply and add. */
enum { max_tiers = 8 };
struct mac_tier {
    const char *name;
    const char *needs; /* what a machine without it lacks */
    bool (*has)(void);
    uint64_t (*loop)(uint64_t n);
};
extern const struct mac_tier mac_tiers[]; /* [n_mac_tiers] */
extern const int32_t n_mac_tiers;

/* Multiplies and adds 8-bit numbers about n times; returns the multiply-adds
 * done.  The instructions are those of a backend's name. */
uint64_t mac_loop(const char *backend, uint64_t n);

#endif
