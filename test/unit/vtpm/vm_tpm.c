/* Unit tests of what the VM worker measures into the TPM before the guest runs (runtime/vm/tpm.c). */
#include "runtime/vm/vm.h"
#include "test/unit/vtpm/vtpm_rig.h"

#include <bearssl.h>

Suite *suite_vm_tpm(void);

static struct vm vm;
static struct control_config config;
static uint8_t ram[0x10000];
static char reason[CONTROL_TEXT_MAX];

static void setup(const struct dev_model *model, void *dev)
{
	memset(&vm, 0, sizeof(vm));
	memset(&config, 0, sizeof(config));
	for (size_t i = 0; i < sizeof(ram); i++)
		ram[i] = (uint8_t)(i * 7 + (i >> 8));
	vm.config = &config;
	vm.instance[0] = (struct dev_instance){ "vtpm", model, dev };
	vm.device[0].instance = &vm.instance[0];
	vm.tpm.device = &vm.device[0];
	config.kernel = (struct control_blob){ 0x1000, 0x2345 };
	config.initrd = (struct control_blob){ 0x8000, 0x1001 };
	strcpy(config.command_line, "console=ttyS0 quiet");
	memset(config.image_digest, 0x77, 32);
	config.image_digest_bytes = 32;
	ck_assert_int_eq(guest_memory_add(&vm.memory, gpa(0), sizeof(ram), ram), 0);
}

/* The log has this digest of SHA-256 somewhere behind its header. */
static bool logged(const void *data, size_t size)
{
	br_sha256_context sha;
	uint8_t want[32];

	br_sha256_init(&sha);
	br_sha256_update(&sha, data, size);
	br_sha256_out(&sha, want);
	return memmem(vm.tpm.log, vm.tpm.log_bytes, want, sizeof(want)) != NULL;
}

START_TEST(the_log_has_what_the_guest_was_started_from)
{
	struct rig *r = rig_open(VTPM_FIFO, false);

	setup(&vtpm_model, &r->v);
	ck_assert_int_eq(vm_tpm_measure(&vm, reason), 0);
	ck_assert(logged(ram + 0x1000, 0x2345));
	ck_assert(logged(ram + 0x8000, 0x1001));
	ck_assert(logged("console=ttyS0 quiet", 19));
	ck_assert(logged(config.image_digest, 32));
	ck_assert(logged("Vallum test", 12));
	ck_assert(!logged(ram + 0x1000, 0x2344));
	ck_assert_ptr_nonnull(memmem(vm.tpm.log, vm.tpm.log_bytes, "console=ttyS0 quiet", 20));
	ck_assert_uint_eq(r->v.finished, 1);
	rig_close(r);
}
END_TEST

START_TEST(a_tpm_that_cannot_be_switched_on_keeps_the_guest_from_starting_and_says_why)
{
	struct rig *r = rig_open(VTPM_FIFO, false);

	setup(&vtpm_model, &r->v);
	r->read_error = VL_E_AUTH;
	ck_assert_int_eq(vm_tpm_measure(&vm, reason), VL_E_AUTH);
	ck_assert_ptr_nonnull(strstr(reason, "virtual TPM"));
	ck_assert_ptr_nonnull(strstr(reason, vl_err_text(VL_E_AUTH)));
	rig_close(r);
}
END_TEST

START_TEST(a_file_outside_memory_is_refused)
{
	struct rig *r = rig_open(VTPM_FIFO, false);

	setup(&vtpm_model, &r->v);
	config.initrd.base = sizeof(ram) - 1;
	ck_assert_int_eq(vm_tpm_measure(&vm, reason), VL_E_RANGE);
	rig_close(r);
}
END_TEST

START_TEST(a_machine_without_a_tpm_measures_nothing)
{
	setup(NULL, NULL);
	vm.tpm.device = NULL;
	ck_assert_int_eq(vm_tpm_measure(&vm, reason), 0);
	ck_assert_uint_eq(vm.tpm.log_bytes, 0);
}
END_TEST

/* A worker that says what it likes. */
static uint64_t lie(void *dev, unsigned id, uint64_t offset, unsigned size)
{
	return offset == offsetof(struct vtpm_boot, log_bytes) ? *(const uint32_t *)dev : 0;
}
static uint64_t lie_about_errors(void *dev, unsigned id, uint64_t offset, unsigned size)
{
	return 12345;
}
static void ignore(void *dev, unsigned id, uint64_t offset, unsigned size, uint64_t value) { }

START_TEST(a_tpm_that_lies_is_caught)
{
	static const struct dev_model liar = { .name = "liar", .read = lie, .write = ignore };
	static const struct dev_model failing = { .name = "liar", .read = lie_about_errors, .write = ignore };
	uint32_t log_bytes = VTPM_BOOT_LOG_MAX + 1;

	setup(&liar, &log_bytes);
	ck_assert_int_eq(vm_tpm_measure(&vm, reason), VL_E_PROTOCOL);
	log_bytes = VTPM_BOOT_LOG_MAX;
	ck_assert_int_eq(vm_tpm_measure(&vm, reason), 0);
	log_bytes = VTPM_BOOT_LOG_MAX - 3;
	ck_assert_int_eq(vm_tpm_measure(&vm, reason), 0);
	setup(&failing, NULL);
	ck_assert_int_eq(vm_tpm_measure(&vm, reason), VL_E_PROTOCOL);
}
END_TEST

Suite *suite_vm_tpm(void)
{
	Suite *s = suite_create("vm_tpm");
	TCase *t = tcase_create("measurements");

	tcase_add_test(t, the_log_has_what_the_guest_was_started_from);
	tcase_add_test(t, a_tpm_that_cannot_be_switched_on_keeps_the_guest_from_starting_and_says_why);
	tcase_add_test(t, a_file_outside_memory_is_refused);
	tcase_add_test(t, a_machine_without_a_tpm_measures_nothing);
	tcase_add_test(t, a_tpm_that_lies_is_caught);
	suite_add_tcase(s, t);
	return s;
}
