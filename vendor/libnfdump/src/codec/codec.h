/* The five encodings of a stored block. */
#ifndef NFDUMP_CODEC_H
#define NFDUMP_CODEC_H

#include "../bytes.h"
#include "nfdump.h"

/* Decoder state worth keeping between blocks (a ZSTD context); null until first used. */
typedef struct codec_state {
    void *zstd;
} codec_state;

/* Decompresses the whole of `stored` into `out`, never more than `capacity` bytes.
 * `*length` is what was produced; with NFDUMP_E_COMPRESSED what is told to stand in front of the damage, which
 * LZO and bzip2 tell, bzip2 if the data are cut and not damaged otherwise.  `*reason` names a failure. */
nfdump_status nfdump_codec_decompress(codec_state *codec, uint8_t compression, span stored, uint8_t *out, size_t capacity,
                               size_t *length, const char **reason);
/* For what did not decompress, and `produced` so much: how much at the start of `out` is what stands in front of
 * the damage.  LZ4 and zstd are asked again, in another way; of zstd whole blocks of its own count. */
size_t nfdump_codec_front(uint8_t compression, span stored, uint8_t *out, size_t capacity, size_t produced);
void nfdump_codec_free(codec_state *codec);

#endif
