/*
 * Records of layout 1 become records of layout 2, a block at a time.
 *
 * A flow of layout 1 is a fixed part, addresses and counters whose widths its flags tell, and the
 * extensions that its map lists, one behind the other without headers.  Each extension becomes an
 * element; some become a part of one (interfaces, counters of the other direction, MAC addresses) or
 * of the record itself (arrival, engine).  Everything the index and the accessors need is then as
 * if the file had been written by nfdump 1.7.
 *
 * Where everything goes depends on the map and on few of the flags.  A plan is made once for each of these and
 * then run for each flow (convert_run1); flows that need a closer look are converted one by one
 * (convert_flow).
 *
 * Maps may be redefined anywhere, so a flow has the last definition in front of it: in this block, else
 * that of the blocks before (map_source).
 */
#include "convert1.h"

#include <stdlib.h>

#include "../error.h"
#include "moves.h"
#include "types.h"
#include "walk.h"

enum {
    FIXED_OLD = 28, /* type 1 */
    FIXED = 32,     /* type 10 */
};

enum {
    FLAG_IPV6 = 0x01,
    FLAG_PACKETS_64 = 0x02,
    FLAG_BYTES_64 = 0x04,
    FLAG_EVENT = 0x40,
    FLAG_SAMPLED = 0x80,
    /* Not of a record: in the form of a plan. */
    FORM_OLD = 0x08,
};

/* Payload bytes of the elements that are made here. */
enum {
    GENERIC = 48,
    MISC = 16,
    COUNTERS = 24,
    MACS = 32,
    USER_NAME = 68,
    NAT_EVENT = 16,
};

enum {
    INTERFACES = 5,
    /* Bytes that INTERFACES_SHORT has not got, see repair_list. */
    INTERFACES_MISSING = 2,
};

/* Bytes of an extension 43 that can be a name; the rest of its 72 is filler. */
#define USER_NAME_LONG 65u
#define USER_NAME_SHORT 24u

#define PROTO_ICMP 1u
#define PROTO_ICMP6 58u

/*
 * How much a block can grow.  A flow of type 1 without extensions is at least 44 bytes and becomes 76.  An
 * extension of n bytes becomes at most 3 n, but for the element of interfaces and masks (20 bytes, once, of
 * at least 4) and that of counters (28 bytes, once, of at least 4), which are 8 and 16 bytes more.
 * 3 * 44 - 76 is more than these together: nothing grows to more than three times its size.
 */
_Static_assert(NFDUMP_CONVERTED_MAX == 3 * NFDUMP_BLOCK_MAX, "what a block can grow to");

struct map_slot {
    uint64_t version; /* another one for each list; 0: it never had one */
    uint32_t stamp; /* another one than the converter's: nothing is known of this map */
    bool usable;
    ext_list list;
};

#define SLOTS 65536u

/* Where a number of at most 8 bytes lies in a record, and its bits.  Without bits it is 0. */
typedef struct number_at {
    uint64_t mask;
    size_t at;
} number_at;

/* Two numbers of 2 bytes that become two of 4. */
typedef struct pair_at {
    uint16_t from;
    uint16_t to;
} pair_at;

#define PLAN_PAIRS 2u

struct flow_plan {
    uint64_t version; /* of the map; 0: a free place */
    uint64_t head;    /* first bytes of the record of layout 2, as a number: type, size, elements */
    uint32_t form;    /* what else it is for, see `form_of` */
    uint32_t epoch;   /* stamp of the block that `shape` belongs to */
    uint16_t need;    /* bytes of a record that are read */
    uint16_t size;    /* of the record of layout 2 */
    uint16_t shape;
    uint16_t elements;
    bool quick;       /* `run_plan` can do it */
    bool rare;        /* pairs, engine, counters or half an element 15 are there */
    bool interfaces16; /* of 2 bytes each */
    uint8_t pairs;
    number_at packets, bytes, received;
    /* Element 4: from extensions 4 or 5 and 8.  `misc` is its place, 0 = there is none.  Without extension 8
     * the element is left out if both interfaces are 0, which is another form. */
    uint16_t misc, routing;
    number_at interfaces;
    number_at engine;
    /* Element 5, left out if all are 0. */
    uint16_t counters;
    number_at flows, out_packets, out_bytes;
    uint16_t no_mac; /* half of element 15 that is not in the record */
    pair_at pair[PLAN_PAIRS];
    moves moves;
};

#define PLANS 1024u

