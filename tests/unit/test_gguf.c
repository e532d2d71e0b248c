/* test_gguf.c: sound GGUF files: what is read is what was written. */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include "gguf_check.h"

static const char *const words[] = {"a", "", "caf\xc3\xa9", "long enough"};
static const int16_t shorts[] = {-1, 0, 32767, -32768, 5};

/* An entry of each type, arrays, three tensors; all tests read parts of it. */
static void build_sample(struct gguf_builder *b, uint32_t version)
{
    build_begin(b, version);
    build_string(b, "general.architecture", "llama");
    build_bits(b, "t.u8", MOE_META_U8, 255);
    build_bits(b, "t.i8", MOE_META_I8, (uint64_t)-128);
    build_bits(b, "t.u16", MOE_META_U16, 65535);
    build_bits(b, "t.i16", MOE_META_I16, (uint64_t)-2);
    build_u32(b, "t.u32", 4294967295u);
    build_bits(b, "t.i32", MOE_META_I32, (uint64_t)-3);
    build_f32(b, "t.f32", 1.5f);
    build_bool(b, "t.bool", 1);
    build_bits(b, "t.u64", MOE_META_U64, UINT64_MAX);
    build_bits(b, "t.i64", MOE_META_I64, (uint64_t)INT64_MIN);
    build_bits(b, "t.f64", MOE_META_F64, 0x4004000000000000); /* 2.5 */
    build_strings(b, "t.words", words, 4);
    build_array(b, "t.shorts", MOE_META_I16, shorts, 5);
    build_array(b, "t.flags", MOE_META_BOOL, "\1\0\1", 3);
    build_array(b, "t.nothing", MOE_META_U64, NULL, 0);
    build_strings(b, "t.no_words", NULL, 0);
    uint8_t data[96];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    build_tensor(b, "token_embd.weight", MOE__F32, 2, (uint64_t[]){4, 3}, data,
                 48);
    build_tensor(b, "blk.0.attn_q.weight", MOE__Q8_0, 2, (uint64_t[]){32, 2},
                 data + 20, 68);
    build_tensor(b, "scalar", MOE__F16, 0, NULL, data + 3, 2);
}

/* ---------------------------------------------------------------- reading */

static void expect_i64(const struct moe__gguf *gguf, const char *key,
                       int64_t expected)
{
    int64_t value = 0;
    const struct moe__meta *meta = moe__meta_find(gguf, key);
    REQUIRE(meta, "%s", key);
    CHECK(moe__meta_i64(meta, 0, INT64_MIN, INT64_MAX, &value, NULL) == MOE_OK);
    CHECK(value == expected, "%s: %lld", key, (long long)value);
}

static void each_type_reads_back(void)
{
    struct gguf_builder b;
    struct opened o;
    build_sample(&b, 3);
    REQUIRE(open_built(&o, &b) == MOE_OK, "%s", o.err.message);
    expect_i64(&o.gguf, "t.u8", 255);
    expect_i64(&o.gguf, "t.i8", -128);
    expect_i64(&o.gguf, "t.u16", 65535);
    expect_i64(&o.gguf, "t.i16", -2);
    expect_i64(&o.gguf, "t.u32", 4294967295);
    expect_i64(&o.gguf, "t.i32", -3);
    expect_i64(&o.gguf, "t.i64", INT64_MIN);
    double number = 0;
    bool flag = false;
    struct moe__slice text = {0};
    CHECK(moe__meta_f64(moe__meta_find(&o.gguf, "t.f32"), 0, &number, NULL) ==
          MOE_OK);
    CHECK(number == 1.5);
    CHECK(moe__meta_f64(moe__meta_find(&o.gguf, "t.f64"), 0, &number, NULL) ==
          MOE_OK);
    CHECK(number == 2.5);
    CHECK(moe__meta_f64(moe__meta_find(&o.gguf, "t.u64"), 0, &number, NULL) ==
          MOE_OK);
    CHECK(number == 0x1p64);
    CHECK(moe__meta_bool(moe__meta_find(&o.gguf, "t.bool"), &flag, NULL) ==
          MOE_OK);
    CHECK(flag);
    CHECK(moe__meta_string(moe__meta_find(&o.gguf, "general.architecture"), 0,
                           &text, NULL) == MOE_OK);
    CHECK(moe__slice_is(text, "llama"));
    CHECK(check_touch(&o.gguf) == NULL);
    close_opened(&o);
    build_free(&b);
}

