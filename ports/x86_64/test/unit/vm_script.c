/* test/port/vm/script.h on x86_64: steps as intercepts of vm_guest.h. */
#include "ports/x86_64/test/unit/vm_guest.h"
#include "test/port/vm/script.h"
#include <string.h>

#define COM1 0x3f8

const uint32_t script_port_register = HV_X64_REG_STAR;
const uint32_t script_port_pc_register = HV_X64_REG_RIP;
const uint64_t script_port_pc_after = GUEST_CODE + 1; /* past an OUT of a byte */

void script_port_begin(void)
{
	guest_flat_mode();
}

/* mov between [rbx] and rax, eax, ax or al; a store's code is the load's but for one bit. */
static struct guest_step memory_step(const struct script_step *s, char code[4])
{
	static const char loads[][4] = { "\x8a\x03", "\x66\x8b\x03", "\x8b\x03", "\x48\x8b\x03" };
	const char *load = loads[s->size == 1 ? 0 : s->size == 2 ? 1 : s->size == 4 ? 2 : 3];
	unsigned size = (unsigned)strlen(load);

	memcpy(code, load, size);
	if (s->kind == SCRIPT_WRITE)
		code[size - 2] = (char)(code[size - 2] - 2);
	return (struct guest_step){ .kind = GUEST_MEMORY, .where = (uint32_t)s->where, .size = size,
		.code = code, .rbx = s->where, .value = s->value };
}

void script_port_intercept(struct fake_vp *vp, const struct script_step *s)
{
	struct guest_step step = { .kind = GUEST_OUT, .size = 1 };
	char code[4];

	switch (s->kind) {
	case SCRIPT_CONSOLE_ON: /* OUT2 of the modem control register lets interrupts through */
		step.where = COM1 + 4;
		step.value = 8;
		break;
	case SCRIPT_CONSOLE:
		step.where = COM1;
		step.value = s->value;
		break;
	case SCRIPT_READ:
	case SCRIPT_WRITE: step = memory_step(s, code); break;
	case SCRIPT_POWER_OFF:
		step = (struct guest_step){ .kind = GUEST_OUT, .where = ACPI_PM_BASE + ACPI_PM_CNT, .size = 2,
			.value = 0x3400 };
		break;
	case SCRIPT_RESET:
		step.where = 0xcf9;
		step.value = 6;
		break;
	case SCRIPT_TRIPLE_FAULT: step.kind = GUEST_TRIPLE_FAULT; break;
	case SCRIPT_MESSAGE:
		step = (struct guest_step){ .kind = GUEST_MESSAGE, .where = (uint32_t)s->where };
		break;
	}
	guest_context(0)->gp[X86_RAX] = step.value;
	guest_intercept(&vp->message, &step);
}

uint64_t script_port_result(struct fake_vp *vp)
{
	return guest_context(0)->gp[X86_RAX];
}

uint64_t script_port_pc(struct fake_vp *vp)
{
	return le64_to_cpu(guest_registers(0)->rip);
}

void script_port_kernel(uint8_t *out, size_t size)
{
	guest_bzimage(out, size);
}

void script_port_set_gpr(uint64_t value)
{
	guest_context(0)->gp[12] = value;
}

uint64_t script_port_gpr(void)
{
	return guest_context(0)->gp[12];
}
