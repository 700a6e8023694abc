/*
 * Serves raw disk images to VTL2 by the block protocol of
 * common/blockio/blockio.h. The requests are VTL2's and hostile: bounded when
 * the header is complete, data goes only into slots of fixed size. Protocol
 * work runs on the loop's thread; a thread per disk does the file accesses,
 * which may block.
 *
 * Lock order: disk->lock is a leaf; it guards the queue, `stop`, and the lists
 * `queue` and `finished`. A slot belongs to the loop while it is not queued, to
 * the disk's thread between.
 */
#include "tools/host/services_parts.h"

#include "common/blockio/blockio.h"
#include "common/base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECTION_MAX 4 /* per disk; one VM worker needs one */

struct slot {
	struct slot *next; /* in a connection's free or ready list, or the disk's queue or finished list */
	struct link *link;
	struct blockio_request request;
	struct blockio_reply reply;
	uint8_t data[BLOCKIO_DATA_MAX];
};

struct list {
	struct slot *first, **end;
};

/* One connection. Freed when the stream has ended and no slot is at the disk's thread. */
struct link {
	struct disk *disk;
	struct host_stream *stream; /* NULL: ended */
	unsigned at_disk;
	struct list free, ready; /* ready: answers to send, the first one partly sent */
	size_t sent;             /* bytes of the first answer */
	struct slot *filling;    /* receives a request */
	size_t filled;           /* its bytes so far */
	struct slot slot[BLOCKIO_REQUEST_MAX];
};

struct disk {
	struct host *h;
	int fd;
	bool read_only;
	uint64_t size_bytes;
	unsigned link_count;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work;
	bool running, stop, posted;
	struct list queue, finished;
};

static void list_init(struct list *l)
{
	l->first = NULL;
	l->end = &l->first;
}

static void list_put(struct list *l, struct slot *s)
{
	s->next = NULL;
	*l->end = s;
	l->end = &s->next;
}

static struct slot *list_take(struct list *l)
{
	struct slot *s = l->first;

	if (s)
		l->first = s->next;
	if (!l->first)
		l->end = &l->first;
	return s;
}

/* --- The disk's thread ------------------------------------------------------------- */

