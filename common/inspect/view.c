/*
 * Reads inspect trees (view.h). Called by clients on what a server answered
 * and by the server on what other processes answered: hostile both times.
 */
#include "common/inspect/view.h"
#include "common/base/err.h"
#include "common/protobuf/protobuf.h"

#include <string.h>

enum { ENTRY_NAME = 1, ENTRY_NODE, ENTRY_LEVEL };
enum { VALUE_KIND = 1, VALUE_FLAGS };
#define FIELD 1

/*
 * The one variant of a "oneof" message: the last that is given, a number of
 * 1 to `most`; unknown ones are passed over. VL_E_MISSING when there is none.
 */
static int variant(struct vl_reader *r, uint32_t most, struct pb_field *out)
{
	struct pb_field f;

	*out = (struct pb_field){ 0 };
	while (pb_next(r, &f))
		if (f.number <= most && f.type == PB_BYTES)
			*out = f;
	return r->err ? r->err : out->number ? 0 : VL_E_MISSING;
}

static void over(struct vl_reader *r, const struct pb_field *f)
{
	vl_reader_init(r, f->bytes, f->size);
}

/* The bytes of field 1 of the message in `f`, empty when it is left out. */
static int wrapped(const struct pb_field *f, struct pb_field *out)
{
	struct vl_reader r;
	struct pb_field g;

	*out = (struct pb_field){ .number = FIELD, .type = PB_BYTES };
	over(&r, f);
	while (pb_next(&r, &g))
		if (g.number == FIELD)
			*out = g;
	return r.err;
}

static int text_of(const struct pb_field *f, const uint8_t **text, size_t *size)
{
	if (f->type != PB_BYTES)
		return VL_E_TYPE;
	*text = f->bytes;
	*size = f->size;
	return pb_is_text(f->bytes, f->size) ? 0 : VL_E_FORMAT;
}

/* --- Values --------------------------------------------------------------------- */

static enum pb_type scalar_type(enum inspect_type type)
{
	switch (type) {
	case INSPECT_FLOAT:
		return PB_FIXED32;
	case INSPECT_DOUBLE:
		return PB_FIXED64;
	case INSPECT_STRING:
	case INSPECT_BYTES:
		return PB_BYTES;
	default:
		return PB_VARINT;
	}
}

static int kind_read(const struct pb_field *kind, struct inspect_value *v)
{
	struct vl_reader r, scalar = { 0 };
	struct pb_field f, g;
	int err;

	over(&r, kind);
	err = variant(&r, INSPECT_BYTES, &f);
	if (!err)
		err = wrapped(&f, &g);
	if (err)
		return err;
	v->type = (enum inspect_type)f.number;
	if (g.type != scalar_type(v->type) && (g.bytes || g.size || g.type != PB_BYTES))
		return VL_E_TYPE;
	switch (v->type) {
	case INSPECT_SIGNED:
		v->i64 = g.type == PB_VARINT ? pb_sint64(&scalar, &g) : 0;
		return 0;
	case INSPECT_STRING:
		return text_of(&g, &v->bytes, &v->size);
	case INSPECT_BYTES:
		v->bytes = g.bytes;
		v->size = g.size;
		return 0;
	default:
		v->u64 = v->type == INSPECT_BOOL ? g.value != 0 : g.value;
		return 0;
	}
}

static int flags_read(const struct pb_field *flags, uint64_t *out)
{
	struct pb_field f;
	int err = wrapped(flags, &f);

	if (err)
		return err;
	if (f.type != PB_VARINT && f.size)
		return VL_E_TYPE;
	*out = f.type == PB_VARINT ? f.value : 0;
	return 0;
}

int inspect_value_read(const void *data, size_t size, struct inspect_value *v)
{
	struct vl_reader r;
	struct pb_field f;
	int err = VL_E_MISSING;

	memset(v, 0, sizeof(*v));
	vl_reader_init(&r, data, size);
	while (pb_next(&r, &f)) {
		if (f.type != PB_BYTES || (f.number != VALUE_KIND && f.number != VALUE_FLAGS))
			continue;
		if (f.number == VALUE_KIND)
			err = kind_read(&f, v);
		else
			vl_reader_fail(&r, flags_read(&f, &v->flags));
		if (err && err != VL_E_MISSING)
			return err;
	}
	return r.err ? r.err : err;
}

