/* script.h. */
#include "test/port/vm/script.h"
#include <string.h>
#include <time.h>

struct script played;

static bool next(struct fake_vp *vp)
{
	if (vp->index)
		return false;
	if (vp->step && vp->step <= played.count) {
		played.result[vp->step - 1] = script_port_result(vp);
		played.pc[vp->step - 1] = script_port_pc(vp);
	}
	if (vp->step >= played.count) {
		if (!played.repeat)
			return false;
		vp->step = played.count - 1;
	}
	played.made++;
	memset(&vp->message, 0, sizeof(vp->message));
	script_port_intercept(vp, &played.step[vp->step]);
	return true;
}

void script_play(const struct script_step *step, unsigned count)
{
	pthread_mutex_lock(&fake_hv.lock);
	script_port_begin();
	played.step = step;
	played.count = count;
	played.made = 0;
	fake_hv.vp[0].step = 0;
	fake_hv.vp[0].waiting = false;
	fake_hv.guest = next;
	pthread_cond_broadcast(&fake_hv.changed);
	pthread_mutex_unlock(&fake_hv.lock);
}

/* Waits for what `done` tells; polled, for the guest is only asked when the worker runs it. */
static bool wait_until(bool (*done)(uint64_t), uint64_t argument)
{
	const struct timespec pause = { 0, 1000000 };

	for (unsigned ms = 0; ms < FAKE_WAIT_MS; ms++) {
		bool yes;

		pthread_mutex_lock(&fake_hv.lock);
		yes = done(argument);
		pthread_mutex_unlock(&fake_hv.lock);
		if (yes)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* The last step is served when the guest was asked for the one after it. */
static bool served(uint64_t unused)
{
	return fake_hv.vp[0].step >= played.count && fake_hv.vp[0].waiting;
}

static bool made(uint64_t count)
{
	return played.made >= count;
}

bool script_served(void)
{
	return wait_until(served, 0);
}

bool script_made(uint64_t count)
{
	return wait_until(made, count);
}

void script_give_kernel(struct fake_worker *w)
{
	static uint8_t ram[FAKE_RAM_BYTES];

	script_port_kernel(ram + SCRIPT_KERNEL, SCRIPT_KERNEL_BYTES);
	fake_hv.ram = ram;
	w->config.kernel = (struct control_blob){ SCRIPT_KERNEL, SCRIPT_KERNEL_BYTES };
	strcpy(w->config.command_line, "console=ttyS0");
}
