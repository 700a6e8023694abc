/*
 * The filter's table (security/filter), row by row: what the host says changes
 * what VTL2 gets where the row has a K, and changes nothing where it has a D.
 * The host's tree goes through the whole shim on the fake machine of
 * test/port/boot; settings and options through the code of the paravisor and init.
 */
#include "common/get/dps.h"
#include "runtime/init/init.h"
#include "security/filter/filter.h"
#include "test/port/boot/machine.h"
#include "test/unit/filter/columns.h"
#include "test/unit/boot/trees.h"

#include <check.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *suite_filter(void);

static void *host;

/* --- The host's tree: what it says instead of what tree_make says ---------------------------- */

static void other_bootargs(void) { tree_set_text(host, "/chosen", "bootargs", "OPENHCL_Y=2"); }
static void other_cpus(void) { tree_set_u32(host, "/cpus/cpu@2", "reg", 9); }
static void other_memory(void)
{
	tree_set_u64s(host, "/memory@0", "reg", (const uint64_t[]){ 0, 0x18000000 }, 2);
}
static void other_vtl2_memory(void)
{
	tree_set_u64s(host, "/memory@20000000", "reg", (const uint64_t[]){ 0x20000000, 0x2000000 }, 2);
}
static void vtl2_allocates(void) { tree_set_text(host, "/openhcl", "memory-allocation-mode", "vtl2"); }
static void memory_size(void)
{
	vtl2_allocates();
	tree_set_u32(host, "/memory@20000000", "microsoft,igvm-type", 0);
	tree_set_u64s(host, "/openhcl", "memory-size", (const uint64_t[]){ 0x1000000 }, 1);
}
static void vtl2_mmio(void)
{
	tree_set_u64s(host, "/bus/vmbus-vtl2", "ranges",
		(const uint64_t[]){ 0x2000000000, 0x2000000000, 0x10000000 }, 3);
}
static void mmio_size(void)
{
	vtl2_allocates();
	tree_set_u64s(host, "/openhcl", "mmio-size", (const uint64_t[]){ 0xa000000 }, 1);
}
static void vtl0_mmio(void)
{
	tree_set_u64s(host, "/bus/vmbus-vtl0", "ranges",
		(const uint64_t[]){ 0xd0000000, 0xd0000000, 0x10000000, 0x1000000000, 0x1000000000,
			0x80000000 }, 6);
}
static void connection(void) { tree_set_u32(host, "/bus/vmbus-vtl2", "microsoft,message-connection-id", 77); }
static void alias_map(void)
{
	tree_set_u64s(host, "/openhcl", "vtl0-alias-map", (const uint64_t[]){ 1ull << 45 }, 1);
}
static void entropy(void) { tree_set(host, "/openhcl/entropy", "reg", "fedcba9876543210", 16); }
/* The serial port as either kind of machine has it; a port knows its own. */
static void console(void)
{
	const fdt32_t interrupt[3] = { 0, cpu_to_fdt32(223), cpu_to_fdt32(4) };

	tree_add(host, "/", "pio");
	tree_set_text(host, "/pio", "compatible", "x86-pio-bus");
	tree_add(host, "/pio", "serial");
	tree_set_text(host, "/pio/serial", "compatible", "ns16550");
	tree_set_u64s(host, "/pio/serial", "reg", (const uint64_t[]){ 0x3e8, 8 }, 2);
	tree_add(host, "/", "uart");
	tree_set_text(host, "/uart", "compatible", "arm,sbsa-uart");
	tree_set_u64s(host, "/uart", "reg", (const uint64_t[]){ 0xfec80000, 0x1000 }, 2);
	tree_set(host, "/uart", "interrupts", interrupt, sizeof(interrupt));
}
static void guest_kernel(void)
{
	tree_set_u64s(host, "/vallum/guest", "kernel", (const uint64_t[]){ 0x1000000, 0x900000 }, 2);
}
static void guest_bootargs(void) { tree_set_text(host, "/vallum/guest", "bootargs", "init=/bin/sh"); }
static void guest_disks(void) { tree_set_u32(host, "/vallum/guest", "disk-count", 3); }
static void vallum_other(void)
{
	tree_set_u32(host, "/vallum/guest", "surprise", 1);
	tree_set_u32(host, "/vallum", "kernel", 1);
}
static void slit(void) { memset(machine_at(MACHINE_PARAMETERS), 0x5a, PARAMETER_SLIT_PAGES * VL_PAGE_BYTES); }
static void pptt(void)
{
	memset(machine_at(MACHINE_PARAMETERS + PARAMETER_PPTT_PAGE * VL_PAGE_BYTES), 0x5a,
		PARAMETER_PPTT_PAGES * VL_PAGE_BYTES);
}

