/*
 * The layout of a VTL2 image (image.h): places the parts, fills the measured
 * pages that the shim reads (common/boot/params.h), and writes the IGVM file.
 * Called by igvm build with the builder's own files.
 */
#include "tools/igvm/layout.h"
#include "common/base/crc32.h"
#include "common/base/err.h"
#include "common/igvm/measure.h"
#include "common/igvm/write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLATFORM_MASK 1u
#define VTL2 2u
#define PARTS_MAX 20
#define MEMORY_MIB_MIN 32u
#define MEMORY_MIB_MAX 2048u /* REQUIRED_MEMORY counts bytes in 32 bits */

/* A range of the image; bytes behind data_bytes are zero. */
struct part {
	const char *name;
	uint64_t at, pages;
	const uint8_t *data; /* NULL: nothing is imported */
	uint64_t data_bytes;
	bool imported; /* the loader fills it: page data, or a parameter */
};

enum area { AREA_SLIT, AREA_PPTT, AREA_DEVICE_TREE, AREA_COUNT };

static const struct {
	uint32_t type, page, pages;
} areas[AREA_COUNT] = {
	[AREA_SLIT] = { IGVM_SLIT, PARAMETER_SLIT_PAGE, PARAMETER_SLIT_PAGES },
	[AREA_PPTT] = { IGVM_PPTT, PARAMETER_PPTT_PAGE, PARAMETER_PPTT_PAGES },
	[AREA_DEVICE_TREE] = { IGVM_DEVICE_TREE, PARAMETER_DEVICE_TREE_PAGE, PARAMETER_DEVICE_TREE_PAGES },
};

struct layout {
	const struct layout_options *options;
	uint64_t base, bytes; /* all of VTL2's memory */
	uint64_t cursor;      /* where the next part goes */
	uint64_t used_end;
	struct part part[PARTS_MAX];
	unsigned part_count;
	struct image_program kernel, shim;
	const struct image_input *initrd;
	uint64_t kernel_at, shim_at, initrd_at, params_at, command_line_at, reserved_at, parameters_at,
		log_at, heap_at, entry_page_at, tables_at;
	uint8_t *tables;
	unsigned table_pages, tables_used;
	uint8_t entry_page[VL_PAGE_BYTES];
	struct shim_params params;
	struct paravisor_command_line command_line;
	struct imported_regions regions;
	struct measured_vtl2_config config;
	struct igvm_vbs_measurement measurement;
};

/* --- Placing ------------------------------------------------------------------------ */

static uint64_t pages_of(uint64_t bytes)
{
	return (bytes + VL_PAGE_BYTES - 1) / VL_PAGE_BYTES;
}

/* Adds a part at `at`; parts are added in ascending order. */
static void add_part(struct layout *l, const char *name, uint64_t at, uint64_t pages, const void *data,
	uint64_t data_bytes)
{
	l->part[l->part_count++] = (struct part){ name, at, pages, data, data_bytes, data != NULL };
}

/* Adds a part at the cursor and moves it on; returns the part's address. */
static uint64_t place(struct layout *l, const char *name, uint64_t pages, const void *data,
	uint64_t data_bytes)
{
	uint64_t at = l->cursor;

	if (pages)
		add_part(l, name, at, pages, data, data_bytes);
	l->cursor += pages * VL_PAGE_BYTES;
	return at;
}

static void place_parameters(struct layout *l)
{
	l->parameters_at = l->cursor;
	for (unsigned i = 0; i < AREA_COUNT; i++) {
		add_part(l, igvm_type_name(areas[i].type), l->parameters_at + areas[i].page * VL_PAGE_BYTES,
			areas[i].pages, NULL, 0);
		l->part[l->part_count - 1].imported = true;
	}
	add_part(l, "imported regions", l->parameters_at + PARAMETER_IMPORTED_REGIONS_PAGE * VL_PAGE_BYTES,
		PARAMETER_IMPORTED_REGIONS_PAGES, &l->regions, sizeof(l->regions));
	add_part(l, "VTL2 configuration", l->parameters_at + PARAMETER_VTL2_CONFIG_PAGE * VL_PAGE_BYTES,
		PARAMETER_VTL2_CONFIG_PAGES, &l->config, sizeof(l->config));
	l->cursor += PARAMETER_REGION_PAGES * VL_PAGE_BYTES;
}

