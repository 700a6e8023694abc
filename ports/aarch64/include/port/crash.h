/* Where a signal's frame has the registers: arm64's struct ucontext, from uc_mcontext.fault_address on. */
#ifndef VL_PORT_CRASH_H
#define VL_PORT_CRASH_H

#define PORT_CRASH_REGISTERS_AT 176 /* bytes into ucontext_t; 64 bits each */
#define PORT_CRASH_REGISTERS(R) \
	R("fault") \
	R("x0") R("x1") R("x2") R("x3") R("x4") R("x5") R("x6") R("x7") R("x8") R("x9") R("x10") \
	R("x11") R("x12") R("x13") R("x14") R("x15") R("x16") R("x17") R("x18") R("x19") R("x20") \
	R("x21") R("x22") R("x23") R("x24") R("x25") R("x26") R("x27") R("x28") R("x29") R("x30") \
	R("sp") R("pc") R("pstate")
#define PORT_CRASH_STACK_POINTER 32 /* of these, from 0 */

#endif
