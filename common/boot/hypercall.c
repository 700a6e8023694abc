/* The shim's hypercalls (hypercall.h). TLFS sections named at each; called before VTL2's kernel exists. */
#include "common/boot/hypercall.h"
#include "common/hv/hv.h"

#include <string.h>

static uint16_t status_of(uint64_t result)
{
	return (uint16_t)result;
}

static uint32_t reps_of(uint64_t result)
{
	return (uint32_t)(result >> HV_CONTROL_REP_COUNT_SHIFT) & HV_REP_MASK;
}

static int refused(struct boot_error *error, const char *what, uint64_t result)
{
	return boot_fail(error, VL_E_HYPERCALL, "%s: hypercall status 0x%x, %u done", what, status_of(result),
		reps_of(result));
}

/* HvCallGetVpRegisters: header, then one name per rep; one 16-byte value per rep comes back. */
int hypercall_get_register(struct hypercall_pages *pages, uint32_t name, uint64_t *value,
	struct boot_error *error)
{
	struct hv_vp_registers_header header = { cpu_to_le64(HV_PARTITION_ID_SELF),
		cpu_to_le32(HV_VP_INDEX_SELF), 0, { 0 } };
	le32 wire = cpu_to_le32(name);
	struct hv_reg_value out;
	uint64_t result;

	memcpy(pages->input, &header, sizeof(header));
	memcpy(pages->input + sizeof(header), &wire, sizeof(wire));
	result = port_hypercall(HV_CALL_GET_VP_REGISTERS | 1ull << HV_CONTROL_REP_COUNT_SHIFT, pages->input,
		pages->output);
	if (status_of(result) != HV_STATUS_SUCCESS || reps_of(result) != 1)
		return boot_fail(error, VL_E_HYPERCALL, "register 0x%x: hypercall status 0x%x", name,
			status_of(result));
	memcpy(&out, pages->output, sizeof(out));
	*value = le64_to_cpu(out.low);
	return 0;
}

/* HvCallSetVpRegisters: header, then one association per rep. */
int hypercall_set_register(struct hypercall_pages *pages, uint32_t name, uint64_t value,
	struct boot_error *error)
{
	struct hv_vp_registers_header header = { cpu_to_le64(HV_PARTITION_ID_SELF),
		cpu_to_le32(HV_VP_INDEX_SELF), 0, { 0 } };
	struct hv_reg_assoc assoc = { .name = cpu_to_le32(name), .value.low = cpu_to_le64(value) };
	uint64_t result;

	memcpy(pages->input, &header, sizeof(header));
	memcpy(pages->input + sizeof(header), &assoc, sizeof(assoc));
	result = port_hypercall(HV_CALL_SET_VP_REGISTERS | 1ull << HV_CONTROL_REP_COUNT_SHIFT, pages->input,
		NULL);
	if (status_of(result) != HV_STATUS_SUCCESS || reps_of(result) != 1)
		return boot_fail(error, VL_E_HYPERCALL, "setting register 0x%x: hypercall status 0x%x", name,
			status_of(result));
	return 0;
}

/* Input of HvCallGetVpIndexFromApicId; the ids of the CPUs follow, a u32 index per id comes back. */
struct index_header {
	le64 partition_id;
	uint8_t target_vtl;
	uint8_t reserved[7];
} VL_PACKED;

#define CPUS_PER_CALL 256u /* fits both pages for ids of 4 and of 8 bytes */

static int check_batch(struct hypercall_pages *pages, const struct host_dt *host, unsigned first,
	unsigned count, struct boot_error *error)
{
	struct index_header header = { cpu_to_le64(HV_PARTITION_ID_SELF), 0, { 0 } };
	uint64_t result;

	memcpy(pages->input, &header, sizeof(header));
	for (unsigned i = 0; i < count; i++) {
		le64 id = cpu_to_le64(host->cpu[first + i].reg);

		memcpy(pages->input + sizeof(header) + i * PORT_HV_CPU_ID_BYTES, &id, PORT_HV_CPU_ID_BYTES);
	}
	result =
		port_hypercall(HV_CALL_GET_VP_INDEX_FROM_APIC_ID |
		(uint64_t)count << HV_CONTROL_REP_COUNT_SHIFT, pages->input, pages->output);
	if (status_of(result) != HV_STATUS_SUCCESS || reps_of(result) != count)
		return refused(error, "VP indices of the CPUs", result);
	for (unsigned i = 0; i < count; i++) {
		le32 wire;

		memcpy(&wire, pages->output + 4 * i, sizeof(wire));
		if (le32_to_cpu(wire) != first + i)
			return boot_fail(error, VL_E_RANGE,
				"host device tree: CPU %u (reg 0x%llx) is VP %u of the hypervisor; list the "
				"CPUs in VP order",
				first + i, (unsigned long long)host->cpu[first + i].reg, le32_to_cpu(wire));
	}
	return 0;
}

int hypercall_check_cpus(struct hypercall_pages *pages, const struct host_dt *host, struct boot_error *error)
{
	for (unsigned first = 0; first < host->cpu_count; first += CPUS_PER_CALL) {
		unsigned left = host->cpu_count - first;
		int err = check_batch(pages, host, first, left < CPUS_PER_CALL ? left : CPUS_PER_CALL, error);

		if (err)
			return err;
	}
	return 0;
}
