/* guest-probe on aarch64: where nothing is; the machine has no ports to poke and no commands of its own. */
#include "test/guest/guest-probe.h"

const uint64_t probe_port_mmio_base = 0xd0000000;
const uint64_t probe_port_mmio_end = 0xe8000000;

int probe_port_poke(void)
{
	return 0;
}

int probe_port(int argc, char **argv)
{
	return -1;
}
