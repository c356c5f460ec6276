/* What an open file consists of. */
#ifndef NFDUMP_FILE_H
#define NFDUMP_FILE_H

#include "container/source.h"
#include "nfdump.h"

struct nfdump_file {
    byte_source source;
    nfdump_info info;
};

#endif
