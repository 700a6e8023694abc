/*
 * The shim's untrusted input: a host device tree, and a command line page. The
 * first 64 bytes of an input are the beginning of the page, the rest is the
 * tree. What the decoder takes goes on through filter, plan and tree writer;
 * what comes out must be well-formed.
 */
#include "common/boot/command_line.h"
#include "common/boot/filter.h"
#include "common/boot/plan.h"
#include "common/boot/vtl2_dt.h"

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 64
#define IMAGE 0x20000000ull
#define IMAGE_BYTES (16ull << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct host_dt host;
static struct boot_plan plan;
static struct boot_options options;
static struct boot_error error;
static _Alignas(4096) uint8_t out[VTL2_DT_BYTES_MAX];

static void write_command_line(const uint8_t *data)
{
	static struct paravisor_command_line page;
	static char text[PORT_KERNEL_COMMAND_LINE_MAX];
	struct kernel_command_line line = { .console = "ttyS2", .options = &options,
		.host_bootargs = host.bootargs };

	memcpy(&page, data, LINE_BYTES);
	if (boot_options_parse(&options, &page, &error) == 0 &&
	    kernel_command_line_write(text, sizeof(text), &line, &error) == 0 && strlen(text) >= sizeof(text))
		abort();
}

static void write_tree(const void *fdt)
{
	struct image_layout image = {
		.memory = { IMAGE, IMAGE_BYTES },
		.parameters = { IMAGE + 0x400000, PARAMETER_REGION_PAGES * VL_PAGE_BYTES },
		.log = { IMAGE + 0x800000, SHIM_LOG_BYTES },
		.persisted = { IMAGE, SHIM_PERSISTED_BYTES },
	};
	struct boot_handoff handoff = { .command_line = "", .host = &host, .map = &plan.map, .fdt = out };
	struct vtl2_dt dt = { .handoff = &handoff, .plan = &plan, .host_fdt = fdt };

	if (boot_plan_make(&plan, &host, &image, &error) == 0 && vtl2_dt_write(out, sizeof(out), &dt,
		&error) == 0 &&
	    fdt_check_full(out, sizeof(out)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	void *fdt;
	bool sound;

	if (size < LINE_BYTES)
		return 0;
	size -= LINE_BYTES;
	fdt = malloc(size ? size : 1);
	if (!fdt)
		return 0;
	memcpy(fdt, data + LINE_BYTES, size);
	sound = host_dt_parse(&host, fdt, size, &error) == 0;
	write_command_line(data);
	if (sound) {
		boot_filter(&host, &(struct filter_context){ .isolation = ISOLATION_VBS, .debug = size & 1 });
		write_tree(fdt);
	} else if (!error.code || !error.text[0]) {
		abort();
	}
	free(fdt);
	return 0;
}
