/* The set of call stacks (stacks.h): a hash table with open addressing. */
#include "runtime/profiler/stacks.h"

#include <string.h>

static uint32_t hash(uint32_t pid, const uint64_t *frames, unsigned count)
{
	uint64_t h = 0xcbf29ce484222325u ^ pid;

	for (unsigned i = 0; i < count; i++)
		h = (h ^ frames[i]) * 0x9e3779b97f4a7c15u, h ^= h >> 29;
	return (uint32_t)(h ^ h >> 32);
}

static bool same(const struct stacks *s, const struct stack *e, const struct stack *wanted,
	const uint64_t *frames)
{
	return e->pid == wanted->pid && e->frame_count == wanted->frame_count &&
		e->kernel_count == wanted->kernel_count &&
		!memcmp(s->frames + e->first, frames, wanted->frame_count * sizeof(frames[0]));
}

static uint32_t insert(struct stacks *s, uint32_t slot, struct stack e, const uint64_t *frames)
{
	if (s->count == STACKS_MAX || e.frame_count > STACKS_FRAMES_MAX - s->frame_count) {
		s->lost++;
		return STACKS_NONE;
	}
	e.first = s->frame_count;
	memcpy(s->frames + e.first, frames, e.frame_count * sizeof(frames[0]));
	s->frame_count += e.frame_count;
	s->entries[s->count++] = e;
	s->slots[slot] = (uint16_t)s->count;
	s->samples++;
	return s->count - 1;
}

uint32_t stacks_add(struct stacks *s, uint32_t pid, const uint64_t *frames, unsigned frame_count,
	unsigned kernel_count, uint32_t weight)
{
	struct stack e = { .pid = pid, .count = weight };
	uint32_t slot;

	e.frame_count = (uint16_t)(frame_count < STACK_FRAME_MAX ? frame_count : STACK_FRAME_MAX);
	e.kernel_count = (uint16_t)(kernel_count < e.frame_count ? kernel_count : e.frame_count);
	/* Fewer entries than slots: there is always an empty one to end at. */
	slot = hash(pid, frames, e.frame_count) % STACKS_SLOTS;
	while (s->slots[slot]) {
		struct stack *have = &s->entries[s->slots[slot] - 1];

		if (same(s, have, &e, frames)) {
			have->count += weight;
			s->samples++;
			return s->slots[slot] - 1;
		}
		slot = (slot + 1) % STACKS_SLOTS;
	}
	return insert(s, slot, e, frames);
}
