/*
 * What a VM worker that the guest took over can say to the paravisor. The input
 * is the message; its first byte says with how many descriptors it came. What
 * passes the check is read to its ends.
 */
#include "runtime/lib/control.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const union control_any *m)
{
	uint64_t end = 0;

	switch (m->header.type) {
	case CONTROL_CONFIG:
		for (uint32_t i = 0; i < m->config.range_count; i++) {
			if (m->config.ranges[i].base < end)
				__builtin_trap();
			end = m->config.ranges[i].base + m->config.ranges[i].size;
		}
		if (strlen(m->config.command_line) >= CONTROL_COMMAND_LINE_MAX)
			__builtin_trap();
		break;
	case CONTROL_CRASH:
		if (strlen(m->crash.text) >= CONTROL_TEXT_MAX || m->crash.error >= 0)
			__builtin_trap();
		break;
	case CONTROL_TRIPLE_FAULT:
		if (m->triple_fault.register_count > CONTROL_REGISTER_MAX)
			__builtin_trap();
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static union control_any m;

	if (size < 1 || size - 1 > sizeof(m))
		return 0;
	memcpy(&m, data + 1, size - 1);
	if (control_check(&m, size - 1, data[0]) == 0)
		use(&m);
	return 0;
}
