/*
 * What is known: folders that may be as their encoded items say, many compared in one go.
 *
 * They are compared in a thread of this library's own, beside Python, which meanwhile looks up what is known of
 * the next ones. As everywhere in this library nothing is decided: a folder of which it cannot be said for
 * certain that nothing changed is Python's to list (walk.py).
 */

#include "listing.h"

#include <pthread.h>

/* MessagePack as items are encoded in (domain/items.py). Source: github.com/msgpack/msgpack, spec.md */
struct reader {
    const unsigned char *start, *at, *end;
};
enum value_kind { BROKEN, NOTHING, NUMBER, BYTES, ARRAY, MAP };
struct value {
    enum value_kind kind;
    int64_t number; /* the number itself, or how many bytes, elements or pairs follow */
    const unsigned char *bytes;
};

static int64_t big_endian(struct reader *r, int width, int is_signed) {
    uint64_t found = is_signed && r->at < r->end && *r->at & 0x80 ? ~(uint64_t)0 : 0;
    if (r->end - r->at < width) {
        r->at = r->end + 1; /* seen by whoever takes it */
        return 0;
    }
    while (width--) found = found << 8 | *r->at++;
    return (int64_t)found;
}

static struct value take(struct reader *r) {
    struct value v = {BROKEN, 0, NULL};
    if (r->at >= r->end) return v;
    unsigned char c = *r->at++;
    if (c < 0x80) v.kind = NUMBER, v.number = c;
    else if (c >= 0xe0) v.kind = NUMBER, v.number = (signed char)c;
    else if (c < 0x90) v.kind = MAP, v.number = c & 15;
    else if (c < 0xa0) v.kind = ARRAY, v.number = c & 15;
    else if (c < 0xc0) v.kind = BYTES, v.number = c & 31;
    else if (c == 0xc0 || c == 0xc2 || c == 0xc3) v.kind = NOTHING; /* what is true or false is not looked at */
    else if (c >= 0xc4 && c <= 0xc6) v.kind = BYTES, v.number = big_endian(r, 1 << (c - 0xc4), 0);
    else if (c >= 0xcc && c <= 0xcf) v.kind = NUMBER, v.number = big_endian(r, 1 << (c - 0xcc), 0);
    else if (c >= 0xd0 && c <= 0xd3) v.kind = NUMBER, v.number = big_endian(r, 1 << (c - 0xd0), 1);
    else if (c >= 0xd9 && c <= 0xdb) v.kind = BYTES, v.number = big_endian(r, 1 << (c - 0xd9), 0);
    else if (c == 0xdc || c == 0xdd) v.kind = ARRAY, v.number = big_endian(r, 2 << (c - 0xdc), 0);
    else if (c == 0xde || c == 0xdf) v.kind = MAP, v.number = big_endian(r, 2 << (c - 0xde), 0);
    if (v.kind == BYTES) {
        v.bytes = r->at;
        if (r->at > r->end || v.number > r->end - r->at) v.kind = BROKEN;
        else r->at += v.number;
    }
    if (r->at > r->end) v.kind = BROKEN;
    return v;
}

/* Pass over a value, with all that is in it. */
static int pass(struct reader *r) {
    for (int64_t left = 1; left > 0; left--) {
        struct value v = take(r);
        if (v.kind == BROKEN) return -1;
        if (v.kind == ARRAY) left += v.number;
        if (v.kind == MAP) left += 2 * v.number;
    }
    return 0;
}

/* What of an item is compared; see is_same in facts.py. */
struct known {
    struct value name, content;
    int64_t kind, size, mtime_ns, ctime_ns, ino;
    int has; /* bits: 1 c, 2 i, 4 t, 8 r */
};
enum { HAS_ALL = 7, HAS_RACY = 8 };

static int take_fact(struct reader *r, struct known *k) {
    struct value key = take(r);
    if (key.kind != BYTES) return -1;
    char fact = key.number == 1 ? (char)*key.bytes : 0;
    int bit = fact == 'c' ? 1 : fact == 'i' ? 2 : fact == 't' ? 4 : fact == 'r' ? HAS_RACY : 0;
    if (!bit || bit == HAS_RACY) {
        k->has |= bit;
        return pass(r);
    }
    struct value v = take(r);
    if (v.kind != NUMBER) return -1;
    *(fact == 'c' ? &k->ctime_ns : fact == 'i' ? &k->ino : &k->mtime_ns) = v.number;
    k->has |= bit;
    return 0;
}

static int take_item(struct reader *r, struct known *k) {
    struct value fields = take(r);
    if (fields.kind != ARRAY || fields.number != 5) return -1;
    k->has = 0;
    k->name = take(r);
    struct value kind = take(r), size = take(r), facts = take(r);
    if (k->name.kind != BYTES || kind.kind != NUMBER || size.kind != NUMBER || facts.kind != MAP) return -1;
    k->kind = kind.number, k->size = size.number;
    for (int64_t n = 0; n < facts.number; n++)
        if (take_fact(r, k)) return -1;
    k->content = take(r);
    return k->content.kind == BYTES || k->content.kind == NOTHING ? 0 : -1;
}

