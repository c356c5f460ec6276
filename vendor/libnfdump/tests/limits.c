/* Work and memory are bounded for input that was made to cost much. */
#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif
#define _FILE_OFFSET_BITS 64
#include <bzlib.h>
#include <lz4.h>
#include <stdlib.h>
#include <unistd.h>
#include <zstd.h>

#include "../src/codec/bz2_size.h"
#include "../src/record/index.h"
#include "test.h"

static nfdump_block *block;
static nfdump_block_view view = {.size = sizeof view};
static nfdump_error error;

/* A buffer for a whole block. */
typedef struct records {
    uint8_t *data;
    size_t length;
    uint32_t count;
    size_t start; /* of the record in the making */
} records;

static void add(records *r, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        r->data[r->length++] = (uint8_t)(value >> (8 * i));
    }
}

static void begin_flow(records *r, uint32_t elements)
{
    r->start = r->length;
    r->count++;
    add(r, NFDUMP_RECORD_FLOW, 2), add(r, 0, 2), add(r, elements, 2), add(r, 0, 6);
}

static void add_element(records *r, uint32_t id, size_t length)
{
    add(r, id, 2), add(r, length + 4, 2);
    memset(r->data + r->length, (int)id, length);
    r->length += length;
}

static void end_flow(records *r)
{
    const size_t size = r->length - r->start;
    r->data[r->start + 2] = (uint8_t)size;
    r->data[r->start + 3] = (uint8_t)(size >> 8);
}

static nfdump_status decode(const records *r)
{
    const nfdump_block_ref ref = {.num_records = r->count, .stored = (uint32_t)r->length, .type = 3};
    return nfdump_block_decode(block, NFDUMP_COMPRESSION_NONE, &ref, r->data, r->length, &view, &error);
}

/* Whether a flow has element `id` with `length` bytes of the value that `add_element` writes, at `offset`. */
static bool has(size_t flow, uint32_t id, size_t offset, size_t length)
{
    const uint8_t *payload = NULL;
    size_t found = 0;
    const uint8_t *record = view.data + view.flows[flow].offset;
    return nfdump_flow_element(&view, flow, id, &payload, &found) == NFDUMP_OK && payload == record + offset &&
           found == length && (length == 0 || payload[length - 1] == (uint8_t)id);
}

static bool has_not(size_t flow, uint32_t id)
{
    const uint8_t *payload = view.data;
    size_t found = 1;
    return nfdump_flow_element(&view, flow, id, &payload, &found) == NFDUMP_END && payload == NULL && found == 0;
}

/* Flows with more elements than a shape has room for get a list; so do damaged ones. */
static void lists(records *r)
{
    r->length = 0, r->count = 0;
    begin_flow(r, 2), add_element(r, 1, 48), add_element(r, 2, 8), end_flow(r); /* with a shape */
    begin_flow(r, 16000 + 3);
    add_element(r, 42, 4), add_element(r, 7, 8);
    for (int i = 0; i < 16000; i++) {
        add_element(r, 42, 0);
    }
    add_element(r, 1, 48);
    end_flow(r);
    begin_flow(r, 9), add_element(r, 5, 24), add_element(r, 60, 4), end_flow(r);  /* announces more */
    /* the last runs past */
    begin_flow(r, 2), add_element(r, 6, 8), add(r, 0x0064000A, 4), add(r, 0x0A, 1), end_flow(r);
    begin_flow(r, 2), add_element(r, 43, 0), add(r, 0x00020001, 4), end_flow(r);  /* none that counts */
    EXPECT(decode(r) == NFDUMP_OK && view.num_flows == 5 && view.num_shapes == 1 && view.num_lists == 3);
    EXPECT(has(0, 1, 16, 48) && has(0, 2, 68, 8) && has_not(0, 3) && has_not(0, 0) && has_not(0, 64));
    EXPECT(has(1, 1, 12 + 8 + 12 + 64000 + 4, 48) && has(1, 42, 12 + 8 + 12 + 64000, 0) && has(1, 7, 24, 8) &&
           has_not(1, 2));
    EXPECT(has(2, 5, 16, 24) && has_not(2, 60) && has_not(2, 1));
    EXPECT(has(3, 6, 16, 8) && has(3, 10, 28, 1));
    EXPECT(has_not(4, 1) && has_not(4, 43));
    const uint8_t *payload = NULL;
    size_t length = 0;
    EXPECT(nfdump_flow_element(&view, 5, 1, &payload, &length) == NFDUMP_E_ARGUMENT);
    EXPECT(nfdump_flow_element(NULL, 0, 1, &payload, &length) == NFDUMP_E_ARGUMENT);
    /* Nothing is left of them in the next block. */
    r->length = 0, r->count = 0;
    begin_flow(r, 1), add_element(r, 1, 48), end_flow(r);
    EXPECT(decode(r) == NFDUMP_OK && view.num_flows == 1 && view.num_lists == 0);
}

