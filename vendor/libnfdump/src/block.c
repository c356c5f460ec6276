/* The block half of the interface: read, decompress, convert if need be, index. */
#include "block.h"

#include <stdlib.h>

#include "codec/codec.h"
#include "container/layout2.h"
#include "container/layout3.h"
#include "error.h"
#include "file.h"
#include "maps.h"
#include "record/convert1.h"
#include "record/convert3.h"
#include "record/index.h"
#include "record/types.h"

typedef struct buffer {
    uint8_t *data;
    size_t capacity;
} buffer;

struct nfdump_block {
    buffer stored;
    buffer plain;     /* decompressed */
    buffer converted; /* records of layout 2 made of those of layout 3 */
    codec_state codec;
    converter converter;
    flow_index index;
    convert3_plans *plans;
};

nfdump_block *nfdump_block_new(void)
{
    return calloc(1, sizeof(nfdump_block));
}

void nfdump_block_free(nfdump_block *block)
{
    if (block != NULL) {
        nfdump_codec_free(&block->codec);
        nfdump_convert1_free(&block->converter);
        nfdump_index_free(&block->index);
        free(block->stored.data);
        free(block->plain.data);
        free(block->converted.data);
        nfdump_convert3_free(block->plans);
        free(block);
    }
}

static void trim(buffer *b)
{
    if (b->capacity > NFDUMP_KEEP_MAX) {
        free(b->data);
        *b = (buffer){0};
    }
}

void nfdump_block_trim(nfdump_block *block)
{
    if (block != NULL) {
        trim(&block->stored);
        trim(&block->plain);
        trim(&block->converted);
        nfdump_index_trim(&block->index);
    }
}

/* Buffers have the full size of layout 2 from the start: pages that are never touched cost nothing.
 * Only the larger blocks of layout 3 make them grow, after their sizes were checked. */
