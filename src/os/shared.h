/* Memory that all processes have in common that were forked after it was made. */
#ifndef BACKUPD_OS_SHARED_H
#define BACKUPD_OS_SHARED_H

#include <stddef.h>

/* `size` zeroed bytes. Ends the process where there is no memory, as mem.h does. */
void *shared_new(size_t size);

/* For this process alone: the others keep theirs. NULL is fine. */
void shared_free(void *memory, size_t size);

#endif
