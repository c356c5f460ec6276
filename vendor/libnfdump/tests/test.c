/*
 * Unit tests of libnfdump, meant to run under AddressSanitizer and UndefinedBehaviorSanitizer.
 * Every file is made here, byte by byte.
 */
#include <bzlib.h>
#include <lz4.h>
#include <stdbool.h>
#include <stdlib.h>
#include <zstd.h>

#include "../fuzz/parts.h"
#include "../src/codec/lzo1x.h"
#include "test.h"

unsigned passed, failed;

/* ---- a small writer -------------------------------------------------------- */

/* A flow with elements 1 and 2: 76 bytes. */
static void put_flow(bytes *b, uint16_t src_port)
{
    put(b, 11, 2), put(b, 76, 2), put(b, 2, 2), put_zeros(b, 6);
    put(b, 1, 2), put(b, 52, 2), put_zeros(b, 40), put(b, src_port, 2), put(b, 443, 2), put(b, 6, 1), put_zeros(b, 3);
    put(b, 2, 2), put(b, 12, 2), put(b, 0xC0000201, 4), put(b, 0xC6336402, 4);
}

static void put_header(bytes *b, uint8_t compression, uint32_t blocks, uint64_t appendix)
{
    put(b, 0xA50C, 2), put(b, 2, 2), put(b, 0x01070100, 4), put(b, 1700000000, 8);
    put(b, compression, 1), put(b, 0, 1), put(b, appendix != 0, 2), put(b, 1, 4);
    put(b, appendix, 8), put(b, 0, 4), put(b, blocks, 4);
}

static void put_appendix(bytes *payload, const char *ident)
{
    const size_t length = strlen(ident) + 1;
    put(payload, 0x8001, 2), put(payload, 4 + length, 2), put_bytes(payload, ident, length);
    put(payload, 0x8002, 2), put(payload, 148, 2);
    for (uint64_t i = 1; i <= 18; i++) {
        put(payload, i, 8);
    }
}

/* ---- helpers ---------------------------------------------------------------- */

static nfdump_status refused(const bytes *b)
{
    nfdump_file *file;
    nfdump_error error;
    nfdump_status status = open_bytes(b, &file, &error);
    EXPECT(file == NULL || status == NFDUMP_OK);
    EXPECT(status == NFDUMP_OK || (error.status == (int32_t)status && error.reason[0] != 0));
    nfdump_file_close(file);
    return status;
}

/* Loads block 0 of a file with one block of these records. */
static nfdump_status load_one(nfdump_block *block, const bytes *payload, uint32_t announced, uint8_t compression,
                              uint16_t type, uint16_t flags, nfdump_block_view *view, nfdump_error *error)
{
    nfdump_block_ref ref = {
        .num_records = announced, .stored = (uint32_t)payload->length, .type = type, .flags = flags};
    return nfdump_block_decode(block, compression, &ref, payload->data, payload->length, view, error);
}

/* The same of a file that has no other block. */
static nfdump_status load_typed(nfdump_block *block, const bytes *payload, uint32_t announced, uint16_t type,
                                uint32_t open_flags, nfdump_block_view *view, nfdump_error *error)
{
    static bytes b;
    nfdump_file *file = NULL;
    nfdump_cursor cursor = {0};
    nfdump_block_ref ref;
    b.length = 0;
    put_header(&b, 0, 1, 0), put_block(&b, announced, type, 0, payload);
    EXPECT(nfdump_file_open_memory(b.data, b.length, open_flags, &file, error) == NFDUMP_OK);
    EXPECT(nfdump_file_next(file, &cursor, &ref, error) == NFDUMP_OK);
    const nfdump_status status = nfdump_block_load(block, file, &ref, view, error);
    nfdump_file_close(file);
    return status;
}

/* ---- tests ------------------------------------------------------------------ */

static void headers(void)
{
    static bytes b;
    b.length = 0;
    EXPECT(refused(&b) == NFDUMP_E_TRUNCATED);
    put_header(&b, 0, 0, 0);
    EXPECT(refused(&b) == NFDUMP_OK);
    for (size_t cut = 1; cut < 40; cut++) {
        bytes shorter = {.length = cut};
        memcpy(shorter.data, b.data, cut);
        EXPECT(refused(&shorter) == NFDUMP_E_TRUNCATED);
    }
    struct {
        size_t at;
        uint8_t value;
        nfdump_status expected;
    } cases[] = {
        {0, 0x0D, NFDUMP_E_MAGIC}, {2, 1, NFDUMP_E_TRUNCATED}, {2, 3, NFDUMP_E_TRUNCATED},
        {2, 9, NFDUMP_E_UNSUPPORTED}, {16, 5, NFDUMP_E_UNSUPPORTED}, {17, 1, NFDUMP_E_UNSUPPORTED},
        {18, 1, NFDUMP_OK}, /* an appendix at 0 is not readable as one, which is no reason to refuse */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bytes changed = b;
        changed.data[cases[i].at] = cases[i].value;
        EXPECT(refused(&changed) == cases[i].expected);
    }
    bytes swapped = b;
    swapped.data[0] = 0xA5, swapped.data[1] = 0x0C;
    EXPECT(refused(&swapped) == NFDUMP_E_BYTE_ORDER);
    bytes beyond = {.length = 0};
    put_header(&beyond, 0, 1, 4000);
    EXPECT(refused(&beyond) == NFDUMP_E_TRUNCATED);
    EXPECT(nfdump_file_open_memory(NULL, 0, 0, NULL, NULL) == NFDUMP_E_ARGUMENT);
    nfdump_file *file = NULL;
    nfdump_error error;
    EXPECT(nfdump_file_open_path("/nonexistent", 0, &file, &error) == NFDUMP_E_IO && error.sys_errno != 0);
    EXPECT(nfdump_file_open_path("/", 0, &file, &error) == NFDUMP_E_IO);
    nfdump_file_close(NULL);
    nfdump_block_free(NULL);
}

