/*
 * The half of sandbox.h that each system does in its own way: sandbox_linux.c, sandbox_freebsd.c.
 * For sandbox.c only.
 */
#ifndef BACKUPD_OS_SANDBOX_SYSTEM_H
#define BACKUPD_OS_SANDBOX_SYSTEM_H

#include "err.h"

/* Gives up every privilege and every system call that sandbox.h does not promise. */
int sandbox_confine(struct err *e);

#endif
