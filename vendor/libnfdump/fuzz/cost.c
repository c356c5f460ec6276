/*
 * Measures what each input costs, for all targets: CPU time per byte.  Targets are compiled with their function
 * renamed to fuzz_one_input, which is called from here.
 *
 * The bytes of an input are those stored, those decoded and handed out, those that the library itself counts against
 * its limits (searches, and blocks that decode to nothing), and BYTES_OF_A_CALL for what opening a file and making a
 * decoder costs.  What is found is work that no limit knows of.  When the process ends, the inputs that cost most per byte are printed, and stored
 * where NFDUMP_SLOWEST says.
 *
 * With COST_MAX, nanoseconds per byte, an input that costs more ends the process, so that the fuzzer keeps it; and
 * the fuzzer is told of costs as of coverage, so that it looks for inputs that cost more.
 *
 * Time is that of the thread: what the process waits for does not count.  Where an input seems to cost more than
 * all before it is measured again, and the least counts: the first one also pays for memory.
 */
#define _POSIX_C_SOURCE 200809L
#include "cost.h"
#include "use.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BYTES_OF_A_CALL = 4096, KEPT = 3, INPUT_MAX = 1 << 16, REPEATS = 2, STEPS_OF_COST = 128 };

typedef struct unit {
    uint64_t nanoseconds;
    uint64_t bytes;
    uint64_t decoded;
    size_t size;
    uint8_t data[INPUT_MAX];
} unit;

/* The most costly inputs, in descending order. */
static unit kept[KEPT];

#ifdef COST_MAX
/* libFuzzer takes a byte of these that becomes set as new coverage. */
__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t reached[STEPS_OF_COST];
#endif

static uint64_t now(void)
{
    struct timespec time;
    check(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t per_byte(const unit *u)
{
    return u->bytes == 0 ? 0 : u->nanoseconds / u->bytes;
}

static void report(void)
{
    const char *where = getenv("NFDUMP_SLOWEST");
    for (size_t i = 0; i < KEPT && kept[i].bytes != 0; i++) {
        const unit *u = &kept[i];
        fprintf(stderr, "cost: %s%zu: %llu ns per byte; %zu bytes stored, %llu decoded, %llu us\n",
                where == NULL ? "" : where, i + 1, (unsigned long long)per_byte(u), u->size,
                (unsigned long long)u->decoded, (unsigned long long)u->nanoseconds / 1000);
        char path[4096];
        snprintf(path, sizeof path, "%s%zu", where == NULL ? "" : where, i + 1);
        FILE *out = where == NULL ? NULL : fopen(path, "wb");
        if (out != NULL) {
            (void)fwrite(u->data, 1, u->size < INPUT_MAX ? u->size : INPUT_MAX, out);
            fclose(out);
        }
    }
}

static void measure(unit *u, const uint8_t *data, size_t size)
{
    const uint64_t decoded_before = bytes_used();
    const uint64_t start = now();
    (void)fuzz_one_input(data, size);
    u->nanoseconds = now() - start;
    u->decoded = bytes_used() - decoded_before;
    u->size = size;
    u->bytes = size + u->decoded + BYTES_OF_A_CALL;
}

static void keep(const unit *u, const uint8_t *data)
{
    size_t place = KEPT - 1;
    while (place > 0 && per_byte(u) > per_byte(&kept[place - 1])) {
        kept[place] = kept[place - 1];
        place--;
    }
    kept[place] = *u;
    memcpy(kept[place].data, data, u->size < INPUT_MAX ? u->size : INPUT_MAX);
}

/* Steps of an eighth of the number, so that a little more counts as progress. */
static void note_cost(const unit *u)
{
#ifdef COST_MAX
    size_t step = 0;
    for (uint64_t rest = per_byte(u); rest > 8 && step < STEPS_OF_COST - 1; rest -= rest / 8) {
        step++;
    }
    for (size_t i = 0; i <= step; i++) {
        reached[i] = 1;
    }
    if (per_byte(u) > COST_MAX) {
        fprintf(stderr, "cost: %llu ns per byte, more than %llu\n", (unsigned long long)per_byte(u),
                (unsigned long long)COST_MAX);
        abort();
    }
#else
    (void)u;
#endif
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool registered;
    /* Too large for the stack. */
    static unit u;
    if (!registered) {
        check(atexit(report) == 0);
        registered = true;
    }
    measure(&u, data, size);
    uint64_t least = u.nanoseconds;
    for (unsigned i = 0; i < REPEATS && per_byte(&u) > per_byte(&kept[KEPT - 1]); i++) {
        measure(&u, data, size);
        least = u.nanoseconds < least ? u.nanoseconds : least;
        u.nanoseconds = least;
    }
    note_cost(&u);
    if (per_byte(&u) > per_byte(&kept[KEPT - 1])) {
        keep(&u, data);
    }
    return 0;
}
