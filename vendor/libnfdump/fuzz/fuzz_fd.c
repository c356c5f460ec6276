/*
 * Fuzz target: reads a file through a descriptor, as a script says that comes before the file in the input.
 * Steps of the script ask for the next block, load blocks in any order, change the file between two reads,
 * forge references and cursors, and decode any range of bytes. A caller that does so gets wrong data or
 * errors, but never undefined behaviour.
 */
#define _GNU_SOURCE
#include "script.h"
#include "use.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { REFS_MAX = 16, RANGE_MAX = 1 << 16, FILE_MAX = 1 << 20 };

/* One for all inputs: its buffers are large. */
static nfdump_block *block;

typedef struct reader {
    int fd;
    size_t size; /* of the file as it is now */
    uint32_t flags;
    nfdump_file *file;
    nfdump_cursor cursor;
    nfdump_block_ref refs[REFS_MAX];
    size_t num_refs;
} reader;

static void write_all(int fd, const uint8_t *data, size_t size, size_t at)
{
    while (size > 0) {
        const ssize_t written = pwrite(fd, data, size, (off_t)at);
        check(written > 0);
        data += written, size -= (size_t)written, at += (size_t)written;
    }
}

static void set_size(reader *r, size_t size)
{
    check(ftruncate(r->fd, (off_t)size) == 0);
    r->size = size;
}

static void open_file(reader *r, uint32_t flags)
{
    nfdump_error error;
    nfdump_file_close(r->file);
    r->file = NULL;
    r->cursor = (nfdump_cursor){0};
    r->flags = flags & (NFDUMP_OPEN_PARTIAL | NFDUMP_OPEN_CUT | NFDUMP_OPEN_ENCRYPTED);
    if (nfdump_file_open_fd(r->fd, r->flags, &r->file, &error) != NFDUMP_OK) {
        check(error.reason != NULL && error.status != NFDUMP_OK);
        r->file = NULL;
    }
}

static void keep_ref(reader *r, const nfdump_block_ref *ref)
{
    r->refs[r->num_refs % REFS_MAX] = *ref;
    r->num_refs++;
}

static const nfdump_block_ref *some_ref(const reader *r, size_t choice)
{
    const size_t kept = r->num_refs < REFS_MAX ? r->num_refs : REFS_MAX;
    return kept == 0 ? NULL : &r->refs[choice % kept];
}

static bool read_next(reader *r)
{
    nfdump_error error;
    nfdump_block_ref ref;
    const nfdump_status status = nfdump_file_next(r->file, &r->cursor, &ref, &error);
    if (status == NFDUMP_OK) {
        keep_ref(r, &ref);
    } else {
        check(status == NFDUMP_END || error.reason != NULL);
    }
    return status != NFDUMP_END;
}

static void load(const reader *r, const nfdump_block_ref *ref)
{
    nfdump_error error;
    nfdump_block_view view = {.size = sizeof view};
    if (ref == NULL) {
        return;
    }
    if (nfdump_block_load(block, r->file, ref, &view, &error) == NFDUMP_OK) {
        use_view(&view);
    } else {
        check(error.reason != NULL && error.status != NFDUMP_OK);
    }
}

/* ---- steps ------------------------------------------------------------------- */

/* Overwrites, cuts or extends the file. */
static void change_file(reader *r, const step *s)
{
    const size_t at = r->size == 0 ? 0 : s->place % r->size;
    const uint8_t bytes[] = {(uint8_t)s->value, (uint8_t)(s->value >> 8), (uint8_t)(s->value >> 16),
                             (uint8_t)(s->value >> 24)};
    switch (s->choice % 4) {
    case 0: set_size(r, at); break;
    case 1:
        if (r->size < FILE_MAX) {
            set_size(r, r->size + s->place % 4096);
        }
        break;
    default:
        if (r->size > sizeof bytes) {
            write_all(r->fd, bytes, 1 + s->choice / 4 % 4, at % (r->size - sizeof bytes));
        }
        break;
    }
}

static void forge_ref(reader *r, const step *s)
{
    const nfdump_block_ref *known = some_ref(r, s->choice / 8);
    nfdump_block_ref ref = known == NULL ? (nfdump_block_ref){.type = 3, .stored = 64} : *known;
    switch (s->choice % 8) {
    case 0: ref.offset = s->place; break;
    case 1: ref.offset = UINT64_MAX - s->place; break;
    case 2: ref.stored = s->value; break;
    case 3: ref.num_records = s->value; break;
    case 4: ref.index = s->value; break;
    case 5: ref.type = (uint16_t)s->value; break;
    case 6: ref.flags = (uint16_t)s->value; break;
    default: ref.layout = (uint16_t)(s->value % 4); break;
    }
    keep_ref(r, &ref);
    load(r, &ref);
}

