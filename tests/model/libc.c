/*
 * What the C library does well for large things, for tiny ones. A plan of four snapshots allocates
 * two dozen arrays of some ten bytes, reads the types of eight names and sorts three items: most of
 * the time would go to that. Only `model` is linked with this, which has one thread; the sources
 * that are tried stay as they are, and model_unit runs them with the C library's own.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define UNIT   32 /* the smallest block, with its head */
#define ORDERS 40 /* each holds twice as much as the one before */
#define CHUNK  ((size_t)1 << 24)

/* Before each block; while it is free, the next free one is written over what follows. */
struct head {
    _Alignas(16) unsigned order;
};

static struct head *vacant[ORDERS];
static char *chunk;
static size_t left;

static struct head **next_of(struct head *head)
{
    return (struct head **)(head + 1);
}

static struct head *fresh(unsigned order)
{
    size_t size = (size_t)UNIT << order;
    if (left < size) {
        size_t most = size > CHUNK ? size : CHUNK;
        chunk = mmap(NULL, most, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (chunk == MAP_FAILED)
            abort();
        left = most;
    }
    struct head *head = (struct head *)(void *)chunk;
    chunk += size;
    left -= size;
    head->order = order;
    return head;
}

static void *take(size_t size)
{
    unsigned order = 0;
    while (((size_t)UNIT << order) < size + sizeof(struct head))
        order++;
    struct head *head = vacant[order];
    if (head == NULL)
        return fresh(order) + 1;
    vacant[order] = *next_of(head);
    return head + 1;
}

static void give_back(void *p)
{
    if (p == NULL)
        return;
    struct head *head = (struct head *)p - 1;
    *next_of(head) = vacant[head->order];
    vacant[head->order] = head;
}

void *malloc(size_t size)
{
    return take(size);
}

void free(void *p)
{
    give_back(p);
}

void *calloc(size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / 2 / size)
        abort();
    void *p = take(count * size);
    memset(p, 0, count * size);
    return p;
}

void *realloc(void *old, size_t size)
{
    if (old == NULL)
        return take(size);
    size_t room = ((size_t)UNIT << ((struct head *)old - 1)->order) - sizeof(struct head);
    if (size <= room)
        return old;
    void *p = take(size);
    memcpy(p, old, room);
    give_back(old);
    return p;
}

size_t strcspn(const char *s, const char *reject)
{
    size_t n = 0;
    for (; s[n] != '\0'; n++)
        for (const char *r = reject; *r != '\0'; r++)
            if (s[n] == *r)
                return n;
    return n;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i] != b[i] || a[i] == '\0')
            return (unsigned char)a[i] - (unsigned char)b[i];
    return 0;
}

/* Shell's sort: of a few items it is the one by insertion. */
void qsort(void *base, size_t n, size_t size, int (*compare)(const void *, const void *))
{
    char *v = base;
    char item[128];
    if (size > sizeof(item))
        abort();
    size_t gap = 1;
    while (gap < n / 4)
        gap = gap * 3 + 1;
    for (; gap > 0; gap /= 3) {
        for (size_t i = gap; i < n; i++) {
            size_t k = i;
            memcpy(item, v + i * size, size);
            for (; k >= gap && compare(v + (k - gap) * size, item) > 0; k -= gap)
                memcpy(v + k * size, v + (k - gap) * size, size);
            memcpy(v + k * size, item, size);
        }
    }
}
