/*
 * The fake machine (machine.h): implements common/boot/port.h but for what the
 * port reads from and writes to device trees, which is the real port's code.
 */
#include "test/port/boot/machine.h"
#include "common/base/crc32.h"
#include "common/boot/own_memory.h"
#include "common/hv/hv.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

struct machine machine;
static jmp_buf out;

void *machine_at(uint64_t at)
{
	return machine.memory + (at - MACHINE_BASE);
}

struct shim_params *machine_params(void)
{
	return machine_at(MACHINE_PARAMS);
}

struct shim_log *machine_log(void)
{
	return machine_at(MACHINE_LOG);
}

struct imported_regions *machine_regions(void)
{
	return machine_at(MACHINE_PARAMETERS + PARAMETER_IMPORTED_REGIONS_PAGE * VL_PAGE_BYTES);
}

void *machine_host_tree(void)
{
	return machine_at(MACHINE_PARAMETERS + PARAMETER_DEVICE_TREE_PAGE * VL_PAGE_BYTES);
}

void machine_command_line(enum command_line_policy policy, const char *text)
{
	struct paravisor_command_line *line = machine_at(MACHINE_COMMAND_LINE);

	line->policy = cpu_to_le16(policy);
	line->length = cpu_to_le16((uint16_t)strlen(text));
	memcpy(line->text, text, strlen(text));
}

static le64 offset(uint64_t at)
{
	return cpu_to_le64(at - MACHINE_SHIM);
}

/* In the file the image lies at FILE_BASE. */
#define FILE_BASE 0x8000000ull

static void lay_out_regions(struct imported_regions *regions)
{
	uint64_t first = FILE_BASE + SHIM_PERSISTED_BYTES, end = FILE_BASE + (MACHINE_LOG - MACHINE_BASE);

	regions->region[0] = (struct imported_region){ .base_page = cpu_to_le64(first / VL_PAGE_BYTES),
		.page_count = cpu_to_le64((end - first) / VL_PAGE_BYTES), .accepted = 1 };
}

static void lay_out(struct shim_params *p)
{
	uint8_t *initrd = machine_at(MACHINE_INITRD);

	for (unsigned i = 0; i < MACHINE_INITRD_BYTES; i++)
		initrd[i] = (uint8_t)(i * 7);
	p->kernel_entry_offset = offset(MACHINE_KERNEL_ENTRY);
	p->cmdline_offset = offset(MACHINE_COMMAND_LINE);
	p->initrd_offset = offset(MACHINE_INITRD);
	p->initrd_size = cpu_to_le64(MACHINE_INITRD_BYTES);
	p->initrd_crc = cpu_to_le32(vl_crc32(0, initrd, MACHINE_INITRD_BYTES));
	p->supported_isolation_type = cpu_to_le32(SHIM_ISOLATION_VBS);
	p->memory_start_offset = offset(MACHINE_BASE);
	p->memory_size = cpu_to_le64(MACHINE_BYTES);
	p->parameter_region_offset = offset(MACHINE_PARAMETERS);
	p->parameter_region_size = cpu_to_le64(PARAMETER_REGION_PAGES * VL_PAGE_BYTES);
	p->used_start = offset(MACHINE_BASE);
	p->used_end = offset(MACHINE_BASE + MACHINE_BYTES - VL_PAGE_BYTES);
	p->log_buffer_start = offset(MACHINE_LOG);
	p->log_buffer_size = cpu_to_le64(SHIM_LOG_BYTES);
	p->persisted_state_region_offset = offset(MACHINE_BASE);
	p->persisted_state_region_size = cpu_to_le64(SHIM_PERSISTED_BYTES);
}

void machine_init(void)
{
	free(machine.memory);
	memset(&machine, 0, sizeof(machine));
	machine.vtl = 2;
	machine.memory = aligned_alloc(VL_PAGE_BYTES, MACHINE_BYTES);
	memset(machine.memory, 0, MACHINE_BYTES);
	lay_out(machine_params());
	lay_out_regions(machine_regions());
	machine_command_line(COMMAND_LINE_APPEND_CHOSEN, "quiet");
}

void machine_boot(void)
{
	if (setjmp(out) == 0)
		shim_main(&machine.shim, machine_params(), MACHINE_SHIM);
}

/* --- common/boot/port.h --------------------------------------------------------- */

int port_isolation(uint32_t supported, enum isolation *isolation, struct boot_error *error)
{
	*isolation = machine.isolation;
	return machine.isolation_error ? boot_fail(error, machine.isolation_error, "isolation") : 0;
}

void *boot_memory(gpa_t at, uint64_t size)
{
	if (gpa_raw(at) < MACHINE_BASE || !vl_within(gpa_raw(at) - MACHINE_BASE, size, MACHINE_BYTES))
		abort(); /* the shim left its image */
	return machine_at(gpa_raw(at));
}

uint64_t port_reference_time(void)
{
	static uint64_t now = 1000;

	return now += 500;
}

