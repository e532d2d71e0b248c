/* test_gguf_edits.c: small sound files, each field of the header edited.
 *
 * Deterministic: the same edits on every machine.  Whatever the edit, opening
 * gives a status with a sentence or a working object, and leaves nothing. */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include "base/rng.h"
#include "gguf_check.h"

#include <time.h>

#define MAX_FIELDS 65536
#define MAX_FIELDS_EDITED 400 /* of a file; others are left out at random */

struct edit_field {
    size_t at;
    size_t bytes;
};

/* A sound file and what to edit in it. */
struct seed_file {
    uint8_t *bytes; /* [n] */
    size_t n;
    struct edit_field *fields; /* [n_fields] */
    size_t n_fields;
    size_t n_header;
    size_t pos;      /* while walking */
    uint64_t random; /* numbers drawn so far */
    int n_edits;
    int n_accepted;
};

/* ------------------------------------------------------------------ walk */

/* A field of a sound file of version 2 or 3; its value. */
static uint64_t walk_field(struct seed_file *seed, size_t bytes)
{
    uint64_t value = 0;
    if (bytes > seed->n - seed->pos || seed->n_fields == MAX_FIELDS) {
        CHECK(false, "the seed file is not sound");
        return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)seed->bytes[seed->pos + i] << 8 * i;
    seed->fields[seed->n_fields++] = (struct edit_field){seed->pos, bytes};
    seed->pos += bytes;
    return value;
}

static void walk_text(struct seed_file *seed)
{
    seed->pos += (size_t)walk_field(seed, 8);
}

static void walk_values(struct seed_file *seed, moe_meta_type type, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (type == MOE_META_STRING)
            walk_text(seed);
        else
            walk_field(seed, build_type_bytes(type));
}

static void walk_entry(struct seed_file *seed)
{
    walk_text(seed);
    moe_meta_type type = (moe_meta_type)walk_field(seed, 4);
    uint64_t n = 1;
    if (type == MOE_META_ARRAY) {
        type = (moe_meta_type)walk_field(seed, 4);
        n = walk_field(seed, 8);
    }
    walk_values(seed, type, n);
}

static void walk_tensor(struct seed_file *seed)
{
    walk_text(seed);
    const uint64_t n_dims = walk_field(seed, 4);
    for (uint64_t i = 0; i < n_dims; i++)
        walk_field(seed, 8);
    walk_field(seed, 4);
    walk_field(seed, 8);
}

static bool walk_file(struct seed_file *seed)
{
    seed->fields = malloc(MAX_FIELDS * sizeof *seed->fields);
    if (seed->fields == NULL)
        return false;
    walk_field(seed, 4); /* magic */
    walk_field(seed, 4);
    const uint64_t n_tensors = walk_field(seed, 8);
    const uint64_t n_entries = walk_field(seed, 8);
    for (uint64_t i = 0; i < n_entries && test_failures == 0; i++)
        walk_entry(seed);
    for (uint64_t i = 0; i < n_tensors && test_failures == 0; i++)
        walk_tensor(seed);
    seed->n_header = seed->pos;
    return test_failures == 0;
}

/* ----------------------------------------------------------------- edits */

static uint64_t draw(struct seed_file *seed, uint64_t below)
{
    return moe__rng_u64(2026, seed->random++) % below;
}

/* Opens the first n bytes of the edited file. */
static void expect_survival(struct seed_file *seed, size_t n, const char *what,
                            size_t at)
{
    struct moe__err err;
    const clock_t start = clock();
    const char *wrong = check_survive(seed->bytes, n, &err);
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    CHECK(wrong == NULL, "%s at %zu: %s", what, at, wrong ? wrong : "");
    CHECK(seconds < 2, "%s at %zu: %g s", what, at, seconds);
    seed->n_edits++;
    seed->n_accepted += err.status == MOE_OK;
}

static uint64_t field_value(const struct seed_file *seed,
                            const struct edit_field *field)
{
    uint64_t value = 0;
    for (size_t i = 0; i < field->bytes; i++)
        value |= (uint64_t)seed->bytes[field->at + i] << 8 * i;
    return value;
}

static void edit_fields(struct seed_file *seed)
{
    for (size_t f = 0; f < seed->n_fields; f++) {
        if (draw(seed, seed->n_fields) >= MAX_FIELDS_EDITED)
            continue;
        const struct edit_field *field = &seed->fields[f];
        const uint64_t old = field_value(seed, field);
        const uint64_t values[] = {0,
                                   1,
                                   0x7fffffff,
                                   0x80000000,
                                   0x80000001,
                                   0xffffffff,
                                   (uint64_t)1 << 63,
                                   UINT64_MAX,
                                   old - 1,
                                   old + 1,
                                   old * 2};
        for (size_t v = 0; v < MOE__COUNT(values); v++) {
            patch_number(seed->bytes + field->at, values[v], field->bytes);
            expect_survival(seed, seed->n, "edit", field->at);
        }
        patch_number(seed->bytes + field->at, old, field->bytes);
    }
}

