/*
 * LZO1X decompression, written from the published description of the stream format.
 *
 * A stream is a sequence of instructions.  Each copies a match from earlier output and then up to
 * three literals; longer runs of literals have an instruction of their own.  What the lowest
 * instruction codes mean depends on how many literals came just before them (`state`, 4 = a run).
 *
 * Copies that are far enough from both ends move whole words and may write past what they are asked
 * for; what they write there is overwritten later.  Everything else that is short goes byte by byte.
 */
#include "lzo1x.h"

#include <stdbool.h>
#include <string.h>

#include "repeat.h"

/* Bytes a wide copy may write, or read, beyond its length. */
#define SLOP 16u
/* Matches of so many bytes are not worth more than going byte by byte. */
#define SHORT_MATCH 32u

typedef struct lzo_state {
    const uint8_t *src;
    size_t src_len, at;
    uint8_t *dst;
    size_t dst_cap, out;
} lzo_state;

static inline bool copy_literals(lzo_state *s, size_t count, int *error)
{
    if (count > s->src_len - s->at) {
        *error = LZO1X_INPUT_OVERRUN;
        return false;
    }
    if (count > s->dst_cap - s->out) {
        *error = LZO1X_OUTPUT_OVERRUN;
        return false;
    }
    const uint8_t *from = s->src + s->at;
    uint8_t *to = s->dst + s->out;
    if (count <= SLOP && s->src_len - s->at >= SLOP && s->dst_cap - s->out >= SLOP) {
        memcpy(to, from, SLOP);
    } else {
        memcpy(to, from, count);
    }
    s->at += count;
    s->out += count;
    return true;
}

static inline bool copy_match(lzo_state *s, size_t distance, size_t length, int *error)
{
    if (distance > s->out) {
        *error = LZO1X_LOOKBEHIND;
        return false;
    }
    if (length > s->dst_cap - s->out) {
        *error = LZO1X_OUTPUT_OVERRUN;
        return false;
    }
    uint8_t *to = s->dst + s->out;
    const uint8_t *from = to - distance;
    const bool room = s->dst_cap - s->out >= length + SLOP;
    if (distance >= 16 && room) {
        /* Source and destination of each step are disjoint. */
        for (size_t i = 0; i < length; i += 16) {
            memcpy(to + i, from + i, 16);
        }
    } else if (distance >= 8 && room) {
        for (size_t i = 0; i < length; i += 8) {
            memcpy(to + i, from + i, 8);
        }
    } else if (distance == 1) {
        memset(to, from[0], length);
    } else if (length > SHORT_MATCH) {
        repeat(to, distance, length);
    } else {
        for (size_t i = 0; i < length; i++) {
            to[i] = from[i];
        }
    }
    s->out += length;
    return true;
}

/* A length that continues in further bytes: each zero byte adds 255, the first other one ends it. */
static inline bool long_length(lzo_state *s, size_t base, size_t *length, int *error)
{
    size_t sum = base;
    while (s->at < s->src_len) {
        const uint8_t byte = s->src[s->at++];
        if (byte != 0) {
            *length = sum + byte;
            return true;
        }
        sum += 255;
    }
    *error = LZO1X_INPUT_OVERRUN;
    return false;
}

static inline bool next_byte(lzo_state *s, size_t *value, int *error)
{
    if (s->at >= s->src_len) {
        *error = LZO1X_INPUT_OVERRUN;
        return false;
    }
    *value = s->src[s->at++];
    return true;
}

/* Distance and literal count of the two longer match instructions, 16 bits little-endian. */
static inline bool next_pair(lzo_state *s, size_t *value, int *error)
{
    if (s->src_len - s->at < 2) {
        *error = LZO1X_INPUT_OVERRUN;
        return false;
    }
    *value = (size_t)s->src[s->at] | (size_t)s->src[s->at + 1] << 8;
    s->at += 2;
    return true;
}

/* The instructions.  Returns LZO1X_OK at the end marker. */
static int decode(lzo_state *s)
{
    int error = LZO1X_OK;
    size_t state = 0;
    size_t length = 0;

    /* A first byte above 17 is a run of literals of its own kind. */
    if (s->src_len != 0 && s->src[0] > 17) {
        length = s->src[0] - 17u;
        s->at = 1;
        if (!copy_literals(s, length, &error)) {
            return error;
        }
        state = length < 4 ? length : 4;
    }

    for (;;) {
        size_t code = 0;
        size_t low = 0;
        size_t distance = 0;
        if (s->at == s->src_len) {
            return LZO1X_NO_END;
        }
        code = s->src[s->at++];
        if (code >= 64) {
            if (!next_byte(s, &low, &error)) {
                return error;
            }
            distance = (low << 3) + ((code >> 2) & 7) + 1;
            length = (code >> 5) + 1;
            state = code & 3;
        } else if (code >= 32) {
            length = (code & 31) + 2;
            if (length == 2 && !long_length(s, 33, &length, &error)) {
                return error;
            }
            if (!next_pair(s, &low, &error)) {
                return error;
            }
            distance = (low >> 2) + 1;
            state = low & 3;
        } else if (code >= 16) {
            length = (code & 7) + 2;
            if (length == 2 && !long_length(s, 9, &length, &error)) {
                return error;
            }
            if (!next_pair(s, &low, &error)) {
                return error;
            }
            distance = 16384 + ((code & 8) << 11) + (low >> 2);
            state = low & 3;
            if (distance == 16384) {
                return s->at == s->src_len ? LZO1X_OK : LZO1X_TRAILING;
            }
        } else if (state == 0) {
            length = code + 3;
            if (code == 0 && !long_length(s, 18, &length, &error)) {
                return error;
            }
            if (!copy_literals(s, length, &error)) {
                return error;
            }
            state = 4;
            continue;
        } else {
            if (!next_byte(s, &low, &error)) {
                return error;
            }
            distance = (low << 2) + (code >> 2) + (state == 4 ? 2049u : 1u);
            length = state == 4 ? 3 : 2;
            state = code & 3;
        }
        if (!copy_match(s, distance, length, &error) || !copy_literals(s, state, &error)) {
            return error;
        }
    }
}

int nfdump_lzo1x_decompress(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_cap, size_t *dst_len,
                            size_t *src_used)
{
    lzo_state s = {.src = src, .src_len = src_len, .dst = dst, .dst_cap = dst_cap};
    const int result = decode(&s);
    *dst_len = s.out;
    *src_used = s.at;
    return result;
}
