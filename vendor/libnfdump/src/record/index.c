/*
 * The index of a decoded block.
 *
 * Exporters send thousands of flows with the same elements in the same order.  Such an
 * arrangement is a shape: once a record's element headers equal those of a known shape,
 * the positions of all its elements are known without walking them.  Which shape to try is
 * told by the size of the record and the number of its elements (IPv4 and IPv6 flows
 * alternate); when those lately met do not fit, a hash table is asked.
 *
 * A record gets no shape if its elements do not parse to the announced count, if it has too
 * many of them, or if the table is full.  It gets a list of its own instead, which says where each
 * element lies, so that readers need not walk records.  Lists take at most 5/4 of the bytes of
 * the records: 16 and 4 for each element id, of records of 12 and 4 for each element.
 */
#include "index.h"

#include <stdlib.h>

#include "../error.h"
#include "types.h"
#include "walk.h"

/* Fetches what lies ahead of an address; that may be outside of the data. */
#define PREFETCH_AHEAD 1024u
#if defined(__GNUC__)
#define PREFETCH(p) __builtin_prefetch((const void *)((uintptr_t)(p) + PREFETCH_AHEAD))
#else
#define PREFETCH(p) ((void)(p))
#endif

/* The array with room for `more` values of `size` bytes behind the `count` it has, twice as large if it was full.
 * Null when memory is short; then it is as it was. */
static void *reserve(void *array, size_t count, size_t more, size_t *capacity, size_t size)
{
    if (more <= *capacity - count) {
        return array;
    }
    const size_t grown = *capacity == 0 ? 1024 : *capacity * 2;
    void *moved = realloc(array, grown * size);
    if (moved != NULL) {
        *capacity = grown;
    }
    return moved;
}

static bool reserve_shape(flow_index *index)
{
    if (index->num_shapes < index->cap_shapes) {
        return true;
    }
    const size_t grown = index->cap_shapes == 0 ? 16 : index->cap_shapes * 2;
    nfdump_shape *shapes = realloc(index->shapes, grown * sizeof *shapes);
    if (shapes == NULL) {
        return false;
    }
    index->shapes = shapes;
    shape_key *keys = realloc(index->keys, grown * sizeof *keys);
    if (keys == NULL) {
        return false;
    }
    index->keys = keys;
    index->cap_shapes = grown;
    return true;
}

/* Whether the element headers of a record of at least key->span bytes are those of `key`, given that there
 * are as many.  Four at a time, as plain loads: gathering them for wider comparisons costs more. */
static inline bool key_matches(const shape_key *key, const uint8_t *record, size_t count)
{
    const uint16_t *at = key->at;
    const uint32_t *header = key->header;
    const uint16_t *const end = at + count;
    for (; at < end; at += KEY_STEP, header += KEY_STEP) {
        /* at[i] + 4 <= span, for what pads the last step too */
        const uint32_t differs =
            (load_u32(record + at[0]) ^ header[0]) | (load_u32(record + at[1]) ^ header[1]) |
            (load_u32(record + at[2]) ^ header[2]) | (load_u32(record + at[3]) ^ header[3]);
        /* Leaving early keeps the compiler from making wide loads of this. */
        if (differs != 0) {
            return false;
        }
    }
    return true;
}

/* The first six bytes of a record: type, size, number of elements.  Plus 1, since 0 is a free place. */
static inline uint64_t head_of(const uint8_t *record)
{
    return (load_u64(record) & UINT64_C(0xFFFFFFFFFFFF)) + 1;
}

/* Where the shapes of records that begin so are remembered. */
static inline recent_shape *recent_set(flow_index *index, uint64_t head)
{
    return index->recent[(head * UINT64_C(0x9E3779B97F4A7C15)) >> 58];
}

typedef enum elements_walk {
    WALK_REGULAR,  /* all announced elements are there: the key is complete */
    WALK_IRREGULAR, /* readable, but no shape: too many elements, or fewer than announced */
    WALK_CLIPPED,  /* the last element runs past the record */
    WALK_SHORT,    /* an element length of 1 to 3: nothing after it can be found, what is before it can */
    WALK_BROKEN    /* an element length of 0: as nfdump, we do without the flow */
} elements_walk;

