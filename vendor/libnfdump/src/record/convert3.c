/*
 * Records of layout 3 become records of layout 2.
 *
 * A flow record of layout 3 has a bit set of extensions and a table of offsets; the extensions have
 * fixed layouts, mostly those of the elements of layout 2.  How to convert such a record depends on
 * bit set and table only, and exporters send thousands of flows with the same: a plan is made once and
 * then run for each record.  It is a list of wide copies (moves.h) and a few exact ones; the last records
 * of a block, which have nothing behind them, are made of a prepared record and exact copies only.
 *
 * Nothing grows beyond twice its size (the table of parts below shows it for each extension, given that
 * extensions do not overlap), so that the buffer for the result has a bound, and no flow is lost for
 * lack of room.  Records whose extensions can only lie over each other are dropped as damaged.
 */
#include "convert3.h"

#include <stdlib.h>

#include "../error.h"
#include "moves.h"
#include "types.h"
#include "walk.h"

enum {
    /* Of layout 3. */
    FLOW3 = 16,
    EXPORTER3 = 17,
    META3 = 18,
    FLOW3_HEADER = 24,
    EXPORTER3_HEADER = 56,
    SAMPLER3 = 24,
    FLOWS_SUBHEADER = 32,
    SMALL_SUBHEADER = 8,
    EXTENSIONS_MAX = 63, /* more bits cannot be told from a damaged record */
    RECORD_MAX = 0xFFFF,

    /* Of layout 2. */
    EXPORTER2 = 32,
    EXPORTER_STAT2 = 32,
    SAMPLER2 = 24,
    GENERIC = 48,
    APPLICATIONS2_HEADER = 14,
    NAMES2_HEADER = 12,

    /* Flags that both layouts have: event, sampled, anonymised. */
    FLAGS = 0x07,
};

/* `length` bytes at `from` of an extension are those at `to` of an element. */
typedef struct part {
    uint8_t extension; /* 0: the record header */
    uint8_t element;
    uint8_t size; /* of the element's payload */
    uint8_t from;
    uint8_t to;
    uint8_t length;
} part;

/* Ascending by extension.  An element may be put together from several parts; what no part fills is 0. */
static const part parts[] = {
    {0, NFDUMP_ELEMENT_WIDE_EXPORTER, 4, 8, 0, 4}, /* exporter number that does not fit layout 2 */
    {1, 1, 48, 0, 0, 48},
    {2, 2, 8, 0, 0, 8},
    {3, 3, 32, 0, 0, 32},
    {4, 4, 16, 0, 0, 8},
    {5, 4, 16, 0, 8, 3},
    {5, 4, 16, 4, 11, 1}, /* type of service after the device */
    {5, 4, 16, 3, 12, 1}, /* biflow direction: these two have changed places */
    {5, 4, 16, 5, 13, 1},
    {6, 5, 24, 0, 0, 24},
    {7, 6, 8, 0, 0, 8},
    {8, 7, 8, 0, 0, 8},
    {9, 10, 4, 0, 0, 4},
    {9, 8, 4, 4, 0, 4},
    {10, 11, 16, 0, 0, 16},
    {10, 9, 16, 16, 0, 16},
    {11, 12, 4, 0, 0, 4},
    {12, 13, 16, 0, 0, 16},
    {13, 14, 40, 0, 0, 40},
    {14, 15, 32, 0, 0, 16},
    {15, 15, 32, 0, 16, 16},
    {16, 16, 8, 0, 0, 8},
    {17, 17, 24, 0, 0, 24},
    {18, 20, 8, 0, 0, 8},
    {19, 21, 32, 0, 0, 32},
    {20, 22, 4, 0, 0, 4},
    {21, 19, 16, 0, 0, 15},
    {21, 25, 16, 0, 0, 8},
    {21, 25, 16, 20, 8, 4},
    {21, 25, 16, 18, 12, 1},
    {21, NFDUMP_ELEMENT_WIDE_NAT_EVENT, 2, 18, 0, 2}, /* NAT event that does not fit layout 2 */
    {21, NFDUMP_ELEMENT_EVENT_KIND, 2, 16, 0, 2}, /* kind of event */
    {22, 23, 24, 0, 0, 24},
    {23, 24, 72, 0, 0, 72},
    {24, 26, 8, 0, 0, 8},
    {28, 31, 12, 0, 0, 12},
    {29, 32, 40, 0, 0, 36},
    {30, 33, 16, 0, 0, 12},
    {30, NFDUMP_ELEMENT_WIDE_OBSERVATION, 8, 8, 0, 8}, /* observation domain that does not fit layout 2 */
    {31, 34, 4, 0, 0, 4},
    {33, 36, 8, 0, 0, 8},
    {34, 37, 28, 0, 0, 24}, /* the name of the interface gets a NUL */
    {35, 38, 32, 0, 0, 27},
    {36, 39, 8, 0, 0, 8},
    {37, 40, 4, 0, 0, 4},
    {38, 41, 8, 0, 0, 4}, /* as layout 2 has it: four NULs after the text */
    {39, 42, 4, 0, 1, 3},
};
#define PARTS (sizeof parts / sizeof *parts)

