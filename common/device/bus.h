/*
 * Routes the guest's port and memory accesses to the register windows of
 * device models. The VM worker calls it for each I/O intercept; addresses,
 * sizes and values are the guest's and untrusted.
 *
 * Locking: none inside. The owner holds one device lock around every bus
 * call and every other call into a device on the bus (timer, input, complete,
 * units_*), so a model may add or remove regions (BARs) and drive the
 * interrupt controllers while it handles an access. A model that stands in for
 * one elsewhere may give the lock up while it waits: what the bus was asked
 * for is looked up anew for each piece.
 */
#ifndef VL_DEVICE_BUS_H
#define VL_DEVICE_BUS_H

#include "common/device/device.h"

#define BUS_REGIONS_MAX 96 /* per space */
#define BUS_PIO_END 0x10000ull

struct bus_entry {
	struct dev_region region;
	const struct dev_instance *device;
};

struct bus {
	struct bus_entry entry[2][BUS_REGIONS_MAX]; /* by enum dev_space, sorted by base */
	unsigned count[2];
};

void bus_init(struct bus *bus);

/*
 * Adds `region` of `device`, which must outlive its entry. VL_E_RANGE for an
 * empty or wrapping one (ports end at 0xffff), VL_E_OVERLAP, VL_E_LIMIT.
 */
int bus_add(struct bus *bus, const struct dev_instance *device, const struct dev_region *region);
/* Adds `count` regions or none. */
int bus_add_all(struct bus *bus, const struct dev_instance *device, const struct dev_region *regions,
		unsigned count);
/* Removes the region `id` of `device`; VL_E_NOTFOUND. */
int bus_remove(struct bus *bus, const struct dev_instance *device, unsigned id);
/* What env->map of a device on this bus does: bus_remove() if there, then bus_add() unless size is 0. */
int bus_map(struct bus *bus, const struct dev_instance *device, const struct dev_region *region);

/*
 * An access of `size` 1, 2, 4 or 8 bytes. Within one region and no wider than
 * its width it is one call of the model; otherwise it is split, low address
 * first: by the region's width, or into bytes routed one by one where it
 * crosses a region's end. Bytes that no region has read as 0xff; written there
 * they are dropped. Returns false when no byte found a region (or the size is
 * none of the four), so that the caller can count strays.
 */
bool bus_read(struct bus *bus, enum dev_space space, uint64_t address, unsigned size, uint64_t *value) VL_HOT;
bool bus_write(struct bus *bus, enum dev_space space, uint64_t address, unsigned size, uint64_t value) VL_HOT;

#endif