static void whole_file(void)
{
    static bytes b, flows, appendix;
    b.length = flows.length = appendix.length = 0;
    put_flow(&flows, 1), put_flow(&flows, 2);
    put_appendix(&appendix, "demo");
    put_header(&b, 0, 2, 40 + 2 * (12 + flows.length));
    put_block(&b, 2, 3, 0, &flows), put_block(&b, 2, 3, 0, &flows);
    put_block(&b, 2, 3, 0, &appendix);
    put_bytes(&b, "junk", 4);

    nfdump_file *file;
    nfdump_error error;
    EXPECT(open_bytes(&b, &file, &error) == NFDUMP_OK);
    const nfdump_info *info = nfdump_file_info(file);
    EXPECT(info->has_ident && strcmp((const char *)info->ident, "demo") == 0 && info->ident_length == 4);
    EXPECT(info->has_stat && info->stat.flows == 1 && info->stat.packets == 3 && info->stat.sequence_failures == 18);
    EXPECT(info->appendix.status == NFDUMP_OK && info->creator == 1 && !info->unfinished);

    nfdump_block *block = nfdump_block_new();
    nfdump_cursor cursor = {0};
    nfdump_block_ref ref;
    nfdump_block_view view = {.size = sizeof view};
    for (uint32_t i = 0; i < 2; i++) {
        EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_OK && ref.index == i);
        EXPECT(nfdump_block_load(block, file, &ref, &view, &error) == NFDUMP_OK);
        EXPECT(view.num_flows == 2 && view.num_shapes == 1 && view.flows[1].offset == 76);
        EXPECT(view.shapes[0].present == 6 && view.shapes[0].offset[2] == 68 && view.shapes[0].length[1] == 48);
        EXPECT(view.damage.status == NFDUMP_OK && view.walked == 2);
    }
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_END);
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_END);
    nfdump_file_close(file);

    /* One block too many announced: the appendix is not taken for data. */
    b.data[36] = 3;
    EXPECT(open_bytes(&b, &file, &error) == NFDUMP_OK);
    cursor = (nfdump_cursor){0};
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_OK);
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_OK);
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_E_COUNT && error.value == 2 && error.limit == 3);
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_END);
    nfdump_file_close(file);

    /* Cut inside the second block: the appendix is beyond the end, and the file refused; without
     * one, the first block is read. */
    b.data[36] = 2, b.length = 40 + 12 + flows.length + 50;
    EXPECT(refused(&b) == NFDUMP_E_TRUNCATED);
    memset(b.data + 18, 0, 2);
    EXPECT(open_bytes(&b, &file, &error) == NFDUMP_OK);
    cursor = (nfdump_cursor){0};
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_OK);
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_E_TRUNCATED && error.block == 1);
    nfdump_file_close(file);
    nfdump_block_free(block);
}

/* Unfinished and truncated files, read as far as they go. */
static void partial(void)
{
    static bytes b, flows;
    nfdump_file *file;
    nfdump_error error;
    nfdump_cursor cursor = {0};
    nfdump_block_ref ref;
    b.length = flows.length = 0;
    put_flow(&flows, 1);
    put_header(&b, 0, 0, 0); /* as a collector leaves it while it writes */
    put_block(&b, 1, 3, 0, &flows), put_block(&b, 1, 3, 0, &flows);
    EXPECT(open_bytes(&b, &file, &error) == NFDUMP_OK && nfdump_file_info(file)->unfinished);
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_END);
    nfdump_file_close(file);

    const size_t whole = b.length;
    b.length -= 10; /* the second block is still being written */
    EXPECT(nfdump_file_open_memory(b.data, b.length, NFDUMP_OPEN_PARTIAL, &file, &error) == NFDUMP_OK);
    cursor = (nfdump_cursor){0};
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_OK && ref.index == 0);
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_E_TRUNCATED && error.block == 1);
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_END);
    nfdump_file_close(file);

    b.length = whole; /* and now it is there: read on */
    EXPECT(nfdump_file_open_memory(b.data, b.length, NFDUMP_OPEN_PARTIAL, &file, &error) == NFDUMP_OK);
    cursor.ended = 0;
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_OK && ref.index == 1);
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_END);
    nfdump_file_close(file);

    /* A finished file whose end was cut off. */
    bytes cut = {.length = 0};
    put_header(&cut, 0, 1, 5000);
    put_block(&cut, 1, 3, 0, &flows);
    EXPECT(refused(&cut) == NFDUMP_E_TRUNCATED);
    EXPECT(nfdump_file_open_memory(cut.data, cut.length, NFDUMP_OPEN_PARTIAL, &file, &error) == NFDUMP_OK);
    EXPECT(nfdump_file_info(file)->appendix.status == NFDUMP_E_TRUNCATED);
    cursor = (nfdump_cursor){0};
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_OK);
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_END);
    nfdump_file_close(file);
}

