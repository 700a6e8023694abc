/* A loop of loads from an address without memory, for test/bench/raw_exit.c. */
#include "test/bench/raw_exit.h"

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#define DEVICE 0x10000000ull
#define CORE(field) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | \
	(offsetof(struct kvm_regs, field) / sizeof(uint32_t)))

static int set_reg(int vcpu, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	return ioctl(vcpu, KVM_SET_ONE_REG, &reg);
}

int raw_exit_port_set_up(int vm, int vcpu, void *memory)
{
	static const uint32_t code[] = { 0xb9400001, 0x17ffffff }; /* ldr w1, [x0]; b .-4 */
	struct kvm_vcpu_init init;

	memcpy(memory, code, sizeof(code));
	__builtin___clear_cache(memory, (char *)memory + sizeof(code));
	memset(&init, 0, sizeof(init));
	if (ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init) || ioctl(vcpu, KVM_ARM_VCPU_INIT, &init))
		return -1;
	return set_reg(vcpu, CORE(regs.pc), 0) || set_reg(vcpu, CORE(regs.regs[0]), DEVICE) ? -1 : 0;
}