static elements_walk walk_elements(span record, uint16_t count, uint32_t element_max, shape_key *key)
{
    size_t at = FLOW_HEADER;
    uint32_t hash = count;
    key->unknown = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t header = 0;
        if (!span_u32(record, at, &header)) {
            return WALK_IRREGULAR;
        }
        const uint32_t id = header & 0xFFFFu;
        const uint32_t length = header >> 16;
        if (length < ELEMENT_HEADER) {
            return length == 0 ? WALK_BROKEN : WALK_SHORT;
        }
        if (length > record.length - at) {
            return WALK_CLIPPED;
        }
        key->unknown += id > element_max;
        if (i < SHAPE_ELEMENTS_MAX) {
            key->at[i] = (uint16_t)at;
            key->header[i] = header;
            hash = (hash ^ header) * 0x9E3779B1u;
            hash ^= hash >> 15;
        }
        at += length;
    }
    key->hash = hash;
    key->count = count;
    key->span = (uint16_t)at;
    /* The first element again, until the step is full. */
    uint32_t first = 0;
    (void)span_u32(record, FLOW_HEADER, &first);
    for (size_t i = count; count != 0 && i < SHAPE_ELEMENTS_MAX && i % KEY_STEP != 0; i++) {
        key->at[i] = FLOW_HEADER;
        key->header[i] = first;
    }
    return count <= SHAPE_ELEMENTS_MAX ? WALK_REGULAR : WALK_IRREGULAR;
}

static void fill_shape(nfdump_shape *shape, const shape_key *key, uint32_t element_max)
{
    memset(shape, 0, sizeof *shape);
    for (size_t i = 0; i < key->count; i++) {
        const uint32_t id = key->header[i] & 0xFFFFu;
        if (id != 0 && id <= element_max) {
            shape->present |= UINT64_C(1) << id;
            shape->offset[id] = (uint16_t)(key->at[i] + ELEMENT_HEADER);
            shape->length[id] = (uint16_t)((key->header[i] >> 16) - ELEMENT_HEADER);
        }
    }
}

/* The shape with this key, made if there is room: its index, or NFDUMP_SHAPE_NONE.
 * False when memory is short. */
static bool find_shape(flow_index *index, const shape_key *key, span record, uint16_t *out)
{
    const uint32_t hash = key->hash;
    size_t at = hash % SHAPE_BUCKETS;
    unsigned probes = 0;
    unsigned compares = 0;
    *out = NFDUMP_SHAPE_NONE;
    for (; index->buckets[at].shape != 0; at = (at + 1) % SHAPE_BUCKETS) {
        const size_t number = index->buckets[at].shape - 1u;
        const shape_key *known = &index->keys[number];
        if (index->buckets[at].tag == hash >> 16 && known->hash == hash) {
            if (known->span <= record.length && known->count == key->count &&
                key_matches(known, record.data, key->count)) {
                *out = (uint16_t)number;
                return true;
            }
            compares++;
        }
        if (++probes == SHAPE_PROBES_MAX || compares == SHAPE_COMPARES_MAX) {
            return true;
        }
    }
    if (index->num_shapes == NFDUMP_SHAPES_MAX) {
        return true;
    }
    if (!reserve_shape(index)) {
        return false;
    }
    index->keys[index->num_shapes] = *key;
    index->keys[index->num_shapes].bucket = (uint32_t)at;
    fill_shape(&index->shapes[index->num_shapes], key, index->element_max);
    *out = (uint16_t)index->num_shapes;
    index->num_shapes++;
    index->buckets[at] = (shape_bucket){.shape = (uint16_t)index->num_shapes, .tag = (uint16_t)(hash >> 16)};
    return true;
}

/* Makes the list of a flow without shape, by the same rules as `walk_elements`: up to the announced count, to the
 * end of the record or to a length below that of a header; an element that runs past the end is cut there.
 * False when memory is short. */
