/*
 * Building a VTL2 image (tools/igvm/layout.h): the finished file is loaded as a
 * host would, and what the boot shim reads is looked up in the loaded memory. The
 * programs in it are made here, in the form that the port's kernel has.
 */
#include "common/base/crc32.h"
#include "common/base/err.h"
#include "common/igvm/load.h"
#include "test/unit/igvm/sample.h"
#include "tools/igvm/layout.h"

#include <check.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Suite *suite_igvm_image(void);

#define BASE IMAGE_DEFAULT_BASE
#define MIB (1ull << 20)
#define MEMORY_BYTES (64 * MIB)
#define KERNEL_TEXT_BYTES 0x5123u
#define KERNEL_MEMORY_BYTES 0x300000u
#define SHIM_TEXT_BYTES 0x2345u
#define SHIM_ENTRY 0x1010u

struct program {
	uint8_t bytes[0x8000];
	size_t size;
};

/* An ELF program of one segment at physical address `at`, filled with `fill`. */
static void make_elf(struct program *p, uint64_t at, uint64_t entry, uint32_t file_bytes,
	uint32_t memory_bytes, int fill)
{
	Elf64_Ehdr head = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_DYN, .e_machine = image_port.elf_machine, .e_version = EV_CURRENT,
		.e_entry = entry, .e_phoff = sizeof(head),
		.e_ehsize = sizeof(head), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2 };
	Elf64_Phdr segments[2] = { { .p_type = PT_NOTE, .p_offset = 1ull << 60, .p_filesz = 1 },
		{ .p_type = PT_LOAD, .p_offset = 0x1000, .p_paddr = at, .p_vaddr = at, .p_filesz = file_bytes,
			.p_memsz = memory_bytes } };

	memset(p, 0, sizeof(*p));
	memcpy(p->bytes, &head, sizeof(head));
	memcpy(p->bytes + sizeof(head), segments, sizeof(segments));
	memset(p->bytes + 0x1000, fill, file_bytes);
	p->size = 0x1000 + file_bytes;
}

/* The tool's complaints belong to these tests (each runs in a process of its own). */
static void quiet(void)
{
	ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
}

/* The kernel: an ELF program, or a kernel Image where the port refuses that. */
static void make_kernel(struct program *p)
{
	struct image_program loaded = { NULL };
	static const le64 head[8] = { [2] = (VL_FORCE le64)(uint64_t)KERNEL_MEMORY_BYTES,
		[7] = (VL_FORCE le64)(uint64_t)0x644d5241 };
	struct image_input input = { p->bytes, 0, "kernel" };
	int silenced, err;

	make_elf(p, 0x1000000, 0x1000000, KERNEL_TEXT_BYTES, KERNEL_MEMORY_BYTES, 'k');
	input.size = p->size;
	silenced = dup(STDERR_FILENO);
	quiet();
	err = image_port_kernel(&input, &loaded);
	fflush(stderr);
	dup2(silenced, STDERR_FILENO);
	close(silenced);
	if (err) {
		memset(p->bytes, 'k', KERNEL_TEXT_BYTES);
		memcpy(p->bytes, head, sizeof(head));
		p->size = KERNEL_TEXT_BYTES;
	}
	free(loaded.memory);
}

struct inputs {
	struct program kernel, shim;
	uint8_t initrd[10000];
};

static int build(const struct layout_options *options, struct inputs *in, struct tool_file *out)
{
	struct image_input kernel, shim, initrd = { in->initrd, sizeof(in->initrd), "initrd" };

	make_kernel(&in->kernel);
	make_elf(&in->shim, 0, SHIM_ENTRY, SHIM_TEXT_BYTES, 0x9000, 's');
	memset(in->initrd, 'i', sizeof(in->initrd));
	kernel = (struct image_input){ in->kernel.bytes, in->kernel.size, "kernel" };
	shim = (struct image_input){ in->shim.bytes, in->shim.size, "shim" };
	*out = (struct tool_file){ NULL, 0 };
	return layout_build(options, &kernel, &shim, &initrd, out);
}

/* --- The loaded image ----------------------------------------------------------------- */

struct machine {
	uint64_t base;
	uint8_t *ram;
	uint8_t *filled; /* one byte a page: how often it was placed */
	uint64_t pc, params_distance;
};

