/* The sizes that bindings in other languages rely on, checked wherever the library is compiled. */
#include "nfdump.h"

_Static_assert(sizeof(nfdump_cursor) == 40, "nfdump_cursor");
_Static_assert(sizeof(nfdump_block_ref) == 32, "nfdump_block_ref");
_Static_assert(sizeof(nfdump_flow_ref) == 8, "nfdump_flow_ref");
_Static_assert(sizeof(nfdump_record_ref) == 8, "nfdump_record_ref");
_Static_assert(sizeof(nfdump_shape) == 8 + 4 * NFDUMP_ELEMENT_SLOTS, "nfdump_shape");
_Static_assert(sizeof(nfdump_stat) == 18 * 8, "nfdump_stat");
_Static_assert(sizeof(nfdump_exporter) == 28, "nfdump_exporter");
_Static_assert(sizeof(nfdump_exporter_stat) == 24, "nfdump_exporter_stat");
_Static_assert(sizeof(nfdump_sampler) == 24, "nfdump_sampler");
_Static_assert(offsetof(nfdump_shape, offset) == 8, "nfdump_shape.offset");
_Static_assert(offsetof(nfdump_shape, length) == 8 + 2 * NFDUMP_ELEMENT_SLOTS, "nfdump_shape.length");
