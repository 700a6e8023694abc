/*
 * The shim's steps, in order (shim.h). Each checks what it reads before the next
 * uses it; the first that fails ends the boot. Inputs: the measured pages of the
 * image (trusted, checked all the same) and the host's device tree (not trusted).
 */
#include "common/boot/shim.h"
#include "common/base/crc32.h"
#include "common/base/log.h"
#include "common/boot/boot_log.h"
#include "common/boot/isolated.h"
#include "common/boot/own_memory.h"
#include "common/boot/stop.h"
#include "common/hv/hv.h"

#define VSM_CAP_VTL0_ALIAS_MAP (1ull << 29)

static int identify(struct shim *s, struct boot_error *error)
{
	int err = port_isolation(le32_to_cpu(s->params->supported_isolation_type), &s->isolation, error);

	s->filter = (struct filter_context){ .isolation = s->isolation };
	boot_stop_init(!err && filter_keeps(&s->filter, FILTER_BOOT_CRASH));
	if (!err)
		err = image_layout_init(&s->image, s->params, s->base, error);
	if (err)
		return err;
	boot_log_init(boot_memory(gpa(s->image.log.base), s->image.log.size));
	s->time_start = port_reference_time();
	vl_info("boot: image at 0x%llx+0x%llx, isolation %s", (unsigned long long)s->image.memory.base,
		(unsigned long long)s->image.memory.size, isolation_name(s->isolation));
	return 0;
}

static int read_options(struct shim *s, struct boot_error *error)
{
	int err = boot_options_parse(&s->options, boot_memory(gpa(s->image.command_line), VL_PAGE_BYTES),
		error);

	if (err)
		return err;
	s->filter = boot_filter_context(s->isolation, &s->options);
	boot_stop_init(filter_keeps(&s->filter, FILTER_BOOT_CRASH));
	return 0;
}

static int read_host(struct shim *s, struct boot_error *error)
{
	uint64_t at = s->image.parameters.base + PARAMETER_DEVICE_TREE_PAGE * VL_PAGE_BYTES;
	size_t size = PARAMETER_DEVICE_TREE_PAGES * VL_PAGE_BYTES;
	int err;

	s->tree.host_fdt = boot_memory(gpa(at), size);
	err = host_dt_parse(&s->host, s->tree.host_fdt, size, error);
	if (err)
		return err;
	boot_filter(&s->host, &s->filter);
	vl_info("boot: host offers %u CPUs, %u RAM ranges, VMBus %d/%d", s->host.cpu_count, s->host.ram_count,
		s->host.vmbus_vtl0.present, s->host.vmbus_vtl2.present);
	return 0;
}

static int ask_hypervisor(struct shim *s, struct boot_error *error)
{
	uint64_t status;
	int err = port_hypercall_start(error);

	if (!err)
		err = hypercall_get_register(&s->pages, HV_REG_VSM_VP_STATUS, &status, error);
	if (err)
		return err;
	s->in_vtl2 = (status & HV_INPUT_VTL_MASK) == 2;
	if (!s->in_vtl2)
		vl_warn("boot: running in VTL %u, not 2", (unsigned)(status & HV_INPUT_VTL_MASK));
	return 0;
}

/* The GPA bit by which VTL2 sees VTL0's memory again, where the hypervisor has one. */
static int find_alias_map(struct shim *s, struct boot_error *error)
{
	uint64_t capabilities;
	int err;

	if (s->isolation > ISOLATION_VBS || !s->in_vtl2)
		return 0;
	err = hypercall_get_register(&s->pages, HV_REG_VSM_CAPABILITIES, &capabilities, error);
	if (err)
		return err;
	s->tree.alias_map_present = capabilities & VSM_CAP_VTL0_ALIAS_MAP;
	s->tree.alias_map = s->host.alias_map_present ? s->host.alias_map : 1ull << (port_address_bits() - 1);
	return 0;
}

static int check_cpus(struct shim *s, struct boot_error *error)
{
	int err;

	if (s->isolation > ISOLATION_VBS || !s->in_vtl2)
		return 0;
	err = hypercall_check_cpus(&s->pages, &s->host, error);
	return err ? err : port_prepare_cpus(s->pages.input, s->host.cpu_count, error);
}

