/* Hellos of processes (text.h). Who says one may be hostile by the time it is heard. */
#include "runtime/lib/text.h"
#include "runtime/lib/channel.h"

#include <errno.h>
#include <sys/socket.h>

#ifndef VL_HARDENED
void text_tell(int fd)
{
	const struct text_hello hello = { .version = TEXT_VERSION, .text_base = text_base() };

	(void)channel_send(fd, &hello, sizeof(hello), NULL, 0, 0); /* unheard it costs names, no more */
}

/* The size of the next message, of which `hello` gets the beginning. */
static ssize_t look(int fd, struct text_hello *hello, int flags)
{
	ssize_t n = recv(fd, hello, sizeof(*hello), flags);

	/* Of a peer that ended before it read all; told once (channel.c). */
	return n < 0 && errno == ECONNRESET ? recv(fd, hello, sizeof(*hello), flags) : n;
}

uint64_t text_hear(int fd)
{
	struct text_hello hello;
	const int flags = MSG_TRUNC | MSG_DONTWAIT;

	if (look(fd, &hello, flags | MSG_PEEK) != sizeof(hello) || look(fd, &hello, flags) != sizeof(hello))
		return 0;
	if (hello.version != TEXT_VERSION || hello.reserved || hello.text_base % VL_PAGE_BYTES)
		return 0;
	return hello.text_base;
}
#endif
