/*
 * Hyper-V sockets of vallum-host: connections both ways, flow control, ends,
 * and a driver in VTL2 that breaks its rings (tools/host/hvsock.c).
 */
#include "test/unit/host_vmbus/fake_host.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_host_hvsock(void);

#define PORT 0x1234u

/* What one connection of the test's service saw and how it behaves. */
struct peer {
	struct host_stream *stream;
	uint8_t got[1 << 20];
	size_t got_bytes, limit; /* takes at most `limit` bytes in all */
	const uint8_t *send;
	size_t send_bytes, sent;
	unsigned opened, connected, done, closed;
	bool echo_refuse;
};

static struct host *h;
static struct peer *peer;
static uint8_t pattern[1 << 20];

static void pump_out(void *connection)
{
	struct peer *p = connection;

	p->sent += host_stream_send(p->stream, p->send + p->sent, p->send_bytes - p->sent);
}

static int accept_peer(void *service, struct host_stream *stream, void **connection)
{
	struct peer *p = service;

	if (p->echo_refuse)
		return VL_E_DENIED;
	p->stream = stream;
	p->opened++;
	*connection = p;
	pump_out(p);
	return 0;
}

static int64_t take(void *connection, const uint8_t *data, size_t bytes)
{
	struct peer *p = connection;

	bytes = bytes < p->limit - p->got_bytes ? bytes : p->limit - p->got_bytes;
	memcpy(p->got + p->got_bytes, data, bytes);
	p->got_bytes += bytes;
	return (int64_t)bytes;
}

static void on_done(void *connection)
{
	((struct peer *)connection)->done++;
}

static void on_closed(void *connection)
{
	((struct peer *)connection)->closed++;
}

static void on_connected(void *connection)
{
	((struct peer *)connection)->connected++;
}

static const struct host_service_ops ops = { accept_peer, take, pump_out, on_done, on_closed };

static void begin(void)
{
	h = fake_host_new();
	guest_initiate_contact(h);
	peer = calloc(1, sizeof(*peer));
	ck_assert_ptr_nonnull(peer);
	peer->limit = sizeof(peer->got);
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 31 + (i >> 9));
	ck_assert_int_eq(host_service_register(h->sockets, PORT, &ops, peer), 0);
}

static void end(void)
{
	fake_host_free(h);
	free(peer);
}

/* Receives until `bytes` came; false when the ring runs dry before. */
static bool receive_all(struct guest_channel *c, uint8_t *out, size_t bytes)
{
	uint8_t packet[16384];
	size_t got = 0;

	while (got < bytes) {
		int64_t n = guest_receive(c, packet);

		if (n <= 0 || (size_t)n > bytes - got)
			return false;
		memcpy(out + got, packet, (size_t)n);
		got += (size_t)n;
	}
	return true;
}

START_TEST(a_connection_carries_bytes_both_ways)
{
	struct guest_channel c;
	uint8_t in[5];

	guest_connect(h, &c, 1024, PORT);
	ck_assert_uint_eq(peer->opened, 1);
	ck_assert(guest_send(&c, "hello", 5));
	ck_assert_uint_eq(peer->got_bytes, 5);
	ck_assert_mem_eq(peer->got, "hello", 5);
	ck_assert(!h->flag[c.relid]);
	ck_assert_uint_eq(host_stream_send(peer->stream, "world", 5), 5);
	ck_assert(h->flag[c.relid]);
	ck_assert(receive_all(&c, in, 5));
	ck_assert_mem_eq(in, "world", 5);
}
END_TEST

START_TEST(what_a_service_sends_at_once_waits_for_the_channel_to_open)
{
	struct guest_channel c;
	uint8_t in[6];

	peer->send = (const uint8_t *)"banner";
	peer->send_bytes = 6;
	guest_connect(h, &c, 1024, PORT);
	ck_assert(receive_all(&c, in, 6));
	ck_assert_mem_eq(in, "banner", 6);
}
END_TEST

START_TEST(a_megabyte_to_vtl2_arrives_whole_though_its_ring_is_small)
{
	struct guest_channel c;
	uint8_t *in = malloc(sizeof(pattern));

	peer->send = pattern;
	peer->send_bytes = sizeof(pattern);
	guest_connect(h, &c, 1024, PORT);
	ck_assert_uint_lt(peer->sent, sizeof(pattern));
	ck_assert(receive_all(&c, in, sizeof(pattern)));
	ck_assert_mem_eq(in, pattern, sizeof(pattern));
	ck_assert_uint_eq(peer->sent, sizeof(pattern));
	free(in);
}
END_TEST