static uint8_t *machine_memory(void *context, gpa_t at, uint64_t bytes)
{
	struct machine *m = context;

	return gpa_raw(at) >= m->base && vl_within(gpa_raw(at) - m->base, bytes, MEMORY_BYTES) ?
		m->ram + (gpa_raw(at) - m->base) : NULL;
}

static int machine_parameter(void *context, uint32_t kind, uint8_t *out, size_t room)
{
	out[0] = (uint8_t)kind;
	out[room - 1] = (uint8_t)kind;
	return 0;
}

static int machine_placed(void *context, gpa_t at, uint64_t bytes, uint32_t flags)
{
	struct machine *m = context;

	for (uint64_t i = 0; i < bytes; i += VL_PAGE_BYTES)
		m->filled[(gpa_raw(at) + i - m->base) / VL_PAGE_BYTES]++;
	return 0;
}

/* The parameters' distance is the only value of a register that lies between 1 and 64 MiB page-aligned. */
static int machine_register(void *context, uint16_t vp_index, const struct igvm_register *reg)
{
	struct machine *m = context;
	uint64_t value;

	memcpy(&value, reg->value, 8);
	if (reg->name == igvm_arch.reg_pc)
		m->pc = value;
	else if (value && value < MEMORY_BYTES && value % VL_PAGE_BYTES == 0)
		m->params_distance = value;
	return 0;
}

static const struct igvm_load_ops ops = { .memory = machine_memory, .parameter = machine_parameter,
	.page_placed = machine_placed, .vp_register = machine_register };

static void load_at(struct machine *m, const struct tool_file *image, uint64_t base)
{
	struct igvm_platform platform;
	struct igvm_region region;
	struct igvm_file file;

	*m = (struct machine){ .base = base, .ram = malloc(MEMORY_BYTES),
		.filled = calloc(1, MEMORY_BYTES / VL_PAGE_BYTES) };
	ck_assert(m->ram && m->filled);
	ck_assert_int_eq(igvm_open(&file, image->data, image->size, NULL), VL_OK);
	ck_assert_int_eq(igvm_find_platform(&file, IGVM_PLATFORM_VSM_ISOLATION, &platform), VL_OK);
	ck_assert_int_eq(igvm_vtl2_region(&file, platform.mask, &region), VL_OK);
	ck_assert_uint_eq(region.bytes, MEMORY_BYTES);
	ck_assert_int_eq(igvm_load(&file, &(struct igvm_load){ .mask = platform.mask,
		.delta = base - gpa_raw(region.gpa), .ops = &ops, .context = m }, NULL), VL_OK);
}

static void unload(struct machine *m)
{
	free(m->ram);
	free(m->filled);
}

/* Memory at a distance from the shim's base, which the entry point gives away. */
static uint8_t *at(const struct machine *m, int64_t distance, uint64_t bytes)
{
	uint64_t address = m->pc - SHIM_ENTRY + (uint64_t)distance;

	ck_assert(address >= m->base && vl_within(address - m->base, bytes, MEMORY_BYTES));
	return m->ram + (address - m->base);
}

static const struct shim_params *params_of(const struct machine *m)
{
	return (const void *)at(m, (int64_t)m->params_distance, sizeof(struct shim_params));
}

static const struct layout_options relocatable = { .manifest = "test", .memory_mib = 64,
	.command_line = "quiet more=1", .append_chosen = true };

/* --- Tests ------------------------------------------------------------------------------ */

