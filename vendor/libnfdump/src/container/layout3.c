/*
 * Layout 3 container: the 48-byte header, directory and footer, the chain of blocks.
 *
 * The directory is checked as a whole when a file is opened, and read again entry by entry, so
 * that an open file needs no memory for it.  Without a usable directory the blocks can be walked
 * by their sizes from the first on; that is done only for callers who ask for what is there.
 *
 * Refused: states of this layout from before May 2026, whose blocks have other headers.  They carry
 * the same version number; their footer of 24 bytes tells them apart.
 */
#include "layout3.h"

#include <stdlib.h>

#include "../codec/codec.h"
#include "../error.h"
#include "../record/types.h"
#include "../xxh3.h"
#include "info.h"

#define DIRECTORY_MAGIC 0xB10CB10Cu
#define FOOTER_MAGIC 0x0000A50Fu

enum {
    DIRECTORY_HEADER = 8,
    ENTRY = 16,
    FOOTER = 56,
    /* Before 2026-05-01. */
    OLD_FOOTER = 24,
    CRYPTO_BLOCK = 96,
    IDENT_PAYLOAD_MAX = 255,
    /* Stored bytes of an ident or statistics block; compression can make them a little larger. */
    SMALL_BLOCK_MAX = 4096,
    FLAG_ENCRYPTED = 1,
    COMPRESSION_MAX = 5,
};

/* Where a directory lies. */
typedef struct place {
    uint64_t offset;
    uint64_t stated; /* where it was written; another place if bytes before it were lost or added */
    uint32_t size;
    uint32_t entries;
} place;

typedef struct footer {
    bool present;
    uint32_t size;
    uint64_t offset;
    uint64_t checksum;
    uint8_t mac[32];
} footer;

/* Reads up to `length` bytes at `offset`; false if they are not all there. */
static bool peek(const byte_source *source, uint64_t offset, uint8_t *out, size_t length)
{
    nfdump_error ignored;
    return offset <= source->size && length <= source->size - offset &&
           nfdump_source_read(source, offset, out, length, &ignored) == NFDUMP_OK;
}

static void read_footer(const byte_source *source, footer *out)
{
    uint8_t bytes[FOOTER];
    const span s = {bytes, sizeof bytes};
    uint32_t magic = 0;
    *out = (footer){0};
    if (source->size < LAYOUT3_HEADER + FOOTER || !peek(source, source->size - FOOTER, bytes, sizeof bytes)) {
        return;
    }
    (void)span_u32(s, 0, &magic);
    out->present = magic == FOOTER_MAGIC;
    (void)span_u32(s, 4, &out->size);
    (void)span_u64(s, 8, &out->offset);
    (void)span_u64(s, 16, &out->checksum);
    memcpy(out->mac, bytes + 24, sizeof out->mac);
}

/* Whether a directory can be at `offset`; fills `out`. */
static bool directory_at(const byte_source *source, uint64_t offset, uint32_t size, place *out)
{
    uint8_t bytes[DIRECTORY_HEADER];
    const span s = {bytes, sizeof bytes};
    uint32_t magic = 0;
    if (offset < LAYOUT3_HEADER || offset > source->size || size > source->size - offset || size < DIRECTORY_HEADER ||
        !peek(source, offset, bytes, sizeof bytes)) {
        return false;
    }
    (void)span_u32(s, 0, &magic);
    (void)span_u32(s, 4, &out->entries);
    out->offset = offset;
    out->stated = offset;
    out->size = size;
    return magic == DIRECTORY_MAGIC && DIRECTORY_HEADER + (uint64_t)ENTRY * out->entries <= size;
}

/* Bytes in front of it are lost, or there are more: it still ends where the footer begins. */
static bool directory_before(const byte_source *source, const footer *end, place *out)
{
    if (!end->present || end->offset < LAYOUT3_HEADER || end->offset > INT64_MAX || end->size > source->size - FOOTER ||
        !directory_at(source, source->size - FOOTER - end->size, end->size, out)) {
        return false;
    }
    out->stated = end->offset;
    return true;
}

