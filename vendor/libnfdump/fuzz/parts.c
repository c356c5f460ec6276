/* Takes nfcapd files apart and puts them together again; see parts.h. */
#include "parts.h"

#include <bzlib.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "../src/bytes.h"
#include "../src/codec/codec.h"
#include "../src/xxh3.h"

enum {
    HEADER_1 = 276,
    HEADER_2 = 40,
    HEADER_3 = 48,
    BLOCK_HEADER = 12,
    BLOCK_HEADER_3 = 24,
    FOOTER_3 = 56,
    FOOTER_3_OLD = 24,
    FLOW_SUBHEADER_3 = 32,
    TYPE_FLOW_3 = 1,
    TYPE_ARRAY_3 = 2,
    TYPE_META_3 = 5,
    TYPE_EXPORTERS_3 = 7,
    FLAG_ENCRYPTED_3 = 1,
    TAG_3 = 16,
};

void put_u16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

void put_u32(uint8_t *at, uint32_t value)
{
    put_u16(at, value);
    put_u16(at + 2, value >> 16);
}

void put_u64(uint8_t *at, uint64_t value)
{
    put_u32(at, (uint32_t)value);
    put_u32(at + 4, (uint32_t)(value >> 32));
}

size_t parts_header_size(uint16_t layout)
{
    return layout == 1 ? HEADER_1 : layout == 2 ? HEADER_2 : HEADER_3;
}

/* ---- payloads -------------------------------------------------------------- */

/* One run of literals and the end marker: valid LZO, if no smaller. */
static size_t encode_lzo(const uint8_t *plain, size_t length, uint8_t *out, size_t capacity)
{
    size_t at = 0;
    if (capacity < length + length / 255 + 8) {
        return 0;
    }
    if (length >= 4 && length <= 238) {
        out[at++] = (uint8_t)(17 + length);
    } else if (length > 238) {
        size_t rest = length - 18;
        out[at++] = 0;
        for (; rest > 255; rest -= 255) {
            out[at++] = 0;
        }
        out[at++] = (uint8_t)rest;
    } else if (length != 0) {
        return 0;
    }
    if (length != 0) {
        memcpy(out + at, plain, length);
        at += length;
    }
    memcpy(out + at, "\x11\x00\x00", 3);
    return at + 3;
}

size_t parts_encode(uint8_t method, const uint8_t *plain, size_t length, uint8_t *out, size_t capacity)
{
    switch (method) {
    case METHOD_NONE:
        if (length > capacity) {
            return 0;
        }
        memcpy(out, plain, length);
        return length;
    case METHOD_LZO:
        return encode_lzo(plain, length, out, capacity);
    case METHOD_BZ2: {
        unsigned produced = (unsigned)capacity;
        char *copy = malloc(length + 1);
        if (copy == NULL) {
            return 0;
        }
        memcpy(copy, plain, length);
        const int result = BZ2_bzBuffToBuffCompress((char *)out, &produced, copy, (unsigned)length, 1, 0, 0);
        free(copy);
        return result == BZ_OK ? produced : 0;
    }
    case METHOD_LZ4: {
        const int produced = LZ4_compress_default((const char *)plain, (char *)out, (int)length, (int)capacity);
        return produced > 0 ? (size_t)produced : 0;
    }
    default: {
        const size_t produced = ZSTD_compress(out, capacity, plain, length, 1);
        return ZSTD_isError(produced) ? 0 : produced;
    }
    }
}

size_t parts_decode(uint8_t method, const uint8_t *stored, size_t length, uint8_t *out, size_t capacity)
{
    codec_state codec = {0};
    size_t produced = 0;
    const char *reason = "";
    const nfdump_status status =
        nfdump_codec_decompress(&codec, method, (span){stored, length}, out, capacity, &produced, &reason);
    nfdump_codec_free(&codec);
    return status == NFDUMP_OK ? produced : 0;
}

/* ---- apart ----------------------------------------------------------------- */

static uint8_t file_method(uint16_t layout, const uint8_t *header)
{
    if (layout == 1) {
        return header[4] & 0x01   ? METHOD_LZO
               : header[4] & 0x08 ? METHOD_BZ2
               : header[4] & 0x10 ? METHOD_LZ4
                                  : METHOD_NONE;
    }
    if (layout == 2) {
        return header[16] % METHODS;
    }
    return header[18] == 0 ? METHOD_NONE : (uint8_t)((header[18] - 1) % METHODS);
}

static void take_payload(part *block, const uint8_t *stored, size_t length)
{
    block->length = parts_decode(block->method, stored, length, block->bytes, PARTS_BYTES);
    block->opaque = block->length == 0;
    if (block->opaque) {
        block->length = length < PARTS_BYTES ? length : PARTS_BYTES;
        memcpy(block->bytes, stored, block->length);
    }
}

