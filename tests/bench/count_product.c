/* count_product BACKEND TYPE TOKENS COLUMNS: one product of 16 rows, for
 * count_arm.py, which counts what an emulator executes.  BACKEND and TYPE are
 * the numbers of moe.h and of GGUF. */
#include "kern/kern.h"
#include "quant/quant.h"

#include <stdio.h>
#include <stdlib.h>

#define ROWS 16

int main(int argc, char **argv)
{
    struct moe__kern kern;
    struct moe__err err = {0};
    if (argc != 5 ||
        moe__kern_init(&kern, (moe_backend)atoi(argv[1]), &err) != MOE_OK) {
        fprintf(stderr, "%s\n", argc == 5 ? err.message : "four numbers");
        return 1;
    }
    const int32_t type = atoi(argv[2]), n = atoi(argv[3]), k = atoi(argv[4]);
    const struct moe__type_info *info = moe__type_info(type);
    const size_t cols = (size_t)k, all = (size_t)n * cols;
    const size_t row_bytes =
        cols / (size_t)info->block_elems * (size_t)info->block_bytes;
    const struct moe__act x = {.operand = info->operand,
                               .stride = k,
                               .x = calloc(all, sizeof(float)),
                               .q = calloc(all, 1),
                               .scale = calloc(all / 32, sizeof(float)),
                               .sum = calloc(all / 16, sizeof(int16_t))};
    const struct moe__mat w = {.type = type,
                               .data = calloc(ROWS, row_bytes),
                               .row_bytes = row_bytes,
                               .n_rows = ROWS,
                               .n_cols = k};
    const struct moe__matmul job = {
        .w = &w,
        .x = &x,
        .y = calloc((size_t)n * ROWS, sizeof(float)),
        .scratch = aligned_alloc(64, MOE__MATMUL_SCRATCH),
        .y_stride = ROWS,
        .n_tokens = n,
        .row_end = ROWS,
    };
    moe__kern_multiply(&kern, &job);
    return 0;
}
