/* registry.c: finds a family by name. */
#include "arch/families.h"

#define FAMILY_ADDRESS(name) &moe__family_##name,
#define FAMILY_NAME(name) " " #name

static const struct moe__family *const families[] = {
    MOE__FAMILIES(FAMILY_ADDRESS)};

const struct moe__family *moe__family_find(struct moe__slice name)
{
    for (size_t i = 0; i < MOE__COUNT(families); i++)
        if (moe__slice_is(name, families[i]->name))
            return families[i];
    return NULL;
}

const char *moe__family_names(void)
{
    return &(MOE__FAMILIES(FAMILY_NAME))[1]; /* without the first space */
}
