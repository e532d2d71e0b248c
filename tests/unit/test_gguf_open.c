/* test_gguf_open.c: files, shards and sources; copying and mapping. */
#define _XOPEN_SOURCE 700 /* mkdtemp, P_tmpdir */
#include "test.h"

#include "gguf_check.h"

#include <unistd.h>

static const struct moe__gguf_options defaults = {0};

/* ------------------------------------------------------------------ files */

/* A directory of its own for the files of one test. */
struct folder {
    char path[192];
    char files[4][256]; /* [n_files] */
    int n_files;
};

static bool folder_make(struct folder *folder)
{
    const char *root = getenv("TMPDIR");
    *folder = (struct folder){.n_files = 0};
    snprintf(folder->path, sizeof folder->path, "%s/moe_test_XXXXXX",
             root ? root : P_tmpdir);
    return mkdtemp(folder->path) != NULL;
}

/* Writes a file and returns its path. */
static const char *folder_add(struct folder *folder, const char *name,
                              const void *bytes, size_t n)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder->path, name);
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(bytes, 1, n, f) != n)
        CHECK(false, "cannot write %s", path);
    if (f)
        fclose(f);
    return strcpy(folder->files[folder->n_files++], path);
}

static void folder_remove(struct folder *folder)
{
    for (int i = 0; i < folder->n_files; i++)
        remove(folder->files[i]);
    rmdir(folder->path);
}

static moe_status open_path(struct opened *o, const char *path, moe_load load)
{
    const struct moe__gguf_options options = {.load = load};
    o->err = (struct moe__err){0};
    check_heap_init(&o->heap, &o->mem);
    o->file = (struct check_file){.n_closed = 1}; /* not in use */
    o->status = moe__gguf_open(&o->gguf, &o->mem, path, &options, &o->err);
    return o->status;
}

/* Tensors "t0" .. of 100 bytes each, every byte telling tensor and place. */
static void build_tensors(struct gguf_builder *b, int first, int n)
{
    for (int t = first; t < first + n; t++) {
        uint8_t data[100];
        char name[16];
        for (int i = 0; i < 100; i++)
            data[i] = (uint8_t)(t * 31 + i);
        snprintf(name, sizeof name, "t%d", t);
        build_tensor(b, name, MOE__I8, 1, (uint64_t[]){100}, data, 100);
    }
}

static void expect_tensors(const struct moe__gguf *gguf, int n, int per_shard)
{
    CHECK(gguf->n_tensors == (uint64_t)n);
    for (int t = 0; t < n; t++) {
        char name[16];
        snprintf(name, sizeof name, "t%d", t);
        const struct moe__tensor *tensor = moe__tensor_find(gguf, name);
        REQUIRE(tensor && tensor->data && tensor->bytes == 100, "%s", name);
        CHECK(tensor->shard == t / per_shard);
        for (int i = 0; i < 100; i++)
            CHECK(tensor->data[i] == (uint8_t)(t * 31 + i));
    }
    CHECK(check_touch(gguf) == NULL);
}

static void mapped_and_copied_files_hold_the_same(void)
{
    struct folder folder;
    struct gguf_builder b;
    size_t n;
    REQUIRE(folder_make(&folder));
    build_begin(&b, 3);
    build_string(&b, "general.name", "x");
    build_tensors(&b, 0, 5);
    const uint8_t *bytes = build_finish(&b, &n);
    const char *path = folder_add(&folder, "model.gguf", bytes, n);
    const moe_load loads[] = {MOE_LOAD_AUTO, MOE_LOAD_MAP, MOE_LOAD_COPY};
    for (int i = 0; i < 3; i++) {
        struct opened o;
        CHECK(open_path(&o, path, loads[i]) == MOE_OK, "%s", o.err.message);
        expect_tensors(&o.gguf, 5, 5);
        const bool is_copied = loads[i] == MOE_LOAD_COPY;
        CHECK((o.gguf.shards[0].copy != NULL) == is_copied);
        CHECK((o.gguf.shards[0].map.data == NULL) == is_copied);
        CHECK(!is_copied || (uintptr_t)o.gguf.shards[0].copy % 64 == 0);
        close_opened(&o);
    }
    build_free(&b);
    folder_remove(&folder);
}

