/*
 * Makes a C file of the assets, at build time: embed OUTPUT FILE...
 * Each becomes its bytes and an entry of the table in assets.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* NULL where no such type is served. */
static const char *type_of(const char *path)
{
    static const char *const TYPES[][2] = {
        {".css", "text/css; charset=utf-8"},
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".svg", "image/svg+xml"},
    };
    const char *dot = strrchr(name_of(path), '.');
    for (size_t i = 0; dot != NULL && i < sizeof(TYPES) / sizeof(TYPES[0]); i++)
        if (strcmp(dot, TYPES[i][0]) == 0)
            return TYPES[i][1];
    return NULL;
}

/* Writes the bytes; the hash (FNV-1a) and the size come back. */
static int write_bytes(const char *path, int number, FILE *out, uint64_t *ret_hash,
                       size_t *ret_size)
{
    FILE *in = fopen(path, "rb");
    if (in == NULL) {
        fprintf(stderr, "embed: %s: %s\n", path, strerror(errno));
        return -1;
    }
    uint64_t hash = UINT64_C(14695981039346656037);
    size_t size = 0;
    fprintf(out, "static const unsigned char DATA_%d[] = {", number);
    for (int c = getc(in); c != EOF; c = getc(in)) {
        hash = (hash ^ (uint64_t)c) * UINT64_C(1099511628211);
        fprintf(out, "%s%d,", size++ % 24 == 0 ? "\n    " : "", c);
    }
    fputs("\n    0};\n\n", out);
    int rc = ferror(in) ? -1 : 0;
    fclose(in);
    *ret_hash = hash;
    *ret_size = size;
    return rc;
}

static int write_all(int count, char **paths, FILE *out)
{
    FILE *table = tmpfile();
    if (table == NULL)
        return -1;
    fputs("#include \"assets.h\"\n\n", out);
    for (int i = 0; i < count; i++) {
        uint64_t hash = 0;
        size_t size = 0;
        const char *type = type_of(paths[i]);
        if (type == NULL || write_bytes(paths[i], i, out, &hash, &size) != 0) {
            fprintf(stderr, "embed: %s cannot be embedded\n", paths[i]);
            fclose(table);
            return -1;
        }
        fprintf(table, "    {\"%s\", \"%s\", \"\\\"%016" PRIx64 "\\\"\", DATA_%d, %zu},\n",
                name_of(paths[i]), type, hash, i, size);
    }
    fputs("const struct asset ASSETS[] = {\n", out);
    rewind(table);
    for (int c = getc(table); c != EOF; c = getc(table))
        putc(c, out);
    fprintf(out, "};\n\nconst size_t ASSET_COUNT = %d;\n", count);
    fclose(table);
    return ferror(out) ? -1 : 0;
}

int main(int argc, char **argv)
{
    FILE *out = argc < 3 ? NULL : fopen(argv[1], "w");
    if (out == NULL) {
        fputs("usage: embed OUTPUT FILE...\n", stderr);
        return 2;
    }
    int rc = write_all(argc - 2, argv + 2, out);
    if (fclose(out) != 0)
        rc = -1;
    return rc == 0 ? 0 : 1;
}