/* Sizes of extensions; 0: variable or unknown. */
static const uint8_t extension_size[64] = {
    [1] = 48, [2] = 8, [3] = 32, [4] = 8, [5] = 8, [6] = 24, [7] = 8, [8] = 8, [9] = 8, [10] = 32,
    [11] = 8, [12] = 16, [13] = 40, [14] = 16, [15] = 16, [16] = 8, [17] = 24, [18] = 8, [19] = 32, [20] = 8,
    [21] = 24, [22] = 24, [23] = 72, [24] = 8, [28] = 16, [29] = 40, [30] = 16, [31] = 8, [33] = 8, [34] = 24,
    [35] = 32, [36] = 8, [37] = 8, [38] = 4, [39] = 8,
};

/* Elements that are bytes with a length: application id, both payloads, frame. */
static uint16_t variable_element(unsigned extension)
{
    switch (extension) {
    case 25: return 27;
    case 26: return 29;
    case 27: return 30;
    case 32: return 35;
    default: return 0;
    }
}
#define VARIABLE_MAX 4u

#define BIT(id) (UINT64_C(1) << (id))
/* Elements that are there or not depending on the values of their extension. */
#define OPTIONAL                                                                                                     \
    (BIT(8) | BIT(9) | BIT(10) | BIT(11) | BIT(19) | BIT(25) | BIT(NFDUMP_ELEMENT_WIDE_EXPORTER) |                   \
     BIT(NFDUMP_ELEMENT_WIDE_OBSERVATION) | BIT(NFDUMP_ELEMENT_WIDE_NAT_EVENT) | BIT(NFDUMP_ELEMENT_EVENT_KIND))

/* One exact copy of a plan. */
typedef struct step {
    uint16_t from; /* in the record of layout 3; 0: zeros instead */
    uint16_t to;   /* in the record of layout 2 */
    uint16_t length;
} step;

typedef struct variable {
    uint16_t at; /* of the length in the record of layout 3 */
    uint16_t element;
} variable;

/* Offsets of all extensions. */
#define TABLE_WORDS 16u
_Static_assert(8 * TABLE_WORDS >= 2 * EXTENSIONS_MAX, "the table must fit");

/* 12 bytes of header, and the elements of all parts with their headers. */
#define TEMPLATE_MAX 1024u

typedef struct plan {
    uint64_t bitmap;
    uint64_t optional; /* which of the optional elements are there */
    uint64_t head;     /* first bytes of the record of layout 2, as a number: type, size, elements */
    uint32_t need;     /* bytes of a record that this plan reads, and that its extensions fill at least */
    uint32_t unknown;  /* extensions nobody has defined */
    uint32_t epoch;    /* of the block that `shape` belongs to */
    uint32_t quick;    /* the same if `convert_run3` can take such records in that block */
    uint16_t tag;      /* number of extensions + 1; 0: a free place */
    uint16_t count;    /* extensions */
    uint16_t words;    /* of 8 bytes in the table of offsets */
    uint16_t size;     /* of the record of layout 2, without variable elements */
    uint16_t shape;
    uint16_t hops4;    /* where extension 9 lies; 0 = absent */
    bool rare;         /* one of the next three is there */
    uint16_t hops6, event, observation; /* extensions 10, 21, 30 */
    uint16_t generic;  /* extension 1, if it becomes the first element */
    uint16_t misc_from, misc_to; /* extension 5 and its place in element 4, if extension 4 is there too */
    uint16_t room;     /* bytes that header, table and fixed extensions fill */
    uint16_t elements;
    uint16_t steps;
    uint16_t fixes;
    uint16_t variables;
    bool wide;         /* moves and fixes do it */
    uint64_t last_word;          /* bits of the last word of the table that are offsets */
    uint64_t table[TABLE_WORDS]; /* zero where `last_word` is */
    moves moves;
    step fix[2 * PARTS]; /* what moves cannot do */
    step step[PARTS];
    variable variable[VARIABLE_MAX];
    uint8_t template[TEMPLATE_MAX];
} plan;
#define PLAN_SETS 64u
#define PLAN_WAYS 4u

struct convert3_plans {
    uint32_t epoch;
    uint8_t oldest[PLAN_SETS]; /* the way that the next new plan takes */
    plan plan[PLAN_SETS][PLAN_WAYS];
};

void nfdump_convert3_free(convert3_plans *plans)
{
    free(plans);
}

typedef struct conversion {
    convert3_plans *plans;
    flow_index *index;
    record_buffer *out;
    uint8_t *spare; /* not null: converting in place; this is where the rest goes when there is no room */
    nfdump_block_view *view;
} conversion;

/* For values that are known to fit. */
static void put_u16(uint8_t *p, size_t value)
{
    store_u16(p, (uint16_t)value);
}

static unsigned count_bits(uint64_t set)
{
    unsigned count = 0;
    for (; set != 0; set &= set - 1) {
        count++;
    }
    return count;
}