START_TEST(a_service_that_stops_taking_holds_vtl2_back_and_loses_nothing)
{
	struct guest_channel c;
	size_t sent = 0;

	peer->limit = 10000;
	guest_connect(h, &c, 1024, PORT);
	while (guest_send(&c, pattern + sent, 1000))
		sent += 1000;
	ck_assert_uint_gt(sent, 10000);
	ck_assert_uint_lt(sent, 40000);
	ck_assert_uint_eq(peer->got_bytes, 10000);
	peer->limit = sizeof(peer->got);
	host_stream_resume(peer->stream);
	fake_host_run(h);
	ck_assert_uint_eq(peer->got_bytes, sent);
	for (; sent < 500000; sent += 1000)
		ck_assert(guest_send(&c, pattern + sent, 1000));
	ck_assert_uint_eq(peer->got_bytes, sent);
	ck_assert_mem_eq(peer->got, pattern, sent);
}
END_TEST

START_TEST(vtl2_is_signalled_when_its_full_ring_has_room_again)
{
	struct guest_channel c;

	peer->limit = 0;
	guest_connect(h, &c, 1024, PORT);
	while (guest_send(&c, pattern, 1000))
		;
	h->flag[c.relid] = false;
	peer->limit = sizeof(peer->got);
	host_stream_resume(peer->stream);
	fake_host_run(h);
	ck_assert(h->flag[c.relid]);
}
END_TEST

START_TEST(vtl2_may_end_its_direction_and_still_receive)
{
	struct guest_channel c;
	uint8_t in[16384];

	guest_connect(h, &c, 1024, PORT);
	ck_assert(guest_send(&c, "bye", 3));
	ck_assert(guest_send(&c, NULL, 0));
	ck_assert_uint_eq(peer->done, 1);
	ck_assert_uint_eq(peer->closed, 0);
	ck_assert_uint_eq(host_stream_send(peer->stream, "more", 4), 4);
	ck_assert_int_eq(guest_receive(&c, in), 4);
	host_stream_shutdown(peer->stream);
	fake_host_run(h);
	ck_assert_int_eq(guest_receive(&c, in), 0);
	ck_assert_uint_eq(peer->closed, 1);
	guest_take_rescind(&c);
	ck_assert_uint_eq(peer->closed, 1);
}
END_TEST

START_TEST(the_host_may_end_its_direction_and_still_receive)
{
	struct guest_channel c;
	uint8_t in[16384];

	guest_connect(h, &c, 1024, PORT);
	host_stream_shutdown(peer->stream);
	fake_host_run(h);
	ck_assert_int_eq(guest_receive(&c, in), 0);
	ck_assert(guest_send(&c, "late", 4));
	ck_assert_uint_eq(peer->got_bytes, 4);
	ck_assert_uint_eq(peer->closed, 0);
	ck_assert(guest_send(&c, NULL, 0));
	ck_assert_uint_eq(peer->closed, 1);
	guest_take_rescind(&c);
}
END_TEST

START_TEST(a_close_delivers_what_is_queued_then_rescinds)
{
	struct guest_channel c;
	uint8_t *in = malloc(60000), fin[16384];

	guest_connect(h, &c, 1024, PORT);
	ck_assert_uint_eq(host_stream_send(peer->stream, pattern, 60000), 60000);
	host_stream_close(peer->stream);
	fake_host_run(h);
	ck_assert_uint_eq(h->message_count, 0);
	ck_assert(receive_all(&c, in, 60000));
	ck_assert_mem_eq(in, pattern, 60000);
	ck_assert_int_eq(guest_receive(&c, fin), 0);
	ck_assert_uint_eq(peer->closed, 1);
	guest_take_rescind(&c);
	free(in);
}
END_TEST

START_TEST(vtl2_closing_the_channel_ends_the_connection)
{
	struct vmbus_relid_message m;
	struct guest_channel c;

	guest_connect(h, &c, 1024, PORT);
	m.relid = cpu_to_le32(c.relid);
	guest_post(h, VMBUS_CLOSE_CHANNEL, &m, sizeof(m));
	ck_assert_uint_eq(peer->closed, 1);
	ck_assert_uint_eq(host_stream_send(peer->stream, "x", 1), 0);
	guest_take_rescind(&c);
}
END_TEST

