/* inspect.c: `moe inspect`: what is in a model file. */
#include "cli.h"

#include <math.h>
#include <string.h>

#define MAX_TYPES 64
#define SHOWN_ELEMENTS 6 /* of an array of the metadata */
#define SHOWN_CONTROLS 24
#define SHOWN_TEXT 200 /* bytes of a string of the metadata */

/* One value as JSON, arrays excepted. */
static void print_scalar(const moe_meta *meta, size_t max_bytes)
{
    if (meta->type == MOE_META_STRING) {
        size_t n = (size_t)meta->string_bytes;
        if (n > max_bytes) /* not inside a character */
            for (n = max_bytes; n > 0 && (meta->string[n] & 0xc0) == 0x80;)
                n--;
        json_text(stdout, meta->string, n);
    } else if (meta->type == MOE_META_F32 || meta->type == MOE_META_F64) {
        if (isfinite(meta->f64))
            printf("%.9g", meta->f64);
        else
            fputs("null", stdout);
    } else if (meta->type == MOE_META_BOOL) {
        fputs(meta->i64 ? "true" : "false", stdout);
    } else if (meta->type == MOE_META_U64) {
        printf("%llu", (unsigned long long)meta->i64);
    } else {
        printf("%lld", (long long)meta->i64);
    }
}

/* All of an array if it is short or `is_whole`, else its beginning. */
static void print_array(const moe_model *model, const moe_meta *meta,
                        bool is_whole)
{
    uint64_t shown = meta->n_elements;
    if (!is_whole && shown > SHOWN_ELEMENTS)
        shown = SHOWN_ELEMENTS;
    putchar('[');
    for (uint64_t i = 0; i < shown; i++) {
        moe_meta element = {.struct_size = sizeof element};
        if (moe_model_meta_element(model, meta->key, i, &element) != MOE_OK)
            break;
        if (i > 0)
            fputs(", ", stdout);
        print_scalar(&element, SIZE_MAX);
    }
    putchar(']');
}

static void inspect_metadata(const moe_model *model, bool is_json)
{
    moe_meta meta = {.struct_size = sizeof meta};
    for (uint64_t i = 0; moe_model_meta_at(model, i, &meta) == MOE_OK; i++) {
        if (is_json) {
            fputs(i > 0 ? ", " : "", stdout);
            json_string(stdout, meta.key);
            fputs(": ", stdout);
        } else {
            printf("  %-40s ", meta.key);
        }
        if (meta.type == MOE_META_ARRAY)
            print_array(model, &meta, is_json);
        else
            print_scalar(&meta, is_json ? SIZE_MAX : SHOWN_TEXT);
        if (is_json)
            continue;
        if (meta.type == MOE_META_ARRAY && meta.n_elements > SHOWN_ELEMENTS)
            printf(" ... %llu in all", (unsigned long long)meta.n_elements);
        if (meta.type == MOE_META_STRING && meta.string_bytes > SHOWN_TEXT)
            printf(" ... %llu bytes", (unsigned long long)meta.string_bytes);
        putchar('\n');
    }
}

struct type_sum {
    const char *type;
    uint64_t n_tensors;
    uint64_t bytes;
};

static size_t sum_types(const moe_model *model, struct type_sum *sums)
{
    moe_tensor_info info = {.struct_size = sizeof info};
    size_t n = 0;
    for (uint64_t i = 0; moe_model_tensor_at(model, i, &info) == MOE_OK; i++) {
        size_t at = 0;
        while (at < n && strcmp(sums[at].type, info.type) != 0)
            at++;
        if (at == MAX_TYPES)
            continue;
        if (at == n)
            sums[n++] = (struct type_sum){.type = info.type};
        sums[at].n_tensors++;
        sums[at].bytes += info.bytes;
    }
    return n;
}

static void inspect_types(const moe_model *model, bool is_json)
{
    struct type_sum sums[MAX_TYPES];
    size_t n = sum_types(model, sums);
    for (size_t i = 0; i < n; i++) {
        if (is_json)
            printf("%s{\"type\": \"%s\", \"tensors\": %llu, \"bytes\": %llu}",
                   i > 0 ? ", " : "", sums[i].type,
                   (unsigned long long)sums[i].n_tensors,
                   (unsigned long long)sums[i].bytes);
        else
            printf("  %-8s %5llu tensors  %12s\n", sums[i].type,
                   (unsigned long long)sums[i].n_tensors,
                   show_bytes(sums[i].bytes));
    }
}

static void inspect_tensors(const moe_model *model, bool is_json)
{
    moe_tensor_info info = {.struct_size = sizeof info};
    for (uint64_t i = 0; moe_model_tensor_at(model, i, &info) == MOE_OK; i++) {
        char dims[96];
        size_t n = 0;
        for (int32_t j = 0; j < info.n_dims; j++)
            n += (size_t)snprintf(dims + n, sizeof dims - n,
                                  j > 0 ? ", %llu" : "%llu",
                                  (unsigned long long)info.dims[j]);
        if (is_json) {
            fputs(i > 0 ? ", {\"name\": " : "{\"name\": ", stdout);
            json_string(stdout, info.name);
            printf(", \"type\": \"%s\", \"dims\": [%s], \"shard\": %d, "
                   "\"offset\": %llu, \"bytes\": %llu}",
                   info.type, dims, info.shard, (unsigned long long)info.offset,
                   (unsigned long long)info.bytes);
        } else {
            printf("  %-40s %-8s [%s]\n", info.name, info.type, dims);
        }
    }
}

