/* stream.c: marks and characters in a stream of bytes.
 *
 *     pending:  | taken | certain | may begin a mark or a character |
 *                       ^ from    ^ hold
 *
 * What lies before the first complete mark and before `hold` is certain.  A
 * mark may be complete behind `hold`: then an earlier one may still win. */
#include "chat/stream.h"

#include "base/utf8.h"

enum stream_meaning {
    MARK_STOP,
    MARK_THINK, /* reasoning begins */
    MARK_SPEAK  /* and ends */
};

struct stream_mark {
    struct moe__slice text; /* in `texts` */
    enum stream_meaning meaning;
};

struct moe__stream {
    struct moe__mem *mem;
    struct stream_mark *marks; /* [n_marks] */
    int32_t n_marks;
    int32_t n_slots;          /* for marks */
    struct moe__text texts;   /* of the marks */
    struct moe__text pending; /* bytes that were put */
    size_t from;              /* so many of them were taken */
    struct moe__text out;     /* what the last segment lends */
    enum moe__segment_kind kind;
    bool is_stopped;
    bool is_ended;
};

static void stream_add_mark(struct moe__stream *stream, struct moe__slice text,
                            enum stream_meaning meaning)
{
    if (text.n == 0)
        return;
    struct stream_mark *mark = &stream->marks[stream->n_marks++];
    mark->text = moe__slice_of(NULL, text.n);
    mark->meaning = meaning;
    moe__text_add(&stream->texts, text);
}

/* Marks point into texts, which has its final place now. */
static void stream_place_marks(struct moe__stream *stream)
{
    const uint8_t *at = moe__text_slice(&stream->texts).data;
    for (int32_t i = 0; i < stream->n_marks; i++) {
        stream->marks[i].text.data = at;
        at += stream->marks[i].text.n;
    }
}

/* Takes the texts of the marks; their bytes are elsewhere so far. */
static moe_status stream_make(struct moe__mem *mem, int32_t n_slots,
                              struct moe__stream **out, struct moe__err *err)
{
    struct moe__stream *stream = moe__mem_calloc(mem, 1, sizeof *stream);
    *out = stream;
    if (stream != NULL) {
        stream->mem = mem;
        stream->n_slots = n_slots;
        moe__text_init(&stream->texts, mem, 0);
        moe__text_init(&stream->pending, mem, 0);
        moe__text_init(&stream->out, mem, 0);
        stream->marks =
            moe__mem_calloc(mem, (size_t)n_slots, sizeof *stream->marks);
    }
    return stream != NULL && stream->marks != NULL
               ? MOE_OK
               : moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for a stream");
}

static moe_status stream_made(struct moe__stream **out, moe_status status,
                              bool starts_in_reasoning, struct moe__err *err)
{
    if (status == MOE_OK)
        status = moe__text_status(&(*out)->texts, "stop texts", err);
    if (status == MOE_OK) {
        stream_place_marks(*out);
        moe__stream_reset(*out, starts_in_reasoning);
    } else {
        moe__stream_destroy(*out);
        *out = NULL;
    }
    return status;
}

moe_status moe__stream_create(struct moe__mem *mem,
                              const struct moe__stream_params *params,
                              struct moe__stream **out, struct moe__err *err)
{
    const moe_status status = stream_make(mem, params->n_stops + 2, out, err);
    if (status == MOE_OK) {
        for (int32_t i = 0; i < params->n_stops; i++)
            stream_add_mark(*out, params->stops[i], MARK_STOP);
        stream_add_mark(*out, params->think_begin, MARK_THINK);
        stream_add_mark(*out, params->think_end, MARK_SPEAK);
    }
    return stream_made(out, status, params->starts_in_reasoning, err);
}

moe_status moe__stream_clone(struct moe__mem *mem,
                             const struct moe__stream *stream,
                             struct moe__stream **out, struct moe__err *err)
{
    const moe_status status = stream_make(mem, stream->n_slots, out, err);
    for (int32_t i = 0; status == MOE_OK && i < stream->n_marks; i++)
        stream_add_mark(*out, stream->marks[i].text, stream->marks[i].meaning);
    return stream_made(out, status, false, err);
}

void moe__stream_destroy(struct moe__stream *stream)
{
    if (stream == NULL)
        return;
    moe__mem_free(stream->mem, stream->marks,
                  (size_t)stream->n_slots * sizeof *stream->marks);
    moe__text_free(&stream->texts);
    moe__text_free(&stream->pending);
    moe__text_free(&stream->out);
    moe__mem_free(stream->mem, stream, sizeof *stream);
}

void moe__stream_reset(struct moe__stream *stream, bool starts_in_reasoning)
{
    moe__text_reset(&stream->pending);
    moe__text_reset(&stream->out);
    stream->kind =
        starts_in_reasoning ? MOE__SEGMENT_REASONING : MOE__SEGMENT_TEXT;
    stream->from = 0;
    stream->is_stopped = false;
    stream->is_ended = false;
}

static struct moe__slice stream_rest(const struct moe__stream *stream)
{
    const struct moe__slice all = moe__text_slice(&stream->pending);
    return moe__slice_of(all.n > 0 ? all.data + stream->from : NULL,
                         all.n - stream->from);
}

