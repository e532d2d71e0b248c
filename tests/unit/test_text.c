/* A string that grows, or fails once and for all. */
#include "base/text.h"

#include "test.h"

static struct moe__mem mem;

static void bytes_come_in_their_order(void)
{
    struct moe__text text;
    moe__mem_init(&mem, NULL);
    moe__text_init(&text, &mem, 0);
    CHECK(moe__text_slice(&text).n == 0);
    moe__text_add(&text, moe__slice_of(NULL, 0));
    moe__text_puts(&text, "a");
    moe__text_byte(&text, 0);
    moe__text_code(&text, 0x20ac);
    moe__text_add(&text, moe__slice_of("\xff\xfe", 2));
    CHECK(moe__slice_equal(moe__text_slice(&text),
                           moe__slice_of("a\0\xe2\x82\xac\xff\xfe", 7)));
    moe__text_cut(&text, 1);
    moe__text_puts(&text, "b");
    CHECK(moe__slice_is(moe__text_slice(&text), "ab"));
    moe__text_free(&text);
    CHECK(atomic_load(&mem.live_bytes) == 0);
}

/* Memory doubles: a text of n bytes is copied less than twice. */
static void growth_is_linear(void)
{
    struct moe__text text;
    size_t cap = 0, n_copied = 0;
    moe__mem_init(&mem, NULL);
    moe__text_init(&text, &mem, 0);
    for (int i = 0; i < 1000000; i++) {
        moe__text_byte(&text, (uint8_t)i);
        if (text.cap != cap)
            n_copied += text.n - 1;
        cap = text.cap;
    }
    REQUIRE(text.n == 1000000);
    CHECK(n_copied < 2 * text.n, "%zu", n_copied);
    for (size_t i = 0; i < text.n; i += 997)
        CHECK((uint8_t)text.data[i] == (uint8_t)i);
    moe__text_free(&text);
}

static void a_text_fails_once_and_for_all(void)
{
    struct moe__text text;
    struct moe__err err = {0};
    moe__mem_init(&mem, NULL);
    moe__text_init(&text, &mem, 8);
    moe__text_puts(&text, "12345");
    moe__text_code(&text, 0x20ac);
    CHECK(text.n == 8 && moe__text_status(&text, "x", &err) == MOE_OK);
    moe__text_byte(&text, '!');
    moe__text_cut(&text, 2);
    moe__text_byte(&text, '!');
    CHECK(text.n == 2, "nothing is appended after a failure");
    CHECK(moe__text_status(&text, "the prompt", &err) != MOE_OK);
    CHECK(strstr(err.message, "the prompt is longer than the limit of 8") !=
              NULL,
          "%s", err.message);
    moe__text_free(&text);
    CHECK(atomic_load(&mem.live_bytes) == 0);
}

static void a_reset_forgets_the_failure(void)
{
    struct moe__text text;
    struct moe__err err = {0};
    moe__mem_init(&mem, NULL);
    moe__text_init(&text, &mem, 3);
    moe__text_puts(&text, "1234");
    CHECK(moe__text_status(&text, "x", &err) == MOE_ERR_UNSUPPORTED);
    moe__text_reset(&text);
    moe__text_puts(&text, "123");
    CHECK(moe__text_status(&text, "x", &err) == MOE_OK && text.n == 3);
    moe__text_free(&text);
}

static const struct test tests[] = {
    {"bytes_come_in_their_order", bytes_come_in_their_order},
    {"growth_is_linear", growth_is_linear},
    {"a_text_fails_once_and_for_all", a_text_fails_once_and_for_all},
    {"a_reset_forgets_the_failure", a_reset_forgets_the_failure},
};

TEST_MAIN(tests)
