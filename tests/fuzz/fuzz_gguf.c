/* fuzz_gguf.c: any bytes as a GGUF file: header, tables, every accessor.
 *
 *     clang -fsanitize=fuzzer,address,undefined ... fuzz_gguf.c lib/...
 *     ./fuzz_gguf -max_len=4096 CORPUS
 *
 * A bad result stops the fuzzer, which keeps the input. */
#define _POSIX_C_SOURCE 200809L
#include "gguf_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct moe__err err;
    if (check_survive(data, n, &err) != NULL)
        abort();
    return 0;
}
