/*
 * Streams to VTL2 through the Unix socket of `--vsock` ("CONNECT <port>\n", then
 * "OK <port>\n"), and reading from them with a limit. What comes over them is the
 * paravisor's and hostile.
 */
#ifndef VL_CTL_LINK_H
#define VL_CTL_LINK_H

#include "tools/vallumctl/ctl.h"

/* ctl.connect for a real VM. */
int link_connect(struct ctl *c, uint32_t port);

/* CLOCK_MONOTONIC in milliseconds. */
uint64_t link_now_ms(void);

/* The end of the user's --timeout, from now. */
uint64_t link_deadline(const struct ctl *c);

/*
 * Waits for `events` until the deadline (0: without one, for --follow). VL_E_TIMEOUT, VL_E_OS.
 */
int link_wait(int fd, short events, uint64_t deadline_ms);

/* All of it, or VL_E_TIMEOUT, VL_E_CLOSED, VL_E_OS. */
int link_write(int fd, const void *data, size_t size, uint64_t deadline_ms);
int link_read(int fd, void *data, size_t size, uint64_t deadline_ms);

/*
 * A data connection and the number by which a call names it. The descriptor, or -1
 * after having said why in *status.
 */
int link_data(struct ctl *c, uint64_t *id, int *status);

#endif
