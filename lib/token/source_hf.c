/* source_hf.c: a vocabulary from a tokenizer.json of Hugging Face.
 *
 * Takes byte-pair models: byte-level ones, and those over characters with
 * U+2581 for spaces, as Llama's and Gemma's are.  What is special is a control
 * token, what else was added a user-defined one.  Refuses by name other models
 * and whatever the library has no counterpart of. */
#include "token/source.h"

/* ---------------------------------------------------------------- tokens */

/* As many ids as there are entries may be left out. */
static moe_status hf_id(const struct moe__hf_file *f, const char *where,
                        const struct moe__json *value, int64_t limit,
                        int32_t *id)
{
    if (value && value->kind == MOE__JSON_NUMBER && value->is_integer &&
        value->integer >= 0 && value->integer < limit) {
        *id = (int32_t)value->integer;
        return MOE_OK;
    }
    return moe__fail(f->err, MOE_ERR_FORMAT,
                     "%s: expected an id from 0 to %lld", where,
                     (long long)limit - 1);
}

struct hf_tokens {
    const struct moe__json *vocab; /* an object */
    const struct moe__json *added; /* an array, or NULL */
    int64_t limit;                 /* of ids */
};

/* One entry of added_tokens. */
struct hf_added {
    struct moe__slice text;
    int32_t id;
    bool is_special;
};

/* Empty ones are never found. */
static moe_status hf_read_added(const struct moe__hf_file *f,
                                const struct hf_tokens *t, int32_t i,
                                struct hf_added *out)
{
    static const char *const refused[] = {"single_word", "lstrip", "rstrip"};
    const struct moe__json *entry = &t->added->items[i];
    const struct moe__json *text;
    char where[32];
    moe__format(where, sizeof where, "added_tokens[%d].", (int)i);
    MOE__TRY(moe__source_member(entry, where, "content", MOE__JSON_STRING,
                                &text, f->err));
    MOE__TRY(hf_id(f, where, moe__json_get(entry, "id"), t->limit, &out->id));
    out->text = text->text;
    out->is_special = false;
    MOE__TRY(
        moe__source_flag(entry, where, "special", &out->is_special, f->err));
    for (size_t k = 0; k < MOE__COUNT(refused); k++) {
        bool is_set = false;
        MOE__TRY(moe__source_flag(entry, where, refused[k], &is_set, f->err));
        if (is_set)
            return moe__fail(f->err, MOE_ERR_UNSUPPORTED,
                             "%s%s of \"%.*s\" is not supported", where,
                             refused[k], moe__token_shown(out->text),
                             (const char *)out->text.data);
    }
    return MOE_OK;
}

/* Counts ids and bytes. */
static moe_status hf_measure(const struct moe__hf_file *f,
                             const struct hf_tokens *t, size_t *n_bytes)
{
    int32_t id = 0;
    *n_bytes = 0;
    for (int32_t i = 0; i < t->vocab->n; i++) {
        MOE__TRY(hf_id(f, "model.vocab", &t->vocab->items[i], t->limit, &id));
        f->source->n_tokens = moe__max_i32(f->source->n_tokens, id + 1);
        *n_bytes += t->vocab->keys[i].n;
    }
    for (int32_t i = 0; t->added && i < t->added->n; i++) {
        struct hf_added added;
        MOE__TRY(hf_read_added(f, t, i, &added));
        f->source->n_tokens = moe__max_i32(f->source->n_tokens, added.id + 1);
        *n_bytes += added.text.n;
    }
    if (f->source->n_tokens > 0)
        return MOE_OK;
    return moe__fail(f->err, MOE_ERR_FORMAT,
                     "model.vocab: there are no tokens");
}

/* Copies the text to *at. */
static moe_status hf_set(const struct moe__hf_file *f, int32_t id,
                         struct moe__slice text, uint8_t kind, uint8_t **at)
{
    if (f->source->kinds[id] != MOE_TOKEN_UNUSED &&
        !moe__slice_equal(f->texts[id], text))
        return moe__fail(f->err, MOE_ERR_FORMAT,
                         "token %d is \"%.*s\" and \"%.*s\"", (int)id,
                         moe__token_shown(f->texts[id]),
                         (const char *)f->texts[id].data,
                         moe__token_shown(text), (const char *)text.data);
    if (text.n > 0)
        memcpy(*at, text.data, text.n);
    f->texts[id] = moe__slice_of(*at, text.n);
    f->source->kinds[id] = kind;
    *at += text.n;
    return MOE_OK;
}

