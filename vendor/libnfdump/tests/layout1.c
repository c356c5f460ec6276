/* Unit tests of layout 1: its container, extension maps, and what its records become. */
#include <pthread.h>
#include <stdlib.h>

#include "test.h"

static void put_header1(bytes *b, uint32_t flags, uint32_t blocks, const char *ident)
{
    const size_t length = strlen(ident) < 128 ? strlen(ident) : 128;
    put(b, 0xA50C, 2), put(b, 1, 2), put(b, flags, 4), put(b, blocks, 4);
    put_bytes(b, ident, length), put_zeros(b, 128 - length);
    for (uint64_t i = 1; i <= 15; i++) {
        put(b, i, 8);
    }
    put(b, 1089534600, 4), put(b, 1089534601, 4), put(b, 10, 2), put(b, 20, 2), put(b, 7, 4);
}

static void put_map(bytes *b, uint16_t id, uint16_t extent, const uint8_t *extensions, size_t count)
{
    const size_t words = count + 1 + (count + 1) % 2;
    put(b, 2, 2), put(b, 8 + 2 * words, 2), put(b, id, 2), put(b, extent, 2);
    for (size_t i = 0; i < words; i++) {
        put(b, i < count ? extensions[i] : 0, 2);
    }
}

#define MAP(b, id, extent, ...) \
    put_map(b, id, extent, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* A flow of type 10 with `extra` bytes of extensions to follow; 32-bit counters, IPv4: 48 bytes. */
static void put_flow1(bytes *b, uint16_t map, uint8_t flags, size_t extra)
{
    put(b, 10, 2), put(b, 48 + extra, 2), put(b, flags, 1), put(b, 9, 1), put(b, map, 2);
    put(b, 1, 2), put(b, 2, 2), put(b, 1000, 4), put(b, 1001, 4);
    put(b, 64, 1), put(b, 0x12, 1), put(b, 6, 1), put(b, 3, 1), put(b, 1024, 2), put(b, 443, 2);
    put(b, 5, 2), put(b, 1, 1), put(b, 2, 1);
    put(b, 0x0A000001, 4), put(b, 0x0A000002, 4), put(b, 202, 4), put(b, 303, 4);
}

/* The payload of an element of a flow; null if it has none. */
static const uint8_t *element_of(const nfdump_block_view *view, size_t flow, size_t id)
{
    if (flow >= view->num_flows || view->flows[flow].shape == NFDUMP_SHAPE_NONE) {
        return NULL;
    }
    const nfdump_shape *shape = &view->shapes[view->flows[flow].shape];
    return shape->present >> id & 1 ? view->data + view->flows[flow].offset + shape->offset[id] : NULL;
}

static const uint8_t *record_of(const nfdump_block_view *view, size_t flow)
{
    return view->data + view->flows[flow].offset;
}

static uint64_t number(const uint8_t *at, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; at != NULL && i < size; i++) {
        value |= (uint64_t)at[i] << (8 * i);
    }
    return value;
}

/* Finds a block, passing over damage in front of it, and loads it. */
static nfdump_status load_nth(const nfdump_file *file, uint32_t index, nfdump_block *block, nfdump_block_view *view,
                              nfdump_error *error)
{
    nfdump_cursor cursor = {0};
    nfdump_block_ref ref = {0};
    nfdump_status status = NFDUMP_OK;
    for (uint32_t i = 0; i <= index && status != NFDUMP_END; i += status == NFDUMP_OK) {
        status = nfdump_file_next(file, &cursor, &ref, error);
    }
    return status == NFDUMP_OK ? nfdump_block_load(block, file, &ref, view, error) : status;
}

/* A file with one block of these records, opened and loaded; the file is to be closed. */
static nfdump_file *load_only(const bytes *records, uint32_t announced, uint32_t flags, nfdump_block *block,
                              nfdump_block_view *view)
{
    static bytes b;
    nfdump_file *file = NULL;
    nfdump_error error;
    b.length = 0;
    put_header1(&b, 0, 1, "x"), put_block(&b, announced, 2, 0, records);
    EXPECT(nfdump_file_open_memory(b.data, b.length, flags, &file, &error) == NFDUMP_OK);
    EXPECT(load_nth(file, 0, block, view, &error) == NFDUMP_OK);
    return file;
}

