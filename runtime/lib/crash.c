/*
 * crash.h. The handler may do only what is safe at any point of the program, and
 * what every cage allows: write() and exit_group().
 */
#include "runtime/lib/crash.h"
#include "common/base/fmt.h"
#include "port/crash.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/kmsg.h"
#include "runtime/lib/text.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define NAME(name) name,

static const char *const register_names[] = { PORT_CRASH_REGISTERS(NAME) };
_Static_assert(VL_ARRAY_COUNT(register_names) <= CRASH_REGISTER_MAX, "a record has room for every register");

static struct crash_record last; /* of this process, by whichever thread crashes first */
static _Atomic int crashed;
static struct crash_thread first_thread;

/* The kernel copies: a stack pointer that leads nowhere is an error to it, and no second crash. */
static bool send_bytes(const void *data, size_t size)
{
	return syscall(SYS_write, CRASH_FD, data, size) >= 0;
}

#ifdef VL_HARDENED
static void take_registers(const void *context) { }
static void send_stack(void) { }
#else
static void take_registers(const void *context)
{
	last.register_count = VL_ARRAY_COUNT(register_names);
	memcpy(last.registers, (const uint8_t *)context + PORT_CRASH_REGISTERS_AT,
		sizeof(uint64_t) * last.register_count);
}

/*
 * A shallow stack may end in this page: then only what is left of it. Of one that was used up the stack
 * pointer is below its memory: then from the next page on.
 */
static void send_stack(void)
{
	uintptr_t sp = (uintptr_t)last.registers[PORT_CRASH_STACK_POINTER];
	size_t left = VL_PAGE_BYTES - (sp & (VL_PAGE_BYTES - 1));

	if (!send_bytes((const void *)sp, CRASH_STACK_BYTES) && !send_bytes((const void *)sp, left))
		send_bytes((const void *)(sp + left), CRASH_STACK_BYTES);
}
#endif

static bool has_address(int signal)
{
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE;
}

static void on_fatal(int signal, siginfo_t *info, void *context)
{
	/* The first thread speaks for the process, and ends the others. */
	while (atomic_exchange(&crashed, 1))
		;
	last.version = CRASH_VERSION;
	last.signal = (uint32_t)signal;
	last.code = info->si_code;
	last.address = has_address(signal) && info->si_code > 0 ? (uint64_t)(uintptr_t)info->si_addr : 0;
	last.log_size = (uint32_t)kmsg_recent(last.log, sizeof(last.log));
	take_registers(context);
	/* Where nobody listens there is nobody to tell. */
	if (send_bytes(&last, sizeof(last)))
		send_stack();
	_exit(128 + signal);
}

void crash_init(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP };
	struct sigaction action = { .sa_sigaction = on_fatal, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	/* A crash of the handler itself ends the process at once. */
	sigfillset(&action.sa_mask);
	text_tell(CRASH_FD);
	crash_thread_begin(&first_thread);
	for (size_t i = 0; i < VL_ARRAY_COUNT(fatal); i++)
		if (sigaction(fatal[i], &action, NULL) < 0)
			return;
}

/* --- The reader's side ------------------------------------------------------------------------- */

/* The last lines alone: a log of nothing but line ends must not fill an answer of the inspect tree. */
static void keep_last_lines(struct crash_record *r)
{
	uint32_t at = r->log_size;

	for (unsigned lines = 0; at; at--)
		if (r->log[at - 1] == '\n' && at < r->log_size && ++lines == CRASH_LOG_LINE_MAX)
			break;
	r->log_size -= at;
	memmove(r->log, r->log + at, r->log_size);
}

static int check(struct crash_record *r, size_t size)
{
	if (size != sizeof(*r))
		return VL_E_TRUNCATED;
	if (r->version != CRASH_VERSION)
		return VL_E_VERSION;
	if (r->register_count > VL_ARRAY_COUNT(register_names) || r->log_size > sizeof(r->log))
		return VL_E_LIMIT;
	if (r->signal < 1 || r->signal >= NSIG)
		return VL_E_RANGE;
	for (uint32_t i = 0; i < r->log_size; i++)
		if (r->log[i] != '\n' && ((unsigned char)r->log[i] < ' ' || (unsigned char)r->log[i] > '~'))
			r->log[i] = '?';
	keep_last_lines(r);
	return 0;
}

int crash_receive(int fd, struct crash_record *r, uint8_t stack[CRASH_STACK_BYTES], size_t *stack_size)
{
	struct channel_message m = { .data = r, .capacity = sizeof(*r) };
	struct channel_message s = { .data = stack, .capacity = CRASH_STACK_BYTES };
	int err;

	(void)text_hear(fd); /* if nobody has heard it yet */
	err = channel_receive(fd, &m, 0);
	*stack_size = 0;
	if (err)
		return err;
	channel_close_fds(&m);
	err = check(r, m.size);
	if (err || channel_receive(fd, &s, 0))
		return err;
	channel_close_fds(&s);
	*stack_size = s.size;
	return 0;
}

const char *crash_register_name(unsigned index)
{
	return index < VL_ARRAY_COUNT(register_names) ? register_names[index] : NULL;
}

static void registers_text(const struct crash_record *r, unsigned first, char line[CRASH_LINE_MAX])
{
	size_t size = 0;

	for (unsigned i = first; i < first + CRASH_REGISTERS_PER_LINE && i < r->register_count; i++)
		size += vl_format(line + size, CRASH_LINE_MAX - size, "%s%s=0x%llx", i > first ? " " : "",
			register_names[i], (unsigned long long)r->registers[i]);
}

bool crash_text(const struct crash_record *r, unsigned *at, char line[CRASH_LINE_MAX])
{
	unsigned registers = crash_register_lines(r);
	const char *p = r->log, *end = r->log + r->log_size, *stop;

	if (*at < registers) {
		registers_text(r, (*at)++ * CRASH_REGISTERS_PER_LINE, line);
		return true;
	}
	for (unsigned n = registers; p < end; p = stop + 1, n++) {
		stop = memchr(p, '\n', (size_t)(end - p));
		if (!stop)
			stop = end;
		if (n < *at)
			continue;
		(*at)++;
		vl_format(line, CRASH_LINE_MAX, "%.*s", (int)(stop - p), p);
		return true;
	}
	return false;
}
