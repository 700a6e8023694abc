/*
 * Device worker IPC, version DEVIPC_VERSION: what the VM worker and a process
 * that hosts one device model say to each other. Any model of
 * common/device/device.h can be on the far side; it does not notice.
 *
 *   VM worker                      paravisor                       device worker
 *             <- supply: a link                  config + link ->
 *   request                          ->                            the model is called
 *             <-                  [demand]                         it wants guest memory, or a window moved
 *   result                           ->
 *             <-                   answer                          value, effects, checkpoint
 *
 * Requests, demands, results and answers take turns in one shared memory
 * (struct devipc_mailbox and two areas of data); runtime/lib/devlink.h says how
 * an end waits for its turn. Descriptors are handed over only at the start of a
 * worker: in the paravisor's configuration, and in its supply to the VM worker.
 *
 * A request has all that the model may look at: the access, the VM's time, the
 * wall clock, how many bytes its stream takes. What the model does to the world
 * - interrupt lines, messages (MSI), timers, output, power - are effects that
 * travel with the answer, and the VM worker carries them out when it has taken
 * the answer whole. So a worker that dies before its answer has done nothing,
 * and the same request to the next worker does it once.
 *
 * Accesses that the model knows in advance (struct dev_ahead) are not asked for
 * one by one. An answer may open a window on registers: reads there are answered
 * by the VM worker from what came with the answer, writes are kept, and both are
 * posted: they travel in front of the next request, whatever it is, and the
 * worker makes them first. They are part of that request - of its answer, its
 * effects, its place in the journal. The next answer opens its own window, or none.
 *
 * A checkpoint is the device's saved state (one stream of common/state with the
 * unit DEVIPC_UNIT) as it is after the request, left in the shared memory with
 * the answer. The VM worker keeps a copy of the last one and remembers the
 * requests since. A fresh worker is restored from it and is given those
 * requests again; only what it then asks for to be called again (input) counts
 * of their effects. A request whose answer depends on more than itself, because
 * it brought input or made a demand, must be answered with a checkpoint.
 *
 * The rule for the access that was under way, by device:
 *   serial ports     made again from the state before it; nothing is sent twice
 *   the virtual TPM  the same; a command that ran is run again from the state before it.
 *                    Bytes of a command or response that were posted are moved again
 *   any with memory  the same; what it had written to guest memory is written again
 *
 * The worker never has guest memory mapped: it demands copies, at most
 * DEVIPC_DATA_BYTES at a time; what is not the guest's RAM is refused. No
 * device declares a window that is mapped.
 *
 * Limits: an answer, all demands in it included, has a deadline that the VM
 * worker sets by device. Who is late or breaks these rules is complained about
 * to the paravisor (struct devipc_complaint), which ends it and starts another;
 * the link's number says whom it is about, for the next one may be there by then.
 *
 * Neither end trusts the other: what lies in the shared memory is copied once
 * and checked as a copy; data is bytes to both. Both ends are built together,
 * so that fields are native integers; DEVIPC_VERSION stands in the configuration
 * against a mix of two builds.
 */
#ifndef VL_DEVIPC_DEVIPC_H
#define VL_DEVIPC_DEVIPC_H

#include "common/base/err.h"
#include "common/base/types.h"
#include <stdatomic.h>

#define DEVIPC_VERSION 6u
#define DEVIPC_UNIT "device"

/* --- The shared memory -------------------------------------------------------------- */

#define DEVIPC_STATE_BYTES (512u << 10) /* a checkpoint; or what RESTORE is to take */
#define DEVIPC_DATA_BYTES (64u << 10)   /* in either direction */
#define DEVIPC_POSTED_MAX 1024u
#define DEVIPC_POSTED_BYTES (DEVIPC_POSTED_MAX * 24u)
#define DEVIPC_AHEAD_BYTES 4096u
#define DEVIPC_STATE_AT 0u
#define DEVIPC_TO_DEVICE_AT DEVIPC_STATE_BYTES
#define DEVIPC_FROM_DEVICE_AT (DEVIPC_TO_DEVICE_AT + DEVIPC_DATA_BYTES)
/* struct devipc_posted, request.posted of them */
#define DEVIPC_POSTED_AT (DEVIPC_FROM_DEVICE_AT + DEVIPC_DATA_BYTES)
#define DEVIPC_AHEAD_AT (DEVIPC_POSTED_AT + DEVIPC_POSTED_BYTES)     /* reply.ahead.bytes */
#define DEVIPC_MAILBOX_AT (DEVIPC_AHEAD_AT + DEVIPC_AHEAD_BYTES)
#define DEVIPC_MAILBOX_BYTES 4096u
#define DEVIPC_SHARED_BYTES (DEVIPC_MAILBOX_AT + DEVIPC_MAILBOX_BYTES)

