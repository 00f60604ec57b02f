#include "property.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "statefile.h"
#include "stream.h"
#include "text.h"
#include "world.h"

enum id {
    ID_AVAILABLE,
    ID_CLONES,
    ID_CREATETXG,
    ID_CREATION,
    ID_ENCRYPTIONROOT,
    ID_GUID,
    ID_INCONSISTENT,
    ID_MOUNTED,
    ID_NAME,
    ID_NUMCLONES,
    ID_ORIGIN,
    ID_REFCOMPRESSRATIO,
    ID_REFERENCED,
    ID_SNAPSHOTS_CHANGED,
    ID_TOKEN,
    ID_TYPE,
    ID_USED,
    ID_USEDBYDATASET,
    ID_USEDBYCHILDREN,
    ID_USEDBYSNAPSHOTS,
    ID_USERREFS,
    ID_VOLSIZE,
    ID_WRITTEN,
    ID_SETTABLE,
};

enum kind { KIND_READ_ONLY, KIND_ON_OFF, KIND_CANMOUNT, KIND_ANY };

struct native {
    const char *name;
    enum id id;
    enum kind kind;
    bool inherits, no_volume;
    const char *otherwise; /* the default */
};

/* In the order of their names, as zfs shows them. */
static const struct native NATIVES[] = {
    {"atime", ID_SETTABLE, KIND_ON_OFF, true, true, "on"},
    {"available", ID_AVAILABLE, KIND_READ_ONLY, false, false, NULL},
    {"avail", ID_AVAILABLE, KIND_READ_ONLY, false, false, NULL},
    {"canmount", ID_SETTABLE, KIND_CANMOUNT, false, true, "on"},
    {"checksum", ID_SETTABLE, KIND_ANY, true, false, "on"},
    {"clones", ID_CLONES, KIND_READ_ONLY, false, false, NULL},
    {"compression", ID_SETTABLE, KIND_ANY, true, false, "on"},
    {"createtxg", ID_CREATETXG, KIND_READ_ONLY, false, false, NULL},
    {"creation", ID_CREATION, KIND_READ_ONLY, false, false, NULL},
    {"encryption", ID_SETTABLE, KIND_ANY, true, false, "off"},
    {"encryptionroot", ID_ENCRYPTIONROOT, KIND_READ_ONLY, false, false, NULL},
    {"guid", ID_GUID, KIND_READ_ONLY, false, false, NULL},
    {"inconsistent", ID_INCONSISTENT, KIND_READ_ONLY, false, false, NULL},
    {"keyformat", ID_SETTABLE, KIND_ANY, true, false, "none"},
    {"keylocation", ID_SETTABLE, KIND_ANY, false, false, "none"},
    {"mounted", ID_MOUNTED, KIND_READ_ONLY, false, false, NULL},
    {"mountpoint", ID_SETTABLE, KIND_ANY, true, true, NULL},
    {"name", ID_NAME, KIND_READ_ONLY, false, false, NULL},
    {"numclones", ID_NUMCLONES, KIND_READ_ONLY, false, false, NULL},
    {"origin", ID_ORIGIN, KIND_READ_ONLY, false, false, NULL},
    {"quota", ID_SETTABLE, KIND_ANY, false, true, "0"},
    {"readonly", ID_SETTABLE, KIND_ON_OFF, true, false, "off"},
    {"receive_resume_token", ID_TOKEN, KIND_READ_ONLY, false, false, NULL},
    {"recordsize", ID_SETTABLE, KIND_ANY, true, true, "131072"},
    {"refcompressratio", ID_REFCOMPRESSRATIO, KIND_READ_ONLY, false, false, NULL},
    {"refer", ID_REFERENCED, KIND_READ_ONLY, false, false, NULL},
    {"referenced", ID_REFERENCED, KIND_READ_ONLY, false, false, NULL},
    {"snapdir", ID_SETTABLE, KIND_ANY, true, true, "hidden"},
    {"snapshots_changed", ID_SNAPSHOTS_CHANGED, KIND_READ_ONLY, false, false, NULL},
    {"sync", ID_SETTABLE, KIND_ANY, true, false, "standard"},
    {"type", ID_TYPE, KIND_READ_ONLY, false, false, NULL},
    {"used", ID_USED, KIND_READ_ONLY, false, false, NULL},
    {"usedbychildren", ID_USEDBYCHILDREN, KIND_READ_ONLY, false, false, NULL},
    {"usedbydataset", ID_USEDBYDATASET, KIND_READ_ONLY, false, false, NULL},
    {"usedbysnapshots", ID_USEDBYSNAPSHOTS, KIND_READ_ONLY, false, false, NULL},
    {"userrefs", ID_USERREFS, KIND_READ_ONLY, false, false, NULL},
    {"volsize", ID_VOLSIZE, KIND_READ_ONLY, false, false, NULL},
    {"written", ID_WRITTEN, KIND_READ_ONLY, false, false, NULL},
};