/* Layout 3: flows with the highest element, and more arrangements than there are shapes. */
static void highest_element(records *r)
{
    enum { FLOWS = 2200, BLOCK_HEADER = 24, SUBHEADER = 32, EVENT = 21, PAYLOAD = 25, EVENT_AT = 32, PAYLOAD_AT = 56 };
    r->length = 0;
    add(r, 1, 4), add(r, 0, 8), add(r, 1, 2);
    memset(r->data + r->length, 0, 10 + SUBHEADER);
    r->length = BLOCK_HEADER;
    add(r, FLOWS, 4);
    r->length = BLOCK_HEADER + SUBHEADER;
    for (size_t i = 1; i <= FLOWS; i++) {
        const size_t size = (PAYLOAD_AT + 4 + i + 7) / 8 * 8;
        const size_t start = r->length;
        memset(r->data + start, 0, size);
        add(r, 16, 2), add(r, size, 2), add(r, 2, 2);
        r->length = start + 16;
        add(r, 1u << EVENT | 1u << PAYLOAD, 8);
        add(r, EVENT_AT, 2), add(r, PAYLOAD_AT, 2);
        r->data[start + EVENT_AT + 16] = 2, r->data[start + EVENT_AT + 18] = 1;
        r->length = start + PAYLOAD_AT;
        add(r, i, 4);
        r->length = start + size;
    }
    for (size_t i = 0; i < 4; i++) {
        r->data[4 + i] = r->data[8 + i] = (uint8_t)(r->length >> (8 * i));
    }
    const nfdump_block_ref ref = {.type = 1, .layout = 3, .stored = (uint32_t)r->length - BLOCK_HEADER};
    EXPECT(nfdump_block_decode(block, 0, &ref, r->data, r->length, &view, &error) == NFDUMP_OK);
    EXPECT(view.num_flows == FLOWS && view.num_shapes == NFDUMP_SHAPES_MAX &&
           view.num_lists == FLOWS - view.num_shapes);
    for (size_t i = 0; i < view.num_flows; i++) {
        const uint8_t *payload = NULL;
        size_t length = 0;
        EXPECT(nfdump_flow_element(&view, i, NFDUMP_ELEMENT_EVENT_KIND, &payload, &length) == NFDUMP_OK &&
               length == 2 && payload[0] == 2);
    }
}

/* One step of the hash of `walk_elements`, and back. */
static uint32_t mix(uint32_t hash, uint32_t header)
{
    hash = (hash ^ header) * 0x9E3779B1u;
    return hash ^ hash >> 15;
}

static uint32_t unmix(uint32_t hash)
{
    uint32_t inverse = 1;
    for (int i = 0; i < 5; i++) {
        inverse *= 2 - 0x9E3779B1u * inverse;
    }
    return (hash ^ hash >> 15 ^ hash >> 30) * inverse;
}

/* Pairs of element headers with the lower `bits` of their hash equal. */
static void add_colliding(records *r, size_t count, unsigned bits)
{
    const uint32_t wanted = 0x12345678u;
    const uint32_t mask = bits == 32 ? UINT32_MAX : (1u << bits) - 1;
    for (uint32_t id = 64; count != 0 && id < 0xFFFF; id++) {
        for (uint32_t length = 4; length < 40 && count != 0; length++) {
            const uint32_t before = mix(2, id | length << 16);
            uint32_t second = unmix(wanted) ^ before;
            if (bits != 32) {
                second = id * 7 % 0xFFFF | 4u << 16;
            }
            const size_t size = second >> 16;
            if ((mix(before, second) & mask) != (wanted & mask) || size < 4 || size > 200) {
                continue;
            }
            begin_flow(r, 2);
            add_element(r, id, length - 4), add_element(r, second & 0xFFFF, size - 4);
            end_flow(r);
            count--;
        }
    }
}

