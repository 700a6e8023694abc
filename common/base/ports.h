/*
 * The hvsock (AF_VSOCK) ports between the host and VTL2. The host is CID 2
 * and serves the ports from 0x1000; VTL2 serves the diagnostics ports of the
 * reference implementation. All streams; all untrusted in both directions.
 */
#ifndef VL_BASE_PORTS_H
#define VL_BASE_PORTS_H

/* In VTL2 (reference: openhcl diag_proto). */
#define VL_PORT_DIAG_CONTROL 1
#define VL_PORT_DIAG_DATA 2
/* All of them: VTL2 listens to no other (vsock_listen), and the hardened image's list has each. */
#define VL_PORTS_OF_VTL2(PORT) PORT(VL_PORT_DIAG_CONTROL) PORT(VL_PORT_DIAG_DATA)

/* On the host. */
#define VL_PORT_GET 0x1000       /* host channel: GET messages, each after a le32 length in bytes */
#define VL_PORT_CONSOLE 0x1010   /* + n: raw byte stream of serial port n (COM1 is 0) */
#define VL_PORT_CONSOLE_COUNT 4
#define VL_PORT_DISK 0x1100      /* + n: block service of the n-th --disk */
#define VL_PORT_DISK_COUNT 16
#define VL_PORT_KEY_BROKER 0x1200 /* relayed by the host, unread */

#endif
