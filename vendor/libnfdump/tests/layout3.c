/* Unit tests of layout 3: its container, the encodings, encryption as far as the library knows it, and what its
 * records become.  Every file is made byte by byte. */
#include <stdlib.h>

#include "../fuzz/parts.h"
#include "../src/xxh3.h"
#include "test.h"

enum { FLOWS = 1, NAMES = 2, STAT = 3, IDENT = 4, META = 5, MESSAGE = 6, EXPORTERS = 7 };

static void set(uint8_t *at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t number(const uint8_t *at, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; at != NULL && i < size; i++) {
        value |= (uint64_t)at[i] << (8 * i);
    }
    return value;
}

static void put_header3(bytes *b, uint32_t flags)
{
    b->length = 0;
    put(b, 0xA50C, 2), put(b, 3, 2), put(b, 0xD1080000, 4), put(b, 1700000000, 8), put(b, 1, 2), put(b, 1, 2);
    put(b, flags, 4), put(b, 4194304, 4), put(b, 0, 4), put(b, 0, 8), put(b, 0, 8);
}

static void put_block3(bytes *b, uint32_t type, uint8_t method, const bytes *plain)
{
    static uint8_t stored[1 << 16];
    const size_t length = parts_encode(method, plain->data, plain->length, stored, sizeof stored);
    put(b, type, 4), put(b, length + 24, 4), put(b, plain->length + 24, 4), put(b, method + 1u, 2), put(b, 0, 2);
    put(b, nfdump_xxh3((span){stored, length}), 8), put_bytes(b, stored, length);
}

/* Directory and footer behind the blocks; these are found by their sizes. */
static void put_end3(bytes *b)
{
    const size_t at = b->length;
    uint32_t count = 0;
    put(b, 0xB10CB10C, 4), put(b, 0, 4);
    for (size_t block = 48; block < at; count++) {
        const size_t size = (size_t)number(b->data + block + 4, 4);
        put_bytes(b, b->data + block, 8), put(b, block, 8);
        block += size;
    }
    set(b->data + at + 4, count, 4);
    const uint32_t size = (uint32_t)(b->length - at);
    set(b->data + 28, size, 4), set(b->data + 32, at, 8);
    const uint64_t checksum = nfdump_xxh3((span){b->data + at, size});
    put(b, 0xA50F, 4), put(b, size, 4), put(b, at, 8), put(b, checksum, 8), put_zeros(b, 32);
}

/* Extensions in the order given: id, size; bytes of each are id, id + 1, ... */
static void put_flow3(bytes *b, const uint8_t (*extensions)[2], size_t count)
{
    const size_t start = b->length;
    uint64_t bits = 0;
    uint16_t where[64] = {0};
    put(b, 16, 2), put(b, 0, 2), put(b, count, 2), put(b, 0, 2), put(b, 7, 4), put(b, 0x11, 1), put(b, 1, 1);
    put(b, 10, 1), put(b, 0, 1), put(b, 0, 8), put_zeros(b, (2 * count + 7) / 8 * 8);
    for (size_t i = 0; i < count; i++) {
        bits |= UINT64_C(1) << extensions[i][0];
        where[extensions[i][0]] = (uint16_t)(b->length - start);
        for (uint8_t byte = 0; byte < extensions[i][1]; byte++) {
            put(b, (uint8_t)(extensions[i][0] + byte), 1);
        }
    }
    set(b->data + start + 2, b->length - start, 2), set(b->data + start + 16, bits, 8);
    uint8_t *table = b->data + start + 24;
    for (size_t id = 0; id < 64; id++) {
        if (bits >> id & 1) {
            set(table, where[id], 2), table += 2;
        }
    }
}

#define FLOW(b, ...)                                                                            \
    put_flow3(b, (const uint8_t[][2]){__VA_ARGS__}, sizeof((const uint8_t[][2]){__VA_ARGS__}) / 2)

static void begin_flows(bytes *plain, uint32_t announced)
{
    plain->length = 0;
    put(plain, announced, 4), put_zeros(plain, 28);
}

static const nfdump_shape *shape_of(const nfdump_block_view *view, size_t flow)
{
    return flow >= view->num_flows || view->flows[flow].shape == NFDUMP_SHAPE_NONE
               ? NULL
               : &view->shapes[view->flows[flow].shape];
}

/* The payload of an element of a flow; null if it has none. */
static const uint8_t *element_of(const nfdump_block_view *view, size_t flow, size_t id)
{
    const nfdump_shape *shape = shape_of(view, flow);
    return shape != NULL && shape->present >> id & 1 ? view->data + view->flows[flow].offset + shape->offset[id] : NULL;
}

/* One block and the view of it. */
static nfdump_block *block;
static nfdump_block_view view = {.size = sizeof view};
static nfdump_error error;

static nfdump_status decode(uint16_t type, const bytes *plain)
{
    static bytes stored;
    stored.length = 0;
    put_block3(&stored, type, METHOD_NONE, plain);
    const nfdump_block_ref ref = {.offset = 48, .type = type, .layout = 3, .stored = (uint32_t)stored.length - 24};
    return nfdump_block_decode(block, 0, &ref, stored.data, stored.length, &view, &error);
}

static nfdump_status open_flags(const bytes *b, uint32_t flags, nfdump_file **file)
{
    *file = NULL;
    return nfdump_file_open_memory(b->data, b->length, flags, file, &error);
}

/* Opens, closes, and tells what opening gave. */
static nfdump_status opening(const bytes *b, uint32_t flags)
{
    nfdump_file *file;
    const nfdump_status status = open_flags(b, flags, &file);
    nfdump_file_close(file);
    return status;
}

/* What the file says of its appendix: directory, footer, ident, statistics. */
static int32_t appendix_status(const bytes *b, uint32_t flags)
{
    nfdump_file *file;
    EXPECT(open_flags(b, flags, &file) == NFDUMP_OK);
    const int32_t status = file == NULL ? -1 : nfdump_file_info(file)->appendix.status;
    nfdump_file_close(file);
    return status;
}

/* Counts the flows of all blocks, and errors of any kind. */
static size_t read_all(const bytes *b, uint32_t flags, unsigned *errors)
{
    nfdump_file *file;
    nfdump_cursor cursor = {0};
    nfdump_block_ref ref;
    nfdump_status status;
    size_t flows = 0;
    *errors = 0;
    EXPECT(open_flags(b, flags, &file) == NFDUMP_OK);
    while (file != NULL && (status = nfdump_file_next(file, &cursor, &ref, &error)) != NFDUMP_END) {
        if (status == NFDUMP_OK && nfdump_block_load(block, file, &ref, &view, &error) == NFDUMP_OK) {
            flows += view.num_flows;
            *errors += view.damage.status != NFDUMP_OK;
        } else {
            EXPECT(error.reason != NULL && error.block != NFDUMP_NONE);
            ++*errors;
        }
    }
    nfdump_file_close(file);
    return flows;
}

