/* XXH3, 64 bits, seed 0, default secret: the checksum of layout 3. */
#ifndef NFDUMP_XXH3_H
#define NFDUMP_XXH3_H

#include "bytes.h"

uint64_t nfdump_xxh3(span input);

/* The same for bytes that come into a buffer piece by piece, so that each is looked at while it is in the
 * cache. */
typedef struct xxh3_state {
    uint64_t lanes[8];
    size_t taken; /* bytes that have been looked at */
} xxh3_state;

void nfdump_xxh3_begin(xxh3_state *state);
/* `there` is the buffer so far; more is to come, or not. */
void nfdump_xxh3_more(xxh3_state *state, span there);
uint64_t nfdump_xxh3_end(xxh3_state *state, span whole);

#endif
