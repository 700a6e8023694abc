/*
 * A host for tests of what the paravisor keeps at it: the reference host's GET
 * service over its state file, in a thread, and the paravisor's client of it.
 * One at a time.
 */
#ifndef VL_TEST_STATE_HOST_H
#define VL_TEST_STATE_HOST_H

#include "runtime/lib/get_client.h"
#include "tools/host/get_service.h"
#include "tools/host/state_file.h"

#include <pthread.h>

struct state_host {
	struct get_client client;
	struct get_service service;
	struct get_storage storage;
	struct state_file file;
	bool broken; /* every access to the storage fails with VL_E_IO */
	unsigned writes_left; /* then each fails as if the power were gone; UINT_MAX: no limit */
	int fd;
	pthread_t thread;
};

extern struct state_host state_host;

/*
 * Starts it on the state file `path`; NULL: it has none. `attest` answers attestation requests by
 * get_service_attested(), or is NULL.
 */
void state_host_start(const char *path, void (*attest)(void *context, const void *request, size_t size));
void state_host_stop(void);

/* The storage itself, whose context is a struct state_file. */
int state_host_read(void *file, uint64_t at, void *out, size_t size);
int state_host_write(void *file, uint64_t at, const void *data, size_t size);
int state_host_flush(void *file);

#endif
