/* What happened: the records of the chronicle. */
#include "json_out.h"
#include "text.h"
#include "views.h"
#include "views_parts.h"

#define DAY_LEN 10 /* of "2026-11-23T12:00:00Z" */

static void add_cycle(const struct record *record, struct str *out)
{
    json_out_u64(out, "number", record->cycle);
    json_out_i64(out, "started", record->started);
    json_out_i64(out, "finished", record->time);
    json_out_u64(out, "datasets", record->count);
    json_out_u64(out, "failed", record->failed);
    json_out_u64(out, "sent", record->sent);
    json_out_u64(out, "destroyed", record->destroyed);
    json_out_u64(out, "bytes", record->bytes);
    json_out_word(out, "code", err_code_name(record->code));
    json_out_text(out, "text", record->text);
}

static void add_transfer(const struct record *record, struct str *out)
{
    json_out_text(out, "dataset", record->dataset);
    json_out_text(out, "start", record->start == NULL ? "" : record->start);
    json_out_text(out, "end", record->end == NULL ? "" : record->end);
    json_out_i64(out, "started", record->started);
    json_out_i64(out, "finished", record->time);
    json_out_u64(out, "bytes", record->bytes);
    json_out_bool(out, "resumed", record->resumed);
    json_out_word(out, "code", err_code_name(record->code));
    json_out_text(out, "text", record->text);
}

static void add_failure(const struct record *record, struct str *out)
{
    json_out_i64(out, "time", record->time);
    json_out_text(out, "dataset", record->dataset);
    json_out_word(out, "code", err_code_name(record->code));
    json_out_text(out, "text", record->text == NULL ? "" : record->text);
    json_out_text(out, "advice", err_code_advice(record->code));
}

static void add_newest_first(const struct chronicle *chronicle, enum record_kind kind,
                             const char *key, void (*add)(const struct record *, struct str *),
                             struct str *out)
{
    json_out_open(out, key, '[');
    for (size_t i = chronicle_count(chronicle, kind); i > 0; i--) {
        json_out_open(out, NULL, '{');
        add(chronicle_at(chronicle, kind, i - 1), out);
        json_out_close(out, '}');
    }
    json_out_close(out, ']');
}

int64_t view_first_minute(int64_t now)
{
    return (now / 60 - (CHRONICLE_MINUTES - 1)) * 60;
}

static void add_throughput(const struct chronicle *chronicle, int64_t now, struct str *out)
{
    int64_t from = view_first_minute(now);
    json_out_open(out, "throughput", '{');
    json_out_i64(out, "from", from);
    json_out_i64(out, "step", 60);
    json_out_open(out, "bytes", '[');
    for (int64_t i = 0; i < CHRONICLE_MINUTES; i++)
        json_out_u64(out, NULL, chronicle_bytes_in(chronicle, from + i * 60));
    json_out_close(out, ']');
    json_out_close(out, '}');
}

void view_add_day(int64_t time, struct str *out)
{
    char figure[TEXT_FIGURE_MAX];
    text_time(figure, time);
    str_add_bytes(out, figure, DAY_LEN);
}

static void add_day(const struct record *record, struct str *out)
{
    struct str day;
    str_init(&day);
    view_add_day(record->time, &day);
    json_out_open(out, NULL, '{');
    json_out_word(out, "day", day.s);
    json_out_word(out, "level", verdict_level_name(record->verdict));
    json_out_u64(out, "cycles", record->count);
    json_out_u64(out, "bytes", record->bytes);
    json_out_u64(out, "local", record->space[SIDE_LOCAL]);
    json_out_u64(out, "remote", record->space[SIDE_REMOTE]);
    json_out_close(out, '}');
    str_fini(&day);
}

void view_activity(const struct state *state, const char *stream, int64_t now, struct str *out)
{
    const struct chronicle *chronicle = &state->chronicle;
    str_add_char(out, '{');
    json_out_i64(out, "time", now);
    json_out_text(out, "stream", stream);
    add_newest_first(chronicle, RECORD_CYCLE, "cycles", add_cycle, out);
    add_newest_first(chronicle, RECORD_TRANSFER, "transfers", add_transfer, out);
    add_newest_first(chronicle, RECORD_FAILURE, "failures", add_failure, out);
    add_throughput(chronicle, now, out);
    json_out_open(out, "days", '[');
    for (size_t i = 0; i < chronicle_count(chronicle, RECORD_DAY); i++)
        add_day(chronicle_at(chronicle, RECORD_DAY, i), out);
    json_out_close(out, ']');
    json_out_open(out, "log", '[');
    for (size_t i = 0; i < chronicle_count(chronicle, RECORD_LINE); i++)
        view_add_line(chronicle_at(chronicle, RECORD_LINE, i), true, out);
    json_out_close(out, ']');
    json_out_close(out, '}');
}
