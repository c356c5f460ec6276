/* Walks records by their headers. */
#ifndef NFDUMP_WALK_H
#define NFDUMP_WALK_H

#include "../bytes.h"
#include "nfdump.h"
#include "types.h"

typedef struct record_walk {
    span data;
    size_t at;          /* of the next record */
    uint32_t announced; /* records */
    uint32_t walked;
} record_walk;

typedef enum record_step {
    RECORD_FOUND,
    RECORD_END,     /* as many as announced were found */
    RECORD_MISSING, /* the data end before */
    RECORD_CUT,     /* less than a record header is left */
    RECORD_SIZE     /* a size that cannot be, which is the length of `*record` */
} record_step;

/* The next record and its type. */
static inline record_step next_record(record_walk *walk, uint16_t *type, span *record)
{
    const size_t left = walk->data.length - walk->at;
    if (walk->walked == walk->announced) {
        return RECORD_END;
    }
    if (left == 0) {
        return RECORD_MISSING;
    }
    if (left < RECORD_HEADER) {
        return RECORD_CUT;
    }
    const uint8_t *data = walk->data.data + walk->at;
    const size_t size = load_u16(data + 2);
    *type = load_u16(data);
    *record = (span){data, size};
    if (size < RECORD_HEADER || size > left) {
        return RECORD_SIZE;
    }
    walk->walked++;
    walk->at += size;
    return RECORD_FOUND;
}

/* Notes what ended a walk as damage of the block, unless it is RECORD_END. */
void nfdump_note_step(nfdump_block_view *view, const record_walk *walk, record_step step, span record);
/* Notes damage of a block if it is the first, in the record that is counted next. */
void nfdump_note_damage(nfdump_block_view *view, nfdump_status status, size_t at, const char *reason, uint64_t value,
                        uint64_t limit);

#endif