/* A look-up of a shape ends after a fixed number of steps, whatever collides. */
static void collisions(records *r)
{
    r->length = 0, r->count = 0;
    add_colliding(r, 300, 12);
    EXPECT(r->count == 300 && decode(r) == NFDUMP_OK && view.num_flows == 300 && view.damage.status == NFDUMP_OK);
    EXPECT(view.num_shapes == SHAPE_PROBES_MAX);
    r->length = 0, r->count = 0;
    add_colliding(r, 100, 32);
    EXPECT(r->count == 100 && decode(r) == NFDUMP_OK && view.num_flows == 100 && view.damage.status == NFDUMP_OK);
    EXPECT(view.num_shapes == SHAPE_COMPARES_MAX);
    /* What has a shape keeps it. */
    EXPECT(view.flows[0].shape == 0 && view.flows[99].shape == NFDUMP_SHAPE_NONE);
}

/* ---- files --------------------------------------------------------------------- */

#define OFFSET_OF_COMPRESSION 16

/* The header of a file of layout 2 in bzip2. */
static void begin_file(records *r, uint32_t blocks, uint16_t appendix_blocks, uint64_t appendix)
{
    r->length = 0;
    add(r, 0xA50C, 2), add(r, 2, 2), add(r, 0, 4), add(r, 0, 8), add(r, NFDUMP_COMPRESSION_BZ2, 1), add(r, 0, 1);
    add(r, appendix_blocks, 2), add(r, 1, 4), add(r, appendix, 8), add(r, 0, 4), add(r, blocks, 4);
}

/* A block of `size` bytes that announces `count` records. */
static void add_block(records *r, uint8_t compression, const uint8_t *plain, size_t size, uint32_t count)
{
    unsigned stored = 1 << 20;
    union {
        const uint8_t *in;
        char *out;
    } input = {.in = plain};
    uint8_t *payload = r->data + r->length + 12;
    switch (compression) {
    case NFDUMP_COMPRESSION_BZ2:
        EXPECT(BZ2_bzBuffToBuffCompress((char *)payload, &stored, input.out, (unsigned)size, 9, 0, 0) == BZ_OK);
        break;
    case NFDUMP_COMPRESSION_LZ4:
        stored = (unsigned)LZ4_compress_default(input.out, (char *)payload, (int)size, (int)stored);
        break;
    default:
        stored = (unsigned)ZSTD_compress(payload, stored, plain, size, 3);
        break;
    }
    add(r, count, 4), add(r, stored, 4), add(r, 3, 2), add(r, 0, 2);
    r->length += stored;
}

static void add_bomb(records *r, const uint8_t *plain, size_t size, uint32_t count)
{
    add_block(r, NFDUMP_COMPRESSION_BZ2, plain, size, count);
}

/* Goes through the chain of blocks.  Returns the last status before NFDUMP_END, and counts the errors. */
static nfdump_status last_error(const nfdump_file *file, nfdump_cursor *cursor, size_t *errors)
{
    nfdump_block_ref ref;
    nfdump_status last = NFDUMP_OK;
    *cursor = (nfdump_cursor){0};
    *errors = 0;
    for (nfdump_status status; (status = nfdump_file_next(file, cursor, &ref, &error)) != NFDUMP_END;) {
        if (status != NFDUMP_OK) {
            last = status;
            ++*errors;
        }
    }
    return last;
}

/* A damaged header, then `count` places that could be blocks and turn out to be none. */
static void places(records *r, const uint8_t *plain, uint32_t records_of_each, size_t count)
{
    begin_file(r, 9, 0, 0);
    add(r, 7, 4), add(r, UINT32_MAX, 4), add(r, 3, 2), add(r, 0, 2);
    const size_t first = r->length;
    add_bomb(r, plain, NFDUMP_BLOCK_MAX, records_of_each);
    const size_t size = r->length - first;
    for (size_t i = 1; i < count; i++) {
        memcpy(r->data + r->length, r->data + first, size);
        r->length += size;
    }
}

