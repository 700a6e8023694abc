/*
 * The reference host's own interface: the partition that vallum-host offers
 * (VTL2 and VTL0 over shared memory), what its parts may ask of each other,
 * and the life of a run. The guest in either VTL is untrusted: whatever it
 * passes is bounded and copied once before it is used.
 *
 * Threads: main() waits and owns the set-up; one thread per VP runs both VTLs
 * of that VP; one loop thread runs all I/O (event sources, posted work).
 * Lock order: a part's own lock, then a VP's synic lock; callbacks of the
 * loop run without any lock held.
 */
#ifndef VL_HOST_HOST_H
#define VL_HOST_HOST_H

#include "common/base/err.h"
#include "common/base/ports.h"
#include "common/base/types.h"
#include "common/hv/hv.h"
#include <pthread.h>
#include <stdatomic.h>

#define HOST_VP_MAX 64
#define HOST_RAM_MAX 3
#define HOST_LOW_RAM_END 0xc0000000ull   /* VTL0 RAM below 4 GiB ends here at most */
#define HOST_HIGH_RAM 0x100000000ull
#define HOST_MEMORY_MAX (1ull << 40)
#define HOST_VTL2_MAX (1ull << 30)
#define HOST_VTL0 0
#define HOST_VTL2 2

struct host_range {
	uint64_t gpa, size; /* bytes */
};

enum host_isolation { HOST_ISOLATION_NONE, HOST_ISOLATION_VBS };

/*
 * What the user asked for, then (second half) what set-up made of it. Constant
 * once VPs run. Strings belong to argv.
 */
struct host_config {
	const char *igvm, *kernel, *initrd; /* paths; kernel and initrd may be NULL */
	const char *append;                 /* guest command line, never NULL */
	/* for VTL2's command line, which a trusted host may add to; or NULL */
	const char *vtl2_append;
	const char *state;                  /* VMGS file or NULL */
	const char *vsock;                  /* Unix socket of the hvsock bridge or NULL */
	const char *disk[VL_PORT_DISK_COUNT];
	unsigned disk_count;
	uint64_t memory_bytes; /* VTL0 RAM */
	unsigned vp_count;
	enum host_isolation isolation;
	const char *key_broker;   /* its address ("unix:PATH", "tcp:ADDRESS:PORT") or NULL */
	const char *platform_key; /* file of the key that signs reports; NULL unless isolated */
	unsigned timeout_seconds; /* 0: none */
	bool tpm;                 /* the guest has a TPM */
	const char *workers;      /* devices to be in workers of their own ("com1,com2"), never NULL */
	bool log;                 /* --log: phases and VTL2's console on stderr */

	struct host_range vtl0_ram[2]; /* [0, low) and from 4 GiB */
	unsigned vtl0_ram_count;
	struct host_range vtl2_ram;     /* right above low VTL0 RAM, 2 MiB aligned */
	struct host_range vtl0_mmio[2]; /* low and high MMIO windows */
	struct host_range vtl2_mmio;
	struct host_range guest_kernel, guest_initrd; /* raw file bytes in VTL0 RAM; size 0: none */
	uint8_t entropy[64];                          /* fresh for each boot */
};

/* How a run ends; also vallum-host's exit status (except RESET: boot again). */
enum host_end {
	HOST_END_POWER_OFF = 0,
	HOST_END_ERROR = 1,
	HOST_END_GUEST_CRASH = 2,
	HOST_END_PARAVISOR_FAILED = 3,
	HOST_END_TIMEOUT = 124,
	HOST_END_RESET = 256,
	HOST_END_NONE = 257, /* still running */
};

struct host;
struct host_vp;

/*
 * Ends the run: the first call wins, later ones are ignored. Any thread, does
 * not wait. The message (printf style, may be NULL) goes to stderr as
 * "vallum-host: ...".
 */
void host_end(struct host *h, enum host_end end, const char *fmt, ...) VL_PRINTF(3, 4);
bool host_ending(const struct host *h);
const struct host_config *host_config(const struct host *h);

/* The partition's reference time: 100 ns units since this boot of it began. Any thread. */
uint64_t host_reference_time(const struct host *h);

