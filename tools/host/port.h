/*
 * What an architecture gives to the reference host (ports/<arch>/host). The
 * core owns memory, hypercall dispatch, the registers of every architecture,
 * the SynIC and the devices' side; the port owns KVM's VMs and vCPUs, the
 * switch between VTLs, exits, interrupts into VTL2, and its own registers.
 * Errors are printed by the port where they happen (vl_error) and returned.
 */
#ifndef VL_HOST_PORT_H
#define VL_HOST_PORT_H

#include "tools/host/partition.h"

/* 1. Creates one VM per VTL over h->memory and all vCPUs of h->vp; 0 or VL_E_OS, VL_E_UNSUPPORTED. */
int port_vm_create(struct host *h);
/* 2. Releases all of it, also after a port_vm_create that failed half way. No VP thread runs. */
void port_vm_destroy(struct host *h);
/* 3. host_dt_port_hardware_id and host_dt_port_nodes: devicetree.h. */
/* 4. The body of a VP's thread: runs both VTLs until host_ending(). */
void port_vp_run(struct host_vp *vp) VL_HOT;
/* 5. Any thread: the VP leaves the guest soon and looks at what is asked of it; never lost. */
void port_vp_kick(struct host_vp *vp);
/* 6. Any thread: raises the interrupt of a SINT in VTL2; with auto_eoi it needs no EOI. */
void port_vtl2_interrupt(struct host_vp *vp, unsigned vector, bool auto_eoi);
/* 7. 8. Registers that the core does not know; enum hv_status. Before VPs run also from main(). */
uint16_t port_register_get(struct host_vp *vp, unsigned vtl, uint32_t name, struct hv_reg_value *value);
uint16_t port_register_set(struct host_vp *vp, unsigned vtl, uint32_t name, const struct hv_reg_value *value);
/* 9. A hypercall that the core does not know: reads vp->call.in, fills out; enum hv_status. */
uint16_t port_hypercall(struct host_vp *vp, unsigned code);
/* 10. Nanoseconds-free clock behind the reference time: 100 ns units, monotonic. */
uint64_t port_reference_clock(const struct host *h);
/* 11. The register page of VTL0 was set (vp->register_page): fill it. */
void port_register_page_changed(struct host_vp *vp);

#endif
