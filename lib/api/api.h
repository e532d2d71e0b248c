/* api.h: what the files behind the public header share: the handles, and the
 * rules for structures that cross the border. */
#ifndef MOE_API_API_H
#define MOE_API_API_H

#include "arch/arch.h"
#include "base/alloc.h"
#include "chat/stream.h"
#include "format/gguf.h"
#include "run/run.h"
#include "sample/grammar.h"
#include "sample/sample.h"
#include "token/token.h"

struct moe_model {
    _Atomic int32_t n_holders; /* the caller and every context */
    struct moe__mem mem;
    struct moe__arena arena; /* net and vocabulary */
    struct moe__gguf gguf;
    struct moe__net net;
    bool has_net;             /* false: vocabulary only */
    struct moe__vocab *vocab; /* NULL: the file has none */
    const char *family;       /* general.architecture, or "" */
    const char *name;         /* general.name, or "" */
    moe_load load;
    _Atomic(struct moe__lexicon *) lexicon; /* NULL before the first grammar */
};

/* A model's tokens as bytes, for grammars. */
struct moe__lexicon {
    struct moe__mem mem;
    struct moe__arena arena;
    const struct moe__slice *pieces; /* [n_vocab] empty: no text */
    uint64_t *ends; /* [(n_vocab + 63) / 64] bits of tokens that end a text */
    struct moe__trie *trie;
    int32_t n_vocab;
};

struct moe_grammar {
    _Atomic int32_t n_holders; /* the caller and every bound sampler */
    struct moe__mem mem;
    moe_model *model; /* held */
    const struct moe__lexicon *lexicon;
    struct moe__grammar *rules;
};

struct moe_context {
    struct moe__mem mem;
    moe_model *model;          /* held */
    moe_context_params params; /* for forks; its pointers lead into this */
    moe_thread_hooks hooks;
    struct moe__engine engine;
    struct moe__err err; /* of the last call that failed */
    struct moe__ids ids; /* scratch of moe_context_prompt */
    _Atomic int32_t is_busy;
    _Atomic int32_t stop; /* a cancel that no call has consumed yet */
    int32_t pos;
    int32_t high;     /* the last position that was ever written since 0 */
    int32_t n_logits; /* rows that are valid */
    uint64_t n_steps;
    uint64_t n_tokens;
    uint64_t eval_ns;
};

struct moe_sampler {
    struct moe__mem mem;
    struct moe__chain *chain;
    struct moe__binding *binding; /* to a grammar, or NULL */
};

/* Copies a params structure of the caller, of any version, over defaults of
 * zero, and checks every field against the table of its kind.  src NULL =
 * defaults. */
moe_status moe__params_copy(moe_params_kind kind, void *dst, const void *src,
                            struct moe__err *err);
/* Copies a plain versioned structure without a table (hooks, sources). */
moe_status moe__struct_copy(void *dst, size_t dst_bytes, const void *src,
                            const char *name, struct moe__err *err);
/* Fills the caller's info structure as far as it goes; both start with
 * struct_size. */
moe_status moe__info_fill(void *dst, const void *src, size_t src_bytes);

/* Hands an internal error out; returns its status. */
moe_status moe__error_out(moe_error *out, const struct moe__err *err,
                          moe_status status);

/* One line for the host's log; fn may be NULL. */
void moe__host_log(moe_log_fn fn, void *user, moe_log_level level,
                   const char *text);

/* moe_text_encode into a list. */
moe_status moe__text_encode(const moe_model *model, const char *text,
                            int64_t text_bytes, moe_text_flags flags,
                            struct moe__ids *ids, struct moe__err *err);

void moe__model_hold(moe_model *model);
void moe__lexicon_destroy(struct moe__lexicon *lexicon); /* may be NULL */
/* Fills model->vocab if the source is a tokenizer's own file, and leaves it
 * NULL if it is anything else.  Does not close the source. */
moe_status moe__model_read_vocab(moe_model *model, const moe_source *source,
                                 struct moe__err *err);
/* Shapes are known, weights stay NULL: for plans.  params are checked. */
moe_status moe__model_open_header(const char *path,
                                  const moe_model_params *params,
                                  moe_model **out, struct moe__err *err);
/* params->dry_breakers as a list of sequences, each ended by MOE_TOKEN_NONE.
 * With ids below n_vocab. */
