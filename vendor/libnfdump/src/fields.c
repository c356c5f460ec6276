/* The table of fields, and their values in a flow. */
#include <stdbool.h>
#include <string.h>

#include "nfdump_elements.h"
#include "nfdump_fields.h"

/* Bytes of each type; 0 where it has no fixed size. */
enum {
    SIZE_U8 = 1,
    SIZE_U16 = 2,
    SIZE_U32 = 4,
    SIZE_U64 = 8,
    SIZE_TIME = 8,
    SIZE_DURATION = 8,
    SIZE_IPV4 = 4,
    SIZE_IPV6 = 16,
    SIZE_MAC = 8,
    SIZE_MPLS = 4,
    SIZE_ACL = 12,
    SIZE_TEXT = 0,
    SIZE_BYTES = 0
};

enum {
    USER_NAME = 24,
    /* What nfdump shows of one; its element has 68 bytes.  Layout 3 has no such limit. */
    USER_NAME_MAX = 66,
    NAT_EVENT = 25,
    /* nfdump 1.7.0 stored two VRF ids in front of pool and event, but behind the time. */
    NAT_EVENT_SIZE_1_7_0 = 24,
    NAT_EVENT_TIME_SIZE = 8,
    NAT_EVENT_SHIFT = 8,
    PROTOCOL_AT = 44,
    MIN_TTL_AT = 2,
    MAX_TTL_AT = 3,
    ICMP = 1,
    ICMPV6 = 58
};

static const nfdump_field fields[] = {
#define FIELD(name, element, offset, type, when) \
    {#name, element, offset, SIZE_##type, NFDUMP_TYPE_##type, NFDUMP_WHEN_##when},
    NFDUMP_FIELDS(FIELD)
#undef FIELD
};

static const size_t num_fields = sizeof fields / sizeof fields[0];

const nfdump_field *nfdump_fields(size_t *count)
{
    if (count != NULL) {
        *count = num_fields;
    }
    return fields;
}

const nfdump_field *nfdump_field_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < num_fields; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

static uint8_t byte_at(const uint8_t *payload, size_t length, size_t at)
{
    return at < length ? payload[at] : 0;
}

static bool is_zero(const uint8_t *value, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (value[i] != 0) {
            return false;
        }
    }
    return true;
}

/* Whether the condition of a field holds.  `value` is the field inside of `payload`. */
static bool applies(const nfdump_field *field, const uint8_t *payload, size_t length, const uint8_t *value)
{
    const uint8_t protocol = byte_at(payload, length, PROTOCOL_AT);
    const bool is_icmp = protocol == ICMP || protocol == ICMPV6;
    switch (field->condition) {
    case NFDUMP_WHEN_ICMP: return is_icmp;
    case NFDUMP_WHEN_NOT_ICMP: return !is_icmp;
    case NFDUMP_WHEN_NOT_ZERO: return !is_zero(value, field->size);
    case NFDUMP_WHEN_TTL:
        return byte_at(payload, length, MIN_TTL_AT) != 0 || byte_at(payload, length, MAX_TTL_AT) != 0;
    default: return true;
    }
}

/* Bytes from the start of the payload; differs from field->offset for NAT events of nfdump 1.7.0. */
static size_t place_of(const nfdump_field *field, size_t length)
{
    const bool is_moved =
        field->element == NAT_EVENT && field->offset >= NAT_EVENT_TIME_SIZE && length >= NAT_EVENT_SIZE_1_7_0;
    return is_moved ? field->offset + (size_t)NAT_EVENT_SHIFT : field->offset;
}

/* Bytes of a text: it ends at a NUL, or where its room ends. */
static size_t text_length(const nfdump_field *field, const uint8_t *record, const uint8_t *value, size_t room)
{
    const unsigned type = record[0] | (unsigned)record[1] << 8;
    const bool is_limited = field->element == USER_NAME && type == NFDUMP_RECORD_FLOW && room > USER_NAME_MAX;
    const size_t length = is_limited ? USER_NAME_MAX : room;
    const uint8_t *end = length == 0 ? NULL : memchr(value, 0, length);
    return end == NULL ? length : (size_t)(end - value);
}

nfdump_status nfdump_field_value(const nfdump_block_view *view, size_t flow, const nfdump_field *field,
                                 const uint8_t **value, size_t *length)
{
    const uint8_t *payload = NULL;
    size_t size = 0;
    if (field == NULL || value == NULL || length == NULL) {
        return NFDUMP_E_ARGUMENT;
    }
    *value = NULL;
    *length = 0;
    const nfdump_status status = nfdump_flow_element(view, flow, field->element, &payload, &size);
    if (status != NFDUMP_OK) {
        return status;
    }
    const size_t at = place_of(field, size);
    if (at > size || size - at < field->size || !applies(field, payload, size, payload + at)) {
        return NFDUMP_END;
    }
    *value = payload + at;
    *length = field->size != 0 ? field->size : size - at;
    if (field->type == NFDUMP_TYPE_TEXT) {
        *length = text_length(field, view->data + view->flows[flow].offset, *value, *length);
    }
    return NFDUMP_OK;
}
