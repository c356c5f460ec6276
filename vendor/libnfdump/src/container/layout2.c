/* Layout 2 container: the 40-byte header, the appendix, the chain of blocks. */
#include "layout2.h"

#include <stdlib.h>

#include "../codec/codec.h"
#include "../error.h"
#include "../record/types.h"
#include "../record/walk.h"
#include "info.h"
#include "resync.h"

/* An ident record must be shorter than this to be taken (nfdump 1.7.10). */
#define IDENT_RECORD_LIMIT 128u
/* Decoded bytes of a compressed appendix block.  Writers need some three hundred. */
#define APPENDIX_MAX 65536u
/* Blocks of an appendix that are read.  Writers make one; the number in the header goes up to 65,535, and each may
 * take the time of a block of bzip2 while the file is opened. */
#define APPENDIX_BLOCKS_MAX 16u

static nfdump_status read_header(span header, nfdump_info *info, nfdump_error *error)
{
    uint64_t created = 0;
    uint8_t encryption = 0;
    if (!span_has(header, 0, LAYOUT2_HEADER)) {
        return nfdump_fail_value(error, NFDUMP_E_TRUNCATED, 0, "file is shorter than a header", header.length,
                                 LAYOUT2_HEADER);
    }
    (void)span_u32(header, 4, &info->nfdversion);
    (void)span_u64(header, 8, &created);
    info->created = (int64_t)created;
    info->compression = header.data[16];
    encryption = header.data[17];
    (void)span_u16(header, 18, &info->appendix_blocks);
    (void)span_u32(header, 20, &info->creator);
    (void)span_u64(header, 24, &info->appendix_offset);
    (void)span_u32(header, 36, &info->num_blocks);
    info->unfinished = info->num_blocks == 0 && info->appendix_blocks == 0;

    if (encryption != 0) {
        return nfdump_fail_value(error, NFDUMP_E_UNSUPPORTED, 17, "encrypted files are not supported", encryption, 0);
    }
    if (info->compression > NFDUMP_COMPRESSION_ZSTD) {
        return nfdump_fail_value(error, NFDUMP_E_UNSUPPORTED, 16, "unknown compression method", info->compression,
                          NFDUMP_COMPRESSION_ZSTD);
    }
    if (info->appendix_blocks != 0 && info->appendix_offset >= info->file_size) {
        /* As a number with a sign it is before the file, and cannot come from cutting one. */
        const bool no_place = info->appendix_offset > INT64_MAX;
        const bool keep = no_place || info->flags & NFDUMP_OPEN_PARTIAL;
        const nfdump_status status =
            nfdump_fail_value(keep ? &info->appendix : error, NFDUMP_E_TRUNCATED, 24,
                              no_place ? "the place of the appendix is impossible"
                                       : "file is truncated: its appendix lies beyond its end",
                              info->file_size, info->appendix_offset);
        return keep ? NFDUMP_OK : status;
    }
    return NFDUMP_OK;
}

nfdump_status nfdump_layout2_block_at(const byte_source *source, uint64_t offset, uint32_t index, nfdump_block_ref *ref,
                               nfdump_error *error)
{
    uint8_t bytes[LAYOUT2_BLOCK_HEADER];
    nfdump_status status;
    if (offset > source->size || source->size - offset < LAYOUT2_BLOCK_HEADER) {
        status = nfdump_fail_value(error, NFDUMP_E_TRUNCATED, offset, "file is truncated: a block header is missing",
                            source->size, offset);
    } else {
        status = nfdump_source_read(source, offset, bytes, sizeof bytes, error);
    }
    if (status == NFDUMP_OK) {
        ref->offset = offset;
        ref->index = index;
        ref->layout = 2;
        nfdump_layout2_block_header(bytes, ref);
        if (ref->stored == 0 || ref->stored > NFDUMP_STORED_MAX) {
            status = nfdump_fail_value(error, NFDUMP_E_SIZE, offset, "impossible block size", ref->stored,
                                       NFDUMP_STORED_MAX);
        } else if (ref->stored > source->size - offset - LAYOUT2_BLOCK_HEADER) {
            status = nfdump_fail_value(error, NFDUMP_E_TRUNCATED, offset, "file is truncated inside a block",
                                source->size - offset - LAYOUT2_BLOCK_HEADER, ref->stored);
        }
    }
    if (status != NFDUMP_OK && error != NULL) {
        error->block = index;
    }
    return status;
}

