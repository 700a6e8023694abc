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
	const struct inspect_request q = { .path = path, .depth = INSPECT_ALL, .level = level, .value = update };

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
	tcase_add_test(c, the_log_level_is_changed_by_an_update_and_by_no_other_word);
	suite_add_tcase(s, c);
	return s;
}