static void persisted(void) { memset(machine_at(MACHINE_BASE), 0x5a, SHIM_PERSISTED_BYTES); }

/* What of the result a row decides. */
enum result { ALL, VTL2_RAM, VTL2_MMIO };

static const struct {
	enum filter_item item;
	void (*base)(void), (*other)(void); /* base NULL: tree_make's */
	enum result result;
} rows[] = {
	{ FILTER_BOOTARGS, NULL, other_bootargs, ALL },
	{ FILTER_CPUS, NULL, other_cpus, ALL },
	{ FILTER_MEMORY, NULL, other_memory, ALL },
	{ FILTER_VTL2_MEMORY, NULL, other_vtl2_memory, VTL2_RAM },
	{ FILTER_VTL2_MEMORY_SIZE, NULL, memory_size, VTL2_RAM },
	{ FILTER_VTL2_MMIO, NULL, vtl2_mmio, VTL2_MMIO },
	{ FILTER_VTL2_MMIO_SIZE, vtl2_allocates, mmio_size, VTL2_MMIO },
	{ FILTER_VTL0_MMIO, NULL, vtl0_mmio, ALL },
	{ FILTER_VMBUS_CONNECTION, NULL, connection, ALL },
	{ FILTER_ALIAS_MAP, NULL, alias_map, ALL },
	{ FILTER_ENTROPY, NULL, entropy, ALL },
	{ FILTER_CONSOLE, NULL, console, ALL },
	{ FILTER_GUEST_FILES, NULL, guest_kernel, ALL },
	{ FILTER_GUEST_BOOTARGS, NULL, guest_bootargs, ALL },
	{ FILTER_GUEST_DISKS, NULL, guest_disks, ALL },
	{ FILTER_VALLUM_OTHER, NULL, vallum_other, ALL },
	{ FILTER_PARAMETER_DEVICE_TREE, NULL, guest_disks, ALL },
	{ FILTER_PARAMETER_SLIT, NULL, slit, ALL },
	{ FILTER_PARAMETER_PPTT, NULL, pptt, ALL },
	{ FILTER_PERSISTED_STATE, NULL, persisted, ALL },
};

struct seen {
	uint8_t tree[VTL2_DT_BYTES_MAX];
	char command_line[PORT_KERNEL_COMMAND_LINE_MAX];
	struct boot_plan plan;
};

static void forget_times(void *fdt)
{
	ck_assert_int_eq(fdt_setprop_inplace_u64(fdt, 0, "reftime_boot_start", 0), 0);
	ck_assert_int_eq(fdt_setprop_inplace_u64(fdt, 0, "reftime_boot_end", 0), 0);
}

static void boot(const struct filter_context *column, void (*say)(void), struct seen *seen)
{
	machine_init();
	machine.isolation = column->isolation;
	machine.capabilities = 1ull << 29; /* an alias map */
	machine_command_line(COMMAND_LINE_APPEND_CHOSEN,
			column->debug ? "OPENHCL_CONFIDENTIAL_DEBUG=1" : "quiet");
	host = machine_host_tree();
	tree_make(host, 2);
	if (say)
		say();
	machine_boot();
	ck_assert_msg(machine.end == MACHINE_ENTERED_KERNEL, "%.*s", (int)le32_to_cpu(machine_log()->length),
		machine_log()->text);
	memcpy(seen->tree, machine.shim.fdt, sizeof(seen->tree));
	memcpy(seen->command_line, machine.shim.command_line, sizeof(seen->command_line));
	seen->plan = machine.shim.plan;
	forget_times(seen->tree);
}