static bool is_old_state(const byte_source *source, uint64_t offset, uint32_t size)
{
    uint8_t bytes[4];
    uint32_t magic = 0;
    return offset >= LAYOUT3_HEADER && offset <= source->size && source->size - offset == (uint64_t)size + OLD_FOOTER &&
           peek(source, source->size - OLD_FOOTER, bytes, sizeof bytes) &&
           span_u32((span){bytes, sizeof bytes}, 0, &magic) && magic == FOOTER_MAGIC;
}

typedef struct entry {
    uint32_t type;
    uint32_t size;
    uint64_t offset;
} entry;

static entry entry_from(span bytes, size_t at)
{
    entry e = {0};
    (void)span_u32(bytes, at, &e.type);
    (void)span_u32(bytes, at + 4, &e.size);
    (void)span_u64(bytes, at + 8, &e.offset);
    return e;
}

/* Whether a block can be there: after what ends at `from`, before the directory at `end`. */
static bool entry_fits(const entry *e, uint64_t from, uint64_t end)
{
    return e->size >= LAYOUT3_BLOCK_HEADER && e->offset >= from && e->offset <= end && e->size <= end - e->offset;
}

/* Whether a block of this type and size begins at `offset`. */
static bool begins_at(const byte_source *source, uint64_t offset, const entry *e)
{
    uint8_t bytes[8];
    return peek(source, offset, bytes, sizeof bytes) && load_u32(bytes) == e->type && load_u32(bytes + 4) == e->size;
}

/* Where the block of an entry begins if the directory has `moved`: the blocks behind the damage have moved
 * along, those before it have not. */
static uint64_t located(const byte_source *source, const entry *e, int64_t moved)
{
    const uint64_t there = e->offset + (uint64_t)moved;
    return moved != 0 && !begins_at(source, e->offset, e) && begins_at(source, there, e) ? there : e->offset;
}

static nfdump_block_ref ref_from(const entry *e, uint32_t index)
{
    return (nfdump_block_ref){
        .offset = e->offset,
        .index = index,
        .stored = e->size - LAYOUT3_BLOCK_HEADER,
        /* Types beyond 16 bits are unknown like this one. */
        .type = (uint16_t)(e->type > 0xFFFF ? 0xFFFF : e->type),
        .layout = 3,
    };
}

/* Blocks that are not for readers of flows. */
static bool is_aside(uint32_t type)
{
    return type >= BLOCK3_STAT && type <= BLOCK3_MESSAGE;
}

/* Checks all entries, and notes what else there is to read. */
static nfdump_status take_directory(const byte_source *source, span directory, const place *where, nfdump_info *info,
                                    uint64_t *crypto, nfdump_error *error)
{
    const int64_t moved = (int64_t)(where->offset - where->stated);
    uint64_t from = LAYOUT3_HEADER;
    uint32_t blocks = 0;
    nfdump_block_ref ident = {0};
    nfdump_block_ref stat = {0};
    for (uint32_t i = 0; i < where->entries; i++) {
        entry e = entry_from(directory, DIRECTORY_HEADER + (size_t)ENTRY * i);
        if (!entry_fits(&e, from, where->stated)) {
            return nfdump_fail_value(error, NFDUMP_E_SIZE, where->offset, "an entry of the directory is out of place",
                                     e.offset, from);
        }
        from = e.offset + e.size;
        blocks += !is_aside(e.type);
        if (is_aside(e.type)) {
            e.offset = located(source, &e, moved);
        }
        if (e.type == BLOCK3_STAT && stat.offset == 0) {
            stat = ref_from(&e, i);
        } else if (e.type == BLOCK3_IDENT && ident.offset == 0) {
            ident = ref_from(&e, i);
        } else if (e.type == BLOCK3_META && e.size == CRYPTO_BLOCK && *crypto == 0) {
            *crypto = e.offset;
        }
    }
    info->num_blocks = blocks;
    info->ident_block = ident;
    info->stat_block = stat;
    info->appendix_offset = where->offset;
    info->directory_entries = where->entries;
    return NFDUMP_OK;
}

