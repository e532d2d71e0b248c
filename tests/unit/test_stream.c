/* What comes out of a stream does not depend on how bytes are cut. */
#include "chat/stream.h"

#include "test.h"

static struct moe__mem mem;

/* "text[reasoning]text": everything that comes out of the bytes, cut into
 * pieces of `piece`; "!" at the end if a stop text was met. */
static const char *pass(const char *bytes, size_t n, size_t piece,
                        const char *const *stops, int32_t n_stops)
{
    static char out[8192];
    struct moe__stream *stream = NULL;
    struct moe__slice slices[8];
    struct moe__segment segment;
    bool is_thinking = false;
    size_t n_out = 0;
    for (int32_t i = 0; i < n_stops; i++)
        slices[i] = moe__slice_str(stops[i]);
    const struct moe__stream_params params = {
        .stops = slices,
        .n_stops = n_stops,
        .think_begin = moe__slice_str("<think>"),
        .think_end = moe__slice_str("</think>"),
    };
    moe__mem_init(&mem, NULL);
    if (moe__stream_create(&mem, &params, &stream, NULL) != MOE_OK)
        return "no stream";
    for (size_t at = 0; at <= n; at += piece) {
        const bool is_end = at + piece > n;
        moe__stream_put(stream,
                        moe__slice_of(bytes + at, is_end ? n - at : piece));
        if (is_end)
            moe__stream_end(stream);
        while (moe__stream_next(stream, &segment)) {
            const bool thinks = segment.kind == MOE__SEGMENT_REASONING;
            if (thinks != is_thinking)
                out[n_out++] = thinks ? '[' : ']';
            is_thinking = thinks;
            memcpy(out + n_out, segment.text.data, segment.text.n);
            n_out += segment.text.n;
        }
    }
    if (moe__stream_is_stopped(stream))
        out[n_out++] = '!';
    out[n_out] = 0;
    moe__stream_destroy(stream);
    return atomic_load(&mem.live_bytes) == 0 ? out : "leak";
}

static void check_cuts(const char *bytes, const char *want,
                       const char *const *stops, int32_t n_stops)
{
    const size_t n = strlen(bytes);
    for (size_t piece = 1; piece <= n + 1; piece++)
        CHECK(strcmp(pass(bytes, n, piece, stops, n_stops), want) == 0,
              "'%s' by %zu: '%s'", bytes, piece,
              pass(bytes, n, piece, stops, n_stops));
}

static void characters_come_out_whole(void)
{
    check_cuts("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z",
               "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z", NULL, 0);
}

static void bytes_of_no_character_are_replaced(void)
{
    check_cuts("a\xff"
               "b\xc3",
               "a\xef\xbf\xbd"
               "b\xef\xbf\xbd",
               NULL, 0);
    check_cuts("\xe2\x82"
               "x",
               "\xef\xbf\xbd\xef\xbf\xbdx", NULL, 0);
    check_cuts("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", NULL, 0);
}

/* With what is known, every byte that can be shown is shown. */
static void nothing_is_held_without_reason(void)
{
    const char *const stops[] = {"STOP"};
    struct moe__stream *stream = NULL;
    struct moe__segment segment;
    const struct moe__slice stop = moe__slice_str(stops[0]);
    const struct moe__stream_params params = {.stops = &stop, .n_stops = 1};
    moe__mem_init(&mem, NULL);
    REQUIRE(moe__stream_create(&mem, &params, &stream, NULL) == MOE_OK);
    moe__stream_put(stream, moe__slice_str("abcST"));
    REQUIRE(moe__stream_next(stream, &segment));
    CHECK(moe__slice_is(segment.text, "abc"));
    CHECK(!moe__stream_next(stream, &segment));
    moe__stream_put(stream, moe__slice_str("A"));
    REQUIRE(moe__stream_next(stream, &segment));
    CHECK(moe__slice_is(segment.text, "STA"), "what was held is let go");
    moe__stream_put(stream, moe__slice_str("\xf0\x9f"));
    CHECK(!moe__stream_next(stream, &segment));
    moe__stream_destroy(stream);
}

static void the_earliest_stop_text_ends_the_text(void)
{
    const char *const stops[] = {"abcd", "bc", "xyz", "xy", ""};
    check_cuts("1 abcd 2", "1 !", stops, 5);
    check_cuts("1 abce 2", "1 a!", stops, 5);
    check_cuts("1 xyz", "1 !", stops, 5);
    check_cuts("ab", "ab", stops, 5);
    check_cuts("ababcd", "ab!", stops, 5);
    check_cuts("", "", stops, 5);
}

