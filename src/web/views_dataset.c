/* One dataset with everything that is known of it. */
#include <string.h>

#include "json_out.h"
#include "names.h"
#include "views.h"
#include "views_parts.h"

/* `text`: why it failed, or NULL. */
static void add_step(const struct step_state *step, const char *text, struct str *out)
{
    json_out_open(out, NULL, '{');
    json_out_word(out, "op", op_name(step->op));
    json_out_word(out, "side", side_name(step->side));
    json_out_text(out, "start", step->start == NULL ? "" : step->start);
    json_out_text(out, "end", step->end == NULL ? "" : step->end);
    json_out_word(out, "status", step_status_name(step->status));
    json_out_bool(out, "resumed", step->resumed);
    json_out_i64(out, "started", step->started);
    json_out_i64(out, "finished", step->finished);
    json_out_u64(out, "bytes", step->bytes);
    json_out_u64(out, "bytes_total", step->bytes_total);
    json_out_text(out, "text", text);
    json_out_close(out, '}');
}

static void add_plan(const struct dataset_state *ds, struct str *out)
{
    json_out_open(out, "plan", '[');
    for (size_t i = 0; i < ds->step_count; i++)
        /* The step that failed is the one for which its dataset did. */
        add_step(&ds->steps[i], ds->steps[i].status == STEP_FAILED ? ds->text : NULL, out);
    json_out_close(out, ']');
}

const char *view_place_word(const struct snapshot_row *row, enum side side)
{
    if (side == SIDE_REMOTE && row_is_coming(row))
        return "coming";
    if ((row->sides & ROW_ON(side)) == 0)
        return "absent";
    return row_is_going(row, side) ? "going" : "present";
}

const char *view_keep_word(unsigned reason)
{
    switch (reason) {
    case KEEP_POLICY:
        return "policy";
    case KEEP_OLDEST:
        return "oldest";
    case KEEP_EARLIEST_SHARED:
        return "earliest shared";
    case KEEP_LATEST_SHARED:
        return "latest shared";
    case KEEP_UNMANAGED:
        return "unmanaged";
    case KEEP_HELD:
        return "held";
    case KEEP_CLONED:
        return "cloned";
    case KEEP_TO_SEND:
        return "to send";
    case KEEP_SOURCE_GONE:
        return "source gone";
    default:
        return "stray";
    }
}

static void add_keep(const char *key, unsigned keep, struct str *out)
{
    json_out_open(out, key, '[');
    for (unsigned reason = 1; reason <= ROW_KEEP_ALL; reason <<= 1)
        if ((keep & reason) != 0)
            json_out_word(out, NULL, view_keep_word(reason));
    json_out_close(out, ']');
}

static void add_row(const struct snapshot_row *row, struct str *type, struct str *out)
{
    str_clear(type);
    str_add_bytes(type, row->name, snapname_type_len(row->name));
    json_out_open(out, NULL, '{');
    json_out_text(out, "name", row->name);
    json_out_text(out, "type", type->s);
    json_out_digits(out, "guid", row->guid);
    json_out_i64(out, "created", row->creation);
    json_out_u64(out, "size", row->size);
    json_out_word(out, "local", view_place_word(row, SIDE_LOCAL));
    json_out_word(out, "remote", view_place_word(row, SIDE_REMOTE));
    add_keep("keep_local", row->keep[SIDE_LOCAL], out);
    add_keep("keep_remote", row->keep[SIDE_REMOTE], out);
    json_out_close(out, '}');
}

static void add_rows(const struct row_table *rows, struct str *out)
{
    struct str type;
    struct row_reader reader;
    str_init(&type);
    row_reader_init(&reader, rows);
    json_out_open(out, "snapshots", '[');
    for (const struct snapshot_row *row; (row = row_reader_next(&reader)) != NULL;)
        add_row(row, &type, out);
    json_out_close(out, ']');
    str_fini(&type);
}

bool view_line_is_of(const struct record *line, const char *dataset)
{
    return line->dataset != NULL && strcmp(line->dataset, dataset) == 0;
}

size_t view_first_line_of(const struct chronicle *chronicle, const char *dataset)
{
    size_t i = chronicle_count(chronicle, RECORD_LINE);
    for (size_t found = 0; i > 0 && found < VIEW_DATASET_LINES; i--)
        found += view_line_is_of(chronicle_at(chronicle, RECORD_LINE, i - 1), dataset);
    return i;
}

static void add_log(const struct chronicle *chronicle, const char *dataset, struct str *out)
{
    size_t n = chronicle_count(chronicle, RECORD_LINE);
    json_out_open(out, "log", '[');
    for (size_t i = view_first_line_of(chronicle, dataset); i < n; i++) {
        const struct record *line = chronicle_at(chronicle, RECORD_LINE, i);
        if (view_line_is_of(line, dataset))
            view_add_line(line, false, out);
    }
    json_out_close(out, ']');
}

void view_dataset(const struct state *state, const struct dataset_state *ds, const char *stream,
                  int64_t now, struct str *out)
{
    str_add_char(out, '{');
    view_add_summary(state, ds, now, out);
    json_out_i64(out, "time", now);
    json_out_text(out, "stream", stream);
    json_out_i64(out, "started", ds->started);
    json_out_i64(out, "finished", ds->finished);
    json_out_u64(out, "sent", ds->sent);
    json_out_u64(out, "destroyed", ds->destroyed);
    json_out_u64(out, "sent_bytes", ds->sent_bytes);
    add_plan(ds, out);
    add_rows(&ds->rows, out);
    add_log(&state->chronicle, ds->name, out);
    json_out_close(out, '}');
}