/* 0 or an errno; short transfers go on, the end of the file reads as an error. */
static int transfer(int fd, uint8_t *data, size_t bytes, uint64_t offset, bool write)
{
	while (bytes) {
		ssize_t n = write ? pwrite(fd, data, bytes, (off_t)offset) :
				pread(fd, data, bytes, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? errno : EIO;
		data += n;
		bytes -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static enum blockio_status serve(struct disk *d, struct slot *s)
{
	uint64_t offset = le64_to_cpu(s->request.offset_bytes);
	uint32_t bytes = le32_to_cpu(s->request.bytes), op = le32_to_cpu(s->request.op);
	int err;

	if (!vl_within(offset, bytes, d->size_bytes) || !vl_is_aligned(offset | bytes, BLOCKIO_BLOCK_BYTES))
		return BLOCKIO_OUT_OF_RANGE;
	if (op == BLOCKIO_WRITE && d->read_only)
		return BLOCKIO_READ_ONLY;
	if (op == BLOCKIO_FLUSH)
		err = fdatasync(d->fd) && errno != EINVAL && errno != EROFS ? errno : 0;
	else
		err = transfer(d->fd, s->data, bytes, offset, op == BLOCKIO_WRITE);
	if (err)
		vl_warn("disk: %s of %u bytes at %llu fails (errno %d)",
			op == BLOCKIO_READ ? "read" : "write", bytes, (unsigned long long)offset, err);
	return err ? BLOCKIO_IO_ERROR : BLOCKIO_OK;
}

static void collect(void *context);

static void *disk_thread(void *context)
{
	struct disk *d = context;
	struct slot *s;
	bool post;

	pthread_mutex_lock(&d->lock);
	while (!d->stop) {
		s = list_take(&d->queue);
		if (!s) {
			pthread_cond_wait(&d->work, &d->lock);
			continue;
		}
		pthread_mutex_unlock(&d->lock);
		s->reply.status = cpu_to_le32(serve(d, s));
		pthread_mutex_lock(&d->lock);
		list_put(&d->finished, s);
		post = !d->posted;
		d->posted = true;
		if (post)
			loop_post(d->h, collect, d);
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

/* --- Answers -------------------------------------------------------------------------- */

static void free_link(struct link *l)
{
	l->disk->link_count--;
	free(l);
}

static size_t reply_bytes(const struct slot *s)
{
	return sizeof(s->reply) + le32_to_cpu(s->reply.bytes);
}

/* reply and data are adjacent in a slot: an answer is one run of bytes. */
_Static_assert(offsetof(struct slot, data) == offsetof(struct slot, reply) + sizeof(struct blockio_reply),
		"adjacent");

static void send_ready(struct link *l)
{
	bool freed = false;

	while (l->ready.first) {
		struct slot *s = l->ready.first;

		l->sent += host_stream_send(l->stream, (const uint8_t *)&s->reply + l->sent,
			reply_bytes(s) - l->sent);
		if (l->sent < reply_bytes(s))
			break;
		l->sent = 0;
		list_put(&l->free, list_take(&l->ready));
		freed = true;
	}
	if (freed)
		host_stream_resume(l->stream);
}

static void answer(struct slot *s)
{
	struct link *l = s->link;
	bool data = le32_to_cpu(s->request.op) <= BLOCKIO_READ && le32_to_cpu(s->reply.status) == BLOCKIO_OK;

	s->reply.id = s->request.id;
	s->reply.bytes = data ? s->request.bytes : cpu_to_le32(0);
	list_put(&l->ready, s);
}

/* What the disk's thread has finished; runs on the loop's thread. */
static void collect(void *context)
{
	struct disk *d = context;

	for (;;) {
		struct slot *s;

		pthread_mutex_lock(&d->lock);
		d->posted = false;
		s = list_take(&d->finished);
		pthread_mutex_unlock(&d->lock);
		if (!s)
			return;
		s->link->at_disk--;
		answer(s);
		if (s->link->stream)
			send_ready(s->link);
		else if (!s->link->at_disk)
			free_link(s->link);
	}
}

/* --- Requests --------------------------------------------------------------------------- */

static bool request_ok(const struct blockio_request *r)
{
	uint32_t op = le32_to_cpu(r->op), bytes = le32_to_cpu(r->bytes);

	if (le64_to_cpu(r->reserved) || op > BLOCKIO_FLUSH || bytes > BLOCKIO_DATA_MAX)
		return false;
	if (op == BLOCKIO_INFO)
		return bytes == sizeof(struct blockio_info) && !le64_to_cpu(r->offset_bytes);
	return op != BLOCKIO_FLUSH || (!bytes && !le64_to_cpu(r->offset_bytes));
}

static void start(struct link *l, struct slot *s)
{
	struct disk *d = l->disk;
	struct blockio_info info = { .size_bytes = cpu_to_le64(d->size_bytes),
				     .flags = cpu_to_le32(d->read_only ? BLOCKIO_INFO_READ_ONLY : 0) };

	s->link = l;
	if (le32_to_cpu(s->request.op) == BLOCKIO_INFO) {
		memcpy(s->data, &info, sizeof(info));
		s->reply.status = cpu_to_le32(BLOCKIO_OK);
		answer(s);
		send_ready(l);
		return;
	}
	l->at_disk++;
	pthread_mutex_lock(&d->lock);
	list_put(&d->queue, s);
	pthread_cond_signal(&d->work);
	pthread_mutex_unlock(&d->lock);
}

/* Bytes of the request in `filling`, as far as known. */
static size_t request_bytes(const struct link *l)
{
	const struct blockio_request *r = &l->filling->request;
	bool data = l->filled >= sizeof(*r) && le32_to_cpu(r->op) == BLOCKIO_WRITE;

	return sizeof(*r) + (data ? le32_to_cpu(r->bytes) : 0);
}

static uint8_t *fill_at(struct link *l)
{
	size_t header = sizeof(struct blockio_request);

	if (l->filled < header)
		return (uint8_t *)&l->filling->request + l->filled;
	return l->filling->data + (l->filled - header);
}

static int64_t on_receive(void *connection, const uint8_t *data, size_t bytes)
{
	struct link *l = connection;
	size_t used = 0;

	while (used < bytes) {
		size_t want;

		if (!l->filling) {
			l->filling = list_take(&l->free);
			l->filled = 0;
		}
		if (!l->filling)
			return (int64_t)used;
		want = request_bytes(l) - l->filled;
		want = want < bytes - used ? want : bytes - used;
		memcpy(fill_at(l), data + used, want);
		used += want;
		l->filled += want;
		if (l->filled == sizeof(struct blockio_request) && !request_ok(&l->filling->request))
			return VL_E_PROTOCOL;
		if (l->filled >= sizeof(struct blockio_request) && l->filled == request_bytes(l)) {
			struct slot *s = l->filling;

			l->filling = NULL;
			start(l, s);
		}
	}
	return (int64_t)used;
}

/* --- Connections --------------------------------------------------------------------------- */

static int on_open(void *service, struct host_stream *stream, void **connection)
{
	struct disk *d = service;
	struct link *l = d->link_count < CONNECTION_MAX ? calloc(1, sizeof(*l)) : NULL;

	if (!l)
		return VL_E_LIMIT;
	l->disk = d;
	l->stream = stream;
	list_init(&l->free);
	list_init(&l->ready);
	for (unsigned i = 0; i < BLOCKIO_REQUEST_MAX; i++)
		list_put(&l->free, &l->slot[i]);
	d->link_count++;
	*connection = l;
	return 0;
}

static void on_writable(void *connection)
{
	send_ready(connection);
}

static void on_closed(void *connection)
{
	struct link *l = connection;

	l->stream = NULL;
	if (!l->at_disk)
		free_link(l);
}

static const struct host_service_ops ops = { on_open, on_receive, on_writable, NULL, on_closed };

/* --- Life -------------------------------------------------------------------------------------- */

static int open_image(struct disk *d, const char *path)
{
	off_t size;

	d->fd = open(path, O_RDWR | O_CLOEXEC);
	if (d->fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM)) {
		d->fd = open(path, O_RDONLY | O_CLOEXEC);
		d->read_only = true;
	}
	if (d->fd < 0) {
		vl_error("disk %s cannot be opened: %s", path, strerror(errno));
		return VL_E_OS;
	}
	size = lseek(d->fd, 0, SEEK_END);
	if (size <= 0 || !vl_is_aligned((uint64_t)size, BLOCKIO_BLOCK_BYTES)) {
		vl_error("disk %s has %lld bytes; a raw image has at least one and only whole blocks of "
				"%u bytes", path, (long long)size, BLOCKIO_BLOCK_BYTES);
		return VL_E_RANGE;
	}
	d->size_bytes = (uint64_t)size;
	return 0;
}

static int start_disk(struct disk *d, struct hvsock *sockets, unsigned index, const char *path)
{
	int err = open_image(d, path);

	if (err)
		return err;
	if (pthread_create(&d->thread, NULL, disk_thread, d)) {
		vl_error("disk %s: a thread cannot be started", path);
		return VL_E_OS;
	}
	d->running = true;
	return host_service_register(sockets, VL_PORT_DISK + index, &ops, d);
}

int disk_create(struct host *h, struct hvsock *sockets, unsigned index, const char *path, struct disk **disk)
{
	struct disk *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return VL_E_NOMEM;
	d->h = h;
	d->fd = -1;
	list_init(&d->queue);
	list_init(&d->finished);
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->work, NULL);
	err = start_disk(d, sockets, index, path);
	if (err)
		disk_destroy(d);
	else
		*disk = d;
	return err;
}

/* The sockets are gone: a link with nothing at the disk was freed, others are found through their slots. */
static void free_last(struct disk *d, struct list *list)
{
	struct slot *s;

	while ((s = list_take(list)) != NULL)
		if (!--s->link->at_disk)
			free_link(s->link);
}

static void stop_disk(struct disk *d)
{
	pthread_mutex_lock(&d->lock);
	d->stop = true;
	pthread_cond_signal(&d->work);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
	free_last(d, &d->queue);
	free_last(d, &d->finished);
	if (!d->read_only && fdatasync(d->fd) && errno != EINVAL)
		vl_warn("disk: the last writes may be lost (errno %d)", errno);
}

void disk_destroy(struct disk *d)
{
	if (!d)
		return;
	if (d->running)
		stop_disk(d);
	if (d->fd >= 0)
		close(d->fd);
	pthread_mutex_destroy(&d->lock);
	pthread_cond_destroy(&d->work);
	free(d);
}
