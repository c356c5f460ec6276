/* Fuzz target: opens the input as a file and looks at everything the interface gives. */
#include <stdlib.h>

#include "nfdump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void bz_internal_error(int code);

/* libbz2 built without stdio asks its user for this; the one of Debian has its own. */
__attribute__((weak)) void bz_internal_error(int code)
{
    (void)code;
    abort();
}

static unsigned sink;

/* Touches every byte of a range, so that the sanitizers see a wrong one. */
static void touch(const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        sink += data[i];
    }
}

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

static void use_flows(const nfdump_block_view *view)
{
    for (size_t i = 0; i < view->num_flows; i++) {
        const nfdump_flow_ref *flow = &view->flows[i];
        check(flow->size >= 12 && flow->offset + (size_t)flow->size <= view->data_length);
        touch(view->data + flow->offset, flow->size);
        if (flow->shape == NFDUMP_SHAPE_NONE) {
            continue;
        }
        check(flow->shape < view->num_shapes);
        const nfdump_shape *shape = &view->shapes[flow->shape];
        for (size_t id = 0; id < NFDUMP_ELEMENT_SLOTS; id++) {
            if (shape->present >> id & 1) {
                check(shape->offset[id] >= 16 && shape->offset[id] + shape->length[id] <= flow->size);
            }
        }
    }
}

static void use_records(const nfdump_block_view *view)
{
    for (size_t i = 0; i < view->num_records; i++) {
        const uint8_t *record = view->data + view->records[i].offset;
        const size_t size = view->records[i].size;
        nfdump_exporter exporter;
        nfdump_exporter_stat stat;
        nfdump_sampler sampler;
        nfdump_name name;
        check(view->records[i].offset + size <= view->data_length);
        (void)nfdump_exporter_parse(record, size, &exporter);
        (void)nfdump_sampler_parse(record, size, &sampler);
        for (uint32_t entry = 0; nfdump_exporter_stat_at(record, size, entry, &stat) == NFDUMP_OK; entry++) {
            sink += (unsigned)stat.flows;
        }
        for (uint32_t entry = 0; nfdump_name_at(record, size, entry, &name) == NFDUMP_OK; entry++) {
            touch(name.id, name.id_length);
            touch(name.name, name.name_length);
            touch(name.description, name.description_length);
        }
    }
}

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
    nfdump_block *block = nfdump_block_new();
    check(block != NULL);
    while ((status = nfdump_file_next(file, &cursor, &ref, &error)) == NFDUMP_OK) {
        nfdump_block_view view;
        if (nfdump_block_load(block, file, &ref, &view, &error) == NFDUMP_OK) {
            use_flows(&view);
            use_records(&view);
            check(view.damage.reason != NULL);
        } else {
            check(error.reason != NULL && error.block == ref.index);
        }
    }
    check(status == NFDUMP_END || error.status == (int32_t)status);
    /* The chain has ended for good. */
    check(nfdump_file_next(file, &cursor, &ref, &error) == NFDUMP_END);
    nfdump_block_free(block);
    nfdump_file_close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* libFuzzer gives a null pointer for an empty input. */
    static const uint8_t empty[1];
    read_file(size == 0 ? empty : data, size, 0);
    read_file(size == 0 ? empty : data, size, NFDUMP_OPEN_PARTIAL);
    return 0;
}
