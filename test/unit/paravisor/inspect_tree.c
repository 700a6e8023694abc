/* The paravisor's part of the inspect tree: what a client finds there, and may change. */
#include "runtime/lib/kmsg.h"
#include "runtime/paravisor/inspect.h"
#include "test/unit/paravisor/ask.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

Suite *suite_inspect_tree(void);

static struct paravisor p;
static const struct paravisor_ops no_ops;

static struct inspect_node ask(const char *path, enum inspect_level level, const char *update)
{
	const struct inspect_request q = { .path = path, .depth = INSPECT_ALL, .level = level,
		.value = update };

	return ask_tree(paravisor_inspect, &p, &q);
}

static void setup(void)
{
	paravisor_init(&p, &no_ops, NULL);
	p.machine.filter.isolation = ISOLATION_VBS;
	p.marks[p.mark_count++] = (struct paravisor_mark){ "kernel-start", 4711 };
	supervise_init(&p.vm, &supervise_rules[WORKER_VM]);
	kmsg_init("test", VL_LOG_INFO);
}

START_TEST(phases_of_the_boot_are_unsigned_numbers_that_everybody_may_see)
{
	struct inspect_node n = ask("boot/kernel-start", INSPECT_SAFE, NULL);

	ck_assert_uint_eq(n.kind, INSPECT_NODE_VALUE);
	ck_assert_uint_eq(n.value.type, INSPECT_UNSIGNED);
	ck_assert_uint_eq(n.value.u64, 4711);
}
END_TEST

START_TEST(every_entry_that_the_server_is_told_of_is_there_and_settings_are_not_for_everybody)
{
	for (const char *const *e = paravisor_entries; *e; e++)
		ck_assert_uint_eq(ask(*e, INSPECT_SENSITIVE, NULL).kind, INSPECT_NODE_DIR);
	ck_assert_uint_eq(ask("settings", INSPECT_SAFE, NULL).error, INSPECT_NOT_FOUND);
	ck_assert_uint_eq(ask("workers/vm/restarts", INSPECT_SAFE, NULL).kind, INSPECT_NODE_VALUE);
}
END_TEST

START_TEST(a_process_is_found_by_its_name_where_a_client_of_the_reference_looks)
{
	char own[64];

	snprintf(own, sizeof(own), "mesh/hosts/%d/name", getpid());
	p.vm.pid = 4711;
	ck_assert_int_eq(memcmp(ask(own, INSPECT_SAFE, NULL).value.bytes, "vallum", 6), 0);
	ck_assert_int_eq(memcmp(ask("mesh/hosts/4711/name", INSPECT_SAFE, NULL).value.bytes, "vm", 2), 0);
}
END_TEST

static uint64_t number_at(const char *path)
{
	struct inspect_node n = ask(path, INSPECT_SAFE, NULL);

	ck_assert_uint_eq(n.kind, INSPECT_NODE_VALUE);
	return n.value.u64;
}

START_TEST(vtl2s_own_memory_and_what_is_left_of_it_are_there_for_everybody)
{
	p.machine.vtl2_ram_bytes = 4711;
	p.machine.vtl2_other_bytes = 815;
	ck_assert_uint_eq(number_at("vtl2/ram-bytes"), 4711);
	ck_assert_uint_eq(number_at("vtl2/reserved-bytes"), 815);
	ck_assert_uint_gt(number_at("vtl2/free-bytes"), 0);
	ck_assert_uint_gt(number_at("vtl2/usable-bytes"), number_at("vtl2/free-bytes"));
	ck_assert_uint_gt(number_at("vtl2/threads"), 0);
}
END_TEST

START_TEST(what_went_over_the_host_channel_is_counted)
{
	p.host.counts.sent = 7;
	p.host.counts.received = 6;
	p.host.counts.calls = 5;
	p.host.counts.slowest_call_ns = 4;
	ck_assert_uint_eq(number_at("host/messages-sent"), 7);
	ck_assert_uint_eq(number_at("host/messages-received"), 6);
	ck_assert_uint_eq(number_at("host/calls"), 5);
	ck_assert_uint_eq(number_at("host/slowest-call-ns"), 4);
}
END_TEST

START_TEST(commands_are_counted_in_the_debug_image_alone)
{
	static const struct paravisor_ops debug = { .commands = &commands_table };

	ck_assert_uint_eq(ask("workers/commands", INSPECT_SAFE, NULL).error, INSPECT_NOT_FOUND);
	p.ops = &debug;
	commands_table.init(&p);
	p.command_count = 5;
	p.commands[2].pid = 4711;
	ck_assert_uint_eq(number_at("workers/commands/started"), 5);
	ck_assert_uint_eq(number_at("workers/commands/running"), 1);
	ck_assert_uint_eq(number_at("workers/commands/ended"), 4);
}
END_TEST

START_TEST(the_log_level_is_changed_by_an_update_and_by_no_other_word)
{
	struct inspect_node n = ask("settings/log-level", INSPECT_SENSITIVE, "debug");

	ck_assert_uint_eq(n.kind, INSPECT_NODE_VALUE);
	ck_assert_int_eq(memcmp(n.value.bytes, "debug", 5), 0);
	ck_assert_str_eq(kmsg_level(), "debug");
	n = ask("settings/log-level", INSPECT_SENSITIVE, "loud");
	ck_assert_uint_eq(n.error, INSPECT_UPDATE);
	ck_assert_str_eq(kmsg_level(), "debug");
	ck_assert_uint_eq(ask("settings/tpm", INSPECT_SENSITIVE, "true").error, INSPECT_IMMUTABLE);
}
END_TEST

Suite *suite_inspect_tree(void)
{
	Suite *s = suite_create("inspect_tree");
	TCase *c = tcase_create("inspect_tree");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, phases_of_the_boot_are_unsigned_numbers_that_everybody_may_see);
	tcase_add_test(c, every_entry_that_the_server_is_told_of_is_there_and_settings_are_not_for_everybody);
	tcase_add_test(c, a_process_is_found_by_its_name_where_a_client_of_the_reference_looks);
	tcase_add_test(c, vtl2s_own_memory_and_what_is_left_of_it_are_there_for_everybody);
	tcase_add_test(c, what_went_over_the_host_channel_is_counted);
	tcase_add_test(c, commands_are_counted_in_the_debug_image_alone);
	tcase_add_test(c, the_log_level_is_changed_by_an_update_and_by_no_other_word);
	suite_add_tcase(s, c);
	return s;
}
