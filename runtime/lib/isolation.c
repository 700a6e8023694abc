/* Reads how the VM is isolated (isolation.h). The two properties are the shim's own, not the host's. */
#include "runtime/lib/isolation.h"

int isolation_read(struct filter_context *out, const struct devtree *t)
{
	char name[8], nothing[1];
	int err = devtree_string(t, "openhcl/isolation-type", name, sizeof(name));

	/* An isolation without a column in the table: nothing passes. */
	*out = (struct filter_context){ .isolation = ISOLATION_COUNT };
	if (!err)
		err = isolation_parse(name, &out->isolation);
	if (!err)
		out->debug = devtree_read(t, "openhcl/vallum,confidential-debug", nothing,
				sizeof(nothing)) == 0;
	return err;
}