static void take_blocks(parts *file, span data, size_t at)
{
    const size_t header_size = file->layout == 3 ? BLOCK_HEADER_3 : BLOCK_HEADER;
    const uint64_t appendix = file->layout == 2 && data.length >= HEADER_2 && load_u16(data.data + 18) != 0
                                  ? load_u64(data.data + 24)
                                  : UINT64_MAX;
    while (file->count < PARTS_BLOCKS && span_has(data, at, header_size)) {
        part *block = &file->part[file->count];
        const uint8_t *header = data.data + at;
        size_t stored = 0;
        block->method = file->method;
        block->records = block->flags = 0;
        block->appendix = false;
        if (file->layout == 3) {
            if (load_u32(header) == 0xB10CB10Cu || load_u32(header) > 64 || load_u32(header + 4) < BLOCK_HEADER_3) {
                break;
            }
            block->type = load_u32(header);
            stored = load_u32(header + 4) - (size_t)BLOCK_HEADER_3;
            block->raw = load_u32(header + 8);
            block->method = header[12] == 0 ? METHOD_NONE : (uint8_t)((header[12] - 1) % METHODS);
            file->checksums |= load_u64(header + 16) != 0;
        } else {
            block->records = load_u32(header);
            stored = load_u32(header + 4);
            block->type = load_u16(header + 8);
            block->flags = load_u16(header + 10);
            block->appendix = at >= appendix;
            if (file->layout == 2 && block->flags & 1) {
                block->method = METHOD_NONE;
            }
        }
        at += header_size;
        if (stored > data.length - at) {
            stored = data.length - at;
        }
        const bool tagged = file->layout == 3 && header[14] == 1 && stored > TAG_3;
        take_payload(block, data.data + at, tagged ? stored - TAG_3 : stored);
        at += stored;
        file->count++;
    }
}

void parts_take(parts *file, uint16_t layout, const uint8_t *data, size_t size)
{
    const size_t header = parts_header_size(layout);
    file->layout = layout;
    file->count = 0;
    file->checksums = file->encrypted = false;
    file->end = END_WHOLE;
    memset(file->header, 0, sizeof file->header);
    if (size != 0) {
        memcpy(file->header, data, size < header ? size : header);
    }
    file->method = file_method(layout, file->header);
    if (size > header) {
        take_blocks(file, (span){data, size}, header);
    }
    if (layout == 3) {
        file->encrypted = (file->header[20] & FLAG_ENCRYPTED_3) != 0;
        if (load_u64(file->header + 32) == 0) {
            file->end = size >= FOOTER_3 && load_u32(data + size - FOOTER_3) == 0xA50F ? END_UNNAMED : END_NOTHING;
        }
    }
}

/* ---- together -------------------------------------------------------------- */

static uint64_t checksum(const parts *file, const uint8_t *data, size_t length)
{
    return file->checksums ? nfdump_xxh3((span){data, length}) : 0;
}

static size_t build_block(const parts *file, const part *block, uint8_t *out, size_t capacity)
{
    const size_t header = file->layout == 3 ? BLOCK_HEADER_3 : BLOCK_HEADER;
    size_t stored = 0;
    if (capacity < header) {
        return 0;
    }
    if (block->opaque) {
        stored = parts_encode(METHOD_NONE, block->bytes, block->length, out + header, capacity - header);
    } else {
        stored = parts_encode(block->method, block->bytes, block->length, out + header, capacity - header);
    }
    if (stored == 0) {
        return 0;
    }
    if (file->layout == 3) {
        const bool encrypted = file->encrypted && block->type != TYPE_META_3;
        if (encrypted) {
            if (capacity - header - stored < TAG_3) {
                return 0;
            }
            memset(out + header + stored, 0, TAG_3);
            stored += TAG_3;
        }
        put_u32(out, block->type);
        put_u32(out + 4, (uint32_t)(stored + header));
        put_u32(out + 8, block->opaque ? block->raw : (uint32_t)(block->length + header));
        put_u16(out + 12, block->method + 1u);
        put_u16(out + 14, encrypted);
        put_u64(out + 16, checksum(file, out + header, stored));
    } else {
        put_u32(out, block->records);
        put_u32(out + 4, (uint32_t)stored);
        put_u16(out + 8, block->type);
        put_u16(out + 10, block->flags);
    }
    return header + stored;
}

