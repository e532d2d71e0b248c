/* stream.h: bytes of tokens in, text for people out.
 *
 * What comes out is whole UTF-8 characters and nothing of a stop text; what may
 * be the beginning of one, or of a mark around reasoning, is held back until it
 * is known.  The earliest counts, at the same place a stop text.  A byte that
 * is part of no character becomes U+FFFD, at the end also the bytes of one that
 * is not complete.  However the bytes are cut, the same text comes out. */
#ifndef MOE_CHAT_STREAM_H
#define MOE_CHAT_STREAM_H

#include "base/text.h"

enum moe__segment_kind { MOE__SEGMENT_TEXT, MOE__SEGMENT_REASONING };

struct moe__segment {
    enum moe__segment_kind kind;
    struct moe__slice text; /* lent until the next call on the stream */
};

struct moe__stream;

struct moe__stream_params {
    const struct moe__slice *stops; /* [n_stops] copied; empty ones ignored */
    int32_t n_stops;
    struct moe__slice think_begin; /* "<think>"; empty: no reasoning */
    struct moe__slice think_end;   /* "</think>" */
    bool starts_in_reasoning;      /* the prompt has opened it already */
};

moe_status moe__stream_create(struct moe__mem *mem,
                              const struct moe__stream_params *params,
                              struct moe__stream **out, struct moe__err *err);
/* Another one with the same params, as new. */
moe_status moe__stream_clone(struct moe__mem *mem,
                             const struct moe__stream *stream,
                             struct moe__stream **out, struct moe__err *err);
void moe__stream_destroy(struct moe__stream *stream);
/* As new, for the next answer. */
void moe__stream_reset(struct moe__stream *stream, bool starts_in_reasoning);
/* MOE_ERR_NO_MEMORY is the only failure.  After a stop text nothing is taken.
 */
moe_status moe__stream_put(struct moe__stream *stream, struct moe__slice bytes);
/* No more bytes will come: what was held is let go. */
moe_status moe__stream_end(struct moe__stream *stream);
/* The next piece that is certain, of one kind; false: there is none. */
bool moe__stream_next(struct moe__stream *stream, struct moe__segment *segment);
/* MOE_OK, or why nothing comes out any more. */
moe_status moe__stream_status(const struct moe__stream *stream,
                              struct moe__err *err);
/* What was taken ended inside reasoning. */
bool moe__stream_is_reasoning(const struct moe__stream *stream);
/* A stop text was met; what came before it can still be taken. */
bool moe__stream_is_stopped(const struct moe__stream *stream);

#endif
