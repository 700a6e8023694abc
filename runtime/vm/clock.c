/*
 * VM time and wall time for the device models. Called under the machine lock.
 * The host's wall clock is not to be trusted when the VM is isolated; nothing
 * but the guest's RTC depends on it.
 */
#include "port/ticks.h"
#include "runtime/vm/vm.h"
#include <time.h>

static uint64_t read_clock(clockid_t id)
{
	struct timespec t = { 0 };

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

void clock_init(struct vm_clock *c)
{
	*c = (struct vm_clock){ .begun_ns = clock_monotonic_ns(), .begun_ticks = port_ticks() };
}

uint64_t clock_ticks_ns(const struct vm_clock *c, uint64_t ticks)
{
	uint64_t passed = port_ticks() - c->begun_ticks;

	return passed ? (uint64_t)((unsigned __int128)(clock_monotonic_ns() - c->begun_ns) * ticks / passed) :
			0;
}

uint64_t clock_now_ns(const struct vm_clock *c)
{
	return c->running ? clock_monotonic_ns() - c->offset_ns : c->offset_ns;
}

void clock_start(struct vm_clock *c)
{
	if (!c->running)
		c->offset_ns = clock_monotonic_ns() - c->offset_ns;
	c->running = true;
}

void clock_stop(struct vm_clock *c)
{
	c->offset_ns = clock_now_ns(c);
	c->running = false;
}

uint64_t clock_to_monotonic(const struct vm_clock *c, uint64_t deadline_ns)
{
	uint64_t vm_now = clock_now_ns(c), now = clock_monotonic_ns();
	uint64_t left = deadline_ns > vm_now ? deadline_ns - vm_now : 0;

	if (!c->running || deadline_ns == VM_NEVER || left >= VM_NEVER - now)
		return VM_NEVER;
	return now + left;
}

uint64_t clock_wall_ns(const struct vm_clock *c)
{
	if (!c->utc_ns)
		return read_clock(CLOCK_REALTIME);
	return c->utc_ns + (read_clock(CLOCK_BOOTTIME) - c->utc_boot_ns);
}