static bool same(const struct seen *a, const struct seen *b, enum result result)
{
	switch (result) {
	case VTL2_RAM:
		return a->plan.ram_count == b->plan.ram_count &&
			!memcmp(a->plan.ram, b->plan.ram, sizeof(a->plan.ram));
	case VTL2_MMIO:
		return a->plan.vtl2_mmio_count == b->plan.vtl2_mmio_count &&
			!memcmp(a->plan.vtl2_mmio, b->plan.vtl2_mmio, sizeof(a->plan.vtl2_mmio));
	default:
		return !strcmp(a->command_line, b->command_line) &&
			!memcmp(a->tree, b->tree, fdt_totalsize(a->tree));
	}
}

START_TEST(what_the_host_tree_says_counts_where_the_row_keeps_it_and_only_there)
{
	static struct seen base, other;
	const struct filter_row *row = filter_row(rows[_i].item);

	for (unsigned c = 0; c < FILTER_COLUMNS; c++) {
		boot(&filter_columns[c], rows[_i].base, &base);
		boot(&filter_columns[c], rows[_i].other, &other);
		ck_assert_msg(same(&base, &other, rows[_i].result) == (row->verdicts[c] == 'D'),
			"%s, column %u (%c)", row->name, c, row->verdicts[c]);
	}
}
END_TEST

START_TEST(the_reason_of_a_failed_boot_leaves_vtl2_where_its_row_keeps_it)
{
	for (unsigned c = 0; c < FILTER_COLUMNS; c++) {
		machine_init();
		machine.isolation = filter_columns[c].isolation;
		machine_command_line(COMMAND_LINE_STATIC,
				filter_columns[c].debug ? "OPENHCL_CONFIDENTIAL_DEBUG=1" : "");
		memset(machine_host_tree(), 0, 64);
		machine_boot();
		ck_assert_int_eq(machine.end, MACHINE_HALTED);
		ck_assert_int_eq(machine.crash_reported, filter_row(FILTER_BOOT_CRASH)->verdicts[c] == 'K');
	}
}
END_TEST

/* The words that make the reference's shim start one. */
static void wants_sidecar(void)
{
	tree_set_text(host, "/chosen", "bootargs", "OPENHCL_SIDECAR=on OPENHCL_BOOT_LOG=1");
}

START_TEST(no_host_gets_a_sidecar)
{
	static struct seen seen;
	unsigned cpus = 0;
	int node;

	boot(&filter_columns[_i], wants_sidecar, &seen);
	ck_assert(!filter_row_keeps(FILTER_SIDECAR, _i));
	ck_assert_int_eq(fdt_path_offset(seen.tree, "/openhcl/sidecar"), -FDT_ERR_NOTFOUND);
	ck_assert_ptr_null(fdt_getprop(seen.tree, 0, "reftime_sidecar_start", NULL));
	for (unsigned i = 0; i < seen.plan.map.count; i++) {
		ck_assert_uint_ne(seen.plan.map.range[i].type, BOOT_MEMORY_SIDECAR_IMAGE);
		ck_assert_uint_ne(seen.plan.map.range[i].type, BOOT_MEMORY_SIDECAR_NODE);
	}
	fdt_for_each_subnode(node, seen.tree, fdt_path_offset(seen.tree, "/cpus"))
		cpus += !strcmp(fdt_getprop(seen.tree, node, "status", NULL), "okay");
	ck_assert_uint_eq(cpus, 2);
}
END_TEST

START_TEST(the_shims_log_is_there_for_vtl2_in_every_column)
{
	static struct seen seen;

	boot(&filter_columns[_i], NULL, &seen);
	ck_assert_int_eq(le32_to_cpu(machine_log()->length) > 0, filter_row_keeps(FILTER_TELL_SHIM_LOG, _i));
}
END_TEST

START_TEST(vtl2s_tree_says_how_the_vm_is_isolated)
{
	static struct seen seen;

	for (unsigned c = 0; c < FILTER_COLUMNS; c++) {
		int node, length;
		const char *name;

		boot(&filter_columns[c], NULL, &seen);
		node = fdt_path_offset(seen.tree, "/openhcl");
		name = fdt_getprop(seen.tree, node, "isolation-type", &length);
		ck_assert_str_eq(name, isolation_name(filter_columns[c].isolation));
		ck_assert_int_eq(fdt_getprop(seen.tree, node, "vallum,confidential-debug", &length) != NULL,
			filter_columns[c].debug);
	}
}
END_TEST

