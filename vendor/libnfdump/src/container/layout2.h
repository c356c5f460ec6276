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
/* What a block header tells, of LAYOUT2_BLOCK_HEADER bytes. */
static inline void nfdump_layout2_block_header(const uint8_t *bytes, nfdump_block_ref *ref)
{
    ref->num_records = load_u32(bytes);
    ref->stored = load_u32(bytes + 4);
    ref->type = load_u16(bytes + 8);
    ref->flags = load_u16(bytes + 10);
}

#endif
