/*
 * Reads each input again and again, and each time another request for memory is refused: one, or that and all
 * after it.  What is lost for it must be told with NFDUMP_E_NOMEM, and nothing may be lost when what failed
 * is asked for once more.  For replay.c, linked so that requests come here.
 */
#define _POSIX_C_SOURCE 200809L
#include "use.h"

#include <bzlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

/* ---- requests for memory, in the place of those whose names are wrapped ------- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
ZSTD_DCtx *__real_ZSTD_createDCtx(void);
int __real_BZ2_bzDecompressInit(bz_stream *stream, int verbosity, int small);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
ZSTD_DCtx *__wrap_ZSTD_createDCtx(void);
int __wrap_BZ2_bzDecompressInit(bz_stream *stream, int verbosity, int small);

static struct {
    bool armed;
    bool lasting;
    size_t granted; /* before the first refusal */
    bool refused;   /* at least one was */
} shortage;

static bool is_refused(void)
{
    if (!shortage.armed || (shortage.refused && !shortage.lasting)) {
        return false;
    }
    if (shortage.granted > 0) {
        shortage.granted--;
        return false;
    }
    shortage.refused = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return is_refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return is_refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return is_refused() ? NULL : __real_realloc(old, size);
}

ZSTD_DCtx *__wrap_ZSTD_createDCtx(void)
{
    return is_refused() ? NULL : __real_ZSTD_createDCtx();
}

int __wrap_BZ2_bzDecompressInit(bz_stream *stream, int verbosity, int small)
{
    return is_refused() ? BZ_MEM_ERROR : __real_BZ2_bzDecompressInit(stream, verbosity, small);
}

/* ---- reading ------------------------------------------------------------------ */

typedef struct input {
    const uint8_t *data;
    size_t size;
    int fd; /* the same bytes; not used if negative */
    uint32_t flags;
} input;

/* All that was handed out, as one number, and whether a shortage was told. */
typedef struct outcome {
    uint64_t digest;
    bool told;
} outcome;

static void add(outcome *o, const void *data, size_t length)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < length; i++) {
        o->digest = (o->digest ^ bytes[i]) * UINT64_C(0x100000001B3);
    }
}

static void add_number(outcome *o, uint64_t number)
{
    add(o, &number, sizeof number);
}

static bool is_short(nfdump_status status, outcome *o)
{
    o->told |= status == NFDUMP_E_NOMEM;
    return status == NFDUMP_E_NOMEM;
}

static nfdump_status open_once(const input *in, nfdump_file **file)
{
    nfdump_error error;
    *file = NULL;
    const nfdump_status status = in->fd < 0 ? nfdump_file_open_memory(in->data, in->size, in->flags, file, &error)
                                            : nfdump_file_open_fd(in->fd, in->flags, file, &error);
    check(status == NFDUMP_OK || (error.status == (int32_t)status && error.reason != NULL));
    return status;
}

static void add_block(outcome *o, nfdump_status status, const nfdump_block_view *view, const nfdump_error *error)
{
    add_number(o, (uint64_t)status);
    if (status != NFDUMP_OK) {
        check(error->status == (int32_t)status && error->reason != NULL);
        return;
    }
    use_view(view);
    add_number(o, (uint64_t)view->damage.status);
    add_number(o, view->num_records);
    add_number(o, view->skipped);
    add_number(o, view->dropped);
    for (size_t i = 0; i < view->num_flows; i++) {
        add(o, view->data + view->flows[i].offset, view->flows[i].size);
    }
}

/* Reads to the end.  `again`: what there was no memory for is done once more, which begins anew when it was the way
 * to the next block. */
static outcome read_all(const input *in, bool again)
{
    outcome o = {0};
    nfdump_file *file = NULL;
    nfdump_error error;
    nfdump_cursor cursor = {0};
    nfdump_block_ref ref;
    nfdump_status status = open_once(in, &file);
    if (is_short(status, &o) && again) {
        status = open_once(in, &file);
    }
    add_number(&o, (uint64_t)status);
    if (status != NFDUMP_OK) {
        return o;
    }
    const nfdump_info *info = nfdump_file_info(file);
    add(&o, info->ident, info->ident_length);
    add_number(&o, (uint64_t)info->appendix.status);
    nfdump_block *block = nfdump_block_new();
    if (block == NULL) {
        o.told = true;
        block = again ? nfdump_block_new() : NULL;
    }
    const uint64_t begun = o.digest;
    while (block != NULL && (status = nfdump_file_next(file, &cursor, &ref, &error)) != NFDUMP_END) {
        nfdump_block_view view = {.size = sizeof view};
        if (is_short(status, &o) && again) {
            cursor = (nfdump_cursor){0};
            o.digest = begun;
            continue;
        }
        if (status == NFDUMP_OK) {
            status = nfdump_block_load(block, file, &ref, &view, &error);
            if (is_short(status, &o) && again) {
                status = nfdump_block_load(block, file, &ref, &view, &error);
            }
        }
        /* An error of the chain has no view. */
        add_block(&o, status, &view, &error);
    }
    nfdump_block_free(block);
    nfdump_file_close(file);
    return o;
}

static void starve(const input *in)
{
    const outcome whole = read_all(in, false);
    check(!whole.told);
    for (int lasting = 0; lasting < 2; lasting++) {
        bool refused = true;
        /* All of the first, then fewer: a search in a damaged file makes many. */
        for (size_t granted = 0; refused; granted += 1 + granted / 16) {
            shortage.armed = true;
            shortage.lasting = lasting;
            shortage.granted = granted;
            shortage.refused = false;
            const outcome o = read_all(in, !lasting);
            refused = shortage.refused;
            shortage.armed = false;
            check(o.digest == whole.digest || (lasting && o.told));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Only what is read from a file is read into memory of the block. */
    FILE *copy = tmpfile();
    check(copy != NULL && fwrite(data, 1, size, copy) == size && fflush(copy) == 0);
    starve(&(input){.data = data, .size = size, .fd = -1});
    starve(&(input){.fd = fileno(copy), .flags = NFDUMP_OPEN_PARTIAL | NFDUMP_OPEN_CUT});
    fclose(copy);
    return 0;
}
