/*
 * What KVM is on every architecture, for the ports of the reference host.
 * Source: Linux Documentation/virt/kvm/api.rst.
 */
#ifndef VL_HOST_KVM_H
#define VL_HOST_KVM_H

#include "common/base/types.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <time.h>

struct kvm_run;
struct host_vp;

/*
 * Kicks a VP's thread out of KVM_RUN, and out of its next one when it comes
 * between two: the handler sets immediate_exit, so none is lost. Blocked in all
 * other threads. KVM_SET_SIGNAL_MASK would do the same at a higher price for
 * every single run.
 */
#define KVM_KICK_SIGNAL SIGUSR1

/* Prints that `what` failed, with errno, and gives VL_E_OS. */
int kvm_complain(const char *what);

/* KVM and the two virtual machines of a partition; descriptors, -1: none. */
struct kvm_vms {
	int kvm;
	int vtl0, vtl2;
	size_t run_bytes; /* of a vCPU's run page */
};

/*
 * Opens /dev/kvm and creates a VM for each VTL, VTL2's first; `prepare` sets up what a fresh one needs.
 * VL_E_OS, VL_E_UNSUPPORTED, with a line that says what to do, or prepare's error.
 */
int kvm_vms_open(struct kvm_vms *k, int (*prepare)(int vm, bool is_vtl0));
/* Closes all of it, also after a failure half way. */
void kvm_vms_close(struct kvm_vms *k);

/* Memory slot `number`: guest addresses [at, at + bytes) are `memory`. flags: KVM_MEM_*. VL_E_OS. */
int kvm_set_slot(int vm, unsigned number, uint64_t at, uint64_t bytes, void *memory, uint32_t flags);

/* Creates a vCPU and maps its run page. VL_E_OS. */
int kvm_create_vcpu(int vm, unsigned index, size_t run_bytes, int *fd, struct kvm_run **run);
/* Undoes it, also after a failure half way (fd -1, run NULL). */
void kvm_close_vcpu(int fd, struct kvm_run *run, size_t run_bytes);

/* The calling thread runs these vCPUs (NULL: no second) and takes kicks. */
void kvm_accept_kicks(struct kvm_run *first, struct kvm_run *second);
/*
 * The same for a VP's thread, with a timer of CLOCK_MONOTONIC that kicks it, and *tid to be kicked by.
 * VL_E_OS, said.
 */
int kvm_thread_begin(_Atomic pid_t *tid, timer_t *timer, struct kvm_run *vtl0, struct kvm_run *vtl2);
/* The thread leaves its VP: nobody kicks it any more. */
void kvm_thread_end(_Atomic pid_t *tid, timer_t timer);
/* Kicks that thread, if there is one. Any thread. */
void kvm_thread_kick(const _Atomic pid_t *tid);

/*
 * The calling thread has seen its kicks; it looks for what it was kicked for after this, and then runs a
 * vCPU.
 */
void kvm_take_kicks(void);
/* Waits until wanted() holds, which is asked first and after each kick, with kicks blocked. */
void kvm_wait_for_kick(bool (*wanted)(void *context), void *context);
/*
 * KVM_RUN of the VP's vCPU in `vtl` failed, with errno; or gave a reason that its port does not know: the
 * end.
 */
void kvm_run_failed(const struct host_vp *vp, unsigned vtl);
void kvm_exit_unknown(const struct host_vp *vp, unsigned vtl, uint32_t reason);
/* Lets KVM finish the exit that is pending (skip, write back) without entering the guest. VL_E_OS. */
int kvm_complete(int fd, struct kvm_run *run);

#endif