static void arrays_read_back(void)
{
    struct gguf_builder b;
    struct opened o;
    build_sample(&b, 3);
    REQUIRE(open_built(&o, &b) == MOE_OK, "%s", o.err.message);
    const struct moe__meta *meta = moe__meta_find(&o.gguf, "t.words");
    REQUIRE(meta && meta->n == 4 && meta->element_type == MOE_META_STRING);
    for (uint64_t i = 0; i < 4; i++) {
        struct moe__slice text;
        CHECK(moe__meta_string(meta, i, &text, NULL) == MOE_OK);
        CHECK(moe__slice_is(text, words[i]), "word %d", (int)i);
    }
    meta = moe__meta_find(&o.gguf, "t.shorts");
    REQUIRE(meta && meta->n == 5);
    for (uint64_t i = 0; i < 5; i++) {
        int64_t value = 0;
        CHECK(moe__meta_i64(meta, i, INT16_MIN, INT16_MAX, &value, NULL) ==
              MOE_OK);
        CHECK(value == shorts[i]);
    }
    meta = moe__meta_find(&o.gguf, "t.nothing");
    CHECK(meta && meta->n == 0);
    meta = moe__meta_find(&o.gguf, "t.no_words");
    CHECK(meta && meta->n == 0);
    close_opened(&o);
    build_free(&b);
}

static void keys_are_found_with_and_without_prefix(void)
{
    struct gguf_builder b;
    struct opened o;
    build_begin(&b, 3);
    /* Around the dot of "ab.c" in the order of keys: */
    const char *const keys[] = {"ab.c", "ab-c", "ab/c", "ab",  "ab.",
                                "a.b",  "ab.d", "abc",  "a.c", "b.ab.c"};
    for (uint32_t i = 0; i < 10; i++)
        build_u32(&b, keys[i], i);
    REQUIRE(open_built(&o, &b) == MOE_OK, "%s", o.err.message);
    for (int64_t i = 0; i < 10; i++)
        expect_i64(&o.gguf, keys[i], i);
    const struct moe__meta *const meta = o.gguf.meta;
    CHECK(moe__meta_find_in(&o.gguf, "ab", "c") == &meta[0]);
    CHECK(moe__meta_find_in(&o.gguf, "ab", "") == &meta[4]);
    CHECK(moe__meta_find_in(&o.gguf, "a", "c") == &meta[8]);
    CHECK(moe__meta_find_in(&o.gguf, "b.ab", "c") == &meta[9]);
    CHECK(moe__meta_find_in(&o.gguf, "b", "ab.c") == &meta[9]);
    CHECK(moe__meta_find_in(&o.gguf, "ab.", "c") == NULL);
    CHECK(moe__meta_find_in(&o.gguf, "", "c") == NULL);
    CHECK(moe__meta_find_in(&o.gguf, "ab", "e") == NULL);
    CHECK(moe__meta_find(&o.gguf, "") == NULL);
    CHECK(moe__meta_find(&o.gguf, "ab.cc") == NULL);
    close_opened(&o);
    build_free(&b);
}

/* ------------------------------------------------------------ typed reads */