/* --- Settings -------------------------------------------------------------------------------- */

#define PATHS_MAX 100

static struct {
	const char *path[PATHS_MAX];
	unsigned count;
} paths;

static bool collect(const void *context, const char *path)
{
	ck_assert_uint_lt(paths.count, PATHS_MAX);
	paths.path[paths.count++] = path;
	return true;
}

static bool is_not(const void *context, const char *path)
{
	return strcmp(path, context) != 0;
}

/* Other than the strictest value in every field. */
static void make_hostile(struct dps_settings *s)
{
	memset(s, 1, sizeof(*s));
	s->secure_boot_enabled = false;
	s->measure_additional_pcrs = false;
}

START_TEST(a_setting_counts_where_its_row_keeps_it_and_only_there)
{
	struct dps_settings hostile, filtered, put;

	make_hostile(&hostile);
	paths.count = 0;
	dps_replace(&hostile, &hostile, collect, NULL);
	ck_assert_uint_gt(paths.count, 40);
	for (unsigned c = 0; c < FILTER_COLUMNS; c++) {
		filtered = hostile;
		filter_settings(&filter_columns[c], &filtered);
		for (unsigned i = 0; i < paths.count; i++) {
			const char *path = paths.path[i];
			int item = filter_find(FILTER_SETTING, path, strlen(path));
			const struct filter_row *row = filter_row(item < 0 ? FILTER_DPS_OTHER :
					(enum filter_item)item);

			put = filtered;
			dps_replace(&put, &hostile, is_not, path);
			ck_assert_msg(!memcmp(&put, &filtered, sizeof(put)) == (row->verdicts[c] == 'K'),
				"%s, column %u (%c)", path, c, row->verdicts[c]);
		}
	}
}
END_TEST

START_TEST(every_row_of_a_setting_names_one_that_exists)
{
	struct dps_settings any;

	memset(&any, 0, sizeof(any));
	paths.count = 0;
	dps_replace(&any, &any, collect, NULL);
	for (unsigned item = 0; item < FILTER_ITEM_COUNT; item++) {
		const struct filter_row *row = filter_row(item);
		bool found = row->group != FILTER_SETTING || item == FILTER_DPS_OTHER;

		for (unsigned i = 0; i < paths.count; i++)
			found |= !strcmp(row->name, paths.path[i]);
		ck_assert_msg(found, "%s", row->name);
	}
}
END_TEST

START_TEST(an_isolated_guest_has_the_strict_settings_whatever_the_host_wants)
{
	struct dps_settings s;

	make_hostile(&s);
	filter_settings(&filter_columns[1], &s);
	ck_assert(s.secure_boot_enabled);
	ck_assert(s.measure_additional_pcrs);
	ck_assert(!s.enable_hibernation);
	ck_assert(!s.enable_firmware_debugging);
	ck_assert(!s.com1.debugger_mode);
	ck_assert(!s.is_servicing_scenario);
	ck_assert_str_eq(s.guest_state_encryption_policy, "Auto");
	ck_assert_str_eq(s.guest_state_lifetime, "Default");
}
END_TEST

/* --- Options ----------------------------------------------------------------------------------- */

START_TEST(an_option_reaches_the_environment_where_its_row_keeps_it)
{
	for (unsigned item = 0; item < FILTER_ITEM_COUNT; item++) {
		const struct filter_row *row = filter_row(item);
		char line[80], *env[INIT_OPTION_MAX + 1];
		unsigned ignored;

		for (unsigned c = 0; row->group == FILTER_OPTION && c < FILTER_COLUMNS; c++) {
			strcat(strcpy(line, row->name), "=1 ANOTHER=1");
			ck_assert_int_eq(init_options(line, env, &filter_columns[c], &ignored),
					row->verdicts[c] == 'K');
		}
	}
}
END_TEST

/* --- Default deny ------------------------------------------------------------------------------- */

START_TEST(an_isolation_without_a_column_lets_nothing_pass)
{
	const struct filter_context unknown[] = { { ISOLATION_CCA, false }, { ISOLATION_CCA, true },
		{ ISOLATION_COUNT, false }, { (enum isolation)77, true } };

	for (unsigned i = 0; i < VL_ARRAY_COUNT(unknown); i++)
		for (unsigned item = 0; item < FILTER_ITEM_COUNT; item++)
			ck_assert(!filter_keeps(&unknown[i], item));
}
END_TEST

