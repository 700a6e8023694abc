/* The profiler's parts without a kernel: records of a ring, stacks, tables of names, folded lines. */
#include "runtime/profiler/fold.h"
#include "runtime/profiler/profiler.h"
#include "runtime/profiler/sampler.h"

#include <check.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

Suite *suite_profiler(void);

#define RING 4096u

static struct stacks stacks;
static struct sampler_trend trend;
static struct symbols names;
static uint8_t ring[RING];

static void setup(void)
{
	memset(&stacks, 0, sizeof(stacks));
	trend = (struct sampler_trend){ .weight = 1 };
	symbols_init(&names);
}

/* --- The kernel's events ----------------------------------------------------------------------- */

/* How opening ends in a process whose kernel answers perf_event_open() with `error`. */
static int opened_where_the_kernel_says(int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_perf_event_open, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { VL_ARRAY_COUNT(code), code };
	struct sampler s;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
				prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
			_exit(99);
		_exit(-sampler_open(&s));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

START_TEST(a_kernel_without_perf_events_is_told_from_one_that_refuses_them_or_has_no_memory)
{
	ck_assert_int_eq(opened_where_the_kernel_says(ENOSYS), VL_E_UNSUPPORTED);
	ck_assert_int_eq(opened_where_the_kernel_says(EACCES), VL_E_DENIED);
	ck_assert_int_eq(opened_where_the_kernel_says(ENOMEM), VL_E_NOMEM);
	ck_assert_int_eq(opened_where_the_kernel_says(EMFILE), VL_E_OS);
}
END_TEST

/* --- Messages ------------------------------------------------------------------------------ */

static struct profiler_request good_request(void)
{
	return (struct profiler_request){
		.version = PROFILER_VERSION, .seconds = 5, .hertz = 99, .process_count = 2,
		.processes = { { 10, 0, 0x500000, "vallum-vm" }, { 11, 0, 0, "vallum" } },
	};
}

START_TEST(a_request_is_checked_field_by_field)
{
	struct profiler_request q = good_request();

	ck_assert_int_eq(profiler_request_check(&q, sizeof(q)), 0);
	ck_assert_int_eq(profiler_request_check(&q, sizeof(q) - 1), VL_E_TRUNCATED);
	q.version++;
	ck_assert_int_eq(profiler_request_check(&q, sizeof(q)), VL_E_VERSION);
	q = good_request(), q.seconds = 0;
	ck_assert_int_eq(profiler_request_check(&q, sizeof(q)), VL_E_RANGE);
	q = good_request(), q.seconds = PROFILER_SECONDS_MAX + 1;
	ck_assert_int_eq(profiler_request_check(&q, sizeof(q)), VL_E_RANGE);
	q = good_request(), q.hertz = PROFILER_HERTZ_MAX + 1;
	ck_assert_int_eq(profiler_request_check(&q, sizeof(q)), VL_E_RANGE);
	q = good_request(), q.process_count = PROFILER_PROCESS_MAX + 1;
	ck_assert_int_eq(profiler_request_check(&q, sizeof(q)), VL_E_LIMIT);
	q = good_request(), q.processes[1].name[0] = 0;
	ck_assert_int_eq(profiler_request_check(&q, sizeof(q)), VL_E_FORMAT);
	q = good_request(), strcpy(q.processes[0].name, "../etc");
	ck_assert_int_eq(profiler_request_check(&q, sizeof(q)), VL_E_FORMAT);
	q = good_request(), memset(q.processes[0].name, 'a', PROFILER_NAME_MAX);
	ck_assert_int_eq(profiler_request_check(&q, sizeof(q)), VL_E_FORMAT);
}
END_TEST

START_TEST(a_result_is_checked_field_by_field)
{
	struct profiler_result r = { .error = VL_E_NOMEM, .text = "no memory" };

	ck_assert_int_eq(profiler_result_check(&r, sizeof(r)), 0);
	ck_assert_int_eq(profiler_result_check(&r, 4), VL_E_TRUNCATED);
	r.error = 1;
	ck_assert_int_eq(profiler_result_check(&r, sizeof(r)), VL_E_RANGE);
	r.error = -VL_ERR_COUNT;
	ck_assert_int_eq(profiler_result_check(&r, sizeof(r)), VL_E_RANGE);
	r.error = 0;
	memset(r.text, 'x', sizeof(r.text));
	ck_assert_int_eq(profiler_result_check(&r, sizeof(r)), VL_E_FORMAT);
}
END_TEST

START_TEST(a_profile_that_vtl2_has_no_memory_for_is_refused_with_the_numbers)
{
	char text[PROFILER_TEXT_MAX] = "";

	ck_assert_int_eq(profiler_memory_check(PROFILER_FREE_MIN_BYTES, text), 0);
	ck_assert_int_eq(profiler_memory_check(PROFILER_FREE_MIN_BYTES - 1, text), VL_E_NOMEM);
	ck_assert_str_eq(text, "only 10239 KiB of VTL2's memory are free, a profile wants 10240 KiB");
}
END_TEST

/* --- Stacks ---------------------------------------------------------------------------------- */

START_TEST(equal_stacks_are_counted_and_different_ones_kept_apart)
{
	const uint64_t a[] = { 1, 2, 3 }, b[] = { 1, 2, 4 };

	stacks_add(&stacks, 7, a, 3, 1, 1);
	stacks_add(&stacks, 7, a, 3, 1, 1);
	stacks_add(&stacks, 7, a, 3, 2, 1);
	stacks_add(&stacks, 8, a, 3, 1, 1);
	stacks_add(&stacks, 7, b, 3, 1, 1);
	stacks_add(&stacks, 7, a, 2, 1, 1);
	ck_assert_uint_eq(stacks.count, 5);
	ck_assert_uint_eq(stacks.entries[0].count, 2);
	ck_assert_uint_eq(stacks.samples, 6);
	ck_assert_uint_eq(stacks.lost, 0);
}
END_TEST

START_TEST(stacks_without_room_are_counted_as_lost_and_known_ones_still_count)
{
	for (uint64_t i = 0; i < STACKS_MAX + 10; i++)
		stacks_add(&stacks, 1, &i, 1, 0, 1);
	ck_assert_uint_eq(stacks.lost, 10);
	ck_assert_uint_eq(stacks.samples, STACKS_MAX);
	stacks_add(&stacks, 1, &(uint64_t){ 5 }, 1, 0, 1);
	ck_assert_uint_eq(stacks.samples, STACKS_MAX + 1);
}
END_TEST

START_TEST(frames_without_room_are_counted_as_lost)
{
	uint64_t frames[STACK_FRAME_MAX + 8] = { 0 };

	for (uint64_t i = 0; i < STACKS_MAX; i++) {
		frames[0] = i;
		stacks_add(&stacks, 1, frames, VL_ARRAY_COUNT(frames), 0, 1);
	}
	ck_assert_uint_eq(stacks.count, STACKS_FRAMES_MAX / STACK_FRAME_MAX);
	ck_assert_uint_eq(stacks.lost, STACKS_MAX - STACKS_FRAMES_MAX / STACK_FRAME_MAX);
	ck_assert_uint_eq(stacks.entries[0].frame_count, STACK_FRAME_MAX);
}
END_TEST

/* --- Records ----------------------------------------------------------------------------------- */

static uint64_t put(uint64_t at, const void *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		ring[(at + i) % RING] = ((const uint8_t *)data)[i];
	return at + size;
}

static uint64_t put_sample(uint64_t at, uint32_t pid, const uint64_t *chain, uint64_t count,
	uint64_t claimed)
{
	struct perf_event_header h = {
		PERF_RECORD_SAMPLE, 0, (uint16_t)(sizeof(h) + 16 + count * sizeof(*chain)) };
	uint32_t ids[] = { pid, pid };

	at = put(at, &h, sizeof(h));
	at = put(at, ids, sizeof(ids));
	at = put(at, &claimed, sizeof(claimed));
	return put(at, chain, count * sizeof(*chain));
}

static const uint64_t chain[] = { PERF_CONTEXT_KERNEL, 100, 101, PERF_CONTEXT_USER, 200, 201, 202 };

START_TEST(a_sample_is_split_where_the_kernel_ends_also_across_the_rings_end)
{
	for (uint64_t start = RING - 100; start < RING; start += 4) {
		uint64_t head = put_sample(start, 9, chain, 7, 7);

		setup();
		ck_assert_uint_eq(sampler_records(ring, RING, start, head, &trend, &stacks), head);
		ck_assert_uint_eq(stacks.count, 1);
		ck_assert_uint_eq(stacks.entries[0].pid, 9);
		ck_assert_uint_eq(stacks.entries[0].frame_count, 5);
		ck_assert_uint_eq(stacks.entries[0].kernel_count, 2);
		ck_assert_uint_eq(stacks.frames[0], 100);
		ck_assert_uint_eq(stacks.frames[4], 202);
	}
}
END_TEST

/* `same` samples of one stack and `others` of different ones, in turn. */
static uint32_t judged(unsigned same, unsigned others)
{
	uint64_t head = 0, other[] = { PERF_CONTEXT_KERNEL, 0 };

	for (unsigned left = others; same || left; ) {
		if (same)
			head = put_sample(head, 9, chain, 7, 7), same--;
		if (left)
			other[1] = 1000 + left, head = put_sample(head, 9, other, 2, 2), left--;
	}
	sampler_records(ring, RING, 0, head, &trend, &stacks);
	return trend.weight = sampler_judge(&trend);
}

START_TEST(a_cpu_that_shows_one_stack_is_sampled_more_rarely_until_it_shows_others_and_no_sample_loses_weight)
{
	ck_assert_uint_eq(judged(SAMPLER_TREND_MIN - 1, 0), 1); /* not enough to know */
	ck_assert_uint_eq(judged(1, 0), SAMPLER_RARE);
	ck_assert_uint_eq(judged(SAMPLER_RARE_MIN - 1, 0), SAMPLER_RARE);
	ck_assert_uint_eq(judged(SAMPLER_TREND_MIN - 2, 2), SAMPLER_RARE);
	ck_assert_uint_eq(stacks.entries[0].count,
		SAMPLER_TREND_MIN + (SAMPLER_TREND_MIN + SAMPLER_RARE_MIN - 3) * SAMPLER_RARE);
	ck_assert_uint_eq(judged(SAMPLER_TREND_MIN / 2, SAMPLER_TREND_MIN / 2), 1);
	ck_assert_uint_eq(judged(0, SAMPLER_TREND_MIN), 1);
	ck_assert_uint_eq(judged(0, 0), SAMPLER_RARE); /* an idle one */
}
END_TEST

START_TEST(one_that_shows_nothing_else_is_sampled_more_rarely_still_until_the_first_other_stack)
{
	trend.weight = SAMPLER_RARE; /* as it begins */
	ck_assert_uint_eq(judged(SAMPLER_RARE_MIN, 0), SAMPLER_RAREST);
	ck_assert_uint_eq(judged(1, 0), SAMPLER_RAREST);
	ck_assert_uint_eq(judged(0, 0), SAMPLER_RAREST);
	ck_assert_uint_eq(stacks.entries[0].count, SAMPLER_RARE_MIN * SAMPLER_RARE + SAMPLER_RAREST);
	ck_assert_uint_eq(judged(0, 1), SAMPLER_RARE);
	ck_assert_uint_eq(judged(0, SAMPLER_RARE_MIN), 1);
}
END_TEST

START_TEST(no_rate_becomes_so_slow_that_a_short_profile_is_empty)
{
	for (unsigned hertz = 1; hertz <= PROFILER_HERTZ_MAX; hertz++)
		for (uint32_t weight = 1; weight <= SAMPLER_RAREST;
				weight = weight == 1 ? SAMPLER_RARE : 4 * weight) {
			uint32_t may = sampler_weight(weight, hertz);

			ck_assert(may <= weight &&
					(may == 1 || may == SAMPLER_RARE || may == SAMPLER_RAREST));
			ck_assert(may == 1 || hertz / may >= SAMPLER_SLOWEST_HERTZ);
		}
	ck_assert_uint_eq(sampler_weight(SAMPLER_RAREST, PROFILER_HERTZ_DEFAULT), SAMPLER_RAREST);
	ck_assert_uint_eq(sampler_weight(SAMPLER_RAREST, 63), SAMPLER_RARE);
	ck_assert_uint_eq(sampler_weight(SAMPLER_RAREST, 15), 1);
}
END_TEST

START_TEST(records_of_other_kinds_are_passed_over_and_losses_counted)
{
	struct { struct perf_event_header h; uint64_t id, lost; } lost = {
		{ PERF_RECORD_LOST, 0, sizeof(lost) }, 1, 17 };
	struct perf_event_header other = { PERF_RECORD_THROTTLE, 0, 200 };
	uint64_t head = put(0, &lost, sizeof(lost));

	put(head, &other, sizeof(other));
	head = put_sample(head + 200, 9, chain, 7, 7);
	ck_assert_uint_eq(sampler_records(ring, RING, 0, head, &trend, &stacks), head);
	ck_assert_uint_eq(stacks.lost, 17);
	ck_assert_uint_eq(stacks.samples, 1);
}
END_TEST

START_TEST(a_record_that_breaks_the_format_ends_the_reading_and_nothing_more)
{
	struct perf_event_header none = { PERF_RECORD_SAMPLE, 0, 0 }, beyond = { PERF_RECORD_SAMPLE, 0, 600 };
	uint64_t head;

	put(0, &none, sizeof(none));
	ck_assert_uint_eq(sampler_records(ring, RING, 0, 512, &trend, &stacks), 512);
	put(0, &beyond, sizeof(beyond));
	ck_assert_uint_eq(sampler_records(ring, RING, 0, 512, &trend, &stacks), 512);
	ck_assert_uint_eq(stacks.samples + stacks.lost, 0);
	head = put_sample(0, 9, chain, 7, 1u << 30);
	ck_assert_uint_eq(sampler_records(ring, RING, 0, head, &trend, &stacks), head);
	ck_assert_uint_eq(stacks.samples, 0);
	ck_assert_uint_eq(stacks.lost, 1);
}
END_TEST

/* --- Names -------------------------------------------------------------------------------------- */

static int feed(uint32_t table, const char *text, size_t piece)
{
	static struct symbol_table t;
	int err = 0;

	symbols_table(&t, &names, table);
	for (size_t size = strlen(text); !err && size; text += piece, size -= piece) {
		piece = piece < size ? piece : size;
		err = symbols_feed(&t, text, piece);
	}
	return err ? err : symbols_end(&t);
}

static const char table[] =
	"0000000000001000 T first\n"
	"0000000000001000 t first_alias\n"
	"0000000000001800 d data\n"
	"0000000000002000 t second\t[module]\n"
	"3000 W third\n";

START_TEST(an_address_gets_the_function_that_it_lies_in)
{
	static const struct { uint64_t address; const char *name; } wanted[] = {
		{ 0xfff, "" }, { 0x1000, "first" }, { 0x1900, "first" }, { 0x1fff, "first" },
		{ 0x2000, "second" }, { 0x3000 + SYMBOL_SPAN_MAX - 1, "third" },
		{ 0x3000 + SYMBOL_SPAN_MAX, "" },
	};

	for (size_t piece = 1; piece < sizeof(table); piece += 7) {
		setup();
		for (size_t i = 0; i < VL_ARRAY_COUNT(wanted); i++) {
			ck_assert_int_eq(symbols_want(&names, 1, wanted[i].address), 0);
			ck_assert_int_eq(symbols_want(&names, 0, wanted[i].address), 0);
		}
		symbols_sort(&names);
		ck_assert_int_eq(feed(1, table, piece), 0);
		for (size_t i = 0; i < VL_ARRAY_COUNT(wanted); i++) {
			ck_assert_str_eq(symbols_name(&names, 1, wanted[i].address), wanted[i].name);
			ck_assert_str_eq(symbols_name(&names, 0, wanted[i].address), "");
		}
	}
}
END_TEST

START_TEST(a_table_that_is_broken_out_of_order_or_hidden_is_refused)
{
	symbols_want(&names, 0, 0x1000);
	symbols_sort(&names);
	ck_assert_int_eq(feed(0, "nonsense\n", 100), VL_E_FORMAT);
	ck_assert_int_eq(feed(0, "1000\n", 100), VL_E_FORMAT);
	ck_assert_int_eq(feed(0, "1000 T \n", 100), VL_E_FORMAT);
	ck_assert_int_eq(feed(0, "\n", 100), VL_E_FORMAT);
	ck_assert_int_eq(feed(0, "11112222333344445 T long\n", 100), VL_E_FORMAT);
	ck_assert_int_eq(feed(0, "2000 T b\n1000 T a\n", 100), VL_E_ORDER);
	ck_assert_int_eq(feed(0, "0000000000000000 T a\n0000000000000000 T b\n", 100), VL_E_DENIED);
	ck_assert_str_eq(symbols_name(&names, 0, 0x1000), "");
}
END_TEST

START_TEST(names_longer_than_the_room_are_cut)
{
	char line[1200];

	symbols_want(&names, 0, 0x1000);
	symbols_sort(&names);
	snprintf(line, sizeof(line), "1000 T %01000d\n2000 T next\n", 0);
	ck_assert_int_eq(feed(0, line, 100), 0);
	ck_assert_uint_eq(strlen(symbols_name(&names, 0, 0x1000)), SYMBOL_NAME_MAX - 1);
}
END_TEST

/* --- Folded lines --------------------------------------------------------------------------------- */

static char folded[8192];

static int gather(void *context, const char *line, size_t size)
{
	size_t used = strlen(folded);

	ck_assert_uint_lt(used + size, sizeof(folded));
	memcpy(folded + used, line, size);
	folded[used + size] = 0;
	return 0;
}

static void fold(void)
{
	struct profiler_request q = good_request();

	folded[0] = 0;
	fold_want(&stacks, &q, &names);
	ck_assert_int_eq(feed(FOLD_TABLE_KERNEL, "8000 T sys_enter\n9000 T timer\n", 100), 0);
	ck_assert_int_eq(feed(FOLD_TABLE_PROCESS, "1000 T main\n2000 T run\n3000 T last\n", 100), 0);
	ck_assert_int_eq(fold_write(&stacks, &q, &names, gather, NULL), 0);
}

START_TEST(lines_name_process_functions_and_kernel_from_the_root)
{
	const uint64_t both[] = { 0x9010, 0x8010, 0x502010, 0x501010 };

	stacks_add(&stacks, 10, both, 4, 2, 1);
	stacks_add(&stacks, 10, both, 4, 2, 1);
	fold();
	ck_assert_str_eq(folded, "vallum-vm;main;run;sys_enter_[k];timer_[k] 2\n");
}
END_TEST

/* A call that is its function's last instruction returns to where the next function begins. */
START_TEST(a_return_address_names_the_caller_and_a_leaf_where_it_stands)
{
	const uint64_t frames[] = { 0x503000, 0x502000 };

	stacks_add(&stacks, 10, frames, 2, 0, 1);
	fold();
	ck_assert_str_eq(folded, "vallum-vm;main;last 1\n");
}
END_TEST

START_TEST(what_has_no_name_is_said_to_be_unknown)
{
	const uint64_t low[] = { 0x10 }, kernel[] = { 0x10 };

	stacks_add(&stacks, 10, low, 1, 0, 1);
	stacks_add(&stacks, 11, low, 1, 0, 1);
	stacks_add(&stacks, 99, low, 1, 0, 1);
	stacks_add(&stacks, 99, kernel, 1, 1, 1);
	stacks_add(&stacks, 0, kernel, 0, 0, 1);
	fold();
	ck_assert_str_eq(folded, "vallum-vm;[unknown] 1\nvallum;[unknown] 1\npid-99;[unknown] 1\n"
		"[kernel];[unknown]_[k] 1\n[kernel] 1\n");
}
END_TEST

START_TEST(samples_that_were_lost_are_a_line_of_their_own)
{
	const uint64_t frame = 0x501010;

	stacks_add(&stacks, 10, &frame, 1, 0, 1);
	stacks.lost = 12;
	fold();
	ck_assert_str_eq(folded, "vallum-vm;main 1\n[lost] 12\n");
}
END_TEST

START_TEST(a_line_of_the_deepest_stack_and_longest_names_keeps_its_count)
{
	static char longest[2 * SYMBOL_NAME_MAX];
	uint64_t frames[STACK_FRAME_MAX];
	struct profiler_request q = good_request();

	for (size_t i = 0; i < STACK_FRAME_MAX; i++)
		frames[i] = 0x501010;
	stacks_add(&stacks, 10, frames, STACK_FRAME_MAX, 0, 1);
	fold_want(&stacks, &q, &names);
	snprintf(longest, sizeof(longest), "1000 T %0120d\n", 7);
	ck_assert_int_eq(feed(FOLD_TABLE_PROCESS, longest, 100), 0);
	folded[0] = 0;
	ck_assert_int_eq(fold_write(&stacks, &q, &names, gather, NULL), 0);
	ck_assert_uint_lt(strlen(folded), FOLD_LINE_MAX);
	ck_assert_str_eq(folded + strlen(folded) - 4, "7 1\n");
}
END_TEST

static int refuse(void *context, const char *line, size_t size)
{
	++*(int *)context;
	return VL_E_CLOSED;
}

START_TEST(writing_stops_at_the_first_error)
{
	struct profiler_request q = good_request();
	int calls = 0;

	stacks_add(&stacks, 10, &(uint64_t){ 1 }, 1, 0, 1);
	stacks_add(&stacks, 10, &(uint64_t){ 2 }, 1, 0, 1);
	ck_assert_int_eq(fold_write(&stacks, &q, &names, refuse, &calls), VL_E_CLOSED);
	ck_assert_int_eq(calls, 1);
}
END_TEST

Suite *suite_profiler(void)
{
	Suite *s = suite_create("profiler");
	TCase *c = tcase_create("profiler");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, a_kernel_without_perf_events_is_told_from_one_that_refuses_them_or_has_no_memory);
	tcase_add_test(c, a_request_is_checked_field_by_field);
	tcase_add_test(c, a_result_is_checked_field_by_field);
	tcase_add_test(c, a_profile_that_vtl2_has_no_memory_for_is_refused_with_the_numbers);
	tcase_add_test(c, equal_stacks_are_counted_and_different_ones_kept_apart);
	tcase_add_test(c, stacks_without_room_are_counted_as_lost_and_known_ones_still_count);
	tcase_add_test(c, frames_without_room_are_counted_as_lost);
	tcase_add_test(c, a_sample_is_split_where_the_kernel_ends_also_across_the_rings_end);
	tcase_add_test(c,
			a_cpu_that_shows_one_stack_is_sampled_more_rarely_until_it_shows_others_and_no_sample_loses_weight);
	tcase_add_test(c,
			one_that_shows_nothing_else_is_sampled_more_rarely_still_until_the_first_other_stack);
	tcase_add_test(c, no_rate_becomes_so_slow_that_a_short_profile_is_empty);
	tcase_add_test(c, records_of_other_kinds_are_passed_over_and_losses_counted);
	tcase_add_test(c, a_record_that_breaks_the_format_ends_the_reading_and_nothing_more);
	tcase_add_test(c, an_address_gets_the_function_that_it_lies_in);
	tcase_add_test(c, a_table_that_is_broken_out_of_order_or_hidden_is_refused);
	tcase_add_test(c, names_longer_than_the_room_are_cut);
	tcase_add_test(c, lines_name_process_functions_and_kernel_from_the_root);
	tcase_add_test(c, a_return_address_names_the_caller_and_a_leaf_where_it_stands);
	tcase_add_test(c, what_has_no_name_is_said_to_be_unknown);
	tcase_add_test(c, samples_that_were_lost_are_a_line_of_their_own);
	tcase_add_test(c, a_line_of_the_deepest_stack_and_longest_names_keeps_its_count);
	tcase_add_test(c, writing_stops_at_the_first_error);
	suite_add_tcase(s, c);
	return s;
}
