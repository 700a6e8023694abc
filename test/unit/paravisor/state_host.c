/* state_host.h */
#include "test/unit/paravisor/state_host.h"

#include <check.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

struct state_host state_host = { .file = { .fd = -1 }, .writes_left = UINT_MAX, .fd = -1 };

int state_host_read(void *file, uint64_t at, void *out, size_t size)
{
	return state_host.broken ? VL_E_IO : state_file_read(file, at, out, size);
}

int state_host_write(void *file, uint64_t at, const void *data, size_t size)
{
	if (state_host.broken || !state_host.writes_left)
		return VL_E_IO;
	state_host.writes_left -= state_host.writes_left != UINT_MAX;
	return state_file_write(file, at, data, size);
}

int state_host_flush(void *file)
{
	return state_host.broken ? VL_E_IO : state_file_flush(file);
}

static int host_send(void *context, const void *data, size_t size)
{
	return send(state_host.fd, data, size, MSG_NOSIGNAL) == (ssize_t)size ? 0 : VL_E_CLOSED;
}

static void *host_run(void *context)
{
	uint8_t bytes[1000];
	ssize_t n;

	while ((n = read(state_host.fd, bytes, sizeof(bytes))) > 0)
		if (get_service_receive(&state_host.service, bytes, (size_t)n) != 0)
			break;
	close(state_host.fd);
	return NULL;
}

void state_host_start(const char *path, void (*attest)(void *context, const void *request, size_t size))
{
	static struct get_service_ops ops = { .send = host_send };
	struct state_host *h = &state_host;
	int pair[2];

	ops.attest = attest;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	h->fd = pair[1];
	get_service_init(&h->service, &ops, NULL, NULL);
	h->service.version_agreed = true;
	if (path) {
		ck_assert_int_eq(state_file_open(&h->file, path, STATE_FILE_BYTES), 0);
		h->storage = (struct get_storage){ state_host_read, state_host_write,
			state_host_flush, &h->file, h->file.size_bytes };
		h->service.storage = &h->storage;
	}
	get_client_init(&h->client, pair[0], NULL, NULL);
	ck_assert_int_eq(pthread_create(&h->thread, NULL, host_run, NULL), 0);
}

void state_host_stop(void)
{
	get_client_close(&state_host.client);
	pthread_join(state_host.thread, NULL);
	state_file_close(&state_host.file);
	state_host.broken = false;
}
