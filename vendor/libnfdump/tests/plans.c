/*
 * Flows of layouts 1 and 3 are converted by plans that are made once and used for a run of records, and the
 * last ones of a block, or those with something special, in another way.  Both must make the same of the
 * same record: here each is converted among others and alone, where nothing lies behind it.
 */
#include <stdlib.h>

#include "../fuzz/parts.h"
#include "test.h"

/* A fixed sequence: the same records in every run. */
static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random_state >> 33) % limit;
}

/* Bytes of which half are 0, so that what depends on zeros happens. */
static void put_random(bytes *b, size_t count)
{
    const bool zeros = random_below(3) == 0;
    for (size_t i = 0; i < count; i++) {
        put(b, zeros || random_below(2) == 0 ? 0 : random_below(256), 1);
    }
}

#define RECORDS 24u

typedef struct recipe {
    uint16_t layout, type;
    bytes before;         /* what stands in front of all records: maps */
    uint32_t before_count;
    bytes record[RECORDS];
} recipe;

static uint8_t *exact;

/* Decodes the records from `first` to `last`. */
static void decode(nfdump_block *block, const recipe *r, size_t first, size_t last, nfdump_block_view *view)
{
    static bytes b;
    nfdump_error error;
    const uint32_t count = (uint32_t)(last - first) + r->before_count;
    b.length = 0;
    if (r->layout == 3) {
        size_t length = 24 + 32;
        for (size_t i = first; i < last; i++) {
            length += r->record[i].length;
        }
        put(&b, 1, 4), put(&b, length, 4), put(&b, length, 4), put(&b, 1, 2), put(&b, 0, 2), put(&b, 0, 8);
        put(&b, count, 4), put_zeros(&b, 28);
    }
    put_bytes(&b, r->before.data, r->before.length);
    for (size_t i = first; i < last; i++) {
        put_bytes(&b, r->record[i].data, r->record[i].length);
    }
    /* Of exactly this size, so that sanitizers see what is read behind it. */
    free(exact);
    exact = malloc(b.length);
    memcpy(exact, b.data, b.length);
    const nfdump_block_ref ref = {
        .num_records = count, .stored = (uint32_t)b.length, .type = r->type, .layout = r->layout == 3 ? 3 : 0};
    EXPECT(nfdump_block_decode(block, 0, &ref, exact, b.length, view, &error) == NFDUMP_OK);
    EXPECT(view->damage.status == NFDUMP_OK && view->num_flows == last - first);
}

/* Kept over all rounds, as their plans are. */
static nfdump_block *together, *alone;

static void compare(const recipe *r)
{
    nfdump_block_view all = {.size = sizeof all}, one = {.size = sizeof one};
    decode(together, r, 0, RECORDS, &all);
    for (size_t i = 0; i < all.num_flows; i++) {
        decode(alone, r, i, i + 1, &one);
        const nfdump_flow_ref *flow = &all.flows[i];
        EXPECT(one.num_flows == 1 && one.flows[0].size == flow->size);
        EXPECT(memcmp(one.data + one.flows[0].offset, all.data + flow->offset, flow->size) == 0);
        EXPECT(flow->shape != NFDUMP_SHAPE_NONE &&
               all.shapes[flow->shape].present == one.shapes[one.flows[0].shape].present);
        EXPECT(memcmp(all.shapes[flow->shape].offset, one.shapes[one.flows[0].shape].offset,
                      sizeof one.shapes->offset) == 0);
    }
}

/* Extensions of layout 1 and their bytes. */
static const uint8_t extensions1[][2] = {
    {4, 4},   {5, 8},  {6, 4},  {7, 8},   {8, 4},   {9, 4},   {10, 16}, {11, 4},  {12, 16}, {13, 4}, {14, 4}, {15, 8},
    {16, 4},  {17, 8}, {18, 4}, {19, 8},  {20, 16}, {21, 16}, {22, 40}, {23, 4},  {24, 16}, {25, 4}, {26, 8}, {27, 8},
    {37, 20}, {38, 4}, {39, 8}, {40, 32}, {41, 24}, {42, 24}, {43, 72}, {45, 24}, {46, 12}, {47, 8}, {48, 8},
};
#define EXTENSIONS1 (sizeof extensions1 / sizeof *extensions1)

static void layout1(void)
{
    static recipe r;
    r.layout = 1, r.type = 2, r.before_count = 3, r.before.length = 0;
    size_t extra[3];
    for (uint16_t map = 0; map < 3; map++) {
        uint8_t ids[12];
        size_t count = random_below(10);
        uint32_t counted = 0;
        extra[map] = 0;
        for (size_t i = 0; i < count; i++) {
            /* Those of which plans are made, rather than any: 20 of 35 come first half of the time. */
            const uint8_t *found = extensions1[random_below(random_below(2) == 0 ? 10 : EXTENSIONS1)];
            ids[i] = found[0];
            counted += found[0] == 47 ? 0 : found[1];
            extra[map] += found[1];
        }
        const size_t words = count + 1 + (count + 1) % 2;
        put(&r.before, 2, 2), put(&r.before, 8 + 2 * words, 2), put(&r.before, map, 2), put(&r.before, counted, 2);
        for (size_t i = 0; i < words; i++) {
            put(&r.before, i < count ? ids[i] : 0, 2);
        }
    }
    const uint32_t widths = random_below(8);
    for (size_t i = 0; i < RECORDS; i++) {
        bytes *b = &r.record[i];
        const uint16_t map = (uint16_t)random_below(3);
        const bool old = random_below(4) == 0;
        const uint32_t flags = (random_below(3) == 0 ? random_below(8) : widths) | random_below(4) << 6;
        const size_t fixed = old ? 28 : 32;
        const size_t size = fixed + (flags & 1 ? 32 : 8) + (flags & 2 ? 8 : 4) + (flags & 4 ? 8 : 4) + extra[map] +
                            (random_below(5) == 0 ? 3 : 0);
        b->length = 0;
        put(b, old ? 1 : 10, 2), put(b, size, 2), put(b, flags, 1), put(b, random_below(256), 1), put(b, map, 2);
        put_random(b, size - 8);
    }
    compare(&r);
}

