/*
 * libnfdump: reads nfcapd flow files (the storage format of the nfdump suite).
 *
 * This is an independent implementation written from a description of the file
 * format; it contains no code of nfdump itself.  It builds alone with any C17
 * compiler, POSIX for files and for the lock below, zstd, LZ4 and bzip2, and
 * knows nothing of Rust, text formats or standard I/O.  It starts no threads.
 *
 * Two halves:
 *   - a file: opened by path, descriptor or memory.  Gives header, ident,
 *     statistics and the chain of blocks.  Any number of threads may use one
 *     `const nfdump_file *` at the same time: nothing of an open file changes, but
 *     for its book of extension maps (layout 1), which has a lock of its own.
 *   - a block: a reusable decoder with its own buffers.  Loading one turns stored
 *     bytes into records plus an index of its flows.  One thread at a time per
 *     block; any number of blocks in parallel.
 *
 * Every function that can fail returns an `nfdump_status` and fills the optional
 * `nfdump_error`.  There is no global state, no allocation per record, nothing is
 * printed, and no input makes the library stop the process (nor libbz2, which ends
 * it when it detects an internal error: no input is known that causes this).
 *
 * Structures with a member `size` may grow at their end in later versions.  Where
 * the caller provides one, it sets `size` to its sizeof first, and nothing beyond
 * that is written.  Other structures stay as they are as long as NFDUMP_ABI_VERSION
 * does.
 *
 * Integers in nfcapd files are little-endian; all fields handed out here are
 * plain host integers unless a comment says otherwise.
 */
#ifndef NFDUMP_H
#define NFDUMP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a shared library exports; everything else in it is hidden. */
#if defined(NFDUMP_API)
/* May be defined by programs that compile the library into themselves. */
#elif defined(__GNUC__)
#define NFDUMP_API __attribute__((visibility("default")))
#else
#define NFDUMP_API
#endif

#define NFDUMP_VERSION "0.1.0"
/* Changes when a structure or function below changes for programs that were compiled with it; the SONAME of
 * the shared library has it. */
#define NFDUMP_ABI_VERSION 5u

/* Stored (compressed) bytes of one block: the limit of every nfdump 1.7 reader
 * (5 MiB buffer less the 12-byte block header). */
#define NFDUMP_STORED_MAX 5242868u
/* Bytes of one block after decompression: the same buffer, so the same limit. */
#define NFDUMP_BLOCK_MAX 5242868u
/* Bytes of one block of layout 1 records after conversion to those of layout 2: no record grows to more
 * than three times its size. */
#define NFDUMP_CONVERTED_MAX (3u * NFDUMP_BLOCK_MAX)
/* Maximum remembered changes of extension maps (layout 1) per file, so that blocks can be read in any
 * order; bounds that memory to 25 MiB.  A file that redefines its maps more often than this
 * between blocks loses the flows of later blocks that do not define their maps themselves. */
#define NFDUMP_MAP_CHANGES_MAX 262144u
/* The same for a block of layout 3, its 24-byte header included: the maximum that nfdump 1.8 accepts.
 * Its writers stay within 4 MiB. */
#define NFDUMP_LAYOUT3_BLOCK_MAX 67108864u
/* Buffers of a block that are larger than this are freed when the next block is decoded, or by
 * nfdump_block_trim.  No block of a known writer needs larger ones, except for one of layout 1, whose
 * NFDUMP_CONVERTED_MAX bytes are kept. */
#define NFDUMP_KEEP_MAX 8388608u
/* A layout 3 block becomes records of layout 2; they are never more than twice as large. */
#define NFDUMP_LAYOUT3_RECORDS_MAX (2u * NFDUMP_LAYOUT3_BLOCK_MAX)
/* Entries of a layout 3 directory: room for 4 TiB in blocks of 4 MiB, and 16 MiB while opening. */
#define NFDUMP_LAYOUT3_ENTRIES_MAX 1048575u
/* Element ids are < 64 so that presence fits one word; nfdump 1.7.10 knows 1..42. */
#define NFDUMP_ELEMENT_SLOTS 64u
/* Highest element id with a defined layout in files of layout 2; others are unknown there. */
#define NFDUMP_ELEMENT_MAX_LAYOUT2 42u
/* Elements of this library, for values of layout 3 that no element of layout 2 can store.  Their ids are the
 * highest ones, so that the next ids of nfdump are free. */
