/* Half of loading a block: its bytes, not yet looked at. */
#ifndef NFDUMP_BLOCK_H
#define NFDUMP_BLOCK_H

#include "bytes.h"
#include "nfdump.h"

/* Reads and decompresses a block of a file.  `plain` stays valid until the block is used again. */
nfdump_status nfdump_block_plain(nfdump_block *block, const nfdump_file *file, const nfdump_block_ref *ref, span *plain,
                                 nfdump_error *error);

#endif
