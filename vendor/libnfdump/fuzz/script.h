/* The script in front of the file in inputs of fuzz_fd.c: SCRIPT_STEPS steps of STEP_BYTES bytes. */
#ifndef NFDUMP_FUZZ_SCRIPT_H
#define NFDUMP_FUZZ_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

enum { STEP_BYTES = 8, SCRIPT_STEPS = 12, SCRIPT_BYTES = STEP_BYTES * SCRIPT_STEPS };

enum {
    STEP_REST, /* all blocks from here on, in order */
    STEP_NEXT,
    STEP_LOAD, /* one of the blocks that were announced */
    STEP_CHANGE,
    STEP_FORGE_REF,
    STEP_FORGE_CURSOR,
    STEP_DECODE,
    STEP_INFO,
    STEP_OPEN,
    STEPS
};

typedef struct step {
    unsigned action;
    unsigned choice;
    uint32_t place; /* in the file */
    uint32_t value;
} step;

/* An action, a choice, 2 bytes of place and 4 of value. */
static inline step script_step(const uint8_t *script, size_t i)
{
    const uint8_t *at = script + i * STEP_BYTES;
    return (step){
        .action = at[0] % STEPS,
        .choice = at[1],
        .place = at[2] | (uint32_t)at[3] << 8,
        .value = at[4] | (uint32_t)at[5] << 8 | (uint32_t)at[6] << 16 | (uint32_t)at[7] << 24,
    };
}

#endif