#define NFDUMP_ELEMENT_WIDE_EXPORTER 60u    /* number of the exporter, 4 bytes */
#define NFDUMP_ELEMENT_WIDE_OBSERVATION 61u /* observation domain, 8 bytes */
#define NFDUMP_ELEMENT_WIDE_NAT_EVENT 62u   /* NAT event, 2 bytes */
#define NFDUMP_ELEMENT_EVENT_KIND 63u       /* 1 NSEL, 2 NAT; 2 bytes */
/* Highest element id of all. */
#define NFDUMP_ELEMENT_MAX 63u
/* Distinct element arrangements remembered per block: 1 MiB of shapes.  Flows beyond that, and flows with more than
 * 48 elements or damaged ones, have the shape NFDUMP_SHAPE_NONE and a list of their own (nfdump_flow_list). */
#define NFDUMP_SHAPES_MAX 2048u
#define NFDUMP_SHAPE_NONE 0xFFFFu
/* Flags of the open functions.
 *
 * NFDUMP_OPEN_PARTIAL recovers what is readable in an unfinished or truncated file: the chain of blocks goes on as
 * far as there are whole blocks, whatever the header announces; an appendix beyond the end of the file does not
 * reject it; flows of layout 1 whose extension map is lost are kept with the fields that need no map.
 *
 * NFDUMP_OPEN_ENCRYPTED opens encrypted files; the caller decrypts their blocks.
 *
 * NFDUMP_OPEN_CUT, with NFDUMP_OPEN_PARTIAL, also returns the last block if the end of the file cuts it, as far as it
 * goes.  cursor->offset stays at its start: reading on from there returns it again. */
#define NFDUMP_OPEN_PARTIAL 1u
#define NFDUMP_OPEN_ENCRYPTED 2u
#define NFDUMP_OPEN_CUT 4u
/* Record types (first two bytes) of the flows of a decoded block.  Those that were made of records of
 * layout 3 have one of their own, which no stored flow of layout 2 can have: only these have elements above
 * NFDUMP_ELEMENT_MAX_LAYOUT2. */
#define NFDUMP_RECORD_FLOW 11u
#define NFDUMP_RECORD_FLOW_LAYOUT3 16u
/* Bytes that one cursor may read and decode on trial while it looks for blocks behind damage: a part that is enough
 * for ten of the largest blocks, and a part for each byte that the file has on its disk.  Decoding an honest file
 * produces about 8 bytes for each stored one, so that searching at most doubles the cost. */
#define NFDUMP_SEARCH_MIN 67108864u
#define NFDUMP_SEARCH_FACTOR 8u
/* Work on compressed blocks that comes to nothing: they do not decode, or not to records.  Each such block may cost
 * NFDUMP_REFUSED_FACTOR times its stored bytes, which no honest data exceed.  What costs more is counted for each open
 * file, up to NFDUMP_REFUSED_MAX.  After that a block is decoded to at most NFDUMP_REFUSED_FACTOR times its stored
 * bytes and 8 KiB; one that expands further is refused (NFDUMP_E_LIMIT). */
#define NFDUMP_REFUSED_MAX 67108864u
#define NFDUMP_REFUSED_FACTOR 64u
/* "Does not apply" in the block and record members of nfdump_error. */
#define NFDUMP_NONE 0xFFFFFFFFu

