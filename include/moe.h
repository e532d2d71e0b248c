/* moe.h: the whole public interface of libmoe, and its manual.
 *
 * libmoe runs mixture-of-experts and dense language models on the CPU, inside
 * the host's process.  It never ends the process, prints, raises a signal,
 * reads the environment, opens a socket or keeps global state.
 *
 * Handles    moe_model    an opened file: immutable, shared by any threads
 *            moe_context  one conversation's memory: one caller at a time
 *            moe_sampler  logits -> token: one caller at a time
 *            They are counted among themselves: destroy them in any order.
 * Status     Every call that can fail returns a moe_status: 0 is success,
 *            positive is "not finished", negative is an error.  The sentence
 *            for people goes to an optional moe_error, or stays in the
 *            context (moe_context_error).
 * On error   Handle outputs are set to NULL, other outputs are untouched, and
 *            nothing is left to free.
 * Structs    start with struct_size = sizeof itself.  Params: zero means "the
 *            default" in every field, NULL all defaults.  Info: filled up to
 *            struct_size.  Fields are only ever appended.
 * Strings    UTF-8.  In: pointer and length in bytes, -1 = up to the NUL.
 *            Out: lent pointer and length, or a buffer of the caller.
 * Ownership  "lends": valid until the stated event.  Otherwise an argument is
 *            only read during the call.
 * Labels     Shapes, Returns, Owns, Threads and Since follow each call; one
 *            that is left out has nothing to say: no arrays, no result, nothing
 *            changes hands.
 * Bits       The same model, tokens and parameters give the same logits bit
 *            for bit on every backend, thread count and batch split. */
#ifndef MOE_H
#define MOE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef MOE_API
#if defined(_WIN32) && defined(MOE_SHARED)
#define MOE_API __declspec(dllimport)
#elif defined(__GNUC__) && !defined(_WIN32)
#define MOE_API __attribute__((visibility("default")))
#else
#define MOE_API
#endif
#endif

#define MOE_VERSION_MAJOR 0
#define MOE_VERSION_MINOR 1
#define MOE_VERSION_PATCH 0
/* The ABI's major number, also the number in the name of the shared library. */
#define MOE_ABI_VERSION 0

/* ---------------------------------------------------------------- status */

typedef int32_t moe_status;
enum {
    MOE_OK = 0,
    MOE_MORE = 1,                /* one bounded step done, work remains */
    MOE_ERR_ARGUMENT = -1,       /* a value is outside what the call accepts */
    MOE_ERR_STATE = -2,          /* not possible for the handle as it is now */
    MOE_ERR_BUFFER = -3,         /* the caller's buffer is too small */
    MOE_ERR_PARAMS_TOO_NEW = -4, /* a field this library does not know is set */
    MOE_ERR_BUSY = -5,           /* another thread is inside this handle */
    MOE_ERR_NOT_FOUND = -6,      /* no such key, file or name */
    MOE_ERR_NO_MEMORY = -10,
    MOE_ERR_IO = -11,          /* reading failed */
    MOE_ERR_THREAD = -12,      /* a thread could not be started */
    MOE_ERR_FORMAT = -20,      /* the file breaks the rules of its format */
    MOE_ERR_TRUNCATED = -21,   /* the file ends too early */
    MOE_ERR_UNSUPPORTED = -22, /* sound, but not something libmoe can run */
    MOE_ERR_TENSOR = -23,      /* a tensor is missing or has another shape */
    MOE_ERR_CONTEXT_FULL = -30,
    MOE_ERR_CANCELLED = -31,
    MOE_ERR_INTERNAL = -90 /* a defect of libmoe: please report it */
};

/* Where a call puts its sentence, on failure only.  The message names the
 * thing, what was expected and what was found.  256 bytes, for ever. */
typedef struct moe_error {
    moe_status status;
    char message[252];
} moe_error;

/* Name of a status, such as "MOE_ERR_FORMAT"; "MOE_STATUS_?" if unknown.
 * Returns  a NUL-terminated constant, lent for ever.
 * Threads  any.
 * Since    0.1 */
MOE_API const char *moe_status_name(moe_status status);

/* --------------------------------------------------------------- library */

/* Version as "0.1.0".
 * Returns  a NUL-terminated constant, lent for ever.
 * Threads  any.
 * Since    0.1 */
MOE_API const char *moe_version(void);

/* MOE_ABI_VERSION of the library that is loaded.
 * Returns  the number; a program should refuse another than its own.
 * Threads  any.
 * Since    0.1 */
MOE_API int32_t moe_abi_version(void);

/* How the library was built, as one JSON object.
 * Returns  a NUL-terminated constant with at least "version", "abi",
 *          "compiler", "architecture"; lent for ever.
 * Threads  any.
 * Since    0.1 */
MOE_API const char *moe_build_info(void);

typedef int32_t moe_backend;
enum {
    MOE_BACKEND_AUTO = 0, /* the fastest available */
    MOE_BACKEND_SCALAR = 1,
    MOE_BACKEND_AVX2 = 2,
    MOE_BACKEND_AVX512 = 3,
    MOE_BACKEND_NEON = 4,
    MOE_BACKEND_NEON_DOTPROD = 5,
    MOE_BACKEND_NEON_I8MM = 6
};

typedef struct moe_backend_info {
    size_t struct_size;
    moe_backend backend;
    int32_t is_available; /* 1 if this machine can run it */
    const char *name;     /* "scalar", "avx2" ... lent for ever */
    const char *reason;   /* why not available, "" if it is; lent for ever */
} moe_backend_info;

/* Describes backend number `index`; the last available one is AUTO's choice.
 * index    0, 1, 2 ... until MOE_ERR_NOT_FOUND.
 * Returns  MOE_OK; MOE_ERR_ARGUMENT; MOE_ERR_NOT_FOUND past the end.
 * Owns     nothing; the strings are lent for ever.
 * Threads  any.
 * Since    0.1 */
MOE_API moe_status moe_backend_at(int32_t index, moe_backend_info *info);

/* ----------------------------------------------------------------- hooks */

/* Memory from the host.  alloc returns `bytes` bytes aligned to `align` (a
 * power of two, at most 4096) or NULL; free gets the size back.  Copied at
 * creation.  Must be callable from the threads that open and close handles. */
typedef struct moe_allocator {
    size_t struct_size;
    void *user;
    void *(*alloc)(void *user, size_t bytes, size_t align);
    void (*free)(void *user, void *memory, size_t bytes);
} moe_allocator;

typedef int32_t moe_log_level;
enum { MOE_LOG_WARNING = 1, MOE_LOG_INFO = 2, MOE_LOG_DEBUG = 3 };

/* Gets ready UTF-8 text without a newline.  No hook: the library is silent. */
typedef void (*moe_log_fn)(void *user, moe_log_level level, const char *text);

/* fraction 0..1; a return value other than 0 cancels the operation. */
typedef int32_t (*moe_progress_fn)(void *user, float fraction);

/* Threads from the host (quality of service, names, affinity).  create starts
 * run(arg) and stores a handle; join waits for it.  0 is success. */
typedef struct moe_thread_hooks {
    size_t struct_size;
    void *user;
    int32_t (*create)(void *user, void **thread, void (*run)(void *arg),
                      void *arg);
    void (*join)(void *user, void *thread);
} moe_thread_hooks;

/* A model file that is not a path: an app bundle, an encrypted file, memory.
 * read_at fills exactly `bytes` bytes from `offset` and returns 0, or returns
 * another value.  It may be called from any thread, until the model closes.
 * Reads never pass size_bytes.  close may be NULL; it is called once, when
 * the model is gone or when opening failed. */
typedef struct moe_source {
    size_t struct_size;
    void *user;
    uint64_t size_bytes;
    int32_t (*read_at)(void *user, uint64_t offset, void *dst, size_t bytes);
    void (*close)(void *user);
} moe_source;

/* ----------------------------------------------------------------- model */

typedef struct moe_model moe_model;
typedef int32_t moe_token;
#define MOE_TOKEN_NONE (-1)

