/* Fields by name: the table, and values of made-up flows. */
#include "nfdump_elements.h"
#include "nfdump_fields.h"
#include "test.h"

enum { RECORD_HEADER = 12, ELEMENT_HEADER = 4, TCP = 6, ICMPV6 = 58 };

/* A view of one flow whose elements are given as they are stored. */
typedef struct one_flow {
    bytes record;
    nfdump_flow_ref flow;
    nfdump_shape shape;
    nfdump_block_view view;
} one_flow;

static void begin(one_flow *f, uint16_t type)
{
    *f = (one_flow){.flow = {.shape = 0}};
    put(&f->record, type, 2);
    put_zeros(&f->record, RECORD_HEADER - 2);
}

static void add_element(one_flow *f, uint16_t id, const void *payload, size_t length)
{
    put(&f->record, id, 2), put(&f->record, length + ELEMENT_HEADER, 2);
    f->shape.present |= UINT64_C(1) << id;
    f->shape.offset[id] = (uint16_t)f->record.length;
    f->shape.length[id] = (uint16_t)length;
    put_bytes(&f->record, payload, length);
}

static const nfdump_block_view *finish(one_flow *f)
{
    f->flow.size = (uint16_t)f->record.length;
    f->view = (nfdump_block_view){
        .data = f->record.data,
        .data_length = f->record.length,
        .flows = &f->flow,
        .num_flows = 1,
        .shapes = &f->shape,
        .num_shapes = 1,
    };
    return &f->view;
}

/* The value of a field that is a number; UINT64_MAX if the flow does not have it. */
static uint64_t number(const nfdump_block_view *view, const char *name)
{
    const uint8_t *value = NULL;
    size_t length = 0;
    uint64_t sum = 0;
    if (nfdump_field_value(view, 0, nfdump_field_find(name), &value, &length) != NFDUMP_OK) {
        return UINT64_MAX;
    }
    for (size_t i = length; i > 0; i--) {
        sum = sum << 8 | value[i - 1];
    }
    return sum;
}

static bool has_text(const nfdump_block_view *view, const char *name, const char *text)
{
    const uint8_t *value = NULL;
    size_t length = 0;
    return nfdump_field_value(view, 0, nfdump_field_find(name), &value, &length) == NFDUMP_OK &&
           length == strlen(text) && memcmp(value, text, length) == 0;
}

static void test_table(void)
{
    size_t count = 0;
    const nfdump_field *fields = nfdump_fields(&count);
    EXPECT(nfdump_fields(NULL) == fields);
    EXPECT(count > 100);
    for (size_t i = 0; i < count; i++) {
        EXPECT(nfdump_field_find(fields[i].name) == &fields[i]);
        EXPECT(fields[i].element >= 1 && fields[i].element < NFDUMP_ELEMENT_SLOTS);
        EXPECT(i == 0 || fields[i].element >= fields[i - 1].element);
        EXPECT((fields[i].size == 0) == (fields[i].type >= NFDUMP_TYPE_TEXT));
    }
    EXPECT(nfdump_field_find("no_such_field") == NULL);
    EXPECT(nfdump_field_find(NULL) == NULL);
    const nfdump_field *port = nfdump_field_find("dst_port");
    EXPECT(port->element == 1 && port->offset == 42 && port->size == 2 && port->type == NFDUMP_TYPE_U16);
    EXPECT(port->condition == NFDUMP_WHEN_NOT_ICMP);
}

static void test_conditions(void)
{
    static one_flow f;
    uint8_t generic[48] = {0};
    generic[42] = 0x35, generic[43] = 0x01;
    for (unsigned protocol = 0; protocol < 256; protocol++) {
        const bool is_icmp = protocol == 1 || protocol == ICMPV6;
        generic[44] = (uint8_t)protocol;
        begin(&f, NFDUMP_RECORD_FLOW), add_element(&f, 1, generic, sizeof generic);
        const nfdump_block_view *view = finish(&f);
        EXPECT(number(view, "proto") == protocol);
        EXPECT(number(view, "dst_port") == (is_icmp ? UINT64_MAX : 0x0135));
        EXPECT(number(view, "icmp_type") == (is_icmp ? 1 : UINT64_MAX));
        EXPECT(number(view, "icmp_code") == (is_icmp ? 0x35 : UINT64_MAX));
    }
    const uint8_t ttls[] = {0, 0, 64, 0};
    begin(&f, NFDUMP_RECORD_FLOW), add_element(&f, 42, ttls, sizeof ttls);
    EXPECT(number(finish(&f), "min_ttl") == 64 && number(&f.view, "max_ttl") == 0);
    EXPECT(number(&f.view, "ttl") == UINT64_MAX && number(&f.view, "ip_fragment") == UINT64_MAX);
    const uint8_t none[] = {9, 1, 0, 0};
    begin(&f, NFDUMP_RECORD_FLOW), add_element(&f, 42, none, sizeof none);
    EXPECT(number(finish(&f), "min_ttl") == UINT64_MAX && number(&f.view, "max_ttl") == UINT64_MAX);
    EXPECT(number(&f.view, "ttl") == 9 && number(&f.view, "ip_fragment") == 1);
}

