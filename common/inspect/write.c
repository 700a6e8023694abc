/*
 * Writes inspect trees (inspect.h). The walk is the caller's and trusted; the
 * request is a client's: its path is compared, its depth counted, no more.
 */
#include "common/inspect/inspect.h"
#include "common/base/err.h"
#include "common/protobuf/protobuf.h"

#include <string.h>

enum { NODE_UNEVALUATED = 1, NODE_FAILED, NODE_VALUE, NODE_DIR };
enum { ENTRY_NAME = 1, ENTRY_NODE, ENTRY_LEVEL };
enum { VALUE_KIND = 1, VALUE_FLAGS };
enum { KIND_SIGNED = 1, KIND_UNSIGNED, KIND_BOOL = 5, KIND_STRING, KIND_BYTES };
#define FIELD 1 /* of every wrapper message */

/* The marks suffice for INSPECT_DEPTH_MAX folders (three each) and what stands in the last. */
static void open_message(struct inspect *i, uint32_t number)
{
	i->mark[i->mark_count++] = pb_open(&i->w, number);
}

static void close_message(struct inspect *i)
{
	pb_close(&i->w, i->mark[--i->mark_count]);
}

static void empty_message(struct inspect *i, uint32_t number)
{
	pb_put_bytes(&i->w, number, NULL, 0);
}

/* --- The path ------------------------------------------------------------------- */

/* The `index`-th name of the path, or NULL; its length in *size. */
static const char *component(const char *path, unsigned index, size_t *size)
{
	for (;;) {
		path += strspn(path, "/");
		*size = strcspn(path, "/");
		if (*size == 0)
			return NULL;
		if (index-- == 0)
			return path;
		path += *size;
	}
}

/* `name` is what the path names next. */
static bool is_next(const struct inspect *i, const char *name)
{
	size_t size;
	const char *c = component(i->request.path, i->on_path, &size);

	return c && strlen(name) == size && memcmp(c, name, size) == 0;
}

/* What an entry of that name is to the request. */
enum want { SKIP, ON_PATH, RESULT, ENTRY };

static enum want want(const struct inspect *i, const char *name, enum inspect_level level)
{
	size_t size;

	if (i->done || level > i->request.level || i->w.err)
		return SKIP;
	if (i->found)
		return ENTRY;
	if (!is_next(i, name))
		return SKIP;
	return component(i->request.path, i->on_path + 1, &size) ? ON_PATH : RESULT;
}

/* --- Entries --------------------------------------------------------------------- */

/* After this the Node's fields stand right here. */
static void begin_node(struct inspect *i, enum want wanted, const char *name)
{
	if (wanted != ENTRY) {
		i->found = true;
		return;
	}
	open_message(i, FIELD);
	if (*name)
		pb_put_string(&i->w, ENTRY_NAME, name);
	open_message(i, ENTRY_NODE);
}

static void end_node(struct inspect *i, enum want wanted, enum inspect_level level)
{
	if (wanted != ENTRY) {
		i->done = true;
		return;
	}
	close_message(i);
	open_message(i, ENTRY_LEVEL);
	empty_message(i, level);
	close_message(i);
	close_message(i);
}

static void put_failed(struct inspect *i, enum inspect_error error, const char *text)
{
	open_message(i, NODE_FAILED);
	open_message(i, FIELD);
	open_message(i, error);
	if (text && *text && (error == INSPECT_CHANNEL || error == INSPECT_UPDATE))
		pb_put_string(&i->w, FIELD, text);
	close_message(i);
	close_message(i);
	close_message(i);
}

void inspect_fail(struct inspect *i, const char *name, enum inspect_level level, enum inspect_error error,
	const char *text)
{
	enum want wanted = want(i, name, level);

	if (wanted == SKIP)
		return;
	begin_node(i, wanted, name);
	put_failed(i, error, text);
	end_node(i, wanted, level);
}

/* Opens a value of `kind`; false when it is not wanted. Its one scalar is written by the caller. */
static bool begin_value(struct inspect *i, enum want wanted, const char *name, unsigned kind)
{
	if (wanted == SKIP)
		return false;
	begin_node(i, wanted, name);
	if (wanted == ON_PATH) {
		put_failed(i, INSPECT_NOT_A_DIRECTORY, NULL);
		end_node(i, wanted, INSPECT_SAFE);
		return false;
	}
	open_message(i, NODE_VALUE);
	open_message(i, FIELD);
	open_message(i, VALUE_KIND);
	open_message(i, kind);
	return true;
}

static void end_value(struct inspect *i, enum want wanted, enum inspect_level level, unsigned flags)
{
	close_message(i);
	close_message(i);
	if (flags) {
		open_message(i, VALUE_FLAGS);
		pb_put_varint(&i->w, FIELD, flags);
		close_message(i);
	}
	close_message(i);
	close_message(i);
	end_node(i, wanted, level);
}

void inspect_u64(struct inspect *i, const char *name, enum inspect_level level, unsigned flags, uint64_t v)
{
	enum want wanted = want(i, name, level);

	if (!begin_value(i, wanted, name, KIND_UNSIGNED))
		return;
	if (v)
		pb_put_varint(&i->w, FIELD, v);
	end_value(i, wanted, level, flags);
}

void inspect_i64(struct inspect *i, const char *name, enum inspect_level level, int64_t v)
{
	enum want wanted = want(i, name, level);

	if (!begin_value(i, wanted, name, KIND_SIGNED))
		return;
	if (v)
		pb_put_sint64(&i->w, FIELD, v);
	end_value(i, wanted, level, INSPECT_PLAIN);
}