/* --- To the device ------------------------------------------------------------------- */

enum devipc_op {
	DEVIPC_READ = 1, /* region, offset, size 1, 2, 4 or 8; PCI configuration: DEV_REGION_PCI_CONFIG */
	DEVIPC_WRITE,    /* the same with value */
	DEVIPC_INPUT,    /* size bytes of the data area came on its stream; answer's value: what it took */
	DEVIPC_TIMER,    /* region: which timer is due */
	DEVIPC_COMPLETE, /* offset: the id, error: the result of complete() */
	DEVIPC_START,
	DEVIPC_STOP,
	DEVIPC_RESET,
	DEVIPC_SAVE,     /* to be answered with a checkpoint */
	DEVIPC_RESTORE,  /* size: bytes of the stream in the state area; the answer's error: 0 or why not */
	DEVIPC_RESULT,   /* of the last demand: error, and what was read in the data area */
	DEVIPC_OP_COUNT
};

struct devipc_request {
	uint32_t op; /* enum devipc_op */
	uint32_t region, size;
	int32_t error;
	uint64_t offset, value;
	uint64_t now_ns, wall_ns; /* what now_ns() and wall_ns() are to say; all but RESULT */
	uint32_t room;            /* bytes that output() may take in this request */
	uint32_t posted;          /* accesses that come first; RESULT: 0 */
};

struct devipc_posted {
	uint8_t op;      /* DEVIPC_READ: was answered already; DEVIPC_WRITE */
	uint8_t size;    /* 1, 2, 4 or 8 */
	uint16_t count;  /* so often in a row, at least once */
	uint32_t region;
	uint64_t offset, value;
};

/* --- From the device ------------------------------------------------------------------- */

enum devipc_kind {
	DEVIPC_ANSWER = 1,
	/* Demands; the answer follows after the result. */
	DEVIPC_MEM_READ,  /* address, size: into the data area of the result */
	DEVIPC_MEM_WRITE, /* address, size: from the data area */
	DEVIPC_MEM_FILL,  /* address, size, value: the byte */
	DEVIPC_MAP,       /* region, space, address, size64, width: as env->map */
	DEVIPC_KIND_COUNT
};

#define DEVIPC_EFFECT_MAX 64u

/* struct dev_ahead; its data is in the shared memory. */
struct devipc_ahead {
	uint64_t offset;
	uint32_t region, size, bytes;
	uint32_t flags;
};
enum { DEVIPC_AHEAD_FIFO = 1, DEVIPC_AHEAD_WRITES = 2 };

struct devipc_reply {
	uint32_t kind; /* enum devipc_kind */
	int32_t error; /* ANSWER to RESTORE: 0 or enum vl_err; else 0 */
	uint64_t value; /* ANSWER to READ, INPUT; MEM_FILL */
	uint32_t effect_count;     /* ANSWER: at most DEVIPC_EFFECT_MAX, in struct devipc_mailbox */
	uint32_t output_bytes;     /* ANSWER: in the data area, in the order of the OUTPUT effects */
	uint32_t checkpoint_bytes; /* ANSWER: in the state area; 0: none */
	uint32_t size, region;     /* demands */
	uint16_t space, width;     /* MAP */
	uint64_t address, size64;  /* demands */
	struct devipc_ahead ahead; /* ANSWER */
};

enum devipc_effect_kind {
	DEVIPC_IRQ = 1,      /* index: the line, value: its level */
	DEVIPC_MSI,          /* address, value: the data */
	DEVIPC_TIMER_SET,    /* index: the timer, value: VM time in ns */
	DEVIPC_TIMER_CANCEL, /* index */
	DEVIPC_OUTPUT,       /* value: how many bytes of the data area are next */
	DEVIPC_OUTPUT_WAITS, /* output() took less than offered: COMPLETE with id 0, when it takes more */
	DEVIPC_INPUT_READY,
	DEVIPC_MACHINE,      /* index: enum dev_machine_event */
	DEVIPC_EFFECT_COUNT
};

#define DEVIPC_LINES 32u

struct devipc_effect {
	uint32_t kind; /* enum devipc_effect_kind */
	uint32_t index;
	uint64_t value, address;
};

