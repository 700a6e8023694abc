/* SPDX-License-Identifier: MIT */
/*
 * tsc-khz: prints this machine's TSC frequency in kHz, or nothing where there is none.
 *
 * The emulated machine's TSC is this one's. Its kernel calibrates it against an emulated timer, and on a
 * loaded machine that goes wrong by any factor (98 MHz instead of 2600 was seen); then KVM there tells its
 * guests a wrong frequency and their clocks run away. tools/l1/run hands our number over instead.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#ifdef __has_builtin
#if __has_builtin(__builtin_ia32_rdtsc)
#define HAVE_TSC
#endif
#endif

#ifdef HAVE_TSC
#define SPAN_NS 50000000ull
#define TRIES 64

struct moment {
	uint64_t ns, tsc;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Both clocks at one moment: of several readings the one that was least interrupted. */
static struct moment read_both(void)
{
	struct moment best = { 0, 0 };
	uint64_t before, after, tsc, least = UINT64_MAX;

	for (unsigned int i = 0; i < TRIES; i++) {
		before = now_ns();
		tsc = __builtin_ia32_rdtsc();
		after = now_ns();
		if (after - before < least) {
			least = after - before;
			best = (struct moment){ before + least / 2, tsc };
		}
	}
	return best;
}

int main(void)
{
	struct moment start = read_both(), end;

	do
		end = read_both();
	while (end.ns - start.ns < SPAN_NS);
	printf("%llu\n", (unsigned long long)((end.tsc - start.tsc) * 1000000u / (end.ns - start.ns)));
	return 0;
}
#else
int main(void)
{
	return 0;
}
#endif