static bool start(converter *c)
{
    if (c->slots == NULL) {
        c->slots = calloc(SLOTS, sizeof *c->slots);
    }
    if (c->plans == NULL) {
        c->plans = calloc(PLANS, sizeof *c->plans);
    }
    if (c->out == NULL) {
        c->out = malloc(NFDUMP_CONVERTED_MAX);
    }
    if (c->slots == NULL || c->plans == NULL || c->out == NULL) {
        return false;
    }
    c->stamp++;
    if (c->stamp == 0) {
        memset(c->slots, 0, SLOTS * sizeof *c->slots);
        memset(c->plans, 0, PLANS * sizeof *c->plans);
        c->stamp = 1;
    }
    return true;
}

nfdump_status nfdump_convert1_scan(converter *c, span data, uint32_t announced, block_scan *scan)
{
    *scan = (block_scan){0};
    if (!start(c)) {
        return NFDUMP_E_NOMEM;
    }
    map_slot *const slots = c->slots;
    const uint32_t stamp = c->stamp;
    uint32_t known = UINT32_MAX; /* the map of the flow before: it has been looked at */
    size_t at = 0;
    for (uint32_t left = announced; left != 0 && span_has(data, at, RECORD_HEADER); left--) {
        const uint8_t *record = data.data + at;
        const uint32_t head = load_u32(record);
        const uint32_t type = head & 0xFFFFu;
        const size_t size = head >> 16;
        if (size < RECORD_HEADER || size > data.length - at) {
            break;
        }
        at += size;
        if (type == RECORD_FLOW_LAYOUT1 || type == RECORD_FLOW_OLD) {
            if (size >= 8 && load_u16(record + 6) != known) {
                known = load_u16(record + 6);
                scan->needs_earlier |= slots[known].stamp != stamp;
            }
        } else if (type == RECORD_MAP && size >= 6) {
            slots[load_u16(record + 4)].stamp = stamp;
            scan->defines_maps = true;
        }
    }
    return NFDUMP_OK;
}

void nfdump_convert1_maps(span data, uint32_t announced,
                          void (*define)(void *context, uint16_t id, const ext_list *list), void *context)
{
    record_walk walk = {.data = data, .announced = announced};
    uint16_t type = 0;
    span record = {0};
    while (next_record(&walk, &type, &record) == RECORD_FOUND) {
        uint16_t id = 0;
        ext_list list;
        if (type == RECORD_MAP && span_has(record, 4, 2)) {
            const bool valid = nfdump_map_parse(record, &id, &list);
            define(context, id, valid ? &list : NULL);
        }
    }
}

/* ---- flows ------------------------------------------------------------------- */

/* A flow record of layout 1, known to be long enough for all that is read of it. */
typedef struct flow_in {
    const uint8_t *record;
    size_t fixed;    /* bytes of its fixed part */
    uint8_t flags;   /* as stored */
    uint8_t out_flags;
    const ext_list *list;
} flow_in;

/* An element header and room for its payload; returns where that begins. */
static inline uint8_t *element(uint8_t **out, uint16_t *count, uint32_t id, uint32_t payload)
{
    uint8_t *at = *out;
    store_u32(at, id | (payload + ELEMENT_HEADER) << 16);
    *out = at + ELEMENT_HEADER + payload;
    ++*count;
    return at + ELEMENT_HEADER;
}

static inline void put_pair(uint8_t *to, uint32_t first, uint32_t second)
{
    store_u64(to, first | (uint64_t)second << 32);
}

static void put_name(uint8_t *to, const uint8_t *name, size_t most)
{
    const uint8_t *nul = memchr(name, 0, most);
    memset(to, 0, USER_NAME);
    memcpy(to, name, nul == NULL ? most : (size_t)(nul - name));
}

/* Layout 2 stores the words of access lists as they came from the wire. */
static void put_acls(uint8_t *to, const uint8_t *from)
{
    for (size_t at = 0; at < 24; at += 4) {
        const uint32_t word = load_u32(from + at);
        to[at] = (uint8_t)(word >> 24);
        to[at + 1] = (uint8_t)(word >> 16);
        to[at + 2] = (uint8_t)(word >> 8);
        to[at + 3] = (uint8_t)word;
    }
}

/* What several extensions contribute to. */
typedef struct gathered {
    uint8_t *generic; /* payloads of elements */
    uint8_t *misc;    /* null: not there yet */
    uint8_t *macs;    /* null: not there yet */
    uint32_t input, output;
    uint64_t out_packets, out_bytes, flows;
    uint8_t engine_type, engine_id;
} gathered;

static inline uint8_t *mac_element(gathered *g, uint8_t **out, uint16_t *count)
{
    if (g->macs == NULL) {
        g->macs = element(out, count, 15, MACS);
        memset(g->macs, 0, MACS);
    }
    return g->macs;
}

