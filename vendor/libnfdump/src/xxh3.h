/* XXH3, 64 bits, seed 0, default secret: the checksum of layout 3. */
#ifndef NFDUMP_XXH3_H
#define NFDUMP_XXH3_H

#include "bytes.h"

uint64_t nfdump_xxh3(span input);

#endif
