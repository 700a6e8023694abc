/*
 * Inside of the VM worker's x86_64 port: a VP's registers, its memory as the
 * instruction at hand sees it, and the exits by kind. All of it runs on the
 * VP's own thread. The guest's registers, page tables and instructions are
 * hostile, and so is the host that describes them.
 */
#ifndef VL_PORT_VM_X86_H
#define VL_PORT_VM_X86_H

#include "ports/x86_64/common/insn.h"
#include "runtime/vm/port.h"

#define X86_CR0_PE (1u << 0)
#define X86_CR0_MP (1u << 1)
#define X86_CR0_ET (1u << 4)
#define X86_CR0_NE (1u << 5)
#define X86_CR0_WP (1u << 16)
#define X86_CR0_PG (1u << 31)
#define X86_CR4_PSE (1u << 4)
#define X86_CR4_PAE (1u << 5)
#define X86_CR4_LA57 (1u << 12)
#define X86_EFER_LME (1u << 8)
#define X86_EFER_LMA (1u << 10)
#define X86_EFER_NXE (1u << 11)
#define X86_FLAG_IF (1u << 9)
#define X86_FLAG_VM (1u << 17)

enum x86_vector { X86_UD = 6, X86_GP = 13, X86_PF = 14 };

/* Page fault error code (SDM 3A 4.7). */
#define X86_PF_PRESENT 1u
#define X86_PF_WRITE 2u
#define X86_PF_USER 4u
#define X86_PF_FETCH 16u

/* --- Registers (regs.c) ------------------------------------------------------ */

/* struct mshv_vtl_cpu_context: what VTL0 and VTL2 share. */
struct x86_context {
	uint64_t gp[16]; /* ISA order; RSP's place (4) holds CR2, for RSP is VTL0's own */
	uint8_t fx[512]; /* FXSAVE image */
};

struct x86_context *x86_context(struct vp *vp) VL_HOT;

/* Everything that translating and executing one instruction needs. */
struct x86_state {
	struct x86_cpu cpu;
	uint64_t cr0, cr3, cr4, efer;
	unsigned mode; /* bits of the code segment: 16, 32, 64 */
	bool user;     /* CPL 3 */
};

int x86_set_rip(struct vp *vp, uint64_t rip) VL_HOT;
/* The state at the intercept whose header this is. */
int x86_load(struct vp *vp, const struct hv_x64_intercept_header *h, struct x86_state *s);
/* Writes back what an instruction can change: GPRs, RIP, RFLAGS (XMM is in place). */
int x86_store(struct vp *vp, const struct x86_state *before, const struct x86_state *after);
/* Past the intercepted instruction; its length comes from the header or from its bytes. */
int x86_skip(struct vp *vp, const struct hv_x64_intercept_header *h) VL_HOT;
/* Lets the VP take an exception at its next entry. error < 0: it has no error code. `parameter`: CR2. */
int x86_inject(struct vp *vp, enum x86_vector vector, int64_t error, uint64_t parameter);

/* --- Memory (walk.c) ----------------------------------------------------------- */

/* A fault that the instruction met. */
struct x86_fault {
	enum x86_vector vector;
	uint32_t error;
	uint64_t address;
};

#define X86_WALK_WRITE 1u
#define X86_WALK_FETCH 2u
/*
 * The guest physical address of a linear one by the guest's page tables.
 * VL_E_GUEST and *fault when they do not allow it.
 */
int x86_walk(const struct guest_memory *m, const struct x86_state *s, uint64_t linear, unsigned how,
	uint64_t *out, struct x86_fault *fault);
/* Reads up to `size` instruction bytes at CS:RIP; returns how many, or VL_E_GUEST and *fault for none. */
int x86_fetch_insn(const struct guest_memory *m, const struct x86_state *s, uint8_t *out, size_t size,
	struct x86_fault *fault);
/* Decodes the instruction at an intercept, whose bytes the host may have given. VL_E_GUEST with *fault. */
int x86_intercepted(struct vp *vp, const struct x86_state *s, const uint8_t *bytes, unsigned count,
	struct x86_insn *insn, struct x86_fault *fault);

/* The memory of one instruction, for x86_execute(): RAM, and devices through the bus. */
struct x86_view {
	struct vp *vp;
	const struct x86_state *state;
	struct x86_fault fault; /* after VL_E_GUEST */
};
struct x86_memory x86_view_memory(struct x86_view *view);
/*
 * The end of an instruction that came to `err`: stores what it changed, and gives the guest view->fault for
 * VL_E_GUEST.
 */
int x86_finish(struct vp *vp, const struct x86_view *view, const struct x86_state *after, int err);

/* --- Exits by kind: as vp_arch_exit --------------------------------------------- */

int x86_pio_exit(struct vp *vp, const struct hv_x64_io_port_message *m) VL_HOT;   /* pio.c */
int x86_memory_exit(struct vp *vp, const struct hv_x64_memory_message *m); /* mmio.c */
int x86_msr_exit(struct vp *vp, const struct hv_x64_msr_message *m);       /* msr.c */
int x86_cpuid_exit(struct vp *vp, const struct hv_x64_cpuid_message *m);   /* cpuid.c */

/*
 * machine.c: interrupts VTL0. `control`: enum hv_x64_interrupt_type with
 * HV_INTERRUPT_LEVEL and HV_INTERRUPT_LOGICAL. What the hypervisor refuses is
 * the guest's loss, who chose the vector.
 */
void x86_assert(struct vm *vm, uint64_t control, uint32_t destination, uint32_t vector);

/* cpuid.c: tells the hypervisor what the guest's CPUID says. */
int x86_cpuid_register(struct vm *vm);

/* acpi.c: the guest's ACPI tables, RSDP first, at MACHINE_ACPI_BASE. VL_E_NOSPACE, VL_E_RANGE. */
int acpi_build(struct vm *vm);

/* An interrupt of machine_arch_irq that is the PIC's INTR and not a line. */
#define X86_IRQ_INTR 256u

#endif