/* Positions that are not of this file, or no longer: whatever is found there is read, or an error. */
static void positions(void)
{
    static bytes b, flows;
    nfdump_file *file;
    nfdump_error error;
    nfdump_block_view view = {.size = sizeof view};
    nfdump_block_ref ref;
    nfdump_block *block = nfdump_block_new();
    b.length = flows.length = 0;
    put_flow(&flows, 1);
    put_header(&b, 0, 3, 0);
    put_block(&b, 1, 3, 0, &flows), put_block(&b, 1, 3, 0, &flows), put_block(&b, 1, 3, 0, &flows);
    const uint64_t far[] = {UINT32_MAX, INT64_MAX, UINT64_MAX - 12, UINT64_MAX - 11, UINT64_MAX};
    for (uint32_t flags = 0; flags <= NFDUMP_OPEN_PARTIAL; flags += NFDUMP_OPEN_PARTIAL) {
        EXPECT(nfdump_file_open_memory(b.data, b.length, flags, &file, &error) == NFDUMP_OK);
        for (uint64_t at = 0; at < b.length + 20 + sizeof far / sizeof far[0]; at++) {
            nfdump_cursor cursor = {.offset = at < b.length + 20 ? at : far[at - b.length - 20],
                                    .index = (uint32_t)at % 4};
            int steps = 0;
            nfdump_status status;
            while ((status = nfdump_file_next(file, &cursor, &ref, &error)) != NFDUMP_END && steps < 100) {
                steps++;
                if (status == NFDUMP_OK) {
                    (void)nfdump_block_load(block, file, &ref, &view, &error);
                }
            }
            EXPECT(steps < 100);
        }
        nfdump_file_close(file);
    }
    nfdump_block_free(block);
}

static void damage(void)
{
    static bytes p;
    nfdump_block *block = nfdump_block_new();
    nfdump_block_view view = {.size = sizeof view};
    nfdump_error error;
#define LOAD(announced) load_one(block, &p, announced, 0, 3, 0, &view, &error)

    p.length = 0, put_flow(&p, 1), put_flow(&p, 2);
    EXPECT(LOAD(3) == NFDUMP_OK && view.num_flows == 2 && view.damage.status == NFDUMP_E_COUNT);
    EXPECT(LOAD(1) == NFDUMP_OK && view.num_flows == 1 && view.damage.status == NFDUMP_E_COUNT &&
           view.damage.offset == 76);
    EXPECT(LOAD(0) == NFDUMP_OK && view.num_flows == 0 && view.damage.status == NFDUMP_E_COUNT);
    p.data[78] = 3, p.data[79] = 0; /* record 1: size 3 */
    EXPECT(LOAD(2) == NFDUMP_OK && view.num_flows == 1 && view.damage.status == NFDUMP_E_RECORD);
    EXPECT(view.damage.record == 1 && view.damage.offset == 76 && view.damage.block == 0);
    p.data[78] = 77; /* past the end */
    EXPECT(LOAD(2) == NFDUMP_OK && view.num_flows == 1 && view.damage.status == NFDUMP_E_RECORD);
    p.data[78] = 8; /* shorter than a flow header: dropped, and garbage follows */
    EXPECT(LOAD(2) == NFDUMP_OK && view.num_flows == 1 && view.dropped == 1);

    p.length = 0, put_flow(&p, 1), put_flow(&p, 2), put_zeros(&p, 76); /* zeros are no run of flows */
    EXPECT(LOAD(3) == NFDUMP_OK && view.num_flows == 2 && view.damage.status == NFDUMP_E_RECORD);

    p.length = 0, put_flow(&p, 1), put_flow(&p, 2);
    p.data[14] = 0; /* element of length 0 */
    EXPECT(LOAD(2) == NFDUMP_OK && view.num_flows == 1 && view.dropped == 1 && view.damage.status == NFDUMP_E_ELEMENT);
    p.data[14] = 3; /* shorter than its header, of some length: what is before it is kept */
    EXPECT(LOAD(2) == NFDUMP_OK && view.num_flows == 2 && view.clipped == 1 && view.damage.status == NFDUMP_E_ELEMENT);
    p.data[14] = 200; /* element past its record: kept, without a shape */
    EXPECT(LOAD(2) == NFDUMP_OK && view.num_flows == 2 && view.clipped == 1);
    EXPECT(view.flows[0].shape == NFDUMP_SHAPE_NONE && view.flows[1].shape == 0);

    p.length = 0, put_flow(&p, 1);
    p.data[4] = 9; /* more elements announced than there are */
    EXPECT(LOAD(1) == NFDUMP_OK && view.num_flows == 1 && view.flows[0].shape == NFDUMP_SHAPE_NONE);
    p.data[4] = 1; /* fewer */
    EXPECT(LOAD(1) == NFDUMP_OK && view.num_flows == 1 && view.shapes[0].present == 2);
    p.data[4] = 2, p.data[64] = 99; /* unknown element */
    EXPECT(LOAD(1) == NFDUMP_OK && view.unknown_elements == 1 && view.shapes[view.flows[0].shape].present == 2);
    p.data[64] = 0; /* masked element */
    EXPECT(LOAD(1) == NFDUMP_OK && view.num_flows == 1 && view.unknown_elements == 0);
    p.data[64] = 1; /* the same element twice: the last counts */
    EXPECT(LOAD(1) == NFDUMP_OK && view.shapes[0].offset[1] == 68 && view.shapes[0].length[1] == 8);

    for (uint16_t type = 0; type <= 5; type++) {
        /* Plainly, as nfdump: what is not of type 3 holds no such records. */
        const nfdump_status plain = load_typed(block, &p, 1, type, 0, &view, &error);
        EXPECT(plain == (type >= 2 && type <= 4 ? NFDUMP_OK : NFDUMP_E_UNSUPPORTED) && view.num_flows == (type == 3));
        EXPECT(load_one(block, &p, 1, 0, type, 0, &view, &error) == plain && view.num_flows == (type == 3));
        /* Salvaging: the records tell. */
        const bool damaged = type != 3;
        EXPECT(load_typed(block, &p, 1, type, NFDUMP_OPEN_PARTIAL, &view, &error) == NFDUMP_OK);
        EXPECT(view.num_flows == 1 && view.walked == 1);
        EXPECT(view.damage.status == (damaged ? NFDUMP_E_RECORD : NFDUMP_OK) &&
               view.damage.value == (damaged ? type : 0));
    }
    /* A type of block is not made up for records that do not tell. */
    static const uint16_t others[] = {0, 3, 10, 16, 200};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        p.length = 0, put_flow(&p, 1), put(&p, others[i], 2), put(&p, 4, 2);
        EXPECT(load_typed(block, &p, 2, 1, NFDUMP_OPEN_PARTIAL, &view, &error) == NFDUMP_E_UNSUPPORTED &&
               view.num_flows == 0);
        EXPECT(load_typed(block, &p, 2, 5, NFDUMP_OPEN_PARTIAL, &view, &error) == NFDUMP_E_UNSUPPORTED);
        EXPECT(load_typed(block, &p, 2, 4, NFDUMP_OPEN_PARTIAL, &view, &error) == NFDUMP_OK && view.num_flows == 0);
    }
    p.length = 0, put_flow(&p, 1);
    EXPECT(load_typed(block, &p, 3, 5, NFDUMP_OPEN_PARTIAL, &view, &error) == NFDUMP_E_UNSUPPORTED);
    EXPECT(load_one(block, &p, 1, 3, 3, 1, &view, &error) == NFDUMP_OK && view.num_flows == 1); /* flag: plain */
    EXPECT(load_one(block, &p, 1, 7, 3, 0, &view, &error) == NFDUMP_E_UNSUPPORTED);
    for (uint8_t compression = 1; compression <= 4; compression++) {
        EXPECT(load_one(block, &p, 1, compression, 3, 0, &view, &error) == NFDUMP_E_COMPRESSED && view.data == NULL);
    }
    p.length = 0;
    EXPECT(LOAD(1) == NFDUMP_E_SIZE);
    nfdump_block_free(block);
}

