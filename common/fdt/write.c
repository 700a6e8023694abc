/* The sequential device tree writer (write.h) over libfdt's. Input: the caller's own data. */
#include "common/fdt/write.h"
#include "common/base/fmt.h"

#include <libfdt.h>
#include <string.h>

#define VALUES_MAX 16
#define NAME_MAX_BYTES 48

static void keep(struct fdt_writer *w, int err)
{
	if (!w->err)
		w->err = err;
}

void fdtw_create(struct fdt_writer *w, void *fdt, size_t size)
{
	*w = (struct fdt_writer){ .fdt = fdt };
	keep(w, fdt_create(fdt, size > INT32_MAX ? INT32_MAX : (int)size));
}

void fdtw_reserve(struct fdt_writer *w, uint64_t base, uint64_t size)
{
	if (!w->err)
		keep(w, fdt_add_reservemap_entry(w->fdt, base, size));
}

void fdtw_nodes(struct fdt_writer *w)
{
	if (!w->err)
		keep(w, fdt_finish_reservemap(w->fdt));
}

int fdtw_finish(struct fdt_writer *w)
{
	if (!w->err)
		keep(w, fdt_finish(w->fdt));
	return w->err;
}

void fdtw_begin(struct fdt_writer *w, const char *name)
{
	if (!w->err)
		keep(w, fdt_begin_node(w->fdt, name));
}

void fdtw_begin_at(struct fdt_writer *w, const char *name, uint64_t address)
{
	char full[NAME_MAX_BYTES];

	vl_format(full, sizeof(full), "%s@%llx", name, (unsigned long long)address);
	fdtw_begin(w, full);
}

void fdtw_end(struct fdt_writer *w)
{
	if (!w->err)
		keep(w, fdt_end_node(w->fdt));
}

void fdtw_bytes(struct fdt_writer *w, const char *name, const void *value, size_t size)
{
	if (!w->err)
		keep(w, size > INT32_MAX ? -FDT_ERR_NOSPACE : fdt_property(w->fdt, name, value, (int)size));
}

void fdtw_empty(struct fdt_writer *w, const char *name)
{
	fdtw_bytes(w, name, "", 0);
}

void fdtw_text(struct fdt_writer *w, const char *name, const char *value)
{
	fdtw_bytes(w, name, value, strlen(value) + 1);
}

void fdtw_u32s(struct fdt_writer *w, const char *name, const uint32_t *values, size_t count)
{
	fdt32_t cells[VALUES_MAX];

	if (count > VALUES_MAX) {
		keep(w, -FDT_ERR_BADVALUE);
		return;
	}
	for (size_t i = 0; i < count; i++)
		cells[i] = cpu_to_fdt32(values[i]);
	fdtw_bytes(w, name, cells, count * sizeof(cells[0]));
}

void fdtw_u64s(struct fdt_writer *w, const char *name, const uint64_t *values, size_t count)
{
	fdt64_t cells[VALUES_MAX];

	if (count > VALUES_MAX) {
		keep(w, -FDT_ERR_BADVALUE);
		return;
	}
	for (size_t i = 0; i < count; i++)
		cells[i] = cpu_to_fdt64(values[i]);
	fdtw_bytes(w, name, cells, count * sizeof(cells[0]));
}

void fdtw_u32(struct fdt_writer *w, const char *name, uint32_t value)
{
	fdtw_u32s(w, name, &value, 1);
}

void fdtw_u64(struct fdt_writer *w, const char *name, uint64_t value)
{
	fdtw_u64s(w, name, &value, 1);
}

void fdtw_cells(struct fdt_writer *w, uint32_t address, uint32_t size)
{
	fdtw_u32(w, "#address-cells", address);
	fdtw_u32(w, "#size-cells", size);
}