static int64_t kind_of(mode_t mode) {
    switch (mode & S_IFMT) {
    case S_IFREG: return ITEM_FILE;
    case S_IFDIR: return ITEM_FOLDER;
    case S_IFLNK: return 3;
    case S_IFIFO: return 5;
    case S_IFSOCK: return 6;
    case S_IFCHR: return 7;
    case S_IFBLK: return 8;
    default: return 0;
    }
}

/* As known_folders.py writes it: where a folder's path, and its encoded items (one array after another), end. */
struct known_folder {
    int64_t path_end, items_end;
};

/* As known_folders.py reads it: of one of them. Of anything but `is_same` nothing is said where that is 0.
 * folders_end: how many folders are in all that were told until then. */
struct same {
    int64_t is_same, items, files, bytes, device, folders_end;
};

struct comparison {
    pthread_t thread;
    int has_thread, root;
    const char *paths;
    const unsigned char *items;
    const struct known_folder *known;
    int64_t count;
    struct same *told;
    int64_t folders_count, folders_room, *folders; /* where in its folder's items each is: start, end */
};

static int note_folder(struct comparison *c, int64_t start, int64_t end) {
    if (c->folders_count == c->folders_room) {
        int64_t room = c->folders_room ? 2 * c->folders_room : 256;
        int64_t *folders = realloc(c->folders, 2 * room * sizeof *folders);
        if (!folders) return -1;
        c->folders = folders, c->folders_room = room;
    }
    c->folders[2 * c->folders_count] = start, c->folders[2 * c->folders_count + 1] = end;
    c->folders_count++;
    return 0;
}

static int is_as_known(int folder, const char *name, const struct known *k, struct same *told) {
    struct stat s;
    size_t length = strlen(name);
    if ((int64_t)length != k->name.number || memcmp(name, k->name.bytes, length)) return 0;
    if (k->has != HAS_ALL || fstatat(folder, name, &s, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT)) return 0;
    if (kind_of(s.st_mode) != k->kind || (int64_t)s.st_dev != told->device || (int64_t)s.st_ino != k->ino ||
        nanoseconds(s.st_ctim) != k->ctime_ns || nanoseconds(s.st_mtim) != k->mtime_ns)
        return 0;
    if (k->kind != ITEM_FILE) return 1;
    told->files++, told->bytes += s.st_size;
    return s.st_nlink == 1 && s.st_size == k->size && k->content.kind == BYTES;
}

static int are_as_known(struct comparison *c, int folder, struct reader *r, const struct listing *l,
                        struct same *told) {
    while (r->at < r->end) {
        struct value items = take(r);
        if (items.kind != ARRAY || items.number > l->count - told->items) return 0;
        for (int64_t n = 0; n < items.number; n++) {
            struct known k;
            int64_t start = r->at - r->start;
            if (take_item(r, &k)) return 0;
            if (!is_as_known(folder, l->names + l->rows[told->items].name_offset, &k, told)) return 0;
            if (k.kind == ITEM_FOLDER && note_folder(c, start, r->at - r->start)) return 0;
            told->items++;
        }
    }
    return told->items == l->count;
}

/*
 * Is an open folder as its encoded items say? Yes if all of them are there, nothing else is, and nothing about
 * any of them has changed. What is in a folder of another device than itself, or has several names, is never
 * said to be the same.
 */
static int is_same(struct comparison *c, int folder, struct reader *items, struct same *told) {
    struct listing l = {0};
    struct stat s;
    if (fstat(folder, &s)) return 0;
    told->device = (int64_t)s.st_dev;
    int same = !read_sorted(folder, &l) && are_as_known(c, folder, items, &l, told);
    free(l.rows), free(l.names);
    return same;
}

static void *compare(void *comparison) {
    struct comparison *c = comparison;
    struct way way = {c->root, 0, {0}, {0}, ""};
    struct known_folder before = {0, 0};
    for (int64_t n = 0; n < c->count; n++) {
        struct known_folder k = c->known[n];
        struct same *told = &c->told[n];
        const unsigned char *items = c->items + before.items_end;
        struct reader r = {items, items, c->items + k.items_end};
        int64_t folders_before = c->folders_count;
        int folder = go(&way, c->paths + before.path_end, k.path_end - before.path_end);
        memset(told, 0, sizeof *told);
        told->is_same = folder >= 0 && is_same(c, folder, &r, told);
        if (!told->is_same) c->folders_count = folders_before;
        told->folders_end = c->folders_count;
        before = k;
    }
    go_back(&way, 0);
    return NULL;
}

/*
 * Compare folders below an open one, in a thread of its own. What is given is read, and `told` written, until
 * the comparison was waited for. NULL: no memory.
 */
struct comparison *safehold_compare(int root, const char *paths, const unsigned char *items,
                                    const struct known_folder *known, int64_t count, struct same *told) {
    struct comparison *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->root = root, c->paths = paths, c->items = items, c->known = known, c->count = count, c->told = told;
    c->has_thread = !pthread_create(&c->thread, NULL, compare, c);
    if (!c->has_thread) compare(c);
    return c;
}

/* Wait for it. folders: where in their folder's items those below it are, (start, end) after (start, end), good
 * until the comparison ends. */
const int64_t *safehold_compared(struct comparison *c) {
    if (c->has_thread) pthread_join(c->thread, NULL);
    c->has_thread = 0;
    return c->folders;
}

void safehold_comparison_end(struct comparison *c) {
    safehold_compared(c);
    free(c->folders);
    free(c);
}
