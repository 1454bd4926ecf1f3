/*
 * What is new: a tree of folders walked and told in the form in which it is stored, and its small files read.
 *
 * A folder costs Python more than all of its system calls cost the kernel, and a tree of small files has a
 * folder for every five of them. So many folders are told in one call, each item as MessagePack up to its
 * content (domain/items.py), which the store appends. As everywhere in this library nothing is decided: what
 * is not a plain file or folder is told undone, and Python does it (walk.py).
 */

#include "listing.h"

enum { HEAD_BYTES = 96 }; /* an item but for its name is shorter */

/* As kernel.py reads it: of one entry. kind: ITEM_FILE or ITEM_FOLDER, its head is there; 0: for Python. */
struct entry {
    struct seen seen;
    int64_t kind, head_end;
};

/* As kernel.py reads it: one folder; behind it its path (filled up to a multiple of 8 bytes), an entry for
 * each item, their heads, their names. is_left: nothing but the path, the folder is Python's to list. */
struct folder {
    int64_t bytes, is_left, path_bytes, count, heads_bytes, names_bytes;
};

struct level {
    int folder;
    int64_t path_bytes, next; /* the entry to look at next, for whether it is a folder to go into */
    struct listing l;
};

struct walk {
    struct level levels[DEEPEST];
    int depth;
    int is_left; /* what is told next is a folder that is Python's */
    int is_told; /* is the deepest level told? */
    int64_t device, racy_from_ns;
    char *path;
    int64_t path_bytes, path_room;
    unsigned char *heads;
    int64_t heads_bytes, heads_room;
    int64_t *told, told_room; /* kind and head_end of each entry of the deepest level */
};

/* ---- items, encoded as msgspec does in Python -------------------------------------------------------- */

static unsigned char *put_big_endian(unsigned char *at, int head, uint64_t number, int width) {
    *at++ = (unsigned char)head;
    while (width--) *at++ = (unsigned char)(number >> (8 * width));
    return at;
}

static unsigned char *put_number(unsigned char *at, int64_t n) {
    if (n >= 0) {
        if (n < 0x80) return *at = (unsigned char)n, at + 1;
        if (n <= UINT8_MAX) return put_big_endian(at, 0xcc, n, 1);
        if (n <= UINT16_MAX) return put_big_endian(at, 0xcd, n, 2);
        return n <= UINT32_MAX ? put_big_endian(at, 0xce, n, 4) : put_big_endian(at, 0xcf, n, 8);
    }
    if (n >= -32) return *at = (unsigned char)n, at + 1;
    if (n >= INT8_MIN) return put_big_endian(at, 0xd0, n, 1);
    if (n >= INT16_MIN) return put_big_endian(at, 0xd1, n, 2);
    return n >= INT32_MIN ? put_big_endian(at, 0xd2, n, 4) : put_big_endian(at, 0xd3, n, 8);
}

static unsigned char *put_fact(unsigned char *at, char key, int64_t value) {
    *at++ = 0xa1, *at++ = (unsigned char)key;
    return put_number(at, value);
}

/* An item's head: facts_of and file_item of facts.py. `name` is at most 255 bytes long. */
static unsigned char *put_head(unsigned char *at, const struct seen *s, const char *name, int kind,
                               int64_t racy_from_ns) {
    size_t length = strlen(name);
    int is_file = kind == ITEM_FILE, is_racy = s->ctime_ns >= racy_from_ns;
    int has_holes = is_file && s->size > 8192 && s->blocks * 512 < s->size;
    *at++ = 0x95;
    *at++ = 0xc4, *at++ = (unsigned char)length;
    memcpy(at, name, length), at += length;
    at = put_number(at, kind), at = put_number(at, is_file ? s->size : 0);
    *at++ = (unsigned char)(0x80 + 6 + is_racy + has_holes);
    at = put_fact(at, 'm', s->mode & 07777), at = put_fact(at, 'u', s->uid), at = put_fact(at, 'g', s->gid);
    at = put_fact(at, 't', s->mtime_ns), at = put_fact(at, 'c', s->ctime_ns), at = put_fact(at, 'i', s->ino);
    if (is_racy) at = put_fact(at, 'r', 1);
    if (has_holes) at = put_fact(at, 's', 1);
    if (is_file) *at++ = 0xc4, *at++ = s->size ? 32 : 0; /* the content of a small one: no chunk, or one */
    return at;
}

/* ---- the walk --------------------------------------------------------------------------------------- */

