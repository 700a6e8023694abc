/*
 * VMBus of vallum-host against a driver in VTL2 that behaves, and one that
 * does not (tools/host/vmbus.c).
 */
#include "test/unit/host_vmbus/fake_host.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_host_vmbus(void);

static struct host *h;

static void begin(void)
{
	h = fake_host_new();
	guest_initiate_contact(h);
}

static void end(void)
{
	fake_host_free(h);
}

/* A service that takes everything and says nothing. */
static int64_t swallow(void *connection, const uint8_t *data, size_t bytes)
{
	return (int64_t)bytes;
}

static const struct host_service_ops quiet = { .receive = swallow };

static void offered_channel(struct guest_channel *c)
{
	struct vmbus_offer_channel offer;

	ck_assert_int_eq(host_service_register(h->sockets, 0x1234, &quiet, NULL), 0);
	guest_request(h, 1024, 0x1234);
	guest_take_offer(h, c, &offer);
}

START_TEST(the_relayed_connection_is_refused_so_that_linux_takes_the_plain_one)
{
	struct vmbus_header m = { 0 };

	ck_assert_uint_eq(vmbus_post_message(h->bus, 0x800074, 1, &m, sizeof(m)),
		HV_STATUS_INVALID_CONNECTION_ID);
	ck_assert_uint_eq(vmbus_post_message(h->bus, 1, 1, &m, sizeof(m)), HV_STATUS_INVALID_CONNECTION_ID);
	ck_assert_uint_eq(vmbus_post_message(h->bus, 4, 2, &m, sizeof(m)), HV_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(vmbus_post_message(h->bus, 4, 1, &m, 241), HV_STATUS_INVALID_PARAMETER);
}
END_TEST

static const struct { uint32_t version; uint8_t vtl, sint; uint32_t vp; bool good; } contacts[] = {
	{ 0x60000, 2, 2, 0, true }, { 0x50003, 2, 2, 1, true }, { 0x50000, 2, 2, 0, true },
	{ 0x60001, 2, 2, 0, false },
	{ 0x40000, 2, 2, 0, false }, { 0x60000, 0, 2, 0, false }, { 0x60000, 2, 16, 0, false },
	{ 0x60000, 2, 2, 2, false }, { 0x60000, 2, 2, 0xffffffff, false },
};

START_TEST(only_known_versions_and_existing_targets_are_accepted)
{
	struct vmbus_initiate_contact m = { .version = cpu_to_le32(contacts[_i].version),
		.sint = contacts[_i].sint,
					    .vtl = contacts[_i].vtl,
					    .target_vp = cpu_to_le32(contacts[_i].vp) };
	struct vmbus_version_response answer;

	guest_post(h, VMBUS_INITIATE_CONTACT, &m, sizeof(m));
	guest_take(h, VMBUS_VERSION_RESPONSE, &answer, sizeof(answer));
	ck_assert_uint_eq(answer.version_supported, contacts[_i].good);
}
END_TEST

START_TEST(a_request_for_offers_ends_with_all_offers_delivered)
{
	struct vmbus_header m = { 0 };

	guest_post(h, VMBUS_REQUEST_OFFERS, &m, sizeof(m));
	guest_take(h, VMBUS_ALL_OFFERS_DELIVERED, &m, sizeof(m));
	ck_assert_uint_eq(h->message_count, 0);
}
END_TEST

START_TEST(before_contact_only_contact_and_unload_are_heard)
{
	struct vmbus_header m = { 0 };

	guest_post(h, VMBUS_UNLOAD, &m, sizeof(m));
	guest_take(h, VMBUS_UNLOAD_RESPONSE, &m, sizeof(m));
	guest_post(h, VMBUS_REQUEST_OFFERS, &m, sizeof(m));
	ck_assert_uint_eq(h->message_count, 0);
	guest_post(h, VMBUS_UNLOAD, &m, sizeof(m));
	guest_take(h, VMBUS_UNLOAD_RESPONSE, &m, sizeof(m));
}
END_TEST

START_TEST(unknown_and_short_messages_are_ignored)
{
	uint8_t m[HV_MESSAGE_PAYLOAD_BYTES] = { 0 };

	for (uint32_t type = 0; type < 64; type++)
		if (type != VMBUS_UNLOAD && type != VMBUS_REQUEST_OFFERS)
			ck_assert_uint_eq(guest_post(h, type, m, sizeof(struct vmbus_header)),
					HV_STATUS_SUCCESS);
	ck_assert_uint_eq(vmbus_post_message(h->bus, 4, 1, m, 3), HV_STATUS_SUCCESS);
	fake_host_run(h);
	ck_assert_uint_eq(h->message_count, 0);
}
END_TEST

START_TEST(a_gpadl_of_many_messages_is_created_once_and_torn_down)
{
	struct vmbus_gpadl_teardown m;
	struct vmbus_gpadl_torndown answer;
	struct guest_channel c;

	offered_channel(&c);
	ck_assert_uint_eq(guest_make_gpadl(&c, 64, 64), VMBUS_STATUS_SUCCESS);
	m.relid = cpu_to_le32(c.relid);
	m.gpadl = cpu_to_le32(c.gpadl);
	guest_post(h, VMBUS_GPADL_TEARDOWN, &m, sizeof(m));
	guest_take(h, VMBUS_GPADL_TORNDOWN, &answer, sizeof(answer));
	ck_assert_uint_eq(le32_to_cpu(answer.gpadl), c.gpadl);
	ck_assert_uint_ne(guest_open(&c), VMBUS_STATUS_SUCCESS);
}
END_TEST

static uint32_t bad_gpadl(const struct guest_channel *c, uint32_t pages, uint16_t range_bytes,
		uint16_t ranges, uint32_t offset, uint32_t sent)
{
	struct { struct vmbus_gpadl_header m; le64 page[26]; } VL_PACKED m = { .m = {
		.relid = cpu_to_le32(c->relid), .gpadl = cpu_to_le32(99), .range_count = cpu_to_le16(ranges),
		.range_bytes = cpu_to_le16(range_bytes), .byte_count = cpu_to_le32(pages * VL_PAGE_BYTES),
		.byte_offset = cpu_to_le32(offset) } };
	struct vmbus_gpadl_created answer;

	guest_post(h, VMBUS_GPADL_HEADER, &m, sizeof(m.m) + sent * 8);
	guest_take(h, VMBUS_GPADL_CREATED, &answer, sizeof(answer));
	return le32_to_cpu(answer.status);
}

START_TEST(a_gpadl_that_contradicts_itself_is_refused)
{
	struct guest_channel c, unknown = { .relid = 77 };

	offered_channel(&c);
	ck_assert_uint_ne(bad_gpadl(&c, 0, 8, 1, 0, 0), 0);
	ck_assert_uint_ne(bad_gpadl(&c, 4, 8 + 8 * 5, 1, 0, 4), 0);
	ck_assert_uint_ne(bad_gpadl(&c, 4, 8 + 8 * 4, 2, 0, 4), 0);
	ck_assert_uint_ne(bad_gpadl(&c, 4, 8 + 8 * 4, 1, 8, 4), 0);
	ck_assert_uint_ne(bad_gpadl(&c, 4, 8 + 8 * 4, 1, 0, 5), 0);
	ck_assert_uint_ne(bad_gpadl(&c, 257, 8 + 8 * 257, 1, 0, 4), 0);
	ck_assert_uint_ne(bad_gpadl(&unknown, 4, 8 + 8 * 4, 1, 0, 4), 0);
	ck_assert_uint_eq(bad_gpadl(&c, 4, 8 + 8 * 4, 1, 0, 4), 0);
	ck_assert_uint_ne(bad_gpadl(&c, 4, 8 + 8 * 4, 1, 0, 4), 0); /* the id exists */
}
END_TEST

START_TEST(a_ring_outside_of_memory_is_not_opened)
{
	struct guest_channel c;

	offered_channel(&c);
	ck_assert_uint_eq(bad_gpadl(&c, 4, 8 + 8 * 4, 1, 0, 4), 0); /* pages 0: no RAM there */
	c.gpadl = 99;
	c.send_pages = 2;
	c.page[0] = 0;
	ck_assert_uint_ne(guest_open(&c), VMBUS_STATUS_SUCCESS);
}
END_TEST

START_TEST(a_channel_opens_only_with_two_whole_rings_of_its_own)
{
	struct guest_channel c, other;
	struct vmbus_offer_channel offer;

	offered_channel(&c);
	ck_assert_uint_eq(guest_make_gpadl(&c, 3, 3), 0);
	for (uint32_t split = 0; split <= 7; split++) {
		c.send_pages = split;
		if (split < 2 || split > 4)
			ck_assert_uint_ne(guest_open(&c), VMBUS_STATUS_SUCCESS);
	}
	c.send_pages = 3;
	guest_request(h, 1025, 0x1234);
	guest_take_offer(h, &other, &offer);
	other.gpadl = c.gpadl;
	other.send_pages = 3;
	memcpy(other.page, c.page, sizeof(c.page));
	ck_assert_uint_ne(guest_open(&other), VMBUS_STATUS_SUCCESS);
	ck_assert_uint_eq(guest_open(&c), VMBUS_STATUS_SUCCESS);
	ck_assert_uint_ne(guest_open(&c), VMBUS_STATUS_SUCCESS);
}
END_TEST

START_TEST(a_modified_channel_interrupts_the_new_vp)
{
	struct vmbus_modify_channel m;
	struct vmbus_modify_response answer;
	struct guest_channel c;

	ck_assert_int_eq(host_service_register(h->sockets, 0x1234, &quiet, NULL), 0);
	guest_connect(h, &c, 1024, 0x1234);
	for (uint32_t vp = 0; vp < 4; vp++) {
		m.relid = cpu_to_le32(c.relid);
		m.target_vp = cpu_to_le32(vp);
		guest_post(h, VMBUS_MODIFY_CHANNEL, &m, sizeof(m));
		guest_take(h, VMBUS_MODIFY_CHANNEL_RESPONSE, &answer, sizeof(answer));
		ck_assert_uint_eq(le32_to_cpu(answer.status) == 0, vp < 2);
	}
}
END_TEST

START_TEST(unload_releases_everything_and_a_new_connection_starts_afresh)
{
	struct vmbus_header m = { 0 };
	struct guest_channel c;

	ck_assert_int_eq(host_service_register(h->sockets, 0x1234, &quiet, NULL), 0);
	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < 40; i++)
			guest_connect(h, &c, 1024 + i, 0x1234);
		guest_post(h, VMBUS_UNLOAD, &m, sizeof(m));
		guest_take(h, VMBUS_UNLOAD_RESPONSE, &m, sizeof(m));
		ck_assert_uint_eq(h->message_count, 0);
		ck_assert_uint_eq(vmbus_signal_event(h->bus, c.connection_id, 0),
				HV_STATUS_INVALID_CONNECTION_ID);
		guest_initiate_contact(h);
	}
}
END_TEST

