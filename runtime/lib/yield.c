/* yield.h */
#include "runtime/lib/yield.h"
#include "common/base/log.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* By the system call: musl's own function always fails. */
void yield_to_guest(void)
{
	const struct sched_param none = { 0 };

	if (syscall(SYS_sched_setscheduler, 0, SCHED_IDLE, &none) < 0)
		vl_warn("this process runs before the guest: %s", strerror(errno));
}
