/*
 * The paravisor's part of the inspect tree (runtime/lib/inspect_unit.h): how the boot
 * went, what runs, the workers, the host and its settings. What may say something
 * about the guest, or is the host's own word, is not "safe".
 */
#include "runtime/paravisor/inspect.h"
#include "common/base/fmt.h"
#include "runtime/lib/clock.h"
#include "runtime/lib/kmsg.h"

#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

const char *const paravisor_entries[] = { "boot", "version", "workers", "host", "vtl2", "settings",
	"crashes", "mesh", NULL };
_Static_assert(VL_ARRAY_COUNT(paravisor_entries) == SERVICE_ENTRY_MAX + 1, "as many as the server takes");

static void put_boot(const struct paravisor *p, struct inspect *i)
{
	if (!inspect_open(i, "boot", INSPECT_SAFE))
		return;
	for (unsigned n = 0; n < p->mark_count; n++)
		inspect_u64(i, p->marks[n].name, INSPECT_SAFE, INSPECT_PLAIN, p->marks[n].reference_100ns);
	inspect_close(i);
}

static void put_version(const struct paravisor *p, struct inspect *i)
{
	const struct filter_context *f = &p->machine.filter;
	struct utsname u;

	if (!inspect_open(i, "version", INSPECT_SAFE))
		return;
	inspect_text(i, "vallum", INSPECT_SAFE, VL_VERSION);
	if (uname(&u) == 0) {
		inspect_text(i, "kernel", INSPECT_SAFE, u.release);
		inspect_text(i, "architecture", INSPECT_SAFE, u.machine);
	}
	inspect_text(i, "isolation", INSPECT_SAFE, f->isolation < ISOLATION_COUNT ?
		isolation_name(f->isolation) : "unknown");
	inspect_bool(i, "confidential-debug", INSPECT_SAFE, f->debug);
#ifdef VL_HARDENED
	inspect_bool(i, "hardened", INSPECT_SAFE, true);
#else
	inspect_bool(i, "hardened", INSPECT_SAFE, false);
#endif
	inspect_bool(i, "debug-image", INSPECT_SAFE, p->ops->commands != NULL);
	if (p->measurement_bytes)
		inspect_bytes(i, "measurement", INSPECT_SAFE, p->measurement, p->measurement_bytes);
	inspect_close(i);
}

static void put_worker(struct inspect *i, const struct worker *w)
{
	if (!inspect_open(i, w->rule->name, INSPECT_SAFE))
		return;
	inspect_text(i, "state", INSPECT_SAFE, supervise_state_name(w->state));
	inspect_u64(i, "pid", INSPECT_SAFE, INSPECT_PLAIN, (uint64_t)w->pid);
	inspect_u64(i, "restarts", INSPECT_SAFE, INSPECT_COUNT, w->starts ? w->starts - 1 : 0);
	inspect_u64(i, "deaths", INSPECT_SAFE, INSPECT_COUNT, w->deaths_ever);
	inspect_u64(i, "kills", INSPECT_SAFE, INSPECT_COUNT, w->kills);
	inspect_u64(i, "deaths-in-window", INSPECT_SAFE, INSPECT_COUNT, w->deaths);
	inspect_close(i);
}

/* The processes themselves are units of their own, while they run. */
static void put_commands(const struct paravisor *p, struct inspect *i)
{
	unsigned running = 0;

	if (!p->ops->commands || !inspect_open(i, "commands", INSPECT_SAFE))
		return;
	for (unsigned n = 0; n < COMMANDS_MAX; n++)
		running += p->commands[n].pid != 0;
	inspect_u64(i, "started", INSPECT_SAFE, INSPECT_COUNT, p->command_count);
	inspect_u64(i, "running", INSPECT_SAFE, INSPECT_COUNT, running);
	inspect_u64(i, "ended", INSPECT_SAFE, INSPECT_COUNT, p->command_count - running);
	inspect_close(i);
}

static const char *life_of(const struct paravisor *p)
{
	static const char *const names[] = { "running", "stopping", "paused", "saving", "starting",
		"replacing",
		"restoring" };

	if (p->phase == PARAVISOR_RUNNING)
		return names[p->errands.life];
	return p->phase == PARAVISOR_BOOTING ? "booting" : "ended";
}

static void put_workers(const struct paravisor *p, struct inspect *i)
{
	if (!inspect_open(i, "workers", INSPECT_SAFE))
		return;
	put_worker(i, &p->vm);
	for (unsigned n = 0; n < CONTROL_DEVICE_COUNT; n++)
		if (p->devices.list[n].supply[1] >= 0)
			put_worker(i, &p->devices.list[n].worker);
	put_worker(i, &p->diag.worker);
	if (p->errands.profiler.pid)
		put_worker(i, &p->errands.profiler);
	put_commands(p, i);
	inspect_text(i, "guest", INSPECT_SAFE, life_of(p));
	inspect_close(i);
}

static void put_process(struct inspect *i, pid_t pid, const char *name)
{
	char number[24];

	vl_format(number, sizeof(number), "%d", (int)pid);
	if (!inspect_open(i, number, INSPECT_SAFE))
		return;
	inspect_text(i, "name", INSPECT_SAFE, name);
	inspect_close(i);
}

/*
 * VTL2's processes by number, where the reference implementation has them: its client looks names up there.
 */