static void container(void)
{
    static bytes b, records;
    nfdump_file *file;
    nfdump_error error;
    nfdump_cursor cursor = {0};
    nfdump_block_ref ref;
    b.length = records.length = 0;
    put_header1(&b, 2, 1, "demo");
    MAP(&records, 0, 8, 4, 8), put_flow1(&records, 0, 0, 8), put(&records, 0x000C000B, 4), put(&records, 0x10180128, 4);
    put_block(&b, 2, 2, 0, &records);
    put_bytes(&b, "behind the last block", 21);
    EXPECT(open_bytes(&b, &file, &error) == NFDUMP_OK);
    const nfdump_info *info = nfdump_file_info(file);
    EXPECT(info->layout == 1 && info->compression == 0 && info->num_blocks == 1 && !info->unfinished);
    EXPECT(info->has_ident && strcmp((const char *)info->ident, "demo") == 0);
    EXPECT(info->has_stat && info->stat.flows == 1 && info->stat.packets_other == 15);
    EXPECT(info->stat.first_seen == 1089534600010 && info->stat.last_seen == 1089534601020);
    EXPECT(info->stat.sequence_failures == 7 && info->appendix.status == NFDUMP_OK);
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_OK && ref.offset == 276 && ref.type == 2);
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_END);

    /* What the one flow becomes: elements 1, 2 and 4. */
    nfdump_block *block = nfdump_block_new();
    nfdump_block_view view = {.size = sizeof view};
    EXPECT(load_nth(file, 0, block, &view, &error) == NFDUMP_OK && view.num_flows == 1 && view.walked == 2);
    static const uint8_t expected[] = {
        11, 0, 96, 0, 3, 0, 0, 0, 5, 0, 4, 9, /* anonymised, by the file header */
        1, 0, 52, 0, 0x41, 0x42, 0x0F, 0, 0, 0, 0, 0, 0x2A, 0x46, 0x0F, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        202, 0, 0, 0, 0, 0, 0, 0, 47, 1, 0, 0, 0, 0, 0, 0, 0, 4, 187, 1, 6, 0x12, 64, 3,
        2, 0, 12, 0, 1, 0, 0, 10, 2, 0, 0, 10,
        4, 0, 20, 0, 11, 0, 0, 0, 12, 0, 0, 0, 24, 16, 1, 40, 1, 2, 0, 0,
    };
    EXPECT(view.flows[0].size == sizeof expected && memcmp(record_of(&view, 0), expected, sizeof expected) == 0);
    nfdump_file_close(file);

    /* Idents that fill their field, or are empty. */
    bytes changed = b;
    memset(changed.data + 12, 'i', 128);
    EXPECT(open_bytes(&changed, &file, &error) == NFDUMP_OK && nfdump_file_info(file)->ident_length == 128);
    EXPECT(nfdump_file_info(file)->ident[128] == 0);
    nfdump_file_close(file);
    changed.data[12] = 0;
    EXPECT(open_bytes(&changed, &file, &error) == NFDUMP_OK && !nfdump_file_info(file)->has_ident);
    nfdump_file_close(file);

    static const uint8_t flags[][2] = {{0, 0}, {1, 1}, {8, 2}, {16, 3}, {9, 1}, {17, 1}, {24, 2}, {25, 1}, {6, 0}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        changed.data[4] = flags[i][0];
        EXPECT(open_bytes(&changed, &file, &error) == NFDUMP_OK && nfdump_file_info(file)->compression == flags[i][1]);
        nfdump_file_close(file);
    }
    for (size_t cut = 0; cut <= 276; cut++) {
        bytes shorter = {.length = cut};
        memcpy(shorter.data, b.data, cut);
        const nfdump_status status = open_bytes(&shorter, &file, &error);
        EXPECT(status == (cut < 140 ? NFDUMP_E_TRUNCATED : NFDUMP_OK));
        if (status == NFDUMP_OK) {
            cursor = (nfdump_cursor){0};
            EXPECT(nfdump_file_info(file)->has_stat == (cut == 276));
            EXPECT(nfdump_file_info(file)->appendix.status == (cut == 276 ? NFDUMP_OK : NFDUMP_E_TRUNCATED));
            EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_E_TRUNCATED);
        }
        nfdump_file_close(file);
    }

    /* A collector at work: no blocks counted yet. */
    b.data[8] = 0, b.length -= 21;
    EXPECT(open_bytes(&b, &file, &error) == NFDUMP_OK && nfdump_file_info(file)->unfinished);
    cursor = (nfdump_cursor){0};
    EXPECT(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_END);
    nfdump_file_close(file);
    EXPECT(nfdump_file_open_memory(b.data, b.length, NFDUMP_OPEN_PARTIAL, &file, &error) == NFDUMP_OK);
    EXPECT(load_nth(file, 0, block, &view, &error) == NFDUMP_OK && view.num_flows == 1);
    nfdump_file_close(file);
    /* Nothing in it and nothing seen. */
    b.length = 276;
    put_zeros(&b, 0);
    memset(b.data + 140 + 120, 0, 12), memset(b.data + 140 + 120, 0xFF, 3), b.data[140 + 123] = 0x7F;
    EXPECT(open_bytes(&b, &file, &error) == NFDUMP_OK && !nfdump_file_info(file)->unfinished);
    EXPECT(nfdump_file_info(file)->stat.first_seen == INT64_MAX && nfdump_file_info(file)->stat.last_seen == 0);
    nfdump_file_close(file);
    nfdump_block_free(block);
}

