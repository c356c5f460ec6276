/*
 * Writes seeds: `seeds DIRECTORY` makes a folder for each target, with files of each layout in each
 * encoding that hold every record type and every element, their blocks, and single records.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "nfdump.h"
#include "parts.h"
#include "script.h"

static parts file;

static const char *const method_names[METHODS] = {"none", "lzo", "bz2", "lz4", "zstd"};

static void save(const char *directory, const char *target, const char *name, const uint8_t *data, size_t size)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, target);
    if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
        perror(directory);
        exit(1);
    }
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        perror(path);
        exit(1);
    }
    snprintf(path, sizeof path, "%s/%s/%s", directory, target, name);
    FILE *out = fopen(path, "wb");
    if (out == NULL || fwrite(data, 1, size, out) != size || fclose(out) != 0) {
        perror(path);
        exit(1);
    }
}

/* A seed for the targets that run a script: the last block first, a changed file, the whole again. */
static void save_scripted(unsigned layout, const char *directory, const char *name, const uint8_t *data, size_t size)
{
    static uint8_t out[SCRIPT_BYTES + PARTS_BLOCKS * PARTS_BYTES];
    static const uint8_t script[SCRIPT_BYTES] = {
        STEP_NEXT,   0, 0, 0, 0, 0, 0,    0, /* */
        STEP_NEXT,   0, 0, 0, 0, 0, 0,    0, /* */
        STEP_NEXT,   0, 0, 0, 0, 0, 0,    0, /* */
        STEP_LOAD,   2, 0, 0, 0, 0, 0,    0, /* */
        STEP_LOAD,   0, 0, 0, 0, 0, 0,    0, /* */
        STEP_DECODE, 1, 0, 0, 0, 8, 1,    0, /* */
        STEP_OPEN,   5, 0, 0, 0, 0, 0,    0, /* partial, and a cut block */
        STEP_NEXT,   0, 0, 0, 0, 0, 0,    0, /* */
        STEP_CHANGE, 2, 8, 1, 1, 2, 0xFF, 0, /* */
        STEP_LOAD,   3, 0, 0, 0, 0, 0,    0, /* */
    };
    char target[32];
    memcpy(out, script, sizeof script);
    memcpy(out + sizeof script, data, size);
    snprintf(target, sizeof target, "fd-%u", layout);
    save(directory, target, name, out, sizeof script + size);
}

static void put(part *block, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        block->bytes[block->length++] = (uint8_t)(value >> (8 * i));
    }
}

static void pattern(part *block, size_t size, uint8_t from)
{
    for (size_t i = 0; i < size; i++) {
        block->bytes[block->length++] = (uint8_t)(from + i % 7);
    }
}

static part *add_block(uint32_t type)
{
    part *block = &file.part[file.count++];
    *block = (part){.type = type, .method = file.method};
    return block;
}

/* ---- layout 2 -------------------------------------------------------------- */

/* Payload bytes of the elements of layout 2, by id. */
static const uint16_t element_sizes_2[] = {0,  48, 8,  32, 16, 24, 8,  8,  4,  16, 4,  16, 4, 16, 40,
                                           32, 8,  24, 16, 16, 8,  32, 4,  24, 68, 16, 8,  4, 8,  12,
                                           12, 12, 40, 16, 4,  20, 8,  28, 32, 8,  4,  9,  4};
#define ELEMENTS_2 (NFDUMP_ELEMENT_MAX_LAYOUT2 + 1)
_Static_assert(sizeof element_sizes_2 / sizeof *element_sizes_2 == ELEMENTS_2, "a size for each element");

static void flow_2(part *block, uint64_t elements)
{
    const size_t start = block->length;
    uint32_t count = 0;
    put(block, 11, 2), put(block, 0, 2), put(block, 0, 2), put(block, 0x01110001, 4), put(block, 0x0900, 2);
    for (size_t id = 0; id < ELEMENTS_2; id++) {
        if (elements >> id & 1) {
            put(block, id, 2), put(block, element_sizes_2[id] + 4u, 2);
            pattern(block, element_sizes_2[id], (uint8_t)id);
            count++;
        }
    }
    put_u16(block->bytes + start + 2, (uint32_t)(block->length - start));
    put_u16(block->bytes + start + 4, count);
}

