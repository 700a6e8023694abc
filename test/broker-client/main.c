/*
 * broker-client: what an isolated VM and its platform say to a key broker, as a
 * program, so that test/checks/key-broker can prove the service without a boot:
 *
 *	broker-client ADDRESS PLATFORM-KEY BROKER-ID MEASUREMENT VM [WORD]...
 *
 * VM is one letter, the VM's id is 16 of it. WORDs: confirm=N (confirm that epoch
 * instead of asking for keys), debug, tpm (claims), altered (the report, after it was
 * signed), exchanged (the claims, after the report vouched for them), snp, tdx, cca (what
 * the request says that its report is).
 * Prints "epoch N current KEY next KEY", "confirmed N" or "refused: WHY". Status: 0;
 * 2 refused, or an answer that is not to be believed; 1 everything else.
 * Test code; the broker's answers are checked as the paravisor checks them.
 */
#include "security/attest/release.h"
#include "tools/host/broker_address.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIMIT_MS 20000
#define KEY_BITS 2048

static struct attest_claims claims;
static br_rsa_private_key key;
static unsigned char key_bytes[BR_RSA_KBUF_PRIV_SIZE(KEY_BITS)];

static int fail(const char *what, int err, int status)
{
	fprintf(stderr, "broker-client: %s: %s\n", what, err ? vl_err_text(err) : "wrong");
	return status;
}

static bool unhex(uint8_t out[32], const char *text)
{
	for (size_t i = 0; i < 32; i++)
		if (sscanf(text + 2 * i, "%2hhx", &out[i]) != 1)
			return false;
	return text[64] == 0;
}

static void print_key(const char *name, const uint8_t bytes[32])
{
	printf(" %s ", name);
	for (size_t i = 0; i < 32; i++)
		printf("%02x", bytes[i]);
}

static int make_key(void)
{
	unsigned char public_bytes[BR_RSA_KBUF_PUB_SIZE(KEY_BITS)], seed[32];
	br_hmac_drbg_context random;
	br_rsa_public_key public;

	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return VL_E_OS;
	br_hmac_drbg_init(&random, &br_sha256_vtable, seed, sizeof(seed));
	if (!br_rsa_keygen_get_default()(&random.vtable, &key, key_bytes, &public, public_bytes,
			KEY_BITS, 65537))
		return VL_E_INTERNAL;
	memcpy(claims.modulus, public.n, public.nlen);
	return 0;
}

/* The platform's part: a report over the claims. */
static int make_report(struct vbs_report *report, const char *path, const char *measurement, const char *text,
	size_t size)
{
	static struct platform_key platform;
	char pem[PLATFORM_KEY_PEM_MAKE];
	uint8_t salt[RSA_PSS_SALT_BYTES] = { 1 };
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(pem, 1, sizeof(pem), f) : 0;
	int err;

	if (f)
		fclose(f);
	memset(report, 0, sizeof(*report));
	report->identity.guest_vtl = cpu_to_le32(2);
	if (!unhex(report->identity.measurement, measurement))
		return VL_E_FORMAT;
	release_report_data(text, size, report->report_data);
	err = platform_key_read(&platform, pem, n);
	return err ? err : report_sign(report, &platform, salt);
}