typedef int32_t moe_load;
enum {
    MOE_LOAD_AUTO = 0, /* map the file; copy when read through a moe_source */
    MOE_LOAD_MAP = 1,
    MOE_LOAD_COPY = 2 /* read all weights into memory: safe against a file
                         that shrinks while in use */
};

typedef struct moe_model_params {
    size_t struct_size;
    const moe_allocator *allocator;
    moe_log_fn log;
    void *log_user;
    moe_progress_fn progress;
    void *progress_user;
    const char *const *meta; /* [n_meta] "KEY=VALUE": sets or replaces metadata
                                before anything is read from it */
    size_t n_meta;
    moe_load load;
    int32_t is_vocab_only; /* 1: text functions only, no tensors needed */
} moe_model_params;

/* Opens a GGUF file, the first shard of a split one, or a vocabulary: such a
 * GGUF, tokenizer.json, tekken.json, or SentencePiece's tokenizer.model, told
 * apart by their content.  Those open for the text functions only.
 *
 * Weights stay where they are in the file, mapped read-only.  A mapped file
 * that another program shortens kills the process with SIGBUS on any system:
 * MOE_LOAD_COPY or moe_model_open_source avoids that.
 *
 * path     UTF-8, NUL-terminated.
 * params   NULL = defaults.    out  receives the handle.    err  may be NULL.
 * Returns  MOE_OK; MOE_ERR_NOT_FOUND, IO, NO_MEMORY, FORMAT, TRUNCATED,
 *          UNSUPPORTED, TENSOR, ARGUMENT, PARAMS_TOO_NEW, CANCELLED.
 * Owns     the caller owns *out: moe_model_close.
 * Threads  any.
 * Since    0.1 */
MOE_API moe_status moe_model_open(const char *path,
                                  const moe_model_params *params,
                                  moe_model **out, moe_error *err);

/* Opens a model through sources, one a shard, in order.
 *
 * sources  [n_sources], copied; each is closed exactly once, also on failure.
 * Returns  as moe_model_open.
 * Owns     the caller owns *out: moe_model_close.
 * Threads  any.
 * Since    0.1 */
MOE_API moe_status moe_model_open_source(const moe_source *sources,
                                         size_t n_sources,
                                         const moe_model_params *params,
                                         moe_model **out, moe_error *err);

/* Gives up the caller's hold.  Contexts that still use the model keep it.
 * Owns     takes the handle, which may be NULL; what it lent is gone.
 * Threads  any; once per handle.
 * Since    0.1 */
MOE_API void moe_model_close(moe_model *model);

typedef struct moe_model_info {
    size_t struct_size;
    const char *family;      /* general.architecture; lent by the model */
    const char *name;        /* general.name or ""; lent by the model */
    const char *weight_type; /* most common type by bytes; lent for ever */
    int32_t n_layers;
    int32_t d_model;
    int32_t n_heads;
    int32_t n_kv_heads;
    int32_t d_head;
    int32_t d_ff;      /* width of one expert if n_experts > 0 */
    int32_t n_experts; /* 0: dense */
    int32_t n_active;  /* experts used for one token */
    int32_t n_vocab;
    int32_t n_ctx_train;
    int32_t window; /* sliding window in positions, 0: none */
    int32_t n_shards;
    uint64_t n_params;
    uint64_t file_bytes;
} moe_model_info;

/* Facts about an open model.
 * Returns  MOE_OK; MOE_ERR_ARGUMENT.
 * Owns     strings are lent until moe_model_close.
 * Threads  any.
 * Since    0.1 */
MOE_API moe_status moe_model_describe(const moe_model *model,
                                      moe_model_info *info);

typedef int32_t moe_meta_type;
enum {
    MOE_META_U8 = 0,
    MOE_META_I8 = 1,
    MOE_META_U16 = 2,
    MOE_META_I16 = 3,
    MOE_META_U32 = 4,
    MOE_META_I32 = 5,
    MOE_META_F32 = 6,
    MOE_META_BOOL = 7,
    MOE_META_STRING = 8,
    MOE_META_ARRAY = 9,
    MOE_META_U64 = 10,
    MOE_META_I64 = 11,
    MOE_META_F64 = 12
};

/* One metadata entry, or one element of an array (then key is ""). */
typedef struct moe_meta {
    size_t struct_size;
    const char *key; /* NUL-terminated; lent by the model */
    moe_meta_type type;
    moe_meta_type element_type; /* of an array */
    uint64_t n_elements;        /* of an array */
    int64_t i64;        /* integers and bool; floats truncated if in range */
    double f64;         /* numbers */
    const char *string; /* of a string: not NUL-terminated; lent */
    uint64_t string_bytes;
} moe_meta;

/* Metadata entry number `index`, in file order, replacements applied.
 * index    0, 1, 2 ... until MOE_ERR_NOT_FOUND.
 * Returns  MOE_OK; MOE_ERR_ARGUMENT; MOE_ERR_NOT_FOUND past the end.
 * Owns     strings are lent until moe_model_close.
 * Threads  any.
 * Since    0.1 */
MOE_API moe_status moe_model_meta_at(const moe_model *model, uint64_t index,
                                     moe_meta *meta);

/* Metadata entry of a key.
 * key      NUL-terminated, such as "general.architecture".
 * Returns  MOE_OK; MOE_ERR_ARGUMENT; MOE_ERR_NOT_FOUND.
 * Owns     strings are lent until moe_model_close.
 * Threads  any.
 * Since    0.1 */
MOE_API moe_status moe_model_meta_find(const moe_model *model, const char *key,
                                       moe_meta *meta);

/* Element `element` of the array `key`.
 * Returns  MOE_OK; MOE_ERR_ARGUMENT if not an array; MOE_ERR_NOT_FOUND.
 * Owns     strings are lent until moe_model_close.
 * Threads  any.
 * Since    0.1 */
MOE_API moe_status moe_model_meta_element(const moe_model *model,
                                          const char *key, uint64_t element,
                                          moe_meta *meta);

typedef struct moe_tensor_info {
    size_t struct_size;
    const char *name; /* NUL-terminated; lent by the model */
    const char *type; /* "Q4_K" ...; lent for ever */
    int32_t n_dims;
    int32_t shard;
    uint64_t dims[4]; /* dims[0] is contiguous; unused ones are 1 */
    uint64_t offset;  /* bytes from the start of its shard */
    uint64_t bytes;
} moe_tensor_info;

/* Tensor number `index`, in file order.
 * index    0, 1, 2 ... until MOE_ERR_NOT_FOUND.
 * Returns  MOE_OK; MOE_ERR_ARGUMENT; MOE_ERR_NOT_FOUND past the end.
 * Owns     strings are lent until moe_model_close.
 * Threads  any.
 * Since    0.1 */
MOE_API moe_status moe_model_tensor_at(const moe_model *model, uint64_t index,
                                       moe_tensor_info *info);

/* ------------------------------------------------------------------ text */

typedef uint32_t moe_text_flags;
enum {
    /* encode: begin- and end-of-text tokens as the model wants them */
    MOE_TEXT_SPECIALS = 1u << 0,
    /* encode: control tokens written in the text become tokens; never set
       this for text that comes from a user */
    MOE_TEXT_PARSE_CONTROL = 1u << 1,
    /* encode: the text continues earlier text: no space is put before it */
    MOE_TEXT_CONTINUE = 1u << 2,
    /* decode: control tokens are written out instead of left out */
    MOE_TEXT_SHOW_CONTROL = 1u << 3
};

/* Text to tokens.
 *
 * Any bytes are accepted; decoding gives the same bytes back.
 *
 * text     [text_bytes], or NUL-terminated with text_bytes = -1.
 * flags    MOE_TEXT_SPECIALS, _PARSE_CONTROL, _CONTINUE or 0.
 * tokens   [cap] or NULL with cap 0 to ask for the count.
 * n        receives the number of tokens (also with MOE_ERR_BUFFER).
 * Shapes   tokens int32 [n].
 * Returns  MOE_OK; MOE_ERR_BUFFER if n > cap (nothing written);
 *          MOE_ERR_ARGUMENT; MOE_ERR_NO_MEMORY; MOE_ERR_UNSUPPORTED if the
 *          file has no usable vocabulary.
 * Owns     nothing changes hands.
 * Threads  any.
 * Since    0.1 */