static bool ensure(buffer *b, size_t size)
{
    if (b->capacity < size) {
        free(b->data);
        b->data = malloc(size);
        b->capacity = b->data == NULL ? 0 : size;
    }
    return b->data != NULL;
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

/* Why a block without records that can be read has none; the look-up tables of layout 2 are as they should be. */
static nfdump_status refuse_type(const nfdump_block_ref *ref, nfdump_error *error)
{
    nfdump_status status = NFDUMP_OK;
    nfdump_clear_error(error);
    if (ref->layout == 3) {
        status =
            nfdump_fail_value(error, NFDUMP_E_UNSUPPORTED, ref->offset, "unknown block type", ref->type, BLOCK3_FLOWS);
    } else if (ref->type == BLOCK_LAYOUT0) {
        status = nfdump_fail(error, NFDUMP_E_UNSUPPORTED, ref->offset, "blocks of nfdump 1.5 cannot be read");
    } else if (ref->type != BLOCK_ARRAY) {
        status =
            nfdump_fail_value(error, NFDUMP_E_UNSUPPORTED, ref->offset, "unknown block type", ref->type, BLOCK_RECORDS);
    }
    return status == NFDUMP_OK ? status : locate(status, ref, error);
}

/* Whether a block of layout 3 is of a type that there is. */
static bool is_known3(const nfdump_block_ref *ref)
{
    return ref->type > BLOCK3_NULL && ref->type <= BLOCK3_EXPORTERS;
}

/* How a payload is encoded.  No writer sets the flag that denies the file's compression, and nfdump does not
 * look at it; it is believed when what is stored are records. */
static uint8_t effective(uint8_t compression, const nfdump_block_ref *ref, span stored)
{
    uint32_t records = 0;
    return ref->flags & BLOCK_NOT_COMPRESSED && nfdump_records_fill(stored, &records) ? NFDUMP_COMPRESSION_NONE
                                                                                      : compression;
}

static void announced_none(const nfdump_block_ref *ref, nfdump_block_view *view)
{
    if (ref->num_records == 0) {
        (void)nfdump_fail(&view->damage, NFDUMP_E_COUNT, 0, "block announces no records");
    }
    view->damage.block = ref->index;
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
    announced_none(ref, view);
    return NFDUMP_OK;
}

/* What `find_earlier` is given. */
typedef struct earlier_maps {
    const nfdump_file *file;
    uint64_t offset;
} earlier_maps;

static bool find_earlier(const void *context, uint16_t id, ext_list *list)
{
    const earlier_maps *earlier = context;
    return nfdump_maps_find(earlier->file, earlier->offset, id, list);
}

/* Converts and indexes records in the form of layout 1.  Without a file, maps are those of the block alone. */
static nfdump_status convert_data(nfdump_block *block, const nfdump_file *file, const nfdump_block_ref *ref, span data,
                                  nfdump_block_view *view, nfdump_error *error)
{
    const earlier_maps earlier = {.file = file, .offset = ref->offset};
    const map_source source = {.find = find_earlier, .context = &earlier};
    const bool keep_partial = file != NULL && file->info.flags & NFDUMP_OPEN_PARTIAL;
    block_scan scan;
    span records = {0};
    if (nfdump_convert1_scan(&block->converter, data, ref->num_records, &scan) != NFDUMP_OK) {
        return no_memory(ref, error);
    }
    if (file != NULL && !nfdump_maps_settle(file, ref, data, &scan)) {
        return no_memory(ref, error);
    }
    if (nfdump_convert1(&block->converter, &block->index, data, ref->num_records, file == NULL ? NULL : &source,
                        keep_partial, file == NULL ? 0 : file->flow_flags, view, &records) != NFDUMP_OK) {
        clear_view(view);
        return no_memory(ref, error);
    }
    view->data = records.data;
    view->data_length = records.length;
    announced_none(ref, view);
    return NFDUMP_OK;
}

/* Whether there was something in front of the damage of a block that is `error`; then it is the block's, else the
 * block cannot be read. */
static bool keep_front(const nfdump_block_ref *ref, nfdump_block_view *view, nfdump_error *error)
{
    if (view->num_flows == 0 && view->num_records == 0) {
        clear_view(view);
        return false;
    }
    view->damage = *error;
    view->damage.block = ref->index;
    nfdump_clear_error(error);
    return true;
}

/* What refusing a block costs beside the bytes it decodes. */
#define REFUSED_WORK 8192u
#define KIB 1024u

/* Whether the work that may come to nothing is spent. */
static bool is_spent(const nfdump_file *file)
{
    return file != NULL && atomic_load_explicit(file->refused, memory_order_relaxed) >= NFDUMP_REFUSED_MAX / KIB;
}

/* What decoding this many stored bytes may cost without being counted. */
static uint64_t allowance(size_t stored)
{
    return NFDUMP_REFUSED_FACTOR * (uint64_t)stored + REFUSED_WORK;
}

/* How many of `most` bytes a block may decode to: all, or after NFDUMP_REFUSED_MAX what its stored bytes allow. */
static size_t capacity_of(const nfdump_file *file, size_t stored, size_t most)
{
    return is_spent(file) && allowance(stored) < most ? (size_t)allowance(stored) : most;
}

/* Counts work that came to nothing. */
static void count_refused(const nfdump_file *file, size_t stored, size_t work)
{
    const uint64_t allowed = NFDUMP_REFUSED_FACTOR * (uint64_t)stored;
    const uint64_t done = (uint64_t)work + REFUSED_WORK;
    if (file != NULL && done > allowed) {
        (void)atomic_fetch_add_explicit(file->refused, (unsigned)((done - allowed + KIB - 1) / KIB),
                                        memory_order_relaxed);
    }
}

static nfdump_status refuse_spent(const nfdump_block_ref *ref, nfdump_error *error)
{
    return locate(nfdump_fail_value(error, NFDUMP_E_LIMIT, ref->offset,
                                    "block is not decoded: it is small and expands much, and too many such blocks of "
                                    "this file decode to nothing",
                                    ref->stored, NFDUMP_REFUSED_MAX),
                  ref, error);
}

/* Whether what was decoded is damaged or holds nothing.  A wrong count alone does no harm. */
static bool came_to_nothing(nfdump_status status, const nfdump_block_view *view)
{
    return status != NFDUMP_OK || (view->damage.status != NFDUMP_OK && view->damage.status != NFDUMP_E_COUNT) ||
           (view->num_flows == 0 && view->num_records == 0);
}

/* Room in front of a block of layout 3, for the first of its flows while the buffer is not yet read far enough
 * to be written to, and for flows that become longer. */
#define LEAD 32768u

/* Layout 3: the stored bytes begin with the block header; the records are converted.  `cut` if there may be fewer
 * of them than the header tells. */
static nfdump_status decode_layout3(nfdump_block *block, const nfdump_file *file, const nfdump_block_ref *ref,
                                    span stored, bool cut, xxh3_state *checksum, nfdump_block_view *view,
                                    nfdump_error *error)
{
    /* Memory of our own may be written to: what was read, or decompressed. */
    uint8_t *in_place =
        block->stored.data != NULL && stored.data == block->stored.data + LEAD ? block->stored.data : NULL;
    layout3_block header;
    span raw = {0};
    uint8_t method = 0;
    size_t work = 0;
    nfdump_status status = nfdump_layout3_block_open(stored, cut, checksum, &header, &raw, &method, error);
    if (status == NFDUMP_OK && header.type != ref->type) {
        status = nfdump_fail_value(error, NFDUMP_E_RECORD, 0, "block has another type than the directory says",
                                   header.type, ref->type);
    }
    if (status == NFDUMP_OK && method != NFDUMP_COMPRESSION_NONE) {
        const size_t wanted = header.raw - LAYOUT3_BLOCK_HEADER;
        const char *reason = "";
        size_t produced = 0;
        codec_effort effort;
        const size_t capacity = capacity_of(file, raw.length, wanted);
        if (capacity < wanted || (is_spent(file) && !nfdump_codec_is_within(method, raw, capacity))) {
            return refuse_spent(ref, error);
        }
        if (!ensure(&block->plain, wanted + LEAD > NFDUMP_BLOCK_MAX ? wanted + LEAD : NFDUMP_BLOCK_MAX)) {
            return no_memory(ref, error);
        }
        in_place = block->plain.data;
        status = nfdump_codec_salvage(&block->codec, method, raw, in_place + LEAD, wanted, &produced, &effort, &reason);
        work = effort.work;
        if (status == NFDUMP_OK && produced != wanted) {
            status = NFDUMP_E_COMPRESSED;
            reason = "block decodes to another length than it announces";
        }
        if (status != NFDUMP_OK) {
            (void)nfdump_fail_value(error, status, 0, reason, produced, wanted);
        }
        raw = (span){in_place + LEAD, produced};
    }
    if (status != NFDUMP_OK) {
        error->offset = ref->offset;
        (void)locate(status, ref, error);
        if (status != NFDUMP_E_COMPRESSED) {
            return status;
        }
    }

    const size_t room = 2 * (size_t)header.raw;
    if (!ensure(&block->converted, room > NFDUMP_BLOCK_MAX ? room : NFDUMP_BLOCK_MAX)) {
        return no_memory(ref, error);
    }
    record_buffer out = {.data = block->converted.data, .capacity = block->converted.capacity, .in_place = in_place};
    if (nfdump_convert3(&block->plans, &block->index, ref->type, raw, &out, view) != NFDUMP_OK) {
        clear_view(view);
        return no_memory(ref, error);
    }
    view->data = out.data;
    view->data_length = out.length;
    view->damage.block = ref->index;
    if (method != NFDUMP_COMPRESSION_NONE && came_to_nothing(status, view)) {
        count_refused(file, stored.length, work);
    }
    return status == NFDUMP_OK || keep_front(ref, view, error) ? NFDUMP_OK : status;
}

/* The stored bytes of a block, decompressed.  With NFDUMP_E_COMPRESSED what is in front of the damage. */
static nfdump_status decompress(nfdump_block *block, const nfdump_file *file, uint8_t compression,
                                const nfdump_block_ref *ref, span stored, span *plain, nfdump_error *error)
{
    if (stored.length == 0 || stored.length > NFDUMP_STORED_MAX) {
        return locate(nfdump_fail_value(error, NFDUMP_E_SIZE, ref->offset, "impossible block size", stored.length,
                                 NFDUMP_STORED_MAX), ref, error);
    }
    const uint8_t method = effective(compression, ref, stored);
    if (method == NFDUMP_COMPRESSION_NONE) {
        *plain = stored;
        return NFDUMP_OK;
    }
    const size_t capacity = capacity_of(file, stored.length, NFDUMP_BLOCK_MAX);
    if (capacity < NFDUMP_BLOCK_MAX && !nfdump_codec_is_within(method, stored, capacity)) {
        return refuse_spent(ref, error);
    }
    if (!ensure(&block->plain, NFDUMP_BLOCK_MAX)) {
        return no_memory(ref, error);
    }
    size_t produced = 0;
    codec_effort effort;
    const char *reason = "";
    const nfdump_status status = nfdump_codec_salvage(&block->codec, method, stored, block->plain.data, capacity,
                                                      &produced, &effort, &reason);
    if (effort.full && capacity < NFDUMP_BLOCK_MAX) {
        return refuse_spent(ref, error);
    }
    *plain = (span){block->plain.data, produced};
    if (status == NFDUMP_E_COMPRESSED) {
        count_refused(file, stored.length, effort.work);
    }
    return status == NFDUMP_OK
               ? status
               : locate(nfdump_fail_value(error, status, ref->offset, reason, produced, NFDUMP_BLOCK_MAX), ref, error);
}

/* Checksums are taken of so many bytes at a time, while they are in the cache. */
#define CHECKSUM_PIECE 262144u

/* Reads a block of layout 3 in pieces if it has a checksum, which is taken on the way. */
static nfdump_status read_checked(const byte_source *source, uint64_t at, uint8_t *out, size_t length,
                                  xxh3_state *checksum, nfdump_error *error)
{
    size_t done = 0;
    size_t piece = LAYOUT3_BLOCK_HEADER < length ? LAYOUT3_BLOCK_HEADER : length;
    while (done < length) {
        const nfdump_status status = nfdump_source_read(source, at + done, out + done, piece, error);
        if (status != NFDUMP_OK) {
            if (error != NULL) {
                error->offset = at;
            }
            return status;
        }
        done += piece;
        const bool checked = done >= LAYOUT3_BLOCK_HEADER && nfdump_layout3_has_checksum((span){out, done});
        if (checked) {
            nfdump_xxh3_more(checksum, (span){out + LAYOUT3_BLOCK_HEADER, done - LAYOUT3_BLOCK_HEADER});
        }
        piece = checked && length - done > CHECKSUM_PIECE ? CHECKSUM_PIECE : length - done;
    }
    return NFDUMP_OK;
}

/* The bytes of a block from `skip` bytes after its start on, read or where they lie in memory. */
static nfdump_status fetch(nfdump_block *block, const nfdump_file *file, const nfdump_block_ref *ref, uint32_t skip,
                           size_t length, size_t limit, xxh3_state *checksum, span *stored, nfdump_error *error)
{
    /* Of layout 3 checksums are taken, and room is left in front. */
    const size_t lead = checksum == NULL ? 0 : LEAD;
    const uint64_t at = ref->offset + skip;
    const byte_source *source = &file->source;
    if (length == 0 || length > limit) {
        return locate(nfdump_fail_value(error, NFDUMP_E_SIZE, ref->offset, "impossible block size", length, limit), ref,
                      error);
    }
    if (source->memory != NULL) {
        if (at > source->size || length > source->size - at) {
            return locate(nfdump_fail(error, NFDUMP_E_TRUNCATED, ref->offset, "file is truncated inside a block"), ref,
                          error);
        }
        *stored = (span){source->memory + at, length};
        return NFDUMP_OK;
    }
    if (!ensure(&block->stored, lead + length > NFDUMP_STORED_MAX ? lead + length : NFDUMP_STORED_MAX)) {
        return no_memory(ref, error);
    }
    uint8_t *to = block->stored.data + lead;
    const nfdump_status status = checksum == NULL ? nfdump_source_read(source, at, to, length, error)
                                                  : read_checked(source, at, to, length, checksum, error);
    if (status != NFDUMP_OK) {
        return locate(status, ref, error);
    }
    *stored = (span){to, length};
    return NFDUMP_OK;
}

nfdump_status nfdump_block_plain(nfdump_block *block, const nfdump_file *file, const nfdump_block_ref *ref, span *plain,
                                 nfdump_error *error)
{
    span stored = {0};
    const nfdump_status status =
        fetch(block, file, ref, LAYOUT2_BLOCK_HEADER, ref->stored, NFDUMP_STORED_MAX, NULL, &stored, error);
    return status == NFDUMP_OK ? decompress(block, file, file->info.compression, ref, stored, plain, error) : status;
}

/* A block header of layout 3 tells how to decode its block and is read along with it. */
static nfdump_status load_layout3(nfdump_block *block, const nfdump_file *file, const nfdump_block_ref *ref,
                                  nfdump_block_view *view, nfdump_error *error)
{
    span stored = {0};
    xxh3_state checksum;
    nfdump_xxh3_begin(&checksum);
    const nfdump_status status = fetch(block, file, ref, 0, LAYOUT3_BLOCK_HEADER + (size_t)ref->stored,
                                       NFDUMP_LAYOUT3_BLOCK_MAX + LAYOUT3_TAG, &checksum, &stored, error);
    /* Only the last block of a file can be cut. */
    const bool cut = ref->offset + LAYOUT3_BLOCK_HEADER + ref->stored == file->source.size;
    return status == NFDUMP_OK ? decode_layout3(block, file, ref, stored, cut, &checksum, view, error) : status;
}

/* Indexes decompressed records, or converts them and does. */
static nfdump_status read_as(uint16_t type, nfdump_block *block, const nfdump_file *file, const nfdump_block_ref *ref,
                             span plain, nfdump_block_view *view, nfdump_error *error)
{
    if (type == BLOCK_RECORDS) {
        return index_data(block, ref, plain, view, error);
    }
    if (file == NULL) {
        return convert_data(block, NULL, ref, plain, view, error);
    }
    nfdump_maps_begin(file, ref);
    const nfdump_status status = convert_data(block, file, ref, plain, view, error);
    nfdump_maps_done(file, ref);
    return status;
}

/* Reads decompressed records as their block's type says.  Where that says something else than the records do, it
 * is damaged, and they need not be lost for it; since nfdump passes over them, only salvaging finds them. */
static nfdump_status read_plain(nfdump_block *block, const nfdump_file *file, const nfdump_block_ref *ref, span plain,
                                nfdump_block_view *view, nfdump_error *error)
{
    const bool typed = block_type_has_records(ref->type);
    if (typed) {
        const nfdump_status status = read_as(ref->type, block, file, ref, plain, view, error);
        if (status != NFDUMP_OK || view->num_flows != 0 || view->skipped == 0) {
            return status;
        }
    }
    const bool salvaging = file != NULL && file->info.flags & NFDUMP_OPEN_PARTIAL;
    const uint16_t type = salvaging ? nfdump_records_block_type(plain, ref->num_records) : 0;
    if (type == 0 || type == ref->type) {
        return typed ? NFDUMP_OK : refuse_type(ref, error);
    }
    clear_view(view);
    const nfdump_status status = read_as(type, block, file, ref, plain, view, error);
    if (status == NFDUMP_OK && view->damage.status == NFDUMP_OK) {
        (void)nfdump_fail_value(&view->damage, NFDUMP_E_RECORD, ref->offset, "block type is not that of its records",
                                ref->type, type);
        view->damage.block = ref->index;
    }
    return status;
}

/* The same for what a block was decompressed to, or failed to be with NFDUMP_E_COMPRESSED. */
static nfdump_status read_decoded(nfdump_status decoded, nfdump_block *block, const nfdump_file *file,
                                  const nfdump_block_ref *ref, span plain, nfdump_block_view *view, nfdump_error *error)
{
    if (decoded == NFDUMP_OK) {
        return read_plain(block, file, ref, plain, view, error);
    }
    if (!block_type_has_records(ref->type) && decoded != NFDUMP_E_NOMEM) {
        return refuse_type(ref, error);
    }
    if (decoded != NFDUMP_E_COMPRESSED) {
        return decoded;
    }
    const nfdump_status status = read_as(ref->type, block, file, ref, plain, view, error);
    if (status != NFDUMP_OK) {
        return status;
    }
    return keep_front(ref, view, error) ? NFDUMP_OK : decoded;
}

static nfdump_status decode(nfdump_block *block, uint8_t compression, const nfdump_block_ref *ref,
                            const uint8_t *stored, size_t length, nfdump_block_view *view, nfdump_error *error)
{
    span plain = {0};
    if (ref->layout == 3) {
        if (length > NFDUMP_LAYOUT3_BLOCK_MAX + LAYOUT3_TAG) {
            return locate(nfdump_fail_value(error, NFDUMP_E_SIZE, ref->offset, "impossible block size", length,
                                            NFDUMP_LAYOUT3_BLOCK_MAX + LAYOUT3_TAG), ref, error);
        }
        return is_known3(ref) ? decode_layout3(block, NULL, ref, (span){stored, length}, false, NULL, view, error)
                              : refuse_type(ref, error);
    }
    if (!block_type_has_records(ref->type)) {
        return refuse_type(ref, error);
    }
    const nfdump_status decoded = decompress(block, NULL, compression, ref, (span){stored, length}, &plain, error);
    return read_decoded(decoded, block, NULL, ref, plain, view, error);
}

static nfdump_status load(nfdump_block *block, const nfdump_file *file, const nfdump_block_ref *ref,
                          nfdump_block_view *view, nfdump_error *error)
{
    span plain = {0};
    if (ref->layout == 3) {
        return is_known3(ref) ? load_layout3(block, file, ref, view, error) : refuse_type(ref, error);
    }
    if (!block_type_has_records(ref->type) && !(file->info.flags & NFDUMP_OPEN_PARTIAL)) {
        return refuse_type(ref, error);
    }
    /* Other threads wait for the maps in a block of layout 1 instead of reading it too. */
    const bool announced = ref->type == BLOCK_LAYOUT1;
    if (announced) {
        nfdump_maps_begin(file, ref);
    }
    const nfdump_status decoded = nfdump_block_plain(block, file, ref, &plain, error);
    const nfdump_status status = read_decoded(decoded, block, file, ref, plain, view, error);
    if (decoded == NFDUMP_OK && plain.data == block->plain.data && came_to_nothing(status, view)) {
        count_refused(file, ref->stored, plain.length);
    }
    if (announced) {
        nfdump_maps_done(file, ref);
    }
    return status;
}

/* Prepares a decoder and an empty view; `out` is the caller's. */
static nfdump_status begin(nfdump_block *block, const void *source, const nfdump_block_ref *ref,
                           const nfdump_block_view *out, nfdump_block_view *view, nfdump_error *error)
{
    nfdump_clear_error(error);
    if (block == NULL || source == NULL || ref == NULL || out == NULL) {
        return nfdump_fail(error, NFDUMP_E_ARGUMENT, 0, "null argument");
    }
    if (out->size < sizeof *out) {
        return nfdump_fail_value(error, NFDUMP_E_ARGUMENT, 0, "the size of the view is not set", out->size,
                                 sizeof *out);
    }
    nfdump_block_trim(block);
    clear_view(view);
    return NFDUMP_OK;
}

/* Hands the view to the caller, who may have been compiled with a larger one. */
static void hand_over(const nfdump_block_view *view, nfdump_block_view *out)
{
    const size_t size = out->size;
    *out = *view;
    out->size = size;
}

nfdump_status nfdump_block_decode(nfdump_block *block, uint8_t compression, const nfdump_block_ref *ref,
                                  const uint8_t *stored, size_t length, nfdump_block_view *view, nfdump_error *error)
{
    nfdump_error unwanted;
    nfdump_block_view found;
    error = error == NULL ? &unwanted : error;
    nfdump_status status = begin(block, stored, ref, view, &found, error);
    if (status != NFDUMP_OK) {
        return status;
    }
    status = decode(block, compression, ref, stored, length, &found, error);
    hand_over(&found, view);
    return status;
}

nfdump_status nfdump_block_load(nfdump_block *block, const nfdump_file *file, const nfdump_block_ref *ref,
                                nfdump_block_view *view, nfdump_error *error)
{
    nfdump_error unwanted;
    nfdump_block_view found;
    error = error == NULL ? &unwanted : error;
    nfdump_status status = begin(block, file, ref, view, &found, error);
    if (status != NFDUMP_OK) {
        return status;
    }
    status = load(block, file, ref, &found, error);
    hand_over(&found, view);
    return status;
}
