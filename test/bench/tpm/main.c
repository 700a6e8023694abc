/*
 * tpm-bench [SOCKET]: TPM commands per second through the virtual TPM's CRB
 * registers, in this process, and beside it, command for command, through a
 * swtpm that listens on SOCKET. Run by test/bench/tpm/run.
 */
#include "runtime/vtpm/vtpm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define RUN_NS 1000000000ull

static struct vtpm v;
static struct engine engine;
static struct dev_env env;

static const struct {
	const char *name, *hex, *after;
} commands[] = {
	{ "TPM2_GetRandom, 32 bytes", "80010000000c0000017b0020", NULL },
	{ "TPM2_PCR_Read", "8001000000140000017e00000001000b03000001", NULL },
	{ "TPM2_PCR_Extend, SHA-256", "80020000004100000182000000100000000940000009000000000000000001000b"
		"1111111111111111111111111111111111111111111111111111111111111111", NULL },
	{ "TPM2_CreatePrimary, P-256, and flush", "80020000004300000131400000010000000940000009000000000000040000"
		"0000001a0023000b000300720000000600800043001000030010000000000000" "00000000",
		"80010000000e0000016580000000" },
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int64_t nv_read(void *context, enum vtpm_file file, void *out, size_t room) { return VL_E_NOTFOUND; }
static int nv_write(void *context, enum vtpm_file file, const void *data, size_t size) { return 0; }
static const struct vtpm_nv_ops nv_ops = { nv_read, nv_write };

/* The response's code. */
static uint32_t by_registers(int fd, const uint8_t *c, size_t n)
{
	uint8_t r[4096];
	size_t size;

	for (size_t i = 0; i < n; i += 8) {
		uint64_t value = 0;

		memcpy(&value, c + i, n - i < 8 ? n - i : 8);
		vtpm_model.write(&v, VTPM_REGION_TPM, 0x80 + i, 8, value);
	}
	vtpm_model.write(&v, VTPM_REGION_TPM, 0x4c, 4, 1);
	for (size_t i = 0; i < 16; i += 8) {
		uint64_t value = vtpm_model.read(&v, VTPM_REGION_TPM, 0x80 + i, 8);

		memcpy(r + i, &value, 8);
	}
	size = (size_t)r[4] << 8 | r[5];
	for (size_t i = 16; i < size && i < sizeof(r) - 8; i += 8) {
		uint64_t value = vtpm_model.read(&v, VTPM_REGION_TPM, 0x80 + i, 8);

		memcpy(r + i, &value, 8);
	}
	return (uint32_t)r[6] << 24 | (uint32_t)r[7] << 16 | (uint32_t)r[8] << 8 | r[9];
}

static uint32_t by_socket(int fd, const uint8_t *c, size_t n)
{
	uint8_t r[4096];

	if (write(fd, c, n) != (ssize_t)n || read(fd, r, sizeof(r)) < 10)
		return ~0u;
	return (uint32_t)r[6] << 24 | (uint32_t)r[7] << 16 | (uint32_t)r[8] << 8 | r[9];
}

static size_t from_hex(const char *hex, uint8_t *out)
{
	size_t n = 0;
	unsigned byte;

	for (; hex && sscanf(hex, "%2x", &byte) == 1; hex += 2)
		out[n++] = (uint8_t)byte;
	return n;
}

/* Per second; 0 and a line when a command does not succeed. */
static double rate(uint32_t (*give)(int fd, const uint8_t *c, size_t n), int fd, unsigned which)
{
	uint8_t c[512], after[512];
	size_t n = from_hex(commands[which].hex, c), after_bytes = from_hex(commands[which].after, after);
	uint64_t start = now_ns(), count = 0;
	uint32_t code = 0;

	c[4] = (uint8_t)(n >> 8);
	c[5] = (uint8_t)n;
	while (!code && now_ns() - start < RUN_NS) {
		code = give(fd, c, n);
		if (!code && after_bytes)
			code = give(fd, after, after_bytes);
		count++;
	}
	if (code)
		printf("  %s: response code 0x%x\n", commands[which].name, code);
	return code ? 0 : (double)count * 1e9 / (double)(now_ns() - start);
}

static void open_ours(void)
{
	static const struct vtpm_nv nv = { &nv_ops, NULL };

	if (engine_open(&engine, &nv, false))
		exit(1);
	vtpm_init(&v, &env, &engine, VTPM_CRB, 0xfed40000, "bench");
	vtpm_model.write(&v, VTPM_REGION_BOOT, 0, 4, VTPM_BOOT_POWER_ON);
	vtpm_model.write(&v, VTPM_REGION_BOOT, 0, 4, VTPM_BOOT_FINISH);
	vtpm_model.start(&v);
	vtpm_model.write(&v, VTPM_REGION_TPM, 0x08, 4, 1);
	vtpm_model.write(&v, VTPM_REGION_TPM, 0x40, 4, 1);
}

static int open_other(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	return fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 ? fd : -1;
}

int main(int argc, char **argv)
{
	int fd = argc > 1 ? open_other(argv[1]) : -1;

	open_ours();
	printf("TPM commands per second: through CRB registers, by swtpm's socket, ratio\n");
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		double ours = rate(by_registers, -1, i), other = fd >= 0 ? rate(by_socket, fd, i) : 0;

		printf("  %-38s %9.0f %9.0f %6.2f\n", commands[i].name, ours, other, other > 0 ? ours / other : 0);
	}
	return 0;
}