/* Text: the first ones; JSON: all, with what they are for. */
static void inspect_controls(const struct session *session, bool is_json)
{
    int32_t n = 0;
    for (moe_token token = 0; token < session->info.n_vocab; token++) {
        moe_token_info info = {.struct_size = sizeof info};
        if (moe_token_describe(session->model, token, &info) != MOE_OK ||
            info.kind != MOE_TOKEN_CONTROL)
            continue;
        n++;
        if (!is_json && n > SHOWN_CONTROLS)
            continue;
        if (is_json) {
            printf("%s{\"id\": %d, \"text\": ", n > 1 ? ", " : "", token);
            json_text(stdout, info.bytes, info.n_bytes);
            printf(", \"is_end\": %s}", info.is_end ? "true" : "false");
        } else {
            printf("  %6d  %.*s%s\n", token, (int)info.n_bytes, info.bytes,
                   info.is_end ? "  (ends generation)" : "");
        }
    }
    if (!is_json && n > SHOWN_CONTROLS)
        printf("  ... %d in all\n", n);
}

static void inspect_json(const struct session *session, const char *refusal)
{
    const moe_model_info *info = &session->info;
    fputs("{\"name\": ", stdout);
    json_string(stdout, info->name);
    fputs(", \"family\": ", stdout);
    json_string(stdout, info->family);
    fputs(", \"weight_type\": ", stdout);
    json_string(stdout, info->weight_type);
    printf(", \"n_params\": %llu, \"file_bytes\": %llu, \"n_shards\": %d, "
           "\"n_layers\": %d, \"d_model\": %d, \"n_heads\": %d, "
           "\"n_kv_heads\": %d, \"d_head\": %d, \"d_ff\": %d, "
           "\"n_experts\": %d, \"n_active\": %d, \"n_vocab\": %d, "
           "\"n_ctx_train\": %d, \"window\": %d, \"runs\": %s, \"refusal\": ",
           (unsigned long long)info->n_params,
           (unsigned long long)info->file_bytes, info->n_shards, info->n_layers,
           info->d_model, info->n_heads, info->n_kv_heads, info->d_head,
           info->d_ff, info->n_experts, info->n_active, info->n_vocab,
           info->n_ctx_train, info->window, *refusal ? "false" : "true");
    json_string(stdout, refusal);
    fputs(", \"metadata\": {", stdout);
    inspect_metadata(session->model, true);
    fputs("}, \"types\": [", stdout);
    inspect_types(session->model, true);
    fputs("], \"control_tokens\": [", stdout);
    inspect_controls(session, true);
    fputs("], \"tensors\": [", stdout);
    inspect_tensors(session->model, true);
    fputs("]}\n", stdout);
}

static void inspect_facts(const struct session *session, const char *refusal)
{
    const moe_model_info *info = &session->info;
    printf("%s\n", *info->name ? info->name : session->options->args[0]);
    printf("  family      %s%s\n", info->family,
           *refusal ? "  (cannot be run)" : "");
    printf(
        "  size        %s in %d file%s, %.3g million parameters, mostly %s\n",
        show_bytes(info->file_bytes), info->n_shards,
        info->n_shards == 1 ? "" : "s", (double)info->n_params / 1e6,
        info->weight_type);
    if (*refusal == 0) {
        printf("  layers      %d, width %d, %d heads of %d, %d of them for "
               "keys and values\n",
               info->n_layers, info->d_model, info->n_heads, info->d_head,
               info->n_kv_heads);
        if (info->n_experts > 0)
            printf("  experts     %d of width %d in a layer, %d for a token\n",
                   info->n_experts, info->d_ff, info->n_active);
        else
            printf("  feed-forward width %d, dense\n", info->d_ff);
        printf("  context     %d positions in training", info->n_ctx_train);
        if (info->window > 0)
            printf(", window %d", info->window);
        putchar('\n');
    }
    printf("  vocabulary  %d tokens\n", info->n_vocab);
}

static void inspect_text(const struct session *session, const char *refusal)
{
    const struct options *options = session->options;
    if (*session->info.family == 0) { /* a tokenizer's own file */
        printf("%s\n  a tokenizer of %d tokens\n\nControl tokens\n",
               model_path(options), session->info.n_vocab);
        inspect_controls(session, false);
        return;
    }
    inspect_facts(session, refusal);
    puts("\nMetadata");
    inspect_metadata(session->model, false);
    puts("\nControl tokens");
    inspect_controls(session, false);
    puts("\nTensors");
    inspect_types(session->model, false);
    if (options->wants_tensors || options->is_verbose)
        inspect_tensors(session->model, false);
    else if (!options->is_quiet)
        puts("  (--tensors lists them)");
}

/* A file that cannot be run can still be read. */
int inspect_run(struct options *options)
{
    struct session session = {0};
    moe_error why = {0};
    moe_model_params params = model_params(options);
    const char *path = model_path(options);
    moe_status status = moe_model_open(path, &params, &session.model, &why);
    if (status != MOE_OK) {
        moe_error again = {0};
        params.is_vocab_only = 1;
        if (moe_model_open(path, &params, &session.model, &again) != MOE_OK)
            return fail_status(status, why.message);
    }
    session.options = options;
    session.info.struct_size = sizeof session.info;
    moe_model_describe(session.model, &session.info);
    if (options->is_json)
        inspect_json(&session, why.message);
    else
        inspect_text(&session, why.message);
    if (*why.message != 0 && !options->is_json)
        fprintf(stderr, "moe inspect: it cannot be run: %s\n", why.message);
    session_close(&session);
    return CODE_DONE;
}
