/*
 * What a port adds to guest-probe, the test guest's program that touches the
 * machine directly, and the memory of that port's machine that it may touch.
 */
#ifndef VL_TEST_GUEST_PROBE_H
#define VL_TEST_GUEST_PROBE_H

#include "test/timing/timing.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Guest physical addresses where nothing is, from low to high. */
extern const uint64_t probe_port_mmio_base, probe_port_mmio_end;

/* Touches all that the port's machine has besides memory; an exit status. */
int probe_port_poke(void);

/*
 * Runs the port's own command in argv[1..argc). Returns its exit status, or -1 when the port has no such
 * command.
 */
int probe_port(int argc, char **argv);

/* Stores in the TPM, or finds there after a power-off (tpm_nv.c); an exit status. */
int probe_tpm(bool kept);

/*
 * Does an access `count` times, TIMING_MAX at most, and prints how long one takes
 * on one line for the benchmark. Inline, so that nothing but the access and the
 * counter is timed; an exit status.
 */
static inline __attribute__((always_inline)) int probe_bench(const char *what, void (*access)(uint64_t where),
		uint64_t where, unsigned count)
{
	static struct timing timing;
	uint64_t at;

	if (!count || count > TIMING_MAX) {
		fprintf(stderr, "guest-probe: the count is 1 to %u\n", TIMING_MAX);
		return 1;
	}
	at = timing_begin(&timing);
	for (unsigned n = 0; n < count; n++) {
		access(where);
		at = timing_step(&timing, n, at);
	}
	printf("vallum-guest: bench %s of %#llx: ", what, (unsigned long long)where);
	timing_end(&timing, count, at);
	printf("\n");
	return 0;
}

#endif
