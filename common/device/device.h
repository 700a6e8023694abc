/*
 * What a device model is, and all that it sees of the world.
 *
 * A model is a const table of functions (struct dev_model) over a state struct
 * of its own that the owner allocates. It touches nothing but that struct and
 * its environment (struct dev_env): no file descriptors, no threads, no
 * globals. So the same model runs inside the VM worker, in a device worker
 * process, and in unit tests.
 *
 * Locking: all calls into one device are serialized by whoever hosts it; a
 * model never locks. Calls out through dev_env may be made from any model
 * function except save().
 *
 * Trust: register accesses and guest memory come from the guest and are
 * hostile; a model accepts any offset, size and value in any order, for ever.
 */
#ifndef VL_DEVICE_DEVICE_H
#define VL_DEVICE_DEVICE_H

#include "common/base/types.h"
#include "common/inspect/inspect.h"
#include "common/state/state.h"

enum dev_space { DEV_PIO, DEV_MMIO };

/* A register window. A model lists its fixed ones; PCI BARs come and go by env->map. */
struct dev_region {
	enum dev_space space;
	uint64_t base; /* port number or guest physical address */
	uint64_t size; /* bytes */
	unsigned id;   /* the model's own name for it, given back at each access */
	/* widest access in bytes the chip takes; the bus splits wider ones. 0: any of 1, 2, 4, 8 */
	unsigned width;
};

/* Region id under which a PCI function's configuration space (256 bytes) is read and written. */
#define DEV_REGION_PCI_CONFIG 0xffffu

/*
 * What accesses to one window of a model's registers will do before any of them is made: what is read there
 * is known, and what is written has no effect on anything but the device. It holds as long as the device gets
 * no other access or call. So whoever hosts the model elsewhere need not ask for each of them.
 */
struct dev_ahead {
	unsigned region;
	uint64_t offset;
	uint32_t size;  /* of the window in bytes; 0: nothing is known */
	/* reads take the next of `data`, wherever in the window; else each offset has its byte */
	bool fifo;
	bool writes;    /* may be made; what reads give then is not known any more */
	uint32_t bytes; /* of `data`: reads are known that far, not beyond */
	const uint8_t *data; /* the model's, until its next call */
};

struct dev_model {
	const char *name; /* of the kind, in logs: "serial16550"; "com1" names a dev_instance */
	uint32_t version; /* of what save() writes; raised when a field changes its meaning */

	/*
	 * A register access of `size` 1, 2, 4 or 8 bytes at `offset` within the
	 * region `id`; offset + size never exceeds the region. A read that no
	 * register answers gives all ones; such a write is dropped.
	 */
	uint64_t (*read)(void *dev, unsigned id, uint64_t offset, unsigned size);
	void (*write)(void *dev, unsigned id, uint64_t offset, unsigned size, uint64_t value);

	/* fills in a zeroed `a`; changes nothing. May be NULL */
	void (*ahead)(const void *dev, struct dev_ahead *a);

	void (*start)(void *dev);              /* the VM runs from now: arm timers, move data. May be NULL */
	void (*stop)(void *dev);               /* the VM is halted: cancel timers, finish I/O. May be NULL */
	void (*reset)(void *dev);              /* power-on state */
	void (*save)(void *dev, struct state_writer *w);          /* fields of an open unit; between calls */
	/* After reset(), stopped only. Drives its interrupt lines anew; after an error: call reset(). */
	int (*restore)(void *dev, struct state_reader *r);

	/*
	 * Shows the registers, each INSPECT_SENSITIVE, to whoever looks into VTL2; changes nothing. May be
	 * NULL
	 */
	void (*inspect)(const void *dev, struct inspect *i);

	/* a timer of env->timer_set is due. May be NULL */
	void (*timer)(void *dev, unsigned timer);
	/* Bytes arrived on the device's stream; returns how many it took (flow control). May be NULL */
	size_t (*input)(void *dev, const uint8_t *data, size_t size);
	/*
	 * What was started through env finished; `id` as at the start. Id 0: output() takes bytes again, or
	 * with a negative result (VL_E_CLOSED) the stream is gone for good. May be NULL
	 */
	void (*complete)(void *dev, uint64_t id, int result);
};

/* One device of a machine: its name there ("com1"; its unit's name in saved state too), kind and state. */
struct dev_instance {
	const char *name;
	const struct dev_model *model;
	void *dev;
};

/* The world as one device sees it; every function may be called at any time but in save(). */
struct dev_env {
	const struct dev_env_ops *ops;
};

struct dev_env_ops {
	/* Drives the device's interrupt line `line` (0 unless it has several). Idempotent. */
	void (*irq)(struct dev_env *env, unsigned line, bool level);
	/* Sends a message-signalled interrupt. */
	void (*msi)(struct dev_env *env, uint64_t address, uint32_t data);
	/*
	 * Copies from or to guest memory; VL_E_RANGE when any byte is not guest RAM (then nothing is
	 * written).
	 */
	int (*mem_read)(struct dev_env *env, gpa_t gpa, void *out, size_t size);
	int (*mem_write)(struct dev_env *env, gpa_t gpa, const void *data, size_t size);
	/* VM time in ns: 0 at the VM's first start, stands still while stopped, goes on after restore. */
	uint64_t (*now_ns)(struct dev_env *env);
	/* One-shot timer `timer` (0..DEV_TIMER_COUNT-1) at VM time `deadline_ns`; replaces an armed one. */
	void (*timer_set)(struct dev_env *env, unsigned timer, uint64_t deadline_ns);
	void (*timer_cancel)(struct dev_env *env, unsigned timer);
	/* Wall clock in ns since 1970-01-01 UTC, from the host's time (untrusted when isolated). */
	uint64_t (*wall_ns)(struct dev_env *env);
	/* Sends bytes on the stream; returns how many were taken. Fewer than `size`: complete(id 0) wakes. */
	size_t (*output)(struct dev_env *env, const uint8_t *data, size_t size);
	/* How many bytes output() would take now. When they are fewer than `wanted`, complete(id 0) wakes. */
	size_t (*output_room)(struct dev_env *env, size_t wanted);
	/* The stream can take input again after input() took less than offered. */
	void (*input_ready)(struct dev_env *env);
	/* The guest asked for a machine event: enum dev_machine_event. */
	void (*machine)(struct dev_env *env, unsigned event);
	/*
	 * Places the model's own region `region->id` (a PCI BAR) where the guest put it; size 0 takes it
	 * away. Replaces its former place. VL_E_OVERLAP, VL_E_LIMIT: it then answers nowhere until the guest
	 * moves it.
	 */
	int (*map)(struct dev_env *env, const struct dev_region *region);
};

/* One register, for dev_model.inspect(). */
static inline void dev_show(struct inspect *i, const char *name, uint64_t value)
{
	inspect_u64(i, name, INSPECT_SENSITIVE, INSPECT_HEX, value);
}

#define DEV_TIMER_COUNT 4
enum dev_machine_event { DEV_MACHINE_POWER_OFF, DEV_MACHINE_RESET, DEV_MACHINE_SLEEP };

#endif
