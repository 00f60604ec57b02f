/*
 * What a simulated program prints and takes in, and how faults bend it. Text is gathered and goes
 * out when the program ends; a stream goes out as it is made.
 */
#ifndef SIM_OUTPUT_H
#define SIM_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "str.h"

enum stop_kind { STOP_CUT, STOP_KILL, STOP_HANG };

/* What happens to one call. Offsets count the bytes of standard output, or of standard input where
 * the program takes a stream in. */
struct effects {
    int64_t delay_ms;
    bool fails, late; /* late: after it has done its work */
    int status;
    const char *text;
    bool stops; /* at byte `stop_at` */
    enum stop_kind stop;
    uint64_t stop_at;
    bool garbles; /* `garble_count` bytes from `garble_at` on */
    uint64_t garble_at, garble_count;
    uint64_t rate; /* bytes a second; 0: as fast as it goes */
};

/* Sets what happens to this call, and does what happens at its beginning. */
void output_begin(const struct effects *effects);

/* Descriptor of the shared connection that this call depends on, or -1: where it closes, the call
 * ends as ssh's does. */
void output_depend_on(int fd);

/* The text that goes to standard output; append to it. */
struct str *output_text(void);

/* Writes a portion of a stream to standard output. */
void output_stream(const void *data, size_t len);

/* Reads `len` bytes of a stream, or fewer at its end. */
size_t input_stream(void *data, size_t len);

/* "cannot ...": one line, or several, to standard error. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Lets the text go out and ends the program. */
_Noreturn void finish(int status);

/* Both. */
_Noreturn void fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sleeps until a signal ends it, or the shared connection does. */
_Noreturn void hang(void);

#endif
