/* source_hf_steps.c: normalizer, pre_tokenizer and post_processor of a
 * tokenizer.json.
 *
 * Text is never changed: NFC is passed over (it changes nothing in text that is
 * in that form, as nearly all is), and so is the removal of what no pattern
 * matches.  Spaces as U+2581 with or without one before, and patterns, are what
 * the library has; every other step is refused by its name.
 *
 * Metaspace puts no space before a text that starts with one, which loses it
 * when the ids are decoded; here it puts one, as SentencePiece does. */
#include "token/source.h"

#define HF_SPACE "\xe2\x96\x81" /* U+2581 */

/* What ByteLevel cuts by. */
static const char hf_words[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|"
    "\\s+(?!\\S)|\\s+";

/* What the steps come to. */
struct hf_steps {
    struct moe__hf_file *file;
    struct moe__pretok *pretok;
    int32_t n_stages;
    bool has_bytes;     /* ByteLevel */
    bool has_spaces;    /* U+2581 for spaces */
    bool has_metaspace; /* by this step */
    enum moe__space_prefix prefix;
};

/* A step whose name is `where` with a dot. */
typedef moe_status hf_step(struct hf_steps *s, const struct moe__json *step,
                           const char *where);

static moe_status hf_refuse(const struct hf_steps *s, const char *where,
                            const char *what)
{
    return moe__fail(s->file->err, MOE_ERR_UNSUPPORTED, "%s%s is not supported",
                     where, what);
}

/* ------------------------------------------------------------ normalizer */

static moe_status hf_step_nfc(struct hf_steps *s, const struct moe__json *step,
                              const char *where)
{
    (void)s, (void)step, (void)where;
    return MOE_OK;
}

static moe_status hf_step_prepend(struct hf_steps *s,
                                  const struct moe__json *step,
                                  const char *where)
{
    const struct moe__json *text;
    MOE__TRY(moe__source_member(step, where, "prepend", MOE__JSON_STRING, &text,
                                s->file->err));
    if (!moe__slice_is(text->text, HF_SPACE))
        return hf_refuse(s, where, "prepend of another text than U+2581");
    s->prefix = MOE__PREFIX_SPM;
    return MOE_OK;
}

/* Only spaces by U+2581. */
static moe_status hf_step_replace(struct hf_steps *s,
                                  const struct moe__json *step,
                                  const char *where)
{
    const struct moe__json *pattern;
    const struct moe__json *content;
    MOE__TRY(moe__source_member(step, where, "pattern", MOE__JSON_OBJECT,
                                &pattern, s->file->err));
    MOE__TRY(moe__source_member(step, where, "content", MOE__JSON_STRING,
                                &content, s->file->err));
    const struct moe__json *text = moe__json_get(pattern, "String");
    if (text == NULL || text->kind != MOE__JSON_STRING ||
        !moe__slice_is(text->text, " ") ||
        !moe__slice_is(content->text, HF_SPACE))
        return hf_refuse(s, where, "pattern other than spaces by U+2581");
    s->has_spaces = true;
    return MOE_OK;
}

/* --------------------------------------------------------- pre_tokenizer */

/* Patterns that are written otherwise in the table of pre-tokenizers: there
 * they are n stages from the first one on. */
static const struct {
    const char *regex;
    const char *pretok;
    int32_t first;
    int32_t n;
} hf_known[] = {
    {"'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| ?[^\\s\\p"
     "{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
     "bailingmoe", 0, 1},
    {"\\d{1,3}(?=(?:\\d{3})*\\b)", "tiny_aya", 0, 2},
    {"(?=(\\d{3})+(?!\\d))", "superbpe", 1, 1},
};

static moe_status hf_add_regex(struct hf_steps *s, const char *where,
                               struct moe__slice regex)
{
    if (s->has_bytes)
        return hf_refuse(s, where, "a step after ByteLevel");
    if (s->n_stages == MOE__PRETOK_STAGES)
        return hf_refuse(s, where, "so many steps");
    return moe__source_regex(s->file->arena, where, regex,
                             &s->pretok->stages[s->n_stages++], s->file->err);
}

static moe_status hf_add_stage(struct hf_steps *s, const char *where,
                               struct moe__slice regex)
{
    for (size_t i = 0; i < MOE__COUNT(hf_known); i++) {
        const struct moe__pretok *known =
            moe__pretok_find(moe__slice_str(hf_known[i].pretok));
        if (!moe__slice_is(regex, hf_known[i].regex))
            continue;
        for (int32_t k = 0; k < hf_known[i].n; k++)
            MOE__TRY(hf_add_regex(
                s, where,
                moe__slice_str(known->stages[hf_known[i].first + k])));
        return MOE_OK;
    }
    return hf_add_regex(s, where, regex);
}

static moe_status hf_step_bytes(struct hf_steps *s,
                                const struct moe__json *step, const char *where)
{
    bool has_prefix = true;
    bool has_regex = true;
    MOE__TRY(moe__source_flag(step, where, "add_prefix_space", &has_prefix,
                              s->file->err));
    MOE__TRY(
        moe__source_flag(step, where, "use_regex", &has_regex, s->file->err));
    if (has_prefix)
        return hf_refuse(s, where, "add_prefix_space");
    if (has_regex)
        MOE__TRY(hf_add_stage(s, where, moe__slice_str(hf_words)));
    s->has_bytes = true;
    return MOE_OK;
}

static moe_status hf_step_digits(struct hf_steps *s,
                                 const struct moe__json *step,
                                 const char *where)
{
    bool is_individual = false;
    MOE__TRY(moe__source_flag(step, where, "individual_digits", &is_individual,
                              s->file->err));
    return hf_add_stage(s, where,
                        moe__slice_str(is_individual ? "\\p{N}" : "\\p{N}+"));
}

/* A text as a pattern that matches it.  False: too long. */
static bool hf_quote(struct moe__slice text, char out[64], size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < text.n; i++) {
        const uint8_t c = text.data[i];
        const bool is_word = (c | 32u) - 'a' < 26u || (uint32_t)c - '0' < 10u;
        if (*n + 2 > 64)
            return false;
        if (c > ' ' && c < 0x7f && !is_word)
            out[(*n)++] = '\\';
        out[(*n)++] = (char)c;
    }
    return true;
}