static nfdump_status check_directory(const byte_source *source, const place *where, uint64_t checksum,
                                     nfdump_info *info, uint64_t *crypto, nfdump_error *error)
{
    if (where->entries > NFDUMP_LAYOUT3_ENTRIES_MAX ||
        where->size > DIRECTORY_HEADER + ENTRY * NFDUMP_LAYOUT3_ENTRIES_MAX) {
        return nfdump_fail_value(error, NFDUMP_E_SIZE, where->offset, "the directory is larger than is taken",
                                 where->entries, NFDUMP_LAYOUT3_ENTRIES_MAX);
    }
    uint8_t *bytes = malloc(where->size);
    if (bytes == NULL) {
        return nfdump_fail(error, NFDUMP_E_NOMEM, where->offset, "no memory for the directory");
    }
    const span directory = {bytes, where->size};
    nfdump_status status = nfdump_source_read(source, where->offset, bytes, where->size, error);
    if (status == NFDUMP_OK && checksum != 0 && nfdump_xxh3(directory) != checksum) {
        status = nfdump_fail(error, NFDUMP_E_CHECKSUM, where->offset, "the directory does not match its checksum");
    }
    if (status == NFDUMP_OK) {
        status = take_directory(source, directory, where, info, crypto, error);
    }
    free(bytes);
    return status;
}

/* Finds and checks the directory.  One that the header does not name is looked for in the footer, and then
 * in front of it. */
static nfdump_status find_directory(const byte_source *source, uint64_t offset, uint32_t size, nfdump_info *info,
                                    int64_t *moved, uint64_t *crypto, nfdump_error *error)
{
    place where = {0};
    footer end;
    if (offset != 0 && is_old_state(source, offset, size)) {
        return nfdump_fail(error, NFDUMP_E_UNSUPPORTED, source->size - OLD_FOOTER,
                           "file is of a development state of layout 3 from before May 2026");
    }
    read_footer(source, &end);
    const bool by_header = offset != 0 && directory_at(source, offset, size, &where);
    if (!by_header && !(end.present && directory_at(source, end.offset, end.size, &where)) &&
        !directory_before(source, &end, &where)) {
        info->unfinished = offset == 0;
        return offset == 0 ? NFDUMP_END
                           : nfdump_fail_value(error, NFDUMP_E_COUNT, 32,
                                               "the directory of the blocks is not where the header says", offset,
                                               source->size);
    }
    nfdump_status status = check_directory(source, &where, end.present ? end.checksum : 0, info, crypto, error);
    if (status == NFDUMP_OK) {
        memcpy(info->crypto.mac, end.mac, sizeof info->crypto.mac);
        *moved = (int64_t)(where.offset - where.stated);
        if (*moved != 0) {
            (void)nfdump_fail_value(&info->appendix, NFDUMP_E_COUNT, where.offset,
                                    "bytes in front of the directory are lost, or there are too many", where.offset,
                                    where.stated);
        } else if (!by_header) {
            (void)nfdump_fail_value(&info->appendix, NFDUMP_E_COUNT, 32,
                                    "the header does not say where the directory is", offset, where.offset);
        } else if (!end.present || end.offset != where.offset || end.size != where.size ||
                   where.offset + where.size + FOOTER != source->size) {
            (void)nfdump_fail_value(&info->appendix, NFDUMP_E_COUNT, where.offset + where.size,
                                    "the footer is missing or damaged", source->size,
                                    where.offset + where.size + FOOTER);
        }
    }
    return status;
}

