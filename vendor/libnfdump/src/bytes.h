/* Bounds-checked little-endian reads: the one way this library looks at input bytes. */
#ifndef NFDUMP_BYTES_H
#define NFDUMP_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct span {
    const uint8_t *data;
    size_t length;
} span;

static inline bool span_has(span s, size_t at, size_t count)
{
    return at <= s.length && count <= s.length - at;
}

/* Callers have established that `count` bytes are there, or get false. */
static inline bool span_sub(span s, size_t at, size_t count, span *out)
{
    if (!span_has(s, at, count)) {
        return false;
    }
    out->data = s.data + at;
    out->length = count;
    return true;
}

static inline uint16_t load_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | (unsigned)p[1] << 8);
}

static inline uint32_t load_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t load_u64(const uint8_t *p)
{
    return (uint64_t)load_u32(p) | (uint64_t)load_u32(p + 4) << 32;
}

static inline bool span_u16(span s, size_t at, uint16_t *out)
{
    if (!span_has(s, at, 2)) {
        return false;
    }
    *out = load_u16(s.data + at);
    return true;
}

static inline bool span_u32(span s, size_t at, uint32_t *out)
{
    if (!span_has(s, at, 4)) {
        return false;
    }
    *out = load_u32(s.data + at);
    return true;
}

static inline bool span_u64(span s, size_t at, uint64_t *out)
{
    if (!span_has(s, at, 8)) {
        return false;
    }
    *out = load_u64(s.data + at);
    return true;
}

#endif
