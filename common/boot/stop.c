/* Stopping with a reason (stop.h). Called by shim_main and by the ports' exception handlers. */
#include "common/boot/stop.h"
#include "common/base/fmt.h"
#include "common/base/log.h"
#include "common/boot/port.h"
#include "common/hv/hv.h"

/* The processor may be in any state: no argument can carry these here. */
static bool may_report;
static char message[BOOT_ERROR_TEXT_MAX + 96];

void boot_stop_init(bool report)
{
	may_report = report;
}

void boot_stop(const struct boot_error *error, uint64_t pc)
{
	size_t length = vl_format(message, sizeof(message), "VTL2 boot stopped: %s (%s: %s)", error->text,
		vl_err_name(error->code), vl_err_text(error->code));
	uint64_t p[5] = { BOOT_STOP_TAG, (uint64_t)(int64_t)error->code, pc, (uintptr_t)message, length };

	if (length >= sizeof(message))
		p[4] = sizeof(message) - 1;
	vl_error("%s", message);
	if (may_report)
		port_crash(p, HV_CRASH_CTL_NOTIFY | HV_CRASH_CTL_MESSAGE | HV_CRASH_CTL_NO_CRASH_DUMP);
	port_halt();
}
