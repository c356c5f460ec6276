/* Records of layout 1 become records of layout 2. */
#ifndef NFDUMP_CONVERT1_H
#define NFDUMP_CONVERT1_H

#include "../bytes.h"
#include "index.h"
#include "map.h"
#include "nfdump.h"

/* Maps that stand in earlier blocks.  `find` looks one up: false if there is none or it is not valid. */
typedef struct map_source {
    bool (*find)(const void *context, uint16_t id, ext_list *list);
    const void *context;
} map_source;

/* What a look at the record headers of a block tells. */
typedef struct block_scan {
    bool defines_maps;
    bool needs_earlier; /* flows refer to maps that the block does not define in front of them */
} block_scan;

typedef struct map_slot map_slot;
/* Ways to convert a flow, by its map and the widths its flags tell. */
typedef struct flow_plan flow_plan;

/* Buffers and maps of one decoder; zeroed at first. */
typedef struct converter {
    uint8_t *out;    /* NFDUMP_CONVERTED_MAX bytes, made when first needed */
    map_slot *slots; /* by map id */
    flow_plan *plans;
    uint64_t versions; /* of maps, so far */
    uint32_t stamp;  /* of the slots that count */
} converter;

/* Looks through at most `announced` records.  NFDUMP_E_NOMEM is the only failure. */
nfdump_status nfdump_convert1_scan(converter *c, span data, uint32_t announced, block_scan *scan);
/* Calls `define` for every map of a block in stored order; `list` is null for one that is not valid. */
void nfdump_convert1_maps(span data, uint32_t announced,
                          void (*define)(void *context, uint16_t id, const ext_list *list), void *context);
/* Converts at most `announced` records and indexes what comes out, `*out`.  Fills everything of the view but
 * `data`.  `keep_partial`: flows without usable map are kept with what needs no map, as flows too short for
 * their map always are.  `flow_flags` are set in every flow.  NFDUMP_E_NOMEM is the only failure. */
nfdump_status nfdump_convert1(converter *c, flow_index *index, span data, uint32_t announced, const map_source *earlier,
                              bool keep_partial, uint8_t flow_flags, nfdump_block_view *view, span *out);
void nfdump_convert1_free(converter *c);

#endif
