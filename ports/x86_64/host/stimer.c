/*
 * VTL2's synthetic timers (TLFS 12): four per VP, one-shot or periodic, by a
 * message or straight to a vector. One POSIX timer per VP, aimed at the
 * VP's thread, stands for the earliest; its signal is blocked outside KVM_RUN
 * and waits there, so no expiry is lost between a check and the entry.
 */
#include "ports/x86_64/host/x86.h"

#define ENABLED (1ull << 0)
#define PERIODIC (1ull << 1)
#define AUTO_ENABLE (1ull << 3)
#define DIRECT (1ull << 12)
#define VECTOR(config) ((unsigned)((config) >> 4) & 0xff)
#define SINT(config) ((unsigned)((config) >> 16) & 0xf)
#define NS_PER_TICK 100ull
#define WAIT_MAX_TICKS 36000000000ull /* one hour; it is polled again then */

/* TLFS HV_TIMER_MESSAGE_PAYLOAD */
struct timer_payload {
	le32 index, reserved;
	le64 expiry, delivery;
} VL_PACKED;

static void arm(struct port_vp *p, struct x86_stimer *t)
{
	uint64_t now = host_reference_time(p->vp->host);

	t->message_pending = false;
	t->expiry = 0;
	if (!(t->config & ENABLED) || !t->count)
		return;
	t->expiry = t->config & PERIODIC ? now + t->count : t->count;
}

bool x86_stimer_read(struct port_vp *p, uint32_t msr, uint64_t *value)
{
	unsigned offset = msr - HV_X64_MSR_STIMER0_CONFIG;
	const struct x86_stimer *t = &p->stimer[offset / 2];

	*value = offset & 1 ? t->count : t->config;
	return true;
}

bool x86_stimer_write(struct port_vp *p, uint32_t msr, uint64_t value)
{
	unsigned offset = msr - HV_X64_MSR_STIMER0_CONFIG;
	struct x86_stimer *t = &p->stimer[offset / 2];

	if (!(offset & 1)) {
		/* In message mode SINT 0 cannot be a timer's (TLFS 12.3.1). */
		t->config = value & DIRECT || SINT(value) ? value : value & ~ENABLED;
	} else {
		t->count = value;
		if (!value)
			t->config &= ~ENABLED;
		else if (t->config & AUTO_ENABLE)
			t->config |= ENABLED;
	}
	arm(p, t);
	x86_stimer_poll(p);
	return true;
}

static bool fire(struct port_vp *p, unsigned index, struct x86_stimer *t, uint64_t now)
{
	struct timer_payload payload = { cpu_to_le32(index), cpu_to_le32(0), cpu_to_le64(t->expiry),
			cpu_to_le64(now) };

	if (t->config & DIRECT) {
		x86_apic_raise(&p->apic, VECTOR(t->config), false);
		return true;
	}
	return synic_post_message(p->vp->host, p->vp->index, SINT(t->config), HV_MESSAGE_TIMER_EXPIRED,
			&payload,
			sizeof(payload)) != VL_E_NOSPACE;
}

static void expire(struct port_vp *p, unsigned index, uint64_t now)
{
	struct x86_stimer *t = &p->stimer[index];

	if (!fire(p, index, t, now)) {
		t->expiry = now + 10000; /* the queue is full: 1 ms later */
		return;
	}
	if (t->config & PERIODIC) {
		/* Missed periods are skipped, as the TLFS allows for a VP that did not run. */
		t->expiry += (now - t->expiry) / t->count * t->count + t->count;
		return;
	}
	t->expiry = 0;
	t->config &= ~ENABLED;
}

static void set_timer(struct port_vp *p, uint64_t earliest, uint64_t now)
{
	struct itimerspec spec = { .it_value = { 0, 0 } };
	uint64_t wait;

	if (earliest == p->timer_expiry)
		return;
	if (earliest) {
		wait = earliest > now ? earliest - now : 1;
		wait = (wait < WAIT_MAX_TICKS ? wait : WAIT_MAX_TICKS) * NS_PER_TICK;
		spec.it_value.tv_sec = (time_t)(wait / 1000000000u);
		spec.it_value.tv_nsec = (long)(wait % 1000000000u);
	}
	p->timer_expiry = earliest;
	if (timer_settime(p->timer, 0, &spec, NULL))
		host_end(p->vp->host, HOST_END_ERROR, "cannot set the timer of VP %u", p->vp->index);
}

void x86_stimer_poll(struct port_vp *p)
{
	uint64_t now, earliest = 0;
	unsigned i;

	if (!p->stimer[0].expiry && !p->stimer[1].expiry && !p->stimer[2].expiry && !p->stimer[3].expiry &&
	    !p->timer_expiry)
		return;
	now = host_reference_time(p->vp->host);
	if (p->timer_expiry && now >= p->timer_expiry)
		p->timer_expiry = ~0ull; /* has rung, or is about to: set anew in any case */
	for (i = 0; i < X86_STIMER_COUNT; i++) {
		struct x86_stimer *t = &p->stimer[i];

		if (t->expiry && t->expiry <= now)
			expire(p, i, now);
		if (t->expiry && (!earliest || t->expiry < earliest))
			earliest = t->expiry;
	}
	set_timer(p, earliest, now);
}
