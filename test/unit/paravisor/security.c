/*
 * Platform security as a whole: the paravisor's code, the reference host's GET
 * service and state file, the key broker's decision, a platform that signs - and
 * a host in the middle that lies in every way it can.
 */
#include "common/attest/attest.h"
#include "common/base/log.h"
#include "runtime/paravisor/security.h"
#include "security/attest/broker.h"
#include "security/crypto/gcm.h"
#include "security/crypto/kdf.h"
#include "security/crypto/seal.h"
#include "test/unit/paravisor/state_host.h"

#include <check.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

Suite *suite_security(void);

static struct platform_key platform_signer;
static struct broker broker, false_broker;
static struct vbs_identity identity;
static uint64_t epoch;
static char path[40];

static int take_random(void *out, size_t size)
{
	return getrandom(out, size, 0) == (ssize_t)size ? 0 : VL_E_OS;
}

/* --- The platform --------------------------------------------------------------------------- */

static bool alter_report;

static int report(void *context, const uint8_t data[VBS_REPORT_DATA_BYTES], struct vbs_report *out)
{
	uint8_t salt[RSA_PSS_SALT_BYTES] = { 1 };
	int err;

	memset(out, 0, sizeof(*out));
	memcpy(out->report_data, data, VBS_REPORT_DATA_BYTES);
	out->identity = identity;
	err = report_sign(out, &platform_signer, salt);
	out->identity.measurement[0] ^= alter_report;
	return err;
}

/* As the host does: from what was measured. */
static int sealing_key(void *context, enum sealing_policy policy, uint8_t key[SEALING_KEY_BYTES])
{
	memcpy(key, policy == SEALING_HASH ? identity.measurement : identity.signer, SEALING_KEY_BYTES);
	key[31] ^= 0x5a;
	return 0;
}

static const struct security_platform platform = { report, sealing_key, NULL };

/* --- The host: state file, and what it does to answers ---------------------------------------- */

enum lie { HONEST, NO_ANSWER, ALTERS_ANSWER, REPLAYS, OTHER_BROKER, CONFIRMS_ITSELF };
static enum lie lie;
static uint8_t recorded[ATTEST_RESPONSE_MAX];
static size_t recorded_bytes;
static unsigned requests;

static void host_attest(void *context, const void *request, size_t size)
{
	uint8_t out[ATTEST_RESPONSE_MAX], id[ATTEST_ID_BYTES];
	size_t n = 0;

	requests++;
	if (lie != NO_ANSWER)
		broker_answer(lie == OTHER_BROKER ? &false_broker : &broker, request, size, out, &n, id);
	if (lie == ALTERS_ANSWER)
		out[n - 1] ^= 1;
	if ((lie == REPLAYS && recorded_bytes) || (lie == CONFIRMS_ITSELF && requests == 2)) {
		memcpy(out, recorded, recorded_bytes);
		n = recorded_bytes;
	} else if (requests == 1) {
		memcpy(recorded, out, n);
		recorded_bytes = n;
	}
	ck_assert_int_eq(get_service_attested(&state_host.service, out, n), 0);
}

/* --- Keys in memory --------------------------------------------------------------------------- */

#define MASK 0xa5
static uint8_t masked[4][32]; /* keys of the last boot that stored a secret, as no search finds them */
static uint8_t vm_id[ATTEST_ID_BYTES];

static void remember(unsigned n, const uint8_t key[32])
{
	for (size_t i = 0; i < sizeof(masked[n]); i++)
		masked[n][i] = key[i] ^ MASK;
}

/* The datastore key of an epoch, as the broker derives it. */
static void epoch_key(uint64_t number, uint8_t key[32])
{
	struct {
		uint8_t vm_id[ATTEST_ID_BYTES];
		le64 epoch;
	} VL_PACKED context = { .epoch = cpu_to_le64(number) };

	memcpy(context.vm_id, vm_id, sizeof(vm_id));
	kdf(broker.master, sizeof(broker.master), "VMGSKEY", &context, sizeof(context), key, 32);
}

static struct sealed_key protector; /* of the last boot that stored a secret */

