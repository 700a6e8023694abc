/* Unit tests of the virtio transport and the block device (virtio_rig.h). */
#include "test/unit/dev/virtio_rig.h"

Suite *suite_virtio_blk(void);

static struct rig r;

static void fresh(void)
{
	rig_open(&r, false, RIG_FLUSH);
}

/* The first capability of vendor type `type`, or 0. */
static unsigned capability(unsigned type)
{
	for (unsigned at = (unsigned)rig_config_in(&r, 0x34, 1); at;
			at = (unsigned)rig_config_in(&r, at + 1, 1))
		if (rig_config_in(&r, at, 1) == 9 && rig_config_in(&r, at + 3, 1) == type)
			return at;
	return 0;
}

START_TEST(linux_finds_every_structure_of_a_modern_device)
{
	static const unsigned where[5][2] = {
		{ 0x0000, 0x38 }, { 0x3000, 4 }, { 0x1000, 1 }, { 0x2000, 60 }, { 0, 0 },
	};

	ck_assert_uint_eq(rig_config_in(&r, 0, 4), 0x10421af4);
	for (unsigned type = 1; type <= 5; type++) {
		unsigned at = capability(type);

		ck_assert_uint_ne(at, 0);
		ck_assert_uint_eq(rig_config_in(&r, at + 2, 1), type == 2 || type == 5 ? 20 : 16);
		ck_assert_uint_eq(rig_config_in(&r, at + 4, 1), 0);
		ck_assert_uint_eq(rig_config_in(&r, at + 8, 4), where[type - 1][0]);
		ck_assert_uint_eq(rig_config_in(&r, at + 12, 4), where[type - 1][1]);
	}
	ck_assert_uint_eq(rig_config_in(&r, capability(2) + 16, 4), 4);
	ck_assert_uint_eq(rig_in(&r, 0x12, 2), 1);
	ck_assert_uint_eq(rig_in(&r, 0x1e, 2), 0);
}
END_TEST

START_TEST(the_pci_access_window_reaches_the_bar)
{
	unsigned at = capability(5);

	rig_config_out(&r, at + 8, 4, 0x12);
	rig_config_out(&r, at + 12, 4, 2);
	ck_assert_uint_eq(rig_config_in(&r, at + 16, 4), 1); /* number of queues */
	rig_config_out(&r, at + 8, 4, 0x14);
	rig_config_out(&r, at + 12, 4, 1);
	rig_config_out(&r, at + 16, 4, 0);
	ck_assert_uint_eq(rig_in(&r, 0x14, 1), 0);
	rig_config_out(&r, at + 12, 4, 3); /* no such length */
	rig_config_out(&r, at + 16, 4, 1);
	ck_assert_uint_eq(rig_in(&r, 0x14, 1), 0);
	rig_config_out(&r, at + 8, 4, 0xfffffffc);
	rig_config_out(&r, at + 12, 4, 4);
	rig_config_out(&r, at + 16, 4, 1);
}
END_TEST

START_TEST(features_that_were_not_offered_are_not_acknowledged)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		bool offered;

		rig_out(&r, 0x14, 1, 0);
		rig_out(&r, 0x00, 4, bit / 32);
		offered = rig_in(&r, 0x04, 4) >> bit % 32 & 1;
		rig_out(&r, 0x08, 4, 1);
		rig_out(&r, 0x0c, 4, 1);
		rig_out(&r, 0x08, 4, bit / 32);
		rig_out(&r, 0x0c, 4, 1u << bit % 32 | (bit / 32 ? 1 : 0));
		rig_out(&r, 0x14, 1, 0x0b);
		ck_assert_uint_eq(rig_in(&r, 0x14, 1) & 8, offered ? 8 : 0);
		rig_out(&r, 0x14, 1, 0x0f);
		ck_assert_uint_eq(rig_in(&r, 0x14, 1) & 4, offered ? 4 : 0);
	}
	rig_out(&r, 0x14, 1, 0); /* without VERSION_1 */
	rig_out(&r, 0x14, 1, 0x0b);
	ck_assert_uint_eq(rig_in(&r, 0x14, 1), 3);
}
END_TEST

