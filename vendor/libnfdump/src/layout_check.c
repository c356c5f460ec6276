/* The sizes that bindings in other languages rely on, checked wherever the library is compiled. */
#include "nfdump.h"

_Static_assert(sizeof(nfdump_cursor) == 40, "nfdump_cursor");
_Static_assert(sizeof(nfdump_block_ref) == 32, "nfdump_block_ref");
_Static_assert(offsetof(nfdump_block_ref, decoded) == 28, "nfdump_block_ref.decoded");
_Static_assert(sizeof(nfdump_flow_ref) == 8, "nfdump_flow_ref");
_Static_assert(sizeof(nfdump_record_ref) == 8, "nfdump_record_ref");
_Static_assert(sizeof(nfdump_shape) == 8 + 4 * NFDUMP_ELEMENT_SLOTS, "nfdump_shape");
_Static_assert(sizeof(nfdump_stat) == 18 * 8, "nfdump_stat");
_Static_assert(sizeof(nfdump_exporter) == 28, "nfdump_exporter");
_Static_assert(sizeof(nfdump_exporter_stat) == 24, "nfdump_exporter_stat");
_Static_assert(sizeof(nfdump_sampler) == 24, "nfdump_sampler");
_Static_assert(offsetof(nfdump_shape, offset) == 8, "nfdump_shape.offset");
_Static_assert(offsetof(nfdump_shape, length) == 8 + 2 * NFDUMP_ELEMENT_SLOTS, "nfdump_shape.length");
/* Those that may grow begin with their size. */
_Static_assert(offsetof(nfdump_info, size) == 0 && offsetof(nfdump_block_view, size) == 0, "size comes first");
_Static_assert(sizeof(nfdump_crypto) == 4 + 72 + 16 + 12 + 16 + 48 + 32, "nfdump_crypto");
_Static_assert(sizeof(nfdump_flow_list) == 8, "nfdump_flow_list");
_Static_assert(offsetof(nfdump_error, reason) == 40, "nfdump_error.reason");
_Static_assert(offsetof(nfdump_name, id) == 16, "nfdump_name.id");