static moe_status hf_fill_tokens(const struct moe__hf_file *f,
                                 const struct hf_tokens *t, uint8_t *at)
{
    for (int32_t i = 0; i < t->vocab->n; i++)
        MOE__TRY(hf_set(f, (int32_t)t->vocab->items[i].integer,
                        t->vocab->keys[i], MOE_TOKEN_NORMAL, &at));
    for (int32_t i = 0; t->added && i < t->added->n; i++) {
        struct hf_added added;
        MOE__TRY(hf_read_added(f, t, i, &added));
        /* Decoding would take it for the space before a text. */
        if (!added.is_special && f->source->space_prefix == MOE__PREFIX_FIRST &&
            added.text.n > 0 && added.text.data[0] == ' ')
            return moe__fail(f->err, MOE_ERR_UNSUPPORTED,
                             "added_tokens[%d].content: a space before a "
                             "token is not supported",
                             (int)i);
        MOE__TRY(hf_set(f, added.id, added.text,
                        added.is_special ? MOE_TOKEN_CONTROL
                                         : MOE_TOKEN_USER_DEFINED,
                        &at));
    }
    return MOE_OK;
}

static moe_status hf_read_tokens(struct moe__hf_file *f,
                                 const struct moe__json *model)
{
    struct hf_tokens t;
    size_t n_bytes;
    MOE__TRY(moe__source_member(model, "model.", "vocab", MOE__JSON_OBJECT,
                                &t.vocab, f->err));
    t.added = moe__json_get(f->root, "added_tokens");
    if (t.added && t.added->kind == MOE__JSON_NULL)
        t.added = NULL;
    if (t.added)
        MOE__TRY(moe__source_member(f->root, "", "added_tokens",
                                    MOE__JSON_ARRAY, &t.added, f->err));
    t.limit = 2 * ((int64_t)t.vocab->n + (t.added ? t.added->n : 0));
    if (t.limit >= INT32_MAX)
        return moe__fail(f->err, MOE_ERR_FORMAT,
                         "model.vocab: too many tokens");
    MOE__TRY(hf_measure(f, &t, &n_bytes));
    const size_t n = (size_t)f->source->n_tokens;
    uint8_t *bytes = moe__source_alloc(f->arena, n_bytes, 1, f->err);
    f->texts = moe__source_alloc(f->arena, n, sizeof *f->texts, f->err);
    f->source->kinds = moe__source_alloc(f->arena, n, 1, f->err);
    if (!bytes || !f->texts || !f->source->kinds)
        return MOE_ERR_NO_MEMORY;
    f->source->texts = f->texts;
    memset(f->source->kinds, MOE_TOKEN_UNUSED, n);
    return hf_fill_tokens(f, &t, bytes);
}

/* --------------------------------------------------------------- choices */

static moe_status hf_check_model(const struct moe__hf_file *f,
                                 const struct moe__json *model)
{
    static const char *const affixes[] = {"continuing_subword_prefix",
                                          "end_of_word_suffix"};
    const struct moe__json *type = moe__json_get(model, "type");
    const struct moe__json *dropout = moe__json_get(model, "dropout");
    if (type && type->kind == MOE__JSON_STRING &&
        !moe__slice_is(type->text, "BPE"))
        return moe__fail(f->err, MOE_ERR_UNSUPPORTED,
                         "model.type: expected \"BPE\", found \"%.*s\"",
                         moe__token_shown(type->text),
                         (const char *)type->text.data);
    if (dropout && dropout->kind == MOE__JSON_NUMBER && dropout->number != 0)
        return moe__fail(f->err, MOE_ERR_UNSUPPORTED,
                         "model.dropout: expected 0, found %g",
                         dropout->number);
    for (size_t i = 0; i < MOE__COUNT(affixes); i++) {
        const struct moe__json *affix = moe__json_get(model, affixes[i]);
        if (affix && affix->kind == MOE__JSON_STRING && affix->text.n > 0)
            return moe__fail(f->err, MOE_ERR_UNSUPPORTED,
                             "model.%s: \"%.*s\" is not supported", affixes[i],
                             moe__token_shown(affix->text),
                             (const char *)affix->text.data);
    }
    return MOE_OK;
}

/* Tokens that nothing else tells: of several names the first one counts. */
static const struct {
    moe_special which;
    const char *text;
} hf_names[] = {
    {MOE_SPECIAL_BOS, "<|begin_of_text|>"},
    {MOE_SPECIAL_BOS, "<s>"},
    {MOE_SPECIAL_BOS, "<bos>"},
    {MOE_SPECIAL_BOS, "<|startoftext|>"},
    {MOE_SPECIAL_BOS, "<\xef\xbd\x9c"
                      "begin\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>"},
    {MOE_SPECIAL_EOS, "<|end_of_text|>"},
    {MOE_SPECIAL_EOS, "</s>"},
    {MOE_SPECIAL_EOS, "<eos>"},
    {MOE_SPECIAL_EOS, "<|endoftext|>"},
    {MOE_SPECIAL_EOS, "<\xef\xbd\x9c"
                      "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>"},
    {MOE_SPECIAL_PAD, "<pad>"},
    {MOE_SPECIAL_PAD, "[PAD]"},
};

