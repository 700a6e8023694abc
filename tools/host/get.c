/*
 * The GET service on hvsock (get.h): carries bytes between a stream and
 * get_service.c and turns what VTL2 reports into the end of the run. VTL2 may
 * connect more than once: init reports over a connection of its own.
 */
#include "tools/host/get.h"
#include "tools/host/broker_relay.h"
#include "tools/host/get_service.h"
#include "tools/host/state_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define CONNECTION_MAX 4

struct host_channel {
	struct host *host;
	struct hvsock *sockets;
	struct dps_settings settings;
	struct state_file state;
	struct get_storage storage;
	struct host_source boot_timer;
	unsigned connection_count;
	char last_words[GET_SERVICE_TEXT_MAX]; /* the last critical text, to explain an end that follows */
};

struct connection {
	struct host_channel *channel;
	struct host_stream *stream;
	struct get_service service;
	struct broker_relay relay;
};

/* --- What the service tells ---------------------------------------------------------- */

static struct host *host_of(void *context)
{
	return ((struct connection *)context)->channel->host;
}

static int send_bytes(void *context, const void *data, size_t size)
{
	struct connection *c = context;

	/* A client that asks without reading answers fills its own buffer only. */
	if (host_stream_room(c->stream) < size)
		return VL_E_LIMIT;
	return host_stream_send(c->stream, data, size) == size ? 0 : VL_E_CLOSED;
}

static uint64_t reference(void *context)
{
	return host_reference_time(host_of(context));
}

static uint64_t utc_ns(void *context)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void on_log(void *context, enum get_log_level level, const char *text)
{
	struct connection *c = context;

	if (level == GET_LOG_CRITICAL)
		snprintf(c->channel->last_words, sizeof(c->channel->last_words), "%s", text);
	if (level <= GET_LOG_WARNING || host_config(c->channel->host)->log)
		fprintf(stderr, "vallum-host: VTL2: %s\n", text);
}

static void on_event(void *context, unsigned id, const char *name)
{
	if (id != GET_EVENT_BOOT_ATTEMPT && id != GET_EVENT_BOOT_SUCCESS)
		fprintf(stderr, "vallum-host: VTL2 event %u: %s\n", id, name);
	else if (host_config(host_of(context))->log)
		fprintf(stderr, "vallum-host: VTL2 event %u: %s\n", id, name);
}

static void on_phase(void *context, const char *name, uint64_t reference_100ns)
{
	host_mark_at(host_of(context), name, reference_100ns);
}

static void disarm(struct host_channel *c)
{
	if (c->boot_timer.fd < 0)
		return;
	loop_remove(c->host, &c->boot_timer);
	close(c->boot_timer.fd);
	c->boot_timer.fd = -1;
}

static void on_started(void *context)
{
	struct connection *c = context;

	disarm(c->channel);
	host_mark(c->channel->host, "paravisor reports VTL0 started");
}

static void on_start_failed(void *context, const char *text)
{
	host_end(host_of(context), HOST_END_PARAVISOR_FAILED, "the paravisor could not start the guest: %s",
		text);
}

static void on_power_off(void *context)
{
	host_end(host_of(context), HOST_END_POWER_OFF, NULL);
}

static void on_reset(void *context)
{
	host_end(host_of(context), HOST_END_RESET, NULL);
}

static void on_crashed(void *context, uint32_t vp, unsigned vtl, uint64_t code)
{
	struct connection *c = context;
	const char *text = c->channel->last_words;

	if (!*text)
		text = code < VL_ERR_COUNT ? vl_err_text(-(int)code) : "no reason was given";
	if (vtl == HOST_VTL0)
		host_end(host_of(context), HOST_END_GUEST_CRASH, "the guest crashed on VP %u: %s", vp, text);
	else
		host_end(host_of(context), HOST_END_PARAVISOR_FAILED, "the paravisor failed: %s", text);
}

static void on_triple_fault(void *context, uint32_t vp, const char *registers)
{
	host_end(host_of(context), HOST_END_GUEST_CRASH, "the guest triple-faulted on VP %u;%s", vp,
		*registers ? registers : " its registers are withheld");
}

static void on_answer(void *context, const void *data, size_t size)
{
	struct connection *c = context;
	int err = get_service_attested(&c->service, data, size);

	if (err)
		fprintf(stderr, "vallum-host: host channel: the key broker's answer is lost: %s\n",
				vl_err_text(err));
}

static void on_attest(void *context, const void *request, size_t size)
{
	struct connection *c = context;

	broker_relay_start(&c->relay, host_of(context), host_config(host_of(context))->key_broker,
		request, size, on_answer, c);
}

static const struct get_service_ops service_ops = {
	.send = send_bytes,
	.reference_100ns = reference,
	.utc_ns = utc_ns,
	.log = on_log,
	.event = on_event,
	.phase = on_phase,
	.started = on_started,
	.start_failed = on_start_failed,
	.power_off = on_power_off,
	.reset = on_reset,
	.crashed = on_crashed,
	.triple_fault = on_triple_fault,
	.attest = on_attest,
};

