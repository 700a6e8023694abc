/*
 * The cost of a raw KVM exit to user space: one vCPU that does nothing but
 * touch a device that nobody has. The measure that `make bench` holds the
 * paravisor's device accesses against, on the same machine in the same run.
 */
#include "test/bench/raw_exit.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int die(const char *what)
{
	perror(what);
	return 1;
}

static int add_memory(int vm, void **memory)
{
	struct kvm_userspace_memory_region slot = { .memory_size = RAW_EXIT_MEMORY_BYTES };

	*memory = mmap(NULL, RAW_EXIT_MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	slot.userspace_addr = (uintptr_t)*memory;
	return *memory == MAP_FAILED ? -1 : ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot);
}

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 10000;
	int kvm = open("/dev/kvm", O_RDWR), vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
	int vcpu = vm < 0 ? -1 : ioctl(vm, KVM_CREATE_VCPU, 0);
	uint64_t start, best = UINT64_MAX;
	void *memory;

	if (vcpu < 0)
		return die("/dev/kvm");
	if (!count || add_memory(vm, &memory) || raw_exit_port_set_up(vm, vcpu, memory))
		return die("setting up a vCPU");
	start = now_ns();
	for (unsigned i = 0; i < count; i++) {
		uint64_t before = now_ns(), took;

		if (ioctl(vcpu, KVM_RUN, NULL))
			return die("KVM_RUN");
		took = now_ns() - before;
		if (took < best)
			best = took;
	}
	printf("raw-exit: mean_ns %llu best_ns %llu count %u\n", (unsigned long long)((now_ns() - start) / count),
	       (unsigned long long)best, count);
	return 0;
}