/* Each value type, alone and in an array, against each reader. */
static void type_matrix(void)
{
    /* Readers: i(nteger) f(loat) b(ool) s(tring). */
    static const char *const taken[] = {"if", "if", "if", "if", "if", "if", "f",
                                        "b",  "s",  "",   "if", "if", "f"};
    for (int type = 0; type <= MOE_META_F64; type++)
        for (int is_array = 0; is_array < 2; is_array++) {
            if (type == MOE_META_ARRAY)
                continue;
            struct gguf_builder b;
            struct opened o;
            build_begin(&b, 3);
            if (type == MOE_META_STRING && is_array)
                build_strings(&b, "k", words, 2);
            else if (type == MOE_META_STRING)
                build_string(&b, "k", "1");
            else if (is_array)
                build_array(&b, "k", type, NULL, 2);
            else
                build_bits(&b, "k", type, 0);
            REQUIRE(open_built(&o, &b) == MOE_OK, "%s", o.err.message);
            int64_t integer;
            double number;
            bool flag;
            struct moe__slice text;
            struct moe__err errs[4] = {0};
            const struct moe__meta *meta = &o.gguf.meta[0];
            const moe_status got[4] = {
                moe__meta_i64(meta, 0, 0, 9, &integer, &errs[0]),
                moe__meta_f64(meta, 0, &number, &errs[1]),
                moe__meta_bool(meta, &flag, &errs[2]),
                moe__meta_string(meta, 0, &text, &errs[3])};
            for (int r = 0; r < 4; r++) {
                const bool is_taken = strchr(taken[type], "ifbs"[r]) &&
                                      !(is_array && "ifbs"[r] == 'b');
                CHECK(got[r] == (is_taken ? MOE_OK : MOE_ERR_FORMAT),
                      "type %d array %d reader %d", type, is_array, r);
                CHECK(is_taken ||
                          strncmp(errs[r].message, "k: expected ", 12) == 0,
                      "'%s'", errs[r].message);
            }
            close_opened(&o);
            build_free(&b);
        }
}

static void reads_say_what_they_found(void)
{
    struct gguf_builder b;
    struct opened o;
    build_sample(&b, 3);
    REQUIRE(open_built(&o, &b) == MOE_OK, "%s", o.err.message);
    static const struct {
        const char *key;
        char reader;
        uint64_t i;
        const char *message;
    } cases[] = {
        {"t.u8", 'i', 0, "t.u8: expected -3 to 100, found 255"},
        {"t.i8", 'i', 0, "t.i8: expected -3 to 100, found -128"},
        {"t.u64", 'i', 0,
         "t.u64: expected -3 to 100, found 18446744073709551615"},
        {"t.f32", 'i', 0, "t.f32: expected an integer, found f32"},
        {"t.bool", 'i', 0, "t.bool: expected an integer, found bool"},
        {"t.words", 'i', 0,
         "t.words: expected an integer, found array of string"},
        {"t.words", 'f', 1,
         "t.words: expected a number, found array of string"},
        {"t.shorts", 'i', 5, "t.shorts: expected more than 5 values, found 5"},
        {"t.shorts", 'b', 0, "t.shorts: expected bool, found array of i16"},
        {"t.u32", 'b', 0, "t.u32: expected bool, found u32"},
        {"t.u32", 's', 0, "t.u32: expected string, found u32"},
        {"t.nothing", 'i', 0,
         "t.nothing: expected more than 0 values, found 0"},
        {"general.architecture", 'f', 0,
         "general.architecture: expected a number, found string"},
    };
    for (size_t i = 0; i < MOE__COUNT(cases); i++) {
        const struct moe__meta *meta = moe__meta_find(&o.gguf, cases[i].key);
        struct moe__err err = {0};
        int64_t integer;
        double number;
        bool flag;
        struct moe__slice text;
        moe_status status = MOE_OK;
        if (cases[i].reader == 'i')
            status = moe__meta_i64(meta, cases[i].i, -3, 100, &integer, &err);
        else if (cases[i].reader == 'f')
            status = moe__meta_f64(meta, cases[i].i, &number, &err);
        else if (cases[i].reader == 'b')
            status = moe__meta_bool(meta, &flag, &err);
        else
            status = moe__meta_string(meta, cases[i].i, &text, &err);
        CHECK(status == MOE_ERR_FORMAT);
        CHECK(strcmp(err.message, cases[i].message) == 0, "'%s'", err.message);
    }
    close_opened(&o);
    build_free(&b);
}

/* --------------------------------------------------- versions and tensors */