/* A whole file: exporters, two blocks of flows, a message and a look-up table, statistics, ident. */
static void put_file(bytes *b, uint8_t method, size_t at[8])
{
    static bytes plain;
    size_t count = 0;
    put_header3(b, 0);
    at[count++] = b->length;
    plain.length = 0;
    put(&plain, 0, 8), put_block3(b, EXPORTERS, method, &plain);
    for (unsigned i = 0; i < 2; i++) {
        at[count++] = b->length;
        begin_flows(&plain, 2);
        FLOW(&plain, {1, 48}, {2, 8}), FLOW(&plain, {3, 32}, {1, 48});
        put_block3(b, FLOWS, method, &plain);
    }
    at[count++] = b->length;
    plain.length = 0;
    put(&plain, 1, 8), put_block3(b, MESSAGE, METHOD_NONE, &plain);
    at[count++] = b->length;
    put(&plain, 1, 8), set(plain.data, 1, 4), set(plain.data + 4, 8, 2), set(plain.data + 6, 1, 2);
    put_block3(b, NAMES, method, &plain);
    at[count++] = b->length;
    plain.length = 0;
    for (uint64_t i = 1; i <= 18; i++) {
        put(&plain, i, 8);
    }
    put_block3(b, STAT, METHOD_NONE, &plain);
    at[count++] = b->length;
    plain.length = 0;
    put_bytes(&plain, "demo", 4), put_zeros(&plain, 124), put_block3(b, IDENT, METHOD_NONE, &plain);
    at[count++] = b->length;
    put_end3(b);
}

static void whole_file(void)
{
    static bytes b;
    size_t at[8];
    unsigned errors;
    for (uint8_t method = 0; method < METHODS; method++) {
        put_file(&b, method, at);
        nfdump_file *file;
        EXPECT(open_flags(&b, 0, &file) == NFDUMP_OK);
        const nfdump_info *info = nfdump_file_info(file);
        EXPECT(info->layout == 3 && info->created == 1700000000 && info->creator == 1 &&
               info->nfdversion == 0xD1080000);
        EXPECT(info->num_blocks == 4 && info->directory_entries == 7 && info->appendix_offset == at[7]);
        EXPECT(!info->unfinished && info->appendix.status == NFDUMP_OK && info->crypto.header_size == 0);
        EXPECT(info->has_ident && strcmp((const char *)info->ident, "demo") == 0 && info->ident_length == 4);
        EXPECT(info->has_stat && info->stat.flows == 1 && info->stat.bytes == 2 && info->stat.sequence_failures == 18);
        nfdump_cursor cursor = {0};
        nfdump_block_ref ref;
        static const uint16_t types[] = {EXPORTERS, FLOWS, FLOWS, NAMES};
        static const uint8_t places[] = {0, 1, 2, 4};
        for (size_t i = 0; i < 4; i++) {
            EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_OK && ref.type == types[i] &&
                   ref.layout == 3);
            EXPECT(ref.index == places[i] && ref.offset == at[places[i]]);
        }
        EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_END && cursor.ended);
        nfdump_file_close(file);
        EXPECT(read_all(&b, 0, &errors) == 4 && errors == 0);
        EXPECT(read_all(&b, NFDUMP_OPEN_PARTIAL, &errors) == 4 && errors == 0);
    }

    /* Payloads that nfdump 1.8 writes for a block without flows. */
    static const uint8_t lzo[] = {2, 0, 0, 0, 0, 0, 0x2a, 0x10, 0, 0x0c, 0, 0,    0, 0,
                                  0, 0, 0, 0, 0, 0, 0,    0,    0, 0,    0, 0x11, 0, 0};
    static const uint8_t bz2[] = {0x42, 0x5a, 0x68, 0x39, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, 0xb5, 0xaa, 0x50,
                                  0x98, 0,    0,    0,    0x60, 0,    0x40, 0,    0,    0x04, 0x20, 0,    0x21,
                                  0,    0x82, 0x83, 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, 0xb5, 0xaa, 0x50, 0x98};
    static const uint8_t lz4[] = {0x1f, 0, 1, 0, 7, 0x50, 0, 0, 0, 0, 0};
    static const uint8_t zstd[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x20, 0x45, 0, 0, 0x10, 0, 0, 1, 0, 0x22, 0xc0, 2};
    static const struct {
        const uint8_t *data;
        size_t length;
        uint64_t checksum;
    } vectors[] = {
        {lzo, sizeof lzo, UINT64_C(0xe0b63a0dc10ad8bc)},
        {bz2, sizeof bz2, UINT64_C(0x8c28924fefb4e7d8)},
        {lz4, sizeof lz4, UINT64_C(0x74e4dd719f1c78ef)},
        {zstd, sizeof zstd, UINT64_C(0x07af7c2676e6c636)},
    };
    for (size_t i = 0; i < 4; i++) {
        const size_t length = vectors[i].length;
        b.length = 0;
        put(&b, FLOWS, 4), put(&b, length + 24, 4), put(&b, 56, 4), put(&b, i + 2, 4), put(&b, vectors[i].checksum, 8);
        put_bytes(&b, vectors[i].data, length);
        const nfdump_block_ref ref = {.type = FLOWS, .layout = 3, .stored = (uint32_t)length};
        EXPECT(nfdump_block_decode(block, 0, &ref, b.data, b.length, &view, &error) == NFDUMP_OK);
        EXPECT(view.num_flows == 0 && view.walked == 0 && view.damage.status == NFDUMP_OK);
        b.data[24] ^= 1;
        EXPECT(nfdump_block_decode(block, 0, &ref, b.data, b.length, &view, &error) == NFDUMP_E_CHECKSUM);
    }
    EXPECT(nfdump_xxh3((span){(const uint8_t *)"", 0}) == UINT64_C(0x2d06800538d394c2));
}

