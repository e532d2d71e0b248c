/* model.c: the public area "model": opening, closing, asking. */
#include "api/api.h"

/* The structure itself comes from the host's allocator too. */
static moe_model *model_alloc(const moe_model_params *params)
{
    struct moe__mem mem;
    moe__mem_init(&mem, params->allocator);
    moe_model *model = moe__mem_alloc(&mem, sizeof *model);
    if (model == NULL)
        return NULL;
    memset(model, 0, sizeof *model);
    moe__mem_init(&model->mem, params->allocator);
    moe__arena_init(&model->arena, &model->mem);
    atomic_store(&model->n_holders, 1);
    model->load = params->load;
    return model;
}

static void model_free(moe_model *model)
{
    struct moe__mem mem;
    moe__mem_init(&mem, &model->mem.hook);
    moe__lexicon_destroy(atomic_load(&model->lexicon));
    moe__gguf_close(&model->gguf);
    moe__arena_free(&model->arena);
    moe__mem_free(&mem, model, sizeof *model);
}

void moe__model_hold(moe_model *model)
{
    atomic_fetch_add(&model->n_holders, 1);
}

void moe_model_close(moe_model *model)
{
    if (model != NULL && atomic_fetch_sub(&model->n_holders, 1) == 1)
        model_free(model);
}

/* A NUL-terminated copy of a string of the metadata, "" if there is none. */
static moe_status copy_text(moe_model *model, const char *key, const char **out,
                            struct moe__err *err)
{
    const struct moe__meta *meta = moe__meta_find(&model->gguf, key);
    struct moe__slice text = {NULL, 0};
    if (meta != NULL)
        MOE__TRY(moe__meta_string(meta, 0, &text, err));
    *out = moe__arena_string(&model->arena, (const char *)text.data, text.n);
    return *out != NULL
               ? MOE_OK
               : moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for %s", key);
}

/* The network and the vocabulary of a file that is open. */
static moe_status model_bind(moe_model *model, bool is_vocab_only,
                             struct moe__err *err)
{
    MOE__TRY(copy_text(model, "general.architecture", &model->family, err));
    MOE__TRY(copy_text(model, "general.name", &model->name, err));
    if (moe__meta_find(&model->gguf, "tokenizer.ggml.model") != NULL)
        MOE__TRY(
            moe__vocab_create(&model->arena, &model->gguf, &model->vocab, err));
    if (is_vocab_only)
        return MOE_OK;
    model->has_net = true;
    return moe__net_bind(&model->net, &model->gguf, &model->arena, err);
}

/* Where the bytes come from: a path, or sources. */
struct model_input {
    const char *path;
    const moe_source *sources; /* [n_sources] */
    size_t n_sources;
    bool is_header_only;
};

/* What was opened; and what a host should know about it. */
static void log_model(const moe_model *model, const moe_model_params *params)
{
    char line[256];
    const struct moe__net *net = &model->net;
    if (model->vocab == NULL)
        moe__host_log(params->log, params->log_user, MOE_LOG_WARNING,
                      "the file has no vocabulary: text cannot be encoded");
    if (!model->has_net)
        return;
    moe__format(line, sizeof line,
                "%s '%s': %d layers of %d, %d of %d experts, %llu tensors in "
                "%d files, %s",
                model->family, model->name, net->n_layers, net->d_model,
                net->n_active, net->n_experts,
                (unsigned long long)model->gguf.n_tensors, model->gguf.n_shards,
                model->gguf.shards[0].map.data != NULL ? "mapped" : "copied");
    moe__host_log(params->log, params->log_user, MOE_LOG_INFO, line);
}

/* Sources are the library's from the first moment: closed on any failure. */
static void close_sources(const moe_source *sources, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (sources[i].close != NULL)
            sources[i].close(sources[i].user);
}

/* The vocabulary, if the input is a tokenizer's own file.  Then, and if that
 * fails, the input's sources are closed. */
static moe_status model_open_vocab(moe_model *model,
                                   const struct model_input *input,
                                   const moe_model_params *params,
                                   struct moe__err *err)
{
    moe_source file;
    const moe_source *source = input->sources;
    model->family = model->name = "";
    if (input->n_sources > 1) /* shards */
        return MOE_OK;
    if (input->path != NULL) {
        MOE__TRY(moe__source_open(&model->mem, input->path, &file, err));
        source = &file;
    }
    moe_status status = moe__model_read_vocab(model, source, err);
    if (status == MOE_OK && model->vocab != NULL && params->n_meta > 0)
        status = moe__fail(err, MOE_ERR_UNSUPPORTED,
                           "meta: a tokenizer's file has no metadata, only a "
                           "GGUF has");
    if (input->path != NULL)
        close_sources(&file, 1);
    else if (status != MOE_OK || model->vocab != NULL)
        close_sources(input->sources, input->n_sources);
    return status;
}

