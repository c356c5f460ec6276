/* Bounds-checked little-endian reads: the one way this library looks at input bytes. */
#ifndef NFDUMP_BYTES_H
#define NFDUMP_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A loop that is to have all registers. */
#if defined(__GNUC__)
#define SEPARATE __attribute__((noinline))
#else
#define SEPARATE
#endif

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

/* Compilers make one load of each of these; of shifts and ors some make many. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LITTLE_ENDIAN_16(x) __builtin_bswap16(x)
#define LITTLE_ENDIAN_32(x) __builtin_bswap32(x)
#define LITTLE_ENDIAN_64(x) __builtin_bswap64(x)
#else
#define LITTLE_ENDIAN_16(x) (x)
#define LITTLE_ENDIAN_32(x) (x)
#define LITTLE_ENDIAN_64(x) (x)
#endif

static inline uint16_t load_u16(const uint8_t *p)
{
    uint16_t value;
    memcpy(&value, p, sizeof value);
    return LITTLE_ENDIAN_16(value);
}

static inline uint32_t load_u32(const uint8_t *p)
{
    uint32_t value;
    memcpy(&value, p, sizeof value);
    return LITTLE_ENDIAN_32(value);
}

static inline uint64_t load_u64(const uint8_t *p)
{
    uint64_t value;
    memcpy(&value, p, sizeof value);
    return LITTLE_ENDIAN_64(value);
}

static inline void store_u16(uint8_t *p, uint16_t value)
{
    value = LITTLE_ENDIAN_16(value);
    memcpy(p, &value, sizeof value);
}

static inline void store_u32(uint8_t *p, uint32_t value)
{
    value = LITTLE_ENDIAN_32(value);
    memcpy(p, &value, sizeof value);
}

static inline void store_u64(uint8_t *p, uint64_t value)
{
    value = LITTLE_ENDIAN_64(value);
    memcpy(p, &value, sizeof value);
}

/* Bytes that a wide copy moves, whatever is wanted of them. */
#define WIDE 16u

/* For copies whose last bytes do not matter: both ends have `WIDE` bytes. */
static inline void copy_wide(uint8_t *to, const uint8_t *from)
{
    memcpy(to, from, WIDE);
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
