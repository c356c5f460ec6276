/* The file half of the interface: recognises the layout and hands over to its container. */
#include <stdlib.h>

#include "container/layout1.h"
#include "container/layout2.h"
#include "container/layout3.h"
#include "container/source.h"
#include "error.h"
#include "file.h"
#include "record/types.h"

#define MAGIC 0xA50Cu
#define MAGIC_SWAPPED 0x0CA5u

static nfdump_status open_layout1(nfdump_file *file, nfdump_error *error)
{
    uint32_t header_flags = 0;
    const nfdump_status status = nfdump_layout1_open(&file->source, &file->info, &header_flags, error);
    file->flow_flags = header_flags & LAYOUT1_ANONYMIZED ? FLOW_ANONYMIZED : 0;
    return status;
}

static nfdump_status read_container(nfdump_file *file, nfdump_error *error)
{
    uint8_t bytes[LAYOUT2_HEADER];
    uint16_t magic = 0;
    nfdump_info *info = &file->info;
    const size_t length = file->source.size < sizeof bytes ? (size_t)file->source.size : sizeof bytes;
    const span header = {bytes, length};

    info->file_size = file->source.size;
    nfdump_status status = nfdump_source_read(&file->source, 0, bytes, length, error);
    if (status != NFDUMP_OK) {
        return status;
    }
    if (length == 0) {
        return nfdump_fail_value(error, NFDUMP_E_TRUNCATED, 0, "file is empty", 0, LAYOUT2_HEADER);
    }
    if (!span_u16(header, 0, &magic)) {
        return nfdump_fail_value(error, NFDUMP_E_TRUNCATED, 0, "file is shorter than a header", length, LAYOUT2_HEADER);
    }
    if (magic == MAGIC_SWAPPED) {
        return nfdump_fail_value(error, NFDUMP_E_BYTE_ORDER, 0, "file was written on a host of the other byte order",
                                 magic, MAGIC);
    }
    if (magic != MAGIC) {
        return nfdump_fail_value(error, NFDUMP_E_MAGIC, 0, "not an nfcapd file", magic, MAGIC);
    }
    if (!span_u16(header, 2, &info->layout)) {
        return nfdump_fail_value(error, NFDUMP_E_TRUNCATED, 0, "file is shorter than a header", length, LAYOUT2_HEADER);
    }
    switch (info->layout) {
    case 1:
        return open_layout1(file, error);
    case 2:
        return nfdump_layout2_open(&file->source, header, info, error);
    case 3:
        return nfdump_layout3_open(&file->source, info, &file->moved, error);
    default:
        return nfdump_fail_value(error, NFDUMP_E_UNSUPPORTED, 2, "unknown layout version", info->layout, 2);
    }
}

static nfdump_status open_source(byte_source source, uint32_t flags, nfdump_file **out, nfdump_error *error)
{
    nfdump_file *file = calloc(1, sizeof *file);
    if (file == NULL) {
        nfdump_source_close(&source);
        return nfdump_fail(error, NFDUMP_E_NOMEM, 0, "no memory for a file");
    }
    file->source = source;
    file->info.size = sizeof file->info;
    file->info.flags = flags;
    nfdump_clear_error(&file->info.appendix);
    file->maps = nfdump_maps_new();
    file->refused = malloc(sizeof *file->refused);
    if (file->refused != NULL) {
        atomic_init(file->refused, 0);
    }
    nfdump_status status = file->maps == NULL || file->refused == NULL
                               ? nfdump_fail(error, NFDUMP_E_NOMEM, 0, "no memory for a file")
                               : read_container(file, error);
    /* Damage of the appendix is not the file's; but where memory was short for it, there may be none. */
    if (status == NFDUMP_OK && file->info.appendix.status == NFDUMP_E_NOMEM) {
        if (error != NULL) {
            *error = file->info.appendix;
        }
        status = NFDUMP_E_NOMEM;
    }
    if (status != NFDUMP_OK) {
        nfdump_file_close(file);
        return status;
    }
    *out = file;
    return NFDUMP_OK;
}

nfdump_status nfdump_file_open_path(const char *path, uint32_t flags, nfdump_file **file, nfdump_error *error)
{
    byte_source source = {0};
    nfdump_clear_error(error);
    if (file != NULL) {
        *file = NULL;
    }
    if (path == NULL || file == NULL) {
        return nfdump_fail(error, NFDUMP_E_ARGUMENT, 0, "null argument");
    }
    nfdump_status status = nfdump_source_open_path(&source, path, error);
    return status == NFDUMP_OK ? open_source(source, flags, file, error) : status;
}

nfdump_status nfdump_file_open_fd(int fd, uint32_t flags, nfdump_file **file, nfdump_error *error)
{
    byte_source source = {0};
    nfdump_clear_error(error);
    if (file == NULL) {
        return nfdump_fail(error, NFDUMP_E_ARGUMENT, 0, "null argument");
    }
    *file = NULL;
    nfdump_status status = nfdump_source_open_fd(&source, fd, error);
    return status == NFDUMP_OK ? open_source(source, flags, file, error) : status;
}

nfdump_status nfdump_file_open_memory(const uint8_t *data, size_t length, uint32_t flags, nfdump_file **file,
                                      nfdump_error *error)
{
    nfdump_clear_error(error);
    if (file != NULL) {
        *file = NULL;
    }
    if (data == NULL || file == NULL) {
        return nfdump_fail(error, NFDUMP_E_ARGUMENT, 0, "null argument");
    }
    return open_source((byte_source){.memory = data, .size = length, .allocated = length, .fd = -1}, flags, file,
                       error);
}

void nfdump_file_close(nfdump_file *file)
{
    if (file != NULL) {
        nfdump_source_close(&file->source);
        nfdump_maps_free(file->maps);
        free(file->refused);
        free(file);
    }
}

const nfdump_info *nfdump_file_info(const nfdump_file *file)
{
    return file == NULL ? NULL : &file->info;
}

nfdump_status nfdump_file_next(const nfdump_file *file, nfdump_cursor *cursor, nfdump_block_ref *ref,
                               nfdump_error *error)
{
    nfdump_clear_error(error);
    if (file == NULL || cursor == NULL || ref == NULL) {
        return nfdump_fail(error, NFDUMP_E_ARGUMENT, 0, "null argument");
    }
    switch (file->info.layout) {
    case 1:
        return nfdump_layout1_next(&file->source, &file->info, cursor, ref, error);
    case 3:
        return nfdump_layout3_next(&file->source, &file->info, file->moved, cursor, ref, error);
    default:
        return nfdump_layout2_next(&file->source, &file->info, cursor, ref, error);
    }
}

nfdump_status nfdump_file_read(const nfdump_file *file, uint64_t offset, uint8_t *out, size_t length,
                               nfdump_error *error)
{
    nfdump_clear_error(error);
    if (file == NULL || out == NULL) {
        return nfdump_fail(error, NFDUMP_E_ARGUMENT, 0, "null argument");
    }
    return nfdump_source_read(&file->source, offset, out, length, error);
}