static void sealed_datastore_key(uint64_t unused, uint8_t key[32])
{
	uint8_t platform_key[SEALING_KEY_BYTES];

	if (sealing_key(NULL, SEALING_HASH, platform_key) ||
			unseal_key(&protector, platform_key, "hash", 4, key))
		_exit(1);
}

/* A key that is made anew in a child, which leaves nothing behind here. */
static void remember_made(unsigned n, void (*make)(uint64_t number, uint8_t key[32]), uint64_t number)
{
	uint8_t key[32];
	int ends[2], status;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		make(number, key);
		remember(n, key);
		_exit(write(ends[1], masked[n], sizeof(masked[n])) != sizeof(masked[n]));
	}
	ck_assert_int_eq(read(ends[0], masked[n], sizeof(masked[n])), sizeof(masked[n]));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	close(ends[0]);
	close(ends[1]);
}

/* Reads what the sanitizer would not let be read. */
__attribute__((no_sanitize("address"))) static unsigned copies_in(const volatile uint8_t *from, size_t size,
	const uint8_t wanted[32])
{
	unsigned copies = 0;

	for (size_t at = 0; at + 32 <= size; at++) {
		size_t i = 0;

		while (i < 32 && (from[at + i] ^ MASK) == wanted[i])
			i++;
		copies += i == 32;
	}
	return copies;
}

#define REGION_MAX (192ull << 20) /* what is larger is the sanitizer's own; all our variables are 90 MiB */

/* In all that this process can write: its stacks, its heap, its variables. */
static unsigned copies_of(unsigned n)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[400], rights[5];
	unsigned long from, to;
	unsigned copies = 0;

	ck_assert_ptr_nonnull(maps);
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) == 3 && !strncmp(rights, "rw", 2) &&
				to - from <= REGION_MAX)
			copies += copies_in((const volatile uint8_t *)from, to - from, masked[n]);
	fclose(maps);
	return copies;
}

/* --- A boot ------------------------------------------------------------------------------------- */

static struct guest_state state;
static struct security_config config;
static struct security_facts facts;
static enum get_event_log_id event;

static struct {
	int err;
	const char *what;
} opened;

static void *open_state(void *context)
{
	opened.err = security_open(&state, &state_host.client, &config, &platform, &facts, &event,
			&opened.what);
	return NULL;
}

/* On a stack of its own, which nothing writes to later: what it forgot there is found (copies_of). */
static int open_on_own_stack(void)
{
	static uint8_t stack[1u << 20] __attribute__((aligned(4096)));
	pthread_attr_t attributes;
	pthread_t thread;

	ck_assert_int_eq(pthread_attr_init(&attributes), 0);
	ck_assert_int_eq(pthread_attr_setstack(&attributes, stack, sizeof(stack)), 0);
	ck_assert_int_eq(pthread_create(&thread, &attributes, open_state, NULL), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attributes);
	return opened.err;
}

/* Boots up to where the guest would start; with `secret` it writes that. Returns security_open's. */
static int boot(const char *secret, char *found)
{
	int err;

	requests = 0;
	state_host_start(path, host_attest);
	err = open_on_own_stack();
	if (!err && found) {
		int64_t n = vmgs_read(&state.vmgs, VMGS_BIOS_NVRAM, found, 63);

		found[n > 0 ? n : 0] = 0;
	}
	if (!err && secret)
		ck_assert_int_eq(vmgs_write(&state.vmgs, VMGS_BIOS_NVRAM, secret, strlen(secret), true), 0);
	if (!err && secret) {
		remember(0, state.vmgs.metadata_key);
		remember(1, state.vmgs.extended[VMGS_BIOS_NVRAM].key);
		vmgs_read(&state.vmgs, VMGS_HW_KEY_PROTECTOR, &protector, sizeof(protector));
		ck_assert_int_eq(vmgs_read(&state.vmgs, VMGS_VM_UNIQUE_ID, vm_id, sizeof(vm_id)),
				sizeof(vm_id));
	}
	guest_state_close(&state);
	state_host_stop();
	return err;
}