START_TEST(the_shim_finds_every_part_from_its_parameters)
{
	static const uint64_t bases[] = { BASE, BASE + 256 * MIB, 2 * MIB };
	const struct paravisor_command_line *line;
	const struct shim_params *p;
	struct tool_file image;
	struct inputs in;
	struct machine m;
	const uint8_t *kernel;

	ck_assert_int_eq(build(&relocatable, &in, &image), TOOL_OK);
	load_at(&m, &image, bases[_i]);
	p = params_of(&m);
	kernel = at(&m, shim_offset(p->kernel_entry_offset), KERNEL_MEMORY_BYTES);
	ck_assert_uint_eq((uint64_t)(kernel - m.ram) % VL_LARGE_PAGE_BYTES, 0);
	ck_assert(kernel[KERNEL_TEXT_BYTES - 1] == 'k' && kernel[KERNEL_TEXT_BYTES] == 0);
	ck_assert_uint_eq(kernel[KERNEL_MEMORY_BYTES - 1], 0);
	ck_assert(*at(&m, SHIM_TEXT_BYTES - 1, 1) == 's' && *at(&m, SHIM_TEXT_BYTES, 1) == 0);
	ck_assert_uint_eq(le64_to_cpu(p->initrd_size), sizeof(in.initrd));
	ck_assert_mem_eq(at(&m, shim_offset(p->initrd_offset), sizeof(in.initrd)), in.initrd,
		sizeof(in.initrd));
	ck_assert_uint_eq(le32_to_cpu(p->initrd_crc), vl_crc32(0, in.initrd, sizeof(in.initrd)));
	line = (const void *)at(&m, shim_offset(p->cmdline_offset), VL_PAGE_BYTES);
	ck_assert_uint_eq(le16_to_cpu(line->policy), COMMAND_LINE_APPEND_CHOSEN);
	ck_assert_uint_eq(le16_to_cpu(line->length), strlen(relocatable.command_line));
	ck_assert_mem_eq(line->text, "quiet more=1\0", 13);
	ck_assert_ptr_eq(at(&m, shim_offset(p->memory_start_offset), MEMORY_BYTES), m.ram);
	ck_assert_uint_eq(le64_to_cpu(p->memory_size), MEMORY_BYTES);
	ck_assert_uint_eq(le32_to_cpu(p->supported_isolation_type), SHIM_ISOLATION_VBS);
	unload(&m);
	tool_release(&image);
}
END_TEST

START_TEST(the_parameter_region_has_the_hosts_tables_and_the_measured_pages)
{
	const struct measured_vtl2_config *config;
	const struct shim_params *p;
	struct tool_file image;
	struct inputs in;
	struct machine m;
	uint8_t *region;

	ck_assert_int_eq(build(&relocatable, &in, &image), TOOL_OK);
	load_at(&m, &image, BASE);
	p = params_of(&m);
	ck_assert_uint_eq(le64_to_cpu(p->parameter_region_size), 362 * VL_PAGE_BYTES);
	region = at(&m, shim_offset(p->parameter_region_offset), 362 * VL_PAGE_BYTES);
	ck_assert_uint_eq(region[0], IGVM_SLIT & 0xff);
	ck_assert_uint_eq(region[20 * VL_PAGE_BYTES], IGVM_PPTT & 0xff);
	ck_assert_uint_eq(region[40 * VL_PAGE_BYTES], IGVM_DEVICE_TREE & 0xff);
	ck_assert_uint_eq(region[104 * VL_PAGE_BYTES - 1], IGVM_DEVICE_TREE & 0xff);
	config = (const void *)(region + 105 * VL_PAGE_BYTES);
	ck_assert_mem_eq(config, "2LTVLCHO", 8); /* "OHCLVTL2" as a number */
	ck_assert_uint_eq(le32_to_cpu(config->product_policy_size), 0);
	unload(&m);
	tool_release(&image);
}
END_TEST

/* Each page is filled at most once, and exactly those that the page of imported regions names. */
START_TEST(the_imported_regions_are_exactly_what_was_filled)
{
	const struct imported_regions *regions;
	const struct shim_params *p;
	struct tool_file image;
	struct inputs in;
	struct machine m;

	ck_assert_int_eq(build(&relocatable, &in, &image), TOOL_OK);
	load_at(&m, &image, BASE);
	p = params_of(&m);
	regions = (const void *)at(&m, shim_offset(p->parameter_region_offset) +
		PARAMETER_IMPORTED_REGIONS_PAGE * VL_PAGE_BYTES, VL_PAGE_BYTES);
	for (unsigned i = 0; i < IMPORTED_REGIONS_MAX && le64_to_cpu(regions->region[i].page_count); i++) {
		uint64_t page = le64_to_cpu(regions->region[i].base_page) - BASE / VL_PAGE_BYTES;

		ck_assert_uint_eq(regions->region[i].accepted, 1);
		for (uint64_t n = le64_to_cpu(regions->region[i].page_count); n--; page++)
			ck_assert_uint_eq(m.filled[page]--, 1);
	}
	for (unsigned page = 0; page < MEMORY_BYTES / VL_PAGE_BYTES; page++)
		ck_assert_uint_eq(m.filled[page], 0);
	unload(&m);
	tool_release(&image);
}
END_TEST

