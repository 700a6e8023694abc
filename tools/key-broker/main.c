/*
 * key-broker: releases the keys of isolated guests' states to those whose reports
 * its policy accepts (security/attest/broker.h). Run where the guest's owner trusts
 * the machine, never on the guest's own host. `key-broker --help` says how.
 *
 * Clients are anybody: sizes, times and their number are bounded, one request a
 * connection, and nothing that they say reaches more than the decision.
 */
#include "tools/key-broker/files.h"
#include "tools/host/broker_address.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENT_MAX 16
#define CLIENT_LIMIT_SECONDS 10
#define SIZE_BYTES 4u

static const char help[] =
"key-broker id --state DIR                             print the broker's id, making its keys if there "
"are none\n"
"key-broker serve --state DIR --policy FILE --listen ADDRESS   answer requests until it is ended\n"
"\n"
"DIR holds the broker's secrets and every guest's epoch: keep it, and keep it private. ADDRESS is\n"
"unix:PATH or tcp:ADDRESS:PORT. A guest accepts the broker whose id its measured command line\n"
"names: VALLUM_BROKER=ID. FILE has lines:\n"
"  platform KEY             a platform whose reports count, as `platform-key public` prints it\n"
"  measurement DIGEST       an image that may have its guest's keys (`igvm measure`: vbs-boot-digest)\n"
"  signer DIGEST            any image of that signer may\n"
"  min-svn N                an image's security version is at least N\n"
"  debug allow|deny         images and boots that their host may debug (default deny)\n"
"  secure-boot|tpm|console any|true|false   what the guest's configuration must claim (default any)\n"
"A line that begins with # is a comment. Each request gets a line on standard error.\n"
"Exit status: 0 ended by SIGTERM or SIGINT; 1 an error, which is printed.\n";

struct client {
	int fd; /* -1: free */
	time_t deadline;
	uint8_t bytes[SIZE_BYTES + ATTEST_RESPONSE_MAX];
	size_t fill, sent; /* while answering: of the answer */
	bool answering;
};
_Static_assert(ATTEST_REQUEST_MAX <= ATTEST_RESPONSE_MAX, "one buffer for both");

static struct broker broker;
static struct broker_files files;
static struct client clients[CLIENT_MAX];
static volatile sig_atomic_t ended;

static void on_signal(int signal)
{
	ended = 1;
}

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void hang_up(struct client *c)
{
	close(c->fd);
	c->fd = -1;
}

static void log_decision(enum attest_refusal refusal, const uint8_t id[ATTEST_ID_BYTES])
{
	fputs("key-broker: guest ", stderr);
	for (size_t i = 0; i < ATTEST_ID_BYTES; i++)
		fprintf(stderr, "%02x", id[i]);
	fprintf(stderr, ": %s%s\n", refusal ? "refused: " : "", attest_refusal_text(refusal));
}

static void answer(struct client *c, size_t request_bytes)
{
	uint8_t request[ATTEST_REQUEST_MAX], id[ATTEST_ID_BYTES];
	size_t size;

	memcpy(request, c->bytes + SIZE_BYTES, request_bytes);
	log_decision(broker_answer(&broker, request, request_bytes, c->bytes + SIZE_BYTES, &size, id), id);
	for (unsigned i = 0; i < SIZE_BYTES; i++)
		c->bytes[i] = (uint8_t)(size >> 8 * i);
	c->fill = SIZE_BYTES + size;
	c->sent = 0;
	c->answering = true;
}

static void receive(struct client *c)
{
	ssize_t n = recv(c->fd, c->bytes + c->fill, SIZE_BYTES + ATTEST_REQUEST_MAX - c->fill, 0);
	size_t size = 0;

	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			hang_up(c);
		return;
	}
	c->fill += (size_t)n;
	if (c->fill < SIZE_BYTES)
		return;
	for (unsigned i = 0; i < SIZE_BYTES; i++)
		size |= (size_t)c->bytes[i] << 8 * i;
	if (size > ATTEST_REQUEST_MAX)
		hang_up(c);
	else if (c->fill >= SIZE_BYTES + size)
		answer(c, size);
}

