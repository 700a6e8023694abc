/*
 * Unit tests of a device in a worker of its own: workers that are real
 * processes, and answer, die at any point, hang or lie, and a hostile guest,
 * host state and machine around them.
 */
#include "test/unit/devworker/sum.h"
#include "common/device/units.h"
#include "runtime/lib/channel.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>

Suite *suite_remote(void);

static struct rig *g;

static void setup(void)
{
	g = rig_new(&sum_kind);
}

static void teardown(void)
{
	rig_free(g);
}

static void write_sum(uint64_t n) { rig_write(g, SUM_VALUE, 0, 8, n); }
static uint64_t read_sum(void) { return rig_read(g, SUM_VALUE, 0, 8); }
static int error(void) { return -(int)rig_read(g, SUM_ERROR, 0, 4); }

/* --- What a model can do ------------------------------------------------------------------- */

START_TEST(an_access_goes_to_the_worker_and_back)
{
	rig_start(g);
	write_sum(5);
	write_sum(6);
	ck_assert_uint_eq(read_sum(), 11);
	ck_assert_uint_eq(g->r.replaced, 0);
}
END_TEST

START_TEST(its_interrupts_messages_and_timers_reach_the_machine)
{
	rig_start(g);
	write_sum(7);
	ck_assert(g->f.line[0]);
	g->f.now_ns = 500;
	rig_write(g, SUM_SIGNAL, 0, 4, 0);
	ck_assert_uint_eq(g->f.msi_count, 1);
	ck_assert_uint_eq(g->f.msi[0].data, 7);
	ck_assert(g->f.armed[1]);
	ck_assert_uint_eq(g->f.deadline_ns[1], 1000000500);
	rig_timer(g, 1);
	rig_settle(g);
	ck_assert_uint_eq(read_sum(), 1008);
	ck_assert(!g->f.line[0]);
	rig_write(g, SUM_POWER, 0, 1, DEV_MACHINE_RESET);
	ck_assert_uint_eq(g->f.machine_count, 1);
	ck_assert_uint_eq(g->f.machine[0], DEV_MACHINE_RESET);
}
END_TEST

START_TEST(it_reads_writes_and_fills_guest_memory_in_pieces_of_any_size)
{
	uint64_t seven = 7, there;

	rig_start(g);
	for (unsigned i = 0; i < RIG_RAM_BYTES; i++)
		g->f.ram[i] = (uint8_t)(i * 11 + (i >> 9));
	memcpy(g->f.ram + 0x100, &seven, 8);
	ck_assert_uint_eq(rig_read(g, SUM_MEMORY, 0x100, 8), 7);
	rig_write(g, SUM_MEMORY, 0, 8, 0x200);
	memcpy(&there, g->f.ram + 0x200, 8);
	ck_assert_uint_eq(there, 7);
	rig_write(g, SUM_FILL, 0, 4, 0x1000);
	for (unsigned i = 0; i < 1024; i++)
		ck_assert_uint_eq(g->f.ram[0x1000 + i], 7);
	rig_write(g, SUM_COPY, 0, 4, 0x8000);
	ck_assert_int_eq(error(), 0);
	ck_assert_mem_eq(g->f.ram + 0x8000, g->f.ram, 0x8000);
}
END_TEST

START_TEST(guest_addresses_out_of_range_are_refused_with_the_error_and_nothing_is_written)
{
	static const uint64_t bad[] = { RIG_RAM_BYTES - 4, RIG_RAM_BYTES, UINT64_MAX - 3, UINT64_MAX,
		1ull << 63 };

	rig_start(g);
	write_sum(9);
	for (unsigned i = 0; i < VL_ARRAY_COUNT(bad); i++) {
		rig_write(g, SUM_MEMORY, 0, 8, bad[i]);
		ck_assert_int_eq(error(), VL_E_RANGE);
		rig_write(g, SUM_FILL, 0, 8, bad[i]);
		ck_assert_int_eq(error(), VL_E_RANGE);
	}
	ck_assert_uint_eq(rig_read(g, SUM_MEMORY, RIG_RAM_BYTES - 7, 8), 9);
	ck_assert_int_eq(error(), VL_E_RANGE);
	for (unsigned i = 0; i < RIG_RAM_BYTES; i++)
		ck_assert_uint_eq(g->f.ram[i], 0);
}
END_TEST

START_TEST(it_moves_a_window_of_its_registers)
{
	struct bus bus;

	bus_init(&bus);
	g->f.bus = &bus;
	rig_start(g);
	rig_write(g, SUM_WINDOW, 0, 8, 0xe0000000);
	ck_assert_int_eq(error(), 0);
	ck_assert_uint_eq(bus.count[DEV_MMIO], 1);
	ck_assert_uint_eq(bus.entry[DEV_MMIO][0].region.base, 0xe0000000);
	rig_write(g, SUM_WINDOW, 0, 8, 0xe0001000);
	ck_assert_uint_eq(bus.count[DEV_MMIO], 1);
	rig_write(g, SUM_WINDOW, 0, 8, UINT64_MAX - 0xfff);
	ck_assert_int_eq(error(), 0);
}
END_TEST

