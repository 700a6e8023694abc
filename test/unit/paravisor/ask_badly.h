/* Questions that a unit of the inspect tree is not to take, as a hostile diagnostics server may send them. */
#ifndef VL_TEST_ASK_BADLY_H
#define VL_TEST_ASK_BADLY_H

#include "runtime/lib/inspect_unit.h"

#include <check.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const struct {
	size_t size;
	uint32_t level, update;
	bool endless, with_fd;
} bad_questions[] = {
	{ sizeof(struct inspect_unit_request) - 1, INSPECT_SAFE, 0, false, false },
	{ 1, INSPECT_SAFE, 0, false, false },
	{ sizeof(struct inspect_unit_request), INSPECT_SENSITIVE + 1, 0, false, false },
	{ sizeof(struct inspect_unit_request), INSPECT_SAFE, 2, false, false },
	{ sizeof(struct inspect_unit_request), INSPECT_SAFE, 0, true, false },
	{ sizeof(struct inspect_unit_request), INSPECT_SAFE, 0, false, true },
};

/* Asks the n-th of them over `unit`, whose other end is to be closed then. */
static void ask_badly(int unit, unsigned n, int limit_ms)
{
	struct inspect_unit_request question = { .level = bad_questions[n].level,
		.update = bad_questions[n].update };
	uint8_t byte;
	struct channel_message m = { .data = &byte, .capacity = sizeof(byte) };
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (bad_questions[n].endless)
		memset(question.path, 'x', sizeof(question.path));
	ck_assert_int_eq(channel_send(unit, &question, bad_questions[n].size, &fd, bad_questions[n].with_fd,
		limit_ms), 0);
	ck_assert_int_eq(channel_receive(unit, &m, limit_ms), VL_E_CLOSED);
	close(fd);
}

#endif
