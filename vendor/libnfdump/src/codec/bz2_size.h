/* How much a bzip2 stream holds, without decoding it. */
#ifndef NFDUMP_BZ2_SIZE_H
#define NFDUMP_BZ2_SIZE_H

#include "../bytes.h"

/* Whether the blocks of a bzip2 stream hold at most `most` bytes, counted before the last step of decoding, which
 * expands runs of four bytes and more.  Of damaged or cut data the part in front of the damage counts.
 *
 * libbz2 decodes a whole block, up to 900,000 bytes, before it returns the first byte, and some dozens of stored bytes
 * are enough for that.  This reads the symbols alone, and takes time in proportion to the stored bytes. */
bool nfdump_bz2_is_within(span stored, size_t most);

#endif
