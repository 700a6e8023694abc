/*
 * The columns of the filter's table (security/filter) as the tests of its rows ask
 * for them, in the table's order.
 */
#ifndef VL_TEST_FILTER_COLUMNS_H
#define VL_TEST_FILTER_COLUMNS_H

#include "security/filter/filter.h"

static const struct filter_context filter_columns[FILTER_COLUMNS] = {
	{ ISOLATION_NONE, false }, { ISOLATION_VBS, false }, { ISOLATION_SNP, false },
	{ ISOLATION_TDX, false },
	{ ISOLATION_VBS, true }, { ISOLATION_SNP, true }, { ISOLATION_TDX, true },
};

/* What the table says of the item in that column, read without the function that is under test. */
static inline bool filter_row_keeps(enum filter_item item, int column)
{
	return filter_row(item)->verdicts[column] == 'K';
}

#endif