MOE_API moe_status moe_text_encode(const moe_model *model, const char *text,
                                   int64_t text_bytes, moe_text_flags flags,
                                   moe_token *tokens, size_t cap, size_t *n,
                                   moe_error *err);

/* Tokens to text: the inverse of moe_text_encode.
 *
 * Drops the one space that encoding put before the text, unless
 * MOE_TEXT_CONTINUE is given.
 *
 * tokens   [n], ids in [0, n_vocab).
 * flags    MOE_TEXT_SHOW_CONTROL, _CONTINUE or 0.
 * text     [cap] or NULL with cap 0 to ask for the size; no NUL is added.
 * text_bytes  receives the size (also with MOE_ERR_BUFFER).
 * Shapes   tokens int32 [n].
 * Returns  MOE_OK; MOE_ERR_BUFFER; MOE_ERR_ARGUMENT.
 * Owns     nothing changes hands.
 * Threads  any.
 * Since    0.1 */
MOE_API moe_status moe_text_decode(const moe_model *model,
                                   const moe_token *tokens, size_t n,
                                   moe_text_flags flags, char *text, size_t cap,
                                   size_t *text_bytes, moe_error *err);

typedef int32_t moe_token_kind;
enum {
    MOE_TOKEN_NORMAL = 1,
    MOE_TOKEN_UNKNOWN = 2,
    MOE_TOKEN_CONTROL = 3,
    MOE_TOKEN_USER_DEFINED = 4,
    MOE_TOKEN_UNUSED = 5,
    MOE_TOKEN_BYTE = 6
};

typedef struct moe_token_info {
    size_t struct_size;
    moe_token_kind kind;
    int32_t is_end;    /* 1: generation ends with this token */
    const char *bytes; /* what it decodes to, not NUL-terminated, maybe part of
                          a UTF-8 character; a control token's name; lent */
    size_t n_bytes;
    float score;
    int32_t padding;
} moe_token_info;

/* One token of the vocabulary.
 * Returns  MOE_OK; MOE_ERR_ARGUMENT if the id is not in [0, n_vocab).
 * Owns     bytes are lent until moe_model_close.
 * Threads  any.
 * Since    0.1 */
MOE_API moe_status moe_token_describe(const moe_model *model, moe_token token,
                                      moe_token_info *info);

/* The token that is exactly this text (with control tokens' names).
 * text     [text_bytes] or NUL-terminated with -1.
 * Returns  the id, or MOE_TOKEN_NONE.
 * Threads  any.
 * Since    0.1 */
MOE_API moe_token moe_token_find(const moe_model *model, const char *text,
                                 int64_t text_bytes);

typedef int32_t moe_special;
enum {
    MOE_SPECIAL_BOS = 0, /* begin of text */
    MOE_SPECIAL_EOS = 1, /* end of text */
    MOE_SPECIAL_EOT = 2, /* end of turn */
    MOE_SPECIAL_UNK = 3,
    MOE_SPECIAL_PAD = 4,
    MOE_SPECIAL_NEWLINE = 5
};

/* The id of a special token.
 * Returns  the id, or MOE_TOKEN_NONE if the model has none.
 * Threads  any.
 * Since    0.1 */
MOE_API moe_token moe_token_special(const moe_model *model, moe_special which);

/* --------------------------------------------------------------- context */

typedef struct moe_context moe_context;
typedef struct moe_sampler moe_sampler;

typedef int32_t moe_kv_type;
enum {
    MOE_KV_AUTO = 0, /* f16 */
    MOE_KV_F32 = 1,
    MOE_KV_F16 = 2,
    MOE_KV_Q8_0 = 3 /* needs a head size that is a multiple of 32 */
};

typedef int32_t moe_logits_mode;
enum {
    MOE_LOGITS_LAST = 0, /* of the last token of each step */
    MOE_LOGITS_ALL = 1   /* of every token of the step */
};

typedef struct moe_context_params {
    size_t struct_size;
    const moe_allocator *allocator;
    moe_log_fn log;
    void *log_user;
    const moe_thread_hooks *threads; /* NULL: the library starts its own */
    int32_t n_ctx;     /* positions; default: n_ctx_train, at most 4096 */
    int32_t n_batch;   /* most tokens of one step; default 512 */
    int32_t n_threads; /* default: physical cores, no little ones */
    moe_kv_type kv;
    moe_backend backend;
    moe_logits_mode logits;
    int32_t n_threads_decode; /* steps of one token: n_threads, at most 8 */
    int32_t has_rings; /* 1: layers that see a window keep window + n_batch
                          positions, not all: see moe_context_rewind */
} moe_context_params;

/* Bytes, known before anything is allocated. */
typedef struct moe_plan {
    size_t struct_size;
    uint64_t weights_mapped_bytes; /* in the page cache, shared, droppable */
    uint64_t weights_copied_bytes; /* anonymous memory */
    uint64_t kv_bytes;
    uint64_t scratch_bytes;
    uint64_t anonymous_bytes; /* copied + kv + scratch: what the host pays */
    int32_t n_ctx;            /* the values that defaults became */
    int32_t n_batch;
    int32_t n_threads;
    int32_t padding;
} moe_plan;

/* What a model and a context on it will need, without opening either.
 * path     as moe_model_open.    model_params, context_params  may be NULL.
 * plan     filled up to plan->struct_size.
 * Returns  MOE_OK; as moe_model_open and moe_context_create.
 * Threads  any.
 * Since    0.1 */
MOE_API moe_status moe_model_plan(const char *path,
                                  const moe_model_params *model_params,
                                  const moe_context_params *context_params,
                                  moe_plan *plan, moe_error *err);

/* The same for a context on an open model.
 * Returns  MOE_OK; as moe_context_create.
 * Threads  any.
 * Since    0.1 */
MOE_API moe_status moe_context_plan(const moe_model *model,
                                    const moe_context_params *params,
                                    moe_plan *plan, moe_error *err);

/* Creates a context.  All memory that evaluating needs is allocated here.
 * model    the context holds it; the caller may close its own handle.
 * params   NULL = defaults.    out  receives the handle.    err  may be NULL.
 * Returns  MOE_OK; MOE_ERR_ARGUMENT, STATE (a vocabulary-only model),
 *          PARAMS_TOO_NEW, NO_MEMORY, THREAD, UNSUPPORTED.
 * Owns     the caller owns *out: moe_context_destroy.
 * Threads  any.
 * Since    0.1 */
MOE_API moe_status moe_context_create(moe_model *model,
                                      const moe_context_params *params,
                                      moe_context **out, moe_error *err);

/* Copies a context with all that it has read: both go on from here, each its
 * own way.  Nothing is evaluated again.
 * ctx      what its params pointed to (threads, log) must still be there.
 * Returns  MOE_OK; as moe_context_create; MOE_ERR_BUSY.
 * Owns     the caller owns *out: moe_context_destroy.
 * Threads  one caller at a time per context.
 * Since    0.1 */
MOE_API moe_status moe_context_fork(moe_context *ctx, moe_context **out,
                                    moe_error *err);

/* Ends the context and its threads; not while another thread is inside it.
 * Owns     takes the handle, which may be NULL; what it lent is gone.
 * Threads  one.
 * Since    0.1 */
MOE_API void moe_context_destroy(moe_context *ctx);

/* Evaluates tokens and moves the context forward.
 *
 * With n_done = NULL all tokens are evaluated before the call returns.  With
 * n_done the call does one bounded step (at most n_batch tokens), adds the
 * number of tokens it took to *n_done, and returns MOE_MORE if tokens remain:
 *     for (int32_t done = 0; (st = moe_context_eval(c, t + done, n - done,
 *                                                   &done)) == MOE_MORE;) ;
 * How the tokens are cut changes no bit of the logits.  Nothing is allocated.
 *
 * tokens   [n], ids in [0, n_vocab).     n  >= 1.
 * Shapes   leaves logits float [rows, n_vocab]: moe_context_logits.
 * Returns  MOE_OK; MOE_MORE; MOE_ERR_ARGUMENT; MOE_ERR_CONTEXT_FULL (nothing
 *          was evaluated); MOE_ERR_CANCELLED (steps that were finished stay,
 *          see moe_context_position); MOE_ERR_BUSY.
 * Owns     nothing changes hands.
 * Threads  one caller at a time per context: a second one gets MOE_ERR_BUSY.
 * Since    0.1 */