/* Every extension once, with bytes that tell where they came from. */
static void extensions(void)
{
    static const struct {
        uint8_t id, size;
        uint8_t element;      /* 0: not an element of its own */
        uint8_t at, from, length; /* bytes that are the same: in the payload, in the extension */
    } all[] = {
        {4, 4, 4, 0, 0, 2},     {5, 8, 4, 0, 0, 8},      {6, 4, 7, 0, 0, 2},     {7, 8, 7, 0, 0, 8},
        {8, 4, 4, 8, 2, 2},     {9, 4, 10, 0, 0, 4},     {10, 16, 11, 0, 0, 16}, {11, 4, 8, 0, 0, 4},
        {12, 16, 9, 0, 0, 16},  {13, 4, 6, 4, 2, 2},     {14, 4, 5, 8, 0, 4},    {15, 8, 5, 8, 0, 8},
        {16, 4, 5, 16, 0, 4},   {17, 8, 5, 16, 0, 8},    {18, 4, 5, 0, 0, 4},    {19, 8, 5, 0, 0, 8},
        {20, 16, 15, 0, 0, 16}, {21, 16, 15, 16, 0, 16}, {22, 40, 14, 0, 0, 40}, {23, 4, 12, 0, 0, 4},
        {24, 16, 13, 0, 0, 16}, {25, 4, 0, 0, 0, 0},     {26, 8, 16, 0, 0, 8},   {27, 8, 1, 16, 0, 8},
        {37, 20, 19, 0, 0, 12}, {38, 4, 22, 0, 0, 4},    {39, 8, 20, 0, 0, 8},   {40, 32, 21, 0, 0, 32},
        {41, 24, 23, 0, 3, 1},  {42, 24, 24, 0, 0, 24},  {43, 72, 24, 0, 0, 65}, {45, 24, 17, 0, 0, 24},
        {46, 12, 36, 0, 4, 8},  {47, 8, 0, 0, 0, 0},     {48, 8, 26, 0, 0, 8},
    };
    static bytes records;
    nfdump_block *block = nfdump_block_new();
    nfdump_block_view view = {.size = sizeof view};
    const size_t count = sizeof all / sizeof *all;
    uint8_t data[72];
    records.length = 0;
    for (size_t i = 0; i < count; i++) {
        const uint16_t extent = all[i].id == 47 ? 0 : all[i].size; /* the one that maps do not count */
        MAP(&records, (uint16_t)(1000 + i), extent, all[i].id);
        put_flow1(&records, (uint16_t)(1000 + i), 0, all[i].size);
        for (uint8_t at = 0; at < all[i].size; at++) {
            put(&records, at + 1u, 1);
        }
    }
    for (uint8_t at = 0; at < sizeof data; at++) {
        data[at] = (uint8_t)(at + 1);
    }
    nfdump_file *file = load_only(&records, (uint32_t)(2 * count), 0, block, &view);
    EXPECT(view.num_flows == count && view.damage.status == NFDUMP_OK);
    for (size_t i = 0; i < count && view.num_flows == count; i++) {
        const uint8_t *found = element_of(&view, i, all[i].element);
        EXPECT(all[i].element == 0 ||
               (found != NULL && memcmp(found + all[i].at, data + all[i].from, all[i].length) == 0));
        EXPECT(number(element_of(&view, i, 1) + 42, 2) == 443 && number(element_of(&view, i, 1) + 24, 8) == 202);
        switch (all[i].id) {
        case 8:
            EXPECT(found[10] == 2 && found[11] == 1 && found[12] == 1 && found[13] == 2);
            break;
        case 25:
            EXPECT(record_of(&view, i)[6] == 3 && record_of(&view, i)[7] == 4);
            break;
        case 37:
            EXPECT(number(found + 12, 2) == 0x1211 && found[14] == 15);
            break;
        case 41:
            EXPECT(found[3] == 1 && found[20] == 24);
            break;
        case 43:
            EXPECT(found[64] == 65 && found[65] == 0);
            break;
        case 46:
            EXPECT(element_of(&view, i, 25)[12] == 1);
            break;
        default:
            break;
        }
    }
    nfdump_file_close(file);

    /* All of them in one flow; of alternatives the last counts. */
    records.length = 0;
    uint8_t ids[48];
    uint16_t extent = 0;
    for (size_t i = 0; i < count; i++) {
        ids[i] = all[i].id;
        extent = (uint16_t)(extent + (all[i].id == 47 ? 0 : all[i].size));
    }
    put_map(&records, 7, extent, ids, count), put_flow1(&records, 7, 0, extent + 8u);
    for (size_t i = 0; i < count; i++) {
        put_bytes(&records, data, all[i].size);
    }
    file = load_only(&records, 2, 0, block, &view);
    EXPECT(view.num_flows == 1 && view.shapes[0].present == 0x1007FBFFF6u);
    nfdump_file_close(file);
    nfdump_block_free(block);
}

