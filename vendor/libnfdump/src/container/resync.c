/*
 * Finding the chain of blocks again behind damage.
 *
 * A block header has no mark to search for.  What is searched for is a place that could be a header,
 * whose payload decodes to records that fill it exactly and are as many as announced, and from which
 * the chain goes on.  The search moves forward only, never into bytes of a block that was read
 * whole, so that no flow is read twice; and what it may cost in one file is limited.
 *
 * Once the next block is known, the one before it ends there, whatever its header says.  A block whose
 * header is wrong can often be read that way.
 */
#include "resync.h"

#include <stdlib.h>

#include "../codec/codec.h"
#include "../error.h"
#include "../record/index.h"
#include "../record/types.h"

enum {
    BLOCK_HEADER = 12,
    /* Bytes looked at in one read. */
    WINDOW = 65536,
    /* Headers that must follow one another for a chain to be believed. */
    HOPS = 8,
    /* Places looked at, beyond the first, for one where the block before would end well. */
    RIVALS = 16,
    /* Searches and trial decodings in one file.  Bounds the time that a file made for it can take. */
    TRIES_MAX = 1000,
    FLAGS_MAX = 7,
};
/* How far to look for a better place when one was found from which the chain soon breaks off. */
#define BETTER_WITHIN (2u * (uint64_t)NFDUMP_STORED_MAX)

/* Memory for one search, which most searches need little of: what is not needed is not asked for. */
typedef struct workbench {
    uint8_t *stored;
    uint8_t *plain;
    uint8_t *window;
    codec_state codec;
    bool failed; /* memory was short */
} workbench;

bool nfdump_resync_count_is_possible(uint32_t records)
{
    return records != 0 && records <= NFDUMP_BLOCK_MAX / RECORD_HEADER;
}

static void parse_header(const uint8_t *bytes, nfdump_block_ref *ref)
{
    ref->num_records = load_u32(bytes);
    ref->stored = load_u32(bytes + 4);
    ref->type = load_u16(bytes + 8);
    ref->flags = load_u16(bytes + 10);
}

static bool is_possible(const nfdump_block_ref *ref)
{
    return ref->type >= 1 && ref->type <= BLOCK_ARRAY && ref->flags <= FLAGS_MAX && ref->stored != 0 &&
           ref->stored <= NFDUMP_STORED_MAX && nfdump_resync_count_is_possible(ref->num_records);
}

static bool fits(const block_area *area, const nfdump_block_ref *ref)
{
    return ref->offset <= area->end && area->end - ref->offset >= BLOCK_HEADER &&
           ref->stored <= area->end - ref->offset - BLOCK_HEADER;
}

static uint64_t end_of(const nfdump_block_ref *ref)
{
    return ref->offset + BLOCK_HEADER + ref->stored;
}

/* The possible header at `offset`. */
static bool header_at(const block_area *area, uint64_t offset, nfdump_block_ref *ref)
{
    uint8_t bytes[BLOCK_HEADER];
    if (offset > area->end || area->end - offset < BLOCK_HEADER ||
        nfdump_source_read(area->source, offset, bytes, sizeof bytes, NULL) != NFDUMP_OK) {
        return false;
    }
    parse_header(bytes, ref);
    ref->offset = offset;
    return is_possible(ref);
}

bool nfdump_resync_follows(const block_area *area, uint64_t offset)
{
    nfdump_block_ref ref = {0};
    if (offset == area->end) {
        return true;
    }
    if (!area->end_known && offset < area->end && area->end - offset < BLOCK_HEADER) {
        return true; /* a cut header */
    }
    return header_at(area, offset, &ref) && (!area->end_known || fits(area, &ref));
}

/* Whether the chain goes on from `ref` to the end of the area, or for long. */
static bool goes_on(const block_area *area, const nfdump_block_ref *ref)
{
    nfdump_block_ref at = *ref;
    for (size_t i = 0; i < HOPS; i++) {
        const uint64_t next = end_of(&at);
        if (next == area->end || (!area->end_known && area->end - next < BLOCK_HEADER)) {
            return true;
        }
        if (!header_at(area, next, &at)) {
            return false;
        }
        if (!fits(area, &at)) {
            return !area->end_known;
        }
    }
    return true;
}

/* The memory behind `place`, of `size` bytes each time.  Null when memory is short. */
static uint8_t *memory_of(workbench *bench, uint8_t **place, size_t size)
{
    if (*place == NULL) {
        *place = malloc(size);
        bench->failed |= *place == NULL;
    }
    return *place;
}