START_TEST(the_configuration_tells_the_disks_size)
{
	ck_assert_uint_eq(rig_in(&r, RIG_CONFIG, 8), RIG_DISK_BYTES / 512);
	ck_assert_uint_eq(rig_in(&r, RIG_CONFIG + 12, 4), 64);
	ck_assert_uint_eq(rig_in(&r, RIG_CONFIG + 20, 4), 512);
	ck_assert_uint_eq(rig_in(&r, RIG_CONFIG + 59, 4), 0); /* over its end */
}
END_TEST

START_TEST(a_size_that_comes_late_or_changes_interrupts)
{
	struct blockio_info info = { .size_bytes = cpu_to_le64(0x2345) };
	unsigned generation = (unsigned)rig_in(&r, 0x15, 1), before = r.f.msi_count;

	rig_answer(&r, UINT64_MAX, BLOCKIO_OK, &info, sizeof(info), 5);
	ck_assert_uint_eq(rig_in(&r, RIG_CONFIG, 8), 0x11);
	ck_assert_uint_ne(rig_in(&r, 0x15, 1), generation);
	ck_assert_uint_eq(r.f.msi_count, before + 1);
	ck_assert_uint_eq(r.f.msi[before].data, 0x40);
}
END_TEST

START_TEST(blocks_are_read_and_written_in_any_pieces_of_the_stream)
{
	static const size_t chunks[] = { 1, 7, 16, 511, 1 << 20 };

	for (size_t i = 0; i < VL_ARRAY_COUNT(chunks); i++) {
		unsigned msi = r.f.msi_count;

		memset(r.ram + RIG_DATA, 0x5a, 4096);
		rig_request(&r, 0, 0, 3 + i, RIG_DATA, 4096);
		rig_serve(&r, chunks[i]);
		ck_assert_uint_eq(rig_status(&r, 0), 0);
		ck_assert_mem_eq(r.ram + RIG_DATA, r.disk + (3 + i) * 512, 4096);
		ck_assert_uint_eq(r.f.msi_count, msi + 1);
		ck_assert_uint_eq(r.f.msi[msi % FAKE_MSI_MAX].data, 0x41);
		for (unsigned b = 0; b < 1024; b++)
			r.ram[RIG_DATA + b] = (uint8_t)(b ^ i);
		rig_request(&r, 1, 1, 100, RIG_DATA, 1024);
		rig_serve(&r, chunks[i]);
		ck_assert_uint_eq(rig_status(&r, 1), 0);
		ck_assert_mem_eq(r.ram + RIG_DATA, r.disk + 51200, 1024);
		ck_assert_uint_eq(rig_collected(&r), 2);
	}
}
END_TEST

START_TEST(a_used_element_names_the_chain_and_the_bytes_written)
{
	uint32_t element[2];

	rig_request(&r, 5, 0, 0, RIG_DATA, 1024);
	rig_serve(&r, 64);
	memcpy(element, r.ram + RIG_USED + 4, 8);
	ck_assert_uint_eq(element[0], 15);
	ck_assert_uint_eq(element[1], 1025);
	rig_request(&r, 6, 1, 0, RIG_DATA, 1024);
	rig_serve(&r, 64);
	memcpy(element, r.ram + RIG_USED + 12, 8);
	ck_assert_uint_eq(element[0], 18);
	ck_assert_uint_eq(element[1], 1);
}
END_TEST

START_TEST(a_large_request_is_asked_for_in_parts)
{
	rig_request(&r, 0, 0, 8, RIG_DATA, 0x50000);
	rig_serve(&r, 4096);
	ck_assert_uint_eq(rig_status(&r, 0), 0);
	ck_assert_mem_eq(r.ram + RIG_DATA, r.disk + 4096, 0x50000);
	rig_request(&r, 1, 1, 16, RIG_DATA, 0x50000);
	rig_serve(&r, 4096);
	ck_assert_uint_eq(rig_status(&r, 1), 0);
	ck_assert_mem_eq(r.ram + RIG_DATA, r.disk + 8192, 0x50000);
}
END_TEST