/* Searching ends when its budget is spent, and says so; layout 1 or 2, it is the same code. */
static void searches(records *r)
{
    static const uint32_t size = 1024;
    nfdump_file *file = NULL;
    nfdump_cursor cursor;
    size_t errors = 0;
    uint8_t *plain = calloc(1, NFDUMP_BLOCK_MAX);
    EXPECT(plain != NULL);
    if (plain == NULL) {
        return;
    }
    /* Nothing but zeros: the first record is impossible, and no more than a block of bzip2 is decoded. */
    places(r, plain, 5000, 50);
    EXPECT(nfdump_file_open_memory(r->data, r->length, 0, &file, &error) == NFDUMP_OK);
    EXPECT(last_error(file, &cursor, &errors) == NFDUMP_E_SIZE && errors == 1);
    EXPECT(cursor.searched < 50 * (900000 + 65536 + 16384));
    nfdump_file_close(file);
    /* Records to the end, but fewer than announced: that is known at the end only. */
    for (size_t at = 0; at + size <= NFDUMP_BLOCK_MAX; at += size) {
        plain[at] = 11, plain[at + 3] = size >> 8;
    }
    static const uint32_t last = NFDUMP_BLOCK_MAX % 1024;
    uint8_t *end = plain + NFDUMP_BLOCK_MAX - last;
    end[0] = 11, end[2] = last & 0xFF, end[3] = last >> 8;
    places(r, plain, NFDUMP_BLOCK_MAX / size + 9, 200);
    const uint64_t budget = NFDUMP_SEARCH_MIN + NFDUMP_SEARCH_FACTOR * (uint64_t)r->length;
    EXPECT(nfdump_file_open_memory(r->data, r->length, 0, &file, &error) == NFDUMP_OK);
    EXPECT(last_error(file, &cursor, &errors) == NFDUMP_E_LIMIT && errors == 2);
    EXPECT(cursor.searched > budget && cursor.searched < budget + 2 * NFDUMP_BLOCK_MAX);
    nfdump_file_close(file);
    free(plain);
}

/* Flows without elements: `count` of them, all the same. */
static size_t same_flows(uint8_t *plain, size_t count)
{
    static const uint8_t flow[12] = {NFDUMP_RECORD_FLOW, 0, 12};
    for (size_t i = 0; i < count; i++) {
        memcpy(plain + i * sizeof flow, flow, sizeof flow);
    }
    return count * sizeof flow;
}

/* Blocks that decode to nothing are decoded until their budget is spent.  After that small blocks are still read,
 * unless they expand more than honest ones do. */
static void refused_blocks(records *r, uint8_t compression)
{
    enum { BOMBS = 20, FEW = 100, MANY = 100000 };
    nfdump_file *file = NULL;
    nfdump_cursor cursor = {0};
    nfdump_block_ref ref;
    unsigned decoded = 0;
    unsigned limited = 0;
    uint8_t *plain = calloc(1, NFDUMP_BLOCK_MAX);
    EXPECT(plain != NULL);
    if (plain == NULL) {
        return;
    }
    begin_file(r, BOMBS + 4, 0, 0);
    r->data[OFFSET_OF_COMPRESSION] = compression;
    for (size_t i = 0; i < BOMBS; i++) {
        add_block(r, compression, plain, NFDUMP_BLOCK_MAX, 5000);
    }
    add_block(r, compression, plain, same_flows(plain, FEW), FEW);
    add_block(r, compression, plain, same_flows(plain, MANY), MANY);
    /* Damaged behind its flows, and no larger than is allowed. */
    const size_t length = same_flows(plain, FEW);
    memset(plain + length, UINT8_MAX, 4);
    add_block(r, compression, plain, length + 4, FEW + 1);
    add(r, 1, 4), add(r, 12, 4), add(r, 3, 2), add(r, 1, 2);
    begin_flow(r, 0), end_flow(r);
    EXPECT(nfdump_file_open_memory(r->data, r->length, 0, &file, &error) == NFDUMP_OK);
    for (size_t i = 0; i < BOMBS; i++) {
        EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_OK);
        const nfdump_status status = nfdump_block_load(block, file, &ref, &view, &error);
        decoded += status == NFDUMP_OK && view.damage.status == NFDUMP_E_RECORD;
        limited += status == NFDUMP_E_LIMIT && error.block == ref.index;
    }
    EXPECT(decoded >= NFDUMP_REFUSED_MAX / NFDUMP_BLOCK_MAX + 1 && decoded < BOMBS && decoded + limited == BOMBS);
    static const struct {
        nfdump_status status;
        size_t flows;
        int32_t damage;
    } rest[] = {{NFDUMP_OK, FEW, NFDUMP_OK},
                {NFDUMP_E_LIMIT, 0, NFDUMP_OK},
                {NFDUMP_OK, FEW, NFDUMP_E_RECORD},
                {NFDUMP_OK, 1, NFDUMP_OK}};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) {
        EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_OK);
        EXPECT(nfdump_block_load(block, file, &ref, &view, &error) == rest[i].status);
        EXPECT(view.num_flows == rest[i].flows && view.damage.status == rest[i].damage);
    }
    nfdump_file_close(file);
    free(plain);
}

