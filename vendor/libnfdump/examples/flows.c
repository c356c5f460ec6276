/*
 * Prints the flows of nfcapd files as CSV.
 *
 *     cc flows.c $(pkg-config --cflags --libs libnfdecode) -o flows
 *     ./flows nfcapd.202611241330
 *
 * Damage is reported on standard error, and makes the exit status 1; the flows that can be read are printed.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

#include <nfdump.h>
#include <nfdump_fields.h>

enum { FIRST, LAST, PROTO, SRC4, DST4, SRC6, DST6, SRC_PORT, DST_PORT, PACKETS, BYTES, FIELDS };

static const char *const names[FIELDS] = {"first",     "last",      "proto",    "src4_addr", "dst4_addr", "src6_addr",
                                          "dst6_addr", "src_port",  "dst_port", "in_packets", "in_bytes"};
static const nfdump_field *fields[FIELDS];

static uint64_t little_endian(const uint8_t *bytes, size_t length)
{
    uint64_t value = 0;
    for (size_t i = length; i > 0; i--) {
        value = value << 8 | bytes[i - 1];
    }
    return value;
}

/* Numbers of up to 8 bytes; nothing where the flow does not have the field. */
static void print_number(const nfdump_block_view *view, size_t flow, const nfdump_field *field)
{
    const uint8_t *value;
    size_t length;
    if (nfdump_field_value(view, flow, field, &value, &length) == NFDUMP_OK) {
        printf("%" PRIu64, little_endian(value, length));
    }
}

/* The IPv4 address of a flow, or else its IPv6 address. */
static void print_address(const nfdump_block_view *view, size_t flow, const nfdump_field *v4, const nfdump_field *v6)
{
    const uint8_t *value;
    size_t length;
    uint8_t address[16];
    char text[INET6_ADDRSTRLEN];
    const int is_v4 = nfdump_field_value(view, flow, v4, &value, &length) == NFDUMP_OK;
    if (!is_v4 && nfdump_field_value(view, flow, v6, &value, &length) != NFDUMP_OK) {
        return;
    }
    /* From numbers of 4 or 8 bytes to network order. */
    const size_t word = is_v4 ? 4 : 8;
    for (size_t i = 0; i < length; i++) {
        address[i] = value[i / word * word + (word - 1 - i % word)];
    }
    if (inet_ntop(is_v4 ? AF_INET : AF_INET6, address, text, sizeof text) != NULL) {
        fputs(text, stdout);
    }
}

static void print_flow(const nfdump_block_view *view, size_t flow)
{
    print_number(view, flow, fields[FIRST]), putchar(',');
    print_number(view, flow, fields[LAST]), putchar(',');
    print_number(view, flow, fields[PROTO]), putchar(',');
    print_address(view, flow, fields[SRC4], fields[SRC6]), putchar(',');
    print_address(view, flow, fields[DST4], fields[DST6]), putchar(',');
    print_number(view, flow, fields[SRC_PORT]), putchar(',');
    print_number(view, flow, fields[DST_PORT]), putchar(',');
    print_number(view, flow, fields[PACKETS]), putchar(',');
    print_number(view, flow, fields[BYTES]), putchar('\n');
}

static int report(const char *path, const nfdump_error *error)
{
    fprintf(stderr, "%s: %s (offset %" PRIu64 ")\n", path, error->reason, error->offset);
    return 1;
}

/* 0, or 1 if something of the file could not be read. */
static int print_file(const char *path, nfdump_block *block)
{
    nfdump_file *file = NULL;
    nfdump_error error;
    nfdump_cursor cursor = {0};
    nfdump_block_ref ref;
    nfdump_status status;
    int failed = 0;
    if (nfdump_file_open_path(path, 0, &file, &error) != NFDUMP_OK) {
        return report(path, &error);
    }
    while ((status = nfdump_file_next(file, &cursor, &ref, &error)) != NFDUMP_END) {
        nfdump_block_view view = {.size = sizeof view};
        if (status != NFDUMP_OK || nfdump_block_load(block, file, &ref, &view, &error) != NFDUMP_OK) {
            failed = report(path, &error);
            continue;
        }
        for (size_t flow = 0; flow < view.num_flows; flow++) {
            print_flow(&view, flow);
        }
        if (view.damage.status != NFDUMP_OK) {
            failed = report(path, &view.damage);
        }
    }
    nfdump_file_close(file);
    return failed;
}

int main(int argc, char **argv)
{
    nfdump_block *block = nfdump_block_new();
    int failed = 0;
    if (block == NULL || nfdump_abi_version() != NFDUMP_ABI_VERSION) {
        fprintf(stderr, "out of memory, or not the library that this program was compiled for\n");
        return 1;
    }
    for (int i = 0; i < FIELDS; i++) {
        fields[i] = nfdump_field_find(names[i]);
    }
    puts("first,last,proto,src_addr,dst_addr,src_port,dst_port,in_packets,in_bytes");
    for (int i = 1; i < argc; i++) {
        failed |= print_file(argv[i], block);
    }
    nfdump_block_free(block);
    return failed;
}
