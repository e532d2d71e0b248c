/* stops.c: the stop texts of a host. */
#include "api/api.h"

#define STOPS_MAX 1024 /* each is looked for at each byte */

moe_status moe__stream_open(struct moe__mem *mem, const char *const *stops,
                            size_t n_stops,
                            const struct moe__stream_params *params,
                            struct moe__stream **out, struct moe__err *err)
{
    struct moe__stream_params with_stops = *params;
    if (n_stops > STOPS_MAX || (n_stops > 0 && stops == NULL))
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "n_stops: expected at most %d stop texts in stops, "
                         "found %zu",
                         STOPS_MAX, n_stops);
    struct moe__slice *texts = moe__mem_calloc(mem, n_stops + 1, sizeof *texts);
    if (texts == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for %zu stop texts",
                         n_stops);
    for (size_t i = 0; i < n_stops; i++)
        texts[i] = moe__slice_str(stops[i] != NULL ? stops[i] : "");
    with_stops.stops = texts;
    with_stops.n_stops = (int32_t)n_stops;
    const moe_status status = moe__stream_create(mem, &with_stops, out, err);
    moe__mem_free(mem, texts, (n_stops + 1) * sizeof *texts);
    return status;
}
