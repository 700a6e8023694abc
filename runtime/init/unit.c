/*
 * Init's part of the inspect tree (init.h): how VTL2 came up before there was a paravisor. All of it may be
 * seen by everybody: numbers, and words of ours; nothing that stands on the kernel command line.
 */
#include "common/base/fmt.h"
#include "runtime/init/init.h"
#include "runtime/lib/isolation.h"

static void put_ns(struct inspect *i, const char *name, uint64_t ns)
{
	inspect_u64(i, name, INSPECT_SAFE, INSPECT_PLAIN, ns);
}

static void put_steps(const struct init_facts *f, struct inspect *i)
{
	static const char *const names[INIT_STEP_COUNT] = {
		[INIT_MOUNTS] = "mounts-ns", [INIT_DEVICES] = "devices-ns", [INIT_SETTINGS] = "settings-ns",
		[INIT_CAGE] = "cage-ns", [INIT_ENTROPY] = "entropy-ns", [INIT_PARAVISOR] = "paravisor-ns",
	};
	uint64_t since_ns = f->began_ns;

	if (!inspect_open(i, "steps", INSPECT_SAFE))
		return;
	for (unsigned n = 0; n < INIT_STEP_COUNT; n++) {
		put_ns(i, names[n], f->done_ns[n] - since_ns);
		since_ns = f->done_ns[n];
	}
	inspect_close(i);
}

void init_inspect(void *context, struct inspect *i)
{
	const struct init_facts *f = context;

	put_ns(i, "began-ns", f->began_ns);
	put_ns(i, "paravisor-started-ns", f->done_ns[INIT_PARAVISOR]);
	put_steps(f, i);
	inspect_text(i, "isolation", INSPECT_SAFE, f->filter.isolation < ISOLATION_COUNT ?
		isolation_name(f->filter.isolation) : "unknown");
	inspect_u64(i, "options-passed", INSPECT_SAFE, INSPECT_COUNT, f->options_passed);
	inspect_u64(i, "options-ignored", INSPECT_SAFE, INSPECT_COUNT, f->options_ignored);
	inspect_text(i, "host-entropy", INSPECT_SAFE, f->entropy ? vl_err_text(f->entropy) :
		f->entropy_counts ? "mixed in and credited" : "mixed in, not credited");
	inspect_text(i, "cage", INSPECT_SAFE, f->narrow ? "waiting" : "starting");
	inspect_u64(i, "orphans-reaped", INSPECT_SAFE, INSPECT_COUNT, f->reaped);
}
