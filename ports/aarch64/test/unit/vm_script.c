/* test/port/vm/script.h on aarch64: steps as intercept messages of the reference host. */
#include "ports/aarch64/test/unit/vm_script.h"
#include "ports/aarch64/common/access.h"
#include <string.h>

#define PSTATE_EL1H 0x5u
#define UART_CR 0x30u
#define UART_CR_ON 0x301u

const uint32_t script_port_register = HV_ARM64_REG_TPIDR_EL1;
const uint32_t script_port_pc_register = HV_ARM64_REG_PC;
const uint64_t script_port_pc_after = SCRIPT_CODE + 4;

static const struct script_access *accesses;
static unsigned access_count;

struct arm64_context *script_context(void)
{
	return (struct arm64_context *)fake_hv.vp[0].context;
}

void script_port_begin(void)
{
}

static struct hv_arm64_intercept_header header(enum hv_intercept_access access)
{
	return (struct hv_arm64_intercept_header){ .instruction_length = 4, .access = (uint8_t)access,
		.pc = cpu_to_le64(SCRIPT_CODE), .pstate = cpu_to_le64(PSTATE_EL1H) };
}

static void memory(struct hv_message *m, uint64_t at, enum hv_intercept_access kind, uint64_t syndrome,
		uint32_t word)
{
	struct hv_arm64_memory_message message = { .header = header(kind), .gpa = cpu_to_le64(at),
		.gva = cpu_to_le64(at), .syndrome = cpu_to_le64(syndrome) };

	if (word) {
		message.instruction_byte_count = 4;
		memcpy(message.instruction_bytes, &word, 4);
	}
	m->type = cpu_to_le32(HV_MESSAGE_UNMAPPED_GPA);
	m->payload_size = sizeof(message);
	memcpy(m->payload, &message, sizeof(message));
}

void script_memory_message(struct hv_message *m, uint64_t at, enum hv_intercept_access kind, uint32_t word)
{
	struct arm64_access access = { .write = kind == HV_INTERCEPT_WRITE };

	if (word && arm64_decode_access(word, &access))
		memset(&access, 0, sizeof(access));
	memory(m, at, kind, arm64_access_syndrome(&access), word);
}

static void access_register(struct hv_message *m, uint64_t at, unsigned size, bool write, uint64_t value)
{
	const struct arm64_access access = { .size = (uint8_t)size, .count = 1, .rt = { SCRIPT_RT },
		.write = write, .wide = size == 8 };

	script_context()->x[SCRIPT_RT] = value;
	memory(m, at, write ? HV_INTERCEPT_WRITE : HV_INTERCEPT_READ, arm64_access_syndrome(&access), 0);
}

static void reset(struct hv_message *m, enum hv_arm64_reset_type type)
{
	const struct hv_arm64_reset_message message = { .header = header(HV_INTERCEPT_EXECUTE),
		.reset_type = cpu_to_le32(type) };

	m->type = cpu_to_le32(HV_MESSAGE_ARM64_RESET);
	m->payload_size = sizeof(message);
	memcpy(m->payload, &message, sizeof(message));
}

void script_port_intercept(struct fake_vp *vp, const struct script_step *s)
{
	struct hv_message *m = &vp->message;

	script_context()->pc = SCRIPT_CODE;
	switch (s->kind) {
	case SCRIPT_CONSOLE_ON: access_register(m, MACHINE_UART_BASE + UART_CR, 4, true, UART_CR_ON); break;
	case SCRIPT_CONSOLE: access_register(m, MACHINE_UART_BASE, 1, true, s->value); break;
	case SCRIPT_READ: access_register(m, s->where, s->size, false, s->value); break;
	case SCRIPT_WRITE: access_register(m, s->where, s->size, true, s->value); break;
	case SCRIPT_POWER_OFF: reset(m, HV_ARM64_RESET_POWER_OFF); break;
	case SCRIPT_RESET: reset(m, HV_ARM64_RESET_REBOOT); break;
	case SCRIPT_TRIPLE_FAULT: m->type = cpu_to_le32(HV_MESSAGE_UNRECOVERABLE_EXCEPTION); break;
	case SCRIPT_MESSAGE: m->type = cpu_to_le32((uint32_t)s->where); break;
	}
}

uint64_t script_port_result(struct fake_vp *vp)
{
	return script_context()->x[SCRIPT_RT];
}

uint64_t script_port_pc(struct fake_vp *vp)
{
	return script_context()->pc;
}

/* An Image (Linux Documentation/arch/arm64/booting.rst): text offset 0, a little more room than file. */
void script_port_kernel(uint8_t *out, size_t size)
{
	const uint64_t room = size + 0x1000;

	memset(out, 0x5a, size);
	memset(out, 0, 64);
	memcpy(out + 16, &room, sizeof(room));
	memcpy(out + 56, "ARM\x64", 4);
}

static bool next_access(struct fake_vp *vp)
{
	const struct script_access *a = &accesses[vp->step];

	if (vp->index || vp->step >= access_count)
		return false;
	memset(&vp->message, 0, sizeof(vp->message));
	script_context()->pc = SCRIPT_CODE;
	script_memory_message(&vp->message, a->gpa, a->access, a->word);
	return true;
}

void script_play_accesses(const struct script_access *access, unsigned count)
{
	pthread_mutex_lock(&fake_hv.lock);
	accesses = access;
	access_count = played.count = count;
	fake_hv.vp[0].step = 0;
	fake_hv.vp[0].waiting = false;
	fake_hv.guest = next_access;
	pthread_cond_broadcast(&fake_hv.changed);
	pthread_mutex_unlock(&fake_hv.lock);
}

void script_port_set_gpr(uint64_t value)
{
	struct hv_reg_value v = { .low = cpu_to_le64(value) };
	struct hvport_vp vp = { .index = 0 };

	(void)hvport_set_register(&vp, HV_ARM64_REG_X0 + 19, &v);
}

uint64_t script_port_gpr(void)
{
	return le64_to_cpu(fake_register(0, HV_ARM64_REG_X0 + 19).low);
}