static void expect_secret(const char *wanted)
{
	char found[64];

	ck_assert_int_eq(boot(NULL, found), 0);
	ck_assert_str_eq(found, wanted);
}

static uint8_t saved[STATE_FILE_BYTES];

static void copy_file(bool back)
{
	int fd = open(path, O_RDWR);

	ck_assert_int_eq(back ? pwrite(fd, saved, sizeof(saved), 0) : pread(fd, saved, sizeof(saved), 0),
		(int)sizeof(saved));
	close(fd);
}

static int get_epoch(void *context, const uint8_t id[ATTEST_ID_BYTES], uint64_t *out)
{
	*out = epoch;
	return 0;
}

static int set_epoch(void *context, const uint8_t id[ATTEST_ID_BYTES], uint64_t value)
{
	epoch = value;
	return 0;
}

static void make_key(struct platform_key *key, uint8_t seed)
{
	char pem[PLATFORM_KEY_PEM_MAKE];
	uint8_t bytes[32] = { seed };
	int size = platform_key_make(bytes, pem);

	ck_assert_int_gt(size, 0);
	ck_assert_int_eq(platform_key_read(key, pem, (size_t)size), 0);
}

static void make_broker(struct broker *b, uint8_t seed)
{
	make_key(&b->key, seed);
	b->policy.platforms[0] = platform_signer.public;
	b->policy.platform_count = b->policy.measurement_count = 1;
	memcpy(b->policy.measurements[0], identity.measurement, VBS_DIGEST_BYTES);
	memset(b->master, seed, sizeof(b->master));
	b->epochs = (struct broker_epochs){ get_epoch, set_epoch, NULL };
	b->random = take_random;
}

static void setup(void)
{
	memset(&identity, 0, sizeof(identity));
	memset(identity.measurement, 0xab, sizeof(identity.measurement));
	identity.guest_vtl = cpu_to_le32(2);
	make_key(&platform_signer, 1);
	make_broker(&broker, 2);
	make_broker(&false_broker, 3);
	config = (struct security_config){ .has_broker = true };
	broker_id(broker.key.public.modulus, config.broker);
	strcpy(path, "/tmp/vallum-security-XXXXXX");
	close(mkstemp(path));
	lie = HONEST;
	epoch = 0;
	recorded_bytes = 0;
	ck_assert_int_eq(boot("the secret", NULL), 0);
	ck_assert_uint_eq(epoch, 1);
}

static void teardown(void)
{
	unlink(path);
}

/* Refused, and nothing lost: an honest host gets the guest its secret again. */
static void refused_untouched(int expected, enum get_event_log_id wanted)
{
	ck_assert_int_eq(boot("replaced", NULL), expected);
	ck_assert_int_eq(event, wanted);
	copy_file(false);
	ck_assert_ptr_null(memmem(saved, sizeof(saved), "the secret", 10));
}

static void honest_again(void)
{
	lie = HONEST;
	alter_report = false;
	expect_secret("the secret");
}

START_TEST(what_an_isolated_guest_stores_is_there_at_its_next_boots)
{
	expect_secret("the secret");
	expect_secret("the secret");
	ck_assert_uint_eq(epoch, 3);
}
END_TEST

START_TEST(another_measurement_gets_no_key)
{
	identity.measurement[5] ^= 1;
	refused_untouched(VL_E_DENIED, GET_EVENT_KEY_NOT_RELEASED);
	identity.measurement[5] ^= 1;
	honest_again();
}
END_TEST

START_TEST(a_configuration_that_the_policy_forbids_gets_no_key)
{
	facts.debug = true;
	refused_untouched(VL_E_DENIED, GET_EVENT_KEY_NOT_RELEASED);
	facts.debug = false;
	broker.policy.secure_boot = BROKER_TRUE;
	refused_untouched(VL_E_DENIED, GET_EVENT_KEY_NOT_RELEASED);
	broker.policy.secure_boot = BROKER_ANY;
	broker.policy.min_svn = 1;
	refused_untouched(VL_E_DENIED, GET_EVENT_KEY_NOT_RELEASED);
	broker.policy.min_svn = 0;
	honest_again();
}
END_TEST