/* As `optional_elements`, those that few records have. */
static uint64_t rare_elements(const plan *p, const uint8_t *record)
{
    uint64_t found = 0;
    if (p->hops6 != 0) {
        const uint8_t *hops = record + p->hops6;
        const bool bgp = (load_u64(hops + 16) | load_u64(hops + 24)) != 0;
        found |= bgp ? BIT(9) : 0;
        found |= (load_u64(hops) | load_u64(hops + 8)) != 0 || !bgp ? BIT(11) : 0;
    }
    if (p->event != 0) {
        const uint8_t *event = record + p->event;
        const uint16_t kind = load_u16(event + 16);
        const uint16_t nat = load_u16(event + 18);
        const bool has_nat = nat != 0;
        /* Collectors leave the kind 0, so the numbers decide; without any, what else is filled in. */
        const bool has_nsel =
            event[14] != 0 ||
            (!has_nat && kind != 2 &&
             (kind == 1 || load_u32(event + 20) == 0 || (load_u32(event + 8) | load_u16(event + 12)) != 0));
        found |= has_nsel ? BIT(19) : 0;
        found |= has_nat || !has_nsel ? BIT(25) : 0;
        found |= nat > 0xFF ? BIT(NFDUMP_ELEMENT_WIDE_NAT_EVENT) : 0;
        found |= kind != 0 ? BIT(NFDUMP_ELEMENT_EVENT_KIND) : 0;
    }
    if (p->observation != 0) {
        found |= load_u32(record + p->observation + 12) != 0 ? BIT(NFDUMP_ELEMENT_WIDE_OBSERVATION) : 0;
    }
    return found;
}

/* Which optional elements this record has.  The plan's extensions lie within it. */
static inline uint64_t optional_elements(const plan *p, const uint8_t *record)
{
    uint64_t found = load_u32(record + 8) > 0xFFFF ? BIT(NFDUMP_ELEMENT_WIDE_EXPORTER) : 0;
    if (p->hops4 != 0) {
        /* A next hop of 0.0.0.0 was not given; if none was, the one that everybody sends. */
        const bool bgp = load_u32(record + p->hops4 + 4) != 0;
        found |= bgp ? BIT(8) : 0;
        found |= load_u32(record + p->hops4) != 0 || !bgp ? BIT(10) : 0;
    }
    return p->rare ? found | rare_elements(p, record) : found;
}

/* Notes where the extensions of a record lie.  Names what is wrong with it, or returns null. */
static const char *find_extensions(plan *p, span record, uint16_t where[64])
{
    const size_t table_end = (FLOW3_HEADER + 2 * (size_t)p->count + 7) & ~(size_t)7;
    size_t rank = 0;
    size_t room = table_end;
    size_t need = table_end;
    memset(where, 0, 64 * sizeof *where);
    p->unknown = 0;
    p->variables = 0;
    if (table_end > record.length) {
        return "the offset table runs past the end of its record";
    }
    for (unsigned id = 0; id < 64; id++) {
        if ((p->bitmap >> id & 1) == 0) {
            continue;
        }
        uint16_t at = 0;
        (void)span_u16(record, FLOW3_HEADER + 2 * rank, &at);
        rank++;
        const uint16_t element = variable_element(id);
        const size_t size = element != 0 ? 4 : extension_size[id];
        if (size == 0) {
            p->unknown++;
            continue;
        }
        if (at < table_end || !span_has(record, at, size)) {
            return "an extension lies outside its record";
        }
        where[id] = at;
        room += size;
        need = at + size > need ? at + size : need;
        if (element != 0) {
            p->variable[p->variables++] = (variable){.at = at, .element = element};
        }
    }
    if (room > record.length) {
        return "extensions of a record overlap";
    }
    p->room = (uint16_t)room;
    p->need = (uint32_t)(need > room ? need : room);
    p->hops4 = where[9];
    p->hops6 = where[10];
    p->event = where[21];
    p->observation = where[30];
    p->rare = (p->hops6 | p->event | p->observation) != 0;
    return NULL;
}

/* Whether one copy of the whole payload is all that an element needs. */
static bool is_plain(const part *p)
{
    const bool only = (p == parts || p[-1].element != p->element) &&
                      (p == parts + PARTS - 1 || p[1].element != p->element);
    return only && p->to == 0 && p->length == p->size;
}

/* Prepares an element of layout 2 at `at` that begins with `from`, for records that are followed by others. */
static bool add_moves(plan *p, const part *from, const uint16_t where[64], size_t at)
{
    const size_t source = where[from->extension] + (size_t)from->from;
    if (from->element == 1 && at == FLOW_HEADER) {
        p->generic = (uint16_t)source;
        return true;
    }
    if (is_plain(from)) {
        return moves_add(&p->moves, at, from->element, from->size, source, from->length);
    }
    if (from->extension == 4 && where[5] != 0) {
        /* Both halves, of which the second is then put right. */
        p->misc_from = where[5];
        p->misc_to = (uint16_t)(at + ELEMENT_HEADER + 8);
        return moves_add(&p->moves, at, from->element, from->size, source, 8);
    }
    p->fix[p->fixes++] = (step){.to = (uint16_t)(at + ELEMENT_HEADER), .length = from->size};
    return moves_add(&p->moves, at, from->element, from->size, 0, 1);
}