static moe_status model_open_gguf(moe_model *model,
                                  const struct model_input *input,
                                  const moe_model_params *params,
                                  struct moe__err *err)
{
    const struct moe__gguf_options options = {
        .overrides = params->meta,
        .n_overrides = params->n_meta,
        .load = params->load,
        .is_header_only = input->is_header_only || params->is_vocab_only != 0,
        .progress = params->progress,
        .progress_user = params->progress_user,
    };
    if (input->path != NULL)
        MOE__TRY(moe__gguf_open(&model->gguf, &model->mem, input->path,
                                &options, err));
    else
        MOE__TRY(moe__gguf_open_sources(&model->gguf, &model->mem,
                                        input->sources, input->n_sources,
                                        &options, err));
    return model_bind(model, params->is_vocab_only != 0, err);
}

static moe_status model_open(const struct model_input *input,
                             const moe_model_params *params, moe_model **out,
                             struct moe__err *err)
{
    moe_model *model = model_alloc(params);
    if (model == NULL) {
        close_sources(input->sources, input->n_sources);
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for a model");
    }
    moe_status status = model_open_vocab(model, input, params, err);
    if (status == MOE_OK && model->vocab == NULL)
        status = model_open_gguf(model, input, params, err);
    if (status != MOE_OK) {
        moe_model_close(model);
        return status;
    }
    log_model(model, params);
    *out = model;
    return MOE_OK;
}

moe_status moe__model_open_header(const char *path,
                                  const moe_model_params *params,
                                  moe_model **out, struct moe__err *err)
{
    const struct model_input input = {.path = path, .is_header_only = true};
    return model_open(&input, params, out, err);
}

moe_status moe_model_open(const char *path, const moe_model_params *params,
                          moe_model **out, moe_error *err)
{
    struct moe__err why = {0};
    moe_model_params copy;
    const struct model_input input = {.path = path};
    if (out == NULL || path == NULL)
        return moe__error_out(err, &why,
                              moe__fail(&why, MOE_ERR_ARGUMENT,
                                        "moe_model_open: path and out must "
                                        "not be NULL"));
    *out = NULL;
    moe_status status = moe__params_copy(MOE_PARAMS_MODEL, &copy, params, &why);
    if (status == MOE_OK)
        status = model_open(&input, &copy, out, &why);
    return moe__error_out(err, &why, status);
}

moe_status moe_model_open_source(const moe_source *sources, size_t n_sources,
                                 const moe_model_params *params,
                                 moe_model **out, moe_error *err)
{
    struct moe__err why = {0};
    moe_model_params copy;
    const struct model_input input = {.sources = sources,
                                      .n_sources = n_sources};
    if (out != NULL)
        *out = NULL;
    if (out == NULL || sources == NULL || n_sources == 0)
        return moe__error_out(err, &why,
                              moe__fail(&why, MOE_ERR_ARGUMENT,
                                        "moe_model_open_source: sources and "
                                        "out must not be NULL"));
    moe_status status = MOE_OK;
    for (size_t i = 0; i < n_sources && status == MOE_OK; i++)
        if (sources[i].struct_size != sizeof(moe_source) ||
            sources[i].read_at == NULL)
            status = moe__fail(&why, MOE_ERR_ARGUMENT,
                               "source %zu: struct_size must be %zu and "
                               "read_at must be set",
                               i, sizeof(moe_source));
    if (status == MOE_OK)
        status = moe__params_copy(MOE_PARAMS_MODEL, &copy, params, &why);
    if (status != MOE_OK)
        close_sources(sources, n_sources);
    else
        status = model_open(&input, &copy, out, &why);
    return moe__error_out(err, &why, status);
}

static uint64_t tensor_elements(const struct moe__tensor *tensor)
{
    return tensor->dims[0] * tensor->dims[1] * tensor->dims[2] *
           tensor->dims[3];
}

/* The type that most bytes of the weights have. */
static const char *main_type(const struct moe__gguf *gguf)
{
    uint64_t bytes[MOE__N_TYPES] = {0};
    int32_t best = MOE__F32;
    for (uint64_t i = 0; i < gguf->n_tensors; i++)
        bytes[gguf->tensors[i].type] += gguf->tensors[i].bytes;
    for (int32_t t = 0; t < MOE__N_TYPES; t++)
        if (bytes[t] > bytes[best])
            best = t;
    return moe__type_info(best)->name;
}

