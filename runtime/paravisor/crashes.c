/* crashes.h. Called by the paravisor's one thread. */
#include "runtime/paravisor/crashes.h"
#include "common/base/fmt.h"
#include "runtime/lib/clock.h"

#include <string.h>

static void redact(const struct filter_context *f, struct crash_report *r)
{
	if (!filter_keeps(f, FILTER_TELL_REGISTERS)) {
		r->text_base = 0;
		r->record.address = 0;
		r->record.register_count = 0;
		memset(r->record.registers, 0, sizeof(r->record.registers));
		r->stack_size = 0;
		memset(r->stack, 0, sizeof(r->stack));
	}
	if (!filter_keeps(f, FILTER_TELL_LOG)) {
		r->record.log_size = 0;
		memset(r->record.log, 0, sizeof(r->record.log));
	}
}

void crashes_keep(struct crashes *c, const char *program, const struct crash_report *report)
{
	struct crash_report *r = &c->list[c->count % CRASH_REPORT_MAX];

	*r = *report;
	r->number = ++c->count;
	r->program = program;
	r->boot_ns = clock_boot_ns();
	redact(c->filter, r);
}

static uint64_t oldest(const struct crashes *c)
{
	return c->count > CRASH_REPORT_MAX ? c->count - CRASH_REPORT_MAX + 1 : 1;
}

const struct crash_report *crashes_next(struct crashes *c)
{
	if (c->told == c->count)
		return NULL;
	c->told = c->told + 1 < oldest(c) ? oldest(c) : c->told + 1;
	return &c->list[(c->told - 1) % CRASH_REPORT_MAX];
}

size_t crash_title(const struct crash_report *r, char *text, size_t room)
{
	size_t size = vl_format(text, room, "%s (process %d) crashed: signal %u", r->program, (int)r->pid,
		r->record.signal);

	if (r->record.address && size < room)
		size += vl_format(text + size, room - size, " at 0x%llx",
				(unsigned long long)r->record.address);
	return size;
}

static void put_detail(const struct crash_report *r, struct inspect *i)
{
	char line[CRASH_LINE_MAX], name[24];
	unsigned at = crash_register_lines(&r->record), n = 0;

	if (r->record.register_count && inspect_open(i, "registers", INSPECT_SENSITIVE)) {
		for (unsigned k = 0; k < r->record.register_count; k++)
			inspect_u64(i, crash_register_name(k), INSPECT_SENSITIVE, INSPECT_HEX,
					r->record.registers[k]);
		inspect_close(i);
	}
	if (r->stack_size)
		inspect_bytes(i, "stack", INSPECT_SENSITIVE, r->stack, r->stack_size);
	if (!r->record.log_size || !inspect_open(i, "log", INSPECT_SENSITIVE))
		return;
	while (crash_text(&r->record, &at, line)) {
		vl_format(name, sizeof(name), "%02u", n++);
		inspect_text(i, name, INSPECT_SENSITIVE, line);
	}
	inspect_close(i);
}

static void put_report(const struct crash_report *r, struct inspect *i)
{
	char name[24];

	vl_format(name, sizeof(name), "%llu", (unsigned long long)r->number);
	if (!inspect_open(i, name, INSPECT_SAFE))
		return;
	inspect_text(i, "process", INSPECT_SAFE, r->program);
	inspect_text(i, "version", INSPECT_SAFE, VL_VERSION);
	inspect_u64(i, "pid", INSPECT_SAFE, INSPECT_PLAIN, (uint64_t)r->pid);
	inspect_u64(i, "signal", INSPECT_SAFE, INSPECT_PLAIN, r->record.signal);
	inspect_i64(i, "signal-code", INSPECT_SAFE, r->record.code);
	inspect_u64(i, "time-ns", INSPECT_SAFE, INSPECT_PLAIN, r->boot_ns);
	inspect_bool(i, "left-a-record", INSPECT_SAFE, r->record.version != 0);
	if (r->record.address)
		inspect_u64(i, "address", INSPECT_SENSITIVE, INSPECT_HEX, r->record.address);
	if (r->text_base)
		inspect_u64(i, "text-base", INSPECT_SENSITIVE, INSPECT_HEX, r->text_base);
	put_detail(r, i);
	inspect_close(i);
}

void crashes_inspect(const struct crashes *c, struct inspect *i)
{
	if (!inspect_open(i, "crashes", INSPECT_SAFE))
		return;
	inspect_u64(i, "count", INSPECT_SAFE, INSPECT_COUNT, c->count);
	inspect_u64(i, "no-longer-kept", INSPECT_SAFE, INSPECT_COUNT, oldest(c) - 1);
	for (uint64_t n = oldest(c); n <= c->count; n++)
		put_report(&c->list[(n - 1) % CRASH_REPORT_MAX], i);
	inspect_close(i);
}
