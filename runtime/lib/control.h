/*
 * The control protocol between the paravisor (`vallum`) and the VM worker
 * (`vallum-vm`) over one SOCK_SEQPACKET channel (channel.h). Both are built
 * together, so fields are native integers; but the worker digests guest input
 * and is not trusted: the paravisor checks each message by control_check()
 * and never acts on more than it asked for.
 *
 * What the worker finds at its start: 0 is /dev/null, 1 and 2 are /dev/kmsg
 * (kmsg.h is the log sink), 3 (CONTROL_FD) is this channel, nothing else is
 * open; argv has its name only and the environment is empty.
 *
 *   paravisor                       worker
 *   CONFIG + descriptors    ->              once, first
 *   [RESTORE + memfd        ->
 *                           <-      DONE{RESTORE, 0 or error}]
 *   START                   ->              load the guest (if not restored), run VPs
 *                           <-      STARTED             VPs are about to enter VTL0
 *   STOP                    ->              all VPs out of VTL0, devices quiet
 *                           <-      DONE{STOP, ..}      START resumes
 *   SAVE                    ->              only while stopped
 *                           <-      DONE{SAVE, ..} + memfd with the state records
 *                           <-      POWER_OFF | RESET | TRIPLE_FAULT | CRASH
 *
 * The four last messages end the guest: the worker has stopped its VPs and
 * sends nothing more; it then waits for the channel to close and exits. A
 * worker that cannot go on (bad kernel image, driver refuses) sends CRASH with
 * a text for a person, at any time after CONFIG.
 */
#ifndef VL_LIB_CONTROL_H
#define VL_LIB_CONTROL_H

#include "common/base/err.h"
#include "common/base/types.h"

#define CONTROL_VERSION 1
#define CONTROL_FD 3

enum control_type {
	/* to the worker */
	CONTROL_CONFIG = 1,
	CONTROL_START = 2,
	CONTROL_STOP = 3,
	CONTROL_SAVE = 4,
	CONTROL_RESTORE = 5,
	/* to the paravisor */
	CONTROL_STARTED = 0x101,
	CONTROL_DONE = 0x102,
	CONTROL_POWER_OFF = 0x103,
	CONTROL_RESET = 0x104,
	CONTROL_TRIPLE_FAULT = 0x105,
	CONTROL_CRASH = 0x106,
};

/* START, STOP, SAVE, RESTORE, POWER_OFF and RESET are a header and no more. */
struct control_header {
	uint32_t type; /* enum control_type */
	uint32_t size; /* of the whole message in bytes, header included */
};

enum {
	CONTROL_VP_MAX = 2048,
	CONTROL_RANGE_MAX = 128,
	CONTROL_DISK_MAX = 16,
	CONTROL_CONSOLE_MAX = 4,
	CONTROL_COMMAND_LINE_MAX = 4096, /* bytes with the NUL */
	CONTROL_DIGEST_MAX = 48,
	CONTROL_TEXT_MAX = 200,          /* bytes with the NUL */
	CONTROL_REGISTER_MAX = 32,
};

/* What a descriptor that comes with CONFIG is. */
enum control_fd_role {
	CONTROL_FD_MSHV = 1,    /* /dev/mshv */
	CONTROL_FD_VTL_LOW = 2, /* /dev/mshv_vtl_low: VTL0's memory, file offset = GPA */
	CONTROL_FD_HVCALL = 3,  /* /dev/mshv_hvcall */
	/* + index: connected stream of serial port `index`, raw bytes, non-blocking */
	CONTROL_FD_CONSOLE = 4,
	/* + enum control_device; of a device in a worker of its own (common/devipc/devipc.h) */
	CONTROL_FD_SUPPLY = 6, /* the channel on which links to its worker come */
	CONTROL_FD_SHARED = 7, /* the memory of both, DEVIPC_SHARED_BYTES */
	CONTROL_FD_INSPECT = 8,   /* its end as a unit of the inspect tree (inspect_unit.h) */
	CONTROL_FD_DISK = 5,    /* + index: connected stream of the block service of disk `index` */
};

/* The devices that can be in a worker. */
enum control_device { CONTROL_DEVICE_TPM, CONTROL_DEVICE_COM1, CONTROL_DEVICE_COM2, CONTROL_DEVICE_COUNT };

struct control_fd {
	uint32_t role;  /* enum control_fd_role */
	uint32_t index; /* of what there are several, else 0 */
};