/* What the blocks of a bzip2 stream hold, as libbz2 does it and as it is counted from the symbols. */
static void bzip2_sizes(records *r)
{
    enum { SIZE = 250000 };
    uint8_t *plain = malloc(SIZE);
    uint32_t random = 1;
    EXPECT(plain != NULL);
    for (unsigned kind = 0; kind < 4 && plain != NULL; kind++) {
        /* No runs; runs of four and of ten, which become five bytes each; one run, in which 255 bytes become five. */
        static const uint32_t runs[] = {1, 4, 10, SIZE};
        static const size_t held[] = {SIZE, SIZE / 4 * 5, SIZE / 10 * 5, (SIZE + 254) / 255 * 5};
        for (size_t i = 0; i < SIZE; i++) {
            random = random * 1664525 + 1013904223;
            const uint32_t fresh = (random >> 24 & 0x7F) | (uint32_t)(i / runs[kind] & 1) << 7;
            plain[i] = i % runs[kind] == 0 ? (uint8_t)fresh : plain[i - 1];
        }
        for (int level = 1; level <= 9; level += 4) {
            unsigned stored = 1 << 20;
            EXPECT(BZ2_bzBuffToBuffCompress((char *)r->data, &stored, (char *)plain, SIZE, level, 0, 0) == BZ_OK);
            /* A run that the end of a block cuts is stored as two. */
            const span all = {r->data, stored};
            EXPECT(nfdump_bz2_is_within(all, held[kind] + 10) && !nfdump_bz2_is_within(all, held[kind] - 10));
            EXPECT(nfdump_bz2_is_within((span){r->data, 20}, 0) && nfdump_bz2_is_within((span){r->data, 0}, 0));
        }
    }
    free(plain);
}

/* What is searched counts, not how large a file says it is. */
static void holes(records *r)
{
    nfdump_file *file = NULL;
    nfdump_cursor cursor;
    size_t errors = 0;
    FILE *sparse = tmpfile();
    begin_file(r, 9, 0, 0);
    add(r, 7, 4), add(r, UINT32_MAX, 4), add(r, 3, 2), add(r, 0, 2);
    EXPECT(sparse != NULL && fwrite(r->data, 1, r->length, sparse) == r->length && fflush(sparse) == 0 &&
           ftruncate(fileno(sparse), (off_t)1 << 34) == 0);
    EXPECT(nfdump_file_open_fd(fileno(sparse), 0, &file, &error) == NFDUMP_OK);
    EXPECT(last_error(file, &cursor, &errors) == NFDUMP_E_LIMIT && errors == 2);
    EXPECT(cursor.searched < NFDUMP_SEARCH_MIN + NFDUMP_SEARCH_FACTOR * 65536u + 65536u);
    nfdump_file_close(file);
    (void)fclose(sparse);
}

/* An appendix of more blocks than any writer makes is read as far as the first ones. */
static void appendix(records *r)
{
    nfdump_file *file = NULL;
    static const uint8_t ident[] = {0x01, 0x80, 8, 0, 'f', 'o', 'o', 0};
    static const uint8_t other[] = {0x01, 0x80, 8, 0, 'b', 'a', 'r', 0};
    for (uint16_t blocks = 16; blocks <= 500; blocks += 484) {
        begin_file(r, 0, blocks, 40);
        for (size_t i = 0; i < blocks; i++) {
            add_bomb(r, i < 16 ? ident : other, sizeof ident, 1);
        }
        EXPECT(nfdump_file_open_memory(r->data, r->length, 0, &file, &error) == NFDUMP_OK);
        const nfdump_info *info = nfdump_file_info(file);
        EXPECT(info->has_ident && memcmp(info->ident, "foo", 4) == 0);
        EXPECT(info->appendix.status == (blocks == 16 ? NFDUMP_OK : NFDUMP_E_LIMIT));
        nfdump_file_close(file);
    }
}

