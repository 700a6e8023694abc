/*
 * guest-probe on x86_64: `poke` reads and writes every port, `bench-pio PORT
 * COUNT` reads one.
 */
#include "test/guest/guest-probe.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>

#define PORT_COUNT 0x10000u

const uint64_t probe_port_mmio_base = 0xd0000000;
const uint64_t probe_port_mmio_end = 0xfe000000;

/* Writing these ends the guest or stops its clock or console. */
static int is_deadly(unsigned port)
{
	return port < 0x100 || port == 0xcf9 || (port >= 0x3f8 && port <= 0x3ff) || (port >= 0x400 && port < 0x700);
}

int probe_port_poke(void)
{
	unsigned sum = 0;

	if (iopl(3)) {
		perror("iopl");
		return 1;
	}
	for (unsigned port = 0; port < PORT_COUNT; port++)
		sum += inb((unsigned short)port);
	for (unsigned port = 0; port < PORT_COUNT; port++)
		if (!is_deadly(port))
			outb(0xff, (unsigned short)port);
	printf("vallum-guest: poked every port, sum %u\n", sum);
	return 0;
}

static void read_port(uint64_t where)
{
	inb((unsigned short)where);
}

int probe_port(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (iopl(3)) {
		perror("iopl");
		return 1;
	}
	if (!strcmp(what, "bench-pio") && argc == 4)
		return probe_bench("PIO read", read_port, strtoul(argv[2], NULL, 0),
			(unsigned)strtoul(argv[3], NULL, 0));
	return -1;
}
