/*
 * Touches the machine directly, as root in the test guest (VTL0): accesses for
 * the benchmark, the TPM, and unassigned memory for the tests of the VM worker's
 * endurance. Called by test/guest/init: vallum.test=guest-probe,COMMAND,...
 */
#include "test/guest/guest-probe.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE_BYTES 4096u
#define MMIO_STEP 0x00400000ull

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* One page of the guest's physical address space, or NULL. */
static volatile uint8_t *map_page(uint64_t gpa)
{
	int fd = open("/dev/mem", O_RDWR | O_SYNC);
	void *page;

	if (fd < 0) {
		perror("/dev/mem");
		return NULL;
	}
	page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)gpa);
	close(fd);
	return page == MAP_FAILED ? NULL : page;
}

static int poke_mmio(void)
{
	unsigned pages = 0, refused = 0;

	for (uint64_t gpa = probe_port_mmio_base; gpa < probe_port_mmio_end; gpa += MMIO_STEP) {
		volatile uint8_t *p = map_page(gpa);

		if (!p) {
			refused++;
			continue;
		}
		((volatile uint32_t *)p)[1] = ((volatile uint32_t *)p)[0] + 1;
		p[3] = 0xff;
		((volatile uint64_t *)p)[4] = ((volatile uint16_t *)p)[8];
		munmap((void *)p, PAGE_BYTES);
		pages++;
	}
	printf("vallum-guest: poked %u unassigned pages, %u refused by the kernel\n", pages, refused);
	return pages ? 0 : 1;
}

static volatile uint32_t *bench_word;

static void read_word(uint64_t where)
{
	(void)*bench_word;
}

static int bench_mmio(unsigned count)
{
	volatile uint8_t *page = map_page(probe_port_mmio_base);

	if (!page)
		return 1;
	bench_word = (volatile uint32_t *)page;
	return probe_bench("MMIO read", read_word, probe_port_mmio_base, count);
}

/*
 * The second serial port under whichever name the kernel gave it; -1: none. There may be a ttyS1 without a port
 * behind it, but no ttyAMA1. Nobody waits for what is written.
 */
static int open_second_port(void)
{
	int fd = open("/dev/ttyAMA1", O_WRONLY | O_NOCTTY | O_NONBLOCK);

	return fd >= 0 ? fd : open("/dev/ttyS1", O_WRONLY | O_NOCTTY | O_NONBLOCK);
}

/*
 * How long the guest stood still, second by second: the longest time between two looks at the clock, and
 * their number. The second serial port has something to do each second, too.
 */
static int watch_pauses(unsigned seconds)
{
	uint64_t begun = now_ns(), last = begun;
	int port = open_second_port();

	printf("vallum-guest: watching for pauses\n");
	fflush(stdout);
	for (unsigned second = 1; second <= seconds; second++) {
		uint64_t longest = 0, looks = 0, at;

		do {
			at = now_ns();
			longest = at - last > longest ? at - last : longest;
			last = at;
			looks++;
		} while (at - begun < second * 1000000000ull);
		printf("vallum-guest: second %u longest pause %llu us, %llu looks\n", second,
			(unsigned long long)longest / 1000, (unsigned long long)looks);
		fflush(stdout);
		if (port >= 0)
			dprintf(port, "second %u: %llu looks of the guest at its clock\n", second,
				(unsigned long long)looks);
	}
	if (port >= 0)
		close(port);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int status;

	if (!strcmp(what, "poke"))
		return probe_port_poke() | poke_mmio();
	if (!strcmp(what, "tpm-keep") || !strcmp(what, "tpm-kept"))
		return probe_tpm(!strcmp(what, "tpm-kept"));
	if (!strcmp(what, "pauses") && argc == 3)
		return watch_pauses((unsigned)strtoul(argv[2], NULL, 0));
	if (!strcmp(what, "bench-mmio") && argc == 3)
		return bench_mmio((unsigned)strtoul(argv[2], NULL, 0));
	status = probe_port(argc, argv);
	if (status < 0)
		fprintf(stderr, "usage: guest-probe poke | tpm-keep | tpm-kept | pauses SECONDS | bench-mmio "
				"COUNT | the port's\n");
	return status < 0 ? 1 : status;
}