typedef enum nfdump_status {
    NFDUMP_OK = 0,
    NFDUMP_END = 1,           /* no further block */
    NFDUMP_E_ARGUMENT = 2,    /* caller's mistake: null pointer, wrong record type */
    NFDUMP_E_NOMEM = 3,
    NFDUMP_E_IO = 4,          /* see sys_errno */
    NFDUMP_E_TRUNCATED = 5,   /* the file ends before something it announces */
    NFDUMP_E_MAGIC = 6,       /* not an nfcapd file */
    NFDUMP_E_BYTE_ORDER = 7,  /* written on a host of the other byte order */
    NFDUMP_E_UNSUPPORTED = 8, /* valid but not readable here: layout, encryption, ... */
    NFDUMP_E_SIZE = 9,        /* a size no writer produces */
    NFDUMP_E_COMPRESSED = 10, /* compressed data do not decode */
    NFDUMP_E_RECORD = 11,     /* a record does not fit its block */
    NFDUMP_E_ELEMENT = 12,    /* an element does not fit its record */
    NFDUMP_E_COUNT = 13,      /* fewer records or blocks than announced */
    NFDUMP_E_CHECKSUM = 14,   /* bytes are not those that were written */
    NFDUMP_E_ENCRYPTED = 15,  /* a file or block that the caller must decrypt first */
    NFDUMP_E_LIMIT = 16       /* the work limit for one file: the rest was not searched */
} nfdump_status;

/* What went wrong and where.  All strings are static. */
typedef struct nfdump_error {
    int32_t status;     /* nfdump_status */
    int32_t sys_errno;  /* for NFDUMP_E_IO, else 0 */
    uint32_t block;     /* number of the block from 0, or NFDUMP_NONE */
    uint32_t record;    /* number of the record in the block from 0, or NFDUMP_NONE */
    uint64_t offset;    /* bytes from the start of the file; when `record` is set,
                           bytes from the start of the decoded block */
    uint64_t value;     /* the wrong number, if there is one */
    uint64_t limit;     /* what it was compared with */
    const char *reason; /* a phrase for the fault, never null */
} nfdump_error;

typedef enum nfdump_compression {
    NFDUMP_COMPRESSION_NONE = 0,
    NFDUMP_COMPRESSION_LZO = 1,
    NFDUMP_COMPRESSION_BZ2 = 2,
    NFDUMP_COMPRESSION_LZ4 = 3,
    NFDUMP_COMPRESSION_ZSTD = 4
} nfdump_compression;

/* The statistics record of a file: the writer's own counts, not recomputed. */
typedef struct nfdump_stat {
    uint64_t flows, bytes, packets;
    uint64_t flows_tcp, flows_udp, flows_icmp, flows_other;
    uint64_t bytes_tcp, bytes_udp, bytes_icmp, bytes_other;
    uint64_t packets_tcp, packets_udp, packets_icmp, packets_other;
    uint64_t first_seen, last_seen; /* ms since the epoch; 0 and 2^63-1 mean unknown */
    uint64_t sequence_failures;
} nfdump_stat;

/* One block as its header, or the directory of its file, describes it. */
typedef struct nfdump_block_ref {
    uint64_t offset;      /* of the block header in the file */
    uint32_t index;       /* from 0; in layout 3 the place in the directory */
    uint32_t num_records; /* as announced; 0 in layout 3, where only the block has it */
    uint32_t stored;      /* payload bytes in the file */
    uint16_t type;        /* layouts 1 and 2: 3 = records, 2 = records of layout 1;
                             layout 3: 1 = flows, 2 = names, 7 = exporters */
    uint16_t flags;       /* bit 0: payload not compressed */
    uint16_t layout;      /* 3 for blocks of layout 3 */
    uint16_t reserved;
    uint32_t decoded;     /* layout 3: payload bytes after decompression, as the block header announces; 0 unknown */
} nfdump_block_ref;

