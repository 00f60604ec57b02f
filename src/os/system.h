/*
 * What only the operating system's own calls can do. One file for each system implements this
 * (system_linux.c, system_freebsd.c); Meson picks it, so that no #ifdef of a system is needed.
 * For src/os only. Functions that can fail return 0, or -1 and errno.
 */
#ifndef BACKUPD_OS_SYSTEM_H
#define BACKUPD_OS_SYSTEM_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Has the kernel send `signo` (0: none) to this process when its parent ends. Linux forgets it
 * when the process changes its user. The parent may be gone already: compare getppid() afterwards.
 */
int system_set_death_signal(int signo);

/* The signal that system_set_death_signal asked for, or 0. */
int system_get_death_signal(int *ret_signo);

/* Closes every descriptor from `first` on. */
void system_close_from(int first);

/* The folder for root's locks and sockets. */
const char *system_runtime_dir(void);

/* A path to our own executable that exec takes, also after the file was replaced. */
int system_self_path(char *ret, size_t size);

/* Gives the pipe `fd` room for a mebibyte, or as much as the kernel allows; where it does not know
 * how, the pipe stays as it is. */
void system_enlarge_pipe(int fd);

/*
 * Moves up to `max` bytes from one pipe to another, waiting for some to come and for room. Returns
 * how many there were, 0 at the end of `from`, or -1 and errno (EPIPE where nobody reads `to`).
 */
ssize_t system_move(int from, int to, size_t max);

/* Fills `size` bytes from the kernel's random generator. */
int system_random(void *ret, size_t size);

/* Gives freed memory back to the system, as far as the C library keeps it and can. */
void system_trim_memory(void);

#endif
