/* Records that are not flows: exporters and their statistics, samplers, names. */
#include "../bytes.h"
#include "nfdump.h"
#include "types.h"

enum {
    EXPORTER_RECORD = 32,
    EXPORTER_STAT_HEADER = 8,
    EXPORTER_STAT_ENTRY = 24,
    SAMPLER_RECORD = 24,
    SAMPLER_LEGACY_RECORD = 16,
    APPLICATION_HEADER = 14,
    NAME_HEADER = 12,
    NAME_NUMBER = 4,
    /* id + name + description of one application */
    APPLICATION_FIELDS_MAX = 4096,
    /* address family of Linux and everybody else for IPv4 */
    FAMILY_IPV4 = 2,
};

/* The record of `type` at `record`, cut to the size it announces. */
static nfdump_status open_record(const uint8_t *record, size_t length, uint16_t type, size_t minimum, span *out)
{
    const span all = {record, length};
    uint16_t stored_type = 0;
    uint16_t size = 0;
    if (record == NULL || !span_u16(all, 0, &stored_type) || stored_type != type) {
        return NFDUMP_E_ARGUMENT;
    }
    if (!span_u16(all, 2, &size) || size < minimum || !span_sub(all, 0, size, out)) {
        return NFDUMP_E_RECORD;
    }
    return NFDUMP_OK;
}

/* Writers up to 1.7.7 store the address as two host-order words and name its family;
 * later ones store 16 bytes in network order and family 0. */
static void exporter_address(span record, uint16_t family, uint8_t out[16])
{
    const uint8_t *in = record.data + 8;
    if (family == 0) {
        memcpy(out, in, 16);
        return;
    }
    for (size_t i = 0; i < 8; i++) {
        out[i] = in[7 - i];
        out[8 + i] = in[15 - i];
    }
    if (family == FAMILY_IPV4) {
        out[10] = 0xFF;
        out[11] = 0xFF;
    }
}

nfdump_status nfdump_exporter_parse(const uint8_t *record, size_t length, nfdump_exporter *out)
{
    span r = {0};
    uint16_t family = 0;
    if (out == NULL) {
        return NFDUMP_E_ARGUMENT;
    }
    nfdump_status status = open_record(record, length, RECORD_EXPORTER, EXPORTER_RECORD, &r);
    if (status != NFDUMP_OK) {
        return status;
    }
    if (r.length != EXPORTER_RECORD) {
        return NFDUMP_E_RECORD;
    }
    *out = (nfdump_exporter){0};
    (void)span_u32(r, 4, &out->version);
    (void)span_u16(r, 24, &family);
    (void)span_u16(r, 26, &out->sysid);
    (void)span_u32(r, 28, &out->id);
    exporter_address(r, family, out->address);
    return NFDUMP_OK;
}

nfdump_status nfdump_exporter_stat_at(const uint8_t *record, size_t length, uint32_t index, nfdump_exporter_stat *out)
{
    span r = {0};
    uint32_t count = 0;
    if (out == NULL) {
        return NFDUMP_E_ARGUMENT;
    }
    nfdump_status status = open_record(record, length, RECORD_EXPORTER_STAT, EXPORTER_STAT_HEADER, &r);
    if (status != NFDUMP_OK) {
        return status;
    }
    (void)span_u32(r, 4, &count);
    if (count == 0 || r.length != EXPORTER_STAT_HEADER + (uint64_t)count * EXPORTER_STAT_ENTRY) {
        return NFDUMP_E_RECORD;
    }
    if (index >= count) {
        return NFDUMP_END;
    }
    const size_t at = EXPORTER_STAT_HEADER + (size_t)index * EXPORTER_STAT_ENTRY;
    *out = (nfdump_exporter_stat){0};
    (void)span_u32(r, at, &out->sysid);
    (void)span_u32(r, at + 4, &out->sequence_failures);
    (void)span_u64(r, at + 8, &out->packets);
    (void)span_u64(r, at + 16, &out->flows);
    return NFDUMP_OK;
}

