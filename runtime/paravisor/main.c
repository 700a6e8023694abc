/*
 * `vallum`, the paravisor: started by init with /dev/kmsg as standard error
 * and the options of the kernel command line in its environment. Gathers what
 * the machine is and hands over to paravisor.c. Its input (device tree, host
 * channel) is the host's and not trusted; what reads it checks it.
 */
#include "common/base/fmt.h"
#include "common/base/log.h"
#include "common/base/ports.h"
#include "runtime/lib/crash.h"
#include "runtime/lib/inspect_unit.h"
#include "runtime/lib/kmsg.h"
#include "runtime/lib/text.h"
#include "runtime/lib/vsock.h"
#include "runtime/paravisor/hvcall.h"
#include "runtime/paravisor/measure.h"
#include "runtime/paravisor/paravisor.h"
#include "runtime/paravisor/process.h"
#include "runtime/paravisor/shim_log.h"
#include "runtime/sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKER_FOLDER "/bin"
#define STREAM_LIMIT_MS 30000u

static int connect_host(void *context, unsigned limit_ms)
{
	return vsock_connect(VL_PORT_GET, limit_ms);
}

static int add_fd(struct control_config *c, int *fds, int fd, enum control_fd_role role, uint32_t index)
{
	if (fd < 0)
		return fd;
	fds[c->fd_count] = fd;
	c->fds[c->fd_count++] = (struct control_fd){ role, index };
	return 0;
}

static int open_devices(struct control_config *c, int *fds, const char **what)
{
	static const struct {
		const char *path;
		enum control_fd_role role;
	} devices[] = {
		{ "/dev/mshv", CONTROL_FD_MSHV },
		{ "/dev/mshv_vtl_low", CONTROL_FD_VTL_LOW },
		{ "/dev/mshv_hvcall", CONTROL_FD_HVCALL },
	};

	for (size_t i = 0; i < VL_ARRAY_COUNT(devices); i++) {
		int fd = open(devices[i].path, O_RDWR | O_CLOEXEC);

		*what = devices[i].path;
		if (fd < 0)
			return VL_E_OS;
		add_fd(c, fds, fd, devices[i].role, 0);
	}
	return 0;
}

static int add_device(struct control_config *c, int *fds, const struct device_worker *w, uint32_t index)
{
	int err;

	if (w->supply[1] < 0)
		return 0;
	err = add_fd(c, fds, fcntl(w->supply[1], F_DUPFD_CLOEXEC, 0), CONTROL_FD_SUPPLY, index);
	return err ? err : add_fd(c, fds, fcntl(w->shared, F_DUPFD_CLOEXEC, 0), CONTROL_FD_SHARED, index);
}

/* Everything that the VM worker may use; it opens nothing itself. */
static int open_all(void *context, const struct paravisor *p, struct control_config *c, int *fds,
	const char **what)
{
	const bool com[] = { p->dps.com1.enable_port, p->dps.com2.enable_port };
	int err = open_devices(c, fds, what);

	for (uint32_t i = 0; !err && i < VL_ARRAY_COUNT(com); i++) {
		*what = "console stream to the host";
		if (com[i])
			err = add_fd(c, fds, vsock_connect(VL_PORT_CONSOLE + i, STREAM_LIMIT_MS),
				CONTROL_FD_CONSOLE, i);
	}
	if (!err && p->vm_unit >= 0)
		err = add_fd(c, fds, fcntl(p->vm_unit, F_DUPFD_CLOEXEC, 0), CONTROL_FD_INSPECT, 0);
	*what = "device worker";
	for (uint32_t i = 0; !err && i < CONTROL_DEVICE_COUNT; i++)
		err = add_device(c, fds, &p->devices.list[i], i);
	for (uint32_t i = 0; !err && i < p->machine.disk_count; i++) {
		*what = "disk stream to the host";
		err = add_fd(c, fds, vsock_connect(VL_PORT_DISK + i, STREAM_LIMIT_MS), CONTROL_FD_DISK, i);
	}
	return err;
}

static int spawn(void *context, struct worker *w)
{
	char path[64];

	vl_format(path, sizeof(path), "%s/%s", WORKER_FOLDER, w->rule->program);
	return process_spawn(w, path);
}

/* The log is opened here for the server, which cannot open anything; a hardened one has no use for it. */
static int open_diagnostics(void *context, int fds[SERVICE_FD_MAX], const char **what)
{
	*what = "listening for clients";
	fds[SERVICE_FD_CONTROL] = vsock_listen(VL_PORT_DIAG_CONTROL);
	if (fds[SERVICE_FD_CONTROL] < 0)
		return fds[SERVICE_FD_CONTROL];
#ifdef VL_HARDENED
	return SERVICE_FD_CONTROL + 1;
#else
	fds[SERVICE_FD_DATA] = vsock_listen(VL_PORT_DIAG_DATA);
	if (fds[SERVICE_FD_DATA] < 0) {
		close(fds[SERVICE_FD_CONTROL]);
		return VL_E_OS;
	}
	fds[SERVICE_FD_KMSG] = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fds[SERVICE_FD_KMSG] < 0)
		vl_warn("no log for clients: %s", strerror(errno));
	return fds[SERVICE_FD_KMSG] < 0 ? SERVICE_FD_KMSG : SERVICE_FD_MAX;