/* The example of the description: two packets that nfpcapd of nfdump 1.8 turned into flows. */
static void worked_example(void)
{
    static bytes b, plain;
    nfdump_file *file;
    put_header3(&b, 0);
    set(b.data + 8, 0x6b04927d, 8), set(b.data + 16, 2, 2);
    begin_flows(&plain, 2);
    put(&plain, 16, 2), put(&plain, 104, 2), put(&plain, 3, 2), put(&plain, 0, 6), put(&plain, 0x00410111, 4);
    put(&plain, 0x04000006, 8), put(&plain, 32, 2), put(&plain, 80, 2);
    put(&plain, 88, 2), put(&plain, 0, 2);
    for (int i = 0; i < 3; i++) {
        put(&plain, 1700000000250, 8);
    }
    put(&plain, 1, 8), put(&plain, 33, 8), put(&plain, 40000, 2), put(&plain, 53, 2), put(&plain, 17, 4);
    put(&plain, 0x0a010203, 4), put(&plain, 0x0a040506, 4), put(&plain, 5, 4),
        put_bytes(&plain, "hello\0\0\0\0\0\0", 12);
    put(&plain, 16, 2), put(&plain, 112, 2), put(&plain, 2, 2), put(&plain, 0, 6), put(&plain, 0x00410111, 4);
    put(&plain, 10, 8), put(&plain, 32, 2), put(&plain, 80, 2), put(&plain, 0, 4);
    for (int i = 0; i < 3; i++) {
        put(&plain, 1700000001500, 8);
    }
    put(&plain, 1, 8), put(&plain, 48, 8), put(&plain, 5000, 2), put(&plain, 5001, 2), put(&plain, 17, 4);
    put(&plain, UINT64_C(0x20010db800000000), 8), put(&plain, 1, 8), put(&plain, UINT64_C(0x20010db800000000), 8);
    put(&plain, 2, 8);
    set(plain.data + 16, 1700000000250, 8), set(plain.data + 24, 1700000001500, 8);
    put_block3(&b, FLOWS, METHOD_NONE, &plain);
    EXPECT(number(b.data + 0x40, 8) == UINT64_C(0xf54c4b050905a50b));
    static const uint64_t stat[18] = {2, 81, 2, 0, 2, 0, 0, 0, 81, 0, 0, 0, 2, 0, 0, 1699999800000, 1700000100000, 0};
    plain.length = 0;
    for (size_t i = 0; i < 18; i++) {
        put(&plain, stat[i], 8);
    }
    put_block3(&b, STAT, METHOD_NONE, &plain);
    EXPECT(number(b.data + 0x150, 8) == UINT64_C(0xf75956f636b595be));
    plain.length = 0;
    put_bytes(&plain, "tiny", 4), put_zeros(&plain, 124), put_block3(&b, IDENT, METHOD_NONE, &plain);
    EXPECT(number(b.data + 0x1f8, 8) == UINT64_C(0x50bf026517a07e37));
    put_end3(&b);
    EXPECT(b.length == 752 && number(b.data + 0x2c8, 8) == UINT64_C(0x1bdf6fb280b0af07));

    nfdump_cursor cursor = {0};
    nfdump_block_ref ref;
    EXPECT(open_flags(&b, 0, &file) == NFDUMP_OK && nfdump_file_info(file)->appendix.status == NFDUMP_OK);
    EXPECT(strcmp((const char *)nfdump_file_info(file)->ident, "tiny") == 0);
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_OK);
    EXPECT(nfdump_block_load(block, file, &ref, &view, &error) == NFDUMP_OK && view.num_flows == 2 && view.walked == 2);
    static const uint8_t expected[] = {
        16, 0, 85, 0, 3, 0, 17, 1, 0, 0, 0, 0x41,
        1, 0, 52, 0, 0xfa, 0x68, 0xe5, 0xcf, 0x8b, 1, 0, 0, 0xfa, 0x68, 0xe5, 0xcf, 0x8b, 1, 0, 0,
        0xfa, 0x68, 0xe5, 0xcf, 0x8b, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 33, 0, 0, 0, 0, 0, 0, 0,
        0x40, 0x9c, 0x35, 0, 17, 0, 0, 0,
        2, 0, 12, 0, 3, 2, 1, 10, 6, 5, 4, 10,
        29, 0, 9, 0, 'h', 'e', 'l', 'l', 'o',
    };
    EXPECT(view.flows[0].size == sizeof expected &&
           memcmp(view.data + view.flows[0].offset, expected, sizeof expected) == 0);
    EXPECT(number(element_of(&view, 1, 3), 8) == UINT64_C(0x20010db800000000) && element_of(&view, 1, 3)[24] == 2);
    nfdump_file_close(file);
}

static void damaged_container(void)
{
    static bytes good, b;
    size_t at[8];
    unsigned errors;
    put_file(&good, METHOD_NONE, at);
    const size_t directory = at[7];
    const size_t footer = good.length - 56;

    /* Cut anywhere: an answer, and the rest only for those who ask for it. */
    for (size_t length = 0; length < good.length; length++) {
        nfdump_file *file;
        if (length == footer + 24) {
            continue; /* looks like an older state, see below */
        }
        b = good;
        b.length = length;
        const nfdump_status status = open_flags(&b, 0, &file);
        nfdump_file_close(file);
        EXPECT(length < directory + 8 + 7 * 16 ? status != NFDUMP_OK : status == NFDUMP_OK);
        if (length >= 48) {
            (void)read_all(&b, NFDUMP_OPEN_PARTIAL, &errors);
            EXPECT(length < at[3] || view.damage.reason != NULL);
        }
    }
    b = good, b.length = at[3];
    EXPECT(read_all(&b, NFDUMP_OPEN_PARTIAL, &errors) == 4);
    /* Cut inside a block of flows: those in front of the cut. */
    const size_t first = at[2] + 24 + 32;
    const size_t second = first + number(good.data + first + 2, 2);
    for (size_t length = at[2]; length < at[3]; length++) {
        b = good, b.length = length;
        EXPECT(read_all(&b, NFDUMP_OPEN_PARTIAL, &errors) == 2 && errors == (length != at[2]));
        EXPECT(read_all(&b, NFDUMP_OPEN_PARTIAL | NFDUMP_OPEN_CUT, &errors) == (length < second ? 2u : 3u));
        EXPECT(length == at[2] ? errors == 0 : errors == 1 || errors == 2);
    }
    /* All that bzip2 has to say of a block is there before its own end. */
    put_file(&b, METHOD_BZ2, at);
    const bytes packed = b;
    for (size_t cut = 1; cut < 10; cut++) {
        b = packed, b.length = at[3] - cut;
        EXPECT(read_all(&b, NFDUMP_OPEN_PARTIAL | NFDUMP_OPEN_CUT, &errors) == 4 && errors == 2);
    }
    put_file(&b, METHOD_NONE, at);

    /* The header. */
    b = good, set(b.data + 24, 0, 4);
    EXPECT(opening(&b, 0) == NFDUMP_E_SIZE);
    b = good, set(b.data + 24, NFDUMP_LAYOUT3_BLOCK_MAX + 1, 4);
    EXPECT(opening(&b, NFDUMP_OPEN_PARTIAL) == NFDUMP_E_SIZE);
    b = good, set(b.data + 20, 1, 4);
    EXPECT(opening(&b, 0) == NFDUMP_E_ENCRYPTED && opening(&b, NFDUMP_OPEN_PARTIAL) == NFDUMP_E_ENCRYPTED);
    b = good, set(b.data, 0x0CA5, 2);
    EXPECT(opening(&b, 0) == NFDUMP_E_BYTE_ORDER);
    b = good, set(b.data + 32, 0, 8), set(b.data + 28, 0, 4);
    EXPECT(appendix_status(&b, 0) == NFDUMP_E_COUNT && read_all(&b, 0, &errors) == 4 && errors == 0);
    b.length = directory;
    EXPECT(appendix_status(&b, 0) == NFDUMP_OK && read_all(&b, 0, &errors) == 0 && errors == 0);
    EXPECT(read_all(&b, NFDUMP_OPEN_PARTIAL, &errors) == 4 && errors == 0);
    static const uint64_t places[] = {1, 47, 48, UINT64_MAX, INT64_MAX};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        b = good, set(b.data + 32, places[i], 8);
        EXPECT(read_all(&b, 0, &errors) == 4 && appendix_status(&b, 0) == NFDUMP_E_COUNT);
        set(b.data + footer, 0, 4);
        EXPECT(opening(&b, 0) == NFDUMP_E_COUNT && read_all(&b, NFDUMP_OPEN_PARTIAL, &errors) == 4);
    }

    /* The footer. */
    b = good, b.length = footer;
    EXPECT(appendix_status(&b, 0) == NFDUMP_E_COUNT && read_all(&b, 0, &errors) == 4 && errors == 0);
    b = good, put(&b, 0, 1);
    EXPECT(appendix_status(&b, 0) == NFDUMP_E_COUNT && read_all(&b, 0, &errors) == 4 && errors == 0);
    b = good, b.data[footer + 16] ^= 1;
    EXPECT(opening(&b, 0) == NFDUMP_E_CHECKSUM && read_all(&b, NFDUMP_OPEN_PARTIAL, &errors) == 4);
    b = good, set(b.data + footer + 16, 0, 8);
    EXPECT(appendix_status(&b, 0) == NFDUMP_OK);
    /* A development state: its footer has 24 bytes. */
    b = good, b.length = footer + 24;
    EXPECT(opening(&b, 0) == NFDUMP_E_UNSUPPORTED && opening(&b, NFDUMP_OPEN_PARTIAL) == NFDUMP_E_UNSUPPORTED);

    /* The directory, with the checksum left out. */
    set(good.data + footer + 16, 0, 8);
    b = good, set(b.data + directory, 0, 4);
    EXPECT(opening(&b, 0) == NFDUMP_E_COUNT);
    static const uint32_t counts[] = {8, 9, 0x10000000, UINT32_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        b = good, set(b.data + directory + 4, counts[i], 4);
        EXPECT(opening(&b, 0) == NFDUMP_E_COUNT);
    }
    b = good, set(b.data + directory + 4, 0, 4);
    EXPECT(read_all(&b, 0, &errors) == 0);
    static const struct {
        size_t at;
        uint64_t value;
        size_t size;
    } entries[] = {
        {12, 23, 4}, {12, 0, 4}, {12, UINT32_MAX, 4}, {16, 47, 8}, {16, UINT64_MAX, 8}, {32, 48, 8}, {16, 1 << 20, 8},
    };
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        b = good, set(b.data + directory + entries[i].at, entries[i].value, entries[i].size);
        EXPECT(opening(&b, 0) == NFDUMP_E_SIZE && read_all(&b, NFDUMP_OPEN_PARTIAL, &errors) == 4);
    }
    /* Block types: of an entry, of a header, of both. */
    b = good, set(b.data + directory + 8 + 16, 9, 4);
    EXPECT(read_all(&b, 0, &errors) == 2 && errors == 1);
    b = good, set(b.data + directory + 8 + 16, 0x10001, 4);
    EXPECT(read_all(&b, 0, &errors) == 2 && errors == 1);
    b = good, set(b.data + at[1], NAMES, 4);
    EXPECT(read_all(&b, 0, &errors) == 2 && errors == 1);

    /* Ident and statistics cost nothing but themselves. */
    b = good, b.data[at[6] + 24] = 'D';
    EXPECT(appendix_status(&b, 0) == NFDUMP_OK);
    b = good, b.data[at[5] + 24] ^= 1;
    EXPECT(appendix_status(&b, 0) == NFDUMP_E_CHECKSUM);
    b = good, set(b.data + at[5] + 8, 8, 4);
    EXPECT(appendix_status(&b, 0) == NFDUMP_E_SIZE);
    b = good, set(b.data + at[6], STAT, 4);
    EXPECT(appendix_status(&b, 0) == NFDUMP_E_SIZE);

    /* Walking by sizes stops at what cannot be a block header. */
    static const struct {
        size_t at;
        uint64_t value;
        size_t size;
    } headers[] = {{0, 0, 4},  {0, 8, 4},          {4, 23, 4}, {4, UINT32_MAX, 4},
                   {8, 23, 4}, {8, UINT32_MAX, 4}, {12, 6, 2}, {14, 2, 2}};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        b = good, b.length = directory, set(b.data + 32, 0, 8);
        set(b.data + at[2] + headers[i].at, headers[i].value, headers[i].size);
        EXPECT(read_all(&b, NFDUMP_OPEN_PARTIAL, &errors) == 2 && errors == 1);
    }
}