/* The id of a text, MOE_TOKEN_NONE if there is none. */
static moe_token hf_find(const struct moe__hf_file *f, struct moe__slice text)
{
    for (moe_token id = 0; id < f->source->n_tokens; id++)
        if (f->texts[id].n > 0 && moe__slice_equal(f->texts[id], text))
            return id;
    return MOE_TOKEN_NONE;
}

static void hf_read_specials(struct moe__hf_file *f,
                             const struct moe__json *model)
{
    int64_t *special = f->source->special;
    const struct moe__json *unknown = moe__json_get(model, "unk_token");
    if (unknown && unknown->kind == MOE__JSON_STRING)
        special[MOE_SPECIAL_UNK] = hf_find(f, unknown->text);
    if (special[MOE_SPECIAL_UNK] != MOE_TOKEN_NONE)
        f->source->kinds[special[MOE_SPECIAL_UNK]] = MOE_TOKEN_UNKNOWN;
    for (size_t i = 0; i < MOE__COUNT(hf_names); i++) {
        const moe_token id = hf_find(f, moe__slice_str(hf_names[i].text));
        if (special[hf_names[i].which] == MOE_TOKEN_NONE &&
            id != MOE_TOKEN_NONE && f->source->kinds[id] == MOE_TOKEN_CONTROL)
            special[hf_names[i].which] = id;
    }
}

/* ---------------------------------------------------------------- merges */

moe_status moe__hf_merge(const struct moe__hf_file *f, uint32_t i,
                         struct moe__vocab_merge *out)
{
    const struct moe__json *merge = &f->merges->items[i];
    const struct moe__slice text = merge->text;
    if (merge->kind == MOE__JSON_ARRAY && merge->n == 2 &&
        merge->items[0].kind == MOE__JSON_STRING &&
        merge->items[1].kind == MOE__JSON_STRING) {
        out->left = merge->items[0].text;
        out->right = merge->items[1].text;
        return MOE_OK;
    }
    const uint8_t *blank = merge->kind == MOE__JSON_STRING && text.n > 1
                               ? memchr(text.data + 1, ' ', text.n - 1)
                               : NULL;
    if (blank == NULL)
        return moe__fail(f->err, MOE_ERR_FORMAT,
                         "model.merges[%u]: expected two texts", (unsigned)i);
    const size_t n_left = (size_t)(blank - text.data);
    out->left = moe__slice_of(text.data, n_left);
    out->right = moe__slice_of(blank + 1, text.n - n_left - 1);
    return MOE_OK;
}

static moe_status hf_merge(const struct moe__vocab_loader *loader, uint32_t i,
                           struct moe__vocab_merge *out)
{
    return moe__hf_merge(loader->source->file, i, out);
}

/* ------------------------------------------------------------------ file */

static moe_status hf_fill(struct moe__hf_file *f)
{
    const struct moe__json *model;
    bool is_whole = false;
    MOE__TRY(moe__source_member(f->root, "", "model", MOE__JSON_OBJECT, &model,
                                f->err));
    MOE__TRY(hf_check_model(f, model));
    MOE__TRY(moe__source_member(model, "model.", "merges", MOE__JSON_ARRAY,
                                &f->merges, f->err));
    f->source->n_merges = (uint32_t)f->merges->n;
    MOE__TRY(moe__hf_steps(f));
    MOE__TRY(hf_read_tokens(f, model));
    MOE__TRY(moe__hf_ends(f));
    hf_read_specials(f, model);
    if (!f->source->is_bpe)
        return moe__hf_characters(f, model);
    MOE__TRY(
        moe__source_flag(model, "model.", "ignore_merges", &is_whole, f->err));
    f->pretok->flags = is_whole ? MOE__PRETOK_IGNORE_MERGES : 0;
    return MOE_OK;
}

moe_status moe__source_hf(struct moe__arena *arena,
                          const struct moe__json *root, struct moe__vocab **out,
                          struct moe__err *err)
{
    struct moe__vocab_source source;
    struct moe__hf_file f = {
        .arena = arena, .source = &source, .err = err, .root = root};
    moe__source_init(&source);
    source.tokens = "model.vocab";
    source.merges = "model.merges";
    source.has_unique_texts = true;
    source.merge = hf_merge;
    source.file = &f;
    MOE__TRY(hf_fill(&f));
    return moe__vocab_make(arena, &source, out, err);
}
