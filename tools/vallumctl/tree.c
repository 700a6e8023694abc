/* Parts of the inspect tree, asked for and read (tree.h). */
#include "tools/vallumctl/tree.h"
#include "common/protobuf/protobuf.h"

#include <string.h>

static int check(struct ctl *c, const char *path, const struct ttrpc_response *a, struct inspect_node *root)
{
	const uint8_t *node;
	size_t size;
	int err = diag_response_decode(a->payload, a->payload_size, &node, &size);

	if (!err)
		err = inspect_check(node, size, INSPECT_SENSITIVE);
	if (!err)
		err = inspect_node_read(node, size, root);
	if (err)
		return ctl_fail(c, CTL_PROTOCOL, "the tree at '%s' cannot be read: %s", path,
				vl_err_text(err));
	if (root->kind == INSPECT_NODE_FAILED && root->error == INSPECT_NOT_FOUND)
		return ctl_fail(c, CTL_REFUSED,
				"there is no '%s' in the inspect tree of this paravisor", path);
	return CTL_OK;
}

int tree_ask(struct ctl *c, struct rpc *r, const char *path, unsigned depth, struct inspect_node *root)
{
	struct diag_inspect_request q = { .depth = depth };
	uint8_t payload[RPC_PAYLOAD_MAX];
	struct vl_writer w;
	int status;

	if (strlen(path) >= sizeof(q.path))
		return ctl_fail(c, CTL_USAGE, "the path is longer than %zu bytes", sizeof(q.path) - 1);
	if (!pb_is_text(path, strlen(path)))
		return ctl_fail(c, CTL_USAGE, "the path is no UTF-8");
	memcpy(q.path, path, strlen(path));
	vl_writer_init(&w, payload, sizeof(payload));
	diag_inspect_encode(&w, &q);
	status = rpc_call(c, r, DIAG_SERVICE_INSPECT, "Inspect", payload, w.pos);
	return status ? status : check(c, path, &r->answer, root);
}

/* --- What failed ------------------------------------------------------------------------------ */

struct failures {
	char where[INSPECT_PATH_MAX]; /* the present node; when `count` is not 0, the first that failed */
	unsigned count;
	bool late;
	enum inspect_error first;
};

static void find_failures(struct failures *f, const struct inspect_node *n)
{
	struct vl_reader entries = n->entries;
	size_t size = strlen(f->where);
	struct inspect_entry e;

	if (n->kind == INSPECT_NODE_FAILED) {
		f->first = f->count++ ? f->first : n->error;
		f->late |= n->error == INSPECT_UNRESOLVED;
	}
	if (n->kind != INSPECT_NODE_DIR)
		return;
	while (inspect_next(&entries, &e)) {
		if (!f->count)
			snprintf(f->where + size, sizeof(f->where) - size, "%s%.*s", size ? "/" : "",
				(int)e.name_size, (const char *)e.name);
		find_failures(f, &e.node);
	}
	if (!f->count)
		f->where[size] = 0;
}

int tree_failed(struct ctl *c, const char *path, const struct inspect_node *root)
{
	struct failures f = { .count = 0 };
	char others[48] = "";

	snprintf(f.where, sizeof(f.where), "%s", path);
	find_failures(&f, root);
	if (!f.count)
		return CTL_OK;
	if (f.count > 1)
		snprintf(others, sizeof(others), "; %u parts are missing in all", f.count);
	return ctl_fail(c, f.late ? CTL_UNREACHABLE : CTL_REFUSED, "%s: %s%s",
		f.where[0] ? f.where : "the tree", tree_error_text(f.first), others);
}

int tree_show(struct ctl *c, const char *path)
{
	struct inspect_node root;
	struct rpc r;
	int status = rpc_open(c, &r);

	if (!status)
		status = tree_ask(c, &r, path, TREE_ALL, &root);
	if (!status && c->options.json)
		tree_json(c, &root);
	else if (!status)
		tree_text(c, &root);
	if (!status)
		status = tree_failed(c, path, &root);
	rpc_close(&r);
	return status;
}

bool tree_find(const struct inspect_node *folder, const char *name, struct inspect_entry *e)
{
	struct vl_reader entries = folder->entries;

	if (folder->kind != INSPECT_NODE_DIR)
		return false;
	while (inspect_next(&entries, e))
		if (e->name_size == strlen(name) && !memcmp(e->name, name, e->name_size))
			return true;
	return false;
}

bool tree_number(const struct inspect_node *folder, const char *name, uint64_t *out)
{
	struct inspect_entry e;

	if (!tree_find(folder, name, &e) || e.node.kind != INSPECT_NODE_VALUE ||
			e.node.value.type != INSPECT_UNSIGNED)
		return false;
	*out = e.node.value.u64;
	return true;
}

void tree_string(const struct inspect_node *folder, const char *name, char *out, size_t room)
{
	struct inspect_entry e;
	size_t size;

	out[0] = 0;
	if (!tree_find(folder, name, &e) || e.node.kind != INSPECT_NODE_VALUE ||
			e.node.value.type != INSPECT_STRING)
		return;
	size = e.node.value.size < room ? e.node.value.size : room - 1;
	memcpy(out, e.node.value.bytes, size);
	out[size] = 0;
}
