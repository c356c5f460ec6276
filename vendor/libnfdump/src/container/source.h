/* Where the bytes of a file come from: memory, or positioned reads on a descriptor. */
#ifndef NFDUMP_SOURCE_H
#define NFDUMP_SOURCE_H

#include "../bytes.h"
#include "nfdump.h"

typedef struct byte_source {
    const uint8_t *memory; /* null: use fd */
    uint64_t size;
    uint64_t allocated; /* bytes that the file takes on its disk, without holes; of memory its size */
    int64_t modified; /* seconds since the epoch; 0 for memory */
    int fd;
    int owned; /* 1: close fd at the end */
} byte_source;

nfdump_status nfdump_source_open_path(byte_source *source, const char *path, nfdump_error *error);
nfdump_status nfdump_source_open_fd(byte_source *source, int fd, nfdump_error *error);
void nfdump_source_close(byte_source *source);

/* Reads exactly `length` bytes at `offset`; NFDUMP_E_TRUNCATED if there are fewer. */
nfdump_status nfdump_source_read(const byte_source *source, uint64_t offset, uint8_t *out, size_t length,
                                 nfdump_error *error);

#endif