MOE_API moe_status moe_context_eval(moe_context *ctx, const moe_token *tokens,
                                    int32_t n, int32_t *n_done);

/* Encodes a text and evaluates it: moe_text_encode and moe_context_eval.  The
 * list of ids takes memory and stays for the next prompt.
 * text     [text_bytes] or NUL-terminated with -1.
 * flags    as moe_text_encode; begin-of-text is added at position 0 only.
 * Returns  MOE_OK; as moe_text_encode and moe_context_eval.
 * Threads  as moe_context_eval.
 * Since    0.1 */
MOE_API moe_status moe_context_prompt(moe_context *ctx, const char *text,
                                      int64_t text_bytes, moe_text_flags flags);

/* Generates one token: picks it from the last logits, tells the sampler, and
 * evaluates it unless generation ends with it (info->is_end).
 * sampler  NULL = greedy.    token, info  each may be NULL.
 * Returns  MOE_OK; MOE_ERR_STATE without logits; as moe_context_eval.
 * Owns     info's strings are lent by the model.
 * Threads  as moe_context_eval.
 * Since    0.1 */
MOE_API moe_status moe_context_generate(moe_context *ctx, moe_sampler *sampler,
                                        moe_token *token, moe_token_info *info);

/* Logits of the last step.
 * row      0 .. rows-1 of the last step, or -1 for the last row.  With
 *          MOE_LOGITS_LAST there is one row, that of the last token.
 * Shapes   float [n_vocab].
 * Returns  the row, or NULL if there is none.
 * Owns     lends until the next call on the context that is not a getter.
 * Threads  as moe_context_eval.
 * Since    0.1 */
MOE_API const float *moe_context_logits(const moe_context *ctx, int32_t row);

/* Number of tokens that the context holds.
 * Returns  the position of the next token.
 * Threads  as moe_context_eval.
 * Since    0.1 */
MOE_API int32_t moe_context_position(const moe_context *ctx);

/* Forgets all tokens from `position` on.  Costs nothing.
 * position 0 .. moe_context_position.
 * Returns  MOE_OK; MOE_ERR_ARGUMENT; MOE_ERR_STATE (only with has_rings: more
 *          than n_batch positions back, and not to 0); MOE_ERR_BUSY.
 * Owns     takes back what moe_context_logits lent.
 * Threads  as moe_context_eval.
 * Since    0.1 */
MOE_API moe_status moe_context_rewind(moe_context *ctx, int32_t position);

/* Stops the step that is running, or else the next one, within 50 ms.
 * Each cancel stops one call of moe_context_eval.
 * ctx      may be NULL.
 * Threads  any, at any time between create and destroy; also from a signal
 *          handler.
 * Since    0.1 */
MOE_API void moe_context_cancel(moe_context *ctx);

/* Uses another number of threads from now on, for every step; results do not
 * change.
 * n_threads  1 .. the number at creation.
 * Returns  MOE_OK; MOE_ERR_ARGUMENT; MOE_ERR_BUSY.
 * Threads  as moe_context_eval.
 * Since    0.1 */
MOE_API moe_status moe_context_set_threads(moe_context *ctx, int32_t n_threads);

typedef struct moe_context_stats {
    size_t struct_size;
    uint64_t n_steps;
    uint64_t n_tokens;        /* evaluated since creation */
    uint64_t eval_ns;         /* spent inside moe_context_eval */
    uint64_t anonymous_bytes; /* allocated for this context */
    const char *backend;      /* lent for ever */
    int32_t n_threads;
    int32_t n_ctx;
    int32_t n_batch;
    moe_kv_type kv;
} moe_context_stats;

/* Counters of a context.
 * Returns  MOE_OK; MOE_ERR_ARGUMENT.
 * Threads  as moe_context_eval.
 * Since    0.1 */
MOE_API moe_status moe_context_describe(const moe_context *ctx,
                                        moe_context_stats *stats);

typedef struct moe_score {
    size_t struct_size;
    double logprob;    /* natural logarithm, of all scored tokens together */
    int32_t n_tokens;  /* that were scored */
    int32_t is_greedy; /* 1: each of them was the likeliest */
} moe_score;

/* How likely a continuation is: the sum of the log-probabilities of tokens
 * [n_given, n), each given all tokens before it.  The context is emptied first
 * and holds the n tokens after.
 *
 * tokens   [n], ids in [0, n_vocab): what is given, begin-of-text included, and
 *          then the continuation.    n_given  1 .. n - 1.
 * score    filled up to score->struct_size.
 * Shapes   tokens int32 [n].
 * Returns  MOE_OK; as moe_context_eval.
 * Threads  as moe_context_eval.
 * Since    0.1 */
MOE_API moe_status moe_context_score(moe_context *ctx, const moe_token *tokens,
                                     int32_t n, int32_t n_given,
                                     moe_score *score);

typedef int32_t moe_pooling;
enum {
    MOE_POOLING_AUTO = 0, /* what the file says, else mean */
    MOE_POOLING_MEAN = 1,
    MOE_POOLING_FIRST = 2,
    MOE_POOLING_LAST = 3
};

typedef struct moe_embed_params {
    size_t struct_size;
    moe_pooling pooling;
    int32_t keeps_length; /* 1: the vector is not scaled to length 1 */
} moe_embed_params;

/* A text as a vector: the last layer's normalised states of its tokens, those
 * that begin and end a text included, pooled.  The context is emptied first and
 * holds the tokens after.
 *
 * text     [text_bytes] or NUL-terminated with -1.    params  NULL = defaults.
 * vector   [n_dims], the first n_dims of d_model numbers; a shorter vector is
 *          cut before it is scaled.    n_dims  1 .. d_model.
 * Shapes   vector float [n_dims].
 * Returns  MOE_OK; as moe_context_prompt.
 * Threads  as moe_context_eval.
 * Since    0.1 */
MOE_API moe_status moe_context_embed(moe_context *ctx, const char *text,
                                     int64_t text_bytes,
                                     const moe_embed_params *params,
                                     float *vector, int32_t n_dims);

/* How often each expert of a layer was used since creation.  Tokens whose
 * logits nobody can ask for do without the experts of the last layer.
 * counts   [n_experts].    n  must be n_experts.
 * Shapes   uint64 [n_experts].
 * Returns  MOE_OK; MOE_ERR_ARGUMENT (also for a layer without experts).
 * Threads  as moe_context_eval.
 * Since    0.1 */
MOE_API moe_status moe_context_expert_counts(const moe_context *ctx,
                                             int32_t layer, uint64_t *counts,
                                             int32_t n);

/* The sentence of the last call on this context that failed, or "".
 * Returns  a NUL-terminated text.
 * Owns     lends until the next call on the context.
 * Threads  as moe_context_eval.
 * Since    0.1 */
MOE_API const char *moe_context_error(const moe_context *ctx);

/* --------------------------------------------------------------- sampler */

/* What is added to the logit of a token: -INFINITY bans it. */
typedef struct moe_bias {
    moe_token token;
    float bias;
} moe_bias;

/* A stage of the host's own.  It may change logits, and removes candidates by
 * setting their logits to NaN; if it removes all, the likeliest stays.
 * tokens   [n], ids in no special order.    logits  [n], the same order.
 * n        >= 1.
 * Both arrays are lent for the call.  The host must not use the sampler that
 * calls, and must return the same for the same input, or draws cannot be
 * repeated. */
typedef void (*moe_stage_fn)(void *user, const moe_token *tokens, float *logits,
                             int32_t n);

/* With p the softmax of the logits of the candidates that are left; formulas
 * and sources: docs/numerics.md, "Sampling". */
