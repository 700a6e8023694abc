/*
 * acpi_tpm.h. The method _DSM is the one of the TCG PC Client Physical Presence
 * Interface 1.30, section 5: it turns each function into accesses to the two
 * registers of runtime/vtpm/ppi.h.
 */
#include "ports/x86_64/vm/acpi_tpm.h"
#include "ports/x86_64/vm/aml.h"
#include "ports/x86_64/vm/x86.h"
#include "runtime/vtpm/ppi.h"

#define START_METHOD_CRB 7u
#define CRB_CONTROL_AREA 0x40u
#define PLATFORM_CLASS_CLIENT 0u

/* Functions of _DSM. */
enum {
	FN_LIST = 0,
	FN_VERSION = 1,
	FN_SUBMIT = 2,
	FN_PENDING = 3,
	FN_TRANSITION = 4,
	FN_LAST = 5,
	FN_LANGUAGE = 6,
	FN_SUBMIT_WITH_ARGUMENT = 7,
	FN_CONFIRMATION = 8,
	FN_COUNT
};
enum { TRANSITION_REBOOT = 2, LANGUAGE_NOT_IMPLEMENTED = 3 };

#define CONTROL "PPIC"
#define DATA "PPID"

/* 3dddfaa6-361b-4eb4-a424-8d10089d1653 as a buffer has it. */
static const uint8_t ppi_uuid[16] = {
	0xa6, 0xfa, 0xdd, 0x3d, 0x1b, 0x36, 0xb4, 0x4e, 0xa4, 0x24, 0x8d, 0x10, 0x08, 0x9d, 0x16, 0x53,
};

static void select_register(struct vl_writer *w, enum ppi_control number)
{
	aml_op(w, AML_STORE);
	aml_integer(w, number);
	aml_ref(w, CONTROL);
}

static void return_integer(struct vl_writer *w, uint64_t value)
{
	aml_op(w, AML_RETURN);
	aml_integer(w, value);
}

static void return_data(struct vl_writer *w)
{
	aml_op(w, AML_RETURN);
	aml_ref(w, DATA);
}

/* Element `index` of the caller's package (argument 3) into DATA. */
static void store_argument(struct vl_writer *w, unsigned index)
{
	aml_op(w, AML_STORE);
	aml_op(w, AML_DEREF_OF);
	aml_op(w, AML_INDEX);
	aml_op(w, AML_ARG0 + 3);
	aml_integer(w, index);
	aml_op(w, AML_NOWHERE);
	aml_ref(w, DATA);
}

/* If (function == number) */
static aml_mark function(struct vl_writer *w, unsigned number)
{
	aml_mark mark = aml_if(w);

	aml_op(w, AML_EQUAL);
	aml_op(w, AML_ARG0 + 2);
	aml_integer(w, number);
	return mark;
}

/* A package of `count` integers into local 0, all 0. */
static void new_package(struct vl_writer *w, unsigned count)
{
	aml_mark package;

	aml_op(w, AML_STORE);
	package = aml_package(w, count);
	for (unsigned i = 0; i < count; i++)
		aml_integer(w, 0);
	aml_end(w, package);
	aml_op(w, AML_LOCAL0);
}

static void fill_package(struct vl_writer *w, unsigned index, enum ppi_control from)
{
	select_register(w, from);
	aml_op(w, AML_STORE);
	aml_ref(w, DATA);
	aml_op(w, AML_INDEX);
	aml_op(w, AML_LOCAL0);
	aml_integer(w, index);
	aml_op(w, AML_NOWHERE);
}

static void return_package(struct vl_writer *w)
{
	aml_op(w, AML_RETURN);
	aml_op(w, AML_LOCAL0);
}

/* Revision 1 knows no argument of the pending operation. */
static void pending(struct vl_writer *w)
{
	aml_mark fn = function(w, FN_PENDING), old = aml_if(w);

	aml_op(w, AML_LESS);
	aml_op(w, AML_ARG0 + 1);
	aml_integer(w, 2);
	new_package(w, 2);
	fill_package(w, 1, PPI_PENDING);
	return_package(w);
	aml_end(w, old);
	new_package(w, 3);
	fill_package(w, 1, PPI_PENDING);
	fill_package(w, 2, PPI_PENDING_ARGUMENT);
	return_package(w);
	aml_end(w, fn);
}

