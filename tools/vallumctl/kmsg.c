/* Records of the kernel's log (kmsg.h). */
#include "tools/vallumctl/kmsg.h"

#include <string.h>

#define LEVEL_MASK 7u
#define FACILITY_SHIFT 3 /* facility 0 is the kernel's */

/* Decimal digits up to `end`; NULL when there are none or too many. */
static const char *number(const char *p, const char *limit, char end, uint64_t *out)
{
	const char *from = p;

	for (*out = 0; p < limit && *p >= '0' && *p <= '9' && p - from < 19; p++)
		*out = *out * 10 + (uint64_t)(*p - '0');
	return p > from && p < limit && *p == end ? p + 1 : NULL;
}

/* The boot shim's lines, which the paravisor hands on. */
#define SHIM "vallum: shim: "

static void find_process(struct kmsg_record *r, bool of_kernel)
{
	r->process = of_kernel ? "kernel" : r->text;
	r->process_size = of_kernel ? strlen("kernel") : 0;
	if (!of_kernel && r->text_size >= strlen(SHIM) && !memcmp(r->text, SHIM, strlen(SHIM))) {
		r->process = r->text + strlen("vallum: ");
		r->process_size = strlen("shim");
		return;
	}
	for (size_t i = 0; !of_kernel && i + 1 < r->text_size && r->text[i] != ' '; i++)
		if (r->text[i] == ':' && r->text[i + 1] == ' ') {
			r->process_size = i;
			return;
		}
}

int kmsg_parse(const char *record, size_t size, struct kmsg_record *out)
{
	const char *limit = record + size, *p, *end;
	uint64_t priority, sequence;

	p = number(record, limit, ',', &priority);
	if (p)
		p = number(p, limit, ',', &sequence);
	if (p)
		p = number(p, limit, ',', &out->us);
	if (p)
		p = memchr(p, ';', (size_t)(limit - p));
	if (!p)
		return VL_E_FORMAT;
	out->level = (unsigned)priority & LEVEL_MASK;
	out->text = p + 1;
	/* What follows the first line are the kernel's keys. */
	end = memchr(out->text, '\n', (size_t)(limit - out->text));
	out->text_size = (size_t)((end ? end : limit) - out->text);
	find_process(out, priority >> FACILITY_SHIFT == 0);
	return 0;
}