/* Makes the prepared record of layout 2 and the steps that fill it. */
static void fill_plan3(plan *p, const uint16_t where[64])
{
    uint16_t payload[64] = {0};
    size_t size = FLOW_HEADER;
    p->elements = 0;
    p->steps = 0;
    p->fixes = 0;
    p->moves.count = 0;
    p->misc_to = 0;
    p->generic = 0;
    p->wide = true;
    memset(p->template, 0, sizeof p->template);
    for (size_t i = 0; i < PARTS; i++) {
        const part *from = &parts[i];
        const bool wanted =
            BIT(from->element) & OPTIONAL ? p->optional >> from->element & 1 : where[from->extension] != 0;
        if (!wanted) {
            continue;
        }
        if (payload[from->element] == 0) {
            put_u16(p->template + size, from->element);
            put_u16(p->template + size + 2, from->size + (size_t)ELEMENT_HEADER);
            payload[from->element] = (uint16_t)(size + ELEMENT_HEADER);
            p->wide = p->wide && add_moves(p, from, where, size);
            size += ELEMENT_HEADER + (size_t)from->size;
            p->elements++;
        }
        const step copy = {
            .from = (uint16_t)(where[from->extension] + from->from),
            .to = (uint16_t)(payload[from->element] + from->to),
            .length = from->length,
        };
        p->step[p->steps++] = copy;
        if (!is_plain(from) && !(from->element == 4 && p->misc_to != 0)) {
            p->fix[p->fixes++] = copy;
        }
    }
    p->elements = (uint16_t)(p->elements + p->variables);
    p->size = (uint16_t)size;
    put_u16(p->template, NFDUMP_RECORD_FLOW_LAYOUT3);
    put_u16(p->template + 2, size);
    put_u16(p->template + 4, p->elements);
    p->head = load_u64(p->template) & UINT64_C(0xFFFFFFFFFFFF);
}

/* Keeps the table of offsets, to be compared by words. */
static void keep_table(plan *p, const uint8_t *table)
{
    p->words = (uint16_t)((p->count + 3u) / 4);
    const unsigned last = p->count % 4u;
    p->last_word = last == 0 ? UINT64_MAX : (UINT64_C(1) << 16 * last) - 1;
    for (size_t i = 0; i < p->words; i++) {
        p->table[i] = load_u64(table + 8 * i);
    }
    if (p->words != 0) {
        p->table[p->words - 1u] &= p->last_word;
    }
}

/* The table of a record is filled up to whole words. */
static inline bool table_fits(const plan *p, const uint8_t *table)
{
    uint64_t differs = 0;
    size_t i = 0;
    for (; i + 1 < p->words; i++) {
        differs |= load_u64(table + 8 * i) ^ p->table[i];
    }
    if (i < p->words) {
        differs |= (load_u64(table + 8 * i) & p->last_word) ^ p->table[i];
    }
    return differs == 0;
}

/* The plan for a record, if there is one: of at least FLOW3_HEADER bytes, and `size` in all. */
static inline plan *known_plan(convert3_plans *plans, const uint8_t *record, size_t size, size_t *set)
{
    const uint64_t bitmap = load_u64(record + 16);
    const uint16_t count = load_u16(record + 4);
    *set = (size_t)((bitmap * UINT64_C(0x9E3779B97F4A7C15)) >> 58);
    for (plan *p = plans->plan[*set], *end = p + PLAN_WAYS; p != end; p++) {
        if (p->bitmap == bitmap && p->tag == count + 1u && p->need <= size && table_fits(p, record + FLOW3_HEADER) &&
            p->optional == optional_elements(p, record)) {
            return p;
        }
    }
    return NULL;
}

/* The plan for a record of at least FLOW3_HEADER bytes.  Null, with a reason, if it is damaged. */
static plan *find_plan3(convert3_plans *plans, span record, const char **reason)
{
    size_t set = 0;
    plan *p = known_plan(plans, record.data, record.length, &set);
    if (p != NULL) {
        return p;
    }
    const uint64_t bitmap = load_u64(record.data + 16);
    const uint16_t count = load_u16(record.data + 4);
    if (count_bits(bitmap) != count || count > EXTENSIONS_MAX) {
        *reason = "a record announces another number of extensions than it has";
        return NULL;
    }
    uint16_t where[64];
    p = &plans->plan[set][plans->oldest[set]];
    p->tag = 0;
    p->epoch = 0;
    p->quick = 0;
    p->bitmap = bitmap;
    p->count = count;
    *reason = find_extensions(p, record, where);
    if (*reason != NULL) {
        return NULL;
    }
    p->tag = (uint16_t)(count + 1u);
    keep_table(p, record.data + FLOW3_HEADER);
    p->optional = optional_elements(p, record.data);
    fill_plan3(p, where);
    plans->oldest[set] = (uint8_t)((plans->oldest[set] + 1u) % PLAN_WAYS);
    return p;
}

