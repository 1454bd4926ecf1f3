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

#include "listing.h"

/* What kernel.py expects; to be counted up there and here with every change of what passes between the two. */
const int safehold_interface = 6;

void safehold_free(void *rows, void *names) {
    free(rows);
    free(names);
}

/* Does the listing fit into so much room? Then it is put there: the rows, and behind them the names in order. */
static int put(const struct listing *l, char *out, int64_t room) {
    if (l->count * (int64_t)sizeof *l->rows + l->names_bytes > room) return 0;
    if (l->count) memcpy(out, l->rows, l->count * sizeof *l->rows); /* an empty listing has no memory */
    char *end = out + l->count * sizeof *l->rows;
    for (int64_t n = 0; n < l->count; n++) end = stpcpy(end, l->names + l->rows[n].name_offset) + 1;
    return 1;
}

/*
 * The entries of an open folder, in the order of their names' bytes, each looked at without following it.
 * Returns 0, or the errno that ended the reading of names: what was found until then is given all the same;
 * or -1 when `out` has not the room that told[] asks for. told: how many entries, and the bytes of their
 * names, each with a NUL behind it.
 */
int safehold_list(int folder, char *out, int64_t room, int64_t told[2]) {
    struct listing l = {0};
    int error = read_sorted(folder, &l);
    for (int64_t n = 0; n < l.count; n++) look(folder, l.names + l.rows[n].name_offset, &l.rows[n]);
    told[0] = l.count, told[1] = l.names_bytes;
    if (!put(&l, out, room)) error = -1;
    safehold_free(l.rows, l.names);
    return error;
}

/* ---- taking: the bytes of small files --------------------------------------------------------------- */

/*
 * Read files whole into `bytes`, one after another, each as long as listed.
 * status[n]: 0 taken; 1 taken, but has extended attributes, which are still to be read; 2 anything else: its
 * place in `bytes` holds nothing of use.
 */
void safehold_read(const struct wanted *files, int64_t count, const char *names, char *bytes, char *status) {
    for (int64_t n = 0; n < count; n++) {
        const struct wanted *w = &files[n];
        status[n] = (char)read_listed((int)w->folder, names + w->name_offset, w, bytes);
        bytes += w->size;
    }
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

/* Owner and mode, as far as they are not what the new file has already: each change is a journal entry. */
static int give(int file, const struct new_file *f, int clears_acl) {
    struct stat s;
    /* It had none, or the file system knows none: nothing is lost by asking. */
    if (clears_acl) fremovexattr(file, "system.posix_acl_access");
    if (fstat(file, &s)) return -1;
    int is_given = s.st_uid == (uid_t)f->uid && s.st_gid == (gid_t)f->gid;
    /* ORDER: a new owner clears set-user-id. */
    if (!is_given && fchown(file, (uid_t)f->uid, (gid_t)f->gid)) return -1;
    return (s.st_mode & 07777) == (mode_t)f->mode ? 0 : fchmod(file, (mode_t)f->mode);
}

static int fill(int file, const struct new_file *f, const char *from, int clears_acl) {
    struct timespec when = {f->mtime_ns / 1000000000, f->mtime_ns % 1000000000};
    if (when.tv_nsec < 0) when.tv_sec--, when.tv_nsec += 1000000000; /* before 1970 */
    struct timespec both[2] = {when, when};
    /* ORDER: everything but the times themselves may move the times. */
    return write_all(file, from, f->size) || give(file, f, clears_acl) || futimens(file, both);
}

/*
 * Make files that were not there, with their bytes, owner, mode and time; `clears_acl` takes off the ACL that
 * one inherits from its folder.
 * status[n]: 0 made; 2 anything else, and nothing of ours is left under that name.
 */
void safehold_write(const struct new_file *files, int64_t count, const char *names, const char *const *bytes,
                    int clears_acl, char *status) {
    uid_t us = geteuid();
    gid_t our_group = getegid();
    for (int64_t n = 0; n < count; n++) {
        const struct new_file *f = &files[n];
        const char *name = names + f->name_offset;
        int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
        /* Readable by nobody else yet, where it is to be somebody else's. */
        int is_ours = (uid_t)f->uid == us && (gid_t)f->gid == our_group;
        int file = openat((int)f->folder, name, flags, is_ours ? (mode_t)f->mode & 0777 : 0600);
        status[n] = 2;
        if (file < 0) continue;
        int failed = fill(file, f, bytes[n], clears_acl);
        if (close(file) || failed) unlinkat((int)f->folder, name, 0);
        else status[n] = 0;
    }
}