/* The crypto header: a block of its own, of fixed size, not encrypted. */
static nfdump_status read_crypto(const byte_source *source, uint64_t offset, nfdump_crypto *out, nfdump_error *error)
{
    uint8_t bytes[CRYPTO_BLOCK];
    const span s = {bytes, sizeof bytes};
    uint32_t type = 0;
    uint32_t version = 0;
    uint16_t compression = 0;
    uint16_t encryption = 0;
    uint16_t algorithm = 0;
    uint16_t derivation = 0;
    nfdump_status status = nfdump_source_read(source, offset, bytes, sizeof bytes, error);
    if (status != NFDUMP_OK) {
        return status;
    }
    (void)span_u32(s, 0, &type);
    (void)span_u16(s, 12, &compression);
    (void)span_u16(s, 14, &encryption);
    (void)span_u32(s, 24, &version);
    (void)span_u16(s, 28, &algorithm);
    (void)span_u16(s, 30, &derivation);
    if (type != BLOCK3_META || compression != 1 || encryption != 0) {
        return nfdump_fail(error, NFDUMP_E_RECORD, offset, "an encrypted file without crypto header");
    }
    if (version != 1 || algorithm != 1 || derivation != 1) {
        return nfdump_fail_value(error, NFDUMP_E_UNSUPPORTED, offset, "unknown encryption", version, 1);
    }
    memcpy(out->header, bytes + 24, sizeof out->header);
    memcpy(out->salt, bytes + 36, sizeof out->salt);
    memcpy(out->nonce, bytes + 68, sizeof out->nonce);
    memcpy(out->key_check, bytes + 80, sizeof out->key_check);
    out->header_size = sizeof out->header;
    return NFDUMP_OK;
}

static nfdump_status parse_block(span header, layout3_block *out)
{
    if (!span_has(header, 0, LAYOUT3_BLOCK_HEADER)) {
        return NFDUMP_E_TRUNCATED;
    }
    (void)span_u32(header, 0, &out->type);
    (void)span_u32(header, 4, &out->stored);
    (void)span_u32(header, 8, &out->raw);
    (void)span_u16(header, 12, &out->compression);
    (void)span_u16(header, 14, &out->encryption);
    (void)span_u64(header, 16, &out->checksum);
    return NFDUMP_OK;
}

bool nfdump_layout3_has_checksum(span bytes)
{
    uint64_t checksum = 0;
    return span_u64(bytes, 16, &checksum) && checksum != 0;
}

nfdump_status nfdump_layout3_block_open(span bytes, bool cut, xxh3_state *checksum, layout3_block *header,
                                        span *payload, uint8_t *compression, nfdump_error *error)
{
    if (parse_block(bytes, header) != NFDUMP_OK) {
        return nfdump_fail_value(error, NFDUMP_E_TRUNCATED, 0, "block is shorter than its header", bytes.length,
                                 LAYOUT3_BLOCK_HEADER);
    }
    const bool is_cut = cut && header->stored > bytes.length;
    if ((header->stored != bytes.length && !is_cut) ||
        !span_sub(bytes, LAYOUT3_BLOCK_HEADER, bytes.length - LAYOUT3_BLOCK_HEADER, payload)) {
        return nfdump_fail_value(error, NFDUMP_E_SIZE, 0, "block has another size than the directory says",
                                 header->stored, bytes.length);
    }
    if (header->raw < LAYOUT3_BLOCK_HEADER || header->raw > NFDUMP_LAYOUT3_BLOCK_MAX) {
        return nfdump_fail_value(error, NFDUMP_E_SIZE, 0, "impossible block size", header->raw,
                                 NFDUMP_LAYOUT3_BLOCK_MAX);
    }
    if (header->encryption != 0) {
        return header->encryption == 1 ? nfdump_fail(error, NFDUMP_E_ENCRYPTED, 0, "block is encrypted")
                                       : nfdump_fail_value(error, NFDUMP_E_UNSUPPORTED, 0, "unknown encryption",
                                                           header->encryption, 1);
    }
    if (header->compression > COMPRESSION_MAX) {
        return nfdump_fail_value(error, NFDUMP_E_UNSUPPORTED, 0, "unknown compression method", header->compression,
                                 COMPRESSION_MAX);
    }
    /* 0 is not written by anybody; with equal sizes it can only mean "stored". */
    *compression = (uint8_t)(header->compression == 0 ? NFDUMP_COMPRESSION_NONE : header->compression - 1);
    if (*compression == NFDUMP_COMPRESSION_NONE && header->stored != header->raw) {
        return nfdump_fail_value(error, NFDUMP_E_SIZE, 0, "block that is not compressed has two sizes", header->stored,
                                 header->raw);
    }
    if (header->checksum != 0 && payload->length != 0 && !is_cut &&
        (checksum == NULL ? nfdump_xxh3(*payload) : nfdump_xxh3_end(checksum, *payload)) != header->checksum) {
        return nfdump_fail(error, NFDUMP_E_CHECKSUM, 0, "block does not match its checksum");
    }
    return NFDUMP_OK;
}