static SEPARATE bool add_list(flow_index *index, span record, uint16_t count, size_t start)
{
    uint32_t place[NFDUMP_ELEMENT_SLOTS];
    uint64_t present = 0;
    size_t at = FLOW_HEADER;
    for (size_t i = 0; i < count; i++) {
        uint16_t id = 0;
        uint16_t length = 0;
        if (!span_u16(record, at, &id) || !span_u16(record, at + 2, &length) || length < ELEMENT_HEADER) {
            break;
        }
        const size_t left = record.length - at;
        const size_t whole = length < left ? length : left;
        if (id != 0 && id <= index->element_max) {
            present |= UINT64_C(1) << id;
            place[id] = (uint32_t)(at + ELEMENT_HEADER) | (uint32_t)(whole - ELEMENT_HEADER) << 16;
        }
        at += whole;
    }
    if (present == 0) {
        return true;
    }
    nfdump_flow_list *lists = reserve(index->lists, index->num_lists, 1, &index->cap_lists, sizeof *lists);
    if (lists == NULL) {
        return false;
    }
    index->lists = lists;
    uint32_t *words = reserve(index->list_words, index->num_list_words, NFDUMP_LIST_PRESENT + NFDUMP_ELEMENT_SLOTS,
                              &index->cap_list_words, sizeof *words);
    if (words == NULL) {
        return false;
    }
    index->list_words = words;
    lists[index->num_lists++] = (nfdump_flow_list){.offset = (uint32_t)start, .first = (uint32_t)index->num_list_words};
    uint32_t *next = words + index->num_list_words;
    *next++ = (uint32_t)present;
    *next++ = (uint32_t)(present >> 32);
    for (unsigned id = 1; id < NFDUMP_ELEMENT_SLOTS; id++) {
        if (present >> id & 1) {
            *next++ = place[id];
        }
    }
    index->num_list_words = (size_t)(next - words);
    return true;
}

bool nfdump_index_grow(flow_index *index)
{
    nfdump_flow_ref *flows = reserve(index->flows, index->num_flows, 1, &index->cap_flows, sizeof *flows);
    if (flows == NULL) {
        return false;
    }
    index->flows = flows;
    return true;
}

bool nfdump_index_flow(flow_index *index, span record, size_t at, nfdump_block_view *view, uint16_t *found)
{
    uint16_t count = 0;
    uint16_t shape = NFDUMP_SHAPE_NONE;
    *found = NFDUMP_SHAPE_NONE;
    if (record.length < FLOW_HEADER) {
        nfdump_note_damage(view, NFDUMP_E_RECORD, at, "flow record is shorter than its header", record.length,
                           FLOW_HEADER);
        view->dropped++;
        return true;
    }
    (void)span_u16(record, 4, &count);

    shape_key key;
    switch (walk_elements(record, count, index->element_max, &key)) {
    case WALK_REGULAR:
        if (!find_shape(index, &key, record, &shape)) {
            return false;
        }
        if (shape != NFDUMP_SHAPE_NONE) {
            const uint64_t head = head_of(record.data);
            recent_shape *set = recent_set(index, head);
            memmove(set + 1, set, (RECENT_WAYS - 1) * sizeof *set);
            set[0] = (recent_shape){.head = head, .shape = shape};
        }
        break;
    case WALK_IRREGULAR:
        break;
    case WALK_CLIPPED:
        nfdump_note_damage(view, NFDUMP_E_ELEMENT, at, "an element runs past the end of its record", record.length, 0);
        view->clipped++;
        break;
    case WALK_SHORT:
        nfdump_note_damage(view, NFDUMP_E_ELEMENT, at, "an element is shorter than its header", 0, ELEMENT_HEADER);
        view->clipped++;
        break;
    case WALK_BROKEN:
        nfdump_note_damage(view, NFDUMP_E_ELEMENT, at, "an element is shorter than its header", 0, ELEMENT_HEADER);
        view->dropped++;
        return true;
    }
    view->unknown_elements += key.unknown;

    *found = shape;
    if (shape == NFDUMP_SHAPE_NONE && !add_list(index, record, count, at)) {
        return false;
    }
    return index_known_flow(index, at, record.length, shape);
}

