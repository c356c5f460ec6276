/* Where the elements of one flow lie, by shape or list. */
#include <stdbool.h>

#include "nfdump.h"

/* The list of the flow whose record lies at `offset`; null if there is none. */
static const nfdump_flow_list *list_at(const nfdump_block_view *view, uint32_t offset)
{
    size_t first = 0;
    size_t end = view->num_lists;
    while (first < end) {
        const size_t middle = first + (end - first) / 2;
        if (view->lists[middle].offset < offset) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return first < view->num_lists && view->lists[first].offset == offset ? &view->lists[first] : NULL;
}

static unsigned count_bits(uint64_t set)
{
    unsigned count = 0;
    for (; set != 0; set &= set - 1) {
        count++;
    }
    return count;
}

/* Offset and length of an element in the record of a flow.  False if it is not there. */
static bool find_place(const nfdump_block_view *view, const nfdump_flow_ref *flow, uint32_t id, size_t *offset,
                       size_t *length)
{
    if (flow->shape < view->num_shapes) {
        const nfdump_shape *shape = &view->shapes[flow->shape];
        *offset = shape->offset[id];
        *length = shape->length[id];
        return shape->present >> id & 1;
    }
    const nfdump_flow_list *list = list_at(view, flow->offset);
    if (list == NULL) {
        return false;
    }
    const uint32_t *words = view->list_words + list->first;
    const uint64_t present = words[0] | (uint64_t)words[1] << 32;
    if ((present >> id & 1) == 0) {
        return false;
    }
    const uint32_t place = words[NFDUMP_LIST_PRESENT + count_bits(present & ((UINT64_C(1) << id) - 1))];
    *offset = place & 0xFFFFu;
    *length = place >> 16;
    return true;
}

nfdump_status nfdump_flow_element(const nfdump_block_view *view, size_t flow, uint32_t id, const uint8_t **payload,
                                  size_t *length)
{
    size_t offset = 0;
    if (view == NULL || payload == NULL || length == NULL || flow >= view->num_flows) {
        return NFDUMP_E_ARGUMENT;
    }
    if (id >= NFDUMP_ELEMENT_SLOTS || !find_place(view, &view->flows[flow], id, &offset, length)) {
        *payload = NULL;
        *length = 0;
        return NFDUMP_END;
    }
    *payload = view->data + view->flows[flow].offset + offset;
    return NFDUMP_OK;
}
