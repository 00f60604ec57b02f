/* zfs list, get and holds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "common.h"
#include "mem.h"
#include "output.h"
#include "select.h"
#include "statefile.h"
#include "world.h"

#define COLUMNS_MAX 40

struct columns {
    struct property v[COLUMNS_MAX];
    size_t n;
};

/* Reads "name,guid"; ends the program where there is no such property. */
static void parse_columns(char *list, struct columns *ret)
{
    ret->n = 0;
    for (char *word = strtok(list, ","); word != NULL && ret->n < COLUMNS_MAX;
         word = strtok(NULL, ",")) {
        if (!property_find(word, &ret->v[ret->n++])) {
            complain("bad property list: invalid property '%s'\n", word);
            usage("list [-Hp] [-r|-d max] [-o property[,...]] [-s property]...\n"
                  "\t    [-S property]... [-t type[,...]] [filesystem|volume|snapshot] ...");
        }
    }
}

struct table {
    bool headless, parsable;
    struct str cells; /* for people: each cell with its end */
    size_t widths[COLUMNS_MAX];
    size_t at;
};

static void table_add(struct table *table, size_t column, size_t columns, const char *cell)
{
    struct str *out = output_text();
    if (table->headless) {
        str_add(out, cell);
        str_add_char(out, column + 1 < columns ? '\t' : '\n');
        return;
    }
    if (strlen(cell) > table->widths[column])
        table->widths[column] = strlen(cell);
    str_add_bytes(&table->cells, cell, strlen(cell) + 1);
}

/* Prints what table_add gathered. Names to the left, all else to the right. */
static void table_end(struct table *table, size_t columns)
{
    size_t column = 0;
    for (size_t at = 0; at < table->cells.len; at += strlen(table->cells.s + at) + 1) {
        const char *cell = table->cells.s + at;
        int width = (int)table->widths[column];
        str_add_format(output_text(), column == 0 ? "%-*s" : "  %*s", width, cell);
        column++;
        if (column == columns) {
            str_add_char(output_text(), '\n');
            column = 0;
        }
    }
    str_fini(&table->cells);
}

static void table_add_header(struct table *table, size_t column, size_t columns, const char *name)
{
    char upper[64];
    size_t len = 0;
    for (; len < sizeof(upper) - 1 && name[len] != '\0'; len++)
        upper[len] = (char)(name[len] >= 'a' && name[len] <= 'z' ? name[len] - 32 : name[len]);
    upper[len] = '\0';
    if (!table->headless)
        table_add(table, column, columns, upper);
}

static void print_rows(const struct selection *selection, const struct columns *columns,
                       struct table *table)
{
    struct str cell;
    str_init(&cell);
    for (size_t c = 0; c < columns->n; c++)
        table_add_header(table, c, columns->n, columns->v[c].name);
    for (size_t i = 0; i < selection->n; i++) {
        for (size_t c = 0; c < columns->n; c++) {
            str_clear(&cell);
            property_add_value(&selection->v[i], &columns->v[c], table->parsable, &cell);
            table_add(table, c, columns->n, cell.s);
        }
    }
    str_fini(&cell);
    table_end(table, columns->n);
}

/* ---- sorting by a property: -s and -S ---- */

static struct property sort_by;
static bool sort_down;

static int compare_by_property(const void *a, const void *b)
{
    struct str x;
    struct str y;
    char *end_x;
    char *end_y;
    str_init(&x);
    str_init(&y);
    property_add_value(a, &sort_by, true, &x);
    property_add_value(b, &sort_by, true, &y);
    unsigned long long nx = strtoull(x.s, &end_x, 10);
    unsigned long long ny = strtoull(y.s, &end_y, 10);
    int order = *end_x == '\0' && *end_y == '\0' ? (nx > ny) - (nx < ny) : strcmp(x.s, y.s);
    str_fini(&x);
    str_fini(&y);
    if (order == 0)
        return selection_compare(a, b); /* equal ones stay in the order of their names */
    return sort_down ? -order : order;
}

/* ---- list ---- */

struct list_options {
    struct selection selection;
    struct columns columns;
    struct table table;
    const char *sort;
};

static void parse_list_options(int argc, char **argv, struct list_options *o)
{
    static char standard[] = "name,used,available,referenced,mountpoint";
    char *columns = standard;
    o->selection.depth = -1;
    str_init(&o->table.cells);
    for (int option; (option = getopt(argc, argv, "+HPpd:ro:s:S:t:")) != -1;) {
        switch (option) {
        case 'H':
            o->table.headless = true;
            break;
        case 'P':
        case 'p':
            o->table.parsable = true;
            break;
        case 'd':
            o->selection.depth = atoi(optarg);
            o->selection.recursive = true;
            break;
        case 'r':
            o->selection.recursive = true;
            break;
        case 'o':
            columns = optarg;
            break;
        case 's':
        case 'S':
            o->sort = optarg;
            sort_down = option == 'S';
            break;
        case 't':
            o->selection.types = types_parse(optarg);
            break;
        default:
            unknown_option(optopt);
        }
    }
    parse_columns(columns, &o->columns);
}

void zfs_list(int argc, char **argv)
{
    struct list_options o = {.sort = NULL};
    parse_list_options(argc, argv, &o);
    world_lock(false);
    if (optind == argc)
        selection_add(&o.selection, NULL);
    for (int i = optind; i < argc; i++)
        selection_add(&o.selection, argv[i]);
    selection_sort(&o.selection);
    if (o.sort != NULL && strcmp(o.sort, "name") != 0) {
        if (!property_find(o.sort, &sort_by))
            fail(2, "invalid property '%s'\n", o.sort);
        if (o.selection.n > 1)
            qsort(o.selection.v, o.selection.n, sizeof(*o.selection.v), compare_by_property);
    }
    if (o.selection.n > 0)
        print_rows(&o.selection, &o.columns, &o.table);
    else if (!o.selection.failed && !o.table.headless)
        complain("no datasets available\n");
    bool failed = o.selection.failed;
    free(o.selection.v);
    str_fini(&o.table.cells);
    finish(failed ? 1 : 0);
}

