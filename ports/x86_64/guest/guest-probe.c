/*
 * Touches the machine directly, as root in the test guest (VTL0): port reads for
 * the benchmark, every port and unassigned memory for the tests of the VM
 * worker's endurance. Called by test/guest/init, by vallum.test=guest-probe,...
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PORT_COUNT 0x10000u
#define MMIO_BASE 0xd0000000ull
#define MMIO_END 0xfe000000ull
#define MMIO_STEP 0x00400000ull

/* Writing these ends the guest or stops its console: keyboard controller, PCI reset, power off. */
static int is_deadly(unsigned port)
{
	return port == 0x64 || port == 0x92 || port == 0xcf9 || (port >= 0x3f8 && port <= 0x3ff) ||
	       (port >= 0x400 && port < 0x500) || (port >= 0x600 && port < 0x700);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int bench_pio(unsigned port, unsigned count)
{
	uint64_t best = UINT64_MAX, start = now_ns();

	for (unsigned i = 0; i < count; i++) {
		uint64_t before = now_ns(), took;

		inb((unsigned short)port);
		took = now_ns() - before;
		if (took < best)
			best = took;
	}
	printf("vallum-guest: pio read of port %#x: mean_ns %llu best_ns %llu count %u\n", port,
	       (unsigned long long)((now_ns() - start) / count), (unsigned long long)best, count);
	return 0;
}

static int poke_ports(void)
{
	unsigned sum = 0;

	for (unsigned port = 0; port < PORT_COUNT; port++)
		sum += inb((unsigned short)port);
	for (unsigned port = 0; port < PORT_COUNT; port++)
		if (!is_deadly(port) && (port < 0x20 || port > 0xff))
			outb(0xff, (unsigned short)port);
	printf("vallum-guest: poked every port, sum %u\n", sum);
	return 0;
}

static int poke_mmio(void)
{
	unsigned pages = 0, refused = 0;
	int fd = open("/dev/mem", O_RDWR | O_SYNC);

	if (fd < 0) {
		perror("/dev/mem");
		return 1;
	}
	for (uint64_t gpa = MMIO_BASE; gpa < MMIO_END; gpa += MMIO_STEP) {
		volatile uint32_t *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)gpa);

		if (p == MAP_FAILED) {
			refused++;
			continue;
		}
		p[1] = p[0] + 1;
		((volatile uint8_t *)p)[3] = 0xff;
		*(volatile uint64_t *)(p + 8) = *(volatile uint16_t *)(p + 4);
		munmap((void *)p, 4096);
		pages++;
	}
	printf("vallum-guest: poked %u unassigned pages, %u refused by the kernel\n", pages, refused);
	return pages ? 0 : 1;
}

/* CMOS memory outlives a reset: 0 when index 0x70 does not hold the mark yet. */
static int reboot_once(void)
{
	outb(0x70, 0x70);
	if (inb(0x71) == 0xa5)
		return 1;
	outb(0x70, 0x70);
	outb(0xa5, 0x71);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (iopl(3)) {
		perror("iopl");
		return 1;
	}
	if (!strcmp(what, "reboot-once"))
		return reboot_once();
	if (!strcmp(what, "ports"))
		return poke_ports();
	if (!strcmp(what, "mmio"))
		return poke_mmio();
	if (!strcmp(what, "bench") && argc == 4)
		return bench_pio((unsigned)strtoul(argv[2], NULL, 0), (unsigned)strtoul(argv[3], NULL, 0));
	fprintf(stderr, "usage: guest-probe ports | mmio | reboot-once | bench PORT COUNT\n");
	return 1;
}
