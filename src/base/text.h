/* Figures as people read them, and the few text helpers that several folders need. */
#ifndef BACKUPD_BASE_TEXT_H
#define BACKUPD_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_FIGURE_MAX 48

/* Seconds since the epoch as "2026-11-23T12:00:00Z" (compact: "2026-11-23-120000"). */
void text_time(char ret[TEXT_FIGURE_MAX], int64_t seconds);
void text_time_compact(char ret[TEXT_FIGURE_MAX], int64_t seconds);

/* Bytes as "17 B", "1.2 KiB", "3.4 GiB". */
void text_bytes(char ret[TEXT_FIGURE_MAX], uint64_t bytes);

/* Seconds as "8 s", "23 min", "5 h 10 min", "3 d 4 h". Negative ones count as 0. */
void text_duration(char ret[TEXT_FIGURE_MAX], int64_t seconds);

/*
 * Reads "90s", "30m", "1h", "400d", "2h30m" into seconds. Returns 0, or -1 where `s` is no such
 * text or does not fit.
 */
int text_parse_duration(const char *s, int64_t *ret_seconds);

/*
 * Reads "10 MiB", "500kB", "4096" into bytes: a whole number and B, KiB, MiB, GiB or TiB, or kB, MB,
 * GB or TB in powers of 1000. Returns 0, or -1 where `s` is no such text or does not fit.
 */
int text_parse_bytes(const char *s, uint64_t *ret);

/* Reads an unsigned decimal number that fills all `len` bytes of `s`. Returns 0 or -1. */
int text_parse_u64(const char *s, size_t len, uint64_t *ret);

/* The same for a signed one (a leading minus is allowed). */
int text_parse_i64(const char *s, size_t len, int64_t *ret);

/*
 * How many bytes of the UTF-8 text `s` fit into `columns` of a terminal, never a part of a
 * character. A character of three or more bytes counts as two columns, which is the most it takes.
 */
size_t text_fit(const char *s, size_t columns);

/* Whether `s` begins with `prefix`. */
bool text_starts_with(const char *s, const char *prefix);

#endif
