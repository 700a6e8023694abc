/*
 * GDT, TSS and IDT of the shim. Every exception is fatal: it is reported with
 * vector, error code and place, and the boot stops. It runs on a stack of its
 * own, so that running into the guard page below the shim's stack is told too.
 */
#include "common/boot/port.h"
#include "common/boot/stop.h"
#include "ports/x86_64/boot/machine.h"

#define VECTOR_COUNT 32
#define SELECTOR_CODE 0x10 /* Linux's __BOOT_CS and __BOOT_DS: the kernel is entered with them */
#define SELECTOR_DATA 0x18
#define SELECTOR_TSS 0x20
#define GATE_INTERRUPT 0x8e /* present, DPL 0, 64-bit interrupt gate */
#define PAGE_FAULT 14

/* SDM vol. 3, 6.14.1 and 8.7. */
struct gate {
	uint16_t offset0, selector;
	uint8_t ist, type;
	uint16_t offset16;
	uint32_t offset32, reserved;
} VL_PACKED;

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3], reserved1, ist[7], reserved2;
	uint16_t reserved3, io_map;
} VL_PACKED;
_Static_assert(sizeof(struct gate) == 16 && sizeof(struct tss) == 104, "SDM vol. 3, figures 6-8 and 8-11");

struct descriptor {
	uint16_t limit;
	const void *base;
} VL_PACKED;

/* What start.S's stubs leave on the stack, then what the processor pushed. */
struct exception {
	uint64_t vector, code, rip, cs, rflags, rsp, ss;
};

static uint64_t gdt[6] = {
	[SELECTOR_CODE / 8] = 0x00af9b000000ffff, /* 64-bit code, accessed */
	[SELECTOR_DATA / 8] = 0x00cf93000000ffff,
};
static struct tss tss;
static struct gate idt[VECTOR_COUNT];
static uint8_t exception_stack[8192] __attribute__((aligned(16)));

void VL_NORETURN boot_exception(const struct exception *e);

void boot_exception(const struct exception *e)
{
	static bool again;
	struct boot_error error;
	uint64_t cr2 = 0;

	if (again)
		port_halt();
	again = true;
	if (e->vector == PAGE_FAULT)
		__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	if (cr2 >= (uintptr_t)boot_stack_guard && cr2 - (uintptr_t)boot_stack_guard < VL_PAGE_BYTES)
		boot_fail(&error, VL_E_INTERNAL, "the boot shim's stack overflowed at RIP 0x%llx",
			(unsigned long long)e->rip);
	else
		boot_fail(&error, VL_E_INTERNAL,
			"processor exception %u, error code 0x%llx, RIP 0x%llx, RSP 0x%llx, CR2 0x%llx",
			(unsigned)e->vector, (unsigned long long)e->code, (unsigned long long)e->rip,
			(unsigned long long)e->rsp, (unsigned long long)cr2);
	boot_stop(&error, e->rip);
}

static void set_gate(unsigned vector)
{
	uint64_t at = (uintptr_t)boot_vectors[vector];

	idt[vector] = (struct gate){
		.offset0 = (uint16_t)at, .offset16 = (uint16_t)(at >> 16), .offset32 = (uint32_t)(at >> 32),
		.selector = SELECTOR_CODE, .ist = 1, .type = GATE_INTERRUPT,
	};
}

void tables_init(void)
{
	uint64_t at = (uintptr_t)&tss, limit = sizeof(tss) - 1;
	struct descriptor gdtr = { sizeof(gdt) - 1, gdt }, idtr = { sizeof(idt) - 1, idt };

	for (unsigned i = 0; i < VECTOR_COUNT; i++)
		set_gate(i);
	tss.ist[0] = (uintptr_t)exception_stack + sizeof(exception_stack);
	tss.io_map = sizeof(tss);
	/* Available 64-bit TSS, present (SDM vol. 3, figure 8-4). */
	gdt[SELECTOR_TSS / 8] = limit | (at & 0xffffff) << 16 | 0x89ull << 40 | (at >> 24 & 0xff) << 56;
	gdt[SELECTOR_TSS / 8 + 1] = at >> 32;
	boot_load_tables(&gdtr, &idtr);
}