_Static_assert(IDENT_PAYLOAD_MAX < sizeof((nfdump_info *)NULL)->ident, "an ident fits");

nfdump_status nfdump_info_decode(nfdump_info *info, const uint8_t *stored, size_t length, nfdump_error *error)
{
    layout3_block header = {0};
    span payload = {0};
    uint8_t plain[IDENT_PAYLOAD_MAX];
    uint8_t method = 0;
    size_t produced = 0;
    const char *reason = "";
    codec_state codec = {0};
    nfdump_clear_error(error);
    if (info == NULL || stored == NULL) {
        return nfdump_fail(error, NFDUMP_E_ARGUMENT, 0, "null argument");
    }
    if (info->size < sizeof *info) {
        return nfdump_fail_value(error, NFDUMP_E_ARGUMENT, 0, "not a structure of this library", info->size,
                                 sizeof *info);
    }
    if (length > SMALL_BLOCK_MAX) {
        return nfdump_fail_value(error, NFDUMP_E_SIZE, 0, "ident or statistics of an impossible size", length,
                                 SMALL_BLOCK_MAX);
    }
    nfdump_status status =
        nfdump_layout3_block_open((span){stored, length}, false, NULL, &header, &payload, &method, error);
    /* `nfdump -i` changes an ident in place and leaves the checksum of the old one. */
    if (status != NFDUMP_OK && !(status == NFDUMP_E_CHECKSUM && header.type == BLOCK3_IDENT)) {
        return status;
    }
    const size_t wanted = header.raw - LAYOUT3_BLOCK_HEADER;
    const bool fits = header.type == BLOCK3_STAT ? wanted == STAT_PAYLOAD : wanted >= 1 && wanted <= IDENT_PAYLOAD_MAX;
    if (!fits || (header.type != BLOCK3_STAT && header.type != BLOCK3_IDENT)) {
        return nfdump_fail_value(error, NFDUMP_E_SIZE, 0, "ident or statistics of an impossible size", wanted,
                                 STAT_PAYLOAD);
    }
    status = nfdump_codec_decompress(&codec, method, payload, plain, wanted, &produced, &reason);
    nfdump_codec_free(&codec);
    if (status != NFDUMP_OK || produced != wanted) {
        return nfdump_fail(error, status == NFDUMP_OK ? NFDUMP_E_COMPRESSED : status, 0,
                           status == NFDUMP_OK ? "ident or statistics decode to another length" : reason);
    }
    nfdump_clear_error(error);
    if (header.type == BLOCK3_STAT) {
        nfdump_info_set_stat(info, plain);
    } else {
        nfdump_info_set_ident(info, (span){plain, produced});
    }
    return NFDUMP_OK;
}

/* Damage of ident and statistics never fails the file: the outcome is info->appendix.  It names the block, so that it
 * is not mistaken for damage of the directory. */
static void read_small(const byte_source *source, const nfdump_block_ref *ref, nfdump_info *info)
{
    uint8_t bytes[SMALL_BLOCK_MAX];
    nfdump_error error;
    nfdump_status status;
    if (ref->offset == 0) {
        return;
    }
    const size_t length = LAYOUT3_BLOCK_HEADER + (size_t)ref->stored;
    if (length > sizeof bytes) {
        status = nfdump_fail_value(&error, NFDUMP_E_SIZE, ref->offset, "ident or statistics of an impossible size",
                                   length, sizeof bytes);
    } else {
        status = nfdump_source_read(source, ref->offset, bytes, length, &error);
        if (status == NFDUMP_OK) {
            status = nfdump_info_decode(info, bytes, length, &error);
            error.offset = ref->offset;
        }
    }
    error.block = ref->index;
    /* A shortage of memory is the caller's to tell. */
    if (status != NFDUMP_OK && (info->appendix.status == NFDUMP_OK || status == NFDUMP_E_NOMEM)) {
        info->appendix = error;
    }
}

