/*
 * A hypervisor for the VM worker as an ordinary process: runtime/vm/hvport.h
 * over plain memory and a scripted guest. A test sets `fake_hv`, runs the
 * worker's real code, and looks at what the worker did to it.
 */
#ifndef VL_TEST_FAKE_HV_H
#define VL_TEST_FAKE_HV_H

#include "runtime/lib/channel.h"
#include "runtime/lib/control.h"
#include "runtime/vm/hvport.h"
#include <pthread.h>

#define FAKE_VP_MAX 8
#define FAKE_REGISTER_MAX 96
#define FAKE_CALL_MAX 512
#define FAKE_RAM_BYTES (32u << 20)
#define FAKE_WAIT_MS 20000 /* for what must happen; a failure, not a delay */

struct fake_vp {
	struct hv_message message;
	uint8_t context[HVPORT_CONTEXT_BYTES] __attribute__((aligned(16)));
	uint8_t register_page[VL_PAGE_BYTES] __attribute__((aligned(16)));
	volatile uint32_t cancel;
	bool kicked;
	bool waiting; /* the guest has no intercept to make now */
	unsigned index, step; /* intercepts that the guest has made */
	struct hv_reg_assoc reg[FAKE_REGISTER_MAX];
	unsigned reg_count;
};

struct fake_call {
	uint16_t code;
	uint8_t in[64];
};

struct fake_hv {
	/* What the test decides. */
	bool no_register_page;
	uint32_t refuse_register; /* this name gives VL_E_HYPERCALL; 0: none */
	uint16_t refuse_call;     /* this code; 0: none */
	/* The guest's next intercept into vp->message; false: it waits for an interrupt or a kick. */
	bool (*guest)(struct fake_vp *vp);
	/* What happened. */
	struct fake_vp vp[FAKE_VP_MAX];
	struct fake_call call[FAKE_CALL_MAX];
	unsigned call_count;
	uint8_t *ram; /* of the first range, FAKE_RAM_BYTES or what the configuration says */
	pthread_mutex_t lock;
	pthread_cond_t changed;
};
extern struct fake_hv fake_hv;

/* A register as the worker left it, 0 when it was never set. */
struct hv_reg_value fake_register(unsigned vp, uint32_t name);
struct hv_reg_value fake_register_held(unsigned vp, uint32_t name); /* with fake_hv.lock held */

/* How many calls of `code` there were; *last (may be NULL) is the newest. */
unsigned fake_calls(uint16_t code, struct fake_call *last);

/* The worker on a thread of its own, as its main() has it, and the paravisor's end of its channel. */
struct fake_worker {
	struct control_config config; /* one RAM range, one VP; the test changes it before worker_start */
	int fds[8];
	int control;   /* ours */
	int console;   /* ours, of COM1 or its like */
	int their_control, result;
	pthread_t thread;
	union control_any message; /* the last received */
	int fd;        /* that came with it, or -1 */
};

void worker_init(struct fake_worker *w);
/* Starts the thread; it has been configured and waits for START. */
void worker_start(struct fake_worker *w);
/* Receives the next message; its type, or 0 when none came in FAKE_WAIT_MS or the worker closed. */
enum control_type worker_receive(struct fake_worker *w);
/* Closes the channel and waits for the end; what loop_run returned. */
int worker_end(struct fake_worker *w);
/* Reads exactly `size` bytes of the console, or as many as come in FAKE_WAIT_MS. */
size_t worker_console(struct fake_worker *w, char *out, size_t size);

#endif
