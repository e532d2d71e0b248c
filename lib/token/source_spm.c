/* source_spm.c: a vocabulary from a tokenizer.model, a ModelProto of Google's
 * SentencePiece in protobuf's wire format.
 *
 * Field numbers are those of sentencepiece_model.proto.  Takes BPE models whose
 * text is not changed but for the spaces, as all of Llama's and Mistral's are;
 * refuses what SentencePiece refuses, other models, and normalisation. */
#include "token/source.h"

#define SPM_PIECES "tokenizer.model, pieces"

/* -------------------------------------------------------------- protobuf */

enum { /* wire types */
       PROTO_VARINT = 0,
       PROTO_64 = 1,
       PROTO_BYTES = 2,
       PROTO_32 = 5
};

struct proto_field {
    uint32_t number;
    uint32_t type;
    uint64_t value;          /* a number, its bits */
    struct moe__slice bytes; /* PROTO_BYTES */
};

/* Takes a varint, 7 bits a byte, low ones first, off the front. */
static bool proto_varint(struct moe__slice *rest, uint64_t *out)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < rest->n && i < 10; i++) {
        const uint8_t byte = rest->data[i];
        if (i == 9 && byte > 1) /* the 64th bit */
            return false;
        value |= (uint64_t)(byte & 127) << (7 * i);
        if (byte < 128) {
            *rest = moe__slice_of(rest->data + i + 1, rest->n - i - 1);
            *out = value;
            return true;
        }
    }
    return false;
}

/* Takes a field off the front; false if it is malformed or of a group. */
static bool proto_next(struct moe__slice *rest, struct proto_field *out)
{
    uint64_t key, n;
    if (!proto_varint(rest, &key) || key >> 3 == 0 || key >> 32 != 0)
        return false;
    *out = (struct proto_field){.number = (uint32_t)(key >> 3),
                                .type = (uint32_t)(key & 7)};
    switch (out->type) {
    case PROTO_VARINT:
        return proto_varint(rest, &out->value);
    case PROTO_64:
        n = 8;
        break;
    case PROTO_32:
        n = 4;
        break;
    case PROTO_BYTES:
        if (!proto_varint(rest, &n))
            return false;
        break;
    default:
        return false;
    }
    if (n > rest->n)
        return false;
    out->bytes = moe__slice_of(rest->data, (size_t)n);
    if (out->type == PROTO_32)
        out->value = moe__load_u32(rest->data);
    *rest = moe__slice_of(rest->data + n, rest->n - (size_t)n);
    return true;
}

/* ------------------------------------------------------------- settings */

/* Field numbers of ModelProto. */
enum { SPM_PIECE = 1, SPM_TRAINER = 2, SPM_NORMALIZER = 3, SPM_DENORMAL = 5 };

/* What is read of TrainerSpec and NormalizerSpec. */
enum spm_setting {
    SPM_MODEL_TYPE,
    SPM_SUFFIX,
    SPM_BYTE_FALLBACK,
    SPM_BOS,
    SPM_EOS,
    SPM_PAD,
    SPM_DUMMY_PREFIX,
    SPM_EXTRA_SPACES,
    SPM_ESCAPE,
    SPM_N_SETTINGS
};

/* ORDER spm_setting.  If a file does not say, it means the default. */
static const struct {
    uint32_t message;
    uint32_t field;
    int32_t fallback;
    const char *name;
} spm_settings[SPM_N_SETTINGS] = {
    {SPM_TRAINER, 3, 1, "trainer_spec.model_type"},
    {SPM_TRAINER, 24, 0, "trainer_spec.treat_whitespace_as_suffix"},
    {SPM_TRAINER, 35, 0, "trainer_spec.byte_fallback"},
    {SPM_TRAINER, 41, 1, "trainer_spec.bos_id"},
    {SPM_TRAINER, 42, 2, "trainer_spec.eos_id"},
    {SPM_TRAINER, 43, -1, "trainer_spec.pad_id"},
    {SPM_NORMALIZER, 3, 1, "normalizer_spec.add_dummy_prefix"},
    {SPM_NORMALIZER, 4, 1, "normalizer_spec.remove_extra_whitespaces"},
    {SPM_NORMALIZER, 5, 1, "normalizer_spec.escape_whitespaces"},
};

/* A file while it is read. */
struct spm_file {
    struct moe__arena *arena;
    struct moe__vocab_source *source;
    struct moe__err *err;
    int64_t settings[SPM_N_SETTINGS];
    struct moe__slice *texts; /* [n_tokens] */
    uint8_t *bytes;           /* of texts, where the next one goes */
    int32_t n_unknown;
    int32_t unknown; /* the last one's id */
    int32_t n_bytes; /* byte pieces */
};

