/*
 * A device in a worker process under test: the VM worker's real end on one
 * side (runtime/vm/remote.c) with a fake place in a machine, the device
 * worker's real host (runtime/devworker/host.c) in a forked process on the
 * other, and a thread in the paravisor's place that reaps, kills and starts.
 */
#ifndef VL_TEST_DEVWORKER_RIG_H
#define VL_TEST_DEVWORKER_RIG_H

#include "runtime/devworker/host.h"
#include "runtime/vm/remote.h"
#include "test/unit/dev/fake_env.h"

#include <sys/types.h>

#define RIG_RAM_BYTES 0x40000u
#define RIG_BEHAVIOURS_MAX 64u

/* What the n-th worker does instead of serving its `at`-th request; at 0: nothing, it is honest. */
struct rig_behaviour {
	unsigned at;
	void (*act)(struct devhost *h);
	bool served; /* act() comes after the model was called, before the answer */
};

struct rig_kind {
	const struct dev_model *model;
	size_t size;
	void (*init)(void *dev, struct dev_env *env);
};

struct rig {
	const struct rig_kind *kind;
	struct remote r;
	struct fake_env f;
	struct dev_instance instance; /* the stand-in */
	pthread_mutex_t machine;
	int supply[2], quit[2];
	int shared_fd; /* the memory of `shared` */
	uint8_t *shared;
	struct devhost *host; /* the workers', in their copies of this process */
	void *dev;
	struct rig_behaviour behaviour[RIG_BEHAVIOURS_MAX];
	_Atomic unsigned started, complaints;
	_Atomic int complaint; /* the last one's error */
	_Atomic unsigned complaint_about; /* and which start of a worker it is about */
	_Atomic pid_t pid;
	_Atomic bool no_more; /* a worker that ends is the last one */
	pthread_t nanny;
};

/* Behaviours are set between these two. */
struct rig *rig_new(const struct rig_kind *kind);
void rig_start(struct rig *g);
/* The workers alone, for who takes `supply[1]` and `shared_fd` in the place of `r`. */
void rig_watch(struct rig *g);
void rig_free(struct rig *g);

/* The machine's calls into the device, under its lock. */
uint64_t rig_read(struct rig *g, unsigned id, uint64_t offset, unsigned size);
void rig_write(struct rig *g, unsigned id, uint64_t offset, unsigned size, uint64_t value);
void rig_reset(struct rig *g);
void rig_go(struct rig *g);
void rig_stop(struct rig *g);
size_t rig_input(struct rig *g, const void *data, size_t size);
void rig_timer(struct rig *g, unsigned timer);
/* Output has room for `room` bytes more. */
void rig_room(struct rig *g, size_t room);
/* Saves into `out`; the stream's size or an error. */
int64_t rig_save(struct rig *g, void *out, size_t room);
int rig_restore(struct rig *g, const void *data, size_t size);
/* Waits until nothing is on its way to the device. */
void rig_settle(struct rig *g);
/* SIGKILL for the worker that lives; waits until another one was started. */
void rig_kill(struct rig *g);

#endif
