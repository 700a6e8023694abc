/*
 * Reads an encoded inspect tree (inspect.h) in place, allocation-free. Used by
 * clients, and by the diagnostics server on what other processes answer; both
 * treat it as hostile: inspect_check() first, then the tree may be walked.
 */
#ifndef VL_INSPECT_VIEW_H
#define VL_INSPECT_VIEW_H

#include "common/inspect/inspect.h"

enum inspect_kind { /* of a node; numbers of the wire */
	INSPECT_NODE_UNEVALUATED = 1,
	INSPECT_NODE_FAILED = 2,
	INSPECT_NODE_VALUE = 3,
	INSPECT_NODE_DIR = 4,
};

enum inspect_type { /* of a value; numbers of the wire */
	INSPECT_SIGNED = 1,
	INSPECT_UNSIGNED = 2,
	INSPECT_FLOAT = 3,
	INSPECT_DOUBLE = 4,
	INSPECT_BOOL = 5,
	INSPECT_STRING = 6,
	INSPECT_BYTES = 7,
};

struct inspect_value {
	enum inspect_type type;
	uint64_t flags;       /* INSPECT_HEX and its like; unknown bits are kept */
	union {
		int64_t i64;  /* SIGNED */
		uint64_t u64; /* UNSIGNED, BOOL (0 or 1); FLOAT, DOUBLE: IEEE 754 bits, 32 or 64 */
	};
	const uint8_t *bytes; /* STRING (UTF-8, no NUL at its end), BYTES: a view */
	size_t size;
};

struct inspect_node {
	enum inspect_kind kind;
	enum inspect_error error;   /* FAILED */
	const uint8_t *text;        /* FAILED: why, a view of UTF-8; may be empty */
	size_t text_size;
	struct inspect_value value; /* VALUE */
	struct vl_reader entries;   /* DIR: for inspect_next() */
};

struct inspect_entry {
	const uint8_t *name; /* UTF-8, a view */
	size_t name_size;
	enum inspect_level level; /* 0: none was given */
	struct inspect_node node;
};

/*
 * Decodes one Node without looking into its folders. Errors of protobuf.h;
 * VL_E_MISSING (no variant); VL_E_FORMAT (a text that is not UTF-8).
 */
int inspect_node_read(const void *data, size_t size, struct inspect_node *n);
/* An encoded Value, as UpdateResponse has it. */
int inspect_value_read(const void *data, size_t size, struct inspect_value *v);
/* The next entry of a folder; false at its end and after an error, which is in entries->err. */
bool inspect_next(struct vl_reader *entries, struct inspect_entry *e);

/*
 * Walks the whole tree: 0 when every node in it can be read, no folder is
 * deeper than INSPECT_DEPTH_MAX (VL_E_LIMIT), every name is text without a
 * slash and not longer than INSPECT_NAME_MAX (VL_E_FORMAT, VL_E_LIMIT), and no
 * entry is above `level` or without one (VL_E_DENIED).
 */
int inspect_check(const void *node, size_t size, enum inspect_level level);

#endif