/* Whether the bytes of the file are to blame. */
static bool is_damage(nfdump_status status)
{
    return status == NFDUMP_E_SIZE || status == NFDUMP_E_COUNT || status == NFDUMP_E_CHECKSUM ||
           status == NFDUMP_E_TRUNCATED;
}

nfdump_status nfdump_layout3_open(const byte_source *source, nfdump_info *info, int64_t *moved, nfdump_error *error)
{
    uint8_t bytes[LAYOUT3_HEADER];
    const span header = {bytes, sizeof bytes};
    uint64_t created = 0;
    uint64_t directory = 0;
    uint64_t crypto = 0;
    uint16_t creator = 0;
    uint16_t compression = 0;
    uint32_t flags = 0;
    uint32_t block_size = 0;
    uint32_t directory_size = 0;
    if (source->size < sizeof bytes) {
        return nfdump_fail_value(error, NFDUMP_E_TRUNCATED, 0, "file is shorter than a header", source->size,
                                 LAYOUT3_HEADER);
    }
    nfdump_status status = nfdump_source_read(source, 0, bytes, sizeof bytes, error);
    if (status != NFDUMP_OK) {
        return status;
    }
    (void)span_u32(header, 4, &info->nfdversion);
    (void)span_u64(header, 8, &created);
    (void)span_u16(header, 16, &creator);
    (void)span_u16(header, 18, &compression);
    (void)span_u32(header, 20, &flags);
    (void)span_u32(header, 24, &block_size);
    (void)span_u32(header, 28, &directory_size);
    (void)span_u64(header, 32, &directory);
    info->created = (int64_t)created;
    info->creator = creator;
    /* Each block tells its own; this is what the writer meant to use. */
    info->compression = (uint8_t)(compression >= 1 && compression <= COMPRESSION_MAX ? compression - 1 : 0);
    if (flags & FLAG_ENCRYPTED && !(info->flags & NFDUMP_OPEN_ENCRYPTED)) {
        return nfdump_fail(error, NFDUMP_E_ENCRYPTED, 20, "file is encrypted and needs its passphrase");
    }
    if (block_size == 0 || block_size > NFDUMP_LAYOUT3_BLOCK_MAX) {
        return nfdump_fail_value(error, NFDUMP_E_SIZE, 24, "impossible block size", block_size,
                                 NFDUMP_LAYOUT3_BLOCK_MAX);
    }

    status = find_directory(source, directory, directory_size, info, moved, &crypto, error);
    if (status == NFDUMP_END) {
        status = NFDUMP_OK;
    } else if (info->flags & NFDUMP_OPEN_PARTIAL && is_damage(status)) {
        (void)nfdump_fail(&info->appendix, status, 32, "the directory of the blocks is missing or damaged");
        nfdump_clear_error(error);
        status = NFDUMP_OK;
    }
    if (status != NFDUMP_OK) {
        return status;
    }
    if (flags & FLAG_ENCRYPTED) {
        memcpy(info->crypto.file_header, bytes, sizeof bytes);
        return read_crypto(source, crypto != 0 ? crypto : LAYOUT3_HEADER, &info->crypto, error);
    }
    read_small(source, &info->stat_block, info);
    read_small(source, &info->ident_block, info);
    return NFDUMP_OK;
}

static nfdump_status read_entry(const byte_source *source, const nfdump_info *info, uint32_t index, entry *out,
                                nfdump_error *error)
{
    uint8_t bytes[ENTRY];
    const uint64_t at = info->appendix_offset + DIRECTORY_HEADER + (uint64_t)ENTRY * index;
    const nfdump_status status = nfdump_source_read(source, at, bytes, sizeof bytes, error);
    if (status == NFDUMP_OK) {
        *out = entry_from((span){bytes, sizeof bytes}, 0);
    }
    return status;
}

