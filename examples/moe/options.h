/* options.h: the kinds of options, for the table and its parser. */
#ifndef MOE_CLI_OPTIONS_H
#define MOE_CLI_OPTIONS_H

#include "cli.h"

enum option_kind {
    OPTION_SWITCH,  /* bool */
    OPTION_TEXT,    /* const char * */
    OPTION_LIST,    /* struct text_list */
    OPTION_COUNT,   /* int32_t, 0 or more */
    OPTION_BYTES,   /* uint64_t with a unit */
    OPTION_CONTEXT, /* a field of moe_context_params */
    OPTION_SAMPLER  /* a field of moe_sampler_params */
};

#endif
