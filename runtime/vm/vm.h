/*
 * The VM worker's own interface: the virtual machine, its VPs, devices, clock
 * and I/O loop. Portable; what an architecture gives is in port.h.
 *
 * Threads: the main thread runs the I/O loop (control channel, streams,
 * timers). One thread per VP, bound to its CPU, runs VTL0 and serves its
 * exits.
 * Locks: `lock` (the machine lock) guards the bus, all devices, their timers
 * and streams and the port's machine state; `run_lock` guards the VPs' jobs
 * and how the guest ended.
 * `run_lock` may be taken under `lock`, never the reverse. Neither is held
 * while VTL0 runs or while a thread waits for I/O; a device in a worker gives
 * `lock` up while it waits for that (remote.h).
 */
#ifndef VL_VM_VM_H
#define VL_VM_VM_H

#include "common/base/log.h"
#include "common/device/bus.h"
#include "common/device/units.h"
#include "port/machine.h"
#include "port/vp.h"
#include "runtime/lib/control.h"
#include "runtime/vm/hvport.h"
#include "runtime/vm/memory.h"
#include "runtime/vm/tpm.h"
#include <pthread.h>
#include <stdatomic.h>

#define VM_DEVICE_MAX 48
#define VM_STREAM_OUT_BYTES 16384u
#define VM_STREAM_IN_BYTES 16384u
#define VM_STREAM_MAX (CONTROL_CONSOLE_MAX + CONTROL_DISK_MAX)
#define VM_NO_IRQ (~0u)
#define VM_NEVER UINT64_MAX

struct vm;
struct remote;

/* --- Devices (device.c) ----------------------------------------------------- */

/* The host of one device model: its environment and what serves it. */
struct vm_device {
	struct dev_env env;
	struct vm *vm;
	struct dev_instance *instance;
	struct vm_stream *stream;                /* or NULL */
	unsigned irq;                            /* of line 0; VM_NO_IRQ: none */
	uint32_t lines;                          /* bit n: its line n is active */
	uint64_t deadline_ns[DEV_TIMER_COUNT];   /* VM time; VM_NEVER */
};

/*
 * Adds a device to the machine and gives its host, whose env goes to the
 * model's init. `name` and `dev` live as long as the VM. NULL when
 * VM_DEVICE_MAX are there. Before the VPs start.
 */
struct vm_device *vm_device_add(struct vm *vm, const char *name, const struct dev_model *model, void *dev,
	unsigned irq);

/*
 * Devices that the paravisor put into workers (remotes.c). Connect: vm->remote[id] of each, from the checked
 * CONFIG's descriptors; VL_E_MISSING (no memory with a channel), VL_E_OS, VL_E_NOMEM. Where vm->remote[id] is
 * not NULL, vm_device_add_remote() adds the device instead of a model here; nothing is to be initialized
 * then.
 */
int vm_remotes_connect(struct vm *vm, const int *fds);
void vm_remotes_destroy(struct vm *vm);
struct vm_device *vm_device_add_remote(struct vm *vm, enum control_device id, const char *name, unsigned irq);

/*
 * For ports (standard.c), what every machine has. Serial port `n`, here or in a worker: `model` over `dev`,
 * which `init` makes, on console `n`. The TPM, which is always in a worker: 0 when the VM has none.
 * VL_E_LIMIT, or as bus_add.
 */
int vm_add_serial(struct vm *vm, unsigned n, const char *name, const struct dev_model *model, void *dev,
	unsigned irq, const struct dev_region *region, void (*init)(void *dev, struct dev_env *env));
int vm_add_tpm(struct vm *vm, const struct dev_region *regions, unsigned count);

/* A register access of the guest, under the machine lock inside. Strays read as all ones and are counted. */
uint64_t vm_bus_read(struct vm *vm, enum dev_space space, uint64_t address, unsigned size) VL_HOT;
void vm_bus_write(struct vm *vm, enum dev_space space, uint64_t address, unsigned size,
		uint64_t value) VL_HOT;

/*
 * Calls the models whose timers are due; machine lock held. Returns the next deadline in VM time,
 * or VM_NEVER.
 */
uint64_t vm_timers_run(struct vm *vm);

/* --- Clock (clock.c): VM time stands still while the VM is stopped ------------ */

struct vm_clock {
	bool running;
	uint64_t offset_ns; /* running: CLOCK_MONOTONIC at VM time 0, mod 2^64; stopped: the VM time */
	uint64_t utc_ns, utc_boot_ns; /* from CONFIG */
	uint64_t begun_ns, begun_ticks; /* the same moment on CLOCK_MONOTONIC and the processor's counter */
};