/* Where data blocks may lie.  An offset of the appendix counts only if an appendix is there. */
static block_area data_area(const byte_source *source, const nfdump_info *info)
{
    const bool known = info->appendix_blocks != 0 && info->appendix.status == NFDUMP_OK &&
                       (info->has_ident || info->has_stat) && info->appendix_offset >= LAYOUT2_HEADER;
    return (block_area){
        .source = source,
        .compression = info->compression,
        .end = known ? info->appendix_offset : source->size,
        .end_known = known,
    };
}

/* Whether there are blocks that the header does not count.  In layout 1 nothing follows the last block.  In layout
 * 2 the appendix does; if it is not where the header says, or another block is there, the chain has
 * not come to it yet. */
static bool goes_beyond(const nfdump_info *info, const block_area *area, const nfdump_cursor *cursor)
{
    const bool possible = info->layout == 1 ||
                          (info->appendix_blocks != 0 && !area->end_known &&
                           (cursor->offset != info->appendix_offset || info->appendix.status == NFDUMP_E_COUNT));
    /* No blocks at all: its writer has not come to counting them. */
    return possible && info->num_blocks != 0 && cursor->offset < area->end &&
           area->end - cursor->offset > LAYOUT2_BLOCK_HEADER && nfdump_resync_follows(area, cursor->offset);
}

static nfdump_status advance(nfdump_cursor *cursor, const nfdump_block_ref *ref)
{
    cursor->offset += LAYOUT2_BLOCK_HEADER + (uint64_t)ref->stored;
    cursor->index++;
    cursor->stored = 0;
    return NFDUMP_OK;
}

/* Whether `ref` can be the header of a block that holds records although the file ends inside of it. */
static bool is_cut_block(const byte_source *source, const nfdump_block_ref *ref)
{
    return block_type_has_records(ref->type) && nfdump_resync_count_is_possible(ref->num_records) &&
           ref->offset < source->size && source->size - ref->offset > LAYOUT2_BLOCK_HEADER;
}

/* The last block as far as it goes.  The cursor stays in front of it. */
static nfdump_status cut_block(const byte_source *source, nfdump_cursor *cursor, nfdump_block_ref *ref)
{
    cursor->ended = NFDUMP_CURSOR_ENDED;
    *ref = (nfdump_block_ref){.offset = cursor->offset, .index = cursor->index};
    if (nfdump_layout2_block_at(source, cursor->offset, cursor->index, ref, NULL) != NFDUMP_E_TRUNCATED ||
        !is_cut_block(source, ref)) {
        return NFDUMP_END;
    }
    ref->stored = (uint32_t)(source->size - ref->offset - LAYOUT2_BLOCK_HEADER);
    return NFDUMP_OK;
}

