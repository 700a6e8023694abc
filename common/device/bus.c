/* The bus (bus.h): sorted tables, binary search, splitting. Guest input. */
#include "common/device/bus.h"
#include "common/base/err.h"

#include <string.h>

void bus_init(struct bus *bus)
{
	memset(bus, 0, sizeof(*bus));
}

/* Index of the first entry that ends above `address`. */
static unsigned first_above(const struct bus *bus, enum dev_space space, uint64_t address)
{
	unsigned low = 0, high = bus->count[space];

	while (low < high) {
		unsigned middle = (low + high) / 2;
		const struct dev_region *r = &bus->entry[space][middle].region;

		if (r->base + (r->size - 1) < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct bus_entry *find(const struct bus *bus, enum dev_space space, uint64_t address)
{
	unsigned i = first_above(bus, space, address);

	if (i == bus->count[space] || bus->entry[space][i].region.base > address)
		return NULL;
	return &bus->entry[space][i];
}

int bus_add(struct bus *bus, const struct dev_instance *device, const struct dev_region *region)
{
	enum dev_space space = region->space;
	struct bus_entry *table = bus->entry[space];
	unsigned count = bus->count[space], at;

	if (region->size == 0 || !vl_range_ok(region->base, region->size))
		return VL_E_RANGE;
	if (space == DEV_PIO && !vl_within(region->base, region->size, BUS_PIO_END))
		return VL_E_RANGE;
	at = first_above(bus, space, region->base);
	if (at < count && table[at].region.base <= region->base + (region->size - 1))
		return VL_E_OVERLAP;
	if (count == BUS_REGIONS_MAX)
		return VL_E_LIMIT;
	memmove(&table[at + 1], &table[at], (count - at) * sizeof(table[0]));
	table[at] = (struct bus_entry){ .region = *region, .device = device };
	bus->count[space]++;
	return VL_OK;
}

int bus_add_all(struct bus *bus, const struct dev_instance *device, const struct dev_region *regions,
		unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		int err = bus_add(bus, device, &regions[i]);

		if (err) {
			while (i--)
				bus_remove(bus, device, regions[i].id);
			return err;
		}
	}
	return VL_OK;
}

int bus_remove(struct bus *bus, const struct dev_instance *device, unsigned id)
{
	for (unsigned space = DEV_PIO; space <= DEV_MMIO; space++) {
		struct bus_entry *table = bus->entry[space];

		for (unsigned i = 0; i < bus->count[space]; i++) {
			if (table[i].device != device || table[i].region.id != id)
				continue;
			bus->count[space]--;
			memmove(&table[i], &table[i + 1], (bus->count[space] - i) * sizeof(table[0]));
			return VL_OK;
		}
	}
	return VL_E_NOTFOUND;
}

int bus_map(struct bus *bus, const struct dev_instance *device, const struct dev_region *region)
{
	int err = bus_remove(bus, device, region->id);

	if (region->size == 0)
		return err == VL_E_NOTFOUND ? VL_OK : err;
	return bus_add(bus, device, region);
}

static bool size_ok(unsigned size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

static uint64_t size_mask(unsigned size)
{
	return size == 8 ? ~0ull : (1ull << 8 * size) - 1;
}

static bool within(const struct bus_entry *e, uint64_t address, unsigned size)
{
	return e && vl_within(address - e->region.base, size, e->region.size);
}

/* The size of the pieces of an access: the region's width, but bytes where it leaves a region. */
static unsigned piece(const struct bus *bus, enum dev_space space, uint64_t address, unsigned size)
{
	const struct bus_entry *e = find(bus, space, address);

	if (!within(e, address, size))
		return 1;
	return e->region.width && e->region.width < size ? e->region.width : size;
}

bool bus_read(struct bus *bus, enum dev_space space, uint64_t address, unsigned size, uint64_t *value)
{
	bool found = false;
	unsigned n;

	*value = ~0ull;
	if (!size_ok(size))
		return false;
	*value = 0;
	n = piece(bus, space, address, size);
	for (unsigned done = 0; done < size; done += n) {
		const struct bus_entry *e = find(bus, space, address + done);
		uint64_t part = ~0ull;

		if (within(e, address + done, n)) {
			const struct dev_instance *d = e->device;

			part = d->model->read(d->dev, e->region.id, address + done - e->region.base, n);
			found = true;
		}
		*value |= (part & size_mask(n)) << 8 * done;
	}
	return found;
}

bool bus_write(struct bus *bus, enum dev_space space, uint64_t address, unsigned size, uint64_t value)
{
	bool found = false;
	unsigned n;

	if (!size_ok(size))
		return false;
	n = piece(bus, space, address, size);
	for (unsigned done = 0; done < size; done += n) {
		const struct bus_entry *e = find(bus, space, address + done);

		if (within(e, address + done, n)) {
			const struct dev_instance *d = e->device;

			d->model->write(d->dev, e->region.id, address + done - e->region.base, n,
					value >> 8 * done & size_mask(n));
			found = true;
		}
	}
	return found;
}