static void put_mesh(struct paravisor *p, struct inspect *i)
{
	const struct worker *w;

	if (!inspect_open(i, "mesh", INSPECT_SAFE))
		return;
	if (inspect_open(i, "hosts", INSPECT_SAFE)) {
		put_process(i, getpid(), "vallum");
		for (unsigned n = 0; (w = paravisor_worker(p, n)); n++)
			if (w->pid > 0)
				put_process(i, w->pid, w->rule->name);
		inspect_close(i);
	}
	inspect_close(i);
}

static void put_host(const struct paravisor *p, struct inspect *i)
{
	uint64_t now = clock_boot_ns();

	if (!inspect_open(i, "host", INSPECT_SAFE))
		return;
	inspect_text(i, "channel", INSPECT_SAFE, p->host.err ? vl_err_text(p->host.err) : "connected");
	inspect_u64(i, "messages-sent", INSPECT_SAFE, INSPECT_COUNT, p->host.counts.sent);
	inspect_u64(i, "messages-received", INSPECT_SAFE, INSPECT_COUNT, p->host.counts.received);
	inspect_u64(i, "calls", INSPECT_SAFE, INSPECT_COUNT, p->host.counts.calls);
	inspect_u64(i, "slowest-call-ns", INSPECT_SAFE, INSPECT_PLAIN, p->host.counts.slowest_call_ns);
	inspect_u64(i, "reference-100ns", INSPECT_SAFE, INSPECT_PLAIN,
		p->time.reference_100ns + (now - p->time.boot_ns) / 100);
	inspect_u64(i, "utc-ns-at-boot", INSPECT_UNSPECIFIED, INSPECT_PLAIN, p->time.utc_ns);
	inspect_u64(i, "notifications", INSPECT_SAFE, INSPECT_COUNT, p->notifications);
	inspect_bool(i, "state-open", INSPECT_SAFE, p->state.open);
	inspect_bool(i, "state-ephemeral", INSPECT_SAFE, p->state.ephemeral);
	inspect_close(i);
}

/* VTL2's own memory, as the shim decided on it, and what of it its kernel has left. */
static void put_vtl2(const struct paravisor *p, struct inspect *i)
{
	const struct machine *m = &p->machine;
	struct sysinfo s;

	if (!inspect_open(i, "vtl2", INSPECT_SAFE))
		return;
	inspect_u64(i, "ram-bytes", INSPECT_SAFE, INSPECT_PLAIN, m->vtl2_ram_bytes);
	inspect_u64(i, "reserved-bytes", INSPECT_SAFE, INSPECT_PLAIN, m->vtl2_other_bytes);
	if (sysinfo(&s) == 0) {
		inspect_u64(i, "usable-bytes", INSPECT_SAFE, INSPECT_PLAIN,
				(uint64_t)s.totalram * s.mem_unit);
		inspect_u64(i, "free-bytes", INSPECT_SAFE, INSPECT_PLAIN, (uint64_t)s.freeram * s.mem_unit);
		inspect_u64(i, "threads", INSPECT_SAFE, INSPECT_COUNT, s.procs);
		inspect_u64(i, "uptime-s", INSPECT_SAFE, INSPECT_PLAIN, (uint64_t)s.uptime);
	}
	inspect_close(i);
}

/* The one setting that can be changed: what the paravisor says in VTL2's log. */
static void put_log_level(struct inspect *i, enum inspect_level level)
{
	const char *update = inspect_update(i, "log-level", level);

	if (update && kmsg_set_level(update))
		inspect_fail(i, "log-level", level, INSPECT_UPDATE, "it is error, warn, info or debug");
	else
		inspect_text(i, "log-level", level, kmsg_level());
}

static void put_settings(const struct paravisor *p, struct inspect *i)
{
	const struct dps_settings *s = &p->dps;
	const enum inspect_level level = INSPECT_UNSPECIFIED;

	if (!inspect_open(i, "settings", level))
		return;
	put_log_level(i, level);
	inspect_bool(i, "secure-boot", level, s->secure_boot_enabled);
	inspect_bool(i, "tpm", level, s->enable_tpm);
	inspect_bool(i, "battery", level, s->enable_battery);
	inspect_bool(i, "com1", level, s->com1.enable_port);
	inspect_bool(i, "com2", level, s->com2.enable_port);
	inspect_text(i, "device-workers", level, s->device_workers);
	inspect_bool(i, "hibernation", level, s->enable_hibernation);
	inspect_bool(i, "watchdog", level, s->watchdog_enabled);
	inspect_bool(i, "no-persistent-secrets", level, s->no_persistent_secrets);
	inspect_text(i, "guest-state-lifetime", level, s->guest_state_lifetime);
	inspect_text(i, "guest-state-encryption", level, s->guest_state_encryption_policy);
	inspect_text(i, "hardware-sealing", level, s->hardware_sealing_policy_id);
	inspect_text(i, "manufacturer", level, s->system_manufacturer);
	inspect_text(i, "product", level, s->system_product_name);
	inspect_text(i, "serial-number", level, s->serial_number);
	inspect_text(i, "bios-guid", level, s->bios_guid);
	inspect_u64(i, "disks", level, INSPECT_COUNT, p->machine.disk_count);
	inspect_text(i, "command-line", INSPECT_SENSITIVE, p->machine.command_line);
	inspect_close(i);
}

void paravisor_inspect(void *context, struct inspect *i)
{
	struct paravisor *p = context;

	put_boot(p, i);
	put_version(p, i);
	put_workers(p, i);
	put_host(p, i);
	put_vtl2(p, i);
	put_settings(p, i);
	put_mesh(p, i);
	crashes_inspect(&p->crashes, i);
}
