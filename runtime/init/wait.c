/*
 * Init's wait for the paravisor's end (init.h). No call of this needs more of a cage than the wait alone did:
 * a child that is not the paravisor wakes nobody, so that orphans are looked for with each turn, and now and
 * then. What comes over the unit is another process's, and hostile; a turn takes one message, however many
 * there are.
 */
#include "runtime/init/init.h"

#include <errno.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

/* All that have ended; true when the paravisor is among them, or there is nobody to wait for. */
static bool reap(struct init_wait *w)
{
	int how;
	pid_t got;

	while ((got = waitpid(-1, &how, WNOHANG)) > 0) {
		if (got == w->pid) {
			w->status = how;
			return true;
		}
		w->facts->reaped++;
	}
	return got < 0 && errno == ECHILD;
}

/* Who asks badly is not listened to any more. */
static void serve(struct init_wait *w)
{
	int err = inspect_unit_serve(w->unit, init_inspect, w->facts);

	if (!err || err == VL_E_AGAIN)
		return;
	close(w->unit);
	w->unit = -1;
}

bool init_turn(struct init_wait *w)
{
	struct pollfd p[] = { { .fd = w->death, .events = POLLIN }, { .fd = w->unit, .events = POLLIN } };

	if (poll(p, VL_ARRAY_COUNT(p), w->orphan_ms) > 0 && p[1].revents)
		serve(w);
	return reap(w);
}
