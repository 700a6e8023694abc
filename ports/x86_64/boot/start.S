/*
 * Entry of the boot shim on x86_64, as the image's VP context sets it up: long
 * mode, identity-mapped, interrupts off, RSI = distance of the parameter page
 * from the shim's ELF address 0, no stack, BSS undefined.
 */
#include "common/boot/freestanding/stack.h"
#define CR0_MP 0x2
#define CR0_EM 0x4
#define CR4_SSE 0x600 /* OSFXSR, OSXMMEXCPT */

	.section .text.start, "ax"
	.globl _start
	.hidden __bss_start, _end, _DYNAMIC, __ehdr_start
_start:
	cli
	cld
	mov %rsi, %rbx
	lea __bss_start(%rip), %rdi
	lea _end(%rip), %rcx
	sub %rdi, %rcx
	xor %eax, %eax
	rep stosb
	lea boot_stack_top(%rip), %rsp
	movq $STACK_COOKIE, boot_stack(%rip)
	mov %cr0, %rax
	and $~CR0_EM, %rax
	or $CR0_MP, %rax
	mov %rax, %cr0
	mov %cr4, %rax
	or $CR4_SSE, %rax
	mov %rax, %cr4
	lea __ehdr_start(%rip), %rdi
	lea _DYNAMIC(%rip), %rsi
	call boot_relocate
	lea __ehdr_start(%rip), %rdi
	mov %rbx, %rsi
	xor %ebp, %ebp
	call boot_start
	ud2

/* boot_enter(entry, boot_params): the kernel's 64-bit entry (Linux x86 boot protocol 1.16). */
	.globl boot_enter
	.hidden boot_enter
boot_enter:
	cli
	mov %rdi, %rax
	xor %edi, %edi
	jmp *%rax

/* boot_load_tables(gdt, idt): pointers to 10-byte descriptors; selectors as in tables.c. */
	.globl boot_load_tables
	.hidden boot_load_tables
boot_load_tables:
	lgdt (%rdi)
	lidt (%rsi)
	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $0x20, %eax
	ltr %ax
	pop %rdi
	push $0x10
	push %rdi
	lretq

/* One entry per vector: error code (0 where the processor pushes none), vector, registers. */
	.macro vector number, has_code
	.p2align 4
	.if \has_code == 0
	push $0
	.endif
	push $\number
	jmp exception
	.endm

	.globl boot_vectors
	.hidden boot_vectors
	.p2align 4
boot_vectors:
	.irp n, 0,1,2,3,4,5,6,7
	vector \n, 0
	.endr
	vector 8, 1
	vector 9, 0
	.irp n, 10,11,12,13,14
	vector \n, 1
	.endr
	.irp n, 15,16
	vector \n, 0
	.endr
	vector 17, 1
	.irp n, 18,19,20
	vector \n, 0
	.endr
	vector 21, 1
	.irp n, 22,23,24,25,26,27,28
	vector \n, 0
	.endr
	.irp n, 29,30
	vector \n, 1
	.endr
	vector 31, 0

/* Stack here: vector, error code, RIP, CS, RFLAGS, RSP, SS; it is struct exception. Never returns. */
exception:
	cld
	mov %rsp, %rdi
	and $-16, %rsp
	call boot_exception
	ud2

#include "common/boot/stack.inc"

	.section .note.GNU-stack, "", @progbits