static void damaged_blocks(void)
{
    static bytes good, b;
    size_t at[8];
    unsigned errors;
    static const struct {
        size_t at;
        uint64_t value;
        size_t size;
        int32_t status;
    } cases[] = {
        {4, 25, 4, NFDUMP_E_SIZE},      {8, 23, 4, NFDUMP_E_SIZE},          {8, 0xFFFFFFFF, 4, NFDUMP_E_SIZE},
        {8, 100, 4, NFDUMP_E_SIZE},     {12, 6, 2, NFDUMP_E_UNSUPPORTED},   {14, 1, 2, NFDUMP_E_ENCRYPTED},
        {14, 2, 2, NFDUMP_E_UNSUPPORTED}, {16, 1, 8, NFDUMP_E_CHECKSUM},
    };
    put_file(&good, METHOD_NONE, at);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        b = good, set(b.data + at[1] + cases[i].at, cases[i].value, cases[i].size);
        EXPECT(read_all(&b, 0, &errors) == 2 && errors == 1 && error.status == NFDUMP_OK);
        const nfdump_block_ref ref = {.offset = 99, .index = 5, .type = FLOWS, .layout = 3};
        const size_t size = at[2] - at[1];
        EXPECT(nfdump_block_decode(block, 0, &ref, b.data + at[1], size, &view, &error) != NFDUMP_OK);
        EXPECT(error.status == cases[i].status && error.block == 5 && error.offset == 99 && view.num_flows == 0);
    }
    /* Not compressed without saying how. */
    b = good, set(b.data + at[1] + 12, 0, 2);
    EXPECT(read_all(&b, 0, &errors) == 4 && errors == 0);

    /* Compressed data that decode to something shorter, longer, or not at all. */
    for (uint8_t method = METHOD_LZO; method < METHODS; method++) {
        put_file(&good, method, at);
        const uint64_t raw = number(good.data + at[1] + 8, 4);
        static const int64_t changes[] = {-1, 1, 100};
        for (size_t i = 0; i < 3; i++) {
            b = good, set(b.data + at[1] + 8, raw + (uint64_t)changes[i], 4);
            const size_t got = read_all(&b, 0, &errors);
            /* Of one that is longer than announced what fits is taken, where the encoding tells. */
            const size_t front = method == METHOD_LZ4 ? 3 : 2;
            EXPECT(errors == 1 && (changes[i] > 0 ? got == 4 : got == front || (got == 3 && method == METHOD_ZSTD)));
        }
        for (size_t byte = 24; byte < at[2] - at[1]; byte++) {
            b = good, b.data[at[1] + byte] ^= 0x10;
            EXPECT(read_all(&b, 0, &errors) == 2 && errors == 1);
            set(b.data + at[1] + 16, 0, 8);
            EXPECT(read_all(&b, 0, &errors) >= 2);
        }
    }

    const nfdump_block_ref ref = {.type = FLOWS, .layout = 3};
    EXPECT(nfdump_block_decode(block, 0, &ref, good.data, 0, &view, &error) == NFDUMP_E_TRUNCATED);
    EXPECT(nfdump_block_decode(block, 0, &ref, good.data, 23, &view, &error) == NFDUMP_E_TRUNCATED);
    EXPECT(nfdump_info_decode(NULL, good.data, 30, &error) == NFDUMP_E_ARGUMENT);
}

