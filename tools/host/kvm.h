/*
 * What KVM is on every architecture, for the ports of the reference host.
 * Source: Linux Documentation/virt/kvm/api.rst.
 */
#ifndef VL_HOST_KVM_H
#define VL_HOST_KVM_H

#include "common/base/types.h"

#include <signal.h>

struct kvm_run;

/* Kicks a VP's thread out of KVM_RUN; blocked in all threads, let through only inside KVM_RUN: none is lost. */
#define KVM_KICK_SIGNAL SIGUSR1

/* Prints that `what` failed, with errno, and gives VL_E_OS. */
int kvm_complain(const char *what);

/* Opens /dev/kvm; *run_bytes is the size of a vCPU's run page. VL_E_OS, VL_E_UNSUPPORTED, with a line that says what to do. */
int kvm_open(int *fd, size_t *run_bytes);

/* Memory slot `number`: guest addresses [at, at + bytes) are `memory`. flags: KVM_MEM_*. VL_E_OS. */
int kvm_set_slot(int vm, unsigned number, uint64_t at, uint64_t bytes, void *memory, uint32_t flags);

/* Creates a vCPU, maps its run page and sets its signal mask. VL_E_OS. */
int kvm_create_vcpu(int vm, unsigned index, size_t run_bytes, int *fd, struct kvm_run **run);
/* Undoes it, also after a failure half way (fd -1, run NULL). */
void kvm_close_vcpu(int fd, struct kvm_run *run, size_t run_bytes);

/* Takes the kicks that KVM_RUN returned for and left pending. */
void kvm_take_kicks(void);

#endif