static void versions_hold_the_same(void)
{
    struct gguf_builder b[3];
    struct opened o[3];
    for (uint32_t v = 0; v < 3; v++) {
        build_sample(&b[v], v + 1);
        REQUIRE(open_built(&o[v], &b[v]) == MOE_OK, "%s", o[v].err.message);
        CHECK(o[v].gguf.version == v + 1);
    }
    const struct moe__gguf *const last = &o[2].gguf;
    for (int v = 0; v < 2; v++) {
        const struct moe__gguf *gguf = &o[v].gguf;
        REQUIRE(gguf->n_meta == last->n_meta);
        REQUIRE(gguf->n_tensors == last->n_tensors);
        for (uint64_t i = 0; i < last->n_meta; i++) {
            const struct moe__meta *x = &gguf->meta[i];
            const struct moe__meta *y = &last->meta[i];
            CHECK(strcmp(x->key, y->key) == 0 && x->type == y->type);
            CHECK(x->element_type == y->element_type && x->n == y->n);
            if (y->strings)
                for (uint64_t s = 0; s < y->n; s++)
                    CHECK(moe__slice_equal(x->strings[s], y->strings[s]));
            else
                CHECK(moe__slice_equal(x->value, y->value), "%s", y->key);
        }
        for (uint64_t i = 0; i < last->n_tensors; i++) {
            const struct moe__tensor *x = &gguf->tensors[i];
            const struct moe__tensor *y = &last->tensors[i];
            CHECK(strcmp(x->name, y->name) == 0 && x->type == y->type);
            CHECK(x->n_dims == y->n_dims && x->bytes == y->bytes);
            CHECK(memcmp(x->dims, y->dims, sizeof x->dims) == 0);
            CHECK(memcmp(x->data, y->data, (size_t)y->bytes) == 0);
        }
    }
    for (int v = 0; v < 3; v++) {
        close_opened(&o[v]);
        build_free(&b[v]);
    }
}

static void tensors_lie_where_the_file_has_them(void)
{
    struct gguf_builder b;
    struct opened o;
    build_sample(&b, 3);
    REQUIRE(open_built(&o, &b) == MOE_OK, "%s", o.err.message);
    const struct moe__tensor *tensor =
        moe__tensor_find(&o.gguf, "blk.0.attn_q.weight");
    REQUIRE(tensor != NULL);
    CHECK(tensor->type == MOE__Q8_0 && tensor->n_dims == 2);
    CHECK(tensor->dims[0] == 32 && tensor->dims[1] == 2);
    CHECK(tensor->dims[2] == 1 && tensor->dims[3] == 1);
    CHECK(tensor->bytes == 68 && tensor->offset % 32 == 0);
    CHECK(memcmp(tensor->data, b.file.data + tensor->offset, 68) == 0);
    CHECK(tensor->data[0] == 20 * 7);
    tensor = moe__tensor_find(&o.gguf, "scalar");
    REQUIRE(tensor != NULL);
    CHECK(tensor->n_dims == 0 && tensor->bytes == 2 && tensor->dims[0] == 1);
    CHECK(moe__tensor_find(&o.gguf, "blk.0.attn_q") == NULL);
    CHECK(moe__tensor_find(&o.gguf, "") == NULL);
    close_opened(&o);
    build_free(&b);
}

/* An f64 tensor behind a header of any length and 1 .. 8 bytes. */
static void data_is_aligned_as_numbers_are(void)
{
    int n_opened = 0;
    for (uint32_t alignment = 1; alignment <= 65536; alignment *= 2)
        for (size_t pad = 0; pad < 64; pad++) {
            const uint64_t n_before = 1 + pad / 8;
            struct gguf_builder b;
            struct opened o;
            build_begin(&b, 3);
            b.alignment = alignment;
            build_u32(&b, "general.alignment", alignment);
            build_string(&b, "pad", &"12345678"[pad % 8]);
            build_tensor(&b, "a", MOE__I8, 1, &n_before, NULL, n_before);
            build_tensor(&b, "b", MOE__F64, 1, (uint64_t[]){1}, NULL, 8);
            const moe_status status = open_built(&o, &b);
            if (status == MOE_OK) {
                n_opened += alignment < 8;
                CHECK((uintptr_t)o.gguf.tensors[1].data % 8 == 0);
            } else {
                CHECK(status == MOE_ERR_UNSUPPORTED && alignment < 8, "%s",
                      o.err.message);
            }
            close_opened(&o);
            build_free(&b);
        }
    CHECK(n_opened > 20, "%d", n_opened);
}