/* Flags, 64-bit counters, IPv6, old records, and what depends on values. */
static void flows(void)
{
    static bytes r;
    nfdump_block *block = nfdump_block_new();
    nfdump_block_view view = {.size = sizeof view};
    r.length = 0;
    MAP(&r, 1, 4, 4), MAP(&r, 2, 20, 37), MAP(&r, 3, 8, 48), MAP(&r, 4, 4, 14), put_map(&r, 5, 0, NULL, 0);
    put_flow1(&r, 1, 0xC0, 4), put(&r, 0, 4);               /* no interfaces: no element */
    put_flow1(&r, 4, 0, 4), put(&r, 0, 4);                  /* no counters: no element */
    put_flow1(&r, 2, 0x40, 20), put_zeros(&r, 20);          /* a TCP event keeps its port */
    put_flow1(&r, 2, 0x40, 20), put_zeros(&r, 12), put(&r, 0x0803, 2), put_zeros(&r, 6);
    r.data[r.length - 68 + 22] = 1;                         /* an ICMP event has type and code */
    put_flow1(&r, 3, 0, 8), put(&r, 1000, 2), put(&r, 0, 2), put(&r, 1, 2), put(&r, 64, 2);
    put_flow1(&r, 3, 0, 8), put(&r, 65535, 2), put(&r, 0, 2), put(&r, 1, 2), put(&r, 2, 2);
    put(&r, 10, 2), put(&r, 32 + 32 + 16, 2), put(&r, 7, 1), put(&r, 0, 1), put(&r, 5, 2), put_zeros(&r, 24);
    for (uint64_t i = 1; i <= 6; i++) {
        put(&r, i, 8);
    }
    put(&r, 1, 2), put(&r, 44, 2), put(&r, 0, 1), put(&r, 200, 1), put(&r, 5, 2), put_zeros(&r, 20);
    put(&r, 1, 4), put(&r, 2, 4), put(&r, 3, 4), put(&r, 4, 4);
    nfdump_file *file = load_only(&r, 13, 0, block, &view);
    EXPECT(view.num_flows == 8 && view.damage.status == NFDUMP_OK && view.walked == 13);
    EXPECT(element_of(&view, 0, 4) == NULL && record_of(&view, 0)[10] == 3 && record_of(&view, 0)[11] == 9);
    EXPECT(element_of(&view, 1, 5) == NULL && record_of(&view, 1)[10] == 0);
    EXPECT(number(element_of(&view, 2, 1) + 42, 2) == 443 && record_of(&view, 2)[10] == 1);
    EXPECT(number(element_of(&view, 3, 1) + 42, 2) == 0x0803);
    EXPECT(number(element_of(&view, 4, 26) + 2, 2) == 1063);
    EXPECT(number(element_of(&view, 5, 26) + 2, 2) == 0);
    EXPECT(number(element_of(&view, 6, 3) + 24, 8) == 4 && number(element_of(&view, 6, 1) + 24, 8) == 5);
    EXPECT(number(element_of(&view, 6, 1) + 32, 8) == 6 && element_of(&view, 6, 2) == NULL);
    EXPECT(number(record_of(&view, 7) + 8, 2) == 200 && number(element_of(&view, 7, 2) + 4, 4) == 2);
    EXPECT(number(element_of(&view, 7, 1) + 32, 8) == 4);
    nfdump_file_close(file);

    /* The interfaces of nfdump 1.6.13: 6 bytes of 8. */
    r.length = 0;
    MAP(&r, 0, 12, 5, 13), put_flow1(&r, 0, 0, 10), put(&r, 70000, 4), put(&r, 0, 2), put(&r, 3, 2), put(&r, 4, 2);
    file = load_only(&r, 2, 0, block, &view);
    EXPECT(view.num_flows == 1 && view.clipped == 0 && view.damage.status == NFDUMP_OK);
    EXPECT(number(element_of(&view, 0, 4), 4) == 70000 && number(element_of(&view, 0, 6) + 4, 4) == 4);
    nfdump_file_close(file);

    /* Other records: exporters and samplers are kept, the rest is counted. */
    r.length = 0;
    put(&r, 7, 2), put(&r, 32, 2), put_zeros(&r, 28), put(&r, 9, 2), put(&r, 16, 2), put_zeros(&r, 12);
    put(&r, 3, 2), put(&r, 8, 2), put_zeros(&r, 4), put(&r, 11, 2), put(&r, 12, 2), put_zeros(&r, 8);
    file = load_only(&r, 4, 0, block, &view);
    EXPECT(view.num_records == 2 && view.num_flows == 0 && view.skipped == 2 && view.walked == 4);
    nfdump_file_close(file);
    nfdump_block_free(block);
}

