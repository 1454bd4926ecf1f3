/*
 * A frame sealed, or opened, in one call outside Python's lock.
 *
 * Sealing a frame takes six steps (compress, encrypt, decrypt, decompress, compare, and the room for each).
 * Made from Python, each lets go of the interpreter's lock, waits for it again and asks for fresh memory; with
 * the rest of a backup running beside them, sealing threads then mostly wait. Here the steps share scratch
 * memory of their thread. Format and meaning are those of frames.py, which does the same without this library.
 *
 * The compressor and the cipher are the system's own libraries, found when this one is loaded (kernel.py); no
 * header of theirs is needed. What is declared here is their stable interface.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What kernel.py expects; to be counted up there and here with every change of what passes between the two. */
const int safehold_interface = 1;

#define TAG_BYTES 16
#define NONCE_BYTES 12
#define RAW 0
#define ZSTD 1

/* Source: zstd.h, ZSTD_cParameter of the stable interface. */
enum { WINDOW_LOG = 101, HASH_LOG = 102, CHAIN_LOG = 103, SEARCH_LOG = 104, MIN_MATCH = 105, STRATEGY = 107 };
/* Source: openssl/evp.h */
enum { GCM_SET_IVLEN = 0x9, GCM_GET_TAG = 0x10, GCM_SET_TAG = 0x11 };

static struct {
    void *(*new_cctx)(void), *(*new_dctx)(void);
    size_t (*free_cctx)(void *), (*free_dctx)(void *);
    size_t (*set)(void *, int, int);
    size_t (*bound)(size_t);
    size_t (*compress)(void *, void *, size_t, const void *, size_t);
    size_t (*decompress)(void *, void *, size_t, const void *, size_t);
    unsigned (*is_error)(size_t);
    unsigned long long (*content_size)(const void *, size_t);
} zstd;

static struct {
    void *(*new_ctx)(void);
    void (*free_ctx)(void *);
    const void *(*aes_256_gcm)(void);
    int (*ctrl)(void *, int, int, void *);
    int (*enc_init)(void *, const void *, void *, const unsigned char *, const unsigned char *);
    int (*enc_update)(void *, unsigned char *, int *, const unsigned char *, int);
    int (*enc_final)(void *, unsigned char *, int *);
    int (*dec_init)(void *, const void *, void *, const unsigned char *, const unsigned char *);
    int (*dec_update)(void *, unsigned char *, int *, const unsigned char *, int);
    int (*dec_final)(void *, unsigned char *, int *);
} evp;

static int find(void *library, const char *name, void *to) {
    void *found = library ? dlsym(library, name) : NULL;
    memcpy(to, &found, sizeof found); /* a function pointer, as dlsym(3) says to take it */
    return found != NULL;
}

/* Find the system's libraries; 0 when all that is needed is there. Call once, before anything else. */
int safehold_begin(const char *zstd_name, const char *crypto_name) {
    void *z = dlopen(zstd_name, RTLD_NOW | RTLD_LOCAL), *c = dlopen(crypto_name, RTLD_NOW | RTLD_LOCAL);
    int all = find(z, "ZSTD_createCCtx", &zstd.new_cctx) & find(z, "ZSTD_createDCtx", &zstd.new_dctx) &
              find(z, "ZSTD_freeCCtx", &zstd.free_cctx) & find(z, "ZSTD_freeDCtx", &zstd.free_dctx) &
              find(z, "ZSTD_CCtx_setParameter", &zstd.set) & find(z, "ZSTD_compressBound", &zstd.bound) &
              find(z, "ZSTD_compress2", &zstd.compress) & find(z, "ZSTD_decompressDCtx", &zstd.decompress) &
              find(z, "ZSTD_isError", &zstd.is_error) &
              find(z, "ZSTD_getFrameContentSize", &zstd.content_size) &
              find(c, "EVP_CIPHER_CTX_new", &evp.new_ctx) & find(c, "EVP_CIPHER_CTX_free", &evp.free_ctx) &
              find(c, "EVP_aes_256_gcm", &evp.aes_256_gcm) & find(c, "EVP_CIPHER_CTX_ctrl", &evp.ctrl) &
              find(c, "EVP_EncryptInit_ex", &evp.enc_init) & find(c, "EVP_EncryptUpdate", &evp.enc_update) &
              find(c, "EVP_EncryptFinal_ex", &evp.enc_final) & find(c, "EVP_DecryptInit_ex", &evp.dec_init) &
              find(c, "EVP_DecryptUpdate", &evp.dec_update) & find(c, "EVP_DecryptFinal_ex", &evp.dec_final);
    return all ? 0 : -1;
}

