/*
 * The system calls of many small files in one call, outside Python's lock.
 *
 * A small file costs five system calls to take and eight to put back. Each of them, made from Python, lets go
 * of the interpreter's lock and waits for it again; a backup of many small files then spends its time waiting.
 * Nothing is decided here: what is not plain success comes back as a status, and Python does that item again,
 * one call at a time (reading.py, writing.py). Without this library everything goes that way.
 *
 * Called through ctypes (kernel.py); needs no header of Python, so that one build serves every version.
 */

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

/* What kernel.py expects; to be counted up there and here with every change of what passes between the two. */
const int safehold_interface = 1;

static int64_t nanoseconds(struct timespec t) { return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec; }

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

static int add_name(struct listing *l, const char *name) {
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

static int by_name(const void *a, const void *b, void *names) {
    return strcmp((char *)names + ((const struct seen *)a)->name_offset,
                  (char *)names + ((const struct seen *)b)->name_offset);
}

static void look(int folder, const char *name, struct seen *row) {
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

static int read_names(int folder, struct listing *l) {
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

/*
 * The entries of an open folder, in the order of their names' bytes, each looked at without following it.
 * Returns 0, or the errno that ended the reading of names: what was found until then is given all the same.
 * `names` has them in that order, each with a NUL behind it. Both are to be given to safehold_free.
 */
int safehold_list(int folder, struct seen **rows, char **names, int64_t *count, int64_t *names_bytes) {
    struct listing l = {0};
    lseek(folder, 0, SEEK_SET);
    int error = read_names(folder, &l);
    lseek(folder, 0, SEEK_SET); /* whoever reads this descriptor next begins at the beginning */
    qsort_r(l.rows, l.count, sizeof *l.rows, by_name, l.names);
    for (int64_t n = 0; n < l.count; n++) look(folder, l.names + l.rows[n].name_offset, &l.rows[n]);
    char *sorted = malloc(l.names_bytes + 1), *end = sorted;
    for (int64_t n = 0; sorted && n < l.count; n++) end = stpcpy(end, l.names + l.rows[n].name_offset) + 1;
    free(l.names);
    *rows = l.rows, *names = sorted, *count = l.count, *names_bytes = l.names_bytes;
    return sorted ? error : ENOMEM;
}

void safehold_free(void *rows, void *names) {
    free(rows);
    free(names);
}

/* ---- taking: the bytes of small files --------------------------------------------------------------- */

/* As kernel.py writes it: WANTED there. What the listing said of the file. */
struct wanted {
    int64_t folder, name_offset, size, mtime_ns, ctime_ns, ino;
};

static int open_quietly(int folder, const char *name) {
    /* Not blocking: what was a file a moment ago may be a fifo now, and opening one waits for its other end. */
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int file = openat(folder, name, flags | O_NOATIME);
    if (file < 0 && errno == EPERM) file = openat(folder, name, flags); /* only the owner may ask for that */
    return file;
}

static int is_as_listed(int file, const struct wanted *w) {
    struct stat s;
    return !fstat(file, &s) && S_ISREG(s.st_mode) && s.st_size == w->size && (int64_t)s.st_ino == w->ino &&
           nanoseconds(s.st_mtim) == w->mtime_ns && nanoseconds(s.st_ctim) == w->ctime_ns;
}

static int read_all(int file, char *to, int64_t size) {
    int64_t done = 0;
    while (done < size) {
        ssize_t got = read(file, to + done, size - done);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return -1;
        done += got;
    }
    return 0;
}

/*
 * Read files whole into `bytes`, one after another, each as long as listed.
 * status[n]: 0 taken; 1 taken, but has extended attributes, which are still to be read; 2 anything else: its
 * place in `bytes` holds nothing of use. Returns how many are 0.
 */
int64_t safehold_read(const struct wanted *files, int64_t count, const char *names, char *bytes, char *status) {
    int64_t taken = 0;
    for (int64_t n = 0; n < count; n++) {
        const struct wanted *w = &files[n];
        int file = open_quietly((int)w->folder, names + w->name_offset);
        status[n] = 2;
        if (file >= 0) {
            if (!read_all(file, bytes, w->size) && is_as_listed(file, w)) {
                ssize_t attributes = flistxattr(file, NULL, 0);
                status[n] = attributes > 0 || (attributes < 0 && errno != ENOTSUP) ? 1 : 0;
                taken += !status[n];
            }
            close(file);
        }
        bytes += w->size;
    }
    return taken;
}

/* ---- putting back: small files ---------------------------------------------------------------------- */

/* As kernel.py writes it. */
struct new_file {
    int64_t folder, name_offset, size, mode, uid, gid, mtime_ns;
};

static int write_all(int file, const char *from, int64_t size) {
    int64_t done = 0;
    while (done < size) {
        ssize_t put = write(file, from + done, size - done);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return -1;
        done += put;
    }
    return 0;
}

static int fill(int file, const struct new_file *f, const char *from) {
    struct timespec when = {f->mtime_ns / 1000000000, f->mtime_ns % 1000000000};
    if (when.tv_nsec < 0) when.tv_sec--, when.tv_nsec += 1000000000; /* before 1970 */
    struct timespec both[2] = {when, when};
    /* ORDER: a new owner clears set-user-id, and everything but the times themselves may move the times. */
    return write_all(file, from, f->size) || fchown(file, (uid_t)f->uid, (gid_t)f->gid) ||
           fchmod(file, (mode_t)f->mode) || futimens(file, both);
}

/*
 * Make files that were not there, with their bytes, owner, mode and time.
 * status[n]: 0 made; 2 anything else, and nothing of ours is left under that name.
 */
void safehold_write(const struct new_file *files, int64_t count, const char *names, const char *const *bytes,
                    char *status) {
    for (int64_t n = 0; n < count; n++) {
        const struct new_file *f = &files[n];
        const char *name = names + f->name_offset;
        int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC; /* readable by nobody else yet */
        int file = openat((int)f->folder, name, flags, 0600);
        status[n] = 2;
        if (file < 0) continue;
        int failed = fill(file, f, bytes[n]);
        if (close(file) || failed) unlinkat((int)f->folder, name, 0);
        else status[n] = 0;
    }
}
