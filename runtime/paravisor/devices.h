/*
 * The paravisor's part in device workers (common/devipc/devipc.h): starts each,
 * hands the VM worker a link to it, and does both again when a worker ends or
 * the VM worker says that it is late or wrong. What a worker may cost stands in
 * supervise_rules. Neither worker is trusted.
 */
#ifndef VL_PARAVISOR_DEVICES_H
#define VL_PARAVISOR_DEVICES_H

#include "runtime/lib/control.h"
#include "runtime/paravisor/store_broker.h"
#include "runtime/paravisor/supervise.h"

struct device_worker {
	struct worker worker;
	enum control_device id;
	int supply[2]; /* ours and the VM worker's end; -1: this partition has no such worker */
	int shared;    /* the memory of both, for the VM worker too */
	uint64_t kill_at_ns; /* diagnosis; 0: never */
};

struct devices {
	struct device_worker list[CONTROL_DEVICE_COUNT]; /* by enum control_device */
	struct store_broker *store;
	unsigned kill_every_ms; /* diagnosis: the workers are killed that often; 0: never */
	int kill_signal;        /* by this; 0: SIGKILL */
	int (*spawn)(void *context, struct worker *w); /* starts the process: pid, pidfd and control */
	/*
	 * Its end as a unit of the inspect tree, devices' from then on, instead of its predecessor's; or an
	 * error.
	 */
	int (*unit)(void *context, const char *name);
	/* Tells the host what happened to a worker; `text` is for a person. */
	void (*tell)(void *context, const char *text);
	/* A worker without which the partition cannot go on is given up. */
	void (*fail)(void *context, int err, const char *text);
	void *context;
};

/* All but spawn, unit, tell, fail, context and store, which the caller sets before the first start. */
void devices_init(struct devices *d);

/*
 * Makes the channels and the memory of the device's worker and starts it.
 * Afterwards its `supply[1]` and `shared` go to the VM worker. VL_E_OS,
 * VL_E_LIMIT, errors of spawn.
 */
int devices_start(struct devices *d, enum control_device id);

/* For the event loop: fills DEVICES_POLL_MAX entries before poll(); after it serves what came and is due. */
#define DEVICES_POLL_MAX (2 * CONTROL_DEVICE_COUNT)
struct pollfd;
void devices_poll(const struct devices *d, struct pollfd *f);
void devices_ready(struct devices *d, const struct pollfd *f);
/* CLOCK_BOOTTIME when devices_ready() is due though nothing happened; 0: never. */
uint64_t devices_deadline_ns(const struct devices *d);

/*
 * Adds to *workers (bit per enum control_device) what a list such as "com1,com2" names: the option
 * VALLUM_WORKERS, or the platform setting Vallum.DeviceWorkers. VL_E_NOTFOUND: there is none of that name
 * (DEVICES_NAMES says which there are), and *workers is as before.
 */
#define DEVICES_NAMES "com1, com2 and vtpm, with commas between them"
int devices_by_names(const char *list, uint32_t *workers);

#endif