/* Bytes of the area where they lie in memory, or read to `place`, which holds `most`.  Null if that fails. */
static const uint8_t *bytes_at(const block_area *area, uint64_t offset, size_t length, workbench *bench, uint8_t **place,
                               size_t most)
{
    const byte_source *source = area->source;
    if (source->memory != NULL) {
        return offset <= source->size && length <= source->size - offset ? source->memory + offset : NULL;
    }
    uint8_t *to = length <= most ? memory_of(bench, place, most) : NULL;
    return to != NULL && nfdump_source_read(source, offset, to, length, NULL) == NFDUMP_OK ? to : NULL;
}

static void close_workbench(workbench *bench)
{
    nfdump_codec_free(&bench->codec);
    free(bench->stored);
    free(bench->plain);
    free(bench->window);
}

/* Whether the payload decodes to records that fill it exactly; `*records` is their number. */
static bool is_filled(const block_area *area, workbench *bench, const nfdump_block_ref *ref, uint32_t *records)
{
    size_t length = 0;
    const char *reason = "";
    *records = 0;
    if (!block_type_has_records(ref->type) || !fits(area, ref)) {
        return false;
    }
    const span stored = {bytes_at(area, ref->offset + BLOCK_HEADER, ref->stored, bench, &bench->stored, NFDUMP_STORED_MAX),
                         ref->stored};
    if (stored.data == NULL) {
        return false;
    }
    if ((area->compression == NFDUMP_COMPRESSION_NONE || ref->flags & BLOCK_NOT_COMPRESSED) &&
        nfdump_records_fill(stored, records)) {
        return true;
    }
    if (area->compression == NFDUMP_COMPRESSION_NONE || memory_of(bench, &bench->plain, NFDUMP_BLOCK_MAX) == NULL) {
        return false;
    }
    const nfdump_status status = nfdump_codec_decompress(&bench->codec, area->compression, stored, bench->plain,
                                                         NFDUMP_BLOCK_MAX, &length, &reason);
    bench->failed |= status == NFDUMP_E_NOMEM;
    return status == NFDUMP_OK && nfdump_records_fill((span){bench->plain, length}, records);
}

/* Some writers announce one record more than there is. */
static bool is_announced(const nfdump_block_ref *ref, uint32_t records)
{
    return ref->num_records == records || ref->num_records == records + 1;
}

static bool is_exact(const block_area *area, workbench *bench, const nfdump_block_ref *ref)
{
    uint32_t records = 0;
    return is_filled(area, bench, ref, &records) && is_announced(ref, records);
}

/* What a damaged header says about its block, made possible; its size is still open. */
static nfdump_block_ref believable(const nfdump_block_ref *ref)
{
    nfdump_block_ref block = *ref;
    const bool known = ref->type >= 1 && ref->type <= BLOCK_ARRAY;
    block.type = known ? ref->type : BLOCK_RECORDS;
    block.flags = known && ref->flags <= FLAGS_MAX ? ref->flags : 0;
    return block;
}

/* Whether the block of `damaged` holds whole records if it ends at `end`, and as many as announced unless that
 * number is damaged too: where bytes are missing inside a block, its records can seem to go on into the
 * next one. */
static bool would_end_well(const block_area *area, workbench *bench, const nfdump_block_ref *damaged, uint64_t end)
{
    uint32_t records = 0;
    nfdump_block_ref block = believable(damaged);
    const uint64_t size = end - damaged->offset - BLOCK_HEADER;
    if (size == 0 || size > NFDUMP_STORED_MAX) {
        return false;
    }
    block.stored = (uint32_t)size;
    return is_filled(area, bench, &block, &records) &&
           (is_announced(damaged, records) || !nfdump_resync_count_is_possible(damaged->num_records));
}

/* What a search has found so far. */
typedef struct findings {
    uint64_t weak;   /* a block from which the chain breaks off again */
    uint64_t strong; /* a block from which it goes on */
    unsigned rivals; /* others of these */
} findings;

/* Takes a candidate into account.  True when it is certainly the next block: then the damaged one, up to
 * there, holds whole records. A captured nfcapd file inside a payload would fail this. */
static bool consider(const block_area *area, workbench *bench, const nfdump_block_ref *damaged, const nfdump_block_ref *ref,
                     findings *found)
{
    if (!is_exact(area, bench, ref)) {
        return false;
    }
    if (!goes_on(area, ref)) {
        found->weak = found->weak == 0 ? ref->offset : found->weak;
        return false;
    }
    if (would_end_well(area, bench, damaged, ref->offset)) {
        found->strong = ref->offset;
        return true;
    }
    if (found->strong == 0) {
        found->strong = ref->offset;
    } else {
        found->rivals++;
    }
    return false;
}

/* Where to stop looking. */
static uint64_t horizon(const block_area *area, const nfdump_block_ref *damaged, const findings *found)
{
    uint64_t from = area->end;
    if (found->strong != 0) {
        from = found->rivals >= RIVALS ? 0 : damaged->offset + NFDUMP_STORED_MAX;
    } else if (found->weak != 0) {
        from = found->weak + BETTER_WITHIN;
    }
    return from < area->end ? from : area->end;
}

