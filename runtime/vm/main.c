/*
 * vallum-vm, the VM worker: receives its configuration and descriptors from
 * the paravisor, builds the virtual machine and serves it until the channel
 * closes. Started by the paravisor with what runtime/lib/control.h says.
 */
#include "common/base/fmt.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/crash.h"
#include "runtime/lib/kmsg.h"
#include "runtime/sandbox/sandbox.h"
#include "runtime/vm/loop.h"
#include <string.h>

/* The paravisor sends CONFIG right after the start; a worker without one is of no use. */
#define CONFIG_LIMIT_MS 60000

static union control_any first;
static struct vm vm;

static int receive_config(struct channel_message *m)
{
	int err = channel_receive(CONTROL_FD, m, CONFIG_LIMIT_MS);

	if (!err)
		err = control_check(m->data, m->size, m->fd_count);
	if (!err && first.header.type != CONTROL_CONFIG)
		err = VL_E_PROTOCOL;
	if (err)
		vl_error("no usable configuration from the paravisor: %s", vl_err_text(err));
	return err;
}

static void report(int error, const char *reason)
{
	struct control_crash m = { .vp = CONTROL_NO_VP, .error = error };

	vl_error("%s", reason);
	vl_format(m.text, sizeof(m.text), "%s", reason);
	error = control_send(CONTROL_FD, CONTROL_CRASH, &m, sizeof(m), NULL, 0);
	if (error)
		vl_error("reporting that to the paravisor: %s", vl_err_text(error));
}

int main(void)
{
	struct channel_message m = { .data = &first, .capacity = sizeof(first) };
	char reason[CONTROL_TEXT_MAX] = "";
	const char *step = "";
	int err;

	kmsg_init("vallum-vm", VL_LOG_INFO);
	crash_init();
	err = sandbox_enter(&sandbox_vm, &step);
	if (err) {
		vl_format(reason, sizeof(reason), "sandbox: %s: %s", step, vl_err_text(err));
		report(err, reason);
		return 1;
	}
	if (receive_config(&m))
		return 1;
	err = vm_create(&vm, &first.config, m.fds, reason);
	if (err)
		report(err, reason);
	else
		err = loop_run(&vm, CONTROL_FD, control_fd_of(&first.config, m.fds, CONTROL_FD_INSPECT, 0));
	if (err)
		vl_error("ends: %s", vl_err_text(err));
	vm_destroy(&vm);
	return err ? 1 : 0;
}