START_TEST(flush_identity_and_unknown_types)
{
	struct blockio_request q;
	const uint8_t *data;

	rig_request(&r, 0, 4, 0, 0, 0);
	ck_assert(rig_next(&r, &q, &data));
	ck_assert_uint_eq(le32_to_cpu(q.op), BLOCKIO_FLUSH);
	ck_assert_uint_eq(le32_to_cpu(q.bytes), 0);
	ck_assert_uint_eq(rig_status(&r, 0), 0xee);
	rig_serve_one(&r, &q, data, 64);
	ck_assert_uint_eq(rig_status(&r, 0), 0);
	rig_request(&r, 1, 8, 0, RIG_DATA, 20);
	ck_assert_uint_eq(rig_status(&r, 1), 0);
	ck_assert_str_eq((const char *)r.ram + RIG_DATA, "vallum");
	rig_request(&r, 2, 11, 0, RIG_DATA, 512);
	ck_assert_uint_eq(rig_status(&r, 2), 2);
}
END_TEST

START_TEST(what_lies_beyond_the_disk_or_is_no_whole_block_fails)
{
	static const struct { uint32_t type, bytes; uint64_t sector; } bad[] = {
		{ 0, 512, RIG_DISK_BYTES / 512 }, { 0, 1024, RIG_DISK_BYTES / 512 - 1 },
		{ 1, 512, UINT64_MAX },
		{ 0, 512, 1ull << 55 }, { 0, 100, 0 }, { 1, 513, 0 }, { 1, 0, 0 }, { 0, 0, 0 },
	};

	for (unsigned i = 0; i < VL_ARRAY_COUNT(bad); i++) {
		rig_request(&r, i, bad[i].type, bad[i].sector, RIG_DATA, bad[i].bytes);
		ck_assert_uint_eq(rig_status(&r, i), 1);
	}
	ck_assert_uint_eq(r.stream_bytes, r.served);
	ck_assert_uint_eq(rig_in(&r, 0x14, 1), 0x0f);
}
END_TEST

START_TEST(a_read_only_disk_is_not_written)
{
	rig_open(&r, true, 0);
	rig_out(&r, 0x00, 4, 0);
	ck_assert_uint_ne(rig_in(&r, 0x04, 4) & 1u << 5, 0);
	rig_request(&r, 0, 1, 0, RIG_DATA, 512);
	ck_assert_uint_eq(rig_status(&r, 0), 1);
	rig_request(&r, 1, 0, 0, RIG_DATA, 512);
	rig_serve(&r, 64);
	ck_assert_uint_eq(rig_status(&r, 1), 0);
}
END_TEST

START_TEST(a_server_error_reaches_the_guest)
{
	struct blockio_request q;
	const uint8_t *data;

	for (uint32_t code = 1; code <= 3; code++) {
		rig_request(&r, code, 0, 0, RIG_DATA, 512);
		ck_assert(rig_next(&r, &q, &data));
		rig_answer(&r, le64_to_cpu(q.id), code, r.disk, 0, 64);
		ck_assert_uint_eq(rig_status(&r, code), 1);
	}
}
END_TEST

START_TEST(answers_may_come_in_any_order_and_no_more_than_sixteen_are_asked)
{
	struct blockio_request q[20];
	const uint8_t *data;
	unsigned count = 0;

	for (unsigned i = 0; i < 20; i++)
		rig_request(&r, i, 0, i, RIG_DATA + i * 512, 512);
	while (rig_next(&r, &q[count], &data))
		count++;
	ck_assert_uint_eq(count, 16);
	while (count--)
		rig_serve_one(&r, &q[count], data, 100);
	rig_serve(&r, 100);
	ck_assert_uint_eq(rig_collected(&r), 20);
	for (unsigned i = 0; i < 20; i++) {
		ck_assert_uint_eq(rig_status(&r, i), 0);
		ck_assert_mem_eq(r.ram + RIG_DATA + i * 512, r.disk + i * 512, 512);
	}
}
END_TEST

