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

/* Kicks a VP's thread out of KVM_RUN; blocked in all threads, let through only inside KVM_RUN: none is lost. */
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

/* Creates a vCPU, maps its run page and sets its signal mask. VL_E_OS. */
int kvm_create_vcpu(int vm, unsigned index, size_t run_bytes, int *fd, struct kvm_run **run);
/* Undoes it, also after a failure half way (fd -1, run NULL). */
void kvm_close_vcpu(int fd, struct kvm_run *run, size_t run_bytes);

/* A timer of CLOCK_MONOTONIC that kicks the calling thread, and *tid, to be kicked by; prints why not. VL_E_OS. */
int kvm_thread_begin(_Atomic pid_t *tid, timer_t *timer);
/* The thread leaves its VP: nobody kicks it any more. */
void kvm_thread_end(_Atomic pid_t *tid, timer_t timer);
/* Kicks that thread, if there is one. Any thread. */
void kvm_thread_kick(const _Atomic pid_t *tid);

/* Takes the kicks that KVM_RUN returned for and left pending. */
void kvm_take_kicks(void);

#endif
