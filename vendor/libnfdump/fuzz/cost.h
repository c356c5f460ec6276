/* Between a target and the measurement of its cost; see cost.c. */
#ifndef NFDUMP_FUZZ_COST_H
#define NFDUMP_FUZZ_COST_H

#include <stdint.h>
#include <stdlib.h>

/* The function of the target. */
int fuzz_one_input(const uint8_t *data, size_t size);

#endif