START_TEST(a_slow_stream_delays_and_harms_nothing)
{
	for (unsigned i = 0; i < 8; i++) {
		memset(r.ram + RIG_DATA + i * 2048, (int)(0x10 + i), 2048);
		r.f.output_room = 5;
		rig_request(&r, i, 1, 4 * i, RIG_DATA + i * 2048, 2048);
	}
	for (unsigned i = 0; i < 10000 && rig_get16(&r, RIG_USED + 2) < 8; i++) {
		r.f.output_room = 1 + i % 9;
		virtio_blk_model.complete(&r.blk, 0, 0);
		rig_serve(&r, 3);
	}
	for (unsigned i = 0; i < 8; i++) {
		ck_assert_uint_eq(rig_status(&r, i), 0);
		ck_assert_mem_eq(r.disk + i * 2048, r.ram + RIG_DATA + i * 2048, 2048);
	}
}
END_TEST

START_TEST(indirect_chains_and_scattered_buffers_work)
{
	rig_negotiate(&r, RIG_INDIRECT | RIG_FLUSH);
	rig_put(&r, RIG_HEADER, 8, 0);
	rig_put(&r, RIG_HEADER + 8, 8, 2);
	/* The header in two pieces, the data in 20 odd ones, the status with the last. */
	rig_desc(&r, RIG_TABLE, RIG_HEADER, 5, 1, 1);
	rig_desc(&r, RIG_TABLE + 16, RIG_HEADER + 5, 11, 1, 2);
	for (unsigned i = 0; i < 20; i++)
		rig_desc(&r, RIG_TABLE + 32 + 16 * i, RIG_DATA + 1000 * i, i < 19 ? 51 : 1024 - 19 * 51 + 1,
			 i < 19 ? 3 : 2, (uint16_t)(i + 3));
	rig_desc(&r, RIG_DESC, RIG_TABLE, 22 * 16, 4, 0);
	rig_offer(&r, 0);
	rig_kick(&r);
	rig_serve(&r, 33);
	ck_assert_uint_eq(rig_collected(&r), 1);
	for (unsigned i = 0; i < 20; i++)
		ck_assert_mem_eq(r.ram + RIG_DATA + 1000 * i, r.disk + 1024 + 51 * i,
				i < 19 ? 51 : 1024 - 19 * 51);
	ck_assert_uint_eq(r.ram[RIG_DATA + 19000 + 1024 - 19 * 51], 0);
}
END_TEST

START_TEST(interrupts_are_spared_when_the_guest_asks_so)
{
	unsigned msi = r.f.msi_count;

	rig_put(&r, RIG_AVAIL, 2, 1); /* no interrupt */
	rig_request(&r, 0, 0, 0, RIG_DATA, 512);
	rig_serve(&r, 64);
	ck_assert_uint_eq(r.f.msi_count, msi);
	rig_negotiate(&r, RIG_EVENT_IDX | RIG_FLUSH);
	rig_put(&r, RIG_AVAIL + 4 + 2 * RIG_QUEUE, 2, 2); /* used_event: at the third */
	for (unsigned i = 0; i < 5; i++) {
		rig_request(&r, i, 0, 0, RIG_DATA, 512);
		rig_serve(&r, 64);
		ck_assert_uint_eq(r.f.msi_count, msi + (i >= 2));
	}
	/* avail_event: told of the next one. */
	ck_assert_uint_eq(rig_get16(&r, RIG_USED + 4 + 8 * RIG_QUEUE), 5);
}
END_TEST

START_TEST(without_msix_the_pin_and_the_isr_register_serve)
{
	rig_config_out(&r, 0x42, 2, 0);
	rig_request(&r, 0, 0, 0, RIG_DATA, 512);
	rig_serve(&r, 64);
	ck_assert(r.f.line[0]);
	ck_assert_uint_eq(rig_in(&r, 0x1000, 1), 1);
	ck_assert(!r.f.line[0]);
	ck_assert_uint_eq(rig_in(&r, 0x1000, 1), 0);
}
END_TEST

