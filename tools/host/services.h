/*
 * What vallum-host offers to VTL2 over hvsock: consoles, disks and the --vsock
 * bridge, with hvsock itself under them. main.c creates it on the VMBus after
 * vmbus_create and before the VPs start; get.c registers the host channel on
 * host_services_sockets(). Everything runs on the loop's thread.
 */
#ifndef VL_HOST_SERVICES_H
#define VL_HOST_SERVICES_H

#include "tools/host/host.h"
#include "tools/host/hvsock.h"
#include "tools/host/vmbus.h"

struct host_services;

/*
 * Opens the disks and the bridge's socket that host_config() names and
 * registers all services. 0, or an error that was printed with the path
 * concerned: VL_E_OS, VL_E_NOMEM, VL_E_EXISTS (the socket's path is in use).
 */
int host_services_create(struct host *h, struct vmbus *bus, struct host_services **services);
/*
 * After VPs and loop have stopped: writes out what the console still holds,
 * flushes disks, removes the socket's path, frees. NULL is fine.
 */
void host_services_destroy(struct host_services *services);
/* Where a further service registers (host_service_register). */
struct hvsock *host_services_sockets(struct host_services *services);

#endif