START_TEST(what_is_not_in_the_table_does_not_pass)
{
	ck_assert(!filter_keeps(&filter_columns[0], FILTER_ITEM_COUNT));
	ck_assert(!filter_keeps(&filter_columns[0], (enum filter_item)VL_E_NOTFOUND));
	ck_assert_int_eq(filter_find(FILTER_OPTION, "LD_PRELOAD", 10), VL_E_NOTFOUND);
	ck_assert_int_eq(filter_find(FILTER_OPTION, "VALLUM_LO", 9), VL_E_NOTFOUND);
	ck_assert_int_eq(filter_find(FILTER_SETTING, "VALLUM_LOG", 10), VL_E_NOTFOUND);
}
END_TEST

/* --- Completeness -------------------------------------------------------------------------------- */

/* Rows whose proof is a test of their own: its file and its name there. */
#define LIFE "test/unit/paravisor/life.c"
#define DIAG "test/unit/diag/server.c", "a_call_passes_where_its_row_of_the_filter_keeps_it_and_only_there"
#define OWN(item, ...) { FILTER_##item, "FILTER_" #item, __VA_ARGS__ }
static const struct {
	enum filter_item item;
	const char *token, *file, *test;
} elsewhere[] = {
	OWN(INTERRUPTS, "ports/aarch64/test/unit/boot_platform.c",
		"the_hosts_interrupts_are_vtl2s_in_every_column"),
	OWN(SIDECAR, "test/unit/filter/rows.c", "no_host_gets_a_sidecar"),
	OWN(BOOT_CRASH, "test/unit/filter/rows.c",
		"the_reason_of_a_failed_boot_leaves_vtl2_where_its_row_keeps_it"),
	OWN(ENTROPY_CREDIT, "test/unit/init/entropy.c", "the_hosts_entropy_counts_where_its_row_keeps_it"),
	OWN(GET_TIME, LIFE, "phases_events_and_the_hosts_time_pass_where_their_rows_keep_them"),
	OWN(GET_SAVE, LIFE, "nothing_that_a_host_says_unasked_changes_anything"),
	OWN(GET_DEBUG_INTERRUPT, LIFE, "nothing_that_a_host_says_unasked_changes_anything"),
	OWN(GET_GENERATION_ID, LIFE, "nothing_that_a_host_says_unasked_changes_anything"),
	OWN(GET_OTHER, LIFE, "what_no_rule_knows_of_the_host_ends_the_channel"),
	OWN(DIAG_INSPECT, DIAG),
	OWN(DIAG_PING, DIAG),
	OWN(DIAG_UPDATE, DIAG),
	OWN(DIAG_KMSG, DIAG),
	OWN(DIAG_FILE, DIAG),
	OWN(DIAG_EXEC, "test/unit/diag/exec.c", "in_an_isolated_vm_a_command_runs_with_measured_debug_alone"),
	OWN(DIAG_LIFE, DIAG),
	OWN(DIAG_STATE, DIAG),
	OWN(DIAG_CAPTURE, DIAG),
	OWN(DIAG_PROFILE, DIAG),
	OWN(DIAG_INSPECT_ALL, "test/unit/diag/server.c",
		"what_is_not_marked_safe_is_shown_where_its_row_keeps_it"),
	OWN(TELL_PHASES, LIFE, "phases_events_and_the_hosts_time_pass_where_their_rows_keep_them"),
	OWN(TELL_EVENT, LIFE, "phases_events_and_the_hosts_time_pass_where_their_rows_keep_them"),
	OWN(TELL_SHIM_LOG, "test/unit/filter/rows.c", "the_shims_log_is_there_for_vtl2_in_every_column"),
	OWN(TELL_LOG, "test/unit/paravisor/crash.c", "a_crash_keeps_what_the_rows_keep"),
	OWN(TELL_REGISTERS, "test/unit/paravisor/crash.c", "a_crash_keeps_what_the_rows_keep"),
	OWN(TELL_WORKERS, LIFE, "the_end_of_a_worker_is_told_in_every_column"),
	OWN(TELL_FAILURE, LIFE, "the_text_of_a_failure_is_told_where_the_row_keeps_it"),
	OWN(TELL_CORE, "test/unit/sandbox/sandbox.c",
		"a_cage_bounds_core_files_descriptors_and_the_size_of_files"),
};