/* The members of a cursor are the library's own, but a caller can store anything there. */
static void forge_cursor(reader *r, const step *s)
{
    if (s->choice % 4 == 0) {
        memset(&r->cursor, (int)s->value, s->place % (sizeof r->cursor + 1));
    } else if (s->choice % 4 == 1) {
        r->cursor.ended = 0;
        r->cursor.offset = s->place;
    } else {
        uint8_t bytes[sizeof r->cursor];
        memcpy(bytes, &r->cursor, sizeof bytes);
        memcpy(bytes + s->place % (sizeof bytes - sizeof s->value), &s->value, sizeof s->value);
        memcpy(&r->cursor, bytes, sizeof bytes);
    }
    (void)read_next(r);
}

/* Decodes a range of the file as a block, whatever is there. */
static void decode_range(const reader *r, const step *s)
{
    nfdump_error error;
    nfdump_block_view view = {.size = sizeof view};
    const size_t at = r->size == 0 ? 0 : s->place % r->size;
    const size_t left = r->size - at;
    const size_t wanted = s->value % RANGE_MAX;
    const size_t length = wanted < left ? wanted : left;
    const nfdump_block_ref *known = some_ref(r, s->choice / 8);
    nfdump_block_ref ref = known == NULL ? (nfdump_block_ref){.type = 3} : *known;
    ref.stored = (uint32_t)(s->value >> 16 & 1 ? length : ref.stored);
    ref.layout = (uint16_t)(s->value >> 17 & 1 ? 3 : ref.layout);
    /* Of the exact size: reads past the end are then errors. */
    uint8_t *bytes = malloc(length == 0 ? 1 : length);
    check(bytes != NULL);
    if (nfdump_file_read(r->file, at, bytes, length, &error) == NFDUMP_OK &&
        nfdump_block_decode(block, (uint8_t)(s->choice % 6), &ref, bytes, length, &view, &error) == NFDUMP_OK) {
        use_view(&view);
    } else {
        check(error.reason != NULL && error.status != NFDUMP_OK);
    }
    free(bytes);
}

static void decode_info(const reader *r, const step *s)
{
    nfdump_error error;
    nfdump_info info = *nfdump_file_info(r->file);
    const size_t at = r->size == 0 ? 0 : s->place % r->size;
    const size_t length = s->value % 4096 < r->size - at ? s->value % 4096 : r->size - at;
    uint8_t *bytes = malloc(length == 0 ? 1 : length);
    check(bytes != NULL);
    if (nfdump_file_read(r->file, at, bytes, length, &error) == NFDUMP_OK &&
        nfdump_info_decode(&info, bytes, length, &error) == NFDUMP_OK) {
        check(info.ident_length < sizeof info.ident && info.ident[info.ident_length] == 0);
    }
    free(bytes);
}

static void read_to_end(reader *r)
{
    while (read_next(r)) {
        load(r, some_ref(r, r->num_refs - 1));
    }
}

static void run_step(reader *r, const step *s)
{
    if (s->action == STEP_CHANGE) {
        change_file(r, s);
    } else if (s->action == STEP_OPEN) {
        open_file(r, s->choice);
    } else if (r->file != NULL) {
        switch (s->action) {
        case STEP_NEXT: (void)read_next(r); break;
        case STEP_LOAD: load(r, some_ref(r, s->choice)); break;
        case STEP_FORGE_REF: forge_ref(r, s); break;
        case STEP_FORGE_CURSOR: forge_cursor(r, s); break;
        case STEP_DECODE: decode_range(r, s); break;
        case STEP_INFO: decode_info(r, s); break;
        default: read_to_end(r); break;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    if (size < SCRIPT_BYTES) {
        return 0;
    }
    if (fd < 0) {
        fd = memfd_create("fuzz", MFD_CLOEXEC);
        block = nfdump_block_new();
    }
    check(fd >= 0 && block != NULL);
    reader r = {.fd = fd};
    set_size(&r, 0);
    write_all(fd, data + SCRIPT_BYTES, size - SCRIPT_BYTES, 0);
    r.size = size - SCRIPT_BYTES;
    open_file(&r, 0);
    for (size_t i = 0; i < SCRIPT_STEPS; i++) {
        const step s = script_step(data, i);
        run_step(&r, &s);
    }
    if (r.file != NULL) {
        read_to_end(&r);
    }
    nfdump_file_close(r.file);
    return 0;
}