START_TEST(a_port_without_service_and_a_refusing_service_are_answered)
{
	struct vmbus_tl_connect_result answer;
	struct vmbus_tl_connect_request foreign = { 0 };

	guest_request(h, 1024, PORT + 1);
	guest_take(h, VMBUS_TL_CONNECT_RESULT, &answer, sizeof(answer));
	ck_assert_uint_eq(le32_to_cpu(answer.status), VMBUS_STATUS_CONNECTION_REFUSED);
	peer->echo_refuse = true;
	guest_request(h, 1024, PORT);
	guest_take(h, VMBUS_TL_CONNECT_RESULT, &answer, sizeof(answer));
	foreign.service.bytes[0] = 0x34;
	foreign.service.bytes[1] = 0x12;
	guest_post(h, VMBUS_TL_CONNECT_REQUEST, &foreign, sizeof(foreign));
	guest_take(h, VMBUS_TL_CONNECT_RESULT, &answer, sizeof(answer));
}
END_TEST

START_TEST(connections_are_limited_and_become_free_again)
{
	struct vmbus_tl_connect_result answer;
	struct guest_channel c[HVSOCK_STREAM_MAX + 1];

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < HVSOCK_STREAM_MAX; i++)
			guest_connect(h, &c[i], 2000 + i, PORT);
		guest_request(h, 1, PORT);
		guest_take(h, VMBUS_TL_CONNECT_RESULT, &answer, sizeof(answer));
		ck_assert_uint_eq(le32_to_cpu(answer.status), VMBUS_STATUS_CONNECTION_REFUSED);
		for (unsigned i = 0; i < HVSOCK_STREAM_MAX; i++) {
			vmbus_signal_event(h->bus, c[i].connection_id, 0);
			ck_assert(guest_send(&c[i], NULL, 0));
		}
		ck_assert_uint_eq(peer->done, (round + 1) * HVSOCK_STREAM_MAX);
		for (unsigned i = 0; i < HVSOCK_STREAM_MAX; i++) {
			struct vmbus_relid_message m = { .relid = cpu_to_le32(c[i].relid) };

			guest_post(h, VMBUS_RELID_RELEASED, &m, sizeof(m));
			while (h->message_count)
				guest_take(h, VMBUS_RESCIND_OFFER, &m, sizeof(m));
		}
		ck_assert_uint_eq(peer->closed, (round + 1) * HVSOCK_STREAM_MAX);
	}
}
END_TEST

START_TEST(an_endpoint_in_use_is_not_offered_twice)
{
	struct vmbus_tl_connect_result answer;
	struct guest_channel c;

	guest_connect(h, &c, 1024, PORT);
	guest_request(h, 1024, PORT);
	guest_take(h, VMBUS_TL_CONNECT_RESULT, &answer, sizeof(answer));
	ck_assert_uint_eq(h->message_count, 0);
	ck_assert_uint_eq(peer->opened, 2);
	ck_assert_uint_eq(peer->closed, 1);
}
END_TEST

START_TEST(the_host_connects_to_a_port_of_vtl2)
{
	struct vmbus_offer_channel offer;
	struct guest_channel c;
	uint8_t in[16384];

	ck_assert_int_eq(hvsock_connect(h->sockets, 1, &ops, peer, on_connected, &peer->stream), 0);
	ck_assert_uint_eq(host_stream_send(peer->stream, "early", 5), 5);
	fake_host_run(h);
	guest_take_offer(h, &c, &offer);
	ck_assert_uint_eq(offer.user_defined[4], 1);
	ck_assert_uint_eq(offer.type.bytes[0], 1);
	ck_assert_uint_eq(peer->connected, 0);
	ck_assert_uint_eq(guest_make_gpadl(&c, 6, 6), 0);
	ck_assert_uint_eq(guest_open(&c), 0);
	ck_assert_uint_eq(peer->connected, 1);
	ck_assert_int_eq(guest_receive(&c, in), 5);
	ck_assert(guest_send(&c, "yes", 3));
	ck_assert_uint_eq(peer->got_bytes, 3);
	ck_assert_int_eq(hvsock_connect(h->sockets, 0x80000000u, &ops, peer, NULL, &peer->stream),
			VL_E_RANGE);
}
END_TEST

START_TEST(a_connection_that_vtl2_does_not_open_ends_by_its_time_limit)
{
	ck_assert_int_eq(hvsock_connect(h->sockets, 1, &ops, peer, on_connected, &peer->stream), 0);
	while (!peer->closed)
		ck_assert(fake_host_wait(h, 30000));
	ck_assert_uint_eq(peer->connected, 0);
	ck_assert_uint_eq(h->message_count, 2); /* offer, rescind */
}
END_TEST

static const uint32_t bad_index[] = { 1, 4, 20480, 20484, 0xfffffff8, 0x80000000, 8, 16, 24 };

