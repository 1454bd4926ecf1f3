/*
 * What the parts of this library share: an open folder's entries, in order, each looked at.
 */

#ifndef SAFEHOLD_LISTING_H
#define SAFEHOLD_LISTING_H

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Numbers of ItemKind in domain/items.py; a file's other names (4) are for Python to tell. */
enum { ITEM_FILE = 1, ITEM_FOLDER = 2 };

static inline int64_t nanoseconds(struct timespec t) { return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec; }

/* ---- taking: one folder's entries ------------------------------------------------------------------- */

/* As kernel.py reads it: SEEN there. */
struct seen {
    int64_t name_offset, mode, uid, gid, size, mtime_ns, ctime_ns, ino, nlink, blocks, dev, rdev, error;
};

struct listing {
    struct seen *rows;
    char *names;
    int64_t count, room, names_bytes, names_room;
};

static inline int add_name(struct listing *l, const char *name) {
    int64_t length = (int64_t)strlen(name) + 1;
    if (l->count == l->room) {
        int64_t room = l->room ? 2 * l->room : 64;
        struct seen *rows = realloc(l->rows, room * sizeof *rows);
        if (!rows) return -1;
        l->rows = rows, l->room = room;
    }
    if (l->names_bytes + length > l->names_room) {
        int64_t room = 2 * l->names_room + length + 1024;
        char *names = realloc(l->names, room);
        if (!names) return -1;
        l->names = names, l->names_room = room;
    }
    memcpy(l->names + l->names_bytes, name, length);
    l->rows[l->count++].name_offset = l->names_bytes;
    l->names_bytes += length;
    return 0;
}

static inline int by_name(const void *a, const void *b, void *names) {
    return strcmp((char *)names + ((const struct seen *)a)->name_offset,
                  (char *)names + ((const struct seen *)b)->name_offset);
}

static inline void look(int folder, const char *name, struct seen *row) {
    struct stat s;
    if (fstatat(folder, name, &s, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT)) {
        int64_t at = row->name_offset;
        memset(row, 0, sizeof *row);
        row->name_offset = at, row->error = errno;
        return;
    }
    row->mode = s.st_mode, row->uid = s.st_uid, row->gid = s.st_gid, row->size = s.st_size;
    row->mtime_ns = nanoseconds(s.st_mtim), row->ctime_ns = nanoseconds(s.st_ctim);
    row->ino = (int64_t)s.st_ino, row->nlink = (int64_t)s.st_nlink, row->blocks = s.st_blocks;
    row->dev = (int64_t)s.st_dev, row->rdev = (int64_t)s.st_rdev, row->error = 0;
}

static inline int read_names(int folder, struct listing *l) {
    struct linux_dirent64 {
        uint64_t ino;
        int64_t off;
        unsigned short length;
        unsigned char type;
        char name[];
    };
    static __thread char buffer[1 << 16] __attribute__((aligned(8)));
    for (;;) {
        long got = syscall(SYS_getdents64, folder, buffer, sizeof buffer);
        if (got <= 0) return got ? errno : 0;
        for (long at = 0; at < got;) {
            struct linux_dirent64 *entry = (struct linux_dirent64 *)(buffer + at);
            at += entry->length;
            if (!strcmp(entry->name, ".") || !strcmp(entry->name, "..")) continue;
            if (add_name(l, entry->name)) return ENOMEM;
        }
    }
}

static inline int read_sorted(int folder, struct listing *l) {
    lseek(folder, 0, SEEK_SET);
    int error = read_names(folder, l);
    lseek(folder, 0, SEEK_SET); /* whoever reads this descriptor next begins at the beginning */
    if (l->count) qsort_r(l->rows, l->count, sizeof *l->rows, by_name, l->names);
    return error;
}

/* ---- the way to a folder -------------------------------------------------------------------------- */

enum { DEEPEST = 48 }; /* folders open at once */

/* The folders that are open on the way to one of them. */
struct way {
    int root, depth, folders[DEEPEST];
    int64_t ends[DEEPEST]; /* of each one's path */
    const char *path;
};

static inline void go_back(struct way *way, int depth) {
    while (way->depth > depth) close(way->folders[--way->depth]);
}

/* The folder, or -1. What it has in common with the path before is open already. */
static inline int go(struct way *way, const char *path, int64_t bytes) {
    int64_t start = 0;
    int kept = 0;
    while (kept < way->depth && way->ends[kept] <= bytes &&
           (way->ends[kept] == bytes || path[way->ends[kept]] == '/') &&
           !memcmp(path, way->path, way->ends[kept]))
        start = way->ends[kept++] + 1;
    go_back(way, kept);
    way->path = path;
    while (start < bytes) {
        const char *slash = memchr(path + start, '/', bytes - start);
        int64_t end = slash ? slash - path : bytes;
        char name[256];
        if (way->depth == DEEPEST || end - start > 255) return -1;
        memcpy(name, path + start, end - start), name[end - start] = 0;
        int above = way->depth ? way->folders[way->depth - 1] : way->root;
        int folder = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (folder < 0) return -1;
        way->folders[way->depth] = folder, way->ends[way->depth++] = end;
        start = end + 1;
    }
    return way->depth ? way->folders[way->depth - 1] : way->root;
}

/* ---- taking: one file's bytes ----------------------------------------------------------------------- */

/* As kernel.py writes it: WANTED there. What the listing said of the file. */
struct wanted {
    int64_t folder, name_offset, size, mtime_ns, ctime_ns, ino;
};

static inline int open_quietly(int folder, const char *name) {
    /* Not blocking: what was a file a moment ago may be a fifo now, and opening one waits for its other end. */
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int file = openat(folder, name, flags | O_NOATIME);
    if (file < 0 && errno == EPERM) file = openat(folder, name, flags); /* only the owner may ask for that */
    return file;
}

static inline int is_as_listed(int file, const struct wanted *w) {
    struct stat s;
    return !fstat(file, &s) && S_ISREG(s.st_mode) && s.st_size == w->size && (int64_t)s.st_ino == w->ino &&
           nanoseconds(s.st_mtim) == w->mtime_ns && nanoseconds(s.st_ctim) == w->ctime_ns;
}

static inline int read_all(int file, char *to, int64_t size) {
    int64_t done = 0;
    while (done < size) {
        ssize_t got = read(file, to + done, size - done);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return -1;
        done += got;
    }
    return 0;
}

/* Read a listed file whole. 0: it is as listed; 1: so it is, but has extended attributes, which are still to be
 * read; 2: anything else, and `to` holds nothing of use. */
static inline int read_listed(int folder, const char *name, const struct wanted *w, char *to) {
    int file = open_quietly(folder, name), status = 2;
    if (file < 0) return status;
    if (!read_all(file, to, w->size) && is_as_listed(file, w)) {
        ssize_t attributes = flistxattr(file, NULL, 0);
        status = attributes > 0 || (attributes < 0 && errno != ENOTSUP) ? 1 : 0;
    }
    close(file);
    return status;
}

#endif
