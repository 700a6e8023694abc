/*
 * The store's protocol and its client (store.h). The client runs in a worker and
 * trusts the paravisor with its files, but not with its own memory: each reply is
 * checked against what was asked.
 */
#include "runtime/lib/store.h"
#include "runtime/lib/channel.h"

#include <string.h>

int store_request_check(const void *request, size_t size, size_t *data_bytes)
{
	struct store_request q;

	if (size < sizeof(q))
		return VL_E_TRUNCATED;
	memcpy(&q, request, sizeof(q));
	*data_bytes = size - sizeof(q);
	if (q.op < STORE_READ || q.op > STORE_DELETE)
		return VL_E_TYPE;
	if (q.op != STORE_WRITE)
		return *data_bytes || q.total || (q.op == STORE_DELETE && q.offset) ? VL_E_RANGE : 0;
	if (q.total > STORE_FILE_MAX || *data_bytes > STORE_PIECE_MAX)
		return VL_E_LIMIT;
	if (!vl_within(q.offset, *data_bytes, q.total) || (q.total && !*data_bytes))
		return VL_E_RANGE;
	return 0;
}

/* Sends what stands in `message` and waits for the reply to it; *data_bytes is what came behind it. */
static int call(int fd, uint8_t *message, size_t size, struct store_reply *r, size_t *data_bytes)
{
	struct channel_message m = { .data = message, .capacity = STORE_REPLY_MAX };
	struct store_request q;
	int err;

	memcpy(&q, message, sizeof(q));
	err = channel_send(fd, message, size, NULL, 0, STORE_CLIENT_LIMIT_MS);
	if (!err)
		err = channel_receive(fd, &m, STORE_CLIENT_LIMIT_MS);
	if (err)
		return err;
	if (m.fd_count || m.size < sizeof(*r)) {
		channel_close_fds(&m);
		return VL_E_PROTOCOL;
	}
	memcpy(r, message, sizeof(*r));
	*data_bytes = m.size - sizeof(*r);
	if (r->op != q.op || r->file != q.file || r->offset != q.offset || r->error > 0 ||
	    (*data_bytes && (r->error || r->op != STORE_READ)))
		return VL_E_PROTOCOL;
	return r->error;
}

int64_t store_read(int fd, uint32_t file, void *out, size_t room)
{
	uint8_t message[STORE_REPLY_MAX];
	struct store_request q = { .op = STORE_READ, .file = file };
	struct store_reply r;
	size_t bytes, total = 0;
	int err;

	do {
		memcpy(message, &q, sizeof(q));
		err = call(fd, message, sizeof(q), &r, &bytes);
		if (err)
			return err;
		if (q.offset == 0)
			total = r.total;
		if (total > room)
			return VL_E_NOSPACE;
		if (r.total != total || !vl_within(q.offset, bytes, total) || (total && !bytes))
			return VL_E_PROTOCOL;
		memcpy((uint8_t *)out + q.offset, message + sizeof(r), bytes);
		q.offset += (uint32_t)bytes;
	} while (q.offset < total);
	return (int64_t)total;
}

int store_write(int fd, uint32_t file, const void *data, size_t size)
{
	uint8_t message[STORE_REQUEST_MAX > STORE_REPLY_MAX ? STORE_REQUEST_MAX : STORE_REPLY_MAX];
	struct store_request q = { .op = STORE_WRITE, .file = file, .total = (uint32_t)size };
	struct store_reply r;
	size_t part, bytes;
	int err;

	if (size > STORE_FILE_MAX)
		return VL_E_LIMIT;
	do {
		part = size - q.offset < STORE_PIECE_MAX ? size - q.offset : STORE_PIECE_MAX;
		memcpy(message, &q, sizeof(q));
		if (part)
			memcpy(message + sizeof(q), (const uint8_t *)data + q.offset, part);
		err = call(fd, message, sizeof(q) + part, &r, &bytes);
		q.offset += (uint32_t)part;
	} while (!err && q.offset < size);
	return err;
}

int store_delete(int fd, uint32_t file)
{
	uint8_t message[STORE_REPLY_MAX];
	struct store_request q = { .op = STORE_DELETE, .file = file };
	struct store_reply r;
	size_t bytes;

	memcpy(message, &q, sizeof(q));
	return call(fd, message, sizeof(q), &r, &bytes);
}
