/*
 * The one request that a hardened diagnostics server knows (diag.h): a file of its own, so that
 * of all others not even their decoders are linked there. Hostile.
 */
#include "common/diag/diag.h"
#include "common/protobuf/protobuf.h"

#include <string.h>

int diag_inspect_decode(const void *data, size_t size, struct diag_inspect_request *q)
{
	struct vl_reader r;
	struct pb_field f;

	memset(q, 0, sizeof(*q));
	vl_reader_init(&r, data, size);
	while (pb_next(&r, &f)) {
		if (f.number == DIAG_INSPECT_PATH)
			pb_string(&r, &f, q->path, sizeof(q->path));
		else if (f.number == DIAG_INSPECT_DEPTH)
			q->depth = pb_u32(&r, &f);
	}
	return r.err;
}