static void damaged_records(void)
{
    static bytes r;
    nfdump_block *block = nfdump_block_new();
    nfdump_block_view view = {.size = sizeof view};
    nfdump_file *file;
#define LOAD1(announced, flags) file = load_only(&r, announced, flags, block, &view)
#define DAMAGED(at) (view.damage.status == NFDUMP_E_RECORD && view.damage.record == (at) && view.damage.block == 0)

    /* Lists that are no maps: the flow that needs one is left out, unless the file is salvaged. */
    static const struct {
        uint16_t size, extent;
        uint16_t words[6];
    } maps[] = {
        {8, 0, {0}},           {10, 0, {0}},           {14, 4, {4, 0, 0}},
        {16, 4, {4, 4, 4, 4}}, {16, 8, {4, 50, 0, 0}}, {16, 9, {4, 8, 0, 0}},
        {16, 4, {4, 0, 0, 0}}, {16, 4, {0, 4, 0, 0}},
    };
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        r.length = 0;
        put(&r, 2, 2), put(&r, maps[i].size, 2), put(&r, 0, 2), put(&r, maps[i].extent, 2);
        for (size_t word = 0; word < (maps[i].size - 8u) / 2; word++) {
            put(&r, maps[i].words[word], 2);
        }
        put_flow1(&r, 0, 0, 8), put_zeros(&r, 8);
        LOAD1(2, 0);
        EXPECT(view.num_flows == 0 && view.dropped == 1 && DAMAGED(0));
        nfdump_file_close(file);
        LOAD1(2, NFDUMP_OPEN_PARTIAL);
        EXPECT(view.num_flows == 1 && view.clipped == 1 && view.shapes[0].present == 6);
        nfdump_file_close(file);
    }
    /* Maps that repeat extensions without end. */
    uint8_t many[49];
    memset(many, 4, sizeof many);
    r.length = 0, put_map(&r, 0, 48 * 4, many, 48), put_map(&r, 1, 49 * 4, many, 49);
    put_flow1(&r, 0, 0, 192), put_zeros(&r, 192), put_flow1(&r, 1, 0, 196), put_zeros(&r, 196);
    LOAD1(4, 0);
    EXPECT(view.num_flows == 1 && view.dropped == 1 && DAMAGED(1));
    nfdump_file_close(file);

    /* No map at all; shorter than the map, the flags, the fixed part. */
    r.length = 0, put_flow1(&r, 3, 0, 0);
    LOAD1(1, 0);
    EXPECT(view.num_flows == 0 && view.dropped == 1 && DAMAGED(0) && view.damage.value == 3);
    nfdump_file_close(file);
    for (size_t cut = 1; cut < 48 + 12; cut++) {
        r.length = 0, MAP(&r, 0, 12, 4, 7), put_flow1(&r, 0, 0, 12), put_zeros(&r, 12);
        r.length -= cut, r.data[16 + 2] = (uint8_t)(60 - cut);
        put(&r, 3, 2), put(&r, 4, 2);
        LOAD1(3, 0);
        EXPECT(DAMAGED(1) && view.num_flows == (cut <= 12) && view.clipped == (cut <= 12));
        EXPECT(cut > 56 || view.skipped == 2);
        nfdump_file_close(file);
    }

    /* Sizes that cannot be end the block; too few records are no loss. */
    for (uint16_t size = 0; size < 4; size++) {
        r.length = 0, MAP(&r, 0, 4, 4), put_flow1(&r, 0, 0, 4), put_zeros(&r, 4), put(&r, 10, 2), put(&r, size, 2);
        LOAD1(9, 0);
        EXPECT(view.num_flows == 1 && DAMAGED(2) && view.damage.offset == 64);
        nfdump_file_close(file);
    }
    r.length -= 4;
    LOAD1(9, 0);
    EXPECT(view.num_flows == 1 && view.damage.status == NFDUMP_OK);
    nfdump_file_close(file);
    LOAD1(1, 0);
    EXPECT(view.num_flows == 0 && view.damage.status == NFDUMP_OK && view.walked == 1);
    nfdump_file_close(file);
    /* A number that cannot be is corrected when the chain is read. */
    LOAD1(0, 0);
    EXPECT(view.num_flows == 1 && view.damage.status == NFDUMP_OK && view.walked == 2);
    nfdump_file_close(file);
    put(&r, 10, 2);
    LOAD1(9, 0);
    EXPECT(view.num_flows == 1 && DAMAGED(2));
    nfdump_file_close(file);
    nfdump_block_free(block);
}

