/*
 * `vallumctl log`: VTL2's one log, as the kernel keeps it (Linux,
 * Documentation/ABI/testing/dev-kmsg): records "priority,sequence,microseconds,
 * flags;text" with a NUL behind each. The bytes are the paravisor's and hostile.
 */
#include "tools/vallumctl/commands.h"
#include "tools/vallumctl/kmsg.h"
#include "tools/vallumctl/rpc.h"

#include <string.h>

#define RECORD_MAX 8192

struct log {
	struct ctl *c;
	char record[RECORD_MAX];
	size_t size;
};

static const char *style_of(const struct ctl *c, unsigned level)
{
	return ctl_style(c, level <= 3 ? CTL_RED : level == 4 ? CTL_YELLOW : level >= 7 ? CTL_DIM : "");
}

static bool wanted(const struct ctl_options *o, const struct kmsg_record *r)
{
	if (o->since_s >= 0 && (double)r->us < o->since_s * 1e6)
		return false;
	return !o->process || (strlen(o->process) == r->process_size &&
		!memcmp(o->process, r->process, r->process_size));
}

static int show_record(struct log *l)
{
	struct ctl *c = l->c;
	struct kmsg_record r;
	int err = kmsg_parse(l->record, l->size, &r);

	l->size = 0;
	if (err)
		return ctl_fail(c, CTL_PROTOCOL, "a record of the log cannot be read: %s", vl_err_text(err));
	if (!wanted(&c->options, &r))
		return CTL_OK;
	fprintf(c->out, "%s[%5llu.%06llu]%s %s", ctl_style(c, CTL_GREEN),
		(unsigned long long)(r.us / 1000000),
		(unsigned long long)(r.us % 1000000), ctl_style(c, CTL_PLAIN), style_of(c, r.level));
	ctl_put_text(c->out, r.text, r.text_size);
	fprintf(c->out, "%s\n", style_of(c, r.level)[0] ? CTL_PLAIN : "");
	return CTL_OK;
}

static int take(void *context, const char *data, size_t size)
{
	struct log *l = context;
	int status = CTL_OK;

	for (size_t i = 0; !status && i < size; i++) {
		if (data[i] == 0)
			status = show_record(l);
		else if (l->size == sizeof(l->record))
			return ctl_fail(l->c, CTL_PROTOCOL, "a record of the log is longer than %u bytes",
					RECORD_MAX);
		else
			l->record[l->size++] = data[i];
	}
	if (fflush(l->c->out))
		return ctl_fail(l->c, CTL_USAGE, "the output cannot be written");
	return status;
}

static void build(void *context, struct vl_writer *w, uint64_t id)
{
	const struct log *l = context;
	const struct diag_stream_request q = { .follow = l->c->options.follow, .conn = id };

	diag_stream_encode(w, &q);
}

int ctl_log(struct ctl *c)
{
	static struct log l; /* too big for a stack */
	struct rpc_stream s = { .service = DIAG_SERVICE, .method = "Kmsg", .build = build, .take = take,
		.context = &l };

	l = (struct log){ .c = c };
	s.limit_s = c->options.follow ? 0 : c->options.timeout_s;
	return rpc_stream(c, &s);
}