static int has_attributes(int folder, const char *name) {
    char path[64 + 256];
    /* As attributes_at in facts.py: there is no listxattrat before Linux 6.13. */
    char *at = stpcpy(path, "/proc/self/fd/");
    char digits[16];
    int count = 0;
    do digits[count++] = (char)('0' + folder % 10);
    while (folder /= 10);
    while (count) *at++ = digits[--count];
    *at++ = '/';
    stpcpy(at, name);
    ssize_t found = llistxattr(path, NULL, 0);
    return found > 0 || (found < 0 && errno != ENOTSUP && errno != ENODATA && errno != ENOSYS);
}

static int is_below(const struct seen *s) { return !s->error && S_ISDIR(s->mode); }

static int kind_to_tell(const struct walk *w, int folder, const struct seen *s, const char *name) {
    if (s->error || strlen(name) > 255) return 0;
    if (S_ISREG(s->mode)) return s->nlink == 1 ? ITEM_FILE : 0;
    int is_plain = S_ISDIR(s->mode) && s->dev == w->device && !has_attributes(folder, name);
    return is_plain ? ITEM_FOLDER : 0;
}

static int make_room(void **memory, int64_t *room, int64_t wanted) {
    if (wanted <= *room) return 0;
    void *more = realloc(*memory, 2 * wanted);
    if (!more) return -1;
    *memory = more, *room = 2 * wanted;
    return 0;
}

static int encode_level(struct walk *w, struct level *at) {
    struct listing *l = &at->l;
    int64_t heads_most = l->names_bytes + HEAD_BYTES * l->count;
    if (make_room((void **)&w->heads, &w->heads_room, heads_most + 1)) return -1;
    if (make_room((void **)&w->told, &w->told_room, 2 * (int64_t)sizeof *w->told * (l->count + 1))) return -1;
    unsigned char *end = w->heads;
    for (int64_t n = 0; n < l->count; n++) {
        const char *name = l->names + l->rows[n].name_offset;
        look(at->folder, name, &l->rows[n]);
        int kind = kind_to_tell(w, at->folder, &l->rows[n], name);
        if (kind) end = put_head(end, &l->rows[n], name, kind, w->racy_from_ns);
        w->told[2 * n] = kind, w->told[2 * n + 1] = end - w->heads;
    }
    w->heads_bytes = end - w->heads;
    return 0;
}

static void leave(struct walk *w) {
    struct level *at = &w->levels[--w->depth];
    close(at->folder);
    free(at->l.rows), free(at->l.names);
}

/* Go into an open folder, which is then the walk's. Where that fails, it is Python's. */
static void enter(struct walk *w, int folder) {
    struct stat s;
    struct level *at = &w->levels[w->depth];
    memset(at, 0, sizeof *at);
    at->folder = folder, at->path_bytes = w->path_bytes;
    w->is_told = 0, w->is_left = 0, w->depth++;
    /* Opening may have mounted something there. */
    if (fstat(folder, &s) || (int64_t)s.st_dev != w->device || read_sorted(folder, &at->l) ||
        encode_level(w, at)) {
        leave(w);
        w->is_left = 1;
    }
}

/* Go into the next folder of the deepest level, or out of that level. */
static int step(struct walk *w) {
    struct level *at = &w->levels[w->depth - 1];
    struct listing *l = &at->l;
    while (at->next < l->count && !is_below(&l->rows[at->next])) at->next++;
    if (at->next == l->count) {
        leave(w);
        return 0;
    }
    const struct seen *row = &l->rows[at->next];
    const char *name = l->names + row->name_offset;
    int64_t length = (int64_t)strlen(name), start = at->path_bytes + (at->path_bytes > 0);
    if (make_room((void **)&w->path, &w->path_room, start + length + 1)) return -1;
    at->next++;
    if (start) w->path[start - 1] = '/';
    memcpy(w->path + start, name, length + 1);
    w->path_bytes = start + length;
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int is_ours = row->dev == w->device && w->depth < DEEPEST;
    int folder = is_ours ? openat(at->folder, name, flags) : -1;
    w->is_left = folder < 0, w->is_told = 0;
    if (folder >= 0) enter(w, folder);
    return 0;
}

static int64_t filled_up(int64_t bytes) { return (bytes + 7) & ~(int64_t)7; }