nfdump_status nfdump_layout2_next(const byte_source *source, const nfdump_info *info, nfdump_cursor *cursor,
                           nfdump_block_ref *ref, nfdump_error *error)
{
    const block_area area = data_area(source, info);
    if (cursor->offset == 0) {
        cursor->offset = LAYOUT2_HEADER;
    }
    if (cursor->ended == NFDUMP_CURSOR_CUT) {
        return cut_block(source, cursor, ref);
    }
    if (cursor->ended == NFDUMP_CURSOR_SPENT) {
        cursor->ended = NFDUMP_CURSOR_ENDED;
        (void)nfdump_fail_value(
            error, NFDUMP_E_LIMIT, cursor->offset,
            "the search for blocks behind damage was given up: the rest of the file was not searched", cursor->searched,
            nfdump_resync_budget(source));
        if (error != NULL) {
            error->block = cursor->index;
        }
        return NFDUMP_E_LIMIT;
    }
    /* Behind damage the number of blocks tells nothing: some may be lost, or lie in pieces. */
    const bool counted = !(info->flags & NFDUMP_OPEN_PARTIAL) && !cursor->behind_damage;
    if (!cursor->ended && counted && cursor->index >= info->num_blocks && goes_beyond(info, &area, cursor)) {
        cursor->behind_damage = 1;
        (void)nfdump_fail_value(error, NFDUMP_E_COUNT, cursor->offset, "more data blocks than the header announces",
                                cursor->index + 1, info->num_blocks);
        if (error != NULL) {
            error->block = cursor->index;
        }
        return NFDUMP_E_COUNT;
    }
    if (cursor->ended || (counted ? cursor->index >= info->num_blocks : cursor->offset == area.end)) {
        cursor->ended = NFDUMP_CURSOR_ENDED;
        return NFDUMP_END;
    }
    /* A header that announces too many blocks must not make us read the appendix as data. */
    if (area.end_known && cursor->offset >= area.end) {
        cursor->ended = NFDUMP_CURSOR_ENDED;
        if (!counted) {
            return NFDUMP_END;
        }
        return nfdump_fail_value(error, NFDUMP_E_COUNT, cursor->offset, "fewer data blocks than the header announces",
                          cursor->index, info->num_blocks);
    }
    if (cursor->stored != 0) {
        /* What nfdump_resync has found out about a block whose header is wrong. */
        *ref = (nfdump_block_ref){
            .offset = cursor->offset, .index = cursor->index, .num_records = cursor->records, .stored = cursor->stored,
            .type = cursor->type, .flags = cursor->flags,
        };
        return advance(cursor, ref);
    }
    const uint32_t index = cursor->index;
    nfdump_error found;
    *ref = (nfdump_block_ref){.offset = cursor->offset, .index = index};
    nfdump_status status = nfdump_layout2_block_at(source, cursor->offset, index, ref, &found);
    const bool last = counted && !area.end_known && index + 1 >= info->num_blocks;
    if (status == NFDUMP_OK && nfdump_resync_count_is_possible(ref->num_records) &&
        (last || nfdump_resync_follows(&area, cursor->offset + LAYOUT2_BLOCK_HEADER + ref->stored))) {
        return advance(cursor, ref);
    }
    if (status == NFDUMP_E_IO) {
        cursor->ended = NFDUMP_CURSOR_ENDED;
    } else if (nfdump_resync(&area, cursor, ref, status == NFDUMP_OK, &found)) {
        return advance(cursor, ref);
    }
    const bool wanted = !(info->flags & NFDUMP_OPEN_PARTIAL) || info->flags & NFDUMP_OPEN_CUT;
    if (cursor->ended == NFDUMP_CURSOR_ENDED && wanted && status == NFDUMP_E_TRUNCATED && is_cut_block(source, ref)) {
        cursor->ended = NFDUMP_CURSOR_CUT;
    }
    found.block = index;
    if (error != NULL) {
        *error = found;
    }
    return (nfdump_status)found.status;
}