/* More shapes than are remembered, and more elements than a shape can have. */
static void many_shapes(void)
{
    const size_t count = NFDUMP_SHAPES_MAX + 100;
    uint8_t *data = calloc(1, count * 4200);
    nfdump_block *block = nfdump_block_new();
    nfdump_block_view view = {.size = sizeof view};
    nfdump_error error;
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        bytes r = {.length = 0};
        put(&r, 11, 2), put(&r, 16 + i, 2), put(&r, 1, 2), put_zeros(&r, 6), put(&r, 29, 2), put(&r, 4 + i, 2);
        put_zeros(&r, i);
        memcpy(data + length, r.data, r.length);
        length += r.length;
    }
    const nfdump_block_ref ref = {.num_records = (uint32_t)count, .stored = (uint32_t)length, .type = 3};
    EXPECT(nfdump_block_decode(block, 0, &ref, data, length, &view, &error) == NFDUMP_OK);
    EXPECT(view.num_flows == count && view.num_shapes == NFDUMP_SHAPES_MAX);
    EXPECT(view.flows[count - 1].shape == NFDUMP_SHAPE_NONE && view.damage.status == NFDUMP_OK);

    static bytes r;
    r.length = 0;
    put(&r, 11, 2), put(&r, 12 + 4 * 100, 2), put(&r, 100, 2), put_zeros(&r, 6);
    for (size_t i = 0; i < 100; i++) {
        put(&r, 28, 2), put(&r, 4, 2);
    }
    EXPECT(load_one(block, &r, 1, 0, 3, 0, &view, &error) == NFDUMP_OK && view.num_flows == 1);
    EXPECT(view.flows[0].shape == NFDUMP_SHAPE_NONE);
    nfdump_block_free(block);
    free(data);
}

