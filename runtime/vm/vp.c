/*
 * The threads that run VTL0: one per VP, bound to the VP's CPU, each parked or
 * doing one job. Called by the I/O loop's thread, which hands out the jobs.
 */
#include "runtime/lib/crash.h"
#include "port/ticks.h"
#include "runtime/vm/port.h"

const char *vp_exit_name(uint32_t type)
{
	switch (type) {
	case HV_MESSAGE_UNMAPPED_GPA: return "unmapped-gpa";
	case HV_MESSAGE_GPA_INTERCEPT: return "gpa-intercept";
	case HV_MESSAGE_UNACCEPTED_GPA: return "unaccepted-gpa";
	case HV_MESSAGE_TIMER_EXPIRED: return "timer-expired";
	case HV_MESSAGE_INVALID_VP_REGISTER: return "invalid-vp-register";
	case HV_MESSAGE_UNRECOVERABLE_EXCEPTION: return "unrecoverable-exception";
	case HV_MESSAGE_HYPERCALL_INTERCEPT: return "hypercall";
	case HV_MESSAGE_SYNIC_SINT_DELIVERABLE: return "sint-deliverable";
	default: return vp_arch_exit_name(type);
	}
}

/* Only the VP's thread writes: no atomic addition is needed. */
static void add(_Atomic uint64_t *count, uint64_t n)
{
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + n,
			memory_order_relaxed);
}

/* `type` is the host's: any number. */
static void count_exit(struct vp_counts *c, uint32_t type)
{
	for (unsigned n = 0; type && n < VP_EXIT_KINDS; n++) {
		uint32_t is = atomic_load_explicit(&c->kind[n].type, memory_order_relaxed);

		if (is && is != type)
			continue;
		add(&c->kind[n].count, 1);
		if (!is)
			atomic_store_explicit(&c->kind[n].type, type, memory_order_relaxed);
		return;
	}
	add(&c->other, 1);
}

/* Runs VTL0; *since is when VTL2 took over, before and after, in ticks. */
static int run_counted(struct vp *vp, uint64_t *since)
{
	uint64_t entered = port_ticks();
	int err = hvport_run(&vp->hv);

	add(&vp->counts.vtl2_ticks, entered - *since);
	*since = port_ticks();
	add(&vp->counts.vtl0_ticks, *since - entered);
	return err;
}

static int run_guest(struct vp *vp)
{
	uint64_t since = port_ticks();

	while (!atomic_load(&vp->vm->halt)) {
		int err;

		vp_arch_enter(vp);
		err = run_counted(vp, &since);
		if (err == VL_E_AGAIN) {
			add(&vp->counts.kicked, 1);
			continue;
		}
		atomic_fetch_add_explicit(&vp->exits, 1, memory_order_relaxed);
		if (!err) {
			count_exit(&vp->counts, le32_to_cpu(vp->hv.message->type));
			err = vp_arch_exit(vp);
		}
		if (err) {
			vm_crash(vp->vm, vp->index, err, "VP %u cannot go on (intercept 0x%x): %s", vp->index,
				le32_to_cpu(vp->hv.message->type), vl_err_text(err));
			return err;
		}
	}
	return 0;
}

static int do_job(struct vp *vp, enum vp_job job)
{
	switch (job) {
	case VP_JOB_RESET: return vp_arch_reset(vp);
	case VP_JOB_BOOT: return vp_arch_boot(vp);
	case VP_JOB_RUN: return run_guest(vp);
	case VP_JOB_SAVE: return vp_arch_save(vp, vp->save_to);
	case VP_JOB_RESTORE: return vp_arch_restore(vp, vp->restore_from);
	case VP_JOB_LOOK:
		vp->seen_count = vp_arch_registers(vp, vp->seen, CONTROL_REGISTER_MAX);
		return 0;
	default: return VL_E_INTERNAL;
	}
}

