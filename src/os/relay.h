/*
 * A child between two others, which carries the bytes from one pipe to the next no faster than a
 * limiter allows. It is a fork, because the limiter's memory would not outlive an exec, and it does
 * nothing else; where the kernel can move the bytes by itself, they do not pass through it.
 */
#ifndef BACKUPD_OS_RELAY_H
#define BACKUPD_OS_RELAY_H

#include <stdint.h>

#include "err.h"
#include "limiter.h"
#include "loop.h"

struct relay;

/*
 * Starts one that reads `in_fd` and writes `out_fd`, until either of them is at its end. Both stay
 * the caller's, who closes them. `limiter` and `loop` must outlive it. NULL and `e` where it cannot
 * be started.
 */
struct relay *relay_start(struct loop *loop, struct limiter *limiter, int in_fd, int out_fd,
                          struct err *e);

/* How many bytes it carried so far. */
uint64_t relay_bytes(const struct relay *relay);

/* Ends it where it still runs, waits for that, and frees it. NULL is fine. */
void relay_free(struct relay *relay);

#endif