typedef int32_t moe_stage_kind;
enum {
    MOE_STAGE_PENALTIES = 1, /* count = window in tokens (0: off), value =
                                repeat, value2 = frequency, value3 = presence;
                                divides the logits of recent tokens by repeat,
                                subtracts uses * frequency + presence */
    MOE_STAGE_TOP_K = 2,     /* count = k (0: off); keeps the k likeliest */
    MOE_STAGE_TOP_P = 3,     /* value = p (1: off); the likeliest ones that sum
                                to p */
    MOE_STAGE_MIN_P = 4,     /* value = p (0: off); those with at least p times
                                the probability of the best */
    MOE_STAGE_TYPICAL = 5,   /* value = p (1: off); the ones nearest to the
                                expected surprise that sum to p */
    MOE_STAGE_TEMPERATURE = 6, /* value = t, logits are divided by it; 0 or less
                                  keeps the best only.  value2 = range (0: off),
                                  value3 = exponent (0: 1): t - range where one
                                  candidate is certain, t + range where all are
                                  equal, in between by entropy ^ exponent */
    MOE_STAGE_TOP_N_SIGMA = 7, /* value = n (0: off); those within n standard
                                  deviations of all logits below the best */
    MOE_STAGE_XTC = 8,         /* value = how often, 0 (off) to 1; value2 =
                                  threshold (above 0.5: off); drops all that
                                  reach the threshold but the last of them */
    MOE_STAGE_DRY = 9,         /* count = window in tokens (0: off), value =
                                  multiplier (0: off), value2 = base >= 1,
                                  count2 = allowed; takes multiplier * base ^
                                  (length - allowed) from what would continue a
                                  repetition of length >= allowed tokens */
    MOE_STAGE_MIROSTAT_1 = 10, /* value = tau, the wanted surprise in bits;
                                  value2 = eta, the rate of learning; count =
                                  candidates looked at (0: 100).  Last stage */
    MOE_STAGE_MIROSTAT_2 = 11, /* value = tau, value2 = eta.  Last stage */
    MOE_STAGE_ADAPTIVE_P = 12, /* value = the wanted mean probability, value2 =
                                  decay, 0 to 0.99.  Last stage */
    MOE_STAGE_BIAS = 13,       /* biases [n_biases] are added */
    MOE_STAGE_CUSTOM = 14      /* fn(user, ...) */
};

typedef struct moe_stage {
    size_t struct_size;
    moe_stage_kind kind;
    int32_t count;
    int32_t min_keep; /* candidates that a filter must leave; default 1 */
    float value;
    float value2;
    float value3;
    int32_t count2;
    int32_t padding;
    const moe_bias *biases; /* [n_biases], no token twice; copied */
    size_t n_biases;
    const moe_token *breakers; /* [n_breakers], copied: DRY looks no further
                                  back than the last of these sequences, each
                                  ended by MOE_TOKEN_NONE */
    size_t n_breakers;
    moe_stage_fn fn;
    void *user; /* handed to fn, also by clones */
} moe_stage;

/* The usual chain: bias, penalties, DRY, top-n-sigma, top-k, typical, top-p,
 * min-p, XTC, temperature, draw.  With mirostat: bias, penalties, DRY,
 * temperature, mirostat, draw.  All zero is greedy: the largest logit, the
 * lower id among equals. */
typedef struct moe_sampler_params {
    size_t struct_size;
    const moe_allocator *allocator;
    uint64_t seed;
    float temperature;          /* 0: greedy */
    int32_t top_k;              /* 0: off */
    float top_p;                /* 0 or 1: off */
    float min_p;                /* 0: off */
    float typical_p;            /* 0 or 1: off */
    float repeat_penalty;       /* 0 or 1: off */
    float frequency_penalty;    /* 0: off */
    float presence_penalty;     /* 0: off */
    int32_t penalty_window;     /* tokens looked back; default 64 */
    int32_t is_empty;           /* 1: no stages; build the chain with
                                   moe_sampler_add */
    float top_n_sigma;          /* 0: off */
    float xtc_probability;      /* 0: off */
    float xtc_threshold;        /* default 0.1 */
    float dynatemp_range;       /* 0: off; the temperature +- this */
    float dynatemp_exponent;    /* default 1 */
    float dry_multiplier;       /* 0: off */
    float dry_base;             /* default 1.75 */
    int32_t dry_allowed_length; /* tokens; default 2 */
    int32_t dry_window;         /* tokens looked back; default 1024 */
    int32_t mirostat;           /* 0: off; version 1 or 2 */
    float mirostat_tau;         /* bits; default 5 */
    float mirostat_eta;         /* default 0.1 */
    const moe_bias *biases;     /* [n_biases] */
    size_t n_biases;
    const moe_model *model;          /* read during the call only, for: */
    const char *const *dry_breakers; /* [n_dry_breakers] texts that end a
                                        repetition; default, if there is a
                                        model: newline : " *; one "": none */
    size_t n_dry_breakers;
} moe_sampler_params;

/* Creates a sampler.  All memory that it will ever use is allocated here,
 * except what moe_sampler_add takes for a stage.
 * n_vocab  length of the logits rows, >= 1.    params  NULL = greedy.
 * Returns  MOE_OK; MOE_ERR_ARGUMENT; MOE_ERR_PARAMS_TOO_NEW; MOE_ERR_NO_MEMORY.
 * Owns     the caller owns *out: moe_sampler_destroy.
 * Threads  any.
 * Since    0.1 */
MOE_API moe_status moe_sampler_create(int32_t n_vocab,
                                      const moe_sampler_params *params,
                                      moe_sampler **out, moe_error *err);

/* Ends a sampler.
 * sampler  may be NULL.
 * Owns     takes the handle.
 * Threads  one.
 * Since    0.1 */
MOE_API void moe_sampler_destroy(moe_sampler *sampler);

/* Appends a stage to the chain; stages run in the order they were added.
 * stage    copied.
 * Returns  MOE_OK; MOE_ERR_ARGUMENT; MOE_ERR_NO_MEMORY; MOE_ERR_PARAMS_TOO_NEW;
 *          MOE_ERR_STATE after 16 stages, or after one that must be the last.
 * Threads  one caller at a time per sampler.
 * Since    0.1 */
MOE_API moe_status moe_sampler_add(moe_sampler *sampler, const moe_stage *stage,
                                   moe_error *err);

/* Chooses a token.  Changes nothing: asked again, it gives the same answer.
 *
 * The draw depends on the seed and the number of tokens accepted, nothing
 * else; mirostat and adaptive-p also learn from each token that is accepted
 * after the pick.  NaN logits count as the smallest; if all are NaN, token 0 is
 * chosen.
 *
 * logits   float [n_vocab], read only.    token  receives the id.
 * Shapes   logits float [n_vocab].
 * Returns  MOE_OK; MOE_ERR_ARGUMENT; with a grammar also MOE_ERR_STATE (no
 *          token can follow) and MOE_ERR_NO_MEMORY.
 * Threads  one caller at a time per sampler.
 * Since    0.1 */
MOE_API moe_status moe_sampler_pick(moe_sampler *sampler, const float *logits,
                                    int32_t n_vocab, moe_token *token);

/* Tells the sampler that a token is now part of the text.
 * token    in [0, n_vocab).
 * Returns  MOE_OK; MOE_ERR_ARGUMENT, also for one that the grammar forbids:
 *          then nothing has changed.
 * Threads  one caller at a time per sampler.
 * Since    0.1 */
MOE_API moe_status moe_sampler_accept(moe_sampler *sampler, moe_token token);

/* Forgets all accepted tokens; the chain and the seed stay.
 * sampler  may be NULL.
 * Threads  one caller at a time per sampler.
 * Since    0.1 */
MOE_API void moe_sampler_reset(moe_sampler *sampler);

/* Copies a sampler with its history.
 * Returns  MOE_OK; MOE_ERR_ARGUMENT; MOE_ERR_NO_MEMORY.
 * Owns     the caller owns *out: moe_sampler_destroy.
 * Threads  one caller at a time per sampler.
 * Since    0.1 */
