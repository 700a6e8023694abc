/*
 * What the boot shim says about the partition: isolation, memory, processors,
 * the guest that the host placed, boot times. Read once at the paravisor's
 * start, checked, and constant from then on.
 */
#ifndef VL_PARAVISOR_MACHINE_H
#define VL_PARAVISOR_MACHINE_H

#include "runtime/lib/control.h"
#include "runtime/lib/isolation.h"

struct machine {
	struct filter_context filter; /* how the VM is isolated, and what follows from it */
	uint32_t vp_count, range_count;
	struct control_vp vps[CONTROL_VP_MAX];
	struct control_range ranges[CONTROL_RANGE_MAX]; /* sorted, disjoint */
	/* VTL2's own: its kernel's, and what the shim keeps from that */
	uint64_t vtl2_ram_bytes, vtl2_other_bytes;
	struct control_blob kernel, initrd;             /* size 0: none */
	char command_line[CONTROL_COMMAND_LINE_MAX];    /* the guest's */
	uint32_t disk_count;
	uint64_t shim_log_base, shim_log_size;          /* size 0: none */
	uint64_t shim_start, shim_end;                  /* partition reference time, 100 ns; 0: unknown */
	uint64_t sidecar_start, sidecar_end;
};

/*
 * Fills `m` from the tree. *where names the node or property at fault after an
 * error (static text). VL_E_NOTFOUND or VL_E_MISSING (a required part is not
 * there), VL_E_FORMAT, VL_E_RANGE, VL_E_LIMIT (too many CPUs or ranges),
 * VL_E_ALIGN, VL_E_OVERLAP, VL_E_DUPLICATE (two CPUs with one id), VL_E_OS.
 */
int machine_read(struct machine *m, const struct devtree *t, const char **where);

/* Fills the machine's part of a CONFIG; the caller adds descriptors and time. */
void machine_config(const struct machine *m, struct control_config *c);

#endif
