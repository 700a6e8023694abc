/*
 * The one event loop of vallum-host: a thread that owns VMBus, hvsock and all
 * services. VP threads never run this code; they hand work over through
 * host_loop_wake() or an eventfd of their own. Everything here except
 * host_loop_wake and host_loop_stop is called on the loop's thread only (or
 * before it runs).
 */
#ifndef VL_HOST_LOOP_H
#define VL_HOST_LOOP_H

#include "common/base/types.h"

#define HOST_LOOP_READ 1u
#define HOST_LOOP_WRITE 2u
#define HOST_LOOP_HANGUP 4u /* reported whether asked for or not: peer gone or error */

/* A file descriptor to watch; lives in its owner's struct. */
struct host_watch {
	int fd;
	/* `ready` holds HOST_LOOP_* bits. May unwatch itself or others. */
	void (*ready)(struct host_watch *watch, unsigned ready);
	bool active;
	unsigned events;
};

/* A one-shot timer; lives in its owner's struct, zeroed = not armed. */
struct host_timer {
	uint64_t deadline_ns; /* CLOCK_MONOTONIC */
	void (*expired)(struct host_timer *timer);
	struct host_timer *next;
	bool armed;
};

/* Called once after each host_loop_wake (several wakes may be one call). */
struct host_waker {
	void (*woken)(struct host_waker *waker);
	struct host_waker *next;
};

struct host_loop {
	int epoll_fd;
	int wake_fd;
	bool stop;
	struct host_timer *timers;
	struct host_waker *wakers;
};

/* 0, or VL_E_OS. */
int host_loop_init(struct host_loop *loop);
void host_loop_destroy(struct host_loop *loop);
/* Runs until host_loop_stop; 0, or VL_E_OS when waiting failed. */
int host_loop_run(struct host_loop *loop);
/* Any thread. */
void host_loop_stop(struct host_loop *loop);
/* Any thread: makes the loop call every waker soon. Never blocks. */
void host_loop_wake(struct host_loop *loop);
/* One round: waits at most `limit_ms` (-1: until something happens). For tests. */
int host_loop_turn(struct host_loop *loop, int limit_ms);

/*
 * Starts watching watch->fd for `events`, or changes them when it is watched
 * already; 0 events keeps HOST_LOOP_HANGUP only. 0, or VL_E_OS (a regular file
 * cannot be watched).
 */
int host_loop_watch(struct host_loop *loop, struct host_watch *watch, unsigned events);
/* Stops watching; harmless when it is not watched. Does not close the fd. */
void host_loop_unwatch(struct host_loop *loop, struct host_watch *watch);

void host_loop_arm(struct host_loop *loop, struct host_timer *timer, uint64_t delay_ns);
void host_loop_disarm(struct host_loop *loop, struct host_timer *timer);

void host_loop_add_waker(struct host_loop *loop, struct host_waker *waker);

#endif
