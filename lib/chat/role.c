/* role.c: what the roles of a conversation are called. */
#include "chat/chat.h"

const char *moe__role_name(enum moe__role role)
{
    static const char *const names[MOE__N_ROLES] = {"system", "user",
                                                    "assistant", "tool"};
    return names[role];
}
