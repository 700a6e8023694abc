/* Keyboard controller, POST codes, system control port A (pc_ports.h). Accesses are the guest's. */
#include "ports/x86_64/dev/pc_ports.h"
#include "common/base/err.h"

#include <string.h>

enum { REGION_KBD_DATA, REGION_KBD_COMMAND, REGION_POST, REGION_SYSTEM_A };

/* Keyboard controller commands (8042, IBM PC AT technical reference). */
#define KBD_READ_CONFIG 0x20
#define KBD_WRITE_CONFIG 0x60
#define KBD_AUX_TEST 0xa9
#define KBD_SELF_TEST 0xaa
#define KBD_PORT_TEST 0xab
#define KBD_READ_OUTPUT 0xd0
#define KBD_WRITE_OUTPUT 0xd1
#define KBD_PULSE 0xf0 /* low four bits: which output lines stay high */
#define KBD_STATUS_FULL 0x01
#define KBD_STATUS_SYSTEM 0x04
#define KBD_STATUS_COMMAND 0x08
#define KBD_OUTPUT_RESET 0x01 /* active low */
#define KBD_OUTPUT_A20 0x02
#define SYSTEM_A_RESET 0x01
#define SYSTEM_A_A20 0x02

const struct dev_region pc_ports_regions[PC_PORTS_REGIONS] = {
	{ DEV_PIO, 0x60, 1, REGION_KBD_DATA, 1 },
	{ DEV_PIO, 0x64, 1, REGION_KBD_COMMAND, 1 },
	{ DEV_PIO, 0x80, 1, REGION_POST, 1 },
	{ DEV_PIO, 0x92, 1, REGION_SYSTEM_A, 1 },
};

static void answer(struct pc_ports *p, uint8_t data)
{
	p->data = data;
	p->data_full = true;
}

static void reset_machine(struct pc_ports *p)
{
	p->env->ops->machine(p->env, DEV_MACHINE_RESET);
}

static void kbd_command(struct pc_ports *p, uint8_t command)
{
	p->command = 0;
	if (command >= KBD_PULSE) {
		if (!(command & KBD_OUTPUT_RESET))
			reset_machine(p);
		return;
	}
	switch (command) {
	case KBD_READ_CONFIG: answer(p, p->config); break;
	case KBD_SELF_TEST: answer(p, 0x55); break;
	case KBD_AUX_TEST:
	case KBD_PORT_TEST: answer(p, 0x01); break; /* clock line stuck: nothing is connected */
	case KBD_READ_OUTPUT: answer(p, KBD_OUTPUT_RESET | KBD_OUTPUT_A20); break;
	case KBD_WRITE_CONFIG:
	case KBD_WRITE_OUTPUT: p->command = command; break;
	}
}

/* The byte after a command; bytes for a keyboard find none. */
static void kbd_data(struct pc_ports *p, uint8_t value)
{
	if (p->command == KBD_WRITE_CONFIG)
		p->config = value;
	else if (p->command == KBD_WRITE_OUTPUT && !(value & KBD_OUTPUT_RESET))
		reset_machine(p);
	p->command = 0;
}

static uint64_t ports_read(void *dev, unsigned id, uint64_t offset, unsigned size)
{
	struct pc_ports *p = dev;

	switch (id) {
	case REGION_KBD_DATA:
		p->data_full = false;
		return p->data;
	case REGION_KBD_COMMAND:
		return (p->data_full ? KBD_STATUS_FULL : 0) | KBD_STATUS_SYSTEM |
		       (p->command ? KBD_STATUS_COMMAND : 0);
	case REGION_POST: return p->post;
	case REGION_SYSTEM_A: return p->system_a;
	}
	return 0xff;
}

static void ports_write(void *dev, unsigned id, uint64_t offset, unsigned size, uint64_t value)
{
	struct pc_ports *p = dev;
	uint8_t v = (uint8_t)value;
	bool reset;

	switch (id) {
	case REGION_KBD_DATA: kbd_data(p, v); break;
	case REGION_KBD_COMMAND: kbd_command(p, v); break;
	case REGION_POST: p->post = v; break;
	case REGION_SYSTEM_A:
		reset = (v & ~p->system_a) & SYSTEM_A_RESET; /* on its rising edge */
		p->system_a = v & (SYSTEM_A_RESET | SYSTEM_A_A20);
		if (reset)
			reset_machine(p);
		break;
	}
}

static void ports_reset(void *dev)
{
	struct pc_ports *p = dev;

	p->command = p->config = p->data = p->post = 0;
	p->data_full = false;
	p->system_a = SYSTEM_A_A20;
}

static const struct state_field ports_fields[] = {
	STATE_FIELD(1, struct pc_ports, command, 0xff),
	STATE_FIELD(2, struct pc_ports, config, 0xff),
	STATE_FIELD(3, struct pc_ports, data, 0xff),
	STATE_FIELD(4, struct pc_ports, data_full, 1),
	STATE_FIELD(5, struct pc_ports, post, 0xff),
	STATE_FIELD(6, struct pc_ports, system_a, SYSTEM_A_RESET | SYSTEM_A_A20),
};

static void ports_save(void *dev, struct state_writer *w)
{
	state_put_fields(w, ports_fields, VL_ARRAY_COUNT(ports_fields), dev);
}

static int ports_restore(void *dev, struct state_reader *r)
{
	state_get_fields(r, ports_fields, VL_ARRAY_COUNT(ports_fields), dev);
	return state_reader_finish(r);
}

static void ports_inspect(const void *dev, struct inspect *i)
{
	const struct pc_ports *p = dev;

	dev_show(i, "keyboard-command", p->command);
	dev_show(i, "keyboard-config", p->config);
	dev_show(i, "keyboard-data", p->data);
	dev_show(i, "keyboard-data-full", p->data_full);
	dev_show(i, "post", p->post);
	dev_show(i, "system-a", p->system_a);
}

const struct dev_model pc_ports_model = {
	.name = "pc_ports",
	.version = 1,
	.read = ports_read,
	.write = ports_write,
	.reset = ports_reset,
	.save = ports_save,
	.restore = ports_restore,
	.inspect = ports_inspect,
};

void pc_ports_init(struct pc_ports *p, struct dev_env *env)
{
	memset(p, 0, sizeof(*p));
	p->env = env;
	ports_reset(p);
}
