/* Checks of the messages (profiler.h): a request holds a client's wishes, a result is a worker's word. */
#include "runtime/profiler/profiler.h"
#include "common/base/fmt.h"

#include <string.h>

static bool good_name(const char *name)
{
	size_t n = strnlen(name, PROFILER_NAME_MAX);

	return n > 0 && n < PROFILER_NAME_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

int profiler_request_check(const struct profiler_request *q, size_t size)
{
	if (size != sizeof(*q))
		return VL_E_TRUNCATED;
	if (q->version != PROFILER_VERSION)
		return VL_E_VERSION;
	if (q->seconds < 1 || q->seconds > PROFILER_SECONDS_MAX || q->hertz < 1 ||
			q->hertz > PROFILER_HERTZ_MAX)
		return VL_E_RANGE;
	if (q->process_count > PROFILER_PROCESS_MAX)
		return VL_E_LIMIT;
	for (uint32_t i = 0; i < q->process_count; i++)
		if (!good_name(q->processes[i].name))
			return VL_E_FORMAT;
	return 0;
}

int profiler_memory_check(uint64_t free_bytes, char text[PROFILER_TEXT_MAX])
{
	if (free_bytes >= PROFILER_FREE_MIN_BYTES)
		return 0;
	vl_format(text, PROFILER_TEXT_MAX, "only %llu KiB of VTL2's memory are free, a profile wants %u KiB",
		(unsigned long long)free_bytes >> 10, PROFILER_FREE_MIN_BYTES >> 10);
	return VL_E_NOMEM;
}

int profiler_result_check(const struct profiler_result *r, size_t size)
{
	if (size != sizeof(*r))
		return VL_E_TRUNCATED;
	if (r->error > 0 || r->error <= -VL_ERR_COUNT)
		return VL_E_RANGE;
	return strnlen(r->text, sizeof(r->text)) == sizeof(r->text) ? VL_E_FORMAT : 0;
}
