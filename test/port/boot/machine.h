/*
 * A machine for the boot shim as an ordinary process: the functions of
 * common/boot/port.h over a buffer that stands for the image's memory. A test
 * fills `machine`, calls machine_boot, and looks at how it ended.
 */
#ifndef VL_TEST_BOOT_MACHINE_H
#define VL_TEST_BOOT_MACHINE_H

#include "common/boot/shim.h"

#define MACHINE_BASE 0x20000000ull       /* of the image's memory in the guest */
#define MACHINE_BYTES (4u << 20)
#define MACHINE_SHIM (MACHINE_BASE + 0x240000) /* the shim's load address */
#define MACHINE_PARAMS (MACHINE_BASE + 0x250000)
#define MACHINE_COMMAND_LINE (MACHINE_BASE + 0x251000)
#define MACHINE_INITRD (MACHINE_BASE + 0x252000)
#define MACHINE_INITRD_BYTES 5000u
#define MACHINE_PARAMETERS (MACHINE_BASE + 0x260000)
#define MACHINE_LOG (MACHINE_BASE + 0x3d0000)
#define MACHINE_KERNEL_ENTRY (MACHINE_BASE + 0x200100)

enum machine_end { MACHINE_RUNNING, MACHINE_HALTED, MACHINE_ENTERED_KERNEL };

enum machine_page { MACHINE_PAGE_UNTOUCHED, MACHINE_PAGE_PROTECTED, MACHINE_PAGE_ACCEPTED };

struct machine {
	/* What the test decides. */
	enum isolation isolation;
	int isolation_error; /* 0, or what port_isolation returns */
	unsigned vtl;
	uint64_t capabilities; /* HvRegisterVsmCapabilities */
	uint16_t call_status;  /* what every hypercall returns */
	uint32_t first_vp_index; /* the hypervisor's number of the first CPU */
	bool no_hypervisor, stack_overrun;
	/* How it ended. */
	enum machine_end end;
	bool crash_reported;
	uint64_t crash[5], crash_control;
	bool hypercalls_stopped;
	unsigned cpus_checked, cpus_prepared;
	uint64_t partition_config; /* HvRegisterVsmPartitionConfig */
	uint8_t page_state[MACHINE_BYTES / VL_PAGE_BYTES]; /* enum machine_page of the image's pages */
	unsigned pages_outside; /* protected or accepted beyond the image */
	struct shim shim;
	uint8_t *memory; /* MACHINE_BYTES from MACHINE_BASE */
};

extern struct machine machine;

/* Lays out a sound image (parameters, command line, initrd) in zeroed memory; no host device tree. */
void machine_init(void);
/* The memory at a guest address. */
void *machine_at(uint64_t at);
struct shim_params *machine_params(void);
struct shim_log *machine_log(void);
/* one region: kernel to command line, as the builder writes it */
struct imported_regions *machine_regions(void);
void machine_command_line(enum command_line_policy policy, const char *text);
/* Where the host's device tree goes. */
void *machine_host_tree(void);
/* Runs the shim to its end. */
void machine_boot(void);

#endif
