/* The index of a decoded block: where its flows lie and where their elements lie. */
#ifndef NFDUMP_INDEX_H
#define NFDUMP_INDEX_H

#include "../bytes.h"
#include "nfdump.h"

/* Flows with more elements than this (duplicates, masked ones) get NFDUMP_SHAPE_NONE. */
#define SHAPE_ELEMENTS_MAX 48u
/* Element headers are compared so many at a time. */
#define KEY_STEP 4u
_Static_assert(SHAPE_ELEMENTS_MAX % KEY_STEP == 0, "the last step must fit");
/* Open addressing at a load of at most one half. */
#define SHAPE_BUCKETS (2u * NFDUMP_SHAPES_MAX)
/* A look-up ends after this many buckets, and after this many keys that have the same hash and differ; the flow then
 * gets no shape.  This bounds the work on shapes that were made to collide.  2,048 random shapes need at most 30
 * buckets, and two of them have the same hash once in 2,000 blocks. */
/* Fuzzing sets this to less, so that small inputs reach flows without shape. */
#ifndef SHAPE_PROBES_MAX
#define SHAPE_PROBES_MAX 32u
#endif
#define SHAPE_COMPARES_MAX 2u

/* What identifies a shape: its element headers in stored order, and where they lie. */
typedef struct shape_key {
    uint32_t hash;
    uint16_t count;                          /* elements */
    uint16_t span;                           /* bytes from the record's start to the last element's end */
    uint32_t unknown;                        /* elements with an undefined id */
    uint32_t bucket;                         /* its place in the hash table */
    uint16_t at[SHAPE_ELEMENTS_MAX];         /* of each element header in the record */
    uint32_t header[SHAPE_ELEMENTS_MAX];     /* id and length as stored */
} shape_key;

/* A place of the hash table of shapes. */
typedef struct shape_bucket {
    uint16_t shape; /* index + 1; 0 = free */
    uint16_t tag;   /* upper half of the hash, so that other keys are seldom looked at */
} shape_bucket;

/* Records of some size and element count, and the shape such a record had lately. */
#define RECENT_SETS 64u
#define RECENT_WAYS 2u
typedef struct recent_shape {
    uint64_t head;  /* of the record, see head_of; 0 = free */
    uint16_t shape;
} recent_shape;

typedef struct flow_index {
    nfdump_flow_ref *flows;
    size_t num_flows, cap_flows;
    nfdump_record_ref *records;
    size_t num_records, cap_records;
    nfdump_shape *shapes;
    shape_key *keys;
    size_t num_shapes, cap_shapes;
    nfdump_flow_list *lists; /* of flows without shape */
    size_t num_lists, cap_lists;
    uint32_t *list_words;
    size_t num_list_words, cap_list_words;
    uint32_t element_max; /* highest element id that means something */
    shape_bucket buckets[SHAPE_BUCKETS];
    recent_shape recent[RECENT_SETS][RECENT_WAYS]; /* used last comes first */
} flow_index;

/* Around functions that write flows where flow_index_next tells: without an array there is no room and their loops
 * do not run, which gcc's analyser does not see.  Code that shows it to it costs two instructions for each flow. */
#if defined(__GNUC__) && !defined(__clang__)
#define FLOW_ARRAY_BEGIN                                                                                               \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wanalyzer-null-dereference\"")
#define FLOW_ARRAY_END _Pragma("GCC diagnostic pop")
#else
#define FLOW_ARRAY_BEGIN
#define FLOW_ARRAY_END
#endif

/* Where the next flow goes.  An index without flows yet has no array, to which not even 0 may be added. */
static inline nfdump_flow_ref *flow_index_next(const flow_index *index)
{
    return index->flows == NULL ? NULL : index->flows + index->num_flows;
}

/* Indexes the records of `data`, at most `announced` of them.  Fills everything of the
 * view but `data`.  NFDUMP_E_NOMEM is the only failure; damage goes into the view. */
nfdump_status nfdump_index_records(flow_index *index, span data, uint32_t announced, nfdump_block_view *view);
/* Whether `data` is a sequence of whole records and nothing else; `*records` is their number. */
bool nfdump_records_fill(span data, uint32_t *records);
/* Whether `front` can be the start of such records, `most` of them at most. */
bool nfdump_records_begin(span front, uint32_t most);
/* The type of the block that holds such records, if `data` is as many whole records as announced and nothing else,
 * flows among them, and none that only the other layout has.  0 if not. */
uint16_t nfdump_records_block_type(span data, uint32_t announced);
void nfdump_index_free(flow_index *index);
/* Gives back arrays that are larger than NFDUMP_KEEP_MAX bytes. */
void nfdump_index_trim(flow_index *index);

/* The same step by step, for records that are made one after the other. */
void nfdump_index_begin(flow_index *index, uint32_t element_max);
/* Adds one flow record that lies at `at`, and tells its shape.  False when memory is short. */
bool nfdump_index_flow(flow_index *index, span record, size_t at, nfdump_block_view *view, uint16_t *shape);
/* Makes room for further flows.  False when memory is short. */
bool nfdump_index_grow(flow_index *index);
/* Adds a flow record whose shape such a call has told.  False when memory is short. */
static inline bool index_known_flow(flow_index *index, size_t at, size_t size, uint16_t shape)
{
    if (index->num_flows == index->cap_flows && !nfdump_index_grow(index)) {
        return false;
    }
    index->flows[index->num_flows++] =
        (nfdump_flow_ref){.offset = (uint32_t)at, .size = (uint16_t)size, .shape = shape};
    return true;
}
/* Adds a record of another type if it is one that is needed. */
bool nfdump_index_record(flow_index *index, uint16_t type, span record, size_t at, nfdump_block_view *view);
/* Hands the index over to the view. */
void nfdump_index_end(const flow_index *index, nfdump_block_view *view);

#endif
