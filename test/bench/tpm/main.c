/*
 * tpm-bench [SOCKET]: TPM commands per second through the virtual TPM's
 * registers, in this process, and beside it, command for command, through a
 * swtpm that listens on SOCKET. Run by test/bench/tpm/run.
 */
#include "test/bench/tpm/commands.h"
#include "runtime/vtpm/vtpm.h"

#include <stdlib.h>

static struct vtpm v;
static struct engine engine;
static struct dev_env env;
static struct dev_instance device = { "vtpm", &vtpm_model, &v };

static int64_t nv_read(void *context, enum vtpm_file file, void *out, size_t room) { return VL_E_NOTFOUND; }
static int nv_write(void *context, enum vtpm_file file, const void *data, size_t size) { return 0; }
static const struct vtpm_nv_ops nv_ops = { nv_read, nv_write };

static void open_ours(void)
{
	static const struct vtpm_nv nv = { &nv_ops, NULL };

	if (engine_open(&engine, &nv, false))
		exit(1);
	vtpm_init(&v, &env, &engine, VTPM_CRB, 0xfed40000, "bench");
	vtpm_model.write(&v, VTPM_REGION_BOOT, 0, 4, VTPM_BOOT_POWER_ON);
	vtpm_model.write(&v, VTPM_REGION_BOOT, 0, 4, VTPM_BOOT_FINISH);
	vtpm_model.start(&v);
}

int main(int argc, char **argv)
{
	open_ours();
	compare_commands("in one process", &device, argc > 1 ? open_socket(argv[1]) : -1);
	return 0;
}
