/* surroundings.h */
#include "test/unit/diag/surroundings.h"
#include "common/base/fmt.h"
#include "runtime/diag/exec.h"
#include "runtime/lib/channel.h"

#include <check.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct server server;
static pthread_t thread;
int paravisor; /* our end of the server's channel */
int kernel;    /* where records of the log come from */
static struct sockaddr_un address[2];
static uint64_t server_result;

/* --- The server's surroundings ---------------------------------------------------------------- */

static int make_listener(unsigned port)
{
	struct sockaddr_un *a = &address[port];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	vl_format(a->sun_path + 1, sizeof(a->sun_path) - 1, "vallum-diag-test-%d-%u", (int)getpid(), port);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)a, sizeof(*a)), 0);
	ck_assert_int_eq(listen(fd, 128), 0);
	return fd;
}

static void *run(void *context)
{
	server_result = (uint64_t)(int64_t)server_run(&server);
	server_destroy(&server);
	return NULL;
}

void send_to_server(const void *message, size_t size, int fd)
{
	ck_assert_int_eq(channel_send(paravisor, message, size, &fd, fd >= 0, LIMIT_MS), 0);
}

static void start_server(enum isolation isolation, bool debug, bool with_exec)
{
	const struct service_config c = { .type = SERVICE_CONFIG, .version = SERVICE_VERSION,
		.isolation = isolation, .debug = debug };
	int pair[2], log[2], fds[SERVICE_FD_MAX];

	ck_assert_int_eq(channel_pair(pair), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, log), 0);
	paravisor = pair[0];
	kernel = log[0];
	fds[SERVICE_FD_CONTROL] = make_listener(0);
	fds[SERVICE_FD_DATA] = make_listener(1);
	fds[SERVICE_FD_KMSG] = log[1];
	ck_assert_int_eq(channel_send(paravisor, &c, sizeof(c), fds, SERVICE_FD_MAX, LIMIT_MS), 0);
	for (unsigned i = 0; i < SERVICE_FD_MAX; i++)
		close(fds[i]);
	ck_assert_int_eq(server_init(&server, pair[1]), 0);
	if (with_exec)
		ck_assert_int_eq(exec_init(&server), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, run, NULL), 0);
}

void start(enum isolation isolation, bool debug)
{
	start_server(isolation, debug, false);
}

void start_with_exec(enum isolation isolation, bool debug)
{
	start_server(isolation, debug, true);
}

void start_plain(void)
{
	start(ISOLATION_NONE, false);
}

void stop(void)
{
	close(paravisor);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_eq(server_result, 0);
	ck_assert_uint_eq(server.backlog, 0);
	close(kernel);
	close(server.parent);
}

void receive(union service_any *any, int *fd, uint32_t type)
{
	struct channel_message m = { .data = any, .capacity = sizeof(*any) };

	ck_assert_int_eq(channel_receive(paravisor, &m, LIMIT_MS), 0);
	ck_assert_int_eq(service_check(any, m.size, m.fd_count), 0);
	if (fd)
		*fd = m.fd_count ? m.fds[0] : -1;
	if (any->type == SERVICE_HELLO && type != SERVICE_HELLO)
		receive(any, fd, type);
	else
		ck_assert_uint_eq(any->type, type);
}

void reply(uint64_t id, int error, const char *text, int fd)
{
	struct service_reply r = { .type = SERVICE_REPLY, .error = error, .id = id };

	vl_format(r.text, sizeof(r.text), "%s", text);
	send_to_server(&r, sizeof(r), fd);
}

/* --- Commands --------------------------------------------------------------------------------- */

int give_process(void)
{
	union service_any any;
	int pair[2];

	receive(&any, NULL, SERVICE_ASK);
	ck_assert_uint_eq(any.ask.what, SERVICE_EXEC);
	ck_assert_int_eq(channel_pair(pair), 0);
	reply(any.ask.id, 0, "", pair[1]);
	close(pair[1]);
	return pair[0];
}

size_t take_request(int process, struct exec_request *q, int fds[EXEC_STREAM_COUNT])
{
	struct channel_message m = { .data = q, .capacity = sizeof(*q) };

	ck_assert_int_eq(channel_receive(process, &m, LIMIT_MS), 0);
	ck_assert_int_eq(exec_request_check(q, m.size, m.fd_count), 0);
	memcpy(fds, m.fds, m.fd_count * sizeof(*fds));
	return m.fd_count;
}

void say(int process, enum exec_said said, int32_t value)
{
	const struct exec_message m = { .said = said, .value = value };

	ck_assert_int_eq(channel_send(process, &m, sizeof(m), NULL, 0, LIMIT_MS), 0);
}

/* --- Clients ---------------------------------------------------------------------------------- */

int connect_to(unsigned port)
{
	struct timeval limit = { .tv_sec = LIMIT_MS / 1000 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address[port], sizeof(address[port])), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

bool read_all(int fd, void *data, size_t size)
{
	return recv(fd, data, size, MSG_WAITALL) == (ssize_t)size;
}

uint64_t data_connection(int *fd)
{
	uint8_t bytes[8];
	struct vl_reader r;

	*fd = connect_to(1);
	ck_assert(read_all(*fd, bytes, sizeof(bytes)));
	vl_reader_init(&r, bytes, sizeof(bytes));
	return vl_read_le64(&r);
}

void send_call(int fd, uint32_t stream, const char *service, const char *method, const void *payload,
	size_t size, uint64_t timeout_ns)
{
	uint8_t bytes[8192];
	struct vl_writer w;
	struct ttrpc_mark mark;

	vl_writer_init(&w, bytes, sizeof(bytes));
	mark = ttrpc_request_begin(&w, stream, service, method, timeout_ns);
	vl_write_bytes(&w, payload, size);
	ttrpc_end(&w, mark);
	ck_assert_int_eq(w.err, 0);
	ck_assert_int_eq(send(fd, bytes, w.pos, MSG_NOSIGNAL), (int)w.pos);
}

static uint8_t message[8u << 20];

struct ttrpc_response receive_answer(int fd, uint32_t stream)
{
	uint8_t head[TTRPC_HEADER_BYTES];
	struct ttrpc_header h;
	struct ttrpc_response a;

	ck_assert(read_all(fd, head, sizeof(head)));
	ttrpc_header_read(head, &h);
	ck_assert_uint_eq(h.type, TTRPC_RESPONSE);
	ck_assert_uint_eq(h.stream, stream);
	ck_assert_uint_le(h.length, sizeof(message));
	ck_assert(h.length == 0 || read_all(fd, message, h.length));
	ck_assert_int_eq(ttrpc_response_decode(message, h.length, &a), 0);
	return a;
}

struct ttrpc_response call(int fd, const char *service, const char *method, const void *payload,
	size_t size)
{
	send_call(fd, 1, service, method, payload, size, 0);
	return receive_answer(fd, 1);
}