/* A block as large as they come, of the records that grow most. */
static void growth(void)
{
    static const uint8_t ids[] = {4, 13, 14, 6, 42};
    static bytes map, flow;
    map.length = flow.length = 0;
    put_map(&map, 0, 40, ids, sizeof ids);
    put(&flow, 1, 2), put(&flow, 44 + 40, 2), put(&flow, 0, 4), put_zeros(&flow, 20 + 16), put(&flow, 0xFFFFFFFF, 4);
    put(&flow, 0, 4), put(&flow, 1, 4), put(&flow, 0, 4), put_zeros(&flow, 24);
    const size_t most = (NFDUMP_BLOCK_MAX - map.length) / flow.length;
    uint8_t *data = malloc(NFDUMP_BLOCK_MAX);
    size_t length = map.length;
    memcpy(data, map.data, map.length);
    for (size_t i = 0; i < most; i++, length += flow.length) {
        memcpy(data + length, flow.data, flow.length);
    }
    nfdump_block *block = nfdump_block_new();
    nfdump_block_view view = {.size = sizeof view};
    nfdump_error error;
    const nfdump_block_ref ref = {.num_records = (uint32_t)most + 1, .stored = (uint32_t)length, .type = 2};
    EXPECT(nfdump_block_decode(block, 0, &ref, data, length, &view, &error) == NFDUMP_OK);
    EXPECT(view.num_flows == most && view.data_length == most * 220 && view.data_length <= NFDUMP_CONVERTED_MAX);
    EXPECT(element_of(&view, most - 1, 24) != NULL && view.damage.status == NFDUMP_OK);
    nfdump_block_free(block);
    free(data);
}