static moe_status spm_malformed(const struct spm_file *f, const char *what,
                                int32_t id)
{
    return moe__fail(f->err, MOE_ERR_FORMAT,
                     "tokenizer.model: %s is cut short or malformed, after "
                     "piece %d",
                     what, (int)id);
}

static moe_status spm_read_settings(struct spm_file *f, uint32_t message,
                                    struct moe__slice rest)
{
    struct proto_field field;
    while (rest.n > 0) {
        if (!proto_next(&rest, &field))
            return spm_malformed(f, "a specification", f->source->n_tokens - 1);
        for (size_t i = 0; i < SPM_N_SETTINGS; i++)
            if (spm_settings[i].message == message &&
                spm_settings[i].field == field.number &&
                field.type == PROTO_VARINT)
                f->settings[i] = (int32_t)field.value; /* -1 has ten bytes */
        if (message != SPM_TRAINER && field.number == 2 && field.bytes.n > 0)
            return moe__fail(f->err, MOE_ERR_UNSUPPORTED,
                             "tokenizer.model, %s.precompiled_charsmap: %zu "
                             "bytes of normalisation are not supported",
                             message == SPM_NORMALIZER ? "normalizer_spec"
                                                       : "denormalizer_spec",
                             field.bytes.n);
    }
    return MOE_OK;
}

static moe_status spm_expect(const struct spm_file *f, enum spm_setting setting,
                             int64_t expected)
{
    if (f->settings[setting] == expected)
        return MOE_OK;
    return moe__fail(f->err, MOE_ERR_UNSUPPORTED,
                     "tokenizer.model, %s: expected %lld, found %lld",
                     spm_settings[setting].name, (long long)expected,
                     (long long)f->settings[setting]);
}

static moe_status spm_check_model(const struct spm_file *f)
{
    /* ORDER TrainerSpec.ModelType */
    static const char *const names[] = {"none", "unigram", "bpe", "word",
                                        "char"};
    const int64_t type = f->settings[SPM_MODEL_TYPE];
    const bool is_known = type >= 0 && type < (int64_t)MOE__COUNT(names);
    if (type == 2)
        return MOE_OK;
    return moe__fail(f->err, MOE_ERR_UNSUPPORTED,
                     "tokenizer.model, %s: expected 2 (bpe), found %lld (%s)",
                     spm_settings[SPM_MODEL_TYPE].name, (long long)type,
                     is_known ? names[type] : "unknown");
}

/* ---------------------------------------------------------------- pieces */

struct spm_piece {
    struct moe__slice text;
    uint32_t score_bits;
    uint64_t kind; /* ORDER moe_token_kind */
};

static moe_status spm_parse_piece(const struct spm_file *f, int32_t id,
                                  struct moe__slice rest, struct spm_piece *out)
{
    struct proto_field field;
    *out = (struct spm_piece){.kind = MOE_TOKEN_NORMAL};
    while (rest.n > 0) {
        if (!proto_next(&rest, &field))
            return spm_malformed(f, "a piece", id - 1);
        if (field.number == 1 && field.type == PROTO_BYTES)
            out->text = field.bytes;
        if (field.number == 2 && field.type == PROTO_32)
            out->score_bits = (uint32_t)field.value;
        if (field.number == 3 && field.type == PROTO_VARINT)
            out->kind = field.value;
    }
    return MOE_OK;
}

static moe_status spm_read_piece(struct spm_file *f, int32_t id,
                                 struct moe__slice message)
{
    struct spm_piece piece;
    MOE__TRY(spm_parse_piece(f, id, message, &piece));
    const float score = moe__bits_to_f32(piece.score_bits);
    if (piece.text.n == 0)
        return moe__fail(f->err, MOE_ERR_FORMAT, "%s: piece %d is empty",
                         SPM_PIECES, (int)id);
    if (score != score)
        return moe__fail(f->err, MOE_ERR_FORMAT,
                         "%s: the score of piece %d is not a number",
                         SPM_PIECES, (int)id);
    if (piece.kind < MOE_TOKEN_NORMAL || piece.kind > MOE_TOKEN_BYTE ||
        piece.kind == MOE_TOKEN_UNUSED)
        return moe__fail(f->err, MOE_ERR_UNSUPPORTED,
                         "%s: piece %d has the type %llu, which is not "
                         "supported",
                         SPM_PIECES, (int)id, (unsigned long long)piece.kind);
    if (piece.kind == MOE_TOKEN_UNKNOWN) {
        f->n_unknown++;
        f->unknown = id;
    }
    f->n_bytes += piece.kind == MOE_TOKEN_BYTE;
    memcpy(f->bytes, piece.text.data, piece.text.n);
    f->texts[id] = moe__slice_of(f->bytes, piece.text.n);
    f->bytes += piece.text.n;
    f->source->kinds[id] = (uint8_t)piece.kind;
    f->source->scores[id] = score;
    return MOE_OK;
}