static VL_HOT void *vp_thread(void *arg)
{
	struct vp *vp = arg;
	struct vm *vm = vp->vm;
	struct crash_thread crash;
	int err;

	crash_thread_begin(&crash);
	err = hvport_vp_bind(&vp->hv);
	pthread_mutex_lock(&vm->run_lock);
	for (;;) {
		enum vp_job job;

		vp->job = VP_JOB_NONE;
		vp->job_error = err;
		pthread_cond_broadcast(&vm->run_changed);
		while (vp->job == VP_JOB_NONE)
			pthread_cond_wait(&vm->run_changed, &vm->run_lock);
		job = vp->job;
		if (job == VP_JOB_EXIT)
			break;
		pthread_mutex_unlock(&vm->run_lock);
		err = do_job(vp, job);
		pthread_mutex_lock(&vm->run_lock);
	}
	pthread_mutex_unlock(&vm->run_lock);
	crash_thread_end(&crash);
	return NULL;
}

/* Run lock held. */
static void wait_parked(struct vp *vp)
{
	while (vp->job != VP_JOB_NONE)
		pthread_cond_wait(&vp->vm->run_changed, &vp->vm->run_lock);
}

int vp_do(struct vp *vp, enum vp_job job)
{
	int err;

	pthread_mutex_lock(&vp->vm->run_lock);
	vp->job = job;
	pthread_cond_broadcast(&vp->vm->run_changed);
	wait_parked(vp);
	err = vp->job_error;
	pthread_mutex_unlock(&vp->vm->run_lock);
	return err;
}

static int vp_create(struct vm *vm, unsigned index)
{
	struct vp *vp = &vm->vp[index];
	int err;

	vp->index = index;
	vp->hw_id = vm->config->vps[index].hw_id;
	vp->vm = vm;
	err = hvport_vp_open(&vm->hv, index, &vp->hv);
	if (err)
		return err;
	vp->job = VP_JOB_RUN; /* busy until the thread has parked for the first time */
	if (pthread_create(&vp->thread, NULL, vp_thread, vp))
		return VL_E_OS;
	vm->vp_count++;
	pthread_mutex_lock(&vm->run_lock);
	wait_parked(vp);
	err = vp->job_error;
	pthread_mutex_unlock(&vm->run_lock);
	return err ? err : vp_do(vp, VP_JOB_RESET);
}

int vps_create(struct vm *vm)
{
	for (unsigned i = 0; i < vm->config->vp_count; i++) {
		int err = vp_create(vm, i);

		if (err)
			return err;
	}
	return 0;
}

void vps_run(struct vm *vm)
{
	pthread_mutex_lock(&vm->run_lock);
	atomic_store(&vm->halt, false);
	for (unsigned i = 0; i < vm->vp_count; i++)
		vm->vp[i].job = VP_JOB_RUN;
	pthread_cond_broadcast(&vm->run_changed);
	pthread_mutex_unlock(&vm->run_lock);
}

void vps_park(struct vm *vm)
{
	atomic_store(&vm->halt, true);
	for (unsigned i = 0; i < vm->vp_count; i++)
		hvport_kick(&vm->vp[i].hv);
	pthread_mutex_lock(&vm->run_lock);
	for (unsigned i = 0; i < vm->vp_count; i++)
		wait_parked(&vm->vp[i]);
	pthread_mutex_unlock(&vm->run_lock);
}

void vps_destroy(struct vm *vm)
{
	vps_park(vm);
	pthread_mutex_lock(&vm->run_lock);
	for (unsigned i = 0; i < vm->vp_count; i++)
		vm->vp[i].job = VP_JOB_EXIT;
	pthread_cond_broadcast(&vm->run_changed);
	pthread_mutex_unlock(&vm->run_lock);
	for (unsigned i = 0; i < vm->vp_count; i++)
		pthread_join(vm->vp[i].thread, NULL);
	vm->vp_count = 0;
}
