/* What isolation drops of the host's configuration (filter.h). Input: a decoded tree of an untrusted host. */
#include "common/boot/filter.h"

#include <string.h>

const char *boot_isolation_name(enum boot_isolation isolation)
{
	static const char *const names[] = { "none", "vbs", "snp", "tdx", "cca" };

	return names[isolation];
}

bool can_trust_host(enum boot_isolation isolation, const struct boot_options *options)
{
	return isolation == BOOT_ISOLATION_NONE || options->confidential_debug;
}

void boot_filter(struct host_dt *host, enum boot_isolation isolation, bool trusted)
{
	/* No second view of VTL0's memory: hardware decides what is shared there. */
	if (isolation > BOOT_ISOLATION_VBS)
		host->alias_map_present = false;
	if (trusted)
		return;
	host->bootargs[0] = '\0';
	/* The shim carves VTL2's MMIO itself. */
	memset(&host->vmbus_vtl2.mmio, 0, sizeof(host->vmbus_vtl2.mmio));
	host->vmbus_vtl2.mmio_count = 0;
}