moe_status moe__stream_put(struct moe__stream *stream, struct moe__slice bytes)
{
    struct moe__text *pending = &stream->pending;
    const size_t n = pending->n - stream->from;
    if (stream->is_stopped)
        return pending->status;
    if (n > 0 && stream->from > 0)
        memmove(pending->data, pending->data + stream->from, n);
    moe__text_cut(pending, n);
    stream->from = 0;
    moe__text_add(pending, bytes);
    return pending->status;
}

moe_status moe__stream_end(struct moe__stream *stream)
{
    stream->is_ended = true;
    return stream->pending.status;
}

moe_status moe__stream_status(const struct moe__stream *stream,
                              struct moe__err *err)
{
    MOE__TRY(moe__text_status(&stream->pending, "the answer", err));
    return moe__text_status(&stream->out, "the answer", err);
}

bool moe__stream_is_stopped(const struct moe__stream *stream)
{
    return stream->is_stopped;
}

/* ---------------------------------------------------------------- finding */

/* Whether a mark means something where the stream is. */
static bool mark_counts(const struct moe__stream *stream,
                        const struct stream_mark *mark)
{
    if (mark->meaning == MARK_STOP)
        return true;
    return (mark->meaning == MARK_THINK) == (stream->kind == MOE__SEGMENT_TEXT);
}

/* The mark at `rest`, or NULL; *is_open if one might yet be.  A stop text comes
 * before a mark of reasoning at the same place. */
static const struct stream_mark *
stream_mark_at(const struct moe__stream *stream, struct moe__slice rest,
               bool *is_open)
{
    const struct stream_mark *found = NULL;
    bool may_stop = false;
    *is_open = false;
    for (int32_t i = 0; i < stream->n_marks; i++) {
        const struct stream_mark *mark = &stream->marks[i];
        const bool is_stop = mark->meaning == MARK_STOP;
        const size_t n = mark->text.n < rest.n ? mark->text.n : rest.n;
        if (!mark_counts(stream, mark) ||
            memcmp(rest.data, mark->text.data, n) != 0)
            continue;
        if (n == mark->text.n && is_stop)
            return mark;
        if (n == mark->text.n)
            found = mark;
        else if (!stream->is_ended)
            *is_open = true;
        may_stop |= is_stop && *is_open;
    }
    return may_stop ? NULL : found;
}

/* Whether `rest` is the beginning of a character and nothing more. */
static bool is_cut_character(struct moe__slice rest)
{
    static const uint8_t most[] = {0x80, 0xbf};
    if (rest.n > 3 || rest.data[0] < 0xc2)
        return false;
    for (size_t end = 0; end < 2; end++) { /* with any continuation bytes */
        uint8_t whole[4];
        uint32_t code;
        memset(whole, most[end], sizeof whole);
        memcpy(whole, rest.data, rest.n);
        const int32_t n = moe__utf8_decode(moe__slice_of(whole, 4), &code);
        if (n > (int32_t)rest.n)
            return true;
    }
    return false;
}

/* How many bytes are certain, and the mark behind them, if any. */
static size_t stream_certain(const struct moe__stream *stream,
                             const struct stream_mark **mark)
{
    const struct moe__slice all = stream_rest(stream);
    *mark = NULL;
    for (size_t i = 0; i < all.n; i++) {
        const struct moe__slice rest = moe__slice_of(all.data + i, all.n - i);
        bool is_open;
        const struct stream_mark *found =
            stream_mark_at(stream, rest, &is_open);
        if (found != NULL) {
            *mark = found;
            return i;
        }
        if (is_open || (!stream->is_ended && is_cut_character(rest)))
            return i;
    }
    return all.n;
}

/* ----------------------------------------------------------------- taking */

/* Takes n bytes as valid UTF-8. */
static void stream_lend(struct moe__stream *stream, size_t n)
{
    const uint8_t *bytes = stream_rest(stream).data;
    moe__text_cut(&stream->out, 0);
    stream->from += n;
    for (size_t i = 0; i < n;) {
        uint32_t code;
        const int32_t length =
            moe__utf8_decode(moe__slice_of(bytes + i, n - i), &code);
        moe__text_code(&stream->out, code);
        i += length > 0 ? (size_t)length : 1;
    }
}

static void stream_pass(struct moe__stream *stream,
                        const struct stream_mark *mark)
{
    if (mark->meaning == MARK_STOP) {
        stream->is_stopped = true;
        stream->from = stream->pending.n;
        return;
    }
    stream->kind = mark->meaning == MARK_THINK ? MOE__SEGMENT_REASONING
                                               : MOE__SEGMENT_TEXT;
    stream->from += mark->text.n;
}

bool moe__stream_next(struct moe__stream *stream, struct moe__segment *segment)
{
    const struct stream_mark *mark = NULL;
    while (stream->from < stream->pending.n) {
        const size_t n = stream_certain(stream, &mark);
        if (n > 0) {
            stream_lend(stream, n);
            *segment = (struct moe__segment){stream->kind,
                                             moe__text_slice(&stream->out)};
            return stream->out.status == MOE_OK;
        }
        if (mark == NULL)
            return false;
        stream_pass(stream, mark);
    }
    return false;
}

bool moe__stream_is_reasoning(const struct moe__stream *stream)
{
    return stream->kind == MOE__SEGMENT_REASONING;
}
