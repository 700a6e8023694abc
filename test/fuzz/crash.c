/*
 * Fuzzes what a dying process leaves: the input's first byte chooses whether the VM is isolated (bit 0) and
 * whether it left as many reports as are kept, and one more (bit 1), and whether the rest begins with what
 * the process said first (bit 2); then comes the record as its parent reads it, with what is behind it as the
 * stack. A record that passes goes the whole way: lines for log and host, the kept report, the inspect tree,
 * and vallumctl's text and JSON.
 */
#include "common/inspect/view.h"
#include "runtime/lib/channel.h"
#include "runtime/lib/inspect_unit.h"
#include "runtime/lib/text.h"
#include "runtime/paravisor/crashes.h"
#include "tools/vallumctl/tree.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FILE *nowhere;
static int channel[2];

static void read_lines(const struct crash_record *r)
{
	char line[CRASH_LINE_MAX];
	unsigned at = 0, lines = 0;

	while (crash_text(r, &at, line)) {
		if (++lines > CRASH_REGISTER_MAX + CRASH_LOG_BYTES)
			abort();
		for (const char *c = line; *c; c++)
			if (*c < ' ' || *c > '~')
				abort();
	}
}

static void show(const struct crash_report *report, enum isolation isolation, unsigned count)
{
	static uint8_t bytes[INSPECT_UNIT_NODE_MAX];
	const struct inspect_request q = { .path = "", .depth = INSPECT_ALL, .level = INSPECT_SENSITIVE };
	const struct filter_context filter = { .isolation = isolation };
	struct ctl c = { .out = nowhere, .err = nowhere, .colour = true };
	struct crashes kept = { .filter = &filter };
	struct inspect_node root;
	struct inspect i;
	int64_t end;

	for (unsigned n = 0; n < count; n++)
		crashes_keep(&kept, "vallum-vm", report);
	inspect_begin(&i, &q, bytes, sizeof(bytes));
	crashes_inspect(&kept, &i);
	end = inspect_end(&i);
	/* All that can be kept fits an answer. */
	if (end < 0 || inspect_check(bytes, (size_t)end, q.level) ||
			inspect_node_read(bytes, (size_t)end, &root))
		abort();
	tree_text(&c, &root);
	tree_json(&c, &root);
	if (isolation != ISOLATION_NONE &&
			(kept.list[0].record.register_count || kept.list[0].record.log_size ||
			kept.list[0].record.address || kept.list[0].text_base || kept.list[0].stack_size))
		abort();
}

static void send_piece(const uint8_t **data, size_t *size, size_t most)
{
	size_t piece = *size < most ? *size : most;

	if (piece && channel_send(channel[1], *data, piece, NULL, 0, 0))
		abort();
	*data += piece;
	*size -= piece;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct crash_report report = { .pid = 7 };
	enum isolation isolation;
	unsigned count;
	size_t first;

	if (!nowhere) {
		nowhere = fopen("/dev/null", "w");
		if (!nowhere || channel_pair(channel))
			abort();
	}
	if (!size)
		return 0;
	isolation = data[0] & 1 ? ISOLATION_VBS : ISOLATION_NONE;
	count = data[0] & 2 ? CRASH_REPORT_MAX + 1 : 1;
	first = data[0] & 4 ? sizeof(struct text_hello) : 0;
	data++, size--;
	send_piece(&data, &size, first);
	report.text_base = text_hear(channel[0]);
	send_piece(&data, &size, sizeof(report.record));
	send_piece(&data, &size, CRASH_STACK_BYTES + 1);
	if (crash_receive(channel[0], &report.record, report.stack, &report.stack_size) == 0) {
		read_lines(&report.record);
		show(&report, isolation, count);
	}
	/* What is left of it must not meet the next one. */
	while (read(channel[0], report.stack, sizeof(report.stack)) > 0)
		;
	return 0;
}