/* ---- maps over blocks -------------------------------------------------------- */

#define BLOCKS 40u

/* Block i holds two flows of map 1 and, every third one, first a map 1 that is another one.  Extension 4
 * (two 2-byte interfaces) or 13 (two 2-byte VLANs), so that elements tell which map was used.  Block 5 is
 * of an unknown type; if `damaged`, other blocks are too, of those with maps some. */
static void make_redefining(bytes *b, uint32_t blocks, bool damaged)
{
    b->length = 0;
    put_header1(b, 0, blocks, "maps");
    for (uint32_t i = 0; i < blocks; i++) {
        static bytes r;
        r.length = 0;
        if (i % 3 == 0) {
            put_flow1(&r, 1, 0, 4), put(&r, 0x00020001, 4); /* still the map before */
            MAP(&r, 1, 4, i % 2 == 0 ? 4 : 13);
        }
        put_flow1(&r, 1, 0, 4), put(&r, 0x00020001, 4);
        const uint16_t other = i == 6 ? 77 : i == 9 ? 1 : i == 12 ? 3 : i == 15 ? 4 : 2;
        put_block(b, i % 3 == 0 ? 3 : 1, i == 5 ? 77 : damaged ? other : 2, 0, &r);
    }
}

/* Whether block i has what make_redefining put there. */
static int is_right(const nfdump_block_view *view, uint32_t i)
{
    const size_t expected = (i / 3) % 2 == 0 ? 4 : 6;
    const size_t before = expected == 4 ? 6 : 4;
    /* Salvaging keeps the very first flow, which has no map. */
    const size_t last = i % 3 == 0 && (i != 0 || view->clipped == 1);
    if (view->num_flows != 1 + last || element_of(view, last, expected) == NULL) {
        return 0;
    }
    return last == 0 || i == 0 || element_of(view, 0, before) != NULL;
}

static void maps_over_blocks(void)
{
    static bytes b;
    nfdump_file *file;
    nfdump_error error;
    nfdump_block_view view = {.size = sizeof view};
    nfdump_block *block = nfdump_block_new();
    /* In order, backwards, and again in order; salvaging takes the damaged types for what they are. */
    for (uint32_t first = 0; first < 2 * BLOCKS; first += 13) {
        const bool salvaging = first >= BLOCKS;
        const uint32_t start = first % BLOCKS;
        make_redefining(&b, BLOCKS, salvaging);
        EXPECT(nfdump_file_open_memory(b.data, b.length, salvaging ? NFDUMP_OPEN_PARTIAL : 0, &file, &error) ==
               NFDUMP_OK);
        EXPECT(load_nth(file, start, block, &view, &error) == NFDUMP_OK && is_right(&view, start));
        for (uint32_t i = BLOCKS; i-- > 0;) {
            EXPECT((i == 5 && !salvaging) ||
                   (load_nth(file, i, block, &view, &error) == NFDUMP_OK && is_right(&view, i)));
        }
        for (uint32_t i = 0; i < BLOCKS; i++) {
            EXPECT((i == 5 && !salvaging) ||
                   (load_nth(file, i, block, &view, &error) == NFDUMP_OK && is_right(&view, i)));
        }
        nfdump_file_close(file);
    }
    make_redefining(&b, BLOCKS, false);
    /* Maps belong to their file: another one without has none. */
    static bytes r, other;
    r.length = other.length = 0;
    put_header1(&other, 0, 1, ""), put_flow1(&r, 1, 0, 4), put(&r, 0, 4), put_block(&other, 1, 2, 0, &r);
    EXPECT(open_bytes(&other, &file, &error) == NFDUMP_OK);
    EXPECT(load_nth(file, 0, block, &view, &error) == NFDUMP_OK && view.num_flows == 0 && view.dropped == 1);
    nfdump_file_close(file);

    /* The same blocks in a file of layout 2, between blocks of its own, as recompression leaves them. */
    static bytes layout2, own;
    layout2.length = own.length = 0;
    put(&layout2, 0xA50C, 2), put(&layout2, 2, 2), put_zeros(&layout2, 32), put(&layout2, BLOCKS + 1, 4);
    put(&own, 12, 2), put(&own, 4, 2), put_block(&layout2, 1, 3, 0, &own);
    put_bytes(&layout2, b.data + 276, b.length - 276);
    EXPECT(open_bytes(&layout2, &file, &error) == NFDUMP_OK);
    EXPECT(load_nth(file, 31, block, &view, &error) == NFDUMP_OK && is_right(&view, 30));
    nfdump_file_close(file);
    nfdump_block_free(block);
}