static void a_missing_file_is_named(void)
{
    const moe_load loads[] = {MOE_LOAD_MAP, MOE_LOAD_COPY};
    for (int i = 0; i < 2; i++) {
        struct opened o;
        CHECK(open_path(&o, "no/such.gguf", loads[i]) == MOE_ERR_NOT_FOUND);
        CHECK(strstr(o.err.message, "no/such.gguf"), "%s", o.err.message);
        close_opened(&o);
    }
}

/* ----------------------------------------------------------------- shards */

/* What a set of three shards is wrong in; zeros: nothing. */
struct split_fault {
    const char *name;
    int shard; /* 1 .. 3, of the fault */
    int number_plus;
    int count_plus;
    int total_plus;
    bool is_missing;
    bool has_double; /* a tensor of another shard again */
    bool is_cut;
    int open; /* shard to open instead of 1 */
    moe_status status;
    const char *message; /* a part of it */
};

static void build_shard(struct gguf_builder *b, int i,
                        const struct split_fault *fault)
{
    const bool is_at_fault = fault->shard == i + 1;
    build_begin(b, 3);
    if (i == 0)
        build_string(b, "general.architecture", "llama");
    const int number = i + (is_at_fault ? fault->number_plus : 0);
    const int count = 3 + (is_at_fault ? fault->count_plus : 0);
    const int total = 6 + (is_at_fault ? fault->total_plus : 0);
    build_bits(b, "split.no", MOE_META_U16, (uint64_t)number);
    build_bits(b, "split.count", MOE_META_U16, (uint64_t)count);
    build_bits(b, "split.tensors.count", MOE_META_I32, (uint64_t)total);
    build_tensors(b, i * 2, 2);
    if (is_at_fault && fault->has_double)
        build_tensors(b, 0, 1);
}

static const struct split_fault split_faults[] = {
    {.name = "sound"},
    {.name = "missing",
     .shard = 2,
     .is_missing = true,
     .status = MOE_ERR_NOT_FOUND,
     .message = "-00002-of-00003.gguf"},
    {.name = "number of shard 3",
     .shard = 3,
     .number_plus = -1,
     .status = MOE_ERR_FORMAT,
     .message = "shard 3 of 3: expected shard 3 of 3, found shard 2 of 3"},
    {.name = "count of shard 2",
     .shard = 2,
     .count_plus = 1,
     .status = MOE_ERR_FORMAT,
     .message = "shard 2 of 3: expected shard 2 of 3, found shard 2 of 4"},
    {.name = "total",
     .shard = 1,
     .total_plus = 1,
     .status = MOE_ERR_FORMAT,
     .message = "split.tensors.count is 7, but the 3 shards have 6 tensors"},
    {.name = "second first",
     .open = 2,
     .status = MOE_ERR_ARGUMENT,
     .message = "expected shard 1 of 3, found shard 2 of 3"},
    {.name = "double",
     .shard = 3,
     .has_double = true,
     .status = MOE_ERR_FORMAT,
     .message = "two tensors are named 't0'"},
    {.name = "cut",
     .shard = 2,
     .is_cut = true,
     .status = MOE_ERR_TRUNCATED,
     .message = "shard 2 of 3: tensor 't3' ends at byte"},
};