START_TEST(answers_wait_while_the_message_slot_is_full)
{
	struct vmbus_header m = { 0 };

	h->slot_blocked = true;
	for (unsigned i = 0; i < 10; i++)
		guest_post(h, VMBUS_REQUEST_OFFERS, &m, sizeof(m));
	ck_assert_uint_eq(h->message_count, 0);
	h->slot_blocked = false;
	ck_assert(fake_host_wait(h, 10000));
	for (unsigned i = 0; i < 10; i++)
		guest_take(h, VMBUS_ALL_OFFERS_DELIVERED, &m, sizeof(m));
	ck_assert_uint_eq(h->message_count, 0);
}
END_TEST

START_TEST(a_flood_without_reading_is_stopped_at_the_door)
{
	struct vmbus_header m = { 0 };
	unsigned sent = 0;

	h->slot_blocked = true;
	while (sent < 10000 && guest_post(h, VMBUS_REQUEST_OFFERS, &m, sizeof(m)) == HV_STATUS_SUCCESS)
		sent++;
	ck_assert_uint_lt(sent, 400);
	ck_assert_uint_eq(guest_post(h, VMBUS_REQUEST_OFFERS, &m, sizeof(m)), HV_STATUS_INSUFFICIENT_BUFFERS);
	h->slot_blocked = false;
	for (unsigned i = 0; i < sent; i++) {
		while (!h->message_count)
			ck_assert(fake_host_wait(h, 10000));
		guest_take(h, VMBUS_ALL_OFFERS_DELIVERED, &m, sizeof(m));
	}
}
END_TEST