static void codecs(void)
{
    static bytes plain, stored;
    nfdump_block *block = nfdump_block_new();
    nfdump_block_view view = {.size = sizeof view};
    nfdump_error error;
    plain.length = 0;
    for (uint16_t i = 0; i < 200; i++) {
        put_flow(&plain, i);
    }
    for (uint8_t compression = 2; compression <= 4; compression++) {
        unsigned length = sizeof stored.data;
        switch (compression) {
        case 2:
            EXPECT(BZ2_bzBuffToBuffCompress((char *)stored.data, &length, (char *)plain.data, (unsigned)plain.length, 9,
                                            0, 0) == BZ_OK);
            stored.length = length;
            break;
        case 3:
            stored.length = (size_t)LZ4_compress_default((const char *)plain.data, (char *)stored.data,
                                                         (int)plain.length, (int)sizeof stored.data);
            break;
        default:
            stored.length = ZSTD_compress(stored.data, sizeof stored.data, plain.data, plain.length, 3);
        }
        EXPECT(load_one(block, &stored, 200, compression, 3, 0, &view, &error) == NFDUMP_OK && view.num_flows == 200);
        EXPECT(view.data_length == plain.length && memcmp(view.data, plain.data, plain.length) == 0);
        /* Of a stream that is cut anywhere, what is in front of the cut and nothing else. */
        size_t flows = 0;
        for (size_t cut = 1; cut < stored.length; cut++) {
            bytes shorter = {.length = cut};
            memcpy(shorter.data, stored.data, cut);
            const nfdump_status status = load_one(block, &shorter, 200, compression, 3, 0, &view, &error);
            /* LZ4 data do not tell where they end, and are not taken to the last byte. */
            const bool whole = compression == 3 && status == NFDUMP_OK && view.damage.status != NFDUMP_E_COMPRESSED;
            EXPECT(status == (whole || view.num_flows != 0 ? NFDUMP_OK : NFDUMP_E_COMPRESSED));
            EXPECT(status != NFDUMP_OK ? error.block == 0 : whole || view.damage.status == NFDUMP_E_COMPRESSED);
            EXPECT(view.num_flows >= flows && view.data_length <= plain.length);
            EXPECT(view.num_flows == 0 || memcmp(view.data, plain.data, view.data_length) == 0);
            flows = view.num_flows;
        }
        /* bzip2 and zstd have no other block here. */
        EXPECT(compression == 3 ? flows > 190 : flows == 0 || flows == 200);
    }
    /* LZ4 data up to the byte: two flows as they are, then a match in front of everything, at no distance, or of a
     * length that is cut. */
    static const uint8_t ends[][3] = {{0x0F, 0xFF, 0xFF}, {0x0F, 0, 0}, {0x0F, 1, 0}};
    const size_t of_two = 2 * (plain.length / 200);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        bytes packed = {.length = 0};
        put(&packed, 0xF0, 1);
        for (size_t left = of_two - 15; left != SIZE_MAX; left = left >= 255 ? left - 255 : SIZE_MAX) {
            put(&packed, left < 255 ? left : 255, 1);
        }
        memcpy(packed.data + packed.length, plain.data, of_two);
        packed.length += of_two;
        packed.data[0] |= ends[i][0];
        put(&packed, ends[i][1], 1);
        put(&packed, ends[i][2], 1);
        for (size_t more = 0; more < 100; more++) {
            put(&packed, 0xFF, 1);
        }
        EXPECT(load_one(block, &packed, 200, 3, 3, 0, &view, &error) == NFDUMP_OK && view.num_flows == 2);
        EXPECT(view.damage.status == NFDUMP_E_COMPRESSED && view.data_length == of_two);
        EXPECT(memcmp(view.data, plain.data, of_two) == 0);
    }

    /* zstd has blocks of its own of 128 KiB: those in front of a damaged one are kept. */
    const size_t flows = 8000;
    uint8_t *many = malloc(flows * plain.length / 200);
    const size_t length_of_many = flows * plain.length / 200;
    const size_t bound = ZSTD_compressBound(length_of_many);
    uint8_t *packed = malloc(bound);
    for (size_t i = 0; i < flows / 200; i++) {
        memcpy(many + i * plain.length, plain.data, plain.length);
        many[i * plain.length + 40] = (uint8_t)i;
    }
    const size_t size = ZSTD_compress(packed, bound, many, length_of_many, 1);
    const nfdump_block_ref ref = {.num_records = (uint32_t)flows, .stored = (uint32_t)size, .type = 3};
    memset(packed + size - 24, 0xFF, 20);
    EXPECT(nfdump_block_decode(block, 4, &ref, packed, size, &view, &error) == NFDUMP_OK && view.num_flows < flows);
    EXPECT(view.data_length == length_of_many / 131072 * 131072 && memcmp(view.data, many, view.data_length) == 0);
    EXPECT(view.damage.status == NFDUMP_E_COMPRESSED && view.num_flows == view.data_length / (plain.length / 200));
    free(packed);
    free(many);

    /* Streams that expand beyond the limit. */
    const size_t large = NFDUMP_BLOCK_MAX + 1;
    char *zeros = calloc(1, large);
    unsigned length = sizeof stored.data;
    EXPECT(BZ2_bzBuffToBuffCompress((char *)stored.data, &length, zeros, (unsigned)large, 9, 0, 0) == BZ_OK);
    stored.length = length;
    EXPECT(load_one(block, &stored, 1, 2, 3, 0, &view, &error) == NFDUMP_E_COMPRESSED);
    stored.length = ZSTD_compress(stored.data, sizeof stored.data, zeros, large, 3);
    EXPECT(load_one(block, &stored, 1, 4, 3, 0, &view, &error) == NFDUMP_E_COMPRESSED);
    stored.length = (size_t)LZ4_compress_default(zeros, (char *)stored.data, (int)large, (int)sizeof stored.data);
    EXPECT(load_one(block, &stored, 1, 3, 3, 0, &view, &error) == NFDUMP_E_COMPRESSED);
    free(zeros);
    nfdump_block_free(block);
}

