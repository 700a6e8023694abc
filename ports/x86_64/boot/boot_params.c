/* Builds what the VTL2 kernel reads at its 64-bit entry (boot_params.h); called by the handoff. */
#include "ports/x86_64/boot/boot_params.h"

#include <libfdt.h>
#include <string.h>

static uint64_t address(const void *p)
{
	return (uintptr_t)p;
}

/* The n-th entry of the map: the zero page holds the first BOOT_E820_MAX. */
static struct e820_entry *entry_at(struct kernel_params *out, unsigned n)
{
	return n < BOOT_E820_MAX ? &out->zero_page.e820_table[n] : &out->more.entry[n - BOOT_E820_MAX];
}

static unsigned fill_e820(struct kernel_params *out, const struct memory_map *map)
{
	unsigned count = 0;

	for (unsigned i = 0; i < map->count; i++) {
		const struct memory_range *r = &map->range[i];
		uint32_t type = r->type == BOOT_MEMORY_VTL2_RAM ? E820_RAM : E820_RESERVED;
		struct e820_entry *last = count ? entry_at(out, count - 1) : NULL;

		if (!memory_is_vtl2(r->type))
			continue;
		if (last && le32_to_cpu(last->type) == type &&
		    le64_to_cpu(last->base) + le64_to_cpu(last->size) == r->range.base) {
			last->size = cpu_to_le64(le64_to_cpu(last->size) + r->range.size);
			continue;
		}
		*entry_at(out, count++) = (struct e820_entry){ cpu_to_le64(r->range.base),
			cpu_to_le64(r->range.size), cpu_to_le32(type) };
	}
	return count;
}

/* Puts `data` at the head of the chain. */
static void chain(struct kernel_params *out, struct setup_data *data, enum setup_data_type type,
	size_t length)
{
	*data = (struct setup_data){ out->zero_page.setup_data, cpu_to_le32(type),
		cpu_to_le32((uint32_t)length) };
	out->zero_page.setup_data = cpu_to_le64(address(data));
}

static void fill_header(struct boot_params *p, const struct boot_handoff *handoff)
{
	uint64_t line = address(handoff->command_line), initrd = handoff->initrd.base;

	p->boot_flag = cpu_to_le16(BOOT_FLAG);
	p->header = cpu_to_le32(BOOT_HEADER_MAGIC);
	p->version = cpu_to_le16(BOOT_PROTOCOL);
	p->type_of_loader = BOOT_LOADER_OTHER;
	/* Not a PC: Linux then leaves alone where a PC has its BIOS data, which here is VTL0's memory. */
	p->hardware_subarch = cpu_to_le32(BOOT_SUBARCH_LGUEST);
	p->cmd_line_ptr = cpu_to_le32((uint32_t)line);
	p->ext_cmd_line_ptr = cpu_to_le32((uint32_t)(line >> 32));
	p->cmdline_size = cpu_to_le32(PORT_KERNEL_COMMAND_LINE_MAX - 1);
	p->ramdisk_image = cpu_to_le32((uint32_t)initrd);
	p->ext_ramdisk_image = cpu_to_le32((uint32_t)(initrd >> 32));
	p->ramdisk_size = cpu_to_le32((uint32_t)handoff->initrd.size);
}

int kernel_params_fill(struct kernel_params *out, const struct boot_handoff *handoff,
	struct boot_error *error)
{
	unsigned count;

	if (handoff->initrd.size > UINT32_MAX)
		return boot_fail(error, VL_E_LIMIT, "initrd: 0x%llx bytes, at most 4 GiB",
			(unsigned long long)handoff->initrd.size);
	memset(out, 0, sizeof(*out));
	fill_header(&out->zero_page, handoff);
	count = fill_e820(out, handoff->map);
	out->zero_page.e820_entries = (uint8_t)(count > BOOT_E820_MAX ? BOOT_E820_MAX : count);
	if (count > BOOT_E820_MAX)
		chain(out, &out->more.header, SETUP_E820_EXT,
			(count - BOOT_E820_MAX) * sizeof(struct e820_entry));
	chain(out, (struct setup_data *)((uint8_t *)handoff->fdt - sizeof(struct setup_data)), SETUP_DTB,
		fdt_totalsize(handoff->fdt));
	return 0;
}