/* A vocabulary file stops after its last entry. */
static void vocabulary_needs_no_padding(void)
{
    struct gguf_builder b;
    struct opened o;
    build_begin(&b, 3);
    build_string(&b, "k", "odd");
    REQUIRE(open_built(&o, &b) == MOE_OK, "%s", o.err.message);
    CHECK(o.file.n % 32 != 0 && o.gguf.n_tensors == 0);
    close_opened(&o);
    build_free(&b);
    build_begin(&b, 2);
    REQUIRE(open_built(&o, &b) == MOE_OK, "%s", o.err.message);
    CHECK(o.gguf.n_meta == 0 && moe__meta_find(&o.gguf, "k") == NULL);
    close_opened(&o);
    build_free(&b);
}

static void tensor_names_have_255_bytes_at_most(void)
{
    for (size_t bytes = 255; bytes < 257; bytes++) {
        char name[257] = "";
        memset(name, 'n', bytes);
        struct gguf_builder b;
        struct opened o;
        build_begin(&b, 3);
        build_tensor(&b, name, MOE__F32, 1, (uint64_t[]){8}, NULL, 32);
        CHECK((open_built(&o, &b) == MOE_OK) == (bytes == 255), "%s",
              o.err.message);
        close_opened(&o);
        build_free(&b);
    }
}

/* -------------------------------------------------------------- overrides */

/* Opens the sample with overrides. */
static moe_status open_overridden(struct opened *o, struct gguf_builder *b,
                                  const char *const *overrides, size_t n)
{
    const struct moe__gguf_options options = {.overrides = overrides,
                                              .n_overrides = n};
    size_t n_bytes;
    build_sample(b, 3);
    const uint8_t *bytes = build_finish(b, &n_bytes);
    return open_with(o, bytes, n_bytes, &options);
}

static void overrides_keep_or_find_a_type(void)
{
    static const struct {
        const char *text;
        const char *key;
        moe_meta_type type;
        const char *value; /* of an integer, float or bool: as a number */
    } cases[] = {
        {"t.u8=7", "t.u8", MOE_META_U8, "7"},
        {"t.u8=256", "t.u8", MOE_META_I64, "256"},
        {"t.u8=-1", "t.u8", MOE_META_I64, "-1"},
        {"t.i8=-128", "t.i8", MOE_META_I8, "-128"},
        {"t.i16=-32768", "t.i16", MOE_META_I16, "-32768"},
        {"t.u32=4294967295", "t.u32", MOE_META_U32, "4294967295"},
        {"t.u64=9223372036854775807", "t.u64", MOE_META_U64,
         "9223372036854775807"},
        {"t.u32=many", "t.u32", MOE_META_STRING, "many"},
        {"t.u32=0.25", "t.u32", MOE_META_F64, "0.25"},
        {"t.u32=true", "t.u32", MOE_META_BOOL, "1"},
        {"t.f32=10000", "t.f32", MOE_META_F32, "10000"},
        {"t.f32=1e-5", "t.f32", MOE_META_F32, "0.0000099999997473787516"},
        {"t.f32=1e39", "t.f32", MOE_META_F64, "1e39"},
        {"t.f64=-2.5e3", "t.f64", MOE_META_F64, "-2500"},
        {"t.bool=false", "t.bool", MOE_META_BOOL, "0"},
        {"t.bool=1", "t.bool", MOE_META_I64, "1"},
        {"t.words=5", "t.words", MOE_META_I64, "5"},
        {"general.architecture=42", "general.architecture", MOE_META_STRING,
         "42"},
        {"general.architecture=", "general.architecture", MOE_META_STRING, ""},
        {"new.i=-42", "new.i", MOE_META_I64, "-42"},
        {"new.f=0.5", "new.f", MOE_META_F64, "0.5"},
        {"new.b=true", "new.b", MOE_META_BOOL, "1"},
        {"new.s=a=b c", "new.s", MOE_META_STRING, "a=b c"},
        {"new.e=", "new.e", MOE_META_STRING, ""},
    };
    for (size_t i = 0; i < MOE__COUNT(cases); i++) {
        struct gguf_builder b;
        struct opened o;
        REQUIRE(open_overridden(&o, &b, &cases[i].text, 1) == MOE_OK, "%s",
                o.err.message);
        const struct moe__meta *meta = moe__meta_find(&o.gguf, cases[i].key);
        REQUIRE(meta, "%s", cases[i].key);
        CHECK(meta->type == cases[i].type, "%s: %d", cases[i].text, meta->type);
        CHECK(meta->n == 0 && meta->strings == NULL);
        int64_t integer = 0;
        double number = 0;
        bool flag = false;
        struct moe__slice text = {0};
        if (meta->type == MOE_META_STRING)
            CHECK(moe__meta_string(meta, 0, &text, NULL) == MOE_OK &&
                  moe__slice_is(text, cases[i].value));
        else if (meta->type == MOE_META_BOOL)
            CHECK(moe__meta_bool(meta, &flag, NULL) == MOE_OK &&
                  flag == (cases[i].value[0] == '1'));
        else if (meta->type == MOE_META_F32 || meta->type == MOE_META_F64)
            CHECK(moe__meta_f64(meta, 0, &number, NULL) == MOE_OK &&
                      number == strtod(cases[i].value, NULL),
                  "%s: %.20g", cases[i].text, number);
        else
            CHECK(moe__meta_i64(meta, 0, INT64_MIN, INT64_MAX, &integer,
                                NULL) == MOE_OK &&
                      integer == strtoll(cases[i].value, NULL, 10),
                  "%s: %lld", cases[i].text, (long long)integer);
        CHECK(check_touch(&o.gguf) == NULL);
        close_opened(&o);
        build_free(&b);
    }
}

