/*
 * What is known of snapshots by guid, kept for the next start: a cache in the runtime folder, and
 * nothing more. Where it is absent, of another version, cut or garbled, the first cycle lists
 * everything at length, as it would without it.
 */
#ifndef BACKUPD_ENGINE_FACTS_FILE_H
#define BACKUPD_ENGINE_FACTS_FILE_H

#include "err.h"
#include "facts.h"

/* Adds what the file holds. False, and nothing added, where it is not there or not to be believed:
 * it must be ours, and its check sum right. */
bool facts_file_read(const char *path, struct facts *facts);

/* Replaces the file, at once: whoever reads it finds the old one or the new. */
int facts_file_write(const char *path, const struct facts *facts, struct err *e);

#endif
