/*
 * The stack that a crashed process leaves in its report. The stack pointer is
 * found where the kernel of this architecture puts it: for the port whose
 * machine this is.
 */
#include "runtime/lib/channel.h"
#include "runtime/lib/crash.h"
#include "runtime/lib/kmsg.h"

#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

Suite *suite_crash_stack(void);

static void crash_at_once(void)
{
	raise(SIGABRT);
}

/* On a stack whose end, and that of all memory there, is near. */
static void crash_on_a_shallow_stack(void)
{
	static ucontext_t here, there;
	size_t size = 16 * VL_PAGE_BYTES;
	char *stack = mmap(NULL, size + VL_PAGE_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (stack == MAP_FAILED || munmap(stack + size, VL_PAGE_BYTES))
		_exit(0);
	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = size;
	there.uc_link = &here;
	makecontext(&there, crash_at_once, 0);
	swapcontext(&here, &there);
}

/* Calls itself until there is no stack left. */
static __attribute__((noinline)) unsigned dig(unsigned depth)
{
	volatile unsigned frame[64];

	frame[depth % 64] = depth;
	return (depth < ~0u ? dig(depth + 1) : 0) + frame[depth % 64];
}

/* As threads are in VTL2: the sanitizer has given this one a handler's stack of its own. */
static void *dig_in_a_thread(void *context)
{
	const stack_t none = { .ss_flags = SS_DISABLE };
	struct crash_thread crash;

	sigaltstack(&none, NULL);
	crash_thread_begin(&crash);
	*(volatile unsigned *)context = dig(0);
	crash_thread_end(&crash);
	return NULL;
}

static void crash_of_a_thread_without_stack(void)
{
	pthread_t thread;
	unsigned sum;

	if (!pthread_create(&thread, NULL, dig_in_a_thread, &sum))
		pthread_join(thread, NULL);
}

/* How much of its stack the report of a process has that ends by crash(), which `signal` ends. */
static size_t stack_of(void (*crash)(void), int signal)
{
	static uint8_t stack[CRASH_STACK_BYTES];
	struct crash_record record;
	size_t size = 0;
	int pair[2];
	pid_t pid;

	ck_assert_int_eq(channel_pair(pair), 0);
	pid = fork();
	if (pid == 0) {
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		dup2(pair[1], CRASH_FD);
		kmsg_init("dying", VL_LOG_INFO);
		crash_init();
		crash();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_int_eq(crash_receive(pair[0], &record, stack, &size), 0);
	ck_assert_int_eq((int)record.signal, signal);
	close(pair[0]);
	close(pair[1]);
	return size;
}

START_TEST(a_report_has_the_stack_from_the_stack_pointer_on)
{
	ck_assert_uint_eq(stack_of(crash_at_once, SIGABRT), CRASH_STACK_BYTES);
}
END_TEST

START_TEST(of_a_stack_that_ends_within_the_page_what_is_left_is_told)
{
	size_t size = stack_of(crash_on_a_shallow_stack, SIGABRT);

	ck_assert_uint_gt(size, 0);
	ck_assert_uint_lt(size, CRASH_STACK_BYTES);
}
END_TEST

START_TEST(a_thread_that_has_used_up_its_stack_leaves_a_report_with_the_end_of_it)
{
	ck_assert_uint_eq(stack_of(crash_of_a_thread_without_stack, SIGSEGV), CRASH_STACK_BYTES);
}
END_TEST

static void *begin_and_end(void *context)
{
	struct crash_thread crash;
	stack_t *seen = context;

	sigaltstack(NULL, &seen[0]);
	crash_thread_begin(&crash);
	sigaltstack(NULL, &seen[1]);
	crash_thread_end(&crash);
	sigaltstack(NULL, &seen[2]);
	return NULL;
}

START_TEST(a_thread_gives_back_the_stack_of_its_handler)
{
	stack_t seen[3];
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, begin_and_end, seen), 0);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(seen[1].ss_size, CRASH_HANDLER_BYTES);
	ck_assert_ptr_eq(seen[2].ss_sp, seen[0].ss_sp);
	ck_assert_int_eq(seen[2].ss_flags, seen[0].ss_flags);
}
END_TEST

Suite *suite_crash_stack(void)
{
	Suite *s = suite_create("crash_stack");
	TCase *t = tcase_create("stack");

	tcase_add_test(t, a_report_has_the_stack_from_the_stack_pointer_on);
	tcase_add_test(t, of_a_stack_that_ends_within_the_page_what_is_left_is_told);
	tcase_add_test(t, a_thread_that_has_used_up_its_stack_leaves_a_report_with_the_end_of_it);
	tcase_add_test(t, a_thread_gives_back_the_stack_of_its_handler);
	suite_add_tcase(s, t);
	return s;
}
