/*
 * Serves the workers' stores (store_broker.h). Called by the paravisor's loop;
 * input: workers' requests, hostile.
 */
#include "runtime/paravisor/store_broker.h"
#include "common/base/log.h"
#include "runtime/lib/channel.h"
#include "security/crypto/gcm.h"

#include <string.h>
#include <unistd.h>

void store_broker_init(struct store_broker *b)
{
	memset(b, 0, sizeof(*b));
	for (size_t i = 0; i < STORE_CHANNEL_MAX; i++)
		b->channels[i].fd = -1;
}

int store_broker_add(struct store_broker *b, uint64_t files)
{
	int pair[2];

	for (size_t i = 0; i < STORE_CHANNEL_MAX; i++) {
		struct store_channel *c = &b->channels[i];

		if (c->fd >= 0)
			continue;
		if (channel_pair(pair) < 0)
			return VL_E_OS;
		c->fd = pair[0];
		c->files = files;
		c->op = 0;
		return pair[1];
	}
	return VL_E_LIMIT;
}

static void forget(struct store_channel *c)
{
	crypto_wipe(c->content, c->total < sizeof(c->content) ? c->total : sizeof(c->content));
	c->op = 0;
	c->total = c->done = 0;
}

static void end_channel(struct store_channel *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	forget(c);
}

void store_broker_close(struct store_broker *b)
{
	for (size_t i = 0; i < STORE_CHANNEL_MAX; i++)
		end_channel(&b->channels[i]);
}

/* The file is read once, with its first piece; the rest comes from what was read then. */
static int begin_read(struct store_broker *b, struct store_channel *c, uint32_t file)
{
	struct vmgs_info info;
	int64_t size;

	forget(c);
	/* What is not encrypted where all is, the host has put there. */
	if (b->encrypt && !vmgs_info(b->state, file, &info) && !info.encrypted)
		return VL_E_AUTH;
	size = vmgs_read(b->state, file, c->content, sizeof(c->content));
	if (size < 0)
		return size == VL_E_NOSPACE ? VL_E_LIMIT : (int)size;
	c->op = STORE_READ;
	c->file = file;
	c->total = (uint32_t)size;
	return 0;
}

static int serve_read(struct store_broker *b, struct store_channel *c, const struct store_request *q,
	struct store_reply *r, size_t *bytes)
{
	size_t left;
	int err = q->offset ? 0 : begin_read(b, c, q->file);

	if (!err && (c->op != STORE_READ || c->file != q->file || c->done != q->offset))
		err = VL_E_ORDER;
	if (err)
		return err;
	left = c->total - c->done;
	*bytes = left < STORE_PIECE_MAX ? left : STORE_PIECE_MAX;
	r->total = c->total;
	c->done += (uint32_t)*bytes;
	return 0;
}

static int serve_write(struct store_broker *b, struct store_channel *c, const struct store_request *q,
	const uint8_t *data, size_t bytes)
{
	int err;

	if (q->offset == 0) {
		forget(c);
		c->op = STORE_WRITE;
		c->file = q->file;
		c->total = q->total;
	}
	if (c->op != STORE_WRITE || c->file != q->file || c->done != q->offset || c->total != q->total)
		return VL_E_ORDER;
	memcpy(c->content + c->done, data, bytes);
	c->done += (uint32_t)bytes;
	if (c->done < c->total)
		return 0;
	err = vmgs_write(b->state, c->file, c->content, c->total, b->encrypt);
	forget(c);
	return err;
}

static int serve(struct store_broker *b, struct store_channel *c, const struct store_request *q,
	const uint8_t *data, size_t bytes, struct store_reply *r, size_t *reply_bytes)
{
	if (!b->state || q->file >= 64 || !(c->files & STORE_FILE(q->file)))
		return VL_E_DENIED;
	switch (q->op) {
	case STORE_READ:
		return serve_read(b, c, q, r, reply_bytes);
	case STORE_WRITE:
		return serve_write(b, c, q, data, bytes);
	default:
		forget(c);
		return vmgs_delete(b->state, q->file);
	}
}

/* Takes one request and answers it. An error ends the channel. */
static int take(struct store_broker *b, struct store_channel *c)
{
	uint8_t in[STORE_REQUEST_MAX], out[STORE_REPLY_MAX];
	struct channel_message m = { .data = in, .capacity = sizeof(in) };
	struct store_request q;
	struct store_reply r;
	size_t bytes, reply_bytes = 0;
	int err = channel_receive(c->fd, &m, 0);

	if (!err && m.fd_count) {
		channel_close_fds(&m);
		err = VL_E_PROTOCOL;
	}
	if (!err)
		err = store_request_check(in, m.size, &bytes);
	if (err)
		return err;
	memcpy(&q, in, sizeof(q));
	r = (struct store_reply){ .op = q.op, .file = q.file, .offset = q.offset };
	r.error = serve(b, c, &q, in + sizeof(q), bytes, &r, &reply_bytes);
	memcpy(out, &r, sizeof(r));
	if (reply_bytes)
		memcpy(out + sizeof(r), c->content + c->done - reply_bytes, reply_bytes);
	/* The worker waits for this reply and has nothing else unread: there is room, or it does not play. */
	err = channel_send(c->fd, out, sizeof(r) + reply_bytes, NULL, 0, 0);
	if (c->op == STORE_READ && c->done == c->total)
		forget(c);
	crypto_wipe(in, sizeof(in));
	crypto_wipe(out, sizeof(out));
	return err;
}

void store_broker_poll(const struct store_broker *b, struct pollfd f[STORE_CHANNEL_MAX])
{
	for (size_t i = 0; i < STORE_CHANNEL_MAX; i++)
		f[i] = (struct pollfd){ .fd = b->channels[i].fd, .events = POLLIN };
}

void store_broker_ready(struct store_broker *b, const struct pollfd f[STORE_CHANNEL_MAX])
{
	for (size_t i = 0; i < STORE_CHANNEL_MAX; i++) {
		struct store_channel *c = &b->channels[i];
		int err;

		if (c->fd < 0 || c->fd != f[i].fd || !f[i].revents)
			continue;
		err = take(b, c);
		if (!err || err == VL_E_AGAIN)
			continue;
		if (err != VL_E_CLOSED)
			vl_error("store: a worker broke the protocol, its channel is closed: %s",
					vl_err_text(err));
		end_channel(c);
	}
}
