/*
 * What a part of the inspect tree shows of `path`, checked as the server checks it; good until the next one.
 */
#ifndef VL_TEST_ASK_H
#define VL_TEST_ASK_H

#include "common/inspect/view.h"
#include "runtime/lib/inspect_unit.h"

#include <check.h>

static struct inspect_node ask_tree(inspect_unit_walk *show, void *context, const struct inspect_request *q)
{
	static uint8_t bytes[INSPECT_UNIT_NODE_MAX];
	struct inspect_node n;
	struct inspect i;
	int64_t size;

	inspect_begin(&i, q, bytes, sizeof(bytes));
	show(context, &i);
	size = inspect_end(&i);
	ck_assert_int_gt(size, 0);
	ck_assert_int_eq(inspect_check(bytes, (size_t)size, q->level), 0);
	ck_assert_int_eq(inspect_node_read(bytes, (size_t)size, &n), 0);
	return n;
}

#endif
