/*
 * Fuzz target: decodes the input as one stored block.  COMPRESSION says by which method; the first
 * four bytes are the number of records announced.  The mutator changes stored bytes or what they
 * decode to.
 */
#include <string.h>

#include "parts.h"
#include "use.h"

#ifndef COMPRESSION
#define COMPRESSION 0
#endif

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static nfdump_block *block;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nfdump_block_view view = {.size = sizeof view};
    nfdump_error error;
    if (size < 5) {
        return 0;
    }
    if (block == NULL) {
        block = nfdump_block_new();
    }
    check(block != NULL);
    uint32_t records = 0;
    memcpy(&records, data, sizeof records);
    const nfdump_block_ref ref = {.offset = 40, .num_records = records, .stored = (uint32_t)(size - 4), .type = 3};
    if (nfdump_block_decode(block, COMPRESSION, &ref, data + 4, size - 4, &view, &error) == NFDUMP_OK) {
        use_view(&view);
        check_counts(&view);
    } else {
        check(error.reason != NULL && error.status != NFDUMP_OK);
    }
    return 0;
}

/* The replayer has no mutator of its own. */
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
    (void)data;
    return size < max_size ? size : max_size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static part plain;
    if (size < 5 || max_size < 64 || seed % 3 == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    plain.length = parts_decode(COMPRESSION, data + 4, size - 4, plain.bytes, PARTS_BYTES / 2);
    if (plain.length == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    memcpy(&plain.records, data, sizeof plain.records);
    plain.length = LLVMFuzzerMutate(plain.bytes, plain.length, PARTS_BYTES / 2);
    if (seed % 7 != 0) {
        parts_fit_records(&plain, 2);
    }
    const size_t stored = parts_encode(COMPRESSION, plain.bytes, plain.length, data + 4, max_size - 4);
    if (stored == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    memcpy(data, &plain.records, sizeof plain.records);
    return stored + 4;
}
