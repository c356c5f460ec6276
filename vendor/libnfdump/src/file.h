/* What an open file consists of. */
#ifndef NFDUMP_FILE_H
#define NFDUMP_FILE_H

#include <stdatomic.h>

#include "container/source.h"
#include "maps.h"
#include "nfdump.h"

struct nfdump_file {
    byte_source source;
    nfdump_info info;
    uint8_t flow_flags; /* flags of a flow record that the header sets for all */
    int64_t moved;      /* layout 3: how far the directory is from where it was written */
    /* The parts that change after opening. */
    map_book *maps;       /* has a lock of its own */
    atomic_uint *refused; /* KiB of work on blocks that came to nothing, beyond NFDUMP_REFUSED_FACTOR */
};

#endif
