/*
 * What a port adds to guest-probe, the test guest's program that touches the
 * machine directly, and the memory of that port's machine that it may touch.
 */
#ifndef VL_TEST_GUEST_PROBE_H
#define VL_TEST_GUEST_PROBE_H

#include <stdbool.h>
#include <stdint.h>

/* Guest physical addresses where nothing is, from low to high. */
extern const uint64_t probe_port_mmio_base, probe_port_mmio_end;

/* Touches all that the port's machine has besides memory; an exit status. */
int probe_port_poke(void);

/* Runs the port's own command in argv[1..argc). Returns its exit status, or -1 when the port has no such command. */
int probe_port(int argc, char **argv);

/* Stores in the TPM, or finds there after a power-off (tpm_nv.c); an exit status. */
int probe_tpm(bool kept);

/* Does an access `count` times, TIMING_MAX at most, and prints how long one takes on one line for the benchmark. */
int probe_bench(const char *what, void (*access)(uint64_t where), uint64_t where, unsigned count);

#endif
