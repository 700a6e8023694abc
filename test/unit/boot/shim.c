/*
 * The whole shim as a process, on the fake machine of test/port/boot: a host
 * device tree in, the VTL2 device tree and the handoff out; and for everything
 * that can be wrong the reason that the host gets to read.
 */
#include "common/hv/hv.h"
#include "common/boot/stop.h"
#include "test/port/boot/machine.h"
#include "test/unit/boot/trees.h"

#include <check.h>
#include <libfdt.h>
#include <string.h>

Suite *suite_shim(void);

static void *host;

static void setup(void)
{
	machine_init();
	host = machine_host_tree();
	tree_make(host, 2);
}

static const void *property(const char *path, const char *name, int size)
{
	int got, node = fdt_path_offset(machine.shim.fdt, path);
	const void *value = node < 0 ? NULL : fdt_getprop(machine.shim.fdt, node, name, &got);

	ck_assert_msg(value != NULL, "%s has no %s", path, name);
	ck_assert_msg(size < 0 || got == size, "%s %s has %d bytes", path, name, got);
	return value;
}

static uint32_t u32_of(const char *path, const char *name)
{
	return fdt32_ld(property(path, name, 4));
}

static uint64_t u64_of(const char *path, const char *name)
{
	return fdt64_ld(property(path, name, 8));
}

static const char *text_of(const char *path, const char *name)
{
	return property(path, name, -1);
}

static void boots(void)
{
	machine_boot();
	ck_assert_msg(machine.end == MACHINE_ENTERED_KERNEL, "%.*s", (int)le32_to_cpu(machine_log()->length),
		machine_log()->text);
}

START_TEST(a_sound_machine_enters_the_kernel)
{
	const struct boot_handoff *h = &machine.shim.handoff;

	boots();
	ck_assert_uint_eq(h->kernel_entry, MACHINE_KERNEL_ENTRY);
	ck_assert_uint_eq(h->initrd.base, MACHINE_INITRD);
	ck_assert_uint_eq(h->initrd.size, MACHINE_INITRD_BYTES);
	ck_assert(machine.hypercalls_stopped);
	ck_assert(!machine.crash_reported);
	ck_assert_uint_eq(machine.cpus_checked, 2);
	ck_assert_uint_eq(machine.cpus_prepared, 2);
}
END_TEST

START_TEST(the_vtl2_tree_describes_the_machine)
{
	boots();
	ck_assert_int_eq(fdt_check_full(machine.shim.fdt, sizeof(machine.shim.fdt)), 0);
	ck_assert_str_eq(text_of("/", "compatible"), "microsoft,openvmm");
	ck_assert_uint_eq(u64_of("/", "reftime_boot_end") - u64_of("/", "reftime_boot_start"), 500);
	ck_assert_uint_eq(u32_of("/cpus/cpu@2", "numa-node-id"), 0);
	ck_assert_str_eq(text_of("/cpus/cpu@1", "device_type"), "cpu");
	ck_assert_uint_eq(fdt64_ld(property("/memory@20000000", "reg", 16)), 0x20000000);
	ck_assert_str_eq(text_of("/bus/vmbus", "compatible"), "microsoft,vmbus");
	ck_assert_uint_eq(u32_of("/bus/vmbus", "microsoft,vtl"), 2);
	ck_assert_uint_eq(u32_of("/bus/vmbus", "microsoft,message-connection-id"), 4);
	ck_assert_str_eq(text_of("/openhcl", "isolation-type"), "none");
	ck_assert_str_eq(text_of("/openhcl", "memory-allocation-mode"), "host");
	ck_assert_mem_eq(property("/openhcl/entropy", "reg", 16), "0123456789abcdef", 16);
	ck_assert_str_eq(text_of("/vallum/guest", "bootargs"), "console=ttyS0");
	ck_assert_uint_eq(fdt64_ld(property("/vallum/guest", "kernel", 16)), 0x1000000);
}
END_TEST

START_TEST(the_openhcl_node_covers_all_memory_without_overlap)
{
	const void *fdt = machine.shim.fdt;
	uint64_t next = 0, total = 0;
	int node, openhcl;

	boots();
	openhcl = fdt_path_offset(fdt, "/openhcl");
	fdt_for_each_subnode(node, fdt, openhcl) {
		const uint8_t *reg = fdt_getprop(fdt, node, "reg", NULL);

		if (strncmp(fdt_get_name(fdt, node, NULL), "memory@", 7) != 0)
			continue;
		ck_assert_uint_ge(fdt64_ld((const void *)reg), next);
		next = fdt64_ld((const void *)reg) + fdt64_ld((const void *)(reg + 8));
		total += fdt64_ld((const void *)(reg + 8));
	}
	ck_assert_uint_eq(total, 0x20000000 + 0x4000000 + 0x10000000 + 0x80000000ull);
	ck_assert_uint_eq(u32_of("/openhcl/memory@0", "openhcl,memory-type"), BOOT_MEMORY_VTL0);
	ck_assert_uint_eq(u32_of("/openhcl/memory@203d0000", "openhcl,memory-type"), BOOT_MEMORY_SHIM_LOG);
	ck_assert_uint_eq(u32_of("/openhcl/memory@20000000", "openhcl,memory-type"),
		BOOT_MEMORY_PERSISTED_HEADER);
	ck_assert_uint_eq(u32_of("/openhcl/memory@c0000000", "openhcl,memory-type"), BOOT_MEMORY_VTL0_MMIO);
}
END_TEST

