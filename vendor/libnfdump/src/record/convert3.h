/* Records of layout 3 become records of layout 2, which the index and everything after it know. */
#ifndef NFDUMP_CONVERT3_H
#define NFDUMP_CONVERT3_H

#include "../bytes.h"
#include "index.h"
#include "nfdump.h"

/* Ways to convert a flow record, by the extensions it has and where they lie; kept from block to block. */
typedef struct convert3_plans convert3_plans;

/* Where the records go. */
typedef struct record_buffer {
    uint8_t *data;
    size_t capacity; /* twice the decoded block is always enough */
    size_t length;
    uint8_t *in_place; /* null, or in front of the decoded block, in the same memory: flows then go there as long as
                          they do not come near to what is yet to be read, and `data` points there in the end */
} record_buffer;

/* Converts a decoded block of `type` and indexes what comes out.  `raw` is what follows the block header.
 * Fills everything of the view but `data`.  Fails with NFDUMP_E_NOMEM only; damage goes into the view.
 * `*plans` is made when first needed. */
nfdump_status nfdump_convert3(convert3_plans **plans, flow_index *index, uint16_t type, span raw, record_buffer *out,
                              nfdump_block_view *view);
void nfdump_convert3_free(convert3_plans *plans);

#endif