static int plan_memory(struct shim *s, struct boot_error *error)
{
	int err = boot_plan_make(&s->plan, &s->host, &s->image, error);

	for (unsigned i = 0; !err && i < s->plan.ram_count; i++)
		vl_info("boot: VTL2 RAM 0x%llx+0x%llx node %u", (unsigned long long)s->plan.ram[i].range.base,
			(unsigned long long)s->plan.ram[i].range.size, s->plan.ram[i].numa_node);
	return err;
}

/*
 * The descriptors hold the file's addresses. The first region of an image is the
 * kernel, right behind the persisted state at the start of its memory.
 */
static uint64_t distance_moved(const struct shim *s, const struct imported_regions *regions)
{
	return s->image.memory.base + s->image.persisted.size -
			le64_to_cpu(regions->region[0].base_page) * VL_PAGE_BYTES;
}

/* Not for a VM whose host is trusted: there servicing changes memory for good reasons. */
static int secure_memory(struct shim *s, struct boot_error *error)
{
	const struct imported_regions *regions = boot_memory(
		gpa(s->image.parameters.base + PARAMETER_IMPORTED_REGIONS_PAGE * VL_PAGE_BYTES),
		sizeof(*regions));
	uint64_t moved = distance_moved(s, regions);
	int err;

	if (s->isolation == ISOLATION_NONE)
		return 0;
	err = isolated_check_regions(regions, moved, &s->plan.map, error);
	if (!err && s->in_vtl2)
		err = isolated_take_memory(&s->pages, regions, moved, &s->plan, error);
	return err ? err : isolated_verify_regions(regions, moved, error);
}

static int verify_initrd(struct shim *s, struct boot_error *error)
{
	const struct boot_range *initrd = &s->image.initrd;
	uint32_t crc = vl_crc32(0, boot_memory(gpa(initrd->base), initrd->size), initrd->size);

	if (crc != s->image.initrd_crc)
		return boot_fail(error, VL_E_CHECKSUM,
			"initrd at 0x%llx+0x%llx: CRC-32 0x%x, the image says 0x%x",
			(unsigned long long)initrd->base, (unsigned long long)initrd->size, crc,
			s->image.initrd_crc);
	return 0;
}

static int write_command_line(struct shim *s, struct boot_error *error)
{
	struct kernel_command_line line = {
		.isolated = s->isolation != ISOLATION_NONE,
		.debug = s->filter.debug,
		.console = port_console(&s->host.platform),
		.options = &s->options,
		.host_bootargs = s->host.bootargs,
	};

	return kernel_command_line_write(s->command_line, sizeof(s->command_line), &line, error);
}

static int write_tree(struct shim *s, struct boot_error *error)
{
	s->handoff = (struct boot_handoff){
		.kernel_entry = s->image.kernel_entry,
		.initrd = s->image.initrd,
		.command_line = s->command_line,
		.fdt = s->fdt,
		.host = &s->host,
		.map = &s->plan.map,
	};
	s->tree.handoff = &s->handoff;
	s->tree.plan = &s->plan;
	s->tree.filter = s->filter;
	s->tree.time_start = s->time_start;
	s->tree.time_end = port_reference_time();
	return vtl2_dt_write(s->fdt, sizeof(s->fdt), &s->tree, error);
}

static int finish(struct shim *s, struct boot_error *error)
{
	int err = port_prepare_handoff(&s->handoff, error);

	if (!err)
		err = boot_check_stack(error);
	if (err)
		return err;
	vl_info("boot: kernel entry 0x%llx", (unsigned long long)s->image.kernel_entry);
	port_hypercall_stop();
	return 0;
}

void shim_main(struct shim *shim, const struct shim_params *params, uint64_t base)
{
	static int (*const steps[])(struct shim *, struct boot_error *) = {
		identify, read_options, read_host, ask_hypervisor, find_alias_map, check_cpus, plan_memory,
		secure_memory, verify_initrd, write_command_line, write_tree, finish,
	};
	struct boot_error error;

	shim->params = params;
	shim->base = base;
	for (size_t i = 0; i < VL_ARRAY_COUNT(steps); i++)
		if (steps[i](shim, &error))
			boot_stop(&error, 0);
	port_handoff(&shim->handoff);
}