typedef struct reader {
    const nfdump_file *file;
    uint32_t start, step;
    bool salvaging;
    unsigned wrong;
} reader;

/* Loads every block once, beginning somewhere. */
static void *read_all(void *context)
{
    reader *r = context;
    nfdump_block *block = nfdump_block_new();
    for (uint32_t i = 0; i < BLOCKS; i++) {
        const uint32_t index = (r->start + i * r->step) % BLOCKS;
        nfdump_block_view view = {.size = sizeof view};
        nfdump_error error;
        if (index != 5 || r->salvaging) {
            r->wrong += load_nth(r->file, index, block, &view, &error) != NFDUMP_OK || !is_right(&view, index);
        }
    }
    nfdump_block_free(block);
    return NULL;
}

static void maps_on_threads(void)
{
    static bytes b;
    for (unsigned round = 0; round < 20; round++) {
        const bool salvaging = round % 2 != 0;
        nfdump_file *file;
        nfdump_error error;
        pthread_t threads[8];
        reader readers[8];
        make_redefining(&b, BLOCKS, salvaging);
        EXPECT(nfdump_file_open_memory(b.data, b.length, salvaging ? NFDUMP_OPEN_PARTIAL : 0, &file, &error) ==
               NFDUMP_OK);
        for (uint32_t i = 0; i < 8; i++) {
            /* 39 steps back: backwards. */
            readers[i] = (reader){
                .file = file, .start = i * round % BLOCKS, .step = i % 3 == 2 ? 39 : 1, .salvaging = salvaging};
            EXPECT(pthread_create(&threads[i], NULL, read_all, &readers[i]) == 0);
        }
        for (uint32_t i = 0; i < 8; i++) {
            (void)pthread_join(threads[i], NULL);
            EXPECT(readers[i].wrong == 0);
        }
        nfdump_file_close(file);
    }
}

/* More changes of maps than a file is allowed. */
static void too_many_maps(void)
{
    static const uint8_t ids[][1] = {{4}, {13}};
    const uint32_t blocks = NFDUMP_MAP_CHANGES_MAX / 65536 + 2;
    const size_t block_length = 65536 * 12;
    uint8_t *data = malloc(276 + blocks * (12 + block_length) + 12 + 52);
    static bytes b;
    b.length = 0;
    put_header1(&b, 0, blocks + 1, "");
    memcpy(data, b.data, b.length);
    size_t length = b.length;
    for (uint32_t i = 0; i < blocks; i++) {
        b.length = 0;
        put(&b, 65536, 4), put(&b, block_length, 4), put(&b, 2, 2), put(&b, 0, 2);
        memcpy(data + length, b.data, b.length), length += b.length;
        for (uint32_t id = 0; id < 65536; id++) {
            b.length = 0, put_map(&b, (uint16_t)id, 4, ids[i % 2], 1);
            memcpy(data + length, b.data, b.length), length += b.length;
        }
    }
    static bytes r;
    b.length = r.length = 0;
    put_flow1(&r, 9, 0, 4), put(&r, 0, 4), put_block(&b, 1, 2, 0, &r);
    memcpy(data + length, b.data, b.length), length += b.length;

    nfdump_file *file;
    nfdump_error error;
    nfdump_block_view view = {.size = sizeof view};
    nfdump_block *block = nfdump_block_new();
    EXPECT(nfdump_file_open_memory(data, length, 0, &file, &error) == NFDUMP_OK);
    EXPECT(load_nth(file, blocks, block, &view, &error) == NFDUMP_OK && view.num_flows == 0 && view.dropped == 1);
    EXPECT(view.damage.status == NFDUMP_E_RECORD && view.damage.block == blocks);
    nfdump_block_free(block);
    nfdump_file_close(file);
    free(data);
}

void test_layout1(void)
{
    container();
    extensions();
    flows();
    damaged_records();
    growth();
    maps_over_blocks();
    maps_on_threads();
    too_many_maps();
}
