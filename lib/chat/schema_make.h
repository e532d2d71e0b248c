/* schema_make.h: making schemas. */
#ifndef MOE_CHAT_SCHEMA_MAKE_H
#define MOE_CHAT_SCHEMA_MAKE_H

#include "chat/schema.h"

/* What is made for one keyword.  Makers note that there was no memory;
 * moe__schema_made_keep tells. */
struct moe__schema_maker {
    struct moe__schema *schema;
    const struct moe__json *node; /* to which it belongs */
    const char *keyword;
    struct moe__json *ways; /* [n] */
    int32_t n;
    int32_t cap;
    bool has_failed;
};

struct moe__json moe__schema_make_count(int64_t n);
struct moe__json moe__schema_make_name(const char *name);
/* items [n] are copied. */
struct moe__json moe__schema_make_list(struct moe__schema_maker *maker,
                                       int32_t n,
                                       const struct moe__json *items);
/* keys [n], items [n] are copied; the origin is remembered. */
struct moe__json moe__schema_make_object(struct moe__schema_maker *maker,
                                         int32_t n,
                                         const struct moe__slice *keys,
                                         const struct moe__json *items);
/* {keyword: value} */
struct moe__json moe__schema_make_member(struct moe__schema_maker *maker,
                                         const char *keyword,
                                         struct moe__json value);
/* {"type": type, keyword: value} */
struct moe__json moe__schema_make_typed(struct moe__schema_maker *maker,
                                        const char *type, const char *keyword,
                                        struct moe__json value);
/* "allOf" or "anyOf" of two. */
struct moe__json moe__schema_make_two(struct moe__schema_maker *maker,
                                      const char *keyword,
                                      struct moe__json first,
                                      struct moe__json second);
struct moe__json moe__schema_make_not(struct moe__schema_maker *maker,
                                      const struct moe__json *node);
/* {"properties": {key: value}} */
struct moe__json moe__schema_make_property(struct moe__schema_maker *maker,
                                           struct moe__slice key,
                                           struct moe__json value);
/* An object that has this member. */
struct moe__json moe__schema_make_required(struct moe__schema_maker *maker,
                                           struct moe__slice key);
/* Adds to maker->ways. */
void moe__schema_make_way(struct moe__schema_maker *maker,
                          struct moe__json way);

/* What was made for this keyword of the schema with these items, or NULL. */
const struct moe__json *moe__schema_made_find(struct moe__schema *schema,
                                              const struct moe__json *place,
                                              const char *keyword);
/* Keeps it for maker->keyword. */
moe_status moe__schema_made_keep(const struct moe__schema_maker *maker,
                                 const struct moe__json *place,
                                 struct moe__json value,
                                 const struct moe__json **out);

#endif
