/* Which keys the file may have, and what each of them may say. */
#ifndef BACKUPD_CONFIG_SCHEMA_H
#define BACKUPD_CONFIG_SCHEMA_H

#include "config.h"
#include "mistakes.h"
#include "toml_reader.h"

/*
 * Reads `doc` into `config`, which holds the defaults, and adds every mistake to `mistakes`. Where
 * there is any, `config` is of no use, but can be released.
 */
void schema_read(const struct toml_doc *doc, struct config *config, struct mistakes *mistakes);

#endif
