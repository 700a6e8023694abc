/*
 * VTL2's synthetic interrupt controller (TLFS 11): message and event flag
 * pages in guest memory, queueing, end of message. Posts come from any thread,
 * register accesses from the VP's own. The pages are the guest's: their
 * addresses are checked at each use, their content is not believed.
 */
#include "tools/host/port.h"

#include <string.h>

void synic_init(struct synic *s)
{
	unsigned i;

	*s = (struct synic){ .queue_count = 0 };
	for (i = 0; i < HV_SINT_COUNT; i++)
		s->sint[i] = HV_SINT_MASKED; /* reset value, TLFS 11.8.4 */
	pthread_mutex_init(&s->lock, NULL);
}

static void *page_of(struct host *h, uint64_t reg, size_t offset, size_t size)
{
	uint64_t page = vl_align_down(reg, VL_PAGE_BYTES);

	return reg & HV_SYNIC_ENABLE ? host_memory_map(h, gpa(page + offset), size) : NULL;
}

static void raise_sint(struct host_vp *vp, unsigned sint)
{
	uint64_t value = vp->synic.sint[sint];

	if (!(value & (HV_SINT_MASKED | HV_SINT_POLLING)))
		port_vtl2_interrupt(vp, (unsigned)(value & HV_SINT_VECTOR_MASK), value & HV_SINT_AUTO_EOI);
}

/*
 * True when the slot is empty; else flags it. The guest clears the type, then
 * looks at the flag and writes EOM if it is set: so look again after flagging.
 */
static bool slot_empty(void *slot)
{
	uint32_t *type = slot; /* first member of struct hv_message */
	uint8_t *flags = (uint8_t *)slot + offsetof(struct hv_message, flags);

	if (__atomic_load_n(type, __ATOMIC_ACQUIRE) == HV_MESSAGE_NONE)
		return true;
	__atomic_fetch_or(flags, HV_MESSAGE_FLAG_PENDING, __ATOMIC_SEQ_CST);
	return __atomic_load_n(type, __ATOMIC_SEQ_CST) == HV_MESSAGE_NONE;
}

/* Puts the message into its slot; false when the slot is full or there is none. */
static bool deliver(struct host_vp *vp, unsigned sint, const struct hv_message *message)
{
	void *slot = page_of(vp->host, vp->synic.simp, sint * HV_MESSAGE_BYTES, HV_MESSAGE_BYTES);
	uint32_t *type = slot;

	if (!slot || !slot_empty(slot))
		return false;
	memcpy((uint8_t *)slot + sizeof(*type), (const uint8_t *)message + sizeof(*type),
		HV_MESSAGE_BYTES - sizeof(*type));
	__atomic_store_n(type, le32_to_cpu(message->type), __ATOMIC_RELEASE);
	raise_sint(vp, sint);
	return true;
}

/* Delivers what fits, oldest first, at most one per SINT since a delivery fills its slot. */
static void flush(struct host_vp *vp)
{
	struct synic *s = &vp->synic;
	uint32_t blocked = 0;
	unsigned i, kept = 0;

	for (i = 0; i < s->queue_count; i++) {
		unsigned sint = s->queue[i].sint;
		uint32_t bit = 1u << sint;

		if (!(blocked & bit) && !(s->sint[sint] & HV_SINT_MASKED) &&
				deliver(vp, sint, &s->queue[i].message))
			continue;
		blocked |= bit;
		if (kept != i)
			s->queue[kept] = s->queue[i];
		kept++;
	}
	s->queue_count = kept;
}

int synic_post_message(struct host *h, unsigned vp_index, unsigned sint, uint32_t type, const void *payload,
		size_t size)
{
	struct host_vp *vp;
	struct synic *s;
	struct hv_message *m;
	int err = 0;

	if (vp_index >= h->config.vp_count || sint >= HV_SINT_COUNT || size > HV_MESSAGE_PAYLOAD_BYTES)
		return VL_E_RANGE;
	vp = &h->vp[vp_index];
	s = &vp->synic;
	pthread_mutex_lock(&s->lock);
	if (!(s->scontrol & HV_SYNIC_ENABLE) || !(s->simp & HV_SYNIC_ENABLE)) {
		err = VL_E_STATE;
	} else if (s->queue_count == SYNIC_QUEUE_MAX) {
		err = VL_E_NOSPACE;
	} else {
		s->queue[s->queue_count].sint = sint;
		m = &s->queue[s->queue_count++].message;
		*m = (struct hv_message){ .type = cpu_to_le32(type), .payload_size = (uint8_t)size };
		memcpy(m->payload, payload, size);
		flush(vp);
	}
	pthread_mutex_unlock(&s->lock);
	return err;
}

