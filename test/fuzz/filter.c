/*
 * An isolated VM under a host that lies. The input is a script that flips, sets
 * and removes what is not measured: the host's device tree, the pages that the
 * loader does not fill, the platform settings. Invariant: what VTL2 ends up with
 * is never weaker than with a host that says nothing, and never a crash; a boot
 * that stops, in silence, is not weaker.
 *
 * Script: byte 0 the isolation (VBS, SNP, TDX), then operations until the input
 * ends: 0 flip, 1 set a property, 2 remove a property, 3 add a node, 4 remove a
 * node, 5 fill unmeasured memory, 6 settings (the rest of the input).
 */
#include "common/base/bytes.h"
#include "common/get/dps.h"
#include "common/hv/hv.h"
#include "test/port/boot/machine.c"

#include <libfdt.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TREE_BYTES (PARAMETER_DEVICE_TREE_PAGES * VL_PAGE_BYTES)
#define OPERATIONS_MAX 40
#define HOLDS(x) do { if (!(x)) { fprintf(stderr, "weaker: %s\n", #x); abort(); } } while (0)

/* --- A sound host ------------------------------------------------------------------------------ */

static const char *const places[] = { "/", "/cpus", "/cpus/cpu@1", "/memory@0", "/memory@20000000", "/bus",
	"/bus/vmbus-vtl0", "/bus/vmbus-vtl2", "/chosen", "/openhcl", "/openhcl/entropy", "/vallum",
	"/vallum/guest", "/pio", "/pio/serial" };
static const char *const names[] = { "bootargs", "reg", "status", "numa-node-id", "microsoft,igvm-type",
	"memory-allocation-mode", "memory-size", "mmio-size", "vtl0-alias-map", "ranges", "compatible",
	"microsoft,vtl", "microsoft,message-connection-id", "#address-cells", "kernel", "initrd",
	"disk-count",
	"isolation-type", "vallum,confidential-debug", "device_type", "current-speed" };

static void text(void *t, const char *path, const char *name, const char *value)
{
	HOLDS(!fdt_setprop_string(t, fdt_path_offset(t, path), name, value));
}

static void number(void *t, const char *path, const char *name, uint32_t value)
{
	HOLDS(!fdt_setprop_u32(t, fdt_path_offset(t, path), name, value));
}

static void numbers(void *t, const char *path, const char *name, const uint64_t *values, unsigned count)
{
	fdt64_t cells[8];

	for (unsigned i = 0; i < count; i++)
		cells[i] = cpu_to_fdt64(values[i]);
	HOLDS(!fdt_setprop(t, fdt_path_offset(t, path), name, cells, (int)(count * sizeof(cells[0]))));
}

static void add_nodes(void *t)
{
	for (size_t i = 1; i < VL_ARRAY_COUNT(places); i++) {
		char parent[64];
		const char *slash = strrchr(places[i], '/');

		snprintf(parent, sizeof(parent), "%.*s", slash == places[i] ? 1 : (int)(slash - places[i]),
				places[i]);
		HOLDS(fdt_add_subnode(t, fdt_path_offset(t, parent), slash + 1) >= 0);
	}
}

static void add_memory(void *t, const char *path, uint64_t base, uint64_t size, uint32_t type)
{
	text(t, path, "device_type", "memory");
	numbers(t, path, "reg", (const uint64_t[]){ base, size }, 2);
	number(t, path, "numa-node-id", 0);
	number(t, path, "microsoft,igvm-type", type);
}

static void add_vmbus(void *t, const char *path, uint32_t vtl, const uint64_t *ranges, unsigned count)
{
	text(t, path, "compatible", "microsoft,vmbus");
	number(t, path, "#address-cells", 2);
	number(t, path, "#size-cells", 2);
	number(t, path, "microsoft,vtl", vtl);
	number(t, path, "microsoft,message-connection-id", vtl ? 4 : 1);
	numbers(t, path, "ranges", ranges, count);
}

static void make_tree(void *t)
{
	HOLDS(!fdt_create_empty_tree(t, TREE_BYTES));
	add_nodes(t);
	number(t, "/cpus", "#address-cells", 1);
	number(t, "/cpus/cpu@1", "reg", 0);
	number(t, "/cpus/cpu@1", "numa-node-id", 0);
	text(t, "/cpus/cpu@1", "status", "okay");
	add_memory(t, "/memory@0", 0, 0x20000000, 0);
	add_memory(t, "/memory@20000000", 0x20000000, 0x4000000, 3);
	text(t, "/bus", "compatible", "simple-bus");
	add_vmbus(t, "/bus/vmbus-vtl0", 0,
		(const uint64_t[]){ 0xc0000000, 0xc0000000, 0x10000000, 0x1000000000,
		0x1000000000, 0x80000000 }, 6);
	add_vmbus(t, "/bus/vmbus-vtl2", 2, NULL, 0);
	text(t, "/openhcl", "memory-allocation-mode", "host");
	text(t, "/openhcl/entropy", "reg", "entropy");
	numbers(t, "/vallum/guest", "kernel", (const uint64_t[]){ 0x1000000, 0x800000 }, 2);
}

