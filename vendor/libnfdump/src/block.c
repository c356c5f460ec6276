/* The block half of the interface: read, decompress, index. */
#include <stdlib.h>

#include "codec/codec.h"
#include "container/layout2.h"
#include "error.h"
#include "file.h"
#include "record/index.h"
#include "record/types.h"

struct nfdump_block {
    uint8_t *stored; /* NFDUMP_STORED_MAX bytes, made when first needed */
    uint8_t *plain;  /* NFDUMP_BLOCK_MAX bytes, made when first needed */
    codec_state codec;
    flow_index index;
};

nfdump_block *nfdump_block_new(void)
{
    return calloc(1, sizeof(nfdump_block));
}

void nfdump_block_free(nfdump_block *block)
{
    if (block != NULL) {
        nfdump_codec_free(&block->codec);
        nfdump_index_free(&block->index);
        free(block->stored);
        free(block->plain);
        free(block);
    }
}

/* Buffers have their full size from the start: pages that are never touched cost nothing,
 * and no length from a file ever decides how much is allocated. */
static bool ensure(uint8_t **buffer, size_t size)
{
    if (*buffer == NULL) {
        *buffer = malloc(size);
    }
    return *buffer != NULL;
}

static nfdump_status locate(nfdump_status status, const nfdump_block_ref *ref, nfdump_error *error)
{
    if (error != NULL) {
        error->block = ref->index;
    }
    return status;
}

static nfdump_status no_memory(const nfdump_block_ref *ref, nfdump_error *error)
{
    return locate(nfdump_fail(error, NFDUMP_E_NOMEM, ref->offset, "no memory for a block"), ref, error);
}

static void clear_view(nfdump_block_view *view)
{
    *view = (nfdump_block_view){0};
    nfdump_clear_error(&view->damage);
}

/* Refuses what holds no records of this layout. */
static nfdump_status check_type(const nfdump_block_ref *ref, nfdump_error *error)
{
    switch (ref->type) {
    case BLOCK_RECORDS:
    case BLOCK_ARRAY: /* look-up tables: well-formed, but without flows */
        return NFDUMP_OK;
    case BLOCK_LAYOUT1:
        return locate(nfdump_fail(error, NFDUMP_E_UNSUPPORTED, ref->offset,
                           "blocks with layout 1 records are not supported yet"), ref, error);
    default:
        return locate(nfdump_fail_value(error, NFDUMP_E_UNSUPPORTED, ref->offset, "unknown block type", ref->type,
                                 BLOCK_RECORDS), ref, error);
    }
}

static uint8_t effective(uint8_t compression, const nfdump_block_ref *ref)
{
    return ref->flags & BLOCK_NOT_COMPRESSED ? NFDUMP_COMPRESSION_NONE : compression;
}

/* Indexes records in the form of layout 2. */
static nfdump_status index_data(nfdump_block *block, const nfdump_block_ref *ref, span data, nfdump_block_view *view,
                                nfdump_error *error)
{
    if (nfdump_index_records(&block->index, data, ref->num_records, view) != NFDUMP_OK) {
        clear_view(view);
        return no_memory(ref, error);
    }
    view->data = data.data;
    view->data_length = data.length;
    if (ref->num_records == 0) {
        (void)nfdump_fail(&view->damage, NFDUMP_E_COUNT, 0, "block announces no records");
    }
    view->damage.block = ref->index;
    return NFDUMP_OK;
}

/* The records of a block, whose form is told by its type. */
static nfdump_status index_plain(nfdump_block *block, const nfdump_block_ref *ref, span plain, nfdump_block_view *view,
                                 nfdump_error *error)
{
    switch (ref->type) {
    default:
        return index_data(block, ref, plain, view, error);
    }
}

static nfdump_status decode(nfdump_block *block, uint8_t compression, const nfdump_block_ref *ref, span stored,
                            nfdump_block_view *view, nfdump_error *error)
{
    nfdump_status status = check_type(ref, error);
    if (status != NFDUMP_OK || ref->type == BLOCK_ARRAY) {
        return status;
    }
    if (stored.length == 0 || stored.length > NFDUMP_STORED_MAX) {
        return locate(nfdump_fail_value(error, NFDUMP_E_SIZE, ref->offset, "impossible block size", stored.length,
                                 NFDUMP_STORED_MAX), ref, error);
    }
    const uint8_t method = effective(compression, ref);
    if (method == NFDUMP_COMPRESSION_NONE) {
        return index_plain(block, ref, stored, view, error);
    }
    if (!ensure(&block->plain, NFDUMP_BLOCK_MAX)) {
        return no_memory(ref, error);
    }
    size_t produced = 0;
    const char *reason = "";
    status = nfdump_codec_decompress(&block->codec, method, stored, block->plain, NFDUMP_BLOCK_MAX, &produced, &reason);
    if (status != NFDUMP_OK) {
        return locate(nfdump_fail_value(error, status, ref->offset, reason, produced, NFDUMP_BLOCK_MAX), ref, error);
    }
    return index_plain(block, ref, (span){block->plain, produced}, view, error);
}

nfdump_status nfdump_block_decode(nfdump_block *block, uint8_t compression, const nfdump_block_ref *ref,
                                  const uint8_t *stored, size_t length, nfdump_block_view *view, nfdump_error *error)
{
    nfdump_clear_error(error);
    if (block == NULL || ref == NULL || stored == NULL || view == NULL) {
        return nfdump_fail(error, NFDUMP_E_ARGUMENT, 0, "null argument");
    }
    clear_view(view);
    return decode(block, compression, ref, (span){stored, length}, view, error);
}

nfdump_status nfdump_block_load(nfdump_block *block, const nfdump_file *file, const nfdump_block_ref *ref,
                                nfdump_block_view *view, nfdump_error *error)
{
    nfdump_clear_error(error);
    if (block == NULL || file == NULL || ref == NULL || view == NULL) {
        return nfdump_fail(error, NFDUMP_E_ARGUMENT, 0, "null argument");
    }
    clear_view(view);
    nfdump_status status = check_type(ref, error);
    if (status != NFDUMP_OK || ref->type == BLOCK_ARRAY) {
        return status;
    }
    const uint64_t at = ref->offset + LAYOUT2_BLOCK_HEADER;
    const byte_source *source = &file->source;
    if (ref->stored == 0 || ref->stored > NFDUMP_STORED_MAX) {
        return locate(nfdump_fail_value(error, NFDUMP_E_SIZE, ref->offset, "impossible block size", ref->stored,
                                 NFDUMP_STORED_MAX), ref, error);
    }
    const uint8_t *stored = NULL;
    if (source->memory != NULL) {
        if (at > source->size || ref->stored > source->size - at) {
            return locate(nfdump_fail(error, NFDUMP_E_TRUNCATED, ref->offset, "file is truncated inside a block"), ref, error);
        }
        stored = source->memory + at;
    } else {
        if (!ensure(&block->stored, NFDUMP_STORED_MAX)) {
            return no_memory(ref, error);
        }
        status = nfdump_source_read(source, at, block->stored, ref->stored, error);
        if (status != NFDUMP_OK) {
            return locate(status, ref, error);
        }
        stored = block->stored;
    }
    return decode(block, file->info.compression, ref, (span){stored, ref->stored}, view, error);
}
