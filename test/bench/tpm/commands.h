/*
 * The TPM commands whose rate the benchmarks compare, and the ways that they go:
 * through the registers of a device model, wherever it is, and through the socket
 * of Debian's swtpm.
 */
#ifndef VL_BENCH_TPM_COMMANDS_H
#define VL_BENCH_TPM_COMMANDS_H

#include "common/device/device.h"
#include "runtime/vtpm/boot_region.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define RUN_NS 1000000000ull

static const struct {
	const char *name, *hex, *after;
} commands[] = {
	{ "TPM2_GetRandom, 32 bytes", "80010000000c0000017b0020", NULL },
	{ "TPM2_PCR_Read", "8001000000140000017e00000001000b03000001", NULL },
	{ "TPM2_PCR_Extend, SHA-256", "80020000004100000182000000100000000940000009000000000000000001000b"
		"1111111111111111111111111111111111111111111111111111111111111111", NULL },
	{ "TPM2_CreatePrimary, P-256, and flush",
		"80020000004300000131400000010000000940000009000000000000040000"
		"0000001a0023000b000300720000000600800043001000030010000000000000" "00000000",
		"80010000000e0000016580000000" },
};

#define RESPONSE_ROOM 4096u

/* One command's way; `to` is its own. Returns the code of the response, which goes to `r` (RESPONSE_ROOM). */
typedef uint32_t give_command(void *to, const uint8_t *c, size_t n, uint8_t *r);

static inline uint64_t command_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint32_t response_code(const uint8_t *r)
{
	return (uint32_t)r[6] << 24 | (uint32_t)r[7] << 16 | (uint32_t)r[8] << 8 | r[9];
}

static inline uint64_t reg_in(const struct dev_instance *d, uint64_t reg, unsigned size)
{
	return d->model->read(d->dev, VTPM_REGION_TPM, reg, size);
}

static inline void reg_out(const struct dev_instance *d, uint64_t reg, unsigned size, uint64_t value)
{
	d->model->write(d->dev, VTPM_REGION_TPM, reg, size, value);
}

/* `to`: struct dev_instance; as a driver does that polls and never sleeps. */
static inline uint32_t by_crb(void *to, const uint8_t *c, size_t n, uint8_t *r)
{
	const struct dev_instance *d = to;
	size_t size = 16;
	uint64_t value;

	for (size_t i = 0; i < n; i += 8) {
		value = 0;
		memcpy(&value, c + i, n - i < 8 ? n - i : 8);
		reg_out(d, 0x80 + i, 8, value);
	}
	reg_out(d, 0x4c, 4, 1);
	while (reg_in(d, 0x4c, 4) & 1)
		continue;
	for (size_t i = 0; i < size && i < RESPONSE_ROOM - 8; i += 8) {
		value = reg_in(d, 0x80 + i, 8);
		memcpy(r + i, &value, 8);
		if (i == 8)
			size = (size_t)r[4] << 8 | r[5];
	}
	return response_code(r);
}

/* The same, a byte at a time, with what Linux' driver looks at between. */
static inline uint32_t by_fifo(void *to, const uint8_t *c, size_t n, uint8_t *r)
{
	const struct dev_instance *d = to;
	size_t size = 10;

	reg_out(d, 0x18, 4, 0x40);
	if (!(reg_in(d, 0x18, 4) >> 8 & 0xffff))
		return ~0u;
	for (size_t i = 0; i < n; i++)
		reg_out(d, 0x24, 1, c[i]);
	if (reg_in(d, 0x18, 1) & 0x08)
		return ~0u;
	reg_out(d, 0x18, 4, 0x20);
	while (!(reg_in(d, 0x18, 1) & 0x10))
		continue;
	for (size_t i = 0; i < size && i < RESPONSE_ROOM; i++) {
		r[i] = (uint8_t)reg_in(d, 0x24, 1);
		if (i == 9)
			size = (size_t)r[4] << 8 | r[5];
	}
	return response_code(r);
}

/* Chooses the interface and takes locality 0, once nobody has it. */
static inline void take_crb(const struct dev_instance *d)
{
	reg_out(d, 0x30, 4, 1u << 17);
	reg_out(d, 0x08, 4, 1);
	reg_out(d, 0x40, 4, 1);
}

static inline void take_fifo(const struct dev_instance *d)
{
	reg_out(d, 0x30, 4, 0);
	reg_out(d, 0x00, 1, 0x02);
}

/* `to`: int, the socket. */
static inline uint32_t by_socket(void *to, const uint8_t *c, size_t n, uint8_t *r)
{
	const int *fd = to;

	return write(*fd, c, n) == (ssize_t)n && read(*fd, r, RESPONSE_ROOM) >= 10 ? response_code(r) : ~0u;
}

static inline int open_socket(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	return fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 ? fd : -1;
}

static inline size_t from_hex(const char *hex, uint8_t *out)
{
	size_t n = 0;
	unsigned byte;

	for (; hex && sscanf(hex, "%2x", &byte) == 1; hex += 2)
		out[n++] = (uint8_t)byte;
	return n;
}

/* Per second; 0 and a line when a command does not succeed. */
static inline double command_rate(give_command *give, void *to, unsigned which)
{
	uint8_t c[512], after[512], r[RESPONSE_ROOM];
	size_t n = from_hex(commands[which].hex, c), after_bytes = from_hex(commands[which].after, after);
	uint64_t start = command_now_ns(), count = 0;
	uint32_t code = 0;

	c[4] = (uint8_t)(n >> 8);
	c[5] = (uint8_t)n;
	while (!code && command_now_ns() - start < RUN_NS) {
		code = give(to, c, n, r);
		if (!code && after_bytes)
			code = give(to, after, after_bytes, r);
		count++;
	}
	if (code)
		printf("  %s: response code 0x%x\n", commands[which].name, code);
	return code ? 0 : (double)count * 1e9 / (double)(command_now_ns() - start);
}

/* The table: `what` is where the model is; socket -1: there is no swtpm to compare with. */
static inline void compare_commands(const char *what, struct dev_instance *d, int socket)
{
	double crb[VL_ARRAY_COUNT(commands)], fifo[VL_ARRAY_COUNT(commands)], other[VL_ARRAY_COUNT(commands)];

	take_crb(d);
	for (unsigned i = 0; i < VL_ARRAY_COUNT(commands); i++) {
		crb[i] = command_rate(by_crb, d, i);
		other[i] = socket >= 0 ? command_rate(by_socket, &socket, i) : 0;
	}
	reg_out(d, 0x08, 4, 2);
	take_fifo(d);
	printf("TPM commands per second: %s by CRB and by FIFO, swtpm by its socket, ratios to that\n", what);
	for (unsigned i = 0; i < VL_ARRAY_COUNT(commands); i++) {
		fifo[i] = command_rate(by_fifo, d, i);
		printf("  %-38s %8.0f %8.0f %8.0f", commands[i].name, crb[i], fifo[i], other[i]);
		if (other[i] > 0)
			printf("   %.2f %.2f", crb[i] / other[i], fifo[i] / other[i]);
		printf("\n");
	}
}

#endif
