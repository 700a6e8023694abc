/*
 * Hypercalls of VTL2 (TLFS 3): fetches the input once, runs rep calls,
 * writes the output back. Codes that only one architecture has go to
 * port_hypercall. All input is the guest's.
 */
#include "common/base/bytes.h"
#include "port/boot.h"
#include "common/hv/sealing.h"
#include "tools/host/port.h"
#include "tools/host/vbs.h"

#include <string.h>

static unsigned rep_count(uint64_t control)
{
	return (unsigned)(control >> HV_CONTROL_REP_COUNT_SHIFT) & HV_REP_MASK;
}

static unsigned rep_start(uint64_t control)
{
	return (unsigned)(control >> HV_CONTROL_REP_START_SHIFT) & HV_REP_MASK;
}

/* A parameter list must not cross a page (TLFS 3.7.3): so the rest of the page bounds it. */
static uint16_t fetch_input(struct host_vp *vp, struct host_call *c)
{
	uint64_t at = gpa_raw(c->input);
	size_t size = VL_PAGE_BYTES - (size_t)(at & (VL_PAGE_BYTES - 1));

	c->in_bytes = 0;
	if (!vl_is_aligned(at, 8))
		return HV_STATUS_INVALID_ALIGNMENT;
	if (host_memory_read(vp->host, c->input, c->in, size))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	c->in_bytes = size;
	return HV_STATUS_SUCCESS;
}

static uint16_t store_output(struct host_vp *vp, struct host_call *c)
{
	size_t room = VL_PAGE_BYTES - (size_t)(gpa_raw(c->output) & (VL_PAGE_BYTES - 1));

	if (!vl_is_aligned(gpa_raw(c->output), 8))
		return HV_STATUS_INVALID_ALIGNMENT;
	if (c->out_bytes > room || host_memory_write(vp->host, c->output, c->out, c->out_bytes))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	return HV_STATUS_SUCCESS;
}

/* Common head of Get/SetVpRegisters: whose registers. NULL: *status says why not. */
static struct host_vp *registers_target(struct host_vp *vp, const struct host_call *c, unsigned *vtl,
		uint16_t *status)
{
	struct hv_vp_registers_header head;
	struct host_vp *target;

	*status = HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (c->in_bytes < sizeof(head))
		return NULL;
	memcpy(&head, c->in, sizeof(head));
	*vtl = head.input_vtl & HV_INPUT_VTL_USE_TARGET ? head.input_vtl & HV_INPUT_VTL_MASK : HOST_VTL2;
	target = host_vp_find(vp, le32_to_cpu(head.vp_index));
	if (le64_to_cpu(head.partition_id) != HV_PARTITION_ID_SELF) {
		*status = HV_STATUS_INVALID_PARTITION_ID;
		return NULL;
	}
	if (!target) {
		*status = HV_STATUS_INVALID_VP_INDEX;
		return NULL;
	}
	/* A VP's registers belong to its own thread. */
	*status = HV_STATUS_INVALID_VP_STATE;
	return target == vp ? target : NULL;
}

static uint16_t get_registers(struct host_vp *vp, struct host_call *c, unsigned *done)
{
	unsigned count = rep_count(c->control), vtl;
	uint16_t status;
	struct host_vp *target = registers_target(vp, c, &vtl, &status);

	if (!target)
		return status;
	if (sizeof(struct hv_vp_registers_header) + count * sizeof(le32) > c->in_bytes ||
	    count * sizeof(struct hv_reg_value) > sizeof(c->out))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	for (; *done < count; ++*done) {
		struct hv_reg_value value = { 0 };
		le32 name;

		memcpy(&name, c->in + sizeof(struct hv_vp_registers_header) + *done * sizeof(name),
				sizeof(name));
		status = register_get(target, vtl, le32_to_cpu(name), &value);
		if (status != HV_STATUS_SUCCESS)
			return status;
		memcpy(c->out + *done * sizeof(value), &value, sizeof(value));
		c->out_bytes = (*done + 1) * sizeof(value);
	}
	return HV_STATUS_SUCCESS;
}

