/* Extension maps: what stands behind the fixed part of a flow record of layout 1. */
#include "map.h"

enum {
    MAP_ID = 4,
    MAP_EXTENT = 6,
    MAP_IDS = 8,
    MAP_MIN = 12,
};

/* Extension 47 is obsolete: it counts nothing in the extent of a map, but fills 8 bytes of a record. */
const extension nfdump_extensions[EXTENSION_LAST + 2] = {
    [4] = {4, 4, 0},    [5] = {8, 8, 0},    [6] = {4, 4, 0},    [7] = {8, 8, 7},    [8] = {4, 4, 0},
    [9] = {4, 4, 10},   [10] = {16, 16, 11}, [11] = {4, 4, 8},  [12] = {16, 16, 9}, [13] = {4, 4, 0},
    [14] = {4, 4, 0},   [15] = {8, 8, 0},   [16] = {4, 4, 0},   [17] = {8, 8, 0},   [18] = {4, 4, 0},
    [19] = {8, 8, 0},   [20] = {16, 16, 0}, [21] = {16, 16, 0}, [22] = {40, 40, 14}, [23] = {4, 4, 12},
    [24] = {16, 16, 13}, [25] = {4, 4, 0},  [26] = {8, 8, 16},  [27] = {8, 8, 0},   [37] = {20, 20, 0},
    [38] = {4, 4, 22},  [39] = {8, 8, 20},  [40] = {32, 32, 21}, [41] = {24, 24, 0}, [42] = {24, 24, 0},
    [43] = {72, 72, 0}, [45] = {24, 24, 17}, [46] = {12, 12, 0}, [47] = {0, 8, 0},  [48] = {8, 8, 0},
    [INTERFACES_SHORT] = {0, 6, 0},
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
    uint16_t number = 0;
    for (; span_u16(record, at, &number) && number != 0; at += 2) {
        if (number > EXTENSION_LAST) {
            return false;
        }
        counted += nfdump_extensions[number].counted;
        extent += nfdump_extensions[number].stored;
        if (nfdump_extensions[number].stored != 0) {
            if (list->count == MAP_EXTENSIONS_MAX) {
                return false;
            }
            list->ids[list->count++] = (uint8_t)number;
        }
    }
    list->extent = (uint16_t)extent;
    /* A zero ends the list; two more bytes may fill the record up. */
    const size_t rest = record.length - at;
    return (rest == 2 || rest == 4) && counted == announced;
}