static void last(struct vl_writer *w)
{
	aml_mark fn = function(w, FN_LAST);

	new_package(w, 3);
	fill_package(w, 1, PPI_LAST);
	fill_package(w, 2, PPI_LAST_RESPONSE);
	return_package(w);
	aml_end(w, fn);
}

static void submit(struct vl_writer *w, unsigned number)
{
	aml_mark fn = function(w, number), argument;

	if (number == FN_SUBMIT_WITH_ARGUMENT) {
		argument = aml_if(w);
		aml_op(w, AML_GREATER);
		aml_op(w, AML_SIZE_OF);
		aml_op(w, AML_ARG0 + 3);
		aml_integer(w, 1);
		select_register(w, PPI_ARGUMENT);
		store_argument(w, 1);
		aml_end(w, argument);
	}
	select_register(w, PPI_REQUEST);
	store_argument(w, 0);
	return_data(w);
	aml_end(w, fn);
}

static void constants(struct vl_writer *w)
{
	static const uint8_t list[2] = { 0xff, 0x01 }; /* all of FN_COUNT */
	aml_mark fn = function(w, FN_LIST);

	aml_op(w, AML_RETURN);
	aml_buffer(w, list, sizeof(list));
	aml_end(w, fn);
	fn = function(w, FN_VERSION);
	aml_op(w, AML_RETURN);
	aml_string(w, "1.3");
	aml_end(w, fn);
	fn = function(w, FN_TRANSITION);
	return_integer(w, TRANSITION_REBOOT);
	aml_end(w, fn);
	fn = function(w, FN_LANGUAGE);
	return_integer(w, LANGUAGE_NOT_IMPLEMENTED);
	aml_end(w, fn);
}

static void dsm(struct vl_writer *w)
{
	static const uint8_t none[1];
	aml_mark method = aml_method(w, "_DSM", 4), ours = aml_if(w), fn;

	aml_op(w, AML_EQUAL);
	aml_op(w, AML_ARG0);
	aml_buffer(w, ppi_uuid, sizeof(ppi_uuid));
	constants(w);
	submit(w, FN_SUBMIT);
	submit(w, FN_SUBMIT_WITH_ARGUMENT);
	pending(w);
	last(w);
	fn = function(w, FN_CONFIRMATION);
	select_register(w, PPI_CONFIRMATION);
	store_argument(w, 0);
	return_data(w);
	aml_end(w, fn);
	aml_end(w, ours);
	aml_op(w, AML_RETURN);
	aml_buffer(w, none, sizeof(none));
	aml_end(w, method);
}

void acpi_tpm_device(struct vl_writer *w)
{
	static const char *const fields[2] = { CONTROL, DATA };
	aml_mark device = aml_device(w, "TPM_"), resources;

	aml_name(w, "_HID");
	aml_string(w, "MSFT0101");
	aml_name(w, "_STA");
	aml_integer(w, 0xf);
	aml_name(w, "_CRS");
	resources = aml_resources(w);
	aml_memory_fixed(w, MACHINE_TPM_BASE, VTPM_REGION_TPM_BYTES);
	aml_resources_end(w, resources);
	aml_port_region(w, "PPIR", MACHINE_TPM_PPI_PORT, VTPM_REGION_PPI_BYTES);
	aml_port_fields(w, "PPIR", fields, VL_ARRAY_COUNT(fields));
	dsm(w);
	aml_end(w, device);
}

void acpi_tpm2_body(struct vl_writer *w, const struct vm *vm)
{
	vl_write_le16(w, PLATFORM_CLASS_CLIENT);
	vl_write_le16(w, 0);
	vl_write_le64(w, MACHINE_TPM_BASE + CRB_CONTROL_AREA);
	vl_write_le32(w, START_METHOD_CRB);
	vl_write_zeros(w, 12); /* parameters of other start methods */
	vl_write_le32(w, vm->tpm.log_bytes);
	vl_write_le64(w, MACHINE_TPM_LOG_BASE);
}