/* --- Nodes ---------------------------------------------------------------------- */

static int failure_read(const struct pb_field *f, struct inspect_node *n)
{
	struct vl_reader r;
	struct pb_field error, text;
	int err = wrapped(f, &error);

	if (err)
		return err;
	if (error.type != PB_BYTES)
		return VL_E_TYPE;
	over(&r, &error);
	err = variant(&r, INSPECT_INTERNAL, &error);
	if (!err)
		err = wrapped(&error, &text);
	n->error = (enum inspect_error)error.number;
	return err ? err : text_of(&text, &n->text, &n->text_size);
}

int inspect_node_read(const void *data, size_t size, struct inspect_node *n)
{
	struct vl_reader r;
	struct pb_field f, inner;
	int err;

	memset(n, 0, sizeof(*n));
	vl_reader_init(&r, data, size);
	err = variant(&r, INSPECT_NODE_DIR, &f);
	n->kind = (enum inspect_kind)f.number;
	if (err)
		return err;
	switch (n->kind) {
	case INSPECT_NODE_FAILED:
		return failure_read(&f, n);
	case INSPECT_NODE_VALUE:
		err = wrapped(&f, &inner);
		return err ? err : inner.type != PB_BYTES ? VL_E_TYPE :
			inspect_value_read(inner.bytes, inner.size, &n->value);
	case INSPECT_NODE_DIR:
		over(&n->entries, &f);
		return 0;
	default:
		return 0;
	}
}

static void entry_field(struct vl_reader *r, const struct pb_field *f, struct inspect_entry *e,
	bool *have_node)
{
	struct vl_reader inner = pb_message(r, f);
	struct pb_field level;

	switch (f->number) {
	case ENTRY_NAME:
		vl_reader_fail(r, r->err ? r->err : text_of(f, &e->name, &e->name_size));
		break;
	case ENTRY_NODE:
		vl_reader_fail(r, inspect_node_read(inner.data, inner.size, &e->node));
		*have_node = true;
		break;
	case ENTRY_LEVEL:
		vl_reader_fail(r, variant(&inner, INSPECT_SENSITIVE, &level));
		e->level = (enum inspect_level)level.number;
		break;
	}
}

static int entry_read(const struct pb_field *entry, struct inspect_entry *e)
{
	struct vl_reader r;
	struct pb_field f;
	bool have_node = false;

	over(&r, entry);
	while (pb_next(&r, &f))
		if (f.number <= ENTRY_LEVEL)
			entry_field(&r, &f, e, &have_node);
	return r.err ? r.err : have_node ? 0 : VL_E_MISSING;
}

bool inspect_next(struct vl_reader *entries, struct inspect_entry *e)
{
	struct pb_field f;

	memset(e, 0, sizeof(*e));
	while (pb_next(entries, &f)) {
		if (f.number != FIELD)
			continue;
		if (f.type != PB_BYTES) {
			vl_reader_fail(entries, VL_E_TYPE);
			return false;
		}
		vl_reader_fail(entries, entry_read(&f, e));
		return !entries->err;
	}
	return false;
}

static int name_check(const struct inspect_entry *e)
{
	if (e->name_size == 0 || memchr(e->name, '/', e->name_size))
		return VL_E_FORMAT;
	return e->name_size < INSPECT_NAME_MAX ? 0 : VL_E_LIMIT;
}

/* Bounded recursion: `left` folders may follow in each other. */
static int check(struct inspect_node *n, enum inspect_level level, unsigned left)
{
	struct inspect_entry e;
	int err;

	if (n->kind != INSPECT_NODE_DIR)
		return 0;
	if (left == 0)
		return VL_E_LIMIT;
	while (inspect_next(&n->entries, &e)) {
		if (e.level == 0 || e.level > level)
			return VL_E_DENIED;
		err = name_check(&e);
		if (!err)
			err = check(&e.node, level, left - 1);
		if (err)
			return err;
	}
	return n->entries.err;
}

int inspect_check(const void *node, size_t size, enum inspect_level level)
{
	struct inspect_node n;
	int err = inspect_node_read(node, size, &n);

	return err ? err : check(&n, level, INSPECT_DEPTH_MAX + 1);
}