#define NATIVE_COUNT (sizeof(NATIVES) / sizeof(NATIVES[0]))

static const struct native *native_find(const char *name)
{
    for (size_t i = 0; i < NATIVE_COUNT; i++)
        if (strcmp(NATIVES[i].name, name) == 0)
            return &NATIVES[i];
    return NULL;
}

bool property_find(const char *name, struct property *ret)
{
    *ret = (struct property){.native = native_find(name), .name = name};
    return ret->native != NULL || strchr(name, ':') != NULL;
}

const char *property_at(size_t place)
{
    return place < NATIVE_COUNT ? NATIVES[place].name : NULL;
}

void entry_add_name(const struct entry *entry, struct str *out)
{
    str_add(out, entry->ds->name);
    if (entry->snap == NULL)
        return;
    str_add_char(out, entry->bookmark ? '#' : '@');
    str_add(out, entry->snap->name);
}

void add_size(struct str *out, uint64_t bytes, bool parsable)
{
    static const char UNITS[] = "BKMGTPE";
    if (parsable || bytes < 1024) {
        add_u64(out, bytes);
        if (!parsable)
            str_add_char(out, 'B');
        return;
    }
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1024 && UNITS[unit + 1] != '\0'; unit++)
        value /= 1024;
    str_add_format(out,
                   value < 10    ? "%.2f%c"
                   : value < 100 ? "%.1f%c"
                                 : "%.0f%c",
                   value, UNITS[unit]);
}

/* ---- inheritance ---- */

/* The dataset whose own value it is, or NULL. */
static struct dataset *holder_of(struct dataset *ds, const char *name, bool inherits)
{
    for (; ds != NULL; ds = inherits ? state_parent(ds) : NULL)
        if (prop_get(ds, name) != NULL)
            return ds;
    return NULL;
}

static bool inherits(const struct property *property)
{
    return property->native == NULL || property->native->inherits;
}

const char *property_effective(struct dataset *ds, const char *name)
{
    struct property property;
    if (!property_find(name, &property))
        return NULL;
    struct dataset *holder = holder_of(ds, name, inherits(&property));
    if (holder != NULL)
        return prop_get(holder, name);
    return property.native == NULL ? NULL : property.native->otherwise;
}

/* The mount point is a path, and what inherits it adds its own name. */
static void add_mountpoint(struct dataset *ds, struct str *out)
{
    struct dataset *holder = holder_of(ds, "mountpoint", true);
    const char *value = holder == NULL ? "/" : prop_get(holder, "mountpoint");
    if (value[0] != '/') {
        str_add(out, value);
        return;
    }
    const char *rest = holder == NULL ? ds->name : ds->name + strlen(holder->name);
    str_add(out, strcmp(value, "/") == 0 && *rest != '\0' ? "" : value);
    if (holder == NULL)
        str_add_char(out, '/');
    str_add(out, rest);
}

static void add_settable(const struct entry *entry, const struct property *property,
                         struct str *out)
{
    bool missing = (entry->snap != NULL && strcmp(property->name, "encryption") != 0) ||
                   entry->bookmark || (property->native->no_volume && entry->ds->volume);
    const char *value = missing ? NULL : property_effective(entry->ds, property->name);
    if (!missing && strcmp(property->name, "mountpoint") == 0)
        add_mountpoint(entry->ds, out);
    else
        str_add(out, value == NULL ? "-" : value);
}

/* ---- values ---- */

static uint64_t used_by_snapshots(const struct dataset *ds)
{
    uint64_t used = 0;
    for (size_t i = 0; i < ds->snap_n; i++)
        used += ds->snaps[i].used;
    return used;
}