static inline void run_steps(const step *s, size_t count, const uint8_t *from, uint8_t *to)
{
    for (const step *end = s + count; s != end; s++) {
        const uint8_t *in = from + s->from;
        uint8_t *out = to + s->to;
        if (s->from == 0) {
            memset(out, 0, s->length);
            continue;
        }
        /* Calls with a constant size become plain moves. */
        switch (s->length) {
        case 4: memcpy(out, in, 4); break;
        case 8: memcpy(out, in, 8); break;
        case 16: memcpy(out, in, 16); break;
        case 24: memcpy(out, in, 24); break;
        case 32: memcpy(out, in, 32); break;
        case 48: memcpy(out, in, 48); break;
        default: memcpy(out, in, s->length); break;
        }
    }
}

/* What extension 5 is in element 4: type of service after the device and biflow direction have changed
 * places, and nothing follows the reason of the end. */
static inline uint64_t misc_of(uint64_t extension)
{
    return (extension & UINT64_C(0x0000FF0000FFFFFF)) | (extension >> 8 & UINT64_C(0xFF000000)) |
           (extension << 8 & UINT64_C(0xFF00000000));
}

/* Puts a record of layout 2 together by moves, but for its header and variable elements.  There are WIDE
 * bytes behind both records. */
static inline void move_record(const plan *p, const uint8_t *from, uint8_t *to)
{
    if (p->generic != 0) {
        const uint8_t *generic = from + p->generic;
        uint8_t *element = to + FLOW_HEADER + ELEMENT_HEADER;
        store_u32(to + FLOW_HEADER, 1 | (GENERIC + ELEMENT_HEADER) << 16);
        copy_wide(element, generic);
        copy_wide(element + WIDE, generic + WIDE);
        copy_wide(element + 2 * WIDE, generic + 2 * WIDE);
    }
    moves_run(&p->moves, from, to);
    if (p->misc_to != 0) {
        store_u64(to + p->misc_to, misc_of(load_u64(from + p->misc_from)));
    }
    run_steps(p->fix, p->fixes, from, to);
}

/* The header of a record of layout 2: type, size and number of elements, then engine type and id, number
 * of the exporter, flags, version. */
static inline void put_header(uint64_t head, const uint8_t *from, uint8_t *to)
{
    const uint64_t stored = load_u64(from + 8);
    const uint32_t sysid = (uint32_t)stored > 0xFFFF ? 0 : (uint32_t)stored;
    store_u64(to, head | (stored >> 32 & 0xFFFF) << 48);
    store_u32(to + 8, sysid | (uint32_t)(from[6] & FLAGS) << 16 | (uint32_t)from[14] << 24);
}

/* The lengths of the variable elements of a record, cut where a record of layout 2 cannot hold them. */
static bool variable_lengths(const plan *p, span record, uint32_t length[VARIABLE_MAX], size_t *total, bool *cut)
{
    size_t room = p->room;
    size_t size = p->size;
    size_t longest = 0;
    for (size_t i = 0; i < p->variables; i++) {
        const size_t at = p->variable[i].at;
        if (!span_u32(record, at, &length[i]) || length[i] > record.length - at - 4) {
            return false;
        }
        room += length[i];
        size += ELEMENT_HEADER + length[i];
        longest = length[i] > length[longest] ? i : longest;
    }
    if (room > record.length) {
        return false;
    }
    if (size > RECORD_MAX) {
        /* At most some 1000 bytes of a payload of more than 15000. */
        length[longest] -= (uint32_t)(size - RECORD_MAX);
        size = RECORD_MAX;
        *cut = true;
    }
    *total = size;
    return true;
}

/* Records of layout 2 are mostly shorter than those of layout 3, so that a block can be converted where it
 * lies, which needs half the memory.  If it cannot, what has been made goes to the other buffer. */
static void leave_place(conversion *c)
{
    if (c->spare != NULL) {
        memcpy(c->spare, c->out->data, c->out->length);
        c->out->data = c->spare;
        c->spare = NULL;
    }
}

/* Bytes that can be written before the record at `record` is read. */
static inline size_t room_before(const conversion *c, const uint8_t *record)
{
    return (c->spare == NULL ? c->out->capacity : (size_t)(record - c->out->data)) - c->out->length;
}

/* Converts one flow record, which begins `left` bytes before the end of the block.  False when memory is
 * short. */
