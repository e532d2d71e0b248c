/* machine.h: loops that do one thing as fast as this machine can. */
#ifndef MOE_CLI_MACHINE_H
#define MOE_CLI_MACHINE_H

#include <stddef.h>
#include <stdint.h>

/* Reads `bytes` bytes, a multiple of 256, and returns something of them. */
uint64_t read_loop(const void *data, size_t bytes);
/* Multiplies and adds 8-bit numbers about n times; returns the multiply-adds
 * done.  The instructions are those of a backend's name. */
uint64_t mac_loop(const char *backend, uint64_t n);

#endif