Suite *suite_host_vmbus(void)
{
	Suite *s = suite_create("host_vmbus");
	TCase *t = tcase_create("host_vmbus");

	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, the_relayed_connection_is_refused_so_that_linux_takes_the_plain_one);
	tcase_add_loop_test(t, only_known_versions_and_existing_targets_are_accepted, 0,
		VL_ARRAY_COUNT(contacts));
	tcase_add_test(t, a_request_for_offers_ends_with_all_offers_delivered);
	tcase_add_test(t, before_contact_only_contact_and_unload_are_heard);
	tcase_add_test(t, unknown_and_short_messages_are_ignored);
	tcase_add_test(t, a_gpadl_of_many_messages_is_created_once_and_torn_down);
	tcase_add_test(t, a_gpadl_that_contradicts_itself_is_refused);
	tcase_add_test(t, a_ring_outside_of_memory_is_not_opened);
	tcase_add_test(t, a_channel_opens_only_with_two_whole_rings_of_its_own);
	tcase_add_test(t, a_modified_channel_interrupts_the_new_vp);
	tcase_add_test(t, unload_releases_everything_and_a_new_connection_starts_afresh);
	tcase_add_test(t, answers_wait_while_the_message_slot_is_full);
	tcase_add_test(t, a_flood_without_reading_is_stopped_at_the_door);
	suite_add_tcase(s, t);
	return s;
}