void clock_init(struct vm_clock *c);
/* How long `ticks` of the processor's counter (port/ticks.h) are. */
uint64_t clock_ticks_ns(const struct vm_clock *c, uint64_t ticks);

uint64_t clock_monotonic_ns(void);
uint64_t clock_now_ns(const struct vm_clock *c);
void clock_start(struct vm_clock *c);
void clock_stop(struct vm_clock *c);
/* CLOCK_MONOTONIC at which VM time will be deadline_ns; VM_NEVER for that, or while stopped. */
uint64_t clock_to_monotonic(const struct vm_clock *c, uint64_t deadline_ns);
uint64_t clock_wall_ns(const struct vm_clock *c);

/* --- Streams (stream.c) of serial ports and disks: machine lock held in all of them --- */

struct vm_stream {
	struct vm *vm;
	struct vm_device *device;
	int fd;           /* -1: none or closed; output is dropped then */
	bool at_once;     /* output is sent in the call, not gathered */
	bool starved;     /* the model has bytes that did not fit */
	bool input_held;  /* the model took less than offered and will call input_ready */
	bool gone;        /* closed, and the model was not told yet */
	uint64_t flush_ns; /* CLOCK_MONOTONIC when the ring is to be written; VM_NEVER */
	size_t out_at, out_count;
	size_t in_at, in_count;
	uint8_t out[VM_STREAM_OUT_BYTES]; /* ring */
	uint8_t in[VM_STREAM_IN_BYTES];   /* read from fd, not yet taken by the model */
};

size_t stream_output(struct vm_stream *s, const uint8_t *data, size_t size);
/* How much it takes now; less than `wanted`: the model is told when there is more. */
size_t stream_room(struct vm_stream *s, size_t wanted);
void stream_input_ready(struct vm_stream *s);
/*
 * The loop's: writes what the socket takes now and tells the model what changed; flush_ns is
 * VM_NEVER then.
 */
void stream_flush(struct vm_stream *s);
/* The loop's: reads the socket and offers it to the model. */
void stream_receive(struct vm_stream *s);
/* What to poll for: EPOLLIN, EPOLLOUT. */
uint32_t stream_events(const struct vm_stream *s);

/* --- VPs (vp.c) ---------------------------------------------------------------- */

enum vp_job { VP_JOB_NONE, VP_JOB_RESET, VP_JOB_BOOT, VP_JOB_RUN, VP_JOB_SAVE, VP_JOB_RESTORE,
	VP_JOB_LOOK, VP_JOB_EXIT };

#define VP_EXIT_KINDS 16u

/* Counted by the VP's own thread, read by any. */
struct vp_counts {
	struct {
		_Atomic uint32_t type; /* of the intercept message; 0: free, and all behind it */
		_Atomic uint64_t count;
	} kind[VP_EXIT_KINDS]; /* in the order in which they were met */
	_Atomic uint64_t other;   /* of kinds beyond these */
	_Atomic uint64_t kicked;  /* runs that ended without an intercept */
	_Atomic uint64_t vtl0_ticks; /* in VTL0, the way there and back included; clock_ticks_ns() */
	_Atomic uint64_t vtl2_ticks; /* in serving exits */
};

struct vp {
	unsigned index;
	uint64_t hw_id; /* APIC id or MPIDR affinity */
	struct vm *vm;
	struct hvport_vp hv;
	_Atomic uint64_t exits;
	struct vp_counts counts;
	struct vp_arch arch;
	pthread_t thread;
	enum vp_job job;  /* NONE: parked */
	int job_error;
	struct state_writer *save_to;     /* VP_JOB_SAVE: an open unit */
	struct state_reader *restore_from; /* VP_JOB_RESTORE */
	struct control_register seen[CONTROL_REGISTER_MAX]; /* VP_JOB_LOOK: vp_arch_registers() */
	uint32_t seen_count;
	unsigned complaints; /* lines logged about this VP's guest */
};

/* Starts all VP threads and opens their VPs; returns when they are parked. */
int vps_create(struct vm *vm);
/* Runs `job` on one VP and waits for its end; its result. */
int vp_do(struct vp *vp, enum vp_job job);
/* Lets all VPs run VTL0. */
void vps_run(struct vm *vm);
/* Takes all VPs out of VTL0 and waits until they are parked. */
void vps_park(struct vm *vm);
/* Ends all VP threads that were created. */
void vps_destroy(struct vm *vm);
/* What an intercept message of that type is about; NULL for one that has no name. */
const char *vp_exit_name(uint32_t type);

