/* Finding the chain of blocks again behind damage: for containers with the 12-byte block header. */
#ifndef NFDUMP_RESYNC_H
#define NFDUMP_RESYNC_H

#include "../bytes.h"
#include "nfdump.h"
#include "source.h"

/* Where blocks may lie. */
typedef struct block_area {
    const byte_source *source;
    uint8_t compression;
    uint64_t end;   /* no block goes beyond */
    bool end_known; /* the last block ends exactly there; otherwise it may be cut */
} block_area;

/* Whether a block header may stand at `offset`, or the area ends there. */
bool nfdump_resync_follows(const block_area *area, uint64_t offset);
/* Whether the number of records can be true. */
bool nfdump_resync_count_is_possible(uint32_t records);
/* Bytes that all searches of one cursor may read and decode. */
uint64_t nfdump_resync_budget(const byte_source *source);
/* The header at cursor->offset is wrong, or does not lead to another one; `ref` is what it says, and
 * `sane` whether its size fits the file.  Returns true when the block is to be taken as it is.
 * Otherwise `error` tells what is wrong and the cursor says where, and how, to go on; without memory the chain ends. */
bool nfdump_resync(const block_area *area, nfdump_cursor *cursor, const nfdump_block_ref *ref, bool sane,
                   nfdump_error *error);

#endif