/* Encryption parameters stored in a file: ChaCha20-Poly1305, key by Argon2id. */
typedef struct nfdump_crypto {
    uint32_t header_size;   /* of `header`; 0: the file is not encrypted */
    uint8_t header[72];     /* bytes 24..95 of the crypto header block */
    uint8_t salt[16];       /* of the key derivation */
    uint8_t nonce[12];      /* root nonce */
    uint8_t key_check[16];  /* tag of 16 zero bytes under the key */
    uint8_t file_header[48];
    uint8_t mac[32];        /* of the footer, over headers and directory; zero = none */
} nfdump_crypto;

/* Header and appendix of a file. */
typedef struct nfdump_info {
    size_t size;              /* of this structure in the library */
    uint16_t layout;          /* 1, 2 or 3 */
    uint16_t appendix_blocks; /* as announced */
    uint32_t nfdversion;      /* version word of the writing program, unreliable */
    int64_t created;          /* seconds since the epoch; layout 1: when the file was modified, 0 in memory */
    uint32_t creator;         /* 0 unknown, 1 nfcapd, 2 nfpcapd, 3 sfcapd, 4 nfdump, ... */
    uint32_t num_blocks;      /* data blocks announced */
    uint64_t appendix_offset; /* bytes from the start of the file, 0 = none; layout 3: of the directory */
    uint64_t file_size;       /* bytes */
    uint8_t compression;      /* nfdump_compression */
    uint8_t unfinished;       /* 1: no blocks, no appendix: still being written, or abandoned */
    uint8_t has_ident;
    uint8_t has_stat;
    uint32_t flags;           /* as given to the open function */
    uint32_t ident_length;    /* bytes of ident before its NUL, at most 255 */
    uint8_t ident[256];       /* any bytes, NUL-terminated */
    nfdump_stat stat;         /* zero when has_stat is 0 */
    nfdump_error appendix;    /* why the appendix could not be read; status NFDUMP_OK if it could.
                                 Layout 3: what is wrong with directory, footer or statistics */
    uint32_t directory_entries;   /* layout 3; 16 bytes each from appendix_offset + 8 on */
    uint32_t reserved;
    nfdump_block_ref ident_block; /* layout 3; offset 0 = none */
    nfdump_block_ref stat_block;  /* layout 3; offset 0 = none */
    nfdump_crypto crypto;
} nfdump_info;

typedef struct nfdump_file nfdump_file;
typedef struct nfdump_block nfdump_block;

/* State of the chain of blocks, for nfdump_cursor.ended. */
typedef enum nfdump_cursor_state {
    NFDUMP_CURSOR_OPEN = 0,
    NFDUMP_CURSOR_ENDED = 1, /* nothing: the next call returns NFDUMP_END */
    NFDUMP_CURSOR_CUT = 2,   /* the available part of the last block: the next call returns it */
    NFDUMP_CURSOR_SPENT = 3  /* bytes that were not searched: the next call returns NFDUMP_E_LIMIT */
} nfdump_cursor_state;

/* Position in the chain of blocks.  Start with all zeros.  Only the first three members are for callers. */
typedef struct nfdump_cursor {
    uint64_t offset; /* of the next block header; 0 = start */
    uint32_t index;  /* number of the next block */
    uint32_t ended;  /* nfdump_cursor_state */
    /* Private. Not 0: the header of the next block is wrong, and `stored` is its size; then its number of records,
     * type and flags. */
    uint32_t stored;
    uint32_t records;
    uint16_t type;
    uint16_t flags;
    uint32_t behind_damage; /* private; not 0: the number of blocks in the file header is unreliable */
    uint64_t searched;      /* private: bytes read and decoded on trial so far */
} nfdump_cursor;

/* One flow record of a decoded block. */
typedef struct nfdump_flow_ref {
    uint32_t offset; /* of the record in the decoded block */
    uint16_t size;   /* bytes, header included, >= 12 */
    uint16_t shape;  /* index of its nfdump_shape, or NFDUMP_SHAPE_NONE */
} nfdump_flow_ref;