/* The device wants a reset, told by the configuration interrupt, and works again after it. */
static void assert_broken_and_cured(unsigned msi)
{
	ck_assert_uint_eq(rig_in(&r, 0x14, 1), 0x4f);
	ck_assert_uint_eq(r.f.msi_count, msi + 1);
	rig_negotiate(&r, RIG_INDIRECT);
	rig_request(&r, 0, 0, 1, RIG_DATA, 512);
	rig_serve(&r, 64);
	ck_assert_uint_eq(rig_status(&r, 0), 0);
}

/* One descriptor that breaks the rules, as head 0. */
static void offer_bad(uint64_t address, uint32_t bytes, uint16_t flags, uint16_t next)
{
	unsigned msi;

	rig_negotiate(&r, RIG_INDIRECT);
	msi = r.f.msi_count;
	rig_desc(&r, RIG_DESC, address, bytes, flags, next);
	rig_offer(&r, 0);
	rig_kick(&r);
	assert_broken_and_cured(msi);
}

START_TEST(every_broken_ring_wants_a_reset_and_is_cured_by_it)
{
	unsigned msi = r.f.msi_count;

	offer_bad(RIG_HEADER, 16, 1, 0);          /* a loop */
	offer_bad(RIG_HEADER, 16, 1, RIG_QUEUE);  /* a next out of range */
	offer_bad(RIG_HEADER, 16, 0, 0);          /* nowhere for a status */
	offer_bad(RIG_HEADER, 8, 2, 0);           /* no header */
	offer_bad(RIG_RAM_BYTES - 1, 16, 0, 0);   /* outside memory */
	offer_bad(RIG_TABLE, 17, 4, 0);           /* an indirect table of a broken size */
	offer_bad(RIG_TABLE, 0, 4, 0);
	offer_bad(RIG_TABLE, 16, 5, 0);           /* one that goes on */
	offer_bad(UINT64_MAX - 15, 32, 4, 0);     /* one that wraps */
	rig_desc(&r, RIG_TABLE, RIG_TABLE, 16, 4, 0);
	offer_bad(RIG_TABLE, 16, 4, 0);           /* nested */
	rig_desc(&r, RIG_TABLE, RIG_HEADER, 16, 3, 1);
	rig_desc(&r, RIG_TABLE + 16, RIG_HEADER, 16, 0, 0);
	offer_bad(RIG_TABLE, 32, 4, 0);           /* a readable one after a writable one */
	msi = r.f.msi_count;
	rig_offer(&r, RIG_QUEUE);                 /* a head out of range */
	rig_kick(&r);
	assert_broken_and_cured(msi);
	msi = r.f.msi_count;
	rig_put(&r, RIG_AVAIL + 2, 2, (uint64_t)r.avail_next + RIG_QUEUE + 1); /* more than the ring holds */
	rig_kick(&r);
	assert_broken_and_cured(msi);
}
END_TEST

START_TEST(a_chain_of_more_segments_than_the_limit_is_refused)
{
	unsigned msi;

	rig_negotiate(&r, RIG_INDIRECT);
	msi = r.f.msi_count;
	for (unsigned i = 0; i < 100; i++)
		rig_desc(&r, RIG_TABLE + 16 * i, RIG_HEADER, 16, 3, (uint16_t)(i + 1));
	rig_desc(&r, RIG_DESC, RIG_TABLE, 1600, 4, 0);
	rig_offer(&r, 0);
	rig_kick(&r);
	assert_broken_and_cured(msi);
}
END_TEST

