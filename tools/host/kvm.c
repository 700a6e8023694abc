/* KVM's part that no architecture owns (kvm.h). Called by the ports. */
#include "tools/host/kvm.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "tools/host/port.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int kvm_complain(const char *what)
{
	vl_error("%s failed: %s; is this a KVM host with a normal kernel (x86_64: >= 6.1, aarch64: >= 6.4)?",
		what, strerror(errno));
	return VL_E_OS;
}

static int open_kvm(struct kvm_vms *k)
{
	int size, version;

	k->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (k->kvm < 0) {
		vl_error("cannot open /dev/kvm: %s; load the kvm module, or give this user access, or use "
			"'tools/run --accel tcg'", strerror(errno));
		return VL_E_OS;
	}
	version = ioctl(k->kvm, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		vl_error("/dev/kvm has API version %d, %d is needed", version, KVM_API_VERSION);
		return VL_E_UNSUPPORTED;
	}
	size = ioctl(k->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	k->run_bytes = size > 0 ? (size_t)size : sizeof(struct kvm_run);
	return 0;
}

static int create_vm(const struct kvm_vms *k, int *vm, bool is_vtl0, int (*prepare)(int vm, bool is_vtl0))
{
	*vm = ioctl(k->kvm, KVM_CREATE_VM, 0);
	return *vm < 0 ? kvm_complain("KVM_CREATE_VM") : prepare(*vm, is_vtl0);
}

int kvm_vms_open(struct kvm_vms *k, int (*prepare)(int vm, bool is_vtl0))
{
	int err;

	*k = (struct kvm_vms){ .kvm = -1, .vtl0 = -1, .vtl2 = -1 };
	err = open_kvm(k);
	if (!err)
		err = create_vm(k, &k->vtl2, false, prepare);
	return err ? err : create_vm(k, &k->vtl0, true, prepare);
}

void kvm_vms_close(struct kvm_vms *k)
{
	const int fds[] = { k->vtl0, k->vtl2, k->kvm };

	for (size_t i = 0; i < VL_ARRAY_COUNT(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	*k = (struct kvm_vms){ .kvm = -1, .vtl0 = -1, .vtl2 = -1 };
}

int kvm_set_slot(int vm, unsigned number, uint64_t at, uint64_t bytes, void *memory, uint32_t flags)
{
	struct kvm_userspace_memory_region region = { .slot = number, .flags = flags, .guest_phys_addr = at,
		.memory_size = bytes, .userspace_addr = (uintptr_t)memory };

	return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) ?
			kvm_complain("KVM_SET_USER_MEMORY_REGION") : 0;
}

int kvm_create_vcpu(int vm, unsigned index, size_t run_bytes, int *fd, struct kvm_run **run)
{
	*run = NULL;
	*fd = ioctl(vm, KVM_CREATE_VCPU, (unsigned long)index);
	if (*fd < 0)
		return kvm_complain("KVM_CREATE_VCPU");
	*run = mmap(NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (*run == MAP_FAILED) {
		*run = NULL;
		return kvm_complain("mmap of a vCPU");
	}
	return 0;
}

void kvm_close_vcpu(int fd, struct kvm_run *run, size_t run_bytes)
{
	if (run)
		munmap(run, run_bytes);
	if (fd >= 0)
		close(fd);
}

/* --- Kicks ------------------------------------------------------------------------ */

#define VCPUS_OF_A_THREAD 2

/* The run pages of the vCPUs that this thread runs; set by a kick and cleared by kvm_take_kicks(). */
static _Thread_local struct kvm_run *thread_run[VCPUS_OF_A_THREAD];
static _Thread_local volatile sig_atomic_t kick_came;

static void set_immediate_exit(uint8_t value)
{
	for (unsigned i = 0; i < VCPUS_OF_A_THREAD; i++)
		if (thread_run[i])
			*(volatile uint8_t *)&thread_run[i]->immediate_exit = value;
}

static void on_kick(int signal)
{
	kick_came = 1;
	set_immediate_exit(1);
}

/* The mask of this thread with and without the kick blocked. */
static void block_kicks(int how, sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, KVM_KICK_SIGNAL);
	pthread_sigmask(how, &set, before);
}

void kvm_accept_kicks(struct kvm_run *first, struct kvm_run *second)
{
	struct sigaction action = { .sa_handler = on_kick, .sa_flags = SA_RESTART };

	thread_run[0] = first;
	thread_run[1] = second;
	sigemptyset(&action.sa_mask);
	sigaction(KVM_KICK_SIGNAL, &action, NULL);
	block_kicks(SIG_UNBLOCK, NULL);
}

int kvm_thread_begin(_Atomic pid_t *tid, timer_t *timer, struct kvm_run *vtl0, struct kvm_run *vtl2)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = KVM_KICK_SIGNAL };

	event.sigev_notify_thread_id = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, timer))
		return kvm_complain("timer_create for a VP");
	kvm_accept_kicks(vtl0, vtl2);
	atomic_store(tid, gettid());
	return 0;
}

void kvm_thread_end(_Atomic pid_t *tid, timer_t timer)
{
	atomic_store(tid, 0);
	timer_delete(timer);
	block_kicks(SIG_BLOCK, NULL);
}

void kvm_thread_kick(const _Atomic pid_t *tid)
{
	pid_t thread = atomic_load(tid);

	if (thread)
		syscall(SYS_tgkill, getpid(), thread, KVM_KICK_SIGNAL);
}

void kvm_take_kicks(void)
{
	kick_came = 0;
	set_immediate_exit(0);
}

void kvm_wait_for_kick(bool (*wanted)(void *context), void *context)
{
	sigset_t before;

	block_kicks(SIG_BLOCK, &before);
	while (!wanted(context))
		sigsuspend(&before);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int kvm_complete(int fd, struct kvm_run *run)
{
	volatile uint8_t *immediate_exit = &run->immediate_exit;
	int r;

	*immediate_exit = 1;
	r = ioctl(fd, KVM_RUN, NULL);
	*immediate_exit = 0;
	if (kick_came) /* one that came meanwhile still counts */
		*immediate_exit = 1;
	return r < 0 && errno == EINTR ? 0 : VL_E_OS;
}

void kvm_run_failed(const struct host_vp *vp, unsigned vtl)
{
	host_end(vp->host, HOST_END_ERROR, "KVM_RUN of VTL%u on VP %u failed: %s", vtl, vp->index,
			strerror(errno));
}

void kvm_exit_unknown(const struct host_vp *vp, unsigned vtl, uint32_t reason)
{
	host_end(vp->host, HOST_END_ERROR,
			"KVM returned from VTL%u with exit reason %u, which is not known here", vtl, reason);
}
