/*
 * The hypercalls that the shim makes, over port_hypercall. The host's answers
 * are checked by the callers; a refusal is an error with the TLFS status.
 */
#ifndef VL_BOOT_HYPERCALL_H
#define VL_BOOT_HYPERCALL_H

#include "common/boot/port.h"

/* Parameters of one call at a time; TLFS 3.5: neither may cross a page. */
struct hypercall_pages {
	uint8_t input[VL_PAGE_BYTES];
	uint8_t output[VL_PAGE_BYTES];
} __attribute__((aligned(VL_PAGE_BYTES)));

/* A register of this VP and VTL, its low 64 bits. VL_E_HYPERCALL. */
int hypercall_get_register(struct hypercall_pages *pages, uint32_t name, uint64_t *value,
	struct boot_error *error);

/* Sets a register of this VP and VTL. VL_E_HYPERCALL. */
int hypercall_set_register(struct hypercall_pages *pages, uint32_t name, uint64_t value,
	struct boot_error *error);

/*
 * Checks that the hypervisor numbers the VPs as the device tree lists the CPUs.
 * VL_E_HYPERCALL, or VL_E_RANGE with the CPU that differs.
 */
int hypercall_check_cpus(struct hypercall_pages *pages, const struct host_dt *host, struct boot_error *error);

#endif
