/*
 * The last word to the host when the paravisor is gone (init.h). The host is
 * not trusted: the channel code checks its answers and every wait is bounded.
 */
#include "runtime/init/init.h"
#include "common/base/fmt.h"
#include "common/base/ports.h"
#include "runtime/lib/get_client.h"
#include "runtime/lib/vsock.h"

#include <string.h>

#define CONNECT_LIMIT_MS 3000u
#define CALL_LIMIT_MS 3000u
#define NO_VP 0xffffffffu
#define PARAVISOR_VTL 2

static void ignore(void *context, const void *message, size_t size)
{
}

static int send_record(struct get_client *c, const struct crash_record *r)
{
	char line[CRASH_LINE_MAX];
	unsigned at = 0;
	int err = 0;

	while (!err && crash_text(r, &at, line))
		err = get_client_log(c, GET_LOG_ERROR, line);
	return err;
}

int init_report(const char *how, int status, const struct crash_record *record)
{
	static struct get_client c; /* too big for the stack */
	const uint64_t parameters[GET_CRASH_PARAMETERS] = { (uint64_t)-VL_E_INTERNAL,
		(uint64_t)(unsigned)status };
	char text[128];
	int fd = vsock_connect(VL_PORT_GET, CONNECT_LIMIT_MS), err;

	if (fd < 0)
		return fd;
	get_client_init(&c, fd, ignore, NULL);
	c.call_limit_ms = CALL_LIMIT_MS;
	c.send_limit_ms = CALL_LIMIT_MS;
	vl_format(text, sizeof(text), "the paravisor ended: %s", how);
	err = get_client_version(&c);
	if (!err)
		err = get_client_log(&c, GET_LOG_CRITICAL, text);
	if (!err && record)
		err = send_record(&c, record);
	if (!err)
		err = get_client_crash(&c, NO_VP, PARAVISOR_VTL, parameters);
	get_client_close(&c);
	return err;
}
