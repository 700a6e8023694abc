/*
 * What the tests of the diagnostics server share: its real code in a thread, clients on
 * Unix sockets, and the other ends of its channels for a test to speak on.
 */
#ifndef VL_TEST_DIAG_SURROUNDINGS_H
#define VL_TEST_DIAG_SURROUNDINGS_H

#include "runtime/diag/server.h"
#include "runtime/exec/exec.h"

#define LIMIT_MS 20000

extern struct server server;
extern int paravisor; /* our end of the server's channel */
extern int kernel;    /* where records of the log come from */

/* Starts the server; as the debug image has it, with Exec; of a VM that is not isolated. */
void start(enum isolation isolation, bool debug);
void start_with_exec(enum isolation isolation, bool debug);
void start_plain(void);
/* The server's end is orderly, and nobody of its connections is left. */
void stop(void);

/* As the paravisor: a message of the server's of that type, and answers. */
void send_to_server(const void *message, size_t size, int fd);
void receive(union service_any *any, int *fd, uint32_t type);
void reply(uint64_t id, int error, const char *text, int fd);

/*
 * As the paravisor: the process of a command, which is our end of its channel. As that process: its request
 * with the client's connections, whose number is returned, and what it says.
 */
int give_process(void);
size_t take_request(int process, struct exec_request *q, int fds[EXEC_STREAM_COUNT]);
void say(int process, enum exec_said said, int32_t value);

/* As a client, to port 0 (control) or 1 (data). */
int connect_to(unsigned port);
bool read_all(int fd, void *data, size_t size);
uint64_t data_connection(int *fd);
void send_call(int fd, uint32_t stream, const char *service, const char *method, const void *payload,
	size_t size, uint64_t timeout_ns);
/* Its payload stays until the next one. */
struct ttrpc_response receive_answer(int fd, uint32_t stream);
struct ttrpc_response call(int fd, const char *service, const char *method, const void *payload, size_t size);

#endif