static bool add_flow3(conversion *c, span record, size_t at, size_t left)
{
    const char *reason = "flow record is shorter than its header";
    plan *p = record.length < FLOW3_HEADER ? NULL : find_plan3(c->plans, record, &reason);
    uint32_t length[VARIABLE_MAX] = {0};
    size_t size = p == NULL ? 0 : p->size;
    bool cut = false;
    if (p != NULL && p->variables != 0 && !variable_lengths(p, record, length, &size, &cut)) {
        reason = "an extension runs past the end of its record";
        p = NULL;
    }
    if (p == NULL) {
        nfdump_note_damage(c->view, NFDUMP_E_ELEMENT, at, reason, 0, 0);
        c->view->dropped++;
        return true;
    }
    record_buffer *out = c->out;
    if (c->spare != NULL && size + WIDE > room_before(c, record.data)) {
        leave_place(c);
    }
    const size_t room = room_before(c, record.data);
    if (size > room) {
        return false;
    }
    uint8_t *to = out->data + out->length;
    const bool wide = p->wide && p->need + WIDE <= left && size + WIDE <= room;
    if (wide) {
        move_record(p, record.data, to);
    } else {
        memcpy(to, p->template, p->size);
        run_steps(p->step, p->steps, record.data, to);
    }
    put_header(p->head, record.data, to);
    c->view->unknown_elements += p->unknown;

    const size_t start = out->length;
    out->length += size;
    if (p->variables == 0) {
        if (p->epoch == c->plans->epoch) {
            return index_known_flow(c->index, start, size, p->shape);
        }
        const bool indexed = nfdump_index_flow(c->index, (span){to, size}, start, c->view, &p->shape);
        p->epoch = p->shape == NFDUMP_SHAPE_NONE ? 0 : c->plans->epoch;
        p->quick = p->wide ? p->epoch : 0;
        return indexed;
    }
    c->view->clipped += cut;
    put_u16(to + 2, size);
    uint8_t *element = to + p->size;
    for (size_t i = 0; i < p->variables; i++) {
        put_u16(element, p->variable[i].element);
        put_u16(element + 2, length[i] + ELEMENT_HEADER);
        memcpy(element + ELEMENT_HEADER, record.data + p->variable[i].at + 4, length[i]);
        element += ELEMENT_HEADER + length[i];
    }
    uint16_t shape = 0;
    return nfdump_index_flow(c->index, (span){to, size}, start, c->view, &shape);
}

FLOW_ARRAY_BEGIN
/* Converts the run of flows that starts at `at` and whose plans are known and are moves.  Most of a block is
 * such runs, so this loop is what converting costs.  Returns where the run ends; stops early when the index
 * is full. */
static SEPARATE size_t convert_run3(conversion *c, span raw, size_t at, uint32_t announced)
{
    convert3_plans *const plans = c->plans;
    flow_index *const index = c->index;
    const uint32_t epoch = plans->epoch;
    const size_t room = index->cap_flows - index->num_flows;
    const size_t wanted = announced - c->view->walked;
    const size_t most = wanted < room ? wanted : room;
    nfdump_flow_ref *const flow = flow_index_next(index);
    uint8_t *const out = c->out->data;
    const uint8_t *const end = c->spare == NULL ? out + c->out->capacity : NULL;
    size_t length = c->out->length;
    size_t added = 0;
    uint64_t unknown = 0;
    while (added < most && span_has(raw, at, FLOW3_HEADER)) {
        const uint8_t *record = raw.data + at;
        const uint32_t head = load_u32(record);
        const size_t size = head >> 16;
        if ((head & 0xFFFFu) != FLOW3 || size < FLOW3_HEADER || !span_has(raw, at, size)) {
            break;
        }
        size_t set = 0;
        const plan *p = known_plan(plans, record, size, &set);
        uint8_t *to = out + length;
        /* What is written stays in front of what is yet to be read, if both are in the same memory. */
        const size_t free = (size_t)((end == NULL ? record : end) - to);
        if (p == NULL || p->quick != epoch || !span_has(raw, at, p->need + WIDE) || p->size + WIDE > free) {
            break;
        }
        flow[added++] = (nfdump_flow_ref){.offset = (uint32_t)length, .size = p->size, .shape = p->shape};
        unknown += p->unknown;
        length += p->size;
        at += size;
        move_record(p, record, to);
        put_header(p->head, record, to);
    }
    c->out->length = length;
    index->num_flows += added;
    c->view->walked += (uint32_t)added;
    c->view->unknown_elements += unknown;
    return at;
}
FLOW_ARRAY_END

/* Room for a record of layout 2, zeroed but for its header.  Null if there is none. */
static uint8_t *new_record(record_buffer *out, uint16_t type, size_t size)
{
    if (size > out->capacity - out->length || size > RECORD_MAX) {
        return NULL;
    }
    uint8_t *record = out->data + out->length;
    memset(record, 0, size);
    put_u16(record, type);
    put_u16(record + 2, size);
    out->length += size;
    return record;
}

static bool index_record(conversion *c, const uint8_t *record)
{
    const size_t size = load_u16(record + 2);
    return nfdump_index_record(c->index, load_u16(record), (span){record, size}, (size_t)(record - c->out->data),
                               c->view);
}

/* Whether this is a whole exporter record. */
static bool is_exporter(span record)
{
    uint16_t type = 0;
    uint16_t capacity = 0;
    uint16_t count = 0;
    return span_u16(record, 0, &type) && type == EXPORTER3 && span_u16(record, 52, &capacity) &&
           span_u16(record, 54, &count) && count <= capacity &&
           record.length == EXPORTER3_HEADER + (size_t)SAMPLER3 * capacity;
}

