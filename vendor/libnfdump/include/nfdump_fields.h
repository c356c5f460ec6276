/*
 * Fields of flows by name: where each lies, how it is stored, and its value in a flow.
 *
 * A flow consists of elements, an element of fields.  nfdump_elements.h, which is generated from the table
 * that the Rust library uses, lists them all.  This header makes them available at run time, so that a program
 * in any language can look fields up by name.
 *
 *     const nfdump_field *port = nfdump_field_find("dst_port");
 *     for (size_t flow = 0; flow < view.num_flows; flow++) {
 *         const uint8_t *value;
 *         size_t length;
 *         if (nfdump_field_value(&view, flow, port, &value, &length) == NFDUMP_OK) {
 *             printf("%u\n", value[0] | value[1] << 8);
 *         }
 *     }
 */
#ifndef NFDUMP_FIELDS_H
#define NFDUMP_FIELDS_H

#include "nfdump.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How a field is stored.  Numbers are little-endian. */
typedef enum nfdump_type {
    NFDUMP_TYPE_U8 = 1,
    NFDUMP_TYPE_U16 = 2,
    NFDUMP_TYPE_U32 = 3,
    NFDUMP_TYPE_U64 = 4,
    NFDUMP_TYPE_TIME = 5,     /* 8 bytes: milliseconds since 1970-01-01 UTC */
    NFDUMP_TYPE_DURATION = 6, /* 8 bytes: microseconds */
    NFDUMP_TYPE_IPV4 = 7,     /* 4 bytes: a number; 10.0.0.1 is 0x0A000001 */
    NFDUMP_TYPE_IPV6 = 8,     /* 16 bytes: two 8-byte numbers, the upper half of the address first */
    NFDUMP_TYPE_MAC = 9,      /* 8 bytes: a number, the address in its lower 48 bits */
    NFDUMP_TYPE_MPLS = 10,    /* 4 bytes: a number; label, traffic class, bottom of stack, TTL of RFC 3032 */
    NFDUMP_TYPE_ACL = 11,     /* 12 bytes: id, extended id and hash, each 4 bytes in network byte order */
    NFDUMP_TYPE_TEXT = 12,    /* to a NUL or the end of the element, of any encoding */
    NFDUMP_TYPE_BYTES = 13    /* to the end of the element */
} nfdump_type;

/* When a flow that has the element has the field. */
typedef enum nfdump_when {
    NFDUMP_WHEN_ALWAYS = 0,
    NFDUMP_WHEN_ICMP = 1,     /* the protocol is 1 (ICMP) or 58 (ICMPv6) */
    NFDUMP_WHEN_NOT_ICMP = 2, /* the protocol is another one */
    NFDUMP_WHEN_NOT_ZERO = 3, /* the field is not 0 */
    NFDUMP_WHEN_TTL = 4       /* min_ttl or max_ttl is not 0 */
} nfdump_when;

typedef struct nfdump_field {
    const char *name;  /* as the accessor of the Rust library, such as "src_port" */
    uint16_t element;  /* id */
    uint16_t offset;   /* bytes from the start of the element's payload */
    uint16_t size;     /* bytes; 0 for NFDUMP_TYPE_TEXT and NFDUMP_TYPE_BYTES */
    uint8_t type;      /* nfdump_type */
    uint8_t condition; /* nfdump_when */
} nfdump_field;

/* All fields, ordered by element; `count` may be null.  The order can change between versions: find fields by
 * name. */
NFDUMP_API const nfdump_field *nfdump_fields(size_t *count);
/* The field of this name; null if there is none.  Searches the whole table: call it once, not for every flow. */
NFDUMP_API const nfdump_field *nfdump_field_find(const char *name);

/* The stored bytes of a field of flow number `flow`, as its type says; of a text without the NUL.
 * NFDUMP_END if the flow does not have the field, NFDUMP_E_ARGUMENT for a null pointer or if there is no such
 * flow.  The bytes belong to the block.
 *
 * The element of NAT events has two forms, one of nfdump 1.7.0 and one of later versions; the form is recognized by
 * its length.  A start (`first`) of 0 is returned as it is: such flows of NSEL and NAT events have the time of the
 * event instead. */
NFDUMP_API nfdump_status nfdump_field_value(const nfdump_block_view *view, size_t flow, const nfdump_field *field,
                                            const uint8_t **value, size_t *length);

#ifdef __cplusplus
}
#endif
#endif