static bool is_plausible(const layout3_block *header)
{
    return header->type != BLOCK3_NULL && header->type <= BLOCK3_EXPORTERS && header->stored >= LAYOUT3_BLOCK_HEADER &&
           header->stored <= NFDUMP_LAYOUT3_BLOCK_MAX + LAYOUT3_TAG && header->raw >= LAYOUT3_BLOCK_HEADER &&
           header->raw <= NFDUMP_LAYOUT3_BLOCK_MAX && header->compression <= COMPRESSION_MAX && header->encryption <= 1;
}

/* A block that no entry tells of, before the block that begins at `until`: when one is there twice, the
 * entries may tell of both copies and miss another of the same size. */
static bool block_between(const byte_source *source, uint64_t from, uint64_t until, entry *out)
{
    uint8_t bytes[LAYOUT3_BLOCK_HEADER];
    layout3_block header;
    if (from >= until || until - from < sizeof bytes || !peek(source, from, bytes, sizeof bytes) ||
        parse_block((span){bytes, sizeof bytes}, &header) != NFDUMP_OK || !is_plausible(&header) ||
        header.stored > until - from) {
        return false;
    }
    *out = (entry){.type = header.type, .size = header.stored, .offset = from};
    return true;
}

/* Makes an entry tell where its block is when the directory has moved.  The block with the damage ends
 * where the next one begins.  False if nothing is left of it. */
static bool relocate(const byte_source *source, const nfdump_info *info, const nfdump_cursor *cursor, int64_t moved,
                     entry *e)
{
    entry next = {0};
    nfdump_error ignored;
    const uint64_t start = located(source, e, moved);
    uint64_t end = start + e->size;
    if (cursor->index + 1 < info->directory_entries &&
        read_entry(source, info, cursor->index + 1, &next, &ignored) == NFDUMP_OK) {
        const uint64_t until = located(source, &next, moved);
        end = until < end ? until : end;
    }
    end = end < info->appendix_offset ? end : info->appendix_offset;
    if (start < cursor->offset || end < start || end - start < LAYOUT3_BLOCK_HEADER) {
        return false;
    }
    e->offset = start;
    e->size = (uint32_t)(end - start);
    return true;
}

/* The next entry of the directory that readers want.  `*alone`: an error that does not end the file. */
static nfdump_status next_entry(const byte_source *source, const nfdump_info *info, int64_t moved,
                                nfdump_cursor *cursor, nfdump_block_ref *ref, bool *alone, nfdump_error *error)
{
    const uint64_t stated = info->appendix_offset - (uint64_t)moved;
    while (cursor->index < info->directory_entries) {
        entry e = {0};
        nfdump_status status = read_entry(source, info, cursor->index, &e, error);
        if (status != NFDUMP_OK) {
            return status;
        }
        /* Checked when the file was opened, but files can change. */
        if (!entry_fits(&e, moved == 0 ? cursor->offset : LAYOUT3_HEADER, stated)) {
            return nfdump_fail_value(error, NFDUMP_E_SIZE, info->appendix_offset,
                                     "an entry of the directory is out of place", e.offset, cursor->offset);
        }
        entry extra = {0};
        if (moved > 0 && block_between(source, cursor->offset, located(source, &e, moved), &extra)) {
            *ref = ref_from(&extra, cursor->index);
            cursor->offset += extra.size;
            if (is_aside(extra.type)) {
                continue;
            }
            return NFDUMP_OK;
        }
        const bool there = moved == 0 || relocate(source, info, cursor, moved, &e);
        *ref = ref_from(&e, cursor->index);
        if (there) {
            cursor->offset = e.offset + e.size;
        }
        cursor->index++;
        if (!there && !is_aside(e.type)) {
            *alone = true;
            (void)nfdump_fail(error, NFDUMP_E_COUNT, e.offset, "a block of the directory is not in the file");
            return NFDUMP_E_COUNT;
        }
        if (!is_aside(e.type)) {
            return NFDUMP_OK;
        }
    }
    return NFDUMP_END;
}

/* The next block that begins where the last one ends.  `*cut` if it is one that the end of the file cuts: then
 * it is damage, and if the cursor asks for it, the block as far as it goes. */