MOE_API moe_status moe_sampler_clone(const moe_sampler *sampler,
                                     moe_sampler **out, moe_error *err);

/* The candidates that are left after the chain, likeliest first.
 * tokens, probs  [cap] or NULL.    n  receives the number of candidates.
 * Shapes   tokens int32 [n], probs float [n], summing to 1.
 * Returns  MOE_OK; MOE_ERR_ARGUMENT; MOE_ERR_BUFFER if n > cap (the first cap
 *          are written).
 * Threads  one caller at a time per sampler.
 * Since    0.1 */
MOE_API moe_status moe_sampler_candidates(moe_sampler *sampler,
                                          const float *logits, int32_t n_vocab,
                                          moe_token *tokens, float *probs,
                                          size_t cap, size_t *n);

/* -------------------------------------------------------------- grammars */

/* What a text must be.  A sampler that is bound to a grammar chooses only
 * tokens after which the text can still become one of the grammar's.
 * Immutable: any number of samplers, on any thread, may use one. */
typedef struct moe_grammar moe_grammar;

typedef int32_t moe_grammar_kind;
enum {
    MOE_GRAMMAR_SCHEMA = 1, /* a JSON schema: texts are the JSON values that it
                               allows (docs/structured-output.md) */
    MOE_GRAMMAR_REGEX = 2,  /* a regular expression that the whole text meets */
    MOE_GRAMMAR_GBNF = 3,   /* rules as llama.cpp's GBNF, from `root` */
    MOE_GRAMMAR_CHOICES = 4 /* a JSON array of strings: one of them */
};

/* Compiles a grammar for the vocabulary of a model.
 * model    held until the grammar ends.
 * text     [text_bytes] or NUL-terminated with -1; not kept.
 * Returns  MOE_OK; MOE_ERR_ARGUMENT (a mistake in the text, or what cannot be
 *          enforced, for nothing is ever ignored: line and column, or the JSON
 *          pointer and the keyword; no text matches); MOE_ERR_FORMAT (the text
 *          is no JSON); MOE_ERR_UNSUPPORTED (the model has no vocabulary);
 *          MOE_ERR_NO_MEMORY.
 * Owns     the caller owns *out: moe_grammar_destroy.
 * Threads  any.
 * Since    0.1 */
MOE_API moe_status moe_grammar_create(moe_model *model, moe_grammar_kind kind,
                                      const char *text, int64_t text_bytes,
                                      moe_grammar **out, moe_error *err);

/* Ends a grammar; samplers that are bound to it keep what they need.
 * grammar  may be NULL.
 * Owns     takes the handle.
 * Threads  any.
 * Since    0.1 */
MOE_API void moe_grammar_destroy(moe_grammar *grammar);

/* Binds a sampler to a grammar: the text begins with the next token that is
 * accepted, and again after moe_sampler_reset.  A token that ends generation
 * is allowed where the text may end.
 * grammar  NULL: to none.
 * Returns  MOE_OK; MOE_ERR_ARGUMENT (made for another vocabulary);
 *          MOE_ERR_NO_MEMORY.  On failure the sampler is as before.
 * Threads  one caller at a time per sampler.
 * Since    0.1 */
MOE_API moe_status moe_sampler_constrain(moe_sampler *sampler,
                                         moe_grammar *grammar, moe_error *err);

typedef int32_t moe_text_end;
enum {
    MOE_TEXT_OPEN = 0,    /* the text is not one of the grammar's yet */
    MOE_TEXT_MAY_END = 1, /* it is; it may go on.  Also without a grammar */
    MOE_TEXT_MUST_END = 2 /* it is, and nothing may follow */
};

/* Whether the text that a sampler has accepted may end.
 * Returns  MOE_TEXT_MAY_END also if sampler is NULL.
 * Threads  one caller at a time per sampler.
 * Since    0.1 */
MOE_API moe_text_end moe_sampler_text_end(const moe_sampler *sampler);

/* The tokens that must come next, as the tokenizer would write them: evaluate
 * them in one go, accept each, and sample from there.
 * tokens   [cap].    n  receives how many there are, often 0, at most cap.
 * Shapes   tokens int32 [n].
 * Returns  MOE_OK; MOE_ERR_ARGUMENT; MOE_ERR_NO_MEMORY.
 * Threads  one caller at a time per sampler.
 * Since    0.1 */
MOE_API moe_status moe_sampler_forced(moe_sampler *sampler, moe_token *tokens,
                                      size_t cap, size_t *n);

/* -------------------------------------------------------------- complete */

typedef struct moe_complete_params {
    size_t struct_size;
    const moe_allocator *allocator;
    const moe_context_params *context; /* NULL = defaults */
    const moe_sampler_params *sampler; /* NULL = greedy */
    moe_grammar *grammar;              /* what the text must be; NULL: any */
    const char *const *stops; /* [n_stops] the text ends before one of these; at
                                 most 1024 */
    size_t n_stops;
    int32_t max_tokens; /* 0: as many as the context holds */
    int32_t padding;
    /* Sees the text while it is written, whole characters [bytes]; other than 0
     * ends it.  NULL: none. */
    int32_t (*show)(void *user, const char *text, size_t bytes);
    void *user;
} moe_complete_params;

/* How a text goes on, in one call: a context and a sampler are made, used and
 * ended.  Keep a context of your own to go on from there, a chat to talk.
 * prompt   NUL-terminated.    params  NULL = defaults.
 * text     [cap] receives what follows, whole characters and a NUL; or NULL
 *          with cap 0.
 * Returns  MOE_OK: the text ended, by the model, a stop text or the grammar, or
 *          because text, max_tokens or the context were used up;
 *          MOE_ERR_BUFFER: with a grammar, for what was used up before the text
 *          was complete; MOE_ERR_CONTEXT_FULL: the prompt does not fit;
 *          MOE_ERR_CANCELLED by show; as moe_context_create.
 * Threads  any.
 * Since    0.1 */
MOE_API moe_status moe_complete(moe_model *model, const char *prompt,
                                const moe_complete_params *params, char *text,
                                size_t cap, moe_error *err);

/* ------------------------------------------------------------------ chat */

/* A conversation: messages in, one bounded step a call, events out.
 *
 *     moe_chat_say(chat, MOE_ROLE_USER, "Hello!", -1);
 *     while ((st = moe_chat_next(chat, &ev)) == MOE_OK &&
 *            ev.kind != MOE_EVENT_DONE)
 *         if (ev.kind == MOE_EVENT_TEXT)
 *             fwrite(ev.text, 1, ev.text_bytes, stdout);
 *
 * Only what changed since the last answer is evaluated.  Text of a message can
 * not become a control token.  After any error the chat is usable. */
typedef struct moe_chat moe_chat;

typedef int32_t moe_role;
enum {
    MOE_ROLE_SYSTEM = 1,
    MOE_ROLE_USER = 2,
    MOE_ROLE_ASSISTANT = 3,
    MOE_ROLE_TOOL = 4
};

/* What happens when a conversation does not fit into the context. */
typedef int32_t moe_overflow;
enum {
    MOE_OVERFLOW_ERROR = 0, /* MOE_ERR_CONTEXT_FULL: needed and available */
    MOE_OVERFLOW_DROP = 1   /* the oldest turns go, system messages stay; how
                               many messages: moe_chat_info */
};

/* What is done with a message that contains marks of the format that are plain
 * text, such as [INST] for Mixtral 8x7B: they cannot be told from the format's
 * own.  (Marks that are control tokens never come from a message.) */
typedef int32_t moe_injection;
enum {
    MOE_INJECTION_FLAG = 0,   /* taken, and counted in moe_chat_info */
    MOE_INJECTION_REJECT = 1, /* MOE_ERR_ARGUMENT */
    MOE_INJECTION_ALLOW = 2   /* taken */
};

