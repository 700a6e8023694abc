/*
 * Addresses of the key broker, for the host that connects and the broker that
 * listens: "unix:PATH", or "tcp:ADDRESS:PORT" with a numeric IPv4 address.
 */
#ifndef VL_HOST_BROKER_ADDRESS_H
#define VL_HOST_BROKER_ADDRESS_H

#include "common/base/err.h"

/*
 * A non-blocking stream whose connection may still be under way, or a listening
 * socket (a Unix socket that nobody listens on any more is replaced). The
 * descriptor, or VL_E_FORMAT (no such address), VL_E_OS (see errno).
 */
int broker_address_connect(const char *address);
int broker_address_listen(const char *address);

#endif
