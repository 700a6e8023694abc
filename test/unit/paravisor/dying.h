/* A worker as the paravisor has it, with the channel of its last word; the test has the process's end. */
#ifndef VL_TEST_DYING_H
#define VL_TEST_DYING_H

#include "runtime/lib/channel.h"
#include "runtime/paravisor/crashes.h"
#include "runtime/paravisor/process.h"

#include <check.h>
#include <unistd.h>

static struct filter_context filter;
static struct crashes crashes;
static struct worker worker;
static int other_end;

static void setup(void)
{
	int pair[2];

	filter = (struct filter_context){ .isolation = ISOLATION_NONE };
	crashes = (struct crashes){ .filter = &filter };
	supervise_init(&worker, &supervise_rules[WORKER_DIAG]);
	worker.crashes = &crashes;
	ck_assert_int_eq(channel_pair(pair), 0);
	worker.crash = pair[0];
	other_end = pair[1];
}

static void end(void)
{
	if (worker.crash >= 0)
		close(worker.crash);
	close(other_end);
}

#endif
