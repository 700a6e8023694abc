/* Where a signal's frame has the registers: struct ucontext of x86_64's Linux ABI, gregs[]. */
#ifndef VL_PORT_CRASH_H
#define VL_PORT_CRASH_H

#define PORT_CRASH_REGISTERS_AT 40 /* bytes into ucontext_t; 64 bits each */
#define PORT_CRASH_REGISTERS(R) \
	R("r8") R("r9") R("r10") R("r11") R("r12") R("r13") R("r14") R("r15") \
	R("rdi") R("rsi") R("rbp") R("rbx") R("rdx") R("rax") R("rcx") R("rsp") R("rip") \
	R("rflags") R("segments") R("error") R("vector") R("mask") R("cr2")
#define PORT_CRASH_STACK_POINTER 15 /* of these, from 0 */

#endif