/* The whole payload of an element.  Calls with a constant size become plain moves. */
static inline void copy_payload(uint8_t *to, const uint8_t *from, size_t size)
{
    switch (size) {
    case 4: memcpy(to, from, 4); break;
    case 8: memcpy(to, from, 8); break;
    case 16: memcpy(to, from, 16); break;
    default: memcpy(to, from, size); break;
    }
}

/* NSEL event. */
static void put_event(uint8_t *event, const uint8_t *in, uint8_t *generic)
{
    memcpy(event, in, 12);
    memcpy(event + 12, in + 16, 2);
    event[14] = in[14];
    event[15] = 0;
    /* Collectors leave the ICMP type 0 in flows of other protocols. */
    const uint8_t proto = generic[44];
    if ((proto == PROTO_ICMP || proto == PROTO_ICMP6) && load_u16(in + 12) != 0) {
        memcpy(generic + 42, in + 12, 2);
    }
}

/* Port block, whose end some exporters leave out. */
static void put_port_block(uint8_t *block, const uint8_t *in)
{
    const uint16_t size = load_u16(in + 6);
    memcpy(block, in, 8);
    if (load_u16(in + 2) == 0 && size != 0) {
        store_u16(block + 2, (uint16_t)(load_u16(in) + size - 1));
    }
}

/* NAT event and VRFs, which are two elements. */
static void put_nat(const uint8_t *in, uint8_t **out, uint16_t *count)
{
    uint8_t *event = element(out, count, 25, NAT_EVENT);
    memset(event, 0, NAT_EVENT);
    event[12] = in[0];
    memcpy(element(out, count, 36, 8), in + 4, 8);
}

/* Extensions that are a part of an element or of the record.  False if this is none of them. */
static bool gather_extension(uint8_t id, const uint8_t *in, gathered *g)
{
    switch (id) {
    case 4: g->input = load_u16(in), g->output = load_u16(in + 2); return true;
    case INTERFACES: g->input = load_u32(in), g->output = load_u32(in + 4); return true;
    case INTERFACES_SHORT: g->input = load_u32(in), g->output = load_u16(in + 4); return true;
    case 14: g->out_packets = load_u32(in); return true;
    case 15: g->out_packets = load_u64(in); return true;
    case 16: g->out_bytes = load_u32(in); return true;
    case 17: g->out_bytes = load_u64(in); return true;
    case 18: g->flows = load_u32(in); return true;
    case 19: g->flows = load_u64(in); return true;
    case 25: g->engine_type = in[2], g->engine_id = in[3]; return true;
    case 27: memcpy(g->generic + 16, in, 8); return true; /* arrival */
    default: return false;
    }
}

/* Extensions that become an element in another form. */
static void rewrite_extension(uint8_t id, const uint8_t *in, uint8_t **out, uint16_t *count, gathered *g)
{
    switch (id) {
    case 6: /* AS numbers */
        put_pair(element(out, count, 7, 8), load_u16(in), load_u16(in + 2));
        break;
    case 8: /* destination TOS, direction, masks */
        if (g->misc == NULL) {
            g->misc = element(out, count, 4, MISC);
        }
        store_u64(g->misc, 0);
        store_u64(g->misc + 8, 0);
        g->misc[8] = in[2];
        g->misc[9] = in[3];
        g->misc[10] = in[1];
        g->misc[11] = in[0];
        break;
    case 13: /* VLAN */
        put_pair(element(out, count, 6, 8), load_u16(in), load_u16(in + 2));
        break;
    case 20: /* MAC addresses: in source, out destination */
        memcpy(mac_element(g, out, count), in, 16);
        break;
    case 21: /* in destination, out source */
        memcpy(mac_element(g, out, count) + 16, in, 16);
        break;
    case 37: put_event(element(out, count, 19, 16), in, g->generic); break;
    case 41: put_acls(element(out, count, 23, 24), in); break; /* access lists */
    case 42: put_name(element(out, count, 24, USER_NAME), in, USER_NAME_SHORT); break;
    case 43: put_name(element(out, count, 24, USER_NAME), in, USER_NAME_LONG); break;
    case 46: put_nat(in, out, count); break;
    case 48: put_port_block(element(out, count, 26, 8), in); break;
    default: break; /* 47, obsolete VRFs */
    }
}

/* Appends what the extensions at `in` become; `*out` has room for it.  Of alternatives that become the
 * same element the last one counts. */
static void convert_extensions(const flow_in *flow, const uint8_t *in, uint8_t **out, uint16_t *count, gathered *g)
{
    const ext_list *list = flow->list;
    for (size_t i = 0; i < list->count; i++) {
        const uint8_t id = list->ids[i];
        const extension *facts = &nfdump_extensions[id];
        if (facts->element != 0) {
            copy_payload(element(out, count, facts->element, facts->stored), in, facts->stored);
        } else if (!gather_extension(id, in, g)) {
            rewrite_extension(id, in, out, count, g);
        }
        in += facts->stored;
    }
}