START_TEST(a_ring_outside_memory_or_misaligned_wants_a_reset)
{
	rig_out(&r, 0x14, 1, 0);
	rig_out(&r, 0x20, 8, RIG_DESC + 8);
	rig_out(&r, 0x1c, 2, 1);
	ck_assert_uint_eq(rig_in(&r, 0x1c, 2), 0);
	ck_assert_uint_eq(rig_in(&r, 0x14, 1) & 0x40, 0x40);
	rig_negotiate(&r, 0);
	rig_out(&r, 0x14, 1, 0);
	rig_out(&r, 0x08, 4, 1);
	rig_out(&r, 0x0c, 4, 1);
	rig_out(&r, 0x14, 1, 0x0b);
	rig_out(&r, 0x20, 8, 0x7000000000ull);
	rig_out(&r, 0x28, 8, 0x7000010000ull);
	rig_out(&r, 0x30, 8, 0x7000020000ull);
	rig_out(&r, 0x1c, 2, 1);
	rig_out(&r, 0x14, 1, 0x0f);
	ck_assert_uint_eq(rig_in(&r, 0x14, 1) & 0x40, 0x40);
}
END_TEST

START_TEST(data_buffers_outside_memory_fail_the_request_only)
{
	rig_request(&r, 0, 1, 0, RIG_RAM_BYTES - 100, 512);
	ck_assert_uint_eq(rig_status(&r, 0), 1);
	rig_request(&r, 1, 0, 0, UINT64_MAX - 100, 512);
	rig_serve(&r, 100);
	ck_assert_uint_eq(rig_status(&r, 1), 1);
	rig_request(&r, 2, 0, 0, RIG_DATA, 512);
	rig_serve(&r, 100);
	ck_assert_uint_eq(rig_status(&r, 2), 0);
	ck_assert_uint_eq(rig_collected(&r), 3);
}
END_TEST

START_TEST(nothing_is_touched_without_bus_mastering)
{
	rig_config_out(&r, 0x04, 2, 2);
	rig_request(&r, 0, 8, 0, RIG_DATA, 20);
	ck_assert_uint_eq(rig_status(&r, 0), 0xee);
	rig_config_out(&r, 0x04, 2, 6);
	rig_kick(&r);
	ck_assert_uint_eq(rig_status(&r, 0), 0);
}
END_TEST

START_TEST(a_late_answer_after_a_reset_leaves_the_guests_memory_alone)
{
	struct blockio_request q;
	const uint8_t *data;

	rig_request(&r, 0, 0, 0, RIG_DATA, 4096);
	ck_assert(rig_next(&r, &q, &data));
	rig_negotiate(&r, 0);
	memset(r.ram + RIG_DATA, 0x77, 4096);
	rig_request(&r, 1, 0, 64, RIG_DATA + 0x8000, 512);
	rig_serve_one(&r, &q, data, 1000);
	for (unsigned i = 0; i < 4096; i++)
		ck_assert_uint_eq(r.ram[RIG_DATA + i], 0x77);
	ck_assert_uint_eq(rig_status(&r, 0), 0xee);
	rig_serve(&r, 1000);
	ck_assert_uint_eq(rig_status(&r, 1), 0);
	ck_assert_uint_eq(rig_collected(&r), 1);
	ck_assert_mem_eq(r.ram + RIG_DATA + 0x8000, r.disk + 32768, 512);
}
END_TEST

START_TEST(a_write_that_is_half_sent_when_the_guest_resets_goes_out_as_it_was)
{
	memset(r.ram + RIG_DATA, 0x11, 4096);
	r.f.output_room = 1000;
	rig_request(&r, 0, 1, 0, RIG_DATA, 4096);
	rig_negotiate(&r, 0);
	memset(r.ram + RIG_DATA, 0x22, 4096);
	r.f.output_room = SIZE_MAX;
	virtio_blk_model.complete(&r.blk, 0, 0);
	rig_serve(&r, 64);
	for (unsigned i = 0; i < 4096; i++)
		ck_assert_uint_eq(r.disk[i], 0x11);
	ck_assert_uint_eq(rig_collected(&r), 0);
}
END_TEST