START_TEST(an_altered_report_gets_no_key)
{
	alter_report = true;
	refused_untouched(VL_E_DENIED, GET_EVENT_KEY_NOT_RELEASED);
	honest_again();
}
END_TEST

START_TEST(a_replayed_answer_is_refused)
{
	expect_secret("the secret"); /* records */
	lie = REPLAYS;
	refused_untouched(VL_E_AUTH, GET_EVENT_KEY_NOT_RELEASED);
	honest_again();
}
END_TEST

START_TEST(an_altered_answer_is_refused)
{
	lie = ALTERS_ANSWER;
	refused_untouched(VL_E_AUTH, GET_EVENT_KEY_NOT_RELEASED);
	honest_again();
}
END_TEST

START_TEST(a_host_in_the_middle_with_a_broker_of_its_own_is_refused)
{
	lie = OTHER_BROKER;
	refused_untouched(VL_E_DENIED, GET_EVENT_KEY_NOT_RELEASED);
	honest_again();
}
END_TEST

START_TEST(a_host_that_keeps_answers_back_stops_the_boot)
{
	lie = NO_ANSWER;
	refused_untouched(VL_E_MISSING, GET_EVENT_KEY_NOT_RELEASED);
	honest_again();
}
END_TEST

START_TEST(a_confirmation_that_the_broker_did_not_give_stops_the_boot)
{
	lie = CONFIRMS_ITSELF;
	refused_untouched(VL_E_RANGE, GET_EVENT_KEY_NOT_RELEASED);
	honest_again();
}
END_TEST

START_TEST(a_replayed_state_file_of_an_earlier_boot_does_not_open)
{
	copy_file(false);
	expect_secret("the secret"); /* this boot's epoch is confirmed */
	expect_secret("the secret");
	copy_file(true);
	ck_assert_int_eq(boot(NULL, NULL), VL_E_AUTH);
	ck_assert_int_eq(event, GET_EVENT_DEK_DECRYPTION_FAILED);
}
END_TEST

START_TEST(a_plain_state_with_the_guests_id_is_refused)
{
	uint8_t id[ATTEST_ID_BYTES];
	struct state_file file = { .fd = -1 };
	const struct vmgs_io io = { state_host_read, state_host_write, state_host_flush, NULL, &file,
		STATE_FILE_BYTES, 512 };
	static struct vmgs v;

	ck_assert_int_eq(state_file_open(&file, path, 0), 0);
	ck_assert_int_eq(vmgs_open(&v, &io), 0);
	ck_assert_int_eq(vmgs_read(&v, VMGS_VM_UNIQUE_ID, id, sizeof(id)), sizeof(id));
	ck_assert_int_eq(vmgs_format(&v, &io), 0);
	ck_assert_int_eq(vmgs_write(&v, VMGS_VM_UNIQUE_ID, id, sizeof(id), false), 0);
	state_file_close(&file);
	ck_assert_int_eq(boot(NULL, NULL), VL_E_AUTH);
	ck_assert_int_eq(event, GET_EVENT_DEK_DECRYPTION_FAILED);
}
END_TEST

START_TEST(sealed_to_the_measurement_the_same_image_alone_opens_it)
{
	char found[64];

	ck_assert_int_eq(truncate(path, 0), 0);
	config = (struct security_config){ .sealing = SEALING_HASH };
	ck_assert_int_eq(boot("sealed", NULL), 0);
	expect_secret("sealed");
	identity.measurement[0] ^= 1;
	ck_assert_int_eq(boot(NULL, NULL), VL_E_AUTH);
	ck_assert_int_eq(event, GET_EVENT_SEALING_FAILED);
	identity.measurement[0] ^= 1;
	config.sealing = SEALING_SIGNER;
	ck_assert_int_eq(boot(NULL, NULL), VL_E_AUTH);
	config.sealing = SEALING_NONE; /* in memory: the file is not even opened */
	ck_assert_int_eq(boot("gone", found), 0);
	ck_assert_str_eq(found, "");
	config.sealing = SEALING_HASH;
	expect_secret("sealed");
}
END_TEST

