/*
 * Records of layout 1 become records of layout 2, a block at a time.
 *
 * A flow of layout 1 is a fixed part, addresses and counters whose widths its flags tell, and the
 * extensions that its map lists, one behind the other without headers.  Each extension becomes an
 * element; some become a part of one (interfaces, counters of the other direction, MAC addresses) or
 * of the record itself (arrival, engine).  Everything the index and the accessors need is then as
 * if the file had been written by nfdump 1.7.
 *
 * Maps may be redefined anywhere, so a flow has the last definition in front of it: in this block, else
 * that of the blocks before (map_source).
 */
#include "convert1.h"

#include <stdlib.h>

#include "../error.h"
#include "types.h"

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
    /* Not stored: extension 5 with an output interface of 2 bytes, see repair_list. */
    INTERFACES_SHORT = 1,
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
    uint32_t stamp; /* another one than the converter's: nothing is known of this map */
    bool usable;
    ext_list list;
};

#define SLOTS 65536u

/* Walks records: false at the end of what is there or announced.  `*damage` tells of a bad size. */
typedef struct record_walk {
    span data;
    size_t at;
    uint32_t left;
    uint32_t walked;
} record_walk;

typedef enum step {
    STEP_RECORD,
    STEP_END,
    STEP_CUT, /* less than a record header is left */
    STEP_SIZE /* a size that cannot be */
} step;

static inline step next_record(record_walk *walk, uint16_t *type, span *record)
{
    uint16_t size = 0;
    if (walk->walked == walk->left || walk->at == walk->data.length) {
        return STEP_END;
    }
    if (!span_u16(walk->data, walk->at, type) || !span_u16(walk->data, walk->at + 2, &size)) {
        return STEP_CUT;
    }
    if (size < RECORD_HEADER || !span_sub(walk->data, walk->at, size, record)) {
        record->length = size;
        return STEP_SIZE;
    }
    walk->walked++;
    walk->at += size;
    return STEP_RECORD;
}

static bool start(converter *c)
{
    if (c->slots == NULL) {
        c->slots = calloc(SLOTS, sizeof *c->slots);
    }
    if (c->out == NULL) {
        c->out = malloc(NFDUMP_CONVERTED_MAX);
    }
    if (c->slots == NULL || c->out == NULL) {
        return false;
    }
    c->stamp++;
    if (c->stamp == 0) {
        memset(c->slots, 0, SLOTS * sizeof *c->slots);
        c->stamp = 1;
    }
    return true;
}

nfdump_status nfdump_convert1_scan(converter *c, span data, uint32_t announced, block_scan *scan)
{
    record_walk walk = {.data = data, .left = announced};
    uint16_t type = 0;
    span record = {0};
    *scan = (block_scan){0};
    if (!start(c)) {
        return NFDUMP_E_NOMEM;
    }
    while (next_record(&walk, &type, &record) == STEP_RECORD) {
        uint16_t id = 0;
        switch (type) {
        case RECORD_MAP:
            if (span_u16(record, 4, &id)) {
                c->slots[id].stamp = c->stamp;
                scan->defines_maps = true;
            }
            break;
        case RECORD_FLOW_LAYOUT1:
        case RECORD_FLOW_OLD:
            scan->needs_earlier |= span_u16(record, 6, &id) && c->slots[id].stamp != c->stamp;
            break;
        default:
            break;
        }
    }
    return NFDUMP_OK;
}

