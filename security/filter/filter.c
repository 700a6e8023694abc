/* The table and its questions (filter.h). Numbers are our own, names may be a host's choice. */
#include "security/filter/filter.h"

#include <string.h>

#define ROW(item, group, name, verdicts, effect) \
	[FILTER_##item] = { FILTER_##group, name, verdicts, effect },
static const struct filter_row rows[FILTER_ITEM_COUNT] = { FILTER_ROWS(ROW) };
#undef ROW

#define ROW(item, group, name, verdicts, effect) \
	_Static_assert(sizeof(verdicts) == FILTER_COLUMNS + 1, "verdicts of " #item);
FILTER_ROWS(ROW)
#undef ROW

static const char *const names[ISOLATION_COUNT] = { "none", "vbs", "snp", "tdx", "cca" };

const char *isolation_name(enum isolation isolation)
{
	return names[isolation];
}

int isolation_parse(const char *name, enum isolation *out)
{
	for (unsigned i = 0; i < ISOLATION_COUNT; i++) {
		if (!strcmp(name, names[i])) {
			*out = (enum isolation)i;
			return 0;
		}
	}
	return VL_E_RANGE;
}

static int column(const struct filter_context *c)
{
	switch (c->isolation) {
	case ISOLATION_NONE: return 0;
	case ISOLATION_VBS: return c->debug ? 4 : 1;
	case ISOLATION_SNP: return c->debug ? 5 : 2;
	case ISOLATION_TDX: return c->debug ? 6 : 3;
	default: return -1;
	}
}

bool filter_keeps(const struct filter_context *context, enum filter_item item)
{
	const struct filter_row *row = filter_row(item);
	int n = column(context);

	return row && n >= 0 && row->verdicts[n] == 'K';
}

int filter_find(enum filter_group group, const char *name, size_t size)
{
	for (unsigned i = 0; i < FILTER_ITEM_COUNT; i++)
		if (rows[i].group == group && strlen(rows[i].name) == size &&
		    !memcmp(rows[i].name, name, size))
			return (int)i;
	return VL_E_NOTFOUND;
}

const struct filter_row *filter_row(enum filter_item item)
{
	return (int)item >= 0 && item < FILTER_ITEM_COUNT ? &rows[item] : NULL;
}

const char *filter_group_name(enum filter_group group)
{
	static const char *const group_names[FILTER_GROUP_COUNT] = {
		[FILTER_HOST_TREE] = "Host device tree, with the host's command line",
		[FILTER_IGVM] = "IGVM parameters",
		[FILTER_BOOT] = "Boot",
		[FILTER_OPTION] = "Options (environment)",
		[FILTER_SETTING] = "Device platform settings",
		[FILTER_HOST_CHANNEL] = "Host channel",
		[FILTER_DIAGNOSTICS] = "Diagnostics",
		[FILTER_TELL] = "What VTL2 tells the host",
	};

	return group_names[group];
}
