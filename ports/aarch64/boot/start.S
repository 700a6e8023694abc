/*
 * Entry of the boot shim on aarch64, as the image's VP context sets it up: EL1h,
 * MMU and caches on, identity-mapped, exceptions masked, x0 = distance of the
 * parameter page from the shim's ELF address 0, no stack, BSS undefined.
 */
#include "common/boot/freestanding/stack.h"
#define EXCEPTION_STACK_BYTES 8192
#define CPACR_FPEN (3 << 20)
#define SCTLR_M 1

	.section .text.start, "ax"
	.globl _start
	.hidden __bss_start__, __bss_end__, _DYNAMIC, __ehdr_start
_start:
	msr daifset, #15
	mov x19, x0
	adrp x1, boot_vectors
	add x1, x1, :lo12:boot_vectors
	msr vbar_el1, x1
	isb
	adrp x1, __bss_start__
	add x1, x1, :lo12:__bss_start__
	adrp x2, __bss_end__
	add x2, x2, :lo12:__bss_end__
0:	cmp x1, x2
	b.hs 1f
	strb wzr, [x1], #1
	b 0b
1:	adrp x1, boot_stack_top
	add x1, x1, :lo12:boot_stack_top
	mov sp, x1
	adrp x1, boot_stack
	add x1, x1, :lo12:boot_stack
	ldr w2, =STACK_COOKIE
	str x2, [x1]
	mrs x1, cpacr_el1
	orr x1, x1, #CPACR_FPEN
	msr cpacr_el1, x1
	isb
	adrp x0, __ehdr_start
	add x0, x0, :lo12:__ehdr_start
	adrp x1, _DYNAMIC
	add x1, x1, :lo12:_DYNAMIC
	bl boot_relocate
	adrp x0, __ehdr_start
	add x0, x0, :lo12:__ehdr_start
	mov x1, x19
	mov x29, xzr
	bl boot_start
	brk #1

/* boot_hvc(call): x0-x7 from and to the structure. */
	.globl boot_hvc
	.hidden boot_hvc
boot_hvc:
	bti c
	stp x19, x30, [sp, #-16]!
	mov x19, x0
	ldp x6, x7, [x19, #48]
	ldp x4, x5, [x19, #32]
	ldp x2, x3, [x19, #16]
	ldp x0, x1, [x19]
	hvc #0
	stp x0, x1, [x19]
	stp x2, x3, [x19, #16]
	stp x4, x5, [x19, #32]
	stp x6, x7, [x19, #48]
	ldp x19, x30, [sp], #16
	ret

/*
 * boot_replace_entry(entry, value). The entry's line leaves the caches first, for
 * with the MMU off the store goes to memory past them.
 */
	.globl boot_replace_entry
	.hidden boot_replace_entry
boot_replace_entry:
	bti c
	dc civac, x0
	dsb sy
	mrs x2, sctlr_el1
	bic x3, x2, #SCTLR_M
	msr sctlr_el1, x3
	isb
	str x1, [x0]
	dsb sy
	dc ivac, x0
	tlbi vmalle1
	dsb sy
	msr sctlr_el1, x2
	isb
	ret

/* boot_enter(entry, fdt) */
	.globl boot_enter
	.hidden boot_enter
boot_enter:
	bti c
	mov x4, x0
	mov x0, x1
	mov x1, xzr
	mov x2, xzr
	mov x3, xzr
	dsb sy
	mrs x5, sctlr_el1
	bic x5, x5, #SCTLR_M
	bic x5, x5, #4 /* C: the kernel begins without data cache */
	msr sctlr_el1, x5
	isb
	tlbi vmalle1
	ic iallu
	dsb sy
	isb
	br x4

/*
 * One vector of the table (Arm ARM, D1.3.1.5): nothing is saved, for no exception
 * is survived. boot_exception(kind, ESR, ELR, FAR, SP).
 */
	.macro vector kind
	.p2align 7
	mov x4, sp
	adrp x0, boot_exception_stack_top
	add x0, x0, :lo12:boot_exception_stack_top
	mov sp, x0
	mov x0, #\kind
	mrs x1, esr_el1
	mrs x2, elr_el1
	mrs x3, far_el1
	bl boot_exception
	brk #1
	.endm

	.p2align 11
boot_vectors:
	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	vector \n
	.endr

#include "common/boot/stack.inc"
	.skip EXCEPTION_STACK_BYTES
boot_exception_stack_top:

	.section .note.GNU-stack, "", @progbits
