/*
 * The host of life_host.h: the reference host's GET service on a thread, or a liar's
 * bytes. It must do whatever a hostile host may.
 */
#include "test/unit/paravisor/life_host.h"
#include "common/base/fmt.h"

#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

char told[4096];

void tell(const char *fmt, ...)
{
	size_t used = strlen(told);
	va_list args;

	va_start(args, fmt);
	vl_vformat(told + used, sizeof(told) - used, fmt, args);
	va_end(args);
}

struct fake_host host;
struct dps_settings settings;
unsigned connections;
int refused_connections;
static pthread_t host_thread;

static int host_send(void *context, const void *data, size_t size)
{
	return send(host.fd, data, size, MSG_NOSIGNAL) == (ssize_t)size ? 0 : VL_E_CLOSED;
}

static uint64_t host_reference(void *context) { return 5000000000; }
uint64_t host_utc(void *context) { return 1700000000ull * 1000000000; }

uint8_t unasked[64];
size_t unasked_bytes;

static void host_event(void *context, unsigned id, const char *name)
{
	tell("event %s;", name);
	ck_assert(send(host.fd, unasked, unasked_bytes, MSG_NOSIGNAL) == (ssize_t)unasked_bytes);
	unasked_bytes = 0;
}

static void host_started(void *context) { tell("started;"); }
static void host_failed(void *context, const char *text) { tell("failed %s;", text); }
static void host_off(void *context) { tell("off;"); }
static void host_reset(void *context) { tell("reset;"); }

static void host_log(void *context, enum get_log_level level, const char *text)
{
	tell("log %d %s;", level, text);
}

static void host_phase(void *context, const char *name, uint64_t reference)
{
	if (strcmp(name, "vtl0-start") == 0)
		tell("phase %s;", name);
}

static void host_crashed(void *context, uint32_t vp, unsigned vtl, uint64_t code)
{
	tell("crash vtl %u %s;", vtl, vl_err_name(-(int)code));
}

static void host_triple(void *context, uint32_t vp, const char *registers)
{
	tell("triple %u%s;", vp, registers);
}

static const struct get_service_ops service_ops = {
	.send = host_send,
	.reference_100ns = host_reference,
	.utc_ns = host_utc,
	.log = host_log,
	.event = host_event,
	.phase = host_phase,
	.started = host_started,
	.start_failed = host_failed,
	.power_off = host_off,
	.reset = host_reset,
	.crashed = host_crashed,
	.triple_fault = host_triple,
};

/* Acknowledges the refusal of a save, of which the service, which asks for none, knows nothing. */
static bool take_refusal(const uint8_t *bytes, size_t size)
{
	const struct get_save_response answer = {
		.header = get_header(GET_HOST_RESPONSE, GET_SAVE_GUEST_VTL2_STATE) };
	const struct get_save_request q = { .header = get_header(GET_HOST_REQUEST, GET_SAVE_GUEST_VTL2_STATE),
		.status = cpu_to_le16(GET_SAVE_FAILURE) };
	uint8_t frame[GET_PREFIX_BYTES + sizeof(answer)];
	struct vl_writer w;

	if (size != sizeof(frame) || memcmp(bytes + GET_PREFIX_BYTES, &q, sizeof(q)))
		return false;
	tell("save refused;");
	vl_writer_init(&w, frame, sizeof(frame));
	get_frame(&w, &answer, sizeof(answer), NULL, 0);
	return host_send(NULL, frame, sizeof(frame)) == 0;
}

static void *host_run(void *context)
{
	uint8_t bytes[1000];
	ssize_t n;

	if (host.lie) {
		send(host.fd, host.lie, host.lie_bytes, MSG_NOSIGNAL);
		if (host.closes)
			shutdown(host.fd, SHUT_RDWR);
		/* The paravisor's own words go nowhere until it hangs up. */
		while (read(host.fd, bytes, sizeof(bytes)) > 0)
			;
	} else {
		while ((n = read(host.fd, bytes, sizeof(bytes))) > 0)
			if (!take_refusal(bytes, (size_t)n) &&
					get_service_receive(&host.service, bytes, (size_t)n) != 0)
				break;
	}
	close(host.fd);
	return NULL;
}

void host_join(void)
{
	if (connections)
		pthread_join(host_thread, NULL);
}

/* The first connection may meet a liar, the next ones a host. */
int connect_to_host(void *context, unsigned limit_ms)
{
	int pair[2];

	if (refused_connections > 0 && refused_connections-- > 0)
		return VL_E_TIMEOUT;
	host_join();
	if (connections)
		host.lie = NULL;
	connections++;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_eq(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	host.fd = pair[1];
	get_service_init(&host.service, &service_ops, NULL, &settings);
	host.service.storage = host.storage;
	ck_assert_int_eq(pthread_create(&host_thread, NULL, host_run, NULL), 0);
	return pair[0];
}
