/* tpm.h */
#include "runtime/paravisor/tpm.h"
#include "common/base/fmt.h"
#include "common/base/log.h"
#include "port/tpm.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/clock.h"
#include "runtime/lib/devlink.h"
#include "runtime/paravisor/process.h"
#include "security/vmgs/format.h"

#include <sys/mman.h>
#include <unistd.h>

#define START_LIMIT_MS 60000u
#define SEND_LIMIT_MS 1000

void tpm_worker_init(struct tpm_worker *t)
{
	*t = (struct tpm_worker){ .supply = { -1, -1 }, .shared = -1 };
	supervise_init(&t->worker, "vallum-vtpm", WORKER_RESTART, START_LIMIT_MS);
}

/* Its configuration with link, memory and store; the other end of the link to the VM worker. */
static int hand_over(struct tpm_worker *t)
{
	const struct devlink_tpm_config c = { .version = DEVLINK_VERSION, .interface = PORT_TPM_INTERFACE,
		.base = PORT_TPM_BASE };
	int link[2], fds[DEVLINK_TPM_FD_COUNT], err;
	uint8_t byte = 0;

	if (channel_pair(link))
		return VL_E_OS;
	fds[DEVLINK_TPM_FD_LINK] = link[0];
	fds[DEVLINK_TPM_FD_SHARED] = t->shared;
	fds[DEVLINK_TPM_FD_STORE] = store_broker_add(t->store,
		STORE_FILE(VMGS_TPM_PPI) | STORE_FILE(VMGS_TPM_NVRAM));
	err = fds[DEVLINK_TPM_FD_STORE] < 0 ? fds[DEVLINK_TPM_FD_STORE] : 0;
	if (!err)
		err = channel_send(t->worker.control, &c, sizeof(c), fds, DEVLINK_TPM_FD_COUNT, SEND_LIMIT_MS);
	if (!err)
		err = channel_send(t->supply[0], &byte, sizeof(byte), &link[1], 1, SEND_LIMIT_MS);
	close(link[0]);
	close(link[1]);
	if (fds[DEVLINK_TPM_FD_STORE] >= 0)
		close(fds[DEVLINK_TPM_FD_STORE]);
	return err;
}

static int spawn(struct tpm_worker *t)
{
	int err = t->spawn(t->context, &t->worker);

	if (!err)
		err = hand_over(t);
	if (err == VL_E_CLOSED)
		return 0; /* it, or the VM worker, is gone already: its death tells */
	if (!err)
		supervise_event(&t->worker, WORKER_READY, clock_boot_ns());
	t->kill_at_ns = t->kill_every_ms ? clock_deadline(t->kill_every_ms) : 0;
	return err;
}

int tpm_worker_start(struct tpm_worker *t, struct store_broker *store,
	int (*spawn_worker)(void *context, struct worker *w), void *context)
{
	t->store = store;
	t->spawn = spawn_worker;
	t->context = context;
	t->shared = memfd_create("vtpm-state", MFD_CLOEXEC);
	if (t->shared < 0 || ftruncate(t->shared, DEVLINK_SHARED_BYTES) != 0 || channel_pair(t->supply))
		return VL_E_OS;
	supervise_event(&t->worker, WORKER_START, clock_boot_ns());
	return spawn(t);
}

int tpm_worker_on_death(struct tpm_worker *t, char *how, size_t room)
{
	int err = process_reap(&t->worker, how, room);

	if (err)
		return err;
	if (supervise_death(&t->worker, clock_boot_ns()) == WORKER_REPORT)
		return VL_E_LIMIT;
	t->restarts++;
	t->kill_at_ns = 0;
	vl_warn("the virtual TPM's worker ended: %s; it starts again (restart %u)", how, t->restarts);
	return 0;
}

void tpm_worker_on_supply(struct tpm_worker *t)
{
	struct devlink_complaint c;
	struct channel_message m = { .data = &c, .capacity = sizeof(c) };
	int err = channel_receive(t->supply[0], &m, 0);

	if (err == VL_E_AGAIN)
		return;
	channel_close_fds(&m);
	if (!err && m.size == sizeof(c) && c.magic == DEVLINK_COMPLAINT) {
		vl_warn("the virtual TPM's worker does not answer: it is ended");
		process_kill(&t->worker);
		return;
	}
	close(t->supply[0]); /* the VM worker is gone, or does not speak our language */
	t->supply[0] = -1;
}

uint64_t tpm_worker_deadline_ns(const struct tpm_worker *t)
{
	uint64_t at = t->worker.deadline_ns;

	return t->kill_at_ns && (!at || t->kill_at_ns < at) ? t->kill_at_ns : at;
}

int tpm_worker_on_deadline(struct tpm_worker *t)
{
	if (t->kill_at_ns && !clock_left_ms(t->kill_at_ns)) {
		t->kill_at_ns = 0;
		process_kill(&t->worker);
	}
	if (!t->worker.deadline_ns || clock_left_ms(t->worker.deadline_ns))
		return 0;
	switch (supervise_event(&t->worker, WORKER_TIMEOUT, clock_boot_ns())) {
	case WORKER_SPAWN: return spawn(t);
	case WORKER_KILL: process_kill(&t->worker); return 0;
	default: return 0;
	}
}