/* An answer of the server that must not be believed. */
static void lie(uint64_t id, uint32_t code, uint32_t bytes)
{
	static const uint8_t zeros[64];

	rig_open(&r, false, 0);
	rig_request(&r, 0, 0, 0, RIG_DATA, 512);
	r.f.output_room = 0;
	rig_request(&r, 1, 0, 0, RIG_DATA, 512); /* staged, not sent */
	rig_answer(&r, id, code, zeros, bytes, 1 << 20);
	ck_assert_uint_eq(rig_status(&r, 0), 1);
	ck_assert_uint_eq(rig_status(&r, 1), 1);
	rig_request(&r, 2, 0, 0, RIG_DATA, 512);
	ck_assert_uint_eq(rig_status(&r, 2), 1);
	rig_request(&r, 3, 4, 0, 0, 0);
	ck_assert_uint_eq(rig_status(&r, 3), 1);
	ck_assert_uint_eq(rig_collected(&r), 4);
}

START_TEST(a_server_that_breaks_the_protocol_fails_all_requests_and_nothing_else)
{
	lie(3, 0, 0);          /* no such request */
	lie(1, 0, 0);          /* not asked yet */
	lie(77777, 0, 0);
	lie(0, 4, 0);          /* no such status */
	lie(0, 0, 64);         /* less than asked */
	lie(0, 1, 64);         /* an error with data */
	lie(UINT64_MAX, 1, 0); /* no information */
}
END_TEST

START_TEST(a_closed_stream_fails_what_is_under_way_and_to_come)
{
	rig_request(&r, 0, 0, 0, RIG_DATA, 512);
	virtio_blk_model.complete(&r.blk, 0, VL_E_CLOSED);
	ck_assert_uint_eq(rig_status(&r, 0), 1);
	rig_request(&r, 1, 1, 0, RIG_DATA, 512);
	ck_assert_uint_eq(rig_status(&r, 1), 1);
}
END_TEST

static struct rig restored;

/* Saves `r` and restores it on a fresh device with the same guest memory and disk and a new stream. */
static void move(void)
{
	static uint8_t buffer[1 << 16];
	struct state_writer w;
	struct state_stream s;
	int64_t size;

	state_writer_init(&w, buffer, sizeof(buffer));
	units_save(&r.device, 1, &w);
	size = state_writer_finish(&w);
	ck_assert_int_gt(size, 0);
	ck_assert_int_eq(state_stream_open(&s, buffer, (size_t)size, NULL), VL_OK);
	rig_create(&restored, false);
	ck_assert_int_eq(units_restore(&restored.device, 1, &s, NULL), VL_OK);
	memcpy(restored.ram, r.ram, sizeof(r.ram));
	memcpy(restored.disk, r.disk, sizeof(r.disk));
	restored.avail_next = r.avail_next;
	restored.used_seen = r.used_seen;
	virtio_blk_model.start(&restored.blk);
}

START_TEST(requests_under_way_are_finished_by_the_restored_device)
{
	struct blockio_request q;
	const uint8_t *data;

	for (unsigned i = 0; i < 20; i++) { /* more than fit: some stay in the ring */
		if (i % 3 == 0)
			memset(r.ram + RIG_DATA + i * 0x4000, (int)i, 0x4000);
		rig_request(&r, i, i % 3 ? 0 : 1, i * 32, RIG_DATA + i * 0x4000, i % 5 ? 0x1000 : 0x4000);
	}
	rig_request(&r, 20, 0, 1024, 0x60000, 0x30000); /* in parts */
	for (unsigned i = 0; i < 5; i++) {
		ck_assert(rig_next(&r, &q, &data));
		rig_serve_one(&r, &q, data, 100);
	}
	ck_assert(rig_next(&r, &q, &data));
	rig_serve_one(&r, &q, data, 0x900); /* this one was answered too; then the old stream ends */
	move();
	rig_serve(&restored, 1000);
	for (unsigned i = 0; i < 21; i++)
		ck_assert_uint_eq(rig_status(&restored, i), 0);
	ck_assert_uint_eq(rig_get16(&restored, RIG_USED + 2), 21);
	for (unsigned i = 0; i < 20; i++)
		ck_assert_mem_eq(restored.ram + RIG_DATA + i * 0x4000, restored.disk + i * 0x4000,
				 i % 5 ? 0x1000 : 0x4000);
	ck_assert_uint_ne(restored.f.msi_count, 0);
}
END_TEST