static void others_2(part *block)
{
    put(block, 7, 2), put(block, 32, 2), put(block, 9, 4), put(block, 0, 8), put(block, 0x7F000001, 8),
        put(block, 2, 2), put(block, 1, 2), put(block, 7, 4);
    put(block, 7, 2), put(block, 32, 2), put(block, 10, 4), pattern(block, 16, 32), put(block, 0, 2), put(block, 2, 2),
        put(block, 7, 4);
    put(block, 8, 2), put(block, 56, 2), put(block, 2, 4), pattern(block, 48, 1);
    put(block, 9, 2), put(block, 16, 2), put(block, 1, 4), put(block, 100, 4), put(block, 2, 2), put(block, 1, 2);
    put(block, 15, 2), put(block, 24, 2), put(block, 1, 2), put(block, 2, 2), put(block, 5, 8), put(block, 1, 4),
        put(block, 99, 4);
    put(block, 12, 2), put(block, 58, 2), put(block, 1, 2), put(block, 44, 2), put(block, 4, 2), put(block, 16, 2),
        put(block, 21, 2), put(block, 0x0201000D, 4), put(block, 0x70747468, 16), pattern(block, 20, 'a'),
        put(block, 0, 4);
    put(block, 12, 2), put(block, 61, 2), put(block, 1, 2), put(block, 0, 2), put(block, 1, 2), put(block, 49, 2),
        put(block, 4, 2), put(block, 16, 2), put(block, 21, 2), pattern(block, 43, 'a');
    for (unsigned type = 13; type <= 14; type++) {
        put(block, type, 2), put(block, 52, 2), put(block, 2, 2), put(block, 20, 2), put(block, 16, 4);
        put(block, 3, 4), put(block, 0x332F302F306947, 16);
        put(block, 7, 4), put(block, 0x372F302F306947, 16);
    }
    put(block, 99, 2), put(block, 8, 2), put(block, 0, 4);
}

static void file_2(uint8_t method)
{
    file = (parts){.layout = 2, .method = method};
    put_u64(file.header + 8, 1700000000);
    part *block = add_block(3);
    for (int i = 0; i < 6; i++) {
        flow_2(block, UINT64_C(0x46));
        flow_2(block, UINT64_C(0x4A));
    }
    block = add_block(3);
    others_2(block);
    flow_2(block, (UINT64_C(1) << ELEMENTS_2) - 2);
    block = add_block(3);
    for (unsigned id = 1; id < ELEMENTS_2; id++) {
        flow_2(block, UINT64_C(2) | UINT64_C(1) << id);
    }
    block = add_block(4);
    put(block, 1, 2), put(block, 8, 2), pattern(block, 16, 3);
    block = add_block(3);
    block->appendix = true;
    put(block, 0x8001, 2), put(block, 10, 2), put(block, 0x6F6D6564, 6);
    put(block, 0x8002, 2), put(block, 148, 2), put(block, 55, 8), put(block, 0, 136);
    for (size_t i = 0; i < file.count; i++) {
        parts_fit_records(&file.part[i], 2);
    }
}

/* ---- layout 1 -------------------------------------------------------------- */

static const uint16_t extension_sizes_1[50] = {0, 0, 0, 0,  4,  8,  4,  8,  4,  4,  16, 4,  16, 4, 4, 8, 4,
                                               8, 4, 8, 16, 16, 40, 4,  16, 4,  8,  8,  0,  0,  0, 0, 0, 0,
                                               0, 0, 0, 20, 4,  8,  32, 24, 24, 72, 0,  24, 12, 0, 8, 0};

static void flows_1(part *block, unsigned map, unsigned from, unsigned to)
{
    unsigned count = 0;
    unsigned size = 0;
    for (unsigned id = from; id <= to; id++) {
        if (extension_sizes_1[id] != 0) {
            count++;
            size += extension_sizes_1[id];
        }
    }
    const unsigned zeros = count % 2 == 0 ? 2 : 1;
    put(block, 2, 2), put(block, 8 + 2 * (count + zeros), 2), put(block, map, 2), put(block, size, 2);
    for (unsigned id = from; id <= to; id++) {
        if (extension_sizes_1[id] != 0) {
            put(block, id, 2);
        }
    }
    put(block, 0, 2 * zeros);
    for (unsigned flags = 0; flags < 8; flags++) {
        const unsigned required = (flags & 1 ? 32u : 8u) + (flags & 2 ? 8u : 4u) + (flags & 4 ? 8u : 4u);
        put(block, 10, 2), put(block, 32 + required + size, 2), put(block, flags, 1), put(block, 9, 1),
            put(block, map, 2);
        pattern(block, 24 + required + size, (uint8_t)flags);
    }
}