static int place_parts(struct layout *l)
{
	uint64_t end = l->base + l->bytes;

	l->cursor = l->base;
	place(l, "persisted state", SHIM_PERSISTED_BYTES / VL_PAGE_BYTES, NULL, 0);
	l->kernel_at = place(l, "kernel", pages_of(l->kernel.bytes), l->kernel.memory, l->kernel.bytes);
	l->shim_at = place(l, "boot shim", pages_of(l->shim.bytes), l->shim.memory, l->shim.bytes);
	l->initrd_at = place(l, "initrd", pages_of(l->initrd->size), l->initrd->data, l->initrd->size);
	l->entry_page_at = place(l, "entry page", image_port.has_entry_page, l->entry_page, VL_PAGE_BYTES);
	l->params_at = place(l, "shim parameters", 1, &l->params, sizeof(l->params));
	l->command_line_at = place(l, "command line", 1, &l->command_line, sizeof(l->command_line));
	l->reserved_at = place(l, "reserved", image_port.reserved_pages, NULL, 0);
	place_parameters(l);
	l->log_at = place(l, "shim log", SHIM_LOG_PAGES, NULL, 0);
	l->heap_at = place(l, "shim heap", SHIM_HEAP_PAGES, NULL, 0);
	l->used_end = l->cursor;
	l->tables_at = end - l->table_pages * (uint64_t)VL_PAGE_BYTES;
	add_part(l, "page tables", l->tables_at, l->table_pages, l->tables,
		l->table_pages * (uint64_t)VL_PAGE_BYTES);
	if (l->used_end <= l->tables_at)
		return TOOL_OK;
	return tool_fail(TOOL_INVALID,
		"%s: the image takes %llu KiB of its %llu KiB of memory; raise memory_mib",
		l->options->manifest, (unsigned long long)(l->used_end - l->base + end - l->tables_at) >> 10,
		(unsigned long long)l->bytes >> 10);
}

/* --- The measured pages ---------------------------------------------------------------- */

static le64 from_shim(const struct layout *l, uint64_t at)
{
	return cpu_to_le64(at - l->shim_at);
}

static void fill_params(struct layout *l)
{
	struct shim_params *p = &l->params;

	p->kernel_entry_offset = from_shim(l, l->kernel_at + l->kernel.entry);
	p->cmdline_offset = from_shim(l, l->command_line_at);
	p->initrd_offset = from_shim(l, l->initrd_at);
	p->initrd_size = cpu_to_le64(l->initrd->size);
	p->initrd_crc = cpu_to_le32(vl_crc32(0, l->initrd->data, l->initrd->size));
	p->supported_isolation_type = cpu_to_le32(SHIM_ISOLATION_VBS);
	p->memory_start_offset = from_shim(l, l->base);
	p->memory_size = cpu_to_le64(l->bytes);
	p->parameter_region_offset = from_shim(l, l->parameters_at);
	p->parameter_region_size = cpu_to_le64(PARAMETER_REGION_PAGES * VL_PAGE_BYTES);
	p->vtl2_reserved_region_offset = from_shim(l, l->reserved_at);
	p->vtl2_reserved_region_size = cpu_to_le64(image_port.reserved_pages * VL_PAGE_BYTES);
	p->used_start = from_shim(l, l->base);
	p->used_end = from_shim(l, l->used_end);
	p->log_buffer_start = from_shim(l, l->log_at);
	p->log_buffer_size = cpu_to_le64(SHIM_LOG_PAGES * VL_PAGE_BYTES);
	p->heap_start_offset = from_shim(l, l->heap_at);
	p->heap_size = cpu_to_le64(SHIM_HEAP_PAGES * VL_PAGE_BYTES);
	p->persisted_state_region_offset = from_shim(l, l->base);
	p->persisted_state_region_size = cpu_to_le64(SHIM_PERSISTED_BYTES);
}

static void fill_regions(struct layout *l)
{
	struct imported_region *last = NULL;
	unsigned count = 0;

	for (unsigned i = 0; i < l->part_count; i++) {
		const struct part *p = &l->part[i];
		uint64_t page = p->at / VL_PAGE_BYTES;

		if (!p->imported)
			continue;
		if (last && le64_to_cpu(last->base_page) + le64_to_cpu(last->page_count) == page) {
			last->page_count = cpu_to_le64(le64_to_cpu(last->page_count) + p->pages);
			continue;
		}
		last = &l->regions.region[count++];
		*last = (struct imported_region){ .base_page = cpu_to_le64(page),
			.page_count = cpu_to_le64(p->pages), .accepted = 1 };
	}
}

#define PRODUCT_ID 0x4d4c4c56u /* "VLLM" */
#define MODULE_ID 0x00736276u  /* "vbs", as the reference implementation's */

