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
const int safehold_interface = 5;

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

/* ---- taking: a folder that is as it was -------------------------------------------------------------- */

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

/* As kernel.py reads it. folders: where in the encoded items each folder's is, (start, end) after (start, end). */
struct same {
    int64_t items, files, bytes, device, folders_count, folders_room, *folders;
};

static int note_folder(struct same *told, int64_t start, int64_t end) {
    if (told->folders_count == told->folders_room) {
        int64_t room = told->folders_room ? 2 * told->folders_room : 16;
        int64_t *folders = realloc(told->folders, 2 * room * sizeof *folders);
        if (!folders) return -1;
        told->folders = folders, told->folders_room = room;
    }
    told->folders[2 * told->folders_count] = start, told->folders[2 * told->folders_count + 1] = end;
    told->folders_count++;
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

static int are_as_known(int folder, struct reader *r, const struct listing *l, struct same *told) {
    while (r->at < r->end) {
        struct value items = take(r);
        if (items.kind != ARRAY || items.number > l->count - told->items) return 0;
        for (int64_t n = 0; n < items.number; n++) {
            struct known k;
            int64_t start = r->at - r->start;
            if (take_item(r, &k)) return 0;
            if (!is_as_known(folder, l->names + l->rows[told->items].name_offset, &k, told)) return 0;
            if (k.kind == ITEM_FOLDER && note_folder(told, start, r->at - r->start)) return 0;
            told->items++;
        }
    }
    return told->items == l->count;
}

/*
 * Is an open folder as its encoded items say, one array of them after another? Returns 1 if all of them are
 * there, nothing else is, and nothing about any of them has changed; 0 when that cannot be said for certain.
 * What is in a folder of another device than itself, or has several names, is never said to be the same.
 * told->folders is to be given to safehold_free.
 */
int safehold_same(int folder, const unsigned char *before, int64_t size, struct same *told) {
    struct reader r = {before, before, before + size};
    struct listing l = {0};
    struct stat s;
    memset(told, 0, sizeof *told);
    int is_same = !fstat(folder, &s) && !read_sorted(folder, &l);
    told->device = (int64_t)s.st_dev;
    is_same = is_same && are_as_known(folder, &r, &l, told);
    safehold_free(l.rows, l.names);
    return is_same;
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
