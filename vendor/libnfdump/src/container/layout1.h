/* Layout 1 container (nfdump 1.5, 1.6): a header and a statistics record of fixed size, then blocks. */
#ifndef NFDUMP_LAYOUT1_H
#define NFDUMP_LAYOUT1_H

#include "nfdump.h"
#include "source.h"

#define LAYOUT1_HEADER 140u
#define LAYOUT1_STAT 136u
/* Of the header: the addresses in all flows were anonymised. */
#define LAYOUT1_ANONYMIZED 0x02u

/* Fills `info`, whose file_size is set already.  `*header_flags` are those of the header. */
nfdump_status nfdump_layout1_open(const byte_source *source, nfdump_info *info, uint32_t *header_flags,
                                  nfdump_error *error);
nfdump_status nfdump_layout1_next(const byte_source *source, const nfdump_info *info, nfdump_cursor *cursor,
                           nfdump_block_ref *ref, nfdump_error *error);

#endif
