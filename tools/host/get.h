/*
 * The host channel of a run: the GET service on hvsock port VL_PORT_GET, tied
 * to the run's life. main.c creates it after the services and before the VPs
 * start. All on the loop's thread.
 */
#ifndef VL_HOST_GET_H
#define VL_HOST_GET_H

#include "tools/host/host.h"
#include "tools/host/hvsock.h"

#define GET_BOOT_LIMIT_SECONDS 600 /* from the start to VTL0's; then VTL2 is taken for hung */

struct host_channel;

/*
 * Registers the service. Until VTL2 reports that VTL0 runs, a limit is armed
 * that ends the run with HOST_END_PARAVISOR_FAILED. 0, or VL_E_NOMEM, VL_E_OS,
 * errors of host_service_register(), after printing the reason.
 */
int host_channel_create(struct host *h, struct hvsock *sockets, struct host_channel **out);
/* After the hvsock and with it all connections are gone. NULL is fine. */
void host_channel_destroy(struct host_channel *c);

#endif
