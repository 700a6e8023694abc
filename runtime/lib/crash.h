/*
 * Crash reports: the last word of a process of VTL2 that dies of a fatal signal. At
 * its start a process calls crash_init(), and each further thread crash_thread_begin();
 * when it crashes, a handler on a stack of its own writes one record, and then what stood
 * on the stack, as two messages to CRASH_FD, a SOCK_SEQPACKET end that its parent made,
 * and ends the process. The parent reads them when it reaps. Before them comes one that tells
 * where the process's code lies (text.h). A call that a cage forbids kills at once: of that there
 * is no record, and the wait status says so.
 *
 * The record is a dying process's and hostile: its reader copies it once and checks it.
 * A hardened image has neither registers nor stack in it.
 */
#ifndef VL_LIB_CRASH_H
#define VL_LIB_CRASH_H

#include "common/base/err.h"
#include "common/base/types.h"
#include "runtime/lib/control.h"

#include <signal.h>

#define CRASH_FD (CONTROL_FD + 1)
#define CRASH_VERSION 1u
#define CRASH_REGISTER_MAX 40
#define CRASH_LOG_BYTES 1024u   /* of the process's last log lines */
#define CRASH_LOG_LINE_MAX 32u  /* of them a reader takes these last ones */
#define CRASH_STACK_BYTES 1024u /* from the stack pointer upwards */
/* of the stack that the handler runs on; the kernel's frame is on it, too */
#define CRASH_HANDLER_BYTES 16384
#define CRASH_LINE_MAX 200      /* bytes of a line of crash_text(), with its NUL */

struct crash_record {
	uint32_t version;
	uint32_t signal;
	int32_t code;            /* si_code */
	uint32_t register_count; /* in the order of PORT_CRASH_REGISTERS (port/crash.h) */
	uint64_t address;        /* si_addr: what could not be reached or run; 0 when the signal has none */
	uint64_t registers[CRASH_REGISTER_MAX];
	uint32_t log_size, reserved;
	char log[CRASH_LOG_BYTES]; /* lines that end in '\n' */
};

/*
 * Lets fatal signals be reported, and tells the parent where this program lies. Before the process enters its
 * cage; without CRASH_FD nobody hears it.
 */
void crash_init(void);

/*
 * What a thread beside the first needs for its own crashes to be reported, those of its stack's end too: a
 * variable of the thread's function, from crash_thread_begin(), first thing, to crash_thread_end().
 */
struct crash_thread {
	stack_t before;
	uint8_t stack[CRASH_HANDLER_BYTES];
};

void crash_thread_begin(struct crash_thread *t);
void crash_thread_end(const struct crash_thread *t);

/*
 * Takes the record that waits on `fd`, with `*stack_size` bytes of the stack, if there is one; and what
 * text_tell() sent before, if that was not heard. A process that has sent anything else leaves no record.
 * Bytes of the log
 * that are no text become '?', and its last CRASH_LOG_LINE_MAX lines are left. VL_E_AGAIN, VL_E_CLOSED
 * (none); VL_E_TRUNCATED, VL_E_VERSION, VL_E_LIMIT, VL_E_RANGE.
 */
int crash_receive(int fd, struct crash_record *r, uint8_t stack[CRASH_STACK_BYTES], size_t *stack_size);

/* "rip", "x0", ...; NULL when there is no such register. */
const char *crash_register_name(unsigned index);

#define CRASH_REGISTERS_PER_LINE 4

/* How many of crash_text()'s lines come before the log. */
static inline unsigned crash_register_lines(const struct crash_record *r)
{
	return (r->register_count + CRASH_REGISTERS_PER_LINE - 1) / CRASH_REGISTERS_PER_LINE;
}

/*
 * The record for a person, line by line: registers, then the log. *at is 0 before the first and is moved on;
 * false when there is no more.
 */
bool crash_text(const struct crash_record *r, unsigned *at, char line[CRASH_LINE_MAX]);

#endif
