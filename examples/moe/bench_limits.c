/* bench_limits.c: what this machine can do at most, for `moe bench`. */
#include "bench.h"

#include <string.h>

/* The reader reads at most this much: more than any cache, soon done. */
static const size_t reader_bytes = (size_t)1 << 30;
static const size_t scratch_bytes = (size_t)512 << 20;

/* The model's file, or filled memory if there is none; NULL: no memory. */
static const void *limits_source(struct bench *bench, size_t *bytes)
{
    const void *data = NULL;
    if (bench->options->n_args > 0)
        data = machine_map(model_path(bench->options), bytes);
    bench->source = data != NULL ? "the model's file" : "memory";
    if (data != NULL)
        return data;
    uint64_t quarter = machine_memory_bytes() / 4;
    *bytes = quarter > 0 && quarter < scratch_bytes ? (size_t)quarter
                                                    : scratch_bytes;
    return machine_scratch(*bytes);
}

int bench_limits(struct bench *bench, const struct bench_list *threads)
{
    size_t bytes = 0;
    const void *data = limits_source(bench, &bytes);
    if (data == NULL)
        return fail(CODE_NO_ROOM, "no memory for the reader: %s",
                    show_bytes(bytes));
    bench->source_bytes = bytes < reader_bytes ? bytes : reader_bytes;
    for (int32_t i = 0; i < threads->n && !interrupt_seen(); i++) {
        int32_t n = threads->items[i];
        bench->limits[i] = (struct bench_limit){
            n, machine_read_rate(data, bench->source_bytes, n),
            machine_mac_rate(bench->backend, n)};
        bench->n_limits = i + 1;
    }
    machine_release(data, bytes);
    return interrupt_seen() ? CODE_INTERRUPTED : CODE_DONE;
}

const char *mac_loop_reason(const struct mac_loop *loop)
{
    moe_backend_info info = {.struct_size = sizeof info};
    for (int32_t i = 0; moe_backend_at(i, &info) == MOE_OK; i++)
        if (strcmp(info.name, loop->backend) == 0)
            return info.is_available ? "" : info.reason;
    return "its backend is not part of this build";
}

int bench_loops(struct bench *bench)
{
    for (int32_t i = 0; i < n_mac_loops; i++) {
        if (*mac_loop_reason(&mac_loops[i]) != 0)
            continue;
        double hertz = machine_hertz(); /* it varies: the best counts */
        if (hertz > bench->hertz)
            bench->hertz = hertz;
        for (int32_t t = 0; t < bench->n_limits && !interrupt_seen(); t++)
            bench->loop_rates[i][t] =
                machine_loop_rate(mac_loops[i].run, bench->limits[t].n_threads);
    }
    return interrupt_seen() ? CODE_INTERRUPTED : CODE_DONE;
}