/* Pieces as they are, or without what is between the matches: that is kept. */
static moe_status hf_step_split(struct hf_steps *s,
                                const struct moe__json *step, const char *where)
{
    const struct moe__json *pattern;
    const struct moe__json *behavior;
    bool is_inverted = false;
    char quoted[64];
    size_t n;
    MOE__TRY(moe__source_member(step, where, "pattern", MOE__JSON_OBJECT,
                                &pattern, s->file->err));
    MOE__TRY(moe__source_member(step, where, "behavior", MOE__JSON_STRING,
                                &behavior, s->file->err));
    MOE__TRY(
        moe__source_flag(step, where, "invert", &is_inverted, s->file->err));
    const struct moe__json *text = moe__json_get(pattern, "String");
    /* There is no space left to split at. */
    if (text && s->has_spaces && moe__slice_is(text->text, " "))
        return MOE_OK;
    if (!moe__slice_is(behavior->text, "Isolated") &&
        !(moe__slice_is(behavior->text, "Removed") && is_inverted))
        return hf_refuse(s, where, "this behavior");
    if (text == NULL) {
        MOE__TRY(moe__source_member(pattern, where, "Regex", MOE__JSON_STRING,
                                    &text, s->file->err));
        return hf_add_stage(s, where, text->text);
    }
    if (text->kind != MOE__JSON_STRING || !hf_quote(text->text, quoted, &n))
        return hf_refuse(s, where, "this pattern");
    return hf_add_stage(s, where, moe__slice_of(quoted, n));
}

static moe_status hf_step_metaspace(struct hf_steps *s,
                                    const struct moe__json *step,
                                    const char *where)
{
    const struct moe__json *text;
    const struct moe__json *scheme = moe__json_get(step, "prepend_scheme");
    bool has_prefix = true; /* what older files say */
    MOE__TRY(moe__source_flag(step, where, "add_prefix_space", &has_prefix,
                              s->file->err));
    s->file->cuts_words = true;
    MOE__TRY(moe__source_flag(step, where, "split", &s->file->cuts_words,
                              s->file->err));
    MOE__TRY(moe__source_member(step, where, "replacement", MOE__JSON_STRING,
                                &text, s->file->err));
    if (!moe__slice_is(text->text, HF_SPACE))
        return hf_refuse(s, where, "replacement by another text than U+2581");
    if (s->prefix != MOE__PREFIX_NONE)
        return hf_refuse(s, where, "Metaspace after Prepend");
    if (scheme && scheme->kind == MOE__JSON_STRING) {
        if (moe__slice_is(scheme->text, "first"))
            s->prefix = MOE__PREFIX_FIRST;
        else if (moe__slice_is(scheme->text, "always"))
            s->prefix = MOE__PREFIX_SPM;
        else if (!moe__slice_is(scheme->text, "never"))
            return hf_refuse(s, where, "this prepend_scheme");
    } else if (has_prefix) {
        s->prefix = MOE__PREFIX_SPM;
    }
    s->has_spaces = s->has_metaspace = true;
    return MOE_OK;
}

