/* Extension maps: what stands behind the fixed part of a flow record of layout 1. */
#ifndef NFDUMP_MAP_H
#define NFDUMP_MAP_H

#include "../bytes.h"
#include "nfdump.h"
#include "types.h"

/* Extensions a map may list that take room in a record.  There are 35 of them; a map that lists more
 * than this many repeats them, which no writer does. */
#define MAP_EXTENSIONS_MAX 48u

/* What is known of an extension. */
typedef struct extension {
    uint8_t counted; /* bytes as maps count them */
    uint8_t stored;  /* bytes in a record; 0 for what takes no room or is reserved */
    uint8_t element; /* not 0: the extension is the whole payload of this element */
} extension;

/* A number that no map can have, for interfaces (5) whose output is stored in 2 bytes. */
#define INTERFACES_SHORT (EXTENSION_LAST + 1)
/* By number. */
extern const extension nfdump_extensions[EXTENSION_LAST + 2];

typedef struct ext_list {
    uint16_t extent; /* bytes of all extensions in a record */
    uint8_t count;
    uint8_t ids[MAP_EXTENSIONS_MAX]; /* in stored order, without those that take no room */
} ext_list;

/* Reads a whole record of type 2.  False when it is not a valid map; `*id` is set if it is there. */
bool nfdump_map_parse(span record, uint16_t *id, ext_list *list);

#endif
