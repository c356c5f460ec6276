/* Reads the symbols of a bzip2 stream to count what its blocks hold; see the header. */
#include "bz2_size.h"

enum {
    /* "BZh" and the level. */
    STREAM_HEADER = 4,
    GROUPS_MIN = 2,
    GROUPS_MAX = 6,
    /* Bytes, the two run symbols less the first byte, and the end of the block. */
    SYMBOLS_MAX = 258,
    LENGTH_MAX = 20,
    /* So many symbols are coded with the table that a selector names. */
    SYMBOLS_OF_SELECTOR = 50,
    /* Selectors beyond these are ignored. */
    SELECTORS_MAX = 18002,
    RUN_A = 0,
    RUN_B = 1,
    /* A run of more digits is longer than any block. */
    RUN_DIGITS_MAX = 21,
};

/* The halves of the marks of a block and of the end of the stream. */
#define BLOCK_MARK_HIGH 0x314159u
#define BLOCK_MARK_LOW 0x265359u

/* Bits, the highest of a byte first. */
typedef struct bit_reader {
    span bytes;
    size_t at;     /* the next byte */
    uint32_t held; /* bits that were taken from the bytes, the last `count` of them */
    unsigned count;
    bool failed; /* the bytes have ended, or are damaged */
} bit_reader;

/* The next `count` bits, at most 24; 0 after the end. */
static uint32_t take(bit_reader *r, unsigned count)
{
    while (r->count < count) {
        if (r->at >= r->bytes.length) {
            r->failed = true;
            return 0;
        }
        r->held = r->held << 8 | r->bytes.data[r->at++];
        r->count += 8;
    }
    r->count -= count;
    return r->held >> r->count & ((UINT32_C(1) << count) - 1);
}

/* A canonical prefix code: how many symbols have each length, and the symbols in the order of their codes. */
typedef struct code_table {
    uint16_t count[LENGTH_MAX + 1];
    uint16_t symbol[SYMBOLS_MAX];
} code_table;

static void read_table(bit_reader *r, unsigned symbols, code_table *table)
{
    uint8_t lengths[SYMBOLS_MAX];
    uint16_t place[LENGTH_MAX + 2] = {0};
    unsigned length = take(r, 5);
    *table = (code_table){0};
    for (unsigned i = 0; i < symbols && !r->failed; i++) {
        while (length >= 1 && length <= LENGTH_MAX && take(r, 1) == 1) {
            length = take(r, 1) == 0 ? length + 1 : length - 1;
        }
        if (length < 1 || length > LENGTH_MAX) {
            r->failed = true;
        } else {
            lengths[i] = (uint8_t)length;
            table->count[length]++;
        }
    }
    if (r->failed) {
        return;
    }
    for (unsigned i = 1; i <= LENGTH_MAX; i++) {
        place[i + 1] = (uint16_t)(place[i] + table->count[i]);
    }
    for (unsigned i = 0; i < symbols; i++) {
        table->symbol[place[lengths[i]]++] = (uint16_t)i;
    }
}

static unsigned next_symbol(bit_reader *r, const code_table *table)
{
    uint32_t code = 0;
    uint32_t first = 0;
    uint32_t index = 0;
    for (unsigned length = 1; length <= LENGTH_MAX && !r->failed; length++) {
        const uint32_t count = table->count[length];
        code |= take(r, 1);
        if (code - first < count) {
            return table->symbol[index + code - first];
        }
        index += count;
        first = (first + count) << 1;
        code <<= 1;
    }
    r->failed = true;
    return 0;
}

/* Which bytes occur in a block: 16 bits for the ranges of 16 that do, then 16 for each of these. */
static unsigned count_bytes(bit_reader *r)
{
    unsigned used = 0;
    const uint32_t ranges = take(r, 16);
    for (unsigned i = 0; i < 16; i++) {
        uint32_t bytes = ranges >> i & 1 ? take(r, 16) : 0;
        for (; bytes != 0; bytes &= bytes - 1) {
            used++;
        }
    }
    return used;
}

/* The tables of groups of symbols, as a list in which the last one that was used is the first. */
static void read_selectors(bit_reader *r, unsigned groups, unsigned count, uint8_t *selectors)
{
    uint8_t order[GROUPS_MAX] = {0, 1, 2, 3, 4, 5};
    for (unsigned i = 0; i < count && !r->failed; i++) {
        unsigned place = 0;
        while (take(r, 1) == 1) {
            if (++place >= groups) {
                r->failed = true;
                return;
            }
        }
        const uint8_t found = order[place];
        for (; place > 0; place--) {
            order[place] = order[place - 1];
        }
        order[0] = found;
        if (i < SELECTORS_MAX) {
            selectors[i] = found;
        }
    }
}

/* Adds the bytes of a block, of which the mark was read, to `*held`; stops above `most`. */
static void count_block(bit_reader *r, size_t *held, size_t most)
{
    code_table tables[GROUPS_MAX];
    uint8_t selectors[SELECTORS_MAX];
    (void)take(r, 16), (void)take(r, 16); /* checksum */
    (void)take(r, 1);                     /* randomised */
    (void)take(r, 24);                    /* where the original is in the sorted order */
    const unsigned symbols = count_bytes(r) + 2;
    const unsigned groups = take(r, 3);
    unsigned count = take(r, 15);
    if (r->failed || symbols == 2 || groups < GROUPS_MIN || groups > GROUPS_MAX || count == 0) {
        r->failed = true;
        return;
    }
    read_selectors(r, groups, count, selectors);
    count = count < SELECTORS_MAX ? count : SELECTORS_MAX;
    for (unsigned i = 0; i < groups; i++) {
        read_table(r, symbols, &tables[i]);
    }
    unsigned digits = 0;
    for (unsigned i = 0; i < count * SYMBOLS_OF_SELECTOR && *held <= most; i++) {
        const unsigned symbol = next_symbol(r, &tables[selectors[i / SYMBOLS_OF_SELECTOR]]);
        if (r->failed || symbol == symbols - 1) {
            return;
        }
        if (symbol > RUN_B) {
            digits = 0;
            *held += 1;
        } else if (digits < RUN_DIGITS_MAX) {
            *held += (size_t)(symbol + 1) << digits++;
        } else {
            break;
        }
    }
    /* Neither the end of the block nor damage: more symbols than there are selectors for, or too long a run. */
    r->failed = true;
}

bool nfdump_bz2_is_within(span stored, size_t most)
{
    bit_reader r = {.bytes = stored, .at = STREAM_HEADER};
    size_t held = 0;
    while (!r.failed && held <= most && take(&r, 24) == BLOCK_MARK_HIGH && take(&r, 24) == BLOCK_MARK_LOW) {
        count_block(&r, &held, most);
    }
    return held <= most;
}