static void reasoning_is_told_from_text(void)
{
    const char *const stops[] = {"END"};
    check_cuts("<think>I see</think>Yes.", "[I see]Yes.", stops, 1);
    check_cuts("a<think></think>b<thin", "ab<thin", stops, 1);
    check_cuts("<think>no end", "[no end", stops, 1);
    check_cuts("</think>x", "</think>x", stops, 1);
    check_cuts("<think>a<think>b</think>c", "[a<think>b]c", stops, 1);
    check_cuts("<think>aENDb", "[a!", stops, 1);
}

static void a_stop_text_wins_over_reasoning_at_the_same_place(void)
{
    const char *const stops[] = {"<think>!", "</th"};
    check_cuts("a<think>!b", "a!", stops, 2);
    check_cuts("a<think>?b", "a[?b", stops, 2);
    check_cuts("a<think>", "a", stops, 2);
    check_cuts("a<think>b</think>", "a[b!", stops, 2);
}

/* Marks in one piece are passed one by one, and the rest is not moved. */
static void many_marks_in_one_piece_take_linear_time(void)
{
    enum { N_MARKS = 200000 };
    static const char unit[] = "<think>a</think>b";
    const struct moe__stream_params params = {
        .think_begin = moe__slice_str("<think>"),
        .think_end = moe__slice_str("</think>"),
    };
    struct moe__stream *stream = NULL;
    struct moe__segment segment;
    char *bytes = malloc(N_MARKS * (sizeof unit - 1));
    REQUIRE(bytes != NULL);
    for (size_t i = 0; i < N_MARKS; i++)
        memcpy(bytes + i * (sizeof unit - 1), unit, sizeof unit - 1);
    moe__mem_init(&mem, NULL);
    REQUIRE(moe__stream_create(&mem, &params, &stream, NULL) == MOE_OK);
    moe__stream_put(stream, moe__slice_of(bytes, N_MARKS * (sizeof unit - 1)));
    moe__stream_end(stream);
    size_t n = 0;
    for (; moe__stream_next(stream, &segment); n++)
        CHECK(segment.text.n == 1 &&
              segment.text.data[0] == (n % 2 == 0 ? 'a' : 'b'));
    CHECK(n == 2 * (size_t)N_MARKS);
    moe__stream_destroy(stream);
    free(bytes);
}

/* Random texts of few letters, so that marks come often. */
static void cuts_do_not_matter(void)
{
    static const char *const parts[] = {
        "<think>", "</think>", "<",    "th",   "ink>",     "a",
        "ab",      "aba",      "\xc3", "\xa9", "\xf0\x9f", "\x98\x80"};
    const char *const stops[] = {"abab", "ba<", "aa", "<think>b"};
    uint32_t seed = 1;
    for (int round = 0; round < 400; round++) {
        char bytes[128] = "", whole[512];
        for (int i = 0; i < 12; i++) {
            seed = seed * 1664525u + 1013904223u;
            strcat(bytes, parts[(seed >> 16) % 12]);
        }
        strcpy(whole, pass(bytes, strlen(bytes), 1000, stops, 4));
        for (size_t piece = 1; piece <= 5; piece++)
            CHECK(strcmp(pass(bytes, strlen(bytes), piece, stops, 4), whole) ==
                      0,
                  "'%s' by %zu: '%s' '%s'", bytes, piece,
                  pass(bytes, strlen(bytes), piece, stops, 4), whole);
    }
}

static const struct test tests[] = {
    {"characters_come_out_whole", characters_come_out_whole},
    {"bytes_of_no_character_are_replaced", bytes_of_no_character_are_replaced},
    {"nothing_is_held_without_reason", nothing_is_held_without_reason},
    {"the_earliest_stop_text_ends_the_text",
     the_earliest_stop_text_ends_the_text},
    {"reasoning_is_told_from_text", reasoning_is_told_from_text},
    {"a_stop_text_wins_over_reasoning_at_the_same_place",
     a_stop_text_wins_over_reasoning_at_the_same_place},
    {"many_marks_in_one_piece_take_linear_time",
     many_marks_in_one_piece_take_linear_time},
    {"cuts_do_not_matter", cuts_do_not_matter},
};

TEST_MAIN(tests)