/* An exporter becomes one record for itself, one for its counters, and one for each sampler. */
static bool add_exporter(conversion *c, span record)
{
    leave_place(c);
    const uint8_t *r = record.data;
    const uint32_t sysid = load_u32(r + 28);
    const size_t samplers = load_u16(r + 54);
    if (sysid > 0xFFFF) {
        c->view->skipped++;
        return true;
    }
    uint8_t *exporter = new_record(c->out, RECORD_EXPORTER, EXPORTER2);
    uint8_t *stat = new_record(c->out, RECORD_EXPORTER_STAT, EXPORTER_STAT2);
    if (exporter == NULL || stat == NULL) {
        return false;
    }
    memcpy(exporter + 4, r + 20, 4);  /* protocol version */
    memcpy(exporter + 8, r + 4, 16);  /* address; family 0 says that it is in network order */
    memcpy(exporter + 26, r + 28, 2); /* number */
    memcpy(exporter + 28, r + 24, 4); /* id */
    store_u32(stat + 4, 1);
    memcpy(stat + 8, r + 28, 4);
    memcpy(stat + 12, r + 48, 4);
    memcpy(stat + 16, r + 32, 16); /* packets, flows */
    if (!index_record(c, exporter) || !index_record(c, stat)) {
        return false;
    }
    for (size_t i = 0; i < samplers; i++) {
        const uint8_t *s = r + EXPORTER3_HEADER + SAMPLER3 * i;
        uint8_t *sampler = new_record(c->out, RECORD_SAMPLER, SAMPLER2);
        if (sampler == NULL) {
            return false;
        }
        put_u16(sampler + 4, sysid);
        memcpy(sampler + 6, s + 16, 2);  /* algorithm: no one is above 16 bits */
        memcpy(sampler + 8, s, 8);       /* id */
        memcpy(sampler + 16, s + 8, 8);  /* packet interval, space interval */
        if (!index_record(c, sampler)) {
            return false;
        }
    }
    return true;
}

static bool convert_flows(conversion *c, span raw)
{
    nfdump_block_view *view = c->view;
    uint32_t announced = 0;
    if (!span_has(raw, 0, FLOWS_SUBHEADER)) {
        nfdump_note_damage(view, NFDUMP_E_RECORD, 0, "block of flows is shorter than its header", raw.length,
                           FLOWS_SUBHEADER);
        return true;
    }
    (void)span_u32(raw, 0, &announced);
    record_walk walk = {.data = raw, .at = FLOWS_SUBHEADER, .announced = announced};
    record_step found;
    uint16_t type = 0;
    span record = {0};
    for (size_t at = walk.at; (found = next_record(&walk, &type, &record)) == RECORD_FOUND; at = walk.at) {
        if (type == FLOW3) {
            if (!add_flow3(c, record, at, raw.length - at)) {
                return false;
            }
        } else if (type == EXPORTER3 && is_exporter(record)) {
            if (!add_exporter(c, record)) {
                return false;
            }
        } else {
            view->skipped++; /* look-up filters and what is to come */
        }
        view->walked++;
        if (type == FLOW3) {
            walk.at = convert_run3(c, raw, walk.at, announced);
            walk.walked = view->walked;
        }
    }
    nfdump_note_step(view, &walk, found, record);
    if (found == RECORD_END && walk.at != raw.length) {
        nfdump_note_damage(view, NFDUMP_E_COUNT, walk.at, "more bytes than the announced records take", raw.length,
                           walk.at);
    }
    return true;
}

/* Collectors of nfdump 1.8 write the exporters of a block over each other, and what follows the last one
 * is memory of theirs: whatever is no exporter ends the block, and is no damage. */
static bool convert_exporters(conversion *c, span raw)
{
    uint32_t announced = 0;
    size_t at = SMALL_SUBHEADER;
    (void)span_u32(raw, 0, &announced);
    for (; c->view->walked < announced; c->view->walked++) {
        uint16_t size = 0;
        span record = {0};
        if (!span_u16(raw, at + 2, &size) || !span_sub(raw, at, size, &record) || !is_exporter(record)) {
            return true;
        }
        if (!add_exporter(c, record)) {
            return false;
        }
        at += size;
    }
    return true;
}

