/*
 * The five encodings of a stored block.  LZO is our own (lzo1x.c); the others are the
 * reference libraries' one-shot block calls.  Each gets the exact capacity, so a stream
 * that expands beyond the limit is an error and never a larger buffer.
 */
#include "codec.h"

#include <bzlib.h>
#include <limits.h>
#include <lz4.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "bz2_size.h"
#include "lzo1x.h"
#include "repeat.h"

_Static_assert(NFDUMP_BLOCK_MAX <= INT_MAX, "the lz4 and bzip2 calls take int");
_Static_assert(NFDUMP_STORED_MAX <= INT_MAX, "the lz4 and bzip2 calls take int");

enum {
    /* A sequence of LZ4: lengths that fill their half of the token go on behind it; matches have so many bytes more. */
    LZ4_LENGTH_MORE = 15,
    LZ4_MATCH_MIN = 4,
    /* A window as large as what is decoded at most does. */
    WINDOW_LOG_MIN = 10,
    WINDOW_LOG_MAX = 26,
    /* Bytes that tell how large the header of a zstd frame is. */
    FRAME_HEADER_MIN = 5,
    /* Bytes in front of the first block of a bzip2 stream, and of the mark of a block. */
    BZ2_HEADER = 4,
    BZ2_MARK = 6,
    /* Bytes of a block for each level, which is the digit in the header. */
    BZ2_LEVEL = 100000,
    /* Decoding LZ4 or zstd data that fail costs no more than making so many bytes of each byte of input:
     * what makes more of them are repetitions, which are made at the speed of memory. */
    FAILED_RATIO = 8,
    /* Bytes of a bzip2 block that are prepared in the time that one is decoded in. */
    BZ2_PREPARED_RATIO = 4,
};

static const char lzo_is_full[] = "LZO data expand beyond the block limit";

static nfdump_status bad(const char **reason, const char *text)
{
    *reason = text;
    return NFDUMP_E_COMPRESSED;
}

static nfdump_status no_memory(const char **reason, const char *text)
{
    *reason = text;
    return NFDUMP_E_NOMEM;
}

static nfdump_status decompress_lzo(span stored, uint8_t *out, size_t capacity, size_t *length, const char **reason)
{
    size_t used = 0;
    const int result = nfdump_lzo1x_decompress(stored.data, stored.length, out, capacity, length, &used);
    if (result == LZO1X_OK) {
        return NFDUMP_OK;
    }
    return bad(reason, result == LZO1X_OUTPUT_OVERRUN ? lzo_is_full : "LZO data do not decode");
}

static nfdump_status decompress_lz4(span stored, uint8_t *out, size_t capacity, size_t *length, const char **reason)
{
    int produced = LZ4_decompress_safe((const char *)stored.data, (char *)out, (int)stored.length, (int)capacity);
    if (produced <= 0) {
        return bad(reason, "LZ4 data do not decode");
    }
    *length = (size_t)produced;
    return NFDUMP_OK;
}

/* What decoding has come to, also when it fails. */
typedef struct bz2_effort {
    size_t produced;
    size_t left; /* bytes of input */
    bool full;   /* there is more than the capacity */
} bz2_effort;

/* One stream only: bytes after its end are ignored, as nfdump does.  The checksum of a block comes behind it: what
 * was produced counts only if the data are cut, for then no block is begun before all of it is there. */