/* The file has a test of that name, and it speaks of the item. */
static bool has_test(const char *file, const char *test, const char *token)
{
	static char text[1 << 18];
	const char *folder = getenv("VL_TEST_DIR");
	char path[4200], start[200];
	size_t size;
	FILE *f;

	ck_assert_msg(folder != NULL, "VL_TEST_DIR is not set: run this by `make unit`");
	snprintf(path, sizeof(path), "%s/../%s", folder, file);
	f = fopen(path, "r");
	if (!f)
		return false;
	size = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[size] = 0;
	snprintf(start, sizeof(start), "START_TEST(%s)", test);
	return strstr(text, start) && strstr(text, token);
}

START_TEST(every_row_has_its_proof)
{
	for (unsigned item = 0; item < FILTER_ITEM_COUNT; item++) {
		const struct filter_row *row = filter_row(item);
		unsigned proofs = row->group == FILTER_SETTING || row->group == FILTER_OPTION;

		for (unsigned i = 0; i < VL_ARRAY_COUNT(rows); i++)
			proofs += rows[i].item == item;
		for (unsigned i = 0; i < VL_ARRAY_COUNT(elsewhere); i++)
			proofs += elsewhere[i].item == item;
		ck_assert_msg(proofs == 1, "%s has %u proofs", row->name, proofs);
	}
}
END_TEST

START_TEST(every_proof_elsewhere_is_a_test_that_speaks_of_its_row)
{
	for (unsigned i = 0; i < VL_ARRAY_COUNT(elsewhere); i++)
		ck_assert_msg(has_test(elsewhere[i].file, elsewhere[i].test, elsewhere[i].token),
			"%s: no test %s in %s", elsewhere[i].token, elsewhere[i].test, elsewhere[i].file);
	ck_assert(!has_test("test/unit/filter/rows.c", "no_such_" "test", "FILTER_"));
}
END_TEST

START_TEST(isolation_never_lets_more_pass_than_its_absence)
{
	for (unsigned item = 0; item < FILTER_ITEM_COUNT; item++) {
		const char *v = filter_row(item)->verdicts;

		for (unsigned c = 1; c < FILTER_COLUMNS; c++) {
			ck_assert_msg(v[c] == 'D' || v[0] == 'K', "%s", filter_row(item)->name);
			ck_assert_msg(c < 4 || v[c] == 'K' || v[c - 3] == 'D', "%s", filter_row(item)->name);
		}
	}
}
END_TEST

Suite *suite_filter(void)
{
	Suite *s = suite_create("filter");
	TCase *c = tcase_create("filter");

	tcase_add_loop_test(c, what_the_host_tree_says_counts_where_the_row_keeps_it_and_only_there, 0,
		(int)VL_ARRAY_COUNT(rows));
	tcase_add_test(c, the_reason_of_a_failed_boot_leaves_vtl2_where_its_row_keeps_it);
	tcase_add_loop_test(c, no_host_gets_a_sidecar, 0, FILTER_COLUMNS);
	tcase_add_loop_test(c, the_shims_log_is_there_for_vtl2_in_every_column, 0, FILTER_COLUMNS);
	tcase_add_test(c, vtl2s_tree_says_how_the_vm_is_isolated);
	tcase_add_test(c, a_setting_counts_where_its_row_keeps_it_and_only_there);
	tcase_add_test(c, every_row_of_a_setting_names_one_that_exists);
	tcase_add_test(c, an_isolated_guest_has_the_strict_settings_whatever_the_host_wants);
	tcase_add_test(c, an_option_reaches_the_environment_where_its_row_keeps_it);
	tcase_add_test(c, an_isolation_without_a_column_lets_nothing_pass);
	tcase_add_test(c, what_is_not_in_the_table_does_not_pass);
	tcase_add_test(c, every_row_has_its_proof);
	tcase_add_test(c, every_proof_elsewhere_is_a_test_that_speaks_of_its_row);
	tcase_add_test(c, isolation_never_lets_more_pass_than_its_absence);
	suite_add_tcase(s, c);
	return s;
}
