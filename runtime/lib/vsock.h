/* Streams to the host over AF_VSOCK (hvsock under Hyper-V's VMBus). */
#ifndef VL_LIB_VSOCK_H
#define VL_LIB_VSOCK_H

#include "common/base/err.h"
#include "common/base/types.h"

/*
 * Connects a non-blocking, close-on-exec stream to the host's (CID 2) `port`;
 * tries again while nobody answers there, for at most `limit_ms`. Returns the
 * descriptor, or VL_E_TIMEOUT, VL_E_OS (the kernel has no such sockets).
 */
int vsock_connect(uint32_t port, unsigned limit_ms);

/*
 * A socket on which streams of the host to our `port` are accepted, non-blocking and
 * close-on-exec. VL_E_DENIED: a port that is not in VL_PORTS_OF_VTL2; VL_E_OS (errno); a port below 1024
 * wants CAP_NET_BIND_SERVICE.
 */
int vsock_listen(uint32_t port);

#endif