/* Notes that a boot phase was reached; --log prints it with ms since start. Any thread. */
void host_mark(struct host *h, const char *phase);
/* Likewise of one that VTL2 names later, with the reference time when it was reached: any number. */
void host_mark_at(struct host *h, const char *phase, uint64_t reference_100ns);

/* --- Memory: any thread; RAM stays mapped for the life of the host -------- */

/*
 * Copies between a buffer and the partition's RAM (VTL2's view: all of it).
 * VL_E_RANGE when [addr, addr+size) is not all RAM; then nothing was copied.
 */
int host_memory_read(const struct host *h, gpa_t addr, void *out, size_t size);
int host_memory_write(struct host *h, gpa_t addr, const void *data, size_t size);
/*
 * The host's mapping of [addr, addr+size), NULL unless it lies in one RAM
 * range. The guest can change the bytes at any time: read each once.
 */
void *host_memory_map(const struct host *h, gpa_t addr, size_t size) VL_HOT;
/* The same for VTL0's own RAM only (not VTL2's). */
const void *host_memory_map_vtl0(const struct host *h, gpa_t addr, size_t size) VL_HOT;
/* True when the range lies in that. */
bool host_memory_is_vtl0(const struct host *h, gpa_t addr, size_t size);

/* --- SynIC of VTL2: any thread --------------------------------------------- */

/*
 * Puts a message into SINT `sint` of VP `vp`; queues it while the slot is
 * full (delivered on EOM). VL_E_RANGE for a bad vp, sint or size (> 240);
 * VL_E_STATE when VTL2 has not enabled its SynIC or that message page;
 * VL_E_NOSPACE when the queue is full.
 */
int synic_post_message(struct host *h, unsigned vp, unsigned sint, uint32_t type, const void *payload,
		size_t size);
/*
 * Sets event flag `flag` (0..2047) of the SINT and raises its interrupt when
 * the flag was clear. Errors as above.
 */
int synic_signal_event(struct host *h, unsigned vp, unsigned sint, unsigned flag);

/* --- The loop: one thread for all I/O --------------------------------------- */

struct host_source {
	int fd;
	/* Called on the loop thread with EPOLL* bits. May change or remove itself. */
	void (*ready)(struct host_source *s, uint32_t events);
	void *context;
};

/* Adds, changes or removes a source; the caller owns it and keeps it until removed. Any thread. VL_E_OS. */
int loop_add(struct host *h, struct host_source *s, uint32_t epoll_events);
int loop_change(struct host *h, struct host_source *s, uint32_t epoll_events);
/* On the loop thread `ready` is not called again after this returns. */
void loop_remove(struct host *h, struct host_source *s);
/*
 * Runs fn(context) once on the loop thread, in the order of the calls. Any
 * thread, does not wait; the host ends with an error when memory runs out.
 */
void loop_post(struct host *h, void (*fn)(void *context), void *context);

/* --- Terminal: guest console on stdout/stdin ------------------------------- */

/*
 * Takes `size` bytes read from stdin, removes the Ctrl-A escapes (Ctrl-A x
 * ends the run, Ctrl-A Ctrl-A sends one) and returns how many bytes remain in
 * `data`. Loop thread.
 */
size_t terminal_filter(struct host *h, uint8_t *data, size_t size);

/* --- What vmbus.c provides to the core and devicetree.c ----------------------------------- */

/*
 * vmbus.c. create: before the VPs start (sources may be added to the loop,
 * nothing runs yet); 0 or VL_E_* after printing the reason. destroy: after
 * VPs and loop have stopped; NULL is fine. A boot after a guest reset goes
 * through destroy and create again.
 */
struct vmbus;
int vmbus_create(struct host *h, struct vmbus **out);
void vmbus_destroy(struct vmbus *v);
/*
 * Hypercalls of VTL2, on a VP's thread with no lock held; must not block.
 * `payload` is the host's own copy. Result: enum hv_status.
 */
uint16_t vmbus_post_message(struct vmbus *v, uint32_t connection_id, uint32_t type, const void *payload,
		size_t size);
uint16_t vmbus_signal_event(struct vmbus *v, uint32_t connection_id, uint16_t flag);

/*
 * devicetree.c: writes the host device tree (flattened) for this configuration
 * into out[size]; returns its size in bytes, or the errors of host_dt_build.
 */
int host_devicetree_build(const struct host_config *config, void *out, size_t size);

#endif
