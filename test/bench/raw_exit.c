/*
 * The cost of a raw KVM exit to user space: one vCPU that does nothing but
 * touch a device that nobody has. The measure that `make bench` holds the
 * paravisor's device accesses against, on the same machine in the same run.
 */
#include "test/bench/raw_exit.h"
#include "test/timing/timing.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

static int die(const char *what)
{
	perror(what);
	return 1;
}

static int add_memory(int vm, void **memory)
{
	struct kvm_userspace_memory_region slot = { .memory_size = RAW_EXIT_MEMORY_BYTES };

	*memory = mmap(NULL, RAW_EXIT_MEMORY_BYTES, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	slot.userspace_addr = (uintptr_t)*memory;
	return *memory == MAP_FAILED ? -1 : ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot);
}

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 10000;
	int kvm = open("/dev/kvm", O_RDWR), vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
	int vcpu = vm < 0 ? -1 : ioctl(vm, KVM_CREATE_VCPU, 0);
	static struct timing timing;
	uint64_t at;
	void *memory;

	if (vcpu < 0)
		return die("/dev/kvm");
	if (!count || count > TIMING_MAX || add_memory(vm, &memory) || raw_exit_port_set_up(vm, vcpu, memory))
		return die("setting up a vCPU");
	at = timing_begin(&timing);
	for (unsigned n = 0; n < count; n++) {
		if (ioctl(vcpu, KVM_RUN, NULL))
			return die("KVM_RUN");
		at = timing_step(&timing, n, at);
	}
	printf("raw-exit: ");
	timing_end(&timing, count, at);
	printf("\n");
	return 0;
}
