/*
 * classify-words: copies the records of conformance.sh from standard input to standard output, and
 * adds to the exit status of whatever failed the class that backupd gives to that status and those
 * words: "exit 1" becomes "exit 1 held".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "classify.h"
#include "str.h"

#define LINE_SIZE 65536

/* What is known of one program of a record. */
struct part {
    bool open;
    char role[16]; /* "", "send " or "receive " */
    int status;
    struct str err;  /* its words */
    struct str rest; /* its lines as they came, behind that of the exit status */
};

static void part_end(struct part *part)
{
    struct err e;
    if (!part->open)
        return;
    printf("%sexit %d", part->role, part->status);
    if (part->status != 0) {
        classify_failure(false, "", part->status, 0, part->err.s, &e);
        printf(" %s", err_code_name(e.code));
    }
    printf("\n%s", part->rest.s);
    str_clear(&part->err);
    str_clear(&part->rest);
    part->open = false;
}

/* Whether `line` says how a program ended; then its role and status. */
static bool parse_exit(const char *line, struct part *part)
{
    static const char *const ROLES[] = {"", "send ", "receive "};
    for (size_t i = 0; i < sizeof(ROLES) / sizeof(ROLES[0]); i++) {
        size_t len = strlen(ROLES[i]);
        char *end;
        if (strncmp(line, ROLES[i], len) != 0 || strncmp(line + len, "exit ", 5) != 0)
            continue;
        part_end(part);
        long status = strtol(line + len + 5, &end, 10);
        if (end == line + len + 5 || *end != '\n') {
            fprintf(stderr, "classify-words: not a status: %s", line);
            exit(2);
        }
        snprintf(part->role, sizeof(part->role), "%s", ROLES[i]);
        part->status = (int)status;
        part->open = true;
        return true;
    }
    return false;
}

int main(void)
{
    static char line[LINE_SIZE];
    struct part part = {.open = false};
    str_init(&part.err);
    str_init(&part.rest);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        if (parse_exit(line, &part))
            continue;
        if (strncmp(line, "== ", 3) == 0)
            part_end(&part);
        if (!part.open) {
            fputs(line, stdout);
            continue;
        }
        size_t len = strlen(part.role);
        if (strncmp(line, part.role, len) == 0 && strncmp(line + len, "err ", 4) == 0)
            str_add(&part.err, line + len + 4);
        str_add(&part.rest, line);
    }
    part_end(&part);
    str_fini(&part.err);
    str_fini(&part.rest);
    return ferror(stdin) || fflush(stdout) != 0 ? 2 : 0;
}