START_TEST(what_is_reserved_is_in_the_reserve_map)
{
	uint64_t base, size;
	bool log = false;

	boots();
	for (int i = 0; i < fdt_num_mem_rsv(machine.shim.fdt); i++) {
		ck_assert_int_eq(fdt_get_mem_rsv(machine.shim.fdt, i, &base, &size), 0);
		log |= base == MACHINE_LOG && size == SHIM_LOG_BYTES;
	}
	ck_assert(log);
}
END_TEST

START_TEST(the_kernel_line_is_computed_then_measured_then_the_hosts)
{
	const char *line, *measured;

	boots();
	line = machine.shim.command_line;
	measured = strstr(line, " quiet ");
	ck_assert_ptr_nonnull(strstr(line, "rdinit=/init"));
	ck_assert_ptr_nonnull(measured);
	ck_assert_ptr_nonnull(strstr(measured, " OPENHCL_X=1"));
	ck_assert_ptr_null(strstr(line, "OPENHCL_CONFIDENTIAL"));
}
END_TEST

START_TEST(a_static_policy_keeps_the_hosts_line_out)
{
	machine_command_line(COMMAND_LINE_STATIC, "quiet");
	boots();
	ck_assert_ptr_null(strstr(machine.shim.command_line, "OPENHCL_X"));
}
END_TEST

START_TEST(an_isolated_vm_does_not_hear_the_host)
{
	machine.isolation = ISOLATION_VBS;
	boots();
	ck_assert_ptr_null(strstr(machine.shim.command_line, "OPENHCL_X"));
	ck_assert_ptr_nonnull(strstr(machine.shim.command_line, " OPENHCL_CONFIDENTIAL=1"));
	ck_assert_str_eq(text_of("/openhcl", "isolation-type"), "vbs");
}
END_TEST

START_TEST(measured_confidential_debug_trusts_the_host_again)
{
	machine.isolation = ISOLATION_VBS;
	machine_command_line(COMMAND_LINE_APPEND_CHOSEN, "OPENHCL_CONFIDENTIAL_DEBUG=1");
	boots();
	ck_assert_ptr_nonnull(strstr(machine.shim.command_line, "OPENHCL_X=1"));
}
END_TEST

START_TEST(the_host_cannot_ask_for_confidential_debug)
{
	machine.isolation = ISOLATION_VBS;
	tree_set_text(host, "/chosen", "bootargs", "OPENHCL_CONFIDENTIAL_DEBUG=1");
	boots();
	ck_assert_ptr_null(strstr(machine.shim.command_line, "DEBUG"));
}
END_TEST

START_TEST(the_alias_map_needs_the_hypervisors_capability)
{
	tree_set_u64s(host, "/openhcl", "vtl0-alias-map", (const uint64_t[]){ 1ull << 45 }, 1);
	boots();
	ck_assert_int_lt(fdt_path_offset(machine.shim.fdt, "/openhcl/vtl0-alias-map"), 0);
	ck_assert_ptr_null(fdt_getprop(machine.shim.fdt, fdt_path_offset(machine.shim.fdt, "/openhcl"),
		"vtl0-alias-map", NULL));
	setup();
	tree_set_u64s(host, "/openhcl", "vtl0-alias-map", (const uint64_t[]){ 1ull << 45 }, 1);
	machine.capabilities = 1ull << 29;
	boots();
	ck_assert_uint_eq(u64_of("/openhcl", "vtl0-alias-map"), 1ull << 45);
	setup();
	machine.capabilities = 1ull << 29;
	boots();
	ck_assert_uint_eq(u64_of("/openhcl", "vtl0-alias-map"), 1ull << 39);
}
END_TEST

START_TEST(the_log_is_left_for_user_space)
{
	const struct shim_log *log = machine_log();

	boots();
	ck_assert_uint_eq(le32_to_cpu(log->magic), SHIM_LOG_MAGIC);
	ck_assert_uint_eq(le32_to_cpu(log->dropped), 0);
	ck_assert_int_eq(strncmp(log->text, "<6>boot: image at 0x20000000", 28), 0);
	ck_assert_int_eq(log->text[le32_to_cpu(log->length) - 1], '\n');
}
END_TEST

