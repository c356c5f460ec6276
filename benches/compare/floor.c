/* The floor of the comparison: walks the chain of blocks of a layout 2 file, decompresses each, and
 * touches every byte once.  Looks at no record.  Trusts the file, which the comparison has made. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codec/codec.h"
#include "xxh3.h"

enum { HEADER = 40, BLOCK_HEADER = 12, BUFFER = 5242880 };

static uint64_t touch(const uint8_t *bytes, size_t length)
{
    uint64_t sum = 0;
    size_t at = 0;
    for (; at + 8 <= length; at += 8) {
        uint64_t word;
        memcpy(&word, bytes + at, 8);
        sum += word;
    }
    for (; at < length; at++) {
        sum += bytes[at];
    }
    return sum;
}

uint64_t compare_xxh3(const uint8_t *data, size_t length)
{
    return nfdump_xxh3((span){data, length});
}

/* Returns 0 and the sum, or 1. */
int compare_floor(const char *path, uint64_t *sum)
{
    int result = 1;
    uint8_t header[HEADER];
    uint8_t block[BLOCK_HEADER];
    uint32_t blocks;
    uint32_t stored;
    codec_state codec = {0};
    uint8_t *in = malloc(BUFFER);
    uint8_t *out = malloc(BUFFER);
    const int fd = open(path, O_RDONLY);

    *sum = 0;
    if (in == NULL || out == NULL || fd < 0 || read(fd, header, HEADER) != HEADER) {
        goto done;
    }
    memcpy(&blocks, header + 36, sizeof blocks);
    for (uint32_t i = 0; i < blocks; i++) {
        size_t length = 0;
        const char *reason = "";
        if (read(fd, block, BLOCK_HEADER) != BLOCK_HEADER) {
            goto done;
        }
        memcpy(&stored, block + 4, sizeof stored);
        if (stored > BUFFER || read(fd, in, stored) != (ssize_t)stored) {
            goto done;
        }
        if (header[16] == NFDUMP_COMPRESSION_NONE) {
            *sum += touch(in, stored);
            continue;
        }
        if (nfdump_codec_decompress(&codec, header[16], (span){in, stored}, out, BUFFER, &length, &reason) != NFDUMP_OK) {
            goto done;
        }
        *sum += touch(out, length);
    }
    result = 0;
done:
    nfdump_codec_free(&codec);
    free(in);
    free(out);
    if (fd >= 0) {
        close(fd);
    }
    return result;
}