moe_status moe__breakers_encode(const moe_sampler_params *params,
                                int32_t n_vocab, struct moe__ids *out,
                                struct moe__err *err);

/* What a context with these params would be: defaults become values. */
moe_status moe__context_settle(const moe_model *model,
                               const moe_context_params *params,
                               struct moe__run_params *out,
                               struct moe__err *err);

/* One caller at a time: MOE_ERR_BUSY, or the context is entered. */
moe_status moe__context_enter(moe_context *ctx);
/* Returns status. */
moe_status moe__context_leave(moe_context *ctx, moe_status status);
/* Ids are in the vocabulary and n tokens fit. */
moe_status moe__context_check(moe_context *ctx, const moe_token *tokens,
                              int32_t n);
/* One step of at most n_batch tokens; of the last n_wanted the results are
 * wanted (run/run.h), with MOE_LOGITS_ALL those are the rows of logits. */
moe_status moe__context_step(moe_context *ctx, const moe_token *tokens,
                             int32_t n, int32_t n_wanted);

void moe__grammar_hold(moe_grammar *grammar); /* may be NULL */
/* A grammar whose rules are yet to be compiled, with its `mem`. */
moe_status moe__grammar_open(moe_model *model, moe_grammar **out,
                             struct moe__err *err);

/* A sampler's place in the text of a grammar. */
struct moe__binding;

moe_status moe__binding_create(struct moe__mem *mem, moe_grammar *grammar,
                               struct moe__binding **out, struct moe__err *err);
moe_status moe__binding_clone(struct moe__mem *mem,
                              const struct moe__binding *binding,
                              struct moe__binding **out, struct moe__err *err);
void moe__binding_destroy(struct moe__binding *binding); /* may be NULL */
/* Back to the start of the text. */
void moe__binding_reset(struct moe__binding *binding);
/* As reset; what is accepted while it is paused is no part of the text. */
void moe__binding_pause(struct moe__binding *binding, bool is_paused);
/* The text begins with these bytes, which no token of its own has. */
moe_status moe__binding_begin(struct moe__binding *binding,
                              struct moe__slice bytes);
/* mask [(n_vocab + 63) / 64] of the tokens that may follow, lent until the next
 * call; NULL: all.  Failures as moe_sampler_pick. */
moe_status moe__binding_mask(struct moe__binding *binding,
                             const uint64_t **mask);
moe_status moe__binding_accept(struct moe__binding *binding, moe_token token);
moe_text_end moe__binding_end(const struct moe__binding *binding);
/* Appends the tokens that must come next. */
moe_status moe__binding_forced(struct moe__binding *binding,
                               struct moe__ids *ids);

/* Pauses or goes on with the grammar's text, from its start. */
void moe__sampler_pause(moe_sampler *sampler, bool is_paused);

/* Goes on, with these bytes as the text's beginning; if the grammar forbids
 * them, the sampler stays paused. */
moe_status moe__sampler_begin(moe_sampler *sampler, struct moe__slice bytes);

/* A context and a sampler that write a text together. */
struct moe__writer {
    moe_context *ctx;
    moe_sampler *sampler;
    struct moe__ids ids; /* what the last step wrote */
    bool is_end; /* the sampler picked a token that ends: it is not in ids */
};

/* `w` is empty but for ids, and to be closed also after a failure.  The
 * allocator is for params without one. */
moe_status moe__writer_open(moe_model *model, const moe_allocator *allocator,
                            const moe_context_params *context_params,
                            const moe_sampler_params *sampler_params,
                            struct moe__writer *w, struct moe__err *err);
void moe__writer_close(struct moe__writer *w);
/* Writes what must come next, or else one token that the sampler picks: at most
 * `most` >= 1 tokens, evaluated and accepted.  Failures as
 * moe_context_generate, told by moe_context_error. */
moe_status moe__writer_next(struct moe__writer *w, int32_t most);

/* A stream that ends before one of the stop texts [n_stops] of a host; other
 * fields of `params` are taken as they are. */
moe_status moe__stream_open(struct moe__mem *mem, const char *const *stops,
                            size_t n_stops,
                            const struct moe__stream_params *params,
                            struct moe__stream **out, struct moe__err *err);

#endif
