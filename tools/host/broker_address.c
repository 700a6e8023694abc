/* Addresses of the key broker (broker_address.h); they are the user's. */
#include "tools/host/broker_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

union address {
	struct sockaddr any;
	struct sockaddr_un unix_path;
	struct sockaddr_in inet;
};

/* The address's size in bytes, or VL_E_FORMAT. */
static int parse_unix(const char *path, union address *a)
{
	size_t size = strlen(path);

	if (!size || size >= sizeof(a->unix_path.sun_path))
		return VL_E_FORMAT;
	a->unix_path.sun_family = AF_UNIX;
	memcpy(a->unix_path.sun_path, path, size + 1);
	return (int)sizeof(a->unix_path);
}

static int parse_inet(const char *text, union address *a)
{
	const char *colon = strrchr(text, ':');
	char host[INET_ADDRSTRLEN], *end;
	unsigned long port;

	if (!colon || (size_t)(colon - text) >= sizeof(host) || !colon[1])
		return VL_E_FORMAT;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = 0;
	port = strtoul(colon + 1, &end, 10);
	if (*end || port > 65535 || inet_pton(AF_INET, host, &a->inet.sin_addr) != 1)
		return VL_E_FORMAT;
	a->inet.sin_family = AF_INET;
	a->inet.sin_port = htons((uint16_t)port);
	return (int)sizeof(a->inet);
}

static int parse(const char *text, union address *a)
{
	memset(a, 0, sizeof(*a));
	if (!strncmp(text, "unix:", 5))
		return parse_unix(text + 5, a);
	return strncmp(text, "tcp:", 4) ? VL_E_FORMAT : parse_inet(text + 4, a);
}

static int give_up(int fd)
{
	int error = errno;

	close(fd);
	errno = error;
	return VL_E_OS;
}

/* A socket for `address`, whose *size bytes are in *a. */
static int open_socket(const char *address, union address *a, socklen_t *size)
{
	int n = parse(address, a), fd;

	if (n < 0)
		return n;
	*size = (socklen_t)n;
	fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd < 0 ? VL_E_OS : fd;
}

int broker_address_connect(const char *address)
{
	union address a;
	socklen_t size;
	int fd = open_socket(address, &a, &size);

	if (fd < 0)
		return fd;
	return connect(fd, &a.any, size) && errno != EINPROGRESS ? give_up(fd) : fd;
}

/* What an ended broker left: a socket that refuses connections, as any other file would, too. */
static void remove_stale(const char *address, const union address *a)
{
	int fd = broker_address_connect(address), err = errno;
	struct stat s;

	if (fd >= 0)
		close(fd);
	else if (err == ECONNREFUSED && !lstat(a->unix_path.sun_path, &s) && S_ISSOCK(s.st_mode))
		unlink(a->unix_path.sun_path);
}

int broker_address_listen(const char *address)
{
	union address a;
	socklen_t size;
	int fd = open_socket(address, &a, &size), on = 1;

	if (fd < 0)
		return fd;
	if (a.any.sa_family == AF_UNIX)
		remove_stale(address, &a);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(fd, &a.any, size) || listen(fd, 16) ? give_up(fd) : fd;
}