static nfdump_status decompress_bz2(span stored, uint8_t *out, size_t capacity, const codec_question *question,
                                    bz2_effort *effort, size_t *length, const char **reason)
{
    const size_t first = question != NULL && capacity > CODEC_FRONT ? CODEC_FRONT : capacity;
    bz_stream stream = {0};
    *length = 0;
    int result = BZ2_bzDecompressInit(&stream, 0, 0);
    if (result != BZ_OK) {
        return no_memory(reason, "no memory for bzip2");
    }
    /* libbz2 does not write through next_in; its type merely lacks the const. */
    union {
        const uint8_t *in;
        char *out;
    } input = {.in = stored.data};
    stream.next_in = input.out;
    stream.avail_in = (unsigned)stored.length;
    stream.next_out = (char *)out;
    stream.avail_out = (unsigned)first;
    /* With all input and all output space given, one call either ends the stream or never will.  If it fills the
     * space, another byte tells whether there is more to come. */
    result = BZ2_bzDecompress(&stream);
    if (first < capacity && result == BZ_OK && stream.avail_out == 0 &&
        question->holds(question->context, (span){out, first})) {
        stream.avail_out = (unsigned)(capacity - first);
        result = BZ2_bzDecompress(&stream);
    }
    size_t produced = (size_t)((uint8_t *)stream.next_out - out);
    char more;
    if (result == BZ_DATA_ERROR) {
        /* Of a block whose damage shows late libbz2 does not say how much it has written: all, perhaps. */
        produced += stream.avail_out;
    }
    if (result == BZ_OK && stream.avail_out == 0) {
        stream.next_out = &more;
        stream.avail_out = 1;
        result = BZ2_bzDecompress(&stream);
        result = stream.avail_out == 0 ? BZ_OK : result;
    }
    const bool cut = result == BZ_OK && stream.avail_out != 0;
    if (effort != NULL) {
        *effort = (bz2_effort){.produced = produced, .left = stream.avail_in, .full = result == BZ_OK && !cut};
    }
    (void)BZ2_bzDecompressEnd(&stream);
    *length = cut || result == BZ_STREAM_END ? produced : 0;
    switch (result) {
    case BZ_STREAM_END:
        return NFDUMP_OK;
    case BZ_OK:
        return bad(reason, cut ? "bzip2 data end without end of stream" : "bzip2 data expand beyond the block limit");
    case BZ_MEM_ERROR:
        return no_memory(reason, "no memory for bzip2");
    default:
        return bad(reason, "bzip2 data do not decode");
    }
}

static nfdump_status decompress_zstd(codec_state *codec, span stored, uint8_t *out, size_t capacity, size_t *length,
                                     const char **reason)
{
    if (codec->zstd == NULL) {
        codec->zstd = ZSTD_createDCtx();
        if (codec->zstd == NULL) {
            return no_memory(reason, "no memory for ZSTD");
        }
    }
    size_t produced = ZSTD_decompressDCtx(codec->zstd, out, capacity, stored.data, stored.length);
    if (ZSTD_isError(produced)) {
        return bad(reason, "ZSTD data do not decode");
    }
    *length = produced;
    return NFDUMP_OK;
}

nfdump_status nfdump_codec_decompress(codec_state *codec, uint8_t compression, span stored, uint8_t *out,
                                      size_t capacity, size_t *length, const char **reason)
{
    *length = 0;
    switch (compression) {
    case NFDUMP_COMPRESSION_NONE:
        if (stored.length > capacity) {
            return bad(reason, "block exceeds the block limit");
        }
        memcpy(out, stored.data, stored.length);
        *length = stored.length;
        return NFDUMP_OK;
    case NFDUMP_COMPRESSION_LZO:
        return decompress_lzo(stored, out, capacity, length, reason);
    case NFDUMP_COMPRESSION_BZ2:
        return decompress_bz2(stored, out, capacity, NULL, NULL, length, reason);
    case NFDUMP_COMPRESSION_LZ4:
        return decompress_lz4(stored, out, capacity, length, reason);
    case NFDUMP_COMPRESSION_ZSTD:
        return decompress_zstd(codec, stored, out, capacity, length, reason);
    default:
        *reason = "unknown compression method";
        return NFDUMP_E_UNSUPPORTED;
    }
}

static size_t at_most(size_t value, size_t limit)
{
    return value < limit ? value : limit;
}

