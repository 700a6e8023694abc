/*
 * The filter of the platform settings (filter.h). Called by the paravisor once
 * the host's document was decoded; the values are the host's wishes.
 */
#include "common/get/dps.h"
#include "security/filter/filter.h"

#include <string.h>

static bool keeps(const void *context, const char *path)
{
	int item = filter_find(FILTER_SETTING, path, strlen(path));

	return filter_keeps(context, item < 0 ? FILTER_DPS_OTHER : (enum filter_item)item);
}

void filter_settings(const struct filter_context *context, struct dps_settings *settings)
{
	struct dps_settings strict;

	dps_defaults(&strict);
	strict.secure_boot_enabled = true;
	strict.measure_additional_pcrs = true;
	dps_replace(settings, &strict, keeps, context);
}