/* One appendix block: later records replace earlier ones, unknown types are skipped. */
static nfdump_status appendix_records(nfdump_info *info, span data, uint32_t count, nfdump_error *error)
{
    record_walk walk = {.data = data, .announced = count};
    record_step step;
    uint16_t type = 0;
    span record = {0};
    while ((step = next_record(&walk, &type, &record)) == RECORD_FOUND) {
        const span payload = {record.data + RECORD_HEADER, record.length - RECORD_HEADER};
        if (type == RECORD_IDENT && record.length < IDENT_RECORD_LIMIT && payload.length != 0 &&
            memchr(payload.data, 0, payload.length) != NULL) {
            nfdump_info_set_ident(info, payload);
        } else if (type == RECORD_STAT && payload.length == STAT_PAYLOAD) {
            nfdump_info_set_stat(info, payload.data);
        }
    }
    return step == RECORD_END || step == RECORD_MISSING
               ? NFDUMP_OK
               : nfdump_fail_value(error, NFDUMP_E_RECORD, walk.at, "appendix record does not fit its block",
                                   record.length, data.length);
}

/* Reads and decodes one appendix block and takes its records. */
static nfdump_status appendix_block(const byte_source *source, nfdump_info *info, codec_state *codec,
                                    const nfdump_block_ref *ref, nfdump_error *error)
{
    const uint8_t compression = ref->flags & BLOCK_NOT_COMPRESSED ? NFDUMP_COMPRESSION_NONE : info->compression;
    const bool compressed = compression != NFDUMP_COMPRESSION_NONE;
    /* ref->stored was checked against the bytes there are. */
    uint8_t *stored = malloc(ref->stored);
    uint8_t *decoded = compressed ? malloc(APPENDIX_MAX) : NULL;
    span plain = {stored, ref->stored};
    const char *reason = "";
    nfdump_status status;

    if (stored == NULL || (compressed && decoded == NULL)) {
        status = nfdump_fail(error, NFDUMP_E_NOMEM, ref->offset, "no memory for the appendix");
    } else {
        status = nfdump_source_read(source, ref->offset + LAYOUT2_BLOCK_HEADER, stored, ref->stored, error);
    }
    if (status == NFDUMP_OK && compressed) {
        size_t length = 0;
        status = nfdump_codec_decompress(codec, compression, plain, decoded, APPENDIX_MAX, &length, &reason);
        plain = (span){decoded, length};
        if (status != NFDUMP_OK) {
            (void)nfdump_fail(error, status, ref->offset, reason);
        }
    }
    if (status == NFDUMP_OK) {
        status = appendix_records(info, plain, ref->num_records, error);
    }
    free(decoded);
    free(stored);
    return status;
}

/* Ident and statistics. */
static void read_appendix(const byte_source *source, nfdump_info *info)
{
    nfdump_error *error = &info->appendix;
    uint64_t offset = info->appendix_offset;
    codec_state codec = {0};

    nfdump_clear_error(error);
    for (uint32_t i = 0; i < info->appendix_blocks; i++) {
        nfdump_block_ref ref = {0};
        if (i == APPENDIX_BLOCKS_MAX) {
            (void)nfdump_fail_value(error, NFDUMP_E_LIMIT, offset, "more appendix blocks than are read",
                                    info->appendix_blocks, APPENDIX_BLOCKS_MAX);
            break;
        }
        if (nfdump_layout2_block_at(source, offset, i, &ref, error) != NFDUMP_OK ||
            appendix_block(source, info, &codec, &ref, error) != NFDUMP_OK) {
            break;
        }
        offset += LAYOUT2_BLOCK_HEADER + (uint64_t)ref.stored;
    }
    nfdump_codec_free(&codec);
    if (error->status == NFDUMP_OK && info->appendix_blocks != 0 && !info->has_ident && !info->has_stat) {
        (void)nfdump_fail(error, NFDUMP_E_COUNT, info->appendix_offset,
                          "there is another block where the appendix should be");
    }
    if (error->status != NFDUMP_OK) {
        error->block = NFDUMP_NONE;
        error->record = NFDUMP_NONE;
    }
}

nfdump_status nfdump_layout2_open(const byte_source *source, span header, nfdump_info *info, nfdump_error *error)
{
    const nfdump_status status = read_header(header, info, error);
    if (status == NFDUMP_OK && info->appendix.status == NFDUMP_OK) {
        read_appendix(source, info);
    }
    return status;
}
