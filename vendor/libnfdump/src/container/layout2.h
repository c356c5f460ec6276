/* Layout 2 container: the 40-byte header, the appendix, the chain of blocks. */
#ifndef NFDUMP_LAYOUT2_H
#define NFDUMP_LAYOUT2_H

#include "../bytes.h"
#include "nfdump.h"
#include "source.h"

#define LAYOUT2_HEADER 40u
#define LAYOUT2_BLOCK_HEADER 12u

/* Fills `info` from the first 40 bytes and the appendix; `info->file_size` is set already.  An appendix
 * that cannot be read never fails the file: the outcome is info->appendix. */
nfdump_status nfdump_layout2_open(const byte_source *source, span header, nfdump_info *info, nfdump_error *error);
/* Reads the block header at `offset` and checks it against the file's size. */
nfdump_status nfdump_layout2_block_at(const byte_source *source, uint64_t offset, uint32_t index, nfdump_block_ref *ref,
                               nfdump_error *error);
nfdump_status nfdump_layout2_next(const byte_source *source, const nfdump_info *info, nfdump_cursor *cursor,
                           nfdump_block_ref *ref, nfdump_error *error);
/* The statistics from their numbers, which layouts 2 and 3 store in one order. */
nfdump_stat nfdump_stat_from(const uint64_t n[18]);

#endif