/* The state as it was when the power is cut before each write of a boot in turn; it opens afterwards. */
static void cut_boots(const char *wanted)
{
	unsigned cut;
	uint64_t before = epoch;

	copy_file(false);
	for (cut = 0; cut < 100; cut++) {
		copy_file(true);
		epoch = before;
		state_host.writes_left = cut;
		if (boot(NULL, NULL) == 0)
			break;
		state_host.writes_left = UINT_MAX;
		expect_secret(wanted);
	}
	state_host.writes_left = UINT_MAX;
	ck_assert_uint_gt(cut, 1);
	ck_assert_uint_lt(cut, 100);
}

START_TEST(a_power_cut_at_any_write_of_a_boot_leaves_a_state_that_opens)
{
	cut_boots("the secret"); /* to the next epoch's key */
	ck_assert_int_eq(truncate(path, 0), 0);
	ck_assert_int_eq(truncate(path, STATE_FILE_BYTES), 0);
	epoch = 0;
	cut_boots(""); /* a new one, with a broker */
	ck_assert_int_eq(truncate(path, 0), 0);
	ck_assert_int_eq(truncate(path, STATE_FILE_BYTES), 0);
	config = (struct security_config){ .sealing = SEALING_HASH };
	cut_boots(""); /* a new one that is sealed */
}
END_TEST

START_TEST(no_key_is_left_in_memory_when_the_state_is_closed)
{
	static const char *const names[] = { "metadata key", "file's key", "key of the epoch before",
		"key of the epoch" };
	static uint8_t variable[32];
	uint8_t known[32] = "what a search is known to find.", *allocated = malloc(32);

	remember(2, known);
	memcpy(variable, known, sizeof(known));
	memcpy(allocated, known, sizeof(known));
	/* they are in memory */
	__asm__ volatile("" : : "r"(variable), "r"(allocated), "r"(known) : "memory");
	ck_assert_uint_ge(copies_of(2), 3);
	free(allocated);
	ck_assert_int_eq(boot("another secret", NULL), 0);
	remember_made(2, epoch_key, epoch - 1);
	remember_made(3, epoch_key, epoch);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_msg(copies_of(i) == 0, "%u of the %s", copies_of(i), names[i]);
	config = (struct security_config){ .sealing = SEALING_HASH };
	ck_assert_int_eq(truncate(path, 0), 0);
	for (unsigned turn = 0; turn < 2; turn++) {
		ck_assert_int_eq(boot("a sealed secret", NULL), 0);
		remember_made(2, sealed_datastore_key, 0);
		for (unsigned i = 0; i < 3; i++)
			ck_assert_msg(copies_of(i) == 0, "sealed: %u of the %s", copies_of(i), names[i]);
	}
}
END_TEST

/* --- What leaves VTL2 ------------------------------------------------------------------------------ */

static char logged[1u << 16]; /* all lines of a test, each with its NUL */
static size_t logged_bytes;

static void keep_line(enum vl_log_level level, const char *line, size_t length)
{
	ck_assert_uint_lt(logged_bytes + length + 1, sizeof(logged));
	memcpy(logged + logged_bytes, line, length);
	logged_bytes += length + 1;
}

/* A third of the key in any of the ways in which bytes are written for people, or as they are. */
static bool has_part_of_key(const void *text, size_t size, unsigned n)
{
	char hex[65], upper[65], base64[ATTEST_BASE64_BYTES(32) + 1];
	uint8_t key[32];

	for (size_t i = 0; i < sizeof(key); i++) {
		key[i] = masked[n][i] ^ MASK;
		snprintf(hex + 2 * i, 3, "%02x", key[i]);
		snprintf(upper + 2 * i, 3, "%02X", key[i]);
	}
	attest_base64url(base64, key, sizeof(key));
	for (size_t at = 0; at + 10 <= sizeof(key); at++)
		if (memmem(text, size, hex + 2 * at, 20) || memmem(text, size, upper + 2 * at, 20) ||
		    memmem(text, size, base64 + at, 14) || memmem(text, size, key + at, 10))
			return true;
	return false;
}

