/*
 * Finding the chain of blocks again behind damage.
 *
 * A block header has no mark to search for.  What is searched for is a place that could be a header,
 * whose payload decodes to records that fill it exactly and are as many as announced, and from which
 * the chain goes on.  The search moves forward only, never into bytes of a block that was read
 * whole, so that no flow is read twice.
 *
 * All searches of a cursor share one budget of bytes that are read and decoded on trial (nfdump.h,
 * NFDUMP_SEARCH_*).  When it is spent, the cursor says so and the chain ends.
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
#include "layout2.h"

enum {
    BLOCK_HEADER = LAYOUT2_BLOCK_HEADER,
    /* Bytes looked at in one read. */
    WINDOW = 65536,
    /* Headers that must follow one another for a chain to be believed. */
    HOPS = 8,
    /* Places looked at, beyond the first, for one where the block before would end well. */
    RIVALS = 16,
    FLAGS_MAX = 7,
    /* What a search, or following the chain from a place, costs beside the bytes it decodes. */
    SEARCH_WORK = 8192,
    HOPS_WORK = 4096,
    /* Bytes that can be scanned in the time that one is decoded in. */
    SCAN_RATIO = 8,
    /* Places that are looked at together. */
    SCAN_STEP = 64,
};
/* How far to look for a better place when one was found from which the chain soon breaks off. */
#define BETTER_WITHIN (2u * (uint64_t)NFDUMP_STORED_MAX)

/* Memory for one search, which most searches need little of: what is not needed is not asked for. */
typedef struct workbench {
    uint8_t *stored;
    uint8_t *plain;
    uint8_t *window;
    codec_state codec;
    bool failed;       /* memory was short */
    uint64_t work;     /* done so far */
    uint64_t most;     /* that may be done */
    bool settled;      /* the last trial did not come to the end of its input: more of that changes nothing */
} workbench;

/* Counts work that is done.  False when there is none left. */
static bool charge(workbench *bench, uint64_t work)
{
    bench->work += work;
    return bench->work <= bench->most;
}

static bool is_spent(const workbench *bench)
{
    return bench->work > bench->most;
}