void inspect_bool(struct inspect *i, const char *name, enum inspect_level level, bool v)
{
	enum want wanted = want(i, name, level);

	if (!begin_value(i, wanted, name, KIND_BOOL))
		return;
	if (v)
		pb_put_varint(&i->w, FIELD, 1);
	end_value(i, wanted, level, INSPECT_PLAIN);
}

/* `text` as UTF-8 of less than INSPECT_TEXT_MAX bytes. */
static size_t make_text(const char *text, char out[INSPECT_TEXT_MAX])
{
	size_t size = strnlen(text, INSPECT_TEXT_MAX - 1);

	memcpy(out, text, size);
	for (size_t at = 0; !pb_is_text(out, size) && at < size; at++)
		if ((unsigned char)out[at] >= 0x80)
			out[at] = '?';
	return size;
}

void inspect_text(struct inspect *i, const char *name, enum inspect_level level, const char *text)
{
	enum want wanted = want(i, name, level);
	char copy[INSPECT_TEXT_MAX];

	if (!begin_value(i, wanted, name, KIND_STRING))
		return;
	if (*text)
		pb_put_bytes(&i->w, FIELD, copy, make_text(text, copy));
	end_value(i, wanted, level, INSPECT_PLAIN);
}

void inspect_bytes(struct inspect *i, const char *name, enum inspect_level level, const void *data,
	size_t size)
{
	enum want wanted = want(i, name, level);

	if (!begin_value(i, wanted, name, KIND_BYTES))
		return;
	if (size)
		pb_put_bytes(&i->w, FIELD, data, size);
	end_value(i, wanted, level, INSPECT_PLAIN);
}

const char *inspect_update(struct inspect *i, const char *name, enum inspect_level level)
{
	if (!i->request.value || want(i, name, level) != RESULT)
		return NULL;
	i->updated = true;
	return i->request.value;
}

/* --- Folders ----------------------------------------------------------------------- */

static bool too_deep(const struct inspect *i)
{
	return i->below >= i->request.depth || i->folder_count == INSPECT_DEPTH_MAX;
}

static void put_unevaluated(struct inspect *i, const char *name, enum inspect_level level)
{
	begin_node(i, ENTRY, name);
	empty_message(i, NODE_UNEVALUATED);
	end_node(i, ENTRY, level);
}

bool inspect_open(struct inspect *i, const char *name, enum inspect_level level)
{
	enum want wanted = want(i, name, level);

	if (wanted == SKIP || (wanted != ENTRY && i->folder_count == INSPECT_DEPTH_MAX))
		return false;
	if (wanted == ENTRY && too_deep(i)) {
		put_unevaluated(i, name, level);
		return false;
	}
	i->folder[i->folder_count].wanted = (uint8_t)wanted;
	i->folder[i->folder_count++].level = (uint8_t)level;
	if (wanted == ON_PATH) {
		i->on_path++;
		return true;
	}
	begin_node(i, wanted, name);
	open_message(i, NODE_DIR);
	i->below += wanted == ENTRY;
	return true;
}

void inspect_close(struct inspect *i)
{
	enum want wanted = (enum want)i->folder[--i->folder_count].wanted;

	if (wanted == ON_PATH) {
		i->on_path--;
		return;
	}
	i->below -= wanted == ENTRY;
	close_message(i);
	end_node(i, wanted, (enum inspect_level)i->folder[i->folder_count].level);
}

bool inspect_foreign(struct inspect *i, const char *name, enum inspect_level level,
	struct inspect_request *rest)
{
	enum want wanted = want(i, name, level);
	size_t size;

	if (wanted == SKIP)
		return false;
	if (wanted == ENTRY && too_deep(i)) {
		put_unevaluated(i, name, level);
		return false;
	}
	*rest = i->request;
	if (wanted == ON_PATH)
		rest->path = component(i->request.path, i->on_path + 1, &size);
	else
		rest->path = "";
	if (wanted == ENTRY && rest->depth != INSPECT_ALL)
		rest->depth -= i->below + 1;
	i->updated = true; /* or not: that is told by who has it */
	return true;
}

void inspect_graft(struct inspect *i, const char *name, enum inspect_level level, const void *node,
	size_t size)
{
	enum want wanted = want(i, name, level);

	if (wanted == SKIP)
		return;
	begin_node(i, wanted, name);
	vl_write_bytes(&i->w, node, size);
	end_node(i, wanted, level);
}

/* --- The whole ---------------------------------------------------------------------- */

void inspect_begin(struct inspect *i, const struct inspect_request *request, void *buffer, size_t room)
{
	size_t size;

	memset(i, 0, sizeof(*i));
	vl_writer_init(&i->w, buffer, room);
	i->request = *request;
	if (component(request->path, 0, &size))
		return;
	i->found = true;
	open_message(i, NODE_DIR);
}

/* Instead of all that was written. */
static void put_only_failure(struct inspect *i, enum inspect_error error)
{
	i->w.pos = 0;
	i->mark_count = 0;
	put_failed(i, error, NULL);
}

int64_t inspect_end(struct inspect *i)
{
	if (i->w.err)
		return i->w.err;
	if (i->found && !i->done)
		close_message(i); /* the root */
	if (!i->found)
		put_only_failure(i, INSPECT_NOT_FOUND);
	else if (i->request.value && !i->updated)
		put_only_failure(i, INSPECT_IMMUTABLE);
	return i->w.err ? i->w.err : (int64_t)i->w.pos;
}

int64_t inspect_failed_node(void *buffer, size_t room, enum inspect_error error, const char *text)
{
	struct inspect i = { 0 };

	vl_writer_init(&i.w, buffer, room);
	put_failed(&i, error, text);
	return i.w.err ? i.w.err : (int64_t)i.w.pos;
}
