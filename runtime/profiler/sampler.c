/* Perf events and their rings (sampler.h; formats: linux/perf_event.h). */
#include "runtime/profiler/sampler.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAP_BYTES (VL_PAGE_BYTES + SAMPLER_RING_BYTES)
#define SECOND_NS 1000000000u
#define HERTZ_AT_OPEN 1 /* until sampler_start() says better; the event is off */

/* Of one sample: process, thread, count, and the chain with its marks of where the kernel ends. */
struct sample_head {
	struct perf_event_header header;
	uint32_t pid, tid;
	uint64_t count;
};

#define CHAIN_MAX (STACK_FRAME_MAX + 4)
#define RECORD_MAX (sizeof(struct sample_head) + CHAIN_MAX * sizeof(uint64_t))

union record {
	struct perf_event_header header;
	struct {
		struct sample_head head;
		uint64_t chain[CHAIN_MAX];
	} sample;
	struct {
		struct perf_event_header header;
		uint64_t id, lost;
	} lost;
	uint8_t bytes[RECORD_MAX];
};

/* --- Opening ------------------------------------------------------------------------------ */

static int open_event(bool hardware, int cpu)
{
	struct perf_event_attr attr = {
		.type = hardware ? PERF_TYPE_HARDWARE : PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = hardware ? (uint64_t)PERF_COUNT_HW_CPU_CYCLES : (uint64_t)PERF_COUNT_SW_CPU_CLOCK,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_CALLCHAIN,
		.disabled = 1,
		.exclude_idle = 1,
		.freq = hardware,
		.sample_max_stack = STACK_FRAME_MAX,
	};

	/* The clock knows periods only; cycles are held to a rate by the kernel. */
	if (hardware)
		attr.sample_freq = HERTZ_AT_OPEN;
	else
		attr.sample_period = SECOND_NS / HERTZ_AT_OPEN;
	return (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static int open_error(void)
{
	switch (errno) {
	case ENOSYS:
	case ENOENT:
	case EOPNOTSUPP:
		return VL_E_UNSUPPORTED;
	case EACCES:
	case EPERM:
		return VL_E_DENIED;
	case ENOMEM:
		return VL_E_NOMEM;
	default:
		return VL_E_OS;
	}
}

static int open_cpu(struct sampler *s, int cpu)
{
	struct sampler_cpu *c = &s->cpu[s->cpu_count];
	void *map;

	c->fd = open_event(s->hardware, cpu);
	if (c->fd < 0)
		return open_error();
	map = mmap(NULL, MAP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	if (map == MAP_FAILED) {
		int err = open_error();

		close(c->fd);
		return err;
	}
	c->page = map;
	c->trend.weight = 1;
	s->cpu_count++;
	return 0;
}

static int open_all(struct sampler *s)
{
	int err = 0;

	for (int cpu = 0; cpu < SAMPLER_CPU_MAX; cpu++) {
		err = open_cpu(s, cpu);
		/* A CPU that is offline, and a number behind the last one. */
		if (err == VL_E_OS && (errno == ENODEV || errno == EINVAL) && s->cpu_count)
			err = 0;
		if (err)
			break;
	}
	if (err)
		sampler_close(s);
	return err;
}

int sampler_open(struct sampler *s)
{
	int err;

	memset(s, 0, sizeof(*s));
	s->hardware = true;
	err = open_all(s);
	if (!err)
		return 0;
	s->hardware = false;
	return open_all(s);
}

void sampler_close(struct sampler *s)
{
	for (unsigned i = 0; i < s->cpu_count; i++) {
		munmap(s->cpu[i].page, MAP_BYTES);
		close(s->cpu[i].fd);
	}
	s->cpu_count = 0;
}

/* One sample in `weight` of what was asked for. */
static int set_rate(const struct sampler *s, const struct sampler_cpu *c, uint32_t weight)
{
	uint64_t rate = s->hardware ? s->hertz : (uint64_t)SECOND_NS / s->hertz * weight;

	return ioctl(c->fd, PERF_EVENT_IOC_PERIOD, &rate) != 0 ? VL_E_OS : 0;
}

int sampler_start(struct sampler *s, unsigned hertz)
{
	s->hertz = hertz;
	for (unsigned i = 0; i < s->cpu_count; i++) {
		struct sampler_cpu *c = &s->cpu[i];

		c->trend.weight = s->hardware ? 1 : sampler_weight(SAMPLER_RARE, hertz);
		if (set_rate(s, c, c->trend.weight) || ioctl(c->fd, PERF_EVENT_IOC_ENABLE, 0) != 0)
			return VL_E_OS;
	}
	return 0;
}

uint32_t sampler_judge(struct sampler_trend *t)
{
	/* Of the samples at least half and, as others vote each other down, mostly three quarters. */
	bool monotonous = 2 * t->lead >= t->samples, unanimous = t->lead == t->samples;
	unsigned enough = t->weight == 1 ? SAMPLER_TREND_MIN :
			t->weight == SAMPLER_RARE ? SAMPLER_RARE_MIN : 1;

	if (t->samples && t->samples < enough)
		return t->weight;
	t->samples = t->lead = 0;
	if (t->weight != 1 && unanimous)
		return SAMPLER_RAREST;
	return monotonous || t->weight == SAMPLER_RAREST ? SAMPLER_RARE : 1;
}

uint32_t sampler_weight(uint32_t weight, unsigned hertz)
{
	if (weight == SAMPLER_RAREST && hertz < SAMPLER_RAREST * SAMPLER_SLOWEST_HERTZ)
		weight = SAMPLER_RARE;
	return hertz < weight * SAMPLER_SLOWEST_HERTZ ? 1 : weight;
}

/* A rate that cannot be changed stays, and so does the weight. */
static void adapt(const struct sampler *s, struct sampler_cpu *c)
{
	uint32_t weight = sampler_weight(sampler_judge(&c->trend), s->hertz);

	if (!s->hardware && weight != c->trend.weight && !set_rate(s, c, weight))
		c->trend.weight = weight;
}

static void vote(struct sampler_trend *t, uint32_t stack)
{
	t->samples++;
	/* The rarest are compared to what it was that became so rare. */
	if (!t->lead && t->weight != SAMPLER_RAREST)
		t->stack = stack;
	if (stack == t->stack && stack != STACKS_NONE)
		t->lead++;
	else if (t->lead)
		t->lead--;
}

/* --- Reading ------------------------------------------------------------------------------- */

/* Splits the chain at its marks: first the kernel's part, then the process's; both leaf first. */
static void take_sample(const union record *r, struct sampler_trend *trend, struct stacks *out)
{
	uint64_t frames[STACK_FRAME_MAX], from = PERF_CONTEXT_KERNEL;
	uint64_t count = r->sample.head.count;
	unsigned used = 0, kernel = 0;

	if (r->header.size < sizeof(r->sample.head) ||
			count > (r->header.size - sizeof(r->sample.head)) / sizeof(uint64_t)) {
		out->lost++;
		return;
	}
	for (uint64_t i = 0; i < count; i++) {
		uint64_t ip = r->sample.chain[i];

		if (ip >= PERF_CONTEXT_MAX) {
			from = ip;
			continue;
		}
		if (used == STACK_FRAME_MAX || (from == PERF_CONTEXT_KERNEL && kernel != used))
			break;
		frames[used++] = ip;
		kernel += from == PERF_CONTEXT_KERNEL;
	}
	vote(trend, stacks_add(out, r->sample.head.pid, frames, used, kernel, trend->weight));
}

static void take_record(const union record *r, struct sampler_trend *trend, struct stacks *out)
{
	if (r->header.type == PERF_RECORD_SAMPLE)
		take_sample(r, trend, out);
	else if (r->header.type == PERF_RECORD_LOST && r->header.size >= sizeof(r->lost))
		out->lost += (uint32_t)r->lost.lost;
}

static void copy_out(void *to, const uint8_t *ring, size_t ring_bytes, uint64_t at, size_t bytes)
{
	size_t offset = at % ring_bytes, first = ring_bytes - offset;

	if (first > bytes)
		first = bytes;
	memcpy(to, ring + offset, first);
	memcpy((uint8_t *)to + first, ring, bytes - first);
}

uint64_t sampler_records(const uint8_t *ring, size_t ring_bytes, uint64_t tail, uint64_t head,
	struct sampler_trend *trend, struct stacks *out)
{
	while (head - tail >= sizeof(struct perf_event_header)) {
		union record r;

		copy_out(&r, ring, ring_bytes, tail, sizeof(r.header));
		if (r.header.size < sizeof(r.header) || r.header.size > head - tail)
			return head;
		if (r.header.size <= sizeof(r)) {
			copy_out(&r, ring, ring_bytes, tail, r.header.size);
			take_record(&r, trend, out);
		} else if (r.header.type == PERF_RECORD_SAMPLE) {
			out->lost++;
		}
		tail += r.header.size;
	}
	return tail;
}

void sampler_drain(struct sampler *s, struct stacks *out)
{
	for (unsigned i = 0; i < s->cpu_count; i++) {
		struct perf_event_mmap_page *page = s->cpu[i].page;
		/* The kernel writes the records before it moves the head. */
		uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
		uint64_t tail = sampler_records((const uint8_t *)page + VL_PAGE_BYTES, SAMPLER_RING_BYTES,
			page->data_tail, head, &s->cpu[i].trend, out);

		__atomic_store_n(&page->data_tail, tail, __ATOMIC_RELEASE);
		adapt(s, &s->cpu[i]);
	}
}