unsigned port_address_bits(void)
{
	return 40;
}

int port_hypercall_start(struct boot_error *error)
{
	return machine.no_hypervisor ? boot_fail(error, VL_E_UNSUPPORTED, "no hypervisor") : 0;
}

static uint64_t get_register(const uint8_t *input, uint8_t *output)
{
	struct hv_reg_value value = { cpu_to_le64(0), cpu_to_le64(0) };
	le32 name;

	memcpy(&name, input + sizeof(struct hv_vp_registers_header), sizeof(name));
	if (le32_to_cpu(name) == HV_REG_VSM_VP_STATUS)
		value.low = cpu_to_le64(machine.vtl | 1u << 16);
	else if (le32_to_cpu(name) == HV_REG_VSM_CAPABILITIES)
		value.low = cpu_to_le64(machine.capabilities);
	else
		return HV_RESULT(HV_STATUS_INVALID_PARAMETER, 0);
	memcpy(output, &value, sizeof(value));
	return HV_RESULT(HV_STATUS_SUCCESS, 1);
}

static uint64_t set_register(const uint8_t *input)
{
	struct hv_reg_assoc assoc;

	memcpy(&assoc, input + sizeof(struct hv_vp_registers_header), sizeof(assoc));
	if (le32_to_cpu(assoc.name) != HV_REG_VSM_PARTITION_CONFIG)
		return HV_RESULT(HV_STATUS_INVALID_PARAMETER, 0);
	machine.partition_config = le64_to_cpu(assoc.value.low);
	return HV_RESULT(HV_STATUS_SUCCESS, 1);
}

static void set_page(uint64_t page, enum machine_page state)
{
	uint64_t n = page - MACHINE_BASE / VL_PAGE_BYTES;

	if (n >= VL_ARRAY_COUNT(machine.page_state))
		machine.pages_outside++;
	else
		machine.page_state[n] = (uint8_t)state;
}

static uint64_t take_pages(uint64_t control, const uint8_t *input, enum machine_page state)
{
	unsigned count = (unsigned)(control >> HV_CONTROL_REP_COUNT_SHIFT) & HV_REP_MASK;

	for (unsigned i = 0; i < count; i++) {
		le64 page;

		memcpy(&page, input + 16 + (state == MACHINE_PAGE_PROTECTED ? 8 * i : 0), sizeof(page));
		set_page(le64_to_cpu(page) + (state == MACHINE_PAGE_PROTECTED ? 0 : i), state);
	}
	return HV_RESULT(HV_STATUS_SUCCESS, count);
}

static uint64_t get_vp_indices(uint64_t control, uint8_t *output)
{
	unsigned count = (unsigned)(control >> HV_CONTROL_REP_COUNT_SHIFT) & HV_REP_MASK;

	for (unsigned i = 0; i < count; i++) {
		le32 index = cpu_to_le32(machine.first_vp_index + machine.cpus_checked++);

		memcpy(output + 4 * i, &index, sizeof(index));
	}
	return HV_RESULT(HV_STATUS_SUCCESS, count);
}

uint64_t port_hypercall(uint64_t control, const void *input, void *output)
{
	if (machine.call_status)
		return HV_RESULT(machine.call_status, 0);
	switch (HV_CONTROL_CODE(control)) {
	case HV_CALL_GET_VP_REGISTERS: return get_register(input, output);
	case HV_CALL_SET_VP_REGISTERS: return set_register(input);
	case HV_CALL_MODIFY_VTL_PROTECTION_MASK: return take_pages(control, input, MACHINE_PAGE_PROTECTED);
	case HV_CALL_ACCEPT_GPA_PAGES: return take_pages(control, input, MACHINE_PAGE_ACCEPTED);
	case HV_CALL_GET_VP_INDEX_FROM_APIC_ID: return get_vp_indices(control, output);
	}
	return HV_RESULT(HV_STATUS_INVALID_HYPERCALL_CODE, 0);
}

int port_prepare_cpus(void *input, unsigned cpu_count, struct boot_error *error)
{
	machine.cpus_prepared = cpu_count;
	return 0;
}

void port_hypercall_stop(void)
{
	machine.hypercalls_stopped = true;
}

void port_crash(const uint64_t p[5], uint64_t control)
{
	machine.crash_reported = true;
	memcpy(machine.crash, p, sizeof(machine.crash));
	machine.crash_control = control;
}

void port_halt(void)
{
	machine.end = MACHINE_HALTED;
	longjmp(out, 1);
}

int port_prepare_handoff(const struct boot_handoff *handoff, struct boot_error *error)
{
	return 0;
}

int boot_check_stack(struct boot_error *error)
{
	return machine.stack_overrun ? boot_fail(error, VL_E_INTERNAL, "stack overrun") : 0;
}

void port_handoff(const struct boot_handoff *handoff)
{
	machine.end = MACHINE_ENTERED_KERNEL;
	longjmp(out, 1);
}
