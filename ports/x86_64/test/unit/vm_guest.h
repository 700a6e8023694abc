/*
 * A scripted x86_64 guest for the fake hypervisor (test/port/vm): a list of intercepts in, their
 * results out.
 */
#ifndef VL_TEST_VM_GUEST_H
#define VL_TEST_VM_GUEST_H

#include "ports/x86_64/vm/x86.h"
#include "test/port/vm/fake_hv.h"

#define GUEST_STEPS_MAX 4096
#define GUEST_CODE 0x10000u /* where instruction bytes are put; RIP of MMIO steps */

enum guest_kind { GUEST_OUT, GUEST_IN, GUEST_MSR_READ, GUEST_MSR_WRITE, GUEST_MEMORY, GUEST_EOI,
	GUEST_TRIPLE_FAULT, GUEST_MESSAGE };

struct guest_step {
	enum guest_kind kind;
	uint32_t where;     /* port, MSR, vector, or message type */
	unsigned size;      /* of a port access; bytes of an instruction */
	uint64_t value;     /* RAX (EDX:EAX of an MSR) before it */
	const char *code;   /* GUEST_MEMORY, string I/O: the instruction */
	uint64_t rbx;       /* GUEST_MEMORY: RBX; string I/O: RSI and RDI, with RCX in value */
};

struct guest {
	const struct guest_step *step;
	unsigned count;
	uint64_t rax[GUEST_STEPS_MAX], rip[GUEST_STEPS_MAX]; /* after the step */
	bool repeat; /* the last step again and again */
};
extern struct guest guest;

/*
 * Puts a script on VP 0; other VPs wait. Flat 64-bit mode with paging off, or what the test wrote
 * into the register page.
 */
void guest_script(const struct guest_step *step, unsigned count);
#define GUEST_SCRIPT(array) guest_script(array, VL_ARRAY_COUNT(array))
struct hv_x64_register_page *guest_registers(unsigned vp);
struct x86_context *guest_context(unsigned vp);
/* The registers alone, and the intercept of one step. */
void guest_flat_mode(void);
void guest_intercept(struct hv_message *m, const struct guest_step *s);
/* Writes a good bzImage of `size` bytes into out. */
void guest_bzimage(uint8_t *out, size_t size);

#endif