/* What each extension becomes: element, and where bytes that move are found. */
static void extensions(void)
{
    static const struct {
        uint8_t id, size, element, element_size;
    } same[] = {
        {1, 48, 1, 48},   {2, 8, 2, 8},     {3, 32, 3, 32},   {6, 24, 5, 24},   {7, 8, 6, 8},     {8, 8, 7, 8},
        {11, 8, 12, 4},   {12, 16, 13, 16}, {13, 40, 14, 40}, {16, 8, 16, 8},   {17, 24, 17, 24}, {18, 8, 20, 8},
        {19, 32, 21, 32}, {20, 8, 22, 4},   {22, 24, 23, 24}, {23, 72, 24, 72}, {24, 8, 26, 8},   {28, 16, 31, 12},
        {31, 8, 34, 4},   {33, 8, 36, 8},   {36, 8, 39, 8},   {37, 8, 40, 4},
    };
    static bytes plain;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        begin_flows(&plain, 1), FLOW(&plain, {same[i].id, same[i].size});
        EXPECT(decode(FLOWS, &plain) == NFDUMP_OK && view.num_flows == 1 && view.damage.status == NFDUMP_OK);
        const nfdump_shape *shape = shape_of(&view, 0);
        EXPECT(shape != NULL && shape->present == UINT64_C(1) << same[i].element);
        EXPECT(shape != NULL && shape->length[same[i].element] == same[i].element_size);
        const uint8_t *payload = element_of(&view, 0, same[i].element);
        for (uint8_t byte = 0; payload != NULL && byte < same[i].element_size; byte++) {
            EXPECT(payload[byte] == (uint8_t)(same[i].id + byte));
        }
        /* The record head. */
        const uint8_t *record = view.data + view.flows[0].offset;
        EXPECT(number(record, 2) == NFDUMP_RECORD_FLOW_LAYOUT3 && number(record + 2, 2) == view.flows[0].size);
        EXPECT(record[6] == 0x11 && record[7] == 1 && record[8] == 7 && record[11] == 10);
    }

    static const uint8_t misc[] = {4, 5, 6, 7, 8, 9, 10, 11, 5, 6, 7, 9, 8, 10, 0, 0};
    begin_flows(&plain, 3), FLOW(&plain, {5, 8}, {4, 8}), FLOW(&plain, {4, 8}), FLOW(&plain, {5, 8});
    EXPECT(decode(FLOWS, &plain) == NFDUMP_OK && view.num_flows == 3);
    EXPECT(memcmp(element_of(&view, 0, 4), misc, 16) == 0);
    EXPECT(memcmp(element_of(&view, 1, 4), misc, 8) == 0 && number(element_of(&view, 1, 4) + 8, 8) == 0);
    EXPECT(memcmp(element_of(&view, 2, 4) + 8, misc + 8, 8) == 0 && number(element_of(&view, 2, 4), 8) == 0);
    begin_flows(&plain, 2), FLOW(&plain, {14, 16}), FLOW(&plain, {15, 16});
    EXPECT(decode(FLOWS, &plain) == NFDUMP_OK && shape_of(&view, 0)->length[15] == 32);
    EXPECT(element_of(&view, 0, 15)[0] == 14 && number(element_of(&view, 0, 15) + 16, 8) == 0);
    EXPECT(element_of(&view, 1, 15)[16] == 15 && number(element_of(&view, 1, 15), 8) == 0);
    begin_flows(&plain, 3), FLOW(&plain, {34, 24}), FLOW(&plain, {38, 4}), FLOW(&plain, {39, 8});
    EXPECT(decode(FLOWS, &plain) == NFDUMP_OK && view.num_flows == 3);
    EXPECT(shape_of(&view, 0)->length[37] == 28 && element_of(&view, 0, 37)[23] == 57 &&
           element_of(&view, 0, 37)[24] == 0);
    EXPECT(shape_of(&view, 1)->length[41] == 8 && number(element_of(&view, 1, 41), 8) == 0x29282726);
    EXPECT(number(element_of(&view, 2, 42), 4) == 0x29282700);
    begin_flows(&plain, 2), FLOW(&plain, {29, 40}), FLOW(&plain, {35, 32});
    EXPECT(decode(FLOWS, &plain) == NFDUMP_OK && view.num_flows == 2);
    EXPECT(element_of(&view, 0, 32)[35] == 64 && number(element_of(&view, 0, 32) + 36, 4) == 0);
    EXPECT(element_of(&view, 1, 38)[26] == 61 && number(element_of(&view, 1, 38) + 27, 5) == 0);

    /* Next hops: of two, the one that is zero was not given. */
    static const struct {
        uint32_t ip, bgp;
        bool has_ip, has_bgp;
    } hops[] = {{0, 0, true, false}, {1, 0, true, false}, {0, 1, false, true}, {1, 2, true, true}};
    for (size_t i = 0; i < 4; i++) {
        begin_flows(&plain, 1), FLOW(&plain, {9, 8}, {10, 32});
        uint8_t *at = plain.data + 32 + 32;
        memset(at, 0, 40);
        set(at, hops[i].ip, 4), set(at + 4, hops[i].bgp, 4), set(at + 8 + 8, hops[i].ip, 8),
            set(at + 8 + 24, hops[i].bgp, 8);
        EXPECT(decode(FLOWS, &plain) == NFDUMP_OK && view.num_flows == 1);
        EXPECT((element_of(&view, 0, 10) != NULL) == hops[i].has_ip &&
               (element_of(&view, 0, 8) != NULL) == hops[i].has_bgp);
        EXPECT((element_of(&view, 0, 11) != NULL) == hops[i].has_ip &&
               (element_of(&view, 0, 9) != NULL) == hops[i].has_bgp);
    }

    /* Events: which number is not 0 tells what it is. */
    static const struct {
        uint8_t firewall;
        uint16_t kind, nat;
        uint32_t pool;
        bool nsel, has_nat, wide, told;
    } events[] = {
        {1, 0, 0, 0, true, false, false, false},  {0, 0, 4, 9, false, true, false, false},
        {0, 0, 300, 0, false, true, true, false}, {2, 1, 5, 0, true, true, false, true},
        {0, 2, 0, 0, false, true, false, true},   {0, 0, 0, 0, true, false, false, false},
        {0, 0, 0, 7, false, true, false, false},  {0, 1, 0, 7, true, false, false, true},
    };
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        begin_flows(&plain, 1), FLOW(&plain, {21, 24});
        uint8_t *at = plain.data + 32 + 32;
        memset(at, 0, 24);
        set(at, 1700000000000, 8), at[14] = events[i].firewall, set(at + 16, events[i].kind, 2);
        set(at + 18, events[i].nat, 2), set(at + 20, events[i].pool, 4);
        EXPECT(decode(FLOWS, &plain) == NFDUMP_OK && view.num_flows == 1);
        EXPECT((element_of(&view, 0, 19) != NULL) == events[i].nsel &&
               (element_of(&view, 0, 25) != NULL) == events[i].has_nat);
        EXPECT((element_of(&view, 0, NFDUMP_ELEMENT_WIDE_NAT_EVENT) != NULL) == events[i].wide &&
               (element_of(&view, 0, NFDUMP_ELEMENT_EVENT_KIND) != NULL) == events[i].told);
        if (events[i].has_nat) {
            const uint8_t *nat = element_of(&view, 0, 25);
            EXPECT(number(nat, 8) == 1700000000000 && number(nat + 8, 4) == events[i].pool &&
                   nat[12] == (uint8_t)events[i].nat);
        }
    }

    /* What layout 2 has no room for. */
    begin_flows(&plain, 2), FLOW(&plain, {30, 16}), FLOW(&plain, {30, 16});
    set(plain.data + 32 + 48 + 8, 70000, 4), set(plain.data + 32 + 32 + 12, 0, 4);
    EXPECT(decode(FLOWS, &plain) == NFDUMP_OK && view.num_flows == 2);
    EXPECT(element_of(&view, 0, NFDUMP_ELEMENT_WIDE_OBSERVATION) == NULL &&
           element_of(&view, 0, NFDUMP_ELEMENT_WIDE_EXPORTER) == NULL);
    EXPECT(number(element_of(&view, 1, NFDUMP_ELEMENT_WIDE_EXPORTER), 4) == 70000 &&
           number(view.data + view.flows[1].offset + 8, 2) == 0);
    EXPECT(number(element_of(&view, 1, NFDUMP_ELEMENT_WIDE_OBSERVATION), 8) == UINT64_C(0x2D2C2B2A29282726));

    /* Bytes with a length. */
    static const uint8_t variable[][2] = {{25, 27}, {26, 29}, {27, 30}, {32, 35}};
    for (size_t i = 0; i < 4; i++) {
        begin_flows(&plain, 2), FLOW(&plain, {variable[i][0], 15}, {1, 48}), FLOW(&plain, {variable[i][0], 4});
        set(plain.data + 32 + 32, 9, 4);
        set(plain.data + 32 + 32 + 15 + 48 + 32, 0, 4);
        EXPECT(decode(FLOWS, &plain) == NFDUMP_OK && view.num_flows == 2 && view.dropped == 0);
        EXPECT(shape_of(&view, 0)->length[variable[i][1]] == 9 &&
               element_of(&view, 0, variable[i][1])[8] == variable[i][0] + 12);
        EXPECT(shape_of(&view, 1)->present >> variable[i][1] & 1 && shape_of(&view, 1)->length[variable[i][1]] == 0);
    }
}