static void lzo(void)
{
    uint8_t out[64];
    size_t length = 0;
    size_t used = 0;
#define LZO(...)                                                                                            \
    nfdump_lzo1x_decompress((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), out, sizeof out, \
                            &length, &used)
    EXPECT(LZO(0x11, 0, 0) == LZO1X_OK && length == 0);
    EXPECT(LZO(18, 'a', 0x11, 0, 0) == LZO1X_OK && length == 1 && out[0] == 'a');
    /* Four literals, then a match of 8 at distance 4 (overlapping), no literals. */
    EXPECT(LZO(21, 'a', 'b', 'c', 'd', 0x26, 12, 0, 0x11, 0, 0) == LZO1X_OK && length == 12);
    EXPECT(memcmp(out, "abcdabcdabcd", 12) == 0);
    /* One literal, then 33 + 2 bytes of it by a long length. */
    EXPECT(LZO(18, 'x', 0x20, 2, 0, 0, 0x11, 0, 0) == LZO1X_OK && length == 36 && out[35] == 'x');
    EXPECT(LZO(21, 'a', 'b', 'c', 'd', 0x26, 16, 0, 0x11, 0, 0) == LZO1X_LOOKBEHIND);
    EXPECT(LZO(21, 'a', 'b') == LZO1X_INPUT_OVERRUN);
    EXPECT(LZO(18, 'a') == LZO1X_NO_END);
    EXPECT(LZO(18, 'a', 0x11, 0) == LZO1X_INPUT_OVERRUN);
    /* An end marker is one whatever its length says. */
    EXPECT(LZO(18, 'a', 0x10, 0, 99, 0, 0) == LZO1X_OK && length == 1);
    EXPECT(LZO(18, 'x', 0x20, 0, 0, 0, 0, 0, 0, 0) == LZO1X_INPUT_OVERRUN);
    EXPECT(LZO(18, 'x', 0x20, 0, 99, 0, 0) == LZO1X_OUTPUT_OVERRUN);
    EXPECT(LZO(18, 'a', 0x11, 0, 0, 9) == LZO1X_TRAILING);
    EXPECT(nfdump_lzo1x_decompress(out, 0, out, 0, &length, &used) == LZO1X_NO_END);
}

static void other_records(void)
{
    static const uint8_t old_exporter[32] = {7, 0, 32, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                             1, 0, 0, 127, 0, 0, 0, 0, 2, 0, 1, 0, 7, 0, 0, 0};
    static const uint8_t new_exporter[32] = {7, 0, 32, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                             0, 0, 255, 255, 127, 0, 0, 1, 0, 0, 1, 0, 7, 0, 0, 0};
    nfdump_exporter a, b;
    EXPECT(nfdump_exporter_parse(old_exporter, 32, &a) == NFDUMP_OK);
    EXPECT(nfdump_exporter_parse(new_exporter, 32, &b) == NFDUMP_OK);
    EXPECT(memcmp(a.address, b.address, 16) == 0 && a.address[12] == 127 && a.sysid == 1 && a.id == 7);
    EXPECT(nfdump_exporter_parse(new_exporter, 31, &b) == NFDUMP_E_RECORD);
    EXPECT(nfdump_exporter_parse(NULL, 0, &b) == NFDUMP_E_ARGUMENT);

    static const uint8_t legacy[16] = {9, 0, 16, 0, 0xFF, 0xFF, 0xFF, 0xFF, 100, 0, 0, 0, 2, 0, 3, 0};
    nfdump_sampler sampler;
    EXPECT(nfdump_sampler_parse(legacy, 16, &sampler) == NFDUMP_OK);
    EXPECT(sampler.id == -1 && sampler.packet_interval == 1 && sampler.packet_space == 99 && sampler.sysid == 3);
    EXPECT(nfdump_sampler_parse(legacy, 15, &sampler) == NFDUMP_E_RECORD);

    static const uint8_t application[58] = {0x0c, 0, 0x3a, 0, 1, 0, 0x2c, 0, 4, 0, 0x10, 0, 0x15, 0, 0x0d, 0, 1, 2,
                                            'h', 't', 't', 'p'};
    nfdump_name name;
    EXPECT(nfdump_name_at(application, 58, 0, &name) == NFDUMP_OK && name.name_length == 4 && name.id_length == 4);
    EXPECT(nfdump_name_at(application, 58, 1, &name) == NFDUMP_END);
    static const uint8_t interface[32] = {0x0d, 0, 0x20, 0, 1, 0, 0x14, 0, 0x10, 0, 0, 0, 3, 0, 0, 0, 'G', 'i'};
    EXPECT(nfdump_name_at(interface, 32, 0, &name) == NFDUMP_OK && name.number == 3 && name.name_length == 2);
    EXPECT(nfdump_name_at(interface, 31, 0, &name) == NFDUMP_E_RECORD);

    static const uint8_t stat[32] = {8, 0, 32, 0, 1, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 2};
    nfdump_exporter_stat entry;
    EXPECT(nfdump_exporter_stat_at(stat, 32, 0, &entry) == NFDUMP_OK && entry.packets == 4 && entry.flows == 2);
    EXPECT(nfdump_exporter_stat_at(stat, 32, 1, &entry) == NFDUMP_END);
}