static inline uint8_t out_flags(uint8_t flags)
{
    _Static_assert(FLAG_EVENT >> 6 == FLOW_EVENT && FLAG_SAMPLED >> 6 == FLOW_SAMPLED, "the flags are shifted");
    return flags >> 6;
}

/* Writes the converted record and returns its size. */
static size_t convert_flow(const flow_in *flow, uint8_t *out)
{
    const uint8_t *record = flow->record;
    const uint8_t *in = record + flow->fixed;
    const bool is_old = flow->fixed == FIXED_OLD;
    uint8_t *at = out + FLOW_HEADER;
    uint16_t count = 0;
    gathered g = {0};

    uint8_t *generic = g.generic = element(&at, &count, 1, GENERIC);
    store_u64(generic, UINT64_C(1000) * load_u32(record + 12) + load_u16(record + 8));
    store_u64(generic + 8, UINT64_C(1000) * load_u32(record + 16) + load_u16(record + 10));
    store_u64(generic + 16, 0);
    memcpy(generic + 40, record + 24, 4);
    generic[44] = record[22];
    generic[45] = record[21];
    generic[46] = record[20];
    generic[47] = record[23];

    if (flow->flags & FLAG_IPV6) {
        memcpy(element(&at, &count, 3, 32), in, 32);
        in += 32;
    } else {
        memcpy(element(&at, &count, 2, 8), in, 8);
        in += 8;
    }
    const bool packets_64 = flow->flags & FLAG_PACKETS_64;
    store_u64(generic + 24, packets_64 ? load_u64(in) : load_u32(in));
    in += packets_64 ? 8 : 4;
    const bool bytes_64 = flow->flags & FLAG_BYTES_64;
    store_u64(generic + 32, bytes_64 ? load_u64(in) : load_u32(in));
    in += bytes_64 ? 8 : 4;

    convert_extensions(flow, in, &at, &count, &g);

    if ((g.out_packets | g.out_bytes | g.flows) != 0) {
        uint8_t *counters = element(&at, &count, 5, COUNTERS);
        store_u64(counters, g.flows);
        store_u64(counters + 8, g.out_packets);
        store_u64(counters + 16, g.out_bytes);
    }
    if (g.misc == NULL && (g.input | g.output) != 0) {
        g.misc = element(&at, &count, 4, MISC);
        store_u64(g.misc + 8, 0);
    }
    if (g.misc != NULL) {
        put_pair(g.misc, g.input, g.output);
        /* Biflow direction and end reason are in the fixed part, but alone make no element: nfdump makes
         * none, and the keys of a flow tell what the exporter sent. */
        store_u16(g.misc + 12, is_old ? 0 : load_u16(record + 30));
    }

    const size_t size = (size_t)(at - out);
    store_u16(out, RECORD_FLOW);
    store_u16(out + 2, (uint16_t)size);
    store_u16(out + 4, count);
    out[6] = g.engine_type;
    out[7] = g.engine_id;
    store_u16(out + 8, is_old ? record[5] : load_u16(record + 28));
    out[10] = flow->out_flags;
    out[11] = is_old ? 0 : record[5];
    return size;
}

/* ---- plans -------------------------------------------------------------------- */

/* Flags that tell widths, and the type of the record. */
static inline uint32_t form_of(uint32_t flags, uint32_t type)
{
    return (flags & (FLAG_IPV6 | FLAG_PACKETS_64 | FLAG_BYTES_64)) | (type == RECORD_FLOW_OLD ? FORM_OLD : 0);
}

/* There are 8 bytes at any place that a number can have, since WIDE bytes follow the record. */
static inline uint64_t number(const uint8_t *record, const number_at *where)
{
    return load_u64(record + where->at) & where->mask;
}

static inline uint64_t widened(uint32_t two)
{
    return (two & 0xFFFFu) | (uint64_t)(two >> 16) << 32;
}

/* A plan in the making: where the next extension lies, where the next element goes. */
typedef struct planning {
    flow_plan *plan;
    size_t from;
    size_t to;
    uint16_t macs;       /* place of element 15 */
} planning;

static bool plan_element(planning *w, uint32_t id, size_t size, size_t from, size_t length)
{
    if (!moves_add(&w->plan->moves, w->to, id, size, from, length)) {
        return false;
    }
    w->to += ELEMENT_HEADER + size;
    w->plan->elements++;
    return true;
}