/* Applications: lengths of id, name and description, then these; the same lengths in a whole block. */
static bool convert_applications(conversion *c, span elements, size_t size, size_t count)
{
    const size_t id = elements.data[0];
    const size_t name = elements.data[1];
    const size_t description = elements.data[2];
    const size_t fields = id + name + description;
    if (fields == 0 || fields + 3 > size) {
        nfdump_note_damage(c->view, NFDUMP_E_RECORD, SMALL_SUBHEADER, "names do not fit their element", fields + 3,
                           size);
        return true;
    }
    const size_t most = (RECORD_MAX - APPLICATIONS2_HEADER) / fields;
    for (size_t first = 0; first < count;) {
        const size_t left = count - first;
        const size_t here = left < most ? left : most;
        uint8_t *record = new_record(c->out, RECORD_APPLICATION_NAMES, APPLICATIONS2_HEADER + here * fields);
        if (record == NULL) {
            return false;
        }
        size_t taken = 0;
        for (size_t i = first; i < first + here; i++) {
            const uint8_t *element = elements.data + i * size;
            if (element[0] != id || element[1] != name || element[2] != description) {
                nfdump_note_damage(c->view, NFDUMP_E_RECORD, SMALL_SUBHEADER + i * size,
                                   "names of another length than the first", element[1], name);
                continue;
            }
            memcpy(record + APPLICATIONS2_HEADER + taken * fields, element + 3, fields);
            taken++;
        }
        put_u16(record + 4, taken);
        put_u16(record + 6, fields);
        put_u16(record + 8, id);
        put_u16(record + 10, name);
        put_u16(record + 12, description);
        if (!index_record(c, record)) {
            return false;
        }
        first += here;
    }
    return true;
}

/* Interfaces and VRFs: a number, then a name to the end of the element. */
static bool convert_names(conversion *c, uint16_t type, span elements, size_t size, size_t count)
{
    const size_t element = (size + 3) & ~(size_t)3;
    const size_t most = element > RECORD_MAX - NAMES2_HEADER ? 0 : (RECORD_MAX - NAMES2_HEADER) / element;
    if (most == 0) {
        nfdump_note_damage(c->view, NFDUMP_E_RECORD, SMALL_SUBHEADER, "a name is too long", size, RECORD_MAX);
        return true;
    }
    for (size_t first = 0; first < count;) {
        const size_t left = count - first;
        const size_t here = left < most ? left : most;
        uint8_t *record = new_record(c->out, type, NAMES2_HEADER + here * element);
        if (record == NULL) {
            return false;
        }
        put_u16(record + 4, here);
        put_u16(record + 6, element);
        store_u32(record + 8, (uint32_t)(element - 4));
        for (size_t i = 0; i < here; i++) {
            uint8_t *to = record + NAMES2_HEADER + i * element;
            memcpy(to, elements.data + (first + i) * size, size);
            to[element - 1] = 0;
        }
        if (!index_record(c, record)) {
            return false;
        }
        first += here;
    }
    return true;
}

static bool convert_array(conversion *c, span raw)
{
    uint32_t count = 0;
    uint16_t size = 0;
    uint16_t type = 0;
    span elements = {0};
    (void)span_u32(raw, 0, &count);
    if (!span_u16(raw, 4, &size) || !span_u16(raw, 6, &type)) {
        nfdump_note_damage(c->view, NFDUMP_E_RECORD, 0, "block of names is shorter than its header", raw.length,
                           SMALL_SUBHEADER);
        return true;
    }
    /* Places, numbers of networks and the like have no flows. */
    if (type < RECORD_APPLICATION_NAMES || type > RECORD_VRF_NAMES || count == 0) {
        return true;
    }
    const uint64_t bytes = (uint64_t)count * size;
    const size_t least = type == RECORD_APPLICATION_NAMES ? 4 : 5;
    if (size < least || bytes != raw.length - SMALL_SUBHEADER ||
        !span_sub(raw, SMALL_SUBHEADER, (size_t)bytes, &elements)) {
        nfdump_note_damage(c->view, NFDUMP_E_RECORD, 0, "names do not fill their block", bytes, raw.length);
        return true;
    }
    c->view->walked = count;
    return type == RECORD_APPLICATION_NAMES ? convert_applications(c, elements, size, count)
                                            : convert_names(c, type, elements, size, count);
}

nfdump_status nfdump_convert3(convert3_plans **plans, flow_index *index, uint16_t type, span raw, record_buffer *out,
                              nfdump_block_view *view)
{
    if (*plans == NULL) {
        *plans = calloc(1, sizeof **plans);
        if (*plans == NULL) {
            return NFDUMP_E_NOMEM;
        }
    }
    conversion c = {.plans = *plans, .index = index, .out = out, .view = view};
    if (out->in_place != NULL && type == BLOCK3_FLOWS) {
        c.spare = out->data;
        out->data = out->in_place;
    }
    /* 0 is the epoch of plans that were not used yet; those of the first blocks must not seem to be of these. */
    if (++(*plans)->epoch == 0) {
        memset(*plans, 0, sizeof **plans);
        (*plans)->epoch = 1;
    }
    out->length = 0;
    nfdump_index_begin(index, NFDUMP_ELEMENT_MAX);
    bool done = true;
    switch (type) {
    case BLOCK3_FLOWS: done = convert_flows(&c, raw); break;
    case BLOCK3_EXPORTERS: done = convert_exporters(&c, raw); break;
    case BLOCK3_ARRAY: done = convert_array(&c, raw); break;
    default: break;
    }
    if (!done) {
        return NFDUMP_E_NOMEM;
    }
    nfdump_index_end(index, view);
    return NFDUMP_OK;
}
