/*
 * `vallum-diag`, the diagnostics server's process (service.h). Started by the
 * paravisor with nothing open but 0 to 3; what it serves it is handed. It runs in
 * what time the guest leaves it: clients must not be able to slow the guest down.
 */
#include "common/base/log.h"
#include "runtime/diag/exec.h"
#include "runtime/lib/control.h"
#include "runtime/lib/crash.h"
#include "runtime/lib/kmsg.h"
#include "runtime/lib/yield.h"
#include "runtime/sandbox/sandbox.h"

static struct server server; /* too big for the stack */

int main(void)
{
	const char *step = "";
	int err;

	kmsg_init("vallum-diag", VL_LOG_INFO);
	crash_init();
	yield_to_guest();
	err = sandbox_enter(&sandbox_diag, &step);
	if (err) {
		vl_error("sandbox: %s: %s", step, vl_err_text(err));
		return 1;
	}
	err = server_init(&server, CONTROL_FD);
#ifdef VL_DEBUG_IMAGE
	if (!err)
		err = exec_init(&server);
#endif
	if (!err)
		err = server_run(&server);
	server_destroy(&server);
	if (err && err != VL_E_CLOSED)
		vl_error("ends: %s", vl_err_text(err));
	return err && err != VL_E_CLOSED;
}