bool nfdump_index_record(flow_index *index, uint16_t type, span record, size_t at, nfdump_block_view *view)
{
    /* None of the known types is shorter; this also bounds the index. */
    if (record.length < OTHER_RECORD_MIN) {
        view->skipped++;
        return true;
    }
    switch (type) {
    case RECORD_EXPORTER:
    case RECORD_EXPORTER_STAT:
    case RECORD_SAMPLER_LEGACY:
    case RECORD_SAMPLER:
    case RECORD_APPLICATION_NAMES:
    case RECORD_INTERFACE_NAMES:
    case RECORD_VRF_NAMES: {
        nfdump_record_ref *records =
            reserve(index->records, index->num_records, 1, &index->cap_records, sizeof *records);
        if (records == NULL) {
            return false;
        }
        index->records = records;
        records[index->num_records++] =
            (nfdump_record_ref){.offset = (uint32_t)at, .type = type, .size = (uint16_t)record.length};
        return true;
    }
    default:
        view->skipped++;
        return true;
    }
}

FLOW_ARRAY_BEGIN
/* Adds the run of flows that starts at `at` and whose shapes were met lately.  Most of a block is
 * such runs, so this loop is what indexing costs.  Returns where the run ends; stops early when the
 * index is full. */
static SEPARATE size_t add_run(flow_index *index, span data, size_t at, uint32_t announced, nfdump_block_view *view)
{
    const size_t room = index->cap_flows - index->num_flows;
    const size_t wanted = announced - view->walked;
    const size_t most = wanted < room ? wanted : room;
    nfdump_flow_ref *const flow = flow_index_next(index);
    const shape_key *const keys = index->keys;
    size_t added = 0;
    uint64_t unknown = 0;
    while (added < most && span_has(data, at, FLOW_HEADER)) {
        const uint8_t *record = data.data + at;
        /* Where the next record starts is known only now; what lies ahead is wanted either way. */
        PREFETCH(record);
        const uint64_t head = head_of(record);
        const size_t size = load_u16(record + 2);
        const size_t count = load_u16(record + 4);
        if (!span_has(data, at, size)) {
            break;
        }
        const recent_shape *set = recent_set(index, head);
        /* Equal heads: a flow record, with as many elements, and long enough for all that the key loads. */
        if (set->head != head || !key_matches(&keys[set->shape], record, count)) {
            set++;
            if (set->head != head || !key_matches(&keys[set->shape], record, count)) {
                break;
            }
        }
        const uint16_t shape = set->shape;
        unknown += keys[shape].unknown;
        flow[added++] = (nfdump_flow_ref){.offset = (uint32_t)at, .size = (uint16_t)size, .shape = shape};
        at += size;
    }
    index->num_flows += added;
    view->walked += (uint32_t)added;
    view->unknown_elements += unknown;
    return at;
}
FLOW_ARRAY_END

void nfdump_index_begin(flow_index *index, uint32_t element_max)
{
    index->element_max = element_max;
    index->num_flows = 0;
    index->num_records = 0;
    index->num_lists = 0;
    index->num_list_words = 0;
    if (index->num_shapes != 0) {
        for (size_t i = 0; i < index->num_shapes; i++) {
            index->buckets[index->keys[i].bucket] = (shape_bucket){0};
        }
        memset(index->recent, 0, sizeof index->recent);
        index->num_shapes = 0;
    }
}

void nfdump_index_end(const flow_index *index, nfdump_block_view *view)
{
    view->flows = index->flows;
    view->num_flows = index->num_flows;
    view->records = index->records;
    view->num_records = index->num_records;
    view->shapes = index->shapes;
    view->num_shapes = index->num_shapes;
    view->lists = index->lists;
    view->num_lists = index->num_lists;
    view->list_words = index->list_words;
    view->num_list_words = index->num_list_words;
    view->element_max = index->element_max;
}