static void records(void)
{
    static bytes plain;
    /* Flags that are kept; orders that differ; the same plan for many. */
    begin_flows(&plain, 0);
    for (uint32_t i = 0; i < 300; i++) {
        const size_t start = plain.length;
        if (i % 3 == 0) {
            FLOW(&plain, {1, 48}, {2, 8});
        } else if (i % 3 == 1) {
            FLOW(&plain, {2, 8}, {1, 48});
        } else {
            FLOW(&plain, {3, 32}, {1, 48});
        }
        set(plain.data + start + 6, i, 2);
    }
    set(plain.data, 300, 4);
    EXPECT(decode(FLOWS, &plain) == NFDUMP_OK && view.num_flows == 300 && view.walked == 300 && view.num_shapes == 2);
    for (size_t i = 0; i < view.num_flows; i++) {
        EXPECT(element_of(&view, i, 1)[47] == 48 && view.data[view.flows[i].offset + 10] == (i & 7));
        EXPECT((element_of(&view, i, i % 3 == 2 ? 3 : 2) != NULL));
    }

    /* No extension at all; bit 0 and future ones, whose size nobody knows; records of other kinds. */
    begin_flows(&plain, 6);
    FLOW(&plain, {0, 8}), FLOW(&plain, {1, 48}, {45, 8}, {63, 4});
    put(&plain, 16, 2), put(&plain, 24, 2), put_zeros(&plain, 20);
    put(&plain, 18, 2), put(&plain, 12, 2), put(&plain, 1, 8), put(&plain, 11, 2), put(&plain, 4, 2);
    put(&plain, 17, 2), put(&plain, 8, 2), put(&plain, 0, 4);
    EXPECT(decode(FLOWS, &plain) == NFDUMP_OK && view.num_flows == 3 && view.skipped == 3 && view.walked == 6);
    EXPECT(view.damage.status == NFDUMP_OK && view.unknown_elements == 3 && view.flows[2].size == 12);

    /* Damage in one record. */
    static const struct {
        size_t at;
        uint64_t value;
        size_t size;
    } broken[] = {
        {4, 3, 2},        /* number of extensions */
        {16, 6, 1},       /* one bit less */
        {24, 31, 2},      /* an offset in the table */
        {24, 0, 2},       /* in the header */
        {26, 0xFFFF, 2},  /* behind the record */
        {24, 81, 2},      /* the end behind the record */
        {16, UINT64_MAX, 8},
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        begin_flows(&plain, 2);
        FLOW(&plain, {1, 48}, {2, 8}, {4, 8}), FLOW(&plain, {1, 48});
        set(plain.data + 32 + broken[i].at, broken[i].value, broken[i].size);
        EXPECT(decode(FLOWS, &plain) == NFDUMP_OK);
        if (broken[i].at != 4) {
            EXPECT(view.num_flows == 1 && view.dropped == 1 && view.damage.status == NFDUMP_E_ELEMENT);
            EXPECT(view.damage.record == 0 && view.damage.offset == 32);
        }
    }
    /* A record shorter than its header, one shorter than its table, lengths that lie, extensions that overlap. */
    begin_flows(&plain, 5);
    put(&plain, 16, 2), put(&plain, 8, 2), put(&plain, 0, 4);
    put(&plain, 16, 2), put(&plain, 24, 2), put(&plain, 1, 2), put_zeros(&plain, 10), put(&plain, 2, 8);
    FLOW(&plain, {26, 12}), FLOW(&plain, {26, 12}), FLOW(&plain, {1, 48}, {3, 32});
    set(plain.data + 32 + 8 + 24 + 32, 9, 4), set(plain.data + 32 + 8 + 24 + 44 + 32, UINT32_MAX, 4);
    uint8_t *last = plain.data + plain.length - 112;
    set(last + 2, 80, 2), set(last + 26, 32, 2), plain.length -= 32;
    EXPECT(decode(FLOWS, &plain) == NFDUMP_OK && view.num_flows == 0 && view.dropped == 5 && view.walked == 5);

    /* Sizes that end a block, and counts. */
    static const uint16_t sizes[] = {0, 3, 200};
    for (size_t i = 0; i < 3; i++) {
        begin_flows(&plain, 2);
        FLOW(&plain, {1, 48}), FLOW(&plain, {1, 48});
        set(plain.data + 32 + 80 + 2, sizes[i], 2);
        EXPECT(decode(FLOWS, &plain) == NFDUMP_OK && view.num_flows == 1 && view.damage.status == NFDUMP_E_RECORD);
        EXPECT(view.damage.offset == 112 && view.damage.record == 1);
    }
    begin_flows(&plain, 3);
    FLOW(&plain, {1, 48});
    EXPECT(decode(FLOWS, &plain) == NFDUMP_OK && view.num_flows == 1 && view.damage.status == NFDUMP_E_COUNT);
    set(plain.data, 0, 4);
    EXPECT(decode(FLOWS, &plain) == NFDUMP_OK && view.num_flows == 0 && view.damage.status == NFDUMP_E_COUNT);
    set(plain.data, 2, 4), put(&plain, 16, 2);
    EXPECT(decode(FLOWS, &plain) == NFDUMP_OK && view.num_flows == 1 && view.damage.status == NFDUMP_E_RECORD);
    plain.length = 31;
    EXPECT(decode(FLOWS, &plain) == NFDUMP_OK && view.num_flows == 0 && view.damage.status == NFDUMP_E_RECORD);
}

