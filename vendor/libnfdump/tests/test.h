/* What the unit tests share: counting, and a small writer. */
#ifndef NFDUMP_TEST_H
#define NFDUMP_TEST_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "nfdump.h"

extern unsigned passed, failed;

#define EXPECT(condition)                                                        \
    do {                                                                         \
        if (condition) {                                                         \
            passed++;                                                            \
        } else {                                                                 \
            failed++;                                                            \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
        }                                                                        \
    } while (0)

typedef struct bytes {
    uint8_t data[1 << 16];
    size_t length;
} bytes;

static inline void put(bytes *b, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        b->data[b->length++] = (uint8_t)(value >> (8 * i));
    }
}

static inline void put_bytes(bytes *b, const void *data, size_t size)
{
    memcpy(b->data + b->length, data, size);
    b->length += size;
}

static inline void put_zeros(bytes *b, size_t size)
{
    memset(b->data + b->length, 0, size);
    b->length += size;
}

static inline void put_block(bytes *b, uint32_t records, uint16_t type, uint16_t flags, const bytes *payload)
{
    put(b, records, 4), put(b, payload->length, 4), put(b, type, 2), put(b, flags, 2);
    put_bytes(b, payload->data, payload->length);
}

static inline nfdump_status open_bytes(const bytes *b, nfdump_file **file, nfdump_error *error)
{
    *file = NULL;
    return nfdump_file_open_memory(b->data, b->length, 0, file, error);
}

void test_layout1(void);
void test_layout3(void);
void test_plans(void);
void test_fields(void);
void test_limits(void);

#endif