/* Four blocks of 8, 4, 6 and 5 flows with ports 100.., 200.., 300.., 400..; `at` says where they begin, at[4]
 * where the appendix does. */
static void put_four(bytes *b, uint8_t compression, size_t at[5])
{
    static const uint16_t counts[4] = {8, 4, 6, 5};
    static bytes plain, stored;
    b->length = 0;
    put_header(b, compression, 4, 1);
    for (uint16_t block = 0; block < 4; block++) {
        plain.length = 0;
        for (uint16_t i = 0; i < counts[block]; i++) {
            put_flow(&plain, (uint16_t)(100 * (block + 1) + i));
        }
        stored.length = parts_encode(compression, plain.data, plain.length, stored.data, sizeof stored.data);
        at[block] = b->length;
        put_block(b, counts[block], 3, 0, &stored);
    }
    plain.length = 0;
    put_appendix(&plain, "demo");
    stored.length = parts_encode(compression, plain.data, plain.length, stored.data, sizeof stored.data);
    at[4] = b->length;
    put_u64(b->data + 24, b->length);
    put_block(b, 2, 3, 0, &stored);
}

/* Reads all there is.  Counts flows by block (their port tells), and errors; no flow may come twice. */
static unsigned read_all(const bytes *b, uint32_t flags, unsigned flows[5])
{
    nfdump_file *file = NULL;
    nfdump_error error;
    nfdump_cursor cursor = {0};
    nfdump_block_ref ref;
    nfdump_status status;
    unsigned errors = 0;
    bool seen[65536] = {false};
    memset(flows, 0, 5 * sizeof *flows);
    EXPECT(nfdump_file_open_memory(b->data, b->length, flags, &file, &error) == NFDUMP_OK);
    nfdump_block *block = nfdump_block_new();
    while (file != NULL && (status = nfdump_file_next(file, &cursor, &ref, &error)) != NFDUMP_END) {
        nfdump_block_view view = {.size = sizeof view};
        if (status != NFDUMP_OK || nfdump_block_load(block, file, &ref, &view, &error) != NFDUMP_OK) {
            EXPECT(error.reason[0] != 0 && error.block != NFDUMP_NONE);
            errors++;
            continue;
        }
        errors += view.damage.status != NFDUMP_OK;
        for (size_t i = 0; i < view.num_flows; i++) {
            const uint8_t *generic = view.data + view.flows[i].offset + 16;
            const unsigned port = generic[40] | (unsigned)generic[41] << 8;
            EXPECT(port < 500 && !seen[port]);
            seen[port] = true;
            flows[port / 100 % 5]++;
        }
    }
    nfdump_block_free(block);
    nfdump_file_close(file);
    return errors;
}

/* Of a file that is cut anywhere, all flows in front of the cut, as far as they can be decompressed. */
static void cut_anywhere(void)
{
    static bytes b;
    size_t at[5];
    unsigned flows[5], whole[5];
    for (uint8_t compression = 0; compression < METHODS; compression++) {
        put_four(&b, compression, at);
        const size_t end = at[4];
        unsigned more = 0;
        for (b.length = 40; b.length < end; b.length++) {
            size_t last = 0;
            for (size_t i = 0; i < 4; i++) {
                last = at[i] <= b.length ? i : last;
            }
            const bool between = b.length == at[last];
            EXPECT(read_all(&b, NFDUMP_OPEN_PARTIAL, whole) == !between);
            const unsigned errors = read_all(&b, NFDUMP_OPEN_PARTIAL | NFDUMP_OPEN_CUT, flows);
            EXPECT(between ? errors == 0 : errors == 1 || errors == 2);
            const size_t there = b.length > at[last] + 12 ? b.length - at[last] - 12 : 0;
            for (size_t i = 0; i < 5; i++) {
                EXPECT(flows[i] == whole[i] || i == last + 1);
            }
            EXPECT(compression != 0 || flows[last + 1] == there / ((at[1] - at[0] - 12) / 8));
            more += flows[last + 1];
        }
        /* bzip2 and zstd have one block in each of ours. */
        EXPECT(more != 0 || compression == NFDUMP_COMPRESSION_BZ2 || compression == NFDUMP_COMPRESSION_ZSTD);
    }
    /* Reading on when there is more begins with the block that was cut. */
    put_four(&b, 0, at);
    b.length = at[2] + 150;
    nfdump_file *file = NULL;
    nfdump_error error;
    nfdump_cursor cursor = {0};
    nfdump_block_ref ref;
    EXPECT(nfdump_file_open_memory(b.data, b.length, NFDUMP_OPEN_PARTIAL | NFDUMP_OPEN_CUT, &file, &error) ==
           NFDUMP_OK);
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_OK &&
           nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_OK);
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_E_TRUNCATED && cursor.offset == at[2]);
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_OK && cursor.offset == at[2] && ref.stored == 138);
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_END && cursor.offset == at[2] && cursor.ended == 1);
    nfdump_file_close(file);
}

