/* Ident and statistics of a file, which each layout stores in its own place. */
#include "info.h"

void nfdump_info_set_ident(nfdump_info *info, span field)
{
    const uint8_t *nul = memchr(field.data, 0, field.length);
    const size_t length = nul == NULL ? field.length : (size_t)(nul - field.data);
    memcpy(info->ident, field.data, length);
    info->ident[length] = 0;
    info->ident_length = (uint32_t)length;
    info->has_ident = 1;
}

void nfdump_info_set_stat(nfdump_info *info, const uint8_t *payload)
{
    uint64_t n[STAT_PAYLOAD / 8];
    for (size_t i = 0; i < STAT_PAYLOAD / 8; i++) {
        n[i] = load_u64(payload + 8 * i);
    }
    info->stat = (nfdump_stat){
        .flows = n[0], .bytes = n[1], .packets = n[2],
        .flows_tcp = n[3], .flows_udp = n[4], .flows_icmp = n[5], .flows_other = n[6],
        .bytes_tcp = n[7], .bytes_udp = n[8], .bytes_icmp = n[9], .bytes_other = n[10],
        .packets_tcp = n[11], .packets_udp = n[12], .packets_icmp = n[13], .packets_other = n[14],
        .first_seen = n[15], .last_seen = n[16], .sequence_failures = n[17],
    };
    info->has_stat = 1;
}