START_TEST(output_that_does_not_fit_waits_until_there_is_room_and_input_until_it_is_wanted)
{
	static uint8_t input[3000];
	uint64_t expected = 0;

	for (unsigned i = 0; i < sizeof(input); i++)
		expected += input[i] = (uint8_t)(i * 7);
	rig_start(g);
	rig_go(g);
	rig_settle(g);
	g->f.output_room = 3;
	rig_write(g, SUM_PRINT, 0, 8, 0x6867666564636261);
	ck_assert_uint_eq(g->f.output_count, 3);
	rig_room(g, 2);
	rig_settle(g);
	ck_assert_uint_eq(g->f.output_count, 5);
	rig_room(g, 1000);
	rig_settle(g);
	ck_assert_uint_eq(g->f.output_count, 8);
	ck_assert_mem_eq(g->f.output, "abcdefgh", 8);
	for (size_t at = 0; at < sizeof(input);) {
		at += rig_input(g, input + at, sizeof(input) - at);
		rig_settle(g);
	}
	ck_assert_uint_eq(read_sum(), expected);
	ck_assert_uint_gt(g->f.input_ready, 0);
}
END_TEST

/* --- Accesses that are known in advance ------------------------------------------------------- */

/* `n` accesses at most were asked for since; the others were not. */
static void expect_asked(uint64_t before, uint64_t n)
{
	ck_assert_uint_eq(g->r.asked - before, n);
}

START_TEST(what_is_written_to_a_fifo_in_the_window_is_not_asked_for_and_comes_before_the_next_access)
{
	uint64_t asked;

	rig_start(g);
	rig_write(g, SUM_OPEN, 0, 4, SUM_OPEN_QUEUE);
	asked = g->r.asked;
	for (unsigned i = 0; i < 200; i++)
		rig_write(g, SUM_QUEUE, 0, 1, i);
	ck_assert_uint_eq(g->f.line[0], 0);
	expect_asked(asked, 0);
	rig_write(g, SUM_TAKE, 0, 1, 0);
	expect_asked(asked, 1);
	ck_assert_uint_eq(read_sum(), 199 * 200 / 2);
}
END_TEST

START_TEST(what_is_read_from_a_fifo_in_the_window_is_taken_from_it_once)
{
	uint64_t asked;

	rig_start(g);
	rig_write(g, SUM_OPEN, 0, 4, SUM_OPEN_QUEUE);
	for (unsigned i = 1; i <= 100; i++)
		rig_write(g, SUM_QUEUE, 0, 1, i);
	read_sum(); /* its answer has what is in the queue */
	asked = g->r.asked;
	for (unsigned i = 1; i <= 50; i++)
		ck_assert_uint_eq(rig_read(g, SUM_QUEUE, i % 8, 1), i);
	ck_assert_uint_eq(rig_read(g, SUM_QUEUE, 0, 4), 0x36353433);
	expect_asked(asked, 0);
	rig_kill(g);
	ck_assert_uint_eq(rig_read(g, SUM_QUEUE, 0, 8), 0x3e3d3c3b3a393837);
	rig_write(g, SUM_TAKE, 0, 1, 0); /* 63 to 100 are left */
	ck_assert_uint_eq(read_sum(), (63 + 100) * 38 / 2);
	ck_assert_uint_eq(rig_read(g, SUM_QUEUE, 0, 2), 0);
	expect_asked(asked, 3);
}
END_TEST

START_TEST(memory_in_the_window_is_read_without_asking_until_it_is_written)
{
	uint64_t asked;

	rig_start(g);
	rig_write(g, SUM_PAGE, 8, 8, 0x1122334455667788);
	rig_write(g, SUM_OPEN, 0, 4, SUM_OPEN_PAGE);
	asked = g->r.asked;
	ck_assert_uint_eq(rig_read(g, SUM_PAGE, 8, 8), 0x1122334455667788);
	ck_assert_uint_eq(rig_read(g, SUM_PAGE, 10, 2), 0x5566);
	ck_assert_uint_eq(rig_read(g, SUM_PAGE, 56, 8), 0);
	rig_write(g, SUM_PAGE, 9, 1, 0xaa);
	expect_asked(asked, 0);
	ck_assert_uint_eq(rig_read(g, SUM_PAGE, 8, 8), 0x112233445566aa88);
	expect_asked(asked, 1);
	rig_write(g, SUM_OPEN, 0, 4, SUM_OPEN_NONE);
	ck_assert_uint_eq(rig_read(g, SUM_PAGE, 8, 4), 0x5566aa88);
	expect_asked(asked, 3);
}
END_TEST

/* More than one message and more than the journal hold. */
START_TEST(any_number_of_posted_accesses_arrives_in_order)
{
	uint64_t expected = 0;

	rig_start(g);
	rig_write(g, SUM_OPEN, 0, 4, SUM_OPEN_QUEUE);
	for (unsigned round = 0; round < 8; round++) {
		for (unsigned i = 0; i < 1500; i++)
			rig_write(g, SUM_QUEUE, 0, 1, i % 251);
		if (round % 3 == 1)
			rig_kill(g);
		for (unsigned i = 0; i < 1000; i++)
			ck_assert_uint_eq(rig_read(g, SUM_QUEUE, 0, 1), i % 251);
		for (unsigned i = 1000; i < 1500; i++)
			expected += i % 251;
		rig_write(g, SUM_TAKE, 0, 1, 0);
		ck_assert_uint_eq(read_sum(), expected);
	}
	ck_assert_uint_ge(g->r.replaced, 2);
}
END_TEST