static void split_files_open_or_say_why(void)
{
    for (size_t f = 0; f < MOE__COUNT(split_faults); f++) {
        const struct split_fault *fault = &split_faults[f];
        struct folder folder;
        const char *paths[3] = {NULL, NULL, NULL};
        REQUIRE(folder_make(&folder));
        for (int i = 0; i < 3; i++) {
            struct gguf_builder b;
            size_t n;
            char name[64];
            build_shard(&b, i, fault);
            const uint8_t *bytes = build_finish(&b, &n);
            snprintf(name, sizeof name, "m-%05d-of-00003.gguf", i + 1);
            const bool is_at_fault = fault->shard == i + 1;
            if (!is_at_fault || !fault->is_missing)
                paths[i] = folder_add(&folder, name, bytes,
                                      n - (is_at_fault && fault->is_cut));
            build_free(&b);
        }
        for (moe_load load = MOE_LOAD_AUTO; load <= MOE_LOAD_COPY; load++) {
            struct opened o;
            const int open = fault->open ? fault->open - 1 : 0;
            CHECK(open_path(&o, paths[open], load) == fault->status, "%s: %s",
                  fault->name, o.err.message);
            if (fault->status == MOE_OK)
                expect_tensors(&o.gguf, 6, 2);
            else
                CHECK(strstr(o.err.message, fault->message), "%s: %s",
                      fault->name, o.err.message);
            close_opened(&o);
        }
        folder_remove(&folder);
    }
}

static void a_split_file_needs_its_name(void)
{
    static const struct {
        const char *name;
        int count;
        moe_status status;
        const char *message;
    } cases[] = {
        {"m.gguf", 2, MOE_ERR_NOT_FOUND,
         "m.gguf' is the first of 2 shards, "
         "but its name does not end in '-00001-of-00002.gguf'"},
        {"m-00001-of-00003.gguf", 2, MOE_ERR_NOT_FOUND, "does not end in"},
        {"m-00002-of-00002.gguf", 2, MOE_ERR_NOT_FOUND, "does not end in"},
        {"m-00001-of-00002.gguf", 2, MOE_ERR_NOT_FOUND, "00002-of-00002"},
        {"m.gguf", 65535, MOE_ERR_UNSUPPORTED,
         "split.count: expected 1 to 1024, found 65535"},
        {"m.gguf", 1, MOE_OK, ""},
        {"m.gguf", 0, MOE_OK, ""},
    };
    for (size_t i = 0; i < MOE__COUNT(cases); i++) {
        struct folder folder;
        struct gguf_builder b;
        struct opened o;
        size_t n;
        REQUIRE(folder_make(&folder));
        build_begin(&b, 3);
        build_bits(&b, "split.count", MOE_META_U16, (uint64_t)cases[i].count);
        /* Tools that merge shards leave the old total. */
        build_bits(&b, "split.tensors.count", MOE_META_I32, 99);
        build_tensors(&b, 0, 1);
        const uint8_t *bytes = build_finish(&b, &n);
        const char *path = folder_add(&folder, cases[i].name, bytes, n);
        CHECK(open_path(&o, path, MOE_LOAD_AUTO) == cases[i].status, "%s",
              o.err.message);
        CHECK(strstr(o.err.message, cases[i].message), "%s", o.err.message);
        close_opened(&o);
        build_free(&b);
        folder_remove(&folder);
    }
}

/* ---------------------------------------------------------------- sources */

/* Three sound shards as sources. */
struct sources {
    struct gguf_builder b[3];
    struct check_file files[3];
    moe_source sources[3];
    struct check_heap heap;
    struct moe__mem mem;
    struct moe__gguf gguf;
    struct moe__err err;
};

static void sources_make(struct sources *s)
{
    memset(s, 0, sizeof *s);
    check_heap_init(&s->heap, &s->mem);
    for (int i = 0; i < 3; i++) {
        size_t n;
        build_shard(&s->b[i], i, &split_faults[0]);
        const uint8_t *bytes = build_finish(&s->b[i], &n);
        s->sources[i] = check_file_source(&s->files[i], bytes, n);
    }
}