/* Directory and footer at `at`. */
static size_t build_end_3(const parts *file, const size_t *offsets, const uint32_t *types, size_t count, uint8_t *out,
                          size_t capacity, size_t at)
{
    const size_t directory = 8 + 16 * count;
    const bool named = file->end != END_UNNAMED && file->end != END_NOTHING;
    put_u32(out + 28, named ? (uint32_t)directory : 0);
    put_u64(out + 32, named ? at : 0);
    if (file->end == END_NOTHING) {
        return at;
    }
    if (capacity - at < directory + FOOTER_3 + 1) {
        return 0;
    }
    uint8_t *to = out + at;
    put_u32(to, 0xB10CB10Cu);
    put_u32(to + 4, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        put_u32(to + 8 + 16 * i, types[i]);
        put_u32(to + 12 + 16 * i, load_u32(out + offsets[i] + 4));
        put_u64(to + 16 + 16 * i, offsets[i]);
    }
    if (file->end == END_NO_FOOTER) {
        return at + directory;
    }
    uint8_t *footer = to + directory;
    memset(footer, 0, FOOTER_3);
    put_u32(footer, 0xA50Fu);
    put_u32(footer + 4, (uint32_t)directory);
    put_u64(footer + 8, at);
    put_u64(footer + 16, checksum(file, to, directory));
    footer[FOOTER_3] = 0;
    if (file->end == END_OLD) {
        return at + directory + FOOTER_3_OLD;
    }
    return at + directory + FOOTER_3 + (file->end == END_TRAILING);
}

static void build_header(const parts *file, uint8_t *out, size_t data_blocks, size_t appendix_blocks, size_t appendix)
{
    static const uint8_t flags_1[METHODS] = {0, 0x01, 0x08, 0x10, 0};
    memcpy(out, file->header, parts_header_size(file->layout));
    put_u16(out, 0xA50C);
    put_u16(out + 2, file->layout);
    if (file->layout == 1) {
        put_u32(out + 4, flags_1[file->method]);
        put_u32(out + 8, (uint32_t)data_blocks);
    } else if (file->layout == 2) {
        out[16] = file->method;
        out[17] = 0;
        put_u16(out + 18, (uint32_t)appendix_blocks);
        put_u64(out + 24, appendix_blocks == 0 ? 0 : appendix);
        put_u32(out + 36, (uint32_t)data_blocks);
    } else {
        put_u16(out + 18, file->method + 1u);
        put_u32(out + 20, file->encrypted ? FLAG_ENCRYPTED_3 : 0);
        put_u32(out + 24, 4194304);
    }
}

size_t parts_build(const parts *file, uint8_t *out, size_t capacity)
{
    size_t at = parts_header_size(file->layout);
    size_t offsets[PARTS_BLOCKS] = {0};
    uint32_t types[PARTS_BLOCKS] = {0};
    size_t data_blocks = 0;
    size_t appendix = 0;
    if (capacity < at) {
        return 0;
    }
    for (size_t pass = 0; pass < 2; pass++) {
        if (pass == 1) {
            appendix = at;
        }
        for (size_t i = 0; i < file->count; i++) {
            if (file->part[i].appendix == (pass == 1)) {
                const size_t size = build_block(file, &file->part[i], out + at, capacity - at);
                if (size == 0) {
                    return 0;
                }
                offsets[i] = at;
                types[i] = file->part[i].type;
                data_blocks += pass == 0;
                at += size;
            }
        }
    }
    build_header(file, out, data_blocks, file->count - data_blocks, appendix);
    return file->layout == 3 ? build_end_3(file, offsets, types, file->count, out, capacity, at) : at;
}

/* ---- records --------------------------------------------------------------- */

/* Layout 2: lengths of elements that end where the record ends, and their number. */
static void fit_elements_2(uint8_t *record, size_t size)
{
    size_t at = 12;
    uint32_t count = 0;
    while (at + 4 <= size) {
        size_t length = load_u16(record + at + 2);
        if (length < 4) {
            length = 4;
        }
        if (length > size - at) {
            length = size - at;
        }
        put_u16(record + at + 2, (uint32_t)length);
        at += length;
        count++;
    }
    put_u16(record + 4, count);
}

static const uint8_t extension_sizes[40] = {0, 48, 8,  32, 8, 8, 24, 8, 8,  8,  32, 8, 16, 40, 16, 16, 8, 24, 8, 32,
                                            8, 24, 24, 72, 8, 4, 4,  4, 16, 40, 16, 8, 4,  8,  24, 32, 8, 8,  4, 8};

bool parts_extension_varies(unsigned id)
{
    return (id >= 25 && id <= 27) || id == 32;
}

size_t parts_extension_size(unsigned id)
{
    return id < sizeof extension_sizes ? extension_sizes[id] : 0;
}

static size_t table_end_3(uint32_t count)
{
    return (24 + 2 * (size_t)count + 7) & ~(size_t)7;
}

