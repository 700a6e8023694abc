/* The stack on which a thread's crash is handled (crash.h). */
#include "runtime/lib/crash.h"

void crash_thread_begin(struct crash_thread *t)
{
	const stack_t stack = { .ss_sp = t->stack, .ss_size = sizeof(t->stack) };

	if (sigaltstack(&stack, &t->before) < 0)
		t->before = (stack_t){ .ss_flags = SS_DISABLE };
}

void crash_thread_end(const struct crash_thread *t)
{
	sigaltstack(&t->before, NULL);
}