static void sources_free(struct sources *s, size_t n)
{
    moe__gguf_close(&s->gguf);
    moe__gguf_close(&s->gguf); /* an empty one is left alone */
    CHECK(s->mem.live_bytes == 0 && s->heap.live_bytes == 0, "leak");
    for (size_t i = 0; i < 3; i++) {
        CHECK(s->files[i].n_closed == (i < n), "source %d closed %d times",
              (int)i, s->files[i].n_closed);
        build_free(&s->b[i]);
    }
}

static void sources_are_shards(void)
{
    struct sources s;
    sources_make(&s);
    CHECK(moe__gguf_open_sources(&s.gguf, &s.mem, s.sources, 3, &defaults,
                                 &s.err) == MOE_OK,
          "%s", s.err.message);
    expect_tensors(&s.gguf, 6, 2);
    CHECK(s.files[0].n_closed == 0);
    sources_free(&s, 3);
}

static void sources_must_be_all_and_in_order(void)
{
    struct sources s;
    sources_make(&s);
    CHECK(moe__gguf_open_sources(&s.gguf, &s.mem, s.sources, 2, &defaults,
                                 &s.err) == MOE_ERR_ARGUMENT);
    CHECK(strcmp(s.err.message, "expected shard 1 of 2, found shard 1 of 3") ==
              0,
          "%s", s.err.message);
    sources_free(&s, 2);
    sources_make(&s);
    const moe_source first = s.sources[1];
    s.sources[1] = s.sources[2];
    s.sources[2] = first;
    CHECK(moe__gguf_open_sources(&s.gguf, &s.mem, s.sources, 3, &defaults,
                                 &s.err) == MOE_ERR_FORMAT);
    CHECK(strcmp(s.err.message, "shard 2 of 3: expected shard 2 of 3, found "
                                "shard 3 of 3") == 0,
          "%s", s.err.message);
    sources_free(&s, 3);
}

static void impossible_sources_are_closed_too(void)
{
    struct sources s;
    sources_make(&s);
    CHECK(moe__gguf_open_sources(&s.gguf, &s.mem, s.sources, 0, &defaults,
                                 &s.err) == MOE_ERR_ARGUMENT);
    sources_free(&s, 0);
    sources_make(&s);
    const struct moe__gguf_options mapped = {.load = MOE_LOAD_MAP};
    CHECK(moe__gguf_open_sources(&s.gguf, &s.mem, s.sources, 3, &mapped,
                                 &s.err) == MOE_ERR_ARGUMENT);
    sources_free(&s, 3);
    sources_make(&s);
    s.sources[1].read_at = NULL;
    CHECK(moe__gguf_open_sources(&s.gguf, &s.mem, s.sources, 3, &defaults,
                                 &s.err) == MOE_ERR_ARGUMENT);
    CHECK(strcmp(s.err.message, "source 2 has no read_at") == 0);
    sources_free(&s, 3);
    sources_make(&s);
    moe_source many[1025];
    for (int i = 0; i < 1025; i++)
        many[i] = (moe_source){.read_at = check_file_read};
    many[0] = s.sources[0];
    many[1024] = s.sources[1];
    CHECK(moe__gguf_open_sources(&s.gguf, &s.mem, many, 1025, &defaults,
                                 &s.err) == MOE_ERR_ARGUMENT);
    CHECK(strcmp(s.err.message, "sources: expected 1 to 1024, found 1025") ==
          0);
    sources_free(&s, 2);
}

/* Each read in turn fails: of three headers and three data sections. */
static void each_failing_read_is_an_error(void)
{
    for (int shard = 0; shard < 3; shard++)
        for (int64_t n_allowed = 0; n_allowed < 3; n_allowed++) {
            struct sources s;
            sources_make(&s);
            s.files[shard].n_allowed = n_allowed;
            const moe_status status = moe__gguf_open_sources(
                &s.gguf, &s.mem, s.sources, 3, &defaults, &s.err);
            CHECK(status == (n_allowed < 2 ? MOE_ERR_IO : MOE_OK), "%s",
                  s.err.message);
            CHECK(status == MOE_OK || strstr(s.err.message, "at byte") != NULL);
            sources_free(&s, 3);
        }
}