/* --- Streams --------------------------------------------------------------------------- */

static int on_open(void *service, struct host_stream *stream, void **connection)
{
	struct host_channel *channel = service;
	struct connection *c;

	if (channel->connection_count == CONNECTION_MAX)
		return VL_E_LIMIT;
	c = malloc(sizeof(*c));
	if (!c)
		return VL_E_NOMEM;
	c->channel = channel;
	c->stream = stream;
	broker_relay_init(&c->relay);
	get_service_init(&c->service, &service_ops, c, &channel->settings);
	if (host_config(channel->host)->state)
		c->service.storage = &channel->storage;
	channel->connection_count++;
	*connection = c;
	return 0;
}

static int64_t on_receive(void *connection, const uint8_t *data, size_t bytes)
{
	struct connection *c = connection;
	int err = get_service_receive(&c->service, data, bytes);

	if (err) {
		fprintf(stderr, "vallum-host: host channel: VTL2 broke the protocol: %s; connection closed\n",
			vl_err_text(err));
		return err;
	}
	return (int64_t)bytes;
}

static void on_closed(void *connection)
{
	struct connection *c = connection;

	c->channel->connection_count--;
	broker_relay_cancel(&c->relay);
	free(c);
}

static const struct host_service_ops stream_ops = { .open = on_open, .receive = on_receive,
	.closed = on_closed };

/* --- Life -------------------------------------------------------------------------------- */

static void boot_too_long(struct host_source *s, uint32_t events)
{
	struct host_channel *c = s->context;

	disarm(c);
	host_end(c->host, HOST_END_PARAVISOR_FAILED,
		"VTL2 did not start the guest within %d s; --log shows how far it came",
		GET_BOOT_LIMIT_SECONDS);
}

static int arm(struct host_channel *c)
{
	const struct itimerspec limit = { .it_value.tv_sec = GET_BOOT_LIMIT_SECONDS };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), err;

	c->boot_timer = (struct host_source){ .fd = fd, .ready = boot_too_long, .context = c };
	if (fd < 0)
		return VL_E_OS;
	err = timerfd_settime(fd, 0, &limit, NULL) == 0 ? 0 : VL_E_OS;
	if (!err)
		err = loop_add(c->host, &c->boot_timer, EPOLLIN);
	if (err) {
		close(fd);
		c->boot_timer.fd = -1;
	}
	return err;
}

/* The machine that this host's options describe. */
static int fill_settings(const struct host_config *c, struct dps_settings *s)
{
	uint64_t id[2];

	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		return VL_E_OS;
	dps_defaults(s);
	s->com1.enable_port = true;
	s->enable_tpm = c->tpm;
	strcpy(s->device_workers, c->workers); /* options.c refuses what does not fit */
	s->generation_id_low = id[0];
	s->generation_id_high = id[1];
	strcpy(s->system_manufacturer, "Vallum");
	strcpy(s->system_product_name, "Virtual Machine");
	return 0;
}

static int storage_read(void *context, uint64_t offset, void *out, size_t size)
{
	return state_file_read(context, offset, out, size);
}

static int storage_write(void *context, uint64_t offset, const void *data, size_t size)
{
	return state_file_write(context, offset, data, size);
}

static int storage_flush(void *context)
{
	return state_file_flush(context);
}

static int open_storage(struct host_channel *c)
{
	const char *path = host_config(c->host)->state;
	int err = path ? state_file_open(&c->state, path, STATE_FILE_BYTES) : 0;

	c->storage = (struct get_storage){ storage_read, storage_write, storage_flush, &c->state,
		c->state.size_bytes };
	return err;
}

int host_channel_create(struct host *h, struct hvsock *sockets, struct host_channel **out)
{
	struct host_channel *c = calloc(1, sizeof(*c));
	bool told = false;
	int err;

	if (!c)
		return VL_E_NOMEM;
	c->host = h;
	c->sockets = sockets;
	c->boot_timer.fd = -1;
	c->state.fd = -1;
	err = fill_settings(host_config(h), &c->settings);
	if (!err) {
		err = open_storage(c);
		told = err; /* by state_file_open, with its path */
	}
	if (!err)
		err = host_service_register(sockets, VL_PORT_GET, &stream_ops, c);
	if (!err)
		err = arm(c);
	if (err) {
		if (!told)
			fprintf(stderr, "vallum-host: host channel: %s\n", vl_err_text(err));
		state_file_close(&c->state);
		free(c);
		return err;
	}
	*out = c;
	return 0;
}

void host_channel_destroy(struct host_channel *c)
{
	if (!c)
		return;
	if (c->boot_timer.fd >= 0)
		disarm(c);
	state_file_close(&c->state);
	free(c);
}