START_TEST(a_device_that_is_saved_or_stopped_has_what_was_posted)
{
	static uint8_t saved[8192];
	int64_t size;

	rig_start(g);
	rig_write(g, SUM_OPEN, 0, 4, SUM_OPEN_QUEUE);
	rig_write(g, SUM_QUEUE, 0, 2, 0x0305);
	size = rig_save(g, saved, sizeof(saved));
	ck_assert_int_gt(size, 0);
	rig_write(g, SUM_QUEUE, 0, 1, 9);
	rig_reset(g);
	rig_write(g, SUM_TAKE, 0, 1, 0);
	ck_assert_uint_eq(read_sum(), 0);
	ck_assert_int_eq(rig_restore(g, saved, (size_t)size), 0);
	rig_go(g);
	rig_write(g, SUM_QUEUE, 0, 1, 1);
	rig_stop(g);
	rig_kill(g);
	rig_go(g);
	rig_write(g, SUM_TAKE, 0, 1, 0);
	ck_assert_uint_eq(read_sum(), 9);
}
END_TEST

/* --- Workers that are lost -------------------------------------------------------------------- */

static void die(struct devhost *h) { _exit(3); }

/* _i: the request in which the first worker dies; every later one dies a little further on. */
START_TEST(a_worker_may_die_in_any_request_and_nothing_is_lost_or_done_twice)
{
	uint64_t expected = 0;

	for (unsigned n = 0; n < 40; n++)
		g->behaviour[n] = (struct rig_behaviour){ 2 + (unsigned)_i / 2 + 7 * n, die, _i & 1 };
	rig_start(g);
	rig_go(g);
	rig_write(g, SUM_OPEN, 0, 4, _i % 3);
	for (uint64_t i = 1; i <= 60; i++) {
		rig_write(g, SUM_QUEUE, 0, 4, 0x04030201 * i);
		rig_write(g, SUM_PAGE, i % 7 * 8, 8, i);
		write_sum(i % 5 + 1);
		ck_assert_uint_eq(rig_read(g, SUM_QUEUE, 0, 1), i);
		ck_assert_uint_eq(rig_read(g, SUM_QUEUE, 0, 2), 0x0302 * i & 0xffff);
		ck_assert_uint_eq(rig_read(g, SUM_PAGE, i % 7 * 8, 4), i);
		ck_assert_uint_eq(rig_read(g, SUM_QUEUE, 0, 1), 0x04030201 * i >> 24);
		expected += i % 5 + 1;
		ck_assert_uint_eq(read_sum(), expected);
		ck_assert_uint_eq(g->f.line[0], expected & 1);
		rig_write(g, SUM_PRINT, 0, 1, 'a' + i % 26);
		if (i % 10 == 0)
			rig_write(g, SUM_MEMORY, 0, 8, 0x100);
		if (i % 10 == 5) {
			ck_assert_uint_eq(rig_input(g, "\1\2\3\4", 4), 4);
			rig_settle(g);
			expected += 10;
		}
	}
	ck_assert_uint_gt(g->r.replaced, 0);
	ck_assert_uint_eq(g->f.output_count, 60);
	for (unsigned i = 1; i <= 60; i++)
		ck_assert_uint_eq(g->f.output[i - 1], 'a' + i % 26);
}
END_TEST

static _Atomic bool load_ends;
static _Atomic unsigned rounds;

static void *kill_again_and_again(void *context)
{
	for (unsigned i = 0; i < 100; i++) {
		unsigned started = g->started, round = rounds;

		kill(g->pid, SIGKILL);
		/* The next one is killed wherever it is then, but the load gets on between. */
		while (g->started == started || rounds == round)
			usleep(100);
		for (unsigned spin = 0; spin < i * 2000; spin++)
			__asm__ volatile("" ::: "memory");
	}
	load_ends = true;
	return NULL;
}

START_TEST(kill_9_a_hundred_times_under_load_loses_nothing)
{
	uint64_t expected = 0, printed = 0;
	pthread_t killer;

	rig_start(g);
	rig_go(g);
	rig_write(g, SUM_OPEN, 0, 4, SUM_OPEN_QUEUE);
	load_ends = false;
	ck_assert_int_eq(pthread_create(&killer, NULL, kill_again_and_again, NULL), 0);
	for (uint64_t i = 0; !load_ends; i++, rounds++) {
		for (unsigned n = 0; n < 8; n++)
			rig_write(g, SUM_QUEUE, 0, 1, (i + n) & 0xff);
		write_sum(i % 7);
		expected += i % 7;
		ck_assert_uint_eq(rig_read(g, SUM_QUEUE, 0, 2), (i & 0xff) | ((i + 1) & 0xff) << 8);
		for (unsigned n = 2; n < 7; n++)
			ck_assert_uint_eq(rig_read(g, SUM_QUEUE, 0, 1), (i + n) & 0xff);
		rig_write(g, SUM_TAKE, 0, 1, 0);
		expected += (i + 7) & 0xff;
		ck_assert_uint_eq(read_sum(), expected);
		ck_assert_uint_eq(g->f.line[0], expected & 1);
		rig_write(g, SUM_PRINT, 0, 1, printed % 251);
		ck_assert_uint_eq(g->f.output[printed++ % FAKE_OUTPUT_MAX], (printed - 1) % 251);
		ck_assert_uint_eq(g->f.output_count, printed);
		if (i % 50 == 7) {
			rig_input(g, "\1\1\1\1\1", 5);
			rig_settle(g);
			expected += 5;
			rig_timer(g, 0);
			rig_settle(g);
			expected += 1000;
		}
	}
	pthread_join(killer, NULL);
	ck_assert_uint_ge(g->started, 101);
	ck_assert_uint_eq(read_sum(), expected);
}
END_TEST