static void the_last_override_of_a_key_wins(void)
{
    const char *const overrides[] = {"zz=1", "aa=2", "zz=3", "t.u8=4",
                                     "t.u8=5"};
    struct gguf_builder b;
    struct opened o;
    REQUIRE(open_overridden(&o, &b, overrides, 5) == MOE_OK, "%s",
            o.err.message);
    expect_i64(&o.gguf, "zz", 3);
    expect_i64(&o.gguf, "aa", 2);
    expect_i64(&o.gguf, "t.u8", 5);
    expect_i64(&o.gguf, "t.i8", -128);
    CHECK(strcmp(o.gguf.meta[o.gguf.n_meta - 1].key, "aa") == 0);
    CHECK(check_touch(&o.gguf) == NULL);
    close_opened(&o);
    build_free(&b);
}

static void overrides_without_a_key_are_refused(void)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"", "metadata override: expected 'KEY=VALUE', found ''"},
        {"=1", "metadata override: expected 'KEY=VALUE', found '=1'"},
        {"key", "metadata override: expected 'KEY=VALUE', found 'key'"},
        {NULL, "metadata override: expected 'KEY=VALUE', found 'NULL'"},
    };
    struct gguf_builder b;
    struct opened o;
    CHECK(open_overridden(&o, &b, NULL, 2) == MOE_ERR_ARGUMENT);
    CHECK(strcmp(o.err.message, "metadata overrides: 2 at no address") == 0);
    close_opened(&o);
    build_free(&b);
    for (size_t i = 0; i < MOE__COUNT(cases); i++) {
        CHECK(open_overridden(&o, &b, &cases[i].text, 1) == MOE_ERR_ARGUMENT);
        CHECK(strcmp(o.err.message, cases[i].message) == 0, "'%s'",
              o.err.message);
        close_opened(&o);
        build_free(&b);
    }
}

/* ------------------------------------------------------------- real files */

static void expect_file(const char *path, uint32_t version, uint64_t n_tensors,
                        uint64_t n_words)
{
    size_t n = 0;
    uint8_t *bytes = test_read(path, &n);
    REQUIRE(bytes, "%s", path);
    struct moe__err err;
    const char *wrong = check_survive(bytes, n, &err);
    CHECK(wrong == NULL && err.status == MOE_OK, "%s: %s %s", path,
          wrong ? wrong : "", err.message);
    struct opened o;
    const struct moe__gguf_options options = {.is_header_only = true};
    REQUIRE(open_with(&o, bytes, n, &options) == MOE_OK, "%s", path);
    CHECK(o.gguf.version == version && o.gguf.n_tensors == n_tensors);
    const struct moe__meta *meta =
        moe__meta_find(&o.gguf, "tokenizer.ggml.tokens");
    CHECK(meta && meta->n == n_words && meta->strings);
    CHECK(n_tensors == 0 || o.gguf.tensors[0].data == NULL);
    close_opened(&o);
    free(bytes);
}