/* Memory runs out at each allocation in turn. */
static void each_failing_allocation_is_an_error(void)
{
    const char *const overrides[] = {"general.architecture=x", "new=1"};
    const struct moe__gguf_options options = {.overrides = overrides,
                                              .n_overrides = 2};
    moe_status status = MOE_ERR_NO_MEMORY;
    int64_t n_allowed = 0;
    for (; status != MOE_OK && n_allowed < 1000; n_allowed++) {
        struct sources s;
        sources_make(&s);
        s.heap.n_allowed = n_allowed;
        status = moe__gguf_open_sources(&s.gguf, &s.mem, s.sources, 3, &options,
                                        &s.err);
        CHECK(status == MOE_OK || status == MOE_ERR_NO_MEMORY);
        CHECK(status == MOE_OK || s.err.message[0] != 0);
        sources_free(&s, 3);
    }
    CHECK(status == MOE_OK && n_allowed > 8, "%d", (int)n_allowed);
}

/* The same with tables so big that each is an allocation of its own. */
static void each_failing_allocation_of_big_tables_is_an_error(void)
{
    static const char *words[4000];
    static char text[300000];
    struct gguf_builder b;
    size_t n;
    build_begin(&b, 3);
    for (size_t i = 0; i < MOE__COUNT(words); i++)
        words[i] = "word";
    memset(text, 'x', sizeof text - 1);
    build_string(&b, "text", text);
    build_strings(&b, "words", words, MOE__COUNT(words));
    for (int i = 0; i < 4000; i++) {
        char name[32];
        snprintf(name, sizeof name, "a.longer.name.%d", i);
        build_u32(&b, name, 1);
        build_tensor(&b, name, MOE__F32, 1, (uint64_t[]){8}, NULL, 32);
    }
    const uint8_t *bytes = build_finish(&b, &n);
    moe_status status = MOE_ERR_NO_MEMORY;
    int64_t n_allowed = 0;
    for (; status != MOE_OK && n_allowed < 1000; n_allowed++) {
        struct check_heap heap;
        struct check_file file;
        struct moe__mem mem;
        struct moe__gguf gguf;
        struct moe__err err = {0};
        check_heap_init(&heap, &mem);
        heap.n_allowed = n_allowed;
        const moe_source source = check_file_source(&file, bytes, n);
        status =
            moe__gguf_open_sources(&gguf, &mem, &source, 1, &defaults, &err);
        CHECK(status == MOE_OK || status == MOE_ERR_NO_MEMORY);
        CHECK(status == MOE_OK || strstr(err.message, "no memory for "), "%s",
              err.message);
        moe__gguf_close(&gguf);
        CHECK(heap.live_bytes == 0 && file.n_closed == 1);
    }
    CHECK(status == MOE_OK && n_allowed > 15, "%d", (int)n_allowed);
    build_free(&b);
}

/* Header only: no data is touched, and little of a big file is read. */
static void header_only_leaves_the_data(void)
{
    struct gguf_builder b;
    struct opened o;
    size_t n;
    build_begin(&b, 3);
    build_tensor(&b, "big", MOE__I8, 1, (uint64_t[]){1 << 20}, NULL, 1 << 20);
    const uint8_t *bytes = build_finish(&b, &n);
    const struct moe__gguf_options options = {.is_header_only = true};
    REQUIRE(open_with(&o, bytes, n, &options) == MOE_OK, "%s", o.err.message);
    CHECK(o.gguf.tensors[0].data == NULL && o.gguf.shards[0].copy == NULL);
    CHECK(o.file.n_reads == 1 && o.gguf.shards[0].header_bytes == 65536);
    close_opened(&o);
    build_free(&b);
}

