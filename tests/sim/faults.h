/*
 * The log of calls, and what is to go wrong with which of them: see README.md for the lines of the
 * file "faults".
 */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include "output.h"

/* Gives this call its number, writes it into "calls" under the machine's name `where`, and finds
 * what is to happen to it. */
void faults_record(const char *where, int argc, char *const *argv, struct effects *ret);

/* Says what is wrong with a line of faults, or NULL. */
const char *faults_check(const char *line);

#endif
