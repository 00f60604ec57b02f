#include "library.h"

#include <dlfcn.h>
#include <string.h>

/* Looks all functions up; `set`: and sets the pointers. */
static int find_functions(const struct library *library, void *handle, bool set, struct err *e)
{
    for (size_t i = 0; i < library->count; i++) {
        const struct library_function *function = &library->functions[i];
        void *found = dlsym(handle, function->name);
        if (found == NULL)
            return err_set(e, ERR_SYSTEM, "%s has no %s; install a newer one", library->file,
                           function->name);
        /* ISO C has no conversion between pointers to data and to functions; POSIX has their size
         * the same. */
        if (set)
            memcpy((char *)library->pointers + function->offset, &found, sizeof(found));
    }
    return 0;
}

int library_load(struct library *library, struct err *e)
{
    if (library->is_loaded)
        return 0;
    void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        const char *why = dlerror();
        return err_set(e, ERR_SYSTEM,
                       "cannot load a library: %s; install the package that it is of",
                       why == NULL ? library->file : why);
    }
    if (find_functions(library, handle, false, e) != 0 ||
        find_functions(library, handle, true, e) != 0) {
        dlclose(handle);
        return -1;
    }
    library->is_loaded = true;
    return 0;
}