moe_status moe_model_describe(const moe_model *model, moe_model_info *info)
{
    if (model == NULL)
        return MOE_ERR_ARGUMENT;
    const struct moe__net *net = &model->net;
    moe_model_info found = {
        .family = model->family,
        .name = model->name,
        .weight_type = model->gguf.n_tensors > 0 ? main_type(&model->gguf) : "",
        .n_layers = net->n_layers,
        .d_model = net->d_model,
        .n_heads = net->n_heads,
        .n_kv_heads = net->n_kv_heads,
        .d_head = net->d_head,
        .d_ff = net->d_ff,
        .n_experts = net->n_experts,
        .n_active = net->n_active,
        .n_vocab = model->has_net ? net->n_vocab
                   : model->vocab ? moe__vocab_size(model->vocab)
                                  : 0,
        .n_ctx_train = net->n_ctx_train,
        .window = net->window,
        .n_shards = model->gguf.n_shards,
    };
    for (uint64_t i = 0; i < model->gguf.n_tensors; i++)
        found.n_params += tensor_elements(&model->gguf.tensors[i]);
    for (int32_t i = 0; i < model->gguf.n_shards; i++)
        found.file_bytes += model->gguf.shards[i].file_bytes;
    return moe__info_fill(info, &found, sizeof found);
}

/* Element `i` of an entry in public form; of a scalar the entry itself. */
static moe_status meta_public(const struct moe__meta *from, uint64_t i,
                              bool is_element, moe_meta *to)
{
    moe_meta_type type = is_element ? from->element_type : from->type;
    moe_meta meta = {.key = is_element ? "" : from->key, .type = type};
    struct moe__slice text;
    if (type == MOE_META_ARRAY) {
        meta.element_type = from->element_type;
        meta.n_elements = from->n;
    } else if (type == MOE_META_STRING) {
        MOE__TRY(moe__meta_string(from, i, &text, NULL));
        meta.string = (const char *)text.data;
        meta.string_bytes = text.n;
    } else if (type == MOE_META_F32 || type == MOE_META_F64) {
        MOE__TRY(moe__meta_f64(from, i, &meta.f64, NULL));
        if (meta.f64 > -9e18 && meta.f64 < 9e18)
            meta.i64 = (int64_t)meta.f64;
    } else if (type == MOE_META_BOOL) {
        bool value;
        MOE__TRY(moe__meta_bool(from, &value, NULL));
        meta.i64 = value;
        meta.f64 = (double)value;
    } else {
        MOE__TRY(moe__meta_i64(from, i, INT64_MIN, INT64_MAX, &meta.i64, NULL));
        meta.f64 = (double)meta.i64;
    }
    return moe__info_fill(to, &meta, sizeof meta);
}

moe_status moe_model_meta_at(const moe_model *model, uint64_t index,
                             moe_meta *meta)
{
    if (model == NULL || meta == NULL)
        return MOE_ERR_ARGUMENT;
    if (index >= model->gguf.n_meta)
        return MOE_ERR_NOT_FOUND;
    return meta_public(&model->gguf.meta[index], 0, false, meta);
}

moe_status moe_model_meta_find(const moe_model *model, const char *key,
                               moe_meta *meta)
{
    if (model == NULL || key == NULL || meta == NULL)
        return MOE_ERR_ARGUMENT;
    const struct moe__meta *found = moe__meta_find(&model->gguf, key);
    return found == NULL ? MOE_ERR_NOT_FOUND
                         : meta_public(found, 0, false, meta);
}

moe_status moe_model_meta_element(const moe_model *model, const char *key,
                                  uint64_t element, moe_meta *meta)
{
    if (model == NULL || key == NULL || meta == NULL)
        return MOE_ERR_ARGUMENT;
    const struct moe__meta *found = moe__meta_find(&model->gguf, key);
    if (found == NULL)
        return MOE_ERR_NOT_FOUND;
    if (found->type != MOE_META_ARRAY)
        return MOE_ERR_ARGUMENT;
    if (element >= found->n)
        return MOE_ERR_NOT_FOUND;
    return meta_public(found, element, true, meta);
}

moe_status moe_model_tensor_at(const moe_model *model, uint64_t index,
                               moe_tensor_info *info)
{
    if (model == NULL || info == NULL)
        return MOE_ERR_ARGUMENT;
    if (index >= model->gguf.n_tensors)
        return MOE_ERR_NOT_FOUND;
    const struct moe__tensor *tensor = &model->gguf.tensors[index];
    moe_tensor_info found = {
        .name = tensor->name,
        .type = moe__type_info(tensor->type)->name,
        .n_dims = tensor->n_dims,
        .shard = tensor->shard,
        .offset = tensor->offset,
        .bytes = tensor->bytes,
    };
    memcpy(found.dims, tensor->dims, sizeof found.dims);
    return moe__info_fill(info, &found, sizeof found);
}