static void expect_no_key(void)
{
	remember_made(2, epoch_key, epoch ? epoch - 1 : 0);
	remember_made(3, epoch_key, epoch);
	copy_file(false);
	for (unsigned n = 0; n < 4; n++) {
		ck_assert_msg(!has_part_of_key(logged, logged_bytes, n), "key %u is in the log", n);
		ck_assert_msg(!has_part_of_key(saved, sizeof(saved), n), "key %u is in the state file", n);
		ck_assert_msg(!has_part_of_key(recorded, recorded_bytes, n), "key %u is in an answer", n);
	}
}

START_TEST(no_key_is_in_a_log_or_in_what_the_host_has)
{
	static const enum lie lies[] = { HONEST, NO_ANSWER, ALTERS_ANSWER, REPLAYS, OTHER_BROKER,
		CONFIRMS_ITSELF };

	vl_log_init(keep_line, VL_LOG_DEBUG);
	for (size_t i = 0; i < VL_ARRAY_COUNT(lies); i++) {
		lie = lies[i];
		boot("another secret", NULL);
		expect_no_key();
	}
	config = (struct security_config){ .sealing = SEALING_HASH };
	ck_assert_int_eq(truncate(path, 0), 0);
	boot("a sealed secret", NULL);
	boot("a sealed secret", NULL);
	expect_no_key();
	/* The search finds what is there. */
	vl_info("file's key: %02x%02x%02x%02x%02x%02x%02x%02x%02x%02x", masked[1][0] ^ MASK,
		masked[1][1] ^ MASK,
		masked[1][2] ^ MASK, masked[1][3] ^ MASK, masked[1][4] ^ MASK, masked[1][5] ^ MASK,
		masked[1][6] ^ MASK, masked[1][7] ^ MASK, masked[1][8] ^ MASK, masked[1][9] ^ MASK);
	ck_assert(has_part_of_key(logged, logged_bytes, 1));
}
END_TEST

START_TEST(options_that_are_no_options_are_refused)
{
	struct security_config c;

	ck_assert_int_eq(security_config(&c, NULL, NULL), 0);
	ck_assert(!c.has_broker && c.sealing == SEALING_NONE);
	ck_assert_int_eq(security_config(&c, NULL, "signer"), 0);
	ck_assert_int_eq(c.sealing, SEALING_SIGNER);
	ck_assert_int_eq(security_config(&c, NULL, "Hash"), VL_E_FORMAT);
	ck_assert_int_eq(security_config(&c, "12", NULL), VL_E_FORMAT);
}
END_TEST

Suite *suite_security(void)
{
	Suite *s = suite_create("security");
	TCase *c = tcase_create("security");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 120);
	tcase_add_test(c, what_an_isolated_guest_stores_is_there_at_its_next_boots);
	tcase_add_test(c, another_measurement_gets_no_key);
	tcase_add_test(c, a_configuration_that_the_policy_forbids_gets_no_key);
	tcase_add_test(c, an_altered_report_gets_no_key);
	tcase_add_test(c, a_replayed_answer_is_refused);
	tcase_add_test(c, an_altered_answer_is_refused);
	tcase_add_test(c, a_host_in_the_middle_with_a_broker_of_its_own_is_refused);
	tcase_add_test(c, a_host_that_keeps_answers_back_stops_the_boot);
	tcase_add_test(c, a_confirmation_that_the_broker_did_not_give_stops_the_boot);
	tcase_add_test(c, a_replayed_state_file_of_an_earlier_boot_does_not_open);
	tcase_add_test(c, a_plain_state_with_the_guests_id_is_refused);
	tcase_add_test(c, sealed_to_the_measurement_the_same_image_alone_opens_it);
	tcase_add_test(c, a_power_cut_at_any_write_of_a_boot_leaves_a_state_that_opens);
	tcase_add_test(c, no_key_is_left_in_memory_when_the_state_is_closed);
	tcase_add_test(c, no_key_is_in_a_log_or_in_what_the_host_has);
	tcase_add_test(c, options_that_are_no_options_are_refused);
	suite_add_tcase(s, c);
	return s;
}
