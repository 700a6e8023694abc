/*
 * `vallumctl boot`: the marks of the boot, which the paravisor keeps in its inspect tree, as a
 * table or a chart. Marks count in 100 ns since the partition began.
 */
#include "tools/vallumctl/chart.h"
#include "tools/vallumctl/commands.h"
#include "tools/vallumctl/tree.h"

#include <string.h>

#define BOOT_PATH "boot"
#define MARK_UNIT_NS 100u

static int add_phase(struct chart *chart, const struct inspect_entry *e)
{
	struct chart_phase *p = &chart->phases[chart->count];

	if (e->node.kind != INSPECT_NODE_VALUE || e->node.value.type != INSPECT_UNSIGNED)
		return VL_E_TYPE;
	if (chart->count == CHART_PHASE_MAX || e->name_size >= sizeof(p->name))
		return VL_E_LIMIT;
	if (e->node.value.u64 > UINT64_MAX / MARK_UNIT_NS)
		return VL_E_RANGE;
	memcpy(p->name, e->name, e->name_size);
	p->name[e->name_size] = 0;
	p->start_ns = e->node.value.u64 * MARK_UNIT_NS;
	chart->count++;
	return 0;
}

static int read_phases(struct ctl *c, const struct inspect_node *root, struct chart *chart)
{
	struct vl_reader entries = root->entries;
	struct inspect_entry e;
	int err = root->kind == INSPECT_NODE_DIR ? 0 : VL_E_TYPE;

	chart->count = 0;
	while (!err && inspect_next(&entries, &e))
		err = add_phase(chart, &e);
	if (err)
		return ctl_fail(c, CTL_PROTOCOL, "the marks of the boot cannot be read: %s",
				vl_err_text(err));
	if (!chart->count)
		return ctl_fail(c, CTL_REFUSED, "this paravisor has no marks of its boot");
	chart_sort(chart);
	return CTL_OK;
}

static int write_svg(struct ctl *c, const struct chart *chart)
{
	char title[256];
	struct ctl_file f;
	int status = ctl_create(c, &f, c->options.svg);

	if (status)
		return status;
	snprintf(title, sizeof(title), "Boot of %s", c->options.vsock);
	chart_svg(chart, title, f.stream);
	return ctl_commit(c, &f);
}

static int show(struct ctl *c, const struct inspect_node *root)
{
	static struct chart chart;
	int status;

	if (c->options.json)
		tree_json(c, root);
	status = tree_failed(c, BOOT_PATH, root);
	if (status || c->options.json)
		return status;
	status = read_phases(c, root, &chart);
	if (status)
		return status;
	if (c->options.svg)
		return write_svg(c, &chart);
	chart_table(c, &chart);
	return CTL_OK;
}

int ctl_boot(struct ctl *c)
{
	struct inspect_node root;
	struct rpc r;
	int status = rpc_open(c, &r);

	if (!status)
		status = tree_ask(c, &r, BOOT_PATH, TREE_ALL, &root);
	if (!status)
		status = show(c, &root);
	rpc_close(&r);
	return status;
}