/* A header longer than the first piece: the copy grows and stays the same. */
static void long_headers_are_read_in_growing_pieces(void)
{
    static const char text[] = "a piece of text that takes some bytes";
    const char *strings[20000];
    struct gguf_builder b;
    struct opened o;
    for (size_t i = 0; i < MOE__COUNT(strings); i++)
        strings[i] = text + i % sizeof text;
    build_begin(&b, 3);
    build_strings(&b, "texts", strings, MOE__COUNT(strings));
    build_string(&b, "last", "entry");
    build_tensors(&b, 0, 3);
    REQUIRE(open_built(&o, &b) == MOE_OK, "%s", o.err.message);
    const struct moe__meta *meta = moe__meta_find(&o.gguf, "texts");
    REQUIRE(meta && meta->n == MOE__COUNT(strings));
    for (uint64_t i = 0; i < meta->n; i++)
        CHECK(moe__slice_is(meta->strings[i], strings[i]));
    CHECK(moe__slice_is(moe__meta_find(&o.gguf, "last")->value, "entry"));
    CHECK(o.file.n_reads < 8, "%d reads", (int)o.file.n_reads);
    expect_tensors(&o.gguf, 3, 3);
    close_opened(&o);
    build_free(&b);
}

/* --------------------------------------------------------------- progress */

struct progress {
    int n_calls;
    int cancel_at; /* < 0: never */
    float last;
    bool is_ordered;
};

static int32_t progress_note(void *user, float fraction)
{
    struct progress *progress = user;
    progress->is_ordered =
        progress->is_ordered && fraction >= progress->last && fraction <= 1;
    progress->last = fraction;
    return progress->n_calls++ == progress->cancel_at;
}

static void progress_runs_to_one_and_may_cancel(void)
{
    struct gguf_builder b;
    size_t n;
    const size_t n_data =
        ((size_t)4 << 20) * 3 + 1; /* three pieces and a bit */
    build_begin(&b, 3);
    build_tensor(&b, "t", MOE__I8, 1, (uint64_t[]){n_data}, NULL, n_data);
    const uint8_t *bytes = build_finish(&b, &n);
    for (int cancel_at = -1; cancel_at < 5; cancel_at++) {
        struct progress progress = {0, cancel_at, 0, true};
        const struct moe__gguf_options options = {.progress = progress_note,
                                                  .progress_user = &progress};
        struct opened o;
        const moe_status status = open_with(&o, bytes, n, &options);
        CHECK(progress.is_ordered);
        if (cancel_at < 0) {
            CHECK(status == MOE_OK && progress.n_calls == 5 &&
                      progress.last == 1,
                  "%d calls", progress.n_calls);
        } else {
            CHECK(status == MOE_ERR_CANCELLED);
            CHECK(progress.n_calls == cancel_at + 1);
            CHECK(strcmp(o.err.message, "loading was cancelled") == 0);
        }
        close_opened(&o);
    }
    build_free(&b);
}

static const struct test tests[] = {
    {"mapped_and_copied_files_hold_the_same",
     mapped_and_copied_files_hold_the_same},
    {"a_missing_file_is_named", a_missing_file_is_named},
    {"split_files_open_or_say_why", split_files_open_or_say_why},
    {"a_split_file_needs_its_name", a_split_file_needs_its_name},
    {"sources_are_shards", sources_are_shards},
    {"sources_must_be_all_and_in_order", sources_must_be_all_and_in_order},
    {"impossible_sources_are_closed_too", impossible_sources_are_closed_too},
    {"each_failing_read_is_an_error", each_failing_read_is_an_error},
    {"each_failing_allocation_is_an_error",
     each_failing_allocation_is_an_error},
    {"each_failing_allocation_of_big_tables_is_an_error",
     each_failing_allocation_of_big_tables_is_an_error},
    {"header_only_leaves_the_data", header_only_leaves_the_data},
    {"long_headers_are_read_in_growing_pieces",
     long_headers_are_read_in_growing_pieces},
    {"progress_runs_to_one_and_may_cancel",
     progress_runs_to_one_and_may_cancel},
};

TEST_MAIN(tests)
