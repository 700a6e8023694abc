/*
 * The VM worker's boundary to the hypervisor: everything that it asks of the
 * VTL2 kernel's drivers goes through these functions and no others. mshv.c
 * implements them over /dev/mshv and its sisters (Linux
 * include/uapi/linux/mshv.h); the test port replaces that one file by a fake
 * that plays a scripted guest, and the rest of the worker runs as it is.
 *
 * Trust: the kernel is trusted. What lies in `message` was written by the
 * host: copied by the kernel, so stable, but its content is hostile.
 */
#ifndef VL_VM_HVPORT_H
#define VL_VM_HVPORT_H

#include "common/base/err.h"
#include "common/hv/hv.h"

#define HVPORT_CONTEXT_BYTES 1024

struct hvport {
	int vtl_fd;    /* made by hvport_open */
	int low_fd;    /* the caller's */
	int hvcall_fd; /* the caller's */
	bool has_register_page;
	bool takes_over; /* set before: VTL0 was another process's, its memory is known to the driver */
};

/* What one VP shares with the driver; valid from hvport_vp_open on. */
struct hvport_vp {
	struct hvport *port;
	unsigned index;             /* VP index and Linux CPU number */
	int kick_fd;                /* eventfd that the driver polls: a write cancels the run */
	volatile uint32_t *cancel;
	struct hv_message *message; /* the last intercept */
	void *context;              /* registers that VTLs share; the port knows the layout */
	void *register_page;        /* the port knows the layout; NULL when not offered */
};

/*
 * Makes VTL0 of this partition ours. The descriptors are /dev/mshv,
 * /dev/mshv_vtl_low and /dev/mshv_hvcall, opened by somebody with the right to
 * do so; they stay the caller's. VL_E_OS (errno).
 */
int hvport_open(struct hvport *p, int mshv_fd, int low_fd, int hvcall_fd);

/*
 * Maps VTL0 memory [base, base + size), page aligned, read-write, and gives
 * its address in *out. It stays mapped for the process's life. VL_E_OS.
 */
int hvport_map_memory(struct hvport *p, gpa_t base, uint64_t size, void **out);

/* Opens VP `index`. VL_E_OS; VL_E_LIMIT for an index beyond what the kernel's CPU sets take. */
int hvport_vp_open(struct hvport *p, unsigned index, struct hvport_vp *vp);

/* Makes the calling thread the one that runs this VP: on its CPU, and below all other work there. VL_E_OS. */
int hvport_vp_bind(struct hvport_vp *vp);

/*
 * Lets VTL0 run on this VP until an intercept: 0, and *vp->message is it.
 * VL_E_AGAIN after hvport_kick() or a signal. VL_E_OS. Only on the VP's
 * own thread (hvport_vp_bind), as the two register functions.
 */
int hvport_run(struct hvport_vp *vp) VL_HOT;

/* Makes the present or next hvport_run() of the VP return VL_E_AGAIN. Any thread. */
void hvport_kick(struct hvport_vp *vp);

/* VTL0's register `name` (HV_REGISTER_NAME) of this VP. VL_E_HYPERCALL. */
int hvport_get_register(struct hvport_vp *vp, uint32_t name, struct hv_reg_value *value);
int hvport_set_register(struct hvport_vp *vp, uint32_t name, const struct hv_reg_value *value);

/*
 * A hypercall that is not a rep: `code` (enum hv_call_code) with in[in_size]
 * and out[out_size] (may be NULL, 0). VL_E_OS when the driver refused,
 * VL_E_HYPERCALL with *status (may be NULL; enum hv_status) when the
 * hypervisor did. Any thread.
 */
int hvport_call(struct hvport *p, uint16_t code, const void *in, size_t in_size, void *out, size_t out_size,
	uint16_t *status);

#endif