/* One record that is not a flow: exporter, sampler, names. */
typedef struct nfdump_record_ref {
    uint32_t offset;
    uint16_t type;
    uint16_t size;
} nfdump_record_ref;

/* Positions of the elements of a flow record.  Many flows share one shape.  Of
 * elements stored twice the last counts.  Slots of absent elements are 0. */
typedef struct nfdump_shape {
    uint64_t present;                      /* bit i set: element i is present, 1 <= i < 64 */
    uint16_t offset[NFDUMP_ELEMENT_SLOTS]; /* of the payload, from the start of the record */
    uint16_t length[NFDUMP_ELEMENT_SLOTS]; /* of the payload in bytes */
} nfdump_shape;

/* Positions of the elements of a flow without shape.  Lists are in ascending order of offset; a flow without shape and
 * without list has no element.
 *
 * A list is a range of view.list_words: NFDUMP_LIST_PRESENT words with the bits of the elements that are present (as
 * nfdump_shape.present, the lower half first), then for each of them, by ascending id, a word with the offset of the
 * payload from the start of the record in its lower half and the length of the payload in its upper half. */
typedef struct nfdump_flow_list {
    uint32_t offset; /* of the flow's record, as nfdump_flow_ref.offset */
    uint32_t first;  /* word of the list */
} nfdump_flow_list;
#define NFDUMP_LIST_PRESENT 2u

/* A decoded block.  Records of layout 1 have become those of layout 2; `walked` and `skipped` still count
 * what is stored.  The pointers stay valid until the block is loaded again or freed
 * (data of an uncompressed block of a memory file point into that memory). */
typedef struct nfdump_block_view {
    size_t size; /* set by the caller: sizeof(nfdump_block_view) */
    const uint8_t *data;
    size_t data_length;
    const nfdump_flow_ref *flows;
    size_t num_flows;
    const nfdump_record_ref *records;
    size_t num_records;
    const nfdump_shape *shapes;
    size_t num_shapes;
    const nfdump_flow_list *lists;
    size_t num_lists;
    const uint32_t *list_words;
    size_t num_list_words;
    uint32_t walked;           /* records seen, of every type */
    uint32_t skipped;          /* records not returned: of types not needed or not known, extension maps */
    uint32_t dropped;          /* flow records left out because they are damaged */
    uint32_t clipped;          /* flow records kept although an element runs past their end, without
                                  their extensions (layout 1), or with a payload that was cut because no
                                  record of layout 2 can hold it (layout 3) */
    uint32_t element_max;      /* highest element id with a meaning in these records */
    uint32_t reserved;
    uint64_t unknown_elements; /* elements with an undefined id */
    nfdump_error damage;       /* the first damage met; status NFDUMP_OK if none.  In blocks of
                                  layouts 1 and 3 its offset counts from the start of what was
                                  decompressed, not of `data` */
} nfdump_block_view;

/* ---- file ---------------------------------------------------------------- */

/* Opens a file for reading.  `*file` becomes null if that fails.  NFDUMP_E_IO, _TRUNCATED, _MAGIC, _BYTE_ORDER,
 * _UNSUPPORTED (encryption of layout 2, compression > 4), _ENCRYPTED, _NOMEM; for layout 3 also _SIZE, _COUNT and
 * _CHECKSUM when its directory is damaged. */
NFDUMP_API nfdump_status nfdump_file_open_path(const char *path, uint32_t flags, nfdump_file **file,
                                               nfdump_error *error);
/* Same for an open descriptor that allows positioned reads; it is not closed. */
NFDUMP_API nfdump_status nfdump_file_open_fd(int fd, uint32_t flags, nfdump_file **file, nfdump_error *error);
/* Same for bytes in memory, which must outlive the file and every block loaded from it. */
NFDUMP_API nfdump_status nfdump_file_open_memory(const uint8_t *data, size_t length, uint32_t flags, nfdump_file **file,
                                                 nfdump_error *error);