/* --- The script ---------------------------------------------------------------------------------- */

static int some_node(void *t, struct vl_reader *r)
{
	return fdt_path_offset(t, places[vl_read_u8(r) % VL_ARRAY_COUNT(places)]);
}

static void fill_unmeasured(struct vl_reader *r)
{
	static const struct { uint64_t at, bytes; } areas[] = {
		{ MACHINE_PARAMETERS, PARAMETER_DEVICE_TREE_PAGE * VL_PAGE_BYTES },
		{ MACHINE_BASE, SHIM_PERSISTED_BYTES },
		{ MACHINE_LOG, SHIM_LOG_BYTES },
	};
	unsigned n = vl_read_u8(r) % VL_ARRAY_COUNT(areas);

	memset(machine_at(areas[n].at), vl_read_u8(r), areas[n].bytes);
}

/* One change; libfdt's refusals (no such node, no room) are part of the game. */
static void operate(void *t, struct vl_reader *r)
{
	unsigned operation = vl_read_u8(r) % 6;
	const char *name = names[vl_read_u8(r) % VL_ARRAY_COUNT(names)];
	size_t size, at;
	const uint8_t *value;

	switch (operation) {
	case 0:
		at = vl_read_le32(r) % fdt_totalsize(t);
		if (at >= sizeof(struct fdt_header))
			((uint8_t *)t)[at] ^= vl_read_u8(r);
		break;
	case 1:
		at = (size_t)some_node(t, r);
		size = vl_read_u8(r) % 64;
		value = vl_read_view(r, size);
		if (value)
			(void)fdt_setprop(t, (int)at, name, value, (int)size);
		break;
	case 2:
		(void)fdt_delprop(t, some_node(t, r), name);
		break;
	case 3:
		(void)fdt_add_subnode(t, some_node(t, r), name);
		break;
	case 4:
		(void)fdt_del_node(t, some_node(t, r));
		break;
	case 5:
		fill_unmeasured(r);
		break;
	}
}

/* --- What must hold -------------------------------------------------------------------------------- */

static char expected_line[PORT_KERNEL_COMMAND_LINE_MAX];

static bool has(const char *path, const char *name)
{
	int node = fdt_path_offset(machine.shim.fdt, path);

	return node >= 0 && fdt_getprop(machine.shim.fdt, node, name, NULL);
}

static void check_tree(enum isolation isolation)
{
	const void *t = machine.shim.fdt;
	int node = fdt_path_offset(t, "/openhcl"), vallum = fdt_path_offset(t, "/vallum"), at, child, length;
	const fdt64_t *alias = fdt_getprop(t, node, "vtl0-alias-map", &length);

	HOLDS(!fdt_check_full(t, sizeof(machine.shim.fdt)));
	HOLDS(!strcmp(fdt_getprop(t, node, "isolation-type", NULL), isolation_name(isolation)));
	HOLDS(!has("/openhcl", "vallum,confidential-debug"));
	HOLDS(!alias || (isolation == ISOLATION_VBS && fdt64_ld(alias) == 1ull << 39));
	if (vallum < 0)
		return;
	HOLDS(fdt_first_property_offset(t, vallum) < 0);
	fdt_for_each_subnode(child, t, vallum) {
		fdt_for_each_property_offset(at, t, child) {
			const char *name;

			fdt_getprop_by_offset(t, at, &name, NULL);
			HOLDS(!strcmp(name, "disk-count") ||
				(isolation == ISOLATION_VBS && (!strcmp(name, "kernel") ||
				!strcmp(name, "initrd") || !strcmp(name, "bootargs"))));
		}
	}
}

/* VTL2's memory is VTL2's alone: every page of it taken exactly once, nothing of it the guest's. */
static void check_memory(enum isolation isolation)
{
	const struct boot_plan *plan = &machine.shim.plan;
	uint64_t pages = 0, taken = machine.pages_outside, end = 0;

	for (unsigned i = 0; i < plan->ram_count; i++)
		pages += plan->ram[i].range.size / VL_PAGE_BYTES;
	for (size_t i = 0; i < VL_ARRAY_COUNT(machine.page_state); i++)
		taken += machine.page_state[i] != MACHINE_PAGE_UNTOUCHED;
	HOLDS(pages >= MACHINE_BYTES / VL_PAGE_BYTES);
	HOLDS(pages == taken);
	HOLDS(machine.partition_config & HV_VSM_CONFIG_ENABLE_VTL_PROTECTION);
	HOLDS(isolation == ISOLATION_VBS || pages == MACHINE_BYTES / VL_PAGE_BYTES);
	for (unsigned i = 0; i < plan->map.count; i++) {
		const struct memory_range *r = &plan->map.range[i];

		HOLDS(r->range.base >= end);
		end = r->range.base + r->range.size;
		HOLDS(memory_is_vtl2(r->type) ||
			!vl_ranges_overlap(r->range.base, r->range.size, MACHINE_BASE, MACHINE_BYTES));
	}
	for (unsigned i = 0; i < plan->vtl2_mmio_count; i++)
		HOLDS(plan->vtl2_mmio[i].size >= VTL2_MMIO_LEAST &&
				plan->vtl2_mmio[i].size <= VTL2_MMIO_MOST);
}