/* Records that grow most, and one that is too large for layout 2. */
static void growth(void)
{
    static bytes plain;
    begin_flows(&plain, 0);
    uint32_t count = 0;
    for (; plain.length + 56 < 60000; count++) {
        FLOW(&plain, {9, 8}, {21, 24});
    }
    set(plain.data, count, 4);
    EXPECT(decode(FLOWS, &plain) == NFDUMP_OK && view.num_flows == count && view.data_length <= 2 * plain.length);

    /* As large as a record can be, of extensions that grow: the payload is cut. */
    static uint8_t large[24 + 32 + 65528];
    begin_flows(&plain, 1);
    FLOW(&plain, {21, 24}, {30, 16}, {26, 4});
    set(plain.data + 32 + 2, 65528, 2), set(plain.data + 32 + 8, 70000, 4);
    set(plain.data + 32 + 32 + 40, 65528 - 76, 4);
    memset(large, 'p', sizeof large);
    set(large, FLOWS, 4), set(large + 4, sizeof large, 4), set(large + 8, sizeof large, 4), set(large + 12, 1, 4);
    set(large + 16, 0, 8);
    memcpy(large + 24, plain.data, plain.length);
    const nfdump_block_ref ref = {.type = FLOWS, .layout = 3};
    EXPECT(nfdump_block_decode(block, 0, &ref, large, sizeof large, &view, &error) == NFDUMP_OK);
    EXPECT(view.num_flows == 1 && view.flows[0].size == 0xFFFF && view.clipped == 1 && view.damage.status == NFDUMP_OK);
    EXPECT(shape_of(&view, 0)->length[29] == 65535 - 12 - 52 - 32 - 8 - 4 && element_of(&view, 0, 29)[65000] == 'p');
}

static void exporters(void)
{
    static bytes plain;
    nfdump_exporter exporter;
    nfdump_exporter_stat stat;
    nfdump_sampler sampler;
    plain.length = 0;
    put(&plain, 3, 4), put(&plain, 0, 4);
    put(&plain, 17, 2), put(&plain, 104, 2), put_zeros(&plain, 10), put(&plain, 0xFFFF, 2), put(&plain, 0x0100000A, 4);
    put(&plain, 9, 4), put(&plain, 5, 4), put(&plain, 7, 4), put(&plain, 10, 8), put(&plain, 20, 8), put(&plain, 3, 4);
    put(&plain, 2, 2), put(&plain, 1, 2);
    put(&plain, (uint64_t)-1, 8), put(&plain, 1, 4), put(&plain, 99, 4), put(&plain, 2, 4), put(&plain, 0xFFFF0001, 4);
    put_zeros(&plain, 24);
    const size_t end = plain.length;
    put(&plain, 17, 2), put(&plain, 56, 2), put_zeros(&plain, 16), put(&plain, 10, 4), put(&plain, 5, 4),
        put(&plain, 70000, 4);
    put_zeros(&plain, 24);
    /* What follows is memory of the writer. */
    put(&plain, 0xDEADBEEF, 8);
    EXPECT(decode(EXPORTERS, &plain) == NFDUMP_OK && view.damage.status == NFDUMP_OK && view.walked == 2);
    EXPECT(view.num_records == 3 && view.skipped == 1 && view.num_flows == 0);
    EXPECT(view.records[0].type == 7 && view.records[1].type == 8 && view.records[2].type == 15);
    const uint8_t *record = view.data + view.records[0].offset;
    EXPECT(nfdump_exporter_parse(record, view.records[0].size, &exporter) == NFDUMP_OK);
    EXPECT(exporter.sysid == 7 && exporter.version == 9 && exporter.id == 5 && exporter.address[12] == 10 &&
           exporter.address[15] == 1);
    record = view.data + view.records[1].offset;
    EXPECT(nfdump_exporter_stat_at(record, view.records[1].size, 0, &stat) == NFDUMP_OK);
    EXPECT(stat.sysid == 7 && stat.packets == 10 && stat.flows == 20 && stat.sequence_failures == 3);
    record = view.data + view.records[2].offset;
    EXPECT(nfdump_sampler_parse(record, view.records[2].size, &sampler) == NFDUMP_OK);
    EXPECT(sampler.sysid == 7 && sampler.id == -1 && sampler.packet_interval == 1 && sampler.packet_space == 99 &&
           sampler.algorithm == 2);

    /* Whatever is no exporter ends the block without damage. */
    static const struct {
        size_t at;
        uint64_t value;
    } broken[] = {{8, 16}, {10, 103}, {10, 55}, {10, 0xFFFF}, {10, 0}, {60, 3}, {62, 3}};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        static bytes b;
        b = plain, set(b.data + broken[i].at, broken[i].value, 2);
        EXPECT(decode(EXPORTERS, &b) == NFDUMP_OK && view.num_records == 0 && view.damage.status == NFDUMP_OK);
    }
    for (size_t length = 0; length < end; length++) {
        static bytes b;
        b = plain, b.length = length;
        if (length == 0) {
            continue;
        }
        EXPECT(decode(EXPORTERS, &b) == NFDUMP_OK && view.num_records == 0 && view.damage.status == NFDUMP_OK);
    }
    /* Inside of a block of flows they count, too. */
    static bytes flows;
    begin_flows(&flows, 2);
    FLOW(&flows, {1, 48}), put_bytes(&flows, plain.data + 8, 104);
    EXPECT(decode(FLOWS, &flows) == NFDUMP_OK && view.num_flows == 1 && view.num_records == 3);
}

