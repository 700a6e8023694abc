/*
 * What an isolated VM believes of its host, and what it tells it: one table,
 * default deny. The boot shim asks it about the host's device tree, init about
 * options and entropy, the paravisor about platform settings and the host
 * channel, the diagnostics server about its requests. Freestanding: the shim
 * links filter.c.
 *
 * Two things decide: how the VM is isolated, and whether the measured command
 * line says OPENHCL_CONFIDENTIAL_DEBUG=1 (then the measurement differs, so that
 * whoever releases a secret knows). Both come from the shim; user space reads
 * them from VTL2's device tree (runtime/lib/isolation.h).
 */
#ifndef VL_FILTER_FILTER_H
#define VL_FILTER_FILTER_H

#include "common/base/err.h"
#include "common/base/types.h"

enum isolation { ISOLATION_NONE, ISOLATION_VBS, ISOLATION_SNP, ISOLATION_TDX, ISOLATION_CCA,
	ISOLATION_COUNT };

/* As the device tree's /openhcl/isolation-type has it: "none", "vbs", "snp", "tdx", "cca". */
const char *isolation_name(enum isolation isolation);
/* The reverse: 0, or VL_E_RANGE for a word that is none. */
int isolation_parse(const char *name, enum isolation *out);

enum filter_group {
	FILTER_HOST_TREE,
	FILTER_IGVM,
	FILTER_BOOT,
	FILTER_OPTION,
	FILTER_SETTING,
	FILTER_HOST_CHANNEL,
	FILTER_DIAGNOSTICS,
	FILTER_TELL,
	FILTER_GROUP_COUNT
};

#include "security/filter/table.h"

#define FILTER_ITEM(item, group, name, verdicts, effect) FILTER_##item,
enum filter_item { FILTER_ROWS(FILTER_ITEM) FILTER_ITEM_COUNT };
#undef FILTER_ITEM

#define FILTER_COLUMNS 7u /* of a row's verdicts: none, VBS, SNP, TDX, and the last three with debug */

struct filter_row {
	enum filter_group group;
	const char *name, *verdicts, *effect;
};

struct filter_context {
	enum isolation isolation;
	bool debug; /* measured confidential debug; means nothing without isolation */
};

/* True when the item passes. What is not in the table does not, nor does an isolation without a column. */
bool filter_keeps(const struct filter_context *context, enum filter_item item);

/* The item of that group and name (size bytes, no NUL), or VL_E_NOTFOUND, which filter_keeps refuses. */
int filter_find(enum filter_group group, const char *name, size_t size);

/* For the document and the tests; NULL for a number that is no item. */
const struct filter_row *filter_row(enum filter_item item);
const char *filter_group_name(enum filter_group group);

struct dps_settings;
/*
 * Puts the strictest value in the place of every platform setting that does not
 * pass (dps.c; not for the shim). A field that has no row passes as DPS_OTHER does.
 */
void filter_settings(const struct filter_context *context, struct dps_settings *settings);

#endif
