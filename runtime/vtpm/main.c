/*
 * vallum-vtpm, the virtual TPM's worker: a static program against GNU's libc,
 * for Debian has libtpms for no other. Started by the paravisor with nothing
 * open but 3, over which it gets its configuration, its link to the VM worker,
 * the memory for checkpoints and the store for its two files. The VM worker
 * passes on what the guest does and is not trusted.
 */
#include "common/base/log.h"
#include "runtime/lib/crash.h"
#include "runtime/lib/kmsg.h"
#include "runtime/lib/store.h"
#include "runtime/sandbox/sandbox.h"
#include "runtime/vtpm/worker.h"

#include <fcntl.h>
#include <unistd.h>

#define VERSION_TEXT "Vallum"

static struct devhost host; /* too big for the stack */
static struct vtpm device;  /* libtpms has one TPM in a process */
static struct engine engine;
static int store;

static int64_t nv_read(void *context, enum vtpm_file file, void *out, size_t room)
{
	return store_read(store, file, out, room);
}

static int nv_write(void *context, enum vtpm_file file, const void *data, size_t size)
{
	return store_write(store, file, data, size);
}

static const struct vtpm_nv_ops nv_ops = { nv_read, nv_write };

static int prepare(void)
{
	const struct vtpm_nv nv = { &nv_ops, NULL };
	struct devipc_config c;
	int err = devhost_open(&host, &c, &store);

	if (err) {
		vl_error("no usable configuration from the paravisor: %s", vl_err_text(err));
		return err;
	}
	err = engine_open(&engine, &nv, true);
	if (err) {
		vl_error("the engine's thread: %s", vl_err_text(err));
		return err;
	}
	host.hooks = vtpm_worker_hooks(&engine);
	devhost_init(&host, &vtpm_model, &device);
	vtpm_init(&device, &host.env, &engine, c.argument[0] == VTPM_CRB ? VTPM_CRB : VTPM_FIFO,
		c.argument[1], VERSION_TEXT);
	return 0;
}

int main(void)
{
	kmsg_init("vallum-vtpm", VL_LOG_INFO);
	crash_init();
	tpm_prepare_library(open("/dev/null", O_WRONLY | O_CLOEXEC));
	return devhost_main(&host, &sandbox_vtpm, prepare);
}