enum control_range_kind {
	CONTROL_RANGE_RAM = 0,  /* VTL0 memory */
	CONTROL_RANGE_MMIO = 1, /* address space for VTL0's devices */
};

struct control_range {
	uint64_t base, size; /* bytes, page aligned, sorted by base, disjoint */
	uint32_t kind;       /* enum control_range_kind */
	uint32_t node;       /* NUMA node */
};

struct control_vp {
	uint64_t hw_id; /* APIC id or MPIDR affinity; VP n is Linux CPU n */
	uint32_t node;  /* NUMA node */
	uint32_t reserved;
};

struct control_blob {
	uint64_t base, size; /* in VTL0 RAM, bytes; size 0: none */
};

/* Descriptors travel with this message in the order of `fds`. */
struct control_config {
	struct control_header header;
	uint32_t version; /* CONTROL_VERSION */
	uint32_t isolated; /* 0 or 1 */
	uint32_t takes_over; /* 0 or 1: another process ran this guest before, RESTORE follows */
	uint32_t vp_count, range_count, fd_count;
	uint32_t disk_read_only; /* bit n: disk n */
	uint64_t utc_ns;      /* host's wall clock at `utc_boot_ns`, since 1970; 0: unknown */
	uint64_t utc_boot_ns; /* CLOCK_BOOTTIME then */
	/* What VTL2 itself was made from, for the guest's TPM; 0 bytes: not known. */
	uint8_t image_digest[CONTROL_DIGEST_MAX];
	uint32_t image_digest_bytes;
	struct control_blob kernel, initrd; /* raw files that the host placed; hostile content */
	struct control_fd fds[CONTROL_CONSOLE_MAX + CONTROL_DISK_MAX + 2 * CONTROL_DEVICE_COUNT + 4];
	struct control_range ranges[CONTROL_RANGE_MAX];
	struct control_vp vps[CONTROL_VP_MAX];
	char command_line[CONTROL_COMMAND_LINE_MAX]; /* the guest's; NUL-terminated */
};

struct control_started {
	struct control_header header;
	uint64_t boot_ns; /* CLOCK_BOOTTIME when the first VP was about to enter VTL0 */
};

struct control_done {
	struct control_header header;
	uint32_t request; /* enum control_type it answers */
	int32_t error;    /* 0 or enum vl_err */
};

/* A register as the hypervisor names it (HV_REGISTER_NAME), 128 bits. */
struct control_register {
	uint32_t name, reserved;
	uint64_t low, high;
};

struct control_triple_fault {
	struct control_header header;
	uint32_t vp, register_count;
	struct control_register registers[CONTROL_REGISTER_MAX]; /* none when isolated */
};

struct control_crash {
	struct control_header header;
	uint32_t vp;   /* which VP, or CONTROL_NO_VP */
	int32_t error; /* enum vl_err; VL_E_GUEST: the guest did what cannot go on, all else: we failed */
	char text[CONTROL_TEXT_MAX]; /* for a person: what, where; NUL-terminated */
};
#define CONTROL_NO_VP 0xffffffffu

/* Big enough for any message; a receiver's buffer. */
union control_any {
	struct control_header header;
	struct control_config config;
	struct control_started started;
	struct control_done done;
	struct control_triple_fault triple_fault;
	struct control_crash crash;
};

/*
 * Checks a received message: its size is the one of its type, counts are
 * within bounds, texts are terminated, ranges are aligned, sorted, disjoint
 * and do not wrap, kernel and initrd lie within one RAM range each, and
 * `fd_count` descriptors came as the type wants (CONFIG: as many as it lists,
 * each role and index at most once; RESTORE and a good DONE{SAVE}: one; else
 * none). 0, or VL_E_TRUNCATED, VL_E_TYPE, VL_E_VERSION, VL_E_LIMIT,
 * VL_E_RANGE (also an error that is none), VL_E_ALIGN, VL_E_OVERLAP, VL_E_DUPLICATE, VL_E_FORMAT.
 */
int control_check(const void *data, size_t size, size_t fd_count);

/* Sends a message whose header is set up here: type and size. channel_send's errors. */
int control_send(int fd, enum control_type type, void *message, size_t size, const int *fds, size_t fd_count);

/* As control_send for the types that are a header only. */
int control_signal(int fd, enum control_type type);

/* The descriptor of that role and index in a checked CONFIG with its descriptors, or -1. */
int control_fd_of(const struct control_config *config, const int *fds, enum control_fd_role role,
	uint32_t index);

#endif