/* ---- what one thread works with; made and freed by kernel.py ---------------------------------------- */

struct room {
    unsigned char *bytes;
    size_t size;
};

struct bench {
    void *cctx, *dctx, *cipher;
    struct room encoded, sealed, opened, decoded;
};

static unsigned char *need(struct room *room, size_t size) {
    if (room->size < size) {
        free(room->bytes); /* what was in it is done with */
        room->bytes = malloc(size), room->size = room->bytes ? size : 0;
    }
    return room->bytes;
}

void safehold_bench_free(struct bench *b) {
    if (!b) return;
    if (b->cctx) zstd.free_cctx(b->cctx);
    if (b->dctx) zstd.free_dctx(b->dctx);
    if (b->cipher) evp.free_ctx(b->cipher);
    free(b->encoded.bytes), free(b->sealed.bytes), free(b->opened.bytes), free(b->decoded.bytes);
    free(b);
}

/* A bench for one thread at a time, or NULL. The numbers are the compressor's parameters. */
struct bench *safehold_bench(int window_log, int hash_log, int chain_log, int search_log, int min_match,
                             int strategy) {
    struct bench *b = calloc(1, sizeof *b);
    if (!b) return NULL;
    b->cctx = zstd.new_cctx(), b->dctx = zstd.new_dctx(), b->cipher = evp.new_ctx();
    const int parameters[][2] = {{WINDOW_LOG, window_log}, {HASH_LOG, hash_log},   {CHAIN_LOG, chain_log},
                                 {SEARCH_LOG, search_log}, {MIN_MATCH, min_match}, {STRATEGY, strategy}};
    int is_set = b->cctx && b->dctx && b->cipher;
    for (size_t n = 0; is_set && n < sizeof parameters / sizeof *parameters; n++)
        is_set = !zstd.is_error(zstd.set(b->cctx, parameters[n][0], parameters[n][1]));
    if (is_set) return b;
    safehold_bench_free(b);
    return NULL;
}

struct seal {
    const unsigned char *key, *nonce, *bound;
    int64_t bound_bytes;
};

static int encrypt(void *cipher, const struct seal *s, const unsigned char *from, size_t size,
                   unsigned char *to) {
    int done, rest;
    return evp.enc_init(cipher, evp.aes_256_gcm(), NULL, NULL, NULL) == 1 &&
           evp.ctrl(cipher, GCM_SET_IVLEN, NONCE_BYTES, NULL) == 1 &&
           evp.enc_init(cipher, NULL, NULL, s->key, s->nonce) == 1 &&
           evp.enc_update(cipher, NULL, &done, s->bound, (int)s->bound_bytes) == 1 &&
           evp.enc_update(cipher, to, &done, from, (int)size) == 1 &&
           evp.enc_final(cipher, to + done, &rest) == 1 && (size_t)(done + rest) == size &&
           evp.ctrl(cipher, GCM_GET_TAG, TAG_BYTES, to + size) == 1;
}

