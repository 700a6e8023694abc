/*
 * The life of a device worker, from its cage to its end; called by the main() of
 * each with its device. Whose input the worker handles says its main file.
 */
#include "common/base/log.h"
#include "runtime/devworker/host.h"
#include "runtime/sandbox/sandbox.h"

int devhost_main(struct devhost *h, const struct sandbox_profile *cage, int (*prepare)(void))
{
	const char *step = "";
	int err = sandbox_enter(cage, &step);

	if (err) {
		vl_error("sandbox: %s: %s", step, vl_err_text(err));
		return 1;
	}
	err = prepare();
	if (!err)
		err = devhost_run(h);
	if (err != VL_E_CLOSED)
		vl_error("ends: %s", vl_err_text(err));
	return err == VL_E_CLOSED ? 0 : 1;
}
