/*
 * Accesses of the guest to addresses without memory: the instruction is
 * fetched, decoded and executed here against RAM and the bus
 * (ports/x86_64/common/insn.h). An instruction that cannot be carried out is
 * the guest's fault and gets an exception; the worker goes on.
 */
#include "ports/x86_64/vm/x86.h"

int x86_memory_exit(struct vp *vp, const struct hv_x64_memory_message *m)
{
	struct x86_state before, s;
	struct x86_insn insn;
	struct x86_view view = { .vp = vp, .state = &before };
	struct x86_memory memory = x86_view_memory(&view);
	int err = x86_load(vp, &m->header, &before);

	if (err)
		return err;
	if (m->header.access == HV_INTERCEPT_EXECUTE) {
		vp_complain(vp, "code is executed where no memory is, at", le64_to_cpu(m->gpa));
		return x86_inject(vp, X86_UD, -1, 0);
	}
	s = before;
	err = x86_intercepted(vp, &before, m->instruction_bytes, m->instruction_count, &insn, &view.fault);
	if (!err)
		err = x86_execute(&insn, &s.cpu, &memory);
	if (err == VL_E_UNSUPPORTED) {
		vp_complain(vp, "an instruction on device memory that is not emulated, at", before.cpu.rip);
		view.fault = (struct x86_fault){ X86_UD, 0, 0 };
		err = VL_E_GUEST;
	}
	return x86_finish(vp, &view, &s, err);
}
