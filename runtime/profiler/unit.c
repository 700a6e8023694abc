/*
 * The profiler's part of the inspect tree (unit.h): what is asked is the diagnostics server's word, and
 * hostile.
 */
#include "runtime/profiler/unit.h"
#include "runtime/lib/clock.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

void profiler_inspect(void *context, struct inspect *i)
{
	const struct profiler_unit *u = context;

	inspect_u64(i, "seconds", INSPECT_SAFE, INSPECT_PLAIN, u->request->seconds);
	inspect_u64(i, "ms-left", INSPECT_SAFE, INSPECT_PLAIN, (uint64_t)clock_left_ms(u->end_ns));
	inspect_u64(i, "hertz", INSPECT_SAFE, INSPECT_PLAIN, u->request->hertz);
	inspect_text(i, "clock", INSPECT_SAFE, u->sampler->hardware ? "cycles" : "software");
	inspect_u64(i, "cpus", INSPECT_SAFE, INSPECT_COUNT, u->sampler->cpu_count);
	inspect_u64(i, "processes", INSPECT_SAFE, INSPECT_COUNT, u->request->process_count);
	inspect_u64(i, "samples", INSPECT_SAFE, INSPECT_COUNT, u->stacks->samples);
	inspect_u64(i, "lost", INSPECT_SAFE, INSPECT_COUNT, u->stacks->lost);
	inspect_u64(i, "stacks", INSPECT_SAFE, INSPECT_COUNT, u->stacks->count);
}

/* Who asks badly is not listened to any more; the profile goes on. */
static void serve(struct profiler_unit *u)
{
	int err = inspect_unit_serve(u->fd, profiler_inspect, u);

	if (!err || err == VL_E_AGAIN)
		return;
	close(u->fd);
	u->fd = -1;
}

int profiler_wait(struct profiler_unit *u, int control, uint64_t until_ns)
{
	int left;

	while ((left = clock_left_ms(until_ns)) != 0) {
		struct pollfd f[] = { { .fd = control }, { .fd = u->fd, .events = POLLIN } };

		if (poll(f, VL_ARRAY_COUNT(f), left) < 0 && errno != EINTR)
			return VL_E_OS;
		if (f[0].revents & (POLLHUP | POLLERR))
			return VL_E_CLOSED;
		if (f[1].revents)
			serve(u);
	}
	return 0;
}
