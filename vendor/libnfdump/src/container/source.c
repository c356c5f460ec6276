/* Where the bytes of a file come from.  The only place that opens and reads files. */
#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif
#define _FILE_OFFSET_BITS 64

#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../error.h"

/* Unit of st_blocks. */
#define STAT_BLOCK 512u

nfdump_status nfdump_source_open_fd(byte_source *source, int fd, nfdump_error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return nfdump_fail_errno(error, errno, 0, "cannot stat");
    }
    if (S_ISDIR(status.st_mode)) {
        return nfdump_fail_errno(error, EISDIR, 0, "cannot read");
    }
    if (!S_ISREG(status.st_mode)) {
        return nfdump_fail(error, NFDUMP_E_UNSUPPORTED, 0,
                           "not a regular file, which is what can be read at any place");
    }
    source->memory = NULL;
    source->fd = fd;
    source->owned = 0;
    source->modified = (int64_t)status.st_mtime;
    source->size = status.st_size > 0 ? (uint64_t)status.st_size : 0;
    /* Some file systems do not tell, above all of files that are small. */
    const uint64_t blocks = status.st_blocks > 0 ? (uint64_t)status.st_blocks : UINT64_MAX / STAT_BLOCK;
    source->allocated = blocks < source->size / STAT_BLOCK ? blocks * STAT_BLOCK : source->size;
    return NFDUMP_OK;
}

nfdump_status nfdump_source_open_path(byte_source *source, const char *path, nfdump_error *error)
{
    /* O_NONBLOCK: opening a FIFO that nobody writes must not wait for ever. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return nfdump_fail_errno(error, errno, 0, "cannot open");
    }
    nfdump_status status = nfdump_source_open_fd(source, fd, error);
    if (status != NFDUMP_OK) {
        (void)close(fd);
        return status;
    }
    source->owned = 1;
    return NFDUMP_OK;
}

void nfdump_source_close(byte_source *source)
{
    if (source->memory == NULL && source->owned) {
        (void)close(source->fd);
    }
}

nfdump_status nfdump_source_read(const byte_source *source, uint64_t offset, uint8_t *out, size_t length,
                                 nfdump_error *error)
{
    if (source->memory != NULL) {
        if (offset > source->size || length > source->size - offset) {
            return nfdump_fail_value(error, NFDUMP_E_TRUNCATED, offset, "file ends too early", source->size,
                                     offset + length);
        }
        memcpy(out, source->memory + offset, length);
        return NFDUMP_OK;
    }
    size_t done = 0;
    while (done < length) {
        ssize_t got = pread(source->fd, out + done, length - done, (off_t)(offset + done));
        if (got > 0) {
            done += (size_t)got;
        } else if (got == 0) {
            return nfdump_fail_value(error, NFDUMP_E_TRUNCATED, offset, "file ends too early", offset + done,
                                     offset + length);
        } else if (errno != EINTR) {
            return nfdump_fail_errno(error, errno, offset + done, "cannot read");
        }
    }
    return NFDUMP_OK;
}
