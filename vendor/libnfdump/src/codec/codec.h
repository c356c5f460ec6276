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
 * `*length` is what was produced, which counts with NFDUMP_OK only.  `*reason` names a failure. */
nfdump_status nfdump_codec_decompress(codec_state *codec, uint8_t compression, span stored, uint8_t *out, size_t capacity,
                                      size_t *length, const char **reason);
/* The same, and with NFDUMP_E_COMPRESSED `*length` is how much at the start of `out` stands in front of the damage:
 * of zstd whole blocks of its own, of bzip2 only if the data are cut and not damaged otherwise.  Takes longer then. */
nfdump_status nfdump_codec_salvage(codec_state *codec, uint8_t compression, span stored, uint8_t *out, size_t capacity,
                                   size_t *length, const char **reason);
void nfdump_codec_free(codec_state *codec);

#endif