/* Behind a damaged block header the chain goes on. */
static void resync(void)
{
    static bytes b;
    size_t at[5];
    unsigned flows[5];
    static const struct {
        size_t field, width;
        uint64_t value;
    } cases[] = {
        {4, 4, 0},       {4, 4, 1},          {4, 4, 100}, {4, 4, 600},
        {4, 4, 5242869}, {4, 4, 0xFFFFFFFF}, {0, 4, 0},   {0, 4, 0xFFFFFFFF},
        {8, 2, 0x7777},  {8, 2, 0},          {8, 2, 1},   {8, 2, 2},
        {8, 2, 4},       {0, 8, 0},          {0, 12, 0},  {4, 8, 0xFFFFFFFFFFFFFFFF},
    };
    for (uint8_t compression = 0; compression < METHODS; compression++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            for (size_t broken = 0; broken < 4; broken++) {
                for (uint32_t flags = 0; flags <= NFDUMP_OPEN_PARTIAL; flags++) {
                    put_four(&b, compression, at);
                    for (size_t byte = 0; byte < cases[i].width; byte++) {
                        const uint64_t value = byte < 8 ? cases[i].value >> (8 * byte) : 0;
                        b.data[at[broken] + cases[i].field + byte] = (uint8_t)value;
                    }
                    const unsigned errors = read_all(&b, flags, flows);
                    const bool other_type = cases[i].field == 8 && (cases[i].value == 2 || cases[i].value == 4);
                    EXPECT(errors != 0 || (other_type && flags == 0));
                    EXPECT((broken == 0 || flows[1] == 8) && (broken == 1 || flows[2] == 4) &&
                           (broken == 2 || flows[3] == 6) && (broken == 3 || flows[4] == 5));
                    /* A type alone is not guessed in plain reading. */
                    const bool readable = cases[i].field != 8 || flags == NFDUMP_OPEN_PARTIAL;
                    static const unsigned whole[4] = {8, 4, 6, 5};
                    EXPECT(flows[(broken + 1) % 5] == (readable ? whole[broken] : 0));
                }
            }
        }
        /* A chunk gone from the middle of block 1, header of block 2 included, and from its payload. */
        for (size_t from = 4; from < 8; from += 3) {
            put_four(&b, compression, at);
            const size_t start = from == 4 ? at[2] - 7 : at[1] + 30;
            memmove(b.data + start, b.data + start + 20, b.length - start - 20);
            b.length -= 20;
            EXPECT(read_all(&b, 0, flows) != 0 && flows[1] == 8 && flows[4] == 5 && (from == 4 || flows[3] == 6));
        }
        /* Garbage between two blocks, and no appendix to tell where it ends. */
        put_four(&b, compression, at);
        memmove(b.data + at[2] + 1000, b.data + at[2], b.length - at[2]);
        memset(b.data + at[2], 0x5A, 1000);
        b.length = at[4] + 1000;
        put_u64(b.data + 24, 0), put_u16(b.data + 18, 0);
        EXPECT(read_all(&b, NFDUMP_OPEN_PARTIAL, flows) != 0);
        EXPECT(flows[1] == 8 && flows[2] == 4 && flows[3] == 6 && flows[4] == 5);
        /* An offset of the appendix that points to a block is not the end of the data. */
        put_four(&b, compression, at);
        put_u64(b.data + 24, at[2]);
        (void)read_all(&b, 0, flows);
        EXPECT(flows[1] == 8 && flows[2] == 4 && flows[3] == 6 && flows[4] == 5);
    }
}

/* A whole file inside a payload is no part of the chain. */
static void nested(void)
{
    static bytes inner, plain, b;
    size_t at[5];
    put_four(&inner, 0, at);
    for (int broken = 0; broken < 2; broken++) {
        plain.length = b.length = 0;
        put_flow(&plain, 1);
        put(&plain, 11, 2), put(&plain, 12 + 4 + inner.length, 2), put(&plain, 1, 2), put_zeros(&plain, 6);
        put(&plain, 29, 2), put(&plain, 4 + inner.length, 2), put_bytes(&plain, inner.data, inner.length);
        put_header(&b, 0, 2, 1);
        const size_t first = b.length;
        put_block(&b, 2, 3, 0, &plain);
        plain.length = 0;
        put_flow(&plain, 250), put_flow(&plain, 251);
        put_block(&b, 2, 3, 0, &plain);
        put_u64(b.data + 24, b.length);
        plain.length = 0;
        put_appendix(&plain, "outer");
        put_block(&b, 2, 3, 0, &plain);
        if (broken) {
            put_u32(b.data + first + 4, 0);
        }
        nfdump_file *file = NULL;
        nfdump_error error;
        nfdump_cursor cursor = {0};
        nfdump_block_ref ref;
        size_t found = 0;
        nfdump_status status;
        EXPECT(open_bytes(&b, &file, &error) == NFDUMP_OK);
        nfdump_block *block = nfdump_block_new();
        while (file != NULL && (status = nfdump_file_next(file, &cursor, &ref, &error)) != NFDUMP_END) {
            nfdump_block_view view = {.size = sizeof view};
            if (status == NFDUMP_OK && nfdump_block_load(block, file, &ref, &view, &error) == NFDUMP_OK) {
                found += view.num_flows;
            }
        }
        EXPECT(found == 4);
        nfdump_block_free(block);
        nfdump_file_close(file);
    }
}

int main(void)
{
    headers();
    whole_file();
    partial();
    positions();
    damage();
    cut_anywhere();
    resync();
    nested();
    many_shapes();
    codecs();
    lzo();
    other_records();
    test_layout1();
    test_layout3();
    test_plans();
    test_fields();
    test_limits();
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0;
}