/* Adds what goes on of a length behind its token; false if the data end inside of it. */
static bool lz4_length(span stored, size_t *at, size_t *length)
{
    uint8_t more = UINT8_MAX;
    if (*length != LZ4_LENGTH_MORE) {
        return true;
    }
    while (more == UINT8_MAX) {
        if (*at >= stored.length) {
            return false;
        }
        more = stored.data[(*at)++];
        *length += more;
    }
    return true;
}

/* The library tells neither how far it came when it fails nor what it has made by then, and refuses some data only
 * for how near to their end they are. */
static size_t front_lz4(span stored, uint8_t *out, size_t capacity)
{
    size_t at = 0;
    size_t made = 0;
    while (at < stored.length && made < capacity) {
        const uint8_t token = stored.data[at++];
        size_t literals = token >> 4;
        size_t match = token & LZ4_LENGTH_MORE;
        uint16_t distance;
        if (!lz4_length(stored, &at, &literals)) {
            break;
        }
        literals = at_most(literals, at_most(stored.length - at, capacity - made));
        memcpy(out + made, stored.data + at, literals);
        at += literals;
        made += literals;
        if (!span_u16(stored, at, &distance)) {
            break;
        }
        at += sizeof distance;
        if (distance == 0 || distance > made || !lz4_length(stored, &at, &match)) {
            break;
        }
        match = at_most(match + LZ4_MATCH_MIN, capacity - made);
        repeat(out + made, distance, match);
        made += match;
    }
    return made;
}

/* In a context of its own, since its window stays allocated.  Data go in as they are asked for: what was decoded in
 * a call that fails is not told.  `reason` stays if memory is not. */
static nfdump_status front_zstd(span stored, uint8_t *out, size_t capacity, size_t window_max, size_t *length,
                                const char **reason)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    ZSTD_inBuffer in = {.src = stored.data};
    ZSTD_outBuffer done = {.dst = out, .size = capacity};
    int window = WINDOW_LOG_MIN;
    bool has_memory = context != NULL;
    while (window < WINDOW_LOG_MAX && (size_t)1 << window < window_max) {
        window++;
    }
    if (has_memory && !ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, window))) {
        size_t wanted = FRAME_HEADER_MIN;
        size_t before;
        do {
            before = in.pos + done.pos;
            in.size = stored.length - in.pos < wanted ? stored.length : in.pos + wanted;
            wanted = ZSTD_decompressStream(context, &done, &in);
        } while (!ZSTD_isError(wanted) && in.pos + done.pos != before);
        has_memory = ZSTD_getErrorCode(wanted) != ZSTD_error_memory_allocation;
    }
    (void)ZSTD_freeDCtx(context);
    *length = done.pos;
    return has_memory ? NFDUMP_E_COMPRESSED : no_memory(reason, "no memory for ZSTD");
}

/* Bytes that a block of a bzip2 stream has room for. */
static size_t bz2_block(span stored)
{
    return stored.length < BZ2_HEADER ? 0 : BZ2_LEVEL * (size_t)(stored.data[BZ2_HEADER - 1] & 0x0Fu);
}

/* LZO and bzip2 say what precedes the damage when they fail; zstd is asked again, in another way, and LZ4 data are
 * taken apart here. */
nfdump_status nfdump_codec_salvage(codec_state *codec, uint8_t compression, span stored, uint8_t *out, size_t capacity,
                                   size_t *length, codec_effort *effort, const char **reason)
{
    *effort = (codec_effort){0};
    if (compression == NFDUMP_COMPRESSION_BZ2) {
        bz2_effort done = {0};
        const nfdump_status status = decompress_bz2(stored, out, capacity, NULL, &done, length, reason);
        *effort = (codec_effort){.work = done.produced + bz2_block(stored) / BZ2_PREPARED_RATIO, .full = done.full};
        return status;
    }
    nfdump_status status = nfdump_codec_decompress(codec, compression, stored, out, capacity, length, reason);
    if (status == NFDUMP_E_COMPRESSED && compression == NFDUMP_COMPRESSION_LZ4) {
        *length = front_lz4(stored, out, capacity);
    } else if (status == NFDUMP_E_COMPRESSED && compression == NFDUMP_COMPRESSION_ZSTD) {
        /* A frame may have a window that is larger than the bytes asked for. */
        const size_t window = capacity < NFDUMP_BLOCK_MAX ? NFDUMP_BLOCK_MAX : capacity;
        status = front_zstd(stored, out, capacity, window, length, reason);
    }
    /* A match of LZO that does not fit is not begun. */
    effort->full = status == NFDUMP_E_COMPRESSED && (*length == capacity || *reason == lzo_is_full);
    effort->work = *length;
    return status;
}