/* An element whose payload is put there afterwards; `*place` is where. */
static bool plan_room(planning *w, uint32_t id, size_t size, uint16_t *place)
{
    *place = (uint16_t)(w->to + ELEMENT_HEADER);
    return plan_element(w, id, size, 0, 1);
}

static bool plan_number(planning *w, number_at *where, size_t bytes)
{
    const bool first = where->mask == 0;
    *where = (number_at){.mask = bytes == 8 ? UINT64_MAX : UINT32_MAX, .at = w->from};
    w->from += bytes;
    return first;
}

/* Half of the MAC addresses. */
static bool plan_macs(planning *w, size_t half)
{
    flow_plan *p = w->plan;
    const size_t from = w->from;
    w->from += 16;
    if (w->macs == 0) {
        const size_t at = w->to;
        w->macs = (uint16_t)(at + ELEMENT_HEADER);
        p->no_mac = (uint16_t)(w->macs + (half == 0 ? 16 : 0));
        if (half == 0) {
            return plan_element(w, 15, MACS, from, 16);
        }
        /* The header, then the second half: 16 bytes are exactly one move. */
        if (!plan_element(w, 15, MACS, 0, 1) || p->moves.count == MOVES_MAX) {
            return false;
        }
    } else {
        if (p->no_mac != w->macs + half || p->moves.count == MOVES_MAX) {
            return false;
        }
        p->no_mac = 0;
    }
    p->moves.list[p->moves.count++] = (move){.from = (uint16_t)from, .to = (uint16_t)(w->macs + half)};
    return true;
}

/* Two numbers of 2 bytes. */
static bool plan_pair(planning *w, uint32_t id)
{
    flow_plan *p = w->plan;
    if (p->pairs == PLAN_PAIRS) {
        return false;
    }
    p->pair[p->pairs] = (pair_at){.from = (uint16_t)w->from};
    w->from += 4;
    return plan_room(w, id, 8, &p->pair[p->pairs++].to);
}

/* False for what needs a closer look at each flow, and for what no writer does. */
static bool plan_extension(planning *w, uint8_t id)
{
    flow_plan *p = w->plan;
    const extension *facts = &nfdump_extensions[id];
    if (facts->element != 0) {
        w->from += facts->stored;
        return plan_element(w, facts->element, facts->stored, w->from - facts->stored, facts->stored);
    }
    switch (id) {
    case 4: p->interfaces16 = true; return plan_number(w, &p->interfaces, 4);
    case INTERFACES: return plan_number(w, &p->interfaces, 8);
    case 6: return plan_pair(w, 7);
    case 8:
        if (p->routing != 0) {
            return false;
        }
        p->routing = (uint16_t)w->from;
        w->from += 4;
        return plan_room(w, 4, MISC, &p->misc);
    case 13: return plan_pair(w, 6);
    case 14: return plan_number(w, &p->out_packets, 4);
    case 15: return plan_number(w, &p->out_packets, 8);
    case 16: return plan_number(w, &p->out_bytes, 4);
    case 17: return plan_number(w, &p->out_bytes, 8);
    case 18: return plan_number(w, &p->flows, 4);
    case 19: return plan_number(w, &p->flows, 8);
    case 20: return plan_macs(w, 0);
    case 21: return plan_macs(w, 16);
    case 25: return plan_number(w, &p->engine, 4);
    case 27: return plan_number(w, &p->received, 8);
    case 47: w->from += 8; return true;
    default: return false;
    }
}

static bool fill_plan1(flow_plan *p, const ext_list *list)
{
    const bool is_old = (p->form & FORM_OLD) != 0;
    planning w = {.plan = p, .from = is_old ? FIXED_OLD : FIXED, .to = FLOW_HEADER + ELEMENT_HEADER + GENERIC};
    p->elements = 1;
    const size_t addresses = p->form & FLAG_IPV6 ? 32 : 8;
    bool done = plan_element(&w, p->form & FLAG_IPV6 ? 3 : 2, addresses, w.from, addresses);
    w.from += addresses;
    done = done && plan_number(&w, &p->packets, p->form & FLAG_PACKETS_64 ? 8 : 4);
    done = done && plan_number(&w, &p->bytes, p->form & FLAG_BYTES_64 ? 8 : 4);
    for (size_t i = 0; done && i < list->count; i++) {
        done = plan_extension(&w, list->ids[i]);
    }
    if (done && (p->out_packets.mask | p->out_bytes.mask | p->flows.mask) != 0) {
        done = plan_room(&w, 5, COUNTERS, &p->counters);
    }
    if (done && p->interfaces.mask != 0 && p->misc == 0) {
        done = plan_room(&w, 4, MISC, &p->misc);
    }
    p->need = (uint16_t)w.from;
    p->size = (uint16_t)w.to;
    p->head = RECORD_FLOW | (uint64_t)p->size << 16 | (uint64_t)p->elements << 32;
    p->rare = p->pairs != 0 || p->engine.mask != 0 || p->counters != 0 || p->no_mac != 0;
    return done;
}