bool nfdump_resync_count_is_possible(uint32_t records)
{
    return records != 0 && records <= NFDUMP_BLOCK_MAX / RECORD_HEADER;
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
    nfdump_layout2_block_header(bytes, ref);
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

/* Bytes of the area where they lie in memory, or read to `to`.  Null if that fails. */
static const uint8_t *bytes_at(const block_area *area, uint64_t offset, size_t length, uint8_t *to)
{
    const byte_source *source = area->source;
    if (source->memory != NULL) {
        return offset <= source->size && length <= source->size - offset ? source->memory + offset : NULL;
    }
    return nfdump_source_read(source, offset, to, length, NULL) == NFDUMP_OK ? to : NULL;
}

/* The buffer behind `place` for bytes that are not in memory anyway.  False when memory is short. */
static bool has_room(const block_area *area, workbench *bench, uint8_t **place, size_t size)
{
    return area->source->memory != NULL || memory_of(bench, place, size) != NULL;
}

static void close_workbench(workbench *bench)
{
    nfdump_codec_free(&bench->codec);
    free(bench->stored);
    free(bench->plain);
    free(bench->window);
}

/* Whether `context` records at most can begin like this. */
static bool front_holds(const void *context, span front)
{
    return nfdump_records_begin(front, *(const uint32_t *)context);
}

/* Whether a block that stores `stored` holds records that fill it exactly and are `most` at most; `front` are the first
 * bytes of it that were looked at.  `*records` is their number. */
static bool decodes(const block_area *area, workbench *bench, span stored, uint32_t most, uint32_t *records)
{
    const codec_question question = {.holds = front_holds, .context = &most};
    size_t length = 0;
    size_t work = 0;
    const nfdump_status status = nfdump_codec_try(&bench->codec, area->compression, stored, bench->plain,
                                                  NFDUMP_BLOCK_MAX, &question, &length, &work, &bench->settled);
    bench->failed |= status == NFDUMP_E_NOMEM;
    (void)charge(bench, work);
    return status == NFDUMP_OK && nfdump_records_fill((span){bench->plain, length}, records);
}

/* Whether the payload decodes to records that fill it exactly; `*records` is their number.  They are `most` at most:
 * others need not be counted.  The first bytes refuse what is no block before much is read or decoded. */
static bool is_filled(const block_area *area, workbench *bench, const nfdump_block_ref *ref, uint32_t most,
                      uint32_t *records)
{
    *records = 0;
    bench->settled = false;
    if (!block_type_has_records(ref->type) || !fits(area, ref) || is_spent(bench) ||
        !has_room(area, bench, &bench->stored, NFDUMP_STORED_MAX)) {
        return false;
    }
    const bool compressed = area->compression != NFDUMP_COMPRESSION_NONE;
    const uint64_t start = ref->offset + BLOCK_HEADER;
    const size_t part = ref->stored < CODEC_FRONT ? ref->stored : CODEC_FRONT;
    const span front = {bytes_at(area, start, part, bench->stored), part};
    if (front.data == NULL || !charge(bench, part)) {
        return false;
    }
    bool plain = !compressed || ref->flags & BLOCK_NOT_COMPRESSED;
    plain = plain && nfdump_records_begin(front, most);
    bool encoded = compressed && memory_of(bench, &bench->plain, NFDUMP_BLOCK_MAX) != NULL;
    if (encoded) {
        const codec_question question = {.holds = front_holds, .context = &most};
        size_t produced = 0;
        encoded = nfdump_codec_begins(area->compression, front, bench->plain, &question, &produced);
        (void)charge(bench, produced);
    }
    if ((!plain && !encoded) || is_spent(bench)) {
        return false;
    }
    span stored = front;
    if (part < ref->stored) {
        stored = (span){bytes_at(area, start, ref->stored, bench->stored), ref->stored};
        if (stored.data == NULL || !charge(bench, ref->stored - part)) {
            return false;
        }
    }
    if (plain && nfdump_records_fill(stored, records)) {
        return true;
    }
    const bool filled = encoded && decodes(area, bench, stored, most, records);
    bench->settled = bench->settled && !plain;
    return filled;
}

/* Some writers announce one record more than there is. */
static bool is_announced(const nfdump_block_ref *ref, uint32_t records)
{
    return ref->num_records == records || ref->num_records == records + 1;
}

static bool is_exact(const block_area *area, workbench *bench, const nfdump_block_ref *ref)
{
    uint32_t records = 0;
    return is_filled(area, bench, ref, ref->num_records, &records) && is_announced(ref, records);
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

/* What a search has found so far. */
typedef struct findings {
    uint64_t weak;   /* a block from which the chain breaks off again */
    uint64_t strong; /* a block from which it goes on */
    unsigned rivals; /* others of these */
    bool hopeless;   /* the damaged block ends well nowhere */
} findings;

/* Whether the block of `damaged` holds whole records if it ends at `end`, and as many as announced unless that
 * number is damaged too: where bytes are missing inside a block, its records can seem to go on into the
 * next one. */
static bool would_end_well(const block_area *area, workbench *bench, const nfdump_block_ref *damaged, uint64_t end,
                           findings *found)
{
    uint32_t records = 0;
    nfdump_block_ref block = believable(damaged);
    const uint64_t size = end - damaged->offset - BLOCK_HEADER;
    if (found->hopeless || size == 0 || size > NFDUMP_STORED_MAX) {
        return false;
    }
    const bool counted = nfdump_resync_count_is_possible(damaged->num_records);
    block.stored = (uint32_t)size;
    const bool filled = is_filled(area, bench, &block, counted ? damaged->num_records : UINT32_MAX, &records);
    const bool ends_well = filled && (is_announced(damaged, records) || !counted);
    found->hopeless = !ends_well && bench->settled;
    return ends_well;
}

/* Takes a candidate into account.  True when it is certainly the next block: then the damaged one, up to
 * there, holds whole records. A captured nfcapd file inside a payload would fail this. */
static bool consider(const block_area *area, workbench *bench, const nfdump_block_ref *damaged,
                     const nfdump_block_ref *ref, findings *found)
{
    const bool strong = charge(bench, HOPS_WORK) && goes_on(area, ref);
    /* Of those from which the chain breaks off only the first is of interest, and only until there is a better one. */
    if ((!strong && (found->weak != 0 || found->strong != 0)) || !is_exact(area, bench, ref)) {
        return false;
    }
    if (!strong) {
        found->weak = ref->offset;
        return false;
    }
    if (would_end_well(area, bench, damaged, ref->offset, found)) {
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

/* Whether a header with a possible type and possible flags begins at one of `count` places. */
static bool has_candidate(const uint8_t *places, size_t count)
{
    uint8_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *type = places + i + 8;
        found |= (uint8_t)((type[0] & 0xFEu) == BLOCK_LAYOUT1 && type[1] == 0 && type[2] <= FLAGS_MAX && type[3] == 0);
    }
    return found != 0;
}
_Static_assert(BLOCK_LAYOUT1 == 2 && BLOCK_RECORDS == 3, "one mask for both types");

static bool is_zero(const uint8_t *bytes, size_t length)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

/* The place of the first block behind the header of `damaged`, or 0. */
static uint64_t find_block(const block_area *area, workbench *bench, const nfdump_block_ref *damaged)
{
    findings found = {0};
    uint64_t base = damaged->offset + BLOCK_HEADER;
    uint64_t until = area->end;
    if (!has_room(area, bench, &bench->window, WINDOW)) {
        return 0;
    }
    for (; base < until && until - base >= BLOCK_HEADER; base += WINDOW - (BLOCK_HEADER - 1)) {
        const size_t length = area->end - base < WINDOW ? (size_t)(area->end - base) : WINDOW;
        const uint8_t *window = charge(bench, length / SCAN_RATIO) ? bytes_at(area, base, length, bench->window) : NULL;
        if (window == NULL) {
            break;
        }
        if (is_zero(window, length)) {
            continue; /* a hole */
        }
        for (size_t i = 0; i + BLOCK_HEADER <= length && base + i < until; i++) {
            const size_t places = length - BLOCK_HEADER + 1 - i;
            if (i % SCAN_STEP == 0 && !has_candidate(window + i, places < SCAN_STEP ? places : SCAN_STEP)) {
                i += SCAN_STEP - 1;
                continue;
            }
            nfdump_block_ref ref = {.offset = base + i};
            nfdump_layout2_block_header(window + i, &ref);
            if (!block_type_has_records(ref.type) || !is_possible(&ref) || !fits(area, &ref)) {
                continue;
            }
            if (consider(area, bench, damaged, &ref, &found)) {
                return found.strong;
            }
            if (is_spent(bench)) {
                break;
            }
            until = horizon(area, damaged, &found);
        }
    }
    return found.strong != 0 ? found.strong : found.weak;
}

/* The block at the cursor ends at `end`: says how to read it, or skips it. */
static void go_on(const block_area *area, workbench *bench, nfdump_cursor *cursor, const nfdump_block_ref *ref,
                  uint64_t end)
{
    uint32_t records = 0;
    nfdump_block_ref block = believable(ref);
    const uint64_t size = end - ref->offset - BLOCK_HEADER;
    if (size != 0 && size <= NFDUMP_STORED_MAX) {
        block.stored = (uint32_t)size;
        const bool filled = is_filled(area, bench, &block, UINT32_MAX, &records);
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

static bool search(const block_area *area, workbench *bench, nfdump_cursor *cursor, const nfdump_block_ref *ref,
                   bool sane, nfdump_error *error)
{
    uint32_t records = 0;
    const uint64_t end = sane ? end_of(ref) : 0;
    const bool holds_records = block_type_has_records(ref->type);
    if (sane && nfdump_resync_follows(area, end)) {
        /* Only the number of records is wrong. */
        if (!is_filled(area, bench, ref, UINT32_MAX, &records)) {
            return true;
        }
        (void)nfdump_fail_value(error, NFDUMP_E_COUNT, ref->offset, "impossible number of records", ref->num_records,
                                records);
        go_on(area, bench, cursor, ref, end);
        return false;
    }
    /* Bytes behind a bzip2 stream do no harm to it, so that it may reach over the next block. */
    const bool exact = sane && is_exact(area, bench, ref);
    if (exact && area->compression != NFDUMP_COMPRESSION_BZ2) {
        return true; /* it is the next header that is damaged */
    }
    uint64_t next = find_block(area, bench, ref);
    if (next == 0 && is_spent(bench)) {
        cursor->ended = sane ? cursor->ended : NFDUMP_CURSOR_SPENT;
        return sane;
    }
    if (next == 0 && area->end_known && area->end > ref->offset + BLOCK_HEADER) {
        next = area->end;
    }
    if (sane) {
        if (next == 0 || (next >= end && (exact || !holds_records))) {
            return true;
        }
        (void)nfdump_fail_value(error, NFDUMP_E_SIZE, ref->offset, "block size does not lead to the next block",
                                ref->stored, next - ref->offset - BLOCK_HEADER);
    }
    if (next != 0) {
        go_on(area, bench, cursor, ref, next);
    } else {
        cursor->ended = NFDUMP_CURSOR_ENDED;
    }
    return false;
}

uint64_t nfdump_resync_budget(const byte_source *source)
{
    return NFDUMP_SEARCH_MIN + NFDUMP_SEARCH_FACTOR * source->allocated;
}

bool nfdump_resync(const block_area *area, nfdump_cursor *cursor, const nfdump_block_ref *ref, bool sane,
                   nfdump_error *error)
{
    workbench bench = {.work = cursor->searched, .most = nfdump_resync_budget(area->source)};
    cursor->behind_damage = 1;
    if (!charge(&bench, SEARCH_WORK)) {
        cursor->ended = sane ? cursor->ended : NFDUMP_CURSOR_SPENT;
        return sane;
    }
    nfdump_cursor found = *cursor;
    bool as_it_is = search(area, &bench, &found, ref, sane, error);
    if (bench.failed) {
        /* What there was no memory to look at is no finding. */
        (void)nfdump_fail(error, NFDUMP_E_NOMEM, ref->offset, "no memory to look for the next block");
        cursor->ended = NFDUMP_CURSOR_ENDED;
        as_it_is = false;
    } else {
        *cursor = found;
        cursor->searched = bench.work;
    }
    close_workbench(&bench);
    return as_it_is;
}
