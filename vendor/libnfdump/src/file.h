/* What an open file consists of. */
#ifndef NFDUMP_FILE_H
#define NFDUMP_FILE_H

#include "container/source.h"
#include "maps.h"
#include "nfdump.h"

struct nfdump_file {
    byte_source source;
    nfdump_info info;
    uint8_t flow_flags; /* flags of a flow record that the header sets for all */
    int64_t moved;      /* layout 3: how far the directory is from where it was written */
    map_book *maps;     /* the only part that changes after opening; has a lock of its own */
};

#endif