/* What the shim may write to (log, heap, persisted state) is inside the used range and not in the file. */
START_TEST(the_shims_own_memory_is_reserved_and_not_imported)
{
	struct tool_file image;
	struct inputs in;
	struct machine m;
	const struct shim_params *p;

	ck_assert_int_eq(build(&relocatable, &in, &image), TOOL_OK);
	load_at(&m, &image, BASE);
	p = params_of(&m);
	const struct {
		le64 start, bytes;
		uint64_t expected;
	} parts[] = {
		{ p->log_buffer_start, p->log_buffer_size, SHIM_LOG_PAGES * VL_PAGE_BYTES },
		{ p->heap_start_offset, p->heap_size, SHIM_HEAP_PAGES * VL_PAGE_BYTES },
		{ p->persisted_state_region_offset, p->persisted_state_region_size, VL_LARGE_PAGE_BYTES },
	};
	for (size_t i = 0; i < VL_ARRAY_COUNT(parts); i++) {
		uint8_t *start = at(&m, shim_offset(parts[i].start), parts[i].expected);
		uint64_t page = (uint64_t)(start - m.ram) / VL_PAGE_BYTES;

		ck_assert_uint_eq(le64_to_cpu(parts[i].bytes), parts[i].expected);
		ck_assert_int_ge(shim_offset(parts[i].start), shim_offset(p->used_start));
		ck_assert_int_le(shim_offset(parts[i].start) + (int64_t)parts[i].expected,
			shim_offset(p->used_end));
		for (uint64_t n = 0; n < parts[i].expected / VL_PAGE_BYTES; n++)
			ck_assert_uint_eq(m.filled[page + n], 0);
	}
	unload(&m);
	tool_release(&image);
}
END_TEST

START_TEST(the_same_inputs_make_the_same_bytes)
{
	struct tool_file first, second;
	struct inputs in;

	ck_assert_int_eq(build(&relocatable, &in, &first), TOOL_OK);
	ck_assert_int_eq(build(&relocatable, &in, &second), TOOL_OK);
	ck_assert_uint_eq(first.size, second.size);
	ck_assert_mem_eq(first.data, second.data, first.size);
	tool_release(&first);
	tool_release(&second);
}
END_TEST

START_TEST(a_fixed_base_makes_an_image_without_relocation)
{
	struct layout_options options = relocatable;
	struct igvm_region region;
	struct igvm_file file;
	struct tool_file image;
	struct inputs in;

	options.fixed_base = 64 * MIB;
	ck_assert_int_eq(build(&options, &in, &image), TOOL_OK);
	ck_assert_int_eq(igvm_open(&file, image.data, image.size, NULL), VL_OK);
	ck_assert_int_eq(igvm_vtl2_region(&file, 1, &region), VL_OK);
	ck_assert(!region.relocatable && gpa_raw(region.gpa) == 64 * MIB);
	tool_release(&image);
}
END_TEST

START_TEST(memory_or_base_that_cannot_be_is_refused)
{
	static const struct {
		uint64_t mib, base;
	} cases[] = { { 0, 0 }, { 33, 0 }, { 4096, 0 }, { 64, 0x1000 }, { 64, 1ull << 47 },
		{ ~0ull - 1, 0 } };
	struct layout_options options = relocatable;
	struct tool_file image;
	struct inputs in;

	quiet();
	options.memory_mib = cases[_i].mib;
	options.fixed_base = cases[_i].base;
	ck_assert_int_eq(build(&options, &in, &image), TOOL_INVALID);
	ck_assert_ptr_null(image.data);
}
END_TEST

START_TEST(an_image_larger_than_its_memory_is_refused)
{
	struct image_input initrd = { NULL, 40 * MIB, "initrd" }, kernel, shim;
	struct layout_options options = relocatable;
	struct tool_file image = { NULL, 0 };
	struct inputs in;

	quiet();
	options.memory_mib = 32;
	ck_assert_int_eq(build(&relocatable, &in, &image), TOOL_OK);
	tool_release(&image);
	initrd.data = calloc(1, initrd.size);
	kernel = (struct image_input){ in.kernel.bytes, in.kernel.size, "kernel" };
	shim = (struct image_input){ in.shim.bytes, in.shim.size, "shim" };
	ck_assert_int_eq(layout_build(&options, &kernel, &shim, &initrd, &image), TOOL_INVALID);
	free((void *)(uintptr_t)initrd.data);
}
END_TEST