static int decrypt(void *cipher, const struct seal *s, const unsigned char *from, size_t size,
                   unsigned char *to) {
    int done, rest;
    return evp.dec_init(cipher, evp.aes_256_gcm(), NULL, NULL, NULL) == 1 &&
           evp.ctrl(cipher, GCM_SET_IVLEN, NONCE_BYTES, NULL) == 1 &&
           evp.dec_init(cipher, NULL, NULL, s->key, s->nonce) == 1 &&
           evp.dec_update(cipher, NULL, &done, s->bound, (int)s->bound_bytes) == 1 &&
           evp.dec_update(cipher, to, &done, from, (int)size) == 1 &&
           evp.ctrl(cipher, GCM_SET_TAG, TAG_BYTES, (void *)(from + size)) == 1 &&
           evp.dec_final(cipher, to + done, &rest) == 1 && (size_t)(done + rest) == size;
}

static size_t encode(struct bench *b, const unsigned char *plain, size_t size, double worth) {
    size_t bound = zstd.bound(size), room = bound > size ? bound : size;
    unsigned char *to = need(&b->encoded, room + 1);
    if (!to) return 0;
    size_t packed = zstd.compress(b->cctx, to + 1, room, plain, size);
    if (!zstd.is_error(packed) && (double)packed < worth * (double)size) {
        to[0] = ZSTD;
        return packed + 1;
    }
    to[0] = RAW;
    memcpy(to + 1, plain, size);
    return size + 1;
}

/* Results of `open`: the plain bytes are in *plain, or what is wrong. */
enum { NO_MEMORY = -1, NOT_AUTHENTIC = -2, UNKNOWN_CODEC = -3, TOO_LARGE = -4, NOT_DECODABLE = -5, DIFFERS = -6 };

static int64_t decode(struct bench *b, const unsigned char *encoded, size_t size, uint64_t most,
                      const unsigned char **plain) {
    if (!size || encoded[0] > ZSTD) return UNKNOWN_CODEC;
    if (encoded[0] == RAW) {
        *plain = encoded + 1;
        return (int64_t)size - 1;
    }
    unsigned long long claimed = zstd.content_size(encoded + 1, size - 1);
    if (claimed > most) return claimed >= (unsigned long long)-2 ? NOT_DECODABLE : TOO_LARGE;
    unsigned char *to = need(&b->decoded, claimed + 1);
    if (!to) return NO_MEMORY;
    size_t got = zstd.decompress(b->dctx, to, claimed, encoded + 1, size - 1);
    *plain = to;
    return zstd.is_error(got) || got != claimed ? NOT_DECODABLE : (int64_t)got;
}

/*
 * Open a sealed frame. Returns the length of the plain bytes and where they are, in this bench until it is
 * used again; or one of the results above.
 */
int64_t safehold_open(struct bench *b, const struct seal *s, const unsigned char *sealed, int64_t size,
                      uint64_t most, const unsigned char **plain) {
    if (size < TAG_BYTES || size > INT32_MAX) return NOT_AUTHENTIC;
    unsigned char *opened = need(&b->opened, size);
    if (!opened) return NO_MEMORY;
    if (!decrypt(b->cipher, s, sealed, size - TAG_BYTES, opened)) return NOT_AUTHENTIC;
    return decode(b, opened, size - TAG_BYTES, most, plain);
}

/*
 * Encode and seal plain bytes as one frame, then open it again and compare it with them.
 * Returns the sealed frame's length and where it is, in this bench until it is used again; or a result above.
 */
int64_t safehold_seal(struct bench *b, const struct seal *s, const unsigned char *plain, int64_t size,
                      double worth, uint64_t most, const unsigned char **sealed) {
    if ((uint64_t)size > most) return TOO_LARGE;
    size_t encoded = encode(b, plain, (size_t)size, worth);
    unsigned char *to = encoded ? need(&b->sealed, encoded + TAG_BYTES) : NULL;
    if (!to || !encrypt(b->cipher, s, b->encoded.bytes, encoded, to)) return NO_MEMORY;
    const unsigned char *again;
    int64_t got = safehold_open(b, s, to, (int64_t)encoded + TAG_BYTES, most, &again);
    if (got != size || memcmp(again, plain, (size_t)size)) return DIFFERS;
    *sealed = to;
    return (int64_t)encoded + TAG_BYTES;
}
