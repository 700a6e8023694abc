/* life_worker.h */
#include "test/unit/paravisor/life_worker.h"
#include "common/base/err.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/clock.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

union control_any worker_in;

void expect(int control, enum control_type type)
{
	struct channel_message m = { .data = &worker_in, .capacity = sizeof(worker_in) };

	if (channel_receive(control, &m, LIMIT_MS) != 0 || control_check(m.data, m.size, m.fd_count) != 0 ||
	    worker_in.header.type != type)
		_exit(99);
	channel_close_fds(&m);
}

void say_started(int control)
{
	struct control_started s = { .boot_ns = clock_boot_ns() };

	expect(control, CONTROL_CONFIG);
	if (worker_in.config.vp_count != 2 || worker_in.config.fd_count != 1 ||
	    strcmp(worker_in.config.command_line, "quiet") != 0)
		_exit(98);
	expect(control, CONTROL_START);
	control_send(control, CONTROL_STARTED, &s, sizeof(s), NULL, 0);
}

/* As the protocol wants it: until the channel closes. */
void wait_for_end(int control)
{
	struct pollfd p = { .fd = control, .events = POLLIN };

	poll(&p, 1, LIMIT_MS);
	_exit(0);
}

void worker_powers_off(int control)
{
	say_started(control);
	control_signal(control, CONTROL_POWER_OFF);
	wait_for_end(control);
}

void worker_resets(int control)
{
	say_started(control);
	control_signal(control, CONTROL_RESET);
	wait_for_end(control);
}

void worker_triple_faults(int control)
{
	struct control_triple_fault f = { .vp = 1, .register_count = 1,
		.registers = { { .name = 0x20010, .low = 0xfff0 } } };

	say_started(control);
	control_send(control, CONTROL_TRIPLE_FAULT, &f, sizeof(f), NULL, 0);
	wait_for_end(control);
}

void worker_dies(int control)
{
	say_started(control);
	_exit(5);
}

void worker_says_why_and_dies(int control)
{
	struct control_crash c = { .vp = CONTROL_NO_VP, .error = VL_E_FORMAT,
		.text = "guest kernel: no bzImage" };

	expect(control, CONTROL_CONFIG);
	control_send(control, CONTROL_CRASH, &c, sizeof(c), NULL, 0);
	_exit(1);
}

void worker_sends_garbage(int control)
{
	say_started(control);
	channel_send(control, "garbage", 7, NULL, 0, LIMIT_MS);
	wait_for_end(control);
}

void worker_hangs(int control)
{
	wait_for_end(-1);
}