static void file_1(uint8_t method)
{
    file = (parts){.layout = 1, .method = method};
    memcpy(file.header + 12, "demo", 4);
    put_u64(file.header + 140, 32);
    part *block = add_block(2);
    flows_1(block, 0, 4, 27);
    flows_1(block, 1, 37, 48);
    block = add_block(2);
    flows_1(block, 7, 9, 13);
    flows_1(block, 7, 4, 7);
    others_2(block);
    for (size_t i = 0; i < file.count; i++) {
        parts_fit_records(&file.part[i], 1);
    }
}

/* ---- layout 3 -------------------------------------------------------------- */

/* Extensions in the order of their bits, or the other way round. */
static void flow_3(part *block, uint64_t bits, bool backwards)
{
    const size_t start = block->length;
    uint32_t count = 0;
    size_t at[64] = {0};
    for (unsigned id = 0; id < 64; id++) {
        count += bits >> id & 1;
    }
    const size_t table_end = (24 + 2 * (size_t)count + 7) & ~(size_t)7;
    put(block, 16, 2), put(block, 0, 2), put(block, count, 2), put(block, count % 8, 2), put(block, 1, 4);
    put(block, 0x000A0101, 4), put(block, bits, 8);
    put(block, 0, table_end - 24);
    for (unsigned i = 0; i < 64; i++) {
        const unsigned id = backwards ? 63 - i : i;
        if ((bits >> id & 1) == 0) {
            continue;
        }
        at[id] = block->length - start;
        if (parts_extension_varies(id)) {
            put(block, 9, 4), pattern(block, 9, (uint8_t)id);
        } else {
            pattern(block, parts_extension_size(id), (uint8_t)id);
        }
        put(block, 0x1111111111111111, (8 - (block->length - start) % 8) % 8);
    }
    uint8_t *table = block->bytes + start + 24;
    for (unsigned id = 0; id < 64; id++) {
        if (bits >> id & 1) {
            put_u16(table, (uint32_t)at[id]);
            table += 2;
        }
    }
    put_u16(block->bytes + start + 2, (uint32_t)(block->length - start));
}

static void exporter_3(part *block, unsigned capacity, unsigned count)
{
    put(block, 17, 2), put(block, 56 + 24 * capacity, 2), put(block, 0, 8), put(block, 0xFFFF0000, 4),
        put(block, 0x0100007F, 4);
    put(block, 9, 4), put(block, 7, 4), put(block, 1, 4), put(block, 4, 8), put(block, 2, 8), put(block, 1, 4);
    put(block, capacity, 2), put(block, count, 2);
    for (unsigned i = 0; i < capacity; i++) {
        put(block, 5 + i, 8), put(block, 1, 4), put(block, 99, 4), put(block, 2, 4), put(block, 1, 2),
            put(block, 0xFFFF, 2);
    }
}

static void crypto_3(void)
{
    part *block = add_block(5);
    block->method = METHOD_NONE;
    put(block, 1, 4), put(block, 1, 2), put(block, 1, 2), put(block, 0, 4), pattern(block, 60, 7);
}

static void file_3(uint8_t method)
{
    file =
        (parts){.layout = 3, .method = method, .checksums = method != METHOD_NONE, .encrypted = method == METHOD_ZSTD};
    put_u64(file.header + 8, 1700000000);
    if (file.encrypted) {
        crypto_3();
    }
    part *block = add_block(7);
    put(block, 3, 4), put(block, 0, 4), exporter_3(block, 1, 1), exporter_3(block, 0, 0), exporter_3(block, 2, 1);
    block = add_block(1);
    put(block, 0, 32);
    for (int i = 0; i < 4; i++) {
        flow_3(block, 0x26, i == 3);
        flow_3(block, 0x2A, i == 3);
    }
    flow_3(block, (UINT64_C(1) << 40) - 2, true);
    flow_3(block, 0, false);
    flow_3(block, 3 | UINT64_C(1) << 45, false);
    exporter_3(block, 1, 0);
    /* Like a look-up filter, but short. */
    put(block, 18, 2), put(block, 16, 2), put(block, 1, 4), put(block, 0, 8);
    block = add_block(1);
    put(block, 0, 32);
    for (unsigned id = 1; id < 40; id++) {
        flow_3(block, UINT64_C(2) | UINT64_C(1) << id, id % 2 == 0);
    }
    for (unsigned type = 12; type <= 14; type++) {
        block = add_block(2);
        put(block, 2, 4), put(block, type == 12 ? 32 : 20, 2), put(block, type, 2);
        for (int i = 0; i < 2; i++) {
            if (type == 12) {
                put(block, 0x0C0A04, 3), put(block, 0x50000003, 4), put(block, 0x70747468, 10), pattern(block, 11, 'a'),
                    put(block, 0, 4);
            } else {
                put(block, 3, 4), put(block, 0x332F302F306947, 16);
            }
        }
    }
    block = add_block(3);
    block->method = file.encrypted ? METHOD_ZSTD : METHOD_NONE;
    put(block, 49, 8), put(block, 0, 136);
    block = add_block(4);
    block->method = file.encrypted ? METHOD_ZSTD : METHOD_NONE;
    put(block, 0x6F6D6564, 128);
    for (size_t i = 0; i < file.count; i++) {
        parts_fit_records(&file.part[i], 3);
    }
}