static void transmit(struct client *c)
{
	ssize_t n = send(c->fd, c->bytes + c->sent, c->fill - c->sent, MSG_NOSIGNAL);

	if (n > 0)
		c->sent += (size_t)n;
	if (c->sent == c->fill || (n < 0 && errno != EAGAIN && errno != EINTR))
		hang_up(c);
}

static void take_client(int listener)
{
	int fd = accept(listener, NULL, NULL);

	if (fd >= 0 && fcntl(fd, F_SETFL, O_NONBLOCK)) {
		close(fd);
		fd = -1;
	}
	for (size_t i = 0; fd >= 0 && i < CLIENT_MAX; i++) {
		if (clients[i].fd >= 0)
			continue;
		clients[i].fd = fd;
		clients[i].deadline = now() + CLIENT_LIMIT_SECONDS;
		clients[i].fill = 0;
		clients[i].answering = false;
		return;
	}
	if (fd >= 0)
		close(fd);
}

static void turn(int listener)
{
	struct pollfd f[CLIENT_MAX + 1] = { { .fd = listener, .events = POLLIN } };

	for (size_t i = 0; i < CLIENT_MAX; i++)
		f[i + 1] = (struct pollfd){ .fd = clients[i].fd,
			.events = clients[i].answering ? POLLOUT : POLLIN };
	if (poll(f, CLIENT_MAX + 1, 1000) < 0)
		return;
	for (size_t i = 0; i < CLIENT_MAX; i++) {
		struct client *c = &clients[i];

		if (c->fd >= 0 && f[i + 1].revents)
			c->answering ? transmit(c) : receive(c);
		if (c->fd >= 0 && now() >= c->deadline)
			hang_up(c);
	}
	if (f[0].revents)
		take_client(listener);
}

static int serve(const char *address)
{
	struct sigaction action = { .sa_handler = on_signal };
	int listener = broker_address_listen(address);

	if (listener < 0) {
		fprintf(stderr, "key-broker: %s: %s\n", address,
			listener == VL_E_FORMAT ? "give unix:PATH or tcp:ADDRESS:PORT" : strerror(errno));
		return 1;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	for (size_t i = 0; i < CLIENT_MAX; i++)
		clients[i].fd = -1;
	fprintf(stderr, "key-broker: listening on %s\n", address);
	while (!ended)
		turn(listener);
	close(listener);
	if (!strncmp(address, "unix:", 5))
		unlink(address + 5);
	return 0;
}

static int print_id(void)
{
	uint8_t id[BROKER_ID_BYTES];

	broker_id(broker.key.public.modulus, id);
	for (size_t i = 0; i < sizeof(id); i++)
		printf("%02x", id[i]);
	putchar('\n');
	return fflush(stdout) ? 1 : 0;
}

static int take_random(void *out, size_t size)
{
	return getrandom(out, size, 0) == (ssize_t)size ? 0 : VL_E_OS;
}

struct arguments {
	const char *state, *policy, *listen;
};

static bool parse(struct arguments *a, int argc, char **argv)
{
	for (int i = 2; i < argc; i += 2) {
		const char **to = !strcmp(argv[i], "--state") ? &a->state :
			!strcmp(argv[i], "--policy") ? &a->policy :
			!strcmp(argv[i], "--listen") ? &a->listen : NULL;

		if (!to || *to || i + 1 == argc)
			return false;
		*to = argv[i + 1];
	}
	return true;
}

int main(int argc, char **argv)
{
	struct arguments a = { NULL, NULL, NULL };
	const char *command = argc > 1 ? argv[1] : "";
	bool id = !strcmp(command, "id"), serves = !strcmp(command, "serve");
	int status;

	if (!strcmp(command, "--help") || !strcmp(command, "-h")) {
		fputs(help, stdout);
		return 0;
	}
	if ((!id && !serves) || !parse(&a, argc, argv) || !a.state || (serves && (!a.policy || !a.listen))) {
		fputs("key-broker: wrong arguments; see `key-broker --help`\n", stderr);
		return 1;
	}
	broker.random = take_random;
	status = broker_files_open(&files, &broker, a.state);
	if (!status && serves)
		status = broker_files_policy(&broker, a.policy);
	if (!status)
		status = serves ? serve(a.listen) : print_id();
	broker_files_close(&files, &broker);
	return status;
}
