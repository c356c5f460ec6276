/* Copies of earlier output that may begin with what they make. */
#ifndef NFDUMP_CODEC_REPEAT_H
#define NFDUMP_CODEC_REPEAT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Makes `length` bytes at `to`, each the one `distance` before it, which is not 0.  What has been made is always a whole
 * number of repetitions and is copied at once, so that short distances cost no more than long ones. */
static inline void repeat(uint8_t *to, size_t distance, size_t length)
{
    const uint8_t *from = to - distance;
    size_t made = distance;
    while (length > made) {
        memcpy(to, from, made);
        to += made;
        length -= made;
        made *= 2;
    }
    memcpy(to, from, length);
}

#endif