/* Without a directory where the header says, and the like. */
static void save_ends_3(const char *directory)
{
    static uint8_t out[PARTS_BLOCKS * PARTS_BYTES];
    static const char *const names[ENDS] = {"whole", "unnamed", "no-footer", "nothing", "trailing", "old"};
    file_3(METHOD_LZ4);
    for (uint8_t end = END_WHOLE; end < ENDS; end++) {
        char name[32];
        file.end = end;
        const size_t size = parts_build(&file, out, sizeof out);
        snprintf(name, sizeof name, "seed-%s", names[end]);
        save(directory, "file-3", name, out, size);
    }
    /* Small ones are changed faster. */
    file = (parts){.layout = 3, .method = METHOD_NONE};
    part *block = add_block(1);
    put(block, 0, 32), flow_3(block, 0x26, false), flow_3(block, 0x600202, true), flow_3(block, 0x106000006, false);
    parts_fit_records(block, 3);
    save(directory, "file-3", "seed-flows", out, parts_build(&file, out, sizeof out));
    file.count = 0;
    file.encrypted = true;
    crypto_3();
    block = add_block(7);
    put(block, 1, 4), put(block, 0, 4), exporter_3(block, 2, 2);
    block = add_block(1);
    put(block, 0, 32), flow_3(block, 0x66, false);
    parts_fit_records(block, 3);
    save(directory, "file-3", "seed-encrypted", out, parts_build(&file, out, sizeof out));
}

/* ---------------------------------------------------------------------------- */

static void save_blocks(const char *directory, uint16_t layout)
{
    static uint8_t out[PARTS_BYTES];
    for (size_t i = 0; i < file.count; i++) {
        char target[32];
        char name[32];
        const part *block = &file.part[i];
        if (layout != 2 || block->type != 3) {
            continue;
        }
        put_u32(out, block->records);
        const size_t size = parts_encode(block->method, block->bytes, block->length, out + 4, sizeof out - 4);
        snprintf(target, sizeof target, "block-%s", method_names[block->method]);
        snprintf(name, sizeof name, "seed-%zu", i);
        save(directory, target, name, out, size + 4);
    }
}

static void save_records(const char *directory)
{
    static part records;
    records.length = 0;
    others_2(&records);
    unsigned number = 0;
    for (size_t at = 0; at < records.length; number++) {
        char name[32];
        const size_t size = (size_t)records.bytes[at + 2] | (size_t)records.bytes[at + 3] << 8;
        snprintf(name, sizeof name, "seed-%u", number);
        save(directory, "names", name, records.bytes + at, size);
        at += size;
    }
}

int main(int argc, char **argv)
{
    static uint8_t out[PARTS_BLOCKS * PARTS_BYTES];
    static void (*const make[])(uint8_t) = {file_1, file_2, file_3};
    if (argc != 2) {
        fprintf(stderr, "seeds DIRECTORY\n");
        return 2;
    }
    for (uint16_t layout = 1; layout <= 3; layout++) {
        for (uint8_t method = 0; method < METHODS; method++) {
            char target[32];
            char name[32];
            if (layout == 1 && method == METHOD_ZSTD) {
                continue;
            }
            make[layout - 1](method);
            const size_t size = parts_build(&file, out, sizeof out);
            snprintf(target, sizeof target, "file-%u", layout);
            snprintf(name, sizeof name, "seed-%s", method_names[method]);
            save(argv[1], target, name, out, size);
            save_scripted(layout, argv[1], name, out, size);
            save_blocks(argv[1], layout);
        }
    }
    save_ends_3(argv[1]);
    save_records(argv[1]);
    return 0;
}