static void hang(struct devhost *h)
{
	for (;;)
		pause();
}

static void *read_in_a_thread(void *context)
{
	*(uint64_t *)context = read_sum();
	return NULL;
}

static void expect_replaced(int why)
{
	rig_start(g);
	write_sum(3);
	write_sum(4);
	ck_assert_uint_eq(read_sum(), 7);
	ck_assert_uint_eq(g->r.replaced, 1);
	ck_assert_uint_eq(g->complaints, 1);
	ck_assert_int_eq(g->complaint, why);
	ck_assert_uint_eq(g->complaint_about, 1);
}

START_TEST(a_worker_that_hangs_is_complained_about_killed_and_replaced)
{
	g->behaviour[0] = (struct rig_behaviour){ 3, hang, _i };
	g->r.limit_ms = 1500;
	expect_replaced(VL_E_TIMEOUT);
}
END_TEST

static void leaves_its_link(struct devhost *h)
{
	close(h->end.link);
	hang(h);
}

START_TEST(a_worker_that_leaves_its_link_and_lives_is_complained_about_killed_and_replaced)
{
	g->behaviour[0] = (struct rig_behaviour){ 3, leaves_its_link, _i };
	g->r.alone_limit_ms = 300;
	expect_replaced(VL_E_CLOSED);
}
END_TEST

static _Atomic bool machine_stops;

/* Its own limit is an hour. */
/* Under `lock`: how many workers were lost, if the next one is where the last one was. */
static bool replaced(unsigned count)
{
	bool done;

	pthread_mutex_lock(&g->r.lock);
	done = g->r.replaced == count && g->r.lost_ns == 0 && g->r.end.link >= 0;
	pthread_mutex_unlock(&g->r.lock);
	return done;
}

START_TEST(a_worker_that_is_lost_while_the_machine_is_paused_is_replaced_without_a_request)
{
	rig_start(g);
	rig_go(g);
	write_sum(5);
	rig_stop(g);
	for (unsigned i = 1; i <= 3; i++) {
		rig_kill(g);
		for (unsigned ms = 0; !replaced(i) && ms < 20000; ms += 10)
			usleep(10000);
		ck_assert(replaced(i));
	}
	rig_go(g);
	write_sum(6);
	ck_assert_uint_eq(read_sum(), 11);
	ck_assert(replaced(3));
	ck_assert_uint_eq(g->complaints, 0);
}
END_TEST

START_TEST(a_worker_that_hangs_is_not_waited_for_when_the_machine_is_to_be_stopped)
{
	uint64_t value = 0;
	pthread_t reader;

	g->behaviour[0] = (struct rig_behaviour){ 4, hang, false };
	g->r.limit_ms = 3600000;
	g->r.hurry = &machine_stops;
	machine_stops = false;
	rig_start(g);
	rig_go(g);
	write_sum(5);
	ck_assert_int_eq(pthread_create(&reader, NULL, read_in_a_thread, &value), 0);
	while (pthread_mutex_trylock(&g->r.lock) == 0) {
		pthread_mutex_unlock(&g->r.lock);
		usleep(100);
	}
	machine_stops = true;
	rig_stop(g);
	pthread_join(reader, NULL);
	ck_assert_uint_eq(value, 5);
	ck_assert_uint_eq(g->r.replaced, 1);
	ck_assert_int_eq(g->complaint, VL_E_TIMEOUT);
}
END_TEST

static struct devipc_mailbox *mail(struct devhost *h) { return devipc_mailbox(h->end.shared); }

static void ring(struct devhost *h)
{
	const uint64_t one = 1;

	if (write(h->end.other, &one, sizeof(one)) < 0 && errno != EAGAIN)
		_exit(6);
}

static void rings_without_end(struct devhost *h)
{
	for (;;)
		ring(h);
}

/* Each of these answers a write by something that no honest worker says. */
static void answer(struct devhost *h, struct devipc_reply r, struct devipc_effect e)
{
	struct devipc_effect effects[DEVIPC_EFFECT_MAX] = { e };

	r.kind = r.kind ? r.kind : DEVIPC_ANSWER;
	mail(h)->effects[0] = e;
	if (r.effect_count > DEVIPC_EFFECT_MAX) {
		mail(h)->reply = r;
		atomic_store(&mail(h)->answered, ++h->end.count);
		ring(h);
	} else {
		devlink_answer(&h->end, &r, effects);
	}
	hang(h);
}

#define LIE(name, reply, effect) \
	static void name(struct devhost *h) \
	{ \
		answer(h, (struct devipc_reply)reply, (struct devipc_effect)effect); \
	}
#define OF(...) { __VA_ARGS__ }