/* Tell what is to be told, if it fits. Returns how many bytes it takes. */
static int64_t tell(struct walk *w, char *out, int64_t room) {
    const struct level *at = w->is_left ? NULL : &w->levels[w->depth - 1];
    struct folder f = {0, w->is_left, w->path_bytes, 0, 0, 0};
    if (at) f.count = at->l.count, f.heads_bytes = w->heads_bytes, f.names_bytes = at->l.names_bytes;
    int64_t path_room = filled_up(f.path_bytes);
    f.bytes = filled_up((int64_t)sizeof f + path_room + f.count * (int64_t)sizeof(struct entry) +
                        f.heads_bytes + f.names_bytes);
    if (f.bytes > room) return f.bytes;
    memcpy(out, &f, sizeof f), out += sizeof f;
    memcpy(out, w->path, f.path_bytes), out += path_room;
    struct entry *entries = (struct entry *)out;
    char *heads = out + f.count * sizeof *entries, *names = heads + f.heads_bytes, *end = names;
    if (f.heads_bytes) memcpy(heads, w->heads, f.heads_bytes);
    for (int64_t n = 0; n < f.count; n++) {
        struct entry *e = &entries[n];
        e->seen = at->l.rows[n], e->kind = w->told[2 * n], e->head_end = w->told[2 * n + 1];
        const char *name = at->l.names + e->seen.name_offset;
        e->seen.name_offset = end - names;
        end = stpcpy(end, name) + 1;
    }
    return f.bytes;
}

/* A walk from an open folder on, which is then the walk's; path: of it, told before all others'. NULL: no memory,
 * and the folder is still the caller's. What changed at racy_from_ns or later is told as such. */
struct walk *safehold_walk(int folder, const char *path, int64_t path_bytes, int64_t racy_from_ns) {
    struct stat s;
    struct walk *w = calloc(1, sizeof *w);
    if (!w || make_room((void **)&w->path, &w->path_room, path_bytes + 1) || fstat(folder, &s)) {
        if (w) free(w->path);
        free(w);
        return NULL;
    }
    memcpy(w->path, path, path_bytes);
    w->path_bytes = path_bytes, w->racy_from_ns = racy_from_ns, w->device = (int64_t)s.st_dev;
    enter(w, folder);
    return w;
}

void safehold_walk_end(struct walk *w) {
    while (w->depth) leave(w);
    free(w->path), free(w->heads), free(w->told), free(w);
}

/*
 * The next folders, depth first, in the order of their names' bytes, as many as fit.
 * Returns the bytes that they take, 0 at the end; or less than 0: so much room, negated, is needed for the next.
 * Out of memory, it ends too early: told[0] is 0 then, 1 otherwise.
 */
int64_t safehold_walk_on(struct walk *w, char *out, int64_t room, int64_t told[1]) {
    int64_t used = 0;
    told[0] = 1;
    for (;;) {
        if (!w->is_told && (w->depth || w->is_left)) {
            int64_t taken = tell(w, out + used, room - used);
            if (taken > room - used) return used ? used : -taken;
            used += taken;
            w->is_told = 1, w->is_left = 0;
        }
        if (!w->depth) return used;
        if (step(w)) {
            told[0] = 0;
            return used;
        }
    }
}

/* ---- reading ---------------------------------------------------------------------------------------- */

/* As kernel.py writes it: the files among a folder's entries [first, end) that are no longer than `most`; where
 * in the bytes theirs begin. */
struct run {
    const char *path;
    int64_t path_bytes;
    const struct entry *entries;
    const char *names;
    int64_t first, end, at;
};

static int read_run(struct way *way, const struct run *r, int64_t most, char *bytes) {
    int folder = go(way, r->path, r->path_bytes);
    if (folder < 0) return -1;
    char *to = bytes + r->at;
    for (int64_t n = r->first; n < r->end; n++) {
        const struct seen *s = &r->entries[n].seen;
        if (r->entries[n].kind != ITEM_FILE || s->size > most) continue;
        struct wanted w = {folder, s->name_offset, s->size, s->mtime_ns, s->ctime_ns, s->ino};
        if (read_listed(folder, r->names + s->name_offset, &w, to)) return -1;
        to += s->size;
    }
    return 0;
}

/* Read those files. is_taken[n]: 1 if all of that run are as listed, and have no extended attributes. */
void safehold_read_new(int root, const struct run *runs, int64_t count, int64_t most, char *bytes,
                       char *is_taken) {
    struct way way = {root, 0, {0}, {0}, ""};
    for (int64_t n = 0; n < count; n++) is_taken[n] = !read_run(&way, &runs[n], most, bytes);
    go_back(&way, 0);
}
