/*
 * A mutator that knows how files are built: it takes the input apart, changes one thing - a record's
 * bytes, the order of blocks, the compression - and puts it together again so that sizes, counts and
 * offsets fit.  A part of the results is left as the plain mutator made it, so that what does not fit
 * is tried as well.  LAYOUT says which layout the files are of.  With SCRIPTED, inputs begin with a
 * script (script.h), which the plain mutator changes.
 */
#include <stdlib.h>
#include <string.h>

#include "parts.h"
#include "script.h"

#ifndef LAYOUT
#define LAYOUT 2
#endif

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static parts file;

static unsigned next(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static unsigned below(unsigned *state, size_t limit)
{
    return limit == 0 ? 0 : next(state) % (unsigned)limit;
}

static void mutate_bytes(part *block)
{
    /* Blocks stay small, so that the whole fits the largest input. */
    const size_t most = block->length + 256 < PARTS_BYTES / 4 ? block->length + 256 : PARTS_BYTES / 4;
    block->length = LLVMFuzzerMutate(block->bytes, block->length < most ? block->length : most, most);
}

/* The start and size of some record, or false. */
static bool some_record(const part *block, unsigned *random, size_t *start, size_t *size)
{
    size_t starts[256];
    size_t count = 0;
    size_t at = LAYOUT != 3 ? 0 : block->type == 7 ? 8 : 32;
    while (count < 256 && at + 4 <= block->length) {
        const size_t length = (size_t)block->bytes[at + 2] | (size_t)block->bytes[at + 3] << 8;
        if (length < 4 || length > block->length - at) {
            break;
        }
        starts[count++] = at;
        at += length;
    }
    if (count == 0) {
        return false;
    }
    *start = starts[below(random, count)];
    *size = (size_t)block->bytes[*start + 2] | (size_t)block->bytes[*start + 3] << 8;
    return true;
}

static void double_record(part *block, unsigned *random)
{
    size_t start = 0;
    size_t size = 0;
    if (some_record(block, random, &start, &size) && block->length + size <= PARTS_BYTES / 4) {
        memmove(block->bytes + start + size, block->bytes + start, block->length - start);
        block->length += size;
    }
}

static void delete_record(part *block, unsigned *random)
{
    size_t start = 0;
    size_t size = 0;
    if (some_record(block, random, &start, &size) && block->length > size) {
        memmove(block->bytes + start, block->bytes + start + size, block->length - start - size);
        block->length -= size;
    }
}

/* Replaces `size` bytes at `start` of a block. */
static void replace(part *block, size_t start, size_t size, const uint8_t *with, size_t length)
{
    if (block->length - size + length > PARTS_BYTES / 4) {
        return;
    }
    memmove(block->bytes + start + length, block->bytes + start + size, block->length - start - size);
    memcpy(block->bytes + start, with, length);
    block->length = block->length - size + length;
}

/* Changes the bytes of one record and its size with them. */
static void mutate_record(part *block, unsigned *random)
{
    static uint8_t record[8192];
    size_t start = 0;
    size_t size = 0;
    if (!some_record(block, random, &start, &size) || size > sizeof record / 2) {
        mutate_bytes(block);
        return;
    }
    memcpy(record, block->bytes + start, size);
    const size_t changed = LLVMFuzzerMutate(record, size, size + 64);
    if (changed < 4) {
        return;
    }
    put_u16(record + 2, (uint32_t)changed);
    replace(block, start, size, record, changed);
}

/* Layout 3: a flow gets an extension, or loses one, or has them in another order. */
static void change_extensions(part *block, unsigned *random)
{
    static uint8_t made[16384];
    size_t start = 0;
    size_t size = 0;
    if (!some_record(block, random, &start, &size) || size < 24 || size > sizeof made / 2 ||
        block->bytes[start] != 16) {
        mutate_record(block, random);
        return;
    }
    const uint8_t *record = block->bytes + start;
    uint64_t bits = 0;
    memcpy(&bits, record + 16, sizeof bits);
    const uint64_t had = bits;
    switch (below(random, 8)) {
    case 0:
        break;
    case 1:
        bits ^= UINT64_C(1) << below(random, 64);
        break;
    case 2:
        bits &= ~(UINT64_C(1) << below(random, 40));
        break;
    default:
        bits |= UINT64_C(1) << (1 + below(random, 39));
        break;
    }
    unsigned count = 0;
    for (uint64_t rest = bits; rest != 0; rest &= rest - 1) {
        count++;
    }
    size_t at = (24 + 2 * (size_t)count + 7) & ~(size_t)7;
    const unsigned first = below(random, 64);
    memset(made, 0, sizeof made);
    memcpy(made, record, 24);
    for (unsigned i = 0; i < 64; i++) {
        /* Begins anywhere, so that extensions are not in the order of their bits. */
        const unsigned id = (first + i) % 64;
        if ((bits >> id & 1) == 0) {
            continue;
        }
        unsigned rank = 0;
        unsigned rank_before = 0;
        for (unsigned lower = 0; lower < id; lower++) {
            rank += bits >> lower & 1;
            rank_before += had >> lower & 1;
        }
        put_u16(made + 24 + 2 * (size_t)rank, (uint32_t)at);
        size_t length = parts_extension_size(id);
        const size_t entry = 24 + 2 * (size_t)rank_before;
        const size_t from =
            had >> id & 1 && entry + 2 <= size ? (size_t)record[entry] | (size_t)record[entry + 1] << 8 : size;
        if (parts_extension_varies(id)) {
            length += from + 4 <= size && record[from + 1] == 0 ? record[from] : below(random, 40);
        }
        if (from < size && size - from >= length) {
            memcpy(made + at, record + from, length);
        } else if (length != 0) {
            memset(made + at, (int)(below(random, 3) * 0x55), length);
            (void)LLVMFuzzerMutate(made + at, length, length);
        }
        at += (length + 7) & ~(size_t)7;
    }
    put_u16(made + 2, (uint32_t)at);
    put_u16(made + 4, count);
    memcpy(made + 16, &bits, sizeof bits);
    replace(block, start, size, made, at);
}

static void change(unsigned *random)
{
    static const uint16_t types[] = {1, 2, 3, 4, 5, 6, 7, 8};
    if (file.count == 0) {
        file.part[0] = (part){.type = LAYOUT == 3 ? 1 : LAYOUT == 2 ? 3 : 2, .method = file.method, .length = 48};
        file.count = 1;
    }
    const size_t at = below(random, file.count);
    part *block = &file.part[at];
    switch (below(random, LAYOUT == 3 ? 16 : 12)) {
    case 0:
        double_record(block, random);
        break;
    case 1:
        delete_record(block, random);
        break;
    case 2:
        if (file.count < PARTS_BLOCKS) {
            file.part[file.count] = *block;
            file.count++;
        }
        break;
    case 3:
        if (file.count > 1) {
            file.count--;
            *block = file.part[file.count];
        }
        break;
    case 4:
        file.method = (uint8_t)below(random, METHODS);
        for (size_t i = 0; i < file.count; i++) {
            file.part[i].method = file.method;
        }
        break;
    case 5:
        block->type = types[below(random, sizeof types / sizeof types[0])];
        break;
    case 6: {
        const size_t size = parts_header_size(LAYOUT);
        (void)LLVMFuzzerMutate(file.header, size, size);
        break;
    }
    case 7:
        file.checksums = !file.checksums;
        break;
    case 8:
        mutate_bytes(block);
        break;
    case 12:
        if (below(random, 2) == 0) {
            file.end = (uint8_t)below(random, ENDS);
        } else {
            file.encrypted = !file.encrypted;
        }
        break;
    case 13:
    case 14:
    case 15:
        change_extensions(block, random);
        break;
    default:
        mutate_record(block, random);
        break;
    }
}

static size_t mutate_file(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    unsigned random = seed;
    if (below(&random, 4) == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    parts_take(&file, LAYOUT, data, size);
    for (unsigned changes = below(&random, 3) + 1; changes > 0; changes--) {
        change(&random);
    }
    for (size_t i = 0; i < file.count; i++) {
        part *block = &file.part[i];
        if (!block->opaque && below(&random, 8) != 0) {
            parts_fit_records(block, LAYOUT);
        }
        if (below(&random, 32) == 0) {
            block->records = next(&random) >> below(&random, 24);
        }
    }
    const size_t built = parts_build(&file, data, max_size);
    return built == 0 ? LLVMFuzzerMutate(data, size, max_size) : built;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
#ifdef SCRIPTED
    if (size <= SCRIPT_BYTES || max_size <= SCRIPT_BYTES) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    if (seed % 2 == 0) {
        const size_t left = LLVMFuzzerMutate(data, SCRIPT_BYTES, SCRIPT_BYTES);
        memset(data + left, 0, SCRIPT_BYTES - left);
        return size;
    }
    return SCRIPT_BYTES + mutate_file(data + SCRIPT_BYTES, size - SCRIPT_BYTES, max_size - SCRIPT_BYTES, seed / 2);
#else
    return mutate_file(data, size, max_size, seed);
#endif
}