START_TEST(eight_hundred_cpus_are_checked_in_batches)
{
	tree_make(host, 800);
	boots();
	ck_assert_uint_eq(machine.cpus_checked, 800);
}
END_TEST

/* --- What stops a boot ------------------------------------------------------------- */

static void bad_initrd(void) { ((uint8_t *)machine_at(MACHINE_INITRD))[17] ^= 1; }
static void no_tree(void) { memset(host, 0, 64); }
static void overlapping_memory(void)
{
	tree_set_u64s(host, "/memory@20000000", "reg", (const uint64_t[]){ 0x1ffff000, 0x4001000 }, 2);
}
static void image_outside(void)
{
	tree_set_u64s(host, "/memory@20000000", "reg", (const uint64_t[]){ 0x20001000, 0x4000000 }, 2);
}
static void no_room_for_vtl2(void)
{
	tree_delete(host, "/memory@20000000", NULL);
}
static void unsupported_isolation(void) { machine.isolation_error = VL_E_UNSUPPORTED; }
static void no_hypervisor(void) { machine.no_hypervisor = true; }
static void calls_refused(void) { machine.call_status = HV_STATUS_ACCESS_DENIED; }
static void cpus_swapped(void) { machine.first_vp_index = 1; }
static void stack_overrun(void) { machine.stack_overrun = true; }
static void unknown_policy(void) { machine_command_line((enum command_line_policy)2, ""); }
static void line_not_text(void) { machine_command_line(COMMAND_LINE_STATIC, "a\nb"); }
static void line_too_long(void)
{
	static char text[2100];

	memset(text, 'x', sizeof(text) - 1);
	machine_command_line(COMMAND_LINE_STATIC, text);
}
static void line_beyond_page(void)
{
	((struct paravisor_command_line *)machine_at(MACHINE_COMMAND_LINE))->length = cpu_to_le16(4093);
}
static void deep_vallum(void)
{
	tree_add(host, "/vallum/guest", "a");
	tree_add(host, "/vallum/guest/a", "b");
	tree_add(host, "/vallum/guest/a/b", "c");
}
static void large_vallum(void)
{
	static const uint8_t much[VALLUM_BYTES_MAX + 1];

	tree_set(host, "/vallum", "much", much, sizeof(much));
}
static void memory_unaligned(void)
{
	machine_params()->memory_start_offset = cpu_to_le64(MACHINE_BASE + 4096 - MACHINE_SHIM);
}
static void log_missing(void) { machine_params()->log_buffer_size = cpu_to_le64(0); }
static void log_outside(void) { machine_params()->log_buffer_start = cpu_to_le64(1ull << 40); }
static void log_odd_size(void) { machine_params()->log_buffer_size = cpu_to_le64(VL_PAGE_BYTES); }
static void initrd_wraps(void) { machine_params()->initrd_size = cpu_to_le64(~0ull - 4095); }
static void entry_outside(void) { machine_params()->kernel_entry_offset = cpu_to_le64(1ull << 33); }
static void line_outside(void) { machine_params()->cmdline_offset = cpu_to_le64(1ull << 33); }
static void parameters_short(void) { machine_params()->parameter_region_size =
	cpu_to_le64(40 * VL_PAGE_BYTES); }
static void persisted_odd(void) { machine_params()->persisted_state_region_size =
	cpu_to_le64(VL_PAGE_BYTES); }
static void overlapping_parts(void)
{
	machine_params()->log_buffer_start = cpu_to_le64(MACHINE_PARAMETERS - MACHINE_SHIM);
}

