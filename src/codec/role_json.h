/*
 * What the engine and the web role say to each other besides events: one JSON object a line.
 *
 *   web role to engine: {"command":"snapshot","id":7,"type":"daily"}, {"command":"sync","id":8}
 *   engine to web role: {"answer":7,"status":200,"text":"tank/data@daily-…"}, {"ready":true}
 */
#ifndef BACKUPD_CODEC_ROLE_JSON_H
#define BACKUPD_CODEC_ROLE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "names.h"
#include "str.h"

/* The hidden first argument that makes the program the web role: ROLE USER FOLDER SOCKETS. */
#define ROLE_WEB "web-role"

/* The longest line from the web role. */
#define ROLE_COMMAND_MAX 1024

enum role_command_kind { ROLE_SNAPSHOT, ROLE_SYNC };

struct role_command {
    enum role_command_kind kind;
    uint64_t id;
    char type[NAME_LEN_MAX + 1]; /* of a snapshot; it is a legal name */
};

/* Appends one line. */
void role_command_encode(const struct role_command *command, struct str *out);
void role_answer_encode(uint64_t id, unsigned status, const char *text, struct str *out);
void role_ready_encode(struct str *out);

/* Reads a command. Fails with ERR_PROTOCOL, also at a type that is no legal name. */
int role_command_decode(const char *line, size_t len, struct role_command *ret, struct err *e);

struct role_answer {
    bool is_ready; /* not an answer, but the end of what was before */
    uint64_t id;
    unsigned status; /* 100 to 599 */
    char text[ERR_MSG_MAX];
};

/* Whether a line is an answer and no event. */
bool role_is_answer(const char *line);

/* Reads an answer. Fails with ERR_PROTOCOL. */
int role_answer_decode(const char *line, size_t len, struct role_answer *ret, struct err *e);

#endif