/* The same rules for all functions: null pointers, sizes of structures, names. */
static void arguments(records *r)
{
    nfdump_file *file = (nfdump_file *)&view;
    const nfdump_block_ref ref = {.num_records = 1, .stored = 16, .type = 3};
    EXPECT(nfdump_exporter_parse(r->data, 4, NULL) == NFDUMP_E_ARGUMENT &&
           nfdump_sampler_parse(r->data, 4, NULL) == NFDUMP_E_ARGUMENT);
    EXPECT(nfdump_exporter_stat_at(r->data, 4, 0, NULL) == NFDUMP_E_ARGUMENT &&
           nfdump_name_at(r->data, 4, 0, NULL) == NFDUMP_E_ARGUMENT);
    EXPECT(nfdump_file_open_path("/nowhere", 0, &file, &error) == NFDUMP_E_IO && file == NULL);
    file = (nfdump_file *)&view;
    EXPECT(nfdump_file_open_fd(-1, 0, &file, &error) == NFDUMP_E_IO && file == NULL);
    file = (nfdump_file *)&view;
    EXPECT(nfdump_file_open_memory(NULL, 1, 0, &file, &error) == NFDUMP_E_ARGUMENT && file == NULL);
    EXPECT(nfdump_file_open_path("/dev/null", 0, &file, &error) == NFDUMP_E_UNSUPPORTED);
    /* A caller who knows less is refused, one who knows more is served. */
    nfdump_block_view small = {.size = sizeof small - 8};
    EXPECT(nfdump_block_decode(block, 0, &ref, r->data, 16, &small, &error) == NFDUMP_E_ARGUMENT &&
           small.flows == NULL);
    struct {
        nfdump_block_view view;
        uint64_t beyond;
    } large = {.view = {.size = sizeof large}, .beyond = 7};
    r->length = 0, r->count = 0;
    begin_flow(r, 1), add_element(r, 1, 48), end_flow(r);
    EXPECT(nfdump_block_decode(block, 0, &ref, r->data, r->length, &large.view, &error) == NFDUMP_OK &&
           large.beyond == 7);
    EXPECT(large.view.num_flows == 1 && large.view.size == sizeof large);
    nfdump_info info = {.size = 8};
    EXPECT(nfdump_info_decode(&info, r->data, 16, &error) == NFDUMP_E_ARGUMENT);
    /* Lengths that no decoder is asked about: nothing of the bytes is read. */
    const nfdump_block_ref ref3 = {.layout = 3, .type = 1};
    EXPECT(nfdump_block_decode(block, 0, &ref3, r->data, (size_t)UINT32_MAX, &view, &error) == NFDUMP_E_SIZE);
    info.size = sizeof info;
    EXPECT(nfdump_info_decode(&info, r->data, (size_t)UINT32_MAX, &error) == NFDUMP_E_SIZE);
    EXPECT(strcmp(nfdump_version(), NFDUMP_VERSION) == 0 && nfdump_abi_version() == NFDUMP_ABI_VERSION);
    EXPECT(strcmp(nfdump_status_name(NFDUMP_OK), "NFDUMP_OK") == 0 &&
           strcmp(nfdump_status_name(NFDUMP_E_LIMIT), "NFDUMP_E_LIMIT") == 0);
    EXPECT(strcmp(nfdump_status_name(-1), "unknown status") == 0 &&
           strcmp(nfdump_status_name(17), "unknown status") == 0);
    nfdump_block_trim(NULL);
}

void test_limits(void)
{
    records r = {.data = malloc(4 * NFDUMP_BLOCK_MAX)};
    block = nfdump_block_new();
    if (r.data != NULL && block != NULL) {
        lists(&r);
        highest_element(&r);
        collisions(&r);
        arguments(&r);
        searches(&r);
        refused_blocks(&r, NFDUMP_COMPRESSION_BZ2);
        refused_blocks(&r, NFDUMP_COMPRESSION_LZ4);
        refused_blocks(&r, NFDUMP_COMPRESSION_ZSTD);
        bzip2_sizes(&r);
        holes(&r);
        appendix(&r);
    }
    EXPECT(r.data != NULL && block != NULL);
    nfdump_block_free(block);
    free(r.data);
}