LIE(unknown_kind, OF(.kind = DEVIPC_KIND_COUNT), OF(.kind = 0))
LIE(too_many_effects, OF(.effect_count = DEVIPC_EFFECT_MAX + 1), OF(.kind = 0))
LIE(unknown_effect, OF(.effect_count = 1), OF(.kind = DEVIPC_EFFECT_COUNT))
LIE(no_such_line, OF(.effect_count = 1), OF(.kind = DEVIPC_IRQ, .index = DEVIPC_LINES, .value = 1))
LIE(no_such_level, OF(.effect_count = 1), OF(.kind = DEVIPC_IRQ, .index = 0, .value = 2))
LIE(no_such_timer, OF(.effect_count = 1), OF(.kind = DEVIPC_TIMER_SET, .index = DEV_TIMER_COUNT))
LIE(no_such_event, OF(.effect_count = 1), OF(.kind = DEVIPC_MACHINE, .index = 3))
LIE(wide_message, OF(.effect_count = 1), OF(.kind = DEVIPC_MSI, .index = 0, .value = 1ull << 32))
LIE(output_nobody_sent, OF(.effect_count = 1), OF(.kind = DEVIPC_OUTPUT, .index = 0, .value = 1))
LIE(too_much_output, OF(.output_bytes = DEVIPC_DATA_BYTES + 1), OF(.kind = 0))
LIE(too_large_a_state, OF(.checkpoint_bytes = DEVIPC_STATE_BYTES + 1), OF(.kind = 0))
LIE(no_state, OF(.checkpoint_bytes = 64), OF(.kind = 0))
LIE(an_error_of_an_access, OF(.error = VL_E_RANGE), OF(.kind = 0))
LIE(no_error, OF(.error = -1000), OF(.kind = 0))
LIE(oversize_read, OF(.kind = DEVIPC_MEM_READ, .size = DEVIPC_DATA_BYTES + 1), OF(.kind = 0))
LIE(oversize_fill, OF(.kind = DEVIPC_MEM_FILL, .size = DEVIPC_DATA_BYTES + 1), OF(.kind = 0))
LIE(oversize_write, OF(.kind = DEVIPC_MEM_WRITE, .size = UINT32_MAX), OF(.kind = 0))
LIE(wide_fill, OF(.kind = DEVIPC_MEM_FILL, .size = 1, .value = 256), OF(.kind = 0))
LIE(too_much_in_advance,
	OF(.ahead = { .size = 8, .flags = DEVIPC_AHEAD_FIFO, .bytes = DEVIPC_AHEAD_BYTES + 1 }),
	OF(.kind = 0))
LIE(more_than_its_window, OF(.ahead = { .size = 8, .bytes = 9 }), OF(.kind = 0))
LIE(a_window_beyond_all, OF(.ahead = { .offset = UINT64_MAX - 6, .size = 8 }), OF(.kind = 0))
LIE(no_such_window, OF(.ahead = { .size = 8, .flags = 4 }), OF(.kind = 0))
LIE(no_such_space, OF(.kind = DEVIPC_MAP, .space = 2, .size64 = 1), OF(.kind = 0))

static void counts_wrong(struct devhost *h)
{
	h->end.count++;
	answer(h, (struct devipc_reply){ 0 }, (struct devipc_effect){ 0 });
}

/* A demand, and an answer without the checkpoint that it makes necessary. */
static void forgets_its_checkpoint(struct devhost *h)
{
	const struct devipc_reply demand = { .kind = DEVIPC_MEM_READ, .size = 8 };
	struct devipc_request q;

	if (devlink_take(&h->end, &q) || devlink_answer(&h->end, &demand, NULL) ||
	    devlink_next(&h->end, &q, 1000))
		_exit(4);
	answer(h, (struct devipc_reply){ 0 }, (struct devipc_effect){ 0 });
}

static const struct {
	void (*act)(struct devhost *h);
	int why;
} lies[] = {
	{ unknown_kind, VL_E_TYPE },
	{ too_many_effects, VL_E_LIMIT },
	{ unknown_effect, VL_E_TYPE },
	{ no_such_line, VL_E_RANGE },
	{ no_such_level, VL_E_RANGE },
	{ no_such_timer, VL_E_RANGE },
	{ no_such_event, VL_E_RANGE },
	{ wide_message, VL_E_RANGE },
	{ output_nobody_sent, VL_E_LIMIT },
	{ too_much_output, VL_E_LIMIT },
	{ too_large_a_state, VL_E_LIMIT },
	{ no_state, VL_E_MAGIC },
	{ an_error_of_an_access, VL_E_RANGE },
	{ no_error, VL_E_RANGE },
	{ oversize_read, VL_E_LIMIT },
	{ oversize_fill, VL_E_LIMIT },
	{ wide_fill, VL_E_RANGE },
	{ oversize_write, VL_E_LIMIT },
	{ no_such_space, VL_E_RANGE },
	{ too_much_in_advance, VL_E_LIMIT },
	{ more_than_its_window, VL_E_RANGE },
	{ a_window_beyond_all, VL_E_RANGE },
	{ no_such_window, VL_E_RANGE },
	{ counts_wrong, VL_E_PROTOCOL },
	{ forgets_its_checkpoint, VL_E_PROTOCOL },
	{ rings_without_end, VL_E_PROTOCOL },
};

START_TEST(a_worker_that_speaks_nonsense_is_complained_about_killed_and_replaced)
{
	g->behaviour[0] = (struct rig_behaviour){ 3, lies[_i].act, false };
	memset(g->shared, 0, 64);
	expect_replaced(lies[_i].why);
}
END_TEST

