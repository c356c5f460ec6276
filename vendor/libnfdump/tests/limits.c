/* Work and memory are bounded for input that was made to cost much. */
#include <stdlib.h>

#include "../src/record/index.h"
#include "test.h"

static nfdump_block *block;
static nfdump_block_view view;
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
    begin_flow(r, 2), add_element(r, 6, 8), add(r, 0x0064000A, 4), add(r, 0x0A, 1), end_flow(r); /* the last runs past */
    begin_flow(r, 2), add_element(r, 43, 0), add(r, 0x00020001, 4), end_flow(r);  /* none that counts */
    EXPECT(decode(r) == NFDUMP_OK && view.num_flows == 5 && view.num_shapes == 1 && view.num_lists == 3);
    EXPECT(has(0, 1, 16, 48) && has(0, 2, 68, 8) && has_not(0, 3) && has_not(0, 0) && has_not(0, 64));
    EXPECT(has(1, 1, 12 + 8 + 12 + 64000 + 4, 48) && has(1, 42, 12 + 8 + 12 + 64000, 0) && has(1, 7, 24, 8) && has_not(1, 2));
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

void test_limits(void)
{
    records r = {.data = malloc(NFDUMP_BLOCK_MAX)};
    block = nfdump_block_new();
    if (r.data != NULL && block != NULL) {
        lists(&r);
        collisions(&r);
    }
    EXPECT(r.data != NULL && block != NULL);
    nfdump_block_free(block);
    free(r.data);
}