static uint64_t used_by_children(const struct dataset *ds)
{
    size_t n;
    uint64_t used = 0;
    struct dataset **tree = state_tree(ds->name, -1, &n);
    for (size_t i = 0; i < n; i++)
        if (tree[i] != ds)
            used += state_referenced(tree[i]) + used_by_snapshots(tree[i]);
    free(tree);
    return used;
}

static void add_time(struct str *out, int64_t seconds, bool parsable)
{
    char text[64];
    time_t when = (time_t)seconds;
    struct tm tm;
    if (parsable)
        str_add_format(out, "%lld", (long long)seconds);
    else if (localtime_r(&when, &tm) != NULL &&
             strftime(text, sizeof(text), "%a %b %e %H:%M %Y", &tm) > 0)
        str_add(out, text);
}

static void add_clones(const struct entry *entry, struct str *out)
{
    bool any = false;
    for (size_t i = 0; i < entry->ds->clone_n; i++) {
        if (strcmp(entry->ds->clones[i].snap, entry->snap->name) != 0)
            continue;
        str_add_format(out, "%s%s", any ? "," : "", entry->ds->clones[i].dataset);
        any = true;
    }
    if (!any)
        str_add_char(out, '-');
}

static uint64_t count_clones(const struct entry *entry)
{
    uint64_t count = 0;
    for (size_t i = 0; i < entry->ds->clone_n; i++)
        count += strcmp(entry->ds->clones[i].snap, entry->snap->name) == 0;
    return count;
}

/* Of a snapshot or bookmark; false: it has no such property. */
static bool add_of_snap(const struct entry *entry, enum id id, bool parsable, struct str *out)
{
    const struct snap *snap = entry->snap;
    switch (id) {
    case ID_GUID:
        add_u64(out, snap->guid);
        return true;
    case ID_CREATETXG:
        add_u64(out, snap->txg);
        return true;
    case ID_CREATION:
        add_time(out, snap->creation, parsable);
        return true;
    case ID_TYPE:
        str_add(out, entry->bookmark ? "bookmark" : "snapshot");
        return true;
    case ID_REFERENCED:
        add_size(out, snap->referenced, parsable);
        return true;
    default:
        break;
    }
    if (entry->bookmark)
        return false;
    switch (id) {
    case ID_USED:
        add_size(out, snap->used, parsable);
        return true;
    case ID_WRITTEN:
        add_size(out, snap->written, parsable);
        return true;
    case ID_USERREFS:
        add_u64(out, snap_holds(entry->ds, snap->name));
        return true;
    case ID_NUMCLONES:
        add_u64(out, count_clones(entry));
        return true;
    case ID_CLONES:
        add_clones(entry, out);
        return true;
    default:
        return false;
    }
}

/* Of data that is only counted; a test says otherwise with the user property sim:ratio. */
static void add_ratio(struct dataset *ds, bool parsable, struct str *out)
{
    const char *ratio = property_effective(ds, "sim:ratio");
    str_add_format(out, "%s%s", ratio == NULL ? "1.00" : ratio, parsable ? "" : "x");
}

static bool add_space_of_dataset(struct dataset *ds, enum id id, bool parsable, struct str *out)
{
    uint64_t room;
    switch (id) {
    case ID_AVAILABLE:
        room = state_room(ds->name);
        add_size(out, room == UINT64_MAX ? UINT64_C(1) << 40 : room, parsable);
        return true;
    case ID_REFCOMPRESSRATIO:
        add_ratio(ds, parsable, out);
        return true;
    case ID_REFERENCED:
    case ID_USEDBYDATASET:
        add_size(out, state_referenced(ds), parsable);
        return true;
    case ID_USED:
        add_size(out, state_referenced(ds) + used_by_snapshots(ds) + used_by_children(ds),
                 parsable);
        return true;
    case ID_USEDBYCHILDREN:
        add_size(out, used_by_children(ds), parsable);
        return true;
    case ID_USEDBYSNAPSHOTS:
        add_size(out, used_by_snapshots(ds), parsable);
        return true;
    case ID_WRITTEN:
        add_size(out, ds->pending, parsable);
        return true;
    case ID_VOLSIZE:
        if (ds->volume)
            add_size(out, ds->volsize, parsable);
        return ds->volume;
    default:
        return false;
    }
}