static uint16_t set_registers(struct host_vp *vp, struct host_call *c, unsigned *done)
{
	unsigned count = rep_count(c->control), vtl;
	uint16_t status;
	struct host_vp *target = registers_target(vp, c, &vtl, &status);

	if (!target)
		return status;
	if (sizeof(struct hv_vp_registers_header) + count * sizeof(struct hv_reg_assoc) > c->in_bytes)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	for (; *done < count; ++*done) {
		struct hv_reg_assoc assoc;

		memcpy(&assoc, c->in + sizeof(struct hv_vp_registers_header) + *done * sizeof(assoc),
				sizeof(assoc));
		status = register_set(target, vtl, le32_to_cpu(assoc.name), &assoc.value);
		if (status != HV_STATUS_SUCCESS)
			return status;
	}
	return HV_STATUS_SUCCESS;
}

static uint16_t post_message(struct host_vp *vp, const struct host_call *c)
{
	struct hv_input_post_message m;
	uint32_t size;

	if (c->fast || c->in_bytes < sizeof(m))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	memcpy(&m, c->in, sizeof(m));
	size = le32_to_cpu(m.payload_size);
	if (size > HV_MESSAGE_PAYLOAD_BYTES || !le32_to_cpu(m.message_type))
		return HV_STATUS_INVALID_PARAMETER;
	return vmbus_post_message(vp->host->vmbus, le32_to_cpu(m.connection_id), le32_to_cpu(m.message_type),
			m.payload,
		size);
}

static uint16_t signal_event(struct host_vp *vp, const struct host_call *c)
{
	struct vl_reader r;
	uint32_t connection;
	uint16_t flag;

	vl_reader_init(&r, c->in, c->in_bytes);
	connection = vl_read_le32(&r);
	flag = vl_read_le16(&r);
	if (r.err)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	return vmbus_signal_event(vp->host->vmbus, connection, flag);
}

/*
 * HvCallModifyVtlProtectionMask: partition u64, map flags u32, target VTL u8 in
 * hv_input_vtl form, then page numbers as reps. VTL2 restricts VTL0.
 */
static uint16_t modify_protection(struct host_vp *vp, const struct host_call *c, unsigned *done)
{
	unsigned count = rep_count(c->control);
	struct vl_reader r;
	uint32_t access;

	vl_reader_init(&r, c->in, c->in_bytes);
	if (vl_read_le64(&r) != HV_PARTITION_ID_SELF)
		return HV_STATUS_INVALID_PARTITION_ID;
	access = vl_read_le32(&r);
	/* Whatever target VTL is named, it can only be VTL0: VTL1 does not exist here. */
	vl_read_skip(&r, 4);
	vl_read_skip(&r, *done * sizeof(le64));
	if (access > 0xf || vl_reader_left(&r) < (count - *done) * sizeof(le64))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	for (; *done < count; ++*done) {
		uint64_t page = vl_read_le64(&r);
		int err = page >> (64 - VL_PAGE_SHIFT) ? VL_E_RANGE :
			memory_protect_vtl0(&vp->host->memory, gpa(page << VL_PAGE_SHIFT), access);

		/* VTL2's own pages are out of VTL0's reach whatever is asked: agreeing is the truth. */
		if (err == VL_E_RANGE && host_memory_map(vp->host, gpa(page << VL_PAGE_SHIFT),
				VL_PAGE_BYTES) &&
		    !host_memory_is_vtl0(vp->host, gpa(page << VL_PAGE_SHIFT), VL_PAGE_BYTES))
			err = 0;
		if (err)
			return err == VL_E_RANGE ? HV_STATUS_INVALID_PARAMETER :
					HV_STATUS_INSUFFICIENT_MEMORY;
	}
	return HV_STATUS_SUCCESS;
}

/*
 * HvCallAcceptGpaPages: partition u64, attributes u32, VTL permissions u32, first
 * page u64; the rep count is the number of pages. Isolation is by software here,
 * so memory is there from the start; VTL2 may take what VTL0 does not have.
 */