/* Layout 3: as many extensions as there is room for, at offsets where they lie in the record. */
static void fit_extensions_3(uint8_t *record, size_t size)
{
    uint64_t bits = load_u64(record + 16);
    uint16_t offsets[64] = {0};
    uint16_t table[64] = {0};
    uint32_t count = 0;
    size_t room = 0;
    for (unsigned id = 0, rank = 0; id < 64; id++) {
        if (bits >> id & 1) {
            offsets[id] = 24 + 2 * (size_t)rank + 2 <= size ? load_u16(record + 24 + 2 * rank) : 0;
            rank++;
            if (table_end_3(count + 1) + room + parts_extension_size(id) > size) {
                bits &= ~(UINT64_C(1) << id);
            } else {
                count++;
                room += parts_extension_size(id);
            }
        }
    }
    put_u64(record + 16, bits);
    put_u16(record + 4, count);
    const size_t end = table_end_3(count);
    size_t spare = size - end - room;
    for (unsigned id = 0, rank = 0; id < 64; id++) {
        if (bits >> id & 1) {
            const size_t length = parts_extension_size(id);
            size_t at = offsets[id];
            if (at < end || at > size - length) {
                at = end + (at & ~(size_t)7) % (size - length - end + 1);
            }
            if (parts_extension_varies(id)) {
                const size_t wanted = load_u32(record + at);
                size_t most = spare < size - at - length ? spare : size - at - length;
                most = wanted < most ? wanted : most;
                put_u32(record + at, (uint32_t)most);
                spare -= most;
            }
            table[rank++] = (uint16_t)at;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        put_u16(record + 24 + 2 * i, table[i]);
    }
}

/* Layout 3: samplers that fill their exporter. */
static void fit_exporter_3(uint8_t *record, size_t *size)
{
    const size_t capacity = (*size - 56) / 24;
    *size = 56 + 24 * capacity;
    put_u16(record + 2, (uint32_t)*size);
    put_u16(record + 52, (uint32_t)capacity);
    if (load_u16(record + 54) > capacity) {
        put_u16(record + 54, (uint32_t)capacity);
    }
}

/* Layout 3: elements of one size that fill their block. */
static void fit_array_3(part *block)
{
    if (block->length < 16) {
        return;
    }
    size_t size = load_u16(block->bytes + 4);
    if (size < 5 || size > block->length - 8) {
        size = block->length - 8 < 24 ? block->length - 8 : 24;
        put_u16(block->bytes + 4, (uint32_t)size);
    }
    const size_t count = (block->length - 8) / size;
    block->length = 8 + count * size;
    put_u32(block->bytes, (uint32_t)count);
    /* Three lengths, the first of them up to 7. */
    if (load_u16(block->bytes + 6) == 12 && size >= 10) {
        uint8_t *first = block->bytes + 8;
        first[0] %= 8;
        first[1] = (uint8_t)(first[1] % (size - 3 - first[0] + 1));
        first[2] = (uint8_t)(first[2] % (size - 3 - first[0] - first[1] + 1));
        for (size_t i = 1; i < count; i++) {
            memcpy(first + i * size, first, 3);
        }
    }
}

void parts_fit_records(part *block, uint16_t layout)
{
    size_t at = 0;
    uint32_t count = 0;
    if (layout == 3) {
        if (block->type == TYPE_ARRAY_3) {
            fit_array_3(block);
        }
        if (block->type != TYPE_FLOW_3 && block->type != TYPE_EXPORTERS_3) {
            return;
        }
        at = block->type == TYPE_FLOW_3 ? FLOW_SUBHEADER_3 : 8;
    }
    const size_t start = at;
    while (at + 4 <= block->length) {
        uint8_t *record = block->bytes + at;
        const size_t left = block->length - at;
        const uint16_t type = load_u16(record);
        const size_t minimum = layout == 2 && type == 11   ? 12
                               : layout == 3 && type == 16 ? 24
                               : layout == 3 && type == 17 ? 56
                               : layout == 1 && type == 10 ? 48
                                                           : 4;
        size_t size = load_u16(record + 2);
        if (size < minimum) {
            size = minimum;
        }
        if (size > left || left - size < 4) {
            size = left < 0xFFFF ? left : 0xFFFF;
        }
        put_u16(record + 2, (uint32_t)size);
        if (layout == 2 && type == 11 && size >= 12) {
            fit_elements_2(record, size);
        } else if (layout == 3 && type == 16 && size >= 24) {
            fit_extensions_3(record, size);
        } else if (layout == 3 && type == 17 && size >= 56) {
            fit_exporter_3(record, &size);
        }
        at += size;
        count++;
    }
    block->length = at > start ? at : block->length;
    if (layout == 3) {
        if (block->length >= start) {
            put_u32(block->bytes, count);
        }
    } else {
        block->records = count;
    }
}
