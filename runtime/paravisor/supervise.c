/* Supervision table (supervise.h). Pure: no system call, so a test can walk all of it. */
#include "runtime/paravisor/supervise.h"
#include "runtime/lib/clock.h"

const struct worker_rule supervise_rules[WORKER_ID_COUNT] = {
	/* A guest of many VPs under emulation on a busy machine needs minutes to start. */
	[WORKER_VM] = { "vm", "vallum-vm", WORKER_FATAL, true, 240000, 10000, 0, 0, 0 },
	[WORKER_VTPM] = { "vtpm", "vallum-vtpm", WORKER_RESTART, true, 60000, 10000, 5, 60000, 100 },
	[WORKER_COM1] = { "com1", "vallum-devworker", WORKER_RESTART, false, 60000, 10000, 5, 60000, 100 },
	[WORKER_COM2] = { "com2", "vallum-devworker", WORKER_RESTART, false, 60000, 10000, 5, 60000, 100 },
	[WORKER_DIAG] = { "diag", "vallum-diag", WORKER_RESTART, false, 60000, 10000, 5, 60000, 100 },
	/* Each profile is a start. */
	[WORKER_PROFILER] = { "profiler", "vallum-profiler", WORKER_RESTART, false, 0, 10000, 5, 60000, 100 },
};

/* Every transition; an event that has no row here changes nothing. */
static const struct step {
	enum worker_state state;
	enum worker_event event;
	enum worker_state next;
	enum worker_action action;
} steps[] = {
	{ WORKER_DOWN, WORKER_START, WORKER_STARTING, WORKER_SPAWN },

	{ WORKER_STARTING, WORKER_READY, WORKER_RUNNING, WORKER_NOTHING },
	{ WORKER_STARTING, WORKER_DIED, WORKER_WAITING, WORKER_NOTHING },
	{ WORKER_STARTING, WORKER_LOST, WORKER_FAILED, WORKER_REPORT },
	{ WORKER_STARTING, WORKER_TIMEOUT, WORKER_KILLING, WORKER_KILL },
	{ WORKER_STARTING, WORKER_STOP, WORKER_STOPPING, WORKER_ASK },

	{ WORKER_RUNNING, WORKER_WRONG, WORKER_KILLING, WORKER_KILL },
	{ WORKER_RUNNING, WORKER_DIED, WORKER_WAITING, WORKER_NOTHING },
	{ WORKER_RUNNING, WORKER_LOST, WORKER_FAILED, WORKER_REPORT },
	{ WORKER_RUNNING, WORKER_STOP, WORKER_STOPPING, WORKER_ASK },

	{ WORKER_STOPPING, WORKER_DIED, WORKER_DOWN, WORKER_NOTHING },
	{ WORKER_STOPPING, WORKER_LOST, WORKER_DOWN, WORKER_NOTHING },
	{ WORKER_STOPPING, WORKER_TIMEOUT, WORKER_STOPPING, WORKER_KILL },

	{ WORKER_KILLING, WORKER_DIED, WORKER_WAITING, WORKER_NOTHING },
	{ WORKER_KILLING, WORKER_LOST, WORKER_FAILED, WORKER_REPORT },
	{ WORKER_KILLING, WORKER_TIMEOUT, WORKER_FAILED, WORKER_REPORT },
	{ WORKER_KILLING, WORKER_STOP, WORKER_STOPPING, WORKER_KILL },

	{ WORKER_WAITING, WORKER_TIMEOUT, WORKER_STARTING, WORKER_SPAWN },
	{ WORKER_WAITING, WORKER_STOP, WORKER_DOWN, WORKER_NOTHING },
};

void supervise_init(struct worker *w, const struct worker_rule *rule)
{
	*w = (struct worker){ .rule = rule, .start_limit_ms = rule->start_limit_ms, .pidfd = -1,
		.control = -1, .crash = -1 };
}

static unsigned limit_ms(const struct worker *w)
{
	switch (w->state) {
	case WORKER_STARTING:
		return w->start_limit_ms;
	case WORKER_STOPPING:
	case WORKER_KILLING:
		return w->rule->stop_limit_ms;
	case WORKER_WAITING:
		return w->rule->backoff_ms << (w->deaths ? w->deaths - 1 : 0);
	default:
		return 0;
	}
}

enum worker_action supervise_event(struct worker *w, enum worker_event event, uint64_t now_ns)
{
	for (size_t i = 0; i < VL_ARRAY_COUNT(steps); i++) {
		if (steps[i].state != w->state || steps[i].event != event)
			continue;
		w->state = steps[i].next;
		w->deadline_ns = limit_ms(w) ? now_ns + limit_ms(w) * CLOCK_MS_NS : 0;
		w->starts += steps[i].action == WORKER_SPAWN;
		w->kills += steps[i].action == WORKER_KILL;
		return steps[i].action;
	}
	return WORKER_NOTHING;
}

enum worker_action supervise_death(struct worker *w, uint64_t now_ns)
{
	if (w->deaths == 0 || now_ns - w->window_ns > w->rule->window_ms * CLOCK_MS_NS) {
		w->window_ns = now_ns;
		w->deaths = 0;
	}
	w->deaths++;
	w->deaths_ever++;
	if (w->rule->policy == WORKER_FATAL || w->deaths > w->rule->death_max)
		return supervise_event(w, WORKER_LOST, now_ns);
	return supervise_event(w, WORKER_DIED, now_ns);
}

const char *supervise_state_name(enum worker_state state)
{
	static const char *const names[WORKER_STATE_COUNT] = {
		"down", "starting", "running", "stopping", "killing", "waiting", "failed",
	};

	return state < WORKER_STATE_COUNT ? names[state] : "?";
}