START_TEST(a_broken_index_of_vtl2_ends_the_connection_only)
{
	struct guest_channel c, good;

	guest_connect(h, &good, 1023, PORT);
	guest_connect(h, &c, 1024, PORT);
	guest_send_header(&c)->write_index = cpu_to_le32(bad_index[_i]);
	guest_signal(&c);
	ck_assert_uint_eq(peer->closed, 1);
	guest_take_rescind(&c);
	ck_assert(guest_send(&good, "ok", 2));
	ck_assert_uint_eq(peer->got_bytes, 2);
}
END_TEST

START_TEST(a_broken_read_index_of_vtl2_ends_the_connection)
{
	struct guest_channel c;

	guest_connect(h, &c, 1024, PORT);
	guest_receive_header(&c)->read_index = cpu_to_le32(bad_index[_i]);
	host_stream_send(peer->stream, pattern, 60000);
	fake_host_run(h);
	if (bad_index[_i] >= 20480 || bad_index[_i] % 8)
		ck_assert_uint_eq(peer->closed, 1);
}
END_TEST

/* A packet as raw words: type and offset, length and flags, pipe type, pipe size. */
static const struct { uint16_t type, offset8, length8; uint32_t pipe, bytes; } bad_packet[] = {
	{ 5, 2, 4, 1, 8 }, { 6, 0, 4, 1, 8 }, { 6, 5, 4, 1, 8 }, { 6, 2, 1, 1, 8 }, { 6, 2, 0xffff, 1, 8 },
	{ 6, 2, 4, 2, 8 }, { 6, 2, 4, 1, 9 }, { 6, 2, 4, 1, 0xffffffff }, { 6, 2, 2, 1, 0 },
};

START_TEST(a_malformed_packet_ends_the_connection)
{
	struct guest_channel c;
	le16 *word;
	le32 *pipe;

	guest_connect(h, &c, 1024, PORT);
	word = (le16 *)(void *)guest_page(&c, 1);
	pipe = (le32 *)(void *)(guest_page(&c, 1) + 16);
	word[0] = cpu_to_le16(bad_packet[_i].type);
	word[1] = cpu_to_le16(bad_packet[_i].offset8);
	word[2] = cpu_to_le16(bad_packet[_i].length8);
	pipe[0] = cpu_to_le32(bad_packet[_i].pipe);
	pipe[1] = cpu_to_le32(bad_packet[_i].bytes);
	guest_send_header(&c)->write_index = cpu_to_le32(40);
	guest_signal(&c);
	ck_assert_uint_eq(peer->closed, 1);
	ck_assert_uint_eq(peer->got_bytes, 0);
}
END_TEST

Suite *suite_host_hvsock(void)
{
	Suite *s = suite_create("host_hvsock");
	TCase *t = tcase_create("host_hvsock");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, a_connection_carries_bytes_both_ways);
	tcase_add_test(t, what_a_service_sends_at_once_waits_for_the_channel_to_open);
	tcase_add_test(t, a_megabyte_to_vtl2_arrives_whole_though_its_ring_is_small);
	tcase_add_test(t, a_service_that_stops_taking_holds_vtl2_back_and_loses_nothing);
	tcase_add_test(t, vtl2_is_signalled_when_its_full_ring_has_room_again);
	tcase_add_test(t, vtl2_may_end_its_direction_and_still_receive);
	tcase_add_test(t, the_host_may_end_its_direction_and_still_receive);
	tcase_add_test(t, a_close_delivers_what_is_queued_then_rescinds);
	tcase_add_test(t, vtl2_closing_the_channel_ends_the_connection);
	tcase_add_test(t, a_port_without_service_and_a_refusing_service_are_answered);
	tcase_add_test(t, connections_are_limited_and_become_free_again);
	tcase_add_test(t, an_endpoint_in_use_is_not_offered_twice);
	tcase_add_test(t, the_host_connects_to_a_port_of_vtl2);
	tcase_add_test(t, a_connection_that_vtl2_does_not_open_ends_by_its_time_limit);
	tcase_add_loop_test(t, a_broken_index_of_vtl2_ends_the_connection_only, 0, VL_ARRAY_COUNT(bad_index));
	tcase_add_loop_test(t, a_broken_read_index_of_vtl2_ends_the_connection, 0, VL_ARRAY_COUNT(bad_index));
	tcase_add_loop_test(t, a_malformed_packet_ends_the_connection, 0, VL_ARRAY_COUNT(bad_packet));
	suite_add_tcase(s, t);
	return s;
}
