/*
 * The parts of init (PID 1 of VTL2): what main.c does in order. Everything but
 * the kernel command line and the entropy, which in a VM that is not isolated
 * come from the host, is our own.
 */
#ifndef VL_INIT_INIT_H
#define VL_INIT_INIT_H

#include "common/base/err.h"
#include "common/base/types.h"
#include "runtime/lib/crash.h"
#include "runtime/lib/inspect_unit.h"
#include "security/filter/filter.h"

#include <sys/types.h>

#define INIT_ENTROPY_BYTES 256 /* the shim passes no more */
#define INIT_OPTION_MAX 32     /* environment entries */
#define INIT_OPTIONS_BYTES 4096 /* of the kernel command line */

/* What main() does one after the other before it waits. */
enum init_step { INIT_MOUNTS, INIT_DEVICES, INIT_SETTINGS, INIT_CAGE, INIT_ENTROPY, INIT_PARAVISOR,
	INIT_STEP_COUNT };

/* What is known of init; its part of the inspect tree shows it. */
struct init_facts {
	/* CLOCK_BOOTTIME; a step's end is the next one's beginning */
	uint64_t began_ns, done_ns[INIT_STEP_COUNT];
	struct filter_context filter;
	/* words of the kernel command line; what they say is the host's */
	unsigned options_passed, options_ignored;
	int entropy;          /* 0: the host's was mixed in; else enum vl_err */
	bool entropy_counts;  /* and credited */
	bool narrow;          /* it is in its second cage */
	uint64_t reaped;      /* processes that were left behind */
};

/*
 * mounts.c: /proc, /sys, /dev, /run and the sandboxes' empty root in it. VL_E_OS with *what naming the mount
 * point.
 */
int init_mounts(const char **what);
/* Standard streams: 0 /dev/null, 1 and 2 /dev/kmsg. VL_E_OS. */
int init_streams(void);

/*
 * devices.c: removes every node of `path` (/dev) that is not listed, and gives those
 * that the paravisor opens to the user `owner`. VL_E_OS.
 */
#define INIT_DEVICES(DEVICE) \
	DEVICE("null", false) \
	DEVICE("kmsg", false) \
	DEVICE("random", false) \
	DEVICE("urandom", false) \
	DEVICE("mem", true) \
	DEVICE("mshv", true) \
	DEVICE("mshv_vtl_low", true) \
	DEVICE("mshv_hvcall", true)
int init_devices(const char *path, uint32_t owner);

/* settings.c: sysctls. A kernel without one of them is logged, nothing more. */
void init_settings(void);

/*
 * entropy.c: hands /openhcl/entropy of the device tree at the path `tree` to `add`
 * (init_entropy_add), to be credited unless the VM is isolated (then the host, which
 * is not trusted, knows it). VL_E_NOTFOUND when the host gave none, errors of
 * devtree_read() and of `add`.
 */
int init_entropy(const char *tree, int (*add)(const void *bytes, size_t size, bool credit));
/* Mixes at most INIT_ENTROPY_BYTES into the kernel's random pool. VL_E_OS. */
int init_entropy_add(const void *bytes, size_t size, bool credit);

/*
 * options.c: the environment for the paravisor. Takes the words NAME=value of
 * the kernel command line whose name is an option that `filter` lets through; all else
 * stays out. `text` is the command line (changed here, must outlive `env`);
 * env gets at most INIT_OPTION_MAX entries and a NULL. Returns their number, and in
 * *ignored that of all other words; VL_E_LIMIT when there were more options.
 */
int init_options(char *text, char *env[INIT_OPTION_MAX + 1], const struct filter_context *filter,
	unsigned *ignored);

/* unit.c: an inspect_unit_walk; `context` is struct init_facts. */
void init_inspect(void *context, struct inspect *i);

/* wait.c: the paravisor's end is waited for, and meanwhile others are served. */
struct init_wait {
	struct init_facts *facts;
	pid_t pid;      /* the paravisor */
	int death;      /* its pidfd */
	/* its end as a unit of the inspect tree, which is closed here; -1: none. Who asks is not trusted */
	int unit;
	int orphan_ms;  /* whoever is left behind is reaped within that time */
	int status;     /* the paravisor's wait status, once it has ended */
};

/*
 * One turn: waits until something happens, answers one request at most, and reaps all that have ended. True
 * when the paravisor is among them, or there was nobody to wait for.
 */
bool init_turn(struct init_wait *w);

/*
 * report.c: tells the host by a new host channel that the paravisor ended, and how, with all that
 * is in `record` (NULL: nothing). Bounded. VL_E_*.
 */
int init_report(const char *how, int status, const struct crash_record *record);

#endif
