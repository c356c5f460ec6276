/* Layout 3 container: the 48-byte header, directory and footer, the chain of blocks. */
#ifndef NFDUMP_LAYOUT3_H
#define NFDUMP_LAYOUT3_H

#include "../bytes.h"
#include "../xxh3.h"
#include "nfdump.h"
#include "source.h"

#define LAYOUT3_HEADER 48u
#define LAYOUT3_BLOCK_HEADER 24u
/* What encryption adds to a payload. */
#define LAYOUT3_TAG 16u

/* A block header.  The sizes include these 24 bytes. */
typedef struct layout3_block {
    uint32_t type;
    uint32_t stored;
    uint32_t raw;
    uint16_t compression; /* as stored: one more than in layout 2 */
    uint16_t encryption;
    uint64_t checksum; /* of the stored payload; 0 = none */
} layout3_block;

/* Fills `info`, whose layout, file_size and flags are set already.  `*moved`: how far the directory is from
 * where it was written, since bytes before it are lost (negative) or were added. */
nfdump_status nfdump_layout3_open(const byte_source *source, nfdump_info *info, int64_t *moved, nfdump_error *error);
nfdump_status nfdump_layout3_next(const byte_source *source, const nfdump_info *info, int64_t moved,
                                  nfdump_cursor *cursor, nfdump_block_ref *ref, nfdump_error *error);

/* Takes a block apart whose `bytes` are the whole of it, or if `cut` perhaps less, and checks its sizes, encryption
 * and checksum; a cut one has none that could fit.
 * `compression` is what the codecs call the method.  `checksum` has seen part of the payload, or is null. */
nfdump_status nfdump_layout3_block_open(span bytes, bool cut, xxh3_state *checksum, layout3_block *header,
                                        span *payload, uint8_t *compression, nfdump_error *error);
/* Whether the header at the start of a block tells of a checksum. */
bool nfdump_layout3_has_checksum(span bytes);

#endif