static void check_settings(enum isolation isolation, const uint8_t *json, size_t size)
{
	const struct filter_context context = { .isolation = isolation };
	static struct dps_settings s;
	size_t offset;

	if (dps_decode((const char *)json, size, &s, &offset))
		return;
	filter_settings(&context, &s);
	HOLDS(s.secure_boot_enabled && s.measure_additional_pcrs && !s.disable_sha384_pcr);
	HOLDS(!s.com1.debugger_mode && !s.com2.debugger_mode && !s.com1.enable_vmbus_redirector);
	HOLDS(!s.enable_firmware_debugging && !s.enable_hibernation && !s.enable_processor_idle);
	HOLDS(!s.legacy_memory_map && !s.default_boot_always_attempt && !s.firmware_mode_is_pcat &&
			!s.enable_psp);
	HOLDS(!s.always_relay_host_mmio && !s.is_servicing_scenario && !s.management_vtl_features);
	HOLDS(!strcmp(s.guest_state_encryption_policy, "Auto") && !strcmp(s.guest_state_lifetime, "Default"));
	HOLDS(!strcmp(s.hardware_sealing_policy_id, "None"));
}

static void begin(enum isolation isolation)
{
	machine_init();
	machine.isolation = isolation;
	machine.capabilities = 1ull << 29;
}

static void drop(void *t, const char *path, const char *name)
{
	int node = fdt_path_offset(t, path);

	if (node >= 0 && fdt_getprop(t, node, name, NULL))
		HOLDS(!fdt_setprop(t, node, name, NULL, 0) &&
				(!strcmp(name, "ranges") || !fdt_delprop(t, node, name)));
}

/* A host that says the same, but nothing of what is dropped: VTL2 has the same memory and devices. */
static void check_dropped(enum isolation isolation, const uint8_t *tree)
{
	static struct boot_plan before;

	before = machine.shim.plan;
	begin(isolation);
	memcpy(machine_host_tree(), tree, TREE_BYTES);
	drop(machine_host_tree(), "/chosen", "bootargs");
	drop(machine_host_tree(), "/openhcl", "vtl0-alias-map");
	drop(machine_host_tree(), "/openhcl", "mmio-size");
	drop(machine_host_tree(), "/bus/vmbus-vtl2", "ranges");
	machine_boot();
	HOLDS(machine.end == MACHINE_ENTERED_KERNEL);
	HOLDS(machine.shim.plan.vtl2_mmio_count == before.vtl2_mmio_count);
	HOLDS(!memcmp(machine.shim.plan.vtl2_mmio, before.vtl2_mmio, sizeof(before.vtl2_mmio)));
	HOLDS(machine.shim.plan.ram_count == before.ram_count);
	HOLDS(!memcmp(machine.shim.plan.ram, before.ram, sizeof(before.ram)));
	HOLDS(!strcmp(machine.shim.command_line, expected_line));
}

static void prepare(enum isolation isolation)
{
	static uint8_t sound_tree[TREE_BYTES];

	begin(isolation);
	if (!sound_tree[0])
		make_tree(sound_tree);
	memcpy(machine_host_tree(), sound_tree, sizeof(sound_tree));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t tree[TREE_BYTES];
	struct vl_reader r;
	enum isolation isolation;

	vl_reader_init(&r, data, size);
	isolation = ISOLATION_VBS + vl_read_u8(&r) % 3;
	if (!expected_line[0]) {
		prepare(isolation);
		machine_boot();
		HOLDS(machine.end == MACHINE_ENTERED_KERNEL);
		memcpy(expected_line, machine.shim.command_line, sizeof(expected_line));
	}
	prepare(isolation);
	for (unsigned i = 0; i < OPERATIONS_MAX && vl_reader_left(&r); i++) {
		if (data[r.pos] == 6) {
			check_settings(isolation, data + r.pos + 1, vl_reader_left(&r) - 1);
			break;
		}
		operate(machine_host_tree(), &r);
	}
	memcpy(tree, machine_host_tree(), TREE_BYTES);
	machine_boot();
	HOLDS(!machine.crash_reported);
	if (machine.end != MACHINE_ENTERED_KERNEL)
		return 0;
	HOLDS(!strcmp(machine.shim.command_line, expected_line));
	check_tree(isolation);
	check_memory(isolation);
	check_dropped(isolation, tree);
	return 0;
}
