/* The JSON reader agrees with JSONTestSuite (Nicolas Seriot): files whose names
 * begin with y are accepted, those with n refused, those with i either way. */
#include "base/json.h"

#include <dirent.h>

#include "chat/calls_scan.h"
#include "test.h"

struct tally {
    int n_accepted, n_refused, n_either;
};

/* Whether the scan says that text is an object or an array and no more. */
static bool scan_takes(const char *text, size_t n)
{
    struct moe__scan scan;
    enum moe__scan_result result = MOE__SCAN_MORE;
    size_t at = 0;
    moe__scan_begin(&scan);
    while (at < n && result == MOE__SCAN_MORE)
        result = moe__scan_byte(&scan, (uint8_t)text[at++]);
    while (at < n && text[at] != 0 && strchr(" \t\r\n", text[at]) != NULL)
        at++;
    return result == MOE__SCAN_DONE && at == n;
}

/* The scan does not look at UTF-8 and at pairs of surrogates. */
static bool is_about_characters(const struct moe__err *why)
{
    return strstr(why->message, "expected UTF-8") != NULL ||
           strstr(why->message, "pair of surrogates") != NULL ||
           strstr(why->message, "a double can hold") != NULL;
}

static void check_file(const char *folder, const char *name,
                       struct tally *tally)
{
    char path[2048];
    size_t n = 0;
    struct moe__mem mem;
    struct moe__arena arena;
    struct moe__err why = {0};
    const struct moe__json *value = NULL;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    char *text = test_read(path, &n);
    REQUIRE(text != NULL);
    moe__mem_init(&mem, NULL);
    moe__arena_init(&arena, &mem);
    const bool is_read =
        moe__json_read(&arena, moe__slice_of(text, n), &value, &why) == MOE_OK;
    if (name[0] != 'i')
        CHECK(is_read == (name[0] == 'y'), "%s: %s", name, why.message);
    CHECK(is_read || strstr(why.message, "line ") != NULL, "%s: %s", name,
          why.message);
    if (is_read || !is_about_characters(&why))
        CHECK(scan_takes(text, n) ==
                  (is_read && value->kind >= MOE__JSON_ARRAY),
              "%s: the scan differs", name);
    tally->n_accepted += name[0] == 'y';
    tally->n_refused += name[0] == 'n';
    tally->n_either += name[0] == 'i';
    moe__arena_free(&arena);
    CHECK(atomic_load(&mem.live_bytes) == 0, "%s", name);
    free(text);
}

static void every_file_is_accepted_or_refused_as_it_should(void)
{
    struct tally tally = {0, 0, 0};
    const char *folder = test_shared("vectors/json/test_parsing");
    if (folder == NULL)
        SKIP("shared vectors/json is absent");
    char kept[1024];
    snprintf(kept, sizeof kept, "%s", folder);
    DIR *files = opendir(kept);
    REQUIRE(files != NULL);
    for (struct dirent *file; (file = readdir(files)) != NULL;)
        if (strchr("yni", file->d_name[0]) != NULL && file->d_name[1] == '_')
            check_file(kept, file->d_name, &tally);
    closedir(files);
    CHECK(tally.n_accepted >= 90 && tally.n_refused >= 180 &&
              tally.n_either >= 30,
          "%d %d %d", tally.n_accepted, tally.n_refused, tally.n_either);
}

static const struct test tests[] = {
    {"every_file_is_accepted_or_refused_as_it_should",
     every_file_is_accepted_or_refused_as_it_should},
};

TEST_MAIN(tests)