/* ---- get ---- */

struct get_options {
    struct selection selection;
    struct table table;
    const char *columns[4];
    size_t column_n;
    bool local_only;
};

static void parse_get_columns(char *list, struct get_options *o)
{
    o->column_n = 0;
    for (char *word = strtok(list, ","); word != NULL && o->column_n < 4; word = strtok(NULL, ","))
        o->columns[o->column_n++] = word;
}

static void parse_get_options(int argc, char **argv, struct get_options *o)
{
    static char standard[] = "name,property,value,source";
    parse_get_columns(standard, o);
    o->selection.depth = -1;
    str_init(&o->table.cells);
    for (int option; (option = getopt(argc, argv, "+Hpd:ro:s:t:")) != -1;) {
        switch (option) {
        case 'H':
            o->table.headless = true;
            break;
        case 'p':
            o->table.parsable = true;
            break;
        case 'd':
            o->selection.depth = atoi(optarg);
            o->selection.recursive = true;
            break;
        case 'r':
            o->selection.recursive = true;
            break;
        case 'o':
            parse_get_columns(optarg, o);
            break;
        case 's':
            o->local_only = strcmp(optarg, "local") == 0;
            break;
        case 't':
            o->selection.types = types_parse(optarg);
            break;
        default:
            unknown_option(optopt);
        }
    }
    if (optind == argc)
        fail(2, "missing property argument\n");
}

static void print_property(const struct get_options *o, struct table *table,
                           const struct entry *entry, const struct property *property)
{
    struct str source;
    str_init(&source);
    property_add_source(entry, property, &source);
    for (size_t c = 0; c < o->column_n && (!o->local_only || strcmp(source.s, "local") == 0); c++) {
        struct str cell;
        str_init(&cell);
        if (strcmp(o->columns[c], "name") == 0)
            entry_add_name(entry, &cell);
        else if (strcmp(o->columns[c], "property") == 0)
            str_add(&cell, property->name);
        else if (strcmp(o->columns[c], "value") == 0)
            property_add_value(entry, property, table->parsable, &cell);
        else
            str_add(&cell, source.s);
        table_add(table, c, o->column_n, cell.s);
        str_fini(&cell);
    }
    str_fini(&source);
}

/* All that has a value, and the user properties of its own. */
static void print_all(const struct get_options *o, struct table *table, const struct entry *entry)
{
    struct str value;
    struct property property;
    str_init(&value);
    for (size_t i = 0; property_at(i) != NULL; i++) {
        const char *name = property_at(i);
        bool again = strcmp(name, "avail") == 0 || strcmp(name, "refer") == 0;
        if (again || strcmp(name, "name") == 0 || !property_find(name, &property))
            continue;
        str_clear(&value);
        property_add_value(entry, &property, true, &value);
        if (strcmp(value.s, "-") != 0)
            print_property(o, table, entry, &property);
    }
    str_fini(&value);
    for (size_t i = 0; i < entry->ds->prop_n; i++)
        if (strchr(entry->ds->props[i].name, ':') != NULL &&
            property_find(entry->ds->props[i].name, &property))
            print_property(o, table, entry, &property);
}

static void print_properties(struct get_options *o, char *list)
{
    struct columns wanted = {.n = 0};
    bool all = strcmp(list, "all") == 0;
    if (!all)
        parse_columns(list, &wanted);
    for (size_t c = 0; c < o->column_n; c++)
        table_add_header(&o->table, c, o->column_n, o->columns[c]);
    for (size_t i = 0; i < o->selection.n; i++) {
        if (all)
            print_all(o, &o->table, &o->selection.v[i]);
        for (size_t p = 0; p < wanted.n; p++)
            print_property(o, &o->table, &o->selection.v[i], &wanted.v[p]);
    }
    table_end(&o->table, o->column_n);
}

void zfs_get(int argc, char **argv)
{
    struct get_options o = {.column_n = 0};
    parse_get_options(argc, argv, &o);
    char *list = argv[optind++];
    if (o.selection.types == 0 && o.selection.recursive)
        o.selection.types = 15;
    world_lock(false);
    if (optind == argc)
        selection_add(&o.selection, NULL);
    for (int i = optind; i < argc; i++)
        selection_add(&o.selection, argv[i]);
    selection_sort(&o.selection);
    print_properties(&o, list);
    free(o.selection.v);
    finish(o.selection.failed ? 1 : 0);
}

/* ---- holds ---- */

void zfs_holds(int argc, char **argv)
{
    bool headless = false;
    for (int option; (option = getopt(argc, argv, "+Hpr")) != -1;)
        headless = headless || option == 'H';
    world_lock(false);
    if (!headless)
        str_add(output_text(), "NAME  TAG  TIMESTAMP\n");
    for (int i = optind; i < argc; i++) {
        struct dataset *ds;
        const struct snap *snap = open_snap_or_complain(argv[i], &ds);
        if (snap == NULL)
            finish(1);
        for (size_t k = 0; k < ds->hold_n; k++)
            if (strcmp(ds->holds[k].snap, snap->name) == 0)
                str_add_format(output_text(), "%s\t%s\t%lld\n", argv[i], ds->holds[k].tag,
                               (long long)ds->holds[k].time);
    }
    finish(0);
}
