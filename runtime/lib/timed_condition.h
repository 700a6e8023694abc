/*
 * A condition that is waited for until a time at most: by CLOCK_MONOTONIC, which
 * nobody sets back (a condition knows no CLOCK_BOOTTIME, the clock of clock.h).
 */
#ifndef VL_LIB_TIMED_CONDITION_H
#define VL_LIB_TIMED_CONDITION_H

#include <pthread.h>
#include <time.h>

#define TIMED_CONDITION_SECOND_NS 1000000000l

static inline void timed_condition_init(pthread_cond_t *c)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(c, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

/* For pthread_cond_timedwait(): when `ns`, a second at most, are over. */
static inline struct timespec timed_condition_end(long ns)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += ns;
	if (end.tv_nsec >= TIMED_CONDITION_SECOND_NS) {
		end.tv_nsec -= TIMED_CONDITION_SECOND_NS;
		end.tv_sec++;
	}
	return end;
}

#endif