/* All but the digest, which is known when everything else is written. */
static void fill_measurement(struct layout *l)
{
	bool debug = strstr(l->options->command_line, "OPENHCL_CONFIDENTIAL_DEBUG=1");

	l->measurement = (struct igvm_vbs_measurement){ .mask = cpu_to_le32(PLATFORM_MASK),
		.version = cpu_to_le32(IGVM_VBS_MEASUREMENT_VERSION), .product_id = cpu_to_le32(PRODUCT_ID),
		.module_id = cpu_to_le32(MODULE_ID),
		.security_version = cpu_to_le32((uint32_t)l->options->guest_svn),
		.policy = cpu_to_le32(debug ? IGVM_VBS_POLICY_DEBUG : 0),
		.digest_algorithm = cpu_to_le32(IGVM_VBS_DIGEST_SHA256),
		.signing_algorithm = cpu_to_le32(IGVM_VBS_SIGNING_NONE) };
}

static void fill_pages(struct layout *l)
{
	size_t length = strlen(l->options->command_line);

	fill_params(l);
	fill_measurement(l);
	l->command_line.policy = cpu_to_le16(l->options->append_chosen ? COMMAND_LINE_APPEND_CHOSEN :
		COMMAND_LINE_STATIC);
	l->command_line.length = cpu_to_le16((uint16_t)length);
	memcpy(l->command_line.text, l->options->command_line, length);
	l->config.magic = cpu_to_le64(MEASURED_VTL2_CONFIG_MAGIC);
	if (image_port.has_entry_page)
		image_port_entry_page(l->entry_page);
	l->tables_used = image_port_page_tables(l->tables, l->tables_at, l->base, l->bytes);
	fill_regions(l);
}

/* --- Writing ------------------------------------------------------------------------------ */

void image_register(struct igvm_register *reg, uint32_t name, uint64_t value)
{
	*reg = (struct igvm_register){ .vtl = VTL2, .name = name };
	for (size_t i = 0; i < 8; i++)
		reg->value[i] = (uint8_t)(value >> 8 * i);
}

static void write_relocation(const struct layout *l, struct igvm_writer *w)
{
	igvm_write_relocatable(w, &(struct igvm_relocatable){ .mask = PLATFORM_MASK, .vtl = VTL2,
		.flags = image_port.region_flags, .alignment = VL_LARGE_PAGE_BYTES, .gpa = l->base,
		.bytes = l->tables_at - l->base, .minimum = IMAGE_LOWEST, .maximum = IMAGE_HIGHEST });
	igvm_write_page_table_region(w, &(struct igvm_page_table_region){ .mask = PLATFORM_MASK, .vtl = VTL2,
		.gpa = l->tables_at, .bytes = l->table_pages * (uint64_t)VL_PAGE_BYTES,
		.used_bytes = l->tables_used * (uint64_t)VL_PAGE_BYTES });
}

static void write_part(struct igvm_writer *w, const struct part *p)
{
	for (uint64_t page = 0; page < p->pages; page++) {
		uint64_t from = page * VL_PAGE_BYTES;
		uint64_t bytes = from < p->data_bytes ? p->data_bytes - from : 0;

		igvm_write_page(w, p->at + from, PLATFORM_MASK, 0, IGVM_PAGE_NORMAL,
			p->data + (bytes ? from : 0), bytes < VL_PAGE_BYTES ? bytes : VL_PAGE_BYTES);
	}
}

static void write_areas(const struct layout *l, struct igvm_writer *w)
{
	for (unsigned i = 0; i < AREA_COUNT; i++) {
		igvm_write_area(w, i, areas[i].pages * VL_PAGE_BYTES, NULL);
		igvm_write_parameter(w, areas[i].type, i, 0);
		igvm_write_insert(w, l->parameters_at + areas[i].page * VL_PAGE_BYTES, PLATFORM_MASK, i);
	}
}

static void write_context(const struct layout *l, struct igvm_writer *w)
{
	struct igvm_register regs[IMAGE_REGISTERS_MAX];
	struct image_entry entry = { .shim_base = l->shim_at, .shim_entry = l->shim_at + l->shim.entry,
		.params = l->params_at, .tables = l->tables_at, .entry_page = l->entry_page_at };
	unsigned count = image_port_registers(&entry, regs);

	igvm_write_vsm_context(w, PLATFORM_MASK, regs, count);
}

