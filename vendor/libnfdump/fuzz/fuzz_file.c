/*
 * Fuzz target: opens the input as a file, plainly and salvaging, and looks at all of its blocks.  Encrypted
 * files are read with a cipher that does nothing, so that what is behind it is reached.
 */
#include "../src/file.h"
#include "use.h"

#include <stdlib.h>
#include <string.h>

/* One for all inputs: its buffers are large. */
static nfdump_block *block;

static void read_file(const uint8_t *data, size_t size, uint32_t flags)
{
    nfdump_file *file = NULL;
    nfdump_error error;
    nfdump_cursor cursor = {0};
    nfdump_block_ref ref;
    nfdump_status status;
    if (nfdump_file_open_memory(data, size, flags, &file, &error) != NFDUMP_OK) {
        check(error.reason != NULL && error.status != NFDUMP_OK);
        return;
    }
    const nfdump_info *info = nfdump_file_info(file);
    touch(info->ident, info->ident_length);
    check(info->appendix.reason != NULL);
    uint64_t reached = 0;
    while ((status = nfdump_file_next(file, &cursor, &ref, &error)) != NFDUMP_END) {
        nfdump_block_view view = {.size = sizeof view};
        if (status != NFDUMP_OK) {
            check(error.status == (int32_t)status && error.reason != NULL);
            continue;
        }
        /* No byte belongs to two blocks. */
        check(ref.offset >= reached);
        reached = ref.offset + 12 + ref.stored;
        check(reached <= size);
        if (nfdump_block_load(block, file, &ref, &view, &error) == NFDUMP_OK) {
            use_view(&view);
            if (ref.layout != 3) {
                check_counts(&view);
            } else if (ref.type == 1) {
                /* One exporter can become several records. */
                check(view.num_flows + view.dropped + view.skipped <= view.walked);
                check(view.data_length <= NFDUMP_LAYOUT3_RECORDS_MAX);
            }
        } else {
            check(error.reason != NULL && error.block == ref.index);
        }
    }
    /* The chain has ended for good. */
    check(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_END);
    use_work(cursor.searched + atomic_load(file->refused) * UINT64_C(1024));
    nfdump_file_close(file);
}

enum { BLOCK_HEADER_3 = 24, TAG_3 = 16 };

/* The stored bytes of a block, as if decrypted: without tag, and its header says so.  To be freed. */
static uint8_t *decrypted(const nfdump_file *file, const nfdump_block_ref *ref, size_t *length)
{
    nfdump_error error;
    *length = BLOCK_HEADER_3 + (size_t)ref->stored;
    uint8_t *bytes = malloc(*length);
    check(bytes != NULL);
    if (nfdump_file_read(file, ref->offset, bytes, *length, &error) != NFDUMP_OK) {
        *length = 0;
    } else if (bytes[14] == 1 && ref->stored > TAG_3) {
        const uint32_t size = (uint32_t)(*length -= TAG_3);
        memcpy(bytes + 4, &size, sizeof size);
        memset(bytes + 14, 0, 10);
        uint8_t *exact = realloc(bytes, *length);
        check(exact != NULL);
        bytes = exact;
    }
    return bytes;
}

static void read_encrypted(const uint8_t *data, size_t size, uint32_t flags)
{
    nfdump_file *file = NULL;
    nfdump_error error;
    nfdump_cursor cursor = {0};
    nfdump_block_ref ref;
    nfdump_status status;
    size_t length = 0;
    if (nfdump_file_open_memory(data, size, flags | NFDUMP_OPEN_ENCRYPTED, &file, &error) != NFDUMP_OK) {
        check(error.reason != NULL && error.status != NFDUMP_OK);
        return;
    }
    nfdump_info info = *nfdump_file_info(file);
    check(info.crypto.header_size == 0 || info.crypto.header_size == sizeof info.crypto.header);
    const nfdump_block_ref small[] = {info.ident_block, info.stat_block};
    for (size_t i = 0; i < 2; i++) {
        if (small[i].offset != 0 && small[i].stored < 4096) {
            uint8_t *bytes = decrypted(file, &small[i], &length);
            if (length != 0 && nfdump_info_decode(&info, bytes, length, &error) != NFDUMP_OK) {
                check(error.reason != NULL && error.status != NFDUMP_OK);
            }
            free(bytes);
        }
    }
    touch(info.ident, info.ident_length);
    while ((status = nfdump_file_next(file, &cursor, &ref, &error)) != NFDUMP_END) {
        nfdump_block_view view = {.size = sizeof view};
        if (status != NFDUMP_OK) {
            continue;
        }
        uint8_t *bytes = decrypted(file, &ref, &length);
        if (nfdump_block_decode(block, 0, &ref, bytes, length, &view, &error) == NFDUMP_OK) {
            use_view(&view);
        } else {
            check(error.reason != NULL && error.status != NFDUMP_OK);
        }
        free(bytes);
    }
    nfdump_file_close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* libFuzzer gives a null pointer for an empty input. */
    static const uint8_t empty[1];
    if (block == NULL) {
        block = nfdump_block_new();
    }
    check(block != NULL);
    read_file(size == 0 ? empty : data, size, 0);
    read_file(size == 0 ? empty : data, size, NFDUMP_OPEN_PARTIAL | NFDUMP_OPEN_CUT);
    if (size > 20 && data[2] == 3 && data[20] & 1) {
        read_encrypted(data, size, 0);
        read_encrypted(data, size, NFDUMP_OPEN_PARTIAL | NFDUMP_OPEN_CUT);
    }
    return 0;
}