static const struct {
	void (*bend)(void);
	int code;
	const char *text;
} stops[] = {
	{ bad_initrd, VL_E_CHECKSUM, "initrd at 0x20252000" },
	{ no_tree, VL_E_FORMAT, "no well-formed tree" },
	{ overlapping_memory, VL_E_OVERLAP, "RAM overlaps RAM" },
	{ image_outside, VL_E_RANGE, "the image at 0x20000000" },
	{ no_room_for_vtl2, VL_E_RANGE, "the image's memory 0x20000000" },
	{ unsupported_isolation, VL_E_UNSUPPORTED, "isolation" },
	{ no_hypervisor, VL_E_UNSUPPORTED, "no hypervisor" },
	{ calls_refused, VL_E_HYPERCALL, "status 0x6" },
	{ cpus_swapped, VL_E_RANGE, "CPU 0 (reg 0x0) is VP 1" },
	{ stack_overrun, VL_E_INTERNAL, "stack overrun" },
	{ unknown_policy, VL_E_RANGE, "policy 2" },
	{ line_not_text, VL_E_FORMAT, "byte 0xa at 1" },
	{ line_too_long, VL_E_LIMIT, "Linux takes 2047" },
	{ line_beyond_page, VL_E_RANGE, "length 4093" },
	{ deep_vallum, VL_E_LIMIT, "/vallum" },
	{ large_vallum, VL_E_LIMIT, "/vallum" },
	{ memory_unaligned, VL_E_ALIGN, "memory at 0x20001000" },
	{ log_missing, VL_E_MISSING, "no log buffer" },
	{ log_outside, VL_E_RANGE, "log buffer is outside" },
	{ log_odd_size, VL_E_RANGE, "log buffer has 0x1000" },
	{ initrd_wraps, VL_E_OVERFLOW, "initrd wraps" },
	{ entry_outside, VL_E_RANGE, "kernel entry" },
	{ line_outside, VL_E_RANGE, "command line" },
	{ parameters_short, VL_E_RANGE, "parameter region" },
	{ persisted_odd, VL_E_RANGE, "persisted region" },
	{ overlapping_parts, VL_E_RANGE, "the log buffer" },
};

START_TEST(a_fault_stops_the_boot_and_its_reason_reaches_the_host)
{
	const char *reason;

	stops[_i].bend();
	machine_boot();
	ck_assert_msg(machine.end == MACHINE_HALTED, "row %d booted", _i);
	if (stops[_i].bend == unsupported_isolation) {
		ck_assert(!machine.crash_reported);
		return;
	}
	ck_assert(machine.crash_reported);
	ck_assert(machine.crash_control ==
			(HV_CRASH_CTL_NOTIFY | HV_CRASH_CTL_MESSAGE | HV_CRASH_CTL_NO_CRASH_DUMP));
	ck_assert_mem_eq(&machine.crash[0], "VLMBOOT", 8);
	ck_assert_msg((int64_t)machine.crash[1] == stops[_i].code, "row %d: %d", _i, (int)machine.crash[1]);
	reason = (const char *)(uintptr_t)machine.crash[3];
	ck_assert_uint_eq(machine.crash[4], strlen(reason));
	ck_assert_msg(strstr(reason, stops[_i].text) != NULL, "row %d: %s", _i, reason);
	ck_assert_ptr_nonnull(strstr(reason, vl_err_name(stops[_i].code)));
}
END_TEST

START_TEST(the_reason_is_also_in_the_log)
{
	bad_initrd();
	machine_boot();
	ck_assert_ptr_nonnull(strstr(machine_log()->text, "<3>VTL2 boot stopped: initrd"));
}
END_TEST

START_TEST(an_isolated_vm_stops_in_silence)
{
	machine.isolation = ISOLATION_VBS;
	bad_initrd();
	machine_boot();
	ck_assert(machine.end == MACHINE_HALTED);
	ck_assert(!machine.crash_reported);
}
END_TEST

START_TEST(outside_vtl2_the_cpu_check_is_left_out)
{
	machine.vtl = 0;
	machine.first_vp_index = 7;
	boots();
	ck_assert_uint_eq(machine.cpus_checked, 0);
}
END_TEST

Suite *suite_shim(void)
{
	Suite *s = suite_create("shim");
	TCase *t = tcase_create("shim");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, a_sound_machine_enters_the_kernel);
	tcase_add_test(t, the_vtl2_tree_describes_the_machine);
	tcase_add_test(t, the_openhcl_node_covers_all_memory_without_overlap);
	tcase_add_test(t, what_is_reserved_is_in_the_reserve_map);
	tcase_add_test(t, the_kernel_line_is_computed_then_measured_then_the_hosts);
	tcase_add_test(t, a_static_policy_keeps_the_hosts_line_out);
	tcase_add_test(t, an_isolated_vm_does_not_hear_the_host);
	tcase_add_test(t, measured_confidential_debug_trusts_the_host_again);
	tcase_add_test(t, the_host_cannot_ask_for_confidential_debug);
	tcase_add_test(t, the_alias_map_needs_the_hypervisors_capability);
	tcase_add_test(t, the_log_is_left_for_user_space);
	tcase_add_test(t, eight_hundred_cpus_are_checked_in_batches);
	tcase_add_loop_test(t, a_fault_stops_the_boot_and_its_reason_reaches_the_host, 0,
		(int)VL_ARRAY_COUNT(stops));
	tcase_add_test(t, the_reason_is_also_in_the_log);
	tcase_add_test(t, an_isolated_vm_stops_in_silence);
	tcase_add_test(t, outside_vtl2_the_cpu_check_is_left_out);
	suite_add_tcase(s, t);
	return s;
}
