/*
 * The paravisor's life: take up the host channel, start the VM worker, watch
 * both, tell the host how it ended. One thread. Neither the host nor the
 * worker is trusted, and no wait is without a limit.
 */
#ifndef VL_PARAVISOR_PARAVISOR_H
#define VL_PARAVISOR_PARAVISOR_H

#include "runtime/lib/get_client.h"
#include "runtime/paravisor/commands.h"
#include "runtime/paravisor/crashes.h"
#include "runtime/paravisor/devices.h"
#include "runtime/paravisor/diag.h"
#include "runtime/paravisor/errands.h"
#include "runtime/paravisor/guest_state.h"
#include "runtime/paravisor/machine.h"
#include "runtime/paravisor/security.h"
#include "runtime/paravisor/store_broker.h"
#include "runtime/paravisor/supervise.h"

#define PARAVISOR_MARK_MAX 16
#define PARAVISOR_TEXT_MAX CONTROL_TEXT_MAX

struct paravisor;

/* What the paravisor needs from the system; main.c gives the real ones, a test its own. */
struct paravisor_ops {
	/* A new connection to the host channel within `limit_ms`: descriptor or VL_E_*. */
	int (*connect)(void *context, unsigned limit_ms);
	/*
	 * Opens what the VM worker gets: fills fds[i] and config->fds[i] for
	 * config->fd_count entries, which the caller closes also after an error.
	 * VL_E_* with *what naming the thing (static text).
	 */
	int (*open)(void *context, const struct paravisor *p, struct control_config *config, int *fds,
		const char **what);
	/* Starts the process of a worker, its rule's program: pid, pidfd and control of `w`. VL_E_*. */
	int (*spawn)(void *context, struct worker *w);
	/*
	 * A digest of the programs in this image, for a VM that nobody measured; NULL: there is none. VL_E_*.
	 */
	int (*programs)(void *context, uint8_t digest[VBS_DIGEST_BYTES]);
	/*
	 * Opens what the diagnostics server gets (enum service_fd): how many descriptors, which are the
	 * caller's, or VL_E_* with *what naming the thing. NULL: there are no diagnostics.
	 */
	int (*diagnostics)(void *context, int fds[SERVICE_FD_MAX], const char **what);
	/* NULL: this image runs no commands of clients. */
	const struct commands_table *commands;
};

/* A point of the boot, on the partition's reference clock. */
struct paravisor_mark {
	const char *name;
	uint64_t reference_100ns;
};

enum paravisor_phase {
	PARAVISOR_BOOTING, /* until the worker says STARTED */
	PARAVISOR_RUNNING,
	PARAVISOR_ENDING,  /* the host was told how it ended and is to stop us */
};

struct paravisor {
	const struct paravisor_ops *ops;
	void *context;
	struct machine machine;
	uint64_t init_boot_ns; /* CLOCK_BOOTTIME when init began; 0: unknown */
	uint64_t init_text_base; /* where its code lies (text.h); 0: unknown */
	unsigned connect_limit_ms, end_limit_ms, start_limit_ms;

	enum paravisor_phase phase;
	uint64_t end_deadline_ns;
	bool failed;
	bool save_asked; /* the host wants servicing, which must be answered */
	uint64_t notifications; /* of the host's, none of which is heeded (filter: FILTER_HOST_CHANNEL) */
	struct get_client host;
	struct get_client_time time;
	struct dps_settings dps;
	struct security_config security;          /* the caller's, with what the measured options say */
	const struct security_platform *platform; /* the caller's; used when the VM is isolated */
	struct guest_state state;
	struct store_broker store; /* the workers' files in the state; see store_broker_add() */
	struct worker vm;
	struct devices devices;
	uint32_t workers; /* bit per enum control_device: it is to be in a worker, if the guest has it */
	struct diag_worker diag;
	struct errands errands;
	struct worker commands[COMMANDS_MAX];
	uint64_t command_count; /* that were started */
	struct crashes crashes; /* of all workers */
	int init_unit; /* init's asking end as a unit of the inspect tree, until diag has it; -1: none */
	int vm_unit; /* the VM worker's end as a unit of the inspect tree, to be handed to it; -1: none */
	struct control_config config;
	union control_any message; /* from the worker */
	/* of this image: by the platform if isolated, else of its programs */
	uint8_t measurement[VBS_DIGEST_BYTES];
	size_t measurement_bytes;              /* 0: not known */
	struct paravisor_mark marks[PARAVISOR_MARK_MAX];
	unsigned mark_count;
};

/*
 * Sets limits to their defaults and everything else to "not begun". The caller fills `machine`, `security`,
 * `platform`.
 */
void paravisor_init(struct paravisor *p, const struct paravisor_ops *ops, void *context);

/*
 * Runs until the guest has ended and the host had its chance to stop us.
 * 0: the guest ended as it wanted (power off, reset); 1: something failed,
 * which the log and, if it could be reached, the host were told.
 */
int paravisor_run(struct paravisor *p);

/*
 * Tells the host that this paravisor cannot go on, over the channel that
 * stands or a new one: `error` is enum vl_err, `text` for a person; when the
 * VM is isolated only the error leaves it. paravisor_run() then only waits for
 * the host to stop us. For main.c and inside.
 */
void paravisor_fail(struct paravisor *p, int error, const char *fmt, ...) VL_PRINTF(3, 4);

/* The n-th of the workers there can be, with or without a process; NULL behind the last one. */
struct worker *paravisor_worker(struct paravisor *p, unsigned n);

/* Has the VM worker end; the next one takes over what errands_replaced() gives. For errands.c. */
void paravisor_stop_vm(struct paravisor *p);

#endif