static void write_all(const struct layout *l, struct igvm_writer *w)
{
	igvm_write_platform(w, &(struct igvm_platform){ .mask = PLATFORM_MASK, .highest_vtl = VTL2,
		.type = IGVM_PLATFORM_VSM_ISOLATION, .version = 1 });
	if (!l->options->fixed_base)
		write_relocation(l, w);
	igvm_write_required(w, l->base, PLATFORM_MASK, (uint32_t)l->bytes, IGVM_REQUIRED_VTL2_PROTECTABLE);
	for (unsigned i = 0; i < l->part_count; i++)
		if (l->part[i].data)
			write_part(w, &l->part[i]);
	write_areas(l, w);
	write_context(l, w);
	igvm_write_raw(w, IGVM_VBS_MEASUREMENT, &l->measurement, sizeof(l->measurement));
}

static int write_image(const struct layout *l, struct tool_file *out)
{
	size_t pages = l->bytes / VL_PAGE_BYTES;
	size_t headers = (pages + 64) * IGVM_WRITE_HEADER_MAX + sizeof(l->measurement);
	size_t data = l->bytes + VL_PAGE_BYTES, total = IGVM_FIXED_V2_BYTES + headers + data;
	size_t slots = 2 * pages;
	uint8_t *buffers = malloc(headers + data + slots * sizeof(uint32_t));
	struct igvm_error error = { 0 };
	struct igvm_writer w;
	int status = TOOL_OK;

	out->data = malloc(total);
	if (!buffers || !out->data) {
		status = tool_fail(TOOL_USAGE, "%s: not enough memory for the image", l->options->manifest);
	} else {
		igvm_write_start(&w, buffers + slots * sizeof(uint32_t), headers,
			buffers + slots * sizeof(uint32_t) + headers, data, (uint32_t *)(void *)buffers,
			slots);
		write_all(l, &w);
		if (igvm_write_finish(&w, image_port.igvm_version, image_port.igvm_arch, out->data, total,
			    &out->size, &error))
			status = tool_malformed(l->options->manifest, &error);
	}
	free(buffers);
	return status;
}

/* Once to measure, once with the measurement, which is not part of itself. */
static int write_measured(struct layout *l, struct tool_file *out)
{
	struct igvm_error error = { 0 };
	struct igvm_file file;
	int status = write_image(l, out);

	if (status)
		return status;
	if (igvm_open(&file, out->data, out->size, &error) ||
	    igvm_measure_vbs(&file, PLATFORM_MASK, l->measurement.digest, &error))
		return tool_malformed(l->options->manifest, &error);
	tool_release(out);
	return write_image(l, out);
}

/* --- All -------------------------------------------------------------------------------------- */

static int check_options(const struct layout_options *o)
{
	if (o->memory_mib % 2 || o->memory_mib < MEMORY_MIB_MIN || o->memory_mib > MEMORY_MIB_MAX)
		return tool_fail(TOOL_INVALID, "%s: memory_mib must be even and from %u to %u", o->manifest,
			MEMORY_MIB_MIN, MEMORY_MIB_MAX);
	if (o->fixed_base % VL_LARGE_PAGE_BYTES || o->fixed_base >= IMAGE_HIGHEST - (o->memory_mib << 20))
		return tool_fail(TOOL_INVALID, "%s: base must be a multiple of 2 MiB below 2^47",
			o->manifest);
	return TOOL_OK;
}

static int load_programs(struct layout *l, const struct image_input *kernel, const struct image_input *shim)
{
	int status = image_port_kernel(kernel, &l->kernel);

	if (!status)
		status = image_load_elf(shim, image_port.elf_machine, &l->shim);
	if (status)
		return status;
	l->table_pages = image_port_table_pages(l->bytes);
	l->tables = calloc(l->table_pages, VL_PAGE_BYTES);
	return l->tables ? TOOL_OK : tool_fail(TOOL_USAGE, "%s: not enough memory", l->options->manifest);
}

int layout_build(const struct layout_options *options, const struct image_input *kernel,
	const struct image_input *shim, const struct image_input *initrd, struct tool_file *out)
{
	struct layout *l = calloc(1, sizeof(*l));
	int status = l ? check_options(options) :
		tool_fail(TOOL_USAGE, "%s: not enough memory", options->manifest);

	if (!status) {
		l->options = options;
		l->initrd = initrd;
		l->base = options->fixed_base ? options->fixed_base : IMAGE_DEFAULT_BASE;
		l->bytes = options->memory_mib << 20;
		status = load_programs(l, kernel, shim);
	}
	if (!status)
		status = place_parts(l);
	if (!status) {
		fill_pages(l);
		status = write_measured(l, out);
	}
	if (l) {
		free(l->kernel.memory);
		free(l->shim.memory);
		free(l->tables);
		free(l);
	}
	return status;
}