void nfdump_convert1_maps(span data, uint32_t announced, void (*define)(void *context, uint16_t id, const ext_list *list),
                          void *context)
{
    record_walk walk = {.data = data, .left = announced};
    uint16_t type = 0;
    span record = {0};
    while (next_record(&walk, &type, &record) == STEP_RECORD) {
        uint16_t id = 0;
        ext_list list;
        if (type == RECORD_MAP && span_has(record, 4, 2)) {
            define(context, id, nfdump_map_parse(record, &id, &list) ? &list : NULL);
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

/* Appends what the extensions at `in` become; `*out` has room for it.  Of alternatives that become the
 * same element the last one counts. */
static void convert_extensions(const flow_in *flow, const uint8_t *in, uint8_t **out, uint16_t *count, gathered *g)
{
    const ext_list *list = flow->list;
    for (size_t i = 0; i < list->count; i++) {
        switch (list->ids[i]) {
        case INTERFACES_SHORT:
            g->input = load_u32(in);
            g->output = load_u16(in + 4);
            in += 6;
            break;
        case 4: /* interfaces */
            g->input = load_u16(in);
            g->output = load_u16(in + 2);
            in += 4;
            break;
        case 5:
            g->input = load_u32(in);
            g->output = load_u32(in + 4);
            in += 8;
            break;
        case 6: /* AS numbers */
            put_pair(element(out, count, 7, 8), load_u16(in), load_u16(in + 2));
            in += 4;
            break;
        case 7:
            memcpy(element(out, count, 7, 8), in, 8);
            in += 8;
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
            in += 4;
            break;
        case 9: /* next hop */
            memcpy(element(out, count, 10, 4), in, 4);
            in += 4;
            break;
        case 10:
            memcpy(element(out, count, 11, 16), in, 16);
            in += 16;
            break;
        case 11: /* BGP next hop */
            memcpy(element(out, count, 8, 4), in, 4);
            in += 4;
            break;
        case 12:
            memcpy(element(out, count, 9, 16), in, 16);
            in += 16;
            break;
        case 13: /* VLAN */
            put_pair(element(out, count, 6, 8), load_u16(in), load_u16(in + 2));
            in += 4;
            break;
        case 14: /* packets, bytes after the device; flows */
            g->out_packets = load_u32(in);
            in += 4;
            break;
        case 15:
            g->out_packets = load_u64(in);
            in += 8;
            break;
        case 16:
            g->out_bytes = load_u32(in);
            in += 4;
            break;
        case 17:
            g->out_bytes = load_u64(in);
            in += 8;
            break;
        case 18:
            g->flows = load_u32(in);
            in += 4;
            break;
        case 19:
            g->flows = load_u64(in);
            in += 8;
            break;
        case 20: /* MAC addresses: in source, out destination */
            memcpy(mac_element(g, out, count), in, 16);
            in += 16;
            break;
        case 21: /* in destination, out source */
            memcpy(mac_element(g, out, count) + 16, in, 16);
            in += 16;
            break;
        case 22: /* MPLS labels */
            memcpy(element(out, count, 14, 40), in, 40);
            in += 40;
            break;
        case 23: /* exporter */
            memcpy(element(out, count, 12, 4), in, 4);
            in += 4;
            break;
        case 24:
            memcpy(element(out, count, 13, 16), in, 16);
            in += 16;
            break;
        case 25: /* engine */
            g->engine_type = in[2];
            g->engine_id = in[3];
            in += 4;
            break;
        case 26: /* adjacent AS */
            memcpy(element(out, count, 16, 8), in, 8);
            in += 8;
            break;
        case 27: /* arrival */
            memcpy(g->generic + 16, in, 8);
            in += 8;
            break;
        case 37: { /* NSEL event */
            uint8_t *event = element(out, count, 19, 16);
            memcpy(event, in, 12);
            memcpy(event + 12, in + 16, 2);
            event[14] = in[14];
            event[15] = 0;
            /* Collectors leave the ICMP type 0 in flows of other protocols. */
            const uint8_t proto = g->generic[44];
            if ((proto == PROTO_ICMP || proto == PROTO_ICMP6) && load_u16(in + 12) != 0) {
                memcpy(g->generic + 42, in + 12, 2);
            }
            in += 20;
            break;
        }
        case 38: /* translated ports */
            memcpy(element(out, count, 22, 4), in, 4);
            in += 4;
            break;
        case 39: /* translated addresses */
            memcpy(element(out, count, 20, 8), in, 8);
            in += 8;
            break;
        case 40:
            memcpy(element(out, count, 21, 32), in, 32);
            in += 32;
            break;
        case 41: /* access lists */
            put_acls(element(out, count, 23, 24), in);
            in += 24;
            break;
        case 42: /* user name */
            put_name(element(out, count, 24, USER_NAME), in, USER_NAME_SHORT);
            in += 24;
            break;
        case 43:
            put_name(element(out, count, 24, USER_NAME), in, USER_NAME_LONG);
            in += 72;
            break;
        case 45: /* latency */
            memcpy(element(out, count, 17, 24), in, 24);
            in += 24;
            break;
        case 46: { /* NAT event, VRFs */
            uint8_t *event = element(out, count, 25, NAT_EVENT);
            memset(event, 0, NAT_EVENT);
            event[12] = in[0];
            memcpy(element(out, count, 36, 8), in + 4, 8);
            in += 12;
            break;
        }
        case 47: /* obsolete VRFs */
            in += 8;
            break;
        case 48: { /* port block, whose end some exporters leave out */
            uint8_t *block = element(out, count, 26, 8);
            const uint16_t size = load_u16(in + 6);
            memcpy(block, in, 8);
            if (load_u16(in + 2) == 0 && size != 0) {
                store_u16(block + 2, (uint16_t)(load_u16(in) + size - 1));
            }
            in += 8;
            break;
        }
        default: /* maps list nothing else */
            break;
        }
    }
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

/* ---- blocks ------------------------------------------------------------------- */

typedef struct run {
    converter *c;
    const map_source *earlier;
    nfdump_block_view *view;
    size_t at; /* of the record in work, and its number */
    uint32_t number;
    size_t length; /* bytes converted */
    uint32_t records; /* records converted */
    bool keep_partial;
    uint8_t flow_flags;
} run;

static void note(run *r, const char *reason, uint64_t value, uint64_t limit)
{
    if (r->view->damage.status == NFDUMP_OK) {
        (void)nfdump_fail_value(&r->view->damage, NFDUMP_E_RECORD, r->at, reason, value, limit);
        r->view->damage.record = r->number;
    }
}

/* The map that counts for a flow here; null if there is none. */
static const ext_list *find_map(run *r, uint16_t id)
{
    map_slot *slot = &r->c->slots[id];
    if (slot->stamp != r->c->stamp) {
        slot->stamp = r->c->stamp;
        slot->usable = r->earlier != NULL && r->earlier->find(r->earlier->context, id, &slot->list);
    }
    return slot->usable ? &slot->list : NULL;
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
        r->c->slots[id] = (map_slot){.stamp = r->c->stamp, .usable = usable, .list = list};
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
static const ext_list *usable_list(run *r, uint16_t id, size_t room, ext_list *repaired)
{
    static const ext_list nothing = {0};
    const ext_list *list = find_map(r, id);
    if (list == NULL) {
        note(r, "flow without a valid extension map", id, 0);
        if (!r->keep_partial) {
            r->view->dropped++;
            return NULL;
        }
    } else if (room >= list->extent) {
        return list;
    } else if (room + INTERFACES_MISSING == list->extent && repair_list(list, repaired)) {
        return repaired;
    } else {
        note(r, "flow record is shorter than its extension map tells", room, list->extent);
    }
    r->view->clipped++;
    return &nothing;
}

static void add_flow(run *r, span record, size_t fixed)
{
    if (record.length < fixed) {
        note(r, "flow record is shorter than its fixed part", record.length, fixed);
        r->view->dropped++;
        return;
    }
    flow_in flow = {.record = record.data, .fixed = fixed, .flags = record.data[4]};
    const size_t required = fixed + (flow.flags & FLAG_IPV6 ? 32 : 8) + (flow.flags & FLAG_PACKETS_64 ? 8 : 4) +
                            (flow.flags & FLAG_BYTES_64 ? 8 : 4);
    if (record.length < required) {
        note(r, "flow record is shorter than its flags tell", record.length, required);
        r->view->dropped++;
        return;
    }
    ext_list repaired;
    flow.out_flags = (uint8_t)(r->flow_flags | (flow.flags & FLAG_EVENT ? FLOW_EVENT : 0) |
                               (flow.flags & FLAG_SAMPLED ? FLOW_SAMPLED : 0));
    flow.list = usable_list(r, load_u16(record.data + 6), record.length - required, &repaired);
    if (flow.list != NULL) {
        r->length += convert_flow(&flow, r->c->out + r->length);
        r->records++;
    }
}

nfdump_status nfdump_convert1(converter *c, span data, uint32_t announced, const map_source *earlier, bool keep_partial,
                              uint8_t flow_flags, nfdump_block_view *view, span *out, uint32_t *num_out)
{
    record_walk walk = {.data = data, .left = announced};
    run r = {.c = c, .earlier = earlier, .view = view, .keep_partial = keep_partial, .flow_flags = flow_flags};
    if (data.length > NFDUMP_BLOCK_MAX || !start(c)) {
        return NFDUMP_E_NOMEM;
    }
    for (;;) {
        uint16_t type = 0;
        span record = {0};
        r.at = walk.at;
        r.number = walk.walked;
        const step found = next_record(&walk, &type, &record);
        if (found == STEP_CUT) {
            note(&r, "block ends inside a record header", data.length - r.at, RECORD_HEADER);
        } else if (found == STEP_SIZE) {
            note(&r, "impossible record size", record.length, data.length - r.at);
        }
        if (found != STEP_RECORD) {
            break;
        }
        switch (type) {
        case RECORD_FLOW_LAYOUT1:
            add_flow(&r, record, FIXED);
            break;
        case RECORD_FLOW_OLD:
            add_flow(&r, record, FIXED_OLD);
            break;
        case RECORD_MAP:
            add_map(&r, record);
            view->skipped++;
            break;
        case RECORD_EXPORTER:
        case RECORD_EXPORTER_STAT:
        case RECORD_SAMPLER_LEGACY: /* as layout 2 has them */
            memcpy(c->out + r.length, record.data, record.length);
            r.length += record.length;
            r.records++;
            break;
        default:
            view->skipped++;
            break;
        }
    }
    view->walked = walk.walked;
    *out = (span){c->out, r.length};
    *num_out = r.records;
    return NFDUMP_OK;
}

void nfdump_convert1_free(converter *c)
{
    free(c->out);
    free(c->slots);
    c->out = NULL;
    c->slots = NULL;
}