/* All of `size` bytes, or what came before the other end had enough. */
static size_t transfer(int fd, uint8_t *bytes, size_t size, bool out)
{
	struct pollfd f = { .fd = fd, .events = out ? POLLOUT : POLLIN };
	size_t done = 0;

	while (done < size && poll(&f, 1, LIMIT_MS) == 1) {
		ssize_t n = out ? send(fd, bytes + done, size - done, MSG_NOSIGNAL) :
				recv(fd, bytes + done, size - done, 0);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done;
}

/* Its size before each message, in 4 bytes. The answer's size in bytes. */
static int exchange(const char *address, const uint8_t *request, size_t size,
		uint8_t out[ATTEST_RESPONSE_MAX])
{
	uint8_t message[4 + ATTEST_REQUEST_MAX];
	le32 length = cpu_to_le32((uint32_t)size);
	int fd = broker_address_connect(address), result = VL_E_CLOSED;

	if (fd < 0)
		return fd;
	memcpy(message, &length, 4);
	memcpy(message + 4, request, size);
	if (transfer(fd, message, 4 + size, true) == 4 + size &&
	    transfer(fd, (uint8_t *)&length, 4, false) == 4 &&
	    le32_to_cpu(length) <= ATTEST_RESPONSE_MAX &&
		transfer(fd, out, le32_to_cpu(length), false) == le32_to_cpu(length))
		result = (int)le32_to_cpu(length);
	close(fd);
	return result;
}

static int believe(const struct release_context *r, const uint8_t id[BROKER_ID_BYTES], const uint8_t *payload,
	size_t size)
{
	struct attest_secret secret;
	int err = claims.confirms ? release_confirmed(r, id, claims.epoch, payload, size) :
		release_open(r, id, &key, payload, size, &secret);

	if (err)
		return err;
	if (claims.confirms) {
		printf("confirmed %llu\n", (unsigned long long)claims.epoch);
		return 0;
	}
	printf("epoch %llu", (unsigned long long)le64_to_cpu(secret.epoch));
	print_key("current", secret.current);
	print_key("next", secret.next);
	putchar('\n');
	return 0;
}

static bool has(char **words, const char *word)
{
	while (*words && strcmp(*words, word))
		words++;
	return *words;
}

static void claim(const char *vm, char **words)
{
	memset(claims.vm_id, vm[0], sizeof(claims.vm_id));
	claims.debug = has(words, "debug");
	claims.tpm_enabled = has(words, "tpm");
	snprintf(claims.sealing_policy, sizeof(claims.sealing_policy), "none");
	for (; *words; words++) {
		if (strncmp(*words, "confirm=", 8))
			continue;
		claims.confirms = true;
		claims.epoch = strtoull(*words + 8, NULL, 10);
	}
}

static enum attest_report_type report_type(char **words)
{
	if (has(words, "snp"))
		return ATTEST_SNP;
	if (has(words, "tdx"))
		return ATTEST_TDX;
	return has(words, "cca") ? ATTEST_CCA : ATTEST_VBS;
}

int main(int argc, char **argv)
{
	uint8_t request[ATTEST_REQUEST_MAX], answer[ATTEST_RESPONSE_MAX], id[BROKER_ID_BYTES];
	char text[ATTEST_CLAIMS_MAX];
	struct release_context r;
	struct vbs_report report;
	const uint8_t *payload;
	size_t payload_bytes;
	unsigned refusal;
	int n, err;

	if (argc < 6 || !unhex(id, argv[3]))
		return fail("arguments", 0, 1);
	claim(argv[5], argv + 6);
	err = make_key();
	n = err ? err : attest_claims_encode(&claims, text, sizeof(text));
	if (n < 0)
		return fail("claims", n, 1);
	err = make_report(&report, argv[2], argv[4], text, (size_t)n);
	if (err)
		return fail("report", err, 1);
	report.identity.measurement[0] ^= has(argv + 6, "altered");
	release_begin(&r, text, (size_t)n);
	if (has(argv + 6, "exchanged"))
		*strchr(text, ':') = ' ';
	n = attest_request_encode(request, report_type(argv + 6), &report, sizeof(report), text, (size_t)n);
	n = n < 0 ? n : exchange(argv[1], request, (size_t)n, answer);
	if (n < 0)
		return fail(argv[1], n, 1);
	err = attest_response_decode(answer, (size_t)n, &payload, &payload_bytes, &refusal);
	if (err == VL_E_DENIED || err == VL_E_AGAIN)
		printf("refused: %s\n", attest_refusal_text(refusal));
	else
		err = err ? err : believe(&r, id, payload, payload_bytes);
	return err ? fail("answer", err, 2) : 0;
}