nfdump_status nfdump_index_records(flow_index *index, span data, uint32_t announced, nfdump_block_view *view)
{
    record_walk walk = {.data = data, .announced = announced};
    record_step step;
    uint16_t type = 0;
    span record = {0};
    nfdump_index_begin(index, NFDUMP_ELEMENT_MAX_LAYOUT2);
    for (size_t at = 0; (step = next_record(&walk, &type, &record)) == RECORD_FOUND; at = walk.at) {
        uint16_t shape = 0;
        const bool added = type == RECORD_FLOW ? nfdump_index_flow(index, record, at, view, &shape)
                                               : nfdump_index_record(index, type, record, at, view);
        if (!added) {
            return NFDUMP_E_NOMEM;
        }
        view->walked++;
        if (type == RECORD_FLOW) {
            walk.at = add_run(index, data, walk.at, announced, view);
            walk.walked = view->walked;
        }
    }
    nfdump_note_step(view, &walk, step, record);
    if (step == RECORD_END && walk.at < data.length) {
        nfdump_note_damage(view, NFDUMP_E_COUNT, walk.at, "block goes on after its last record", data.length - walk.at,
                           0);
    }

    nfdump_index_end(index, view);
    return NFDUMP_OK;
}

bool nfdump_records_fill(span data, uint32_t *records)
{
    record_walk walk = {.data = data, .announced = UINT32_MAX};
    record_step step;
    uint16_t type = 0;
    span record = {0};
    do {
        step = next_record(&walk, &type, &record);
    } while (step == RECORD_FOUND);
    *records = walk.walked;
    return step == RECORD_MISSING && walk.walked != 0;
}

bool nfdump_records_begin(span front, uint32_t most)
{
    uint32_t records = 0;
    for (size_t at = 0; span_has(front, at, RECORD_HEADER); records++) {
        const size_t size = load_u16(front.data + at + 2);
        if (size < RECORD_HEADER || records == most) {
            return false;
        }
        at += size;
    }
    return true;
}

uint16_t nfdump_records_block_type(span data, uint32_t announced)
{
    uint32_t records = 0;
    uint32_t seen = 0; /* a bit for each type of record */
    /* Some writers announce one record more than there is. */
    if (!nfdump_records_fill(data, &records) || (records != announced && records + 1 != announced)) {
        return 0;
    }
    for (size_t at = 0; at < data.length; at += load_u16(data.data + at + 2)) {
        const uint16_t type = load_u16(data.data + at);
        if (type > RECORD_SAMPLER) {
            return 0;
        }
        seen |= 1u << type;
    }
    const uint32_t both = 1u << RECORD_EXPORTER | 1u << RECORD_EXPORTER_STAT | 1u << RECORD_SAMPLER_LEGACY;
    const uint32_t flows1 = 1u << RECORD_FLOW_OLD | 1u << RECORD_FLOW_LAYOUT1;
    const uint32_t flows2 = 1u << RECORD_FLOW;
    const uint32_t names2 = 1u << RECORD_APPLICATION_NAMES | 1u << RECORD_INTERFACE_NAMES | 1u << RECORD_VRF_NAMES |
                            1u << RECORD_SAMPLER;
    if (seen & flows2 && (seen & ~(both | flows2 | names2)) == 0) {
        return BLOCK_RECORDS;
    }
    return seen & flows1 && (seen & ~(both | flows1 | 1u << RECORD_MAP)) == 0 ? BLOCK_LAYOUT1 : 0;
}

void nfdump_index_trim(flow_index *index)
{
    if (index->cap_flows > NFDUMP_KEEP_MAX / sizeof *index->flows) {
        free(index->flows);
        index->flows = NULL;
        index->num_flows = index->cap_flows = 0;
    }
    if (index->cap_records > NFDUMP_KEEP_MAX / sizeof *index->records) {
        free(index->records);
        index->records = NULL;
        index->num_records = index->cap_records = 0;
    }
    if (index->cap_lists > NFDUMP_KEEP_MAX / sizeof *index->lists) {
        free(index->lists);
        index->lists = NULL;
        index->num_lists = index->cap_lists = 0;
    }
    if (index->cap_list_words > NFDUMP_KEEP_MAX / sizeof *index->list_words) {
        free(index->list_words);
        index->list_words = NULL;
        index->num_list_words = index->cap_list_words = 0;
    }
}

void nfdump_index_free(flow_index *index)
{
    free(index->flows);
    free(index->records);
    free(index->shapes);
    free(index->keys);
    free(index->lists);
    free(index->list_words);
}