static inline flow_plan *plan_place(flow_plan *plans, uint64_t version, uint32_t form)
{
    return &plans[(version * 16 + form) % PLANS];
}

/* The plan for a flow whose map is valid. */
static flow_plan *find_plan1(converter *c, const map_slot *slot, uint32_t form)
{
    flow_plan *p = plan_place(c->plans, slot->version, form);
    if (p->version != slot->version || p->form != form) {
        *p = (flow_plan){.version = slot->version, .form = form};
        p->quick = fill_plan1(p, &slot->list);
    }
    return p;
}

/* What few flows have; false as in `run_plan`.  Engine type and id go into the head of the record. */
static bool run_rare(const flow_plan *p, const uint8_t *record, uint8_t *to, uint64_t *head)
{
    for (size_t i = 0; i < p->pairs; i++) {
        store_u64(to + p->pair[i].to, widened(load_u32(record + p->pair[i].from)));
    }
    if (p->counters != 0) {
        const uint64_t flows = number(record, &p->flows);
        const uint64_t packets = number(record, &p->out_packets);
        const uint64_t octets = number(record, &p->out_bytes);
        if ((flows | packets | octets) == 0) {
            return false;
        }
        store_u64(to + p->counters, flows);
        store_u64(to + p->counters + 8, packets);
        store_u64(to + p->counters + 16, octets);
    }
    if (p->no_mac != 0) {
        memset(to + p->no_mac, 0, 16);
    }
    *head |= number(record, &p->engine) >> 16 << 48;
    return true;
}

/* Converts a flow that is long enough for its plan, with WIDE bytes behind it and behind `to`.  False, and
 * nothing of use is written, if this flow lacks elements that others with this plan have. */
static inline bool run_plan(const flow_plan *p, const uint8_t *record, uint8_t *to, uint8_t flow_flags)
{
    const bool is_old = (p->form & FORM_OLD) != 0;
    const uint64_t stored = load_u64(record + 16);
    uint8_t *generic = to + FLOW_HEADER + ELEMENT_HEADER;
    store_u32(to + FLOW_HEADER, 1 | (GENERIC + ELEMENT_HEADER) << 16);
    store_u64(generic, UINT64_C(1000) * load_u32(record + 12) + load_u16(record + 8));
    store_u64(generic + 8, UINT64_C(1000) * (uint32_t)stored + load_u16(record + 10));
    store_u64(generic + 16, number(record, &p->received));
    store_u64(generic + 24, number(record, &p->packets));
    store_u64(generic + 32, number(record, &p->bytes));
    memcpy(generic + 40, record + 24, 4); /* ports */
    /* Forwarding status and protocol change places. */
    const uint32_t bytes = (uint32_t)(stored >> 32);
    store_u32(generic + 44, (bytes & 0xFF00FF00u) | ((bytes << 16 | bytes >> 16) & 0x00FF00FFu));
    moves_run(&p->moves, record, to);
    if (p->misc != 0) {
        uint64_t interfaces = number(record, &p->interfaces);
        interfaces = p->interfaces16 ? widened((uint32_t)interfaces) : interfaces;
        uint64_t routing = is_old ? 0 : (uint64_t)load_u16(record + 30) << 32;
        if (p->routing != 0) {
            /* Stored: type of service after the device, direction, masks. */
            const uint32_t four = load_u32(record + p->routing);
            const uint16_t first = (uint16_t)four;
            routing |= four >> 16 | (uint32_t)(uint16_t)(first << 8 | first >> 8) << 16;
        } else if (interfaces == 0) {
            return false;
        }
        store_u64(to + p->misc, interfaces);
        store_u64(to + p->misc + 8, routing);
    }
    uint64_t head = p->head;
    if (p->rare && !run_rare(p, record, to, &head)) {
        return false;
    }
    const uint32_t flags = (uint32_t)(flow_flags | out_flags(record[4])) << 16;
    store_u64(to, head);
    store_u32(to + 8, flags | (is_old ? record[5] : load_u16(record + 28) | (uint32_t)record[5] << 24));
    return true;
}

/* ---- blocks ------------------------------------------------------------------- */

typedef struct run {
    converter *c;
    flow_index *index;
    const map_source *earlier;
    nfdump_block_view *view;
    size_t at; /* of the record in work */
    size_t length; /* bytes converted */
    bool keep_partial;
    uint8_t flow_flags;
} run;

static void note(run *r, const char *reason, uint64_t value, uint64_t limit)
{
    nfdump_note_damage(r->view, NFDUMP_E_RECORD, r->at, reason, value, limit);
}