static void test_texts(void)
{
    static one_flow f;
    char user[72];
    memset(user, 'u', sizeof user);
    begin(&f, NFDUMP_RECORD_FLOW), add_element(&f, 24, user, 68);
    EXPECT(has_text(finish(&f), "user_name", "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"));
    begin(&f, NFDUMP_RECORD_FLOW_LAYOUT3), add_element(&f, 24, user, sizeof user);
    EXPECT(
        has_text(finish(&f), "user_name", "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"));
    user[3] = 0;
    begin(&f, NFDUMP_RECORD_FLOW), add_element(&f, 24, user, 68), add_element(&f, 41, "no end", 6);
    EXPECT(has_text(finish(&f), "user_name", "uuu") && has_text(&f.view, "nat_string", "no end"));
    begin(&f, NFDUMP_RECORD_FLOW), add_element(&f, 41, "", 0), add_element(&f, 29, "a\0b", 3);
    const uint8_t *value = NULL;
    size_t length = 1;
    EXPECT(has_text(finish(&f), "nat_string", ""));
    EXPECT(nfdump_field_value(&f.view, 0, nfdump_field_find("in_payload"), &value, &length) == NFDUMP_OK &&
           length == 3);
}

/* The element of NAT events as nfdump 1.7.0 stored it and as later versions do. */
static void test_nat_events(void)
{
    static one_flow f;
    uint8_t old[24] = {0}, now[16] = {0};
    old[0] = now[0] = 5;
    old[16] = now[8] = 7;
    old[20] = now[12] = 2;
    begin(&f, NFDUMP_RECORD_FLOW), add_element(&f, 25, old, sizeof old);
    EXPECT(number(finish(&f), "nat_event_time") == 5 && number(&f.view, "nat_pool_id") == 7);
    EXPECT(number(&f.view, "nat_event_id") == 2);
    begin(&f, NFDUMP_RECORD_FLOW), add_element(&f, 25, now, sizeof now);
    EXPECT(number(finish(&f), "nat_event_time") == 5 && number(&f.view, "nat_pool_id") == 7);
    EXPECT(number(&f.view, "nat_event_id") == 2);
}

/* Every field of elements that are cut at every length: what does not fit is absent. */
static void test_short_elements(void)
{
    static one_flow f;
    static const uint8_t ones[48] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                     1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, TCP, 1, 1, 1};
    size_t count = 0;
    const nfdump_field *fields = nfdump_fields(&count);
    for (size_t i = 0; i < count; i++) {
        for (size_t length = 0; length <= sizeof ones; length++) {
            begin(&f, NFDUMP_RECORD_FLOW), add_element(&f, fields[i].element, ones, length);
            const uint8_t *value = NULL;
            size_t found = 0;
            const nfdump_status status = nfdump_field_value(finish(&f), 0, &fields[i], &value, &found);
            EXPECT(status == NFDUMP_OK || (status == NFDUMP_END && value == NULL && found == 0));
            EXPECT(status != NFDUMP_OK || (size_t)(value - f.record.data) + found <= f.record.length);
            EXPECT(status == NFDUMP_END || length >= (size_t)fields[i].offset + fields[i].size);
        }
    }
}

static void test_arguments(void)
{
    static one_flow f;
    const uint8_t *value = NULL;
    size_t length = 0;
    const nfdump_field *port = nfdump_field_find("dst_port");
    begin(&f, NFDUMP_RECORD_FLOW);
    EXPECT(nfdump_field_value(finish(&f), 0, port, &value, &length) == NFDUMP_END);
    EXPECT(nfdump_field_value(&f.view, 1, port, &value, &length) == NFDUMP_E_ARGUMENT);
    EXPECT(nfdump_field_value(&f.view, 0, NULL, &value, &length) == NFDUMP_E_ARGUMENT);
    EXPECT(nfdump_field_value(&f.view, 0, port, NULL, &length) == NFDUMP_E_ARGUMENT);
    EXPECT(nfdump_field_value(&f.view, 0, port, &value, NULL) == NFDUMP_E_ARGUMENT);
    EXPECT(nfdump_field_value(NULL, 0, port, &value, &length) == NFDUMP_E_ARGUMENT);
}

void test_fields(void)
{
    test_table();
    test_conditions();
    test_texts();
    test_nat_events();
    test_short_elements();
    test_arguments();
}
