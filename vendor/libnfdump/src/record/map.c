/* Extension maps: what stands behind the fixed part of a flow record of layout 1. */
#include "map.h"

#include "types.h"

enum {
    MAP_ID = 4,
    MAP_EXTENT = 6,
    MAP_IDS = 8,
    MAP_MIN = 12,
    /* Obsolete.  Counts nothing in the extent of a map, but fills 8 bytes of a record. */
    NEL_VRF = 47,
    NEL_VRF_ROOM = 8,
};

/* Bytes of each extension as maps count them; 0 also for what is reserved. */
static const uint8_t sizes[EXTENSION_LAST + 1] = {
    [4] = 4,   [5] = 8,   [6] = 4,   [7] = 8,   [8] = 4,   [9] = 4,   [10] = 16, [11] = 4,  [12] = 16, [13] = 4,
    [14] = 4,  [15] = 8,  [16] = 4,  [17] = 8,  [18] = 4,  [19] = 8,  [20] = 16, [21] = 16, [22] = 40, [23] = 4,
    [24] = 16, [25] = 4,  [26] = 8,  [27] = 8,  [37] = 20, [38] = 4,  [39] = 8,  [40] = 32, [41] = 24, [42] = 24,
    [43] = 72, [45] = 24, [46] = 12, [48] = 8,
};

bool nfdump_map_parse(span record, uint16_t *id, ext_list *list)
{
    uint16_t announced = 0;
    uint32_t counted = 0;
    uint32_t extent = 0;
    if (!span_u16(record, MAP_ID, id) || record.length < MAP_MIN || record.length % 4 != 0) {
        return false;
    }
    (void)span_u16(record, MAP_EXTENT, &announced);
    list->count = 0;
    size_t at = MAP_IDS;
    uint16_t extension = 0;
    for (; span_u16(record, at, &extension) && extension != 0; at += 2) {
        if (extension > EXTENSION_LAST) {
            return false;
        }
        const uint32_t room = extension == NEL_VRF ? NEL_VRF_ROOM : sizes[extension];
        counted += sizes[extension];
        extent += room;
        if (room != 0) {
            if (list->count == MAP_EXTENSIONS_MAX) {
                return false;
            }
            list->ids[list->count++] = (uint8_t)extension;
        }
    }
    list->extent = (uint16_t)extent;
    /* A zero ends the list; two more bytes may fill the record up. */
    const size_t rest = record.length - at;
    return (rest == 2 || rest == 4) && counted == announced;
}