#endif
}

/* All that is there before the guest runs, whether it is started or not. */
static int measure_programs(void *context, uint8_t digest[VBS_DIGEST_BYTES])
{
	const char *names[WORKER_ID_COUNT + 2] = { "vallum" };
	unsigned count = 1, which;
	int err;

	for (unsigned i = 0; i < WORKER_PROFILER; i++)
		if (strcmp(names[count - 1], supervise_rules[i].program) != 0)
			names[count++] = supervise_rules[i].program;
	err = measure_files(WORKER_FOLDER, names, digest, &which);
	if (err)
		vl_error("%s/%s cannot be measured: %s", WORKER_FOLDER, names[which], vl_err_text(err));
	return err;
}

static const struct paravisor_ops ops = {
	.connect = connect_host,
	.open = open_all,
	.spawn = spawn,
	.programs = measure_programs,
	.diagnostics = open_diagnostics,
#ifdef VL_DEBUG_IMAGE
	.commands = &commands_table,
#endif
};

/* Diagnosis: proves in a running machine that device workers can be lost. SECONDS, or SECONDS,SIGNAL. */
static void read_kill(struct devices *d)
{
#ifndef VL_HARDENED
	const char *word = getenv("VALLUM_WORKER_KILL_S");
	char *rest = NULL;
	unsigned long n = word ? strtoul(word, &rest, 10) : 0;
	unsigned long signal = rest && *rest == ',' ? strtoul(rest + 1, NULL, 10) : 0;

	d->kill_every_ms = n <= 3600 ? (unsigned)n * 1000 : 0;
	d->kill_signal = signal < NSIG ? (int)signal : 0;
#endif
}

static void read_log_level(void)
{
	const char *level = getenv("VALLUM_LOG");

	if (level && kmsg_set_level(level))
		vl_warn("VALLUM_LOG takes error, warn, info or debug");
}

static int read_options(struct paravisor *p)
{
	const char *workers = getenv("VALLUM_WORKERS");
	int err = security_config(&p->security, getenv("VALLUM_BROKER"), getenv("VALLUM_SEALING"));

	read_kill(&p->devices);
	p->platform = &hvcall_platform;
	if (err) {
		paravisor_fail(p, err, "VALLUM_BROKER takes 64 hexadecimal digits, VALLUM_SEALING none, hash "
				"or signer");
		return err;
	}
	err = workers ? devices_by_names(workers, &p->workers) : 0;
	if (err)
		paravisor_fail(p, err, "VALLUM_WORKERS takes " DEVICES_NAMES);
	return err;
}

static int describe_machine(struct paravisor *p)
{
	const char *boot_time = getenv("KERNEL_BOOT_TIME"), *where = "/";
	struct machine *m = &p->machine;
	struct devtree t;
	int err = devtree_open(&t, DEVTREE_PATH);

	if (!err) {
		err = machine_read(m, &t, &where);
		devtree_close(&t);
	}
	if (err) {
		paravisor_fail(p, err, "device tree %s: %s", where, vl_err_text(err));
		return err;
	}
	if (boot_time)
		p->init_boot_ns = strtoull(boot_time, NULL, 10);
	err = m->shim_log_size ? shim_log_replay("/dev/mem", m->shim_log_base, m->shim_log_size) : 0;
	if (err)
		vl_warn("the shim's log at 0x%llx cannot be read: %s", (unsigned long long)m->shim_log_base,
			vl_err_text(err));
	return 0;
}

int main(void)
{
	static struct paravisor p; /* too big for the stack */
	/* Before anything is opened. */
	int unit = fcntl(INIT_UNIT_FD, F_SETFD, FD_CLOEXEC) == 0 ? INIT_UNIT_FD : -1, err;
	const char *step = "";

	signal(SIGPIPE, SIG_IGN);
	kmsg_init("vallum", VL_LOG_INFO);
	crash_init();
	paravisor_init(&p, &ops, NULL);
	p.init_unit = unit;
	p.init_text_base = text_hear(CRASH_FD);
	err = sandbox_enter(&sandbox_paravisor, &step);
	if (err) {
		paravisor_fail(&p, err, "sandbox: %s: %s", step, vl_err_text(err));
		return paravisor_run(&p);
	}
	/* From here on: the options, too, are the host's words where it is trusted. */
	read_log_level();
	if (!describe_machine(&p))
		read_options(&p);
	return paravisor_run(&p);
}
