/*
 * What vallum-host offers to VTL2 over hvsock: consoles, disks and the --vsock
 * bridge, with the event loop, VMBus and hvsock under them. main.c fills the
 * configuration and starts it once; get.c registers the host channel on
 * host_services_sockets().
 */
#ifndef VL_HOST_SERVICES_H
#define VL_HOST_SERVICES_H

#include "tools/host/hvsock.h"
#include "tools/host/vmbus.h"

struct host_services;

struct host_services_config {
	const struct vmbus_host_ops *ops; /* see vmbus.h */
	void *ops_context;
	int console_in;  /* fd that feeds COM1, -1: none. Not closed. */
	int console_out; /* fd for what COM1 sends; blocking writes go to a thread of their own */
	bool console_escape; /* Ctrl-A x calls `quit`, Ctrl-A Ctrl-A sends one Ctrl-A */
	void (*quit)(void *context); /* loop's thread */
	void *quit_context;
	const char *const *disk_path; /* [disk_count] raw image files, or block devices */
	unsigned disk_count;
	const char *vsock_path; /* Unix socket of the bridge; NULL: none */
};

/*
 * Opens the disks and the socket and sets everything up; nothing runs yet.
 * 0, or an error that was logged with the path concerned: VL_E_LIMIT (too many
 * disks), VL_E_OS, VL_E_NOMEM, VL_E_EXISTS (the socket's path is in use).
 */
int host_services_create(const struct host_services_config *config, struct host_services **services);
/* Starts the loop's thread. 0 or VL_E_OS. */
int host_services_start(struct host_services *services);
/* Stops the threads, writes what is pending (at most 2 s), removes the socket's path, frees. NULL is harmless. */
void host_services_destroy(struct host_services *services);

struct host_loop *host_services_loop(struct host_services *services);
struct vmbus *host_services_vmbus(struct host_services *services);
struct hvsock *host_services_sockets(struct host_services *services);

#endif