/* Cache lines of its own for what each end writes: neither takes them from the other while it looks. */
struct devipc_mailbox {
	_Atomic uint32_t asked; /* messages to the device on this link so far; the VM worker's */
	_Atomic uint32_t asker_sleeps;
	struct devipc_request request;
	uint8_t gap[128 - 8 - sizeof(struct devipc_request)];
	_Atomic uint32_t answered; /* the device worker's; asked - 1 or asked */
	_Atomic uint32_t answerer_sleeps;
	struct devipc_reply reply;
	struct devipc_effect effects[DEVIPC_EFFECT_MAX];
};

/* --- Decoders: a copy of what the other end wrote, or a named error ------------------------ */

/*
 * The request that is in the mailbox. VL_E_TYPE: no such request; VL_E_RANGE: a size, timer or result that
 * cannot be; VL_E_LIMIT: too many posted accesses. Offsets within a region are the model's to judge. On an
 * error nothing of *q is to be used.
 */
int devipc_take_request(const uint8_t *shared, struct devipc_request *q);

/* The `count` accesses that were posted before it, at most DEVIPC_POSTED_MAX. VL_E_TYPE, VL_E_RANGE. */
int devipc_take_posted(const uint8_t *shared, uint32_t count, struct devipc_posted *posted);

struct devipc_answer {
	struct devipc_reply reply;
	struct devipc_effect effects[DEVIPC_EFFECT_MAX]; /* the first reply.effect_count */
};

/*
 * The answer to `q`, or a demand on the way to it, that is in the mailbox. VL_E_TYPE: no such message or
 * effect; VL_E_RANGE: a value of it; VL_E_LIMIT: more effects, output, memory, state or bytes in advance than
 * there may be; VL_E_MISSING: no checkpoint with a SAVE.
 */
int devipc_take_reply(const uint8_t *shared, const struct devipc_request *q, struct devipc_answer *a);

static inline struct devipc_mailbox *devipc_mailbox(uint8_t *shared)
{
	return (struct devipc_mailbox *)(void *)(shared + DEVIPC_MAILBOX_AT);
}

/* --- Through the paravisor ------------------------------------------------------------------- */

/* The paravisor's words on the supply channel, with a link: which worker of the device has its other end. */
struct devipc_supply {
	uint32_t magic;  /* DEVIPC_SUPPLY */
	uint32_t number; /* counts up from 1 */
};
#define DEVIPC_SUPPLY 0x53505546u

/* The VM worker's: the worker at that link's other end is late or breaks the rules and is to be ended. */
struct devipc_complaint {
	uint32_t magic;  /* DEVIPC_COMPLAINT */
	uint32_t number; /* of the link; 0: it never had one */
	/* enum vl_err: VL_E_TIMEOUT, VL_E_CLOSED (it left its link and lives), or what was wrong */
	int32_t error;
};
#define DEVIPC_COMPLAINT 0x4c4c5546u

/*
 * Of a link: a socket whose end is told by the other's, the bell that the VM worker rings, the device
 * worker's.
 */
enum devipc_fd { DEVIPC_FD_LINK, DEVIPC_FD_ASKED, DEVIPC_FD_ANSWERED, DEVIPC_FD_SHARED, DEVIPC_FD_STORE,
	DEVIPC_FD_MAX };
/*
 * And last, where the configuration says so, its end as a unit of the inspect tree
 * (runtime/lib/inspect_unit.h).
 */
#define DEVIPC_FDS_ROOM (DEVIPC_FD_MAX + 1)

/*
 * The paravisor's messages when it has started a device worker: to the VM worker on its supply, a struct
 * devipc_supply with the first three of enum devipc_fd; to the device worker, its first and only one, this
 * with all of them, the store only if its kind keeps files.
 */
struct devipc_config {
	uint32_t version; /* DEVIPC_VERSION */
	uint32_t unit;    /* 0 or 1: the last descriptor is its end as a unit of the inspect tree */
	char kind[16];        /* which model; NUL-terminated */
	uint64_t argument[2]; /* by kind: the virtual TPM's interface (enum vtpm_interface) and address */
};

/*
 * `fd_count`: DEVIPC_FD_STORE + 1 for a kind that keeps files, else one less; one more with `unit`.
 * VL_E_TRUNCATED, VL_E_VERSION, VL_E_FORMAT.
 */
int devipc_config_check(const void *data, size_t size, size_t fd_count, bool keeps_files);

#endif