/* ----------------------------------------------------------------- steps */

struct hf_step_row {
    const char *type;
    hf_step *take;
};

static const struct hf_step_row hf_normalizers[] = {
    {"NFC", hf_step_nfc},
    {"Prepend", hf_step_prepend},
    {"Replace", hf_step_replace},
    {NULL, NULL},
};

static const struct hf_step_row hf_pretokenizers[] = {
    {"ByteLevel", hf_step_bytes},
    {"Digits", hf_step_digits},
    {"Metaspace", hf_step_metaspace},
    {"Split", hf_step_split},
    {NULL, NULL},
};

/* One of the root's members, a step or a Sequence of them. */
struct hf_steps_kind {
    const char *where;
    const char *list;
    const struct hf_step_row *rows;
};

static moe_status hf_take(struct hf_steps *s, const struct hf_steps_kind *kind,
                          const struct moe__json *step)
{
    const struct moe__json *type;
    const struct moe__json *list;
    MOE__TRY(moe__source_member(step, kind->where, "type", MOE__JSON_STRING,
                                &type, s->file->err));
    for (const struct hf_step_row *row = kind->rows; row->type; row++)
        if (moe__slice_is(type->text, row->type))
            return row->take(s, step, kind->where);
    if (!moe__slice_is(type->text, "Sequence"))
        return moe__fail(s->file->err, MOE_ERR_UNSUPPORTED,
                         "%stype: \"%.*s\" is not supported", kind->where,
                         moe__token_shown(type->text),
                         (const char *)type->text.data);
    MOE__TRY(moe__source_member(step, kind->where, kind->list, MOE__JSON_ARRAY,
                                &list, s->file->err));
    for (int32_t i = 0; i < list->n; i++)
        MOE__TRY(hf_take(s, kind, &list->items[i]));
    return MOE_OK;
}

static moe_status hf_take_member(struct hf_steps *s, const char *member,
                                 const struct hf_steps_kind *kind)
{
    const struct moe__json *step = moe__json_get(s->file->root, member);
    return step && step->kind != MOE__JSON_NULL ? hf_take(s, kind, step)
                                                : MOE_OK;
}

moe_status moe__hf_steps(struct moe__hf_file *f)
{
    static const struct hf_steps_kind normalizer = {
        "normalizer.", "normalizers", hf_normalizers};
    static const struct hf_steps_kind pretokenizer = {
        "pre_tokenizer.", "pretokenizers", hf_pretokenizers};
    struct hf_steps s = {.file = f, .prefix = MOE__PREFIX_NONE};
    s.pretok = moe__source_alloc(f->arena, 1, sizeof *s.pretok, f->err);
    if (s.pretok == NULL)
        return MOE_ERR_NO_MEMORY;
    MOE__TRY(hf_take_member(&s, "normalizer", &normalizer));
    MOE__TRY(hf_take_member(&s, "pre_tokenizer", &pretokenizer));
    const bool has_prefix = s.prefix != MOE__PREFIX_NONE;
    if (s.has_bytes ? s.has_spaces || has_prefix
                    : !s.has_spaces || s.n_stages > 0)
        return moe__fail(f->err, MOE_ERR_UNSUPPORTED,
                         "pre_tokenizer: expected either ByteLevel or U+2581 "
                         "for spaces without patterns, found %s",
                         s.has_bytes    ? "both"
                         : s.has_spaces ? "patterns"
                                        : "neither");
    s.pretok->names = "tokenizer.json";
    f->source->is_bpe = s.has_bytes;
    f->source->space_prefix = s.prefix;
    f->source->pretok = f->pretok = s.pretok;
    f->source->pre = s.pretok->names;
    return MOE_OK;
}

/* -------------------------------------------------------- post_processor */

