/* grammar_codes.c: ranges of code points as edges that read UTF-8.
 *
 * A range is cut into pieces in which each byte runs through a range of its
 * own, whatever the others are (RFC 3629); pieces are written from their last
 * byte, so that equal ends are written once. */
#include "sample/grammar_state.h"

/* Ends that are remembered; classes of scripts have few that differ. */
#define CODES_ENDS 32

struct codes_end {
    int32_t from, to;
    uint8_t first, last;
};

struct codes_net {
    struct moe__automaton *net;
    int32_t from, to;
    int32_t n_ends;
    struct codes_end ends[CODES_ENDS]; /* a ring */
};

/* A state from which bytes first to last lead to `to`. */
static moe_status codes_end_state(struct codes_net *codes, uint8_t first,
                                  uint8_t last, int32_t to, int32_t *from)
{
    for (int32_t i = 0; i < moe__min_i32(codes->n_ends, CODES_ENDS); i++) {
        const struct codes_end *end = &codes->ends[i];
        if (end->to == to && end->first == first && end->last == last) {
            *from = end->from;
            return MOE_OK;
        }
    }
    *from = moe__automaton_state(codes->net);
    codes->ends[codes->n_ends++ % CODES_ENDS] =
        (struct codes_end){*from, to, first, last};
    return moe__automaton_edge_add(
        codes->net, (struct moe__automaton_edge){.from = *from,
                                                 .to = to,
                                                 .kind = MOE__AUTOMATON_BYTE,
                                                 .first = first,
                                                 .last = last});
}

static moe_status codes_piece(struct codes_net *codes, uint32_t low,
                              uint32_t high)
{
    uint8_t first[4], last[4];
    const int32_t n = moe__utf8_encode(low, first);
    moe__utf8_encode(high, last);
    int32_t to = codes->to;
    for (int32_t i = n - 1; i > 0; i--)
        MOE__TRY(codes_end_state(codes, first[i], last[i], to, &to));
    return moe__automaton_edge_add(
        codes->net, (struct moe__automaton_edge){.from = codes->from,
                                                 .to = to,
                                                 .kind = MOE__AUTOMATON_BYTE,
                                                 .first = first[0],
                                                 .last = last[0]});
}

/* The last code point of the piece that begins with `low`: below the next
 * length, and such that what follows the first byte that differs runs from 80
 * to BF in both.  A group of 64^i code points is all that i bytes can say. */
static uint32_t piece_last(uint32_t low, uint32_t high)
{
    static const uint32_t last_of_length[] = {0x7f, 0x7ff, 0xffff, 0x10ffff};
    int32_t length = 0;
    while (last_of_length[length] < low)
        length++;
    if (high > last_of_length[length])
        high = last_of_length[length];
    for (uint32_t group = 64; length > 0; length--, group *= 64) {
        if (low / group == high / group)
            break;
        if (low % group != 0) /* up to the end of this group */
            return low / group * group + group - 1;
        if (high % group != group - 1) /* whole groups, before the last */
            high = high / group * group - 1;
    }
    return high;
}

moe_status moe__automaton_codes(struct moe__automaton *net,
                                const struct moe__code_range *ranges, int32_t n,
                                int32_t from, int32_t to)
{
    struct codes_net codes = {.net = net, .from = from, .to = to};
    for (int32_t i = 0; i < n; i++)
        for (uint32_t low = ranges[i].first; low <= ranges[i].last;) {
            const uint32_t last = piece_last(low, ranges[i].last);
            MOE__TRY(codes_piece(&codes, low, last));
            low = last + 1;
        }
    return MOE_OK;
}