bool nfdump_codec_is_within(uint8_t compression, span stored, size_t capacity)
{
    /* Four bytes that are the same become five. */
    return compression != NFDUMP_COMPRESSION_BZ2 || nfdump_bz2_is_within(stored, capacity + capacity / 4);
}

/* Whether these can be the first bytes of a bzip2 stream: "BZh", a digit, the mark of a block or of the end. */
static bool begins_bz2(span front)
{
    static const uint8_t block[BZ2_MARK] = {0x31, 0x41, 0x59, 0x26, 0x53, 0x59};
    static const uint8_t end[BZ2_MARK] = {0x17, 0x72, 0x45, 0x38, 0x50, 0x90};
    span mark = {0};
    return span_sub(front, BZ2_HEADER, BZ2_MARK, &mark) && memcmp(front.data, "BZh", 3) == 0 && front.data[3] >= '1' &&
           front.data[3] <= '9' && (memcmp(mark.data, block, BZ2_MARK) == 0 || memcmp(mark.data, end, BZ2_MARK) == 0);
}

bool nfdump_codec_begins(uint8_t compression, span front, uint8_t *out, const codec_question *question,
                         size_t *produced)
{
    size_t used = 0;
    const char *reason = "";
    *produced = 0;
    switch (compression) {
    case NFDUMP_COMPRESSION_LZO:
        (void)nfdump_lzo1x_decompress(front.data, front.length, out, CODEC_FRONT, produced, &used);
        break;
    case NFDUMP_COMPRESSION_BZ2: /* which decodes nothing before it has a whole block */
        return begins_bz2(front);
    case NFDUMP_COMPRESSION_LZ4:
        *produced = front_lz4(front, out, CODEC_FRONT);
        break;
    case NFDUMP_COMPRESSION_ZSTD:
        if (ZSTD_getFrameContentSize(front.data, front.length) == ZSTD_CONTENTSIZE_ERROR) {
            return false;
        }
        (void)front_zstd(front, out, CODEC_FRONT, NFDUMP_BLOCK_MAX, produced, &reason);
        break;
    default:
        break;
    }
    return question->holds(question->context, (span){out, *produced});
}

nfdump_status nfdump_codec_try(codec_state *codec, uint8_t compression, span stored, uint8_t *out, size_t capacity,
                               const codec_question *question, size_t *length, size_t *work, bool *settled)
{
    const char *reason = "";
    *length = 0;
    *settled = false;
    if (compression == NFDUMP_COMPRESSION_BZ2) {
        bz2_effort effort = {0};
        const nfdump_status status = decompress_bz2(stored, out, capacity, question, &effort, length, &reason);
        /* A block of it is decoded as a whole before the first of its bytes is there. */
        *work = effort.produced + bz2_block(stored);
        *settled = effort.left != 0;
        return status;
    }
    const nfdump_status status = nfdump_codec_decompress(codec, compression, stored, out, capacity, length, &reason);
    *work = status == NFDUMP_OK ? *length : at_most(capacity, CODEC_FRONT + FAILED_RATIO * stored.length);
    return status;
}

void nfdump_codec_free(codec_state *codec)
{
    (void)ZSTD_freeDCtx(codec->zstd);
    codec->zstd = NULL;
}