NFDUMP_API void nfdump_file_close(nfdump_file *file);
NFDUMP_API const nfdump_info *nfdump_file_info(const nfdump_file *file);
/* Reads `length` stored bytes at `offset`. */
NFDUMP_API nfdump_status nfdump_file_read(const nfdump_file *file, uint64_t offset, uint8_t *out, size_t length,
                                          nfdump_error *error);

/* The next block of the chain.  Damage is reported, and the chain continues if a sound block follows it:
 *
 *   what is at the cursor                       result                  cursor->ended  next call
 *   ------------------------------------------  ----------------------  -------------  ------------------------------
 *   a block                                     NFDUMP_OK               OPEN           the block behind it
 *   damage, a sound block behind it             an error that names it  OPEN           the damaged block up to there,
 *                                                                                      or the sound block
 *   damage, no sound block behind it            an error that names it  ENDED          NFDUMP_END
 *   damage, the search for a block abandoned    an error that names it  SPENT          NFDUMP_E_LIMIT, then
 *                                                                                      NFDUMP_END
 *   a last block that the end of the file cuts  NFDUMP_E_TRUNCATED      CUT (1)        the block as far as it goes
 *   the end of the chain                        NFDUMP_END              ENDED          NFDUMP_END
 *   a file that cannot be read                  NFDUMP_E_IO             ENDED          NFDUMP_END
 *   damage, out of memory for the search        NFDUMP_E_NOMEM          ENDED          NFDUMP_END; a new cursor may
 *                                                                                      come farther
 *
 *   (1) With NFDUMP_OPEN_PARTIAL only if NFDUMP_OPEN_CUT is set, else ENDED.
 *
 * When the chain has ended, cursor->offset is where it broke off.  A file that has grown meanwhile can be opened again
 * and read on from there: set `ended` to NFDUMP_CURSOR_OPEN.
 *
 * A sound block is one whose header is possible, whose payload decodes to exactly as many records as it announces, and
 * after which the chain continues.  The search is limited by NFDUMP_SEARCH_MIN and NFDUMP_SEARCH_FACTOR. */
NFDUMP_API nfdump_status nfdump_file_next(const nfdump_file *file, nfdump_cursor *cursor, nfdump_block_ref *ref,
                                          nfdump_error *error);

/* ---- block --------------------------------------------------------------- */

/* Null if out of memory. */
NFDUMP_API nfdump_block *nfdump_block_new(void);
NFDUMP_API void nfdump_block_free(nfdump_block *block);
/* Frees buffers above NFDUMP_KEEP_MAX.  What the last view points to is no longer valid. */
NFDUMP_API void nfdump_block_trim(nfdump_block *block);

/* Reads and decodes one block.  On NFDUMP_OK the view is filled; damage inside the
 * block is reported in view.damage, everything before it is kept, also of compressed data that break off
 * or do not decode to their end.  Other results:
 * NFDUMP_E_UNSUPPORTED (block type), _ENCRYPTED, _COMPRESSED, _SIZE, _IO, _TRUNCATED, _NOMEM, _LIMIT; the
 * view is then empty, and the following blocks can still be read.  After NFDUMP_E_NOMEM the block can be loaded
 * again.
 *
 * Flows of layout 1 are decoded with the extension maps that are valid at their place in the file.  When
 * these are in earlier blocks, they are known from loading those, or the call waits for other
 * threads that are loading them, or it reads them itself: blocks are best loaded in order. */
NFDUMP_API nfdump_status nfdump_block_load(nfdump_block *block, const nfdump_file *file,
                                           const nfdump_block_ref *ref, nfdump_block_view *view,
                                           nfdump_error *error);

/* The pure half of it: decodes `length` stored bytes that the caller has.  NFDUMP_REFUSED_MAX does not limit it, since
 * there is no file to count for.  Of layout 1 it knows the maps of this block alone.  Those of layout 3 begin with the
 * block header, which has the compression of its block; decrypted ones say so in it. */