static void names(void)
{
    static bytes plain;
    nfdump_name name;
    plain.length = 0;
    put(&plain, 2, 4), put(&plain, 24, 2), put(&plain, 12, 2);
    for (unsigned i = 0; i < 2; i++) {
        put(&plain, 0x060504, 3), put(&plain, 0x50000003 + i, 4), put_bytes(&plain, "http\0", 5),
            put_bytes(&plain, "world\0", 6);
        put(&plain, 0x1111111111, 6);
    }
    EXPECT(decode(NAMES, &plain) == NFDUMP_OK && view.num_records == 1 && view.records[0].type == 12 &&
           view.walked == 2);
    const uint8_t *record = view.data + view.records[0].offset;
    EXPECT(nfdump_name_at(record, view.records[0].size, 1, &name) == NFDUMP_OK && name.id_length == 4 &&
           name.id[0] == 4);
    EXPECT(name.name_length == 4 && memcmp(name.name, "http", 4) == 0 && name.description_length == 5);
    EXPECT(nfdump_name_at(record, view.records[0].size, 2, &name) == NFDUMP_END);
    /* The second of other lengths, then lengths that do not fit. */
    plain.data[8 + 24 + 1] = 9;
    EXPECT(decode(NAMES, &plain) == NFDUMP_OK && view.damage.status == NFDUMP_E_RECORD);
    plain.data[8] = 0xFF;
    EXPECT(decode(NAMES, &plain) == NFDUMP_OK && view.damage.status == NFDUMP_E_RECORD && view.num_records == 0);
    set(plain.data + 8, 0, 3);
    EXPECT(decode(NAMES, &plain) == NFDUMP_OK && view.damage.status == NFDUMP_E_RECORD);

    for (uint16_t type = 13; type <= 14; type++) {
        plain.length = 0;
        put(&plain, 2, 4), put(&plain, 9, 2), put(&plain, type, 2);
        put(&plain, 3, 4), put_bytes(&plain, "Gi0/1", 5), put(&plain, 4, 4), put_bytes(&plain, "x\0\0\0\0", 5);
        EXPECT(decode(NAMES, &plain) == NFDUMP_OK && view.num_records == 1 && view.records[0].type == type);
        record = view.data + view.records[0].offset;
        EXPECT(nfdump_name_at(record, view.records[0].size, 0, &name) == NFDUMP_OK && name.number == 3 &&
               name.name_length == 5);
        EXPECT(nfdump_name_at(record, view.records[0].size, 1, &name) == NFDUMP_OK && name.number == 4 &&
               name.name_length == 1);
        static const struct {
            size_t at;
            uint64_t value;
            size_t size;
        } broken[] = {{0, 3, 4}, {0, 1, 4}, {0, UINT32_MAX, 4}, {4, 0, 2}, {4, 4, 2}, {4, 0xFFFF, 2}};
        for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
            static bytes b;
            b = plain, set(b.data + broken[i].at, broken[i].value, broken[i].size);
            EXPECT(decode(NAMES, &b) == NFDUMP_OK && view.num_records == 0 && view.damage.status == NFDUMP_E_RECORD);
        }
    }
    /* Many: more than one record of layout 2 can hold.  Other tables are passed over. */
    plain.length = 0;
    put(&plain, 6000, 4), put(&plain, 10, 2), put(&plain, 13, 2), put_zeros(&plain, 60000);
    EXPECT(decode(NAMES, &plain) == NFDUMP_OK && view.num_records == 2 && view.walked == 6000);
    set(plain.data + 6, 1, 2);
    EXPECT(decode(NAMES, &plain) == NFDUMP_OK && view.num_records == 0 && view.damage.status == NFDUMP_OK);
    plain.length = 7;
    EXPECT(decode(NAMES, &plain) == NFDUMP_OK && view.damage.status == NFDUMP_E_RECORD);
    /* An element of the largest size. */
    plain.length = 0;
    put(&plain, 1, 4), put(&plain, 0xFFF0, 2), put(&plain, 13, 2), put_zeros(&plain, 0xFFF0 - 1), put(&plain, 'x', 1);
    EXPECT(plain.length <= sizeof plain.data);
}

/* What a file tells of its encryption.  The library does not decrypt. */
static void encrypted(void)
{
    static bytes good, b, plain;
    nfdump_file *file;
    unsigned errors;
    put_header3(&good, 1);
    plain.length = 0;
    put(&plain, 1, 4), put(&plain, 1, 2), put(&plain, 1, 2), put(&plain, 0, 4);
    for (unsigned i = 0; i < 60; i++) {
        put(&plain, i, 1);
    }
    put_block3(&good, META, METHOD_NONE, &plain);
    begin_flows(&plain, 1);
    FLOW(&plain, {1, 48});
    const size_t at = good.length;
    put_block3(&good, FLOWS, METHOD_ZSTD, &plain);
    put_zeros(&good, 16);
    set(good.data + at + 4, good.length - at, 4), set(good.data + at + 14, 1, 2);
    set(good.data + at + 16, nfdump_xxh3((span){good.data + at + 24, good.length - at - 24}), 8);
    const size_t directory = good.length;
    put_end3(&good);
    memset(good.data + good.length - 32, 0xAB, 32);

    EXPECT(opening(&good, 0) == NFDUMP_E_ENCRYPTED && error.offset == 20);
    EXPECT(open_flags(&good, NFDUMP_OPEN_ENCRYPTED, &file) == NFDUMP_OK);
    const nfdump_crypto *crypto = &nfdump_file_info(file)->crypto;
    EXPECT(crypto->header_size == 72 && number(crypto->header, 4) == 1 && crypto->header[71] == 59);
    EXPECT(crypto->salt[0] == 0 && crypto->salt[15] == 15 && crypto->nonce[0] == 32 && crypto->nonce[11] == 43);
    EXPECT(crypto->key_check[0] == 44 && crypto->key_check[15] == 59 && crypto->mac[0] == 0xAB &&
           crypto->mac[31] == 0xAB);
    EXPECT(memcmp(crypto->file_header, good.data, 48) == 0);
    nfdump_cursor cursor = {0};
    nfdump_block_ref ref;
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_OK && ref.type == FLOWS && ref.index == 1);
    EXPECT(nfdump_block_load(block, file, &ref, &view, &error) == NFDUMP_E_ENCRYPTED && error.block == 1);
    /* Its bytes as they lie there, and "decrypted". */
    const size_t length = 24 + (size_t)ref.stored;
    b.length = length;
    EXPECT(nfdump_file_read(file, ref.offset, b.data, length, &error) == NFDUMP_OK);
    EXPECT(nfdump_file_read(file, good.length - 1, b.data + length, 2, &error) == NFDUMP_E_TRUNCATED);
    EXPECT(nfdump_file_read(file, UINT64_MAX, b.data + length, 2, &error) == NFDUMP_E_TRUNCATED);
    EXPECT(nfdump_block_decode(block, 0, &ref, b.data, length, &view, &error) == NFDUMP_E_ENCRYPTED);
    set(b.data + 4, length - 16, 4), set(b.data + 14, 0, 2), set(b.data + 16, 0, 8);
    EXPECT(nfdump_block_decode(block, 0, &ref, b.data, length - 16, &view, &error) == NFDUMP_OK && view.num_flows == 1);
    nfdump_file_close(file);

    /* A crypto header of another kind, or none. */
    static const struct {
        size_t at;
        uint64_t value;
        size_t size;
        nfdump_status status;
    } broken[] = {
        {48, 6, 4, NFDUMP_E_RECORD},           {48 + 12, 2, 2, NFDUMP_E_RECORD},
        {48 + 14, 1, 2, NFDUMP_E_RECORD},      {48 + 24, 2, 4, NFDUMP_E_UNSUPPORTED},
        {48 + 28, 2, 2, NFDUMP_E_UNSUPPORTED}, {48 + 30, 2, 2, NFDUMP_E_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        b = good, set(b.data + broken[i].at, broken[i].value, broken[i].size);
        EXPECT(opening(&b, NFDUMP_OPEN_ENCRYPTED) == broken[i].status);
        EXPECT(opening(&b, NFDUMP_OPEN_ENCRYPTED | NFDUMP_OPEN_PARTIAL) == broken[i].status);
    }
    for (size_t size = 48; size < directory; size++) {
        b = good, b.length = size;
        EXPECT(opening(&b, NFDUMP_OPEN_ENCRYPTED) != NFDUMP_OK);
        EXPECT((opening(&b, NFDUMP_OPEN_ENCRYPTED | NFDUMP_OPEN_PARTIAL) == NFDUMP_OK) == (size >= 48 + 96));
    }
    /* Encrypted blocks in a file that is not. */
    b = good, set(b.data + 20, 0, 4);
    EXPECT(read_all(&b, 0, &errors) == 0 && errors == 1);
    /* The flag does nothing to files that are not encrypted. */
    size_t places[8];
    put_file(&b, METHOD_LZ4, places);
    EXPECT(read_all(&b, NFDUMP_OPEN_ENCRYPTED, &errors) == 4 && errors == 0);
}

void test_layout3(void)
{
    block = nfdump_block_new();
    whole_file();
    worked_example();
    damaged_container();
    damaged_blocks();
    extensions();
    records();
    growth();
    exporters();
    names();
    encrypted();
    nfdump_block_free(block);
}
