/* Looks at everything the interface hands out; see use.h. */
#include "use.h"

#include <stdbool.h>
#include <stdlib.h>

#include "nfdump_fields.h"

/* Flows of a block whose fields are all looked at; more would cost more than the library does. */
enum { FLOWS_WITH_FIELDS = 4 };

void bz_internal_error(int code);

/* libbz2 built without stdio asks its user for this; the one of Debian has its own. */
__attribute__((weak)) void bz_internal_error(int code)
{
    (void)code;
    abort();
}

static volatile unsigned sink;
static uint64_t used;

uint64_t bytes_used(void)
{
    return used;
}

void use_work(uint64_t bytes)
{
    used += bytes;
}

void touch(const uint8_t *data, size_t length)
{
    unsigned sum = 0;
    for (size_t i = 0; i < length; i++) {
        sum += data[i];
    }
    sink = sum;
}

void check(int holds)
{
    if (!holds) {
        abort();
    }
}

static unsigned u16(const uint8_t *at)
{
    return (unsigned)at[0] | (unsigned)at[1] << 8;
}

/* The highest element id that means something. */
static unsigned element_max(const uint8_t *record)
{
    const unsigned type = u16(record);
    check(type == NFDUMP_RECORD_FLOW || type == NFDUMP_RECORD_FLOW_LAYOUT3);
    return type == NFDUMP_RECORD_FLOW ? NFDUMP_ELEMENT_MAX_LAYOUT2 : NFDUMP_ELEMENT_MAX;
}

/* Shape or list of a flow must say what a plain walk over the elements of its record says.  Only records whose
 * elements are all there have a shape. */
static void compare_elements(const nfdump_block_view *view, size_t flow)
{
    const uint8_t *record = view->data + view->flows[flow].offset;
    const size_t size = view->flows[flow].size;
    const bool has_shape = view->flows[flow].shape != NFDUMP_SHAPE_NONE;
    uint64_t present = 0;
    size_t at = 12;
    size_t offsets[NFDUMP_ELEMENT_SLOTS] = {0};
    size_t lengths[NFDUMP_ELEMENT_SLOTS] = {0};
    for (unsigned i = u16(record + 4); i > 0; i--) {
        const bool has_header = at + 4 <= size && u16(record + at + 2) >= 4;
        check(has_header || !has_shape);
        if (!has_header) {
            break;
        }
        const unsigned id = u16(record + at);
        const size_t left = size - at;
        const size_t length = u16(record + at + 2) < left ? u16(record + at + 2) : left;
        check(length == u16(record + at + 2) || !has_shape);
        if (id != 0 && id <= element_max(record)) {
            present |= UINT64_C(1) << id;
            offsets[id] = at + 4;
            lengths[id] = length - 4;
        }
        at += length;
    }
    check(!has_shape || view->shapes[view->flows[flow].shape].present == present);
    for (uint32_t id = 0; id < NFDUMP_ELEMENT_SLOTS; id++) {
        const uint8_t *payload = NULL;
        size_t length = 0;
        const nfdump_status status = nfdump_flow_element(view, flow, id, &payload, &length);
        check(status == (present >> id & 1 ? NFDUMP_OK : NFDUMP_END));
        check(status == NFDUMP_END || (payload == record + offsets[id] && length == lengths[id]));
    }
}

static void use_fields(const nfdump_block_view *view, size_t flow)
{
    const uint8_t *record = view->data + view->flows[flow].offset;
    const uint8_t *end = record + view->flows[flow].size;
    size_t count = 0;
    const nfdump_field *fields = nfdump_fields(&count);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *value = NULL;
        size_t length = 0;
        if (nfdump_field_value(view, flow, &fields[i], &value, &length) == NFDUMP_OK) {
            check(value >= record && value <= end && length <= (size_t)(end - value));
            touch(value, length);
        }
    }
}

static void use_flows(const nfdump_block_view *view)
{
    for (size_t i = 0; i < view->num_flows; i++) {
        const nfdump_flow_ref *flow = &view->flows[i];
        check(flow->size >= 12 && flow->offset + (size_t)flow->size <= view->data_length);
        check(i == 0 || flow->offset >= view->flows[i - 1].offset + view->flows[i - 1].size);
        touch(view->data + flow->offset, flow->size);
        check(flow->shape == NFDUMP_SHAPE_NONE || flow->shape < view->num_shapes);
        compare_elements(view, i);
        if (i < FLOWS_WITH_FIELDS) {
            use_fields(view, i);
        }
    }
}

void use_record(const uint8_t *record, size_t size)
{
    nfdump_exporter exporter;
    nfdump_exporter_stat stat;
    nfdump_sampler sampler;
    nfdump_name name;
    if (nfdump_exporter_parse(record, size, &exporter) == NFDUMP_OK) {
        touch((const uint8_t *)&exporter, sizeof exporter);
    }
    if (nfdump_sampler_parse(record, size, &sampler) == NFDUMP_OK) {
        touch((const uint8_t *)&sampler, sizeof sampler);
    }
    for (uint32_t entry = 0; nfdump_exporter_stat_at(record, size, entry, &stat) == NFDUMP_OK; entry++) {
        touch((const uint8_t *)&stat, sizeof stat);
    }
    for (uint32_t entry = 0; nfdump_name_at(record, size, entry, &name) == NFDUMP_OK; entry++) {
        touch(name.id, name.id_length);
        touch(name.name, name.name_length);
        touch(name.description, name.description_length);
    }
}

void check_counts(const nfdump_block_view *view)
{
    check(view->num_flows + view->num_records + view->skipped + view->dropped == view->walked);
}

void use_view(const nfdump_block_view *view)
{
    used += view->data_length;
    check(view->damage.reason != NULL);
#ifdef NFDUMP_COST
    /* What follows costs more than the library does. */
    return;
#endif
    use_flows(view);
    for (size_t i = 0; i < view->num_records; i++) {
        check(view->records[i].offset + (size_t)view->records[i].size <= view->data_length);
        use_record(view->data + view->records[i].offset, view->records[i].size);
    }
}