NFDUMP_API nfdump_status nfdump_block_decode(nfdump_block *block, uint8_t compression,
                                             const nfdump_block_ref *ref, const uint8_t *stored, size_t length,
                                             nfdump_block_view *view, nfdump_error *error);

/* The payload of element `id` of flow number `flow` of a view: found by its shape, or by a binary search for its list.
 * NFDUMP_END if the flow does not have the element, NFDUMP_E_ARGUMENT if there is no such flow. */
NFDUMP_API nfdump_status nfdump_flow_element(const nfdump_block_view *view, size_t flow, uint32_t id,
                                             const uint8_t **payload, size_t *length);

/* Reads ident or statistics from a block of layout 3 that the caller has decrypted, header included. */
NFDUMP_API nfdump_status nfdump_info_decode(nfdump_info *info, const uint8_t *stored, size_t length,
                                            nfdump_error *error);

/* ---- records that are not flows ------------------------------------------ */

/* Type 7. */
typedef struct nfdump_exporter {
    uint8_t address[16]; /* network order; IPv4 as ::ffff:a.b.c.d */
    uint32_t version;    /* 1, 5, 7, 9, 10, 250 (nfdump), 9999 (sFlow) */
    uint32_t id;         /* engine tag, source id, observation domain or sub-agent id */
    uint16_t sysid;      /* what flows refer to */
    uint16_t reserved;
} nfdump_exporter;

/* One entry of type 8. */
typedef struct nfdump_exporter_stat {
    uint32_t sysid;
    uint32_t sequence_failures;
    uint64_t packets;
    uint64_t flows;
} nfdump_exporter_stat;

/* Types 9 and 15; the former converted as packet interval 1, space N - 1. */
typedef struct nfdump_sampler {
    int64_t id; /* > 0 given by the exporter, -1 generic, -2 default, -3 overwrite */
    uint32_t packet_interval;
    uint32_t packet_space;
    uint16_t algorithm; /* IPFIX 304 */
    uint16_t sysid;
    uint32_t reserved;
} nfdump_sampler;

/* One entry of types 12 (application), 13 (interface), 14 (VRF).  Pointers point into the record. */
typedef struct nfdump_name {
    uint32_t number;             /* interface index or VRF id; 0 for applications */
    uint32_t id_length;          /* application id bytes, 0 otherwise */
    uint32_t name_length;        /* without the NUL */
    uint32_t description_length; /* without the NUL; applications only */
    const uint8_t *id;
    const uint8_t *name;
    const uint8_t *description;
    uint8_t has_description; /* 1: the record declares a description field */
} nfdump_name;

/* Each parses one whole record, header included.  NFDUMP_E_ARGUMENT for a null pointer or another record
 * type, NFDUMP_E_RECORD if the record is malformed. */
NFDUMP_API nfdump_status nfdump_exporter_parse(const uint8_t *record, size_t length, nfdump_exporter *out);
NFDUMP_API nfdump_status nfdump_sampler_parse(const uint8_t *record, size_t length, nfdump_sampler *out);
/* These hold several entries; NFDUMP_END when `index` is past the last. */
NFDUMP_API nfdump_status nfdump_exporter_stat_at(const uint8_t *record, size_t length, uint32_t index,
                                                 nfdump_exporter_stat *out);
NFDUMP_API nfdump_status nfdump_name_at(const uint8_t *record, size_t length, uint32_t index, nfdump_name *out);

/* The name of a status, such as "NFDUMP_E_SIZE"; "unknown status" for other numbers. */
NFDUMP_API const char *nfdump_status_name(int32_t status);
/* NFDUMP_VERSION of the library that was linked. */
NFDUMP_API const char *nfdump_version(void);
/* NFDUMP_ABI_VERSION of the library that was linked. */
NFDUMP_API uint32_t nfdump_abi_version(void);

#ifdef __cplusplus
}
#endif
#endif