nfdump_status nfdump_sampler_parse(const uint8_t *record, size_t length, nfdump_sampler *out)
{
    span r = {0};
    uint64_t id = 0;
    if (out == NULL) {
        return NFDUMP_E_ARGUMENT;
    }
    nfdump_status status = open_record(record, length, RECORD_SAMPLER, SAMPLER_RECORD, &r);
    *out = (nfdump_sampler){0};
    if (status == NFDUMP_OK) {
        (void)span_u16(r, 4, &out->sysid);
        (void)span_u16(r, 6, &out->algorithm);
        (void)span_u64(r, 8, &id);
        (void)span_u32(r, 16, &out->packet_interval);
        (void)span_u32(r, 20, &out->packet_space);
        out->id = (int64_t)id;
        return NFDUMP_OK;
    }
    if (status == NFDUMP_E_RECORD) {
        return status;
    }
    status = open_record(record, length, RECORD_SAMPLER_LEGACY, SAMPLER_LEGACY_RECORD, &r);
    if (status == NFDUMP_OK) {
        uint32_t legacy_id = 0;
        uint32_t interval = 0;
        (void)span_u32(r, 4, &legacy_id);
        (void)span_u32(r, 8, &interval);
        (void)span_u16(r, 12, &out->algorithm);
        (void)span_u16(r, 14, &out->sysid);
        out->id = (int32_t)legacy_id;
        out->packet_interval = 1;
        out->packet_space = interval == 0 ? 0 : interval - 1;
    }
    return status;
}

/* Bytes before the first NUL of a fixed field. */
static uint32_t text_length(const uint8_t *field, size_t length)
{
    const uint8_t *nul = memchr(field, 0, length);
    return (uint32_t)(nul == NULL ? length : (size_t)(nul - field));
}

/* The fields of one application, A + B + C bytes at `at`. */
static nfdump_status application_fields(span r, size_t at, const uint16_t lengths[3], nfdump_name *out)
{
    const size_t id = lengths[0];
    const size_t name = lengths[1];
    const size_t description = lengths[2];
    span fields = {0};
    const size_t total = id + name + description;
    if (total == 0 || total > APPLICATION_FIELDS_MAX || !span_sub(r, at, total, &fields)) {
        return NFDUMP_E_RECORD;
    }
    *out = (nfdump_name){
        .id = fields.data,
        .id_length = (uint32_t)id,
        .name = fields.data + id,
        .name_length = text_length(fields.data + id, name),
        .description = fields.data + id + name,
        .description_length = text_length(fields.data + id + name, description),
        .has_description = description != 0,
    };
    return NFDUMP_OK;
}

static nfdump_status application_at(span r, uint32_t index, nfdump_name *out)
{
    uint16_t count = 0;
    uint16_t element = 0;
    uint16_t lengths[3] = {0};
    (void)span_u16(r, 4, &count);
    (void)span_u16(r, 6, &element);
    /* Element size 0 marks the form of 1.7.0: one application, its own header in front. */
    const size_t fields = element == 0 ? 12 : 8;
    for (size_t i = 0; i < 3; i++) {
        if (!span_u16(r, fields + 2 * i, &lengths[i])) {
            return NFDUMP_E_RECORD;
        }
    }
    if (element == 0) {
        return index == 0 ? application_fields(r, fields + 6, lengths, out) : NFDUMP_END;
    }
    if (APPLICATION_HEADER + (size_t)element * count > r.length ||
        (size_t)lengths[0] + lengths[1] + lengths[2] > element) {
        return NFDUMP_E_RECORD;
    }
    return index < count ? application_fields(r, APPLICATION_HEADER + (size_t)element * index, lengths, out)
                         : NFDUMP_END;
}

static nfdump_status number_name_at(span r, uint32_t index, nfdump_name *out)
{
    uint16_t count = 0;
    uint16_t element = 0;
    (void)span_u16(r, 4, &count);
    (void)span_u16(r, 6, &element);
    if (element <= NAME_NUMBER || NAME_HEADER + (size_t)element * count > r.length) {
        return NFDUMP_E_RECORD;
    }
    if (index >= count) {
        return NFDUMP_END;
    }
    const size_t at = NAME_HEADER + (size_t)element * index;
    const uint8_t *name = r.data + at + NAME_NUMBER;
    const uint32_t length = text_length(name, element - (size_t)NAME_NUMBER);
    if (length == element - (uint32_t)NAME_NUMBER) {
        return NFDUMP_E_RECORD;
    }
    *out = (nfdump_name){.name = name, .name_length = length};
    (void)span_u32(r, at, &out->number);
    return NFDUMP_OK;
}

nfdump_status nfdump_name_at(const uint8_t *record, size_t length, uint32_t index, nfdump_name *out)
{
    span r = {0};
    if (out == NULL) {
        return NFDUMP_E_ARGUMENT;
    }
    *out = (nfdump_name){0};
    nfdump_status status = open_record(record, length, RECORD_APPLICATION_NAMES, APPLICATION_HEADER, &r);
    if (status == NFDUMP_OK) {
        return application_at(r, index, out);
    }
    for (uint16_t type = RECORD_INTERFACE_NAMES; status == NFDUMP_E_ARGUMENT && type <= RECORD_VRF_NAMES; type++) {
        status = open_record(record, length, type, NAME_HEADER, &r);
    }
    return status == NFDUMP_OK ? number_name_at(r, index, out) : status;
}
