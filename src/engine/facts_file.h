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

/*
 * The same bit by bit, for whoever has others to answer. Until the writer is freed, `facts` must be
 * there and stay as they are. facts_writer_some writes `portion` records and returns FACTS_MORE
 * until the file is in its place: 0. Either fails with ERR_SYSTEM, naming the file. Freed before
 * its end, the writer leaves the old file; NULL is fine.
 */
#define FACTS_MORE 1
struct facts_writer *facts_writer_new(const char *path, const struct facts *facts, struct err *e);
int facts_writer_some(struct facts_writer *writer, size_t portion, struct err *e);
void facts_writer_free(struct facts_writer *writer);

#endif
