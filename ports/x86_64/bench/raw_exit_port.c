/* A real-mode loop of IN from a port that nobody has, for test/bench/raw_exit.c. */
#include "test/bench/raw_exit.h"

#include <linux/kvm.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

int raw_exit_port_set_up(int vm, int vcpu, void *memory)
{
	static const uint8_t code[] = { 0xe4, 0xe9, 0xeb, 0xfc }; /* in al, 0xe9; jmp .-2 */
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_sregs sregs;

	memcpy(memory, code, sizeof(code));
	if (ioctl(vcpu, KVM_GET_SREGS, &sregs))
		return -1;
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	return ioctl(vcpu, KVM_SET_SREGS, &sregs) || ioctl(vcpu, KVM_SET_REGS, &regs) ? -1 : 0;
}
