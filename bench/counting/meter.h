/*
 * The counted zfs, zpool and ssh: tests/sim's commands and state, with a log of every process, delays
 * and an ssh whose other end is a real shell. What is not said here is said in tests/sim/README.md.
 */
#ifndef BENCH_METER_H
#define BENCH_METER_H

#include <stdbool.h>

#include "world.h"

/*
 * Round trips that ssh takes. A command on an open connection: one opens the channel, one asks for
 * the command and brings its first output. A new connection before that: TCP, the greetings with the
 * key exchange's first half, its second half, the service, the question which keys are welcome, and
 * the signature.
 */
#define TRIPS_SESSION   2
#define TRIPS_HANDSHAKE 6

/* The variable that says to a command that it runs at the other end of ssh: "remote". */
#define METER_SIDE "METER_SIDE"

/*
 * Appends to state/log that this process began: "B pid nanoseconds side handshakes trips words", with
 * tabs between them; and when it ends in any way but by a signal, "E pid nanoseconds microseconds",
 * the latter being the processor time of itself and of its children. Times are CLOCK_MONOTONIC.
 */
void log_begin(const char *side, int handshakes, int trips, int argc, char *const *argv);

/* The time that log_begin shows is that of this call, where it comes earlier. */
void log_clock_in(void);

/* state/delays holds two numbers: milliseconds for each zfs command, and for each round trip. */
void delay_command(void);
void delay_trips(int trips);

/* What a change of a side's state is to say, before and after it: listings are kept until then. */
void listings_invalidate(enum machine machine);

/* Answers "zfs list -r ..." from what was kept, or runs it and keeps it. Returns where it is no such
 * command; otherwise it ends the program. `argv` begins with "zfs". */
void listings_answer(int argc, char **argv);

/* zfs send -I, and a zfs receive that takes in one stream after another until there are no more.
 * They return where the command is another one. */
void streams_send(int argc, char **argv);
void streams_receive(int argc, char **argv);

/* The exit status of a child that has ended, as a shell has it. */
int wait_for(int pid);

#endif
