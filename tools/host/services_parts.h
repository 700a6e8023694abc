/*
 * The services behind services.h: consoles, disks and the --vsock bridge.
 * Created and destroyed by services.c and by tests; all else runs on the
 * loop's thread.
 */
#ifndef VL_HOST_SERVICES_PARTS_H
#define VL_HOST_SERVICES_PARTS_H

#include "tools/host/host.h"
#include "tools/host/hvsock.h"

/*
 * COM1 (VL_PORT_CONSOLE) between VTL2 and the fds `in` (-1: none) and `out`;
 * the other ports' output goes to the log, line by line. The fds stay the
 * caller's. 0, VL_E_NOMEM, or what host_service_register says. drain: after the
 * loop has stopped, writes out what VTL2 had sent, for at most 2 seconds.
 * destroy: after the sockets.
 */
struct console;
int console_create(struct host *h, struct hvsock *sockets, int in, int out, struct console **console);
void console_drain(struct console *console);
void console_destroy(struct console *console);

/*
 * Serves the raw image `path` (a file or a block device) on VL_PORT_DISK +
 * `index`; read-only when it cannot be opened for writing. 0, or an error that
 * was logged: VL_E_OS, VL_E_NOMEM, VL_E_RANGE (empty, or not whole blocks).
 * destroy: after the sockets; ends the disk's thread and flushes.
 */
struct disk;
int disk_create(struct host *h, struct hvsock *sockets, unsigned index, const char *path, struct disk **disk);
void disk_destroy(struct disk *disk);

/*
 * Listens on the Unix socket `path`: a client sends "CONNECT <port>\n", gets
 * "OK <port of the host's end>\n" when VTL2 has accepted, and is then
 * connected to that port. Who has not sent its line after `command_limit_ms` is
 * disconnected, so that it holds no place. A few are connected at a time, in the order
 * of their lines. 0, or an error that was logged: VL_E_EXISTS,
 * VL_E_OS, VL_E_RANGE (path too long), VL_E_NOMEM. destroy: after the sockets;
 * removes the path.
 */
#define BRIDGE_COMMAND_LIMIT_MS 10000u /* a person who types it has the time */
struct bridge;
int bridge_create(struct host *h, struct hvsock *sockets, const char *path, unsigned command_limit_ms,
		struct bridge **bridge);
void bridge_destroy(struct bridge *bridge);

#endif
