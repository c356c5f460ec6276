/*
 * Layout 1 container (nfdump 1.5, 1.6): a header and a statistics record of fixed size, then blocks.
 *
 * There is no appendix, so the two fixed parts are all there is beside the blocks, whose chain is that
 * of layout 2.
 */
#include "layout1.h"

#include "../error.h"
#include "info.h"
#include "layout2.h"

enum {
    FLAG_LZO = 0x01,
    FLAG_BZ2 = 0x08,
    FLAG_LZ4 = 0x10,
};

#define IDENT_MAX 128u
/* First and last second of statistics that have seen no flow. */
#define NO_FIRST 0x7FFFFFFFu
#define NO_LAST 0u

/* Of several methods the one that nfdump tries first. */
static uint8_t compression_of(uint32_t flags)
{
    if (flags & FLAG_LZO) {
        return NFDUMP_COMPRESSION_LZO;
    }
    if (flags & FLAG_BZ2) {
        return NFDUMP_COMPRESSION_BZ2;
    }
    return flags & FLAG_LZ4 ? NFDUMP_COMPRESSION_LZ4 : NFDUMP_COMPRESSION_NONE;
}

static void take_stat(nfdump_info *info, const uint8_t record[LAYOUT1_STAT])
{
    uint64_t n[15];
    for (size_t i = 0; i < sizeof n / sizeof *n; i++) {
        n[i] = load_u64(record + 8 * i);
    }
    const uint32_t first = load_u32(record + 120);
    const uint32_t last = load_u32(record + 124);
    const bool none = first == NO_FIRST && last == NO_LAST;
    info->stat = (nfdump_stat){
        .flows = n[0], .bytes = n[1], .packets = n[2],
        .flows_tcp = n[3], .flows_udp = n[4], .flows_icmp = n[5], .flows_other = n[6],
        .bytes_tcp = n[7], .bytes_udp = n[8], .bytes_icmp = n[9], .bytes_other = n[10],
        .packets_tcp = n[11], .packets_udp = n[12], .packets_icmp = n[13], .packets_other = n[14],
        .first_seen = none ? INT64_MAX : UINT64_C(1000) * first + load_u16(record + 128),
        .last_seen = none ? 0 : UINT64_C(1000) * last + load_u16(record + 130),
        .sequence_failures = load_u32(record + 132),
    };
    info->has_stat = 1;
}

nfdump_status nfdump_layout1_open(const byte_source *source, nfdump_info *info, uint32_t *header_flags,
                                  nfdump_error *error)
{
    uint8_t bytes[LAYOUT1_HEADER + LAYOUT1_STAT];
    const size_t length = source->size < sizeof bytes ? (size_t)source->size : sizeof bytes;
    if (length < LAYOUT1_HEADER) {
        return nfdump_fail_value(error, NFDUMP_E_TRUNCATED, 0, "file is shorter than a header", length, LAYOUT1_HEADER);
    }
    const nfdump_status status = nfdump_source_read(source, 0, bytes, length, error);
    if (status != NFDUMP_OK) {
        return status;
    }
    *header_flags = load_u32(bytes + 4);
    info->compression = compression_of(*header_flags);
    info->num_blocks = load_u32(bytes + 8);
    info->created = source->modified;
    /* A collector counts its blocks when it closes the file. */
    info->unfinished = info->num_blocks == 0 && source->size > sizeof bytes;
    nfdump_info_set_ident(info, (span){bytes + 12, IDENT_MAX});
    info->has_ident = info->ident_length != 0;
    if (length == sizeof bytes) {
        take_stat(info, bytes + LAYOUT1_HEADER);
    } else {
        (void)nfdump_fail_value(&info->appendix, NFDUMP_E_TRUNCATED, LAYOUT1_HEADER,
                                "file is truncated inside its statistics", length, sizeof bytes);
    }
    return NFDUMP_OK;
}

nfdump_status nfdump_layout1_next(const byte_source *source, const nfdump_info *info, nfdump_cursor *cursor,
                           nfdump_block_ref *ref, nfdump_error *error)
{
    if (cursor->offset == 0) {
        cursor->offset = LAYOUT1_HEADER + LAYOUT1_STAT;
    }
    return nfdump_layout2_next(source, info, cursor, ref, error);
}