/* What is shared is the worker's to spoil; the VM worker has its own copy. */
static void spoils_the_memory(struct devhost *h)
{
	memset(h->end.shared, 0xa5, DEVIPC_MAILBOX_AT);
	_exit(5);
}

START_TEST(a_worker_that_spoils_the_shared_memory_as_it_dies_does_not_spoil_its_checkpoint)
{
	static uint8_t saved[4096];

	g->behaviour[0] = (struct rig_behaviour){ 5, spoils_the_memory, false };
	rig_start(g);
	write_sum(8);
	write_sum(8);
	ck_assert_int_gt(rig_save(g, saved, sizeof(saved)), 0); /* the fourth request */
	write_sum(1);
	ck_assert_uint_eq(read_sum(), 17);
	ck_assert_uint_eq(g->r.replaced, 1);
}
END_TEST

/* A model that makes more of its answer than there is room for. */
START_TEST(a_model_with_more_effects_than_fit_ends_its_worker_and_is_given_up_in_that_access)
{
	rig_start(g);
	rig_write(g, SUM_FLOOD, 0, 4, DEVIPC_EFFECT_MAX);
	ck_assert_uint_eq(g->f.msi_count, DEVIPC_EFFECT_MAX);
	rig_write(g, SUM_FLOOD, 0, 4, DEVIPC_EFFECT_MAX + 1);
	ck_assert_uint_eq(g->f.msi_count, DEVIPC_EFFECT_MAX);
	ck_assert_uint_eq(read_sum(), ~0ull);
}
END_TEST

START_TEST(without_a_worker_the_guest_reads_ones_and_nothing_waits)
{
	g->behaviour[0] = (struct rig_behaviour){ 3, die, false };
	g->no_more = true;
	rig_start(g);
	write_sum(3);
	ck_assert_uint_eq(read_sum(), ~0ull);
	write_sum(1);
	rig_timer(g, 0);
	rig_input(g, "abc", 3);
	rig_settle(g);
	ck_assert_uint_eq(read_sum(), ~0ull);
}
END_TEST

static void refuses(struct devhost *h)
{
	answer(h, (struct devipc_reply){ .error = VL_E_VERSION }, (struct devipc_effect){ 0 });
}

START_TEST(workers_that_all_refuse_the_checkpoint_are_given_up)
{
	static uint8_t saved[4096];

	for (unsigned i = 1; i < RIG_BEHAVIOURS_MAX; i++)
		g->behaviour[i] = (struct rig_behaviour){ 1, refuses, false };
	rig_start(g);
	write_sum(8);
	ck_assert_int_gt(rig_save(g, saved, sizeof(saved)), 0);
	kill(g->pid, SIGKILL);
	ck_assert_uint_eq(read_sum(), ~0ull);
	ck_assert_uint_le(g->r.replaced, 17);
	ck_assert_int_eq(g->complaint, VL_E_STATE);
}
END_TEST

START_TEST(a_long_journal_ends_in_a_checkpoint)
{
	rig_start(g);
	write_sum(1);
	for (unsigned i = 0; i < REMOTE_JOURNAL_DEFAULT + 10; i++)
		ck_assert_uint_eq(read_sum(), 1);
	ck_assert_uint_lt(g->r.journal_count, 20);
	ck_assert_uint_gt(g->r.checkpoint_bytes, 0);
	rig_kill(g);
	ck_assert_uint_eq(read_sum(), 1);
}
END_TEST

/* --- The machine is not held up ------------------------------------------------------------------ */

START_TEST(the_machine_lock_is_free_while_an_access_waits_for_its_worker)
{
	uint64_t value = 0;
	pthread_t reader;

	g->behaviour[0] = (struct rig_behaviour){ 3, hang, false };
	rig_start(g);
	write_sum(5);
	ck_assert_int_eq(pthread_create(&reader, NULL, read_in_a_thread, &value), 0);
	/* The lock can be had while the read waits: it is `lock` that its thread has, and keeps. */
	while (pthread_mutex_trylock(&g->r.lock) == 0) {
		pthread_mutex_unlock(&g->r.lock);
		usleep(100);
	}
	pthread_mutex_lock(&g->machine);
	g->f.now_ns++;
	pthread_mutex_unlock(&g->machine);
	/* Nor do timers and input of the device itself hold up their caller. */
	rig_timer(g, 0);
	rig_input(g, "\1", 1);
	ck_assert_uint_eq(value, 0);
	ck_assert_int_ne(pthread_mutex_trylock(&g->r.lock), 0);
	kill(g->pid, SIGKILL);
	pthread_join(reader, NULL);
	ck_assert_uint_eq(value, 5);
	rig_settle(g);
	ck_assert_uint_eq(read_sum(), 5 + 1000 + 1);
}
END_TEST

/* --- Saved state ------------------------------------------------------------------------------------ */

static uint8_t stream[8192];

static size_t save_77(void)
{
	int64_t size;

	rig_start(g);
	write_sum(77);
	size = rig_save(g, stream, sizeof(stream));
	ck_assert_int_gt(size, 0);
	return (size_t)size;
}