START_TEST(a_request_is_saved_between_its_parts_and_in_the_middle_of_an_answer)
{
	struct blockio_request q;
	const uint8_t *data;

	rig_request(&r, 0, 0, 0, RIG_DATA, 0x30000);
	ck_assert(rig_next(&r, &q, &data));
	rig_serve_one(&r, &q, data, 4096);
	ck_assert(rig_next(&r, &q, &data));
	ck_assert_uint_eq(le64_to_cpu(q.offset_bytes), 0x10000);
	rig_answer(&r, le64_to_cpu(q.id), 0, r.disk + 0x10000, 0x10000, 1 << 20);
	r.stream_bytes = r.served; /* the third part is asked for and lost with the stream */
	move();
	rig_serve(&restored, 1000);
	ck_assert_uint_eq(rig_status(&restored, 0), 0);
	ck_assert_mem_eq(restored.ram + RIG_DATA, restored.disk, 0x30000);
	ck_assert_uint_eq(rig_in(&restored, RIG_CONFIG, 8), RIG_DISK_BYTES / 512);
}
END_TEST

Suite *suite_virtio_blk(void)
{
	Suite *s = suite_create("virtio_blk");
	TCase *t = tcase_create("virtio");

	tcase_add_checked_fixture(t, fresh, NULL);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, linux_finds_every_structure_of_a_modern_device);
	tcase_add_test(t, the_pci_access_window_reaches_the_bar);
	tcase_add_test(t, features_that_were_not_offered_are_not_acknowledged);
	tcase_add_test(t, the_configuration_tells_the_disks_size);
	tcase_add_test(t, a_size_that_comes_late_or_changes_interrupts);
	tcase_add_test(t, blocks_are_read_and_written_in_any_pieces_of_the_stream);
	tcase_add_test(t, a_used_element_names_the_chain_and_the_bytes_written);
	tcase_add_test(t, a_large_request_is_asked_for_in_parts);
	tcase_add_test(t, flush_identity_and_unknown_types);
	tcase_add_test(t, what_lies_beyond_the_disk_or_is_no_whole_block_fails);
	tcase_add_test(t, a_read_only_disk_is_not_written);
	tcase_add_test(t, a_server_error_reaches_the_guest);
	tcase_add_test(t, answers_may_come_in_any_order_and_no_more_than_sixteen_are_asked);
	tcase_add_test(t, a_slow_stream_delays_and_harms_nothing);
	tcase_add_test(t, indirect_chains_and_scattered_buffers_work);
	tcase_add_test(t, interrupts_are_spared_when_the_guest_asks_so);
	tcase_add_test(t, without_msix_the_pin_and_the_isr_register_serve);
	tcase_add_test(t, every_broken_ring_wants_a_reset_and_is_cured_by_it);
	tcase_add_test(t, a_chain_of_more_segments_than_the_limit_is_refused);
	tcase_add_test(t, a_ring_outside_memory_or_misaligned_wants_a_reset);
	tcase_add_test(t, data_buffers_outside_memory_fail_the_request_only);
	tcase_add_test(t, nothing_is_touched_without_bus_mastering);
	tcase_add_test(t, a_late_answer_after_a_reset_leaves_the_guests_memory_alone);
	tcase_add_test(t, a_write_that_is_half_sent_when_the_guest_resets_goes_out_as_it_was);
	tcase_add_test(t, a_server_that_breaks_the_protocol_fails_all_requests_and_nothing_else);
	tcase_add_test(t, a_closed_stream_fails_what_is_under_way_and_to_come);
	tcase_add_test(t, requests_under_way_are_finished_by_the_restored_device);
	tcase_add_test(t, a_request_is_saved_between_its_parts_and_in_the_middle_of_an_answer);
	suite_add_tcase(s, t);
	return s;
}