static bool add_token(const struct dataset *ds, struct str *out)
{
    struct partial partial;
    if (!partial_read(ds->name, &partial))
        return false;
    token_encode(&partial, out);
    return true;
}

static bool add_of_dataset(struct dataset *ds, enum id id, bool parsable, struct str *out)
{
    struct dataset *holder;
    switch (id) {
    case ID_GUID:
        add_u64(out, ds->guid);
        return true;
    case ID_CREATETXG:
        add_u64(out, ds->txg);
        return true;
    case ID_CREATION:
        add_time(out, ds->creation, parsable);
        return true;
    case ID_TYPE:
        str_add(out, ds->volume ? "volume" : "filesystem");
        return true;
    case ID_INCONSISTENT:
        str_add_char(out, ds->inconsistent ? '1' : '0');
        return true;
    case ID_MOUNTED:
        if (!ds->volume)
            str_add(out, ds->mounted ? "yes" : "no");
        return !ds->volume;
    case ID_ORIGIN:
        str_add(out, ds->origin == NULL ? "-" : ds->origin);
        return true;
    case ID_SNAPSHOTS_CHANGED:
        if (ds->changed > 0)
            add_time(out, ds->changed, parsable);
        return ds->changed > 0;
    case ID_TOKEN:
        return add_token(ds, out);
    case ID_ENCRYPTIONROOT:
        holder = holder_of(ds, "encryption", true);
        if (holder != NULL)
            str_add(out, holder->name);
        return holder != NULL;
    default:
        return add_space_of_dataset(ds, id, parsable, out);
    }
}

static void add_user_value(const struct entry *entry, const char *name, struct str *out)
{
    const char *value = entry->bookmark ? NULL : property_effective(entry->ds, name);
    str_add(out, value == NULL ? "-" : value);
}

void property_add_value(const struct entry *entry, const struct property *property, bool parsable,
                        struct str *out)
{
    bool there;
    if (property->native == NULL)
        add_user_value(entry, property->name, out);
    else if (property->native->id == ID_NAME)
        entry_add_name(entry, out);
    else if (property->native->id == ID_SETTABLE)
        add_settable(entry, property, out);
    else {
        there = entry->snap != NULL
                    ? add_of_snap(entry, property->native->id, parsable, out)
                    : add_of_dataset(entry->ds, property->native->id, parsable, out);
        if (!there)
            str_add_char(out, '-');
    }
}

void property_add_source(const struct entry *entry, const struct property *property,
                         struct str *out)
{
    bool settable = property->native == NULL || property->native->id == ID_SETTABLE;
    if (!settable || entry->bookmark || (entry->snap != NULL && property->native != NULL)) {
        str_add_char(out, '-');
        return;
    }
    struct dataset *holder = holder_of(entry->ds, property->name, inherits(property));
    if (holder == entry->ds && entry->snap == NULL)
        str_add(out, "local");
    else if (holder != NULL)
        str_add_format(out, "inherited from %s", holder->name);
    else
        str_add(out, property->native == NULL ? "-" : "default");
}

/* ---- setting ---- */

static bool complain_of(const char *prefix, const char *before, const char *name, const char *after)
{
    fprintf(stderr, "%s: %s'%s'%s\n", prefix, before, name, after);
    return false;
}

bool property_settable(const char *prefix, const char *name, const char *value, bool volume)
{
    struct property property;
    if (!property_find(name, &property))
        return complain_of(prefix, "invalid property ", name, "");
    if (property.native == NULL)
        return true;
    if (property.native->id == ID_VOLSIZE)
        return volume || complain_of(prefix, "", name, " does not apply to datasets of this type");
    if (property.native->id != ID_SETTABLE)
        return complain_of(prefix, "", name, " is readonly");
    if (volume && property.native->no_volume)
        return complain_of(prefix, "", name, " does not apply to datasets of this type");
    bool on_off = strcmp(value, "on") == 0 || strcmp(value, "off") == 0;
    if (property.native->kind == KIND_ON_OFF && !on_off)
        return complain_of(prefix, "", name, " must be one of 'on | off'");
    if (property.native->kind == KIND_CANMOUNT && !on_off && strcmp(value, "noauto") != 0)
        return complain_of(prefix, "", name, " must be one of 'on | off | noauto'");
    return true;
}