int synic_signal_event(struct host *h, unsigned vp_index, unsigned sint, unsigned flag)
{
	struct host_vp *vp;
	struct synic *s;
	uint8_t *flags, bit = (uint8_t)(1u << (flag % 8));
	int err = 0;

	if (vp_index >= h->config.vp_count || sint >= HV_SINT_COUNT || flag >= SYNIC_EVENT_FLAGS)
		return VL_E_RANGE;
	vp = &h->vp[vp_index];
	s = &vp->synic;
	pthread_mutex_lock(&s->lock);
	flags = s->scontrol & HV_SYNIC_ENABLE ?
		page_of(h, s->siefp, sint * HV_EVENT_FLAGS_BYTES, HV_EVENT_FLAGS_BYTES) : NULL;
	if (!flags)
		err = VL_E_STATE;
	else if (!(__atomic_fetch_or(&flags[flag / 8], bit, __ATOMIC_SEQ_CST) & bit))
		raise_sint(vp, sint);
	pthread_mutex_unlock(&s->lock);
	return err;
}

static bool sint_waiting(struct host_vp *vp, unsigned sint)
{
	/* The type is a message's first member. */
	const uint32_t *type = page_of(vp->host, vp->synic.simp, sint * HV_MESSAGE_BYTES, HV_MESSAGE_BYTES);
	const uint64_t *flags = page_of(vp->host, vp->synic.siefp, sint * HV_EVENT_FLAGS_BYTES,
			HV_EVENT_FLAGS_BYTES);
	uint64_t seen = 0;

	for (unsigned i = 0; flags && i < HV_EVENT_FLAGS_BYTES / sizeof(*flags); i++)
		seen |= __atomic_load_n(&flags[i], __ATOMIC_RELAXED);
	return seen || (type && __atomic_load_n(type, __ATOMIC_RELAXED));
}

bool synic_waiting(struct host_vp *vp, unsigned vector)
{
	struct synic *s = &vp->synic;
	bool waiting = false;

	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < HV_SINT_COUNT && (s->scontrol & HV_SYNIC_ENABLE); i++)
		if (!(s->sint[i] & (HV_SINT_MASKED | HV_SINT_POLLING)) &&
				(s->sint[i] & HV_SINT_VECTOR_MASK) == vector)
			waiting |= sint_waiting(vp, i);
	pthread_mutex_unlock(&s->lock);
	return waiting;
}

uint16_t synic_register_get(struct host_vp *vp, uint32_t name, uint64_t *value)
{
	struct synic *s = &vp->synic;
	uint16_t status = HV_STATUS_SUCCESS;

	pthread_mutex_lock(&s->lock);
	if (name >= HV_REG_SINT0 && name < HV_REG_SINT0 + HV_SINT_COUNT)
		*value = s->sint[name - HV_REG_SINT0];
	else if (name == HV_REG_SCONTROL)
		*value = s->scontrol;
	else if (name == HV_REG_SVERSION)
		*value = 1;
	else if (name == HV_REG_SIEFP)
		*value = s->siefp;
	else if (name == HV_REG_SIMP)
		*value = s->simp;
	else if (name == HV_REG_EOM)
		*value = 0;
	else
		status = HV_STATUS_INVALID_PARAMETER;
	pthread_mutex_unlock(&s->lock);
	return status;
}

uint16_t synic_register_set(struct host_vp *vp, uint32_t name, uint64_t value)
{
	struct synic *s = &vp->synic;
	uint16_t status = HV_STATUS_SUCCESS;

	pthread_mutex_lock(&s->lock);
	if (name >= HV_REG_SINT0 && name < HV_REG_SINT0 + HV_SINT_COUNT)
		s->sint[name - HV_REG_SINT0] = value;
	else if (name == HV_REG_SCONTROL)
		s->scontrol = value;
	else if (name == HV_REG_SIEFP)
		s->siefp = value;
	else if (name == HV_REG_SIMP)
		s->simp = value;
	else if (name != HV_REG_EOM)
		status = HV_STATUS_INVALID_PARAMETER;
	if (s->scontrol & HV_SYNIC_ENABLE)
		flush(vp); /* EOM, or a SINT that is no longer masked */
	pthread_mutex_unlock(&s->lock);
	return status;
}
