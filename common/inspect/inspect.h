/*
 * The inspect tree: typed values in named folders, each entry with a
 * sensitivity level, as one encoded Node of the reference implementation's
 * protocol (its inspect.proto; layout below). Allocation-free.
 *
 * inspect.h writes: whoever has something to show walks all of it with the
 * calls below and need not care what was asked for. The writer keeps what
 * lies on the asked path, within the asked depth and level, and drops the rest:
 *
 *	inspect_begin(&i, &request, buffer, sizeof(buffer));
 *	if (inspect_open(&i, "vp0", INSPECT_SAFE)) {
 *		inspect_u64(&i, "exits", INSPECT_SAFE, INSPECT_COUNT, exits);
 *		inspect_close(&i);
 *	}
 *	size = inspect_end(&i);
 *
 * view.h reads: a client, or a server that passes on what another process sent.
 *
 * Node          1 unevaluated {} | 2 failed {1: Error} | 3 value {1: Value} | 4 dir {1: Entry ...}
 * Entry         1 name, 2 Node, 3 SensitivityLevel
 * Sensitivity   1 safe {} | 2 unspecified {} | 3 sensitive {}
 * Error         1 unresolved {} | 2 channel {1: text} | 3 immutable {} | 4 update {1: text} |
 *               5 not a directory {} | 6 not found {} | 7 internal {}
 * Value         1 kind, 2 flags {1: uint64}
 * kind          1 signed {1: sint64} | 2 unsigned {1: uint64} | 3 float {1: fixed32} |
 *               4 double {1: fixed64} | 5 bool {1: bool} | 6 string {1: string} | 7 bytes {1: bytes}
 * A zero or empty scalar is left out within its braces, and so are flags of 0.
 */
#ifndef VL_INSPECT_INSPECT_H
#define VL_INSPECT_INSPECT_H

#include "common/base/bytes.h"

#define INSPECT_PATH_MAX 256u /* bytes with the NUL */
#define INSPECT_NAME_MAX 64u  /* bytes with the NUL of an entry's name */
#define INSPECT_TEXT_MAX 1024u /* bytes with the NUL of a string value */
#define INSPECT_DEPTH_MAX 32u /* folders within folders; also what a reader accepts */
#define INSPECT_ALL 0xffffffffu /* a depth without limit */

/* Who may see an entry; the numbers of the wire. A request is given all up to its level. */
enum inspect_level {
	INSPECT_SAFE = 1,        /* never a secret: also from an isolated VM */
	INSPECT_UNSPECIFIED = 2, /* may say something about the guest */
	INSPECT_SENSITIVE = 3,   /* says something about the guest: registers, memory */
};

/* Numbers of the wire. */
enum inspect_error {
	INSPECT_UNRESOLVED = 1, /* whoever has it did not answer in time */
	INSPECT_CHANNEL = 2,
	INSPECT_IMMUTABLE = 3,
	INSPECT_UPDATE = 4,
	INSPECT_NOT_A_DIRECTORY = 5,
	INSPECT_NOT_FOUND = 6,
	INSPECT_INTERNAL = 7,
};

/* How a value is shown. */
enum { INSPECT_PLAIN = 0, INSPECT_HEX = 1, INSPECT_COUNT = 2, INSPECT_BINARY = 4 };

struct inspect_request {
	const char *path;   /* names between slashes; "" is the root; empty names are passed over */
	uint32_t depth;     /* folders below the path's end that are opened; 0: its entries only */
	enum inspect_level level;
	const char *value;  /* not NULL: update the value at `path` */
};

struct inspect {
	struct vl_writer w;
	struct inspect_request request;
	bool found, done; /* what stands at the path's end is being written; is written */
	bool updated;
	unsigned on_path; /* components of the path that open folders match */
	unsigned below;   /* open folders below the path's end */
	struct {
		uint8_t wanted, level;
	} folder[INSPECT_DEPTH_MAX]; /* open in the caller's walk */
	unsigned folder_count;
	size_t mark[INSPECT_DEPTH_MAX * 3 + 8]; /* of open messages */
	unsigned mark_count;
};

/* `request` may go away, its strings may not. VL_E_NOSPACE is kept in i->w.err; the tree is then unusable. */
void inspect_begin(struct inspect *i, const struct inspect_request *request, void *buffer, size_t room);
/*
 * The encoded Node's size, always a whole one: "not found" when nothing stood
 * at the path; for an update "immutable" when nothing there took the value.
 * VL_E_NOSPACE.
 */
int64_t inspect_end(struct inspect *i);

/* A folder. False: nothing in it is wanted, do not close it. Names have no slash and INSPECT_NAME_MAX. */
bool inspect_open(struct inspect *i, const char *name, enum inspect_level level);
void inspect_close(struct inspect *i);

void inspect_u64(struct inspect *i, const char *name, enum inspect_level level, unsigned flags, uint64_t v);
void inspect_i64(struct inspect *i, const char *name, enum inspect_level level, int64_t v);
void inspect_bool(struct inspect *i, const char *name, enum inspect_level level, bool v);
/* Longer texts are cut; what is not UTF-8 is shown as '?'. */
void inspect_text(struct inspect *i, const char *name, enum inspect_level level, const char *text);
void inspect_bytes(struct inspect *i, const char *name, enum inspect_level level, const void *data,
	size_t size);
/* An entry that could not be evaluated. `text` for CHANNEL and UPDATE, else NULL. */
void inspect_fail(struct inspect *i, const char *name, enum inspect_level level, enum inspect_error error,
	const char *text);

/*
 * The text to set the value `name` to when the request is to update just that,
 * else NULL. The caller sets it and writes the new value by one of the above,
 * or refuses by inspect_fail(.., INSPECT_UPDATE, why).
 */
const char *inspect_update(struct inspect *i, const char *name, enum inspect_level level);

/*
 * An entry that another process has. False: it is not wanted. Else *rest is
 * what to ask it for, and its answer, an encoded Node that inspect_check() has
 * passed, goes to inspect_graft(), or its failure to inspect_fail(), before
 * anything else is written.
 */
bool inspect_foreign(struct inspect *i, const char *name, enum inspect_level level,
	struct inspect_request *rest);
void inspect_graft(struct inspect *i, const char *name, enum inspect_level level, const void *node,
	size_t size);

/* A whole Node that is one failure, for who cannot say more; its size or VL_E_NOSPACE. */
int64_t inspect_failed_node(void *buffer, size_t room, enum inspect_error error, const char *text);

#endif