/* The place of the first block behind the header of `damaged`, or 0. */
static uint64_t find_block(const block_area *area, workbench *bench, const nfdump_block_ref *damaged, uint32_t *tries)
{
    findings found = {0};
    uint64_t base = damaged->offset + BLOCK_HEADER;
    uint64_t until = area->end;
    for (; base < until && until - base >= BLOCK_HEADER; base += WINDOW - (BLOCK_HEADER - 1)) {
        const size_t length = area->end - base < WINDOW ? (size_t)(area->end - base) : WINDOW;
        const uint8_t *window = bytes_at(area, base, length, bench, &bench->window, WINDOW);
        if (window == NULL) {
            break;
        }
        for (size_t i = 0; i + BLOCK_HEADER <= length && base + i < until; i++) {
            const uint8_t *bytes = window + i;
            /* Type and flags first: they refuse nearly everything. */
            if (!block_type_has_records(bytes[8]) || (bytes[9] | bytes[11]) != 0) {
                continue;
            }
            nfdump_block_ref ref = {.offset = base + i};
            parse_header(bytes, &ref);
            if (!is_possible(&ref) || !fits(area, &ref)) {
                continue;
            }
            if (++*tries > TRIES_MAX || consider(area, bench, damaged, &ref, &found)) {
                return found.strong != 0 ? found.strong : found.weak;
            }
            until = horizon(area, damaged, &found);
        }
    }
    return found.strong != 0 ? found.strong : found.weak;
}

/* The block at the cursor ends at `end`: says how to read it, or passes over it. */
static void go_on(const block_area *area, workbench *bench, nfdump_cursor *cursor, const nfdump_block_ref *ref, uint64_t end)
{
    uint32_t records = 0;
    nfdump_block_ref block = believable(ref);
    const uint64_t size = end - ref->offset - BLOCK_HEADER;
    if (size != 0 && size <= NFDUMP_STORED_MAX) {
        block.stored = (uint32_t)size;
        const bool filled = is_filled(area, bench, &block, &records);
        if (filled || block.type == ref->type) {
            cursor->stored = block.stored;
            cursor->records = filled || ref->num_records == 0 ? records : ref->num_records;
            cursor->type = block.type;
            cursor->flags = block.flags;
            return;
        }
    }
    cursor->offset = end;
    cursor->index++;
}

static bool search(const block_area *area, workbench *bench, nfdump_cursor *cursor, const nfdump_block_ref *ref, bool sane,
                   nfdump_error *error)
{
    uint32_t records = 0;
    const uint64_t end = sane ? end_of(ref) : 0;
    const bool holds_records = block_type_has_records(ref->type);
    if (sane && nfdump_resync_follows(area, end)) {
        /* Only the number of records is wrong. */
        if (!is_filled(area, bench, ref, &records)) {
            return true;
        }
        (void)nfdump_fail_value(error, NFDUMP_E_COUNT, ref->offset, "impossible number of records", ref->num_records, records);
        go_on(area, bench, cursor, ref, end);
        return false;
    }
    /* Bytes behind a bzip2 stream do no harm to it, so that it may reach over the next block. */
    const bool exact = sane && is_exact(area, bench, ref);
    if (exact && area->compression != NFDUMP_COMPRESSION_BZ2) {
        return true; /* it is the next header that is damaged */
    }
    uint64_t next = find_block(area, bench, ref, &cursor->tries);
    if (next == 0 && area->end_known && area->end > ref->offset + BLOCK_HEADER) {
        next = area->end;
    }
    if (sane) {
        if (next == 0 || (next >= end && (exact || !holds_records))) {
            return true;
        }
        (void)nfdump_fail_value(error, NFDUMP_E_SIZE, ref->offset, "block size does not lead to the next block", ref->stored,
                                next - ref->offset - BLOCK_HEADER);
    }
    if (next != 0) {
        go_on(area, bench, cursor, ref, next);
    } else {
        cursor->ended = ENDED;
    }
    return false;
}

bool nfdump_resync(const block_area *area, nfdump_cursor *cursor, const nfdump_block_ref *ref, bool sane, nfdump_error *error)
{
    if (++cursor->tries > TRIES_MAX) {
        if (!sane) {
            cursor->ended = ENDED;
        }
        return sane;
    }
    workbench bench = {0};
    nfdump_cursor found = *cursor;
    bool as_it_is = search(area, &bench, &found, ref, sane, error);
    if (bench.failed) {
        /* What there was no memory to look at is no finding. */
        (void)nfdump_fail(error, NFDUMP_E_NOMEM, ref->offset, "no memory to look for the next block");
        cursor->ended = ENDED;
        as_it_is = false;
    } else {
        *cursor = found;
    }
    close_workbench(&bench);
    return as_it_is;
}