/* Fields of an ELF program, changed one at a time. */
START_TEST(a_program_that_is_broken_is_refused)
{
	static const struct {
		unsigned offset, width;
		uint64_t value;
	} cases[] = {
		{ 0, 1, 'x' }, { 4, 1, ELFCLASS32 }, { 5, 1, ELFDATA2MSB },
		{ offsetof(Elf64_Ehdr, e_machine), 2, EM_S390 },
		{ offsetof(Elf64_Ehdr, e_entry), 8, 0x9000 }, { offsetof(Elf64_Ehdr, e_entry), 8, ~0ull },
		{ offsetof(Elf64_Ehdr, e_phoff), 8, ~0ull }, { offsetof(Elf64_Ehdr, e_phoff), 8, 0x8000 },
		{ offsetof(Elf64_Ehdr, e_phentsize), 2, 32 }, { offsetof(Elf64_Ehdr, e_phnum), 2, 0xffff },
		{ offsetof(Elf64_Ehdr, e_phnum), 2, 0 },
		{ 64 + 56 + offsetof(Elf64_Phdr, p_offset), 8, ~0ull },
		{ 64 + 56 + offsetof(Elf64_Phdr, p_filesz), 8, 0xa000 },
		{ 64 + 56 + offsetof(Elf64_Phdr, p_memsz), 8, 0x100 },
		{ 64 + 56 + offsetof(Elf64_Phdr, p_memsz), 8, 1ull << 40 },
		{ 64 + 56 + offsetof(Elf64_Phdr, p_memsz), 8, ~0ull },
		{ 64 + 56 + offsetof(Elf64_Phdr, p_paddr), 8, ~0ull },
	};
	struct image_program out = { NULL };
	struct image_input input;
	struct program p;
	uint8_t *exact;

	quiet();
	make_elf(&p, 0, SHIM_ENTRY, SHIM_TEXT_BYTES, 0x9000, 's');
	memcpy(p.bytes + cases[_i].offset, &cases[_i].value, cases[_i].width);
	exact = malloc(p.size);
	ck_assert_ptr_nonnull(exact);
	memcpy(exact, p.bytes, p.size);
	input = (struct image_input){ exact, p.size, "program" };
	ck_assert_int_eq(image_load_elf(&input, image_port.elf_machine, &out), TOOL_INVALID);
	ck_assert_ptr_null(out.memory);
	free(exact);
}
END_TEST

START_TEST(a_kernel_cut_anywhere_in_its_headers_is_refused)
{
	struct image_program out = { NULL };
	struct program p;

	quiet();
	make_kernel(&p);
	for (size_t size = 0; size < 64; size++) {
		uint8_t *cut = malloc(size + 1);
		struct image_input input = { cut, size, "kernel" };

		ck_assert_ptr_nonnull(cut);
		memcpy(cut, p.bytes, size);
		ck_assert_int_eq(image_port_kernel(&input, &out), TOOL_INVALID);
		free(cut);
	}
}
END_TEST

Suite *suite_igvm_image(void)
{
	Suite *s = suite_create("igvm_image");
	TCase *c = tcase_create("igvm_image");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, the_shim_finds_every_part_from_its_parameters, 0, 3);
	tcase_add_test(c, the_parameter_region_has_the_hosts_tables_and_the_measured_pages);
	tcase_add_test(c, the_imported_regions_are_exactly_what_was_filled);
	tcase_add_test(c, the_shims_own_memory_is_reserved_and_not_imported);
	tcase_add_test(c, the_same_inputs_make_the_same_bytes);
	tcase_add_test(c, a_fixed_base_makes_an_image_without_relocation);
	tcase_add_loop_test(c, memory_or_base_that_cannot_be_is_refused, 0, 6);
	tcase_add_test(c, an_image_larger_than_its_memory_is_refused);
	tcase_add_loop_test(c, a_program_that_is_broken_is_refused, 0, 17);
	tcase_add_test(c, a_kernel_cut_anywhere_in_its_headers_is_refused);
	suite_add_tcase(s, c);
	return s;
}
