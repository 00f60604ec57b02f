/*
 * Where the simulation keeps its state, and which of the two machines a program runs on. One
 * process is one command: whatever goes wrong inside of it ends it.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "str.h"

enum machine { MACHINE_LOCAL, MACHINE_REMOTE };

/* Finds the folder from how the program was called: DIR/bin/NAME, or NAME along PATH. */
void world_find(const char *called);

void world_set_machine(enum machine machine);
enum machine world_machine(void);
const char *world_machine_name(void);

/* The path of a file in DIR/state, valid until the end of the process. */
const char *world_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Locks the state of this machine, for reading or for changing; it ends with the process or with
 * world_unlock. */
void world_lock(bool exclusive);
void world_unlock(void);

/* Locks a file of DIR/state, made where it is missing. Returns its descriptor. */
int world_lock_file(const char *path);

/* The simulated time: seconds since the epoch, the real one unless a test has set it. */
int64_t world_now(void);

/* The next transaction group of this machine; with its lock held for changing. */
uint64_t world_next_txg(void);

/* A guid that no other object of either machine has. */
uint64_t world_next_guid(void);

/* Makes `count` guids at once; returns the number to give to world_guid for the first of them. */
uint64_t world_reserve_guids(uint64_t count);
uint64_t world_guid(uint64_t number);

/* Takes `count` transaction groups at once; returns the first. */
uint64_t world_reserve_txgs(uint64_t count);

/* A copy of a string that lives as long as the process. */
const char *world_keep(const char *s);
const char *world_keep_bytes(const char *s, size_t len);

/* The whole of a file, NUL-terminated, or NULL where there is none. The caller frees it. */
char *world_read_file(const char *path, size_t *ret_len);

/* Replaces a file at once. */
void world_write_file(const char *path, const char *text, size_t len);

/* Says "sim: ..." on standard error and ends with status 70: the simulation itself is at fault. */
_Noreturn void world_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
