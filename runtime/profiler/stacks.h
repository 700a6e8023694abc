/*
 * A bounded set of call stacks with their counts. All room is in the struct:
 * what does not fit is counted as lost. Filled by the sampler, read when the
 * time is over. Addresses are the kernel's word; user ones are a process's and
 * may be anything.
 */
#ifndef VL_PROFILER_STACKS_H
#define VL_PROFILER_STACKS_H

#include "common/base/types.h"

#define STACK_FRAME_MAX 64 /* frames of one stack, deeper ones lose their root */
#define STACKS_MAX 4096
#define STACKS_SLOTS 8192 /* power of two, above STACKS_MAX */
#define STACKS_FRAMES_MAX 98304

struct stack {
	uint32_t pid;
	uint32_t count;        /* sum of weights */
	uint32_t first;        /* index of its leaf in frames[] */
	uint16_t frame_count;
	uint16_t kernel_count; /* of these, from the leaf on, in the kernel */
};

struct stacks {
	uint32_t count;       /* of entries */
	uint32_t frame_count; /* used of frames */
	uint32_t samples, lost; /* as they came, whatever they weigh */
	uint16_t slots[STACKS_SLOTS]; /* entry + 1, or 0 */
	struct stack entries[STACKS_MAX];
	uint64_t frames[STACKS_FRAMES_MAX];
};

#define STACKS_NONE UINT32_MAX

/*
 * Counts one sample that stands for `weight` of them: `frames` leaf first, the first
 * `kernel_count` of them in the kernel. Returns the entry's index, STACKS_NONE when it
 * is lost. A zeroed struct is empty.
 */
uint32_t stacks_add(struct stacks *s, uint32_t pid, const uint64_t *frames, unsigned frame_count,
	unsigned kernel_count, uint32_t weight);

#endif