/* Sets the list of a map, or notes that there is none that is valid. */
static void set_map(converter *c, map_slot *slot, const ext_list *list)
{
    slot->stamp = c->stamp;
    slot->usable = list != NULL;
    /* The same again is the rule. */
    if (list != NULL && (slot->version == 0 || slot->list.count != list->count || slot->list.extent != list->extent ||
                         memcmp(slot->list.ids, list->ids, list->count) != 0)) {
        slot->version = ++c->versions;
        slot->list = *list;
    }
}

/* The map that counts for a flow here; not usable if there is none. */
static const map_slot *find_map(run *r, uint16_t id)
{
    map_slot *slot = &r->c->slots[id];
    if (slot->stamp != r->c->stamp) {
        ext_list list;
        const bool found = r->earlier != NULL && r->earlier->find(r->earlier->context, id, &list);
        set_map(r->c, slot, found ? &list : NULL);
    }
    return slot;
}

static void add_map(run *r, span record)
{
    uint16_t id = 0;
    ext_list list;
    const bool usable = nfdump_map_parse(record, &id, &list);
    if (!usable) {
        note(r, "not a valid extension map", record.length, 0);
    }
    if (span_has(record, 4, 2)) {
        set_map(r->c, &r->c->slots[id], usable ? &list : NULL);
    }
}

/* nfdump 1.6.13 stores the interfaces of exporters that tell none for output in 6 bytes where the map
 * says 8.  True if a record that is so much too short has them; `repaired` is the list that fits. */
static bool repair_list(const ext_list *list, ext_list *repaired)
{
    uint8_t *found = memchr(list->ids, INTERFACES, list->count);
    if (found == NULL) {
        return false;
    }
    *repaired = *list;
    repaired->ids[found - list->ids] = INTERFACES_SHORT;
    return true;
}

/* The extensions that can be read of a flow with `room` bytes for them; null if it is to be dropped. */
static const ext_list *usable_list(run *r, const map_slot *map, uint16_t id, size_t room, ext_list *repaired)
{
    static const ext_list nothing = {0};
    if (!map->usable) {
        note(r, "flow without a valid extension map", id, 0);
        if (!r->keep_partial) {
            r->view->dropped++;
            return NULL;
        }
    } else if (room >= map->list.extent) {
        return &map->list;
    } else if (room + INTERFACES_MISSING == map->list.extent && repair_list(&map->list, repaired)) {
        return repaired;
    } else {
        note(r, "flow record is shorter than its extension map tells", room, map->list.extent);
    }
    r->view->clipped++;
    return &nothing;
}

/* Takes over a converted record; `*shape` becomes that of the flow.  False when memory is short. */
static bool index_made(run *r, size_t size, uint16_t *shape)
{
    const size_t at = r->length;
    r->length += size;
    return nfdump_index_flow(r->index, (span){r->c->out + at, size}, at, r->view, shape);
}

/* Adds one flow, which begins `left` bytes before the end of the block.  False when memory is short. */
static bool add_flow1(run *r, span record, uint16_t type, size_t left)
{
    const size_t fixed = type == RECORD_FLOW_OLD ? FIXED_OLD : FIXED;
    if (record.length < fixed) {
        note(r, "flow record is shorter than its fixed part", record.length, fixed);
        r->view->dropped++;
        return true;
    }
    flow_in flow = {.record = record.data, .fixed = fixed, .flags = record.data[4]};
    const size_t required = fixed + (flow.flags & FLAG_IPV6 ? 32 : 8) + (flow.flags & FLAG_PACKETS_64 ? 8 : 4) +
                            (flow.flags & FLAG_BYTES_64 ? 8 : 4);
    if (record.length < required) {
        note(r, "flow record is shorter than its flags tell", record.length, required);
        r->view->dropped++;
        return true;
    }
    const uint16_t id = load_u16(record.data + 6);
    const map_slot *map = find_map(r, id);
    const span out = {r->c->out, NFDUMP_CONVERTED_MAX};
    uint16_t shape = 0;
    if (map->usable && record.length - required >= map->list.extent) {
        flow_plan *p = find_plan1(r->c, map, form_of(flow.flags, type));
        if (p->quick && p->need + WIDE <= left && span_has(out, r->length, p->size + WIDE) &&
            run_plan(p, record.data, r->c->out + r->length, r->flow_flags)) {
            const bool made = index_made(r, p->size, &p->shape);
            p->epoch = p->shape == NFDUMP_SHAPE_NONE ? 0 : r->c->stamp;
            return made;
        }
    }
    ext_list repaired;
    flow.out_flags = r->flow_flags | out_flags(flow.flags);
    flow.list = usable_list(r, map, id, record.length - required, &repaired);
    return flow.list == NULL || index_made(r, convert_flow(&flow, r->c->out + r->length), &shape);
}