/* [token, id], or nothing. */
static moe_status hf_end_pair(const struct moe__hf_file *f,
                              const struct moe__json *step, const char *key,
                              moe_special which, bool *has_end)
{
    const struct moe__json *pair;
    MOE__TRY(moe__source_member(step, "post_processor.", key, MOE__JSON_ARRAY,
                                &pair, f->err));
    if (pair->n != 2 || !pair->items[1].is_integer)
        return moe__fail(f->err, MOE_ERR_FORMAT,
                         "post_processor.%s: expected a token and its id", key);
    f->source->special[which] = pair->items[1].integer;
    *has_end = true;
    return MOE_OK;
}

/* The only id that the template's special token `name` stands for. */
static moe_status hf_template_id(const struct moe__hf_file *f,
                                 const struct moe__json *step,
                                 struct moe__slice name, int64_t *id)
{
    const struct moe__json *tokens = moe__json_get(step, "special_tokens");
    for (int32_t i = 0;
         tokens && tokens->kind == MOE__JSON_OBJECT && i < tokens->n; i++) {
        const struct moe__json *ids = moe__json_get(&tokens->items[i], "ids");
        if (!moe__slice_equal(tokens->keys[i], name) || ids == NULL ||
            ids->kind != MOE__JSON_ARRAY || ids->n != 1 ||
            !ids->items[0].is_integer)
            continue;
        *id = ids->items[0].integer;
        return MOE_OK;
    }
    return moe__fail(f->err, MOE_ERR_UNSUPPORTED,
                     "post_processor.special_tokens: expected one id of "
                     "\"%.*s\"",
                     moe__token_shown(name), (const char *)name.data);
}

/* At most one token before the text and one after it. */
static moe_status hf_ends_template(const struct moe__hf_file *f,
                                   const struct moe__json *step)
{
    struct moe__vocab_source *source = f->source;
    const struct moe__json *parts;
    bool has_text = false;
    MOE__TRY(moe__source_member(step, "post_processor.", "single",
                                MOE__JSON_ARRAY, &parts, f->err));
    for (int32_t i = 0; i < parts->n; i++) {
        const struct moe__json *token =
            moe__json_get(&parts->items[i], "SpecialToken");
        const struct moe__json *name;
        bool *has_end = has_text ? &source->has_eos : &source->has_bos;
        if (token == NULL) {
            has_text = true;
            continue;
        }
        MOE__TRY(moe__source_member(token, "post_processor.single.", "id",
                                    MOE__JSON_STRING, &name, f->err));
        if (*has_end)
            return moe__fail(f->err, MOE_ERR_UNSUPPORTED,
                             "post_processor.single: more than one token "
                             "before or after the text is not supported");
        *has_end = true;
        MOE__TRY(hf_template_id(
            f, step, name->text,
            &source->special[has_text ? MOE_SPECIAL_EOS : MOE_SPECIAL_BOS]));
    }
    return MOE_OK;
}

static moe_status hf_ends_of(const struct moe__hf_file *f,
                             const struct moe__json *step)
{
    const struct moe__json *type;
    const struct moe__json *list;
    MOE__TRY(moe__source_member(step, "post_processor.", "type",
                                MOE__JSON_STRING, &type, f->err));
    if (moe__slice_is(type->text, "ByteLevel")) /* of offsets only */
        return MOE_OK;
    if (moe__slice_is(type->text, "TemplateProcessing"))
        return hf_ends_template(f, step);
    if (moe__slice_is(type->text, "RobertaProcessing") ||
        moe__slice_is(type->text, "BertProcessing")) {
        MOE__TRY(
            hf_end_pair(f, step, "cls", MOE_SPECIAL_BOS, &f->source->has_bos));
        return hf_end_pair(f, step, "sep", MOE_SPECIAL_EOS,
                           &f->source->has_eos);
    }
    if (!moe__slice_is(type->text, "Sequence"))
        return moe__fail(f->err, MOE_ERR_UNSUPPORTED,
                         "post_processor.type: \"%.*s\" is not supported",
                         moe__token_shown(type->text),
                         (const char *)type->text.data);
    MOE__TRY(moe__source_member(step, "post_processor.", "processors",
                                MOE__JSON_ARRAY, &list, f->err));
    for (int32_t i = 0; i < list->n; i++)
        MOE__TRY(hf_ends_of(f, &list->items[i]));
    return MOE_OK;
}

moe_status moe__hf_ends(struct moe__hf_file *f)
{
    const struct moe__json *step = moe__json_get(f->root, "post_processor");
    f->source->has_bos = f->source->has_eos = false;
    return step && step->kind != MOE__JSON_NULL ? hf_ends_of(f, step) : MOE_OK;
}