static moe_status spm_read_pieces(struct spm_file *f, struct moe__slice file)
{
    struct moe__vocab_source *source = f->source;
    const size_t n = (size_t)source->n_tokens;
    f->texts = moe__source_alloc(f->arena, n, sizeof *f->texts, f->err);
    f->bytes = moe__source_alloc(f->arena, file.n, 1, f->err);
    source->texts = f->texts;
    source->kinds =
        moe__source_alloc(f->arena, n, sizeof *source->kinds, f->err);
    source->scores =
        moe__source_alloc(f->arena, n, sizeof *source->scores, f->err);
    if (!f->texts || !f->bytes || !source->kinds || !source->scores)
        return MOE_ERR_NO_MEMORY;
    for (int32_t id = 0; file.n > 0;) {
        struct proto_field field;
        (void)proto_next(&file, &field); /* passed in spm_read */
        if (field.number == SPM_PIECE)
            MOE__TRY(spm_read_piece(f, id++, field.bytes));
    }
    return MOE_OK;
}

/* As many as SentencePiece itself expects. */
static moe_status spm_check_pieces(const struct spm_file *f)
{
    const int32_t n_bytes = f->settings[SPM_BYTE_FALLBACK] ? 256 : 0;
    if (f->n_unknown != 1)
        return moe__fail(f->err, MOE_ERR_FORMAT,
                         "%s: expected one of type unknown, found %d",
                         SPM_PIECES, (int)f->n_unknown);
    if (f->n_bytes != n_bytes)
        return moe__fail(f->err, MOE_ERR_FORMAT,
                         "%s: expected %d of type byte as %s is %d, found %d",
                         SPM_PIECES, (int)n_bytes,
                         spm_settings[SPM_BYTE_FALLBACK].name,
                         (int)(n_bytes > 0), (int)f->n_bytes);
    return MOE_OK;
}

/* ------------------------------------------------------------------ file */

/* Reads the specifications and counts the pieces. */
static moe_status spm_read(struct spm_file *f, struct moe__slice rest)
{
    while (rest.n > 0) {
        struct proto_field field;
        if (!proto_next(&rest, &field) ||
            (field.number == SPM_PIECE && field.type != PROTO_BYTES) ||
            f->source->n_tokens == INT32_MAX - 1)
            return spm_malformed(f, "a field", f->source->n_tokens - 1);
        f->source->n_tokens += field.number == SPM_PIECE;
        if (field.number == SPM_TRAINER || field.number == SPM_NORMALIZER ||
            field.number == SPM_DENORMAL)
            MOE__TRY(spm_read_settings(f, field.number, field.bytes));
    }
    if (f->source->n_tokens == 0)
        return moe__fail(f->err, MOE_ERR_FORMAT, "%s: there are none",
                         SPM_PIECES);
    return MOE_OK;
}

/* An id counts only if its piece is a control one. */
static int64_t spm_special(const struct spm_file *f, enum spm_setting setting)
{
    const int64_t id = f->settings[setting];
    return id >= 0 && id < f->source->n_tokens &&
                   f->source->kinds[id] == MOE_TOKEN_CONTROL
               ? id
               : MOE_TOKEN_NONE;
}

static moe_status spm_fill(struct spm_file *f, struct moe__slice file)
{
    for (size_t i = 0; i < SPM_N_SETTINGS; i++)
        f->settings[i] = spm_settings[i].fallback;
    MOE__TRY(spm_read(f, file));
    MOE__TRY(spm_check_model(f));
    MOE__TRY(spm_expect(f, SPM_SUFFIX, 0));
    MOE__TRY(spm_expect(f, SPM_EXTRA_SPACES, 0));
    MOE__TRY(spm_expect(f, SPM_ESCAPE, 1));
    MOE__TRY(spm_read_pieces(f, file));
    MOE__TRY(spm_check_pieces(f));
    struct moe__vocab_source *source = f->source;
    source->special[MOE_SPECIAL_UNK] = f->unknown;
    source->special[MOE_SPECIAL_BOS] = spm_special(f, SPM_BOS);
    source->special[MOE_SPECIAL_EOS] = spm_special(f, SPM_EOS);
    source->special[MOE_SPECIAL_PAD] = spm_special(f, SPM_PAD);
    source->space_prefix =
        f->settings[SPM_DUMMY_PREFIX] ? MOE__PREFIX_SPM : MOE__PREFIX_NONE;
    return MOE_OK;
}

moe_status moe__source_spm(struct moe__arena *arena, struct moe__slice file,
                           struct moe__vocab **out, struct moe__err *err)
{
    struct moe__vocab_source source;
    struct spm_file f = {.arena = arena, .source = &source, .err = err};
    moe__source_init(&source);
    source.tokens = SPM_PIECES;
    source.has_unique_texts = true;
    MOE__TRY(spm_fill(&f, file));
    return moe__vocab_make(arena, &source, out, err);
}