static void real_vocabularies_open(void)
{
    static const struct {
        const char *path;
        uint32_t version;
        uint64_t n_words;
    } files[] = {
        {"vectors/vocab/ggml-vocab-falcon-gguf-v2.gguf", 2, 65024},
        {"vectors/vocab/ggml-vocab-llama-spm.gguf", 3, 32000},
        {"vectors/vocab/ggml-vocab-phi-3.gguf", 3, 32064},
        {"vectors/vocab/ggml-vocab-gpt-2.gguf", 3, 50257},
        {"vectors/vocab/ggml-vocab-deepseek-coder.gguf", 3, 32256},
    };
    for (size_t i = 0; i < MOE__COUNT(files); i++) {
        const char *path = test_shared(files[i].path);
        if (path == NULL)
            SKIP("no %s", files[i].path);
        expect_file(path, files[i].version, 0, files[i].n_words);
    }
}

static void real_models_open(void)
{
    const char *path = test_shared("vectors/stories260K/stories260K.gguf");
    if (path == NULL)
        SKIP("no shared stories260K.gguf");
    expect_file(path, 3, 48, 512);
    path = test_shared("vectors/stories260K/stories260K-moe8-noisy.gguf");
    REQUIRE(path != NULL);
    expect_file(path, 3, 53, 512);
    path =
        test_shared("vectors/stories260K/stories260K-moe8-noisy-Q4_K_M.gguf");
    REQUIRE(path != NULL);
    expect_file(path, 3, 53, 512);
}

/* The families' tiny models: all of them are accepted. */
static void family_models_open(void)
{
    static const char *const names[] = {
        "mixtral", "mixtral_split", "llama31", "mistral",
        "qwen2",   "qwen25_tied",   "qwen3",   "gemma3",
        "smollm3", "llama2_70b",    "yi",      "qwen3_moe"};
    int n_opened = 0;
    for (size_t i = 0; i < MOE__COUNT(names); i++) {
        char name[64];
        snprintf(name, sizeof name, "families/%s/model.gguf", names[i]);
        const char *path = test_data(name);
        if (path == NULL)
            continue;
        size_t n = 0;
        uint8_t *bytes = test_read(path, &n);
        struct moe__err err;
        const char *wrong = check_survive(bytes, n, &err);
        CHECK(wrong == NULL && err.status == MOE_OK, "%s: %s %s", path,
              wrong ? wrong : "", err.message);
        n_opened++;
        free(bytes);
    }
    if (n_opened == 0)
        SKIP("no tests/data/families");
}

static const struct test tests[] = {
    {"each_type_reads_back", each_type_reads_back},
    {"arrays_read_back", arrays_read_back},
    {"keys_are_found_with_and_without_prefix",
     keys_are_found_with_and_without_prefix},
    {"type_matrix", type_matrix},
    {"reads_say_what_they_found", reads_say_what_they_found},
    {"versions_hold_the_same", versions_hold_the_same},
    {"tensors_lie_where_the_file_has_them",
     tensors_lie_where_the_file_has_them},
    {"data_is_aligned_as_numbers_are", data_is_aligned_as_numbers_are},
    {"vocabulary_needs_no_padding", vocabulary_needs_no_padding},
    {"tensor_names_have_255_bytes_at_most",
     tensor_names_have_255_bytes_at_most},
    {"overrides_keep_or_find_a_type", overrides_keep_or_find_a_type},
    {"the_last_override_of_a_key_wins", the_last_override_of_a_key_wins},
    {"overrides_without_a_key_are_refused",
     overrides_without_a_key_are_refused},
    {"real_vocabularies_open", real_vocabularies_open},
    {"real_models_open", real_models_open},
    {"family_models_open", family_models_open},
};

TEST_MAIN(tests)
