/*
 * vallum-devworker: one device model of runtime/dev in a process of its own.
 * Started by the paravisor with nothing open but 3, over which it gets its
 * configuration, its link to the VM worker and the memory that both share. The
 * VM worker passes on what the guest does and is not trusted.
 */
#include "common/base/log.h"
#include "runtime/devworker/host.h"
#include "runtime/devworker/kinds.h"
#include "runtime/lib/crash.h"
#include "runtime/lib/kmsg.h"
#include "runtime/sandbox/sandbox.h"

static struct devhost host; /* too big for the stack */

static int prepare(void)
{
	const struct devworker_kind *kind;
	struct devipc_config config;
	int err = devhost_open(&host, &config, NULL);

	if (err) {
		vl_error("no usable configuration from the paravisor: %s", vl_err_text(err));
		return err;
	}
	kind = devworker_kind(config.kind);
	if (!kind) {
		vl_error("there is no device model %s here", config.kind);
		return VL_E_NOTFOUND;
	}
	devhost_init(&host, kind->model, kind->dev);
	kind->init(kind->dev, &host.env);
	return host.err;
}

int main(void)
{
	kmsg_init("vallum-devworker", VL_LOG_INFO);
	crash_init();
	return devhost_main(&host, &sandbox_devworker, prepare);
}
