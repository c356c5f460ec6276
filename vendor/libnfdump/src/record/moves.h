/*
 * Copies that turn a record into one of layout 2, prepared once for all records of one form.
 *
 * Each move copies 16 bytes, even if fewer are wanted, and puts the header of an element where it
 * belongs.  Moves are in ascending order of where they write: what one writes too much is written
 * over by the next.  Both records need WIDE bytes behind their ends, which callers see to.
 */
#ifndef NFDUMP_MOVES_H
#define NFDUMP_MOVES_H

#include "../bytes.h"
#include "types.h"

#define MOVES_MAX 64u

typedef struct move {
    uint16_t from; /* in the record that is read */
    uint16_t to;   /* in the record that is made */
    uint16_t header_at;
    uint16_t reserved;
    uint32_t header; /* as a number */
} move;

typedef struct moves {
    size_t count;
    move list[MOVES_MAX];
} moves;

/* Adds an element with its header at `at`, `length` bytes of it from `from` on.  False when there are too many. */
static inline bool moves_add(moves *m, size_t at, uint32_t id, size_t size, size_t from, size_t length)
{
    uint32_t header = id | (uint32_t)(size + ELEMENT_HEADER) << 16;
    size_t header_at = at;
    size_t done = 0;
    do {
        if (m->count == MOVES_MAX) {
            return false;
        }
        m->list[m->count++] = (move){
            .from = (uint16_t)(from + done),
            .to = (uint16_t)(at + ELEMENT_HEADER + done),
            .header_at = (uint16_t)header_at,
            .header = header,
        };
        /* Further moves of an element have no header to write; they write the start of the record, which is
         * written last of all. */
        header_at = 0;
        header = 0;
        done += WIDE;
    } while (done < length);
    return true;
}

static inline void moves_run(const moves *m, const uint8_t *from, uint8_t *to)
{
    const move *const end = m->list + m->count;
    for (const move *one = m->list; one != end; one++) {
        store_u32(to + one->header_at, one->header);
        copy_wide(to + one->to, from + one->from);
    }
}

#endif
