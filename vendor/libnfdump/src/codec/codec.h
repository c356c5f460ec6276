/* The five encodings of a stored block. */
#ifndef NFDUMP_CODEC_H
#define NFDUMP_CODEC_H

#include "../bytes.h"
#include "nfdump.h"

/* Decoder state worth keeping between blocks (a ZSTD context); null until first used. */
typedef struct codec_state {
    void *zstd;
} codec_state;

/* What decoding has come to. */
typedef struct codec_effort {
    size_t work; /* bytes that were decoded, roughly */
    bool full;   /* the data expand beyond the capacity */
} codec_effort;

/* Decompresses the whole of `stored` into `out`, never more than `capacity` bytes.
 * `*length` is what was produced, which counts with NFDUMP_OK only.  `*reason` names a failure. */
nfdump_status nfdump_codec_decompress(codec_state *codec, uint8_t compression, span stored, uint8_t *out,
                                      size_t capacity, size_t *length, const char **reason);
/* The same, and with NFDUMP_E_COMPRESSED `*length` is how much at the start of `out` precedes the damage: of zstd whole
 * blocks of its own, of bzip2 only if the data are cut and not damaged otherwise.  Takes longer then. */
nfdump_status nfdump_codec_salvage(codec_state *codec, uint8_t compression, span stored, uint8_t *out, size_t capacity,
                                   size_t *length, codec_effort *effort, const char **reason);
/* Whether decoding, if all goes well, makes at most `capacity` bytes on its way to the first `capacity` bytes. */
bool nfdump_codec_is_within(uint8_t compression, span stored, size_t capacity);
/* Whether `front`, the first bytes of what may be a block, can be the start of compressed records.  `holds` is asked
 * about the first bytes that were decoded, at most CODEC_FRONT of them; `out` has room for these.  `*produced` counts
 * them. */
typedef struct codec_question {
    bool (*holds)(const void *context, span decoded);
    const void *context;
} codec_question;
#define CODEC_FRONT 65536u
bool nfdump_codec_begins(uint8_t compression, span front, uint8_t *out, const codec_question *question,
                         size_t *produced);
/* As nfdump_codec_decompress, but gives up early if the answer about the first CODEC_FRONT bytes is no and finding out
 * costs less than decoding the rest.  `*work` is how many bytes were decoded, at most and roughly. `*settled`: further
 * bytes of input would change nothing. */
nfdump_status nfdump_codec_try(codec_state *codec, uint8_t compression, span stored, uint8_t *out, size_t capacity,
                               const codec_question *question, size_t *length, size_t *work, bool *settled);
void nfdump_codec_free(codec_state *codec);

#endif