static uint16_t accept_pages(struct host_vp *vp, const struct host_call *c, unsigned *done)
{
	unsigned count = rep_count(c->control);
	struct vl_reader r;
	uint64_t page, at, size;

	vl_reader_init(&r, c->in, c->in_bytes);
	if (vl_read_le64(&r) != HV_PARTITION_ID_SELF)
		return HV_STATUS_INVALID_PARTITION_ID;
	vl_read_skip(&r, 8);
	page = vl_read_le64(&r);
	if (r.err || !count)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (vp->host->config.isolation == HOST_ISOLATION_NONE)
		return HV_STATUS_INVALID_PARTITION_STATE;
	if (page >> (64 - VL_PAGE_SHIFT))
		return HV_STATUS_INVALID_PARAMETER;
	at = page << VL_PAGE_SHIFT;
	size = (uint64_t)count << VL_PAGE_SHIFT;
	if (!host_memory_map(vp->host, gpa(at), size) || host_memory_is_vtl0(vp->host, gpa(at), size))
		return HV_STATUS_INVALID_PARAMETER;
	*done = count;
	return HV_STATUS_SUCCESS;
}

/*
 * Input: partition u64, target VTL u8, padding, then hardware ids as reps, as wide as
 * the architecture has them. Output: u32 each.
 */
static uint16_t index_from_hardware_id(struct host_vp *vp)
{
	struct host_call *c = &vp->call;
	unsigned i, k;
	struct vl_reader r;

	vl_reader_init(&r, c->in, c->in_bytes);
	vl_read_skip(&r, 16);
	for (i = 0; i < rep_count(c->control); i++) {
		uint64_t id = PORT_HV_CPU_ID_BYTES == 8 ? vl_read_le64(&r) : vl_read_le32(&r);
		le32 index;

		for (k = 0; k < vp->host->config.vp_count && vp->host->vp[k].hardware_id != id; k++)
			;
		if (r.err || k == vp->host->config.vp_count || (i + 1) * sizeof(index) > sizeof(c->out))
			return HV_STATUS_INVALID_PARAMETER;
		index = cpu_to_le32(k);
		memcpy(c->out + i * sizeof(index), &index, sizeof(index));
		c->out_bytes = (i + 1) * sizeof(index);
	}
	return HV_STATUS_SUCCESS;
}

static uint16_t dispatch(struct host_vp *vp, struct host_call *c, unsigned *done)
{
	unsigned code = HV_CONTROL_CODE(c->control);
	uint16_t status;

	switch (code) {
	case HV_CALL_GET_VP_REGISTERS:
		return get_registers(vp, c, done);
	case HV_CALL_SET_VP_REGISTERS:
		return set_registers(vp, c, done);
	case HV_CALL_POST_MESSAGE:
		return post_message(vp, c);
	case HV_CALL_SIGNAL_EVENT:
		return signal_event(vp, c);
	case HV_CALL_MODIFY_VTL_PROTECTION_MASK:
		return modify_protection(vp, c, done);
	case HV_CALL_ACCEPT_GPA_PAGES:
		return accept_pages(vp, c, done);
	case HV_CALL_VBS_VM_CALL_REPORT:
		return host_vbs_report(vp->host->vbs, c);
	case HV_CALL_GET_VP_INDEX_FROM_APIC_ID:
		status = index_from_hardware_id(vp);
		*done = status == HV_STATUS_SUCCESS ? rep_count(c->control) : *done;
		return status;
	case HV_CALL_VALLUM_SEALING_KEY:
		return host_vbs_sealing_key(vp->host->vbs, c);
	default:
		status = port_hypercall(vp, code);
		if (status == HV_STATUS_SUCCESS)
			*done = rep_count(c->control);
		return status;
	}
}

uint64_t hypercall_run(struct host_vp *vp)
{
	struct host_call *c = &vp->call;
	unsigned done = rep_start(c->control), count = rep_count(c->control);
	uint16_t status = HV_STATUS_SUCCESS;

	c->out_bytes = 0;
	if (done > count || (count && done == count))
		return HV_RESULT(HV_STATUS_INVALID_HYPERCALL_INPUT, 0);
	if (!c->fast)
		status = fetch_input(vp, c);
	if (status == HV_STATUS_SUCCESS)
		status = dispatch(vp, c, &done);
	if (c->out_bytes && !c->fast) {
		uint16_t stored = store_output(vp, c);

		if (status == HV_STATUS_SUCCESS)
			status = stored;
	}
	return HV_RESULT(status, done);
}
