/*
 * `vallumctl profile`: has VTL2 profiled and draws the folded stacks
 * (runtime/profiler/profiler.h) as a flame graph. The stacks are hostile.
 */
#include "tools/vallumctl/commands.h"
#include "tools/vallumctl/flame.h"
#include "tools/vallumctl/link.h"
#include "tools/vallumctl/rpc.h"

#include <string.h>

#define TOP_COUNT 20
#define BYTES_MAX (64u << 20) /* of a whole profile */

struct profile {
	struct ctl *c;
	struct flame flame;
	FILE *folded; /* or NULL */
	uint64_t began_ms;
	size_t bytes, size; /* in all; of the present line */
	char line[FLAME_LINE_MAX];
};

static void build(void *context, struct vl_writer *w, uint64_t id)
{
	const struct profile *p = context;
	const struct diag_profile_request q = { .conn = id, .duration_s = p->c->options.seconds,
		.hertz = p->c->options.hertz };

	diag_profile_encode(w, &q);
}

static void tick(void *context)
{
	const struct profile *p = context;
	uint64_t passed_s = (link_now_ms() - p->began_ms) / 1000;

	if (passed_s < p->c->options.seconds)
		ctl_progress(p->c, "profiling: %llu of %u s", (unsigned long long)passed_s,
				p->c->options.seconds);
	else
		ctl_progress(p->c, "naming functions: %zu KiB", p->bytes >> 10);
}

static int end_line(struct profile *p)
{
	int err = flame_add(&p->flame, p->line, p->size);

	if (err)
		return ctl_fail(p->c, CTL_PROTOCOL, "a line of the profile cannot be read: %s",
				vl_err_text(err));
	if (p->folded)
		ctl_put_text(p->folded, p->line, p->size), fputc('\n', p->folded);
	p->size = 0;
	return CTL_OK;
}

static int take(void *context, const char *data, size_t size)
{
	struct profile *p = context;
	int status = CTL_OK;

	p->bytes += size;
	if (p->bytes > BYTES_MAX)
		return ctl_fail(p->c, CTL_PROTOCOL, "the profile is larger than %u MiB", BYTES_MAX >> 20);
	for (size_t i = 0; !status && i < size; i++) {
		if (data[i] == '\n')
			status = end_line(p);
		else if (p->size == sizeof(p->line))
			return ctl_fail(p->c, CTL_PROTOCOL, "a line of the profile is longer than %u bytes",
				FLAME_LINE_MAX);
		else
			p->line[p->size++] = data[i];
	}
	return status;
}

static int draw(struct profile *p, struct ctl_file *f)
{
	const struct ctl_options *o = &p->c->options;
	char title[256], subtitle[160];
	const struct flame_text text = { title, subtitle };

	snprintf(title, sizeof(title), "VTL2 of %s", o->vsock);
	snprintf(subtitle, sizeof(subtitle),
		"%llu samples in %u s at %u Hz on each CPU; idle time is left out",
		(unsigned long long)p->flame.nodes[0].count, o->seconds, o->hertz);
	if (!flame_svg(&p->flame, &text, f->stream))
		return ctl_commit(p->c, f);
	ctl_discard(f);
	return ctl_fail(p->c, CTL_USAGE, "%s: not enough memory to draw", o->svg);
}

static int list(struct profile *p)
{
	const struct ctl_options *o = &p->c->options;

	if (!p->flame.nodes[0].count)
		fprintf(p->c->err, "vallumctl: no samples: VTL2 was idle all the time\n");
	if ((o->svg && !strcmp(o->svg, "-")) || (o->folded && !strcmp(o->folded, "-")))
		return CTL_OK;
	return flame_top(&p->flame, TOP_COUNT, p->c->out) ?
			ctl_fail(p->c, CTL_USAGE, "not enough memory") : CTL_OK;
}

static int sample(struct profile *p)
{
	/* The time of the profile itself, and what may pass between two pieces. */
	const struct rpc_stream s = { .service = DIAG_SERVICE_PROFILE, .method = "Profile", .build = build,
		.take = take, .tick = tick, .context = p,
		.limit_s = p->c->options.seconds + p->c->options.timeout_s };
	int status = rpc_stream(p->c, &s);

	ctl_progress_end(p->c);
	if (!status && p->size)
		status = ctl_fail(p->c, CTL_PROTOCOL, "the profile ends within a line");
	return status;
}

static int run(struct profile *p)
{
	const struct ctl_options *o = &p->c->options;
	struct ctl_file folded = { .stream = NULL }, svg = { .stream = NULL };
	int status = o->folded ? ctl_create(p->c, &folded, o->folded) : CTL_OK;

	if (!status && o->svg)
		status = ctl_create(p->c, &svg, o->svg);
	p->folded = folded.stream;
	if (!status)
		status = sample(p);
	if (!status && folded.stream)
		status = ctl_commit(p->c, &folded);
	if (!status && svg.stream)
		status = draw(p, &svg);
	ctl_discard(&folded);
	ctl_discard(&svg);
	return status ? status : list(p);
}

int ctl_profile(struct ctl *c)
{
	static struct profile p; /* too big for a stack */
	int status;

	p = (struct profile){ .c = c, .began_ms = link_now_ms() };
	if (flame_create(&p.flame))
		return ctl_fail(c, CTL_USAGE, "not enough memory");
	status = run(&p);
	flame_destroy(&p.flame);
	return status;
}
