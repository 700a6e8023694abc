/*
 * The watcher of a VP (see arm64.h): keeps VTL2's vCPU suspended in KVM while
 * VTL0 runs for long, and has VTL0 left when an interrupt for VTL2 arrives.
 * Lock: watch_lock guards `watch`; the owner of VTL2's vCPU is the watcher
 * while it is not OFF, else the VP's thread.
 */
#include "ports/aarch64/host/arm64.h"

#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int set_state(struct arm64_vcpu *c, uint32_t state)
{
	struct kvm_mp_state mp = { .mp_state = state };

	return ioctl(c->fd, KVM_SET_MP_STATE, &mp) ? VL_E_OS : 0;
}

static bool recalled(struct port_vp *p)
{
	bool yes;

	pthread_mutex_lock(&p->watch_lock);
	yes = p->watch == ARM64_WATCH_RECALLED;
	pthread_mutex_unlock(&p->watch_lock);
	return yes;
}

/* KVM_RUN of a suspended vCPU returns with WAKEUP when an interrupt that it can take is pending. */
static void wait_suspended(struct port_vp *p)
{
	int r = set_state(&p->vtl2, KVM_MP_STATE_SUSPENDED);

	while (!r || (r == 1 && !recalled(p) && !host_ending(p->vp->host))) {
		r = arm64_run(&p->vtl2);
		if (!r && p->vtl2.run->exit_reason == KVM_EXIT_SYSTEM_EVENT &&
		    p->vtl2.run->system_event.type == KVM_SYSTEM_EVENT_WAKEUP)
			break;
		if (!r)
			r = VL_E_INTERNAL;
		else if (r == 1)
			kvm_take_kicks(); /* a kick left pending would end every later KVM_RUN at once */
	}
	if (r < 0)
		host_end(p->vp->host, HOST_END_ERROR, "KVM cannot suspend VTL2 on VP %u: exit reason %u", p->vp->index,
			p->vtl2.run->exit_reason);
	(void)set_state(&p->vtl2, KVM_MP_STATE_RUNNABLE);
}

static bool wait_for_work(struct port_vp *p)
{
	bool work;

	pthread_mutex_lock(&p->watch_lock);
	while (p->watch == ARM64_WATCH_OFF && !p->watch_stop)
		pthread_cond_wait(&p->watch_cond, &p->watch_lock);
	work = !p->watch_stop;
	pthread_mutex_unlock(&p->watch_lock);
	return work;
}

static void *watcher(void *context)
{
	struct port_vp *p = context;

	atomic_store(&p->watch_tid, (pid_t)syscall(SYS_gettid));
	while (wait_for_work(p)) {
		wait_suspended(p);
		pthread_mutex_lock(&p->watch_lock);
		p->watch = ARM64_WATCH_OFF;
		pthread_cond_broadcast(&p->watch_cond);
		pthread_mutex_unlock(&p->watch_lock);
		atomic_store(&p->wanted, true);
		port_vp_kick(p->vp);
	}
	atomic_store(&p->watch_tid, 0);
	return NULL;
}

void arm64_watch_hand_over(struct port_vp *p)
{
	pthread_mutex_lock(&p->watch_lock);
	p->watch = ARM64_WATCH_ON;
	pthread_cond_broadcast(&p->watch_cond);
	pthread_mutex_unlock(&p->watch_lock);
}

/*
 * The signal may arrive just before the watcher enters KVM_RUN: then it stays
 * pending (it is blocked outside) and ends KVM_RUN at once.
 */
void arm64_watch_take_back(struct port_vp *p)
{
	pthread_mutex_lock(&p->watch_lock);
	if (p->watch == ARM64_WATCH_ON) {
		p->watch = ARM64_WATCH_RECALLED;
		syscall(SYS_tgkill, getpid(), atomic_load(&p->watch_tid), KVM_KICK_SIGNAL);
	}
	while (p->watch != ARM64_WATCH_OFF)
		pthread_cond_wait(&p->watch_cond, &p->watch_lock);
	pthread_mutex_unlock(&p->watch_lock);
}

void arm64_watch_arm(struct port_vp *p)
{
	struct itimerspec after = { .it_value = { .tv_nsec = ARM64_WATCH_AFTER_NS } };

	(void)timer_settime(p->timer, 0, &after, NULL);
}

int arm64_watch_create(struct port_vp *p)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = KVM_KICK_SIGNAL };

	event.sigev_notify_thread_id = atomic_load(&p->tid);
	if (timer_create(CLOCK_MONOTONIC, &event, &p->timer))
		return VL_E_OS;
	p->timer_created = true;
	if (pthread_create(&p->watcher, NULL, watcher, p))
		return VL_E_OS;
	p->watcher_running = true;
	return 0;
}

void arm64_watch_destroy(struct port_vp *p)
{
	if (p->watcher_running) {
		arm64_watch_take_back(p);
		pthread_mutex_lock(&p->watch_lock);
		p->watch_stop = true;
		pthread_cond_broadcast(&p->watch_cond);
		pthread_mutex_unlock(&p->watch_lock);
		pthread_join(p->watcher, NULL);
	}
	if (p->timer_created)
		timer_delete(p->timer);
	p->watcher_running = p->timer_created = false;
}
