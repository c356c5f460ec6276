/*
 * Takes nfcapd files apart and puts them together again, with sizes, counts and offsets made to fit.
 * For the mutator and the seeds; not a reader: it forgives everything and keeps what it can.
 */
#ifndef NFDUMP_FUZZ_PARTS_H
#define NFDUMP_FUZZ_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARTS_BLOCKS 12u
#define PARTS_BYTES 65536u
/* Layout 1: header and statistics. */
#define PARTS_HEADER_MAX 276u

/* Compression methods by their number in layout 2. */
enum { METHOD_NONE, METHOD_LZO, METHOD_BZ2, METHOD_LZ4, METHOD_ZSTD, METHODS };

/* How a file of layout 3 ends. */
enum { END_WHOLE, END_UNNAMED, END_NO_FOOTER, END_NOTHING, END_TRAILING, END_OLD, ENDS };

typedef struct part {
    uint32_t type;
    uint32_t records;
    uint32_t raw; /* layout 3: decoded size as it was announced, for opaque blocks */
    uint16_t flags;
    bool appendix; /* layout 2: not one of the data blocks */
    bool opaque;   /* `bytes` are as stored, since they did not decode */
    uint8_t method;
    size_t length;
    uint8_t bytes[PARTS_BYTES];
} part;

typedef struct parts {
    uint16_t layout;
    uint8_t method;
    bool checksums; /* layout 3 */
    bool encrypted; /* layout 3; the cipher does nothing, but tags are there */
    uint8_t end;    /* layout 3 */
    uint8_t header[PARTS_HEADER_MAX];
    size_t count;
    part part[PARTS_BLOCKS];
} parts;

size_t parts_header_size(uint16_t layout);
/* What is there of a file of `layout`, whatever its header says about the layout. */
void parts_take(parts *file, uint16_t layout, const uint8_t *data, size_t size);
/* The whole file; 0 if it does not fit. */
size_t parts_build(const parts *file, uint8_t *out, size_t capacity);

/* Layout 3: the size of an extension; 0 if unknown, 4 (of its length) if it varies. */
size_t parts_extension_size(unsigned id);
bool parts_extension_varies(unsigned id);

/* Makes the sizes and counts of a block's records fit, and counts the records. */
void parts_fit_records(part *block, uint16_t layout);

/* One block's payload.  0 when it does not fit or does not decode. */
size_t parts_encode(uint8_t method, const uint8_t *plain, size_t length, uint8_t *out, size_t capacity);
size_t parts_decode(uint8_t method, const uint8_t *stored, size_t length, uint8_t *out, size_t capacity);

void put_u16(uint8_t *at, uint32_t value);
void put_u32(uint8_t *at, uint32_t value);
void put_u64(uint8_t *at, uint64_t value);

#endif