/* Sizes of extensions of layout 3, by their number; 1: a length and as many bytes. */
static const uint8_t extensions3[40] = {
    0, 48, 8, 32, 8, 8, 24, 8, 8, 8, 32, 8, 16, 40, 16, 16, 8, 24, 8, 32,
    8, 24, 24, 72, 8, 1, 1, 1, 16, 40, 16, 8, 1, 8, 24, 32, 8, 8, 4, 8,
};

static void layout3(void)
{
    static recipe r;
    r.layout = 3, r.type = 1;
    uint64_t sets[3];
    for (size_t i = 0; i < 3; i++) {
        sets[i] = random_below(3) == 0 ? 0 : 0x306; /* usual ones */
        for (uint32_t count = random_below(8); count > 0; count--) {
            sets[i] |= UINT64_C(1) << (1 + random_below(39));
        }
    }
    for (size_t i = 0; i < RECORDS; i++) {
        bytes *b = &r.record[i];
        const uint64_t set = sets[random_below(3)];
        const bool backwards = random_below(6) == 0;
        uint16_t at[40];
        uint32_t count = 0;
        for (uint64_t left = set; left != 0; left &= left - 1) {
            count++;
        }
        size_t size = (24 + 2 * count + 7) & ~7u;
        b->length = 0;
        put_zeros(b, size);
        for (unsigned step = 1; step < 40; step++) {
            const unsigned id = backwards ? 40 - step : step;
            if ((set >> id & 1) == 0) {
                continue;
            }
            at[id] = (uint16_t)b->length;
            if (extensions3[id] == 1) {
                const uint32_t length = random_below(3) == 0 ? random_below(9) : 8;
                put(b, length, 4), put_random(b, length), put_zeros(b, (size_t)(12 - length) % 8);
            } else {
                put_random(b, extensions3[id]);
            }
        }
        size = b->length;
        bytes head = {0};
        put(&head, 16, 2), put(&head, size, 2), put(&head, count, 2), put(&head, random_below(8), 2);
        put(&head, random_below(9) == 0 ? 70000 : random_below(300), 4), put(&head, random_below(UINT32_MAX), 4);
        put(&head, set, 8);
        for (unsigned id = 1; id < 40; id++) {
            if (set >> id & 1) {
                put(&head, at[id], 2);
            }
        }
        memcpy(b->data, head.data, head.length);
    }
    compare(&r);
}

/* A block that is converted where it lies until its flows, which become longer, come too near to what is yet
 * to be read. */
static void growing(void)
{
    enum { COUNT = 3000, STORED = 192, MADE = 232 };
    static const uint8_t ids[] = {1, 2, 5, 7, 8, 9, 14, 16, 18, 24, 33, 36};
    const size_t length = 32 + (size_t)COUNT * STORED;
    uint8_t *raw = calloc(1, length);
    uint8_t *file = calloc(1, length + 24);
    bytes head = {0};
    put_u32(raw, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        uint8_t *record = raw + 32 + (size_t)i * STORED;
        size_t at = 48;
        uint64_t set = 0;
        put_u16(record, 16), put_u16(record + 2, STORED), put_u16(record + 4, sizeof ids);
        for (size_t k = 0; k < sizeof ids; k++) {
            put_u16(record + 24 + 2 * k, (uint32_t)at);
            set |= UINT64_C(1) << ids[k];
            memset(record + at, ids[k], extensions3[ids[k]]);
            at += extensions3[ids[k]];
        }
        EXPECT(at == STORED);
        put_u64(record + 16, set), put_u64(record + STORED - 8, i);
    }
    const size_t stored = parts_encode(METHOD_LZ4, raw, length, file + 24, length);
    put(&head, 1, 4), put(&head, stored + 24, 4), put(&head, length + 24, 4), put(&head, 4, 2), put_zeros(&head, 10);
    memcpy(file, head.data, head.length);
    const nfdump_block_ref ref = {.stored = (uint32_t)stored, .type = 1, .layout = 3};
    nfdump_block_view view = {.size = sizeof view};
    nfdump_error error;
    EXPECT(stored != 0 && nfdump_block_decode(together, 0, &ref, file, stored + 24, &view, &error) == NFDUMP_OK);
    EXPECT(view.num_flows == COUNT && view.damage.status == NFDUMP_OK);
    uint8_t wanted[MADE];
    for (uint32_t i = 0; i < view.num_flows; i++) {
        const uint8_t *record = view.data + view.flows[i].offset;
        EXPECT(view.flows[i].size == MADE && view.flows[i].offset == i * MADE);
        if (i == 0) {
            memcpy(wanted, record, MADE);
        }
        put_u64(wanted + MADE - 8, i);
        EXPECT(memcmp(record, wanted, MADE) == 0);
    }
    free(raw);
    free(file);
}

void test_plans(void)
{
    together = nfdump_block_new();
    alone = nfdump_block_new();
    random_state = 1;
    for (unsigned round = 0; round < 200; round++) {
        layout1();
        layout3();
    }
    growing();
    nfdump_block_free(together);
    nfdump_block_free(alone);
    free(exact);
    exact = NULL;
}