typedef struct moe_chat_params {
    size_t struct_size;
    const moe_allocator *allocator;    /* also of context and sampler */
    const moe_context_params *context; /* NULL = defaults */
    const moe_sampler_params *sampler; /* NULL = greedy */
    const char *system;                /* first message; NULL: none */
    /* "mistral-v3", "chatml", "template" ... (docs/chat.md); NULL: the format
     * that the file's template is, else that template itself. */
    const char *format;
    const char *chat_template; /* Jinja, in place of the file's; NULL: none */
    const char *date;          /* "2026-11-23" for templates that ask */
    const char *const
        *stops; /* [n_stops] an answer ends before one of these; at most 1024 */
    size_t n_stops;
    int32_t max_tokens; /* of an answer; 0: no limit but the context */
    moe_overflow overflow;
    moe_injection injection;
    int32_t padding;
} moe_chat_params;

typedef int32_t moe_event_kind;
enum {
    MOE_EVENT_PROMPT = 1,    /* n_done of n_total prompt tokens are read */
    MOE_EVENT_TEXT = 2,      /* text of the answer, whole characters */
    MOE_EVENT_REASONING = 3, /* what the model thinks before it answers */
    MOE_EVENT_DONE = 4,      /* the answer is over and part of the history;
                                one without a word only if the format has a
                                place for it */
    MOE_EVENT_CALL = 5,      /* the model calls a tool: its name is known */
    MOE_EVENT_ARGUMENTS = 6, /* text: the next bytes of the call's JSON */
    MOE_EVENT_CALL_END = 7,  /* the call is complete; text: all its JSON, here
                                with a NUL behind it */
    MOE_EVENT_MALFORMED = 8  /* no valid call; text: all that was written */
};

typedef int32_t moe_done;
enum {
    MOE_DONE_STOP = 1,      /* the model ended it, or a stop text was met */
    MOE_DONE_LENGTH = 2,    /* max_tokens, or the context is full */
    MOE_DONE_CANCELLED = 3, /* what was said until then is kept */
    MOE_DONE_CALLS = 4      /* the model waits for the results of its calls:
                               moe_chat_result, moe_chat_next */
};

typedef struct moe_event {
    size_t struct_size;
    moe_event_kind kind;
    moe_done reason;  /* of DONE */
    const char *text; /* of all but PROMPT, CALL and DONE, not NUL-terminated;
                         lent until the next call on the chat */
    size_t text_bytes;
    int32_t n_done;   /* prompt tokens read, those that were known included */
    int32_t n_total;  /* prompt tokens */
    int32_t n_reused; /* of them known from before: not evaluated again */
    int32_t n_answer; /* tokens of the answer so far */
    const char *call_name; /* of CALL, ARGUMENTS, CALL_END: the tool; lent */
    const char *call_id;   /* of CALL_END, for moe_chat_result; lent */
    int32_t call_index;    /* of the calls of this answer, from 0 */
    int32_t padding;
} moe_event;

/* Creates a conversation with a context and a sampler of its own.
 * model    held, as by moe_context_create.    params  NULL = defaults.
 * Returns  MOE_OK; MOE_ERR_NOT_FOUND (no such format); MOE_ERR_UNSUPPORTED (no
 *          chat template and no format was named, or the template uses what
 *          libmoe does not run: line and column); MOE_ERR_FORMAT (a mistake
 *          in the template); as moe_context_create.
 * Owns     the caller owns *out: moe_chat_destroy.
 * Threads  any.
 * Since    0.1 */
MOE_API moe_status moe_chat_create(moe_model *model,
                                   const moe_chat_params *params,
                                   moe_chat **out, moe_error *err);

/* Ends a conversation.
 * chat     may be NULL.
 * Owns     takes the handle.
 * Threads  one.
 * Since    0.1 */
MOE_API void moe_chat_destroy(moe_chat *chat);

/* Appends a message.
 * text     [text_bytes] or NUL-terminated with -1; copied.
 * Returns  MOE_OK; MOE_ERR_ARGUMENT (no such role, or marks that
 *          MOE_INJECTION_REJECT refuses); MOE_ERR_STATE (an answer is being
 *          written: ask for its end or cancel it); MOE_ERR_NO_MEMORY;
 *          MOE_ERR_BUSY.
 * Threads  one caller at a time per chat.
 * Since    0.1 */
MOE_API moe_status moe_chat_say(moe_chat *chat, moe_role role, const char *text,
                                int64_t text_bytes);

/* One bounded step towards the answer to the last message: reads a piece of the
 * prompt, or generates until there is text to show.  Returns with a DONE event
 * when the answer is complete.
 *
 * event    filled up to event->struct_size.
 * Returns  MOE_OK with an event; MOE_ERR_STATE (nothing to answer);
 *          MOE_ERR_CONTEXT_FULL; MOE_ERR_ARGUMENT and MOE_ERR_UNSUPPORTED (the
 *          format refuses the conversation: the sentence has the message's
 *          index; the model is a vocabulary only);
 *          MOE_ERR_NO_MEMORY; MOE_ERR_BUSY.
 * Threads  one caller at a time per chat.
 * Since    0.1 */
MOE_API moe_status moe_chat_next(moe_chat *chat, moe_event *event);

/* Ends the answer that is being written, within 50 ms: the call that is inside,
 * or else the next one, returns DONE with MOE_DONE_CANCELLED.
 * chat     may be NULL.
 * Threads  any, at any time between create and destroy; also from a signal
 *          handler.
 * Since    0.1 */
MOE_API void moe_chat_cancel(moe_chat *chat);

/* Keeps the first n messages and forgets the others; an answer that is being
 * written is dropped.  To edit a message, rewind to it and say it again.
 * n        0 .. n_messages.
 * Returns  MOE_OK; MOE_ERR_ARGUMENT; MOE_ERR_BUSY.
 * Threads  one caller at a time per chat.
 * Since    0.1 */
MOE_API moe_status moe_chat_rewind(moe_chat *chat, int32_t n);

/* A call of a tool that a model made. */
typedef struct moe_call {
    const char *id;        /* NULL or "": none */
    const char *name;      /* of the tool */
    const char *arguments; /* a JSON object */
} moe_call;

typedef struct moe_message {
    size_t struct_size;
    moe_role role;
    int32_t n_calls;
    const char *text; /* what a chat hands out is lent until the next call */
    size_t text_bytes;
    const char *reasoning; /* of ASSISTANT */
    size_t reasoning_bytes;
    const moe_call *calls; /* [n_calls] of ASSISTANT */
    const char *name;      /* of TOOL: what was called; NULL or "": not known */
    const char *call_id;   /* of TOOL: of the call; NULL or "": none */
} moe_message;

/* Appends a message with all that belongs to it.
 * message  copied.
 * Returns  as moe_chat_say; MOE_ERR_ARGUMENT also for calls that are not the
 *          assistant's or whose arguments are no JSON object;
 *          MOE_ERR_PARAMS_TOO_NEW.
 * Threads  one caller at a time per chat.
 * Since    0.1 */
MOE_API moe_status moe_chat_add(moe_chat *chat, const moe_message *message);

/* Appends what a tool returned: any time after MOE_EVENT_CALL_END.  What comes
 * while the answer is still written is kept for its end.
 * call_id  of MOE_EVENT_CALL_END; or NULL: of the first call that has no result
 *          yet.    text  [text_bytes] or NUL-terminated with -1; copied.
 * Returns  as moe_chat_say; MOE_ERR_NOT_FOUND (no such call waits).
 * Threads  one caller at a time per chat.
 * Since    0.1 */
MOE_API moe_status moe_chat_result(moe_chat *chat, const char *call_id,
                                   const char *text, int64_t text_bytes);

/* Declares the tools that the model may call, in place of those before.  Where
 * the format has no form for tools, a system message describes them:
 * moe_chat_info.has_emulated_tools.
 *
 * tools    JSON, as OpenAI's: [{"type": "function", "function": {"name",
 *          "description", "parameters": a JSON schema}}]; [tools_bytes] or
 *          NUL-terminated with -1; copied.  NULL: none.
 * choice   NULL or "auto": the model decides; a call that it begins is one of
 *          these tools with arguments of its schema.  "none": it is not told of
 *          any.  "required": it must call one; a tool's name: it must call that
 *          one.
 * Returns  MOE_OK; MOE_ERR_FORMAT (no JSON: line and column); MOE_ERR_ARGUMENT
 *          (where in the JSON, and why; no such tool; for a call that is
 *          required also a schema that cannot be enforced: its pointer and
 *          keyword); MOE_ERR_STATE (an answer is being written);
 *          MOE_ERR_NO_MEMORY; MOE_ERR_BUSY.
 * Threads  one caller at a time per chat.
 * Since    0.1 */
