/*
 * The host of a whole paravisor under test (life.c): it answers as the reference host
 * does, or lies, and notes what it was told.
 */
#ifndef VL_TEST_LIFE_HOST_H
#define VL_TEST_LIFE_HOST_H

#include "tools/host/get_service.h"

/* What the host learned, in order: phrases that end in a semicolon. */
extern char told[4096];
void tell(const char *fmt, ...) VL_PRINTF(1, 2);

struct fake_host {
	int fd;
	struct get_service service;
	/* Bytes to send instead of being a host; NULL: be one. */
	const void *lie;
	size_t lie_bytes;
	bool closes; /* after the lie */
	const struct get_storage *storage;
};
extern struct fake_host host;
extern struct dps_settings settings; /* that it has for the paravisor */
extern unsigned connections;         /* so far; the first one alone may meet a liar */
extern int refused_connections;      /* to come */

/* What the host says with the first event, without having been asked. */
extern uint8_t unasked[64];
extern size_t unasked_bytes;

uint64_t host_utc(void *context);
/* A descriptor, for struct paravisor_ops; VL_E_TIMEOUT. */
int connect_to_host(void *context, unsigned limit_ms);
/* Until the host has seen all; the paravisor has hung up. */
void host_join(void);

#endif
