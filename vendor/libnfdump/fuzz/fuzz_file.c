/* Fuzz target: opens the input as a file, plainly and salvaging, and looks at all of its blocks. */
#include "use.h"

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
        nfdump_block_view view;
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
            }
        } else {
            check(error.reason != NULL && error.block == ref.index);
        }
    }
    /* The chain has ended for good. */
    check(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_END);
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
    read_file(size == 0 ? empty : data, size, NFDUMP_OPEN_PARTIAL);
    return 0;
}
