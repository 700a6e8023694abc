/*
 * The VM worker's part of the inspect tree, of a whole machine of this port with a disk: what is asked for is
 * answered by the real worker while a scripted guest runs.
 */
#include "common/base/fmt.h"
#include "common/inspect/view.h"
#include "runtime/lib/clock.h"
#include "runtime/lib/inspect_unit.h"
#include "test/port/vm/rig.h"

#include <check.h>
#include <string.h>
#include <unistd.h>

Suite *suite_vm_tree(void);

static struct fake_worker w;
static struct inspect_unit unit;
static int disk;

static void setup(void)
{
	static const struct script_step steps[] = { { .kind = SCRIPT_READ, .where = SCRIPT_NOWHERE,
		.size = 4 } };
	unsigned n;
	int pair[2];

	vmrig_begin(&w);
	disk = vmrig_connect_disk(&w);
	ck_assert_int_eq(channel_pair(pair), 0);
	n = w.config.fd_count++;
	w.config.fds[n] = (struct control_fd){ CONTROL_FD_INSPECT, 0 };
	w.fds[n] = pair[1];
	unit = (struct inspect_unit){ .fd = pair[0] };
	SCRIPT_PLAY(steps);
}

static void boot(void)
{
	vmrig_boot(&w);
	ck_assert(script_served());
}

static void end(void)
{
	ck_assert_int_eq(worker_end(&w), 0);
	close(unit.fd);
	close(disk);
}

/* Good until the next question. */
static struct inspect_node ask(const char *path, enum inspect_level level)
{
	static struct inspect_unit_answer a;
	const struct inspect_request q = { .path = path, .depth = INSPECT_ALL, .level = level };
	struct inspect_node n;
	size_t size;

	ck_assert_int_eq(inspect_unit_ask(&unit, &q, "", clock_deadline(FAKE_WAIT_MS), &a, &size), 0);
	ck_assert_int_eq(inspect_node_read(a.node, size, &n), 0);
	return n;
}

static uint64_t number_at(const char *path)
{
	struct inspect_node n = ask(path, INSPECT_SAFE);

	ck_assert_msg(n.kind == INSPECT_NODE_VALUE, "%s", path);
	return n.value.u64;
}

static bool is_named(const struct inspect_entry *e, const char *name)
{
	return e->name_size == strlen(name) && memcmp(e->name, name, e->name_size) == 0;
}

/* How many entries the folder `name` in `folder` has; 0 when there is none. */
static unsigned entries_of(struct inspect_node folder, const char *name)
{
	struct inspect_entry e, inner;
	unsigned count = 0;

	while (inspect_next(&folder.entries, &e))
		while (is_named(&e, name) && inspect_next(&e.node.entries, &inner))
			count++;
	return count;
}

START_TEST(every_device_of_the_machine_shows_registers_and_nobody_sees_them_who_may_not)
{
	struct inspect_node devices;
	struct inspect_entry e;
	unsigned count = 0;

	boot();
	devices = ask("devices", INSPECT_SENSITIVE);
	for (; inspect_next(&devices.entries, &e); count++)
		ck_assert_msg(entries_of(e.node, "registers") > 0, "%.*s", (int)e.name_size,
				(const char *)e.name);
	ck_assert_uint_gt(count, 3);
	devices = ask("devices", INSPECT_SAFE);
	for (; inspect_next(&devices.entries, &e); count--)
		ck_assert_uint_eq(entries_of(e.node, "registers"), 0);
	ck_assert_uint_eq(count, 0);
	end();
}
END_TEST

START_TEST(a_disk_shows_its_queue_and_its_function_on_the_bus)
{
	boot();
	ck_assert_uint_eq(ask("devices/disk0/registers/queue0/size", INSPECT_SENSITIVE).kind,
			INSPECT_NODE_VALUE);
	ck_assert_uint_eq(ask("devices/disk0/registers/pci/vendor", INSPECT_SENSITIVE).value.u64, 0x1af4);
	ck_assert_uint_eq(ask("devices/disk0/registers/pci/msix-control", INSPECT_SENSITIVE).kind,
			INSPECT_NODE_VALUE);
	ck_assert_uint_eq(ask("devices/pci-root/registers/slots", INSPECT_SENSITIVE).value.u64 & 1, 0);
	ck_assert_uint_gt(ask("devices/pci-root/registers/slots", INSPECT_SENSITIVE).value.u64, 1);
	end();
}
END_TEST

START_TEST(what_each_numa_node_has_is_shown)
{
	w.config.vps[0].node = 3;
	boot();
	ck_assert_uint_eq(number_at("topology/node3/vps"), 1);
	ck_assert_uint_eq(number_at("topology/node3/ram-bytes"), 0);
	ck_assert_uint_eq(number_at("topology/node0/vps"), 0);
	ck_assert_uint_eq(number_at("topology/node0/ram-bytes"), number_at("memory/ram-bytes"));
	end();
}
END_TEST

START_TEST(a_vps_exits_by_kind_and_its_time_in_either_vtl_are_shown)
{
	struct inspect_node exits;
	struct inspect_entry e;
	uint64_t sum = 0;

	boot();
	vmrig_stop(&w);
	ck_assert_uint_gt(number_at("vps/vp0/time-in-vtl0-ns"), 0);
	ck_assert_uint_gt(number_at("vps/vp0/time-in-vtl2-ns"), 0);
	exits = ask("vps/vp0/exits", INSPECT_SAFE);
	while (inspect_next(&exits.entries, &e))
		sum += is_named(&e, "kicked") ? 0 : e.node.value.u64;
	ck_assert_uint_gt(sum, 0);
	ck_assert_uint_eq(sum, number_at("vps/vp0/exits-in-all"));
	end();
}
END_TEST

Suite *suite_vm_tree(void)
{
	Suite *s = suite_create("vm_tree");
	TCase *c = tcase_create("the VM worker in the inspect tree");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, every_device_of_the_machine_shows_registers_and_nobody_sees_them_who_may_not);
	tcase_add_test(c, a_disk_shows_its_queue_and_its_function_on_the_bus);
	tcase_add_test(c, what_each_numa_node_has_is_shown);
	tcase_add_test(c, a_vps_exits_by_kind_and_its_time_in_either_vtl_are_shown);
	suite_add_tcase(s, c);
	return s;
}