/* Two fields change places or values. */
static void edit_pairs(struct seed_file *seed)
{
    for (int i = 0; i < 500; i++) {
        const struct edit_field *a = &seed->fields[draw(seed, seed->n_fields)];
        const struct edit_field *b = &seed->fields[draw(seed, seed->n_fields)];
        const uint64_t old_a = field_value(seed, a);
        const uint64_t old_b = field_value(seed, b);
        const uint64_t new_a = draw(seed, 2) ? old_b : draw(seed, 64);
        patch_number(seed->bytes + a->at, new_a, a->bytes);
        patch_number(seed->bytes + b->at, old_a, b->bytes);
        expect_survival(seed, seed->n, "pair", a->at);
        patch_number(seed->bytes + b->at, old_b, b->bytes);
        patch_number(seed->bytes + a->at, old_a, a->bytes);
    }
}

static void flip_bytes(struct seed_file *seed)
{
    for (int i = 0; i < 1000; i++) {
        uint8_t *byte = &seed->bytes[draw(seed, seed->n_header)];
        const uint8_t old = *byte;
        *byte ^= (uint8_t)(1 + draw(seed, 255));
        expect_survival(seed, seed->n, "flip", (size_t)(byte - seed->bytes));
        *byte = old;
    }
}

static void cut_file(struct seed_file *seed)
{
    for (int i = 0; i < 300; i++) {
        const size_t n = (size_t)draw(seed, seed->n_header + 64);
        expect_survival(seed, n < seed->n ? n : seed->n, "cut", n);
    }
    for (int i = 0; i < 100; i++) {
        const size_t n = (size_t)draw(seed, seed->n);
        expect_survival(seed, n, "cut", n);
    }
}

static void edit_file(struct seed_file *seed)
{
    uint8_t *const before = malloc(seed->n);
    REQUIRE(before != NULL);
    memcpy(before, seed->bytes, seed->n);
    if (walk_file(seed)) {
        expect_survival(seed, seed->n, "whole", 0);
        CHECK(seed->n_accepted == 1);
        edit_fields(seed);
        edit_pairs(seed);
        flip_bytes(seed);
        cut_file(seed);
        expect_survival(seed, seed->n, "whole", 0);
        CHECK(seed->n_edits >= 3000, "%d edits", seed->n_edits);
        /* Some edits are harmless (a value), most are not. */
        CHECK(seed->n_accepted > 10 && seed->n_accepted < seed->n_edits - 10,
              "%d of %d accepted", seed->n_accepted, seed->n_edits);
        CHECK(memcmp(before, seed->bytes, seed->n) == 0);
    }
    free(before);
    free(seed->fields);
}

/* ----------------------------------------------------------------- files */

static void built_file_survives_edits(void)
{
    static const char *const words[] = {"<s>", "</s>", "", "\xe2\x96\x81the"};
    struct gguf_builder b;
    struct seed_file seed = {0};
    build_begin(&b, 3);
    build_string(&b, "general.architecture", "llama");
    build_u32(&b, "general.alignment", 64);
    b.alignment = 64;
    for (moe_meta_type type = 0; type <= MOE_META_F64; type++) {
        char key[24];
        if (type == MOE_META_STRING || type == MOE_META_ARRAY)
            continue;
        snprintf(key, sizeof key, "one.%d", type);
        build_bits(&b, key, type, 1);
        snprintf(key, sizeof key, "three.%d", type);
        build_array(&b, key, type, NULL, 3);
    }
    build_strings(&b, "words", words, 4);
    build_bits(&b, "split.no", MOE_META_U16, 0);
    build_bits(&b, "split.count", MOE_META_U16, 1);
    build_bits(&b, "split.tensors.count", MOE_META_I32, 20);
    for (int i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof name, "blk.%d.weight", i);
        build_tensor(&b, name, i % 2 ? MOE__Q8_0 : MOE__F32, 2,
                     (uint64_t[]){32, 2}, NULL, i % 2 ? 68 : 256);
    }
    seed.bytes = build_finish(&b, &seed.n);
    edit_file(&seed);
    build_free(&b);
}

static void model_survives_edits(void)
{
    const char *path = test_data("families/mixtral/model.gguf");
    struct seed_file seed = {0};
    seed.bytes = test_read(path, &seed.n);
    if (seed.bytes == NULL)
        SKIP("no tests/data/families/mixtral/model.gguf");
    edit_file(&seed);
    free(seed.bytes);
}

static const struct test tests[] = {
    {"built_file_survives_edits", built_file_survives_edits},
    {"model_survives_edits", model_survives_edits},
};

TEST_MAIN(tests)