MOE_API moe_status moe_chat_tools(moe_chat *chat, const char *tools,
                                  int64_t tools_bytes, const char *choice);

/* Appends messages from JSON, as OpenAI's: [{"role", "content", ...}].  All or
 * none.
 * json     [json_bytes] or NUL-terminated with -1.
 * Returns  as moe_chat_add; MOE_ERR_FORMAT (no JSON: line and column);
 *          MOE_ERR_ARGUMENT (which message and member, and why).
 * Threads  one caller at a time per chat.
 * Since    0.1 */
MOE_API moe_status moe_chat_load(moe_chat *chat, const char *json,
                                 int64_t json_bytes);

/* All messages as such JSON.
 * json     [cap] or NULL with cap 0; not NUL-terminated.    n  its bytes.
 * Returns  MOE_OK; MOE_ERR_BUFFER; MOE_ERR_NO_MEMORY; MOE_ERR_BUSY.
 * Threads  one caller at a time per chat.
 * Since    0.1 */
MOE_API moe_status moe_chat_save(moe_chat *chat, char *json, size_t cap,
                                 size_t *n);

/* A message of the conversation.
 * index    0 .. n_messages - 1.
 * Returns  MOE_OK; MOE_ERR_ARGUMENT.
 * Threads  one caller at a time per chat.
 * Since    0.1 */
MOE_API moe_status moe_chat_message(moe_chat *chat, int32_t index,
                                    moe_message *message);

typedef struct moe_chat_info {
    size_t struct_size;
    const char *format; /* the one in use; lent until moe_chat_destroy */
    const char *reason; /* why, a sentence */
    int32_t n_messages;
    int32_t n_dropped; /* messages that MOE_OVERFLOW_DROP removed so far */
    int32_t n_ctx;
    int32_t n_used;     /* positions of the context that are in use */
    int32_t n_marks;    /* plain-text marks of the format in messages so far */
    int32_t n_controls; /* names of control tokens in messages: harmless */
    int32_t n_tools;
    int32_t has_emulated_tools; /* the model was not trained on their form */
    int32_t n_loose_tools; /* whose schema cannot be enforced: their arguments
                              are any JSON object */
    int32_t padding;
} moe_chat_info;

/* What a chat is and where it stands.
 * Returns  MOE_OK; MOE_ERR_ARGUMENT.
 * Threads  one caller at a time per chat.
 * Since    0.1 */
MOE_API moe_status moe_chat_describe(const moe_chat *chat, moe_chat_info *info);

/* The ids that the next answer would start from.
 * ids      [cap] or NULL with cap 0.    n  receives the number of ids.
 * Shapes   ids int32 [n].
 * Returns  MOE_OK; MOE_ERR_BUFFER; as moe_chat_next.
 * Threads  one caller at a time per chat.
 * Since    0.1 */
MOE_API moe_status moe_chat_render(moe_chat *chat, moe_token *ids, size_t cap,
                                   size_t *n);

/* The ids that the context holds: the last prompt, then its answer without the
 * token that ended it.
 * ids      [cap] or NULL with cap 0.    n  receives the number of ids.
 * Shapes   ids int32 [n].
 * Returns  MOE_OK; MOE_ERR_BUFFER; MOE_ERR_ARGUMENT; MOE_ERR_BUSY.
 * Threads  one caller at a time per chat.
 * Since    0.1 */
MOE_API moe_status moe_chat_tokens(moe_chat *chat, moe_token *ids, size_t cap,
                                   size_t *n);

/* A piece of the prompt: its text, and who wrote it. */
typedef struct moe_part {
    size_t struct_size;
    const char *text; /* not NUL-terminated; lent until a call on the chat that
                         is not for a part */
    size_t text_bytes;
    int32_t is_template; /* 0: from a message, no control token whatever it
                            looks like */
    int32_t padding;
} moe_part;

/* The prompt in pieces, which are its text one after the other.
 * index    from 0, which makes the prompt anew.
 * Returns  MOE_OK; MOE_ERR_NOT_FOUND after the last; as moe_chat_render.
 * Threads  one caller at a time per chat.
 * Since    0.1 */
MOE_API moe_status moe_chat_part(moe_chat *chat, int32_t index, moe_part *part);

/* Binds the answers from the next one on to a grammar.  Reasoning that the
 * format begins is free.  A call that moe_chat_tools requires comes before it;
 * an answer of a grammar calls nothing.
 * grammar  held; NULL: none.
 * Returns  MOE_OK; MOE_ERR_ARGUMENT (made for another vocabulary);
 *          MOE_ERR_UNSUPPORTED (the model is a vocabulary only);
 *          MOE_ERR_STATE (an answer is being written); MOE_ERR_BUSY.
 * Threads  one caller at a time per chat.
 * Since    0.1 */
MOE_API moe_status moe_chat_constrain(moe_chat *chat, moe_grammar *grammar);

/* Copies a chat with all that its context has read: both go on from here, each
 * its own way.  Nothing is evaluated again.
 * Returns  MOE_OK; MOE_ERR_STATE (an answer is being written); as
 *          moe_context_fork.
 * Owns     the caller owns *out: moe_chat_destroy.
 * Threads  one caller at a time per chat.
 * Since    0.1 */
MOE_API moe_status moe_chat_fork(moe_chat *chat, moe_chat **out,
                                 moe_error *err);

/* The sampler of a chat, to add stages to.
 * Returns  the sampler; NULL if chat is NULL.
 * Owns     lends until moe_chat_destroy.
 * Threads  one caller at a time per chat.
 * Since    0.1 */
MOE_API moe_sampler *moe_chat_sampler(moe_chat *chat);

/* The sentence of the last call on this chat that failed, or "".
 * Returns  a NUL-terminated text.
 * Owns     lends until the next call on the chat.
 * Threads  one caller at a time per chat.
 * Since    0.1 */
MOE_API const char *moe_chat_error(const moe_chat *chat);

typedef struct moe_logprob {
    moe_token token;
    float logprob; /* natural logarithm; -INFINITY: probability 0 */
} moe_logprob;

/* Log-probabilities as the model has them: of the softmax of all logits, before
 * any stage.
 * chosen   chosen->token is asked for; or NULL.
 * top      [n_top] receives the likeliest tokens, in order, MOE_TOKEN_NONE
 * where only NaN is left; n_top <= n_vocab. Shapes   logits float [n_vocab].
 * Returns  MOE_OK; MOE_ERR_ARGUMENT.
 * Threads  one caller at a time per sampler.
 * Since    0.1 */
MOE_API moe_status moe_sampler_logprobs(moe_sampler *sampler,
                                        const float *logits, int32_t n_vocab,
                                        moe_logprob *chosen, moe_logprob *top,
                                        int32_t n_top);

/* ---------------------------------------------------------- set by name */

typedef int32_t moe_params_kind;
enum { MOE_PARAMS_MODEL = 1, MOE_PARAMS_CONTEXT = 2, MOE_PARAMS_SAMPLER = 3 };

/* Sets one field of a params structure from text, for dynamic languages.
 * kind     which structure `params` is; its struct_size must be set.
 * name     the field's name, such as "n_ctx"; pointers cannot be set.
 * value    "4096", "0.7", or an enum's case such as "q8_0", "avx2".
 * Returns  MOE_OK; MOE_ERR_NOT_FOUND (no such field); MOE_ERR_ARGUMENT (not a
 *          value for it; the message states the bounds).
 * Threads  any.
 * Since    0.1 */
MOE_API moe_status moe_params_set(moe_params_kind kind, void *params,
                                  const char *name, const char *value,
                                  moe_error *err);

#ifdef __cplusplus
}
#endif
#endif