START_TEST(a_saved_device_is_restored_into_another_worker_with_its_input)
{
	size_t size;

	rig_start(g);
	write_sum(77);
	size = (size_t)rig_save(g, stream, sizeof(stream));
	rig_free(g);
	g = rig_new(&sum_kind);
	rig_start(g);
	ck_assert_int_eq(rig_restore(g, stream, size), 0);
	ck_assert(g->f.line[0]);
	ck_assert_uint_eq(read_sum(), 77);
	rig_go(g);
	rig_kill(g);
	ck_assert_uint_eq(read_sum(), 77);
}
END_TEST

/* Wraps `inner` as what the device's unit holds. */
static size_t wrap(uint8_t *out, size_t room, const void *inner, size_t size)
{
	struct state_writer w;

	state_writer_init(&w, out, room);
	state_begin_unit(&w, "rig", 1);
	state_put_bytes(&w, 1 | STATE_MANDATORY, inner, size);
	state_end_unit(&w);
	return (size_t)state_writer_finish(&w);
}

static size_t inner_state(uint8_t *out, size_t room, uint32_t version, const char *name, uint64_t sum)
{
	struct state_writer w;

	state_writer_init(&w, out, room);
	state_begin_unit(&w, name, version);
	state_put_u64(&w, 1, sum);
	state_end_unit(&w);
	return (size_t)state_writer_finish(&w);
}

static void expect_refused(const uint8_t *state, size_t size, int why)
{
	ck_assert_int_eq(rig_restore(g, state, size), why);
	ck_assert_uint_eq(read_sum(), 0); /* it was reset, and works */
	write_sum(2);
	ck_assert_uint_eq(read_sum(), 2);
}

START_TEST(a_state_from_the_future_truncated_or_altered_is_refused_with_its_cause)
{
	static uint8_t inner[4096], outer[8192];
	size_t size;

	rig_start(g);
	size = inner_state(inner, sizeof(inner), 1, DEVIPC_UNIT, 5);
	ck_assert_int_eq(rig_restore(g, outer, wrap(outer, sizeof(outer), inner, size)), 0);
	ck_assert_uint_eq(read_sum(), 5);
	size = inner_state(inner, sizeof(inner), 2, DEVIPC_UNIT, 5);
	expect_refused(outer, wrap(outer, sizeof(outer), inner, size), VL_E_VERSION);
	size = inner_state(inner, sizeof(inner), 1, "another", 5);
	expect_refused(outer, wrap(outer, sizeof(outer), inner, size), VL_E_MISSING);
	size = inner_state(inner, sizeof(inner), 1, DEVIPC_UNIT, 5);
	expect_refused(outer, wrap(outer, sizeof(outer), inner, size - 1), VL_E_MISSING);
	expect_refused(outer, wrap(outer, sizeof(outer), inner, 0), VL_E_LIMIT);
	inner[size / 2] ^= 1;
	expect_refused(outer, wrap(outer, sizeof(outer), inner, size), VL_E_CHECKSUM);
	ck_assert_uint_eq(g->r.replaced, 0);
	ck_assert_uint_eq(g->complaints, 0);
}
END_TEST

START_TEST(every_altered_byte_and_every_length_of_a_saved_state_is_refused_or_harmless)
{
	size_t size = save_77();
	static uint8_t changed[8192];

	for (size_t i = 0; i < size; i += 3) {
		memcpy(changed, stream, size);
		changed[i] ^= 0x40;
		ck_assert_int_ne(rig_restore(g, changed, size), 0);
		ck_assert_int_ne(rig_restore(g, stream, i), 0);
	}
	ck_assert_int_eq(rig_restore(g, stream, size), 0);
	ck_assert_uint_eq(read_sum(), 77);
	ck_assert_uint_eq(g->r.replaced, 0);
}
END_TEST

/* --- The decoders --------------------------------------------------------------------------------------- */

START_TEST(requests_that_make_no_sense_are_refused_by_the_device_worker)
{
	static const struct {
		struct devipc_request q;
		int why;
	} cases[] = {
		{ { .op = DEVIPC_READ, .size = 4 }, 0 },
		{ { .op = DEVIPC_READ, .size = 3 }, VL_E_RANGE },
		{ { .op = DEVIPC_WRITE, .size = 0 }, VL_E_RANGE },
		{ { .op = DEVIPC_WRITE, .size = 16 }, VL_E_RANGE },
		{ { .op = 0 }, VL_E_TYPE },
		{ { .op = DEVIPC_OP_COUNT }, VL_E_TYPE },
		{ { .op = DEVIPC_INPUT }, VL_E_RANGE },
		{ { .op = DEVIPC_INPUT, .size = DEVIPC_DATA_BYTES + 1 }, VL_E_RANGE },
		{ { .op = DEVIPC_TIMER, .region = DEV_TIMER_COUNT }, VL_E_RANGE },
		{ { .op = DEVIPC_RESTORE, .size = DEVIPC_STATE_BYTES + 1 }, VL_E_RANGE },
		{ { .op = DEVIPC_COMPLETE, .error = -100000 }, VL_E_RANGE },
		{ { .op = DEVIPC_COMPLETE, .error = 1 }, VL_E_RANGE },
		{ { .op = DEVIPC_READ, .size = 1, .room = DEVIPC_DATA_BYTES + 1 }, VL_E_RANGE },
	};
	struct devipc_request q;

	for (unsigned i = 0; i < VL_ARRAY_COUNT(cases); i++) {
		devipc_mailbox(g->shared)->request = cases[i].q;
		ck_assert_int_eq(devipc_take_request(g->shared, &q), cases[i].why);
	}
	rig_start(g); /* for teardown */
}
END_TEST

