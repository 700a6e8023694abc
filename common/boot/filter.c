/* What isolation drops of the host's configuration (filter.h). Input: a decoded tree of an untrusted host. */
#include "common/boot/filter.h"

#include <string.h>

struct filter_context boot_filter_context(enum isolation isolation, const struct boot_options *options)
{
	return (struct filter_context){ .isolation = isolation,
		.debug = isolation != ISOLATION_NONE && options->confidential_debug };
}

static void drop_bootargs(struct host_dt *host)
{
	host->bootargs[0] = '\0';
}

/* What was to be VTL2's is the guest's then; the image's own range is taken in any case. */
static void drop_vtl2_memory(struct host_dt *host)
{
	for (unsigned i = 0; i < host->ram_count; i++)
		if (host->ram[i].igvm_type == IGVM_MEMORY_VTL2_PROTECTABLE)
			host->ram[i].igvm_type = IGVM_MEMORY;
}

static void drop_vtl2_memory_size(struct host_dt *host)
{
	host->allocation = HOST_ALLOCATES;
	host->memory_size = 0;
}

static void drop_vtl2_mmio(struct host_dt *host)
{
	memset(&host->vmbus_vtl2.mmio, 0, sizeof(host->vmbus_vtl2.mmio));
	host->vmbus_vtl2.mmio_count = 0;
}

static void drop_vtl2_mmio_size(struct host_dt *host)
{
	host->mmio_size = 0;
}

static void drop_alias_map(struct host_dt *host)
{
	host->alias_map_present = false;
}

static void drop_entropy(struct host_dt *host)
{
	memset(host->entropy, 0, sizeof(host->entropy));
	host->entropy_size = 0;
}

static void drop_console(struct host_dt *host)
{
	host->platform.serial = false;
}

static const struct {
	enum filter_item item;
	void (*drop)(struct host_dt *host);
} steps[] = {
	{ FILTER_BOOTARGS, drop_bootargs },
	{ FILTER_VTL2_MEMORY, drop_vtl2_memory },
	{ FILTER_VTL2_MEMORY_SIZE, drop_vtl2_memory_size },
	{ FILTER_VTL2_MMIO, drop_vtl2_mmio },
	{ FILTER_VTL2_MMIO_SIZE, drop_vtl2_mmio_size },
	{ FILTER_ALIAS_MAP, drop_alias_map },
	{ FILTER_ENTROPY, drop_entropy },
	{ FILTER_CONSOLE, drop_console },
};

void boot_filter(struct host_dt *host, const struct filter_context *context)
{
	for (size_t i = 0; i < VL_ARRAY_COUNT(steps); i++)
		if (!filter_keeps(context, steps[i].item))
			steps[i].drop(host);
}

enum filter_item boot_filter_vallum(const char *child, const char *property)
{
	static const struct {
		const char *property;
		enum filter_item item;
	} known[] = {
		{ "kernel", FILTER_GUEST_FILES },
		{ "initrd", FILTER_GUEST_FILES },
		{ "bootargs", FILTER_GUEST_BOOTARGS },
		{ "disk-count", FILTER_GUEST_DISKS },
	};

	for (size_t i = 0; !strcmp(child, "guest") && i < VL_ARRAY_COUNT(known); i++)
		if (!strcmp(property, known[i].property))
			return known[i].item;
	return FILTER_VALLUM_OTHER;
}
