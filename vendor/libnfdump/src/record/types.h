/* Record types, block types and header sizes of layouts 1 and 2; block types of layout 3. */
#ifndef NFDUMP_TYPES_H
#define NFDUMP_TYPES_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RECORD_HEADER = 4,  /* u16 type, u16 size including these 4 bytes */
    ELEMENT_HEADER = 4, /* u16 id, u16 length including these 4 bytes */
    FLOW_HEADER = 12,
    OTHER_RECORD_MIN = 16, /* the legacy sampler, the shortest of the others */
};

enum {
    RECORD_FLOW_OLD = 1, /* layout 1, writers up to 1.6.11 */
    RECORD_MAP = 2,
    RECORD_EXPORTER = 7,
    RECORD_EXPORTER_STAT = 8,
    RECORD_SAMPLER_LEGACY = 9,
    RECORD_FLOW_LAYOUT1 = 10,
    RECORD_FLOW = 11,
    RECORD_APPLICATION_NAMES = 12,
    RECORD_INTERFACE_NAMES = 13,
    RECORD_VRF_NAMES = 14,
    RECORD_SAMPLER = 15,
    RECORD_IDENT = 0x8001,
    RECORD_STAT = 0x8002,
};

/* Flags of a flow record. */
enum {
    FLOW_EVENT = 0x01,
    FLOW_SAMPLED = 0x02,
    FLOW_ANONYMIZED = 0x04,
};

enum {
    EXTENSION_LAST = 49, /* highest id that a map may list */
};

enum {
    BLOCK_LAYOUT0 = 1, /* flows of nfdump 1.5 */
    BLOCK_LAYOUT1 = 2,
    BLOCK_RECORDS = 3,
    BLOCK_ARRAY = 4,
    BLOCK_NOT_COMPRESSED = 1, /* flag bit */
};

/* Whether blocks of layouts 1 and 2 of this type hold records. */
static inline bool block_type_has_records(uint16_t type)
{
    return type == BLOCK_RECORDS || type == BLOCK_LAYOUT1;
}

/* Block types of layout 3. */
enum {
    BLOCK3_NULL = 0,
    BLOCK3_FLOWS = 1,
    BLOCK3_ARRAY = 2,
    BLOCK3_STAT = 3,
    BLOCK3_IDENT = 4,
    BLOCK3_META = 5,
    BLOCK3_MESSAGE = 6,
    BLOCK3_EXPORTERS = 7,
};

#endif