static nfdump_status next_in_place(const byte_source *source, nfdump_cursor *cursor, nfdump_block_ref *ref, bool *cut,
                                   nfdump_error *error)
{
    for (;;) {
        uint8_t bytes[LAYOUT3_BLOCK_HEADER] = {0};
        layout3_block header;
        const uint64_t left = source->size - cursor->offset;
        if (left == 0) {
            return NFDUMP_END;
        }
        const size_t length = left < sizeof bytes ? (size_t)left : sizeof bytes;
        nfdump_status status = nfdump_source_read(source, cursor->offset, bytes, length, error);
        if (status != NFDUMP_OK) {
            return status;
        }
        (void)parse_block((span){bytes, sizeof bytes}, &header);
        if (header.type == DIRECTORY_MAGIC) {
            return NFDUMP_END;
        }
        if (length < sizeof bytes) {
            return nfdump_fail_value(error, NFDUMP_E_TRUNCATED, cursor->offset,
                                     "file is truncated: a block header is missing", source->size,
                                     cursor->offset + sizeof bytes);
        }
        if (!is_plausible(&header)) {
            return nfdump_fail(error, NFDUMP_E_RECORD, cursor->offset, "no block where one should begin");
        }
        if (header.stored > left) {
            /* Nobody could tell whether what is there of an encrypted block is genuine. */
            *cut = left > LAYOUT3_BLOCK_HEADER && header.encryption == 0 && !is_aside(header.type);
            if (cursor->ended == NFDUMP_CURSOR_CUT) {
                const entry e = {.type = header.type, .size = (uint32_t)left, .offset = cursor->offset};
                *ref = ref_from(&e, cursor->index);
                return NFDUMP_OK;
            }
            return nfdump_fail_value(error, NFDUMP_E_TRUNCATED, cursor->offset, "file is truncated inside a block",
                                     left, header.stored);
        }
        const entry e = {.type = header.type, .size = header.stored, .offset = cursor->offset};
        *ref = ref_from(&e, cursor->index);
        cursor->offset += header.stored;
        cursor->index++;
        if (!is_aside(header.type)) {
            return NFDUMP_OK;
        }
    }
}

/* Bytes that a block decodes to, as its header announces; 0 if it does not say. */
static uint32_t announced_bytes(const byte_source *source, const nfdump_block_ref *ref)
{
    uint8_t bytes[LAYOUT3_BLOCK_HEADER];
    layout3_block header;
    if (!peek(source, ref->offset, bytes, sizeof bytes) ||
        parse_block((span){bytes, sizeof bytes}, &header) != NFDUMP_OK || header.raw < LAYOUT3_BLOCK_HEADER ||
        header.raw > NFDUMP_LAYOUT3_BLOCK_MAX) {
        return 0;
    }
    return header.raw - LAYOUT3_BLOCK_HEADER;
}

nfdump_status nfdump_layout3_next(const byte_source *source, const nfdump_info *info, int64_t moved,
                                  nfdump_cursor *cursor, nfdump_block_ref *ref, nfdump_error *error)
{
    nfdump_status status = NFDUMP_END;
    bool alone = false;
    bool cut = false;
    if (cursor->offset < LAYOUT3_HEADER) {
        cursor->offset = LAYOUT3_HEADER;
    }
    if (cursor->ended != NFDUMP_CURSOR_ENDED) {
        if (info->appendix_offset != 0) {
            status = next_entry(source, info, moved, cursor, ref, &alone, error);
        } else if (info->flags & NFDUMP_OPEN_PARTIAL && cursor->offset <= source->size) {
            status = next_in_place(source, cursor, ref, &cut, error);
        }
    }
    if (status == NFDUMP_OK) {
        ref->decoded = announced_bytes(source, ref);
    }
    if (cursor->ended == NFDUMP_CURSOR_CUT) {
        cursor->ended = NFDUMP_CURSOR_ENDED;
    } else if (status != NFDUMP_OK) {
        cursor->ended = alone ? 0 : cut && info->flags & NFDUMP_OPEN_CUT ? NFDUMP_CURSOR_CUT : NFDUMP_CURSOR_ENDED;
        if (status != NFDUMP_END && error != NULL) {
            error->block = alone ? ref->index : cursor->index;
        }
    }
    return status;
}
