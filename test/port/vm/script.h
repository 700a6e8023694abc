/*
 * A scripted guest for the fake hypervisor (fake_hv.h) that every port can play:
 * a list of steps in, the worker's effects out. What differs between machines is
 * in script_port_* (ports/<arch>/test/unit), which turns a step into the intercept
 * message and the registers that the real hypervisor would hand to VTL2.
 */
#ifndef VL_TEST_VM_SCRIPT_H
#define VL_TEST_VM_SCRIPT_H

#include "test/port/vm/fake_hv.h"

#define SCRIPT_STEPS_MAX 4096
#define SCRIPT_KERNEL 0x400000u /* guest physical: where a test's kernel file lies */
#define SCRIPT_KERNEL_BYTES 0x10000u
#define SCRIPT_NOWHERE 0xd0000000u /* guest physical: no machine of ours has anything here */

enum script_kind {
	SCRIPT_CONSOLE_ON,   /* what a driver does before the first byte */
	SCRIPT_CONSOLE,      /* writes byte `value` to the first console */
	SCRIPT_READ,         /* reads `size` bytes of device memory at `where` */
	SCRIPT_WRITE,        /* writes `size` bytes of `value` there */
	SCRIPT_POWER_OFF,
	SCRIPT_RESET,
	SCRIPT_TRIPLE_FAULT,
	SCRIPT_MESSAGE,      /* an intercept of type `where` with nothing in it */
};

struct script_step {
	enum script_kind kind;
	uint64_t where;
	unsigned size;
	uint64_t value;
};

struct script {
	const struct script_step *step;
	unsigned count;
	bool repeat; /* the last step again and again */
	uint64_t made; /* intercepts */
	uint64_t result[SCRIPT_STEPS_MAX]; /* what the step read */
	uint64_t pc[SCRIPT_STEPS_MAX];     /* after the step, from script_port_pc */
};
extern struct script played;

/* Puts a script on VP 0, at its beginning; other VPs wait. Also while the worker runs. */
void script_play(const struct script_step *step, unsigned count);
#define SCRIPT_PLAY(array) script_play(array, VL_ARRAY_COUNT(array))
/* Waits until the worker has served all steps; false after FAKE_WAIT_MS. */
bool script_served(void);
/*
 * Waits until the guest has made at least `count` intercepts since it was played; false after FAKE_WAIT_MS.
 */
bool script_made(uint64_t count);
/* A kernel that is good enough to be loaded, at SCRIPT_KERNEL, in the configuration. */
void script_give_kernel(struct fake_worker *w);

/* --- The port ---------------------------------------------------------------------- */

/* Registers as they are when a guest's code runs, before a script begins. */
void script_port_begin(void);
/* Makes the intercept of a step: vp->message, registers, register page. Lock of fake_hv held. */
void script_port_intercept(struct fake_vp *vp, const struct script_step *step);
/* What the last step read, and where the VP goes on. Lock held. */
uint64_t script_port_result(struct fake_vp *vp);
uint64_t script_port_pc(struct fake_vp *vp);
/* A general register of VP 0 that the worker never sets, as VTL0 has it. */
void script_port_set_gpr(uint64_t value);
uint64_t script_port_gpr(void);
/* Writes a well-formed kernel of `size` bytes. */
void script_port_kernel(uint8_t *out, size_t size);
/* A register that belongs to a saved VP and that the worker itself never sets. */
extern const uint32_t script_port_register;
/* The one that says where VTL0 goes on, and what it is for a step that moves on by one instruction. */
extern const uint32_t script_port_pc_register;
extern const uint64_t script_port_pc_after;

#endif