/*
 * For ports (registers.c), on the VP's own thread: the low 64 bits of a register of VTL0 by name.
 * VL_E_HYPERCALL.
 */
int vp_get_register(struct vp *vp, uint32_t name, uint64_t *value);
int vp_set_register(struct vp *vp, uint32_t name, uint64_t value);
/* Those of names[count] that can be read into out[max]; how many. */
uint32_t vp_list_registers(struct vp *vp, const uint32_t *names, size_t count, struct control_register *out,
	uint32_t max);
/* A warning about the guest; each VP has a few and then is silent. */
void vp_complain(struct vp *vp, const char *what, uint64_t value);

/* --- The machine ---------------------------------------------------------------- */

/* How the guest ended; sent to the paravisor. */
struct vm_end {
	enum control_type type; /* POWER_OFF, RESET, TRIPLE_FAULT or CRASH; 0: not ended */
	uint32_t vp;
	int error;
	char text[CONTROL_TEXT_MAX];
	struct control_register registers[CONTROL_REGISTER_MAX];
	uint32_t register_count;
};

struct vm {
	/* What each exit needs stands first, in as few pages as it can. */
	_Atomic bool halt; /* VPs are to leave VTL0 */
	_Atomic bool stopping; /* someone waits until they have, and the devices stand still */
	pthread_mutex_t lock;
	uint64_t strays; /* accesses that no device answered */
	struct hvport hv;
	struct bus bus;

	const struct control_config *config;
	struct guest_memory memory;
	struct vm_clock clock;
	struct dev_instance instance[VM_DEVICE_MAX];
	struct vm_device device[VM_DEVICE_MAX];
	unsigned device_count;
	struct vm_stream *stream[VM_STREAM_MAX]; /* all that are connected; owned */
	unsigned stream_count;
	struct vm_stream *console[CONTROL_CONSOLE_MAX], *disk[CONTROL_DISK_MAX]; /* NULL: not connected */
	struct remote *remote[CONTROL_DEVICE_COUNT]; /* NULL: the device is not in a worker; owned */
	struct vm_tpm tpm;
	struct machine_arch arch;

	pthread_mutex_t run_lock;
	pthread_cond_t run_changed;
	struct vm_end end; /* filled once, under run_lock */
	struct vp *vp;
	unsigned vp_count;

	int timer_fd, wake_fd;
	uint64_t armed_ns; /* CLOCK_MONOTONIC deadline of timer_fd; VM_NEVER */
};

/*
 * Sets up the machine of a checked CONFIG: memory, devices, VPs (parked). On an
 * error `reason` (CONTROL_TEXT_MAX bytes) says what failed. vm_destroy is
 * called in any case.
 */
int vm_create(struct vm *vm, const struct control_config *config, const int *fds, char *reason);
void vm_destroy(struct vm *vm);
/* Loads the guest and puts VP 0 at its entry. Errors as vm_create. */
int vm_load(struct vm *vm, char *reason);
/* For ports (kernel_file.c): writes `what` into `reason`, gives `err`. */
int vm_load_fail(char *reason, int err, const char *what);
/* The first *got <= size bytes of the guest's kernel file. VL_E_MISSING, VL_E_RANGE, with a reason. */
int vm_kernel_head(const struct vm *vm, void *out, size_t size, size_t *got, char *reason);
void vm_start(struct vm *vm);
void vm_stop(struct vm *vm);
/* Stopped only. Writes the whole machine; the stream's size or an error of state.h. */
int64_t vm_save(struct vm *vm, void *buffer, size_t size);
int vm_restore(struct vm *vm, const void *data, size_t size);

/*
 * Ends the guest: the first call wins. VPs leave VTL0, the loop tells the
 * paravisor. Any thread, with or without the machine lock. vm_triple_fault
 * takes the VP's registers and belongs on its thread.
 */
void vm_finish(struct vm *vm, enum control_type type);
void vm_crash(struct vm *vm, uint32_t vp, int error, const char *fmt, ...) VL_PRINTF(4, 5);
void vm_triple_fault(struct vp *vp);
/* True, and how, once it has ended. */
bool vm_ended(struct vm *vm, struct vm_end *end);

/* --- The I/O loop (loop.c, loop.h) ------------------------------------------------ */

/* Makes the loop look at everything again. Any thread. */
void loop_wake(struct vm *vm);
/* Has the loop run at CLOCK_MONOTONIC `deadline_ns` at the latest; machine lock held. */
void loop_arm(struct vm *vm, uint64_t deadline_ns);

#endif