FLOW_ARRAY_BEGIN
/* Converts the run of flows that the walk has come to and whose plans are known and serve.  Most of a block
 * is such runs, so this loop is what converting costs.  Stops early when the index is full. */
static SEPARATE void convert_run1(run *r, record_walk *walk)
{
    converter *const c = r->c;
    flow_index *const index = r->index;
    const map_slot *const slots = c->slots;
    flow_plan *const plans = c->plans;
    const uint32_t stamp = c->stamp;
    const size_t room = index->cap_flows - index->num_flows;
    const size_t wanted = walk->announced - walk->walked;
    const size_t most = wanted < room ? wanted : room;
    nfdump_flow_ref *const flow = flow_index_next(index);
    const span data = walk->data;
    const span out = {c->out, NFDUMP_CONVERTED_MAX};
    const uint8_t flow_flags = r->flow_flags;
    size_t at = walk->at;
    size_t length = r->length;
    size_t added = 0;
    while (added < most && span_has(data, at, FIXED_OLD)) {
        const uint8_t *record = data.data + at;
        const size_t left = data.length - at;
        const uint64_t head = load_u64(record);
        const uint32_t type = head & 0xFFFFu;
        const size_t size = head >> 16 & 0xFFFFu;
        const map_slot *slot = &slots[head >> 48];
        if ((type != RECORD_FLOW_LAYOUT1 && type != RECORD_FLOW_OLD) || slot->stamp != stamp || !slot->usable) {
            break;
        }
        const uint32_t form = form_of((uint32_t)(head >> 32), type);
        const flow_plan *p = plan_place(plans, slot->version, form);
        /* Plans with a shape here are quick. */
        if (p->version != slot->version || p->form != form || p->epoch != stamp || size < p->need || size > left ||
            p->need + WIDE > left || !span_has(out, length, p->size + WIDE) ||
            !run_plan(p, record, c->out + length, flow_flags)) {
            break;
        }
        flow[added++] = (nfdump_flow_ref){.offset = (uint32_t)length, .size = p->size, .shape = p->shape};
        length += p->size;
        at += size;
    }
    r->length = length;
    index->num_flows += added;
    walk->at = at;
    walk->walked += (uint32_t)added;
}
FLOW_ARRAY_END

nfdump_status nfdump_convert1(converter *c, flow_index *index, span data, uint32_t announced, const map_source *earlier,
                              bool keep_partial, uint8_t flow_flags, nfdump_block_view *view, span *out)
{
    record_walk walk = {.data = data, .announced = announced};
    run r = {.c = c,
             .index = index,
             .earlier = earlier,
             .view = view,
             .keep_partial = keep_partial,
             .flow_flags = flow_flags};
    if (data.length > NFDUMP_BLOCK_MAX || !start(c)) {
        return NFDUMP_E_NOMEM;
    }
    nfdump_index_begin(index, NFDUMP_ELEMENT_MAX_LAYOUT2);
    for (;;) {
        uint16_t type = 0;
        span record = {0};
        bool added = true;
        r.at = walk.at;
        view->walked = walk.walked;
        const record_step found = next_record(&walk, &type, &record);
        if (found != RECORD_FOUND) {
            /* Whether there are as many as announced is not checked in layout 1. */
            if (found != RECORD_MISSING) {
                nfdump_note_step(view, &walk, found, record);
            }
            break;
        }
        switch (type) {
        case RECORD_FLOW_LAYOUT1:
        case RECORD_FLOW_OLD:
            added = add_flow1(&r, record, type, data.length - r.at);
            convert_run1(&r, &walk);
            break;
        case RECORD_MAP:
            add_map(&r, record);
            view->skipped++;
            break;
        case RECORD_EXPORTER:
        case RECORD_EXPORTER_STAT:
        case RECORD_SAMPLER_LEGACY: /* as layout 2 has them */
            memcpy(c->out + r.length, record.data, record.length);
            added = nfdump_index_record(index, type, (span){c->out + r.length, record.length}, r.length, view);
            r.length += record.length;
            break;
        default:
            view->skipped++;
            break;
        }
        if (!added) {
            return NFDUMP_E_NOMEM;
        }
    }
    nfdump_index_end(index, view);
    *out = (span){c->out, r.length};
    return NFDUMP_OK;
}

void nfdump_convert1_free(converter *c)
{
    free(c->out);
    free(c->slots);
    free(c->plans);
    c->out = NULL;
    c->plans = NULL;
    c->slots = NULL;
}
