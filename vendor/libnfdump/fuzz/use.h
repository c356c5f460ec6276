/* Looks at everything the interface hands out, so that the sanitizers see what is wrong with it. */
#ifndef NFDUMP_FUZZ_USE_H
#define NFDUMP_FUZZ_USE_H

#include <stdbool.h>

#include "nfdump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stops the process when a promise of the interface does not hold. */
void check(int holds);
void touch(const uint8_t *data, size_t length);
void use_view(const nfdump_block_view *view);
/* Every record seen is accounted for.  Not so in layout 3, where one may become several. */
void check_counts(const nfdump_block_view *view);
/* Decoded bytes that went through use_view so far, and those of use_work. */
uint64_t bytes_used(void);
/* Counts work that the library has counted itself: bytes that were decoded on trial and in vain. */
void use_work(uint64_t bytes);
/* One record through all the parsers of those that are not flows. */
void use_record(const uint8_t *record, size_t size);

#endif