START_TEST(a_configuration_that_makes_no_sense_is_refused)
{
	struct devipc_config c = { .version = DEVIPC_VERSION, .kind = "pl011" };

	ck_assert_int_eq(devipc_config_check(&c, sizeof(c), DEVIPC_FD_STORE, false), 0);
	ck_assert_int_eq(devipc_config_check(&c, sizeof(c), DEVIPC_FD_MAX, true), 0);
	ck_assert_int_eq(devipc_config_check(&c, sizeof(c) - 1, DEVIPC_FD_STORE, false), VL_E_TRUNCATED);
	ck_assert_int_eq(devipc_config_check(&c, sizeof(c), DEVIPC_FD_SHARED, false), VL_E_FORMAT);
	ck_assert_int_eq(devipc_config_check(&c, sizeof(c), DEVIPC_FD_STORE, true), VL_E_FORMAT);
	c.unit = 1;
	ck_assert_int_eq(devipc_config_check(&c, sizeof(c), DEVIPC_FD_STORE + 1, false), 0);
	ck_assert_int_eq(devipc_config_check(&c, sizeof(c), DEVIPC_FDS_ROOM, true), 0);
	ck_assert_int_eq(devipc_config_check(&c, sizeof(c), DEVIPC_FD_STORE, false), VL_E_FORMAT);
	c.unit = 2;
	ck_assert_int_eq(devipc_config_check(&c, sizeof(c), DEVIPC_FD_STORE + 2, false), VL_E_FORMAT);
	c.unit = 0;
	memset(c.kind, 'x', sizeof(c.kind));
	ck_assert_int_eq(devipc_config_check(&c, sizeof(c), DEVIPC_FD_STORE, false), VL_E_FORMAT);
	c.version++;
	ck_assert_int_eq(devipc_config_check(&c, sizeof(c), DEVIPC_FD_STORE, false), VL_E_VERSION);
	rig_start(g); /* for teardown */
}
END_TEST

static void add_losses(TCase *t)
{
	tcase_add_loop_test(t, a_worker_may_die_in_any_request_and_nothing_is_lost_or_done_twice, 0, 24);
	tcase_add_test(t, kill_9_a_hundred_times_under_load_loses_nothing);
	tcase_add_loop_test(t, a_worker_that_hangs_is_complained_about_killed_and_replaced, 0, 2);
	tcase_add_loop_test(t,
			a_worker_that_leaves_its_link_and_lives_is_complained_about_killed_and_replaced, 0,
			2);
	tcase_add_test(t, a_worker_that_is_lost_while_the_machine_is_paused_is_replaced_without_a_request);
	tcase_add_test(t, a_worker_that_hangs_is_not_waited_for_when_the_machine_is_to_be_stopped);
	tcase_add_loop_test(t, a_worker_that_speaks_nonsense_is_complained_about_killed_and_replaced, 0,
		VL_ARRAY_COUNT(lies));
	tcase_add_test(t, a_worker_that_spoils_the_shared_memory_as_it_dies_does_not_spoil_its_checkpoint);
	tcase_add_test(t, a_model_with_more_effects_than_fit_ends_its_worker_and_is_given_up_in_that_access);
	tcase_add_test(t, without_a_worker_the_guest_reads_ones_and_nothing_waits);
	tcase_add_test(t, workers_that_all_refuse_the_checkpoint_are_given_up);
	tcase_add_test(t, a_long_journal_ends_in_a_checkpoint);
	tcase_add_test(t, the_machine_lock_is_free_while_an_access_waits_for_its_worker);
}

Suite *suite_remote(void)
{
	Suite *s = suite_create("remote");
	TCase *t = tcase_create("a device in a worker");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_access_goes_to_the_worker_and_back);
	tcase_add_test(t, its_interrupts_messages_and_timers_reach_the_machine);
	tcase_add_test(t, it_reads_writes_and_fills_guest_memory_in_pieces_of_any_size);
	tcase_add_test(t, guest_addresses_out_of_range_are_refused_with_the_error_and_nothing_is_written);
	tcase_add_test(t, it_moves_a_window_of_its_registers);
	tcase_add_test(t, output_that_does_not_fit_waits_until_there_is_room_and_input_until_it_is_wanted);
	tcase_add_test(t,
			what_is_written_to_a_fifo_in_the_window_is_not_asked_for_and_comes_before_the_next_access);
	tcase_add_test(t, what_is_read_from_a_fifo_in_the_window_is_taken_from_it_once);
	tcase_add_test(t, memory_in_the_window_is_read_without_asking_until_it_is_written);
	tcase_add_test(t, any_number_of_posted_accesses_arrives_in_order);
	tcase_add_test(t, a_device_that_is_saved_or_stopped_has_what_was_posted);
	add_losses(t);
	tcase_add_test(t, a_saved_device_is_restored_into_another_worker_with_its_input);
	tcase_add_test(t, a_state_from_the_future_truncated_or_altered_is_refused_with_its_cause);
	tcase_add_test(t, every_altered_byte_and_every_length_of_a_saved_state_is_refused_or_harmless);
	tcase_add_test(t, requests_that_make_no_sense_are_refused_by_the_device_worker);
	tcase_add_test(t, a_configuration_that_makes_no_sense_is_refused);
	suite_add_tcase(s, t);
	return s;
}
